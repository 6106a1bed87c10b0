"""Reading CSV as a stream: every cell is text, an empty cell is null, a bad line is rejected and the rest goes on."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc

from labelbox_airflow.engine.collector import collector_paused
from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.records import Batch, Rejected
from labelbox_airflow.engine.tables.batches import BATCH_ROWS, check_names, require_columns, shown
from labelbox_airflow.engine.tables.options import CsvOptions
from labelbox_airflow.engine.tables.streams import MAX_RECORD_BYTES, CountingReader, packing_errors, unpacked

if TYPE_CHECKING:
    from _csv import Reader

_QUOTING_REMEDY = "Quotes inside a quoted cell are doubled; or set csv.quote and csv.delimiter as the file needs them."


def read_csv(
    file: BinaryIO,
    place: str,
    options: CsvOptions,
    columns: Sequence[str] | None = None,
    time: datetime | None = None,
    *,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[Batch]:
    """Yield the rows of a CSV file in batches of up to ``batch_rows``; memory does not grow with the file.

    Cells come as text, empty ones as null; blank lines are skipped. The position of a row is the line it ends on.
    Rejected, while the rest goes on: a line with too many or too few cells (``ragged_line``), a line with a stray
    quote (``bad_quoting``).

    :param file: open for reading bytes, seekable or not; unpacked when ``place`` ends in ``.gz``
    :param place: what messages and origins call the file
    :param columns: the columns wanted, in their order; all when None
    :raises SourceError: for a file as a whole: no header, a column that is missing or named twice, another encoding
        than said, NUL bytes, a quote that is never closed, a cell over 16 MB
    """
    csv.field_size_limit(MAX_RECORD_BYTES)
    with packing_errors(place):
        lines = _Lines(_decoded(unpacked(file, place), place, options.encoding))
        reader = csv.reader(lines, delimiter=options.delimiter, quotechar=options.quote, strict=True)
        names = _names(reader, lines, place, options)
        wanted = require_columns(columns, names, place)
        records = _Records(reader, lines, place, names, options.quote)
        indexes = [names.index(name) for name in wanted]
        schema = pa.schema([(name, pa.string()) for name in wanted])
        while records.take(batch_rows):
            yield Batch(
                rows=_columns(records.rows, indexes, schema),
                place=place,
                positions=records.positions,
                time=time,
                rejected=records.rejected,
            )


class _Lines:
    """The lines of the file, remembering the last one for messages."""

    def __init__(self, text: Iterator[str]) -> None:
        self._text = text
        self.last = ""

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.last = line
            yield line


class _Text(CountingReader):
    """Bytes for a text layer; knows where a byte that cannot be decoded is, and refuses NUL bytes."""

    def __init__(self, file: BinaryIO, place: str, *, may_hold_nul: bool) -> None:
        super().__init__(file)
        self._place = place
        self._may_hold_nul = may_hold_nul

    def read1(self, _size: int = -1) -> bytes:
        data = super().read1()
        if not self._may_hold_nul and b"\0" in data:
            raise SourceError(
                f"byte {self.taken - len(data) + data.index(0)} is NUL, which text does not hold",
                where=self._place,
                remedy="Set csv.encoding to utf-16 if that is what the file is; otherwise it is no CSV file.",
            )
        return data


def _decoded(file: BinaryIO, place: str, encoding: str) -> Iterator[str]:
    """Yield the lines of ``file`` with their ends."""
    codec = codecs.lookup(encoding).name
    source = _Text(file, place, may_hold_nul=codec.startswith(("utf-16", "utf-32")))
    # A text layer takes any object with read1; ends of lines stay as they are, for the csv module.
    text = io.TextIOWrapper(
        cast("BinaryIO", source), encoding="utf-8-sig" if codec == "utf-8" else codec, errors="strict", newline=""
    )
    try:
        yield from text
    except UnicodeDecodeError as error:
        offset = source.taken - len(error.object) + error.start
        raise SourceError(
            f"byte {offset} (0x{error.object[error.start]:02x}) cannot be read as {encoding}",
            where=place,
            remedy="Set csv.encoding to the file's own encoding, such as cp1252, or save the file as UTF-8.",
        ) from None
    except UnicodeError as error:
        raise SourceError(
            f"the file cannot be read as {encoding} ({error})",
            where=place,
            remedy="Set csv.encoding to the file's own encoding, such as utf-16-le.",
        ) from None


def _names(reader: Reader, lines: _Lines, place: str, options: CsvOptions) -> list[str]:
    if options.columns is not None:
        check_names(options.columns, place)
        return list(options.columns)
    try:
        header = next((cells for cells in reader if cells), None)
    except csv.Error as error:
        raise SourceError(f"the header cannot be read ({error})", where=place, remedy=_QUOTING_REMEDY) from None
    if header is None:
        what = "has blank lines only" if lines.last else "is empty: not even a header"
        raise SourceError(f"the file {what}", where=place, remedy="A table without rows still needs its header line.")
    check_names(header, place)
    return header


class _Records:
    """Takes records off the reader, some at a time, and tells the good from the bad.

    :ivar rows: cells of the good records taken last
    :ivar positions: for each of them the line it ends on
    :ivar rejected: the bad ones met meanwhile
    """

    def __init__(self, reader: Reader, lines: _Lines, place: str, names: list[str], quote: str) -> None:
        self._reader = reader
        self._lines = lines
        self._place = place
        self._width = len(names)
        self._quote = quote
        self._ended = False
        self._end = 0  # the line that the last whole record ended on
        self._forget()

    def _forget(self) -> None:
        self.rows: list[list[str]] = []
        self.positions: list[int] = []
        self.rejected: list[Rejected] = []

    @collector_paused()
    def take(self, count: int) -> bool:
        """Take up to ``count`` records in place of those taken before; False when there are no more."""
        self._forget()
        while not self._ended and len(self.positions) + len(self.rejected) < count:
            try:
                self._take(count)
            except csv.Error as error:
                self._reject_quoting(error)
        return bool(self.positions or self.rejected)

    def _take(self, count: int) -> None:
        reader, width, rows, positions = self._reader, self._width, self.rows, self.positions
        count -= len(self.rejected)
        end = reader.line_num
        try:
            for cells in reader:
                end = reader.line_num
                if len(cells) == width:
                    rows.append(cells)
                    positions.append(end)
                elif cells:
                    self._reject_ragged(cells)
                    count -= 1
                if len(positions) >= count:
                    return
        finally:
            self._end = end
        self._ended = True

    def _reject_ragged(self, cells: list[str]) -> None:
        amount = "too many" if len(cells) > self._width else "too few"
        self.rejected.append(
            Rejected(
                origin=f"{self._place} line {self._reader.line_num}",
                stage="read",
                code="ragged_line",
                reason=f"The line has {amount} cells: {len(cells)} where the table has {self._width} columns. "
                "A delimiter inside a cell needs quotes around the cell.",
                row={"line": [shown(cell) for cell in cells[: self._width + 10]]},
            )
        )

    def _reject_quoting(self, error: csv.Error) -> None:
        """Reject a stray quote that concerns its own line only; anything else leaves doubt about the lines after it."""
        line, text = self._reader.line_num, self._lines.last
        if "unexpected end of data" in str(error):
            raise SourceError(
                f"a quote opened in the record that begins at line {self._end + 1} is never closed",
                where=self._place,
                remedy=_QUOTING_REMEDY,
            ) from None
        if "field larger" in str(error):
            raise SourceError(
                f"a cell of the record that begins at line {self._end + 1} is over {MAX_RECORD_BYTES >> 20} MB, "
                "or its quote is never closed",
                where=self._place,
                remedy=_QUOTING_REMEDY,
            ) from None
        if line != self._end + 1 or text.count(self._quote) % 2:
            raise SourceError(
                f"line {line} has a stray quote, and where the next record begins cannot be told ({error})",
                where=self._place,
                remedy=_QUOTING_REMEDY,
            ) from None
        self.rejected.append(
            Rejected(
                origin=f"{self._place} line {line}",
                stage="read",
                code="bad_quoting",
                reason=f"The line has a stray quote ({error}). {_QUOTING_REMEDY}",
                row={"line": shown(text.rstrip("\r\n"))},
            )
        )


@collector_paused()
def _columns(rows: list[list[str]], indexes: list[int], schema: pa.Schema) -> pa.RecordBatch:
    if not rows or not indexes:
        empty: list[Any] = [None] * len(rows)
        return pa.RecordBatch.from_arrays([pa.array(empty, pa.string()) for _ in schema], schema=schema)
    cells = list(zip(*rows, strict=True))
    rows.clear()  # else the cells would be in memory twice until the next batch
    return pa.RecordBatch.from_arrays([_nulls_for_empty(cells[index]) for index in indexes], schema=schema)


def _nulls_for_empty(cells: Sequence[str]) -> pa.StringArray:
    texts = pa.array(list(cells), pa.string())  # from a tuple it takes seventeen times as long
    return pc.if_else(pc.not_equal(texts, ""), texts, None)
