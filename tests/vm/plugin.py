# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the plugin, mmiovid-probe and the programs of the checks for the guest,
from this source tree."""

import glob
import hashlib
import os
import shutil
import subprocess
import tempfile
import time

from tap import Failure

# What they are made from
_SOURCES = ["meson.build", "meson_options.txt", "src", "gst",
            "docs/manual/mmiovid-probe.1"]
# Of the checks; in the guest these take the place of all other tests
_PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                         "programs")
# One that runs outside of the guest as well
_ARRIVE = os.path.join(os.path.dirname(os.path.dirname(_PROGRAMS)), "arrive",
                       "arrive.c")

_PLUGIN = "gst/libgstmmiovid.so"
_BUILT = [_PLUGIN, "src/mmiovid-probe", "tests/mmiovid-watch",
          "tests/mmiovid-interrupts", "tests/mmiovid-arrive"]
_SETUP = ["--werror", "-Ddebug=false", "-Ddocs=false"]

# Meson's description of a build with the guest's libraries.  -B: the compiler of the
# host's own architecture would find the host's libc first.
_CROSS = """
[binaries]
c = ['{compiler}', '--sysroot={sysroot}', '-B{sysroot}/usr/lib/{prefix}']
ar = '{prefix}-ar'
strip = '{prefix}-strip'
pkgconfig = 'pkg-config'

[properties]
sys_root = '{sysroot}'
pkg_config_libdir = ['{sysroot}/usr/lib/{prefix}/pkgconfig',
  '{sysroot}/usr/share/pkgconfig']

[host_machine]
system = 'linux'
cpu_family = '{family}'
cpu = '{family}'
endian = 'little'
"""


class Plugin:
    """Builds when first wanted; what the same sources and the same image gave
    in an earlier run is used again."""

    def __init__(self, source, image, cache, arch, progress):
        self._source, self._progress = source, progress
        self._image, self._cache, self._arch = image, cache, arch
        self._built = os.path.join(cache, f"plugin-{self._key(image)}")

    def _files(self):
        """Each file that goes into the build, and its name there."""
        for name in _SOURCES:
            path = os.path.join(self._source, name)
            if os.path.isfile(path):
                yield path, name
            yield from _walk(path, name)
        yield from _walk(_PROGRAMS, "tests")
        yield _ARRIVE, "tests/arrive.c"

    def _key(self, image):
        key = hashlib.sha256(" ".join([os.path.basename(image), *_BUILT])
                             .encode())
        for path, name in self._files():
            with open(path, "rb") as file:
                content = file.read()
            key.update(f" {name} {len(content)} ".encode() + content)
        return key.hexdigest()[:16]

    def put_into(self, guest):
        if os.path.exists(self._built):
            self._progress("these sources are built already")
        else:
            self._make()
        for name in _BUILT:
            shutil.copy(os.path.join(self._built, os.path.basename(name)),
                        guest.path("plugin" if name == _PLUGIN else "bin"))
        # Into the registry now, for others than root cannot write it
        found = guest.must("gst-inspect-1.0 mmiovidsrc >/mnt/out/inspect && "
                           "chmod a+r $GST_REGISTRY && "
                           "cp /mnt/bin/* /usr/local/bin/ && "
                           "gst-inspect-1.0 --version")
        self._progress(f"used with {found.splitlines()[1]}")

    def _make(self):
        began = time.monotonic()
        made = self._built + ".new"
        shutil.rmtree(made, ignore_errors=True)
        os.mkdir(made)
        self._build(made)
        for old in glob.glob(os.path.join(self._cache, "plugin-*")):
            if old != made:
                (shutil.rmtree if os.path.isdir(old) else os.unlink)(old)
        os.rename(made, self._built)
        self._progress(f"built in {time.monotonic() - began:.0f} s")

    def _copy_sources(self, directory):
        for path, name in self._files():
            copy = os.path.join(directory, name)
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy2(path, copy)

    def _build(self, made):
        self._progress("building the plugin for the guest")
        with tempfile.TemporaryDirectory(prefix="mmiovid-cross-") as directory:
            source = os.path.join(directory, "source")
            build = os.path.join(directory, "build")
            cross = os.path.join(directory, "cross.ini")
            prefix = self._arch.compiler.removesuffix("-gcc")
            self._copy_sources(source)
            with open(cross, "w", encoding="utf-8") as file:
                file.write(_CROSS.format(
                    compiler=self._arch.compiler, prefix=prefix,
                    family=prefix.partition("-")[0],
                    sysroot=os.path.join(self._image, "sysroot")))
            _must(["meson", "setup", "--cross-file", cross, *_SETUP,
                   build, source])
            _must(["ninja", "-C", build, *_BUILT])
            for name in _BUILT:
                shutil.copy(os.path.join(build, name), made)


def _must(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}\n{done.stdout}"
                      f"exit {done.returncode}")


def _walk(path, name):
    for directory, _, files in sorted(os.walk(path)):
        inside = os.path.normpath(os.path.join(name,
                                               os.path.relpath(directory,
                                                               path)))
        yield from ((os.path.join(directory, file), os.path.join(inside, file))
                    for file in sorted(files))
