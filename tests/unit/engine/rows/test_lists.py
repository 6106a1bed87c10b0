"""Metadata, attachments and embeddings as columns of JSON text."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest

from labelbox_airflow.engine.metadata_schema import MetadataField, SchemaAddition
from labelbox_airflow.engine.rows.lists import CLEAR, AttachmentsReader, EmbeddingReader, MetadataReader
from labelbox_airflow.engine.rows.problems import Problems
from labelbox_airflow.engine.rows.spec import EmbeddingSpec, MetadataSpec, RowsSpec

ENUM = MetadataField("f" * 25, "country", "enum", {"DE": "1", "FR": "2"})


def read_metadata(
    values: Any, held: MetadataField | None = None, *, clear: bool = False, **spec: Any
) -> tuple[MetadataReader, pa.Array, Problems]:
    reader = MetadataReader("country", MetadataSpec(column="c", **spec), held, clear=clear)
    problems = Problems()
    cells = reader.read(pa.RecordBatch.from_pydict({"c": values}), problems)
    return reader, cells, problems


def test_nulls_leave_or_clear() -> None:
    assert read_metadata(["a", None])[1].to_pylist() == ['"a"', None]
    assert read_metadata(["null", None], clear=True)[1].to_pylist() == ['"null"', CLEAR]


def test_the_kind_is_that_of_labelbox_else_that_of_the_sync_else_string() -> None:
    number = MetadataField("id", "country", "number")
    assert read_metadata(["1"], number)[1].to_pylist() == ["1.0"]
    assert read_metadata(["1"], kind="number")[1].to_pylist() == ["1.0"]
    assert read_metadata(["1"])[1].to_pylist() == ['"1"']


def test_a_wrong_value_rejects_its_row() -> None:
    _, cells, problems = read_metadata(["1", "x", None, "nan"], kind="number")
    assert cells.to_pylist() == ["1.0", None, None, None]
    assert {index: (p.code, p.field, p.value) for index, p in problems.items()} == {
        1: ("bad_number", "metadata.country", "x"),
        3: ("bad_number", "metadata.country", "nan"),
    }


def test_an_unknown_option_is_rejected_and_the_known_ones_told() -> None:
    _, cells, problems = read_metadata(["DE", "de", "FR ", ""], ENUM)
    assert cells.to_pylist() == ['"DE"', None, None, None]
    assert sorted(problems) == [1, 2, 3]
    assert "options: DE, FR" in problems[1].reason


def test_new_options_are_gathered_from_rows_that_go_on() -> None:
    reader, cells, problems = read_metadata(
        ["DE", "IT", None, "x" * 101, "", "ES"], ENUM, new_options="add", clear=True
    )
    assert sorted(problems) == [3, 4]
    reader.note_options(cells.take(pa.array([0, 1, 2])))
    assert reader.addition() == SchemaAddition("enum", frozenset({"IT"}))


def test_options_of_numbers_and_booleans_are_texts() -> None:
    reader, cells, _ = read_metadata(pa.array([1, 2]), None, kind="enum", new_options="add")
    reader.note_options(cells)
    assert reader.addition().options == {"1", "2"}


def read_attachments(
    columns: dict[str, Any], attachments: list[dict[str, Any]], **spec: Any
) -> tuple[list[Any], Problems]:
    rows = RowsSpec.model_validate({"row_data": "a", "global_key": "a", "attachments": attachments, **spec})
    problems = Problems()
    cells = AttachmentsReader(rows, rows.attachments).read(pa.RecordBatch.from_pydict(columns), problems)
    assert len(cells) == len(next(iter(columns.values())))
    return [orjson.loads(cell) for cell in cells.to_pylist()], problems


TWO = [{"type": "RAW_TEXT", "name": 'no"te', "value": "note"}, {"type": "IMAGE", "value": "image"}]


def test_attachments_are_in_the_order_of_type_and_name_and_nulls_are_left_out() -> None:
    columns = {"note": ["a", None, None, "d"], "image": ["https://h/1", "https://h/2", None, None]}
    cells, problems = read_attachments(columns, TWO)
    assert not problems
    assert cells == [
        [{"type": "IMAGE", "value": "https://h/1"}, {"type": "RAW_TEXT", "name": 'no"te', "value": "a"}],
        [{"type": "IMAGE", "value": "https://h/2"}],
        [],
        [{"type": "RAW_TEXT", "name": 'no"te', "value": "d"}],
    ]


def test_a_null_can_clear_an_attachment() -> None:
    cells, _ = read_attachments({"note": [None, "n"], "image": [None, None]}, TWO, when_null="clear")
    assert [[item["value"] for item in cell] for cell in cells] == [[None, None], [None, "n"]]


def test_urls_of_attachments_are_checked_and_texts_are_not() -> None:
    columns = {
        "note": ["file:///x", "s3://b/k", "", "\u2028\U0001f600\x00"],
        "image": ["s3://b/a b", "file:///etc/passwd", "https://h/a?sig=1", ""],
    }
    cells, problems = read_attachments(columns, TWO, s3_region="eu-west-1")
    assert cells[0][0]["value"] == "https://b.s3.eu-west-1.amazonaws.com/a%20b"
    assert [cell[-1]["value"] for cell in cells] == columns["note"]
    assert {index: (p.code, p.field) for index, p in problems.items()} == {
        1: ("bad_url", "attachments.IMAGE"),
        2: ("presigned_url", "attachments.IMAGE"),
        3: ("bad_url", "attachments.IMAGE"),
    }


def test_no_rows_give_no_attachments() -> None:
    empty = pa.array([], pa.string())
    assert read_attachments({"note": empty, "image": empty}, TWO)[0] == []


def read_vectors(values: Any, dimensions: int = 2) -> tuple[list[Any], list[bytes | None], dict[int, str]]:
    problems = Problems()
    reader = EmbeddingReader("clip", EmbeddingSpec(column="v", dimensions=dimensions))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cells, floats = reader.read(pa.RecordBatch.from_pydict({"v": values}), problems)
    loaded = [None if cell is None else orjson.loads(cell) for cell in cells.to_pylist()]
    return loaded, floats, {index: problem.reason for index, problem in problems.items()}


@pytest.mark.parametrize(
    "values",
    [
        pa.array([[0.5, 1.0], None], pa.list_(pa.float64())),
        pa.array([[0.5, 1.0], None], pa.list_(pa.float32())),
        pa.array([[0.5, 1.0], None], pa.large_list(pa.float32())),
        pa.array([[0.5, 1.0], None], pa.list_(pa.float32(), 2)),
        pa.array([[0.5, 1.0], None], pa.list_(pa.float16())),
        ["[0.5,1]", None],
        ["[0.5, 1.0]", None],
    ],
)
def test_vectors_of_every_form_have_the_same_fingerprint(values: Any) -> None:
    loaded, floats, problems = read_vectors(values)
    assert not problems
    assert loaded == [[0.5, 1.0], None]
    assert floats == [np.array([0.5, 1.0], np.float32).tobytes(), None]


def test_whole_numbers_are_a_vector() -> None:
    assert read_vectors([[1, 2]])[0] == [[1, 2]]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1.0], "has 1 dimensions; the sync says 2"),
        ([1.0] * 3000, "has 3,000 dimensions"),
        ([], "has 0 dimensions"),
        ([1.0, math.nan], "not finite"),
        ([math.inf, 1.0], "not finite"),
        ([1e300, 1.0], "not finite"),
        ([1.0, None], "no number"),
        ("[1,null]", "no number"),
        ('["1","2"]', "no number"),
        ("[true,false]", "no number"),
        ("[[1],[2]]", "no number"),
        ('[{"a":1},2]', "no number"),
        ("{}", "no list"),
        ("1", "no list"),
        ("null", "no list"),
        ("0.1 0.2", ""),
        ("", ""),
    ],
)
def test_what_is_no_vector_rejects_its_row(value: Any, reason: str) -> None:
    loaded, floats, problems = read_vectors([value])
    assert (loaded, floats) == ([None], [None])
    assert reason in problems[0]
