// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// files: drivers/gpu/drm/amd/amdgpu/amdgpu_userq_fence.c
//
// Forcing a queue's completion marked the last fence as failed unless it had
// signalled, holding the lock of the fence list, where the fence's own lock is
// what makes the two steps one and what the test needs when it finds that the
// hardware is done: it signals the fence. The list is not looked at here.

@@
identifier fn = amdgpu_userq_fence_driver_set_error;
identifier fence, fence_drv, f, flags;
@@
 fn(struct amdgpu_userq_fence *fence, ...)
 {
-	struct amdgpu_userq_fence_driver *fence_drv = fence->fence_drv;
	...
-	spin_lock_irqsave(&fence_drv->fence_list_lock, flags);
+	dma_fence_lock_irqsave(f, flags);
-	f = rcu_dereference_protected(...);
	if (
-	    f &&
	    !dma_fence_is_signaled_locked(f)) { ... }
-	spin_unlock_irqrestore(&fence_drv->fence_list_lock, flags);
+	dma_fence_unlock_irqrestore(f, flags);
 }

@@
identifier fn = amdgpu_userq_fence_driver_set_error;
identifier fence, f;
@@
 fn(struct amdgpu_userq_fence *fence, ...)
 {
	...
-	struct dma_fence *f;
+	struct dma_fence *f = &fence->base;
	...
 }
