#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 the dma-fence rework project
#
# Two functions of the new core in terms of the old one, so that drivers can be
# converted before the switch. The series has them for a few patches.
# files: drivers/dma-buf/dma-fence.c include/linux/dma-fence.h

set -eu

sed -i '/^EXPORT_SYMBOL(dma_fence_remove_callback);$/r /dev/stdin' \
	drivers/dma-buf/dma-fence.c <<'EOF'

/**
 * dma_fence_remove_callback_locked - dma_fence_remove_callback() under the lock
 * @fence: the fence that @cb was added to
 * @cb: the callback
 *
 * For moving a callback from one fence to another with the locks of both held.
 *
 * Context: fence lock held.
 * Return: true when @cb was removed and will not run, false when it has run or
 * was never added. Either way it is not on @fence any more.
 */
bool dma_fence_remove_callback_locked(struct dma_fence *fence,
				      struct dma_fence_cb *cb)
{
	bool armed = !list_empty(&cb->node);

	dma_fence_assert_held(fence);
	list_del_init(&cb->node);
	return armed;
}
EXPORT_SYMBOL(dma_fence_remove_callback_locked);

/**
 * dma_fence_flush_callbacks - wait until the callbacks of a fence have returned
 * @fence: a fence whose lock still exists
 *
 * Of a fence that has not signalled none is running.
 *
 * Context: any in which the fence lock may be taken.
 */
void dma_fence_flush_callbacks(struct dma_fence *fence)
{
	unsigned long flags;

	dma_fence_lock_irqsave(fence, flags);
	dma_fence_unlock_irqrestore(fence, flags);
}
EXPORT_SYMBOL(dma_fence_flush_callbacks);
EOF

sed -i '/^void dma_fence_enable_sw_signaling(/r /dev/stdin' \
	include/linux/dma-fence.h <<'EOF'
bool dma_fence_remove_callback_locked(struct dma_fence *fence,
				      struct dma_fence_cb *cb);
void dma_fence_flush_callbacks(struct dma_fence *fence);
EOF
