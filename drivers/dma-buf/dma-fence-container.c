// SPDX-License-Identifier: GPL-2.0-only
/*
 * What fences that stand for other fences have in common
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

/**
 * DOC: containers
 *
 * A container is a fence that signals when other fences, its members, have. It
 * puts callbacks on them, and when the last of these runs, signals within the same
 * delivery: it is claimed there and then, or when the callback has returned, if
 * that was the last of the member. Its own callbacks come next in the batch. No
 * interrupt has to come for that, and no lock is held.
 *
 * Containers contain containers: a link of a chain may hold an array, a proxy
 * anything. Whatever is done to a container must not be done to its members by
 * recursion, for the stack does not grow with them. So everything that goes from a
 * container to its members is a loop over a list of containers:
 *
 * * to signal, the batch of the delivery;
 *
 * * to enable signalling, a list of those that are still to put their callbacks on
 *   their members, linked through memory of the containers that they do not need
 *   yet;
 *
 * * to release, a list of those whose last reference has gone, linked through the
 *   memory of the dead fence.
 *
 * Signalling is enabled without the lock of the container. The bit that says that
 * it was enabled makes sure that it happens once.
 *
 * A driver that signals by itself, as i915 does, calls callbacks by itself, under its
 * lock. That is no place to touch other fences, so for such members alone the
 * callbacks of containers do go through an interrupt.
 */

#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/irq_work.h>
#include <linux/llist.h>
#include <linux/percpu.h>
#include <linux/refcount.h>
#include <trace/events/dma_fence.h>

#include "dma-fence-internal.h"

/*
 * Enabling
 */

/*
 * Where a container that has not armed its callbacks keeps the next one. Proxies are
 * not among them: they arm theirs when they get a target.
 */
static struct dma_fence **container_next(struct dma_fence *fence)
{
	struct dma_fence_array *array = to_dma_fence_array(fence);

	return array ? &array->next : &to_dma_fence_chain(fence)->next;
}

/*
 * dma_fence_push_container - note that a container is to be enabled
 *
 * Once for each, by who has found that it must.
 */
void dma_fence_push_container(struct dma_fence *fence, struct dma_fence **todo)
{
	dma_fence_get(fence);
	*container_next(fence) = *todo;
	*todo = fence;
}

/* Returns false when there is nothing to wait for. */
static bool arm_container(struct dma_fence *fence, struct dma_fence **todo)
{
	struct dma_fence_array *array = to_dma_fence_array(fence);

	trace_dma_fence_enable_signal(fence);
	return array ? dma_fence_array_arm(array, todo) :
		       dma_fence_chain_arm(to_dma_fence_chain(fence), todo);
}

/*
 * dma_fence_enable_containers - have containers put callbacks on their members
 *
 * Goes on until no container among the members is left, and signals those that have
 * nothing to wait for. No lock held.
 */
void dma_fence_enable_containers(struct dma_fence **todo)
{
	struct dma_fence *fence;

	while ((fence = *todo)) {
		*todo = *container_next(fence);
		if (!arm_container(fence, todo))
			__dma_fence_signal(fence, ktime_get());
		dma_fence_put(fence);
	}
}

/*
 * dma_fence_enable_container - &dma_fence_ops.enable_signaling of all containers
 *
 * The core knows it, and calls it without the fence lock.
 */
bool dma_fence_enable_container(struct dma_fence *fence)
{
	struct dma_fence *todo = NULL;

	dma_fence_push_container(fence, &todo);
	dma_fence_enable_containers(&todo);
	return !dma_fence_test_signaled_flag(fence);
}

/*
 * Members that were signalled behind the back of the core
 */

/**
 * struct parked_cb - a callback that was called under a lock
 * @link: in the list of the CPU
 * @fence: the member
 *
 * In the place of &dma_fence_cb.node, which is free once the callback runs.
 */
struct parked_cb {
	struct llist_node link;
	struct dma_fence *fence;
};

static_assert(sizeof(struct parked_cb) <= sizeof(struct list_head));

struct parked_cbs {
	struct llist_head list;
	struct irq_work work;
};

static void parked_run(struct irq_work *work)
{
	struct parked_cbs *parked = container_of(work, struct parked_cbs, work);
	struct llist_node *list = llist_del_all(&parked->list);
	struct parked_cb *p, *next;

	list = llist_reverse_order(list);
	llist_for_each_entry_safe(p, next, list, link) {
		struct dma_fence_cb *cb = container_of((struct list_head *)p,
						       struct dma_fence_cb,
						       node);

		cb->func(p->fence, cb);
	}
}

static DEFINE_PER_CPU(struct parked_cbs, parked_cbs) = {
	.work = IRQ_WORK_INIT(parked_run),
};

/*
 * dma_fence_park - is a callback to be run later, and where no lock is held?
 * @func: what to run then; leaves @cb in a list if the answer is yes
 *
 * Whoever has the callback keeps @fence as long, and does not remove it: while it is
 * parked a remover would take it for armed.
 */
bool dma_fence_park(struct dma_fence *fence, struct dma_fence_cb *cb,
		    dma_fence_func_t func)
{
	struct parked_cb *p = (struct parked_cb *)&cb->node;
	struct parked_cbs *parked;

	if (likely(test_bit(DMA_FENCE_FLAG_CLAIMED_BIT, &fence->flags)))
		return false;

	cb->func = func;
	p->fence = fence;
	parked = get_cpu_ptr(&parked_cbs);
	llist_add(&p->link, &parked->list);
	irq_work_queue(&parked->work);
	put_cpu_ptr(&parked_cbs);
	return true;
}

/*
 * Releasing
 */

/*
 * dma_fence_drop_member - drop a container's reference on a member
 * @fence: the member, or NULL
 * @dead: takes it if it is a container and the reference was the last
 */
void dma_fence_drop_member(struct dma_fence *fence, struct dma_fence **dead)
{
	if (!fence || !refcount_dec_and_test(&fence->refcount.refcount))
		return;

	/* Having a release operation it has not lost its operations. */
	if (!dma_fence_is_container(fence)) {
		dma_fence_release(&fence->refcount);
	} else if (dma_fence_release_begin(fence)) {
		fence->next_dead = *dead;
		*dead = fence;
	}
}

/*
 * dma_fence_release_container - &dma_fence_ops.release of all containers
 */
void dma_fence_release_container(struct dma_fence *fence)
{
	struct dma_fence *dead = NULL;

	do {
		if (dma_fence_is_array(fence))
			dma_fence_array_drop(fence, &dead);
		else if (dma_fence_is_chain(fence))
			dma_fence_chain_drop(fence, &dead);
		else
			dma_fence_proxy_drop(fence, &dead);

		fence = dead;
		if (fence)
			dead = fence->next_dead;
	} while (fence);
}
