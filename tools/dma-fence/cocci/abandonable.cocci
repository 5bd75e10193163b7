// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// files: drivers/dma-buf/sw_sync.c drivers/gpu/drm/vmwgfx/vmwgfx_fence.c
//
// Fences of these are on a list without references, and are taken off by their
// release: one that nobody wants any more goes unsignalled. That is no lost signal.

@@
expression fence;
@@
	dma_fence_init(fence, &timeline_fence_ops, ...);
+	dma_fence_debug_abandonable(fence);

@@
expression fence;
@@
	dma_fence_init(fence, &vmw_fence_ops, ...);
+	dma_fence_debug_abandonable(fence);
