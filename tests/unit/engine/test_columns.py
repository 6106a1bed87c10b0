"""Columns of text converted whole: the same as value by value."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pyarrow as pa
import pytest

from labelbox_airflow.engine.columns import json_texts, text_buffers
from labelbox_airflow.engine.fingerprint import column_fingerprints, fingerprint
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.rows.metadata import convert_column, converter
from labelbox_airflow.engine.rows.spec import MetadataKind, MetadataSpec, ValueSpec
from labelbox_airflow.engine.rows.urls import AssetUrlError, are_plain_urls, asset_url
from labelbox_airflow.engine.rows.values import text_column, texts, values_of
from labelbox_airflow.engine.units import content_mark, content_marks, part_marks

TEXTS = ["", "a", "ü\U0001f600", "\x7f", None, " "]
ODD = ['"', "\\", "\n", "\x00", "\x1f", "\u2028"]


@pytest.mark.parametrize("odd", [None, *ODD])
def test_texts_become_json_and_nulls_stay(odd: str | None) -> None:
    values = [*TEXTS, odd]
    expected = [None if value is None else orjson.dumps(value).decode() for value in values]
    column = pa.array(["before", *values, 'after"'], pa.string())
    assert json_texts(column.slice(1, len(values))).to_pylist() == expected
    assert json_texts(pa.array([], pa.string())).to_pylist() == []


def test_nulls_alone_have_no_text() -> None:
    assert json_texts(pa.array([None, None], pa.string())).to_pylist() == [None, None]
    offsets, content = text_buffers(pa.array(["x", "ab", "c"]).slice(1))
    assert bytes(content[offsets[0] : offsets[-1]]) == b"abc"


def test_fingerprints_of_a_column_are_those_of_its_texts() -> None:
    column = pa.array(["before", *TEXTS, *ODD, "x" * 1000]).slice(1)
    assert column_fingerprints(column).to_pylist() == [
        None if text is None else fingerprint(text.encode()) for text in column.to_pylist()
    ]
    assert column_fingerprints(pa.array([], pa.string())).to_pylist() == []
    assert column_fingerprints(column, key="k" * 16).to_pylist() != column_fingerprints(column).to_pylist()


VALUES: dict[MetadataKind, list[str]] = {
    "string": ["", "a", '"', "ü" * 4096, "x" * 4097],
    "number": [
        "0",
        "1",
        "-1",
        "-0",
        "1.",
        "+1",
        ".5",
        "1e5",
        "1E5",
        "1e22",
        "1e-7",
        "0.1",
        "12.50",
        "00012",
        "1e-400",
        "1e400",
        "inf",
        "nan",
        "1_0",
        "0x1",
        "1,5",
        "x",
    ],
    "datetime": [
        "2026-01-02T03:04:05Z",
        "2026-01-02 03:04:05+01:00",
        "2026-01-02T03:04Z",
        "2026-01-02T03:04:05.9Z",
        "2026-01-02T03:04:05",
        "2026-01-02",
        "2026-02-30T00:00:00Z",
        "2026-01-02T24:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "0999-01-01T00:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "1e5",
        "",
    ],
}


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in VALUES.items() for value in values])
def test_a_column_of_metadata_is_converted_as_its_values_are(kind: MetadataKind, value: str) -> None:
    spec = MetadataSpec(column="c", kind=kind)
    try:
        expected = converter(kind, spec)(value)
    except ValueError:
        expected = None
    for values, wanted in (([value], [expected]), ([None, value], [None, expected])):
        converted = convert_column(kind, spec, pa.array(values, pa.string()))
        assert converted is None or converted.to_pylist() == wanted


@pytest.mark.parametrize("kind", VALUES)
def test_usual_values_are_converted_as_a_column(kind: MetadataKind) -> None:
    converted = convert_column(kind, MetadataSpec(column="c", kind=kind), pa.array([None, VALUES[kind][0]]))
    assert converted is not None
    assert convert_column(kind, MetadataSpec(column="c", kind=kind), pa.array([], pa.string())).to_pylist() == []


URLS = [
    "https://h/a.jpg", "http://h:80/a_b-c.d~e/%20()@!$'*+,;:=[]{}^`.jpg", "gs://bucket/key",
    "HTTPS://h/a", "https:///a", "https://", "s3://b/k", "ftp://h/a", "a.jpg", "",
    "https://h/a?b=c", "https://h/a&sig=1", "https://h/a b", "https://h/a#b", "https://h/<a>", "https://h/a|b",
    'https://h/a"b', "https://h/a\\b", "https://h/ü", "https://h/a\n", "https://h/a\x00", "x https://h/a",
]  # fmt: skip


@pytest.mark.parametrize("url", URLS)
def test_a_plain_url_is_taken_as_it_is(url: str) -> None:
    try:
        accepted = asset_url(url, s3_region=None, presigned=False) == url
    except AssetUrlError:
        accepted = False
    plain = are_plain_urls(pa.array(["https://h/1", None, url]))
    assert plain == (url in URLS[:3])
    assert accepted or not plain


ROWS = pa.RecordBatch.from_pydict({"a": ["1", None, ""], "b": ["x%", "y", "{z}"], "n": [1, 2, 3]})


@pytest.mark.parametrize(
    "spec", [{"column": "a"}, {"template": "{a}"}, {"template": "p/{a}-{b}%{{}}"}, {"template": "{b}{a}"}]
)
def test_columns_and_templates_of_text_are_read_as_columns(spec: dict[str, Any]) -> None:
    value = ValueSpec(**spec)
    column = text_column(value, ROWS)
    assert column is not None
    assert column.to_pylist() == texts(values_of(value)(ROWS))


@pytest.mark.parametrize("spec", [{"column": "n"}, {"template": "{a}{n}"}, {"column": "gone"}, {"value": "x"}])
def test_anything_else_is_read_value_by_value(spec: dict[str, Any]) -> None:
    assert text_column(ValueSpec(**spec), ROWS) is None


def test_origins_of_a_batch_are_those_of_its_rows() -> None:
    batch = Batch(ROWS, "s3://b/100%.csv", [2, 3, 17])
    assert batch.origins().to_pylist() == [batch.origin(index) for index in range(3)]
    assert Batch(ROWS.slice(0, 0), "p", []).origins().to_pylist() == []


def test_content_marks_of_a_batch_are_those_of_its_rows() -> None:
    random.seed(3)
    marks = [random.choice([None, random.randrange(-(2**63), 2**63)]) for _ in range(40)]
    rows = pa.RecordBatch.from_pydict(
        {f"fingerprint.{part}": pa.array(marks[start : start + 10], pa.int64()) for start, part in
         ((0, "row_data"), (10, "metadata"), (20, "embeddings"))}
    )  # fmt: skip
    assert content_marks(rows).tolist() == [content_mark(mark) for mark in part_marks(rows)]
    assert content_marks(rows.slice(3, 2)).tolist() == [content_mark(mark) for mark in part_marks(rows.slice(3, 2))]
