"""Rejected rows: what they say, and what they must not say."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.rows.problems import Problems, row_payload

SIGNED = "https://h/a.jpg?X-Amz-Signature=SECRET&v=1"


def rejected(value: Any, row: dict[str, Any]) -> Any:
    problems = Problems()
    problems.add(0, "bad_number", "metadata.total", value, "is no number")
    problems.add(0, "later", "other", None, "is not told")
    rows = pa.RecordBatch.from_pylist([row])
    (one,) = problems.rejected(Batch(rows, "s3://b/t.csv", [17]), ["k1"])
    return one


def test_the_first_problem_of_a_row_is_kept_with_its_place() -> None:
    one = rejected("1,5", {"id": "k1"})
    assert (one.origin, one.stage, one.code, one.field) == (
        "s3://b/t.csv line 17",
        "map",
        "bad_number",
        "metadata.total",
    )
    assert one.reason == "metadata.total = '1,5': is no number"
    assert (one.value, one.global_key, one.row) == ("1,5", "k1", {"id": "k1"})


def test_signatures_are_stripped_however_deep_they_are() -> None:
    row = {"u": SIGNED, "s": {"url": SIGNED, "list": [SIGNED, None]}, "n": 1, "t": f"see {SIGNED} and 'https://[x?"}
    one = rejected({"url": SIGNED}, row)
    assert "SECRET" not in repr(one)
    assert one.row["s"] == {"url": "https://h/a.jpg?v=1", "list": ["https://h/a.jpg?v=1", None]}
    assert one.row["n"] == 1


def test_a_long_value_is_cut() -> None:
    one = rejected("x" * 10_000, {"id": "k"})
    assert len(one.value) == 200
    assert one.value.endswith("...")
    assert len(one.reason) < 300


def test_a_problem_without_a_value_shows_none() -> None:
    assert rejected(None, {"id": None}).reason == "metadata.total: is no number"


def test_the_payload_is_that_of_the_row_in_a_sliced_batch() -> None:
    rows = pa.RecordBatch.from_pydict({"id": ["a", "b", "c"]}).slice(1)
    assert row_payload(rows, 1) == {"id": "c"}
