/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations shared by the files of the fence core
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef __DMA_FENCE_INTERNAL_H
#define __DMA_FENCE_INTERNAL_H

#include <linux/dma-fence.h>
#include <linux/list.h>

/**
 * struct dma_fence_batch - callbacks that are owed, of any number of fences
 * @list: all of them in the order in which they will run
 * @shard: index of the shard whose lock protects @list
 * @filled: whether @list has ever held anything, so that somebody else may have
 *	been at it
 *
 * Not an ordinary list: see dma-fence-batch.c.
 */
struct dma_fence_batch {
	struct list_head list;
	unsigned int shard;
	bool filled;
} __aligned(4);	/* tagged like struct dma_fence */

#define DMA_FENCE_BATCH_HEAD	2UL	/* tag of the head's prev pointer */

/* Make a batch empty. Inline, since every signal has one. */
static inline void dma_fence_batch_init(struct dma_fence_batch *batch,
					unsigned int shard)
{
	batch->list.next = &batch->list;
	batch->list.prev = (void *)((unsigned long)&batch->list |
				    DMA_FENCE_BATCH_HEAD);
	batch->shard = shard;
	batch->filled = false;
}

bool dma_fence_batch_empty(const struct dma_fence_batch *batch);
void dma_fence_batch_push(struct dma_fence_batch *batch,
			  struct dma_fence *fence, struct list_head *cbs);
void dma_fence_batch_append(struct dma_fence_batch *batch,
			    struct dma_fence *fence, struct list_head *cbs,
			    bool ref);
struct dma_fence *dma_fence_batch_first(const struct list_head *prev);
void dma_fence_batch_cut(struct list_head *prev, unsigned int max,
			 struct list_head *cbs, bool *put);
bool dma_fence_batch_unlink(struct dma_fence *fence, struct list_head *node);

/**
 * struct dma_fence_delivery - one context that delivers, or collects
 * @fence: the fence whose callbacks run now; %NULL while collecting
 * @batch: takes the fences that are signalled meanwhile
 * @cbs: what is left of the current window
 * @link: in the list of windows of the shard
 * @outer: the delivery that this one is nested in
 * @task: who delivers; only used on PREEMPT_RT
 * @put: a reference on @fence is dropped when the window is empty
 */
struct dma_fence_delivery {
	struct dma_fence *fence;
	struct dma_fence_batch *batch;
	struct list_head cbs;
	struct list_head link;
	struct dma_fence_delivery *outer;
	struct task_struct *task;
	bool put;
} __aligned(4);	/* @cbs is linked to tagged pointers */

/**
 * struct dma_fence_collector - signals made while a fence lock is held
 * @delivery: what stands on the CPU meanwhile
 * @batch: what was collected
 */
struct dma_fence_collector {
	struct dma_fence_delivery delivery;
	struct dma_fence_batch batch;
};

void dma_fence_collect_begin(struct dma_fence_collector *c);
void dma_fence_collect_end(struct dma_fence_collector *c);
void dma_fence_collect_deliver(struct dma_fence_collector *c,
			       spinlock_t *lock, unsigned long flags);

bool __dma_fence_signal(struct dma_fence *fence, ktime_t timestamp);
bool __dma_fence_signal_locked(struct dma_fence *fence, ktime_t timestamp);
bool __dma_fence_signal_if_done_locked(struct dma_fence *fence,
				       bool (*done)(struct dma_fence *fence));
bool dma_fence_callback_ends_use(struct dma_fence *fence);
bool __dma_fence_add(struct dma_fence *fence, struct dma_fence_cb *cb,
		     dma_fence_func_t func, bool enable, bool front);

/*
 * The fence lock, unless the fence can be seen to have one of the bits that are
 * set when it is claimed: SIGNALED, which a driver may also set by itself, or
 * CLAIMED. Until then the issuer cannot take the lock away. The lock is not to be
 * looked up again for the unlock, after which the fence may be gone.
 */
static __always_inline spinlock_t *
dma_fence_lock_unless(struct dma_fence *fence, int bit, unsigned long *flags)
{
	spinlock_t *lock;

	/* Pairs with the atomic update of the flags in dma_fence_claim(). */
	if (test_bit_acquire(bit, &fence->flags))
		return NULL;

	/*
	 * An RCU read-side section until the lock is held, and has been seen to
	 * be still in use. Disabled interrupts are one, and are needed anyway,
	 * but not where the lock sleeps.
	 */
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		rcu_read_lock();
	else
		local_irq_save(*flags);

	if (unlikely(test_bit_acquire(bit, &fence->flags))) {
		lock = NULL;
	} else {
		lock = dma_fence_spinlock(fence);
		if (IS_ENABLED(CONFIG_PREEMPT_RT))
			spin_lock_irqsave(lock, *flags);
		else
			spin_lock(lock);
		if (unlikely(test_bit(bit, &fence->flags))) {
			spin_unlock(lock);
			lock = NULL;
		}
	}

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		rcu_read_unlock();
	else if (unlikely(!lock))
		local_irq_restore(*flags);
	return lock;
}

static inline spinlock_t *dma_fence_lock_unclaimed(struct dma_fence *fence,
						   unsigned long *flags)
{
	return dma_fence_lock_unless(fence, DMA_FENCE_FLAG_CLAIMED_BIT, flags);
}

static inline spinlock_t *dma_fence_lock_pending(struct dma_fence *fence,
						 unsigned long *flags)
{
	return dma_fence_lock_unless(fence, DMA_FENCE_FLAG_SIGNALED_BIT, flags);
}

#endif /* __DMA_FENCE_INTERNAL_H */
