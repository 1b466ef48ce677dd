# SPDX-License-Identifier: LGPL-2.1-or-later
"""Interrupts that vfio delivers."""

import contextlib

from bench import DOORBELL, E1000, EDU, IVSHMEM, check, expect
from interrupts import interrupt_error, interrupts
from watch import watching

DEVICES = "/sys/bus/pci/devices"
# Bits of the command register
MASTER, INTX_DISABLE = 0x4, 0x400


def command(bench, slot):
    return int(bench.guest.must(f"setpci -s {slot} COMMAND"), 16)


@contextlib.contextmanager
def bound(bench, slot, driver):
    guest, device = bench.guest, f"{DEVICES}/{slot}"
    guest.must(f"modprobe {driver}; echo {driver} >{device}/driver_override; "
               f"[ ! -e {device}/driver ] || "
               f"echo {slot} >{device}/driver/unbind; "
               f"echo {slot} >/sys/bus/pci/drivers_probe; "
               f"[ $(basename $(readlink {device}/driver)) = {driver} ]")
    try:
        yield
    finally:
        guest.must(f"echo {slot} >{device}/driver/unbind; "
                   f"echo >{device}/driver_override")


@check("strict", "interrupts: MSI-X of ivshmem-doorbell by vfio, "
       "as many as the host rings")
def message_signalled(bench):
    bell = bench.guest.doorbells["doorbell"]
    with bound(bench, DOORBELL, "vfio-pci"):
        with interrupts(bench, DOORBELL, "auto", "vfio") as irq:
            expect(command(bench, DOORBELL) & MASTER, "it is no bus master")
            irq.expect("look", "silent")
            irq.expect("take", "took 0")
            for _ in range(20):
                bell.ring()
                irq.expect("wait", "readable")
                irq.expect("take", "took 1")
            irq.expect("take", "took 0")
            irq.expect("look", "silent")
            # Several between two looks
            for _ in range(3):
                bell.ring()
                irq.expect("wait", "readable")
            counted = irq.do("take")
            expect(counted in ("took 1", "took 2", "took 3"), counted)
        expect(not command(bench, DOORBELL) & MASTER, "still a bus master")


@check("strict", "interrupts: without bus mastering no MSI-X comes")
def not_master(bench):
    bell = bench.guest.doorbells["doorbell"]
    with bound(bench, DOORBELL, "vfio-pci"), \
            interrupts(bench, DOORBELL, "vfio") as irq:
        bell.ring()
        irq.expect("wait", "readable")
        irq.expect("take", "took 1")
        bench.guest.must(f"setpci -s {DOORBELL} COMMAND=0:{MASTER:x}")
        bell.ring()
        bench.guest.must("sleep 2")
        irq.expect("look", "silent")
        bench.guest.must(f"setpci -s {DOORBELL} COMMAND={MASTER:x}:{MASTER:x}")
        bell.ring()
        irq.expect("wait", "readable")
        irq.expect("take", "took 1")


@check("strict", "interrupts: MSI of edu by vfio")
def msi(bench):
    with bound(bench, EDU, "vfio-pci"), \
            interrupts(bench, EDU, "vfio") as irq:
        for _ in range(5):
            irq.expect("poke 60 1", "poked")
            irq.expect("wait", "readable")
            irq.expect("take", "took 1")
            irq.expect("poke 64 1", "poked")


@check("strict", "interrupts: INTx of e1000 by vfio comes again once it is "
       "taken, and needs no bus mastering")
def intx(bench):
    with bound(bench, E1000, "vfio-pci"), \
            interrupts(bench, E1000, "vfio") as irq:
        # A cause that never comes by itself: let it (IMS); then raise it (ICS)
        # and take it back (ICR)
        irq.expect("poke d0 10000", "poked")
        irq.expect("take", "took 0")
        for _ in range(5):
            irq.expect("poke c8 10000", "poked")
            irq.expect("wait", "readable")
            irq.expect("poke c0 10000", "poked")
            irq.expect("take", "took 1")
        irq.expect("look", "silent")
        expect(not command(bench, E1000) & MASTER, "a bus master for INTx")
        # Masked as long as nobody takes it
        irq.expect("poke c8 10000", "poked")
        irq.expect("wait", "readable")
        irq.expect("poke c0 10000", "poked")
        irq.expect("poke c8 10000", "poked")
        irq.expect("take", "took 1")
        irq.expect("wait", "readable")
        irq.expect("poke c0 10000", "poked")
        irq.expect("take", "took 1")


@check("strict", "interrupts: none by sysfs, none of a device that has none")
def refused(bench):
    message = interrupt_error(bench, DOORBELL, "sysfs")
    expect(f"interrupts of {DOORBELL}: it has none that sysfs can deliver"
           in message and "access=vfio" in message, message)
    with bound(bench, IVSHMEM, "vfio-pci"):
        message = interrupt_error(bench, IVSHMEM, "vfio")
    expect(f"interrupts of {IVSHMEM}: it has none that vfio can deliver; use "
           "frame-sync=counter or clock" in message, message)


@check("strict", "interrupts: frame-sync=interrupt makes as many frames as the "
       "host rings, and says so when nobody does")
def frames(bench):
    bell = bench.guest.doorbells["doorbell"]
    pipeline = (f"mmiovidsrc name=s device={DOORBELL} bar=2 format=gray8 "
                "width=64 height=48 frame-sync=interrupt ! fakesink")
    with bound(bench, DOORBELL, "vfio-pci"), \
            watching(bench, pipeline) as watch:
        # It is open, and nobody has rung
        watch.until(lambda: None if watch.warnings("s") else "no warning")
        expect("has raised no interrupt for a second" in watch.warnings("s")[0],
               watch.warnings("s"))
        expect(not watch.frames("s"), watch.frames("s"))
        for number in range(1, 31):
            bell.ring()
            watch.until(lambda: None if len(watch.frames("s")) == number
                        else f"{len(watch.frames('s'))} frames, not {number}")
        watch.until(lambda: None if watch.stats("s")["frames"] == "30"
                    else watch.stats("s"))
        stats = watch.stats("s")
        expect(stats["missed"] == "0", stats)
