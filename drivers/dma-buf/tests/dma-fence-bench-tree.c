// SPDX-License-Identifier: GPL-2.0-only
/*
 * Benchmark of the fence core: containers
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/slab.h>

#include "dma-fence-bench.h"

static void signal_member(struct bench *b, unsigned int i)
{
	dma_fence_signal(&b->fences[i]);
	bench_irq_work();
}

/* From here to the callback on the container. */
static void signal_last(struct bench *b, unsigned int i)
{
	u64 start = bench_clock();

	signal_member(b, i);
	b->sample = b->arrived - start;
}

static void prepare_members(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < b->n; i++)
		dma_fence_init(&b->fences[i], &bench_release_ops, NULL,
			       i + 2, 1);
	b->arrived = 0;
}

static void arm_tree(struct bench *b)
{
	bench_add_callbacks(b, b->tree, &b->cbs[0], 1, bench_arrive);
}

static void finish_tree(struct bench *b)
{
	if (!b->arrived)
		KUNIT_FAIL(b->test, "the container has not signalled");
	dma_fence_put(b->tree);
}

static void prepare_array(struct bench *b)
{
	struct dma_fence **members = kmalloc_array(b->n, sizeof(*members),
						   GFP_KERNEL);
	struct dma_fence_array *array;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(b->test, members);
	prepare_members(b);
	for (i = 0; i < b->n; i++)
		members[i] = &b->fences[i];
	array = dma_fence_array_create(b->n, members, 1, 1);
	KUNIT_ASSERT_NOT_NULL(b->test, array);
	b->tree = &array->base;
}

static void tree_in_order(struct bench *b)
{
	unsigned int i;

	arm_tree(b);
	for (i = 0; i < b->n - 1; i++)
		signal_member(b, i);
	signal_last(b, i);
}

static void tree_in_reverse(struct bench *b)
{
	unsigned int i;

	arm_tree(b);
	for (i = b->n - 1; i; i--)
		signal_member(b, i);
	signal_last(b, 0);
}

static void prepare_chain(struct bench *b)
{
	struct dma_fence *prev = NULL;
	unsigned int i;

	prepare_members(b);
	for (i = 0; i < b->n; i++)
		b->links[i] = dma_fence_chain_alloc();
	for (i = 0; i < b->n; i++) {
		struct dma_fence_chain *link = b->links[i];

		KUNIT_ASSERT_NOT_NULL(b->test, link);
		dma_fence_chain_init(link, prev, &b->fences[i], i + 1);
		prev = &link->base;
	}
	b->tree = prev;
}

static const struct bench_case tree_cases[] = {
	{ .name = "array_last", .n = 2, .sampled = true,
	  .prepare = prepare_array, .batch = tree_in_order,
	  .finish = finish_tree },
	{ .name = "array_last", .n = 16, .sampled = true,
	  .prepare = prepare_array, .batch = tree_in_order,
	  .finish = finish_tree },
	{ .name = "array_last", .n = 128, .sampled = true,
	  .prepare = prepare_array, .batch = tree_in_order,
	  .finish = finish_tree },
	{ .name = "array_total", .n = 2, .prepare = prepare_array,
	  .batch = tree_in_order, .finish = finish_tree },
	{ .name = "array_total", .n = 16, .prepare = prepare_array,
	  .batch = tree_in_order, .finish = finish_tree },
	{ .name = "array_total", .n = 128, .prepare = prepare_array,
	  .batch = tree_in_order, .finish = finish_tree },
	{ .name = "chain_last", .n = 1, .sampled = true,
	  .prepare = prepare_chain, .batch = tree_in_order,
	  .finish = finish_tree },
	{ .name = "chain_last", .n = 16, .sampled = true,
	  .prepare = prepare_chain, .batch = tree_in_order,
	  .finish = finish_tree },
	{ .name = "chain_last", .n = 256, .sampled = true,
	  .prepare = prepare_chain, .batch = tree_in_order,
	  .finish = finish_tree },
	{ .name = "chain_last", .n = 4096, .sampled = true, .batches = 9,
	  .prepare = prepare_chain, .batch = tree_in_order,
	  .finish = finish_tree },
	{ .name = "chain_in_order", .n = 16, .prepare = prepare_chain,
	  .batch = tree_in_order, .finish = finish_tree },
	{ .name = "chain_in_order", .n = 256, .prepare = prepare_chain,
	  .batch = tree_in_order, .finish = finish_tree },
	{ .name = "chain_in_order", .n = 4096, .batches = 9,
	  .prepare = prepare_chain, .batch = tree_in_order,
	  .finish = finish_tree },
	{ .name = "chain_in_reverse", .n = 16, .prepare = prepare_chain,
	  .batch = tree_in_reverse, .finish = finish_tree },
	{ .name = "chain_in_reverse", .n = 256, .prepare = prepare_chain,
	  .batch = tree_in_reverse, .finish = finish_tree },
	{ .name = "chain_in_reverse", .n = 4096, .batches = 9,
	  .prepare = prepare_chain, .batch = tree_in_reverse,
	  .finish = finish_tree },
};

BENCH_SUITE(dma_fence_bench_tree, tree_cases);
