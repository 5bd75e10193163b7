// SPDX-License-Identifier: GPL-2.0-only
/*
 * Benchmark of the fence core: what the base has no counterpart for
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/completion.h>

#include "dma-fence-bench.h"

#define OWED_FENCES	64

static void prepare_flush(struct bench *b)
{
	unsigned int i;

	bench_init_fences(b, BENCH_OPS, false);
	for (i = 0; i < BENCH_OPS; i++) {
		bench_add_callbacks(b, &b->fences[i], &b->cbs[i], 1, bench_nop);
		dma_fence_signal(&b->fences[i]);
	}
}

static void flush_batch(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < BENCH_OPS; i++)
		dma_fence_flush_callbacks(&b->fences[i]);
}

static void prepare_owed(struct bench *b)
{
	unsigned int i;

	bench_init_fences(b, OWED_FENCES, true);
	for (i = 0; i < OWED_FENCES; i++)
		bench_add_callbacks(b, &b->fences[i], &b->cbs[i], 1, bench_nop);
}

static void signal_owed(struct bench *b)
{
	unsigned int i;

	spin_lock(&b->lock);
	for (i = 0; i < OWED_FENCES; i++)
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
	for (i = 0; i < OWED_FENCES; i++)
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
	for (i = 0; i < OWED_FENCES; i++)
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

static const struct bench_case rework_cases[] = {
	{ .name = "flush_delivered", .ops = BENCH_OPS, .prepare = prepare_flush,
	  .batch = flush_batch },
	{ .name = "flush_owed", .ops = OWED_FENCES, .sampled = true,
	  .prepare = prepare_owed, .batch = flush_owed_batch },
	{ .name = "remove_owed", .ops = OWED_FENCES, .sampled = true,
	  .prepare = prepare_owed, .batch = remove_owed_batch },
	{ .name = "locked_to_callback", .irqs_on = true, .sampled = true,
	  .batches = 101, .prepare = prepare_deferred,
	  .batch = deferred_batch },
};

BENCH_SUITE(dma_fence_bench_rework, rework_cases);
