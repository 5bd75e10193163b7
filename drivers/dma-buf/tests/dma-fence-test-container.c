// SPDX-License-Identifier: GPL-2.0-only
/*
 * What any container has to stand, and the fences that are put into them.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/dma-fence-batch.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "dma-fence-test-container.h"

/* More than one section of a chain. */
#define MEMBERS		70

/*
 * Members
 */

static spinlock_t *set_lock(struct dft_set *set, struct dft_fence *f,
			    enum dft_set_lock lock, unsigned int i)
{
	if (lock == DFT_SET_MIXED)
		lock = i % DFT_SET_MIXED;
	if (lock == DFT_SET_INLINE)
		return NULL;

	return lock == DFT_SET_OWN ? &f->own_lock : &set->lock;
}

/**
 * dft_set_init - make members
 * @test: the test, which fails if there is no memory
 * @set: the set
 * @count: how many
 * @lock: which locks they use
 */
void dft_set_init(struct kunit *test, struct dft_set *set, unsigned int count,
		  enum dft_set_lock lock)
{
	unsigned int i;

	*set = (struct dft_set){ };
	spin_lock_init(&set->lock);
	set->member = kvcalloc(count, sizeof(*set->member), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, set->member);

	for (i = 0; i < count; i++) {
		struct dft_fence *f = kzalloc_obj(*f);

		KUNIT_ASSERT_NOT_NULL(test, f);
		spin_lock_init(&f->own_lock);
		dft_fence_init(f, &dft_release_ops, set_lock(set, f, lock, i));
		f->released = &set->released;
		set->member[i] = f;
		set->count++;
	}
}

/**
 * dft_set_put - drop the references on the members
 * @set: the set; members that a test has put are NULL
 */
void dft_set_put(struct dft_set *set)
{
	unsigned int i;

	for (i = 0; i < set->count; i++) {
		if (!set->member[i])
			continue;
		dma_fence_signal(dft_member(set, i));
		dma_fence_put(dft_member(set, i));
	}
	kvfree(set->member);
	set->member = NULL;
	set->count = 0;
}

static void set_put(void *set)
{
	dft_set_put(set);
}

/**
 * dft_set_new - make members that live until the test ends
 * @test: the test
 * @count: how many
 * @lock: which locks they use
 *
 * Return: the set.
 */
struct dft_set *dft_set_new(struct kunit *test, unsigned int count,
			    enum dft_set_lock lock)
{
	struct dft_set *set = kunit_kzalloc(test, sizeof(*set), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, set);
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, set_put, set), 0);
	dft_set_init(test, set, count, lock);

	return set;
}

/**
 * dft_set_signal - signal all members, the first one first
 * @set: the set
 */
void dft_set_signal(struct dft_set *set)
{
	unsigned int i;

	for (i = 0; i < set->count; i++)
		dma_fence_signal(dft_member(set, i));
}

/* Nobody but the set refers to its members. */
static bool set_alone(struct dft_set *set)
{
	unsigned int i;

	for (i = 0; i < set->count; i++)
		if (kref_read(&dft_member(set, i)->refcount) != 1)
			return false;

	return true;
}

/*
 * Containers
 */

/**
 * dft_array_new - put an array around members
 * @test: the test
 * @set: the members; the set keeps its references
 *
 * Return: the only reference on the array.
 */
struct dma_fence *dft_array_new(struct kunit *test, struct dft_set *set)
{
	struct dma_fence_array *array;
	struct dma_fence **fences;
	unsigned int i;

	fences = kmalloc_objs(*fences, set->count);
	KUNIT_ASSERT_NOT_NULL(test, fences);
	for (i = 0; i < set->count; i++)
		fences[i] = dma_fence_get(dft_member(set, i));
	array = dma_fence_array_create(set->count, fences,
				       dma_fence_context_alloc(1), 1);
	KUNIT_ASSERT_NOT_NULL(test, array);

	return &array->base;
}

/**
 * dft_link_new - continue a chain
 * @test: the test
 * @prev: what comes before; takes over the reference
 * @fence: the member; takes over the reference
 * @seqno: position
 *
 * Return: the only reference on the link.
 */
struct dma_fence *dft_link_new(struct kunit *test, struct dma_fence *prev,
			       struct dma_fence *fence, u64 seqno)
{
	struct dma_fence_chain *chain = dma_fence_chain_alloc();

	KUNIT_ASSERT_NOT_NULL(test, chain);
	dma_fence_chain_init(chain, prev, fence, seqno);

	return &chain->base;
}

/**
 * dft_chain_new - put a chain around members, the first of which is the oldest
 * @test: the test
 * @set: the members; the set keeps its references
 *
 * Return: the only reference on the newest link.
 */
struct dma_fence *dft_chain_new(struct kunit *test, struct dft_set *set)
{
	struct dma_fence *head = NULL;
	unsigned int i;

	for (i = 0; i < set->count; i++)
		head = dft_link_new(test, head, dma_fence_get(dft_member(set, i)),
				    i + 1);

	return head;
}

struct armed {
	struct dma_fence *fence;
	struct dma_fence_cb *cb;
};

/* Whatever has its callback armed still exists. */
static void armed_remove(void *data)
{
	struct armed *a = data;

	if (!list_empty(&a->cb->node))
		dma_fence_remove_callback(a->fence, a->cb);
}

/**
 * dft_arm - add a callback that does not outlive the test
 * @test: the test, which fails if the callback is refused
 * @fence: the fence
 * @cb: the callback, in memory from kunit_kzalloc()
 * @func: what it calls
 *
 * A test that failed half-way has its members signalled when it is over.
 */
void dft_arm(struct kunit *test, struct dma_fence *fence, struct dma_fence_cb *cb,
	     dma_fence_func_t func)
{
	struct armed *a = kunit_kzalloc(test, sizeof(*a), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, a);
	a->fence = fence;
	a->cb = cb;
	INIT_LIST_HEAD(&cb->node);
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, armed_remove, a), 0);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(fence, cb, func), 0);
}

/**
 * dft_listen - have a callback count
 * @test: the test
 * @fence: the fence
 *
 * Return: the callback.
 */
struct dft_cb *dft_listen(struct kunit *test, struct dma_fence *fence)
{
	struct dft_cb *cb = kunit_kzalloc(test, sizeof(*cb), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, cb);
	dft_arm(test, fence, &cb->base, dft_count);

	return cb;
}

static struct dma_fence *make(struct kunit *test, struct dft_set *set)
{
	const struct dft_container *c = test->priv;

	return c->make(test, set);
}

static struct dma_fence *make_kept(struct kunit *test, struct dft_set *set)
{
	return dft_keep(test, make(test, set));
}

static void order_free(void *order)
{
	kvfree(order);
}

/**
 * dft_order_new - in which order members signal
 * @test: the test
 * @order: which kind of
 * @count: how many there are
 *
 * Return: their numbers, until the test ends; always the same for %DFT_RANDOM.
 */
unsigned int *dft_order_new(struct kunit *test, enum dft_order order,
			    unsigned int count)
{
	unsigned int *turn = kvcalloc(count, sizeof(*turn), GFP_KERNEL);
	unsigned int i, other;
	u32 seed = count;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, turn);
	err = kunit_add_action_or_reset(test, order_free, turn);
	KUNIT_ASSERT_EQ(test, err, 0);

	for (i = 0; i < count; i++) {
		turn[i] = order == DFT_REVERSE ? count - 1 - i : i;
		if (order != DFT_RANDOM)
			continue;
		seed = seed * 1664525 + 1013904223;
		other = (seed >> 8) % (i + 1);
		swap(turn[i], turn[other]);
	}

	return turn;
}

/*
 * Signalling
 */

enum play_use {
	PLAY_POLL,
	PLAY_ASK,
	PLAY_CALLBACK,
};

struct play_params {
	const char *name;
	enum play_use use;
	enum dft_order order;
};

static const struct play_params play_cases[] = {
	{ "poll, in order", PLAY_POLL, DFT_IN_ORDER },
	{ "poll, reverse", PLAY_POLL, DFT_REVERSE },
	{ "poll, random", PLAY_POLL, DFT_RANDOM },
	{ "poll what has to be asked, in order", PLAY_ASK, DFT_IN_ORDER },
	{ "poll what has to be asked, reverse", PLAY_ASK, DFT_REVERSE },
	{ "poll what has to be asked, random", PLAY_ASK, DFT_RANDOM },
	{ "callback, in order", PLAY_CALLBACK, DFT_IN_ORDER },
	{ "callback, reverse", PLAY_CALLBACK, DFT_REVERSE },
	{ "callback, random", PLAY_CALLBACK, DFT_RANDOM },
};

KUNIT_ARRAY_PARAM_DESC(play, play_cases, name);

const void *dft_play_gen_params(struct kunit *test, const void *prev, char *desc)
{
	return play_gen_params(test, prev, desc);
}

static bool play_signaled(const struct play_params *p, struct dma_fence *fence,
			  struct dft_cb *cb)
{
	if (p->use != PLAY_CALLBACK)
		return dma_fence_is_signaled(fence);

	return dma_fence_test_signaled_flag(fence) && dft_runs(cb) == 1;
}

/* Says how many members had signalled when the container did. */
static unsigned int play(const struct play_params *p, struct dft_set *set,
			 struct dma_fence *fence, const unsigned int *turn,
			 struct dft_cb *cb)
{
	unsigned int i;

	for (i = 0; i < set->count && !play_signaled(p, fence, cb); i++) {
		struct dft_fence *f = set->member[turn[i]];

		if (p->use == PLAY_ASK)
			f->signaled_result = true;
		else
			dma_fence_signal(&f->base);
	}

	return play_signaled(p, fence, cb) ? i : UINT_MAX;
}

void container_signal(struct kunit *test)
{
	static const unsigned int counts[] = { 1, 2, 31, 32, 33, 34, 64, 65, 300 };
	const struct play_params *p = test->param_value;
	unsigned int i, k, enabled, max = 0, *turn;
	struct dma_fence *fence;
	struct dft_set *set;
	struct dft_cb *cb;

	/*
	 * Verify that a container signals with the last of its members, and not
	 * before, in whatever order they do; that it enables no member when it
	 * is merely looked at, and each of them once at most otherwise.
	 */

	for (k = 0; k < ARRAY_SIZE(counts); k++) {
		set = dft_set_new(test, counts[k], DFT_SET_INLINE);
		fence = make_kept(test, set);
		turn = dft_order_new(test, p->order, set->count);
		cb = p->use == PLAY_CALLBACK ? dft_listen(test, fence) : NULL;
		KUNIT_ASSERT_EQ(test, play(p, set, fence, turn, cb), set->count);
		KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), 1);
		for (i = 0, enabled = 0; i < set->count; i++) {
			enabled += set->member[i]->enabled;
			max = max(max, set->member[i]->enabled);
		}
		KUNIT_EXPECT_EQ(test, !!enabled, p->use == PLAY_CALLBACK);
		KUNIT_EXPECT_LE(test, max, 1);
	}
}

/*
 * Locks
 */

enum locks_way {
	LOCKS_UNLOCKED,
	LOCKS_EACH,
	LOCKS_ALL,
	LOCKS_BATCH,
	LOCKS_BATCH_ALL,
	LOCKS_MIXED,
};

struct locks_params {
	const char *name;
	enum dft_set_lock lock;
	enum locks_way way;
};

static const struct locks_params locks_cases[] = {
	{ "inline", DFT_SET_INLINE, LOCKS_UNLOCKED },
	{ "inline, locked", DFT_SET_INLINE, LOCKS_EACH },
	{ "inline, batch", DFT_SET_INLINE, LOCKS_BATCH },
	{ "own", DFT_SET_OWN, LOCKS_UNLOCKED },
	{ "own, locked", DFT_SET_OWN, LOCKS_EACH },
	{ "own, batch", DFT_SET_OWN, LOCKS_BATCH },
	{ "shared", DFT_SET_SHARED, LOCKS_UNLOCKED },
	{ "shared, locked", DFT_SET_SHARED, LOCKS_EACH },
	{ "shared, locked once", DFT_SET_SHARED, LOCKS_ALL },
	{ "shared, batch", DFT_SET_SHARED, LOCKS_BATCH },
	{ "shared, batch locked once", DFT_SET_SHARED, LOCKS_BATCH_ALL },
	{ "mixed", DFT_SET_MIXED, LOCKS_UNLOCKED },
	{ "mixed, locked", DFT_SET_MIXED, LOCKS_EACH },
	{ "mixed, batch", DFT_SET_MIXED, LOCKS_BATCH },
	{ "mixed, each another way", DFT_SET_MIXED, LOCKS_MIXED },
};

KUNIT_ARRAY_PARAM_DESC(locks, locks_cases, name);

const void *dft_locks_gen_params(struct kunit *test, const void *prev, char *desc)
{
	return locks_gen_params(test, prev, desc);
}

struct locks_cb {
	struct dft_cb cb;
	struct dft_set *set;
	unsigned int held;
};

static void locks_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct locks_cb *c = container_of(base, struct locks_cb, cb.base);
	unsigned int i;

	c->held += !dft_not_held(dma_fence_spinlock(fence));
	for (i = 0; i < c->set->count; i++)
		c->held += !dft_not_held(dma_fence_spinlock(dft_member(c->set, i)));
	dft_count(fence, base);
}

static void locks_signal_batch(struct dma_fence_batch *batch,
			       struct dma_fence *fence)
{
	unsigned long flags;

	dma_fence_lock_irqsave(fence, flags);
	dma_fence_batch_signal(batch, fence);
	dma_fence_unlock_irqrestore(fence, flags);
}

/* The whole set under its lock. Says how often callbacks ran meanwhile. */
static int locks_signal_all(struct dft_set *set, struct dma_fence_batch *batch,
			    struct dft_cb *cb)
{
	unsigned long flags;
	unsigned int i;
	int early;

	spin_lock_irqsave(&set->lock, flags);
	for (i = 0; i < set->count; i++) {
		if (batch)
			dma_fence_batch_signal(batch, dft_member(set, i));
		else
			dma_fence_signal_locked(dft_member(set, i));
	}
	early = dft_runs(cb);
	spin_unlock_irqrestore(&set->lock, flags);

	return early;
}

static void locks_signal_one(struct dft_set *set, unsigned int i,
			     enum locks_way way, struct dma_fence_batch *batch)
{
	if (way == LOCKS_MIXED)
		way = i & 1 ? LOCKS_EACH : i & 2 ? LOCKS_BATCH : LOCKS_UNLOCKED;

	if (way == LOCKS_UNLOCKED)
		dma_fence_signal(dft_member(set, i));
	else if (way == LOCKS_EACH)
		dft_signal_locked(set->member[i]);
	else
		locks_signal_batch(batch, dft_member(set, i));
}

static int locks_signal(struct dft_set *set, enum locks_way way,
			struct dft_cb *cb)
{
	DEFINE_DMA_FENCE_BATCH(batch);
	unsigned int i;
	int early = 0;

	if (way == LOCKS_ALL || way == LOCKS_BATCH_ALL) {
		early = locks_signal_all(set, way == LOCKS_ALL ? NULL : &batch,
					 cb);
	} else {
		for (i = 0; i < set->count; i++)
			locks_signal_one(set, i, way, &batch);
	}
	if (way == LOCKS_BATCH)
		early += dft_runs(cb);
	dma_fence_batch_deliver(&batch);

	return early;
}

void container_locks(struct kunit *test)
{
	const struct locks_params *p = test->param_value;
	struct dft_set *set = dft_set_new(test, MEMBERS, p->lock);
	struct dma_fence *fence = make_kept(test, set);
	struct locks_cb *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	int early;

	/*
	 * Verify that a container signals when its members do it with their
	 * locks held or collected in a batch, in any mixture, but not before
	 * the locks are free, unless a thread does. Lockdep looks on.
	 */

	KUNIT_ASSERT_NOT_NULL(test, c);
	c->set = set;
	dft_arm(test, fence, &c->cb.base, locks_func);
	early = locks_signal(set, p->way, &c->cb);
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		KUNIT_EXPECT_EQ(test, early, 0);
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_runs(&c->cb)));
	dma_fence_flush_callbacks(fence);
	KUNIT_EXPECT_EQ(test, dft_runs(&c->cb), 1);
	if (DFT_LOCKS_ARE_VISIBLE)
		KUNIT_EXPECT_EQ(test, c->held, 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(fence));
}

/*
 * Waiting
 */

static int wait_for_fence(void *fence)
{
	return dma_fence_wait_timeout(fence, false, 5 * HZ) > 2 * HZ;
}

static int wait_for_any(void *fence)
{
	struct dma_fence *fences[] = { fence, fence };

	return dma_fence_wait_any_timeout(fences, 2, true, 5 * HZ, NULL) > 2 * HZ;
}

void container_wait(struct kunit *test)
{
	static int (*const waits[])(void *fence) = { wait_for_fence, wait_for_any };
	unsigned int i, cpu = dft_other_cpu(test);
	struct dft_thread thread;
	struct dma_fence *fence;
	struct dft_set *set;

	/*
	 * Verify that a sleeper sleeps until the last member has signalled, or
	 * until its time is over.
	 */

	for (i = 0; i < ARRAY_SIZE(waits); i++) {
		set = dft_set_new(test, MEMBERS, DFT_SET_INLINE);
		fence = make_kept(test, set);
		KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, false, 0), 0);
		KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, true, 1), 0);

		dft_thread_start(test, &thread, cpu, waits[i], fence);
		KUNIT_EXPECT_TRUE(test, sleep_until(dft_has_callbacks(fence)));
		set->count--;
		dft_set_signal(set);
		set->count++;
		usleep_range(2000, 3000);
		KUNIT_EXPECT_FALSE(test, completion_done(&thread.finished));
		dma_fence_signal(dft_member(set, set->count - 1));
		KUNIT_EXPECT_EQ(test, dft_thread_join(test, &thread), 1);
		KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, false, 0), 1);
	}
}

/*
 * Callbacks
 */

static void refuse_signalled(struct dft_fence *f)
{
	dma_fence_signal(&f->base);
}

static void refuse_nothing_to_enable(struct dft_fence *f)
{
	f->enable_result = false;
}

static void refuse_signals_itself(struct dft_fence *f)
{
	f->signals_itself = true;
}

void container_refuses(struct kunit *test)
{
	static void (*const ways[])(struct dft_fence *f) = {
		refuse_signalled, refuse_nothing_to_enable, refuse_signals_itself,
	};
	struct dma_fence *fence;
	struct dft_set *set;
	struct dft_cb cb = {};
	unsigned int i, k;

	/*
	 * Verify that a callback is refused, and not called, when all members
	 * have signalled, or do so when they are asked to.
	 */

	for (k = 0; k < ARRAY_SIZE(ways); k++) {
		set = dft_set_new(test, MEMBERS, DFT_SET_MIXED);
		fence = make_kept(test, set);
		for (i = 0; i < set->count; i++)
			ways[k](set->member[i]);
		KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(fence));
		KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &cb.base,
							     dft_count), -ENOENT);
		KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(fence));
		KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(fence, &cb.base));
		KUNIT_EXPECT_EQ(test, dft_runs(&cb), 0);
	}
}

void container_removes(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, MEMBERS, DFT_SET_INLINE);
	struct dma_fence *fence = make_kept(test, set);
	struct dft_cb *cbs[3];
	unsigned int i;

	/*
	 * Verify that a callback that was removed from a container does not
	 * run, and that the others do.
	 */

	for (i = 0; i < ARRAY_SIZE(cbs); i++)
		cbs[i] = dft_listen(test, fence);
	KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback(fence, &cbs[1]->base));
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(fence, &cbs[1]->base));
	dft_set_signal(set);
	KUNIT_EXPECT_EQ(test, dft_runs(cbs[0]), 1);
	KUNIT_EXPECT_EQ(test, dft_runs(cbs[1]), 0);
	KUNIT_EXPECT_EQ(test, dft_runs(cbs[2]), 1);
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(fence, &cbs[0]->base));
}

void container_enables_once(struct kunit *test)
{
	const struct dft_container *c = test->priv;
	struct dft_set *set = dft_set_new(test, MEMBERS, DFT_SET_MIXED);
	struct dma_fence *fence = make_kept(test, set);
	struct dft_cb *cbs[3];
	unsigned int i;

	/*
	 * Verify that a member is enabled once for the container, with the
	 * first callback, and when it comes to the others has not been missed.
	 */

	for (i = 0; i < ARRAY_SIZE(cbs); i++) {
		cbs[i] = dft_listen(test, fence);
		dma_fence_enable_sw_signaling(fence);
	}
	for (i = set->count; i--;) {
		KUNIT_EXPECT_LE(test, set->member[i]->enabled, 1);
		if (!c->sequential || i == set->count - 1)
			KUNIT_EXPECT_EQ(test, set->member[i]->enabled, 1);
	}
	dft_set_signal(set);
	for (i = 0; i < ARRAY_SIZE(cbs); i++)
		KUNIT_EXPECT_EQ(test, dft_runs(cbs[i]), 1);
}

void container_shares_members(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, MEMBERS, DFT_SET_MIXED);
	struct dma_fence *fences[20];
	struct dft_cb *cbs[ARRAY_SIZE(fences)];
	unsigned int i;

	/* Verify that a member serves all containers that it is in. */

	for (i = 0; i < ARRAY_SIZE(fences); i++) {
		fences[i] = make_kept(test, set);
		cbs[i] = dft_listen(test, fences[i]);
	}
	set->count--;
	dft_set_signal(set);
	set->count++;
	for (i = 0; i < ARRAY_SIZE(fences); i++)
		KUNIT_EXPECT_EQ(test, dft_runs(cbs[i]), 0);
	dft_set_signal(set);
	for (i = 0; i < ARRAY_SIZE(fences); i++)
		KUNIT_EXPECT_EQ(test, dft_runs(cbs[i]), 1);
}

/*
 * Questions
 */

void container_asked_locked(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, 3, DFT_SET_MIXED);
	struct dma_fence *fence = make_kept(test, set);
	struct dft_cb *cb = dft_listen(test, dft_member(set, 0));
	unsigned int i, signaled = 0;
	unsigned long flags;
	bool answer;

	/*
	 * Verify that looking at a container under its lock does not have
	 * members signal there: lockdep would see two locks of one class.
	 */

	for (i = 0; i < set->count; i++)
		set->member[i]->signaled_result = true;
	dma_fence_lock_irqsave(fence, flags);
	dma_fence_is_signaled_locked(fence);
	dma_fence_get_status_locked(fence);
	for (i = 0; i < set->count; i++)
		signaled += dma_fence_test_signaled_flag(dft_member(set, i));
	dma_fence_unlock_irqrestore(fence, flags);
	KUNIT_EXPECT_EQ(test, signaled, 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));

	dma_fence_lock_irqsave(fence, flags);
	answer = dma_fence_is_signaled_locked(fence);
	dma_fence_unlock_irqrestore(fence, flags);
	KUNIT_EXPECT_TRUE(test, answer);
	KUNIT_EXPECT_EQ(test, dft_runs(cb), 1);
}

void container_deadline(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, MEMBERS, DFT_SET_MIXED);
	struct dma_fence *fence = make_kept(test, set);
	unsigned int i;

	/*
	 * Verify that a deadline reaches every member that has not signalled,
	 * whether signalling was enabled or not, and none afterwards.
	 */

	for (i = 0; i < set->count; i += 2)
		dma_fence_signal(dft_member(set, i));
	dma_fence_set_deadline(fence, 1000);
	dma_fence_enable_sw_signaling(fence);
	dma_fence_set_deadline(fence, 2000);
	for (i = 0; i < set->count; i++) {
		KUNIT_EXPECT_EQ(test, set->member[i]->hinted, i & 1 ? 2 : 0);
		KUNIT_EXPECT_EQ(test, set->member[i]->hint, i & 1 ? 2000 : 0);
	}
	dft_set_signal(set);
	dma_fence_set_deadline(fence, 3000);
	KUNIT_EXPECT_EQ(test, set->member[1]->hinted, 2);
}

void container_names(struct kunit *test)
{
	const struct dft_container *c = test->priv;
	struct dft_set *set = dft_set_new(test, 1, DFT_SET_INLINE);
	struct dma_fence *fence = make_kept(test, set);

	/* Verify what a container is called. */

	KUNIT_EXPECT_TRUE(test, dma_fence_is_container(fence));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_container(dft_member(set, 0)));
	guard(rcu)();
	KUNIT_EXPECT_STREQ(test, dft_driver_of(fence), c->name);
	KUNIT_EXPECT_STREQ(test, dft_timeline_of(fence), "unbound");
}

void container_timestamp(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, MEMBERS, DFT_SET_INLINE);
	struct dma_fence *fence = make_kept(test, set);
	ktime_t before;

	/*
	 * Verify that the time of a container is that of its own signal, not
	 * what a member says.
	 */

	dma_fence_enable_sw_signaling(fence);
	set->count--;
	dft_set_signal(set);
	set->count++;
	before = ktime_get();
	dma_fence_signal_timestamp(dft_member(set, set->count - 1), 17);
	KUNIT_EXPECT_EQ(test, dft_stamp_of(dft_member(set, set->count - 1)), 17);
	KUNIT_EXPECT_GE(test, dft_stamp_of(fence), before);
	KUNIT_EXPECT_LE(test, dft_stamp_of(fence), ktime_get());
}

/*
 * Order
 */

struct turn_cb {
	struct dma_fence_cb base;
	struct dma_fence *signals;
	unsigned int *turns;
	unsigned int turn;
};

static void turn_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct turn_cb *cb = container_of(base, struct turn_cb, base);

	cb->turn = ++*cb->turns;
	if (cb->signals)
		dma_fence_signal(cb->signals);
}

void container_has_its_turn(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, 1, DFT_SET_INLINE);
	struct dft_fence *other = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dma_fence *fence = make_kept(test, set);
	struct turn_cb *cbs = kunit_kcalloc(test, 3, sizeof(*cbs), GFP_KERNEL);
	unsigned int i, turns = 0;

	/*
	 * Verify that what an earlier callback of the member has signalled is
	 * delivered before the container.
	 */

	KUNIT_ASSERT_NOT_NULL(test, cbs);
	for (i = 0; i < 3; i++)
		cbs[i].turns = &turns;
	cbs[0].signals = &other->base;
	dft_arm(test, dft_member(set, 0), &cbs[0].base, turn_func);
	dft_arm(test, &other->base, &cbs[1].base, turn_func);
	dft_arm(test, fence, &cbs[2].base, turn_func);
	dft_set_signal(set);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, cbs[i].turn, i + 1);
}

void container_many_callbacks(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, MEMBERS, DFT_SET_INLINE);
	struct dma_fence *fence = make(test, set);
	struct dft_cb *cbs[100];
	unsigned int i;

	/*
	 * Verify that callbacks on a container run that do not fit in a window,
	 * and that it goes after the last of them when nobody else keeps it.
	 */

	for (i = 0; i < ARRAY_SIZE(cbs); i++)
		cbs[i] = dft_listen(test, fence);
	dma_fence_put(fence);
	dft_set_signal(set);
	for (i = 0; i < ARRAY_SIZE(cbs); i++)
		KUNIT_EXPECT_EQ(test, dft_runs(cbs[i]), 1);
	KUNIT_EXPECT_TRUE(test, set_alone(set));
}

/*
 * Lifetime
 */

struct put_cb {
	struct dma_fence_cb base;
	unsigned int runs;
	struct dft_set *set;
	unsigned int member;
};

static void put_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct put_cb *cb = container_of(base, struct put_cb, base);

	cb->runs++;
	if (cb->set)
		cb->set->member[cb->member] = NULL;
	dma_fence_put(fence);
}

void container_put_by_callback(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, MEMBERS, DFT_SET_INLINE);
	struct dma_fence *fence = make(test, set);
	struct put_cb *cb = kunit_kzalloc(test, sizeof(*cb), GFP_KERNEL);

	/*
	 * Verify that a callback of the container may drop its last reference,
	 * and that with this the members are let go.
	 */

	KUNIT_ASSERT_NOT_NULL(test, cb);
	dft_arm(test, fence, &cb->base, put_func);
	KUNIT_EXPECT_FALSE(test, set_alone(set));
	dft_set_signal(set);
	KUNIT_EXPECT_EQ(test, cb->runs, 1);
	KUNIT_EXPECT_TRUE(test, set_alone(set));
}

void container_orphan(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, MEMBERS, DFT_SET_MIXED);
	struct dma_fence *fence = make(test, set);
	struct dft_cb *cb = dft_listen(test, fence), *removed;

	/*
	 * Verify that a container that nobody refers to any more does what it
	 * was asked to before, and goes then.
	 */

	dma_fence_put(fence);
	fence = make(test, set);
	removed = dft_listen(test, fence);
	KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback(fence, &removed->base));
	dma_fence_put(fence);

	dft_set_signal(set);
	KUNIT_EXPECT_EQ(test, dft_runs(cb), 1);
	KUNIT_EXPECT_EQ(test, dft_runs(removed), 0);
	KUNIT_EXPECT_TRUE(test, set_alone(set));
}

void container_unused(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, MEMBERS, DFT_SET_INLINE);
	struct dma_fence *fence = make(test, set);
	unsigned int i;

	/*
	 * Verify that a container that nobody has waited for goes at once, and
	 * has not touched its members.
	 */

	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	dma_fence_put(fence);
	KUNIT_EXPECT_TRUE(test, set_alone(set));
	for (i = 0; i < set->count; i++) {
		KUNIT_EXPECT_EQ(test, set->member[i]->enabled, 0);
		KUNIT_EXPECT_FALSE(test,
				   dma_fence_test_signaled_flag(dft_member(set, i)));
	}
}

void container_freed_in_delivery(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, MEMBERS, DFT_SET_SHARED);
	struct put_cb *cbs = kunit_kcalloc(test, MEMBERS, sizeof(*cbs), GFP_KERNEL);
	struct dma_fence *fence = make(test, set);
	unsigned int i, runs = 0;
	struct dft_cb *cb = NULL;

	/*
	 * Verify that members whose callbacks drop the last reference but those
	 * of the container go within the delivery, and the container, which
	 * lies in between, with them. Half of these callbacks come before that
	 * of the container, half after it.
	 */

	KUNIT_ASSERT_NOT_NULL(test, cbs);
	for (i = 0; i < MEMBERS; i++) {
		if (i == MEMBERS / 2)
			cb = dft_listen(test, fence);
		cbs[i].set = set;
		cbs[i].member = i;
		dft_arm(test, dft_member(set, i), &cbs[i].base, put_func);
	}
	dma_fence_put(fence);
	locks_signal(set, LOCKS_BATCH_ALL, cb);
	KUNIT_EXPECT_EQ(test, dft_runs(cb), 1);
	for (i = 0; i < MEMBERS; i++)
		runs += cbs[i].runs;
	KUNIT_EXPECT_EQ(test, runs, MEMBERS);
	KUNIT_EXPECT_EQ(test, dft_released(set), MEMBERS);
}

/*
 * Depth
 */

/**
 * struct depth_probe - the innermost fence, which knows where the stack is
 * @base: the fence
 * @enable: where enable_signaling was called
 * @signal: where the callback of the outermost container was
 * @put: where release was called
 * @cb: that callback
 */
struct depth_probe {
	struct dma_fence base;
	unsigned long *enable;
	unsigned long *signal;
	unsigned long *put;
	struct dft_cb cb;
};

#define HERE	((unsigned long)__builtin_frame_address(0))

static const char *depth_name(struct dma_fence *fence)
{
	return "depth";
}

static bool depth_enable(struct dma_fence *fence)
{
	*container_of(fence, struct depth_probe, base)->enable = HERE;

	return true;
}

static void depth_release(struct dma_fence *fence)
{
	*container_of(fence, struct depth_probe, base)->put = HERE;
	dma_fence_free(fence);
}

static void depth_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct depth_probe *probe = container_of(base, struct depth_probe, cb.base);

	*probe->signal = HERE;
	dft_count(fence, base);
}

static const struct dma_fence_ops depth_ops = {
	.get_driver_name = depth_name,
	.get_timeline_name = depth_name,
	.enable_signaling = depth_enable,
	.release = depth_release,
};

/* All three in one nest: where the stack is when things happen at its ends. */
static noinline_for_stack void depth_measure(struct kunit *test, dft_nest_t nest,
					     unsigned int depth, unsigned long at[3])
{
	struct dma_fence *other = &dft_fence_alloc(test, &dft_ops,
						   DFT_INLINE_LOCK)->base;
	struct depth_probe *probe = kzalloc_obj(*probe);
	struct dma_fence *fence;

	KUNIT_ASSERT_NOT_NULL(test, probe);
	probe->enable = &at[0];
	probe->signal = &at[1];
	probe->put = &at[2];
	dma_fence_init(&probe->base, &depth_ops, NULL, 1, 1);
	fence = nest(test, &probe->base, other, depth);

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(fence, &probe->cb.base,
						     depth_func), 0);
	dma_fence_signal(other);
	KUNIT_EXPECT_EQ(test, dft_runs(&probe->cb), 0);
	dma_fence_signal(&probe->base);
	KUNIT_EXPECT_EQ(test, dft_runs(&probe->cb), 1);
	dma_fence_put(&probe->base);
	dma_fence_put(fence);
	dma_fence_put(other);
}

/**
 * dft_depth_run - verify that stack does not depend on how deep containers nest
 * @test: the test
 * @nest: makes the containers
 * @depth: how deep
 */
void dft_depth_run(struct kunit *test, dft_nest_t nest, unsigned int depth)
{
	static const char *const what[] = { "enable", "signal", "put" };
	const unsigned int depths[] = { 2, 20, depth };
	unsigned long at[ARRAY_SIZE(depths)][3] = {};
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(depths); i++) {
		depth_measure(test, nest, depths[i], at[i]);
		for (k = 0; k < 3; k++) {
			KUNIT_ASSERT_NE(test, at[i][k], 0);
			/* Do not go to the end of the stack in that case. */
			KUNIT_ASSERT_LE_MSG(test, abs_diff(at[i][k], at[0][k]),
					    DFT_DEPTH_STACK, "%s at depth %u",
					    what[k], depths[i]);
		}
	}
}

/*
 * Races
 */

/* Time that a race may take. */
#define RACE_NS		(DFT_SLOW_KERNEL ? NSEC_PER_SEC : 2 * NSEC_PER_SEC)

/* Rounds between two meetings, at which both sides wait for each other. */
#define RING_ROUNDS	16

/**
 * struct dft_ring - where two CPUs meet
 * @ops: what they have come for
 * @over: set when either side has had enough
 * @met: meetings that a side has come to
 * @at: the round that a side is in
 * @seed: a side's random numbers
 * @rounds: the rounds until the next meeting
 */
struct dft_ring {
	const struct dft_race_ops *ops;
	bool over;
	unsigned int met[2];
	unsigned int at[2];
	u32 seed[2];
	struct dft_race rounds[RING_ROUNDS];
};

static bool ring_meet(struct dft_ring *ring, enum dft_side side)
{
	ktime_t end = ktime_add_ns(ktime_get(), 5ULL * NSEC_PER_SEC);
	unsigned int here = ring->met[side] + 1;

	dft_store(&ring->met[side], here);
	while ((int)(dft_load(&ring->met[!side]) - here) < 0) {
		if (READ_ONCE(ring->over))
			return false;
		if (ktime_after(ktime_get(), end)) {
			ring->rounds[0].wrong = "the other side does not come back";
			WRITE_ONCE(ring->over, true);
			return false;
		}
		cond_resched();
		cpu_relax();
	}

	return true;
}

static void ring_act(struct dft_ring *ring, enum dft_side side, struct dft_race *r)
{
	unsigned int turns = 1000;

	WRITE_ONCE(ring->at[side], r->round);
	/* Together, if the other CPU is there at all. */
	while (READ_ONCE(ring->at[!side]) < r->round && turns--)
		cpu_relax();
	ring->seed[side] = ring->seed[side] * 1664525 + 1013904223;
	for (turns = ring->seed[side] >> 24; turns; turns--)
		cpu_relax();
	ring->ops->act[side](r);
}

static bool ring_fight(struct dft_ring *ring, enum dft_side side)
{
	unsigned int i;

	if (!ring_meet(ring, side))
		return false;
	for (i = 0; i < RING_ROUNDS; i++)
		ring_act(ring, side, &ring->rounds[i]);

	return ring_meet(ring, side);
}

static int ring_right(void *data)
{
	struct dft_ring *ring = data;

	while (ring_fight(ring, DFT_RIGHT))
		;

	return 0;
}

/* Says what went wrong between two meetings, or NULL. */
static const char *ring_rounds(struct dft_ring *ring)
{
	const char *wrong = NULL;
	unsigned int i;

	for (i = 0; i < RING_ROUNDS; i++) {
		ring->rounds[i].round += RING_ROUNDS;
		ring->ops->setup(&ring->rounds[i]);
	}
	if (!ring_fight(ring, DFT_LEFT))
		return ring->rounds[0].wrong;
	for (i = 0; i < RING_ROUNDS; i++) {
		ring->ops->check(&ring->rounds[i]);
		wrong = wrong ?: ring->rounds[i].wrong;
	}

	return wrong;
}

static struct dft_ring *ring_new(struct kunit *test, size_t data)
{
	struct dft_ring *ring = kunit_kzalloc(test, sizeof(*ring), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, ring);
	for (i = 0; i < RING_ROUNDS; i++) {
		ring->rounds[i] = (struct dft_race){
			.test = test, .round = i,
			.data = kunit_kzalloc(test, max(data, 1), GFP_KERNEL),
		};
		KUNIT_ASSERT_NOT_NULL(test, ring->rounds[i].data);
	}

	return ring;
}

/**
 * dft_race_run - have two CPUs race until one is wrong, or time is over
 * @test: the test
 * @ops: the race
 * @rounds: how many at most
 * @data: size of &dft_race.data
 */
void dft_race_run(struct kunit *test, const struct dft_race_ops *ops,
		  unsigned int rounds, size_t data)
{
	ktime_t end = ktime_add_ns(ktime_get(), RACE_NS);
	unsigned int done = 0, cpu = dft_other_cpu(test);
	struct dft_ring *ring = ring_new(test, data);
	struct dft_thread thread;
	const char *wrong = NULL;

	ring->ops = ops;
	ring->seed[DFT_RIGHT] = 1;
	dft_thread_start(test, &thread, cpu, ring_right, ring);
	while (!wrong && done < rounds && ktime_before(ktime_get(), end)) {
		wrong = ring_rounds(ring);
		done += RING_ROUNDS;
	}
	WRITE_ONCE(ring->over, true);
	dft_thread_join(test, &thread);

	if (wrong)
		KUNIT_FAIL(test, "about round %u: %s", done, wrong);
	kunit_info(test, "%u of %u rounds", done, rounds);
}

/* Kinds that are tried in a round are bits of its number. */
static void race_setup(struct dft_race *r)
{
	unsigned int count = r->round % 4 ? r->round % 4 : 40;

	dft_set_init(r->test, &r->set, count,
		     r->round & 4 ? DFT_SET_MIXED : DFT_SET_INLINE);
	r->fence = make(r->test, &r->set);
	atomic_set(&r->cb.runs, 0);
	r->added = 0;
}

static void race_setup_added(struct dft_race *r)
{
	race_setup(r);
	r->added = dma_fence_add_callback(r->fence, &r->cb.base, dft_count);
	if (r->added)
		r->wrong = "a new container refuses a callback";
}

static void race_signal(struct dft_race *r)
{
	unsigned int i;

	for (i = 0; i < r->set.count; i++) {
		unsigned int k = r->round & 8 ? i : r->set.count - 1 - i;

		if (r->round & 16)
			dft_signal_locked(r->set.member[k]);
		else
			dma_fence_signal(dft_member(&r->set, k));
	}
}

/* To the end of what both have begun: no callback may be owed any more. */
static void race_clean(struct dft_race *r)
{
	unsigned int count = r->set.count;

	if (r->fence) {
		dma_fence_flush_callbacks(r->fence);
		dma_fence_put(r->fence);
	}
	dft_set_put(&r->set);
	if (!sleep_until(dft_released(&r->set) == count))
		r->wrong = "a member was not let go";
}

static void race_check(struct dft_race *r)
{
	int runs = !r->added;

	if (r->added && r->added != -ENOENT)
		r->wrong = "unknown answer to add";
	if (!spin_until(dft_runs(&r->cb) == runs && (r->round & 32 ||
						     dma_fence_is_signaled(r->fence))))
		r->wrong = "a callback was lost";
	race_clean(r);
	if (dft_runs(&r->cb) != runs)
		r->wrong = "a callback did not run once, or a refused one ran";
}

static void race_add(struct dft_race *r)
{
	r->added = dma_fence_add_callback(r->fence, &r->cb.base, dft_count);
}

void container_race_enable(struct kunit *test)
{
	static const struct dft_race_ops ops = {
		.setup = race_setup,
		.act = { race_add, race_signal },
		.check = race_check,
	};

	/*
	 * Verify that a callback that is added while the members signal is run
	 * once, or refused.
	 */

	dft_race_run(test, &ops, 30000, 0);
}

static void race_poll(struct dft_race *r)
{
	bool adds = r->round & 32;

	if (!spin_until(dma_fence_is_signaled(r->fence)))
		r->wrong = "the container does not signal";
	if (!test_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT, &r->fence->flags))
		r->wrong = "signalled but not stamped";
	if (adds)
		race_add(r);
}

static void race_add_and_signal(struct dft_race *r)
{
	race_signal(r);
	if (!(r->round & 32))
		race_add(r);
}

static void race_check_poll(struct dft_race *r)
{
	if (r->added != -ENOENT && r->round & 32)
		r->wrong = "a signalled container took a callback";
	race_check(r);
}

void container_race_poll(struct kunit *test)
{
	static const struct dft_race_ops ops = {
		.setup = race_setup,
		.act = { race_poll, race_add_and_signal },
		.check = race_check_poll,
	};

	/*
	 * Verify that one CPU may look until the container has signalled while
	 * the other signals the members, and then enables it.
	 */

	dft_race_run(test, &ops, 30000, 0);
}

static void race_remove(struct dft_race *r)
{
	bool removed = dma_fence_remove_callback(r->fence, &r->cb.base);

	if (removed)
		r->added = -ENOENT;
	if (dft_runs(&r->cb) != !removed)
		r->wrong = "a remove returned before the matter was settled";
	dft_poison(&r->cb.base, sizeof(r->cb.base));
}

static void race_check_removed(struct dft_race *r)
{
	race_check(r);
	if (!dft_poisoned(&r->cb.base, sizeof(r->cb.base)))
		r->wrong = "the core wrote to a removed callback";
}

void container_race_remove(struct kunit *test)
{
	static const struct dft_race_ops ops = {
		.setup = race_setup_added,
		.act = { race_remove, race_signal },
		.check = race_check_removed,
	};

	/*
	 * Verify that removing a callback from a container settles while its
	 * members signal.
	 */

	dft_race_run(test, &ops, 30000, 0);
}

static void race_put(struct dft_race *r)
{
	struct dma_fence *fence = r->fence;

	r->fence = NULL;
	dma_fence_put(fence);
}

static void race_check_put(struct dft_race *r)
{
	if (!spin_until(dft_runs(&r->cb) == 1))
		r->wrong = "a callback was lost";
	race_clean(r);
	if (dft_runs(&r->cb) != 1)
		r->wrong = "a callback did not run once";
}

void container_race_put(struct kunit *test)
{
	static const struct dft_race_ops ops = {
		.setup = race_setup_added,
		.act = { race_put, race_signal },
		.check = race_check_put,
	};

	/*
	 * Verify that the last reference from outside may go while the members
	 * signal.
	 */

	dft_race_run(test, &ops, 30000, 0);
}

/**
 * struct outside_cb - a callback that looks whether a lock is held
 * @base: the callback
 * @lock: the lock
 * @locked: how often it was held
 */
struct outside_cb {
	struct dft_cb base;
	spinlock_t *lock;	/* of a member */
	unsigned int locked;
};

static void outside_func(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct outside_cb *o = container_of(cb, struct outside_cb, base.base);

	o->locked += !dft_not_held(o->lock);
	dft_count(fence, cb);
}

void container_behind_the_core(struct kunit *test)
{
	const struct dft_container *k = test->priv;
	struct dft_set *set = dft_set_new(test, 2, DFT_SET_INLINE);
	struct dma_fence *fence = dft_keep(test, k->make(test, set));
	struct outside_cb o = { .lock = dma_fence_spinlock(dft_member(set, 0)) };
	unsigned int i;

	/*
	 * Verify that members whose driver calls callbacks itself, under its
	 * lock, as i915 does, complete the container, and that nothing of it
	 * happens under that lock.
	 */

	if (!DFT_LOCKS_ARE_VISIBLE)
		kunit_skip(test, "a trylock does not tell who has the lock");
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(fence, &o.base.base,
						     outside_func), 0);
	for (i = set->count; i--; ) {
		dft_fake_signal(dft_member(set, i));
		dft_fake_delivery(dft_member(set, i));
		/* An irq_work comes at the unlock, or at the next tick. */
		if (i)
			KUNIT_EXPECT_EQ(test, dft_runs(&o.base), 0);
		usleep_range(20000, 30000);
	}
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_runs(&o.base) == 1));
	KUNIT_EXPECT_EQ(test, o.locked, 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(fence));
	dma_fence_remove_callback(fence, &o.base.base);
}

void container_polled_before_delivery(struct kunit *test)
{
	const struct dft_container *k = test->priv;
	struct dft_set *set = dft_set_new(test, 3, DFT_SET_SHARED);
	struct dma_fence *fence = dft_keep(test, k->make(test, set));
	struct dft_cb cb = {};
	unsigned long flags;
	bool signaled;
	unsigned int i;

	/*
	 * Verify that a container which somebody waits for can be seen to have
	 * signalled as soon as its members have, when their callbacks are yet
	 * to come.
	 */

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(fence, &cb.base, dft_count), 0);
	spin_lock_irqsave(&set->lock, flags);
	for (i = 0; i < set->count; i++)
		dma_fence_signal_locked(dft_member(set, i));
	signaled = dma_fence_is_signaled(fence);
	spin_unlock_irqrestore(&set->lock, flags);

	KUNIT_EXPECT_TRUE(test, signaled);
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_runs(&cb) == 1));
	dma_fence_remove_callback(fence, &cb.base);
}
