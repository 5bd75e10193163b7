// SPDX-License-Identifier: GPL-2.0-only
/*
 * Showing fences that others wait for, and reporting those that never signal
 *
 * Copyright (C) 2026 the dma-fence rework project
 */

#include <linux/debugfs.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/workqueue.h>

#include <kunit/visibility.h>

#include "dma-fence-internal.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX	"dma_fence."

#define TARGETS		4
#define CALLBACKS	256
#define STUCK_AT_ONCE	8

/**
 * struct target - callbacks that do the same
 * @kind: in words, or %NULL
 * @func: the function, or %NULL
 * @comm: the task, or empty
 * @pid: of the task
 * @count: how many there are
 */
struct target {
	const char *kind;
	const void *func;
	char comm[TASK_COMM_LEN];
	pid_t pid;
	unsigned int count;
};

/**
 * struct picture - what a fence looked like
 * @context: of the fence
 * @seqno: of the fence
 * @flags: of the fence
 * @state: see &dma_fence_debug.state
 * @age: time since it was published
 * @error: of the fence
 * @driver: name
 * @timeline: name
 * @locked: the fence lock was not free, and callbacks were not looked at
 * @more: there are more callbacks than counted
 * @targets: what they do; the last for all that do not fit
 */
struct picture {
	u64 context;
	u64 seqno;
	unsigned long flags;
	unsigned long state;
	ktime_t age;
	int error;
	char driver[24];
	char timeline[32];
	bool locked;
	bool more;
	struct target targets[TARGETS];
};

/**
 * struct album - pictures of all fences
 * @now: when they were taken
 * @min_age: of younger ones there are none
 * @max: room for how many
 * @count: how many there are
 * @pictures: ordered by context and sequence number
 */
struct album {
	ktime_t now;
	ktime_t min_age;
	unsigned int max;
	unsigned int count;
	struct picture pictures[] __counted_by(max);
};

static unsigned int stuck_ms = DMA_FENCE_STUCK_MS;
static bool stuck_watched;	/* there are workqueues */

static void count_target(struct picture *p, const struct dma_fence_cb_target *cb)
{
	pid_t pid = cb->task ? cb->task->pid : 0;
	struct target *t;

	for (t = p->targets; t < p->targets + TARGETS - 1 && t->count; t++)
		if (t->kind == cb->kind && t->func == cb->func && t->pid == pid)
			break;
	if (!t->count) {
		t->kind = cb->kind;
		t->func = cb->func;
		t->pid = pid;
		if (cb->task)
			strscpy(t->comm, cb->task->comm);
	}
	t->count++;
	if (t == p->targets + TARGETS - 1) {
		t->kind = "others";
		t->func = NULL;
		t->comm[0] = '\0';
	}
}

/*
 * Under the lock of the list, and so without the fence lock, inside which that one is
 * taken: it is only tried. It sleeps on PREEMPT_RT.
 */
static void picture_callbacks(struct picture *p, struct dma_fence *fence)
{
	struct dma_fence_cb_target target;
	unsigned int left = CALLBACKS;
	struct dma_fence_cb *cb;
	spinlock_t *lock;

	p->locked = true;
	if (IS_ENABLED(CONFIG_PREEMPT_RT) || dma_fence_test_signaled_flag(fence))
		return;
	lock = dma_fence_spinlock(fence);
	if (!spin_trylock(lock))
		return;

	if (!dma_fence_test_signaled_flag(fence)) {
		p->locked = false;
		list_for_each_entry(cb, &fence->cb_list, node) {
			p->more = !left--;
			if (p->more)
				break;
			dma_fence_cb_describe(cb, &target);
			count_target(p, &target);
		}
	}
	spin_unlock(lock);
}

static void take_picture(struct picture *p, struct dma_fence *fence, ktime_t now)
{
	*p = (struct picture){
		.context = fence->context,
		.seqno = fence->seqno,
		.flags = READ_ONCE(fence->flags),
		.state = READ_ONCE(fence->debug.state),
		.age = ktime_sub(now, fence->debug.since),
		.error = READ_ONCE(fence->error),
	};
	strscpy(p->driver, dma_fence_debug_driver(fence));
	strscpy(p->timeline, dma_fence_debug_timeline(fence));
	picture_callbacks(p, fence);
}

static void print_callbacks(const struct picture *p, char *buf, size_t size)
{
	const struct target *t;
	size_t at = 0;

	buf[0] = '\0';
	if (p->locked)
		at += scnprintf(buf + at, size - at, " ?");
	for (t = p->targets; t < p->targets + TARGETS && t->count; t++) {
		at += scnprintf(buf + at, size - at, " %ux%s%s", t->count,
				t->kind ? " " : "", t->kind ?: "");
		if (t->func)
			at += scnprintf(buf + at, size - at, " %ps", t->func);
		if (t->comm[0])
			at += scnprintf(buf + at, size - at, " %s/%d", t->comm,
					t->pid);
	}
	if (p->more)
		scnprintf(buf + at, size - at, " and more");
}

/*
 * Fences that do not signal
 */

/* Containers do not signal by themselves, nor those that were never asked to. */
static bool is_stuck(struct dma_fence *fence, ktime_t age)
{
	return age > ms_to_ktime(READ_ONCE(stuck_ms)) &&
	       !dma_fence_test_signaled_flag(fence) &&
	       !dma_fence_is_container(fence) &&
	       test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags);
}

static bool visit_stuck(struct dma_fence *fence, void *data)
{
	struct album *album = data;
	ktime_t age = ktime_sub(album->now, fence->debug.since);

	if (!is_stuck(fence, age) ||
	    test_and_set_bit(DMA_FENCE_DEBUG_STUCK, &fence->debug.state))
		return true;
	take_picture(&album->pictures[album->count++], fence, album->now);
	return album->count < album->max;
}

static void report_stuck(const struct picture *p)
{
	char callbacks[256];

	print_callbacks(p, callbacks, sizeof(callbacks));
	/* Every fence is a site of its own. */
	pr_warn("dma_fence: %s %s %llu:%llu: unsignalled for %lld ms, callbacks:%s\n",
		p->driver, p->timeline, p->context, p->seqno,
		ktime_to_ms(p->age), callbacks[0] ? callbacks : " none");
}

static struct album *new_album(unsigned int max)
{
	struct album *album = kvzalloc_flex(*album, pictures, max);

	if (album) {
		album->max = max;
		album->now = ktime_get();
	}
	return album;
}

static void stuck_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(stuck_dwork, stuck_work);

/* Looks often enough to be late by a quarter at most. */
static void stuck_schedule(void)
{
	unsigned int ms = READ_ONCE(stuck_ms);

	if (ms)
		mod_delayed_work(system_dfl_wq, &stuck_dwork,
				 msecs_to_jiffies(max(ms / 4, 1)));
	else
		cancel_delayed_work(&stuck_dwork);
}

static void stuck_work(struct work_struct *work)
{
	struct album *album = new_album(STUCK_AT_ONCE);
	unsigned int i;

	if (!album)
		goto again;
	do {
		album->count = 0;
		if (READ_ONCE(stuck_ms))
			dma_fence_debug_walk(visit_stuck, album);
		for (i = 0; i < album->count; i++) {
			dma_fence_debug_count(DMA_FENCE_STUCK);
			report_stuck(&album->pictures[i]);
		}
		cond_resched();
	} while (album->count == album->max);
	kvfree(album);
again:
	stuck_schedule();
}

void dma_fence_debug_set_stuck_ms(unsigned int ms)
{
	WRITE_ONCE(stuck_ms, ms);
	if (stuck_watched)
		stuck_schedule();
}
EXPORT_SYMBOL_IF_KUNIT(dma_fence_debug_set_stuck_ms);

static int set_stuck_ms(const char *val, const struct kernel_param *kp)
{
	unsigned int ms;
	int ret = kstrtouint(val, 0, &ms);

	if (!ret)
		dma_fence_debug_set_stuck_ms(ms);
	return ret;
}

static const struct kernel_param_ops stuck_ms_ops = {
	.set = set_stuck_ms,
	.get = param_get_uint,
};

module_param_cb(stuck_ms, &stuck_ms_ops, &stuck_ms, 0644);
MODULE_PARM_DESC(stuck_ms, "Report published fences that have not signalled for longer, in milliseconds; 0 for never");

/*
 * Views
 */

static bool visit_all(struct dma_fence *fence, void *data)
{
	struct album *album = data;
	ktime_t age = ktime_sub(album->now, fence->debug.since);

	if (age < album->min_age ||
	    (album->min_age && !is_stuck(fence, age)))
		return true;
	take_picture(&album->pictures[album->count++], fence, album->now);
	return album->count < album->max;
}

static int compare_pictures(const void *a, const void *b)
{
	const struct picture *p = a, *q = b;

	if (p->context != q->context)
		return p->context < q->context ? -1 : 1;
	return p->seqno < q->seqno ? -1 : p->seqno > q->seqno;
}

static struct album *take_pictures(bool stuck)
{
	/* Some may come meanwhile; of more than these there is no picture. */
	struct album *album = new_album(dma_fence_debug_live() + 64);

	if (!album)
		return NULL;
	if (stuck)
		album->min_age = ms_to_ktime(READ_ONCE(stuck_ms) ?: UINT_MAX);
	dma_fence_debug_walk(visit_all, album);
	sort(album->pictures, album->count, sizeof(album->pictures[0]),
	     compare_pictures, NULL);
	return album;
}

static const char *state_of(const struct picture *p)
{
	if (p->flags & BIT(DMA_FENCE_FLAG_SIGNALED_BIT))
		return "signalled";
	if (p->state & BIT(DMA_FENCE_DEBUG_STUCK))
		return "stuck";
	return p->flags & BIT(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT) ?
		"enabled" : "published";
}

static void show_picture(struct seq_file *seq, const struct picture *p,
			 const struct picture *before)
{
	char callbacks[256];

	if (!before || before->context != p->context)
		seq_printf(seq, "context %llu %s %s\n", p->context, p->driver,
			   p->timeline);
	print_callbacks(p, callbacks, sizeof(callbacks));
	seq_printf(seq, "  %llu %s %lld ms flags %#lx error %d callbacks%s\n",
		   p->seqno, state_of(p), ktime_to_ms(p->age),
		   p->flags & GENMASK(15, 0), p->error,
		   callbacks[0] ? callbacks : " none");
}

#if IS_ENABLED(CONFIG_KUNIT)
/* dma_fence_debug_print - what the file shows */
int dma_fence_debug_print(struct seq_file *seq)
{
	struct album *album = take_pictures(false);
	unsigned int i;

	if (!album)
		return -ENOMEM;
	for (i = 0; i < album->count; i++)
		show_picture(seq, &album->pictures[i],
			     i ? &album->pictures[i - 1] : NULL);
	kvfree(album);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(dma_fence_debug_print);
#endif

static void *fences_start(struct seq_file *seq, loff_t *pos)
{
	struct album *album = seq->private;

	return *pos < album->count ? &album->pictures[*pos] : NULL;
}

static void *fences_next(struct seq_file *seq, void *v, loff_t *pos)
{
	++*pos;
	return fences_start(seq, pos);
}

static void fences_stop(struct seq_file *seq, void *v)
{
}

static int fences_show(struct seq_file *seq, void *v)
{
	struct album *album = seq->private;
	struct picture *p = v;

	show_picture(seq, p, p == album->pictures ? NULL : p - 1);
	return 0;
}

static const struct seq_operations fences_seq_ops = {
	.start = fences_start,
	.next = fences_next,
	.stop = fences_stop,
	.show = fences_show,
};

static int fences_open(struct inode *inode, struct file *file)
{
	struct album *album = take_pictures(inode->i_private);
	int ret;

	if (!album)
		return -ENOMEM;
	ret = seq_open(file, &fences_seq_ops);
	if (ret)
		kvfree(album);
	else
		((struct seq_file *)file->private_data)->private = album;
	return ret;
}

static int fences_release(struct inode *inode, struct file *file)
{
	kvfree(((struct seq_file *)file->private_data)->private);
	return seq_release(inode, file);
}

static const struct file_operations fences_fops = {
	.owner = THIS_MODULE,
	.open = fences_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = fences_release,
};

static int counters_show(struct seq_file *seq, void *v)
{
	unsigned int i;

	seq_printf(seq, "%u published and unsignalled\n", dma_fence_debug_live());
	for (i = 0; i < DMA_FENCE_RULES; i++)
		seq_printf(seq, "%u %s\n", dma_fence_debug_reports(i),
			   dma_fence_debug_rule_name(i));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counters);

static int __init dma_fence_debugfs_init(void)
{
	struct dentry *dir = debugfs_create_dir("dma_fence", NULL);

	debugfs_create_file("fences", 0400, dir, NULL, &fences_fops);
	debugfs_create_file("stuck", 0400, dir, &stuck_ms, &fences_fops);
	debugfs_create_file("counters", 0400, dir, NULL, &counters_fops);
	stuck_watched = true;
	stuck_schedule();
	return 0;
}
late_initcall(dma_fence_debugfs_init);
