# SPDX-License-Identifier: LGPL-2.1-or-later
"""udevd in the guest, which boots without."""

import contextlib


@contextlib.contextmanager
def udevd(bench):
    job = bench.guest.start("exec /lib/systemd/systemd-udevd")
    try:
        bench.until(lambda: bench.guest.run("udevadm control --ping").status
                    and f"no udevd\n{job.describe()}" or None)
        yield
    finally:
        job.stop("TERM")
        bench.guest.must("rm -rf /run/udev")
