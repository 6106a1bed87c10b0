"""The SQLite database of the server: one writer, a reader per thread. Its tables are in tables.sql."""

from __future__ import annotations

import fcntl
import secrets
import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.identifiers import new_id, now

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# The version of tables.sql. Tables that are only added need no step: each is made when it is missing.
_VERSION = 2


class Store:
    """Rows come back as dictionaries. One transaction writes at a time; readers never wait."""

    def __init__(self, directory: Path) -> None:
        """Open or make the database in `directory`.

        Raises:
            BlockingIOError: another server uses the directory.
            ValueError: the database was made by a later version of the server.
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
        self._make_tables()
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

    def _make_tables(self) -> None:
        version = self._writer.execute("PRAGMA user_version").fetchone()["user_version"]
        if version > _VERSION:
            raise ValueError(f"{self._path} is of version {version}; this server knows versions up to {_VERSION}")
        self._writer.executescript((Path(__file__).parent / "tables.sql").read_text())
        self._writer.execute(f"PRAGMA user_version = {_VERSION}")

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
