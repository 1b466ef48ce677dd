# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a check works with: a guest and the usual things to do to it."""

import os
import re
import time

from tap import Failure

# Slots that checks refer to; boots.py plugs the devices in there
CONSOLE = "0000:00:10.0"
IVSHMEM = "0000:00:11.0"
IVSHMEM_SMALL = "0000:00:12.0"
NETWORK = "0000:00:14.0"
TRAPPED = "0000:00:15.0"
DOORBELL = "0000:00:16.0"
EDU = "0000:00:17.0"
E1000 = "0000:00:18.0"
# ... below the port
PORT = "0000:01:00.0"
# ... below another one: what has virtual functions, and the first of these
PHYSICAL = "0000:02:00.0"
VIRTUAL = "0000:02:00.1"
# ... below the switch
IVSHMEM_SWITCHED = "0000:03:00.0"

NOBODY = "setpriv --reuid=nobody --regid=nogroup --clear-groups "
# The same in the group whose rules people have
VIDEO = "setpriv --reuid=nobody --regid=nogroup --groups=video "

_checks = []


def check(boots, name):
    """Registers a function as a check in the guest that was booted so.
    boots: names of boots, with spaces between them"""
    def register(function):
        _checks.append((boots.split(), name, function))
        return function
    return register


def checks(boot, pattern):
    return [(name, function) for boots, name, function in _checks
            if boot in boots and re.search(pattern, name)]


def expect(condition, what):
    if not condition:
        raise Failure(what)


class Bench:
    def __init__(self, guest, comment):
        self.guest, self.comment = guest, comment

    def paint(self, bar, data, offset=0):
        """Writes into a device's memory, from outside of the guest."""
        self.guest.bars[bar].write(data, offset)

    def capture(self, source, caps="", frames=1, nobody=False, user=""):
        """Bytes that come out of mmiovidsrc with these properties.  user: what
        a command begins with that somebody else runs."""
        # Not straight into the shared directory: that file system wants to
        # pin the pages it is given, and a BAR mapped by io-mode=mmap has none
        command = (f"rm -f /tmp/capture; {NOBODY if nobody else user}"
                   "gst-launch-1.0 -q mmiovidsrc "
                   f"num-buffers={frames} {source} ! "
                   f"{caps + ' ! ' if caps else ''}"
                   "filesink location=/tmp/capture && "
                   "mv /tmp/capture /mnt/out/capture")
        job = self.guest.run(command)
        expect(job.status == 0, job.describe())
        path = self.guest.path("out/capture")
        with open(path, "rb") as file:
            data = file.read()
        os.unlink(path)
        return data

    def error(self, source, nobody=False):
        """The sentence with which mmiovidsrc gives up."""
        job = self.guest.run(f"{NOBODY if nobody else ''}gst-launch-1.0 "
                             f"mmiovidsrc num-buffers=1 {source} ! fakesink")
        # 255 is gst-launch's way to say that the pipeline does not start; a
        # crash would be 128 and the signal
        expect(job.status in (1, 255),
               f"no error, or a crash\n{job.describe()}")
        found = re.search(r"^ERROR: from element [^ ]*GstMmioVidSrc:[^ ]+: "
                          r"(.*)$", job.output(), re.MULTILINE)
        expect(found, f"no error of mmiovidsrc\n{job.describe()}")
        return found[1]

    def follow_advice(self, message):
        """Types what an error message says to type, after "with:"."""
        found = re.search(r"with: (.*?)(?: \(or .*)?$", message)
        expect(found, f"no command in: {message}")
        self.guest.must("set -o pipefail; "
                        + found[1].replace("sudo ", "") + " >/dev/null")

    def bar_range(self, slot, bar):
        """First and last address of a BAR, as the guest's kernel has it."""
        words = self.guest.must(f"sed -n {bar + 1}p "
                                f"/sys/bus/pci/devices/{slot}/resource")
        return tuple(int(word, 16) for word in words.split()[:2])

    def until(self, problem, timeout=60, pause=0.2):
        """Calls problem() until it returns None, with this many seconds in
        between.  It fails if the answer stays the same for `timeout` seconds,
        and after five times that where it changes, which is progress on a slow
        machine."""
        began = changed = time.monotonic()
        last = None
        while (why := problem()) is not None:
            now = time.monotonic()
            if why != last:
                last, changed = why, now
            if now > min(changed + timeout, began + 5 * timeout):
                raise Failure(f"still so after {now - began:.0f} s: {why}")
            time.sleep(pause)
