"""Metrics of a model run: one number or a confusion matrix, of a data row, a feature or an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelbox_local.annotations.checks import number, text
from labelbox_local.annotations.errors import AnnotationError

if TYPE_CHECKING:
    from labelbox_local.annotations.line import AnnotationReader

METRIC_KEYS = frozenset(("metricName", "metricValue", "featureName", "subclassName", "aggregation"))
_AGGREGATIONS = ("ARITHMETIC_MEAN", "GEOMETRIC_MEAN", "HARMONIC_MEAN", "SUM", "CONFUSION_MATRIX")
_MOST_SCORES = 15


def read_metric(reader: AnnotationReader, entry: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Raises: AnnotationError."""
    if not reader.rules.metrics:
        raise AnnotationError("Metrics can only be imported into a model run")
    aggregation = entry.get("aggregation") or "ARITHMETIC_MEAN"
    if aggregation not in _AGGREGATIONS:
        raise AnnotationError(f"aggregation must be one of {', '.join(_AGGREGATIONS)}. Found {aggregation!r}")
    value = entry["metricValue"]
    if type(value) is dict:
        if len(value) > _MOST_SCORES:
            raise AnnotationError(f"A metric can have at most {_MOST_SCORES} confidence scores, it has {len(value)}")
        shown: Any = {confidence: _value(each, aggregation) for confidence, each in value.items()}
    else:
        shown = _value(value, aggregation)
    return "metrics", {
        "metric_name": text(entry.get("metricName") or "custom_metric", "metricName"),
        "value": shown,
        "feature_name": entry.get("featureName"),
        "subclass_name": entry.get("subclassName"),
        "aggregation": aggregation,
    }


def _value(value: Any, aggregation: str) -> Any:
    if aggregation != "CONFUSION_MATRIX":
        return number(value, "metricValue")
    if type(value) is not list or len(value) != 4 or not all(type(each) is int and each >= 0 for each in value):
        raise AnnotationError(f"A confusion matrix must be four whole numbers. Found {value!r}")
    return value
