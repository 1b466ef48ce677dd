#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Looks at every load that mmiovid-probe measures with.

valgrind's lackey prints each access to memory with its address and size: each
load must have the width that it claims, be aligned to it, and come once for
each part of the range, which must be all that is touched. Prints TAP.
"""

import os
import platform
import re
import shutil
import subprocess
import sys


def judge(loads, start, length, width):
    """What is wrong with the (address, size) of a range, in words, or None."""
    expected = [(start + i, width) for i in range(0, length, width)]
    if sorted(loads) == expected:
        return None
    wrong = sorted(set(loads) ^ set(expected)) or loads
    return (f"{len(loads)} loads instead of {len(expected)}, such as "
            f"{wrong[0][1]} bytes at {wrong[0][0] - start:+d}")


def main():
    if "MESON_EXE_WRAPPER" in os.environ:
        print("1..0 # SKIP valgrind sees no loads of a program for another CPU:"
              " run this on that CPU")
        return 0
    if not shutil.which("valgrind"):
        print("1..0 # SKIP valgrind is missing: install the package valgrind")
        return 0
    if platform.machine() not in ("x86_64", "i686"):
        print("1..0 # SKIP how other CPUs' loads show in valgrind is not known:"
              " run this on x86")
        return 0

    # Nothing is done with what is loaded, and an optimizing valgrind would
    # leave such loads out
    run = subprocess.run(
        ["valgrind", "--tool=lackey", "--trace-mem=yes", "--log-fd=2",
         "--vex-iropt-level=0", sys.argv[1]],
        capture_output=True, text=True)
    if run.returncode != 0:
        print(f"Bail out! {sys.argv[1]} ended with {run.returncode}: "
              f"{run.stderr[-300:]}")
        return 1

    # Leading zeros come and go with the width of the address
    accesses = [(int(address, 16), int(size)) for address, size in
                re.findall(r"^ [LMS] 0*(30000[0-9a-f]{4}),(\d+)$", run.stderr,
                           re.MULTILINE)]
    failed = 0
    n = 0
    for line in run.stdout.splitlines():
        if line.startswith("#"):
            print(line)
            continue
        start, length, width, name = line.split(None, 3)
        start, length, width = int(start, 16), int(length), int(width)
        loads = [(address, size) for address, size in accesses
                 if start <= address < start + 8192]
        problem = judge(loads, start, length, width)
        n += 1
        print(f"{'not ok' if problem else 'ok'} {n} - {name}: each byte once, "
              f"{width} at a time")
        if problem:
            print(f"# {problem}")
            failed = 1
    print(f"1..{n}")
    return failed


sys.exit(main())
