// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signalling under a lock that can be seen, and under one that cannot
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include "sample.h"

void settle(struct job *job)
{
	msleep(20);
}

void irq(struct ring *ring)
{
	guard(spinlock)(&ring->lock);
	dma_fence_signal_timestamp_locked(ring->fence, ring->now);
}

void reset(struct ring *ring)
{
	unsigned long flags;

	spin_lock_irqsave(&ring->device->lock, flags);
	spin_lock(&ring->lock);
	if (!dma_fence_is_signaled_locked(ring->fence))
		ring->broken = true;
	spin_unlock(&ring->lock);
	dma_fence_signal_locked(ring->device->fence);
	spin_unlock_irqrestore(&ring->device->lock, flags);

	scoped_guard(spinlock_irqsave, &ring->lock) {
		ring->resets++;
	}
	dma_fence_check_and_signal_locked(ring->fence);
}

int status(struct ring *ring)
{
	lockdep_assert_held(&ring->lock);
	return dma_fence_get_status_locked(ring->fence);
}
