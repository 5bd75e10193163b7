/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What those who deliver callbacks and those who remove them share
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef __DMA_FENCE_SHARD_H
#define __DMA_FENCE_SHARD_H

#include <linux/irq_work.h>
#include <linux/percpu.h>
#include <linux/rcuwait.h>
#include <linux/sched.h>

#include "dma-fence-internal.h"

#define DMA_FENCE_SHARD_SHIFT	48

/**
 * struct dma_fence_shard - what a remover and a deliverer share
 * @running: fence that this CPU claimed and whose first window it runs now.
 *	Written by this CPU alone, with interrupts disabled.
 * @delivery: the innermost delivery on this CPU, for this CPU alone. Interrupts
 *	are disabled while it is set.
 * @cpu: the number of the CPU, and of the shard
 * @nr_windows: number of entries of @windows, for removers without the lock
 * @withdrawn: how many there have been, for removers that wait for the next
 * @lock: protects the rest, and all batches of this shard
 * @windows: deliveries that are running callbacks of a batch of this shard
 * @deferred: callbacks claimed under a lock that their caller still held
 * @threaded: somebody did so with interrupts enabled and may hold the lock yet,
 *	so only the thread may deliver @deferred. For this CPU alone, with
 *	interrupts disabled.
 * @irq_work: delivers @deferred once interrupts are enabled
 * @expiry: held by the thread during a window, so that a remover blocks on it and
 *	lends its priority; PREEMPT_RT only
 * @waiters: removers on their way through @expiry
 * @waiters_gone: where the thread waits until there are none
 */
struct dma_fence_shard {
	struct dma_fence *running;
	struct dma_fence_delivery *delivery;
	unsigned int cpu;
	unsigned int nr_windows;
	unsigned int withdrawn;
	raw_spinlock_t lock;
	struct list_head windows;
	struct dma_fence_batch deferred;
	bool threaded;
	struct irq_work irq_work;
#ifdef CONFIG_PREEMPT_RT
	spinlock_t expiry;	/* protects nothing, see above */
	unsigned int waiters;
	struct rcuwait waiters_gone;
#endif
};

DECLARE_PER_CPU_SHARED_ALIGNED(struct dma_fence_shard, dma_fence_shards);

/* Interrupts disabled. */
static inline struct dma_fence_delivery *this_delivery(void)
{
	return __this_cpu_read(dma_fence_shards.delivery);
}

static inline struct dma_fence_shard *
shard_of_batch(const struct dma_fence_batch *batch)
{
	return per_cpu_ptr(&dma_fence_shards, batch->shard);
}

/* Only valid once the caller has seen CLAIMED. */
static inline struct dma_fence_shard *
shard_of_fence(const struct dma_fence *fence)
{
#ifdef CONFIG_64BIT
	unsigned int shard = READ_ONCE(fence->flags) >> DMA_FENCE_SHARD_SHIFT;
#else
	unsigned int shard = fence->shard;
#endif
	return per_cpu_ptr(&dma_fence_shards, shard);
}

/* The window that runs callbacks of @fence. Shard lock held. */
static inline struct dma_fence_delivery *
find_window(struct dma_fence_shard *shard, struct dma_fence *fence)
{
	struct dma_fence_delivery *d;

	list_for_each_entry(d, &shard->windows, link)
		if (d->fence == fence)
			return d;
	return NULL;
}

/* Does anybody run callbacks of @fence? Shard lock held. */
static inline bool delivering(struct dma_fence_shard *shard,
			      struct dma_fence *fence)
{
	/* Pairs with the stores of shard_set_running(). */
	return smp_load_acquire(&shard->running) == fence ||
	       find_window(shard, fence);
}

void dma_fence_run_owed(struct dma_fence_shard *shard, struct dma_fence *fence,
			unsigned long flags);

#endif /* __DMA_FENCE_SHARD_H */
