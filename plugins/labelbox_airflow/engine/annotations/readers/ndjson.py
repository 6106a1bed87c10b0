"""The NDJSON of Labelbox's annotation imports: one annotation a line, as files of models and of the SDK have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import orjson

from labelbox_airflow.engine.annotations.model import DataRow, Origin
from labelbox_airflow.engine.annotations.ndjson.line import LineReader
from labelbox_airflow.engine.annotations.problems import AnnotationError, RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.tables.batches import shown
from labelbox_airflow.engine.tables.streams import buffered

MAX_LINE_BYTES = 256 << 20  # one line can hold the masks of all frames of a video as PNGs

_BOM = b"\xef\xbb\xbf"


def read_ndjson(file: BinaryIO, place: str) -> Iterator[Read]:
    """Yield what each line is, in the order of the file; memory does not grow with it, blank lines are passed.

    Rejected, while the rest goes on: a line that is no JSON (``bad_json``, with the position in the line) and one that
    is no annotation. Lines end at a line feed alone, so that the other line separators of Unicode may stand in texts.

    :param file: open for reading bytes, seekable or not, and unpacked
    :param place: what messages and origins call the file
    :raises SourceError: for bytes that are no UTF-8, a JSON array in place of lines, or a line over 256 MB
    """
    reader, lines, position = LineReader(place), buffered(file), 0
    while line := lines.readline(MAX_LINE_BYTES + 1):
        position += 1
        if position == 1:
            line = _start(line, place)
        if len(line) > MAX_LINE_BYTES:
            raise SourceError(
                f"line {position} is longer than {MAX_LINE_BYTES >> 20} MB",
                where=place,
                remedy="NDJSON has one annotation a line; give the masks of long videos by instanceURI.",
            )
        if line and not line.isspace():
            yield _read(reader, line.rstrip(b"\r\n"), Origin(place, position))


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
            remedy="Write one annotation a line, without brackets around them and commas between: jq -c '.[]' FILE.",
        )
    return line


def _read(reader: LineReader, line: bytes, origin: Origin) -> Read:
    try:
        parsed = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return _no_json(line, error, origin)
    try:
        return reader.read(parsed, origin.position)
    except AnnotationError as error:
        return _rejected(parsed, error, origin)


def _no_json(line: bytes, error: orjson.JSONDecodeError, origin: Origin) -> RejectedAnnotation:
    """:raises SourceError: the line is no text at all"""
    try:
        text = line.decode()
    except UnicodeDecodeError as wrong:
        reason = f"byte {wrong.start + 1} of the line is {line[wrong.start]:#04x}"
        raise _wrong_encoding(origin.place, origin.position, reason) from None
    reason = f"column {error.pos + 1}: the line is no JSON: {error.msg}. NDJSON has one annotation a line."
    return RejectedAnnotation(origin, "bad_json", reason, line={"line": shown(text)})


def _wrong_encoding(place: str, position: int, reason: str) -> SourceError:
    return SourceError(
        f"line {position} is not UTF-8: {reason}",
        where=place,
        remedy="NDJSON is UTF-8: iconv -f utf-16 -t utf-8 FILE, with the encoding that the file has.",
    )


def _rejected(line: Any, error: AnnotationError, origin: Origin) -> RejectedAnnotation:
    """Return the reject of a parsed line, with what it says about itself as far as that can be read."""
    said: Mapping[str, Any] = line if type(line) is dict else {"line": line}
    return RejectedAnnotation(
        origin=origin,
        code=error.code,
        reason=str(error),
        field=error.field,
        data_row=_data_row(said.get("dataRow")),
        class_name=_text(said.get("name")) or _text(said.get("schemaId")) or _text(said.get("featureName")),
        source_id=_text(said.get("uuid")),
        line=said,
    )


def _data_row(named: Any) -> DataRow | None:
    if type(named) is not dict:
        return None
    key, row_id = _text(named.get("globalKey")), _text(named.get("id"))
    if key is not None:
        return DataRow(key)
    return DataRow(id=row_id) if row_id is not None else None


def _text(value: Any) -> str | None:
    return value if type(value) is str and value else None
