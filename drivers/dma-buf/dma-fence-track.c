// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeping track of fences: who has published one owes a signal
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

/**
 * DOC: obligation tracking
 *
 * A fence is published when somebody other than its issuer may wait for it: with its
 * first callback, a wait, a &struct dma_resv, a &sync_file or a &drm_syncobj. From
 * then on, until it signals, it is on a list, and what must not happen to it is
 * reported. A fence that was never published may be dropped as it is.
 *
 * The list does not hold references, since a fence may do without. The fence is
 * taken off before it shows as signalled, and before it is released, and whoever goes
 * through the list looks at a fence under the lock of the list only. So the names are
 * asked for when the fence is published, and operations of drivers are not called.
 *
 * A driver that sets the SIGNALED bit itself leaves its fence on the list until the
 * release, or until the core comes to claim it.
 */

#include <linux/debugobjects.h>
#include <linux/export.h>
#include <linux/hash.h>
#include <linux/init.h>
#include <linux/sched/task_stack.h>
#include <linux/spinlock.h>

#include <kunit/visibility.h>

#include "dma-fence-internal.h"

#define BUCKET_BITS	8
#define WALK_AT_ONCE	16
#define FENCE_MAGIC	0x6dfe5ce1UL
/* Debugobjects is not made for hundreds of objects in one page. */
#define MAX_OBJECTS	8192

static struct bucket {
	raw_spinlock_t lock;	/* protects @fences and links and bits of its entries */
	struct list_head fences;
} buckets[1 << BUCKET_BITS];

static atomic_t live = ATOMIC_INIT(0);
static atomic_t objects = ATOMIC_INIT(0);

static struct bucket *bucket_of(struct dma_fence *fence)
{
	return &buckets[hash_ptr(fence, BUCKET_BITS)];
}

/* Constant for a fence, and unlikely to be found in memory that is none. */
static unsigned long magic_of(struct dma_fence *fence)
{
	return (unsigned long)fence ^ FENCE_MAGIC;
}

/*
 * Names, as long as they are good. In an RCU read-side section.
 */
const char *dma_fence_debug_driver(struct dma_fence *fence)
{
	return dma_fence_test_signaled_flag(fence) ? "signaled-driver" :
						     fence->debug.driver;
}

const char *dma_fence_debug_timeline(struct dma_fence *fence)
{
	return dma_fence_test_signaled_flag(fence) ? "signaled-timeline" :
						     fence->debug.timeline;
}

/*
 * dma_fence_debug_is_fence - does a pointer of unknown origin lead to a fence that is
 * published and unsignalled?
 *
 * Looks at no memory but that of the list.
 */
bool dma_fence_debug_is_fence(struct dma_fence *fence)
{
	struct bucket *b = bucket_of(fence);
	struct dma_fence_debug *d;

	guard(raw_spinlock_irqsave)(&b->lock);
	list_for_each_entry(d, &b->fences, link)
		if (d == &fence->debug)
			return true;
	return false;
}

/* dma_fence_debug_live - how many fences are on the list */
unsigned int dma_fence_debug_live(void)
{
	return atomic_read(&live);
}
EXPORT_SYMBOL_IF_KUNIT(dma_fence_debug_live);

/*
 * Memory that is freed, see lib/debugobjects.c. What it has no room for goes
 * unwatched.
 */

bool dma_fence_debug_object_get(void)
{
	return IS_ENABLED(CONFIG_DEBUG_OBJECTS) &&
	       atomic_add_unless(&objects, 1, MAX_OBJECTS);
}

void dma_fence_debug_object_put(void)
{
	atomic_dec(&objects);
}

static void unlist(struct dma_fence *fence);

static bool fence_fixup_free(void *addr, enum debug_obj_state state)
{
	struct dma_fence *fence = addr;

	guard(rcu)();
	if (dma_fence_debug_report(DMA_FENCE_FREED, fence->debug.site))
		pr_warn("dma_fence: %s %s %llu:%llu: memory freed while published and unsignalled\n",
			dma_fence_debug_driver(fence),
			dma_fence_debug_timeline(fence),
			fence->context, fence->seqno);
	unlist(fence);
	return true;
}

static const struct debug_obj_descr fence_descr = {
	.name = "dma_fence",
	.fixup_free = fence_fixup_free,
};

static void watch_memory(struct dma_fence *fence)
{
	if (!dma_fence_debug_object_get())
		return;

	if (object_is_on_stack(fence))
		debug_object_init_on_stack(fence, &fence_descr);
	else
		debug_object_init(fence, &fence_descr);
	debug_object_activate(fence, &fence_descr);
	set_bit(DMA_FENCE_DEBUG_OBJECT, &fence->debug.state);
}

static void unwatch_memory(struct dma_fence *fence)
{
	if (!test_and_clear_bit(DMA_FENCE_DEBUG_OBJECT, &fence->debug.state))
		return;

	debug_object_deactivate(fence, &fence_descr);
	debug_object_free(fence, &fence_descr);
	dma_fence_debug_object_put();
}

/*
 * The list
 */

static void enlist(struct dma_fence *fence)
{
	struct dma_fence_debug *d = &fence->debug;
	struct bucket *b = bucket_of(fence);
	unsigned long flags;
	bool done;

	watch_memory(fence);

	raw_spin_lock_irqsave(&b->lock, flags);
	/* It may have signalled by now, and nobody would take it off. */
	done = test_bit(DMA_FENCE_DEBUG_DONE, &d->state);
	if (!done) {
		/* At the front, so that walks come to an end. */
		list_add(&d->link, &b->fences);
		set_bit(DMA_FENCE_DEBUG_LISTED, &d->state);
		atomic_inc(&live);
	}
	raw_spin_unlock_irqrestore(&b->lock, flags);

	if (done)
		unwatch_memory(fence);
}

static void unlist(struct dma_fence *fence)
{
	struct dma_fence_debug *d = &fence->debug;
	struct bucket *b = bucket_of(fence);
	unsigned long flags;
	bool listed;

	raw_spin_lock_irqsave(&b->lock, flags);
	set_bit(DMA_FENCE_DEBUG_DONE, &d->state);
	listed = test_and_clear_bit(DMA_FENCE_DEBUG_LISTED, &d->state);
	if (listed) {
		list_del(&d->link);
		atomic_dec(&live);
	}
	raw_spin_unlock_irqrestore(&b->lock, flags);

	/* Who enlists looks for DONE afterwards. */
	if (listed)
		unwatch_memory(fence);
}

static bool walk_bucket(struct bucket *b,
			bool (*visit)(struct dma_fence *fence, void *data),
			void *data)
{
	struct dma_fence_debug cursor = {
		.state = BIT(DMA_FENCE_DEBUG_CURSOR),
	}, *d;
	unsigned int left = WALK_AT_ONCE;
	bool more = true;

	raw_spin_lock_irq(&b->lock);
	list_add(&cursor.link, &b->fences);
	while (more && !list_is_last(&cursor.link, &b->fences)) {
		d = list_next_entry(&cursor, link);
		list_move(&cursor.link, &d->link);
		if (!test_bit(DMA_FENCE_DEBUG_CURSOR, &d->state))
			more = visit(container_of(d, struct dma_fence, debug),
				     data);
		if (--left)
			continue;

		left = WALK_AT_ONCE;
		raw_spin_unlock_irq(&b->lock);
		cond_resched();
		raw_spin_lock_irq(&b->lock);
	}
	list_del(&cursor.link);
	raw_spin_unlock_irq(&b->lock);
	return more;
}

/*
 * dma_fence_debug_walk - look at all fences that are published and unsignalled
 * @visit: called under a raw spinlock, returns false to end the walk
 *
 * In process context. Fences that come and go meanwhile may be missed.
 */
void dma_fence_debug_walk(bool (*visit)(struct dma_fence *fence, void *data),
			  void *data)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(buckets); i++)
		if (!walk_bucket(&buckets[i], visit, data))
			break;
}

static int __init dma_fence_track_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(buckets); i++) {
		raw_spin_lock_init(&buckets[i].lock);
		INIT_LIST_HEAD(&buckets[i].fences);
	}
	return 0;
}
early_initcall(dma_fence_track_init);

/*
 * What happens in the life of a fence
 */

/*
 * dma_fence_debug_init - there is a fence
 * @site: what its kind is told by
 */
void dma_fence_debug_init(struct dma_fence *fence, const void *site)
{
	/* Else the memory may hold anything. */
	if (unlikely(fence->debug.magic == magic_of(fence) &&
		     test_bit(DMA_FENCE_DEBUG_LISTED, &fence->debug.state))) {
		if (dma_fence_debug_report(DMA_FENCE_FREED, fence->debug.site))
			WARN(1, "dma_fence: %s %s is initialised while published and unsignalled\n",
			     fence->debug.driver, fence->debug.timeline);
		unlist(fence);
	}
	fence->debug = (struct dma_fence_debug){
		.site = site,
		.magic = magic_of(fence),
	};
}

/**
 * __dma_fence_debug_published - what is behind dma_fence_debug_published()
 * @fence: the fence, or %NULL
 * @shared: somebody has it, as opposed to a file that may not be installed
 *
 * Context: any.
 */
void __dma_fence_debug_published(struct dma_fence *fence, bool shared)
{
	struct dma_fence_debug *d;

	if (!fence || dma_fence_test_signaled_flag(fence))
		return;

	d = &fence->debug;
	if (shared && !test_bit(DMA_FENCE_DEBUG_SHARED, &d->state))
		set_bit(DMA_FENCE_DEBUG_SHARED, &d->state);
	if (test_bit(DMA_FENCE_DEBUG_PUBLISHED, &d->state) ||
	    test_and_set_bit(DMA_FENCE_DEBUG_PUBLISHED, &d->state))
		return;

	d->since = ktime_get();
	scoped_guard(rcu) {
		d->driver = (const char __force *)dma_fence_driver_name(fence);
		d->timeline = (const char __force *)dma_fence_timeline_name(fence);
	}
	enlist(fence);
}
EXPORT_SYMBOL(__dma_fence_debug_published);

/**
 * __dma_fence_debug_abandonable - what is behind dma_fence_debug_abandonable()
 * @fence: the fence
 *
 * Context: any.
 */
void __dma_fence_debug_abandonable(struct dma_fence *fence)
{
	set_bit(DMA_FENCE_DEBUG_ABANDONABLE, &fence->debug.state);
}
EXPORT_SYMBOL(__dma_fence_debug_abandonable);

/*
 * dma_fence_debug_signaled - the core is about to show the fence as signalled
 *
 * Fence lock held.
 */
void dma_fence_debug_signaled(struct dma_fence *fence)
{
	fence->debug.error = fence->error;
	unlist(fence);
}

/*
 * dma_fence_debug_again - somebody wanted to signal, and the fence had
 */
void dma_fence_debug_again(struct dma_fence *fence)
{
	struct dma_fence_debug *d = &fence->debug;
	int error = READ_ONCE(fence->error), old = READ_ONCE(d->error);

	if (likely(error == old) ||
	    !test_bit(DMA_FENCE_FLAG_CLAIMED_BIT, &fence->flags))
		return;

	d->error = error;
	if (!dma_fence_debug_report(DMA_FENCE_AGAIN, d->site))
		return;
	guard(rcu)();
	WARN(1, "dma_fence: %s %s %llu:%llu: signalled again with error %d, was %d\n",
	     (const char __force *)dma_fence_driver_name(fence),
	     (const char __force *)dma_fence_timeline_name(fence),
	     fence->context, fence->seqno, error, old);
}

/*
 * Does the issuer owe a signal? Members do it for their container. A fence that was
 * not asked to signal need not do it by itself, if it can be asked.
 */
static bool is_owed(struct dma_fence *fence)
{
	const struct dma_fence_ops *ops = rcu_dereference(fence->ops);
	unsigned long state = READ_ONCE(fence->debug.state);

	if (!(state & BIT(DMA_FENCE_DEBUG_SHARED)) ||
	    (state & BIT(DMA_FENCE_DEBUG_ABANDONABLE)) ||
	    dma_fence_test_signaled_flag(fence) || dma_fence_is_container(fence))
		return false;
	return !ops || !ops->enable_signaling ||
	       test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags);
}

/*
 * dma_fence_debug_released - the last reference has gone, and nobody waits
 *
 * In an RCU read-side section.
 */
void dma_fence_debug_released(struct dma_fence *fence)
{
	bool lost = is_owed(fence);

	unlist(fence);
	if (lost && dma_fence_debug_report(DMA_FENCE_LOST, fence->debug.site))
		WARN(1, "dma_fence: %s %s %llu:%llu: released while published and unsignalled\n",
		     dma_fence_debug_driver(fence),
		     dma_fence_debug_timeline(fence),
		     fence->context, fence->seqno);
}

/*
 * May the release take the lock of the fence, or free it? On PREEMPT_RT an unlock
 * leaves the RCU read-side section before it is through with the lock.
 */
static bool release_needs_lock(struct dma_fence *fence)
{
	const struct dma_fence_ops *ops = rcu_dereference(fence->ops);

	return !dma_fence_test_signaled_flag(fence) || (ops && ops->release) ||
	       test_bit(DMA_FENCE_FLAG_INLINE_LOCK_BIT, &fence->flags);
}

/*
 * dma_fence_debug_last_put - the last reference is dropped here
 *
 * In an RCU read-side section.
 */
void dma_fence_debug_last_put(struct dma_fence *fence)
{
	bool locked = release_needs_lock(fence) &&
		      dma_fence_lockdep_holds(dma_fence_spinlock(fence));

	if (likely(!locked && !in_nmi()))
		return;
	if (dma_fence_debug_report(DMA_FENCE_LAST_PUT, fence->debug.site))
		WARN(1, "dma_fence: %s %s %llu:%llu: last reference dropped %s\n",
		     (const char __force *)dma_fence_driver_name(fence),
		     (const char __force *)dma_fence_timeline_name(fence),
		     fence->context, fence->seqno,
		     locked ? "under the lock of the fence" : "in NMI");
}

/**
 * dma_fence_release_borrowed - what dma_fence_put_borrowed() does with the last
 * reference
 * @kref: &dma_fence.refcount
 *
 * Not to be called directly.
 *
 * Context: as for dma_fence_release().
 */
void dma_fence_release_borrowed(struct kref *kref)
{
	struct dma_fence *fence = container_of(kref, struct dma_fence, refcount);

	scoped_guard(rcu)
		if (dma_fence_debug_report(DMA_FENCE_BORROWED, fence->debug.site))
			WARN(1, "dma_fence: %s %s %llu:%llu: a borrowed reference was the last\n",
			     (const char __force *)dma_fence_driver_name(fence),
			     (const char __force *)dma_fence_timeline_name(fence),
			     fence->context, fence->seqno);
	dma_fence_release(kref);
}
EXPORT_SYMBOL(dma_fence_release_borrowed);
