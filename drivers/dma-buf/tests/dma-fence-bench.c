// SPDX-License-Identifier: GPL-2.0-only
/*
 * Benchmark of the fence core: takes the times and prints them
 *
 * A case runs in batches, of which the median counts. The time of a batch comes
 * from the CPU's own counter, with interrupts disabled unless the case needs
 * them. A line of the result is
 *
 *	BENCH name value unit
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/irqflags.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "dma-fence-bench.h"

/* Ticks of bench_clock() in 2^20 ns. */
static u64 bench_rate;

static const char *bench_name(struct dma_fence *fence)
{
	return "bench";
}

static void bench_release(struct dma_fence *fence)
{
}

const struct dma_fence_ops bench_ops = {
	.get_driver_name = bench_name,
	.get_timeline_name = bench_name,
};

/* Whose memory stays, so that a batch may put it. */
const struct dma_fence_ops bench_release_ops = {
	.get_driver_name = bench_name,
	.get_timeline_name = bench_name,
	.release = bench_release,
};

static void bench_calibrate(void)
{
	u64 ns = ktime_get_ns(), ticks = bench_clock(), passed;

	do {
		passed = ktime_get_ns() - ns;
	} while (passed < 20 * NSEC_PER_MSEC);
	bench_rate = div64_u64((bench_clock() - ticks) << 20, passed);
}

/**
 * bench_ticks - a time in ticks of bench_clock()
 * @ns: the time
 *
 * Return: the ticks.
 */
u64 bench_ticks(u64 ns)
{
	return (ns * bench_rate) >> 20;
}

/**
 * bench_spin - take some time
 * @ticks: how much
 */
void bench_spin(u64 ticks)
{
	u64 end = bench_clock() + ticks;

	while (bench_clock() < end)
		cpu_relax();
}

/**
 * bench_nop - a callback that takes no time
 * @fence: the fence
 * @cb: the callback
 */
void bench_nop(struct dma_fence *fence, struct dma_fence_cb *cb)
{
}

/**
 * bench_busy - a callback that takes 200 ns
 * @fence: the fence
 * @cb: the callback
 */
void bench_busy(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	bench_spin((200 * bench_rate) >> 20);
}

/**
 * bench_arrive - a callback that notes the time
 * @fence: the fence
 * @cb: the callback, in a struct bench_cb
 */
void bench_arrive(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	container_of(cb, struct bench_cb, base)->bench->arrived = bench_clock();
}

/**
 * bench_init_fences - new fences in the memory of the last ones
 * @b: the benchmark
 * @count: how many
 * @shared: whether they share the benchmark's lock
 */
void bench_init_fences(struct bench *b, unsigned int count, bool shared)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		dma_fence_init(&b->fences[i], &bench_ops,
			       shared ? &b->lock : NULL, 1, i + 1);
}

/**
 * bench_add_callbacks - give a fence a number of callbacks
 * @b: the benchmark
 * @fence: the fence
 * @cbs: memory for them
 * @count: how many
 * @func: what they do
 */
void bench_add_callbacks(struct bench *b, struct dma_fence *fence,
			 struct bench_cb *cbs, unsigned int count,
			 dma_fence_func_t func)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		cbs[i].bench = b;
		if (dma_fence_add_callback(fence, &cbs[i].base, func))
			KUNIT_FAIL(b->test, "callback %u not added", i);
	}
}

/**
 * bench_init_armed - new fences with a callback each
 * @b: the benchmark
 * @count: how many
 * @shared: whether they share the benchmark's lock
 */
void bench_init_armed(struct bench *b, unsigned int count, bool shared)
{
	unsigned int i;

	bench_init_fences(b, count, shared);
	for (i = 0; i < count; i++)
		bench_add_callbacks(b, &b->fences[i], &b->cbs[i], 1, bench_nop);
}

/**
 * bench_init_delivered - new fences that have signalled, and run a callback each
 * @b: the benchmark
 * @shared: whether they share the benchmark's lock
 */
void bench_init_delivered(struct bench *b, bool shared)
{
	unsigned int i;

	bench_init_armed(b, BENCH_OPS, shared);
	for (i = 0; i < BENCH_OPS; i++)
		dma_fence_signal(&b->fences[i]);
}

/**
 * bench_remove - remove the callback of each of %BENCH_OPS fences
 * @b: the benchmark
 */
void bench_remove(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < BENCH_OPS; i++)
		b->sink += dma_fence_remove_callback(&b->fences[i],
						     &b->cbs[i].base);
}

static int bench_compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static u64 bench_batch(struct bench *b, const struct bench_case *c)
{
	unsigned long flags = 0;
	u64 start, took;

	if (c->prepare)
		c->prepare(b);
	if (!c->irqs_on)
		local_irq_save(flags);
	start = bench_clock();
	c->batch(b);
	took = bench_clock() - start;
	if (!c->irqs_on)
		local_irq_restore(flags);
	if (c->sampled)
		took = b->sample;
	if (c->finish)
		c->finish(b);

	return took;
}

/* In hundredths of a nanosecond. */
static void bench_print(const struct bench_case *c, const char *suffix, u64 ticks)
{
	u64 value = div64_u64((ticks * 100) << 20, bench_rate * (c->ops ?: 1));
	u32 rest;

	value = div_u64_rem(value, 100, &rest);
	if (c->n)
		pr_info("BENCH %s.%u%s %llu.%02u ns\n", c->name, c->n, suffix,
			value, rest);
	else
		pr_info("BENCH %s%s %llu.%02u ns\n", c->name, suffix, value,
			rest);
}

/**
 * bench_run - measure one case
 * @test: the test, its parameter is the case
 */
void bench_run(struct kunit *test)
{
	const struct bench_case *c = test->param_value;
	unsigned int i, batches = c->batches ?: BENCH_BATCHES;
	struct bench *b = test->priv;
	u64 *samples;

	if (IS_ENABLED(CONFIG_PROVE_LOCKING) ||
	    IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP))
		kunit_skip(test, "debugging would be measured");
	if (c->two_cpus && b->cpu >= nr_cpu_ids)
		kunit_skip(test, "needs two CPUs");

	samples = kunit_kcalloc(test, batches, sizeof(*samples), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, samples);
	b->n = c->n;
	spin_lock_init(&b->lock);

	/* Two for the caches. */
	bench_batch(b, c);
	bench_batch(b, c);
	for (i = 0; i < batches; i++)
		samples[i] = bench_batch(b, c);
	sort(samples, batches, sizeof(*samples), bench_compare, NULL);
	bench_print(c, "", samples[batches / 2]);
	if (c->tail)
		bench_print(c, ".p99", samples[batches * 99 / 100]);
}

static void bench_free(void *memory)
{
	kvfree(memory);
}

static void *bench_alloc(struct kunit *test, size_t size)
{
	void *memory = kvcalloc(BENCH_FENCES, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, memory);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, bench_free,
							memory), 0);

	return memory;
}

/**
 * bench_init - init function of the suites
 * @test: the test
 *
 * Return: 0, or an error that fails the test.
 */
int bench_init(struct kunit *test)
{
	unsigned int first = cpumask_first(cpu_online_mask);
	struct bench *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, b);
	b->test = test;
	b->fences = bench_alloc(test, sizeof(*b->fences));
	b->cbs = bench_alloc(test, sizeof(*b->cbs));
	b->links = bench_alloc(test, sizeof(*b->links));
	b->cpu = cpumask_next(first, cpu_online_mask);
	test->priv = b;
	if (!bench_rate)
		bench_calibrate();

	return set_cpus_allowed_ptr(current, cpumask_of(first));
}

/**
 * bench_describe - the name of a case
 * @c: the case
 * @text: where to put it
 */
void bench_describe(const struct bench_case *c, char *text)
{
	if (c->n)
		snprintf(text, KUNIT_PARAM_DESC_SIZE, "%s.%u", c->name, c->n);
	else
		strscpy(text, c->name, KUNIT_PARAM_DESC_SIZE);
}

static void bench_sizes(struct kunit *test)
{
#define BENCH_SIZE(type) \
	pr_info("BENCH size." #type " %zu byte\n", sizeof(struct type))

	BENCH_SIZE(dma_fence);
	BENCH_SIZE(dma_fence_cb);
	BENCH_SIZE(dma_fence_array);
	BENCH_SIZE(dma_fence_array_cb);
	BENCH_SIZE(dma_fence_chain);
	BENCH_SIZE(dma_fence_ops);

#undef BENCH_SIZE
}

static struct kunit_case bench_size_cases[] = {
	KUNIT_CASE(bench_sizes),
	{}
};

static struct kunit_suite bench_size_suite = {
	.name = "dma_fence_bench_size",
	.test_cases = bench_size_cases,
};

kunit_test_suite(bench_size_suite);

MODULE_DESCRIPTION("KUnit benchmark of the fence core");
MODULE_LICENSE("GPL");
