"""Exported boxes, polygons, lines and points, in pixels or as GeoJSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelbox_airflow.engine.annotations.model import BoundingBox, Coordinates, Line, Point, Polygon, Shape
from labelbox_airflow.engine.annotations.ndjson.fields import filled, mapping, number
from labelbox_airflow.engine.annotations.problems import AnnotationError

SHAPES = ("bounding_box", "polygon", "line", "point")
_BOX = ("top", "left", "height", "width")
_POINT = ("x", "y")


def read_shape(key: str, value: Any) -> Shape:
    """Return the shape under one of `SHAPES`.

    :raises AnnotationError: what is wrong with it
    """
    if key == "bounding_box":
        box = mapping(value, key, _BOX)
        top, left, height, width = (number(box.get(side), f"{key}.{side}") for side in _BOX)
        return BoundingBox(left, top, width, height)
    if key == "point":
        return Point(*_point(value, key))
    points = tuple(_point(each, f"{key}[{index}]") for index, each in enumerate(filled(value, key)))
    return Polygon(points) if key == "polygon" else Line(points)


def _point(value: Any, field: str) -> Coordinates:
    point = mapping(value, field, _POINT)
    return number(point.get("x"), f"{field}.x"), number(point.get("y"), f"{field}.y")


def read_geojson(entry: Mapping[str, Any]) -> Shape:
    """Return the shape of an annotation on a map; x is the longitude.

    Boxes are polygons in GeoJSON, and told apart by ``annotation_kind``.

    :raises AnnotationError: what is wrong with it
    """
    geometry = mapping(entry["geojson"], "geojson", ("type", "coordinates"))
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind == "Point":
        return Point(*_position(coordinates, "geojson.coordinates"))
    if kind == "LineString":
        return Line(_positions(coordinates, "geojson.coordinates"))
    if kind != "Polygon":
        raise AnnotationError("bad_geojson", "geojson.type", kind, "must be Point, LineString or Polygon")
    rings = filled(coordinates, "geojson.coordinates")
    if len(rings) > 1:
        reason = "has holes; only polygons without holes can be imported"
        raise AnnotationError("polygon_with_holes", "geojson.coordinates", None, reason)
    ring = _positions(rings[0], "geojson.coordinates[0]")
    name = str(entry.get("annotation_kind", "")).lower()
    return _box(ring) if "box" in name or "rectangle" in name else Polygon(ring)


def _box(ring: tuple[Coordinates, ...]) -> BoundingBox:
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
    if set(ring) != {(left, top), (right, top), (right, bottom), (left, bottom)}:
        raise AnnotationError("bad_geojson", "geojson.coordinates", [list(each) for each in ring], "must be a box")
    return BoundingBox(left, top, right - left, bottom - top)


def _positions(value: Any, field: str) -> tuple[Coordinates, ...]:
    return tuple(_position(each, f"{field}[{index}]") for index, each in enumerate(filled(value, field)))


def _position(value: Any, field: str) -> Coordinates:
    if type(value) is not list or len(value) != 2:
        raise AnnotationError("bad_geojson", field, value, "must be [longitude, latitude]")
    return number(value[0], field), number(value[1], field)
