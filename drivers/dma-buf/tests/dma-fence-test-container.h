/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites of the containers share: fences to be put into them, and the tests
 * that a fence which stands for others passes whatever it is.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef _DMA_FENCE_TEST_CONTAINER_H
#define _DMA_FENCE_TEST_CONTAINER_H

#include <linux/atomic.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/spinlock.h>

#include "dma-fence-test-nest.h"

enum dft_set_lock {
	DFT_SET_INLINE,
	DFT_SET_OWN,
	DFT_SET_SHARED,
	DFT_SET_MIXED,
};

/**
 * struct dft_set - fences that become members
 * @count: how many
 * @member: the fences, with a reference each
 * @released: how many were released
 * @lock: external lock of all of them, if so chosen
 */
struct dft_set {
	unsigned int count;
	struct dft_fence **member;
	atomic_t released;
	spinlock_t lock;	/* of the members, see above */
};

void dft_set_init(struct kunit *test, struct dft_set *set, unsigned int count,
		  enum dft_set_lock lock);
void dft_set_put(struct dft_set *set);
struct dft_set *dft_set_new(struct kunit *test, unsigned int count,
			    enum dft_set_lock lock);
void dft_set_signal(struct dft_set *set);

static inline struct dma_fence *dft_member(struct dft_set *set, unsigned int i)
{
	return &set->member[i]->base;
}

static inline int dft_released(struct dft_set *set)
{
	return atomic_read(&set->released);
}

struct dma_fence *dft_array_new(struct kunit *test, struct dft_set *set);
struct dma_fence *dft_link_new(struct kunit *test, struct dma_fence *prev,
			       struct dma_fence *fence, u64 seqno);
struct dma_fence *dft_chain_new(struct kunit *test, struct dft_set *set);

void dft_arm(struct kunit *test, struct dma_fence *fence, struct dma_fence_cb *cb,
	     dma_fence_func_t func);
struct dft_cb *dft_listen(struct kunit *test, struct dma_fence *fence);

enum dft_order {
	DFT_IN_ORDER,
	DFT_REVERSE,
	DFT_RANDOM,
	DFT_ORDERS
};

unsigned int *dft_order_new(struct kunit *test, enum dft_order order,
			    unsigned int count);

/**
 * struct dft_container - what a suite has made, in &kunit.priv
 * @make: puts a container around a set, and returns its only reference
 * @name: what it calls its driver
 * @sequential: it need not enable all members at once
 */
struct dft_container {
	struct dma_fence *(*make)(struct kunit *test, struct dft_set *set);
	const char *name;
	bool sequential;
};

enum dft_side {
	DFT_LEFT,
	DFT_RIGHT,
};

/**
 * struct dft_race - something that two CPUs do at the same time
 * @test: the test
 * @round: which round this is
 * @set: members, new in each round
 * @fence: a container of them
 * @cb: a callback
 * @added: what adding it said
 * @wrong: what went wrong, or NULL
 * @data: whatever a race needs, zeroed at the beginning
 */
struct dft_race {
	struct kunit *test;
	unsigned int round;
	struct dft_set set;
	struct dma_fence *fence;
	struct dft_cb cb;
	int added;
	const char *wrong;
	void *data;
};

/**
 * struct dft_race_ops - a race
 * @setup: prepares a round, on the left
 * @act: what each side does
 * @check: looks at the result and cleans up, on the left
 */
struct dft_race_ops {
	void (*setup)(struct dft_race *r);
	void (*act[2])(struct dft_race *r);
	void (*check)(struct dft_race *r);
};

void dft_race_run(struct kunit *test, const struct dft_race_ops *ops,
		  unsigned int rounds, size_t data);

/* What the depth of containers may add to the stack. */
#define DFT_DEPTH_STACK	512

/*
 * Puts containers around a fence, one around the other, with @other as a further
 * member of each. Returns the only reference on the outermost.
 */
typedef struct dma_fence *(*dft_nest_t)(struct kunit *test, struct dma_fence *inner,
					struct dma_fence *other,
					unsigned int depth);
void dft_depth_run(struct kunit *test, dft_nest_t nest, unsigned int depth);

/* The tests, and their parameters. */
const void *dft_play_gen_params(struct kunit *test, const void *prev, char *desc);
const void *dft_locks_gen_params(struct kunit *test, const void *prev, char *desc);

void container_signal(struct kunit *test);
void container_locks(struct kunit *test);
void container_wait(struct kunit *test);
void container_refuses(struct kunit *test);
void container_removes(struct kunit *test);
void container_enables_once(struct kunit *test);
void container_shares_members(struct kunit *test);
void container_asked_locked(struct kunit *test);
void container_deadline(struct kunit *test);
void container_names(struct kunit *test);
void container_timestamp(struct kunit *test);
void container_has_its_turn(struct kunit *test);
void container_many_callbacks(struct kunit *test);
void container_put_by_callback(struct kunit *test);
void container_orphan(struct kunit *test);
void container_unused(struct kunit *test);
void container_freed_in_delivery(struct kunit *test);
void container_behind_the_core(struct kunit *test);
void container_polled_before_delivery(struct kunit *test);
void container_race_enable(struct kunit *test);
void container_race_poll(struct kunit *test);
void container_race_remove(struct kunit *test);
void container_race_put(struct kunit *test);

#define DFT_CONTAINER_CASES						\
	KUNIT_CASE_PARAM(container_signal, dft_play_gen_params),	\
	KUNIT_CASE_PARAM(container_locks, dft_locks_gen_params),	\
	KUNIT_CASE(container_wait),					\
	KUNIT_CASE(container_refuses),					\
	KUNIT_CASE(container_removes),					\
	KUNIT_CASE(container_enables_once),				\
	KUNIT_CASE(container_shares_members),				\
	KUNIT_CASE(container_asked_locked),				\
	KUNIT_CASE(container_deadline),					\
	KUNIT_CASE(container_names),					\
	KUNIT_CASE(container_timestamp),				\
	KUNIT_CASE(container_has_its_turn),				\
	KUNIT_CASE(container_many_callbacks),				\
	KUNIT_CASE(container_put_by_callback),				\
	KUNIT_CASE(container_orphan),					\
	KUNIT_CASE(container_unused),					\
	KUNIT_CASE(container_freed_in_delivery),			\
	KUNIT_CASE(container_behind_the_core),				\
	KUNIT_CASE(container_polled_before_delivery),			\
	KUNIT_CASE_SLOW(container_race_enable),				\
	KUNIT_CASE_SLOW(container_race_poll),				\
	KUNIT_CASE_SLOW(container_race_remove),				\
	KUNIT_CASE_SLOW(container_race_put)

#endif /* _DMA_FENCE_TEST_CONTAINER_H */
