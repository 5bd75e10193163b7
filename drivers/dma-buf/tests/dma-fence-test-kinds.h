/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kinds of fence callbacks as a table, so that a test of what all of them
 * promise has one body.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef _DMA_FENCE_TEST_KINDS_H
#define _DMA_FENCE_TEST_KINDS_H

#include <linux/dma-fence-cb.h>
#include <linux/kthread.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../dma-fence-internal.h"
#include "dma-fence-test.h"

/* All begin with the base. */
union dft_kind_cb {
	struct dma_fence_cb base;
	struct dma_fence_cb_wake wake;
	struct dma_fence_cb_completion completion;
	struct dma_fence_cb_work work;
	struct dma_fence_cb_delayed_work delayed_work;
	struct dma_fence_cb_kthread_work kthread_work;
	struct dma_fence_cb_signal signal;
	struct dma_fence_cb_poll poll;
};

struct dft_subject;

/**
 * struct dft_kind - one kind of callback
 * @name: name of the test parameter
 * @has_handler: a work item, whose handler calls &dft_subject.then
 * @at_once: the effect is there when the callback has returned
 * @init: makes a target; returns false when there is no memory
 * @exit: lets go of the target, which the callback has nothing to do with any more
 * @add: arms @cb, or asks for it
 * @or_now: the form that does by hand what the fence does not; not all have it
 * @runs: how often the target has felt the callback
 * @drain: waits until whatever has begun has had its effect
 * @cancel: what an owner does whose removal came too late
 * @removed: what a remover does who came in time
 * @references: how many there are on a target that the kind holds on to
 */
struct dft_kind {
	const char *name;
	bool has_handler;
	bool at_once;
	bool (*init)(struct dft_subject *s);
	void (*exit)(struct dft_subject *s);
	int (*add)(struct dma_fence *fence, struct dft_subject *s,
		   union dft_kind_cb *cb);
	bool (*or_now)(struct dma_fence *fence, struct dft_subject *s);
	int (*runs)(struct dft_subject *s);
	void (*drain)(struct dft_subject *s);
	void (*cancel)(struct dft_subject *s);
	void (*removed)(struct dft_subject *s);
	unsigned int (*references)(struct dft_subject *s);
};

enum {
	DFT_KIND_WAKE,
	DFT_KIND_COMPLETION,
	DFT_KIND_WORK,
	DFT_KIND_DELAYED_WORK,
	DFT_KIND_KTHREAD_WORK,
	DFT_PUBLIC_KINDS,
	DFT_KIND_SIGNAL = DFT_PUBLIC_KINDS,
	DFT_KIND_POLL,
	DFT_KINDS,
};

extern const struct dft_kind dft_kinds[DFT_KINDS];

/**
 * struct dft_subject - a callback of some kind, and what it acts on
 * @kind: which
 * @cb: the callback
 * @target: what the kind is given; a test may take it away
 * @queue: where to the target is queued, for kinds with a handler
 * @delay: of delayed work
 * @runs: how often a thread, a handler or a sleeper was there
 * @stamp: jiffies when it was, last
 * @then: what a handler does in the end, or NULL
 * @chain: for @then
 * @gate: a handler does not return before it is completed, or NULL
 * @held: references of the kind while nothing is armed
 * @ended: the target is gone
 */
struct dft_subject {
	const struct dft_kind *kind;
	union dft_kind_cb cb;
	void *target;
	void *queue;
	unsigned long delay;
	atomic_t runs;
	unsigned long stamp;
	void (*then)(struct dft_subject *s);
	struct dft_fence **chain;
	struct completion *gate;
	unsigned int held;
	bool ended;
	/* private: the targets of the kinds */
	struct task_struct *task;
	struct workqueue_struct *wq;
	struct kthread_worker *worker;
	struct dft_fence *fence;
	wait_queue_entry_t sleeper;
	union {
		struct completion done;
		struct work_struct work;
		struct delayed_work dwork;
		struct kthread_work kwork;
		wait_queue_head_t wait;
	};
};

struct dft_subject *dft_subject_new(struct kunit *test,
				    const struct dft_kind *kind);
void dft_subject_end(struct dft_subject *s);
bool dft_subject_take(struct dft_subject *s, struct dma_fence *fence);
void dft_subject_expect(struct kunit *test, struct dft_subject *s, int runs);
void dft_subject_expect_held(struct kunit *test, struct dft_subject *s,
			     unsigned int armed);

static inline int dft_subject_add(struct dft_subject *s,
				  struct dma_fence *fence)
{
	return s->kind->add(fence, s, &s->cb);
}

#endif /* _DMA_FENCE_TEST_KINDS_H */
