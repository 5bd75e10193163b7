// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch
// files: include/linux/host1x.h drivers/gpu/host1x/fence.h drivers/gpu/host1x/fence.c drivers/gpu/host1x/intr.c drivers/gpu/host1x/hw/channel_hw.c drivers/gpu/host1x/job.c
// needs: include/linux/dma-fence-batch.h include/linux/dma-fence-cb.h
//
// The interrupt of a syncpoint signals the fences it has passed in a batch, which
// is delivered when the lock of its list is dropped. When the fence of a job
// signals, the work item of the channel is queued by the kind of callback that does
// so.
//
// Safe because the interrupt takes a fence off the list under the lock, as it did,
// which is how the timeout knows whom the list's reference belongs to. It may go on
// dropping that under the lock: fences have no release of their own, and the batch
// has a reference on those that owe callbacks. The work item is the channel's, which
// outlives its jobs; so a job still has nothing to cancel. It removes its callback
// before it is freed, and may do so while it holds the lock that the worker takes,
// since to queue work needs none of the driver's.

virtual patch
virtual report

@depends on report@
@@
(
*dma_fence_signal_locked(...)
|
*dma_fence_add_callback(...)
)

@depends on patch@
@@
#include <linux/dma-direction.h>
+#include <linux/dma-fence-cb.h>

@depends on patch@
@@
 struct host1x_job {
	...
-	struct dma_fence_cb fence_cb;
+	struct dma_fence_cb_work fence_cb;
	...
 };

@depends on patch@
@@
+#include <linux/dma-fence-batch.h>
#include <linux/file.h>

@depends on patch@
@@
-void host1x_fence_signal(struct host1x_syncpt_fence *fence);
+void host1x_fence_signal(struct dma_fence_batch *batch, struct host1x_syncpt_fence *fence);

@depends on patch@
@@
+struct dma_fence_batch;
+
 struct host1x_fence_list { ... };

@depends on patch@
identifier f;
@@
 host1x_fence_signal(
-	struct host1x_syncpt_fence *f
+	struct dma_fence_batch *batch, struct host1x_syncpt_fence *f
	)
 {
	...
-	dma_fence_signal_locked(&f->base);
+	dma_fence_batch_signal(batch, &f->base);
	...
 }

@depends on patch@
@@
+#include <linux/dma-fence-batch.h>
#include <linux/interrupt.h>

@depends on patch@
expression lock, fence;
@@
 host1x_intr_handle_interrupt(...)
 {
+	DEFINE_DMA_FENCE_BATCH(batch);
	<...
-	host1x_fence_signal(fence);
+	host1x_fence_signal(&batch, fence);
	...>
	spin_unlock(lock);
+	dma_fence_batch_deliver(&batch);
 }

@work depends on patch@
identifier fn, job, ch;
@@
 channel_submit(struct host1x_job *job)
 {
	...
	struct host1x_channel *ch = job->channel;
	<...
-	dma_fence_add_callback(job->fence, &job->fence_cb, fn)
+	dma_fence_add_work(job->fence, &job->fence_cb, system_percpu_wq, &ch->cdma.update_work)
	...>
 }

@depends on patch@
identifier work.fn;
@@
-fn(...) { ... }

@depends on patch@
identifier job;
@@
 dma_fence_remove_callback(job->fence,
-	&job->fence_cb
+	&job->fence_cb.base
	)
