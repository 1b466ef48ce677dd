#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures what a frame costs the CPU, beside what others take for it.

Each group of cases is measured in rounds in which every case has its turn, so
that whatever else the machine does meets all of them. What counts are the
ratios within a round, of which the median is taken; the times are good for
nothing on any other machine, nor on this one tomorrow.
"""

import argparse
import collections
import json
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

import plot

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = 4096
# Frames that a program reads at a stretch, the same before it is counted, and
# what a pipeline gets
FRAMES, PIPELINE_WARM_UP, PIPELINE_FRAMES = 4, 8, 24
# A pipeline takes a second of its own, most of it to start
ROUNDS_PER_PIPELINE_ROUND = 4
FPS = 50
FREE, PACED = "pipelines, as fast as they go", f"pipelines, at {FPS} frames/s"
FREE_BGRX, PACED_BGRX = FREE + ", to BGRx", PACED + ", to BGRx"


class Group:
    """Cases that were measured together; the first is what others are
    compared with."""

    def __init__(self):
        self.rounds = collections.OrderedDict()
        self.instructions = {}

    def add(self, name, round_, nanoseconds):
        self.rounds.setdefault(name, {})[round_] = nanoseconds

    def names(self):
        return list(self.rounds)

    def time(self, name):
        return statistics.median(self.rounds[name].values())

    def ratio(self, name, other=None):
        """How many times as much as another; with the quartiles."""
        ours, theirs = self.rounds[name], self.rounds[other or self.names()[0]]
        ratios = sorted(ours[r] / theirs[r] for r in ours if r in theirs)
        n = len(ratios)
        return statistics.median(ratios), ratios[n // 4], ratios[n - 1 - n // 4]


class Size:
    def __init__(self, text):
        match = re.fullmatch(r"(\d+)x(\d+)", text)
        if not match:
            raise argparse.ArgumentTypeError(f"{text} is not WIDTHxHEIGHT")
        self.width, self.height = int(match.group(1)), int(match.group(2))
        if self.width % 64 or not 0 < self.width <= 5440 or self.height < 64:
            raise argparse.ArgumentTypeError(
                "the width is a multiple of 64, 5440 at most; the height is 64 or more")
        self.bytes = self.width * self.height * 3

    def __str__(self):
        return f"{self.width}x{self.height}"


def write_pictures(directory, size):
    """Noise, all of it inverted, a box of it inverted; and what the others
    read: one frame, and a film of as many as they are asked for."""
    noise = random.Random(1).randbytes(size.bytes)
    invert = bytes(255 - i for i in range(256))
    box = bytearray(noise)
    for y in range((size.height - 64) // 2, (size.height + 64) // 2):
        start = (y * size.width + (size.width - 64) // 2) * 3
        box[start:start + 192] = noise[start:start + 192].translate(invert)

    paths = {name: os.path.join(directory, name)
             for name in ("pictures", "frame", "film")}
    with open(paths["pictures"], "wb") as file:
        for picture in noise, noise.translate(invert), box:
            file.write(picture)
            file.write(bytes(-size.bytes % PAGE))
    with open(paths["frame"], "wb") as file:
        file.write(noise)
    with open(paths["film"], "wb") as file:
        for _ in range(PIPELINE_WARM_UP + PIPELINE_FRAMES):
            file.write(noise)
    return paths


def run(command, env=None):
    return subprocess.run(command, capture_output=True, text=True, env=env)


def measure_library(groups, program, pictures, size, rounds):
    """All rounds in one process: every case has the same memory."""
    print(f"{os.path.basename(program)} ...", flush=True)
    job = run([program, pictures, str(size.width), str(size.height), str(rounds),
               str(FRAMES)])
    if job.returncode != 0:
        sys.exit(f"{program}: {job.stderr}")
    for line in job.stdout.splitlines():
        round_, group, name, nanoseconds = line.split("\t")
        groups.setdefault(group, Group()).add(name, int(round_),
                                              float(nanoseconds))
        groups[group].program = program


def count_instructions(groups, pictures, size):
    """The same by callgrind: exact, but blind to what memory costs; and
    valgrind knows no AVX-512, so memcpy() takes another way there."""
    if not shutil.which("valgrind"):
        print("no instructions: install what Debian calls valgrind")
        return
    for group_name, group in groups.items():
        for name in group.names() if hasattr(group, "program") else []:
            print(f"counting: {group_name}: {name} ...", flush=True)
            job = run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                       "--toggle-collect=bench_run_frames", group.program, pictures,
                       str(size.width), str(size.height), "1", "2", group_name, name])
            found = re.search(r"Collected : (\d+)", job.stderr)
            if job.returncode == 0 and found:
                group.instructions[name] = int(found.group(1)) // 2


def pipelines(paths, size):
    """Each waits for the next frame once, or never: a live source by itself,
    another in the sink."""
    source = (f"mmiovidsrc device={paths['frame']} width={size.width} "
              f"height={size.height} io-mode=copy")
    film = f"filesrc location={paths['film']}"
    frames = f"multifilesrc location={paths['frame']} loop=true"
    parse = f"rawvideoparse format=rgb width={size.width} height={size.height}"
    convert = "videoconvert n-threads=1 ! video/x-raw,format=BGRx"
    live = "fakesink name=sink sync=false"

    for free, fps, plain, to_bgrx in ((True, 10000, FREE, FREE_BGRX),
                                      (False, FPS, PACED, PACED_BGRX)):
        rate = f"framerate={fps}/1"
        caps = (f"video/x-raw,format=RGB,width={size.width},height={size.height},"
                f"{rate}")
        sink = f"fakesink name=sink sync={'false' if free else 'true'}"
        yield plain, "mmiovidsrc", f"{source} ! {caps} ! {live}"
        yield plain, "appsrc, memcpy, pool", \
            f"appsrc name=pool caps={caps} ! {sink}"
        yield plain, "appsrc, memcpy, new buffers", \
            f"appsrc name=new caps={caps} ! {sink}"
        if free:    # it gives its buffers no timestamps to wait for
            yield plain, "multifilesrc", \
                f"{frames} caps={caps} ! {sink}"
        yield plain, "multifilesrc ! rawvideoparse", f"{frames} ! {parse} {rate} ! {sink}"
        yield plain, "filesrc ! rawvideoparse", f"{film} ! {parse} {rate} ! {sink}"
        yield to_bgrx, "mmiovidsrc ! BGRx", \
            f"{source} ! {caps.replace('RGB', 'BGRx')} ! {live}"
        yield to_bgrx, "mmiovidsrc ! RGB ! videoconvert", \
            f"{source} ! {caps} ! {convert} ! {live}"
        yield to_bgrx, "appsrc, memcpy, pool ! videoconvert", \
            f"appsrc name=pool caps={caps} ! {convert} ! {sink}"


def measure_pipelines(groups, build, paths, size, rounds, notes):
    program = os.path.join(build, "tests", "bench", "bench-pipeline")
    env = dict(os.environ, GST_PLUGIN_PATH=os.path.join(build, "gst"),
               GST_REGISTRY=os.path.join(os.path.dirname(paths["frame"]), "registry"))
    missing = set()
    for round_ in range(rounds):
        print(f"pipelines, round {round_ + 1} of {rounds} ...", flush=True)
        for group, name, text in pipelines(paths, size):
            if (group, name) in missing:
                continue
            job = run([program, paths["frame"], str(PIPELINE_WARM_UP),
                       str(PIPELINE_FRAMES), text], env)
            if job.returncode == 0:
                cpu, wall = map(float, job.stdout.split())
                if group in (PACED, PACED_BGRX) and wall < 0.8e9 / FPS:
                    sys.exit(f"{text}: does not wait, a frame every {wall / 1e6:.1f} ms")
                groups.setdefault(group, Group()).add(name, round_, cpu)
            elif name.startswith("mmiovidsrc"):
                sys.exit(f"{text}: {job.stderr}")
            else:
                missing.add((group, name))
                notes.append(f"left out of {group}: {name}: {job.stderr.strip()} (in Debian: "
                             "gstreamer1.0-plugins-base and -good)")


def goals(groups):
    """What the project wants to reach: a ratio, and its limit."""
    for group in "aligned", "unaligned":
        yield group, "auto", "memcpy", "<=", 1.10
    for group in FREE, PACED:
        for peer in groups[group].names()[1:]:
            yield group, "mmiovidsrc", peer, "<", 1
    yield "RGB to BGRx", "fused", "memcpy", "<=", 1.5
    yield "RGB to BGRx", "copy, then converter", "fused", ">=", 5
    yield (FREE_BGRX, "mmiovidsrc ! RGB ! videoconvert", "mmiovidsrc ! BGRx",
           ">=", 5)
    for group in "all changed", "a box changed", "unchanged", "unchanged, unaligned":
        yield group, "mark", "memcmp, memcpy", "<", 1
    yield "drop", "drop", "read into a buffer", "<=", 1
    yield "drop", "drop", "loads only", "<=", 1


def judge(groups):
    for group, name, other, relation, limit in goals(groups):
        ratio = groups[group].ratio(name, other)[0]
        met = {"<=": ratio <= limit, "<": ratio < limit,
               ">=": ratio >= limit}[relation]
        yield {"group": group, "case": name, "against": other,
               "ratio": round(ratio, 3), "relation": relation, "limit": limit,
               "met": met}


def print_table(groups, results, notes):
    for group_name, group in groups.items():
        print(f"\n{group_name}  (times {group.names()[0]}; quartiles; microseconds"
              f"{'; instructions' if group.instructions else ''})")
        for name in group.names():
            ratio, low, high = group.ratio(name)
            count = group.instructions.get(name)
            print(f"  {name:36} {ratio:6.2f}  {low:5.2f} - {high:5.2f}"
                  f"  {group.time(name) / 1000:8.0f}"
                  f"{f'  {count:12,}' if count else ''}")
    print("\ngoals")
    for goal in results:
        print(f"  {'met   ' if goal['met'] else 'MISSED'} {goal['group']}: "
              f"{goal['case']} / {goal['against']} = {goal['ratio']:.2f} "
              f"({goal['relation']} {goal['limit']:g})")
    for note in notes:
        print(note)


def write_markdown(path, groups, results, notes):
    with open(path, "w") as file:
        for group_name, group in groups.items():
            file.write(f"\n| {group_name} | CPU, times {group.names()[0]} | half of the "
                       "rounds |\n| --- | --- | --- |\n")
            for name in group.names():
                ratio, low, high = group.ratio(name)
                file.write(f"| {name} | {ratio:.2f} | {low:.2f} - {high:.2f} |\n")
        file.write("\n| goal | is | |\n| --- | --- | --- |\n")
        for goal in results:
            file.write(f"| {goal['group']}: {goal['case']} / {goal['against']} "
                       f"{goal['relation']} {goal['limit']:g} | {goal['ratio']:.2f} | "
                       f"{'met' if goal['met'] else '**missed**'} |\n")
        for note in notes:
            file.write(f"\n{note}\n")


def first_line(command):
    try:
        return run(command).stdout.split("\n")[0].strip()
    except OSError:
        return ""


def describe_machine():
    with open("/proc/cpuinfo") as file:
        cpuinfo = file.read()
    model = re.search(r"^model name\s*: (.*)$", cpuinfo, re.M)
    return {
        "cpu": model.group(1) if model else platform.machine(),
        "cpus": os.cpu_count(),
        "virtual": re.search(r"^flags.*\bhypervisor\b", cpuinfo, re.M) is not None,
        "load": os.getloadavg()[0],
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "gstreamer": first_line(["pkg-config", "--modversion", "gstreamer-1.0"]),
        "orc": first_line(["pkg-config", "--modversion", "orc-0.4"]),
    }


def to_json(groups, size, results, notes):
    return {
        "frame": {"width": size.width, "height": size.height, "bytes": size.bytes},
        "machine": describe_machine(),
        "groups": {
            group_name: {
                name: {
                    "ratio": group.ratio(name)[0],
                    "quartiles": group.ratio(name)[1:],
                    "nanoseconds": list(group.rounds[name].values()),
                    "instructions": group.instructions.get(name),
                } for name in group.names()
            } for group_name, group in groups.items()
        },
        "goals": results,
        "notes": notes,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", metavar="DIR",
                        default=os.environ.get("MESON_BUILD_ROOT", os.path.join(TOP, "build")),
                        help="where meson was set up (default: build)")
    parser.add_argument("--rounds", type=int, default=24, metavar="N",
                        help="how often each case has its turn (default: %(default)s; "
                        f"pipelines: a {ROUNDS_PER_PIPELINE_ROUND}th of it)")
    parser.add_argument("--size", type=Size, default=Size("1920x1080"),
                        metavar="WIDTHxHEIGHT", help="of the picture (default: %(default)s)")
    parser.add_argument("--instructions", action="store_true",
                        help="also count instructions, with callgrind: takes minutes")
    parser.add_argument("--json", metavar="FILE", help="write all that was measured")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables, for the docs")
    parser.add_argument("--plot", metavar="DIR", help="write bench-*.svg there")
    args = parser.parse_args()

    if not os.path.exists(os.path.join(args.build, "build.ninja")):
        parser.error(f"{args.build} is no build directory: meson setup {args.build}")
    # Not from within ninja, which has built them by then
    if "MESON_BUILD_ROOT" not in os.environ:
        subprocess.run(["ninja", "-C", args.build, "bench-programs"], check=True)

    groups, notes = collections.OrderedDict(), []
    # Memory that is mapped as a BAR would be; no disk
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        paths = write_pictures(directory, args.size)
        for name in "copy", "convert", "changes":
            measure_library(groups, os.path.join(args.build, "tests", "bench",
                                                 f"bench-{name}"),
                            paths["pictures"], args.size, args.rounds)
        measure_pipelines(groups, args.build, paths, args.size,
                          max(1, args.rounds // ROUNDS_PER_PIPELINE_ROUND), notes)
        if args.instructions:
            count_instructions(groups, paths["pictures"], args.size)

    results = list(judge(groups))
    print_table(groups, results, notes)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(to_json(groups, args.size, results, notes), file, indent=1)
            file.write("\n")
    if args.markdown:
        write_markdown(args.markdown, groups, results, notes)
    if args.plot:
        plot.write_all(groups, args.plot, str(args.size))


if __name__ == "__main__":
    main()
