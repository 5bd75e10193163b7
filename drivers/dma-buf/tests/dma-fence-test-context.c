// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts: task, softirq and hardirq, interrupts on and off, and the entry
 * points whose callers hold the fence's lock.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/dma-fence-batch.h>
#include <linux/hrtimer.h>
#include <linux/irqflags.h>
#include <linux/lockdep.h>
#include <linux/slab.h>

#include <kunit/run-in-irq-context.h>

#include "dma-fence-test.h"

/* More than one of the windows in which interrupts stay off. */
#define CONTEXT_CALLBACKS	40

struct context_set {
	struct dft_fence f;
	struct dft_cb cbs[CONTEXT_CALLBACKS];
};

/* No lock of its own: one set may be in use in each of the three contexts. */
struct context {
	bool external;
	spinlock_t lock;	/* of all fences, if @external */
	atomic_t next;
	unsigned int count;
	struct context_set *sets;
	bool (*func)(struct context *c);
};

static DEFINE_WAIT_OVERRIDE_MAP(context_handler_map, LD_WAIT_CONFIG);

/*
 * The timer of kunit_run_irq_test() stands for the interrupt handler of a
 * driver, which may take a spinlock_t because PREEMPT_RT runs it in a thread.
 * The timer itself may not: on PREEMPT_RT it does nothing, and elsewhere lockdep
 * is told.
 */
static bool context_call(void *data)
{
	struct context *c = data;
	bool ok;

	if (!in_hardirq())
		return c->func(c);
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return true;

	lock_map_acquire_try(&context_handler_map);
	ok = c->func(c);
	lock_map_release(&context_handler_map);

	return ok;
}

static void context_run(struct kunit *test, struct context *c,
			bool (*func)(struct context *c))
{
	c->func = func;
	kunit_run_irq_test(test, context_call, c->count, c);
}

static struct context_set *context_take(struct context *c)
{
	unsigned int slot = atomic_fetch_inc(&c->next);

	return slot < c->count ? &c->sets[slot] : NULL;
}

static unsigned int context_used(struct context *c)
{
	return min_t(unsigned int, atomic_read(&c->next), c->count);
}

static bool context_arm(struct context *c, struct context_set *set)
{
	unsigned int i;

	dft_fence_init(&set->f, &dft_ops, c->external ? &c->lock : NULL);
	for (i = 0; i < CONTEXT_CALLBACKS; i++)
		if (dma_fence_add_callback(&set->f.base, &set->cbs[i].base,
					   dft_count))
			return false;

	/* The first, one amid the others, and the last do not get to run. */
	return dma_fence_remove_callback(&set->f.base, &set->cbs[0].base) &&
	       dma_fence_remove_callback(&set->f.base, &set->cbs[20].base) &&
	       dma_fence_remove_callback(&set->f.base,
					 &set->cbs[CONTEXT_CALLBACKS - 1].base);
}

static bool context_delivered(struct context_set *set)
{
	unsigned int i;

	for (i = 0; i < CONTEXT_CALLBACKS; i++) {
		bool removed = i == 0 || i == 20 || i == CONTEXT_CALLBACKS - 1;

		if (dft_runs(&set->cbs[i]) != !removed)
			return false;
	}

	return true;
}

static void context_free(void *sets)
{
	kvfree(sets);
}

static struct context *context_new(struct kunit *test, unsigned int count,
				   bool external)
{
	struct context *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, c);
	spin_lock_init(&c->lock);
	c->external = external;
	c->count = count;
	c->sets = kvcalloc(count, sizeof(*c->sets), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, c->sets);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, context_free,
							c->sets), 0);

	return c;
}

static bool context_signal(struct context *c)
{
	struct context_set *set = context_take(c);
	bool irqs_off = irqs_disabled();
	unsigned int i;

	if (!set)
		return true;
	if (!context_arm(c, set))
		return false;
	dma_fence_signal(&set->f.base);
	if (irqs_disabled() != irqs_off)
		return false;
	/* The thread is at it. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return true;
	if (!context_delivered(set) || !dma_fence_is_signaled(&set->f.base))
		return false;
	for (i = 0; i < CONTEXT_CALLBACKS; i++)
		if (dma_fence_remove_callback(&set->f.base, &set->cbs[i].base))
			return false;

	return true;
}

static void context_expect_delivered(struct kunit *test, struct context *c)
{
	unsigned int i, used = context_used(c), owed = 0;

	for (i = 0; i < used; i++)
		if (!sleep_until(context_delivered(&c->sets[i])))
			owed++;
	KUNIT_EXPECT_EQ(test, owed, 0);
	for (i = 0; i < used; i++)
		dma_fence_flush_callbacks(&c->sets[i].f.base);
	for (i = 0; i < used; i++)
		KUNIT_EXPECT_TRUE(test, context_delivered(&c->sets[i]));
	kunit_info(test, "%u fences signalled", used);
}

struct context_params {
	const char *name;
	bool external;
};

static const struct context_params context_cases[] = {
	{ "inline lock", false },
	{ "external lock, shared by all", true },
};

KUNIT_ARRAY_PARAM_DESC(context, context_cases, name);

static void context_any(struct kunit *test)
{
	const struct context_params *p = test->param_value;
	struct context *c = context_new(test, 3000, p->external);

	/*
	 * Verify that adding, removing and signalling work in task, softirq and
	 * hardirq context, each interrupting the others, and that all callbacks
	 * have run when the signal returns, whatever it has interrupted, and do
	 * not run again.
	 */

	context_run(test, c, context_signal);
	context_expect_delivered(test, c);
}

static bool context_signal_batch(struct context *c)
{
	struct context_set *sets[2] = { context_take(c), context_take(c) };
	bool irqs_off = irqs_disabled();
	unsigned int i;

	DEFINE_DMA_FENCE_BATCH(batch);

	if (!sets[1])
		return true;
	for (i = 0; i < ARRAY_SIZE(sets); i++)
		if (!context_arm(c, sets[i]))
			return false;
	for (i = 0; i < ARRAY_SIZE(sets); i++)
		dma_fence_batch_signal_unlocked(&batch, &sets[i]->f.base);
	dma_fence_batch_deliver(&batch);
	if (irqs_disabled() != irqs_off)
		return false;
	for (i = 0; i < ARRAY_SIZE(sets); i++)
		if (!dma_fence_test_signaled_flag(&sets[i]->f.base) ||
		    !context_delivered(sets[i]))
			return false;

	return true;
}

static void context_any_batch(struct kunit *test)
{
	const struct context_params *p = test->param_value;
	struct context *c = context_new(test, 3000, p->external);

	/*
	 * Verify that batches work in all contexts as well, that one which is
	 * interrupted by another is not mixed up with it, and that all of its
	 * callbacks have run when it is delivered.
	 */

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "a softirq cannot wait for the thread");

	context_run(test, c, context_signal_batch);
	kunit_info(test, "%u fences signalled", context_used(c));
}

static bool context_signal_locked(struct context *c)
{
	struct context_set *set = context_take(c);
	unsigned long flags;
	bool signalled;

	if (!set)
		return true;
	if (!context_arm(c, set))
		return false;
	dma_fence_lock_irqsave(&set->f.base, flags);
	dma_fence_signal_locked(&set->f.base);
	signalled = dma_fence_test_signaled_flag(&set->f.base);
	dma_fence_unlock_irqrestore(&set->f.base, flags);

	return signalled;
}

static void context_any_locked(struct kunit *test)
{
	const struct context_params *p = test->param_value;
	struct context *c = context_new(test, 1000, p->external);

	/*
	 * Verify that callbacks of fences signalled under their lock run, once,
	 * some time after the lock is gone, whatever context that was in.
	 */

	context_run(test, c, context_signal_locked);
	context_expect_delivered(test, c);
}

/* Removes everything while the other contexts' deliveries are under way. */
static bool context_remove(struct context *c)
{
	struct context_set *set = context_take(c);
	unsigned int i;

	if (!set)
		return true;
	if (!context_arm(c, set))
		return false;
	dft_signal_locked(&set->f);
	for (i = CONTEXT_CALLBACKS; i--; ) {
		struct dft_cb *cb = &set->cbs[i];
		bool taken = dma_fence_remove_callback(&set->f.base, &cb->base);
		bool removed = i == 0 || i == 20 || i == CONTEXT_CALLBACKS - 1;

		if (dft_runs(cb) != (taken || removed ? 0 : 1))
			return false;
		dft_poison(&cb->base, sizeof(cb->base));
	}

	return true;
}

static void context_remove_any(struct kunit *test)
{
	const struct context_params *p = test->param_value;
	struct context *c = context_new(test, 1000, p->external);
	unsigned int i, j, used, touched = 0;

	/*
	 * Verify that in every context a callback that was claimed for a
	 * deferred delivery is taken back or has run to its end, and that its
	 * memory is the remover's from then on.
	 */

	context_run(test, c, context_remove);
	used = context_used(c);
	for (i = 0; i < used; i++)
		for (j = 0; j < CONTEXT_CALLBACKS; j++)
			if (!dft_poisoned(&c->sets[i].cbs[j].base,
					  sizeof(struct dma_fence_cb)))
				touched++;
	KUNIT_EXPECT_EQ(test, touched, 0);
	kunit_info(test, "%u fences signalled", used);
}

KUNIT_ARRAY_PARAM_DESC(signaller, dft_signallers, name);

static void context_interrupt_state(struct kunit *test)
{
	const struct dft_signaller *p = test->param_value;
	struct dft_fence *f;
	/* Sleeping locks are not taken with interrupts off. */
	bool may_be_off = !p->sleeps && !IS_ENABLED(CONFIG_PREEMPT_RT);
	struct dft_cb cb;
	unsigned long flags;
	int off;

	/*
	 * Verify that interrupts are on or off after a signal as they were
	 * before it.
	 */

	for (off = 0; off <= may_be_off; off++) {
		bool changed;

		f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
		memset(&cb, 0, sizeof(cb));
		dft_link_callback(&f->base, &cb.base, dft_count);
		if (off)
			local_irq_save(flags);
		p->signal(f);
		changed = irqs_disabled() != off;
		if (off)
			local_irq_restore(flags);
		KUNIT_EXPECT_FALSE(test, changed);
		KUNIT_EXPECT_TRUE(test, sleep_until(dft_runs(&cb)));
		dma_fence_flush_callbacks(&f->base);
		KUNIT_EXPECT_EQ(test, dft_runs(&cb), 1);
	}
}

static void context_locked_is_deferred(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_EXTERN_LOCK);
	bool signalled, stamped, detached, ran;
	struct dft_cb cb = {};
	unsigned long flags;

	/*
	 * Verify that a fence signalled under its lock shows it at once, and
	 * that its callbacks wait until the lock is gone, however long that
	 * takes, unless they have a thread that does not care.
	 */

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &cb.base,
						     dft_count), 0);
	dma_fence_lock_irqsave(&f->base, flags);
	dma_fence_signal_locked(&f->base);
	signalled = dma_fence_test_signaled_flag(&f->base);
	stamped = test_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT, &f->base.flags);
	detached = !rcu_access_pointer(f->base.ops);
	dft_spin_ns(3 * NSEC_PER_MSEC);
	ran = dft_runs(&cb);
	dma_fence_unlock_irqrestore(&f->base, flags);

	KUNIT_EXPECT_TRUE(test, signalled);
	KUNIT_EXPECT_TRUE(test, stamped);
	KUNIT_EXPECT_TRUE(test, detached);
	KUNIT_EXPECT_FALSE(test, ran && !IS_ENABLED(CONFIG_PREEMPT_RT));
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_runs(&cb)));
	KUNIT_EXPECT_EQ(test, dft_runs(&cb), 1);
}

static void context_locked_wakes_sleeper(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_EXTERN_LOCK);
	unsigned long flags;
	long ret;

	/*
	 * Verify that a wait which begins right after such a signal sees it and
	 * does not wait for the deferred delivery.
	 */

	dma_fence_lock_irqsave(&f->base, flags);
	dma_fence_signal_locked(&f->base);
	dma_fence_unlock_irqrestore(&f->base, flags);
	ret = dma_fence_wait_timeout(&f->base, false, 5 * HZ);
	KUNIT_EXPECT_EQ(test, ret, 5 * HZ);
}

struct locked_cb {
	struct dma_fence_cb base;
	struct dft_fence *other;
	unsigned int runs;
};

static void locked_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct locked_cb *cb = container_of(base, struct locked_cb, base);

	cb->runs++;
	dft_signal_locked(cb->other);
}

static void context_locked_in_callback(struct kunit *test)
{
	struct dft_fence *a = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct dft_fence *b = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct locked_cb first = { .other = b };
	struct dft_cb second = {};

	/*
	 * Verify that a callback may take another fence's lock, even one of the
	 * same class, and signal under it.
	 */

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&a->base, &first.base,
						     locked_func), 0);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&b->base, &second.base,
						     dft_count), 0);
	dma_fence_signal(&a->base);
	dft_await_thread(&a->base);
	KUNIT_EXPECT_EQ(test, first.runs, 1);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(&b->base));
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_runs(&second)));
	dma_fence_flush_callbacks(&b->base);
	KUNIT_EXPECT_EQ(test, dft_runs(&second), 1);
}

struct own_lock_cb {
	struct dma_fence_cb base;
	struct dft_cb extra;
	unsigned int runs;
	int added;
	int status;
	bool removed;
};

static void own_lock_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct own_lock_cb *cb = container_of(base, struct own_lock_cb, base);
	unsigned long flags;

	cb->runs++;
	dma_fence_lock_irqsave(fence, flags);
	cb->removed = dma_fence_remove_callback_locked(fence, base);
	dma_fence_unlock_irqrestore(fence, flags);
	cb->added = dma_fence_add_callback(fence, &cb->extra.base, dft_count);
	cb->status = dma_fence_get_status(fence);
	dma_fence_enable_sw_signaling(fence);
	dma_fence_set_deadline(fence, 0);
}

static void context_own_fence_in_callback(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct own_lock_cb cb = { .removed = true };

	/*
	 * Verify that a callback may use its own fence, lock included, in every
	 * way that a thread may, and neither hangs nor runs again.
	 */

	if (!DFT_LOCKS_ARE_VISIBLE)
		kunit_skip(test, "needs CONFIG_SMP or CONFIG_DEBUG_SPINLOCK");

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &cb.base,
						     own_lock_func), 0);
	dma_fence_set_error(&f->base, -EIO);
	dma_fence_signal(&f->base);
	dft_await_thread(&f->base);
	KUNIT_EXPECT_EQ(test, cb.runs, 1);
	KUNIT_EXPECT_FALSE(test, cb.removed);
	KUNIT_EXPECT_EQ(test, cb.added, -ENOENT);
	KUNIT_EXPECT_EQ(test, cb.status, -EIO);
	KUNIT_EXPECT_EQ(test, dft_runs(&cb.extra), 0);
}

struct interrupt {
	struct hrtimer timer;
	struct dft_fence *fence;
	struct dma_fence_cb *cb;
	bool *finished;
	bool answer;
	bool was_finished;
	bool fired;
};

static enum hrtimer_restart interrupt_removes(struct hrtimer *timer)
{
	struct interrupt *irq = container_of(timer, struct interrupt, timer);

	irq->answer = dma_fence_remove_callback(&irq->fence->base, irq->cb);
	irq->was_finished = READ_ONCE(*irq->finished);
	dft_store(&irq->fired, true);

	return HRTIMER_NORESTART;
}

struct long_cb {
	struct dma_fence_cb base;
	bool entered;
	bool finished;
};

static void long_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct long_cb *cb = container_of(base, struct long_cb, base);

	dft_store(&cb->entered, true);
	dft_spin_ns(10 * NSEC_PER_MSEC);
	WRITE_ONCE(cb->finished, true);
}

static int context_signal_main(void *data)
{
	dma_fence_signal(data);

	return 0;
}

static void context_hardirq_remove_waits(struct kunit *test)
{
	unsigned int cpu = dft_other_cpu(test);
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct long_cb cb = {};
	struct dft_thread thread;
	struct interrupt *irq;

	/*
	 * Verify that hardirq context, too, may remove a callback that runs on
	 * another CPU, and is answered after its end.
	 */

	irq = kunit_kzalloc(test, sizeof(*irq), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, irq);
	irq->fence = f;
	irq->cb = &cb.base;
	irq->finished = &cb.finished;
	irq->answer = true;
	hrtimer_setup(&irq->timer, interrupt_removes, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED);

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &cb.base,
						     long_func), 0);
	dft_thread_start(test, &thread, cpu, context_signal_main, &f->base);
	KUNIT_EXPECT_TRUE(test, spin_until(dft_load(&cb.entered)));
	hrtimer_start(&irq->timer, 0, HRTIMER_MODE_REL_PINNED);
	KUNIT_EXPECT_TRUE(test, spin_until(dft_load(&irq->fired)));
	hrtimer_cancel(&irq->timer);
	dft_thread_join(test, &thread);

	KUNIT_EXPECT_FALSE(test, irq->answer);
	KUNIT_EXPECT_TRUE(test, irq->was_finished);
}

struct fast_path {
	struct dft_fence *fence;
	bool ready;
	bool go;
	struct dft_cb cb;
	bool signaled;
	bool flagged;
	int added;
	bool done;
};

static int fast_path_main(void *data)
{
	struct fast_path *fast = data;

	dft_store(&fast->ready, true);
	spin_until(dft_load(&fast->go));
	fast->signaled = dma_fence_is_signaled(&fast->fence->base);
	fast->flagged = dma_fence_test_signaled_flag(&fast->fence->base);
	fast->added = dma_fence_add_callback(&fast->fence->base, &fast->cb.base,
					     dft_count);
	dft_store(&fast->done, true);

	return 0;
}

static void context_fast_path(struct kunit *test)
{
	unsigned int cpu = dft_other_cpu(test);
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_EXTERN_LOCK);
	struct fast_path fast = { .fence = f };
	struct dft_thread thread;
	struct dma_fence before;
	unsigned long flags;
	bool done;

	/*
	 * Verify that asking a signalled fence, and adding to one, needs no
	 * lock and writes nothing to it: another CPU comes through while this
	 * one holds the lock, and every byte of the fence is as it was.
	 */

	dma_fence_signal(&f->base);
	memcpy(&before, &f->base, sizeof(before));
	dft_thread_start(test, &thread, cpu, fast_path_main, &fast);
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_load(&fast.ready)));
	dma_fence_lock_irqsave(&f->base, flags);
	dft_store(&fast.go, true);
	done = spin_until(dft_load(&fast.done));
	dma_fence_unlock_irqrestore(&f->base, flags);
	dft_thread_join(test, &thread);

	KUNIT_EXPECT_TRUE(test, done);
	KUNIT_EXPECT_TRUE(test, fast.signaled);
	KUNIT_EXPECT_TRUE(test, fast.flagged);
	KUNIT_EXPECT_EQ(test, fast.added, -ENOENT);
	KUNIT_EXPECT_EQ(test, f->asked, 0);
	KUNIT_EXPECT_MEMEQ(test, &before, &f->base, sizeof(before));
}

static struct kunit_case context_test_cases[] = {
	KUNIT_CASE_PARAM(context_any, context_gen_params),
	KUNIT_CASE_PARAM(context_any_batch, context_gen_params),
	KUNIT_CASE_PARAM(context_any_locked, context_gen_params),
	KUNIT_CASE_PARAM(context_remove_any, context_gen_params),
	KUNIT_CASE_PARAM(context_interrupt_state, signaller_gen_params),
	KUNIT_CASE(context_locked_is_deferred),
	KUNIT_CASE(context_locked_wakes_sleeper),
	KUNIT_CASE(context_locked_in_callback),
	KUNIT_CASE(context_own_fence_in_callback),
	KUNIT_CASE(context_hardirq_remove_waits),
	KUNIT_CASE(context_fast_path),
	{}
};

static struct kunit_suite context_suite = {
	.name = "dma_fence_context",
	.init = dft_pin,
	.test_cases = context_test_cases,
};

kunit_test_suite(context_suite);
