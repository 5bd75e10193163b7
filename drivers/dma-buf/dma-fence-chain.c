// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chains: fences in a row, each of which signals after the ones before it
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

/**
 * DOC: how a link of a chain waits
 *
 * A link has one callback and perhaps a million links behind it. It looks after a
 * section of the chain, itself and the next few, and leaves the rest to the first
 * link of the next section, which it enables and whose fence stands for everything
 * from there on. So links wait for links, at intervals.
 *
 * Within its section a link waits for one member at a time, at first for its own,
 * the newest. When that signals, the others usually have, and one look at the section
 * settles it. Otherwise it goes on to the oldest that has not, and after that to the
 * newest that is left, so that members that signal in either order cost two looks, not
 * one for each. With the section done it waits for the next section's link.
 *
 * In this way what a signal costs does not depend on the length of the chain, the
 * last signal needs no walk along it, and all signals together cost as much as the
 * chain has links.
 *
 * A link that somebody else has enabled waits for itself, so a section ends there.
 *
 * Links that wait stay, even those that were taken out of the chain by somebody who
 * walks along: one of each section. What lies between them must not stay on their
 * account, so before a link waits again it takes out what has signalled behind it.
 */

#include <linux/dma-fence-chain.h>
#include <linux/export.h>

#include "dma-fence-internal.h"

#define CHAIN_SECTION	32

static const char *chain_driver_name(struct dma_fence *fence)
{
	return "dma_fence_chain";
}

static const char *chain_timeline_name(struct dma_fence *fence)
{
	return "unbound";
}

/*
 * Walking
 */

static struct dma_fence *chain_get_prev(struct dma_fence_chain *chain)
{
	guard(rcu)();
	return dma_fence_get_rcu_safe(&chain->prev);
}

/* Is there nothing left to wait for at @fence? Not so for what comes before it. */
static bool chain_is_done_at(struct dma_fence *fence)
{
	return dma_fence_is_signaled(dma_fence_chain_contained(fence));
}

/*
 * Replace @prev, if it still is what comes before @chain, by what comes before it. Of
 * a link that has signalled itself, that is of no interest.
 */
static void chain_take_out(struct dma_fence_chain *chain, struct dma_fence *prev)
{
	struct dma_fence_chain *link = to_dma_fence_chain(prev);
	struct dma_fence *before = NULL;
	struct dma_fence __rcu *old;

	if (link && !dma_fence_test_signaled_flag(prev))
		before = chain_get_prev(link);
	old = cmpxchg(&chain->prev, RCU_INITIALIZER(prev),
		      RCU_INITIALIZER(before));
	/* Of the references one is the pointer's that is no more. */
	dma_fence_put(unrcu_pointer(old) == prev ? prev : before);
}

/**
 * dma_fence_chain_walk - go one link back along a chain
 * @fence: the current link, or any fence, with a reference that is dropped
 *
 * Takes out what has signalled on the way: links whose member has, even if something
 * before them has not, and everything before a link that has signalled itself.
 *
 * Context: any; may drop the last reference on other drivers' fences.
 * Return: the next link to look at, or a fence that is none at the end of the chain,
 * with a reference; %NULL when there is nothing more.
 */
struct dma_fence *dma_fence_chain_walk(struct dma_fence *fence)
{
	struct dma_fence_chain *chain = to_dma_fence_chain(fence);
	struct dma_fence *prev = NULL;

	if (chain && dma_fence_test_signaled_flag(fence)) {
		dma_fence_put(unrcu_pointer(xchg(&chain->prev, NULL)));
		chain = NULL;
	}

	while (chain && (prev = chain_get_prev(chain))) {
		if (!chain_is_done_at(prev))
			break;
		chain_take_out(chain, prev);
		dma_fence_put(prev);
	}
	dma_fence_put(fence);
	return prev;
}
EXPORT_SYMBOL(dma_fence_chain_walk);

/**
 * dma_fence_chain_find_seqno - find the link that stands for a point of a timeline
 * @pfence: the newest link, with a reference; replaced by the link that was found
 * @seqno: the point, or zero for the newest link itself
 *
 * The link that is found is the oldest one that signals only after @seqno has been
 * reached. It is %NULL, still with success, when that has happened, which then was
 * found while walking.
 *
 * Context: as for dma_fence_chain_walk().
 * Return: 0, or -EINVAL, with @pfence as it was, when it is no link or the chain does
 * not reach as far as @seqno.
 */
int dma_fence_chain_find_seqno(struct dma_fence **pfence, u64 seqno)
{
	struct dma_fence_chain *head = to_dma_fence_chain(*pfence);
	struct dma_fence *fence;

	if (!seqno)
		return 0;
	if (!head || head->base.seqno < seqno)
		return -EINVAL;

	dma_fence_chain_for_each(fence, &head->base)
		if (fence->context != head->base.context ||
		    to_dma_fence_chain(fence)->prev_seqno < seqno)
			break;

	*pfence = fence;
	dma_fence_put(&head->base);
	return 0;
}
EXPORT_SYMBOL(dma_fence_chain_find_seqno);

/*
 * Waiting
 */

/**
 * struct chain_section - what a look at a section has found
 * @newest: the newest link whose member has not signalled
 * @oldest: the oldest one
 * @last: the oldest link of the section
 * @next: what comes before it and has not signalled: the first link of the next
 *	section, or the end of the chain, which is no link
 */
struct chain_section {
	struct dma_fence_chain *newest;
	struct dma_fence_chain *oldest;
	struct dma_fence_chain *last;
	struct dma_fence *next;
};

/*
 * Look at a section without taking references. A link that is taken out of the chain
 * meanwhile, and whose member may even be another fence by now, is one whose member
 * has signalled: for that reason it is not used for more without a reference.
 *
 * Inside an RCU read-side section.
 */
static void chain_look(struct dma_fence_chain *chain, struct chain_section *s)
{
	struct dma_fence_chain *link = chain;
	unsigned int i;

	*s = (struct chain_section){ };
	for (i = 1; link; i++) {
		if (!dma_fence_test_signaled_flag(link->fence)) {
			s->newest = s->newest ?: link;
			s->oldest = link;
		}
		s->last = link;

		s->next = rcu_dereference(link->prev);
		if (s->next && dma_fence_test_signaled_flag(s->next))
			s->next = NULL;
		link = to_dma_fence_chain(s->next);
		if (i == CHAIN_SECTION ||
		    (link && test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT,
				      &link->base.flags)))
			break;
	}
}

/* The member of a link, with a reference, unless the link has gone. */
static struct dma_fence *chain_get_member(struct dma_fence_chain *link)
{
	struct dma_fence *fence;

	if (!dma_fence_get_rcu(&link->base))
		return NULL;
	fence = dma_fence_get(link->fence);
	dma_fence_put(&link->base);
	return fence;
}

/* What comes before a link, with a reference, unless the link has gone. */
static struct dma_fence *chain_get_next(struct dma_fence_chain *link)
{
	struct dma_fence *fence;

	if (!dma_fence_get_rcu(&link->base))
		return NULL;
	fence = dma_fence_get_rcu_safe(&link->prev);
	dma_fence_put(&link->base);
	return fence;
}

/*
 * What a link is to wait for, with a reference; NULL when there is nothing any more.
 */
static struct dma_fence *chain_blocker(struct dma_fence_chain *chain, bool newest)
{
	struct dma_fence *fence;
	struct chain_section s;

	guard(rcu)();
	do {
		chain_look(chain, &s);
		if (s.oldest)
			fence = chain_get_member(newest ? s.newest : s.oldest);
		else if (s.next)
			fence = chain_get_next(s.last);
		else
			return NULL;
		/* Taken out by somebody who walks along: look again. */
	} while (!fence);
	return fence;
}

/* Take out what has signalled behind a link, up to one that waits for itself. */
static void chain_prune(struct dma_fence_chain *chain)
{
	struct dma_fence_chain *link;
	struct dma_fence *prev;

	while ((prev = chain_get_prev(chain))) {
		link = to_dma_fence_chain(prev);
		if (!link || !dma_fence_test_signaled_flag(link->fence) ||
		    test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &prev->flags))
			break;
		chain_take_out(chain, prev);
		dma_fence_put(prev);
	}
	dma_fence_put(prev);
}

/* Returns false when there is nothing left to wait for. */
static bool chain_wait(struct dma_fence_chain *chain, bool newest,
		       struct dma_fence **todo)
{
	struct dma_fence *fence;

	while ((fence = chain_blocker(chain, newest))) {
		chain_prune(chain);
		if (dma_fence_add_member(fence, &chain->cb, dma_fence_chain_func, todo))
			return true;
		dma_fence_put(fence);
		newest = !newest;
	}
	return false;
}

static void chain_run(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dma_fence_chain *chain =
		container_of(cb, struct dma_fence_chain, cb);
	struct dma_fence *todo = NULL;

	if (!chain_wait(chain, fence != chain->fence, &todo))
		dma_fence_signal_next(&chain->base, fence);
	dma_fence_enable_containers(&todo);
	dma_fence_put(fence);
}

void dma_fence_chain_func(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	if (!dma_fence_park(fence, cb, chain_run))
		chain_run(fence, cb);
}

/* Have the link of the next section wait by itself, at the same time as this one. */
static void chain_enable_next(struct dma_fence_chain *chain,
			      struct dma_fence **todo)
{
	struct dma_fence *next;
	struct chain_section s;

	scoped_guard(rcu) {
		chain_look(chain, &s);
		next = s.next ? chain_get_next(s.last) : NULL;
	}
	/* Another fence at the end of the chain has its turn last. */
	if (next && dma_fence_is_chain(next))
		dma_fence_enable_member(next, todo);
	dma_fence_put(next);
}

/*
 * dma_fence_chain_arm - have a link wait for what has not signalled
 *
 * Returns false when everything has.
 */
bool dma_fence_chain_arm(struct dma_fence_chain *chain, struct dma_fence **todo)
{
	chain_enable_next(chain, todo);

	dma_fence_get(&chain->base);
	if (chain_wait(chain, true, todo))
		return true;
	dma_fence_put(&chain->base);
	return false;
}

static bool chain_signaled(struct dma_fence *fence)
{
	struct dma_fence *link;

	dma_fence_chain_for_each(link, fence) {
		if (!chain_is_done_at(link)) {
			dma_fence_put(link);
			return false;
		}
	}
	return true;
}

/*
 * dma_fence_chain_drop - let go of the member and of what comes before, and free
 */
void dma_fence_chain_drop(struct dma_fence *fence, struct dma_fence **dead)
{
	struct dma_fence_chain *chain = to_dma_fence_chain(fence);

	dma_fence_drop_member(rcu_dereference_protected(chain->prev, true), dead);
	dma_fence_drop_member(chain->fence, dead);
	dma_fence_free(fence);
}

static void chain_set_deadline(struct dma_fence *fence, ktime_t deadline)
{
	struct dma_fence *link;

	dma_fence_chain_for_each(link, fence)
		dma_fence_set_member_deadline(dma_fence_chain_contained(link),
					      deadline);
}

const struct dma_fence_ops dma_fence_chain_ops = {
	.get_driver_name = chain_driver_name,
	.get_timeline_name = chain_timeline_name,
	.enable_signaling = dma_fence_enable_container,
	.signaled = chain_signaled,
	.release = dma_fence_release_container,
	.set_deadline = chain_set_deadline,
};
EXPORT_SYMBOL(dma_fence_chain_ops);

/**
 * dma_fence_chain_init - make a link
 * @chain: memory from dma_fence_chain_alloc()
 * @prev: the newest link of a chain to be continued, any other fence that is to come
 *	first, or %NULL; the link takes over the reference
 * @fence: the member, no link itself; the link takes over the reference
 * @seqno: position on the timeline
 *
 * The link belongs to the timeline of @prev if that is a link with a smaller number.
 * Otherwise a timeline begins with it, and it gets the larger number of the two.
 *
 * It signals when @fence and everything before it have, within the delivery of the
 * last one, at the time of doing so. It has no error of its own: who wants to know
 * how the members have ended looks at them.
 *
 * Context: any.
 */
void dma_fence_chain_init(struct dma_fence_chain *chain, struct dma_fence *prev,
			  struct dma_fence *fence, u64 seqno)
{
	struct dma_fence_chain *link = to_dma_fence_chain(prev);
	u64 context;

	RCU_INIT_POINTER(chain->prev, prev);
	chain->fence = fence;
	chain->prev_seqno = 0;

	if (link && __dma_fence_is_later(prev, seqno, prev->seqno)) {
		context = prev->context;
		chain->prev_seqno = prev->seqno;
	} else {
		context = dma_fence_context_alloc(1);
		if (link)
			seqno = max(seqno, prev->seqno);
	}
	dma_fence_init64(&chain->base, &dma_fence_chain_ops, NULL, context, seqno);

	WARN_ON(dma_fence_is_chain(fence));
}
EXPORT_SYMBOL(dma_fence_chain_init);
