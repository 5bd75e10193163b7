/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work that fences depend on
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef __LINUX_DMA_FENCE_WORK_H
#define __LINUX_DMA_FENCE_WORK_H

#include <linux/dma-fence-cb.h>
#include <linux/kthread.h>
#include <linux/lockdep.h>
#include <linux/workqueue.h>

/**
 * struct dma_fence_work - a work item whose handler signals a fence
 * @base: the work item, for queue_work(), dma_fence_add_work() and the like
 * @func: the handler, which is given @base
 *
 * Who queues it hands the obligation to signal over to the handler, which runs in a
 * signalling section from beginning to end. Initialised by INIT_DMA_FENCE_WORK().
 */
struct dma_fence_work {
	struct work_struct base;
	work_func_t func;
};

/**
 * struct dma_fence_kthread_work - the same for the thread of a &struct kthread_worker
 * @base: the work, for kthread_queue_work(), dma_fence_add_kthread_work() and the like
 * @func: the handler, which is given @base
 * @lockdep_map: held while the handler runs
 *
 * Initialised by INIT_DMA_FENCE_KTHREAD_WORK().
 */
struct dma_fence_kthread_work {
	struct kthread_work base;
	kthread_work_func_t func;
#ifdef CONFIG_LOCKDEP
	struct lockdep_map lockdep_map;
#endif
};

void __dma_fence_work(struct work_struct *base);
void __dma_fence_work_init(struct dma_fence_work *work, work_func_t func);
void __dma_fence_kthread_work_init(struct dma_fence_kthread_work *work,
				   kthread_work_func_t func, const char *name,
				   struct lock_class_key *key);

/**
 * INIT_DMA_FENCE_WORK - prepare work that signals a fence
 * @_work: the &struct dma_fence_work
 * @_func: its handler; it may free the work
 *
 * Lockdep reports, the first time that the handler runs, what code must not do that
 * a signal depends on: allocate with GFP_KERNEL, take a lock that is held over
 * such an allocation or over a wait for a fence, or wait for a fence itself. The
 * latter is only found when this was used without locks held at least once.
 *
 * Context: process context, better without locks held.
 */
#define INIT_DMA_FENCE_WORK(_work, _func)				\
	do {								\
		struct dma_fence_work *__work = (_work);		\
									\
		INIT_WORK(&__work->base, __dma_fence_work);		\
		__dma_fence_work_init(__work, (_func));			\
	} while (0)

/**
 * INIT_DMA_FENCE_KTHREAD_WORK - the same for the thread of a worker
 * @_work: the &struct dma_fence_kthread_work
 * @_func: its handler; it may free the work
 *
 * Context: process context, better without locks held.
 */
#define INIT_DMA_FENCE_KTHREAD_WORK(_work, _func)			\
	do {								\
		static struct lock_class_key __key;			\
									\
		__dma_fence_kthread_work_init((_work), (_func),		\
					      "(" #_work ")", &__key);	\
	} while (0)

bool dma_fence_cancel_work_sync(struct dma_fence *fence,
				struct dma_fence_cb_work *w);
bool dma_fence_cancel_delayed_work_sync(struct dma_fence *fence,
					struct dma_fence_cb_delayed_work *w);
bool dma_fence_cancel_kthread_work_sync(struct dma_fence *fence,
					struct dma_fence_cb_kthread_work *w);

#endif /* __LINUX_DMA_FENCE_WORK_H */
