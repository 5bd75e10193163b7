// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// files: drivers/gpu/drm/i915/gt/intel_breadcrumbs.c
//
// Requests are signalled here without the core, callbacks and all. Whoever is
// called may free his callback, so CONFIG_DMA_FENCE_DEBUG must forget it before.

@@
identifier fn = __dma_fence_signal__notify;
identifier f;
expression cur;
@@
 fn(struct dma_fence *f, ...)
 {
	<...
	INIT_LIST_HEAD(&cur->node);
+	dma_fence_debug_called(f, cur);
	...>
 }
