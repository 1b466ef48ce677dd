# SPDX-License-Identifier: LGPL-2.1-or-later
"""Character devices: the framebuffers of the guest's displays (/dev/fbN), which
their drivers map."""

import os
import re

from bench import CONSOLE, VIDEO, check, expect
from check_gone import picture_sum, until_sum
from picture import Picture, captured_rows, compare, noise
from watch import watching

GPU = "0000:00:13.0"


class Framebuffer:
    """The framebuffer of the display in this slot."""

    def __init__(self, bench, slot):
        self._bench = bench
        path = bench.guest.must(
            "for fb in /sys/class/graphics/fb[0-9]*; do "
            f"case $(readlink -f $fb/device) in */{slot}*) echo $fb; esac; "
            "done").strip()
        expect(path, f"no framebuffer of {slot}")
        self.node = path.replace("/sys/class/graphics", "/dev")
        size, stride, bits = bench.guest.must(
            f"cat {path}/virtual_size {path}/stride {path}/bits_per_pixel"
        ).split()
        expect(bits == "32", f"{bits} bits a pixel")
        self._size = tuple(int(side) for side in size.split(","))
        self._stride = int(stride)

    def picture(self, height=0):
        width, rows = self._size
        return Picture("BGRx", width, height or rows, stride=self._stride)

    def fill(self, seed):
        """Writes noise by write(); returns the memory as read() shows it."""
        memory = noise(self.picture().end(), seed)
        path = self._bench.guest.path("out/noise")
        with open(path, "wb") as file:
            file.write(memory)
        self._bench.guest.must(f"cat /mnt/out/noise >{self.node}")
        os.unlink(path)
        return memory


def _capture(bench, framebuffer, **how):
    picture = framebuffer.picture()
    data = bench.capture(f"device={framebuffer.node} {picture.properties()}",
                         **how)
    return captured_rows(data, picture.form, picture.width, picture.height)


@check("relaxed", "chardev: the framebuffer of virtio-gpu is byte-exact")
def byte_exact(bench):
    framebuffer = Framebuffer(bench, GPU)
    memory = framebuffer.fill(1)
    compare(_capture(bench, framebuffer), framebuffer.picture().rows(memory))


@check("relaxed", "chardev: not root; what it says to type helps")
def not_root(bench):
    framebuffer = Framebuffer(bench, GPU)
    source = f"device={framebuffer.node} width=4 height=4"
    memory = framebuffer.fill(2)
    try:
        bench.guest.must(f"chown root:video {framebuffer.node} && "
                         f"chmod 640 {framebuffer.node}")
        message = bench.error(source, nobody=True)
        expect(f"Cannot read {framebuffer.node}: only the group video has access; "
               in message, message)
        bench.guest.must(f"chown root:root {framebuffer.node} && "
                         f"chmod 600 {framebuffer.node}")
        message = bench.error(source, nobody=True)
        expect(f"Cannot read {framebuffer.node}: permission denied; allow it" in message,
               message)
        bench.follow_advice(message)
        compare(_capture(bench, framebuffer, user=VIDEO),
                framebuffer.picture().rows(memory))
    finally:
        bench.guest.must(f"chown root:root {framebuffer.node} && "
                         f"chmod 600 {framebuffer.node}")


# mmap() accepts it: these drivers look at the length when a page is needed
@check("relaxed", "chardev: a frame that is larger than the framebuffer")
def too_large(bench):
    for slot in (GPU, CONSOLE):
        framebuffer = Framebuffer(bench, slot)
        picture = framebuffer.picture(height=16384)
        message = bench.error(
            f"device={framebuffer.node} {picture.properties()}")
        expect(re.search(rf"Cannot map {picture.end()} bytes at byte 0 of "
                         rf"{framebuffer.node}: its driver maps less",
                         message), message)


@check("relaxed", "chardev: no geometry")
def cannot_tell(bench):
    framebuffer = Framebuffer(bench, GPU)
    framebuffer.fill(3)
    message = bench.error(f"device={framebuffer.node}")
    expect("Set width and height" in message, message)


@check("relaxed", "chardev: a driver without mmap")
def no_mmap(bench):
    message = bench.error("device=/dev/vga_arbiter width=4 height=4")
    expect("Cannot map /dev/vga_arbiter: its driver does not support mmap"
           in message, message)


def _until_told(watch, *states):
    def problem():
        told = [state for _, state, _ in watch.devices("s")]
        return None if told == list(states) else \
            f"told {told}, not {states}\n{watch.describe()}"
    watch.until(problem)


@check("relaxed", "chardev: the driver is unbound and bound")
def unbound(bench):
    framebuffer = Framebuffer(bench, GPU)
    picture = framebuffer.picture()
    shown = picture_sum(framebuffer.fill(4), picture)
    driver = "/sys/bus/virtio/drivers/virtio_gpu"
    device = bench.guest.must(
        f"basename $(readlink -f {driver}/virtio*)").strip()
    pipeline = (f"mmiovidsrc name=s device={framebuffer.node} reconnect=true "
                f"{picture.properties()} ! video/x-raw,framerate=10/1 ! queue "
                "! checksumsink")
    with watching(bench, pipeline, env="WATCH_KEEPS=1") as watch:
        until_sum(watch, shown)
        try:
            bench.guest.must(f"echo {device} >{driver}/unbind")
            _until_told(watch, "gone")
        finally:
            bench.guest.must(f"echo {device} >{driver}/bind")
        _until_told(watch, "gone", "here")
        again = Framebuffer(bench, GPU)
        expect(again.node == framebuffer.node, f"it is {again.node} now")
        until_sum(watch, picture_sum(again.fill(5), picture))
        expect(not watch.errors("s"), watch.errors("s"))
