// SPDX-License-Identifier: GPL-2.0-only
/*
 * What lockdep finds with the annotations of the fence core.
 *
 * Copyright (C) 2026 the dma-fence rework project
 *
 * A report ends lockdep's work for good. Here the step that must cause one is
 * taken while all other CPUs stand still, and lockdep's state is put back after it,
 * so the tests that follow have lockdep as before. Each such test has a twin that
 * goes the same way up to that step and must stay silent.
 *
 * The reports are not printed, unless the parameter "loud" asks for them.
 */

#include <linux/dma-fence-array.h>
#include <linux/dma-fence-batch.h>
#include <linux/dma-fence-work.h>
#include <linux/lockdep.h>
#include <linux/moduleparam.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/stop_machine.h>
#include <trace/events/dma_fence.h>

#include "dma-fence-test.h"

#ifdef CONFIG_PROVE_LOCKING

static bool loud;
module_param_named(lockdep_loud, loud, bool, 0444);
MODULE_PARM_DESC(lockdep_loud, "print the reports that the tests provoke");

/**
 * struct test_lock - a lock that only lockdep knows, with a class of its own
 * @map: the lock
 * @key: its class
 */
struct test_lock {
	struct lockdep_map map;
	struct lock_class_key key;
};

/**
 * struct lockdep_test - what a test of this suite has
 * @lock: a lock of no particular kind
 * @later: another one
 * @mutex: one that sleeps
 * @spin: one that spins
 * @fence: a fence
 * @other: another one
 * @cb: a callback
 * @other_cb: another one
 * @func: what @cb does when it runs
 * @work: work that signals
 * @kwork: the same for a thread
 * @queue: queues @work
 * @kept: a fence whose release takes @lock
 * @began: a section in an interrupt was not taken for one that was there already
 */
struct lockdep_test {
	struct test_lock lock;
	struct test_lock later;
	struct test_lock mutex;
	struct test_lock spin;
	struct dft_fence *fence;
	struct dft_fence *other;
	struct dma_fence_cb cb;
	struct dma_fence_cb other_cb;
	void (*func)(struct lockdep_test *t);
	struct dma_fence_work work;
	struct dma_fence_kthread_work kwork;
	struct dma_fence_cb_work queue;
	struct dma_fence *kept;
	bool began;
};

static struct lockdep_test *this_test;

static void with(struct test_lock *lock)
{
	lock_map_acquire(&lock->map);
}

static void without(struct test_lock *lock)
{
	lock_map_release(&lock->map);
}

static void take(struct test_lock *lock)
{
	with(lock);
	without(lock);
}

/*
 * The step
 */

struct step {
	void (*func)(struct lockdep_test *t);
	struct lockdep_test *t;
	bool reported;
};

/*
 * With interrupts disabled on all CPUs nobody else can notice that lockdep was off,
 * and miss that a lock was dropped meanwhile.
 */
static int take_step(void *data)
{
	struct step *step = data;
	unsigned int depth = current->lockdep_depth;
	u64 chain = current->curr_chain_key;

	debug_locks_silent = !loud;
	step->func(step->t);
	debug_locks_silent = 0;

	step->reported = !debug_locks;
	if (step->reported) {
		current->lockdep_depth = depth;
		current->curr_chain_key = chain;
		debug_locks = 1;
	}
	return 0;
}

/* Does lockdep report what @func does? */
static bool reported(struct lockdep_test *t, void (*func)(struct lockdep_test *t))
{
	struct step step = { .func = func, .t = t };

	stop_machine(take_step, &step, cpumask_of(raw_smp_processor_id()));
	return step.reported;
}

static void wait_with_lock(struct lockdep_test *t)
{
	with(&t->lock);
	__dma_fence_might_wait();
	without(&t->lock);
}

static void wait_with_later(struct lockdep_test *t)
{
	with(&t->later);
	__dma_fence_might_wait();
	without(&t->later);
}

static void wait_without_lock(struct lockdep_test *t)
{
	__dma_fence_might_wait();
	take(&t->lock);
}

/* The thread of PREEMPT_RT stands still with all others. */
static void needs_direct_delivery(struct kunit *test)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "callbacks are delivered by a thread");
}

/* Where all CPUs stand still nobody can wait for the lock of a fence. */
static void needs_spinning_locks(struct kunit *test)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "fence locks sleep");
}

/*
 * Signalling sections
 */

static void section_and_wait(struct kunit *test)
{
	struct lockdep_test *t = test->priv;

	/*
	 * Verify that a lock that a signal needs must not be held over a wait,
	 * and may be taken before and after one.
	 */

	scoped_guard(dma_fence_signalling)
		take(&t->lock);
	KUNIT_EXPECT_FALSE(test, reported(t, wait_without_lock));
	KUNIT_EXPECT_TRUE(test, reported(t, wait_with_lock));
}

static void section_is_over(struct kunit *test)
{
	struct lockdep_test *t = test->priv;
	bool cookie;

	/* Verify that a section ends where it should, also the outer one of two. */

	scoped_guard(dma_fence_signalling) {
		guard(dma_fence_signalling)();
		take(&t->later);
	}
	cookie = dma_fence_begin_signalling();
	dma_fence_end_signalling(cookie);
	take(&t->lock);
	KUNIT_EXPECT_FALSE(test, reported(t, wait_with_lock));
}

static void section_with_lock(struct lockdep_test *t)
{
	guard(dma_fence_signalling)();
	take(&t->lock);
}

static void section_of_its_own(struct lockdep_test *t)
{
	bool cookie = dma_fence_begin_signalling();

	t->began = !cookie;
	take(&t->lock);
	dma_fence_end_signalling(cookie);
}

/* As far as lockdep can tell. */
static void in_interrupt_do(struct lockdep_test *t, void (*func)(struct lockdep_test *t))
{
	unsigned long flags;

	local_irq_save(flags);
	preempt_count_add(HARDIRQ_OFFSET);
	lockdep_hardirq_enter();
	func(t);
	lockdep_hardirq_exit();
	preempt_count_sub(HARDIRQ_OFFSET);
	local_irq_restore(flags);
}

static void section_in_interrupt(struct kunit *test)
{
	struct lockdep_test *t = test->priv;

	/*
	 * Verify that sections in interrupts count, also if they interrupt one,
	 * and that they do not clash with waits with interrupts enabled.
	 */

	scoped_guard(dma_fence_signalling)
		in_interrupt_do(t, section_of_its_own);
	KUNIT_EXPECT_TRUE(test, t->began);
	t->began = false;
	in_interrupt_do(t, section_of_its_own);
	KUNIT_EXPECT_TRUE(test, t->began);
	__dma_fence_might_wait();
	KUNIT_EXPECT_TRUE(test, debug_locks);
}

static void section_in_atomic(struct kunit *test)
{
	struct lockdep_test *t = test->priv;

	/* Verify that sections with preemption disabled count. */

	preempt_disable();
	section_with_lock(t);
	preempt_enable();
	KUNIT_EXPECT_TRUE(test, reported(t, wait_with_lock));
}

static void wait_with_spin(struct lockdep_test *t)
{
	with(&t->spin);
	__dma_fence_might_wait();
	without(&t->spin);
}

static void wait_in_spinlock(struct kunit *test)
{
	/* Verify that a wait is seen to sleep. */

	KUNIT_EXPECT_TRUE(test, reported(test->priv, wait_with_spin));
}

/*
 * Entry points
 */

static void by_batch(struct dft_fence *f)
{
	DEFINE_DMA_FENCE_BATCH(batch);
	unsigned long flags;

	dma_fence_lock_irqsave(&f->base, flags);
	dma_fence_batch_signal(&batch, &f->base);
	dma_fence_unlock_irqrestore(&f->base, flags);
	dma_fence_batch_deliver(&batch);
}

static void by_batch_unlocked(struct dft_fence *f)
{
	DEFINE_DMA_FENCE_BATCH(batch);

	dma_fence_batch_signal_unlocked(&batch, &f->base);
	dma_fence_batch_deliver(&batch);
}

static const struct entry {
	const char *name;
	void (*signal)(struct dft_fence *f);
} entries[] = {
	{ "batch", by_batch },
	{ "batch_unlocked", by_batch_unlocked },
	/* Those that signal without asking an operation first. */
	{ "signal" },
	{ "signal_timestamp" },
	{ "check_and_signal" },
	{ "signal_locked" },
	{ "signal_timestamp_locked" },
	{ "check_and_signal_locked" },
};

KUNIT_ARRAY_PARAM_DESC(entry, entries, name);

static void signal_by(const struct entry *entry, struct dft_fence *f)
{
	unsigned int i;

	if (entry->signal)
		return entry->signal(f);
	for (i = 0; i < DFT_SIGNALLERS; i++)
		if (!strcmp(dft_signallers[i].name, entry->name))
			dft_signallers[i].signal(f);
}

static void take_lock_at_claim(void *data, struct dma_fence *fence)
{
	struct lockdep_test *t = data;

	if (fence == &t->fence->base)
		take(&t->lock);
}

static void entry_is_section(struct kunit *test)
{
	struct lockdep_test *t = test->priv;

	/*
	 * Verify that whoever signals is in a signalling section while the fence
	 * is claimed, and is not afterwards.
	 */

	KUNIT_ASSERT_EQ(test, 0, register_trace_dma_fence_signaled(take_lock_at_claim, t));
	signal_by(test->param_value, t->fence);
	unregister_trace_dma_fence_signaled(take_lock_at_claim, t);
	tracepoint_synchronize_unregister();
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(&t->fence->base));
	take(&t->later);
	KUNIT_EXPECT_FALSE(test, reported(t, wait_with_later));
	KUNIT_EXPECT_TRUE(test, reported(t, wait_with_lock));
}

/*
 * Callbacks
 */

static void test_func(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	this_test->func(this_test);
}

static void other_func(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	this_test->func(this_test);
}

static void arm(struct kunit *test, struct dft_fence *f, struct dma_fence_cb *cb,
		dma_fence_func_t func)
{
	KUNIT_ASSERT_EQ(test, 0, dma_fence_add_callback(&f->base, cb, func));
}

static void signal_it(struct lockdep_test *t)
{
	dma_fence_signal(&t->fence->base);
}

static void take_lock(struct lockdep_test *t)
{
	take(&t->lock);
}

static void take_mutex(struct lockdep_test *t)
{
	take(&t->mutex);
}

static void take_spin(struct lockdep_test *t)
{
	take(&t->spin);
}

/* The lock makes lockdep look again when the test is repeated. */
static void allocate(struct lockdep_test *t)
{
	with(&t->lock);
	fs_reclaim_acquire(GFP_KERNEL);
	fs_reclaim_release(GFP_KERNEL);
	without(&t->lock);
}

static void allocate_atomic(struct lockdep_test *t)
{
	fs_reclaim_acquire(GFP_ATOMIC);
	fs_reclaim_release(GFP_ATOMIC);
}

static void wait_for_any(struct lockdep_test *t)
{
	__dma_fence_might_wait();
}

static const struct callback_case {
	const char *name;
	void (*func)(struct lockdep_test *t);
	bool wrong;
} callback_cases[] = {
	{ "mutex", take_mutex, true },
	{ "spinlock", take_spin, false },
	{ "allocation", allocate, true },
	{ "atomic_allocation", allocate_atomic, false },
	{ "wait", wait_for_any, true },
};

KUNIT_ARRAY_PARAM_DESC(callback, callback_cases, name);

static void callback_must_not_sleep(struct kunit *test)
{
	const struct callback_case *c = test->param_value;
	struct lockdep_test *t = test->priv;

	/*
	 * Verify what a callback must not do, though the signaller might. That
	 * nothing has slept is of no account.
	 */

	needs_direct_delivery(test);
	t->func = c->func;
	arm(test, t->fence, &t->cb, test_func);
	c->func(t);
	KUNIT_EXPECT_EQ(test, c->wrong, reported(t, signal_it));
}

static void container_callback_must_not_sleep(struct kunit *test)
{
	struct lockdep_test *t = test->priv;
	struct dma_fence **members = kmalloc_objs(*members, 1);
	struct dma_fence_array *array;

	/* Verify that callbacks on a container are not any freer. */

	needs_direct_delivery(test);
	KUNIT_ASSERT_NOT_NULL(test, members);
	members[0] = dma_fence_get(&t->fence->base);
	array = dma_fence_array_create(1, members, 1, 1);
	KUNIT_ASSERT_NOT_NULL(test, array);
	t->func = take_mutex;
	KUNIT_EXPECT_EQ(test, 0, dma_fence_add_callback(&array->base, &t->cb,
							test_func));
	KUNIT_EXPECT_TRUE(test, reported(t, signal_it));
	dma_fence_put(&array->base);
}

/*
 * Removal
 */

static void remove_with_lock(struct lockdep_test *t)
{
	with(&t->lock);
	dma_fence_remove_callback(&t->fence->base, &t->cb);
	without(&t->lock);
}

static void remove_without_lock(struct lockdep_test *t)
{
	take(&t->lock);
	dma_fence_remove_callback(&t->fence->base, &t->cb);
}

static void removal_and_lock(struct kunit *test)
{
	struct lockdep_test *t = test->priv;

	/*
	 * Verify that removing a callback with a lock held that it takes is
	 * reported although it has run long ago, and is not without the lock.
	 */

	t->func = take_lock;
	arm(test, t->fence, &t->cb, test_func);
	signal_it(t);
	dft_await_thread(&t->fence->base);
	KUNIT_EXPECT_FALSE(test, reported(t, remove_without_lock));
	KUNIT_EXPECT_TRUE(test, reported(t, remove_with_lock));
}

static void removal_before_callback(struct kunit *test)
{
	struct lockdep_test *t = test->priv;

	/* Verify the same the other way round: removed in time, then one that runs. */

	needs_direct_delivery(test);
	t->func = take_lock;
	arm(test, t->fence, &t->cb, test_func);
	remove_with_lock(t);
	arm(test, t->fence, &t->cb, test_func);
	KUNIT_EXPECT_TRUE(test, reported(t, signal_it));
}

static void removal_of_another(struct kunit *test)
{
	struct lockdep_test *t = test->priv;

	/* Verify that the locks of one function do not count for another. */

	needs_direct_delivery(test);
	t->func = take_lock;
	arm(test, t->fence, &t->cb, test_func);
	arm(test, t->other, &t->other_cb, other_func);
	with(&t->lock);
	dma_fence_remove_callback(&t->other->base, &t->other_cb);
	without(&t->lock);
	KUNIT_EXPECT_FALSE(test, reported(t, signal_it));
}

static void remove_siblings(struct lockdep_test *t)
{
	dma_fence_remove_callback(&t->fence->base, &t->cb);
	dma_fence_remove_callback(&t->fence->base, &t->other_cb);
}

static void remove_from_other(struct lockdep_test *t)
{
	dma_fence_remove_callback(&t->other->base, &t->other_cb);
}

static void removal_inside_callback(struct kunit *test)
{
	struct lockdep_test *t = test->priv;

	/*
	 * Verify that a callback may remove itself and its siblings, but not one
	 * of the same function from another fence: if both did, each would wait
	 * for the other.
	 */

	needs_direct_delivery(test);
	t->func = remove_siblings;
	arm(test, t->fence, &t->cb, test_func);
	arm(test, t->fence, &t->other_cb, test_func);
	KUNIT_EXPECT_FALSE(test, reported(t, signal_it));

	t->fence = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	t->func = remove_from_other;
	arm(test, t->fence, &t->cb, test_func);
	arm(test, t->other, &t->other_cb, test_func);
	KUNIT_EXPECT_TRUE(test, reported(t, signal_it));
}

/*
 * Work
 */

static void handler(struct work_struct *base)
{
	this_test->func(this_test);
}

static void kthread_handler(struct kthread_work *base)
{
	this_test->func(this_test);
}

/* As the workqueue does. */
static void run_work(struct lockdep_test *t)
{
	lock_map_acquire(&t->work.base.lockdep_map);
	t->work.base.func(&t->work.base);
	lock_map_release(&t->work.base.lockdep_map);
}

static void run_kthread_work(struct lockdep_test *t)
{
	t->kwork.base.func(&t->kwork.base);
}

static void signal_and_lock(struct lockdep_test *t)
{
	take(&t->lock);
	signal_it(t);
}

static const struct work_case {
	const char *name;
	void (*func)(struct lockdep_test *t);
	void (*run)(struct lockdep_test *t);
	bool wrong;
} work_cases[] = {
	{ "signal", signal_and_lock, run_work, false },
	{ "allocation", allocate, run_work, true },
	{ "wait", wait_for_any, run_work, true },
	{ "kthread_signal", signal_and_lock, run_kthread_work, false },
	{ "kthread_allocation", allocate, run_kthread_work, true },
	{ "kthread_wait", wait_for_any, run_kthread_work, true },
};

KUNIT_ARRAY_PARAM_DESC(work, work_cases, name);

static void work_must_signal(struct kunit *test)
{
	const struct work_case *c = test->param_value;
	struct lockdep_test *t = test->priv;

	/*
	 * Verify what a handler must not do that fences depend on, and what it
	 * may.
	 */

	needs_spinning_locks(test);
	t->func = c->func;
	KUNIT_EXPECT_EQ(test, c->wrong, reported(t, c->run));
}

static void work_under_lock(struct kunit *test)
{
	struct lockdep_test *t = test->priv;

	/* Verify that a handler is a section also if INIT could not say so. */

	with(&t->later);
	INIT_DMA_FENCE_WORK(&t->work, handler);
	without(&t->later);
	t->func = allocate;
	KUNIT_EXPECT_TRUE(test, reported(t, run_work));
}

static void work_locks(struct kunit *test)
{
	struct lockdep_test *t = test->priv;

	/*
	 * Verify that a lock that a handler takes must not be held over a wait,
	 * whatever queues the work.
	 */

	t->func = take_lock;
	KUNIT_ASSERT_EQ(test, 0, dma_fence_add_work(&t->fence->base, &t->queue,
						    system_percpu_wq, &t->work.base));
	signal_it(t);
	dft_await_thread(&t->fence->base);
	flush_work(&t->work.base);
	KUNIT_EXPECT_TRUE(test, reported(t, wait_with_lock));
}

static void work_cancelled(struct kunit *test)
{
	struct lockdep_test *t = test->priv;

	/*
	 * Verify that taking work back with a lock held that its handler takes
	 * is reported although the fence had not signalled.
	 */

	t->func = take_lock;
	KUNIT_ASSERT_EQ(test, 0, dma_fence_add_work(&t->fence->base, &t->queue,
						    system_percpu_wq, &t->work.base));
	with(&t->lock);
	KUNIT_EXPECT_TRUE(test, dma_fence_cancel_work_sync(&t->fence->base,
							   &t->queue));
	without(&t->lock);
	KUNIT_EXPECT_TRUE(test, reported(t, run_work));
}

static void kthread_work_cancelled(struct kunit *test)
{
	struct dma_fence_cb_kthread_work queue;
	struct lockdep_test *t = test->priv;
	struct kthread_worker *worker = kthread_run_worker(0, "dft");

	/* Verify the same for the thread of a worker. */

	KUNIT_ASSERT_FALSE(test, IS_ERR(worker));
	t->func = take_lock;
	KUNIT_EXPECT_EQ(test, 0, dma_fence_add_kthread_work(&t->fence->base, &queue,
							    worker, &t->kwork.base));
	with(&t->lock);
	KUNIT_EXPECT_TRUE(test, dma_fence_cancel_kthread_work_sync(&t->fence->base,
								   &queue));
	without(&t->lock);
	KUNIT_EXPECT_TRUE(test, reported(t, run_kthread_work));
	kthread_destroy_worker(worker);
}

/*
 * Releases
 */

static const char *put_name(struct dma_fence *fence)
{
	return "dft";
}

static void put_release(struct dma_fence *fence)
{
	take(&this_test->lock);
	dma_fence_free(fence);
}

static const struct dma_fence_ops put_ops = {
	.get_driver_name = put_name,
	.get_timeline_name = put_name,
	.release = put_release,
};

static void put_with_lock(struct lockdep_test *t)
{
	with(&t->lock);
	dma_fence_put(t->kept);
	without(&t->lock);
}

static void put_borrowed_with_lock(struct lockdep_test *t)
{
	with(&t->lock);
	dma_fence_put_borrowed(t->kept);
	without(&t->lock);
}

static struct dma_fence *put_fence_new(struct kunit *test)
{
	struct dma_fence *fence = kzalloc_obj(*fence);

	KUNIT_ASSERT_NOT_NULL(test, fence);
	dma_fence_init(fence, &put_ops, NULL, 1, 1);
	return fence;
}

static void put_may_be_last(struct kunit *test)
{
	struct lockdep_test *t = test->priv;

	/*
	 * Verify that a put under a lock that the release takes is reported
	 * though it is not the last, and that a borrowed reference is not.
	 */

	if (!IS_ENABLED(CONFIG_DMA_FENCE_DEBUG_PUT))
		kunit_skip(test, "needs CONFIG_DMA_FENCE_DEBUG_PUT");
	dma_fence_put(put_fence_new(test));
	t->kept = put_fence_new(test);
	dma_fence_get(t->kept);
	KUNIT_EXPECT_FALSE(test, reported(t, put_borrowed_with_lock));
	dma_fence_get(t->kept);
	KUNIT_EXPECT_TRUE(test, reported(t, put_with_lock));
	dma_fence_put(t->kept);
}

/*
 * Each test has locks, and with them all that lockdep learns from it, for itself.
 */

static void lock_init(struct test_lock *lock, const char *name, u8 wait_type)
{
	lockdep_register_key(&lock->key);
	lockdep_init_map_wait(&lock->map, name, &lock->key, 0, wait_type);
}

static int lockdep_test_init(struct kunit *test)
{
	struct lockdep_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!debug_locks)
		kunit_skip(test, "lockdep is off, something was reported before");
	if (!t)
		return -ENOMEM;

	lock_init(&t->lock, "dft_lock", LD_WAIT_INV);
	lock_init(&t->later, "dft_later", LD_WAIT_INV);
	lock_init(&t->mutex, "dft_mutex", LD_WAIT_SLEEP);
	lock_init(&t->spin, "dft_spin", LD_WAIT_CONFIG);
	t->fence = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	t->other = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	INIT_DMA_FENCE_WORK(&t->work, handler);
	INIT_DMA_FENCE_KTHREAD_WORK(&t->kwork, kthread_handler);
	this_test = t;
	test->priv = t;
	return dft_pin(test);
}

static void lockdep_test_exit(struct kunit *test)
{
	struct lockdep_test *t = test->priv;

	if (!t)
		return;
	lockdep_unregister_key(&t->lock.key);
	lockdep_unregister_key(&t->later.key);
	lockdep_unregister_key(&t->mutex.key);
	lockdep_unregister_key(&t->spin.key);
}

static struct kunit_case lockdep_cases[] = {
	KUNIT_CASE(section_and_wait),
	KUNIT_CASE(section_is_over),
	KUNIT_CASE(section_in_interrupt),
	KUNIT_CASE(section_in_atomic),
	KUNIT_CASE(wait_in_spinlock),
	KUNIT_CASE_PARAM(entry_is_section, entry_gen_params),
	KUNIT_CASE_PARAM(callback_must_not_sleep, callback_gen_params),
	KUNIT_CASE(container_callback_must_not_sleep),
	KUNIT_CASE(removal_and_lock),
	KUNIT_CASE(removal_before_callback),
	KUNIT_CASE(removal_of_another),
	KUNIT_CASE(removal_inside_callback),
	KUNIT_CASE_PARAM(work_must_signal, work_gen_params),
	KUNIT_CASE(work_under_lock),
	KUNIT_CASE(work_locks),
	KUNIT_CASE(work_cancelled),
	KUNIT_CASE(kthread_work_cancelled),
	KUNIT_CASE(put_may_be_last),
	{}
};

static struct kunit_suite lockdep_suite = {
	.name = "dma_fence_lockdep",
	.init = lockdep_test_init,
	.exit = lockdep_test_exit,
	.test_cases = lockdep_cases,
};

kunit_test_suite(lockdep_suite);

#endif /* CONFIG_PROVE_LOCKING */
