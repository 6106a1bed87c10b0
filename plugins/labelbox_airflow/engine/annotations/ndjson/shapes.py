"""Boxes, polygons, lines and points."""

from __future__ import annotations

from typing import Any

from labelbox_airflow.engine.annotations.model import BoundingBox, Coordinates, Line, Point, Polygon, Shape
from labelbox_airflow.engine.annotations.ndjson.fields import filled, mapping, number

KEYS = ("bbox", "polygon", "line", "point")
_BOX = ("top", "left", "height", "width")
_POINT = ("x", "y")


def read_shape(key: str, value: Any) -> Shape:
    """Return the shape under one of `KEYS`.

    :raises AnnotationError: what is wrong with it
    """
    if key == "bbox":
        box = mapping(value, key, _BOX)
        top, left, height, width = (number(box.get(side), f"bbox.{side}") for side in _BOX)
        return BoundingBox(left, top, width, height)
    if key == "point":
        return Point(*_coordinates(value, key))
    points = tuple(_coordinates(each, f"{key}[{index}]") for index, each in enumerate(filled(value, key)))
    return Polygon(points) if key == "polygon" else Line(points)


def _coordinates(value: Any, field: str) -> Coordinates:
    point = mapping(value, field, _POINT)
    return number(point.get("x"), f"{field}.x"), number(point.get("y"), f"{field}.y")


def write_shape(shape: Shape) -> dict[str, Any]:
    """Return the shape under its key."""
    if isinstance(shape, BoundingBox):
        return {"bbox": {"top": shape.top, "left": shape.left, "height": shape.height, "width": shape.width}}
    if isinstance(shape, Point):
        return {"point": {"x": shape.x, "y": shape.y}}
    key = "polygon" if isinstance(shape, Polygon) else "line"
    return {key: [{"x": x, "y": y} for x, y in shape.points]}
