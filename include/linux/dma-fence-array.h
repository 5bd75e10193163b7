/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fence that signals when all of a set of fences have
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef __LINUX_DMA_FENCE_ARRAY_H
#define __LINUX_DMA_FENCE_ARRAY_H

#include <linux/atomic.h>
#include <linux/dma-fence.h>

struct dma_fence_array;

/**
 * struct dma_fence_array_cb - an array's callback on one of its members
 * @cb: the callback
 * @array: the array
 */
struct dma_fence_array_cb {
	struct dma_fence_cb cb;
	struct dma_fence_array *array;
};

/**
 * struct dma_fence_array - a fence that stands for a set of fences
 * @base: the fence
 * @num_fences: how many members it has
 * @num_pending: how many of them have not been seen to signal, once signalling
 *	was enabled
 * @error: what becomes the error of @base: the first one of a member
 * @fences: the members, each with a reference; freed with the array
 * @next: link in a list of containers, before @callbacks are armed
 * @callbacks: one on each member
 *
 * Only @base, @num_fences and @fences are for others to look at.
 */
struct dma_fence_array {
	struct dma_fence base;
	unsigned int num_fences;
	atomic_t num_pending;
	int error;
	struct dma_fence **fences;
	struct dma_fence *next;
	struct dma_fence_array_cb callbacks[] __counted_by(num_fences);
};

/**
 * to_dma_fence_array - the array that a fence is
 * @fence: any fence, or %NULL
 *
 * Return: the array, or %NULL for everything else.
 */
static inline struct dma_fence_array *
to_dma_fence_array(struct dma_fence *fence)
{
	if (fence && dma_fence_is_array(fence))
		return container_of(fence, struct dma_fence_array, base);
	return NULL;
}

/**
 * dma_fence_array_for_each - go through the members of an array
 * @fence: the current member
 * @index: its number
 * @head: the array, or another fence, which is gone through as its only member
 *
 * No references are taken, those of @head do. dma_fence_unwrap_for_each() looks into
 * chains as well.
 */
#define dma_fence_array_for_each(fence, index, head)			\
	for (index = 0, fence = dma_fence_array_first(head); fence;	\
	     fence = dma_fence_array_next(head, ++(index)))

struct dma_fence_array *dma_fence_array_alloc(int num_fences);
void dma_fence_array_init(struct dma_fence_array *array, int num_fences,
			  struct dma_fence **fences, u64 context,
			  unsigned int seqno);
struct dma_fence_array *dma_fence_array_create(int num_fences,
					       struct dma_fence **fences,
					       u64 context, unsigned int seqno);
bool dma_fence_match_context(struct dma_fence *fence, u64 context);
struct dma_fence *dma_fence_array_first(struct dma_fence *head);
struct dma_fence *dma_fence_array_next(struct dma_fence *head,
				       unsigned int index);

#endif /* __LINUX_DMA_FENCE_ARRAY_H */
