"""Media attributes: width, height and type of images, read from the assets the server may reach."""

from __future__ import annotations

import logging
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.identifiers import now
from labelbox_local.s3 import allowed, endpoint_of, fetch

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

logger = logging.getLogger(__name__)
_BATCH = 200
_PARALLEL = 4
# Start-of-frame markers of JPEG; C4, C8 and CC mean other things.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def wants_media_attributes(platform: Platform, row_data: str, integration: str | None) -> bool:
    """Whether the asset is a URL the server may read, directly or with the integration of the dataset."""
    return row_data.startswith(("http://", "https://")) and _source(platform, row_data, integration) is not None


def _source(platform: Platform, url: str, integration: str | None) -> tuple[str, dict[str, str]] | None:
    """Where to read the asset, and the headers to send; None when it must not be read."""
    endpoint = endpoint_of(platform, integration)
    try:
        own = endpoint.object_url(url) if endpoint else None
        if endpoint and own and allowed(platform, own):
            return own, endpoint.signed_headers("GET", own)
        return (url, {}) if allowed(platform, url) else None
    except ValueError:
        # Not every text that begins like a URL is one.
        return None


def start_media_reader(platform: Platform) -> None:
    """Start the thread that fills in what is missing, at once and whenever `media_wanted` is set."""
    platform.media_reader = threading.Thread(target=_run, args=(platform,), name="media", daemon=True)
    platform.media_wanted.set()
    platform.media_reader.start()


def _run(platform: Platform) -> None:
    with ThreadPoolExecutor(_PARALLEL) as pool:
        while platform.media_wanted.wait() and not platform.stopping.is_set():
            platform.media_wanted.clear()
            try:
                while not platform.stopping.is_set() and _fill(platform, pool):
                    pass
            except Exception:
                logger.exception("Reading media attributes failed unexpectedly")


def _fill(platform: Platform, pool: ThreadPoolExecutor) -> bool:
    """Read one batch; whether there was any."""
    rows = platform.store.rows(
        "SELECT data_row.seq, row_data, dataset.signer FROM data_row JOIN dataset ON dataset.id = data_row.dataset"
        " WHERE media_state = 1 LIMIT ?",
        _BATCH,
    )
    if not rows:
        return False
    found = list(pool.map(lambda row: _read(platform, row), rows))
    moment = now()
    with platform.store.writing() as write:
        write.executemany(
            "UPDATE data_row SET media_attributes = ?, media_state = 0, updated_at = ? WHERE seq = ? AND row_data = ?",
            [(attributes, moment, row["seq"], row["row_data"]) for row, attributes in zip(rows, found, strict=True)],
        )
    return True


def _read(platform: Platform, row: dict[str, Any]) -> str | None:
    source = _source(platform, row["row_data"], row["signer"])
    if source is None:
        return None
    try:
        content, content_type = fetch(*source)
    except (OSError, ValueError) as error:
        logger.info("No media attributes for data row %s: %s", row["seq"], error)
        return None
    return orjson.dumps(media_attributes(content, content_type)).decode()


def media_attributes(content: bytes, content_type: str) -> dict[str, Any]:
    """What the first bytes of an asset tell: `mimeType`, and `width` and `height` in pixels of an image."""
    for mime_type, measure in (("image/png", _png), ("image/jpeg", _jpeg), ("image/gif", _gif), ("image/bmp", _bmp)):
        try:
            size = measure(content)
        except (struct.error, IndexError):
            size = None
        if size:
            return {"width": size[0], "height": size[1], "mimeType": mime_type}
    return {"mimeType": content_type}


def _png(content: bytes) -> tuple[int, ...] | None:
    return struct.unpack(">II", content[16:24]) if content.startswith(b"\x89PNG\r\n\x1a\n") else None


def _gif(content: bytes) -> tuple[int, ...] | None:
    return struct.unpack("<HH", content[6:10]) if content[:6] in {b"GIF87a", b"GIF89a"} else None


def _bmp(content: bytes) -> tuple[int, ...] | None:
    # The height is negative when the rows run from the top.
    return tuple(map(abs, struct.unpack("<ii", content[18:26]))) if content.startswith(b"BM") else None


def _jpeg(content: bytes) -> tuple[int, ...] | None:
    if not content.startswith(b"\xff\xd8"):
        return None
    place = 2
    while content[place] == 0xFF:
        marker = content[place + 1]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", content[place + 5 : place + 9])
            return width, height
        place += 2 + int(struct.unpack(">H", content[place + 2 : place + 4])[0])
    return None
