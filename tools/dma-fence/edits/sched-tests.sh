#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 the dma-fence rework project
#
# Build our suite along with the scheduler's own.
# files: drivers/gpu/drm/scheduler/tests/Makefile
# needs: drivers/gpu/drm/scheduler/tests/tests_fence.c

set -eu

sed -i 's/^\( *\)tests_basic\.o \\$/&\n\1tests_fence.o \\/' \
	drivers/gpu/drm/scheduler/tests/Makefile
