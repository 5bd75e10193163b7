// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// files: drivers/gpu/drm/i915/i915_active.c drivers/gpu/drm/i915/selftests/i915_active.c
//
// An active slot moves its callback from the previous fence to the new one. It
// unlinked the callback from the previous fence's list by hand, under that
// fence's lock, which no longer excludes a delivery: the callback may sit on a
// list that has been claimed, or be running. Removing it through the core
// settles both. Whatever the answer, the callback is on no list afterwards and
// does not run: the slot names another fence by then (or none, in the
// selftest), so a late run loses its cmpxchg and changes nothing.

@@
identifier fn = __i915_active_fence_set;
expression active, prev;
@@
 fn(...)
 {
	<...
-	__list_del_entry(&active->cb.node);
+	/* Also when prev has signalled and has not called us yet. */
+	dma_fence_remove_callback_locked(prev, &active->cb);
	...
	spin_unlock(dma_fence_spinlock(prev));
	...>
 }

@@
identifier fn = active_flush;
expression active, fence;
@@
 fn(...)
 {
	<...
-	spin_lock_irq(dma_fence_spinlock(fence));
-	__list_del_entry(&active->cb.node);
-	spin_unlock_irq(dma_fence_spinlock(fence));
+	dma_fence_remove_callback(fence, &active->cb);
	...>
 }
