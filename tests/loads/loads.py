#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks every load that the reader makes.

valgrind's lackey prints each access of a program to memory with its address
and size. The program (loads.c) reads hundreds of frames from an arena at a
known address and writes down where each one is. valgrind knows no 64-byte loads,
so those of AVX-512 are recorded by traps (trap.c). Prints TAP.
"""

import collections
import os
import platform
import shutil
import subprocess
import sys
import tempfile

ARENA = " [LM] 30[0-9a-f]{7},"
LINE = 64
# Loads of whole lines must not be narrower than this
VECTOR = {"orc": 16, "stream": 16, "avx": 32, "avx512": 64}

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
        if size < VECTOR.get(case.engine, 0) and row < case.rows:
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


def trap(program, table):
    """The same for the engines that trace() cannot see."""
    if platform.machine() != "x86_64":
        open(table, "w").close()
        return
    loads = table + ".loads"
    subprocess.run([program, table, loads], check=True)
    with open(loads) as file:
        for line in file:
            address, size = line.split(",")
            yield int(address, 16), int(size)


def sort_cases(groups, how, cases, loads):
    """Adds judged @cases to @groups. Returns the windows with loads that belong
    to no case."""
    window = 64 * 1024
    by_window = collections.defaultdict(list)
    for address, size in loads:
        by_window[address // window].append((address, size))
    for case in cases:
        wrong = judge(case, by_window.pop(case.start // window, []))
        groups[case.engine, case.way, how].append((case, wrong))
    return list(by_window)


def main():
    program = sys.argv[1]
    if "MESON_EXE_WRAPPER" in os.environ:
        print("1..0 # SKIP valgrind sees no loads of a program for another CPU:"
              " run this on that CPU")
        return 0
    if not shutil.which("valgrind"):
        print("1..0 # SKIP valgrind is missing; apt install valgrind")
        return 0

    groups = collections.defaultdict(list)
    strays = []
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "table")
        for tracer in trace, trap:
            loads = list(tracer(program, table))
            cases, notes = read_table(table)
            for note in notes:
                print(f"# {note}")
            strays += sort_cases(groups, tracer.__name__, cases, loads)

    failed = 0
    for number, ((engine, way, how), results) in enumerate(groups.items(), 1):
        bad = [(case, wrong) for case, wrong in results if wrong]
        failed += bool(bad)
        print(f"{'not ok' if bad else 'ok'} {number} - {engine}, {way}, by {how}:"
              f" each byte of {len(results)} frames loaded once, aligned, in "
              f"the widest loads")
        for case, wrong in bad[:5]:
            print(f"#   {case}: {wrong}")
    number = len(groups)
    if not any(engine == "avx512" for engine, _, _ in groups):
        number += 1
        print(f"ok {number} - avx512 # SKIP no 64-byte loads here: run this on "
              "an x86-64 CPU with AVX-512")
    print(f"1..{number}")
    if not groups or strays:
        print("Bail out! loads from windows without a frame")
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
