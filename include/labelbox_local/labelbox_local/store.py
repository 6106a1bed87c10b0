"""The SQLite database of the server: tables, one writer, a reader per thread."""

from __future__ import annotations

import fcntl
import secrets
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.identifiers import new_id, now

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_TABLES = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS dataset (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL, signer TEXT,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);

-- metadata is a JSON object by field id; an enum holds the list of its option ids.
-- media_state: 0 nothing to do, 1 media attributes are to be read.
CREATE TABLE IF NOT EXISTS data_row (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, dataset TEXT NOT NULL, global_key TEXT UNIQUE,
    external_id TEXT, row_data TEXT NOT NULL, media_type TEXT, metadata TEXT NOT NULL, media_attributes TEXT,
    media_state INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    last_activity_at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS data_row_dataset ON data_row (dataset);
CREATE INDEX IF NOT EXISTS data_row_external_id ON data_row (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS data_row_media ON data_row (media_state) WHERE media_state = 1;

CREATE TABLE IF NOT EXISTS attachment (
    id TEXT PRIMARY KEY, data_row INTEGER NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL, name TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS attachment_data_row ON attachment (data_row);

CREATE TABLE IF NOT EXISTS embedding (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, dims INTEGER NOT NULL, custom INTEGER NOT NULL);
-- numbers are little-endian 64-bit floats.
CREATE TABLE IF NOT EXISTS vector (
    data_row INTEGER NOT NULL, embedding TEXT NOT NULL, numbers BLOB NOT NULL, clusters TEXT);
CREATE UNIQUE INDEX IF NOT EXISTS vector_data_row ON vector (data_row, embedding);
CREATE INDEX IF NOT EXISTS vector_embedding ON vector (embedding);

CREATE TABLE IF NOT EXISTS metadata_field (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, reserved INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS metadata_option (
    id TEXT PRIMARY KEY, field TEXT NOT NULL, name TEXT NOT NULL, position INTEGER NOT NULL, UNIQUE (field, name));

CREATE TABLE IF NOT EXISTS integration (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, provider TEXT NOT NULL, settings TEXT NOT NULL, endpoint TEXT,
    valid INTEGER NOT NULL, last_valid_at INTEGER, is_default INTEGER NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);

CREATE TABLE IF NOT EXISTS upload (
    id TEXT PRIMARY KEY, filename TEXT NOT NULL, content_type TEXT NOT NULL, created_at INTEGER NOT NULL,
    consumed INTEGER NOT NULL DEFAULT 0);

-- progress is a JSON object, written in the transaction of the work it stands for, so that a task survives a restart.
CREATE TABLE IF NOT EXISTS task (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL,
    payload TEXT NOT NULL, fault TEXT, progress TEXT NOT NULL DEFAULT '{}', succeeded INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0, result TEXT, due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS import_success (
    task INTEGER NOT NULL, position INTEGER NOT NULL, data_row TEXT NOT NULL,
    PRIMARY KEY (task, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS import_failure (
    task INTEGER NOT NULL, position INTEGER NOT NULL, message TEXT NOT NULL, spec TEXT NOT NULL,
    PRIMARY KEY (task, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS export_chunk (
    task TEXT NOT NULL, first_byte INTEGER NOT NULL, last_byte INTEGER NOT NULL,
    first_line INTEGER NOT NULL, last_line INTEGER NOT NULL, PRIMARY KEY (task, first_byte)) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS job (
    id TEXT PRIMARY KEY, result BLOB NOT NULL, due_at INTEGER NOT NULL, created_at INTEGER NOT NULL);
"""


class Store:
    """Rows come back as dictionaries. One transaction writes at a time; readers never wait."""

    def __init__(self, directory: Path) -> None:
        """Open or make the database in `directory`.

        Raises:
            BlockingIOError: another server uses the directory.
        """
        directory.mkdir(parents=True, exist_ok=True)
        # The database may hold the keys of private buckets.
        directory.chmod(0o700)
        self._held = (directory / "lock").open("w")
        fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._path = directory / "labelbox.sqlite"
        self._write_lock = threading.Lock()
        self._threads = threading.local()
        self._writer = self.connect(cache_kilobytes=64_000)
        self._writer.executescript(_TABLES)
        self.organization = self._setting("organization", new_id)
        self.user = self._setting("user", new_id)
        self.started = int(self._setting("started", lambda: str(now())))
        self.secret = self._setting("secret", lambda: secrets.token_hex(32)).encode()

    def connect(self, cache_kilobytes: int = 8_000) -> sqlite3.Connection:
        """A connection of its own, for a long read."""
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=60)
        connection.row_factory = _as_dictionary
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"cache_size=-{cache_kilobytes}", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def close(self) -> None:
        with self._write_lock:
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._writer.close()
        self._held.close()

    @property
    def reader(self) -> sqlite3.Connection:
        """The reading connection of the current thread."""
        if not hasattr(self._threads, "reader"):
            self._threads.reader = self.connect()
        return self._threads.reader  # type: ignore[no-any-return]

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        return self.reader.execute(sql, parameters).fetchall()

    def row(self, sql: str, *parameters: Any) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.reader.execute(sql, parameters).fetchone()
        return found

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction on the writing connection."""
        with self._write_lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    def _setting(self, name: str, make: Any) -> str:
        """A value that is made once and stays for the life of the directory."""
        with self.writing() as write:
            write.execute("INSERT OR IGNORE INTO setting VALUES (?, ?)", (name, make()))
            found = write.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return str(found["value"])


def as_list(values: Iterable[Any]) -> str:
    """Values for `IN (SELECT value FROM json_each(?))`, which has no limit on their number."""
    return orjson.dumps(list(values)).decode()


def _as_dictionary(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, values, strict=True)}
