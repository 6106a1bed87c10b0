"""A whole exported label or prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from labelbox_airflow.engine.annotations.exported.answers import classifications_by_id, read_answer
from labelbox_airflow.engine.annotations.exported.fields import feature, scores, source_id
from labelbox_airflow.engine.annotations.exported.objects import read_object
from labelbox_airflow.engine.annotations.exported.others import read_metric, read_relationship
from labelbox_airflow.engine.annotations.exported.spans import read_lasting
from labelbox_airflow.engine.annotations.exported.timeline import Timeline, read_timeline
from labelbox_airflow.engine.annotations.exported.video import read_moving
from labelbox_airflow.engine.annotations.exported.video_masks import Track, is_mask, masks_of, read_tracks
from labelbox_airflow.engine.annotations.model import (
    Annotation,
    DataRow,
    Feature,
    Message,
    Origin,
    Relationship,
    View,
)
from labelbox_airflow.engine.annotations.ndjson.fields import text
from labelbox_airflow.engine.annotations.problems import AnnotationError, RejectedAnnotation

Read = Annotation | RejectedAnnotation
_VIEWS: Mapping[str, View] = {each: View(each) for each in ("axial", "sagittal", "coronal")}
_MOVING = ("frames", "timestamp", "segments", "key_frame_feature_map")
_KEYS = frozenset(("objects", "classifications", "relationships", "metrics", "groups", *_MOVING))


def annotations_of(label: Mapping[str, Any], data_row: DataRow, *, origin: Origin | None = None) -> Iterator[Read]:
    """Yield the annotations of a label, or of a prediction, of a project or of a model run.

    Their own ids are the ``feature_id``, by which relationships name them too. What is wrong with one is a reject, and
    the others go on; so is whatever is of an unknown kind. Questions without an answer are no annotations.

    :param label: one of ``labels`` or ``predictions`` of an export; a label that was skipped has no annotations
    :param data_row: what they shall be of
    :param origin: where the label was read, for reports
    """
    return _Label(label, data_row, origin).read()


class _Label:
    def __init__(self, label: Mapping[str, Any], data_row: DataRow, origin: Origin | None) -> None:
        self._row = data_row
        self._origin = origin
        self._benchmark = label.get("is_benchmark_reference") is True
        self._said = label.get("annotations") or {}
        self._classes: dict[str | None, Feature] = {}

    def read(self) -> Iterator[Read]:
        said = self._said
        if type(said) is not dict:
            yield self._rejected({}, AnnotationError("not_an_object", "annotations", said, "must be an object"))
            return
        for key, value in said.items():
            if key not in _KEYS and value:
                reason = "is not known among the annotations of an export"
                yield self._rejected({key: value}, AnnotationError("unknown_key", f"annotations.{key}", value, reason))
        yield from self._each("objects", self._object)
        yield from self._each("classifications", self._classification)
        yield from self._moving(said)
        yield from self._groups(said.get("groups"))
        yield from self._each("relationships", self._relationship)
        yield from self._each("metrics", self._metric)

    def _each(self, key: str, read: Callable[[Mapping[str, Any]], Annotation | None]) -> Iterator[Read]:
        entries = self._said.get(key) or ()
        if type(entries) not in {list, tuple}:
            error = AnnotationError("not_a_list", f"annotations.{key}", entries, "must be a list")
            yield self._rejected({key: entries}, error)
            return
        for entry in entries:
            yield from self._one(entry, read, entry)

    def _one(self, entry: Any, read: Callable[..., Annotation | None], *arguments: Any) -> Iterator[Read]:
        """Yield what is read, or a reject that shows the entry."""
        if type(entry) is not dict:
            error = AnnotationError("not_an_object", "annotation", entry, "must be an object")
            yield self._rejected({"annotation": entry}, error)
            return
        try:
            made = read(*arguments)
        except AnnotationError as wrong:
            yield self._rejected(entry, wrong)
            return
        if made is not None:
            yield self._placed(made)

    def _placed(self, annotation: Annotation) -> Annotation:
        if self._benchmark or self._origin is not None:
            return replace(annotation, is_benchmark=self._benchmark, origin=self._origin)
        return annotation

    def _object(self, entry: Mapping[str, Any]) -> Annotation:
        value, part = read_object(entry)
        nested = tuple(each for _, each in classifications_by_id(entry.get("classifications")))
        return Annotation(self._row, feature(entry), value, nested, part, *scores(entry), source_id=source_id(entry))

    def _classification(self, entry: Mapping[str, Any]) -> Annotation | None:
        answered, asked, called = read_answer(entry), feature(entry), source_id(entry)
        self._classes[called] = asked
        if answered is None:
            return None
        message = entry.get("message_id")
        part = Message(text(message, "message_id")) if message is not None else None
        return Annotation(self._row, asked, answered[0], (), part, *answered[1], source_id=called)

    def _relationship(self, entry: Mapping[str, Any]) -> Annotation:
        value = read_relationship(entry)
        begin = self._classes.get(value.source) if value.source is not None else None
        if begin is not None:
            value = Relationship(None, value.target, value.type, value.readonly, begin.name)
        return Annotation(self._row, feature(entry), value, source_id=source_id(entry))

    def _metric(self, entry: Mapping[str, Any]) -> Annotation:
        name = entry.get("feature_name")
        about = Feature(text(name, "feature_name")) if name is not None else None
        return Annotation(self._row, about, read_metric(entry))

    def _groups(self, groups: Any) -> Iterator[Read]:
        """The views of a DICOM series, which are each like a video."""
        if not groups:
            return
        for name, group in groups.items() if type(groups) is dict else (("groups", groups),):
            view = _VIEWS.get(name.lower())
            if view is None or type(group) is not dict:
                reason = f"must be views of a DICOM series: {', '.join(_VIEWS)}"
                yield self._rejected({name: group}, AnnotationError("bad_view", f"groups.{name}", None, reason))
                continue
            segments = self._said.get("segments") or {}
            inner = {
                "frames": group.get("frames"),
                "segments": segments.get(name) if type(segments) is dict else segments,
                "key_frame_feature_map": self._said.get("key_frame_feature_map"),
            }
            for each in self._moving(inner, view):
                yield replace(each, part=view) if isinstance(each, Annotation) else each
            for entry in group.get("classifications") or ():
                for each in self._one(entry, self._classification, entry):
                    yield replace(each, part=view) if isinstance(each, Annotation) else each

    def _moving(self, said: Mapping[str, Any], view: View | None = None) -> Iterator[Read]:
        """What changes from frame to frame, or from millisecond to millisecond."""
        if view is None and (self._said.get("groups") or not any(said.get(key) for key in _MOVING)):
            return
        frames = said.get("frames") or said.get("timestamp")
        try:
            timeline = read_timeline(
                frames, said.get("segments"), said.get("key_frame_feature_map"), view.group if view else None
            )
        except AnnotationError as wrong:
            yield self._rejected({key: said[key] for key in _MOVING if said.get(key)}, wrong)
            return
        yield from self._objects_over_time(timeline)
        for feature_id, shown in timeline.answers.items():
            entry = shown[min(shown)][0]
            self._classes[feature_id] = Feature(entry.get("name"), entry.get("feature_schema_id"))
            yield from self._one(entry, read_lasting, timeline, feature_id, self._row)
        for feature_id in timeline.unseen():
            error = AnnotationError("no_frames", f"segments.{feature_id}", None, "is of an annotation in no frame")
            yield self._rejected({"feature_id": feature_id}, error)

    def _objects_over_time(self, timeline: Timeline) -> Iterator[Read]:
        tracks: list[Track] = []
        for feature_id, shown in timeline.objects.items():
            entry = shown[min(shown)]
            if not is_mask(timeline, feature_id):
                yield from self._one(entry, read_moving, timeline, feature_id, self._row)
                continue
            try:
                tracks += read_tracks(timeline, feature_id)
            except AnnotationError as wrong:
                yield self._rejected(entry, wrong)
        yield from (self._placed(each) for each in masks_of(tracks, self._row))

    def _rejected(self, entry: Mapping[str, Any], error: AnnotationError) -> RejectedAnnotation:
        kind, name, called = entry.get("annotation_kind"), entry.get("name"), entry.get("feature_id")
        reason = str(error) if kind is None or error.field == "annotation_kind" else f"{kind}: {error}"
        return RejectedAnnotation(
            origin=self._origin,
            code=error.code,
            reason=reason,
            field=error.field,
            data_row=self._row,
            class_name=name if type(name) is str else None,
            source_id=called if type(called) is str else None,
            line=entry,
        )
