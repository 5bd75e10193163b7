/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core tells CONFIG_DMA_FENCE_DEBUG, and what its files share
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#ifndef __DMA_FENCE_DEBUG_H
#define __DMA_FENCE_DEBUG_H

#include <linux/dma-fence.h>
#include <linux/sched.h>

/**
 * struct dma_fence_debug_call - a callback that is running
 * @func: its function
 * @context: of the fence, which may be gone when the function returns
 * @seqno: of the fence
 * @start: when the function was called
 */
struct dma_fence_debug_call {
#ifdef CONFIG_DMA_FENCE_DEBUG
	dma_fence_func_t func;
	u64 context;
	u64 seqno;
	u64 start;
#endif
};

#ifdef CONFIG_DMA_FENCE_DEBUG

/**
 * enum dma_fence_rule - what is reported
 * @DMA_FENCE_LOST: released while published and unsignalled
 * @DMA_FENCE_AGAIN: signalled again, with another error
 * @DMA_FENCE_FREED: memory freed or initialised while published and unsignalled
 * @DMA_FENCE_STUCK: unsignalled for too long
 * @DMA_FENCE_LAST_PUT: last reference dropped where that must not be
 * @DMA_FENCE_BORROWED: last reference dropped by who had borrowed it
 * @DMA_FENCE_CB_FREED: memory of a callback freed while it was armed
 * @DMA_FENCE_CB_WIPED: a callback initialised while it was armed
 * @DMA_FENCE_CB_TWICE: a callback armed that was armed
 * @DMA_FENCE_CB_SLOW: a callback ran for too long
 * @DMA_FENCE_RULES: how many
 */
enum dma_fence_rule {
	DMA_FENCE_LOST,
	DMA_FENCE_AGAIN,
	DMA_FENCE_FREED,
	DMA_FENCE_STUCK,
	DMA_FENCE_LAST_PUT,
	DMA_FENCE_BORROWED,
	DMA_FENCE_CB_FREED,
	DMA_FENCE_CB_WIPED,
	DMA_FENCE_CB_TWICE,
	DMA_FENCE_CB_SLOW,
	DMA_FENCE_RULES,
};

/* Bits of &dma_fence_debug.state. The last three under the lock of the list. */
enum dma_fence_debug_bits {
	DMA_FENCE_DEBUG_PUBLISHED,	/* once and for all */
	DMA_FENCE_DEBUG_SHARED,		/* and by more than a file */
	DMA_FENCE_DEBUG_ABANDONABLE,
	DMA_FENCE_DEBUG_OBJECT,		/* debugobjects knows it */
	DMA_FENCE_DEBUG_CURSOR,		/* no fence */
	DMA_FENCE_DEBUG_LISTED,
	DMA_FENCE_DEBUG_DONE,		/* must not be listed any more */
	DMA_FENCE_DEBUG_STUCK,		/* was reported */
};

/**
 * struct dma_fence_cb_target - what a callback is going to do
 * @kind: in words; %NULL when only @func is known
 * @func: the function that does it, if any
 * @task: the task that is woken, if any
 */
struct dma_fence_cb_target {
	const char *kind;
	const void *func;
	struct task_struct *task;
};

/* dma-fence-debug.c */
bool dma_fence_debug_site(unsigned long site);
void dma_fence_debug_count(enum dma_fence_rule rule);
bool dma_fence_debug_report(enum dma_fence_rule rule, const void *site);
unsigned int dma_fence_debug_reports(enum dma_fence_rule rule);
const char *dma_fence_debug_rule_name(enum dma_fence_rule rule);
void dma_fence_debug_forget(void);

/* dma-fence-track.c */
void dma_fence_debug_init(struct dma_fence *fence, const void *site);
void dma_fence_debug_signaled(struct dma_fence *fence);
void dma_fence_debug_again(struct dma_fence *fence);
void dma_fence_debug_released(struct dma_fence *fence);
void dma_fence_debug_last_put(struct dma_fence *fence);
bool dma_fence_debug_is_fence(struct dma_fence *fence);
bool dma_fence_debug_object_get(void);
void dma_fence_debug_object_put(void);
const char *dma_fence_debug_driver(struct dma_fence *fence);
const char *dma_fence_debug_timeline(struct dma_fence *fence);
void dma_fence_debug_walk(bool (*visit)(struct dma_fence *fence, void *data),
			  void *data);
unsigned int dma_fence_debug_live(void);

/* dma-fence-track-cb.c */
void dma_fence_debug_add(struct dma_fence *fence, struct dma_fence_cb *cb);
void dma_fence_debug_armed(struct dma_fence *fence, struct dma_fence_cb *cb);
void dma_fence_debug_unlinked(struct dma_fence *fence, struct dma_fence_cb *cb);
void dma_fence_debug_call_begin(struct dma_fence_debug_call *call,
				struct dma_fence *fence,
				struct dma_fence_cb *cb);
void dma_fence_debug_call_end(const struct dma_fence_debug_call *call);
extern unsigned int dma_fence_debug_slow_us;

/* dma-fence-debugfs.c */
#define DMA_FENCE_STUCK_MS	60000
struct seq_file;
int dma_fence_debug_print(struct seq_file *seq);
void dma_fence_debug_set_stuck_ms(unsigned int ms);

/* dma-fence-cb.c */
void dma_fence_cb_describe(struct dma_fence_cb *cb,
			   struct dma_fence_cb_target *target);

#else /* CONFIG_DMA_FENCE_DEBUG */

static inline void dma_fence_debug_init(struct dma_fence *fence,
					const void *site) { }
static inline void dma_fence_debug_signaled(struct dma_fence *fence) { }
static inline void dma_fence_debug_again(struct dma_fence *fence) { }
static inline void dma_fence_debug_released(struct dma_fence *fence) { }
static inline void dma_fence_debug_last_put(struct dma_fence *fence) { }
static inline void dma_fence_debug_add(struct dma_fence *fence,
				       struct dma_fence_cb *cb) { }
static inline void dma_fence_debug_armed(struct dma_fence *fence,
					 struct dma_fence_cb *cb) { }
static inline void dma_fence_debug_unlinked(struct dma_fence *fence,
					    struct dma_fence_cb *cb) { }
static inline void dma_fence_debug_call_begin(struct dma_fence_debug_call *call,
					      struct dma_fence *fence,
					      struct dma_fence_cb *cb) { }
static inline void dma_fence_debug_call_end(const struct dma_fence_debug_call *call) { }

#endif /* CONFIG_DMA_FENCE_DEBUG */

#ifdef CONFIG_DMA_FENCE_DEBUG_PUT
void dma_fence_call_release(struct dma_fence *fence,
			    void (*release)(struct dma_fence *fence));
#else
static inline void dma_fence_call_release(struct dma_fence *fence,
					  void (*release)(struct dma_fence *fence))
{
	release(fence);
}
#endif

#endif /* __DMA_FENCE_DEBUG_H */
