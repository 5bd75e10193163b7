// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kinds of callbacks against the clock: one CPU signals fence after fence while
 * on the other one callbacks and their targets come and go.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/sched/task.h>
#include <linux/slab.h>

#include "dma-fence-test-kinds.h"

/* Rounds between two looks at whether all that was begun has ended. */
#define RACE_BOXES	32

#define RACE_CHAIN	3

/* A case stops after this time. */
#define RACE_LIMIT_NS	(500LL * NSEC_PER_MSEC)

struct race;

/**
 * struct box - a callback together with the work item that it queues
 * @cb: the callback
 * @work: for the kinds in turn
 * @dwork: likewise
 * @kwork: likewise
 * @race: the race
 * @number: of the box, among those of the race
 */
struct box {
	union dft_kind_cb cb;
	union {
		struct work_struct work;
		struct delayed_work dwork;
		struct kthread_work kwork;
	};
	struct race *race;
	unsigned int number;
};

/**
 * struct box_kind - a kind of callback whose target has a handler
 * @name: name of the test parameter
 * @init: makes the work item
 * @fini: for a work item on the stack
 * @or_now: arms the callback, or queues the work item
 * @cancel: as an owner does; returns whether the handler was kept from running
 */
struct box_kind {
	const char *name;
	void (*init)(struct box *box, bool on_stack);
	void (*fini)(struct box *box);
	bool (*or_now)(struct dma_fence *fence, struct box *box);
	bool (*cancel)(struct box *box);
};

/**
 * struct race - what the two CPUs share
 * @kind: of the boxes, where there are any
 * @worker: for kthread work
 * @handler: what the handlers of all boxes do
 * @slot: the fence that is to be signalled; cleared when it has been
 * @over: no more will come
 * @number: of the round
 * @seed: random numbers
 * @boxes: those since the last look
 * @ran: how often the handler of each was run
 * @chain: for a handler that goes on to the next fence
 */
struct race {
	const struct box_kind *kind;
	struct kthread_worker *worker;
	void (*handler)(struct box *box);
	struct dma_fence *slot;
	bool over;
	unsigned int number;
	u32 seed;
	struct box *boxes[RACE_BOXES];
	atomic_t ran[RACE_BOXES];
	struct dma_fence *chain[RACE_CHAIN];
};

static void race_jitter(struct race *r, u32 limit)
{
	u32 turns;

	r->seed = r->seed * 1664525 + 1013904223;
	for (turns = (r->seed >> 8) % limit; turns; turns--)
		cpu_relax();
}

static int race_signaller(void *data)
{
	struct race *r = data;

	while (!READ_ONCE(r->over)) {
		struct dma_fence *fence = dft_load(&r->slot);

		cond_resched();
		if (!fence)
			continue;
		if (fence->seqno % 4 == 3)
			dft_signal_locked(to_dft_fence(fence));
		else
			dma_fence_signal(fence);
		dma_fence_put(fence);
		dft_store(&r->slot, NULL);
	}

	return 0;
}

/* The caller gets a reference. */
static struct dma_fence *race_fence(struct race *r)
{
	struct dft_fence *f = kzalloc_obj(*f);

	if (!f)
		return NULL;
	spin_lock_init(&f->own_lock);
	dma_fence_init(&f->base, &dft_names_ops,
		       r->number & 1 ? &f->own_lock : NULL, 1, r->number);

	return &f->base;
}

static bool race_signalled(struct race *r)
{
	return spin_until(!dft_load(&r->slot));
}

/* Have the other CPU signal a fence. */
static bool race_publish(struct race *r, struct dma_fence *fence)
{
	if (!race_signalled(r))
		return false;

	dft_store(&r->slot, dma_fence_get(fence));

	return true;
}

static void race_destroy_worker(void *worker)
{
	kthread_destroy_worker(worker);
}

static struct race *race_new(struct kunit *test, void (*handler)(struct box *box))
{
	struct race *r = kzalloc_obj(*r);

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->kind = test->param_value;
	r->handler = handler;
	r->worker = kthread_run_worker_on_cpu(raw_smp_processor_id(), 0,
					      "dft-worker/%u");
	KUNIT_ASSERT_FALSE(test, IS_ERR(r->worker));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, race_destroy_worker,
							r->worker), 0);

	return r;
}

/*
 * @round returns what went wrong, or NULL. In the first case nobody knows who is
 * still going to use what the race consists of, so it stays.
 */
static void race_run(struct kunit *test, struct race *r,
		     const char *(*round)(struct race *r))
{
	unsigned int cpu = dft_other_cpu(test);
	ktime_t limit = ktime_add_ns(ktime_get(), RACE_LIMIT_NS);
	struct dft_thread thread;
	const char *wrong = NULL;

	dft_thread_start(test, &thread, cpu, race_signaller, r);
	do {
		wrong = round(r);
		r->number++;
		cond_resched();
	} while (!wrong && (r->number % RACE_BOXES ||
			    ktime_before(ktime_get(), limit)));
	if (!race_signalled(r))
		wrong = "the other side does not come back";
	WRITE_ONCE(r->over, true);
	dft_thread_join(test, &thread);
	kunit_info(test, "%u rounds", r->number);
	if (wrong)
		KUNIT_FAIL(test, "round %u: %s", r->number, wrong);
	else
		kfree(r);
}

/*
 * Boxes
 */

static void box_work_func(struct work_struct *work)
{
	struct box *box = container_of(work, struct box, work);

	box->race->handler(box);
}

static void box_work_init(struct box *box, bool on_stack)
{
	if (on_stack)
		INIT_WORK_ONSTACK(&box->work, box_work_func);
	else
		INIT_WORK(&box->work, box_work_func);
}

static void box_work_fini(struct box *box)
{
	destroy_work_on_stack(&box->work);
}

static bool box_work_or_now(struct dma_fence *fence, struct box *box)
{
	return dma_fence_work_or_now(fence, &box->cb.work, system_dfl_wq,
				     &box->work);
}

static bool box_work_cancel(struct box *box)
{
	return cancel_work_sync(&box->work);
}

static void box_delayed_work_func(struct work_struct *work)
{
	struct box *box = container_of(to_delayed_work(work), struct box, dwork);

	box->race->handler(box);
}

static void box_delayed_work_init(struct box *box, bool on_stack)
{
	if (on_stack)
		INIT_DELAYED_WORK_ONSTACK(&box->dwork, box_delayed_work_func);
	else
		INIT_DELAYED_WORK(&box->dwork, box_delayed_work_func);
}

static void box_delayed_work_fini(struct box *box)
{
	destroy_delayed_work_on_stack(&box->dwork);
}

static bool box_delayed_work_or_now(struct dma_fence *fence, struct box *box)
{
	return dma_fence_delayed_work_or_now(fence, &box->cb.delayed_work,
					     system_dfl_wq, &box->dwork,
					     box->number & 1);
}

static bool box_delayed_work_cancel(struct box *box)
{
	return cancel_delayed_work_sync(&box->dwork);
}

static void box_kthread_work_func(struct kthread_work *work)
{
	struct box *box = container_of(work, struct box, kwork);

	box->race->handler(box);
}

static void box_kthread_work_init(struct box *box, bool on_stack)
{
	kthread_init_work(&box->kwork, box_kthread_work_func);
}

static void box_kthread_work_fini(struct box *box)
{
}

static bool box_kthread_work_or_now(struct dma_fence *fence, struct box *box)
{
	return dma_fence_kthread_work_or_now(fence, &box->cb.kthread_work,
					     box->race->worker, &box->kwork);
}

static bool box_kthread_work_cancel(struct box *box)
{
	return kthread_cancel_work_sync(&box->kwork);
}

static const struct box_kind box_kinds[] = {
	{ "work", box_work_init, box_work_fini, box_work_or_now,
	  box_work_cancel },
	{ "delayed_work", box_delayed_work_init, box_delayed_work_fini,
	  box_delayed_work_or_now, box_delayed_work_cancel },
	{ "kthread_work", box_kthread_work_init, box_kthread_work_fini,
	  box_kthread_work_or_now, box_kthread_work_cancel },
};

KUNIT_ARRAY_PARAM_DESC(box, box_kinds, name);

static void box_init(struct box *box, struct race *r, bool on_stack)
{
	box->race = r;
	box->number = r->number % RACE_BOXES;
	atomic_set(&r->ran[box->number], 0);
	r->kind->init(box, on_stack);
}

static struct box *box_new(struct race *r)
{
	struct box *box = kmalloc_obj(*box);

	if (!box)
		return NULL;
	box_init(box, r, false);
	r->boxes[box->number] = box;

	return box;
}

/*
 * Every second box is freed, so that KASAN sees whoever comes late, the others
 * stay to be looked at.
 */
static void box_abandon(struct box *box)
{
	struct race *r = box->race;
	unsigned int number = box->number;

	dft_poison(box, sizeof(*box));
	if (number & 1) {
		r->boxes[number] = NULL;
		kfree(box);
	}
}

static const char *boxes_check(struct race *r)
{
	const char *wrong = NULL;
	unsigned int i;

	if (r->number % RACE_BOXES != RACE_BOXES - 1)
		return NULL;
	if (!race_signalled(r))
		return "the other side does not come back";

	for (i = 0; i < RACE_BOXES; i++) {
		if (r->boxes[i] && !dft_poisoned(r->boxes[i], sizeof(struct box)))
			wrong = "the core wrote to what was given up";
		kfree(r->boxes[i]);
		r->boxes[i] = NULL;
	}

	return wrong;
}

/* The handler frees what it is in. */
static void free_handler(struct box *box)
{
	struct race *r = box->race;
	unsigned int number = box->number;

	box_abandon(box);
	/* Full barrier: the box is not to be seen any more. */
	atomic_inc_return(&r->ran[number]);
}

static const char *free_wait(struct race *r)
{
	unsigned int i;

	if (r->number % RACE_BOXES != RACE_BOXES - 1)
		return NULL;

	for (i = 0; i < RACE_BOXES; i++)
		if (!sleep_until(atomic_read_acquire(&r->ran[i])))
			return "a work item was not queued";

	return boxes_check(r);
}

static const char *free_round(struct race *r)
{
	struct dma_fence *fence = race_fence(r);
	struct box *box = box_new(r);

	if (!fence || !box)
		return "no memory";
	if (r->number & 2) {
		/* Maybe too late. */
		if (!race_publish(r, fence))
			return "the other side does not come back";
		race_jitter(r, 64);
		r->kind->or_now(fence, box);
	} else {
		r->kind->or_now(fence, box);
		if (!race_publish(r, fence))
			return "the other side does not come back";
	}
	/*
	 * The callback wants a reference for as long as it is armed. Asleep, so
	 * that the handler gets this CPU while the other one is in the signal.
	 */
	if (!sleep_until(!dft_load(&r->slot)))
		return "the other side does not come back";
	dma_fence_put(fence);

	return free_wait(r);
}

static void race_handler_frees(struct kunit *test)
{
	struct race *r = race_new(test, free_handler);

	/*
	 * Verify that a work item may free itself and its callback as soon as it
	 * runs, while the signal that has queued it is still under way.
	 */

	race_run(test, r, free_round);
}

static void count_handler(struct box *box)
{
	atomic_inc(&box->race->ran[box->number]);
}

/* Take a box away from a fence that is just being signalled, or will be. */
static const char *owner_takes(struct race *r, struct dma_fence *fence,
			       struct box *box)
{
	int ran;

	r->kind->or_now(fence, box);
	if (!race_publish(r, fence))
		return "the other side does not come back";
	race_jitter(r, 256);
	if (dma_fence_remove_callback(fence, &box->cb.base) ||
	    r->kind->cancel(box))
		ran = 0;
	else
		ran = 1;
	if (atomic_read(&r->ran[box->number]) != ran)
		return "a work item was taken and ran, or neither";

	return NULL;
}

static const char *owner_round(struct race *r)
{
	struct dma_fence *fence = race_fence(r);
	struct box *box = box_new(r);
	const char *wrong;
	int ran;

	if (!fence || !box)
		return "no memory";
	wrong = owner_takes(r, fence, box);
	if (wrong)
		return wrong;
	ran = atomic_read(&r->ran[box->number]);
	if (r->number & 2)
		race_signalled(r);
	if (atomic_read(&r->ran[box->number]) != ran)
		return "a work item ran after it was taken";
	box_abandon(box);
	dma_fence_put(fence);

	return boxes_check(r);
}

static void race_owner_frees(struct kunit *test)
{
	struct race *r = race_new(test, count_handler);

	/*
	 * Verify that after a removal, and a cancel if that came too late, the
	 * owner may free callback and work item whatever the signal is up to.
	 */

	race_run(test, r, owner_round);
}

static const char *stack_round(struct race *r)
{
	struct dma_fence *fence = race_fence(r);
	const char *wrong;
	struct box box;

	if (!fence)
		return "no memory";
	box_init(&box, r, true);
	wrong = owner_takes(r, fence, &box);
	r->kind->fini(&box);
	dft_poison(&box, sizeof(box));
	dma_fence_put(fence);
	/* Leave it to others to use the frame, every other time. */
	if (wrong || r->number & 2)
		return wrong;
	race_signalled(r);

	return dft_poisoned(&box, sizeof(box)) ?
	       NULL : "the core wrote to a frame that was left";
}

static void race_on_stack(struct kunit *test)
{
	struct race *r = race_new(test, count_handler);

	/*
	 * Verify the same for callbacks and work items on the stack.
	 */

	race_run(test, r, stack_round);
}

static void chain_handler(struct box *box)
{
	struct race *r = box->race;
	int ran = atomic_inc_return(&r->ran[box->number]);

	if (ran < RACE_CHAIN)
		r->kind->or_now(r->chain[ran], box);
}

static const char *chain_round(struct race *r)
{
	struct box *box = box_new(r);
	const char *wrong = NULL;
	unsigned int i;

	if (!box)
		return "no memory";
	for (i = 0; i < RACE_CHAIN; i++) {
		r->chain[i] = race_fence(r);
		if (!r->chain[i])
			return "no memory";
	}
	r->kind->or_now(r->chain[0], box);
	for (i = 0; i < RACE_CHAIN; i++) {
		race_publish(r, r->chain[i]);
		race_jitter(r, 64);
	}
	if (!sleep_until(atomic_read(&r->ran[box->number]) == RACE_CHAIN))
		wrong = "a work item was not queued";
	if (!race_signalled(r))
		return "the other side does not come back";
	if (dma_fence_remove_callback(r->chain[RACE_CHAIN - 1], &box->cb.base))
		wrong = "a callback is still armed";
	r->kind->cancel(box);
	if (atomic_read(&r->ran[box->number]) != RACE_CHAIN)
		wrong = "a work item was queued too often";
	box_abandon(box);
	for (i = 0; i < RACE_CHAIN; i++)
		dma_fence_put(r->chain[i]);

	return wrong ?: boxes_check(r);
}

static void race_armed_again(struct kunit *test)
{
	struct race *r = race_new(test, chain_handler);

	/*
	 * Verify that a work item may arm the callback that has queued it on the
	 * next fence, while the signal of the one before is still under way.
	 */

	race_run(test, r, chain_round);
}

/*
 * Waiters
 */

static const char *completion_round(struct race *r)
{
	struct dma_fence *fence = race_fence(r);
	struct {
		struct completion done;
		struct dma_fence_cb_completion c;
	} frame;
	bool done;

	if (!fence)
		return "no memory";
	init_completion(&frame.done);
	dma_fence_completion_or_now(fence, &frame.c, &frame.done);
	if (!race_publish(r, fence))
		return "the other side does not come back";
	if (r->number & 1)
		done = wait_for_completion_timeout(&frame.done, 5 * HZ);
	else
		done = spin_until(try_wait_for_completion(&frame.done));
	if (!done) {
		dma_fence_remove_callback(fence, &frame.c.base);
		return "a completion was not completed";
	}
	dft_poison(&frame, sizeof(frame));
	dma_fence_put(fence);
	if (r->number & 2)
		return NULL;
	race_signalled(r);

	return dft_poisoned(&frame, sizeof(frame)) ?
	       NULL : "the core wrote to a frame that was left";
}

static void race_completion(struct kunit *test)
{
	struct race *r = race_new(test, NULL);

	/*
	 * Verify that who has waited for a completion on his stack may leave the
	 * frame at once, the callback with it.
	 */

	race_run(test, r, completion_round);
}

static long wake_wait(struct dma_fence *fence)
{
	long left = 5 * HZ;

	while (left) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (dma_fence_test_signaled_flag(fence))
			break;
		left = schedule_timeout(left);
	}
	__set_current_state(TASK_RUNNING);

	return left;
}

static const char *wake_round(struct race *r)
{
	struct dma_fence *fence = race_fence(r);
	struct dma_fence_cb_wake w;
	bool waits = r->number & 1, removed;
	long left = 1;

	if (!fence)
		return "no memory";
	dma_fence_add_wake(fence, &w, current);
	if (!race_publish(r, fence))
		return "the other side does not come back";
	if (waits)
		left = wake_wait(fence);
	else
		race_jitter(r, 256);
	removed = dma_fence_remove_callback(fence, &w.base);
	dft_poison(&w, sizeof(w));
	if (!removed && !dma_fence_test_signaled_flag(fence))
		return "a task was woken too soon";
	dma_fence_put(fence);
	if (!left)
		return "a task was not woken";
	race_signalled(r);

	return dft_poisoned(&w, sizeof(w)) ?
	       NULL : "the core wrote to a frame that was left";
}

static void race_wake(struct kunit *test)
{
	unsigned int usage = refcount_read(&current->usage);
	struct race *r = race_new(test, NULL);

	/*
	 * Verify that a task which sleeps until the fence has signalled is woken,
	 * that one which gives up may leave the frame after the removal, and that
	 * neither leaves a reference behind or drops one too many.
	 */

	race_run(test, r, wake_round);
	sleep_until(refcount_read(&current->usage) == usage);
	KUNIT_EXPECT_EQ(test, refcount_read(&current->usage), usage);
}

struct error_cb {
	struct dma_fence_cb base;
	int status;
};

static void error_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct error_cb *cb = container_of(base, struct error_cb, base);

	dft_store(&cb->status, dma_fence_get_status(fence));
}

static const char *error_round(struct race *r)
{
	struct dma_fence *fence = race_fence(r);
	struct error_cb cb = {};
	int status, expected;

	if (!fence)
		return "no memory";
	dma_fence_add_callback(fence, &cb.base, error_func);
	if (!race_publish(r, fence))
		return "the other side does not come back";
	race_jitter(r, 256);
	expected = dma_fence_set_error_unless_signaled(fence, -EIO) ? -EIO : 1;
	/* As a waiter sees it. */
	if (!spin_until(dma_fence_test_signaled_flag(fence)))
		return "the signal is not seen";
	status = dma_fence_get_status(fence);
	dma_fence_remove_callback(fence, &cb.base);
	dma_fence_put(fence);
	if (status != expected)
		return "a waiter does not see what was promised";
	if (cb.status && cb.status != expected)
		return "a callback does not see what was promised";

	return NULL;
}

static void race_error(struct kunit *test)
{
	struct race *r = race_new(test, NULL);

	/*
	 * Verify that an error which is set while the fence is being signalled is
	 * seen by waiters and callbacks exactly if it was said to be set.
	 */

	race_run(test, r, error_round);
}

static struct kunit_case cb_race_cases[] = {
	KUNIT_CASE_PARAM(race_handler_frees, box_gen_params),
	KUNIT_CASE_PARAM(race_owner_frees, box_gen_params),
	KUNIT_CASE_PARAM(race_on_stack, box_gen_params),
	KUNIT_CASE_PARAM(race_armed_again, box_gen_params),
	KUNIT_CASE(race_completion),
	KUNIT_CASE(race_wake),
	KUNIT_CASE(race_error),
	{}
};

static struct kunit_suite cb_race_suite = {
	.name = "dma_fence_cb_race",
	.init = dft_pin,
	.test_cases = cb_race_cases,
};

kunit_test_suite(cb_race_suite);
