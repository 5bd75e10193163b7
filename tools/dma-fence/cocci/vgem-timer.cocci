// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch
// files: drivers/gpu/drm/vgem/vgem_fence.c
//
// The timer of a vgem fence signalled it without a reference. When a callback, or
// whoever was waiting on another CPU, dropped the last one meanwhile, the release
// waited for the timer, which is to wait for ever where the timer is what calls
// the callback.
//
// Take a reference. The release may now run in the timer, so it cannot wait for
// it. It need not: either the timer has its reference, and there is no release
// before it is through with the fence; or it finds the last reference gone and
// returns, which it does with interrupts disabled, in one RCU read-side section
// from looking up the fence. The fence is freed after a grace period, and so is
// the module's text.
//
// The lock of the fence was its own, and is now the one that it comes with.

virtual patch
virtual report

@depends on report@
@@
*timer_delete_sync(...)

@depends on patch@
identifier fence;
@@
 vgem_fence_timeout(...)
 {
	...
-	dma_fence_signal(&fence->base);
+	/* Its release may be under way, on another CPU. */
+	if (dma_fence_get_rcu(&fence->base)) {
+		dma_fence_signal(&fence->base);
+		dma_fence_put(&fence->base);
+	}
 }

@depends on patch@
@@
 vgem_fence_release(...)
 {
	...
-	timer_delete_sync
+	/* Not to wait for: it may be the caller. */
+	timer_delete
	(...);
	...
 }

@depends on patch@
identifier lock;
@@
 struct vgem_fence {
	...
-	struct spinlock lock;
	...
 };

@depends on patch@
expression fence;
@@
-	spin_lock_init(&fence->lock);
	dma_fence_init(&fence->base, ...,
-	&fence->lock,
+	NULL,
	...);
