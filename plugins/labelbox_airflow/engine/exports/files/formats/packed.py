"""Text formats packed with gzip."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, BinaryIO, cast

import pyarrow as pa

from labelbox_airflow.engine.exports.files.options import FileOptions

if TYPE_CHECKING:
    from labelbox_airflow.engine.exports.files.formats import Open

_LEVEL = 6


class PackedWriter:
    """Writes a text format through gzip; equal rows give equal bytes, as no time is written."""

    def __init__(self, open_: Open, file: BinaryIO, schema: pa.Schema, options: FileOptions) -> None:
        self._packed = gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=_LEVEL, mtime=0)
        self._writer = open_(cast("BinaryIO", self._packed), schema, options)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of a batch."""
        self._writer.write(batch)

    def close(self) -> None:
        """Complete the content."""
        self._writer.close()
        self._packed.close()
