// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lockdep annotations of fence signalling
 *
 * Copyright (C) 2026 the dma-fence rework project
 *
 * One lockdep map stands for the progress of all fences: signalling sections
 * hold it for reading, waits take it for writing. See "fence signalling
 * annotation" in dma-fence.c.
 *
 * Another one is held while callbacks run, which must not sleep even where the
 * signaller could. And each callback function has one, for those who remove such
 * callbacks and may have to wait until the function has returned.
 */

#include <linux/dma-fence.h>
#include <linux/dma-fence-work.h>
#include <linux/export.h>
#include <linux/hash.h>
#include <linux/irqflags.h>
#include <linux/kallsyms.h>
#include <linux/lockdep.h>
#include <linux/module.h>

#include "dma-fence-internal.h"
#include "dma-fence-shard.h"

#ifdef CONFIG_LOCKDEP

/* Who takes it for writing sleeps. */
static struct lockdep_map dma_fence_lockdep_map = {
	.name = "dma_fence_map",
	.wait_type_inner = LD_WAIT_SLEEP,
};

/*
 * Whatever context this is: on PREEMPT_RT callbacks run in a thread and may take
 * locks that sleep only there, so that much is allowed to all of them.
 */
static DEFINE_WAIT_OVERRIDE_MAP(dma_fence_delivery, LD_WAIT_CONFIG);

/*
 * A read lock that was got by trylock: it may recurse, adds no dependency on what
 * is held already, and does not say that interrupts use it. So it can be had in
 * any context.
 */
static void signalling_acquire(unsigned long ip)
{
	lock_acquire(&dma_fence_lockdep_map, 0, 1, 1, 1, NULL, ip);
}

/*
 * Is this context in a signalling section? One that was interrupted does not count:
 * lockdep sees no order between its locks and those of the interrupt. Without an
 * answer say yes, so that nothing is acquired.
 */
static bool signalling_here(void)
{
	const struct task_struct *task = current;
	unsigned int here = !!lockdep_hardirq_context() * 2 +
			    !!lockdep_softirq_context(task);
	int i = task->lockdep_depth;

	if (!debug_locks)
		return true;

	while (i--) {
		const struct held_lock *held = &task->held_locks[i];

		if (IS_ENABLED(CONFIG_PROVE_LOCKING) && held->irq_context != here)
			break;
		if (held->instance == &dma_fence_lockdep_map)
			return true;
	}
	return false;
}

/**
 * dma_fence_begin_signalling - start of code that some fence's signal depends on
 *
 * Sections nest. See also guard(dma_fence_signalling).
 *
 * Context: any but NMI. The section ends in the same.
 * Return: a cookie for dma_fence_end_signalling().
 */
bool dma_fence_begin_signalling(void)
{
	if (signalling_here())
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
	bool signalling = debug_locks && signalling_here();

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
	if (batch->signalling || signalling_here())
		return;

	batch->signalling = true;
	signalling_acquire(_RET_IP_);
}

/*
 * dma_fence_lockdep_holds - does this context hold that lock?
 * @lock: the lock, may be NULL
 *
 * Looks at its address only: the lock may be gone by now, and with it what
 * lockdep_is_held() looks at. False once lockdep has stopped.
 */
bool dma_fence_lockdep_holds(const spinlock_t *lock)
{
	int i;

	for (i = 0; lock && debug_locks && i < current->lockdep_depth; i++)
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
	WARN_ONCE(!IS_ENABLED(CONFIG_PREEMPT_RT) &&
		  !raw_cpu_read(dma_fence_shards.delivery) &&
		  dma_fence_lockdep_holds(batch->lock),
		  "dma_fence: a batch is delivered under the lock of its fences\n");
	batch->lock = NULL;
	if (!batch->signalling)
		return;

	batch->signalling = false;
	lock_release(&dma_fence_lockdep_map, _RET_IP_);
}

/*
 * Delivery
 */

/*
 * dma_fence_lockdep_deliver_begin - callbacks are going to run, or references to be
 * dropped that were theirs
 */
bool dma_fence_lockdep_deliver_begin(void)
{
	bool cookie = dma_fence_begin_signalling();

	lock_map_acquire_try(&dma_fence_delivery);
	return cookie;
}

/*
 * dma_fence_lockdep_deliver_end - they have
 */
void dma_fence_lockdep_deliver_end(bool cookie)
{
	lock_map_release(&dma_fence_delivery);
	dma_fence_end_signalling(cookie);
}

/*
 * Callbacks
 */

#define CLASSES_SHIFT	8

/**
 * struct callback_class - the lock class of a callback function
 * @func: its address, or 0
 * @key: the class; lockdep wants it in static memory, which code is not
 */
struct callback_class {
	unsigned long func;
	struct lock_class_key key;
};

/* Open addressing. Nobody leaves. */
static struct callback_class callback_classes[1 << CLASSES_SHIFT];

/* NULL when there are too many of them. */
static struct lock_class_key *callback_key(unsigned long func)
{
	unsigned int i, at = hash_long(func, CLASSES_SHIFT);

	/* Lockdep takes it for data, and forgets it with the module. */
	if (is_module_address(func))
		return (struct lock_class_key *)func;

	for (i = 0; i < ARRAY_SIZE(callback_classes); i++) {
		struct callback_class *class = &callback_classes[at];
		unsigned long old = READ_ONCE(class->func);

		if (!old)
			old = cmpxchg(&class->func, 0, func);
		if (!old || old == func)
			return &class->key;
		at = (at + 1) % ARRAY_SIZE(callback_classes);
	}
	return NULL;
}

static bool callback_acquire(struct lockdep_map *map, unsigned long func)
{
	struct lock_class_key *key = callback_key(func);

	if (!key)
		return false;

	lockdep_init_map(map, "dma_fence_callback", key, 0);
	/* The address is what a report says of a lock that is held. */
	lock_acquire_exclusive(map, 0, 0, NULL, func);
	return true;
}

/*
 * dma_fence_lockdep_call - call a callback, whose memory may be gone afterwards
 */
void dma_fence_lockdep_call(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	dma_fence_func_t func = cb->func;
	struct lockdep_map map;
	bool acquired;

	acquired = callback_acquire(&map, (unsigned long)func);
	func(fence, cb);
	if (acquired)
		lock_map_release(&map);
}

/*
 * dma_fence_lockdep_remove - somebody may have to wait for a callback
 *
 * Nothing holds that somebody up but the callback, whatever interrupts the caller
 * has enabled, so that is not to be recorded. A callback that was refused has no
 * function, one that was never added may have anything in its place.
 */
void dma_fence_lockdep_remove(struct dma_fence_cb *cb)
{
	unsigned long flags, func = (unsigned long)READ_ONCE(cb->func);
	struct lockdep_map map;

	if (!kernel_text_address(func))
		return;

	local_irq_save(flags);
	if (callback_acquire(&map, func))
		lock_map_release(&map);
	local_irq_restore(flags);
}

/*
 * Work
 */

/*
 * dma_fence_lockdep_work - fences may have to wait until a handler has run
 *
 * From now on a wait for a fence inside the handler is a circle. Not with locks
 * held, which would seem to be held while it runs.
 */
void dma_fence_lockdep_work(struct lockdep_map *map)
{
	if (!debug_locks || current->lockdep_depth || !in_task())
		return;

	signalling_acquire(_RET_IP_);
	lock_map_acquire(map);
	lock_map_release(map);
	lock_release(&dma_fence_lockdep_map, _RET_IP_);
}

#endif /* CONFIG_LOCKDEP */
