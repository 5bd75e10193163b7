// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// options: --smpl-spacing
// files: include/drm/gpu_scheduler.h drivers/gpu/drm/scheduler/sched_entity.c
//
// Tearing an entity down removed the callback of its dependency only if the
// callback had not cleared the dependency yet, so a callback that had, but was
// still about to wake the scheduler, touched a freed entity; and one that was
// just putting the dependency could free the fence under the remover's hands.
//
// Remember the fence that the callback was armed on, with a reference of our
// own, and settle on that. The dependency's own reference stays with the
// callback, or goes to the remover if the callback never ran.

@@
@@
 struct drm_sched_entity {
	...
	struct dma_fence_cb cb;
+
+	/**
+	 * @cb_fence:
+	 *
+	 * The fence that @cb was last added to, until it is known that @cb has
+	 * finished. Unlike @dependency it is not cleared by @cb itself.
+	 */
+	struct dma_fence *cb_fence;
	...
 };

@@
identifier w;
@@
+/*
+ * Returns when drm_sched_entity_wakeup() neither runs nor will run for @entity.
+ * Only for whoever may change the entity's dependency: the run job work, and
+ * teardown once that is done with the entity.
+ */
+static void drm_sched_entity_settle_cb(struct drm_sched_entity *entity)
+{
+	if (!entity->cb_fence)
+		return;
+	if (dma_fence_remove_callback(entity->cb_fence, &entity->cb)) {
+		/* It did not run, so its reference is still there. */
+		dma_fence_put(entity->dependency);
+		entity->dependency = NULL;
+	}
+
+	dma_fence_put(entity->cb_fence);
+	entity->cb_fence = NULL;
+}
+
 static void drm_sched_entity_kill_jobs_work(struct work_struct *w)
 {
	...
 }

@@
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
+	drm_sched_entity_settle_cb(entity);
	...
 }

@@
identifier entity;
@@
 drm_sched_entity_add_dependency_cb(struct drm_sched_entity *entity, ...)
 {
	...
-	if (!dma_fence_add_callback(entity->dependency, &entity->cb,
-				    drm_sched_entity_wakeup))
-		return true;
-
-	dma_fence_put(entity->dependency);
+	/* The callback may have put the dependency before we are back. */
+	fence = dma_fence_get(entity->dependency);
+	if (!dma_fence_add_callback(fence, &entity->cb, drm_sched_entity_wakeup)) {
+		entity->cb_fence = fence;
+		return true;
+	}
+
+	dma_fence_put(fence);
+	dma_fence_put(entity->dependency);
	return false;
 }

@@
identifier entity, job;
@@
 drm_sched_entity_pop_job(struct drm_sched_entity *entity)
 {
	...
	job = drm_sched_entity_queue_peek(entity);
	if (!job)
		return NULL;
+
+	/* It has cleared the dependency, but may not have returned yet. */
+	drm_sched_entity_settle_cb(entity);
	while (...) { ... }
	...
 }
