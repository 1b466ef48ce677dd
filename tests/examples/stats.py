#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a pipeline as gst-launch-1.0 does, and prints the statistics of its
mmiovidsrc each second.

Usage: stats.py mmiovidsrc [PROPERTY=VALUE...] ! ...

Needs Debian's python3-gi.
"""

import signal
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst     # noqa: E402


failed = False


def on_message(_, message, pipeline, loop):
    global failed
    if message.type == Gst.MessageType.LATENCY:
        pipeline.recalculate_latency()
    elif message.type in (Gst.MessageType.WARNING, Gst.MessageType.ERROR):
        is_error = message.type == Gst.MessageType.ERROR
        parse = message.parse_error if is_error else message.parse_warning
        print(parse()[0].message, file=sys.stderr)
        if is_error:
            failed = True
            loop.quit()
    elif message.type == Gst.MessageType.EOS:
        loop.quit()


def show(source):
    stats = source.get_property("stats")
    print(", ".join(f"{name} {stats.get_value(name)}" for name in
                    ("frames", "missed", "dropped", "torn")), flush=True)
    return True


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    Gst.init(None)
    try:
        pipeline = Gst.parse_launchv(sys.argv[1:])
    except GLib.Error as error:
        sys.exit(f"stats.py: {error.message}")
    if not isinstance(pipeline, Gst.Bin):
        sys.exit("stats.py: one element is no pipeline; add ! fakesink")
    elements = pipeline.iterate_all_by_element_factory_name("mmiovidsrc")
    found, source = elements.next()
    if found != Gst.IteratorResult.OK:
        sys.exit("stats.py: there is no mmiovidsrc in the pipeline")

    loop = GLib.MainLoop()
    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message", on_message, pipeline, loop)
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGINT, loop.quit)
    GLib.timeout_add_seconds(1, show, source)
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    show(source)
    pipeline.set_state(Gst.State.NULL)
    return failed


sys.exit(main())
