// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 the dma-fence rework project
 *
 * Operations that the suites share.
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
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <drm/drm.h>
#include <linux/dma-buf.h>

#include "fence-user.h"

#define SW_SYNC_PATH "/sys/kernel/debug/sync/sw_sync"

/* The driver's interface is no uapi header; these are its ioctl layouts. */
struct sw_sync_create {
	__u32 value;
	char name[32];
	__s32 fence;
};

struct sw_sync_deadline {
	__u64 deadline_ns;
	__u32 pad;
	__s32 fence_fd;
};

#define SW_SYNC_CREATE		_IOWR('W', 0, struct sw_sync_create)
#define SW_SYNC_INC		_IOW('W', 1, __u32)
#define SW_SYNC_DEADLINE	_IOWR('W', 2, struct sw_sync_deadline)

__u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

void sleep_ms(unsigned int ms)
{
	usleep(ms * 1000);
}

void raise_fd_limit(unsigned int fds)
{
	struct rlimit lim = { .rlim_cur = fds, .rlim_max = fds };

	OK(setrlimit(RLIMIT_NOFILE, &lim));
}

void *shared_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		FAIL("mmap: %m");
	return p;
}

pid_t spawn(void (*fn)(void *arg), void *arg)
{
	pid_t pid;

	fflush(stdout);
	pid = OK(fork());
	if (!pid) {
		fn(arg);
		fflush(stdout);
		_exit(EXIT_SUCCESS);
	}
	return pid;
}

static int wait_status(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			FAIL("waitpid: %m");
	return status;
}

void join(pid_t pid)
{
	int status = wait_status(pid);

	if (WIFSIGNALED(status))
		FAIL("a child was killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status))
		FAIL("a child failed");
}

void join_killed(pid_t pid, int sig)
{
	int status = wait_status(pid);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != sig)
		FAIL("a child was not killed by signal %d", sig);
}

/*
 * Until the process sleeps in the kernel. Callers make sure that the call
 * under test is the only place where it can sleep for long, which is why the
 * state is sampled twice.
 */
void wait_asleep(pid_t pid)
{
	__u64 end = now_ns() + SOON_MS * 1000000ull;
	unsigned int seen = 0;
	char path[40], stat[200];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	while (seen < 2) {
		int fd = OK(open(path, O_RDONLY | O_CLOEXEC));
		ssize_t n = OK(read(fd, stat, sizeof(stat) - 1));
		char *state;

		close(fd);
		stat[n] = '\0';
		state = strrchr(stat, ')');
		if (!state || state[2] == 'Z')
			FAIL("a child ended before it was to be woken");
		seen = state[2] == 'S' ? seen + 1 : 0;
		if (now_ns() > end)
			FAIL("a child did not go to sleep");
		sleep_ms(2);
	}
}

int timeline_open(void)
{
	return OK(open(SW_SYNC_PATH, O_RDWR | O_CLOEXEC));
}

int timeline_fence(int timeline, unsigned int value)
{
	struct sw_sync_create create = { .value = value, .name = "fence" };

	OK(ioctl(timeline, SW_SYNC_CREATE, &create));
	return create.fence;
}

void timeline_inc(int timeline, unsigned int count)
{
	__u32 arg = count;

	OK(ioctl(timeline, SW_SYNC_INC, &arg));
}

int timeline_deadline(int timeline, int fence, __u64 *deadline_ns)
{
	struct sw_sync_deadline arg = { .fence_fd = fence };
	int ret = ioctl(timeline, SW_SYNC_DEADLINE, &arg);

	*deadline_ns = arg.deadline_ns;
	return ret;
}

int set_deadline(int fence, __u64 deadline_ns)
{
	struct sync_set_deadline arg = { .deadline_ns = deadline_ns };

	return ioctl(fence, SYNC_IOC_SET_DEADLINE, &arg);
}

int merge(int a, int b)
{
	struct sync_merge_data arg = { .name = "merged", .fd2 = b };

	OK(ioctl(a, SYNC_IOC_MERGE, &arg));
	return arg.fence;
}

void fence_info(int fd, struct fence_info *info)
{
	memset(info, 0, sizeof(*info));
	OK(ioctl(fd, SYNC_IOC_FILE_INFO, &info->file));
	CHECK(info->file.num_fences > 0);
	info->fence = calloc(info->file.num_fences, sizeof(*info->fence));
	CHECK(info->fence);
	info->file.sync_fence_info = (uintptr_t)info->fence;
	OK(ioctl(fd, SYNC_IOC_FILE_INFO, &info->file));
}

int fence_status(int fd)
{
	struct sync_file_info info = { 0 };

	OK(ioctl(fd, SYNC_IOC_FILE_INFO, &info));
	return info.status;
}

unsigned int fence_count(int fd)
{
	struct sync_file_info info = { 0 };

	OK(ioctl(fd, SYNC_IOC_FILE_INFO, &info));
	return info.num_fences;
}

__u64 fence_timestamp(int fd)
{
	struct fence_info info;
	__u64 timestamp;

	fence_info(fd, &info);
	CHECK_EQ(info.file.num_fences, 1);
	timestamp = info.fence[0].timestamp_ns;
	free(info.fence);
	return timestamp;
}

void check_signaled_between(int fd, __u64 after, __u64 before)
{
	__u64 timestamp = fence_timestamp(fd);

	if (timestamp < after || timestamp > before)
		FAIL("timestamp %llu is not within %llu..%llu",
		     (unsigned long long)timestamp, (unsigned long long)after,
		     (unsigned long long)before);
}

short poll_for(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	OK(poll(&p, 1, timeout_ms));
	return p.revents;
}

short poll_now(int fd, short events)
{
	return poll_for(fd, events, 0);
}

bool ready(int fd)
{
	return poll_now(fd, POLLIN) == POLLIN;
}

struct poller {
	int fd;
	short events;
	int started;
};

static void poller(void *arg)
{
	struct poller *p = arg;
	int low = p->fd < p->started ? p->fd : p->started;
	int high = p->fd < p->started ? p->started : p->fd;

	/* What the test closes while we sleep must not stay open here. */
	if (low > STDERR_FILENO + 1)
		OK(close_range(STDERR_FILENO + 1, low - 1, 0));
	if (high > low + 1)
		OK(close_range(low + 1, high - 1, 0));
	OK(close_range(high + 1, ~0U, 0));
	OK(write(p->started, "", 1));
	CHECK_EQ(poll_for(p->fd, p->events, SOON_MS), p->events);
}

pid_t spawn_poller(int fd, short events)
{
	int started[2];
	struct poller p = { .fd = fd, .events = events };
	pid_t pid;
	char c;

	OK(pipe(started));
	p.started = started[1];
	pid = spawn(poller, &p);
	close(started[1]);
	CHECK_EQ(read(started[0], &c, 1), 1);
	close(started[0]);
	wait_asleep(pid);
	return pid;
}

/* Which number a driver's node has depends on the order of probing. */
int drm_open(const char *driver)
{
	char path[32], name[32];
	unsigned int i;

	for (i = 0; i < 16; i++) {
		struct drm_version version = {
			.name = name,
			.name_len = sizeof(name) - 1,
		};
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%u", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		memset(name, 0, sizeof(name));
		if (!ioctl(fd, DRM_IOCTL_VERSION, &version) &&
		    !strcmp(name, driver))
			return fd;
		close(fd);
	}
	FAIL("no /dev/dri/card* is of the driver %s", driver);
}

int dmabuf_export_fence(int dmabuf, unsigned int flags)
{
	struct dma_buf_export_sync_file arg = { .flags = flags, .fd = -1 };

	if (ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg))
		return -1;
	return arg.fd;
}

int dmabuf_import_fence(int dmabuf, int fence, unsigned int flags)
{
	struct dma_buf_import_sync_file arg = { .flags = flags, .fd = fence };

	return ioctl(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg);
}
