// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeping track of callbacks: armed once, left alone meanwhile, and quick
 *
 * Copyright (C) 2026 the dma-fence rework project
 *
 * A callback needs no initialisation, so what is found in it may be anything. It is
 * armed if it has a number that depends on its address, which is cleared before the
 * callback is its owner's again. Memory that was freed or cleared in between is for
 * debugobjects to find out, which knows a callback by nothing but its address.
 */

#include <linux/debugobjects.h>
#include <linux/export.h>
#include <linux/moduleparam.h>
#include <linux/sched/clock.h>
#include <linux/sched/task_stack.h>

#include <kunit/visibility.h>

#include "dma-fence-internal.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX	"dma_fence."

#define CB_ARMED	0x6dfecb04UL
#define CB_WATCHED	1UL	/* added: debugobjects knows it */

unsigned int dma_fence_debug_slow_us = 10000;
EXPORT_SYMBOL_IF_KUNIT(dma_fence_debug_slow_us);
module_param_named(slow_us, dma_fence_debug_slow_us, uint, 0644);
MODULE_PARM_DESC(slow_us, "Report callbacks that run for longer, in microseconds; 0 for never");

static unsigned long magic_of(struct dma_fence_cb *cb)
{
	return (unsigned long)cb ^ CB_ARMED;
}

static bool is_armed(struct dma_fence_cb *cb)
{
	return (cb->debug.magic ^ magic_of(cb)) <= CB_WATCHED;
}

static void disarm(struct dma_fence_cb *cb);

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
	struct dma_fence *fence = cb->debug.fence;

	if (!is_armed(cb)) {
		if (dma_fence_debug_report(DMA_FENCE_CB_FREED, NULL))
			pr_warn("dma_fence: a callback was overwritten and freed while armed\n");
		unwatch_memory(cb);
		return true;
	}

	report(DMA_FENCE_CB_FREED, fence, cb, "freed while armed");
	if (dma_fence_debug_lock_held(fence))
		dma_fence_remove_callback_locked(fence, cb);
	else
		dma_fence_remove_callback(fence, cb);
	disarm(cb);
	return true;
}

/* The fence that it was armed on is not known any more. */
static bool cb_fixup_init(void *addr, enum debug_obj_state state)
{
	struct dma_fence_cb *cb = addr;

	report(DMA_FENCE_CB_WIPED, cb->debug.fence, cb,
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

static void disarm(struct dma_fence_cb *cb)
{
	unsigned long armed = cb->debug.magic ^ magic_of(cb);

	if (armed > CB_WATCHED)
		return;
	cb->debug.magic = 0;
	if (armed == CB_WATCHED)
		unwatch_memory(cb);
}

/*
 * dma_fence_debug_add - a callback is about to be added
 *
 * No lock held. One that is on another fence would tear the lists of both.
 */
void dma_fence_debug_add(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	dma_fence_debug_published(fence);
	if (likely(!cb || !is_armed(cb)))
		return;

	scoped_guard(rcu)
		if (dma_fence_debug_report(DMA_FENCE_CB_TWICE, cb->func))
			WARN(1, "dma_fence: callback %ps is armed on %s %s %llu:%llu and added to %s %s %llu:%llu\n",
			     cb->func, dma_fence_debug_driver(cb->debug.fence),
			     dma_fence_debug_timeline(cb->debug.fence),
			     cb->debug.fence->context, cb->debug.fence->seqno,
			     (const char __force *)dma_fence_driver_name(fence),
			     (const char __force *)dma_fence_timeline_name(fence),
			     fence->context, fence->seqno);
	dma_fence_remove_callback(cb->debug.fence, cb);
	disarm(cb);
}

/*
 * dma_fence_debug_armed - a callback was put on the list of its fence
 *
 * Fence lock held.
 */
void dma_fence_debug_armed(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	cb->debug.fence = fence;
	cb->debug.magic = magic_of(cb) ^ (watch_memory(cb) ? CB_WATCHED : 0);
}

void __dma_fence_debug_called(struct dma_fence_cb *cb)
{
	disarm(cb);
}
EXPORT_SYMBOL(__dma_fence_debug_called);

/* Close the gap in a list to which a cleared node does not lead back. */
static void close_gap(struct list_head *head, struct list_head *node)
{
	struct list_head *prev = head, *next = head;

	while (prev->next != node && prev->next != head)
		prev = prev->next;
	if (prev->next != node)
		return;
	while (next->prev != node)
		next = next->prev;
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
	if (likely(!is_armed(cb)) || cb->debug.fence != fence)
		return;

	report(DMA_FENCE_CB_WIPED, fence, cb, "initialised while armed");
	close_gap(&fence->cb_list, &cb->node);
	disarm(cb);
}

/*
 * dma_fence_debug_call_begin - a callback's function is about to be called
 */
void dma_fence_debug_call_begin(struct dma_fence_debug_call *call,
				struct dma_fence *fence,
				struct dma_fence_cb *cb)
{
	disarm(cb);
	call->func = cb->func;
	call->context = fence->context;
	call->seqno = fence->seqno;
	call->start = local_clock();
}

/*
 * dma_fence_debug_call_end - it has returned
 */
void dma_fence_debug_call_end(const struct dma_fence_debug_call *call)
{
	u64 limit = (u64)READ_ONCE(dma_fence_debug_slow_us) * NSEC_PER_USEC;
	u64 took = local_clock() - call->start;

	if (likely(!limit || took <= limit))
		return;
	if (dma_fence_debug_report(DMA_FENCE_CB_SLOW, call->func))
		pr_warn("dma_fence: callback %ps ran for %llu us, on fence %llu:%llu\n",
			call->func, div_u64(took, NSEC_PER_USEC),
			call->context, call->seqno);
}
