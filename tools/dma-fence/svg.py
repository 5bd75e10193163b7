# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 the dma-fence rework project
"""As much of SVG as the plots here need."""

import html


class Drawing:
    """Texts and boxes, in the order in which they are drawn."""

    def __init__(self, width, height):
        self.out = [f'<svg xmlns="http://www.w3.org/2000/svg" '
                    f'font-family="sans-serif" font-size="12" width="{width}" '
                    f'height="{height}">']

    def text(self, x, y, text, anchor=None):
        more = f' text-anchor="{anchor}"' if anchor else ""
        self.out.append(f'<text x="{x}" y="{y}"{more}>{html.escape(text)}</text>')

    def box(self, start, end, y, height, color):
        """From one abscissa to another, never too thin to be seen."""
        self.out.append(f'<rect x="{start:.1f}" y="{y}" width="{end - start + 1:.1f}" '
                        f'height="{height}" fill="{color}"/>')

    def __str__(self):
        return "\n".join([*self.out, "</svg>\n"])
