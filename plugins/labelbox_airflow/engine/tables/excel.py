"""Reading a sheet of an Excel workbook as a stream of batches, cells with the types that they have there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO
from zipfile import BadZipFile

from labelbox_airflow.engine.errors import ConfigurationError, SourceError, did_you_mean
from labelbox_airflow.engine.records import Batch, Rejected
from labelbox_airflow.engine.tables.batches import BATCH_ROWS, check_names, require_columns, shown
from labelbox_airflow.engine.tables.options import ExcelOptions
from labelbox_airflow.engine.tables.python_values import ValueColumns, value_text

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

Cells = tuple[Any, ...]


def read_excel(
    file: BinaryIO,
    place: str,
    options: ExcelOptions,
    columns: Sequence[str] | None = None,
    time: datetime | None = None,
    *,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[Batch]:
    """Yield the rows of one sheet in batches of up to ``batch_rows``.

    Numbers, booleans, texts and times keep their type, a formula has the value that Excel saved with it; a column with
    several types is text. Rows without a value are skipped. Positions are the sheet's row numbers. Rejected, while the
    rest goes on: a row with an error such as ``#REF!`` in a column wanted (``error_cell``), a row with a value beside
    the named columns (``ragged_line``). Memory holds the workbook's shared texts, and a batch at a time.

    :param file: open for reading bytes, seekable
    :raises ConfigurationError: when openpyxl is not installed
    :raises SourceError: when the file is no workbook, or has no such sheet or column
    """
    with closing(_workbook(file, place)) as book:
        sheet = _sheet(book, options.sheet, place)
        where = f"{place} sheet '{sheet.title}'"
        numbered = _rows(sheet, options)
        names = _names(next(numbered, (0, ()))[1], where)
        wanted = require_columns(columns, names, where)
        records = _Records(numbered, names, wanted, where)
        made = ValueColumns(wanted)
        while records.take(batch_rows):
            rows = made.batch(records.rows)
            yield Batch(rows, where, records.positions, time, records.rejected, position_word="row")


def _workbook(file: BinaryIO, place: str) -> Workbook:
    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError as error:
        raise ConfigurationError(
            "reading Excel needs openpyxl", where=place, remedy="Install airflow-provider-labelbox[excel]."
        ) from error
    try:
        return load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except (BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise SourceError(
            f"the file is no Excel workbook that can be read ({error})",
            where=place,
            remedy="Save it as .xlsx, without a password.",
        ) from error


def _sheet(book: Workbook, name: str | None, place: str) -> ReadOnlyWorksheet:
    titles = [sheet.title for sheet in book.worksheets]
    if not titles or (name is not None and name not in titles):
        what = f"there is no sheet '{name}'" if name is not None else "there is no sheet with cells"
        raise SourceError(what, where=place, remedy=did_you_mean(name or "", titles))
    sheet: Any = book.worksheets[titles.index(name) if name is not None else 0]
    sheet.reset_dimensions()  # some programs write a wrong one, and rows beyond it would be left out
    return sheet


def _rows(sheet: Any, options: ExcelOptions) -> Iterator[tuple[int, Cells]]:
    """Yield each row of the table with its number, the header first."""
    if options.range is None:
        first = options.header_row or 1
        cells = sheet.iter_rows(min_row=first)
    else:
        from openpyxl.utils.cell import range_boundaries

        least_column, first, most_column, last = range_boundaries(options.range)
        cells = sheet.iter_rows(first, last, least_column, most_column)
    yield from enumerate(cells, start=first)


def _names(header: Cells, where: str) -> list[str]:
    names = [(value_text(cell.value) or "") if cell.value is not None else "" for cell in header]
    while names and not names[-1].strip():
        names.pop()
    if not names:
        raise SourceError(
            "the header row is empty", where=where, remedy="Set excel.header_row or excel.range to where the table is."
        )
    check_names(names, where)
    return names


class _Records:
    """Takes rows off the sheet, some at a time, and tells the good from the bad.

    :ivar rows: values of the good rows taken last, those of the columns wanted
    :ivar positions: for each of them its number in the sheet
    :ivar rejected: the bad ones met meanwhile
    """

    def __init__(self, numbered: Iterator[tuple[int, Cells]], names: list[str], wanted: list[str], where: str) -> None:
        self._numbered, self._names, self._where = numbered, names, where
        self._indexes = [names.index(name) for name in wanted]
        self._forget()

    def _forget(self) -> None:
        self.rows: list[list[Any]] = []
        self.positions: list[int] = []
        self.rejected: list[Rejected] = []

    def take(self, count: int) -> bool:
        """Take up to ``count`` rows in place of those taken before; False when there are no more."""
        self._forget()
        filled = (row for row in self._numbered if any(cell.value is not None for cell in row[1]))
        for number, cells in islice(filled, count):
            if not self._reject_bad(number, cells):
                self.positions.append(number)
                width = len(cells)
                self.rows.append([cells[index].value if index < width else None for index in self._indexes])
        return bool(self.positions or self.rejected)

    def _reject_bad(self, number: int, cells: Cells) -> bool:
        if any(cell.value is not None for cell in cells[len(self._names) :]):
            reason = f"The row has a value beside the {len(self._names)} columns that the header names."
            self._reject(number, cells, "ragged_line", reason)
            return True
        for index in self._indexes:
            if index < len(cells) and getattr(cells[index], "data_type", None) == "e":
                column, value = self._names[index], str(cells[index].value)
                reason = f"The column '{column}' has the error {value}; correct the formula and save the workbook."
                self._reject(number, cells, "error_cell", reason, column, value)
                return True
        return False

    def _reject(
        self, number: int, cells: Cells, code: str, reason: str, field: str | None = None, value: str | None = None
    ) -> None:
        texts = [None if cell.value is None else shown(value_text(cell.value) or "") for cell in cells]
        row = dict(zip(self._names, texts, strict=False))
        origin = f"{self._where} row {number}"
        self.rejected.append(Rejected(origin, "read", code, reason, field=field, value=value, row=row))
