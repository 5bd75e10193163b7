// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// options: --smpl-spacing
// files: drivers/gpu/drm/scheduler/sched_main.c drivers/gpu/drm/scheduler/tests/mock_scheduler.c
//
// A driver that signals a job's hardware fence under its own lock leaves the
// scheduler's callback to be run after the unlock. The callback uses the job and
// the scheduler, so it has to be through before either goes: once a remaining
// job is cancelled, when a finished job is freed, after which nobody keeps the
// scheduler from going, when the scheduler is torn down with jobs that nobody has
// freed yet, and when the mock driver cleans up a job that has timed out.
//
// The mock scheduler and its jobs are freed with the test, soon after the last
// job was marked as done; the timer or callback that did so may still hold the
// scheduler's lock or use the job. Wait for it.

@@
expression sched, job;
@@
-sched->ops->cancel_job(job);
+sched->ops->cancel_job(job);
+/* The job's own callback may still be owed; free_job() comes next. */
+if (job->s_fence->parent)
+	dma_fence_flush_callbacks(job->s_fence->parent);

@@
identifier job;
expression sched;
@@
 drm_sched_free_job_work(...)
 {
	...
	while (...) {
	...
+	/* The callback that finished it has more to do with the scheduler. */
+	if (job->s_fence->parent)
+		dma_fence_flush_callbacks(job->s_fence->parent);
	sched->ops->free_job(job);
	}
	...
 }

@@
iterator name list_for_each_entry;
expression sched;
@@
 drm_sched_fini(...)
 {
+	struct drm_sched_job *job;
	...
	cancel_delayed_work_sync(&sched->work_tdr);
+	/* One that has looked before the stop may still queue it. */
+	disable_work_sync(&sched->work_free_job);
+	/* Callbacks that are still owed come here: see drm_sched_job_done_cb(). */
+	list_for_each_entry(job, &sched->pending_list, list)
+		if (job->s_fence->parent)
+			dma_fence_flush_callbacks(job->s_fence->parent);
	...
 }

@@
identifier fn = mock_sched_timedout_job;
expression job, lock, flags;
@@
 fn(...)
 {
	...
	spin_lock_irqsave(lock, flags);
	...
	spin_unlock_irqrestore(lock, flags);
+
+	/* Ours included, which uses the job that is cleaned up below. */
+	dma_fence_flush_callbacks(&job->hw_fence);

	dma_fence_put(&job->hw_fence);
	...
 }

@@
identifier sched;
@@
 drm_mock_sched_fini(struct drm_mock_scheduler *sched)
 {
	drm_sched_fini(...);
+	/* Timers and deliveries run with preemption off. */
+	synchronize_rcu();
 }
