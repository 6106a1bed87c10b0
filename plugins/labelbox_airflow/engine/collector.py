"""Python's collector of reference cycles, held off while many small objects are made that are in none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Hold the collector off inside; also a decorator.

    Else it walks all that Airflow has loaded, again and again, the more often the more rows come.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
