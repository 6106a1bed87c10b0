"""Objects of videos and of DICOM series."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from labelbox_local.annotations import AnnotationError

from .conftest import line

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"...").decode()


def box(top: float) -> dict[str, float]:
    return {"top": top, "left": 0, "height": 5, "width": 5}


def key(frame: Any, **shape: Any) -> dict[str, Any]:
    return {"frame": frame, **(shape or {"bbox": box(frame)})}


def test_a_box_that_moves(reader: Any) -> None:
    red = [{"name": "color", "answer": {"name": "red"}}]
    segments = [{"keyframes": [key(1), {**key(5), "classifications": red}]}, {"keyframes": [key(9)]}]
    read = reader("VIDEO").read(line(name="car", segments=segments))
    assert (read.part, len(read.contents)) == ("tracks", 1)
    shown = read.contents[0]
    assert shown["annotation_kind"] == "VideoBoundingBox"
    assert [[each["frame"] for each in segment] for segment in shown["segments"]] == [[1, 5], [9]]
    assert shown["segments"][0][1]["classifications"][0]["radio_answer"]["name"] == "red"
    assert shown["segments"][0][1]["bounding_box"]["top"] == 5.0


@pytest.mark.parametrize(
    ("name", "shape", "kind"),
    [
        ("nose", {"point": {"x": 1, "y": 2}}, "VideoPoint"),
        ("lane", {"line": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}, "VideoPolyline"),
    ],
)
def test_points_and_lines_move_too(reader: Any, name: str, shape: dict[str, Any], kind: str) -> None:
    shown = reader("VIDEO").read(line(name=name, segments=[{"keyframes": [key(1, **shape)]}])).contents[0]
    assert shown["annotation_kind"] == kind


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ([], "segments must be a non-empty list"),
        ([{"keyframes": []}], "keyframes must be a non-empty list"),
        ([{"keyframes": [key(1)], "more": 1}], "a segment has unknown keys"),
        ([{"keyframes": [key(1, polygon=[])]}], "exactly one of bbox, point and line"),
        ([{"keyframes": [key(0)]}], "frame must be a whole number of at least 1"),
        ([{"keyframes": [key(1.5)]}], "frame must be a whole number"),
        ([{"keyframes": [key(5), key(5)]}], "ascending order"),
        ([{"keyframes": [key(1), key(2, point={"x": 1, "y": 1})]}], "must have a bbox"),
        ([{"keyframes": [key(1, bbox={"top": 1})]}], "exactly top, left"),
        ([{"keyframes": [key(1), key(6)]}, {"keyframes": [key(4)]}], "must not overlap"),
    ],
)
def test_wrong_segments_are_refused(reader: Any, segments: Any, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        reader("VIDEO").read(line(name="car", segments=segments))


def test_masks_of_frames_are_one_object_an_instance(reader: Any) -> None:
    masks = {
        "frames": [{"index": 1, "instanceURI": "https://x/1.png"}, {"index": 3, "imBytes": PNG}],
        "instances": [{"name": "sky", "colorRGB": [0, 0, 255]}, {"name": "sky", "colorRGB": [0, 255, 0]}],
    }
    read = reader("VIDEO").read(line(masks=masks))
    assert [each["annotation_kind"] for each in read.contents] == ["VideoSegmentationMask"] * 2
    assert [(mask.frame, mask.color) for mask in read.masks] == [
        (1, (0, 0, 255)), (3, (0, 0, 255)), (1, (0, 255, 0)), (3, (0, 255, 0)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("frames", "instances", "message"),
    [
        ([], [{"name": "sky", "colorRGB": [0, 0, 1]}], "masks.frames must be a non-empty list"),
        ([{"index": 1}], [{"name": "sky", "colorRGB": [0, 0, 1]}], "One of `instance_uri`, `im_bytes` required"),
        ([{"index": 0, "imBytes": PNG}], [{"name": "sky", "colorRGB": [0, 0, 1]}], "index must be a whole number"),
        ([{"index": 1, "imBytes": PNG}] * 2, [{"name": "sky", "colorRGB": [0, 0, 1]}], "one composite mask only"),
        ([{"index": 1, "imBytes": PNG}], [], "masks.instances must be a non-empty list"),
        ([{"index": 1, "imBytes": PNG}], [{"name": "car", "colorRGB": [0, 0, 1]}], "does not map to the assigned tool"),
        ([{"index": 1, "imBytes": PNG}], [{"name": "sky", "colorRGB": [0, 0, 1]}] * 2, "Two instances have the color"),
        ([{"index": 1, "imBytes": PNG}], [{"name": "sky"}], "color that is not a list"),
    ],
)
def test_wrong_masks_of_frames_are_refused(reader: Any, frames: Any, instances: Any, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        reader("VIDEO").read(line(masks={"frames": frames, "instances": instances}))


def test_a_dicom_annotation_is_in_a_view(reader: Any) -> None:
    lane = {"name": "lane", "segments": [{"keyframes": [key(1, line=[{"x": 1, "y": 1}, {"x": 2, "y": 2}])]}]}
    shown = reader("DICOM").read(line(**lane, groupKey="axial")).contents[0]
    assert (shown["annotation_kind"], shown["group"]) == ("DICOMPolyline", "axial")
    with pytest.raises(AnnotationError, match="groupKey must be one of axial, coronal, sagittal"):
        reader("DICOM").read(line(**lane, groupKey="top"))
    with pytest.raises(AnnotationError, match="groupKey can not be given"):
        reader("VIDEO").read(line(**lane, groupKey="axial"))
