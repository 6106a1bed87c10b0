"""CPU time and memory of this process, as a whole and by section."""

from __future__ import annotations

import functools
import os
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Meter:
    """Measures from its making on: make it after the imports.

    Sections are exclusive: time in a section within another counts for the inner one only. CPU time is that of all
    threads, in the kernel too.
    """

    def __init__(self) -> None:
        self.sections: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._base = _memory()
        self._wall = time.perf_counter()
        self._since = time.process_time()

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Count what is spent inside for ``name``."""
        self._turn()
        self._open.append(name)
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    def watch(self, owner: Any, attribute: str, name: str) -> None:
        """Count what calls of a function or method spend for ``name``."""
        called: Callable[..., Any] = getattr(owner, attribute)

        @functools.wraps(called)
        def watched(*args: Any, **kwargs: Any) -> Any:
            with self.section(name):
                return called(*args, **kwargs)

        setattr(owner, attribute, watched)

    def result(self, **more: Any) -> dict[str, Any]:
        """Return CPU and wall seconds, CPU seconds by section, and the peak memory above the start in MB.

        The section ``input`` is not part of what is measured.
        """
        self._turn()
        self.sections.pop("input", None)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {
            "cpu": sum(self.sections.values()),
            "wall": time.perf_counter() - self._wall,
            "sections": dict(self.sections),
            "memory": max(0, peak - self._base) / 1e6,
            **more,
        }

    def _turn(self) -> None:
        now = time.process_time()
        self.sections[self._open[-1] if self._open else "rest"] += now - self._since
        self._since = now


def _memory() -> int:
    """Return the bytes of memory this process has now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
