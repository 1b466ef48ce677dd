# SPDX-License-Identifier: LGPL-2.1-or-later
"""The port behind which devices are plugged in and out."""

import contextlib
import itertools
import time

from bench import PORT
from qmp import QmpError
from stalls import Stalls
from tap import Failure

DEVICE = f"/sys/bus/pci/devices/{PORT}"
# Of what can be plugged in: a BAR 2 that is large enough for the same picture,
# and other ids
_OTHER = {"driver": "pci-testdev", "membar": 1 << 20}
_IDENTS = itertools.count()
# A device is bound as soon as it comes, by whoever waits for it
_BIND = (f"while sleep 0.05; do [ -e {DEVICE}/config -a ! -e {DEVICE}/driver ] "
         f"&& echo vfio-pci >{DEVICE}/driver_override && "
         f"echo {PORT} >/sys/bus/pci/drivers_probe; done")


def unplug(bench, ident):
    """Asks for it, and waits until its place is free."""
    def still_there():
        # The guest gives it back last, after it has gone from its sysfs
        there = bench.guest.qmp.command("qom-list", path="/machine/peripheral")
        return f"{ident} is still there" if ident in (
            item["name"] for item in there) else None

    bench.guest.qmp.command("device_del", id=ident)
    bench.until(still_there, timeout=20, pause=0.02)


class Socket:
    """access: by which the plugged device is to be reached; for vfio, whatever
    is plugged in is bound at once"""

    def __init__(self, bench, access):
        self._bench, self.access = bench, access
        self._ident = self._memory = None
        self._binder = None
        if access == "vfio":
            bench.guest.must("modprobe vfio-pci")
            self.bind_at_once()

    def bind_at_once(self):
        self._binder = self._bench.guest.start(_BIND)

    def bind_no_more(self):
        if self._binder:
            self._binder.stop("KILL")
            self._binder = None

    def plug(self, bar):
        """An ivshmem with this memory."""
        # A backend of its own for each, as QEMU (7.2) ends with a failed
        # assertion when one is given to a second device
        self._memory = f"memory-{next(_IDENTS)}"
        self._bench.guest.qmp.command(
            "object-add", **{"qom-type": "memory-backend-file",
                             "id": self._memory, "mem-path": bar,
                             "size": 1 << 20, "share": True})
        self._add(driver="ivshmem-plain", memdev=self._memory)

    def plug_other(self):
        """A device of another kind, whose memory could be read as well."""
        self._add(**_OTHER)
        self._bench.until(self.missing)
        self._bench.guest.must(f"setpci -s {PORT} COMMAND=2:2")

    def _add(self, **properties):
        self._ident = f"plugged-{next(_IDENTS)}"
        self._bench.guest.qmp.command("device_add", id=self._ident,
                                      bus="socket", **properties)

    def missing(self):
        """Why nobody can open it yet, if so."""
        node = "driver" if self.access == "vfio" else "resource2"
        job = self._bench.guest.run(f"test -e {DEVICE}/{node}")
        return f"{DEVICE}/{node} does not come" if job.status else None

    def unplug(self):
        """Asks for it; how many seconds it took, without those in which this
        machine stood still."""
        with Stalls() as stalls:
            began = time.monotonic()
            unplug(self._bench, self._ident)
            took = time.monotonic() - began
        self._ident = None
        if self._memory:
            self._bench.guest.qmp.command("object-del", id=self._memory)
            self._memory = None
        return took - stalls.seconds

    def close(self):
        if self._ident:
            with contextlib.suppress(QmpError, Failure):
                self.unplug()
        self.bind_no_more()


@contextlib.contextmanager
def socket(bench, access, bar=None):
    """The port, with an ivshmem of this memory in it."""
    port = Socket(bench, access)
    try:
        if bar:
            port.plug(bar)
            bench.until(port.missing)
        yield port
    finally:
        port.close()
