#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What waiting for a frame counter costs the CPU, as a share of a core.

Usage: waiting.py [--seconds N] [--rounds N]

Run it where the plugin is found: meson devenv -C build tests/bench/waiting.py
The simulated device paints 60 pictures a second of 16 x 16 pixels, so that the
copy is nothing beside the wait: by the clock, and by the counter. And two files
stand in for a device whose counter stands still: from the start, and after it
has counted at 60 Hz, when its rate is known. Each case runs for a second and
for N more in each round; the difference is what the N took, with all that
belongs to a pipeline, by getrusage().
"""

import argparse
import mmap
import os
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time

HZ = 60
COUNTER = 4096
WARM_UP = 1


class Case:
    def __init__(self, name, properties, counts=False):
        self.name = name
        self.properties = properties
        self.counts = counts


CASES = (
    Case("clock, 60 Hz", "device=sim frame-sync=clock"),
    Case("counter, 60 Hz", "device=sim frame-sync=counter"),
    Case("counter, stands still",
         f"device={{bar}} frame-sync=counter counter-offset={COUNTER}"),
    Case("counter, stands still after 60 Hz",
         f"device={{bar}} frame-sync=counter counter-offset={COUNTER}", True),
)


def count(bar, seconds):
    """Is the device, for so long."""
    begin = time.monotonic()
    number = 0
    while time.monotonic() < begin + seconds:
        number += 1
        bar[COUNTER:COUNTER + 4] = struct.pack("<I", number)
        time.sleep(max(0, begin + number / HZ - time.monotonic()))


def run(case, seconds):
    """CPU time of the case for so long, in seconds."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        os.truncate(file.fileno(), 2 * COUNTER)
        source = case.properties.format(bar=file.name)
        caps = "video/x-raw,framerate=60/1" if "clock" in source else \
            "video/x-raw"
        process = subprocess.Popen(
            ["gst-launch-1.0", "-q", "mmiovidsrc", *source.split(),
             "width=16", "height=16", "!", caps, "!", "fakesink"])
        with mmap.mmap(file.fileno(), 0) as bar:
            if case.counts:
                count(bar, WARM_UP)
                time.sleep(seconds - WARM_UP)
            else:
                time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    # gst-launch-1.0 tells of an interrupt in this way
    if process.returncode not in (0, 1):
        sys.exit(f"{case.name}: gst-launch-1.0 ended with "
                 f"{process.returncode}")
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    shares = {case: [] for case in CASES}
    for _ in range(options.rounds):
        for case in CASES:
            short = run(case, WARM_UP)
            shares[case].append((run(case, WARM_UP + options.seconds) - short)
                                / options.seconds)

    print("| waiting | % of a core | least - most |\n| --- | --- | --- |")
    for case, values in shares.items():
        least, middle, most = (100 * f(values) for f in
                               (min, statistics.median, max))
        print(f"| {case.name} | {middle:.2f} | {least:.2f} - {most:.2f} |")


if __name__ == "__main__":
    main()
