# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plugin under test: built inside the guest, from this source tree."""

import glob
import hashlib
import os
import shutil
import time

# What it is made from
_SOURCES = ["meson.build", "meson_options.txt", "src", "gst"]


class Plugin:
    """Builds when first wanted; what the same sources and the same image gave
    in an earlier run is used again."""

    def __init__(self, source, image, cache, progress):
        self._source, self._progress = source, progress
        self._cache = cache
        self._built = os.path.join(cache, f"plugin-{self._key(image)}.so")

    def _files(self):
        for name in _SOURCES:
            path = os.path.join(self._source, name)
            if os.path.isfile(path):
                yield path
            for directory, _, files in sorted(os.walk(path)):
                yield from (os.path.join(directory, file)
                            for file in sorted(files))

    def _key(self, image):
        key = hashlib.sha256(os.path.basename(image).encode())
        for path in self._files():
            with open(path, "rb") as file:
                content = file.read()
            key.update(f"{os.path.relpath(path, self._source)} {len(content)} "
                       .encode() + content)
        return key.hexdigest()[:16]

    def put_into(self, guest):
        if os.path.exists(self._built):
            self._progress("these sources are built already")
        else:
            self._build(guest)
        shutil.copy(self._built, guest.path("plugin/libgstmmiovid.so"))
        # Into the registry now, for others than root cannot write it
        found = guest.must("gst-inspect-1.0 mmiovidsrc >/mnt/out/inspect && "
                           "chmod a+r $GST_REGISTRY && "
                           "gst-inspect-1.0 --version")
        self._progress(f"used with {found.splitlines()[1]}")

    def _build(self, guest):
        self._progress("building the plugin in the guest")
        began = time.monotonic()
        for path in self._files():
            copy = guest.path("source/" + os.path.relpath(path, self._source))
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy2(path, copy)
        os.makedirs(guest.path("source/tests"))
        with open(guest.path("source/tests/meson.build"), "wb"):
            pass                # the tests stay outside
        # In memory, that is quicker than the shared directory
        guest.must("cp -r /mnt/source /tmp/source && cd /tmp/source && "
                   "meson setup /tmp/build --werror && ninja -C /tmp/build && "
                   "cp /tmp/build/gst/libgstmmiovid.so /mnt/out/", timeout=600)
        for old in glob.glob(os.path.join(self._cache, "plugin-*")):
            os.unlink(old)
        shutil.copy(guest.path("out/libgstmmiovid.so"), self._built + ".new")
        os.rename(self._built + ".new", self._built)
        self._progress(f"built in {time.monotonic() - began:.0f} s")
