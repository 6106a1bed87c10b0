"""Boxes, polygons, lines and points, of images, documents, videos and maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelbox_local.annotations.answers import read_nested
from labelbox_local.annotations.checks import integer, number
from labelbox_local.annotations.errors import AnnotationError

if TYPE_CHECKING:
    from labelbox_local.annotations.line import AnnotationReader

# The key of an import line, the tool it needs, and the end of the annotation kind an export shows.
SHAPES = {
    "bbox": ("rectangle", "BoundingBox"),
    "polygon": ("polygon", "Polygon"),
    "line": ("line", "Polyline"),
    "point": ("point", "Point"),
}
_FAMILIES = {
    "IMAGE": "Image",
    "VIDEO": "Video",
    "PDF": "Document",
    "TMS_GEO": "Geo",
    "TMS_SIMPLE": "Geo",
    "DICOM": "DICOM",
}
_GEO_KINDS = {"bbox": "GeoBox", "polygon": "GeoPolygon", "line": "GeoPolyline", "point": "GeoPoint"}
_UNITS = frozenset(("POINTS", "PIXELS", "INCHES", "PERCENT"))
_BBOX = {"top", "left", "height", "width"}
_POINT = {"x", "y"}


def read_object(reader: AnnotationReader, entry: dict[str, Any], key: str) -> tuple[str, dict[str, Any]]:
    """A box, polygon, line or point of an image, document or map.

    Raises:
        AnnotationError: what is wrong with it.
    """
    tool_type, end = SHAPES[key]
    tool = reader.tool(entry, tool_type)
    shown = tool.head(reader.new_id())
    family = _FAMILIES[reader.media_type]
    shown["annotation_kind"] = _GEO_KINDS[key] if family == "Geo" else family + end
    shown["classifications"] = read_nested(reader, tool.classifications, entry.get("classifications"))
    name, shape = read_shape(entry[key], key)
    if family == "Geo":
        shown["geojson"] = _geojson(key, shape)
    else:
        shown[name] = shape
    if reader.media_type == "PDF":
        shown["page_number"], shown["unit"] = read_page(entry)
    return "objects", shown | reader.scores(entry)


def kind_of(media_type: str, key: str) -> str:
    """The annotation kind an export shows for an object of that shape, e.g. ImageBoundingBox."""
    family = _FAMILIES[media_type]
    return _GEO_KINDS[key] if family == "Geo" else family + SHAPES[key][1]


def read_shape(value: Any, key: str) -> tuple[str, Any]:
    """The name exports give a shape, and its numbers.

    Raises:
        AnnotationError: what is wrong with it.
    """
    if key == "bbox":
        return "bounding_box", _bbox(value)
    if key == "point":
        return "point", _point(value, "point")
    if key == "line":
        return "line", _points(value, 2, "A line")
    ring = _points(value, 3, "A polygon")
    if ring[0] != ring[-1]:
        ring.append(dict(ring[0]))
    return "polygon", ring


def _bbox(value: Any) -> dict[str, float]:
    if type(value) is not dict or value.keys() != _BBOX:
        raise AnnotationError(f"A bbox must have exactly top, left, height and width. Found {value!r}")
    box = {side: number(value[side], f"bbox.{side}") for side in ("top", "left", "height", "width")}
    if box["height"] < 0 or box["width"] < 0:
        raise AnnotationError(f"The height and width of a bbox must not be negative. Found {value}")
    return box


def _point(value: Any, where: str) -> dict[str, float]:
    if type(value) is not dict or value.keys() != _POINT:
        raise AnnotationError(f"A {where} must have exactly x and y. Found {value!r}")
    return {"x": number(value["x"], f"{where}.x"), "y": number(value["y"], f"{where}.y")}


def _points(value: Any, least: int, what: str) -> list[dict[str, float]]:
    if type(value) is not list or len(value) < least:
        raise AnnotationError(f"{what} must have at least {least} points to be valid. Found {value!r}")
    return [_point(each, "point") for each in value]


def read_page(entry: dict[str, Any]) -> tuple[int, str]:
    """Page and unit of a box in a document.

    Raises:
        AnnotationError: missing or wrong.
    """
    page = integer(entry.get("page"), "page", 0)
    if entry.get("unit") not in _UNITS:
        raise AnnotationError(f"unit must be one of {', '.join(sorted(_UNITS))}. Found {entry.get('unit')!r}")
    return page, str(entry["unit"])


def _geojson(key: str, shape: Any) -> dict[str, Any]:
    """x is the longitude, y the latitude."""
    if key == "point":
        return {"type": "Point", "coordinates": [shape["x"], shape["y"]]}
    if key == "line":
        return {"type": "LineString", "coordinates": [[each["x"], each["y"]] for each in shape]}
    if key == "polygon":
        return {"type": "Polygon", "coordinates": [[[each["x"], each["y"]] for each in shape]]}
    left, top = shape["left"], shape["top"]
    right, bottom = left + shape["width"], top + shape["height"]
    return {
        "type": "Polygon",
        "coordinates": [[[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]],
    }
