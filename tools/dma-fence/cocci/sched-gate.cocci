// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch --smpl-spacing
// files: drivers/gpu/drm/scheduler/sched_main.c
//
// A stopped scheduler is kept from running jobs, and from freeing them, by whoever
// would queue the work: he looks whether it is stopped first. One that has looked
// just before the stop queues it afterwards, in the middle of a reset; and a fence
// that queues the work by itself does not look at all.
//
// Let the two works look. What they leave undone is made up for: starting the
// scheduler clears the flag and then queues both, and a work that was queued already
// sees the flag cleared, for queue_work() orders against it even in vain.
//
// Once the scheduler goes, nothing may queue them any more: its run queues are
// freed, and so is the workqueue. Disabled work ignores whoever wants to, a timeout
// handler that restarts the scheduler at that moment included.

virtual patch
virtual report

@depends on report@
identifier fn = {drm_sched_free_job_work, drm_sched_run_job_work};
@@
*fn(...)
 {
	...
 }

@depends on patch@
identifier w, sched, job;
@@
 static void drm_sched_free_job_work(struct work_struct *w)
 {
	struct drm_gpu_scheduler *sched = ...;
-	struct drm_sched_job *job;
+	struct drm_sched_job *job;
+
+	/* Who has queued it may have looked before the stop. */
+	if (drm_sched_is_stopped(sched))
+		return;
	...
 }

@depends on patch@
identifier w, sched, r;
@@
 static void drm_sched_run_job_work(struct work_struct *w)
 {
	struct drm_gpu_scheduler *sched = ...;
	...
-	int r;
+	int r;
+
+	/* A fence that has queued it does not look at all. */
+	if (drm_sched_is_stopped(sched))
+		return;
	...
 }

@depends on patch@
identifier sched;
@@
 void drm_sched_fini(struct drm_gpu_scheduler *sched)
 {
	...
	drm_sched_wqueue_stop(sched);
+	/* Callbacks, and a timeout handler, may still want to queue them. */
+	disable_work_sync(&sched->work_run_job);
+	disable_work_sync(&sched->work_free_job);
	...
 }
