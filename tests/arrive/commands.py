#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs every command that the documents print, as a user would type it.

Usage: commands.py BUILD [PATTERN]

BUILD is the build directory. PATTERN, a regular expression, selects commands.
Prints TAP.

Each command runs in a directory of its own that looks like the source tree,
with a virtual display, and sudo is a program that only runs its arguments. A
painted file of the same geometry takes the place of a PCI device (SUBSTITUTES).
What does not end by itself gets SIGINT SECONDS after its first frame. A command
has to end well, without an error or a critical message, and mmiovidsrc and the
sink have to have all frames of that time. Where the machine does not keep up, the
check of the frames is skipped, with the figures; where OpenGL draws them, which
is software here, some are enough.

A command that cannot run here is in NOT_RUN, with the reason. A command that is
in neither way known fails, and so does an entry that no document needs.
"""

import contextlib
import itertools
import mmap
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True

from display import Display     # noqa: E402
from document import find, program_of   # noqa: E402
from result import IDLE, SHARE, Failure, Result, Skip, expect, share   # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SECONDS = 3
# The time that a painter needs to start
START = 1
PATIENCE = 300
# What a sink logs for each frame
RENDERING = "rendering object 0x"
# What a sink reports that is too slow
SLOW = "WARNING: .*A lot of buffers are being dropped"
# OpenGL is software here, and may be too slow
GL = r"! gl\w+ "

# Of the files that take the place of devices. What is in another BAR of a real
# one is from REGISTERS on.
MEMORY = 16 << 20
REGISTERS = 4 << 20
COUNTER, INDEX = REGISTERS + 0x10, REGISTERS + 0x14
BOARD_RATE = 60
SHARED = f"mmiovid-commands-{os.getpid()}"
BOARD = f"/dev/shm/{SHARED}-board"
HEADER = f"/dev/shm/{SHARED}-header"
DRY_RUN = f"/dev/shm/{SHARED}-dry-run"

# What the documents say of a machine that the reader has, and what is here
SUBSTITUTES = [
    # A device that describes itself, in a guest or beside one
    (r"/sys/bus/pci/devices/0000:00:11\.0/resource2", HEADER),
    (r"/dev/shm/ivshmem|\b1af4:1110\b", HEADER),
    (r"(painter.*) ivshmem\b", rf"\1 {HEADER}"),
    # A board: a file has one BAR
    (r"/dev/shm/board", BOARD),
    (r"/dev/shm/dry-run", DRY_RUN),
    (r"/dev/xdma0_user", BOARD),
    (r"/sys/bus/pci/devices/0000:03:00\.0/resource0", BOARD),
    (r"mmio://0000:03:00\.0", f"mmio://{BOARD}"),
    (r"\b(0000:03:00\.0|0000:00:11\.0|10ee:7024)(?![\w/])", BOARD),
    (r"\bcounter-bar=0(\s+)counter-offset=0x10",
     rf"\1counter-offset={COUNTER:#x}"),
    (r"\bindex-bar=0(\s+)index-offset=0x14", rf"\1index-offset={INDEX:#x}"),
    (r"(?<=[ ?])bar=2[ &]|--bar 2 ", ""),
    # "and what else you need"
    (r"! \.\.\. !", "! videoconvert !"),
    (r"host=OTHER", "host=127.0.0.1"),
    # Only looks whether there is such a package
    (r"^(sudo )?apt install", "apt-get --simulate -qq install"),
]

# Patterns of commands that are not run here, and why
NOT_RUN = [
    (r"^\./check( all)?$", "runs this test"),
    (r"^\./check (analyse|fuzz|reach|style|vm-arm64)$", "a part of ./check"),
    (r"apt-get build-dep|build-usr|dpkg-buildpackage|apt-get install \.\./",
     "installs packages: .ci/installs types them in a fresh tree"),
    (r"^sudo apt-get remove ", "changes the packages of this machine"),
    (r"^ninja -C build$|^meson test -C build", "the build that is tested"),
    (r"^meson devenv -C build$", "an interactive shell"),
    (r"kmssink", "needs a display without a server: check_kms.py and "
     "check_zerocopy.py run it in the guest"),
    (r"vfio|/iommu_group$|/driver/unbind$|^echo \| sudo tee .*/driver_override$",
     "needs a PCI device: check_vfio.py runs it in the guest"),
    (r"^sudo modprobe uio_pci_generic$|^echo uio_pci_generic |"
     r"^echo 0000:03:00.0 \| sudo tee /sys/bus/pci/drivers_probe$|"
     r"/sys/class/uio",
     "needs a PCI device: check_uio.py runs it in the guest"),
    (r"^sudo (modprobe |(chgrp video|chmod g\+rw) /dev/)udmabuf$",
     "needs the kernel's udmabuf: check_udmabuf.py runs it in the guest"),
    (r"^sudo setpci|^echo on \| |^sudo cat /proc/iomem$|"
     r"^echo 1 >\.\.\./reset$",
     "changes a PCI device: the guest's checks follow the advice of errors"),
    (r"^sudo (chgrp video|chmod g\+rw?)$",
     "a part of a command, in a table"),
    (r"^sudo usermod ", "changes the users of this machine"),
    (r"^qemu-system-x86_64 \.\.\.", "needs a guest: tests/vm"),
    (r"^mmiovid-probe DEVICE", "a synopsis"),
    (r"--follow", "does not end, and reads no standard input; "
     "check_discovery.py runs it in the guest"),
    (r"arm64|^cat > arm64|gcc-aarch64", "needs a root file system of arm64"),
    (r"tests/bench/", "takes minutes, and measures"),
    (r"^lspci\b", "lists this machine's devices, nothing of ours"),
]


class Wakes:
    """Whether the machine keeps up: a thread that sleeps a period."""

    def __init__(self):
        self.lost = self.periods = 0
        self.idle = 100
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        period = 1 / BOARD_RATE
        due = time.monotonic()
        while not self._stop.is_set():
            due += period
            time.sleep(max(0, due - time.monotonic()))
            slept = int((time.monotonic() - due) / period)
            self.lost += slept
            self.periods += 1 + slept
            due += slept * period

    def __enter__(self):
        self._before = self._ticks()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        ticks = [b - a for a, b in zip(self._before, self._ticks())]
        self.idle = 100 * sum(ticks[3:5]) // max(sum(ticks), 1)

    @staticmethod
    def _ticks():
        """Of all processors: user, nice, system, idle, iowait, ..."""
        with open("/proc/stat") as file:
            return [int(word) for word in file.readline().split()[1:9]]

    @property
    def keeps_up(self):
        return self.lost * SHARE <= self.periods and self.idle >= IDLE

    def __str__(self):
        return (f"the machine overslept {self.lost} of {self.periods} periods, "
                f"and was idle for {self.idle} % of the time")


@contextlib.contextmanager
def board():
    """A device with three buffers and registers in a BAR of their own."""
    stop = threading.Event()

    def run(memory):
        number = 0
        due = time.monotonic()
        while not stop.is_set():
            number += 1
            memory[INDEX:INDEX + 4] = struct.pack("<I", number % 3)
            memory[COUNTER:COUNTER + 4] = struct.pack("<I", number)
            due = max(due + 1 / BOARD_RATE, time.monotonic())
            stop.wait(due - time.monotonic())

    with open(BOARD, "w+b") as file:
        file.truncate(MEMORY)
        with mmap.mmap(file.fileno(), MEMORY) as memory:
            thread = threading.Thread(target=run, args=(memory,))
            thread.start()
            try:
                yield
            finally:
                stop.set()
                thread.join()
                os.unlink(BOARD)


@contextlib.contextmanager
def header(build, paints):
    """A device that describes itself; @paints: whether somebody paints it
    already."""
    with open(HEADER, "wb") as file:
        file.truncate(MEMORY)
    painter = None
    if not paints:
        painter = subprocess.Popen(
            [os.path.join(build, "tests", "examples", "painter"), HEADER],
            stdin=subprocess.DEVNULL)
        time.sleep(0.2)
    try:
        yield
    finally:
        if painter:
            painter.terminate()
            painter.wait()
        os.unlink(HEADER)


class Place:
    """A directory that looks like the source tree after ./demo."""

    def __init__(self, build, display):
        self.build = build
        self._directory = tempfile.TemporaryDirectory()
        self.path = self._directory.name
        for name in os.listdir(TOP):
            if name not in (".git", "build"):
                os.symlink(os.path.join(TOP, name),
                           os.path.join(self.path, name))
        os.symlink(build, os.path.join(self.path, "build"))
        programs = os.path.join(self.path, "bin")
        os.mkdir(programs)
        with open(os.path.join(programs, "sudo"), "w") as sudo:
            sudo.write('#!/bin/sh\nexec "$@"\n')
        os.chmod(os.path.join(programs, "sudo"), 0o755)
        self.log = os.path.join(self.path, "gst.log")
        self.env = {
            **display.environment(),
            "PATH": f"{programs}:{os.path.join(build, 'src')}:"
                    f"{os.environ['PATH']}",
            "GST_DEBUG": "mmiovidsrc:4,basesink:5",
            "GST_DEBUG_FILE": self.log,
            "GST_DEBUG_NO_COLOR": "1",
            # The software renderer of OpenGL shows few frames a second
            "GST_PLUGIN_FEATURE_RANK": "ximagesink:300",
            "USER": os.environ.get("USER", "root"),
        }

    def close(self):
        self._directory.cleanup()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(DRY_RUN)


def substitute(text):
    for pattern, replacement in SUBSTITUTES:
        text = re.sub(pattern, replacement, text)
    return text


def is_endless(text):
    program = program_of(text)
    return (program in ("./demo", "gst-launch-1.0", "gst-play-1.0") or
            "stats.py" in text) and "num-buffers=" not in text


class Run:
    """A command that is running."""

    def __init__(self, place, text):
        self.text = text
        self.log = place.log
        self.output = tempfile.TemporaryFile("w+")
        self._keyboard, keyboard = os.openpty()
        self.process = subprocess.Popen(
            ["bash", "-c", text], cwd=place.path, env=place.env,
            stdin=keyboard, stdout=self.output, stderr=self.output,
            start_new_session=True)
        os.close(keyboard)

    def has_begun(self):
        """Whether there is a frame, or there will be none."""
        with contextlib.suppress(FileNotFoundError):
            with open(self.log, errors="replace") as log:
                if RENDERING in log.read():
                    return True
        return self.process.poll() is not None

    def finish(self):
        """Its status, once it has ended, or was told to."""
        if is_endless(self.text):
            end = time.monotonic() + PATIENCE
            while not self.has_begun() and time.monotonic() < end:
                time.sleep(0.05)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(SECONDS)
            self.stop()
        return self.process.wait(PATIENCE)

    def stop(self):
        """As its user does."""
        if program_of(self.text) == "gst-play-1.0":
            os.write(self._keyboard, b"q")
        else:
            # The last command of bash takes its place, so it is for that
            self.process.send_signal(signal.SIGINT)

    def said(self):
        self.output.seek(0)
        return self.output.read()

    def kill(self):
        """Whatever it has left in the background."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()
        self.output.close()
        os.close(self._keyboard)


def check_log(text, path, wakes):
    """All frames of the time have been sent and shown."""
    with open(path, errors="replace") as file:
        log = file.read()
    stats = re.findall(r"stopped: mmiovidsrc-stats, frames=\(guint64\)(\d+), "
                       r"missed=\(guint64\)(\d+)", log)
    shown = len(re.findall(RENDERING, log))
    dropped = len(re.findall("buffer late, dropping", log))
    allowed = wakes.lost + 1

    said = f"{shown} shown, {dropped} dropped by the sink; {wakes}"
    sent = shown
    if "mmiovidsrc" in text or "mmio://" in text:
        expect(stats, "mmiovidsrc has not told of its frames")
        sent, missed = (sum(map(int, column)) for column in zip(*stats))
        said = f"{sent} frames, {missed} missed, {said}"
    if re.search(GL, text):
        expect(sent > 0 and shown > 0, said)
        return said
    if not wakes.keeps_up:
        raise Skip(f"run, not judged by time: {said}")
    if stats:
        expect(missed <= share(sent + missed) + allowed, said)
    if is_endless(text):
        rate = 25 if "framerate=25/1" in text else 50
        expect(sent >= SECONDS * rate * 9 // 10 - allowed, said)
    if re.search("videosink|imagesink|gst-play|playbin", text):
        # One is on its way
        expect(shown + dropped >= sent - allowed, said)
    expect(dropped <= share(shown) + allowed, said)
    return said


def check_received(run, wakes):
    """The frames of the simulated device that came through a network are
    whole, as the numbers in their rows tell."""
    result = Result(run.said())
    whole = sum(frame.number >= 0 for frame in result.frames)
    said = f"{len(result.frames)} frames arrived, {whole} are whole; {wakes}"
    if not wakes.keeps_up:
        raise Skip(f"run, not judged by time: {said}")
    # Some are read while the device paints
    expect(whole >= len(result.frames) * 9 // 10, said)
    expect(SECONDS * 25 * 9 // 10 - wakes.lost <= whole
           <= (SECONDS + START + 1) * 25, said)
    return said


def check_output(command, run, status, wakes):
    said = run.said()
    expect(status == 0, f"status {status}\n{said}")
    may_be_slow = not wakes.keeps_up or re.search(GL, run.text)
    wrong = [line for line in said.splitlines()
             if re.search(r"\b(ERROR|CRITICAL|WARNING|Bail)\b|error:", line)
             and not (may_be_slow and re.search(SLOW, line))]
    expect(not wrong, said)
    if "mmiovid-probe" in command.text and BOARD in run.text:
        expect("Best: gst-launch-1.0 mmiovidsrc" in said, said)


def run_painter(place, command, runs):
    """It paints for the commands after it, in a terminal of its own if it is
    not in the background."""
    run = Run(place, substitute(command.text).rstrip(" &"))
    runs.append(run)
    time.sleep(START)
    status = run.process.poll()
    expect(status is None, f"status {status}: {run.said()}")


def run_pair(place, command, sender, runs):
    """Runs both ends of a network on this machine."""
    with Wakes() as wakes:
        sending = Run(place, substitute(sender.text).replace(BOARD, "sim"))
        runs.append(sending)
        receiver = Run(place, substitute(command.text).replace(
            "gst-launch-1.0", f"{place.build}/tests/arrive/arrive "
            f"--seconds={SECONDS + START} --pixels=sim"))
        runs.append(receiver)
        status = receiver.process.wait(PATIENCE)
        sending.stop()
        sending.process.wait(PATIENCE)
    check_output(command, receiver, status, wakes)
    return check_received(receiver, wakes)


def run_one(place, command, sender, runs):
    """Runs a command; @sender: the other end, for one that receives."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(place.log)
    if program_of(command.text) == "./painter":
        return run_painter(place, command, runs)
    if (re.fullmatch(r"(sudo )?mmiovid-probe", command.text)
            and not os.path.isdir("/sys/bus/pci")):
        raise Skip("no PCI bus: try where there is a /sys/bus/pci")
    if sender:
        return run_pair(place, command, sender, runs)

    with Wakes() as wakes:
        run = Run(place, substitute(command.text))
        runs.append(run)
        status = run.finish()
    check_output(command, run, status, wakes)
    if program_of(run.text) in ("gst-launch-1.0", "gst-play-1.0"):
        return check_log(run.text, place.log, wakes)
    best = re.search(r"^Best: (.*)$", run.said(), re.MULTILINE)
    if best:
        return run_one(place, command._replace(text=best[1]), None, runs)
    return None


def reason(command):
    return next((why for pattern, why in NOT_RUN
                 if re.search(pattern, command.text)), None)


def sender_of(command, commands):
    """What is typed on the other machine: the command before it."""
    if "udpsrc" not in command.text:
        return None
    at = commands.index(command)
    return next(other for other in reversed(commands[:at])
                if "udpsink" in other.text)


class Report:
    def __init__(self, total):
        self.failed = self.number = 0
        print(f"1..{total}", flush=True)

    def line(self, ok, text):
        self.number += 1
        self.failed += not ok
        print(f"{'ok' if ok else 'not ok'} {self.number} - {text}", flush=True)

    def comment(self, text):
        print(re.sub("^", "# ", text.rstrip(), flags=re.MULTILINE), flush=True)


def in_one_line(text):
    return re.sub(r"\s*\\?\n\s*", " ", text).replace("#", "\\#")


def run_block(place, block, commands, report):
    """Commands that are typed one after the other."""
    runs = []
    paints = any(program_of(command.text) == "./painter" for command in block)
    try:
        with board(), header(place.build, paints):
            for command in block:
                name = f"{command.place}: {in_one_line(command.text)}"
                try:
                    said = run_one(place, command,
                                   sender_of(command, commands), runs)
                    if said:
                        report.comment(said)
                    report.line(True, name)
                except Skip as why:
                    report.line(True, f"{name} # SKIP {why}")
                except (Failure, subprocess.TimeoutExpired) as why:
                    report.line(False,
                                f"{name}: {' '.join(str(why).split())}")
    finally:
        for run in runs:
            run.kill()


def main():
    build = os.path.abspath(sys.argv[1])
    pattern = sys.argv[2] if len(sys.argv) > 2 else ""
    commands = list(find(TOP))
    chosen = [command for command in commands if not reason(command)
              and re.search(pattern, command.place + " " + command.text)]
    report = Report(len(chosen) + len(NOT_RUN))

    with Display() as display:
        # What a document has made is there until its end
        for _, of_document in itertools.groupby(
                chosen, lambda command: command.place.rpartition(":")[0]):
            place = Place(build, display)
            try:
                for _, block in itertools.groupby(
                        of_document, lambda command: command.block):
                    run_block(place, list(block), commands, report)
            finally:
                place.close()

    for entry, why in NOT_RUN:
        known = [command for command in commands
                 if re.search(entry, command.text)]
        report.line(bool(known), f"not run: {in_one_line(entry)}: {why}")
        report.comment("\n".join(f"{c.place}: {in_one_line(c.text)}"
                                 for c in known) or "no document prints it")
    return 1 if report.failed else 0


sys.exit(main())
