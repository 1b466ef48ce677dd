# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ways in which the guest is booted."""

import dataclasses

# The slots are named in bench.py
_DISPLAY = ["-device", "bochs-display,id=console,addr=10.0"]
_IVSHMEM = ["-device", "ivshmem-plain,memdev=large,addr=11.0",
            "-device", "ivshmem-plain,memdev=small,addr=12.0"]
# Has what the others have not: I/O ports, power management, a driver that
# holds its BARs
_NETWORK = ["-device", "e1000e,addr=14.0,romfile="]
# A BAR that is no memory of the guest's: QEMU answers each access to it, and
# can tell of each.  It is where a disk may have its queues; no driver shall.
_TRAPPED = ["-device",
            "nvme,serial=trapped,addr=15.0,cmb_size_mb=1,legacy-cmb=on"]


@dataclasses.dataclass(frozen=True)
class Boot:
    append: str
    devices: list
    bars: dict


_BARS = {"large": 16 << 20, "small": 1 << 20}

BOOTS = {
    # A kernel that lets BARs be mapped although a driver holds them, and the
    # text console on bochs-display
    "relaxed": Boot(
        "iomem=relaxed vt.global_cursor_default=0 module_blacklist=nvme",
        _DISPLAY + _IVSHMEM + _NETWORK + _TRAPPED
        + ["-device", "virtio-gpu-pci,id=display,addr=13.0"],
        _BARS),
    # A kernel as people boot it, with an IOMMU, so that vfio-pci can put a
    # device to sleep
    "strict": Boot(
        "intel_iommu=on iommu=pt",
        ["-machine", "kernel-irqchip=split",
         "-device", "intel-iommu,intremap=on"]
        + _DISPLAY + _IVSHMEM + _NETWORK,
        _BARS),
}
