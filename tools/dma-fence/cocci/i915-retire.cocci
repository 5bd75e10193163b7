// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// files: drivers/gpu/drm/i915/i915_request.c
//
// Retirement signals a request that nobody waited for, and goes on to drop what
// the request's callbacks rely on. The locked form leaves the callbacks to be
// run later, by an interrupt or a thread; the plain one has run them by the time
// it returns (but for PREEMPT_RT, where a thread runs all of them). rq->lock is
// the fence's own lock, was taken for this call only, and protects nothing else
// here.

@@
expression rq;
@@
-if (!i915_request_signaled(rq)) {
-	spin_lock_irq(&rq->lock);
-	dma_fence_signal_locked(&rq->fence);
-	spin_unlock_irq(&rq->lock);
-}
+if (!i915_request_signaled(rq))
+	dma_fence_signal(&rq->fence);
