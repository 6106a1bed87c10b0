"""Reading a JSON array of objects as a stream: every value is text, an element that is no object is rejected."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO

from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.records import Batch, Rejected
from labelbox_airflow.engine.tables.batches import BATCH_ROWS, shown
from labelbox_airflow.engine.tables.json_objects import cell_text, kind_of, text_columns, warn_of_absent
from labelbox_airflow.engine.tables.streams import CHUNK_BYTES, MAX_RECORD_BYTES, packing_errors, unpacked

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
_ARRAY = "Write [{...}, {...}], or one object a line, which is NDJSON (format: ndjson)."


def read_json_array(
    file: BinaryIO,
    place: str,
    columns: Sequence[str] | None = None,
    time: datetime | None = None,
    *,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[Batch]:
    """Yield the objects of a file with one JSON array in batches; memory does not grow with the file.

    Values and columns are as those of :func:`~labelbox_airflow.engine.tables.ndjson.read_ndjson`; the position of a
    row is its place in the array, from 1. An element that is no object is rejected (``not_an_object``).

    :raises SourceError: when the file is no JSON array in UTF-8, an element is over 16 MB, or its gzip is broken
    """
    wanted = list(dict.fromkeys(columns)) if columns is not None else None
    seen: dict[str, None] = {}
    with packing_errors(place):
        elements = enumerate(_Elements(unpacked(file, place), place), start=1)
        while taken := list(islice(elements, batch_rows)):
            objects = [value for _, value in taken if isinstance(value, dict)]
            keys = dict.fromkeys(key for record in objects for key in record)
            yield Batch(
                rows=text_columns(objects, wanted if wanted is not None else list(keys)),
                place=place,
                positions=[number for number, value in taken if isinstance(value, dict)],
                time=time,
                rejected=[_rejected(place, number, value) for number, value in taken if not isinstance(value, dict)],
                position_word="element",
            )
            seen.update(keys)
    warn_of_absent(wanted, seen, place)


def _rejected(place: str, number: int, value: Any) -> Rejected:
    return Rejected(
        origin=f"{place} element {number}",
        stage="read",
        code="not_an_object",
        reason=f"The element is a JSON {kind_of(value)}, not an object with keys.",
        row={"element": shown(cell_text(value) or "null")},
    )


class _Elements:
    """The elements of an array, decoded one by one from a window on the text."""

    def __init__(self, file: BinaryIO, place: str) -> None:
        self._file, self._place = file, place
        self._decode = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._ended = "", 0, False

    def __iter__(self) -> Iterator[Any]:
        if self._next() != "[":
            raise self._broken("is no JSON array")
        self._at += 1
        if self._next() == "]":
            self._at += 1
        else:
            yield from self._values()
        if self._next():
            raise self._broken("goes on after the array")

    def _values(self) -> Iterator[Any]:
        mark = ","
        while mark == ",":
            self._next()
            yield self._value()
            mark = self._next()
            self._at += 1
            if mark not in {",", "]"}:
                raise self._broken("has an element without a comma or ] after it, or was cut off")

    def _value(self) -> Any:
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except ValueError as error:
                if not self._more():
                    raise self._broken(f"is no sound JSON ({error})") from error
                continue
            except RecursionError as error:
                raise self._broken("is nested too deep") from error
            if end < len(self._text) or not self._more():  # a number may go on in the next chunk
                self._at = end
                return value

    def _next(self) -> str:
        """Skip white space and return the next character, not taken yet; empty at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space is not None else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Read on, and forget what was taken; False at the end of the file."""
        if self._ended:
            return False
        left = self._text[self._at :]
        if len(left) > MAX_RECORD_BYTES:
            raise self._broken(f"has an element over {MAX_RECORD_BYTES >> 20} MB, or one that is no sound JSON")
        data = self._file.read(max(CHUNK_BYTES, len(left)))  # so that a long element is not tried again too often
        self._ended = not data
        try:
            self._text, self._at = left + self._decode.decode(data, final=self._ended), 0
        except UnicodeDecodeError as error:
            raise SourceError("the file is not UTF-8", where=self._place, remedy="Save it as UTF-8.") from error
        return True

    def _broken(self, what: str) -> SourceError:
        return SourceError(f"the file {what}", where=self._place, remedy=_ARRAY)
