#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs ./demo as a person would, and looks at what it shows.

Usage: tests/demo/run.py DIRECTORY [PATTERN]

PATTERN, a regular expression, selects checks by their name. Prints TAP. The screenshots stay in DIRECTORY. A display is Xvfb, which keeps
its screen in a file; nothing is read by way of the display itself.
"""

import contextlib
import ctypes
import glob
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True

from picture import NotThePicture, examine, read_png, read_xwd

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEMO = os.path.join(TOP, "demo")
PLUGIN_DIR = os.path.join(TOP, "build", "gst")
# For what takes an instant, or a while on a loaded machine
PATIENCE = 120


class Failure(Exception):
    pass


class OtherSinks(Exception):
    """Not the one that autovideosink is to take."""


def expect(condition, what):
    if not condition:
        raise Failure(what)


def environment(**more):
    """Ours without any display, and in English."""
    env = {name: value for name, value in os.environ.items()
           if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return {**env, "LC_ALL": "C", **more}


def demo(*arguments, **env):
    """Runs ./demo to its end, from elsewhere; its status and all it said."""
    done = subprocess.run([DEMO, *arguments], env=environment(**env), cwd="/",
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True,
                          timeout=PATIENCE)
    return done.returncode, done.stdout


def picture_of_demo(*arguments, **env):
    """The PNG that ./demo says it wrote, and all it said."""
    status, text = demo(*arguments, **env)
    named = re.search(r"the frame is in (.*\.png)$", text, re.MULTILINE)
    expect(status == 0 and named, f"status {status}: {text}")
    expect(time.time() - os.path.getmtime(named[1]) < PATIENCE,
           f"{named[1]} is an old one")
    return read_png(named[1]), text


def whole(take):
    """A picture that is not torn: nothing holds the device's frames still."""
    for _ in range(20):
        picture = take()
        try:
            return picture, examine(picture)
        except NotThePicture as why:
            last = why
            if "torn" not in str(why):
                break
    raise Failure(str(last))


def check_no_display():
    picture, _ = whole(lambda: picture_of_demo()[0])
    expect((picture.width, picture.height) == (640, 480),
           f"{picture.width}x{picture.height}")
    picture.write_png(os.path.join(SHOTS, "no-display.png"))


def check_says_no_display():
    _, text = picture_of_demo()
    expect("no display" in text, text)


def check_dead_display():
    # Nobody listens on a display number as large as that
    _, text = picture_of_demo(DISPLAY=":59999")
    expect("DISPLAY=:59999 cannot be opened" in text, text)
    _, text = picture_of_demo(WAYLAND_DISPLAY="nobody", XDG_RUNTIME_DIR=SHOTS)
    expect("WAYLAND_DISPLAY=nobody cannot be opened" in text, text)


def check_arguments():
    picture, _ = whole(lambda: picture_of_demo("width=400", "height=300",
                                               "format=bgrx")[0])
    expect((picture.width, picture.height) == (400, 300),
           f"{picture.width}x{picture.height}")


def check_opaque():
    """A padding byte of 0 makes no pixel transparent."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        file.write(bytes([10, 20, 30, 0]) * 64 * 48)
        file.flush()
        _, text = picture_of_demo(f"device={file.name}", "format=bgrx",
                                  "width=64", "height=48")
    path = re.search(r"the frame is in (.*)$", text, re.MULTILINE)[1]
    with open(path, "rb") as png:
        kind = png.read(26)[25]
    expect(kind == 2, f"colour type {kind}, not 2 (RGB)")
    pixel = read_png(path).pixel(5, 5)
    expect(pixel == (30, 20, 10), f"{pixel}")


def check_warnings():
    """A seqlock that stays odd: no frame, and a warning that says why."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file, \
            tempfile.TemporaryFile("w+") as output:
        file.truncate(128 << 10)
        os.pwrite(file.fileno(), b"\1", 65536)
        process = subprocess.Popen(
            [DEMO, f"device={file.name}", "width=64", "height=48",
             "frame-sync=counter", "counter-offset=65536",
             "counter-seqlock=true"],
            env=environment(), stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, text=True, start_new_session=True)

        def said():
            output.seek(0)
            return output.read()

        try:
            end = time.monotonic() + PATIENCE
            while "counter-seqlock" not in said().partition("WARNING")[2]:
                expect(time.monotonic() < end and process.poll() is None,
                       f"no warning: {said()}")
                time.sleep(0.1)
            os.pwrite(file.fileno(), b"\2", 65536)
            expect(process.wait(PATIENCE) == 0, said())
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def check_builds_what_documents_run():
    files = [os.path.join(TOP, "build", name) for name in
             ("src/mmiovid-probe", "tests/examples/appsink",
              "tests/examples/painter")]
    for name in files:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
    picture_of_demo()
    missing = [name for name in files if not os.access(name, os.X_OK)]
    expect(not missing, f"not built: {missing}")


def refused(argument, *words):
    status, text = demo(argument)
    expect(status not in (0, 128 + signal.SIGSEGV), f"status {status}: {text}")
    for word in words:
        expect(word in text, f"no '{word}' in: {text}")
    expect("the frame is in" not in text, text)


def check_bad_device():
    refused("device=nonsense", "ERROR: from element", "nonsense", "0000:03:00.0")


def check_bad_property():
    refused("colour=green", 'no property "colour" in element "mmiovidsrc"')


def check_bad_argument():
    refused("fakesink", "'fakesink' is not PROPERTY=VALUE", "Usage: ./demo")


class Display:
    """A screen a little larger than the picture, that nobody else uses.

    It restarts when its last client leaves, so it is good for one window."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory()
        reader, writer = os.pipe()
        self.log = open(os.path.join(SHOTS, "xvfb.log"), "a")
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), "-screen", "0", "800x600x24",
             "-nolisten", "tcp", "-fbdir", self.directory.name],
            pass_fds=[writer], stdout=self.log, stderr=self.log)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            number = pipe.readline().strip()
        expect(number, f"Xvfb did not start, see {self.log.name}")
        self.name = ":" + number

    def close(self):
        self.server.terminate()
        self.server.wait()
        self.log.close()
        self.directory.cleanup()

    def screen(self):
        return read_xwd(os.path.join(self.directory.name, "Xvfb_screen0"))

    def close_windows(self):
        """Asks as a window manager does when somebody closes a window."""
        class ClientMessage(ctypes.Structure):
            _fields_ = [("type", ctypes.c_int), ("serial", ctypes.c_ulong),
                        ("send_event", ctypes.c_int),
                        ("display", ctypes.c_void_p),
                        ("window", ctypes.c_ulong),
                        ("message_type", ctypes.c_ulong),
                        ("format", ctypes.c_int), ("data", ctypes.c_long * 5),
                        ("room_of_other_events", ctypes.c_char * 192)]

        x = ctypes.CDLL("libX11.so.6")
        for function in (x.XOpenDisplay, x.XInternAtom, x.XDefaultRootWindow):
            function.restype = ctypes.c_void_p
        display = ctypes.c_void_p(x.XOpenDisplay(self.name.encode()))

        def atom(name):
            return x.XInternAtom(display, name, 0)

        root, parent, n = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_uint()
        windows = ctypes.POINTER(ctypes.c_ulong)()
        x.XQueryTree(display, ctypes.c_ulong(x.XDefaultRootWindow(display)),
                     ctypes.byref(root), ctypes.byref(parent),
                     ctypes.byref(windows), ctypes.byref(n))
        for window in windows[:n.value]:
            event = ClientMessage(
                type=33, window=window, message_type=atom(b"WM_PROTOCOLS"),
                format=32)
            event.data[0] = atom(b"WM_DELETE_WINDOW")
            x.XSendEvent(display, ctypes.c_ulong(window), 0,
                         ctypes.c_long(0), ctypes.byref(event))
        x.XCloseDisplay(display)
        return n.value


class Window:
    """./demo on a display of its own, as long as it runs."""

    def __init__(self, sink, *arguments):
        self.display = Display()
        self.directory = tempfile.TemporaryDirectory()
        self.output = open(os.path.join(SHOTS, sink + ".log"), "w+")
        # What autovideosink takes is a matter of rank
        env = environment(DISPLAY=self.display.name,
                          GST_PLUGIN_FEATURE_RANK=f"{sink}:MAX",
                          GST_DEBUG_DUMP_DOT_DIR=self.directory.name)
        self.process = subprocess.Popen(
            [DEMO, *arguments], env=env, stdin=subprocess.DEVNULL, stdout=self.output,
            stderr=self.output, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.output.close()
        self.directory.cleanup()
        self.display.close()

    def said(self):
        with open(self.output.name) as text:
            return text.read()

    def until(self, what, condition):
        """Waits; whatever condition() returns that is true."""
        end = time.monotonic() + PATIENCE
        why = ""
        while time.monotonic() < end:
            try:
                result = condition()
                if result:
                    return result
            except (NotThePicture, OtherSinks, OSError) as error:
                why = f": {error}"
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise Failure(f"waited for {what}{why}\n"
                      f"status {self.process.poll()}: {self.said()}")

    def picture(self):
        """What the screen shows where the window is, and the frame number."""
        picture = self.display.screen().crop(640, 480)
        return picture, examine(picture)

    def sinks(self):
        """The types of the elements in the pipeline that plays."""
        text = ""
        for name in glob.glob(os.path.join(self.directory.name,
                                           "*PAUSED_PLAYING.dot")):
            with open(name) as dot:
                text += dot.read()
        return set(re.findall(r'label="(Gst\w+Sink\w*)\\n', text))

    def plays_by(self, element):
        """Whether the pipeline that plays has it."""
        sinks = self.sinks()
        # The file may still be being written
        if element not in sinks:
            raise OtherSinks(f"autovideosink took {sinks or 'nothing yet'}")
        return True

    def end(self, how):
        """Ends it; its status, once nothing of it is left."""
        how()
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure(f"did not end: {self.said()}") from None
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return status
            time.sleep(0.1)
        raise Failure("some process of it is still there")


def check_window(sink, element):
    with Window(sink) as window:
        first, number = window.until("the picture in a window", window.picture)
        window.until(f"autovideosink to play by {element}",
                     lambda: window.plays_by(element))

        def later():
            picture, n = window.picture()
            return n > number and (picture, n)

        second, later_number = window.until("a later frame", later)
        first.write_png(os.path.join(SHOTS, f"{sink}-1.png"))
        second.write_png(os.path.join(SHOTS, f"{sink}-2.png"))
        print(f"# {sink}: frames {number} and {later_number}")
        expect(first.rows != second.rows, "the picture stands still")


def check_mode_change(sink, scales):
    """The window stays, as the manual says; a frame of half its sides fills it
    only if the sink scales."""
    width, height, old, new, border = 64, 48, (255, 0, 0), (0, 0, 255), (0, 0, 0)
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        def show(sequence, width, height, colour):
            head = struct.pack("<8s8I2I4Q", b"mmiovid", 1, 128, sequence | 1,
                               *struct.unpack("<I", b"BG24"), width, height, 0,
                               0, 1, 0, 4096, 0, 0, 0)
            os.pwrite(file.fileno(), head, 0)
            os.pwrite(file.fileno(), bytes(colour) * (width * height), 4096)
            os.pwrite(file.fileno(), struct.pack("<I", sequence), 16)

        file.truncate(1 << 20)
        show(2, width, height, old)
        with Window(sink, f"device={file.name}") as window:
            def pixels(corners, middle):
                screen = window.display.screen()
                found = screen.pixel(2, 2), screen.pixel(width // 2,
                                                         height // 2)
                if found[0] not in corners or found[1] != middle:
                    raise NotThePicture(f"corner and middle are {found}")
                return True

            window.until("the first mode", lambda: pixels([old], old))
            show(4, width // 2, height // 2, new)
            # ximagesink draws black around it, or leaves what was there
            window.until("the second mode", lambda: pixels(
                [new] if scales else [border, old], new))


def check_interrupt():
    with Window("ximagesink") as window:
        window.until("the picture in a window", window.picture)
        status = window.end(
            lambda: os.killpg(window.process.pid, signal.SIGINT))
        text = window.said()
        expect(status == 0 and "ERROR" not in text, f"status {status}: {text}")


def check_close(sink):
    with Window(sink) as window:
        window.until("the picture in a window", window.picture)
        window.end(window.display.close_windows)
        text = window.said()
        expect("the window was closed" in text and "ERROR" not in text, text)


def check_inspect():
    env = environment(GST_PLUGIN_PATH_1_0=PLUGIN_DIR,
                      GST_REGISTRY_1_0=os.path.join(SHOTS, "registry"))
    done = subprocess.run(["gst-inspect-1.0", "mmiovidsrc"], env=env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
    with open(os.path.join(SHOTS, "gst-inspect.txt"), "w") as page:
        page.write(done.stdout)
    expect(done.returncode == 0 and not done.stderr,
           f"status {done.returncode}: {done.stderr}")
    wanted = ["Rank                     none (0)",
              "Klass                    Source/Video/Hardware",
              "SRC template: 'src'"]
    wanted += [f"  {name} " for name in
               "device access bar format width height offset stride io-mode "
               "mapping engine changes frame-sync counter-bar counter-offset "
               "counter-size counter-seqlock stats device-name "
               "device-address".split()]
    missing = [text for text in wanted if "\n  " + text.lstrip() not in
               re.sub(r"\n +", "\n  ", done.stdout)]
    expect(not missing, f"not on the page: {missing}")
    # "name : blurb", then flags and type on lines of their own
    blurbs = dict(re.findall(r"\n  ([a-z][a-z-]*) *: *(.*)", done.stdout))
    empty = [name for name, blurb in blurbs.items() if not blurb.strip()]
    expect(not empty, f"properties that nobody described: {empty}")


def check_shader():
    """24-bit pixels as a texture of bytes, and the shader that unpacks them."""
    width, height = 642, 50
    stride = (3 * width + 3) // 4 * 4    # GStreamer's own, behind it
    pixels = os.urandom(3 * width * height)
    with open(os.path.join(TOP, "tests", "examples", "unpack24.frag")) as file:
        shader = file.read()
    display = Display()
    try:
        with tempfile.TemporaryDirectory() as directory:
            bar, out = (os.path.join(directory, n) for n in ("bar", "out"))
            with open(bar, "wb") as file:
                file.write(pixels)
            done = subprocess.run(
                ["gst-launch-1.0", "-q", "mmiovidsrc", f"device={bar}",
                 "num-buffers=1", "format=gray8", f"width={3 * width}",
                 f"height={height}", "!", "glupload", "!", "glcolorconvert",
                 "!", "glshader", f'fragment="{shader}"', "!",
                 f"video/x-raw(memory:GLMemory),width={width},height={height},"
                 "pixel-aspect-ratio=1/1", "!", "gldownload", "!",
                 "videoconvert", "!", "video/x-raw,format=RGB", "!",
                 "filesink", f"location={out}"],
                env=environment(DISPLAY=display.name,
                                GST_PLUGIN_PATH_1_0=PLUGIN_DIR,
                                GST_REGISTRY_1_0=os.path.join(SHOTS,
                                                              "registry")),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, timeout=PATIENCE)
            expect(done.returncode == 0,
                   f"status {done.returncode}: {done.stdout}")
            with open(out, "rb") as file:
                rendered = file.read()
    finally:
        display.close()
    expect(len(rendered) == stride * height, f"{len(rendered)} bytes")
    wrong = [y for y in range(height)
             if rendered[y * stride:][:3 * width] !=
             pixels[y * 3 * width:][:3 * width]]
    expect(not wrong, f"rows {wrong} are wrong")


# A frame is a burst of datagrams, and several have to find room in a socket's
# buffer, as the kernel has it by default, where the receiver has to wait
WIDTH, HEIGHT = 80, 60
SIZE = WIDTH * HEIGHT * 3
SOURCE = ["mmiovidsrc", "num-buffers=60", "format=rgb", f"width={WIDTH}",
          f"height={HEIGHT}", "!", "video/x-raw,format=RGB,framerate=25/1", "!",
          "tee", "name=t", "!", "queue", "!", "filesink", "location=sent", "t.",
          "!", "queue", "!"]


def launch(directory, *pipeline):
    """A pipeline that runs."""
    return subprocess.Popen(
        ["gst-launch-1.0", "-q", *pipeline], cwd=directory,
        env=environment(GST_PLUGIN_PATH_1_0=PLUGIN_DIR,
                        GST_REGISTRY_1_0=os.path.join(SHOTS, "registry")),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)


def finish(process):
    text, _ = process.communicate(timeout=PATIENCE)
    expect(process.returncode == 0, f"status {process.returncode}: {text}")


def frames_of(directory, name):
    with open(os.path.join(directory, name), "rb") as file:
        data = file.read()
    return [data[at:at + SIZE] for at in range(0, len(data), SIZE)]


def bits(frame):
    """The cells at the left edge that number a frame, of a row in the middle,
    light or dark."""
    row = frame[HEIGHT // 2 * WIDTH * 3:][:WIDTH * 3]
    return [sum(row[3 * x:3 * x + 3]) > 330 for x in range(0, 48, 2)]


def check_recording():
    """What is recorded is what was captured, as far as VP8 can say it."""
    with tempfile.TemporaryDirectory() as directory:
        finish(launch(directory, *SOURCE, "videoconvert", "!", "vp8enc",
                      "deadline=1", "target-bitrate=4000000", "!",
                      "matroskamux", "!", "filesink", "location=r.mkv"))
        finish(launch(directory, "filesrc", "location=r.mkv", "!",
                      "matroskademux", "!", "vp8dec", "!", "videoconvert", "!",
                      "video/x-raw,format=RGB", "!", "filesink",
                      "location=got"))
        sent, got = (frames_of(directory, name) for name in ("sent", "got"))
    expect(len(sent) == len(got) == 60, f"{len(sent)} sent, {len(got)} got")
    for number, (a, b) in enumerate(zip(sent, got)):
        difference = sum(abs(x - y) for x, y in zip(a, b)) / SIZE
        expect(difference < 8 and bits(a) == bits(b),
               f"frame {number}: {difference} a byte, {bits(a)} and {bits(b)}")
    expect(len({tuple(bits(frame)) for frame in got}) > 30, "it stands still")


def check_streaming():
    """What comes out of the network is what went in, to the last bit."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        receiver = launch(
            directory, "udpsrc", "address=127.0.0.1", f"port={port}",
            "buffer-size=2000000", "caps=application/x-rtp,media=video,"
            "clock-rate=90000,encoding-name=RAW,sampling=RGB,depth=(string)8,"
            f"width=(string){WIDTH},height=(string){HEIGHT},payload=96", "!",
            "rtpjitterbuffer", "!", "rtpvrawdepay", "!", "filesink",
            "location=got", "buffer-mode=unbuffered")
        try:
            end = time.monotonic() + PATIENCE
            while f":{port:04X} " not in open("/proc/net/udp").read():
                expect(time.monotonic() < end and receiver.poll() is None,
                       "nobody listens")
                time.sleep(0.1)
            finish(launch(directory, *SOURCE, "rtpvrawpay", "pt=96", "!",
                          "udpsink", "host=127.0.0.1", f"port={port}"))
            sent = frames_of(directory, "sent")

            def arrived():
                # The last one may still be being written
                return [frame for frame in frames_of(directory, "got")
                        if len(frame) == SIZE]

            # The last one may wait for one that does not come
            while len(arrived()) < len(sent) - 1:
                expect(time.monotonic() < end, "they do not come: "
                       f"{len(arrived())} of {len(sent)}")
                time.sleep(0.1)
            got = arrived()
        finally:
            receiver.kill()
            receiver.communicate()
    expect(len(set(sent)) > 30, "it stands still")
    wrong = [n for n, frame in enumerate(got) if frame != sent[n]]
    expect(not wrong, f"frames {wrong} of {len(got)} are others than were sent")


def main():
    checks = [
        ("without a display ./demo writes the picture", check_no_display),
        ("without a display ./demo says so", check_says_no_display),
        ("a display that cannot be opened is as good as none",
         check_dead_display),
        ("arguments go to the element", check_arguments),
        ("a padding byte of 0 is not transparent in the PNG", check_opaque),
        ("warnings of the element are shown", check_warnings),
        ("./demo builds what the documents run after it",
         check_builds_what_documents_run),
        ("a bad device: the element's own words", check_bad_device),
        ("no such property: refused", check_bad_property),
        ("no property at all: refused", check_bad_argument),
        ("gst-inspect-1.0 describes mmiovidsrc", check_inspect),
        ("the moving picture by ximagesink",
         lambda: check_window("ximagesink", "GstXImageSink")),
        ("the moving picture by glimagesink",
         lambda: check_window("glimagesink", "GstGLImageSinkBin")),
        ("a mode change by ximagesink: the window stays, the frame is centred",
         lambda: check_mode_change("ximagesink", False)),
        ("a mode change by glimagesink: the window stays, the frame is scaled",
         lambda: check_mode_change("glimagesink", True)),
        ("the shader for GPUs without 24-bit textures", check_shader),
        ("recorded to a file and played back", check_recording),
        ("over RTP and back", check_streaming),
        ("Ctrl-C ends it", check_interrupt),
        ("closing ximagesink's window ends it",
         lambda: check_close("ximagesink")),
        ("closing glimagesink's window ends it",
         lambda: check_close("glimagesink")),
    ]
    pattern = sys.argv[2] if len(sys.argv) > 2 else ""
    checks = [check for check in checks if re.search(pattern, check[0])]
    failed = 0
    print(f"1..{len(checks)}")
    for number, (name, check) in enumerate(checks, 1):
        try:
            check()
            print(f"ok {number} - {name}", flush=True)
        except Exception as why:
            failed += 1
            text = str(why) if isinstance(why, Failure) else \
                traceback.format_exc()
            print(f"not ok {number} - {name}")
            print(re.sub("^", "# ", text, flags=re.MULTILINE), flush=True)
    print(f"# the screenshots are in {SHOTS}")
    return 1 if failed else 0


SHOTS = os.path.abspath(sys.argv[1])
os.makedirs(SHOTS, exist_ok=True)
sys.exit(main())
