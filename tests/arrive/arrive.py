#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests that each frame arrives at the sink, once, in order and in time.

Usage: arrive.py RUNNER PAINTER [PATTERN]

RUNNER is the program arrive, PAINTER that of tests/examples. PATTERN, a regular
expression, selects checks by their name. Prints TAP.

No pipeline here has a queue behind the element, as people do not type one. A
thread of RUNNER sleeps a period in a loop, and so measures whether the machine
keeps up. Where it does not, only the numbers have to be right: each frame of the
device has arrived or is counted as missed. Such a check ends as skipped, with
the figures.
"""

import collections
import contextlib
import itertools
import os
import re
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

from display import Display     # noqa: E402
from result import (COUNT, MS, SHARE, Failure, Result, Skip,  # noqa: E402
                    check_numbers, check_offsets, check_statistics, expect,
                    share)

SECONDS = 5
PATIENCE = 120

# How far a timestamp may be from the moment at which the device completed the
# frame
CLOSE = 2 * MS

# A latency that sinks have together with audio or a slow encoder, in ms
LATENCY = 200

# pixels: what numbers the frames; count: after so many the numbers begin anew
Source = collections.namedtuple("Source", "text rate pixels painter",
                                defaults=["sim", None])

SOURCES = {
    "clock at 50/1": Source("mmiovidsrc ! video/x-raw,framerate=50/1", 50),
    "clock at 60/1": Source("mmiovidsrc ! video/x-raw,framerate=60/1", 60),
    "counter at 60 Hz": Source("mmiovidsrc frame-sync=counter", 60),
    "counter of the painter at 240 Hz": Source(
        "mmiovidsrc device={file} frame-sync=counter", 240, "painter",
        "--rate 240"),
    "counter with buffers=3": Source(
        "mmiovidsrc buffers=3 frame-sync=counter", 60),
}
SINKS = ("fakesink sync=true", "ximagesink", "glimagesink", "appsink")


class Test:
    def __init__(self, runner, painter, display, directory):
        self.runner, self.painter = runner, painter
        self.display, self.directory = display, directory
        self.times = os.path.join(directory, "times")
        self._capacity = {}

    def comment(self, text):
        print(re.sub("^", "# ", text, flags=re.MULTILINE), flush=True)

    @contextlib.contextmanager
    def painting(self, options):
        """Runs the painter; gives its file."""
        if options is None:
            yield None
            return
        with tempfile.NamedTemporaryFile(dir="/dev/shm",
                                         prefix="mmiovid-arrive-") as file:
            painter = subprocess.Popen(
                [self.painter, *options.split(), "--times", self.times,
                 file.name], stdin=subprocess.DEVNULL)
            try:
                end = time.monotonic() + PATIENCE
                # A header whose counter has counted
                while not os.pread(file.fileno(), 4, 80).strip(b"\0"):
                    expect(time.monotonic() < end and painter.poll() is None,
                           "the painter paints nothing")
                    time.sleep(0.01)
                yield file.name
            finally:
                painter.terminate()
                painter.wait()

    def launch(self, pipeline, *options):
        done = subprocess.run(
            [self.runner, *options, *pipeline.split()],
            env=self.display.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=PATIENCE)
        result = Result(done.stdout)
        expect(done.returncode == 0 and not result.errors,
               f"status {done.returncode}: {result.errors} {done.stderr}")
        expect(not re.search("CRITICAL|WARNING", done.stderr), done.stderr)
        return result

    def run(self, source, sink, *options, seconds=SECONDS):
        """The result of a pipeline of @source, an entry of SOURCES."""
        with self.painting(source.painter) as file:
            result = self.launch(
                f"{source.text.format(file=file)} ! {sink}",
                f"--seconds={seconds}", f"--rate={source.rate}",
                f"--pixels={source.pixels}", *options)
        expect(len(result.frames) > 1, f"{len(result.frames)} frames arrived")
        return result

    def painted(self):
        """The time at which each frame was complete, by its number modulo the
        painter's count."""
        times = collections.defaultdict(list)
        with open(self.times) as file:
            for line in file:
                number, seconds, nanoseconds = re.split("[ .]", line.strip())
                times[int(number) % COUNT["painter"]].append(
                    int(seconds) * 1000 * MS + int(nanoseconds))
        return times

    def capacity(self, sink):
        """Frames a second that a sink shows if they come without a pause, at its
        slowest, and the time in nanoseconds that its first one takes."""
        if sink not in self._capacity:
            arrived = [frame.arrived for frame in self.launch(
                "videotestsrc pattern=black ! video/x-raw,width=640,height=480 "
                f"! {sink} sync=false", "--seconds=2").frames]
            start = arrived[1] - arrived[0]
            rate = slowest_rate(arrived[1:])
            self._capacity[sink] = rate, start
            self.comment(f"{sink} shows {rate:.0f} frames a second on this "
                         f"machine, the first one in {start / MS:.0f} ms")
        return self._capacity[sink]


def slowest_rate(times, window=100 * MS):
    """Frames a second in the window of this length that has the fewest. A sink
    that is fast on average loses frames where it is slow."""
    first, fewest = 0, len(times)
    for last, time in enumerate(times):
        while time - times[first] > window:
            fewest = min(fewest, last - first)
            first += 1
    return fewest * 1000 * MS / window


def is_counted(source):
    return "frame-sync=counter" in source.text


def check_accounting(source, result):
    check_offsets(result)
    if is_counted(source):
        check_numbers(source.pixels, result)
    check_statistics(result)


def check_arrival(test, source, sink, *options):
    result = test.run(source, sink, *options)
    check_accounting(source, result)
    total = result.frames[-1].offset + 1
    said = (f"{len(result.frames)} of {total} frames arrived, {result.missed} "
            f"missed, {result.dropped} dropped by the sink; {result.machine()}; "
            f"missed: {result.gaps() or 'none'}")
    test.comment(said)
    draws = sink in ("ximagesink", "glimagesink")
    result.expect_keeps_up(draws)
    allowed = share(total) + result.lost
    if draws:
        capacity, start = test.capacity(sink)
        # Half of the machine is for all else
        if capacity < 2 * source.rate:
            raise Skip(f"only counted, not judged by time: {sink} shows "
                       f"{capacity:.0f} frames a second here, and "
                       f"{source.rate} come")
        allowed += start * source.rate // (1000 * MS)
    expect(result.missed <= allowed, said)
    expect(result.dropped <= allowed, said)
    expected = (SECONDS - 1) * source.rate
    expected -= share(expected)
    expect(total >= expected - result.lost,
           f"{said}; in {SECONDS} seconds at least {expected} come")


def check_slow(test, source):
    """A sink that holds each frame for three periods gets the newest ones."""
    result = test.run(source, "fakesink sync=true", "--hold=3")
    check_accounting(source, result)
    total = result.frames[-1].offset + 1
    said = (f"{len(result.frames)} of {total} frames arrived; "
            f"{result.machine()}")
    test.comment(said)
    result.expect_keeps_up()
    # All the time of the sink is used: a frame in three periods, in fours
    # where the sink waits for the time of the frame
    expect(len(result.frames) >= total // 5, said)
    check_age(test, result, "max")


def check_age(test, result, bound):
    """Frames are not older than what the element answers to a latency query at
    the time."""
    last = result.sent[-1]
    expect(last.max >= last.min >= 0,
           f"no bounds: min={last.min}, max={last.max}")
    limits = [(sent, getattr(sent, bound)) for sent in result.sent
              # Unlimited as long as the rate is not known
              if getattr(sent, bound) >= 0]
    old = [sent for sent, limit in limits if sent.age > limit]
    oldest = max(sent.age for sent in result.sent)
    said = (f"{len(old)} of {len(limits)} frames are older than {bound} when "
            f"they leave the element (oldest {oldest / MS:.2f} ms); "
            f"{result.machine()}")
    test.comment(said)
    allowed = share(len(limits)) + result.late * len(limits) // result.wakes
    expect(len(old) <= allowed, f"{said}, such as {old[:3]}")


# Sinks with a latency of LATENCY in the same pipeline
SLOW_SINKS = {
    "the pipeline's latency": ("fakesink sync=true name=sink",
                               f"--latency={LATENCY}"),
    "the sink's processing-deadline": (
        f"fakesink sync=true name=sink processing-deadline={LATENCY * MS}",),
    "a slow audio branch": (
        "fakesink sync=true name=sink audiotestsrc is-live=true ! queue "
        f"min-threshold-time={LATENCY * MS} max-size-time={4 * LATENCY * MS} "
        "max-size-buffers=0 max-size-bytes=0 ! fakesink sync=true",),
}


def count_unsteady(painted, rate, result):
    """Counts the frames that the painter completed too early or too late after
    the previous one, by a sixteenth of a period or half of CLOSE. The element
    polls for a frame that long before it is due, and sees an earlier one only
    then."""
    first, last = result.frames[0].time, result.frames[-1].time
    moments = sorted(moment for of_number in painted.values()
                     for moment in of_number if first <= moment <= last)
    period = 1000 * MS // rate
    return sum(abs(b - a - period) > max(period // 16, CLOSE // 2)
               for a, b in zip(moments, moments[1:]))


def check_timestamps(test, rate, sink, *options):
    source = Source("mmiovidsrc device={file} frame-sync=counter", rate,
                    "painter", f"--rate {rate} --slots 3")
    result = test.run(source, sink, *options)
    check_accounting(source, result)
    painted = test.painted()
    unsteady = count_unsteady(painted, rate, result)
    errors = [min((frame.time - moment for moment in painted[frame.number]),
                  key=abs, default=sys.maxsize) for frame in result.frames]
    far = [error for error in errors if abs(error) > CLOSE]
    said = (f"{len(far)} of {len(errors)} timestamps are more than "
            f"{CLOSE // MS} ms off (worst {max(map(abs, errors)) / MS:.2f} ms), "
            f"{result.missed} frames missed; the painter was early or late "
            f"{unsteady} times; {result.machine()}; missed: "
            f"{result.gaps() or 'none'}")
    test.comment(said)
    result.expect_keeps_up(most_idle=True)
    if unsteady * SHARE > len(errors):
        raise Skip(f"only counted, not judged by time: {said}")
    expect(len(far) <= share(len(errors)) + unsteady
           + result.late * len(errors) // result.wakes, said)
    total = result.frames[-1].offset + 1
    expect(result.missed <= share(total) + result.lost, said)


def check_latency(test, source, mode, sink, bound):
    if mode == "dmabuf" and not os.access("/dev/udmabuf", os.R_OK | os.W_OK):
        raise Skip("/dev/udmabuf cannot be opened: modprobe udmabuf")
    source = source._replace(text=source.text.replace(
        "mmiovidsrc", f"mmiovidsrc io-mode={mode}"))
    result = test.run(source, sink, seconds=3)
    check_offsets(result)
    check_statistics(result)
    result.expect_keeps_up()
    check_age(test, result, bound)
    # It is the time that a copy takes, and the device writes the next frame
    # meanwhile
    least = sorted(sent.min for sent in result.sent)[len(result.sent) // 2]
    expect(least <= 500 * MS // source.rate,
           f"the least latency is {least / MS:.2f} ms, more than half a period")


def checks():
    for (name, source), sink in itertools.product(SOURCES.items(), SINKS):
        yield (f"arrival: {name} ! {sink}",
               lambda test, a=source, b=sink: check_arrival(test, a, b))
    for name in ("counter at 60 Hz", "counter of the painter at 240 Hz"):
        yield (f"arrival: {name} ! fakesink sync=true, LATENCY messages are "
               "ignored", lambda test, a=SOURCES[name]: check_arrival(
                   test, a, "fakesink sync=true", "--ignore-latency"))

    for name, source in SOURCES.items():
        if is_counted(source):
            yield (f"slow sink: {name}, three periods a frame",
                   lambda test, a=source: check_slow(test, a))

    for (name, sink), rate in itertools.product(SLOW_SINKS.items(), (60, 240)):
        yield (f"timestamps: counter at {rate} Hz, {LATENCY} ms by {name}",
               lambda test, a=rate, b=sink: check_timestamps(test, a, *b))

    for (name, source), mode, (sink, bound) in itertools.product(
            SOURCES.items(), ("copy", "mmap", "dmabuf"),
            (("fakesink sync=false", "min"), ("fakesink sync=true", "max"))):
        if source.rate == 60:
            yield (f"latency: {name}, io-mode={mode} ! {sink}, at most {bound}",
                   lambda test, a=source, b=mode, c=sink, d=bound:
                   check_latency(test, a, b, c, d))


def main():
    runner, painter, *pattern = sys.argv[1:]
    chosen = [(name, function) for name, function in checks()
              if not pattern or re.search(pattern[0], name)]
    failed = 0
    print(f"1..{len(chosen)}", flush=True)
    with Display() as display, tempfile.TemporaryDirectory() as directory:
        test = Test(runner, painter, display, directory)
        for number, (name, function) in enumerate(chosen, 1):
            try:
                function(test)
                print(f"ok {number} - {name}", flush=True)
            except Skip as why:
                print(f"ok {number} - {name} # SKIP {why}", flush=True)
            except (Failure, subprocess.TimeoutExpired) as why:
                failed += 1
                print(f"not ok {number} - {name}: {' '.join(str(why).split())}")
    return 1 if failed else 0


sys.exit(main())
