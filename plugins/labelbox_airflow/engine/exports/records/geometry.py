"""Boxes, polygons, lines and points of exports in the form a table shall have them.

All are in the units of the asset: pixels, x to the right and y down; pages of documents say their unit; on maps x is
the longitude and y the latitude.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import orjson
import pyarrow as pa

from labelbox_airflow.engine.exports.records.arrow import NUMBER, TEXT, struct
from labelbox_airflow.engine.exports.records.line import Entry

GeometryForm = Literal["struct", "wkt", "geojson"]
Kind = Literal["bounding_box", "polygon", "line", "point"]
Coordinates = Mapping[str, float]
"""``x`` and ``y``."""

KEYS: tuple[str, ...] = ("bounding_box", "polygon", "line", "point", "geojson")
"""Those under which an exported object has its shape."""

_POINTS = pa.list_(struct(x=NUMBER, y=NUMBER))
TYPES: Mapping[GeometryForm, pa.DataType] = {
    "struct": struct(left=NUMBER, top=NUMBER, width=NUMBER, height=NUMBER, points=_POINTS, holes=pa.list_(_POINTS)),
    "wkt": TEXT,
    "geojson": TEXT,
}
"""A struct has the sides of a box, or the points of all others; a polygon's further rings are ``holes``."""


class Shape(NamedTuple):
    """A shape as exports have it: the sides of a box, or rings of points (a line is one, a point is one of one)."""

    kind: Kind
    box: Entry
    rings: Sequence[Sequence[Coordinates]] = ()


def read_shape(key: str, entry: Entry) -> Shape:
    """Return the shape that an exported object has under one of `KEYS`.

    :raises ValueError: it is of no known kind
    :raises KeyError, TypeError: it has not the parts of its kind
    """
    value = entry[key]
    if key == "bounding_box":
        return Shape("bounding_box", value)
    if key == "geojson":
        return _of_geojson(value, str(entry.get("annotation_kind", "")).lower())
    if key == "point":
        return Shape("point", {}, [[value]])
    return Shape("polygon" if key == "polygon" else "line", {}, [value])


def _of_geojson(value: Entry, called: str) -> Shape:
    """A box is a polygon in GeoJSON, told apart by what the annotation is called."""
    kind, coordinates = value["type"], value["coordinates"]
    if kind == "Point":
        return Shape("point", {}, [[_point(coordinates)]])
    if kind == "LineString":
        return Shape("line", {}, [[_point(each) for each in coordinates]])
    if kind != "Polygon":
        raise ValueError(f"geojson.type = {kind!r}")
    if "box" in called or "rectangle" in called:
        xs, ys = [x for x, _ in coordinates[0]], [y for _, y in coordinates[0]]
        left, top = min(xs), min(ys)
        return Shape("bounding_box", {"left": left, "top": top, "width": max(xs) - left, "height": max(ys) - top})
    return Shape("polygon", {}, [[_point(each) for each in ring] for ring in coordinates])


def _point(pair: Sequence[float]) -> Coordinates:
    x, y = pair
    return {"x": x, "y": y}


def _as_struct(shape: Shape) -> Entry:
    if shape.kind == "bounding_box":
        return shape.box
    if len(shape.rings) > 1:
        return {"points": shape.rings[0], "holes": shape.rings[1:]}
    return {"points": shape.rings[0]}


def _as_wkt(shape: Shape) -> str:
    rings = [", ".join(f"{x} {y}" for x, y in ring) for ring in _pairs(shape)]
    if shape.kind in {"line", "point"}:
        return f"{'LINESTRING' if shape.kind == 'line' else 'POINT'} ({rings[0]})"
    return f"POLYGON ({', '.join(f'({ring})' for ring in rings)})"


def _as_geojson(shape: Shape) -> str:
    rings = _pairs(shape)
    if shape.kind == "point":
        made: Any = {"type": "Point", "coordinates": rings[0][0]}
    elif shape.kind == "line":
        made = {"type": "LineString", "coordinates": rings[0]}
    else:
        made = {"type": "Polygon", "coordinates": rings}
    return orjson.dumps(made).decode()


def _pairs(shape: Shape) -> list[list[tuple[float, float]]]:
    """Return the rings as WKT and GeoJSON have them: those of areas end where they begin."""
    if shape.kind == "bounding_box":
        left, top = shape.box["left"], shape.box["top"]
        right, bottom = left + shape.box["width"], top + shape.box["height"]
        return [[(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]]
    rings = [[(each["x"], each["y"]) for each in ring] for ring in shape.rings]
    return [[*ring, ring[0]] if shape.kind == "polygon" and ring[0] != ring[-1] else ring for ring in rings]


WRITERS: Mapping[GeometryForm, Callable[[Shape], Any]] = {
    "struct": _as_struct,
    "wkt": _as_wkt,
    "geojson": _as_geojson,
}
"""What writes a shape; raises KeyError or TypeError for one that has not the parts of its kind."""
