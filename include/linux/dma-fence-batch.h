/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signalling many fences under a lock, and delivering when it is gone
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef __LINUX_DMA_FENCE_BATCH_H
#define __LINUX_DMA_FENCE_BATCH_H

#include <linux/dma-fence.h>
#include <linux/list.h>

/**
 * struct dma_fence_batch - fences that have signalled and owe callbacks
 *
 * Made by DEFINE_DMA_FENCE_BATCH() on the stack or by dma_fence_batch_init()
 * elsewhere. For one context at a time; what keeps two of them apart is up to
 * the owner. All members are private to the core.
 */
struct dma_fence_batch {
	/* private: */
	struct list_head list;	/* not an ordinary one, see dma-fence-owed.c */
	unsigned int shard;	/* whose lock protects @list */
	bool filled;		/* @list has held something: others may be at it */
	bool undelivered;	/* a fence has signalled */
#ifdef CONFIG_LOCKDEP
	bool signalling;	/* the signalling section is ours */
	/* of the fence that signalled last */
	spinlock_t *lock;
#endif
} __aligned(4);	/* tagged like struct dma_fence */

/* private: the tag of a head's prev pointer */
#define DMA_FENCE_BATCH_HEAD	2UL

#define DMA_FENCE_BATCH_INIT(name) {					\
	.list.next = &(name).list,					\
	.list.prev = (struct list_head *)				\
		((char *)&(name).list + DMA_FENCE_BATCH_HEAD),		\
}

/* public: */

/**
 * DEFINE_DMA_FENCE_BATCH - a batch on the stack
 * @name: of the variable
 *
 * When it goes out of scope with fences that were not delivered that is reported,
 * and they are delivered then.
 */
#define DEFINE_DMA_FENCE_BATCH(name)					\
	struct dma_fence_batch name __cleanup(dma_fence_batch_drop) =	\
		DMA_FENCE_BATCH_INIT(name)

/**
 * dma_fence_batch_init - make a batch that is a member of something
 * @batch: the batch, not in use
 */
static inline void dma_fence_batch_init(struct dma_fence_batch *batch)
{
	*batch = (struct dma_fence_batch)DMA_FENCE_BATCH_INIT(*batch);
}

bool dma_fence_batch_signal(struct dma_fence_batch *batch,
			    struct dma_fence *fence);
bool dma_fence_batch_signal_timestamp(struct dma_fence_batch *batch,
				      struct dma_fence *fence,
				      ktime_t timestamp);
bool dma_fence_batch_signal_unlocked(struct dma_fence_batch *batch,
				     struct dma_fence *fence);
void dma_fence_batch_deliver(struct dma_fence_batch *batch);
void __dma_fence_batch_drop(struct dma_fence_batch *batch);

/**
 * dma_fence_batch_drop - check that nothing is undelivered at the end of a batch
 * @batch: a batch whose memory is about to be used for something else
 *
 * DEFINE_DMA_FENCE_BATCH() does this by itself.
 *
 * Context: as for dma_fence_batch_deliver().
 */
static inline void dma_fence_batch_drop(struct dma_fence_batch *batch)
{
	if (unlikely(batch->undelivered))
		__dma_fence_batch_drop(batch);
}

#endif /* __LINUX_DMA_FENCE_BATCH_H */
