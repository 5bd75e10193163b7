// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kinds of callbacks: that the action takes place once, or not at all, and what
 * it is done to may go afterwards.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/dma-fence-work.h>
#include <linux/hrtimer.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/slab.h>

#include "dma-fence-test-kinds.h"

KUNIT_ARRAY_PARAM_DESC(signaller, dft_signallers, name);
KUNIT_ARRAY_PARAM_DESC(kind, dft_kinds, name);

static const void *public_gen_params(struct kunit *test, const void *prev,
				     char *desc)
{
	const void *next = kind_gen_params(test, prev, desc);

	return next == &dft_kinds[DFT_PUBLIC_KINDS] ? NULL : next;
}

static const void *or_now_gen_params(struct kunit *test, const void *prev,
				     char *desc)
{
	const struct dft_kind *next = prev;

	do {
		next = kind_gen_params(test, next, desc);
	} while (next && !next->or_now);

	return next;
}

static const void *handler_gen_params(struct kunit *test, const void *prev,
				      char *desc)
{
	const struct dft_kind *next = prev;

	do {
		next = public_gen_params(test, next, desc);
	} while (next && !next->has_handler);

	return next;
}

static const void *at_once_gen_params(struct kunit *test, const void *prev,
				      char *desc)
{
	const struct dft_kind *next = prev;

	do {
		next = kind_gen_params(test, next, desc);
	} while (next && !next->at_once);

	return next;
}

/*
 * Where a fence is signalled.
 */

struct interrupt {
	struct hrtimer timer;
	const struct dft_signaller *how;
	struct dft_fence *f;
	bool fired;
};

static enum hrtimer_restart interrupt_signals(struct hrtimer *timer)
{
	struct interrupt *irq = container_of(timer, struct interrupt, timer);

	irq->how->signal(irq->f);
	dft_store(&irq->fired, true);

	return HRTIMER_NORESTART;
}

static void from_task(struct kunit *test, const struct dft_signaller *how,
		      struct dft_fence *f)
{
	how->signal(f);
}

/* On PREEMPT_RT the timer of a driver does not fire in hardirq context. */
static void from_hardirq(struct kunit *test, const struct dft_signaller *how,
			 struct dft_fence *f)
{
	struct interrupt irq = { .how = how, .f = f };

	hrtimer_setup_on_stack(&irq.timer, interrupt_signals, CLOCK_MONOTONIC,
			       HRTIMER_MODE_REL_PINNED);
	hrtimer_start(&irq.timer, 0, HRTIMER_MODE_REL_PINNED);
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_load(&irq.fired)));
	hrtimer_cancel(&irq.timer);
	destroy_hrtimer_on_stack(&irq.timer);
}

struct signal_cb {
	struct dma_fence_cb base;
	const struct dft_signaller *how;
	struct dft_fence *f;
	bool ran;
};

static void signal_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct signal_cb *cb = container_of(base, struct signal_cb, base);

	cb->how->signal(cb->f);
	dft_store(&cb->ran, true);
}

static void from_callback(struct kunit *test, const struct dft_signaller *how,
			  struct dft_fence *f)
{
	struct dft_fence *outer = dft_fence_new(test, &dft_names_ops,
						DFT_INLINE_LOCK);
	struct signal_cb cb = { .how = how, .f = f };

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(&outer->base, &cb.base,
						     signal_func), 0);
	dma_fence_signal(&outer->base);
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_load(&cb.ran)));
	dma_fence_flush_callbacks(&outer->base);
}

typedef void (*place_t)(struct kunit *test, const struct dft_signaller *how,
			struct dft_fence *f);

static const place_t places[] = { from_task, from_hardirq, from_callback };

/* Arms it although signalling was not enabled, by moving it as i915 does. */
static void arm_unasked(struct kunit *test, struct dft_subject *s,
			struct dft_fence *f)
{
	struct dft_fence *other = dft_fence_new(test, &dft_names_ops,
						DFT_INLINE_LOCK);
	unsigned long flags;

	KUNIT_ASSERT_EQ(test, dft_subject_add(s, &other->base), 0);
	dma_fence_lock_irqsave(&other->base, flags);
	list_del_init(&s->cb.base.node);
	dma_fence_unlock_irqrestore(&other->base, flags);
	dft_link_callback(&f->base, &s->cb.base, s->cb.base.func);
}

static void run_once(struct kunit *test, const struct dft_kind *kind,
		     const struct dft_signaller *how, place_t place)
{
	struct dft_subject *s = dft_subject_new(test, kind);
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_EXTERN_LOCK);

	if (how->enables)
		arm_unasked(test, s, f);
	else
		KUNIT_ASSERT_EQ(test, dft_subject_add(s, &f->base), 0);
	dft_subject_expect_held(test, s, 1);
	dft_subject_expect(test, s, 0);
	place(test, how, f);
	dft_subject_expect(test, s, 1);
	dma_fence_flush_callbacks(&f->base);
	dft_subject_expect_held(test, s, 0);

	dma_fence_signal(&f->base);
	KUNIT_EXPECT_FALSE(test, dft_subject_take(s, &f->base));
	dft_subject_expect(test, s, 1);
}

static void cb_runs_once(struct kunit *test)
{
	const struct dft_signaller *how = test->param_value;
	unsigned int kind, place;

	/*
	 * Verify that whichever way a fence is signalled, in a thread, in an
	 * interrupt and in a callback of another fence, each kind acts once.
	 */

	for (kind = 0; kind < DFT_KINDS; kind++)
		for (place = 0; place < ARRAY_SIZE(places); place++)
			if (!how->sleeps || places[place] == from_task)
				run_once(test, &dft_kinds[kind], how,
					 places[place]);
}

static void cb_acts_before_return(struct kunit *test)
{
	const struct dft_kind *kind = test->param_value;
	unsigned int i;

	/*
	 * Verify that what needs nobody else has happened when a signal that
	 * was not made under the lock returns.
	 */

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "a thread delivers");

	for (i = 0; i < DFT_SIGNALLERS; i++) {
		struct dft_subject *s = dft_subject_new(test, kind);
		struct dft_fence *f = dft_fence_new(test, &dft_ops,
						    DFT_INLINE_LOCK);

		if (dft_signallers[i].deferred)
			continue;
		arm_unasked(test, s, f);
		dft_signallers[i].signal(f);
		KUNIT_EXPECT_EQ_MSG(test, kind->runs(s), 1, "%s",
				    dft_signallers[i].name);
	}
}

/*
 * Removal
 */

/**
 * struct scene - one moment to remove a callback
 * @name: for messages
 * @taken: what the removal has to say
 * @here: it is this CPU that delivers, and only when it is allowed to
 * @play: signals @f, and removes @s at the right time
 */
struct scene {
	const char *name;
	bool taken;
	bool here;
	bool (*play)(struct kunit *test, struct dft_subject *s,
		     struct dft_fence *f);
};

static bool take_before(struct kunit *test, struct dft_subject *s,
			struct dft_fence *f)
{
	bool taken = dft_subject_take(s, &f->base);

	dma_fence_signal(&f->base);

	return taken;
}

static bool take_after(struct kunit *test, struct dft_subject *s,
		       struct dft_fence *f)
{
	dma_fence_signal(&f->base);
	dma_fence_flush_callbacks(&f->base);

	return dft_subject_take(s, &f->base);
}

static bool take_deferred(struct kunit *test, struct dft_subject *s,
			  struct dft_fence *f)
{
	unsigned long flags;
	bool taken;

	local_irq_save(flags);
	dft_signal_locked(f);
	taken = dft_subject_take(s, &f->base);
	local_irq_restore(flags);

	return taken;
}

static bool take_batched(struct kunit *test, struct dft_subject *s,
			 struct dft_fence *f)
{
	DEFINE_DMA_FENCE_BATCH(batch);
	bool taken;

	dma_fence_batch_signal_unlocked(&batch, &f->base);
	taken = dft_subject_take(s, &f->base);
	dma_fence_batch_deliver(&batch);

	return taken;
}

struct take_cb {
	struct dma_fence_cb base;
	struct dft_subject *s;
	struct dft_fence *f;
	bool taken;
	bool ran;
};

static void take_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct take_cb *cb = container_of(base, struct take_cb, base);

	dma_fence_signal(&cb->f->base);
	cb->taken = dft_subject_take(cb->s, &cb->f->base);
	dft_store(&cb->ran, true);
}

static bool take_in_callback(struct kunit *test, struct dft_subject *s,
			     struct dft_fence *f)
{
	struct dft_fence *outer = dft_fence_new(test, &dft_names_ops,
						DFT_INLINE_LOCK);
	struct take_cb cb = { .s = s, .f = f };

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(&outer->base, &cb.base,
						     take_func), 0);
	dma_fence_signal(&outer->base);
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_load(&cb.ran)));
	dma_fence_flush_callbacks(&outer->base);

	return cb.taken;
}

/* A neighbour in front that does not return until it is told to, or for long. */
struct slow_cb {
	struct dma_fence_cb base;
	struct dft_fence *f;
	bool entered;
};

static void slow_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct slow_cb *cb = container_of(base, struct slow_cb, base);

	dft_store(&cb->entered, true);
	dft_spin_ns(2 * NSEC_PER_MSEC);
}

static int slow_main(void *data)
{
	struct slow_cb *cb = data;

	dma_fence_signal(&cb->f->base);

	return 0;
}

static bool take_during(struct kunit *test, struct dft_subject *s,
			struct dft_fence *f)
{
	unsigned int cpu = dft_other_cpu(test);
	struct slow_cb slow = { .f = f };
	struct dft_thread thread;
	bool taken;

	/* Behind the neighbour, but in the same window. */
	KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback(&f->base,
							  &s->cb.base));
	s->kind->removed(s);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(&f->base, &slow.base,
						     slow_func), 0);
	KUNIT_EXPECT_EQ(test, dft_subject_add(s, &f->base), 0);
	dft_thread_start(test, &thread, cpu, slow_main, &slow);
	KUNIT_EXPECT_TRUE(test, spin_until(dft_load(&slow.entered)));
	taken = dft_subject_take(s, &f->base);
	if (s->kind->at_once)
		KUNIT_EXPECT_EQ(test, s->kind->runs(s), 1);
	dft_thread_join(test, &thread);

	return taken;
}

static const struct scene scenes[] = {
	{ "before the signal", true, false, take_before },
	{ "deferred", true, true, take_deferred },
	{ "in a batch", true, true, take_batched },
	{ "in a callback that has signalled", true, true, take_in_callback },
	{ "during the delivery", false, true, take_during },
	{ "after the delivery", false, false, take_after },
};

KUNIT_ARRAY_PARAM_DESC(scene, scenes, name);

static void scene_needs(struct kunit *test, const struct scene *scene)
{
	if (scene->here && IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "only the thread delivers");
}

static void scene_play(struct kunit *test, const struct scene *scene,
		       struct dft_subject *s)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_EXTERN_LOCK);

	scene_needs(test, scene);
	KUNIT_ASSERT_EQ(test, dft_subject_add(s, &f->base), 0);
	KUNIT_EXPECT_EQ_MSG(test, scene->play(test, s, f), scene->taken, "%s",
			    s->kind->name);
	dma_fence_flush_callbacks(&f->base);
}

static void cb_removed(struct kunit *test)
{
	const struct scene *scene = test->param_value;
	unsigned int kind;

	/*
	 * Verify that a callback which was taken away does not act, and one
	 * that was not has acted; that the memory is the remover's then; and
	 * that nothing holds on to the target any more.
	 */

	for (kind = 0; kind < DFT_KINDS; kind++) {
		struct dft_subject *s = dft_subject_new(test, &dft_kinds[kind]);

		scene_play(test, scene, s);
		dft_subject_expect(test, s, !scene->taken);
		dft_subject_expect_held(test, s, 0);
		KUNIT_EXPECT_TRUE(test, dft_poisoned(&s->cb, sizeof(s->cb)));
	}
}

static void cb_target_gone(struct kunit *test)
{
	const struct dft_kind *kind = test->param_value;
	struct dft_subject *s = dft_subject_new(test, kind);
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);

	/*
	 * Verify that after the removal the target may go at once, the thread
	 * of the work included, and that the fence then signals nothing.
	 */

	KUNIT_ASSERT_EQ(test, dft_subject_add(s, &f->base), 0);
	KUNIT_ASSERT_TRUE(test, dft_subject_take(s, &f->base));
	KUNIT_ASSERT_FALSE(test, dft_has_callbacks(&f->base));
	dft_subject_end(s);
	dma_fence_signal(&f->base);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->runs), 0);
	KUNIT_EXPECT_TRUE(test, dft_poisoned(&s->cb, sizeof(s->cb)));
}

static void cb_cancelled(struct kunit *test)
{
	const struct dft_kind *kind = test->param_value;
	struct dft_subject *s = dft_subject_new(test, kind);
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_subject *blocker = dft_subject_new(test, kind);
	DECLARE_COMPLETION_ONSTACK(gate);

	/*
	 * Verify that when the removal comes too late the work item is there to
	 * be cancelled: it waits behind another, or for its delay.
	 */

	s->delay = 10 * HZ;
	blocker->gate = &gate;
	s->queue = blocker->queue;
	kind->or_now(NULL, blocker);
	KUNIT_EXPECT_TRUE(test, sleep_until(kind->runs(blocker)));
	KUNIT_EXPECT_EQ(test, dft_subject_add(s, &f->base), 0);
	dma_fence_signal(&f->base);
	dma_fence_flush_callbacks(&f->base);
	KUNIT_EXPECT_FALSE(test, dft_subject_take(s, &f->base));
	kind->cancel(s);
	complete(&gate);
	dft_subject_expect(test, blocker, 1);
	dft_subject_expect(test, s, 0);
}

struct rearming {
	struct work_struct work;
	struct dma_fence_cb_work cb;
	struct dma_fence *next;
	int armed, over;
};

/* Long enough for who takes the work back to be early. */
static void rearming_handler(struct work_struct *work)
{
	struct rearming *r = container_of(work, struct rearming, work);

	dma_fence_add_work(r->next, &r->cb, system_percpu_wq, &r->work);
	dft_store(&r->armed, 1);
	msleep(20);
	dft_store(&r->over, 1);
}

static void cb_taken_back(struct kunit *test)
{
	struct dft_fence *first = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_fence *next = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct rearming *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	/*
	 * Verify that work that was taken back is not running any more, though
	 * its handler has armed the callback again, and does not run later.
	 */

	KUNIT_ASSERT_NOT_NULL(test, r);
	INIT_WORK(&r->work, rearming_handler);
	r->next = &next->base;
	KUNIT_ASSERT_EQ(test, 0, dma_fence_add_work(&first->base, &r->cb,
						    system_percpu_wq, &r->work));
	dma_fence_signal(&first->base);
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_load(&r->armed)));
	KUNIT_EXPECT_TRUE(test, dma_fence_cancel_work_sync(r->next, &r->cb));
	KUNIT_EXPECT_TRUE(test, dft_load(&r->over));
	dft_store(&r->armed, 0);
	dma_fence_signal(&next->base);
	flush_work(&r->work);
	KUNIT_EXPECT_FALSE(test, dft_load(&r->armed));
}

static void cb_taken_back_from_none(struct kunit *test)
{
	struct dft_fence *next = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct rearming *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	/* Verify that work can be taken back that was queued for want of a fence. */

	KUNIT_ASSERT_NOT_NULL(test, r);
	dft_poison(&r->cb, sizeof(r->cb));
	INIT_WORK(&r->work, rearming_handler);
	r->next = &next->base;
	KUNIT_EXPECT_FALSE(test, dma_fence_work_or_now(NULL, &r->cb, system_percpu_wq,
						       &r->work));
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_load(&r->armed)));
	dma_fence_cancel_work_sync(NULL, &r->cb);
	KUNIT_EXPECT_TRUE(test, dft_load(&r->over));
	KUNIT_EXPECT_TRUE(test, dma_fence_cancel_work_sync(&next->base, &r->cb));
}

static void cb_task_exits(struct kunit *test)
{
	const struct scene *scene = test->param_value;
	const struct dft_kind *kind = &dft_kinds[DFT_KIND_WAKE];
	struct dft_subject *s = dft_subject_new(test, kind);
	struct task_struct *task = get_task_struct(s->task);
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct dma_fence_cb_wake *other;
	unsigned int usage;

	/*
	 * Verify that a callback keeps its task from being freed when it exits,
	 * and that running or removing it afterwards drops that reference.
	 */

	/* Not when there is an armed callback already. */
	scene_needs(test, scene);
	other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_EXPECT_EQ(test, dma_fence_add_wake(&f->base, other, task), 0);
	dft_subject_end(s);
	/* This one, and that of the callback. */
	KUNIT_EXPECT_TRUE(test, sleep_until(refcount_read(&task->usage) == 2));
	scene_play(test, scene, s);
	usage = refcount_read(&task->usage);
	dma_fence_remove_callback(&f->base, &other->base);
	KUNIT_EXPECT_EQ(test, usage, 2);
	KUNIT_EXPECT_EQ(test, refcount_read(&task->usage), 1);
	put_task_struct(task);
}

/*
 * Fences that have signalled
 */

struct done_params {
	const char *name;
	bool enabling;
	bool null;
};

static const struct done_params done_cases[] = {
	{ "signalled", false, false },
	{ "signalled while enabling", true, false },
	{ "none", false, true },
};

static struct dft_fence *done_fence(struct kunit *test,
				    const struct done_params *p)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);

	f->enable_result = false;
	if (!p->enabling)
		dma_fence_signal(&f->base);

	return f;
}

static void cb_enoent(struct kunit *test)
{
	const struct dft_kind *kind = test->param_value;
	unsigned int i;

	/*
	 * Verify that a fence which has signalled, be it while it was asked to,
	 * starts nothing, keeps nothing, and that removal copes.
	 */

	for (i = 0; i < ARRAY_SIZE(done_cases); i++) {
		struct dft_subject *s = dft_subject_new(test, kind);
		struct dft_fence *f = done_fence(test, &done_cases[i]);

		if (done_cases[i].null)
			continue;
		dft_poison(&s->cb, sizeof(s->cb));
		KUNIT_EXPECT_EQ(test, dft_subject_add(s, &f->base), -ENOENT);
		dft_subject_expect_held(test, s, 0);
		KUNIT_EXPECT_FALSE(test, dft_subject_take(s, &f->base));
		dft_subject_expect(test, s, 0);
		dft_subject_expect_held(test, s, 0);
		KUNIT_EXPECT_TRUE(test, dft_poisoned(&s->cb, sizeof(s->cb)));
	}
}

static void cb_or_now_done(struct kunit *test)
{
	const struct dft_kind *kind = test->param_value;
	unsigned int i;

	/*
	 * Verify that for a fence which has signalled, or is none, the action
	 * takes place in the call, once, and the callback is not armed.
	 */

	for (i = 0; i < ARRAY_SIZE(done_cases); i++) {
		struct dft_subject *s = dft_subject_new(test, kind);
		struct dft_fence *f = done_fence(test, &done_cases[i]);
		bool null = done_cases[i].null;

		dft_poison(&s->cb, sizeof(s->cb));
		KUNIT_EXPECT_FALSE(test, kind->or_now(null ? NULL : &f->base,
						      s));
		dft_subject_expect(test, s, 1);
		if (!null)
			KUNIT_EXPECT_FALSE(test, dft_subject_take(s, &f->base));
		dft_subject_expect(test, s, 1);
		dft_subject_expect_held(test, s, 0);
	}
}

static void cb_or_now_armed(struct kunit *test)
{
	const struct dft_kind *kind = test->param_value;
	struct dft_subject *s = dft_subject_new(test, kind);
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);

	/*
	 * Verify that for a fence which has not signalled nothing happens in the
	 * call, and the callback can be removed, or runs once.
	 */

	KUNIT_EXPECT_TRUE(test, kind->or_now(&f->base, s));
	dft_subject_expect_held(test, s, 1);
	dft_subject_expect(test, s, 0);
	KUNIT_EXPECT_TRUE(test, dft_subject_take(s, &f->base));
	KUNIT_EXPECT_TRUE(test, kind->or_now(&f->base, s));
	dft_subject_expect(test, s, 0);
	dma_fence_signal(&f->base);
	dft_subject_expect(test, s, 1);
	dma_fence_flush_callbacks(&f->base);
	dft_subject_expect_held(test, s, 0);
}

static void refused(struct kunit *test, struct dft_subject *s,
		    struct dma_fence *fence)
{
	dft_poison(&s->cb, sizeof(s->cb));
	KUNIT_EXPECT_EQ(test, dft_subject_add(s, fence), -EINVAL);
	KUNIT_ASSERT_TRUE(test, list_empty(&s->cb.base.node));
	dft_subject_expect_held(test, s, 0);
}

static void cb_missing_argument(struct kunit *test)
{
	const struct dft_kind *kind = test->param_value;
	struct dft_subject *s = dft_subject_new(test, kind);
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	void *target = s->target, *queue = s->queue;

	/*
	 * Verify that a call without one of its arguments is refused, and that
	 * the callback may be removed even so.
	 */

	kunit_warning_suppress(test) {
		KUNIT_EXPECT_EQ(test, kind->add(&f->base, s, NULL), -EINVAL);
		refused(test, s, NULL);
		s->target = NULL;
		refused(test, s, &f->base);
		s->target = target;
		s->queue = NULL;
		if (queue)
			refused(test, s, &f->base);
	}
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(&f->base));
	KUNIT_EXPECT_FALSE(test, dft_has_callbacks(&f->base));
	KUNIT_EXPECT_FALSE(test, dft_subject_take(s, &f->base));
}

/*
 * Work items
 */

static void cb_delay(struct kunit *test)
{
	static const unsigned long delays[] = { 0, 1, 5 };
	const struct dft_kind *kind = &dft_kinds[DFT_KIND_DELAYED_WORK];
	unsigned int i;

	/*
	 * Verify that the delay of a work item begins with the signal, and with
	 * the call if the fence is none.
	 */

	for (i = 0; i < 2 * ARRAY_SIZE(delays); i++) {
		struct dft_subject *s = dft_subject_new(test, kind);
		struct dft_fence *f = dft_fence_new(test, &dft_ops,
						    DFT_INLINE_LOCK);
		bool now = i & 1;
		unsigned long start;

		s->delay = delays[i / 2];
		if (!now) {
			KUNIT_EXPECT_EQ(test, dft_subject_add(s, &f->base), 0);
			msleep(jiffies_to_msecs(s->delay + 3));
			KUNIT_EXPECT_EQ(test, kind->runs(s), 0);
		}
		start = jiffies;
		if (now)
			kind->or_now(NULL, s);
		else
			dma_fence_signal(&f->base);
		/* Not by dft_subject_expect(), which would cut the delay short. */
		KUNIT_EXPECT_TRUE(test, sleep_until(kind->runs(s)));
		KUNIT_EXPECT_TRUE(test, time_after_eq(s->stamp,
						      start + s->delay));
		dft_subject_expect(test, s, 1);
	}
}

static void cb_already_queued(struct kunit *test)
{
	const struct dft_kind *kind = test->param_value;
	struct dft_subject *s = dft_subject_new(test, kind);
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	DECLARE_COMPLETION_ONSTACK(gate);

	/*
	 * Verify that a work item which is queued already, here because it is
	 * running, is not queued once more by the signal, and that the callback
	 * has run all the same.
	 */

	s->gate = &gate;
	kind->or_now(NULL, s);
	KUNIT_EXPECT_TRUE(test, sleep_until(kind->runs(s) == 1));
	kind->or_now(NULL, s);
	KUNIT_EXPECT_EQ(test, dft_subject_add(s, &f->base), 0);
	dma_fence_signal(&f->base);
	dma_fence_flush_callbacks(&f->base);
	KUNIT_EXPECT_FALSE(test, dft_subject_take(s, &f->base));
	complete_all(&gate);
	dft_subject_expect(test, s, 2);
	dft_subject_expect(test, s, 2);
}

#define CHAIN	3

static void rearm(struct dft_subject *s)
{
	unsigned int runs = atomic_read(&s->runs);

	if (runs < CHAIN)
		dft_subject_add(s, &s->chain[runs]->base);
}

static void cb_armed_again(struct kunit *test)
{
	const struct dft_kind *kind = test->param_value;
	struct dft_subject *s = dft_subject_new(test, kind);
	struct dft_fence *chain[CHAIN];
	unsigned int i;

	/*
	 * Verify that a callback may be armed on the next fence as soon as the
	 * one before has had its effect, by the work item itself.
	 */

	for (i = 0; i < CHAIN; i++)
		chain[i] = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	s->chain = chain;
	if (kind->has_handler)
		s->then = rearm;
	KUNIT_EXPECT_EQ(test, dft_subject_add(s, &chain[0]->base), 0);
	for (i = 0; i < CHAIN; i++) {
		dft_subject_expect(test, s, i);
		dma_fence_signal(&chain[i]->base);
		dft_subject_expect(test, s, i + 1);
		/* A task may have been awake before it was woken. */
		if (kind == &dft_kinds[DFT_KIND_WAKE])
			dft_subject_take(s, &chain[i]->base);
		if (!kind->has_handler && i + 1 < CHAIN)
			KUNIT_EXPECT_EQ(test,
					dft_subject_add(s, &chain[i + 1]->base),
					0);
	}
	s->then = NULL;
	dft_subject_expect_held(test, s, 0);
}

static void cb_together(struct kunit *test)
{
	struct dft_subject *subjects[2 * DFT_KINDS];
	struct dft_fence *f;
	unsigned int i;

	/*
	 * Verify that callbacks of all kinds get along on one fence, of which
	 * the middle one is removed.
	 */

	for (i = 0; i < ARRAY_SIZE(subjects); i++)
		subjects[i] = dft_subject_new(test, &dft_kinds[i % DFT_KINDS]);
	f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	for (i = 0; i < ARRAY_SIZE(subjects); i++)
		KUNIT_EXPECT_EQ(test, dft_subject_add(subjects[i], &f->base), 0);
	KUNIT_EXPECT_TRUE(test, dft_subject_take(subjects[DFT_KINDS], &f->base));
	dma_fence_signal(&f->base);
	for (i = 0; i < ARRAY_SIZE(subjects); i++)
		dft_subject_expect(test, subjects[i], i != DFT_KINDS);
	dma_fence_flush_callbacks(&f->base);
	for (i = 0; i < ARRAY_SIZE(subjects); i++)
		dft_subject_expect_held(test, subjects[i], 0);
}

/*
 * Errors
 */

struct status_cb {
	struct dma_fence_cb base;
	int status;
};

static void status_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct status_cb *cb = container_of(base, struct status_cb, base);

	dft_store(&cb->status, dma_fence_get_status(fence));
}

static void cb_error_unless_signaled(struct kunit *test)
{
	enum dft_lock kind;

	/*
	 * Verify that an error is taken until the fence signals, the last one
	 * counts, and that it is refused afterwards and leaves no trace.
	 */

	for (kind = DFT_INLINE_LOCK; kind <= DFT_EXTERN_LOCK; kind++) {
		struct dft_fence *f = dft_fence_new(test, &dft_ops, kind);
		struct dma_fence *fence = &f->base;
		struct status_cb cb = {};

		KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &cb.base,
							     status_func), 0);
		KUNIT_EXPECT_TRUE(test, dma_fence_set_error_unless_signaled(fence, -EIO));
		KUNIT_EXPECT_TRUE(test, dma_fence_set_error_unless_signaled(fence, -ETIME));
		KUNIT_EXPECT_EQ(test, cb.status, 0);
		dma_fence_signal(fence);
		KUNIT_EXPECT_TRUE(test, sleep_until(dft_load(&cb.status)));
		KUNIT_EXPECT_EQ(test, cb.status, -ETIME);
		KUNIT_EXPECT_FALSE(test, dma_fence_set_error_unless_signaled(fence, -EIO));
		KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), -ETIME);
	}
}

static void cb_error_without_error(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);

	/*
	 * Verify that what is no error is refused.
	 */

	kunit_warning_suppress(test) {
		KUNIT_EXPECT_FALSE(test, dma_fence_set_error_unless_signaled(&f->base, 0));
		KUNIT_EXPECT_FALSE(test, dma_fence_set_error_unless_signaled(&f->base, 1));
	}
	dma_fence_signal(&f->base);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(&f->base), 1);
}

static struct kunit_case cb_cases[] = {
	KUNIT_CASE_PARAM(cb_runs_once, signaller_gen_params),
	KUNIT_CASE_PARAM(cb_acts_before_return, at_once_gen_params),
	KUNIT_CASE_PARAM(cb_removed, scene_gen_params),
	KUNIT_CASE_PARAM(cb_target_gone, kind_gen_params),
	KUNIT_CASE_PARAM(cb_cancelled, handler_gen_params),
	KUNIT_CASE(cb_taken_back),
	KUNIT_CASE(cb_taken_back_from_none),
	KUNIT_CASE_PARAM(cb_task_exits, scene_gen_params),
	KUNIT_CASE_PARAM(cb_enoent, kind_gen_params),
	KUNIT_CASE_PARAM(cb_or_now_done, or_now_gen_params),
	KUNIT_CASE_PARAM(cb_or_now_armed, or_now_gen_params),
	KUNIT_CASE_PARAM(cb_missing_argument, public_gen_params),
	KUNIT_CASE(cb_delay),
	KUNIT_CASE_PARAM(cb_already_queued, handler_gen_params),
	KUNIT_CASE_PARAM(cb_armed_again, public_gen_params),
	KUNIT_CASE(cb_together),
	KUNIT_CASE(cb_error_unless_signaled),
	KUNIT_CASE(cb_error_without_error),
	{}
};

static struct kunit_suite cb_suite = {
	.name = "dma_fence_cb",
	.init = dft_pin,
	.test_cases = cb_cases,
};

kunit_test_suite(cb_suite);
