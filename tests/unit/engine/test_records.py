"""Batches of rows given directly, and the row limit."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.records import Batch, Rejected, batch_of, limited


def test_dicts_become_columns_and_missing_keys_nulls() -> None:
    batch = batch_of([{"a": 1, "b": "x"}, {"b": None, "c": [1.0]}], place="records of extract")
    assert batch.rows.to_pylist() == [{"a": 1, "b": "x", "c": None}, {"a": None, "b": None, "c": [1.0]}]
    assert [batch.origin(i) for i in range(2)] == ["records of extract record 1", "records of extract record 2"]


def test_nothing_is_an_empty_batch() -> None:
    assert batch_of([], place="p").rows.num_rows == 0
    assert batch_of([{}], place="p").rows.num_columns == 0
    assert batch_of(pd.DataFrame(), place="p").rows.num_rows == 0


@pytest.mark.parametrize("as_frame", [True, False])
def test_nan_and_nat_are_null(as_frame: bool) -> None:
    records: list[dict[str, Any]] = [
        {"s": "x", "f": 1.5, "t": pd.Timestamp("2026-03-01"), "d": Decimal(1), "v": [1.0, 2.0]},
        {"s": math.nan, "f": math.nan, "t": pd.NaT, "d": None, "v": None},
    ]
    first, second = batch_of(pd.DataFrame(records) if as_frame else records, place="p").rows.to_pylist()
    assert set(second.values()) == {None}
    assert first == {"s": "x", "f": 1.5, "t": datetime(2026, 3, 1), "d": Decimal(1), "v": [1.0, 2.0]}


def test_columns_of_pandas_keep_their_values() -> None:
    frame = pd.DataFrame(
        {
            "Int64": pd.array([1, None], dtype="Int64"),
            "category": pd.Categorical(["a", None]),
            "text": pd.array(["x", None], dtype="string"),
            "vector": [np.array([1, 2], np.float32), None],
        },
        index=[7, 9],
    )
    batch = batch_of(frame, place="p")
    assert batch.rows.to_pylist()[0] == {"Int64": 1, "category": "a", "text": "x", "vector": [1.0, 2.0]}
    assert list(batch.positions) == [1, 2]


@pytest.mark.parametrize(
    "records",
    [
        [{"good": 1, "bad": 1}, {"good": 2, "bad": "x"}],
        [{"bad": 2**70}],
        [{"bad": object()}],
        [{"bad": "\ud800"}],
        pd.DataFrame({"bad": [1, "x"]}),
        pd.DataFrame([[1, 2]], columns=["bad", "bad"]),
    ],
)
def test_what_is_no_table_names_the_column(records: Any) -> None:
    with pytest.raises(SourceError, match=r"records of extract: .*bad"):
        batch_of(records, place="records of extract")


def batches(*sizes: int) -> list[Batch]:
    rejected = (Rejected("o", "read", "ragged_line", "r"),)
    return [
        Batch(pa.RecordBatch.from_pydict({"a": list(range(size))}), f"f{n}", range(1, size + 1), rejected=rejected)
        for n, size in enumerate(sizes)
    ]


@pytest.mark.parametrize(
    ("limit", "sizes"), [(None, [3, 0, 4]), (100, [3, 0, 4]), (7, [3, 0, 4]), (3, [3]), (5, [3, 0, 2]), (1, [1])]
)
def test_batches_end_at_the_limit(limit: int | None, sizes: list[int]) -> None:
    taken = list(limited(iter(batches(3, 0, 4)), limit))
    assert [batch.rows.num_rows for batch in taken] == sizes
    assert [len(batch.positions) for batch in taken] == sizes
    assert all(batch.rejected for batch in taken)
