"""Files of JSON, one object a line, on their way to a reader of annotations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson

from labelbox_airflow.engine.annotations.model import Origin
from labelbox_airflow.engine.annotations.problems import RejectedAnnotation
from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.tables.batches import shown
from labelbox_airflow.engine.tables.streams import buffered

MAX_LINE_BYTES = 256 << 20  # one line can hold the masks of all frames of a video as PNGs

_BOM = b"\xef\xbb\xbf"


def parsed_lines(file: BinaryIO, place: str) -> Iterator[tuple[Origin, Any]]:
    """Yield each line's JSON, or a `RejectedAnnotation` for a line that is none; blank lines are passed.

    Lines end at a line feed alone, so that the other line separators of Unicode may stand in texts.

    :param file: open for reading bytes, seekable or not, and unpacked
    :param place: what messages and origins call the file
    :raises SourceError: for bytes that are no UTF-8, a JSON array in place of lines, or a line over 256 MB
    """
    lines, position = buffered(file), 0
    while line := lines.readline(MAX_LINE_BYTES + 1):
        position += 1
        if position == 1:
            line = _start(line, place)
        if len(line) > MAX_LINE_BYTES:
            raise SourceError(
                f"line {position} is longer than {MAX_LINE_BYTES >> 20} MB",
                where=place,
                remedy="NDJSON has one object a line; give the masks of long videos by instanceURI.",
            )
        if line and not line.isspace():
            origin = Origin(place, position)
            yield origin, _parsed(line.rstrip(b"\r\n"), origin)


def _start(line: bytes, place: str) -> bytes:
    """Return the first line without its byte order mark.

    :raises SourceError: it shows that the file is something else
    """
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _wrong_encoding(place, 1, "it begins with the mark of UTF-16")
    line = line.removeprefix(_BOM)
    if line.lstrip().startswith(b"["):
        raise SourceError(
            "this is a JSON array, not NDJSON",
            where=place,
            remedy="Write one object a line, without brackets around them and commas between: jq -c '.[]' FILE.",
        )
    return line


def _parsed(line: bytes, origin: Origin) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return _no_json(line, error, origin)


def _no_json(line: bytes, error: orjson.JSONDecodeError, origin: Origin) -> RejectedAnnotation:
    """:raises SourceError: the line is no text at all"""
    try:
        text = line.decode()
    except UnicodeDecodeError as wrong:
        reason = f"byte {wrong.start + 1} of the line is {line[wrong.start]:#04x}"
        raise _wrong_encoding(origin.place, origin.position, reason) from None
    reason = f"column {error.pos + 1}: the line is no JSON: {error.msg}. NDJSON has one object a line."
    return RejectedAnnotation(origin, "bad_json", reason, line={"line": shown(text)})


def _wrong_encoding(place: str, position: int, reason: str) -> SourceError:
    return SourceError(
        f"line {position} is not UTF-8: {reason}",
        where=place,
        remedy="NDJSON is UTF-8: iconv -f utf-16 -t utf-8 FILE, with the encoding that the file has.",
    )
