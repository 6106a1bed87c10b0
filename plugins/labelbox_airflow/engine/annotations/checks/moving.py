"""Objects that move through a video or a DICOM series, and the masks of all its frames."""

from __future__ import annotations

from typing import Any

from labelbox_airflow.engine.annotations.checks.answers import AnswerChecker
from labelbox_airflow.engine.annotations.checks.asset import Asset
from labelbox_airflow.engine.annotations.checks.classes import Classes, DrawnClass, Questions
from labelbox_airflow.engine.annotations.checks.kinds import TOOLS, WORDS
from labelbox_airflow.engine.annotations.checks.masks import check_color, check_png, check_url
from labelbox_airflow.engine.annotations.checks.shapes import ShapeChecker
from labelbox_airflow.engine.annotations.checks.spans import check_position
from labelbox_airflow.engine.annotations.model import (
    BoundingBox,
    Color,
    Keyframe,
    Line,
    Point,
    VideoMasks,
    VideoObject,
)
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.ontology.tree import MASKS

Segment = tuple[Keyframe, ...]


class MovingChecker:
    """Checks objects of one media type. Each keyframe is checked, and clipped, as a shape of its own."""

    def __init__(self, media_type: str, shapes: ShapeChecker, answers: AnswerChecker) -> None:
        self._media_type = media_type
        self._shapes = shapes
        self._answers = answers

    def check_object(self, moving: VideoObject, drawn: DrawnClass, asset: Asset | None) -> VideoObject:
        """Return the object, or what is left of it after clipping. Its own nested answers are not looked at here.

        :raises AnnotationError: ``bad_segment``, ``bad_keyframe``, ``wrong_kind``, ``bad_frame``, and what the shapes
            and the nested answers raise
        """
        if not moving.segments:
            raise AnnotationError("bad_segment", "segments", None, "must have at least one segment")
        before = 0
        segments = []
        for index, segment in enumerate(moving.segments):
            field = f"segments[{index}]"
            if not segment:
                raise AnnotationError("bad_segment", field, None, "must have at least one keyframe")
            if before and segment[0].frame <= before:
                reason = f"begins before the segment before it has ended, at frame {before}; give them in order, apart"
                raise AnnotationError("bad_segment", field, segment[0].frame, reason)
            segments.append(self._check_segment(segment, drawn, asset, field))
            before = segment[-1].frame
        same = all(one is other for one, other in zip(segments, moving.segments, strict=True))
        return moving if same else VideoObject(tuple(segments))

    def _check_segment(self, segment: Segment, drawn: DrawnClass, asset: Asset | None, field: str) -> Segment:
        """Return the very same segment when nothing is clipped."""
        before = 0
        keyframes = []
        for index, keyframe in enumerate(segment):
            try:
                keyframes.append(self._check_keyframe(keyframe, drawn, asset))
                _check_order(before, keyframe.frame)
            except AnnotationError as error:
                raise error.within(f"{field}.keyframes[{index}]") from None
            before = keyframe.frame
        same = all(one is other for one, other in zip(keyframes, segment, strict=True))
        return segment if same else tuple(keyframes)

    def _check_keyframe(self, keyframe: Keyframe, drawn: DrawnClass, asset: Asset | None) -> Keyframe:
        check_position(keyframe.frame, "frame", self._media_type, asset)
        shape = keyframe.shape
        if drawn.kind not in TOOLS.get(type(shape), ()):
            reason = f"is a {WORDS.get(type(shape), type(shape).__name__)}, but '{drawn.name}' is a {drawn.kind}"
            raise AnnotationError("wrong_kind", "keyframe", None, reason)
        if keyframe.classifications:
            # Whether all required ones are there is a question to the whole object.
            self._answers.check_nested(keyframe.classifications, _all_optional(drawn.nested), asset)
        checked = self._check_shape(shape, asset)
        return keyframe if checked is shape else Keyframe(keyframe.frame, checked, keyframe.classifications)

    def _check_shape(self, shape: BoundingBox | Point | Line, asset: Asset | None) -> BoundingBox | Point | Line:
        if isinstance(shape, BoundingBox):
            return self._shapes.check_box(shape, None, asset)
        if isinstance(shape, Point):
            return self._shapes.check_point(shape, None, asset)
        return self._shapes.check_line(shape, None, asset)


def _check_order(before: int, frame: int) -> None:
    if frame <= before:
        reason = f"comes after frame {before}; give the keyframes of a segment in order"
        raise AnnotationError("bad_keyframe", "frame", frame, reason)


def _all_optional(questions: Questions) -> Questions:
    return Questions(questions.names, ())


def answered_in_keyframes(moving: VideoObject, questions: Questions) -> frozenset[str]:
    """Return the names of the nested questions that keyframes of a checked object answer."""
    given = (each for segment in moving.segments for keyframe in segment for each in keyframe.classifications)
    return frozenset(questions.names.find(each.feature).name for each in given)


def check_frame_masks(masks: VideoMasks, classes: Classes, media_type: str, asset: Asset | None) -> None:
    """Check the masks of a video.

    :raises AnnotationError: ``bad_mask``, ``bad_color``, ``bad_frame``, ``wrong_size``, ``wrong_kind``, and as
        `Names.find`
    """
    for field, entries in (("masks.frames", masks.frames), ("masks.instances", masks.instances)):
        if not entries:
            raise AnnotationError("bad_mask", field, None, "must not be empty")
    seen: set[Any] = set()
    for index, frame in enumerate(masks.frames):
        field = f"masks.frames[{index}]"
        check_position(frame.frame, f"{field}.index", media_type, asset)
        if frame.frame in seen:
            raise AnnotationError("bad_mask", f"{field}.index", frame.frame, "has two pictures; a frame can have one")
        seen.add(frame.frame)
        if isinstance(frame.image, str):
            check_url(frame.image, f"{field}.instanceURI")
        else:
            check_png(frame.image, f"{field}.imBytes", asset)
    _check_instances(masks, classes)


def _check_instances(masks: VideoMasks, classes: Classes) -> None:
    colors: set[Color] = set()
    for index, instance in enumerate(masks.instances):
        field = f"masks.instances[{index}]"
        check_color(instance.color, f"{field}.colorRGB")
        if instance.color in colors:
            reason = "is the colour of another instance too; nobody could tell them apart"
            raise AnnotationError("bad_color", f"{field}.colorRGB", instance.color, reason)
        colors.add(instance.color)
        try:
            drawn = classes.tools.find(instance.feature)
        except AnnotationError as error:
            raise error.within(field) from None
        if drawn.kind not in MASKS:
            reason = f"is a {drawn.kind}; a mask cannot be of it"
            raise AnnotationError("wrong_kind", f"{field}.name", drawn.name, reason)
