"""Masks of images: run lengths, colours, addresses and the header of a PNG."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from labelbox_airflow.engine.annotations.checks import Asset
from labelbox_airflow.engine.annotations.model import MaskImage, MaskRuns, MaskUri

ASSET = Asset("IMAGE", width=10, height=4)


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    "mask",
    [
        MaskRuns((4, 10), (3, 7, 30)),
        MaskRuns((4, 10), (0, 40)),
        MaskUri("https://x/y.png", (0, 128, 255)),
        MaskUri("gs://x/y.png", (0, 0, 0)),
        MaskImage(png(10, 4)),
        MaskImage(png(10, 4), (1, 2, 3)),
    ],
    ids=["runs", "all", "address", "bucket", "png", "png and colour"],
)
@pytest.mark.parametrize("asset", [None, Asset(), ASSET], ids=["no asset", "no size", "size"])
def test_a_mask(accept: Any, mask: Any, asset: Any) -> None:
    assert accept("sky", mask, asset).value is mask


@pytest.mark.parametrize(
    ("mask", "code", "message"),
    [
        (MaskRuns((4, 10), (3, 7, 31)), "bad_mask", "cover 41 pixels; a mask of 4 x 10 (height x width) has 40"),
        (MaskRuns((4, 10), (3, 7)), "bad_mask", "cover 10 pixels"),
        (MaskRuns((4, 10), (-1, 41)), "bad_mask", "at least 0"),
        (MaskRuns((4, 10), ()), "bad_mask", "mask.counts"),
        (MaskRuns((0, 10), (0,)), "bad_mask", "mask.size"),
        (MaskRuns((10, 4), (40,)), "wrong_size", "mask.size = '4 x 10': a mask must be as large"),
        (MaskUri("https://x/y.png", (0, 0, 256)), "bad_color", "mask.colorRGB = (0, 0, 256)"),
        (MaskUri("https://x/y.png", (0, 0, -1)), "bad_color", "from 0 to 255"),
        (MaskUri("https://x/y.png", (0, 0)), "bad_color", "red, green and blue"),  # type: ignore[arg-type]
        (MaskUri("/data/y.png", (0, 0, 0)), "bad_mask", "mask.instanceURI = '/data/y.png'"),
        (MaskImage(b"GIF89a"), "bad_mask", "mask.png"),
        (MaskImage(b"\x89PNG\r\n\x1a\n"), "bad_mask", "a whole PNG"),
        (MaskImage(b"\x89PNG\r\n\x1a\n" + bytes(40)), "bad_mask", "without a header"),
        (MaskImage(png(4, 10)), "wrong_size", "which is 10 x 4 (width x height)"),
        (MaskImage(png(10, 4), (0, 0, 300)), "bad_color", "mask.colorRGB"),
    ],
)
def test_a_wrong_mask_is_named(refuse: Any, mask: Any, code: str, message: str) -> None:
    error = refuse("sky", mask, ASSET)
    assert error.code == code
    assert message in str(error)


def test_a_size_may_be_known_in_part(accept: Any, refuse: Any) -> None:
    accept("sky", MaskRuns((4, 10), (40,)), Asset(height=4))
    assert "? x 5" in str(refuse("sky", MaskRuns((4, 10), (40,)), Asset(height=5)))
