"""What is wrong with single rows of a batch, gathered while the rest of the batch goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from labelbox_airflow.engine.records import HIDDEN, Batch, Rejected
from labelbox_airflow.engine.rows.urls import strip_signature


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one row is rejected: a stable code, the field of the sync file, the value, and the reason."""

    code: str
    field: str
    value: Any
    reason: str


class Problems(dict[int, Problem]):
    """Problems by row index; the first one found for a row is kept."""

    def add(self, index: int, code: str, field: str, value: Any, reason: str) -> None:
        """Note that the row at ``index`` cannot go on."""
        self.setdefault(index, Problem(code, field, value, reason))

    def rejected(self, batch: Batch, keys: list[str | None]) -> list[Rejected]:
        """Return the rows with problems, each with its origin and content."""
        return [
            Rejected(
                origin=batch.origin(index),
                stage="map",
                code=problem.code,
                reason=_sentence(problem),
                field=problem.field,
                value=_shown(problem.value),
                global_key=keys[index],
                row=row_payload(batch.rows, index),
            )
            for index, problem in sorted(self.items())
        ]


def row_payload(rows: pa.RecordBatch, index: int) -> dict[str, Any]:
    """Return one row as a dict, signatures of URLs stripped."""
    row: dict[str, Any] = rows.slice(index, 1).to_pylist()[0]
    return {name: _without_signatures(value) for name, value in row.items() if not name.startswith(HIDDEN)}


def _without_signatures(value: Any) -> Any:
    if isinstance(value, str):
        return strip_signature(value)
    if isinstance(value, dict):
        return {name: _without_signatures(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_signatures(item) for item in value]
    return value


def _sentence(problem: Problem) -> str:
    shown = _shown(problem.value)
    if shown is None or problem.reason.startswith(f"'{shown}'"):
        return f"{problem.field}: {problem.reason}"
    return f"{problem.field} = {shown!r}: {problem.reason}"


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    text = strip_signature(value if isinstance(value, str) else str(value))
    return text if len(text) <= 200 else text[:197] + "..."
