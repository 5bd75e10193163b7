// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// files: drivers/dma-buf/sw_sync.c
//
// The timeline's list holds no references, and a fence stays on it from its last
// put until its release has got the timeline's lock. Whoever advances the
// timeline in between must leave such a fence alone.

@@
identifier fn = sync_timeline_signal;
identifier pt;
@@
 fn(...)
 {
	<...
-	dma_fence_get(&pt->base);
+	if (!dma_fence_get_rcu(&pt->base))
+		continue;
	...>
 }
