# SPDX-License-Identifier: LGPL-2.1-or-later
"""A kernel that is locked down, which nothing but a boot undoes: the last
checks of theirs."""

import check_uio
import check_vfio
from bench import EDU, IVSHMEM, check, expect
from check_interrupts import bound
from interrupts import interrupt_error
from picture import Picture

SMALL = Picture("GRAY8", 64, 48)


@check("strict", "lockdown: the kernel maps no resource file, and is told of")
def sysfs(bench):
    check_vfio.compare_odd(bench, f"device={IVSHMEM} bar=2", 90)
    bench.guest.must("echo integrity >/sys/kernel/security/lockdown")
    message = bench.error(f"device={IVSHMEM} bar=2 {SMALL.properties()}")
    missing = [word for word in ("locked down", "BAR 2", IVSHMEM, "Secure Boot",
                                 "lockdown=") if word not in message]
    expect(not missing, f"no {missing} in: {message}")


@check("strict", "lockdown: vfio is a way nevertheless")
def vfio(bench):
    check_vfio.bind(bench)
    check_vfio.compare_odd(bench, f"device={IVSHMEM}", 91)


@check("strict", "lockdown: UIO, too, but uio_pci_generic's interrupts are not")
def uio(bench):
    with bound(bench, EDU, "uio_pci_generic"):
        data = bench.capture(f"device={check_uio.NODE} {check_uio.IDENTITY}")
        expect(data == check_uio.KNOWN, data.hex())
        message = interrupt_error(bench, EDU, "uio")
        expect("the kernel is locked down" in message and
               f"interrupts of {EDU}" in message, message)
