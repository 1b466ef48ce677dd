# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the guest's kernel did meanwhile, counted by probes in it: who imported
a dma-buf, and whether a CPU read a BAR."""

import contextlib
import itertools
import re

from bench import expect

_TRACING = "/sys/kernel/tracing"
_GROUP = "mmiovid"
_numbers = itertools.count(1)

# Lines of a trace: "  comm-pid  [cpu] flags time: name: (address) fields"
_LINE = re.compile(r"^\s*(.*)-(\d+)\s+\[\d+\] .*? [\d.]+: (\w+): \(.*?\) ?(.*)$")


class Event:
    """A call in the guest's kernel: the probe's name, who called, and what the
    probe was told to fetch, as numbers."""

    def __init__(self, probe, program, process, fields):
        self.probe, self.program, self.process = probe, program, process
        self.fields = fields

    def __repr__(self):
        words = " ".join(f"{key}={value}" for key, value in self.fields.items())
        return f"{self.probe} by {self.program}-{self.process} {words}"


def _parse(text):
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        found = _LINE.match(line)
        expect(found, f"this is no line of a trace: {line}")
        fields = {key: int(value, 0) for key, value in
                  (word.split("=", 1) for word in found[4].split())}
        yield Event(found[3], found[1].strip(), int(found[2]), fields)


@contextlib.contextmanager
def _probing(bench, probes):
    """probes: name -> where in the kernel, and what to fetch there.  Gives a
    list, which the end fills with events."""
    events = []
    # An instance for itself: nothing else is in its buffer
    group = f"{_GROUP}{next(_numbers)}"
    instance = f"{_TRACING}/instances/{group}"
    run = bench.guest.must
    run(f"mountpoint -q {_TRACING} || mount -t tracefs tracefs {_TRACING}; "
        f"mkdir {instance} && echo 4096 >{instance}/buffer_size_kb")
    try:
        for name, (kind, probe) in probes.items():
            run(f"echo '{kind}:{group}/{name} {probe}' "
                f">>{_TRACING}/kprobe_events")
        run(f"echo 1 >{instance}/events/{group}/enable")
        yield events
        run(f"echo 0 >{instance}/events/{group}/enable")
        lost = run(f"cat {instance}/per_cpu/cpu*/stats | "
                   "grep -E 'overrun|dropped'; "
                   # hits and misses of each probe, the latter nowhere else
                   f"grep {group}/ {_TRACING}/kprobe_profile || true")
        events += _parse(run(f"cat {instance}/trace"))
        for line in lost.splitlines():
            expect(re.search(r"(: 0|\s0)$", line), f"events were lost: {lost}")
    finally:
        run(f"echo 0 >{instance}/events/{group}/enable; rmdir {instance}; "
            + "".join(f"echo '-:{group}/{name}' >>{_TRACING}/kprobe_events; "
                      for name in probes))


def counting_reads(bench):
    """Of BARs by the CPU, through vfio.  A page of vfio's map has no entry in
    the page table until it is touched, so the first touch of a map is a fault,
    and no fault means that nobody read.  It must begin before the map does.
    read() on vfio's file goes another way, which is counted too."""
    # The module has both, and need not be loaded yet
    bench.guest.must("modprobe vfio-pci")
    return _probing(bench, {
        "fault": ("p", "vfio_pci_core:vfio_pci_mmap_huge_fault"),
        "read": ("p", "vfio_pci_core:vfio_pci_bar_rw")})


def counting_maps(bench):
    """Counts maps of physical memory, as sysfs makes them.  An event has the
    number of the first page, and the attributes for the page table."""
    return _probing(bench, {
        "map": ("p", "remap_pfn_range page=$arg3 prot=$arg5")})


def counting_imports(bench):
    """Of dma-bufs by DRM drivers: one event a call, whose fields are the
    dma-buf's descriptor, the file that the DRM node was opened as (a number
    that may come back when that is closed), and what came of it (0, or less for
    an error)."""
    return _probing(bench, {
        "import": ("r", "drm:drm_gem_prime_fd_to_handle node=$arg2 "
                   "fd=$arg3:s32 result=$retval:s32")})
