# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files on hugetlbfs, as the memory of virtual machines often is: the kernel
maps and unmaps them by their own pages only, which are larger than the
machine's, and has no more of them than somebody has set aside."""

import contextlib
import os

from bench import check, expect
from check_gone import (expect_no_more, expect_sums, picture_sum, until_error,
                        until_sum)
from check_udmabuf import painter
from picture import Picture, captured_rows, compare, image, noise
from watch import watching

PAGE = 2 << 20
PAGES = 8
PLACE = "/tmp/hugetlbfs"
FILE = f"{PLACE}/memory"
_POOL = f"/sys/kernel/mm/hugepages/hugepages-{PAGE >> 10}kB"

# Within a page of the file, but not at its start; and across two of them
WITHIN = Picture("RGB", 320, 240, offset=4096)
ACROSS = Picture("RGB", 320, 240, offset=PAGE - 100003)


def _pool(bench, name):
    return int(bench.guest.must(f"cat {_POOL}/{name}_hugepages"))


def _set_aside(bench, pages):
    """So many that nobody has, where memory is in one piece; 0 for none."""
    bench.guest.must("echo 1 >/proc/sys/vm/compact_memory; "
                     f"echo {pages} >{_POOL}/nr_hugepages")
    expect(_pool(bench, "nr") >= pages, "the guest has no memory for them")


@contextlib.contextmanager
def _hugetlbfs(bench):
    """Mounted, with so many pages; none of them is missing in the end."""
    try:
        _set_aside(bench, PAGES)
        bench.guest.must(f"mkdir -p {PLACE} && mount -t hugetlbfs none {PLACE}")
        yield
        bench.guest.must(f"rm {FILE}")
        left = {name: _pool(bench, name) for name in ("nr", "free", "resv")}
        expect(left["nr"] == left["free"] and not left["resv"],
               f"somebody still has some of the pages: {left}")
    finally:
        bench.guest.must(f"! mountpoint -q {PLACE} || umount {PLACE}")
        _set_aside(bench, 0)


def _fill(bench, memory):
    """The file's content; there is no write() on hugetlbfs."""
    with open(bench.guest.path("out/memory"), "wb") as file:
        file.write(memory)
    size = -(-len(memory) // PAGE) * PAGE
    bench.guest.must(
        "python3 - <<'END'\n"
        "import mmap, os\n"
        "with open('/mnt/out/memory', 'rb') as file:\n"
        "    memory = file.read()\n"
        f"with open('{FILE}', 'w+b') as file:\n"
        f"    os.ftruncate(file.fileno(), {size})\n"
        f"    mmap.mmap(file.fileno(), {size})[:len(memory)] = memory\n"
        "END")
    os.unlink(bench.guest.path("out/memory"))


def _expect_shown(bench, picture, memory, properties=""):
    data = bench.capture(f"device={FILE} {picture.properties()} {properties}")
    compare(captured_rows(data, picture.form, picture.width, picture.height),
            picture.rows(memory))


def _maps(bench, pid):
    """Lines of its maps that are the file's."""
    return [line for line in
            bench.guest.must(f"cat /proc/{pid}/maps").splitlines()
            if FILE in line]


@contextlib.contextmanager
def _running(bench, io_mode):
    """A pipeline that shows a picture, and stays as it is after an error."""
    memory = noise(ACROSS.end(), 303)
    _fill(bench, memory)
    pipeline = (f"mmiovidsrc name=s device={FILE} io-mode={io_mode} "
                f"{ACROSS.properties()} ! video/x-raw,framerate=20/1 ! queue ! "
                "checksumsink")
    with watching(bench, pipeline, env="WATCH_KEEPS=1") as watch:
        until_sum(watch, picture_sum(memory, ACROSS))
        expect(len(_maps(bench, watch.pid())) == 1, _maps(bench, watch.pid()))
        yield watch, memory


def _expect_lost(bench, watch, *words):
    """One error, after which the process lives and has nothing mapped."""
    until_error(watch, FILE, *words)
    expect_no_more(bench, watch)
    expect(not _maps(bench, watch.pid()), _maps(bench, watch.pid()))


def _for_each_mode(name):
    """Registers a check for copies and for maps."""
    def register(function):
        for io_mode in ("copy", "mmap"):
            check("relaxed", f"hugetlbfs: with io-mode={io_mode}, {name}")(
                lambda bench, io_mode=io_mode: function(bench, io_mode))
        return function
    return register


@_for_each_mode("pictures in one page, and across two, are byte-exact")
def byte_exact(bench, io_mode):
    with _hugetlbfs(bench):
        for seed, picture in enumerate((WITHIN, ACROSS), 300):
            memory = noise(picture.end(), seed)
            _fill(bench, memory)
            _expect_shown(bench, picture, memory, f"io-mode={io_mode}")


@_for_each_mode("a file that becomes shorter is one error")
def shorter(bench, io_mode):
    with _hugetlbfs(bench):
        with _running(bench, io_mode) as (watch, memory):
            bench.guest.must(f"truncate -s {PAGE} {FILE}")
            _expect_lost(bench, watch, "shorter than its frame")
            # Of a map, the zeros that took its place may have been sent
            if io_mode == "copy":
                expect_sums(bench, watch, picture_sum(memory, ACROSS))


@_for_each_mode("a hole for which there is no page is one error, which tells "
                "how to have more")
def hole(bench, io_mode):
    with _hugetlbfs(bench):
        with _running(bench, io_mode) as (watch, memory):
            # But for those that are in use
            _set_aside(bench, 0)
            bench.guest.must(f"fallocate --punch-hole --offset {PAGE} "
                             f"--length {PAGE} {FILE}")
            expect(_pool(bench, "free") == 0, "there are free pages")
            _expect_lost(bench, watch, "no huge pages left", "start again")
            if io_mode == "copy":
                expect_sums(bench, watch, picture_sum(memory, ACROSS))
            bench.follow_advice(watch.errors("s")[0])
            _expect_shown(bench, ACROSS, memory[:PAGE] + bytes(PAGE))


@check("relaxed", "hugetlbfs: a file that nobody has written, without pages "
       "for it, is an error that tells how to have more")
def unwritten(bench):
    with _hugetlbfs(bench):
        bench.guest.must(f"truncate -s {2 * PAGE} {FILE}")
        _set_aside(bench, 1)
        message = bench.error(f"device={FILE} {ACROSS.properties()}")
        expect(FILE in message and "no huge pages left" in message, message)
        bench.follow_advice(message)
        _expect_shown(bench, ACROSS, bytes(2 * PAGE))


@check("relaxed", "hugetlbfs: kmssink shows memory in huge pages without a "
       "copy")
def display(bench):
    picture = Picture("BGRx", 640, 480, offset=4096)
    painted = {image(picture, noise(PAGE, seed)).rgb for seed in range(150)}
    try:
        _set_aside(bench, 1)
        with painter(bench, PAGE, kind="huge") as path, \
                watching(bench, f"mmiovidsrc name=s device={path} "
                         f"io-mode=dmabuf {picture.properties()} ! kmssink "
                         "driver-name=bochs-drm force-modesetting=true"
                         ) as watch:
            def wrong():
                return None if bench.guest.screendump("console").rgb in \
                    painted else "no picture that was painted"
            watch.until(wrong)
            stats = watch.frame_stats("s")
            expect(stats["io-mode"] == "dmabuf" and stats["bytes-read"] == "0",
                   stats)
    finally:
        _set_aside(bench, 0)
