// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// files: drivers/usb/gadget/function/f_fs.c
//
// Fences are looked at under RCU by whoever finds them in a reservation object,
// and by the core around the final put. Free them accordingly.

@@
identifier fn = ffs_dmabuf_fence_release, f;
@@
 fn(...)
 {
	...
-	kfree(f);
+	kfree_rcu(f, base.rcu);
 }
