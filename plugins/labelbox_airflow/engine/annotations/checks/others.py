"""Relationships, choices among answers of models, and metrics."""

from __future__ import annotations

from math import isfinite
from typing import Any, Literal

from labelbox_airflow.engine.annotations.checks.classes import Classes
from labelbox_airflow.engine.annotations.model import Feature, MessageEvaluation, Metric, ModelMessage, Relationship
from labelbox_airflow.engine.annotations.problems import AnnotationError

Destination = Literal["prelabels", "labels", "predictions"]

_MATRIX = "CONFUSION_MATRIX"
_AGGREGATIONS = ("ARITHMETIC_MEAN", "GEOMETRIC_MEAN", "HARMONIC_MEAN", "SUM", _MATRIX)
_MOST_CONFIDENCES = 15
_RESERVED = frozenset(("iou",))


def check_relationship(given: Relationship, classes: Classes, media_type: str, to: Destination) -> None:
    """Check a relationship by itself; whether its ends are there is for the row.

    Labelbox takes them as pre-labels, and as submitted labels for documents (labelbox-notebooks, annotation_import).

    :raises AnnotationError: ``wrong_import``, ``bad_relationship``, and as `Names.find`
    """
    if to != "prelabels" and not (to == "labels" and media_type == "PDF"):
        reason = f"cannot be imported as {to}; Labelbox takes relationships as pre-labels, of PDFs also as labels"
        raise AnnotationError("wrong_import", "relationship", None, reason)
    if given.type not in {"unidirectional", "bidirectional"}:
        reason = "must be unidirectional or bidirectional"
        raise AnnotationError("bad_relationship", "relationship.type", given.type, reason)
    if (given.source is None) == (given.source_class is None):
        reason = "must begin either at an annotation (source) or at a classification (sourceOntologyName)"
        raise AnnotationError("bad_relationship", "relationship.source", given.source, reason)
    if given.source_class is not None:
        try:
            classes.questions.names.find(Feature(given.source_class))
        except AnnotationError as error:
            raise AnnotationError(
                error.code, "relationship.sourceOntologyName", given.source_class, error.reason
            ) from None


def check_evaluation(given: MessageEvaluation) -> None:
    """:raises AnnotationError: ``bad_message_task``"""
    if not given.parent_message_id:
        raise _task_error("parentMessageId", given.parent_message_id, "must not be empty")
    for message in given.messages:
        if not message.message_id or not message.model_config_name:
            raise _task_error("messageId", message, "must have messageId and modelConfigName")
    count = len(given.messages)
    if given.format == "message-single-selection" and count != 1:
        raise _task_error("messageId", count, "must be exactly one message")
    if not count:
        raise _task_error("messages", None, "must have at least one message")
    if given.format == "message-ranking":
        _check_ranking(given.messages)


def _check_ranking(messages: tuple[ModelMessage, ...]) -> None:
    orders = [message.order for message in messages]
    if set(orders) != set(range(1, len(orders) + 1)):
        raise _task_error("rankedMessages", orders, "must have each order from 1 to the number of messages, once")


def _task_error(field: str, value: Any, reason: str) -> AnnotationError:
    return AnnotationError("bad_message_task", f"messageEvaluationTask.data.{field}", value, reason)


def check_metric(metric: Metric, to: Destination) -> None:
    """Check a metric; `iou` is a name the SDK keeps for its own.

    :raises AnnotationError: ``wrong_import``, ``bad_metric``
    """
    if to != "predictions":
        reason = f"cannot be imported as {to}; metrics belong into a model run, with predictions"
        raise AnnotationError("wrong_import", "metricValue", None, reason)
    if metric.name is not None and (not metric.name or metric.name in _RESERVED):
        reason = "is a name that Labelbox keeps for its own metric; choose another"
        raise AnnotationError("bad_metric", "metricName", metric.name, reason if metric.name else "must not be empty")
    if metric.aggregation is not None and metric.aggregation not in _AGGREGATIONS:
        reason = f"must be one of {', '.join(_AGGREGATIONS)}"
        raise AnnotationError("bad_metric", "aggregation", metric.aggregation, reason)
    value = metric.value
    if not isinstance(value, tuple) or not value or not isinstance(value[0], tuple):
        _check_value(value, metric.aggregation)
        return
    if len(value) > _MOST_CONFIDENCES:
        reason = f"can be by {_MOST_CONFIDENCES} confidences at most, it is by {len(value)}"
        raise AnnotationError("bad_metric", "metricValue", None, reason)
    for confidence, each in _by_confidence(value):
        if not 0 <= confidence <= 1:
            raise AnnotationError("bad_confidence", "metricValue", confidence, "must be between 0 and 1")
        _check_value(each, metric.aggregation)


def _by_confidence(value: Any) -> list[tuple[float, Any]]:
    return list(value)


def _check_value(value: Any, aggregation: str | None) -> None:
    if aggregation != _MATRIX:
        if isinstance(value, tuple) or not isfinite(value):
            reason = f"must be a finite number; four counts need the aggregation {_MATRIX}"
            raise AnnotationError("bad_metric", "metricValue", value, reason)
        return
    if not isinstance(value, tuple) or len(value) != 4 or not all(type(each) is int and each >= 0 for each in value):
        reason = "must be four counts: true and false positives, true and false negatives"
        raise AnnotationError("bad_metric", "metricValue", value, reason)
