"""What an export shows of a video, an audio or a DICOM view, put together by annotation.

An export goes through the frames (milliseconds of an audio) and says what is in each. Beside them, by ``feature_id``,
are the ``segments`` in which an annotation lasts, and the ``key_frame_feature_map``: the frames that were set by hand,
while others are interpolated.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from labelbox_airflow.engine.annotations.exported.fields import entries, known
from labelbox_airflow.engine.annotations.model import Span
from labelbox_airflow.engine.annotations.problems import AnnotationError

Entry = Mapping[str, Any]


@dataclass(slots=True)
class Timeline:
    """By ``feature_id``: what is shown in which frame, and when it lasts.

    :param objects: the objects, each by frame
    :param answers: the answers to classifications, each by frame; some hold in one frame together
    :param segments: in order; an annotation may have none
    :param keys: the frames that were set; an annotation that has none here was set in all that are shown
    """

    objects: dict[str, dict[int, Entry]] = field(default_factory=dict)
    answers: dict[str, dict[int, list[Entry]]] = field(default_factory=dict)
    segments: dict[str, list[Span]] = field(default_factory=dict)
    keys: dict[str, frozenset[int]] = field(default_factory=dict)

    def is_key(self, feature_id: str, frame: int) -> bool:
        """Whether an annotation was set in a frame that shows it."""
        keys = self.keys.get(feature_id)
        return keys is None or frame in keys

    def shown(self, feature_id: str) -> Mapping[int, Entry]:
        """Return an object by frame.

        :raises AnnotationError: a frame in which it was set does not show it
        """
        found = self.objects[feature_id]
        hidden = self.keys.get(feature_id, frozenset()) - found.keys()
        if hidden:
            reason = f"names frame {min(hidden)}, which does not show the object"
            raise AnnotationError("no_frames", "key_frame_feature_map", None, reason)
        return found

    def unseen(self) -> list[str]:
        """Return what has segments, but is in no frame."""
        options = {each for frames in self.answers.values() for shown in frames.values() for each in _ids(shown)}
        return [each for each in self.segments if each not in self.objects and each not in options]


def _ids(answers: Any) -> Collection[str]:
    """All ``feature_id`` of answers and of what is nested in them."""
    found: set[str] = set()
    waiting = [answers]
    while waiting:
        value = waiting.pop()
        if type(value) is dict:
            if type(value.get("feature_id")) is str:
                found.add(value["feature_id"])
            waiting += value.values()
        elif type(value) is list:
            waiting += value
    return found


def read_timeline(frames: Any, segments: Any, keys: Any, group: str | None = None) -> Timeline:
    """Return what frames say, by annotation.

    :param keys: ``key_frame_feature_map``: a list of frames, or a mapping of frames to whether they were set
    :param group: the view of a DICOM series; its keys may be under its name
    :raises AnnotationError: they are not as documented
    """
    made = Timeline()
    for number, frame in sorted((_number(each, "frames"), shown) for each, shown in _pairs(frames, "frames")):
        place = f"frames.{number}"
        said = dict(_pairs(frame, place))
        known(said, ("objects", "classifications"), f"{place}.")
        for feature_id, entry in _pairs(said.get("objects"), f"{place}.objects"):
            made.objects.setdefault(feature_id, {})[number] = _entry(entry, f"{place}.objects.{feature_id}")
        for entry in entries(said.get("classifications"), f"{place}.classifications"):
            answer = _entry(entry, f"{place}.classifications")
            made.answers.setdefault(str(answer.get("feature_id")), {}).setdefault(number, []).append(answer)
    made.segments = {each: _spans(spans, f"segments.{each}") for each, spans in _pairs(segments, "segments")}
    for feature_id, given in _pairs(keys, "key_frame_feature_map"):
        found = _keys(given, f"key_frame_feature_map.{feature_id}", group)
        if found is not None:
            made.keys[feature_id] = found
    return made


def _pairs(value: Any, place: str) -> Collection[tuple[str, Any]]:
    if value is None:
        return ()
    if type(value) is not dict:
        raise AnnotationError("not_an_object", place, value, "must be an object")
    return value.items()


def _entry(value: Any, place: str) -> Entry:
    if type(value) is not dict:
        raise AnnotationError("not_an_object", place, value, "must be an object")
    return value


def _number(value: Any, place: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise AnnotationError("not_whole", place, value, "must be a whole number") from None


def _spans(value: Any, place: str) -> list[Span]:
    """A segment that ends before it starts is refused: nothing could be in it."""
    found = set()
    for each in value if type(value) is list else (value,):
        if type(each) is not list or len(each) != 2 or _number(each[0], place) > _number(each[1], place):
            raise AnnotationError("bad_span", place, each, "must be [first, last]")
        found.add(Span(_number(each[0], place), _number(each[1], place)))
    return sorted(found)


def _keys(given: Any, place: str, group: str | None) -> frozenset[int] | None:
    if type(given) is list:
        return frozenset(_number(each, place) for each in given)
    pairs = _pairs(given, place)
    if group is not None and any(type(inner) in {dict, list} for _, inner in pairs):
        views = {name.lower(): inner for name, inner in pairs}
        return _keys(views[group], place, None) if group in views else None
    return frozenset(_number(frame, place) for frame, is_key in pairs if is_key is True)
