"""Objects that move through a video or a DICOM series, and the masks of all its frames."""

from __future__ import annotations

from typing import Any

from labelbox_airflow.engine.annotations.model import (
    BoundingBox,
    Keyframe,
    Line,
    MaskFrame,
    MaskInstance,
    Point,
    VideoMasks,
    VideoObject,
)
from labelbox_airflow.engine.annotations.ndjson.answers import read_classifications, write_classifications
from labelbox_airflow.engine.annotations.ndjson.fields import color, feature, filled, mapping, named, text, whole
from labelbox_airflow.engine.annotations.ndjson.masks import read_png, write_png
from labelbox_airflow.engine.annotations.ndjson.shapes import read_shape, write_shape
from labelbox_airflow.engine.annotations.problems import AnnotationError

_SHAPES = ("bbox", "point", "line")
_KEYFRAME = ("frame", "classifications", *_SHAPES)
_FRAME = ("index", "instanceURI", "imBytes")
_INSTANCE = ("name", "schemaId", "colorRGB")


def read_segments(value: Any) -> VideoObject:
    """Return the object of ``segments``.

    :raises AnnotationError: what is wrong with it
    """
    segments = []
    for index, segment in enumerate(filled(value, "segments")):
        place = f"segments[{index}]"
        keyframes = filled(mapping(segment, place, ("keyframes",)).get("keyframes"), f"{place}.keyframes")
        segments.append(tuple(_keyframe(each, f"{place}.keyframes[{at}]") for at, each in enumerate(keyframes)))
    return VideoObject(tuple(segments))


def _keyframe(value: Any, field: str) -> Keyframe:
    keyframe = mapping(value, field, _KEYFRAME)
    given = [key for key in _SHAPES if keyframe.get(key) is not None]
    if len(given) != 1:
        raise AnnotationError("bad_keyframe", field, sorted(keyframe), "must have exactly one of bbox, point and line")
    shape = read_shape(given[0], keyframe[given[0]])
    if not isinstance(shape, BoundingBox | Point | Line):
        raise AnnotationError("bad_keyframe", field, given[0], "must be a bbox, point or line")
    nested = read_classifications(keyframe.get("classifications"), f"{field}.classifications")
    return Keyframe(whole(keyframe.get("frame"), f"{field}.frame"), shape, nested)


def write_segments(moving: VideoObject) -> list[dict[str, Any]]:
    """Return what stands under ``segments``."""
    return [{"keyframes": [_write_keyframe(keyframe) for keyframe in segment]} for segment in moving.segments]


def _write_keyframe(keyframe: Keyframe) -> dict[str, Any]:
    nested = {"classifications": write_classifications(keyframe.classifications)}
    return {"frame": keyframe.frame} | write_shape(keyframe.shape) | nested


def read_frame_masks(value: Any) -> VideoMasks:
    """Return the masks of ``masks``.

    :raises AnnotationError: what is wrong with them
    """
    masks = mapping(value, "masks", ("frames", "instances"))
    frames = filled(masks.get("frames"), "masks.frames")
    instances = filled(masks.get("instances"), "masks.instances")
    return VideoMasks(
        tuple(_frame(each, f"masks.frames[{index}]") for index, each in enumerate(frames)),
        tuple(_instance(each, f"masks.instances[{index}]") for index, each in enumerate(instances)),
    )


def _frame(value: Any, field: str) -> MaskFrame:
    frame = mapping(value, field, _FRAME)
    uri, content = frame.get("instanceURI"), frame.get("imBytes")
    if (uri is None) == (content is None):
        raise AnnotationError("bad_mask", field, sorted(frame), "must have exactly one of instanceURI and imBytes")
    image = text(uri, f"{field}.instanceURI") if uri is not None else read_png(content, f"{field}.imBytes")
    return MaskFrame(whole(frame.get("index"), f"{field}.index"), image)


def _instance(value: Any, field: str) -> MaskInstance:
    instance = mapping(value, field, _INSTANCE)
    return MaskInstance(feature(instance, field), color(instance.get("colorRGB"), f"{field}.colorRGB"))


def write_frame_masks(masks: VideoMasks) -> dict[str, Any]:
    """Return what stands under ``masks``."""
    return {
        "frames": [_write_frame(frame) for frame in masks.frames],
        "instances": [named(each.feature) | {"colorRGB": list(each.color)} for each in masks.instances],
    }


def _write_frame(frame: MaskFrame) -> dict[str, Any]:
    if isinstance(frame.image, str):
        return {"index": frame.frame, "instanceURI": frame.image}
    return {"index": frame.frame, "imBytes": write_png(frame.image)}
