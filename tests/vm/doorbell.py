# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host's side of an ivshmem-doorbell device: what QEMU calls an ivshmem
server (docs/specs/ivshmem-spec.rst), with one client."""

import array
import os
import socket
import struct
import threading

_VERSION = 0
_SHARED_MEMORY = -1
# The guest is the only peer
_PEER = 0


class Doorbell:
    """Listens on `path`; QEMU has to come before anybody rings."""

    def __init__(self, path, size, vectors):
        self._connection = None
        self._memory = os.memfd_create("doorbell", os.MFD_CLOEXEC)
        os.truncate(self._memory, size)
        self._events = [os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
                        for _ in range(vectors)]
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(path)
        self._listening.listen(1)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        try:
            self._connection, _ = self._listening.accept()
            self._send(_VERSION)
            self._send(_PEER)
            self._send(_SHARED_MEMORY, self._memory)
            for event in self._events:
                self._send(_PEER, event)
        except OSError:
            pass            # closed by close(), or QEMU has ended

    def _send(self, number, descriptor=None):
        rights = [] if descriptor is None else [
            (socket.SOL_SOCKET, socket.SCM_RIGHTS,
             array.array("i", [descriptor]))]
        self._connection.sendmsg([struct.pack("<q", number)], rights)

    def path(self):
        """Where its memory is a file, as long as this process lives."""
        return f"/proc/{os.getpid()}/fd/{self._memory}"

    def ring(self, vector=0):
        """One interrupt; QEMU takes several at once for one."""
        os.eventfd_write(self._events[vector], 1)

    def close(self):
        for end in (self._listening, self._connection):
            if end is not None:
                end.close()
        for descriptor in (self._memory, *self._events):
            os.close(descriptor)
