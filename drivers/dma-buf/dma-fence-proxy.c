// SPDX-License-Identifier: GPL-2.0-only
/*
 * Proxies: fences that stand for a fence which does not exist yet
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

/**
 * DOC: proxies
 *
 * A proxy is handed out before the fence that it stands for, its target, has been
 * made: for work that a scheduler will submit, for a point of a timeline whose job is
 * being assembled. When the target is there it is attached, and the proxy signals when
 * the target does, with its error and at its time.
 *
 * A fence must signal in reasonable time whatever user space does, or does not do.
 * That rules out fences which wait for user space to make up its mind. A proxy is none
 * of these, because the time without a target is bounded: it is given at the creation,
 * limited by %DMA_FENCE_PROXY_TIMEOUT_MAX, and when it is over the proxy signals with
 * -ETIMEDOUT. Whoever makes proxies nevertheless has the duty to attach, or to give up
 * by dma_fence_proxy_fail(), without waiting for anything that a fence may not depend
 * on: the timeout is for what should not happen. A target is a fence like any other,
 * and signals for its own reasons.
 *
 * So a proxy always completes, in one of four ways:
 *
 * * its target signals;
 * * dma_fence_proxy_fail() says that there will be none;
 * * its time is over;
 * * its last reference is dropped before there is a target: -ECANCELED.
 *
 * Nobody who has a proxy need know. It can be waited for, exported, put into a &struct
 * dma_resv. dma_fence_unwrap_for_each() looks through it once it has a target, and
 * takes it for a plain fence before.
 */

#include <linux/cleanup.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-fence-proxy.h>
#include <linux/dma-fence-unwrap.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "dma-fence-internal.h"

/*
 * Of two attachments that would make a circle the second has to see the first. Nobody
 * allocates or waits inside, so a signal may depend on it. Who looks through a chain
 * asks its members, and drops those that are done, with it held; callbacks do not take
 * it.
 */
static DEFINE_MUTEX(proxy_mutex);

static struct dma_fence_proxy *to_proxy(struct dma_fence *fence)
{
	return container_of(fence, struct dma_fence_proxy, base);
}

static const char *proxy_driver_name(struct dma_fence *fence)
{
	return "dma_fence_proxy";
}

static const char *proxy_timeline_name(struct dma_fence *fence)
{
	return "unbound";
}

/* Once there is a target it stays until the proxy is released. */
static struct dma_fence *proxy_target(struct dma_fence *fence)
{
	/* Pairs with the cmpxchg() in proxy_decide(). */
	struct dma_fence *target = smp_load_acquire(&to_proxy(fence)->target);

	return IS_ERR_OR_NULL(target) ? NULL : target;
}

/**
 * dma_fence_proxy_target - what a proxy stands for
 * @fence: a proxy, any other fence, or %NULL
 *
 * Looks through proxies of proxies.
 *
 * Context: any.
 * Return: the target, or the last proxy on the way to it that has none; @fence itself
 * if it is no proxy. Without a reference, @fence has one.
 */
struct dma_fence *dma_fence_proxy_target(struct dma_fence *fence)
{
	struct dma_fence *target;

	while (fence && dma_fence_is_proxy(fence) &&
	       (target = proxy_target(fence)))
		fence = target;
	return fence;
}
EXPORT_SYMBOL_GPL(dma_fence_proxy_target);

/*
 * The one decision in a proxy's life: this target, or, by an error pointer, none.
 * Returns false when it has been made before.
 */
static bool proxy_decide(struct dma_fence_proxy *proxy, struct dma_fence *target)
{
	/* Publishes the target. Pairs with proxy_target(). */
	if (cmpxchg(&proxy->target, NULL, target))
		return false;
	timer_delete(&proxy->timer);
	return true;
}

/* Returns false when somebody else has signalled the proxy, which then stays as it is. */
static bool proxy_complete(struct dma_fence_proxy *proxy, int error,
			   ktime_t timestamp)
{
	if (unlikely(error) && !READ_ONCE(proxy->base.error))
		dma_fence_set_error_unless_signaled(&proxy->base, error);
	return __dma_fence_signal(&proxy->base, timestamp);
}

/* There will be no target. Returns false when there is one, or that is known. */
static bool proxy_give_up(struct dma_fence_proxy *proxy, int error)
{
	return proxy_decide(proxy, ERR_PTR(error)) &&
	       proxy_complete(proxy, error, ktime_get());
}

static void proxy_run(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dma_fence_proxy *proxy =
		container_of(cb, struct dma_fence_proxy, cb);

	proxy_complete(proxy, fence->error, dma_fence_timestamp(fence));
	dma_fence_put(&proxy->base);
}

void dma_fence_proxy_func(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	if (!dma_fence_park(fence, cb, proxy_run))
		proxy_run(fence, cb);
}

/*
 * The memory of a proxy outlives its timer, see proxy_free(). A proxy that has no
 * references left has been cancelled.
 */
static void proxy_timer(struct timer_list *timer)
{
	struct dma_fence_proxy *proxy = timer_container_of(proxy, timer, timer);
	bool cookie;

	if (!dma_fence_get_rcu(&proxy->base))
		return;
	cookie = dma_fence_begin_signalling();
	proxy_give_up(proxy, -ETIMEDOUT);
	dma_fence_end_signalling(cookie);
	dma_fence_put(&proxy->base);
}

/*
 * dma_fence_proxy_cancel - the last reference has gone while there was no target
 *
 * The caller has revived the proxy.
 */
void dma_fence_proxy_cancel(struct dma_fence *fence)
{
	struct dma_fence_proxy *proxy = to_proxy(fence);

	proxy_decide(proxy, ERR_PTR(-ECANCELED));
	proxy_complete(proxy, -ECANCELED, ktime_get());
}

/*
 * To ask the target makes it signal, and the proxy with it. A container is not asked,
 * for there may be proxies in it which stand for containers, and so forth.
 */
static bool proxy_signaled(struct dma_fence *fence)
{
	struct dma_fence *target = dma_fence_proxy_target(fence);

	if (!dma_fence_is_container(target))
		dma_fence_is_signaled(target);
	return dma_fence_test_signaled_flag(fence);
}

/*
 * The timer may be running, and finds that there are no references. Waiting for it is
 * left to a context in which that is possible: a last put may happen inside it.
 */
static void proxy_free_rcu(struct rcu_head *rcu)
{
	struct dma_fence_proxy *proxy =
		container_of(rcu, struct dma_fence_proxy, base.rcu);

	timer_shutdown_sync(&proxy->timer);
	kfree(proxy);
}

/*
 * dma_fence_proxy_drop - let go of the target, and free
 */
void dma_fence_proxy_drop(struct dma_fence *fence, struct dma_fence **dead)
{
	dma_fence_drop_member(proxy_target(fence), dead);
	call_rcu(&fence->rcu, proxy_free_rcu);
}

static void proxy_note_deadline(struct dma_fence_proxy *proxy, ktime_t deadline)
{
	unsigned long flags;

	spin_lock_irqsave(&proxy->base.inline_lock, flags);
	proxy->deadline = min(proxy->deadline, deadline);
	spin_unlock_irqrestore(&proxy->base.inline_lock, flags);
}

/*
 * Who sets a deadline notes it and then looks for a target; who attaches a target sets
 * it and then looks for a deadline. The one who has the lock last finds the other.
 */
static struct dma_fence *proxy_pass_deadline(struct dma_fence *fence,
					     ktime_t deadline)
{
	struct dma_fence *target;

	while (dma_fence_is_proxy(fence)) {
		proxy_note_deadline(to_proxy(fence), deadline);
		target = proxy_target(fence);
		if (!target)
			return NULL;
		fence = target;
	}
	return fence;
}

static void proxy_set_deadline(struct dma_fence *fence, ktime_t deadline)
{
	struct dma_fence *target = proxy_pass_deadline(fence, deadline);

	if (target)
		dma_fence_set_deadline(target, deadline);
}

/*
 * dma_fence_set_member_deadline - dma_fence_set_deadline() for a container's member
 *
 * Through proxies, but not into containers behind them: it is a hint, and the stack
 * is limited.
 */
void dma_fence_set_member_deadline(struct dma_fence *fence, ktime_t deadline)
{
	if (dma_fence_is_proxy(fence)) {
		fence = proxy_pass_deadline(fence, deadline);
		if (!fence || dma_fence_is_container(fence))
			return;
	}
	dma_fence_set_deadline(fence, deadline);
}

const struct dma_fence_ops dma_fence_proxy_ops = {
	.get_driver_name = proxy_driver_name,
	.get_timeline_name = proxy_timeline_name,
	.signaled = proxy_signaled,
	.release = dma_fence_release_container,
	.set_deadline = proxy_set_deadline,
};
EXPORT_SYMBOL_GPL(dma_fence_proxy_ops);

/**
 * dma_fence_proxy_create - make a fence that will stand for another
 * @context: its timeline; of its own, unless the caller sees to it that proxies of the
 *	same one end in their order, failures and timeouts included
 * @seqno: its position there, 64 bits significant
 * @timeout: jiffies until it signals with -ETIMEDOUT if there is no target by then;
 *	at least one, at most %DMA_FENCE_PROXY_TIMEOUT_MAX
 *
 * Context: process context, may sleep.
 * Return: the proxy, with one reference; %NULL when there is no memory or, with a
 * warning, when @timeout is out of range.
 */
struct dma_fence *dma_fence_proxy_create(u64 context, u64 seqno,
					 unsigned long timeout)
{
	struct dma_fence_proxy *proxy;

	if (WARN_ON_ONCE(!timeout || timeout > DMA_FENCE_PROXY_TIMEOUT_MAX))
		return NULL;

	proxy = kzalloc_obj(*proxy);
	if (!proxy)
		return NULL;

	proxy->deadline = KTIME_MAX;
	timer_setup(&proxy->timer, proxy_timer, 0);
	dma_fence_init64(&proxy->base, &dma_fence_proxy_ops, NULL, context, seqno);
	mod_timer(&proxy->timer, jiffies + timeout);
	return &proxy->base;
}
EXPORT_SYMBOL_GPL(dma_fence_proxy_create);

/*
 * Would @proxy wait for itself? Looks at what @target is, and, if that is a container,
 * what is in it. A proxy in there that stands for a container is not looked into.
 */
static bool proxy_makes_circle(struct dma_fence *proxy, struct dma_fence *target)
{
	struct dma_fence_unwrap cursor;
	struct dma_fence *fence, *end;
	bool circle = false;

	target = dma_fence_proxy_target(target);
	dma_fence_unwrap_for_each(fence, &cursor, target) {
		end = dma_fence_proxy_target(fence);
		circle = end == proxy || dma_fence_is_array(end) ||
			 dma_fence_is_chain(end);
		if (circle) {
			dma_fence_put(cursor.chain);
			break;
		}
	}
	return circle;
}

static int proxy_set_target(struct dma_fence *proxy, struct dma_fence *target)
{
	guard(mutex)(&proxy_mutex);
	if (proxy_target(proxy))
		return -EBUSY;
	if (dma_fence_test_signaled_flag(proxy))
		return -ENOENT;
	if (proxy_makes_circle(proxy, target))
		return -ELOOP;
	return proxy_decide(to_proxy(proxy), target) ? 0 : -ENOENT;
}

static void proxy_arm(struct dma_fence_proxy *proxy, struct dma_fence *target)
{
	struct dma_fence *todo = NULL;
	bool armed;

	dma_fence_get(&proxy->base);
	dma_fence_enable_begin();
	armed = dma_fence_add_member(target, &proxy->cb, dma_fence_proxy_func, &todo);
	dma_fence_enable_containers(&todo);
	dma_fence_enable_end();
	if (!armed)
		proxy_run(target, &proxy->cb);
}

static void proxy_hand_over_deadline(struct dma_fence_proxy *proxy,
				     struct dma_fence *target)
{
	unsigned long flags;
	ktime_t deadline;

	/* After proxy_decide(), see proxy_pass_deadline(). */
	spin_lock_irqsave(&proxy->base.inline_lock, flags);
	deadline = proxy->deadline;
	spin_unlock_irqrestore(&proxy->base.inline_lock, flags);

	if (deadline != KTIME_MAX)
		dma_fence_set_deadline(target, deadline);
}

/**
 * dma_fence_proxy_attach - say what a proxy stands for
 * @fence: the proxy, on which the caller has a reference
 * @target: any fence, another proxy too; the proxy takes a reference of its own
 *
 * The proxy signals with the error and at the time of @target: before this returns, if
 * @target has signalled. Signalling of @target is enabled. Deadlines that the proxy was
 * given before reach @target now.
 *
 * A target that waits for the proxy is refused. So is a container that contains a proxy
 * which stands for a container, because nobody looks for circles any deeper.
 *
 * Context: process context, may sleep. Does not allocate, nor wait for fences, so it
 * may be called inside a signalling section. Goes through all of a chain or an array,
 * and other attachments wait meanwhile.
 * Return: 0; -ENOENT when the proxy has signalled or is about to, because its time is
 * over or it was given up; -EBUSY when it has a target; -ELOOP when it would wait for
 * itself; -EINVAL, with a warning, when @fence is no proxy or @target is missing.
 */
int dma_fence_proxy_attach(struct dma_fence *fence, struct dma_fence *target)
{
	bool cookie;
	int ret;

	if (WARN_ON_ONCE(!fence || !target || !dma_fence_is_proxy(fence)))
		return -EINVAL;

	dma_fence_get(target);
	ret = proxy_set_target(fence, target);
	if (ret) {
		dma_fence_put(target);
		return ret;
	}

	cookie = dma_fence_begin_signalling();
	proxy_arm(to_proxy(fence), target);
	dma_fence_end_signalling(cookie);
	proxy_hand_over_deadline(to_proxy(fence), target);
	return 0;
}
EXPORT_SYMBOL_GPL(dma_fence_proxy_attach);

/**
 * dma_fence_proxy_fail - say that a proxy will stand for nothing
 * @fence: the proxy, on which the caller has a reference
 * @error: negative errno, for those who wait
 *
 * Context: any, the fence lock not held.
 * Return: 0 when the proxy has signalled with @error; -ENOENT when it had signalled, or
 * is about to in another context; -EBUSY when it has a target; -EINVAL, with a warning,
 * when @fence is no proxy or @error is none.
 */
int dma_fence_proxy_fail(struct dma_fence *fence, int error)
{
	bool cookie, done;

	if (WARN_ON_ONCE(!fence || !dma_fence_is_proxy(fence) ||
			 !IS_ERR_VALUE((long)error)))
		return -EINVAL;

	cookie = dma_fence_begin_signalling();
	done = proxy_give_up(to_proxy(fence), error);
	dma_fence_end_signalling(cookie);
	if (done)
		return 0;
	return proxy_target(fence) ? -EBUSY : -ENOENT;
}
EXPORT_SYMBOL_GPL(dma_fence_proxy_fail);
