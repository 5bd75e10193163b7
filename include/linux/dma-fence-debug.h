/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What CONFIG_DMA_FENCE_DEBUG wants to know about fences
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef __LINUX_DMA_FENCE_DEBUG_H
#define __LINUX_DMA_FENCE_DEBUG_H

#include <linux/list.h>
#include <linux/types.h>

struct dma_fence;
struct dma_fence_cb;
struct kref;

#ifdef CONFIG_DMA_FENCE_DEBUG

/**
 * struct dma_fence_debug - what is known about the life of a fence
 * @link: in the list of fences that are published and have not signalled
 * @state: see dma-fence-track.c
 * @magic: a function of the address, from the initialisation on
 * @since: when the fence was published
 * @driver: the name of the driver, until the fence signals
 * @timeline: the name of the timeline, until the fence signals
 * @site: the operations that the fence was initialised with; only compared
 * @error: the error that it has signalled with
 */
struct dma_fence_debug {
	struct list_head link;
	unsigned long state;
	unsigned long magic;
	ktime_t since;
	const char *driver;
	const char *timeline;
	const void *site;
	int error;
};

void __dma_fence_debug_published(struct dma_fence *fence, bool shared);
void __dma_fence_debug_abandonable(struct dma_fence *fence);
void __dma_fence_debug_called(struct dma_fence *fence, struct dma_fence_cb *cb);
void dma_fence_release_borrowed(struct kref *kref);

#else

static inline void __dma_fence_debug_published(struct dma_fence *fence,
					       bool shared) { }
static inline void __dma_fence_debug_abandonable(struct dma_fence *fence) { }
static inline void __dma_fence_debug_called(struct dma_fence *fence,
					    struct dma_fence_cb *cb) { }
#define dma_fence_release_borrowed	dma_fence_release

#endif /* CONFIG_DMA_FENCE_DEBUG */

#ifdef CONFIG_DMA_FENCE_DEBUG_PUT
void __dma_fence_debug_put(struct dma_fence *fence);
#else
static inline void __dma_fence_debug_put(struct dma_fence *fence) { }
#endif

/**
 * dma_fence_debug_published - others can see the fence from now on
 * @fence: the fence, or %NULL
 *
 * To be called where fences are put for others to find. Whoever adds a callback or
 * waits does so too, without saying it. From then on the issuer owes a signal.
 *
 * Context: any. Does nothing without CONFIG_DMA_FENCE_DEBUG.
 */
static inline void dma_fence_debug_published(struct dma_fence *fence)
{
	__dma_fence_debug_published(fence, true);
}

/**
 * dma_fence_debug_exported - a file was made that holds the fence
 * @fence: the fence
 *
 * As dma_fence_debug_published(), but nobody is known to have the file yet. It may
 * never be installed, and the fence be dropped together with it.
 *
 * Context: any. Does nothing without CONFIG_DMA_FENCE_DEBUG.
 */
static inline void dma_fence_debug_exported(struct dma_fence *fence)
{
	__dma_fence_debug_published(fence, false);
}

/**
 * dma_fence_debug_abandonable - the issuer does not keep the fence
 * @fence: the fence, just initialised
 *
 * For issuers whose own list of fences holds no references, so that a fence which
 * nobody wants any more goes without a signal.
 *
 * Context: any. Does nothing without CONFIG_DMA_FENCE_DEBUG.
 */
static inline void dma_fence_debug_abandonable(struct dma_fence *fence)
{
	__dma_fence_debug_abandonable(fence);
}

/**
 * dma_fence_debug_called - a callback is about to be called by its fence's driver
 * @fence: the fence
 * @cb: the callback, taken off the list
 *
 * For drivers that signal without the core. From the call on @cb is its owner's.
 *
 * Context: any. Does nothing without CONFIG_DMA_FENCE_DEBUG.
 */
static inline void dma_fence_debug_called(struct dma_fence *fence,
					  struct dma_fence_cb *cb)
{
	__dma_fence_debug_called(fence, cb);
}

#endif /* __LINUX_DMA_FENCE_DEBUG_H */
