// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch
// files: drivers/gpu/drm/panfrost/panfrost_job.c
// needs: include/linux/dma-fence-batch.h
//
// What is done to the job slots is done under their lock, which is that of the
// fences. It can signal several of them, so they are collected, and delivered each
// time that the lock is dropped.
//
// Safe because an error is set before the fence is signalled, as it was, and
// nothing that came after the signal under the lock depends on its callbacks: the
// power reference, and the fault that is reported to the scheduler, whose work
// waits for the scheduler's own. The scheduler's callback, after which the job may be
// freed, is called when the lock is gone and nobody looks at the job any more. The
// reset handles what interrupts have left, and finds the callbacks delivered when
// that returns.

virtual patch
virtual report

@depends on report@
@@
*dma_fence_signal_locked(...)

@depends on patch@
@@
+#include <linux/dma-fence-batch.h>
#include <linux/dma-resv.h>

@depends on patch@
identifier fn = {panfrost_job_handle_err, panfrost_jm_handle_done};
identifier pfdev, job;
@@
 fn(struct panfrost_device *pfdev,
-	struct panfrost_job *job
+	struct dma_fence_batch *batch, struct panfrost_job *job
	, ...)
 {
	<...
-	dma_fence_signal_locked(job->done_fence);
+	dma_fence_batch_signal(batch, job->done_fence);
	...>
 }

@depends on patch@
identifier pfdev, status;
expression job, js;
@@
 panfrost_jm_handle_irq(struct panfrost_device *pfdev,
-	u32 status
+	struct dma_fence_batch *batch, u32 status
	)
 {
	<...
(
-	panfrost_job_handle_err(pfdev, job, js)
+	panfrost_job_handle_err(pfdev, batch, job, js)
|
-	panfrost_jm_handle_done(pfdev, job)
+	panfrost_jm_handle_done(pfdev, batch, job)
)
	...>
 }

@depends on patch@
expression pfdev, lock, status;
@@
 panfrost_jm_handle_irqs(...)
 {
+	DEFINE_DMA_FENCE_BATCH(batch);
	...
	while (status) {
	...
-	panfrost_jm_handle_irq(pfdev, status);
+	panfrost_jm_handle_irq(pfdev, &batch, status);
	spin_unlock(lock);
+	dma_fence_batch_deliver(&batch);
	...
	}
 }
