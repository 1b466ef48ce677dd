# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ways in which the guest is booted."""

import dataclasses

from arch import AMD64, ARM64, Arch

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
# Devices that interrupt: by MSI-X when the host rings; one that has INTx and
# MSI, and one that has INTx only, when a register of theirs is written
_INTERRUPTS = ["-device",
               "ivshmem-doorbell,chardev=doorbell,vectors=2,addr=16.0",
               "-device", "edu,addr=17.0",
               "-device", "e1000,addr=18.0,romfile="]
# Where devices are plugged in and out.  A port has a BAR of its own.
_PORT = ["-device", "pcie-root-port,id=socket,addr=19.0,chassis=1"]

# A device that can have virtual functions (SR-IOV), each with a vector of MSI-X,
# whose table is what there is to see of them; no driver shall take it
_VIRTUAL = ["-device", "pcie-root-port,id=root,addr=1a.0,chassis=2",
            "-device", "nvme-subsys,id=subsystem",
            "-device", "nvme,serial=virtual,bus=root,subsys=subsystem,"
            "sriov_max_vfs=2,sriov_vq_flexible=4,sriov_vi_flexible=2,"
            "max_ioqpairs=6,msix_qsize=3"]


_IOMMU = ["-machine", "kernel-irqchip=split",
          "-device", "intel-iommu,intremap=on"]

# Whether one device may read the memory of another is judged by the CPU: with
# AMD's, as all else runs on, it always may; with this one only below a switch
_INTEL = "Skylake-Client"


def _gpu(place):
    """A display that takes dma-bufs."""
    return ["-device", f"virtio-gpu-pci,id=display,blob=true,{place}"]


@dataclasses.dataclass(frozen=True)
class Boot:
    """append: further words for the kernel's command line
    devices: further QEMU arguments
    bars: name -> size of the memory backends that `devices` refers to
    doorbells: name -> size and vectors of the ivshmem servers that `devices`
    refers to
    arch: of the guest
    cpu: QEMU's name of the CPU; None: the usual one of the architecture
    shared: the guest's memory is a memfd, and QEMU finds a /dev/udmabuf; a
    virtio-gpu with blob=true asks for both"""
    append: str
    devices: list
    bars: dict
    doorbells: dict = dataclasses.field(default_factory=dict)
    arch: Arch = AMD64
    cpu: str | None = None
    shared: bool = False

    @property
    def plugs(self):
        """Whether devices come and go."""
        return _PORT[-1] in self.devices


_BARS = {"large": 16 << 20, "small": 1 << 20}
_LARGE = {"large": 16 << 20}
# Of devices that are plugged in later; QEMU gives none to a second one
_PLUGGED = {f"plugged{n}": 1 << 20 for n in range(4)}
# ... so that of these each one gets its own backend, see hotplug.py
_SOCKET = {"one": 1 << 20, "other": 1 << 20}

# Without a text console, which would be shown by a dma-buf as well: the checks count
# imports
_ZERO_COPY = "intel_iommu=on iommu=pt drm_kms_helper.fbdev_emulation=0"

BOOTS = {
    # A kernel that lets BARs be mapped although a driver holds them, and the
    # text console on bochs-display
    "relaxed": Boot(
        "iomem=relaxed vt.global_cursor_default=0 module_blacklist=nvme",
        _DISPLAY + _IVSHMEM + _NETWORK + _TRAPPED
        + ["-device", "virtio-gpu-pci,id=display,addr=13.0"] + _PORT,
        {**_BARS, **_PLUGGED}),
    # A kernel as people boot it, with an IOMMU, so that vfio-pci can put a
    # device to sleep
    "strict": Boot(
        "intel_iommu=on iommu=pt module_blacklist=nvme",
        _IOMMU + _DISPLAY + _IVSHMEM + _NETWORK + _INTERRUPTS + _PORT
        + _VIRTUAL,
        {**_BARS, **_SOCKET}, {"doorbell": (1 << 20, 2)}),
    # A display that can read a BAR, on a machine that lets it; locked down, as
    # with Secure Boot
    "zerocopy": Boot(
        f"{_ZERO_COPY} lockdown=integrity",
        _IOMMU + ["-device", "ivshmem-plain,memdev=large,addr=11.0"]
        + _gpu("addr=13.0"),
        _LARGE, shared=True),
    # The same on a machine that lets it because both are behind one switch
    "switch": Boot(
        _ZERO_COPY,
        _IOMMU + ["-device", "pcie-root-port,id=root,addr=10.0,chassis=1",
                  "-device", "x3130-upstream,id=switch,bus=root",
                  "-device", "xio3130-downstream,id=left,bus=switch,chassis=2",
                  "-device", "xio3130-downstream,id=right,bus=switch,chassis=3",
                  "-device", "ivshmem-plain,memdev=large,bus=left"]
        + _gpu("bus=right"),
        _LARGE, cpu=_INTEL, shared=True),
    # ... and on one that does not
    "noswitch": Boot(
        _ZERO_COPY,
        _IOMMU + ["-device", "ivshmem-plain,memdev=large,addr=11.0"]
        + _gpu("addr=13.0"),
        _LARGE, cpu=_INTEL, shared=True),
    # Another CPU, with its own kinds of maps and loads, and another IOMMU.  Without
    # ACS the port shares the IOMMU group of the device behind it, and loses its
    # interrupts when vfio takes that group.  Linux before 6.15 enables ACS too late
    # where a device tree describes the machine.
    "arm64": Boot(
        "module_blacklist=nvme pci=config_acs=11101@0000:00:19.0",
        _IVSHMEM + _TRAPPED + _PORT,
        {**_BARS, **_SOCKET}, arch=ARM64),
}
