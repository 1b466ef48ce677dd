# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a machine that has more to do takes from who measures time on it."""

import threading
import time

_NAP = 0.01
# Less than this too late is an ordinary day
_LATE = 0.05


class Stalls:
    """Seconds in which this machine let nobody of us run, as somebody notes who
    wants to a hundred times a second; between `with` and its end."""

    def __init__(self):
        self.seconds = 0.0
        self._ended = False
        self._thread = threading.Thread(target=self._nap, daemon=True)

    def _nap(self):
        while not self._ended:
            began = time.monotonic()
            time.sleep(_NAP)
            late = time.monotonic() - began - _NAP
            if late > _LATE:
                self.seconds += late

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended = True
        self._thread.join()
