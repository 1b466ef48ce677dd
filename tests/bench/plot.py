# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bars as SVG: what each case costs, as a multiple of what it is compared with."""

import math
import os
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 860, 290, 80
ROW, TITLE, GROUP_GAP = 24, 30, 16
BACKGROUND, OURS, THEIRS, REFERENCE = "#fbfaf7", "#39506b", "#c9b48f", "#9aa5b1"
# What is the project's own; the rest is what others do
OWN = ("auto", "orc", "stream", "avx512", "avx", "u64", "u32", "fused",
       "fused, unaligned", "mark", "drop", "ignore", "read into a buffer", "loads only", "mmiovidsrc", "mmiovidsrc ! BGRx")

PLOTS = {
    "copy": ("Copy of an RGB frame", ("aligned", "unaligned")),
    "convert": ("Conversion of a frame from RGB to BGRx", ("RGB to BGRx",)),
    "changes": ("Copy of a frame with change detection",
                ("all changed", "a box changed", "unchanged", "unchanged, unaligned",
                 "drop")),
    "pipelines": ("Pipelines",
                  ("pipelines, as fast as they go", "pipelines, at 50 frames/s")),
    "pipelines-bgrx": ("Pipelines with conversion to BGRx",
                       ("pipelines, as fast as they go, to BGRx",
                        "pipelines, at 50 frames/s, to BGRx")),
}


class Svg:
    def __init__(self, title):
        self.parts = []
        self.title = title

    def text(self, x, y, what, anchor="start", size=12, fill="#1c2b3f", bold=False):
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" '
                          f'font-size="{size}" fill="{fill}"{weight}>'
                          f'{escape(what)}</text>')

    def bar(self, x, y, width, height, fill):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                          f'height="{height}" rx="2" fill="{fill}"/>')

    def line(self, x1, y1, x2, y2, stroke, dashes=""):
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        self.parts.append(f'<path d="M{x1:.1f} {y1:.1f} L{x2:.1f} {y2:.1f}" '
                          f'stroke="{stroke}" stroke-width="1.5" fill="none"{dash}/>')

    def write(self, path, height):
        with open(path, "w") as file:
            file.write('<svg xmlns="http://www.w3.org/2000/svg" '
                       f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
                       'font-family="DejaVu Sans, Helvetica, sans-serif">\n'
                       f'<title>{escape(self.title)}</title>\n'
                       f'<rect width="{WIDTH}" height="{height}" fill="{BACKGROUND}"/>\n')
            file.write("\n".join(self.parts))
            file.write("\n</svg>\n")


def draw_group(svg, y, name, group, scale):
    names = group.names()
    svg.text(16, y, name, bold=True)
    svg.text(LEFT, y, f"{names[0]} = 1", fill="#555", size=11)
    svg.line(LEFT + scale, y + 6, LEFT + scale, y + ROW * len(names) + 8, "#1c2b3f", "3 3")
    for case in names:
        ratio, low, high = group.ratio(case)
        fill = OURS if case in OWN else REFERENCE if case == names[0] else THEIRS
        y += ROW
        middle = y - 4
        svg.text(LEFT - 10, y, case, anchor="end")
        svg.bar(LEFT, middle - 8, ratio * scale, 16, fill)
        if high > low:
            svg.line(LEFT + low * scale, middle, LEFT + high * scale, middle, "#e0492f")
        svg.text(WIDTH - 16, y, f"{ratio:.2f}", anchor="end", fill="#444")
    return y + ROW + GROUP_GAP


def write_all(groups, directory, size):
    os.makedirs(directory, exist_ok=True)
    for name, (title, members) in PLOTS.items():
        shown = [(member, groups[member]) for member in members]
        largest = max(group.ratio(case)[2] for _, group in shown for case in group.names())
        scale = (WIDTH - LEFT - RIGHT) / max(1, math.ceil(largest * 2) / 2)
        svg = Svg(title)
        svg.text(16, 26, f"{title}, {size}", size=15, bold=True)
        svg.text(16, 44, "CPU time per frame, median of the ratios; red: the middle half "
                 "of them", size=11, fill="#555")
        y = 44 + TITLE
        for member, group in shown:
            y = draw_group(svg, y, member, group, scale)
        svg.write(os.path.join(directory, f"bench-{name}.svg"), y - ROW)
