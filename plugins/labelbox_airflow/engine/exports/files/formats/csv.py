"""CSV in the dialect that the reader of the file needs."""

from __future__ import annotations

import csv
import io
from typing import BinaryIO

import pyarrow as pa

from labelbox_airflow.engine.collector import collector_paused
from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.exports.files.formats.texts import as_json, as_texts, plain_values
from labelbox_airflow.engine.exports.files.options import FileOptions

_ROWS = 2_000  # as Python objects at once


class CsvWriter:
    """Writes a header and a line a row; columns of lists, structs and bytes as JSON text.

    :raises ConfigurationError: a text that the encoding does not have
    """

    def __init__(self, file: BinaryIO, schema: pa.Schema, options: FileOptions) -> None:
        self._file, self._encoding = file, options.csv.encoding
        self._text = io.StringIO(newline="")
        self._lines = csv.writer(
            self._text,
            delimiter=options.csv.delimiter,
            quotechar=options.csv.quote,
            quoting=csv.QUOTE_ALL if options.csv.quoting == "all" else csv.QUOTE_MINIMAL,
            lineterminator=options.csv.line_end,
        )
        self._is_first = True
        if options.csv.header:
            self._lines.writerow(schema.names)
            self._flush()

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of a batch."""
        for start in range(0, batch.num_rows, _ROWS):
            self._write(batch.slice(start, _ROWS))

    @collector_paused()
    def _write(self, rows: pa.RecordBatch) -> None:
        self._lines.writerows(zip(*(_cells(column) for column in rows.columns), strict=True))
        self._flush()

    def _flush(self) -> None:
        try:
            data = self._text.getvalue().encode(self._encoding)
        except UnicodeEncodeError as error:
            raise ConfigurationError(
                f"the character {error.object[error.start]!r} cannot be written as {self._encoding}",
                where="csv.encoding",
                remedy="Use utf-8, or utf-8-sig for Excel.",
            ) from None
        self._file.write(data)
        self._text.seek(0)
        self._text.truncate()
        if self._is_first:  # a mark of byte order belongs at the beginning only
            self._is_first = False
            self._encoding = _WITHOUT_MARK.get(self._encoding.lower().replace("_", "-"), self._encoding)

    def close(self) -> None:
        """Nothing is left to write."""


_WITHOUT_MARK = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}


def _cells(column: pa.Array) -> list[str | None]:
    kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return [None if value is None else as_json(value).decode() for value in plain_values(column)]
    return plain_values(as_texts(column))
