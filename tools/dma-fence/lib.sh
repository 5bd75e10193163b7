# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 the dma-fence rework project
#
# Common to the scripts here: where things are, and how to say no.

TOOLS=$(cd "$(dirname "$0")" && pwd -P)
TOP=$(cd "$TOOLS/../.." && pwd -P)
BUILD=${BUILD:-$TOP/build}
case $BUILD in
/*) ;;
*) BUILD=$PWD/$BUILD ;;
esac
LC_ALL=C
export LC_ALL BUILD

say() {
	printf '%s\n' "$*"
}

die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# Run a command that is silent for long, showing that time passes: a dot per
# second on a terminal, else a line now and then. It stays in the foreground, so
# that an interrupt reaches it; the ticker ends with whoever started it.
busy() {
	ticker &
	ticker_pid=$!
	busy_status=0
	"$@" || busy_status=$?
	kill "$ticker_pid" 2> /dev/null || true
	wait "$ticker_pid" 2> /dev/null || true
	[ ! -t 1 ] || printf '\r\033[K'
	return "$busy_status"
}

ticker() {
	ticks=0
	while sleep 1 && kill -0 $$ 2> /dev/null; do
		ticks=$((ticks + 1))
		if [ -t 1 ]; then
			[ $((ticks % 60)) -ne 1 ] || printf '\r\033[K  '
			printf .
		elif [ $((ticks % 20)) -eq 0 ]; then
			say "  still at it, $ticks s"
		fi
	done
}
