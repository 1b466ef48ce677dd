# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is under test, built inside the guest from this source tree: the plugin
and mmiovid-probe; and the programs that the checks run there."""

import glob
import hashlib
import os
import shutil
import time

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


class Plugin:
    """Builds when first wanted; what the same sources and the same image gave
    in an earlier run is used again."""

    def __init__(self, source, image, cache, progress):
        self._source, self._progress = source, progress
        self._cache = cache
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
            self._build(guest)
        for name in _BUILT:
            shutil.copy(os.path.join(self._built, os.path.basename(name)),
                        guest.path("plugin" if name == _PLUGIN else "bin"))
        # Into the registry now, for others than root cannot write it
        found = guest.must("gst-inspect-1.0 mmiovidsrc >/mnt/out/inspect && "
                           "chmod a+r $GST_REGISTRY && "
                           "cp /mnt/bin/* /usr/local/bin/ && "
                           "gst-inspect-1.0 --version")
        self._progress(f"used with {found.splitlines()[1]}")

    def _build(self, guest):
        self._progress("building the plugin in the guest")
        began = time.monotonic()
        for path, name in self._files():
            copy = guest.path(os.path.join("source", name))
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy2(path, copy)
        # In memory, that is quicker than the shared directory
        guest.must("cp -r /mnt/source /tmp/source && cd /tmp/source && "
                   "meson setup /tmp/build --werror -Ddebug=false "
                   "-Ddocs=false && "
                   f"cd /tmp/build && ninja {' '.join(_BUILT)} && "
                   f"mkdir /mnt/out/built && cp {' '.join(_BUILT)} "
                   "/mnt/out/built/", timeout=900)
        for old in glob.glob(os.path.join(self._cache, "plugin-*")):
            (shutil.rmtree if os.path.isdir(old) else os.unlink)(old)
        shutil.copytree(guest.path("out/built"), self._built + ".new")
        os.rename(self._built + ".new", self._built)
        self._progress(f"built in {time.monotonic() - began:.0f} s")


def _walk(path, name):
    for directory, _, files in sorted(os.walk(path)):
        inside = os.path.normpath(os.path.join(name,
                                               os.path.relpath(directory,
                                                               path)))
        yield from ((os.path.join(directory, file), os.path.join(inside, file))
                    for file in sorted(files))
