# SPDX-License-Identifier: LGPL-2.1-or-later
"""A device that is bound to uio_pci_generic."""

from bench import EDU, IVSHMEM, VIDEO, check, expect
from check_interrupts import INTX_DISABLE, bound, command
from interrupts import interrupt_error, interrupts
from watch import start_error, watching

NODE = "/dev/uio0"
# edu's registers: who it is, and one that has the complement of what was
# written to it. They take no loads but of 4 bytes.
IDENTITY = "format=gray8 width=4 height=1 engine=u32"
COMPLEMENT = IDENTITY + " offset=4"
KNOWN = bytes.fromhex("ed000001")
DEVICES = "/sys/bus/pci/devices"

# Others may map the BAR by sysfs meanwhile: uio_pci_generic does not claim it
_WRITE = """python3 - <<'END'
import mmap, os, time
fd = os.open("{devices}/{slot}/resource0", os.O_RDWR)
registers = memoryview(mmap.mmap(fd, 4096)).cast("I")
{code}
END"""


def write(bench, code):
    bench.guest.must(_WRITE.format(devices=DEVICES, slot=EDU, code=code))


def interrupt(bench):
    """Once: raised, counted by the kernel, acknowledged."""
    write(bench, """
def count():
    return open("/sys/class/uio/uio0/event").read()
before = count()
registers[0x60 // 4] = 1
end = time.monotonic() + 30
while count() == before and time.monotonic() < end:
    time.sleep(0.01)
registers[0x64 // 4] = 1
assert count() != before""")


@check("strict", "uio: a device that is not bound to it; "
       "what it says to type helps")
def not_bound(bench):
    message = bench.error(f"device={EDU} access=uio {IDENTITY}")
    expect(f"Cannot open {EDU} by UIO: it is bound to no driver" in message,
           message)
    bench.follow_advice(message)
    data = bench.capture(f"device={EDU} access=uio {IDENTITY}")
    bench.guest.must(f"echo {EDU} >{DEVICES}/{EDU}/driver/unbind; "
                     f"echo >{DEVICES}/{EDU}/driver_override")
    expect(data == KNOWN, data.hex())


@check("strict", "uio: pictures by address and by node; auto takes it")
def pictures(bench):
    with bound(bench, EDU, "uio_pci_generic"):
        write(bench, "registers[1] = 0x12345678")
        for device in (EDU, f"{EDU} access=uio", NODE, f"{NODE} bar=0",
                       f"{NODE}:{EDU}"):
            data = bench.capture(f"device={device} {COMPLEMENT}")
            expect(data == (~0x12345678 & 0xffffffff).to_bytes(4, "little"),
                   f"{device}: {data.hex()}")
        pipeline = (f"mmiovidsrc name=s device={EDU} {IDENTITY} ! "
                    "video/x-raw,framerate=5/1 ! fakesink")
        with watching(bench, pipeline) as watch:
            watch.until_frames(["s"])
            stats = watch.stats("s")
        expect(stats["access"] == "uio" and stats["mapping"] == "uncached",
               stats)
        listed = bench.guest.must(f"mmiovid-probe | grep {EDU}")
        expect(" uio " in listed, listed)


@check("strict", "uio: not root; what it says to type helps the group")
def not_root(bench):
    config = f"{DEVICES}/{EDU}/config"
    with bound(bench, EDU, "uio_pci_generic"):
        message = bench.error(f"device={NODE} {IDENTITY}", nobody=True)
        expect(f"Cannot read {NODE}: permission denied; allow it" in message, message)
        bench.follow_advice(message)
        data = bench.capture(f"device={EDU} access=uio {IDENTITY}", user=VIDEO)
        expect(data == KNOWN, data.hex())
        try:
            for path in (NODE, config):
                message = interrupt_error(bench, NODE, "auto", VIDEO)
                expect(f"Cannot read and write {path}, wh" in message,
                       message)
                bench.follow_advice(message)
            with interrupts(bench, NODE, "auto", "uio", VIDEO) as irq:
                interrupt(bench)
                irq.expect("wait", "readable")
                irq.expect("take", "took 1")
        finally:
            bench.guest.must(f"chown root:root {config} && chmod 644 {config}")


@check("strict", "uio: what is refused")
def refused(bench):
    with bound(bench, EDU, "uio_pci_generic"):
        message, maps = start_error(bench, f"device={NODE} bar=1 {IDENTITY}")
        expect(f"{NODE} has no map 1; it has map 0 (1048576 bytes)" in message,
               message)
        expect(maps == 0, f"{maps} maps")
        message = bench.error(f"device={NODE} mapping=write-combining "
                              f"{IDENTITY}")
        expect("UIO maps uncached only" in message, message)
    message = bench.error(f"device={NODE} {IDENTITY}")
    expect(f"Cannot open {NODE}: there is no such UIO device" in message, message)


@check("strict", "uio: BARs that uio_pci_generic leaves out")
def left_out(bench):
    with bound(bench, IVSHMEM, "uio_pci_generic"):
        message = bench.error(f"device={IVSHMEM} access=uio format=gray8 "
                              "width=64 height=48 bar=2")
        expect(f"BAR 2 of {IVSHMEM}: uio_pci_generic has no map of it" in message,
               message)
        # It has no interrupt either
        message = interrupt_error(bench, IVSHMEM, "uio")
        expect(f"interrupts of {NODE}: it has none" in message, message)


@check("strict", "uio: interrupts of edu, as many as it raises")
def interrupts_of_edu(bench):
    with bound(bench, EDU, "uio_pci_generic"):
        interrupt(bench)
        expect(command(bench, EDU) & INTX_DISABLE, "uio_pci_generic lets it")
        # The one before does not count, but it is let in again
        with interrupts(bench, NODE, "auto", "uio") as irq:
            irq.expect("look", "silent")
            irq.expect("take", "took 0")
            for _ in range(10):
                interrupt(bench)
                irq.expect("wait", "readable")
                irq.expect("take", "took 1")
            irq.expect("take", "took 0")
            irq.expect("look", "silent")
        with interrupts(bench, EDU, "uio") as irq:
            interrupt(bench)
            irq.expect("wait", "readable")
            irq.expect("take", "took 1")


@check("strict", "uio: the driver is unbound meanwhile")
def unbound(bench):
    with bound(bench, EDU, "uio_pci_generic"), \
            interrupts(bench, NODE, "auto", "uio") as irq:
        bench.guest.must(f"echo {EDU} >{DEVICES}/{EDU}/driver/unbind")
        irq.expect("take", "gone")
        bench.guest.must(f"echo {EDU} >/sys/bus/pci/drivers_probe")
