// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work that fences depend on, and the end of work that fences queue
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/dma-fence-work.h>
#include <linux/export.h>

#include "dma-fence-internal.h"

/*
 * The handlers run in a signalling section inside the lockdep map of their work.
 * A section adds no dependency on what is held already, so waits elsewhere for
 * work of the same queue are not affected. That the work comes inside fences, for
 * whom it is waited, is said by dma_fence_lockdep_work().
 */

/**
 * __dma_fence_work - what the workqueue calls
 * @base: &dma_fence_work.base
 */
void __dma_fence_work(struct work_struct *base)
{
	work_func_t func = container_of(base, struct dma_fence_work, base)->func;

	guard(dma_fence_signalling)();
	func(base);
}
EXPORT_SYMBOL_GPL(__dma_fence_work);

/**
 * __dma_fence_work_init - the part of INIT_DMA_FENCE_WORK() that is not inline
 * @work: the work
 * @func: its handler
 */
void __dma_fence_work_init(struct dma_fence_work *work, work_func_t func)
{
	work->func = func;
#ifdef CONFIG_LOCKDEP
	dma_fence_lockdep_work(&work->base.lockdep_map);
#endif
}
EXPORT_SYMBOL_GPL(__dma_fence_work_init);

#ifdef CONFIG_LOCKDEP
static void kthread_work_func(struct kthread_work *base)
{
	struct dma_fence_kthread_work *work =
		container_of(base, struct dma_fence_kthread_work, base);
	kthread_work_func_t func = work->func;
	struct lockdep_map map;

	/* The handler may free the work. */
	lockdep_copy_map(&map, &work->lockdep_map);
	lock_map_acquire(&map);
	scoped_guard(dma_fence_signalling)
		func(base);
	lock_map_release(&map);
}
#else
static void kthread_work_func(struct kthread_work *base)
{
	container_of(base, struct dma_fence_kthread_work, base)->func(base);
}
#endif

/**
 * __dma_fence_kthread_work_init - what INIT_DMA_FENCE_KTHREAD_WORK() stands for
 * @work: the work
 * @func: its handler
 * @name: name for lockdep
 * @key: lock class
 */
void __dma_fence_kthread_work_init(struct dma_fence_kthread_work *work,
				   kthread_work_func_t func, const char *name,
				   struct lock_class_key *key)
{
	kthread_init_work(&work->base, kthread_work_func);
	work->func = func;
#ifdef CONFIG_LOCKDEP
	lockdep_init_map(&work->lockdep_map, name, key, 0);
	dma_fence_lockdep_work(&work->lockdep_map);
#endif
}
EXPORT_SYMBOL_GPL(__dma_fence_kthread_work_init);

/*
 * Cancelling
 *
 * Whether there is anything to wait for depends on how far the fence has come, and
 * the workqueue tells lockdep of a wait only when there is.
 */

static void might_flush_work(struct work_struct *work)
{
#ifdef CONFIG_LOCKDEP
	lock_map_acquire(&work->lockdep_map);
	lock_map_release(&work->lockdep_map);
#endif
}

static void might_flush_kthread_work(struct kthread_work *work)
{
#ifdef CONFIG_LOCKDEP
	struct dma_fence_kthread_work *ours =
		container_of(work, struct dma_fence_kthread_work, base);

	/* Others have no map. */
	if (work->func != kthread_work_func)
		return;
	lock_map_acquire(&ours->lockdep_map);
	lock_map_release(&ours->lockdep_map);
#endif
}

/**
 * dma_fence_cancel_work_sync - take a work item back, whatever has become of it
 * @fence: the fence that @w was added to, with a reference held, or %NULL if
 *	dma_fence_work_or_now() was given none
 * @w: the callback; armed, delivered, or not armed because the fence had signalled
 *
 * Afterwards neither the callback nor the work item runs or will, so both may be
 * freed, and all that the handler wrote is visible, unless somebody else queues the
 * item. The caller holds no lock that the handler takes; lockdep reports it even
 * when there was nothing to wait for.
 *
 * Context: process context, may sleep; not from the handler.
 * Return: true when the handler has not run and will not on account of @fence, false
 * when it has, or runs no more after this has waited.
 */
bool dma_fence_cancel_work_sync(struct dma_fence *fence,
				struct dma_fence_cb_work *w)
{
	bool removed;

	might_sleep();
	might_flush_work(w->work);
	removed = fence && dma_fence_remove_callback(fence, &w->base);
	/* The handler may be running that has added the callback. */
	return cancel_work_sync(w->work) || removed;
}
EXPORT_SYMBOL_GPL(dma_fence_cancel_work_sync);

/**
 * dma_fence_cancel_delayed_work_sync - dma_fence_cancel_work_sync() for delayed work
 * @fence: the fence that @w was added to, with a reference held, or %NULL
 * @w: the callback
 *
 * Context: process context, may sleep; not from the handler.
 * Return: see dma_fence_cancel_work_sync().
 */
bool dma_fence_cancel_delayed_work_sync(struct dma_fence *fence,
					struct dma_fence_cb_delayed_work *w)
{
	bool removed;

	might_sleep();
	might_flush_work(&w->dwork->work);
	removed = fence && dma_fence_remove_callback(fence, &w->base);
	/* The handler may be running that has added the callback. */
	return cancel_delayed_work_sync(w->dwork) || removed;
}
EXPORT_SYMBOL_GPL(dma_fence_cancel_delayed_work_sync);

/**
 * dma_fence_cancel_kthread_work_sync - dma_fence_cancel_work_sync() for a worker
 * @fence: the fence that @w was added to, with a reference held, or %NULL
 * @w: the callback
 *
 * Lockdep knows of the handler's locks if the work is a &struct
 * dma_fence_kthread_work.
 *
 * Context: process context, may sleep; not from the handler.
 * Return: see dma_fence_cancel_work_sync().
 */
bool dma_fence_cancel_kthread_work_sync(struct dma_fence *fence,
					struct dma_fence_cb_kthread_work *w)
{
	bool removed;

	might_sleep();
	might_flush_kthread_work(w->work);
	removed = fence && dma_fence_remove_callback(fence, &w->base);
	/* The handler may be running that has added the callback. */
	return kthread_cancel_work_sync(w->work) || removed;
}
EXPORT_SYMBOL_GPL(dma_fence_cancel_kthread_work_sync);
