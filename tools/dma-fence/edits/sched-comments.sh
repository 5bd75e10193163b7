#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 the dma-fence rework project
#
# Comments on what sched-kill.cocci changes, which a semantic patch cannot reach:
# the callback that is named is gone, and so is the union.
# files: include/drm/gpu_scheduler.h drivers/gpu/drm/scheduler/sched_entity.c

set -eu

sed -i '/drm_sched_entity_kill_jobs_cb() to/s/_cb()/_work()/' \
	drivers/gpu/drm/scheduler/sched_entity.c

# A comment of four lines, known by its second one.
sed -i '/^\t\/\*$/{N;/work is used only after finish_cb/{N;N;d;};}' \
	include/drm/gpu_scheduler.h
