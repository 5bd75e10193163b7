// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch
// files: drivers/gpu/drm/nouveau/nouveau_fence.c drivers/gpu/drm/nouveau/nouveau_bo.c
// needs: include/linux/dma-fence-batch.h
//
// The fences of a channel are signalled in a batch, which is delivered when the
// lock of the channel's fences is dropped. So are the references of its list, the
// last of which used to be able to free that very lock.
//
// Safe because a fence that has signalled is moved, under the lock, to a list of
// the caller's, where nobody else looks for it: enabling and updating find fences
// that have not signalled. The callers of the batch hold a reference on the
// channel's fences in some other way: a fence of theirs, the channel, or the work
// item that teardown cancels. Killing a channel returns when the callbacks of the
// fences that it has signalled have run.
//
// Whether the hardware has passed a fence is asked without signalling it before an
// error is set, under the lock of the fence. The allocation of a tile region asks
// before it takes the lock of the regions, under which callbacks would run
// otherwise; with a reference, since the region may get another fence meanwhile.
// That may be anybody's, so it is asked by the core.

virtual patch
virtual report

@depends on report@
@@
(
*dma_fence_signal_locked(...)
|
*dma_fence_is_signaled_locked(...)
|
*nouveau_fence_done(...)
)

@depends on patch@
@@
+#include <linux/dma-fence-batch.h>
#include <linux/ktime.h>

@depends on patch@
identifier fence;
@@
 nouveau_fence_signal(
-	struct nouveau_fence *fence
+	struct nouveau_fence *fence, struct dma_fence_batch *batch, struct list_head *done
	)
 {
	...
-	dma_fence_signal_locked(&fence->base);
-	list_del(&fence->head);
+	dma_fence_batch_signal(batch, &fence->base);
+	list_move_tail(&fence->head, done);
	...
-	dma_fence_put(&fence->base);
	...
 }

@depends on patch@
@@
+static bool nouveau_fence_is_signaled(struct dma_fence *f);
+
+/* The fence lock may be held: nothing is signalled. */
+static bool nouveau_fence_passed(struct nouveau_fence *fence)
+{
+	struct dma_fence *f = &fence->base;
+
+	return dma_fence_test_signaled_flag(f) || nouveau_fence_is_signaled(f);
+}
+
 nouveau_fence_context_kill(...)
 {
	...
 }

@depends on patch@
@@
+static void nouveau_fence_deliver(struct dma_fence_batch *batch,
+				  struct list_head *done)
+{
+	struct nouveau_fence *fence;
+
+	dma_fence_batch_deliver(batch);
+
+	/* The lock of the channel's fences may go with the last of them. */
+	while (!list_empty(done)) {
+		fence = list_first_entry(done, typeof(*fence), head);
+		list_del(&fence->head);
+		dma_fence_put(&fence->base);
+	}
+}
+
 nouveau_fence_context_kill(...)
 {
	...
 }

@depends on patch@
expression fence;
identifier chan, fctx;
@@
 nouveau_fence_update(struct nouveau_channel *chan,
-	struct nouveau_fence_chan *fctx
+	struct nouveau_fence_chan *fctx, struct dma_fence_batch *batch, struct list_head *done
	)
 {
	<...
-	nouveau_fence_signal(fence)
+	nouveau_fence_signal(fence, batch, done)
	...>
 }

@depends on patch@
expression fence;
@@
 nouveau_fence_context_kill(...)
 {
	<...
(
-	!dma_fence_is_signaled_locked(&fence->base)
+	!nouveau_fence_passed(fence)
|
-	nouveau_fence_signal(fence)
+	nouveau_fence_signal(fence, &batch, &done)
)
	...>
 }

@depends on patch@
identifier fn != nouveau_fence_update;
expression chan, fctx;
@@
 fn(...)
 {
	<...
-	nouveau_fence_update(chan, fctx)
+	nouveau_fence_update(chan, fctx, &batch, &done)
	...>
 }

@depends on patch@
identifier fn = {nouveau_fence_context_kill, nouveau_fence_uevent_work, nouveau_fence_done};
expression lock, flags;
@@
 fn(...)
 {
+	DEFINE_DMA_FENCE_BATCH(batch);
+	LIST_HEAD(done);
	...
	spin_unlock_irqrestore(lock, flags);
+	nouveau_fence_deliver(&batch, &done);
	...
 }

@depends on patch@
expression head, pending, lock;
@@
 nouveau_fence_emit(...)
 {
+	DEFINE_DMA_FENCE_BATCH(batch);
+	LIST_HEAD(done);
	<...
	list_add_tail(head, pending);
	spin_unlock_irq(lock);
+	nouveau_fence_deliver(&batch, &done);
	...>
 }

@depends on patch@
@@
+static void nv10_bo_poll_tile_region(struct nouveau_drm *drm,
+				     struct nouveau_drm_tile *tile)
+{
+	struct dma_fence *fence = NULL;
+
+	spin_lock(&drm->tile.lock);
+	if (!tile->used && tile->fence)
+		fence = dma_fence_get(&tile->fence->base);
+	spin_unlock(&drm->tile.lock);
+
+	/* May call callbacks. */
+	if (fence)
+		dma_fence_is_signaled(fence);
+	dma_fence_put(fence);
+}
+
 nv10_bo_get_tile_region(...)
 {
	...
 }

@depends on patch@
identifier drm, tile;
@@
 nv10_bo_get_tile_region(...)
 {
	...
+	nv10_bo_poll_tile_region(drm, tile);
	spin_lock(&drm->tile.lock);
	...
-	nouveau_fence_done(tile->fence)
+	dma_fence_test_signaled_flag(&tile->fence->base)
	...
 }
