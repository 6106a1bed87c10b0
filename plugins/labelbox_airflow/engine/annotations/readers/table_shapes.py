"""Boxes, polygons, lines and points of long tables: numbers in columns, handled whole, or shapes in cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from labelbox_airflow.engine.annotations.model import BoundingBox, Coordinates, Line, Point, Polygon, Shape
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.annotations.readers.cells import number, point, points, structure
from labelbox_airflow.engine.annotations.readers.numbers import Floats, numbers
from labelbox_airflow.engine.annotations.readers.source_rows import Errors
from labelbox_airflow.engine.annotations.readers.table_spec import GeometrySpec, Kind
from labelbox_airflow.engine.rows.values import column_values

Size = tuple[int, int]
SizeOf = Callable[[str], Size | None]
"""From a global key, or where the table has none a data row id, to width and height in pixels; None: not known."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a batch that are of one kind.

    :param keys: what tells the data row of each
    :param errors: where to note what is wrong, by index in ``rows``
    """

    rows: pa.RecordBatch
    keys: Sequence[str | None]
    errors: Errors

    def each(self, column: str, read: Callable[[Any, int], Any]) -> list[Any]:
        """Return what ``read`` makes of each cell of a column; None where it notes an error."""
        found: list[Any] = []
        for index, value in enumerate(column_values(self.rows, column)):
            try:
                found.append(read(value, index))
            except AnnotationError as error:
                self.errors.setdefault(index, error)
                found.append(None)
        return found


def boxes(part: Part, spec: GeometrySpec, size_of: SizeOf | None) -> list[BoundingBox]:
    """Return the box of each row; of no meaning where an error is noted."""
    return list(map(BoundingBox, *(side.tolist() for side in box_sides(part, spec, size_of))))


def box_sides(part: Part, spec: GeometrySpec, size_of: SizeOf | None) -> tuple[Floats, Floats, Floats, Floats]:
    """Return left, top, width and height of the box of each row; of no meaning where an error is noted."""
    if spec.columns is not None:
        first, second, third, fourth = (numbers(part.rows, name, part.errors) for name in spec.columns)
        form = spec.format or "xyxy"
        left, top, width, height = _from_corners(form, first, second, third, fourth)
    else:
        column = spec.column or ""
        found = part.each(column, lambda value, _: _box(value, column, spec.format))
        left, top, width, height = np.array([each or (0.0,) * 4 for each in found], np.float64).reshape(-1, 4).T
    if spec.units == "normalized":
        widths, heights = sizes(part, spec, size_of)
        left, width, top, height = left * widths, width * widths, top * heights, height * heights
    _check_sides(part, spec, width, height)
    return left, top, width, height


def _from_corners(form: str, a: Any, b: Any, c: Any, d: Any) -> tuple[Any, Any, Any, Any]:
    """Return left, top, width and height of four numbers, or of four columns of them."""
    if form == "xyxy":
        return a, b, c - a, d - b
    if form == "cxcywh":
        return a - c / 2, b - d / 2, c, d
    return a, b, c, d


def _check_sides(part: Part, spec: GeometrySpec, width: Floats, height: Floats) -> None:
    field = ", ".join(spec.columns or (spec.column or "",))
    for index in np.flatnonzero((width < 0) | (height < 0)).tolist():
        shown = [float(width[index]), float(height[index])]
        reason = "makes a box of negative width or height; is geometry.format right?"
        part.errors.setdefault(index, AnnotationError("bad_box", field, shown, reason))


_BOX_KEYS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("left", "top", "width", "height"), "xywh"),
    (("x1", "y1", "x2", "y2"), "xyxy"),
    (("xmin", "ymin", "xmax", "ymax"), "xyxy"),
    (("x_min", "y_min", "x_max", "y_max"), "xyxy"),
    (("cx", "cy", "w", "h"), "cxcywh"),
    (("cx", "cy", "width", "height"), "cxcywh"),
    (("x_center", "y_center", "width", "height"), "cxcywh"),
    (("x", "y", "w", "h"), "xywh"),
    (("x", "y", "width", "height"), "xywh"),
)


def _box(value: Any, field: str, form: str | None) -> tuple[float, float, float, float]:
    given = structure(value, field)
    if type(given) is dict:
        keyed = {str(key).lower(): each for key, each in given.items()}
        for keys, named_form in _BOX_KEYS:
            if all(key in keyed for key in keys):
                return _from_corners(
                    _agreed(form, named_form, field), *(number(keyed[k], f"{field}.{k}") for k in keys)
                )
        known = "; ".join(", ".join(keys) for keys, _ in _BOX_KEYS)
        raise AnnotationError("bad_box", field, given, f"must have the keys of a box: {known}")
    if type(given) not in {list, tuple} or len(given) != 4:
        raise AnnotationError("bad_box", field, value, "must be a list of four numbers, or an object with their names")
    if form is None:
        reason = "is a list, and what its numbers are is not said; set geometry.format to xyxy, xywh or cxcywh"
        raise AnnotationError("bad_box", field, given, reason)
    return _from_corners(form, *(number(each, f"{field}[{index}]") for index, each in enumerate(given)))


def _agreed(form: str | None, named_form: str, field: str) -> str:
    """With ``x, y`` the names do not tell corner from centre; all others are plain."""
    if form is not None and form != named_form:
        reason = f"has the keys of {named_form}, and geometry.format is {form}"
        raise AnnotationError("bad_box", field, None, reason)
    return named_form


def shapes(part: Part, spec: GeometrySpec, size_of: SizeOf | None, kind: Kind) -> list[Shape | None]:
    """Return the polygon, line or point of each row; None where an error is noted."""
    if spec.columns is not None:
        return list(_points_of_columns(part, spec, size_of))
    column = spec.column or ""
    scales = _scales(part, spec, size_of)
    make, read = _MAKERS[kind]

    def shape(value: Any, index: int) -> Shape | None:
        scale = scales[index] if scales is not None else (1.0, 1.0)
        found = read(value, column)
        return make(found if scales is None else tuple((x * scale[0], y * scale[1]) for x, y in found))

    return part.each(column, shape)


_MAKERS: dict[Kind, tuple[Callable[[Any], Shape], Callable[[Any, str], tuple[Coordinates, ...]]]] = {
    "polygon": (Polygon, lambda value, field: points(value, field, ring=True)),
    "line": (Line, lambda value, field: points(value, field, ring=False)),
    "point": (lambda found: Point(*found[0]), lambda value, field: (point(value, field),)),
}


def _points_of_columns(part: Part, spec: GeometrySpec, size_of: SizeOf | None) -> map[Shape]:
    x, y = (numbers(part.rows, name, part.errors) for name in spec.columns or ())
    if spec.units == "normalized":
        widths, heights = sizes(part, spec, size_of)
        x, y = x * widths, y * heights
    return map(Point, x.tolist(), y.tolist())


def _scales(part: Part, spec: GeometrySpec, size_of: SizeOf | None) -> list[tuple[float, float]] | None:
    if spec.units == "pixels":
        return None
    widths, heights = sizes(part, spec, size_of)
    return list(zip(widths.tolist(), heights.tolist(), strict=True))


def sizes(part: Part, spec: GeometrySpec, size_of: SizeOf | None) -> tuple[Floats, Floats]:
    """Return width and height of the asset of each row; an error is noted where they are not known, or not positive."""
    if spec.size is not None:
        names = spec.size.width, spec.size.height
        widths, heights = (numbers(part.rows, name, part.errors) for name in names)
        for index in np.flatnonzero((widths <= 0) | (heights <= 0)).tolist():
            shown = [float(widths[index]), float(heights[index])]
            part.errors.setdefault(index, AnnotationError("bad_size", ", ".join(names), shown, "must be above 0"))
        return widths, heights
    known = {key: size_of(key) for key in dict.fromkeys(part.keys) if key} if size_of is not None else {}
    found = [known.get(key) if key else None for key in part.keys]
    for index, size in enumerate(found):
        if size is None:
            reason = "is normalized, and the size of the asset is not known; name its columns in geometry.size"
            field = ", ".join(spec.columns or (spec.column or "",))
            part.errors.setdefault(index, AnnotationError("no_size", field, None, reason))
    pairs = np.array([size or (1, 1) for size in found], np.float64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]
