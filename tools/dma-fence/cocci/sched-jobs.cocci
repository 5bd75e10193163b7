// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch --smpl-spacing
// files: drivers/gpu/drm/scheduler/sched_main.c
//
// The callback on a job's hardware fence stays a function. It gives back the job's
// credits, emits a trace event that user space relies on, passes the error on,
// signals the finished fence and has the job freed, in this order. Of these the
// kinds could do the signal and the work. But a work item that gave the credits
// back would do so in the order in which jobs are freed, that of their submission,
// and a ring that completes out of order would run dry; and the event would tell
// the time of the work. So it is kept, short as it is, under the contract.
//
// That contract: the callback runs once or drm_sched_stop() has removed it, so the
// credits come back once, and a removal that says no has waited for it, so it may
// be armed again and the job may be freed. A removal that says yes may have taken it
// back from a fence that has signalled and was about to call: such a job is done, and
// must not be cancelled or run again, so that drm_sched_stop() completes it itself. Elsewhere nobody removes it. A driver
// that signals hardware fences under its own lock leaves it to be run after the
// unlock, so it has to be waited for before what it uses goes: the job, once it was
// cancelled; the scheduler, which it uses after the finished fence has signalled,
// so when that has led to the job being freed, and when the scheduler is torn down
// with jobs that nobody has freed yet.

virtual patch
virtual report

@depends on report@
expression sched, job;
@@
(
*dma_fence_remove_callback(...)
|
*sched->ops->free_job(job)
|
*sched->ops->cancel_job(job)
)

@depends on patch@
identifier j;
@@
+/* Returns when drm_sched_job_done_cb() is through with @job and its scheduler. */
+static void drm_sched_job_settle_cb(struct drm_sched_job *job)
+{
+	if (job->s_fence->parent)
+		dma_fence_flush_callbacks(job->s_fence->parent);
+}
+
 static void drm_sched_job_begin(struct drm_sched_job *j)
 {
	...
 }

@depends on patch@
expression sched, job;
@@
 sched->ops->cancel_job(job);
+drm_sched_job_settle_cb(job);

@depends on patch@
expression sched, job;
@@
 drm_sched_free_job_work(...)
 {
	<...
+	drm_sched_job_settle_cb(job);
	sched->ops->free_job(job);
	...>
 }

@depends on patch@
iterator name list_for_each_entry;
expression sched;
@@
 drm_sched_fini(...)
 {
+	struct drm_sched_job *job;
	...
	cancel_delayed_work_sync(&sched->work_tdr);
+	/* Those that have signalled may still owe their callback. */
+	list_for_each_entry(job, &sched->pending_list, list)
+		drm_sched_job_settle_cb(job);
	...
 }

@depends on patch@
typedef bool;
@@
+/*
+ * Take back the callback of a job that is to be run again. False when the hardware
+ * was quicker: the job is done then.
+ */
+static bool drm_sched_job_remove_cb(struct drm_sched_job *job)
+{
+	struct dma_fence *parent = job->s_fence->parent;
+
+	if (!parent || !dma_fence_remove_callback(parent, &job->cb))
+		return false;
+	if (!dma_fence_test_signaled_flag(parent))
+		return true;
+
+	/* Signalled, and the callback was still owed. */
+	drm_sched_job_done(job, parent->error);
+	return false;
+}
+
 drm_sched_stop(...)
 {
	...
 }

@depends on patch@
expression job;
@@
 drm_sched_stop(...)
 {
	<...
-	job->s_fence->parent && dma_fence_remove_callback(job->s_fence->parent, &job->cb)
+	drm_sched_job_remove_cb(job)
	...>
 }
