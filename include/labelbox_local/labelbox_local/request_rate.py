"""How many requests there were in the current minute."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

_WINDOW_SECONDS = 60


class RequestRate:
    """Counts in fixed windows of a minute, as the SDK's own CI says of the platform (SDK tests/conftest.py)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._start = -math.inf
        self._requests = 0

    def wait_of_one_more(self, most: int) -> int | None:
        """Count a request; None when it may be made, or the whole seconds until the next window. 0 is no limit."""
        with self._lock:
            now = self._clock()
            if now >= self._start + _WINDOW_SECONDS:
                self._start, self._requests = now, 0
            self._requests += 1
            if not most or self._requests <= most:
                return None
            return max(1, math.ceil(self._start + _WINDOW_SECONDS - now))
