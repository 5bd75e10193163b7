// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// files: drivers/usb/gadget/function/f_fs.c
//
// Fences are looked at under RCU by whoever finds them in a reservation object,
// and by the core around the signal and the final put. Free them accordingly, and let
// them use the lock that every fence comes with: theirs was in memory that may go
// before, and was used for nothing else.

@@
identifier fn = ffs_dmabuf_fence_release, f;
@@
 fn(...)
 {
	...
-	kfree(f);
+	kfree_rcu(f, base.rcu);
 }

@@
@@
 struct ffs_dmabuf_priv {
	...
-	spinlock_t lock;
	...
 };

@@
expression priv;
@@
 ffs_dmabuf_attach(...)
 {
	<...
-	spin_lock_init(&priv->lock);
	...>
 }

@@
expression priv;
@@
 dma_fence_init(...,
-	&priv->lock,
+	NULL,
	...)
