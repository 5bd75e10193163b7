// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// files: drivers/dma-buf/sync_file.c drivers/dma-buf/dma-resv.c
// files: drivers/gpu/drm/drm_syncobj.c
//
// Where fences are put for others to find CONFIG_DMA_FENCE_DEBUG begins to watch them,
// see dma-fence-track.c. Without it these are nothing.

@@
identifier fn = sync_file_create;
expression f;
@@
 fn(...)
 {
	<...
	sync_file->fence = dma_fence_get(f);
+	dma_fence_debug_exported(f);
	...>
 }

@@
identifier fn = dma_resv_add_fence;
identifier fence;
@@
 fn(..., struct dma_fence *fence, ...)
 {
	...
	dma_fence_get(fence);
+	dma_fence_debug_published(fence);
	...
 }

@@
identifier fn = drm_syncobj_add_point;
identifier fence;
@@
 fn(..., struct dma_fence *fence, ...)
 {
	...
	dma_fence_get(fence);
+	dma_fence_debug_published(fence);
	...
 }

@@
identifier fn = drm_syncobj_replace_fence;
identifier fence;
@@
 fn(..., struct dma_fence *fence)
 {
	...
	if (fence)
		dma_fence_get(fence);
+	dma_fence_debug_published(fence);
	...
 }
