/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fences that stand for a fence which does not exist yet
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef __LINUX_DMA_FENCE_PROXY_H
#define __LINUX_DMA_FENCE_PROXY_H

#include <linux/dma-fence.h>
#include <linux/jiffies.h>
#include <linux/timer.h>

/* The longest time that a proxy may be without a target, in jiffies. */
#define DMA_FENCE_PROXY_TIMEOUT_MAX	(10 * HZ)

/**
 * struct dma_fence_proxy - a fence that stands for another
 * @base: the fence
 * @target: what it stands for, with a reference that it keeps; %NULL before, an
 *	error pointer when there will be none
 * @cb: the callback on @target
 * @timer: ends the time without a target
 * @deadline: the earliest hint, %KTIME_MAX for none; protected by the lock of @base
 *
 * Private to the core. Others have a &struct dma_fence.
 */
struct dma_fence_proxy {
	struct dma_fence base;
	struct dma_fence *target;
	struct dma_fence_cb cb;
	struct timer_list timer;
	ktime_t deadline;
};

struct dma_fence *dma_fence_proxy_create(u64 context, u64 seqno,
					 unsigned long timeout);
int dma_fence_proxy_attach(struct dma_fence *proxy, struct dma_fence *target);
int dma_fence_proxy_fail(struct dma_fence *proxy, int error);
struct dma_fence *dma_fence_proxy_target(struct dma_fence *fence);

#endif /* __LINUX_DMA_FENCE_PROXY_H */
