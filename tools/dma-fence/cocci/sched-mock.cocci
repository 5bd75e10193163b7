// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch
// files: drivers/gpu/drm/scheduler/tests/mock_scheduler.c
//
// The mock scheduler signals the fences of its jobs under its own lock: those that
// a timer or the test finds finished, and those that have timed out or are
// cancelled. It fills a batch there and delivers when the lock is gone. As before,
// a job is complete for the test when the callbacks have run; the lists that were
// declared for such a thing, and never used, hold the jobs until then.
//
// The jobs are kept for as long by sched-mock-free.cocci, which comes first: each
// of them belongs to the scheduler of the timer that delivers, and the teardown
// of that waits for its timers.
//
// A job that has timed out may have been signalled by the timer, which has not
// delivered yet, so its callbacks are waited for before it is cleaned up.

virtual patch
virtual report

@depends on report@
@@
(
*dma_fence_signal_locked(...)
|
*dma_fence_is_signaled_locked(...)
)

@depends on patch@
@@
 #include <kunit/device.h>
+#include <linux/dma-fence-batch.h>

@depends on patch@
identifier job;
@@
-static void drm_mock_sched_job_complete(struct drm_mock_sched_job *job)
+static void drm_mock_sched_job_complete(struct drm_mock_sched_job *job,
+					struct dma_fence_batch *batch,
+					struct list_head *done)
 {
	...
-	list_del(&job->link);
-	dma_fence_signal_locked(&job->hw_fence);
-	complete(&job->done);
+	list_move_tail(&job->link, done);
+	dma_fence_batch_signal(batch, &job->hw_fence);
 }

@depends on patch@
identifier timer;
@@
+static void drm_mock_sched_deliver(struct dma_fence_batch *batch, struct list_head *done)
+{
+	struct drm_mock_sched_job *job;
+
+	dma_fence_batch_deliver(batch);
+	while (!list_empty(done)) {
+		job = list_first_entry(done, struct drm_mock_sched_job, link);
+		list_del_init(&job->link);
+		complete(&job->done);
+	}
+}
+
 static enum hrtimer_restart drm_mock_sched_job_signal_timer(struct hrtimer *timer)
 {
	...
 }

@depends on patch@
identifier fn = {drm_mock_sched_job_signal_timer, drm_mock_sched_advance}, flags, signal;
expression lock, job;
declarer name LIST_HEAD;
declarer name DEFINE_DMA_FENCE_BATCH;
iterator name list_for_each_entry_safe;
@@
 fn(...)
 {
	...
	LIST_HEAD(signal);
+	DEFINE_DMA_FENCE_BATCH(batch);
	...
	list_for_each_entry_safe(...) {
	...
-	drm_mock_sched_job_complete(job);
+	drm_mock_sched_job_complete(job, &batch, &signal);
	...
	}
	...
	spin_unlock_irqrestore(lock, flags);
+	drm_mock_sched_deliver(&batch, &signal);
	...
 }

@depends on patch@
identifier fn = {mock_sched_timedout_job, mock_sched_cancel_job}, flags;
expression lock, job;
declarer name DEFINE_DMA_FENCE_BATCH;
@@
 fn(...)
 {
	...
	unsigned long flags;
+	DEFINE_DMA_FENCE_BATCH(batch);
	... when any
	spin_lock_irqsave(lock, flags);
-	if (!dma_fence_is_signaled_locked(&job->hw_fence)) {
+	if (!dma_fence_test_signaled_flag(&job->hw_fence)) {
	...
-	dma_fence_signal_locked(&job->hw_fence);
+	dma_fence_batch_signal(&batch, &job->hw_fence);
	}
	spin_unlock_irqrestore(lock, flags);
+	dma_fence_batch_deliver(&batch);
	...
 }

@depends on patch@
identifier fn = mock_sched_timedout_job;
expression job;
@@
 fn(...)
 {
	...
	dma_fence_batch_deliver(...);
+	/* Somebody else may have signalled it, and deliver still. */
+	dma_fence_flush_callbacks(&job->hw_fence);
	...
	drm_mock_sched_job_free(job);
	...
 }
