#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 the dma-fence rework project
#
# The callbacks that cocci/dma-buf-poll.cocci arms: a structure that is defined
# together with two members of another is beyond a semantic patch, and so are the
# names in a comment, or to delete functions without the comment before them.
# files: include/linux/dma-buf.h drivers/dma-buf/dma-buf.c
# needs: include/linux/dma-fence-core-cb.h

set -eu

header=include/linux/dma-buf.h
for mark in 'struct dma_buf_poll_cb_t {' '} cb_in, cb_out;' '#include <linux/dma-fence.h>'; do
	grep -qF "$mark" "$header" ||
		{ echo "error: no '$mark' in $header; correct this script"; exit 1; }
done
sed -i \
	-e '/struct dma_buf_poll_cb_t {/,/} cb_in, cb_out;/c\
	struct dma_fence_cb_poll_file cb_in, cb_out;' \
	-e '/#include <linux\/dma-fence.h>/a\
#include <linux/dma-fence-core-cb.h>' \
	"$header"

sed -i -e '/reference imbalance/s, / dma_buf_poll_cb,,' \
	-e 's,cb_in/out\.active,cb_in/out.events,' \
	-e '/^static void dma_buf_poll_cb(/,/^static __poll_t dma_buf_poll(/{' \
	-e '/^static __poll_t/!d' -e '}' drivers/dma-buf/dma-buf.c
