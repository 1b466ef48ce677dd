#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a frame of a file costs in system calls, that strace counts, and which device
nodes a pipeline opens.

Usage: syscalls.py FRAMES-PROGRAM MEASUREMENTS

The table in MEASUREMENTS (docs/measurements.md) has to say what is counted.
Prints TAP.
"""

import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

FEW, MANY = 50, 250
TRIES = 4
HEADING = "## System calls"
# What waits, and wakes: as often as the machine makes it
WAITS = {"futex", "poll", "ppoll", "clock_nanosleep", "restart_syscall",
         "sched_yield"}
# A machine that is late makes an element post messages of missed frames, which
# wake the application
MESSAGES = {"read", "write"}
LAUNCH = "gst-launch-1.0"
# What the C library makes of stat() and fstat() differs
STAT = re.compile(r"(new)?(f|l)?stat(at|x|64|at64)?$")
ELEMENT = "`mmiovidsrc`, the clock"
DMABUF_NODES = re.compile(r'"(/dev/udmabuf|/dev/dri|/sys/class/drm)[/"]')
LIBRARY = {"the library, the clock": "clock",
           "the library, a counter": "counter"}


def trace(command):
    """How often each system call is made, in all threads."""
    with tempfile.NamedTemporaryFile("r", suffix=".strace") as out:
        done = subprocess.run(
            ["strace", "-c", "-f", "-U", "name,calls", "-o", out.name,
             *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True)
        rows = re.findall(r"^(\w+) +(\d+)$", out.read(), re.MULTILINE)
    if done.returncode:
        raise SystemExit(f"Bail out! {' '.join(command)}: {done.stdout}")
    counts = collections.Counter()
    for name, n in rows:
        if name not in WAITS | {"total"}:
            counts["stat" if STAT.match(name) else name] += int(n)
    return counts


def per_frame(command):
    """What is made for each frame, without what is made once."""
    few, many = (trace(command(n)) for n in (FEW, MANY))
    if command(1)[0] == LAUNCH:
        for name in MESSAGES:
            del many[name]
    many.subtract(few)
    # Memory of malloc() and the like comes now and then
    return {name: n / (MANY - FEW) for name, n in many.items()
            if n >= (MANY - FEW) / 10}


def judge(command, wanted):
    """What is counted, and whether that is what is wanted.  A machine that is late
    captures frames that the queue drops, whose calls are counted too: so it is
    counted again, and the least counts."""
    least = {}
    for _ in range(TRIES):
        found = per_frame(command)
        least = {name: min(n, least.get(name, n)) for name, n in found.items()}
        if wanted is not None and least.keys() == wanted.keys() and \
                all(abs(least[name] - n) < 0.1 for name, n in wanted.items()):
            return least, True
    return least, False


def documented(path):
    """The table: what is captured, and the calls of a frame by their names."""
    with open(path, encoding="utf-8") as file:
        text = file.read().partition(HEADING + "\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (`.+?) \|$", text, re.MULTILINE)
    return {what: {name: int(n) for name, n
                   in re.findall(r"`(\w+)` x (\d+)", calls)}
            for what, calls in rows}


def element(path):
    def command(frames):
        return [LAUNCH, "-q", "mmiovidsrc", f"device={path}",
                "width=32", "height=8", "format=bgrx",
                f"num-buffers={frames}", "!",
                "video/x-raw,framerate=1000/1", "!", "fakesink"]
    return command


def opens(caps):
    """Which of what dma-bufs need a pipeline opens, or tries to."""
    with tempfile.NamedTemporaryFile("r", suffix=".strace") as out:
        command = [LAUNCH, "-q", "mmiovidsrc", "num-buffers=3", "!", caps, "!",
                   "fakesink"]
        done = subprocess.run(
            ["strace", "-f", "-e", "trace=open,openat", "-o", out.name,
             *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True)
        found = DMABUF_NODES.findall(out.read())
    return set(found), done


def library(program, sync, path):
    return lambda frames: [program, sync, path, str(frames)]


def obstacle():
    """What is missing, if something is."""
    for program, package in (("strace", "strace"),
                             (LAUNCH, "gstreamer1.0-tools")):
        if not shutil.which(program):
            return f"{program} is missing: apt install {package}"
    done = subprocess.run(["strace", "-c", "-o", os.devnull, "true"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if done.returncode:
        return f"strace cannot trace here: {' '.join(done.stdout.split())}"
    return None


def main():
    program, measurements = sys.argv[1:]
    missing = obstacle()
    if missing:
        print(f"1..0 # SKIP {missing}")
        return

    said = documented(measurements)
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(8192))
        file.flush()
        cases = {ELEMENT: element(file.name)}
        cases.update((what, library(program, sync, file.name))
                     for what, sync in LIBRARY.items())
        # The registry, once
        trace(cases[ELEMENT](1))

        print(f"1..{len(cases) + 2}")
        for number, (what, command) in enumerate(cases.items(), 1):
            wanted = said.get(what)
            found, ok = judge(command, wanted)
            print(f"{'ok' if ok else 'not ok'} {number} - system calls of a "
                  f"frame: {what}")
            print("# " + ", ".join(f"`{name}` x {n:.2f}" for name, n
                                   in sorted(found.items())))
            if not ok:
                print(f"# {measurements} says {wanted}")

    # No caps of fakesink's name dma-bufs
    found, done = opens("video/x-raw")
    ok = not done.returncode and not found
    print(f"{'ok' if ok else 'not ok'} {number + 1} - nothing is opened for "
          "dma-bufs that no element takes")
    print(f"# {', '.join(sorted(found)) or done.stdout.strip()}")
    # That it can be seen; what becomes of it depends on the machine
    found, done = opens("video/x-raw(memory:DMABuf)")
    print(f"{'ok' if '/dev/udmabuf' in found else 'not ok'} {number + 2} - "
          "/dev/udmabuf is opened for one that does")


main()
