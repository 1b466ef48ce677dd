# SPDX-License-Identifier: LGPL-2.1-or-later
"""The architectures of the guest.  All are emulated."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Arch:
    """name: Debian's name
    qemu: QEMU's program
    machine: QEMU's arguments for the machine
    cpu: QEMU's name of the default CPU
    console: the kernel's name of the serial console
    packages: programs that this guest needs on the host -> Debian packages
    compiler: the host's compiler for it
    virtio: properties of the disk, the shared directory and the channel"""
    name: str
    qemu: str
    machine: list
    cpu: str
    console: str
    packages: dict
    compiler: str
    virtio: str = ""


# What builds the plugin besides the compiler
_BUILD = {"meson": "meson", "ninja": "ninja-build", "pkg-config": "pkgconf",
          "orcc": "liborc-0.4-dev-bin"}

AMD64 = Arch("amd64", "qemu-system-x86_64", ["-machine", "q35"], "EPYC",
             "ttyS0",
             {"qemu-system-x86_64": "qemu-system-x86",
              "x86_64-linux-gnu-gcc": "gcc", **_BUILD},
             compiler="x86_64-linux-gnu-gcc")

# vfio demands isolated interrupts: the ITS of GICv3 isolates them.  The devices that
# the guest runs on have wired ones: with MSI-X the shared directory stood still once
# (QEMU 7.2, on a busy host).
ARM64 = Arch("arm64", "qemu-system-aarch64",
             ["-machine", "virt,gic-version=3,iommu=smmuv3"], "cortex-a72",
             "ttyAMA0",
             {"qemu-system-aarch64": "qemu-system-arm",
              "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu", **_BUILD,
              "cpio": "cpio", "modprobe": "kmod", "xz": "xz-utils"},
             compiler="aarch64-linux-gnu-gcc", virtio=",vectors=0")

ARCHES = {arch.name: arch for arch in (AMD64, ARM64)}
