// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 the dma-fence rework project
 *
 * Linked into the base's udmabuf selftest. Its last two cases fill 2 GiB of
 * huge pages and fail where there are fewer; a kernel that has no huge pages
 * at all is what the program itself knows how to leave them out for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "wrap.h"

#define PAGES_NEEDED 1024

static long free_huge_pages(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[100];
	long pages = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "HugePages_Free: %ld", &pages) == 1)
			break;
	if (f)
		fclose(f);
	return pages;
}

int __wrap_memfd_create(const char *name, unsigned int flags)
{
	if (flags & MFD_HUGETLB && free_huge_pages() < PAGES_NEEDED) {
		errno = EINVAL;
		return -1;
	}
	return __real_memfd_create(name, flags);
}
