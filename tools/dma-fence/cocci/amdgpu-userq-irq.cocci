// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch
// files: drivers/gpu/drm/amd/amdgpu/amdgpu_userq_fence.h drivers/gpu/drm/amd/amdgpu/amdgpu_userq_fence.c drivers/gpu/drm/amd/amdgpu/amdgpu_userq.c
//
// The interrupt of a user queue signals under the lock of the device's table of
// doorbells. What arrays and chains call ran in another interrupt once, without it,
// and had better not get an order with it now.

virtual patch
virtual report

@depends on report@
@@
*amdgpu_userq_fence_driver_process(...)

@depends on patch@
identifier fence_drv;
@@
 int amdgpu_userq_fence_driver_process(struct amdgpu_userq_fence_driver *fence_drv
+	, struct dma_fence_batch *batch
 );

@depends on patch@
identifier fence_drv;
expression fence;
@@
 int amdgpu_userq_fence_driver_process(struct amdgpu_userq_fence_driver *fence_drv
+	, struct dma_fence_batch *batch
 )
 {
	<...
-	dma_fence_signal(fence)
+	dma_fence_batch_signal_unlocked(batch, fence)
	...>
 }

@depends on patch@
identifier fn = amdgpu_userq_process_fence_irq;
expression xa, flags;
expression fence_drv;
@@
 fn(...)
 {
+	DEFINE_DMA_FENCE_BATCH(batch);
	...
	xa_lock_irqsave(xa, flags);
	<...
	amdgpu_userq_fence_driver_process(fence_drv
+		, &batch
	)
	...>
	xa_unlock_irqrestore(xa, flags);
+	dma_fence_batch_deliver(&batch);
	...
 }

@depends on patch@
identifier fn = amdgpu_userq_fence_driver_force_completion;
expression fence_drv;
@@
 fn(...)
 {
+	DEFINE_DMA_FENCE_BATCH(batch);
	...
	if (...) {
		...
	amdgpu_userq_fence_driver_process(fence_drv
+		, &batch
	);
+	dma_fence_batch_deliver(&batch);
	}
	...
 }

@depends on patch@
@@
 #include <linux/types.h>
+#include <linux/dma-fence-batch.h>
