"""Checks of single values. `where` names the value in the message."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from labelbox_local.annotations.errors import AnnotationError


def number(value: Any, where: str) -> float:
    """Raises: AnnotationError."""
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    raise AnnotationError(f"{where} must be a number. Found {value!r}")


def integer(value: Any, where: str, least: int) -> int:
    """Raises: AnnotationError."""
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or value < least:
        raise AnnotationError(f"{where} must be a whole number of at least {least}. Found {value!r}")
    return value


def text(value: Any, where: str) -> str:
    """Raises: AnnotationError."""
    if type(value) is not str or not value:
        raise AnnotationError(f"{where} must be a non-empty text. Found {value!r}")
    return value


def mapping(value: Any, where: str) -> dict[str, Any]:
    """Raises: AnnotationError."""
    if type(value) is not dict:
        raise AnnotationError(f"{where} must be an object. Found {value!r}")
    return value


def mappings(value: Any, where: str) -> list[dict[str, Any]]:
    """A list of objects that is not empty.

    Raises:
        AnnotationError: anything else.
    """
    if type(value) is not list or not value or not all(type(each) is dict for each in value):
        raise AnnotationError(f"{where} must be a non-empty list of objects. Found {value!r}")
    return value


def only(entry: dict[str, Any], known: frozenset[str], where: str) -> None:
    """Raises: AnnotationError: `entry` has a key that is not known there."""
    if not entry.keys() <= known:
        unknown = ", ".join(sorted(f"'{key}'" for key in entry.keys() - known))
        raise AnnotationError(f"{where} has unknown keys: {unknown}")


def color(value: Any) -> tuple[int, int, int]:
    """Raises: AnnotationError."""
    if type(value) is not list:
        raise AnnotationError(f"Received color that is not a list or tuple. Found : {value}")
    if len(value) != 3:
        raise AnnotationError(f"Must provide RGB values. Found : {value}")
    if not all(type(each) is int and 0 <= each <= 255 for each in value):
        raise AnnotationError(f"All rgb colors must be between 0 and 255. Found : {value}")
    return value[0], value[1], value[2]


def spans(value: Any, where: str, least: int) -> list[list[int]]:
    """Frame or millisecond spans `[{start, end}]`, both ends included, in order of their start.

    Raises:
        AnnotationError: none, an end before its start, or two that overlap.
    """
    found = []
    for entry in mappings(value, where):
        only(entry, _SPAN, where)
        start, end = integer(entry.get("start"), f"{where}.start", least), integer(entry.get("end"), f"{where}.end", 0)
        if start > end:
            raise AnnotationError(f"{where}: start must be less or equal than end. Found {entry}")
        found.append([start, end])
    found.sort()
    for before, after in pairwise(found):
        if after[0] <= before[1]:
            raise AnnotationError(f"{where}: {before} and {after} overlap")
    return found


_SPAN = frozenset(("start", "end"))
