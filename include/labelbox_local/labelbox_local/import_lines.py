"""Reads the file of an annotation import: every line is checked, and kept with what it says or what is wrong."""

from __future__ import annotations

import sqlite3
import uuid
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import orjson

from labelbox_local.annotations import AnnotationError, AnnotationReader
from labelbox_local.annotations.line import Annotation, read_data_row
from labelbox_local.annotations.masks import MaskSource
from labelbox_local.store import as_list
from labelbox_local.workers import TaskFailedError, TaskStoppedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labelbox_local.mask_pixels import MaskInspector
    from labelbox_local.platform import Platform

_CHUNK = 5_000
_TABLES = """
CREATE TABLE line (
    position INTEGER PRIMARY KEY, data_row INTEGER, row_id TEXT, global_key TEXT, uuid TEXT, part TEXT, contents BLOB,
    benchmark INTEGER, error BLOB);
CREATE TABLE mask (
    position INTEGER, feature TEXT, frame INTEGER, uri TEXT, png BLOB, color TEXT, height INTEGER, width INTEGER,
    runs TEXT);
"""


class Lines:
    """The lines of one import between reading and storing, in a database that vanishes with its connection."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA synchronous=OFF")
        self.connection.execute("PRAGMA journal_mode=OFF")
        self.connection.execute("PRAGMA cache_size=-32000")
        self.connection.executescript(_TABLES)

    def close(self) -> None:
        self.connection.close()

    def add(self, lines: list[tuple[Any, ...]], masks: list[tuple[Any, ...]]) -> None:
        self.connection.execute("BEGIN")
        self.connection.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", lines)
        self.connection.executemany("INSERT INTO mask VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", masks)
        self.connection.execute("COMMIT")

    def arrange(self) -> None:
        """Make going through the lines of one data row after the other quick, once all are there."""
        self.connection.execute("CREATE INDEX line_data_row ON line (data_row, position) WHERE error IS NULL")
        self.connection.execute("CREATE INDEX mask_position ON mask (position)")

    def fail(self, position: int, error: AnnotationError) -> None:
        self.connection.execute(
            "UPDATE line SET error = ? WHERE position = ?", (orjson.dumps(error.status()), position)
        )

    def good(self) -> Iterator[tuple[int, int, str, str, bytes, int]]:
        """Position, data row, uuid, part, contents and benchmark flag of the good lines, by data row.

        Lines that were handed out may be failed meanwhile.
        """
        last = (-1, -1)
        sql = (
            "SELECT position, data_row, uuid, part, contents, benchmark FROM line WHERE error IS NULL"
            " AND (data_row, position) > (?, ?) ORDER BY data_row, position LIMIT ?"
        )
        while found := self.connection.execute(sql, (*last, _CHUNK)).fetchall():
            yield from found
            last = (found[-1][1], found[-1][0])

    def masks(self, position: int) -> list[tuple[Any, ...]]:
        """Feature, frame, uri, png, color, height, width and runs of the masks of a line."""
        return self.connection.execute(
            "SELECT feature, frame, uri, png, color, height, width, runs FROM mask WHERE position = ?", (position,)
        ).fetchall()

    def counts(self) -> tuple[int, int]:
        """How many lines are good, and how many not."""
        found: tuple[int, int] = self.connection.execute(
            "SELECT coalesce(sum(error IS NULL), 0), coalesce(sum(error IS NOT NULL), 0) FROM line"
        ).fetchone()
        return found

    def statuses(self, *, failed_only: bool = False) -> Iterator[bytes]:
        """The lines of the status file, or of the error file, in the order of the import."""
        where = "WHERE error IS NOT NULL " if failed_only else ""
        sql = f"SELECT uuid, row_id, global_key, error FROM line {where}ORDER BY position"  # noqa: S608 - constants
        for line_uuid, row_id, key, error in self.connection.execute(sql):
            named = {"id": row_id} if key is None else {"id": row_id, "globalKey": key}
            status = {
                "uuid": line_uuid,
                "dataRow": named,
                "status": "FAILURE" if error else "SUCCESS",
                "errors": [orjson.Fragment(error)] if error else [],
            }
            yield orjson.dumps(status, option=orjson.OPT_APPEND_NEWLINE)


class Found(NamedTuple):
    """A data row that lines name. `inside`: it is in the project or model run of the import."""

    seq: int
    id: str
    inside: bool
    media_attributes: str | None


class LineReader:
    """Reads the lines of a file in chunks, so that any number of them takes little memory."""

    def __init__(
        self,
        platform: Platform,
        reader: AnnotationReader,
        find_rows: Callable[[list[str], list[str]], dict[tuple[str, str], Found]],
        inspector: MaskInspector,
        drop_every: int = 0,
    ) -> None:
        """`find_rows` gives the rows by `("id", …)` and `("globalKey", …)` for lists of ids and of global keys.

        Every `drop_every`-th line fails on purpose.
        """
        self.platform = platform
        self.reader = reader
        self.find_rows = find_rows
        self.inspector = inspector
        self.drop_every = drop_every
        self.lines = Lines()
        self._seen: set[str] = set()

    def read(self, file: BinaryIO, check_stop: Callable[[], None]) -> Lines:
        """Raises:
        TaskStoppedError: from `check_stop`.
        TaskFailedError: more lines than one import may have.
        """
        position, most = 0, self.platform.switches.import_annotations
        while chunk := list(islice(file, _CHUNK)):
            check_stop()
            parsed = [_parse(line) for line in chunk if line.strip()]
            if position + len(parsed) > most:
                raise TaskFailedError(f"More than {most} annotations in one import")
            self._read_chunk(parsed, position)
            position += len(parsed)
        self.lines.arrange()
        return self.lines

    def _read_chunk(self, parsed: list[Any], first: int) -> None:
        named = [_named(line) for line in parsed]
        ids = [each[1] for each in named if isinstance(each, tuple) and each[0] == "id"]
        keys = [each[1] for each in named if isinstance(each, tuple) and each[0] == "globalKey"]
        rows = self.find_rows(ids, keys)
        lines: list[tuple[Any, ...]] = []
        masks: list[tuple[Any, ...]] = []
        for position, (line, name) in enumerate(zip(parsed, named, strict=True), start=first):
            row = rows.get(name) if isinstance(name, tuple) else None
            try:
                if self.drop_every and position % self.drop_every == 0:
                    raise AnnotationError("The line was made to fail", name="InternalError")  # noqa: TRY301
                annotation = self._read_line(line, name, row)
            except AnnotationError as error:
                lines.append((position, row and row.seq, *_shown(line, name, row), None, None, 0, _dump(error)))
                continue
            if annotation.masks:
                masks += [_mask_values(position, mask) for mask in annotation.masks]
            key = name[1] if name[0] == "globalKey" else None
            contents = orjson.dumps(annotation.contents)
            uid = annotation.uuid or str(uuid.uuid4())
            lines.append(
                (
                    position,
                    row and row.seq,
                    row and row.id,
                    key,
                    uid,
                    annotation.part,
                    contents,
                    annotation.is_benchmark,
                    None,
                )
            )
        self.lines.add(lines, masks)

    def _read_line(self, line: Any, name: Any, row: Found | None) -> Annotation:
        """Raises: AnnotationError."""
        for wrong in (line, name):
            if isinstance(wrong, AnnotationError):
                raise wrong
        annotation = self.reader.read(line)
        if row is None:
            raise AnnotationError(f"Data row with {name[0]} {name[1]} not found", name="DataRowNotFound")
        if not row.inside:
            raise AnnotationError(
                f"Data row {name[1]} is not in the {self.inspector.place}", name="DataRowNotInProject"
            )
        if annotation.uuid is not None:
            plain = annotation.uuid.replace("-", "").strip("{}").lower()
            if plain in self._seen:
                raise AnnotationError(
                    f"{annotation.uuid} already used in this import job, must be unique for the project.",
                    name="UuidError",
                )
            self._seen.add(plain)
        for mask in annotation.masks:
            self.inspector.check(mask, row.media_attributes)
        return annotation


def check_stop(platform: Platform, task_id: str) -> None:
    """Raises: TaskStoppedError: the server stops, or the task was cancelled."""
    status = platform.store.row("SELECT status FROM task WHERE id = ?", task_id)
    if platform.stopping.is_set() or status is None or status["status"] != "IN_PROGRESS":
        raise TaskStoppedError


def _parse(line: bytes) -> Any:
    try:
        parsed = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return AnnotationError(f"The line is not valid JSON: {error}", name="InvalidJson")
    if type(parsed) is not dict:
        return AnnotationError("The line is not a JSON object", name="InvalidJson")
    return parsed


def _named(line: Any) -> Any:
    """How a line names its data row, or what is wrong with that."""
    if isinstance(line, AnnotationError):
        return line
    try:
        return read_data_row(line)
    except AnnotationError as error:
        return error


def _shown(line: Any, name: Any, row: Found | None) -> tuple[str | None, str | None, str | None]:
    """Data row id, global key and uuid of a failed line, as far as they can be told."""
    key = name[1] if isinstance(name, tuple) and name[0] == "globalKey" else None
    row_id = row.id if row else name[1] if isinstance(name, tuple) and name[0] == "id" else None
    line_uuid = line.get("uuid") if isinstance(line, dict) else None
    return row_id, key, line_uuid if isinstance(line_uuid, str) else None


def _dump(error: AnnotationError) -> bytes:
    return orjson.dumps(error.status(), default=str)


def _mask_values(position: int, mask: MaskSource) -> tuple[Any, ...]:
    color = bytes(mask.color).hex() if mask.color else None
    height, width = mask.size or (None, None)
    runs = as_list(mask.runs) if mask.runs is not None else None
    return (position, mask.feature, mask.frame, mask.uri, mask.png, color, height, width, runs)
