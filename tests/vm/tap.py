# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs checks and reports them in the Test Anything Protocol, version 13."""

import time
import traceback


class Failure(Exception):
    """What was expected and what came instead."""


class Skip(Exception):
    """What is missing, and how to get it."""


class Report:
    def __init__(self):
        self._count = 0
        self.failed = 0
        print("TAP version 13", flush=True)

    def comment(self, text):
        for line in str(text).splitlines():
            print(f"# {line}", flush=True)

    def run(self, name, function, diagnose):
        """One check: function() returns, or raises.  Tells whether it failed.

        diagnose: called after a failure, gives more text to print."""
        began, before = time.monotonic(), self.failed
        try:
            function()
        except Skip as why:
            self._line("ok", name, f" # SKIP {why}")
        except Failure as why:
            self._failure(name, why, diagnose)
        except Exception:
            # A mistake in the check, or a guest that died: not the end
            self._failure(name, traceback.format_exc(), diagnose)
        else:
            self._line("ok", name)
        took = time.monotonic() - began
        if took > 10:
            self.comment(f"took {took:.0f} s")
        return self.failed > before

    def _failure(self, name, why, diagnose):
        self.failed += 1
        self._line("not ok", name)
        self.comment(why)
        self.comment(diagnose())

    def _line(self, verdict, name, directive=""):
        self._count += 1
        print(f"{verdict} {self._count} - {name}{directive}", flush=True)

    def plan(self):
        print(f"1..{self._count}", flush=True)
