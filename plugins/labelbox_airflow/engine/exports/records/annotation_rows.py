"""The annotations of a label as rows: objects, answers and what is nested in them, also frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from labelbox_airflow.engine.annotations.exported.timeline import Timeline, read_timeline
from labelbox_airflow.engine.annotations.model import Span
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.exports.records.arrow import as_json
from labelbox_airflow.engine.exports.records.geometry import GeometryForm
from labelbox_airflow.engine.exports.records.kinds import QUESTIONS, UNKNOWN, Columns, Kinds, answer_key, name_of
from labelbox_airflow.engine.exports.records.line import Entry

_LISTS = ("objects", "classifications", "relationships")
_MOVING = ("frames", "timestamp", "segments", "key_frame_feature_map")
_NOWHERE: Columns = {}

Path = Sequence[str]
"""The classes and options that something is nested in."""


class AnnotationRows:
    """Makes rows of the annotations of labels.

    A row is an object, an answer, or a relationship; of what goes through frames, one in one frame. Nested answers are
    rows of their own, with the id of what they are nested in as ``parent_id``. Whatever is of no known kind, or is not
    as its kind should be, is a row of kind ``unknown``. Questions without an answer are no rows.

    :param form: of geometries
    """

    def __init__(self, form: GeometryForm) -> None:
        self._kinds = Kinds(form)

    def of(self, said: Any) -> Iterator[Columns]:
        """Yield the rows of what a label has under ``annotations``."""
        if type(said) is not dict:
            yield from _unknown({"annotations": said}) if said else ()
            return
        for key in _LISTS:
            for entry in said.get(key) or ():
                yield from self._entry(entry, _NOWHERE)
        if any(said.get(key) for key in (*_MOVING, "groups")):
            yield from self._moving(said)
        for key, value in said.items():
            if value and key not in _LISTS and key not in _MOVING and key != "groups":
                yield from _unknown({key: value})

    def _entry(self, entry: Any, place: Columns, path: Path = (), parent: str | None = None) -> Iterator[Columns]:
        if type(entry) is not dict:
            yield from _unknown({"annotation": entry})
            return
        name, found = entry.get("name"), self._kinds.columns(entry)
        if found is None:
            return
        here = [*path, name] if name is not None else list(path)
        yield {
            "annotation_id": entry.get("feature_id"),
            "schema_id": entry.get("feature_schema_id"),
            "class": name,
            "class_path": here,
            "parent_id": parent,
            **place,
            **found,
        }
        for nested in entry.get("classifications") or ():
            yield from self._entry(nested, place, here, entry.get("feature_id"))
        if found["kind"] in QUESTIONS:
            yield from self._of_options(entry, place, here)

    def _of_options(self, entry: Entry, place: Columns, path: Path) -> Iterator[Columns]:
        """Yield what is asked about the options chosen, or about a text."""
        parent, key = entry.get("feature_id"), answer_key(entry)
        answer = entry[key] if key is not None else None
        for option in answer if type(answer) is list else [answer]:
            if type(option) is dict and option.get("classifications"):
                under = [*path, name_of(option)] if "content" not in option else path
                for nested in option["classifications"]:
                    yield from self._entry(nested, place, under, parent)

    def _moving(self, said: Entry) -> Iterator[Columns]:
        """Yield what goes through frames of a video or milliseconds of an audio, or of each view of a DICOM series."""
        try:
            if not said.get("groups"):
                yield from self._frames(said.get("frames") or said.get("timestamp"), said.get("segments"), said)
                return
            for view, group in said["groups"].items():
                place = {"view": view.lower()}
                for answer in group.get("classifications") or ():
                    yield from self._entry(answer, place)
                segments = (said.get("segments") or {}).get(view)
                yield from self._frames(group.get("frames"), segments, said, view.lower())
        except (AnnotationError, AttributeError) as error:
            shown = {key: said[key] for key in ("groups", *_MOVING) if said.get(key)}
            yield from _unknown({"problem": str(error), **shown})

    def _frames(self, frames: Any, segments: Any, said: Entry, view: str | None = None) -> Iterator[Columns]:
        timeline = read_timeline(frames, segments, said.get("key_frame_feature_map"), view)
        place: Columns = {"view": view} if view is not None else _NOWHERE
        for feature_id, shown in timeline.objects.items():
            for frame, entry in shown.items():
                yield from self._entry(entry, _place(timeline, feature_id, frame, entry) | place)
        for feature_id, answers in timeline.answers.items():
            for frame, entries in answers.items():
                for entry in entries:
                    yield from self._entry(entry, _place(timeline, feature_id, frame, entry) | place)
        for feature_id in timeline.unseen():
            for span in timeline.segments[feature_id]:
                where = {"annotation_id": feature_id, "segment_start": span.start, "segment_end": span.end}
                yield {"kind": UNKNOWN, **where, **place}


def _unknown(content: Entry) -> Iterator[Columns]:
    yield {"kind": UNKNOWN, "other": as_json(content)}


def _place(timeline: Timeline, feature_id: str, frame: int, entry: Entry) -> Columns:
    """Return in which frame an entry is, and the segment around it."""
    spans = timeline.segments.get(feature_id) or _of_options(timeline, entry)
    span = next((each for each in spans if each.start <= frame <= each.end), None)
    made: Columns = {"frame": frame, "is_keyframe": timeline.is_key(feature_id, frame)}
    return made if span is None else made | {"segment_start": span.start, "segment_end": span.end}


def _of_options(timeline: Timeline, entry: Entry) -> Sequence[Span]:
    """Return the segments of the options of an answer: exports may have them by option in place of by question."""
    key = answer_key(entry)
    answer = entry[key] if key is not None else None
    options = answer if type(answer) is list else [answer]
    ids = [each["feature_id"] for each in options if type(each) is dict and "feature_id" in each]
    return [span for each in ids for span in timeline.segments.get(each, ())]
