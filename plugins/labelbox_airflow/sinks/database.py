"""Databases that exports are merged into: behind an Airflow connection, or in a file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelbox_airflow.engine.errors import ConfigurationError, SinkUnavailableError, SourceUnavailableError
from labelbox_airflow.sources.database import connect
from labelbox_airflow.sources.driver_errors import is_of_driver, nature, plain

if TYPE_CHECKING:
    from labelbox_airflow.engine.errors import DataIOError
    from labelbox_airflow.engine.exports.merge.load import MergeTarget
    from labelbox_airflow.engine.exports.merge.spec import MergeSpec

BUSY_SECONDS = 600.0
"""How long to wait for another process that has the file: DuckDB lets one in at a time."""
_SUFFIXES = {".duckdb": "duckdb", ".ddb": "duckdb", ".sqlite": "sqlite", ".sqlite3": "sqlite", ".db": "sqlite"}


@contextmanager
def open_merge_target(spec: MergeSpec, base: Path | None = None) -> Iterator[MergeTarget]:
    """Open the database of a table, and close it at the end of the block.

    :param base: what a relative path is relative to; the working directory when None
    :raises ConfigurationError: an unknown connection, a kind of database that is not merged into, refused credentials,
        missing rights, or what the database refuses for good
    :raises SinkUnavailableError: the database does not answer, or stays locked
    """
    place = f"{spec.connection or spec.database}:{spec.to}"
    with closing(_target(_opened(spec, base, place), place)) as target, _errors(place):
        yield target


def _opened(spec: MergeSpec, base: Path | None, place: str) -> Any:
    if spec.connection is None:
        return _open_file(spec.database or "", base, place)
    try:
        return connect(spec.connection, place)[1]
    except SourceUnavailableError as error:
        raise SinkUnavailableError(error.message, where=error.where, remedy=error.remedy) from error


def _open_file(database: str, base: Path | None, place: str) -> Any:
    kind, separator, name = database.partition(":///")
    if not separator:
        kind, name = _SUFFIXES.get(Path(database).suffix.lower(), ""), database
    path = (base or Path.cwd()) / name
    if kind not in {"sqlite", "duckdb"} or not path.name:
        raise ConfigurationError(
            f"'{database}' is no file of a database",
            where=place,
            remedy="Write duckdb:///path or sqlite:///path; for a database of another kind name its connection.",
        )
    if not path.parent.is_dir():
        raise ConfigurationError(f"there is no directory {path.parent}", where=place, remedy="Make it.")
    with _errors(place):
        return _sqlite(path) if kind == "sqlite" else _duckdb(path)


def _sqlite(path: Path) -> Any:
    import sqlite3

    return sqlite3.connect(path, timeout=BUSY_SECONDS)


def _duckdb(path: Path) -> Any:
    import duckdb

    deadline, pause = time.monotonic() + BUSY_SECONDS, 0.1
    while True:
        try:
            return duckdb.connect(str(path))
        except duckdb.IOException as error:
            if "lock" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(pause)
            pause = min(pause * 2, 5.0)


def _target(opened: Any, place: str) -> MergeTarget:
    from labelbox_airflow.engine.exports.merge.merging import SqlTarget

    driver = type(opened).__module__.partition(".")[0].lstrip("_")
    if driver == "sqlite3":
        from labelbox_airflow.engine.exports.merge.sqlite import SqliteDatabase

        return SqlTarget(SqliteDatabase(opened))
    if driver == "duckdb":
        from labelbox_airflow.engine.exports.merge.duckdb import DuckDBDatabase

        return SqlTarget(DuckDBDatabase(opened))
    if driver in {"psycopg", "psycopg2"}:
        from labelbox_airflow.engine.exports.merge.postgres import PostgresDatabase

        return SqlTarget(PostgresDatabase(opened))
    opened.close()
    raise ConfigurationError(
        f"exports are not merged into databases of the driver '{driver}'",
        where=place,
        remedy="Name a connection of Postgres, DuckDB or SQLite; for others write files.",
    )


@contextmanager
def _errors(place: str) -> Iterator[None]:
    """Turn errors of the driver into ones that name the database and the table."""
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) or not is_of_driver(error):  # of what is read, such as the lines on staging
            raise
        raise _failed(error, place) from error


def _failed(error: Exception, place: str) -> DataIOError:
    kind, text = nature(error), plain(error)
    if kind == "passing":
        return SinkUnavailableError(
            f"the database failed while it was written: {text}", where=place, remedy="A retry merges the load once."
        )
    if kind == "forbidden":
        return ConfigurationError(
            f"the database denies access: {text}",
            where=place,
            remedy="Let the user make tables in that schema, and own the table.",
        )
    return ConfigurationError(f"the database refuses the load: {text}", where=place)
