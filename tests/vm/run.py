#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests the plugin in a guest with a real PCI bus, kernel and display.

Everything is emulated by QEMU; nothing of this machine is touched.  image.sh
makes the guest from Debian packages, boots.py says how it is booted, plugin.py
builds the plugin for it, check_*.py are the checks."""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys

# The order of these is the order of the checks
import check_ivshmem        # noqa: F401
import check_mapping        # noqa: F401
import check_engines        # noqa: F401
import check_transactions   # noqa: F401
import check_probe          # noqa: F401
import check_console        # noqa: F401
import check_modes          # noqa: F401
import check_discovery      # noqa: F401
import check_kms            # noqa: F401
import check_vfio           # noqa: F401
import check_interrupts    # noqa: F401
import check_arrival       # noqa: F401
import check_uio            # noqa: F401
import check_errors         # noqa: F401
import check_gone           # noqa: F401
import check_arm64          # noqa: F401
import check_virtual        # noqa: F401
import check_rules          # noqa: F401
import check_lockdown       # noqa: F401
import check_udmabuf        # noqa: F401
import check_hugepages      # noqa: F401
import check_counting       # noqa: F401
import check_zerocopy       # noqa: F401
import check_chardev        # noqa: F401
from arch import ARCHES
from bench import Bench, checks
from boots import BOOTS
from machine import BootPanic, Guest
from plugin import Plugin
from tap import Failure, Report

HERE = os.path.dirname(os.path.abspath(__file__))
BOOTS_AT_MOST = 3

# What every guest needs, and the packages that have it
PROGRAMS = {"mmdebstrap": "mmdebstrap", "mkfs.ext4": "e2fsprogs"}
PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", required=True, metavar="DIR",
                        help="keeps the guest's image between runs")
    parser.add_argument("--arch", choices=ARCHES, default="amd64",
                        metavar="ARCHITECTURE",
                        help="of the guest: amd64, the default, or arm64")
    parser.add_argument("--source", metavar="DIR",
                        default=os.path.dirname(os.path.dirname(HERE)),
                        help="source tree to test (default: this one)")
    parser.add_argument("--match", metavar="PATTERN", default="",
                        help="run only checks whose name has this pattern")
    parser.add_argument("--boot", choices=BOOTS, metavar="BOOT",
                        help="run only the checks of this boot")
    parser.add_argument("--list", action="store_true",
                        help="print the names of the checks")
    parser.add_argument("--shell", choices=BOOTS, metavar="BOOT",
                        help="boot, then run the commands that are typed; "
                        f"one of: {', '.join(BOOTS)}")
    parser.add_argument("--timeout", type=int, default=1000, metavar="SECONDS",
                        help="for each boot, each build in a guest and each "
                        "check (default: 1000)")
    options = parser.parse_args()
    options.arch = ARCHES[options.arch]
    options.boots = [name for name, boot in BOOTS.items()
                     if boot.arch == options.arch]
    for name in options.boot, options.shell:
        if name and name not in options.boots:
            parser.error(f"{name} is no boot of {options.arch.name}")
    return options


def make_image(cache, arch):
    command = [os.path.join(HERE, "image.sh"), cache, arch.name]
    with subprocess.Popen(command, stdout=subprocess.PIPE,
                          text=True) as making:
        try:
            image, _ = making.communicate()
        except BaseException:
            making.terminate()      # it has to clean up, so no kill
            raise
    if making.returncode != 0:
        bail_out("The guest's image cannot be made.")
    return image.strip()


def boot(name, image, report):
    """Boots, and once more where the kernel panics before it runs anything
    of ours: QEMU's translated CPUs can meet a breakpoint that the kernel has
    already taken back while it patches its own code (seen: "Oops: int3" in
    sched_clock_cpu, once in some hundred boots)."""
    report.comment(f"booting the guest: {name}")
    for left in reversed(range(BOOTS_AT_MOST)):
        try:
            return Guest(image, BOOTS[name], report.comment)
        except BootPanic as why:
            if not left:
                raise
            report.comment(f"the guest's kernel fell over, booting again\n{why}")


def shell(guest):
    """For a person: a line typed is a command run."""
    print("Commands run in the guest; an empty line ends it.")
    while True:
        try:
            line = input("guest# ")
        except EOFError:
            return
        if not line:
            return
        job = guest.run(line, timeout=3600)
        print(job.output(), end="")
        if job.status:
            print(f"exit {job.status}")


def run_boot(name, image, plugin, options, report):
    """All checks of one boot; where the guest does not come up, they fail."""
    pattern, patience = options.match, options.timeout
    chosen = checks(name, pattern)
    if not chosen:
        return

    def not_run():
        raise Failure("not run, see above")

    with contextlib.ExitStack() as stack:
        guest = None

        def prepare():
            nonlocal guest
            signal.alarm(patience)
            guest = stack.enter_context(boot(name, image, report))
            signal.alarm(patience)
            plugin.put_into(guest)

        def diagnose():
            return guest.log_tail() if guest else ""

        broken = report.run(f"guest: {name} boot, with the plugin", prepare,
                            diagnose)
        bench = Bench(guest, report.comment)
        for title, function in chosen:
            if broken:
                report.run(title, not_run, str)
            else:
                signal.alarm(patience)
                report.run(title, lambda f=function: f(bench), diagnose)
        signal.alarm(0)


def bail_out(why):
    print(f"Bail out! {why}", flush=True)
    sys.exit(1)


def end_by_signal(number, _):
    bail_out("Out of time." if number == signal.SIGALRM
             else f"Ended by {signal.Signals(number).name}.")


def main():
    options = arguments()
    if options.list:
        for name in options.boots:
            for title, _ in checks(name, options.match):
                print(title)
        return 0
    programs = PROGRAMS | options.arch.packages
    missing = [package for program, package in programs.items()
               if not shutil.which(program, path=PATH)]
    if missing:
        print(f"1..0 # SKIP for a guest: apt-get install {' '.join(missing)}")
        return 0

    if not os.path.exists("/proc/self/fd"):
        bail_out("QEMU shares no directory without /proc: mount it with "
                 "mount -t proc proc /proc")

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, end_by_signal)
    image = make_image(options.cache, options.arch)
    report = Report()
    plugin = Plugin(options.source, image, options.cache, options.arch,
                    report.comment)
    if options.shell:
        with boot(options.shell, image, report) as guest:
            plugin.put_into(guest)
            shell(guest)
        return 0

    for name in [options.boot] if options.boot else options.boots:
        run_boot(name, image, plugin, options, report)
    report.plan()
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
