"""Exported objects: shapes, masks, entities and choices among messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

from labelbox_airflow.engine.annotations.exported.fields import HEAD, known
from labelbox_airflow.engine.annotations.exported.messages import EVALUATIONS, read_evaluation
from labelbox_airflow.engine.annotations.exported.shapes import SHAPES, read_geojson, read_shape
from labelbox_airflow.engine.annotations.model import (
    DocumentEntity,
    MaskUri,
    Message,
    Page,
    Part,
    TextEntity,
    TokenGroup,
    Value,
)
from labelbox_airflow.engine.annotations.ndjson.fields import color, filled, mapping, text, whole
from labelbox_airflow.engine.annotations.problems import AnnotationError

_PAGE = frozenset(("page_number", "unit", "page_dimensions"))
_UNITS: Mapping[str, Literal["POINTS", "PIXELS", "INCHES", "PERCENT"]] = {
    "POINTS": "POINTS",
    "PIXELS": "PIXELS",
    "INCHES": "INCHES",
    "PERCENT": "PERCENT",
}
_WHITE = (255, 255, 255)

Found = tuple[Value, Part | None]


def read_object(entry: Mapping[str, Any]) -> Found:
    """Return what an exported object is, and where in the row it lies.

    :raises AnnotationError: what is wrong with it; for a kind that is not known it names the kind
    """
    given = [key for key in _READERS if entry.get(key) is not None]
    if len(given) != 1:
        kind = entry.get("annotation_kind")
        if not given:
            reason = f"is of no known kind: none of its keys is one of {', '.join(_READERS)}"
            raise AnnotationError("unknown_kind", "annotation_kind", kind, reason)
        raise AnnotationError("no_kind", "annotation_kind", kind, f"must have one of {', '.join(given)}, not all")
    key = given[0]
    known(entry, _KEYS.get(key, HEAD) | {key})
    return _READERS[key](entry)


def _shape(key: str, entry: Mapping[str, Any]) -> Found:
    return read_shape(key, entry[key]), _page(entry)


def _page(entry: Mapping[str, Any]) -> Page | None:
    """Documents measure in points unless they say otherwise: their ``page_dimensions`` are points."""
    if entry.get("page_number") is None and entry.get("unit") is None:
        return None
    unit = entry.get("unit") or "POINTS"
    if type(unit) is not str or unit not in _UNITS:
        raise AnnotationError("bad_unit", "unit", unit, f"must be one of {', '.join(_UNITS)}")
    return Page(whole(entry.get("page_number"), "page_number"), _UNITS[unit])


def _map_shape(entry: Mapping[str, Any]) -> Found:
    return read_geojson(entry), None


def read_mask(entry: Mapping[str, Any]) -> MaskUri:
    """Return the mask of an object: a colour of a composite picture, or what is white in a picture of its own.

    :raises AnnotationError: what is wrong with it
    """
    if entry.get("composite_mask") is not None:
        mask = mapping(entry["composite_mask"], "composite_mask", ("url", "color_rgb"))
        return MaskUri(
            text(mask.get("url"), "composite_mask.url"), color(mask.get("color_rgb"), "composite_mask.color_rgb")
        )
    mask = mapping(entry["mask"], "mask", ("url",))
    return MaskUri(text(mask.get("url"), "mask.url"), _WHITE)


def _mask(entry: Mapping[str, Any]) -> Found:
    return read_mask(entry), None


def _location(value: Any, field: str) -> TextEntity:
    location = mapping(value, field, ("start", "end", "token"))
    start, end = whole(location.get("start"), f"{field}.start"), whole(location.get("end"), f"{field}.end")
    if end < start:
        raise AnnotationError("bad_entity", field, dict(location), "ends before it starts")
    return TextEntity(start, end)


def _entity(entry: Mapping[str, Any]) -> Found:
    """An entity of a text, or of a document, which has groups of tokens."""
    location = entry["location"]
    if type(location) is dict and "groups" in location:
        groups = filled(mapping(location, "location", ("groups",))["groups"], "location.groups")
        made = tuple(_group(each, f"location.groups[{index}]") for index, each in enumerate(groups))
        return DocumentEntity(made), None
    return _location(location, "location"), None


def _group(value: Any, field: str) -> TokenGroup:
    group = mapping(value, field, ("id", "page_number", "tokens", "text"))
    return TokenGroup(
        text(group.get("id"), f"{field}.id"),
        tuple(text(token, f"{field}.tokens") for token in filled(group.get("tokens"), f"{field}.tokens")),
        whole(group.get("page_number"), f"{field}.page_number"),
    )


def _message_entity(entry: Mapping[str, Any]) -> Found:
    place = mapping(entry["conversational_location"], "conversational_location", ("message_id", "location"))
    message = Message(text(place.get("message_id"), "conversational_location.message_id"))
    return _location(place.get("location"), "conversational_location.location"), message


def _evaluation(key: str, entry: Mapping[str, Any]) -> Found:
    return read_evaluation(key, entry[key]), None


_KEYS = {"bounding_box": HEAD | _PAGE, "location": HEAD | {"page_dimensions"}}
_READERS: dict[str, Callable[[Mapping[str, Any]], Found]] = {
    **{key: partial(_shape, key) for key in SHAPES},
    "geojson": _map_shape,
    "composite_mask": _mask,
    "mask": _mask,
    "location": _entity,
    "conversational_location": _message_entity,
    **{key: partial(_evaluation, key) for key in EVALUATIONS},
}
