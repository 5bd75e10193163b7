// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch --smpl-spacing
// files: drivers/dma-buf/sw_sync.c drivers/dma-buf/sync_debug.c
// needs: include/linux/dma-fence-batch.h
//
// A timeline signals its fences in a batch, and delivers when its lock is gone.
//
// The lock is that of the fences, and their release takes it. The list of a
// timeline holds no references; and the release of the file took none to those
// that it signalled, so that the callback which dropped the last one of a fence
// would have waited for the lock that its own caller held. Both now take a
// reference with each fence off the list, and drop it after the delivery.
//
// A fence whose last reference is gone stays on the list until its release has
// got the lock. It must be left alone: nobody can be waiting for it.
//
// Safe because a fence is taken off the list and signalled under one and the same
// hold of the lock, as before, and those that were taken off are in nobody's way:
// their release finds them on no list. The fence that has signalled when it is
// made has not been seen by anybody, so its batch is an empty one. The debug file
// looks at the flag only. It used to ask the fence, which would signal one that
// was due; but the value of a timeline does not change without that those which
// are due are taken off the list it looks through.

virtual patch
virtual report

@depends on report@
@@
(
*dma_fence_signal_locked(...)
|
*dma_fence_is_signaled_locked(...)
|
*dma_fence_get_status_locked(...)
)

@depends on patch@
@@
+#include <linux/dma-fence-batch.h>
#include <linux/file.h>

@depends on patch@
typedef bool;
iterator name list_for_each_entry_safe;
identifier obj, inc;
@@
+/* Off the list and into the batch, unless it is about to be released. */
+static bool sync_timeline_take(struct sync_pt *pt, struct list_head *taken)
+{
+	if (!dma_fence_get_rcu(&pt->base))
+		return false;
+
+	/* Its release waits for us, and will not find it on a list. */
+	list_move_tail(&pt->link, taken);
+	rb_erase(&pt->node, &dma_fence_parent(&pt->base)->pt_tree);
+	return true;
+}
+
+static void sync_timeline_deliver(struct dma_fence_batch *batch, struct list_head *taken)
+{
+	struct sync_pt *next;
+	struct sync_pt *pt;
+
+	dma_fence_batch_deliver(batch);
+	list_for_each_entry_safe(pt, next, taken, link) {
+		list_del_init(&pt->link);
+		dma_fence_put(&pt->base);
+	}
+}
+
 sync_timeline_signal(struct sync_timeline *obj, unsigned int inc)
 {
	...
 }

@depends on patch@
declarer name LIST_HEAD;
iterator name list_for_each_entry_safe;
identifier taken, pt, next, obj;
@@
 sync_timeline_signal(...)
 {
+	DEFINE_DMA_FENCE_BATCH(batch);
	LIST_HEAD(taken);
	...
	list_for_each_entry_safe(pt, next, &obj->pt_list, link) {
	...
-	dma_fence_get(&pt->base);
-	list_move_tail(&pt->link, &taken);
-	rb_erase(&pt->node, &obj->pt_tree);
-	dma_fence_signal_locked(&pt->base);
+	if (sync_timeline_take(pt, &taken))
+		dma_fence_batch_signal(&batch, &pt->base);
	}
	spin_unlock_irq(&obj->lock);
-	list_for_each_entry_safe(pt, next, &taken, link) {
-		list_del_init(&pt->link);
-		dma_fence_put(&pt->base);
-	}
+	sync_timeline_deliver(&batch, &taken);
 }

@depends on patch@
identifier obj, pt;
statement insert;
@@
 sync_pt_create(struct sync_timeline *obj, ...)
 {
+	DEFINE_DMA_FENCE_BATCH(batch);
	...
-	if (!dma_fence_is_signaled_locked(&pt->base))
+	if (timeline_fence_signaled(&pt->base))
+		dma_fence_batch_signal(&batch, &pt->base);
+	if (!dma_fence_test_signaled_flag(&pt->base))
		insert
	...
	spin_unlock_irq(&obj->lock);
+	dma_fence_batch_deliver(&batch);
	...
 }

@depends on patch@
iterator name list_for_each_entry_safe;
identifier obj, pt, next;
@@
 sw_sync_debugfs_release(...)
 {
+	DEFINE_DMA_FENCE_BATCH(batch);
+	LIST_HEAD(taken);
	...
	list_for_each_entry_safe(pt, next, &obj->pt_list, link) {
+		if (!sync_timeline_take(pt, &taken))
+			continue;
		...
-		dma_fence_signal_locked(&pt->base);
+		dma_fence_batch_signal(&batch, &pt->base);
	}
	spin_unlock_irq(&obj->lock);
+	sync_timeline_deliver(&batch, &taken);
	...
 }

@depends on patch@
expression fence;
identifier status;
@@
-	status = dma_fence_get_status_locked(fence);
+	status = dma_fence_test_signaled_flag(fence) ? fence->error ?: 1 : 0;
