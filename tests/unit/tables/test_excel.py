from __future__ import annotations

import builtins
import io
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from openpyxl import Workbook

from labelbox_airflow.engine.errors import ConfigurationError, SourceError
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.tables.excel import read_excel
from labelbox_airflow.engine.tables.options import ExcelOptions


def workbook(*rows: list[Any], change: Callable[[Workbook], None] | None = None) -> io.BytesIO:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    if change is not None:
        change(book)
    file = io.BytesIO()
    book.save(file)
    return file


def batches(file: io.BytesIO, columns: list[str] | None = None, batch_rows: int = 100, **options: Any) -> list[Batch]:
    return list(read_excel(file, "a.xlsx", ExcelOptions(**options), columns, batch_rows=batch_rows))


def test_cells_have_their_types_and_mixed_columns_are_text() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5)
    (batch,) = batches(
        workbook(["id", "n", "at", "ok", "mixed", "part"], [1, 0.5, at, True, 17, 1], [2, None, None, None, "x", 2.5])
    )
    assert batch.rows.to_pylist() == [
        {"id": 1, "n": 0.5, "at": at, "ok": True, "mixed": "17", "part": 1.0},
        {"id": 2, "n": None, "at": None, "ok": None, "mixed": "x", "part": 2.5},
    ]
    assert batch.rows.schema.field("at").type == pa.timestamp("us")
    assert batch.origin(1) == "a.xlsx sheet 'Sheet' row 3"


def test_the_table_is_found_by_sheet_range_and_header_row() -> None:
    def add_sheet(book: Workbook) -> None:
        sheet = book.create_sheet("Prices")
        for row in (["made by", None, "us"], [None, "id", "price"], [None, 1, 2], [None, 3, 4], [None, 5, 6]):
            sheet.append(row)

    file = workbook(["other"], change=add_sheet)
    (ranged,) = batches(file, ["price"], sheet="Prices", range="B2:C4")
    assert ranged.rows.to_pylist() == [{"price": 2}, {"price": 4}]
    with pytest.raises(SourceError, match="sheet 'Prices': column 1 has no name"):
        batches(file, sheet="Prices", header_row=2)
    with pytest.raises(SourceError, match=r"no sheet 'Price'\. Did you mean 'Prices'"):
        batches(file, sheet="Price")
    (titled,) = batches(workbook(["title"], [None], ["id"], [7]), header_row=3)
    assert titled.rows.to_pylist() == [{"id": 7}]
    assert list(titled.positions) == [4]


def test_wrong_rows_are_rejected_and_empty_ones_skipped() -> None:
    file = workbook(["id", "sum"], [1, "#REF!"], [None, None], [2, 5, "note"], [3, 7])
    (batch,) = batches(file)
    assert batch.rows.to_pylist() == [{"id": 3, "sum": 7}]
    assert list(batch.positions) == [5]
    assert [(reject.code, reject.origin) for reject in batch.rejected] == [
        ("error_cell", "a.xlsx sheet 'Sheet' row 2"),
        ("ragged_line", "a.xlsx sheet 'Sheet' row 4"),
    ]
    (others,) = batches(file, ["id"])
    assert others.rows.column("id").to_pylist() == [1, 3]


def test_rows_come_in_batches_that_keep_their_types() -> None:
    found = batches(workbook(["id", "n"], [1, 0.5], [2, 3], [3, None]), batch_rows=1)
    assert [batch.rows.num_rows for batch in found] == [1, 1, 1]
    assert {batch.rows.schema.field("n").type for batch in found} == {pa.float64()}


@pytest.mark.parametrize(
    ("file", "columns", "said"),
    [
        (io.BytesIO(b"PK no zip"), None, "a.xlsx: the file is no Excel workbook"),
        (io.BytesIO(b""), None, "a.xlsx: the file is no Excel workbook"),
        (workbook(), None, "the header row is empty"),
        (workbook(["id", "id"]), None, "columns 1 and 2 are both called 'id'"),
        (workbook(["price"]), ["prize"], "no column 'prize'. Did you mean 'price'"),
    ],
)
def test_a_file_that_is_no_table_is_refused(file: io.BytesIO, columns: list[str] | None, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        batches(file, columns)


def test_without_openpyxl_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("openpyxl"):
            raise ImportError(name)
        return load(name, *args, **kwargs)

    file = workbook(["id"])
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigurationError, match=r"Install airflow-provider-labelbox\[excel\]"):
        batches(file)
