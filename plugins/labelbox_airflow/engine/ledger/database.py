"""The ledger's database: connections, transactions, and what differs between SQLite and Postgres."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ClauseElement,
    Column,
    Connection,
    CursorResult,
    Engine,
    Executable,
    FromClause,
    MetaData,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    create_engine,
    event,
    func,
    insert,
    inspect,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, NoSuchModuleError, OperationalError

from labelbox_airflow.engine.errors import ConfigurationError, DataIOError
from labelbox_airflow.engine.ledger.schema import SCHEMA_VERSION, metadata, schema_versions

BUSY_TIMEOUT_SECONDS = 60
CONNECT_SECONDS = 15  # Airflow gives a callback in the DAG processor 50
_SCHEMA_LOCK = 0x4C42_4C44_4752  # "LBLDGR": one number for every process that makes the tables
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS: dict[type, Any] = {str: Text, int: BigInteger}


class LedgerUnavailableError(DataIOError):
    """The ledger database does not answer or stays locked; a retry may help."""


def to_microseconds(moment: datetime) -> int:
    """Return microseconds since the epoch; raises ValueError for a time without a timezone."""
    if moment.tzinfo is None:
        raise ValueError(f"the time {moment.isoformat()} has no timezone")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(value: int) -> datetime:
    """Return the UTC time of ``value`` microseconds since the epoch."""
    return _EPOCH + timedelta(microseconds=value)


class Session:
    """One open transaction, speaking SQLAlchemy Core; ``now`` is in microseconds since the epoch."""

    def __init__(self, connection: Connection, now: int, lease: int) -> None:
        self.connection = connection
        self.now = now
        self.lease_until = now + lease
        self.postgres = connection.dialect.name == "postgresql"

    def execute(self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None) -> CursorResult[Any]:
        """Run a Core statement, with ``rows`` once for each of them."""
        return self.connection.execute(statement, rows)

    def tuples(self, query: Select[Any]) -> list[tuple[Any, ...]]:
        """Return the rows of a query for numbers and texts as the driver gives them, which costs a third."""
        cursor: Any = self.connection.execute(query).cursor
        return list(cursor.fetchall())

    def pairs(self, query: Select[Any]) -> Iterator[tuple[Any, Any]]:
        """Return the rows of a query for two columns, ready for ``dict``."""
        return ((row[0], row[1]) for row in self.connection.execute(query))

    def insert(self, table: Table) -> Any:
        """Return an INSERT into ``table`` that offers ``on_conflict_do_update`` and ``on_conflict_do_nothing``."""
        return postgresql.insert(table) if self.postgres else sqlite.insert(table)

    def keys(self, keys: Iterable[str]) -> Any:
        """Return what ``column.in_`` takes for any number of keys in a single parameter."""
        if self.postgres:
            return select(func.unnest(_array(keys, str)))
        listed = orjson.dumps(list(keys)).decode()
        return select(func.json_each(bindparam(None, listed)).table_valued("value").c.value)

    def numbers(self, by_text: Mapping[str, int]) -> FromClause:
        """Return texts and their numbers as something to join with: columns ``key`` and ``value``."""
        if self.postgres:
            columns = _array(by_text, str), _array(by_text.values(), int)
            return func.unnest(*columns).table_valued("key", "value").render_derived()
        return func.json_each(bindparam(None, orjson.dumps(by_text).decode())).table_valued("key", "value")

    def execute_each(self, statement: ClauseElement, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run a statement for each row, a value for each of its parameters; for SQLite, where that is fastest."""
        self.connection.exec_driver_sql(str(statement.compile(dialect=self.connection.dialect)), rows)

    @contextmanager
    def relation(self, columns: Mapping[str, type], rows: Sequence[Sequence[Any]]) -> Iterator[FromClause]:
        """Offer ``rows`` as something to select from, whatever their number.

        :param columns: name → ``str`` or ``int``, in the order of the values of a row
        """
        if self.postgres:
            arrays = zip(*rows, strict=True) if rows else [()] * len(columns)
            values = [_array(array, kind) for array, kind in zip(arrays, columns.values(), strict=True)]
            typed = [Column(name, _KINDS[kind]) for name, kind in columns.items()]
            yield func.unnest(*values).table_valued(*typed, name="incoming").render_derived()
            return
        incoming = Table(
            "incoming",
            MetaData(),
            *(Column(name, _KINDS[kind]) for name, kind in columns.items()),
            prefixes=["TEMPORARY"],
        )
        incoming.create(self.connection, checkfirst=False)
        try:
            if rows:
                statement = str(insert(incoming).compile(dialect=self.connection.dialect))
                self.connection.exec_driver_sql(statement, [tuple(row) for row in rows])
            yield incoming
        finally:
            incoming.drop(self.connection, checkfirst=False)

    def lock(self, rows: Select[Any]) -> None:
        """Lock the selected rows in the order given, so that transactions meet in one order and cannot deadlock.

        SQLite has one writer at a time and needs none.
        """
        if self.postgres:
            locked = rows.with_for_update().subquery()
            self.connection.execute(select(func.count()).select_from(locked))

    def lock_number(self, kind: int, number: int) -> None:
        """Wait for a lock that one transaction at a time has until its end; SQLite has one writer and needs none."""
        if self.postgres:
            self.connection.execute(select(func.pg_advisory_xact_lock(kind, number)))


def _array(values: Iterable[Any], kind: type) -> Any:
    """Return an array as one text parameter: the parser of Postgres is slow with a list of 150,000 constants."""
    if kind is str:
        items = ("NULL" if value is None else _quoted(value) for value in values)
    else:
        items = ("NULL" if value is None else str(int(value)) for value in values)
    return cast(bindparam(None, "{" + ",".join(items) + "}", Text), ARRAY(_KINDS[kind]))


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class Database:
    """The engine behind a ledger; makes the tables when first used, safe for processes that start together.

    :param url: ``sqlite:///path`` or ``postgresql+psycopg2://…``
    :raises ConfigurationError: for a URL, directory or schema version that cannot be used
    """

    def __init__(self, url: str, *, lease: timedelta, clock: Callable[[], datetime]) -> None:
        self._url = _parse(url)
        self.place = self._url.set(query={}).render_as_string(hide_password=True)
        self._lease = lease // timedelta(microseconds=1)
        self._clock = clock
        self._ready = False
        self._preparing = threading.Lock()
        self._engine = self._sqlite() if self._url.get_backend_name() == "sqlite" else self._postgres()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a transaction that only reads."""
        self._prepare()
        with self._transaction(immediate=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a transaction that writes: committed at the end, rolled back on an error."""
        self._prepare()
        with self._transaction(immediate=True) as session:
            yield session

    @contextmanager
    def _transaction(self, *, immediate: bool) -> Iterator[Session]:
        with self._explained(), self._engine.connect() as connection:
            connection = connection.execution_options(immediate=immediate)
            with connection.begin():
                yield Session(connection, to_microseconds(self._clock()), self._lease)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise LedgerUnavailableError(
                f"the ledger database failed: {_first_line(error)}",
                where=self.place,
                remedy="Check that the database is running and can be reached and written; then try again.",
            ) from error
        except DatabaseError as error:
            if "not a database" not in str(error):
                raise
            raise ConfigurationError(
                "the file is not a SQLite database", where=self.place, remedy="Give the ledger a path of its own."
            ) from error

    def _sqlite(self) -> Engine:
        path = Path(str(self._url.database))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"the directory '{path.parent}' for the ledger cannot be made: {error.strerror}",
                where=self.place,
                remedy="Give the ledger a path in a directory that this user may write to.",
            ) from error
        engine = create_engine(
            self._url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}, hide_parameters=True, pool_reset_on_return=None
        )
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _postgres(self) -> Engine:
        try:
            return create_engine(
                self._url,
                pool_pre_ping=True,
                hide_parameters=True,
                connect_args={} if "connect_timeout" in self._url.query else {"connect_timeout": CONNECT_SECONDS},
            )
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"the driver '{error.name}' is not installed",
                where=self.place,
                remedy="Install airflow-provider-labelbox[postgres].",
            ) from error

    def _prepare(self) -> None:
        with self._preparing:
            if self._ready:
                return
            with self._transaction(immediate=False) as session:
                stored = self._stored_version(session)
                lacking = stored == SCHEMA_VERSION and _lacks_tables(session)
            if stored is None or lacking:
                stored = self._create()
            if stored > SCHEMA_VERSION:
                raise ConfigurationError(
                    f"the ledger has schema version {stored}, this package knows versions up to {SCHEMA_VERSION}",
                    where=self.place,
                    remedy="Upgrade airflow-provider-labelbox, or point this deployment at a ledger of its own.",
                )
            self._ready = True

    def _stored_version(self, session: Session) -> int | None:
        if not inspect(session.connection).has_table(schema_versions.name):
            return None
        return session.execute(select(func.max(schema_versions.c.version))).scalar()

    def _create(self) -> int:
        with self._transaction(immediate=True) as session:
            if session.postgres:
                session.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
            stored = self._stored_version(session)
            if stored is not None and stored != SCHEMA_VERSION:
                return stored
            metadata.create_all(session.connection)
            if stored is None:
                session.execute(insert(schema_versions).values(version=SCHEMA_VERSION))
            return SCHEMA_VERSION


def _lacks_tables(session: Session) -> bool:
    """Tell whether the ledger was made before this package knew all the tables it has now."""
    return not set(metadata.tables).issubset(inspect(session.connection).get_table_names())


def _parse(url: str) -> URL:
    remedy = "Use sqlite:////absolute/path/ledger.db or postgresql+psycopg2://user:password@host/database."
    try:
        parsed = make_url(url)
        if parsed.drivername in {"postgres", "postgresql"}:
            parsed = parsed.set(drivername="postgresql+psycopg2")
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ConfigurationError("the URL of the ledger database is not understood", remedy=remedy) from error
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise ConfigurationError(f"the ledger cannot be kept in '{parsed.get_backend_name()}'", remedy=remedy)
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise ConfigurationError("a ledger in memory would forget everything", remedy=remedy)
    return parsed


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # Without this the driver would open transactions by itself, deferred.
    connection.isolation_level = None
    _use_write_ahead_log(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA temp_store = MEMORY")
    # The small incoming table is always the outer loop; SQLite would sometimes scan the big one against an index of it.
    connection.execute("PRAGMA automatic_index = OFF")


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL; two processes that do so at once see 'locked' without SQLite waiting for the other."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]
