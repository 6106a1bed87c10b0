"""Annotations in the cells of the former connectors: ``[geometry, [paths of nested answers]]``.

`readers.wide_cells` and `readers.wide_answers` read them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from labelbox_airflow.engine.annotations.model import (
    Annotation,
    BoundingBox,
    Checklist,
    Choice,
    Classification,
    DocumentEntity,
    Feature,
    FreeText,
    Line,
    MaskUri,
    Page,
    Point,
    Polygon,
    Radio,
    TextEntity,
    Value,
)
from labelbox_airflow.engine.exports.records.kinds import QUESTIONS
from labelbox_airflow.engine.ontology.tree import MASKS, RADIOS, TEXTS, Tool
from labelbox_airflow.engine.ontology.tree import Classification as Question

KINDS = {
    "rectangle": "bbox",
    "polygon": "polygon",
    "line": "line",
    "point": "point",
    "named-entity": "named-entity",
    **dict.fromkeys(MASKS, "mask"),
}
_ON_MAPS = ("bbox", "polygon", "line", "point")


class NoFormError(ValueError):
    """The former connectors had no form for an annotation."""


def kind_of_tool(tool: Tool, *, is_map: bool) -> str | None:
    """Return what the connectors called a tool; None for one they did not know."""
    kind = KINDS.get(tool.kind)
    return f"geo_{kind}" if is_map and kind in _ON_MAPS else kind


def kind_of_question(question: Question) -> str:
    """Return what the connectors called a question."""
    return "text" if question.kind in TEXTS else "radio" if question.kind in RADIOS else "checklist"


def entry(annotation: Annotation, kind: str, divider: str) -> list[Any]:
    """Return one entry of the cell of a kind.

    :raises NoFormError: it is none of that kind, or is somewhere the connectors could not say
    """
    value, part = annotation.value, annotation.part
    if kind in QUESTIONS:
        if part is not None:
            raise NoFormError("is about a message or a view")
        return _paths_of_answer(value, kind, divider)
    geometry = _geometry(value, kind)
    if isinstance(part, Page) and kind == "bbox" and part.unit == "POINTS":
        geometry.append(part.number)
    elif part is not None:
        raise NoFormError("is on a message, a view, or a page that is not measured in points")
    return [geometry, [path for each in annotation.classifications for path in _paths(each, divider)]]


def _geometry(value: Value, kind: str) -> list[Any]:
    called = kind.removeprefix("geo_")
    on_map = called != kind
    match value:
        case BoundingBox() if called == "bbox":
            return _box_of_map(value) if on_map else [value.top, value.left, value.height, value.width]
        case Polygon() if called == "polygon":
            return [_points(value.points)] if on_map else _points(value.points)
        case Line() if called == "line":
            return _points(value.points)
        case Point() if called == "point":
            return [value.x, value.y]
        case MaskUri() if called == "mask":
            return [value.uri, list(value.color)]
        case TextEntity() if called == "named-entity":
            return [value.start, value.end]
        case DocumentEntity() if called == "named-entity":
            return [[each.group_id, list(each.token_ids), each.page] for each in value.groups]
    raise NoFormError(f"is no {kind}, or goes through frames")


def _points(points: Sequence[tuple[float, float]]) -> list[list[float]]:
    return [list(each) for each in points]


def _box_of_map(box: BoundingBox) -> list[Any]:
    left, top, right, bottom = box.left, box.top, box.left + box.width, box.top + box.height
    return [[[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]]


def _paths_of_answer(value: Value, kind: str, divider: str) -> list[Any]:
    expected = {"radio": Radio, "checklist": Checklist, "text": FreeText}[kind]
    if not isinstance(value, expected) or not isinstance(value, Radio | Checklist | FreeText) or value.spans:
        raise NoFormError(f"is no {kind}, or holds for some of the time only")
    return list(_answer(value, divider))


def _answer(value: Radio | Checklist | FreeText, divider: str) -> Iterator[str]:
    if isinstance(value, FreeText):
        if value.classifications or not value.content:
            raise NoFormError("is an empty text, or one with nested answers")
        yield value.content
        return
    for choice in (value.choice,) if isinstance(value, Radio) else value.choices:
        yield from _choice(choice, divider)


def _choice(choice: Choice, divider: str) -> Iterator[str]:
    name = _name(choice.feature)
    nested = [path for each in choice.classifications for path in _paths(each, divider)]
    yield from (f"{name}{divider}{path}" for path in nested) if nested else [name]


def _paths(given: Classification, divider: str) -> Iterator[str]:
    answer = given.answer
    if not isinstance(answer, Radio | Checklist | FreeText) or answer.spans:
        raise NoFormError(f"has an answer to {given.feature} for some of the time only")
    yield from (f"{_name(given.feature)}{divider}{path}" for path in _answer(answer, divider))


def _name(feature: Feature) -> str:
    if feature.name is None:
        raise NoFormError(f"has a class or option without a name: {feature}")
    return feature.name
