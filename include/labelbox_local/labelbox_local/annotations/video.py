"""Objects that move through a video or a stack of slices: keyframes in segments, and masks by frame."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from labelbox_local.annotations.answers import read_nested
from labelbox_local.annotations.checks import color, integer, mapping, mappings, only
from labelbox_local.annotations.errors import AnnotationError
from labelbox_local.annotations.features import Tool
from labelbox_local.annotations.geometry import SHAPES, kind_of, read_shape
from labelbox_local.annotations.masks import MaskSource, read_png, read_uri

if TYPE_CHECKING:
    from labelbox_local.annotations.line import AnnotationReader

_MOVING = ("bbox", "point", "line")
_KEYFRAME = frozenset(("frame", "classifications", *_MOVING))
_SEGMENT = frozenset(("keyframes",))
_MASKS = frozenset(("frames", "instances"))
_FRAME = frozenset(("index", "instanceURI", "imBytes"))
_INSTANCE = frozenset(("name", "schemaId", "colorRGB"))
_GROUPS = frozenset(("axial", "sagittal", "coronal"))


def read_group(reader: AnnotationReader, entry: dict[str, Any]) -> dict[str, Any]:
    """The view of a DICOM series an annotation is in; nothing for a video.

    Raises:
        AnnotationError: missing, unknown, or given for another media type.
    """
    group = entry.get("groupKey")
    if reader.media_type == "DICOM":
        if group not in _GROUPS:
            raise AnnotationError(f"groupKey must be one of {', '.join(sorted(_GROUPS))}. Found {group!r}")
        return {"group": group}
    if group is not None:
        raise AnnotationError(f"groupKey can not be given in a project of media type {reader.media_type}")
    return {}


def read_track(reader: AnnotationReader, entry: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """One object of a video: boxes, points or lines at the keyframes of its segments.

    Raises:
        AnnotationError: what is wrong with it.
    """
    segments = mappings(entry["segments"], "segments")
    key = _shape_of(segments)
    tool = reader.tool(entry, SHAPES[key][0])
    shown = tool.head(reader.new_id()) | read_group(reader, entry)
    shown["annotation_kind"] = kind_of(reader.media_type, key)
    shown["classifications"] = read_nested(reader, tool.classifications, entry.get("classifications"))
    shown["segments"] = [_segment(reader, tool, segment, key) for segment in segments]
    _check_apart(shown["segments"])
    return "tracks", shown | reader.scores(entry)


def _shape_of(segments: list[dict[str, Any]]) -> str:
    keyframes = mappings(segments[0].get("keyframes"), "keyframes")
    found = [key for key in _MOVING if keyframes[0].get(key) is not None]
    if len(found) != 1:
        raise AnnotationError(f"A keyframe must have exactly one of bbox, point and line. Found {keyframes[0]}")
    return found[0]


def _segment(reader: AnnotationReader, tool: Tool, segment: dict[str, Any], key: str) -> list[dict[str, Any]]:
    only(segment, _SEGMENT, "a segment")
    keyframes = []
    before = 0
    for keyframe in mappings(segment.get("keyframes"), "keyframes"):
        only(keyframe, _KEYFRAME, "a keyframe")
        frame = integer(keyframe.get("frame"), "frame", 1)
        if frame <= before:
            raise AnnotationError(
                f"The keyframes of a segment must be in ascending order. Found {frame} after {before}"
            )
        if keyframe.get(key) is None or any(keyframe.get(other) is not None for other in _MOVING if other != key):
            raise AnnotationError(f"All keyframes of an object must have a {key}. Found {keyframe}")
        before = frame
        name, shape = read_shape(keyframe[key], key)
        nested = read_nested(reader, tool.classifications, keyframe.get("classifications"))
        keyframes.append({"frame": frame, name: shape, "classifications": nested})
    return keyframes


def _check_apart(segments: list[list[dict[str, Any]]]) -> None:
    spans = sorted((segment[0]["frame"], segment[-1]["frame"]) for segment in segments)
    for before, after in pairwise(spans):
        if after[0] <= before[1]:
            raise AnnotationError(f"Segments must not overlap. Found {list(before)} and {list(after)}")


def read_frame_masks(reader: AnnotationReader, entry: dict[str, Any]) -> tuple[list[dict[str, Any]], list[MaskSource]]:
    """Masks of a video: a picture for each frame, in which each instance has its colour. One object an instance.

    Raises:
        AnnotationError: what is wrong with them.
    """
    masks = mapping(entry["masks"], "masks")
    only(masks, _MASKS, "masks")
    group = read_group(reader, entry)
    frames = [_frame(frame) for frame in mappings(masks.get("frames"), "masks.frames")]
    if len({index for index, _, _ in frames}) != len(frames):
        raise AnnotationError("Each frame can have one composite mask only")
    kind = "DICOMSegmentationMask" if reader.media_type == "DICOM" else "VideoSegmentationMask"
    tracks, sources = [], []
    colors: set[tuple[int, int, int]] = set()
    for instance in mappings(masks.get("instances"), "masks.instances"):
        only(instance, _INSTANCE, "an instance")
        tool = reader.tool(instance, "raster-segmentation", "superpixel")
        rgb = color(instance.get("colorRGB"))
        if rgb in colors:
            raise AnnotationError(f"Two instances have the color {list(rgb)}")
        colors.add(rgb)
        shown = tool.head(reader.new_id()) | group
        shown |= {"annotation_kind": kind, "classifications": []}
        shown["segments"] = [[{"frame": index, "classifications": []}] for index, _, _ in sorted(frames, key=_index)]
        tracks.append(shown)
        sources += [MaskSource(shown["feature_id"], index, uri, png, rgb) for index, uri, png in frames]
    return tracks, sources


def _index(frame: tuple[int, str | None, bytes | None]) -> int:
    return frame[0]


def _frame(frame: dict[str, Any]) -> tuple[int, str | None, bytes | None]:
    only(frame, _FRAME, "a mask frame")
    index = integer(frame.get("index"), "index", 1)
    uri, im_bytes = frame.get("instanceURI"), frame.get("imBytes")
    if (uri is None) == (im_bytes is None):
        raise AnnotationError("One of `instance_uri`, `im_bytes` required.")
    if uri is not None:
        return index, read_uri(uri), None
    return index, None, read_png(im_bytes, "imBytes")
