// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 the dma-fence rework project
 *
 * drm_syncobj, binary and timeline, as Vulkan drivers use it, on virtio-gpu:
 * the one driver without hardware that offers it. Its fences come from
 * sw_sync, so that waits really sleep.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <drm/drm.h>

#include "fence-user.h"

#define WAIT_ALL	DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL
#define WAIT_FOR_SUBMIT	DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT
#define WAIT_AVAILABLE	DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE
#define WAIT_DEADLINE	DRM_SYNCOBJ_WAIT_FLAGS_WAIT_DEADLINE

#define IMPORT_SYNC_FILE	DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE
#define IMPORT_TIMELINE		DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_TIMELINE
#define EXPORT_SYNC_FILE	DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE
#define EXPORT_TIMELINE		DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_TIMELINE

static int gpu_open(void)
{
	return drm_open("virtio_gpu");
}

static __u32 create(int gpu, __u32 flags)
{
	struct drm_syncobj_create arg = { .flags = flags };

	OK(ioctl(gpu, DRM_IOCTL_SYNCOBJ_CREATE, &arg));
	return arg.handle;
}

static int destroy(int gpu, __u32 handle)
{
	struct drm_syncobj_destroy arg = { .handle = handle };

	return ioctl(gpu, DRM_IOCTL_SYNCOBJ_DESTROY, &arg);
}

static int array_op(int gpu, unsigned long op, __u32 handle)
{
	struct drm_syncobj_array arg = {
		.handles = (uintptr_t)&handle,
		.count_handles = 1,
	};

	return ioctl(gpu, op, &arg);
}

static int reset(int gpu, __u32 handle)
{
	return array_op(gpu, DRM_IOCTL_SYNCOBJ_RESET, handle);
}

static int signal_now(int gpu, __u32 handle)
{
	return array_op(gpu, DRM_IOCTL_SYNCOBJ_SIGNAL, handle);
}

static __s64 in_ms(unsigned int ms)
{
	return now_ns() + ms * 1000000ll;
}

static int wait_many(int gpu, const __u32 *handles, unsigned int count,
		     __u32 flags, __s64 until, __u32 *first)
{
	struct drm_syncobj_wait arg = {
		.handles = (uintptr_t)handles,
		.count_handles = count,
		.flags = flags,
		.timeout_nsec = until,
		.first_signaled = ~0u,
	};
	int ret = ioctl(gpu, DRM_IOCTL_SYNCOBJ_WAIT, &arg);

	if (first)
		*first = arg.first_signaled;
	return ret;
}

static int wait_one(int gpu, __u32 handle, __u32 flags, __s64 until)
{
	return wait_many(gpu, &handle, 1, flags, until, NULL);
}

static int wait_points(int gpu, const __u32 *handles, const __u64 *points,
		       unsigned int count, __u32 flags, __s64 until,
		       __u32 *first)
{
	struct drm_syncobj_timeline_wait arg = {
		.handles = (uintptr_t)handles,
		.points = (uintptr_t)points,
		.count_handles = count,
		.flags = flags,
		.timeout_nsec = until,
		.first_signaled = ~0u,
	};
	int ret = ioctl(gpu, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &arg);

	if (first)
		*first = arg.first_signaled;
	return ret;
}

static int wait_point(int gpu, __u32 handle, __u64 point, __u32 flags,
		      __s64 until)
{
	return wait_points(gpu, &handle, &point, 1, flags, until, NULL);
}

static void signal_point(int gpu, __u32 handle, __u64 point)
{
	struct drm_syncobj_timeline_array arg = {
		.handles = (uintptr_t)&handle,
		.points = (uintptr_t)&point,
		.count_handles = 1,
	};

	OK(ioctl(gpu, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &arg));
}

static __u64 query(int gpu, __u32 handle, __u32 flags)
{
	__u64 point = ~0ull;
	struct drm_syncobj_timeline_array arg = {
		.handles = (uintptr_t)&handle,
		.points = (uintptr_t)&point,
		.count_handles = 1,
		.flags = flags,
	};

	OK(ioctl(gpu, DRM_IOCTL_SYNCOBJ_QUERY, &arg));
	return point;
}

/* A timeline point completes a moment after the last fence it waits for. */
static void check_reaches(int gpu, __u32 handle, __u64 point)
{
	OK(wait_point(gpu, handle, point, 0, in_ms(SOON_MS)));
	CHECK_EQ(query(gpu, handle, 0), point);
}

static int try_import(int gpu, __u32 handle, int file, __u32 flags, __u64 point)
{
	struct drm_syncobj_handle arg = {
		.handle = handle,
		.fd = file,
		.flags = IMPORT_SYNC_FILE | flags,
		.point = point,
	};

	return ioctl(gpu, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &arg);
}

static void import(int gpu, __u32 handle, int file)
{
	OK(try_import(gpu, handle, file, 0, 0));
}

static void import_point(int gpu, __u32 handle, int file, __u64 point)
{
	OK(try_import(gpu, handle, file, IMPORT_TIMELINE, point));
}

static int try_export(int gpu, __u32 handle, __u32 flags, __u64 point)
{
	struct drm_syncobj_handle arg = {
		.handle = handle,
		.flags = flags,
		.point = point,
		.fd = -1,
	};

	if (ioctl(gpu, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &arg))
		return -1;
	return arg.fd;
}

static int export_file(int gpu, __u32 handle)
{
	return OK(try_export(gpu, handle, EXPORT_SYNC_FILE, 0));
}

static int try_transfer(int gpu, __u32 src, __u64 src_point, __u32 dst,
			__u64 dst_point, __u32 flags)
{
	struct drm_syncobj_transfer arg = {
		.src_handle = src,
		.src_point = src_point,
		.dst_handle = dst,
		.dst_point = dst_point,
		.flags = flags,
	};

	return ioctl(gpu, DRM_IOCTL_SYNCOBJ_TRANSFER, &arg);
}

static int try_eventfd(int gpu, __u32 handle, __u64 point, __u32 flags, int fd)
{
	struct drm_syncobj_eventfd arg = {
		.handle = handle,
		.point = point,
		.flags = flags,
		.fd = fd,
	};

	return ioctl(gpu, DRM_IOCTL_SYNCOBJ_EVENTFD, &arg);
}

static int new_eventfd(void)
{
	return OK(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

/* How often the eventfd was signalled since it was last asked. */
static __u64 events(int fd)
{
	__u64 count;

	if (read(fd, &count, sizeof(count)) == sizeof(count))
		return count;
	CHECK_EQ(errno, EAGAIN);
	return 0;
}

static __u64 events_soon(int fd)
{
	CHECK_EQ(poll_for(fd, POLLIN, SOON_MS), POLLIN);
	return events(fd);
}

/* A wait in another process, asleep in the kernel when it is returned. */
struct waiter {
	int gpu;
	unsigned int count;
	const __u32 *handles;
	const __u64 *points;
	__u32 flags;
	__u32 first;
	unsigned int interrupts;
	int started;
};

static int waiter_ioctl(struct waiter *w, __u32 *first)
{
	if (w->points)
		return wait_points(w->gpu, w->handles, w->points, w->count,
				   w->flags, in_ms(SOON_MS), first);
	return wait_many(w->gpu, w->handles, w->count, w->flags,
			 in_ms(SOON_MS), first);
}

static void waiter(void *arg)
{
	struct waiter *w = arg;
	__u32 first;

	while (w->interrupts--) {
		OK(write(w->started, "", 1));
		CHECK_ERR(waiter_ioctl(w, &first), EINTR);
	}
	OK(write(w->started, "", 1));
	OK(waiter_ioctl(w, &first));
	if (!(w->flags & WAIT_ALL))
		CHECK_EQ(first, w->first);
}

static void waiter_asleep(int started, pid_t pid)
{
	char c;

	CHECK_EQ(read(started, &c, 1), 1);
	wait_asleep(pid);
}

static pid_t spawn_waiter(struct waiter w)
{
	int started[2];
	pid_t pid;

	OK(pipe(started));
	w.started = started[1];
	pid = spawn(waiter, &w);
	close(started[1]);
	waiter_asleep(started[0], pid);
	close(started[0]);
	return pid;
}

static pid_t spawn_wait_one(int gpu, const __u32 *handle, __u32 flags)
{
	return spawn_waiter((struct waiter) {
		.gpu = gpu, .handles = handle, .count = 1, .flags = flags,
	});
}

static pid_t spawn_wait_point(int gpu, const __u32 *handle, const __u64 *point,
			      __u32 flags)
{
	return spawn_waiter((struct waiter) {
		.gpu = gpu, .handles = handle, .points = point, .count = 1,
		.flags = flags,
	});
}

/* The driver says that it has syncobjs and timelines. */
static void capabilities(void)
{
	int gpu = gpu_open();
	struct drm_get_cap cap = { .capability = DRM_CAP_SYNCOBJ };

	OK(ioctl(gpu, DRM_IOCTL_GET_CAP, &cap));
	CHECK_EQ(cap.value, 1);
	cap.capability = DRM_CAP_SYNCOBJ_TIMELINE;
	OK(ioctl(gpu, DRM_IOCTL_GET_CAP, &cap));
	CHECK_EQ(cap.value, 1);
}

/* Handles are made and destroyed once; unknown ones and flags are errors. */
static void create_and_destroy(void)
{
	int gpu = gpu_open();
	struct drm_syncobj_create flagged = { .flags = 2 };
	__u32 a = create(gpu, 0), b = create(gpu, 0);

	CHECK(a && b && a != b);
	OK(destroy(gpu, a));
	CHECK_ERR(destroy(gpu, a), EINVAL);
	OK(destroy(gpu, b));
	CHECK_ERR(ioctl(gpu, DRM_IOCTL_SYNCOBJ_CREATE, &flagged), EINVAL);
	CHECK_ERR(wait_one(gpu, a, 0, 0), ENOENT);
	CHECK_ERR(signal_now(gpu, a), ENOENT);
	CHECK_ERR(reset(gpu, a), ENOENT);
}

/* Without a fence there is nothing to wait for; created signalled, no wait. */
static void created_signaled(void)
{
	int gpu = gpu_open();
	__u32 empty = create(gpu, 0);
	__u32 done = create(gpu, DRM_SYNCOBJ_CREATE_SIGNALED);

	CHECK_ERR(wait_one(gpu, empty, 0, in_ms(SOON_MS)), EINVAL);
	OK(wait_one(gpu, done, 0, 0));
	OK(wait_one(gpu, done, WAIT_ALL, 0));
	CHECK_ERR(wait_one(gpu, done, 0x80, 0), EINVAL);
}

/* Signal gives it a signalled fence, reset takes the fence away. */
static void signal_and_reset(void)
{
	int gpu = gpu_open();
	__u32 obj = create(gpu, 0);

	OK(signal_now(gpu, obj));
	OK(wait_one(gpu, obj, 0, 0));
	OK(reset(gpu, obj));
	CHECK_ERR(wait_one(gpu, obj, 0, 0), EINVAL);
	OK(signal_now(gpu, obj));
	OK(wait_one(gpu, obj, 0, 0));
}

/* A wait ends at its absolute time, to a tick; times gone by only look. */
static void wait_times_out(void)
{
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj = create(gpu, 0);
	__u64 start;

	import(gpu, obj, timeline_fence(timeline, 1));
	CHECK_ERR(wait_one(gpu, obj, 0, 0), ETIME);
	CHECK_ERR(wait_one(gpu, obj, 0, -1), ETIME);
	CHECK_ERR(wait_one(gpu, obj, 0, now_ns() - 1), ETIME);
	start = now_ns();
	CHECK_ERR(wait_one(gpu, obj, WAIT_ALL, in_ms(120)), ETIME);
	CHECK(now_ns() - start >= 100 * 1000000ull);
	start = now_ns();
	CHECK_ERR(wait_one(gpu, obj, WAIT_FOR_SUBMIT, in_ms(120)), ETIME);
	CHECK(now_ns() - start >= 100 * 1000000ull);
	timeline_inc(timeline, 1);
	OK(wait_one(gpu, obj, 0, now_ns() - 1));
}

/* A process asleep in the wait is woken by the fence's signal. */
static void wait_wakes_other_process(void)
{
	static const __u32 flags[] = {
		0, WAIT_ALL, WAIT_FOR_SUBMIT, WAIT_ALL | WAIT_FOR_SUBMIT,
	};
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj = create(gpu, 0);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		pid_t pid;

		import(gpu, obj, timeline_fence(timeline, i + 1));
		pid = spawn_wait_one(gpu, &obj, flags[i]);
		timeline_inc(timeline, 1);
		join(pid);
	}
}

/* Waiting for any: the index of the first to signal is returned. */
static void wait_any(void)
{
	enum { OBJECTS = 16 };
	int gpu = gpu_open();
	int timeline[OBJECTS];
	__u32 obj[OBJECTS], first;
	unsigned int i;
	pid_t pid;

	for (i = 0; i < OBJECTS; i++) {
		timeline[i] = timeline_open();
		obj[i] = create(gpu, 0);
		import(gpu, obj[i], timeline_fence(timeline[i], 1));
	}
	CHECK_ERR(wait_many(gpu, obj, OBJECTS, 0, in_ms(20), NULL), ETIME);
	pid = spawn_waiter((struct waiter) {
		.gpu = gpu, .handles = obj, .count = OBJECTS, .first = 11,
	});
	timeline_inc(timeline[11], 1);
	join(pid);
	timeline_inc(timeline[3], 1);
	OK(wait_many(gpu, obj, OBJECTS, 0, 0, &first));
	CHECK_EQ(first, 3);
}

/* Waiting for all: only the last signal ends it. */
static void wait_all(void)
{
	enum { OBJECTS = 16 };
	int gpu = gpu_open();
	int timeline[OBJECTS];
	__u32 obj[OBJECTS];
	unsigned int i;
	pid_t pid;

	for (i = 0; i < OBJECTS; i++) {
		timeline[i] = timeline_open();
		obj[i] = create(gpu, 0);
		import(gpu, obj[i], timeline_fence(timeline[i], 1));
	}
	pid = spawn_waiter((struct waiter) {
		.gpu = gpu, .handles = obj, .count = OBJECTS, .flags = WAIT_ALL,
	});
	for (i = 0; i < OBJECTS - 1; i++) {
		timeline_inc(timeline[(i + 5) % OBJECTS], 1);
		wait_asleep(pid);
	}
	CHECK_ERR(wait_many(gpu, obj, OBJECTS, WAIT_ALL, 0, NULL), ETIME);
	timeline_inc(timeline[4], 1);
	join(pid);
	OK(wait_many(gpu, obj, OBJECTS, WAIT_ALL, 0, NULL));
}

/* Many processes wait for one fence through one object: all are woken. */
static void wait_many_processes(void)
{
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj = create(gpu, 0);
	pid_t pid[24];
	unsigned int i;

	import(gpu, obj, timeline_fence(timeline, 1));
	for (i = 0; i < ARRAY_SIZE(pid); i++)
		pid[i] = spawn_wait_one(gpu, &obj, i % 2 ? WAIT_ALL : 0);
	timeline_inc(timeline, 1);
	for (i = 0; i < ARRAY_SIZE(pid); i++)
		join(pid[i]);
}

/* Waiting for submit: first for a fence to appear, then for its signal. */
static void wait_for_submit(void)
{
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj = create(gpu, 0);
	pid_t pid;

	CHECK_ERR(wait_one(gpu, obj, WAIT_FOR_SUBMIT, 0), ETIME);
	CHECK_ERR(wait_one(gpu, obj, WAIT_FOR_SUBMIT, in_ms(20)), ETIME);
	pid = spawn_wait_one(gpu, &obj, WAIT_FOR_SUBMIT);
	import(gpu, obj, timeline_fence(timeline, 1));
	wait_asleep(pid);
	timeline_inc(timeline, 1);
	join(pid);
	OK(reset(gpu, obj));
	pid = spawn_wait_one(gpu, &obj, WAIT_FOR_SUBMIT | WAIT_ALL);
	OK(signal_now(gpu, obj));
	join(pid);
}

/* A reset during the wait does not change what is waited for. */
static void reset_during_wait(void)
{
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj = create(gpu, 0);
	pid_t pid;

	import(gpu, obj, timeline_fence(timeline, 1));
	pid = spawn_wait_one(gpu, &obj, 0);
	OK(reset(gpu, obj));
	OK(destroy(gpu, obj));
	wait_asleep(pid);
	timeline_inc(timeline, 1);
	join(pid);
}

/* A signal interrupts the wait; asked again, it waits for the same fence. */
static void wait_interrupted(void)
{
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj = create(gpu, 0);
	struct waiter w = {
		.gpu = gpu, .handles = &obj, .count = 1, .interrupts = 3,
	};
	int started[2];
	unsigned int i;
	pid_t pid;

	import(gpu, obj, timeline_fence(timeline, 1));
	OK(pipe(started));
	w.started = started[1];
	pid = spawn(waiter, &w);
	for (i = 0; i < w.interrupts; i++) {
		waiter_asleep(started[0], pid);
		OK(kill(pid, SIGUSR1));
	}
	waiter_asleep(started[0], pid);
	timeline_inc(timeline, 1);
	join(pid);
}

/* A killed waiter leaves nothing behind for the signal to trip over. */
static void waiter_killed(void)
{
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj = create(gpu, 0);
	pid_t dies, lives;

	import(gpu, obj, timeline_fence(timeline, 1));
	dies = spawn_wait_one(gpu, &obj, 0);
	lives = spawn_wait_one(gpu, &obj, 0);
	OK(kill(dies, SIGKILL));
	join_killed(dies, SIGKILL);
	wait_asleep(lives);
	timeline_inc(timeline, 1);
	join(lives);
}

/* A deadline given with the wait reaches the driver of the fence. */
static void wait_sets_deadline(void)
{
	int gpu = gpu_open();
	int timeline = timeline_open();
	int fence = timeline_fence(timeline, 1);
	__u32 obj = create(gpu, 0);
	__u64 point = 0;
	struct drm_syncobj_wait arg = {
		.handles = (uintptr_t)&obj,
		.count_handles = 1,
		.flags = WAIT_DEADLINE,
		.deadline_nsec = in_ms(500),
	};
	struct drm_syncobj_timeline_wait point_arg = {
		.handles = (uintptr_t)&obj,
		.points = (uintptr_t)&point,
		.count_handles = 1,
		.flags = WAIT_DEADLINE,
		.deadline_nsec = in_ms(100),
	};
	__u64 got;

	import(gpu, obj, fence);
	CHECK_ERR(ioctl(gpu, DRM_IOCTL_SYNCOBJ_WAIT, &arg), ETIME);
	OK(timeline_deadline(timeline, fence, &got));
	CHECK_EQ(got, arg.deadline_nsec);
	CHECK_ERR(ioctl(gpu, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &point_arg), ETIME);
	OK(timeline_deadline(timeline, fence, &got));
	CHECK_EQ(got, point_arg.deadline_nsec);
}

/* A handle passed on by descriptor is the same object, for two nodes. */
static void handle_to_fd_shares(void)
{
	int gpu = gpu_open(), other = gpu_open();
	__u32 obj = create(gpu, 0);
	struct drm_syncobj_handle arg = {
		.fd = OK(try_export(gpu, obj, 0, 0)),
	};
	int null = OK(open("/dev/null", O_RDWR));

	OK(ioctl(other, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &arg));
	CHECK_ERR(wait_one(other, arg.handle, 0, 0), EINVAL);
	OK(signal_now(gpu, obj));
	OK(wait_one(other, arg.handle, 0, 0));
	OK(reset(other, arg.handle));
	CHECK_ERR(wait_one(gpu, obj, 0, 0), EINVAL);
	/* It lives as long as either handle does. */
	OK(destroy(gpu, obj));
	close(arg.fd);
	OK(signal_now(other, arg.handle));
	OK(wait_one(other, arg.handle, 0, 0));
	arg.fd = null;
	CHECK_ERR(ioctl(other, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &arg), EINVAL);
	CHECK_ERR(try_export(gpu, 4711, 0, 0), EINVAL);
}

/* A sync_file goes in and comes out as the same fence. */
static void sync_file_round_trip(void)
{
	int gpu = gpu_open();
	int timeline = timeline_open();
	int in = timeline_fence(timeline, 1), out;
	__u32 obj = create(gpu, 0);
	__u64 before;

	CHECK_ERR(try_export(gpu, obj, EXPORT_SYNC_FILE, 0), EINVAL);
	import(gpu, obj, in);
	out = export_file(gpu, obj);
	CHECK_EQ(fence_count(out), 1);
	CHECK(!ready(out));
	before = now_ns();
	timeline_inc(timeline, 1);
	CHECK(ready(out));
	check_signaled_between(out, before, now_ns());
	CHECK_EQ(fence_timestamp(out), fence_timestamp(in));
	CHECK_ERR(try_import(gpu, obj, OK(open("/dev/null", O_RDONLY)), 0, 0),
		  EINVAL);
	CHECK_ERR(try_import(gpu, 4711, in, 0, 0), ENOENT);
}

/* An exported sync_file keeps its fence when the object gets another. */
static void export_is_a_snapshot(void)
{
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj = create(gpu, 0);
	int file;

	import(gpu, obj, timeline_fence(timeline, 1));
	file = export_file(gpu, obj);
	OK(signal_now(gpu, obj));
	OK(wait_one(gpu, obj, 0, 0));
	CHECK(!ready(file));
	CHECK(ready(export_file(gpu, obj)));
	OK(destroy(gpu, obj));
	timeline_inc(timeline, 1);
	CHECK(ready(file));
}

/* A merge of fences is waited for as a whole. */
static void wait_for_merged(void)
{
	int gpu = gpu_open();
	int timeline[2] = { timeline_open(), timeline_open() };
	__u32 obj = create(gpu, 0);
	pid_t pid;

	import(gpu, obj, merge(timeline_fence(timeline[0], 1),
			       timeline_fence(timeline[1], 1)));
	pid = spawn_wait_one(gpu, &obj, 0);
	timeline_inc(timeline[1], 1);
	wait_asleep(pid);
	timeline_inc(timeline[0], 1);
	join(pid);
}

/* A fence that fails ends the wait without error; its sync_file tells. */
static void wait_for_failing_fence(void)
{
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj = create(gpu, 0);

	import(gpu, obj, timeline_fence(timeline, 1));
	CHECK_ERR(wait_one(gpu, obj, 0, 0), ETIME);
	close(timeline);
	OK(wait_one(gpu, obj, 0, 0));
	CHECK_EQ(fence_status(export_file(gpu, obj)), -ENOENT);
}

/* Points signalled by the host: query, waits at, below and above them. */
static void timeline_signal(void)
{
	int gpu = gpu_open();
	__u32 obj = create(gpu, 0);

	CHECK_EQ(query(gpu, obj, 0), 0);
	signal_point(gpu, obj, 5);
	check_reaches(gpu, obj, 5);
	OK(wait_point(gpu, obj, 1, 0, 0));
	CHECK_ERR(wait_point(gpu, obj, 6, 0, in_ms(SOON_MS)), EINVAL);
	CHECK_ERR(wait_point(gpu, obj, 6, WAIT_FOR_SUBMIT, in_ms(20)), ETIME);
	signal_point(gpu, obj, 1ull << 40);
	check_reaches(gpu, obj, 1ull << 40);
	OK(wait_point(gpu, obj, 6, 0, 0));
}

/* Points with fences of their own are reached in order, not as they signal. */
static void timeline_fences_in_order(void)
{
	enum { POINTS = 8 };
	int gpu = gpu_open();
	int timeline[POINTS];
	__u32 obj = create(gpu, 0);
	unsigned int i;

	for (i = 0; i < POINTS; i++) {
		timeline[i] = timeline_open();
		import_point(gpu, obj, timeline_fence(timeline[i], 1), 10 + i);
	}
	CHECK_EQ(query(gpu, obj, 0), 0);
	CHECK_EQ(query(gpu, obj, DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED),
		 10 + POINTS - 1);
	/* Everything but the first: still nothing is reached. */
	for (i = POINTS - 1; i > 0; i--)
		timeline_inc(timeline[i], 1);
	CHECK_ERR(wait_point(gpu, obj, 10, 0, in_ms(20)), ETIME);
	CHECK_ERR(wait_point(gpu, obj, 10 + POINTS - 1, 0, in_ms(20)), ETIME);
	CHECK_EQ(query(gpu, obj, 0), 0);
	timeline_inc(timeline[0], 1);
	check_reaches(gpu, obj, 10 + POINTS - 1);
}

/* Each point wakes its own sleeper, and query follows. */
static void timeline_wakes_at_point(void)
{
	enum { POINTS = 6 };
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj = create(gpu, 0);
	__u64 point[POINTS];
	pid_t pid[POINTS];
	unsigned int i, j;

	for (i = 0; i < POINTS; i++) {
		point[i] = 3 * (i + 1);
		import_point(gpu, obj, timeline_fence(timeline, i + 1), point[i]);
	}
	for (i = 0; i < POINTS; i++)
		pid[i] = spawn_wait_point(gpu, &obj, &point[i], 0);
	for (i = 0; i < POINTS; i++) {
		timeline_inc(timeline, 1);
		join(pid[i]);
		CHECK_EQ(query(gpu, obj, 0), point[i]);
		for (j = i + 1; j < POINTS; j++)
			wait_asleep(pid[j]);
	}
}

/* Waiting before submit: for the point to exist, and then for its fence. */
static void timeline_wait_before_submit(void)
{
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj = create(gpu, 0);
	__u64 point = 7;
	pid_t submitted, available;

	CHECK_ERR(wait_point(gpu, obj, point, WAIT_AVAILABLE, in_ms(20)), ETIME);
	submitted = spawn_wait_point(gpu, &obj, &point, WAIT_FOR_SUBMIT);
	available = spawn_wait_point(gpu, &obj, &point, WAIT_AVAILABLE);
	import_point(gpu, obj, timeline_fence(timeline, 1), 4);
	wait_asleep(submitted);
	wait_asleep(available);
	import_point(gpu, obj, timeline_fence(timeline, 2), 7);
	join(available);
	wait_asleep(submitted);
	OK(wait_point(gpu, obj, point, WAIT_AVAILABLE, 0));
	CHECK_ERR(wait_point(gpu, obj, point, 0, in_ms(20)), ETIME);
	timeline_inc(timeline, 2);
	join(submitted);
}

/* Waits over several timelines: any names the one reached, all needs each. */
static void timeline_wait_several(void)
{
	enum { OBJECTS = 4 };
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj[OBJECTS], first;
	__u64 point[OBJECTS];
	unsigned int i;
	pid_t any, all;

	for (i = 0; i < OBJECTS; i++) {
		obj[i] = create(gpu, 0);
		point[i] = 20 + i;
		import_point(gpu, obj[i],
			     timeline_fence(timeline, OBJECTS - i), point[i]);
	}
	any = spawn_waiter((struct waiter) {
		.gpu = gpu, .handles = obj, .points = point, .count = OBJECTS,
		.first = OBJECTS - 1,
	});
	all = spawn_waiter((struct waiter) {
		.gpu = gpu, .handles = obj, .points = point, .count = OBJECTS,
		.flags = WAIT_ALL,
	});
	timeline_inc(timeline, 1);
	join(any);
	wait_asleep(all);
	timeline_inc(timeline, OBJECTS - 2);
	wait_asleep(all);
	timeline_inc(timeline, 1);
	join(all);
	OK(wait_points(gpu, obj, point, OBJECTS, 0, 0, &first));
	CHECK_EQ(first, 0);
}

/* A long timeline, signalled from its end, completes from its beginning. */
static void timeline_long(void)
{
	enum { POINTS = 400 };
	static int timeline[POINTS];
	int gpu = gpu_open();
	__u32 obj = create(gpu, 0);
	__u64 point = POINTS;
	unsigned int i;
	pid_t pid;

	raise_fd_limit(POINTS + 64);
	for (i = 0; i < POINTS; i++) {
		int fence;

		timeline[i] = timeline_open();
		fence = timeline_fence(timeline[i], 1);
		import_point(gpu, obj, fence, i + 1);
		close(fence);
	}
	pid = spawn_wait_point(gpu, &obj, &point, 0);
	for (i = POINTS - 1; i > 0; i--)
		timeline_inc(timeline[i], 1);
	wait_asleep(pid);
	CHECK_EQ(query(gpu, obj, 0), 0);
	timeline_inc(timeline[0], 1);
	join(pid);
	CHECK_EQ(query(gpu, obj, 0), POINTS);
}

/* A point is exported as a sync_file that signals with the point. */
static void timeline_export_point(void)
{
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj = create(gpu, 0);
	int early, late;

	import_point(gpu, obj, timeline_fence(timeline, 1), 1);
	import_point(gpu, obj, timeline_fence(timeline, 2), 2);
	early = OK(try_export(gpu, obj, EXPORT_SYNC_FILE | EXPORT_TIMELINE, 1));
	late = OK(try_export(gpu, obj, EXPORT_SYNC_FILE | EXPORT_TIMELINE, 2));
	CHECK(!ready(early) && !ready(late));
	timeline_inc(timeline, 1);
	CHECK_EQ(poll_for(early, POLLIN, SOON_MS), POLLIN);
	CHECK(!ready(late));
	timeline_inc(timeline, 1);
	CHECK_EQ(poll_for(late, POLLIN, SOON_MS), POLLIN);
	CHECK_ERR(try_export(gpu, obj, EXPORT_SYNC_FILE | EXPORT_TIMELINE, 3),
		  EINVAL);
}

/* Transfer: a binary fence becomes a point, a point a binary fence. */
static void transfer(void)
{
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 binary = create(gpu, 0), points = create(gpu, 0);
	__u32 back = create(gpu, 0);
	pid_t pid;

	CHECK_ERR(try_transfer(gpu, binary, 0, points, 9, 0), EINVAL);
	CHECK_ERR(try_transfer(gpu, 4711, 0, points, 9, 0), ENOENT);
	CHECK_ERR(try_transfer(gpu, binary, 0, 4711, 9, 0), ENOENT);
	import(gpu, binary, timeline_fence(timeline, 1));
	OK(try_transfer(gpu, binary, 0, points, 9, 0));
	OK(try_transfer(gpu, points, 9, back, 0, 0));
	CHECK_EQ(query(gpu, points, 0), 0);
	CHECK_EQ(query(gpu, points, DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED), 9);
	CHECK_ERR(wait_one(gpu, back, 0, 0), ETIME);
	pid = spawn_wait_one(gpu, &back, 0);
	timeline_inc(timeline, 1);
	join(pid);
	check_reaches(gpu, points, 9);
}

static void transfer_later(void *arg)
{
	struct waiter *w = arg;

	OK(write(w->started, "", 1));
	OK(try_transfer(w->gpu, w->handles[0], 0, w->handles[1], 3,
			WAIT_FOR_SUBMIT));
}

/* Asked to wait for submit, transfer sleeps until the source has a fence. */
static void transfer_waits_for_submit(void)
{
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj[2] = { create(gpu, 0), create(gpu, 0) };
	struct waiter w = { .gpu = gpu, .handles = obj };
	int started[2];
	pid_t pid;

	OK(pipe(started));
	w.started = started[1];
	pid = spawn(transfer_later, &w);
	waiter_asleep(started[0], pid);
	import(gpu, obj[0], timeline_fence(timeline, 1));
	join(pid);
	CHECK_EQ(query(gpu, obj[1], DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED), 3);
	timeline_inc(timeline, 1);
	check_reaches(gpu, obj[1], 3);
}

/* An eventfd is signalled once: at once, at the signal, or at the submit. */
static void eventfd_binary(void)
{
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj = create(gpu, DRM_SYNCOBJ_CREATE_SIGNALED);
	int ev = new_eventfd(), submitted = new_eventfd();

	OK(try_eventfd(gpu, obj, 0, 0, ev));
	CHECK_EQ(events_soon(ev), 1);
	OK(reset(gpu, obj));
	OK(try_eventfd(gpu, obj, 0, 0, ev));
	OK(try_eventfd(gpu, obj, 0, WAIT_AVAILABLE, submitted));
	CHECK_EQ(events(ev) + events(submitted), 0);
	import(gpu, obj, timeline_fence(timeline, 1));
	CHECK_EQ(events_soon(submitted), 1);
	CHECK_EQ(events(ev), 0);
	timeline_inc(timeline, 1);
	CHECK_EQ(events_soon(ev), 1);
	OK(signal_now(gpu, obj));
	CHECK_EQ(events(ev) + events(submitted), 0);
	CHECK_ERR(try_eventfd(gpu, obj, 0, 0, gpu), EINVAL);
	CHECK_ERR(try_eventfd(gpu, obj, 0, WAIT_ALL, ev), EINVAL);
	CHECK_ERR(try_eventfd(gpu, 4711, 0, 0, ev), ENOENT);
}

/* An eventfd on a point comes with that point and with no other. */
static void eventfd_timeline(void)
{
	enum { POINTS = 5 };
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj = create(gpu, 0);
	int ev[POINTS];
	unsigned int i, j;

	for (i = 0; i < POINTS; i++) {
		ev[i] = new_eventfd();
		/* Some before the point exists, some after. */
		if (i % 2)
			OK(try_eventfd(gpu, obj, i + 1, 0, ev[i]));
		import_point(gpu, obj, timeline_fence(timeline, i + 1), i + 1);
		if (!(i % 2))
			OK(try_eventfd(gpu, obj, i + 1, 0, ev[i]));
	}
	for (i = 0; i < POINTS; i++) {
		timeline_inc(timeline, 1);
		CHECK_EQ(events_soon(ev[i]), 1);
		for (j = 0; j < POINTS; j++)
			CHECK_EQ(events(ev[j]), 0);
	}
}

/* Many eventfds on one fence: every one is signalled exactly once. */
static void eventfd_many(void)
{
	enum { MANY = 200 };
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj = create(gpu, 0);
	int ev[MANY];
	unsigned int i;

	import(gpu, obj, timeline_fence(timeline, 1));
	for (i = 0; i < MANY; i++) {
		ev[i] = new_eventfd();
		OK(try_eventfd(gpu, obj, 0, 0, ev[i]));
	}
	timeline_inc(timeline, 1);
	for (i = 0; i < MANY; i++)
		CHECK_EQ(events_soon(ev[i]), 1);
	for (i = 0; i < MANY; i++)
		CHECK_EQ(events(ev[i]), 0);
}

/* The object may go before the fence, or before it ever got one. */
static void eventfd_object_destroyed(void)
{
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj = create(gpu, 0), empty = create(gpu, 0);
	int ev = new_eventfd(), never = new_eventfd();

	import(gpu, obj, timeline_fence(timeline, 1));
	OK(try_eventfd(gpu, obj, 0, 0, ev));
	OK(try_eventfd(gpu, empty, 0, 0, never));
	OK(destroy(gpu, obj));
	OK(destroy(gpu, empty));
	timeline_inc(timeline, 1);
	CHECK_EQ(events_soon(ev), 1);
	CHECK_EQ(events(never), 0);
}

/* The eventfd may be closed first; its signal then goes nowhere. */
static void eventfd_closed(void)
{
	int gpu = gpu_open();
	int timeline = timeline_open();
	__u32 obj = create(gpu, 0);
	unsigned int i;

	for (i = 1; i <= 100; i++) {
		int ev = new_eventfd();

		import(gpu, obj, timeline_fence(timeline, i));
		OK(try_eventfd(gpu, obj, 0, 0, ev));
		close(ev);
		timeline_inc(timeline, 1);
		OK(wait_one(gpu, obj, 0, 0));
	}
}

struct duel {
	int gpu;
	int timeline;
	__u32 ping;
	__u32 pong;
	unsigned int rounds;
	unsigned int *count;
};

static void duel_partner(void *arg)
{
	struct duel *d = arg;
	unsigned int i;

	for (i = 1; i <= d->rounds; i++) {
		OK(wait_point(d->gpu, d->ping, i, WAIT_FOR_SUBMIT,
			      in_ms(SOON_MS)));
		CHECK_EQ(*d->count, 2 * i - 1);
		*d->count = 2 * i;
		signal_point(d->gpu, d->pong, i);
	}
}

/* Two processes hand a counter over by timeline points, submitted late. */
static void stress_ping_pong(void)
{
	struct duel d = {
		.gpu = gpu_open(),
		.timeline = timeline_open(),
		.rounds = 500,
		.count = shared_memory(sizeof(unsigned int)),
	};
	unsigned int i;
	pid_t pid;

	d.ping = create(d.gpu, 0);
	d.pong = create(d.gpu, 0);
	pid = spawn(duel_partner, &d);
	for (i = 1; i <= d.rounds; i++) {
		int fence = timeline_fence(d.timeline, i);

		import_point(d.gpu, d.ping, fence, i);
		close(fence);
		*d.count = 2 * i - 1;
		timeline_inc(d.timeline, 1);
		OK(wait_point(d.gpu, d.pong, i, WAIT_FOR_SUBMIT,
			      in_ms(SOON_MS)));
		CHECK_EQ(*d.count, 2 * i);
	}
	join(pid);
}

static void time_out_rounds(void *arg)
{
	struct duel *d = arg;
	__u32 obj[2] = { d->ping, d->pong };

	while (__atomic_load_n(d->count, __ATOMIC_RELAXED) < d->rounds) {
		/* Both outcomes are right; how they race is the point. */
		if (wait_many(d->gpu, obj, 2, 0, now_ns() + 50000, NULL))
			CHECK_EQ(errno, ETIME);
	}
}

/* Waits that time out race with the signals of what they wait for. */
static void stress_timeouts(void)
{
	struct duel d = {
		.gpu = gpu_open(),
		.timeline = timeline_open(),
		.rounds = 500,
		.count = shared_memory(sizeof(unsigned int)),
	};
	unsigned int i, n;
	pid_t pid[2];

	d.ping = create(d.gpu, 0);
	d.pong = create(d.gpu, 0);
	import(d.gpu, d.ping, timeline_fence(d.timeline, 1));
	import(d.gpu, d.pong, timeline_fence(d.timeline, 2));
	for (n = 0; n < ARRAY_SIZE(pid); n++)
		pid[n] = spawn(time_out_rounds, &d);
	for (i = 1; i <= d.rounds; i++) {
		int fence = timeline_fence(d.timeline, i + 2);

		timeline_inc(d.timeline, 1);
		import(d.gpu, i % 2 ? d.ping : d.pong, fence);
		close(fence);
		__atomic_fetch_add(d.count, 1, __ATOMIC_RELAXED);
	}
	for (n = 0; n < ARRAY_SIZE(pid); n++)
		join(pid[n]);
}

static const struct user_case cases[] = {
	CASE(capabilities),
	CASE(create_and_destroy),
	CASE(created_signaled),
	CASE(signal_and_reset),
	CASE(wait_times_out),
	CASE(wait_wakes_other_process),
	CASE(wait_any),
	CASE(wait_all),
	CASE(wait_many_processes),
	CASE(wait_for_submit),
	CASE(reset_during_wait),
	CASE(wait_interrupted),
	CASE(waiter_killed),
	CASE(wait_sets_deadline),
	CASE(handle_to_fd_shares),
	CASE(sync_file_round_trip),
	CASE(export_is_a_snapshot),
	CASE(wait_for_merged),
	CASE(wait_for_failing_fence),
	CASE(timeline_signal),
	CASE(timeline_fences_in_order),
	CASE(timeline_wakes_at_point),
	CASE(timeline_wait_before_submit),
	CASE(timeline_wait_several),
	CASE(timeline_long),
	CASE(timeline_export_point),
	CASE(transfer),
	CASE(transfer_waits_for_submit),
	CASE(eventfd_binary),
	CASE(eventfd_timeline),
	CASE(eventfd_many),
	CASE(eventfd_object_destroyed),
	CASE(eventfd_closed),
	CASE(stress_ping_pong),
	CASE(stress_timeouts),
};

const struct user_suite syncobj_suite = {
	.name = "syncobj",
	.cases = cases,
	.count = ARRAY_SIZE(cases),
};
