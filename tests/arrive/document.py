# SPDX-License-Identifier: LGPL-2.1-or-later
"""Finds the commands that the documents print."""

import collections
import glob
import os
import re

# What begins a command. Everything else in a code block is C, Python or output.
PROGRAMS = set("""
    apt apt-get cat cc chgrp chmod dpkg dpkg-buildpackage echo export git ls lspci
    meson modprobe mmiovid-probe ninja python3 qemu-system-x86_64 setpci sudo
    gst-device-monitor-1.0 gst-discoverer-1.0 gst-inspect-1.0 gst-launch-1.0
    gst-play-1.0 udevadm
    """.split())

# block: commands with the same one are typed one after the other
Command = collections.namedtuple("Command", "place block text")


def program_of(text):
    """The first word that is no variable of the environment."""
    for word in text.split():
        if not re.match(r"\w+=", word):
            return word
    return ""


def is_command(text):
    program = program_of(text)
    return program in PROGRAMS or re.match(
        r"(\./|tests/|\.ci/)[\w/.-]+$", program) is not None


def join(lines):
    """(number, line) with continued lines joined, as they are typed."""
    text, first, quotes = "", None, False
    for number, line in lines:
        first = first or number
        text += line
        if text.endswith("\\"):
            text += "\n"
            continue
        yield first, text
        text, first = "", None
    if text:
        yield first, text


def of_block(place, block, lines):
    """The commands of a code block, whose lines are not indented any more."""
    logical = list(join(lines))
    typed = [(number, line[2:]) for number, line in logical
             if line.startswith("$ ")]
    if not typed and logical and is_command(logical[0][1]):
        typed = [(number, line) for number, line in logical
                 if is_command(line)]
    for number, line in typed:
        yield Command(f"{place}:{number}", f"{place}:{block}",
                      re.sub(r"\s+#\s.*", "", line).strip())


def of_text(place, number, text):
    """The commands in a paragraph: a program with an argument at least."""
    for code in re.findall(r"`([^`]+)`", text):
        code = re.sub(r"\s+", " ", code.replace("\\|", "|")).strip()
        if is_command(code) and " " in code:
            yield Command(f"{place}:{number}", f"{place}:{number}:{code}", code)


def of_markdown(path, place):
    with open(path, encoding="utf-8") as file:
        lines = list(enumerate(file.read().split("\n"), 1))
    text, block, fence = [], [], False
    before = ""

    def flush():
        nonlocal text, block
        if block:
            yield from of_block(place, block[0][0], block)
        if text:
            yield from of_text(place, text[0][0],
                               "\n".join(line for _, line in text))
        text, block = [], []

    for number, line in lines:
        if line.startswith("```"):
            yield from flush()
            fence = not fence
        elif fence:
            block.append((number, line))
        elif line.startswith("    ") and (block or not before.strip()):
            if text:
                yield from flush()
            block.append((number, line[4:]))
        elif not line.strip() and block:
            # It may go on behind an empty line; of that it makes no difference
            yield from flush()
        elif not line.strip() or line.startswith("|"):
            yield from flush()
            if line.startswith("|"):
                yield from of_text(place, number, line)
        else:
            if block:
                yield from flush()
            text.append((number, line))
        before = line
    yield from flush()


def of_manual_page(path, place):
    inside = False
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n").replace("\\-", "-").replace("\\(aq", "'")
            if line in (".nf", ".fi"):
                inside = line == ".nf"
            elif inside and is_command(line):
                yield Command(f"{place}:{number}", f"{place}:{number}", line)


def of_source(path, place):
    """Of the documentation comment of an element: |[ ... ]|"""
    lines, inside = [], False
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = re.sub(r"^ \* ?", "", line.rstrip("\n"))
            if line.startswith("|["):
                inside, lines = True, []
            elif line.startswith("]|"):
                inside = False
                yield from of_block(place, number, lines)
            elif inside:
                lines.append((number, line))


def find(top):
    """All commands, in the order of the documents."""
    for pattern, find_in in (("README.md", of_markdown),
                             ("CONTRIBUTING.md", of_markdown),
                             ("docs/manual/*.md", of_markdown),
                             ("docs/*.md", of_markdown),
                             ("docs/manual/*.1", of_manual_page),
                             ("gst/*.c", of_source)):
        for path in sorted(glob.glob(os.path.join(top, pattern))):
            yield from find_in(path, os.path.relpath(path, top))
