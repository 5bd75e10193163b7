/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fences in a row, each of which signals after the ones before it
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef __LINUX_DMA_FENCE_CHAIN_H
#define __LINUX_DMA_FENCE_CHAIN_H

#include <linux/dma-fence.h>
#include <linux/slab.h>

/**
 * struct dma_fence_chain - a link of a chain
 * @base: the fence, which signals when @fence and everything before has
 * @prev: the link before, or any fence, or %NULL; those that have signalled are taken
 *	out when somebody walks along
 * @prev_seqno: sequence number of what @prev was at first, zero when that belongs to
 *	another timeline
 * @fence: the fence that the link holds, its member
 * @cb: the callback, on the fence that the link waits for at present
 * @next: link in a list of containers, before @cb is armed
 */
struct dma_fence_chain {
	struct dma_fence base;
	struct dma_fence __rcu *prev;
	u64 prev_seqno;
	struct dma_fence *fence;
	union {
		struct dma_fence_cb cb;
		struct dma_fence *next;
	};
};

/**
 * to_dma_fence_chain - the link that a fence is
 * @fence: any fence, or %NULL
 *
 * Return: the link, or %NULL for everything else.
 */
static inline struct dma_fence_chain *
to_dma_fence_chain(struct dma_fence *fence)
{
	if (fence && dma_fence_is_chain(fence))
		return container_of(fence, struct dma_fence_chain, base);
	return NULL;
}

/**
 * dma_fence_chain_contained - the fence that a link holds
 * @fence: a link, any other fence, or %NULL
 *
 * Return: the member of the link, without a reference; @fence if it is no link.
 */
static inline struct dma_fence *
dma_fence_chain_contained(struct dma_fence *fence)
{
	struct dma_fence_chain *chain = to_dma_fence_chain(fence);

	return chain ? chain->fence : fence;
}

/**
 * dma_fence_chain_alloc - allocate memory for a link
 *
 * A macro, so that the memory is accounted to the caller.
 *
 * Return: the memory, or %NULL.
 */
#define dma_fence_chain_alloc()	kmalloc_obj(struct dma_fence_chain)

/**
 * dma_fence_chain_free - free memory that was not used for a link
 * @chain: what dma_fence_chain_alloc() has returned, or %NULL
 *
 * After dma_fence_chain_init() it is a fence, to be dropped by dma_fence_put().
 */
static inline void dma_fence_chain_free(struct dma_fence_chain *chain)
{
	kfree(chain);
}

/**
 * dma_fence_chain_for_each - go along a chain, from the newest link to the oldest
 * @iter: the current link; at the end perhaps a fence that is none
 * @head: where to begin, or %NULL
 *
 * The loop has a reference on @iter, which is to be dropped by who leaves it early.
 * Links that have signalled are taken out, @head excepted.
 */
#define dma_fence_chain_for_each(iter, head)				\
	for (iter = dma_fence_get(head); iter;				\
	     iter = dma_fence_chain_walk(iter))

struct dma_fence *dma_fence_chain_walk(struct dma_fence *fence);
int dma_fence_chain_find_seqno(struct dma_fence **pfence, u64 seqno);
void dma_fence_chain_init(struct dma_fence_chain *chain, struct dma_fence *prev,
			  struct dma_fence *fence, u64 seqno);

#endif /* __LINUX_DMA_FENCE_CHAIN_H */
