"""Exported relationships, and metrics of model runs."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any, Literal

from labelbox_airflow.engine.annotations.exported.fields import HEAD, known
from labelbox_airflow.engine.annotations.model import Metric, Relationship
from labelbox_airflow.engine.annotations.ndjson.fields import mapping, text
from labelbox_airflow.engine.annotations.ndjson.others import read_metric as read_imported_metric
from labelbox_airflow.engine.annotations.problems import AnnotationError

_TYPES: tuple[Literal["unidirectional", "bidirectional"], ...] = ("unidirectional", "bidirectional")
_RELATIONSHIP = HEAD | {f"{kind}_relationship" for kind in _TYPES} | {"readonly"}
_METRIC = ("metric_name", "value", "feature_name", "subclass_name", "aggregation")


def read_relationship(entry: Mapping[str, Any]) -> Relationship:
    """Return a relationship, whose ends are ``feature_id`` of two annotations of the label.

    :raises AnnotationError: what is wrong with it
    """
    known(entry, _RELATIONSHIP)
    given = [kind for kind in _TYPES if entry.get(f"{kind}_relationship") is not None]
    if len(given) != 1:
        reason = "must have either unidirectional_relationship or bidirectional_relationship"
        raise AnnotationError("bad_relationship", "relationships", sorted(entry), reason)
    if type(entry.get("readonly")) not in {bool, NoneType}:
        raise AnnotationError("not_a_flag", "readonly", entry["readonly"], "must be true or false")
    key = f"{given[0]}_relationship"
    ends = mapping(entry[key], key, ("source", "target"))
    return Relationship(
        source=text(ends.get("source"), f"{key}.source"),
        target=text(ends.get("target"), f"{key}.target"),
        type=given[0],
        readonly=entry.get("readonly"),
    )


def read_metric(entry: Mapping[str, Any]) -> Metric:
    """:raises AnnotationError: what is wrong with it"""
    known(entry, _METRIC)
    for key in ("metric_name", "aggregation", "subclass_name"):
        if entry.get(key) is not None:
            text(entry[key], key)
    return read_imported_metric(
        {
            "metricValue": entry.get("value"),
            "metricName": entry.get("metric_name"),
            "aggregation": entry.get("aggregation"),
            "subclassName": entry.get("subclass_name"),
        }
    )
