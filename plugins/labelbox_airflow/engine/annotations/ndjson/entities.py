"""Entities: characters of a text or message, tokens of a document."""

from __future__ import annotations

from typing import Any

from labelbox_airflow.engine.annotations.model import DocumentEntity, TextEntity, TokenGroup
from labelbox_airflow.engine.annotations.ndjson.fields import filled, mapping, text, whole
from labelbox_airflow.engine.annotations.problems import AnnotationError


def read_location(value: Any) -> TextEntity:
    """Return the entity of ``location``.

    :raises AnnotationError: what is wrong with it
    """
    location = mapping(value, "location", ("start", "end"))
    start, end = whole(location.get("start"), "location.start"), whole(location.get("end"), "location.end")
    if end < start:
        reason = "ends before it starts; end is the last character, not the one after it"
        raise AnnotationError("bad_entity", "location", dict(location), reason)
    return TextEntity(start, end)


def write_location(entity: TextEntity) -> dict[str, int]:
    """Return what stands under ``location``."""
    return {"start": entity.start, "end": entity.end}


def read_selections(value: Any) -> DocumentEntity:
    """Return the entity of ``textSelections``.

    :raises AnnotationError: what is wrong with it
    """
    groups = []
    for index, each in enumerate(filled(value, "textSelections")):
        place = f"textSelections[{index}]"
        selection = mapping(each, place, ("tokenIds", "groupId", "page"))
        tokens = filled(selection.get("tokenIds"), f"{place}.tokenIds")
        groups.append(
            TokenGroup(
                text(selection.get("groupId"), f"{place}.groupId"),
                tuple(text(token, f"{place}.tokenIds") for token in tokens),
                whole(selection.get("page"), f"{place}.page"),
            )
        )
    return DocumentEntity(tuple(groups))


def write_selections(entity: DocumentEntity) -> list[dict[str, Any]]:
    """Return what stands under ``textSelections``."""
    return [
        {"tokenIds": list(group.token_ids), "groupId": group.group_id, "page": group.page} for group in entity.groups
    ]
