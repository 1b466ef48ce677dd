# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures as files hold them, and what the simulated device shows in them."""

import struct
import zlib


class Picture:
    """Rows of RGB bytes."""

    def __init__(self, width, height, rows):
        self.width, self.height, self.rows = width, height, rows

    def pixel(self, x, y):
        return tuple(self.rows[y][3 * x:3 * x + 3])

    def crop(self, width, height):
        return Picture(width, height,
                       [row[:3 * width] for row in self.rows[:height]])

    def write_png(self, path):
        def chunk(name, data):
            return (struct.pack(">I", len(data)) + name + data +
                    struct.pack(">I", zlib.crc32(name + data)))
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        data = zlib.compress(b"".join(b"\0" + bytes(row) for row in self.rows))
        with open(path, "wb") as png:
            png.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
                      chunk(b"IDAT", data) + chunk(b"IEND", b""))


def read_png(path):
    """A PNG of 8 bits RGB or RGBA, not interlaced: what pngenc writes."""
    with open(path, "rb") as png:
        data = png.read()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError(f"{path} is no PNG")
    at, body = 8, b""
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at:at + 8])
        content = data[at + 8:at + 8 + size]
        if name == b"IHDR":
            width, height, bits, kind, _, _, interlace = struct.unpack(
                ">IIBBBBB", content)
            if bits != 8 or kind not in (2, 6) or interlace:
                raise ValueError(f"{path}: {bits} bits, colour type {kind}, "
                                 f"interlace {interlace}")
        elif name == b"IDAT":
            body += content
        at += 12 + size

    body = zlib.decompress(body)
    bpp = 3 if kind == 2 else 4
    stride = width * bpp
    above = bytearray(stride)
    rows = []
    for y in range(height):
        kind, *line = body[y * (stride + 1):(y + 1) * (stride + 1)]
        line = bytearray(line)
        for i in range(stride):
            a = line[i - bpp] if i >= bpp else 0
            b = above[i]
            c = above[i - bpp] if i >= bpp else 0
            if kind == 1:
                line[i] = (line[i] + a) & 255
            elif kind == 2:
                line[i] = (line[i] + b) & 255
            elif kind == 3:
                line[i] = (line[i] + (a + b) // 2) & 255
            elif kind == 4:
                p = a + b - c
                nearest = min((abs(p - a), 0, a), (abs(p - b), 1, b),
                              (abs(p - c), 2, c))
                line[i] = (line[i] + nearest[2]) & 255
        above = line
        if bpp == 4:
            line = bytearray(v for i, v in enumerate(line) if i % 4 != 3)
        rows.append(line)
    return Picture(width, height, rows)


def read_xwd(path):
    """A dump of a screen of 32 bits a pixel: what Xvfb -fbdir keeps."""
    with open(path, "rb") as dump:
        data = dump.read()
    head = struct.unpack(">25I", data[:100])
    size, width, height, order = head[0], head[4], head[5], head[7]
    bits, stride, masks, colours = head[11], head[12], head[14:17], head[19]
    if bits != 32 or masks != (0xff0000, 0xff00, 0xff):
        raise ValueError(f"{path}: {bits} bits a pixel, masks {masks}")
    at = [1, 2, 3] if order else [2, 1, 0]
    start = size + 12 * colours
    rows = []
    for y in range(height):
        line = data[start + y * stride:start + y * stride + 4 * width]
        row = bytearray(3 * width)
        for i in range(3):
            row[i::3] = line[at[i]::4]
        rows.append(row)
    return Picture(width, height, rows)


class NotThePicture(Exception):
    """In words, how it differs from what the simulated device shows."""


def frame_number(picture):
    """The frame number, from the cells at the left edge of every row: bits of
    its Gray code, least significant first, light for 1."""
    cell = max(2, picture.width // (16 * 24))
    bits = min(24, picture.width // 2 // cell)

    def of_row(y):
        code = 0
        for bit in range(bits):
            r, g, b = picture.pixel(bit * cell + cell // 2, y)
            if max(abs(r - 248), abs(g - 200), abs(b - 96)) <= 4:
                code |= 1 << bit
            elif max(abs(r - 24), abs(g - 32), abs(b - 56)) > 4:
                raise NotThePicture(f"colour {(r, g, b)} in cell {bit} of row {y}"
                                    " is neither the light nor the dark one")
        number = 0
        while code:
            number ^= code
            code >>= 1
        return number

    numbers = {of_row(y) for y in range(picture.height)}
    if len(numbers) > 1:
        raise NotThePicture(f"torn: rows of the frames {sorted(numbers)}")
    return numbers.pop(), bits * cell


def examine(picture):
    """The frame number, if every pixel beside the ball is sky and the ball is
    where it is in this frame."""
    number, strip = frame_number(picture)
    width, height = picture.width, picture.height

    def sky(y):
        stops = [(18, 22, 58), (70, 44, 104), (196, 92, 92), (248, 176, 104)]
        at = 3 * y / (height - 1)
        i = min(int(at), 2)
        return [a + (b - a) * (at - i) for a, b in zip(stops[i], stops[i + 1])]

    # To and fro in 300 frames, up and down in 90
    size = min(width - strip, height) // 4
    left = strip + (width - strip - size) * abs(number % 300 - 150) // 150
    top = (height - size) * (number % 90 - 45) ** 2 // 45 ** 2

    ball = 0
    for y in range(height):
        colour = sky(y)

        def strangers(start, stop):
            """The pixels of a span that are not the sky's."""
            row = picture.rows[y]
            span = [row[3 * start + i:3 * stop:3] for i in range(3)]
            return [pixel for pixel in zip(*span) if
                    abs(pixel[0] - colour[0]) > 4 or
                    abs(pixel[1] - colour[1]) > 4 or
                    abs(pixel[2] - colour[2]) > 4]

        right = left + size if top <= y < top + size else left
        outside = strangers(strip, left) + strangers(right, width)
        if outside:
            raise NotThePicture(
                f"frame {number}: row {y} has the colour {outside[0]} beside "
                f"the ball, where the sky's {[round(c) for c in colour]} is due")
        ball += len(strangers(left, right))
    # A circle takes pi / 4 of its square
    if not 0.74 * size ** 2 < ball < 0.83 * size ** 2:
        raise NotThePicture(f"frame {number}: {ball} pixels that are not sky "
                            f"where a ball of {size} is due")
    return number
