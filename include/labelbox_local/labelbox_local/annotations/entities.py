"""Named entities: spans of a text or of a message, and tokens of a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelbox_local.annotations.answers import read_nested
from labelbox_local.annotations.checks import integer, mapping, mappings, only, text
from labelbox_local.annotations.errors import AnnotationError

if TYPE_CHECKING:
    from labelbox_local.annotations.line import AnnotationReader

_SELECTION = frozenset(("tokenIds", "groupId", "page"))
_LOCATION = frozenset(("start", "end"))


def read_entity(reader: AnnotationReader, entry: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A span of a text, or of a message of a conversation; `end` is the last character.

    Raises:
        AnnotationError: what is wrong with it.
    """
    tool = reader.tool(entry, "named-entity")
    shown = tool.head(reader.new_id())
    location = _location(entry["location"])
    nested = read_nested(reader, tool.classifications, entry.get("classifications"))
    if reader.media_type == "CONVERSATIONAL":
        message_id = text(entry.get("messageId"), "messageId")
        shown |= {"annotation_kind": "ConversationalTextEntity", "classifications": nested}
        shown["conversational_location"] = {"message_id": message_id, "location": location}
    else:
        shown |= {"annotation_kind": "TextEntity", "classifications": nested, "location": location}
    return "objects", shown | reader.scores(entry)


def _location(value: Any) -> dict[str, int]:
    only(mapping(value, "location"), _LOCATION, "location")
    start, end = value.get("start"), value.get("end")
    if type(start) is not int or type(end) is not int:
        raise AnnotationError(f"location must have whole numbers as start and end. Found {value}")
    if start < 0:
        raise AnnotationError(f"Text location must be positive. Found {value}")
    if start > end:
        raise AnnotationError(f"Text start location must be less or equal than end. Found {value}")
    return {"start": start, "end": end}


def read_document_entity(reader: AnnotationReader, entry: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Tokens of the text layer of a document.

    Raises:
        AnnotationError: what is wrong with it.
    """
    tool = reader.tool(entry, "named-entity")
    shown = tool.head(reader.new_id())
    shown["annotation_kind"] = "DocumentEntityToken"
    shown["classifications"] = read_nested(reader, tool.classifications, entry.get("classifications"))
    groups = []
    for selection in mappings(entry["textSelections"], "textSelections"):
        only(selection, _SELECTION, "a text selection")
        tokens = selection.get("tokenIds")
        if type(tokens) is not list or not tokens:
            raise AnnotationError(f"tokenIds must be a non-empty list. Found {tokens!r}")
        groups.append(
            {
                "id": text(selection.get("groupId"), "groupId"),
                "page_number": integer(selection.get("page"), "page", 0),
                "tokens": [text(token, "tokenIds") for token in tokens],
            }
        )
    shown["location"] = {"groups": groups}
    return "objects", shown | reader.scores(entry)
