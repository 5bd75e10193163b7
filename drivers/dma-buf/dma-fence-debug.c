// SPDX-License-Identifier: GPL-2.0-only
/*
 * Naming the callers of the fence API that could do better
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/lockdep.h>
#include <linux/printk.h>

#include <kunit/visibility.h>

#include "dma-fence-internal.h"
#include "dma-fence-shard.h"

#if defined(CONFIG_DMA_FENCE_DEBUG) && defined(CONFIG_PROVE_LOCKING)

#define SITES_SHIFT	8

/* Addresses of call sites that were named, open addressing. */
static unsigned long sites[1 << SITES_SHIFT];

static atomic_t named = ATOMIC_INIT(0);

#if IS_ENABLED(CONFIG_KUNIT)
/* dma_fence_debug_named - how many callers were named so far */
unsigned int dma_fence_debug_named(void)
{
	return atomic_read(&named);
}
EXPORT_SYMBOL_IF_KUNIT(dma_fence_debug_named);
#endif

/* True once for each site, until there are too many of them. */
static bool site_is_new(unsigned long site)
{
	unsigned int i, at = hash_long(site, SITES_SHIFT);

	for (i = 0; i < ARRAY_SIZE(sites); i++) {
		unsigned long old = READ_ONCE(sites[at]);

		if (!old)
			old = cmpxchg(&sites[at], 0, site);
		if (!old || old == site)
			return !old;
		at = (at + 1) % ARRAY_SIZE(sites);
	}
	return false;
}

static bool must_name(unsigned long site)
{
	if (!site_is_new(site))
		return false;

	atomic_inc(&named);
	return true;
}

/*
 * A spinlock or rwlock that this context holds, not what an interrupted one does.
 * The map of RCU, which spins as little as it sleeps, has an outer type.
 */
static const struct lockdep_map *held_spinlock(void)
{
	const struct task_struct *task = current;
	unsigned int here;
	int i = task->lockdep_depth;

	if (!debug_locks || !i)
		return NULL;

	here = !!lockdep_hardirq_context() * 2 + !!task->softirq_context;
	while (i--) {
		const struct held_lock *held = &task->held_locks[i];
		const struct lockdep_map *map = held->instance;

		if (held->irq_context != here)
			break;
		if (map->lock_type == LD_LOCK_NORMAL && !map->wait_type_outer &&
		    (map->wait_type_inner == LD_WAIT_CONFIG ||
		     map->wait_type_inner == LD_WAIT_SPIN))
			return map;
	}
	return NULL;
}

/*
 * dma_fence_debug_deliver - is somebody about to deliver under a spinlock?
 * @fence: the fence that is about to be signalled; NULL for a batch
 *
 * Callbacks run inside that lock, and get an order with it that its owner does not
 * know. Not so when there are none, or another delivery takes them.
 */
void dma_fence_debug_deliver(struct dma_fence *fence, unsigned long caller)
{
	const struct lockdep_map *map;

	if (IS_ENABLED(CONFIG_PREEMPT_RT) ||
	    raw_cpu_read(dma_fence_shards.delivery))
		return;
	if (fence && (dma_fence_test_signaled_flag(fence) ||
		      list_empty(&fence->cb_list)))
		return;

	map = held_spinlock();
	if (map && must_name(caller))
		pr_info("dma_fence: %pS delivers callbacks under %s\n",
			(void *)caller, map->name);
}

/*
 * dma_fence_debug_locked - somebody has signalled under the fence lock
 */
void dma_fence_debug_locked(struct dma_fence *fence, unsigned long caller)
{
	if (must_name(caller))
		pr_info("dma_fence: %pS signals under the fence lock, a batch would deliver sooner\n",
			(void *)caller);
}

#endif /* CONFIG_DMA_FENCE_DEBUG && CONFIG_PROVE_LOCKING */
