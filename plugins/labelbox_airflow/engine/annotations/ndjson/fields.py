"""Values of single keys. ``field`` names the key in the message."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import isfinite
from typing import Any

from labelbox_airflow.engine.annotations.model import Color, CustomMetric, Feature, Span
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.errors import did_you_mean


def number(value: Any, field: str) -> float:
    """:raises AnnotationError: not a finite number"""
    if type(value) not in {float, int}:
        raise AnnotationError("not_a_number", field, value, "must be a number")
    if not isfinite(value):
        raise AnnotationError("not_finite", field, value, "must be a finite number, not NaN or infinite")
    return value  # type: ignore[no-any-return]


def whole(value: Any, field: str) -> int:
    """:raises AnnotationError: not a whole number, or negative"""
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or value < 0:
        raise AnnotationError("not_whole", field, value, "must be a whole number of at least 0")
    return value


def text(value: Any, field: str) -> str:
    """:raises AnnotationError: not a text, or empty"""
    if type(value) is not str or not value:
        raise AnnotationError("not_a_text", field, value, "must be a non-empty text")
    return value


def mapping(value: Any, field: str, known: Collection[str]) -> Mapping[str, Any]:
    """:raises AnnotationError: not an object, or with other keys than the known ones"""
    if type(value) is not dict:
        raise AnnotationError("not_an_object", field, value, "must be an object")
    only(value, field, known)
    return value


def only(value: Mapping[str, Any], field: str, known: Collection[str]) -> None:
    """:raises AnnotationError: with other keys than the known ones, unless they are null"""
    for key in value:
        if key not in known and value[key] is not None:
            name = f"{field}.{key}" if field else key
            hint = did_you_mean(key, sorted(known))
            raise AnnotationError("unknown_key", name, value[key], f"is not a key of this kind. {hint}")


def filled(value: Any, field: str) -> Sequence[Any]:
    """:raises AnnotationError: not a list, or empty"""
    if type(value) is not list or not value:
        raise AnnotationError("not_a_list", field, value, "must be a list that is not empty")
    return value


def color(value: Any, field: str) -> Color:
    """:raises AnnotationError: not red, green and blue between 0 and 255"""
    if type(value) is list and len(value) == 3 and all(type(each) is int and 0 <= each <= 255 for each in value):
        return value[0], value[1], value[2]
    raise AnnotationError("bad_color", field, value, "must be [red, green, blue], whole numbers from 0 to 255")


def feature(entry: Mapping[str, Any], field: str = "") -> Feature:
    """:raises AnnotationError: neither name nor schemaId"""
    name, schema_id = entry.get("name"), entry.get("schemaId")
    prefix = f"{field}." if field else ""
    if name is None and schema_id is None:
        raise AnnotationError("no_class", f"{prefix}name", None, "is missing; give the class by name or by schemaId")
    if name is not None:
        text(name, f"{prefix}name")
    if schema_id is not None:
        text(schema_id, f"{prefix}schemaId")
    return Feature(name, schema_id)


def named(given: Feature) -> dict[str, Any]:
    """Return the keys that name a feature."""
    if given.schema_id is None:
        return {"name": given.name}
    return {"schemaId": given.schema_id} if given.name is None else {"name": given.name, "schemaId": given.schema_id}


def spans(value: Any, field: str) -> tuple[Span, ...]:
    """:raises AnnotationError: not a list of ``{start, end}``, or an end before its start"""
    found = []
    for index, entry in enumerate(filled(value, field)):
        place = f"{field}[{index}]"
        span = mapping(entry, place, ("start", "end"))
        start, end = whole(span.get("start"), f"{place}.start"), whole(span.get("end"), f"{place}.end")
        if end < start:
            raise AnnotationError("bad_span", place, dict(span), "ends before it starts")
        found.append(Span(start, end))
    return tuple(found)


def confidence(entry: Mapping[str, Any], field: str) -> float | None:
    """:raises AnnotationError: not between 0 and 1"""
    value = entry.get("confidence")
    if value is None:
        return None
    if not 0 <= number(value, f"{field}confidence") <= 1:
        raise AnnotationError("bad_confidence", f"{field}confidence", value, "must be between 0 and 1")
    return float(value)


def metrics(entry: Mapping[str, Any], field: str) -> tuple[CustomMetric, ...]:
    """:raises AnnotationError: not a list of ``{name, value}``"""
    value = entry.get("customMetrics")
    if not value:
        return ()
    found = []
    for index, each in enumerate(filled(value, f"{field}customMetrics")):
        place = f"{field}customMetrics[{index}]"
        metric = mapping(each, place, ("name", "value"))
        found.append(CustomMetric(text(metric.get("name"), f"{place}.name"), number(metric.get("value"), place)))
    return tuple(found)


def scores(given: float | None, custom: tuple[CustomMetric, ...]) -> dict[str, Any]:
    """Return the keys of confidence and custom metrics that are there."""
    shown: dict[str, Any] = {} if given is None else {"confidence": given}
    if custom:
        shown["customMetrics"] = [{"name": each.name, "value": each.value} for each in custom]
    return shown
