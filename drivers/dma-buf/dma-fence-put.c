// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every put may be the last one
 *
 * Copyright (C) 2026 the dma-fence rework project
 *
 * A lockdep map stands for the release operation of a kind of fences. It is taken for
 * a moment by every put of such a fence, and held for reading while the operation
 * runs. So a put under a lock that the operation takes closes a cycle, whoever is the
 * last in reality. The address of the table of operations is the key of the class: it
 * is unique, and lockdep knows when the module that it belongs to goes. It does not
 * take functions.
 *
 * All of that happens with interrupts disabled, the release included, which has to stand
 * it anyway. Were they enabled once, every lock that is taken in interrupts and around
 * a put would count as an inversion. On PREEMPT_RT, where locks do not disable them,
 * they stay as they are.
 *
 * The release of a container takes no lock. What those of its members take is learnt
 * when they run.
 *
 * In a release operation other fences are put, which may be of the same kind. That
 * is a matter of the stack and not of locks, and would be taken for a recursion, so no
 * such put counts. What their releases do is learnt when they run.
 */

#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/module.h>

#include <asm/sections.h>

#include "dma-fence-internal.h"

static const char map_name[] = "dma_fence_release";

static void init_map(struct lockdep_map *map, const struct dma_fence_ops *ops)
{
	lockdep_init_map(map, map_name, (struct lock_class_key *)ops, 0);
}

/* Lockdep refuses keys in memory that may become something else. */
static bool is_static(const struct dma_fence_ops *ops)
{
	unsigned long addr = (unsigned long)ops;

	return is_kernel_rodata(addr) || is_kernel_core_data(addr) ||
	       is_module_address(addr);
}

/* In an RCU read-side section, or with the operations kept by a release. */
static const struct dma_fence_ops *ops_with_release(struct dma_fence *fence)
{
	const struct dma_fence_ops *ops = rcu_dereference_check(fence->ops, 1);

	if (!debug_locks || !ops || !ops->release || !is_static(ops) ||
	    dma_fence_is_container(fence))
		return NULL;
	return ops;
}

/* Is this context inside a release operation? */
static bool releasing(void)
{
	int i;

	for (i = 0; i < current->lockdep_depth; i++)
		if (current->held_locks[i].instance->name == map_name)
			return true;
	return false;
}

/**
 * __dma_fence_debug_put - tell lockdep that a reference may be the last
 * @fence: the fence, with the reference
 *
 * Context: any.
 */
void __dma_fence_debug_put(struct dma_fence *fence)
{
	const struct dma_fence_ops *ops;
	struct lockdep_map map;
	unsigned long flags;

	scoped_guard(rcu)
		ops = ops_with_release(fence);
	if (!ops || releasing())
		return;

	init_map(&map, ops);
	local_irq_save(flags);
	lock_acquire_exclusive(&map, 0, 0, NULL, _RET_IP_);
	lock_release(&map, _RET_IP_);
	local_irq_restore(flags);
}
EXPORT_SYMBOL(__dma_fence_debug_put);

/*
 * dma_fence_call_release - the last reference has gone indeed
 */
void dma_fence_call_release(struct dma_fence *fence,
			    void (*release)(struct dma_fence *fence))
{
	const struct dma_fence_ops *ops = ops_with_release(fence);
	struct lockdep_map map;
	unsigned long flags;

	if (!ops) {
		release(fence);
		return;
	}

	init_map(&map, ops);
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		local_irq_save(flags);
	lock_acquire_shared_recursive(&map, 0, 0, NULL, _RET_IP_);

	release(fence);

	lock_release(&map, _RET_IP_);
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		local_irq_restore(flags);
}
