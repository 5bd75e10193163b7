// SPDX-License-Identifier: GPL-2.0-only
/*
 * Benchmark of the fence core: what two CPUs do to each other
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "dma-fence-bench.h"

/*
 * The other CPU's part. It starts with prepare and ends with finish, so that it
 * never runs longer than a batch, and may do so with interrupts disabled.
 */
struct helper {
	struct task_struct *task;
	struct bench *bench;
	void (*func)(struct helper *h);
	struct completion started;
	struct completion finished;
	bool ready;
	bool stop;
	u64 begin;
	u64 end;
	u64 longest;
};

static struct helper helper;

static int helper_main(void *data)
{
	struct helper *h = data;

	complete(&h->started);
	h->func(h);
	complete(&h->finished);

	return 0;
}

static void helper_start(struct bench *b, void (*func)(struct helper *h))
{
	struct helper *h = &helper;

	memset(h, 0, sizeof(*h));
	h->bench = b;
	h->func = func;
	init_completion(&h->started);
	init_completion(&h->finished);
	h->task = kthread_create_on_cpu(helper_main, h, b->cpu, "bench/%u");
	KUNIT_ASSERT_FALSE(b->test, IS_ERR(h->task));
	get_task_struct(h->task);
	wake_up_process(h->task);
	wait_for_completion(&h->started);
	/* Pairs with the helper's release: it is in its loop. */
	while (!smp_load_acquire(&h->ready))
		cond_resched();
}

static void helper_stop(struct bench *b)
{
	struct helper *h = &helper;

	WRITE_ONCE(h->stop, true);
	wait_for_completion(&h->finished);
	kthread_stop_put(h->task);
}

/* What a driver's interrupt handler does to the lock of its ring. */
static void hammer(struct helper *h)
{
	local_irq_disable();
	/* Pairs with helper_start(). */
	smp_store_release(&h->ready, true);
	while (!READ_ONCE(h->stop)) {
		spin_lock(&h->bench->lock);
		cpu_relax();
		spin_unlock(&h->bench->lock);
		cpu_relax();
	}
	local_irq_enable();
}

static void prepare_contended(struct bench *b)
{
	bench_init_delivered(b, true);
	helper_start(b, hammer);
}

/* Somebody who wants the lock, and for how long he did not get it. */
static void probe(struct helper *h)
{
	local_irq_disable();
	/* Pairs with helper_start(). */
	smp_store_release(&h->ready, true);
	while (!READ_ONCE(h->stop)) {
		u64 start = bench_clock(), took;

		spin_lock(&h->bench->lock);
		took = bench_clock() - start;
		spin_unlock(&h->bench->lock);
		if (READ_ONCE(h->begin))
			h->longest = max(h->longest, took);
		bench_spin(bench_ticks(50));
	}
	local_irq_enable();
}

static void prepare_probed(struct bench *b)
{
	bench_init_fences(b, 1, true);
	bench_add_callbacks(b, &b->fences[0], b->cbs, b->n, bench_busy);
	helper_start(b, probe);
}

static void probed_batch(struct bench *b)
{
	WRITE_ONCE(helper.begin, 1);
	dma_fence_signal(&b->fences[0]);
	/* Let an acquisition that was caught in it come to its end. */
	bench_spin(bench_ticks(500));
	WRITE_ONCE(helper.begin, 0);
}

static void finish_probed(struct bench *b)
{
	helper_stop(b);
	b->sample = helper.longest;
}

/* A task on the other CPU that sleeps until the fence signals. */
static void sleeper(struct helper *h)
{
	/* Pairs with helper_start(). */
	smp_store_release(&h->ready, true);
	dma_fence_wait(&h->bench->fences[0], false);
	h->end = bench_clock();
}

static void prepare_sleeper(struct bench *b)
{
	bench_init_fences(b, 1, false);
	/* One that the table does not count: a case with no others is its unit. */
	bench_add_callbacks(b, &b->fences[0], b->cbs, b->n - 1, bench_busy);
	helper_start(b, sleeper);
	while (READ_ONCE(helper.task->__state) != TASK_UNINTERRUPTIBLE)
		cond_resched();
	/* It may not have left the CPU yet. */
	bench_spin(bench_ticks(30 * NSEC_PER_USEC));
}

static void sleeper_batch(struct bench *b)
{
	helper.begin = bench_clock();
	dma_fence_signal(&b->fences[0]);
}

static void finish_sleeper(struct bench *b)
{
	helper_stop(b);
	b->sample = helper.end - helper.begin;
}

#define MANY	2048

static void stream_fences(struct bench *b, unsigned int first, spinlock_t *lock,
			  unsigned int callbacks)
{
	unsigned int i, j, sink = 0;

	for (i = 0; i < MANY; i++) {
		struct dma_fence *fence = &b->fences[first + i % 64];
		struct bench_cb *cbs = &b->cbs[(first + i % 64) * 4 % BENCH_FENCES];

		dma_fence_init(fence, &bench_release_ops, lock, 1, i + 1);
		for (j = 0; j < callbacks; j++)
			sink += dma_fence_add_callback(fence, &cbs[j].base,
						       bench_nop);
		dma_fence_signal(fence);
		dma_fence_put(fence);
	}
	if (sink)
		KUNIT_FAIL(b->test, "callbacks not added");
}

static void stream(struct helper *h)
{
	struct bench *b = h->bench;
	bool shared = b->n > 1;

	local_irq_disable();
	/* Pairs with helper_start(). */
	smp_store_release(&h->ready, true);
	while (!READ_ONCE(h->begin))
		cpu_relax();
	/* Far from what the other one uses. */
	stream_fences(b, 512, shared ? &b->lock : NULL, b->n);
	WRITE_ONCE(h->end, bench_clock());
	local_irq_enable();
}

static void prepare_stream(struct bench *b)
{
	helper_start(b, stream);
}

static void stream_batch(struct bench *b)
{
	bool shared = b->n > 1;
	u64 begin, end;

	begin = bench_clock();
	WRITE_ONCE(helper.begin, begin);
	stream_fences(b, 0, shared ? &b->lock : NULL, b->n);
	end = bench_clock();
	while (!READ_ONCE(helper.end))
		cpu_relax();
	b->sample = max(end, READ_ONCE(helper.end)) - begin;
}

static void finish_helper(struct bench *b)
{
	helper_stop(b);
}

static const struct bench_case two_cases[] = {
	{ .name = "remove_contended", .ops = BENCH_OPS, .two_cpus = true,
	  .prepare = prepare_contended, .batch = bench_remove,
	  .finish = finish_helper },
	{ .name = "lock_wait", .n = 1, .two_cpus = true, .sampled = true,
	  .prepare = prepare_probed, .batch = probed_batch,
	  .finish = finish_probed },
	{ .name = "lock_wait", .n = 8, .two_cpus = true, .sampled = true,
	  .prepare = prepare_probed, .batch = probed_batch,
	  .finish = finish_probed },
	{ .name = "lock_wait", .n = 64, .two_cpus = true, .sampled = true,
	  .prepare = prepare_probed, .batch = probed_batch,
	  .finish = finish_probed },
	{ .name = "lock_wait", .n = 512, .two_cpus = true, .sampled = true,
	  .prepare = prepare_probed, .batch = probed_batch,
	  .finish = finish_probed },
	{ .name = "wake", .n = 1, .two_cpus = true, .sampled = true,
	  .irqs_on = true, .tail = true, .batches = 401,
	  .prepare = prepare_sleeper, .batch = sleeper_batch,
	  .finish = finish_sleeper },
	{ .name = "wake", .n = 257, .two_cpus = true, .sampled = true,
	  .irqs_on = true, .tail = true, .batches = 401,
	  .prepare = prepare_sleeper, .batch = sleeper_batch,
	  .finish = finish_sleeper },
	/* Per fence, with two CPUs at it. */
	{ .name = "stream_private", .n = 1, .ops = 2 * MANY, .two_cpus = true,
	  .sampled = true, .prepare = prepare_stream, .batch = stream_batch,
	  .finish = finish_helper },
	{ .name = "stream_shared", .n = 4, .ops = 2 * MANY, .two_cpus = true,
	  .sampled = true, .prepare = prepare_stream, .batch = stream_batch,
	  .finish = finish_helper },
};

BENCH_SUITE(dma_fence_bench_two, two_cases);
