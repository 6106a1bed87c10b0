"""What all exported annotations share: class, scores, and that no key is unknown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from labelbox_airflow.engine.annotations.model import CustomMetric, Feature
from labelbox_airflow.engine.annotations.ndjson.fields import confidence, filled, mapping, number, text
from labelbox_airflow.engine.annotations.problems import AnnotationError

HEAD = frozenset(
    (
        "feature_id",
        "feature_schema_id",
        "name",
        "value",
        "annotation_kind",
        "classifications",
        "confidence",
        "custom_metrics",
    )
)


class Scores(NamedTuple):
    """What a model says about an annotation or an answer, in model runs."""

    confidence: float | None
    metrics: tuple[CustomMetric, ...]


def known(entry: Mapping[str, Any], keys: Collection[str], field: str = "") -> None:
    """:raises AnnotationError: with another key, unless it is null or empty"""
    for key, value in entry.items():
        if key not in keys and value is not None and value not in ([], {}):
            raise AnnotationError("unknown_key", f"{field}{key}", value, "is not known in exports of this kind")


def entries(value: Any, field: str) -> Sequence[Any]:
    """:raises AnnotationError: not a list; null is an empty one"""
    if value is None:
        return ()
    if type(value) is not list:
        raise AnnotationError("not_a_list", field, value, "must be a list")
    return value


def feature(entry: Mapping[str, Any], field: str = "") -> Feature:
    """Return the class or option of an entry; the same object for the same class.

    :raises AnnotationError: neither name nor feature_schema_id
    """
    name, schema_id = entry.get("name"), entry.get("feature_schema_id")
    if name is None and schema_id is None:
        raise AnnotationError("no_class", f"{field}name", None, "is missing, and there is no feature_schema_id either")
    if name is not None:
        text(name, f"{field}name")
    if schema_id is not None:
        text(schema_id, f"{field}feature_schema_id")
    return _shared(name, schema_id)


@lru_cache(maxsize=1 << 14)
def _shared(name: str | None, schema_id: str | None) -> Feature:
    return Feature(name, schema_id)


def source_id(entry: Mapping[str, Any]) -> str | None:
    """Return the id that Labelbox gave an annotation.

    :raises AnnotationError: not a text
    """
    given = entry.get("feature_id")
    return text(given, "feature_id") if given is not None else None


def scores(entry: Mapping[str, Any], field: str = "") -> Scores:
    """:raises AnnotationError: a confidence that is not between 0 and 1, or a metric without name or number"""
    given = entry.get("custom_metrics")
    if not given and entry.get("confidence") is None:
        return _NONE
    found = []
    for index, each in enumerate(filled(given, f"{field}custom_metrics") if given else ()):
        place = f"{field}custom_metrics[{index}]"
        metric = mapping(each, place, ("name", "value"))
        found.append(CustomMetric(text(metric.get("name"), f"{place}.name"), number(metric.get("value"), place)))
    return Scores(confidence(entry, field), tuple(found))


_NONE = Scores(None, ())
