"""The pixels of masks: looked into when they are imported, and painted into one picture when they are asked for."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.annotations import AnnotationError
from labelbox_local.annotations.masks import MaskSource
from labelbox_local.errors import NotFoundError
from labelbox_local.s3 import allowed, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

    from labelbox_local.platform import Platform

_MOST_BYTES = 64 * 1024 * 1024
_REMEMBERED = 64
_MOST_COLORS = 1_000_000


class MaskInspector:
    """Checks that a mask has its colour, and the size of its data row where both are known.

    `place` says what the rows of the import must be in, for messages.
    """

    def __init__(self, platform: Platform, place: str) -> None:
        self.platform = platform
        self.place = place
        # All masks of a row are usually in one picture.
        self._look_up = lru_cache(_REMEMBERED)(self._look)

    def check(self, mask: MaskSource, media_attributes: str | None) -> None:
        """Raises: AnnotationError: what is wrong with the pixels."""
        if mask.runs is not None and mask.size is not None:
            _check_size(mask.size[1], mask.size[0], media_attributes)
            return
        if mask.png is not None:
            picture = _open(mask.png)
            if mask.frame == 0:
                _check_size(*picture.size, media_attributes)
            if mask.color is not None:
                _check_color(_colors(picture), mask.color)
            return
        found = self._look_up(str(mask.uri))
        if found is None:
            return
        width, height, colors = found
        if mask.frame == 0:
            _check_size(width, height, media_attributes)
        if mask.color is not None:
            _check_color(colors, mask.color)

    def _look(self, uri: str) -> tuple[int, int, frozenset[tuple[int, ...]]] | None:
        """Size and colours of the picture at an address; None when it need not, or can not, be read."""
        wanted = self.platform.switches.mask_pixels
        if wanted == "never":
            return None
        content = read_uri(self.platform, uri)
        if content is None:
            if wanted == "always":
                raise AnnotationError(f"The mask at {uri} can not be read", name="MaskError")
            return None
        picture = _open(content)
        return (*picture.size, _colors(picture))


def read_uri(platform: Platform, uri: str) -> bytes | None:
    """The bytes at an address, or None when the server must not, or can not, read it."""
    try:
        return fetch(uri, {}, most=_MOST_BYTES)[0] if allowed(platform, uri) else None
    except (OSError, ValueError):
        return None


def _open(content: bytes) -> Image:
    """Raises: AnnotationError: not a picture."""
    from PIL import Image  # takes a moment; few imports have masks

    try:
        picture = Image.open(io.BytesIO(content))
        picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise AnnotationError(f"The mask is not a picture that can be read: {error}", name="MaskError") from None
    return picture


def _colors(picture: Image) -> frozenset[tuple[int, ...]]:
    found = picture.convert("RGB").getcolors(_MOST_COLORS)
    return frozenset(color for _, color in found or [] if isinstance(color, tuple))


def _check_color(colors: frozenset[tuple[int, ...]], color: tuple[int, int, int]) -> None:
    if colors and color not in colors:
        raise AnnotationError(f"The mask has no pixel of the color {list(color)}", name="MaskError")


def _check_size(width: int, height: int, media_attributes: str | None) -> None:
    known = orjson.loads(media_attributes or "{}")
    if "width" in known and "height" in known and (width, height) != (known["width"], known["height"]):
        raise AnnotationError(
            f"The mask is {width} x {height} pixels, the data row {known['width']} x {known['height']}",
            name="MaskError",
        )


def paint(platform: Platform, owner: str, frame: int) -> bytes:
    """All masks of a label or prediction in one PNG, each in the colour its object has in exports.

    Raises:
        NotFoundError: it has none, or none that can be read.
    """
    from PIL import Image

    composite: Image.Image | None = None
    for mask, bitmap in bitmaps(platform, owner, frame):
        if composite is None:
            composite = Image.new("RGB", bitmap.size)
        elif composite.size != bitmap.size:
            bitmap = bitmap.resize(composite.size)
        composite.paste(Image.new("RGB", composite.size, f"#{mask['shown']}"), mask=bitmap)
    if composite is None:
        raise NotFoundError(f"There is no mask {owner} that can be read")
    content = io.BytesIO()
    composite.save(content, "PNG")
    return content.getvalue()


def bitmaps(platform: Platform, owner: str, frame: int) -> Iterator[tuple[dict[str, Any], Image]]:
    """The masks of a label or prediction that can be read, with their pixels: white inside, black outside."""
    # The mask of an image has frame 0, and its address index 1.
    for mask in platform.store.rows("SELECT * FROM mask WHERE owner = ? AND frame IN (?, 0)", owner, frame):
        bitmap = _bitmap(platform, mask)
        if bitmap is not None:
            yield mask, bitmap


def _bitmap(platform: Platform, mask: dict[str, Any]) -> Image | None:
    """The pixels of one mask: white inside, black outside."""
    from PIL import ImageChops

    if mask["runs"] is not None:
        return _from_runs(mask["height"], mask["width"], orjson.loads(mask["runs"]))
    content = mask["png"] if mask["uri"] is None else read_uri(platform, mask["uri"])
    if content is None:
        return None
    try:
        picture = _open(content)
    except AnnotationError:
        return None
    if mask["color"] is None:
        return picture.convert("L").point(lambda value: 255 if value else 0)
    bands = picture.convert("RGB").split()
    inside = [
        band.point(lambda value, wanted=wanted: 255 if value == wanted else 0)
        for band, wanted in zip(bands, bytes.fromhex(mask["color"]), strict=True)
    ]
    return ImageChops.multiply(ImageChops.multiply(inside[0], inside[1]), inside[2])


def _from_runs(height: int, width: int, runs: list[int]) -> Image:
    from PIL import Image

    pixels = b"".join((b"\xff" if number % 2 else b"\x00") * run for number, run in enumerate(runs))
    # Runs go down the columns: that is a picture lying on its side.
    lying = Image.frombytes("L", (height, width), pixels.ljust(height * width, b"\x00"))
    return lying.transpose(Image.Transpose.TRANSPOSE)
