# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the program arrive printed, and what has to be true of it."""

import collections

MS = 1000000

# One in so many may be missed or late
SHARE = 100

# Percent of the time in which the processors have to be idle: whatever else is
# to be done then takes the time of a frame
IDLE = 10
# And for single milliseconds; the pipeline itself takes 5
MOST_IDLE = 90

# After so many the numbers in the pixels begin anew
COUNT = {"sim": 1 << 24, "painter": 1 << 8}


def share(number):
    """How many of so many may be missed or late."""
    return -(-number // SHARE)


Sent = collections.namedtuple("Sent", "offset age min max")
Frame = collections.namedtuple("Frame", "offset number torn time arrived")


class Failure(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Failure(what)


class Skip(Exception):
    """Why it cannot be judged here."""


class Result:
    """What the runner printed."""

    def __init__(self, text):
        self.sent, self.frames, self.sinks = [], [], {}
        self.warnings, self.errors = [], []
        self.stats = (0, 0)
        for line in text.splitlines():
            word, _, rest = line.partition(" ")
            if word == "sent":
                self.sent.append(Sent(*map(int, rest.split())))
            elif word == "frame":
                self.frames.append(Frame(*map(int, rest.split())))
            elif word == "stats":
                self.stats = tuple(map(int, rest.split()))
            elif word == "wakes":
                (self.wakes, self.lost, self.late,
                 self.idle) = map(int, rest.split())
            elif word == "sink":
                name, rendered, dropped = rest.split()
                self.sinks[name] = int(rendered), int(dropped)
            elif word == "warning":
                self.warnings.append(rest)
            elif word == "error":
                self.errors.append(rest)

    def expect_keeps_up(self, draws=False, most_idle=False):
        """What comes after this is about time. A sink that @draws needs time of
        a processor, and not only to be woken. What is about single milliseconds
        needs a machine that does little else."""
        if (self.lost * SHARE > self.wakes or (draws and self.idle < IDLE)
                or (most_idle and (self.idle < MOST_IDLE
                                   or self.late * SHARE > self.wakes))):
            raise Skip(f"only counted, not judged by time: {self.machine()}")

    @property
    def missed(self):
        """Frames that did not arrive, up to the last one that did."""
        return self.frames[-1].offset + 1 - len(self.frames)

    def gaps(self):
        """Where frames are missed, such as "3 before 17"."""
        offsets = [-1] + [frame.offset for frame in self.frames]
        gaps = [f"{b - a - 1} before {b}" for a, b in zip(offsets, offsets[1:])
                if b > a + 1]
        return ", ".join(gaps[:8] + ["..."] * (len(gaps) > 8))

    @property
    def dropped(self):
        """Frames that arrived, and that the sink did not show."""
        return sum(dropped for _, dropped in self.sinks.values())

    def machine(self):
        return (f"the machine overslept {self.lost} of {self.wakes} periods, "
                f"was late {self.late} times, and idle for {self.idle} % of "
                "the time")


def check_offsets(result):
    offsets = [frame.offset for frame in result.frames]
    wrong = [pair for pair in zip(offsets, offsets[1:]) if pair[1] <= pair[0]]
    expect(not wrong, f"OFFSET does not increase: {wrong[:5]}")


def check_numbers(pixels, result):
    """Each number that the device wrote arrives once and in order, or is
    missed: the numbers in the pixels and in OFFSET have the same gaps."""
    torn = [frame.offset for frame in result.frames
            if frame.number < 0 and not frame.torn]
    expect(not torn, f"frames {torn[:5]} are torn and have no flag")
    whole = [frame for frame in result.frames if not frame.torn]
    expect(len(result.frames) - len(whole) <= share(len(whole))
           + result.late, f"{len(result.frames) - len(whole)} of "
           f"{len(result.frames)} frames are flagged as torn; "
           f"{result.machine()}")
    count = COUNT[pixels]
    wrong = [(a, b) for a, b in zip(whole, whole[1:])
             if (b.number - a.number - (b.offset - a.offset)) % count]
    expect(not wrong, f"the device's numbers and OFFSET do not agree: "
           f"{len(wrong)} times, {wrong[:3]}")


def check_statistics(result):
    """All frames that did not arrive are counted; one may be on its way."""
    sent, missed = result.stats
    expect(missed >= result.missed and sent >= len(result.frames),
           f"{len(result.frames)} arrived and {result.missed} did not, but "
           f"stats say frames={sent}, missed={missed}")
