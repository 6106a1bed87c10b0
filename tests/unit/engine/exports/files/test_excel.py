"""Excel: what openpyxl reads back, and the limits of a sheet."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.exports.files.target import local_target
from labelbox_airflow.engine.exports.files.write import write_files

SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("large", pa.int64()),
        ("share", pa.float64()),
        ("at", pa.timestamp("us", "UTC")),
        ("tags", pa.list_(pa.string())),
    ]
)


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    write_files(local_target(path), SCHEMA, [pa.RecordBatch.from_pylist(rows, schema=SCHEMA)])


def test_values_come_back(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    write(
        path,
        [
            {"text": "=1+1", "large": 2**53 + 1, "share": 0.5, "at": moment, "tags": ["ä"]},
            {"text": "two\nlines", "large": 7, "share": float("nan"), "at": None, "tags": None},
        ],
    )
    sheet = openpyxl.load_workbook(path).active
    assert list(sheet.iter_rows(values_only=True)) == [
        tuple(SCHEMA.names),
        ("=1+1", "9007199254740993", 0.5, "2026-03-01T00:00:00Z", '["ä"]'),
        ("two\nlines", 7, None, None, None),
    ]
    assert sheet["A2"].data_type == "s"  # a text, not a formula to be run
    write(path, [])
    assert list(openpyxl.load_workbook(path).active.iter_rows(values_only=True)) == [tuple(SCHEMA.names)]


def test_what_a_sheet_cannot_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    write(path, [{"text": "former"}])
    former = path.read_bytes()
    many = pa.RecordBatch.from_pydict({"n": range(1_048_576)}, schema=pa.schema([("n", pa.int64())]))
    with pytest.raises(ConfigurationError, match=r"more than 1,048,575 rows; Excel holds 1,048,576 .* Use csv"):
        write_files(local_target(path), many.schema, [many])
    for text, message in (
        ("x" * 32_768, "row 3, column 'text': a text of 32,768 characters; Excel holds 32,767 in a cell"),
        ("a\x00b", "row 3, column 'text': a control character in"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            write(path, [{"text": "x" * 32_767}, {"text": text}])
    assert path.read_bytes() == former
