"""Panoptic COCO: the segments of an image are colours in a PNG."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import numpy as np

from labelbox_airflow.engine.annotations.model import MaskImage
from labelbox_airflow.engine.annotations.ndjson.fields import text
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.annotations.readers.coco_document import Image
from labelbox_airflow.engine.errors import ConfigurationError, SourceError

OpenPng = Callable[[str], bytes]
"""Returns the content of a file by its name; raises FileNotFoundError where there is none."""

VOID = 0  # the id of pixels that belong to no segment (github.com/cocodataset/panopticapi)


class Segments:
    """The PNG of one image, and which ids its colours are: red + 256 green + 256² blue."""

    def __init__(self, png: bytes, ids: frozenset[int]) -> None:
        self._png = png
        self._ids = ids
        self._taken: set[int] = set()

    def take(self, segment: Mapping[str, Any]) -> MaskImage:
        """Return the mask of a segment.

        :raises AnnotationError: its id is no colour, is not in the PNG, or was taken before
        """
        segment_id = segment.get("id")
        if type(segment_id) is not int or not VOID < segment_id < 1 << 24:
            raise AnnotationError("bad_segment_id", "id", segment_id, "must be a whole number from 1 to 16,777,215")
        if segment_id in self._taken:
            raise AnnotationError("duplicate_id", "id", segment_id, "is the id of a segment before it")
        self._taken.add(segment_id)
        if segment_id not in self._ids:
            raise AnnotationError("unknown_segment", "id", segment_id, "has no pixel in the PNG")
        return MaskImage(self._png, (segment_id & 255, segment_id >> 8 & 255, segment_id >> 16))

    def left(self) -> list[int]:
        """Return the ids in the PNG that no segment has taken."""
        return sorted(self._ids - self._taken - {VOID})


def open_segments(entry: Mapping[str, Any], image: Image, open_png: OpenPng | None, place: str) -> Segments:
    """Return the segments in the PNG of a panoptic annotation.

    :raises AnnotationError: the PNG is not there, is no PNG, or not of the size of the image
    :raises SourceError: it is not known where PNGs are
    """
    if open_png is None:
        remedy = "Name the folder of their PNGs under png_folder."
        raise SourceError("has panoptic segments", where=place, remedy=remedy)
    name = text(entry.get("file_name"), "file_name")
    try:
        png = open_png(name)
    except FileNotFoundError:
        raise AnnotationError("missing_png", "file_name", name, "is not in the folder of PNGs") from None
    size, ids = _read(png, name)
    if image.size is not None and size != image.size:
        reason = f"has height {size[0]} and width {size[1]}, but the image {image.size[0]} and {image.size[1]}"
        raise AnnotationError("wrong_size", "file_name", name, reason)
    return Segments(png, ids)


def _read(png: bytes, name: str) -> tuple[tuple[int, int], frozenset[int]]:
    try:
        from PIL import Image as Picture
    except ImportError:
        raise ConfigurationError("panoptic COCO needs Pillow", remedy="Install it: pip install pillow.") from None
    try:
        with Picture.open(BytesIO(png), formats=["PNG"]) as picture:
            pixels = np.asarray(picture.convert("RGB"), np.uint32)
    except (OSError, SyntaxError, ValueError, Picture.DecompressionBombError) as error:
        raise AnnotationError("bad_png", "file_name", name, f"cannot be read as a PNG: {error}") from None
    ids = np.unique(pixels[..., 0] | pixels[..., 1] << 8 | pixels[..., 2] << 16)
    return (pixels.shape[0], pixels.shape[1]), frozenset(ids.tolist())
