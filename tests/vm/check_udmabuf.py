# SPDX-License-Identifier: LGPL-2.1-or-later
"""The simulated device's memory as a dma-buf, by udmabuf, for those who take
one: a display, OpenGL, a Wayland compositor.  It is repainted all the time, and
what is shown has to move."""

import contextlib
import importlib.util
import os
import time

from bench import check, expect
from counting import counting_imports
from watch import watching

_HERE = os.path.dirname(os.path.abspath(__file__))
_spec = importlib.util.spec_from_file_location(
    "simulated", os.path.join(os.path.dirname(_HERE), "demo", "picture.py"))
simulated = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(simulated)

WIDTH, HEIGHT = 640, 480
FRAMES = 300
# As many as the ring has at first
RING = 4

SOURCE = (f"mmiovidsrc name=s format=bgrx width={WIDTH} height={HEIGHT} ! "
          "video/x-raw(ANY),framerate=25/1")


def _rows(data, size):
    """Rows of RGB bytes, out of packed pixels of so many bytes."""
    rows = []
    for y in range(HEIGHT):
        line = data[y * WIDTH * size:(y + 1) * WIDTH * size]
        row = bytearray(WIDTH * 3)
        for i in range(3):
            row[i::3] = line[i::size]
        rows.append(row)
    return rows


def _number(rows):
    """The frame number in a picture that is the simulated device's; None if it
    is of two frames, as its painter does not wait for anybody."""
    try:
        return simulated.examine(simulated.Picture(WIDTH, HEIGHT, rows))
    except simulated.NotThePicture as why:
        if "torn" in str(why):
            return None
        raise


def _expect_moving(numbers, least):
    whole = [number for number in numbers if number is not None]
    expect(len(whole) >= least and whole == sorted(set(whole)), numbers)


def _expect_dma_buf(watch):
    ways = watch.ways("s")
    expect(len(ways) == 1 and ways[0][0] == "dmabuf", ways)
    stats = watch.stats("s")
    expect(stats["io-mode"] == "dmabuf" and stats["bytes-read"] == "0", stats)


def _watch_display(bench, watch):
    """Looks at the display now and then, until enough frames were sent."""
    numbers = []

    def not_shown():
        screen = bench.guest.screendump("console")
        if (screen.width, screen.height) != (WIDTH, HEIGHT):
            return f"{screen.width}x{screen.height}"
        try:
            return None if _number(_rows(screen.rgb, 3)) else "torn"
        except simulated.NotThePicture as why:
            return str(why)

    watch.until(not_shown)
    while len(watch.frames("s")) < FRAMES:
        numbers.append(_number(_rows(bench.guest.screendump("console").rgb, 3)))
        watch.until(lambda: None)
        time.sleep(0.5)
    bench.comment(f"shown: {numbers}")
    _expect_moving(numbers, 5)


@check("relaxed", "udmabuf: kmssink shows the simulated device, and imports "
       "each memory once")
def kms(bench):
    with counting_imports(bench) as imports:
        with watching(bench, SOURCE + " ! kmssink driver-name=bochs-drm "
                      "force-modesetting=true") as watch:
            _watch_display(bench, watch)
            _expect_dma_buf(watch)
    expect(all(event.fields["result"] == 0 for event in imports), imports)
    # The first one is the element's, who tries whether there is anybody
    fds = [event.fields["fd"] for event in imports[1:]]
    expect(len(fds) == RING and len(set(fds)) == RING, imports)


@check("relaxed", "udmabuf: glupload samples the simulated device afresh")
def gl(bench):
    # Mesa's software renderer.  The flip makes sure that it is rendered, not
    # passed through.
    pipeline = (SOURCE + " ! glupload ! glcolorconvert ! "
                "glvideoflip method=vertical-flip ! gldownload ! "
                "video/x-raw,format=RGBA ! videorate drop-only=true "
                "max-rate=2 ! filesink location=/tmp/gl")
    with watching(bench, pipeline, env="GST_GL_PLATFORM=egl "
                  "GST_GL_WINDOW=surfaceless") as watch:
        watch.until(lambda: None if len(watch.frames("s")) >= FRAMES
                    else f"{len(watch.frames('s'))} frames")
        _expect_dma_buf(watch)
    bench.guest.must("mv /tmp/gl /mnt/out/gl")
    with open(bench.guest.path("out/gl"), "rb") as file:
        data = file.read()
    os.unlink(bench.guest.path("out/gl"))
    size = WIDTH * HEIGHT * 4
    numbers = [_number(_rows(data[at:at + size], 4)[::-1])
               for at in range(0, len(data) - size + 1, size)]
    bench.comment(f"rendered: {numbers}")
    _expect_moving(numbers, 5)


@contextlib.contextmanager
def _weston(bench):
    """A compositor on bochs-display, that renders with OpenGL in software."""
    with open(bench.guest.path("out/weston.ini"), "w",
              encoding="ascii") as file:
        file.write("[core]\nshell=kiosk\nidle-time=0\n[output]\n"
                   f"name=Virtual-1\nmode={WIDTH}x{HEIGHT}\n")
    card = bench.guest.must(
        "basename $(dirname $(ls -d /sys/class/drm/card*/device/driver | "
        "while read d; do readlink -f $d | grep -q bochs && dirname $d; done)"
        ")").strip()
    job = bench.guest.start(
        "mkdir -p -m 700 /run/weston && cd /run/weston && "
        "export XDG_RUNTIME_DIR=/run/weston LIBSEAT_BACKEND=builtin && "
        f"exec weston --backend=drm --drm-device={card} --renderer=gl "
        "--continue-without-input --config=/mnt/out/weston.ini "
        "--socket=mmiovid")

    def missing():
        expect(job.running(), job.describe())
        return None if bench.guest.run("test -S /run/weston/mmiovid").status \
            == 0 else "no socket"

    try:
        bench.until(missing)
        yield
        expect(job.running(), job.describe())
    finally:
        job.stop("TERM")


@check("relaxed", "udmabuf: waylandsink shows the simulated device")
def wayland(bench):
    with _weston(bench):
        with watching(bench, SOURCE + " ! waylandsink",
                      env="XDG_RUNTIME_DIR=/run/weston "
                      "WAYLAND_DISPLAY=mmiovid") as watch:
            _watch_display(bench, watch)
            _expect_dma_buf(watch)
