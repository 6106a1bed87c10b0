"""Masks: by URL and colour, as a PNG, or as run lengths."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from labelbox_airflow.engine.annotations.model import Mask, MaskImage, MaskRuns, MaskUri
from labelbox_airflow.engine.annotations.ndjson.fields import color, filled, mapping, text, whole
from labelbox_airflow.engine.annotations.problems import AnnotationError

PNG = b"\x89PNG\r\n\x1a\n"
_SOURCES = ("instanceURI", "png", "imBytes", "counts")
_KEYS = (*_SOURCES, "colorRGB", "size")


def read_mask(value: Any) -> Mask:
    """Return the mask of a line.

    :raises AnnotationError: what is wrong with it
    """
    mask = mapping(value, "mask", _KEYS)
    given = [key for key in _SOURCES if mask.get(key) is not None]
    if len(given) != 1:
        raise AnnotationError("bad_mask", "mask", sorted(mask), f"must have exactly one of {', '.join(_SOURCES)}")
    if given == ["counts"]:
        return _runs(mask.get("size"), mask["counts"])
    if given == ["instanceURI"]:
        return MaskUri(text(mask["instanceURI"], "mask.instanceURI"), color(mask.get("colorRGB"), "mask.colorRGB"))
    png = read_png(mask[given[0]], f"mask.{given[0]}")
    return MaskImage(png, color(mask.get("colorRGB"), "mask.colorRGB") if given == ["imBytes"] else None)


def _runs(size: Any, counts: Any) -> MaskRuns:
    if type(size) is not list or len(size) != 2:
        raise AnnotationError("bad_mask", "mask.size", size, "must be [height, width]")
    height, width = (whole(each, "mask.size") for each in size)
    return MaskRuns((height, width), tuple(whole(each, "mask.counts") for each in filled(counts, "mask.counts")))


def read_png(value: Any, field: str) -> bytes:
    """:raises AnnotationError: not the base64 of a PNG"""
    try:
        content = base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        content = b""
    if not content.startswith(PNG):
        raise AnnotationError("bad_mask", field, value, "must be the base64 of a PNG file")
    return content


def write_png(content: bytes) -> str:
    """Return the base64 of a file."""
    return base64.b64encode(content).decode("ascii")


def write_mask(mask: Mask) -> dict[str, Any]:
    """Return what stands under ``mask``."""
    if isinstance(mask, MaskUri):
        return {"instanceURI": mask.uri, "colorRGB": list(mask.color)}
    if isinstance(mask, MaskRuns):
        return {"size": list(mask.size), "counts": list(mask.counts)}
    if mask.color is None:
        return {"png": write_png(mask.png)}
    return {"imBytes": write_png(mask.png), "colorRGB": list(mask.color)}
