// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch --smpl-spacing
// files: drivers/gpu/drm/scheduler/tests/sched_tests.h
// files: drivers/gpu/drm/scheduler/tests/mock_scheduler.c
//
// The mock scheduler and its jobs are freed with the test. Two things may still use
// them by then.
//
// The timer of a job was cancelled when its fence was released: by the timer itself,
// which then waits for its own end, if the last reference went there; and too late
// if somebody else had one. Cancel it when the job is freed, which drm_sched_fini()
// waits for; or cleaned up after a timeout, which it waits for as well.
//
// Jobs that an entity has killed are freed by work items, one after the other, and
// nobody waited for those. Count the jobs that are to be freed, and let the teardown
// wait for the last of them. A job that was killed has no fence to be put.

virtual patch
virtual report

@depends on report@
expression job;
@@
(
*hrtimer_cancel(...)
|
*drm_sched_job_cleanup(...)
)

@depends on patch@
@@
 #include <linux/types.h>
+#include <linux/wait_bit.h>

@depends on patch@
@@
 struct drm_mock_scheduler {
	...
	struct list_head job_list;
+
+	/** @live: jobs that were submitted and not freed so far */
+	atomic_t live;
	...
 };

@depends on patch@
identifier job;
@@
 drm_mock_sched_job_submit(struct drm_mock_sched_job *job)
 {
	drm_sched_job_arm(&job->base);
+	atomic_inc(&drm_sched_to_mock_sched(job->base.sched)->live);
	...
 }

@depends on patch@
identifier fence, job;
@@
 static void drm_mock_sched_hw_fence_release(struct dma_fence *fence)
 {
-	struct drm_mock_sched_job *job = container_of(fence, typeof(*job), hw_fence);
-
-	hrtimer_cancel(&job->timer);
 }

@depends on patch@
identifier fn = {mock_sched_timedout_job, mock_sched_free_job}, sched_job;
@@
 fn(...)
 {
	...
-	dma_fence_put(&job->hw_fence);
-	drm_sched_job_cleanup(sched_job);
+	drm_mock_sched_job_free(job);
	...
 }

@depends on patch@
identifier sched_job;
@@
+/* Afterwards neither the scheduler nor a timer knows the job. */
+static void drm_mock_sched_job_free(struct drm_mock_sched_job *job)
+{
+	struct drm_mock_scheduler *sched = drm_sched_to_mock_sched(job->base.sched);
+
+	hrtimer_cancel(&job->timer);
+	/* There is none before the job has run. */
+	if (dma_fence_was_initialized(&job->hw_fence))
+		dma_fence_put(&job->hw_fence);
+	drm_sched_job_cleanup(&job->base);
+	if (atomic_dec_and_test(&sched->live))
+		wake_up_var(&sched->live);
+}
+
 static enum drm_gpu_sched_stat mock_sched_timedout_job(struct drm_sched_job *sched_job)
 {
	...
 }

@depends on patch@
identifier sched;
@@
 drm_mock_sched_fini(struct drm_mock_scheduler *sched)
 {
+	long left;
+
	drm_sched_fini(...);
+	left = wait_var_event_timeout(&sched->live, !atomic_read(&sched->live), 5 * HZ);
+	KUNIT_EXPECT_NE(sched->test, left, 0);
 }
