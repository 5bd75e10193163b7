// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints of delivery: what they tell, and that they are told it in time.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/dma-fence-batch.h>
#include <linux/slab.h>
#include <trace/events/dma_fence_delivery.h>

#include "dma-fence-test-container.h"
#include "dma-fence-test.h"

/* On PREEMPT_RT nothing else delivers. */
#define TRACE_FROM(from)	(IS_ENABLED(CONFIG_PREEMPT_RT) ?	\
				 DMA_FENCE_DELIVER_DEFERRED :		\
				 DMA_FENCE_DELIVER_##from)
#define TRACE_MANY		70
/* How many callbacks a window has that interrupts wait for. */
#define TRACE_WINDOW		32

enum trace_what {
	TRACE_BEGIN,
	TRACE_CALLBACK,
	TRACE_END,
};

struct trace_event {
	enum trace_what what;
	u64 context;
	u64 seqno;
	int error;
	unsigned int number;	/* where from, or how many */
	dma_fence_func_t func;
};

/**
 * struct trace_log - what the probes were told
 * @lock: protects what follows
 * @since: fences of earlier contexts are not of the test
 * @count: number of events
 * @read: number of events that the test has looked at
 * @events: the events
 */
struct trace_log {
	raw_spinlock_t lock;
	u64 since;
	unsigned int count;
	unsigned int read;
	struct trace_event events[2 * TRACE_MANY];
};

static void trace_record(struct trace_log *log, struct trace_event event)
{
	guard(raw_spinlock_irqsave)(&log->lock);
	if (event.context < log->since)
		return;
	if (log->count < ARRAY_SIZE(log->events))
		log->events[log->count] = event;
	dft_store(&log->count, log->count + 1);
}

static void trace_saw_begin(void *log, struct dma_fence *fence,
			    enum dma_fence_deliver_from from)
{
	trace_record(log, (struct trace_event){
			     .what = TRACE_BEGIN,
			     .context = fence->context,
			     .seqno = fence->seqno,
			     .error = fence->error,
			     .number = from,
		     });
}

static void trace_saw_callback(void *log, struct dma_fence *fence,
			       dma_fence_func_t func)
{
	trace_record(log, (struct trace_event){
			     .what = TRACE_CALLBACK,
			     .context = fence->context,
			     .seqno = fence->seqno,
			     .func = func,
		     });
}

static void trace_saw_end(void *log, u64 context, u64 seqno, unsigned int count)
{
	trace_record(log, (struct trace_event){
			     .what = TRACE_END,
			     .context = context,
			     .seqno = seqno,
			     .number = count,
		     });
}

static void trace_first(struct dma_fence *fence, struct dma_fence_cb *cb)
{
}

static void trace_second(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	barrier();
}

/* A function that nobody can know. */
#define TRACE_ANY	((dma_fence_func_t)NULL)

static const dma_fence_func_t trace_both[] = { trace_first, trace_second };
static const dma_fence_func_t trace_one[] = { trace_first };
static const dma_fence_func_t trace_any[] = { TRACE_ANY };

struct trace_listeners {
	struct dma_fence *fence;
	unsigned int count;
	struct dma_fence_cb cbs[];
};

/* A test that was given up must not leave them on its fence. */
static void trace_deafen(void *data)
{
	struct trace_listeners *listeners = data;
	unsigned int i;

	for (i = 0; i < listeners->count; i++)
		dma_fence_remove_callback(listeners->fence, &listeners->cbs[i]);
}

static struct dma_fence_cb *trace_listen(struct kunit *test,
					 struct dma_fence *fence,
					 const dma_fence_func_t *funcs,
					 unsigned int count)
{
	struct trace_listeners *l = kunit_kzalloc(test, struct_size(l, cbs, count),
						  GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, l);
	l->fence = fence;
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, trace_deafen, l), 0);
	for (; l->count < count; l->count++)
		KUNIT_ASSERT_EQ(test,
				dma_fence_add_callback(fence, &l->cbs[l->count],
						       funcs[l->count]), 0);
	return l->cbs;
}

static struct dma_fence *trace_fence(struct kunit *test)
{
	return &dft_fence_new(test, &dft_names_ops, DFT_INLINE_LOCK)->base;
}

static void trace_put(void *fence)
{
	dma_fence_put(fence);
}

static struct dma_fence *trace_array(struct kunit *test, struct dft_set *set)
{
	struct dma_fence *array = dft_array_new(test, set);

	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, trace_put, array), 0);
	return array;
}

/* Nothing but @count events have come, or will. */
static void trace_await(struct kunit *test, unsigned int count)
{
	struct trace_log *log = test->priv;

	KUNIT_EXPECT_TRUE(test, sleep_until(dft_load(&log->count) >= count));
	KUNIT_ASSERT_EQ(test, dft_load(&log->count), count);
	KUNIT_ASSERT_LE(test, count, ARRAY_SIZE(log->events));
}

static const struct trace_event *trace_next(struct kunit *test,
					    enum trace_what what, u64 context)
{
	struct trace_log *log = test->priv;
	const struct trace_event *event = &log->events[log->read++];

	KUNIT_ASSERT_LE(test, log->read, log->count);
	KUNIT_ASSERT_EQ(test, event->what, what);
	KUNIT_EXPECT_EQ(test, event->context, context);
	KUNIT_EXPECT_EQ(test, event->seqno, 1);
	return event;
}

static void trace_expect(struct kunit *test, u64 context,
			 enum dma_fence_deliver_from from, int error,
			 const dma_fence_func_t *funcs, unsigned int count)
{
	const struct trace_event *event;
	unsigned int i;

	event = trace_next(test, TRACE_BEGIN, context);
	KUNIT_EXPECT_EQ(test, event->number, from);
	KUNIT_EXPECT_EQ(test, event->error, error);
	for (i = 0; i < count; i++) {
		event = trace_next(test, TRACE_CALLBACK, context);
		if (funcs[i] == TRACE_ANY)
			KUNIT_EXPECT_NOT_NULL(test, event->func);
		else
			KUNIT_EXPECT_PTR_EQ(test, event->func, funcs[i]);
	}
	event = trace_next(test, TRACE_END, context);
	KUNIT_EXPECT_EQ(test, event->number, count);
}

static void trace_direct(struct kunit *test)
{
	struct dma_fence *fence = trace_fence(test);

	/*
	 * Verify that a signal has one window, with its callbacks in order, and
	 * that the error of the fence is told.
	 */

	trace_listen(test, fence, trace_both, 2);
	dma_fence_set_error(fence, -EIO);
	dma_fence_signal(fence);
	trace_await(test, 4);
	trace_expect(test, fence->context, TRACE_FROM(DIRECT), -EIO, trace_both, 2);
}

static void trace_batch(struct kunit *test)
{
	struct dma_fence *first = trace_fence(test), *second = trace_fence(test);
	struct dma_fence_batch batch;

	/* Verify that each fence of a batch has a window of its own. */

	trace_listen(test, first, trace_both, 2);
	trace_listen(test, second, trace_one, 1);
	dma_fence_batch_init(&batch);
	dma_fence_batch_signal_unlocked(&batch, first);
	dma_fence_batch_signal_unlocked(&batch, second);
	dma_fence_batch_deliver(&batch);
	trace_await(test, 7);
	trace_expect(test, first->context, TRACE_FROM(BATCH), 0, trace_both, 2);
	trace_expect(test, second->context, TRACE_FROM(BATCH), 0, trace_one, 1);
}

static void trace_locked(struct kunit *test)
{
	struct dma_fence *fence = trace_fence(test);

	/* Verify that what waits for the lock to be dropped is seen to. */

	trace_listen(test, fence, trace_both, 2);
	dft_signal_locked(to_dft_fence(fence));
	trace_await(test, 4);
	trace_expect(test, fence->context, DMA_FENCE_DELIVER_DEFERRED, 0,
		     trace_both, 2);
}

static void trace_flushed(struct kunit *test)
{
	struct dma_fence *fence = trace_fence(test);
	unsigned long flags;

	/* Verify that who flushes a fence delivers its callbacks. */

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "only the thread delivers");

	trace_listen(test, fence, trace_both, 2);
	local_irq_save(flags);
	dft_signal_locked(to_dft_fence(fence));
	dma_fence_flush_callbacks(fence);
	local_irq_restore(flags);
	trace_await(test, 4);
	trace_expect(test, fence->context, DMA_FENCE_DELIVER_BATCH, 0,
		     trace_both, 2);
}

static void trace_removed(struct kunit *test)
{
	struct dma_fence *fence = trace_fence(test);
	struct dma_fence_cb *cbs;

	/* Verify that a callback that was removed is not counted. */

	cbs = trace_listen(test, fence, trace_both, 2);
	KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback(fence, &cbs[1]));
	dma_fence_signal(fence);
	trace_await(test, 3);
	trace_expect(test, fence->context, TRACE_FROM(DIRECT), 0, trace_one, 1);
}

static void trace_windows(struct kunit *test)
{
	struct dma_fence *fence = trace_fence(test);
	dma_fence_func_t funcs[TRACE_MANY];
	unsigned int i, rest = TRACE_MANY - 2 * TRACE_WINDOW;

	/*
	 * Verify that callbacks that are too many for one window have several, of
	 * which the later ones come from where the first has put the rest.
	 */

	for (i = 0; i < TRACE_MANY; i++)
		funcs[i] = trace_both[i % 2];
	trace_listen(test, fence, funcs, TRACE_MANY);
	dma_fence_signal(fence);
	trace_await(test, TRACE_MANY + 6);
	trace_expect(test, fence->context, TRACE_FROM(DIRECT), 0, funcs,
		     TRACE_WINDOW);
	trace_expect(test, fence->context, TRACE_FROM(BATCH), 0, funcs,
		     TRACE_WINDOW);
	trace_expect(test, fence->context, TRACE_FROM(BATCH), 0, funcs, rest);
}

static void trace_container(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, 2, DFT_SET_INLINE);
	struct dma_fence *array = trace_array(test, set);

	/*
	 * Verify that a container has its window right after the one of the
	 * member that completes it, and none before.
	 */

	trace_listen(test, array, trace_both, 2);
	dma_fence_signal(dft_member(set, 0));
	trace_await(test, 3);
	dma_fence_signal(dft_member(set, 1));
	trace_await(test, 10);
	trace_expect(test, dft_member(set, 0)->context, TRACE_FROM(DIRECT), 0,
		     trace_any, 1);
	trace_expect(test, dft_member(set, 1)->context, TRACE_FROM(DIRECT), 0,
		     trace_any, 1);
	trace_expect(test, array->context, TRACE_FROM(DIRECT), 0, trace_both, 2);
}

static void trace_nothing(struct kunit *test)
{
	struct dft_set *set = dft_set_new(test, 1, DFT_SET_INLINE);
	struct dma_fence *array = trace_array(test, set);
	unsigned int i;

	/*
	 * Verify that a fence that nobody listens to has no window, whichever way
	 * it is signalled, as a container by its last member too.
	 */

	for (i = 0; i < DFT_SIGNALLERS; i++)
		dft_signallers[i].signal(dft_fence_new(test, &dft_ops,
						       DFT_INLINE_LOCK));
	trace_await(test, 0);

	dma_fence_enable_sw_signaling(array);
	dma_fence_signal(dft_member(set, 0));
	KUNIT_EXPECT_TRUE(test, sleep_until(dma_fence_test_signaled_flag(array)));
	dma_fence_flush_callbacks(dft_member(set, 0));
	trace_await(test, 3);
	trace_expect(test, dft_member(set, 0)->context, TRACE_FROM(DIRECT), 0,
		     trace_any, 1);
}

struct trace_owned {
	struct dft_fence fence;
	struct dma_fence_cb cb;
};

static void trace_owner_leaves(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct trace_owned *owned = container_of(cb, struct trace_owned, cb);

	dft_poison(owned, sizeof(*owned));
}

static void trace_owned_fence(struct kunit *test)
{
	static const dma_fence_func_t funcs[] = { trace_owner_leaves };
	struct trace_owned *owned = kunit_kzalloc(test, sizeof(*owned), GFP_KERNEL);
	spinlock_t lock;	/* of the fence, which goes before it */
	u64 context;

	/*
	 * Verify that the end of a window takes nothing from a fence, or a
	 * callback, whose memory its owner has for himself by then.
	 */

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "there delivery has a reference");

	KUNIT_ASSERT_NOT_NULL(test, owned);
	spin_lock_init(&lock);
	dft_fence_init(&owned->fence, &dft_names_ops, &lock);
	context = owned->fence.base.context;
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&owned->fence.base, &owned->cb,
						     trace_owner_leaves), 0);
	dma_fence_signal(&owned->fence.base);
	KUNIT_EXPECT_TRUE(test, dft_poisoned(owned, sizeof(*owned)));
	trace_await(test, 3);
	trace_expect(test, context, DMA_FENCE_DELIVER_DIRECT, 0, funcs, 1);
}

static void trace_unregister(void *log)
{
	unregister_trace_dma_fence_deliver_begin(trace_saw_begin, log);
	unregister_trace_dma_fence_deliver_callback(trace_saw_callback, log);
	unregister_trace_dma_fence_deliver_end(trace_saw_end, log);
	tracepoint_synchronize_unregister();
}

static int trace_init(struct kunit *test)
{
	struct trace_log *log;
	int ret;

	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "needs CONFIG_TRACEPOINTS");

	log = kunit_kzalloc(test, sizeof(*log), GFP_KERNEL);
	if (!log)
		return -ENOMEM;
	raw_spin_lock_init(&log->lock);
	log->since = dma_fence_context_alloc(1);
	test->priv = log;

	ret = register_trace_dma_fence_deliver_begin(trace_saw_begin, log);
	ret = ret ?: register_trace_dma_fence_deliver_callback(trace_saw_callback,
							       log);
	ret = ret ?: register_trace_dma_fence_deliver_end(trace_saw_end, log);
	ret = kunit_add_action_or_reset(test, trace_unregister, log) ?: ret;
	/* One CPU's thread keeps the order that there is. */
	return ret ?: dft_pin(test);
}

static struct kunit_case trace_test_cases[] = {
	KUNIT_CASE(trace_direct),
	KUNIT_CASE(trace_batch),
	KUNIT_CASE(trace_locked),
	KUNIT_CASE(trace_flushed),
	KUNIT_CASE(trace_removed),
	KUNIT_CASE(trace_windows),
	KUNIT_CASE(trace_container),
	KUNIT_CASE(trace_nothing),
	KUNIT_CASE(trace_owned_fence),
	{}
};

static struct kunit_suite trace_suite = {
	.name = "dma_fence_trace",
	.init = trace_init,
	.test_cases = trace_test_cases,
};

kunit_test_suite(trace_suite);
