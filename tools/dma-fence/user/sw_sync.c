// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 the dma-fence rework project
 *
 * sw_sync timelines and sync_files, as Android and compositors use them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <unistd.h>

#include "fence-user.h"

/* A new fence is pending, carries its driver's names and has no timestamp. */
static void new_fence_is_pending(void)
{
	int fence = timeline_fence(timeline_open(), 1);
	struct fence_info info;

	CHECK(!ready(fence));
	fence_info(fence, &info);
	CHECK_EQ(info.file.status, 0);
	CHECK_EQ(info.file.num_fences, 1);
	CHECK_EQ(info.fence[0].status, 0);
	CHECK_EQ(info.fence[0].timestamp_ns, 0);
	CHECK(!strcmp(info.fence[0].driver_name, "sw_sync"));
	CHECK(!strcmp(info.fence[0].obj_name, "fence-user"));
	CHECK(!strncmp(info.file.name, "sw_sync-fence-user", 18));
}

/* A fence at or below the timeline's value is born signalled. */
static void fence_for_a_reached_value(void)
{
	int timeline = timeline_open();
	__u64 before;
	int fence;

	timeline_inc(timeline, 5);
	before = now_ns();
	fence = timeline_fence(timeline, 5);
	CHECK(ready(fence));
	CHECK_EQ(fence_status(fence), 1);
	check_signaled_between(fence, before, now_ns());
	CHECK(ready(timeline_fence(timeline, 1)));
	CHECK(!ready(timeline_fence(timeline, 6)));
}

/* An increment signals exactly the fences reached, whatever their age. */
static void increments_signal_in_order(void)
{
	static const unsigned int value[] = { 4, 2, 7, 1, 8, 3, 6, 5 };
	int fence[ARRAY_SIZE(value)];
	int timeline = timeline_open();
	unsigned int i, now;

	for (i = 0; i < ARRAY_SIZE(value); i++)
		fence[i] = timeline_fence(timeline, value[i]);
	for (now = 1; now <= ARRAY_SIZE(value); now++) {
		__u64 before = now_ns();

		timeline_inc(timeline, 1);
		for (i = 0; i < ARRAY_SIZE(value); i++) {
			CHECK_EQ(ready(fence[i]), value[i] <= now);
			CHECK_EQ(fence_status(fence[i]), value[i] <= now);
			if (value[i] == now)
				check_signaled_between(fence[i], before, now_ns());
		}
	}
}

/* One increment signals a thousand fences, each with a timestamp of its own. */
static void one_increment_signals_many(void)
{
	enum { MANY = 1000 };
	static int fence[MANY];
	int timeline = timeline_open();
	__u64 before, after, last = 0;
	unsigned int i;

	raise_fd_limit(MANY + 64);
	for (i = 0; i < MANY; i++) {
		fence[i] = timeline_fence(timeline, i + 1);
		CHECK(!ready(fence[i]));
	}
	before = now_ns();
	timeline_inc(timeline, MANY);
	after = now_ns();
	for (i = 0; i < MANY; i++) {
		__u64 stamp = fence_timestamp(fence[i]);

		CHECK(ready(fence[i]));
		CHECK(stamp >= before && stamp <= after && stamp >= last);
		last = stamp;
	}
}

/* Two files of one timeline value show the same signal. */
static void same_value_same_fence(void)
{
	int timeline = timeline_open();
	int a = timeline_fence(timeline, 3);
	int b = timeline_fence(timeline, 3);

	timeline_inc(timeline, 2);
	CHECK(!ready(a) && !ready(b));
	timeline_inc(timeline, 1);
	CHECK(ready(a) && ready(b));
	CHECK_EQ(fence_timestamp(a), fence_timestamp(b));
}

/* The value wraps at 32 bits and later stays later across the wrap. */
static void value_wraps(void)
{
	int timeline = timeline_open();
	int high, low;

	timeline_inc(timeline, 0x7fffffff);
	timeline_inc(timeline, 0x7ffffffe);
	high = timeline_fence(timeline, 0xffffffff);
	low = timeline_fence(timeline, 1);
	CHECK(!ready(high) && !ready(low));
	timeline_inc(timeline, 2);
	CHECK(ready(high) && !ready(low));
	timeline_inc(timeline, 2);
	CHECK(ready(low));
}

/* A poll with a timeout ends empty, not early, and the next one still works. */
static void poll_times_out(void)
{
	int timeline = timeline_open();
	int fence = timeline_fence(timeline, 1);
	__u64 start = now_ns();

	CHECK_EQ(poll_for(fence, POLLIN, 60), 0);
	CHECK(now_ns() - start >= 60 * 1000000ull);
	CHECK_EQ(poll_for(fence, POLLIN, 1), 0);
	timeline_inc(timeline, 1);
	CHECK_EQ(poll_for(fence, POLLIN, 1), POLLIN);
}

/* A process asleep in poll is woken by an increment in another process. */
static void poll_wakes_other_process(void)
{
	int timeline = timeline_open();
	pid_t pid = spawn_poller(timeline_fence(timeline, 1), POLLIN);

	timeline_inc(timeline, 1);
	join(pid);
}

/* One fence, one file: all the processes asleep on it are woken. */
static void many_pollers_on_one_file(void)
{
	pid_t pid[32];
	int timeline = timeline_open();
	int fence = timeline_fence(timeline, 1);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pid); i++)
		pid[i] = spawn_poller(fence, POLLIN);
	timeline_inc(timeline, 1);
	for (i = 0; i < ARRAY_SIZE(pid); i++)
		join(pid[i]);
}

/* One fence, many files, so many callbacks: all their sleepers are woken. */
static void many_files_of_one_fence(void)
{
	pid_t pid[32];
	int timeline = timeline_open();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pid); i++)
		pid[i] = spawn_poller(timeline_fence(timeline, 1), POLLIN);
	timeline_inc(timeline, 1);
	for (i = 0; i < ARRAY_SIZE(pid); i++)
		join(pid[i]);
}

/* Sleepers on different values are woken at their value and not before. */
static void pollers_wake_at_their_value(void)
{
	pid_t pid[8];
	int timeline = timeline_open();
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(pid); i++)
		pid[i] = spawn_poller(timeline_fence(timeline, i + 1), POLLIN);
	for (i = 0; i < ARRAY_SIZE(pid); i++) {
		timeline_inc(timeline, 1);
		join(pid[i]);
		for (j = i + 1; j < ARRAY_SIZE(pid); j++)
			wait_asleep(pid[j]);
	}
}

/* poll over many fences returns for the first and names only that one. */
static void poll_over_many_fences(void)
{
	struct pollfd p[64];
	int timeline[ARRAY_SIZE(p)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(p); i++) {
		timeline[i] = timeline_open();
		p[i].fd = timeline_fence(timeline[i], 1);
		p[i].events = POLLIN;
	}
	CHECK_EQ(poll(p, ARRAY_SIZE(p), 0), 0);
	timeline_inc(timeline[41], 1);
	CHECK_EQ(poll(p, ARRAY_SIZE(p), SOON_MS), 1);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		CHECK_EQ(p[i].revents, i == 41 ? POLLIN : 0);
}

/* select knows a fence as readable once it has signalled. */
static void select_on_a_fence(void)
{
	struct timeval none = { 0 };
	int timeline = timeline_open();
	int fence = timeline_fence(timeline, 1);
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fence, &set);
	CHECK_EQ(select(fence + 1, &set, NULL, NULL, &none), 0);
	timeline_inc(timeline, 1);
	FD_ZERO(&set);
	FD_SET(fence, &set);
	CHECK_EQ(select(fence + 1, &set, NULL, NULL, NULL), 1);
	CHECK(FD_ISSET(fence, &set));
}

/* An edge-triggered epoll reports each fence once, when it signals. */
static void epoll_reports_each_once(void)
{
	enum { FENCES = 100 };
	static bool seen[FENCES];
	struct epoll_event ev[FENCES];
	int timeline = timeline_open();
	int ep = OK(epoll_create1(EPOLL_CLOEXEC));
	int i, n, total = 0;

	for (i = 0; i < FENCES; i++) {
		ev[0].events = EPOLLIN | EPOLLET;
		ev[0].data.u32 = i;
		OK(epoll_ctl(ep, EPOLL_CTL_ADD, timeline_fence(timeline, i + 1), ev));
	}
	CHECK_EQ(epoll_wait(ep, ev, FENCES, 0), 0);
	timeline_inc(timeline, FENCES / 2);
	while (total < FENCES) {
		n = OK(epoll_wait(ep, ev, FENCES, SOON_MS));
		CHECK(n > 0);
		for (i = 0; i < n; i++) {
			CHECK(ev[i].events == EPOLLIN);
			CHECK(!seen[ev[i].data.u32]);
			seen[ev[i].data.u32] = true;
		}
		total += n;
		if (total == FENCES / 2) {
			for (i = 0; i < FENCES; i++)
				CHECK_EQ(seen[i], i < FENCES / 2);
			timeline_inc(timeline, FENCES / 2);
		}
	}
	CHECK_EQ(epoll_wait(ep, ev, FENCES, 0), 0);
}

/* A signal interrupts a poll with EINTR; the fence is none the worse for it. */
static void interrupted(void *arg)
{
	int *fd = arg;
	struct pollfd p = { .fd = fd[0], .events = POLLIN };

	OK(write(fd[1], "", 1));
	CHECK_ERR(poll(&p, 1, SOON_MS), EINTR);
	OK(write(fd[1], "", 1));
	CHECK_EQ(poll(&p, 1, SOON_MS), 1);
}

static void poll_interrupted(void)
{
	int timeline = timeline_open();
	int started[2], fd[2];
	pid_t pid;
	char c;

	OK(pipe(started));
	fd[0] = timeline_fence(timeline, 1);
	fd[1] = started[1];
	pid = spawn(interrupted, fd);
	CHECK_EQ(read(started[0], &c, 1), 1);
	wait_asleep(pid);
	OK(kill(pid, SIGUSR1));
	CHECK_EQ(read(started[0], &c, 1), 1);
	wait_asleep(pid);
	timeline_inc(timeline, 1);
	join(pid);
}

/* A killed sleeper takes only itself away. */
static void poller_killed(void)
{
	int timeline = timeline_open();
	int fence = timeline_fence(timeline, 1);
	pid_t dies = spawn_poller(fence, POLLIN);
	pid_t own_file = spawn_poller(timeline_fence(timeline, 1), POLLIN);
	pid_t lives = spawn_poller(fence, POLLIN);

	OK(kill(dies, SIGKILL));
	OK(kill(own_file, SIGKILL));
	join_killed(dies, SIGKILL);
	join_killed(own_file, SIGKILL);
	CHECK_EQ(fence_status(fence), 0);
	timeline_inc(timeline, 1);
	join(lives);
}

/* Closing our descriptor does not disturb the process asleep on its own. */
static void close_while_other_polls(void)
{
	int timeline = timeline_open();
	int fence = timeline_fence(timeline, 1);
	pid_t pid = spawn_poller(fence, POLLIN);

	close(fence);
	wait_asleep(pid);
	timeline_inc(timeline, 1);
	join(pid);
}

/* Closing a file that was polled takes its callback back; its twin signals. */
static void close_after_poll(void)
{
	int timeline = timeline_open();
	unsigned int round;

	for (round = 1; round <= 500; round++) {
		int a = timeline_fence(timeline, round);
		int b = timeline_fence(timeline, round);
		int c = timeline_fence(timeline, round);

		CHECK(!ready(a) && !ready(b) && !ready(c));
		close(round % 2 ? a : b);
		timeline_inc(timeline, 1);
		CHECK(ready(round % 2 ? b : a));
		CHECK(ready(c));
		close(round % 2 ? b : a);
		close(c);
	}
}

struct race {
	int timeline;
	unsigned int rounds;
	unsigned int *value;
};

static void signal_rounds(void *arg)
{
	struct race *race = arg;

	while (__atomic_load_n(race->value, __ATOMIC_RELAXED) < race->rounds) {
		timeline_inc(race->timeline, 1);
		__atomic_fetch_add(race->value, 1, __ATOMIC_RELAXED);
	}
}

/* Polled files are closed while another process signals their fences. */
static void close_races_signal(void)
{
	struct race race = {
		.timeline = timeline_open(),
		.rounds = 10000,
		.value = shared_memory(sizeof(unsigned int)),
	};
	pid_t pid = spawn(signal_rounds, &race);
	unsigned int now;

	do {
		int fence[4];
		unsigned int i;

		now = __atomic_load_n(race.value, __ATOMIC_RELAXED);
		for (i = 0; i < ARRAY_SIZE(fence); i++) {
			fence[i] = timeline_fence(race.timeline, now + i);
			ready(fence[i]);
		}
		for (i = 0; i < ARRAY_SIZE(fence); i++)
			close(fence[i]);
	} while (now < race.rounds);
	join(pid);
}

/* A merge waits for both its parts, whichever is first. */
static void merge_waits_for_both(void)
{
	unsigned int first;

	for (first = 0; first < 2; first++) {
		int timeline[2] = { timeline_open(), timeline_open() };
		int a = timeline_fence(timeline[0], 1);
		int b = timeline_fence(timeline[1], 1);
		int both = merge(a, b);

		CHECK_EQ(fence_count(both), 2);
		CHECK(!ready(both));
		timeline_inc(timeline[first], 1);
		CHECK(!ready(both));
		CHECK_EQ(fence_status(both), 0);
		timeline_inc(timeline[!first], 1);
		CHECK_EQ(poll_for(both, POLLIN, SOON_MS), POLLIN);
		CHECK_EQ(fence_status(both), 1);
	}
}

/* A merge's file info lists its parts with their own status and time. */
static void merge_lists_its_parts(void)
{
	int timeline[2] = { timeline_open(), timeline_open() };
	int both = merge(timeline_fence(timeline[0], 1),
			 timeline_fence(timeline[1], 1));
	struct fence_info info;
	__u64 before, after;
	unsigned int done;

	before = now_ns();
	timeline_inc(timeline[0], 1);
	after = now_ns();
	fence_info(both, &info);
	CHECK(!strcmp(info.file.name, "merged"));
	CHECK_EQ(info.file.status, 0);
	CHECK_EQ(info.file.num_fences, 2);
	CHECK_EQ(info.fence[0].status + info.fence[1].status, 1);
	done = info.fence[1].status;
	CHECK(info.fence[done].timestamp_ns >= before);
	CHECK(info.fence[done].timestamp_ns <= after);
	CHECK_EQ(info.fence[!done].timestamp_ns, 0);
	timeline_inc(timeline[1], 1);
	fence_info(both, &info);
	CHECK_EQ(info.file.status, 1);
}

/* Of two fences of one timeline a merge keeps the later. */
static void merge_keeps_the_later(void)
{
	int timeline = timeline_open();
	int early = timeline_fence(timeline, 1);
	int late = timeline_fence(timeline, 2);
	int a = merge(early, late), b = merge(late, early);

	CHECK_EQ(fence_count(a), 1);
	CHECK_EQ(fence_count(b), 1);
	timeline_inc(timeline, 1);
	CHECK(ready(early) && !ready(a) && !ready(b));
	timeline_inc(timeline, 1);
	CHECK(ready(a) && ready(b));
}

/* A fence merged with itself is that fence. */
static void merge_with_itself(void)
{
	int timeline = timeline_open();
	int fence = timeline_fence(timeline, 1);
	int twice = merge(fence, fence);

	CHECK_EQ(fence_count(twice), 1);
	CHECK(!ready(twice));
	timeline_inc(timeline, 1);
	CHECK(ready(twice));
	CHECK_EQ(fence_timestamp(twice), fence_timestamp(fence));
}

/* Signalled parts drop out; of signalled parts alone the latest time stays. */
static void merge_of_signaled(void)
{
	int timeline[2] = { timeline_open(), timeline_open() };
	int a = timeline_fence(timeline[0], 1);
	int b = timeline_fence(timeline[1], 1);
	int both;

	timeline_inc(timeline[0], 1);
	CHECK(ready(a));
	both = merge(a, b);
	CHECK_EQ(fence_count(both), 1);
	CHECK(!ready(both));
	timeline_inc(timeline[1], 1);
	CHECK(ready(both));
	CHECK_EQ(fence_timestamp(both), fence_timestamp(b));
	both = merge(b, a);
	CHECK_EQ(fence_count(both), 1);
	CHECK_EQ(fence_status(both), 1);
	CHECK_EQ(fence_timestamp(both), fence_timestamp(b));
}

/* The parts' descriptors may go; the merge still signals. */
static void merge_outlives_its_parts(void)
{
	int timeline[2] = { timeline_open(), timeline_open() };
	int a = timeline_fence(timeline[0], 1);
	int b = timeline_fence(timeline[1], 1);
	int both = merge(a, b);

	close(a);
	close(b);
	CHECK(!ready(both));
	timeline_inc(timeline[0], 1);
	timeline_inc(timeline[1], 1);
	CHECK_EQ(poll_for(both, POLLIN, SOON_MS), POLLIN);
}

/* A merge that was polled and closed leaves its parts to signal undisturbed. */
static void merge_closed_while_armed(void)
{
	int timeline[2] = { timeline_open(), timeline_open() };
	int a = timeline_fence(timeline[0], 1);
	int b = timeline_fence(timeline[1], 1);
	int both = merge(a, b);

	CHECK(!ready(both) && !ready(a) && !ready(b));
	close(both);
	timeline_inc(timeline[0], 1);
	CHECK(ready(a) && !ready(b));
	timeline_inc(timeline[1], 1);
	CHECK(ready(b));
}

/* Merges of merges end as one flat set of the latest fence per timeline. */
static void merge_deep(void)
{
	enum { TIMELINES = 32, ROUNDS = 20 };
	int timeline[TIMELINES];
	unsigned int i, round;
	int all = -1;

	for (i = 0; i < TIMELINES; i++)
		timeline[i] = timeline_open();
	for (round = 1; round <= ROUNDS; round++) {
		for (i = 0; i < TIMELINES; i++) {
			int fence = timeline_fence(timeline[i], round);
			int next = all < 0 ? fence : merge(fence, all);

			if (next != fence) {
				close(fence);
				close(all);
			}
			all = next;
		}
	}
	CHECK_EQ(fence_count(all), TIMELINES);
	for (i = 0; i < TIMELINES; i++) {
		CHECK(!ready(all));
		timeline_inc(timeline[i], ROUNDS);
	}
	CHECK_EQ(poll_for(all, POLLIN, SOON_MS), POLLIN);
	CHECK_EQ(fence_status(all), 1);
}

/* The last of 256 timelines wakes the sleeper on their merge, none earlier. */
static void merge_wide_wakes_sleeper(void)
{
	enum { TIMELINES = 256 };
	int timeline[TIMELINES];
	unsigned int i;
	int all;
	pid_t pid;

	raise_fd_limit(2048);
	for (i = 0; i < TIMELINES; i++) {
		int fence;

		timeline[i] = timeline_open();
		fence = timeline_fence(timeline[i], 1);
		all = i ? merge(all, fence) : fence;
	}
	CHECK_EQ(fence_count(all), TIMELINES);
	pid = spawn_poller(all, POLLIN);
	for (i = TIMELINES; i > 1; i--)
		timeline_inc(timeline[i - 1], 1);
	wait_asleep(pid);
	timeline_inc(timeline[0], 1);
	join(pid);
}

/* Many merges hang off the same two fences; every one of them signals. */
static void many_merges_of_two(void)
{
	enum { MERGES = 200 };
	int timeline[2] = { timeline_open(), timeline_open() };
	int a = timeline_fence(timeline[0], 1);
	int b = timeline_fence(timeline[1], 1);
	int both[MERGES];
	unsigned int i;

	for (i = 0; i < MERGES; i++) {
		both[i] = merge(i % 2 ? a : b, i % 2 ? b : a);
		CHECK(!ready(both[i]));
	}
	timeline_inc(timeline[0], 1);
	for (i = 0; i < MERGES; i++)
		CHECK(!ready(both[i]));
	timeline_inc(timeline[1], 1);
	for (i = 0; i < MERGES; i++)
		CHECK_EQ(poll_for(both[i], POLLIN, SOON_MS), POLLIN);
}

/* Wrong arguments of the sync_file ioctls give the documented errors. */
static void bad_arguments(void)
{
	int fence = timeline_fence(timeline_open(), 1);
	int both = merge(fence, timeline_fence(timeline_open(), 1));
	struct sync_merge_data join_data = { .name = "x", .fd2 = fence };
	struct sync_fence_info one;
	struct sync_file_info info = { .flags = 1 };
	struct sync_set_deadline deadline = { .pad = 1 };
	int null = OK(open("/dev/null", O_RDWR));

	CHECK_ERR(ioctl(fence, SYNC_IOC_FILE_INFO, &info), EINVAL);
	info.flags = 0;
	info.pad = 1;
	CHECK_ERR(ioctl(fence, SYNC_IOC_FILE_INFO, &info), EINVAL);
	info.pad = 0;
	info.num_fences = 1;
	info.sync_fence_info = (uintptr_t)&one;
	CHECK_ERR(ioctl(both, SYNC_IOC_FILE_INFO, &info), EINVAL);
	OK(ioctl(fence, SYNC_IOC_FILE_INFO, &info));
	info.sync_fence_info = 0;
	CHECK_ERR(ioctl(fence, SYNC_IOC_FILE_INFO, &info), EFAULT);
	join_data.flags = 1;
	CHECK_ERR(ioctl(fence, SYNC_IOC_MERGE, &join_data), EINVAL);
	join_data.flags = 0;
	join_data.fd2 = null;
	CHECK_ERR(ioctl(fence, SYNC_IOC_MERGE, &join_data), ENOENT);
	join_data.fd2 = -1;
	CHECK_ERR(ioctl(fence, SYNC_IOC_MERGE, &join_data), ENOENT);
	CHECK_ERR(ioctl(fence, SYNC_IOC_SET_DEADLINE, &deadline), EINVAL);
	CHECK_ERR(ioctl(fence, _IO('>', 0x7f)), ENOTTY);
}

/* Closing the timeline signals what is left of it, with the error ENOENT. */
static void timeline_closed(void)
{
	int timeline = timeline_open();
	int done = timeline_fence(timeline, 1);
	int left = timeline_fence(timeline, 2);
	struct fence_info info;
	__u64 before;

	timeline_inc(timeline, 1);
	before = now_ns();
	close(timeline);
	CHECK_EQ(fence_status(done), 1);
	CHECK(ready(left));
	CHECK_EQ(fence_status(left), -ENOENT);
	check_signaled_between(left, before, now_ns());
	fence_info(left, &info);
	CHECK_EQ(info.file.status, -ENOENT);
	CHECK_EQ(info.fence[0].status, -ENOENT);
}

/* Closing the timeline wakes the processes asleep on its fences. */
static void timeline_closed_wakes(void)
{
	pid_t pid[8];
	int timeline = timeline_open();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pid); i++)
		pid[i] = spawn_poller(timeline_fence(timeline, i + 1), POLLIN);
	close(timeline);
	for (i = 0; i < ARRAY_SIZE(pid); i++)
		join(pid[i]);
}

/* A merge takes over the error of a part that failed, once all are done. */
static void merge_inherits_error(void)
{
	int timeline[2] = { timeline_open(), timeline_open() };
	int a = timeline_fence(timeline[0], 1);
	int b = timeline_fence(timeline[1], 1);
	int both = merge(a, b);
	struct fence_info info;

	CHECK(!ready(both));
	close(timeline[0]);
	CHECK(!ready(both));
	CHECK_EQ(fence_status(both), 0);
	timeline_inc(timeline[1], 1);
	CHECK_EQ(poll_for(both, POLLIN, SOON_MS), POLLIN);
	CHECK_EQ(fence_status(both), -ENOENT);
	CHECK_EQ(fence_status(b), 1);
	fence_info(both, &info);
	CHECK_EQ(info.file.status, -ENOENT);
}

/* Of several deadline hints the driver keeps the earliest. */
static void deadline_reaches_driver(void)
{
	int timeline = timeline_open();
	int fence = timeline_fence(timeline, 1);
	__u64 got, base = now_ns() + 1000000000ull;

	CHECK_ERR(timeline_deadline(timeline, fence, &got), ENOENT);
	OK(set_deadline(fence, base + 500));
	OK(timeline_deadline(timeline, fence, &got));
	CHECK_EQ(got, base + 500);
	OK(set_deadline(fence, base));
	OK(set_deadline(fence, base + 900));
	OK(timeline_deadline(timeline, fence, &got));
	CHECK_EQ(got, base);
}

/* A hint given to a merge reaches each of its parts. */
static void deadline_reaches_parts(void)
{
	int timeline[3] = { timeline_open(), timeline_open(), timeline_open() };
	__u64 got, deadline = now_ns() + 1000000000ull;
	int fence[3], all = -1;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fence); i++) {
		fence[i] = timeline_fence(timeline[i], 1);
		all = i ? merge(all, fence[i]) : fence[i];
	}
	OK(set_deadline(all, deadline));
	for (i = 0; i < ARRAY_SIZE(fence); i++) {
		OK(timeline_deadline(timeline[i], fence[i], &got));
		CHECK_EQ(got, deadline);
	}
}

/* A hint after the signal is accepted and has no effect. */
static void deadline_after_signal(void)
{
	int timeline = timeline_open();
	int fence = timeline_fence(timeline, 1);
	__u64 got;

	timeline_inc(timeline, 1);
	CHECK(ready(fence));
	OK(set_deadline(fence, now_ns()));
	CHECK_ERR(timeline_deadline(timeline, fence, &got), ENOENT);
}

struct pingpong {
	int timeline[2];
	unsigned int rounds;
	unsigned int *count;
};

static void pong(void *arg)
{
	struct pingpong *p = arg;
	unsigned int i;

	for (i = 1; i <= p->rounds; i++) {
		int fence = timeline_fence(p->timeline[0], i);

		CHECK_EQ(poll_for(fence, POLLIN, SOON_MS), POLLIN);
		close(fence);
		CHECK_EQ(*p->count, 2 * i - 1);
		*p->count = 2 * i;
		timeline_inc(p->timeline[1], 1);
	}
}

/* Two processes hand a counter to and fro: no wake-up lost, all is visible. */
static void stress_ping_pong(void)
{
	struct pingpong p = {
		.timeline = { timeline_open(), timeline_open() },
		.rounds = 1000,
		.count = shared_memory(sizeof(unsigned int)),
	};
	pid_t pid = spawn(pong, &p);
	unsigned int i;

	for (i = 1; i <= p.rounds; i++) {
		int fence = timeline_fence(p.timeline[1], i);

		*p.count = 2 * i - 1;
		timeline_inc(p.timeline[0], 1);
		CHECK_EQ(poll_for(fence, POLLIN, SOON_MS), POLLIN);
		CHECK_EQ(*p.count, 2 * i);
		close(fence);
	}
	join(pid);
}

struct producers {
	int timeline[4];
	int go;
	unsigned int rounds;
};

struct producer {
	struct producers *all;
	unsigned int which;
};

static void produce(void *arg)
{
	struct producer *me = arg;
	unsigned int i;

	for (i = 1; i <= me->all->rounds; i++) {
		int fence = timeline_fence(me->all->go, i);

		CHECK_EQ(poll_for(fence, POLLIN, SOON_MS), POLLIN);
		close(fence);
		timeline_inc(me->all->timeline[me->which], 1);
	}
}

/* Four processes each complete a part of a merge that a fifth sleeps on. */
static void stress_producers(void)
{
	struct producers all = { .go = timeline_open(), .rounds = 200 };
	pid_t pid[ARRAY_SIZE(all.timeline)];
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(pid); i++)
		all.timeline[i] = timeline_open();
	for (i = 0; i < ARRAY_SIZE(pid); i++) {
		struct producer me = { .all = &all, .which = i };

		pid[i] = spawn(produce, &me);
	}
	for (round = 1; round <= all.rounds; round++) {
		int merged = -1;

		for (i = 0; i < ARRAY_SIZE(pid); i++) {
			int part = timeline_fence(all.timeline[i], round);

			if (merged >= 0) {
				int wider = merge(merged, part);

				close(merged);
				close(part);
				merged = wider;
			} else {
				merged = part;
			}
		}
		CHECK(!ready(merged));
		timeline_inc(all.go, 1);
		CHECK_EQ(poll_for(merged, POLLIN, SOON_MS), POLLIN);
		CHECK_EQ(fence_status(merged), 1);
		close(merged);
	}
	for (i = 0; i < ARRAY_SIZE(pid); i++)
		join(pid[i]);
}

static void merge_rounds(void *arg)
{
	struct race *race = arg;
	unsigned int now;

	do {
		int other, a, b, both;

		now = __atomic_load_n(race->value, __ATOMIC_RELAXED);
		other = timeline_open();
		a = timeline_fence(race->timeline, now + 2);
		b = timeline_fence(other, 1);
		both = merge(a, b);
		ready(both);
		/* By turns the part that will fail, or the merge, goes first. */
		close(now % 2 ? other : both);
		close(now % 2 ? both : other);
		close(a);
		close(b);
	} while (now < race->rounds);
}

/* Merges are made, armed and dropped while another process signals parts. */
static void stress_merge_races_signal(void)
{
	struct race race = {
		.timeline = timeline_open(),
		.rounds = 5000,
		.value = shared_memory(sizeof(unsigned int)),
	};
	pid_t pid = spawn(merge_rounds, &race);

	signal_rounds(&race);
	join(pid);
}

static const struct user_case cases[] = {
	CASE(new_fence_is_pending),
	CASE(fence_for_a_reached_value),
	CASE(increments_signal_in_order),
	CASE(one_increment_signals_many),
	CASE(same_value_same_fence),
	CASE(value_wraps),
	CASE(poll_times_out),
	CASE(poll_wakes_other_process),
	CASE(many_pollers_on_one_file),
	CASE(many_files_of_one_fence),
	CASE(pollers_wake_at_their_value),
	CASE(poll_over_many_fences),
	CASE(select_on_a_fence),
	CASE(epoll_reports_each_once),
	CASE(poll_interrupted),
	CASE(poller_killed),
	CASE(close_while_other_polls),
	CASE(close_after_poll),
	CASE(close_races_signal),
	CASE(merge_waits_for_both),
	CASE(merge_lists_its_parts),
	CASE(merge_keeps_the_later),
	CASE(merge_with_itself),
	CASE(merge_of_signaled),
	CASE(merge_outlives_its_parts),
	CASE(merge_closed_while_armed),
	CASE(merge_deep),
	CASE(merge_wide_wakes_sleeper),
	CASE(many_merges_of_two),
	CASE(bad_arguments),
	CASE(timeline_closed),
	CASE(timeline_closed_wakes),
	CASE(merge_inherits_error),
	CASE(deadline_reaches_driver),
	CASE(deadline_reaches_parts),
	CASE(deadline_after_signal),
	CASE(stress_ping_pong),
	CASE(stress_producers),
	CASE(stress_merge_races_signal),
};

const struct user_suite sw_sync_suite = {
	.name = "sw_sync",
	.cases = cases,
	.count = ARRAY_SIZE(cases),
};
