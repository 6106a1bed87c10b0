"""Units: the rows of a run that are sent together, kept on staging."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from labelbox_airflow.engine.fingerprint import Hashes, combined
from labelbox_airflow.engine.rows.mapping import PARTS
from labelbox_airflow.engine.rows.urls import strip_signature
from labelbox_airflow.engine.staging import Staging, TableWriter

REPLACED = "replaced.json"  # on staging: sequences of staged rows that newer rows of the run replace
UNIT_BYTES = 128 * 1024 * 1024  # of mapped rows; a unit is held in memory while it is sent

Marks = tuple[int | None, ...]
"""Fingerprints of a row's parts in the order of PARTS; None where the sync does not own the part."""


_NO_CONTENT = {"source", "sequence", "data_row_id", "source_row"}  # columns that tell about a row


@dataclass(frozen=True, slots=True)
class Unit:
    """Rows that are sent together: the name of their table file, and how many they are."""

    name: str
    rows: int


class UnitWriter:
    """Cuts staged rows into units, each a table file of one schema and bounded size.

    :param staging: None to write nothing (a dry run)
    :param unit_rows: rows of a unit at most; a batch that is larger is a unit of its own
    """

    def __init__(self, staging: Staging | None, unit_rows: int) -> None:
        self.units: list[Unit] = []
        self.next_sequence = 0
        self._staging = staging
        self._unit_rows = unit_rows
        self._schema: pa.Schema | None = None
        self._writer: TableWriter | None = None

    def current(self, schema: pa.Schema, coming: int) -> str:
        """Return the name of the unit that the next rows of ``schema``, at most ``coming``, go to."""
        if self._schema is not None and (self._is_full(coming) or self._schema != schema):
            self.close()
        self._schema = schema
        return f"unit-{len(self.units) + 1:05d}"

    def write(self, rows: pa.RecordBatch) -> None:
        """Append rows to the current unit, numbered on through the run."""
        numbers = pa.array(range(self.next_sequence, self.next_sequence + rows.num_rows), pa.int64())
        self.next_sequence += rows.num_rows
        numbered = rows.append_column("sequence", numbers)
        if self._staging is None:
            return
        if self._writer is None:
            name = f"unit-{len(self.units) + 1:05d}"
            self._writer = self._staging.table_writer(f"{name}.arrow", numbered.schema)
        self._writer.write(numbered)

    def close(self) -> None:
        """Complete the current unit."""
        if self._writer is not None:
            self._writer.close()
            self.units.append(Unit(f"unit-{len(self.units) + 1:05d}", self._writer.rows))
        self._writer = self._schema = None

    def _is_full(self, coming: int) -> bool:
        if self._writer is None:
            return False
        return self._writer.rows + coming > self._unit_rows or self._writer.size >= UNIT_BYTES


def part_marks(rows: pa.RecordBatch) -> list[Marks]:
    """Return the fingerprints of each row's parts."""
    nothing = [None] * rows.num_rows
    columns: Sequence[Sequence[int | None]] = [
        rows.column(f"fingerprint.{part}").to_pylist() if f"fingerprint.{part}" in rows.schema.names else nothing
        for part in PARTS
    ]
    return list(zip(*columns, strict=True))


def content_mark(marks: Marks) -> int:
    """Return one fingerprint over all parts."""
    return int(combined([np.array([mark or 0], np.int64) for mark in marks])[0])


def content_marks(rows: pa.RecordBatch) -> Hashes:
    """Return the :func:`content_mark` of each row."""
    nothing = np.zeros(rows.num_rows, np.int64)
    names = [f"fingerprint.{part}" for part in PARTS]
    return combined(
        [rows.column(name).fill_null(0).to_numpy() if name in rows.schema.names else nothing for name in names]
    )


def payload_of(row: Mapping[str, Any]) -> dict[str, object]:
    """Return the content of a mapped row, signatures of URLs stripped, for its dead letter."""
    return {
        name: orjson.loads(strip_signature(value))
        if isinstance(value, str) and name not in {"origin", "global_key"}
        else value
        for name, value in row.items()
        if value is not None and not name.startswith("fingerprint.") and name not in _NO_CONTENT
    }


class UnitRows:
    """The rows of a unit in memory, with the columns that decisions need as lists."""

    def __init__(self, name: str, batches: Sequence[pa.RecordBatch]) -> None:
        self.name = name
        self.table = pa.Table.from_batches(list(batches))
        self.keys: list[str] = self._values("global_key")
        self.versions: list[int] = self._values("version")
        self.sources: list[int] = self._values("source")
        self.sequences: list[int] = self._values("sequence")
        self.data_row_ids: list[str | None] = self._given("data_row_id")
        self.mark_columns: list[list[int | None]] = [self._given(f"fingerprint.{part}") for part in PARTS]

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def marks(self) -> list[Marks]:
        """The fingerprints of each row's parts."""
        return list(zip(*self.mark_columns, strict=True))

    @cached_property
    def origins(self) -> list[str]:
        """Where each row came from."""
        return self._values("origin")

    def take(self, indices: Sequence[int]) -> pa.RecordBatch:
        """Return some rows as one batch; neighbours are not copied."""
        first = indices[0] if indices else 0
        if list(indices) == list(range(first, first + len(indices))):
            table = self.table.slice(first, len(indices))
        else:
            table = self.table.take(pa.array(indices, pa.int64()))
        taken = table.combine_chunks().to_batches()
        return taken[0] if taken else pa.RecordBatch.from_pylist([], self.table.schema)

    def only(self, chosen: Collection[tuple[str, str | None]]) -> UnitRows:
        """Return the unit with some of its rows.

        :param chosen: origin and global key of each
        """
        rows = enumerate(zip(self.origins, self.keys, strict=True))
        return UnitRows(self.name, [self.take([index for index, row in rows if row in chosen])])

    def payload(self, index: int) -> dict[str, object]:
        """Return the content of a row, for its dead letter."""
        return payload_of(self.table.slice(index, 1).to_pylist()[0])

    def _given(self, name: str) -> list[Any]:
        return self._values(name) if name in self.table.column_names else [None] * len(self.keys)

    def _values(self, name: str) -> list[Any]:
        values: list[Any] = self.table.column(name).to_pylist()
        return values


def load_unit(staging: Staging, name: str) -> UnitRows:
    """Read a unit from staging."""
    return UnitRows(name, list(staging.read_table(f"{name}.arrow")))
