"""Masks: colours, run lengths, and the size a PNG says it has."""

from __future__ import annotations

import struct

from labelbox_airflow.engine.annotations.checks.asset import Asset
from labelbox_airflow.engine.annotations.model import Color, Mask, MaskImage, MaskRuns, MaskUri
from labelbox_airflow.engine.annotations.problems import AnnotationError

_URLS = ("https://", "http://", "gs://")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">I4sII")


def check_mask(mask: Mask, asset: Asset | None) -> None:
    """Check a mask of an image. Its size must be that of the data row (docs.labelbox.com, create-import-file).

    :raises AnnotationError: ``bad_mask``, ``bad_color``, ``wrong_size``
    """
    if isinstance(mask, MaskRuns):
        _check_runs(mask)
        _check_size(mask.size[1], mask.size[0], "mask.size", asset)
        return
    if mask.color is not None:
        check_color(mask.color, "mask.colorRGB")
    if isinstance(mask, MaskUri):
        check_url(mask.uri, "mask.instanceURI")
    elif isinstance(mask, MaskImage):
        check_png(mask.png, "mask.png" if mask.color is None else "mask.imBytes", asset)


def _check_runs(mask: MaskRuns) -> None:
    height, width = mask.size
    if height <= 0 or width <= 0:
        raise AnnotationError("bad_mask", "mask.size", mask.size, "must be height and width, both more than 0")
    if not mask.counts or min(mask.counts) < 0:
        raise AnnotationError("bad_mask", "mask.counts", mask.counts, "must be lengths of at least 0")
    covered = sum(mask.counts)
    if covered != height * width:
        reason = f"cover {covered} pixels; a mask of {height} x {width} (height x width) has {height * width}"
        raise AnnotationError("bad_mask", "mask.counts", mask.counts, reason)


def check_color(color: Color, field: str) -> None:
    """:raises AnnotationError: ``bad_color``"""
    if len(color) != 3 or not all(type(part) is int and 0 <= part <= 255 for part in color):
        reason = "must be red, green and blue, whole numbers from 0 to 255"
        raise AnnotationError("bad_color", field, color, reason)


def check_url(uri: str, field: str) -> None:
    """:raises AnnotationError: ``bad_mask``: an address that Labelbox cannot read"""
    if not uri.startswith(_URLS):
        raise AnnotationError("bad_mask", field, uri, f"must be a URL that begins with {' or '.join(_URLS)}")


def check_png(content: bytes, field: str, asset: Asset | None) -> None:
    """Check that bytes begin like a PNG, and the size it says it has; the pixels are not read.

    :raises AnnotationError: ``bad_mask``, ``wrong_size``
    """
    if not content.startswith(_SIGNATURE) or len(content) < len(_SIGNATURE) + _HEADER.size:
        raise AnnotationError("bad_mask", field, content[:16], "must be a whole PNG file")
    length, chunk, width, height = _HEADER.unpack_from(content, len(_SIGNATURE))
    if (length, chunk) != (13, b"IHDR") or not width or not height:
        raise AnnotationError("bad_mask", field, content[:32], "is a PNG without a header; is the file whole?")
    _check_size(width, height, field, asset)


def _check_size(width: int, height: int, field: str, asset: Asset | None) -> None:
    if asset is None:
        return
    if asset.width not in {None, width} or asset.height not in {None, height}:
        wanted = f"{asset.width or '?'} x {asset.height or '?'}"
        reason = f"a mask must be as large as its asset, which is {wanted} (width x height)"
        raise AnnotationError("wrong_size", field, f"{width} x {height}", reason)
