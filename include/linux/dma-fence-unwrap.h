/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looking into containers of fences
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef __LINUX_DMA_FENCE_UNWRAP_H
#define __LINUX_DMA_FENCE_UNWRAP_H

#include <linux/array_size.h>

struct dma_fence;

/**
 * struct dma_fence_unwrap - a position inside containers
 * @chain: the current link of a chain, or what there is instead; with a reference
 * @array: the array which that holds, or what there is instead
 * @index: the current member of @array
 */
struct dma_fence_unwrap {
	struct dma_fence *chain;
	struct dma_fence *array;
	unsigned int index;
};

struct dma_fence *dma_fence_unwrap_first(struct dma_fence *head,
					 struct dma_fence_unwrap *cursor);
struct dma_fence *dma_fence_unwrap_next(struct dma_fence_unwrap *cursor);

/**
 * dma_fence_unwrap_for_each - go through the fences that containers stand for
 * @fence: the current fence
 * @cursor: a &struct dma_fence_unwrap that keeps the position
 * @head: a container, or any other fence, which then is the only one
 *
 * Chains are gone through link by link, and arrays in them, or alone, member by
 * member. There is no reference on @fence, the containers have them. Who leaves the
 * loop early drops the one on &dma_fence_unwrap.chain.
 */
#define dma_fence_unwrap_for_each(fence, cursor, head)			\
	for (fence = dma_fence_unwrap_first(head, cursor); fence;	\
	     fence = dma_fence_unwrap_next(cursor))

struct dma_fence *__dma_fence_unwrap_merge(unsigned int num_fences,
					   struct dma_fence **fences,
					   struct dma_fence_unwrap *cursors);
int dma_fence_dedup_array(struct dma_fence **array, int num_fences);

/**
 * dma_fence_unwrap_merge - one fence for all that the arguments stand for
 *
 * The arguments are fences of any kind. What they contain and has not signalled is
 * merged: of several fences of one timeline only the latest counts. The result is
 *
 * * an array when more than one is left;
 *
 * * that fence, if it is only one;
 *
 * * a new fence that has signalled, at the latest time of all those in the arguments,
 *   when none is.
 *
 * The references of the caller on the arguments stay his. A macro, because what it
 * needs lies on his stack.
 *
 * Context: process context, may sleep.
 * Return: a fence with a reference, or %NULL when there is no memory.
 */
#define dma_fence_unwrap_merge(...)					\
({									\
	struct dma_fence *__f[] = { __VA_ARGS__ };			\
	struct dma_fence_unwrap __c[ARRAY_SIZE(__f)];			\
									\
	__dma_fence_unwrap_merge(ARRAY_SIZE(__f), __f, __c);		\
})

#endif /* __LINUX_DMA_FENCE_UNWRAP_H */
