// SPDX-License-Identifier: GPL-2.0-only
/*
 * Proxies: how they end, what they pass on, and what they refuse.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/dma-fence-unwrap.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/jiffies.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sync_file.h>

#include "dma-fence-test-nest.h"

#define DEPTH	10000

/* For proxies whose time shall not be over, however slow the machine. */
#define LONG	DMA_FENCE_PROXY_TIMEOUT_MAX

/* The errors of the targets. */
#define FIRST_ERROR	-EPROTO
#define SECOND_ERROR	-EILSEQ

static struct dma_fence_proxy *to_proxy(struct dma_fence *fence)
{
	return container_of(fence, struct dma_fence_proxy, base);
}

/**
 * struct end_cb - a callback that notes how a fence has ended
 * @base: the callback
 * @runs: how often it was called
 * @error: the error at that time
 * @timestamp: the time
 * @put: a reference to be dropped, or NULL
 */
struct end_cb {
	struct dma_fence_cb base;
	atomic_t runs;
	int error;
	ktime_t timestamp;
	struct dma_fence *put;
};

static void note_end(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct end_cb *end = container_of(cb, struct end_cb, base);

	end->error = fence->error;
	end->timestamp = dft_stamp_of(fence);
	dma_fence_put(end->put);
	atomic_inc(&end->runs);
}

static void expect_end(struct kunit *test, struct end_cb *end, int error)
{
	KUNIT_EXPECT_EQ(test, atomic_read(&end->runs), 1);
	KUNIT_EXPECT_EQ(test, end->error, error);
}

static void proxy_is_a_fence(struct kunit *test)
{
	struct dma_fence *target, *proxy = dft_proxy(test, LONG);
	char text[128] = "";
	struct seq_file seq = { .buf = text, .size = sizeof(text) };

	/* Verify what a proxy looks like from outside before it has a target. */

	target = &dft_fence_new(test, &dft_names_ops, DFT_INLINE_LOCK)->base;
	KUNIT_EXPECT_TRUE(test, dma_fence_is_proxy(proxy));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_container(proxy));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_array(proxy));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_chain(proxy));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_proxy(target));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(proxy), 0);
	KUNIT_EXPECT_EQ(test, proxy->seqno, 'p');
	KUNIT_EXPECT_TRUE(test, test_bit(DMA_FENCE_FLAG_SEQNO64_BIT, &proxy->flags));

	dma_fence_describe(proxy, &seq);
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, "unbound dma_fence_proxy unsignalled"));
	dma_fence_put(proxy);
}

static void proxy_misuse(struct kunit *test)
{
	struct dma_fence *plain, *proxy = dft_proxy(test, LONG);

	/* Verify that each misuse, which is reported once, is answered without harm. */

	plain = &dft_fence_new(test, &dft_names_ops, DFT_INLINE_LOCK)->base;
	kunit_warning_suppress(test) {
		KUNIT_EXPECT_NULL(test, dma_fence_proxy_create(1, 1, 0));
		KUNIT_EXPECT_NULL(test, dma_fence_proxy_create
					(1, 1, DMA_FENCE_PROXY_TIMEOUT_MAX + 1));

		KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(NULL, plain), -EINVAL);
		KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(plain, proxy), -EINVAL);
		KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, NULL), -EINVAL);

		KUNIT_EXPECT_EQ(test, dma_fence_proxy_fail(NULL, -EIO), -EINVAL);
		KUNIT_EXPECT_EQ(test, dma_fence_proxy_fail(plain, -EIO), -EINVAL);
		KUNIT_EXPECT_EQ(test, dma_fence_proxy_fail(proxy, 0), -EINVAL);
		KUNIT_EXPECT_EQ(test, dma_fence_proxy_fail(proxy, EIO), -EINVAL);
	}
	KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(plain));
	KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(proxy));
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_fail(proxy, -EIO), 0);
	dma_fence_put(proxy);
}

static void proxy_without_memory(struct kunit *test)
{
	struct dft_failure failure = { };
	unsigned int failures = 0;

	/* Verify that without memory there is no proxy. */

	dft_failure_check(test);
	while (dft_failure_next(&failure)) {
		struct dma_fence *proxy;

		dft_failure_begin(&failure);
		proxy = dma_fence_proxy_create(1, 1, HZ);
		dft_failure_end(&failure);
		failures += !proxy;
		dma_fence_put(proxy);
	}
	KUNIT_EXPECT_EQ(test, failures, 1);
}

/*
 * How a proxy ends
 */

/**
 * struct ending - one way for a proxy to end
 * @name: name of the test parameter
 * @end: the way; drops the reference on the proxy if it takes that
 * @error: what the proxy ends with
 * @again: what an attempt to attach, or to let fail, is answered with after that
 * @timeout: the time that it has, zero for long enough
 */
struct ending {
	const char *name;
	void (*end)(struct kunit *test, struct dma_fence *proxy,
		    struct dma_fence *target);
	int error;
	int again;
	unsigned long timeout;
};

static void end_by_target(struct kunit *test, struct dma_fence *proxy,
			  struct dma_fence *target)
{
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, target), 0);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(proxy));
	dma_fence_set_error(target, FIRST_ERROR);
	dma_fence_signal_timestamp(target, 77);
}

static void end_by_signalled_target(struct kunit *test, struct dma_fence *proxy,
				    struct dma_fence *target)
{
	dma_fence_set_error(target, FIRST_ERROR);
	dma_fence_signal_timestamp(target, 77);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, target), 0);
}

static void end_by_done_target(struct kunit *test, struct dma_fence *proxy,
			       struct dma_fence *target)
{
	to_dft_fence(target)->enable_result = false;
	to_dft_fence(target)->enable_error = FIRST_ERROR;
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, target), 0);
}

static void end_by_fail(struct kunit *test, struct dma_fence *proxy,
			struct dma_fence *target)
{
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_fail(proxy, -EIO), 0);
}

static void end_by_timeout(struct kunit *test, struct dma_fence *proxy,
			   struct dma_fence *target)
{
	unsigned long expires = to_proxy(proxy)->timer.expires;

	KUNIT_EXPECT_TRUE(test, sleep_until(dma_fence_is_signaled(proxy)));
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, expires));
}

static void end_by_last_put(struct kunit *test, struct dma_fence *proxy,
			    struct dma_fence *target)
{
	dma_fence_put(proxy);
}

static const struct ending endings[] = {
	{ "target", end_by_target, FIRST_ERROR, -EBUSY },
	{ "signalled target", end_by_signalled_target, FIRST_ERROR, -EBUSY },
	{ "target found done", end_by_done_target, FIRST_ERROR, -EBUSY },
	{ "fail", end_by_fail, -EIO, -ENOENT },
	{ "timeout", end_by_timeout, -ETIMEDOUT, -ENOENT, HZ / 10 },
	{ "last put", end_by_last_put, -ECANCELED },
};

KUNIT_ARRAY_PARAM_DESC(ending, endings, name);

static void proxy_end(struct kunit *test)
{
	const struct ending *e = test->param_value;
	struct dft_fence *target = dft_fence_new(test, &dft_ops, DFT_EXTERN_LOCK);
	struct dma_fence *proxy = dft_proxy(test, e->timeout ?: LONG);
	ktime_t before = ktime_get();
	struct end_cb end = { };

	/*
	 * Verify for each way to end that callbacks run once and find the error and
	 * the time, that there is no other way afterwards, that the timer is idle and
	 * that the target is kept until the proxy goes.
	 */

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(proxy, &end.base, note_end), 0);
	e->end(test, proxy, &target->base);
	KUNIT_EXPECT_TRUE(test, sleep_until(atomic_read(&end.runs)));
	expect_end(test, &end, e->error);
	if (dma_fence_test_signaled_flag(&target->base))
		KUNIT_EXPECT_EQ(test, end.timestamp,
				dma_fence_timestamp(&target->base));
	else
		KUNIT_EXPECT_GE(test, end.timestamp, before);
	if (!e->again)
		return;

	KUNIT_EXPECT_EQ(test, dma_fence_get_status(proxy), e->error);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, &target->base), e->again);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_fail(proxy, -EFAULT), e->again);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(proxy), e->error);
	KUNIT_EXPECT_FALSE(test, timer_pending(&to_proxy(proxy)->timer));
	KUNIT_EXPECT_EQ(test, kref_read(&target->base.refcount),
			e->again == -EBUSY ? 2 : 1);
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_proxy_target(proxy),
			    e->again == -EBUSY ? &target->base : proxy);
	/* The timer may hold on to it for a moment. */
	KUNIT_EXPECT_TRUE(test, sleep_until(kref_read(&proxy->refcount) == 1));
	dma_fence_put(proxy);
	KUNIT_EXPECT_EQ(test, kref_read(&target->base.refcount), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&end.runs), 1);
}

static void proxy_pending(struct kunit *test)
{
	struct dft_fence *target = dft_fence_new(test, &dft_ops, DFT_EXTERN_LOCK);
	struct dma_fence *proxy = dft_proxy(test, HZ / 5);

	/*
	 * Verify that the target puts an end to the time and is enabled, that there is
	 * no second one, and that the proxy keeps itself until the target signals.
	 */

	dma_fence_enable_sw_signaling(proxy);
	KUNIT_EXPECT_EQ(test, target->enabled, 0);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, &target->base), 0);
	KUNIT_EXPECT_EQ(test, target->enabled, 1);
	dma_fence_enable_sw_signaling(proxy);
	KUNIT_EXPECT_EQ(test, target->enabled, 1);
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_proxy_target(proxy), &target->base);

	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, &target->base), -EBUSY);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, proxy), -EBUSY);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_fail(proxy, -EIO), -EBUSY);
	KUNIT_EXPECT_EQ(test, kref_read(&target->base.refcount), 2);
	KUNIT_EXPECT_FALSE(test, timer_pending(&to_proxy(proxy)->timer));
	schedule_timeout_uninterruptible(HZ / 5);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(proxy), 0);

	dma_fence_put(proxy);
	KUNIT_EXPECT_EQ(test, kref_read(&target->base.refcount), 2);
	dma_fence_signal(&target->base);
	KUNIT_EXPECT_EQ(test, kref_read(&target->base.refcount), 1);
}

static void proxy_signalled_by_others(struct kunit *test)
{
	struct dft_fence *target = dft_fence_new(test, &dft_ops, DFT_EXTERN_LOCK);
	struct dma_fence *proxy = dft_proxy(test, LONG);

	/*
	 * Verify that a proxy which somebody else has signalled stays as it is,
	 * whatever is tried and even if its time is over.
	 */

	dma_fence_signal(proxy);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, &target->base), -ENOENT);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_fail(proxy, -EIO), -ENOENT);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(proxy), 1);
	dma_fence_put(proxy);

	proxy = dft_proxy(test, HZ / 10);
	dma_fence_signal(proxy);
	schedule_timeout_uninterruptible(HZ / 10 + 5);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(proxy), 1);
	dma_fence_put(proxy);

	proxy = dft_proxy(test, LONG);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, &target->base), 0);
	dma_fence_signal(proxy);
	dma_fence_set_error(&target->base, -EIO);
	dma_fence_signal(&target->base);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(proxy), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&proxy->refcount), 1);
	dma_fence_put(proxy);
}

static void proxy_own_error(struct kunit *test)
{
	struct dft_fence *target = dft_fence_new(test, &dft_ops, DFT_EXTERN_LOCK);
	struct dma_fence *proxy = dft_proxy(test, LONG);

	/* Verify that an error which was set by hand has precedence. */

	dma_fence_set_error(proxy, -ENODATA);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, &target->base), 0);
	dma_fence_set_error(&target->base, FIRST_ERROR);
	dma_fence_signal(&target->base);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(proxy), -ENODATA);
	dma_fence_put(proxy);
}

static void proxy_callbacks(struct kunit *test)
{
	struct dft_fence *target = dft_fence_new(test, &dft_ops, DFT_EXTERN_LOCK);
	struct dma_fence *proxy = dft_proxy(test, LONG);
	struct end_cb before = { }, after = { }, gone = { }, late = { };

	/*
	 * Verify that callbacks from before and after the attachment run within the
	 * signal of the target, and that removed ones do not.
	 */

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(proxy, &before.base, note_end), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(proxy, &gone.base, note_end), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, &target->base), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(proxy, &after.base, note_end), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback(proxy, &gone.base));
	dma_fence_signal(&target->base);
	expect_end(test, &before, 0);
	expect_end(test, &after, 0);
	KUNIT_EXPECT_EQ(test, before.timestamp, dma_fence_timestamp(&target->base));
	KUNIT_EXPECT_EQ(test, atomic_read(&gone.runs), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(proxy, &late.base, note_end),
			-ENOENT);
	dma_fence_put(proxy);
}

static void proxy_for_done_array(struct kunit *test)
{
	struct dft_fence *member = dft_fence_new(test, &dft_ops, DFT_EXTERN_LOCK);
	struct dma_fence *array = dft_array(test, &member->base, DFT_END);
	struct dma_fence *chain = dft_link(test, NULL, &member->base, 1);
	struct dma_fence *first = dft_proxy(test, LONG), *second = dft_proxy(test, LONG);

	/*
	 * Verify that attaching a container whose members have signalled, but which
	 * nobody has looked at, signals the proxy at once.
	 */

	dma_fence_set_error(&member->base, FIRST_ERROR);
	dma_fence_signal(&member->base);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(first, array), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(second, chain), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(first));
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(second));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(first), FIRST_ERROR);
	KUNIT_EXPECT_EQ(test, dma_fence_timestamp(first), dma_fence_timestamp(array));
	KUNIT_EXPECT_EQ(test, dma_fence_timestamp(second), dma_fence_timestamp(chain));
	dma_fence_put(array);
	dma_fence_put(chain);
	dma_fence_put(first);
	dma_fence_put(second);
	KUNIT_EXPECT_EQ(test, kref_read(&member->base.refcount), 1);
}

static void proxy_poll(struct kunit *test)
{
	struct dft_fence *target = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_fence *member = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dma_fence *chain = dft_link(test, NULL, &member->base, 1);
	struct dma_fence *proxy = dft_proxy(test, LONG), *outer = dft_proxy(test, LONG);
	struct dma_fence *second = dft_proxy(test, LONG);

	/*
	 * Verify that to ask a proxy is to ask its target, through other proxies, and
	 * that a container behind it is not asked.
	 */

	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(outer, proxy), 0);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(outer));
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, &target->base), 0);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(outer));
	KUNIT_EXPECT_GE(test, target->asked, 1);
	target->signaled_result = true;
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(outer));
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(proxy));
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(&target->base));

	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(second, chain), 0);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(second));
	KUNIT_EXPECT_EQ(test, member->asked, 0);
	dma_fence_signal(&member->base);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(second));
	dma_fence_put(chain);
	dma_fence_put(proxy);
	dma_fence_put(outer);
	dma_fence_put(second);
}

static void proxy_poll_locked(struct kunit *test)
{
	struct dft_fence *target = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dma_fence *proxy = dft_proxy(test, LONG);
	unsigned long flags;

	/*
	 * Verify that to ask a proxy whose lock is held leaves the target alone, and
	 * tells what is known.
	 */

	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, &target->base), 0);
	target->signaled_result = true;
	target->asked = 0;
	dma_fence_lock_irqsave(proxy, flags);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled_locked(proxy));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status_locked(proxy), 0);
	dma_fence_unlock_irqrestore(proxy, flags);
	KUNIT_EXPECT_EQ(test, target->asked, 0);

	dma_fence_signal(&target->base);
	dma_fence_lock_irqsave(proxy, flags);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled_locked(proxy));
	dma_fence_unlock_irqrestore(proxy, flags);
	dma_fence_put(proxy);
}

/*
 * Deadlines
 */

static void proxy_deadline(struct kunit *test)
{
	struct dft_fence *target = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dft_fence *none = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dma_fence *proxy = dft_proxy(test, LONG), *outer = dft_proxy(test, LONG);
	struct dma_fence *other = dft_proxy(test, LONG);

	/*
	 * Verify that the earliest of the deadlines from before reaches the target
	 * when it is attached, later ones at once, through other proxies, and that
	 * none is made up.
	 */

	dma_fence_set_deadline(outer, 300);
	dma_fence_set_deadline(outer, 200);
	dma_fence_set_deadline(outer, 400);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(outer, proxy), 0);
	dma_fence_set_deadline(proxy, 250);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, &target->base), 0);
	KUNIT_EXPECT_EQ(test, target->hinted, 1);
	KUNIT_EXPECT_EQ(test, target->hint, 200);
	dma_fence_set_deadline(outer, 100);
	KUNIT_EXPECT_EQ(test, target->hinted, 2);
	KUNIT_EXPECT_EQ(test, target->hint, 100);

	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(other, &none->base), 0);
	KUNIT_EXPECT_EQ(test, none->hinted, 0);
	dma_fence_signal(&target->base);
	dma_fence_signal(&none->base);
	dma_fence_set_deadline(outer, 50);
	KUNIT_EXPECT_EQ(test, target->hinted, 2);
	dma_fence_put(proxy);
	dma_fence_put(outer);
	dma_fence_put(other);
}

static void proxy_deadline_containers(struct kunit *test)
{
	struct dft_fence *leaf = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dma_fence *array = dft_array(test, &leaf->base, DFT_END);
	struct dma_fence *inner = dft_proxy(test, LONG), *outer = dft_proxy(test, LONG);
	struct dma_fence *chain;

	/*
	 * Verify that a deadline goes from a proxy into a container and on through a
	 * proxy in there, but not into a container behind that one, which may be the
	 * first of any number.
	 */

	chain = dft_link(test, NULL, inner, 1);
	dma_fence_set_deadline(outer, 500);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(outer, chain), 0);
	KUNIT_EXPECT_EQ(test, to_proxy(inner)->deadline, 500);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(inner, array), 0);
	KUNIT_EXPECT_EQ(test, leaf->hinted, 1);
	KUNIT_EXPECT_EQ(test, leaf->hint, 500);

	dma_fence_set_deadline(outer, 400);
	KUNIT_EXPECT_EQ(test, to_proxy(inner)->deadline, 400);
	KUNIT_EXPECT_EQ(test, leaf->hinted, 1);
	dma_fence_signal(&leaf->base);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(outer));
	dma_fence_put(array);
	dma_fence_put(inner);
	dma_fence_put(chain);
	dma_fence_put(outer);
	KUNIT_EXPECT_EQ(test, kref_read(&leaf->base.refcount), 1);
}

/*
 * Those who do not know that it is a proxy
 */

/**
 * struct later - attach a proxy while another thread waits for it
 * @proxy: the proxy
 * @target: what it comes to stand for; signals after that
 */
struct later {
	struct dma_fence *proxy;
	struct dma_fence *target;
};

static int attach_later(void *data)
{
	struct later *later = data;
	int ret;

	usleep_range(2000, 4000);
	ret = dma_fence_proxy_attach(later->proxy, later->target);
	usleep_range(2000, 4000);
	dma_fence_signal(later->target);
	return ret;
}

static bool wait_timeout(struct dma_fence *fence)
{
	return dma_fence_wait_timeout(fence, true, LONG) > 0;
}

static bool wait_forever(struct dma_fence *fence)
{
	return !dma_fence_wait(fence, false);
}

static bool wait_any(struct dma_fence *fence)
{
	struct dma_fence *never = dma_fence_proxy_create(1, 1, LONG);
	struct dma_fence *fences[] = { never, fence };
	u32 idx = 0;
	bool ret;

	ret = dma_fence_wait_any_timeout(fences, 2, false, LONG, &idx) > 0 && idx == 1;
	dma_fence_put(never);
	return ret;
}

/**
 * struct waiting - one way to wait for a fence
 * @name: name of the test parameter
 * @wait: the way; says whether the fence has signalled
 */
struct waiting {
	const char *name;
	bool (*wait)(struct dma_fence *fence);
};

static const struct waiting waitings[] = {
	{ "wait_timeout", wait_timeout },
	{ "wait", wait_forever },
	{ "wait_any", wait_any },
};

KUNIT_ARRAY_PARAM_DESC(waiting, waitings, name);

static void proxy_wait(struct kunit *test)
{
	const struct waiting *w = test->param_value;
	struct dft_fence *target = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct later later = { dft_proxy(test, LONG), &target->base };
	struct dma_fence *timeout = dft_proxy(test, 1);
	struct dft_thread thread;

	/*
	 * Verify that a sleeper wakes up when the target signals that was attached
	 * meanwhile, and when the time is over.
	 */

	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(later.proxy, false, 1), 0);
	dft_thread_start(test, &thread, dft_other_cpu(test), attach_later, &later);
	KUNIT_EXPECT_TRUE(test, w->wait(later.proxy));
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(&target->base));
	KUNIT_EXPECT_TRUE(test, w->wait(later.proxy));
	KUNIT_EXPECT_EQ(test, dft_thread_join(test, &thread), 0);
	dma_fence_put(later.proxy);

	KUNIT_EXPECT_TRUE(test, w->wait(timeout));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(timeout), -ETIMEDOUT);
	dma_fence_put(timeout);
}

static bool file_is_ready(struct sync_file *file)
{
	return vfs_poll(file->file, NULL) & EPOLLIN;
}

static void proxy_sync_file(struct kunit *test)
{
	struct dft_fence *target = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dma_fence *proxy = dft_proxy(test, LONG);
	struct sync_file *early, *late;

	/*
	 * Verify that a proxy can be exported before and after the attachment, that
	 * the file keeps it, and that polling follows the target.
	 */

	early = sync_file_create(proxy);
	KUNIT_ASSERT_NOT_NULL(test, early);
	KUNIT_EXPECT_PTR_EQ(test, early->fence, proxy);
	KUNIT_EXPECT_FALSE(test, file_is_ready(early));
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, &target->base), 0);
	late = sync_file_create(proxy);
	KUNIT_ASSERT_NOT_NULL(test, late);
	dma_fence_put(proxy);
	KUNIT_EXPECT_FALSE(test, file_is_ready(early));
	KUNIT_EXPECT_FALSE(test, file_is_ready(late));
	dma_fence_signal(&target->base);
	KUNIT_EXPECT_TRUE(test, file_is_ready(early));
	KUNIT_EXPECT_TRUE(test, file_is_ready(late));

	fput(early->file);
	fput(late->file);
	flush_delayed_fput();
	KUNIT_EXPECT_EQ(test, kref_read(&target->base.refcount), 1);
}

static void proxy_resv(struct kunit *test)
{
	struct dft_fence *target = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct later later = { dft_proxy(test, LONG), &target->base };
	struct dft_thread thread;
	struct dma_resv resv;

	/*
	 * Verify that a proxy can be in a reservation object, without a report, and
	 * is waited for there with and without a target.
	 */

	dma_resv_init(&resv);
	KUNIT_ASSERT_EQ(test, dma_resv_lock(&resv, NULL), 0);
	KUNIT_ASSERT_EQ(test, dma_resv_reserve_fences(&resv, 1), 0);
	dma_resv_add_fence(&resv, later.proxy, DMA_RESV_USAGE_WRITE);
	dma_resv_unlock(&resv);
	KUNIT_EXPECT_FALSE(test, dma_resv_test_signaled(&resv, DMA_RESV_USAGE_WRITE));
	KUNIT_EXPECT_EQ(test, dma_resv_wait_timeout(&resv, DMA_RESV_USAGE_WRITE, false,
						    1), 0);

	dft_thread_start(test, &thread, dft_other_cpu(test), attach_later, &later);
	KUNIT_EXPECT_GT(test, dma_resv_wait_timeout(&resv, DMA_RESV_USAGE_WRITE, false,
						    LONG), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(&target->base));
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(&resv, DMA_RESV_USAGE_WRITE));
	KUNIT_EXPECT_EQ(test, dft_thread_join(test, &thread), 0);
	dma_fence_put(later.proxy);
	dma_resv_fini(&resv);
	KUNIT_EXPECT_EQ(test, kref_read(&target->base.refcount), 1);
}

/*
 * Circles
 */

/**
 * struct circle - something to be attached to a proxy
 * @name: name of the test parameter
 * @make: makes it, given the proxy and a fence
 * @ret: the answer
 */
struct circle {
	const char *name;
	struct dma_fence *(*make)(struct kunit *test, struct dma_fence *proxy,
				  struct dma_fence *plain);
	int ret;
};

/* A proxy for @target, kept until the test ends. */
static struct dma_fence *behind(struct kunit *test, struct dma_fence *target)
{
	struct dma_fence *proxy = dft_keep(test, dft_proxy(test, LONG));

	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, target), 0);
	return proxy;
}

static struct dma_fence *array_with(struct kunit *test, struct dma_fence *plain,
				    struct dma_fence *fence)
{
	return dft_keep(test, dft_array(test, plain, fence, DFT_END));
}

static struct dma_fence *chain_of(struct kunit *test, struct dma_fence *first,
				  struct dma_fence *second)
{
	return dft_keep(test, dft_link(test, dma_fence_get(first), second, 1));
}

static struct dma_fence *circle_self(struct kunit *test, struct dma_fence *proxy,
				     struct dma_fence *plain)
{
	return proxy;
}

static struct dma_fence *circle_proxy(struct kunit *test, struct dma_fence *proxy,
				      struct dma_fence *plain)
{
	return behind(test, proxy);
}

static struct dma_fence *circle_proxies(struct kunit *test, struct dma_fence *proxy,
					struct dma_fence *plain)
{
	return behind(test, behind(test, proxy));
}

static struct dma_fence *circle_array(struct kunit *test, struct dma_fence *proxy,
				      struct dma_fence *plain)
{
	return array_with(test, plain, proxy);
}

static struct dma_fence *
circle_array_proxy(struct kunit *test, struct dma_fence *proxy, struct dma_fence *plain)
{
	return array_with(test, plain, behind(test, proxy));
}

static struct dma_fence *
circle_proxy_array(struct kunit *test, struct dma_fence *proxy, struct dma_fence *plain)
{
	return behind(test, array_with(test, plain, proxy));
}

static struct dma_fence *circle_chain(struct kunit *test, struct dma_fence *proxy,
				      struct dma_fence *plain)
{
	return chain_of(test, plain, proxy);
}

static struct dma_fence *
circle_chain_on(struct kunit *test, struct dma_fence *proxy, struct dma_fence *plain)
{
	return chain_of(test, proxy, plain);
}

static struct dma_fence *
circle_chain_array(struct kunit *test, struct dma_fence *proxy, struct dma_fence *plain)
{
	return chain_of(test, plain, array_with(test, plain, proxy));
}

static struct dma_fence *
circle_chain_proxy_array(struct kunit *test, struct dma_fence *proxy,
			 struct dma_fence *plain)
{
	return chain_of(test, plain,
			behind(test, array_with(test, plain, proxy)));
}

static struct dma_fence *
circle_proxy_chain(struct kunit *test, struct dma_fence *proxy, struct dma_fence *plain)
{
	return behind(test, behind(test, chain_of(test, plain, proxy)));
}

static struct dma_fence *
circle_hidden(struct kunit *test, struct dma_fence *proxy, struct dma_fence *plain)
{
	return array_with(test, plain,
			  behind(test, array_with(test, plain, proxy)));
}

static struct dma_fence *
deep_array(struct kunit *test, struct dma_fence *proxy, struct dma_fence *plain)
{
	return array_with(test, plain,
			  behind(test, array_with(test, plain, plain)));
}

static struct dma_fence *
deep_chain(struct kunit *test, struct dma_fence *proxy, struct dma_fence *plain)
{
	return chain_of(test, plain, behind(test, chain_of(test, plain, plain)));
}

static struct dma_fence *
deep_end(struct kunit *test, struct dma_fence *proxy, struct dma_fence *plain)
{
	return chain_of(test, behind(test, chain_of(test, plain, plain)), plain);
}

static struct dma_fence *
no_circle_chain(struct kunit *test, struct dma_fence *proxy, struct dma_fence *plain)
{
	return chain_of(test, plain,
			behind(test, array_with(test, plain, plain)));
}

static struct dma_fence *
no_circle_array(struct kunit *test, struct dma_fence *proxy, struct dma_fence *plain)
{
	return array_with(test, plain, dft_keep(test, dft_proxy(test, LONG)));
}

static const struct circle circles[] = {
	{ "itself", circle_self, -ELOOP },
	{ "proxy for it", circle_proxy, -ELOOP },
	{ "proxy for a proxy for it", circle_proxies, -ELOOP },
	{ "array with it", circle_array, -ELOOP },
	{ "array with a proxy for it", circle_array_proxy, -ELOOP },
	{ "proxy for an array with it", circle_proxy_array, -ELOOP },
	{ "chain with it", circle_chain, -ELOOP },
	{ "chain on it", circle_chain_on, -ELOOP },
	{ "chain with an array with it", circle_chain_array, -ELOOP },
	{ "chain with a proxy for an array with it", circle_chain_proxy_array, -ELOOP },
	{ "proxies for a chain with it", circle_proxy_chain, -ELOOP },
	{ "array with a proxy for an array with it", circle_hidden, -ELOOP },
	{ "array with a proxy for an array", deep_array, -ELOOP },
	{ "chain with a proxy for a chain", deep_chain, -ELOOP },
	{ "chain on a proxy for a chain", deep_end, -ELOOP },
	{ "chain with a proxy for an array", no_circle_chain, 0 },
	{ "array with another proxy", no_circle_array, 0 },
};

KUNIT_ARRAY_PARAM_DESC(circle, circles, name);

static void proxy_circle(struct kunit *test)
{
	const struct circle *c = test->param_value;
	struct dft_fence *plain = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dma_fence *proxy = dft_keep(test, dft_proxy(test, LONG));
	struct dma_fence *target = c->make(test, proxy, &plain->base);
	unsigned int refs = kref_read(&target->refcount);

	/*
	 * Verify that a proxy is refused to wait for itself, by whatever detour, that
	 * it is none the worse for it, and that others are not refused.
	 */

	/* Not to go on with a circle. */
	KUNIT_ASSERT_EQ(test, dma_fence_proxy_attach(proxy, target), c->ret);
	if (c->ret)
		KUNIT_EXPECT_EQ(test, kref_read(&target->refcount), refs);
	dma_fence_signal(&plain->base);
	if (!c->ret)
		return;

	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(proxy));
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_proxy_target(proxy), proxy);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, &plain->base), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(proxy));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(target));
}

/*
 * Depth
 */

enum probe_at {
	PROBE_CALLBACK,
	PROBE_DEADLINE,
	PROBE_POLL,
	PROBE_RELEASE,
	PROBES,
};

/**
 * struct probe - where the stack was when something was reached
 * @from: in who has begun
 * @at: in what was reached, by &enum probe_at
 * @cb: a callback
 */
struct probe {
	unsigned long from;
	unsigned long at[PROBES];
	struct dma_fence_cb cb;
};

/* A fence that is probed. */
struct probed {
	struct dma_fence base;
	struct probe *probe;
};

static noinline void probe_here(struct probe *probe, enum probe_at what)
{
	probe->at[what] = probe->from - (unsigned long)__builtin_frame_address(0);
}

static struct probe *probe_of(struct dma_fence *fence)
{
	return container_of(fence, struct probed, base)->probe;
}

static bool probed_signaled(struct dma_fence *fence)
{
	probe_here(probe_of(fence), PROBE_POLL);
	return false;
}

static void probed_set_deadline(struct dma_fence *fence, ktime_t deadline)
{
	probe_here(probe_of(fence), PROBE_DEADLINE);
}

static void probed_release(struct dma_fence *fence)
{
	probe_here(probe_of(fence), PROBE_RELEASE);
	dma_fence_free(fence);
}

static const char *probed_name(struct dma_fence *fence)
{
	return "probed";
}

static const struct dma_fence_ops probed_ops = {
	.get_driver_name = probed_name,
	.get_timeline_name = probed_name,
	.signaled = probed_signaled,
	.set_deadline = probed_set_deadline,
	.release = probed_release,
};

static void probe_func(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	probe_here(container_of(cb, struct probe, cb), PROBE_CALLBACK);
}

/**
 * struct nest - proxies of proxies
 * @name: name of the test parameter
 * @outside_in: the outermost is attached first
 * @dropped: the references on all proxies go before the signal
 */
struct nest {
	const char *name;
	bool outside_in;
	bool dropped;
};

static const struct nest nests[] = {
	{ "from the inside", false, false },
	{ "from the outside", true, false },
	{ "from the inside, dropped", false, true },
	{ "from the outside, dropped", true, true },
};

KUNIT_ARRAY_PARAM_DESC(nest, nests, name);

/* The outermost of @depth proxies around @target, whose reference is taken over. */
static struct dma_fence *nest_make(struct kunit *test, const struct nest *n,
				   unsigned int depth, struct dma_fence *target)
{
	struct dma_fence *outer, **fences = kvmalloc_objs(*fences, depth + 1);
	unsigned int i, at, failed = 0;

	KUNIT_ASSERT_NOT_NULL(test, fences);
	for (i = 0; i < depth; i++)
		fences[i] = dft_proxy(test, LONG);
	fences[depth] = target;

	for (i = 0; i < depth; i++) {
		at = n->outside_in ? i : depth - 1 - i;
		failed += !!dma_fence_proxy_attach(fences[at], fences[at + 1]);
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, failed, 0);
	for (i = 1; i <= depth; i++)
		dma_fence_put(fences[i]);

	outer = fences[0];
	kvfree(fences);
	return outer;
}

static void nest_run(struct kunit *test, const struct nest *n, unsigned int depth,
		     struct probe *probe)
{
	struct probed *target = kzalloc_obj(*target);
	struct dma_fence *outer;

	KUNIT_ASSERT_NOT_NULL(test, target);
	dma_fence_init(&target->base, &probed_ops, NULL, dma_fence_context_alloc(1), 1);
	target->probe = probe;
	probe->from = (unsigned long)__builtin_frame_address(0);

	outer = nest_make(test, n, depth, dma_fence_get(&target->base));
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_proxy_target(outer), &target->base);
	dma_fence_set_deadline(outer, 1000);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(outer));
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(outer, &probe->cb, probe_func), 0);
	if (n->dropped)
		dma_fence_put(outer);

	dma_fence_set_error(&target->base, FIRST_ERROR);
	dma_fence_signal(&target->base);
	KUNIT_EXPECT_NE(test, probe->at[PROBE_CALLBACK], 0);
	dma_fence_put(&target->base);
	if (!n->dropped) {
		KUNIT_EXPECT_EQ(test, dma_fence_get_status(outer), FIRST_ERROR);
		KUNIT_EXPECT_EQ(test, kref_read(&outer->refcount), 1);
		dma_fence_put(outer);
	}
}

static void proxy_depth(struct kunit *test)
{
	struct probe shallow = { }, deep = { };
	unsigned int depth, i;

	/*
	 * Verify that proxies of proxies pass on deadlines, questions, the signal and
	 * the release with the same use of the stack however many they are.
	 */

	nest_run(test, test->param_value, 5, &shallow);
	for (depth = 20; depth <= DEPTH; depth *= DEPTH / 20) {
		nest_run(test, test->param_value, depth, &deep);
		for (i = 0; i < PROBES; i++) {
			KUNIT_EXPECT_NE_MSG(test, shallow.at[i], 0, "probe %u", i);
			/* Before there is no stack left. */
			KUNIT_ASSERT_LT_MSG(test, abs_diff(shallow.at[i], deep.at[i]),
					    128, "probe %u", i);
		}
	}
}

static void proxy_depth_fail(struct kunit *test)
{
	static const struct nest n = { .outside_in = true };
	struct dma_fence *inner = dft_proxy(test, LONG);
	struct dma_fence *outer;

	/*
	 * Verify that many proxies end with the one that they stand for when there is
	 * nothing that it stands for.
	 */

	outer = nest_make(test, &n, DEPTH, dma_fence_get(inner));
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_proxy_target(outer), inner);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_fail(inner, -EIO), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(outer), -EIO);
	dma_fence_put(inner);
	dma_fence_put(outer);
}

/*
 * Lifetime
 */

static void proxy_put_in_callback(struct kunit *test)
{
	struct dft_fence *target = dft_fence_new(test, &dft_ops, DFT_EXTERN_LOCK);
	struct end_cb attached = { .put = dft_proxy(test, LONG) };
	struct end_cb late = { .put = dft_proxy(test, HZ / 10) };

	/*
	 * Verify that the last reference may go in a callback, in the delivery of the
	 * target and in the timer.
	 */

	dma_fence_add_callback(late.put, &late.base, note_end);
	dma_fence_add_callback(attached.put, &attached.base, note_end);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(attached.put, &target->base), 0);
	dma_fence_signal(&target->base);
	expect_end(test, &attached, 0);
	KUNIT_EXPECT_EQ(test, kref_read(&target->base.refcount), 1);

	KUNIT_EXPECT_TRUE(test, sleep_until(atomic_read(&late.runs)));
	expect_end(test, &late, -ETIMEDOUT);
	rcu_barrier();
}

static void proxy_put_by_target(struct kunit *test)
{
	struct dft_fence *target = dft_fence_new(test, &dft_ops, DFT_EXTERN_LOCK);
	struct dma_fence *proxy = dft_proxy(test, LONG);
	struct dma_fence *other = dft_proxy(test, LONG);
	struct end_cb before = { .put = proxy }, after = { .put = other };

	/*
	 * Verify that callbacks of the target, before and behind that of the proxy,
	 * may drop the last reference on it.
	 */

	dma_fence_add_callback(&target->base, &before.base, note_end);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(proxy, &target->base), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_proxy_attach(other, &target->base), 0);
	dma_fence_add_callback(&target->base, &after.base, note_end);
	dma_fence_signal(&target->base);
	expect_end(test, &before, 0);
	expect_end(test, &after, 0);
	KUNIT_EXPECT_EQ(test, kref_read(&target->base.refcount), 1);
	rcu_barrier();
}

static void proxy_in_dying_container(struct kunit *test)
{
	struct dma_fence *proxy = dft_proxy(test, LONG), *array;
	struct end_cb end = { };

	/*
	 * Verify that a proxy is cancelled when the last reference on it is that of a
	 * container which goes itself.
	 */

	array = dft_array(test, proxy, DFT_END);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(proxy, &end.base, note_end), 0);
	dma_fence_put(proxy);
	KUNIT_EXPECT_EQ(test, atomic_read(&end.runs), 0);
	dma_fence_put(array);
	expect_end(test, &end, -ECANCELED);
	rcu_barrier();
}

/*
 * Two CPUs
 */

enum match_side {
	LEFT,
	RIGHT,
};

struct match;

/**
 * struct race - what two CPUs do with a proxy at the same time
 * @name: name of the test parameter
 * @act: what the sides do, NULL for nothing; the result is for @check
 * @timer: they wait until the timer goes off
 * @attached: the proxy has the first target from the beginning
 * @put: both drop their reference after that, and there is no other
 */
struct race {
	const char *name;
	int (*act[2])(struct match *m);
	bool timer;
	bool attached;
	bool put;
};

/**
 * struct match - a race in progress
 * @race: which
 * @met: how often a side has come to the meeting
 * @over: no more rounds
 * @seed: a random number
 * @proxy: the proxy
 * @target: two fences that it may come to stand for
 * @end: a callback on the proxy
 * @late: another one, for who wants to add it
 * @ret: what the sides' actions have returned
 */
struct match {
	const struct race *race;
	unsigned int met[2];
	bool over;
	u32 seed;
	struct dma_fence *proxy;
	struct dft_fence *target[2];
	struct end_cb end;
	struct end_cb late;
	int ret[2];
};

static int act_attach(struct match *m)
{
	return dma_fence_proxy_attach(m->proxy, &m->target[0]->base);
}

static int act_attach_second(struct match *m)
{
	return dma_fence_proxy_attach(m->proxy, &m->target[1]->base);
}

static int act_attach_signal(struct match *m)
{
	int ret = act_attach(m);

	dma_fence_signal(&m->target[0]->base);
	return ret;
}

static int act_fail(struct match *m)
{
	return dma_fence_proxy_fail(m->proxy, -EIO);
}

static int act_signal(struct match *m)
{
	dma_fence_signal(&m->target[0]->base);
	return 0;
}

static int act_poll(struct match *m)
{
	m->target[0]->signaled_result = true;
	dma_fence_is_signaled(m->proxy);
	return 0;
}

static int act_add(struct match *m)
{
	return dma_fence_add_callback(m->proxy, &m->late.base, note_end);
}

static int act_wait(struct match *m)
{
	return dma_fence_wait_timeout(m->proxy, false, LONG) > 0 ? 0 : -ETIME;
}

static int act_deadline(struct match *m)
{
	dma_fence_set_deadline(m->proxy, 1234);
	return 0;
}

static const struct race races[] = {
	{ "attach, attach", { act_attach, act_attach_second } },
	{ "attach, fail", { act_attach, act_fail } },
	{ "attach, timeout", { NULL, act_attach }, .timer = true },
	{ "attach, last put", { act_attach, NULL }, .put = true },
	{ "attach, signal", { act_attach, act_signal } },
	{ "attach, signal, last puts", { act_attach, act_signal }, .put = true },
	{ "attach, add", { act_attach_signal, act_add } },
	{ "attach, wait", { act_wait, act_attach_signal } },
	{ "attach, poll", { act_attach, act_poll } },
	{ "attach, deadline", { act_attach, act_deadline } },
	{ "fail, fail", { act_fail, act_fail } },
	{ "fail, timeout", { NULL, act_fail }, .timer = true },
	{ "fail, last put", { act_fail, NULL }, .put = true },
	{ "fail, add", { act_fail, act_add } },
	{ "signal, last put", { act_signal, NULL }, .attached = true, .put = true },
	{ "signal, add", { act_signal, act_add }, .attached = true },
	{ "signal, poll", { act_signal, act_poll }, .attached = true },
	{ "timeout, last put", { NULL, NULL }, .timer = true, .put = true },
	{ "timeout, add", { NULL, act_add }, .timer = true },
	{ "timeout, wait", { NULL, act_wait }, .timer = true },
	{ "last put, last put", { NULL, NULL }, .put = true },
};

KUNIT_ARRAY_PARAM_DESC(race, races, name);

/* A busy host may well keep one of the CPUs for seconds: they meet a thousand times. */
static bool match_meet(struct match *m, enum match_side side)
{
	unsigned int here = m->met[side] + 1, tries = 10;
	bool met;

	dft_store(&m->met[side], here);
	do {
		met = spin_until((int)(dft_load(&m->met[!side]) - here) >= 0 ||
				 dft_load(&m->over));
	} while (!met && --tries);

	return met && !dft_load(&m->over);
}

static void match_act(struct match *m, enum match_side side)
{
	unsigned int jitter = (m->seed >> (side ? 8 : 20)) % 256;

	/* The timer, which may be on this CPU, comes together with the other side. */
	if (m->race->timer && m->race->put && side == LEFT) {
		dma_fence_put(m->proxy);
		return;
	}
	/* It is not pending any more just before it goes off. */
	if (m->race->timer) {
		spin_until(!timer_pending(&to_proxy(m->proxy)->timer));
		jitter %= 32;
	}
	while (jitter--)
		cpu_relax();
	if (m->race->act[side])
		m->ret[side] = m->race->act[side](m);
	if (m->race->put)
		dma_fence_put(m->proxy);
}

static int match_right(void *data)
{
	struct match *m = data;

	while (match_meet(m, RIGHT)) {
		match_act(m, RIGHT);
		if (!match_meet(m, RIGHT))
			break;
	}
	return 0;
}

static void match_setup(struct kunit *test, struct match *m)
{
	static const int errors[] = { FIRST_ERROR, SECOND_ERROR };
	unsigned int i;

	m->seed = m->seed * 1664525 + 1013904223;
	for (i = 0; i < 2; i++) {
		m->target[i] = dft_fence_alloc(test, &dft_ops, DFT_INLINE_LOCK);
		dma_fence_set_error(&m->target[i]->base, errors[i]);
		m->ret[i] = 0;
	}
	m->end = (struct end_cb){ };
	m->late = (struct end_cb){ };
	m->proxy = dft_proxy(test, m->race->timer ? 1 : LONG);
	while (dma_fence_add_callback(m->proxy, &m->end.base, note_end)) {
		/* Its time was over too soon. */
		dma_fence_put(m->proxy);
		m->proxy = dft_proxy(test, m->race->timer ? 2 : LONG);
	}
	if (m->race->attached)
		act_attach(m);
	if (m->race->put)
		dma_fence_get(m->proxy);
}

/* What a side's attempt to decide has come to; zero also if it has made none. */
static int match_ret(struct match *m, int (*act)(struct match *m),
		     enum match_side side)
{
	return m->race->act[side] == act ? m->ret[side] : -ENODEV;
}

/* The error that the proxy has to end with, from what the sides were told. */
static int match_error(struct match *m)
{
	unsigned int side;

	for (side = LEFT; side <= RIGHT; side++) {
		if (!match_ret(m, act_attach, side) ||
		    !match_ret(m, act_attach_signal, side))
			return FIRST_ERROR;
		if (!match_ret(m, act_attach_second, side))
			return SECOND_ERROR;
		if (!match_ret(m, act_fail, side))
			return -EIO;
	}
	if (m->race->attached)
		return FIRST_ERROR;
	/* Either, when the timer goes off at the last put. */
	if (m->race->timer && m->race->put && m->end.error == -ECANCELED)
		return -ECANCELED;
	return m->race->timer ? -ETIMEDOUT : -ECANCELED;
}

/* What who has not decided has to be told. */
static int match_refusal(struct match *m, int error)
{
	return error == FIRST_ERROR || error == SECOND_ERROR ? -EBUSY : -ENOENT;
}

static const char *match_check_side(struct match *m, enum match_side side, int error)
{
	int (*act)(struct match *m) = m->race->act[side];
	int ret = m->ret[side];

	if (act == act_add) {
		if (ret && ret != -ENOENT)
			return "a callback is not added";
		if (!sleep_until(atomic_read(&m->late.runs) == !ret))
			return "an added callback does not run";
		if (!ret && m->late.error != error)
			return "an added callback finds another error";
	} else if (act == act_attach || act == act_attach_second || act == act_fail) {
		if (ret && ret != match_refusal(m, error))
			return "refused for the wrong reason";
	} else if (ret) {
		return "a wait takes too long";
	}
	return NULL;
}

static const char *match_check(struct match *m)
{
	const char *wrong = NULL;
	int error, i;

	if (m->race->act[1] == act_deadline && m->target[0]->hint != 1234)
		wrong = "the deadline is lost";
	for (i = 0; i < 2; i++)
		dma_fence_signal(&m->target[i]->base);
	if (!sleep_until(atomic_read(&m->end.runs)))
		return "it does not end";

	error = match_error(m);
	if (m->end.error != error)
		wrong = "the error is not whose it should be";
	if (!m->ret[0] && !m->ret[1] && m->race->act[0] && m->race->act[1] &&
	    (m->race->act[1] == act_attach_second || m->race->act[1] == act_fail))
		wrong = "both were told that they have decided";
	for (i = 0; i < 2; i++)
		wrong = match_check_side(m, i, error) ?: wrong;
	if (atomic_read(&m->end.runs) != 1)
		wrong = "it ends twice";
	return wrong;
}

static const char *match_end(struct match *m)
{
	const char *wrong = match_check(m);
	unsigned int i;

	if (!m->race->put) {
		if (!dma_fence_test_signaled_flag(m->proxy))
			wrong = "the callback comes before the signal";
		dma_fence_put(m->proxy);
	}
	/* A reference of the timer, or of the other side's delivery, may be left. */
	for (i = 0; i < 2; i++) {
		if (!sleep_until(kref_read(&m->target[i]->base.refcount) == 1))
			wrong = "a reference on the target is left";
		dma_fence_put(&m->target[i]->base);
	}
	return wrong;
}

static const char *match_round(struct kunit *test, struct match *m)
{
	match_setup(test, m);
	if (!match_meet(m, LEFT))
		return "the other side does not come back";
	match_act(m, LEFT);
	if (!match_meet(m, LEFT))
		return "the other side does not come back";
	return match_end(m);
}

static void proxy_race(struct kunit *test)
{
	const struct race *race = test->param_value;
	bool slow = race->timer || race->act[0] == act_wait;
	unsigned int round, rounds = slow ? 100 : 1000;
	struct match *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	const char *wrong = NULL;
	struct dft_thread thread;

	/*
	 * Verify that a proxy ends once, with the error of who was told that it was
	 * him, whichever two things come together on two CPUs.
	 */

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->race = race;
	m->seed = 1;
	dft_thread_start(test, &thread, dft_other_cpu(test), match_right, m);
	for (round = 0; !wrong && round < rounds; round++)
		wrong = match_round(test, m);
	dft_store(&m->over, true);
	dft_thread_join(test, &thread);
	if (wrong)
		KUNIT_FAIL(test, "round %u: %s, returned %d and %d, error %d", round,
			   wrong, m->ret[0], m->ret[1], m->end.error);
	rcu_barrier();
}

/**
 * struct ring - two proxies, each of which one CPU attaches to the other
 * @proxy: the proxies
 * @met: how often a side has come to the meeting
 * @ret: what the sides were told
 */
struct ring {
	struct dma_fence *proxy[2];
	unsigned int met[2];
	int ret[2];
};

#define RING_ROUNDS	500

/* See match_meet(). */
static bool ring_meet(struct ring *r, unsigned int side)
{
	unsigned int here = r->met[side] + 1, tries = 10;
	bool met;

	dft_store(&r->met[side], here);
	do {
		met = spin_until((int)(dft_load(&r->met[!side]) - here) >= 0);
	} while (!met && --tries);

	return met;
}

static bool ring_attach(struct ring *r, unsigned int side)
{
	bool together = ring_meet(r, side);

	r->ret[side] = dma_fence_proxy_attach(r->proxy[side], r->proxy[!side]);
	return together && ring_meet(r, side);
}

static int ring_right(void *data)
{
	unsigned int i;

	for (i = 0; i < RING_ROUNDS; i++)
		if (!ring_attach(data, RIGHT))
			return -ETIME;
	return 0;
}

static void proxy_circle_race(struct kunit *test)
{
	struct dft_thread thread;
	struct ring r = { };
	unsigned int i, side, wrong = 0;

	/*
	 * Verify that two proxies which are attached to each other at the same time
	 * do not come to wait for each other: one of them is refused.
	 */

	dft_other_cpu(test);
	for (i = 0; i < RING_ROUNDS && !wrong; i++) {
		for (side = LEFT; side <= RIGHT; side++)
			r.proxy[side] = dft_proxy(test, LONG);
		if (!i)
			dft_thread_start(test, &thread, dft_other_cpu(test), ring_right,
					 &r);
		wrong += !ring_attach(&r, LEFT);

		side = r.ret[LEFT] ? RIGHT : LEFT;
		wrong += r.ret[side] != 0 || r.ret[!side] != -ELOOP;
		if (wrong)
			break;
		wrong += dma_fence_proxy_fail(r.proxy[!side], -EIO) != 0;
		wrong += dma_fence_get_status(r.proxy[side]) != -EIO;
		dma_fence_put(r.proxy[LEFT]);
		dma_fence_put(r.proxy[RIGHT]);
	}
	KUNIT_EXPECT_EQ_MSG(test, wrong, 0, "round %u, returned %d and %d", i,
			    r.ret[LEFT], r.ret[RIGHT]);
	KUNIT_EXPECT_EQ(test, dft_thread_join(test, &thread), wrong ? -ETIME : 0);
}

static struct kunit_case proxy_cases[] = {
	KUNIT_CASE(proxy_is_a_fence),
	KUNIT_CASE(proxy_misuse),
	KUNIT_CASE(proxy_without_memory),
	KUNIT_CASE_PARAM(proxy_end, ending_gen_params),
	KUNIT_CASE(proxy_pending),
	KUNIT_CASE(proxy_signalled_by_others),
	KUNIT_CASE(proxy_own_error),
	KUNIT_CASE(proxy_callbacks),
	KUNIT_CASE(proxy_for_done_array),
	KUNIT_CASE(proxy_poll),
	KUNIT_CASE(proxy_poll_locked),
	KUNIT_CASE(proxy_deadline),
	KUNIT_CASE(proxy_deadline_containers),
	KUNIT_CASE_PARAM(proxy_wait, waiting_gen_params),
	KUNIT_CASE(proxy_sync_file),
	KUNIT_CASE(proxy_resv),
	KUNIT_CASE_PARAM(proxy_circle, circle_gen_params),
	KUNIT_CASE(proxy_circle_race),
	KUNIT_CASE_PARAM(proxy_depth, nest_gen_params),
	KUNIT_CASE(proxy_depth_fail),
	KUNIT_CASE(proxy_put_in_callback),
	KUNIT_CASE(proxy_put_by_target),
	KUNIT_CASE(proxy_in_dying_container),
	KUNIT_CASE_PARAM(proxy_race, race_gen_params),
	{}
};

static struct kunit_suite proxy_suite = {
	.name = "dma_fence_proxy",
	.init = dft_pin,
	.test_cases = proxy_cases,
};

kunit_test_suite(proxy_suite);
