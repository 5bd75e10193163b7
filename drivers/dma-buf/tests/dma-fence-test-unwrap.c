// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unwrapping: what containers stand for, and one fence for many.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/dma-fence-unwrap.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "dma-fence-test-nest.h"

#define LEAVES	4

/* Ten times the memory would not fit under KASAN. */
#define MANY	(DFT_SLOW_KERNEL ? 10000 : 100000)

/**
 * struct leaves - fences of different timelines
 * @f: the fences; the sequence numbers are the letters from a, that of a proxy is p
 */
struct leaves {
	struct dma_fence *f[LEAVES];
};

static void leaves_init(struct kunit *test, struct leaves *l)
{
	unsigned int i;

	for (i = 0; i < LEAVES; i++) {
		l->f[i] = &dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK)->base;
		l->f[i]->seqno = 'a' + i;
	}
}

static void leaves_expect_refs(struct kunit *test, struct leaves *l, unsigned int refs)
{
	unsigned int i;

	for (i = 0; i < LEAVES; i++)
		KUNIT_EXPECT_EQ_MSG(test, kref_read(&l->f[i]->refcount), refs,
				    "leaf %u", i);
}

/* A proxy for @target, whose reference it takes over. */
static struct dma_fence *stand_for(struct kunit *test, struct dma_fence *target)
{
	struct dma_fence *proxy = dft_proxy(test, DMA_FENCE_PROXY_TIMEOUT_MAX);

	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, target), 0);
	dma_fence_put(target);
	return proxy;
}

static struct dma_fence *shape_nothing(struct kunit *test, struct leaves *l)
{
	return NULL;
}

static struct dma_fence *shape_plain(struct kunit *test, struct leaves *l)
{
	return dma_fence_get(l->f[0]);
}

static struct dma_fence *shape_array(struct kunit *test, struct leaves *l)
{
	return dft_array(test, l->f[0], l->f[1], l->f[2], DFT_END);
}

static struct dma_fence *shape_chain(struct kunit *test, struct leaves *l)
{
	return dft_link(test, dft_link(test, NULL, l->f[0], 1), l->f[1], 2);
}

static struct dma_fence *shape_chain_of_arrays(struct kunit *test, struct leaves *l)
{
	struct dma_fence *first = dft_array(test, l->f[0], l->f[1], DFT_END);
	struct dma_fence *second = dft_array(test, l->f[2], l->f[3], DFT_END);

	dft_keep(test, first);
	dft_keep(test, second);
	return dft_link(test, dft_link(test, NULL, first, 1), second, 2);
}

static struct dma_fence *shape_chain_on_fence(struct kunit *test, struct leaves *l)
{
	return dft_link(test, dma_fence_get(l->f[0]), l->f[1], 1);
}

static struct dma_fence *shape_chain_on_array(struct kunit *test, struct leaves *l)
{
	return dft_link(test, dft_array(test, l->f[0], l->f[1], DFT_END), l->f[2], 1);
}

static struct dma_fence *shape_proxy(struct kunit *test, struct leaves *l)
{
	return dft_proxy(test, DMA_FENCE_PROXY_TIMEOUT_MAX);
}

static struct dma_fence *shape_proxy_plain(struct kunit *test, struct leaves *l)
{
	return stand_for(test, shape_plain(test, l));
}

static struct dma_fence *shape_proxy_array(struct kunit *test, struct leaves *l)
{
	return stand_for(test, shape_array(test, l));
}

static struct dma_fence *shape_proxy_chain(struct kunit *test, struct leaves *l)
{
	return stand_for(test, shape_chain(test, l));
}

static struct dma_fence *shape_proxy_proxy(struct kunit *test, struct leaves *l)
{
	return stand_for(test, shape_proxy(test, l));
}

static struct dma_fence *shape_proxy_proxy_array(struct kunit *test, struct leaves *l)
{
	return stand_for(test, shape_proxy_array(test, l));
}

static struct dma_fence *shape_array_proxy(struct kunit *test, struct leaves *l)
{
	return dft_array(test, l->f[2], dft_keep(test, shape_proxy(test, l)), DFT_END);
}

static struct dma_fence *
shape_array_proxy_plain(struct kunit *test, struct leaves *l)
{
	return dft_array(test, l->f[2], dft_keep(test, shape_proxy_plain(test, l)),
			 DFT_END);
}

static struct dma_fence *
shape_array_proxy_array(struct kunit *test, struct leaves *l)
{
	return dft_array(test, dft_keep(test, shape_proxy_array(test, l)), l->f[3],
			 DFT_END);
}

static struct dma_fence *
shape_chain_proxy_array(struct kunit *test, struct leaves *l)
{
	return dft_link(test, dma_fence_get(l->f[3]),
			dft_keep(test, shape_proxy_array(test, l)), 1);
}

static struct dma_fence *
shape_chain_proxy_chain(struct kunit *test, struct leaves *l)
{
	return dft_link(test, dma_fence_get(l->f[3]),
			dft_keep(test, shape_proxy_chain(test, l)), 1);
}

static struct dma_fence *
shape_chain_on_proxy_array(struct kunit *test, struct leaves *l)
{
	return dft_link(test, shape_proxy_array(test, l), l->f[3], 1);
}

static struct dma_fence *
shape_chain_on_proxy_chain(struct kunit *test, struct leaves *l)
{
	return dft_link(test, shape_proxy_chain(test, l), l->f[3], 1);
}

/**
 * struct shape - something to be looked into
 * @name: name of the test parameter
 * @make: makes it
 * @seen: the sequence numbers of what is in it
 */
struct shape {
	const char *name;
	struct dma_fence *(*make)(struct kunit *test, struct leaves *l);
	const char *seen;
};

static const struct shape shapes[] = {
	{ "nothing", shape_nothing, "" },
	{ "fence", shape_plain, "a" },
	{ "array", shape_array, "abc" },
	{ "chain", shape_chain, "ba" },
	{ "chain of arrays", shape_chain_of_arrays, "cdab" },
	{ "chain on a fence", shape_chain_on_fence, "ba" },
	{ "chain on an array", shape_chain_on_array, "cab" },
	{ "proxy", shape_proxy, "p" },
	{ "proxy for a fence", shape_proxy_plain, "a" },
	{ "proxy for an array", shape_proxy_array, "abc" },
	{ "proxy for a chain", shape_proxy_chain, "ba" },
	{ "proxy for a proxy", shape_proxy_proxy, "p" },
	{ "proxy for a proxy for an array", shape_proxy_proxy_array, "abc" },
	{ "array with a proxy", shape_array_proxy, "cp" },
	{ "array with a proxy for a fence", shape_array_proxy_plain, "ca" },
	{ "array with a proxy for an array", shape_array_proxy_array, "pd" },
	{ "chain with a proxy for an array", shape_chain_proxy_array, "abcd" },
	{ "chain with a proxy for a chain", shape_chain_proxy_chain, "pd" },
	{ "chain on a proxy for an array", shape_chain_on_proxy_array, "dabc" },
	{ "chain on a proxy for a chain", shape_chain_on_proxy_chain, "dp" },
};

KUNIT_ARRAY_PARAM_DESC(shape, shapes, name);

/* The sequence numbers of what @head stands for. */
static const char *walk(struct kunit *test, struct dma_fence *head)
{
	struct dma_fence_unwrap cursor;
	char *seen = kunit_kzalloc(test, 2 * LEAVES, GFP_KERNEL);
	struct dma_fence *fence;
	unsigned int n = 0;

	KUNIT_ASSERT_NOT_NULL(test, seen);
	dma_fence_unwrap_for_each(fence, &cursor, head)
		if (n < 2 * LEAVES - 1)
			seen[n++] = fence->seqno;
	return seen;
}

static void unwrap_shape(struct kunit *test)
{
	const struct shape *shape = test->param_value;
	struct dma_fence *head, *target;
	unsigned int refs[2] = { };
	struct leaves l;

	/*
	 * Verify what is found in containers of every kind, in which order, and that
	 * looking leaves no reference behind.
	 */

	leaves_init(test, &l);
	head = shape->make(test, &l);
	target = dma_fence_proxy_target(head);
	if (head) {
		refs[0] = kref_read(&head->refcount);
		refs[1] = kref_read(&target->refcount);
	}
	KUNIT_EXPECT_STREQ(test, walk(test, head), shape->seen);
	KUNIT_EXPECT_STREQ(test, walk(test, head), shape->seen);
	if (head) {
		KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), refs[0]);
		KUNIT_EXPECT_EQ(test, kref_read(&target->refcount), refs[1]);
	}
	dma_fence_put(head);
}

static void unwrap_half_way(struct kunit *test)
{
	struct dma_fence_unwrap cursor;
	struct dma_fence *head, *fence;
	struct leaves l;

	/*
	 * Verify that who leaves the loop early has one reference, on the link at
	 * hand, and that the chain is gone after dropping it and the head.
	 */

	leaves_init(test, &l);
	head = shape_chain(test, &l);
	dma_fence_unwrap_for_each(fence, &cursor, head)
		if (fence == l.f[0])
			break;
	KUNIT_EXPECT_PTR_EQ(test, fence, l.f[0]);
	KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&cursor.chain->refcount), 2);
	dma_fence_put(cursor.chain);
	dma_fence_put(head);
	leaves_expect_refs(test, &l, 1);
}

static void unwrap_signalled(struct kunit *test)
{
	struct dma_fence *head;
	struct leaves l;

	/*
	 * Verify that links whose member has signalled are passed over, the first
	 * one excepted, and that members of arrays are not.
	 */

	leaves_init(test, &l);
	head = dft_link(test, shape_chain(test, &l), l.f[2], 3);
	dma_fence_signal(l.f[1]);
	KUNIT_EXPECT_STREQ(test, walk(test, head), "ca");
	dma_fence_signal(l.f[2]);
	KUNIT_EXPECT_STREQ(test, walk(test, head), "ca");
	dma_fence_signal(l.f[0]);
	KUNIT_EXPECT_STREQ(test, walk(test, head), "c");
	dma_fence_put(head);

	head = shape_array(test, &l);
	KUNIT_EXPECT_STREQ(test, walk(test, head), "abc");
	dma_fence_put(head);
}

/*
 * Merging
 */

/* The sequence numbers of the members of what a merge has returned, and its end. */
static const char *merged(struct kunit *test, struct dma_fence *result)
{
	KUNIT_ASSERT_NOT_NULL(test, result);
	return walk(test, dft_keep(test, result));
}

static void merge_nothing(struct kunit *test)
{
	struct dma_fence *none, *null;

	/* Verify that of nothing a fence is made that has always been signalled. */

	none = dft_keep(test, __dma_fence_unwrap_merge(0, NULL, NULL));
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(none));
	KUNIT_EXPECT_EQ(test, dma_fence_timestamp(none), 0);

	null = dft_keep(test, dma_fence_unwrap_merge(NULL, NULL));
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(null));
	KUNIT_EXPECT_EQ(test, dma_fence_timestamp(null), 0);
	KUNIT_EXPECT_PTR_NE(test, none, null);
}

static void merge_signalled(struct kunit *test)
{
	struct dma_fence *array, *result;
	struct leaves l;

	/*
	 * Verify that of signalled fences, in a container or not, one is made which
	 * has signalled at the latest of their times, and of that none holds another.
	 */

	leaves_init(test, &l);
	array = dft_keep(test, dft_array(test, l.f[0], l.f[1], DFT_END));
	dma_fence_signal_timestamp(l.f[0], 100);
	dma_fence_signal_timestamp(l.f[1], 300);
	dma_fence_signal_timestamp(l.f[2], 200);

	result = dma_fence_unwrap_merge(array, l.f[2]);
	KUNIT_EXPECT_PTR_NE(test, dft_keep(test, result), l.f[1]);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(result));
	KUNIT_EXPECT_EQ(test, dma_fence_timestamp(result), 300);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(result), 1);

	result = dft_keep(test, dma_fence_unwrap_merge(l.f[2]));
	KUNIT_EXPECT_EQ(test, dma_fence_timestamp(result), 200);
	KUNIT_EXPECT_EQ(test, kref_read(&l.f[1]->refcount), 2);
}

static void merge_one(struct kunit *test)
{
	struct dma_fence *array, *result;
	struct leaves l;

	/*
	 * Verify that what has not signalled comes out as it is if it is one fence,
	 * however often and wherever it is given, and that fences are asked.
	 */

	leaves_init(test, &l);
	array = dft_array(test, l.f[0], l.f[1], DFT_END);
	to_dft_fence(l.f[1])->signaled_result = true;
	dma_fence_signal(l.f[2]);

	result = dma_fence_unwrap_merge(l.f[2], NULL, array, l.f[0], l.f[0]);
	KUNIT_EXPECT_PTR_EQ(test, result, l.f[0]);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(l.f[1]));
	dma_fence_put(result);
	dma_fence_put(array);

	result = dma_fence_unwrap_merge(l.f[3]);
	KUNIT_EXPECT_PTR_EQ(test, result, l.f[3]);
	dma_fence_put(result);
	leaves_expect_refs(test, &l, 1);
}

static void merge_several(struct kunit *test)
{
	struct dma_fence *chain, *array, *result;
	struct leaves l;

	/*
	 * Verify that several are merged into an array of plain fences, which has an
	 * own timeline, signals when all have, with the first error, and lets go.
	 */

	leaves_init(test, &l);
	chain = shape_chain(test, &l);
	array = dft_array(test, l.f[2], l.f[0], DFT_END);
	result = dma_fence_unwrap_merge(array, l.f[3], chain);
	dma_fence_put(chain);
	dma_fence_put(array);

	KUNIT_ASSERT_TRUE(test, dma_fence_is_array(result));
	KUNIT_EXPECT_STREQ(test, walk(test, result), "abcd");
	KUNIT_EXPECT_GT(test, result->context, l.f[3]->context);
	leaves_expect_refs(test, &l, 2);

	dma_fence_enable_sw_signaling(result);
	dma_fence_signal(l.f[0]);
	dma_fence_set_error(l.f[2], -EIO);
	dma_fence_signal(l.f[2]);
	dma_fence_set_error(l.f[1], -EINVAL);
	dma_fence_signal(l.f[1]);
	KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(result));
	dma_fence_signal(l.f[3]);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(result));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(result), -EIO);
	dma_fence_put(result);
	leaves_expect_refs(test, &l, 1);
}

/**
 * struct timeline - how two fences of one timeline compare
 * @name: name of the test parameter
 * @wide: 64-bit numbers
 * @early: the number of the first
 * @late: the number of the second, in whose stead the first is not needed
 */
struct timeline {
	const char *name;
	bool wide;
	u64 early;
	u64 late;
};

static const struct timeline timelines[] = {
	{ "in order", false, 1, 2 },
	{ "wrapping", false, U32_MAX, 1 },
	{ "wide", true, U32_MAX, 1ULL << 32 },
};

KUNIT_ARRAY_PARAM_DESC(timeline, timelines, name);

static void merge_timeline(struct kunit *test)
{
	const struct timeline *t = test->param_value;
	struct dma_fence *array, *result;
	struct leaves l;

	/*
	 * Verify that of the fences of a timeline the latest one is left, in whatever
	 * order they come and in whatever they are, while other timelines stay.
	 */

	leaves_init(test, &l);
	l.f[0]->context = l.f[1]->context;
	l.f[0]->seqno = t->early;
	l.f[1]->seqno = t->late;
	if (t->wide) {
		set_bit(DMA_FENCE_FLAG_SEQNO64_BIT, &l.f[0]->flags);
		set_bit(DMA_FENCE_FLAG_SEQNO64_BIT, &l.f[1]->flags);
	}

	result = dma_fence_unwrap_merge(l.f[0], l.f[1]);
	KUNIT_EXPECT_PTR_EQ(test, result, l.f[1]);
	dma_fence_put(result);
	result = dma_fence_unwrap_merge(l.f[1], l.f[0]);
	KUNIT_EXPECT_PTR_EQ(test, result, l.f[1]);
	dma_fence_put(result);

	array = dft_array(test, l.f[2], l.f[1], DFT_END);
	result = dma_fence_unwrap_merge(l.f[0], array, l.f[0]);
	KUNIT_ASSERT_TRUE(test, dma_fence_is_array(result));
	KUNIT_EXPECT_EQ(test, to_dma_fence_array(result)->num_fences, 2);
	KUNIT_EXPECT_EQ(test, kref_read(&l.f[0]->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&l.f[1]->refcount), 3);
	dma_fence_put(array);
	dma_fence_put(result);
	leaves_expect_refs(test, &l, 1);
}

static void merge_proxies(struct kunit *test)
{
	struct dma_fence *proxy, *result;
	struct leaves l;

	/*
	 * Verify that a proxy is merged as a fence as long as it stands for nothing,
	 * and then as what it stands for, twice the same in one being no two.
	 */

	leaves_init(test, &l);
	proxy = dft_proxy(test, DMA_FENCE_PROXY_TIMEOUT_MAX);
	result = dma_fence_unwrap_merge(l.f[1], proxy);
	KUNIT_ASSERT_TRUE(test, dma_fence_is_array(result));
	KUNIT_EXPECT_STREQ(test, walk(test, result), "bp");
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, l.f[1]), 0);

	KUNIT_EXPECT_STREQ(test, merged(test, dma_fence_unwrap_merge(result, l.f[2])),
			   "bc");
	KUNIT_EXPECT_STREQ(test, merged(test, dma_fence_unwrap_merge(proxy)), "b");
	dma_fence_signal(l.f[1]);
	KUNIT_EXPECT_STREQ(test, merged(test, dma_fence_unwrap_merge(result, l.f[2])),
			   "c");
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(result));
	dma_fence_put(result);
	dma_fence_put(proxy);
}

/*
 * The contents change while they are merged
 */

/**
 * struct gate - a fence that holds up who asks it, the first time
 * @base: the fence
 * @asked: somebody is held up
 * @open: he may go on
 */
struct gate {
	struct dma_fence base;
	bool asked;
	bool open;
};

static bool gate_signaled(struct dma_fence *fence)
{
	struct gate *gate = container_of(fence, struct gate, base);

	dft_store(&gate->asked, true);
	spin_until(dft_load(&gate->open));
	return false;
}

static const char *gate_name(struct dma_fence *fence)
{
	return "gate";
}

static const struct dma_fence_ops gate_ops = {
	.get_driver_name = gate_name,
	.get_timeline_name = gate_name,
	.signaled = gate_signaled,
};

/**
 * struct change - a merge, and what happens to the proxy in it
 * @name: name of the test parameter
 * @make: what the proxy comes to stand for
 * @signal: the fence that it comes to stand for has signalled, and the gate too
 * @seen: what the merge finds in the end; the gate is g
 * @l: the other fences
 * @gate: the fence behind the proxy
 * @proxy: the proxy
 * @target: what it comes to stand for
 */
struct change {
	const char *name;
	struct dma_fence *(*make)(struct kunit *test, struct leaves *l);
	bool signal;
	const char *seen;
	struct leaves l;
	struct gate *gate;
	struct dma_fence *proxy;
	struct dma_fence *target;
};

static const struct change changes[] = {
	{ "more", shape_array, false, "abcg" },
	{ "as many", shape_plain, false, "ag" },
	{ "none", shape_plain, true, "" },
};

KUNIT_ARRAY_PARAM_DESC(change, changes, name);

static int change_side(void *data)
{
	struct change *c = data;
	int ret;

	spin_until(dft_load(&c->gate->asked));
	ret = dma_fence_proxy_attach(c->proxy, c->target);
	if (c->signal) {
		dma_fence_signal(c->l.f[0]);
		dma_fence_signal(&c->gate->base);
	}
	dft_store(&c->gate->open, true);
	return ret;
}

static void change_init(struct kunit *test, struct change *c)
{
	*c = *(const struct change *)test->param_value;
	leaves_init(test, &c->l);
	c->gate = kzalloc_obj(*c->gate);
	KUNIT_ASSERT_NOT_NULL(test, c->gate);
	dma_fence_init(&c->gate->base, &gate_ops, NULL, dma_fence_context_alloc(1), 'g');
	c->proxy = dft_proxy(test, DMA_FENCE_PROXY_TIMEOUT_MAX);
	c->target = c->make(test, &c->l);
}

/* Merge in the middle of the change. */
static struct dma_fence *change_merge(struct kunit *test, struct change *c,
				      struct dft_failure *failure)
{
	struct dft_thread thread;
	struct dma_fence *result;

	dft_thread_start(test, &thread, dft_other_cpu(test), change_side, c);
	if (failure)
		dft_failure_begin(failure);
	result = dma_fence_unwrap_merge(c->proxy, &c->gate->base);
	if (failure)
		dft_failure_end(failure);
	KUNIT_EXPECT_EQ(test, dft_thread_join(test, &thread), 0);
	return result;
}

static void change_end(struct kunit *test, struct change *c)
{
	unsigned int i;

	KUNIT_EXPECT_EQ(test, kref_read(&c->gate->base.refcount), 1);
	for (i = 0; i < LEAVES; i++)
		dma_fence_signal(c->l.f[i]);
	KUNIT_EXPECT_EQ(test, kref_read(&c->proxy->refcount), 1);
	dma_fence_put(c->proxy);
	dma_fence_put(c->target);
	dma_fence_put(&c->gate->base);
	leaves_expect_refs(test, &c->l, 1);
}

static void merge_changing(struct kunit *test)
{
	struct dma_fence *result;
	struct change c;

	/*
	 * Verify that a proxy which gets its target during a merge is merged as what
	 * there is in the end, with room for all of it.
	 */

	dft_other_cpu(test);
	change_init(test, &c);
	result = change_merge(test, &c, NULL);
	KUNIT_ASSERT_NOT_NULL(test, result);
	if (*c.seen)
		KUNIT_EXPECT_STREQ(test, walk(test, result), c.seen);
	else
		KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(result));
	dma_fence_put(result);
	change_end(test, &c);
}

/*
 * Without memory
 */

static void merge_without_memory(struct kunit *test)
{
	struct dma_fence *array, *result;
	struct dft_failure failure = { };
	unsigned int failures = 0;
	struct leaves l;

	/*
	 * Verify for every allocation of a merge that its failure ends it without a
	 * result and without a reference that is left behind.
	 */

	dft_failure_check(test);
	leaves_init(test, &l);
	array = dft_array(test, l.f[0], l.f[1], DFT_END);
	l.f[3]->context = l.f[2]->context;
	while (dft_failure_next(&failure)) {
		dft_failure_begin(&failure);
		result = dma_fence_unwrap_merge(l.f[3], array, l.f[2]);
		dft_failure_end(&failure);

		failures += !result;
		KUNIT_EXPECT_TRUE(test, !failure.over || result);
		dma_fence_put(result);
		KUNIT_EXPECT_EQ(test, kref_read(&l.f[0]->refcount), 2);
		KUNIT_EXPECT_EQ(test, kref_read(&l.f[2]->refcount), 1);
		KUNIT_EXPECT_EQ(test, kref_read(&l.f[3]->refcount), 1);
	}
	KUNIT_EXPECT_EQ(test, failures, 2);
	dma_fence_put(array);
	leaves_expect_refs(test, &l, 1);
}

static void merge_signalled_without_memory(struct kunit *test)
{
	struct dft_failure failure = { };
	struct dma_fence *result;
	unsigned int failures = 0;
	struct leaves l;

	/* Verify the same when there is nothing to be merged. */

	dft_failure_check(test);
	leaves_init(test, &l);
	dma_fence_signal(l.f[0]);
	while (dft_failure_next(&failure)) {
		dft_failure_begin(&failure);
		result = dma_fence_unwrap_merge(l.f[0]);
		dft_failure_end(&failure);

		failures += !result;
		KUNIT_EXPECT_TRUE(test, !failure.over || result);
		dma_fence_put(result);
	}
	KUNIT_EXPECT_EQ(test, failures, 1);
	leaves_expect_refs(test, &l, 1);
}

static void merge_changing_without_memory(struct kunit *test)
{
	struct dft_failure failure = { };
	unsigned int failures = 0;
	struct dma_fence *result;
	struct change c;

	/* Verify the same when the contents change meanwhile. */

	dft_failure_check(test);
	dft_other_cpu(test);
	while (dft_failure_next(&failure)) {
		change_init(test, &c);
		result = change_merge(test, &c, &failure);
		failures += !result;
		KUNIT_EXPECT_TRUE(test, !failure.over || result);
		dma_fence_put(result);
		change_end(test, &c);
	}
	KUNIT_EXPECT_GE(test, failures, 1);
}

/*
 * Many
 */

/**
 * struct crowd - many fences to be merged
 * @fences: the fences, with references
 * @cursors: positions
 */
struct crowd {
	struct dma_fence **fences;
	struct dma_fence_unwrap *cursors;
};

static void crowd_free(void *data)
{
	struct crowd *c = data;
	unsigned int i;

	for (i = 0; c->fences && i < MANY; i++) {
		if (!c->fences[i])
			break;
		dma_fence_signal(c->fences[i]);
		dma_fence_put(c->fences[i]);
	}
	kvfree(c->fences);
	kvfree(c->cursors);
}

/* On so many timelines, sequence numbers in no order. */
static struct crowd *crowd_new(struct kunit *test, unsigned int timelines)
{
	struct crowd *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	u64 context = dma_fence_context_alloc(timelines);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, c);
	c->fences = kvzalloc_objs(*c->fences, MANY);
	c->cursors = kvzalloc_objs(*c->cursors, MANY);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, crowd_free, c), 0);
	KUNIT_ASSERT_TRUE(test, c->fences && c->cursors);

	for (i = 0; i < MANY; i++) {
		struct dma_fence *fence = kzalloc_obj(*fence);
		/* 7919 has no divisor in common with MANY. */
		u64 n = i * 7919ULL % MANY;

		KUNIT_ASSERT_NOT_NULL(test, fence);
		dma_fence_init(fence, &dft_names_ops, NULL, context + n % timelines,
			       1 + n / timelines);
		c->fences[i] = fence;
	}
	return c;
}

static void merge_many(struct kunit *test)
{
	unsigned int timelines = *(const unsigned int *)test->param_value;
	struct dma_fence *fence, *result;
	struct crowd *c;
	unsigned int i, late = 0;
	u64 context;

	/*
	 * Verify that very many fences are merged, and what is left are the latest of
	 * all timelines, by timeline.
	 */

	timelines = timelines ?: MANY;
	c = crowd_new(test, timelines);
	context = c->fences[0]->context;
	result = __dma_fence_unwrap_merge(MANY, c->fences, c->cursors);
	KUNIT_ASSERT_NOT_NULL(test, result);
	dma_fence_array_for_each(fence, i, result)
		late += fence->context == context + i &&
			fence->seqno == MANY / timelines;
	KUNIT_EXPECT_EQ(test, i, timelines);
	KUNIT_EXPECT_EQ(test, late, timelines);

	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(result));
	for (i = 0; i < MANY; i++)
		dma_fence_signal(c->fences[i]);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(result));
	dma_fence_put(result);
	for (i = 0; i < MANY; i++)
		if (kref_read(&c->fences[i]->refcount) != 1)
			break;
	KUNIT_EXPECT_EQ(test, i, MANY);
}

/* Zero stands for as many as fences. */
static const unsigned int many_timelines[] = { 1, 10, 0 };

static void many_desc(const unsigned int *timelines, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u timelines", *timelines ?: MANY);
}

KUNIT_ARRAY_PARAM(many, many_timelines, many_desc);

static void dedup_array(struct kunit *test)
{
	struct dma_fence *fences[LEAVES] = { };
	struct leaves l;

	/* Verify what the bare function keeps, and which references it drops. */

	leaves_init(test, &l);
	KUNIT_EXPECT_EQ(test, dma_fence_dedup_array(fences, 0), 0);

	fences[0] = dma_fence_get(l.f[0]);
	KUNIT_EXPECT_EQ(test, dma_fence_dedup_array(fences, 1), 1);
	KUNIT_EXPECT_PTR_EQ(test, fences[0], l.f[0]);

	/* Timelines a, b, b, a: what is left is c before d. */
	l.f[3]->context = l.f[0]->context;
	l.f[2]->context = l.f[1]->context;
	fences[1] = dma_fence_get(l.f[1]);
	fences[2] = dma_fence_get(l.f[2]);
	fences[3] = dma_fence_get(l.f[3]);
	KUNIT_EXPECT_EQ(test, dma_fence_dedup_array(fences, LEAVES), 2);
	KUNIT_EXPECT_PTR_EQ(test, fences[0], l.f[3]);
	KUNIT_EXPECT_PTR_EQ(test, fences[1], l.f[2]);
	KUNIT_EXPECT_EQ(test, kref_read(&l.f[0]->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&l.f[1]->refcount), 1);
	dma_fence_put(fences[0]);
	dma_fence_put(fences[1]);
	leaves_expect_refs(test, &l, 1);
}

static struct kunit_case unwrap_cases[] = {
	KUNIT_CASE_PARAM(unwrap_shape, shape_gen_params),
	KUNIT_CASE(unwrap_half_way),
	KUNIT_CASE(unwrap_signalled),
	KUNIT_CASE(merge_nothing),
	KUNIT_CASE(merge_signalled),
	KUNIT_CASE(merge_one),
	KUNIT_CASE(merge_several),
	KUNIT_CASE_PARAM(merge_timeline, timeline_gen_params),
	KUNIT_CASE(merge_proxies),
	KUNIT_CASE_PARAM(merge_changing, change_gen_params),
	KUNIT_CASE(merge_without_memory),
	KUNIT_CASE(merge_signalled_without_memory),
	KUNIT_CASE_PARAM(merge_changing_without_memory, change_gen_params),
	KUNIT_CASE_PARAM(merge_many, many_gen_params),
	KUNIT_CASE(dedup_array),
	{}
};

static struct kunit_suite unwrap_suite = {
	.name = "dma_fence_unwrap",
	.init = dft_pin,
	.test_cases = unwrap_cases,
};

kunit_test_suite(unwrap_suite);
