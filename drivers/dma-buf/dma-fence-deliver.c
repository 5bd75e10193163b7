// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivery of fence callbacks outside the fence lock
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

/**
 * DOC: delivery of fence callbacks
 *
 * Signalling takes two steps. The fence is *claimed* under its lock: the list of
 * callbacks is taken off, and one atomic operation sets SIGNALED, TIMESTAMP and
 * CLAIMED. That is O(1). With the lock dropped the callbacks are *delivered*, in
 * windows of at most DMA_FENCE_WINDOW, with interrupts disabled for a window at
 * a time; of DMA_FENCE_WIDE_WINDOW, when the caller has them disabled anyway.
 *
 * A claimed callback that has not run sits in the list of a window or in a
 * batch. A batch belongs to a shard, one per possible CPU, and the shard's lock
 * protects it; the fence remembers the shard in its flags. That is all a remover
 * needs: it takes a callback out of a batch, or waits until no window runs
 * callbacks of that fence. It never looks at the issuer's lock once the fence is
 * claimed, and never waits for callbacks of another fence.
 *
 * Who delivers:
 *
 * * The signaller, before its call returns, when the fence lock was not held.
 * * The delivery already going on, when a callback signals another fence. Its
 *   callbacks join the batch, so that the stack does not grow with the depth. A
 *   container that the last callback completes is claimed when that has returned.
 * * The holder of a fence lock inside the core, after dropping it, when an
 *   operation of the fence has signalled something.
 * * irq_work or the CPU's thread, after a caller of a ``*_locked`` function has
 *   dropped its lock. On PREEMPT_RT the thread delivers everything, since there
 *   a callback may take sleeping locks.
 *
 * Whoever cannot rely on the signaller's reference takes one of its own with the
 * callbacks, and drops it as soon as the last of them has run or is removed.
 */

#include <linux/cpuhotplug.h>
#include <linux/smpboot.h>
#include <trace/events/dma_fence.h>

#define CREATE_TRACE_POINTS
#include <trace/events/dma_fence_delivery.h>

#include "dma-fence-internal.h"
#include "dma-fence-shard.h"

EXPORT_TRACEPOINT_SYMBOL_GPL(dma_fence_deliver_begin);
EXPORT_TRACEPOINT_SYMBOL_GPL(dma_fence_deliver_callback);
EXPORT_TRACEPOINT_SYMBOL_GPL(dma_fence_deliver_end);

/*
 * The bound on callbacks that run with interrupts disabled, and on what a
 * remover waits for. A boundary costs a few lock round trips, so for a signaller
 * who has interrupts disabled anyway only the remover counts.
 */
#define DMA_FENCE_WINDOW	32
#define DMA_FENCE_WIDE_WINDOW	512

#define DMA_FENCE_CLAIM		(BIT(DMA_FENCE_FLAG_SIGNALED_BIT) | \
				 BIT(DMA_FENCE_FLAG_TIMESTAMP_BIT) | \
				 BIT(DMA_FENCE_FLAG_CLAIMED_BIT))

static_assert(CONFIG_NR_CPUS <= 1 << 16, "shard numbers have 16 bits");

DEFINE_PER_CPU_SHARED_ALIGNED(struct dma_fence_shard, dma_fence_shards);

/* Deliver the deferred batch where irq_work cannot. */
static DEFINE_PER_CPU(struct task_struct *, dma_fence_threads);

/*
 * Release on both edges: a remover that finds another value has all that the
 * callbacks of the earlier fence wrote.
 */
static void shard_set_running(struct dma_fence_shard *shard,
			      struct dma_fence *fence)
{
	/* Pairs with delivering() and delivered_for_sure(). */
	smp_store_release(&shard->running, fence);
}

/*
 * Claiming
 */

/*
 * dma_fence_claim - make the one transition of a fence's life
 * @cbs: receives the callbacks; left undefined when the fence had none
 *
 * Fence lock held. Returns false when the fence has signalled already. A driver
 * may even set the bit itself, without the lock, between the check and the
 * update here, which then leaves everything as it was.
 *
 * What has to be visible with SIGNALED is written before, because the fence may
 * be gone as soon as somebody has seen the bit, unless callbacks are owed.
 */
static bool dma_fence_claim(struct dma_fence *fence, ktime_t timestamp,
			    unsigned int shard, struct list_head *cbs)
{
	const struct dma_fence_ops *ops = rcu_dereference_protected(fence->ops, 1);
	unsigned long mask = DMA_FENCE_CLAIM, old = READ_ONCE(fence->flags);
	bool owed;

	/* The list may have made room for a timestamp by then. */
	if (unlikely(old & BIT(DMA_FENCE_FLAG_SIGNALED_BIT)))
		return false;

	trace_dma_fence_signaled(fence);
	dma_fence_debug_signaled(fence);

	owed = !list_empty(&fence->cb_list);
	if (owed)
		list_replace(&fence->cb_list, cbs);
	fence->timestamp = timestamp;
	fence->batch_prev = NULL;
	if (!ops->release && !ops->wait)
		RCU_INIT_POINTER(fence->ops, NULL);
#ifdef CONFIG_64BIT
	mask |= (unsigned long)shard << DMA_FENCE_SHARD_SHIFT;
#else
	fence->shard = shard;
#endif

	do {
		if (unlikely(old & BIT(DMA_FENCE_FLAG_SIGNALED_BIT))) {
			RCU_INIT_POINTER(fence->ops, ops);
			INIT_LIST_HEAD(&fence->cb_list);
			if (owed)
				list_splice(cbs, &fence->cb_list);
			return false;
		}
		/*
		 * Full barrier. Publishes error, timestamp, list and shard to
		 * dma_fence_test_signaled_flag() and fence_is_claimed().
		 */
	} while (!try_cmpxchg(&fence->flags, &old, old | mask));

	return true;
}

/*
 * Claim a fence that has callbacks into @batch, with a reference. Sets @first to
 * whether the batch was empty before.
 *
 * One that has none left is on its way to dma_fence_release(), which will find
 * the callbacks still listed and sees to them.
 */
static bool dma_fence_claim_batch(struct dma_fence *fence, ktime_t timestamp,
				  struct dma_fence_batch *batch, bool *first)
{
	struct dma_fence_shard *shard = shard_of_batch(batch);
	struct list_head cbs;
	bool claimed;

	if (!kref_get_unless_zero(&fence->refcount))
		return false;

	/*
	 * Under the lock of the shard, so that a remover that finds CLAIMED
	 * finds the callbacks in the batch.
	 */
	raw_spin_lock(&shard->lock);
	claimed = dma_fence_claim(fence, timestamp, batch->shard, &cbs);
	if (claimed) {
		*first = dma_fence_owed_empty(batch);
		dma_fence_owed_append(batch, fence, &cbs, true);
	}
	raw_spin_unlock(&shard->lock);

	if (unlikely(!claimed))
		dma_fence_put(fence);
	return claimed;
}

/*
 * Windows
 */

static __always_inline unsigned int call_callbacks(struct dma_fence_delivery *d,
						   unsigned int max, bool trace)
{
	struct list_head *node = READ_ONCE(d->cbs.next), *next, *guess;
	struct dma_fence *fence = d->fence;

	for (; max && node != &d->cbs; max--, node = next) {
		struct dma_fence_debug_call call;
		struct dma_fence_cb *cb;

		cb = list_entry(node, struct dma_fence_cb, node);
		next = node->next;
		__list_del(&d->cbs, next);
		INIT_LIST_HEAD(node);
		if (trace)
			trace_dma_fence_deliver_callback(fence, cb->func);
		dma_fence_debug_call_begin(&call, fence, cb);
		/* The callback's last touch by the core: it may free itself. */
		dma_fence_lockdep_call(fence, cb);
		dma_fence_debug_call_end(&call);

		/*
		 * As a rule nobody has removed the next one. Hidden from the
		 * compiler, which would use what it has read instead, and make
		 * the CPU wait for its own store each time.
		 */
		guess = next;
		OPTIMIZER_HIDE_VAR(guess);
		if (unlikely(READ_ONCE(d->cbs.next) != guess))
			next = READ_ONCE(d->cbs.next);
	}
	return max;
}

static enum dma_fence_deliver_from
delivered_from(const struct dma_fence_delivery *d)
{
	if (d->direct)
		return DMA_FENCE_DELIVER_DIRECT;
	return d->batch == &shard_of_batch(d->batch)->deferred ?
	       DMA_FENCE_DELIVER_DEFERRED : DMA_FENCE_DELIVER_BATCH;
}

static noinline unsigned int trace_callbacks(struct dma_fence_delivery *d,
					     unsigned int max)
{
	unsigned int left;
	u64 context, seqno;

	/* As of a container that nobody waits for, see claim_next(). */
	if (!max || list_empty(&d->cbs))
		return max;

	/* The fence may be gone after its last callback. */
	context = d->fence->context;
	seqno = d->fence->seqno;
	trace_dma_fence_deliver_begin(d->fence, delivered_from(d));
	left = call_callbacks(d, max, true);
	trace_dma_fence_deliver_end(context, seqno, max - left);
	return left;
}

static __always_inline bool tracing_callbacks(void)
{
	return trace_dma_fence_deliver_begin_enabled() ||
	       trace_dma_fence_deliver_callback_enabled() ||
	       trace_dma_fence_deliver_end_enabled();
}

/*
 * Run callbacks of @d->fence until the window is empty or @max have run. The
 * list is consistent whenever a callback runs, for it may remove its siblings.
 * Returns what is left of @max.
 */
static __always_inline unsigned int run_callbacks(struct dma_fence_delivery *d,
						  unsigned int max)
{
	if (tracing_callbacks())
		return trace_callbacks(d, max);
	return call_callbacks(d, max, false);
}

/*
 * A callback must leave interrupts as they are. Whoever goes on to take the lock
 * of a shard is not prepared to be interrupted by a signaller.
 */
static void check_callbacks(void)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_RT) && WARN_ON_ONCE(!irqs_disabled()))
		local_irq_disable();
}

/* On PREEMPT_RT only threads deliver, and find themselves by their windows. */
static void delivery_enter(struct dma_fence_delivery *d)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return;

	d->outer = this_delivery();
	__this_cpu_write(dma_fence_shards.delivery, d);
}

static void delivery_leave(struct dma_fence_delivery *d)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		__this_cpu_write(dma_fence_shards.delivery, d->outer);
}

static void window_publish(struct dma_fence_shard *shard,
			   struct dma_fence_delivery *d)
{
	list_add(&d->link, &shard->windows);
	WRITE_ONCE(shard->nr_windows, shard->nr_windows + 1);
	/*
	 * Whoever finds a node of this window unlinked finds the window. Pairs
	 * with the acquire of the node in delivered_for_sure().
	 */
	smp_wmb();
}

static void window_withdraw(struct dma_fence_shard *shard,
			    struct dma_fence_delivery *d)
{
	list_del(&d->link);
	/*
	 * Whoever finds the window gone finds all that its callbacks wrote.
	 * Pairs with the acquire in delivered_for_sure().
	 */
	smp_store_release(&shard->nr_windows, shard->nr_windows - 1);
	WRITE_ONCE(shard->withdrawn, shard->withdrawn + 1);
}

static unsigned int window_size(unsigned long flags)
{
	return irqs_disabled_flags(flags) ? DMA_FENCE_WIDE_WINDOW :
					    DMA_FENCE_WINDOW;
}

/*
 * Take up to @max callbacks of the group behind @prev. Shard lock held. Returns
 * how many.
 */
static unsigned int window_open(struct dma_fence_shard *shard,
				struct list_head *prev,
				struct dma_fence_delivery *d, unsigned int max)
{
	unsigned int count;

	d->fence = dma_fence_owed_first(prev);
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		d->task = current;
	count = dma_fence_owed_cut(prev, max, &d->cbs, &d->put);
	window_publish(shard, d);
	return count;
}

/* Shard lock held before and after, dropped in between. */
static void window_run(struct dma_fence_shard *shard,
		       struct dma_fence_delivery *d)
{
	bool cookie;

	raw_spin_unlock(&shard->lock);

	cookie = dma_fence_lockdep_deliver_begin();
	delivery_enter(d);
	run_callbacks(d, UINT_MAX);
	check_callbacks();
	/*
	 * Inside the window: a fence that lives on somebody's stack is kept by
	 * its waiter. If that one's callback was the last, he stays until the
	 * window is withdrawn, see dma_fence_callback_ends_use().
	 */
	if (d->put)
		dma_fence_put(d->fence);
	delivery_leave(d);
	dma_fence_lockdep_deliver_end(cookie);

	raw_spin_lock(&shard->lock);
	window_withdraw(shard, d);
}

/*
 * Deliver about @max callbacks of a batch, of as many fences as it takes, and add
 * to the batch what is signalled meanwhile. Returns whether anything is left.
 *
 * One fence at a time on PREEMPT_RT: a remover that is let in after the window
 * that it waits for may hold a lock that callbacks of the next fence want.
 */
static bool run_windows(struct dma_fence_batch *batch, unsigned int max)
{
	struct dma_fence_shard *shard = shard_of_batch(batch);
	struct dma_fence_delivery d = { .batch = batch };
	bool left, busy = false;
	struct dma_fence *fence;

	raw_spin_lock(&shard->lock);
	do {
		fence = dma_fence_owed_first(&batch->list);
		/* By dma_fence_flush_callbacks(): the rest waits its turn. */
		busy = fence && delivering(shard, fence);
		if (!fence || busy)
			break;
		max -= window_open(shard, &batch->list, &d, max);
		window_run(shard, &d);
	} while (max && !IS_ENABLED(CONFIG_PREEMPT_RT));
	left = !dma_fence_owed_empty(batch);
	raw_spin_unlock(&shard->lock);

	if (unlikely(busy))
		cpu_relax();
	return left;
}

static void let_interrupts_in(unsigned long flags)
{
	if (!irqs_disabled_flags(flags)) {
		local_irq_restore(flags);
		local_irq_disable();
	}
}

/*
 * Deliver a batch of the caller's own, to the end. Called with interrupts disabled
 * and preemption off; interrupts are let in every now and then when @flags says
 * that they were enabled.
 */
static void run_batch(struct dma_fence_batch *batch, unsigned long flags)
{
	if (likely(!batch->filled))
		return;

	do {
		let_interrupts_in(flags);
	} while (run_windows(batch, window_size(flags)));
}

#ifndef CONFIG_PREEMPT_RT
/*
 * dma_fence_run_owed - deliver a window of a fence that has owed callbacks
 *
 * Called with the lock of the shard held, which is dropped, and at a time when
 * nobody runs callbacks of @fence.
 */
void dma_fence_run_owed(struct dma_fence_shard *shard, struct dma_fence *fence,
			unsigned long flags)
	__releases(&shard->lock)
{
	struct dma_fence_delivery *outer = this_delivery(), d = { };
	struct dma_fence_batch nested;

	__dma_fence_batch_init(&nested, smp_processor_id());
	d.batch = outer ? outer->batch : &nested;

	preempt_disable();
	window_open(shard, fence->batch_prev, &d, window_size(flags));
	window_run(shard, &d);
	raw_spin_unlock(&shard->lock);
	run_batch(&nested, flags);
	local_irq_restore(flags);
	preempt_enable();
}
#endif

/* What a direct delivery has left behind: callbacks, or fences signalled by them. */
static noinline void run_rest(struct dma_fence_shard *shard,
			      struct dma_fence_delivery *d, unsigned long flags)
{
	check_callbacks();
	raw_spin_lock(&shard->lock);
	if (!list_empty(&d->cbs))
		dma_fence_owed_push(d->batch, d->fence, &d->cbs, d->put);
	shard_set_running(shard, NULL);
	raw_spin_unlock(&shard->lock);

	run_batch(d->batch, flags);
}

/*
 * Claim a container to the list of a direct delivery, which is empty. Containers come
 * with their lock, and there is a reference, so it is there to be taken.
 */
static void claim_next(struct dma_fence_shard *shard,
		       struct dma_fence_delivery *d)
{
	struct dma_fence *fence = d->next;
	ktime_t now = ktime_get();

	d->next = NULL;
	d->fence = fence;
	d->put = true;
	/* As in signal_unlock(), and for the release of the container, see below. */
	shard_set_running(shard, fence);

	spin_lock(&fence->inline_lock);
	if (list_empty(&fence->cb_list))
		dma_fence_claim(fence, now, 0, NULL);
	else if (!dma_fence_claim(fence, now, shard->cpu, &d->cbs))
		INIT_LIST_HEAD(&d->cbs);
	spin_unlock(&fence->inline_lock);
}

/*
 * Signal the container that the last callback belonged to, and go on like that
 * from each to the next, see dma_fence_signal_next(). Of the window @max are left.
 *
 * The last put of a container puts its members, whose releases may remove callbacks:
 * @shard->running is what the delivery says, or they would wait for themselves.
 */
static noinline void run_next(struct dma_fence_shard *shard,
			      struct dma_fence_delivery *d, unsigned int max,
			      unsigned long flags)
{
	bool cookie;

	do {
		check_callbacks();
		if (unlikely(!max)) {
			/* An interrupt has a use for it, and nothing is owed. */
			shard_set_running(shard, NULL);
			let_interrupts_in(flags);
			max = window_size(flags);
		}

		claim_next(shard, d);
		cookie = dma_fence_lockdep_deliver_begin();
		shard->delivery = d;
		max = run_callbacks(d, max - 1);
		if (list_empty(&d->cbs))
			dma_fence_put(d->fence);
		shard->delivery = NULL;
		dma_fence_lockdep_deliver_end(cookie);
	} while (d->next);
}

/*
 * Deliver a fence that this CPU has just claimed to a list of its own. The first
 * window is announced by @shard->running alone, and most fences need no other:
 * they never take the lock of the shard.
 */
static void run_claimed(struct dma_fence_shard *shard,
			struct dma_fence_delivery *d, unsigned long flags)
{
	struct dma_fence_batch batch __uninitialized;
	unsigned int max;
	bool cookie;

	__dma_fence_batch_init(&batch, shard->cpu);
	d->batch = &batch;
	d->direct = true;
	d->put = false;
	d->next = NULL;
	d->outer = NULL;

	cookie = dma_fence_lockdep_deliver_begin();
	shard->delivery = d;
	max = run_callbacks(d, window_size(flags));
	shard->delivery = NULL;
	dma_fence_lockdep_deliver_end(cookie);

	if (unlikely(d->next))
		run_next(shard, d, max, flags);
	if (likely(list_empty(&d->cbs) && !batch.filled))
		shard_set_running(shard, NULL);
	else
		run_rest(shard, d, flags);
}

/*
 * Deferred delivery
 */

static void deferred_wake(unsigned int cpu)
{
	struct task_struct *thread = per_cpu(dma_fence_threads, cpu);

	/* None early at boot: it looks at the batch when it starts. */
	if (thread)
		wake_up_process(thread);
}

/*
 * After something was added to this CPU's deferred batch. Interrupts are
 * disabled; @irqs_off tells whether they were when the lock was taken.
 */
static void deferred_kick(bool irqs_off)
{
	struct dma_fence_shard *shard = this_cpu_ptr(&dma_fence_shards);

	/* On PREEMPT_RT it always is. */
	if (!IS_ENABLED(CONFIG_PREEMPT_RT) && !irqs_off)
		shard->threaded = true;

	if (IS_ENABLED(CONFIG_PREEMPT_RT) || shard->threaded ||
	    !arch_irq_work_has_interrupt())
		deferred_wake(shard->cpu);
	else if (cpu_online(smp_processor_id()))
		irq_work_queue(&shard->irq_work);
}

/* Some callbacks per interrupt, so that other interrupts get in between. */
static void deferred_irq_work(struct irq_work *work)
{
	struct dma_fence_shard *shard = this_cpu_ptr(&dma_fence_shards);

	/* For a CPU on its way out the rest is up to deferred_cpu_dead(). */
	if (!cpu_online(smp_processor_id()))
		return;
	if (!shard->threaded)
		run_windows(&shard->deferred, DMA_FENCE_WINDOW);
	if (!dma_fence_owed_empty(&shard->deferred))
		deferred_kick(true);
}

/* False when there is nothing left to deliver. In process context. */
#ifdef CONFIG_PREEMPT_RT
static bool run_deferred(struct dma_fence_shard *shard)
{
	bool left;

	/*
	 * Whoever waits for the last window may hold a lock that the callbacks
	 * of the next one want, so let all of them through first. No more can
	 * come as long as no window is published.
	 */
	for (;;) {
		spin_lock(&shard->expiry);
		if (!READ_ONCE(shard->waiters))
			break;
		spin_unlock(&shard->expiry);
		rcuwait_wait_event(&shard->waiters_gone,
				   !READ_ONCE(shard->waiters),
				   TASK_UNINTERRUPTIBLE);
	}
	left = run_windows(&shard->deferred, DMA_FENCE_WINDOW);
	spin_unlock(&shard->expiry);
	return left;
}
#else
static bool run_deferred(struct dma_fence_shard *shard)
{
	bool left;

	preempt_disable();
	local_irq_disable();
	left = run_windows(&shard->deferred, DMA_FENCE_WINDOW);
	/* Nobody else fills it, so nobody can be holding a lock. */
	if (!left)
		shard->threaded = false;
	local_irq_enable();
	preempt_enable();
	return left;
}
#endif

/* Also when only @threaded is left: run_deferred() has to clear it. */
static int deferred_should_run(unsigned int cpu)
{
	struct dma_fence_shard *shard = per_cpu_ptr(&dma_fence_shards, cpu);

	return shard->threaded || !dma_fence_owed_empty(&shard->deferred);
}

static void deferred_thread(unsigned int cpu)
{
	run_deferred(per_cpu_ptr(&dma_fence_shards, cpu));
	cond_resched();
}

/* Callbacks run where an interrupt thread would have run them. */
static void deferred_setup(unsigned int cpu)
{
	sched_set_fifo(current);
}

static struct smp_hotplug_thread dma_fence_thread = {
	.store			= &dma_fence_threads,
	.thread_should_run	= deferred_should_run,
	.thread_fn		= deferred_thread,
	.setup			= deferred_setup,
	.thread_comm		= "dma_fence/%u",
};

/* What the CPU has left behind after its thread was parked. */
static int deferred_cpu_dead(unsigned int cpu)
{
	while (run_deferred(per_cpu_ptr(&dma_fence_shards, cpu)))
		cond_resched();
	return 0;
}

static int __init dma_fence_deliver_init(void)
{
	unsigned int cpu;
	int ret;

	for_each_possible_cpu(cpu) {
		struct dma_fence_shard *shard = per_cpu_ptr(&dma_fence_shards, cpu);

		shard->cpu = cpu;
		raw_spin_lock_init(&shard->lock);
		INIT_LIST_HEAD(&shard->windows);
		__dma_fence_batch_init(&shard->deferred, cpu);
		init_irq_work(&shard->irq_work, deferred_irq_work);
#ifdef CONFIG_PREEMPT_RT
		spin_lock_init(&shard->expiry);
		rcuwait_init(&shard->waiters_gone);
#endif
	}

	ret = smpboot_register_percpu_thread(&dma_fence_thread);
	if (!ret)
		ret = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN,
						"dma-fence:dead", NULL,
						deferred_cpu_dead);
	/* Without them a deferred callback may never run. */
	WARN_ON(ret < 0);
	return min(ret, 0);
}
early_initcall(dma_fence_deliver_init);

/*
 * Signalling
 */

/*
 * __dma_fence_signal_locked - claim now, deliver when the lock is gone
 *
 * Fence lock held. Returns whether this call has signalled the fence.
 */
bool __dma_fence_signal_locked(struct dma_fence *fence, ktime_t timestamp)
{
	struct dma_fence_shard *shard;
	bool signaled, first, irqs_off;
	unsigned long flags;

	if (dma_fence_test_signaled_flag(fence)) {
		dma_fence_debug_again(fence);
		return false;
	}
	/* Common, and needs nobody to deliver. */
	if (list_empty(&fence->cb_list))
		return dma_fence_claim(fence, timestamp, 0, NULL);

	/* Some callers leave interrupts enabled; their CPU stays the same. */
	local_irq_save(flags);
	shard = this_cpu_ptr(&dma_fence_shards);
	if (shard->delivery) {
		signaled = dma_fence_claim_batch(fence, timestamp,
						 shard->delivery->batch, &first);
	} else {
		signaled = dma_fence_claim_batch(fence, timestamp,
						 &shard->deferred, &first);
		irqs_off = irqs_disabled_flags(flags);
		/* Whoever has been called for the first one takes the others. */
		if (signaled && (first || (!irqs_off && !shard->threaded)))
			deferred_kick(irqs_off);
	}
	local_irq_restore(flags);

	return signaled;
}

/* Claim and deliver. Drops the fence lock. */
static bool signal_unlock(struct dma_fence_shard *shard,
			  struct dma_fence *fence, ktime_t timestamp,
			  spinlock_t *lock, unsigned long flags)
{
	/* Clearing all of it would take longer than the rest. */
	struct dma_fence_delivery d __uninitialized;
	bool signaled;

	d.fence = fence;
	/* Before CLAIMED can be seen, so that a remover finds it set. */
	shard_set_running(shard, fence);
	signaled = dma_fence_claim(fence, timestamp, shard->cpu, &d.cbs);
	if (unlikely(!signaled)) {
		shard_set_running(shard, NULL);
		spin_unlock_irqrestore(lock, flags);
		return false;
	}

	/* Tasks that callbacks wake get the CPU once interrupts are enabled. */
	preempt_disable();
	spin_unlock(lock);
	run_claimed(shard, &d, flags);
	local_irq_restore(flags);
	preempt_enable();
	return true;
}

/*
 * __dma_fence_signal - signal a fence and deliver its callbacks
 *
 * Returns whether this call has signalled the fence.
 */
bool __dma_fence_signal(struct dma_fence *fence, ktime_t timestamp)
{
	unsigned long flags;
	spinlock_t *lock = dma_fence_lock_unclaimed(fence, &flags);
	bool signaled;

	if (!lock) {
		dma_fence_debug_again(fence);
		return false;
	}

	if (!IS_ENABLED(CONFIG_PREEMPT_RT) && !list_empty(&fence->cb_list)) {
		struct dma_fence_shard *shard = this_cpu_ptr(&dma_fence_shards);

		if (likely(!shard->delivery))
			return signal_unlock(shard, fence, timestamp, lock,
					     flags);
	}

	signaled = __dma_fence_signal_locked(fence, timestamp);
	spin_unlock_irqrestore(lock, flags);
	return signaled;
}

/*
 * dma_fence_signal_next - signal a container after its last member
 * @fence: the container, with a reference that is dropped
 * @member: the member whose callback this is called from
 *
 * The last callback of a direct delivery leaves this to the deliverer, who claims
 * the container as soon as the callback has returned, to the list that has just
 * become empty. That is sooner than by way of a batch.
 *
 * The time of the member would be at hand, but need not be the latest: another member
 * may have been signalled while this one waited for its turn.
 */
void dma_fence_signal_next(struct dma_fence *fence, struct dma_fence *member)
{
	struct dma_fence_delivery *d = NULL;

	if (!IS_ENABLED(CONFIG_PREEMPT_RT) && irqs_disabled())
		d = this_delivery();

	/* What other callbacks have signalled comes first. */
	if (d && d->fence == member && d->direct && list_empty(&d->cbs) &&
	    !d->batch->filled && !d->next) {
		d->next = fence;
		return;
	}

	__dma_fence_signal(fence, ktime_get());
	dma_fence_put(fence);
}

/*
 * Batches
 */

/*
 * __dma_fence_signal_batch - claim now, deliver with the rest of @batch
 *
 * Fence lock held. Returns whether this call has signalled the fence.
 */
bool __dma_fence_signal_batch(struct dma_fence *fence, ktime_t timestamp,
			      struct dma_fence_batch *batch)
{
	struct dma_fence_delivery *outer;
	bool signaled, first;
	unsigned long flags;

	/* The thread has to deliver it anyway. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return __dma_fence_signal_locked(fence, timestamp);

	if (dma_fence_test_signaled_flag(fence)) {
		dma_fence_debug_again(fence);
		return false;
	}
	if (list_empty(&fence->cb_list))
		return dma_fence_claim(fence, timestamp, 0, NULL);

	local_irq_save(flags);
	if (!batch->filled) {
		/* So that it can be handed over to the delivery going on. */
		outer = this_delivery();
		batch->shard = outer ? outer->batch->shard : smp_processor_id();
	}
	signaled = dma_fence_claim_batch(fence, timestamp, batch, &first);
	local_irq_restore(flags);
	return signaled;
}

/*
 * Let go of a batch inside a delivery: @outer takes it, or, when it was filled
 * somewhere else, the thread of the CPU where that was.
 */
static void hand_over(struct dma_fence_batch *batch,
		      struct dma_fence_delivery *outer)
{
	struct dma_fence_shard *shard = shard_of_batch(batch);
	bool same = outer->batch->shard == batch->shard;

	raw_spin_lock(&shard->lock);
	dma_fence_owed_splice(same ? outer->batch : &shard->deferred, batch);
	raw_spin_unlock(&shard->lock);
	batch->filled = false;
	if (!same)
		deferred_wake(shard->cpu);
}

/*
 * __dma_fence_deliver_batch - deliver what was collected, or have it delivered by
 * the delivery that the caller is part of
 */
void __dma_fence_deliver_batch(struct dma_fence_batch *batch)
{
	struct dma_fence_delivery *outer;
	unsigned long flags;

	preempt_disable();
	local_irq_save(flags);
	outer = this_delivery();
	/* A CPU that is gone has no thread; it cannot go before interrupts are on. */
	if (!outer || (outer->batch->shard != batch->shard &&
		       !cpu_online(batch->shard))) {
		run_batch(batch, flags);
		batch->filled = false;
	} else if (outer->batch != batch) {
		hand_over(batch, outer);
	}
	local_irq_restore(flags);
	preempt_enable();
}

/*
 * Collecting
 *
 * While a fence lock is held, and an operation of that fence runs that may
 * signal others, a delivery stands on the CPU that delivers nothing.
 */

/*
 * dma_fence_collect_begin - keep what is signalled until the lock is dropped
 *
 * Fence lock held, interrupts disabled.
 */
void dma_fence_collect_begin(struct dma_fence_collector *c)
{
	struct dma_fence_delivery *outer;

	__dma_fence_batch_init(&c->batch, smp_processor_id());
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return;

	/* A delivery that is going on already takes it as well. */
	outer = this_delivery();
	c->delivery.batch = outer ? outer->batch : &c->batch;
	c->delivery.fence = NULL;
	c->delivery.direct = false;
	c->delivery.put = false;
	delivery_enter(&c->delivery);
}

/*
 * dma_fence_collect_end - the operation has returned
 */
void dma_fence_collect_end(struct dma_fence_collector *c)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		delivery_leave(&c->delivery);
}

/*
 * dma_fence_collect_deliver - drop the lock, deliver what was collected
 */
void dma_fence_collect_deliver(struct dma_fence_collector *c,
			       spinlock_t *lock, unsigned long flags)
{
	if (likely(!c->batch.filled)) {
		spin_unlock_irqrestore(lock, flags);
		return;
	}

	preempt_disable();
	spin_unlock(lock);
	run_batch(&c->batch, flags);
	local_irq_restore(flags);
	preempt_enable();
}

/*
 * __dma_fence_signal_if_done_locked - ask an operation under the fence lock, and
 * signal when it says true
 *
 * The caller keeps the lock, so everything that this signals is deferred.
 * Returns what @done has said.
 */
bool __dma_fence_signal_if_done_locked(struct dma_fence *fence,
				       bool (*done)(struct dma_fence *fence))
{
	struct dma_fence_delivery *outer, d = { };
	struct dma_fence_batch *deferred;
	unsigned long flags;
	bool ret;

	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		ret = done(fence);
		if (ret)
			__dma_fence_signal_locked(fence, ktime_get());
		return ret;
	}

	local_irq_save(flags);
	outer = this_delivery();
	deferred = this_cpu_ptr(&dma_fence_shards.deferred);
	d.batch = outer ? outer->batch : deferred;

	delivery_enter(&d);
	ret = done(fence);
	if (ret)
		__dma_fence_signal_locked(fence, ktime_get());
	delivery_leave(&d);

	if (!outer && !dma_fence_owed_empty(deferred))
		deferred_kick(irqs_disabled_flags(flags));
	local_irq_restore(flags);
	return ret;
}
