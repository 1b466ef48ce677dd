# SPDX-License-Identifier: LGPL-2.1-or-later
"""The simulated device's memory as a dma-buf, by udmabuf, for those who take
one: a display, OpenGL, a Wayland compositor.  It is repainted all the time, and
what is shown has to move."""

import contextlib
import importlib.util
import os

from bench import VIDEO, check, expect
from counting import counting_imports
from picture import Picture, noise
from qmp import Image
from watch import watching

_HERE = os.path.dirname(os.path.abspath(__file__))
_spec = importlib.util.spec_from_file_location(
    "simulated", os.path.join(os.path.dirname(_HERE), "demo", "picture.py"))
simulated = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(simulated)

SCREEN = (640, 480)
FRAMES = 300
# As many as the ring has at first, and at most; some of them are in the queue
RING, RING_MAX = 4, 32

SOURCE = ("mmiovidsrc name=s format=bgrx width=640 height=480 {} ! "
          "'video/x-raw(ANY),framerate=25/1' ! ")


def _picture(data, width, height, size):
    """Out of packed pixels of so many bytes, that begin with R, G, B."""
    rows = []
    for y in range(height):
        line = data[y * width * size:(y + 1) * width * size]
        row = bytearray(width * 3)
        for i in range(3):
            row[i::3] = line[i::size]
        rows.append(row)
    return simulated.Picture(width, height, rows)


def _number(picture):
    """The frame number in a picture that is the simulated device's; in words
    why it is not.  Some are of two frames, as the painter waits for nobody."""
    try:
        return simulated.examine(picture)
    except simulated.NotThePicture as why:
        return str(why)


def _expect_moving(bench, numbers):
    """Most of them are whole, and each is a later one than the one before."""
    whole = [number for number in numbers if isinstance(number, int)]
    bench.comment(f"frames {whole} of {len(numbers)} pictures")
    expect(len(whole) > max(5, len(numbers) / 2)
           and whole == sorted(set(whole)), numbers)


def _expect_dma_buf(watch):
    ways = watch.ways("s")
    expect(len(ways) == 1 and ways[0][0] == "dmabuf", ways)
    stats = watch.frame_stats("s")
    expect(stats["io-mode"] == "dmabuf" and stats["bytes-read"] == "0", stats)


def _watch_display(bench, watch):
    """Looks at the display now and then, until enough frames were sent."""
    numbers = []

    def shown():
        screen = bench.guest.screendump("console")
        return _number(_picture(screen.rgb, screen.width, screen.height, 3))

    def not_shown():
        number = shown()
        return None if isinstance(number, int) else number

    def standing():
        number = shown()
        if numbers and number == numbers[-1]:
            return f"{number} stands still"
        numbers.append(number)
        return None

    def none_new(sent):
        now = len(watch.frames("s"))
        return None if now > sent + RING else f"{now} frames"

    watch.until(not_shown)
    while len(watch.frames("s")) < FRAMES:
        # A display that is slow may still show the same when more were sent
        watch.until(standing)
        sent = len(watch.frames("s"))
        watch.until(lambda n=sent: none_new(n))
    _expect_moving(bench, numbers)


@check("relaxed", "udmabuf: not root; what it says to type helps the group")
def not_root(bench):
    source = "format=bgrx width=160 height=120 io-mode=dmabuf"
    message = bench.error(source, nobody=True)
    expect("Cannot read and write /dev/udmabuf, which makes dma-bufs of memory "
           "such as that of sim: permission denied; allow it" in message, message)
    bench.follow_advice(message)
    try:
        data = bench.capture(source, user=VIDEO)
        expect(len(data) == 160 * 120 * 4, f"{len(data)} bytes")
        message = bench.error(source, nobody=True)
        expect("that of sim: only the group video has access; " in message, message)
    finally:
        bench.guest.must("chown root:root /dev/udmabuf && chmod 600 /dev/udmabuf")


@check("relaxed", "udmabuf: kmssink shows the simulated device, and imports "
       "each memory once")
def kms(bench):
    with counting_imports(bench) as imports:
        with watching(bench, SOURCE.format("") + "kmssink driver-name=bochs-drm "
                      "force-modesetting=true") as watch:
            _watch_display(bench, watch)
            _expect_dma_buf(watch)
    expect(all(event.fields["result"] == 0 for event in imports), imports)
    # The first one is the element's, who tries whether there is anybody
    fds = [event.fields["fd"] for event in imports[1:]]
    expect(RING <= len(fds) <= RING_MAX and len(set(fds)) == len(fds), imports)


@contextlib.contextmanager
def painter(bench, length, file="/dev/null", enough=0, kind=""):
    """Memory that is painted anew so seldom that a renderer on an emulated CPU
    has time to look at all of it: not before the file, in the guest, has become
    larger by `enough` bytes.  kind: "huge" for huge pages.  Its path."""
    job = bench.guest.start(
        f"test ! -f {file} || rm {file}; "
        f"exec /mnt/guest/painter {length} {file} {enough} {kind}")
    try:
        bench.until(lambda: None if job.output().endswith("\n")
                    else job.describe())
        yield job.output().strip()
    finally:
        job.stop("TERM")


@check("relaxed", "udmabuf: glupload samples a program's memory afresh, for "
       "hundreds of frames")
def gl(bench):
    picture = Picture("BGRx", 160, 120)
    # Mesa's software renderer.  The flip makes sure that it is rendered, not
    # passed through.
    pipeline = ("mmiovidsrc name=s device={} " + picture.properties()
                + " ! 'video/x-raw(ANY),framerate=25/1' ! glupload ! "
                "glcolorconvert ! glvideoflip method=vertical-flip ! "
                "gldownload ! video/x-raw,format=RGBA ! videorate "
                "drop-only=true max-rate=4 ! filesink location=/tmp/gl")
    # Of whole pages.  Of three frames that come then, the first may have been
    # looked at before
    with painter(bench, (picture.end() + 4095) // 4096 * 4096, "/tmp/gl",
                 3 * picture.end()) as path, \
            watching(bench, pipeline.format(path),
                     env="GST_GL_PLATFORM=egl "
                     "GST_GL_WINDOW=surfaceless") as watch:
        watch.until(lambda: None if len(watch.frames("s")) >= FRAMES
                    else f"{len(watch.frames('s'))} frames")
        _expect_dma_buf(watch)
    bench.guest.must("mv /tmp/gl /mnt/out/gl")
    with open(bench.guest.path("out/gl"), "rb") as file:
        data = file.read()
    os.unlink(bench.guest.path("out/gl"))

    painted = {}
    for seed in range(1000):
        rows = picture.rows(noise(picture.end(), seed))[0]
        rgb = Image.from_bgrx(160, 120, b"".join(rows[::-1])).rgb
        painted[rgb] = seed
    numbers = []
    for at in range(0, len(data) - picture.end() + 1, picture.end()):
        rgb = bytearray(160 * 120 * 3)
        for i in range(3):
            rgb[i::3] = data[at + i:at + picture.end():4]
        numbers.append(painted.get(bytes(rgb), "no picture that was painted"))
    # Each may have been seen more than once
    whole = [number for number in numbers if isinstance(number, int)]
    bench.comment(f"pictures {whole} in {len(numbers)} frames")
    expect(len(set(whole)) > 10 and len(whole) > len(numbers) / 2
           and whole == sorted(whole), numbers)


@contextlib.contextmanager
def _weston(bench):
    """A compositor on bochs-display, that renders with OpenGL in software."""
    with open(bench.guest.path("out/weston.ini"), "w",
              encoding="ascii") as file:
        file.write("[core]\nshell=kiosk\nidle-time=0\n[output]\n"
                   f"name=Virtual-1\nmode={SCREEN[0]}x{SCREEN[1]}\n")
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
        with watching(bench, SOURCE.format("") + "waylandsink",
                      env="XDG_RUNTIME_DIR=/run/weston "
                      "WAYLAND_DISPLAY=mmiovid") as watch:
            _watch_display(bench, watch)
            _expect_dma_buf(watch)
