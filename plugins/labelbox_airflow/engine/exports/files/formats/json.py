"""JSON: one object a line, or all of them in one array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from labelbox_airflow.engine.collector import collector_paused
from labelbox_airflow.engine.exports.files.formats.texts import as_json, plain_values
from labelbox_airflow.engine.exports.files.options import FileOptions

_ROWS = 2_000  # as Python objects at once


class JsonLinesWriter:
    """Writes an object a line; a column without a value is null, not left out."""

    def __init__(self, file: BinaryIO, _schema: pa.Schema, _options: FileOptions) -> None:
        self._file = file

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of a batch."""
        for objects in _objects(batch):
            self._file.write(b"\n".join(objects) + b"\n")

    def close(self) -> None:
        """Nothing is left to write."""


class JsonArrayWriter:
    """Writes one array of objects, one a line."""

    def __init__(self, file: BinaryIO, _schema: pa.Schema, _options: FileOptions) -> None:
        self._file = file
        self._before = b"[\n"

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of a batch."""
        for objects in _objects(batch):
            self._file.write(self._before + b",\n".join(objects))
            self._before = b",\n"

    def close(self) -> None:
        """Complete the array."""
        self._file.write(b"[]\n" if self._before == b"[\n" else b"\n]\n")


def _objects(batch: pa.RecordBatch) -> Iterator[list[bytes]]:
    """Yield the rows as JSON, some at a time."""
    names = batch.schema.names
    for start in range(0, batch.num_rows, _ROWS):
        yield _encoded(names, batch.slice(start, _ROWS))


@collector_paused()
def _encoded(names: list[str], rows: pa.RecordBatch) -> list[bytes]:
    columns = [plain_values(column) for column in rows.columns]
    if not columns:
        return [b"{}"] * rows.num_rows
    return [as_json(dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)]
