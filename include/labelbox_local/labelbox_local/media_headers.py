"""What the headers of an asset say: size of pictures, length of films, sounds, documents and texts.

Sources: ISO/IEC 14496-12 (MP4), RFC 9649 (WebP), TIFF 6.0, ISO 11172-3 (MP3), ISO 32000 (PDF). The exported names
`width`, `height`, `mime_type`, `frame_rate` and `frame_count` are the platform's; `duration` (seconds), `page_count`
and `character_count` are not confirmed.
"""

from __future__ import annotations

import io
import re
import struct
import wave
import zlib
from typing import Any, Protocol

from labelbox_local.media_boxes import Boxes

# Start-of-frame markers of JPEG; C4, C8 and CC mean other things.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START = 262_144
_WHOLE = 64 * 1024 * 1024
_MP3_BITRATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MP3_RATES = (44_100, 48_000, 32_000)
_OBJECT_STREAM = re.compile(rb"/ObjStm\b.*?stream\r?\n", re.DOTALL)
_PAGE = re.compile(rb"/Type\s*/Page\b")
_PAGE_BOX = re.compile(rb"/MediaBox\s*\[\s*([-\d.]+)\s+([-\d.]+)\s+([-\d.]+)\s+([-\d.]+)")


class Asset(Protocol):
    """A file that can be read in pieces."""

    content_type: str
    size: int | None  # bytes, when it is known

    def read(self, start: int, size: int) -> bytes:
        """Up to `size` bytes from `start`. Raises: OSError."""


def media_attributes(asset: Asset) -> dict[str, Any]:
    """`mimeType`, and what else can be read of the kind of asset; a file that is cut short says less, never wrong."""
    start = asset.read(0, _START)
    for measure in (_picture, _webp, _tiff, _film, _sound, _document, _text):
        try:
            found = measure(asset, start)
        except (struct.error, IndexError, ValueError, EOFError, wave.Error, zlib.error):
            found = None
        if found:
            return found
    return {"mimeType": asset.content_type}


def _picture(_: Asset, start: bytes) -> dict[str, Any] | None:
    kinds = (("image/png", _png), ("image/jpeg", _jpeg), ("image/gif", _gif), ("image/bmp", _bmp))
    for mime_type, measure in kinds:
        size = measure(start)
        if size:
            return {"width": size[0], "height": size[1], "mimeType": mime_type}
    return None


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


def _webp(_: Asset, start: bytes) -> dict[str, Any] | None:
    if start[:4] != b"RIFF" or start[8:12] != b"WEBP":
        return None
    kind = start[12:16]
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(start[place : place + 3], "little") for place in (24, 27))
    elif kind == b"VP8L":
        (bits,) = struct.unpack("<I", start[21:25])
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    else:
        width, height = (value & 0x3FFF for value in struct.unpack("<HH", start[26:30]))
    return {"width": width, "height": height, "mimeType": "image/webp"}


def _tiff(asset: Asset, start: bytes) -> dict[str, Any] | None:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(start[:4])
    if order is None:
        return None
    (place,) = struct.unpack(f"{order}I", start[4:8])
    directory = asset.read(place, _START)
    (count,) = struct.unpack(f"{order}H", directory[:2])
    found: dict[int, int] = {}
    for number in range(count):
        entry = directory[2 + 12 * number : 14 + 12 * number]
        tag, kind = struct.unpack(f"{order}HH", entry[:4])
        found[tag] = struct.unpack(f"{order}H" if kind == 3 else f"{order}I", entry[8 : 10 if kind == 3 else 12])[0]
    size = {"width": found[256], "height": found[257]} if {256, 257} <= found.keys() else {}
    return {**size, "mimeType": "image/tiff"}


def _film(asset: Asset, start: bytes) -> dict[str, Any] | None:
    if start[4:8] != b"ftyp":
        return None
    boxes = Boxes.of_film(asset)
    return boxes.attributes() if boxes else {"mimeType": "video/mp4"}


def _sound(asset: Asset, start: bytes) -> dict[str, Any] | None:
    if start[:4] == b"RIFF" and start[8:12] == b"WAVE":
        with wave.open(io.BytesIO(start)) as sound:
            return {"duration": sound.getnframes() / sound.getframerate(), "mimeType": "audio/wav"}
    is_mp3 = start.startswith(b"ID3") or (start[:1] == b"\xff" and start[1] & 0xE6 == 0xE2)
    return _mp3(asset, start) if is_mp3 else None


def _mp3(asset: Asset, start: bytes) -> dict[str, Any]:
    """Seconds by the count of frames, where it is given, else by the rate of the first frame."""
    tag = 0
    if start.startswith(b"ID3"):
        tag = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(start[6:10], (21, 14, 7, 0), strict=True))
        start = asset.read(tag, _START)
    (head,) = struct.unpack(">I", start[:4])
    if head >> 17 != 0x7FFD:
        # Only MPEG 1 layer 3 is read: what else there is keeps its type.
        return {"mimeType": "audio/mpeg"}
    bitrate, rate = _MP3_BITRATES[head >> 12 & 0xF] * 1000, _MP3_RATES[head >> 10 & 3]
    counted = re.search(rb"(?:Xing|Info)(....)(....)", start[:512], re.DOTALL)
    if counted and counted[1][3] & 1:
        seconds = int.from_bytes(counted[2]) * 1152 / rate
    elif asset.size is not None and bitrate:
        seconds = (asset.size - tag) * 8 / bitrate
    else:
        return {"mimeType": "audio/mpeg"}
    return {"duration": round(seconds, 3), "mimeType": "audio/mpeg"}


def _document(asset: Asset, start: bytes) -> dict[str, Any] | None:
    if not start.startswith(b"%PDF-"):
        return None
    content = asset.read(0, _WHOLE)
    packed = (_OBJECT_STREAM.finditer(content)) if b"/ObjStm" in content else ()
    content += b"\n".join(zlib.decompressobj().decompress(content[each.end() :], _WHOLE) for each in packed)
    pages, box = len(_PAGE.findall(content)), _PAGE_BOX.search(content)
    found: dict[str, Any] = {"pageCount": pages} if pages else {}
    if box:
        left, bottom, right, top = map(float, box.groups())
        found |= {"width": right - left, "height": top - bottom}
    return {**found, "mimeType": "application/pdf"}


def _text(asset: Asset, _: bytes) -> dict[str, Any] | None:
    if not asset.content_type.startswith("text/"):
        return None
    text = asset.read(0, _WHOLE).decode(errors="strict")
    return {"characterCount": len(text), "mimeType": asset.content_type}
