// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kinds of callbacks for the core and its neighbours: what sets each of them
 * apart. What they share with the others is in dma-fence-test-cb.c.
 *
 * An eventfd is made by a system call and by nothing else, so here is only what
 * must not happen to one.
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "../dma-fence-internal.h"
#include "dma-fence-test.h"

#define STAMP	1234567

struct status_cb {
	struct dma_fence_cb base;
	struct dma_fence_cb_signal *spoil;
	int status;
	ktime_t stamp;
};

static void status_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct status_cb *cb = container_of(base, struct status_cb, base);

	cb->stamp = dma_fence_timestamp(fence);
	dft_poison(cb->spoil, sizeof(*cb->spoil));
	dft_store(&cb->status, dma_fence_get_status(fence));
}

struct result_params {
	const char *name;
	int source;
	int target;
	int status;
};

static const struct result_params result_cases[] = {
	{ "no error", 0, 0, 1 },
	{ "error", -EIO, 0, -EIO },
	{ "target has one", 0, -ETIME, -ETIME },
	{ "both have one", -EIO, -ETIME, -EIO },
};

KUNIT_ARRAY_PARAM_DESC(result, result_cases, name);

static void core_signal_result(struct kunit *test)
{
	const struct result_params *p = test->param_value;
	struct dft_fence *source = dft_fence_new(test, &dft_ops,
						 DFT_EXTERN_LOCK);
	struct dft_fence *target = dft_fence_new(test, &dft_ops,
						 DFT_EXTERN_LOCK);
	struct dma_fence_cb_signal s;
	struct status_cb cb = { .spoil = &s };

	/*
	 * Verify that the target gets the time and the error of the source, if
	 * there is one; that callbacks of the target see both; and that the
	 * structure may be reused by then.
	 */

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(&target->base, &cb.base,
						     status_func), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_add_signal(&source->base, &s,
						   &target->base), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&target->base.refcount), 2);
	if (p->source)
		dma_fence_set_error(&source->base, p->source);
	if (p->target)
		dma_fence_set_error(&target->base, p->target);
	dma_fence_signal_timestamp(&source->base, STAMP);

	KUNIT_EXPECT_TRUE(test, sleep_until(dft_load(&cb.status)));
	KUNIT_EXPECT_EQ(test, cb.status, p->status);
	KUNIT_EXPECT_EQ(test, cb.stamp, STAMP);
	dma_fence_flush_callbacks(&source->base);
	dma_fence_flush_callbacks(&target->base);
	KUNIT_EXPECT_EQ(test, kref_read(&target->base.refcount), 1);
	KUNIT_EXPECT_TRUE(test, dft_poisoned(&s, sizeof(s)));
}

/* A callback that looks whether somebody has a lock. */
struct lock_cb {
	struct dft_cb base;
	spinlock_t *lock;	/* of another fence */
	bool held;
};

static void lock_func(struct dma_fence *fence, struct dma_fence_cb *base)
{
	struct lock_cb *cb = container_of(base, struct lock_cb, base.base);

	cb->held = !dft_not_held(cb->lock);
	dft_count(fence, base);
}

static void core_signal_behind_the_core(struct kunit *test)
{
	struct dft_fence *source = dft_fence_new(test, &dft_ops,
						 DFT_EXTERN_LOCK);
	struct dft_fence *target = dft_fence_new(test, &dft_ops,
						 DFT_INLINE_LOCK);
	struct lock_cb cb = { .lock = &source->own_lock };
	struct dma_fence_cb_signal s;

	/*
	 * Verify that a driver which calls the callback itself, under its lock,
	 * has the target signalled and the matter settled, and that callbacks of
	 * the target do not run under that lock.
	 */

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(&target->base, &cb.base.base,
						     lock_func), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_add_signal(&source->base, &s,
						   &target->base), 0);
	dft_fake_signal(&source->base);
	dft_fake_delivery(&source->base);
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(&source->base, &s.base));
	dft_poison(&s, sizeof(s));
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(&target->base));
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_runs(&cb.base) == 1));
	KUNIT_EXPECT_FALSE(test, cb.held);
	KUNIT_EXPECT_TRUE(test, dft_poisoned(&s, sizeof(s)));
}

static void core_signal_target_done(struct kunit *test)
{
	struct dft_fence *source = dft_fence_new(test, &dft_ops,
						 DFT_EXTERN_LOCK);
	struct dft_fence *target = dft_fence_new(test, &dft_ops,
						 DFT_EXTERN_LOCK);
	struct dma_fence_cb_signal s;

	/*
	 * Verify that a target which has signalled by itself stays as it is.
	 */

	KUNIT_EXPECT_EQ(test, dma_fence_add_signal(&source->base, &s,
						   &target->base), 0);
	dma_fence_signal_timestamp(&target->base, STAMP);
	dma_fence_set_error(&source->base, -EIO);
	dma_fence_signal(&source->base);
	dma_fence_flush_callbacks(&source->base);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(&target->base), 1);
	KUNIT_EXPECT_EQ(test, dft_stamp_of(&target->base), STAMP);
	KUNIT_EXPECT_EQ(test, kref_read(&target->base.refcount), 1);
}

struct removal_params {
	const char *name;
	bool removed;
};

static const struct removal_params removal_cases[] = {
	{ "run", false },
	{ "removed", true },
};

KUNIT_ARRAY_PARAM_DESC(removal, removal_cases, name);

static void core_signal_last_reference(struct kunit *test)
{
	const struct removal_params *p = test->param_value;
	struct dft_fence *source = dft_fence_new(test, &dft_ops,
						 DFT_INLINE_LOCK);
	struct dft_fence *target = dft_fence_alloc(test, &dft_release_ops,
						   DFT_INLINE_LOCK);
	struct dma_fence_cb_signal s;
	atomic_t released = ATOMIC_INIT(0);

	/*
	 * Verify that the callback may have the only reference on the target,
	 * which goes when it has run, and is the remover's otherwise.
	 */

	target->released = &released;
	KUNIT_EXPECT_EQ(test, dma_fence_add_signal(&source->base, &s,
						   &target->base), 0);
	dma_fence_put(&target->base);
	KUNIT_EXPECT_EQ(test, atomic_read(&released), 0);
	if (p->removed) {
		KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback(&source->base,
								  &s.base));
		KUNIT_EXPECT_EQ(test, atomic_read(&released), 0);
		KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(&target->base));
		dma_fence_put(&target->base);
	}
	dma_fence_signal(&source->base);
	dma_fence_flush_callbacks(&source->base);
	KUNIT_EXPECT_EQ(test, atomic_read(&released), 1);
}

struct line_link {
	struct dma_fence fence;
	struct dma_fence_cb_signal next;
	struct dma_fence_cb probe;
	struct line *line;
};

/* A line of fences, and the span of stack that delivering them took. */
struct line {
	struct line_link *links;
	unsigned int ran;
	unsigned long lowest;
	unsigned long highest;
};

#define LINE_LENGTH	1000

/* A deeper stack than this grows with the line; do not follow it to its end. */
#define LINE_STACK	1024

static void line_probe(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	unsigned long here = (unsigned long)__builtin_frame_address(0);
	struct line_link *link = container_of(cb, struct line_link, probe);
	struct line *line = link->line;

	line->lowest = min(line->lowest, here);
	line->highest = max(line->highest, here);
	if (line->highest - line->lowest > 4 * LINE_STACK)
		dma_fence_remove_callback(fence, &link->next.base);
	dft_store(&line->ran, line->ran + 1);
}

static void line_free(void *links)
{
	kvfree(links);
}

static void core_signal_line(struct kunit *test)
{
	struct line line = { .lowest = ULONG_MAX };
	struct line_link *link, *end;
	ktime_t stamp = STAMP;

	/*
	 * Verify that a thousand fences which signal each other do so at once,
	 * with the error and the time of the first, and that the last needs no
	 * more stack than the second.
	 */

	line.links = kvcalloc(LINE_LENGTH, sizeof(*line.links), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, line.links);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, line_free,
							line.links), 0);
	end = line.links + LINE_LENGTH;
	for (link = line.links; link < end; link++) {
		link->line = &line;
		dma_fence_init(&link->fence, &dft_names_ops, NULL, 1, 1);
	}
	for (link = line.links; link < end; link++) {
		dma_fence_add_callback(&link->fence, &link->probe, line_probe);
		if (link + 1 < end)
			dma_fence_add_signal(&link->fence, &link->next,
					     &(link + 1)->fence);
	}

	dma_fence_set_error(&line.links->fence, -EIO);
	dma_fence_signal_timestamp(&line.links->fence, stamp);
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_load(&line.ran) == LINE_LENGTH));
	for (link = line.links; link < end; link++)
		dma_fence_flush_callbacks(&link->fence);
	KUNIT_EXPECT_LT(test, line.highest - line.lowest, LINE_STACK);
	for (link = line.links; link < end; link++) {
		if (dma_fence_get_status(&link->fence) == -EIO &&
		    dft_stamp_of(&link->fence) == stamp &&
		    kref_read(&link->fence.refcount) == 1)
			continue;
		KUNIT_FAIL(test, "fence %td", link - line.links);
		break;
	}
	kunit_info(test, "%u fences on %lu bytes of stack", line.ran,
		   line.highest - line.lowest);
}

struct poller {
	wait_queue_entry_t entry;
	unsigned int woken;
};

static int poller_func(wait_queue_entry_t *entry, unsigned int mode, int flags,
		       void *key)
{
	struct poller *poller = container_of(entry, struct poller, entry);

	if (key_to_poll(key) == (EPOLLIN | EPOLLOUT))
		poller->woken++;

	/* Whoever is exclusive and says so ends an ordinary wakeup. */
	return 1;
}

static void core_poll_wakes_all(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wait);
	struct dma_fence_cb_poll p;
	struct poller pollers[5] = {};
	unsigned int i;

	/*
	 * Verify that everybody on the queue is told the events, and not just
	 * the first of those who are there exclusively.
	 */

	for (i = 0; i < ARRAY_SIZE(pollers); i++) {
		init_waitqueue_func_entry(&pollers[i].entry, poller_func);
		if (i < 3)
			add_wait_queue_exclusive(&wait, &pollers[i].entry);
		else
			add_wait_queue(&wait, &pollers[i].entry);
	}
	KUNIT_EXPECT_EQ(test, dma_fence_add_poll(&f->base, &p, &wait,
						 EPOLLIN | EPOLLOUT), 0);
	dma_fence_signal(&f->base);
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(&f->base, &p.base));
	for (i = 0; i < ARRAY_SIZE(pollers); i++)
		KUNIT_EXPECT_EQ(test, pollers[i].woken, 1);
}

/* What polls, and is polled: both last as long as the file. */
struct polled {
	struct file *file;
	wait_queue_head_t wait;
	struct poller poller;
	struct dma_fence_cb_poll_file p;
	bool released;
};

static int polled_release(struct inode *inode, struct file *file)
{
	struct polled *polled = file->private_data;

	dft_poison(&polled->p, sizeof(polled->p));
	dft_store(&polled->released, true);

	return 0;
}

static const struct file_operations polled_fops = {
	.release = polled_release,
};

static struct polled *polled_new(struct kunit *test)
{
	struct polled *polled = kunit_kzalloc(test, sizeof(*polled), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, polled);
	init_waitqueue_head(&polled->wait);
	init_waitqueue_func_entry(&polled->poller.entry, poller_func);
	add_wait_queue(&polled->wait, &polled->poller.entry);
	polled->file = anon_inode_getfile("dma_fence_polled", &polled_fops,
					  polled, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(polled->file));

	return polled;
}

static int polled_add(struct polled *polled, struct dft_fence *f)
{
	return dma_fence_add_poll_file(&f->base, &polled->p, &polled->wait,
				       EPOLLIN | EPOLLOUT, polled->file);
}

static void polled_expect(struct kunit *test, struct polled *polled,
			  struct dft_fence *f, bool armed, unsigned int woken)
{
	__poll_t events = armed ? EPOLLIN | EPOLLOUT : 0;
	unsigned int references = 1 + armed;

	KUNIT_EXPECT_TRUE(test, polled->p.events == events);
	KUNIT_EXPECT_EQ(test, polled->poller.woken, woken);
	KUNIT_EXPECT_EQ(test, kref_read(&f->base.refcount), references);
	KUNIT_EXPECT_EQ(test, file_count(polled->file), references);
}

static void core_poll_file_armed(struct kunit *test)
{
	struct polled *polled = polled_new(test);
	struct dft_fence *f;
	unsigned int i;

	/*
	 * Verify that the events and the references are there from the add to
	 * the wake-up, that the callback may be armed again then, and that a fence
	 * which has signalled leaves everything as it is.
	 */

	for (i = 0; i < 3; i++) {
		f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
		KUNIT_EXPECT_EQ(test, polled_add(polled, f), 0);
		polled_expect(test, polled, f, true, i);
		dma_fence_signal(&f->base);
		dma_fence_flush_callbacks(&f->base);
		polled_expect(test, polled, f, false, i + 1);
	}

	KUNIT_EXPECT_EQ(test, polled_add(polled, f), -ENOENT);
	polled_expect(test, polled, f, false, i);
	__fput_sync(polled->file);
}

static void core_poll_file_last_reference(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct polled *polled = polled_new(test);

	/*
	 * Verify that a file to which nobody else has a reference lasts until the
	 * pollers were woken, and no longer; and that nothing is written to the
	 * callback after the file has gone.
	 */

	KUNIT_EXPECT_EQ(test, polled_add(polled, f), 0);
	fput(polled->file);
	flush_delayed_fput();
	KUNIT_EXPECT_FALSE(test, dft_load(&polled->released));

	dma_fence_signal(&f->base);
	dma_fence_flush_callbacks(&f->base);
	flush_delayed_fput();
	KUNIT_EXPECT_TRUE(test, sleep_until(dft_load(&polled->released)));
	KUNIT_EXPECT_EQ(test, polled->poller.woken, 1);
	KUNIT_EXPECT_TRUE(test, dft_poisoned(&polled->p, sizeof(polled->p)));
}

static void core_eventfd_stays(struct kunit *test)
{
	struct dft_fence *f = dft_fence_new(test, &dft_ops, DFT_INLINE_LOCK);
	struct dma_fence_cb_eventfd *e;
	struct eventfd_ctx *ctx;
	size_t size = 256;

	/*
	 * Verify that neither the eventfd nor the callback is touched when the
	 * callback was removed in time, or refused. Both are the caller's then,
	 * and after a removal the reference on the fence is, too.
	 */

	e = kzalloc_obj(*e);
	KUNIT_ASSERT_NOT_NULL(test, e);
	ctx = kunit_kzalloc(test, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctx);

	KUNIT_EXPECT_EQ(test, dma_fence_add_eventfd(&f->base, e, ctx), 0);
	KUNIT_EXPECT_PTR_EQ(test, e->ctx, ctx);
	KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback(&f->base, &e->base));
	KUNIT_EXPECT_EQ(test, kref_read(&f->base.refcount), 2);
	dma_fence_put(&f->base);
	dma_fence_signal(&f->base);
	KUNIT_EXPECT_EQ(test, dma_fence_add_eventfd(&f->base, e, ctx), -ENOENT);
	KUNIT_EXPECT_EQ(test, kref_read(&f->base.refcount), 1);
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(&f->base, &e->base));
	KUNIT_EXPECT_NULL(test, memchr_inv(ctx, 0, size));
	kfree(e);
}

static struct kunit_case core_cases[] = {
	KUNIT_CASE_PARAM(core_signal_result, result_gen_params),
	KUNIT_CASE(core_signal_behind_the_core),
	KUNIT_CASE(core_signal_target_done),
	KUNIT_CASE_PARAM(core_signal_last_reference, removal_gen_params),
	KUNIT_CASE(core_signal_line),
	KUNIT_CASE(core_poll_wakes_all),
	KUNIT_CASE(core_poll_file_armed),
	KUNIT_CASE(core_poll_file_last_reference),
	KUNIT_CASE(core_eventfd_stays),
	{}
};

static struct kunit_suite core_suite = {
	.name = "dma_fence_cb_core",
	.init = dft_pin,
	.test_cases = core_cases,
};

kunit_test_suite(core_suite);
