// SPDX-License-Identifier: GPL-2.0-only
/*
 * Benchmark of the fence core: what the base has no counterpart for
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/completion.h>
#include <linux/dma-fence-cb.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "dma-fence-bench.h"

static void prepare_delivered(struct bench *b)
{
	bench_init_delivered(b, false);
}

static void flush_batch(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < BENCH_OPS; i++)
		dma_fence_flush_callbacks(&b->fences[i]);
}

static void prepare_owed(struct bench *b)
{
	bench_init_armed(b, BENCH_LOCKED, true);
}

static void signal_owed(struct bench *b)
{
	unsigned int i;

	spin_lock(&b->lock);
	for (i = 0; i < BENCH_LOCKED; i++)
		dma_fence_signal_locked(&b->fences[i]);
	spin_unlock(&b->lock);
}

/* Interrupts stay disabled, so that nobody delivers before. */
static void remove_owed_batch(struct bench *b)
{
	unsigned int i;
	u64 start;

	signal_owed(b);
	start = bench_clock();
	for (i = 0; i < BENCH_LOCKED; i++)
		b->sink += dma_fence_remove_callback(&b->fences[i],
						     &b->cbs[i].base);
	b->sample = bench_clock() - start;
}

static void flush_owed_batch(struct bench *b)
{
	unsigned int i;
	u64 start;

	signal_owed(b);
	start = bench_clock();
	for (i = 0; i < BENCH_LOCKED; i++)
		dma_fence_flush_callbacks(&b->fences[i]);
	b->sample = bench_clock() - start;
}

static struct completion deferred_done;

static void deferred_func(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	bench_arrive(fence, cb);
	complete(&deferred_done);
}

static void prepare_deferred(struct bench *b)
{
	bench_init_fences(b, 1, true);
	init_completion(&deferred_done);
	bench_add_callbacks(b, &b->fences[0], &b->cbs[0], 1, deferred_func);
}

/* From the signal to the callback, with whoever delivers in between. */
static void deferred_batch(struct bench *b)
{
	unsigned long flags;
	u64 start;

	spin_lock_irqsave(&b->lock, flags);
	start = bench_clock();
	dma_fence_signal_locked(&b->fences[0]);
	spin_unlock_irqrestore(&b->lock, flags);
	wait_for_completion(&deferred_done);
	b->sample = b->arrived - start;
}

/*
 * Each kind, from the signal to whoever it is for: a work item or a thread, which
 * note the time. Bound to this CPU, where a second one is busy with something else.
 */

struct kinds {
	struct bench *bench;
	struct dma_fence_cb_wake wake;
	struct dma_fence_cb_completion completion;
	struct dma_fence_cb_work queue;
	struct dma_fence_cb_delayed_work delayed;
	struct dma_fence_cb_kthread_work kthread;
	struct work_struct work;
	struct delayed_work dwork;
	struct kthread_work kwork;
	struct kthread_worker *worker;
	struct task_struct *sleeper;
	struct completion event;
	struct completion arrived;
	struct workqueue_struct *wq;
	u64 start;
};

static struct kinds kinds;

static void kinds_arrived(void)
{
	kinds.bench->sample = bench_clock() - kinds.start;
	complete(&kinds.arrived);
}

static void kinds_work(struct work_struct *work)
{
	kinds_arrived();
}

static void kinds_kwork(struct kthread_work *work)
{
	kinds_arrived();
}

static int kinds_sleep(void *unused)
{
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (dma_fence_is_signaled(&kinds.bench->fences[0]))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	kinds_arrived();
	dma_fence_remove_callback(&kinds.bench->fences[0], &kinds.wake.base);
	return 0;
}

static int kinds_wait(void *unused)
{
	wait_for_completion(&kinds.event);
	kinds_arrived();
	return 0;
}

static void prepare_kind(struct bench *b)
{
	kinds.bench = b;
	bench_init_fences(b, 1, false);
	init_completion(&kinds.event);
	init_completion(&kinds.arrived);
	/* Its items run on the CPU that queues them. */
	kinds.wq = system_percpu_wq;
}

static void prepare_thread(struct bench *b, int (*func)(void *unused))
{
	prepare_kind(b);
	kinds.sleeper = kthread_run_on_cpu(func, NULL, raw_smp_processor_id(),
					   "bench/%u");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(b->test, kinds.sleeper);
}

/* Not before it is asleep. */
static void let_it_sleep(void)
{
	while (!(READ_ONCE(kinds.sleeper->__state) & TASK_UNINTERRUPTIBLE))
		schedule_timeout_uninterruptible(1);
}

static void prepare_wake(struct bench *b)
{
	prepare_thread(b, kinds_sleep);
	b->sink += dma_fence_add_wake(&b->fences[0], &kinds.wake, kinds.sleeper);
	let_it_sleep();
}

static void prepare_completion(struct bench *b)
{
	prepare_thread(b, kinds_wait);
	b->sink += dma_fence_add_completion(&b->fences[0], &kinds.completion,
					    &kinds.event);
	let_it_sleep();
}

static void prepare_work(struct bench *b)
{
	prepare_kind(b);
	INIT_WORK(&kinds.work, kinds_work);
	b->sink += dma_fence_add_work(&b->fences[0], &kinds.queue, kinds.wq,
				      &kinds.work);
}

static void prepare_delayed_work(struct bench *b)
{
	prepare_kind(b);
	INIT_DELAYED_WORK(&kinds.dwork, kinds_work);
	b->sink += dma_fence_add_delayed_work(&b->fences[0], &kinds.delayed,
					      kinds.wq, &kinds.dwork, 0);
}

static void prepare_kthread_work(struct bench *b)
{
	prepare_kind(b);
	kinds.worker = kthread_run_worker_on_cpu(raw_smp_processor_id(), 0,
						 "bench/%u");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(b->test, kinds.worker);
	kthread_init_work(&kinds.kwork, kinds_kwork);
	b->sink += dma_fence_add_kthread_work(&b->fences[0], &kinds.kthread,
					      kinds.worker, &kinds.kwork);
}

static void kind_batch(struct bench *b)
{
	kinds.start = bench_clock();
	dma_fence_signal(&b->fences[0]);
	wait_for_completion(&kinds.arrived);
}

static void finish_kthread_work(struct bench *b)
{
	kthread_destroy_worker(kinds.worker);
}

static const struct bench_case rework_cases[] = {
	{ .name = "flush_delivered", .ops = BENCH_OPS, .prepare = prepare_delivered,
	  .batch = flush_batch },
	{ .name = "flush_owed", .ops = BENCH_LOCKED, .sampled = true,
	  .prepare = prepare_owed, .batch = flush_owed_batch },
	{ .name = "remove_owed", .ops = BENCH_LOCKED, .sampled = true,
	  .prepare = prepare_owed, .batch = remove_owed_batch },
	{ .name = "locked_to_callback", .irqs_on = true, .sampled = true,
	  .batches = 101, .prepare = prepare_deferred,
	  .batch = deferred_batch },
	{ .name = "kind_wake", .irqs_on = true, .sampled = true, .batches = 101,
	  .prepare = prepare_wake, .batch = kind_batch },
	{ .name = "kind_completion", .irqs_on = true, .sampled = true,
	  .batches = 101, .prepare = prepare_completion, .batch = kind_batch },
	{ .name = "kind_work", .irqs_on = true, .sampled = true, .batches = 101,
	  .prepare = prepare_work, .batch = kind_batch },
	{ .name = "kind_delayed_work", .irqs_on = true, .sampled = true,
	  .batches = 101, .prepare = prepare_delayed_work,
	  .batch = kind_batch },
	{ .name = "kind_kthread_work", .irqs_on = true, .sampled = true,
	  .batches = 101, .prepare = prepare_kthread_work,
	  .batch = kind_batch, .finish = finish_kthread_work },
};

BENCH_SUITE(dma_fence_bench_rework, rework_cases);
