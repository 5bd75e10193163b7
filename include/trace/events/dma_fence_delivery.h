/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the callbacks of a signalled fence are delivered
 *
 * Copyright (C) 2026 the dma-fence rework project
 *
 * These come after SIGNALED, when the driver may be gone, so they have no names;
 * what has them is dma_fence_signaled, before, by context and seqno.
 */

#undef TRACE_SYSTEM
#define TRACE_SYSTEM dma_fence_delivery

#if !defined(_TRACE_DMA_FENCE_DELIVERY_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_DMA_FENCE_DELIVERY_H

#include <linux/dma-fence.h>
#include <linux/tracepoint.h>

#ifndef _TRACE_DMA_FENCE_DELIVERY_TYPES
#define _TRACE_DMA_FENCE_DELIVERY_TYPES

/*
 * From where callbacks came: the list that their signaller has just taken off the
 * fence, a list of what is owed, or the one for which an interrupt or a thread was
 * called.
 */
enum dma_fence_deliver_from {
	DMA_FENCE_DELIVER_DIRECT,
	DMA_FENCE_DELIVER_BATCH,
	DMA_FENCE_DELIVER_DEFERRED,
};

#endif

TRACE_DEFINE_ENUM(DMA_FENCE_DELIVER_DIRECT);
TRACE_DEFINE_ENUM(DMA_FENCE_DELIVER_BATCH);
TRACE_DEFINE_ENUM(DMA_FENCE_DELIVER_DEFERRED);

TRACE_EVENT(dma_fence_deliver_begin,
	    TP_PROTO(struct dma_fence *fence, enum dma_fence_deliver_from from),
	    TP_ARGS(fence, from),

	    TP_STRUCT__entry(__field(u64, context)
			     __field(u64, seqno)
			     __field(int, error)
			     __field(int, from)),

	    TP_fast_assign(__entry->context = fence->context;
			   __entry->seqno = fence->seqno;
			   __entry->error = fence->error;
			   __entry->from = from;),

	    TP_printk("context=%llu seqno=%llu error=%d from=%s",
		      __entry->context, __entry->seqno, __entry->error,
		      __print_symbolic(__entry->from,
				       { DMA_FENCE_DELIVER_DIRECT, "direct" },
				       { DMA_FENCE_DELIVER_BATCH, "batch" },
				       { DMA_FENCE_DELIVER_DEFERRED, "deferred" }))
);

/* Before the call: afterwards neither the callback nor the fence need be there. */
TRACE_EVENT(dma_fence_deliver_callback,
	    TP_PROTO(struct dma_fence *fence, dma_fence_func_t func),
	    TP_ARGS(fence, func),

	    TP_STRUCT__entry(__field(u64, context)
			     __field(u64, seqno)
			     __field(void *, func)),

	    TP_fast_assign(__entry->context = fence->context;
			   __entry->seqno = fence->seqno;
			   __entry->func = func;),

	    TP_printk("context=%llu seqno=%llu func=%ps",
		      __entry->context, __entry->seqno, __entry->func)
);

TRACE_EVENT(dma_fence_deliver_end,
	    TP_PROTO(u64 context, u64 seqno, unsigned int count),
	    TP_ARGS(context, seqno, count),

	    TP_STRUCT__entry(__field(u64, context)
			     __field(u64, seqno)
			     __field(unsigned int, count)),

	    TP_fast_assign(__entry->context = context;
			   __entry->seqno = seqno;
			   __entry->count = count;),

	    TP_printk("context=%llu seqno=%llu count=%u",
		      __entry->context, __entry->seqno, __entry->count)
);

#endif /* _TRACE_DMA_FENCE_DELIVERY_H */

#include <trace/define_trace.h>
