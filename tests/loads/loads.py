#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Looks at every load that the reader makes, and judges it.

valgrind's lackey prints each access of a program to memory with its address
and size. The program (loads.c) reads hundreds of pictures from an arena at a
known address and says which lies where. Prints TAP.
"""

import collections
import os
import shutil
import subprocess
import sys
import tempfile

ARENA = " [LM] 30[0-9a-f]{7},"
LINE = 64
# Loads of whole lines must not be narrower than this
VECTOR = 16
VECTOR_ENGINES = ("orc", "stream")

Case = collections.namedtuple(
    "Case", "engine way format start passes stride row_bytes rows straight")


def read_table(path):
    cases, notes = [], []
    with open(path) as table:
        for line in table:
            if line.startswith("#"):
                notes.append(line[2:].strip())
                continue
            words = line.split()
            cases.append(Case(*words[:3], int(words[3], 16), *map(int, words[4:])))
    return cases, notes


def trace(program, table):
    """Yields address and size of each load from the arena."""
    lackey = subprocess.Popen(
        ["valgrind", "--tool=lackey", "--trace-mem=yes", "--log-fd=2", program,
         table], stderr=subprocess.PIPE)
    # Millions of accesses elsewhere: grep is faster than we are
    grep = subprocess.Popen(["grep", "-E", "^" + ARENA], stdin=lackey.stderr,
                            stdout=subprocess.PIPE, text=True)
    lackey.stderr.close()
    for line in grep.stdout:
        address, size = line[3:].split(",")
        yield int(address, 16), int(size)
    grep.wait()
    if lackey.wait() != 0:
        raise SystemExit(f"Bail out! {program} failed under valgrind with "
                         f"{lackey.returncode}")


def judge(case, loads):
    """Returns what is wrong with the loads of a case, in words."""
    counts = collections.Counter()
    for address, size in loads:
        where = f"{size} bytes at {address - case.start:+d}"
        if address % size:
            return f"misaligned: {where}"
        if address // LINE != (address + size - 1) // LINE:
            return f"across a line: {where}"
        offset = address - case.start
        row, x = divmod(offset, case.stride)
        if case.engine in VECTOR_ENGINES and size < VECTOR and row < case.rows:
            begin = case.start + row * case.stride
            end = begin + case.row_bytes
            if case.straight:
                begin, end = case.start, case.start + case.rows * case.row_bytes
            if -(-begin // LINE) * LINE <= address < end // LINE * LINE:
                return f"narrow within whole lines: {where}"
        for byte in range(offset, offset + size):
            counts[byte] += 1

    for row in range(case.rows):
        for byte in range(row * case.stride, row * case.stride + case.row_bytes):
            if counts.pop(byte, 0) != case.passes:
                return f"byte {byte} (row {row}) not loaded {case.passes} times"
    if counts:
        return f"loaded from outside the picture, at {sorted(counts)[:4]}"
    return None


def main():
    program = sys.argv[1]
    if "MESON_EXE_WRAPPER" in os.environ:
        print("1..0 # SKIP valgrind sees no loads of a program for another CPU:"
              " run this on that CPU")
        return 0
    if not shutil.which("valgrind"):
        print("1..0 # SKIP valgrind is missing; apt install valgrind")
        return 0

    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "table")
        loads = list(trace(program, table))
        cases, notes = read_table(table)

    for note in notes:
        print(f"# {note}")
    # Windows are in the order of their addresses, a picture in each
    window = 64 * 1024
    by_window = collections.defaultdict(list)
    for address, size in loads:
        by_window[address // window].append((address, size))

    groups = collections.defaultdict(list)
    for case in cases:
        wrong = judge(case, by_window.pop(case.start // window, []))
        groups[case.engine, case.way].append((case, wrong))

    failed = 0
    for number, ((engine, way), results) in enumerate(groups.items(), 1):
        bad = [(case, wrong) for case, wrong in results if wrong]
        failed += bool(bad)
        print(f"{'not ok' if bad else 'ok'} {number} - {engine}, {way}: each "
              f"byte of {len(results)} pictures loaded once, aligned, as wide "
              f"as it goes")
        for case, wrong in bad[:5]:
            print(f"#   {case}: {wrong}")
    print(f"1..{len(groups)}")
    print(f"# {len(loads)} loads")
    if not groups or by_window:
        print("Bail out! loads from windows that hold no picture")
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
