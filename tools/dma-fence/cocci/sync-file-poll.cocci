// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch
// files: include/linux/sync_file.h drivers/dma-buf/sync_file.c
// needs: include/linux/dma-fence-core-cb.h
//
// Whoever polls a sync_file is woken by the kind of callback that does that.
//
// Safe because the callback stays where it was, in the sync_file, and the release
// goes on removing it before it drops the fence and frees the sync_file: when
// that returns nobody is at the wait queue any more. A callback that found the
// fence signalled is on no list, as before, and may be removed. Pollers are told
// EPOLLIN, which is all that they could ever be told here; they used to be woken
// even when they had asked for something else.

virtual patch
virtual report

@depends on report@
@@
*dma_fence_add_callback(...)

@depends on patch@
@@
#include <linux/dma-fence-array.h>
+#include <linux/dma-fence-core-cb.h>

@depends on patch@
@@
 struct sync_file {
	...
-	struct dma_fence_cb
+	struct dma_fence_cb_poll
	cb;
 };

@add depends on patch@
identifier fn;
expression file;
@@
-	if (dma_fence_add_callback(file->fence, &file->cb, fn) < 0)
-		wake_up_all(&file->wq);
+	dma_fence_poll_or_now(file->fence, &file->cb, &file->wq, EPOLLIN);

@depends on patch@
identifier add.fn;
@@
-fn(...) { ... }

@depends on add@
expression file;
@@
-&file->cb.node
+&file->cb.base.node

@depends on add@
expression file;
@@
 dma_fence_remove_callback(file->fence,
-	&file->cb
+	&file->cb.base
	)
