"""Formats of files: each writes record batches to a file as they come, and completes it when closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Literal, Protocol

import pyarrow as pa

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.exports.files.options import FileOptions

FileFormat = Literal["parquet", "ndjson", "json", "csv", "excel"]

SUFFIXES: dict[str, FileFormat] = {
    ".parquet": "parquet",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".xlsx": "excel",
}
_PACKABLE = frozenset(("ndjson", "json", "csv"))


class Writer(Protocol):
    """Writes one file."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of a batch of the file's schema."""

    def close(self) -> None:
        """Complete the content; the file itself stays open."""


Open = Callable[[BinaryIO, pa.Schema, FileOptions], Writer]


def format_of(name: str) -> FileFormat | None:
    """Return the format that the end of a file's name tells, ``.gz`` aside; None when it tells none."""
    lower = name.lower().removesuffix(".gz")
    return next((found for suffix, found in SUFFIXES.items() if lower.endswith(suffix)), None)


def suffix_of(format_: FileFormat, options: FileOptions) -> str:
    """Return the end of the names of a release's files, with the dot."""
    suffix = next(suffix for suffix, found in SUFFIXES.items() if found == format_)
    return f"{suffix}.gz" if options.gzip and format_ in _PACKABLE else suffix


def open_writer(format_: FileFormat, file: BinaryIO, schema: pa.Schema, options: FileOptions) -> Writer:
    """Return what writes a file of the format.

    :raises ConfigurationError: the format cannot be packed
    """
    if options.gzip:
        if format_ not in _PACKABLE:
            raise ConfigurationError(f"{format_} is packed already", remedy="Leave out gzip, or the .gz of the name.")
        from labelbox_airflow.engine.exports.files.formats.packed import PackedWriter

        return PackedWriter(_opener(format_), file, schema, options)
    return _opener(format_)(file, schema, options)


def _opener(format_: FileFormat) -> Open:
    if format_ == "parquet":
        from labelbox_airflow.engine.exports.files.formats.parquet import ParquetWriter

        return ParquetWriter
    if format_ == "csv":
        from labelbox_airflow.engine.exports.files.formats.csv import CsvWriter

        return CsvWriter
    if format_ == "excel":
        from labelbox_airflow.engine.exports.files.formats.excel import ExcelWriter

        return ExcelWriter
    from labelbox_airflow.engine.exports.files.formats.json import JsonArrayWriter, JsonLinesWriter

    return JsonLinesWriter if format_ == "ndjson" else JsonArrayWriter
