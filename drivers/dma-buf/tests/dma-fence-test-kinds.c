// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kinds of fence callbacks, each with a target that counts.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/err.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "dma-fence-test-kinds.h"

static void subject_ran(struct dft_subject *s)
{
	WRITE_ONCE(s->stamp, jiffies);
	atomic_inc(&s->runs);
	if (s->then)
		s->then(s);
	if (s->gate)
		wait_for_completion_timeout(s->gate, 5 * HZ);
}

static int subject_runs(struct dft_subject *s)
{
	return atomic_read(&s->runs);
}

static void nothing(struct dft_subject *s)
{
}

/* A thread that counts how often it is woken from its sleep. */
static int sleeper_main(void *data)
{
	struct dft_subject *s = data;

	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
		if (!kthread_should_stop())
			atomic_inc(&s->runs);
	}
	__set_current_state(TASK_RUNNING);

	return 0;
}

static void wake_drain(struct dft_subject *s)
{
	sleep_until(READ_ONCE(s->task->__state) == TASK_IDLE);
}

static bool wake_init(struct dft_subject *s)
{
	struct task_struct *task = kthread_create(sleeper_main, s, "dft-sleeper");

	if (IS_ERR(task))
		return false;
	s->task = get_task_struct(task);
	s->target = task;
	wake_up_process(task);
	wake_drain(s);

	return true;
}

static void wake_exit(struct dft_subject *s)
{
	kthread_stop_put(s->task);
}

static int wake_add(struct dma_fence *fence, struct dft_subject *s,
		    union dft_kind_cb *cb)
{
	return dma_fence_add_wake(fence, cb ? &cb->wake : NULL, s->target);
}

static bool wake_or_now(struct dma_fence *fence, struct dft_subject *s)
{
	return dma_fence_wake_or_now(fence, &s->cb.wake, s->target);
}

static unsigned int wake_references(struct dft_subject *s)
{
	return refcount_read(&s->task->usage);
}

static bool completion_init(struct dft_subject *s)
{
	init_completion(&s->done);
	s->target = &s->done;

	return true;
}

static int completion_add(struct dma_fence *fence, struct dft_subject *s,
			  union dft_kind_cb *cb)
{
	return dma_fence_add_completion(fence, cb ? &cb->completion : NULL,
					s->target);
}

static bool completion_or_now(struct dma_fence *fence, struct dft_subject *s)
{
	return dma_fence_completion_or_now(fence, &s->cb.completion, s->target);
}

static int completion_runs(struct dft_subject *s)
{
	return READ_ONCE(s->done.done);
}

static void work_func(struct work_struct *work)
{
	subject_ran(container_of(work, struct dft_subject, work));
}

static bool work_init(struct dft_subject *s)
{
	INIT_WORK(&s->work, work_func);
	s->target = &s->work;
	s->wq = alloc_ordered_workqueue("dft", 0);
	s->queue = s->wq;

	return s->wq;
}

static void work_exit(struct dft_subject *s)
{
	cancel_work_sync(&s->work);
	destroy_workqueue(s->wq);
}

static int work_add(struct dma_fence *fence, struct dft_subject *s,
		    union dft_kind_cb *cb)
{
	return dma_fence_add_work(fence, cb ? &cb->work : NULL, s->queue,
				  s->target);
}

static bool work_or_now(struct dma_fence *fence, struct dft_subject *s)
{
	return dma_fence_work_or_now(fence, &s->cb.work, s->queue, s->target);
}

static void work_drain(struct dft_subject *s)
{
	flush_work(&s->work);
}

static void work_cancel(struct dft_subject *s)
{
	cancel_work_sync(&s->work);
}

static void delayed_work_func(struct work_struct *work)
{
	subject_ran(container_of(to_delayed_work(work), struct dft_subject,
				 dwork));
}

static bool delayed_work_init(struct dft_subject *s)
{
	INIT_DELAYED_WORK(&s->dwork, delayed_work_func);
	s->target = &s->dwork;
	s->queue = system_dfl_wq;

	return true;
}

static int delayed_work_add(struct dma_fence *fence, struct dft_subject *s,
			    union dft_kind_cb *cb)
{
	return dma_fence_add_delayed_work(fence, cb ? &cb->delayed_work : NULL,
					  s->queue, s->target, s->delay);
}

static bool delayed_work_or_now(struct dma_fence *fence, struct dft_subject *s)
{
	return dma_fence_delayed_work_or_now(fence, &s->cb.delayed_work,
					     s->queue, s->target, s->delay);
}

static void delayed_work_drain(struct dft_subject *s)
{
	flush_delayed_work(&s->dwork);
}

static void delayed_work_cancel(struct dft_subject *s)
{
	cancel_delayed_work_sync(&s->dwork);
}

static void kthread_work_func(struct kthread_work *work)
{
	subject_ran(container_of(work, struct dft_subject, kwork));
}

static bool kthread_work_init(struct dft_subject *s)
{
	s->worker = kthread_run_worker(0, "dft-worker");
	if (IS_ERR(s->worker))
		return false;
	kthread_init_work(&s->kwork, kthread_work_func);
	s->target = &s->kwork;
	s->queue = s->worker;

	return true;
}

static void kthread_work_exit(struct dft_subject *s)
{
	kthread_destroy_worker(s->worker);
}

static int kthread_work_add(struct dma_fence *fence, struct dft_subject *s,
			    union dft_kind_cb *cb)
{
	return dma_fence_add_kthread_work(fence, cb ? &cb->kthread_work : NULL,
					  s->queue, s->target);
}

static bool kthread_work_or_now(struct dma_fence *fence, struct dft_subject *s)
{
	return dma_fence_kthread_work_or_now(fence, &s->cb.kthread_work,
					     s->queue, s->target);
}

static void kthread_work_drain(struct dft_subject *s)
{
	kthread_flush_work(&s->kwork);
}

static void kthread_work_cancel(struct dft_subject *s)
{
	kthread_cancel_work_sync(&s->kwork);
}

static bool signal_init(struct dft_subject *s)
{
	s->fence = kzalloc_obj(*s->fence);
	if (!s->fence)
		return false;
	dft_fence_init(s->fence, &dft_names_ops, NULL);
	s->target = &s->fence->base;

	return true;
}

static void signal_exit(struct dft_subject *s)
{
	dma_fence_put(&s->fence->base);
}

static int signal_add(struct dma_fence *fence, struct dft_subject *s,
		      union dft_kind_cb *cb)
{
	return dma_fence_add_signal(fence, &cb->signal, s->target);
}

static int signal_runs(struct dft_subject *s)
{
	return dma_fence_test_signaled_flag(&s->fence->base);
}

static unsigned int signal_references(struct dft_subject *s)
{
	return kref_read(&s->fence->base.refcount);
}

static int poll_wake_func(wait_queue_entry_t *entry, unsigned int mode,
			  int flags, void *key)
{
	struct dft_subject *s = container_of(entry, struct dft_subject, sleeper);

	if (key_to_poll(key) == EPOLLIN)
		atomic_inc(&s->runs);

	return 0;
}

static bool poll_init(struct dft_subject *s)
{
	init_waitqueue_head(&s->wait);
	init_waitqueue_func_entry(&s->sleeper, poll_wake_func);
	add_wait_queue(&s->wait, &s->sleeper);
	s->target = &s->wait;

	return true;
}

static int poll_add(struct dma_fence *fence, struct dft_subject *s,
		    union dft_kind_cb *cb)
{
	return dma_fence_add_poll(fence, &cb->poll, s->target, EPOLLIN);
}

static bool poll_or_now(struct dma_fence *fence, struct dft_subject *s)
{
	return dma_fence_poll_or_now(fence, &s->cb.poll, s->target, EPOLLIN);
}

/* Without a work item there is nothing that an owner might have to cancel. */
const struct dft_kind dft_kinds[DFT_KINDS] = {
	[DFT_KIND_WAKE] = {
		.name = "wake",
		.init = wake_init,
		.exit = wake_exit,
		.add = wake_add,
		.or_now = wake_or_now,
		.runs = subject_runs,
		.drain = wake_drain,
		.cancel = nothing,
		.removed = nothing,
		.references = wake_references,
	},
	[DFT_KIND_COMPLETION] = {
		.name = "completion",
		.at_once = true,
		.init = completion_init,
		.exit = nothing,
		.add = completion_add,
		.or_now = completion_or_now,
		.runs = completion_runs,
		.drain = nothing,
		.cancel = nothing,
		.removed = nothing,
	},
	[DFT_KIND_WORK] = {
		.name = "work",
		.has_handler = true,
		.init = work_init,
		.exit = work_exit,
		.add = work_add,
		.or_now = work_or_now,
		.runs = subject_runs,
		.drain = work_drain,
		.cancel = work_cancel,
		.removed = nothing,
	},
	[DFT_KIND_DELAYED_WORK] = {
		.name = "delayed_work",
		.has_handler = true,
		.init = delayed_work_init,
		.exit = delayed_work_cancel,
		.add = delayed_work_add,
		.or_now = delayed_work_or_now,
		.runs = subject_runs,
		.drain = delayed_work_drain,
		.cancel = delayed_work_cancel,
		.removed = nothing,
	},
	[DFT_KIND_KTHREAD_WORK] = {
		.name = "kthread_work",
		.has_handler = true,
		.init = kthread_work_init,
		.exit = kthread_work_exit,
		.add = kthread_work_add,
		.or_now = kthread_work_or_now,
		.runs = subject_runs,
		.drain = kthread_work_drain,
		.cancel = kthread_work_cancel,
		.removed = nothing,
	},
	[DFT_KIND_SIGNAL] = {
		.name = "signal another",
		.at_once = true,
		.init = signal_init,
		.exit = signal_exit,
		.add = signal_add,
		.runs = signal_runs,
		.drain = nothing,
		.cancel = nothing,
		.removed = signal_exit,
		.references = signal_references,
	},
	[DFT_KIND_POLL] = {
		.name = "poll",
		.at_once = true,
		.init = poll_init,
		.exit = nothing,
		.add = poll_add,
		.or_now = poll_or_now,
		.runs = subject_runs,
		.drain = nothing,
		.cancel = nothing,
		.removed = nothing,
	},
};

static void subject_free(void *subject)
{
	dft_subject_end(subject);
	kfree(subject);
}

/**
 * dft_subject_new - make a callback and its target, for the length of a test
 * @test: the test
 * @kind: which kind
 *
 * To be called before the fences are made that the callback may be armed on, for
 * those are signalled before it goes if the test gives up.
 *
 * Return: the subject.
 */
struct dft_subject *dft_subject_new(struct kunit *test,
				    const struct dft_kind *kind)
{
	struct dft_subject *s = kzalloc_obj(*s);

	KUNIT_ASSERT_NOT_NULL(test, s);
	if (!kind->init(s)) {
		kfree(s);
		KUNIT_FAIL_AND_ABORT(test, "no target");
	}
	s->kind = kind;
	if (kind->references)
		s->held = kind->references(s);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, subject_free, s),
			0);

	return s;
}

/**
 * dft_subject_end - let the target go before the test ends
 * @s: a subject that is not armed
 */
void dft_subject_end(struct dft_subject *s)
{
	if (!s->ended)
		s->kind->exit(s);
	s->ended = true;
}

/**
 * dft_subject_take - remove the callback and use its memory for something else
 * @s: a subject that was armed, or refused
 * @fence: the fence
 *
 * Return: what the removal said.
 */
bool dft_subject_take(struct dft_subject *s, struct dma_fence *fence)
{
	bool taken = dma_fence_remove_callback(fence, &s->cb.base);

	/* Where it has been left on a list the test fails later, and not the machine. */
	if (list_empty(&s->cb.base.node))
		dft_poison(&s->cb, sizeof(s->cb));
	if (taken)
		s->kind->removed(s);

	return taken;
}

/**
 * dft_subject_expect - check how often the callback has run
 * @test: the test
 * @s: the subject
 * @runs: how often it should have, by now or soon
 *
 * Ends the test if it has not, for each such check may take DFT_PATIENCE.
 */
void dft_subject_expect(struct kunit *test, struct dft_subject *s, int runs)
{
	const struct dft_kind *kind = s->kind;

	sleep_until(kind->runs(s) >= runs);
	kind->drain(s);
	KUNIT_ASSERT_EQ_MSG(test, kind->runs(s), runs, "%s", kind->name);
}

/**
 * dft_subject_expect_held - check how many references the kind has
 * @test: the test
 * @s: the subject
 * @armed: how many callbacks are armed
 */
void dft_subject_expect_held(struct kunit *test, struct dft_subject *s,
			     unsigned int armed)
{
	const struct dft_kind *kind = s->kind;

	if (!kind->references)
		return;

	/* The scheduler, too, may have one for a moment. */
	sleep_until(kind->references(s) == s->held + armed);
	KUNIT_ASSERT_EQ_MSG(test, kind->references(s), s->held + armed, "%s",
			    kind->name);
}

MODULE_IMPORT_NS("DMA_FENCE_CORE");
