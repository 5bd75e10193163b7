// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fence itself: its states, numbers, names, errors, timestamps and ops.
 *
 * Everything here holds for one thread alone. What callbacks may rely on is in
 * the other files.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/debug_locks.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "dma-fence-test.h"

static void core_init(struct kunit *test)
{
	struct dma_fence fence = { .error = -EIO };
	spinlock_t lock;	/* of the first fence */
	u64 context = dma_fence_context_alloc(1);

	/*
	 * Verify what dma_fence_init() and dma_fence_init64() leave behind, for
	 * both kinds of lock.
	 */

	spin_lock_init(&lock);

	KUNIT_EXPECT_FALSE(test, dma_fence_was_initialized(&fence));
	KUNIT_EXPECT_FALSE(test, dma_fence_was_initialized(NULL));

	dma_fence_init(&fence, &dft_names_ops, &lock, context, 7);
	KUNIT_EXPECT_TRUE(test, dma_fence_was_initialized(&fence));
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_spinlock(&fence), &lock);
	KUNIT_EXPECT_EQ(test, fence.context, context);
	KUNIT_EXPECT_EQ(test, fence.seqno, 7);
	KUNIT_EXPECT_EQ(test, fence.error, 0);
	KUNIT_EXPECT_EQ(test, kref_read(&fence.refcount), 1);
	KUNIT_EXPECT_TRUE(test, list_empty(&fence.cb_list));
	KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(&fence));
	KUNIT_EXPECT_FALSE(test, test_bit(DMA_FENCE_FLAG_SEQNO64_BIT,
					  &fence.flags));

	dma_fence_init64(&fence, &dft_names_ops, NULL, context, 8);
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_spinlock(&fence),
			    &fence.inline_lock);
	KUNIT_EXPECT_EQ(test, fence.seqno, 8);
	KUNIT_EXPECT_TRUE(test, test_bit(DMA_FENCE_FLAG_SEQNO64_BIT,
					 &fence.flags));
}

static void core_reinit(struct kunit *test)
{
	struct dma_fence fence = {};
	struct dft_cb cb = {};
	int i;

	/*
	 * Verify that the memory of a fence nobody has a reference to may be
	 * initialised again and works like new.
	 */

	for (i = 1; i <= 3; i++) {
		dma_fence_init(&fence, &dft_names_ops, NULL, 1, i);
		KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(&fence));
		KUNIT_EXPECT_EQ(test, dma_fence_add_callback(&fence, &cb.base,
							     dft_count), 0);
		dma_fence_set_error(&fence, -i);
		dma_fence_signal(&fence);
		dft_await_thread(&fence);
		KUNIT_EXPECT_EQ(test, dma_fence_get_status(&fence), -i);
		KUNIT_EXPECT_EQ(test, dft_runs(&cb), i);
	}
}

static void core_context_alloc(struct kunit *test)
{
	u64 first = dma_fence_context_alloc(5);
	u64 second = dma_fence_context_alloc(1);

	/*
	 * Verify that a range of contexts belongs to its caller alone and that
	 * 0, the context of the stub, is never given out.
	 */

	KUNIT_EXPECT_GT(test, first, 0);
	KUNIT_EXPECT_GE(test, second, first + 5);
	KUNIT_EXPECT_GT(test, dma_fence_context_alloc(1), second);
}

struct core_seqno_params {
	const char *name;
	bool wide;
	u64 earlier;
	u64 later;
};

static const struct core_seqno_params core_seqno_cases[] = {
	{ "32 bit, neighbours", false, 1, 2 },
	{ "32 bit, over the wrap", false, U32_MAX, 0 },
	{ "32 bit, far over the wrap", false, U32_MAX - 5, 1000 },
	{ "32 bit, half the range", false, 0, S32_MAX },
	{ "32 bit, more than half is before", false, (u32)S32_MIN + 1ULL, 0 },
	{ "32 bit, upper half ignored", false, 7ULL << 32, 1 },
	{ "64 bit, neighbours", true, U32_MAX, 1ULL << 32 },
	{ "64 bit, more than 32 bit apart", true, 1, 1ULL << 63 },
	{ "64 bit, does not wrap", true, 0, U64_MAX },
	{ "64 bit, lower half alone would mislead", true, 5, 1ULL << 32 },
};

KUNIT_ARRAY_PARAM_DESC(core_seqno, core_seqno_cases, name);

static void core_seqno(struct kunit *test)
{
	const struct core_seqno_params *p = test->param_value;
	struct dma_fence early = {}, late = {}, twin = {};

	/*
	 * Verify the order of two sequence numbers, in both directions, and
	 * that equal ones are "same" only for the very same fence.
	 */

	if (p->wide) {
		dma_fence_init64(&early, &dft_names_ops, NULL, 1, p->earlier);
		dma_fence_init64(&late, &dft_names_ops, NULL, 1, p->later);
		dma_fence_init64(&twin, &dft_names_ops, NULL, 1, p->later);
	} else {
		dma_fence_init(&early, &dft_names_ops, NULL, 1, p->earlier);
		dma_fence_init(&late, &dft_names_ops, NULL, 1, p->later);
		dma_fence_init(&twin, &dft_names_ops, NULL, 1, p->later);
	}

	KUNIT_EXPECT_TRUE(test, __dma_fence_is_later(&early, p->later,
						     p->earlier));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_later(&late, &early));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_later(&early, &late));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_later(&late, &twin));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_later_or_same(&late, &early));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_later_or_same(&early, &late));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_later_or_same(&late, &late));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_later_or_same(&late, &twin));
}

static void core_later(struct kunit *test)
{
	struct dma_fence early = {}, late = {};

	/*
	 * Verify that dma_fence_later() answers with the fence that is still
	 * to be waited for, whichever way round it is asked.
	 */

	dma_fence_init(&early, &dft_names_ops, NULL, 1, U32_MAX);
	dma_fence_init(&late, &dft_names_ops, NULL, 1, 3);

	KUNIT_EXPECT_PTR_EQ(test, dma_fence_later(&early, &late), &late);
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_later(&late, &early), &late);

	dma_fence_signal(&early);
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_later(&early, &late), &late);

	dma_fence_signal(&late);
	KUNIT_EXPECT_NULL(test, dma_fence_later(&early, &late));
	KUNIT_EXPECT_NULL(test, dma_fence_later(&late, &early));
}

static void core_states(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	unsigned long flags;

	/*
	 * Verify that every way to ask agrees before and after the signal, with
	 * the fence's lock held and without.
	 */

	KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(&f->base));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(&f->base));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(&f->base), 0);
	dma_fence_lock_irqsave(&f->base, flags);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled_locked(&f->base));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status_locked(&f->base), 0);
	dma_fence_unlock_irqrestore(&f->base, flags);

	dma_fence_signal(&f->base);

	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(&f->base));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&f->base));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(&f->base), 1);
	dma_fence_lock_irqsave(&f->base, flags);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled_locked(&f->base));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status_locked(&f->base), 1);
	dma_fence_unlock_irqrestore(&f->base, flags);
}

static void core_signal_twice(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct dft_cb cb = {};
	unsigned long flags;
	ktime_t stamp;

	/*
	 * Verify that only the first signal counts: later ones, of any form, do
	 * not touch the timestamp and run nothing again.
	 */

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &cb.base,
						     dft_count), 0);
	KUNIT_EXPECT_FALSE(test, dma_fence_check_and_signal(&f->base));
	stamp = dft_stamp_of(&f->base);

	dft_spin_ns(2000);
	dma_fence_signal(&f->base);
	dma_fence_signal_timestamp(&f->base, 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_check_and_signal(&f->base));
	dma_fence_lock_irqsave(&f->base, flags);
	dma_fence_signal_locked(&f->base);
	dma_fence_signal_timestamp_locked(&f->base, 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_check_and_signal_locked(&f->base));
	dma_fence_unlock_irqrestore(&f->base, flags);

	dft_await_thread(&f->base);
	KUNIT_EXPECT_EQ(test, dft_stamp_of(&f->base), stamp);
	KUNIT_EXPECT_EQ(test, dft_runs(&cb), 1);
}

static void core_check_and_signal_locked(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_EXTERN_LOCK);
	unsigned long flags;

	/*
	 * Verify that the locked form, too, tells whether it was the one that
	 * signalled, and that the fence is signalled before the lock is gone.
	 */

	dma_fence_lock_irqsave(&f->base, flags);
	KUNIT_EXPECT_FALSE(test, dma_fence_check_and_signal_locked(&f->base));
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(&f->base));
	KUNIT_EXPECT_TRUE(test, dma_fence_check_and_signal_locked(&f->base));
	dma_fence_unlock_irqrestore(&f->base, flags);
}

static void core_timestamp(struct kunit *test)
{
	struct dft_fence *now = dft_fence_new(test, &dft_names_ops,
					      DFT_INLINE_LOCK);
	struct dft_fence *given = dft_fence_new(test, &dft_names_ops,
						DFT_INLINE_LOCK);
	struct dft_fence *locked = dft_fence_new(test, &dft_names_ops,
						 DFT_INLINE_LOCK);
	ktime_t before, after, stamp;
	unsigned long flags;

	/*
	 * Verify that a fence carries the time of its signal, or the time that
	 * the signaller gave, and that it is there once the call has returned.
	 */

	before = ktime_get();
	dma_fence_signal(&now->base);
	after = ktime_get();
	KUNIT_EXPECT_TRUE(test, test_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT,
					 &now->base.flags));
	stamp = dft_stamp_of(&now->base);
	KUNIT_EXPECT_GE(test, stamp, before);
	KUNIT_EXPECT_LE(test, stamp, after);

	dma_fence_signal_timestamp(&given->base, ns_to_ktime(12345));
	KUNIT_EXPECT_EQ(test, dft_stamp_of(&given->base),
			ns_to_ktime(12345));

	dma_fence_lock_irqsave(&locked->base, flags);
	dma_fence_signal_timestamp_locked(&locked->base, ns_to_ktime(54321));
	KUNIT_EXPECT_TRUE(test, test_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT,
					 &locked->base.flags));
	KUNIT_EXPECT_EQ(test, dft_stamp_of(&locked->base),
			ns_to_ktime(54321));
	dma_fence_unlock_irqrestore(&locked->base, flags);
}

static void core_error(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);

	/*
	 * Verify that an error is a state of the signalled fence only: it can
	 * be changed before, and is reported after.
	 */

	dma_fence_set_error(&f->base, -EIO);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(&f->base), 0);
	dma_fence_set_error(&f->base, -ETIME);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(&f->base));

	dma_fence_signal(&f->base);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(&f->base), -ETIME);
	KUNIT_EXPECT_EQ(test, f->base.error, -ETIME);
}

static void core_misuse(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct dft_fence *g = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct dft_cb cb = {};

	/*
	 * Verify that each misuse the base reports is reported once, and is
	 * answered without harm.
	 */

	kunit_warning_suppress(test) {
		dma_fence_signal(NULL);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
		dma_fence_signal_timestamp(NULL, 0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 2);

		KUNIT_EXPECT_EQ(test, dma_fence_add_callback(NULL, &cb.base,
							     dft_count),
				-EINVAL);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 3);
		KUNIT_EXPECT_EQ(test, dma_fence_add_callback(&f->base, &cb.base,
							     NULL), -EINVAL);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 4);
		KUNIT_EXPECT_FALSE(test, dft_has_callbacks(&f->base));

		KUNIT_EXPECT_FALSE(test, dma_fence_is_later(&f->base,
							    &g->base));
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 5);
		KUNIT_EXPECT_NULL(test, dma_fence_later(&f->base, &g->base));
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 6);

		KUNIT_EXPECT_GT(test, dma_fence_timestamp(&f->base), 0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 7);
		dma_fence_set_error(&f->base, 1);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 8);
		dma_fence_set_error(&f->base, -MAX_ERRNO - 1);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 9);
		dma_fence_signal(&f->base);
		dma_fence_set_error(&f->base, -EIO);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 10);

		dma_fence_context_alloc(0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 11);
	}
}

struct core_detach_params {
	const char *name;
	const struct dma_fence_ops *ops;
	bool detaches;
};

static const struct core_detach_params core_detach_cases[] = {
	{ "names only", &dft_names_ops, true },
	{ "enable_signaling and signaled", &dft_ops, true },
	{ "release", &dft_release_ops, false },
	{ "wait", &dft_wait_ops, false },
};

KUNIT_ARRAY_PARAM_DESC(core_detach, core_detach_cases, name);

static void core_detach(struct kunit *test)
{
	const struct core_detach_params *p = test->param_value;
	struct dft_fence *f = dft_fence_new(test, p->ops, DFT_INLINE_LOCK);

	/*
	 * Verify that a signalled fence is independent of its driver unless
	 * its ops are still needed, and that the driver's names are given out
	 * before the signal and never after.
	 */

	rcu_read_lock();
	KUNIT_EXPECT_STREQ(test, dft_driver_of(&f->base),
			   "dft-driver");
	KUNIT_EXPECT_STREQ(test, dft_timeline_of(&f->base),
			   "dft-timeline");
	rcu_read_unlock();
	KUNIT_EXPECT_PTR_EQ(test, rcu_access_pointer(f->base.ops), p->ops);

	dma_fence_signal(&f->base);

	KUNIT_EXPECT_PTR_EQ(test, rcu_access_pointer(f->base.ops),
			    p->detaches ? NULL : p->ops);
	rcu_read_lock();
	KUNIT_EXPECT_STREQ(test, dft_driver_of(&f->base),
			   "detached-driver");
	KUNIT_EXPECT_STREQ(test, dft_timeline_of(&f->base),
			   "signaled-timeline");
	rcu_read_unlock();
}

static void core_describe(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	char text[128] = {}, expected[128];
	struct seq_file seq = { .buf = text, .size = sizeof(text) };

	/*
	 * Verify the line that debugfs files show, which names the driver only
	 * while it is certain to be there.
	 */

	dma_fence_describe(&f->base, &seq);
	text[seq.count] = '\0';
	snprintf(expected, sizeof(expected),
		 "%llu:1 dft-timeline dft-driver unsignalled\n",
		 f->base.context);
	KUNIT_EXPECT_STREQ(test, text, expected);

	dma_fence_signal(&f->base);
	seq.count = 0;
	dma_fence_describe(&f->base, &seq);
	text[seq.count] = '\0';
	snprintf(expected, sizeof(expected), "%llu:1   signalled\n",
		 f->base.context);
	KUNIT_EXPECT_STREQ(test, text, expected);
}

static void core_stub(struct kunit *test)
{
	struct dma_fence *stub = dma_fence_get_stub();
	struct dma_fence *again = dma_fence_get_stub();
	struct dft_cb cb = {};

	/*
	 * Verify that the stub is one fence for everybody, long signalled, and
	 * counts its references.
	 */

	KUNIT_EXPECT_PTR_EQ(test, stub, again);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(stub));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(stub), 1);
	KUNIT_EXPECT_LE(test, dft_stamp_of(stub), ktime_get());
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(stub, &cb.base, dft_count),
			-ENOENT);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_container(stub));
	KUNIT_EXPECT_GT(test, kref_read(&stub->refcount), 2);
	dma_fence_put(again);
	dma_fence_put(stub);
}

static void core_private_stub(struct kunit *test)
{
	struct dma_fence *stub;

	/*
	 * Verify that a private stub is born signalled, at the time its maker
	 * gave, and belongs to its maker.
	 */

	stub = dma_fence_allocate_private_stub(ns_to_ktime(99));
	KUNIT_ASSERT_NOT_NULL(test, stub);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(stub), 1);
	KUNIT_EXPECT_EQ(test, dft_stamp_of(stub), ns_to_ktime(99));
	KUNIT_EXPECT_EQ(test, kref_read(&stub->refcount), 1);
	KUNIT_EXPECT_TRUE(test, test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT,
					 &stub->flags));
	dma_fence_put(stub);
}

static void core_deadline(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_fence *bare = dft_fence_new(test, &dft_names_ops,
					       DFT_INLINE_LOCK);

	/*
	 * Verify that every deadline reaches the driver while the fence is
	 * pending, none after, and that a driver need not care.
	 */

	dma_fence_set_deadline(&f->base, ns_to_ktime(30));
	KUNIT_EXPECT_EQ(test, f->hinted, 1);
	KUNIT_EXPECT_EQ(test, f->hint, ns_to_ktime(30));
	dma_fence_set_deadline(&f->base, ns_to_ktime(10));
	KUNIT_EXPECT_EQ(test, f->hinted, 2);
	KUNIT_EXPECT_EQ(test, f->hint, ns_to_ktime(10));

	dma_fence_signal(&f->base);
	dma_fence_set_deadline(&f->base, ns_to_ktime(20));
	KUNIT_EXPECT_EQ(test, f->hinted, 2);

	dma_fence_set_deadline(&bare->base, ns_to_ktime(1));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(&bare->base));
}

static void core_enable_once(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_fence *late = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_cb cbs[2] = {};

	/*
	 * Verify that the driver is asked to enable signaling by the first who
	 * cares, once, and not for a fence that is already signalled.
	 */

	KUNIT_EXPECT_FALSE(test, test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT,
					  &f->base.flags));
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(&f->base, &cbs[0].base,
						     dft_count), 0);
	KUNIT_EXPECT_EQ(test, f->enabled, 1);
	KUNIT_EXPECT_TRUE(test, test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT,
					 &f->base.flags));
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(&f->base, &cbs[1].base,
						     dft_count), 0);
	dma_fence_enable_sw_signaling(&f->base);
	KUNIT_EXPECT_EQ(test, f->enabled, 1);
	dma_fence_signal(&f->base);
	dft_await_thread(&f->base);
	KUNIT_EXPECT_EQ(test, dft_runs(&cbs[0]), 1);
	KUNIT_EXPECT_EQ(test, dft_runs(&cbs[1]), 1);

	dma_fence_signal(&late->base);
	dma_fence_enable_sw_signaling(&late->base);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(&late->base, false, 1), 1);
	KUNIT_EXPECT_EQ(test, late->enabled, 0);
}

static void core_enable_refused(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_fence *g = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_cb cb = {};

	/*
	 * Verify that a driver which cannot enable signaling has signalled the
	 * fence by that, with the error it may have set on the way.
	 */

	f->enable_result = false;
	dma_fence_enable_sw_signaling(&f->base);
	KUNIT_EXPECT_EQ(test, f->enabled, 1);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(&f->base), 1);

	g->enable_result = false;
	g->enable_error = -ENODEV;
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(&g->base, &cb.base,
						     dft_count), -ENOENT);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(&g->base), -ENODEV);
	KUNIT_EXPECT_TRUE(test, test_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT,
					 &g->base.flags));
	KUNIT_EXPECT_EQ(test, dft_runs(&cb), 0);
}

static void core_signaled_op(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_cb cb = {};

	/*
	 * Verify that a fence whose driver says it is done becomes signalled by
	 * the question, callbacks included, and is not asked again.
	 */

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &cb.base,
						     dft_count), 0);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(&f->base));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(&f->base), 0);
	KUNIT_EXPECT_EQ(test, f->asked, 2);
	KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(&f->base));

	f->signaled_result = true;
	KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(&f->base));
	KUNIT_EXPECT_EQ(test, f->asked, 2);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&f->base));
	KUNIT_EXPECT_EQ(test, f->asked, 3);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(&f->base));
	dft_await_thread(&f->base);
	KUNIT_EXPECT_EQ(test, dft_runs(&cb), 1);

	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&f->base));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(&f->base), 1);
	KUNIT_EXPECT_EQ(test, f->asked, 3);
}

static void core_references(struct kunit *test)
{
	struct dft_fence *f = dft_fence_alloc(test, &dft_release_ops,
					      DFT_INLINE_LOCK);
	struct dma_fence __rcu *slot;
	atomic_t released = ATOMIC_INIT(0);

	/*
	 * Verify that the last reference releases the fence once, that a dead
	 * fence gives out no reference, and that an empty slot is no fence.
	 */

	f->released = &released;
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_get(&f->base), &f->base);
	KUNIT_EXPECT_EQ(test, kref_read(&f->base.refcount), 2);
	KUNIT_EXPECT_NULL(test, dma_fence_get(NULL));
	dma_fence_put(NULL);
	dma_fence_put(&f->base);

	rcu_read_lock();
	RCU_INIT_POINTER(slot, &f->base);
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_get_rcu_safe(&slot), &f->base);
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_get_rcu(&f->base), &f->base);
	dma_fence_put(&f->base);
	dma_fence_put(&f->base);
	KUNIT_EXPECT_EQ(test, atomic_read(&released), 0);
	dma_fence_put(&f->base);
	KUNIT_EXPECT_EQ(test, atomic_read(&released), 1);
	KUNIT_EXPECT_NULL(test, dma_fence_get_rcu(&f->base));
	RCU_INIT_POINTER(slot, NULL);
	KUNIT_EXPECT_NULL(test, dma_fence_get_rcu_safe(&slot));
	rcu_read_unlock();
}

static void core_annotation(struct kunit *test)
{
	bool outer, inner, again;

	/*
	 * Verify that signalling sections nest: only the outermost one is
	 * entered and left.
	 */

	if (!IS_ENABLED(CONFIG_LOCKDEP) || !debug_locks)
		kunit_skip(test, "needs CONFIG_LOCKDEP, before its first report");

	outer = dma_fence_begin_signalling();
	inner = dma_fence_begin_signalling();
	dma_fence_end_signalling(inner);
	dma_fence_end_signalling(outer);
	again = dma_fence_begin_signalling();
	dma_fence_end_signalling(again);

	KUNIT_EXPECT_FALSE(test, outer);
	KUNIT_EXPECT_TRUE(test, inner);
	KUNIT_EXPECT_FALSE(test, again);
}

static struct kunit_case core_cases[] = {
	KUNIT_CASE(core_init),
	KUNIT_CASE(core_reinit),
	KUNIT_CASE(core_context_alloc),
	KUNIT_CASE_PARAM(core_seqno, core_seqno_gen_params),
	KUNIT_CASE(core_later),
	KUNIT_CASE(core_states),
	KUNIT_CASE(core_signal_twice),
	KUNIT_CASE(core_check_and_signal_locked),
	KUNIT_CASE(core_timestamp),
	KUNIT_CASE(core_error),
	KUNIT_CASE(core_misuse),
	KUNIT_CASE_PARAM(core_detach, core_detach_gen_params),
	KUNIT_CASE(core_describe),
	KUNIT_CASE(core_stub),
	KUNIT_CASE(core_private_stub),
	KUNIT_CASE(core_deadline),
	KUNIT_CASE(core_enable_once),
	KUNIT_CASE(core_enable_refused),
	KUNIT_CASE(core_signaled_op),
	KUNIT_CASE(core_references),
	KUNIT_CASE(core_annotation),
	{}
};

static struct kunit_suite core_suite = {
	.name = "dma_fence",
	.init = dft_pin,
	.test_cases = core_cases,
};

kunit_test_suite(core_suite);

MODULE_DESCRIPTION("KUnit tests of the dma_fence core");
MODULE_LICENSE("GPL");
