// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lifetimes: what may be gone, and when, of the fence, its lock and its driver.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "dma-fence-test.h"

/*
 * A driver that has gone: its lock and its table of operations are still memory
 * but must not be used any more.
 */
struct late_driver {
	struct dma_fence_ops ops;
	spinlock_t lock;	/* of @fence */
	struct dma_fence *fence;
	struct dft_cb cb;
	struct dft_cb late;
	char text[128];
	atomic_t trapped;
	const char *wrong;
	bool finished;
};

static struct late_driver *late_driver_of_trap;

static const char *trap_name(struct dma_fence *fence)
{
	atomic_inc(&late_driver_of_trap->trapped);

	return "trap";
}

static bool trap_bool(struct dma_fence *fence)
{
	atomic_inc(&late_driver_of_trap->trapped);

	return false;
}

static signed long trap_wait(struct dma_fence *fence, bool intr,
			     signed long timeout)
{
	atomic_inc(&late_driver_of_trap->trapped);

	return timeout;
}

static void trap_release(struct dma_fence *fence)
{
	atomic_inc(&late_driver_of_trap->trapped);
}

static void trap_deadline(struct dma_fence *fence, ktime_t deadline)
{
	atomic_inc(&late_driver_of_trap->trapped);
}

/* Everything that somebody else may do with a fence that he has a reference to. */
static int late_driver_use(void *data)
{
	struct late_driver *d = data;
	struct seq_file seq = { .buf = d->text, .size = sizeof(d->text) };
	struct dma_fence *fence = d->fence;
	u32 idx;

#define LATE(expr)						\
	do {							\
		if (!(expr) && !d->wrong)			\
			d->wrong = #expr;			\
	} while (0)

	LATE(dma_fence_is_signaled(fence));
	LATE(dma_fence_add_callback(fence, &d->late.base, dft_count) ==
	     -ENOENT);
	LATE(!dma_fence_remove_callback(fence, &d->late.base));
	LATE(!dma_fence_remove_callback(fence, &d->cb.base));
	LATE(dma_fence_wait_timeout(fence, true, HZ) == HZ);
	LATE(dma_fence_wait_timeout(fence, false, 0) == 1);
	LATE(dma_fence_default_wait(fence, false, 2) == 2);
	LATE(dma_fence_wait_any_timeout(&fence, 1, false, 3, &idx) == 3);
	LATE(dma_fence_wait_any_timeout(&fence, 1, false, 0, &idx) == 1);
	LATE(dma_fence_get_status(fence) == -EIO);
	LATE(dft_stamp_of(fence) < KTIME_MAX);
	LATE(!dma_fence_later(fence, fence));
	dma_fence_set_deadline(fence, ktime_get());
	dma_fence_enable_sw_signaling(fence);
	dma_fence_flush_callbacks(fence);
	dma_fence_describe(fence, &seq);
	rcu_read_lock();
	LATE(!strcmp(dft_driver_of(fence),
		     "detached-driver"));
	LATE(!strcmp(dft_timeline_of(fence),
		     "signaled-timeline"));
	rcu_read_unlock();
	dma_fence_put(fence);
	dft_store(&d->finished, true);

#undef LATE

	return 0;
}

struct late_params {
	const char *name;
	bool locked;
};

static const struct late_params late_cases[] = {
	{ "signal", false },
	{ "signal_locked", true },
};

KUNIT_ARRAY_PARAM_DESC(late, late_cases, name);

static void lifetime_driver_gone(struct kunit *test)
{
	const struct late_params *p = test->param_value;
	unsigned int cpu = dft_other_cpu(test);
	struct late_driver *d;
	struct dft_thread thread;
	unsigned long flags;
	bool finished;

	/*
	 * Verify that one grace period after the signal neither the lock nor
	 * the operations of the driver are used, whatever is done with the
	 * fence. The lock becomes a pattern in which a CPU that takes it would
	 * be stuck, so another one does it and is freed by this one.
	 */

	d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, d);
	d->fence = kzalloc_obj(*d->fence);
	KUNIT_ASSERT_NOT_NULL(test, d->fence);
	late_driver_of_trap = d;
	spin_lock_init(&d->lock);
	d->ops = dft_names_ops;
	dma_fence_init(d->fence, &d->ops, &d->lock, 1, 1);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(d->fence, &d->cb.base,
						     dft_count), 0);
	dma_fence_set_error(d->fence, -EIO);
	if (p->locked) {
		spin_lock_irqsave(&d->lock, flags);
		dma_fence_signal_locked(d->fence);
		spin_unlock_irqrestore(&d->lock, flags);
	} else {
		dma_fence_signal(d->fence);
	}
	synchronize_rcu();

	dft_poison(&d->lock, sizeof(d->lock));
	d->ops = (struct dma_fence_ops) {
		.get_driver_name = trap_name,
		.get_timeline_name = trap_name,
		.enable_signaling = trap_bool,
		.signaled = trap_bool,
		.wait = trap_wait,
		.release = trap_release,
		.set_deadline = trap_deadline,
	};

	dft_thread_start(test, &thread, cpu, late_driver_use, d);
	finished = sleep_until(dft_load(&d->finished));
	KUNIT_EXPECT_TRUE(test, finished);
	KUNIT_EXPECT_TRUE(test, dft_poisoned(&d->lock, sizeof(d->lock)));
	if (!finished)
		spin_lock_init(&d->lock);
	dft_thread_join(test, &thread);

	KUNIT_EXPECT_TRUE(test, sleep_until(dft_runs(&d->cb)));
	KUNIT_EXPECT_EQ(test, dft_runs(&d->cb), 1);
	KUNIT_EXPECT_EQ(test, dft_runs(&d->late), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&d->trapped), 0);
	KUNIT_EXPECT_STREQ(test, d->wrong ?: "", "");
	KUNIT_EXPECT_NOT_NULL(test, strstr(d->text, " signalled"));
}

struct dying_cb {
	struct dma_fence_cb base;
	unsigned int runs;
	int error;
	bool signalled;
	bool puts;
	atomic_t *released;
	bool released_before;
};

static void dying_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct dying_cb *cb = container_of(base, struct dying_cb, base);

	cb->runs++;
	cb->error = fence->error;
	cb->signalled = dma_fence_is_signaled(fence);
	if (cb->released)
		cb->released_before = atomic_read(cb->released);
	if (cb->puts)
		dma_fence_put(fence);
}

static void lifetime_released_pending(struct kunit *test)
{
	struct dft_fence *f = dft_fence_alloc(test, &dft_release_ops,
					      DFT_EXTERN_LOCK);
	atomic_t released = ATOMIC_INIT(0);
	struct dying_cb cbs[2] = {};

	/*
	 * Verify that a fence whose last reference goes before its signal is
	 * reported, signals -EDEADLK to its callbacks, and is released once,
	 * after them.
	 */

	f->released = &released;
	cbs[0].released = &released;
	cbs[1].released = &released;
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &cbs[0].base,
						     dying_func), 0);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &cbs[1].base,
						     dying_func), 0);
	kunit_warning_suppress(test) {
		dma_fence_put(&f->base);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	/* There is no fence left to flush. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		sleep_until(atomic_read(&released));
	KUNIT_EXPECT_EQ(test, cbs[0].runs, 1);
	KUNIT_EXPECT_EQ(test, cbs[1].runs, 1);
	KUNIT_EXPECT_EQ(test, cbs[1].error, -EDEADLK);
	KUNIT_EXPECT_TRUE(test, cbs[1].signalled);
	KUNIT_EXPECT_FALSE(test, cbs[0].released_before);
	KUNIT_EXPECT_FALSE(test, cbs[1].released_before);
	KUNIT_EXPECT_EQ(test, atomic_read(&released), 1);
}

static void lifetime_released_quietly(struct kunit *test)
{
	struct dft_fence *idle = dft_fence_alloc(test, &dft_release_ops,
						 DFT_INLINE_LOCK);
	struct dft_fence *left = dft_fence_alloc(test, &dft_release_ops,
						 DFT_INLINE_LOCK);
	atomic_t released = ATOMIC_INIT(0);
	struct dft_cb cb = {};

	/*
	 * Verify that a fence nobody listens to may go without a signal, also
	 * when somebody had listened, unless its issuer is to be watched.
	 */

	dma_fence_debug_abandonable(&left->base);
	idle->released = &released;
	left->released = &released;
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&left->base, &cb.base,
						     dft_count), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback(&left->base,
							  &cb.base));
	kunit_warning_suppress(test) {
		dma_fence_put(&idle->base);
		dma_fence_put(&left->base);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&released), 2);
	KUNIT_EXPECT_EQ(test, dft_runs(&cb), 0);
}

/* More than one of the windows in which interrupts stay off. */
#define PUT_CALLBACKS	100

struct put_params {
	const char *name;
	bool signaller_refs;
	bool locked;
};

static const struct put_params put_cases[] = {
	{ "signaller keeps a reference", true, false },
	{ "signaller has none", false, false },
	{ "locked, signaller keeps a reference", true, true },
	{ "locked, signaller has none", false, true },
};

KUNIT_ARRAY_PARAM_DESC(put, put_cases, name);

static void lifetime_put_in_callback(struct kunit *test)
{
	const struct put_params *p = test->param_value;
	struct dft_fence *f = dft_fence_alloc(test, &dft_release_ops,
					      DFT_INLINE_LOCK);
	atomic_t released = ATOMIC_INIT(0);
	struct dying_cb *cbs, *last;
	unsigned int i;

	/*
	 * Verify that a callback may put the reference it was given, be it the
	 * last one: the callbacks after it run all the same, and the fence is
	 * released once.
	 */

	cbs = kunit_kcalloc(test, PUT_CALLBACKS, sizeof(*cbs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cbs);
	last = &cbs[PUT_CALLBACKS - 1];
	f->released = &released;
	for (i = 0; i < PUT_CALLBACKS; i++) {
		cbs[i].puts = i == 1;
		KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base,
							     &cbs[i].base,
							     dying_func), 0);
	}
	if (p->signaller_refs)
		dma_fence_get(&f->base);

	if (p->locked)
		dft_signal_locked(f);
	else
		dma_fence_signal(&f->base);
	KUNIT_EXPECT_TRUE(test, sleep_until(READ_ONCE(last->runs)));
	if (p->signaller_refs) {
		KUNIT_EXPECT_EQ(test, atomic_read(&released), 0);
		dma_fence_put(&f->base);
	}
	KUNIT_EXPECT_TRUE(test, sleep_until(atomic_read(&released)));
	for (i = 0; i < PUT_CALLBACKS; i++) {
		KUNIT_EXPECT_EQ(test, cbs[i].runs, 1);
		KUNIT_EXPECT_TRUE(test, cbs[i].signalled);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&released), 1);
}

struct owed_params {
	const char *name;
	bool under_lock;
};

static const struct owed_params owed_cases[] = {
	{ "put after the unlock", false },
	{ "put under the lock", true },
};

KUNIT_ARRAY_PARAM_DESC(owed, owed_cases, name);

static void lifetime_put_while_owed(struct kunit *test)
{
	const struct owed_params *p = test->param_value;
	atomic_t released = ATOMIC_INIT(0);
	struct dying_cb cb = { .released = &released };
	struct dft_fence *f;
	unsigned long flags;
	spinlock_t *lock;	/* of @f, in memory of its own */

	/*
	 * Verify that a signaller who holds the lock may put the last reference
	 * right after the signal: the fence lives until its callbacks have run,
	 * and its own memory is none of the signaller's.
	 */

	/* Its release would run under the lock, which is reported. */
	if (p->under_lock && IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "the thread may drop its reference sooner");
	lock = kunit_kzalloc(test, sizeof(*lock), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, lock);
	spin_lock_init(lock);
	f = kzalloc_obj(*f);
	KUNIT_ASSERT_NOT_NULL(test, f);
	dft_fence_init(f, &dft_release_ops, lock);
	f->released = &released;
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(&f->base, &cb.base,
						     dying_func), 0);

	spin_lock_irqsave(lock, flags);
	dma_fence_signal_locked(&f->base);
	if (p->under_lock)
		dma_fence_put(&f->base);
	spin_unlock_irqrestore(lock, flags);
	if (!p->under_lock)
		dma_fence_put(&f->base);

	KUNIT_EXPECT_TRUE(test, sleep_until(atomic_read(&released)));
	KUNIT_EXPECT_EQ(test, cb.runs, 1);
	KUNIT_EXPECT_TRUE(test, cb.signalled);
	KUNIT_EXPECT_FALSE(test, cb.released_before);
	KUNIT_EXPECT_EQ(test, atomic_read(&released), 1);
}

#define OWED_CALLBACKS	3

struct removed_params {
	const char *name;
	unsigned int order[OWED_CALLBACKS];
};

static const struct removed_params removed_cases[] = {
	{ "first to last", { 0, 1, 2 } },
	{ "last to first", { 2, 1, 0 } },
	{ "from the middle", { 1, 0, 2 } },
};

KUNIT_ARRAY_PARAM_DESC(removed, removed_cases, name);

static void lifetime_removed_while_owed(struct kunit *test)
{
	const struct removed_params *p = test->param_value;
	struct dft_cb cbs[OWED_CALLBACKS] = {};
	atomic_t released = ATOMIC_INIT(0);
	unsigned int i, early, missed = 0;
	struct dft_fence *f;
	unsigned long flags;

	/*
	 * Verify that the reference which goes with owed callbacks is dropped
	 * when the last of them is removed, and not before.
	 */

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "the thread would not let the callbacks be owed");

	f = kzalloc_obj(*f);
	KUNIT_ASSERT_NOT_NULL(test, f);
	dft_fence_init(f, &dft_release_ops, NULL);
	f->released = &released;
	for (i = 0; i < OWED_CALLBACKS; i++)
		missed += dma_fence_add_callback(&f->base, &cbs[i].base,
						 dft_count) != 0;

	local_irq_save(flags);
	dft_signal_locked(f);
	for (i = 0; i < OWED_CALLBACKS - 1; i++)
		missed += !dma_fence_remove_callback(&f->base,
						     &cbs[p->order[i]].base);
	/* The batch's reference is the only other one. */
	dma_fence_put(&f->base);
	early = atomic_read(&released);
	if (!early)
		missed += !dma_fence_remove_callback(&f->base,
						     &cbs[p->order[i]].base);
	local_irq_restore(flags);

	KUNIT_EXPECT_EQ(test, missed, 0);
	KUNIT_EXPECT_EQ(test, early, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&released), 1);
	for (i = 0; i < OWED_CALLBACKS; i++)
		KUNIT_EXPECT_EQ(test, dft_runs(&cbs[i]), 0);
}

#define SHARED_FENCES	128

struct shared {
	spinlock_t lock;	/* of all @fences */
	struct dma_fence *fences[SHARED_FENCES];
	struct dft_cb cbs[SHARED_FENCES][2];
};

static void lifetime_shared_lock(struct kunit *test)
{
	struct shared *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	struct dft_cb *taken;
	unsigned int i, ran = 0;
	unsigned long flags;
	bool removed;

	/*
	 * Verify that many fences of one lock can be signalled and put in one
	 * critical section, with some callbacks removed in the middle of it,
	 * and that the lock may vanish one grace period after. On PREEMPT_RT
	 * what is to be removed may have run.
	 */

	KUNIT_ASSERT_NOT_NULL(test, s);
	spin_lock_init(&s->lock);
	for (i = 0; i < SHARED_FENCES; i++) {
		s->fences[i] = kzalloc_obj(*s->fences[i]);
		KUNIT_ASSERT_NOT_NULL(test, s->fences[i]);
		dma_fence_init(s->fences[i], &dft_names_ops, &s->lock, 1, i);
		KUNIT_EXPECT_EQ(test,
				dma_fence_add_callback(s->fences[i],
						       &s->cbs[i][0].base,
						       dft_count), 0);
		KUNIT_EXPECT_EQ(test,
				dma_fence_add_callback(s->fences[i],
						       &s->cbs[i][1].base,
						       dft_count), 0);
	}
	taken = &s->cbs[SHARED_FENCES / 2][0];

	spin_lock_irqsave(&s->lock, flags);
	for (i = 0; i < SHARED_FENCES; i++)
		dma_fence_signal_locked(s->fences[i]);
	removed = dma_fence_remove_callback_locked(s->fences[SHARED_FENCES / 2],
						   &taken->base);
	for (i = 0; i < SHARED_FENCES; i++)
		dma_fence_put(s->fences[i]);
	spin_unlock_irqrestore(&s->lock, flags);
	synchronize_rcu();
	dft_poison(&s->lock, sizeof(s->lock));

	for (i = 0; i < SHARED_FENCES; i++) {
		ran += sleep_until(dft_runs(&s->cbs[i][1])) ? 1 : 0;
		ran += dft_runs(&s->cbs[i][0]);
	}
	KUNIT_EXPECT_TRUE(test, removed || IS_ENABLED(CONFIG_PREEMPT_RT));
	KUNIT_EXPECT_EQ(test, dft_runs(taken), !removed);
	KUNIT_EXPECT_EQ(test, ran, 2 * SHARED_FENCES - removed);
	KUNIT_EXPECT_TRUE(test, dft_poisoned(&s->lock, sizeof(s->lock)));
}

struct reuse_cb {
	struct dma_fence_cb base;
	struct dma_fence *fence;
	unsigned int runs;
};

static void reuse_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	container_of(base, struct reuse_cb, base)->runs++;
}

static int reuse_signal_main(void *data)
{
	dma_fence_signal(data);

	return 0;
}

static void lifetime_reuse_after_wait(struct kunit *test)
{
	struct dma_fence *fence;
	spinlock_t lock;	/* of every other fence */
	unsigned int i;

	/*
	 * Verify that a fence without references may be initialised again as
	 * soon as the wait for it returns, also with a callback on it that has
	 * been removed, as xe does for every invalidation.
	 */

	spin_lock_init(&lock);
	fence = kunit_kzalloc(test, sizeof(*fence), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fence);
	for (i = 0; i < 50; i++) {
		struct reuse_cb cb = {};
		struct dft_thread thread;

		dma_fence_init(fence, &dft_names_ops, i & 1 ? &lock : NULL, 1,
			       i + 1);
		KUNIT_ASSERT_EQ(test, dma_fence_add_callback(fence, &cb.base,
							     reuse_func), 0);
		dft_thread_start(test, &thread, raw_smp_processor_id(),
				 reuse_signal_main, fence);
		KUNIT_EXPECT_GT(test, dma_fence_wait_timeout(fence, false,
							     5 * HZ), 0);
		if (!dma_fence_remove_callback(fence, &cb.base))
			KUNIT_EXPECT_EQ(test, cb.runs, 1);
		dft_poison(fence, sizeof(*fence));
		dft_thread_join(test, &thread);
		KUNIT_EXPECT_TRUE(test, dft_poisoned(fence, sizeof(*fence)));
	}
}

struct slow_unlock {
	struct dft_fence *f;
	bool unlocking;
};

static int slow_unlock_main(void *data)
{
	struct slow_unlock *s = data;
	unsigned long flags;

	dma_fence_lock_irqsave(&s->f->base, flags);
	dma_fence_signal_locked(&s->f->base);
	dft_spin_ns(5 * NSEC_PER_MSEC);
	WRITE_ONCE(s->unlocking, true);
	dma_fence_unlock_irqrestore(&s->f->base, flags);

	return 0;
}

static void lifetime_wait_ends_after_unlock(struct kunit *test)
{
	unsigned int cpu = dft_other_cpu(test);
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct slow_unlock s = { .f = f };
	struct dft_thread thread;
	bool unlocking;
	long left;

	/*
	 * Verify that a wait does not return while the signaller still holds a
	 * lock that is part of the fence: the memory is the waiter's then.
	 */

	dft_thread_start(test, &thread, cpu, slow_unlock_main, &s);
	KUNIT_EXPECT_TRUE(test,
			  spin_until(dma_fence_test_signaled_flag(&f->base)));
	left = dma_fence_wait_timeout(&f->base, false, 0);
	unlocking = READ_ONCE(s.unlocking);
	dft_thread_join(test, &thread);
	KUNIT_EXPECT_EQ(test, left, 1);
	KUNIT_EXPECT_TRUE(test, unlocking);
}

struct slow_release {
	struct dma_fence fence;
	spinlock_t lock;	/* of @fence */
	bool waits;
	bool released;
	bool released_before;
	long left;
};

static const char *slow_release_name(struct dma_fence *fence)
{
	return "slow";
}

static void slow_release_release(struct dma_fence *fence)
{
	struct slow_release *s = container_of(fence, struct slow_release, fence);

	dft_spin_ns(5 * NSEC_PER_MSEC);
	WRITE_ONCE(s->released, true);
}

static const struct dma_fence_ops slow_release_ops = {
	.get_driver_name = slow_release_name,
	.get_timeline_name = slow_release_name,
	.release = slow_release_release,
};

static int slow_release_main(void *data)
{
	struct slow_release *s = data;

	dft_store(&s->waits, true);
	s->left = dma_fence_default_wait(&s->fence, false, 5 * HZ);
	s->released_before = READ_ONCE(s->released);

	return 0;
}

static void lifetime_sleeper_outlasts_core(struct kunit *test)
{
	unsigned int cpu = dft_other_cpu(test);
	struct dft_thread thread;
	struct slow_release *s;
	unsigned long flags;

	/*
	 * Verify that a sleeper whose callback is the last does not return
	 * before the core has dropped its own reference: the fence may be in
	 * the sleeper's frame. Here the drop takes long, because it is the last
	 * one, while the memory stays.
	 */

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "the thread does not let the signaller be first");

	s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	spin_lock_init(&s->lock);
	dma_fence_init(&s->fence, &slow_release_ops, &s->lock, 1, 1);
	dft_thread_start(test, &thread, cpu, slow_release_main, s);
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_load(&s->waits)));
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_has_callbacks(&s->fence)));
	/* Asleep, so that it is the callback that ends the wait. */
	usleep_range(2000, 3000);

	spin_lock_irqsave(&s->lock, flags);
	dma_fence_signal_locked(&s->fence);
	dma_fence_put(&s->fence);
	spin_unlock_irqrestore(&s->lock, flags);

	dft_thread_join(test, &thread);
	KUNIT_EXPECT_GT(test, s->left, 0);
	KUNIT_EXPECT_TRUE(test, s->released_before);
}

static struct kunit_case lifetime_cases[] = {
	KUNIT_CASE_PARAM(lifetime_driver_gone, late_gen_params),
	KUNIT_CASE(lifetime_released_pending),
	KUNIT_CASE(lifetime_released_quietly),
	KUNIT_CASE_PARAM(lifetime_put_in_callback, put_gen_params),
	KUNIT_CASE_PARAM(lifetime_put_while_owed, owed_gen_params),
	KUNIT_CASE_PARAM(lifetime_removed_while_owed, removed_gen_params),
	KUNIT_CASE(lifetime_shared_lock),
	KUNIT_CASE(lifetime_reuse_after_wait),
	KUNIT_CASE(lifetime_wait_ends_after_unlock),
	KUNIT_CASE(lifetime_sleeper_outlasts_core),
	{}
};

static struct kunit_suite lifetime_suite = {
	.name = "dma_fence_lifetime",
	.init = dft_pin,
	.test_cases = lifetime_cases,
};

kunit_test_suite(lifetime_suite);
