"""How files are written, as a sync file may say it."""

from __future__ import annotations

import codecs
from typing import Literal

from pydantic import Field, field_validator

from labelbox_airflow.engine.rows.spec import Spec


class CsvDialect(Spec):
    """The dialect of CSV files. Columns of lists and structs are JSON text; null and an empty text are both empty."""

    delimiter: str = Field(",", min_length=1, max_length=1, description='One character; a tab is "\\t".')
    quote: str = Field('"', min_length=1, max_length=1, description="Doubled inside a quoted cell.")
    quoting: Literal["needed", "all"] = Field("needed", description="Which cells are quoted.")
    encoding: str = Field("utf-8", description="A Python codec; utf-8-sig begins with the mark that Excel looks for.")
    header: bool = Field(True, description="Whether the first line names the columns.")
    line_end: Literal["\n", "\r\n"] = Field("\n", description="What ends a line.")

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            codecs.lookup(name)
        except LookupError:
            raise ValueError(f"'{name}' is no text encoding; use one such as utf-8, utf-8-sig or cp1252") from None
        return name


class FileOptions(Spec):
    """How files are written."""

    csv: CsvDialect = Field(default_factory=CsvDialect, description="The dialect of CSV.")
    gzip: bool = Field(False, description="Pack NDJSON, JSON and CSV; a name that ends in .gz asks for it too.")
    compression: Literal["zstd", "snappy", "gzip", "none"] = Field("zstd", description="Inside Parquet.")
    row_group_rows: int = Field(122_880, ge=1, description="Most rows in a row group of Parquet.")
    row_group_bytes: int = Field(32 << 20, ge=1, description="Most bytes in memory of a row group of Parquet, about.")
    file_bytes: int = Field(512 << 20, ge=1, description="A release begins another file beyond so many bytes, about.")
