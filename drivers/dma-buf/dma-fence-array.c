// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arrays: a fence that signals when all of a set of fences have
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/dma-fence-array.h>
#include <linux/export.h>
#include <linux/slab.h>

#include "dma-fence-internal.h"

static const char *array_driver_name(struct dma_fence *fence)
{
	return "dma_fence_array";
}

static const char *array_timeline_name(struct dma_fence *fence)
{
	return "unbound";
}

/* The first error counts. */
static void array_note_error(struct dma_fence_array *array, int error)
{
	if (unlikely(error))
		cmpxchg(&array->error, 0, error);
}

/*
 * All members have signalled. May be called by several at a time, who all find the
 * same error; the array's own, if somebody has set one, has precedence. So has the
 * result of an array that somebody has signalled before its members.
 */
static void array_settle_error(struct dma_fence_array *array)
{
	int error = READ_ONCE(array->error);

	if (unlikely(error) && !READ_ONCE(array->base.error))
		dma_fence_set_error_unless_signaled(&array->base, error);
}

/*
 * Those who are not the last one here let go of the array with the decrement. The
 * last drops the reference that all callbacks share.
 */
static bool array_member_done(struct dma_fence_array *array, int error)
{
	array_note_error(array, error);
	/* Orders the error. Pairs with the acquire in array_signaled(). */
	if (!atomic_dec_and_test(&array->num_pending))
		return false;

	array_settle_error(array);
	return true;
}

static void array_member_run(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dma_fence_array_cb *member =
		container_of(cb, struct dma_fence_array_cb, cb);
	struct dma_fence_array *array = member->array;

	if (array_member_done(array, fence->error))
		dma_fence_signal_next(&array->base, fence);
}

void dma_fence_array_func(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	if (!dma_fence_park(fence, cb, array_member_run))
		array_member_run(fence, cb);
}

/*
 * dma_fence_array_arm - put a callback on every member
 *
 * Returns false when all of them have signalled.
 */
bool dma_fence_array_arm(struct dma_fence_array *array, struct dma_fence **todo)
{
	unsigned int i;

	/* Somebody was warned, but waits nevertheless. */
	if (unlikely(!array->num_fences))
		return false;

	dma_fence_get(&array->base);
	for (i = 0; i < array->num_fences; i++) {
		struct dma_fence_array_cb *member = &array->callbacks[i];
		struct dma_fence *fence = array->fences[i];

		member->array = array;
		if (dma_fence_add_member(fence, &member->cb, dma_fence_array_func,
					 todo))
			continue;
		if (array_member_done(array, fence->error)) {
			dma_fence_put(&array->base);
			return false;
		}
	}
	return true;
}

/*
 * Once signalling is enabled, members signal without being asked, and the callbacks
 * count. They may be late, though: the count says when there is no need to look.
 */
static bool array_signaled(struct dma_fence *fence)
{
	struct dma_fence_array *array = to_dma_fence_array(fence);
	bool enabled = test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags);
	unsigned int i;

	/* Pairs with the decrement in array_member_done(). */
	if (atomic_read_acquire(&array->num_pending)) {
		for (i = 0; i < array->num_fences; i++) {
			struct dma_fence *member = array->fences[i];

			if (!(enabled ? dma_fence_test_signaled_flag(member) :
					dma_fence_is_signaled(member)))
				return false;
		}
		for (i = 0; i < array->num_fences; i++)
			array_note_error(array, array->fences[i]->error);
	}

	array_settle_error(array);
	return true;
}

/*
 * dma_fence_array_drop - let go of the members, and free
 */
void dma_fence_array_drop(struct dma_fence *fence, struct dma_fence **dead)
{
	struct dma_fence_array *array = to_dma_fence_array(fence);
	unsigned int i;

	for (i = 0; i < array->num_fences; i++)
		dma_fence_drop_member(array->fences[i], dead);
	kfree(array->fences);
	dma_fence_free(fence);
}

static void array_set_deadline(struct dma_fence *fence, ktime_t deadline)
{
	struct dma_fence_array *array = to_dma_fence_array(fence);
	unsigned int i;

	for (i = 0; i < array->num_fences; i++)
		dma_fence_set_member_deadline(array->fences[i], deadline);
}

const struct dma_fence_ops dma_fence_array_ops = {
	.get_driver_name = array_driver_name,
	.get_timeline_name = array_timeline_name,
	.enable_signaling = dma_fence_enable_container,
	.signaled = array_signaled,
	.release = dma_fence_release_container,
	.set_deadline = array_set_deadline,
};
EXPORT_SYMBOL(dma_fence_array_ops);

/**
 * dma_fence_array_alloc - allocate memory for an array
 * @num_fences: how many members it will have
 *
 * For those who need the array where they cannot allocate. Memory that is not given
 * to dma_fence_array_init() is freed by kfree().
 *
 * Context: process context, may sleep.
 * Return: the memory, or %NULL.
 */
struct dma_fence_array *dma_fence_array_alloc(int num_fences)
{
	struct dma_fence_array *array;

	return kzalloc_flex(*array, callbacks, num_fences);
}
EXPORT_SYMBOL(dma_fence_array_alloc);

/**
 * dma_fence_array_init - make an array
 * @array: memory from dma_fence_array_alloc()
 * @num_fences: how many members, at most as many as were allocated for
 * @fences: the members, in memory from kmalloc()
 * @context: timeline of the array
 * @seqno: its position there
 *
 * The array takes over @fences, and a reference on each member. Whoever has arrays or
 * links of chains takes their members instead, see dma_fence_unwrap_merge(); it is
 * reported, though harmless, when he does not.
 *
 * The array signals when all members have, within the delivery of the last one, at
 * the time of doing so. Its error is that of the first member to signal with one;
 * if nobody has asked to be told, and the array is merely looked at, that of the
 * first such member in the order of @fences.
 *
 * Context: any.
 */
void dma_fence_array_init(struct dma_fence_array *array, int num_fences,
			  struct dma_fence **fences, u64 context,
			  unsigned int seqno)
{
	int i;

	WARN_ON(!num_fences || !fences);

	array->num_fences = num_fences;
	atomic_set(&array->num_pending, num_fences);
	array->error = 0;
	array->fences = fences;
	dma_fence_init(&array->base, &dma_fence_array_ops, NULL, context, seqno);

	for (i = 0; i < num_fences; i++)
		WARN_ON(dma_fence_is_array(fences[i]) ||
			dma_fence_is_chain(fences[i]));
}
EXPORT_SYMBOL(dma_fence_array_init);

/**
 * dma_fence_array_create - allocate and make an array
 * @num_fences: how many members
 * @fences: the members, in memory from kmalloc()
 * @context: timeline of the array
 * @seqno: its position there
 *
 * See dma_fence_array_init(). Without memory, @fences and the references on them
 * stay the caller's.
 *
 * Context: process context, may sleep.
 * Return: the array, with one reference, or %NULL.
 */
struct dma_fence_array *dma_fence_array_create(int num_fences,
					       struct dma_fence **fences,
					       u64 context, unsigned int seqno)
{
	struct dma_fence_array *array = dma_fence_array_alloc(num_fences);

	if (array)
		dma_fence_array_init(array, num_fences, fences, context, seqno);
	return array;
}
EXPORT_SYMBOL(dma_fence_array_create);

/**
 * dma_fence_match_context - do all members of an array belong to a timeline?
 * @fence: an array, or any other fence
 * @context: the timeline
 *
 * Context: any.
 * Return: true when @fence, or each of its members, is of @context.
 */
bool dma_fence_match_context(struct dma_fence *fence, u64 context)
{
	struct dma_fence *member;
	unsigned int i;

	dma_fence_array_for_each(member, i, fence)
		if (member->context != context)
			return false;
	return true;
}
EXPORT_SYMBOL(dma_fence_match_context);

/**
 * dma_fence_array_first - the first member of an array
 * @head: an array, another fence, or %NULL
 *
 * For dma_fence_array_for_each().
 *
 * Context: any.
 * Return: the member, without a reference; @head itself if it is no array.
 */
struct dma_fence *dma_fence_array_first(struct dma_fence *head)
{
	return to_dma_fence_array(head) ? dma_fence_array_next(head, 0) : head;
}
EXPORT_SYMBOL(dma_fence_array_first);

/**
 * dma_fence_array_next - a member of an array by its number
 * @head: an array, another fence, or %NULL
 * @index: the number
 *
 * For dma_fence_array_for_each().
 *
 * Context: any.
 * Return: the member, without a reference; %NULL when there is no such one, and for
 * everything that is no array.
 */
struct dma_fence *dma_fence_array_next(struct dma_fence *head,
				       unsigned int index)
{
	struct dma_fence_array *array = to_dma_fence_array(head);

	return array && index < array->num_fences ? array->fences[index] : NULL;
}
EXPORT_SYMBOL(dma_fence_array_next);
