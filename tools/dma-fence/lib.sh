# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 the dma-fence rework project
#
# Common to the scripts here: where things are, and how to say no.

TOOLS=$(cd "$(dirname "$0")" && pwd -P)
TOP=$(cd "$TOOLS/../.." && pwd -P)
BUILD=${BUILD:-$TOP/build}
LC_ALL=C
export LC_ALL BUILD

say() {
	printf '%s\n' "$*"
}

die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}
