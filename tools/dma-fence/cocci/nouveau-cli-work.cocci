// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch
// files: drivers/gpu/drm/nouveau/nouveau_drv.h drivers/gpu/drm/nouveau/nouveau_drm.c
// needs: include/linux/dma-fence-cb.h
//
// The work of a client is queued by the kind of callback that does so.
//
// Safe because the work item is the client's, who settles the callbacks and flushes
// the work before it goes, see nouveau-cli-settle.cocci.

virtual patch
virtual report

@depends on report@
@@
*dma_fence_add_callback(...)

@depends on patch@
@@
+#include <linux/dma-fence-cb.h>
#include <linux/notifier.h>

@depends on patch@
@@
 struct nouveau_cli_work {
	...
-	struct dma_fence_cb cb;
+	struct dma_fence_cb_work cb;
 };

@queue depends on patch@
identifier fn, cli, fence, work;
@@
-	if (dma_fence_add_callback(fence, &work->cb, fn))
-		fn(fence, &work->cb);
+	dma_fence_work_or_now(fence, &work->cb, system_percpu_wq, &cli->work);
	mutex_unlock(&cli->lock);

@depends on patch@
identifier queue.fn;
@@
-fn(...) { ... }

@depends on patch@
expression fence, work;
@@
 dma_fence_remove_callback(fence,
-	&work->cb
+	&work->cb.base
	)
