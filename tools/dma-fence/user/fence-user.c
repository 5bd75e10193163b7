// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 the dma-fence rework project
 *
 * The harness: runs one suite and reports it in KTAP.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fence-user.h"

/* Above SOON_MS, so that a case that lost a wake-up names the place itself. */
#define CASE_SECONDS 90

static const struct user_suite *const suites[] = {
	&sw_sync_suite,
	&vgem_suite,
	&syncobj_suite,
};

void fail(const char *file, int line, const char *fmt, ...)
{
	char text[400];
	va_list ap;
	int error = errno;

	va_start(ap, fmt);
	errno = error;
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("# %s:%d: %s\n", file, line, text);
	fflush(stdout);
	_exit(EXIT_FAILURE);
}

static void on_signal(int sig)
{
	(void)sig;
}

static pid_t start_case(const struct user_case *c)
{
	struct sigaction act = { .sa_handler = on_signal };
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		printf("# %s: fork: %m\n", c->name);
		return pid;
	}
	if (!pid) {
		setpgid(0, 0);
		/* No SA_RESTART: cases use SIGUSR1 to see calls interrupted. */
		sigaction(SIGUSR1, &act, NULL);
		alarm(CASE_SECONDS);
		c->run();
		fflush(stdout);
		_exit(EXIT_SUCCESS);
	}
	setpgid(pid, pid);
	return pid;
}

/*
 * Everything a case started is in its process group and ends with it, so a
 * poller left behind cannot reach into the next case.
 */
static bool end_case(const struct user_case *c, pid_t pid)
{
	siginfo_t info;

	if (pid < 0)
		return false;
	/* The zombie is kept until its group is gone: its id stays taken. */
	while (waitid(P_PID, pid, &info, WEXITED | WNOWAIT) && errno == EINTR)
		;
	kill(-pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (info.si_code == CLD_EXITED)
		return info.si_status == EXIT_SUCCESS;
	if (info.si_status == SIGALRM)
		printf("# %s: still running after %d s\n", c->name, CASE_SECONDS);
	else
		printf("# %s: killed by signal %d\n", c->name, info.si_status);
	return false;
}

static int run_suite(const struct user_suite *suite, const char *only)
{
	pid_t sleeping[suite->count];
	unsigned int i, number = 0, failed = 0;

	for (i = 0; only && i < suite->count; i++)
		if (!strcmp(only, suite->cases[i].name))
			break;
	if (only && i == suite->count) {
		fprintf(stderr, "no case %s in %s\n", only, suite->name);
		return 2;
	}
	printf("KTAP version 1\n1..%u\n", only ? 1 : suite->count);
	for (i = 0; !only && i < suite->count; i++)
		if (suite->cases[i].sleeps)
			sleeping[i] = start_case(&suite->cases[i]);
	for (i = 0; i < suite->count; i++) {
		const struct user_case *c = &suite->cases[i];
		bool good;

		if (only && strcmp(only, c->name))
			continue;
		good = end_case(c, c->sleeps && !only ? sleeping[i] : start_case(c));
		failed += !good;
		printf("%s %u %s\n", good ? "ok" : "not ok", ++number, c->name);
	}
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	unsigned int i;

	/* Cases fork and may crash: nothing must wait in a buffer. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 || argc == 3) {
		for (i = 0; i < ARRAY_SIZE(suites); i++)
			if (!strcmp(argv[1], suites[i]->name))
				return run_suite(suites[i], argv[2]);
	}
	fprintf(stderr, "usage: %s SUITE [CASE]; suites:", argv[0]);
	for (i = 0; i < ARRAY_SIZE(suites); i++)
		fprintf(stderr, " %s", suites[i]->name);
	fprintf(stderr, "\n");
	return 2;
}
