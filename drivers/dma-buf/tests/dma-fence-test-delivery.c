// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivery: what is held while callbacks run, for how long, and who else may
 * have a hand in it.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/hrtimer.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "dma-fence-test.h"

struct probe_cb {
	struct dma_fence_cb base;
	spinlock_t *other;	/* one more that must not be held */
	unsigned int runs;
	unsigned int locked;
	unsigned int irqs_on;
};

static void probe_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct probe_cb *cb = container_of(base, struct probe_cb, base);

	if (!irqs_disabled() && !IS_ENABLED(CONFIG_PREEMPT_RT))
		cb->irqs_on++;
	if (!dft_not_held(dma_fence_spinlock(fence)))
		cb->locked++;
	if (cb->other && !dft_not_held(cb->other))
		cb->locked++;
	dft_store(&cb->runs, cb->runs + 1);
}

static void probe_expect(struct kunit *test, struct probe_cb *cb)
{
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_load(&cb->runs)));
	KUNIT_EXPECT_EQ(test, cb->runs, 1);
	KUNIT_EXPECT_EQ(test, cb->locked, 0);
	KUNIT_EXPECT_EQ(test, cb->irqs_on, 0);
}

static void delivery_skip_invisible_locks(struct kunit *test)
{
	if (!DFT_LOCKS_ARE_VISIBLE)
		kunit_skip(test, "needs CONFIG_SMP or CONFIG_DEBUG_SPINLOCK");
}

KUNIT_ARRAY_PARAM_DESC(signaller, dft_signallers, name);

static void delivery_without_lock(struct kunit *test)
{
	const struct dft_signaller *p = test->param_value;
	enum dft_lock kind;

	/*
	 * Verify that a callback does not run under its fence's lock but does
	 * run with interrupts off, and before the signalling call returns
	 * unless the caller held the lock, whichever way the fence is signalled.
	 */

	delivery_skip_invisible_locks(test);

	for (kind = DFT_INLINE_LOCK; kind <= DFT_EXTERN_LOCK; kind++) {
		struct dft_fence *f = dft_fence_new(test, &dft_ops, kind);
		struct probe_cb *cb = kunit_kzalloc(test, sizeof(*cb),
						    GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, cb);
		if (p->enables)
			dft_link_callback(&f->base, &cb->base, probe_func);
		else
			KUNIT_ASSERT_EQ(test,
					dma_fence_add_callback(&f->base,
							       &cb->base,
							       probe_func), 0);
		p->signal(f);
		KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(&f->base));
		if (!p->deferred && !IS_ENABLED(CONFIG_PREEMPT_RT))
			KUNIT_EXPECT_EQ(test, cb->runs, 1);
		probe_expect(test, cb);
	}
}

static void delivery_without_lock_on_release(struct kunit *test)
{
	struct dft_fence *f = dft_fence_alloc(test, &dft_release_ops,
					      DFT_EXTERN_LOCK);
	struct probe_cb *cb = kunit_kzalloc(test, sizeof(*cb), GFP_KERNEL);

	/*
	 * Verify the same for callbacks of a fence that nobody signalled before
	 * its last reference went.
	 */

	delivery_skip_invisible_locks(test);

	KUNIT_ASSERT_NOT_NULL(test, cb);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &cb->base,
						     probe_func), 0);
	kunit_warning_suppress(test) {
		dma_fence_put(&f->base);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	probe_expect(test, cb);
}

struct drag_params {
	const char *name;
	bool enables;
	void (*ask)(struct dft_fence *f);
};

static void ask_enable(struct dft_fence *f)
{
	dma_fence_enable_sw_signaling(&f->base);
}

static void ask_status(struct dft_fence *f)
{
	f->signaled_result = true;
	dma_fence_get_status(&f->base);
}

static const struct drag_params drag_cases[] = {
	{ "enable_signaling", true, ask_enable },
	{ "signaled", false, ask_status },
};

KUNIT_ARRAY_PARAM_DESC(drag, drag_cases, name);

static void delivery_without_foreign_lock(struct kunit *test)
{
	const struct drag_params *p = test->param_value;
	struct dft_fence *parent = dft_fence_new(test, &dft_ops,
						 DFT_EXTERN_LOCK);
	struct dft_fence *child = dft_fence_new(test, &dft_ops,
						DFT_INLINE_LOCK);
	struct probe_cb cb = { .other = &parent->own_lock };

	/*
	 * Verify that a fence signalled from inside another one's op does not
	 * run its callbacks under the lock that the core took for the other.
	 */

	delivery_skip_invisible_locks(test);

	parent->drags = &child->base;
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&child->base, &cb.base,
						     probe_func), 0);
	p->ask(parent);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(&child->base));
	probe_expect(test, &cb);
}

struct slow_cb {
	struct dma_fence_cb base;
	bool entered;
	bool left;
};

#define SLOW_NS	(3 * NSEC_PER_MSEC)

static void slow_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct slow_cb *cb = container_of(base, struct slow_cb, base);

	dft_store(&cb->entered, true);
	dft_spin_ns(SLOW_NS);
	WRITE_ONCE(cb->left, true);
}

static int signal_main(void *data)
{
	dma_fence_signal(data);

	return 0;
}

static int signal_locked_main(void *data)
{
	dft_signal_locked(to_dft_fence(data));

	return 0;
}

struct delivery_params {
	const char *name;
	int (*signal)(void *data);
};

static const struct delivery_params delivery_cases[] = {
	{ "signal", signal_main },
	{ "signal_locked", signal_locked_main },
};

KUNIT_ARRAY_PARAM_DESC(delivery, delivery_cases, name);

static void delivery_remove_waits(struct kunit *test)
{
	const struct delivery_params *p = test->param_value;
	unsigned int cpu = dft_other_cpu(test);
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct slow_cb cb = {};
	struct dft_thread thread;

	/*
	 * Verify that removing a callback which runs on another CPU answers
	 * false, and only when the callback has come to its end.
	 */

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &cb.base,
						     slow_func), 0);
	dft_thread_start(test, &thread, cpu, p->signal, &f->base);
	KUNIT_EXPECT_TRUE(test, spin_until(dft_load(&cb.entered)));
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(&f->base, &cb.base));
	KUNIT_EXPECT_TRUE(test, READ_ONCE(cb.left));
	dft_thread_join(test, &thread);
}

static void delivery_flush_waits(struct kunit *test)
{
	const struct delivery_params *p = test->param_value;
	unsigned int cpu = dft_other_cpu(test);
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct slow_cb cb = {};
	struct dft_cb after = {};
	struct dft_thread thread;

	/*
	 * Verify that a flush waits for the callback that runs on another CPU
	 * and for the ones behind it.
	 */

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &cb.base,
						     slow_func), 0);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &after.base,
						     dft_count), 0);
	dft_thread_start(test, &thread, cpu, p->signal, &f->base);
	KUNIT_EXPECT_TRUE(test, spin_until(dft_load(&cb.entered)));
	dma_fence_flush_callbacks(&f->base);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(cb.left));
	KUNIT_EXPECT_EQ(test, dft_runs(&after), 1);
	dft_thread_join(test, &thread);
}

static void delivery_lock_waits(struct kunit *test)
{
	const struct delivery_params *p = test->param_value;
	unsigned int cpu = dft_other_cpu(test);
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct slow_cb cb = {};
	struct dft_cb after = {};
	struct dft_thread thread;
	unsigned long flags;
	bool left;
	int runs;

	/*
	 * Verify that who sees a fence signalled and passes through its lock
	 * finds that its callbacks have run, as it was when they ran under it.
	 */

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "only flushing says so");

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &cb.base,
						     slow_func), 0);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &after.base,
						     dft_count), 0);
	dft_thread_start(test, &thread, cpu, p->signal, &f->base);
	KUNIT_EXPECT_TRUE(test,
			  spin_until(dma_fence_test_signaled_flag(&f->base)));
	dma_fence_lock_irqsave(&f->base, flags);
	left = READ_ONCE(cb.left);
	runs = dft_runs(&after);
	dma_fence_unlock_irqrestore(&f->base, flags);
	dft_thread_join(test, &thread);
	KUNIT_EXPECT_TRUE(test, left);
	KUNIT_EXPECT_EQ(test, runs, 1);
}

/* As many callbacks as two windows have, and how they came to run. */
struct relay {
	struct dft_fence *f;
	bool claimed;
	bool entered;
	bool left;
	atomic_t early;
	atomic_t ran;
	unsigned int broken;
};

struct relay_cb {
	struct dma_fence_cb base;
	struct relay *relay;
	unsigned int number;
};

#define RELAY_CALLBACKS	64

static void relay_first(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct relay *r = container_of(base, struct relay_cb, base)->relay;

	dft_store(&r->entered, true);
	dft_spin_ns(20 * NSEC_PER_MSEC);
	atomic_inc(&r->ran);
	dft_store(&r->left, true);
}

static void relay_next(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct relay_cb *cb = container_of(base, struct relay_cb, base);
	struct relay *r = cb->relay;

	if (!dft_load(&r->left))
		atomic_inc(&r->early);
	if (atomic_fetch_inc(&r->ran) != cb->number)
		r->broken++;
}

/* Keeps its CPU from delivering until the other one has begun to. */
static int relay_main(void *data)
{
	struct relay *r = data;
	unsigned long flags;

	local_irq_save(flags);
	dft_signal_locked(r->f);
	dft_store(&r->claimed, true);
	spin_until(dft_load(&r->entered));
	local_irq_restore(flags);

	return 0;
}

static void delivery_one_window_at_a_time(struct kunit *test)
{
	unsigned int i, cpu = dft_other_cpu(test);
	struct dft_thread thread;
	struct relay_cb *cbs;
	struct relay *r;

	/*
	 * Verify that while one CPU flushes a fence the other, which owes the
	 * delivery, does not run later callbacks ahead of earlier ones.
	 */

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "only the thread delivers");

	r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r);
	cbs = kunit_kcalloc(test, RELAY_CALLBACKS, sizeof(*cbs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cbs);
	r->f = dft_fence_new(test, &dft_names_ops, DFT_INLINE_LOCK);
	for (i = 0; i < RELAY_CALLBACKS; i++) {
		cbs[i].relay = r;
		cbs[i].number = i;
		KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&r->f->base,
							     &cbs[i].base,
							     i ? relay_next :
								 relay_first),
				0);
	}

	dft_thread_start(test, &thread, cpu, relay_main, r);
	KUNIT_EXPECT_TRUE(test, spin_until(dft_load(&r->claimed)));
	dma_fence_flush_callbacks(&r->f->base);
	KUNIT_EXPECT_EQ(test, atomic_read(&r->ran), RELAY_CALLBACKS);
	dft_thread_join(test, &thread);
	KUNIT_EXPECT_EQ(test, atomic_read(&r->early), 0);
	KUNIT_EXPECT_EQ(test, r->broken, 0);
}

struct gate {
	bool reached;
	bool open;
	bool timed_out;
};

struct gate_cb {
	struct dma_fence_cb base;
	struct gate *gate;
};

/* Takes as long as somebody else needs for what it waits for. */
static void gate_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct gate *gate = container_of(base, struct gate_cb, base)->gate;

	dft_store(&gate->reached, true);
	if (!spin_until(dft_load(&gate->open)))
		WRITE_ONCE(gate->timed_out, true);
}

struct early_bird {
	struct dft_fence *fence;
	struct gate gate;
	bool waits;
	long left;
};

static int early_bird_main(void *data)
{
	struct early_bird *bird = data;

	dft_store(&bird->waits, true);
	bird->left = dma_fence_wait_timeout(&bird->fence->base, false, 5 * HZ);
	dft_store(&bird->gate.open, true);

	return 0;
}

static void delivery_sleeper_is_free(struct kunit *test)
{
	const struct delivery_params *p = test->param_value;
	unsigned int cpu = dft_other_cpu(test);
	struct early_bird bird = {};
	struct gate_cb cb = { .gate = &bird.gate };
	struct dft_thread thread;

	/*
	 * Verify that a sleeper is back while a callback that was added before
	 * the sleeper came is still at work.
	 */

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "there a sleeper settles its callback");

	bird.fence = dft_fence_new(test, &dft_names_ops, DFT_INLINE_LOCK);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&bird.fence->base, &cb.base,
						     gate_func), 0);
	dft_thread_start(test, &thread, cpu, early_bird_main, &bird);
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_load(&bird.waits)));
	/* Asleep, and not just on its way. */
	usleep_range(2000, 3000);
	p->signal(&bird.fence->base);
	dft_thread_join(test, &thread);
	dma_fence_flush_callbacks(&bird.fence->base);

	KUNIT_EXPECT_TRUE(test, bird.gate.reached);
	KUNIT_EXPECT_FALSE(test, bird.gate.timed_out);
	KUNIT_EXPECT_GT(test, bird.left, 0);
}

/* A fence that is being delivered, and one that has to wait for its turn. */
struct queue {
	struct dft_fence *running;
	struct dft_fence *waiting;
	spinlock_t lock;	/* of both fences */
};

struct queue_cb {
	struct dma_fence_cb base;
	struct queue *queue;
};

static void queue_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct queue *q = container_of(base, struct queue_cb, base)->queue;

	dma_fence_signal(&q->waiting->base);
}

static int queue_signal_main(void *data)
{
	struct queue *q = data;

	dma_fence_signal(&q->running->base);

	return 0;
}

static int queue_signal_locked_main(void *data)
{
	struct queue *q = data;
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	dma_fence_signal_locked(&q->running->base);
	dma_fence_signal_locked(&q->waiting->base);
	spin_unlock_irqrestore(&q->lock, flags);

	return 0;
}

static const struct delivery_params queue_cases[] = {
	{ "signalled in a callback", queue_signal_main },
	{ "signalled under the same lock", queue_signal_locked_main },
};

KUNIT_ARRAY_PARAM_DESC(queue, queue_cases, name);

static void queue_put(void *fence)
{
	dma_fence_put(fence);
}

static struct dft_fence *queue_fence(struct kunit *test, struct queue *q)
{
	struct dft_fence *f = kzalloc_obj(*f);

	KUNIT_ASSERT_NOT_NULL(test, f);
	dft_fence_init(f, &dft_names_ops, &q->lock);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, queue_put,
							&f->base), 0);

	return f;
}

static void delivery_does_not_wait_for_others(struct kunit *test)
{
	const struct delivery_params *p = test->param_value;
	unsigned int cpu = dft_other_cpu(test);
	struct gate gate = {};
	struct queue_cb first = {};
	struct gate_cb second = { .gate = &gate };
	struct dft_cb taken = {}, flushed = {};
	struct dft_thread thread;
	struct queue *q;
	bool signalled, removed;
	int runs;

	/*
	 * Verify that a fence whose turn has not come, because a callback of
	 * another one takes its time, has its callbacks removed and flushed
	 * without waiting for the other one. On PREEMPT_RT a flush waits for
	 * the thread.
	 */

	if (IS_ENABLED(CONFIG_PREEMPT_RT) &&
	    p->signal == queue_signal_locked_main)
		kunit_skip(test, "the thread preempts whoever holds the lock");

	q = kunit_kzalloc(test, sizeof(*q), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, q);
	spin_lock_init(&q->lock);
	q->running = queue_fence(test, q);
	q->waiting = queue_fence(test, q);
	first.queue = q;
	if (p->signal == queue_signal_main)
		KUNIT_ASSERT_EQ(test,
				dma_fence_add_callback(&q->running->base,
						       &first.base, queue_func),
				0);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&q->running->base,
						     &second.base, gate_func),
			0);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&q->waiting->base,
						     &taken.base, dft_count),
			0);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&q->waiting->base,
						     &flushed.base, dft_count),
			0);

	dft_thread_start(test, &thread, cpu, p->signal, q);
	KUNIT_EXPECT_TRUE(test, spin_until(dft_load(&gate.reached)));
	signalled = dma_fence_is_signaled(&q->waiting->base);
	removed = dma_fence_remove_callback(&q->waiting->base, &taken.base);
	dft_poison(&taken.base, sizeof(taken.base));
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		dma_fence_flush_callbacks(&q->waiting->base);
	runs = dft_runs(&flushed);
	dft_store(&gate.open, true);
	dft_thread_join(test, &thread);
	dma_fence_flush_callbacks(&q->running->base);
	dft_await_thread(&q->waiting->base);

	KUNIT_EXPECT_FALSE(test, gate.timed_out);
	KUNIT_EXPECT_TRUE(test, signalled);
	KUNIT_EXPECT_TRUE(test, removed);
	KUNIT_EXPECT_EQ(test, runs, !IS_ENABLED(CONFIG_PREEMPT_RT));
	KUNIT_EXPECT_EQ(test, dft_runs(&flushed), 1);
	KUNIT_EXPECT_EQ(test, dft_runs(&taken), 0);
	KUNIT_EXPECT_TRUE(test, dft_poisoned(&taken.base, sizeof(taken.base)));
}

/* A fence that is being delivered, and another whose callback takes a lock. */
struct crossing {
	struct dft_fence *first;
	struct dft_fence *second;
	struct dma_fence_cb signals;
	struct dma_fence_cb waits;
	struct dma_fence_cb locks;
	spinlock_t lock;	/* of nothing */
	bool entered;
	bool held;
	bool left;
	bool locked;
};

static void crossing_signal(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct crossing *c = container_of(cb, struct crossing, signals);

	dma_fence_signal(&c->second->base);
}

static void crossing_wait(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct crossing *c = container_of(cb, struct crossing, waits);

	dft_store(&c->entered, true);
	spin_until(dft_load(&c->held));
	dft_spin_ns(SLOW_NS);
	WRITE_ONCE(c->left, true);
}

static void crossing_lock(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct crossing *c = container_of(cb, struct crossing, locks);
	unsigned long flags;

	/* Who holds it may be waiting for this to end. */
	if (!spin_until(dft_lock_is_free(&c->lock)))
		return;
	spin_lock_irqsave(&c->lock, flags);
	WRITE_ONCE(c->locked, true);
	spin_unlock_irqrestore(&c->lock, flags);
}

static struct crossing *crossing_new(struct kunit *test)
{
	struct crossing *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, c);
	spin_lock_init(&c->lock);
	c->first = dft_fence_new(test, &dft_names_ops, DFT_INLINE_LOCK);
	c->second = dft_fence_new(test, &dft_names_ops, DFT_INLINE_LOCK);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&c->second->base, &c->locks,
						     crossing_lock), 0);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&c->first->base,
						     &c->signals,
						     crossing_signal), 0);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&c->first->base, &c->waits,
						     crossing_wait), 0);

	return c;
}

static void delivery_remove_under_lock(struct kunit *test)
{
	const struct delivery_params *p = test->param_value;
	unsigned int cpu = dft_other_cpu(test);
	struct crossing *c = crossing_new(test);
	struct dft_thread thread;
	bool removed, left, locked;
	unsigned long flags;

	/*
	 * Verify that a remover may hold a lock which callbacks of another
	 * fence take, also of the one that is next in the same delivery: it is
	 * let through before those run.
	 */

	dft_thread_start(test, &thread, cpu, p->signal, &c->first->base);
	KUNIT_EXPECT_TRUE(test, spin_until(dft_load(&c->entered)));
	spin_lock_irqsave(&c->lock, flags);
	dft_store(&c->held, true);
	removed = dma_fence_remove_callback(&c->first->base, &c->waits);
	left = READ_ONCE(c->left);
	locked = READ_ONCE(c->locked);
	spin_unlock_irqrestore(&c->lock, flags);
	dft_thread_join(test, &thread);

	KUNIT_EXPECT_FALSE(test, removed);
	KUNIT_EXPECT_TRUE(test, left);
	KUNIT_EXPECT_FALSE(test, locked);
	KUNIT_EXPECT_TRUE(test, sleep_until(READ_ONCE(c->locked)));
	dma_fence_flush_callbacks(&c->second->base);
}

#define LONG_LIST	1000
#define GATES		3

struct lock_taker {
	struct dft_fence *fence;
	struct gate gates[GATES];
};

static int lock_taker_main(void *data)
{
	struct lock_taker *taker = data;
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < GATES; i++) {
		struct gate *gate = &taker->gates[i];

		spin_until(dft_load(&gate->reached));
		spin_lock_irqsave(dma_fence_spinlock(&taker->fence->base), flags);
		spin_unlock_irqrestore(dma_fence_spinlock(&taker->fence->base),
				       flags);
		dft_store(&gate->open, true);
	}

	return 0;
}

static void delivery_lock_is_free(struct kunit *test)
{
	static const unsigned int where[GATES] = { 0, LONG_LIST / 2,
						   LONG_LIST - 1 };
	unsigned int cpu = dft_other_cpu(test);
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_EXTERN_LOCK);
	struct gate_cb gate_cbs[GATES];
	struct lock_taker *taker;
	struct dft_thread thread;
	unsigned int i, gate = 0;
	struct dft_cb *cbs;

	/*
	 * Verify that another CPU gets the fence's lock in the middle of a long
	 * delivery: the callbacks at the start, half-way and at the end do not
	 * return before it has had it.
	 */

	taker = kunit_kzalloc(test, sizeof(*taker), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, taker);
	cbs = kunit_kcalloc(test, LONG_LIST, sizeof(*cbs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cbs);
	taker->fence = f;
	for (i = 0; i < LONG_LIST; i++) {
		if (gate < GATES && i == where[gate]) {
			gate_cbs[gate].gate = &taker->gates[gate];
			KUNIT_ASSERT_EQ(test,
					dma_fence_add_callback(&f->base,
							       &gate_cbs[gate].base,
							       gate_func), 0);
			gate++;
		}
		KUNIT_ASSERT_EQ(test,
				dma_fence_add_callback(&f->base, &cbs[i].base,
						       dft_count), 0);
	}
	dft_thread_start(test, &thread, cpu, lock_taker_main, taker);
	dma_fence_signal(&f->base);
	dft_thread_join(test, &thread);
	dft_await_thread(&f->base);

	for (i = 0; i < GATES; i++)
		KUNIT_EXPECT_FALSE(test, taker->gates[i].timed_out);
	for (i = 0; i < LONG_LIST; i++)
		KUNIT_EXPECT_EQ(test, dft_runs(&cbs[i]), 1);
}

/* Any constant would do; the core is free to choose a smaller one. */
#define MOST_WITH_IRQS_OFF	128

struct window {
	struct dma_fence_cb first;
	struct hrtimer timer;
	u64 hold_ns;
	unsigned int ran;
	unsigned int served_after;
	struct dft_fence *fence;
	struct dma_fence_cb *doomed;
	struct dma_fence_cb *done;
	bool took_doomed;
	bool took_done;
};

struct window_cb {
	struct dma_fence_cb base;
	struct window *window;
};

static enum hrtimer_restart window_timer(struct hrtimer *timer)
{
	struct window *w = container_of(timer, struct window, timer);

	w->served_after = w->ran;
	if (w->doomed)
		w->took_doomed = dma_fence_remove_callback(&w->fence->base,
							   w->doomed);
	if (w->done)
		w->took_done = dma_fence_remove_callback(&w->fence->base,
							 w->done);

	return HRTIMER_NORESTART;
}

/* Returns with the timer's interrupt pending. */
static void window_first(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct window *w = container_of(cb, struct window, first);

	w->ran++;
	hrtimer_start(&w->timer, ns_to_ktime(1000),
		      HRTIMER_MODE_REL_PINNED_HARD);
	dft_spin_ns(w->hold_ns);
}

static void window_count(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	container_of(cb, struct window_cb, base)->window->ran++;
}

/* One delivery of a long list with an interrupt that comes at its beginning. */
static void window_run(struct kunit *test, struct window *w,
		       struct window_cb *cbs, bool removes)
{
	unsigned int i;

	w->fence = dft_fence_new(test, &dft_names_ops, DFT_INLINE_LOCK);
	w->ran = 0;
	w->served_after = 0;
	w->took_doomed = false;
	w->took_done = false;
	w->done = removes ? &w->first : NULL;
	w->doomed = removes ? &cbs[LONG_LIST - 1].base : NULL;
	hrtimer_setup(&w->timer, window_timer, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&w->fence->base, &w->first,
						     window_first), 0);
	for (i = 0; i < LONG_LIST; i++) {
		cbs[i].window = w;
		KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&w->fence->base,
							     &cbs[i].base,
							     window_count), 0);
	}
	dma_fence_signal(&w->fence->base);
	dft_await_thread(&w->fence->base);
	sleep_until(READ_ONCE(w->served_after));
	hrtimer_cancel(&w->timer);
}

static void delivery_serves_interrupts(struct kunit *test)
{
	struct window_cb *cbs;
	struct window *w;
	int attempt;

	/*
	 * Verify that an interrupt which comes while many callbacks are waiting
	 * is served after a limited number of them. A timer may come late on a
	 * busy host, so it gets three chances.
	 */

	w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, w);
	cbs = kunit_kcalloc(test, LONG_LIST, sizeof(*cbs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cbs);

	w->hold_ns = 5 * NSEC_PER_MSEC;
	for (attempt = 0; attempt < 3; attempt++) {
		window_run(test, w, cbs, false);
		KUNIT_EXPECT_EQ(test, w->ran, LONG_LIST + 1);
		if (w->served_after <= MOST_WITH_IRQS_OFF)
			break;
		w->hold_ns *= 4;
	}
	KUNIT_EXPECT_LE(test, w->served_after, MOST_WITH_IRQS_OFF);
	kunit_info(test, "interrupt served after %u of %u callbacks",
		   w->served_after, w->ran);
}

static void delivery_remove_from_interrupt(struct kunit *test)
{
	struct window_cb *cbs;
	struct window *w;
	int attempt;

	/*
	 * Verify that an interrupt that lands in the middle of a delivery can
	 * remove what has not run, and is told about what has, without waiting
	 * for the delivery which it keeps from going on.
	 */

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "only threads remove, and those wait");

	w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, w);
	cbs = kunit_kcalloc(test, LONG_LIST, sizeof(*cbs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cbs);

	w->hold_ns = 5 * NSEC_PER_MSEC;
	for (attempt = 0; attempt < 3; attempt++) {
		window_run(test, w, cbs, true);
		KUNIT_EXPECT_FALSE(test, w->took_done);
		KUNIT_EXPECT_EQ(test, w->ran,
				LONG_LIST + !w->took_doomed);
		if (w->served_after <= MOST_WITH_IRQS_OFF)
			break;
		w->hold_ns *= 4;
	}
	KUNIT_EXPECT_TRUE(test, w->took_doomed);
}

struct link {
	struct dma_fence fence;
	struct dma_fence_cb cb;
	struct row *row;
	bool ran;
};

struct row {
	struct link *links;
	unsigned int count;
	unsigned int ran;
	bool locked;
	unsigned long lowest;
	unsigned long highest;
};

/* A deeper stack than this grows with the row; do not follow it to its end. */
#define ROW_STACK	1024

static void row_func(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	unsigned long here = (unsigned long)__builtin_frame_address(0);
	struct link *link = container_of(cb, struct link, cb);
	struct row *row = link->row;
	struct link *next = link + 1;
	unsigned long flags;

	row->lowest = min(row->lowest, here);
	row->highest = max(row->highest, here);
	link->ran = true;
	if (next < row->links + row->count &&
	    row->highest - row->lowest <= 4 * ROW_STACK) {
		if (row->locked) {
			dma_fence_lock_irqsave(&next->fence, flags);
			dma_fence_signal_locked(&next->fence);
			dma_fence_unlock_irqrestore(&next->fence, flags);
		} else {
			dma_fence_signal(&next->fence);
		}
	}
	dft_store(&row->ran, row->ran + 1);
}

static void row_free(void *links)
{
	kvfree(links);
}

static void row_run(struct kunit *test, struct row *row)
{
	unsigned int i, progress = 0;
	int err;

	row->links = kvcalloc(row->count, sizeof(*row->links), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, row->links);
	err = kunit_add_action_or_reset(test, row_free, row->links);
	KUNIT_ASSERT_EQ(test, err, 0);
	row->lowest = ULONG_MAX;
	for (i = 0; i < row->count; i++) {
		struct link *link = &row->links[i];

		link->row = row;
		dma_fence_init(&link->fence, &dft_names_ops, NULL, 1, i + 1);
		if (dma_fence_add_callback(&link->fence, &link->cb, row_func))
			KUNIT_FAIL(test, "callback %u not added", i);
	}
	dma_fence_signal(&row->links[0].fence);
	if (!row->locked && !IS_ENABLED(CONFIG_PREEMPT_RT))
		KUNIT_EXPECT_EQ(test, row->ran, row->count);

	/* Patience is with every step, the row may be long. */
	do {
		progress = dft_load(&row->ran);
	} while (progress < row->count &&
		 sleep_until(dft_load(&row->ran) > progress));
	dft_await_thread(&row->links[row->count - 1].fence);
	KUNIT_EXPECT_EQ(test, row->ran, row->count);
	KUNIT_EXPECT_TRUE(test, row->links[row->count - 1].ran);
}

static void delivery_nests_without_stack(struct kunit *test)
{
	struct row *row = kunit_kzalloc(test, sizeof(*row), GFP_KERNEL);

	/*
	 * Verify that a row of fences, each signalled by a callback of the one
	 * before, needs no more stack at its end than at its beginning, and is
	 * through when the first signal returns.
	 */

	KUNIT_ASSERT_NOT_NULL(test, row);
	row->count = 100000;
	row_run(test, row);
	KUNIT_EXPECT_LE(test, row->highest - row->lowest, ROW_STACK);
	kunit_info(test, "%u levels on %lu bytes of stack", row->ran,
		   row->highest - row->lowest);
}

static void delivery_nests_locked(struct kunit *test)
{
	struct row *row = kunit_kzalloc(test, sizeof(*row), GFP_KERNEL);

	/*
	 * Verify that callbacks which signal under the next fence's lock get
	 * to the end of the row too.
	 */

	KUNIT_ASSERT_NOT_NULL(test, row);
	row->count = 1000;
	row->locked = true;
	row_run(test, row);
}

struct nest {
	char trace[8];
	unsigned int len;
};

struct nest_cb {
	struct dma_fence_cb base;
	struct nest *nest;
	struct dft_fence *signals;
	char letter;
};

static void nest_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct nest_cb *cb = container_of(base, struct nest_cb, base);
	struct nest *nest = cb->nest;

	if (nest->len < sizeof(nest->trace) - 1)
		nest->trace[nest->len++] = cb->letter;
	if (cb->signals)
		dma_fence_signal(&cb->signals->base);
}

static void delivery_nested_order(struct kunit *test)
{
	struct dft_fence *a = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct dft_fence *b = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct dft_fence *c = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct nest nest = {};
	struct nest_cb cbs[] = {
		{ .nest = &nest, .signals = b, .letter = '1' },
		{ .nest = &nest, .signals = a, .letter = '2' },
		{ .nest = &nest, .letter = '3' },
		{ .nest = &nest, .signals = c, .letter = '4' },
		{ .nest = &nest, .letter = '5' },
		{ .nest = &nest, .letter = '6' },
	};
	struct dft_fence *where[] = { a, a, a, b, b, c };
	unsigned int i;

	/*
	 * Verify that fences signalled from a callback are delivered after the
	 * one in hand, first come first served, and before its signal returns;
	 * a callback that signals its own fence again changes nothing.
	 */

	for (i = 0; i < ARRAY_SIZE(cbs); i++)
		KUNIT_ASSERT_EQ(test,
				dma_fence_add_callback(&where[i]->base,
						       &cbs[i].base,
						       nest_func), 0);
	dma_fence_signal(&a->base);
	for (i = 0; i < ARRAY_SIZE(where); i++)
		dft_await_thread(&where[i]->base);
	KUNIT_EXPECT_STREQ(test, nest.trace, "123456");
}

static void delivery_foreign_signaller(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_EXTERN_LOCK);
	struct dft_cb stays = {}, goes = {}, late = {};

	/*
	 * Verify that the core keeps its hands off the callbacks of a fence
	 * that its owner marks signalled first and delivers later, except to
	 * remove one in between.
	 */

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &stays.base,
						     dft_count), 0);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &goes.base,
						     dft_count), 0);
	dft_fake_signal(&f->base);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&f->base));
	dma_fence_signal(&f->base);
	KUNIT_EXPECT_TRUE(test, dma_fence_check_and_signal(&f->base));
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(&f->base, &late.base,
						     dft_count), -ENOENT);
	KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback(&f->base,
							  &goes.base));
	KUNIT_EXPECT_EQ(test, dft_runs(&stays), 0);

	dft_fake_delivery(&f->base);
	KUNIT_EXPECT_EQ(test, dft_runs(&stays), 1);
	KUNIT_EXPECT_EQ(test, dft_runs(&goes), 0);
	KUNIT_EXPECT_EQ(test, dft_runs(&late), 0);
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(&f->base,
							   &stays.base));
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(&f->base,
							   &goes.base));
	dma_fence_flush_callbacks(&f->base);
	KUNIT_EXPECT_EQ(test, dft_runs(&stays), 1);
}

static void delivery_foreign_enable(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_EXTERN_LOCK);
	struct dft_cb cb = {};
	int ret;

	/*
	 * Verify that a callback added while enable_signaling marks the fence
	 * signalled is either refused or delivered by the fence's owner.
	 */

	f->fakes_signal = true;
	ret = dma_fence_add_callback(&f->base, &cb.base, dft_count);
	KUNIT_EXPECT_TRUE(test, ret == 0 || ret == -ENOENT);
	KUNIT_EXPECT_EQ(test, f->enabled, 1);
	KUNIT_EXPECT_EQ(test, dft_runs(&cb), 0);
	dft_fake_delivery(&f->base);
	KUNIT_EXPECT_EQ(test, dft_runs(&cb), ret ? 0 : 1);
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(&f->base, &cb.base));
}

static void delivery_enable_signals_itself(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_EXTERN_LOCK);
	struct dft_cb cb = {};

	/*
	 * Verify that a callback is refused, and not lost, when enable_signaling
	 * signals its own fence but says that a signal will follow.
	 */

	f->enable_result = true;
	f->signals_itself = true;
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(&f->base, &cb.base,
						     dft_count), -ENOENT);
	KUNIT_EXPECT_EQ(test, f->enabled, 1);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(&f->base));
	KUNIT_EXPECT_EQ(test, dft_runs(&cb), 0);
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(&f->base, &cb.base));
	KUNIT_EXPECT_NE(test, dft_stamp_of(&f->base), KTIME_MAX);
}

struct foreign_waiter {
	struct dma_fence *fence;
	bool any;
	long ret;
};

static int foreign_waiter_main(void *data)
{
	struct foreign_waiter *w = data;

	if (w->any)
		w->ret = dma_fence_wait_any_timeout(&w->fence, 1, false, 5 * HZ,
						    NULL);
	else
		w->ret = dma_fence_wait_timeout(w->fence, false, 5 * HZ);

	return 0;
}

static void delivery_foreign_wakes(struct kunit *test)
{
	int any;

	/*
	 * Verify that sleepers of both kinds are woken by such an owner, long
	 * before their timeout.
	 */

	for (any = 0; any <= 1; any++) {
		struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
						    DFT_EXTERN_LOCK);
		struct foreign_waiter w = { .fence = &f->base, .any = any };
		struct dft_thread thread;

		dft_thread_start(test, &thread, raw_smp_processor_id(),
				 foreign_waiter_main, &w);
		KUNIT_EXPECT_TRUE(test,
				  sleep_until(dft_has_callbacks(&f->base)));
		dft_fake_signal(&f->base);
		usleep_range(100, 200);
		dft_fake_delivery(&f->base);
		dft_thread_join(test, &thread);
		KUNIT_EXPECT_GT(test, w.ret, 2 * HZ);
	}
}

static void delivery_move(struct kunit *test)
{
	struct dft_fence *from = dft_fence_new(test, &dft_names_ops,
					       DFT_INLINE_LOCK);
	struct dft_fence *to = dft_fence_new(test, &dft_names_ops,
					     DFT_INLINE_LOCK);
	struct dft_cb moved = {}, late = {};
	unsigned long flags;

	/*
	 * Verify that with both locks held a callback can be moved to another
	 * fence's list, as i915 does: it runs for the second fence alone. One
	 * that has run for the first is not there to be moved.
	 */

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&from->base, &moved.base,
						     dft_count), 0);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&from->base, &late.base,
						     dft_count), 0);
	dma_fence_lock_irqsave(&to->base, flags);
	spin_lock_nested(dma_fence_spinlock(&from->base), SINGLE_DEPTH_NESTING);
	KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback_locked(&from->base,
								 &moved.base));
	spin_unlock(dma_fence_spinlock(&from->base));
	list_add_tail(&moved.base.node, &to->base.cb_list);
	dma_fence_unlock_irqrestore(&to->base, flags);

	dma_fence_signal(&from->base);
	dft_await_thread(&from->base);
	KUNIT_EXPECT_EQ(test, dft_runs(&moved), 0);
	KUNIT_EXPECT_EQ(test, dft_runs(&late), 1);

	dma_fence_lock_irqsave(&to->base, flags);
	spin_lock_nested(dma_fence_spinlock(&from->base), SINGLE_DEPTH_NESTING);
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback_locked(&from->base,
								  &late.base));
	spin_unlock(dma_fence_spinlock(&from->base));
	dma_fence_unlock_irqrestore(&to->base, flags);

	dma_fence_signal(&to->base);
	dft_await_thread(&to->base);
	KUNIT_EXPECT_EQ(test, dft_runs(&moved), 1);
	KUNIT_EXPECT_EQ(test, dft_runs(&late), 1);
}

static struct kunit_case delivery_test_cases[] = {
	KUNIT_CASE_PARAM(delivery_without_lock, signaller_gen_params),
	KUNIT_CASE(delivery_without_lock_on_release),
	KUNIT_CASE_PARAM(delivery_without_foreign_lock, drag_gen_params),
	KUNIT_CASE_PARAM(delivery_remove_waits, delivery_gen_params),
	KUNIT_CASE_PARAM(delivery_flush_waits, delivery_gen_params),
	KUNIT_CASE_PARAM(delivery_lock_waits, delivery_gen_params),
	KUNIT_CASE_PARAM(delivery_sleeper_is_free, delivery_gen_params),
	KUNIT_CASE(delivery_one_window_at_a_time),
	KUNIT_CASE_PARAM(delivery_does_not_wait_for_others, queue_gen_params),
	KUNIT_CASE_PARAM(delivery_remove_under_lock, delivery_gen_params),
	KUNIT_CASE(delivery_lock_is_free),
	KUNIT_CASE(delivery_serves_interrupts),
	KUNIT_CASE(delivery_remove_from_interrupt),
	KUNIT_CASE(delivery_nests_without_stack),
	KUNIT_CASE(delivery_nests_locked),
	KUNIT_CASE(delivery_nested_order),
	KUNIT_CASE(delivery_foreign_signaller),
	KUNIT_CASE(delivery_foreign_enable),
	KUNIT_CASE(delivery_enable_signals_itself),
	KUNIT_CASE(delivery_foreign_wakes),
	KUNIT_CASE(delivery_move),
	{}
};

static struct kunit_suite delivery_suite = {
	.name = "dma_fence_delivery",
	.init = dft_pin,
	.test_cases = delivery_test_cases,
};

kunit_test_suite(delivery_suite);
