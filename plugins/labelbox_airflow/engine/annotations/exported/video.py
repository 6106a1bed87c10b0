"""Exported objects that move: frames become the key frames of segments."""

from __future__ import annotations

from typing import NamedTuple

from labelbox_airflow.engine.annotations.exported.answers import classifications_by_id
from labelbox_airflow.engine.annotations.exported.fields import HEAD, feature, known, scores
from labelbox_airflow.engine.annotations.exported.objects import read_object
from labelbox_airflow.engine.annotations.exported.timeline import Entry, Timeline
from labelbox_airflow.engine.annotations.model import (
    Annotation,
    BoundingBox,
    Classification,
    DataRow,
    Keyframe,
    Line,
    Point,
    Span,
    VideoObject,
)
from labelbox_airflow.engine.annotations.problems import AnnotationError


class _Set(NamedTuple):
    """An object in one frame, with its answers by their ids."""

    frame: int
    shape: BoundingBox | Point | Line
    answers: list[tuple[str | None, Classification]]


def read_moving(timeline: Timeline, feature_id: str, data_row: DataRow) -> Annotation:
    """Return an object with the frames in which it was set; interpolated frames are left out.

    A segment that does not begin or end with a frame that was set gets one there, so that the object is seen as long
    as it was. Answers that are the same one in all its frames are answers of the object.

    :raises AnnotationError: what is wrong with it
    """
    shown = timeline.shown(feature_id)
    segments = [
        [_set(frame, shown[at]) for frame, at in _key_frames(timeline, feature_id, span)]
        for span in _segments(timeline, feature_id)
    ]
    lasting = _lasting([each for segment in segments for each in segment])
    first = shown[min(shown)]
    return Annotation(
        data_row,
        feature(first),
        VideoObject(tuple(tuple(_keyframe(each, lasting) for each in segment) for segment in segments)),
        tuple(classification for _, classification in lasting),
        None,
        *scores(first),
        source_id=feature_id,
    )


def _segments(timeline: Timeline, feature_id: str) -> list[Span]:
    """:raises AnnotationError: there are none, or the object was set outside of them"""
    spans = timeline.segments.get(feature_id)
    if not spans:
        raise AnnotationError("no_segments", "segments", None, "do not say in which frames the object is")
    for frame in timeline.objects[feature_id]:
        if timeline.is_key(feature_id, frame) and not any(span.start <= frame <= span.end for span in spans):
            reason = "shows the object outside of its segments"
            raise AnnotationError("outside_segments", f"frames.{frame}", None, reason)
    return spans


def _key_frames(timeline: Timeline, feature_id: str, span: Span) -> list[tuple[int, int]]:
    """Return the frames that were set in a segment, and its first and last, each with the frame that shows it."""
    shown = [frame for frame in timeline.objects[feature_id] if span.start <= frame <= span.end]
    keys = [frame for frame in shown if timeline.is_key(feature_id, frame)] or shown
    if not keys:
        reason = "is a segment of which no frame shows the object"
        raise AnnotationError("no_frames", "segments", list(span), reason)
    found = [(frame, frame) for frame in keys]
    if keys[0] != span.start:
        found.insert(0, (span.start, span.start if span.start in shown else keys[0]))
    if keys[-1] != span.end:
        found.append((span.end, span.end if span.end in shown else keys[-1]))
    return found


def _set(frame: int, entry: Entry) -> _Set:
    known(entry, HEAD | {"bounding_box", "point", "line"})
    shape, _ = read_object(entry)
    if not isinstance(shape, BoundingBox | Point | Line):
        reason = "must be a box, a point or a line: Labelbox imports no others into videos"
        raise AnnotationError("bad_keyframe", f"frames.{frame}", None, reason)
    return _Set(frame, shape, classifications_by_id(entry.get("classifications")))


def _lasting(frames: list[_Set]) -> list[tuple[str | None, Classification]]:
    """Return the answers that are in all frames, if there are several: the same one, not only an equal one."""
    if len({each.frame for each in frames}) == 1:
        return []
    return [
        answer
        for answer in frames[0].answers
        if answer[0] is not None and all(answer in each.answers for each in frames)
    ]


def _keyframe(given: _Set, lasting: list[tuple[str | None, Classification]]) -> Keyframe:
    nested = tuple(answer[1] for answer in given.answers if answer not in lasting)
    return Keyframe(given.frame, given.shape, nested)
