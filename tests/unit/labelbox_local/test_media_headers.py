"""What is read of assets: of whole ones, and of ones that are cut short or are something else."""

from __future__ import annotations

import io
import struct
import wave
import zlib
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image

from labelbox_local.media_headers import media_attributes


@dataclass
class Bytes:
    """An asset in memory."""

    content: bytes
    content_type: str = "application/octet-stream"

    @property
    def size(self) -> int:
        return len(self.content)

    def read(self, start: int, size: int) -> bytes:
        return self.content[start : start + size]


def picture(kind: str, **options: Any) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (300, 7)).save(content, kind, **options)
    return content.getvalue()


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def film(kind: bytes = b"vide", frames: tuple[tuple[int, int], ...] = ((75, 512),), between: int = 0) -> bytes:
    """A film of 640 by 360 pixels, with `frames` of (count, ticks) at 12,800 ticks a second; `moov` comes last."""
    ticks = sum(count * length for count, length in frames)
    times = struct.pack(">II", 0, len(frames)) + b"".join(struct.pack(">II", *each) for each in frames)
    track = box(
        b"trak",
        box(b"tkhd", bytes(76), struct.pack(">II", 640 << 16, 360 << 16)),
        box(
            b"mdia",
            box(b"mdhd", bytes(12), struct.pack(">II", 12_800, ticks), bytes(4)),
            box(b"hdlr", bytes(8), kind, bytes(12)),
            box(b"minf", box(b"stbl", box(b"stts", times))),
        ),
    )
    return box(b"ftyp", b"isom") + box(b"mdat", bytes(between)) + box(b"moov", box(b"mvhd", bytes(100)), track)


def sound() -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(bytes(4 * 8_000 * 2))
    return content.getvalue()


FRAME = b"\xff\xfb\x90\x00"  # MPEG 1 layer 3, 128 kbit/s, 44.1 kHz
TAG = b"ID3\x04\0\0\0\0\1\0" + bytes(128)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_a_picture_has_a_size(kind: str) -> None:
    options = {"exif": b"Exif\0\0" + bytes(2_000)} if kind == "JPEG" else {}
    found = media_attributes(Bytes(picture(kind, **options)))
    assert found == {"width": 300, "height": 7, "mimeType": f"image/{kind.lower()}"}


@pytest.mark.parametrize("options", [{"lossless": True}, {"exif": b"Exif\0\0" + bytes(20)}])
def test_every_form_of_webp_has_a_size(options: dict[str, Any]) -> None:
    assert media_attributes(Bytes(picture("WEBP", **options))) == {"width": 300, "height": 7, "mimeType": "image/webp"}


@pytest.mark.parametrize("between", [0, 1_000_000])
def test_a_film_has_a_size_a_length_and_frames(between: int) -> None:
    assert media_attributes(Bytes(film(between=between))) == {
        "width": 640, "height": 360, "duration": 3.0, "frameCount": 75, "frameRate": 25.0, "mimeType": "video/mp4",
    }  # fmt: skip


def test_a_film_whose_frames_last_differently_has_their_mean_rate() -> None:
    found = media_attributes(Bytes(film(frames=((10, 512), (5, 1_024)))))
    assert (found["frameCount"], found["duration"], found["frameRate"]) == (15, 0.8, 18.75)


def test_a_film_without_a_picture_is_a_sound() -> None:
    assert media_attributes(Bytes(film(b"soun"))) == {"duration": 3.0, "mimeType": "audio/mp4"}


def test_a_sound_has_a_length() -> None:
    assert media_attributes(Bytes(sound())) == {"duration": 2.0, "mimeType": "audio/wav"}


@pytest.mark.parametrize("tag", [b"", TAG])
def test_an_mp3_has_the_length_of_its_size_or_of_its_counted_frames(tag: bytes) -> None:
    constant = tag + FRAME + bytes(16_000 * 3 - 4)
    assert media_attributes(Bytes(constant)) == {"duration": 3.0, "mimeType": "audio/mpeg"}
    counted = tag + FRAME + bytes(32) + b"Xing" + struct.pack(">II", 1, 441) + bytes(400)
    assert media_attributes(Bytes(counted)) == {"duration": 11.52, "mimeType": "audio/mpeg"}


def test_a_document_has_pages() -> None:
    content = io.BytesIO()
    pages = [Image.new("RGB", (300, 7)) for _ in range(3)]
    pages[0].save(content, "PDF", save_all=True, append_images=pages[1:])
    assert media_attributes(Bytes(content.getvalue())) == {
        "pageCount": 3, "width": 300.0, "height": 7.0, "mimeType": "application/pdf",
    }  # fmt: skip


def test_a_document_may_be_packed() -> None:
    packed = zlib.compress(b"<</Type/Pages/Count 2/MediaBox[0 0 612 792]>> <</Type/Page>> <</Type /Page>>")
    content = b"%PDF-1.5\n1 0 obj<</Type/ObjStm/Filter/FlateDecode>>stream\n" + packed + b"\nendstream"
    assert media_attributes(Bytes(content)) == {
        "pageCount": 2, "width": 612.0, "height": 792.0, "mimeType": "application/pdf",
    }  # fmt: skip


def test_a_text_has_characters() -> None:
    found = media_attributes(Bytes("größer\n".encode(), "text/plain"))
    assert found == {"characterCount": 7, "mimeType": "text/plain"}
    assert media_attributes(Bytes(b"\xff\xfe", "text/plain")) == {"mimeType": "text/plain"}


@pytest.mark.parametrize(
    "content",
    [b"", b"words", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0", b"GIF89a", b"BM", b"RIFF\0\0\0\0WEBP", b"II*\0\4"],
)
def test_what_is_none_of_these_has_its_declared_type(content: bytes) -> None:
    assert media_attributes(Bytes(content, "application/x")) == {"mimeType": "application/x"}


@pytest.mark.parametrize("whole", [film(), sound(), TAG + FRAME + bytes(500), picture("TIFF"), picture("WEBP")])
def test_what_is_cut_short_says_less_and_breaks_nothing(whole: bytes) -> None:
    for length in range(0, len(whole), 1 + len(whole) // 200):
        assert "mimeType" in media_attributes(Bytes(whole[:length]))
