# SPDX-License-Identifier: LGPL-2.1-or-later
"""What mmiovid-watch tells of the mmiovidsrcs in a pipeline."""

import contextlib
import re

from bench import NOBODY
from tap import Failure


# What checksumsink tells of a frame
_SUM = re.compile(r"^[\d:.]+ ([0-9a-f]{40})$", re.MULTILINE)


class Watch:
    """A pipeline that runs in the guest, for the user nobody if so wanted, and
    with these variables in its environment."""

    def __init__(self, bench, pipeline, nobody=False, env=""):
        self._bench = bench
        self._did = 0
        self._job = bench.guest.start(
            "rm -f /tmp/watch && mkfifo /tmp/watch && exec 4<>/tmp/watch && "
            f"exec {NOBODY if nobody else ''}env {env} mmiovid-watch {pipeline} "
            "<&4")

    def do(self, command):
        """Tells it to do something, and waits until it is done."""
        self._did += 1
        self._bench.guest.must(f"echo '{command}' >/tmp/watch")
        self.until(lambda: None if len(self._lines("did")) >= self._did
                   else f"it does not {command}")

    def _lines(self, kind, name=None):
        """What it said so far, of one kind and about one element."""
        # The last line may still be being written
        lines = self._job.output().split("\n")[:-1]
        words = [line.split("\t") for line in lines]
        return [rest for what, *rest in words
                if what == kind and (name is None or rest.pop(0) == name)]

    def ways(self, name):
        """The ways that its frames took, each with the reason."""
        return [tuple(words) for words in self._lines("way", name)]

    def infos(self, name):
        return [text for text, in self._lines("info", name)]

    def warnings(self, name):
        return [text for text, in self._lines("warning", name)]

    def errors(self, name):
        return [text for text, in self._lines("error", name)]

    def devices(self, name):
        """Where it went ("gone") and came back ("here"): address, which of
        them, reason."""
        return [tuple(words) for words in self._lines("device", name)]

    def sums(self):
        """The SHA-1 of each frame that a checksumsink has seen."""
        # The last line may still be being written
        return _SUM.findall(self._job.output().rpartition("\n")[0])

    def pid(self):
        return self._job.pid()

    def fork(self):
        """Has it start two children, one of which is another program then;
        their process numbers."""
        self.do("fork")
        return [pid for pid, in self._lines("child")]

    def frames(self, name):
        """The rows marked as damaged, of each frame that was sent."""
        return [rows for rows, in self._lines("frame", name)]

    def stats(self, name):
        """The latest statistics."""
        lines = self._lines("stats", name)
        return dict(word.split("=", 1) for word in lines[-1]) if lines else {}

    def frame_stats(self, name):
        """The latest statistics, once they tell of frames."""
        self.until_frames([name])
        return self.stats(name)

    def until(self, problem):
        """As of the bench, but an end of the pipeline is a failure."""
        def check():
            if not self._job.running():
                raise Failure(f"the pipeline has ended\n{self.describe()}")
            return problem()
        self._bench.until(check)

    def until_frames(self, names):
        def missing():
            late = [name for name in names
                    if int(self.stats(name).get("frames", 0)) < 1]
            return f"no frame from {late}" if late else None
        self.until(missing)

    def wait(self):
        """For a pipeline that has an end."""
        if self._job.wait(120) != 0:
            raise Failure(self.describe())

    def stop(self, name="INT"):
        return self._job.stop(name)

    def describe(self):
        lines = self._job.describe().split("\n")
        return "\n".join(lines if len(lines) < 20
                         else [lines[0], "..."] + lines[-18:])


@contextlib.contextmanager
def watching(bench, pipeline, nobody=False, env=""):
    watch = Watch(bench, pipeline, nobody, env)
    try:
        yield watch
    finally:
        watch.stop()


def start_error(bench, source):
    """Of a source that does not start: the error, and how many resource files
    its process has mapped then."""
    job = bench.guest.run("mmiovid-watch mmiovidsrc num-buffers=1 "
                          f"{source} ! fakesink")
    lines = [line.split("\t") for line in job.output().splitlines()]
    errors = [line[2] for line in lines if line[0] == "error"]
    maps = [int(line[1]) for line in lines if line[0] == "maps"]
    if job.status != 1 or len(errors) != 1 or len(maps) != 1:
        raise Failure(f"not one error\n{job.describe()}")
    return errors[0], maps[0]
