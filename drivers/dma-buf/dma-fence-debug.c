// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reporting once, and naming the callers of the fence API that could do better
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

#ifdef CONFIG_DMA_FENCE_DEBUG

#define SITES_SHIFT	8

/* What was reported: addresses, open addressing. */
static unsigned long sites[1 << SITES_SHIFT];

static atomic_t reports[DMA_FENCE_RULES];

static const char * const rule_names[] = {
	[DMA_FENCE_LOST] = "released while published and unsignalled",
	[DMA_FENCE_AGAIN] = "signalled again with another error",
	[DMA_FENCE_FREED] = "memory freed while published and unsignalled",
	[DMA_FENCE_STUCK] = "unsignalled for too long",
	[DMA_FENCE_LAST_PUT] = "last reference dropped in a bad context",
	[DMA_FENCE_BORROWED] = "borrowed reference was the last",
	[DMA_FENCE_CB_FREED] = "callback freed while armed",
	[DMA_FENCE_CB_WIPED] = "callback initialised while armed",
	[DMA_FENCE_CB_TWICE] = "callback armed twice",
	[DMA_FENCE_CB_SLOW] = "callback ran for too long",
};

/* dma_fence_debug_site - true once for each site, until there are too many */
bool dma_fence_debug_site(unsigned long site)
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

/* dma_fence_debug_count - there is a report */
void dma_fence_debug_count(enum dma_fence_rule rule)
{
	atomic_inc(&reports[rule]);
}

/*
 * dma_fence_debug_report - is this to be reported?
 * @site: operations of a fence, or the function of a callback
 *
 * For each rule and site once.
 */
bool dma_fence_debug_report(enum dma_fence_rule rule, const void *site)
{
	if (!dma_fence_debug_site((unsigned long)site * DMA_FENCE_RULES + rule + 1))
		return false;

	dma_fence_debug_count(rule);
	return true;
}

/* dma_fence_debug_reports - how many reports of a rule there were */
unsigned int dma_fence_debug_reports(enum dma_fence_rule rule)
{
	return atomic_read(&reports[rule]);
}
EXPORT_SYMBOL_IF_KUNIT(dma_fence_debug_reports);

const char *dma_fence_debug_rule_name(enum dma_fence_rule rule)
{
	return rule_names[rule];
}

#if IS_ENABLED(CONFIG_KUNIT)
/* dma_fence_debug_forget - report everything again */
void dma_fence_debug_forget(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sites); i++)
		WRITE_ONCE(sites[i], 0);
}
EXPORT_SYMBOL_IF_KUNIT(dma_fence_debug_forget);
#endif

#ifdef CONFIG_PROVE_LOCKING

static atomic_t named = ATOMIC_INIT(0);

#if IS_ENABLED(CONFIG_KUNIT)
/* dma_fence_debug_named - how many callers were named so far */
unsigned int dma_fence_debug_named(void)
{
	return atomic_read(&named);
}
EXPORT_SYMBOL_IF_KUNIT(dma_fence_debug_named);
#endif

static bool must_name(unsigned long site)
{
	if (!dma_fence_debug_site(site))
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

#endif /* CONFIG_PROVE_LOCKING */

#endif /* CONFIG_DMA_FENCE_DEBUG */
