// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the checker for callbacks has to find, once each; not to be compiled
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include "sample.h"

static void ready(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct job *job = container_of(cb, struct job, cb);
	struct note *note = kzalloc(sizeof(*note), GFP_KERNEL);

	mutex_lock(&job->lock);
	list_add_tail(&note->link, &job->notes);
	mutex_unlock(&job->lock);

	dma_fence_signal(&job->done);
	settle(job);
	wake_up_all(&job->queue);
	queue_work(job->wq, &job->work);
	kref_put(&job->ref, job_free);
}

static void quiet(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	to_job(cb)->seen = true;
}

static void atomic(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct job *job = container_of(cb, struct job, cb);
	struct note *note = kzalloc(sizeof(*note), GFP_ATOMIC);

	spin_lock(&job->notes_lock);
	list_add_tail(&note->link, &job->notes);
	spin_unlock(&job->notes_lock);
	kfree(job);
}

int add(struct job *job, bool fast)
{
	dma_fence_func_t func = quiet;

	if (fast)
		func = atomic;
	if (!dma_fence_add_callback(job->other, &job->other_cb, func))
		return 0;
	return dma_fence_add_callback(job->fence, &job->cb, ready);
}

void add_foreign(struct job *job, dma_fence_func_t func)
{
	dma_fence_add_callback(job->fence, &job->cb, func);
}
