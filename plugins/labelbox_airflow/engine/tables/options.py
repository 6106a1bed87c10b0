"""How the text of a table file is to be read, as the sync file says it."""

from __future__ import annotations

import codecs
from typing import Literal, Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from labelbox_airflow.engine.rows.spec import Spec

KnownFormat = Literal["csv", "ndjson", "json", "parquet", "excel"]
TableFormat = Literal["auto", "delta", KnownFormat]


class CsvOptions(Spec):
    """The dialect of CSV files; an empty cell is null."""

    delimiter: str = Field(",", min_length=1, max_length=1, description='One character; a tab is "\\t".')
    quote: str = Field('"', min_length=1, max_length=1, description="Doubled inside a quoted cell.")
    encoding: str = Field("utf-8", description="A Python codec such as utf-8, cp1252 or utf-16; a BOM is skipped.")
    header: bool = Field(True, description="Whether the first line names the columns.")
    columns: tuple[str, ...] | None = Field(None, description="Names of the columns of files without a header.")

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            codecs.lookup(name)
        except LookupError:
            raise ValueError(f"'{name}' is no text encoding; use one such as utf-8, cp1252 or utf-16") from None
        return name

    @model_validator(mode="after")
    def _columns_named_once(self) -> Self:
        if self.header and self.columns is not None:
            raise ValueError("columns is for files without a header; with header: true the first line names them")
        if not self.header and not self.columns:
            raise ValueError("header: false needs columns, the names of the columns in their order")
        return self


class ExcelOptions(Spec):
    """Where the table is in a workbook."""

    sheet: str | None = Field(None, min_length=1, description="Name of the sheet; the first one unless given.")
    range: str | None = Field(
        None,
        pattern=r"^[A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7}$",
        description="Cells of the table, its header row first, such as B3:F200; the whole sheet unless given.",
    )
    header_row: int | None = Field(None, ge=1, description="Number of the row that names the columns; 1 unless given.")

    @model_validator(mode="after")
    def _one_header(self) -> Self:
        if self.range is not None and self.header_row is not None:
            raise ValueError("the first row of range is the header; leave out header_row")
        return self


class DeltaOptions(Spec):
    """Which version of a Delta table is read; the newest unless given."""

    version: int | None = Field(None, ge=0, description="Number of the version.")
    timestamp: AwareDatetime | None = Field(None, description="The version that was the newest at this moment.")

    @model_validator(mode="after")
    def _one_pin(self) -> Self:
        if self.version is not None and self.timestamp is not None:
            raise ValueError("give version or timestamp, not both")
        return self


_SUFFIXES: dict[str, KnownFormat] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".ndjson": "ndjson",
    ".ndjson.gz": "ndjson",
    ".jsonl": "ndjson",
    ".jsonl.gz": "ndjson",
    ".json": "json",
    ".json.gz": "json",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def format_of(name: str) -> KnownFormat | None:
    """Return the format that the suffix of ``name`` tells, or None."""
    lower = name.lower()
    return next((found for suffix, found in _SUFFIXES.items() if lower.endswith(suffix)), None)
