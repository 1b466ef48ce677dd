# SPDX-License-Identifier: LGPL-2.1-or-later
"""Errors that need a real bus: what failed, where, and what to type.

Where the message names a command, that is typed, and must help."""

from bench import (CONSOLE, IVSHMEM, IVSHMEM_SMALL, NETWORK, VIDEO, check,
                   expect)
from picture import Picture, captured_rows, compare, noise

SMALL = Picture("GRAY8", 64, 48)


def _says(message, *words):
    missing = [word for word in words if word not in message]
    expect(not missing, f"no {missing} in: {message}")


def _compare_small(bench, seed, user=""):
    memory = noise(SMALL.end(), seed)
    bench.paint("large", memory)
    data = bench.capture(f"device={IVSHMEM} bar=2 {SMALL.properties()}",
                         user=user)
    compare(captured_rows(data, SMALL.form, SMALL.width, SMALL.height),
            SMALL.rows(memory))


@check("relaxed", "errors: no such slot")
def no_slot(bench):
    message = bench.error(f"device=0000:00:1e.7 {SMALL.properties()}")
    _says(message, "0000:00:1e.7", "lspci")


@check("relaxed", "errors: no such vendor:device")
def no_id(bench):
    message = bench.error(f"device=dead:beef {SMALL.properties()}")
    _says(message, "dead:beef", "lspci")


@check("relaxed", "errors: several matches are listed")
def several(bench):
    message = bench.error(f"device=1af4:1110 {SMALL.properties()}")
    _says(message, f"1af4:1110@0 is {IVSHMEM}",
          f"1af4:1110@1 is {IVSHMEM_SMALL}")


@check("relaxed", "errors: @N beyond the matches")
def beyond(bench):
    message = bench.error(f"device=1af4:1110@2 {SMALL.properties()}")
    _says(message, "1af4:1110@2", "1af4:1110@0", "1af4:1110@1", IVSHMEM_SMALL)


@check("relaxed", "errors: a device that cannot tell its picture's size")
def cannot_tell(bench):
    message = bench.error(f"device={IVSHMEM}")
    _says(message, IVSHMEM, "width", "height")


@check("relaxed", "errors: an I/O BAR")
def io_bar(bench):
    message = bench.error(f"device={NETWORK} bar=2 {SMALL.properties()}")
    _says(message, "BAR 2", NETWORK, "I/O", "bar")


@check("relaxed", "errors: a BAR that the device does not have")
def absent_bar(bench):
    message = bench.error(f"device={IVSHMEM} bar=1 {SMALL.properties()}")
    _says(message, "BAR 1", IVSHMEM, "BAR 2", "Set bar")


@check("relaxed", "errors: a BAR too small for the picture, with both sizes")
def too_small(bench):
    picture = Picture("RGB", 1920, 1080)
    for bar in ("", "bar=2 "):
        message = bench.error(f"device={IVSHMEM_SMALL} {bar}"
                              f"{picture.properties()}")
        _says(message, str(1920 * 1080 * 3), IVSHMEM_SMALL, "BAR 2",
              str(1 << 20), "width")


@check("relaxed", "errors: one byte too many for the BAR")
def one_byte(bench):
    size = 1 << 20
    fits = f"offset={size - SMALL.end()} "
    data = bench.capture(f"device={IVSHMEM_SMALL} {SMALL.properties()} {fits}")
    expect(len(data) == SMALL.end(), f"{len(data)} bytes")
    message = bench.error(f"device={IVSHMEM_SMALL} {SMALL.properties()} "
                          f"offset={size - SMALL.end() + 1}")
    _says(message, str(size + 1), str(size), IVSHMEM_SMALL)


@check("relaxed", "errors: not permitted; what it says to type helps the group")
def not_root(bench):
    message = bench.error(f"device={IVSHMEM} bar=2 {SMALL.properties()}",
                          nobody=True)
    path = f"/sys/bus/pci/devices/{IVSHMEM}/resource2"
    _says(message, path, "chgrp video", "chmod g+r")
    try:
        bench.follow_advice(message)
        _compare_small(bench, 70, user=VIDEO)
        message = bench.error(f"device={IVSHMEM} bar=2 {SMALL.properties()}",
                              nobody=True)
        _says(message, path, "Cannot read", "usermod -aG video")
    finally:
        bench.guest.must(f"chown root:root {path} && chmod 600 {path}")


@check("relaxed", "errors: memory decoding off; what it says to type helps")
def decoding_off(bench):
    bench.guest.must(f"setpci -s {IVSHMEM} COMMAND=0:2")
    try:
        message = bench.error(f"device={IVSHMEM} bar=2 {SMALL.properties()}")
        _says(message, "decoding", IVSHMEM)
        bench.follow_advice(message)
        _compare_small(bench, 71)
    finally:
        bench.guest.must(f"setpci -s {IVSHMEM} COMMAND=2:2")


# The checks of the strict boot build upon each other, in this order

@check("strict", "errors: a display whose BAR its driver holds")
def display_held(bench):
    message = bench.error(f"device={CONSOLE}")
    _says(message, "bochs-drm", CONSOLE, "unbind", "iomem=relaxed")


# A BAR of the network card that is safe to read: its flash
FLASH = f"device={NETWORK} bar=1 {SMALL.properties()}"


@check("strict", "errors: a BAR that a driver holds; "
       "what it says to type helps")
def driver_held(bench):
    message = bench.error(FLASH)
    _says(message, "e1000e", "BAR 1", NETWORK, "unbind", "iomem=relaxed")
    bench.follow_advice(message)
    data = bench.capture(FLASH)
    expect(len(data) == SMALL.end(), f"{len(data)} bytes")


@check("strict", "errors: D3hot; what it says to type helps")
def asleep(bench):
    # vfio-pci puts a device that nobody uses to sleep
    device = f"/sys/bus/pci/devices/{NETWORK}"
    bench.guest.must(
        f"modprobe vfio-pci && echo vfio-pci >{device}/driver_override && "
        f"if [ -e {device}/driver ]; then "
        f"echo {NETWORK} >{device}/driver/unbind; fi && "
        f"echo {NETWORK} >/sys/bus/pci/drivers_probe")
    state = f"cat {device}/power_state"

    def until_asleep():
        bench.until(lambda: None if bench.guest.must(state) == "D3hot\n"
                    else "the device does not fall asleep")

    # Opened by vfio it wakes up by itself
    until_asleep()
    by_vfio = bench.capture(FLASH)
    until_asleep()
    by_sysfs = f"access=sysfs {FLASH}"
    message = bench.error(by_sysfs)
    _says(message, NETWORK, "D3hot", "power/control")
    bench.follow_advice(message)
    data = bench.capture(by_sysfs)
    expect(len(data) == SMALL.end(), f"{len(data)} bytes")
    expect(data == by_vfio, "vfio and sysfs do not show the same")
