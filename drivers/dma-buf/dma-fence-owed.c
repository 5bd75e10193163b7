// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists of owed fence callbacks
 *
 * Copyright (C) 2026 the dma-fence rework project
 *
 * A batch holds the callbacks of many fences, grouped by fence. Taking any one
 * of them off is O(1), and nothing is allocated, nor does any object grow, nor
 * is a fence touched once its last callback has left, since its owner may have
 * let go of the memory.
 *
 * All callbacks form one doubly linked list through &dma_fence_cb.node. The
 * first callback of a group has to lead to the fence, so its prev pointer holds
 * the tagged address of the fence, and the pointer that belongs there is kept in
 * &dma_fence.batch_prev, memory that is free between the signal and the release:
 *
 *	head <-> a1 <-> a2 <-> a3 <-> b1 <-> head
 *	         |prev = A            |prev = B
 *	         A.batch_prev = head  B.batch_prev = a3
 *
 * The prev pointer of the head is tagged as well, so that every node whose prev
 * has a tag starts something new: another group, or the list over again.
 *
 * The caller holds the lock of the shard, or is the only one to know the list.
 * Removers read the next pointer of a node without the lock.
 */

#include "dma-fence-internal.h"

#define OWED_FENCE	1UL	/* prev is a fence, the node starts its group */
#define OWED_REF	2UL	/* beside OWED_FENCE: a reference goes with it */
#define OWED_TAGS	3UL

static unsigned long owed_tags(const struct list_head *node)
{
	return (unsigned long)node->prev & OWED_TAGS;
}

static struct dma_fence *owed_fence(const struct list_head *node)
{
	return (void *)((unsigned long)node->prev & ~OWED_TAGS);
}

static struct list_head *owed_prev(const struct list_head *node)
{
	if (owed_tags(node) & OWED_FENCE)
		return owed_fence(node)->batch_prev;
	return (void *)((unsigned long)node->prev & ~OWED_TAGS);
}

static void owed_set_prev(struct list_head *node, struct list_head *prev)
{
	unsigned long tags = owed_tags(node);

	if (tags & OWED_FENCE)
		owed_fence(node)->batch_prev = prev;
	else
		node->prev = (void *)((unsigned long)prev | tags);
}

static void owed_start_group(struct list_head *node, struct dma_fence *fence,
			     unsigned long ref, struct list_head *prev)
{
	fence->batch_prev = prev;
	node->prev = (void *)((unsigned long)fence | OWED_FENCE | ref);
}

static void owed_insert(struct list_head *prev, struct dma_fence *fence,
			struct list_head *cbs, unsigned long ref)
{
	struct list_head *next = prev->next;

	WRITE_ONCE(prev->next, cbs->next);
	owed_start_group(cbs->next, fence, ref, prev);
	WRITE_ONCE(cbs->prev->next, next);
	owed_set_prev(next, cbs->prev);
}

/*
 * dma_fence_owed_empty - does a batch hold nothing?
 *
 * Without the lock the answer must not be used to let go of the batch: whoever
 * takes the last callback off may not be through with the head yet.
 */
bool dma_fence_owed_empty(const struct dma_fence_batch *batch)
{
	return READ_ONCE(batch->list.next) == &batch->list;
}

/*
 * dma_fence_owed_push - put the rest of a fence's callbacks at the front
 * @cbs: head of an ordinary list, not empty, left undefined
 * @ref: whether a reference on @fence goes with them
 */
void dma_fence_owed_push(struct dma_fence_batch *batch,
			 struct dma_fence *fence, struct list_head *cbs,
			 bool ref)
{
	batch->filled = true;
	owed_insert(&batch->list, fence, cbs, ref ? OWED_REF : 0);
}

/*
 * dma_fence_owed_append - put a fence's callbacks at the end
 * @cbs: head of an ordinary list, not empty, left undefined
 * @ref: whether a reference on @fence goes with them
 */
void dma_fence_owed_append(struct dma_fence_batch *batch,
			   struct dma_fence *fence, struct list_head *cbs,
			   bool ref)
{
	batch->filled = true;
	owed_insert(owed_prev(&batch->list), fence, cbs, ref ? OWED_REF : 0);
}

/*
 * dma_fence_owed_splice - move all of a batch to the end of another
 *
 * Both are of the same shard. @from is empty afterwards.
 */
void dma_fence_owed_splice(struct dma_fence_batch *to,
			   struct dma_fence_batch *from)
{
	struct list_head *first = from->list.next;
	struct list_head *last = owed_prev(&from->list);
	struct list_head *prev = owed_prev(&to->list);

	if (dma_fence_owed_empty(from))
		return;

	to->filled = true;
	WRITE_ONCE(prev->next, first);
	owed_set_prev(first, prev);
	WRITE_ONCE(last->next, &to->list);
	owed_set_prev(&to->list, last);
	dma_fence_batch_init(from);
}

/*
 * dma_fence_owed_first - the fence whose group follows a node, or NULL
 */
struct dma_fence *dma_fence_owed_first(const struct list_head *prev)
{
	const struct list_head *first = prev->next;

	return owed_tags(first) & OWED_FENCE ? owed_fence(first) : NULL;
}

/*
 * dma_fence_owed_cut - take callbacks off the front of a group
 * @prev: the node before the group, which must exist
 * @max: how many at most, at least one
 * @cbs: head of an ordinary list, receives them
 * @put: set when these were the group's last ones and a reference goes with them
 *
 * Returns how many were taken.
 */
unsigned int dma_fence_owed_cut(struct list_head *prev, unsigned int max,
				struct list_head *cbs, bool *put)
{
	struct list_head *first = prev->next, *last = first, *next = first->next;
	unsigned long ref = owed_tags(first) & OWED_REF;
	struct dma_fence *fence = owed_fence(first);
	unsigned int count;

	for (count = 1; count < max && !owed_tags(next); count++) {
		last = next;
		next = next->next;
	}

	*put = ref && owed_tags(next);
	WRITE_ONCE(prev->next, next);
	if (owed_tags(next)) {
		owed_set_prev(next, prev);
		fence->batch_prev = NULL;
	} else {
		owed_start_group(next, fence, ref, prev);
	}

	cbs->next = first;
	first->prev = cbs;
	cbs->prev = last;
	WRITE_ONCE(last->next, cbs);
	return count;
}

/*
 * dma_fence_owed_unlink - take one callback off
 * @fence: the fence that it belongs to
 * @node: a node of a batch, or of the ordinary list that one was cut into
 *
 * Returns true when the group has ended and its reference must be dropped.
 */
bool dma_fence_owed_unlink(struct dma_fence *fence, struct list_head *node)
{
	struct list_head *prev = owed_prev(node), *next = node->next;
	unsigned long tags = owed_tags(node);
	bool put = false;

	WRITE_ONCE(prev->next, next);
	if (!(tags & OWED_FENCE)) {
		owed_set_prev(next, prev);
	} else if (!owed_tags(next)) {
		owed_start_group(next, fence, tags & OWED_REF, prev);
	} else {
		owed_set_prev(next, prev);
		fence->batch_prev = NULL;
		put = tags & OWED_REF;
	}
	INIT_LIST_HEAD(node);
	return put;
}
