"""Segmentation masks: by address and colour, as PNG, and run-length encoded."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelbox_local.annotations.answers import read_nested
from labelbox_local.annotations.checks import color, mapping, only
from labelbox_local.annotations.errors import AnnotationError

if TYPE_CHECKING:
    from labelbox_local.annotations.line import AnnotationReader

_PNG = b"\x89PNG\r\n\x1a\n"
_TOOLS = ("raster-segmentation", "superpixel")
_KEYS = frozenset(("instanceURI", "colorRGB", "png", "imBytes", "size", "counts"))


@dataclass(slots=True)
class MaskSource:
    """Where the pixels of a mask are.

    `uri` or `png` is a picture in which the pixels of `color` are meant; without a colour all that are not black.
    `runs` are lengths of pixels that are in turn outside and inside, column by column, in a picture of `size`
    (height, width). `frame` is that of a video, else 0.
    """

    feature: str
    frame: int = 0
    uri: str | None = None
    png: bytes | None = None
    color: tuple[int, int, int] | None = None
    size: tuple[int, int] | None = None
    runs: list[int] | None = None


def read_mask(reader: AnnotationReader, entry: dict[str, Any]) -> tuple[str, dict[str, Any], list[MaskSource]]:
    """A mask of an image.

    Raises:
        AnnotationError: what is wrong with it.
    """
    tool = reader.tool(entry, *_TOOLS)
    shown = tool.head(reader.new_id())
    shown["annotation_kind"] = "ImageSegmentationMask"
    shown["classifications"] = read_nested(reader, tool.classifications, entry.get("classifications"))
    source = read_source(mapping(entry["mask"], "mask"), shown["feature_id"])
    return "objects", shown | reader.scores(entry), [source]


def read_source(mask: dict[str, Any], feature: str) -> MaskSource:
    """The `mask` of a line.

    Raises:
        AnnotationError: not exactly one of instanceURI, png, imBytes and counts, or what is wrong with it.
    """
    only(mask, _KEYS, "mask")
    kinds = [key for key in ("instanceURI", "png", "imBytes", "counts") if mask.get(key) is not None]
    if len(kinds) != 1:
        raise AnnotationError(f"A mask must have exactly one of instanceURI, png, imBytes and counts. Found {kinds}")
    if kinds[0] == "counts":
        size, runs = _rle(mask)
        return MaskSource(feature, size=size, runs=runs)
    if kinds[0] == "png":
        return MaskSource(feature, png=read_png(mask["png"], "png"))
    if kinds[0] == "imBytes":
        return MaskSource(feature, png=read_png(mask["imBytes"], "imBytes"), color=color(mask.get("colorRGB")))
    return MaskSource(feature, uri=read_uri(mask["instanceURI"]), color=color(mask.get("colorRGB")))


def read_uri(value: Any) -> str:
    """Raises: AnnotationError."""
    if type(value) is not str or not value.startswith(("https://", "http://", "gs://")):
        raise AnnotationError(f"instanceURI must be a URL. Found {value!r}")
    return value


def read_png(value: Any, where: str) -> bytes:
    """Raises: AnnotationError: not the base64 of a PNG."""
    try:
        content = base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise AnnotationError(f"{where} must be a base64 encoded PNG") from None
    if not content.startswith(_PNG):
        raise AnnotationError(f"{where} must be a base64 encoded PNG")
    return content


def _rle(mask: dict[str, Any]) -> tuple[tuple[int, int], list[int]]:
    size, counts = mask.get("size"), mask["counts"]
    if type(size) is not list or len(size) != 2:
        raise AnnotationError(f"Mask `size` should have two ints representing height and with. Found : {size}")
    if not all(type(each) is int and each > 0 for each in size):
        raise AnnotationError(f"Mask `size` should be a postitive int. Found : {size}")
    if type(counts) is not list or not all(type(each) is int and each >= 0 for each in counts):
        raise AnnotationError("Found negative value for counts. They should all be zero or positive")
    if sum(counts) > size[0] * size[1]:
        raise AnnotationError(f"The counts of a mask cover {sum(counts)} pixels, more than its size {size} has")
    return (size[0], size[1]), counts
