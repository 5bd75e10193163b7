#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 the dma-fence rework project
#
# Give UML what x86 has, for a benchmark would measure the difference instead: the
# memory barriers, its own are fences for everything while x86 pays nothing for
# acquire and release; and the number of the CPU from a register, not by a call.
# files: arch/x86/um/asm/barrier.h arch/um/include/asm/smp.h
# files: arch/um/include/shared/smp.h arch/um/include/asm/current.h
# files: arch/um/os-Linux/smp.c

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

sed -i 's/^static __thread int __curr_cpu;/__thread int __curr_cpu;/' \
	arch/um/os-Linux/smp.c
sed -i 's/^int uml_curr_cpu(void);/extern __thread int __curr_cpu;\n&/' \
	arch/um/include/shared/smp.h
sed -i 's/uml_curr_cpu()/__curr_cpu/' \
	arch/um/include/asm/smp.h arch/um/include/asm/current.h
