"""The work of an upsert task: uploaded chunks become data rows, batch by batch."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import RowError
from labelbox_local.held_keys import held_among
from labelbox_local.identifiers import new_ids, now
from labelbox_local.media import wants_media_attributes
from labelbox_local.ontology import load_ontology
from labelbox_local.rows import Row, RowReader
from labelbox_local.store import as_list
from labelbox_local.workers import TaskStoppedError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from labelbox_local.platform import Platform

logger = logging.getLogger(__name__)

# Rows a transaction: large enough to be fast, small enough that other writers wait a moment only.
_BATCH = 2_000
_DROPPED = "Failed to create data rows after 5 retries. This chunk's data rows will not be imported"


def run_import(platform: Platform, task: dict[str, Any]) -> None:
    """Work through the chunks of a task from where it stands.

    Raises:
        TaskStoppedError: cancelled or interrupted; what is done stays done.
        OSError, ValueError: a chunk cannot be read.
    """
    progress = orjson.loads(task["progress"]) or {"chunk": 0, "item": 0, "position": 0}
    chunks: list[str] = orjson.loads(task["payload"])["chunks"]
    for number in range(progress["chunk"], len(chunks)):
        items = _read_chunk(platform.uploads / chunks[number])
        start = progress["item"] if number == progress["chunk"] else 0
        for first in range(start, len(items), _BATCH):
            batch = items[first : first + _BATCH]
            after = {"chunk": number, "item": first + len(batch), "position": progress["position"] + len(batch)}
            _Batch(platform, task, progress["position"]).run(batch, after)
            progress = after
        progress = {"chunk": number + 1, "item": 0, "position": progress["position"]}


def _read_chunk(path: Path) -> list[Any]:
    content = path.read_bytes()
    try:
        items = orjson.loads(content)
    except orjson.JSONDecodeError:
        items = _read_lenient(content)
    if not isinstance(items, list):
        raise ValueError("a chunk must be a JSON array")  # noqa: TRY004 - the content is wrong, not the argument
    return items


def _read_lenient(content: bytes) -> Any:
    """JSON as Python's own library writes it, and so the SDK: NaN and Infinity, huge integers, lone surrogates.

    Raises:
        ValueError: not even that.
    """
    items = json.loads(content.decode(errors="replace"), parse_int=_read_integer)
    return json.loads(json.dumps(items, ensure_ascii=False).encode(errors="replace"))


def _read_integer(digits: str) -> int | float:
    # Beyond 64 bits neither the database nor the JSON encoder takes an integer.
    return int(digits) if len(digits) < 19 else float(digits)


class _Batch:
    """Some rows of a task, applied in one transaction and in order."""

    def __init__(self, platform: Platform, task: dict[str, Any], position: int) -> None:
        self.platform = platform
        self.task = task
        self.position = position
        self.moment = now()
        self.failures: list[tuple[int, int, str, bytes]] = []
        self.successes: list[tuple[int, int, str]] = []
        self.inserts: list[tuple[Any, ...]] = []
        self.attachments: list[tuple[int, str, str, str | None]] = []
        self.vectors: list[tuple[int, str, bytes, str | None]] = []
        self.pending: set[int] = set()

    def run(self, items: list[Any], progress: dict[str, int]) -> None:
        store = self.platform.store
        rows = list(self._read(items))
        with store.writing() as write:
            self.write = write
            status = write.execute("SELECT status FROM task WHERE seq = ?", (self.task["seq"],)).fetchone()["status"]
            if self.platform.stopping.is_set() or status != "IN_PROGRESS":
                raise TaskStoppedError
            self._look_up(write, rows)
            for row in rows:
                try:
                    self._apply(row)
                except RowError as error:
                    self._fail(row.position, items[row.position - self.position], str(error))
            self._flush()
            self._record(write, progress)
        if self.pending:
            self.platform.media_wanted.set()

    def _read(self, items: list[Any]) -> Iterator[Row]:
        reader = row_reader(self.platform)
        every = (orjson.loads(self.task["fault"] or "{}")).get("every", 0)
        for position, item in enumerate(items, start=self.position):
            if every and position % every == 0:
                self._fail(position, item, _DROPPED)
                continue
            try:
                yield reader.read(position, item)
            except RowError as error:
                self._fail(position, item, str(error))

    def _look_up(self, write: sqlite3.Connection, rows: list[Row]) -> None:
        """Which rows, datasets and keys exist."""
        keys = {row.global_key for row in rows if row.global_key} | {row.key for row in rows if row.key_type == "GKEY"}
        ids = {row.key for row in rows if row.key_type == "ID"}
        by_key = "SELECT global_key, seq FROM data_row WHERE global_key IN (SELECT value FROM json_each(?))"
        by_id = "SELECT id, seq FROM data_row WHERE id IN (SELECT value FROM json_each(?))"
        self.by_key = {r["global_key"]: r["seq"] for r in write.execute(by_key, (as_list(keys),))}
        self.held = held_among(write, keys)
        self.by_id = {r["id"]: r["seq"] for r in write.execute(by_id, (as_list(ids),))}
        self.signers = {r["id"]: r["signer"] for r in write.execute("SELECT id, signer FROM dataset")}
        self.next_seq = write.execute("SELECT coalesce(max(seq), 0) + 1 AS next FROM data_row").fetchone()["next"]
        self.ids = iter(new_ids(len(rows)))

    def _apply(self, row: Row) -> None:
        if row.dataset not in self.signers:
            raise RowError(f"Dataset not found: [{row.dataset}]")
        if row.key_type == "AUTO":
            self._create(row)
            return
        seq = (self.by_key if row.key_type == "GKEY" else self.by_id).get(row.key)
        if seq is not None:
            self._update(row, seq)
        elif row.key_type == "GKEY" and self.platform.switches.upsert_unknown_key == "create":
            row.global_key = row.global_key or row.key
            self._create(row)
        else:
            raise RowError(f"Data row not found: '{row.key}'")

    def _create(self, row: Row) -> None:
        if row.row_data is None:
            raise RowError("row_data is required to create a data row")
        if row.global_key is not None:
            self._check_free(row.global_key)
            self.by_key[row.global_key] = self.next_seq
        seq, row_id, moment = self.next_seq, next(self.ids), self.moment
        self.next_seq += 1
        media_state = int(wants_media_attributes(self.platform, row.row_data, self.signers[row.dataset]))
        if media_state:
            self.pending.add(seq)
        metadata = orjson.dumps(row.metadata).decode()
        self.inserts.append(
            (seq, row_id, row.dataset, row.global_key, row.external_id, row.row_data, row.media_type, metadata,
             media_state, moment, moment, moment)
        )  # fmt: skip
        self._add_lists(row, seq)
        self.successes.append((self.task["seq"], row.position, row_id))

    def _update(self, row: Row, seq: int) -> None:
        self._flush()
        found = self.write.execute("SELECT id, dataset, global_key FROM data_row WHERE seq = ?", (seq,)).fetchone()
        changes: dict[str, Any] = {"updated_at": self.moment, "last_activity_at": self.moment}
        if "global_key" in row.given and row.global_key != found["global_key"]:
            self._check_free(row.global_key)
            self.by_key.pop(found["global_key"], None)
            self.by_key[str(row.global_key)] = seq
            changes["global_key"] = row.global_key
        for name in ("external_id", "media_type"):
            if name in row.given:
                changes[name] = getattr(row, name)
        if "metadata" in row.given:
            changes["metadata"] = orjson.dumps(row.metadata).decode()
        if row.row_data is not None:
            wanted = int(wants_media_attributes(self.platform, row.row_data, self.signers[found["dataset"]]))
            changes |= {"row_data": row.row_data, "media_attributes": None, "media_state": wanted}
            if wanted:
                self.pending.add(seq)
        assignments = ", ".join(f"{name} = ?" for name in changes)
        self.write.execute(f"UPDATE data_row SET {assignments} WHERE seq = ?", (*changes.values(), seq))  # noqa: S608
        if "attachments" in row.given:
            self.write.execute("DELETE FROM attachment WHERE data_row = ?", (seq,))
        if "embeddings" in row.given:
            self.write.execute("DELETE FROM vector WHERE data_row = ?", (seq,))
        self._add_lists(row, seq)
        self.successes.append((self.task["seq"], row.position, found["id"]))

    def _check_free(self, key: str | None) -> None:
        if key in self.by_key or key in self.held:
            raise RowError(f"Duplicate global key: '{key}'")

    def _add_lists(self, row: Row, seq: int) -> None:
        self.attachments.extend((seq, *attachment) for attachment in row.attachments)
        self.vectors.extend((seq, *vector) for vector in row.vectors)

    def _flush(self) -> None:
        """Write what is collected; an update must see the rows before it."""
        if self.inserts:
            self.write.executemany(
                "INSERT INTO data_row (seq, id, dataset, global_key, external_id, row_data, media_type, metadata,"
                " media_state, created_at, updated_at, last_activity_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                self.inserts,
            )
            self.inserts = []
        if self.attachments:
            ids = new_ids(len(self.attachments))
            self.write.executemany(
                "INSERT INTO attachment VALUES (?, ?, ?, ?, ?)",
                [(new, *rest) for new, rest in zip(ids, self.attachments, strict=True)],
            )
            self.attachments = []
        if self.vectors:
            self.write.executemany("INSERT INTO vector VALUES (?, ?, ?, ?)", self.vectors)
            self.vectors = []

    def _fail(self, position: int, item: Any, message: str) -> None:
        self.failures.append((self.task["seq"], position, message, _spec(item)))

    def _record(self, write: sqlite3.Connection, progress: dict[str, int]) -> None:
        write.executemany("INSERT INTO import_success VALUES (?, ?, ?)", self.successes)
        write.executemany("INSERT INTO import_failure VALUES (?, ?, ?, ?)", self.failures)
        write.execute(
            "UPDATE task SET progress = ?, succeeded = succeeded + ?, failed = failed + ?, updated_at = ?"
            " WHERE seq = ?",
            (orjson.dumps(progress).decode(), len(self.successes), len(self.failures), now(), self.task["seq"]),
        )


def row_reader(platform: Platform) -> RowReader:
    """A reader that knows today's fields and embeddings."""
    embeddings = platform.store.rows("SELECT id, dims FROM embedding WHERE custom")
    return RowReader(platform.switches, load_ontology(platform), {row["id"]: row["dims"] for row in embeddings})


def _spec(item: Any) -> bytes:
    """The failed row as the task's errors show it (SDK schema/task.py)."""
    payload = item.get("payload") if isinstance(item, dict) else None
    payload = payload if isinstance(payload, dict) else {}
    row_data = payload.get("row_data")
    return orjson.dumps(
        {
            "externalId": _shown(payload.get("external_id")),
            "globalKey": _shown(payload.get("global_key")),
            "rowData": _shown(row_data),
            "metadata": _shown_list(payload.get("metadata_fields") or payload.get("metadata")),
            "attachments": _shown_list(payload.get("attachments")),
        }
    )


def _shown(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def _shown_list(entries: Any) -> list[dict[str, Any]]:
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
