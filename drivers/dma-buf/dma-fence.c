// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fences: life, names, status, and the entry points for signalling
 *
 * Copyright (C) 2026 the dma-fence rework project
 *
 * Delivery of callbacks is in dma-fence-deliver.c, sleeping waits are in
 * dma-fence-wait.c.
 */

#include <linux/atomic.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#define CREATE_TRACE_POINTS
#include <trace/events/dma_fence.h>

#include "dma-fence-internal.h"

EXPORT_TRACEPOINT_SYMBOL(dma_fence_emit);
EXPORT_TRACEPOINT_SYMBOL(dma_fence_enable_signal);
EXPORT_TRACEPOINT_SYMBOL(dma_fence_signaled);

#if defined(CONFIG_64BIT) && !defined(CONFIG_PREEMPT_RT) && \
	!defined(CONFIG_DEBUG_SPINLOCK) && !defined(CONFIG_DEBUG_LOCK_ALLOC) && \
	!defined(CONFIG_DMA_FENCE_DEBUG)
static_assert(sizeof(struct dma_fence) == 64);
static_assert(sizeof(struct dma_fence_cb) == 24);
static_assert(sizeof(struct dma_fence_array) == 96);
static_assert(sizeof(struct dma_fence_array_cb) == 32);
static_assert(sizeof(struct dma_fence_chain) == 112);
#endif

/**
 * DOC: DMA fences overview
 *
 * A &struct dma_fence stands for work that a device does on memory: a batch of
 * rendering, a frame to decode, a buffer to scan out. It changes once, from
 * unsignalled to signalled, when the work is over, and other drivers as well as
 * user space can wait for that without knowing whose work it is.
 *
 * dma_fence_init() makes a fence, dma_fence_signal() completes it. A fence
 * belongs to a context, a number from dma_fence_context_alloc() that names a
 * timeline: fences of one context complete in the order of their sequence
 * numbers.
 *
 * Fences reach those who wait for them on three ways:
 *
 * - Explicitly, as a file: sync_file_create() wraps a fence into a &sync_file,
 *   and user space hands the descriptor around.
 *
 * - Through a &drm_syncobj, a container that user space owns and whose fence can
 *   be replaced, or several of which form a timeline.
 *
 * - Implicitly, attached to the memory: the &struct dma_resv of a &dma_buf, to be
 *   found at &dma_buf.resv, lists the fences of all work that uses it.
 */

/**
 * DOC: fence cross-driver contract
 *
 * A fence is a promise among drivers that know nothing of each other, so they
 * all have to keep to the same terms:
 *
 * * Every fence completes, and in reasonable time. Work that may hang, which is
 *   all that user space can program, needs a timeout behind it. When it strikes,
 *   the driver at least stops further submissions and completes every fence
 *   that is outstanding, even if the device cannot be reset. Better is a reset
 *   that harms nobody but the offender.
 *
 * * What is reasonable the issuing driver alone decides. Those who wait do not
 *   put a timeout of their own on top.
 *
 * * Code on the way to a signal must not depend on locks that are held around a
 *   wait. dma_fence_begin_signalling() and dma_fence_end_signalling() around all
 *   such code let lockdep find violations.
 *
 * * Waiting with dma_resv_lock() held is allowed. So signalling must not take
 *   that lock, nor any other that may be held when it is taken.
 *
 * * Waiting in a &shrinker is allowed. So signalling must not allocate with
 *   GFP_KERNEL.
 *
 * * Waiting in an &mmu_notifier or &mmu_interval_notifier is allowed. So neither
 *   GFP_NOFS nor GFP_NOIO will do: GFP_ATOMIC it is, and it can fail.
 *
 * The last two are for drivers below drivers/gpu, which have to reclaim memory
 * that is in use by a device. Nobody else waits in such places.
 */

/**
 * DOC: fence signalling annotation
 *
 * Lockdep follows locks. A wait for a fence is not a lock, and the deadlock that
 * it takes part in usually has its other half in another driver, on another
 * machine::
 *
 *	task 1				task 2
 *
 *	mutex_lock(A);			mutex_lock(A);
 *	dma_fence_wait(f);		mutex_unlock(A);
 *	mutex_unlock(A);		dma_fence_signal(f);
 *
 * Neither review nor testing finds these: too much code is involved in getting
 * a fence signalled, from the tail of a submission through interrupt handlers,
 * schedulers and timeouts up to a device reset, and no machine has every
 * combination of drivers. So the code that a signal depends on is marked, and
 * the marks become one lockdep map that is held for reading, while each wait
 * takes it for writing. Then task 2 reads::
 *
 *	bool cookie = dma_fence_begin_signalling();
 *
 *	mutex_lock(A);
 *	mutex_unlock(A);
 *	dma_fence_signal(f);
 *	dma_fence_end_signalling(cookie);
 *
 * and lockdep reports the cycle after either task has run once, in any order.
 * Since the rules of reclaim are taught to lockdep at boot, a single device is
 * enough to find most mistakes.
 *
 * What to mark:
 *
 * * All code between the moment at which others can see a fence and the signal,
 *   in every thread that the signal needs. Putting a fence into a &struct
 *   dma_resv already makes it visible, before the lock is dropped, because
 *   readers look under RCU only.
 *
 * * Not code that signals merely as a short cut, such as an ioctl that finds the
 *   work done, as long as another path would have signalled anyway.
 *
 * Sections nest, and can be used in any context. The value that the begin
 * returns goes to the end of the same section.
 */

/**
 * DOC: deadline hints
 *
 * A device that chooses its clock by its load chooses badly when the load is a
 * dialogue: while the CPU waits for the device and the device then waits for the
 * CPU, both look half idle. And a frame that just misses its vblank idles for
 * most of the next period, which lowers the clock and makes the next miss more
 * likely.
 *
 * The waiter knows better. dma_fence_set_deadline() lets it say by when it wants
 * the fence, as an absolute time; user space can do so by &sync_set_deadline. A
 * display driver names the vblank for which it needs the frame, somebody about
 * to block names the present.
 *
 * Any number of hints may be given. What the issuer makes of them, if anything,
 * is up to &dma_fence_ops.set_deadline.
 */

/* Zero is what uninitialised memory has for a context. */
static atomic64_t next_context = ATOMIC64_INIT(1);

/**
 * dma_fence_context_alloc - allocate numbers for timelines
 * @num: how many, at least one
 *
 * Contexts are never used again, there are enough of them.
 *
 * Context: any.
 * Return: the first of @num consecutive contexts.
 */
u64 dma_fence_context_alloc(unsigned int num)
{
	WARN_ON(!num);
	return atomic64_fetch_add(num, &next_context);
}
EXPORT_SYMBOL(dma_fence_context_alloc);

/*
 * Initialisation
 */

static void fence_init(struct dma_fence *fence, const struct dma_fence_ops *ops,
		       spinlock_t *lock, u64 context, u64 seqno,
		       unsigned long flags)
{
	flags |= BIT(DMA_FENCE_FLAG_INITIALIZED_BIT);
	if (lock) {
		fence->extern_lock = lock;
	} else {
		spin_lock_init(&fence->inline_lock);
		flags |= BIT(DMA_FENCE_FLAG_INLINE_LOCK_BIT);
	}

	/* Constant as it is, RCU tells when nobody executes it any more. */
	RCU_INIT_POINTER(fence->ops, ops);
	INIT_LIST_HEAD(&fence->cb_list);
	fence->context = context;
	fence->seqno = seqno;
	fence->flags = flags;
	fence->error = 0;
	dma_fence_debug_init(fence, ops);
	/* Pairs with the acquire in dma_fence_get_rcu_safe(). */
	refcount_set_release(&fence->refcount.refcount, 1);

	trace_dma_fence_init(fence);
}

static const char *nameless(struct dma_fence *fence)
{
	return "nameless";
}

static const struct dma_fence_ops nameless_ops = {
	.get_driver_name = nameless,
	.get_timeline_name = nameless,
};

/* A fence without names cannot be described; give it some and go on. */
static const struct dma_fence_ops *
usable_ops(const struct dma_fence_ops *ops)
{
	if (WARN_ON_ONCE(!ops || !ops->get_driver_name || !ops->get_timeline_name))
		return &nameless_ops;
	return ops;
}

/**
 * dma_fence_init - make a fence
 * @fence: memory for it, owned by the caller
 * @ops: operations of the issuer; the two names are mandatory
 * @lock: lock shared with other things of the issuer, or %NULL for a lock of the
 *	fence's own, which is what new code uses
 * @context: timeline, see dma_fence_context_alloc()
 * @seqno: position on the timeline, 32 bits of it significant
 *
 * The caller has the first reference. A @lock must be safe to take with
 * interrupts disabled, and must stay until one RCU grace period after the fence
 * has signalled. An issuer that wants to see &dma_fence_ops.enable_signaling
 * called keeps a reference until it has signalled.
 *
 * Context: any.
 */
void dma_fence_init(struct dma_fence *fence, const struct dma_fence_ops *ops,
		    spinlock_t *lock, u64 context, u64 seqno)
{
	fence_init(fence, usable_ops(ops), lock, context, seqno, 0);
}
EXPORT_SYMBOL(dma_fence_init);

/**
 * dma_fence_init64 - dma_fence_init() for 64-bit sequence numbers
 * @fence: memory for it, owned by the caller
 * @ops: operations of the issuer
 * @lock: lock of the issuer, or %NULL
 * @context: timeline
 * @seqno: position on the timeline, all 64 bits significant
 *
 * Context: any.
 */
void dma_fence_init64(struct dma_fence *fence, const struct dma_fence_ops *ops,
		      spinlock_t *lock, u64 context, u64 seqno)
{
	fence_init(fence, usable_ops(ops), lock, context, seqno,
		   BIT(DMA_FENCE_FLAG_SEQNO64_BIT));
}
EXPORT_SYMBOL(dma_fence_init64);

/*
 * Stub fences
 */

static struct dma_fence dma_fence_stub;

static const char *stub_name(struct dma_fence *fence)
{
	return "stub";
}

static const struct dma_fence_ops dma_fence_stub_ops = {
	.get_driver_name = stub_name,
	.get_timeline_name = stub_name,
};

static void init_signaled(struct dma_fence *fence, ktime_t timestamp)
{
	dma_fence_init(fence, &dma_fence_stub_ops, NULL, 0, 0);
	/* Nothing to be enabled, also for those who look at the bit. */
	__set_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags);
	dma_fence_signal_timestamp(fence, timestamp);
}

static int __init dma_fence_init_stub(void)
{
	init_signaled(&dma_fence_stub, ktime_get());
	return 0;
}
subsys_initcall(dma_fence_init_stub);

/**
 * dma_fence_get_stub - a fence that has signalled
 *
 * For places that need some fence where there is nothing to wait for. Its
 * timestamp is the time of the boot.
 *
 * Context: any.
 * Return: a reference on a fence that everybody shares.
 */
struct dma_fence *dma_fence_get_stub(void)
{
	return dma_fence_get(&dma_fence_stub);
}
EXPORT_SYMBOL(dma_fence_get_stub);

/**
 * dma_fence_allocate_private_stub - a fence that has signalled at a given time
 * @timestamp: CLOCK_MONOTONIC time of the signal
 *
 * Context: process context, may sleep.
 * Return: a reference on a new fence, %NULL when there is no memory.
 */
struct dma_fence *dma_fence_allocate_private_stub(ktime_t timestamp)
{
	struct dma_fence *fence = kzalloc_obj(*fence);

	if (fence)
		init_signaled(fence, timestamp);
	return fence;
}
EXPORT_SYMBOL(dma_fence_allocate_private_stub);

/*
 * Signalling. The work is done in dma-fence-deliver.c.
 */

/**
 * dma_fence_signal - complete a fence
 * @fence: a fence that the caller keeps alive until the call returns
 *
 * Wakes all waiters and runs all callbacks, in the order in which they were
 * added but for sleepers in dma_fence_wait_timeout() and its relatives, who come
 * first. No fence lock is held meanwhile. When nobody is owed a callback @fence
 * is not touched any more once it shows as signalled.
 *
 * By the return all callbacks have begun, with these exceptions: called from a
 * callback of another fence, or from an operation of a fence, they run when that
 * is through; and on PREEMPT_RT a thread runs them.
 *
 * What the caller wrote before, error and all, is visible to callbacks, to
 * waiters, and to everybody who sees that the fence has signalled. A fence that
 * has signalled already stays as it is.
 *
 * Context: any but NMI, the fence lock not held. Does not sleep.
 */
void dma_fence_signal(struct dma_fence *fence)
{
	if (WARN_ON(!fence))
		return;

	dma_fence_debug_deliver(fence, _RET_IP_);
	guard(dma_fence_signalling)();
	__dma_fence_signal(fence, ktime_get());
}
EXPORT_SYMBOL(dma_fence_signal);

/**
 * dma_fence_signal_timestamp - dma_fence_signal() with the time that is known
 * @fence: a fence that the caller keeps alive
 * @timestamp: CLOCK_MONOTONIC time at which the work was done
 *
 * Context: as for dma_fence_signal().
 */
void dma_fence_signal_timestamp(struct dma_fence *fence, ktime_t timestamp)
{
	if (WARN_ON(!fence))
		return;

	dma_fence_debug_deliver(fence, _RET_IP_);
	guard(dma_fence_signalling)();
	__dma_fence_signal(fence, timestamp);
}
EXPORT_SYMBOL(dma_fence_signal_timestamp);

/**
 * dma_fence_signal_timestamp_locked - dma_fence_signal_timestamp() under the lock
 * @fence: a fence that the caller keeps alive until the call
 * @timestamp: CLOCK_MONOTONIC time at which the work was done
 *
 * The fence shows as signalled at once. Callbacks run after the caller has
 * dropped the lock, soon but asynchronously, and the core takes a reference on
 * the fence for that time. A fence with callbacks but without references is not
 * signalled here, dma_fence_release() is about to do it.
 *
 * Context: fence lock held. Interrupts are as they were when it was taken: from
 * their being disabled follows that the lock is dropped before they are enabled.
 */
void dma_fence_signal_timestamp_locked(struct dma_fence *fence,
				       ktime_t timestamp)
{
	dma_fence_assert_held(fence);
	guard(dma_fence_signalling)();
	if (__dma_fence_signal_locked(fence, timestamp) &&
	    IS_ENABLED(CONFIG_DMA_FENCE_DEBUG))
		dma_fence_debug_locked(fence, _RET_IP_);
}
EXPORT_SYMBOL(dma_fence_signal_timestamp_locked);

/**
 * dma_fence_signal_locked - dma_fence_signal() under the fence lock
 * @fence: a fence that the caller keeps alive until the call
 *
 * See dma_fence_signal_timestamp_locked().
 *
 * Context: fence lock held.
 */
void dma_fence_signal_locked(struct dma_fence *fence)
{
	dma_fence_assert_held(fence);
	guard(dma_fence_signalling)();
	if (__dma_fence_signal_locked(fence, ktime_get()) &&
	    IS_ENABLED(CONFIG_DMA_FENCE_DEBUG))
		dma_fence_debug_locked(fence, _RET_IP_);
}
EXPORT_SYMBOL(dma_fence_signal_locked);

/**
 * dma_fence_check_and_signal - dma_fence_signal() that tells who was first
 * @fence: a fence that the caller keeps alive
 *
 * Context: as for dma_fence_signal().
 * Return: false when this call has signalled the fence, true when it had
 * signalled before.
 */
bool dma_fence_check_and_signal(struct dma_fence *fence)
{
	if (WARN_ON(!fence))
		return true;

	dma_fence_debug_deliver(fence, _RET_IP_);
	guard(dma_fence_signalling)();
	return !__dma_fence_signal(fence, ktime_get());
}
EXPORT_SYMBOL(dma_fence_check_and_signal);

/**
 * dma_fence_check_and_signal_locked - the same under the fence lock
 * @fence: a fence that the caller keeps alive until the call
 *
 * See dma_fence_signal_timestamp_locked().
 *
 * Context: fence lock held.
 * Return: false when this call has signalled the fence, true when it had
 * signalled before.
 */
bool dma_fence_check_and_signal_locked(struct dma_fence *fence)
{
	bool signaled;

	dma_fence_assert_held(fence);
	guard(dma_fence_signalling)();
	signaled = __dma_fence_signal_locked(fence, ktime_get());
	if (signaled)
		dma_fence_debug_locked(fence, _RET_IP_);
	return !signaled;
}
EXPORT_SYMBOL(dma_fence_check_and_signal_locked);

/*
 * Callbacks. Removal, which has to know about delivery, is there.
 */

/*
 * Is it for the caller to ask the issuer to signal? Once in a fence's life, and
 * not when there is nothing to ask. Fence lock held, fence not claimed.
 */
static bool must_enable_signaling(struct dma_fence *fence)
{
	/* The first caller sets it, the others are spared the atomic. */
	if (test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags) ||
	    test_and_set_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags))
		return false;

	/* The operations stay until the fence is claimed. */
	return rcu_dereference_protected(fence->ops, 1)->enable_signaling;
}

/*
 * Make the issuer signal. Fence lock held. Returns false when the fence has
 * signalled, now or before. What its operation signals is collected in @c.
 *
 * The fence is looked at once, before the operation: a driver that sets the
 * SIGNALED bit in its operation and returns true will look for callbacks on the
 * list later, and finds those that are added next.
 */
static bool enable_signaling_locked(struct dma_fence *fence,
				    struct dma_fence_collector *c)
{
	const struct dma_fence_ops *ops;
	bool enabled;

	rcu_read_lock();
	ops = rcu_dereference(fence->ops);
	trace_dma_fence_enable_signal(fence);

	dma_fence_collect_begin(c);
	enabled = ops->enable_signaling(fence);
	if (!enabled)
		__dma_fence_signal_locked(fence, ktime_get());
	dma_fence_collect_end(c);
	rcu_read_unlock();

	/* An operation that has signalled its own fence may still say true. */
	return enabled &&
	       !test_bit(DMA_FENCE_FLAG_CLAIMED_BIT, &fence->flags);
}

static void queue_callback(struct dma_fence *fence, struct dma_fence_cb *cb,
			   dma_fence_func_t func, bool front)
{
	cb->func = func;
	if (front)
		list_add(&cb->node, &fence->cb_list);
	else
		list_add_tail(&cb->node, &fence->cb_list);
	dma_fence_debug_armed(fence, cb);
}

/*
 * Enable signalling, and queue @cb, if there is one, unless that has signalled
 * the fence. Drops the lock. Out of line, to spare others the stack of it.
 *
 * A container does not have its members touched under a lock. Who comes in between
 * finds it enabled, and may add callbacks, which is all that the lock would keep out.
 */
static noinline bool enable_and_add(struct dma_fence *fence,
				    struct dma_fence_cb *cb,
				    dma_fence_func_t func, bool front,
				    spinlock_t *lock, unsigned long flags)
{
	struct dma_fence_collector collector;
	bool pending;

	if (dma_fence_is_container(fence)) {
		dma_fence_enable_begin();
		spin_unlock_irqrestore(lock, flags);
		pending = dma_fence_enable_container(fence);
		dma_fence_enable_end();
		return cb ? __dma_fence_add(fence, cb, func, false, front) :
			    pending;
	}

	pending = enable_signaling_locked(fence, &collector);
	if (cb) {
		if (pending)
			queue_callback(fence, cb, func, front);
		else
			dma_fence_cb_refused(cb);
	}
	dma_fence_collect_deliver(&collector, lock, flags);
	return pending;
}

/* NULL when the fence has signalled. The callback may be removed all the same. */
static __always_inline spinlock_t *lock_to_add(struct dma_fence *fence,
					       struct dma_fence_cb *cb,
					       unsigned long *flags)
{
	spinlock_t *lock;

	dma_fence_debug_add(fence, cb);
	lock = dma_fence_lock_pending(fence, flags);
	if (!lock)
		dma_fence_cb_refused(cb);
	return lock;
}

static __always_inline bool add_callback(struct dma_fence *fence,
					 struct dma_fence_cb *cb,
					 dma_fence_func_t func,
					 bool enable, bool front)
{
	unsigned long flags;
	spinlock_t *lock = lock_to_add(fence, cb, &flags);

	if (!lock)
		return false;

	if (enable && must_enable_signaling(fence))
		return enable_and_add(fence, cb, func, front, lock, flags);

	queue_callback(fence, cb, func, front);
	spin_unlock_irqrestore(lock, flags);
	return true;
}

/*
 * __dma_fence_add - put a callback on a fence
 * @enable: whether to enable signalling
 * @front: whether it comes before all others
 *
 * Returns false when the fence has signalled.
 */
bool __dma_fence_add(struct dma_fence *fence, struct dma_fence_cb *cb,
		     dma_fence_func_t func, bool enable, bool front)
{
	return add_callback(fence, cb, func, enable, front);
}

/*
 * dma_fence_add_member - put a container's callback on one of its members
 * @fence: the member
 * @todo: takes the member if it is a container and must be enabled
 *
 * Returns false when the member has signalled.
 */
bool dma_fence_add_member(struct dma_fence *fence, struct dma_fence_cb *cb,
			  dma_fence_func_t func, struct dma_fence **todo)
{
	unsigned long flags;
	spinlock_t *lock = lock_to_add(fence, cb, &flags);

	if (!lock)
		return false;

	if (must_enable_signaling(fence)) {
		if (!dma_fence_is_container(fence))
			return enable_and_add(fence, cb, func, false, lock,
					      flags);
		dma_fence_push_container(fence, todo);
	}
	queue_callback(fence, cb, func, false);
	spin_unlock_irqrestore(lock, flags);
	return true;
}

/*
 * dma_fence_enable_member - note that a container among the members is wanted
 */
void dma_fence_enable_member(struct dma_fence *fence, struct dma_fence **todo)
{
	unsigned long flags;
	spinlock_t *lock;

	if (test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags))
		return;
	lock = dma_fence_lock_pending(fence, &flags);
	if (!lock)
		return;
	if (must_enable_signaling(fence))
		dma_fence_push_container(fence, todo);
	spin_unlock_irqrestore(lock, flags);
}

/**
 * dma_fence_add_callback - have a function called when a fence signals
 * @fence: a fence that the caller has a reference on, and keeps it until the
 *	callback has run or was removed
 * @cb: memory for the callback, needs no initialisation
 * @func: the function, see &dma_fence_func_t
 *
 * Enables signalling. Until @func runs, or dma_fence_remove_callback() returns,
 * @cb belongs to the fence. It can be on one fence at a time.
 *
 * On an error @cb is not armed, but may be given to dma_fence_remove_callback().
 *
 * Context: any, the fence lock not held.
 * Return: 0 when @func will be called; -ENOENT when the fence has signalled,
 * and @func will not be called; -EINVAL when @fence or @func is missing.
 */
int dma_fence_add_callback(struct dma_fence *fence, struct dma_fence_cb *cb,
			   dma_fence_func_t func)
{
	if (WARN_ON(!fence || !func))
		return -EINVAL;

	return add_callback(fence, cb, func, true, false) ? 0 : -ENOENT;
}
EXPORT_SYMBOL(dma_fence_add_callback);

/**
 * dma_fence_enable_sw_signaling - ask the issuer to signal as soon as it can
 * @fence: a fence that the caller keeps alive
 *
 * What the first waiter or callback does. Signals the fence when the issuer says
 * that the work is done.
 *
 * Context: any, the fence lock not held.
 */
void dma_fence_enable_sw_signaling(struct dma_fence *fence)
{
	unsigned long flags;
	spinlock_t *lock;

	lock = dma_fence_lock_pending(fence, &flags);
	if (!lock)
		return;

	if (must_enable_signaling(fence))
		enable_and_add(fence, NULL, NULL, false, lock, flags);
	else
		spin_unlock_irqrestore(lock, flags);
}
EXPORT_SYMBOL(dma_fence_enable_sw_signaling);

/*
 * Status
 */

/**
 * __dma_fence_is_signaled_locked - the part of dma_fence_is_signaled_locked()
 * that is not inline
 * @fence: a fence whose SIGNALED bit was not set
 *
 * Context: fence lock held.
 * Return: true when the issuer says that the work is done; the fence is
 * signalled then.
 */
bool __dma_fence_is_signaled_locked(struct dma_fence *fence)
{
	const struct dma_fence_ops *ops;
	bool done = false;

	rcu_read_lock();
	ops = rcu_dereference(fence->ops);
	if (ops && ops->signaled && !dma_fence_is_container(fence))
		done = __dma_fence_signal_if_done_locked(fence, ops->signaled);
	rcu_read_unlock();
	return done;
}
EXPORT_SYMBOL(__dma_fence_is_signaled_locked);

/**
 * dma_fence_set_error_unless_signaled - note a failure if it is not too late
 * @fence: a fence that may be signalled by somebody else meanwhile
 * @error: negative errno
 *
 * For whoever gives up work that may be completing at this moment. Either waiters
 * and callbacks see @error, or the fence had signalled and stays as it is. An error
 * that was set before is replaced, as by dma_fence_set_error(), which is for those
 * who hold the fence lock, or know that nobody else signals.
 *
 * Context: any, the fence lock not held.
 * Return: true when @error was set, false when the fence has signalled or, with a
 * warning, when @error is none.
 */
bool dma_fence_set_error_unless_signaled(struct dma_fence *fence, int error)
{
	unsigned long flags;
	spinlock_t *lock;

	if (WARN_ON_ONCE(!IS_ERR_VALUE((long)error)))
		return false;

	lock = dma_fence_lock_pending(fence, &flags);
	if (!lock)
		return false;
	/* Containers look whether there is one without the lock. */
	WRITE_ONCE(fence->error, error);
	spin_unlock_irqrestore(lock, flags);
	return true;
}
EXPORT_SYMBOL(dma_fence_set_error_unless_signaled);

/**
 * dma_fence_get_status - has the fence signalled, and with what result?
 * @fence: the fence to look at
 *
 * Asks the issuer as dma_fence_is_signaled() does.
 *
 * Context: any, the fence lock not held.
 * Return: 0 not signalled, 1 signalled, negative errno signalled with an error.
 */
int dma_fence_get_status(struct dma_fence *fence)
{
	if (!dma_fence_is_signaled(fence))
		return 0;
	return fence->error ? fence->error : 1;
}
EXPORT_SYMBOL(dma_fence_get_status);

/**
 * dma_fence_set_deadline - hint that the fence is wanted by some time
 * @fence: the fence
 * @deadline: CLOCK_MONOTONIC time
 *
 * See "deadline hints".
 *
 * Context: any, the fence lock not held.
 */
void dma_fence_set_deadline(struct dma_fence *fence, ktime_t deadline)
{
	const struct dma_fence_ops *ops;

	guard(rcu)();
	ops = rcu_dereference(fence->ops);
	if (!ops || !ops->set_deadline || dma_fence_is_signaled(fence))
		return;
	ops->set_deadline(fence, deadline);
}
EXPORT_SYMBOL(dma_fence_set_deadline);

/*
 * Names. The operations go when the fence signals, or, for those who keep them,
 * must not be asked any more: what they would tell may be gone.
 */

static const struct dma_fence_ops *ops_for_names(struct dma_fence *fence)
{
	const struct dma_fence_ops *ops = rcu_dereference(fence->ops);

	return dma_fence_test_signaled_flag(fence) ? NULL : ops;
}

/**
 * dma_fence_driver_name - who has issued the fence?
 * @fence: the fence
 *
 * Context: inside an RCU read-side section, which must also contain all use of
 * the string.
 * Return: the name of the driver, a placeholder once the fence has signalled.
 */
const char __rcu *dma_fence_driver_name(struct dma_fence *fence)
{
	const struct dma_fence_ops *ops = ops_for_names(fence);

	if (!ops)
		return (const char __rcu *)"detached-driver";
	return (const char __rcu *)ops->get_driver_name(fence);
}
EXPORT_SYMBOL(dma_fence_driver_name);

/**
 * dma_fence_timeline_name - on which timeline is the fence?
 * @fence: the fence
 *
 * Context: as for dma_fence_driver_name().
 * Return: the name of the timeline, a placeholder once the fence has signalled.
 */
const char __rcu *dma_fence_timeline_name(struct dma_fence *fence)
{
	const struct dma_fence_ops *ops = ops_for_names(fence);

	if (!ops)
		return (const char __rcu *)"signaled-timeline";
	return (const char __rcu *)ops->get_timeline_name(fence);
}
EXPORT_SYMBOL(dma_fence_timeline_name);

/**
 * dma_fence_describe - write a line about a fence into a seq_file
 * @fence: the fence
 * @seq: where to
 *
 * Context number, sequence number, names as long as there are any, and whether
 * the fence has signalled.
 *
 * Context: any, the fence lock not held.
 */
void dma_fence_describe(struct dma_fence *fence, struct seq_file *seq)
{
	bool signaled = dma_fence_is_signaled(fence);

	rcu_read_lock();
	seq_printf(seq, "%llu:%llu %s %s %ssignalled\n",
		   fence->context, fence->seqno,
		   signaled ? "" : (const char __force *)dma_fence_timeline_name(fence),
		   signaled ? "" : (const char __force *)dma_fence_driver_name(fence),
		   signaled ? "" : "un");
	rcu_read_unlock();
}
EXPORT_SYMBOL(dma_fence_describe);

/*
 * Release
 */

/**
 * dma_fence_free - free the memory of a fence after a grace period
 * @fence: a fence at the start of memory from kmalloc(), the last reference gone
 *
 * What a &dma_fence_ops.release ends with, and stands in for one.
 *
 * Context: any.
 */
void dma_fence_free(struct dma_fence *fence)
{
	kfree_rcu(fence, rcu);
}
EXPORT_SYMBOL(dma_fence_free);

/*
 * Are callbacks pending on a fence without references? Then there was one put
 * too many. Do not leave anybody waiting: the fence is revived with one
 * reference, to be signalled with an error.
 */
static bool revive_pending(struct dma_fence *fence)
{
	bool pending = false;
	unsigned long flags;
	spinlock_t *lock;

	if (likely(dma_fence_test_signaled_flag(fence) ||
		   list_empty(&fence->cb_list)))
		return false;

	/*
	 * Somebody without a reference may be signalling, which puts the
	 * timestamp in the place of the list before SIGNALED is set.
	 */
	lock = dma_fence_lock_unclaimed(fence, &flags);
	if (!lock)
		return false;
	if (!dma_fence_test_signaled_flag(fence) &&
	    !list_empty(&fence->cb_list)) {
		fence->error = -EDEADLK;
		kref_init(&fence->refcount);
		pending = true;
	}
	spin_unlock_irqrestore(lock, flags);
	return pending;
}

/*
 * dma_fence_release_begin - what comes before the release of any fence
 *
 * Returns false when somebody may still wait for the fence. It is signalled then, with
 * an error, and released after that. Inside an RCU read-side section.
 */
bool dma_fence_release_begin(struct dma_fence *fence)
{
	if (unlikely(dma_fence_is_proxy(fence) &&
		     !dma_fence_test_signaled_flag(fence))) {
		kref_init(&fence->refcount);
		dma_fence_proxy_cancel(fence);
		dma_fence_put(fence);
		return false;
	}
	if (likely(!revive_pending(fence))) {
		dma_fence_debug_released(fence);
		trace_dma_fence_destroy(fence);
		return true;
	}

	WARN(1, "dma_fence %s %s %llu:%llu: last reference dropped while callbacks are pending\n",
	     (const char __force *)dma_fence_driver_name(fence),
	     (const char __force *)dma_fence_timeline_name(fence),
	     fence->context, fence->seqno);
	scoped_guard(dma_fence_signalling)
		__dma_fence_signal(fence, ktime_get());
	dma_fence_put(fence);
	return false;
}

/**
 * dma_fence_release - what dma_fence_put() does with the last reference
 * @kref: &dma_fence.refcount
 *
 * Not to be called directly. A fence on which callbacks are pending is signalled
 * with -EDEADLK first.
 *
 * Context: whatever the last dma_fence_put() was called in.
 */
void dma_fence_release(struct kref *kref)
{
	struct dma_fence *fence = container_of(kref, struct dma_fence, refcount);
	const struct dma_fence_ops *ops;

	guard(rcu)();
	dma_fence_debug_last_put(fence);
	if (!dma_fence_release_begin(fence))
		return;

	ops = rcu_dereference(fence->ops);
	if (ops && ops->release)
		dma_fence_call_release(fence, ops->release);
	else
		dma_fence_free(fence);
}
EXPORT_SYMBOL(dma_fence_release);
