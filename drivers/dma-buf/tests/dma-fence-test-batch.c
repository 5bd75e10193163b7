// SPDX-License-Identifier: GPL-2.0-only
/*
 * Batches: fences that are signalled under a lock and delivered when it is gone.
 *
 * No test may give up while it has a batch that is not delivered, because the
 * fences in it lead to the stack: nothing is asserted in between.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/hrtimer.h>
#include <linux/irqflags.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../dma-fence-internal.h"
#include "dma-fence-test.h"

/* On PREEMPT_RT a thread delivers, before the caller gets to it or later. */
#define BATCH_RT	IS_ENABLED(CONFIG_PREEMPT_RT)
#ifdef CONFIG_PREEMPT_RT
#define batch_delivered(cond)	sleep_until(cond)
#else
#define batch_delivered(cond)	(cond)
#endif

struct crowd;

struct crowd_fence {
	struct dma_fence base;
	struct crowd *crowd;
};

struct crowd_cb {
	struct dma_fence_cb base;
	struct crowd *crowd;
	unsigned int number;
	int status;
	ktime_t stamp;
};

/**
 * struct crowd - fences that share a lock, and callbacks that know their turn
 * @lock: the lock
 * @other: one that is not of the fences, and must not be held by callbacks either
 * @count: number of fences
 * @each: number of callbacks of each of them
 * @fences: the fences, %NULL where the test has dropped the reference
 * @cbs: the callbacks, numbered in the order in which they are to run
 * @hook: if set, called by the callback with the number @hooked
 * @hooked: see @hook
 * @data: for @hook
 * @ran: number of callbacks that have run
 * @next: the lowest number that has not had its turn
 * @astray: how many ran behind their turn
 * @locked: how many ran under a lock or with interrupts enabled
 * @cpu: where the last one ran
 * @task: who ran it
 * @released: number of fences that were released
 * @released_locked: how many of these under a lock
 */
struct crowd {
	spinlock_t lock;	/* see above */
	spinlock_t other;	/* see above */
	unsigned int count;
	unsigned int each;
	struct dma_fence **fences;
	struct crowd_cb *cbs;
	void (*hook)(struct crowd *c);
	unsigned int hooked;
	void *data;
	unsigned int ran;
	unsigned int next;
	unsigned int astray;
	unsigned int locked;
	unsigned int cpu;
	struct task_struct *task;
	unsigned int released;
	unsigned int released_locked;
};

static bool crowd_locks_free(struct crowd *c)
{
	return dft_not_held(&c->lock) && dft_not_held(&c->other);
}

static const char *crowd_name(struct dma_fence *fence)
{
	return "crowd";
}

static void crowd_release(struct dma_fence *fence)
{
	struct crowd *c = container_of(fence, struct crowd_fence, base)->crowd;

	c->released_locked += !crowd_locks_free(c);
	dft_store(&c->released, c->released + 1);
	dma_fence_free(fence);
}

static const struct dma_fence_ops crowd_ops = {
	.get_driver_name = crowd_name,
	.get_timeline_name = crowd_name,
	.release = crowd_release,
};

static void crowd_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct crowd_cb *cb = container_of(base, struct crowd_cb, base);
	struct crowd *c = cb->crowd;

	c->locked += !crowd_locks_free(c) || (!BATCH_RT && !irqs_disabled());
	c->astray += cb->number < c->next;
	c->next = cb->number + 1;
	c->cpu = raw_smp_processor_id();
	c->task = current;
	cb->status = dma_fence_get_status(fence);
	cb->stamp = dft_stamp_of(fence);
	dft_store(&c->ran, c->ran + 1);
	if (c->hook && cb->number == c->hooked)
		c->hook(c);
}

static void crowd_free(void *data)
{
	struct crowd *c = data;
	unsigned int i;

	for (i = 0; c->fences && i < c->count; i++) {
		if (!c->fences[i])
			continue;
		dma_fence_signal(c->fences[i]);
		dma_fence_flush_callbacks(c->fences[i]);
		dma_fence_put(c->fences[i]);
	}
	kvfree(c->fences);
	kvfree(c->cbs);
}

static void crowd_add(struct kunit *test, struct crowd *c, unsigned int i)
{
	struct crowd_fence *f = kzalloc_obj(*f);
	unsigned int n;

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->crowd = c;
	dma_fence_init(&f->base, &crowd_ops, &c->lock, 1, i + 1);
	c->fences[i] = &f->base;
	for (n = i * c->each; n < (i + 1) * c->each; n++) {
		c->cbs[n].crowd = c;
		c->cbs[n].number = n;
		if (dma_fence_add_callback(&f->base, &c->cbs[n].base,
					   crowd_func))
			KUNIT_FAIL(test, "callback %u not added", n);
	}
}

static struct crowd *crowd_new(struct kunit *test, unsigned int count,
			       unsigned int each)
{
	struct crowd *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, c);
	spin_lock_init(&c->lock);
	spin_lock_init(&c->other);
	c->count = count;
	c->each = each;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, crowd_free, c), 0);
	c->cbs = kvcalloc(count * each + 1, sizeof(*c->cbs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, c->cbs);
	c->fences = kvcalloc(count, sizeof(*c->fences), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, c->fences);
	for (i = 0; i < count; i++)
		crowd_add(test, c, i);

	return c;
}

/* Signal the fences from @from up to @to. Returns how many that was. */
static unsigned int crowd_signal(struct crowd *c, struct dma_fence_batch *batch,
				 unsigned int from, unsigned int to)
{
	unsigned int signalled = 0;
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	for (; from < to; from++)
		signalled += dma_fence_batch_signal(batch, c->fences[from]);
	spin_unlock_irqrestore(&c->lock, flags);

	return signalled;
}

static unsigned int crowd_signal_all(struct crowd *c,
				     struct dma_fence_batch *batch)
{
	return crowd_signal(c, batch, 0, c->count);
}

/* How many references there are beside those of the test. */
static unsigned int crowd_references(struct crowd *c)
{
	unsigned int i, count = 0;

	for (i = 0; i < c->count; i++)
		if (c->fences[i])
			count += kref_read(&c->fences[i]->refcount) - 1;

	return count;
}

/* All have run, each at its turn, and the core has let go of the fences. */
static void crowd_expect(struct kunit *test, struct crowd *c, unsigned int ran)
{
	KUNIT_EXPECT_TRUE(test, batch_delivered(dft_load(&c->ran) == ran));
	KUNIT_EXPECT_EQ(test, c->ran, ran);
	KUNIT_EXPECT_EQ(test, c->astray, 0);
	KUNIT_EXPECT_EQ(test, c->locked, 0);
	KUNIT_EXPECT_TRUE(test, batch_delivered(!crowd_references(c)));
	KUNIT_EXPECT_EQ(test, c->released_locked, 0);
}

static bool signal_timestamp(struct dma_fence_batch *batch,
			     struct dma_fence *fence)
{
	return dma_fence_batch_signal_timestamp(batch, fence, ktime_get());
}

struct batch_params {
	const char *name;
	unsigned int count;
	unsigned int each;
	bool (*signal)(struct dma_fence_batch *batch, struct dma_fence *fence);
};

static const struct batch_params batch_cases[] = {
	{ "one fence", 1, 1, dma_fence_batch_signal },
	{ "10000 fences", 10000, 1, dma_fence_batch_signal },
	{ "3000 fences, 5 callbacks", 3000, 5, dma_fence_batch_signal },
	{ "one fence, 5000 callbacks", 1, 5000, dma_fence_batch_signal },
	{ "timestamp, one fence", 1, 2, signal_timestamp },
	{ "timestamp, 10000 fences", 10000, 1, signal_timestamp },
	{ "unlocked, one fence", 1, 2, dma_fence_batch_signal_unlocked },
	{ "unlocked, 10000 fences", 10000, 1, dma_fence_batch_signal_unlocked },
};

KUNIT_ARRAY_PARAM_DESC(batch, batch_cases, name);

static void batch_delivers(struct kunit *test)
{
	const struct batch_params *p = test->param_value;
	unsigned int round, i;
	unsigned long flags;

	/*
	 * Verify that fences show as signalled as soon as they are in a batch,
	 * that nothing runs until it is delivered, and that everything has run
	 * after that, in the order of the signals and under no lock. Twice, with
	 * the same batch.
	 */

	DEFINE_DMA_FENCE_BATCH(batch);

	for (round = 0; round < 2; round++) {
		struct crowd *c = crowd_new(test, p->count, p->each);
		unsigned int refused = 0, dark = 0, early;
		spinlock_t *lock = p->signal == dma_fence_batch_signal_unlocked ?
			&c->other : &c->lock;

		spin_lock_irqsave(lock, flags);
		for (i = 0; i < c->count; i++) {
			refused += !p->signal(&batch, c->fences[i]);
			dark += !dma_fence_is_signaled(c->fences[i]);
		}
		early = READ_ONCE(c->ran);
		spin_unlock_irqrestore(lock, flags);
		early += READ_ONCE(c->ran);
		dma_fence_batch_deliver(&batch);

		KUNIT_EXPECT_EQ(test, refused, 0);
		KUNIT_EXPECT_EQ(test, dark, 0);
		if (!BATCH_RT)
			KUNIT_EXPECT_EQ(test, early, 0);
		crowd_expect(test, c, p->count * p->each);
	}
}

static void batch_status(struct kunit *test)
{
	struct crowd *c = crowd_new(test, 20, 2);
	unsigned int i, early = 0;
	unsigned long flags;

	/*
	 * Verify that a fence in a batch has its error and the time it was given
	 * from the start, and that its callbacks find both.
	 */

	DEFINE_DMA_FENCE_BATCH(batch);

	spin_lock_irqsave(&c->lock, flags);
	for (i = 0; i < c->count; i++) {
		struct dma_fence *fence = c->fences[i];

		dma_fence_set_error(fence, -1 - (int)i);
		dma_fence_batch_signal_timestamp(&batch, fence,
						 ns_to_ktime(1000 - i));
		early += dma_fence_get_status_locked(fence) != -1 - (int)i ||
			 dft_stamp_of(fence) != ns_to_ktime(1000 - i);
	}
	spin_unlock_irqrestore(&c->lock, flags);
	dma_fence_batch_deliver(&batch);

	KUNIT_EXPECT_EQ(test, early, 0);
	crowd_expect(test, c, 40);
	for (i = 0; i < c->count * c->each; i++) {
		KUNIT_EXPECT_EQ(test, c->cbs[i].status, -1 - (int)(i / 2));
		KUNIT_EXPECT_EQ(test, c->cbs[i].stamp, ns_to_ktime(1000 - i / 2));
	}
}

static void batch_timestamps(struct kunit *test)
{
	struct crowd *c = crowd_new(test, 100, 1);
	ktime_t before, after, last;
	unsigned int i;

	/*
	 * Verify that the times of the signals, not of the delivery, are what
	 * the fences have, and that they do not go backwards.
	 */

	DEFINE_DMA_FENCE_BATCH(batch);

	before = ktime_get();
	crowd_signal(c, &batch, 0, 50);
	/* Without callbacks, or of the same time, would be no different. */
	dma_fence_batch_signal_unlocked(&batch, c->fences[50]);
	crowd_signal(c, &batch, 51, 100);
	after = ktime_get();
	dft_spin_ns(NSEC_PER_MSEC);
	dma_fence_batch_deliver(&batch);

	crowd_expect(test, c, 100);
	for (i = 0, last = before; i < c->count; i++) {
		ktime_t stamp = dft_stamp_of(c->fences[i]);

		KUNIT_EXPECT_GE(test, stamp, last);
		KUNIT_EXPECT_EQ(test, stamp, c->cbs[i].stamp);
		last = stamp;
	}
	KUNIT_EXPECT_LE(test, last, after);
}

static void batch_signal_again(struct kunit *test)
{
	struct crowd *c = crowd_new(test, 1, 2);
	struct dma_fence *fence = c->fences[0];
	bool first, again[3];
	unsigned long flags;
	unsigned int early;
	ktime_t stamp;

	/*
	 * Verify that a fence signals once, whichever batch it is offered to
	 * later, and that only the first batch has to do with it.
	 */

	DEFINE_DMA_FENCE_BATCH(one);
	DEFINE_DMA_FENCE_BATCH(two);

	spin_lock_irqsave(&c->lock, flags);
	first = dma_fence_batch_signal(&one, fence);
	stamp = dft_stamp_of(fence);
	again[0] = dma_fence_batch_signal(&one, fence);
	again[1] = dma_fence_batch_signal_timestamp(&two, fence, 0);
	spin_unlock_irqrestore(&c->lock, flags);
	again[2] = dma_fence_batch_signal_unlocked(&two, fence);
	dma_fence_signal(fence);
	dma_fence_batch_deliver(&two);
	early = READ_ONCE(c->ran);
	dma_fence_batch_deliver(&one);

	KUNIT_EXPECT_TRUE(test, first);
	KUNIT_EXPECT_FALSE(test, again[0]);
	KUNIT_EXPECT_FALSE(test, again[1]);
	KUNIT_EXPECT_FALSE(test, again[2]);
	KUNIT_EXPECT_EQ(test, dft_stamp_of(fence), stamp);
	if (!BATCH_RT)
		KUNIT_EXPECT_EQ(test, early, 0);
	crowd_expect(test, c, 2);
}

static void batch_foreign_signaller(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_names_ops,
					    DFT_EXTERN_LOCK);
	struct dft_cb cb = {};
	unsigned long flags;
	bool signalled;

	/*
	 * Verify that a batch takes nothing from a fence that its owner has
	 * marked signalled and will deliver himself.
	 */

	DEFINE_DMA_FENCE_BATCH(batch);

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&f->base, &cb.base,
						     dft_count), 0);
	dft_fake_signal(&f->base);
	spin_lock_irqsave(&f->own_lock, flags);
	signalled = dma_fence_batch_signal(&batch, &f->base);
	spin_unlock_irqrestore(&f->own_lock, flags);
	signalled |= dma_fence_batch_signal_unlocked(&batch, &f->base);
	dma_fence_batch_deliver(&batch);
	KUNIT_EXPECT_FALSE(test, signalled);
	KUNIT_EXPECT_EQ(test, dft_runs(&cb), 0);

	dft_fake_delivery(&f->base);
	KUNIT_EXPECT_EQ(test, dft_runs(&cb), 1);
}

static void batch_without_callbacks(struct kunit *test)
{
	struct crowd *quiet = crowd_new(test, 4, 0);
	struct crowd *c = crowd_new(test, 2, 1);
	unsigned int signalled, references;

	/*
	 * Verify that fences which owe nothing pass through a batch without a
	 * trace: it keeps no reference, and serves others as before.
	 */

	DEFINE_DMA_FENCE_BATCH(batch);

	signalled = crowd_signal(quiet, &batch, 0, 2);
	references = crowd_references(quiet);
	dma_fence_batch_deliver(&batch);

	signalled += crowd_signal(quiet, &batch, 2, 3);
	crowd_signal_all(c, &batch);
	signalled += crowd_signal(quiet, &batch, 3, 4);
	references += crowd_references(quiet);
	dma_fence_batch_deliver(&batch);

	KUNIT_EXPECT_EQ(test, signalled, 4);
	KUNIT_EXPECT_EQ(test, references, 0);
	crowd_expect(test, quiet, 0);
	crowd_expect(test, c, 2);
}

static void batch_keeps_fences(struct kunit *test)
{
	struct crowd *c = crowd_new(test, 100, 2);
	unsigned int i, early;
	unsigned long flags;

	/*
	 * Verify that fences which owe callbacks stay when nobody else wants
	 * them, though the last reference was dropped under the lock, and are
	 * released once each, with the lock free.
	 */

	DEFINE_DMA_FENCE_BATCH(batch);

	dft_hold_thread();
	spin_lock_irqsave(&c->lock, flags);
	for (i = 0; i < c->count; i++) {
		dma_fence_batch_signal(&batch, c->fences[i]);
		dma_fence_put(c->fences[i]);
		c->fences[i] = NULL;
	}
	early = READ_ONCE(c->released);
	spin_unlock_irqrestore(&c->lock, flags);
	early += READ_ONCE(c->released);
	dma_fence_batch_deliver(&batch);
	dft_let_thread_go();

	KUNIT_EXPECT_EQ(test, early, 0);
	crowd_expect(test, c, 200);
	KUNIT_EXPECT_TRUE(test, batch_delivered(dft_load(&c->released) == 100));
	KUNIT_EXPECT_EQ(test, c->released, 100);
}

static void batch_leaves_the_dead(struct kunit *test)
{
	struct crowd *c = crowd_new(test, 2, 1);
	refcount_t *count = &c->fences[0]->refcount.refcount;
	unsigned int signalled, ran;
	bool flagged;

	/*
	 * Verify that a fence on its way to its release, which will see to its
	 * callbacks, is not signalled into a batch, and the next one is.
	 */

	DEFINE_DMA_FENCE_BATCH(batch);

	refcount_set(count, 0);
	signalled = crowd_signal_all(c, &batch);
	flagged = dma_fence_test_signaled_flag(c->fences[0]);
	dma_fence_batch_deliver(&batch);
	batch_delivered(dft_load(&c->ran));
	ran = c->next;
	refcount_set(count, 1);

	KUNIT_EXPECT_EQ(test, signalled, 1);
	KUNIT_EXPECT_FALSE(test, flagged);
	KUNIT_EXPECT_EQ(test, ran, 2);
	crowd_expect(test, c, 1);
	KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback(c->fences[0],
							  &c->cbs[0].base));
}

struct departing_cb {
	struct dma_fence_cb base;
	atomic_t *left;
};

static void depart(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct departing_cb *cb = container_of(base, struct departing_cb, base);
	atomic_t *left = cb->left;

	dma_fence_put(fence);
	dft_poison(cb, sizeof(*cb));
	kfree(cb);
	atomic_inc(left);
}

static void batch_callbacks_free(struct kunit *test)
{
	struct crowd *c = crowd_new(test, 100, 0);
	atomic_t left = ATOMIC_INIT(0);
	unsigned int i;

	/*
	 * Verify that callbacks may free themselves and drop the last reference
	 * that others have on the fence, and delivery finds its way.
	 */

	DEFINE_DMA_FENCE_BATCH(batch);

	for (i = 0; i < c->count; i++) {
		struct departing_cb *cb = kzalloc_obj(*cb);

		KUNIT_ASSERT_NOT_NULL(test, cb);
		cb->left = &left;
		KUNIT_ASSERT_EQ(test, dma_fence_add_callback(c->fences[i],
							     &cb->base, depart),
				0);
	}
	crowd_signal_all(c, &batch);
	memset(c->fences, 0, c->count * sizeof(*c->fences));
	dma_fence_batch_deliver(&batch);

	KUNIT_EXPECT_TRUE(test, batch_delivered(dft_load(&c->released) == 100));
	KUNIT_EXPECT_EQ(test, atomic_read(&left), 100);
	KUNIT_EXPECT_EQ(test, c->released_locked, 0);
}

#define OWED	3

struct removed_params {
	const char *name;
	unsigned int order[OWED];
};

static const struct removed_params removed_cases[] = {
	{ "first to last", { 0, 1, 2 } },
	{ "last to first", { 2, 1, 0 } },
	{ "from the middle", { 1, 0, 2 } },
};

KUNIT_ARRAY_PARAM_DESC(removed, removed_cases, name);

static void batch_remove(struct kunit *test)
{
	const struct removed_params *p = test->param_value;
	struct crowd *c = crowd_new(test, 3, OWED);
	struct dma_fence *fence = c->fences[1];
	unsigned int i, removed = 0, early = 0;

	/*
	 * Verify that callbacks can be taken out of a batch, that the core is
	 * done with them then, and that the fence goes with the last one. The
	 * fences before and behind are delivered as if nothing had happened.
	 */

	DEFINE_DMA_FENCE_BATCH(batch);

	dft_hold_thread();
	crowd_signal_all(c, &batch);
	c->fences[1] = NULL;
	dma_fence_put(fence);
	for (i = 0; i < OWED; i++) {
		struct dma_fence_cb *cb = &c->cbs[OWED + p->order[i]].base;

		early += c->released;
		removed += dma_fence_remove_callback(fence, cb);
		dft_poison(cb, sizeof(*cb));
	}
	dma_fence_batch_deliver(&batch);
	dft_let_thread_go();

	KUNIT_EXPECT_EQ(test, removed, OWED);
	KUNIT_EXPECT_EQ(test, early, 0);
	KUNIT_EXPECT_EQ(test, c->released, 1);
	for (i = OWED; i < 2 * OWED; i++)
		KUNIT_EXPECT_TRUE(test, dft_poisoned(&c->cbs[i].base,
						     sizeof(c->cbs[i].base)));
	crowd_expect(test, c, 2 * OWED);
}

static unsigned int crowd_remove_all(struct crowd *c)
{
	unsigned int n, removed = 0;

	for (n = c->count * c->each; n--; )
		removed += dma_fence_remove_callback(c->fences[n / c->each],
						     &c->cbs[n].base);

	return removed;
}

static void batch_remove_all(struct kunit *test)
{
	struct crowd *gone = crowd_new(test, 10, 4);
	struct crowd *c = crowd_new(test, 10, 4);
	unsigned int removed, again;

	/*
	 * Verify that a batch all of whose callbacks were removed takes others
	 * both before and after it is delivered.
	 */

	DEFINE_DMA_FENCE_BATCH(batch);

	dft_hold_thread();
	crowd_signal_all(gone, &batch);
	removed = crowd_remove_all(gone);
	again = crowd_remove_all(gone);
	crowd_signal(c, &batch, 0, 5);
	dma_fence_batch_deliver(&batch);
	crowd_signal(c, &batch, 5, 10);
	dma_fence_batch_deliver(&batch);
	dft_let_thread_go();

	KUNIT_EXPECT_EQ(test, removed, 40);
	KUNIT_EXPECT_EQ(test, again, 0);
	crowd_expect(test, gone, 0);
	crowd_expect(test, c, 40);
}

struct visit_params {
	const char *name;
	bool waits;
	bool elsewhere;
};

static const struct visit_params visit_cases[] = {
	{ "flush, same CPU", false, false },
	{ "flush, other CPU", false, true },
	{ "wait, same CPU", true, false },
	{ "wait, other CPU", true, true },
};

KUNIT_ARRAY_PARAM_DESC(visit, visit_cases, name);

struct visit {
	const struct visit_params *p;
	struct crowd *c;
	bool go;
	unsigned int ran;
	unsigned int next;
	long left;
};

static int visit_main(void *data)
{
	struct visit *v = data;

	sleep_until(dft_load(&v->go));
	if (v->p->waits)
		v->left = dma_fence_wait_timeout(v->c->fences[1], false, 5 * HZ);
	else
		dma_fence_flush_callbacks(v->c->fences[1]);
	v->ran = v->c->ran;
	v->next = v->c->next;

	return 0;
}

static void batch_visit(struct kunit *test)
{
	struct crowd *c = crowd_new(test, 3, 2);
	struct visit v = { .p = test->param_value, .c = c };
	struct dft_thread thread;

	/*
	 * Verify what happens to who needs a fence in a batch that is not
	 * delivered yet: flushing runs its callbacks and no others, waiting does
	 * not wait.
	 */

	if (BATCH_RT && (!v.p->waits || v.p->elsewhere))
		kunit_skip(test, "the thread delivers while anybody sleeps");

	DEFINE_DMA_FENCE_BATCH(batch);

	if (v.p->elsewhere)
		dft_thread_start(test, &thread, dft_other_cpu(test), visit_main,
				 &v);
	dft_hold_thread();
	crowd_signal_all(c, &batch);
	dft_store(&v.go, true);
	if (v.p->elsewhere)
		dft_thread_join(test, &thread);
	else
		visit_main(&v);
	c->next = 0;
	dma_fence_batch_deliver(&batch);
	dft_let_thread_go();

	if (v.p->waits)
		KUNIT_EXPECT_EQ(test, v.left, 5 * HZ);
	KUNIT_EXPECT_EQ(test, v.ran, v.p->waits ? 0 : 2);
	KUNIT_EXPECT_EQ(test, v.next, v.p->waits ? 0 : 4);
	crowd_expect(test, c, 6);
}

static void batch_wakes_sleepers(struct kunit *test)
{
	struct crowd *c = crowd_new(test, 3, 2);
	static const struct visit_params waits = { .waits = true };
	struct visit v = { .p = &waits, .c = c, .go = true };
	struct dft_thread thread;

	/*
	 * Verify that a thread which sleeps already is woken by the delivery.
	 */

	DEFINE_DMA_FENCE_BATCH(batch);

	dft_thread_start(test, &thread, raw_smp_processor_id(), visit_main, &v);
	KUNIT_EXPECT_TRUE(test,
			  sleep_until(c->fences[1]->cb_list.next != &c->cbs[2].base.node &&
				      (READ_ONCE(thread.task->__state) &
				       TASK_UNINTERRUPTIBLE)));
	crowd_signal_all(c, &batch);
	dma_fence_batch_deliver(&batch);
	dft_thread_join(test, &thread);

	KUNIT_EXPECT_GT(test, v.left, 2 * HZ);
	crowd_expect(test, c, 6);
}

struct gate {
	bool entered;
	bool open;
	bool left;
	bool timed_out;
};

/* Gives the other CPU the time that it asks for, and some more. */
static void gate_hook(struct crowd *c)
{
	struct gate *gate = c->data;

	dft_store(&gate->entered, true);
	gate->timed_out = !spin_until(dft_load(&gate->open));
	dft_spin_ns(3 * NSEC_PER_MSEC);
	WRITE_ONCE(gate->left, true);
}

struct carry_params {
	const char *name;
	bool carried;
};

static const struct carry_params carry_cases[] = {
	{ "delivered where it was filled", false },
	{ "delivered on another CPU", true },
};

KUNIT_ARRAY_PARAM_DESC(carry, carry_cases, name);

/* A batch on its way to @cpu. */
struct carry {
	struct crowd *c;
	unsigned int cpu;
};

static int carry_main(void *data)
{
	struct carry *carry = data;

	DEFINE_DMA_FENCE_BATCH(batch);

	/* The thread of this CPU is not to run between the signals. */
	dft_hold_thread();
	crowd_signal_all(carry->c, &batch);
	set_cpus_allowed_ptr(current, cpumask_of(carry->cpu));
	dma_fence_batch_deliver(&batch);
	dft_let_thread_go();

	return 0;
}

static void deliver_hook(struct crowd *c)
{
	dma_fence_batch_deliver(c->data);
}

static void batch_remove_waits(struct kunit *test)
{
	const struct carry_params *p = test->param_value;
	unsigned int cpu = dft_other_cpu(test);
	struct crowd *c = crowd_new(test, 2, 2);
	struct carry carry = { .c = c, .cpu = cpu };
	bool taken, waited, settled, left;
	struct dft_thread thread;
	struct gate gate = {};

	/*
	 * Verify that of a batch that another CPU is delivering the callback
	 * which runs is waited for, and the one whose turn has not come is
	 * removed meanwhile.
	 */

	if (BATCH_RT && p->carried)
		kunit_skip(test, "the thread of the first CPU delivers");

	c->hook = gate_hook;
	c->data = &gate;
	dft_thread_start(test, &thread, p->carried ? raw_smp_processor_id() : cpu,
			 carry_main, &carry);
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_load(&gate.entered)));
	taken = dma_fence_remove_callback(c->fences[1], &c->cbs[2].base);
	waited = READ_ONCE(gate.timed_out);
	dft_poison(&c->cbs[2].base, sizeof(c->cbs[2].base));
	dft_store(&gate.open, true);
	settled = dma_fence_remove_callback(c->fences[0], &c->cbs[0].base);
	left = READ_ONCE(gate.left);
	dft_thread_join(test, &thread);

	KUNIT_EXPECT_TRUE(test, taken);
	KUNIT_EXPECT_FALSE(test, waited);
	KUNIT_EXPECT_FALSE(test, settled);
	KUNIT_EXPECT_TRUE(test, left);
	KUNIT_EXPECT_TRUE(test, dft_poisoned(&c->cbs[2].base,
					     sizeof(c->cbs[2].base)));
	crowd_expect(test, c, 3);
}

struct join {
	char trace[8];
	unsigned int len;
	unsigned int depth;
	unsigned int deepest;
	void (*inner)(struct join *j, struct dma_fence *fence);
	struct dma_fence_batch filled;
	struct dma_fence_batch *outer;
};

struct join_cb {
	struct dma_fence_cb base;
	struct join *join;
	struct dft_fence *signals;
	char letter;
};

static void join_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct join_cb *cb = container_of(base, struct join_cb, base);
	struct join *j = cb->join;

	j->deepest = max(j->deepest, ++j->depth);
	if (j->len < sizeof(j->trace) - 1)
		j->trace[j->len] = cb->letter;
	if (cb->signals)
		j->inner(j, &cb->signals->base);
	j->depth--;
	dft_store(&j->len, j->len + 1);
}

static void join_by_signal(struct join *j, struct dma_fence *fence)
{
	dma_fence_signal(fence);
}

static void join_by_own(struct join *j, struct dma_fence *fence)
{
	unsigned long flags;

	DEFINE_DMA_FENCE_BATCH(batch);

	dma_fence_lock_irqsave(fence, flags);
	dma_fence_batch_signal(&batch, fence);
	dma_fence_unlock_irqrestore(fence, flags);
	dma_fence_batch_deliver(&batch);
}

static void join_by_filled(struct join *j, struct dma_fence *fence)
{
	dma_fence_batch_signal_unlocked(&j->filled, fence);
	dma_fence_batch_deliver(&j->filled);
}

static void join_by_outer(struct join *j, struct dma_fence *fence)
{
	dma_fence_batch_signal_unlocked(j->outer, fence);
	dma_fence_batch_deliver(j->outer);
}

struct join_params {
	const char *name;
	bool direct;
	void (*inner)(struct join *j, struct dma_fence *fence);
};

static const struct join_params join_cases[] = {
	{ "signal in a batch", false, join_by_signal },
	{ "batch in a batch", false, join_by_own },
	{ "batch in a signal", true, join_by_own },
	{ "filled batch in a batch", false, join_by_filled },
	{ "filled batch in a signal", true, join_by_filled },
	{ "the batch itself", false, join_by_outer },
};

KUNIT_ARRAY_PARAM_DESC(join, join_cases, name);

static void batch_joins(struct kunit *test)
{
	const struct join_params *p = test->param_value;
	struct join j = { .inner = p->inner };
	struct dft_fence *f[4];
	struct join_cb cbs[6] = {};
	static const struct {
		unsigned int at, signals;
	} plan[ARRAY_SIZE(cbs)] = {
		{ 0, 1 }, { 0 }, { 1, 2 }, { 1, 3 }, { 2 }, { 3 },
	};
	unsigned int i;

	/*
	 * Verify that what callbacks signal, in whatever way, joins the delivery
	 * that they are part of: behind what was signalled before, one callback
	 * at a time, and by the return of the outermost call.
	 */

	if (BATCH_RT &&
	    (p->inner == join_by_filled || p->inner == join_by_outer))
		kunit_skip(test, "the callback is another task, and nothing is kept");

	DEFINE_DMA_FENCE_BATCH(batch);

	dma_fence_batch_init(&j.filled);
	j.outer = &batch;
	for (i = 0; i < ARRAY_SIZE(f); i++)
		f[i] = dft_fence_new(test, &dft_names_ops, DFT_INLINE_LOCK);
	for (i = 0; i < ARRAY_SIZE(cbs); i++) {
		cbs[i].join = &j;
		cbs[i].letter = '1' + i;
		if (plan[i].signals)
			cbs[i].signals = f[plan[i].signals];
		KUNIT_ASSERT_EQ(test,
				dma_fence_add_callback(&f[plan[i].at]->base,
						       &cbs[i].base, join_func),
				0);
	}

	if (p->inner == join_by_filled)
		dma_fence_batch_signal_unlocked(&j.filled, &f[1]->base);
	if (p->direct)
		dma_fence_signal(&f[0]->base);
	else
		dma_fence_batch_signal_unlocked(&batch, &f[0]->base);
	dma_fence_batch_deliver(&batch);
	dma_fence_batch_drop(&j.filled);

	KUNIT_EXPECT_TRUE(test, batch_delivered(dft_load(&j.len) == 6));
	KUNIT_EXPECT_STREQ(test, j.trace, "123456");
	KUNIT_EXPECT_EQ(test, j.deepest, 1);
}

/* The second half by a batch of its own, while the first half is being delivered. */
static void hand_over_hook(struct crowd *c)
{
	unsigned int before = c->ran;

	DEFINE_DMA_FENCE_BATCH(batch);

	crowd_signal(c, &batch, c->count / 2, c->count);
	dma_fence_batch_deliver(&batch);
	/* They run after this callback. */
	c->locked += !BATCH_RT && c->ran != before;
}

static void batch_hands_over(struct kunit *test)
{
	struct crowd *c = crowd_new(test, 100, 3);

	/*
	 * Verify that many fences which are handed over to the delivery in
	 * progress keep their order, behind those that it has already.
	 */

	DEFINE_DMA_FENCE_BATCH(batch);

	c->hook = hand_over_hook;
	c->hooked = 40;
	crowd_signal(c, &batch, 0, 50);
	dma_fence_batch_deliver(&batch);
	crowd_expect(test, c, 300);
}

struct line {
	unsigned long lowest;
	unsigned long highest;
	unsigned int left;
};

/* A deeper stack than this grows with the line; do not follow it to its end. */
#define LINE_STACK	1024

static void line_hook(struct crowd *c)
{
	unsigned long here = (unsigned long)__builtin_frame_address(0);
	struct line *line = c->data;

	line->lowest = min(line->lowest, here);
	line->highest = max(line->highest, here);
	if (line->highest - line->lowest > 4 * LINE_STACK ||
	    ++c->hooked == c->count)
		return;

	DEFINE_DMA_FENCE_BATCH(batch);

	crowd_signal(c, &batch, c->hooked, c->hooked + 1);
	dma_fence_batch_deliver(&batch);
}

static void batch_line(struct kunit *test)
{
	struct crowd *c = crowd_new(test, 1000, 1);
	struct line line = { .lowest = ULONG_MAX };

	/*
	 * Verify that a line of fences, each signalled through a batch by a
	 * callback of the one before, needs no more stack at its end.
	 */

	DEFINE_DMA_FENCE_BATCH(batch);

	c->hook = line_hook;
	c->data = &line;
	crowd_signal(c, &batch, 0, 1);
	dma_fence_batch_deliver(&batch);
	crowd_expect(test, c, 1000);
	KUNIT_EXPECT_LE(test, line.highest - line.lowest, LINE_STACK);
}

static void batch_moves(struct kunit *test)
{
	unsigned int cpu = dft_other_cpu(test);
	struct crowd *c = crowd_new(test, 8, 2);
	int there, back;

	/*
	 * Verify that a thread may be moved to another CPU while it has a batch,
	 * fill it further, and deliver it there; and that the callbacks hand over
	 * to this delivery too.
	 */

	if (BATCH_RT)
		kunit_skip(test, "a thread on each CPU delivers what was signalled there");

	DEFINE_DMA_FENCE_BATCH(batch);

	c->hook = hand_over_hook;
	crowd_signal(c, &batch, 0, 2);
	there = set_cpus_allowed_ptr(current, cpumask_of(cpu));
	crowd_signal(c, &batch, 2, 4);
	dma_fence_batch_deliver(&batch);
	back = dft_pin(test);

	KUNIT_EXPECT_EQ(test, there, 0);
	KUNIT_EXPECT_EQ(test, back, 0);
	crowd_expect(test, c, 16);
	KUNIT_EXPECT_EQ(test, c->cpu, cpu);
	KUNIT_EXPECT_PTR_EQ(test, c->task, current);
}

static void batch_moves_into_callback(struct kunit *test)
{
	unsigned int cpu = dft_other_cpu(test);
	struct crowd *carried = crowd_new(test, 4, 40);
	struct crowd *c = crowd_new(test, 2, 2);
	int there, back;

	/*
	 * Verify the same for a batch that is delivered by a callback which runs
	 * on the other CPU: it is left to the thread of the first one.
	 */

	if (BATCH_RT)
		kunit_skip(test, "the callback is another task, and nothing is kept");

	DEFINE_DMA_FENCE_BATCH(filled);
	DEFINE_DMA_FENCE_BATCH(batch);

	c->hook = deliver_hook;
	c->data = &filled;
	crowd_signal_all(carried, &filled);
	there = set_cpus_allowed_ptr(current, cpumask_of(cpu));
	crowd_signal_all(c, &batch);
	dma_fence_batch_deliver(&batch);
	back = dft_pin(test);

	KUNIT_EXPECT_EQ(test, there, 0);
	KUNIT_EXPECT_EQ(test, back, 0);
	crowd_expect(test, c, 4);
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_load(&carried->ran) == 160));
	crowd_expect(test, carried, 160);
}

struct ring {
	struct dma_fence_batch batch;
	char rest[16];
};

static void batch_embedded(struct kunit *test)
{
	struct crowd *quiet = crowd_new(test, 1000, 0);
	struct crowd *c = crowd_new(test, 1000, 1);
	struct ring *ring = kzalloc_obj(*ring);
	unsigned int i, late = 0;

	/*
	 * Verify that a batch may be a member of something, be used many times,
	 * and that the core is done with it when it is delivered.
	 */

	KUNIT_ASSERT_NOT_NULL(test, ring);
	dft_poison(ring, sizeof(*ring));
	dma_fence_batch_init(&ring->batch);
	for (i = 0; i < c->count; i++) {
		crowd_signal(quiet, &ring->batch, i, i + 1);
		if (i % 3)
			crowd_signal(c, &ring->batch, i, i + 1);
		dma_fence_batch_deliver(&ring->batch);
		late += !batch_delivered(dft_load(&c->ran) == i - i / 3);
	}
	dma_fence_batch_drop(&ring->batch);
	KUNIT_EXPECT_TRUE(test, dft_poisoned(ring->rest, sizeof(ring->rest)));
	dft_poison(ring, sizeof(*ring));
	kfree(ring);

	KUNIT_EXPECT_EQ(test, late, 0);
	crowd_expect(test, c, 666);
	crowd_expect(test, quiet, 0);
}

/* Two windows: one that is running when the interrupt comes, and one to spare. */
#define MOST_WITH_IRQS_OFF	64

struct tick {
	struct hrtimer timer;
	struct crowd *c;
	u64 hold_ns;
	unsigned int served_after;
};

static enum hrtimer_restart tick_timer(struct hrtimer *timer)
{
	struct tick *tick = container_of(timer, struct tick, timer);

	WRITE_ONCE(tick->served_after, tick->c->ran);

	return HRTIMER_NORESTART;
}

/* Returns with the timer's interrupt pending. */
static void tick_hook(struct crowd *c)
{
	struct tick *tick = c->data;

	hrtimer_start(&tick->timer, ns_to_ktime(1000),
		      HRTIMER_MODE_REL_PINNED_HARD);
	dft_spin_ns(tick->hold_ns);
}

static void tick_run(struct kunit *test, struct tick *tick,
		     const struct batch_params *p)
{
	struct crowd *c = crowd_new(test, p->count, p->each);

	DEFINE_DMA_FENCE_BATCH(batch);

	tick->c = c;
	tick->served_after = 0;
	c->hook = tick_hook;
	c->data = tick;
	hrtimer_setup(&tick->timer, tick_timer, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	crowd_signal_all(c, &batch);
	dma_fence_batch_deliver(&batch);
	sleep_until(READ_ONCE(tick->served_after));
	hrtimer_cancel(&tick->timer);
	crowd_expect(test, c, p->count * p->each);
}

static const struct batch_params tick_cases[] = {
	{ "one fence", 1, 1000 },
	{ "fences with 100 callbacks", 10, 100 },
	{ "fences with one callback", 1000, 1 },
};

KUNIT_ARRAY_PARAM_DESC(tick, tick_cases, name);

static void batch_serves_interrupts(struct kunit *test)
{
	struct tick *tick = kunit_kzalloc(test, sizeof(*tick), GFP_KERNEL);
	int attempt;

	/*
	 * Verify that an interrupt is served amid the delivery of a batch, after
	 * a limited number of callbacks, of however many fences. A timer may
	 * come late on a busy host, so it gets three chances.
	 */

	KUNIT_ASSERT_NOT_NULL(test, tick);
	tick->hold_ns = 5 * NSEC_PER_MSEC;
	for (attempt = 0; attempt < 3; attempt++) {
		tick_run(test, tick, test->param_value);
		if (tick->served_after <= MOST_WITH_IRQS_OFF)
			break;
		tick->hold_ns *= 4;
	}
	KUNIT_EXPECT_GT(test, tick->served_after, 0);
	KUNIT_EXPECT_LE(test, tick->served_after, MOST_WITH_IRQS_OFF);
}

/* A fence whose operations signal the fences of a crowd. */
struct parent {
	struct dma_fence base;
	struct crowd *c;
	unsigned int early;
};

static bool parent_signals(struct dma_fence *fence)
{
	struct parent *parent = container_of(fence, struct parent, base);
	struct crowd *c = parent->c;
	unsigned int i;

	DEFINE_DMA_FENCE_BATCH(batch);

	for (i = 0; i < c->count; i++) {
		if (dma_fence_spinlock(fence) == &c->lock)
			dma_fence_batch_signal(&batch, c->fences[i]);
		else
			dma_fence_batch_signal_unlocked(&batch, c->fences[i]);
	}
	dma_fence_batch_deliver(&batch);
	parent->early = c->ran;

	return true;
}

static const struct dma_fence_ops parent_ops = {
	.get_driver_name = crowd_name,
	.get_timeline_name = crowd_name,
	.enable_signaling = parent_signals,
	.signaled = parent_signals,
};

static void parent_enable(struct dma_fence *fence)
{
	dma_fence_enable_sw_signaling(fence);
}

static void parent_add(struct dma_fence *fence)
{
	struct dft_cb cb = {};

	if (!dma_fence_add_callback(fence, &cb.base, dft_count))
		dma_fence_remove_callback(fence, &cb.base);
}

static void parent_ask_locked(struct dma_fence *fence)
{
	unsigned long flags;

	dma_fence_lock_irqsave(fence, flags);
	dma_fence_is_signaled_locked(fence);
	dma_fence_unlock_irqrestore(fence, flags);
}

struct parent_params {
	const char *name;
	void (*ask)(struct dma_fence *fence);
	bool shares;
	bool deferred;
};

static const struct parent_params parent_cases[] = {
	{ "enable_sw_signaling", parent_enable },
	{ "enable_sw_signaling, shared lock", parent_enable, .shares = true },
	{ "add_callback", parent_add },
	{ "add_callback, shared lock", parent_add, .shares = true },
	{ "is_signaled_locked", parent_ask_locked, .deferred = true },
	{ "is_signaled_locked, shared lock", parent_ask_locked, true, true },
};

KUNIT_ARRAY_PARAM_DESC(parent, parent_cases, name);

static void batch_in_operation(struct kunit *test)
{
	const struct parent_params *p = test->param_value;
	struct crowd *c = crowd_new(test, 10, 5);
	struct parent *parent = kzalloc_obj(*parent);

	/*
	 * Verify that a batch which is used by an operation of a fence, under
	 * the fence's lock, is delivered when the lock has been dropped.
	 */

	KUNIT_ASSERT_NOT_NULL(test, parent);
	parent->c = c;
	dma_fence_init(&parent->base, &parent_ops,
		       p->shares ? &c->lock : &c->other, 1, 1);
	p->ask(&parent->base);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(c->fences[9]));
	if (p->deferred)
		sleep_until(dft_load(&c->ran) == 50);
	if (!BATCH_RT)
		KUNIT_EXPECT_EQ(test, parent->early, 0);
	crowd_expect(test, c, 50);

	dma_fence_signal(&parent->base);
	dma_fence_put(&parent->base);
}

/* These are named by their own address: the call is not to be a jump. */
static noinline void name_by_signal(struct dma_fence *fence,
				    struct dma_fence_batch *batch)
{
	dma_fence_signal(fence);
	barrier();
}

static noinline void name_by_deliver(struct dma_fence *fence,
				     struct dma_fence_batch *batch)
{
	dma_fence_batch_signal_unlocked(batch, fence);
	dma_fence_batch_deliver(batch);
	barrier();
}

static void name_by_none(struct dma_fence *fence, struct dma_fence_batch *batch)
{
	dma_fence_batch_signal_unlocked(batch, fence);
}

typedef void (*name_by_t)(struct dma_fence *fence, struct dma_fence_batch *batch);

/* How many callers are named for signalling a fence in this manner. */
static unsigned int named_by(struct crowd *c, unsigned int i, bool locks,
			     name_by_t name_by)
{
	unsigned int before = dma_fence_debug_named();

	DEFINE_DMA_FENCE_BATCH(batch);

	if (locks)
		spin_lock(&c->other);
	name_by(c->fences[i], &batch);
	if (locks)
		spin_unlock(&c->other);
	dma_fence_batch_deliver(&batch);

	return dma_fence_debug_named() - before;
}

static void naming_check(struct kunit *test, unsigned int runs)
{
	if (!IS_ENABLED(CONFIG_DMA_FENCE_DEBUG) ||
	    !IS_ENABLED(CONFIG_PROVE_LOCKING) || BATCH_RT)
		kunit_skip(test, "needs DMA_FENCE_DEBUG and PROVE_LOCKING");
	if (!debug_locks || runs)
		kunit_skip(test, "lockdep is off, or the caller was named before");
}

static void batch_names_callers(struct kunit *test)
{
	static unsigned int runs;
	struct crowd *quiet = crowd_new(test, 1, 0);
	struct crowd *c = crowd_new(test, 4, 1);

	/*
	 * Verify that the caller who delivers under a lock of his own is named
	 * in the log once, and that nobody is who has none, or no callbacks to
	 * deliver, or a batch.
	 */

	naming_check(test, runs++);
	KUNIT_EXPECT_EQ(test, named_by(c, 0, false, name_by_signal), 0);
	KUNIT_EXPECT_EQ(test, named_by(quiet, 0, true, name_by_signal), 0);
	KUNIT_EXPECT_EQ(test, named_by(c, 1, true, name_by_none), 0);
	KUNIT_EXPECT_EQ(test, named_by(c, 2, true, name_by_signal), 1);
	KUNIT_EXPECT_EQ(test, named_by(c, 3, true, name_by_signal), 0);
	KUNIT_EXPECT_EQ(test, c->ran, 4);
}

static void batch_names_deliverers(struct kunit *test)
{
	static unsigned int runs;
	struct crowd *quiet = crowd_new(test, 1, 0);
	struct crowd *c = crowd_new(test, 3, 2);

	/*
	 * Verify the same for a batch that is delivered under a lock which is
	 * none of its fences': a lock of somebody else, of which the complaint
	 * about fence locks does not know.
	 */

	naming_check(test, runs++);
	KUNIT_EXPECT_EQ(test, named_by(c, 0, false, name_by_deliver), 0);
	KUNIT_EXPECT_EQ(test, named_by(quiet, 0, true, name_by_deliver), 0);
	KUNIT_EXPECT_EQ(test, named_by(c, 1, true, name_by_deliver), 1);
	KUNIT_EXPECT_EQ(test, named_by(c, 2, true, name_by_deliver), 0);
	KUNIT_EXPECT_EQ(test, c->ran, 6);
}

/*
 * These two come last. Where a warning is not an exception, to suppress one that
 * is given once uses it up.
 */

static void forget(struct crowd *c)
{
	DEFINE_DMA_FENCE_BATCH(batch);

	crowd_signal_all(c, &batch);
}

static void batch_forgotten(struct kunit *test)
{
	struct crowd *c = crowd_new(test, 3, 2);
	static unsigned int runs;

	/*
	 * Verify that a batch which nobody has delivered is complained about,
	 * and delivered nonetheless.
	 */

	kunit_warning_suppress(test) {
		forget(c);
		if (!runs++)
			KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	crowd_expect(test, c, 6);
}

static void batch_under_lock(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_EXTERN_LOCK);
	struct dft_cb *cb = kunit_kzalloc(test, sizeof(*cb), GFP_KERNEL);
	static unsigned int runs;
	unsigned long flags;

	/*
	 * Verify that lockdep makes the core complain when a batch is delivered
	 * under the lock of its fences, even if no callback takes that.
	 */

	if (!IS_ENABLED(CONFIG_LOCKDEP) || !debug_locks || BATCH_RT)
		kunit_skip(test, "needs CONFIG_LOCKDEP, and who delivers");
	KUNIT_ASSERT_NOT_NULL(test, cb);
	KUNIT_ASSERT_EQ(test, 0, dma_fence_add_callback(&f->base, &cb->base, dft_count));

	DEFINE_DMA_FENCE_BATCH(batch);

	kunit_warning_suppress(test) {
		spin_lock_irqsave(&f->own_lock, flags);
		dma_fence_batch_signal(&batch, &f->base);
		dma_fence_batch_deliver(&batch);
		spin_unlock_irqrestore(&f->own_lock, flags);
		if (!runs++)
			KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test, dft_runs(cb), 1);
}

static struct kunit_case batch_test_cases[] = {
	KUNIT_CASE_PARAM(batch_delivers, batch_gen_params),
	KUNIT_CASE(batch_status),
	KUNIT_CASE(batch_timestamps),
	KUNIT_CASE(batch_signal_again),
	KUNIT_CASE(batch_foreign_signaller),
	KUNIT_CASE(batch_without_callbacks),
	KUNIT_CASE(batch_keeps_fences),
	KUNIT_CASE(batch_leaves_the_dead),
	KUNIT_CASE(batch_callbacks_free),
	KUNIT_CASE_PARAM(batch_remove, removed_gen_params),
	KUNIT_CASE(batch_remove_all),
	KUNIT_CASE_PARAM(batch_visit, visit_gen_params),
	KUNIT_CASE(batch_wakes_sleepers),
	KUNIT_CASE_PARAM(batch_remove_waits, carry_gen_params),
	KUNIT_CASE_PARAM(batch_joins, join_gen_params),
	KUNIT_CASE(batch_hands_over),
	KUNIT_CASE(batch_line),
	KUNIT_CASE(batch_moves),
	KUNIT_CASE(batch_moves_into_callback),
	KUNIT_CASE(batch_embedded),
	KUNIT_CASE_PARAM(batch_serves_interrupts, tick_gen_params),
	KUNIT_CASE_PARAM(batch_in_operation, parent_gen_params),
	KUNIT_CASE(batch_names_callers),
	KUNIT_CASE(batch_names_deliverers),
	KUNIT_CASE(batch_forgotten),
	KUNIT_CASE(batch_under_lock),
	{}
};

static struct kunit_suite batch_suite = {
	.name = "dma_fence_batch",
	.init = dft_pin,
	.test_cases = batch_test_cases,
};

kunit_test_suite(batch_suite);
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
