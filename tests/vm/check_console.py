# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guest kernel's own text console, drawn by its driver into the memory of
bochs-display.  QEMU says what that display shows."""

from bench import CONSOLE, check, expect
from qmp import Image


def _write_text(bench, text):
    """Fills the console with coloured text that is different in each row."""
    bench.guest.must(
        r"printf '\033[2J\033[H' >/dev/tty1; for i in {1..45}; do "
        rf"printf '\033[3%d;4%dm %d {text} %d\n' $((i % 8)) $((i / 6)) $i "
        r"$((i * i * i)) >/dev/tty1; done")


def _settled_screen(bench):
    """What the display shows once the kernel has drawn everything."""
    previous = [None]

    def moving():
        now = bench.guest.screendump("console")
        was, previous[0] = previous[0], now
        return "the first look" if was is None else now.difference(was)

    # Deferred drawing: twice the same is enough only with some time between
    bench.guest.must("sleep 1")
    bench.until(moving)
    return previous[0]


def _compare_with_screen(bench, source, screen):
    data = bench.capture(source, caps="video/x-raw,format=BGRx")
    expect(len(data) == screen.width * screen.height * 4,
           f"{len(data)} bytes came, the screen is "
           f"{screen.width}x{screen.height}")
    captured = Image.from_bgrx(screen.width, screen.height, data)
    difference = captured.difference(screen)
    expect(difference is None, f"captured and shown: {difference}")


def _add(name, source, text):
    @check("relaxed", f"console: {name} equals the screen")
    def run(bench):
        blank = bench.guest.screendump("console")
        _write_text(bench, text)
        screen = _settled_screen(bench)
        expect(screen.difference(blank), "the text is not on the screen")
        expect(screen.colours() >= 8, f"{screen.colours()} colours on it")
        _compare_with_screen(bench, source, screen)


_add("bochs-display by slot, without width and height", f"device={CONSOLE}",
     "by slot")
_add("bochs-display by vendor:device", "device=1234:1111", "by vendor")
_add("bochs-display by resource file",
     f"device=/sys/bus/pci/devices/{CONSOLE}/resource0", "by resource file")
