"""Faults on purpose, and a count of the calls."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_HEAD = re.compile(r"\s*(query|mutation)?\s*(\w+)?[^{]*\{\s*(\w+)")
EVERY_OPERATION = "*"
# The downloads by signed address, which are no calls: the files of uploads, exports, annotation imports and tasks.
DOWNLOADS = ("downloadUpload", "downloadExport", "downloadImportFile", "downloadTaskResult")


_called: ContextVar[str | None] = ContextVar("called", default=None)


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

    @classmethod
    def of_task(cls, field: str) -> Operation:
        """The mutation that starts a task, by its field and the name of the request that is being carried out."""
        return cls("mutation", _called.get() or field, field)

    def becomes_current(self) -> None:
        """Note that this request is being carried out here, for the tasks that it starts."""
        _called.set(self.name)

    @property
    def words(self) -> set[str]:
        """The names by which a plan may call it: the SDK names `upsertDataRows` UpsertDataRowsPyApi."""
        return {plain_name(self.name), plain_name(self.field)}


def plain_name(name: str) -> str:
    return name.removesuffix("PyApi").lower()


class Fault(BaseModel):
    """What happens to calls of an operation: to the next `times`, or to a share of them, drawn with `seed`.

    A plan that names no consequence cuts the connection. `effect` says whether the call is carried out first (`after`)
    or not at all (`before`); a call that is only delayed is carried out after the wait (`before`) or before it. `task`
    changes the fate of the task the call starts: `stuck` stays IN_PROGRESS, `failed` ends FAILED, `drop_rows` ends
    COMPLETE with every tenth (`every`) row failed.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    operation: str = Field(min_length=1)
    status: Literal[429, 500, 502, 503, 504] | None = None
    retry_after: int | None = Field(None, ge=0)
    cut: bool = False
    delay_seconds: float | Literal["never"] | None = None
    effect: Literal["before", "after"] = "before"
    task: Literal["stuck", "failed", "drop_rows"] | None = None
    every: int = Field(10, ge=1)
    bytes_per_second: int | None = Field(None, ge=1)
    expired: bool = False
    times: int | None = Field(None, ge=1)
    rate: float | None = Field(None, gt=0, le=1)
    seed: int = 0

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Raises: ValueError: two of the fields do not go together."""
        if self.delay_seconds != "never" and (self.delay_seconds or 0) < 0:
            raise ValueError("delay_seconds must be 0 or more, or 'never'")
        if self.cut and self.status is not None:
            raise ValueError("cut and status exclude each other: a cut connection has no status")
        if self.retry_after is not None and self.status is None:
            raise ValueError("retry_after needs a status, such as 429")
        if self.task is not None and (self.status is not None or self.cut or self.delay_seconds is not None):
            raise ValueError("task stands alone: the call itself is answered; plan a second fault for the call")
        if (self.expired or self.bytes_per_second is not None) and not self.of_download:
            raise ValueError(f"expired and bytes_per_second need one of these operations: {', '.join(DOWNLOADS)}")
        return self

    @property
    def of_download(self) -> bool:
        return self.operation == EVERY_OPERATION or plain_name(self.operation) in map(plain_name, DOWNLOADS)

    @property
    def cuts(self) -> bool:
        """Whether the connection is closed without an answer."""
        consequences = (self.status, self.delay_seconds, self.task, self.bytes_per_second, self.expired or None)
        return self.cut or consequences == (None,) * 5

    @property
    def answers(self) -> bool:
        """Whether the client gets the right answer, late or slowly."""
        return self.status is None and not self.cuts and not self.expired

    def concerns(self, operation: Operation) -> bool:
        return self.operation == EVERY_OPERATION or plain_name(self.operation) in operation.words


class _Plan:
    """A fault and how far it has been used."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.left = fault.times if fault.times or fault.rate else 1
        self._seen: Counter[str] = Counter()

    def strikes(self, operation: Operation) -> bool:
        """Whether this call meets the fault. The n-th call of an operation meets the same fate for the same seed."""
        if self.fault.rate is not None:
            self._seen[operation.field] += 1
            call = f"{self.fault.seed} {operation.field} {self._seen[operation.field]}"
            drawn = int.from_bytes(hashlib.blake2b(call.encode(), digest_size=8).digest()) / 2**64
            if drawn >= self.fault.rate:
                return False
        if self.left is not None:
            self.left -= 1
        return True


class Faults:
    """The planned faults and the calls so far; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[_Plan] = []
        self._calls: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()

    def plan(self, fault: Fault) -> None:
        with self._lock:
            self._planned.append(_Plan(fault))

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()

    def planned(self) -> list[dict[str, Any]]:
        """The plans that are not used up; `times` is how often each may still strike, null for without end."""
        with self._lock:
            return [plan.fault.model_dump() | {"times": plan.left} for plan in self._planned]

    def take(self, operation: Operation, *, of_task: bool = False) -> Fault | None:
        """The fault that this call meets, if any. The first plan that strikes is the one."""
        with self._lock:
            for plan in self._planned:
                fault = plan.fault
                if fault.concerns(operation) and (fault.task is not None) == of_task and plan.strikes(operation):
                    if plan.left == 0:
                        self._planned.remove(plan)
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
