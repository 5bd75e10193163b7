/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations shared by the files of the fence core
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef __DMA_FENCE_INTERNAL_H
#define __DMA_FENCE_INTERNAL_H

#include <linux/dma-fence.h>
#include <linux/dma-fence-batch.h>
#include <linux/dma-fence-cb.h>
#include <linux/dma-fence-core-cb.h>
#include <linux/list.h>
#include <linux/preempt.h>
#include <linux/sched/task.h>
#include <linux/types.h>

#include "dma-fence-debug.h"

/* A batch of the core's own, whose shard is known. */
static inline void __dma_fence_batch_init(struct dma_fence_batch *batch,
					  unsigned int shard)
{
	dma_fence_batch_init(batch);
	batch->shard = shard;
}

bool dma_fence_owed_empty(const struct dma_fence_batch *batch);
void dma_fence_owed_push(struct dma_fence_batch *batch,
			 struct dma_fence *fence, struct list_head *cbs,
			 bool ref);
void dma_fence_owed_append(struct dma_fence_batch *batch,
			   struct dma_fence *fence, struct list_head *cbs,
			   bool ref);
void dma_fence_owed_splice(struct dma_fence_batch *to,
			   struct dma_fence_batch *from);
struct dma_fence *dma_fence_owed_first(const struct list_head *prev);
unsigned int dma_fence_owed_cut(struct list_head *prev, unsigned int max,
				struct list_head *cbs, bool *put);
bool dma_fence_owed_unlink(struct dma_fence *fence, struct list_head *node);

/**
 * struct dma_fence_delivery - one context that delivers, or collects
 * @fence: the fence whose callbacks run now; %NULL while collecting
 * @batch: takes the fences that are signalled meanwhile
 * @cbs: what is left of the current window
 * @link: in the list of windows of the shard
 * @outer: the delivery that this one is nested in
 * @task: who delivers; only used on PREEMPT_RT
 * @next: a container to be claimed when the window is empty, with a reference
 * @direct: the callbacks are in @cbs alone, and there may be a @next
 * @put: a reference on @fence is dropped when the window is empty
 */
struct dma_fence_delivery {
	struct dma_fence *fence;
	struct dma_fence_batch *batch;
	struct list_head cbs;
	struct list_head link;
	struct dma_fence_delivery *outer;
	struct task_struct *task;
	struct dma_fence *next;
	bool direct;
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
void dma_fence_signal_next(struct dma_fence *fence, struct dma_fence *member);
bool __dma_fence_signal_batch(struct dma_fence *fence, ktime_t timestamp,
			      struct dma_fence_batch *batch);
void __dma_fence_deliver_batch(struct dma_fence_batch *batch);
bool __dma_fence_signal_if_done_locked(struct dma_fence *fence,
				       bool (*done)(struct dma_fence *fence));
bool dma_fence_callback_ends_use(struct dma_fence *fence);
bool __dma_fence_add(struct dma_fence *fence, struct dma_fence_cb *cb,
		     dma_fence_func_t func, bool enable, bool front);

bool dma_fence_release_begin(struct dma_fence *fence);

/*
 * Containers, see dma-fence-container.c
 */

struct dma_fence_array;
struct dma_fence_chain;

bool dma_fence_add_member(struct dma_fence *fence, struct dma_fence_cb *cb,
			  dma_fence_func_t func, struct dma_fence **todo);
void dma_fence_enable_member(struct dma_fence *fence, struct dma_fence **todo);
void dma_fence_drop_member(struct dma_fence *fence, struct dma_fence **dead);

bool dma_fence_park(struct dma_fence *fence, struct dma_fence_cb *cb,
		    dma_fence_func_t func);

/*
 * From when a container shows as enabled until its members have its callbacks others
 * who wait for it rely on this context, which had better not be preempted.
 */
static inline void dma_fence_enable_begin(void)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		preempt_disable();
}

static inline void dma_fence_enable_end(void)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		preempt_enable();
}

bool dma_fence_enable_container(struct dma_fence *fence);
void dma_fence_push_container(struct dma_fence *fence, struct dma_fence **todo);
void dma_fence_enable_containers(struct dma_fence **todo);
void dma_fence_release_container(struct dma_fence *fence);

bool dma_fence_array_arm(struct dma_fence_array *array, struct dma_fence **todo);
void dma_fence_array_drop(struct dma_fence *fence, struct dma_fence **dead);
bool dma_fence_chain_arm(struct dma_fence_chain *chain, struct dma_fence **todo);
void dma_fence_chain_drop(struct dma_fence *fence, struct dma_fence **dead);
void dma_fence_proxy_drop(struct dma_fence *fence, struct dma_fence **dead);
void dma_fence_proxy_cancel(struct dma_fence *fence);
void dma_fence_set_member_deadline(struct dma_fence *fence, ktime_t deadline);

void __dma_fence_cb_wake(struct dma_fence *fence, struct dma_fence_cb *cb);
void dma_fence_sleeper_wake(struct dma_fence *fence, struct dma_fence_cb *cb);
void dma_fence_array_func(struct dma_fence *fence, struct dma_fence_cb *cb);
void dma_fence_chain_func(struct dma_fence *fence, struct dma_fence_cb *cb);
void dma_fence_proxy_func(struct dma_fence *fence, struct dma_fence_cb *cb);

/* A callback is not armed, but may be removed all the same: it has no function. */
static inline void dma_fence_cb_refused(struct dma_fence_cb *cb)
{
	INIT_LIST_HEAD(&cb->node);
	cb->func = NULL;
}

/* A callback was taken off its fence: let go of what its kind holds. */
static inline void dma_fence_cb_removed(struct dma_fence_cb *cb)
{
	if (unlikely(cb->func == __dma_fence_cb_wake))
		put_task_struct(container_of(cb, struct dma_fence_cb_wake,
					     base)->task);
}

#ifdef CONFIG_LOCKDEP
bool dma_fence_lockdep_holds(const spinlock_t *lock);
void dma_fence_lockdep_batch_open(struct dma_fence_batch *batch,
				  spinlock_t *lock);
void dma_fence_lockdep_batch_close(struct dma_fence_batch *batch);
bool dma_fence_lockdep_deliver_begin(void);
void dma_fence_lockdep_deliver_end(bool cookie);
void dma_fence_lockdep_call(struct dma_fence *fence, struct dma_fence_cb *cb);
void dma_fence_lockdep_remove(struct dma_fence_cb *cb);
void dma_fence_lockdep_work(struct lockdep_map *map);
#else
static inline bool dma_fence_lockdep_holds(const spinlock_t *lock)
{
	return false;
}

static inline void dma_fence_lockdep_batch_open(struct dma_fence_batch *batch,
						spinlock_t *lock) { }
static inline void dma_fence_lockdep_batch_close(struct dma_fence_batch *batch) { }
static inline bool dma_fence_lockdep_deliver_begin(void)
{
	return true;
}

static inline void dma_fence_lockdep_deliver_end(bool cookie) { }
static __always_inline void dma_fence_lockdep_call(struct dma_fence *fence,
						   struct dma_fence_cb *cb)
{
	cb->func(fence, cb);
}

static inline void dma_fence_lockdep_remove(struct dma_fence_cb *cb) { }
#endif

/*
 * To be called from exported functions, whose callers they name. The first comes
 * before the signal, the second after it.
 */
#if defined(CONFIG_DMA_FENCE_DEBUG) && defined(CONFIG_PROVE_LOCKING)
void dma_fence_debug_deliver(struct dma_fence *fence, unsigned long caller);
void dma_fence_debug_locked(struct dma_fence *fence, unsigned long caller);
unsigned int dma_fence_debug_named(void);
#else
static inline void dma_fence_debug_deliver(struct dma_fence *fence,
					   unsigned long caller) { }
static inline void dma_fence_debug_locked(struct dma_fence *fence,
					  unsigned long caller) { }
static inline unsigned int dma_fence_debug_named(void)
{
	return 0;
}
#endif

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
