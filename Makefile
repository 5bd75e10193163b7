# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 the dma-fence rework project
#
# One target per tool. The kernel's own Makefile is in build/linux.

TOOLS := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))tools/dma-fence
BUILD ?= $(dir $(abspath $(lastword $(MAKEFILE_LIST))))build
export BUILD

.PHONY: help run test test-rt users check callbacks coverage fastpath mutants \
	litmus bench bench-x86 latency series series-check clean distclean

help:
	@echo 'make run            fetch, build and boot the kernel on UML, run every suite'
	@echo 'make run ARCH=x86_64  the same in QEMU, with KASAN'
	@echo 'make test           run, check and users, and a count of what passed'
	@echo 'make test-rt        the KUnit suites on PREEMPT_RT, in QEMU'
	@echo 'make users          compile every user of the fence API'
	@echo 'make check          script checks of the files of this repository'
	@echo 'make callbacks      what functions do that fences call in the base'
	@echo 'make coverage       the lines of the core that the suites execute'
	@echo 'make fastpath       debugging that is off costs no instruction'
	@echo 'make mutants        break the core line by line, see a test catch each'
	@echo 'make litmus         the memory orderings, under herd7'
	@echo 'make bench          time the core against the pristine base, by turns'
	@echo 'make bench-x86      count instructions instead, in QEMU'
	@echo 'make latency        how long fences take in UML, from a trace'
	@echo 'make series         the patches, in build/series'
	@echo 'make series-check   apply them one by one, build, boot and check each'
	@echo 'make clean          remove what was built, keep the base kernel'
	@echo 'make distclean      remove all of it'
	@echo
	@echo 'LINUX=PATH   a 7.2 tree (directory, git or tarball) instead of Debian'\''s'
	@echo 'BUILD=DIR    where everything is made: $(BUILD)'
	@echo 'Each target is a script in tools/dma-fence, with --help.'

run test users check callbacks coverage fastpath mutants litmus bench latency \
series-check:
	@'$(TOOLS)/$@'

series:
	@'$(TOOLS)/make-series'

test-rt:
	@'$(TOOLS)/test' --rt

bench-x86:
	@'$(TOOLS)/bench' --x86

# Only what fetch has marked as ours: BUILD= may have been a slip of the hand.
clean:
	@! test -f '$(BUILD)/base.from' || find '$(BUILD)' -mindepth 1 -maxdepth 1 \
		! -name base ! -name 'base.*' -exec rm -rf {} +

distclean:
	@! test -f '$(BUILD)/base.from' || rm -rf '$(BUILD)'
