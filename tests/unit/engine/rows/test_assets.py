"""row_data: URLs, raw text, and the objects of documents, tiles and conversations."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pytest

from labelbox_airflow.engine.rows.assets import AssetReader, structured_columns
from labelbox_airflow.engine.rows.problems import Problems
from labelbox_airflow.engine.rows.spec import RowsSpec


def read(columns: dict[str, Any], row_data: Any = "a", **spec: Any) -> tuple[list[Any], dict[int, str]]:
    rows = RowsSpec.model_validate({"row_data": row_data, "global_key": "id", **spec})
    problems = Problems()
    cells = AssetReader(rows).read(pa.RecordBatch.from_pydict(columns), problems)
    loaded = [None if cell is None else orjson.loads(cell) for cell in cells]
    return loaded, {index: problem.code for index, problem in problems.items()}


def test_a_wrong_value_rejects_its_row_alone() -> None:
    values = ["https://h/1.jpg", None, "s3://b/k", "/etc/passwd", "file:///x", "", "gs://b/2.jpg"]
    assert read({"a": values}) == (
        ["https://h/1.jpg", None, None, None, None, None, "gs://b/2.jpg"],
        {1: "null_row_data", 2: "s3_url", 3: "bad_url", 4: "bad_url", 5: "bad_url"},
    )


@pytest.mark.parametrize("values", [pa.array([1]), pa.array([["https://h/1"]]), pa.array([True])])
def test_a_value_that_is_no_text_is_refused(values: pa.Array) -> None:
    assert read({"a": values}) == ([None], {0: "bad_row_data"})


@pytest.mark.parametrize(
    "text", ["See http://h for more", "", '{"json": 1}', 'quo"te \\ \n \u2028 \U0001f600 \x01', "x" * 64_000]
)
def test_raw_text_is_taken_as_it_is(text: str) -> None:
    assert read({"a": [text]}, media_type="TEXT") == ([text], {})


def test_raw_text_that_is_too_long_is_refused() -> None:
    assert read({"a": ["x" * 64_001]}, media_type="TEXT") == ([None], {0: "text_too_long"})


def test_a_url_of_a_text_file_is_still_checked() -> None:
    assert read({"a": ["s3://b/a b.txt"]}, media_type="TEXT", s3_region="eu-west-1") == (
        ["https://b.s3.eu-west-1.amazonaws.com/a%20b.txt"],
        {},
    )


def test_structured_row_data_reads_columns_templates_and_constants() -> None:
    row_data = {"pdf_url": "gs://b/{doc}.pdf", "text_layer_url": "layer", "version": {"value": 1}, "pages": 3}
    assert structured_columns(row_data) == ["doc", "layer"]
    assert read({"doc": ["d1", "d2"], "layer": ["https://h/l", None]}, row_data, media_type="PDF") == (
        [
            {"pdf_url": "gs://b/d1.pdf", "text_layer_url": "https://h/l", "version": 1, "pages": 3},
            {"pdf_url": "gs://b/d2.pdf", "version": 1, "pages": 3},
        ],
        {},
    )


def test_urls_in_structured_row_data_are_checked() -> None:
    row_data = {"pdf_url": "pdf"}
    values = ["file:///etc/passwd", "s3://b/a+b.pdf", "https://h/a?X-Goog-Signature=1", None]
    assert read({"pdf": values}, row_data, s3_region="us-east-1") == (
        [None, {"pdf_url": "https://b.s3.us-east-1.amazonaws.com/a%2Bb.pdf"}, None, None],
        {0: "bad_url", 2: "presigned_url", 3: "null_row_data"},
    )


TILES = {
    "tile_layer_url": {"value": "https://t/{z}/{x}/{y}.png"},
    "bounds": "bounds",
    "min_zoom": "low",
    "max_zoom": "high",
    "epsg": {"value": "EPSG4326"},
}


@pytest.mark.parametrize(
    "columns",
    [
        {"bounds": ["[[19.4,-99.2],[19.5,-99.1]]"], "low": ["12"], "high": ["20"]},
        {"bounds": [[[19.4, -99.2], [19.5, -99.1]]], "low": [12.0], "high": [Decimal(20)]},
    ],
)
def test_tiles_keep_their_braces_and_get_numbers_from_text(columns: dict[str, Any]) -> None:
    ((tiles,), problems) = read(columns, TILES, media_type="TMS_GEO")
    assert not problems
    assert tiles == {
        "tile_layer_url": "https://t/{z}/{x}/{y}.png",
        "bounds": [[19.4, -99.2], [19.5, -99.1]],
        "min_zoom": 12,
        "max_zoom": 20,
        "epsg": "EPSG4326",
    }
    assert isinstance(tiles["min_zoom"], int)


def test_a_tile_url_may_have_escaped_braces_and_columns() -> None:
    row_data = {"tile_layer_url": "https://t/{layer}/{{z}}/{{x}}/{{y}}.png", "min_zoom": "low"}
    assert read({"layer": ["sat"], "low": ["²"]}, row_data, media_type="TMS_GEO")[0] == [
        {"tile_layer_url": "https://t/sat/{z}/{x}/{y}.png", "min_zoom": "²"}
    ]
    constant = {"tile_layer_url": "https://t/{{z}}/{{x}}/{{y}}.png"}
    assert (
        read({"layer": ["sat", "map"]}, constant, media_type="TMS_GEO")[0]
        == [{"tile_layer_url": "https://t/{z}/{x}/{y}.png"}] * 2
    )


@pytest.mark.parametrize("text", ["[laughs] hello", "{oops", "--5", "[", "{}"])
def test_text_that_only_looks_like_json_does_not_break_the_batch(text: str) -> None:
    row_data = {"type": {"value": "chat"}, "version": "number", "messages": [{"content": "said", "align": "left"}]}
    cells, problems = read({"said": ["hi", text], "left": ["l", "r"], "number": ["1", text]}, row_data)
    assert not problems
    assert cells[0] == {"type": "chat", "version": 1, "messages": [{"content": "hi", "align": "l"}]}
    assert cells[1]["messages"][0]["align"] == "r"


def test_a_struct_column_is_an_object() -> None:
    structs = [
        {"pdf_url": "gs://b/1.pdf", "n": Decimal("1.5"), "x": None},
        {"pdf_url": None, "n": None, "x": None},
        None,
    ]
    assert read({"a": structs}) == (
        [{"pdf_url": "gs://b/1.pdf", "n": 1.5}, None, None],
        {1: "null_row_data", 2: "null_row_data"},
    )


def test_a_struct_with_what_json_cannot_hold_is_refused() -> None:
    assert read({"a": [{"pdf_url": "gs://b/1.pdf", "blob": b"\xff"}]}) == ([None], {0: "bad_row_data"})


def test_nan_in_a_struct_is_null() -> None:
    assert read({"a": [{"pdf_url": "gs://b/1.pdf", "n": math.nan}]})[0] == [{"pdf_url": "gs://b/1.pdf", "n": None}]


@pytest.mark.parametrize(
    ("text", "expected", "code"),
    [
        ('{"pdf_url":"gs://b/1.pdf"}', {"pdf_url": "gs://b/1.pdf"}, None),
        ('{"pdf_url":"file:///etc/passwd"}', None, "bad_url"),
        ('{"pdf_url":', None, "bad_row_data"),
        ("{}", None, "null_row_data"),
        ('{"a":"\\ud800"}', None, "bad_row_data"),
    ],
)
def test_json_text_is_an_object(text: str, expected: Any, code: str | None) -> None:
    assert read({"a": [text]}) == ([expected], {0: code} if code else {})


def test_no_rows_give_no_cells() -> None:
    assert read({"a": pa.array([], pa.string())}) == ([], {})
    assert read({"a": pa.array([], pa.string())}, {"pdf_url": "a"}) == ([], {})
