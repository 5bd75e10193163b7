// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 the dma-fence rework project
 *
 * Implicit fences: dma-bufs of a vgem node, with fences of its own and with
 * sync_files imported from elsewhere.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <drm/drm.h>
#include <drm/drm_mode.h>
#include <drm/vgem_drm.h>
#include <linux/dma-buf.h>

#include "fence-user.h"

#define POLLBOTH (POLLIN | POLLOUT)

struct buffer {
	int node;
	__u32 handle;
	int dmabuf;
};

static int prime_export(int node, __u32 handle)
{
	struct drm_prime_handle arg = {
		.handle = handle,
		.flags = DRM_CLOEXEC | DRM_RDWR,
	};

	OK(ioctl(node, DRM_IOCTL_PRIME_HANDLE_TO_FD, &arg));
	return arg.fd;
}

static struct buffer buffer_on(int node)
{
	struct drm_mode_create_dumb arg = {
		.width = 64, .height = 64, .bpp = 32,
	};
	struct buffer b = { .node = node };

	OK(ioctl(node, DRM_IOCTL_MODE_CREATE_DUMB, &arg));
	b.handle = arg.handle;
	b.dmabuf = prime_export(node, arg.handle);
	return b;
}

static struct buffer buffer_new(void)
{
	return buffer_on(drm_open("vgem"));
}

static int try_attach(struct buffer *b, __u32 flags, __u32 *fence)
{
	struct drm_vgem_fence_attach arg = {
		.handle = b->handle,
		.flags = flags,
	};
	int ret = ioctl(b->node, DRM_IOCTL_VGEM_FENCE_ATTACH, &arg);

	*fence = arg.out_fence;
	return ret;
}

static __u32 attach(struct buffer *b, __u32 flags)
{
	__u32 fence;

	OK(try_attach(b, flags, &fence));
	return fence;
}

static int try_signal(int node, __u32 fence)
{
	struct drm_vgem_fence_signal arg = { .fence = fence };

	return ioctl(node, DRM_IOCTL_VGEM_FENCE_SIGNAL, &arg);
}

static void signal_fence(struct buffer *b, __u32 fence)
{
	OK(try_signal(b->node, fence));
}

/*
 * A dma-buf has one poll slot per direction, so what poll says at once may be
 * the answer to an earlier question; asking with a timeout settles it.
 */
static void check_ready(int dmabuf, short events)
{
	CHECK_EQ(poll_for(dmabuf, events, SOON_MS), events);
}

/* A handle exported and imported again on its node is the same handle. */
static void prime_round_trip(void)
{
	struct buffer b = buffer_new();
	struct drm_prime_handle arg = { .fd = b.dmabuf };

	OK(ioctl(b.node, DRM_IOCTL_PRIME_FD_TO_HANDLE, &arg));
	CHECK_EQ(arg.handle, b.handle);
}

/* A dma-buf without fences is ready to read and to write. */
static void idle_is_ready(void)
{
	struct buffer b = buffer_new();

	CHECK_EQ(poll_now(b.dmabuf, POLLIN), POLLIN);
	CHECK_EQ(poll_now(b.dmabuf, POLLOUT), POLLOUT);
	CHECK_EQ(poll_now(b.dmabuf, POLLBOTH), POLLBOTH);
}

/* A write fence holds up readers and writers until it is signalled. */
static void write_fence_blocks_all(void)
{
	struct buffer b = buffer_new();
	__u32 fence = attach(&b, VGEM_FENCE_WRITE);

	CHECK_EQ(poll_now(b.dmabuf, POLLIN), 0);
	CHECK_EQ(poll_now(b.dmabuf, POLLOUT), 0);
	CHECK_EQ(poll_for(b.dmabuf, POLLBOTH, 30), 0);
	signal_fence(&b, fence);
	check_ready(b.dmabuf, POLLIN);
	check_ready(b.dmabuf, POLLOUT);
}

/* A read fence holds up writers only. */
static void read_fence_blocks_writers(void)
{
	struct buffer b = buffer_new();
	__u32 fence = attach(&b, 0);

	CHECK_EQ(poll_now(b.dmabuf, POLLIN), POLLIN);
	CHECK_EQ(poll_now(b.dmabuf, POLLOUT), 0);
	signal_fence(&b, fence);
	check_ready(b.dmabuf, POLLOUT);
}

/* Writers wait for all of several read fences, signalled in any order. */
static void writers_wait_for_all_readers(void)
{
	struct buffer b = buffer_new();
	__u32 fence[5];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fence); i++)
		fence[i] = attach(&b, 0);
	for (i = 0; i < ARRAY_SIZE(fence); i++) {
		CHECK_EQ(poll_now(b.dmabuf, POLLOUT), 0);
		signal_fence(&b, fence[i * 3 % ARRAY_SIZE(fence)]);
	}
	check_ready(b.dmabuf, POLLOUT);
}

/* A conflicting fence is refused with EBUSY, until the first is signalled. */
static void conflicts_are_refused(void)
{
	struct buffer b = buffer_new();
	__u32 first = attach(&b, 0), again = attach(&b, 0), dummy;

	CHECK_ERR(try_attach(&b, VGEM_FENCE_WRITE, &dummy), EBUSY);
	signal_fence(&b, first);
	CHECK_ERR(try_attach(&b, VGEM_FENCE_WRITE, &dummy), EBUSY);
	signal_fence(&b, again);
	first = attach(&b, VGEM_FENCE_WRITE);
	CHECK_ERR(try_attach(&b, VGEM_FENCE_WRITE, &dummy), EBUSY);
	CHECK_ERR(try_attach(&b, 0, &dummy), EBUSY);
	signal_fence(&b, first);
	signal_fence(&b, attach(&b, 0));
}

/* A fence can be signalled once; unknown ids, handles and flags are errors. */
static void bad_arguments(void)
{
	struct buffer b = buffer_new(), none = { b.node, 4711, -1 };
	struct drm_vgem_fence_signal flagged = { .flags = 1 };
	__u32 fence = attach(&b, VGEM_FENCE_WRITE), dummy;

	flagged.fence = fence;
	CHECK_ERR(ioctl(b.node, DRM_IOCTL_VGEM_FENCE_SIGNAL, &flagged), EINVAL);
	signal_fence(&b, fence);
	CHECK_ERR(try_signal(b.node, fence), ENOENT);
	CHECK_ERR(try_signal(b.node, 4711), ENOENT);
	CHECK_ERR(try_attach(&none, 0, &dummy), ENOENT);
	CHECK_ERR(try_attach(&b, 2, &dummy), EINVAL);
	CHECK_ERR(dmabuf_export_fence(b.dmabuf, 0), EINVAL);
	CHECK_ERR(dmabuf_export_fence(b.dmabuf, 4), EINVAL);
	CHECK_ERR(dmabuf_import_fence(b.dmabuf, b.dmabuf, DMA_BUF_SYNC_WRITE),
		  EINVAL);
	CHECK_ERR(dmabuf_import_fence(b.dmabuf, b.dmabuf, 0), EINVAL);
}

/* A process asleep in poll on a dma-buf is woken by another's signal. */
static void poll_wakes_other_process(void)
{
	static const short events[] = { POLLIN, POLLOUT };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		struct buffer b = buffer_new();
		__u32 fence = attach(&b, VGEM_FENCE_WRITE);
		pid_t pid = spawn_poller(b.dmabuf, events[i]);

		signal_fence(&b, fence);
		join(pid);
		check_ready(b.dmabuf, events[i]);
	}
}

/* All processes asleep on one dma-buf, readers and writers, are woken. */
static void many_pollers_wake(void)
{
	struct buffer b = buffer_new();
	__u32 fence = attach(&b, VGEM_FENCE_WRITE);
	pid_t pid[24];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pid); i++)
		pid[i] = spawn_poller(b.dmabuf, i % 2 ? POLLIN : POLLOUT);
	signal_fence(&b, fence);
	for (i = 0; i < ARRAY_SIZE(pid); i++)
		join(pid[i]);
}

/* A sleeping writer sleeps on while only some of the readers are done. */
static void poll_sleeps_through_partial(void)
{
	struct buffer b = buffer_new();
	__u32 fence[3] = { attach(&b, 0), attach(&b, 0), attach(&b, 0) };
	pid_t pid = spawn_poller(b.dmabuf, POLLOUT);

	signal_fence(&b, fence[1]);
	signal_fence(&b, fence[0]);
	wait_asleep(pid);
	signal_fence(&b, fence[2]);
	join(pid);
}

/* A killed poller does not take the others' wake-up with it. */
static void poller_killed(void)
{
	struct buffer b = buffer_new();
	__u32 fence = attach(&b, VGEM_FENCE_WRITE);
	pid_t dies = spawn_poller(b.dmabuf, POLLIN);
	pid_t lives = spawn_poller(b.dmabuf, POLLIN);

	OK(kill(dies, SIGKILL));
	join_killed(dies, SIGKILL);
	wait_asleep(lives);
	signal_fence(&b, fence);
	join(lives);
}

/* A polled dma-buf may be closed in all places before its fence signals. */
static void close_after_poll(void)
{
	int node = drm_open("vgem");
	unsigned int round;

	for (round = 0; round < 200; round++) {
		struct buffer b = buffer_on(node);
		__u32 fence = attach(&b, VGEM_FENCE_WRITE);
		struct drm_gem_close arg = { .handle = b.handle };

		CHECK_EQ(poll_now(b.dmabuf, POLLIN), 0);
		CHECK_EQ(poll_now(b.dmabuf, POLLOUT), 0);
		close(b.dmabuf);
		OK(ioctl(node, DRM_IOCTL_GEM_CLOSE, &arg));
		signal_fence(&b, fence);
	}
}

/* Our closing of a dma-buf does not disturb the process that polls it. */
static void close_while_other_polls(void)
{
	struct buffer b = buffer_new();
	__u32 fence = attach(&b, VGEM_FENCE_WRITE);
	pid_t pid = spawn_poller(b.dmabuf, POLLIN);
	struct drm_gem_close arg = { .handle = b.handle };

	close(b.dmabuf);
	OK(ioctl(b.node, DRM_IOCTL_GEM_CLOSE, &arg));
	wait_asleep(pid);
	signal_fence(&b, fence);
	join(pid);
}

/* Closing the node signals the fences it still owes, without an error. */
static void closed_node_signals(void)
{
	struct buffer b = buffer_new();
	int file;
	pid_t pid;

	attach(&b, VGEM_FENCE_WRITE);
	file = dmabuf_export_fence(b.dmabuf, DMA_BUF_SYNC_READ);
	pid = spawn_poller(b.dmabuf, POLLIN);
	CHECK_EQ(fence_status(OK(file)), 0);
	close(b.node);
	join(pid);
	CHECK_EQ(fence_status(file), 1);
}

/* An idle dma-buf exports a fence that has signalled already. */
static void export_idle(void)
{
	struct buffer b = buffer_new();

	CHECK_EQ(fence_status(OK(dmabuf_export_fence(b.dmabuf, DMA_BUF_SYNC_READ))), 1);
	CHECK_EQ(fence_status(OK(dmabuf_export_fence(b.dmabuf, DMA_BUF_SYNC_RW))), 1);
}

/* The sync_file of a write fence follows that fence, names and time too. */
static void export_write_fence(void)
{
	struct buffer b = buffer_new();
	__u32 fence = attach(&b, VGEM_FENCE_WRITE);
	int file = OK(dmabuf_export_fence(b.dmabuf, DMA_BUF_SYNC_READ));
	struct fence_info info;
	__u64 before;

	CHECK(!ready(file));
	fence_info(file, &info);
	CHECK_EQ(info.file.num_fences, 1);
	CHECK_EQ(info.fence[0].status, 0);
	CHECK(!strcmp(info.fence[0].driver_name, "vgem"));
	CHECK(!strcmp(info.fence[0].obj_name, "unbound"));
	before = now_ns();
	signal_fence(&b, fence);
	CHECK(ready(file));
	CHECK_EQ(fence_status(file), 1);
	check_signaled_between(file, before, now_ns());
}

/* For reading only writers matter; for writing each reader does. */
static void export_read_fences(void)
{
	struct buffer b = buffer_new();
	__u32 fence[2] = { attach(&b, 0), attach(&b, 0) };
	int reader = OK(dmabuf_export_fence(b.dmabuf, DMA_BUF_SYNC_READ));
	int writer = OK(dmabuf_export_fence(b.dmabuf, DMA_BUF_SYNC_WRITE));

	CHECK(ready(reader));
	CHECK_EQ(fence_count(writer), 2);
	CHECK(!ready(writer));
	signal_fence(&b, fence[1]);
	CHECK(!ready(writer));
	signal_fence(&b, fence[0]);
	CHECK_EQ(poll_for(writer, POLLIN, SOON_MS), POLLIN);
	CHECK_EQ(fence_status(writer), 1);
}

/* An exported sync_file is a snapshot: later fences do not concern it. */
static void export_is_a_snapshot(void)
{
	struct buffer b = buffer_new();
	__u32 fence = attach(&b, VGEM_FENCE_WRITE);
	int file = OK(dmabuf_export_fence(b.dmabuf, DMA_BUF_SYNC_READ));

	signal_fence(&b, fence);
	fence = attach(&b, VGEM_FENCE_WRITE);
	CHECK(ready(file));
	CHECK_EQ(poll_now(b.dmabuf, POLLIN), 0);
	signal_fence(&b, fence);
}

/* An exported sync_file wakes the process that sleeps on it. */
static void export_wakes_other_process(void)
{
	struct buffer b = buffer_new();
	__u32 fence = attach(&b, VGEM_FENCE_WRITE);
	pid_t pid = spawn_poller(OK(dmabuf_export_fence(b.dmabuf,
							DMA_BUF_SYNC_READ)),
				 POLLIN);

	signal_fence(&b, fence);
	join(pid);
}

/* A sync_file imported for writing blocks all, for reading writers only. */
static void import_blocks(void)
{
	unsigned int write;

	for (write = 0; write < 2; write++) {
		struct buffer b = buffer_new();
		int timeline = timeline_open();

		OK(dmabuf_import_fence(b.dmabuf, timeline_fence(timeline, 1),
				       write ? DMA_BUF_SYNC_WRITE :
					       DMA_BUF_SYNC_READ));
		CHECK_EQ(poll_now(b.dmabuf, POLLIN), write ? 0 : POLLIN);
		CHECK_EQ(poll_now(b.dmabuf, POLLOUT), 0);
		timeline_inc(timeline, 1);
		check_ready(b.dmabuf, POLLIN);
		check_ready(b.dmabuf, POLLOUT);
	}
}

/* A merge is imported as its parts, and all of them have to signal. */
static void import_merged(void)
{
	struct buffer b = buffer_new();
	int timeline[2] = { timeline_open(), timeline_open() };
	int both = merge(timeline_fence(timeline[0], 1),
			 timeline_fence(timeline[1], 1));
	pid_t pid;

	OK(dmabuf_import_fence(b.dmabuf, both, DMA_BUF_SYNC_WRITE));
	CHECK_EQ(fence_count(OK(dmabuf_export_fence(b.dmabuf,
						    DMA_BUF_SYNC_READ))), 2);
	pid = spawn_poller(b.dmabuf, POLLIN);
	timeline_inc(timeline[1], 1);
	wait_asleep(pid);
	timeline_inc(timeline[0], 1);
	join(pid);
}

/* What one buffer exports another may import: a fence crosses drivers. */
static void fence_crosses_buffers(void)
{
	struct buffer a = buffer_new(), b = buffer_new();
	__u32 fence = attach(&a, VGEM_FENCE_WRITE);
	pid_t pid;

	OK(dmabuf_import_fence(b.dmabuf,
			       OK(dmabuf_export_fence(a.dmabuf, DMA_BUF_SYNC_READ)),
			       DMA_BUF_SYNC_WRITE));
	pid = spawn_poller(b.dmabuf, POLLOUT);
	signal_fence(&a, fence);
	join(pid);
}

/* A fence that fails makes the dma-buf ready; its sync_file has the error. */
static void import_of_failing_fence(void)
{
	struct buffer b = buffer_new();
	int timeline = timeline_open();
	int fence = timeline_fence(timeline, 1);
	int file;
	pid_t pid;

	OK(dmabuf_import_fence(b.dmabuf, fence, DMA_BUF_SYNC_WRITE));
	file = OK(dmabuf_export_fence(b.dmabuf, DMA_BUF_SYNC_READ));
	pid = spawn_poller(b.dmabuf, POLLIN);
	close(timeline);
	join(pid);
	CHECK_EQ(fence_status(file), -ENOENT);
}

static int cpu_access(int dmabuf, __u64 flags)
{
	struct dma_buf_sync arg = { .flags = flags };

	return ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &arg);
}

struct access {
	int dmabuf;
	int started;
	__u64 flags;
	int interrupts;
};

static void access_buffer(void *arg)
{
	struct access *a = arg;

	while (a->interrupts--) {
		OK(write(a->started, "", 1));
		CHECK_ERR(cpu_access(a->dmabuf, DMA_BUF_SYNC_START | a->flags),
			  EINTR);
	}
	OK(write(a->started, "", 1));
	OK(cpu_access(a->dmabuf, DMA_BUF_SYNC_START | a->flags));
	OK(cpu_access(a->dmabuf, DMA_BUF_SYNC_END | a->flags));
}

static void wait_started(int started, pid_t pid)
{
	char c;

	CHECK_EQ(read(started, &c, 1), 1);
	wait_asleep(pid);
}

/* Beginning CPU access sleeps in the kernel until the fences have signalled. */
static void cpu_access_waits(void)
{
	static const __u64 flags[] = { DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct buffer b = buffer_new();
		__u32 fence = attach(&b, flags[i] == DMA_BUF_SYNC_READ ?
				     VGEM_FENCE_WRITE : 0);
		struct access a = { .dmabuf = b.dmabuf, .flags = flags[i] };
		int started[2];
		pid_t pid;

		OK(pipe(started));
		a.started = started[1];
		pid = spawn(access_buffer, &a);
		wait_started(started[0], pid);
		signal_fence(&b, fence);
		join(pid);
	}
}

/* A signal interrupts that wait; asked again, it waits for the same fence. */
static void cpu_access_interrupted(void)
{
	struct buffer b = buffer_new();
	__u32 fence = attach(&b, VGEM_FENCE_WRITE);
	struct access a = {
		.dmabuf = b.dmabuf,
		.flags = DMA_BUF_SYNC_RW,
		.interrupts = 3,
	};
	int started[2], i;
	pid_t pid;

	OK(pipe(started));
	a.started = started[1];
	pid = spawn(access_buffer, &a);
	for (i = 0; i < a.interrupts; i++) {
		wait_started(started[0], pid);
		OK(kill(pid, SIGUSR1));
	}
	wait_started(started[0], pid);
	signal_fence(&b, fence);
	join(pid);
}

/* Many processes wait in the kernel for one fence, and all go on. */
static void cpu_access_many(void)
{
	struct buffer b = buffer_new();
	__u32 fence = attach(&b, VGEM_FENCE_WRITE);
	struct access a = { .dmabuf = b.dmabuf, .flags = DMA_BUF_SYNC_READ };
	pid_t pid[16];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pid); i++) {
		int started[2];

		OK(pipe(started));
		a.started = started[1];
		pid[i] = spawn(access_buffer, &a);
		wait_started(started[0], pid[i]);
	}
	signal_fence(&b, fence);
	for (i = 0; i < ARRAY_SIZE(pid); i++)
		join(pid[i]);
}

/* A fence nobody signals expires after 10 s: waiters go on, signal is late. */
static void fence_expires(void)
{
	struct buffer b = buffer_new();
	__u64 start = now_ns(), took;
	__u32 fence = attach(&b, VGEM_FENCE_WRITE);
	int file = OK(dmabuf_export_fence(b.dmabuf, DMA_BUF_SYNC_READ));
	pid_t pid = spawn_poller(file, POLLIN);

	CHECK_EQ(poll_for(b.dmabuf, POLLIN, SOON_MS), POLLIN);
	took = now_ns() - start;
	join(pid);
	/* Timers of the tick wheel are coarse, but never early. */
	CHECK(took >= 9900 * 1000000ull);
	CHECK_EQ(fence_status(file), 1);
	CHECK_ERR(try_signal(b.node, fence), ETIMEDOUT);
	CHECK_ERR(try_signal(b.node, fence), ENOENT);
	check_signaled_between(file, start, now_ns());
}

struct relay {
	struct buffer buffer;
	int go;
	unsigned int rounds;
};

static void relay_poll(void *arg)
{
	struct relay *r = arg;
	unsigned int i;

	for (i = 1; i <= r->rounds; i++) {
		short events = i % 2 ? POLLIN : POLLOUT;
		int fence = timeline_fence(r->go, i);

		/* First for the attach of this round, then for its signal. */
		check_ready(fence, POLLIN);
		close(fence);
		check_ready(r->buffer.dmabuf, events);
	}
}

/* Fences come and go on one dma-buf while another process polls it. */
static void stress_attach_signal(void)
{
	struct relay r = {
		.buffer = buffer_new(),
		.go = timeline_open(),
		.rounds = 1000,
	};
	pid_t pid = spawn(relay_poll, &r);
	unsigned int i;

	for (i = 1; i <= r.rounds; i++) {
		__u32 fence = attach(&r.buffer, i % 3 ? VGEM_FENCE_WRITE : 0);

		timeline_inc(r.go, 1);
		if (i % 4 == 0)
			usleep(100);
		signal_fence(&r.buffer, fence);
	}
	join(pid);
}

static void export_rounds(void *arg)
{
	struct relay *r = arg;
	unsigned int i;

	for (i = 0; i < r->rounds; i++) {
		int a = OK(dmabuf_export_fence(r->buffer.dmabuf, DMA_BUF_SYNC_READ));
		int b = OK(dmabuf_export_fence(r->buffer.dmabuf, DMA_BUF_SYNC_WRITE));
		int both = merge(a, b);

		check_ready(both, POLLIN);
		close(a);
		close(b);
		close(both);
	}
}

/* Exported, merged and awaited in two processes, attached in a third. */
static void stress_export(void)
{
	struct relay r = { .buffer = buffer_new(), .rounds = 300 };
	pid_t pid[2];
	unsigned int i;
	int status = -1;

	for (i = 0; i < ARRAY_SIZE(pid); i++)
		pid[i] = spawn(export_rounds, &r);
	while (!waitpid(pid[0], &status, WNOHANG)) {
		__u32 fence = attach(&r.buffer, 0);

		usleep(10);
		signal_fence(&r.buffer, fence);
	}
	CHECK_EQ(status, 0);
	join(pid[1]);
}

static const struct user_case cases[] = {
	CASE(prime_round_trip),
	CASE(idle_is_ready),
	CASE(write_fence_blocks_all),
	CASE(read_fence_blocks_writers),
	CASE(writers_wait_for_all_readers),
	CASE(conflicts_are_refused),
	CASE(bad_arguments),
	CASE(poll_wakes_other_process),
	CASE(many_pollers_wake),
	CASE(poll_sleeps_through_partial),
	CASE(poller_killed),
	CASE(close_after_poll),
	CASE(close_while_other_polls),
	CASE(closed_node_signals),
	CASE(export_idle),
	CASE(export_write_fence),
	CASE(export_read_fences),
	CASE(export_is_a_snapshot),
	CASE(export_wakes_other_process),
	CASE(import_blocks),
	CASE(import_merged),
	CASE(fence_crosses_buffers),
	CASE(import_of_failing_fence),
	CASE(cpu_access_waits),
	CASE(cpu_access_interrupted),
	CASE(cpu_access_many),
	CASE(stress_attach_signal),
	CASE(stress_export),
	SLEEPING_CASE(fence_expires),
};

const struct user_suite vgem_suite = {
	.name = "vgem",
	.cases = cases,
	.count = ARRAY_SIZE(cases),
};
