"""Excel workbooks, for small tables that people look at.

Limits: https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3 (rows, columns, characters of a cell).
"""

from __future__ import annotations

from typing import Any, BinaryIO

import pyarrow as pa

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.exports.files.formats.texts import as_json
from labelbox_airflow.engine.exports.files.options import FileOptions

MOST_ROWS = 1_048_576  # the header's included
MOST_COLUMNS = 16_384
MOST_CHARACTERS = 32_767
_EXACT = 2**53  # numbers are floats in Excel; larger whole ones are written as text
_ROWS = 2_000  # as Python objects at once


class ExcelWriter:
    """Writes one sheet: a header and a row a record, on disk until it is closed; lists and structs as JSON text.

    Times with a zone are ISO 8601 text in UTC, as Excel has no zones.

    :raises ConfigurationError: openpyxl is not installed, or a limit of Excel is met
    """

    def __init__(self, file: BinaryIO, schema: pa.Schema, _options: FileOptions) -> None:
        try:
            from openpyxl import Workbook
        except ImportError:
            raise ConfigurationError(
                "Excel needs the package openpyxl", remedy="Install airflow-provider-labelbox[excel]."
            ) from None
        if len(schema) > MOST_COLUMNS:
            raise _too_much(f"{len(schema)} columns", f"{MOST_COLUMNS:,} columns")
        self._file, self._names = file, schema.names
        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet("Records")
        self._sheet.append(self._names)
        self._rows = 1

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of a batch."""
        if self._rows + batch.num_rows > MOST_ROWS:
            raise _too_much(f"more than {MOST_ROWS - 1:,} rows", f"{MOST_ROWS:,} rows with the header")
        for start in range(0, batch.num_rows, _ROWS):
            columns = [column.to_pylist() for column in batch.slice(start, _ROWS).columns]
            for values in zip(*columns, strict=True):
                self._rows += 1
                self._sheet.append([self._cell(*each) for each in zip(self._names, values, strict=True)])

    def _cell(self, name: str, value: Any) -> Any:
        given = _value(value)
        if type(given) is not str:
            return given
        if len(given) > MOST_CHARACTERS:
            raise _too_much(
                f"row {self._rows}, column '{name}': a text of {len(given):,} characters",
                f"{MOST_CHARACTERS:,} in a cell",
            )
        return self._text_cell(name, given) if given[:1] == "=" or not given.isprintable() else given

    def _text_cell(self, name: str, text: str) -> Any:
        """Return a cell that is no formula, whatever it begins with."""
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.utils.exceptions import IllegalCharacterError

        try:
            cell = WriteOnlyCell(self._sheet, text)
        except IllegalCharacterError:
            raise _too_much(
                f"row {self._rows}, column '{name}': a control character in {text[:80]!r}", "none in texts"
            ) from None
        cell.data_type = "s"
        return cell

    def close(self) -> None:
        """Complete the workbook."""
        self._book.save(self._file)


def _value(value: Any) -> Any:
    kind = type(value)
    if kind in {dict, list, bytes}:
        return as_json(value).decode()
    if kind is int and abs(value) > _EXACT:
        return str(value)
    if kind is float and (value != value or value in {float("inf"), float("-inf")}):
        return None if value != value else str(value)
    if getattr(value, "tzinfo", None) is not None:
        return as_json(value).decode().strip('"')
    return value


def _too_much(what: str, limit: str) -> ConfigurationError:
    return ConfigurationError(f"{what}; Excel holds {limit}", remedy="Use csv or parquet, or fewer columns.")
