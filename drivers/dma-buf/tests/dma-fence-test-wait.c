// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waits: how they end, what they return, and what they leave behind.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "dma-fence-test.h"

#define WAIT_MANY	64

/* Long enough never to end by itself while a test passes. */
#define WAIT_LONG	(5 * HZ)

struct waiter {
	struct dft_thread thread;
	struct dma_fence *fences[WAIT_MANY];
	unsigned int count;
	bool any;
	bool intr;
	bool takes_signals;
	signed long timeout;
	signed long ret;
	u32 idx;
};

static int waiter_main(void *data)
{
	struct waiter *w = data;

	if (w->takes_signals)
		allow_signal(SIGINT);
	if (w->any)
		w->ret = dma_fence_wait_any_timeout(w->fences, w->count,
						    w->intr, w->timeout,
						    &w->idx);
	else
		w->ret = dma_fence_wait_timeout(w->fences[0], w->intr,
						w->timeout);
	flush_signals(current);

	return 0;
}

static struct waiter *waiter_new(struct kunit *test, unsigned int count,
				 bool any, bool intr)
{
	struct waiter *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, w);
	w->count = count;
	w->any = any;
	w->intr = intr;
	w->timeout = WAIT_LONG;
	w->idx = U32_MAX;
	for (i = 0; i < count; i++)
		w->fences[i] = &dft_fence_new(test, &dft_names_ops,
					      DFT_INLINE_LOCK)->base;

	return w;
}

/* Returns when the thread sleeps in its wait and listens to every fence. */
static void waiter_start(struct kunit *test, struct waiter *w)
{
	dft_thread_start(test, &w->thread, raw_smp_processor_id(), waiter_main,
			 w);
	KUNIT_EXPECT_TRUE(test,
			  sleep_until(dft_has_callbacks(w->fences[w->count - 1]) &&
				      (READ_ONCE(w->thread.task->__state) &
				       TASK_NORMAL)));
}

static void waiter_expect_nothing_left(struct kunit *test, struct waiter *w)
{
	unsigned int i;

	for (i = 0; i < w->count; i++)
		KUNIT_EXPECT_FALSE(test, dft_has_callbacks(w->fences[i]));
}

struct wait_params {
	const char *name;
	bool any;
	bool intr;
	unsigned int count;
};

static const struct wait_params wait_cases[] = {
	{ "wait", false, false, 1 },
	{ "wait, interruptible", false, true, 1 },
	{ "wait_any of 1", true, false, 1 },
	{ "wait_any of 1, interruptible", true, true, 1 },
	{ "wait_any of 64", true, false, WAIT_MANY },
	{ "wait_any of 64, interruptible", true, true, WAIT_MANY },
};

KUNIT_ARRAY_PARAM_DESC(wait, wait_cases, name);

static signed long wait_here(struct waiter *w, signed long timeout)
{
	w->timeout = timeout;
	waiter_main(w);

	return w->ret;
}

static void wait_signalled(struct kunit *test)
{
	const struct wait_params *p = test->param_value;
	struct waiter *w = waiter_new(test, p->count, p->any, p->intr);

	/*
	 * Verify that a wait for a fence that is signalled returns at once with
	 * the whole timeout, or 1 if that is zero, and names the fence.
	 */

	dma_fence_signal(w->fences[p->count - 1]);
	KUNIT_EXPECT_EQ(test, wait_here(w, WAIT_LONG), WAIT_LONG);
	KUNIT_EXPECT_EQ(test, wait_here(w, 1), 1);
	KUNIT_EXPECT_EQ(test, wait_here(w, 0), 1);
	KUNIT_EXPECT_EQ(test, wait_here(w, MAX_SCHEDULE_TIMEOUT),
			MAX_SCHEDULE_TIMEOUT);
	if (p->any)
		KUNIT_EXPECT_EQ(test, w->idx, p->count - 1);
	else
		KUNIT_EXPECT_EQ(test, dma_fence_wait(w->fences[0], p->intr), 0);
	waiter_expect_nothing_left(test, w);
}

static void wait_zero(struct kunit *test)
{
	const struct wait_params *p = test->param_value;
	struct waiter *w = waiter_new(test, p->count, p->any, p->intr);

	/*
	 * Verify that a timeout of zero asks and does not sleep.
	 */

	KUNIT_EXPECT_EQ(test, wait_here(w, 0), 0);
	waiter_expect_nothing_left(test, w);
}

static void wait_timed_out(struct kunit *test)
{
	const struct wait_params *p = test->param_value;
	struct waiter *w = waiter_new(test, p->count, p->any, p->intr);
	unsigned long begin = jiffies;
	unsigned int i;

	/*
	 * Verify that a wait for fences that stay pending takes its time, then
	 * says so, and takes its callbacks along.
	 */

	KUNIT_EXPECT_EQ(test, wait_here(w, 3), 0);
	KUNIT_EXPECT_GE(test, jiffies - begin, 3);
	waiter_expect_nothing_left(test, w);
	for (i = 0; i < p->count; i++)
		KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(w->fences[i]));
}

static void wait_ends(struct kunit *test)
{
	const struct wait_params *p = test->param_value;
	unsigned int which;

	/*
	 * Verify that a sleeper is woken by the signal of any of its fences, is
	 * told which one it was and how much time was left, and does not stay
	 * on the others.
	 */

	for (which = 0; which < p->count; which += 21) {
		struct waiter *w = waiter_new(test, p->count, p->any, p->intr);

		waiter_start(test, w);
		dma_fence_signal(w->fences[which]);
		dft_thread_join(test, &w->thread);
		KUNIT_EXPECT_GT(test, w->ret, 2 * HZ);
		KUNIT_EXPECT_LE(test, w->ret, WAIT_LONG);
		if (p->any)
			KUNIT_EXPECT_EQ(test, w->idx, which);
		waiter_expect_nothing_left(test, w);
	}
}

static void wait_ends_locked(struct kunit *test)
{
	const struct wait_params *p = test->param_value;
	struct waiter *w = waiter_new(test, p->count, p->any, p->intr);

	/*
	 * Verify the same for the last fence and a signaller with the lock.
	 */

	waiter_start(test, w);
	dft_signal_locked(to_dft_fence(w->fences[p->count - 1]));
	dft_thread_join(test, &w->thread);
	KUNIT_EXPECT_GT(test, w->ret, 2 * HZ);
	if (p->any)
		KUNIT_EXPECT_EQ(test, w->idx, p->count - 1);
	waiter_expect_nothing_left(test, w);
}

static void wait_interrupted(struct kunit *test)
{
	const struct wait_params *p = test->param_value;
	struct waiter *w = waiter_new(test, p->count, p->any, p->intr);

	/*
	 * Verify that a signal to the task ends an interruptible wait and no
	 * other, and that nothing is left on the fences.
	 */

	w->takes_signals = true;
	waiter_start(test, w);
	send_sig(SIGINT, w->thread.task, 1);
	if (!p->intr) {
		KUNIT_EXPECT_FALSE(test,
				   wait_for_completion_timeout(&w->thread.finished,
							       HZ / 10));
		dma_fence_signal(w->fences[p->count - 1]);
	}
	dft_thread_join(test, &w->thread);
	if (p->intr)
		KUNIT_EXPECT_EQ(test, w->ret, -ERESTARTSYS);
	else
		KUNIT_EXPECT_GT(test, w->ret, 0);
	waiter_expect_nothing_left(test, w);
}

struct pending_signal {
	struct dma_fence *pending;
	struct dma_fence *signalled;
	signed long sleeps;
	signed long passes;
	signed long any;
};

static int pending_signal_main(void *data)
{
	struct pending_signal *p = data;

	allow_signal(SIGINT);
	send_sig(SIGINT, current, 1);
	p->sleeps = dma_fence_wait_timeout(p->pending, true, WAIT_LONG);
	p->passes = dma_fence_wait_timeout(p->signalled, true, WAIT_LONG);
	p->any = dma_fence_wait_any_timeout(&p->pending, 1, true, WAIT_LONG,
					    NULL);
	flush_signals(current);

	return 0;
}

static void wait_with_pending_signal(struct kunit *test)
{
	struct dft_fence *pending = dft_fence_new(test, &dft_names_ops,
						  DFT_INLINE_LOCK);
	struct dft_fence *signalled = dft_fence_new(test, &dft_names_ops,
						    DFT_INLINE_LOCK);
	struct pending_signal p = {
		.pending = &pending->base,
		.signalled = &signalled->base,
	};
	struct dft_thread thread;

	/*
	 * Verify that a task that was interrupted before it waits does not go
	 * to sleep, but does hear that a fence is signalled.
	 */

	dma_fence_signal(&signalled->base);
	dft_thread_start(test, &thread, raw_smp_processor_id(),
			 pending_signal_main, &p);
	dft_thread_join(test, &thread);
	KUNIT_EXPECT_EQ(test, p.sleeps, -ERESTARTSYS);
	KUNIT_EXPECT_EQ(test, p.passes, WAIT_LONG);
	KUNIT_EXPECT_EQ(test, p.any, -ERESTARTSYS);
	KUNIT_EXPECT_FALSE(test, dft_has_callbacks(&pending->base));
}

static void wait_many(struct kunit *test)
{
	struct waiter *w[8];
	struct dma_fence *fence;
	unsigned int i;

	/*
	 * Verify that all who sleep on one fence are woken by it.
	 */

	w[0] = waiter_new(test, 1, false, false);
	fence = w[0]->fences[0];
	for (i = 1; i < ARRAY_SIZE(w); i++) {
		w[i] = waiter_new(test, 1, i & 1, i & 2);
		w[i]->fences[0] = fence;
	}
	for (i = 0; i < ARRAY_SIZE(w); i++)
		waiter_start(test, w[i]);
	dma_fence_signal(fence);
	for (i = 0; i < ARRAY_SIZE(w); i++) {
		dft_thread_join(test, &w[i]->thread);
		KUNIT_EXPECT_GT(test, w[i]->ret, 2 * HZ);
	}
}

static void wait_any_first(struct kunit *test)
{
	struct waiter *w = waiter_new(test, WAIT_MANY, true, false);

	/*
	 * Verify that of several signalled fences the first in the array is
	 * named, that nobody has to want to know, and that the fences after it
	 * are not disturbed.
	 */

	dma_fence_signal(w->fences[40]);
	dma_fence_signal(w->fences[5]);
	KUNIT_EXPECT_EQ(test, wait_here(w, WAIT_LONG), WAIT_LONG);
	KUNIT_EXPECT_EQ(test, w->idx, 5);
	w->idx = WAIT_MANY;
	KUNIT_EXPECT_EQ(test, wait_here(w, 0), 1);
	KUNIT_EXPECT_EQ(test, w->idx, 5);
	KUNIT_EXPECT_EQ(test,
			dma_fence_wait_any_timeout(w->fences, WAIT_MANY, false,
						   WAIT_LONG, NULL), WAIT_LONG);
	KUNIT_EXPECT_EQ(test,
			dma_fence_wait_any_timeout(w->fences, WAIT_MANY, false,
						   0, NULL), 1);
	waiter_expect_nothing_left(test, w);
}

static void wait_enables(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_fence *g = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_fence *h = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dma_fence *any[2] = { &f->base, &g->base };

	/*
	 * Verify that a wait asks the driver for the signal, that a driver
	 * which cannot give it ends the wait, and that the default wait, which
	 * drivers call inside their own, asks nobody.
	 */

	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(&f->base, false, 1), 0);
	KUNIT_EXPECT_EQ(test, f->enabled, 1);

	g->enable_result = false;
	KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(any, 2, false,
							 WAIT_LONG, NULL),
			WAIT_LONG);
	KUNIT_EXPECT_EQ(test, f->enabled, 1);
	KUNIT_EXPECT_EQ(test, g->enabled, 1);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&g->base));
	KUNIT_EXPECT_FALSE(test, dft_has_callbacks(&f->base));

	KUNIT_EXPECT_EQ(test, dma_fence_default_wait(&h->base, false, 1), 0);
	KUNIT_EXPECT_EQ(test, h->enabled, 0);
	KUNIT_EXPECT_EQ(test, dma_fence_default_wait(&h->base, false, 0), 0);
	dma_fence_signal(&h->base);
	KUNIT_EXPECT_EQ(test, dma_fence_default_wait(&h->base, false, 0), 1);
	KUNIT_EXPECT_EQ(test, dma_fence_default_wait(&h->base, true, 7), 7);
}

static void wait_op(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_wait_ops,
					    DFT_INLINE_LOCK);

	/*
	 * Verify that a driver's own wait is used for a pending fence, and that
	 * its answer is passed on. For a signalled one it may be used.
	 */

	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(&f->base, false, 1),
			DFT_WAIT_RESULT);
	KUNIT_EXPECT_EQ(test, f->waited, 1);
	dma_fence_signal(&f->base);
	KUNIT_EXPECT_GT(test, dma_fence_wait_timeout(&f->base, false, 1), 0);
}

static void wait_misuse(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_INLINE_LOCK);
	struct dma_fence *fence = &f->base;

	/*
	 * Verify that impossible arguments are reported and refused.
	 */

	kunit_warning_suppress(test) {
		KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, false, -1),
				-EINVAL);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
		KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(NULL, 1, false,
								 1, NULL),
				-EINVAL);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 2);
		KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(&fence, 0,
								 false, 1,
								 NULL),
				-EINVAL);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 3);
		KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(&fence, 1,
								 false, -1,
								 NULL),
				-EINVAL);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 4);
	}
	KUNIT_EXPECT_FALSE(test, dft_has_callbacks(fence));
}

static struct kunit_case wait_test_cases[] = {
	KUNIT_CASE_PARAM(wait_signalled, wait_gen_params),
	KUNIT_CASE_PARAM(wait_zero, wait_gen_params),
	KUNIT_CASE_PARAM(wait_timed_out, wait_gen_params),
	KUNIT_CASE_PARAM(wait_ends, wait_gen_params),
	KUNIT_CASE_PARAM(wait_ends_locked, wait_gen_params),
	KUNIT_CASE_PARAM(wait_interrupted, wait_gen_params),
	KUNIT_CASE(wait_with_pending_signal),
	KUNIT_CASE(wait_many),
	KUNIT_CASE(wait_any_first),
	KUNIT_CASE(wait_enables),
	KUNIT_CASE(wait_op),
	KUNIT_CASE(wait_misuse),
	{}
};

static struct kunit_suite wait_suite = {
	.name = "dma_fence_wait",
	.init = dft_pin,
	.test_cases = wait_test_cases,
};

kunit_test_suite(wait_suite);
