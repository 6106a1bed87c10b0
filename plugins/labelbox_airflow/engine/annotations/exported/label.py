"""A whole exported label or prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from labelbox_airflow.engine.annotations.exported import moving
from labelbox_airflow.engine.annotations.exported.answers import classifications_by_id, read_classification
from labelbox_airflow.engine.annotations.exported.fields import entries, feature, scores, source_id
from labelbox_airflow.engine.annotations.exported.objects import read_object
from labelbox_airflow.engine.annotations.exported.others import read_metric, read_relationship
from labelbox_airflow.engine.annotations.exported.reading import Read, Reading
from labelbox_airflow.engine.annotations.model import Annotation, DataRow, Feature, Origin, Relationship
from labelbox_airflow.engine.annotations.ndjson.fields import text
from labelbox_airflow.engine.annotations.problems import AnnotationError

_KEYS = frozenset(("objects", "classifications", "relationships", "metrics", "groups", *moving.KEYS))


def annotations_of(label: Mapping[str, Any], data_row: DataRow, *, origin: Origin | None = None) -> Iterator[Read]:
    """Yield the annotations of a label, or of a prediction, of a project or of a model run.

    Their own ids are the ``feature_id``, by which relationships name them too. What is wrong with one is a reject, and
    the others go on; so is whatever is of an unknown kind. Questions without an answer are no annotations. The media
    type need not be known: the keys of an annotation say what it is.

    :param label: one of ``labels`` or ``predictions`` of an export; a label that was skipped has no annotations
    :param data_row: what they shall be of
    :param origin: where the label was read, for reports
    """
    reading = Reading(data_row, origin, label.get("is_benchmark_reference") is True)
    said = label.get("annotations") or {}
    if type(said) is not dict:
        error = AnnotationError("not_an_object", "annotations", said, "must be an object")
        yield reading.rejected({"annotations": said}, error)
        return
    for key, value in said.items():
        if key not in _KEYS and value:
            error = AnnotationError("unknown_key", f"annotations.{key}", value, "is not known in exports")
            yield reading.rejected({key: value}, error)
    yield from _annotations(said, reading)


def _annotations(said: Mapping[str, Any], reading: Reading) -> Iterator[Read]:
    asked: dict[str | None, Feature | None] = {}
    yield from _each(said, "objects", reading, _object)
    for read in _each(said, "classifications", reading, read_classification):
        if isinstance(read, Annotation):
            asked[read.source_id] = read.feature
        yield read
    yield from moving.read_groups(said, reading) if said.get("groups") else moving.read_frames(said, reading)
    for read in _each(said, "relationships", reading, _relationship):
        yield _from_class(read, asked) if isinstance(read, Annotation) else read
    yield from _each(said, "metrics", reading, _metric)


def _each(
    said: Mapping[str, Any], key: str, reading: Reading, read: Callable[..., Annotation | None]
) -> Iterator[Read]:
    try:
        found = entries(said.get(key), f"annotations.{key}")
    except AnnotationError as error:
        yield reading.rejected({key: said[key]}, error)
        return
    for entry in found:
        yield from reading.attempt(entry, read, entry, reading.data_row)


def _object(entry: Mapping[str, Any], data_row: DataRow) -> Annotation:
    value, part = read_object(entry)
    nested = tuple(each for _, each in classifications_by_id(entry.get("classifications")))
    return Annotation(data_row, feature(entry), value, nested, part, *scores(entry), source_id=source_id(entry))


def _relationship(entry: Mapping[str, Any], data_row: DataRow) -> Annotation:
    return Annotation(data_row, feature(entry), read_relationship(entry), source_id=source_id(entry))


def _metric(entry: Mapping[str, Any], data_row: DataRow) -> Annotation:
    name = entry.get("feature_name")
    about = Feature(text(name, "feature_name")) if name is not None else None
    return Annotation(data_row, about, read_metric(entry))


def _from_class(joined: Annotation, asked: Mapping[str | None, Feature | None]) -> Annotation:
    """Name the class of the classification a relationship begins at: imports know classifications by that."""
    value = joined.value
    begin = asked.get(value.source) if isinstance(value, Relationship) else None
    if begin is None or not isinstance(value, Relationship):
        return joined
    return replace(joined, value=replace(value, source=None, source_class=begin.name))
