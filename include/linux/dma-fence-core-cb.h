/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a fence can do for the core's neighbours when it signals
 *
 * Not for drivers, who have dma-fence-cb.h. The users of these kinds are looked at
 * one by one; modules among them import the symbol namespace DMA_FENCE_CORE.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef __LINUX_DMA_FENCE_CORE_CB_H
#define __LINUX_DMA_FENCE_CORE_CB_H

#include <linux/dma-fence.h>
#include <linux/wait.h>

struct eventfd_ctx;
struct file;

/**
 * struct dma_fence_cb_signal - signal another fence
 * @base: the callback
 * @target: the other fence, with a reference
 */
struct dma_fence_cb_signal {
	struct dma_fence_cb base;
	struct dma_fence *target;
};

/**
 * struct dma_fence_cb_poll - wake everybody on a wait queue
 * @base: the callback
 * @wait: the wait queue
 * @events: what pollers are told
 */
struct dma_fence_cb_poll {
	struct dma_fence_cb base;
	wait_queue_head_t *wait;
	__poll_t events;
};

/**
 * struct dma_fence_cb_poll_file - wake pollers of a file, which stays until then
 * @base: the callback; not to be removed
 * @wait: the wait queue
 * @file: the file, with a reference while the callback is armed
 * @events: what pollers are told; zero in the beginning, and when the callback is
 * not armed; protected by the lock of @wait
 */
struct dma_fence_cb_poll_file {
	struct dma_fence_cb base;
	wait_queue_head_t *wait;
	struct file *file;
	__poll_t events;
};

/**
 * struct dma_fence_cb_eventfd - signal an eventfd
 * @base: the callback
 * @ctx: the eventfd, with a reference
 */
struct dma_fence_cb_eventfd {
	struct dma_fence_cb base;
	struct eventfd_ctx *ctx;
};

int dma_fence_add_signal(struct dma_fence *fence, struct dma_fence_cb_signal *s,
			 struct dma_fence *target);
int dma_fence_add_poll(struct dma_fence *fence, struct dma_fence_cb_poll *p,
		       wait_queue_head_t *wait, __poll_t events);
int dma_fence_add_poll_file(struct dma_fence *fence,
			    struct dma_fence_cb_poll_file *p,
			    wait_queue_head_t *wait, __poll_t events,
			    struct file *file);
int dma_fence_add_eventfd(struct dma_fence *fence, struct dma_fence_cb_eventfd *e,
			  struct eventfd_ctx *ctx);

bool dma_fence_poll_or_now(struct dma_fence *fence, struct dma_fence_cb_poll *p,
			   wait_queue_head_t *wait, __poll_t events);
bool dma_fence_eventfd_or_now(struct dma_fence *fence,
			      struct dma_fence_cb_eventfd *e,
			      struct eventfd_ctx *ctx);

#endif /* __LINUX_DMA_FENCE_CORE_CB_H */
