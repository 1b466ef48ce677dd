#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads frames of mmiovidsrc in Python, and prints the first pixel of some.

Usage: frames.py [PROPERTY=VALUE...]

Needs Debian's python3-gi and gir1.2-gst-plugins-base-1.0.
"""

import re
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import GLib, Gst, GstVideo     # noqa: E402

FRAMES = 100


def report(message):
    """Prints a warning or an error of the element."""
    parse = (message.parse_error if message.type == Gst.MessageType.ERROR
             else message.parse_warning)
    print(f"{message.src.get_name()}: {parse()[0].message}", file=sys.stderr)
    return message.type == Gst.MessageType.ERROR


def main():
    properties = sys.argv[1:]
    for text in properties:
        if not re.match(r"[a-z][a-z-]*=", text):
            print(f"'{text}' is no PROPERTY=VALUE of mmiovidsrc; see "
                  "gst-inspect-1.0 mmiovidsrc", file=sys.stderr)
            return 2

    Gst.init(None)
    try:
        pipeline = Gst.parse_launchv(
            ["mmiovidsrc", "name=source"] + properties +
            ["!", "videoconvert", "!", "video/x-raw,format=RGB", "!", "appsink",
             "name=sink", "sync=false", "max-buffers=2", "drop=true"])
    except GLib.Error as error:
        print(f"frames.py: {error.message}", file=sys.stderr)
        return 2

    sink = pipeline.get_by_name("sink")
    bus = pipeline.get_bus()
    pipeline.set_state(Gst.State.PLAYING)

    count = 0
    failed = False
    while count < FRAMES and not failed:
        # None after a second without a frame, and at the end
        sample = sink.emit("try-pull-sample", Gst.SECOND)
        while message := bus.pop_filtered(Gst.MessageType.ERROR |
                                          Gst.MessageType.WARNING):
            failed |= report(message)
        if sample is None:
            failed |= sink.get_property("eos")
            continue

        buffer = sample.get_buffer()
        info = GstVideo.VideoInfo.new_from_caps(sample.get_caps())
        frame = buffer.extract_dup(0, buffer.get_size())
        if count % 25 == 0:
            print(f"frame {buffer.offset}: {info.width}x{info.height}, "
                  f"stride {info.stride[0]}, first pixel {tuple(frame[:3])}")
        count += 1

    stats = pipeline.get_by_name("source").get_property("stats")
    print(f"{count} frames read, {stats.get_value('missed')} missed")
    pipeline.set_state(Gst.State.NULL)
    return 1 if failed else 0


sys.exit(main())
