"""The part of an exported label that goes through frames: of videos, audio and DICOM series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from labelbox_airflow.engine.annotations.exported.answers import read_classification
from labelbox_airflow.engine.annotations.exported.fields import entries, known
from labelbox_airflow.engine.annotations.exported.reading import Read, Reading
from labelbox_airflow.engine.annotations.exported.spans import read_lasting
from labelbox_airflow.engine.annotations.exported.timeline import Timeline, read_timeline
from labelbox_airflow.engine.annotations.exported.video import read_moving
from labelbox_airflow.engine.annotations.exported.video_masks import Track, is_mask, masks_of, read_tracks
from labelbox_airflow.engine.annotations.model import Annotation, View
from labelbox_airflow.engine.annotations.problems import AnnotationError

KEYS = frozenset(("frames", "timestamp", "segments", "key_frame_feature_map"))

Name = Literal["axial", "sagittal", "coronal"]
_VIEWS: Mapping[str, Name] = {"axial": "axial", "sagittal": "sagittal", "coronal": "coronal"}


def read_frames(said: Mapping[str, Any], reading: Reading, view: Name | None = None) -> Iterator[Read]:
    """Yield what goes through frames, or through the milliseconds of an audio.

    :param said: the annotations of a label; `KEYS` are looked at
    :param view: of a DICOM series
    """
    if not any(said.get(key) for key in KEYS):
        return
    try:
        timeline = read_timeline(
            said.get("frames") or said.get("timestamp"), said.get("segments"), said.get("key_frame_feature_map"), view
        )
    except AnnotationError as error:
        yield reading.rejected({key: said[key] for key in KEYS if said.get(key)}, error)
        return
    yield from _objects(timeline, reading)
    for feature_id, shown in timeline.answers.items():
        yield from reading.attempt(shown[min(shown)][0], read_lasting, timeline, feature_id, reading.data_row)
    for feature_id in timeline.unseen():
        unseen = AnnotationError("no_frames", f"segments.{feature_id}", None, "is of an annotation in no frame")
        yield reading.rejected({"feature_id": feature_id}, unseen)


def _objects(timeline: Timeline, reading: Reading) -> Iterator[Read]:
    tracks: list[Track] = []
    for feature_id, shown in timeline.objects.items():
        entry = shown[min(shown)]
        if not is_mask(timeline, feature_id):
            yield from reading.attempt(entry, read_moving, timeline, feature_id, reading.data_row)
            continue
        try:
            tracks += read_tracks(timeline, feature_id)
        except AnnotationError as error:
            yield reading.rejected(entry, error)
    for masks in masks_of(tracks, reading.data_row):
        yield reading.placed(masks)


def read_groups(said: Mapping[str, Any], reading: Reading) -> Iterator[Read]:
    """Yield what is in the views of a DICOM series, of which each is like a video.

    :param said: the annotations of a label; ``groups`` and `KEYS` are looked at
    """
    groups, segments = said.get("groups"), said.get("segments") or {}
    try:
        known(said, {*said} - {"frames", "timestamp"})
        _check_views(groups, "groups")
        _check_views(segments, "segments")
    except AnnotationError as error:
        yield reading.rejected({key: said[key] for key in ("groups", *KEYS) if said.get(key)}, error)
        return
    for name in {**dict(groups or {}), **segments}:
        view, group = _VIEWS[name.lower()], dict(groups or {}).get(name) or {}
        for each in _view(group, segments.get(name), said.get("key_frame_feature_map"), view, reading):
            yield replace(each, part=View(view)) if isinstance(each, Annotation) else each


def _check_views(value: Any, field: str) -> None:
    if type(value) is not dict or any(
        name.lower() not in _VIEWS or type(inner) is not dict for name, inner in value.items()
    ):
        shown = list(value) if type(value) is dict else value
        reason = f"must have views of a DICOM series: {', '.join(name.title() for name in _VIEWS)}"
        raise AnnotationError("bad_view", field, shown, reason)


def _view(group: Mapping[str, Any], segments: Any, keys: Any, view: Name, reading: Reading) -> Iterator[Read]:
    try:
        known(group, ("name", "classifications", "frames"), f"groups.{view}.")
        answers = entries(group.get("classifications"), f"groups.{view}.classifications")
    except AnnotationError as error:
        yield reading.rejected(group, error)
        return
    if group.get("frames") or segments:
        inner = {"frames": group.get("frames"), "segments": segments, "key_frame_feature_map": keys}
        yield from read_frames(inner, reading, view)
    for entry in answers:
        yield from reading.attempt(entry, read_classification, entry, reading.data_row)
