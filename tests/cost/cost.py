#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a frame costs the CPU, in instructions, that valgrind counts.

Usage: cost.py PROGRAM

A frame that goes out as a dma-buf costs the same whatever its size; copying it
is counted beside it, to show that the count counts. Prints TAP.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

# What the capture thread does for a frame: it takes a reference, or copies.  How
# it waits is not in it, nor what downstream does.
ENTRIES = "mmio_capture_choose", "gst_mmio_io_wrap", "gst_mmio_buffer_fill"
# So many that a memory more in the ring, which depends on threads, does not count
FEW, MANY = 50, 1050
TRIES = 4
SMALL, LARGE = (320, 240), (3840, 2160)


def count(program, mode, size, frames):
    """Instructions of the element for so many frames."""
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind",
             *(f"--toggle-collect={entry}" for entry in ENTRIES),
             f"--callgrind-out-file={os.path.join(directory, 'out')}",
             program, mode, *map(str, size), str(frames)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = re.search(r"Collected : (\d+)", done.stdout)
    if done.returncode or not found or found[1] == "0":
        raise SystemExit(f"Bail out! {program} {mode}: {done.stdout}")
    return int(found[1])


def per_frame(program, mode, size, frames=(FEW, MANY)):
    """Without what happens once."""
    few, many = (count(program, mode, size, n) for n in frames)
    return (many - few) / (frames[1] - frames[0])


def main():
    if not shutil.which("valgrind"):
        print("1..0 # SKIP valgrind is missing: apt install valgrind")
        return 0
    program, = sys.argv[1:]

    print("1..2")
    # A machine that is late drops frames, which cost too: counted again, the least
    # counts
    small = large = float("inf")
    for _ in range(TRIES):
        small = min(small, per_frame(program, "dmabuf", SMALL))
        large = min(large, per_frame(program, "dmabuf", LARGE))
        if abs(large / small - 1) <= 0.05:
            break
    name = "a dma-buf costs the same whatever its size"
    print("ok" if abs(large / small - 1) <= 0.05 else "not ok", "1 -", name)
    for (width, height), figure in ((SMALL, small), (LARGE, large)):
        print(f"# dmabuf {width}x{height}: {figure:.0f} instructions a frame")

    # The larger one would take valgrind long
    copied = per_frame(program, "copy", SMALL, (2, 6))
    print("ok" if copied > 2 * small else "not ok",
          "2 - copying costs by the byte")
    print(f"# copy {SMALL[0]}x{SMALL[1]}: {copied:.0f} instructions a frame, "
          f"{copied / small:.1f} times as many")
    return 0


sys.exit(main())
