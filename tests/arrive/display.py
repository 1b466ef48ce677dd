# SPDX-License-Identifier: LGPL-2.1-or-later
"""An X display for sinks: Xvfb."""

import os
import shutil
import subprocess


class Display:
    def __init__(self):
        if not shutil.which("Xvfb"):
            raise OSError("there is no Xvfb: install what Debian calls xvfb")
        reader, writer = os.pipe()
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), "-screen", "0", "2048x1200x24",
             "-nolisten", "tcp", "-noreset"],
            pass_fds=[writer], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            number = pipe.readline().strip()
        if not number:
            raise OSError("Xvfb does not start")
        self.name = f":{number}"

    def environment(self):
        """The environment of a user who sits at this display."""
        env = {name: value for name, value in os.environ.items()
               if name not in ("WAYLAND_DISPLAY", "XDG_RUNTIME_DIR")}
        return {**env, "DISPLAY": self.name, "GST_GL_WINDOW": "x11",
                "LC_ALL": "C"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.terminate()
        self._server.wait()
