/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One-shot completion fences for asynchronous DMA work
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef __LINUX_DMA_FENCE_H
#define __LINUX_DMA_FENCE_H

#include <linux/bitops.h>
#include <linux/cleanup.h>
#include <linux/dma-fence-debug.h>
#include <linux/err.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>

struct dma_fence;
struct dma_fence_cb;
struct dma_fence_ops;
struct seq_file;

/**
 * struct dma_fence - a piece of DMA work that will complete once
 * @extern_lock: lock supplied by the issuer at init; deprecated
 * @inline_lock: the fence's own lock, used when the issuer supplied none
 * @ops: the issuer's operations; %NULL once a fence whose operations have
 *	neither release nor wait has signalled
 * @cb_list: callbacks in the order in which they will run; valid until the
 *	fence signals, protected by the fence lock
 * @timestamp: CLOCK_MONOTONIC time of the signal, valid once
 *	%DMA_FENCE_FLAG_TIMESTAMP_BIT is set
 * @rcu: for kfree_rcu() after the last reference has gone
 * @context: timeline of the fence, see dma_fence_context_alloc()
 * @seqno: position on that timeline
 * @flags: bits of &enum dma_fence_flag_bits, to be changed by atomic bit
 *	operations only; the upper 16 bits of a 64-bit word belong to the core
 * @refcount: references, see dma_fence_get() and dma_fence_put()
 * @error: zero or a negative errno, settled before the fence signals
 *
 * @cb_list, @timestamp and @rcu share memory, for their lifetimes follow each
 * other: callbacks can be listed until the signal, the timestamp can be read
 * from then on by whoever holds a reference, and @rcu is used when nobody does.
 *
 * Drivers embed the structure and initialise it by dma_fence_init(). Apart from
 * @context, @seqno, and the user bits of @flags, all access is by the functions
 * of this header.
 */
struct dma_fence {
	union {
		spinlock_t *extern_lock;
		spinlock_t inline_lock;
	};
	const struct dma_fence_ops __rcu *ops;
	union {
		struct list_head cb_list;
		/* private: the next container whose last reference has gone */
		struct dma_fence *next_dead;
		/* public: */
		struct {
			ktime_t timestamp;
			/* private: */
			/*
			 * The node before this fence's first owed callback in a
			 * delivery batch, NULL when no batch has any. Protected
			 * by the lock of the shard.
			 */
			struct list_head *batch_prev;
			/* public: */
		};
		struct rcu_head rcu;
	};
	u64 context;
	u64 seqno;
	unsigned long flags;
	struct kref refcount;
	int error;
#ifndef CONFIG_64BIT
	/* private: the shard that delivers, on 64-bit kept in @flags */
	unsigned int shard;
#endif
#ifdef CONFIG_DMA_FENCE_DEBUG
	/* private: */
	struct dma_fence_debug debug;
#endif
} __aligned(4);	/* the two low bits of a fence's address tag list pointers */

/**
 * enum dma_fence_flag_bits - bits of &dma_fence.flags
 * @DMA_FENCE_FLAG_INITIALIZED_BIT: dma_fence_init() was called
 * @DMA_FENCE_FLAG_INLINE_LOCK_BIT: &dma_fence.inline_lock is in use
 * @DMA_FENCE_FLAG_SEQNO64_BIT: sequence numbers have 64 significant bits
 * @DMA_FENCE_FLAG_SIGNALED_BIT: the fence has signalled
 * @DMA_FENCE_FLAG_TIMESTAMP_BIT: &dma_fence.timestamp is valid
 * @DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT: &dma_fence_ops.enable_signaling was called,
 *	or is not needed any more
 * @DMA_FENCE_FLAG_CLAIMED_BIT: the core has taken over the callbacks; for the
 *	core alone. Tells a fence that the core signalled from one whose
 *	SIGNALED bit a driver has set itself.
 * @DMA_FENCE_FLAG_USER_BITS: first bit that the issuer may use as it likes
 *
 * SIGNALED, TIMESTAMP and CLAIMED are set by a single atomic operation, after
 * everything that they announce has been written.
 */
enum dma_fence_flag_bits {
	DMA_FENCE_FLAG_INITIALIZED_BIT,
	DMA_FENCE_FLAG_INLINE_LOCK_BIT,
	DMA_FENCE_FLAG_SEQNO64_BIT,
	DMA_FENCE_FLAG_SIGNALED_BIT,
	DMA_FENCE_FLAG_TIMESTAMP_BIT,
	DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT,
	DMA_FENCE_FLAG_CLAIMED_BIT,
	DMA_FENCE_FLAG_USER_BITS, /* keep last */
};

/**
 * typedef dma_fence_func_t - function that a fence calls when it signals
 * @fence: the fence that has signalled
 * @cb: the callback, already unlinked and forgotten by the core
 *
 * Runs exactly once unless the callback is removed, under no fence lock, in
 * whatever context signals the fence and with interrupts disabled; on PREEMPT_RT
 * in a thread. It must not sleep. It may free @cb or arm it again.
 */
typedef void (*dma_fence_func_t)(struct dma_fence *fence,
				 struct dma_fence_cb *cb);

/**
 * struct dma_fence_cb - a callback's place on a fence
 * @node: link in &dma_fence.cb_list, empty when the callback is not armed
 * @func: what to call
 *
 * To be embedded in the caller's own structure. dma_fence_add_callback() fills
 * it in, no initialisation is needed before.
 */
struct dma_fence_cb {
	struct list_head node;
	dma_fence_func_t func;
#ifdef CONFIG_DMA_FENCE_DEBUG
	/* private: */
	unsigned long armed;	/* see dma-fence-track-cb.c */
#endif
} __aligned(4);	/* as for struct dma_fence */

/**
 * struct dma_fence_ops - what the issuer of a fence implements
 *
 * A fence whose operations have neither @release nor @wait detaches when it
 * signals: the core forgets the operations, and the module that has them may go
 * one RCU grace period later.
 */
struct dma_fence_ops {
	/**
	 * @get_driver_name:
	 *
	 * Name of the driver, computed when asked for. Mandatory. The string
	 * must stay until one RCU grace period after the fence has signalled.
	 */
	const char * (*get_driver_name)(struct dma_fence *fence);

	/**
	 * @get_timeline_name:
	 *
	 * Name of the timeline. Mandatory, same lifetime as the driver name.
	 */
	const char * (*get_timeline_name)(struct dma_fence *fence);

	/**
	 * @enable_signaling:
	 *
	 * Called at most once, when the first software waiter appears: time to
	 * arm the interrupt that will signal the fence. Fences that signal
	 * unasked leave it out.
	 *
	 * Return true when a signal will follow. Return false when the work is
	 * done already or nothing can be armed: the core then signals the
	 * fence; &dma_fence.error may be set before.
	 *
	 * Runs under the fence lock with interrupts disabled. A signal from
	 * elsewhere may drop the last reference at any time afterwards, so an
	 * implementation that keeps the fence on a list of its own takes a
	 * reference. Other fences may be signalled from here: their callbacks
	 * wait until the core has dropped the lock.
	 */
	bool (*enable_signaling)(struct dma_fence *fence);

	/**
	 * @signaled:
	 *
	 * Cheap look at whether the work is done. Once it has said true it must
	 * stay with it; it may say false although the work is done. May set
	 * &dma_fence.error before it returns true. Called without the fence
	 * lock, except through dma_fence_is_signaled_locked(). Optional.
	 */
	bool (*signaled)(struct dma_fence *fence);

	/**
	 * @wait:
	 *
	 * Replaces dma_fence_default_wait(). Deprecated. Returns the jiffies
	 * left when the fence has signalled, zero after @timeout jiffies,
	 * -ERESTARTSYS when @intr is set and a signal is pending, or another
	 * error that counts as signalled. Keeps the fence from detaching.
	 */
	signed long (*wait)(struct dma_fence *fence,
			    bool intr, signed long timeout);

	/**
	 * @release:
	 *
	 * Called with the last reference gone, in any context, possibly with
	 * interrupts disabled. The memory of the fence must be freed after an
	 * RCU grace period, as dma_fence_free() does, which stands in when this
	 * operation is missing. Keeps the fence from detaching.
	 */
	void (*release)(struct dma_fence *fence);

	/**
	 * @set_deadline:
	 *
	 * Hint that somebody would like the fence to signal by @deadline. Any
	 * context, no lock held, repeatedly, concurrently; the earliest wins,
	 * and one in the past means at once. Optional.
	 */
	void (*set_deadline)(struct dma_fence *fence, ktime_t deadline);
};

void dma_fence_init(struct dma_fence *fence, const struct dma_fence_ops *ops,
		    spinlock_t *lock, u64 context, u64 seqno);
void dma_fence_init64(struct dma_fence *fence, const struct dma_fence_ops *ops,
		      spinlock_t *lock, u64 context, u64 seqno);
void dma_fence_release(struct kref *kref);
void dma_fence_free(struct dma_fence *fence);
void dma_fence_describe(struct dma_fence *fence, struct seq_file *seq);

/**
 * dma_fence_was_initialized - has this memory ever become a fence?
 * @fence: fence in memory that was zeroed when it was allocated, or %NULL
 *
 * Return: true when dma_fence_init() has run on @fence.
 */
static inline bool dma_fence_was_initialized(struct dma_fence *fence)
{
	return fence && test_bit(DMA_FENCE_FLAG_INITIALIZED_BIT, &fence->flags);
}

/**
 * dma_fence_put - drop a reference
 * @fence: the fence, or %NULL
 *
 * The last one calls &dma_fence_ops.release in the caller's context.
 */
static inline void dma_fence_put(struct dma_fence *fence)
{
	if (fence) {
		__dma_fence_debug_put(fence);
		kref_put(&fence->refcount, dma_fence_release);
	}
}

/**
 * dma_fence_put_borrowed - drop a reference that is certainly not the last
 * @fence: the fence, or %NULL
 *
 * As dma_fence_put(), by a caller who knows that somebody else has a reference, and
 * why. With CONFIG_DMA_FENCE_DEBUG_PUT every other put counts as the last one, and
 * what &dma_fence_ops.release does must be allowed in its place. This one does not;
 * with CONFIG_DMA_FENCE_DEBUG it is reported should it be the last after all.
 */
static inline void dma_fence_put_borrowed(struct dma_fence *fence)
{
	if (fence)
		kref_put(&fence->refcount, dma_fence_release_borrowed);
}

/**
 * dma_fence_get - take another reference
 * @fence: a fence that the caller has a reference on, or %NULL
 *
 * Return: @fence.
 */
static inline struct dma_fence *dma_fence_get(struct dma_fence *fence)
{
	if (fence)
		kref_get(&fence->refcount);
	return fence;
}

/**
 * dma_fence_get_rcu - take a reference unless the last one has gone
 * @fence: fence whose memory is kept by RCU or by a lock of the caller
 *
 * Return: @fence, or %NULL when it is being released.
 */
static inline struct dma_fence *dma_fence_get_rcu(struct dma_fence *fence)
{
	return kref_get_unless_zero(&fence->refcount) ? fence : NULL;
}

/**
 * dma_fence_get_rcu_safe - take a reference through an RCU protected pointer
 * @fencep: where the pointer is
 *
 * Copes with memory that becomes another fence within the grace period
 * (SLAB_TYPESAFE_BY_RCU): the pointer is read again once the reference is held.
 *
 * Context: inside an RCU read-side section.
 * Return: a fence that @fencep held after the reference was taken, or %NULL.
 */
static inline struct dma_fence *
dma_fence_get_rcu_safe(struct dma_fence __rcu **fencep)
{
	for (;;) {
		struct dma_fence *fence = rcu_dereference(*fencep);

		if (!fence)
			return NULL;
		/*
		 * The second read must not be satisfied before the increment:
		 * the acquire pairs with the release in fence_init(), so that
		 * whoever has got hold of the next fence in this memory finds
		 * that the pointer was changed before.
		 */
		if (refcount_inc_not_zero_acquire(&fence->refcount.refcount)) {
			if (rcu_access_pointer(*fencep) == fence)
				return rcu_pointer_handoff(fence);
			dma_fence_put(fence);
		}
	}
}

/**
 * dma_fence_spinlock - the lock of a fence
 * @fence: a fence that has not signalled, or whose issuer still exists
 *
 * Return: the inline or the external lock.
 */
static inline spinlock_t *dma_fence_spinlock(struct dma_fence *fence)
{
	if (test_bit(DMA_FENCE_FLAG_INLINE_LOCK_BIT, &fence->flags))
		return &fence->inline_lock;
	return fence->extern_lock;
}

/**
 * dma_fence_lock_irqsave - take the fence lock
 * @fence: the fence
 * @flags: interrupt state to be restored
 *
 * While it is held the fence does not signal. Whoever has seen the fence signalled
 * before, by whatever means, knows that its callbacks have run once this returns,
 * as if by dma_fence_flush_callbacks(): passing through the lock is an old way to
 * wait for them. Not so inside those callbacks, and not on PREEMPT_RT, where the
 * callbacks may still be owed.
 */
#define dma_fence_lock_irqsave(fence, flags)				\
	do {								\
		struct dma_fence *__locked = (fence);			\
									\
		if (!IS_ENABLED(CONFIG_PREEMPT_RT) &&			\
		    dma_fence_test_signaled_flag(__locked))		\
			dma_fence_flush_callbacks(__locked);		\
		spin_lock_irqsave(dma_fence_spinlock(__locked), flags);	\
	} while (0)

/**
 * dma_fence_unlock_irqrestore - drop the fence lock
 * @fence: the fence
 * @flags: what dma_fence_lock_irqsave() has stored
 */
#define dma_fence_unlock_irqrestore(fence, flags) \
	spin_unlock_irqrestore(dma_fence_spinlock(fence), flags)

/**
 * dma_fence_assert_held - have lockdep check that the fence lock is held
 * @fence: the fence
 */
#define dma_fence_assert_held(fence) \
	lockdep_assert_held(dma_fence_spinlock(fence))

#ifdef CONFIG_LOCKDEP
bool dma_fence_begin_signalling(void);
void dma_fence_end_signalling(bool cookie);
void __dma_fence_might_wait(void);
#else
static inline bool dma_fence_begin_signalling(void) { return true; }
static inline void dma_fence_end_signalling(bool cookie) { }
static inline void __dma_fence_might_wait(void) { }
#endif

/*
 * For guard() and scoped_guard(): a signalling section, from
 * dma_fence_begin_signalling() to the dma_fence_end_signalling() that belongs to it,
 * at the end of the scope.
 */
DEFINE_LOCK_GUARD_0(dma_fence_signalling,
		    _T->cookie = dma_fence_begin_signalling(),
		    dma_fence_end_signalling(_T->cookie), bool cookie)

void dma_fence_signal(struct dma_fence *fence);
void dma_fence_signal_locked(struct dma_fence *fence);
void dma_fence_signal_timestamp(struct dma_fence *fence, ktime_t timestamp);
void dma_fence_signal_timestamp_locked(struct dma_fence *fence,
				       ktime_t timestamp);
bool dma_fence_check_and_signal(struct dma_fence *fence);
bool dma_fence_check_and_signal_locked(struct dma_fence *fence);

int dma_fence_add_callback(struct dma_fence *fence, struct dma_fence_cb *cb,
			   dma_fence_func_t func);
bool dma_fence_remove_callback(struct dma_fence *fence,
			       struct dma_fence_cb *cb);
bool dma_fence_remove_callback_locked(struct dma_fence *fence,
				      struct dma_fence_cb *cb);
void dma_fence_flush_callbacks(struct dma_fence *fence);
void dma_fence_enable_sw_signaling(struct dma_fence *fence);

signed long dma_fence_default_wait(struct dma_fence *fence,
				   bool intr, signed long timeout);
signed long dma_fence_wait_timeout(struct dma_fence *fence,
				   bool intr, signed long timeout);
signed long dma_fence_wait_any_timeout(struct dma_fence **fences, u32 count,
				       bool intr, signed long timeout,
				       u32 *idx);

/**
 * DOC: access to what belongs to the issuer
 *
 * What a fence merely points to (its external lock, its operations and what
 * those operations reach) belongs to the issuer, who may take it away one RCU
 * grace period after the fence has signalled.
 *
 * So whoever follows such a pointer does it within one RCU read-side section
 * that also contains the check that the fence had not signalled. The functions
 * of the core do so; only dma_fence_driver_name() and dma_fence_timeline_name()
 * leave the section to their callers, because the strings that they return fall
 * under the same rule.
 *
 * An issuer therefore signals all its fences, lets a grace period pass, and
 * frees afterwards.
 */
const char __rcu *dma_fence_driver_name(struct dma_fence *fence);
const char __rcu *dma_fence_timeline_name(struct dma_fence *fence);

/**
 * dma_fence_test_signaled_flag - has the fence signalled, as far as is known?
 * @fence: the fence to look at
 *
 * Reads one bit. Neither asks the issuer nor signals, so it may say false for a
 * fence whose work is done.
 *
 * Context: any.
 * Return: true when the fence has signalled; all that was written before the
 * signal, error and timestamp included, is then visible to the caller.
 */
static inline bool dma_fence_test_signaled_flag(struct dma_fence *fence)
{
	/* Pairs with the atomic update of the flags in dma_fence_claim(). */
	return test_bit_acquire(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags);
}

bool __dma_fence_is_signaled_locked(struct dma_fence *fence);

/**
 * dma_fence_is_signaled_locked - dma_fence_is_signaled() under the fence lock
 * @fence: the fence to look at
 *
 * Callbacks of fences that signal on this occasion run after the caller has
 * dropped the lock. Containers are not asked: their members would signal, and
 * perhaps be released, under the lock.
 *
 * Context: fence lock held.
 * Return: true when the fence has signalled.
 */
static inline bool dma_fence_is_signaled_locked(struct dma_fence *fence)
{
	return dma_fence_test_signaled_flag(fence) ||
	       __dma_fence_is_signaled_locked(fence);
}

/**
 * dma_fence_is_signaled - has the fence signalled, or is its work done?
 * @fence: the fence to look at
 *
 * Asks &dma_fence_ops.signaled when the bit is not set, and signals the fence,
 * callbacks included, when that says that the work is done. Does not enable
 * signalling: without a waiter an issuer may never come to say true.
 *
 * Context: any, the fence lock not held.
 * Return: true when the fence has signalled, with the same guarantee of
 * visibility as dma_fence_test_signaled_flag().
 */
static inline bool dma_fence_is_signaled(struct dma_fence *fence)
{
	const struct dma_fence_ops *ops;
	bool done;

	if (dma_fence_test_signaled_flag(fence))
		return true;

	rcu_read_lock();
	ops = rcu_dereference(fence->ops);
	done = likely(ops) && ops->signaled && ops->signaled(fence);
	rcu_read_unlock();

	if (unlikely(done))
		dma_fence_signal(fence);
	return done;
}

/**
 * __dma_fence_is_later - compare two sequence numbers of a timeline
 * @fence: any fence of the timeline, tells the width of the numbers
 * @f1: a sequence number
 * @f2: another one
 *
 * 32-bit numbers may wrap: the shorter way round decides.
 *
 * Return: true when @f1 comes after @f2.
 */
static inline bool __dma_fence_is_later(struct dma_fence *fence, u64 f1, u64 f2)
{
	if (!test_bit(DMA_FENCE_FLAG_SEQNO64_BIT, &fence->flags))
		return (s32)((u32)f1 - (u32)f2) > 0;
	return f1 > f2;
}

/**
 * dma_fence_is_later - does a fence come after another of its timeline?
 * @f1: a fence
 * @f2: a fence of the same context
 *
 * Return: true when @f1 comes after @f2; false, with a warning, for fences of
 * different contexts.
 */
static inline bool dma_fence_is_later(struct dma_fence *f1,
				      struct dma_fence *f2)
{
	return !WARN_ON(f1->context != f2->context) &&
	       __dma_fence_is_later(f1, f1->seqno, f2->seqno);
}

/**
 * dma_fence_is_later_or_same - dma_fence_is_later(), or the very same fence
 * @f1: a fence
 * @f2: a fence of the same context
 *
 * Return: true when @f1 is @f2 or comes after it.
 */
static inline bool dma_fence_is_later_or_same(struct dma_fence *f1,
					      struct dma_fence *f2)
{
	return f1 == f2 || dma_fence_is_later(f1, f2);
}

/**
 * dma_fence_later - the fence of two to wait for
 * @f1: a fence
 * @f2: a fence of the same context
 *
 * Return: the one that comes later, %NULL when that one has signalled (and with
 * it the other) or, with a warning, when the contexts differ.
 */
static inline struct dma_fence *dma_fence_later(struct dma_fence *f1,
						struct dma_fence *f2)
{
	struct dma_fence *last;

	if (WARN_ON(f1->context != f2->context))
		return NULL;

	last = dma_fence_is_later(f1, f2) ? f1 : f2;
	return dma_fence_is_signaled(last) ? NULL : last;
}

/**
 * dma_fence_get_status_locked - dma_fence_get_status() under the fence lock
 * @fence: the fence to look at
 *
 * Context: fence lock held.
 * Return: 0 not signalled, 1 signalled, negative errno signalled with an error.
 */
static inline int dma_fence_get_status_locked(struct dma_fence *fence)
{
	if (!dma_fence_is_signaled_locked(fence))
		return 0;
	return fence->error ? fence->error : 1;
}

int dma_fence_get_status(struct dma_fence *fence);

/**
 * dma_fence_set_error - note that the work has failed
 * @fence: a fence that has not signalled
 * @error: negative errno
 *
 * Only the side that will signal the fence calls this, before it does; waiters
 * and callbacks see the error then. Who cannot know whether somebody else is about
 * to signal uses dma_fence_set_error_unless_signaled().
 *
 * In use are -ENODATA when just this piece of work went wrong, -ECANCELED when the
 * whole timeline was dropped, and -ETIME after a hang.
 */
static inline void dma_fence_set_error(struct dma_fence *fence, int error)
{
	WARN_ON(dma_fence_test_signaled_flag(fence));
	WARN_ON(!IS_ERR_VALUE((long)error));

	fence->error = error;
#ifdef CONFIG_DMA_FENCE_DEBUG
	/* The first warning is enough. */
	fence->debug.error = error;
#endif
}

bool dma_fence_set_error_unless_signaled(struct dma_fence *fence, int error);

/**
 * dma_fence_timestamp - when the fence has signalled
 * @fence: a signalled fence
 *
 * Only a driver that sets the SIGNALED bit itself can make this wait; the core
 * publishes the bit and the time together.
 *
 * Return: CLOCK_MONOTONIC time of the signal; with a warning the time of the
 * call for a fence that has not signalled.
 */
static inline ktime_t dma_fence_timestamp(struct dma_fence *fence)
{
	if (WARN_ON(!dma_fence_test_signaled_flag(fence)))
		return ktime_get();

	/* Pairs with dma_fence_claim(), as for the SIGNALED bit. */
	while (!test_bit_acquire(DMA_FENCE_FLAG_TIMESTAMP_BIT, &fence->flags))
		cpu_relax();
	return fence->timestamp;
}

/**
 * dma_fence_wait - sleep until the fence has signalled
 * @fence: a fence that the caller keeps alive
 * @intr: whether a signal for the task ends the wait
 *
 * See dma_fence_wait_timeout().
 *
 * Return: 0 when the fence has signalled, -ERESTARTSYS when interrupted, or
 * another negative errno of a custom &dma_fence_ops.wait.
 */
static inline signed long dma_fence_wait(struct dma_fence *fence, bool intr)
{
	signed long left;

	left = dma_fence_wait_timeout(fence, intr, MAX_SCHEDULE_TIMEOUT);
	return min(left, 0L);
}

void dma_fence_set_deadline(struct dma_fence *fence, ktime_t deadline);

struct dma_fence *dma_fence_get_stub(void);
struct dma_fence *dma_fence_allocate_private_stub(ktime_t timestamp);
u64 dma_fence_context_alloc(unsigned int num);

extern const struct dma_fence_ops dma_fence_array_ops;
extern const struct dma_fence_ops dma_fence_chain_ops;
extern const struct dma_fence_ops dma_fence_proxy_ops;

/**
 * dma_fence_is_array - is this a &struct dma_fence_array?
 * @fence: the fence to look at
 *
 * Return: true for an array.
 */
static inline bool dma_fence_is_array(struct dma_fence *fence)
{
	return rcu_access_pointer(fence->ops) == &dma_fence_array_ops;
}

/**
 * dma_fence_is_chain - is this a &struct dma_fence_chain?
 * @fence: the fence to look at
 *
 * Return: true for a chain link.
 */
static inline bool dma_fence_is_chain(struct dma_fence *fence)
{
	return rcu_access_pointer(fence->ops) == &dma_fence_chain_ops;
}

/**
 * dma_fence_is_proxy - is this a fence from dma_fence_proxy_create()?
 * @fence: the fence to look at
 *
 * Return: true for a proxy, whether it has a target or not.
 */
static inline bool dma_fence_is_proxy(struct dma_fence *fence)
{
	return rcu_access_pointer(fence->ops) == &dma_fence_proxy_ops;
}

/**
 * dma_fence_is_container - does this fence stand for other fences?
 * @fence: the fence to look at
 *
 * Return: true for arrays, chains and proxies.
 */
static inline bool dma_fence_is_container(struct dma_fence *fence)
{
	return dma_fence_is_array(fence) || dma_fence_is_chain(fence) ||
	       dma_fence_is_proxy(fence);
}

#endif /* __LINUX_DMA_FENCE_H */
