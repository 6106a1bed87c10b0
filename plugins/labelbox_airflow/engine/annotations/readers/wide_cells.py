"""Cells of the former connectors: lists of annotations, each a geometry, its nested answers, and maybe a confidence.

They wrote ``[[geometry, [paths]], [geometry, [paths], confidence]]``. Tables with types cannot hold such lists, so
bare geometries (``[[top, left, height, width], …]``) and structs with the same parts are read as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from labelbox_airflow.engine.annotations.model import (
    BoundingBox,
    DocumentEntity,
    Line,
    Mask,
    MaskImage,
    MaskRuns,
    MaskUri,
    Page,
    Part,
    Point,
    Polygon,
    TextEntity,
    Value,
)
from labelbox_airflow.engine.annotations.ndjson.entities import read_selections
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.annotations.readers.cells import color, is_empty, is_scalar, number, point, points, whole
from labelbox_airflow.engine.annotations.readers.table_values import png_bytes, runs
from labelbox_airflow.engine.annotations.readers.wide_answers import is_paths

_LISTS = frozenset((list, tuple))
_GEOMETRY_KEYS = ("geometry", "value")
_BOX_NUMBERS, _BOX_WITH_PAGE, _PAIR = 4, 5, 2


@dataclass(slots=True)
class Entry:
    """One annotation of a cell, as it stands there."""

    geometry: Any
    nested: Any = field(default_factory=list)
    confidence: Any = None


def entries(cell: Any, kind: str, place: str) -> list[Entry]:
    """Return the annotations of a cell of objects.

    :param place: the column, for messages
    :raises AnnotationError: the cell is not made as these are
    """
    if type(cell) is dict or _is_geometry(cell, kind):
        return [_entry(cell, kind)]
    if type(cell) not in _LISTS:
        raise AnnotationError("bad_cell", place, cell, f"must be a list: {_FORMS[kind]}")
    return list(_each(cell, kind, place))


def _each(cell: Any, kind: str, place: str) -> Iterator[Entry]:
    entry: Entry | None = None
    for each in cell:
        if is_empty(each) and not is_paths(each):
            continue
        if is_paths(each) and entry is not None and not entry.nested and not _is_geometry(each, kind):
            entry.nested = each  # [geometry, [paths], geometry, [paths]]
            continue
        if entry is not None:
            yield entry
        if type(each) is not dict and not _is_geometry(each, kind) and type(each) not in _LISTS:
            raise AnnotationError("bad_cell", place, each, f"must be a list: {_FORMS[kind]}")
        entry = _entry(each, kind) if each else None
    if entry is not None:
        yield entry


def _entry(value: Any, kind: str) -> Entry:
    if type(value) is dict:
        key = next((key for key in _GEOMETRY_KEYS if value.get(key) is not None), None)
        if key is None:
            return Entry(value, value.get("classifications") or [], value.get("confidence"))
        return Entry(value[key], value.get("classifications") or [], value.get("confidence"))
    if _is_geometry(value, kind):
        return Entry(value)
    rest = [*value[1:3], None, None]
    return Entry(value[0], [] if is_empty(rest[0]) else rest[0], rest[1])


def _is_numbers(value: Any) -> bool:
    return type(value) in _LISTS and len(value) > 0 and all(is_scalar(each) and type(each) is not str for each in value)


def _is_points(value: Any) -> bool:
    return type(value) in _LISTS and len(value) > 0 and all(_is_numbers(each) or _is_point(each) for each in value)


def _is_point(value: Any) -> bool:
    return type(value) is dict and "x" in value


def _is_rings(value: Any) -> bool:
    return _is_points(value) or (type(value) in _LISTS and len(value) > 0 and all(_is_points(each) for each in value))


def _is_entity(value: Any) -> bool:
    return _is_numbers(value) or (
        type(value) in _LISTS and len(value) > 0 and all(type(each) in _LISTS and _is_tokens(each) for each in value)
    )


def _is_tokens(value: Any) -> bool:
    return len(value) > 1 and type(value[0]) is str and type(value[1]) in _LISTS


def _is_mask(value: Any) -> bool:
    if type(value) not in _LISTS or len(value) != _PAIR:
        return False
    picture, of_color = value
    if type(picture) not in {str, bytes} and not _is_array(picture):
        return False
    return of_color is None or type(of_color) is str or _is_numbers(of_color)


def _is_array(value: Any) -> bool:
    if type(value) not in _LISTS or not value or type(value[0]) not in _LISTS or not value[0]:
        return False
    is_mask_itself = len(value) == _PAIR and type(value[0][0]) in _LISTS and _is_numbers(value[1])
    return not is_mask_itself


_IS_GEOMETRY: dict[str, Callable[[Any], bool]] = {
    "bbox": _is_numbers,
    "point": _is_numbers,
    "geo_point": _is_numbers,
    "polygon": _is_points,
    "line": _is_points,
    "geo_line": _is_points,
    "geo_polygon": _is_rings,
    "geo_bbox": _is_rings,
    "named-entity": _is_entity,
    "mask": _is_mask,
}
_FORMS = {
    "bbox": "[[[top, left, height, width], [answers]], …]",
    "point": "[[[x, y], [answers]], …]",
    "geo_point": "[[[longitude, latitude], [answers]], …]",
    "polygon": "[[[[x, y], …], [answers]], …]",
    "line": "[[[[x, y], …], [answers]], …]",
    "geo_line": "[[[[longitude, latitude], …], [answers]], …]",
    "geo_polygon": "[[[[[longitude, latitude], …]], [answers]], …]",
    "geo_bbox": "[[[[[longitude, latitude], …]], [answers]], …]",
    "named-entity": "[[[start, end], [answers]], …]",
    "mask": "[[[url, [red, green, blue]], [answers]], …]",
}


def _is_geometry(value: Any, kind: str) -> bool:
    return _IS_GEOMETRY[kind](value)


def value_of(geometry: Any, kind: str, place: str) -> tuple[Value, Part | None]:
    """Return the value of an entry, and the page of a document it lies on.

    :raises AnnotationError: what is wrong with it
    """
    if kind == "bbox":
        return _box(geometry, place)
    return _READERS[kind](geometry, place), None


def _box(value: Any, place: str) -> tuple[BoundingBox, Page | None]:
    page: Any = None
    if type(value) is dict:
        top, left, height, width = (number(value.get(k), f"{place}.{k}") for k in ("top", "left", "height", "width"))
        page = value.get("page")
    elif type(value) in _LISTS and len(value) in {_BOX_NUMBERS, _BOX_WITH_PAGE}:
        top, left, height, width = (number(each, place) for each in value[:_BOX_NUMBERS])
        page = value[_BOX_NUMBERS] if len(value) == _BOX_WITH_PAGE else None
    else:
        raise AnnotationError("bad_box", place, value, "must be [top, left, height, width], of documents with the page")
    # The connectors sent boxes of documents in points, always.
    return BoundingBox(left, top, width, height), None if page is None else Page(whole(page, f"{place}.page"), "POINTS")


def _geo_box(value: Any, place: str) -> BoundingBox:
    corners = points(value, place, ring=True)
    longitudes, latitudes = [x for x, _ in corners], [y for _, y in corners]
    left, top = min(longitudes), min(latitudes)
    return BoundingBox(left, top, max(longitudes) - left, max(latitudes) - top)


def _entity(value: Any, place: str) -> TextEntity | DocumentEntity:
    if type(value) is dict:
        value = [value.get("start"), value.get("end")]
    if not _is_numbers(value):
        return _tokens(value, place)
    if len(value) != _PAIR:
        raise AnnotationError("bad_entity", place, value, "must be [start, end], end being the last character")
    start, end = (whole(each, place) for each in value)
    if end < start:
        raise AnnotationError("bad_entity", place, value, "ends before it starts; end is the last character")
    return TextEntity(start, end)


def _tokens(value: Any, place: str) -> DocumentEntity:
    if not _is_entity(value) or any(len(each) != 3 for each in value):
        raise AnnotationError("bad_entity", place, value, "must be [start, end] or [[group, [tokens], page], …]")
    try:
        return read_selections([{"groupId": g, "tokenIds": list(tokens), "page": page} for g, tokens, page in value])
    except AnnotationError as error:
        raise AnnotationError(error.code, f"{place}.{error.field}", error.value, error.reason) from None


def _mask(value: Any, place: str) -> Mask:
    if type(value) is dict:
        if value.get("counts") is not None:
            return runs(value, place)
        picture = value.get("instanceURI") or value.get("url") or value.get("png")
        value = [picture, value.get("colorRGB") or value.get("color")]
    if not _is_mask(value):
        raise AnnotationError("bad_mask", place, value, "must be [url, [r, g, b]], [array, [r, g, b]] or [PNG, null]")
    picture, given = value
    of_color = None if is_empty(given) else color(list(given) if type(given) is tuple else given, place)
    if type(picture) in _LISTS:
        return _mask_of_array(picture, of_color, place)
    if type(picture) is str and "://" in picture[:16]:
        if of_color is None:
            raise AnnotationError("bad_mask", place, picture, "is a picture without the colour of the mask in it")
        return MaskUri(picture, of_color)
    return MaskImage(png_bytes(picture, place), of_color)


def _mask_of_array(array: Any, of_color: tuple[int, int, int] | None, place: str) -> MaskRuns:
    """Return the run lengths of the pixels of a colour; of the first channel of it where pixels are single numbers."""
    try:
        pixels = np.array(array)
    except ValueError:
        pixels = np.empty(0)
    if pixels.ndim not in {2, 3} or pixels.dtype.kind not in "biu" or not pixels.size:
        raise AnnotationError("bad_mask", place, None, "is an array that has not rows of pixels of one length")
    if pixels.ndim == 2:
        inside = pixels != 0 if of_color is None else pixels == of_color[0]
    elif of_color is None:
        inside = pixels.any(axis=2)
    else:
        inside = (pixels == np.array(of_color)[: pixels.shape[2]]).all(axis=2)
    down_the_columns = inside.flatten(order="F")
    changes = (np.flatnonzero(np.diff(down_the_columns)) + 1).tolist()
    edges = [0, *([0] if down_the_columns[0] else []), *changes, down_the_columns.size]
    counts = tuple(after - before for before, after in pairwise(edges))
    return MaskRuns((inside.shape[0], inside.shape[1]), counts)


_READERS: dict[str, Callable[[Any, str], Value]] = {
    "polygon": lambda value, place: Polygon(points(value, place, ring=True)),
    "line": lambda value, place: Line(points(value, place, ring=False)),
    "point": lambda value, place: Point(*point(value, place)),
    "geo_bbox": _geo_box,
    "geo_polygon": lambda value, place: Polygon(points(value, place, ring=True)),
    "geo_line": lambda value, place: Line(points(value, place, ring=False)),
    "geo_point": lambda value, place: Point(*point(value, place)),
    "named-entity": _entity,
    "mask": _mask,
}
