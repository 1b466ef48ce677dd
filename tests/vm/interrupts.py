# SPDX-License-Identifier: LGPL-2.1-or-later
"""What mmiovid-interrupts tells of a device's interrupt."""

import contextlib

from bench import expect
from tap import Failure


class Interrupts:
    def __init__(self, bench, device, access, user=""):
        self._bench, self._said = bench, 0
        self.job = bench.guest.start(
            "rm -f /tmp/interrupts && mkfifo /tmp/interrupts && "
            "exec 4<>/tmp/interrupts && "
            f"exec {user}mmiovid-interrupts {device} "
            f"{access} <&4")

    def _hear(self):
        """The next line that it says."""
        def missing():
            if not self.job.running():
                raise Failure(f"it has ended\n{self.job.describe()}")
            return "nothing said" if self._line() is None else None
        self._bench.until(missing)
        self._said += 1
        return self.job.output().split("\n")[self._said - 1]

    def _line(self):
        # The last one may still be being written
        lines = self.job.output().split("\n")[:-1]
        return lines[self._said] if len(lines) > self._said else None

    def ready(self, access):
        said = self._hear()
        expect(said == f"ready {access}", said)

    def do(self, command):
        self._bench.guest.must(f"echo '{command}' >/tmp/interrupts")
        return self._hear()

    def expect(self, command, wanted):
        said = self.do(command)
        expect(said == wanted, f"{command}: {said}, not {wanted}")


@contextlib.contextmanager
def interrupts(bench, device, access, how=None, user=""):
    """The device's interrupt, open; `how` it is reached at last."""
    opened = Interrupts(bench, device, access, user)
    try:
        opened.ready(how or access)
        yield opened
    finally:
        opened.job.stop("TERM")


def interrupt_error(bench, device, access, user=""):
    """The sentence with which it is refused."""
    job = bench.guest.run(f"{user}mmiovid-interrupts {device} {access}")
    expect(job.status == 1 and job.output().startswith("error "),
           job.describe())
    return job.output().removeprefix("error ").rstrip("\n")
