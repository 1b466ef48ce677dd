# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices that go away under a running pipeline, and come back.  By sysfs the
map of one that has gone stays, and shows what is at its address then; by vfio
the kernel waits until the map is let go.  Whatever happens, what the pipeline
has sent is the device's picture, to the last byte of each frame."""

import contextlib
import functools
import hashlib
import re

from bench import IVSHMEM, NETWORK, NOBODY, PORT, check, expect
from holdings import (Holdings, device_fds, device_maps, expect_let_go,
                      has_thread)
from hotplug import DEVICE, socket
from picture import Picture, captured_rows, compare, noise
from rules import choose
from stalls import Stalls
from tap import Failure
from watch import watching

PICTURE = Picture("RGB", 320, 240)
# The longest that somebody who takes a device away has to wait
PROMPTLY = 2.0
# Native hotplug adds 5 seconds, in which an operator can cancel, and 1 second after
# the power is off (PCI Express Base 4.0, 6.7.1.5 and 6.7.1.8)
NATIVE = {"amd64": 0.0, "arm64": 6.0}
CYCLES = {"amd64": 50, "arm64": 3}


def both(name, subject="gone", boots="strict"):
    """Registers a check for each way to reach a device."""
    def register(function):
        for access in ("sysfs", "vfio"):
            check(boots, f"{subject}: by {access}, {name}")(
                functools.partial(function, access=access))
        return function
    return register


def picture_sum(memory, picture=PICTURE):
    """What checksumsink tells of a picture whose rows have no padding."""
    return hashlib.sha1(b"".join(picture.rows(memory)[0])).hexdigest()


def paint(bench, bar, seed, picture=PICTURE):
    """New noise into a device's memory; the picture's sum."""
    memory = noise(picture.end(), seed)
    bench.paint(bar, memory)
    return picture_sum(memory, picture)


@contextlib.contextmanager
def running(bench, access, properties="", device=PORT, bar=2, nobody=False,
            picture=PICTURE, env=""):
    """A pipeline that tells the sum of each frame, and stays as it is after an
    error."""
    pipeline = (f"mmiovidsrc name=s device={device} bar={bar} "
                f"access={access} {properties} {picture.properties()} ! "
                "video/x-raw,framerate=100/1 ! queue ! checksumsink")
    with watching(bench, pipeline, nobody,
                  env=f"WATCH_KEEPS=1 {env}") as watch:
        yield watch


def until_sum(watch, wanted, more=3):
    """Until so many more frames have come, and the last one is this."""
    before = len(watch.sums())

    def problem():
        sums = watch.sums()
        if len(sums) < before + more:
            return f"{len(sums)} frames, {before} before\n{watch.describe()}"
        return None if sums[-1] == wanted else f"the last frame is {sums[-1]}"

    watch.until(problem)


def expect_sums(bench, watch, *wanted):
    """Each frame is the first of these pictures, until each is the next."""
    sums, left = watch.sums(), list(wanted)
    for n, got in enumerate(sums):
        while left and got != left[0]:
            left.pop(0)
        expect(left, f"frame {n} of {len(sums)} is no picture that may be "
               f"there: {got}; it is none of {wanted}, or an old one")
    expect(len(left) == 1, f"the last {len(left) - 1} pictures never came")
    bench.comment(f"{len(sums)} frames")


# GStreamer's own, of every source that has ended with an error
_AFTERWARDS = "Internal data stream error."


def until_error(watch, *words):
    """One error, and it has these words."""
    watch.until(lambda: None if watch.errors("s") else
                f"no error\n{watch.describe()}")
    errors = [error for error in watch.errors("s") if error != _AFTERWARDS]
    expect(len(errors) == 1, errors)
    for word in words:
        expect(word in errors[0], f"no {word} in: {errors[0]}")


_WAITS = "The capture continues when the device returns."


def until_told(watch, *states):
    """What the application was told of the device so far."""
    def problem():
        told = [state for _, state, _ in watch.devices("s")]
        expect(told == list(states)[:len(told)], f"told {told}, not {states}")
        return None if told == list(states) else \
            f"told {told}, not yet {states}\n{watch.describe()}"
    watch.until(problem)
    for address, state, reason in watch.devices("s"):
        expect(state == "here" or reason not in ("", "-"), "gone for no reason")
        expect(re.fullmatch(r"0000:\d\d:\d\d\.\d", address), address)
    expect(not watch.errors("s"), watch.errors("s"))
    gone = states.count("gone")
    warnings = [text for text in watch.warnings("s") if _WAITS in text]
    expect(len(warnings) == gone,
           f"{gone} times gone, with warnings: {watch.warnings('s')}")


def timed(bench, command, limit=PROMPTLY):
    """It fails if this is not prompt, however slow this machine is."""
    with Stalls() as stalls:
        output = bench.guest.must(f"TIMEFORMAT=%R; time {{ {command}; }}",
                                  timeout=20)
    took = float(output.split()[-1]) - stalls.seconds
    bench.comment(f"took {took} s: {command}")
    expect(took < limit, f"{command} took {took} s")


def expect_prompt(bench, took):
    bench.comment(f"device_del: gone after {took:.2f} s")
    took -= NATIVE[bench.guest.arch.name]
    expect(took < PROMPTLY, f"it took {took} s until it had gone")


def expect_no_more(bench, watch):
    """After an error no frame comes."""
    # As they leave the source: what waits in the queue may still be seen
    seen = len(watch.frames("s"))
    bench.guest.must("sleep 0.3")
    expect(len(watch.frames("s")) == seen, "frames after the error")


# Unplugged

@both("a device that is unplugged; nothing of it is kept",
      boots="strict arm64")
def unplugged(bench, access):
    shown = paint(bench, "one", 100)
    with socket(bench, access, "one") as port, \
            running(bench, access) as watch:
        until_sum(watch, shown)
        expect(device_maps(bench, watch.pid()), "no map of it is seen")
        expect_prompt(bench, port.unplug())
        until_error(watch, PORT, "unplugged")
        expect_let_go(bench, watch)
        expect_no_more(bench, watch)
        expect_sums(bench, watch, shown)
        expect(not watch.devices("s") and not watch.warnings("s"),
               watch.describe())


@both("removed from the bus while the pipeline is paused")
def removed_paused(bench, access):
    shown = paint(bench, "one", 101)
    with socket(bench, access, "one") as port, \
            running(bench, access) as watch:
        until_sum(watch, shown)
        watch.do("pause")
        timed(bench, f"echo 1 >{DEVICE}/remove")
        expect_let_go(bench, watch)
        bench.guest.must("echo 1 >/sys/bus/pci/rescan")
        bench.until(port.missing)
        paint(bench, "one", 102)
        watch.do("play")
        until_error(watch, PORT, "unplugged")
        expect_sums(bench, watch, shown)


@both("unplugged while an application keeps a frame of a pipeline that has "
      "ended")
def unplugged_and_kept(bench, access):
    shown = paint(bench, "one", 103)
    with socket(bench, access, "one") as port, \
            running(bench, access, "io-mode=mmap") as watch:
        until_sum(watch, shown)
        watch.do("keep")
        watch.do("ready")
        expect(device_maps(bench, watch.pid()), "no map of it is kept")
        expect_prompt(bench, port.unplug())
        expect_let_go(bench, watch)
        expect_sums(bench, watch, shown)
        watch.do("drop")
        watch.until(lambda: "it is still listened for"
                    if has_thread(bench, watch, "mmio-watch") else None)


@both("started again as soon as an application has let go of the last frame")
def kept_and_again(bench, access):
    first = paint(bench, "one", 104)
    with socket(bench, access, "one"), \
            running(bench, access, "io-mode=mmap") as watch:
        until_sum(watch, first)
        for seed in (105, 106, 107):
            watch.do("keep")
            watch.do("ready")
            shown = paint(bench, "one", seed)
            watch.do("again")
            until_sum(watch, shown)
        expect(not watch.errors("s"), watch.errors("s"))


def _swap(bench, port):
    """Another device of the same kind at the same address."""
    paint(bench, "other", 111)
    port.unplug()
    port.plug("other")
    bench.until(port.missing)


@both("another device at the same address is never shown",
      boots="strict arm64")
def swapped(bench, access):
    shown = paint(bench, "one", 110)
    with socket(bench, access, "one") as port, \
            running(bench, access) as watch:
        until_sum(watch, shown)
        _swap(bench, port)
        expect_sums(bench, watch, shown)
        until_error(watch, PORT, "unplugged")
        expect_let_go(bench, watch)
        expect_no_more(bench, watch)
        expect_sums(bench, watch, shown)


@both("another device at the same address is not shown by a pipeline that was "
      "paused")
def swapped_paused(bench, access):
    shown = paint(bench, "one", 112)
    with socket(bench, access, "one") as port, \
            running(bench, access) as watch:
        until_sum(watch, shown)
        watch.do("pause")
        _swap(bench, port)
        watch.do("play")
        bench.guest.must("sleep 0.3")
        expect_sums(bench, watch, shown)
        until_error(watch, PORT, "unplugged")
        expect_let_go(bench, watch)
        expect_sums(bench, watch, shown)


@both("with reconnect, a device of another kind is left alone, and the right "
      "one shown")
def other_kind(bench, access):
    first = paint(bench, "one", 120)
    with socket(bench, access, "one") as port, \
            running(bench, access, "reconnect=true") as watch:
        until_sum(watch, first)
        port.unplug()
        until_told(watch, "gone")
        expect_let_go(bench, watch)
        second = paint(bench, "one", 121)
        port.plug_other()
        bench.until(port.missing)
        # It has been looked at by then
        watch.until(lambda: None if len(watch.warnings("s")) == 2 else
                    f"not told that another one is there\n{watch.describe()}")
        expect("1b36:0005" in watch.warnings("s")[1], watch.warnings("s"))
        expect_let_go(bench, watch)
        port.unplug()
        until_told(watch, "gone")
        port.plug("one")
        until_told(watch, "gone", "here")
        until_sum(watch, second)
        expect_sums(bench, watch, first, second)


@both("many times out and in with reconnect, and nothing is left behind",
      boots="strict arm64")
def cycles(bench, access):
    count = CYCLES[bench.guest.arch.name]
    sums, before = [paint(bench, "one", 1000)], None
    with socket(bench, access, "one") as port, \
            running(bench, access, "reconnect=true") as watch:
        until_sum(watch, sums[0])
        slowest = 0.0
        for n in range(1, count + 1):
            slowest = max(slowest, port.unplug())
            sums.append(paint(bench, "one", 1000 + n))
            port.plug("one")
            watch.until(lambda: None if watch.sums()[-1] == sums[-1] else
                        f"not the picture of cycle {n}\n{watch.describe()}")
            # By now it has had each thing that it needs once
            if n == min(3, count - 1):
                before = Holdings.of(bench, watch)
        until_told(watch, *["gone", "here"] * count)
        until_sum(watch, sums[-1])
        expect_sums(bench, watch, *sums)
        # Threads that have ended take a moment to go
        watch.until(lambda: Holdings.of(bench, watch).left_behind(before, n))
        bench.comment(f"{count} times: {before}; then "
                      f"{Holdings.of(bench, watch)}; the slowest time out was "
                      f"{slowest:.2f} s")
    expect_prompt(bench, slowest)


# Still there, but not to be read

@both("memory decoding is switched off, which is an error")
def decoding_off(bench, access):
    shown = paint(bench, "one", 130)
    with socket(bench, access, "one"), running(bench, access) as watch:
        until_sum(watch, shown)
        bench.guest.must(f"setpci -s {PORT} COMMAND=0:2")
        until_error(watch, PORT, "decoding", "setpci")
        expect_let_go(bench, watch)
        bench.guest.must(f"setpci -s {PORT} COMMAND=2:2")
        expect_no_more(bench, watch)
        expect_sums(bench, watch, shown)


@check("strict", "gone: by sysfs, memory decoding is switched off and on with "
       "reconnect")
def decoding_off_and_on(bench):
    first = paint(bench, "one", 131)
    with socket(bench, "sysfs", "one"), \
            running(bench, "sysfs", "reconnect=true") as watch:
        until_sum(watch, first)
        bench.guest.must(f"setpci -s {PORT} COMMAND=0:2")
        until_told(watch, "gone")
        expect("decoding" in watch.devices("s")[0][2], watch.devices("s"))
        second = paint(bench, "one", 132)
        bench.guest.must(f"setpci -s {PORT} COMMAND=2:2")
        until_told(watch, "gone", "here")
        until_sum(watch, second)
        expect_sums(bench, watch, first, second)


@check("strict", "gone: by vfio, memory decoding is switched off with "
       "reconnect, which switches it on")
def decoding_off_by_vfio(bench):
    shown = paint(bench, "one", 133)
    with socket(bench, "vfio", "one"), \
            running(bench, "vfio", "reconnect=true") as watch:
        until_sum(watch, shown)
        bench.guest.must(f"setpci -s {PORT} COMMAND=0:2")
        until_told(watch, "gone", "here")
        expect("decoding" in watch.devices("s")[0][2], watch.devices("s"))
        command = int(bench.guest.must(f"setpci -s {PORT} COMMAND"), 16)
        expect(command & 2, f"COMMAND is {command:#x}")
        until_sum(watch, shown)
        expect_sums(bench, watch, shown)


# More than a megabyte would not fit; as much as possible, so that it is being
# read most of the time
_LARGE = Picture("RGB", 640, 480)
_RESETS = 100


@both(f"{_RESETS} resets while a large picture is read, with reconnect")
def resets(bench, access):
    shown = paint(bench, "one", 140, _LARGE)
    with socket(bench, access, "one"), \
            running(bench, access, "reconnect=true engine=u32",
                    picture=_LARGE) as watch:
        bench.comment("reset method: "
                      + bench.guest.must(f"cat {DEVICE}/reset_method").strip())
        until_sum(watch, shown)
        bench.guest.must(
            f"for n in $(seq {_RESETS}); do echo 1 >{DEVICE}/reset && "
            "sleep 0.0$((RANDOM % 80 + 10)) || exit 1; done")
        sent = len(watch.frames("s"))

        # It is back from the last one: frames are sent, not only rendered
        def not_back():
            told = [state for _, state, _ in watch.devices("s")]
            return None if len(watch.frames("s")) >= sent + 3 and \
                len(told) % 2 == 0 else f"told: {told}"

        watch.until(not_back)
        until_sum(watch, shown)
        # One that begins and ends between the two checks of a frame is not
        # noticed (docs/security.md), and may spoil that frame
        bad = sum(1 for got in watch.sums() if got != shown)
        bench.comment(f"{bad} of {len(watch.sums())} frames are not right")
        expect(bad <= _RESETS, f"{bad} frames are wrong in {_RESETS} resets")
        told = [state for _, state, _ in watch.devices("s")]
        bench.comment(f"told: {told}")
        expect(told == ["gone", "here"] * (len(told) // 2), told)
        expect(not watch.errors("s"), watch.errors("s"))


# Drivers

@check("strict", "gone: by sysfs, a driver takes the BAR under the map")
def driver_bound(bench):
    with _network(bench) as watch:
        bench.guest.must(f"echo {NETWORK} >/sys/bus/pci/drivers/e1000e/bind")
        until_error(watch, NETWORK)
        expect_let_go(bench, watch)
        expect_no_more(bench, watch)
        _expect_one_sum(bench, watch)


@check("strict", "gone: by sysfs, a driver takes the BAR and gives it back, "
       "with reconnect")
def driver_bound_and_unbound(bench):
    with _network(bench, "reconnect=true") as watch:
        bench.guest.must(f"echo {NETWORK} >/sys/bus/pci/drivers/e1000e/bind")
        until_told(watch, "gone")
        expect_let_go(bench, watch)
        seen = len(watch.sums())
        _unbind_network(bench)
        until_told(watch, "gone", "here")
        watch.until(lambda: None if len(watch.sums()) >= seen + 3 else
                    "no more frames")
        _expect_one_sum(bench, watch)


def _unbind_network(bench):
    bench.guest.must(f"echo {NETWORK} >/sys/bus/pci/drivers/e1000e/unbind")


@contextlib.contextmanager
def _network(bench, properties=""):
    """A pipeline that shows a BAR of the network card that is safe to read: its
    flash."""
    network = f"/sys/bus/pci/devices/{NETWORK}"
    driver = f"{network}/driver"
    # Whichever has it
    bench.guest.must(f"modprobe e1000e; test ! -e {driver} || "
                     f"echo {NETWORK} >{driver}/unbind; "
                     f"echo >{network}/driver_override")
    small = Picture("RGB", 64, 32)
    pipeline = (f"mmiovidsrc name=s device={NETWORK} bar=1 access=sysfs "
                f"{properties} {small.properties()} ! "
                "video/x-raw,framerate=100/1 ! queue ! checksumsink")
    try:
        with watching(bench, pipeline, env="WATCH_KEEPS=1") as watch:
            watch.until(lambda: None if len(watch.sums()) > 3 else "no frames")
            yield watch
    finally:
        bench.guest.must(f"test -e {driver} || "
                         f"echo {NETWORK} >/sys/bus/pci/drivers/e1000e/bind")


def _expect_one_sum(bench, watch):
    sums = watch.sums()
    expect(len(set(sums)) == 1, f"not all are one picture: {set(sums)}")
    bench.comment(f"{len(sums)} frames")


@check("strict", "gone: by sysfs, another program takes the device by vfio")
def taken_by_vfio(bench):
    memory = noise(PICTURE.end(), 150)
    bench.paint("one", memory)
    with socket(bench, "sysfs", "one"), running(bench, "sysfs") as watch:
        until_sum(watch, picture_sum(memory))
        bench.guest.must(f"modprobe vfio-pci; "
                         f"echo vfio-pci >{DEVICE}/driver_override; "
                         f"echo {PORT} >/sys/bus/pci/drivers_probe")
        _expect_shown(bench, "vfio", memory)
        until_error(watch, PORT)
        expect_let_go(bench, watch)
        expect_sums(bench, watch, picture_sum(memory))


def _expect_shown(bench, access, memory, nobody=False):
    """Whoever comes now sees the device's picture."""
    data = bench.capture(f"device={PORT} bar=2 access={access} "
                         f"{PICTURE.properties()}", nobody=nobody)
    compare(captured_rows(data, PICTURE.form, PICTURE.width, PICTURE.height),
            PICTURE.rows(memory))


_UNBIND = f"echo {PORT} >/sys/bus/pci/drivers/vfio-pci/unbind"


@check("strict", "gone: by vfio, unbound from its driver, which is an error")
def unbound(bench):
    shown = paint(bench, "one", 160)
    with socket(bench, "vfio", "one") as port, \
            running(bench, "vfio") as watch:
        until_sum(watch, shown)
        port.bind_no_more()
        timed(bench, _UNBIND)
        until_error(watch, PORT, "unplugged")
        expect_let_go(bench, watch)
        expect_sums(bench, watch, shown)


@check("strict", "gone: by vfio, unbound while paused and bound again, with "
       "reconnect")
def unbound_and_bound(bench):
    first = paint(bench, "one", 161)
    with socket(bench, "vfio", "one") as port, \
            running(bench, "vfio", "reconnect=true") as watch:
        until_sum(watch, first)
        port.bind_no_more()
        timed(bench, _UNBIND)
        until_told(watch, "gone")
        expect_let_go(bench, watch)
        port.bind_at_once()
        until_told(watch, "gone", "here")
        until_sum(watch, first)
        watch.do("pause")
        port.bind_no_more()
        timed(bench, _UNBIND)
        expect_let_go(bench, watch)
        second = paint(bench, "one", 162)
        port.bind_at_once()
        watch.do("play")
        until_told(watch, "gone", "here", "gone", "here")
        until_sum(watch, second)
        expect_sums(bench, watch, first, second)


# Whoever does it

@both("killed at several moments, it leaves the device usable")
def killed(bench, access):
    memory = noise(PICTURE.end(), 170)
    bench.paint("one", memory)
    start = (f"gst-launch-1.0 mmiovidsrc device={PORT} bar=2 "
             f"access={access} {PICTURE.properties()}")
    with socket(bench, access, "one"):
        # How long it takes until the first frame is out
        whole = float(bench.guest.must(
            f"TIMEFORMAT=%R; time {{ {start} num-buffers=1 ! fakesink; }} "
            ">/dev/null").split()[-1])
        for part in (0.7, 0.85, 1.0, 1.3):
            job = bench.guest.run(
                f"( exec {start} ! video/x-raw,framerate=100/1 ! fakesink ) & "
                f"sleep {part * whole:.3f}; kill -9 $!; wait $!")
            expect(job.status == 137, job.describe())
            _expect_shown(bench, access, memory)


@both("a child has nothing of the device")
def children(bench, access):
    shown = paint(bench, "one", 180)
    with socket(bench, access, "one"), running(bench, access) as watch:
        until_sum(watch, shown)
        expect(device_maps(bench, watch.pid()), "no map of it is seen")
        forked, program = watch.fork()
        bench.until(lambda: None if "sleep" in bench.guest.must(
            f"cat /proc/{program}/comm") else "it is no other program yet")
        expect(bench.guest.must(f"cat /proc/{forked}/comm").strip() ==
               "mmiovid-watch", "it is another program")
        for pid in (forked, program):
            expect(not device_maps(bench, pid), device_maps(bench, pid))
        expect(not device_fds(bench, program), device_fds(bench, program))
        until_sum(watch, shown)
        expect_sums(bench, watch, shown)


_RULES = "/etc/udev/rules.d/70-mmiovid.rules"


def _rule(access):
    # By vfio, somebody else binds the device
    return 'SUBSYSTEM=="vfio", OWNER="nobody"\n' if access == "vfio" else \
        choose("sysfs", "1af4", "1110").replace("video", "nogroup")


@contextlib.contextmanager
def _udevd(bench, rule):
    with open(bench.guest.path("out/rules"), "w", encoding="utf-8") as file:
        file.write(rule)
    bench.guest.must(f"mv /mnt/out/rules {_RULES}")
    job = bench.guest.start("exec /lib/systemd/systemd-udevd")
    try:
        bench.until(lambda: bench.guest.run("udevadm control --ping").status
                    and f"no udevd\n{job.describe()}" or None)
        yield
    finally:
        job.stop("TERM")
        bench.guest.must(f"rm -rf /run/udev {_RULES}")


@both("a plain user for whom there is a udev rule sees it go and come back")
def plain_user(bench, access):
    first = paint(bench, "one", 190)
    with _udevd(bench, _rule(access)), socket(bench, access, "one") as port:
        bench.guest.must("udevadm settle")
        with running(bench, access, "reconnect=true", nobody=True) as watch:
            until_sum(watch, first)
            status = bench.guest.must(f"cat /proc/{watch.pid()}/status")
            expect(re.search(r"^CapEff:\s0+$", status, re.MULTILINE) and
                   not re.search(r"^Uid:.*\b0\b", status, re.MULTILINE), status)
            expect_prompt(bench, port.unplug())
            until_told(watch, "gone")
            second = paint(bench, "one", 191)
            port.plug("one")
            until_told(watch, "gone", "here")
            until_sum(watch, second)
            expect_sums(bench, watch, first, second)
