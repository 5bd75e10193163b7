// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch --smpl-spacing
// files: include/drm/gpu_scheduler.h drivers/gpu/drm/scheduler/sched_entity.c
// files: drivers/gpu/drm/scheduler/sched_internal.h
//
// The callback of an entity's dependency cleared the pointer to it, dropped its
// reference and queued the work that runs jobs. Three sides could change the
// dependency by that, and teardown told by the pointer whether there was a
// callback to wait for: one that had cleared it, but was still about to queue the
// work, touched a freed entity.
//
// Let the fence queue the work, and nothing else. The dependency then belongs to
// the run job work of the one scheduler that the entity is with, from which it does
// not move while jobs are queued; and to teardown once that is done with the entity. An
// entity is ready when the fence shows as signalled. No wakeup is lost by that: the
// fence shows before it queues the work, and a work that is queued already sees what
// was written before an attempt to queue it.
//
// The work may see the fence signalled before the fence has queued it once more.
// It removes the callback in any case, before the memory is armed again and before
// the reference goes: it has run then, and the work comes once more for nothing,
// or it never will, and nobody needs it.
//
// A fence does not ask whether the scheduler is stopped. The work does that itself
// since sched-gate.cocci, which therefore comes first.

virtual patch
virtual report

@depends on report@
@@
(
*dma_fence_add_callback(...)
|
*dma_fence_remove_callback(...)
)

@cb_h depends on patch@
@@
 #include <linux/dma-fence-cb.h>

@depends on patch && !cb_h@
@@
 #include <linux/dma-fence.h>
+#include <linux/dma-fence-cb.h>

@depends on patch@
@@
 struct drm_sched_entity {
	...
-	struct dma_fence_cb
+	struct dma_fence_cb_work
	cb;
	...
 };

// Only the one worker that serves the entity's run queue comes here.
@depends on patch@
identifier entity;
@@
 drm_sched_entity_is_ready(struct drm_sched_entity *entity)
 {
+	struct dma_fence *dependency = READ_ONCE(entity->dependency);
+
	...
-	if (READ_ONCE(entity->dependency))
+	if (dependency && !dma_fence_test_signaled_flag(dependency))
		return false;
	...
 }

@depends on patch@
identifier w;
@@
+/*
+ * For whoever may change the entity's dependency: the run job work, and teardown
+ * once that is done with the entity. Afterwards the fence knows nothing of either.
+ */
+static void drm_sched_entity_drop_dependency(struct drm_sched_entity *entity)
+{
+	struct dma_fence *dependency = entity->dependency;
+
+	if (dependency) {
+		dma_fence_remove_callback(dependency, &entity->cb.base);
+		dma_fence_put(dependency);
+		entity->dependency = NULL;
+	}
+}
+
 static void drm_sched_entity_kill_jobs_work(struct work_struct *w)
 {
	...
 }

@depends on patch@
identifier entity;
@@
 void drm_sched_entity_fini(struct drm_sched_entity *entity)
 {
	...
-	if (entity->dependency) {
-		dma_fence_remove_callback(entity->dependency, &entity->cb);
-		dma_fence_put(entity->dependency);
-		entity->dependency = NULL;
-	}
+	drm_sched_entity_drop_dependency(entity);
	...
 }

@depends on patch@
identifier f, cb;
@@
-static void drm_sched_entity_wakeup(struct dma_fence *f, struct dma_fence_cb *cb)
-{
-	...
-}

@depends on patch@
identifier entity, sched, fence;
@@
 drm_sched_entity_add_dependency_cb(struct drm_sched_entity *entity, ...)
 {
	struct drm_gpu_scheduler *sched = entity->rq->sched;
	struct dma_fence *fence = entity->dependency;
	...
-	if (!dma_fence_add_callback(entity->dependency, &entity->cb,
-				    drm_sched_entity_wakeup))
+	if (!dma_fence_add_work(fence, &entity->cb, sched->submit_wq, &sched->work_run_job))
		return true;
	...
 }

@depends on patch@
identifier entity, job;
@@
 drm_sched_entity_pop_job(struct drm_sched_entity *entity)
 {
	...
	job = drm_sched_entity_queue_peek(entity);
	if (!job)
		return NULL;
+
+	/* It has signalled, or we would not be here. */
+	drm_sched_entity_drop_dependency(entity);
	while (...) { ... }
	...
 }
