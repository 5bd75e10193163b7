// SPDX-License-Identifier: GPL-2.0-only
/*
 * Benchmark of the fence core: what one CPU does by itself
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/hrtimer.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "dma-fence-bench.h"

#ifdef DMA_FENCE_BENCH_BASE
/* The base runs callbacks under the lock, so none is owed when it is dropped. */
static void bench_flush(struct dma_fence *fence)
{
}
#else
#include <linux/dma-fence-batch.h>

static void bench_flush(struct dma_fence *fence)
{
	dma_fence_flush_callbacks(fence);
}
#endif

static void life_batch(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < BENCH_OPS; i++) {
		dma_fence_init(&b->fences[i], &bench_release_ops, NULL, 1, i + 1);
		dma_fence_signal(&b->fences[i]);
		dma_fence_put(&b->fences[i]);
	}
}

static void throughput_batch(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < BENCH_OPS; i++) {
		struct dma_fence *fence = &b->fences[i];

		dma_fence_init(fence, &bench_release_ops, NULL, 1, i + 1);
		b->sink += dma_fence_add_callback(fence, &b->cbs[i].base,
						  bench_nop);
		dma_fence_signal(fence);
		dma_fence_put(fence);
	}
}

static void prepare_one(struct bench *b)
{
	bench_init_fences(b, 1, false);
}

static void finish_one(struct bench *b)
{
	dma_fence_signal(&b->fences[0]);
}

static void add_batch(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < BENCH_OPS; i++)
		b->sink += dma_fence_add_callback(&b->fences[0], &b->cbs[i].base,
						  bench_nop);
}

static void add_remove_batch(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < BENCH_OPS; i++) {
		b->sink += dma_fence_add_callback(&b->fences[0], &b->cbs[i].base,
						  bench_nop);
		b->sink += dma_fence_remove_callback(&b->fences[0],
						     &b->cbs[i].base);
	}
}

static void prepare_many(struct bench *b)
{
	bench_init_fences(b, BENCH_OPS, false);
}

static void add_signal_batch(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < BENCH_OPS; i++) {
		b->sink += dma_fence_add_callback(&b->fences[i], &b->cbs[i].base,
						  bench_nop);
		dma_fence_signal(&b->fences[i]);
	}
}

static unsigned int signal_fences(struct bench *b)
{
	return BENCH_CALLBACKS / b->n;
}

static void prepare_signal(struct bench *b)
{
	unsigned int i;

	bench_init_fences(b, signal_fences(b), false);
	for (i = 0; i < signal_fences(b); i++)
		bench_add_callbacks(b, &b->fences[i], &b->cbs[i * b->n], b->n,
				    bench_nop);
}

static void signal_batch(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < signal_fences(b); i++)
		dma_fence_signal(&b->fences[i]);
}

static void prepare_busy(struct bench *b)
{
	bench_init_fences(b, 1, false);
	bench_add_callbacks(b, &b->fences[0], b->cbs, b->n, bench_busy);
}

static void signal_one_batch(struct bench *b)
{
	dma_fence_signal(&b->fences[0]);
}

static void prepare_delivered(struct bench *b)
{
	bench_init_delivered(b, false);
}

static void wait_batch(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < BENCH_OPS; i++)
		b->sink += dma_fence_wait_timeout(&b->fences[i], false, 1);
}

static bool never_signaled(struct dma_fence *fence)
{
	return false;
}

static const char *asked_name(struct dma_fence *fence)
{
	return "bench";
}

static const struct dma_fence_ops asked_ops = {
	.get_driver_name = asked_name,
	.get_timeline_name = asked_name,
	.signaled = never_signaled,
};

static void prepare_asked(struct bench *b)
{
	dma_fence_init(&b->fences[0], &asked_ops, NULL, 1, 1);
}

static void prepare_signaled(struct bench *b)
{
	bench_init_fences(b, 1, false);
	dma_fence_signal(&b->fences[0]);
}

static void is_signaled_batch(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < BENCH_OPS; i++)
		b->sink += dma_fence_is_signaled(&b->fences[0]);
}

static void prepare_locked(struct bench *b)
{
	bench_init_armed(b, BENCH_LOCKED, true);
}

/* As drivers do: everything that is done, under the lock of the ring. */
static void locked_batch(struct bench *b)
{
	unsigned int i;
	u64 start;

	spin_lock(&b->lock);
	start = bench_clock();
	for (i = 0; i < BENCH_LOCKED; i++)
		dma_fence_signal_locked(&b->fences[i]);
	b->sample = bench_clock() - start;
	spin_unlock(&b->lock);
	for (i = 0; i < BENCH_LOCKED; i++)
		bench_flush(&b->fences[i]);
}

#ifdef DMA_FENCE_BENCH_BASE
#define batched_batch	locked_batch
#else
static void batched_batch(struct bench *b)
{
	DEFINE_DMA_FENCE_BATCH(batch);
	unsigned int i;
	u64 start;

	spin_lock(&b->lock);
	start = bench_clock();
	for (i = 0; i < BENCH_LOCKED; i++)
		dma_fence_batch_signal(&batch, &b->fences[i]);
	b->sample = bench_clock() - start;
	spin_unlock(&b->lock);
	dma_fence_batch_deliver(&batch);
}
#endif

struct late {
	struct hrtimer timer;
	struct bench_cb cb;
	u64 due;
	bool fired;
};

static struct late late;

static enum hrtimer_restart late_fires(struct hrtimer *timer)
{
	late.cb.bench->sample = bench_clock() - late.due;
	WRITE_ONCE(late.fired, true);

	return HRTIMER_NORESTART;
}

/* An interrupt that is due right after this. */
static void late_start(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	late.due = bench_clock() + bench_ticks(1000);
	hrtimer_start(&late.timer, ns_to_ktime(1000), HRTIMER_MODE_REL_PINNED);
}

static void prepare_late(struct bench *b)
{
	bench_init_fences(b, 1, false);
	late.cb.bench = b;
	late.fired = false;
	hrtimer_setup(&late.timer, late_fires, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED);
	b->sink += dma_fence_add_callback(&b->fences[0], &late.cb.base,
					  late_start);
	bench_add_callbacks(b, &b->fences[0], b->cbs, b->n, bench_busy);
}

static void finish_late(struct bench *b)
{
	while (!READ_ONCE(late.fired))
		cpu_relax();
	hrtimer_cancel(&late.timer);
}

struct errand {
	struct work_struct work;
	struct bench_cb cb;
	u64 sent;
	struct completion done;
};

static struct errand errand;

static void errand_runs(struct work_struct *work)
{
	errand.cb.bench->sample = bench_clock() - errand.sent;
	complete(&errand.done);
}

static void errand_send(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	queue_work_on(smp_processor_id(), system_percpu_wq, &errand.work);
}

static void prepare_errand(struct bench *b)
{
	bench_init_fences(b, 1, false);
	errand.cb.bench = b;
	INIT_WORK(&errand.work, errand_runs);
	init_completion(&errand.done);
	b->sink += dma_fence_add_callback(&b->fences[0], &errand.cb.base,
					  errand_send);
}

static void errand_batch(struct bench *b)
{
	errand.sent = bench_clock();
	dma_fence_signal(&b->fences[0]);
	wait_for_completion(&errand.done);
}

static const struct bench_case one_cases[] = {
	{ .name = "init_signal_put", .ops = BENCH_OPS, .batch = life_batch },
	{ .name = "throughput", .ops = BENCH_OPS, .batch = throughput_batch },
	{ .name = "add", .ops = BENCH_OPS, .prepare = prepare_one,
	  .batch = add_batch, .finish = finish_one },
	{ .name = "add_signal", .ops = BENCH_OPS, .prepare = prepare_many,
	  .batch = add_signal_batch },
	{ .name = "add_remove", .ops = BENCH_OPS, .prepare = prepare_one,
	  .batch = add_remove_batch, .finish = finish_one },
	{ .name = "signal_each", .n = 1, .ops = BENCH_CALLBACKS,
	  .prepare = prepare_signal, .batch = signal_batch },
	{ .name = "signal_each", .n = 8, .ops = BENCH_CALLBACKS,
	  .prepare = prepare_signal, .batch = signal_batch },
	{ .name = "signal_each", .n = 64, .ops = BENCH_CALLBACKS,
	  .prepare = prepare_signal, .batch = signal_batch },
	{ .name = "signal_each", .n = 512, .ops = BENCH_CALLBACKS,
	  .prepare = prepare_signal, .batch = signal_batch },
	{ .name = "signal_busy", .n = 1, .prepare = prepare_busy,
	  .batch = signal_one_batch },
	{ .name = "signal_busy", .n = 8, .prepare = prepare_busy,
	  .batch = signal_one_batch },
	{ .name = "signal_busy", .n = 64, .prepare = prepare_busy,
	  .batch = signal_one_batch },
	{ .name = "signal_busy", .n = 512, .prepare = prepare_busy,
	  .batch = signal_one_batch },
	{ .name = "remove_delivered", .ops = BENCH_OPS,
	  .prepare = prepare_delivered, .batch = bench_remove },
	{ .name = "wait_signaled", .ops = BENCH_OPS,
	  .prepare = prepare_delivered, .batch = wait_batch },
	{ .name = "is_signaled_yes", .ops = BENCH_OPS,
	  .prepare = prepare_signaled, .batch = is_signaled_batch },
	{ .name = "is_signaled_no", .ops = BENCH_OPS, .prepare = prepare_one,
	  .batch = is_signaled_batch, .finish = finish_one },
	{ .name = "is_signaled_asks", .ops = BENCH_OPS, .prepare = prepare_asked,
	  .batch = is_signaled_batch, .finish = finish_one },
	{ .name = "signal_locked", .ops = BENCH_LOCKED,
	  .prepare = prepare_locked, .batch = locked_batch },
	{ .name = "signal_locked_hold", .ops = BENCH_LOCKED, .sampled = true,
	  .prepare = prepare_locked, .batch = locked_batch },
	/* On the base, which has no batches, the same as the two before. */
	{ .name = "signal_batch", .ops = BENCH_LOCKED,
	  .prepare = prepare_locked, .batch = batched_batch },
	{ .name = "signal_batch_hold", .ops = BENCH_LOCKED, .sampled = true,
	  .prepare = prepare_locked, .batch = batched_batch },
	{ .name = "irq_delay", .n = 1, .irqs_on = true, .sampled = true,
	  .prepare = prepare_late, .batch = signal_one_batch,
	  .finish = finish_late },
	{ .name = "irq_delay", .n = 8, .irqs_on = true, .sampled = true,
	  .prepare = prepare_late, .batch = signal_one_batch,
	  .finish = finish_late },
	{ .name = "irq_delay", .n = 64, .irqs_on = true, .sampled = true,
	  .prepare = prepare_late, .batch = signal_one_batch,
	  .finish = finish_late },
	{ .name = "irq_delay", .n = 512, .irqs_on = true, .sampled = true,
	  .prepare = prepare_late, .batch = signal_one_batch,
	  .finish = finish_late },
	{ .name = "signal_to_work", .irqs_on = true, .sampled = true,
	  .batches = 101, .prepare = prepare_errand, .batch = errand_batch },
};

BENCH_SUITE(dma_fence_bench_one, one_cases);
