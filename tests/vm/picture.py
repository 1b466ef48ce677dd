# SPDX-License-Identifier: LGPL-2.1-or-later
"""What pictures look like in memory, worked out apart from the plugin.

The rules for buffers without a video meta are those of GStreamer's
"Raw Video Media Types": rows padded to a multiple of four bytes."""

import random

from qmp import Image
from tap import Failure


def noise(size, seed):
    """Bytes that look different everywhere: any shift shows."""
    return random.Random(seed).randbytes(size)


def _up(number, multiple):
    return -(-number // multiple) * multiple


# Of each plane: bytes in a row, rows
_PLANES = {
    "RGB": lambda w, h: [(3 * w, h)],
    "BGR": lambda w, h: [(3 * w, h)],
    "BGRx": lambda w, h: [(4 * w, h)],
    "RGBx": lambda w, h: [(4 * w, h)],
    "xRGB": lambda w, h: [(4 * w, h)],
    "xBGR": lambda w, h: [(4 * w, h)],
    "GRAY8": lambda w, h: [(w, h)],
    "YUY2": lambda w, h: [(4 * _up(w, 2) // 2, h)],
    "NV12": lambda w, h: [(w, h), (_up(w, 2), _up(h, 2) // 2)],
}


class Picture:
    """A picture as it lies in a BAR: planes one after the other, `stride`
    bytes from row to row (0: rows follow each other without a gap)."""

    def __init__(self, form, width, height, offset=0, stride=0):
        self.form, self.width, self.height = form, width, height
        self.offset, self.stride = offset, stride
        self._planes = _PLANES[form](width, height)

    def end(self):
        """First byte of the BAR that is not part of it any more."""
        last_row, rows = self._planes[-1]
        before = sum((self.stride or row) * rows
                     for row, rows in self._planes[:-1])
        return (self.offset + before
                + (self.stride or last_row) * (rows - 1) + last_row)

    def rows(self, memory):
        """The rows of each plane, out of the BAR's memory."""
        at, planes = self.offset, []
        for row, rows in self._planes:
            step = self.stride or row
            planes.append([bytes(memory[at + y * step:at + y * step + row])
                           for y in range(rows)])
            at += step * rows
        return planes

    def ranges(self):
        """First byte and length of each row, in the BAR."""
        at = self.offset
        for row, rows in self._planes:
            step = self.stride or row
            yield from ((at + y * step, row) for y in range(rows))
            at += step * rows

    def properties(self):
        """The element's properties that describe it."""
        text = (f"format={self.form.lower()} "
                f"width={self.width} height={self.height}")
        if self.offset:
            text += f" offset={self.offset}"
        if self.stride:
            text += f" stride={self.stride}"
        return text


def captured_rows(data, form, width, height):
    """The rows of each plane, out of a buffer that GStreamer wrote."""
    at, planes = 0, []
    for plane, (row, rows) in enumerate(_PLANES[form](width, height)):
        step = _up(row, 4)
        planes.append([data[at + y * step:at + y * step + row]
                       for y in range(rows)])
        # Two rows of Y share one of UV, there are always both
        at += step * (_up(rows, 2) if form == "NV12" and plane == 0 else rows)
    if len(data) != at:
        raise Failure(f"{len(data)} bytes came, a {form} frame of "
                      f"{width}x{height} has {at}")
    return planes


def compare(got, expected):
    for plane, (ours, theirs) in enumerate(zip(got, expected, strict=True)):
        for y, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            if a != b:
                x = next(i for i in range(len(b)) if a[i:i + 1] != b[i:i + 1])
                raise Failure(f"plane {plane}, row {y}, byte {x}: "
                              f"{a[x:x + 8].hex(' ')} came, "
                              f"{b[x:x + 8].hex(' ')} expected")


def expand(rows, order):
    """RGB rows to 32 bits a pixel, in the order that a format's name says."""
    def pixel(rgb):
        return bytes({"R": rgb[0], "G": rgb[1], "B": rgb[2], "x": 255}[c]
                     for c in order)
    return [b"".join(pixel(row[i:i + 3]) for i in range(0, len(row), 3))
            for row in rows]


def image(picture, memory):
    """What a screen shows of it, for RGB and BGRx."""
    data = b"".join(picture.rows(memory)[0])
    if picture.form == "BGRx":
        return Image.from_bgrx(picture.width, picture.height, data)
    return Image(picture.width, picture.height, data)
