"""Boxes, polygons, lines, points and masks of images, documents and maps."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from labelbox_local.annotations import AnnotationError

from .conftest import bare, line

BOX = {"top": 20, "left": 10.5, "height": 200, "width": 100}
TRIANGLE = [{"x": 0, "y": 0}, {"x": 1, "y": 0}, {"x": 1, "y": 1}]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"...").decode()


def test_a_box(reader: Any) -> None:
    read = reader().read(line(name="car", bbox=BOX, classifications=[]))
    assert read.part == "objects"
    assert bare(read.contents) == [
        {
            "name": "car", "value": "car", "annotation_kind": "ImageBoundingBox", "classifications": [],
            "bounding_box": {"top": 20.0, "left": 10.5, "height": 200.0, "width": 100.0},
        }
    ]  # fmt: skip


def test_a_polygon_is_closed(reader: Any) -> None:
    opened = reader().read(line(name="field", polygon=TRIANGLE)).contents[0]
    closed = reader().read(line(name="field", polygon=[*TRIANGLE, TRIANGLE[0]])).contents[0]
    assert opened["polygon"] == closed["polygon"]
    assert opened["polygon"][0] == opened["polygon"][-1] == {"x": 0.0, "y": 0.0}
    assert (opened["annotation_kind"], len(opened["polygon"])) == ("ImagePolygon", 4)


def test_a_line_and_a_point(reader: Any) -> None:
    lane = reader().read(line(name="lane", line=TRIANGLE[:2])).contents[0]
    assert (lane["annotation_kind"], lane["line"]) == ("ImagePolyline", [{"x": 0.0, "y": 0.0}, {"x": 1.0, "y": 0.0}])
    nose = reader().read(line(name="nose", point={"x": 3, "y": 4.5})).contents[0]
    assert (nose["annotation_kind"], nose["point"]) == ("ImagePoint", {"x": 3.0, "y": 4.5})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"name": "car", "bbox": {"top": 1, "left": 1, "height": 1}}, "exactly top, left, height and width"),
        ({"name": "car", "bbox": {**BOX, "right": 1}}, "exactly top, left, height and width"),
        ({"name": "car", "bbox": [1, 2, 3, 4]}, "exactly top, left, height and width"),
        ({"name": "car", "bbox": {**BOX, "top": "1"}}, "bbox.top must be a number"),
        ({"name": "car", "bbox": {**BOX, "width": -1}}, "must not be negative"),
        ({"name": "field", "polygon": TRIANGLE[:2]}, "A polygon must have at least 3 points to be valid"),
        ({"name": "field", "polygon": {"x": 1}}, "A polygon must have at least 3 points"),
        ({"name": "lane", "line": TRIANGLE[:1]}, "A line must have at least 2 points to be valid"),
        ({"name": "lane", "line": [[0, 0], [1, 1]]}, "exactly x and y"),
        ({"name": "nose", "point": {"x": 1}}, "exactly x and y"),
        ({"name": "nose", "point": {"x": None, "y": 1}}, "point.x must be a number"),
    ],
)
def test_a_wrong_shape_is_refused(reader: Any, content: dict[str, Any], message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        reader().read(line(**content))


def test_a_box_of_a_document_has_page_and_unit(reader: Any) -> None:
    shown = reader("PDF").read(line(name="car", bbox=BOX, page=1, unit="POINTS")).contents[0]
    assert (shown["annotation_kind"], shown["page_number"], shown["unit"]) == ("DocumentBoundingBox", 1, "POINTS")
    for wrong, message in (
        ({}, "page must be"),
        ({"page": -1, "unit": "POINTS"}, "page must be"),
        ({"page": 1}, "unit must be one of"),
        ({"page": 1, "unit": "METERS"}, "unit must be one of"),
    ):
        with pytest.raises(AnnotationError, match=message):
            reader("PDF").read(line(name="car", bbox=BOX, **wrong))


@pytest.mark.parametrize(
    ("content", "kind", "geojson"),
    [
        (
            {"name": "car", "bbox": {"top": 1, "left": 2, "height": 3, "width": 4}},
            "GeoBox",
            {"type": "Polygon", "coordinates": [[[2, 1], [6, 1], [6, 4], [2, 4], [2, 1]]]},
        ),
        (
            {"name": "field", "polygon": TRIANGLE},
            "GeoPolygon",
            {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
        ),
        (
            {"name": "lane", "line": TRIANGLE[:2]},
            "GeoPolyline",
            {"type": "LineString", "coordinates": [[0, 0], [1, 0]]},
        ),
        (
            {"name": "nose", "point": {"x": -99.2, "y": 19.4}},
            "GeoPoint",
            {"type": "Point", "coordinates": [-99.2, 19.4]},
        ),
    ],
)
def test_shapes_on_a_map_are_geojson(reader: Any, content: dict[str, Any], kind: str, geojson: Any) -> None:
    shown = reader("TMS_GEO").read(line(**content)).contents[0]
    assert (shown["annotation_kind"], shown["geojson"]) == (kind, geojson)


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ({"instanceURI": "https://x/y.png", "colorRGB": [255, 0, 0]}, ("https://x/y.png", (255, 0, 0))),
        ({"png": PNG}, (None, None)),
        ({"imBytes": PNG, "colorRGB": [73, 39, 85]}, (None, (73, 39, 85))),
        ({"size": [10, 10], "counts": [1, 0, 10, 89]}, (None, None)),
    ],
    ids=["address", "png", "bytes", "runs"],
)
def test_a_mask(reader: Any, mask: dict[str, Any], expected: Any) -> None:
    read = reader().read(line(name="sky", mask=mask))
    (source,) = read.masks
    assert (source.uri, source.color) == expected
    assert source.feature == read.contents[0]["feature_id"]
    assert read.contents[0]["annotation_kind"] == "ImageSegmentationMask"


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ({}, "exactly one of instanceURI, png, imBytes and counts"),
        ({"png": PNG, "instanceURI": "https://x/y.png"}, "exactly one of"),
        ({"png": "no base64!"}, "base64 encoded PNG"),
        ({"png": base64.b64encode(b"GIF89a").decode()}, "base64 encoded PNG"),
        ({"png": PNG, "extra": 1}, "unknown keys"),
        ({"instanceURI": "/tmp/x.png", "colorRGB": [0, 0, 0]}, "must be a URL"),
        ({"instanceURI": "https://x/y.png"}, "color that is not a list"),
        ({"instanceURI": "https://x/y.png", "colorRGB": [0, 0]}, "Must provide RGB values"),
        ({"instanceURI": "https://x/y.png", "colorRGB": [0, 0, 256]}, "between 0 and 255"),
        ({"instanceURI": "https://x/y.png", "colorRGB": [0, 0, 0.5]}, "between 0 and 255"),
        ({"counts": [1]}, "two ints representing height"),
        ({"counts": [1], "size": [0, 5]}, "postitive int"),
        ({"counts": [-1], "size": [5, 5]}, "negative value for counts"),
        ({"counts": [20, 6], "size": [5, 5]}, "more than its size"),
    ],
)
def test_a_wrong_mask_is_refused(reader: Any, mask: dict[str, Any], message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        reader().read(line(name="sky", mask=mask))
