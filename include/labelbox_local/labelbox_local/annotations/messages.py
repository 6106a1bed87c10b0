"""Choices among the answers of models in a conversation: one, several, or all in an order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelbox_local.annotations.checks import integer, mapping, mappings, only, text
from labelbox_local.annotations.errors import AnnotationError

if TYPE_CHECKING:
    from labelbox_local.annotations.line import AnnotationReader

_TASK = frozenset(("format", "data"))
_SINGLE = frozenset(("messageId", "modelConfigName", "parentMessageId"))
_MULTI = frozenset(("parentMessageId", "selectedMessages"))
_RANKING = frozenset(("parentMessageId", "rankedMessages"))
_MESSAGE = frozenset(("messageId", "modelConfigName"))
_FORMATS = {
    "message-single-selection": "MessageSingleSelection",
    "message-multi-selection": "MessageMultiSelection",
    "message-ranking": "MessageRanking",
}


def read_message_task(reader: AnnotationReader, entry: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Raises: AnnotationError."""
    task = mapping(entry["messageEvaluationTask"], "messageEvaluationTask")
    only(task, _TASK, "messageEvaluationTask")
    kind = task.get("format")
    if kind not in _FORMATS:
        raise AnnotationError(f"format must be one of {', '.join(_FORMATS)}. Found {kind!r}")
    tool = reader.tool(entry, kind)
    shown = tool.head(reader.new_id())
    shown |= {"annotation_kind": _FORMATS[kind], "classifications": []}
    data = mapping(task.get("data"), "data")
    parent = text(data.get("parentMessageId"), "parentMessageId")
    if kind == "message-single-selection":
        only(data, _SINGLE, "data")
        shown["selected_message"] = _message(data) | {"parent_message_id": parent}
    elif kind == "message-multi-selection":
        only(data, _MULTI, "data")
        chosen = [_message(each, _MESSAGE) for each in mappings(data.get("selectedMessages"), "selectedMessages")]
        shown["selected_messages"] = {"messages": chosen, "parent_message_id": parent}
    else:
        only(data, _RANKING, "data")
        shown["ranked_messages"] = {"ranked_messages": _ranking(data), "parent_message_id": parent}
    return "objects", shown


def _ranking(data: dict[str, Any]) -> list[dict[str, Any]]:
    ranked = [
        _message(each, _MESSAGE | {"order"}) | {"order": integer(each.get("order"), "order", 1)}
        for each in mappings(data.get("rankedMessages"), "rankedMessages")
    ]
    if {each["order"] for each in ranked} != set(range(1, len(ranked) + 1)):
        raise AnnotationError("Messages must be ordered by unique and consecutive natural numbers starting from 1")
    return ranked


def _message(entry: dict[str, Any], known: frozenset[str] = _SINGLE) -> dict[str, Any]:
    only(entry, known, "a message")
    return {
        "message_id": text(entry.get("messageId"), "messageId"),
        "model_config_name": text(entry.get("modelConfigName"), "modelConfigName"),
    }
