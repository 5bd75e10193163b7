// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signalling many fences under a lock, and delivering when it is gone
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

/**
 * DOC: batches of fences
 *
 * An interrupt handler typically walks a list of pending fences under the lock
 * that all of them share, and signals those whose work is done. Callbacks cannot
 * run there. So the walk only collects, and the callbacks are delivered when the
 * lock has been dropped::
 *
 *	DEFINE_DMA_FENCE_BATCH(batch);
 *
 *	spin_lock_irqsave(&ring->lock, flags);
 *	list_for_each_entry_safe(job, next, &ring->pending, link) {
 *		if (!job_is_done(job))
 *			break;
 *		dma_fence_batch_signal(&batch, &job->fence);
 *		list_move_tail(&job->link, &done);
 *	}
 *	spin_unlock_irqrestore(&ring->lock, flags);
 *
 *	dma_fence_batch_deliver(&batch);
 *
 *	list_for_each_entry_safe(job, next, &done, link)
 *		dma_fence_put(&job->fence);
 *
 * A fence shows as signalled as soon as it is in the batch. What it owes is
 * delivered in the order in which the fences were signalled.
 *
 * The batch has a reference of its own on each fence that owes callbacks, for as
 * long as it does. Those that owe none are not kept, so whoever drops a reference
 * under the lock must know that it is not the last one, whose release may want
 * the very same lock: collect them and put them afterwards, as above.
 *
 * Batches may be nested, used in any context, and hold any number of fences. From
 * the first signal to the delivery the code is a signalling section: others wait
 * for these callbacks.
 */

#include <linux/dma-fence-batch.h>
#include <linux/export.h>

#include "dma-fence-internal.h"

static bool batch_signal(struct dma_fence_batch *batch,
			 struct dma_fence *fence, ktime_t timestamp)
{
	/* Once the fence shows as signalled it may be gone. */
	spinlock_t *lock = dma_fence_spinlock(fence);
	bool signaled = __dma_fence_signal_batch(fence, timestamp, batch);

	if (signaled) {
		batch->undelivered = true;
		dma_fence_lockdep_batch_open(batch, lock);
	}
	return signaled;
}

/**
 * dma_fence_batch_signal_timestamp - signal a fence at a given time, collect what
 * it owes
 * @batch: takes the callbacks
 * @fence: a fence that the caller keeps alive until the call
 * @timestamp: CLOCK_MONOTONIC time at which the work was done
 *
 * The fence shows as signalled, with its error, when this returns. The batch keeps
 * it until its callbacks have been delivered. As with
 * dma_fence_signal_timestamp_locked(), a fence with callbacks but without
 * references is left to its release.
 *
 * Context: fence lock held; any, hardirq included. Neither allocates nor sleeps.
 * Return: true when this call has signalled the fence, false when it had signalled
 * before.
 */
bool dma_fence_batch_signal_timestamp(struct dma_fence_batch *batch,
				      struct dma_fence *fence,
				      ktime_t timestamp)
{
	if (WARN_ON_ONCE(!batch || !fence))
		return false;

	dma_fence_assert_held(fence);
	return batch_signal(batch, fence, timestamp);
}
EXPORT_SYMBOL(dma_fence_batch_signal_timestamp);

/**
 * dma_fence_batch_signal - signal a fence now, collect what it owes
 * @batch: takes the callbacks
 * @fence: a fence that the caller keeps alive until the call
 *
 * See dma_fence_batch_signal_timestamp(), which saves reading the clock for every
 * fence.
 *
 * Context: fence lock held; any, hardirq included.
 * Return: true when this call has signalled the fence.
 */
bool dma_fence_batch_signal(struct dma_fence_batch *batch,
			    struct dma_fence *fence)
{
	return dma_fence_batch_signal_timestamp(batch, fence, ktime_get());
}
EXPORT_SYMBOL(dma_fence_batch_signal);

/**
 * dma_fence_batch_signal_unlocked - dma_fence_batch_signal() that takes the lock
 * @batch: takes the callbacks
 * @fence: a fence that the caller keeps alive until the call
 *
 * For callers that hold some other lock, under which callbacks must not run
 * either, such as the lock of a list of jobs.
 *
 * Context: any, the fence lock not held.
 * Return: true when this call has signalled the fence.
 */
bool dma_fence_batch_signal_unlocked(struct dma_fence_batch *batch,
				     struct dma_fence *fence)
{
	unsigned long flags;
	spinlock_t *lock;
	bool signaled;

	if (WARN_ON_ONCE(!batch || !fence))
		return false;

	lock = dma_fence_lock_pending(fence, &flags);
	if (!lock) {
		dma_fence_debug_again(fence);
		return false;
	}

	signaled = batch_signal(batch, fence, ktime_get());
	spin_unlock_irqrestore(lock, flags);
	return signaled;
}
EXPORT_SYMBOL(dma_fence_batch_signal_unlocked);

/**
 * dma_fence_batch_deliver - run the callbacks of all fences in a batch
 * @batch: the batch, empty and ready for use afterwards
 *
 * To be called by the context that has filled @batch, after dropping the locks
 * under which it did so. By the return all callbacks have run, with the exceptions
 * that dma_fence_signal() has: from within a callback, or an operation of a fence,
 * they run when that is through, and on PREEMPT_RT a thread runs them.
 *
 * When interrupts are enabled they are let in between the callbacks.
 *
 * Context: any but NMI, no spinlock held but the one under which the core calls an
 * operation. Does not sleep.
 */
void dma_fence_batch_deliver(struct dma_fence_batch *batch)
{
	if (WARN_ON_ONCE(!batch))
		return;

	dma_fence_lockdep_batch_close(batch);
	batch->undelivered = false;
	if (!batch->filled)
		return;

	dma_fence_debug_deliver(NULL, _RET_IP_);
	__dma_fence_deliver_batch(batch);
}
EXPORT_SYMBOL(dma_fence_batch_deliver);

/**
 * __dma_fence_batch_drop - the part of dma_fence_batch_drop() that is not inline
 * @batch: a batch that was not delivered
 *
 * Nobody is left waiting because of that.
 */
void __dma_fence_batch_drop(struct dma_fence_batch *batch)
{
	WARN_ONCE(1, "dma_fence: a batch went out of scope undelivered\n");
	dma_fence_batch_deliver(batch);
}
EXPORT_SYMBOL(__dma_fence_batch_drop);
