/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 the dma-fence rework project
 *
 * The names that the linker's --wrap gives to what stands in for a function of
 * a selftest, and to the function itself.
 */
#ifndef WRAP_H
#define WRAP_H

int __real_memfd_create(const char *name, unsigned int flags);
int __wrap_memfd_create(const char *name, unsigned int flags);
int __real_sync_fence_count_with_status(int fd, int status);
int __wrap_sync_fence_count_with_status(int fd, int status);
int __wrap_test_stress_two_threads_shared_timeline(void);

#endif
