#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 the dma-fence rework project
#
# Show our documents beside the one on dma-buf.
# files: Documentation/driver-api/index.rst
# needs: Documentation/driver-api/dma-fence/index.rst

set -eu

sed -i 's,^\( *\)dma-buf$,&\n\1dma-fence/index,' Documentation/driver-api/index.rst
