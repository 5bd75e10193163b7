// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// files: drivers/gpu/drm/vgem/vgem_fence.c
//
// The timer signals the fence without a reference, so a callback that puts its own may
// be the last, and the release then waits for the timer that it runs in. Have the timer
// keep the fence, unless that is on its way out: then the memory is there until the
// handler has returned, which is an RCU read-side section, and is left alone.

@@
identifier fn = vgem_fence_release;
expression timer;
@@
 fn(...)
 {
	<...
-	timer_delete_sync(timer);
+	timer_delete(timer);
	...>
 }

@@
identifier fn = vgem_fence_timeout;
expression f;
@@
 fn(...)
 {
	...
-	dma_fence_signal(f);
+	if (!dma_fence_get_rcu(f))
+		return;
+	dma_fence_signal(f);
+	dma_fence_put(f);
 }
