// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch
// files: drivers/gpu/drm/nouveau/nouveau_drm.c
//
// A work item of a client holds the callback that queued it, and the worker frees the
// item as soon as its fence has signalled. It used to pass through the fence's lock
// to let the callback finish; callbacks run outside that lock now. Settle the
// callback itself instead: afterwards it has run or never will, and either is
// fine since the worker is already looking at the item.
//
// A callback may also be on its way when the client goes: the signaller of a
// dead channel's fences does not always deliver before it returns. Let the
// worker's own loop settle what is left before the flush.
//
// Safe because the work item is the client's, who flushes it after that; and because
// a callback which has found its fence signalled, and queued the work by hand, may
// be settled like any other.

virtual patch
virtual report

@depends on report@
@@
(
*dma_fence_lock_irqsave(...)
|
*dma_fence_is_signaled_locked(...)
|
*flush_work(...)
)

@depends on patch@
identifier fence, flags, ret;
@@
 nouveau_cli_work_ready(
-			struct dma_fence *fence
+			struct nouveau_cli_work *work
			)
 {
-	unsigned long flags;
-	bool ret = true;
-
-	dma_fence_lock_irqsave(fence, flags);
-	if (!dma_fence_is_signaled_locked(fence))
-		ret = false;
-	dma_fence_unlock_irqrestore(fence, flags);
-
-	if (ret == true)
-		dma_fence_put(fence);
-	return ret;
+	if (!dma_fence_is_signaled(work->fence))
+		return false;
+
+	/* @work is freed next: its callback must be through with it. */
+	dma_fence_remove_callback(work->fence, &work->cb);
+	dma_fence_put(work->fence);
+	return true;
 }

@depends on patch@
expression work;
@@
-nouveau_cli_work_ready(work->fence)
+nouveau_cli_work_ready(work)

@depends on patch@
identifier cli;
@@
 nouveau_cli_fini(struct nouveau_cli *cli)
 {
	...
+	/* Signalled fences may still owe their callbacks: settle them all. */
+	nouveau_cli_work(&cli->work);
	flush_work(&cli->work);
	...
 }
