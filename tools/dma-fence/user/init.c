// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 the dma-fence rework project
 *
 * The only process the test kernel starts: mounts what the tests need, runs
 * the programs of /tests one by one, reports in KTAP and powers off.
 *
 * A line of /tests is: suite, timeout in seconds, program, arguments. Each
 * program prints TAP of its own; every suite gets one case more, "exit", for
 * how the program ended, so that a crash or a hang is a result like others.
 *
 * With trace_fences=SUITE,... on the kernel's command line only these suites run,
 * and what the kernel has traced meanwhile is printed at the end.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <linux/const.h>

#define MAX_SUITES 32
#define MAX_ARGS 8
#define SKIP_CODE 4
#define TRACING "/sys/kernel/tracing/"

/* What the kernel reports when it found something wrong with itself. */
#define TAINT_BAD_PAGE _BITUL(5)
#define TAINT_DIE _BITUL(7)
#define TAINT_WARN _BITUL(9)
#define TAINT_BAD (TAINT_BAD_PAGE | TAINT_DIE | TAINT_WARN)

struct suite {
	char *name;
	int seconds;
	char *argv[MAX_ARGS + 1];
};

struct run {
	unsigned int plan;
	unsigned int done;
	unsigned int failed;
	char skip[500];
};

/* One whole line at a time, out before anything else can write between. */
static void emit(const char *fmt, ...)
{
	char line[600];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDOUT_FILENO, line, n) < 0)
		_exit(EXIT_FAILURE);
	tcdrain(STDOUT_FILENO);
}

static void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	/* Not configured: the panic that follows ends the machine as well. */
	_exit(EXIT_FAILURE);
}

static void give_up(const char *what, const char *name)
{
	emit("Bail out! %s %s: %s", what, name, strerror(errno));
	power_off();
}

static void mount_on(const char *type, const char *dir)
{
	mkdir(dir, 0755);
	/* EBUSY: the kernel has mounted devtmpfs itself. */
	if (mount(type, dir, type, 0, NULL) && errno != EBUSY)
		give_up("cannot mount", dir);
}

static void set_up(void)
{
	struct termios tty;
	int fd;

	mount_on("devtmpfs", "/dev");
	fd = open("/dev/console", O_RDWR);
	if (fd >= 0) {
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		if (fd > STDERR_FILENO)
			close(fd);
	}
	/* No carriage returns: the log is for programs to read. */
	if (!tcgetattr(STDOUT_FILENO, &tty)) {
		tty.c_oflag &= ~OPOST;
		tcsetattr(STDOUT_FILENO, TCSANOW, &tty);
	}
	mount_on("proc", "/proc");
	mount_on("sysfs", "/sys");
	mount_on("debugfs", "/sys/kernel/debug");
	mount_on("tmpfs", "/tmp");
	mount_on("tmpfs", "/dev/shm");
	fd = open("/dev/null", O_RDWR);
	if (fd < 0)
		give_up("cannot open", "/dev/null");
	dup2(fd, STDIN_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* Is the suite in the list? Without a list all of them are. */
static bool wanted(const char *list, const char *name)
{
	size_t n = strlen(name);
	const char *p;

	if (!list)
		return true;
	for (p = list; (p = strstr(p, name)); p += n)
		if ((p == list || p[-1] == ',') && (p[n] == ',' || !p[n]))
			return true;
	return false;
}

static unsigned int read_tests(struct suite *suites, const char *only)
{
	char line[300], *word, *save;
	unsigned int n = 0, argc;
	FILE *f = fopen("/tests", "re");

	if (!f)
		give_up("cannot open", "/tests");
	while (n < MAX_SUITES && fgets(line, sizeof(line), f)) {
		struct suite *s = &suites[n];

		word = strtok_r(line, "\n ", &save);
		if (!word || !wanted(only, word))
			continue;
		s->name = strdup(word);
		word = strtok_r(NULL, "\n ", &save);
		s->seconds = word ? atoi(word) : 0;
		for (argc = 0; argc < MAX_ARGS; argc++) {
			word = strtok_r(NULL, "\n ", &save);
			if (!word)
				break;
			s->argv[argc] = strdup(word);
		}
		errno = EINVAL;
		if (!s->argv[0] || s->seconds <= 0)
			give_up("bad line in /tests:", s->name);
		n++;
	}
	fclose(f);
	errno = ENOENT;
	if (!n)
		give_up("nothing to run in", "/tests");
	return n;
}

static long ms_left(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (end->tv_sec - now.tv_sec) * 1000 +
	       (end->tv_nsec - now.tv_nsec) / 1000000;
}

/* The next result, if it is good, is of a case that was left out. */
static void skip_next(struct run *run, const char *why)
{
	snprintf(run->skip, sizeof(run->skip), "%s", why);
}

static void result(struct run *run, bool ok, const char *name)
{
	run->done++;
	run->failed += !ok;
	if (ok && run->skip[0])
		emit("    ok %u %s # SKIP %s", run->done, name, run->skip);
	else
		emit("    %s %u %s", ok ? "ok" : "not ok", run->done, name);
	run->skip[0] = '\0';
}

/* Plan first: KTAP wants it before the results, and ours counts "exit" in. */
static void plan(struct run *run, unsigned int count)
{
	if (run->plan)
		return;
	run->plan = count;
	emit("    1..%u", count + 1);
}

static char *after(char *line, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(line, prefix, n) ? NULL : line + n;
}

/* A line of the program's TAP, told again in ours. */
static void line_in(struct run *run, char *line)
{
	char *p, *text;
	bool ok = true;

	for (p = line; *p; p++)
		if (!isprint((unsigned char)*p))
			*p = ' ';
	while (p > line && p[-1] == ' ')
		*--p = '\0';
	if (!*line || after(line, "TAP version") || after(line, "KTAP version"))
		return;
	text = after(line, "1..");
	if (text) {
		plan(run, strtoul(text, NULL, 10));
		return;
	}
	/* Programs that cannot leave a case out themselves say so with this. */
	text = after(line, "# SKIP ");
	if (text) {
		skip_next(run, text);
		return;
	}
	text = after(line, "ok ");
	if (!text) {
		text = after(line, "not ok ");
		ok = false;
	}
	if (!text || !isdigit((unsigned char)*text)) {
		emit("    # %s", line + strspn(line, "# "));
		return;
	}
	/* A result without a plan has to go somewhere. */
	plan(run, 1);
	strtoul(text, &text, 10);
	text += strspn(text, " -");
	p = after(text, "# SKIP ");
	if (p) {
		skip_next(run, p);
		text = p;
	}
	p = after(text, "[RUN] ");
	result(run, ok, p ? p : text);
}

/* Bytes from the program, cut into lines. */
static bool lines_in(struct run *run, int fd)
{
	static char buf[500];
	static size_t used;
	ssize_t n = read(fd, buf + used, sizeof(buf) - 1 - used);
	char *nl;

	if (n < 0)
		return false;
	used += n;
	buf[used] = '\0';
	while ((nl = strchr(buf, '\n')) || used == sizeof(buf) - 1 ||
	       (!n && used)) {
		size_t len = nl ? (size_t)(nl - buf) + 1 : used;

		if (nl)
			*nl = '\0';
		line_in(run, buf);
		used -= len;
		memmove(buf, buf + len, used + 1);
	}
	return n > 0;
}

static pid_t start_program(struct suite *s, int *out)
{
	int pipes[2];
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC))
		give_up("cannot start", s->name);
	pid = fork();
	if (pid < 0)
		give_up("cannot start", s->name);
	if (!pid) {
		dup2(pipes[1], STDOUT_FILENO);
		dup2(pipes[1], STDERR_FILENO);
		if (chdir("/tmp"))
			_exit(127);
		execv(s->argv[0], s->argv);
		dprintf(STDOUT_FILENO, "# cannot run %s: %m\n", s->argv[0]);
		_exit(127);
	}
	close(pipes[1]);
	fcntl(pipes[0], F_SETFL, O_NONBLOCK);
	*out = pipes[0];
	return pid;
}

/* Reap whatever has ended, orphans too. True once pid has. */
static bool ended(pid_t pid, int *status)
{
	int other;
	pid_t got;

	while ((got = waitpid(-1, &other, WNOHANG)) > 0) {
		if (got == pid) {
			*status = other;
			return true;
		}
	}
	return false;
}

/* Where everybody sleeps is what the log should tell about a hang. */
static void show_blocked_tasks(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);

	if (fd >= 0) {
		if (write(fd, "w", 1) < 0)
			emit("    # sysrq: %s", strerror(errno));
		close(fd);
	}
}

/*
 * The output is read until the program has ended, not until the pipe closes:
 * a child that it left behind may hold the pipe open.
 */
static bool run_suite(struct suite *s)
{
	struct run run = { 0 };
	struct timespec end;
	struct pollfd p = { .events = POLLIN };
	bool late = false, gone = false, open_pipe = true, ok;
	long quiet_until = (s->seconds - 60) * 1000L;
	int status = 0;
	pid_t pid;

	emit("    KTAP version 1");
	emit("    # Subtest: %s", s->name);
	pid = start_program(s, &p.fd);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += s->seconds;
	while (!gone) {
		gone = ended(pid, &status);
		if (open_pipe) {
			poll(&p, 1, gone ? 0 : 50);
			if (p.revents)
				open_pipe = lines_in(&run, p.fd);
		} else if (!gone) {
			usleep(50000);
		}
		/* Whoever watches the console should not take us for hung. */
		if (!gone && !late && ms_left(&end) < quiet_until) {
			emit("    # %ld s left", ms_left(&end) / 1000);
			quiet_until -= 60000;
		}
		if (!gone && ms_left(&end) <= 0) {
			if (late)
				break;
			late = true;
			show_blocked_tasks();
			kill(-1, SIGKILL);
			end.tv_sec += 10;
		}
	}
	/* Whoever is left, even in a session of its own; init itself is spared. */
	kill(-1, SIGKILL);
	while (open_pipe && poll(&p, 1, 0) > 0 && lines_in(&run, p.fd))
		;
	close(p.fd);

	if (!run.plan)
		plan(&run, 0);
	ok = gone && !late && WIFEXITED(status) && !WEXITSTATUS(status);
	if (gone && !late && WIFEXITED(status) && WEXITSTATUS(status) == SKIP_CODE &&
	    run.done) {
		/*
		 * The program gave up half-way for want of something. That it
		 * could do nothing at all would be a kernel built wrongly.
		 */
		ok = true;
		while (run.done < run.plan) {
			skip_next(&run, "the program ended before it");
			result(&run, true, "not_run");
		}
	}
	run.skip[0] = '\0';
	while (run.done < run.plan)
		result(&run, false, "not_run");
	if (run.done > run.plan) {
		emit("    # more results than planned");
		ok = false;
	}
	if (!gone)
		emit("    # still there after it was killed");
	else if (late)
		emit("    # killed: not done after %d s", s->seconds);
	else if (WIFSIGNALED(status))
		emit("    # killed by signal %d", WTERMSIG(status));
	else if (!ok)
		emit("    # exit status %d", WEXITSTATUS(status));
	result(&run, ok, "exit");
	return !run.failed;
}

static bool read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	if (fd < 0)
		return false;
	while (used < size - 1 && (n = read(fd, buf + used, size - 1 - used)) > 0)
		used += n;
	buf[used] = '\0';
	close(fd);
	return true;
}

static unsigned long taint(void)
{
	char buf[40];

	if (!read_file("/proc/sys/kernel/tainted", buf, sizeof(buf)))
		return 0;
	return strtoul(buf, NULL, 10) & TAINT_BAD;
}

/* 1 while lockdep is watching, 0 after its first report, -1 without it. */
static int lockdep_on(void)
{
	static char buf[16384];
	char *p;

	if (!read_file("/proc/lockdep_stats", buf, sizeof(buf)))
		return -1;
	p = strstr(buf, "debug_locks:");
	return p ? atoi(p + strlen("debug_locks:")) : -1;
}

/* Every timeline holds until its last fence is freed: none may be listed. */
static bool timelines_gone(void)
{
	char buf[200];

	return read_file("/sys/kernel/debug/sync/info", buf, sizeof(buf)) &&
	       !strncmp(buf, "objs:\n--------------\nfences:", 28);
}

static bool dmabufs_gone(void)
{
	static char buf[65536];

	return read_file("/sys/kernel/debug/dma_buf/bufinfo", buf, sizeof(buf)) &&
	       strstr(buf, "Total 0 objects");
}

/* Final puts may be on their way through a work queue or RCU. */
static bool soon(bool (*check)(void))
{
	unsigned int i;

	for (i = 0; i < 100; i++) {
		if (check())
			return true;
		usleep(50000);
	}
	return false;
}

/* What the kernel has to say about itself when all programs are gone. */
static bool kernel_suite(unsigned long taint_before, int lockdep_before)
{
	struct run run = { 0 };

	emit("    KTAP version 1");
	emit("    # Subtest: kernel");
	plan(&run, 3);
	result(&run, soon(timelines_gone), "no_fence_left");
	result(&run, soon(dmabufs_gone), "no_dmabuf_left");
	result(&run, taint() == taint_before, "no_warning");
	if (lockdep_before < 0)
		skip_next(&run, "not configured");
	result(&run, lockdep_on() == lockdep_before, "lockdep_still_on");
	return !run.failed;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		give_up("cannot write", path);
	close(fd);
}

/* By a clock that all CPUs share, into buffers that hold a whole run. */
static void trace_begin(void)
{
	mount_on("tracefs", "/sys/kernel/tracing");
	write_file(TRACING "buffer_size_kb", "16384");
	write_file(TRACING "trace_clock", "mono");
	write_file(TRACING "events/dma_fence/enable", "1");
	write_file(TRACING "events/dma_fence_delivery/enable", "1");
	write_file(TRACING "events/sched/sched_waking/enable", "1");
	write_file(TRACING "events/sched/sched_switch/enable", "1");
}

static void trace_end(void)
{
	write_file(TRACING "tracing_on", "0");
}

static void trace_show(void)
{
	char buf[4096];
	ssize_t n;
	int fd;

	/* Nothing is to come in between. */
	write_file("/proc/sys/kernel/printk", "1");
	fd = open(TRACING "trace", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		give_up("cannot read", TRACING "trace");
	emit("DMA-FENCE-TRACE BEGIN");
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write(STDOUT_FILENO, buf, n) != n)
			give_up("cannot print", TRACING "trace");
	emit("DMA-FENCE-TRACE END");
	close(fd);
}

int main(void)
{
	static struct suite suites[MAX_SUITES];
	const char *trace = getenv("trace_fences");
	unsigned long taint_before;
	unsigned int i, n;
	int lockdep_before;

	if (getpid() != 1) {
		fprintf(stderr, "init: only for the test kernel, see user/build --help\n");
		return EXIT_FAILURE;
	}
	set_up();
	taint_before = taint();
	lockdep_before = lockdep_on();
	n = read_tests(suites, trace);
	if (trace)
		trace_begin();
	emit("DMA-FENCE-USER BEGIN");
	emit("KTAP version 1");
	emit("1..%u", n + 1);
	for (i = 0; i < n; i++) {
		bool ok = run_suite(&suites[i]);

		emit("%s %u %s", ok ? "ok" : "not ok", i + 1, suites[i].name);
	}
	if (trace)
		trace_end();
	emit("%s %u kernel",
	     kernel_suite(taint_before, lockdep_before) ? "ok" : "not ok", n + 1);
	emit("DMA-FENCE-USER END");
	if (trace)
		trace_show();
	power_off();
}
