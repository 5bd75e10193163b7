#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 the dma-fence rework project
#
# Hook the overlay's own Makefile and Kconfig into the dma-buf directory.
# files: drivers/dma-buf/Makefile drivers/dma-buf/Kconfig
# needs: drivers/dma-buf/Makefile.dma-fence drivers/dma-buf/Kconfig.dma-fence

set -eu

# Last, so that it may both add to and take from what the base lists.
# shellcheck disable=SC2016
echo 'include $(src)/Makefile.dma-fence' >> drivers/dma-buf/Makefile

# The last endmenu closes the menu that our options belong to.
line=$(grep -n '^endmenu$' drivers/dma-buf/Kconfig | tail -n 1 | cut -d: -f1)
[ -n "$line" ] || { echo "no endmenu in drivers/dma-buf/Kconfig"; exit 1; }
sed -i "${line}i source \"drivers/dma-buf/Kconfig.dma-fence\"\\n" drivers/dma-buf/Kconfig
