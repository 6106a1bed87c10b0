"""Objects that move, and masks of frames."""

from __future__ import annotations

from typing import Any

import pytest

from labelbox_airflow.engine.annotations.checks import Asset
from labelbox_airflow.engine.annotations.model import (
    BoundingBox,
    Feature,
    Keyframe,
    Line,
    MaskFrame,
    MaskInstance,
    Point,
    VideoMasks,
    VideoObject,
    View,
)

from .conftest import nested, radio
from .test_masks import png

ASSET = Asset("VIDEO", width=100, height=50, frames=20)
BOX = BoundingBox(1, 1, 5, 5)


def moving(*segments: tuple[int, ...], shape: Any = BOX) -> VideoObject:
    return VideoObject(tuple(tuple(Keyframe(frame, shape) for frame in segment) for segment in segments))


@pytest.mark.parametrize(
    ("name", "shape"), [("car", BOX), ("nose", Point(1, 1)), ("lane", Line(((0, 0), (1, 1))))], ids=["box", "p", "line"]
)
def test_an_object_that_moves(accept: Any, name: str, shape: Any) -> None:
    value = moving((1, 5), (9,), (10, 20), shape=shape)
    assert accept(name, value, ASSET, media="VIDEO").value is value
    assert accept(name, value, media="DICOM", part=View("axial")).value is value


@pytest.mark.parametrize(
    ("value", "code", "message"),
    [
        (moving(), "bad_segment", "at least one segment"),
        (moving((1,), ()), "bad_segment", "segments[1]: must have at least one keyframe"),
        (moving((5, 9), (1, 3)), "bad_segment", "segments[1] = 1: begins before"),
        (moving((1, 5), (5, 9)), "bad_segment", "at frame 5"),
        (moving((5, 3)), "bad_keyframe", "segments[0].keyframes[1].frame = 3: comes after frame 5"),
        (moving((5, 5)), "bad_keyframe", "comes after frame 5"),
        (moving((0,)), "bad_frame", "segments[0].keyframes[0].frame = 0: must be at least 1"),
        (moving((1, 21)), "bad_frame", "the asset has 20 frames"),
        (moving((1,), shape=Point(1, 1)), "wrong_kind", "is a point, but 'car' is a rectangle"),
        (moving((1,), shape=BoundingBox(1, 1, 0, 5)), "empty_box", "segments[0].keyframes[0].bbox.width"),
        (moving((1,), shape=BoundingBox(1, 60, 5, 5)), "outside_asset", "segments[0].keyframes[0].bbox"),
        (VideoObject(((Keyframe(1, BOX, (nested("color", radio("pink")),)),),)), "unknown_option",
         "segments[0].keyframes[0].classifications[0].answer.name"),
    ],
)  # fmt: skip
def test_a_wrong_object_is_named(refuse: Any, value: VideoObject, code: str, message: str) -> None:
    error = refuse("car", value, ASSET, media="VIDEO")
    assert error.code == code
    assert message in str(error)


def test_tools_that_cannot_move(refuse: Any) -> None:
    assert refuse("field", moving((1,)), media="VIDEO").code == "wrong_kind"
    assert "cannot be imported into a project of media type VIDEO" in str(refuse("car", BOX, media="VIDEO"))
    assert refuse("car", moving((1,))).code == "wrong_media"


def test_keyframes_are_clipped_one_by_one(accept: Any) -> None:
    inside, outside = Keyframe(1, BOX), Keyframe(2, BoundingBox(-5, 1, 10, 5), (nested("color", radio("red")),))
    clipped = accept("car", VideoObject(((inside, outside),)), ASSET, media="VIDEO", outside="clip").value
    assert clipped.segments[0][0] is inside
    assert clipped.segments[0][1] == Keyframe(2, BoundingBox(0, 1, 5, 5), outside.classifications)


def test_a_required_answer_may_be_in_a_keyframe(accept: Any, refuse: Any) -> None:
    use = (nested("use", radio("post")),)
    assert refuse("van", moving((1,)), media="VIDEO", to="labels").code == "missing_answer"
    accept("van", moving((1,)), media="VIDEO", to="labels", classifications=use)
    accept("van", VideoObject(((Keyframe(1, BOX), Keyframe(2, BOX, use)),)), media="VIDEO", to="labels")


def test_a_dicom_object_is_in_a_view(refuse: Any) -> None:
    assert "groupKey: is missing" in str(refuse("car", moving((1,)), media="DICOM"))
    assert refuse("car", moving((1,)), media="DICOM", part=View("top")).code == "bad_view"  # type: ignore[arg-type]
    assert refuse("car", moving((1,)), media="VIDEO", part=View("axial")).code == "wrong_part"


FRAMES = (MaskFrame(1, "https://x/1.png"), MaskFrame(3, png(100, 50)))
SKY = MaskInstance(Feature("sky"), (255, 0, 0))


def test_masks_of_frames(accept: Any) -> None:
    value = VideoMasks(FRAMES, (SKY, MaskInstance(Feature("sky"), (0, 255, 0))))
    assert accept(None, value, ASSET, media="VIDEO").value is value
    assert accept(None, value, media="DICOM", part=View("axial")).value is value


@pytest.mark.parametrize(
    ("value", "code", "message"),
    [
        (VideoMasks((), (SKY,)), "bad_mask", "masks.frames: must not be empty"),
        (VideoMasks(FRAMES, ()), "bad_mask", "masks.instances: must not be empty"),
        (VideoMasks((FRAMES[0], FRAMES[0]), (SKY,)), "bad_mask", "masks.frames[1].index = 1: has two pictures"),
        (VideoMasks((MaskFrame(0, "https://x"),), (SKY,)), "bad_frame", "masks.frames[0].index"),
        (VideoMasks((MaskFrame(21, "https://x"),), (SKY,)), "bad_frame", "has 20 frames"),
        (VideoMasks((MaskFrame(1, "x.png"),), (SKY,)), "bad_mask", "must be a URL"),
        (VideoMasks((MaskFrame(1, b"GIF89a"),), (SKY,)), "bad_mask", "a whole PNG"),
        (VideoMasks((MaskFrame(1, png(50, 100)),), (SKY,)), "wrong_size", "'50 x 100'"),
        (VideoMasks(FRAMES, (SKY, SKY)), "bad_color", "masks.instances[1].colorRGB"),
        (VideoMasks(FRAMES, (MaskInstance(Feature("sky"), (0, 0, 256)),)), "bad_color", "from 0 to 255"),
        (VideoMasks(FRAMES, (MaskInstance(Feature("car"), (0, 0, 1)),)), "wrong_kind", "is a rectangle"),
        (VideoMasks(FRAMES, (MaskInstance(Feature("sea"), (0, 0, 1)),)), "unknown_class", "masks.instances[0].name"),
    ],
)
def test_wrong_masks_of_frames_are_named(refuse: Any, value: VideoMasks, code: str, message: str) -> None:
    error = refuse(None, value, ASSET, media="VIDEO")
    assert error.code == code
    assert message in str(error)
