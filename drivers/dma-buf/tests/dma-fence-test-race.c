// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races: two CPUs that meet at every round and then go for the same fence.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/atomic.h>
#include <linux/dma-fence-batch.h>
#include <linux/hrtimer.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "dma-fence-test.h"

#define DUEL_CALLBACKS	40

/* Bouts between two meetings, at which both sides wait for each other. */
#define DUEL_BOUTS	64

/* A case stops after this time, whether it has got through its bouts or not. */
#define DUEL_LIMIT_NS	((DFT_SLOW_KERNEL ? 1 : 4) * NSEC_PER_SEC)

/* The bouts of all cases, for the line at the end of the suite. */
static unsigned int duel_total;

enum duel_side {
	DUEL_LEFT,
	DUEL_RIGHT,
};

/**
 * struct bout - what the two sides go for, once
 * @number: which bout this is
 * @fence: the fence that is raced for
 * @second: another one, where a race needs two
 * @cbs: callbacks of either fence
 * @answer: what removing said, by side and callback
 * @added: what adding said
 * @early: whether a side was told something before it was so
 * @spoiled: whether memory that was given up was written to
 * @published: a fence that one side hands to the other
 * @payload: written before the signal, read after it
 * @enabled: how often signalling was enabled
 * @wrong: what went wrong, or NULL
 *
 * Written by one side at a time, except for what the race is about; @wrong only
 * ever goes from NULL to something.
 */
struct bout {
	unsigned int number;
	struct dma_fence fence;
	struct dma_fence second;
	struct dft_cb cbs[DUEL_CALLBACKS];
	bool answer[2][DUEL_CALLBACKS];
	int added;
	bool early;
	bool spoiled;
	struct dma_fence *published;
	int payload;
	unsigned int enabled;
	const char *wrong;
};

struct duel;

/**
 * struct duel_ops - one race
 * @setup: prepares a bout, on the left CPU while the right one waits
 * @act: what each side does, at the same time
 * @check: says what is wrong after a bout, or NULL; on the left CPU
 */
struct duel_ops {
	void (*setup)(struct duel *d, struct bout *b);
	void (*act[2])(struct duel *d, struct bout *b);
	const char *(*check)(struct duel *d, struct bout *b);
};

/**
 * struct duel - two CPUs and their bouts
 * @ops: what they do
 * @count: number of callbacks in a bout
 * @done: number of bouts that are through
 * @over: set when either side has had enough
 * @met: number of meetings that a side has come to
 * @at: the bout that a side is in
 * @seed: a side's random numbers
 * @lock: lock of the fences in every other bout
 * @bouts: the bouts until the next meeting
 */
struct duel {
	const struct duel_ops *ops;
	unsigned int count;
	unsigned int done;
	bool over;
	unsigned int met[2];
	unsigned int at[2];
	u32 seed[2];
	spinlock_t lock;	/* see above */
	struct bout bouts[DUEL_BOUTS];
};

static u32 duel_random(struct duel *d, enum duel_side side, u32 limit)
{
	d->seed[side] = d->seed[side] * 1664525 + 1013904223;

	return (d->seed[side] >> 8) % limit;
}

/* Spreads the moments of the two sides over some hundred nanoseconds. */
static void duel_jitter(struct duel *d, enum duel_side side, u32 limit)
{
	u32 turns;

	for (turns = duel_random(d, side, limit); turns; turns--)
		cpu_relax();
}

static bool duel_meet(struct duel *d, enum duel_side side)
{
	unsigned int here = d->met[side] + 1;
	unsigned int turns = 0;
	ktime_t give_up = 0;

	dft_store(&d->met[side], here);
	while ((int)(dft_load(&d->met[!side]) - here) < 0) {
		if (READ_ONCE(d->over))
			return false;
		cond_resched();
		cpu_relax();
		if (++turns % 4096)
			continue;
		if (!give_up)
			give_up = ktime_add_ns(ktime_get(), 5LL * NSEC_PER_SEC);
		if (ktime_after(ktime_get(), give_up)) {
			WRITE_ONCE(d->bouts[0].wrong,
				   "the other side does not come back");
			WRITE_ONCE(d->over, true);
			return false;
		}
	}

	return true;
}

static void duel_fight(struct duel *d, enum duel_side side)
{
	unsigned int i, patience;

	for (i = 0; i < DUEL_BOUTS; i++) {
		WRITE_ONCE(d->at[side], d->bouts[i].number);
		/* Keep step if the other CPU is there, but do not insist. */
		for (patience = 200; patience; patience--) {
			if (READ_ONCE(d->at[!side]) >= d->bouts[i].number)
				break;
			cpu_relax();
		}
		duel_jitter(d, side, 64);
		d->ops->act[side](d, &d->bouts[i]);
	}
}

static int duel_right(void *data)
{
	struct duel *d = data;

	while (duel_meet(d, DUEL_RIGHT)) {
		duel_fight(d, DUEL_RIGHT);
		if (!duel_meet(d, DUEL_RIGHT))
			break;
	}

	return 0;
}

/* Says what went wrong between two meetings, or NULL. */
static const char *duel_round(struct duel *d)
{
	unsigned int i;

	for (i = 0; i < DUEL_BOUTS; i++) {
		d->bouts[i].number = d->done + i + 1;
		d->ops->setup(d, &d->bouts[i]);
	}
	if (!duel_meet(d, DUEL_LEFT))
		return d->bouts[0].wrong;
	duel_fight(d, DUEL_LEFT);
	if (!duel_meet(d, DUEL_LEFT))
		return d->bouts[0].wrong;

	for (i = 0; i < DUEL_BOUTS; i++) {
		const char *wrong;

		dft_await_thread(&d->bouts[i].fence);
		wrong = d->ops->check(d, &d->bouts[i]);
		d->done++;
		if (wrong)
			return wrong;
	}

	return NULL;
}

static void duel_run(struct kunit *test, const struct duel_ops *ops,
		     unsigned int bouts, unsigned int count)
{
	unsigned int cpu = dft_other_cpu(test);
	struct dft_thread thread;
	const char *wrong = NULL;
	ktime_t limit;
	struct duel *d;

	d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, d);
	d->ops = ops;
	d->count = count;
	d->seed[DUEL_LEFT] = 1;
	d->seed[DUEL_RIGHT] = 2;
	spin_lock_init(&d->lock);

	limit = ktime_add_ns(ktime_get(), DUEL_LIMIT_NS);
	dft_thread_start(test, &thread, cpu, duel_right, d);
	while (!wrong && d->done < bouts && ktime_before(ktime_get(), limit))
		wrong = duel_round(d);
	WRITE_ONCE(d->over, true);
	dft_thread_join(test, &thread);

	if (wrong)
		KUNIT_FAIL(test, "round %u: %s", d->done, wrong);
	duel_total += d->done;
	kunit_info(test, "%u of %u rounds", d->done, bouts);
}

static void duel_init_fence(struct duel *d, struct bout *b)
{
	dma_fence_init(&b->fence, &dft_names_ops,
		       b->number & 1 ? &d->lock : NULL, 1, b->number);
}

static void duel_setup(struct duel *d, struct bout *b)
{
	unsigned int i;

	duel_init_fence(d, b);
	for (i = 0; i < d->count; i++) {
		atomic_set(&b->cbs[i].runs, 0);
		if (dma_fence_add_callback(&b->fence, &b->cbs[i].base,
					   dft_count))
			b->wrong = "a new fence refuses a callback";
	}
	memset(b->answer, 0, sizeof(b->answer));
	b->early = false;
	b->spoiled = false;
}

static void duel_setup_empty(struct duel *d, struct bout *b)
{
	duel_init_fence(d, b);
	atomic_set(&b->cbs[0].runs, 0);
}

static void act_signal(struct duel *d, struct bout *b)
{
	dma_fence_signal(&b->fence);
}

static void act_signal_locked(struct duel *d, struct bout *b)
{
	unsigned long flags;

	dma_fence_lock_irqsave(&b->fence, flags);
	dma_fence_signal_locked(&b->fence);
	dma_fence_unlock_irqrestore(&b->fence, flags);
}

static void act_add(struct duel *d, struct bout *b)
{
	b->added = dma_fence_add_callback(&b->fence, &b->cbs[0].base,
					  dft_count);
}

static const char *check_add(struct duel *d, struct bout *b)
{
	if (b->added && b->added != -ENOENT)
		return "unknown answer to add";
	if (!b->added && dft_runs(&b->cbs[0]) != 1)
		return "an added callback did not run once";
	if (b->added && dft_runs(&b->cbs[0]))
		return "a refused callback ran";

	return NULL;
}

static const struct duel_ops add_ops = {
	.setup = duel_setup_empty,
	.act = { act_signal, act_add },
	.check = check_add,
};

static void race_add(struct kunit *test)
{
	/*
	 * Verify that a callback added while the fence is being signalled is
	 * either refused or run, by the time both calls have returned and, on
	 * PREEMPT_RT, the thread has had its turn.
	 */

	duel_run(test, &add_ops, 250000, 1);
}

/* What was removed is the remover's: use the memory for something else. */
static void remove_one(struct bout *b, enum duel_side side, unsigned int i)
{
	bool taken = dma_fence_remove_callback(&b->fence, &b->cbs[i].base);

	b->answer[side][i] = taken;
	if (dft_runs(&b->cbs[i]) != !taken)
		b->early = true;
	dft_poison(&b->cbs[i].base, sizeof(b->cbs[i].base));
}

static void act_remove_right(struct duel *d, struct bout *b)
{
	unsigned int i;

	for (i = 0; i < d->count; i++)
		remove_one(b, DUEL_RIGHT, b->number & 2 ? i : d->count - 1 - i);
}

static const char *check_remove(struct duel *d, struct bout *b)
{
	unsigned int i;

	if (b->early)
		return "a remove returned before the matter was settled";
	for (i = 0; i < d->count; i++) {
		if (dft_runs(&b->cbs[i]) + b->answer[DUEL_RIGHT][i] != 1)
			return "a callback was removed and run, or neither";
		if (!dft_poisoned(&b->cbs[i].base, sizeof(b->cbs[i].base)))
			return "the core wrote to a removed callback";
	}

	return NULL;
}

static const struct duel_ops remove_ops = {
	.setup = duel_setup,
	.act = { act_signal, act_remove_right },
	.check = check_remove,
};

static void race_remove(struct kunit *test)
{
	/*
	 * Verify that a callback removed while its fence is being signalled has
	 * either run to its end or never runs, when the remove returns.
	 */

	duel_run(test, &remove_ops, 300000, 1);
}

static void race_remove_many(struct kunit *test)
{
	/*
	 * Verify the same for a long list that is removed while it is being
	 * delivered, from its beginning and from its end.
	 */

	duel_run(test, &remove_ops, 20000, DUEL_CALLBACKS);
}

static const char *check_remove_locked(struct duel *d, struct bout *b)
{
	dma_fence_flush_callbacks(&b->fence);

	return check_remove(d, b);
}

static const struct duel_ops remove_locked_ops = {
	.setup = duel_setup,
	.act = { act_signal_locked, act_remove_right },
	.check = check_remove_locked,
};

static void race_remove_locked(struct kunit *test)
{
	/*
	 * Verify the same when delivery is deferred because the signaller holds
	 * the lock.
	 */

	duel_run(test, &remove_locked_ops, 20000, 3);
}

/* With a moment in which the callbacks are owed and nobody delivers them. */
static void act_signal_batch(struct duel *d, struct bout *b)
{
	DEFINE_DMA_FENCE_BATCH(batch);

	dma_fence_batch_signal_unlocked(&batch, &b->fence);
	duel_jitter(d, DUEL_LEFT, 32);
	dma_fence_batch_deliver(&batch);
}

static const struct duel_ops remove_batch_ops = {
	.setup = duel_setup,
	.act = { act_signal_batch, act_remove_right },
	.check = check_remove_locked,
};

static void race_remove_batch(struct kunit *test)
{
	/*
	 * Verify the same while the callbacks are in a batch that comes to be
	 * delivered.
	 */

	duel_run(test, &remove_batch_ops, 150000, 2);
}

static void race_remove_many_batch(struct kunit *test)
{
	/*
	 * Verify the same for a batch of many callbacks.
	 */

	duel_run(test, &remove_batch_ops, 20000, DUEL_CALLBACKS);
}

static void act_flush_right(struct duel *d, struct bout *b)
{
	unsigned int i;

	if (!dma_fence_test_signaled_flag(&b->fence))
		return;
	dma_fence_flush_callbacks(&b->fence);
	for (i = 0; i < d->count; i++)
		if (dft_runs(&b->cbs[i]) != 1)
			b->early = true;
}

static const char *check_flushed(struct duel *d, struct bout *b)
{
	unsigned int i;

	dma_fence_flush_callbacks(&b->fence);
	if (b->early)
		return "a flush returned before all callbacks had run";
	for (i = 0; i < d->count; i++)
		if (dft_runs(&b->cbs[i]) != 1)
			return "a callback did not run once";
	if (kref_read(&b->fence.refcount) != 1)
		return "a reference was lost or not dropped";

	return NULL;
}

static const struct duel_ops flush_batch_ops = {
	.setup = duel_setup,
	.act = { act_signal_batch, act_flush_right },
	.check = check_flushed,
};

static void race_flush_batch(struct kunit *test)
{
	/*
	 * Verify that when one CPU delivers a batch and the other flushes the
	 * fence in it every callback runs once, and none is left to either.
	 */

	duel_run(test, &flush_batch_ops, 20000, DUEL_CALLBACKS);
}

/* Half of the callbacks are on the second fence. */
static void setup_two_batches(struct duel *d, struct bout *b)
{
	unsigned int i;

	dma_fence_init(&b->fence, &dft_names_ops, &d->lock, 1, b->number);
	dma_fence_init(&b->second, &dft_names_ops, &d->lock, 2, b->number);
	b->early = false;
	for (i = 0; i < d->count; i++) {
		atomic_set(&b->cbs[i].runs, 0);
		if (dma_fence_add_callback(i % 2 ? &b->second : &b->fence,
					   &b->cbs[i].base, dft_count))
			b->wrong = "a new fence refuses a callback";
	}
}

static void act_batch(struct duel *d, struct bout *b, struct dma_fence *fence,
		      unsigned int first)
{
	unsigned long flags;
	unsigned int i;

	DEFINE_DMA_FENCE_BATCH(batch);

	spin_lock_irqsave(&d->lock, flags);
	dma_fence_batch_signal(&batch, fence);
	spin_unlock_irqrestore(&d->lock, flags);
	dma_fence_batch_deliver(&batch);
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		dma_fence_flush_callbacks(fence);
	for (i = first; i < d->count; i += 2)
		if (dft_runs(&b->cbs[i]) != 1)
			WRITE_ONCE(b->early, true);
}

static void act_batch_left(struct duel *d, struct bout *b)
{
	act_batch(d, b, &b->fence, 0);
}

static void act_batch_right(struct duel *d, struct bout *b)
{
	act_batch(d, b, &b->second, 1);
}

static const struct duel_ops two_batches_ops = {
	.setup = setup_two_batches,
	.act = { act_batch_left, act_batch_right },
	.check = check_flushed,
};

static void race_two_batches(struct kunit *test)
{
	/*
	 * Verify that two CPUs with a batch each, and fences of one lock, do not
	 * get into each other's way.
	 */

	duel_run(test, &two_batches_ops, 100000, 6);
}

static void act_signal_then_remove(struct duel *d, struct bout *b)
{
	unsigned int i;

	dma_fence_signal(&b->fence);
	for (i = 0; i < d->count; i++)
		b->answer[DUEL_LEFT][i] =
			dma_fence_remove_callback(&b->fence, &b->cbs[i].base);
}

static void act_remove_only(struct duel *d, struct bout *b)
{
	unsigned int i;

	for (i = 0; i < d->count; i++)
		b->answer[DUEL_RIGHT][i] =
			dma_fence_remove_callback(&b->fence, &b->cbs[i].base);
}

static const char *check_both_remove(struct duel *d, struct bout *b)
{
	unsigned int i;

	for (i = 0; i < d->count; i++)
		if (dft_runs(&b->cbs[i]) + b->answer[DUEL_LEFT][i] +
		    b->answer[DUEL_RIGHT][i] != 1)
			return "removed twice, or run and removed, or lost";

	return NULL;
}

static const struct duel_ops both_remove_ops = {
	.setup = duel_setup,
	.act = { act_signal_then_remove, act_remove_only },
	.check = check_both_remove,
};

static void race_both_remove(struct kunit *test)
{
	/*
	 * Verify that of two who remove the same callback, one of them being
	 * the signaller, at most one is told that it was taken.
	 */

	duel_run(test, &both_remove_ops, 100000, 2);
}

static void act_check_left(struct duel *d, struct bout *b)
{
	b->answer[DUEL_LEFT][0] = dma_fence_check_and_signal(&b->fence);
}

static void act_check_right(struct duel *d, struct bout *b)
{
	b->answer[DUEL_RIGHT][0] = dma_fence_check_and_signal(&b->fence);
}

static const char *check_signal(struct duel *d, struct bout *b)
{
	unsigned int i;

	if (b->answer[DUEL_LEFT][0] == b->answer[DUEL_RIGHT][0])
		return "not exactly one of two was the signaller";
	for (i = 0; i < d->count; i++)
		if (dft_runs(&b->cbs[i]) != 1)
			return "a callback did not run once";

	return NULL;
}

static const struct duel_ops signal_ops = {
	.setup = duel_setup,
	.act = { act_check_left, act_check_right },
	.check = check_signal,
};

static void race_signal(struct kunit *test)
{
	/*
	 * Verify that of two signallers one is the first, and that callbacks
	 * run for that one alone.
	 */

	duel_run(test, &signal_ops, 100000, 2);
}

static void setup_payload(struct duel *d, struct bout *b)
{
	duel_setup(d, b);
	WRITE_ONCE(b->payload, 0);
}

static void act_signal_payload(struct duel *d, struct bout *b)
{
	WRITE_ONCE(b->payload, b->number + 1);
	dma_fence_set_error(&b->fence, -EIO);
	if (b->number & 4)
		dma_fence_signal_timestamp(&b->fence, b->number + 1);
	else
		dma_fence_signal(&b->fence);
}

static void act_poll(struct duel *d, struct bout *b)
{
	bool given = b->number & 4;
	ktime_t stamp;

	if (!spin_until(dma_fence_is_signaled(&b->fence))) {
		b->wrong = "the signal is not seen";
		return;
	}
	if (!test_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT, &b->fence.flags))
		b->wrong = "signalled but not stamped";
	stamp = b->fence.timestamp;
	if (given ? stamp != b->number + 1 : ktime_after(stamp, ktime_get()))
		b->wrong = "signalled but the timestamp is not there";
	if (b->fence.error != -EIO)
		b->wrong = "signalled but the error is not there";
	if (READ_ONCE(b->payload) != b->number + 1)
		b->wrong = "signalled but the payload is not there";
}

static const char *check_wrong(struct duel *d, struct bout *b)
{
	return b->wrong;
}

static const struct duel_ops poll_ops = {
	.setup = setup_payload,
	.act = { act_signal_payload, act_poll },
	.check = check_wrong,
};

static void race_poll(struct kunit *test)
{
	/*
	 * Verify that whoever sees a fence signalled sees its timestamp, its
	 * error and what was written before the signal, with no waiting.
	 */

	duel_run(test, &poll_ops, 150000, 1);
}

static void act_flush(struct duel *d, struct bout *b)
{
	unsigned int i;

	if (!spin_until(dma_fence_is_signaled(&b->fence))) {
		b->wrong = "the signal is not seen";
		return;
	}
	dma_fence_flush_callbacks(&b->fence);
	for (i = 0; i < d->count; i++) {
		if (dft_runs(&b->cbs[i]) != 1)
			b->early = true;
		dft_poison(&b->cbs[i].base, sizeof(b->cbs[i].base));
	}
}

static const char *check_flush(struct duel *d, struct bout *b)
{
	unsigned int i;

	if (b->wrong)
		return b->wrong;
	if (b->early)
		return "a flush returned while a callback was owed";
	for (i = 0; i < d->count; i++)
		if (!dft_poisoned(&b->cbs[i].base, sizeof(b->cbs[i].base)))
			return "the core wrote to a flushed callback";

	return NULL;
}

static const struct duel_ops flush_ops = {
	.setup = duel_setup,
	.act = { act_signal, act_flush },
	.check = check_flush,
};

static const struct duel_ops flush_locked_ops = {
	.setup = duel_setup,
	.act = { act_signal_locked, act_flush },
	.check = check_flush,
};

static void race_flush(struct kunit *test)
{
	/*
	 * Verify that after SIGNALED was seen and a flush, every callback has
	 * run and its memory may be reused.
	 */

	duel_run(test, &flush_ops, 80000, 3);
}

static void race_flush_locked(struct kunit *test)
{
	/*
	 * Verify the same when delivery is deferred because the signaller holds
	 * the lock.
	 */

	duel_run(test, &flush_locked_ops, 20000, 3);
}

static void setup_move(struct duel *d, struct bout *b)
{
	duel_setup(d, b);
	dma_fence_init(&b->second, &dft_names_ops, NULL, 1, b->number + 1);
}

static void act_move(struct duel *d, struct bout *b)
{
	unsigned long flags;
	bool taken;

	dma_fence_lock_irqsave(&b->second, flags);
	spin_lock_nested(dma_fence_spinlock(&b->fence), SINGLE_DEPTH_NESTING);
	taken = dma_fence_remove_callback_locked(&b->fence, &b->cbs[0].base);
	spin_unlock(dma_fence_spinlock(&b->fence));
	if (dft_runs(&b->cbs[0]) != !taken)
		b->early = true;
	if (taken)
		list_add_tail(&b->cbs[0].base.node, &b->second.cb_list);
	dma_fence_unlock_irqrestore(&b->second, flags);
	b->answer[DUEL_RIGHT][0] = taken;
}

static const char *check_move(struct duel *d, struct bout *b)
{
	if (b->early)
		return "a locked remove returned before the matter was settled";
	if (dft_runs(&b->cbs[0]) + b->answer[DUEL_RIGHT][0] != 1)
		return "a callback was moved and run, or neither";
	dma_fence_signal(&b->second);
	dft_await_thread(&b->second);
	if (dft_runs(&b->cbs[0]) != 1)
		return "a moved callback did not run once";

	return NULL;
}

static const struct duel_ops move_ops = {
	.setup = setup_move,
	.act = { act_signal, act_move },
	.check = check_move,
};

static void race_move(struct kunit *test)
{
	/*
	 * Verify that a callback moved from list to list under both locks while
	 * the first fence is being signalled runs once, for one of the two.
	 */

	duel_run(test, &move_ops, 50000, 1);
}

static bool duel_enable(struct dma_fence *fence)
{
	struct bout *b = container_of(fence, struct bout, fence);

	b->enabled++;
	if (dma_fence_test_signaled_flag(fence))
		b->wrong = "a signalled fence was asked to enable";

	return b->number & 8;
}

static const char *duel_name(struct dma_fence *fence)
{
	return "duel";
}

static const struct dma_fence_ops duel_enable_ops = {
	.get_driver_name = duel_name,
	.get_timeline_name = duel_name,
	.enable_signaling = duel_enable,
};

static void setup_enable(struct duel *d, struct bout *b)
{
	dma_fence_init(&b->fence, &duel_enable_ops,
		       b->number & 1 ? &d->lock : NULL, 1, b->number + 1);
	atomic_set(&b->cbs[0].runs, 0);
	b->enabled = 0;
}

static void act_enable(struct duel *d, struct bout *b)
{
	if (b->number & 2)
		dma_fence_signal(&b->fence);
	else
		dma_fence_enable_sw_signaling(&b->fence);
}

static const char *check_enable(struct duel *d, struct bout *b)
{
	if (b->wrong)
		return b->wrong;
	if (b->enabled > 1)
		return "enable_signaling was called twice";
	dma_fence_signal(&b->fence);
	dft_await_thread(&b->fence);

	return check_add(d, b);
}

static const struct duel_ops enable_ops = {
	.setup = setup_enable,
	.act = { act_enable, act_add },
	.check = check_enable,
};

static void race_enable(struct kunit *test)
{
	/*
	 * Verify that the driver is asked at most once and never after the
	 * signal, and that no callback is lost, while one CPU enables or
	 * signals and the other adds, whatever the driver answers.
	 */

	duel_run(test, &enable_ops, 100000, 1);
}

static void act_names(struct duel *d, struct bout *b)
{
	const char *driver, *timeline;

	rcu_read_lock();
	driver = dft_driver_of(&b->fence);
	timeline = dft_timeline_of(&b->fence);
	if (strcmp(driver, "dft-driver") && strcmp(driver, "detached-driver"))
		b->wrong = "unknown driver name";
	if (strcmp(timeline, "dft-timeline") &&
	    strcmp(timeline, "signaled-timeline"))
		b->wrong = "unknown timeline name";
	rcu_read_unlock();
	dma_fence_set_deadline(&b->fence, 0);
}

static const struct duel_ops names_ops = {
	.setup = duel_setup,
	.act = { act_signal, act_names },
	.check = check_wrong,
};

static void race_names(struct kunit *test)
{
	/*
	 * Verify that names and deadlines can be had while the fence detaches
	 * from its driver.
	 */

	duel_run(test, &names_ops, 50000, 0);
}

/*
 * A fence on the stack without references: its life ends with the wait. The
 * lock is external, as in the drivers that do this, or inline.
 */
static void act_stack_fence(struct duel *d, struct bout *b)
{
	struct dma_fence fence = {};

	dma_fence_init(&fence, &dft_names_ops, b->number & 1 ? &d->lock : NULL,
		       1, 1);
	dft_store(&b->published, &fence);
	if (b->number & 2)
		duel_jitter(d, DUEL_RIGHT, 512);
	if (dma_fence_wait_timeout(&fence, false, 5 * HZ) <= 0)
		b->wrong = "the wait did not end with the signal";
	dft_poison(&fence, sizeof(fence));
	duel_jitter(d, DUEL_RIGHT, 1024);
	if (!dft_poisoned(&fence, sizeof(fence)))
		b->spoiled = true;
}

static void act_signal_published(struct duel *d, struct bout *b)
{
	struct dma_fence *fence;

	if (!spin_until(dft_load(&b->published)))
		return;
	fence = b->published;
	if (!(b->number & 2))
		duel_jitter(d, DUEL_LEFT, 2048);
	dma_fence_signal(fence);
}

static void setup_stack(struct duel *d, struct bout *b)
{
	b->published = NULL;
	b->spoiled = false;
}

static const char *check_stack(struct duel *d, struct bout *b)
{
	if (b->wrong)
		return b->wrong;
	if (b->spoiled)
		return "the core wrote to memory that was not its own any more";

	return NULL;
}

static const struct duel_ops stack_fence_ops = {
	.setup = setup_stack,
	.act = { act_signal_published, act_stack_fence },
	.check = check_stack,
};

static void race_stack_fence(struct kunit *test)
{
	/*
	 * Verify that a fence on its waiter's stack, which nobody refers to any
	 * more after the wait, is not touched from then on.
	 */

	duel_run(test, &stack_fence_ops, 20000, 0);
}

struct stack_cb {
	struct dma_fence_cb base;
	struct task_struct *task;
};

static void stack_cb_wake(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct stack_cb *cb = container_of(base, struct stack_cb, base);

	wake_up_process(cb->task);
}

static void act_stack_cb(struct duel *d, struct bout *b)
{
	struct stack_cb cb = { .task = current };
	ktime_t timeout;

	timeout = duel_random(d, DUEL_RIGHT, 60000);
	if (dma_fence_add_callback(&b->fence, &cb.base, stack_cb_wake))
		return;
	set_current_state(TASK_UNINTERRUPTIBLE);
	if (!dma_fence_is_signaled(&b->fence))
		schedule_hrtimeout(&timeout, HRTIMER_MODE_REL);
	__set_current_state(TASK_RUNNING);
	dma_fence_remove_callback(&b->fence, &cb.base);
	dft_poison(&cb, sizeof(cb));
	duel_jitter(d, DUEL_RIGHT, 512);
	if (!dft_poisoned(&cb, sizeof(cb)))
		b->spoiled = true;
}

static void act_signal_late(struct duel *d, struct bout *b)
{
	dft_spin_ns(duel_random(d, DUEL_LEFT, 60000));
	if (b->number & 2)
		act_signal_locked(d, b);
	else
		dma_fence_signal(&b->fence);
}

static const char *check_stack_cb(struct duel *d, struct bout *b)
{
	dma_fence_flush_callbacks(&b->fence);

	return check_stack(d, b);
}

static const struct duel_ops stack_cb_ops = {
	.setup = duel_setup,
	.act = { act_signal_late, act_stack_cb },
	.check = check_stack_cb,
};

static void race_stack_callback(struct kunit *test)
{
	/*
	 * Verify that a callback on the stack of a thread that sleeps with a
	 * timeout may be left behind after the remove, whether the signal or
	 * the timeout was first.
	 */

	duel_run(test, &stack_cb_ops, 10000, 1);
}

static void act_wait_briefly(struct duel *d, struct bout *b)
{
	struct dma_fence *fences[2] = { &b->second, &b->fence };
	u32 idx = 2;
	long ret;

	if (b->number & 2)
		ret = dma_fence_wait_timeout(&b->fence, false, 1);
	else
		ret = dma_fence_wait_any_timeout(fences, 2, false, 1, &idx);
	if (ret < 0 || ret > 1)
		b->wrong = "a wait with a timeout of one jiffy said otherwise";
	if (ret > 0 && !dma_fence_is_signaled(&b->fence))
		b->wrong = "a wait succeeded without a signal";
	if (ret > 0 && !(b->number & 2) && idx != 1)
		b->wrong = "wait_any succeeded for the wrong fence";
}

static void act_signal_in_a_jiffy(struct duel *d, struct bout *b)
{
	fsleep(duel_random(d, DUEL_LEFT, 2 * jiffies_to_usecs(1)));
	dma_fence_signal(&b->fence);
}

static const char *check_brief(struct duel *d, struct bout *b)
{
	if (b->wrong)
		return b->wrong;
	if (!list_empty(&b->second.cb_list))
		return "wait_any left something behind";
	if (d->count && dft_runs(&b->cbs[0]) != 1)
		return "a callback did not run once";
	/* Somebody has waited for it, and its memory goes. */
	dma_fence_signal(&b->second);

	return NULL;
}

static const struct duel_ops brief_ops = {
	.setup = setup_move,
	.act = { act_signal_in_a_jiffy, act_wait_briefly },
	.check = check_brief,
};

static void race_wait_timeout(struct kunit *test)
{
	/*
	 * Verify that a wait which times out at about the time of the signal
	 * says one or the other, and leaves nothing of itself on the fences.
	 */

	duel_run(test, &brief_ops, 60, 1);
}

static void act_wait(struct duel *d, struct bout *b)
{
	struct dma_fence *fences[2] = { &b->second, &b->fence };
	long ret;
	u32 idx = 2;

	if (b->number & 2) {
		ret = dma_fence_wait_timeout(&b->fence, b->number & 4, 5 * HZ);
	} else {
		ret = dma_fence_wait_any_timeout(fences, 2, b->number & 4,
						 5 * HZ, &idx);
		if (idx != 1)
			b->wrong = "wait_any woke for the wrong fence";
	}
	if (ret <= 2 * HZ)
		b->wrong = "a wait slept through the signal";
}

static void act_signal_either(struct duel *d, struct bout *b)
{
	if (b->number & 8)
		act_signal_locked(d, b);
	else
		dma_fence_signal(&b->fence);
}

static const char *check_wait(struct duel *d, struct bout *b)
{
	dma_fence_flush_callbacks(&b->fence);

	return check_brief(d, b);
}

static const struct duel_ops wait_ops = {
	.setup = setup_move,
	.act = { act_signal_either, act_wait },
	.check = check_wait,
};

static void race_wait(struct kunit *test)
{
	/*
	 * Verify that a wait of either kind that begins while the fence is
	 * being signalled does not miss the signal.
	 */

	duel_run(test, &wait_ops, 10000, 1);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE_SLOW(race_add),
	KUNIT_CASE_SLOW(race_remove),
	KUNIT_CASE_SLOW(race_remove_many),
	KUNIT_CASE_SLOW(race_remove_locked),
	KUNIT_CASE_SLOW(race_remove_batch),
	KUNIT_CASE_SLOW(race_remove_many_batch),
	KUNIT_CASE_SLOW(race_flush_batch),
	KUNIT_CASE_SLOW(race_two_batches),
	KUNIT_CASE_SLOW(race_both_remove),
	KUNIT_CASE_SLOW(race_signal),
	KUNIT_CASE_SLOW(race_poll),
	KUNIT_CASE_SLOW(race_flush),
	KUNIT_CASE_SLOW(race_flush_locked),
	KUNIT_CASE_SLOW(race_move),
	KUNIT_CASE_SLOW(race_enable),
	KUNIT_CASE_SLOW(race_names),
	KUNIT_CASE_SLOW(race_stack_fence),
	KUNIT_CASE_SLOW(race_stack_callback),
	KUNIT_CASE_SLOW(race_wait_timeout),
	KUNIT_CASE_SLOW(race_wait),
	{}
};

static int race_suite_init(struct kunit_suite *suite)
{
	duel_total = 0;

	return 0;
}

static void race_suite_exit(struct kunit_suite *suite)
{
	kunit_info(suite, "%u rounds in total", duel_total);
}

static struct kunit_suite race_suite = {
	.name = "dma_fence_race",
	.suite_init = race_suite_init,
	.suite_exit = race_suite_exit,
	.init = dft_pin,
	.test_cases = race_cases,
};

kunit_test_suite(race_suite);
