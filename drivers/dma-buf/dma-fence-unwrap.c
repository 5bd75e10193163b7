// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking into containers of fences, and merging what is in them
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-fence-proxy.h>
#include <linux/dma-fence-unwrap.h>
#include <linux/export.h>
#include <linux/slab.h>
#include <linux/sort.h>

/*
 * What there is in an array: for a proxy what it stands for, unless that is for others
 * to look into.
 */
static struct dma_fence *unwrap_member(struct dma_fence *fence)
{
	struct dma_fence *target = dma_fence_proxy_target(fence);

	if (target && (dma_fence_is_array(target) || dma_fence_is_chain(target)))
		return fence;
	return target;
}

/*
 * Begin with what the link of the chain holds. A proxy that stands for another chain
 * cannot be looked into, for there is no second cursor, and comes out as it is.
 */
static struct dma_fence *unwrap_link(struct dma_fence_unwrap *cursor)
{
	struct dma_fence *fence = dma_fence_chain_contained(cursor->chain);
	struct dma_fence *target = dma_fence_proxy_target(fence);

	cursor->array = target && dma_fence_is_chain(target) ? fence : target;
	cursor->index = 0;
	return unwrap_member(dma_fence_array_first(cursor->array));
}

/**
 * dma_fence_unwrap_first - begin to go through what a fence stands for
 * @head: a container, any other fence, or %NULL
 * @cursor: takes the position, and a reference on @head
 *
 * For dma_fence_unwrap_for_each().
 *
 * Context: any.
 * Return: the first fence, or %NULL.
 */
struct dma_fence *dma_fence_unwrap_first(struct dma_fence *head,
					 struct dma_fence_unwrap *cursor)
{
	cursor->chain = dma_fence_get(dma_fence_proxy_target(head));
	return unwrap_link(cursor);
}
EXPORT_SYMBOL_GPL(dma_fence_unwrap_first);

/**
 * dma_fence_unwrap_next - go on
 * @cursor: the position
 *
 * For dma_fence_unwrap_for_each(). Walks chains as dma_fence_chain_walk() does.
 *
 * Context: any; may drop the last reference on other drivers' fences.
 * Return: the next fence; %NULL when there is none, and the reference has gone.
 */
struct dma_fence *dma_fence_unwrap_next(struct dma_fence_unwrap *cursor)
{
	struct dma_fence *fence;

	fence = dma_fence_array_next(cursor->array, ++cursor->index);
	if (fence)
		return unwrap_member(fence);

	cursor->chain = dma_fence_chain_walk(cursor->chain);
	return unwrap_link(cursor);
}
EXPORT_SYMBOL_GPL(dma_fence_unwrap_next);

/* By timeline, and on each the latest first. */
static int compare_fences(const void *a, const void *b)
{
	struct dma_fence *f1 = *(struct dma_fence **)a;
	struct dma_fence *f2 = *(struct dma_fence **)b;

	if (f1->context != f2->context)
		return f1->context < f2->context ? -1 : 1;
	if (f1->seqno == f2->seqno)
		return 0;
	return dma_fence_is_later(f1, f2) ? -1 : 1;
}

/**
 * dma_fence_dedup_array - keep the latest fence of each timeline
 * @fences: the fences, sorted by timeline on return
 * @num_fences: how many
 *
 * The references on the others are dropped.
 *
 * Context: process context, or where all fences may be released.
 * Return: how many are left, at the beginning of @fences.
 */
int dma_fence_dedup_array(struct dma_fence **fences, int num_fences)
{
	int i, kept = 0;

	sort(fences, num_fences, sizeof(*fences), compare_fences, NULL);

	for (i = 0; i < num_fences; i++) {
		if (kept && fences[i]->context == fences[kept - 1]->context)
			dma_fence_put(fences[i]);
		else
			fences[kept++] = fences[i];
	}
	return kept;
}
EXPORT_SYMBOL_GPL(dma_fence_dedup_array);

/**
 * struct merge - what is known about the fences that are merged
 * @fences: those that have not signalled, with a reference each
 * @room: for how many there is memory
 * @count: how many there are
 * @timestamp: when the latest of the others has signalled
 */
struct merge {
	struct dma_fence **fences;
	unsigned int room;
	unsigned int count;
	ktime_t timestamp;
};

static void merge_fence(struct merge *m, struct dma_fence *fence)
{
	if (dma_fence_is_signaled(fence)) {
		m->timestamp = max(m->timestamp, dma_fence_timestamp(fence));
		return;
	}
	if (m->count < m->room)
		m->fences[m->count] = dma_fence_get(fence);
	m->count++;
}

static void merge_drop(struct merge *m)
{
	unsigned int i;

	for (i = 0; i < min(m->count, m->room); i++)
		dma_fence_put(m->fences[i]);
}

static void merge_all(struct merge *m, unsigned int num_fences,
		      struct dma_fence **fences, struct dma_fence_unwrap *cursors)
{
	struct dma_fence *fence;
	unsigned int i;

	m->count = 0;
	for (i = 0; i < num_fences; i++)
		dma_fence_unwrap_for_each(fence, &cursors[i], fences[i])
			merge_fence(m, fence);
}

/* One fence for what was found, which takes over the memory and the references. */
static struct dma_fence *merge_result(struct merge *m)
{
	struct dma_fence_array *array;

	m->count = dma_fence_dedup_array(m->fences, m->count);
	if (m->count == 1)
		return m->fences[0];

	array = dma_fence_array_create(m->count, m->fences,
				       dma_fence_context_alloc(1), 1);
	if (!array) {
		merge_drop(m);
		return NULL;
	}
	m->fences = NULL;
	return &array->base;
}

/**
 * __dma_fence_unwrap_merge - what dma_fence_unwrap_merge() calls
 * @num_fences: how many fences
 * @fences: the fences
 * @cursors: memory for as many positions
 *
 * For those who have the fences in an array already.
 *
 * Context: process context, may sleep.
 * Return: as for dma_fence_unwrap_merge().
 */
struct dma_fence *__dma_fence_unwrap_merge(unsigned int num_fences,
					   struct dma_fence **fences,
					   struct dma_fence_unwrap *cursors)
{
	struct dma_fence *one = NULL, *result;
	struct merge m = { .fences = &one, .room = 1 };

	/* Mostly there is one, or none, and no array to be made. */
	merge_all(&m, num_fences, fences, cursors);
	if (!m.count)
		return dma_fence_allocate_private_stub(m.timestamp);
	if (m.count == 1)
		return one;
	merge_drop(&m);

	/* There may be more the next time: a proxy may have got an array to stand for. */
	while (m.count > m.room) {
		if (m.room > 1) {
			merge_drop(&m);
			kfree(m.fences);
		}
		m.room = m.count;
		m.fences = kmalloc_objs(*m.fences, m.room);
		if (!m.fences)
			return NULL;
		merge_all(&m, num_fences, fences, cursors);
	}

	result = m.count ? merge_result(&m) :
			   dma_fence_allocate_private_stub(m.timestamp);
	kfree(m.fences);
	return result;
}
EXPORT_SYMBOL_GPL(__dma_fence_unwrap_merge);
