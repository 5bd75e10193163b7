// SPDX-License-Identifier: GPL-2.0-only
/*
 * Removal of fence callbacks, and waiting for them
 *
 * Copyright (C) 2026 the dma-fence rework project
 *
 * A callback of a fence that is not claimed is on the list of the fence, under the
 * lock of the fence. From then on its fate is between the deliverer and the
 * remover, see dma-fence-deliver.c.
 */

#include <linux/export.h>
#include <linux/hrtimer.h>

#include "dma-fence-internal.h"
#include "dma-fence-shard.h"

static bool fence_is_claimed(struct dma_fence *fence)
{
	/* Pairs with the atomic update of the flags in dma_fence_claim(). */
	return test_bit_acquire(DMA_FENCE_FLAG_CLAIMED_BIT, &fence->flags);
}

/*
 * Is this context running callbacks of @fence? It may be in the middle of
 * several deliveries. Shard lock held.
 */
static bool delivering_here(struct dma_fence_shard *shard,
			    struct dma_fence *fence)
{
	struct dma_fence_delivery *d;

	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		d = find_window(shard, fence);
		return d && d->task == current;
	}

	for (d = this_delivery(); d; d = d->outer)
		if (d->fence == fence)
			return true;
	return false;
}

#ifdef CONFIG_PREEMPT_RT
/* Block until the window that the caller has found is over. Drops the lock. */
static void wait_window(struct dma_fence_shard *shard, struct dma_fence *fence,
			unsigned long flags)
{
	shard->waiters++;
	raw_spin_unlock_irqrestore(&shard->lock, flags);

	/*
	 * The caller may hold a lock that callbacks of another fence take. To
	 * lockdep those run under the same lock; run_deferred() sees to it that
	 * no remover is left when they begin. Hence a class of its own, inside
	 * which nothing is locked.
	 */
	spin_lock_nested(&shard->expiry, SINGLE_DEPTH_NESTING);
	spin_unlock(&shard->expiry);

	raw_spin_lock_irqsave(&shard->lock, flags);
	WRITE_ONCE(shard->waiters, shard->waiters - 1);
	raw_spin_unlock_irqrestore(&shard->lock, flags);
	rcuwait_wake_up(&shard->waiters_gone);
}
#else
/*
 * The deliverer is on another CPU and cannot be preempted. Drops the lock, which
 * the deliverer needs to withdraw its window.
 */
static void wait_window(struct dma_fence_shard *shard, struct dma_fence *fence,
			unsigned long flags)
{
	/* The lock keeps windows from going, but not @running. */
	bool window = find_window(shard, fence);
	unsigned int seen = shard->withdrawn;

	raw_spin_unlock_irqrestore(&shard->lock, flags);

	while (window ? READ_ONCE(shard->withdrawn) == seen :
			READ_ONCE(shard->running) == fence)
		cpu_relax();
}
#endif

/*
 * Has a callback of a claimed fence run to its end? May say no although it has.
 *
 * The order matters: who unlinks the node has said before that it is running.
 */
static bool delivered_for_sure(struct dma_fence_shard *shard,
			       struct dma_fence *fence, struct dma_fence_cb *cb)
{
	/*
	 * Pairs with smp_wmb() in window_publish(). For the first window it is
	 * enough that the caller has seen CLAIMED.
	 */
	if (smp_load_acquire(&cb->node.next) != &cb->node)
		return false;
	/* Pairs with shard_set_running(). */
	if (smp_load_acquire(&shard->running) == fence)
		return false;
	/* Pairs with window_withdraw(). */
	return smp_load_acquire(&shard->nr_windows) == 0;
}

/* Take the shard lock at a time when no other CPU runs callbacks of @fence. */
static unsigned long lock_settled(struct dma_fence_shard *shard,
				  struct dma_fence *fence)
	__acquires(&shard->lock)
{
	unsigned long flags;

	for (;;) {
		raw_spin_lock_irqsave(&shard->lock, flags);
		if (!delivering(shard, fence) || delivering_here(shard, fence))
			return flags;
		wait_window(shard, fence, flags);
	}
}

static noinline bool settle_slow(struct dma_fence_shard *shard,
				 struct dma_fence *fence,
				 struct dma_fence_cb *cb)
{
	bool removed, put = false;
	unsigned long flags;

	flags = lock_settled(shard, fence);
	removed = !list_empty(&cb->node);
	if (removed)
		put = dma_fence_owed_unlink(fence, &cb->node);
	raw_spin_unlock_irqrestore(&shard->lock, flags);

	if (removed) {
		dma_fence_debug_called(fence, cb);
		dma_fence_cb_removed(cb);
	}
	if (put)
		dma_fence_put(fence);
	return removed;
}

/*
 * Decide between removed and delivered for a callback of a claimed fence. Waits
 * as long as another CPU runs callbacks of this fence, and for nothing else.
 */
static bool settle(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dma_fence_shard *shard = shard_of_fence(fence);

	if (likely(delivered_for_sure(shard, fence, cb)))
		return false;
	return settle_slow(shard, fence, cb);
}

/* Is this context running callbacks of @fence, claimed or not? For lockdep. */
static bool may_settle_at_once(struct dma_fence *fence)
{
	struct dma_fence_shard *shard;
	unsigned long flags;
	bool here;

	if (!fence_is_claimed(fence))
		return false;

	shard = shard_of_fence(fence);
	raw_spin_lock_irqsave(&shard->lock, flags);
	here = delivering_here(shard, fence);
	raw_spin_unlock_irqrestore(&shard->lock, flags);
	return here;
}

/* Have lockdep know that the caller waits for the callback, whether it must or not. */
static void might_settle(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	if (IS_ENABLED(CONFIG_LOCKDEP) && !may_settle_at_once(fence))
		dma_fence_lockdep_remove(cb);
}

/*
 * dma_fence_callback_ends_use - is the running callback the last that the core
 * has to do with its fence, as far as the callback's owner is concerned?
 *
 * For callbacks of @fence. When the answer is no, a reference is dropped after
 * the last callback, and an owner of the fence who does not go by references has
 * to settle the callback before he lets go of the memory.
 */
bool dma_fence_callback_ends_use(struct dma_fence *fence)
{
	struct dma_fence_delivery *d;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return false;

	d = this_delivery();
	/* A driver that signals by itself calls callbacks by itself. */
	if (!d || d->fence != fence)
		return false;
	return !d->put || !list_empty(&d->cbs);
}

/* Fence lock held. */
static bool unlink_unclaimed(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	bool queued = !list_empty(&cb->node);

	if (queued) {
		list_del_init(&cb->node);
		dma_fence_debug_called(fence, cb);
		dma_fence_cb_removed(cb);
	} else {
		dma_fence_debug_unlinked(fence, cb);
	}
	return queued;
}

/* Not inline, for the sake of callbacks that were delivered, which need no stack. */
static noinline bool remove_unclaimed(struct dma_fence *fence,
				      struct dma_fence_cb *cb)
{
	unsigned long flags;
	spinlock_t *lock = dma_fence_lock_unclaimed(fence, &flags);
	bool removed;

	if (!lock)
		return settle(fence, cb);

	removed = unlink_unclaimed(fence, cb);
	spin_unlock_irqrestore(lock, flags);
	return removed;
}

/**
 * dma_fence_remove_callback_locked - dma_fence_remove_callback() under the lock
 * @fence: the fence that @cb was added to
 * @cb: the callback
 *
 * For moving a callback from one fence to another with the locks of both held.
 * May have to wait for callbacks of @fence that another CPU is running; they
 * must not take a lock that the caller holds.
 *
 * Context: fence lock held; as for dma_fence_remove_callback() otherwise.
 * Return: true when @cb was removed and will not run, false when it has run or
 * was never added. Either way it is not on @fence any more.
 */
bool dma_fence_remove_callback_locked(struct dma_fence *fence,
				      struct dma_fence_cb *cb)
{
	dma_fence_assert_held(fence);

	if (!fence_is_claimed(fence))
		return unlink_unclaimed(fence, cb);

	might_settle(fence, cb);
	return settle(fence, cb);
}
EXPORT_SYMBOL(dma_fence_remove_callback_locked);

/**
 * dma_fence_remove_callback - take a callback off a fence, settling its fate
 * @fence: the fence that @cb was added to, with a reference held
 * @cb: the callback; must have been given to dma_fence_add_callback() before
 *
 * Afterwards the core does not touch @cb again, so the caller may free it, leave
 * the stack frame that it is in, or arm it anew. With true it will not run. With
 * false it has run to its end, and all that it wrote is visible to the caller;
 * or it was never armed. True does not mean that @fence has not signalled: it may
 * have been about to call @cb. Who wants to know looks at the flag after this.
 *
 * Waits only while another CPU is running callbacks of this very fence. So the
 * caller must not hold a lock which a callback of @fence takes, and two callbacks
 * must not remove callbacks of each other's fence. Called from inside a callback
 * of @fence it does not wait: for the running callback itself it returns false at
 * once, a sibling that has not run is removed.
 *
 * Context: any in which the fence lock may be taken, hardirq included. Does not
 * sleep; on PREEMPT_RT it blocks like a spinlock, on the deliverer's priority.
 * Return: true when @cb was removed, false when it has run or was never added.
 */
bool dma_fence_remove_callback(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	might_settle(fence, cb);

	return likely(fence_is_claimed(fence)) ? settle(fence, cb) :
						 remove_unclaimed(fence, cb);
}
EXPORT_SYMBOL(dma_fence_remove_callback);

#ifdef CONFIG_PREEMPT_RT
static void flush_claimed(struct dma_fence *fence)
{
	struct dma_fence_shard *shard = shard_of_fence(fence);
	ktime_t pause = 20 * NSEC_PER_USEC;
	unsigned long flags;
	bool owed;

	might_sleep();
	for (;;) {
		raw_spin_lock_irqsave(&shard->lock, flags);
		owed = fence->batch_prev || delivering(shard, fence);
		owed = owed && !delivering_here(shard, fence);
		raw_spin_unlock_irqrestore(&shard->lock, flags);
		if (!owed)
			return;
		set_current_state(TASK_UNINTERRUPTIBLE);
		schedule_hrtimeout(&pause, HRTIMER_MODE_REL);
	}
}
#else
static void flush_claimed(struct dma_fence *fence)
{
	struct dma_fence_shard *shard = shard_of_fence(fence);
	unsigned long flags;

	for (;;) {
		flags = lock_settled(shard, fence);
		if (!fence->batch_prev || delivering_here(shard, fence))
			break;
		/* Nobody is at it: it need not wait for whoever will be. */
		dma_fence_run_owed(shard, fence, flags);
	}
	raw_spin_unlock_irqrestore(&shard->lock, flags);
}
#endif

/**
 * dma_fence_flush_callbacks - see to it that a signalled fence owes no callback
 * @fence: a fence that the caller keeps alive
 *
 * A fence shows as signalled before its callbacks have run. Code that acts on
 * the one and relies on the other calls this in between. Owed callbacks that
 * nobody is running yet are run by the caller, so there is nothing to wait for
 * but callbacks of @fence that another CPU is in the middle of.
 *
 * Does nothing for a fence that has not signalled, nor inside one of the
 * callbacks of @fence. The caller must not hold a lock that callbacks of @fence
 * take.
 *
 * Context: any in which the fence lock may be taken. On PREEMPT_RT it sleeps, and
 * must not be called from callbacks at all.
 */
void dma_fence_flush_callbacks(struct dma_fence *fence)
{
	unsigned long flags;
	spinlock_t *lock;

	if (!dma_fence_test_signaled_flag(fence))
		return;

	/* A driver that signals by itself does so under the lock. */
	lock = dma_fence_lock_unclaimed(fence, &flags);
	if (lock)
		spin_unlock_irqrestore(lock, flags);
	else
		flush_claimed(fence);
}
EXPORT_SYMBOL(dma_fence_flush_callbacks);
