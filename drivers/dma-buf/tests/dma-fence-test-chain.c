// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chains: what they do beyond what all containers do.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "dma-fence-test-container.h"

static const struct dft_container chain_container = {
	.make = dft_chain_new,
	.name = "dma_fence_chain",
	.sequential = true,
};

static int chain_init(struct kunit *test)
{
	test->priv = (void *)&chain_container;

	return dft_pin(test);
}

enum chain_end {
	CHAIN_ENDS,
	CHAIN_ENDS_WITH_FENCE,
	CHAIN_ENDS_WITH_ARRAY,
	CHAIN_END_KINDS
};

/**
 * struct chain - a chain and all its links
 * @count: how many links
 * @link: the links, the first one is the oldest, with a reference each or NULL
 * @set: their members
 * @tail: what the fence before the first link is made of, empty if there is none
 */
struct chain {
	unsigned int count;
	struct dma_fence **link;
	struct dft_set *set;
	struct dft_set *tail;
};

static void chain_put(void *data)
{
	struct chain *c = data;
	unsigned int i;

	for (i = 0; i < c->count; i++) {
		dma_fence_put(c->link[i]);
		c->link[i] = NULL;
	}
}

static struct dma_fence *chain_end_new(struct kunit *test, struct chain *c,
				       enum chain_end end)
{
	static const unsigned int counts[] = { 0, 1, 3 };

	c->tail = dft_set_new(test, counts[end], DFT_SET_INLINE);
	if (end == CHAIN_ENDS)
		return NULL;
	if (end == CHAIN_ENDS_WITH_FENCE)
		return dma_fence_get(dft_member(c->tail, 0));

	return dft_array_new(test, c->tail);
}

/* Sequence numbers are multiples of ten. */
static struct chain *chain_new(struct kunit *test, unsigned int count,
			       enum chain_end end)
{
	struct chain *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	struct dma_fence *prev;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, c);
	c->link = kunit_kcalloc(test, count, sizeof(*c->link), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, c->link);
	c->set = dft_set_new(test, count, DFT_SET_INLINE);
	prev = chain_end_new(test, c, end);
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, chain_put, c), 0);
	for (i = 0; i < count; i++) {
		prev = dft_link_new(test, prev, dma_fence_get(dft_member(c->set, i)),
				    10 * (i + 1));
		c->link[i] = dma_fence_get(prev);
		c->count++;
	}
	dma_fence_put(prev);

	return c;
}

static struct dma_fence *chain_head(struct chain *c)
{
	return c->link[c->count - 1];
}

/* From here on only the chain refers to its links. */
static void chain_keep_head(struct chain *c)
{
	unsigned int i;

	for (i = 0; i < c->count - 1; i++) {
		dma_fence_put(c->link[i]);
		c->link[i] = NULL;
	}
}

/* Signal a member that only the link refers to afterwards. */
static void chain_finish(struct dft_set *set, unsigned int i)
{
	struct dma_fence *fence = dft_member(set, i);

	set->member[i] = NULL;
	dma_fence_signal(fence);
	dma_fence_put(fence);
}

/* Walk from the head to the end. Says how many fences there are. */
static unsigned int chain_walk(struct dma_fence *head)
{
	struct dma_fence *iter;
	unsigned int count = 0;

	dma_fence_chain_for_each(iter, head)
		count++;

	return count;
}

/*
 * Signalling
 */

enum links_use {
	LINKS_POLLED,
	LINKS_POLLED_BACKWARDS,
	LINKS_ALL,
	LINKS_ALL_BACKWARDS,
	LINKS_MIDDLE,
};

struct links_params {
	const char *name;
	enum links_use use;
	enum dft_order order;
};

static const struct links_params links_cases[] = {
	{ "polled, in order", LINKS_POLLED, DFT_IN_ORDER },
	{ "polled, reverse", LINKS_POLLED, DFT_REVERSE },
	{ "polled, random", LINKS_POLLED, DFT_RANDOM },
	{ "polled from the head, in order", LINKS_POLLED_BACKWARDS, DFT_IN_ORDER },
	{ "polled from the head, reverse", LINKS_POLLED_BACKWARDS, DFT_REVERSE },
	{ "polled from the head, random", LINKS_POLLED_BACKWARDS, DFT_RANDOM },
	{ "all enabled, in order", LINKS_ALL, DFT_IN_ORDER },
	{ "all enabled, reverse", LINKS_ALL, DFT_REVERSE },
	{ "all enabled, random", LINKS_ALL, DFT_RANDOM },
	{ "all enabled from the head, in order", LINKS_ALL_BACKWARDS, DFT_IN_ORDER },
	{ "all enabled from the head, reverse", LINKS_ALL_BACKWARDS, DFT_REVERSE },
	{ "all enabled from the head, random", LINKS_ALL_BACKWARDS, DFT_RANDOM },
	{ "enabled in the middle, in order", LINKS_MIDDLE, DFT_IN_ORDER },
	{ "enabled in the middle, reverse", LINKS_MIDDLE, DFT_REVERSE },
	{ "enabled in the middle, random", LINKS_MIDDLE, DFT_RANDOM },
};

KUNIT_ARRAY_PARAM_DESC(links, links_cases, name);

static bool links_enabled(const struct links_params *p, struct chain *c,
			  unsigned int i)
{
	if (p->use == LINKS_MIDDLE)
		return i == c->count / 2 || i == c->count - 1 || i == c->count / 3;

	return p->use == LINKS_ALL || p->use == LINKS_ALL_BACKWARDS;
}

static unsigned int links_turn(const struct links_params *p, struct chain *c,
			       unsigned int i)
{
	bool back = p->use == LINKS_POLLED_BACKWARDS ||
		    p->use == LINKS_ALL_BACKWARDS;

	return back ? c->count - 1 - i : i;
}

static void links_enable(struct kunit *test, const struct links_params *p,
			 struct chain *c, struct dft_cb *cbs)
{
	unsigned int i, k;

	for (i = 0; i < c->count; i++) {
		k = links_turn(p, c, i);
		if (links_enabled(p, c, k))
			dft_arm(test, c->link[k], &cbs[k].base, dft_count);
	}
}

static bool link_right(const struct links_params *p, struct dma_fence *link,
		       struct dft_cb *cb, bool enabled, bool signaled)
{
	if (p->use == LINKS_POLLED || p->use == LINKS_POLLED_BACKWARDS)
		return dma_fence_is_signaled(link) == signaled;

	return !enabled || (dft_runs(cb) == signaled &&
			    dma_fence_test_signaled_flag(link) == signaled);
}

/* Have the links up to @reached signalled, and no others? */
static bool links_right(const struct links_params *p, struct chain *c,
			struct dft_cb *cbs, unsigned int reached)
{
	unsigned int i, k;

	for (i = 0; i < c->count; i++) {
		k = links_turn(p, c, i);
		if (!link_right(p, c->link[k], &cbs[k], links_enabled(p, c, k),
				k < reached))
			return false;
	}

	return true;
}

/* The members of the tail come first, then those of the links. */
static struct dma_fence *links_at(struct chain *c, unsigned int i)
{
	return i < c->tail->count ? dft_member(c->tail, i) :
				    dft_member(c->set, i - c->tail->count);
}

static void links_play(struct kunit *test, unsigned int count, enum chain_end end)
{
	const struct links_params *p = test->param_value;
	struct chain *c = chain_new(test, count, end);
	unsigned int tail = c->tail->count, total = count + tail;
	unsigned int i, low = 0, *turn = dft_order_new(test, p->order, total);
	struct dft_cb *cbs = kunit_kcalloc(test, count, sizeof(*cbs), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, cbs);
	links_enable(test, p, c, cbs);
	for (i = 0; i < total; i++) {
		KUNIT_ASSERT_TRUE_MSG(test, links_right(p, c, cbs, max(low, tail) - tail),
				      "%u links, end %u, before step %u", count, end, i);
		dma_fence_signal(links_at(c, turn[i]));
		while (low < total && dma_fence_test_signaled_flag(links_at(c, low)))
			low++;
	}
	KUNIT_EXPECT_TRUE(test, links_right(p, c, cbs, count));
}

static void chain_links(struct kunit *test)
{
	static const unsigned int counts[] = { 1, 2, 33, 34, 100 };
	enum chain_end end;
	unsigned int i;

	/*
	 * Verify that each link signals as soon as its member and all before
	 * have, whichever links are enabled, also when the chain ends with a
	 * fence that is no link.
	 */

	for (i = 0; i < ARRAY_SIZE(counts); i++)
		for (end = 0; end < CHAIN_END_KINDS; end++)
			links_play(test, counts[i], end);
}

static void chain_of_arrays(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, 120, DFT_SET_MIXED), part = { .count = 3 };
	unsigned int i, *turn = dft_order_new(test, DFT_RANDOM, set->count);
	struct dma_fence *polled = NULL, *enabled = NULL;
	struct dft_cb *cb;

	/* Verify that links may hold arrays, which are enabled and asked as well. */

	for (i = 0; i < set->count; i += part.count) {
		part.member = set->member + i;
		polled = dft_link_new(test, polled, dft_array_new(test, &part), i + 1);
		enabled = dft_link_new(test, enabled, dft_array_new(test, &part), i + 1);
	}
	dft_keep(test, polled);
	dft_keep(test, enabled);
	cb = dft_listen(test, enabled);
	for (i = 0; i < set->count; i++) {
		KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(polled));
		KUNIT_EXPECT_EQ(test, dft_runs(cb), 0);
		dma_fence_signal(dft_member(set, turn[i]));
	}
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(polled));
	KUNIT_EXPECT_EQ(test, dft_runs(cb), 1);
}

static void chain_error(struct kunit *test)
{
	struct chain *c = chain_new(test, 2, CHAIN_ENDS_WITH_FENCE);

	/* Verify that a link has no error of its own. */

	dma_fence_enable_sw_signaling(chain_head(c));
	dma_fence_set_error(dft_member(c->tail, 0), -ENODEV);
	dma_fence_set_error(dft_member(c->set, 0), -EIO);
	dma_fence_set_error(dft_member(c->set, 1), -EINVAL);
	dft_set_signal(c->tail);
	dft_set_signal(c->set);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(c->link[0]), 1);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(c->link[1]), 1);
}

static void chain_deadline_end(struct kunit *test)
{
	struct chain *c = chain_new(test, 40, CHAIN_ENDS_WITH_ARRAY);
	unsigned int i;

	/* Verify that a deadline reaches what comes before the first link. */

	dma_fence_set_deadline(chain_head(c), 1000);
	for (i = 0; i < c->tail->count; i++)
		KUNIT_EXPECT_EQ(test, c->tail->member[i]->hint, 1000);
	for (i = 0; i < c->count; i++)
		KUNIT_EXPECT_EQ(test, c->set->member[i]->hinted, 1);
}

static void chain_holds_chain(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, 40, DFT_SET_INLINE);
	struct dma_fence *fences[2];
	struct dft_cb *cb;
	unsigned int i;

	/*
	 * Verify that a link as the member of another is reported, and counts
	 * nevertheless.
	 */

	kunit_warning_suppress(test) {
		for (i = 0; i < 2; i++)
			fences[i] = dft_keep(test,
					     dft_link_new(test, NULL,
							  dft_chain_new(test, set), 1));
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 2);
	}
	cb = dft_listen(test, fences[0]);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fences[1]));
	dft_set_signal(set);
	KUNIT_EXPECT_EQ(test, dft_runs(cb), 1);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fences[1]));
}

/*
 * Timelines
 */

static struct dma_fence *chain_extend(struct kunit *test, struct dma_fence *prev,
				      u64 seqno)
{
	struct dma_fence *fence = &dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK)->base;

	return dft_keep(test, dft_link_new(test, dma_fence_get(prev),
					   dma_fence_get(fence), seqno));
}

static void chain_timeline(struct kunit *test)
{
	struct dma_fence *plain = &dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK)->base;
	struct dma_fence *first = chain_extend(test, NULL, 5), *link;

	/*
	 * Verify of which timeline a link becomes, and at which point of it:
	 * a new one begins when the numbers do not go up.
	 */

	KUNIT_EXPECT_EQ(test, first->seqno, 5);
	KUNIT_EXPECT_EQ(test, to_dma_fence_chain(first)->prev_seqno, 0);

	link = chain_extend(test, first, BIT_ULL(32) + 1);
	KUNIT_EXPECT_EQ(test, link->context, first->context);
	KUNIT_EXPECT_EQ(test, link->seqno, BIT_ULL(32) + 1);
	KUNIT_EXPECT_EQ(test, to_dma_fence_chain(link)->prev_seqno, 5);

	link = chain_extend(test, first, 5);
	KUNIT_EXPECT_NE(test, link->context, first->context);
	KUNIT_EXPECT_EQ(test, link->seqno, 5);
	KUNIT_EXPECT_EQ(test, to_dma_fence_chain(link)->prev_seqno, 0);

	link = chain_extend(test, first, 3);
	KUNIT_EXPECT_NE(test, link->context, first->context);
	KUNIT_EXPECT_EQ(test, link->seqno, 5);
	KUNIT_EXPECT_EQ(test, to_dma_fence_chain(link)->prev_seqno, 0);

	link = chain_extend(test, plain, 3);
	KUNIT_EXPECT_NE(test, link->context, plain->context);
	KUNIT_EXPECT_EQ(test, link->seqno, 3);
	KUNIT_EXPECT_EQ(test, to_dma_fence_chain(link)->prev_seqno, 0);
}

static void chain_parts(struct kunit *test)
{
	struct chain *c = chain_new(test, 3, CHAIN_ENDS_WITH_FENCE);
	struct dma_fence *iter, *end = dft_member(c->tail, 0);
	unsigned int i = c->count;

	/*
	 * Verify that one can go along a chain, to the fence at its end, and
	 * look at what links hold.
	 */

	dma_fence_chain_for_each(iter, chain_head(c)) {
		KUNIT_EXPECT_PTR_EQ(test, iter, i ? c->link[i - 1] : end);
		KUNIT_EXPECT_PTR_EQ(test, dma_fence_chain_contained(iter),
				    i ? dft_member(c->set, i - 1) : end);
		KUNIT_EXPECT_EQ(test, !to_dma_fence_chain(iter), !i);
		i--;
	}
	KUNIT_EXPECT_EQ(test, i, UINT_MAX);
	KUNIT_EXPECT_NULL(test, dma_fence_chain_contained(NULL));
	KUNIT_EXPECT_NULL(test, to_dma_fence_chain(NULL));
	KUNIT_EXPECT_NULL(test, dma_fence_chain_walk(NULL));
	KUNIT_EXPECT_EQ(test, chain_walk(NULL), 0);
	KUNIT_EXPECT_EQ(test, chain_walk(end), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&c->link[0]->refcount), 2);
	dma_fence_chain_free(dma_fence_chain_alloc());
	dma_fence_chain_free(NULL);
}

struct find_params {
	const char *name;
	u64 seqno;
	unsigned long finished;	/* bits of members that have signalled */
	int found;		/* number of a link, or as follows */
};

#define FIND_END	(-1)	/* what comes before the first link */
#define FIND_NULL	(-2)
#define FIND_INVALID	(-3)

/* Four links, with the numbers 10 to 40, after a fence. */
static const struct find_params find_cases[] = {
	{ "zero is the head", 0, 0, 3 },
	{ "the head", 40, 0, 3 },
	{ "right before the head", 39, 0, 3 },
	{ "right after a link", 31, 0, 3 },
	{ "a link", 30, 0, 2 },
	{ "between links", 25, 0, 2 },
	{ "the first link", 10, 0, 0 },
	{ "before the first link", 1, 0, 0 },
	{ "beyond the head", 41, 0, FIND_INVALID },
	{ "zero is the head, signalled", 0, 0x1f, 3 },
	{ "beyond the head, signalled", 41, 0x1f, FIND_INVALID },
	{ "its member has signalled", 30, BIT(3), 1 },
	{ "members before have signalled", 30, BIT(2) | BIT(1) | BIT(0), 2 },
	{ "members after have signalled", 20, BIT(3) | BIT(4), 1 },
	{ "the head's member has signalled", 40, BIT(4), 3 },
	{ "only the end is left", 20, 0x1e, FIND_END },
	{ "reached", 20, BIT(0) | BIT(1) | BIT(2), FIND_NULL },
	{ "all reached but the head", 30, 0x0f, FIND_NULL },
	{ "all reached", 40, 0x1f, 3 },
};

KUNIT_ARRAY_PARAM_DESC(find, find_cases, name);

static void chain_find(struct kunit *test)
{
	const struct find_params *p = test->param_value;
	struct chain *c = chain_new(test, 4, CHAIN_ENDS_WITH_FENCE);
	struct dma_fence *fence = dma_fence_get(chain_head(c)), *expected;
	unsigned int i;

	/* Verify which link is found, with a reference, for a point. */

	for (i = 0; i < 5; i++)
		if (p->finished & BIT(i))
			dma_fence_signal(links_at(c, i));
	if (p->found == FIND_NULL)
		expected = NULL;
	else if (p->found == FIND_END)
		expected = dft_member(c->tail, 0);
	else
		expected = c->link[p->found == FIND_INVALID ? 3 : p->found];

	KUNIT_EXPECT_EQ(test, dma_fence_chain_find_seqno(&fence, p->seqno),
			p->found == FIND_INVALID ? -EINVAL : 0);
	KUNIT_EXPECT_PTR_EQ(test, fence, expected);
	KUNIT_EXPECT_EQ(test, kref_read(&chain_head(c)->refcount),
			1 + (fence == chain_head(c)));
	dma_fence_put(fence);
}

static void chain_find_elsewhere(struct kunit *test)
{
	struct dma_fence *plain = &dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK)->base;
	struct dma_fence *old = chain_extend(test, NULL, 50), *fence, *first, *head;

	/*
	 * Verify that a search does not go into another timeline, but finds its
	 * newest link when nothing else is left; that it refuses other fences.
	 */

	first = chain_extend(test, old, 20);
	head = chain_extend(test, first, 60);
	KUNIT_EXPECT_EQ(test, first->seqno, 50);

	fence = dma_fence_get(head);
	KUNIT_EXPECT_EQ(test, dma_fence_chain_find_seqno(&fence, 10), 0);
	KUNIT_EXPECT_PTR_EQ(test, fence, first);
	dma_fence_put(fence);

	dma_fence_signal(dma_fence_chain_contained(first));
	fence = dma_fence_get(head);
	KUNIT_EXPECT_EQ(test, dma_fence_chain_find_seqno(&fence, 10), 0);
	KUNIT_EXPECT_PTR_EQ(test, fence, old);
	dma_fence_put(fence);

	fence = plain;
	KUNIT_EXPECT_EQ(test, dma_fence_chain_find_seqno(&fence, 0), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_chain_find_seqno(&fence, 1), -EINVAL);
	KUNIT_EXPECT_PTR_EQ(test, fence, plain);
	fence = NULL;
	KUNIT_EXPECT_EQ(test, dma_fence_chain_find_seqno(&fence, 0), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_chain_find_seqno(&fence, 1), -EINVAL);
	KUNIT_EXPECT_NULL(test, fence);
}

/*
 * Garbage
 */

static void chain_walk_frees(struct kunit *test)
{
	struct chain *c = chain_new(test, 40, CHAIN_ENDS_WITH_ARRAY);
	struct dma_fence *head = chain_head(c);
	unsigned int i;

	/*
	 * Verify that a walk takes out and frees links whose members have
	 * signalled, and those only, with what they hold; that it takes out the
	 * fence at the end, but not the link that it begins with.
	 */

	chain_keep_head(c);
	for (i = 10; i < 30; i++)
		chain_finish(c->set, i);
	KUNIT_EXPECT_EQ(test, dft_released(c->set), 0);
	KUNIT_EXPECT_EQ(test, chain_walk(head), 20 + 1);
	KUNIT_EXPECT_EQ(test, dft_released(c->set), 20);

	chain_finish(c->set, 39);
	chain_finish(c->set, 0);
	chain_finish(c->tail, 0);
	chain_finish(c->tail, 2);
	KUNIT_EXPECT_EQ(test, chain_walk(head), 19 + 1);
	KUNIT_EXPECT_EQ(test, dft_released(c->set), 21);
	KUNIT_EXPECT_EQ(test, dft_released(c->tail), 0);

	chain_finish(c->tail, 1);
	KUNIT_EXPECT_EQ(test, chain_walk(head), 19);
	KUNIT_EXPECT_EQ(test, dft_released(c->tail), 3);

	for (i = 1; i < 39; i++)
		if (c->set->member[i])
			chain_finish(c->set, i);
	KUNIT_EXPECT_EQ(test, chain_walk(head), 1);
	KUNIT_EXPECT_EQ(test, dft_released(c->set), 39);
	chain_put(c);
	KUNIT_EXPECT_EQ(test, dft_released(c->set), 40);
}

static void chain_walk_is_held(struct kunit *test)
{
	struct chain *c = chain_new(test, 5, CHAIN_ENDS);
	struct dma_fence *iter = dma_fence_get(c->link[2]);

	/*
	 * Verify that a walker can go on from a link that was taken out of the
	 * chain by another.
	 */

	chain_keep_head(c);
	chain_finish(c->set, 2);
	chain_finish(c->set, 3);
	KUNIT_EXPECT_EQ(test, chain_walk(chain_head(c)), 3);
	KUNIT_EXPECT_EQ(test, dft_released(c->set), 1);
	iter = dma_fence_chain_walk(iter);
	KUNIT_EXPECT_EQ(test, dft_released(c->set), 2);
	KUNIT_EXPECT_EQ(test, chain_walk(iter), 2);
	dma_fence_put(iter);
}

static void chain_walk_frees_enabled(struct kunit *test)
{
	const unsigned int count = 3200;
	enum dft_order order;

	/*
	 * Verify that the links in the middle of a chain somebody waits for go
	 * too, when a walker finds that they have signalled: all but one of each
	 * section, and those of the section that is not through.
	 */

	for (order = 0; order < DFT_ORDERS; order++) {
		struct chain *c = chain_new(test, count, CHAIN_ENDS);
		unsigned int i, *turn = dft_order_new(test, order, count - 1);
		struct dft_cb *cb = dft_listen(test, chain_head(c));

		chain_keep_head(c);
		for (i = 0; i < count - 1; i++)
			chain_finish(c->set, turn[i] + 1);
		KUNIT_EXPECT_EQ(test, chain_walk(chain_head(c)), 2);
		KUNIT_EXPECT_GE(test, dft_released(c->set), count - count / 32 - 32);
		KUNIT_EXPECT_EQ(test, dft_runs(cb), 0);
		chain_finish(c->set, 0);
		KUNIT_EXPECT_EQ(test, dft_runs(cb), 1);
		chain_put(c);
		KUNIT_EXPECT_EQ(test, dft_released(c->set), count);
	}
}

static void chain_cuts_off(struct kunit *test)
{
	struct chain *c = chain_new(test, 40, CHAIN_ENDS_WITH_FENCE);
	struct dft_cb *cb = dft_listen(test, chain_head(c));
	struct dma_fence *link;
	unsigned int i;

	/*
	 * Verify that who walks over a link that has signalled cuts off all that
	 * came before that at once, and that neither the signal nor a new link
	 * does.
	 */

	chain_keep_head(c);
	chain_finish(c->tail, 0);
	for (i = 0; i < 39; i++)
		chain_finish(c->set, i);
	link = chain_extend(test, chain_head(c), 1000);
	KUNIT_EXPECT_EQ(test, dft_released(c->set), 0);
	chain_finish(c->set, 39);
	KUNIT_EXPECT_EQ(test, dft_runs(cb), 1);
	KUNIT_EXPECT_EQ(test, dft_released(c->set), 0);

	link = chain_extend(test, chain_head(c), 1001);
	KUNIT_EXPECT_EQ(test, dft_released(c->set), 0);
	chain_walk(chain_head(c));
	KUNIT_EXPECT_EQ(test, dft_released(c->set), 39);
	KUNIT_EXPECT_EQ(test, dft_released(c->tail), 1);
	KUNIT_EXPECT_EQ(test, link->context, chain_head(c)->context);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(link));
	dma_fence_signal(dma_fence_chain_contained(link));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(link));
}

static void chain_keeps_pending(struct kunit *test)
{
	struct chain *c = chain_new(test, 3, CHAIN_ENDS);
	struct dma_fence *link;

	/*
	 * Verify that a new link on one whose member has signalled waits for
	 * what comes before that.
	 */

	dma_fence_signal(dft_member(c->set, 2));
	link = chain_extend(test, chain_head(c), 1000);
	dma_fence_signal(dma_fence_chain_contained(link));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(link));
	dft_set_signal(c->set);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(link));
}

/*
 * Size and depth
 */

struct long_params {
	const char *name;
	enum dft_order order;
	bool polled;
};

static const struct long_params long_cases[] = {
	{ "in order", DFT_IN_ORDER, false },
	{ "reverse", DFT_REVERSE, false },
	{ "random", DFT_RANDOM, false },
	{ "polled, in order", DFT_IN_ORDER, true },
	{ "polled, reverse", DFT_REVERSE, true },
	{ "polled, random", DFT_RANDOM, true },
};

KUNIT_ARRAY_PARAM_DESC(long, long_cases, name);

/**
 * struct long_cb - the callback of a long chain
 * @base: counts
 * @stack: where the stack was when it was called
 */
struct long_cb {
	struct dft_cb base;
	unsigned long stack;
};

static void long_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct long_cb *cb = container_of(base, struct long_cb, base.base);

	cb->stack = (unsigned long)__builtin_frame_address(0);
	dft_count(fence, base);
}

/* With SLUB_DEBUG and lockdep a link takes half a kilobyte. */
static unsigned int long_count(void)
{
	bool small = DFT_SLOW_KERNEL || totalram_pages() < (SZ_1G >> PAGE_SHIFT);

	/* Multiples of all that they are divided by. */
	return small ? 64000 : 1024000;
}

/* Links that follow each other and have the same member, in the longest chain. */
#define LONG_SHARED	16

static struct dma_fence *long_new(struct kunit *test, struct dft_set *set,
				  unsigned int shared)
{
	struct dma_fence *head = NULL;
	unsigned int i;

	for (i = 0; i < shared * set->count; i++)
		head = dft_link_new(test, head,
				    dma_fence_get(dft_member(set, i / shared)), i + 1);

	return head;
}

/*
 * Nanoseconds for each link, from the first callback to the last put. Takes to @stack
 * where the callback ran.
 */
static u64 long_run(struct kunit *test, unsigned int count, unsigned int shared,
		    unsigned long *stack)
{
	unsigned int members = count / shared;
	struct long_cb *cb = kunit_kzalloc(test, sizeof(*cb), GFP_KERNEL);
	const struct long_params *p = test->param_value;
	struct dft_set *set = dft_set_new(test, members, DFT_SET_INLINE);
	unsigned int i, *turn = dft_order_new(test, p->order, members);
	struct dma_fence *head = long_new(test, set, shared);
	ktime_t start = ktime_get();
	bool early = false;
	u64 ns;

	KUNIT_ASSERT_NOT_NULL(test, cb);
	if (!p->polled)
		dft_arm(test, head, &cb->base.base, long_func);
	for (i = 0; i < members; i++) {
		if (p->polled ? dma_fence_is_signaled(head) : dft_runs(&cb->base))
			early = true;
		dma_fence_signal(dft_member(set, turn[i]));
	}
	KUNIT_EXPECT_FALSE(test, early);
	if (p->polled)
		KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(head));
	else
		KUNIT_EXPECT_EQ(test, dft_runs(&cb->base), 1);
	dma_fence_put(head);
	ns = div_u64(ktime_get() - start, count);
	*stack = cb->stack;
	dft_set_put(set);
	KUNIT_EXPECT_EQ(test, dft_released(set), members);
	kvfree_rcu_barrier();

	return ns;
}

/* Sixteen times the cost for each link would be quadratic. */
#define LONG_SHARE	16
#define LONG_FACTOR	5

static void long_check(struct kunit *test, unsigned int count, unsigned int shared)
{
	unsigned long short_stack, long_stack;
	unsigned int tries = 3;
	u64 few, many;

	do {
		few = min(long_run(test, count / LONG_SHARE, shared, &short_stack),
			  long_run(test, count / LONG_SHARE, shared, &short_stack));
		many = long_run(test, count, shared, &long_stack);
	} while (many > LONG_FACTOR * few && --tries);
	kunit_info(test, "%u links, %llu ns each, %llu ns when there are few", count,
		   many, few);
	KUNIT_EXPECT_LE(test, many, LONG_FACTOR * few);
	KUNIT_EXPECT_LE(test, abs_diff(long_stack, short_stack), DFT_DEPTH_STACK);
}

static void chain_long(struct kunit *test)
{
	/*
	 * Verify that what a link of a chain costs does not depend on how many
	 * there are, in whatever order the members signal, neither does the
	 * stack, and that all of it is let go in the end.
	 */

	long_check(test, 48000, 1);
}

static void chain_longest(struct kunit *test)
{
	/*
	 * Verify the same for a million links. Neighbours share members, which
	 * saves half of the memory and most of the patience.
	 */

	long_check(test, long_count(), LONG_SHARED);
}

/* Sections of one link at the end, the others a full one each. */
static struct dma_fence *chain_nest(struct kunit *test, struct dma_fence *inner,
				    struct dma_fence *other, unsigned int depth)
{
	struct dma_fence *head = dft_link_new(test, NULL, dma_fence_get(inner), 1);
	unsigned int i;

	for (i = 0; i < 32 * depth; i++)
		head = dft_link_new(test, head, dma_fence_get(other), i + 2);

	return head;
}

static void chain_is_deep(struct kunit *test)
{
	/*
	 * Verify that a long chain needs no more stack than a short one, to be
	 * enabled, signalled and released.
	 */

	dft_depth_run(test, chain_nest, DFT_SLOW_KERNEL ? 500 : long_count() / 32);
}

/* Links that hold arrays that hold links, and so on. */
static struct dma_fence *mixed_nest(struct kunit *test, struct dma_fence *inner,
				    struct dma_fence *other, unsigned int depth)
{
	struct dma_fence *fence = dma_fence_get(inner);
	struct dft_fence *member[2];
	struct dft_set set = { .count = 2, .member = member };

	kunit_warning_suppress(test) {
		while (depth--) {
			member[0] = to_dft_fence(other);
			member[1] = to_dft_fence(fence);
			fence = dft_array_new(test, &set);
			dma_fence_put(&member[1]->base);
			fence = dft_link_new(test, dma_fence_get(other), fence, 1);
		}
	}

	return fence;
}

static void chain_nests(struct kunit *test)
{
	/*
	 * Verify the same for links that hold arrays that hold links, which is
	 * reported but works.
	 */

	dft_depth_run(test, mixed_nest, DFT_SLOW_KERNEL ? 500 : 5000);
}

/*
 * Races
 */

#define RACE_LINKS	40

/**
 * struct growing - a chain that grows while others walk along
 * @lock: protects @head
 * @head: the newest link
 * @link: memory of the links to come
 * @next: how many there are already
 * @links: those of a chain that does not grow
 * @cbs: their callbacks
 * @added: what adding these said
 */
struct growing {
	spinlock_t lock;	/* protects @head */
	struct dma_fence *head;
	struct dma_fence_chain *link[RACE_LINKS];
	unsigned int next;
	struct dma_fence *links[RACE_LINKS];
	struct dft_cb cbs[RACE_LINKS];
	int added[RACE_LINKS];
};

static void grow(struct dft_race *r)
{
	struct growing *g = r->data;
	unsigned int i = g->next++;

	/* The reference of the head becomes that of the link. */
	dma_fence_chain_init(g->link[i], g->head, dma_fence_get(dft_member(&r->set, i)),
			     i + 1);
	spin_lock(&g->lock);
	g->head = &g->link[i]->base;
	spin_unlock(&g->lock);
}

static void grow_setup(struct dft_race *r)
{
	struct growing *g = r->data;
	unsigned int i;

	dft_set_init(r->test, &r->set, RACE_LINKS,
		     r->round & 1 ? DFT_SET_MIXED : DFT_SET_INLINE);
	spin_lock_init(&g->lock);
	g->head = NULL;
	g->next = 0;
	for (i = 0; i < RACE_LINKS; i++) {
		g->link[i] = dma_fence_chain_alloc();
		KUNIT_ASSERT_NOT_NULL(r->test, g->link[i]);
	}
	for (i = 0; i < RACE_LINKS / 4; i++)
		grow(r);
	atomic_set(&r->cb.runs, 0);
	r->added = -ENOENT;
}

static struct dma_fence *grow_get_head(struct growing *g)
{
	guard(spinlock)(&g->lock);

	return dma_fence_get(g->head);
}

/* What the users of a timeline do at any time. */
static void grow_walk(struct dft_race *r)
{
	struct growing *g = r->data;
	struct dma_fence *fence;
	unsigned int turn;

	for (turn = 0; turn < 12; turn++) {
		fence = grow_get_head(g);
		if (turn == r->round % 12 && r->round & 2 && !r->fence) {
			r->fence = dma_fence_get(fence);
			r->added = dma_fence_add_callback(fence, &r->cb.base,
							  dft_count);
		} else if (turn % 3 == 0) {
			chain_walk(fence);
		} else if (turn % 3 == 1) {
			dma_fence_is_signaled(fence);
		} else if (dma_fence_chain_find_seqno(&fence, 1 + turn / 2)) {
			r->wrong = "a point that was there is not found";
		}
		dma_fence_put(fence);
	}
}

static void grow_signal(struct dft_race *r)
{
	struct growing *g = r->data;
	unsigned int i, k;

	for (i = 0; i < RACE_LINKS; i++) {
		if (g->next < RACE_LINKS)
			grow(r);
		k = r->round & 4 ? i : i * 7 % RACE_LINKS;
		if (r->round & 8)
			dma_fence_signal(dft_member(&r->set, k));
		else
			dft_signal_locked(r->set.member[k]);
	}
}

static void grow_check(struct dft_race *r)
{
	struct growing *g = r->data;
	int runs = !r->added;

	if (!spin_until(dma_fence_is_signaled(g->head) && dft_runs(&r->cb) == runs))
		r->wrong = "a link did not signal, or a callback was lost";
	dma_fence_put(r->fence);
	r->fence = NULL;
	dma_fence_put(g->head);
	dft_set_put(&r->set);
	if (!sleep_until(dft_released(&r->set) == RACE_LINKS))
		r->wrong = "a member was not let go";
	if (dft_runs(&r->cb) != runs)
		r->wrong = "a callback did not run once";
}

static void chain_race_grow(struct kunit *test)
{
	static const struct dft_race_ops ops = {
		.setup = grow_setup,
		.act = { grow_walk, grow_signal },
		.check = grow_check,
	};

	/*
	 * Verify that a chain stands walkers, pollers, searches and waiters on
	 * one CPU, new links and signals on the other, and that nothing of it
	 * stays.
	 */

	dft_race_run(test, &ops, 10000, sizeof(struct growing));
}

static void walkers_use(struct dft_race *r)
{
	struct growing *g = r->data;
	unsigned int i;

	for (i = 0; i < RACE_LINKS; i += 2) {
		dma_fence_signal(dft_member(&r->set, i));
		if (i % 16 == 0)
			grow_walk(r);
		else
			chain_walk(g->head);
	}
}

static void walkers_walk(struct dft_race *r)
{
	struct growing *g = r->data;
	unsigned int i;

	for (i = 1; i < RACE_LINKS; i += 2) {
		chain_walk(g->head);
		dma_fence_signal(dft_member(&r->set, i));
	}
}

static void walkers_setup(struct dft_race *r)
{
	struct growing *g = r->data;

	grow_setup(r);
	while (g->next < RACE_LINKS)
		grow(r);
}

static void chain_race_walkers(struct kunit *test)
{
	static const struct dft_race_ops ops = {
		.setup = walkers_setup,
		.act = { walkers_use, walkers_walk },
		.check = grow_check,
	};

	/* Verify that two walkers may take out the same links. */

	dft_race_run(test, &ops, 10000, sizeof(struct growing));
}

static void links_setup(struct dft_race *r)
{
	struct growing *g = r->data;
	unsigned int i;

	dft_set_init(r->test, &r->set, RACE_LINKS,
		     r->round & 1 ? DFT_SET_MIXED : DFT_SET_INLINE);
	for (i = 0; i < RACE_LINKS; i++) {
		g->links[i] = dft_link_new(r->test, i ? dma_fence_get(g->links[i - 1]) : NULL,
					   dma_fence_get(dft_member(&r->set, i)), i + 1);
		atomic_set(&g->cbs[i].runs, 0);
	}
}

static void links_add(struct dft_race *r)
{
	struct growing *g = r->data;
	unsigned int i, k;

	for (i = 0; i < RACE_LINKS; i++) {
		k = r->round & 2 ? i : RACE_LINKS - 1 - i;
		g->added[k] = dma_fence_add_callback(g->links[k], &g->cbs[k].base,
						     dft_count);
	}
}

static void links_signal(struct dft_race *r)
{
	unsigned int i, k;

	for (i = 0; i < RACE_LINKS; i++) {
		k = r->round & 4 ? RACE_LINKS - 1 - i : i;
		dma_fence_signal(dft_member(&r->set, r->round & 8 ? k * 7 % RACE_LINKS : k));
	}
}

static void links_check(struct dft_race *r)
{
	struct growing *g = r->data;
	unsigned int i;

	for (i = 0; i < RACE_LINKS; i++) {
		if (!spin_until(dft_runs(&g->cbs[i]) == !g->added[i]))
			r->wrong = "a callback was lost, or a refused one ran";
		if (!dma_fence_test_signaled_flag(g->links[i]))
			r->wrong = "a link that was enabled did not signal";
	}
	for (i = 0; i < RACE_LINKS; i++)
		dma_fence_put(g->links[i]);
	dft_set_put(&r->set);
	if (!sleep_until(dft_released(&r->set) == RACE_LINKS))
		r->wrong = "a member was not let go";
}

static void chain_race_enable(struct kunit *test)
{
	static const struct dft_race_ops ops = {
		.setup = links_setup,
		.act = { links_add, links_signal },
		.check = links_check,
	};

	/*
	 * Verify that links that are enabled one by one while the members
	 * signal find what to wait for, or that there is nothing.
	 */

	dft_race_run(test, &ops, 10000, sizeof(struct growing));
}

static struct kunit_case chain_cases[] = {
	DFT_CONTAINER_CASES,
	KUNIT_CASE_PARAM(chain_links, links_gen_params),
	KUNIT_CASE(chain_of_arrays),
	KUNIT_CASE(chain_error),
	KUNIT_CASE(chain_deadline_end),
	KUNIT_CASE(chain_holds_chain),
	KUNIT_CASE(chain_timeline),
	KUNIT_CASE(chain_parts),
	KUNIT_CASE_PARAM(chain_find, find_gen_params),
	KUNIT_CASE(chain_find_elsewhere),
	KUNIT_CASE(chain_walk_frees),
	KUNIT_CASE(chain_walk_is_held),
	KUNIT_CASE_SLOW(chain_walk_frees_enabled),
	KUNIT_CASE(chain_cuts_off),
	KUNIT_CASE(chain_keeps_pending),
	KUNIT_CASE_PARAM_ATTR(chain_long, long_gen_params, {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(chain_longest, long_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_SLOW(chain_is_deep),
	KUNIT_CASE_SLOW(chain_nests),
	KUNIT_CASE_SLOW(chain_race_grow),
	KUNIT_CASE_SLOW(chain_race_walkers),
	KUNIT_CASE_SLOW(chain_race_enable),
	{}
};

static struct kunit_suite chain_suite = {
	.name = "dma_fence_chain",
	.init = chain_init,
	.test_cases = chain_cases,
};

kunit_test_suite(chain_suite);
