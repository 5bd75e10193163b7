/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Containers of fences for the dma_fence suites, and allocations that fail.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef _DMA_FENCE_TEST_NEST_H
#define _DMA_FENCE_TEST_NEST_H

#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-fence-proxy.h>

#include "dma-fence-test.h"

/* What the members that a container is given are followed by. */
#define DFT_END	((struct dma_fence *)NULL)

struct dma_fence *dft_keep(struct kunit *test, struct dma_fence *fence);
struct dma_fence *dft_array(struct kunit *test, ...);
struct dma_fence *dft_link(struct kunit *test, struct dma_fence *prev,
			   struct dma_fence *fence, u64 seqno);
struct dma_fence *dft_proxy(struct kunit *test, unsigned long timeout);

/**
 * struct dft_failure - which allocation is to fail
 * @nth: its number, counted from one
 * @over: there was no such one: all have succeeded
 */
struct dft_failure {
	unsigned int nth;
	bool over;
};

/**
 * dft_failure_next - let allocations fail, one after the other
 * @f: zero at first
 *
 * What is to fail stands between dft_failure_begin() and dft_failure_end().
 *
 * Return: false when it has been done without a failure.
 */
static inline bool dft_failure_next(struct dft_failure *f)
{
	f->nth++;
	return !f->over;
}

void dft_failure_check(struct kunit *test);
void dft_failure_begin(struct dft_failure *f);
void dft_failure_end(struct dft_failure *f);

#endif /* _DMA_FENCE_TEST_NEST_H */
