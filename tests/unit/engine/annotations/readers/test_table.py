"""Long tables become annotations, one a row: from CSV text and from typed Parquet alike."""

import base64
import io
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelbox_airflow.engine.annotations.model import (
    Annotation,
    BoundingBox,
    Checklist,
    Choice,
    Classification,
    DataRow,
    Feature,
    FreeText,
    Line,
    MaskImage,
    MaskRuns,
    MaskUri,
    Message,
    Origin,
    Page,
    Point,
    Polygon,
    Radio,
    TextEntity,
)
from labelbox_airflow.engine.annotations.problems import RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.table import TableReader
from labelbox_airflow.engine.annotations.readers.table_spec import TableSpec
from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.records import Batch, Rejected
from labelbox_airflow.engine.tables.read import read_table

ROWS = {"global_key": "k", "class": {"value": "Car"}}
BOXES = {"columns": ["a", "b", "c", "d"], "format": "xyxy"}
PNG = b"\x89PNG\r\n\x1a\n rest"


def _csv(rows: Sequence[dict[str, Any]]) -> Iterator[Batch]:
    """The rows as CSV, lists and objects as JSON in quotes, bytes as base64."""
    names = list(rows[0])
    lines = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    text = "\n".join(",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in line) for line in lines)
    return read_table(io.BytesIO(text.encode()), "rows.csv")


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, float):
        return str(value)
    return base64.b64encode(value).decode() if isinstance(value, bytes) else orjson.dumps(value).decode()


def _ndjson(rows: Sequence[dict[str, Any]]) -> Iterator[Batch]:
    lines = [orjson.dumps(row, default=_cell, option=orjson.OPT_APPEND_NEWLINE) for row in rows]
    return read_table(io.BytesIO(b"".join(lines)), "rows.ndjson")


def _parquet(rows: Sequence[dict[str, Any]]) -> Iterator[Batch]:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), file)
    return read_table(io.BytesIO(file.getvalue()), "rows.parquet")


def _reads(batches: Iterator[Batch], spec: dict[str, Any], **more: Any) -> list[Read]:
    return list(TableReader(TableSpec.model_validate(ROWS | spec), **more).read(batches))


def _rejects(rows: Sequence[dict[str, Any]], spec: dict[str, Any], **more: Any) -> list[RejectedAnnotation]:
    """What is rejected: the same from CSV and Parquet."""
    of_csv, of_parquet = (_reads(read(rows), spec, **more) for read in (_csv, _parquet))
    found = [read for read in of_csv if isinstance(read, RejectedAnnotation)]
    assert [read.code for read in of_parquet if isinstance(read, RejectedAnnotation)] == [each.code for each in found]
    return found


VALUES: dict[str, tuple[dict[str, Any], dict[str, Any], Any]] = {
    "box as corners": (
        {"kind": "bounding_box", "geometry": BOXES},
        {"a": 1.5, "b": 2.0, "c": 4.0, "d": 6.0},
        BoundingBox(1.5, 2, 2.5, 4),
    ),
    "box of whole numbers": (
        {"kind": "bounding_box", "geometry": BOXES | {"format": "xywh"}},
        {"a": 1, "b": 2, "c": 4, "d": 6},
        BoundingBox(1, 2, 4, 6),
    ),
    "box by its centre": (
        {"kind": "bounding_box", "geometry": BOXES | {"format": "cxcywh"}},
        {"a": 10, "b": 20, "c": 4, "d": 6},
        BoundingBox(8, 17, 4, 6),
    ),
    "normalized box": (
        {
            "kind": "bounding_box",
            "geometry": BOXES | {"units": "normalized", "size": {"width": "w", "height": "h"}},
        },
        {"a": 0.25, "b": 0.5, "c": 0.5, "d": 1.0, "w": 200, "h": 100},
        BoundingBox(50, 50, 50, 50),
    ),
    "box in a list": (
        {"kind": "bounding_box", "geometry": {"column": "box", "format": "xyxy"}},
        {"box": [1.0, 2.0, 4.0, 6.0]},
        BoundingBox(1, 2, 3, 4),
    ),
    "box in a struct": (
        {"kind": "bounding_box", "geometry": {"column": "box"}},
        {"box": {"xmin": 1.0, "ymin": 2.0, "xmax": 4.0, "ymax": 6.0}},
        BoundingBox(1, 2, 3, 4),
    ),
    "box with Labelbox's names": (
        {"kind": "bbox", "geometry": {"column": "box"}},
        {"box": {"top": 2, "left": 1, "height": 4, "width": 3}},
        BoundingBox(1, 2, 3, 4),
    ),
    "box as Python wrote it": (
        {"kind": "bounding_box", "geometry": {"column": "box", "format": "xywh"}},
        {"box": "(1, 2.5, 3, 4)"},
        BoundingBox(1, 2.5, 3, 4),
    ),
    "polygon of pairs": (
        {"kind": "polygon", "geometry": {"column": "g"}},
        {"g": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]},
        Polygon(((0, 0), (1, 0), (1, 1))),
    ),
    "polygon of a flat list": (
        {"kind": "polygon", "geometry": {"column": "g"}},
        {"g": [0, 0, 1, 0, 1, 1]},
        Polygon(((0, 0), (1, 0), (1, 1))),
    ),
    "polygon of structs": (
        {"kind": "polygon", "geometry": {"column": "g"}},
        {"g": [{"x": 0, "y": 0}, {"x": 1, "y": 0}, {"x": 1, "y": 1}]},
        Polygon(((0, 0), (1, 0), (1, 1))),
    ),
    "polygon in a list of one ring": (
        {"kind": "polygon", "geometry": {"column": "g"}},
        {"g": [[0, 0, 1, 0, 1, 1]]},
        Polygon(((0, 0), (1, 0), (1, 1))),
    ),
    "polygon of WKT": (
        {"kind": "polygon", "geometry": {"column": "g"}},
        {"g": "POLYGON ((0 0, 1.5 0, 1 1))"},
        Polygon(((0, 0), (1.5, 0), (1, 1))),
    ),
    "polygon of GeoJSON": (
        {"kind": "polygon", "geometry": {"column": "g"}},
        {"g": '{"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1]]]}'},
        Polygon(((0, 0), (1, 0), (1, 1))),
    ),
    "normalized polygon": (
        {
            "kind": "polygon",
            "geometry": {"column": "g", "units": "normalized", "size": {"width": "w", "height": "h"}},
        },
        {"g": [[0.0, 0.0], [1.0, 0.0], [0.5, 0.5]], "w": 10, "h": 20},
        Polygon(((0, 0), (10, 0), (5, 10))),
    ),
    "line of two points": (
        {"kind": "line", "geometry": {"column": "g"}},
        {"g": [[0, 0], [1, 1]]},
        Line(((0, 0), (1, 1))),
    ),
    "line of WKT": (
        {"kind": "polyline", "geometry": {"column": "g"}},
        {"g": "LINESTRING(0 0, 1 1)"},
        Line(((0, 0), (1, 1))),
    ),
    "point in columns": ({"kind": "point", "geometry": {"columns": ["x", "y"]}}, {"x": 3, "y": 4.5}, Point(3, 4.5)),
    "point in a list": ({"kind": "point", "geometry": {"column": "p"}}, {"p": [3, 4]}, Point(3, 4)),
    "point of WKT": ({"kind": "point", "geometry": {"column": "p"}}, {"p": "POINT (3 4)"}, Point(3, 4)),
    "mask by URI": (
        {"kind": "mask", "mask": {"uri": "u", "color": "c"}},
        {"u": "https://x/m.png", "c": [255, 0, 10]},
        MaskUri("https://x/m.png", (255, 0, 10)),
    ),
    "mask by URI of one colour": (
        {"kind": "mask", "mask": {"uri": "u", "color": [1, 2, 3]}},
        {"u": "https://x/m.png"},
        MaskUri("https://x/m.png", (1, 2, 3)),
    ),
    "mask by URI with a colour in hexadecimal": (
        {"kind": "segmentation_mask", "mask": {"uri": "u", "color": "c"}},
        {"u": "https://x/m.png", "c": "#ff000a"},
        MaskUri("https://x/m.png", (255, 0, 10)),
    ),
    "mask as a PNG": ({"kind": "mask", "mask": {"png": "p"}}, {"p": PNG}, MaskImage(PNG)),
    "mask as run lengths": (
        {"kind": "mask", "mask": {"runs": "r"}},
        {"r": {"size": [2, 3], "counts": [1, 2, 3]}},
        MaskRuns((2, 3), (1, 2, 3)),
    ),
    "mask as run lengths in COCO's text form": (
        {"kind": "mask", "mask": {"runs": "r"}},
        {"r": {"size": [2, 3], "counts": "123"}},
        MaskRuns((2, 3), (1, 2, 3)),
    ),
    "mask as counts and columns of size": (
        {"kind": "mask", "mask": {"runs": "r", "size": {"width": "w", "height": "h"}}},
        {"r": [1, 2, 3], "h": 2, "w": 3},
        MaskRuns((2, 3), (1, 2, 3)),
    ),
    "radio": ({"kind": "radio", "value": "v"}, {"v": "it's red"}, Radio(Choice(Feature("it's red")))),
    "radio of a number": ({"kind": "radio", "value": "v"}, {"v": 3}, Radio(Choice(Feature("3")))),
    "checklist of a list": (
        {"kind": "checklist", "value": "v"},
        {"v": ["a", "b"]},
        Checklist((Choice(Feature("a")), Choice(Feature("b")))),
    ),
    "checklist of a split text": (
        {"kind": "checklist", "value": {"column": "v", "split": ","}},
        {"v": "a, b,a"},
        Checklist((Choice(Feature("a")), Choice(Feature("b")))),
    ),
    "text": ({"kind": "text", "value": "v"}, {"v": "[so] it's"}, FreeText("[so] it's")),
    "entity with the end after it": (
        {"kind": "entity", "entity": {"start": "s", "end": "e", "end_is": "exclusive"}},
        {"s": 3, "e": 7},
        TextEntity(3, 6),
    ),
    "entity with the end in it": (
        {"kind": "entity", "entity": {"start": "s", "end": "e", "end_is": "inclusive"}},
        {"s": 3, "e": 3},
        TextEntity(3, 3),
    ),
}


@pytest.mark.parametrize("read", [_csv, _ndjson, _parquet])
@pytest.mark.parametrize("case", VALUES)
def test_a_row_becomes_an_annotation(case: str, read: Any) -> None:
    spec, row, value = VALUES[case]
    (found,) = _reads(read([{"k": "img-1"} | row]), spec)
    assert found == Annotation(DataRow("img-1"), Feature("Car"), value)


@pytest.mark.parametrize("read", [_csv, _parquet])
def test_key_class_id_confidence_and_origin_come_from_the_row(read: Any) -> None:
    spec = {
        "global_key": "rcpt/{k}",
        "kind": "bounding_box",
        "geometry": BOXES,
        "class": {"column": "cls", "map": {0: "Total", 1: "Date"}},
        "id": "pred",
        "confidence": {"column": "score", "min": 0.3},
    }
    rows = [{"k": i, "a": 0, "b": 0, "c": 1, "d": 1, "cls": i, "pred": i + 7, "score": 0.5} for i in range(2)]
    first, second = _reads(read(rows), spec)
    assert isinstance(first, Annotation)
    assert isinstance(second, Annotation)
    assert (first.data_row.global_key, second.data_row.global_key) == ("rcpt/0", "rcpt/1")
    assert (str(first.feature), str(second.feature)) == ("Total", "Date")
    assert (second.source_id, second.confidence) == ("8", 0.5)
    place = "rows.csv line 3" if read is _csv else "rows.parquet row 2"
    assert str(second.origin) == place


def test_annotations_of_a_row_and_class_share_their_objects() -> None:
    rows = [{"k": "img-1", "a": 0, "b": 0, "c": 1, "d": 1}] * 2
    first, second = _reads(_parquet(rows), {"kind": "bounding_box", "geometry": BOXES})
    assert isinstance(first, Annotation)
    assert isinstance(second, Annotation)
    assert first.data_row is second.data_row
    assert first.feature is second.feature


def test_a_data_row_id_and_a_schema_id_name_row_and_class() -> None:
    spec = {
        "global_key": None,
        "data_row_id": "k",
        "kind": "bounding_box",
        "geometry": BOXES,
        "class": {"column": "cls", "by": "schema_id"},
    }
    (found,) = _reads(_csv([{"k": "id-1", "a": 0, "b": 0, "c": 1, "d": 1, "cls": "s-1"}]), spec)
    assert found == Annotation(DataRow(id="id-1"), Feature(schema_id="s-1"), BoundingBox(0, 0, 1, 1))


def test_annotations_below_the_least_confidence_are_skipped_and_counted() -> None:
    rows = [{"k": "i", "a": 0, "b": 0, "c": 1, "d": 1, "s": score} for score in (0.2, 0.3, 0.9)]
    spec = {"kind": "bounding_box", "geometry": BOXES, "confidence": {"column": "s", "min": 0.3}}
    reader = TableReader(TableSpec.model_validate(ROWS | spec))
    found = list(reader.read(_csv(rows)))
    assert [read.confidence for read in found if isinstance(read, Annotation)] == [0.3, 0.9]
    assert reader.skipped == {"below_confidence": 1}


def test_without_a_least_confidence_an_empty_one_is_none() -> None:
    rows = [{"k": "i", "a": 0, "b": 0, "c": 1, "d": 1, "s": score} for score in (0.2, None)]
    spec = {"kind": "bounding_box", "geometry": BOXES, "confidence": "s"}
    for read in (_csv, _parquet):
        assert [getattr(each, "confidence", "rejected") for each in _reads(read(rows), spec)] == [0.2, None]


def test_the_kind_may_be_a_column() -> None:
    spec = {
        "kind": {"column": "kind", "map": {"b": "bounding_box"}},
        "geometry": {"column": "g", "format": "xyxy"},
        "value": "answer",
    }
    rows = [
        {"k": "i", "kind": "b", "g": "[0, 0, 1, 2]", "answer": ""},
        {"k": "i", "kind": "polygon", "g": "[[0, 0], [1, 0], [1, 1]]", "answer": ""},
        {"k": "i", "kind": "radio", "g": "", "answer": "red"},
        {"k": "i", "kind": "bbox", "g": "[0, 0, 1]", "answer": ""},
        {"k": "i", "kind": "circle", "g": "", "answer": ""},
        {"k": "i", "kind": "mask", "g": "", "answer": ""},
    ]
    found = _reads(_csv(rows), spec)
    assert [each.value for each in found if isinstance(each, Annotation)] == [
        BoundingBox(0, 0, 1, 2),
        Polygon(((0, 0), (1, 0), (1, 1))),
        Radio(Choice(Feature("red"))),
    ]
    rejected = [each for each in found if isinstance(each, RejectedAnnotation)]
    assert [(each.code, each.origin and each.origin.position) for each in rejected] == [
        ("bad_box", 5),
        ("unknown_kind", 6),
        ("kind_not_mapped", 7),
    ]


def test_pages_messages_and_nested_answers_come_along() -> None:
    nested = [{"name": "Colour", "answer": {"name": "red"}}]
    spec = {"kind": "bounding_box", "geometry": BOXES, "classifications": "n"}
    row = {"k": "i", "a": 0, "b": 0, "c": 1, "d": 1, "p": 2, "n": nested}
    expected = (Classification(Feature("Colour"), Radio(Choice(Feature("red")))),)
    for read in (_csv, _parquet):
        (found,) = _reads(read([row]), spec | {"page": {"number": "p", "unit": "POINTS"}})
        assert isinstance(found, Annotation)
        assert (found.part, found.classifications) == (Page(2, "POINTS"), expected)
    said = {"kind": "radio", "value": "v", "message": "m"}
    (answer,) = _reads(_csv([{"k": "i", "v": "good", "m": "m-1"}]), said)
    assert isinstance(answer, Annotation)
    assert answer.part == Message("m-1")


def test_normalized_boxes_take_the_size_that_is_known_and_are_rejected_without() -> None:
    rows = [{"k": key, "a": 0.5, "b": 0.5, "c": 1.0, "d": 1.0} for key in ("big", "unknown")]
    spec = {"kind": "bounding_box", "geometry": BOXES | {"units": "normalized"}}
    sizes = {"big": (200, 100)}
    for read in (_csv, _parquet):
        first, second = _reads(read(rows), spec, size_of=sizes.get)
        assert isinstance(first, Annotation)
        assert first.value == BoundingBox(100, 50, 100, 50)
        assert isinstance(second, RejectedAnnotation)
        assert second.code == "no_size"
        assert "geometry.size" in second.reason


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "NaN": ({"kind": "bounding_box", "geometry": BOXES}, {"b": float("nan")}, "not_finite", "b"),
    "infinite": ({"kind": "bounding_box", "geometry": BOXES}, {"c": float("inf")}, "not_finite", "c"),
    "empty number": ({"kind": "bounding_box", "geometry": BOXES}, {"d": None}, "not_a_number", "d"),
    "negative width": ({"kind": "bounding_box", "geometry": BOXES}, {"a": 99.0}, "bad_box", "a, b, c, d"),
    "empty key": ({"kind": "bounding_box", "geometry": BOXES}, {"k": None}, "null_key", "global_key"),
    "empty class": (
        {"kind": "bounding_box", "geometry": BOXES, "class": "cls"},
        {"cls": None},
        "no_class",
        "cls",
    ),
    "unmapped class": (
        {"kind": "bounding_box", "geometry": BOXES, "class": {"column": "cls", "map": {"tot": "Total"}}},
        {"cls": "tott"},
        "unmapped_class",
        "cls",
    ),
    "confidence above 1": (
        {"kind": "bounding_box", "geometry": BOXES, "confidence": "s"},
        {"s": 1.5},
        "bad_confidence",
        "s",
    ),
    "no confidence where there is a least one": (
        {"kind": "bounding_box", "geometry": BOXES, "confidence": {"column": "s", "min": 0.3}},
        {"s": None},
        "not_a_number",
        "s",
    ),
    "size of zero": (
        {"kind": "bounding_box", "geometry": BOXES | {"units": "normalized", "size": {"width": "w", "height": "h"}}},
        {"w": 0, "h": 5},
        "bad_size",
        "w, h",
    ),
    "list without a format": (
        {"kind": "bounding_box", "geometry": {"column": "box"}},
        {"box": [1, 2, 3, 4]},
        "bad_box",
        "box",
    ),
    "names of another format": (
        {"kind": "bounding_box", "geometry": {"column": "box", "format": "xyxy"}},
        {"box": {"left": 1, "top": 2, "width": 3, "height": 4}},
        "bad_box",
        "box",
    ),
    "NaN as Python writes it": (
        {"kind": "bounding_box", "geometry": {"column": "box", "format": "xyxy"}},
        {"box": "(1, nan, 3, 4)"},
        "not_finite",
        "box",
    ),
    "open bracket": (
        {"kind": "polygon", "geometry": {"column": "g"}},
        {"g": "[[1, 2], [3, 4"},
        "bad_cell",
        "g",
    ),
    "odd flat list": ({"kind": "polygon", "geometry": {"column": "g"}}, {"g": [1, 2, 3]}, "bad_points", "g"),
    "polygon with a hole": (
        {"kind": "polygon", "geometry": {"column": "g"}},
        {"g": [[0, 0, 9, 0, 9, 9], [1, 1, 2, 1, 2, 2]]},
        "several_rings",
        "g",
    ),
    "WKT with a hole": (
        {"kind": "polygon", "geometry": {"column": "g"}},
        {"g": "POLYGON ((0 0, 9 0, 9 9), (1 1, 2 1, 2 2))"},
        "bad_points",
        "g",
    ),
    "line where a polygon is": (
        {"kind": "polygon", "geometry": {"column": "g"}},
        {"g": "LINESTRING (0 0, 1 1)"},
        "wrong_geometry",
        "g",
    ),
    "colour out of range": (
        {"kind": "mask", "mask": {"uri": "u", "color": "c"}},
        {"u": "https://x/m.png", "c": [256, 0, 0]},
        "bad_color",
        "c",
    ),
    "no PNG": ({"kind": "mask", "mask": {"png": "p"}}, {"p": "aGVsbG8="}, "bad_mask", "p"),
    "run lengths of another size": (
        {"kind": "mask", "mask": {"runs": "r"}},
        {"r": {"size": [2, 3], "counts": [1, 2]}},
        "wrong_size",
        "r.counts",
    ),
    "text that is no run lengths": (
        {"kind": "mask", "mask": {"runs": "r"}},
        {"r": {"size": [2, 3], "counts": "~"}},
        "bad_runs",
        "r.counts",
    ),
    "run lengths beyond any picture": (
        {"kind": "mask", "mask": {"runs": "r"}},
        {"r": {"size": [2, 3], "counts": [1e300, 1e300]}},
        "bad_runs",
        "r.counts",
    ),
    "no answer": ({"kind": "radio", "value": "v"}, {"v": None}, "no_answer", "v"),
    "empty option": (
        {"kind": "checklist", "value": {"column": "v", "split": ","}},
        {"v": "a,,b"},
        "no_answer",
        "v",
    ),
    "empty entity": (
        {"kind": "entity", "entity": {"start": "s", "end": "e", "end_is": "exclusive"}},
        {"s": 3, "e": 3},
        "bad_entity",
        "e",
    ),
    "entity before the text": (
        {"kind": "entity", "entity": {"start": "s", "end": "e", "end_is": "exclusive"}},
        {"s": -1, "e": 3},
        "not_whole",
        "s",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_row_is_rejected_with_its_column(case: str) -> None:
    spec, row, code, field = WRONG[case]
    whole = {"k": "img-1", "a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "cls": "tot"} | row
    rejected = _rejects([whole], spec)
    assert [(each.code, each.field) for each in rejected] == [(code, field)]
    assert str(rejected[0].origin) == "rows.csv line 2"
    assert rejected[0].reason.startswith(field)


def test_a_wrong_row_takes_no_other_row_with_it() -> None:
    rows = [{"k": "i", "a": 0.0, "b": 0.0, "c": side, "d": 1.0} for side in (1.0, float("nan"), 2.0)]
    for read in (_csv, _parquet):
        first, second, third = _reads(read(rows), {"kind": "bounding_box", "geometry": BOXES})
        assert isinstance(first, Annotation)
        assert isinstance(third, Annotation)
        assert isinstance(second, RejectedAnnotation)
        assert (third.value, second.class_name, str(second.data_row)) == (BoundingBox(0, 0, 2, 1), "Car", "i")


def test_a_text_that_is_no_number_is_rejected_with_its_value() -> None:
    rows = [{"k": "i", "a": "0", "b": "0", "c": side, "d": "1"} for side in ("1", "wide", "2")]
    found = _reads(_csv(rows), {"kind": "bounding_box", "geometry": BOXES})
    assert isinstance(found[1], RejectedAnnotation)
    assert found[1].reason == "c = 'wide': must be a number"
    assert found[1].line["c"] == "wide"
    assert isinstance(found[2], Annotation)


def test_rows_rejected_while_reading_come_in_their_place() -> None:
    text = "k,a,b,c,d\ni,0,0,1,1\ni,0,0\ni,0,0,2,2\n"
    found = _reads(read_table(io.BytesIO(text.encode()), "rows.csv"), {"kind": "bounding_box", "geometry": BOXES})
    assert [type(each) for each in found] == [Annotation, RejectedAnnotation, Annotation]
    assert isinstance(found[1], RejectedAnnotation)
    assert (found[1].code, found[1].origin) == ("ragged_line", Origin("rows.csv", 3))


def test_rows_of_other_places_keep_their_origin() -> None:
    rows = pa.RecordBatch.from_pylist([{"k": "i", "a": 0, "b": 0, "c": 1, "d": 1, "from": "s3://b/a b.csv line 17"}])
    before = Rejected("a word alone", "read", "bad_json", "The line is no JSON.", global_key="g")
    batch = Batch(rows, "staged", [1], rejected=[before], origin_column="from")
    found, rejected = _reads(iter([batch]), {"kind": "bounding_box", "geometry": BOXES})
    assert found.origin == Origin("s3://b/a b.csv", 17)
    assert isinstance(rejected, RejectedAnnotation)
    assert rejected.data_row == DataRow("g")


def test_a_missing_column_fails_the_file() -> None:
    with pytest.raises(SourceError, match=r"rows.csv: there is no column 'd'"):
        _reads(_csv([{"k": "i", "a": 0, "b": 0, "c": 1}]), {"kind": "bounding_box", "geometry": BOXES})


def test_a_signature_of_a_url_stays_out_of_the_reject() -> None:
    url = "https://x/m.png?X-Amz-Signature=secret"
    spec = {"kind": "mask", "mask": {"png": "u"}}
    (rejected,) = _rejects([{"k": "i", "u": url}], spec)
    assert "secret" not in f"{rejected}{rejected.line}"
