// SPDX-License-Identifier: GPL-2.0-only
/*
 * Containers of fences for the dma_fence suites, and allocations that fail.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/gfp.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/stdarg.h>

#include "dma-fence-test-nest.h"

static void put_fence(void *fence)
{
	dma_fence_put(fence);
}

/**
 * dft_keep - have a reference dropped when the test ends
 * @test: the test
 * @fence: the fence, whose reference is taken over
 *
 * Return: @fence.
 */
struct dma_fence *dft_keep(struct kunit *test, struct dma_fence *fence)
{
	KUNIT_ASSERT_NOT_NULL(test, fence);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_fence, fence), 0);
	return fence;
}

/**
 * dft_array - make an array
 * @test: the test, which fails if there is no memory
 *
 * The members come next, DFT_END last. Whoever calls keeps his references on them.
 *
 * Return: the array, with a reference.
 */
struct dma_fence *dft_array(struct kunit *test, ...)
{
	struct dma_fence **fences, *fence;
	struct dma_fence_array *array;
	unsigned int count = 0;
	va_list args;

	va_start(args, test);
	while (va_arg(args, struct dma_fence *))
		count++;
	va_end(args);

	fences = kmalloc_objs(*fences, count);
	KUNIT_ASSERT_NOT_NULL(test, fences);

	count = 0;
	va_start(args, test);
	while ((fence = va_arg(args, struct dma_fence *)))
		fences[count++] = dma_fence_get(fence);
	va_end(args);

	array = dma_fence_array_create(count, fences, dma_fence_context_alloc(1), 1);
	KUNIT_ASSERT_NOT_NULL(test, array);
	return &array->base;
}

/**
 * dft_link - make a link of a chain
 * @test: the test, which fails if there is no memory
 * @prev: what comes before, or NULL; the reference is taken over
 * @fence: the member; whoever calls keeps his reference
 * @seqno: number of the link
 *
 * Return: the link, with a reference.
 */
struct dma_fence *dft_link(struct kunit *test, struct dma_fence *prev,
			   struct dma_fence *fence, u64 seqno)
{
	struct dma_fence_chain *link = dma_fence_chain_alloc();

	KUNIT_ASSERT_NOT_NULL(test, link);
	dma_fence_chain_init(link, prev, dma_fence_get(fence), seqno);
	return &link->base;
}

/**
 * dft_proxy - make a proxy
 * @test: the test, which fails if there is no memory
 * @timeout: jiffies that it may be without a target
 *
 * Return: the proxy, with a reference.
 */
struct dma_fence *dft_proxy(struct kunit *test, unsigned long timeout)
{
	struct dma_fence *proxy =
		dma_fence_proxy_create(dma_fence_context_alloc(1), 'p', timeout);

	KUNIT_ASSERT_NOT_NULL(test, proxy);
	return proxy;
}

#if IS_ENABLED(CONFIG_FAILSLAB) && IS_BUILTIN(CONFIG_DMA_FENCE_KUNIT_TEST)
static gfp_t allowed_mask;

/**
 * dft_failure_check - skip a test where allocations cannot be made to fail
 * @test: the test
 */
void dft_failure_check(struct kunit *test)
{
}

/**
 * dft_failure_begin - an allocation of this thread is to fail from here
 * @f: says which one
 *
 * Only those that do not reclaim memory are made to fail, unless debugfs is told so.
 * It is not mounted yet, so none reclaims meanwhile.
 */
void dft_failure_begin(struct dft_failure *f)
{
	allowed_mask = gfp_allowed_mask;
	gfp_allowed_mask &= ~__GFP_DIRECT_RECLAIM;
	current->fail_nth = f->nth;
}

/**
 * dft_failure_end - no allocation is to fail from here
 * @f: is told whether one has not
 */
void dft_failure_end(struct dft_failure *f)
{
	f->over = current->fail_nth;
	current->fail_nth = 0;
	gfp_allowed_mask = allowed_mask;
}
#else
void dft_failure_check(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_FAILSLAB");
}

void dft_failure_begin(struct dft_failure *f)
{
}

void dft_failure_end(struct dft_failure *f)
{
	f->over = true;
}
#endif
