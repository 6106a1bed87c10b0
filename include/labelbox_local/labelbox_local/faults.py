"""Faults on purpose, and a count of the calls."""

from __future__ import annotations

import re
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

_HEAD = re.compile(r"\s*(query|mutation)?\s*(\w+)?[^{]*\{\s*(\w+)")
_STATUSES = (429, 500, 502, 503, 504)
_TASK_FAULTS = ("stuck", "failed", "drop_rows")


@dataclass(frozen=True)
class Operation:
    """A GraphQL request by its name (`UpsertDataRowsPyApi`) and first field (`upsertDataRows`)."""

    kind: str
    name: str
    field: str

    @classmethod
    def of(cls, query: str) -> Operation:
        head = _HEAD.match(query)
        if head is None:
            return cls("query", "", "")
        return cls(head[1] or "query", head[2] or head[3], head[3])


@dataclass
class Fault:
    """What happens to the next `times` calls of an operation.

    `status` None cuts the connection instead of answering. `effect` says whether the call is carried out first
    (`after`) or not at all (`before`). `task` changes the fate of the task the call starts: `stuck` stays
    IN_PROGRESS, `failed` ends FAILED, `drop_rows` ends COMPLETE with every tenth (`every`) row failed.
    """

    operation: str
    status: int | None = None
    retry_after: int | None = None
    times: int = 1
    effect: str = "before"
    task: str | None = None
    every: int = 10

    def __post_init__(self) -> None:
        if self.status is not None and self.status not in _STATUSES:
            raise ValueError(f"status {self.status!r} is not one of {_STATUSES} (none cuts the connection)")
        if self.effect not in {"before", "after"}:
            raise ValueError(f"effect {self.effect!r} is neither 'before' nor 'after'")
        if self.task is not None and self.task not in _TASK_FAULTS:
            raise ValueError(f"task {self.task!r} is not one of {', '.join(_TASK_FAULTS)}")
        if not isinstance(self.operation, str) or not isinstance(self.times, int) or self.every < 1:
            raise ValueError("operation must be a name, times and every positive integers")

    def concerns(self, operation: Operation) -> bool:
        # The SDK names `upsertDataRows` UpsertDataRowsPyApi, and `updateDataset` updateDatasetPyApi.
        names = {name.removesuffix("PyApi").lower() for name in (operation.name, operation.field)}
        return self.operation.removesuffix("PyApi").lower() in names


class Faults:
    """The planned faults and the calls so far; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[Fault] = []
        self._calls: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()

    def plan(self, fault: Fault) -> None:
        with self._lock:
            self._planned.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()

    def planned(self) -> list[dict[str, Any]]:
        with self._lock:
            return [vars(fault) for fault in self._planned]

    def take(self, operation: Operation, *, of_task: bool = False) -> Fault | None:
        """The fault of this call, if one is planned; each is used `times` times."""
        with self._lock:
            for fault in self._planned:
                if fault.concerns(operation) and (fault.task is not None) == of_task:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._planned.remove(fault)
                    return fault
        return None

    def count(self, operation: Operation) -> None:
        with self._lock:
            self._calls[operation.name] += 1
            self._kinds["write" if operation.kind == "mutation" else "read"] += 1

    def calls(self) -> dict[str, Any]:
        """Number of calls by operation name, and how many of all were reads and writes."""
        with self._lock:
            return {
                "operations": dict(self._calls),
                "read": self._kinds["read"],
                "write": self._kinds["write"],
                "total": self._kinds.total(),
            }

    def forget_calls(self) -> None:
        with self._lock:
            self._calls.clear()
            self._kinds.clear()
