"""Box and segmentation of one COCO annotation become shapes and masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf, isfinite
from typing import Any

import numpy as np

from labelbox_airflow.engine.annotations.model import BoundingBox, Coordinates, MaskRuns, Polygon
from labelbox_airflow.engine.annotations.ndjson.fields import number
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.annotations.readers.coco_document import Image
from labelbox_airflow.engine.annotations.readers.coco_spec import CocoSpec, Shape
from labelbox_airflow.engine.annotations.readers.runs import box_of, decode_counts, fill, mask_of

Made = BoundingBox | Polygon | MaskRuns
Convert = Callable[[Mapping[str, Any], Image], list[Made]]

_NUMBERS = frozenset((int, float))


def converters(spec: CocoSpec) -> dict[Shape, Convert]:
    """Return for each shape the function that makes it of an annotation; several only where parts are polygons.

    Each raises an `AnnotationError` where the annotation has nothing that the shape can be made of.
    """

    def polygons(entry: Mapping[str, Any], _: Image) -> list[Made]:
        parts = _parts(entry, "polygon")
        if len(parts) > 1 and spec.parts == "mask":
            remedy = "set parts: polygons for a polygon of each, or shapes: mask"
            raise AnnotationError("several_parts", "segmentation", None, f"has {len(parts)} parts; {remedy}")
        return [Polygon(points) for points in parts]

    return {"bounding_box": _boxes, "polygon": polygons, "mask": _masks}


def read_box(entry: Mapping[str, Any]) -> BoundingBox:
    """Return what stands under ``bbox``: left, top, width, height.

    :raises AnnotationError: other than four finite numbers, or without width or height
    """
    box = entry.get("bbox")
    if type(box) is list and len(box) == 4 and _NUMBERS.issuperset(map(type, box)):
        left, top, width, height = box
        if 0 < width < inf and 0 < height < inf and -inf < left < inf and -inf < top < inf:
            return BoundingBox(left, top, width, height)
    raise _wrong_box(box)


def _wrong_box(box: Any) -> AnnotationError:
    if type(box) is not list or len(box) != 4:
        return AnnotationError("bad_box", "bbox", box, "must be [left, top, width, height]")
    for index, value in enumerate(box):
        try:
            number(value, f"bbox[{index}]")
        except AnnotationError as error:
            return error
    return AnnotationError("empty_box", "bbox", box, "must have a width and a height over 0")


def _boxes(entry: Mapping[str, Any], image: Image) -> list[Made]:
    if entry.get("bbox") or not entry.get("segmentation"):
        return [read_box(entry)]
    segmentation = entry["segmentation"]
    if type(segmentation) is dict:
        return [box_of(_runs(segmentation, image))]
    x, y = zip(*(point for part in _parts(entry, "box") for point in part), strict=True)
    left, top = min(x), min(y)
    if max(x) == left or max(y) == top:
        raise AnnotationError("empty_box", "segmentation", None, "has no width or no height")
    return [BoundingBox(left, top, max(x) - left, max(y) - top)]


def _masks(entry: Mapping[str, Any], image: Image) -> list[Made]:
    segmentation = entry.get("segmentation")
    if type(segmentation) is dict:
        return [_runs(segmentation, image)]
    parts = _parts(entry, "mask")
    if image.size is None:
        reason = "becomes a mask, for which the image needs height and width"
        raise AnnotationError("no_size", "segmentation", None, reason)
    return [fill(parts, image.size, "segmentation")]


def _parts(entry: Mapping[str, Any], what: str) -> list[tuple[Coordinates, ...]]:
    """Return the points of each polygon; one polygon may also stand there without a list around it."""
    segmentation = entry.get("segmentation")
    if not segmentation:
        raise AnnotationError("no_segmentation", "segmentation", None, f"is missing, so there is no {what} to make")
    if type(segmentation) is dict:
        raise AnnotationError("not_polygons", "segmentation", None, f"is run lengths, which make no {what}")
    if type(segmentation) is not list:
        reason = "must be a list of polygons, or run lengths"
        raise AnnotationError("bad_segmentation", "segmentation", segmentation, reason)
    if type(segmentation[0]) in _NUMBERS:
        return [_points(segmentation, "segmentation")]
    return [_points(part, f"segmentation[{index}]") for index, part in enumerate(segmentation)]


def _points(part: Any, field: str) -> tuple[Coordinates, ...]:
    if type(part) is not list:
        raise AnnotationError("bad_polygon", field, part, "must be a list of x, y, x, y")
    if not _NUMBERS.issuperset(map(type, part)) or not all(map(isfinite, part)):
        for index, value in enumerate(part):
            number(value, f"{field}[{index}]")
    if len(part) % 2:
        reason = f"has {len(part)} numbers; x and y in turn make an even count"
        raise AnnotationError("odd_coordinates", field, None, reason)
    if len(part) < 6:
        reason = f"has {len(part) // 2} points; a polygon needs at least 3"
        raise AnnotationError("too_few_points", field, part, reason)
    return tuple(zip(part[::2], part[1::2], strict=True))


def _runs(segmentation: Mapping[str, Any], image: Image) -> MaskRuns:
    size, counts = segmentation.get("size"), segmentation.get("counts")
    field = "segmentation.counts"
    if type(size) is not list or len(size) != 2 or not all(type(each) is int and 0 < each < 1 << 31 for each in size):
        raise AnnotationError("bad_size", "segmentation.size", size, "must be [height, width]")
    height, width = size
    if image.size is not None and image.size != (height, width):
        reason = f"is not the size of the image, height {image.size[0]} and width {image.size[1]}"
        raise AnnotationError("wrong_size", "segmentation.size", size, reason)
    if type(counts) is str:
        return mask_of(decode_counts(counts, field), (height, width), field)
    if type(counts) is not list or not all(type(each) is int and abs(each) < 1 << 62 for each in counts):
        raise AnnotationError("bad_runs", field, counts, "must be whole numbers, or the text form of them")
    return mask_of(np.array(counts, np.int64), (height, width), field)
