// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kinds of fence callbacks
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

/**
 * DOC: callback kinds
 *
 * A driver does not supply code to run when a fence signals. It says what is to
 * happen, and has its code run where that is harmless:
 *
 * ==================================  ==========================================
 * dma_fence_add_wake()                a task is woken
 * dma_fence_add_completion()          a completion is completed
 * dma_fence_add_work()                a work item is queued
 * dma_fence_add_delayed_work()        a work item is queued, to run after a delay
 * dma_fence_add_kthread_work()        a work is queued to a thread of its own
 * ==================================  ==========================================
 *
 * All of them behave alike. The structure is the caller's, embedded in something
 * of his or on his stack, and needs no initialisation. It belongs to the fence until
 * the action has begun or dma_fence_remove_callback() has returned. The caller has
 * a reference on the fence for as long. The action takes place once, in any context,
 * under no fence lock, and takes raw spinlocks only.
 *
 * What the action is done to, and the structure itself, may go
 *
 * * as soon as the action has had its effect: the waiter of the completion may
 *   return, and the work item may free what both are embedded in. The core has
 *   forgotten the structure by then, and the fence is not touched on its account;
 *
 * * as soon as the removal has returned, whatever it says. When it returns false
 *   the action has taken place, so a work item is to be cancelled in addition.
 *
 * A woken task must go the second way, since it may find the fence signalled
 * without having been woken.
 *
 * When the fence has signalled already nothing is started and -ENOENT returned.
 * Who would do by hand then what the fence does otherwise calls the function whose
 * name ends in ``_or_now`` instead, which does it.
 *
 * The worker finds out how the fence ended by dma_fence_get_status(), from a
 * reference that was kept for it.
 */

#include <linux/completion.h>
#include <linux/dma-fence-cb.h>
#include <linux/dma-fence-core-cb.h>
#include <linux/eventfd.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/poll.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "dma-fence-internal.h"

/*
 * What the fence calls. Each takes out of its structure what it needs before it
 * acts, since the structure may be gone as soon as it has.
 */

void __dma_fence_cb_wake(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dma_fence_cb_wake *w =
		container_of(cb, struct dma_fence_cb_wake, base);
	struct task_struct *task = w->task;

	wake_up_process(task);
	put_task_struct(task);
}

static void cb_complete(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dma_fence_cb_completion *c =
		container_of(cb, struct dma_fence_cb_completion, base);

	complete(c->done);
}

static void cb_queue_work(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dma_fence_cb_work *w =
		container_of(cb, struct dma_fence_cb_work, base);

	queue_work(w->wq, w->work);
}

static void cb_queue_delayed_work(struct dma_fence *fence,
				  struct dma_fence_cb *cb)
{
	struct dma_fence_cb_delayed_work *w =
		container_of(cb, struct dma_fence_cb_delayed_work, base);

	queue_delayed_work(w->wq, w->dwork, w->delay);
}

static void cb_queue_kthread_work(struct dma_fence *fence,
				  struct dma_fence_cb *cb)
{
	struct dma_fence_cb_kthread_work *w =
		container_of(cb, struct dma_fence_cb_kthread_work, base);

	kthread_queue_work(w->worker, w->work);
}

static int refuse(struct dma_fence_cb *cb)
{
	if (cb)
		dma_fence_cb_refused(cb);
	return -EINVAL;
}

/**
 * dma_fence_add_wake - have a fence wake a task
 * @fence: the fence, on which the caller has a reference
 * @w: memory for the callback
 * @task: the task, mostly %current; in any sleeping state but a special one
 *
 * The callback has a reference on @task, so it does no harm when the task has
 * exited before the fence signals.
 *
 * The task sets its state, looks whether the fence has signalled, and sleeps if it
 * has not. Before it lets go of @w it calls dma_fence_remove_callback() in any case.
 *
 * Context: any, the fence lock not held.
 * Return: 0 when the task will be woken, -ENOENT when the fence has signalled,
 * -EINVAL, with a warning, when an argument is missing.
 */
int dma_fence_add_wake(struct dma_fence *fence, struct dma_fence_cb_wake *w,
		       struct task_struct *task)
{
	int ret;

	if (WARN_ON_ONCE(!fence || !w || !task))
		return refuse(w ? &w->base : NULL);

	w->task = get_task_struct(task);
	ret = dma_fence_add_callback(fence, &w->base, __dma_fence_cb_wake);
	if (ret)
		put_task_struct(task);
	return ret;
}
EXPORT_SYMBOL(dma_fence_add_wake);

/**
 * dma_fence_wake_or_now - have a fence wake a task, or wake it
 * @fence: the fence, or %NULL for one that has signalled
 * @w: memory for the callback
 * @task: the task
 *
 * Only after true, @w must be removed before it goes.
 *
 * Context: any, the fence lock not held.
 * Return: true when the fence will wake the task, false when it was woken now.
 */
bool dma_fence_wake_or_now(struct dma_fence *fence, struct dma_fence_cb_wake *w,
			   struct task_struct *task)
{
	int ret = fence ? dma_fence_add_wake(fence, w, task) : -ENOENT;

	if (ret == -ENOENT)
		wake_up_process(task);
	return !ret;
}
EXPORT_SYMBOL(dma_fence_wake_or_now);

/**
 * dma_fence_add_completion - have a fence complete a completion
 * @fence: the fence, on which the caller has a reference
 * @c: memory for the callback
 * @done: the completion; initialised
 *
 * One waiter is released, as by complete(). Whoever has waited may let go of @done
 * and @c at once; whoever gives up waiting calls dma_fence_remove_callback() first.
 *
 * Context: any, the fence lock not held.
 * Return: 0 when @done will be completed, -ENOENT when the fence has signalled,
 * -EINVAL, with a warning, when an argument is missing.
 */
int dma_fence_add_completion(struct dma_fence *fence,
			     struct dma_fence_cb_completion *c,
			     struct completion *done)
{
	if (WARN_ON_ONCE(!fence || !c || !done))
		return refuse(c ? &c->base : NULL);

	c->done = done;
	return dma_fence_add_callback(fence, &c->base, cb_complete);
}
EXPORT_SYMBOL(dma_fence_add_completion);

/**
 * dma_fence_completion_or_now - have a fence complete a completion, or complete it
 * @fence: the fence, or %NULL for one that has signalled
 * @c: memory for the callback
 * @done: the completion
 *
 * Context: any, the fence lock not held.
 * Return: true when the fence will complete @done, false when it was completed now.
 */
bool dma_fence_completion_or_now(struct dma_fence *fence,
				 struct dma_fence_cb_completion *c,
				 struct completion *done)
{
	int ret = fence ? dma_fence_add_completion(fence, c, done) : -ENOENT;

	if (ret == -ENOENT)
		complete(done);
	return !ret;
}
EXPORT_SYMBOL(dma_fence_completion_or_now);

/**
 * dma_fence_add_work - have a fence queue a work item
 * @fence: the fence, on which the caller has a reference
 * @w: memory for the callback
 * @wq: the workqueue
 * @work: the work item; initialised
 *
 * The handler may free @w and @work. An owner who wants to free them before calls
 * dma_fence_cancel_work_sync(), after which the work item neither runs nor will. @wq
 * stays until then.
 *
 * As with queue_work() nothing happens when @work is already queued.
 *
 * Context: any, the fence lock not held.
 * Return: 0 when @work will be queued, -ENOENT when the fence has signalled,
 * -EINVAL, with a warning, when an argument is missing.
 */
int dma_fence_add_work(struct dma_fence *fence, struct dma_fence_cb_work *w,
		       struct workqueue_struct *wq, struct work_struct *work)
{
	if (WARN_ON_ONCE(!fence || !w || !wq || !work))
		return refuse(w ? &w->base : NULL);

	w->wq = wq;
	w->work = work;
	return dma_fence_add_callback(fence, &w->base, cb_queue_work);
}
EXPORT_SYMBOL(dma_fence_add_work);

/**
 * dma_fence_work_or_now - have a fence queue a work item, or queue it
 * @fence: the fence, or %NULL for one that has signalled
 * @w: memory for the callback
 * @wq: the workqueue
 * @work: the work item
 *
 * Context: any, the fence lock not held.
 * Return: true when the fence will queue @work, false when it was queued now.
 */
bool dma_fence_work_or_now(struct dma_fence *fence, struct dma_fence_cb_work *w,
			   struct workqueue_struct *wq,
			   struct work_struct *work)
{
	int ret = fence ? dma_fence_add_work(fence, w, wq, work) : -ENOENT;

	if (ret == -ENOENT) {
		/* For dma_fence_cancel_work_sync(). Before the handler may free it. */
		w->work = work;
		queue_work(wq, work);
	}
	return !ret;
}
EXPORT_SYMBOL(dma_fence_work_or_now);

/**
 * dma_fence_add_delayed_work - have a fence queue a work item for later
 * @fence: the fence, on which the caller has a reference
 * @w: memory for the callback
 * @wq: the workqueue
 * @dwork: the work item; initialised
 * @delay: jiffies that pass between the signal and the queueing
 *
 * As dma_fence_add_work(), with dma_fence_cancel_delayed_work_sync() for the owner.
 *
 * Context: any, the fence lock not held.
 * Return: 0 when @dwork will be queued, -ENOENT when the fence has signalled,
 * -EINVAL, with a warning, when an argument is missing.
 */
int dma_fence_add_delayed_work(struct dma_fence *fence,
			       struct dma_fence_cb_delayed_work *w,
			       struct workqueue_struct *wq,
			       struct delayed_work *dwork, unsigned long delay)
{
	if (WARN_ON_ONCE(!fence || !w || !wq || !dwork))
		return refuse(w ? &w->base : NULL);

	w->wq = wq;
	w->dwork = dwork;
	w->delay = delay;
	return dma_fence_add_callback(fence, &w->base, cb_queue_delayed_work);
}
EXPORT_SYMBOL(dma_fence_add_delayed_work);

/**
 * dma_fence_delayed_work_or_now - have a fence queue a work item for later, or
 * queue it for later
 * @fence: the fence, or %NULL for one that has signalled
 * @w: memory for the callback
 * @wq: the workqueue
 * @dwork: the work item
 * @delay: jiffies from the signal, or from now
 *
 * Context: any, the fence lock not held.
 * Return: true when the fence will queue @dwork, false when its delay has begun.
 */
bool dma_fence_delayed_work_or_now(struct dma_fence *fence,
				   struct dma_fence_cb_delayed_work *w,
				   struct workqueue_struct *wq,
				   struct delayed_work *dwork,
				   unsigned long delay)
{
	int ret = fence ? dma_fence_add_delayed_work(fence, w, wq, dwork, delay) :
			  -ENOENT;

	if (ret == -ENOENT) {
		w->dwork = dwork;
		queue_delayed_work(wq, dwork, delay);
	}
	return !ret;
}
EXPORT_SYMBOL(dma_fence_delayed_work_or_now);

/**
 * dma_fence_add_kthread_work - have a fence queue work for a thread
 * @fence: the fence, on which the caller has a reference
 * @w: memory for the callback
 * @worker: the thread
 * @work: the work; initialised
 *
 * As dma_fence_add_work(), with dma_fence_cancel_kthread_work_sync() for the owner,
 * who calls it before the worker is destroyed.
 *
 * Context: any, the fence lock not held.
 * Return: 0 when @work will be queued, -ENOENT when the fence has signalled,
 * -EINVAL, with a warning, when an argument is missing.
 */
int dma_fence_add_kthread_work(struct dma_fence *fence,
			       struct dma_fence_cb_kthread_work *w,
			       struct kthread_worker *worker,
			       struct kthread_work *work)
{
	if (WARN_ON_ONCE(!fence || !w || !worker || !work))
		return refuse(w ? &w->base : NULL);

	w->worker = worker;
	w->work = work;
	return dma_fence_add_callback(fence, &w->base, cb_queue_kthread_work);
}
EXPORT_SYMBOL(dma_fence_add_kthread_work);

/**
 * dma_fence_kthread_work_or_now - have a fence queue work for a thread, or queue it
 * @fence: the fence, or %NULL for one that has signalled
 * @w: memory for the callback
 * @worker: the thread
 * @work: the work
 *
 * Context: any, the fence lock not held.
 * Return: true when the fence will queue @work, false when it was queued now.
 */
bool dma_fence_kthread_work_or_now(struct dma_fence *fence,
				   struct dma_fence_cb_kthread_work *w,
				   struct kthread_worker *worker,
				   struct kthread_work *work)
{
	int ret = fence ? dma_fence_add_kthread_work(fence, w, worker, work) :
			  -ENOENT;

	if (ret == -ENOENT) {
		w->work = work;
		kthread_queue_work(worker, work);
	}
	return !ret;
}
EXPORT_SYMBOL(dma_fence_kthread_work_or_now);

/*
 * Kinds for the core and its neighbours, who were looked at one by one. Drivers
 * do not come to have them by accident: they have a header of their own, and
 * modules that do not import the namespace cannot be loaded.
 */

/* For a caller who holds some fence's lock: callbacks of @target come later. */
static void signal_deferred(struct dma_fence *target, ktime_t timestamp)
{
	unsigned long flags;
	spinlock_t *lock = dma_fence_lock_pending(target, &flags);

	if (!lock)
		return;
	__dma_fence_signal_locked(target, timestamp);
	spin_unlock_irqrestore(lock, flags);
}

/*
 * A driver that signals by itself calls callbacks under its lock, and a remover counts
 * on that lock. So the callback cannot be put off, only what it leads to.
 */
static void cb_signal(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dma_fence_cb_signal *s =
		container_of(cb, struct dma_fence_cb_signal, base);
	struct dma_fence *target = s->target;

	if (fence->error)
		dma_fence_set_error_unless_signaled(target, fence->error);
	if (likely(test_bit(DMA_FENCE_FLAG_CLAIMED_BIT, &fence->flags)))
		__dma_fence_signal(target, dma_fence_timestamp(fence));
	else
		signal_deferred(target, dma_fence_timestamp(fence));
	dma_fence_put(target);
}

/**
 * dma_fence_add_signal - have a fence signal another
 * @fence: the fence, on which the caller has a reference
 * @s: memory for the callback; may go when @target has signalled
 * @target: the other one; the callback takes a reference
 *
 * @fence stays until @target has signalled or the callback was removed.
 *
 * @target gets the error, if any, and the time of @fence. It joins the delivery of
 * @fence, so a line of fences that signal each other needs no more stack than two.
 *
 * Whoever removes the callback in time drops the reference on @target.
 *
 * Context: any, the locks of both fences not held.
 * Return: 0, or -ENOENT when @fence has signalled and @target was left alone.
 */
int dma_fence_add_signal(struct dma_fence *fence, struct dma_fence_cb_signal *s,
			 struct dma_fence *target)
{
	int ret;

	s->target = dma_fence_get(target);
	ret = dma_fence_add_callback(fence, &s->base, cb_signal);
	if (ret)
		dma_fence_put(target);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(dma_fence_add_signal, "DMA_FENCE_CORE");

static void wake_pollers(wait_queue_head_t *wait, __poll_t events)
{
	/* All of them, the exclusive ones too. */
	__wake_up(wait, TASK_NORMAL, 0, poll_to_key(events));
}

static void cb_wake_poll(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dma_fence_cb_poll *p =
		container_of(cb, struct dma_fence_cb_poll, base);

	wake_pollers(p->wait, p->events);
}

/**
 * dma_fence_add_poll - have a fence wake everybody on a wait queue
 * @fence: the fence, on which the caller has a reference
 * @p: memory for the callback
 * @wait: the wait queue; stays until the callback was removed
 * @events: what pollers are told
 *
 * Context: any, the fence lock not held, nor that of the wait queue.
 * Return: 0, or -ENOENT when the fence has signalled and nobody was woken.
 */
int dma_fence_add_poll(struct dma_fence *fence, struct dma_fence_cb_poll *p,
		       wait_queue_head_t *wait, __poll_t events)
{
	p->wait = wait;
	p->events = events;
	return dma_fence_add_callback(fence, &p->base, cb_wake_poll);
}
EXPORT_SYMBOL_NS_GPL(dma_fence_add_poll, "DMA_FENCE_CORE");

/**
 * dma_fence_poll_or_now - have a fence wake everybody on a wait queue, or wake them
 * @fence: the fence, or %NULL for one that has signalled
 * @p: memory for the callback
 * @wait: the wait queue
 * @events: what pollers are told
 *
 * Context: any, the fence lock not held, nor that of the wait queue.
 * Return: true when the fence will wake them, false when they were woken now.
 */
bool dma_fence_poll_or_now(struct dma_fence *fence, struct dma_fence_cb_poll *p,
			   wait_queue_head_t *wait, __poll_t events)
{
	int ret = fence ? dma_fence_add_poll(fence, p, wait, events) : -ENOENT;

	if (ret == -ENOENT)
		wake_pollers(wait, events);
	return !ret;
}
EXPORT_SYMBOL_NS_GPL(dma_fence_poll_or_now, "DMA_FENCE_CORE");

static void cb_wake_poll_file(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dma_fence_cb_poll_file *p =
		container_of(cb, struct dma_fence_cb_poll_file, base);
	wait_queue_head_t *wait = p->wait;
	struct file *file = p->file;
	unsigned long flags;

	/*
	 * Somebody who finds @p armed is on the queue, and is woken. Somebody who
	 * finds it free may arm it at once, so here is the last look at it.
	 */
	spin_lock_irqsave(&wait->lock, flags);
	wake_up_locked_poll(wait, p->events);
	p->events = 0;
	spin_unlock_irqrestore(&wait->lock, flags);

	dma_fence_put(fence);
	fput(file);
}

/**
 * dma_fence_add_poll_file - have a fence wake pollers of a file
 * @fence: the fence; the callback takes a reference
 * @p: memory for the callback, not armed; stays as long as @file
 * @wait: the wait queue; stays as long as @file
 * @events: what pollers are told; not zero
 * @file: the file; the callback takes a reference
 *
 * &dma_fence_cb_poll_file.events tells, under the lock of @wait, whether @p is armed.
 * Those who poll, and are on the wait queue already, leave an armed one alone: they
 * will be woken. From the moment it reads zero @p may be armed anew. What keeps two
 * of them from doing so is up to the caller.
 *
 * Both references are dropped when the wait queue has been woken, so @p is not
 * removed by anybody.
 *
 * Context: any, the fence lock not held, nor that of the wait queue.
 * Return: 0, or -ENOENT when @fence has signalled and nobody was woken.
 */
int dma_fence_add_poll_file(struct dma_fence *fence,
			    struct dma_fence_cb_poll_file *p,
			    wait_queue_head_t *wait, __poll_t events,
			    struct file *file)
{
	int ret;

	p->wait = wait;
	p->file = get_file(file);
	p->events = events;
	dma_fence_get(fence);
	ret = dma_fence_add_callback(fence, &p->base, cb_wake_poll_file);
	if (ret) {
		p->events = 0;
		dma_fence_put(fence);
		fput(file);
	}
	return ret;
}
EXPORT_SYMBOL_NS_GPL(dma_fence_add_poll_file, "DMA_FENCE_CORE");

static void signal_eventfd(struct dma_fence_cb_eventfd *e)
{
	eventfd_signal(e->ctx);
	eventfd_ctx_put(e->ctx);
	kfree(e);
}

static void cb_signal_eventfd(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	signal_eventfd(container_of(cb, struct dma_fence_cb_eventfd, base));
	dma_fence_put(fence);
}

/**
 * dma_fence_add_eventfd - have a fence signal an eventfd
 * @fence: the fence; the callback takes a reference
 * @e: the callback, at the beginning of what kmalloc() has returned; freed when
 * the eventfd has been signalled
 * @ctx: the eventfd, with a reference that goes with the callback
 *
 * On an error @e and @ctx stay the caller's. They are the remover's when the
 * callback is removed in time, and so is the reference on @fence.
 *
 * Context: any, the fence lock not held.
 * Return: 0, or -ENOENT when @fence has signalled and @ctx was left alone.
 */
int dma_fence_add_eventfd(struct dma_fence *fence, struct dma_fence_cb_eventfd *e,
			  struct eventfd_ctx *ctx)
{
	int ret;

	e->ctx = ctx;
	dma_fence_get(fence);
	ret = dma_fence_add_callback(fence, &e->base, cb_signal_eventfd);
	if (ret)
		dma_fence_put(fence);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(dma_fence_add_eventfd, "DMA_FENCE_CORE");

/**
 * dma_fence_eventfd_or_now - have a fence signal an eventfd, or signal it
 * @fence: the fence, or %NULL for one that has signalled
 * @e: the callback, at the beginning of what kmalloc() has returned
 * @ctx: the eventfd, with a reference
 *
 * @e and the reference on @ctx are gone when the eventfd has been signalled, which
 * it may be at the return in either case.
 *
 * Context: any, the fence lock not held.
 * Return: true when the fence will signal the eventfd, false when it was signalled
 * now.
 */
bool dma_fence_eventfd_or_now(struct dma_fence *fence,
			      struct dma_fence_cb_eventfd *e,
			      struct eventfd_ctx *ctx)
{
	int ret = fence ? dma_fence_add_eventfd(fence, e, ctx) : -ENOENT;

	if (ret == -ENOENT) {
		e->ctx = ctx;
		signal_eventfd(e);
	}
	return !ret;
}
EXPORT_SYMBOL_NS_GPL(dma_fence_eventfd_or_now, "DMA_FENCE_CORE");

#ifdef CONFIG_DMA_FENCE_DEBUG

static const struct {
	dma_fence_func_t func;
	const char *kind;
} cb_kinds[] = {
	{ __dma_fence_cb_wake, "wake" },
	{ dma_fence_sleeper_wake, "sleeper" },
	{ cb_complete, "completion" },
	{ cb_queue_work, "work" },
	{ cb_queue_delayed_work, "delayed work" },
	{ cb_queue_kthread_work, "kthread work" },
	{ cb_signal, "signal" },
	{ cb_wake_poll, "poll" },
	{ cb_wake_poll_file, "poll of a file" },
	{ cb_signal_eventfd, "eventfd" },
	{ dma_fence_array_func, "array" },
	{ dma_fence_chain_func, "chain" },
	{ dma_fence_proxy_func, "proxy" },
};

/*
 * dma_fence_cb_describe - what is an armed callback going to do?
 *
 * With a lock held that keeps it armed.
 */
void dma_fence_cb_describe(struct dma_fence_cb *cb,
			   struct dma_fence_cb_target *target)
{
	dma_fence_func_t func = cb->func;
	unsigned int i;

	*target = (struct dma_fence_cb_target){ };
	for (i = 0; i < ARRAY_SIZE(cb_kinds); i++)
		if (cb_kinds[i].func == func)
			target->kind = cb_kinds[i].kind;

	if (!target->kind)
		target->func = func;
	else if (func == __dma_fence_cb_wake || func == dma_fence_sleeper_wake)
		target->task = container_of(cb, struct dma_fence_cb_wake,
					    base)->task;
	else if (func == cb_queue_work)
		target->func = container_of(cb, struct dma_fence_cb_work,
					    base)->work->func;
	else if (func == cb_queue_delayed_work)
		target->func = container_of(cb, struct dma_fence_cb_delayed_work,
					    base)->dwork->work.func;
	else if (func == cb_queue_kthread_work)
		target->func = container_of(cb, struct dma_fence_cb_kthread_work,
					    base)->work->func;
}

#endif /* CONFIG_DMA_FENCE_DEBUG */
