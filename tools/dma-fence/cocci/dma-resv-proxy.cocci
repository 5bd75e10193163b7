// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// files: drivers/dma-buf/dma-resv.c
//
// Containers do not belong into a reservation object, because what is in them can be
// added instead. A proxy cannot be replaced like that, and counts as a plain fence.

@@
identifier fn = dma_resv_add_fence;
expression fence;
@@
 fn(...)
 {
	<...
-	WARN_ON(dma_fence_is_container(fence));
+	WARN_ON(dma_fence_is_array(fence) || dma_fence_is_chain(fence));
	...>
 }
