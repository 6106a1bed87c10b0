"""The boxes of an MP4 film that say how large, how long and how fast it is (ISO/IEC 14496-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from labelbox_local.media_headers import Asset

_MOST = 64 * 1024 * 1024


class _Box(NamedTuple):
    kind: bytes
    body: bytes


def _boxes(content: bytes) -> Iterator[_Box]:
    place = 0
    while place + 8 <= len(content):
        size, kind = struct.unpack(">I4s", content[place : place + 8])
        head = 8
        if size == 1:
            (size,), head = struct.unpack(">Q", content[place + 8 : place + 16]), 16
        size = size or len(content) - place
        if size < head:
            return
        yield _Box(kind, content[place + head : place + size])
        place += size


def _inner(content: bytes, *path: bytes) -> bytes | None:
    """The body of the first box at the end of a path of kinds."""
    for kind in path:
        found = next((box.body for box in _boxes(content) if box.kind == kind), None)
        if found is None:
            return None
        content = found
    return content


class Boxes:
    """The `moov` box of a film."""

    def __init__(self, moov: bytes) -> None:
        self._moov = moov

    @classmethod
    def of_film(cls, asset: Asset) -> Boxes | None:
        """Walk the outermost boxes by their heads: `moov` may come last, after everything that is shown."""
        place = 0
        while len(head := asset.read(place, 16)) >= 8:
            size, kind = struct.unpack(">I4s", head[:8])
            start = 8
            if size == 1:
                (size,), start = struct.unpack(">Q", head[8:16]), 16
            if kind == b"moov":
                return cls(asset.read(place + start, min(size - start, _MOST) if size else _MOST))
            if size < start:
                return None
            place += size
        return None

    def attributes(self) -> dict[str, Any]:
        """Size, seconds and frames of the picture; of a file without one, that it is a sound, and its seconds."""
        tracks = [box.body for box in _boxes(self._moov) if box.kind == b"trak"]
        for track in tracks:
            if (_inner(track, b"mdia", b"hdlr") or b"")[8:12] == b"vide":
                return _of_picture(track)
        seconds = _seconds(_inner(tracks[0], b"mdia", b"mdhd")) if tracks else None
        return {"duration": seconds, "mimeType": "audio/mp4"} if seconds else {"mimeType": "video/mp4"}


def _of_picture(track: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    head = _inner(track, b"tkhd")
    if head and len(head) >= 8:
        # 16.16 fixed point, at the end of the box in both of its versions.
        width, height = struct.unpack(">II", head[-8:])
        found |= {"width": width >> 16, "height": height >> 16}
    seconds = _seconds(_inner(track, b"mdia", b"mdhd"))
    frames = _frames(_inner(track, b"mdia", b"minf", b"stbl", b"stts"))
    if seconds:
        found["duration"] = round(seconds, 3)
    if frames:
        found["frameCount"] = frames
    if seconds and frames:
        found["frameRate"] = round(frames / seconds, 3)
    return {**found, "mimeType": "video/mp4"}


def _seconds(head: bytes | None) -> float | None:
    if not head:
        return None
    scale, length = struct.unpack(">IQ", head[20:32]) if head[0] == 1 else struct.unpack(">II", head[12:20])
    return float(length / scale) if scale else None


def _frames(times: bytes | None) -> int:
    """The number of frames, by the table of how many last how long."""
    if not times:
        return 0
    (entries,) = struct.unpack(">I", times[4:8])
    return sum(struct.unpack(">I", times[8 + 8 * number : 12 + 8 * number])[0] for number in range(entries))
