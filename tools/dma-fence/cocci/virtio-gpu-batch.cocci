// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch --smpl-spacing
// files: drivers/gpu/drm/virtio/virtgpu_fence.c
// needs: include/linux/dma-fence-batch.h
//
// Fences are signalled in a batch, which is delivered when the driver's lock is
// gone. So are the events sent that user space has asked for, under the lock of
// the device's events, which was nested in the driver's.
//
// Safe because the fences that have signalled are moved to a list of the caller's
// under the lock, where nobody else looks for them, and the references that the
// driver's list had go after the delivery. Callbacks still precede the event of
// their fence. One work item is all that comes here, and teardown flushes it, so
// neither the order of the events nor the life of the device has to do with the
// lock; and whoever goes on when he sees a fence signalled does not look at its
// event, which is the fence's from the moment when it has been emitted.

virtual patch
virtual report

@depends on report@
@@
(
*dma_fence_signal_locked(...)
|
*drm_send_event(...)
)

@depends on patch@
@@
+#include <linux/dma-fence-batch.h>
#include <trace/events/dma_fence.h>

@depends on patch@
expression dev, fence;
@@
-	dma_fence_signal_locked(&fence->f);
-	if (fence->e) {
-		drm_send_event(dev, &fence->e->base);
-		fence->e = NULL;
-	}
-	list_del(&fence->node);
-	dma_fence_put(&fence->f);
+	dma_fence_batch_signal(&batch, &fence->f);
+	list_move_tail(&fence->node, &done);

@depends on patch@
iterator name list_for_each_entry_safe;
identifier vgdev;
expression lock, flags;
@@
 virtio_gpu_fence_event_process(struct virtio_gpu_device *vgdev, ...)
 {
+	DEFINE_DMA_FENCE_BATCH(batch);
+	LIST_HEAD(done);
	...
	spin_unlock_irqrestore(lock, flags);
+
+	/* Those who wait are told before those who have asked for an event. */
+	dma_fence_batch_deliver(&batch);
+	list_for_each_entry_safe(curr, tmp, &done, node) {
+		if (curr->e)
+			drm_send_event(vgdev->ddev, &curr->e->base);
+		curr->e = NULL;
+		list_del(&curr->node);
+		dma_fence_put(&curr->f);
+	}
 }
