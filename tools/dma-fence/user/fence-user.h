/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 the dma-fence rework project
 *
 * Shared by the user space tests: the harness that turns functions into KTAP,
 * and the few operations on fences that every suite needs.
 *
 * A case returns when it passed and calls CHECK() (or fail()) when it did not.
 * It runs in a process of its own, so it may leave file descriptors, memory
 * and children behind: they go with the process.
 */
#ifndef FENCE_USER_H
#define FENCE_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/sync_file.h>

#define __printf(a, b) __attribute__((format(printf, a, b)))
#define __noreturn __attribute__((noreturn))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Long enough for a busy machine; only ever waited for when a test fails. */
#define SOON_MS 20000

/* A case that mostly sleeps may do so while the others run. */
struct user_case {
	const char *name;
	void (*run)(void);
	bool sleeps;
};

#define CASE(fn) { #fn, fn, false }
#define SLEEPING_CASE(fn) { #fn, fn, true }

struct user_suite {
	const char *name;
	const struct user_case *cases;
	unsigned int count;
};

extern const struct user_suite sw_sync_suite;
extern const struct user_suite vgem_suite;
extern const struct user_suite syncobj_suite;

__noreturn __printf(3, 4)
void fail(const char *file, int line, const char *fmt, ...);

#define FAIL(...) fail(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(cond) do {						\
	if (!(cond))							\
		FAIL("not true: %s", #cond);				\
} while (0)

#define CHECK_EQ(a, b) do {						\
	long long a__ = (long long)(a), b__ = (long long)(b);		\
									\
	if (a__ != b__)							\
		FAIL("%s is %lld, expected %s = %lld", #a, a__, #b, b__); \
} while (0)

/* A call that gives a result >= 0, which is the value of the expression. */
#define OK(call) ({							\
	int r__ = (call);						\
									\
	if (r__ < 0)							\
		FAIL("%s: %m", #call);					\
	r__;								\
})

/* A call that returns -1 and sets errno to the error named. */
#define CHECK_ERR(call, error) do {					\
	int r__ = (call);						\
									\
	if (r__ != -1 || errno != (error))				\
		FAIL("%s gave %d (%m), expected %s", #call, r__, #error); \
} while (0)

__u64 now_ns(void);
void sleep_ms(unsigned int ms);
void raise_fd_limit(unsigned int fds);
void *shared_memory(size_t size);

/* Processes. A child that returns from its function has succeeded. */
pid_t spawn(void (*fn)(void *arg), void *arg);
void join(pid_t pid);
void join_killed(pid_t pid, int sig);
void wait_asleep(pid_t pid);

/* sw_sync and sync_file */
int timeline_open(void);
int timeline_fence(int timeline, unsigned int value);
void timeline_inc(int timeline, unsigned int count);
int timeline_deadline(int timeline, int fence, __u64 *deadline_ns);
int set_deadline(int fence, __u64 deadline_ns);
int merge(int a, int b);

struct fence_info {
	struct sync_file_info file;
	struct sync_fence_info *fence;
};

void fence_info(int fd, struct fence_info *info);
int fence_status(int fd);
unsigned int fence_count(int fd);
__u64 fence_timestamp(int fd);
void check_signaled_between(int fd, __u64 after, __u64 before);

/* poll(), by this process or by another one that is asleep on return */
short poll_now(int fd, short events);
short poll_for(int fd, short events, int timeout_ms);
bool ready(int fd);
pid_t spawn_poller(int fd, short events);

/* DRM nodes and dma-bufs */
int drm_open(const char *driver);
int dmabuf_export_fence(int dmabuf, unsigned int flags);
int dmabuf_import_fence(int dmabuf, int fence, unsigned int flags);

#endif
