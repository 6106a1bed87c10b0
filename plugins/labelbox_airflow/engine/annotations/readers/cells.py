"""Cells of tables that hold more than a word: JSON, the text of Python lists, numbers, points, WKT.

``field`` is the column, for messages. Cells of text and typed cells of the same content read alike.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from decimal import Decimal
from math import isfinite
from typing import Any

import orjson

from labelbox_airflow.engine.annotations.model import Color, Coordinates
from labelbox_airflow.engine.annotations.problems import AnnotationError

_EMPTY = frozenset(("", "none", "null", "nan", "nat", "<na>", "[]", "{}", "()"))
_NOT_A_NUMBER = re.compile(r"\b(?:nan|inf|infinity)\b", re.IGNORECASE)
_INNER_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)")
_WKT = re.compile(r"(?:SRID=\d+;)?\s*([A-Z]+)\s*\(+([^()]*)\)+\s*", re.IGNORECASE)
_SHORTEST_FLAT_RING = 6  # three points


def is_empty(value: Any) -> bool:
    """Tell whether a cell says nothing: null, NaN, empty text, the text of either, or an empty list."""
    if type(value) is str:
        return value.strip().lower() in _EMPTY
    if type(value) is float:
        return value != value
    return value is None or (type(value) in {list, tuple, dict} and not value)


def structure(value: Any, field: str) -> Any:
    """Return a cell with text of a list or object read, as JSON or as Python writes it; other cells as they are.

    Text that Python wrote may hold apostrophes, quoted as Python does (``["it's"]``) or not at all (``['it's']``).

    :raises AnnotationError: text that begins as a list or object and is neither
    """
    if type(value) is not str:
        return value
    text = value.strip()
    if text[:1] not in {"[", "{", "("}:
        return value
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _literal(text, field)


def _literal(text: str, field: str) -> Any:
    for attempt in (json.loads, ast.literal_eval, _with_apostrophes):
        try:
            return attempt(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    if _NOT_A_NUMBER.search(text):
        raise AnnotationError("not_finite", field, text, "holds NaN or an infinite number")
    reason = "is neither JSON nor a list as Python writes it; look for a quote or bracket that is not closed"
    raise AnnotationError("bad_cell", field, text, reason)


def _with_apostrophes(text: str) -> Any:
    # In a Python list no quote that opens or closes a text stands between two letters.
    return ast.literal_eval(_INNER_APOSTROPHE.sub(r"\'", text))


def without_nulls(value: Any) -> Any:
    """Drop the keys that a struct of a table has and an object of this kind has not."""
    if type(value) is dict:
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if type(value) is list else value


def is_scalar(value: Any) -> bool:
    """Tell whether a value is neither list nor object."""
    return type(value) not in {list, tuple, dict}


def number(value: Any, field: str) -> float:
    """:raises AnnotationError: neither a finite number nor the text of one"""
    if type(value) is str or isinstance(value, Decimal):
        try:
            value = float(value)
        except ValueError:
            raise AnnotationError("not_a_number", field, value, "must be a number") from None
    if value is None:
        raise AnnotationError("not_a_number", field, None, "is empty; it must be a number")
    if type(value) not in {float, int}:
        raise AnnotationError("not_a_number", field, value, "must be a number")
    if not isfinite(value):
        raise AnnotationError("not_finite", field, value, "must be a finite number, not NaN or infinite")
    return value  # type: ignore[no-any-return]


def whole(value: Any, field: str) -> int:
    """:raises AnnotationError: not a whole number of at least 0, nor the text of one"""
    given = number(value, field)
    if given < 0 or given != given // 1:
        raise AnnotationError("not_whole", field, value, "must be a whole number of at least 0")
    return int(given)


def color(value: Any, field: str) -> Color:
    """Read ``[255, 0, 0]``, its text, or ``#ff0000``.

    :raises AnnotationError: not red, green and blue between 0 and 255
    """
    given = structure(value, field)
    if type(given) is str and re.fullmatch(r"#[0-9a-fA-F]{6}", given):
        return int(given[1:3], 16), int(given[3:5], 16), int(given[5:], 16)
    if type(given) is str and given.count(",") == 2:
        given = given.split(",")
    if type(given) in {list, tuple} and len(given) == 3:
        red, green, blue = (whole(each, field) for each in given)
        if max(red, green, blue) <= 255:
            return red, green, blue
    raise AnnotationError("bad_color", field, value, "must be [red, green, blue], whole numbers from 0 to 255")


def point(value: Any, field: str) -> Coordinates:
    """Read ``[x, y]``, ``{x, y}``, the JSON of either, WKT or GeoJSON.

    :raises AnnotationError: no point
    """
    given = _coordinates(value, field, ("POINT",))
    if type(given) is list and len(given) == 1 and not is_scalar(given[0]):
        given = given[0]
    return _pair(given, field)


def points(value: Any, field: str, *, ring: bool) -> tuple[Coordinates, ...]:
    """Read a list of ``[x, y]`` or ``{x, y}``, a flat list ``[x, y, x, y]``, the JSON of these, WKT or GeoJSON.

    :param ring: whether it is a polygon, which may be a list of one ring
    :raises AnnotationError: no points, several rings, or a coordinate that is no finite number
    """
    given = _coordinates(value, field, ("POLYGON",) if ring else ("LINESTRING",))
    if type(given) not in {list, tuple} or not given:
        raise AnnotationError("bad_points", field, value, "must be a list of points: [[x, y], …]")
    if ring and _is_ring(given[0]):
        if len(given) > 1:
            reason = f"has {len(given)} rings; a polygon of Labelbox has one, without holes: make one row of each part"
            raise AnnotationError("several_rings", field, None, reason)
        given = given[0]
    if is_scalar(given[0]):
        return _flat(given, field)
    return tuple(_pair(each, field) for each in given)


def _is_ring(value: Any) -> bool:
    if type(value) not in {list, tuple} or not value:
        return False
    return not is_scalar(value[0]) or len(value) >= _SHORTEST_FLAT_RING


def _flat(given: Sequence[Any], field: str) -> tuple[Coordinates, ...]:
    if len(given) % 2:
        raise AnnotationError("bad_points", field, list(given), "has an x without a y: its length is odd")
    numbers = [number(each, field) for each in given]
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _pair(value: Any, field: str) -> Coordinates:
    if type(value) is dict and "x" in value and "y" in value:
        return number(value["x"], f"{field}.x"), number(value["y"], f"{field}.y")
    if type(value) not in {list, tuple} or len(value) != 2:
        raise AnnotationError("bad_points", field, value, "must be a point: [x, y] or {x, y}")
    return number(value[0], field), number(value[1], field)


def _coordinates(value: Any, field: str, geometries: tuple[str, ...]) -> Any:
    """Return the lists in a cell: of GeoJSON and WKT the coordinates."""
    given = structure(value, field)
    if type(given) is dict and "coordinates" in given:
        kind, given = str(given.get("type")).upper(), given["coordinates"]
    elif type(given) is str:
        kind, given = _wkt(given, field)
    else:
        return given
    if kind not in geometries:
        raise AnnotationError("wrong_geometry", field, value, f"is a {kind}, not a {' or '.join(geometries)}")
    return given


def _wkt(text: str, field: str) -> tuple[str, Any]:
    found = _WKT.fullmatch(text.strip())
    if found is None:
        reason = "must be a list of points, or WKT of one POLYGON without holes, LINESTRING or POINT"
        raise AnnotationError("bad_points", field, text, reason)
    return found[1].upper(), [each.split() for each in found[2].split(",")]
