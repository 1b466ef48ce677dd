# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU's machine protocol: commands, and pictures of its displays."""

import json
import os


class QmpError(Exception):
    pass


class Qmp:
    """A connection; one command at a time. Of the events only SHUTDOWN is kept."""

    def __init__(self, connection, timeout=60):
        self._socket = connection
        self._socket.settimeout(timeout)
        self._lines = self._socket.makefile("r", encoding="utf-8")
        self._shutdown = None
        self._next()                    # the greeting
        self.command("qmp_capabilities")

    def _next(self):
        line = self._lines.readline()
        if not line:
            raise QmpError("QEMU closed its control socket")
        message = json.loads(line)
        if message.get("event") == "SHUTDOWN":
            self._shutdown = message["data"]
        return message

    def shutdown(self):
        """Why QEMU shut down, as it says: the data of its SHUTDOWN event; None
        if there was no such event."""
        try:
            while self._shutdown is None:
                self._next()
        except (QmpError, OSError, ValueError):
            pass
        return self._shutdown

    def command(self, name, **arguments):
        request = {"execute": name, "arguments": arguments}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            answer = self._next()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise QmpError(f"{name}: {answer['error']['desc']}")

    def screendump(self, device, path):
        """What `device` shows now, as an Image.  `path` is overwritten."""
        self.command("screendump", device=device, filename=path)
        with open(path, "rb") as ppm:
            image = Image.from_ppm(ppm.read())
        os.unlink(path)
        return image

    def close(self):
        self._lines.close()
        self._socket.close()


class Image:
    """Packed RGB rows, three bytes a pixel."""

    def __init__(self, width, height, rgb):
        self.width, self.height, self.rgb = width, height, rgb

    @classmethod
    def from_ppm(cls, data):
        """What QEMU writes: "P6\\nWIDTH HEIGHT\\n255\\n", then the rows."""
        magic, size, depth, rgb = data.split(b"\n", 3)
        width, height = map(int, size.split())
        if (magic, depth, len(rgb)) != (b"P6", b"255", width * height * 3):
            raise QmpError("the screendump is not the kind of PPM expected")
        return cls(width, height, rgb)

    @classmethod
    def from_bgrx(cls, width, height, data):
        rgb = bytearray(width * height * 3)
        rgb[0::3], rgb[1::3], rgb[2::3] = data[2::4], data[1::4], data[0::4]
        return cls(width, height, bytes(rgb))

    def colours(self):
        return len({self.rgb[i:i + 3] for i in range(0, len(self.rgb), 3)})

    def difference(self, other):
        """None when equal, else what differs first, in words."""
        if (self.width, self.height) != (other.width, other.height):
            return (f"sizes {self.width}x{self.height} and "
                    f"{other.width}x{other.height}")
        if self.rgb == other.rgb:
            return None
        wrong = [i for i in range(0, len(self.rgb), 3)
                 if self.rgb[i:i + 3] != other.rgb[i:i + 3]]
        y, x = divmod(wrong[0] // 3, self.width)
        at = slice(wrong[0], wrong[0] + 3)
        return (f"{len(wrong)} of {self.width * self.height} pixels differ, "
                f"first at {x},{y}: {self.rgb[at].hex()} "
                f"and {other.rgb[at].hex()}")
