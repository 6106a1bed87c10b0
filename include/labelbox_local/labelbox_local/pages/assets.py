"""The pictures in the pages: assets of data rows, and masks to lay over them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import NotFoundError
from labelbox_local.mask_pixels import bitmaps
from labelbox_local.media import source_of
from labelbox_local.pages.classes import Classes
from labelbox_local.s3 import fetch

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_MOST_BYTES = 64 * 1024 * 1024
_OPACITY = 150  # of 255
# What a browser shows as a picture and cannot run.
_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/bmp", "image/webp"})
_OWNER = """SELECT content, project.ontology FROM label JOIN project ON project.id = label.project WHERE label.id = ?1
    UNION ALL SELECT content, coalesce(project.ontology, model.ontology) FROM prediction
    LEFT JOIN project ON project.id = parent LEFT JOIN model_run ON model_run.id = parent
    LEFT JOIN model ON model.id = model_run.model WHERE prediction.id = ?1"""


def picture_of(platform: Platform, row_id: str) -> tuple[bytes, str]:
    """The asset of a data row and its type, read as its media attributes are: from allowed hosts, with its integration.

    Raises:
        NotFoundError: no such row, or no picture that may and can be read.
    """
    row = platform.store.row(
        "SELECT row_data, dataset.signer FROM data_row JOIN dataset ON dataset.id = dataset WHERE data_row.id = ?",
        row_id,
    )
    source = source_of(platform, row["row_data"], row["signer"]) if row else None
    if source is None:
        raise NotFoundError(f"There is no asset of a data row {row_id} that may be read")
    try:
        content, _ = fetch(*source, most=_MOST_BYTES)
    except (OSError, ValueError) as error:
        raise NotFoundError(f"The asset cannot be read: {error}") from None
    return content, _type_of(content)


def _type_of(content: bytes) -> str:
    """What the bytes are, whatever a storage calls them. Raises: NotFoundError: no picture for a browser."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as picture:
            found = picture.get_format_mimetype() or ""
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        found = ""
    if found not in _TYPES:
        raise NotFoundError("The asset is no picture that a browser shows")
    return found


def masks_of(platform: Platform, owner: str) -> tuple[bytes, str]:
    """The masks of a label or prediction as a PNG to lie over the picture, each in the colour of its class.

    Raises:
        NotFoundError: it has none that can be read.
    """
    from PIL import Image

    colors = _colors(platform, owner)
    overlay: Image.Image | None = None
    for mask, bitmap in bitmaps(platform, owner, 1):
        if overlay is None:
            overlay = Image.new("RGBA", bitmap.size)
        elif overlay.size != bitmap.size:
            bitmap = bitmap.resize(overlay.size)
        paint = Image.new("RGB", overlay.size, colors.get(mask["feature"], f"#{mask['shown']}"))
        paint.putalpha(_OPACITY)
        overlay.paste(paint, mask=bitmap)
    if overlay is None:
        raise NotFoundError(f"There is no mask of {owner} that can be read")
    content = io.BytesIO()
    overlay.save(content, "PNG")
    return content.getvalue(), "image/png"


def _colors(platform: Platform, owner: str) -> dict[str, str]:
    """The colours of objects by feature id."""
    found = platform.store.row(_OWNER, owner)
    if found is None:
        return {}
    classes = Classes(platform)
    objects: list[dict[str, Any]] = orjson.loads(found["content"]).get("objects", [])
    return {each["feature_id"]: classes.color(found["ontology"], each) for each in objects}
