"""Threads that do the work of tasks, one after the other."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


class Lane:
    """Runs what it is given, in order, in a thread of its own."""

    def __init__(self, name: str, stopping: threading.Event) -> None:
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._stopping = stopping
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def add(self, work: Callable[[], None]) -> None:
        self._work.put(work)

    def stop(self) -> None:
        """Wait until the work at hand has stopped; it looks at `stopping` itself."""
        self._work.put(None)
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while (work := self._work.get()) is not None and not self._stopping.is_set():
            try:
                work()
            except Exception:
                logger.exception("A task failed unexpectedly")
