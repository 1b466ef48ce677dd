# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manual's rules for udevd, as people install them: a plain user in the
group video gets the picture, and nobody else does."""

import contextlib
import os
import re

from bench import EDU, IVSHMEM, VIDEO, check, expect
from check_interrupts import bound
from check_uio import IDENTITY, KNOWN, NODE
from check_vfio import DEVICES, group_node, unbind
from picture import Picture, captured_rows, compare, noise
from rules import choose
from udevd import udevd

_INSTALLED = "/run/udev/rules.d/70-mmiovid.rules"
_PICTURE = Picture("RGB", 320, 240)


@contextlib.contextmanager
def _installed(bench, part, vendor, device):
    text = choose(part, vendor, device)
    with open(bench.guest.path("out/rules"), "w", encoding="utf-8") as file:
        file.write(text)
    with udevd(bench):
        bench.guest.must(f"mkdir -p {os.path.dirname(_INSTALLED)} && "
                         f"mv /mnt/out/rules {_INSTALLED} && "
                         "udevadm control --reload")
        # What the file says to type
        found = re.findall(r"^#   sudo (udevadm trigger .*)$", text,
                           re.MULTILINE)
        expect(len(found) == 1, text)
        bench.guest.must(found[0] + " && udevadm settle")
        yield


def _check_picture(bench, source, seed):
    memory = noise(_PICTURE.end(), seed)
    bench.paint("large", memory)
    data = bench.capture(f"{source} {_PICTURE.properties()}", user=VIDEO)
    compare(captured_rows(data, "RGB", 320, 240), _PICTURE.rows(memory))
    message = bench.error(f"{source} {_PICTURE.properties()}", nobody=True)
    expect("Cannot read " in message, message)


@check("strict", "rules: udevd lets the group video read a BAR by sysfs")
def by_sysfs(bench):
    with _installed(bench, "sysfs", "1af4", "1110"):
        try:
            _check_picture(bench, f"device={IVSHMEM} access=sysfs", 90)
        finally:
            bench.guest.must(f"cd {DEVICES}/{IVSHMEM} && "
                             "chown root:root resource2* && "
                             "chmod 600 resource2*")


@check("strict", "rules: udevd binds a device to vfio-pci for the group video")
def by_vfio(bench):
    with _installed(bench, "vfio", "1af4", "1110"):
        try:
            mode = bench.guest.must(f"stat -c '%G %a' {group_node(bench)}")
            expect(mode.strip() == "video 660", mode)
            _check_picture(bench, f"device={IVSHMEM} access=vfio", 91)
        finally:
            unbind(bench)
            bench.guest.must(
                f"for d in {DEVICES}/*; do grep -q vfio $d/driver_override || "
                "continue; test ! -e $d/driver || echo ${d##*/} "
                ">$d/driver/unbind; echo >$d/driver_override; done")


@check("strict", "rules: udevd lets the group video read by UIO")
def by_uio(bench):
    with _installed(bench, "UIO", "1234", "11e8"), \
            bound(bench, EDU, "uio_pci_generic"):
        bench.guest.must("udevadm settle")
        data = bench.capture(f"device={NODE} {IDENTITY}", user=VIDEO)
        expect(data == KNOWN, data.hex())
        message = bench.error(f"device={NODE} {IDENTITY}", nobody=True)
        expect(f"Cannot read {NODE}: only the group video has access; " in message,
               message)


@check("strict", "rules: by sysfs, a file that comes later than its device is "
       "waited for")
def file_is_late(bench):
    device = f"/devices/pci0000:00/{IVSHMEM}"
    # The kernel makes the real one within a moment: so udevd finds a directory
    # of ours in its place, and the kernel tells of it by another way
    with _installed(bench, "sysfs", "1af4", "1110"):
        try:
            bench.guest.must(
                "mkdir /tmp/device /tmp/sysfs && "
                f"cp -d /sys{device}/{{uevent,vendor,device,subsystem}} "
                "/tmp/device && mount -t sysfs sysfs /tmp/sysfs && "
                f"mount --bind /tmp/device /sys{device} && "
                f"echo add >/tmp/sysfs{device}/uevent && sleep 1 && "
                "install -m 600 /dev/null /tmp/device/resource2 && "
                "udevadm settle")
            mode = bench.guest.must("stat -c '%G %a' /tmp/device/resource2")
            expect(mode.strip() == "video 640", mode)
        finally:
            bench.guest.must(f"umount /sys{device} /tmp/sysfs; "
                             "rm -r /tmp/device /tmp/sysfs; "
                             f"cd /sys{device} && chown root:root resource2* && "
                             "chmod 600 resource2*")
