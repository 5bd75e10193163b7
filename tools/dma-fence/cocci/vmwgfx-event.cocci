// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// files: drivers/gpu/drm/vmwgfx/vmwgfx_fence.c
//
// The event callback re-enabled interrupts on its way out. It is called with
// them off, and from process context too when the fence had signalled already.

@@
identifier fn = vmw_event_fence_action_seq_passed;
expression lock;
@@
 fn(...)
 {
+	unsigned long flags;
	...
-	spin_lock_irq(lock);
+	spin_lock_irqsave(lock, flags);
	...
-	spin_unlock_irq(lock);
+	spin_unlock_irqrestore(lock, flags);
	...
 }
