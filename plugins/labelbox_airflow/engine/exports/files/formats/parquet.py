"""Parquet, with row groups that are neither tiny nor large."""

from __future__ import annotations

from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from labelbox_airflow.engine.exports.files.options import FileOptions


class ParquetWriter:
    """Gathers batches until they make a row group."""

    def __init__(self, file: BinaryIO, schema: pa.Schema, options: FileOptions) -> None:
        self._writer = pq.ParquetWriter(file, schema, compression=options.compression)
        self._most_rows, self._most_bytes = options.row_group_rows, options.row_group_bytes
        self._schema = schema
        self._forget()

    def _forget(self) -> None:
        self._gathered: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of a batch."""
        self._gathered.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= self._most_rows or self._bytes >= self._most_bytes:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            rows = pa.Table.from_batches(self._gathered, self._schema)
            self._writer.write_table(rows, row_group_size=self._most_rows)
        self._forget()

    def close(self) -> None:
        """Complete the content."""
        self._flush()
        self._writer.close()
