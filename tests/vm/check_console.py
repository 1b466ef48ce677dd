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


def _capture_at_rest(bench, source):
    """The captured picture, and what the display shows before and after."""
    screen = captured = None

    def moving():
        nonlocal screen, captured
        screen = bench.guest.screendump("console")
        data = bench.capture(source, caps="video/x-raw,format=BGRx")
        expect(len(data) == screen.width * screen.height * 4,
               f"{len(data)} bytes came, the screen is "
               f"{screen.width}x{screen.height}")
        captured = Image.from_bgrx(screen.width, screen.height, data)
        return screen.difference(bench.guest.screendump("console"))

    bench.until(moving)
    return captured, screen


def _add(name, source, text):
    @check("relaxed", f"console: {name} equals the screen")
    def run(bench):
        before = bench.guest.screendump("console")

        def text_missing():
            now = bench.guest.screendump("console")
            if now.difference(before) is None or now.colours() < 8:
                return f"{now.colours()} colours on the screen"
            return None

        _write_text(bench, text)
        bench.until(text_missing)
        captured, screen = _capture_at_rest(bench, source)
        difference = captured.difference(screen)
        expect(difference is None, f"captured and shown: {difference}")


_add("bochs-display by slot, without width and height", f"device={CONSOLE}",
     "by slot")
_add("bochs-display by vendor:device", "device=1234:1111", "by vendor")
_add("bochs-display by resource file",
     f"device=/sys/bus/pci/devices/{CONSOLE}/resource0", "by resource file")
