# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a process holds of a device, or at all: descriptors, maps, threads."""

import collections
import dataclasses
import re

from bench import expect

_HELD = r"vfio|/resource|/uio"


def _links(bench, pid):
    """What its descriptors are of."""
    # One that is closed meanwhile is an error of ls
    links = bench.guest.must(f"test -d /proc/{pid}/fd && "
                             f"ls -l /proc/{pid}/fd 2>/dev/null; "
                             f"test -d /proc/{pid}/fd")
    links = re.findall(r" -> (.*)$", links, re.MULTILINE)
    expect(links, f"process {pid} has no descriptors")
    return links


def device_maps(bench, pid):
    """Lines of its maps that are a device's."""
    maps = bench.guest.must(f"cat /proc/{pid}/maps").splitlines()
    return [line for line in maps if re.search(_HELD, line)]


def device_fds(bench, pid):
    return [link for link in _links(bench, pid) if re.search(_HELD, link)]


def expect_let_go(bench, watch):
    """Its process has nothing of the device, while the pipeline is kept."""
    pid = watch.pid()

    def problem():
        held = device_maps(bench, pid) + device_fds(bench, pid)
        return "\n".join(held) or None
    watch.until(problem)


def has_thread(bench, watch, name):
    # One that ends meanwhile is an error of cat
    process = f"/proc/{watch.pid()}"
    names = bench.guest.must(f"cat {process}/task/*/comm 2>/dev/null; "
                             f"test -d {process}")
    return name in names.splitlines()


@dataclasses.dataclass
class Holdings:
    """What a process holds: descriptors, threads, maps of devices, all maps."""
    fds: collections.Counter
    threads: int
    device_maps: int
    maps: int

    @classmethod
    def of(cls, bench, watch):
        pid = watch.pid()
        threads, maps = bench.guest.must(
            f"ls /proc/{pid}/task | wc -l; wc -l </proc/{pid}/maps").split()
        # Sockets differ by their numbers
        fds = (re.sub(r":\[\d+\]", "", link) for link in _links(bench, pid))
        return cls(collections.Counter(fds), int(threads),
                   len(device_maps(bench, pid)), int(maps))

    def __str__(self):
        return (f"{self.fds.total()} descriptors, {self.threads} threads, "
                f"{self.device_maps} of {self.maps} maps of devices")

    def left_behind(self, before, cycles):
        """What is more than it was so many times ago, or None."""
        more = {kind: f"{n - before.fds[kind]} more" for kind, n
                in self.fds.items() if n > before.fds[kind]}
        if self.threads > before.threads:
            more["threads"] = f"{self.threads - before.threads} more"
        if self.device_maps > before.device_maps:
            more["maps of devices"] = f"{self.device_maps}"
        # Memory allocators map and unmap, but not one for each time
        if self.maps >= before.maps + cycles / 2:
            more["maps"] = f"{self.maps - before.maps} more"
        return more or None
