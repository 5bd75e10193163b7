// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch
// files: drivers/gpu/drm/drm_syncobj.c
// needs: include/linux/dma-fence-core-cb.h
//
// A thread that waits for syncobjs is woken, and an eventfd signalled, by the kinds
// of callbacks that do so.
//
// Safe for the waiter, because it goes on removing the callback of each entry whose
// callback was added, before it drops the fence and frees the entries. Whether one
// was added is still told by its function, which an add that found the fence
// signalled does not set. That case is the same as before, too: the fence counts as
// signalled, and nobody need be woken. The wake kind has a reference on the task.
//
// Safe for the eventfd, because the kind takes over what the function did: it
// signals, drops the references on the eventfd and the fence, and frees the entry,
// which begins with the callback. The caller holds a reference on the fence of his
// own until the callback has been added, or everything was done at once, and the
// entry is not touched afterwards. It is off the list of the syncobj by then.

virtual patch
virtual report

@depends on report@
@@
*dma_fence_add_callback(...)

@depends on patch@
@@
+#include <linux/dma-fence-cb.h>
+#include <linux/dma-fence-core-cb.h>
#include <linux/dma-fence-unwrap.h>

@depends on patch@
@@
#include <linux/fs.h>
+#include <linux/module.h>

@depends on patch@
@@
#include "drm_internal.h"
+
+MODULE_IMPORT_NS("DMA_FENCE_CORE");

@depends on patch@
@@
 struct syncobj_wait_entry {
	...
-	struct dma_fence_cb fence_cb;
+	struct dma_fence_cb_wake wake;
	...
 };

@depends on patch@
@@
 struct syncobj_eventfd_entry {
+	/* At the beginning, since the entry is freed with it. */
+	struct dma_fence_cb_eventfd cb;
	...
-	struct dma_fence *fence;
-	struct dma_fence_cb fence_cb;
	...
 };

@wait depends on patch@
expression entry, fence;
identifier fn;
@@
-!entry.fence_cb.func
+!entry.wake.base.func
 &&
-dma_fence_add_callback(fence, &entry.fence_cb, fn)
+dma_fence_add_wake(fence, &entry.wake, current)

@depends on patch@
identifier wait.fn;
@@
-fn(...) { ... }

@depends on wait@
expression entry;
@@
-	if (entry.fence_cb.func)
-		dma_fence_remove_callback(entry.fence, &entry.fence_cb);
+	if (entry.wake.base.func)
+		dma_fence_remove_callback(entry.fence, &entry.wake.base);

@event depends on patch@
identifier fn, entry, fence, ret;
@@
 syncobj_eventfd_entry_func(...)
 {
	...
	list_del_init(&entry->node);
-	entry->fence = fence;
-	if (entry->flags & DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE) {
-		...
-	} else {
-		ret = dma_fence_add_callback(fence, &entry->fence_cb, fn);
-		...
-	}
+	if (entry->flags & DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE) {
+		/* It is enough that there is one. */
+		dma_fence_put(fence);
+		fence = NULL;
+	}
+	BUILD_BUG_ON(offsetof(struct syncobj_eventfd_entry, cb));
+	dma_fence_eventfd_or_now(fence, &entry->cb, entry->ev_fd_ctx);
+	dma_fence_put(fence);
 }

@depends on patch@
identifier event.fn;
@@
-fn(...) { ... }

@depends on event@
identifier entry;
@@
 syncobj_eventfd_entry_free(struct syncobj_eventfd_entry *entry)
 {
	...
-	dma_fence_put(entry->fence);
	...
 }
