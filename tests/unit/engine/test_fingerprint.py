"""Fingerprints: stable, and sensitive to what matters."""

from __future__ import annotations

import random
import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from labelbox_airflow.engine.fingerprint import column_fingerprints, fingerprint, row_fingerprints

MAPPING = b"0123456789abcdef"


def test_a_fingerprint_is_the_same_on_every_machine() -> None:
    assert fingerprint(b"labelbox") == 8305820280011205217
    column = pa.array(["labelbox", None, ""], pa.string())
    assert column_fingerprints(column).to_pylist() == [fingerprint(b"labelbox"), None, fingerprint(b"")]


def of(columns: dict[str, Any], names: list[str] | None = None, mapping: bytes = MAPPING) -> list[int]:
    rows = pa.RecordBatch.from_pydict(columns)
    marks: list[int] = row_fingerprints(rows, names or rows.schema.names, mapping=mapping).tolist()
    return marks


def test_only_the_named_columns_and_the_mapping_matter() -> None:
    one = of({"a": ["1", "2"], "b": ["x", "y"]}, ["a"])
    assert of({"b": ["p", "q"], "a": ["1", "2"]}, ["a"]) == one
    assert of({"a": ["1", "2"]}, ["a"], b"f" * 16) != one
    assert len(set(one)) == 2


def test_null_empty_and_moved_values_differ() -> None:
    rows = {"a": [None, "", "x", None, "x", ""], "b": ["x", "x", None, None, "", ""]}
    assert len(set(of(rows))) == 6


COLUMNS: dict[str, pa.Array] = {
    "null": pa.nulls(2),
    "bool": pa.array([True, None]),
    "int": pa.array([2**63 - 1, None]),
    "float": pa.array([float("nan"), None]),
    "half": pa.array([1.5, None], pa.float16()),
    "decimal": pa.array([Decimal("1.50"), None]),
    "date": pa.array([date(1, 1, 1), None]),
    "time": pa.array([time(1, 2, 3), None]),
    "naive": pa.array([datetime(2026, 3, 1), None]),
    "zoned": pa.array([datetime(2026, 3, 1), None], pa.timestamp("us", "Europe/Berlin")),
    "offset": pa.array([datetime(2026, 3, 1), None], pa.timestamp("ns", "+05:30")),
    "duration": pa.array([timedelta(1), None]),
    "interval": pa.array([(1, 2, 3), None], pa.month_day_nano_interval()),
    "binary": pa.array([b"\xff\x00", None]),
    "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([uuid.UUID(int=2**127).bytes, None], pa.binary(16))),
    "large": pa.array(["a", None], pa.large_string()),
    "view": pa.array(["a", None], pa.string_view()),
    "category": pa.array(["a", None]).dictionary_encode(),
    "number category": pa.array([1, None]).dictionary_encode(),
    "list": pa.array([[1.5, None], None], pa.list_(pa.float32())),
    "struct": pa.array([{"a": Decimal(1), "b": b"\xff", "c": [date(2026, 1, 1)]}, None]),
    "map": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS.keys())
def test_every_type_of_column_has_a_fingerprint(column: pa.Array) -> None:
    value, null = of({"a": column})
    assert null == of({"a": pa.nulls(1)})[0]
    assert pa.types.is_null(column.type) or value != null
    assert of({"a": column.slice(1)}) == [null]


def test_no_two_of_many_random_rows_collide() -> None:
    random.seed(11)
    rows = {("".join(random.choices('ab\x00\n,"', k=3)), random.choice([None, "", "a"])) for _ in range(3000)}
    columns = {"a": [a for a, _ in rows], "b": [b for _, b in rows]}
    assert len(set(of(columns))) == len(rows)


def test_no_rows_have_no_fingerprints() -> None:
    assert of({"a": pa.array([], pa.string())}) == []
