/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a fence can do when it signals
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef __LINUX_DMA_FENCE_CB_H
#define __LINUX_DMA_FENCE_CB_H

#include <linux/dma-fence.h>

struct completion;
struct delayed_work;
struct kthread_work;
struct kthread_worker;
struct task_struct;
struct work_struct;
struct workqueue_struct;

/**
 * struct dma_fence_cb_wake - wake a task
 * @base: the callback, to be given to dma_fence_remove_callback()
 * @task: the task, with a reference while the callback is armed
 */
struct dma_fence_cb_wake {
	struct dma_fence_cb base;
	struct task_struct *task;
};

/**
 * struct dma_fence_cb_completion - complete a completion
 * @base: the callback
 * @done: the completion
 */
struct dma_fence_cb_completion {
	struct dma_fence_cb base;
	struct completion *done;
};

/**
 * struct dma_fence_cb_work - queue a work item
 * @base: the callback
 * @wq: the workqueue
 * @work: the work item
 */
struct dma_fence_cb_work {
	struct dma_fence_cb base;
	struct workqueue_struct *wq;
	struct work_struct *work;
};

/**
 * struct dma_fence_cb_delayed_work - queue a work item for later
 * @base: the callback
 * @wq: the workqueue
 * @dwork: the work item
 * @delay: jiffies from the signal
 */
struct dma_fence_cb_delayed_work {
	struct dma_fence_cb base;
	struct workqueue_struct *wq;
	struct delayed_work *dwork;
	unsigned long delay;
};

/**
 * struct dma_fence_cb_kthread_work - queue work for a thread
 * @base: the callback
 * @worker: the thread
 * @work: the work
 */
struct dma_fence_cb_kthread_work {
	struct dma_fence_cb base;
	struct kthread_worker *worker;
	struct kthread_work *work;
};

int dma_fence_add_wake(struct dma_fence *fence, struct dma_fence_cb_wake *w,
		       struct task_struct *task);
int dma_fence_add_completion(struct dma_fence *fence,
			     struct dma_fence_cb_completion *c,
			     struct completion *done);
int dma_fence_add_work(struct dma_fence *fence, struct dma_fence_cb_work *w,
		       struct workqueue_struct *wq, struct work_struct *work);
int dma_fence_add_delayed_work(struct dma_fence *fence,
			       struct dma_fence_cb_delayed_work *w,
			       struct workqueue_struct *wq,
			       struct delayed_work *dwork, unsigned long delay);
int dma_fence_add_kthread_work(struct dma_fence *fence,
			       struct dma_fence_cb_kthread_work *w,
			       struct kthread_worker *worker,
			       struct kthread_work *work);

bool dma_fence_wake_or_now(struct dma_fence *fence, struct dma_fence_cb_wake *w,
			   struct task_struct *task);
bool dma_fence_completion_or_now(struct dma_fence *fence,
				 struct dma_fence_cb_completion *c,
				 struct completion *done);
bool dma_fence_work_or_now(struct dma_fence *fence, struct dma_fence_cb_work *w,
			   struct workqueue_struct *wq,
			   struct work_struct *work);
bool dma_fence_delayed_work_or_now(struct dma_fence *fence,
				   struct dma_fence_cb_delayed_work *w,
				   struct workqueue_struct *wq,
				   struct delayed_work *dwork,
				   unsigned long delay);
bool dma_fence_kthread_work_or_now(struct dma_fence *fence,
				   struct dma_fence_cb_kthread_work *w,
				   struct kthread_worker *worker,
				   struct kthread_work *work);

#endif /* __LINUX_DMA_FENCE_CB_H */
