"""Exported choices among the answers of models in a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from labelbox_airflow.engine.annotations.model import MessageEvaluation, ModelMessage
from labelbox_airflow.engine.annotations.ndjson.fields import filled, mapping, text, whole

_MESSAGE = ("message_id", "model_config_name")

Format = Literal["message-single-selection", "message-multi-selection", "message-ranking"]

EVALUATIONS: Mapping[str, Format] = {
    "selected_message": "message-single-selection",
    "selected_messages": "message-multi-selection",
    "ranked_messages": "message-ranking",
}


def read_evaluation(key: str, value: Any) -> MessageEvaluation:
    """Return the choice under one of `EVALUATIONS`.

    :raises AnnotationError: what is wrong with it
    """
    if key == "selected_message":
        task = mapping(value, key, (*_MESSAGE, "parent_message_id"))
        messages: tuple[ModelMessage, ...] = (_message(task, key),)
    else:
        inner = "messages" if key == "selected_messages" else "ranked_messages"
        known = _MESSAGE if key == "selected_messages" else (*_MESSAGE, "order")
        task = mapping(value, key, (inner, "parent_message_id"))
        messages = tuple(
            _message(mapping(each, f"{key}.{inner}[{index}]", known), f"{key}.{inner}[{index}]")
            for index, each in enumerate(filled(task.get(inner), f"{key}.{inner}"))
        )
    return MessageEvaluation(
        EVALUATIONS[key], text(task.get("parent_message_id"), f"{key}.parent_message_id"), messages
    )


def _message(given: Mapping[str, Any], field: str) -> ModelMessage:
    order = whole(given["order"], f"{field}.order") if given.get("order") is not None else None
    name = text(given.get("model_config_name"), f"{field}.model_config_name")
    return ModelMessage(text(given.get("message_id"), f"{field}.message_id"), name, order)
