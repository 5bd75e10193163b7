// SPDX-License-Identifier: GPL-2.0-only
/*
 * What CONFIG_DMA_FENCE_DEBUG reports, and what it does not.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/delay.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/preempt.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/workqueue.h>

#include "../dma-fence-internal.h"
#include "dma-fence-test.h"

#ifdef CONFIG_DMA_FENCE_DEBUG

static int debug_init(struct kunit *test)
{
	/* Each kind of fence is reported once, and is to be so by each test. */
	dma_fence_debug_forget();
	return dft_pin(test);
}

/* Runs code that makes one report with a warning, and maybe more of debugobjects. */
#define EXPECT_REPORTS(test, rule, want, code...)			\
do {									\
	unsigned int __before = dma_fence_debug_reports(rule);		\
									\
	kunit_warning_suppress(test) {					\
		code;							\
	}								\
	KUNIT_EXPECT_EQ(test, dma_fence_debug_reports(rule) - __before,	\
			want);						\
} while (0)

/* The same, and no other warning. */
#define EXPECT_WARNINGS(test, rule, want, code...)			\
	EXPECT_REPORTS(test, rule, want,				\
		       code; KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, want))

/*
 * Obligations
 */

static void by_nothing(struct kunit *test, struct dma_fence *fence)
{
}

static void by_callback(struct kunit *test, struct dma_fence *fence)
{
	struct dft_cb cb = { };

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &cb.base, dft_count),
			0);
	KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback(fence, &cb.base));
}

static void by_wait(struct kunit *test, struct dma_fence *fence)
{
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, false, 1), 0);
}

static void by_wait_any(struct kunit *test, struct dma_fence *fence)
{
	KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(&fence, 1, false, 1,
							 NULL), 0);
}

static void by_resv(struct kunit *test, struct dma_fence *fence)
{
	struct dma_resv resv;

	dma_resv_init(&resv);
	dma_resv_lock(&resv, NULL);
	KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(&resv, 1), 0);
	dma_resv_add_fence(&resv, fence, DMA_RESV_USAGE_READ);
	dma_resv_unlock(&resv);
	dma_resv_fini(&resv);
}

static void by_resv_asked(struct kunit *test, struct dma_fence *fence)
{
	by_resv(test, fence);
	dma_fence_enable_sw_signaling(fence);
}

static void by_file(struct kunit *test, struct dma_fence *fence)
{
#ifdef CONFIG_SYNC_FILE
	struct sync_file *file = sync_file_create(fence);

	KUNIT_ASSERT_NOT_NULL(test, file);
	__fput_sync(file->file);
#else
	dma_fence_debug_exported(fence);
#endif
}

static void by_file_shared(struct kunit *test, struct dma_fence *fence)
{
	by_file(test, fence);
	dma_fence_debug_published(fence);
}

static void by_abandonable(struct kunit *test, struct dma_fence *fence)
{
	dma_fence_debug_abandonable(fence);
	by_callback(test, fence);
}

static void by_signal(struct kunit *test, struct dma_fence *fence)
{
	by_callback(test, fence);
	dma_fence_signal(fence);
}

static const char *plain_driver(struct dma_fence *fence)
{
	return "plain-driver";
}

static const char *plain_timeline(struct dma_fence *fence)
{
	return "plain-timeline";
}

/* Signals without being asked. */
static const struct dma_fence_ops plain_ops = {
	.get_driver_name = plain_driver,
	.get_timeline_name = plain_timeline,
};

struct lost_params {
	const char *name;
	void (*publish)(struct kunit *test, struct dma_fence *fence);
	const struct dma_fence_ops *ops;
	bool listed;
	unsigned int lost;
};

static const struct lost_params lost_cases[] = {
	{ "callback", by_callback, &dft_ops, true, 1 },
	{ "wait", by_wait, &dft_ops, true, 1 },
	{ "wait for any", by_wait_any, &dft_ops, true, 1 },
	{ "reservation", by_resv, &plain_ops, true, 1 },
	{ "reservation, asked", by_resv_asked, &dft_ops, true, 1 },
	{ "file and more", by_file_shared, &plain_ops, true, 1 },
	{ "not published", by_nothing, &plain_ops, false, 0 },
	{ "reservation, not asked", by_resv, &dft_ops, true, 0 },
	{ "file only", by_file, &plain_ops, true, 0 },
	{ "abandonable", by_abandonable, &dft_ops, true, 0 },
	{ "signalled", by_signal, &dft_ops, false, 0 },
};

KUNIT_ARRAY_PARAM_DESC(lost, lost_cases, name);

static void debug_lost(struct kunit *test)
{
	const struct lost_params *p = test->param_value;
	unsigned int i, live = dma_fence_debug_live();

	/*
	 * Verify that a fence which somebody could wait for must not go without
	 * a signal, that it is reported once, and that it is kept track of.
	 */

	for (i = 0; i < 2; i++) {
		struct dft_fence *f = dft_fence_alloc(test, p->ops,
						      DFT_INLINE_LOCK);

		p->publish(test, &f->base);
		KUNIT_EXPECT_EQ(test, dma_fence_debug_live(), live + p->listed);
		EXPECT_WARNINGS(test, DMA_FENCE_LOST, i ? 0 : p->lost,
				dma_fence_put(&f->base));
		KUNIT_EXPECT_EQ(test, dma_fence_debug_live(), live);
	}
}

static void debug_container_not_lost(struct kunit *test)
{
	struct dma_fence **members = kmalloc_objs(*members, 1);
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dma_fence_array *array;

	/*
	 * Verify that nothing is owed by a container: its members signal.
	 */

	KUNIT_ASSERT_NOT_NULL(test, members);
	members[0] = dma_fence_get(&f->base);
	array = dma_fence_array_create(1, members, 1, 1);
	KUNIT_ASSERT_NOT_NULL(test, array);
	by_resv_asked(test, &f->base);
	dma_fence_debug_published(&array->base);
	EXPECT_WARNINGS(test, DMA_FENCE_LOST, 0, dma_fence_put(&array->base));
}

static void debug_again(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);

	/*
	 * Verify that it is noticed when a fence that has signalled is signalled
	 * with another error, once, and that signalling it again is fine.
	 */

	dma_fence_set_error(&f->base, -EIO);
	EXPECT_WARNINGS(test, DMA_FENCE_AGAIN, 0,
			dma_fence_signal(&f->base);
			dma_fence_signal(&f->base);
			dma_fence_set_error_unless_signaled(&f->base, -EPERM);
			dma_fence_signal(&f->base));

	f->base.error = -ETIME;
	EXPECT_WARNINGS(test, DMA_FENCE_AGAIN, 1, dma_fence_signal(&f->base));
	EXPECT_WARNINGS(test, DMA_FENCE_AGAIN, 0, dma_fence_signal(&f->base));

	dma_fence_debug_forget();
	f->base.error = -EPERM;
	EXPECT_WARNINGS(test, DMA_FENCE_AGAIN, 1, dft_signal_locked(f));

	/* Of dma_fence_set_error() that is known already. */
	dma_fence_debug_forget();
	kunit_warning_suppress(test) {
		dma_fence_set_error(&f->base, -EIO);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	EXPECT_WARNINGS(test, DMA_FENCE_AGAIN, 0, dma_fence_signal(&f->base));
}

/*
 * Memory
 */

static void skip_without_objects(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_DEBUG_OBJECTS_FREE))
		kunit_skip(test, "needs CONFIG_DEBUG_OBJECTS_FREE");
}

static void debug_fence_freed(struct kunit *test)
{
	struct dft_fence *f, *unseen;
	unsigned int live = dma_fence_debug_live();

	/*
	 * Verify that memory of a fence is not freed while others may look at
	 * it, and that the fence is forgotten then.
	 */

	skip_without_objects(test);
	f = dft_fence_alloc(test, &dft_ops, DFT_INLINE_LOCK);
	unseen = dft_fence_alloc(test, &dft_ops, DFT_INLINE_LOCK);
	by_callback(test, &f->base);
	KUNIT_EXPECT_EQ(test, dma_fence_debug_live(), live + 1);
	EXPECT_REPORTS(test, DMA_FENCE_FREED, 0, kfree(unseen));
	EXPECT_REPORTS(test, DMA_FENCE_FREED, 1, kfree(f));
	KUNIT_EXPECT_EQ(test, dma_fence_debug_live(), live);
}

static void debug_fence_initialised(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	unsigned int live = dma_fence_debug_live();

	/*
	 * Verify that a fence is not initialised while others may look at it,
	 * but may be once it has signalled.
	 */

	by_callback(test, &f->base);
	EXPECT_WARNINGS(test, DMA_FENCE_FREED, 1,
			dft_fence_init(f, &dft_ops, NULL));
	KUNIT_EXPECT_EQ(test, dma_fence_debug_live(), live);

	dma_fence_debug_forget();
	by_signal(test, &f->base);
	EXPECT_WARNINGS(test, DMA_FENCE_FREED, 0,
			dft_fence_init(f, &dft_ops, NULL));
}

static struct dft_cb *cb_armed(struct kunit *test, struct dma_fence *fence)
{
	struct dft_cb *cb = kzalloc_obj(*cb);

	KUNIT_ASSERT_NOT_NULL(test, cb);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(fence, &cb->base,
						     dft_count), 0);
	return cb;
}

static void debug_cb_freed(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_cb *removed, *run, *freed, *neighbour;

	/*
	 * Verify that memory of a callback is not freed while it is armed, that
	 * the fence forgets it, and that its neighbours are delivered.
	 */

	skip_without_objects(test);
	removed = cb_armed(test, &f->base);
	freed = cb_armed(test, &f->base);
	neighbour = cb_armed(test, &f->base);
	dma_fence_remove_callback(&f->base, &removed->base);
	EXPECT_REPORTS(test, DMA_FENCE_CB_FREED, 0, kfree(removed));
	EXPECT_REPORTS(test, DMA_FENCE_CB_FREED, 1, kfree(freed));

	run = cb_armed(test, &f->base);
	dma_fence_signal(&f->base);
	dft_await_thread(&f->base);
	KUNIT_EXPECT_EQ(test, dft_runs(run), 1);
	KUNIT_EXPECT_EQ(test, dft_runs(neighbour), 1);
	EXPECT_REPORTS(test, DMA_FENCE_CB_FREED, 0,
		       kfree(run);
		       kfree(neighbour));
}

static void debug_cb_wiped(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_cb cbs[3] = { }, never = { };
	unsigned int i;

	/*
	 * Verify that a callback which was initialised while it was armed, and
	 * so cannot be removed, is reported and forgotten, but not one that was
	 * removed before or never armed.
	 */

	for (i = 0; i < ARRAY_SIZE(cbs); i++)
		KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base,
							     &cbs[i].base,
							     dft_count), 0);
	INIT_LIST_HEAD(&never.base.node);
	EXPECT_REPORTS(test, DMA_FENCE_CB_WIPED, 0,
		       dma_fence_remove_callback(&f->base, &never.base);
		       dma_fence_remove_callback(&f->base, &cbs[0].base);
		       dma_fence_remove_callback(&f->base, &cbs[0].base));
	INIT_LIST_HEAD(&cbs[1].base.node);
	EXPECT_REPORTS(test, DMA_FENCE_CB_WIPED, 1,
		       dma_fence_remove_callback(&f->base, &cbs[1].base));

	dma_fence_signal(&f->base);
	dft_await_thread(&f->base);
	KUNIT_EXPECT_EQ(test, dft_runs(&cbs[0]), 0);
	KUNIT_EXPECT_EQ(test, dft_runs(&cbs[1]), 0);
	KUNIT_EXPECT_EQ(test, dft_runs(&cbs[2]), 1);
}

static void debug_cb_wiped_and_armed(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_fence *g = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_cb *cb;

	/*
	 * Verify that a callback which was cleared while it was armed is reported
	 * when it is armed again. The list is put right by hand.
	 */

	skip_without_objects(test);
	cb = cb_armed(test, &f->base);
	list_del(&cb->base.node);
	memset(cb, 0, sizeof(*cb));
	EXPECT_REPORTS(test, DMA_FENCE_CB_WIPED, 1,
		       dma_fence_add_callback(&g->base, &cb->base, dft_count));
	dma_fence_signal(&g->base);
	dft_await_thread(&g->base);
	KUNIT_EXPECT_EQ(test, dft_runs(cb), 1);
	EXPECT_REPORTS(test, DMA_FENCE_CB_FREED, 0, kfree(cb));
}

static void debug_cb_twice(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_fence *g = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_cb cb = { };

	/*
	 * Verify that a callback which is added while it is armed is reported,
	 * and is on the second fence alone, and that it may be armed again once
	 * it was removed or has run.
	 */

	EXPECT_WARNINGS(test, DMA_FENCE_CB_TWICE, 0,
			by_callback(test, &f->base);
			dma_fence_add_callback(&f->base, &cb.base, dft_count);
			dma_fence_remove_callback(&f->base, &cb.base);
			dma_fence_add_callback(&f->base, &cb.base, dft_count));
	EXPECT_WARNINGS(test, DMA_FENCE_CB_TWICE, 1,
			dma_fence_add_callback(&g->base, &cb.base, dft_count));
	KUNIT_EXPECT_FALSE(test, dft_has_callbacks(&f->base));
	dma_fence_signal(&f->base);
	KUNIT_EXPECT_EQ(test, dft_runs(&cb), 0);
	dma_fence_signal(&g->base);
	dft_await_thread(&g->base);
	KUNIT_EXPECT_EQ(test, dft_runs(&cb), 1);
}

/*
 * Time
 */

#define STUCK_MS	40

static void debug_stuck(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_fence *unasked = dft_fence_new(test, &dft_ops,
						  DFT_INLINE_LOCK);
	unsigned int before = dma_fence_debug_reports(DMA_FENCE_STUCK);
	struct dft_cb cb = { };

	/*
	 * Verify that a fence which does not signal is reported once, when it is
	 * time, and never if that is zero; and not one that nobody has asked.
	 */

	by_resv(test, &unasked->base);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &cb.base,
						     dft_count), 0);
	dma_fence_debug_set_stuck_ms(0);
	msleep(3 * STUCK_MS);
	KUNIT_EXPECT_EQ(test, dma_fence_debug_reports(DMA_FENCE_STUCK), before);

	dma_fence_debug_set_stuck_ms(STUCK_MS);
	KUNIT_EXPECT_TRUE(test, sleep_until(dma_fence_debug_reports(DMA_FENCE_STUCK) !=
					    before));
	msleep(3 * STUCK_MS);
	KUNIT_EXPECT_EQ(test, dma_fence_debug_reports(DMA_FENCE_STUCK),
			before + 1);
	dma_fence_debug_set_stuck_ms(DMA_FENCE_STUCK_MS);
	dma_fence_signal(&f->base);
	dft_await_thread(&f->base);
}

static void debug_slow_func(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	u64 end = ktime_get_mono_fast_ns() + 3 * NSEC_PER_MSEC;

	while (ktime_get_mono_fast_ns() < end)
		cpu_relax();
}

static void debug_cb_slow(struct kunit *test)
{
	unsigned int old = dma_fence_debug_slow_us, i;
	static const struct {
		unsigned int limit_us;
		dma_fence_func_t func;
		unsigned int want;
	} cases[] = {
		{ 0, debug_slow_func, 0 },
		{ 60000000, debug_slow_func, 0 },
		{ 1000, debug_slow_func, 1 },
		{ 1000, debug_slow_func, 0 },
	};

	/*
	 * Verify that a callback which runs for long is reported, once.
	 */

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dft_fence *f = dft_fence_new(test, &dft_ops,
						    DFT_INLINE_LOCK);
		struct dma_fence_cb cb;

		KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &cb,
							     cases[i].func), 0);
		dma_fence_debug_slow_us = cases[i].limit_us;
		EXPECT_REPORTS(test, DMA_FENCE_CB_SLOW, cases[i].want,
			       dma_fence_signal(&f->base);
			       dft_await_thread(&f->base));
		dma_fence_debug_slow_us = old;
	}
}

/*
 * The last reference
 */

static void keep_memory(struct dma_fence *fence)
{
}

static const struct dma_fence_ops kept_ops = {
	.get_driver_name = plain_driver,
	.get_timeline_name = plain_timeline,
	.release = keep_memory,
};

static void put_locked(struct dma_fence *fence)
{
	unsigned long flags;

	dma_fence_lock_irqsave(fence, flags);
	dma_fence_put(fence);
	dma_fence_unlock_irqrestore(fence, flags);
}

static DEFINE_SPINLOCK(drivers_lock);

static void put_signaled(struct kunit *test, spinlock_t *lock)
{
	struct dma_fence *fence = kzalloc_obj(*fence);

	KUNIT_ASSERT_NOT_NULL(test, fence);
	dma_fence_init(fence, &plain_ops, lock, 1, 1);
	dma_fence_signal(fence);
	/* For the unlock. */
	guard(rcu)();
	put_locked(fence);
}

static void debug_last_put(struct kunit *test)
{
	struct dft_fence *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	/*
	 * Verify that the last reference must not be dropped under the lock of
	 * the fence, but others may.
	 */

	if (!IS_ENABLED(CONFIG_LOCKDEP) || !debug_locks)
		kunit_skip(test, "needs CONFIG_LOCKDEP");
	KUNIT_ASSERT_NOT_NULL(test, f);
	dft_fence_init(f, &kept_ops, NULL);
	dma_fence_get(&f->base);
	EXPECT_WARNINGS(test, DMA_FENCE_LAST_PUT, 0, put_locked(&f->base));
	EXPECT_WARNINGS(test, DMA_FENCE_LAST_PUT, 1, put_locked(&f->base));

	dft_fence_init(f, &kept_ops, NULL);
	EXPECT_WARNINGS(test, DMA_FENCE_LAST_PUT, 0, dma_fence_put(&f->base));

	/* Of one that goes without a release, when its lock goes with it. */
	EXPECT_WARNINGS(test, DMA_FENCE_LAST_PUT, 0, put_signaled(test, &drivers_lock));
	EXPECT_WARNINGS(test, DMA_FENCE_LAST_PUT, 1, put_signaled(test, NULL));
}

static void debug_last_put_nmi(struct kunit *test)
{
	struct dft_fence *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	/*
	 * Verify that the last reference must not be dropped in NMI.
	 */

	KUNIT_ASSERT_NOT_NULL(test, f);
	dft_fence_init(f, &kept_ops, NULL);
	EXPECT_WARNINGS(test, DMA_FENCE_LAST_PUT, 1,
			__preempt_count_add(NMI_OFFSET);
			dma_fence_put(&f->base);
			__preempt_count_sub(NMI_OFFSET));
}

static void debug_put_borrowed(struct kunit *test)
{
	struct dft_fence *f = dft_fence_alloc(test, &dft_release_ops,
					      DFT_INLINE_LOCK);
	atomic_t released = ATOMIC_INIT(0);

	/*
	 * Verify that a borrowed reference is not the last, and is dropped all
	 * the same.
	 */

	f->released = &released;
	dma_fence_get(&f->base);
	EXPECT_WARNINGS(test, DMA_FENCE_BORROWED, 0,
			dma_fence_put_borrowed(&f->base));
	KUNIT_EXPECT_EQ(test, atomic_read(&released), 0);
	EXPECT_WARNINGS(test, DMA_FENCE_BORROWED, 1,
			dma_fence_put_borrowed(&f->base));
	KUNIT_EXPECT_EQ(test, atomic_read(&released), 1);
	dma_fence_put_borrowed(NULL);
}

/*
 * The view
 */

static void nothing_work(struct work_struct *work)
{
}

static void debug_view(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_fence *g = dft_fence_new(test, &plain_ops, DFT_INLINE_LOCK);
	char *text = kunit_kzalloc(test, SZ_4K, GFP_KERNEL), context[80];
	struct seq_file seq = { .buf = text, .size = SZ_4K };
	struct dma_fence_cb_wake wake;
	struct dma_fence_cb_work work;
	struct dft_cb cbs[2] = { };
	DECLARE_WORK(nothing, nothing_work);

	/*
	 * Verify that the view shows the fences that others may wait for, and
	 * what callbacks there are on them.
	 */

	KUNIT_ASSERT_NOT_NULL(test, text);
	dma_fence_add_callback(&f->base, &cbs[0].base, dft_count);
	dma_fence_add_callback(&f->base, &cbs[1].base, dft_count);
	dma_fence_add_wake(&f->base, &wake, current);
	dma_fence_add_work(&f->base, &work, system_percpu_wq, &nothing);
	by_file(test, &g->base);
	KUNIT_EXPECT_EQ(test, dma_fence_debug_print(&seq), 0);

	snprintf(context, sizeof(context), "context %llu dft-driver dft-timeline\n",
		 f->base.context);
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, context));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, "  1 enabled "));
	if (!IS_ENABLED(CONFIG_PREEMPT_RT)) {
		KUNIT_EXPECT_NOT_NULL(test, strstr(text, " 2x dft_count "));
		KUNIT_EXPECT_NOT_NULL(test, strstr(text, " 1x wake kunit"));
		KUNIT_EXPECT_NOT_NULL(test, strstr(text, " 1x work nothing_work"));
	}
	snprintf(context, sizeof(context),
		 "context %llu plain-driver plain-timeline\n  1 published ",
		 g->base.context);
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, context));

	dma_fence_remove_callback(&f->base, &wake.base);
	dma_fence_remove_callback(&f->base, &work.base);
	dma_fence_signal(&f->base);
	dma_fence_signal(&g->base);
	dft_await_thread(&f->base);
	text[0] = '\0';
	seq.count = 0;
	KUNIT_EXPECT_EQ(test, dma_fence_debug_print(&seq), 0);
	KUNIT_EXPECT_NULL(test, strstr(text, context));
}

static struct kunit_case debug_test_cases[] = {
	KUNIT_CASE_PARAM(debug_lost, lost_gen_params),
	KUNIT_CASE(debug_container_not_lost),
	KUNIT_CASE(debug_again),
	KUNIT_CASE(debug_fence_freed),
	KUNIT_CASE(debug_fence_initialised),
	KUNIT_CASE(debug_cb_freed),
	KUNIT_CASE(debug_cb_wiped),
	KUNIT_CASE(debug_cb_wiped_and_armed),
	KUNIT_CASE(debug_cb_twice),
	KUNIT_CASE(debug_stuck),
	KUNIT_CASE(debug_cb_slow),
	KUNIT_CASE(debug_last_put),
	KUNIT_CASE(debug_last_put_nmi),
	KUNIT_CASE(debug_put_borrowed),
	KUNIT_CASE(debug_view),
	{}
};

#else

static int debug_init(struct kunit *test)
{
	return 0;
}

static void debug_skipped(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_DMA_FENCE_DEBUG");
}

static struct kunit_case debug_test_cases[] = {
	KUNIT_CASE(debug_skipped),
	{}
};

#endif

static struct kunit_suite debug_suite = {
	.name = "dma_fence_debug",
	.init = debug_init,
	.test_cases = debug_test_cases,
};

kunit_test_suite(debug_suite);
