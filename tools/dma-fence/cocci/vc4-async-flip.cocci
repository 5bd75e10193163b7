// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// files: drivers/gpu/drm/vc4/vc4_drv.h drivers/gpu/drm/vc4/vc4_crtc.c
//
// An asynchronous page flip was completed in the callback of the fence it had
// waited for: it drops framebuffers and the buffer's use count there, both of
// which may take a mutex, with interrupts disabled. Let the callback program the
// plane and send the event, as it did, and a work item do the rest, the fence's
// reference included.
//
// The ioctl completes a flip by itself when its fence shows as signalled, which no
// longer means that the callbacks of earlier ones have run. So flips are numbered,
// and one that comes late does not touch the plane any more.

@@
@@
 struct vc4_crtc {
	...
	struct drm_pending_vblank_event *event;
+
+	/** @flips: Count of asynchronous flips. Protected by the CRTC's mutex. */
+	unsigned int flips;
+
+	/**
+	 * @flipped: The newest of these that the plane was programmed for.
+	 * Protected by @irq_lock.
+	 */
+	unsigned int flipped;
	...
 };

@@
@@
 struct vc4_async_flip_state {
	...
	struct dma_fence_cb cb;
+	struct dma_fence *fence;
+	struct work_struct work;
+	unsigned int number;
 };

@@
identifier fn = {vc4_async_page_flip_complete_with_cleanup, vc4_async_page_flip_fence_complete};
@@
-fn(...) { ... }

@@
@@
+static void vc4_async_page_flip_program(struct drm_plane *primary,
+					struct vc4_async_flip_state *state)
+{
+	struct vc4_crtc *vc4_crtc = to_vc4_crtc(state->crtc);
+
+	guard(spinlock_irqsave)(&vc4_crtc->irq_lock);
+	/* One that completes after a newer one leaves the plane alone. */
+	if ((int)(state->number - vc4_crtc->flipped) < 0)
+		return;
+	vc4_plane_async_set_fb(primary, state->fb);
+	vc4_crtc->flipped = state->number;
+}
+
 vc4_async_page_flip_complete(...)
 {
	...
 }

@@
@@
+static void vc4_async_page_flip_cleanup(struct work_struct *work)
+{
+	struct vc4_async_flip_state *state;
+	struct drm_framebuffer *old_fb;
+
+	/* All that may sleep, and so cannot be done in the callback of a fence. */
+	state = container_of(work, struct vc4_async_flip_state, work);
+	old_fb = state->old_fb;
+	if (old_fb && to_vc4_dev(state->crtc->dev)->gen == VC4_GEN_4)
+		vc4_bo_dec_usecnt(to_vc4_bo(&drm_fb_dma_get_gem_obj(old_fb, 0)->base));
+	if (old_fb)
+		drm_framebuffer_put(old_fb);
+	drm_framebuffer_put(state->fb);
+	dma_fence_put(state->fence);
+	kfree(state);
+}
+
 vc4_async_page_flip_complete(...)
 {
	...
 }

@@
identifier s, plane;
@@
 vc4_async_page_flip_complete(struct vc4_async_flip_state *s)
 {
	...
-	vc4_plane_async_set_fb(plane, s->fb);
+	vc4_async_page_flip_program(plane, s);
	...
-	drm_framebuffer_put(s->fb);
-	if (s->old_fb)
-		drm_framebuffer_put(s->old_fb);
-	kfree(s);
+	schedule_work(&s->work);
 }

@@
identifier dev, flip_state, vc4, complete, f, ret, cleanup, plain;
typedef dma_fence_func_t;
@@
+static void vc4_async_page_flip_fence_cb(struct dma_fence *fence, struct dma_fence_cb *cb)
+{
+	vc4_async_page_flip_complete(container_of(cb, struct vc4_async_flip_state, cb));
+}
+
 vc4_async_set_fence_cb(struct drm_device *dev,
 		struct vc4_async_flip_state *flip_state)
 {
	...
-	dma_fence_func_t complete;
-	struct vc4_dev *vc4 = ...;
	struct dma_fence *f;
	int ret;
-	if (...)
-		complete = cleanup;
-	else
-		complete = plain;
	ret = dma_resv_get_singleton(..., &f);
	if (ret)
		return ret;
-	if (!f) {
-		complete(f, &flip_state->cb);
-		return 0;
-	}
-	if (dma_fence_add_callback(f, &flip_state->cb, complete))
-		complete(f, &flip_state->cb);
+	flip_state->fence = f;
+	if (!f || dma_fence_add_callback(f, &flip_state->cb, vc4_async_page_flip_fence_cb))
+		vc4_async_page_flip_complete(flip_state);
	return 0;
 }

@@
identifier crtc, state;
expression e;
@@
 vc4_async_page_flip_common(struct drm_crtc *crtc, ...)
 {
	...
	state->event = e;
+	state->number = ++to_vc4_crtc(crtc)->flips;
+	INIT_WORK(&state->work, vc4_async_page_flip_cleanup);
	...
 }
