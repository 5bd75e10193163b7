// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lockdep annotations of fence signalling
 *
 * Copyright (C) 2026 the dma-fence rework project
 *
 * One lockdep map stands for the progress of all fences: signalling sections
 * hold it for reading, waits take it for writing. See "fence signalling
 * annotation" in dma-fence.c.
 */

#include <linux/dma-fence.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/preempt.h>

#include "dma-fence-internal.h"
#include "dma-fence-shard.h"

#ifdef CONFIG_LOCKDEP

static struct lockdep_map dma_fence_lockdep_map = {
	.name = "dma_fence_map",
};

/* A read lock that was got by trylock: it may recurse and adds no dependency. */
static void signalling_acquire(unsigned long ip)
{
	lock_acquire(&dma_fence_lockdep_map, 0, 1, 1, 1, NULL, ip);
}

/**
 * dma_fence_begin_signalling - start of code that some fence's signal depends on
 *
 * Sections nest. In atomic context nothing is recorded: what must not happen in
 * a signalling section, sleeping above all, is reported there anyway.
 *
 * Return: a cookie for dma_fence_end_signalling().
 */
bool dma_fence_begin_signalling(void)
{
	if (lock_is_held_type(&dma_fence_lockdep_map, 1) || in_atomic())
		return true;

	signalling_acquire(_RET_IP_);
	return false;
}
EXPORT_SYMBOL(dma_fence_begin_signalling);

/**
 * dma_fence_end_signalling - end of a signalling section
 * @cookie: what dma_fence_begin_signalling() has returned
 */
void dma_fence_end_signalling(bool cookie)
{
	if (!cookie)
		lock_release(&dma_fence_lockdep_map, _RET_IP_);
}
EXPORT_SYMBOL(dma_fence_end_signalling);

/*
 * Record that the caller may wait for any fence. A signalling section of the
 * same task is left for the moment, it would be reported as a recursion and hide
 * the dependencies that matter.
 */
void __dma_fence_might_wait(void)
{
	bool signalling = lock_is_held_type(&dma_fence_lockdep_map, 1);

	if (signalling)
		lock_release(&dma_fence_lockdep_map, _THIS_IP_);

	lock_map_acquire(&dma_fence_lockdep_map);
	lock_map_release(&dma_fence_lockdep_map);

	if (signalling)
		signalling_acquire(_THIS_IP_);
}

/*
 * A batch that has not been delivered holds up whoever waits for the callbacks in
 * it: a signalling section, from the first fence to the delivery. One that is never
 * delivered shows as a lock that its task has not released.
 */
void dma_fence_lockdep_batch_open(struct dma_fence_batch *batch,
				  spinlock_t *lock)
{
	batch->lock = lock;
	if (batch->signalling || lock_is_held_type(&dma_fence_lockdep_map, 1))
		return;

	batch->signalling = true;
	signalling_acquire(_RET_IP_);
}

/* The lock may be gone by now, and with it what lockdep_is_held() looks at. */
static bool lock_is_held_here(const spinlock_t *lock)
{
	int i;

	for (i = 0; lock && i < current->lockdep_depth; i++)
		if (current->held_locks[i].instance == &lock->dep_map)
			return true;
	return false;
}

void dma_fence_lockdep_batch_close(struct dma_fence_batch *batch)
{
	/*
	 * No harm is done if somebody else delivers: an operation that the core
	 * calls under the lock cannot help holding it.
	 */
	WARN_ONCE(debug_locks && !IS_ENABLED(CONFIG_PREEMPT_RT) &&
		  !raw_cpu_read(dma_fence_shards.delivery) &&
		  lock_is_held_here(batch->lock),
		  "dma_fence: a batch is delivered under the lock of its fences\n");
	batch->lock = NULL;
	if (!batch->signalling)
		return;

	batch->signalling = false;
	lock_release(&dma_fence_lockdep_map, _RET_IP_);
}

#endif /* CONFIG_LOCKDEP */
