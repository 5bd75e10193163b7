// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sleeping until fences have signalled
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/dma-fence.h>
#include <linux/export.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <trace/events/dma_fence.h>

#include "dma-fence-internal.h"

/* Enough for the callers that wait for either of a few rings or engines. */
#define WAIT_ANY_ON_STACK	4

/*
 * Sleepers use the wake kind in a way that is not open to others: in front of all
 * callbacks, without a reference on the task, which is the caller itself, and able
 * to tell that it need not be settled, by a cleared @task.
 */
void dma_fence_sleeper_wake(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dma_fence_cb_wake *w =
		container_of(cb, struct dma_fence_cb_wake, base);
	struct task_struct *task = w->task;

	/* The task may exit at once; its memory outlives the section. */
	guard(rcu)();
	if (dma_fence_callback_ends_use(fence))
		/* Pairs with sleeper_settle(). */
		smp_store_release(&w->task, NULL);
	wake_up_state(task, TASK_NORMAL);
}

/*
 * Sleep once. Returns what is left of @timeout, 0 when it is over, -ERESTARTSYS
 * when a signal is pending. The caller has set the state and tested for what it
 * waits for.
 */
static signed long fence_sleep(bool intr, signed long timeout)
{
	timeout = schedule_timeout(timeout);
	if (timeout > 0 && intr && signal_pending(current))
		return -ERESTARTSYS;
	return timeout;
}

static void fence_set_state(bool intr)
{
	set_current_state(intr ? TASK_INTERRUPTIBLE : TASK_UNINTERRUPTIBLE);
}

/*
 * The signaller may still hold the inline lock of a fence that shows as
 * signalled, while the waiter is free to reuse the memory. An external lock is
 * not part of that memory.
 *
 * On PREEMPT_RT looking does not do: where rtmutexes are debugged, the owner is
 * cleared before the last access to the lock.
 */
static void fence_wait_unlock(struct dma_fence *fence)
{
	unsigned long flags;

	if (!test_bit(DMA_FENCE_FLAG_INLINE_LOCK_BIT, &fence->flags))
		return;
	if (!IS_ENABLED(CONFIG_PREEMPT_RT) &&
	    likely(!spin_is_locked(&fence->inline_lock)))
		return;

	spin_lock_irqsave(&fence->inline_lock, flags);
	spin_unlock_irqrestore(&fence->inline_lock, flags);
}

/*
 * The sleeper's memory is its own again. It does not stay for the callbacks that
 * come after its own, unless the core has yet to drop a reference on the fence.
 */
static void sleeper_settle(struct dma_fence *fence, struct dma_fence_cb_wake *w)
{
	/* Pairs with dma_fence_sleeper_wake(). */
	if (smp_load_acquire(&w->task))
		dma_fence_remove_callback(fence, &w->base);
	if (dma_fence_test_signaled_flag(fence))
		fence_wait_unlock(fence);
}

static signed long fence_signaled(struct dma_fence *fence, signed long left)
{
	fence_wait_unlock(fence);
	return max(left, 1L);
}

/**
 * dma_fence_default_wait - sleep until a fence has signalled
 * @fence: the fence
 * @intr: whether a signal for the task ends the wait
 * @timeout: jiffies, or %MAX_SCHEDULE_TIMEOUT
 *
 * What dma_fence_wait_timeout() does when the fence has no wait operation of its
 * own. Does not enable signalling. When it returns callbacks may not have run.
 *
 * Return: see dma_fence_wait_timeout().
 */
signed long dma_fence_default_wait(struct dma_fence *fence, bool intr,
				   signed long timeout)
{
	struct dma_fence_cb_wake sleeper = { .task = current };
	signed long left = timeout;

	if (dma_fence_test_signaled_flag(fence))
		return fence_signaled(fence, timeout);
	if (intr && signal_pending(current))
		return -ERESTARTSYS;
	if (!timeout)
		return 0;
	if (!__dma_fence_add(fence, &sleeper.base, dma_fence_sleeper_wake, false, true))
		return fence_signaled(fence, timeout);

	for (;;) {
		fence_set_state(intr);
		if (dma_fence_test_signaled_flag(fence)) {
			left = max(left, 1L);
			break;
		}
		if (left <= 0)
			break;
		left = fence_sleep(intr, left);
	}
	__set_current_state(TASK_RUNNING);

	sleeper_settle(fence, &sleeper);
	return left;
}
EXPORT_SYMBOL(dma_fence_default_wait);

/**
 * dma_fence_wait_timeout - sleep until a fence has signalled, or for a while
 * @fence: a fence that the caller keeps alive
 * @intr: whether a signal for the task ends the wait
 * @timeout: jiffies, or %MAX_SCHEDULE_TIMEOUT
 *
 * Enables signalling first. Whoever returns because the fence has signalled sees
 * everything that the signaller wrote before, and the core does not touch the
 * fence again on this caller's behalf: it may be on the stack of the caller,
 * provided that nobody else has a callback on it.
 *
 * Callbacks of the fence may not have run yet, or not to their end, see
 * dma_fence_flush_callbacks().
 *
 * Context: process context, may sleep. Not inside a signalling section.
 * Return: the jiffies left, at least one, when the fence has signalled, also
 * when @timeout was zero; 0 when time is over; -ERESTARTSYS when interrupted;
 * -EINVAL for a negative timeout; or another error from a custom wait operation.
 */
signed long dma_fence_wait_timeout(struct dma_fence *fence, bool intr,
				   signed long timeout)
{
	signed long (*wait)(struct dma_fence *fence, bool intr,
			    signed long timeout) = dma_fence_default_wait;
	const struct dma_fence_ops *ops;
	signed long left;

	if (WARN_ON(timeout < 0))
		return -EINVAL;

	might_sleep();
	__dma_fence_might_wait();
	dma_fence_debug_published(fence);

	dma_fence_enable_sw_signaling(fence);

	scoped_guard(rcu) {
		trace_dma_fence_wait_start(fence);
		ops = rcu_dereference(fence->ops);
		/* Having it keeps its module until the fence is released. */
		if (ops && ops->wait && !dma_fence_test_signaled_flag(fence))
			wait = ops->wait;
	}

	left = wait(fence, intr, timeout);

	if (trace_dma_fence_wait_end_enabled()) {
		guard(rcu)();
		trace_dma_fence_wait_end(fence);
	}
	return left;
}
EXPORT_SYMBOL(dma_fence_wait_timeout);

/* The first fence that has signalled, @count when none has. */
static u32 fence_find_signaled(struct dma_fence **fences, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (dma_fence_test_signaled_flag(fences[i]))
			break;
	return i;
}

static signed long fence_poll_any(struct dma_fence **fences, u32 count, u32 *idx)
{
	u32 i;

	for (i = 0; i < count; i++) {
		if (dma_fence_is_signaled(fences[i])) {
			if (idx)
				*idx = i;
			return 1;
		}
	}
	return 0;
}

/**
 * dma_fence_wait_any_timeout - sleep until one of several fences has signalled
 * @fences: the fences, all kept alive by the caller
 * @count: how many, at least one
 * @intr: whether a signal for the task ends the wait
 * @timeout: jiffies, or %MAX_SCHEDULE_TIMEOUT
 * @idx: where to store the index of a signalled fence, or %NULL; only written
 *	when one has signalled
 *
 * Wait operations of the fences are not used. The fence that is reported has
 * signalled, but when several have it is not necessarily the first to have done
 * so. Its callbacks may not have run.
 *
 * Context: process context, may sleep; allocates memory for more than a few
 * fences.
 * Return: the jiffies left, at least one, when a fence has signalled; 0 when
 * time is over; -ERESTARTSYS when interrupted; -ENOMEM; -EINVAL for no fences
 * or a negative timeout.
 */
signed long dma_fence_wait_any_timeout(struct dma_fence **fences, u32 count,
				       bool intr, signed long timeout, u32 *idx)
{
	struct dma_fence_cb_wake few[WAIT_ANY_ON_STACK], *sleepers = few;
	signed long left = timeout;
	u32 armed, first;

	if (WARN_ON(!fences || !count || timeout < 0))
		return -EINVAL;
	if (!timeout)
		return fence_poll_any(fences, count, idx);

	if (count > ARRAY_SIZE(few)) {
		sleepers = kmalloc_objs(*sleepers, count);
		if (!sleepers)
			return -ENOMEM;
	}

	for (armed = 0, first = count; armed < count; armed++) {
		sleepers[armed].task = current;
		if (!__dma_fence_add(fences[armed], &sleepers[armed].base,
				     dma_fence_sleeper_wake, true, true)) {
			first = armed;
			break;
		}
	}

	while (first == count) {
		fence_set_state(intr);
		first = fence_find_signaled(fences, count);
		if (first < count || left <= 0)
			break;
		left = fence_sleep(intr, left);
	}
	__set_current_state(TASK_RUNNING);

	while (armed--)
		sleeper_settle(fences[armed], &sleepers[armed]);
	if (sleepers != few)
		kfree(sleepers);

	if (first == count)
		return left;
	if (idx)
		*idx = first;
	return max(left, 1L);
}
EXPORT_SYMBOL(dma_fence_wait_any_timeout);
