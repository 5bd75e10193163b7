#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 the dma-fence rework project
#
# Give UML the memory barriers of x86. Its own are fences for everything, and a
# benchmark would measure those: x86 pays nothing for acquire and release.
# files: arch/x86/um/asm/barrier.h

set -eu

sed -i '/^#include <asm-generic\/barrier.h>/i\
#define __smp_mb()	asm volatile("lock addl $0,-4(%%rsp)" ::: "memory", "cc")\
#define __smp_rmb()	barrier()\
#define __smp_wmb()	barrier()\
#define __smp_store_mb(var, value) do { (void)xchg(\&(var), value); } while (0)\
#define __smp_mb__before_atomic()	barrier()\
#define __smp_mb__after_atomic()	barrier()\
#define __smp_store_release(p, v) do { barrier(); WRITE_ONCE(*(p), v); } while (0)\
#define __smp_load_acquire(p) \\\
({ typeof(*(p)) ___v = READ_ONCE(*(p)); barrier(); ___v; })\
' arch/x86/um/asm/barrier.h
