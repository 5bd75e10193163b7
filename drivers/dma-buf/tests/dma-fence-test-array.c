// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arrays: what they do beyond what all containers do.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/slab.h>

#include "dma-fence-test-container.h"

#define MANY		(DFT_SLOW_KERNEL ? 20000 : 100000)

static const struct dft_container array_container = {
	.make = dft_array_new,
	.name = "dma_fence_array",
};

static int array_init(struct kunit *test)
{
	test->priv = (void *)&array_container;

	return dft_pin(test);
}

static void array_makes(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, 2, DFT_SET_INLINE);
	struct dma_fence_array *array, *unused;
	struct dma_fence **fences = kmalloc_objs(*fences, 2);

	/*
	 * Verify that an array can be made in two steps, that it may have fewer
	 * members than there is memory for, and what it looks like then.
	 */

	array = dma_fence_array_alloc(3);
	unused = dma_fence_array_alloc(1);
	KUNIT_ASSERT_NOT_NULL(test, fences);
	KUNIT_ASSERT_NOT_NULL(test, array);
	KUNIT_ASSERT_NOT_NULL(test, unused);
	kfree(unused);

	fences[0] = dma_fence_get(dft_member(set, 0));
	fences[1] = dma_fence_get(dft_member(set, 1));
	dma_fence_array_init(array, 2, fences, 12, 34);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_array(&array->base));
	KUNIT_EXPECT_PTR_EQ(test, to_dma_fence_array(&array->base), array);
	KUNIT_EXPECT_NULL(test, to_dma_fence_array(fences[0]));
	KUNIT_EXPECT_NULL(test, to_dma_fence_array(NULL));
	KUNIT_EXPECT_EQ(test, array->num_fences, 2);
	KUNIT_EXPECT_PTR_EQ(test, array->fences, fences);
	KUNIT_EXPECT_EQ(test, array->base.context, 12);
	KUNIT_EXPECT_EQ(test, array->base.seqno, 34);
	KUNIT_EXPECT_EQ(test, kref_read(&array->base.refcount), 1);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(&array->base));
	dft_set_signal(set);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&array->base));
	dma_fence_put(&array->base);
}

static void array_members(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, 3, DFT_SET_INLINE);
	struct dma_fence *fence, *array = dft_keep(test, dft_array_new(test, set));
	struct dma_fence *plain = dft_member(set, 1);
	unsigned int i, count = 0;

	/*
	 * Verify that one can go through the members of an array, and that
	 * another fence is its only one.
	 */

	dma_fence_array_for_each(fence, i, array) {
		KUNIT_EXPECT_EQ(test, i, count);
		KUNIT_EXPECT_PTR_EQ(test, fence, dft_member(set, i));
		count++;
	}
	KUNIT_EXPECT_EQ(test, count, 3);
	dma_fence_array_for_each(fence, i, plain) {
		KUNIT_EXPECT_PTR_EQ(test, fence, plain);
		count++;
	}
	KUNIT_EXPECT_EQ(test, count, 4);
	dma_fence_array_for_each(fence, i, NULL)
		count++;
	KUNIT_EXPECT_EQ(test, count, 4);

	KUNIT_EXPECT_PTR_EQ(test, dma_fence_array_first(array), dft_member(set, 0));
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_array_first(plain), plain);
	KUNIT_EXPECT_NULL(test, dma_fence_array_first(NULL));
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_array_next(array, 2), dft_member(set, 2));
	KUNIT_EXPECT_NULL(test, dma_fence_array_next(array, 3));
	KUNIT_EXPECT_NULL(test, dma_fence_array_next(plain, 0));
	KUNIT_EXPECT_NULL(test, dma_fence_array_next(NULL, 0));
}

static void array_match_context(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, 2, DFT_SET_INLINE);
	struct dma_fence *array = dft_keep(test, dft_array_new(test, set));
	struct dma_fence *first = dft_member(set, 0), *last = dft_member(set, 1);

	/*
	 * Verify that an array is of a timeline when all its members are, and
	 * that its own timeline does not count.
	 */

	KUNIT_EXPECT_TRUE(test, dma_fence_match_context(first, first->context));
	KUNIT_EXPECT_FALSE(test, dma_fence_match_context(first, last->context));
	KUNIT_EXPECT_FALSE(test, dma_fence_match_context(array, first->context));
	KUNIT_EXPECT_FALSE(test, dma_fence_match_context(array, last->context));
	KUNIT_EXPECT_FALSE(test, dma_fence_match_context(array, array->context));
	last->context = first->context;
	KUNIT_EXPECT_TRUE(test, dma_fence_match_context(array, first->context));
}

static void array_same_fence(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, 2, DFT_SET_INLINE);
	struct dft_set *twice = kunit_kzalloc(test, sizeof(*twice), GFP_KERNEL);
	struct dft_fence *member[] = {
		set->member[0], set->member[1], set->member[0], set->member[0],
	};
	struct dma_fence *array, *polled;
	struct dft_cb *cb;

	/* Verify that a fence may be in an array several times. */

	KUNIT_ASSERT_NOT_NULL(test, twice);
	twice->count = ARRAY_SIZE(member);
	twice->member = member;
	array = dft_keep(test, dft_array_new(test, twice));
	polled = dft_keep(test, dft_array_new(test, twice));
	cb = dft_listen(test, array);
	KUNIT_EXPECT_EQ(test, set->member[0]->enabled, 1);
	dma_fence_signal(dft_member(set, 0));
	KUNIT_EXPECT_EQ(test, dft_runs(cb), 0);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(polled));
	dma_fence_signal(dft_member(set, 1));
	KUNIT_EXPECT_EQ(test, dft_runs(cb), 1);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(polled));
}

/*
 * Errors
 */

struct error_cb {
	struct dft_cb cb;
	int error;
};

static void error_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	container_of(base, struct error_cb, cb.base)->error = fence->error;
	dft_count(fence, base);
}

struct error_params {
	const char *name;
	int error[4];	/* of the members, in the order in which they signal */
	bool locked;
	int early;	/* how many of them signal before the array is enabled */
	int own;
	int expected;
};

static const struct error_params error_cases[] = {
	{ "none", { 0, 0, 0, 0 } },
	{ "first to signal", { -EIO, -EINVAL, -ENODEV, 0 }, .expected = -EIO },
	{ "first error to signal", { 0, 0, -EINVAL, -EIO }, .expected = -EINVAL },
	{ "last", { 0, 0, 0, -EIO }, .expected = -EIO },
	{ "locked", { 0, -EIO, 0, -EINVAL }, .locked = true, .expected = -EIO },
	{ "before it was enabled", { 0, -EIO, -EINVAL, 0 }, .early = 2,
	  .expected = -EIO },
	{ "its own", { -EIO, 0, 0, 0 }, .own = -ECANCELED, .expected = -ECANCELED },
};

KUNIT_ARRAY_PARAM_DESC(error, error_cases, name);

static void array_error(struct kunit *test)
{
	const struct error_params *p = test->param_value;
	struct dft_set *set = dft_set_new(test, 4, DFT_SET_INLINE);
	struct dma_fence *array = dft_keep(test, dft_array_new(test, set));
	struct error_cb *cb = kunit_kzalloc(test, sizeof(*cb), GFP_KERNEL);
	unsigned int i;

	/*
	 * Verify that an array has the error of the first member to signal with
	 * one, here the members signal in reverse; that its callbacks see it,
	 * and that it has it no sooner than that.
	 */

	KUNIT_ASSERT_NOT_NULL(test, cb);
	if (p->own)
		dma_fence_set_error(array, p->own);
	for (i = 0; i < 4; i++) {
		if (p->error[i])
			dma_fence_set_error(dft_member(set, 3 - i), p->error[i]);
		if (i == p->early)
			dft_arm(test, array, &cb->cb.base, error_func);
		KUNIT_EXPECT_EQ(test, array->error, p->own);
		if (p->locked)
			dft_signal_locked(set->member[3 - i]);
		else
			dma_fence_signal(dft_member(set, 3 - i));
	}
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_runs(&cb->cb)));
	KUNIT_EXPECT_EQ(test, cb->error, p->expected);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(array), p->expected ?: 1);
}

static void array_error_polled(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, 4, DFT_SET_INLINE);
	struct dma_fence *array = dft_keep(test, dft_array_new(test, set));
	struct dma_fence *late = dft_keep(test, dft_array_new(test, set));
	struct dft_cb cb = {};

	/*
	 * Verify that an array that was merely looked at, or enabled too late,
	 * has the error of the first member that has one.
	 */

	dma_fence_set_error(dft_member(set, 2), -EIO);
	dma_fence_signal(dft_member(set, 2));
	dma_fence_set_error(dft_member(set, 1), -EINVAL);
	dma_fence_signal(dft_member(set, 1));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(array), 0);
	dft_set_signal(set);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(array), -EINVAL);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(late, &cb.base, dft_count),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(late), -EINVAL);
}

static void array_error_enabling(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, 2, DFT_SET_INLINE);
	struct dma_fence *array = dft_keep(test, dft_array_new(test, set));
	struct dft_cb *cb;

	/* Verify that an error that a member has when it is enabled counts. */

	set->member[0]->enable_result = false;
	set->member[0]->enable_error = -EIO;
	cb = dft_listen(test, array);
	dft_set_signal(set);
	KUNIT_EXPECT_EQ(test, dft_runs(cb), 1);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(array), -EIO);
}

static void array_error_too_late(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, 2, DFT_SET_INLINE);
	struct dma_fence *array = dft_keep(test, dft_array_new(test, set));
	struct dft_cb *cb = dft_listen(test, array);

	/*
	 * Verify that an array which somebody signals before its members has that
	 * result for good, whatever becomes of them.
	 */

	dma_fence_signal(array);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(array), 1);
	dma_fence_set_error(dft_member(set, 0), -EIO);
	dft_set_signal(set);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(array), 1);
	KUNIT_EXPECT_EQ(test, dft_runs(cb), 1);
}

static void array_empty(struct kunit *test)
{
	struct dma_fence_array *array;
	struct dft_cb cb = {};

	/*
	 * Verify that an array without members is reported, has nothing to wait
	 * for, and does not leak its callbacks' reference.
	 */

	kunit_warning_suppress(test) {
		array = dma_fence_array_create(0, NULL, 1, 1);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_ASSERT_NOT_NULL(test, array);
	KUNIT_EXPECT_NULL(test, dma_fence_array_first(&array->base));
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(&array->base, &cb.base,
						     dft_count), -ENOENT);
	KUNIT_EXPECT_GT(test, dma_fence_wait_timeout(&array->base, false, 1), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&array->base.refcount), 1);
	dma_fence_put(&array->base);
}

/*
 * Size and depth
 */

static void array_many(struct kunit *test)
{
	enum dft_order order;

	/*
	 * Verify that an array may have very many members, and that what they
	 * cost does not depend on their order: it takes patience otherwise.
	 */

	for (order = 0; order < DFT_ORDERS; order++) {
		struct dft_set *set = dft_set_new(test, MANY, DFT_SET_INLINE);
		unsigned int i, *turn = dft_order_new(test, order, MANY);
		struct dma_fence *array = dft_array_new(test, set);
		ktime_t start = ktime_get();
		struct dft_cb *cb = dft_listen(test, array);

		for (i = 0; i < MANY - 1; i++)
			dma_fence_signal(dft_member(set, turn[i]));
		KUNIT_EXPECT_EQ(test, dft_runs(cb), 0);
		dma_fence_signal(dft_member(set, turn[i]));
		KUNIT_EXPECT_EQ(test, dft_runs(cb), 1);
		dma_fence_put(array);
		kunit_info(test, "%lld ns for each member",
			   div_u64(ktime_get() - start, MANY));
		dft_set_put(set);
		KUNIT_EXPECT_EQ(test, dft_released(set), MANY);
	}
}

static struct dma_fence *array_nest(struct kunit *test, struct dma_fence *inner,
				    struct dma_fence *other, unsigned int depth)
{
	struct dma_fence *fence = dma_fence_get(inner);

	kunit_warning_suppress(test) {
		while (depth--) {
			struct dma_fence **fences = kmalloc_objs(*fences, 2);
			struct dma_fence_array *array;

			KUNIT_ASSERT_NOT_NULL(test, fences);
			fences[0] = dma_fence_get(other);
			fences[1] = fence;
			array = dma_fence_array_create(2, fences, 1, 1);
			KUNIT_ASSERT_NOT_NULL(test, array);
			fence = &array->base;
		}
	}

	return fence;
}

static void array_nests(struct kunit *test)
{
	/*
	 * Verify that arrays in arrays, which are reported but work, need no
	 * more stack to be enabled, signalled and released than a few of them.
	 */

	dft_depth_run(test, array_nest, DFT_SLOW_KERNEL ? 1000 : 10000);
}

/* A fence whose release settles what another one owes. */
struct settling_fence {
	struct dma_fence base;
	struct dma_fence *other;
	bool *released;
};

static const char *settling_name(struct dma_fence *fence)
{
	return "settling";
}

static void settling_release(struct dma_fence *fence)
{
	struct settling_fence *f = container_of(fence, struct settling_fence, base);

	dma_fence_flush_callbacks(f->other);
	*f->released = true;
	dma_fence_free(fence);
}

static const struct dma_fence_ops settling_ops = {
	.get_driver_name = settling_name,
	.get_timeline_name = settling_name,
	.release = settling_release,
};

static void array_release_settles(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, 1, DFT_SET_INLINE);
	struct settling_fence *f = kzalloc_obj(*f);
	struct dma_fence **members = kmalloc_objs(*members, 2);
	struct dma_fence_array *array;
	bool released = false;

	/*
	 * Verify that the release of a member may wait for the callbacks of
	 * another, in whose delivery the array went that had no callbacks.
	 */

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "flushing sleeps, which callbacks must not");
	KUNIT_ASSERT_NOT_NULL(test, f);
	KUNIT_ASSERT_NOT_NULL(test, members);
	f->other = dft_member(set, 0);
	f->released = &released;
	dma_fence_init(&f->base, &settling_ops, NULL, 1, 1);
	members[0] = dma_fence_get(dft_member(set, 0));
	members[1] = &f->base;
	array = dma_fence_array_create(2, members, 1, 1);
	KUNIT_ASSERT_NOT_NULL(test, array);
	dma_fence_enable_sw_signaling(&array->base);
	dma_fence_put(&array->base);
	dma_fence_signal(&f->base);
	dft_set_signal(set);
	dft_await_thread(dft_member(set, 0));
	KUNIT_EXPECT_TRUE(test, released);
}

static void array_nested_is_reported(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, 1, DFT_SET_INLINE);
	struct dma_fence *fences[] = {
		dft_keep(test, dft_array_new(test, set)),
		dft_keep(test, dft_chain_new(test, set)),
	};
	unsigned int i;

	/*
	 * Verify that a container as a member of an array is reported, and
	 * counts nevertheless.
	 */

	for (i = 0; i < ARRAY_SIZE(fences); i++) {
		struct dma_fence **member = kmalloc_objs(*member, 1);
		struct dma_fence_array *array;

		KUNIT_ASSERT_NOT_NULL(test, member);
		*member = dma_fence_get(fences[i]);
		kunit_warning_suppress(test) {
			array = dma_fence_array_create(1, member, 1, 1);
			KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
		}
		KUNIT_ASSERT_NOT_NULL(test, array);
		KUNIT_EXPECT_EQ(test, dma_fence_is_signaled(&array->base), i);
		dft_set_signal(set);
		KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&array->base));
		dma_fence_put(&array->base);
	}
}

static struct kunit_case array_cases[] = {
	DFT_CONTAINER_CASES,
	KUNIT_CASE(array_makes),
	KUNIT_CASE(array_members),
	KUNIT_CASE(array_match_context),
	KUNIT_CASE(array_same_fence),
	KUNIT_CASE_PARAM(array_error, error_gen_params),
	KUNIT_CASE(array_error_polled),
	KUNIT_CASE(array_error_enabling),
	KUNIT_CASE(array_error_too_late),
	KUNIT_CASE(array_empty),
	KUNIT_CASE_SLOW(array_many),
	KUNIT_CASE_SLOW(array_nests),
	KUNIT_CASE(array_release_settles),
	KUNIT_CASE(array_nested_is_reported),
	{}
};

static struct kunit_suite array_suite = {
	.name = "dma_fence_array",
	.init = array_init,
	.test_cases = array_cases,
};

kunit_test_suite(array_suite);
