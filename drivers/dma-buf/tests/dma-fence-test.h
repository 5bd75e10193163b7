/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the dma_fence suites share.
 *
 * A broken core must end in a failed test and not in a dead machine, so a test
 * never waits for the core without a limit: spin_until() and sleep_until()
 * give up after DFT_PATIENCE, and every sleeping wait has a timeout.
 *
 * A core that writes to memory which is no longer its business is found without
 * KASAN too: the owner fills the memory with a pattern and looks at it later.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef _DMA_FENCE_TEST_H
#define _DMA_FENCE_TEST_H

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-fence.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include <kunit/test.h>

#define DFT_POISON	0xa5
#define DFT_PATIENCE	(2 * NSEC_PER_SEC)

/*
 * On a uniprocessor kernel without lock debugging a spinlock has no state, and
 * a trylock succeeds whoever holds it.
 */
#define DFT_LOCKS_ARE_VISIBLE \
	(IS_ENABLED(CONFIG_SMP) || IS_ENABLED(CONFIG_DEBUG_SPINLOCK))

/* Where the rate of a run says nothing, long tests stop by the clock. */
#define DFT_SLOW_KERNEL \
	(IS_ENABLED(CONFIG_KASAN) || !IS_ENABLED(CONFIG_UML))

/* Pairs with dft_load(), which gets to see what was written before. */
#define dft_store(p, value)	smp_store_release(p, value)
/* Pairs with dft_store(). */
#define dft_load(p)		smp_load_acquire(p)

#define __dft_until(cond, pause)					\
({									\
	ktime_t __end = ktime_add_ns(ktime_get(), DFT_PATIENCE);	\
	bool __late, __true;						\
									\
	for (;;) {							\
		__late = ktime_after(ktime_get(), __end);		\
		__true = (cond);					\
		if (__true || __late)					\
			break;						\
		pause;							\
	}								\
	__true;								\
})

/* For atomic context, and for conditions that come true without the scheduler. */
#define spin_until(cond)	__dft_until(cond, cpu_relax())
#define sleep_until(cond)	__dft_until(cond, usleep_range(20, 100))

/*
 * Who signals without holding the lock has delivered when the call returns, but
 * on PREEMPT_RT leaves that to a thread. Sleeps there.
 */
static inline void dft_await_thread(struct dma_fence *fence)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		dma_fence_flush_callbacks(fence);
}

/*
 * A task of the same priority is not preempted by that thread: what it signals is
 * owed until it sleeps. This is for tests that need something to be owed, and are
 * bound to a CPU.
 */
static inline void dft_hold_thread(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		sched_set_fifo(current);
}

static inline void dft_let_thread_go(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		sched_set_normal(current, 0);
}

static inline bool dft_lock_is_free(spinlock_t *lock)
{
	unsigned long flags;

	if (!spin_trylock_irqsave(lock, flags))
		return false;
	spin_unlock_irqrestore(lock, flags);

	return true;
}

/*
 * Does the context that delivers not hold @lock? The thread may have preempted
 * who does, so there only lockdep can tell.
 */
static inline bool dft_not_held(spinlock_t *lock)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return !IS_ENABLED(CONFIG_LOCKDEP) || lockdep_is_held(lock) <= 0;

	return dft_lock_is_free(lock);
}

static inline void dft_spin_ns(u64 ns)
{
	ktime_t end = ktime_add_ns(ktime_get(), ns);

	while (ktime_before(ktime_get(), end))
		cpu_relax();
}

static inline void dft_poison(void *memory, size_t size)
{
	memset(memory, DFT_POISON, size);
}

static inline bool dft_poisoned(const void *memory, size_t size)
{
	return !memchr_inv(memory, DFT_POISON, size);
}

/* The names as a reader gets them, who is inside an RCU section. */
static inline const char *dft_driver_of(struct dma_fence *fence)
{
	const char __rcu *name = dma_fence_driver_name(fence);

	return rcu_dereference(name);
}

static inline const char *dft_timeline_of(struct dma_fence *fence)
{
	const char __rcu *name = dma_fence_timeline_name(fence);

	return rcu_dereference(name);
}

/* dma_fence_timestamp() would spin for a stamp that does not come. */
static inline ktime_t dft_stamp_of(struct dma_fence *fence)
{
	if (!test_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT, &fence->flags))
		return KTIME_MAX;

	return dma_fence_timestamp(fence);
}

/**
 * struct dft_fence - a fence whose owner records what the core asks of it
 * @base: the fence; first, because dma_fence_free() frees by its address
 * @own_lock: the lock of a fence that is created with %DFT_EXTERN_LOCK
 * @enable_result: what enable_signaling answers
 * @enable_error: if set, stored as the fence's error before it answers
 * @signaled_result: what signaled answers
 * @drags: a fence that enable_signaling and signaled signal before they answer
 * @signals_itself: enable_signaling signals its own fence before it answers
 * @fakes_signal: enable_signaling sets SIGNALED by itself, as i915 does
 * @enabled: number of calls of enable_signaling
 * @asked: number of calls of signaled
 * @hinted: number of calls of set_deadline
 * @hint: the last deadline
 * @waited: number of calls of wait
 * @released: if set, counts the calls of release; outlives the fence
 */
struct dft_fence {
	struct dma_fence base;
	spinlock_t own_lock;	/* protects @base, if external */
	bool enable_result;
	int enable_error;
	bool signaled_result;
	struct dma_fence *drags;
	bool signals_itself;
	bool fakes_signal;
	unsigned int enabled;
	unsigned int asked;
	unsigned int hinted;
	ktime_t hint;
	unsigned int waited;
	atomic_t *released;
};

#define to_dft_fence(fence) container_of(fence, struct dft_fence, base)

#define DFT_WAIT_RESULT	4711

enum dft_lock {
	DFT_INLINE_LOCK,
	DFT_EXTERN_LOCK,
};

extern const struct dma_fence_ops dft_names_ops;
extern const struct dma_fence_ops dft_ops;
extern const struct dma_fence_ops dft_release_ops;
extern const struct dma_fence_ops dft_wait_ops;

void dft_fence_init(struct dft_fence *f, const struct dma_fence_ops *ops, spinlock_t *lock);
struct dft_fence *dft_fence_alloc(struct kunit *test,
				  const struct dma_fence_ops *ops,
				  enum dft_lock lock);
struct dft_fence *dft_fence_new(struct kunit *test,
				const struct dma_fence_ops *ops,
				enum dft_lock lock);
bool dft_has_callbacks(struct dma_fence *fence);
void dft_link_callback(struct dma_fence *fence, struct dma_fence_cb *cb,
		       dma_fence_func_t func);
void dft_fake_signal(struct dma_fence *fence);
void dft_fake_delivery(struct dma_fence *fence);

/**
 * struct dft_cb - a callback that counts
 * @base: the callback
 * @runs: how often it was called
 */
struct dft_cb {
	struct dma_fence_cb base;
	atomic_t runs;
};

void dft_count(struct dma_fence *fence, struct dma_fence_cb *cb);

static inline int dft_runs(struct dft_cb *cb)
{
	return atomic_read(&cb->runs);
}

/**
 * struct dft_signaller - one way to get a fence signalled
 * @name: name of the test parameter
 * @deferred: callbacks may run after the function has returned
 * @enables: the fence must not have been asked to enable signaling before
 * @signal: the way
 * @sleeps: it needs a context that may sleep
 */
struct dft_signaller {
	const char *name;
	bool deferred;
	bool enables;
	void (*signal)(struct dft_fence *f);
	bool sleeps;
};

#define DFT_SIGNALLERS	17
extern const struct dft_signaller dft_signallers[DFT_SIGNALLERS];

void dft_signal_locked(struct dft_fence *f);

/**
 * struct dft_thread - a thread bound to a CPU that a test starts and joins
 * @task: the thread
 * @finished: completed when @func has returned
 * @func: what it runs
 * @data: what @func is given
 * @ret: what @func has returned
 */
struct dft_thread {
	struct task_struct *task;
	struct completion finished;
	int (*func)(void *data);
	void *data;
	int ret;
};

int dft_pin(struct kunit *test);
unsigned int dft_other_cpu(struct kunit *test);
void dft_thread_start(struct kunit *test, struct dft_thread *t,
		      unsigned int cpu, int (*func)(void *data), void *data);
int dft_thread_join(struct kunit *test, struct dft_thread *t);

#endif /* _DMA_FENCE_TEST_H */
