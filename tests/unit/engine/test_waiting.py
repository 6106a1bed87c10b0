"""Waiting rows as text and back, with their types."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from labelbox_airflow.engine.ledger import WaitingRow
from labelbox_airflow.engine.waiting import row_text, waiting_batches

ROWS: dict[str, Any] = {
    "text": ['é"\n\x00\U0001f600', None],
    "whole": pa.array([2**63 - 1, None], pa.int64()),
    "fraction": pa.array([0.1, float("inf")], pa.float32()),
    "money": [Decimal("12.340"), None],
    "day": [date(2026, 1, 2), None],
    "moment": pa.array([datetime(2026, 1, 2, 3, 4, 5, 6, UTC), None], pa.timestamp("us", "Europe/Berlin")),
    "truth": [True, None],
    "vector": pa.array([[0.1, 0.2], None], pa.list_(pa.float32(), 2)),
    "bounds": [[[1, 2], [3, 4]], []],
    "nested": [{"a": [1, None], "b": {"c": "d"}}, None],
    "bytes": [b"\x00\xff", None],
    "coded": pa.array(["x", None]).dictionary_encode(),
    "nothing": pa.nulls(2),
}


def wait(rows: pa.RecordBatch, index: int, key: str) -> WaitingRow:
    return WaitingRow(key, 100 + index, 1, f"origin of {key}", row_text(rows.slice(index, 1)))


def test_every_type_comes_back_as_it_was() -> None:
    rows = pa.RecordBatch.from_pydict(ROWS)

    (batch,) = waiting_batches([wait(rows, index, str(index)) for index in range(2)])

    assert batch.rows.select(rows.schema.names).equals(rows)
    assert [batch.origin(index) for index in range(2)] == ["origin of 0", "origin of 1"]
    assert batch.origins().to_pylist() == ["origin of 0", "origin of 1"]
    assert batch.rows.column(batch.time_column).to_pylist() == [100, 101]


def test_a_row_out_of_many_takes_no_more_room_than_alone() -> None:
    many = pa.RecordBatch.from_pydict({"text": ["a" * 100] * 10_000, "vector": [[1.0, 2.0]] * 10_000})
    alone = pa.RecordBatch.from_pydict({"text": ["a" * 100], "vector": [[1.0, 2.0]]})
    assert len(row_text(many.slice(5000, 1))) == pytest.approx(len(row_text(alone)), rel=0.1)


def test_rows_of_other_columns_or_types_come_apart() -> None:
    texts = pa.RecordBatch.from_pydict({"id": ["a", "b"]})
    numbers = pa.RecordBatch.from_pydict({"id": [1]})
    more = pa.RecordBatch.from_pydict({"id": ["c"], "note": ["n"]})
    waiting = [wait(texts, 0, "a"), wait(numbers, 0, "1"), wait(more, 0, "c"), wait(texts, 1, "b")]

    batches = list(waiting_batches(waiting))

    found = {tuple(batch.origins().to_pylist()) for batch in batches}
    assert found == {("origin of a", "origin of b"), ("origin of 1",), ("origin of c",)}
    assert list(waiting_batches([])) == []
