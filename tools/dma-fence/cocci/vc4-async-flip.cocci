// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// options: --smpl-spacing
// files: drivers/gpu/drm/vc4/vc4_crtc.c
//
// An asynchronous page flip was completed in the callback of the fence it had
// waited for: it drops framebuffers and the buffer's use count there, both of
// which may take a mutex, with interrupts disabled. Let the callback only queue
// a work item. Without a fence to wait for, the ioctl goes on completing the
// flip directly, from process context as well.

@@
@@
 struct vc4_async_flip_state {
	...
	struct dma_fence_cb cb;
+	struct dma_fence *fence;
+	struct work_struct work;
 };

@@
identifier fn = {vc4_async_page_flip_complete_with_cleanup, vc4_async_page_flip_fence_complete};
identifier fence, cb, state;
@@
 fn(
-   struct dma_fence *fence, struct dma_fence_cb *cb
+   struct work_struct *work
   )
 {
	struct vc4_async_flip_state *state =
-		container_of(cb, struct vc4_async_flip_state, cb);
+		container_of(work, struct vc4_async_flip_state, work);
+	struct dma_fence *fence = state->fence;
	...
 }

@@
typedef dma_fence_func_t, work_func_t;
identifier flip_state, complete, f;
@@
+static void vc4_async_page_flip_fence_cb(struct dma_fence *fence, struct dma_fence_cb *cb)
+{
+	struct vc4_async_flip_state *state;
+
+	state = container_of(cb, struct vc4_async_flip_state, cb);
+	schedule_work(&state->work);
+}
+
 vc4_async_set_fence_cb(..., struct vc4_async_flip_state *flip_state)
 {
	...
-	dma_fence_func_t complete;
+	work_func_t complete;
	...
	if (!f) {
-		complete(f, &flip_state->cb);
+		complete(&flip_state->work);
		return 0;
	}
+	flip_state->fence = f;
+	INIT_WORK(&flip_state->work, complete);
-	if (dma_fence_add_callback(f, &flip_state->cb, complete))
-		complete(f, &flip_state->cb);
+	if (dma_fence_add_callback(f, &flip_state->cb, vc4_async_page_flip_fence_cb))
+		complete(&flip_state->work);
	...
 }
