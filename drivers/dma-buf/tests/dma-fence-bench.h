/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the dma_fence_bench suite share.
 *
 * The suite uses nothing but what the fence core of the base kernel offers too,
 * since its purpose is to compare the two; all but dma-fence-bench-rework.c.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef _DMA_FENCE_BENCH_H
#define _DMA_FENCE_BENCH_H

#include <linux/dma-fence.h>
#include <linux/irq_work.h>
#include <linux/ktime.h>
#include <linux/spinlock.h>

#include <kunit/test.h>

/* Enough for the largest case, a chain. */
#define BENCH_FENCES	4096
/* What most cases do per batch: long for the clock, short for the host. */
#define BENCH_OPS	256
#define BENCH_CALLBACKS	512
#define BENCH_BATCHES	31
/* As many as an interrupt may find done. */
#define BENCH_LOCKED	64

/* Without these it would be a case of the benchmark what lock and clock cost. */
#if defined(__x86_64__)
static inline u64 bench_clock(void)
{
	u32 low, high;

	asm volatile("lfence; rdtsc; lfence" : "=a" (low), "=d" (high) :
		     : "memory");

	return (u64)high << 32 | low;
}
#else
static inline u64 bench_clock(void)
{
	return ktime_get_ns();
}
#endif

/**
 * struct bench_cb - a callback that a case can tell from others
 * @base: the callback
 * @bench: what it belongs to
 */
struct bench_cb {
	struct dma_fence_cb base;
	struct bench *bench;
};

/**
 * struct bench - what the cases work on
 * @test: the KUnit test
 * @n: parameter of the case
 * @fences: memory for fences
 * @cbs: memory for callbacks, as many
 * @tree: the container of the array and chain cases
 * @links: links of a chain, allocated
 * @arrived: when the callback of interest ran
 * @sample: what a batch has measured, if not how long it took
 * @sink: where results go that nobody wants
 * @cpu: the other CPU, if there is one
 * @lock: an issuer's lock, for cases with fences that share one
 * @end: nothing
 */
struct bench {
	struct kunit *test;
	unsigned int n;
	struct dma_fence *fences;
	struct bench_cb *cbs;
	struct dma_fence *tree;
	void **links;
	u64 arrived;
	u64 sample;
	unsigned long sink;
	unsigned int cpu;
	/* Nothing else in its cache line, where another CPU may be at it. */
	spinlock_t lock ____cacheline_aligned;	/* of fences */
	char end[0] ____cacheline_aligned;
};

/**
 * struct bench_case - something to measure
 * @name: as it appears in the table
 * @n: passed on in &struct bench
 * @ops: how many operations one batch makes
 * @batches: how many batches, 0 for %BENCH_BATCHES
 * @irqs_on: the batch runs with interrupts enabled
 * @two_cpus: needs a second CPU
 * @sampled: the batch leaves its result in &struct bench.sample
 * @tail: print the 99th percentile as well
 * @prepare: run before each batch
 * @batch: what is timed
 * @finish: run after each batch
 */
struct bench_case {
	const char *name;
	unsigned int n;
	unsigned int ops;
	unsigned int batches;
	bool irqs_on;
	bool two_cpus;
	bool sampled;
	bool tail;
	void (*prepare)(struct bench *b);
	void (*batch)(struct bench *b);
	void (*finish)(struct bench *b);
};

#define BENCH_SUITE(suite, cases)					\
KUNIT_ARRAY_PARAM(suite, cases, bench_describe);			\
static struct kunit_case suite##_cases[] = {				\
	KUNIT_CASE_PARAM(bench_run, suite##_gen_params),		\
	{}								\
};									\
static struct kunit_suite suite = {					\
	.name = #suite,							\
	.init = bench_init,						\
	.test_cases = suite##_cases,					\
};									\
kunit_test_suite(suite)

extern const struct dma_fence_ops bench_ops;
extern const struct dma_fence_ops bench_release_ops;

int bench_init(struct kunit *test);
void bench_run(struct kunit *test);
void bench_describe(const struct bench_case *c, char *text);
u64 bench_ticks(u64 ns);
void bench_spin(u64 ticks);
void bench_nop(struct dma_fence *fence, struct dma_fence_cb *cb);
void bench_busy(struct dma_fence *fence, struct dma_fence_cb *cb);
void bench_arrive(struct dma_fence *fence, struct dma_fence_cb *cb);
void bench_init_fences(struct bench *b, unsigned int count, bool shared);
void bench_init_armed(struct bench *b, unsigned int count, bool shared);
void bench_init_delivered(struct bench *b, bool shared);
void bench_remove(struct bench *b);
void bench_add_callbacks(struct bench *b, struct dma_fence *fence,
			 struct bench_cb *cbs, unsigned int count,
			 dma_fence_func_t func);

/*
 * UML has no interrupt for irq_work, which would wait for the tick. Here the
 * benchmark stands in for the interrupt, at no cost; on the pristine base that
 * favours the containers, which use it. Interrupts are disabled.
 */
static inline void bench_irq_work(void)
{
	irq_work_run();
}

#endif /* _DMA_FENCE_BENCH_H */
