// SPDX-License-Identifier: GPL-2.0-only
/*
 * Callbacks: adding, removing, their order, and what they may do to themselves.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "dma-fence-test.h"

static void callback_add_signalled(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct dft_cb cb = {};

	/*
	 * Verify that adding to a signalled fence says so, leaves the function
	 * pointer alone and the node in a state that can be removed.
	 */

	dma_fence_signal(&f->base);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(&f->base, &cb.base,
						     dft_count), -ENOENT);
	KUNIT_EXPECT_TRUE(test, list_empty(&cb.base.node));
	KUNIT_EXPECT_NULL(test, cb.base.func);
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(&f->base, &cb.base));
	KUNIT_EXPECT_EQ(test, dft_runs(&cb), 0);
}

static void callback_remove(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct dft_cb kept = {}, gone = {};

	/*
	 * Verify that a removed callback does not run, that it is removed once,
	 * that its neighbour does run, and that then there is nothing to remove.
	 */

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &gone.base,
						     dft_count), 0);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &kept.base,
						     dft_count), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback(&f->base,
							  &gone.base));
	KUNIT_EXPECT_TRUE(test, list_empty(&gone.base.node));
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(&f->base,
							   &gone.base));
	KUNIT_EXPECT_EQ(test, dft_runs(&kept), 0);

	dma_fence_signal(&f->base);
	dft_await_thread(&f->base);
	KUNIT_EXPECT_EQ(test, dft_runs(&gone), 0);
	KUNIT_EXPECT_EQ(test, dft_runs(&kept), 1);
	KUNIT_EXPECT_TRUE(test, list_empty(&kept.base.node));
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(&f->base,
							   &kept.base));
	KUNIT_EXPECT_EQ(test, dft_runs(&kept), 1);
}

static void callback_remove_add(struct kunit *test)
{
	struct dft_fence *a = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct dft_fence *b = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct dft_cb cb = {};

	/*
	 * Verify that a callback taken off one fence can be added to another,
	 * and that only the other one runs it.
	 */

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&a->base, &cb.base,
						     dft_count), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback(&a->base, &cb.base));
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&b->base, &cb.base,
						     dft_count), 0);
	dma_fence_signal(&a->base);
	KUNIT_EXPECT_EQ(test, dft_runs(&cb), 0);
	dma_fence_signal(&b->base);
	dft_await_thread(&b->base);
	KUNIT_EXPECT_EQ(test, dft_runs(&cb), 1);
}

static void callback_remove_locked(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_EXTERN_LOCK);
	struct dft_cb early = {}, claimed = {}, last = {};
	unsigned long flags;
	bool removed;

	/*
	 * Verify that the form for owners of the lock removes a callback before
	 * the signal and after it, as long as the lock keeps it from running. On
	 * PREEMPT_RT it does not, and the answer has to be true only.
	 */

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &early.base,
						     dft_count), 0);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &claimed.base,
						     dft_count), 0);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &last.base,
						     dft_count), 0);
	dma_fence_lock_irqsave(&f->base, flags);
	KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback_locked(&f->base,
								 &early.base));
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback_locked(&f->base,
								  &early.base));
	dma_fence_signal_locked(&f->base);
	removed = dma_fence_remove_callback_locked(&f->base, &claimed.base);
	KUNIT_EXPECT_TRUE(test, removed || IS_ENABLED(CONFIG_PREEMPT_RT));
	KUNIT_EXPECT_FALSE(test,
			   dma_fence_remove_callback_locked(&f->base,
							    &claimed.base));
	dma_fence_unlock_irqrestore(&f->base, flags);

	dma_fence_flush_callbacks(&f->base);
	KUNIT_EXPECT_EQ(test, dft_runs(&early), 0);
	KUNIT_EXPECT_EQ(test, dft_runs(&claimed), !removed);
	KUNIT_EXPECT_EQ(test, dft_runs(&last), 1);
	dma_fence_lock_irqsave(&f->base, flags);
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback_locked(&f->base,
								  &last.base));
	dma_fence_unlock_irqrestore(&f->base, flags);
}

/* More than two of the windows in which interrupts stay off. */
#define ORDER_CALLBACKS	100

struct order_cb {
	struct dma_fence_cb base;
	struct order *order;
	unsigned int number;
};

struct order {
	struct order_cb cbs[ORDER_CALLBACKS];
	unsigned int ran[ORDER_CALLBACKS];
	unsigned int count;
	struct task_struct *sleeper;
	bool sleeper_is_back;
	bool slept_on;
};

static void order_note(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct order_cb *cb = container_of(base, struct order_cb, base);
	struct order *order = cb->order;
	unsigned int slot = order->count;

	if (slot < ORDER_CALLBACKS)
		order->ran[slot] = cb->number;
	dft_store(&order->count, slot + 1);
}

struct order_params {
	const char *name;
	bool locked;
};

static const struct order_params order_cases[] = {
	{ "signal", false },
	{ "signal_locked", true },
};

KUNIT_ARRAY_PARAM_DESC(order, order_cases, name);

static void callback_order(struct kunit *test)
{
	const struct order_params *p = test->param_value;
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct order *order;
	unsigned int i, expected = 0;

	/*
	 * Verify that callbacks run in the order in which they were added, also
	 * when there are many and when some in the middle were removed.
	 */

	order = kunit_kzalloc(test, sizeof(*order), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, order);

	for (i = 0; i < ORDER_CALLBACKS; i++) {
		order->cbs[i].order = order;
		order->cbs[i].number = i;
		KUNIT_ASSERT_EQ(test,
				dma_fence_add_callback(&f->base,
						       &order->cbs[i].base,
						       order_note), 0);
	}
	for (i = 0; i < ORDER_CALLBACKS; i += 7)
		KUNIT_EXPECT_TRUE(test,
				  dma_fence_remove_callback(&f->base,
							    &order->cbs[i].base));

	if (p->locked)
		dft_signal_locked(f);
	else
		dma_fence_signal(&f->base);
	dma_fence_flush_callbacks(&f->base);

	for (i = 0; i < ORDER_CALLBACKS; i++)
		if (i % 7)
			KUNIT_EXPECT_EQ(test, order->ran[expected++], i);
	KUNIT_EXPECT_EQ(test, order->count, expected);
}

struct sleeper {
	struct dma_fence *fence;
	struct order *order;
	bool any;
	long ret;
};

static int sleeper_main(void *data)
{
	struct sleeper *s = data;

	if (s->any)
		s->ret = dma_fence_wait_any_timeout(&s->fence, 1, false, 5 * HZ,
						    NULL);
	else
		s->ret = dma_fence_wait_timeout(s->fence, false, 5 * HZ);
	dft_store(&s->order->sleeper_is_back, true);

	return 0;
}

/* Runs as the first of the callbacks that were added before the sleeper came. */
static void order_look_at_sleeper(struct dma_fence *fence,
				  struct dma_fence_cb *base)
{
	struct order *order = container_of(base, struct order_cb, base)->order;
	bool asleep;

	asleep = READ_ONCE(order->sleeper->__state) & TASK_NORMAL;
	/* Once back, the thread may have gone to sleep over something else. */
	smp_rmb();
	if (asleep && !READ_ONCE(order->sleeper_is_back))
		order->slept_on = true;
	order_note(fence, base);
}

struct sleeper_params {
	const char *name;
	bool any;
	bool locked;
};

static const struct sleeper_params sleeper_cases[] = {
	{ "wait, signal", false, false },
	{ "wait, signal_locked", false, true },
	{ "wait_any, signal", true, false },
	{ "wait_any, signal_locked", true, true },
};

KUNIT_ARRAY_PARAM_DESC(sleeper, sleeper_cases, name);

static void callback_sleepers_first(struct kunit *test)
{
	const struct sleeper_params *p = test->param_value;
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct dft_thread thread;
	struct order *order;
	struct sleeper s = { .fence = &f->base, .any = p->any };

	/*
	 * Verify that whoever sleeps in a wait is woken before the first
	 * callback runs, though the callback was there first.
	 */

	order = kunit_kzalloc(test, sizeof(*order), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, order);
	s.order = order;
	order->cbs[0].order = order;
	KUNIT_ASSERT_EQ(test,
			dma_fence_add_callback(&f->base, &order->cbs[0].base,
					       order_look_at_sleeper), 0);

	dft_thread_start(test, &thread, raw_smp_processor_id(), sleeper_main,
			 &s);
	order->sleeper = thread.task;
	KUNIT_EXPECT_TRUE(test, sleep_until(!list_is_singular(&f->base.cb_list) &&
					    (READ_ONCE(thread.task->__state) &
					     TASK_UNINTERRUPTIBLE)));

	if (p->locked)
		dft_signal_locked(f);
	else
		dma_fence_signal(&f->base);
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_load(&order->count)));
	KUNIT_EXPECT_FALSE(test, order->slept_on);

	dft_thread_join(test, &thread);
	KUNIT_EXPECT_GT(test, s.ret, 0);
}

struct remover {
	struct dma_fence_cb base;
	struct remover *target;
	int answer;
	int runs;
};

#define REMOVER_SILENT	(-1)

static void remover_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct remover *r = container_of(base, struct remover, base);

	r->runs++;
	if (r->target)
		r->answer = dma_fence_remove_callback(fence, &r->target->base);
}

static void callback_remove_in_callback(struct kunit *test)
{
	const struct order_params *p = test->param_value;
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct remover first = { .answer = REMOVER_SILENT };
	struct remover self = { .target = &self, .answer = REMOVER_SILENT };
	struct remover back = { .target = &first, .answer = REMOVER_SILENT };
	struct remover ahead = { .answer = REMOVER_SILENT };
	struct remover victim = { .answer = REMOVER_SILENT };
	struct remover twice = { .target = &victim, .answer = REMOVER_SILENT };
	struct remover *order[] = { &first, &self, &back, &ahead, &victim,
				    &twice };
	unsigned int i;

	/*
	 * Verify what a callback hears that removes, without ever waiting:
	 * itself (false), one that has run (false), one that has not (true, and
	 * it does not run), and one that somebody else has removed (false).
	 */

	ahead.target = &victim;
	for (i = 0; i < ARRAY_SIZE(order); i++)
		KUNIT_ASSERT_EQ(test,
				dma_fence_add_callback(&f->base,
						       &order[i]->base,
						       remover_func), 0);
	if (p->locked)
		dft_signal_locked(f);
	else
		dma_fence_signal(&f->base);
	dma_fence_flush_callbacks(&f->base);

	KUNIT_EXPECT_EQ(test, first.runs, 1);
	KUNIT_EXPECT_EQ(test, self.runs, 1);
	KUNIT_EXPECT_EQ(test, self.answer, false);
	KUNIT_EXPECT_EQ(test, back.answer, false);
	KUNIT_EXPECT_EQ(test, ahead.answer, true);
	KUNIT_EXPECT_EQ(test, victim.runs, 0);
	KUNIT_EXPECT_EQ(test, twice.answer, false);
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(&f->base,
							   &victim.base));
}

#define RANGE_CALLBACKS	80

struct range_remover {
	struct dma_fence_cb base;
	struct dft_cb victims[RANGE_CALLBACKS];
	unsigned int removed;
};

static void range_remover_func(struct dma_fence *fence,
			       struct dma_fence_cb *base)
{
	struct range_remover *r = container_of(base, struct range_remover,
					       base);
	unsigned int i;

	/* Backwards: the core must not keep a pointer to the next one. */
	for (i = RANGE_CALLBACKS; i--; )
		r->removed += dma_fence_remove_callback(fence,
							&r->victims[i].base);
	dft_poison(r->victims, sizeof(r->victims));
}

static void callback_remove_all_others(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct range_remover *r;
	struct dft_cb last = {};
	unsigned int i;

	/*
	 * Verify that a callback may remove all that come after it and reuse
	 * their memory at once, and that delivery finds its way to the end.
	 */

	r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &r->base,
						     range_remover_func), 0);
	for (i = 0; i < RANGE_CALLBACKS; i++)
		KUNIT_ASSERT_EQ(test,
				dma_fence_add_callback(&f->base,
						       &r->victims[i].base,
						       dft_count), 0);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &last.base,
						     dft_count), 0);
	dma_fence_signal(&f->base);
	dft_await_thread(&f->base);

	KUNIT_EXPECT_EQ(test, r->removed, RANGE_CALLBACKS);
	KUNIT_EXPECT_TRUE(test, dft_poisoned(r->victims, sizeof(r->victims)));
	KUNIT_EXPECT_EQ(test, dft_runs(&last), 1);
}

struct heap_cb {
	struct dma_fence_cb base;
	atomic_t *freed;
};

static void free_self(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct heap_cb *cb = container_of(base, struct heap_cb, base);
	atomic_t *freed = cb->freed;

	dft_poison(cb, sizeof(*cb));
	kfree(cb);
	atomic_inc(freed);
}

static void callback_frees_itself(struct kunit *test)
{
	const struct order_params *p = test->param_value;
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	atomic_t freed = ATOMIC_INIT(0);
	unsigned int i;

	/*
	 * Verify that a callback may free the memory it lives in, wherever it
	 * stands in the list. KASAN reports a core that comes back to it, and
	 * without KASAN the poison leads a walk over the list astray.
	 */

	for (i = 0; i < ORDER_CALLBACKS; i++) {
		struct heap_cb *cb = kzalloc_obj(*cb);

		KUNIT_ASSERT_NOT_NULL(test, cb);
		cb->freed = &freed;
		if (dma_fence_add_callback(&f->base, &cb->base, free_self))
			kfree(cb);
	}
	if (p->locked)
		dft_signal_locked(f);
	else
		dma_fence_signal(&f->base);
	dma_fence_flush_callbacks(&f->base);

	KUNIT_EXPECT_EQ(test, atomic_read(&freed), ORDER_CALLBACKS);
}

static void poison_self(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	dft_poison(cb, sizeof(*cb));
}

static void callback_memory_is_left_alone(struct kunit *test)
{
	const struct order_params *p = test->param_value;
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct dma_fence_cb *cbs;
	unsigned int i;

	/*
	 * Verify that the core does not write to a callback after the function
	 * was entered, in no position and at no later time.
	 */

	cbs = kunit_kcalloc(test, ORDER_CALLBACKS, sizeof(*cbs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cbs);
	for (i = 0; i < ORDER_CALLBACKS; i++)
		KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &cbs[i],
							     poison_self), 0);
	if (p->locked)
		dft_signal_locked(f);
	else
		dma_fence_signal(&f->base);
	dma_fence_flush_callbacks(&f->base);

	KUNIT_EXPECT_TRUE(test, dft_poisoned(cbs,
					     ORDER_CALLBACKS * sizeof(*cbs)));
}

struct work_cb {
	union {
		struct dma_fence_cb base;
		struct work_struct work;
	};
	struct completion *done;
};

static void work_frees(struct work_struct *work)
{
	struct work_cb *cb = container_of(work, struct work_cb, work);
	struct completion *done = cb->done;

	dft_poison(cb, sizeof(*cb));
	kfree(cb);
	complete(done);
}

static void become_work(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct work_cb *cb = container_of(base, struct work_cb, base);

	INIT_WORK(&cb->work, work_frees);
	schedule_work(&cb->work);
}

static void callback_becomes_work(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	DECLARE_COMPLETION_ONSTACK(done);
	struct work_cb *cb;

	/*
	 * Verify that a callback may turn its own memory into a work item that
	 * frees it, as the scheduler and xe do.
	 */

	cb = kzalloc_obj(*cb);
	KUNIT_ASSERT_NOT_NULL(test, cb);
	cb->done = &done;
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &cb->base,
						     become_work), 0);
	dma_fence_signal(&f->base);
	KUNIT_EXPECT_TRUE(test, wait_for_completion_timeout(&done, 5 * HZ));
}

struct rearm_cb {
	struct dma_fence_cb base;
	struct dft_fence **fences;
	unsigned int next;
	unsigned int count;
	unsigned int runs;
	int same;
};

static void rearm(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct rearm_cb *cb = container_of(base, struct rearm_cb, base);

	cb->runs++;
	cb->same = dma_fence_add_callback(fence, base, rearm);
	if (cb->next < cb->count) {
		struct dft_fence *f = cb->fences[cb->next++];

		if (dma_fence_add_callback(&f->base, base, rearm))
			cb->runs = U32_MAX;
	}
}

static void callback_rearms_itself(struct kunit *test)
{
	const struct order_params *p = test->param_value;
	struct dft_fence *fences[4];
	struct rearm_cb cb = {
		.fences = fences,
		.next = 1,
		.count = ARRAY_SIZE(fences),
	};
	struct dft_cb after = {};
	unsigned int i;

	/*
	 * Verify that a callback may add itself to the next fence, not to the
	 * one that it is running for, and that it then belongs to the next one.
	 */

	for (i = 0; i < ARRAY_SIZE(fences); i++)
		fences[i] = dft_fence_new(test, &dft_names_ops,
					  DFT_INLINE_LOCK);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&fences[0]->base, &cb.base,
						     rearm), 0);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&fences[0]->base,
						     &after.base, dft_count),
			0);
	for (i = 0; i < ARRAY_SIZE(fences) - 1; i++) {
		if (p->locked)
			dft_signal_locked(fences[i]);
		else
			dma_fence_signal(&fences[i]->base);
		dma_fence_flush_callbacks(&fences[i]->base);
		KUNIT_EXPECT_EQ(test, cb.runs, i + 1);
		KUNIT_EXPECT_EQ(test, cb.same, -ENOENT);
		KUNIT_EXPECT_TRUE(test, dft_has_callbacks(&fences[i + 1]->base));
	}
	KUNIT_EXPECT_EQ(test, dft_runs(&after), 1);
	KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback(&fences[i]->base,
							  &cb.base));
	dma_fence_signal(&fences[i]->base);
	KUNIT_EXPECT_EQ(test, cb.runs, ARRAY_SIZE(fences) - 1);
}

struct payload_cb {
	struct dma_fence_cb base;
	int *written_by_signaller;
	int seen;
	int error;
	bool signalled;
	bool stamped;
	ktime_t timestamp;
};

static void payload_look(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct payload_cb *cb = container_of(base, struct payload_cb, base);

	cb->seen = READ_ONCE(*cb->written_by_signaller);
	cb->error = fence->error;
	cb->signalled = dma_fence_is_signaled(fence);
	cb->stamped = test_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT, &fence->flags);
	cb->timestamp = dft_stamp_of(fence);
}

static void callback_sees_the_signal(struct kunit *test)
{
	const struct order_params *p = test->param_value;
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct payload_cb cb = {};
	unsigned long flags;
	int payload = 1;

	/*
	 * Verify that a callback finds its fence signalled, stamped and with
	 * its error, and everything its signaller wrote before.
	 */

	cb.written_by_signaller = &payload;
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &cb.base,
						     payload_look), 0);
	payload = 2;
	dma_fence_set_error(&f->base, -EIO);
	if (p->locked) {
		dma_fence_lock_irqsave(&f->base, flags);
		dma_fence_signal_timestamp_locked(&f->base, ns_to_ktime(77));
		dma_fence_unlock_irqrestore(&f->base, flags);
	} else {
		dma_fence_signal_timestamp(&f->base, ns_to_ktime(77));
	}
	dma_fence_flush_callbacks(&f->base);

	KUNIT_EXPECT_EQ(test, cb.seen, 2);
	KUNIT_EXPECT_EQ(test, cb.error, -EIO);
	KUNIT_EXPECT_TRUE(test, cb.signalled);
	KUNIT_EXPECT_TRUE(test, cb.stamped);
	KUNIT_EXPECT_EQ(test, cb.timestamp, ns_to_ktime(77));
}

static void callback_flush(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_EXTERN_LOCK);
	struct dft_cb *cbs;
	unsigned int i, ran = 0;

	/*
	 * Verify that after a flush of a signalled fence no callback is owed,
	 * so that all may be reused, and that flushing again is harmless.
	 */

	cbs = kunit_kcalloc(test, ORDER_CALLBACKS, sizeof(*cbs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cbs);
	for (i = 0; i < ORDER_CALLBACKS; i++)
		KUNIT_ASSERT_EQ(test,
				dma_fence_add_callback(&f->base, &cbs[i].base,
						       dft_count), 0);
	dft_signal_locked(f);
	dma_fence_flush_callbacks(&f->base);
	for (i = 0; i < ORDER_CALLBACKS; i++)
		ran += dft_runs(&cbs[i]);
	KUNIT_EXPECT_EQ(test, ran, ORDER_CALLBACKS);
	dft_poison(cbs, ORDER_CALLBACKS * sizeof(*cbs));
	dma_fence_flush_callbacks(&f->base);
	usleep_range(1000, 2000);
	KUNIT_EXPECT_TRUE(test, dft_poisoned(cbs,
					     ORDER_CALLBACKS * sizeof(*cbs)));
}

static struct kunit_case callback_cases[] = {
	KUNIT_CASE(callback_add_signalled),
	KUNIT_CASE(callback_remove),
	KUNIT_CASE(callback_remove_add),
	KUNIT_CASE(callback_remove_locked),
	KUNIT_CASE_PARAM(callback_order, order_gen_params),
	KUNIT_CASE_PARAM(callback_sleepers_first, sleeper_gen_params),
	KUNIT_CASE_PARAM(callback_remove_in_callback, order_gen_params),
	KUNIT_CASE(callback_remove_all_others),
	KUNIT_CASE_PARAM(callback_frees_itself, order_gen_params),
	KUNIT_CASE_PARAM(callback_memory_is_left_alone, order_gen_params),
	KUNIT_CASE(callback_becomes_work),
	KUNIT_CASE_PARAM(callback_rearms_itself, order_gen_params),
	KUNIT_CASE_PARAM(callback_sees_the_signal, order_gen_params),
	KUNIT_CASE(callback_flush),
	{}
};

static struct kunit_suite callback_suite = {
	.name = "dma_fence_callback",
	.init = dft_pin,
	.test_cases = callback_cases,
};

kunit_test_suite(callback_suite);
