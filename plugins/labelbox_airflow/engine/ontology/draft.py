"""Drafts of ontology files, from the categories of COCO and the classes seen in NDJSON or a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from labelbox_airflow.engine.annotations.readers.coco_document import (
    TOOLS_OF_SHAPES,
    keypoint_classes,
    shapes_by_category,
)
from labelbox_airflow.engine.annotations.readers.coco_spec import CocoSpec
from labelbox_airflow.engine.errors import ConfigurationError, did_you_mean
from labelbox_airflow.engine.ontology.document import TOOLS, check_names
from labelbox_airflow.engine.ontology.tree import Classification, Ontology, Option, Tool

# The key of an NDJSON annotation that tells its tool.
_SHAPES = {
    "bbox": "rectangle",
    "polygon": "polygon",
    "line": "line",
    "point": "point",
    "mask": "raster-segmentation",
    "location": "named-entity",
    "textSelections": "named-entity",
    "relationship": "edge",
}


def from_coco(content: Any, *, where: str) -> Ontology:
    """Return the classes that reading the file makes with a `CocoSpec` as it is by default.

    A class for each category, of the one shape that its segmented annotations become, and a point for each keypoint
    of those that have any.

    :raises ConfigurationError: the content has no categories
    """
    categories = content.get("categories") if isinstance(content, dict) else None
    if not isinstance(categories, list) or not categories or not all(_is_named(each) for each in categories):
        raise ConfigurationError("has no categories with names", where=where, remedy="Is it a COCO file?")
    spec, annotations = CocoSpec(), [each for each in content.get("annotations") or () if isinstance(each, dict)]
    shapes = shapes_by_category(annotations, spec)
    with_keypoints = {str(each.get("category_id")) for each in annotations if each.get("keypoints")}
    tools: list[Tool] = []
    for each in categories:
        name, category_id = str(each["name"]), each.get("id")
        tools.append(Tool(name, TOOLS_OF_SHAPES[shapes.get(category_id, "bounding_box")]))
        if str(category_id) in with_keypoints:
            tools.extend(Tool(str(feature), "point") for _, feature in keypoint_classes(each, name, spec))
    return _checked(Ontology(tuple(tools)), where)


def _is_named(category: Any) -> bool:
    return isinstance(category, dict) and "name" in category and isinstance(category.get("id"), int | str | None)


def from_ndjson(lines: Iterable[bytes], *, where: str) -> Ontology:
    """Return the classes of Labelbox annotation NDJSON, with the answers that were seen as options.

    :raises ConfigurationError: a line is no annotation with a name, or a class is of two kinds
    """
    tools: dict[str, str] = {}
    questions: dict[str, tuple[str, dict[str, None]]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{where} line {number}"
        try:
            annotation = orjson.loads(line)
            name = str(annotation["name"])
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise ConfigurationError(f"no annotation with a name ({error!r})", where=place) from None
        shape = next((kind for key, kind in _SHAPES.items() if key in annotation), None)
        kind = shape or _question_kind(annotation, place)
        known = tools.get(name) or (questions[name][0] if name in questions else kind)
        if known != kind:
            raise ConfigurationError(f"'{name}' is a {kind} here, and a {known} before", where=place)
        if shape is not None:
            tools[name] = kind
        else:
            questions.setdefault(name, (kind, {}))[1].update(dict.fromkeys(_answers(annotation)))
    classifications = tuple(
        Classification(name, kind, tuple(Option(each, each) for each in seen))
        for name, (kind, seen) in questions.items()
    )
    return _checked(Ontology(tuple(Tool(*each) for each in tools.items()), classifications), where)


def from_classes(names: Iterable[Any], kind: str, *, where: str) -> Ontology:
    """Return a tool of one kind for each class seen in a column.

    :param kind: such as ``bounding_box``, or Labelbox's ``rectangle``
    :raises ConfigurationError: there is no such kind, or no class
    """
    wire = TOOLS.get(kind, kind)
    if wire not in TOOLS.values():
        raise ConfigurationError(f"there is no kind '{kind}'", where="--kind", remedy=did_you_mean(kind, TOOLS))
    seen = dict.fromkeys(str(name) for name in names if name is not None and str(name).strip())
    return _checked(Ontology(tuple(Tool(name, wire) for name in sorted(seen))), where)


def _question_kind(annotation: Mapping[str, Any], place: str) -> str:
    answer = annotation.get("answer", annotation.get("answers"))
    if isinstance(answer, str):
        return "text"
    if isinstance(answer, list):
        return "checklist"
    if isinstance(answer, dict):
        return "radio"
    raise ConfigurationError(f"'{annotation['name']}' is of a kind that no draft is made of", where=place)


def _answers(annotation: Mapping[str, Any]) -> list[str]:
    answer = annotation.get("answer", annotation.get("answers"))
    chosen = answer if isinstance(answer, list) else [answer]
    return [str(each["name"]) for each in chosen if isinstance(each, dict) and "name" in each]


def _checked(ontology: Ontology, where: str) -> Ontology:
    if not ontology.names():
        raise ConfigurationError("has no classes", where=where)
    check_names(ontology, where=where)
    return ontology
