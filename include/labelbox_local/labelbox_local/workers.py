"""Threads that do the work of tasks, one after the other, and what runs which kind of task."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

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


class TaskStoppedError(Exception):
    """The task was cancelled, or the server stops."""


class TaskFailedError(Exception):
    """The task ends FAILED; its client is told why."""


class Runner(NamedTuple):
    """What does the work of a kind of task, and the lane it waits in."""

    lane: str
    run: Callable[[Platform, dict[str, Any]], None]


RUNNERS: dict[str, Runner] = {}
Run = TypeVar("Run", bound=Callable[..., None])


def runs(kind: str, lane: str) -> Callable[[Run], Run]:
    """Register what works off tasks of a kind: `run(platform, task)`, where `task` is a row of the table.

    A task that was cut off by the end of the server is run again at the next start.
    """

    def register(run: Run) -> Run:
        RUNNERS[kind] = Runner(lane, run)
        return run

    return register
