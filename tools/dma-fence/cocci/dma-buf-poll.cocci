// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// With -D patch this converts, with -D report it marks what it would convert.
//
// options: -D patch --smpl-spacing
// files: drivers/dma-buf/dma-buf.c
// needs: include/linux/dma-fence-core-cb.h
//
// Whoever polls a dma-buf is woken by the kind of callback that keeps the file
// until then.
//
// Safe because that kind has the rules which the function had: the reference on
// the file, and so the memory of the callback, and that on the fence go when the
// pollers were woken; and "active" is now the events of the callback, zero from
// the wake-up on, under the lock of the wait queue. The kind sets it, which is no
// race: all who poll hold the lock of the reservation object meanwhile. It is zero
// in the beginning, as all of a new dma-buf is. When no fence is left to wait for
// there is nothing to let go of, only others to be woken.

virtual patch
virtual report

@depends on report@
@@
*dma_fence_add_callback(...)

@depends on report@
identifier cb = dma_buf_poll_cb;
@@
*cb(NULL, ...)

@depends on patch@
typedef bool, __poll_t;
iterator name dma_resv_for_each_fence;
identifier dmabuf, resv, events;
statement out, in;
@@
+static bool dma_buf_poll_pending(struct dma_buf *dmabuf, __poll_t events)
+{
+	bool write = events == EPOLLOUT;
+	struct dma_fence_cb_poll_file *p = write ? &dmabuf->cb_out : &dmabuf->cb_in;
+	struct dma_resv_iter cursor;
+	struct dma_fence *fence;
+	bool armed;
+
+	/* Who finds it armed is on the wait queue already, and will be woken. */
+	spin_lock_irq(&dmabuf->poll.lock);
+	armed = p->events != 0;
+	spin_unlock_irq(&dmabuf->poll.lock);
+	if (armed)
+		return true;
+
+	/* The lock of the reservation object keeps others from arming it. */
+	dma_resv_for_each_fence(&cursor, dmabuf->resv, dma_resv_usage_rw(write), fence) {
+		if (!dma_fence_add_poll_file(fence, p, &dmabuf->poll, events, dmabuf->file))
+			return true;
+	}
+
+	/* Then the others need not wait, either. */
+	wake_up_poll(&dmabuf->poll, events);
+	return false;
+}
+
 dma_buf_poll(...)
 {
	...
	struct dma_buf *dmabuf;
	...
	dma_resv_lock(resv, NULL);
-	if (events & EPOLLOUT) out
-	if (events & EPOLLIN) in
+	if (events & EPOLLOUT && dma_buf_poll_pending(dmabuf, EPOLLOUT))
+		events &= ~EPOLLOUT;
+	if (events & EPOLLIN && dma_buf_poll_pending(dmabuf, EPOLLIN))
+		events &= ~EPOLLIN;
	dma_resv_unlock(resv);
	...
 }

@depends on patch@
expression dmabuf;
@@
-dmabuf->cb_in.poll = dmabuf->cb_out.poll = &dmabuf->poll;
-dmabuf->cb_in.active = dmabuf->cb_out.active = 0;

@depends on patch@
expression dmabuf;
@@
(
-dmabuf->cb_in.active
+dmabuf->cb_in.events
|
-dmabuf->cb_out.active
+dmabuf->cb_out.events
)
