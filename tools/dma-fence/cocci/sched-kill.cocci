// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch --smpl-spacing
// files: include/drm/gpu_scheduler.h drivers/gpu/drm/scheduler/sched_entity.c
//
// A job that is killed waits for the job before it, and for each of its
// dependencies, one after the other. The callback on those fences put the fence
// and turned itself into a work item, with which it shared its memory.
//
// The fence queues the work item now. A callback that is still in use until the
// item is queued cannot share memory with it; both stay with the job, which the
// work item frees, for the core is through with the callback by then. The
// reference on the fence moves to the job, and the work item drops it: from
// process context, where a last one does no harm.

virtual patch
virtual report

@depends on report@
@@
*dma_fence_add_callback(..., drm_sched_entity_kill_jobs_cb)

@cb_h depends on patch@
@@
 #include <linux/dma-fence-cb.h>

@depends on patch && !cb_h@
@@
 #include <linux/dma-fence.h>
+#include <linux/dma-fence-cb.h>

@depends on patch@
@@
 struct drm_sched_job {
	...
-	union {
-		struct dma_fence_cb finish_cb;
-		struct work_struct work;
-	};
+	struct dma_fence_cb_work finish_cb;
+	struct work_struct work;
+
+	/** @finish_fence: what @finish_cb is on; a reference that @work drops */
+	struct dma_fence *finish_fence;
	...
 };

@depends on patch@
@@
-static void drm_sched_entity_kill_jobs_cb(struct dma_fence *f,
-					  struct dma_fence_cb *cb);

@depends on patch@
identifier w;
expression f;
@@
 static void drm_sched_entity_kill_jobs_work(struct work_struct *w)
 {
	struct drm_sched_job *job = ...;
	...
	unsigned long index;
+
+	dma_fence_put(job->finish_fence);
	...
 }

@depends on patch@
expression f;
identifier job;
@@
-if (f && !dma_fence_add_callback(f, &job->finish_cb,
-				 drm_sched_entity_kill_jobs_cb))
-	return;
+/* Once added, the work may run again, and free the job. */
+job->finish_fence = f;
+if (f && !dma_fence_add_work(f, &job->finish_cb, system_percpu_wq, &job->work))
+	return;

@depends on patch@
identifier f, cb;
@@
-static void drm_sched_entity_kill_jobs_cb(struct dma_fence *f, struct dma_fence_cb *cb)
-{
-	...
-}

@depends on patch@
identifier prev, job;
@@
-if (!prev ||
-    dma_fence_add_callback(prev, &job->finish_cb,
-			   drm_sched_entity_kill_jobs_cb)) {
-	dma_fence_put(prev);
-	drm_sched_entity_kill_jobs_cb(NULL, &job->finish_cb);
-}
+INIT_WORK(&job->work, drm_sched_entity_kill_jobs_work);
+job->finish_fence = prev;
+dma_fence_work_or_now(prev, &job->finish_cb, system_percpu_wq, &job->work);
