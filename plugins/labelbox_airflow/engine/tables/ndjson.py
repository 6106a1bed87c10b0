"""Reading JSON, one object a line, as a stream: every value is text, a bad line is rejected and the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, BinaryIO

import orjson

from labelbox_airflow.engine.collector import collector_paused
from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.records import Batch, Rejected
from labelbox_airflow.engine.tables.batches import BATCH_ROWS, shown
from labelbox_airflow.engine.tables.json_objects import NotAnObjectError, parse_object, text_columns, warn_of_absent
from labelbox_airflow.engine.tables.streams import MAX_RECORD_BYTES, buffered, packing_errors, unpacked

_BOM = b"\xef\xbb\xbf"


def read_ndjson(
    file: BinaryIO,
    place: str,
    columns: Sequence[str] | None = None,
    time: datetime | None = None,
    *,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[Batch]:
    """Yield the objects of an NDJSON file in batches of up to ``batch_rows``; memory does not grow with the file.

    Every value is text: a string as it is, any other as its JSON text (``12``, ``true``, ``[0.1,0.2]``); null and an
    absent key are null. Without ``columns`` each batch has the keys that its objects have. A key that no object of
    the file has is a column of nulls and a warning in the log, since keys may be left out where they have no value.
    Rejected, while the rest goes on: a line that is no JSON (``bad_json``), one that is no object (``not_an_object``).

    :param file: open for reading bytes, seekable or not; unpacked when ``place`` ends in ``.gz``
    :param place: what messages and origins call the file
    :raises SourceError: for a line over 16 MB, or a broken gzip file
    """
    wanted = list(dict.fromkeys(columns)) if columns is not None else None
    with packing_errors(place):
        records = _Records(unpacked(file, place), place)
        while records.take(batch_rows):
            names = wanted if wanted is not None else list(records.keys)
            yield Batch(
                rows=text_columns(records.objects, names),
                place=place,
                positions=records.positions,
                time=time,
                rejected=records.rejected,
            )
            records.seen.update(records.keys)
    warn_of_absent(wanted, records.seen, place)


class _Records:
    """Takes lines off the file, some at a time, and tells the good from the bad.

    :ivar objects: the objects taken last
    :ivar positions: for each of them its line
    :ivar keys: the keys of these objects, in the order they came
    :ivar rejected: the bad lines met meanwhile
    :ivar seen: keys of all batches so far
    """

    def __init__(self, file: BinaryIO, place: str) -> None:
        self._lines = buffered(file)
        self._place = place
        self._number = 0
        self.seen: dict[str, None] = {}
        self._forget()

    def _forget(self) -> None:
        self.objects: list[dict[str, Any]] = []
        self.positions: list[int] = []
        self.keys: dict[str, None] = {}
        self.rejected: list[Rejected] = []

    @collector_paused()
    def take(self, count: int) -> bool:
        """Take up to ``count`` lines in place of those taken before; False when there are no more."""
        self._forget()
        while len(self.positions) + len(self.rejected) < count:
            line = self._lines.readline(MAX_RECORD_BYTES + 1)
            if not line:
                break
            self._number += 1
            self._add(line)
        return bool(self.positions or self.rejected)

    def _add(self, line: bytes) -> None:
        if len(line) > MAX_RECORD_BYTES:
            raise SourceError(
                f"line {self._number} is longer than {MAX_RECORD_BYTES >> 20} MB",
                where=self._place,
                remedy="NDJSON has one object a line; an array, or one document over many lines, is something else.",
            )
        if self._number == 1:
            line = line.removeprefix(_BOM)
        if line.isspace() or not line:
            return
        try:
            value = parse_object(line)
        except orjson.JSONDecodeError as error:
            self._reject(line, "bad_json", f"The line is no JSON: {error}. NDJSON has one object a line.")
            return
        except NotAnObjectError as error:
            self._reject(line, "not_an_object", f"The line is {error}.")
            return
        self.objects.append(value)
        self.positions.append(self._number)
        self.keys.update(dict.fromkeys(value))

    def _reject(self, line: bytes, code: str, reason: str) -> None:
        self.rejected.append(
            Rejected(
                origin=f"{self._place} line {self._number}",
                stage="read",
                code=code,
                reason=reason,
                row={"line": shown(line.decode(errors="replace").rstrip("\r\n"))},
            )
        )
