"""Relationships, choices among answers of models, and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelbox_airflow.engine.annotations.model import MessageEvaluation, Metric, ModelMessage, Relationship
from labelbox_airflow.engine.annotations.ndjson.fields import filled, mapping, number, text, whole
from labelbox_airflow.engine.annotations.problems import AnnotationError

_RELATIONSHIP = ("source", "target", "type", "readonly", "sourceOntologyName")
_MESSAGE = ("messageId", "modelConfigName")
_LISTS = {"message-multi-selection": "selectedMessages", "message-ranking": "rankedMessages"}


def read_relationship(value: Any) -> Relationship:
    """:raises AnnotationError: what is wrong with it"""
    given = mapping(value, "relationship", _RELATIONSHIP)
    kind = given.get("type")
    if kind not in {"unidirectional", "bidirectional"}:
        raise AnnotationError("bad_relationship", "relationship.type", kind, "must be unidirectional or bidirectional")
    source, source_class = given.get("source"), given.get("sourceOntologyName")
    if (source is None) == (source_class is None):
        reason = "must have exactly one of source and sourceOntologyName"
        raise AnnotationError("bad_relationship", "relationship", sorted(given), reason)
    return Relationship(
        source=text(source, "relationship.source") if source is not None else None,
        target=text(given.get("target"), "relationship.target"),
        type=kind,
        readonly=given.get("readonly"),
        source_class=text(source_class, "relationship.sourceOntologyName") if source_class is not None else None,
    )


def write_relationship(given: Relationship) -> dict[str, Any]:
    """Return what stands under ``relationship``."""
    shown = {
        "source": given.source,
        "target": given.target,
        "type": given.type,
        "readonly": given.readonly,
        "sourceOntologyName": given.source_class,
    }
    return {key: value for key, value in shown.items() if value is not None}


def read_evaluation(value: Any) -> MessageEvaluation:
    """:raises AnnotationError: what is wrong with it"""
    task = mapping(value, "messageEvaluationTask", ("format", "data"))
    kind, place = task.get("format"), "messageEvaluationTask.data"
    if kind == "message-single-selection":
        data = mapping(task.get("data"), place, (*_MESSAGE, "parentMessageId"))
        messages: tuple[ModelMessage, ...] = (_message(data, place),)
    elif kind in _LISTS:
        key = _LISTS[kind]
        data = mapping(task.get("data"), place, ("parentMessageId", key))
        known = (*_MESSAGE, "order") if kind == "message-ranking" else _MESSAGE
        messages = tuple(
            _message(mapping(each, f"{place}.{key}[{index}]", known), f"{place}.{key}[{index}]")
            for index, each in enumerate(filled(data.get(key), f"{place}.{key}"))
        )
    else:
        reason = f"must be message-single-selection, {' or '.join(_LISTS)}"
        raise AnnotationError("bad_message_task", "messageEvaluationTask.format", kind, reason)
    return MessageEvaluation(kind, text(data.get("parentMessageId"), f"{place}.parentMessageId"), messages)


def _message(given: Mapping[str, Any], field: str) -> ModelMessage:
    order = whole(given["order"], f"{field}.order") if "order" in given else None
    message_id = text(given.get("messageId"), f"{field}.messageId")
    return ModelMessage(message_id, text(given.get("modelConfigName"), f"{field}.modelConfigName"), order)


def write_evaluation(given: MessageEvaluation) -> dict[str, Any]:
    """Return what stands under ``messageEvaluationTask``."""
    messages: list[dict[str, Any]] = []
    for message in given.messages:
        order = {} if message.order is None else {"order": message.order}
        messages.append({"messageId": message.message_id, "modelConfigName": message.model_config_name} | order)
    inner = {_LISTS[given.format]: messages} if given.format in _LISTS else dict(*messages[:1])
    return {"format": given.format, "data": {"parentMessageId": given.parent_message_id} | inner}


def read_metric(line: Mapping[str, Any]) -> Metric:
    """:raises AnnotationError: what is wrong with it"""
    value = line["metricValue"]
    read: Any = (
        tuple((_share(confidence), _metric_value(each)) for confidence, each in value.items())
        if type(value) is dict
        else _metric_value(value)
    )
    return Metric(line.get("metricName"), read, line.get("aggregation"), line.get("subclassName"))


def _share(key: Any) -> float:
    try:
        return float(key)
    except (TypeError, ValueError):
        raise AnnotationError("bad_metric", "metricValue", key, "must have confidences as keys") from None


def _metric_value(value: Any) -> float | tuple[int, ...]:
    if type(value) is not list:
        return number(value, "metricValue")
    if len(value) != 4:
        raise AnnotationError("bad_metric", "metricValue", value, "a confusion matrix has four counts")
    return tuple(whole(each, "metricValue") for each in value)


def write_metric(metric: Metric) -> dict[str, Any]:
    """Return the keys of a metric."""
    value: Any = metric.value
    if isinstance(value, tuple):
        by_confidence = bool(value) and isinstance(value[0], tuple)
        value = {str(key): _plain(each) for key, each in value} if by_confidence else list(value)
    shown = {
        "metricValue": value,
        "metricName": metric.name,
        "aggregation": metric.aggregation,
        "subclassName": metric.subclass_name,
    }
    return {key: each for key, each in shown.items() if each is not None}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
