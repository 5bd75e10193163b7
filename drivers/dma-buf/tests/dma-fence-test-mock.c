// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fences, callbacks and threads that the dma_fence suites use.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "dma-fence-test.h"

static const char *dft_driver_name(struct dma_fence *fence)
{
	return "dft-driver";
}

static const char *dft_timeline_name(struct dma_fence *fence)
{
	return "dft-timeline";
}

static bool dft_enable_signaling(struct dma_fence *fence)
{
	struct dft_fence *f = to_dft_fence(fence);

	f->enabled++;
	if (f->drags)
		dma_fence_signal(f->drags);
	if (f->signals_itself)
		dma_fence_signal_locked(fence);
	if (f->fakes_signal)
		set_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags);
	if (f->enable_error)
		dma_fence_set_error(fence, f->enable_error);

	return f->enable_result;
}

static bool dft_signaled(struct dma_fence *fence)
{
	struct dft_fence *f = to_dft_fence(fence);

	f->asked++;
	if (f->drags && f->signaled_result)
		dma_fence_signal(f->drags);

	return f->signaled_result;
}

static void dft_set_deadline(struct dma_fence *fence, ktime_t deadline)
{
	struct dft_fence *f = to_dft_fence(fence);

	f->hinted++;
	f->hint = deadline;
}

static void dft_release(struct dma_fence *fence)
{
	struct dft_fence *f = to_dft_fence(fence);

	if (f->released)
		atomic_inc(f->released);
	dma_fence_free(fence);
}

static signed long dft_wait(struct dma_fence *fence, bool intr,
			    signed long timeout)
{
	to_dft_fence(fence)->waited++;

	return DFT_WAIT_RESULT;
}

const struct dma_fence_ops dft_names_ops = {
	.get_driver_name = dft_driver_name,
	.get_timeline_name = dft_timeline_name,
};

const struct dma_fence_ops dft_ops = {
	.get_driver_name = dft_driver_name,
	.get_timeline_name = dft_timeline_name,
	.enable_signaling = dft_enable_signaling,
	.signaled = dft_signaled,
	.set_deadline = dft_set_deadline,
};

const struct dma_fence_ops dft_release_ops = {
	.get_driver_name = dft_driver_name,
	.get_timeline_name = dft_timeline_name,
	.enable_signaling = dft_enable_signaling,
	.signaled = dft_signaled,
	.release = dft_release,
	.set_deadline = dft_set_deadline,
};

const struct dma_fence_ops dft_wait_ops = {
	.get_driver_name = dft_driver_name,
	.get_timeline_name = dft_timeline_name,
	.wait = dft_wait,
};

/**
 * dft_fence_init - initialise a fence in zeroed memory
 * @f: the fence
 * @ops: one of the operation tables above
 * @lock: external lock, or NULL for the inline one
 */
void dft_fence_init(struct dft_fence *f, const struct dma_fence_ops *ops,
		    spinlock_t *lock)
{
	f->enable_result = true;
	dma_fence_init(&f->base, ops, lock, dma_fence_context_alloc(1), 1);
}

/**
 * dft_fence_alloc - create a fence whose only reference the caller has to put
 * @test: the test, which fails if there is no memory
 * @ops: one of the operation tables above
 * @lock: which lock it shall use
 *
 * Return: the fence.
 */
struct dft_fence *dft_fence_alloc(struct kunit *test,
				  const struct dma_fence_ops *ops,
				  enum dft_lock lock)
{
	struct dft_fence *f = kzalloc_obj(*f);

	KUNIT_ASSERT_NOT_NULL(test, f);
	spin_lock_init(&f->own_lock);
	dft_fence_init(f, ops, lock == DFT_EXTERN_LOCK ? &f->own_lock : NULL);

	return f;
}

static void dft_put(void *fence)
{
	struct dma_fence *f = fence;

	/* A test that failed half-way shall not add a report of its own. */
	dma_fence_signal(f);
	dma_fence_put(f);
}

/**
 * dft_fence_new - create a fence that lives until the test ends
 * @test: the test
 * @ops: one of the operation tables above
 * @lock: which lock it shall use
 *
 * Return: the fence.
 */
struct dft_fence *dft_fence_new(struct kunit *test,
				const struct dma_fence_ops *ops,
				enum dft_lock lock)
{
	struct dft_fence *f = dft_fence_alloc(test, ops, lock);
	int err = kunit_add_action_or_reset(test, dft_put, &f->base);

	KUNIT_ASSERT_EQ(test, err, 0);

	return f;
}

/**
 * dft_has_callbacks - look for a callback that has not been delivered
 * @fence: the fence
 *
 * Return: true if @fence is not signalled and somebody listens.
 */
bool dft_has_callbacks(struct dma_fence *fence)
{
	unsigned long flags;
	bool ret;

	dma_fence_lock_irqsave(fence, flags);
	ret = !dma_fence_test_signaled_flag(fence) &&
	      !list_empty(&fence->cb_list);
	dma_fence_unlock_irqrestore(fence, flags);

	return ret;
}

/**
 * dft_link_callback - put a callback on the list as i915 does
 * @fence: the fence
 * @cb: the callback
 * @func: its function
 *
 * This does not enable signaling, so a later dma_fence_add_callback() is the
 * first to do it and finds a callback already there.
 */
void dft_link_callback(struct dma_fence *fence, struct dma_fence_cb *cb,
		       dma_fence_func_t func)
{
	unsigned long flags;

	cb->func = func;
	dma_fence_lock_irqsave(fence, flags);
	list_add_tail(&cb->node, &fence->cb_list);
	dma_fence_unlock_irqrestore(fence, flags);
}

/**
 * dft_fake_signal - mark a fence signalled behind the core's back
 * @fence: the fence
 *
 * First half of what i915 does for its requests.
 */
void dft_fake_signal(struct dma_fence *fence)
{
	set_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags);
}

/**
 * dft_fake_delivery - deliver a fence behind the core's back
 * @fence: a fence for which dft_fake_signal() was called
 *
 * Second half: take the list, stamp the fence, call everybody under the lock.
 */
void dft_fake_delivery(struct dma_fence *fence)
{
	struct dma_fence_cb *cb, *next;
	unsigned long flags;
	LIST_HEAD(list);

	dma_fence_lock_irqsave(fence, flags);
	list_replace(&fence->cb_list, &list);
	fence->timestamp = ktime_get();
	set_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT, &fence->flags);
	list_for_each_entry_safe(cb, next, &list, node) {
		INIT_LIST_HEAD(&cb->node);
		dma_fence_debug_called(fence, cb);
		cb->func(fence, cb);
	}
	dma_fence_unlock_irqrestore(fence, flags);
}

/**
 * dft_count - callback function of struct dft_cb
 * @fence: not used
 * @cb: the callback to count
 */
void dft_count(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	atomic_inc(&container_of(cb, struct dft_cb, base)->runs);
}

static void by_signal(struct dft_fence *f)
{
	dma_fence_signal(&f->base);
}

static void by_signal_timestamp(struct dft_fence *f)
{
	dma_fence_signal_timestamp(&f->base, ktime_get());
}

static void by_check_and_signal(struct dft_fence *f)
{
	dma_fence_check_and_signal(&f->base);
}

/**
 * dft_signal_locked - signal a fence whose lock the caller takes
 * @f: the fence
 */
void dft_signal_locked(struct dft_fence *f)
{
	unsigned long flags;

	dma_fence_lock_irqsave(&f->base, flags);
	dma_fence_signal_locked(&f->base);
	dma_fence_unlock_irqrestore(&f->base, flags);
}

static void by_signal_timestamp_locked(struct dft_fence *f)
{
	unsigned long flags;

	dma_fence_lock_irqsave(&f->base, flags);
	dma_fence_signal_timestamp_locked(&f->base, ktime_get());
	dma_fence_unlock_irqrestore(&f->base, flags);
}

static void by_check_and_signal_locked(struct dft_fence *f)
{
	unsigned long flags;

	dma_fence_lock_irqsave(&f->base, flags);
	dma_fence_check_and_signal_locked(&f->base);
	dma_fence_unlock_irqrestore(&f->base, flags);
}

static void by_is_signaled(struct dft_fence *f)
{
	f->signaled_result = true;
	dma_fence_is_signaled(&f->base);
}

static void by_is_signaled_locked(struct dft_fence *f)
{
	unsigned long flags;

	f->signaled_result = true;
	dma_fence_lock_irqsave(&f->base, flags);
	dma_fence_is_signaled_locked(&f->base);
	dma_fence_unlock_irqrestore(&f->base, flags);
}

static void by_get_status(struct dft_fence *f)
{
	f->signaled_result = true;
	dma_fence_get_status(&f->base);
}

static void by_get_status_locked(struct dft_fence *f)
{
	unsigned long flags;

	f->signaled_result = true;
	dma_fence_lock_irqsave(&f->base, flags);
	dma_fence_get_status_locked(&f->base);
	dma_fence_unlock_irqrestore(&f->base, flags);
}

static void by_describe(struct dft_fence *f)
{
	char text[128];
	struct seq_file seq = { .buf = text, .size = sizeof(text) };

	f->signaled_result = true;
	dma_fence_describe(&f->base, &seq);
}

static void by_set_deadline(struct dft_fence *f)
{
	f->signaled_result = true;
	dma_fence_set_deadline(&f->base, ktime_get());
}

static void by_later(struct dft_fence *f)
{
	f->signaled_result = true;
	dma_fence_later(&f->base, &f->base);
}

static void by_wait_any(struct dft_fence *f)
{
	struct dma_fence *fence = &f->base;

	f->signaled_result = true;
	dma_fence_wait_any_timeout(&fence, 1, false, 0, NULL);
}

static void by_enable(struct dft_fence *f)
{
	f->enable_result = false;
	dma_fence_enable_sw_signaling(&f->base);
}

static void by_add_callback(struct dft_fence *f)
{
	struct dft_cb late = {};

	f->enable_result = false;
	if (!dma_fence_add_callback(&f->base, &late.base, dft_count))
		dma_fence_remove_callback(&f->base, &late.base);
}

static void by_wait(struct dft_fence *f)
{
	f->enable_result = false;
	dma_fence_wait_timeout(&f->base, false, HZ);
}

const struct dft_signaller dft_signallers[DFT_SIGNALLERS] = {
	{ "signal", false, false, by_signal },
	{ "signal_timestamp", false, false, by_signal_timestamp },
	{ "check_and_signal", false, false, by_check_and_signal },
	{ "signal_locked", true, false, dft_signal_locked },
	{ "signal_timestamp_locked", true, false, by_signal_timestamp_locked },
	{ "check_and_signal_locked", true, false, by_check_and_signal_locked },
	{ "is_signaled", false, false, by_is_signaled },
	{ "is_signaled_locked", true, false, by_is_signaled_locked },
	{ "get_status", false, false, by_get_status },
	{ "get_status_locked", true, false, by_get_status_locked },
	{ "describe", false, false, by_describe },
	{ "set_deadline", false, false, by_set_deadline },
	{ "later", false, false, by_later },
	{ "wait_any", false, false, by_wait_any },
	{ "enable_sw_signaling", false, true, by_enable },
	{ "add_callback", false, true, by_add_callback },
	{ "wait", false, true, by_wait, .sleeps = true },
};

/**
 * dft_pin - init function of the suites: keep the test on the first CPU
 * @test: the test
 *
 * A test that spins for another thread must not share a CPU with it.
 *
 * Return: 0, or an error that fails the test.
 */
int dft_pin(struct kunit *test)
{
	return set_cpus_allowed_ptr(current,
				    cpumask_of(cpumask_first(cpu_online_mask)));
}

/**
 * dft_other_cpu - a CPU that the test does not run on
 * @test: the test, which is skipped if there is none
 *
 * Return: the number of the CPU.
 */
unsigned int dft_other_cpu(struct kunit *test)
{
	unsigned int first = cpumask_first(cpu_online_mask);
	unsigned int cpu = cpumask_next(first, cpu_online_mask);

	if (cpu >= nr_cpu_ids)
		kunit_skip(test, "needs two CPUs");

	return cpu;
}

static int dft_thread_main(void *data)
{
	struct dft_thread *t = data;

	t->ret = t->func(t->data);
	complete(&t->finished);

	return 0;
}

/**
 * dft_thread_start - run a function in a thread of its own
 * @test: the test
 * @t: the thread, which must live until dft_thread_join() has returned
 * @cpu: where to run
 * @func: what to run; has to end by itself
 * @data: argument of @func
 */
void dft_thread_start(struct kunit *test, struct dft_thread *t,
		      unsigned int cpu, int (*func)(void *data), void *data)
{
	t->func = func;
	t->data = data;
	init_completion(&t->finished);
	t->task = kthread_create_on_cpu(dft_thread_main, t, cpu, "dft/%u");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t->task));
	get_task_struct(t->task);
	wake_up_process(t->task);
}

/**
 * dft_thread_join - wait for the end of a thread
 * @test: the test, which fails if the thread needs more than ten seconds
 * @t: the thread
 *
 * Return: what the thread's function returned.
 */
int dft_thread_join(struct kunit *test, struct dft_thread *t)
{
	if (!wait_for_completion_timeout(&t->finished, 10 * HZ))
		KUNIT_FAIL(test, "thread %s does not come back",
			   t->task->comm);
	kthread_stop_put(t->task);

	return t->ret;
}
