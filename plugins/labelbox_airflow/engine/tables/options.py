"""How the text of a table file is to be read, as the sync file says it."""

from __future__ import annotations

import codecs
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from labelbox_airflow.engine.rows.spec import Spec

TableFormat = Literal["auto", "csv", "ndjson", "parquet"]


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


_SUFFIXES: dict[str, Literal["csv", "ndjson", "parquet"]] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".ndjson": "ndjson",
    ".ndjson.gz": "ndjson",
    ".jsonl": "ndjson",
    ".jsonl.gz": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def format_of(name: str) -> Literal["csv", "ndjson", "parquet"] | None:
    """Return the format that the suffix of ``name`` tells, or None."""
    lower = name.lower()
    return next((found for suffix, found in _SUFFIXES.items() if lower.endswith(suffix)), None)
