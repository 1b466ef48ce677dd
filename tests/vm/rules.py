# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manual's rules for udevd."""

import os
import re

from bench import expect

_RULES = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      "../../docs/manual/70-mmiovid.rules")


def choose(part, vendor, device):
    """One of the parts without its #, for this device; all else as it is."""
    with open(_RULES, encoding="utf-8") as file:
        parts = re.split(r"^(?=# --- )", file.read(), flags=re.MULTILINE)
    chosen = [n for n, text in enumerate(parts)
              if text.startswith(f"# --- By {part}")]
    expect(len(chosen) == 1, f"{part}: {parts}")
    parts[chosen[0]] = re.sub("^#(?! )(?=\\S)|^#(?=  )", "", parts[chosen[0]],
                              flags=re.MULTILINE)
    for theirs, ours in ("10ee", vendor), ("7024", device):
        parts = [text.replace(theirs, ours) for text in parts]
    return "".join(parts)
