// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeping track of callbacks: armed once, left alone meanwhile, and quick
 *
 * Copyright (C) 2026 the dma-fence rework project
 *
 * An armed callback has the address of its fence, made unlike anything else by its
 * own, and it is cleared before the callback is its owner's again. A callback needs no
 * initialisation, so what is found in it may be garbage, and is not taken for a fence
 * before it was found among those that are published: one that has signalled, and owes
 * the callback, is not told from garbage. Memory that was freed or cleared meanwhile is
 * for debugobjects to find out, which knows a callback by nothing but its address.
 */

#include <linux/debugobjects.h>
#include <linux/export.h>
#include <linux/moduleparam.h>
#include <linux/sched/task_stack.h>
#include <linux/timekeeping.h>

#include <kunit/visibility.h>

#include "dma-fence-internal.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX	"dma_fence."

#define CB_MAGIC	0x6dfecb04UL
#define CB_WATCHED	1UL	/* debugobjects knows it */
#define CB_TAGS		3UL	/* what is free in the address of a fence */

unsigned int dma_fence_debug_slow_us = 10000;
EXPORT_SYMBOL_IF_KUNIT(dma_fence_debug_slow_us);
module_param_named(slow_us, dma_fence_debug_slow_us, uint, 0644);
MODULE_PARM_DESC(slow_us, "Report callbacks that run for longer, in microseconds; 0 for never");

static unsigned long encode(struct dma_fence_cb *cb, struct dma_fence *fence)
{
	return (unsigned long)fence ^ (unsigned long)cb ^ CB_MAGIC;
}

/* For who knows what it may be armed on. */
static bool is_armed_on(struct dma_fence_cb *cb, struct dma_fence *fence)
{
	return (cb->armed & ~CB_WATCHED) == encode(cb, fence);
}

/* For who does not. */
static struct dma_fence *armed_on(struct dma_fence_cb *cb)
{
	unsigned long fence = cb->armed & ~CB_WATCHED;

	if (!fence)
		return NULL;
	fence ^= encode(cb, NULL);
	if (fence & CB_TAGS || !dma_fence_debug_is_fence((void *)fence))
		return NULL;
	return (void *)fence;
}

static void disarm(struct dma_fence *fence, struct dma_fence_cb *cb);

static void report(enum dma_fence_rule rule, struct dma_fence *fence,
		   struct dma_fence_cb *cb, const char *what)
{
	if (!dma_fence_debug_report(rule, cb->func))
		return;

	guard(rcu)();
	pr_warn("dma_fence: callback %ps %s, on %s %s %llu:%llu\n", cb->func,
		what, dma_fence_debug_driver(fence),
		dma_fence_debug_timeline(fence), fence->context, fence->seqno);
}

/*
 * What debugobjects finds
 */

static void *cb_hint(void *addr)
{
	return ((struct dma_fence_cb *)addr)->func;
}

static const struct debug_obj_descr cb_descr;

static void unwatch_memory(struct dma_fence_cb *cb)
{
	debug_object_deactivate(cb, &cb_descr);
	debug_object_free(cb, &cb_descr);
	dma_fence_debug_object_put();
}

/* Nothing is lost but the callback. */
static bool cb_fixup_free(void *addr, enum debug_obj_state state)
{
	struct dma_fence_cb *cb = addr;
	struct dma_fence *fence = armed_on(cb);

	if (!fence) {
		if (dma_fence_debug_report(DMA_FENCE_CB_FREED, NULL))
			pr_warn("dma_fence: a callback was freed while armed, on a fence that has signalled, or overwritten before\n");
		unwatch_memory(cb);
		return true;
	}

	report(DMA_FENCE_CB_FREED, fence, cb, "freed while armed");
	if (dma_fence_lockdep_holds(dma_fence_spinlock(fence)))
		dma_fence_remove_callback_locked(fence, cb);
	else
		dma_fence_remove_callback(fence, cb);
	disarm(fence, cb);
	return true;
}

/* The fence that it was armed on is not known any more. */
static bool cb_fixup_init(void *addr, enum debug_obj_state state)
{
	struct dma_fence_cb *cb = addr;

	report(DMA_FENCE_CB_WIPED, armed_on(cb), cb,
	       "initialised while armed, and armed again");
	/* One object, which was counted twice. */
	debug_object_deactivate(cb, &cb_descr);
	debug_object_init(cb, &cb_descr);
	dma_fence_debug_object_put();
	return true;
}

static const struct debug_obj_descr cb_descr = {
	.name = "dma_fence_cb",
	.debug_hint = cb_hint,
	.fixup_init = cb_fixup_init,
	.fixup_free = cb_fixup_free,
};

static bool watch_memory(struct dma_fence_cb *cb)
{
	if (!dma_fence_debug_object_get())
		return false;

	if (object_is_on_stack(cb))
		debug_object_init_on_stack(cb, &cb_descr);
	else
		debug_object_init(cb, &cb_descr);
	debug_object_activate(cb, &cb_descr);
	return true;
}

/*
 * What happens in the life of a callback
 */

static void disarm(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	bool watched = cb->armed & CB_WATCHED;

	/* It may have been moved here by hand, from another list. */
	if (!is_armed_on(cb, fence) && !armed_on(cb))
		return;
	cb->armed = 0;
	if (watched)
		unwatch_memory(cb);
}

/*
 * dma_fence_debug_add - a callback is about to be added
 *
 * No lock held. One that is on another fence would tear the lists of both.
 */
void dma_fence_debug_add(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dma_fence *old;

	dma_fence_debug_published(fence);
	old = cb ? armed_on(cb) : NULL;
	if (likely(!old))
		return;

	scoped_guard(rcu)
		if (dma_fence_debug_report(DMA_FENCE_CB_TWICE, cb->func))
			WARN(1, "dma_fence: callback %ps is armed on %s %s %llu:%llu and added to %s %s %llu:%llu\n",
			     cb->func, dma_fence_debug_driver(old),
			     dma_fence_debug_timeline(old),
			     old->context, old->seqno,
			     (const char __force *)dma_fence_driver_name(fence),
			     (const char __force *)dma_fence_timeline_name(fence),
			     fence->context, fence->seqno);
	dma_fence_remove_callback(old, cb);
	disarm(old, cb);
}

/*
 * dma_fence_debug_armed - a callback was put on the list of its fence
 *
 * Fence lock held.
 */
void dma_fence_debug_armed(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	cb->armed = encode(cb, fence);
	if (watch_memory(cb))
		cb->armed |= CB_WATCHED;
}

/**
 * __dma_fence_debug_called - what is behind dma_fence_debug_called()
 * @fence: the fence
 * @cb: the callback
 *
 * Context: any.
 */
void __dma_fence_debug_called(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	disarm(fence, cb);
}
EXPORT_SYMBOL(__dma_fence_debug_called);

/*
 * Close the gap in a list to which an initialised node does not lead back. One that
 * has another such node before it stays as it is.
 */
static void close_gap(struct list_head *head, struct list_head *node)
{
	struct list_head *prev = head, *next = head;

	while (prev->next != node && prev->next != prev && prev->next != head)
		prev = prev->next;
	while (next->prev != node && next->prev != next && next->prev != head)
		next = next->prev;
	if (prev->next == node && next->prev == node)
		__list_del(prev, next);
}

/*
 * dma_fence_debug_unlinked - a callback that is to be removed is on no list
 *
 * Fence lock held, fence not claimed. It was never armed, or somebody has initialised
 * its node, and the list still leads to it.
 */
void dma_fence_debug_unlinked(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	if (likely(!is_armed_on(cb, fence)))
		return;

	report(DMA_FENCE_CB_WIPED, fence, cb, "initialised while armed");
	close_gap(&fence->cb_list, &cb->node);
	disarm(fence, cb);
}

/*
 * dma_fence_debug_call_begin - a callback's function is about to be called
 */
void dma_fence_debug_call_begin(struct dma_fence_debug_call *call,
				struct dma_fence *fence,
				struct dma_fence_cb *cb)
{
	disarm(fence, cb);
	call->func = cb->func;
	call->context = fence->context;
	call->seqno = fence->seqno;
	call->start = ktime_get_mono_fast_ns();
}

/*
 * dma_fence_debug_call_end - it has returned
 */
void dma_fence_debug_call_end(const struct dma_fence_debug_call *call)
{
	u64 limit = (u64)READ_ONCE(dma_fence_debug_slow_us) * NSEC_PER_USEC;
	u64 took = ktime_get_mono_fast_ns() - call->start;

	if (likely(!limit || took <= limit))
		return;
	if (dma_fence_debug_report(DMA_FENCE_CB_SLOW, call->func))
		pr_warn("dma_fence: callback %ps ran for %llu us, on fence %llu:%llu\n",
			call->func, div_u64(took, NSEC_PER_USEC),
			call->context, call->seqno);
}
