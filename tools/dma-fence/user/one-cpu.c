// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 the dma-fence rework project
 *
 * Linked into the base's sync selftest, whose cases pass the turn between
 * threads some 150000 times. UML lets one thread of a process run at a time,
 * and one on another CPU gets its turn only at the tick; emulated, waking the
 * other CPU takes milliseconds. On one CPU the scheduler switches at once.
 * What CPUs do to each other is for the programs of this directory to test.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>

static void __attribute__((constructor)) stay_on_one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		perror("sched_setaffinity");
}
