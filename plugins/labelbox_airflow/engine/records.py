"""Records on their way in: a batch of source rows, where each came from, and those rejected while reading."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from labelbox_airflow.engine.errors import SourceError

HIDDEN = "\x1f"
"""Begins the names of columns of a batch that are no part of the source row."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A source row that goes no further, with everything needed to mend it and send it again.

    :param origin: where the row came from, e.g. ``s3://bucket/rows.csv line 17``
    :param stage: ``read``, ``map`` or ``send``
    :param code: a stable snake_case word for the kind of problem, e.g. ``ragged_line``
    :param reason: one sentence: what is wrong, with the value, and what to do
    :param field: the field at fault as the sync file names it, e.g. ``metadata.country``
    :param value: the wrong value as text, secrets stripped
    :param row: the row itself, secrets stripped
    """

    origin: str
    stage: str
    code: str
    reason: str
    field: str | None = None
    value: str | None = None
    global_key: str | None = None
    row: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some source rows of one file or query, as Arrow columns.

    :param rows: text formats (CSV, NDJSON scalars) come as strings; the mapping gives them their types
    :param place: the file, table or query they come from
    :param positions: the line (or row) number of each row in ``place``
    :param time: when the rows became current (end of the path's window, or modification time), UTC
    :param rejected: rows of ``place`` that could not be read, met since the previous batch
    :param origin_column: column of ``rows`` that tells where each row came from, in place of the position in ``place``
    :param time_column: column of ``rows`` with the time of each row (microseconds, UTC), in place of ``time``
    """

    rows: pa.RecordBatch
    place: str
    positions: Sequence[int]
    time: datetime | None = None
    rejected: Sequence[Rejected] = ()
    position_word: str = "line"
    origin_column: str | None = None
    time_column: str | None = None

    def origin(self, index: int) -> str:
        """Return where the row at ``index`` came from."""
        if self.origin_column is not None:
            return str(self.rows.column(self.origin_column)[index].as_py())
        return f"{self.place} {self.position_word} {self.positions[index]}"

    def origins(self) -> pa.Array:
        """Return where each row came from, as a column."""
        if self.origin_column is not None:
            return self.rows.column(self.origin_column)
        positions = pa.array(self.positions, pa.int64()).cast(pa.string())
        return pc.binary_join_element_wise(f"{self.place} {self.position_word} ", positions, "")


def batch_of(records: Any, *, place: str) -> Batch:
    """Return a batch of rows given directly: a list of dicts or a pandas DataFrame; NaN and NaT count as null.

    :param place: what to call the place they come from
    :raises SourceError: when a column has values of several types, or of one that no table has
    """
    try:
        rows = _from_pandas(records) if hasattr(records, "to_dict") else _from_dicts(records)
    except (TypeError, ValueError, OverflowError) as error:
        raise SourceError(
            f"the records are no table ({'; '.join(str(part) for part in error.args)})",
            where=place,
            remedy="Give each column a name of its own and values of one type: text, numbers or times.",
        ) from error
    return Batch(rows, place, range(1, rows.num_rows + 1), position_word="record")


def _from_pandas(records: Any) -> pa.RecordBatch:
    return pa.RecordBatch.from_pandas(records, preserve_index=False)


def _from_dicts(records: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    names = dict.fromkeys(name for record in records for name in record)
    return pa.RecordBatch.from_pydict({str(name): _column(records, name) for name in names})


def _column(records: Sequence[Mapping[str, Any]], name: str) -> pa.Array:
    try:
        return pa.array([record.get(name) for record in records], from_pandas=True)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"column '{name}': {error}") from error


def limited(batches: Iterator[Batch], limit: int | None) -> Iterator[Batch]:
    """Yield batches until ``limit`` rows have come; None yields all."""
    left = limit
    for batch in batches:
        if left is None:
            yield batch
            continue
        size = min(left, batch.rows.num_rows)
        yield dataclasses.replace(batch, rows=batch.rows.slice(0, size), positions=batch.positions[:size])
        left -= size
        if left <= 0:
            return
