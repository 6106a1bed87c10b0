"""Values: columns, templates and constants of a batch, as lists."""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.rows.spec import ValueSpec
from labelbox_airflow.engine.rows.values import as_text, columns_of, join_present, texts, values_of

ROWS = pa.RecordBatch.from_pydict(
    {
        "id": pa.array([1, None, 3], pa.int64()),
        "name": ["a%b", "", None],
        "facts.cc": ["DE", "FR", "IT"],
        "score": [1.0, 0.5, math.nan],
    }
)


def read(**spec: Any) -> list[Any]:
    return values_of(ValueSpec(**spec))(ROWS)


def test_a_column_keeps_types_and_nulls() -> None:
    assert read(column="id") == [1, None, 3]
    assert read(column="facts.cc") == ["DE", "FR", "IT"]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{id}", ["1", None, "3"]),
        ("rcpt/{id}", ["rcpt/1", None, "rcpt/3"]),
        ("{id}/end", ["1/end", None, "3/end"]),
        ("100%/{name}/{facts.cc}", ["100%/a%b/DE", "100%//FR", None]),
        ("{{{id}}}", ["{1}", None, "{3}"]),
        ("https://t/{{z}}/{{x}}.png", ["https://t/{z}/{x}.png"] * 3),
        ("no braces", ["no braces"] * 3),
        ("{score}", ["1", "0.5", None]),
    ],
)
def test_a_template_is_null_where_one_of_its_columns_is(template: str, expected: list[str | None]) -> None:
    assert read(template=template) == expected


def test_a_constant_comes_once_a_row_even_if_falsy() -> None:
    assert read(value=0) == [0, 0, 0]
    assert read(value=False) == [False, False, False]


@pytest.mark.parametrize("spec", [{"column": "nmae"}, {"template": "{nmae}"}, {"template": "x{nmae}y{id}"}])
def test_a_column_that_is_not_there_names_the_nearest(spec: dict[str, str]) -> None:
    with pytest.raises(SourceError, match=r"no column 'nmae'\. Did you mean 'name'"):
        read(**spec)


def test_columns_are_listed_in_order() -> None:
    assert columns_of(ValueSpec(template="{b}{{x}}{a.c}")) == ["b", "a.c"]
    assert columns_of(ValueSpec(column="c")) == ["c"]
    assert columns_of(ValueSpec(value=1)) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (np.False_.item(), "false"),
        (3.0, "3"),
        (-0.0, "0"),
        (2.5, "2.5"),
        (2**63, "9223372036854775808"),
        (Decimal("12.50"), "12.50"),
        (date(2026, 3, 1), "2026-03-01"),
        (datetime(2026, 3, 1, 4), "2026-03-01 04:00:00"),
        (b"caf\xc3\xa9", "café"),
        (b"\xff\x00", "\\xff\x00"),
        (math.nan, None),
        (Decimal("NaN"), None),
        (None, None),
        ("", ""),
    ],
)
def test_text_of_a_value(value: Any, text: str | None) -> None:
    assert as_text(value) == text
    assert texts([value]) == [text]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ([["a", None, "c"], [None, None, "d"]], ["a", "", "c,d"]),
        ([[None, None], [None, None]], ["", ""]),
        ([[None, "x"]], ["", "x"]),
        ([["", None], [None, ""]], ["", ""]),
        ([[], []], []),
    ],
)
def test_joining_leaves_out_nulls_and_keeps_every_row(columns: list[list[str | None]], expected: list[str]) -> None:
    assert join_present([pa.array(c, pa.string()) for c in columns], ",").to_pylist() == expected
