// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch --smpl-spacing
// files: drivers/gpu/drm/panthor/panthor_sched.c
// needs: include/linux/dma-fence-batch.h
//
// The fences of a queue share the lock of its list of jobs in flight, which both
// places that take jobs off it hold while they signal. Have them collect, and
// deliver when the lock is dropped.
//
// Safe because the jobs that were taken off are on a private list with the list's
// references, which are dropped after the delivery. It stays inside the signalling
// section, and comes before the sequence number in memory is moved on for user
// space, as the callbacks did.

virtual patch
virtual report

@depends on report@
@@
*dma_fence_signal_locked(...)

@depends on patch@
@@
+#include <linux/dma-fence-batch.h>
#include <linux/dma-mapping.h>

@depends on patch@
identifier fn = {group_term_post_processing, queue_check_job_completion};
iterator name scoped_guard;
expression lock, fence;
@@
 fn(...)
 {
+	DEFINE_DMA_FENCE_BATCH(batch);
	<...
	scoped_guard(spinlock_irqsave, lock) {
	<...
-	dma_fence_signal_locked(fence);
+	dma_fence_batch_signal(&batch, fence);
	...>
	}
+	dma_fence_batch_deliver(&batch);
	...>
 }
