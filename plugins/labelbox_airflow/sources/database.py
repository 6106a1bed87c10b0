"""A database behind an Airflow connection, whose errors say which connection, which table and what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from labelbox_airflow.engine.errors import ConfigurationError, SourceError, SourceUnavailableError
from labelbox_airflow.sources.driver_errors import is_of_driver, nature, not_opened, plain
from labelbox_airflow.sources.storage import require_connection

if TYPE_CHECKING:
    from labelbox_airflow.engine.errors import DataIOError
    from labelbox_airflow.sources.sql_statement import Statement

_BACKTICKS = ("mysql", "databricks", "gcpbigquery", "hive_cli", "hiveserver2", "spark_sql")


@contextmanager
def open_database(connection: str, place: str) -> Iterator[Database]:
    """Open the database of an Airflow connection, and close it at the end of the block; nothing is committed.

    :param place: what messages call what is read
    :raises ConfigurationError: for an unknown connection, one of no database, or refused credentials
    :raises SourceUnavailableError: when the database does not answer
    """
    hook, opened, kind = connect(connection, place)
    with closing(opened):
        yield Database(hook, opened, kind, connection, place)


def connect(connection: str, place: str) -> tuple[Any, Any, str]:
    """Open the database of an Airflow connection; return its hook, the driver's connection, and the connection's type.

    :raises ConfigurationError: for an unknown connection, one of no database, or refused credentials
    :raises SourceUnavailableError: when the database does not answer
    """
    found = require_connection(connection, place)
    hook = _hook(found, connection, place)
    try:
        return hook, hook.get_conn(), found.conn_type
    except Exception as error:
        raise not_opened(error, connection, place) from error


def _hook(found: Any, connection: str, place: str) -> Any:
    from airflow.sdk.exceptions import AirflowException

    try:
        from airflow.providers.common.sql.hooks.sql import DbApiHook
    except ImportError as error:
        raise ConfigurationError(
            "the SQL support of Airflow is not installed",
            where=place,
            remedy="Install airflow-provider-labelbox[sql], and the provider of the database.",
        ) from error
    try:
        hook = found.get_hook()
    except (AirflowException, ImportError) as error:
        raise ConfigurationError(
            f"the connection '{connection}' of type '{found.conn_type}' cannot be used ({error})",
            where=place,
            remedy=f"Install the Airflow provider of '{found.conn_type}', or correct the connection's type.",
        ) from error
    if not isinstance(hook, DbApiHook):
        raise ConfigurationError(
            f"the connection '{connection}' is of type '{found.conn_type}', which is no database",
            where=place,
            remedy="Name a connection of a database, such as one of type postgres.",
        )
    return hook


class Database:
    """An open connection to a database.

    :ivar paramstyle: how the driver writes placeholders, as in DB-API
    """

    def __init__(self, hook: Any, opened: Any, kind: str, connection: str, place: str) -> None:
        self._opened, self._connection, self._place = opened, connection, place
        module = type(opened).__module__
        self._named_cursors = module.partition(".")[0] in {"psycopg", "psycopg2"}
        self._quote = "`{}`" if kind in _BACKTICKS else hook.escape_word_format
        self.paramstyle = _paramstyle(module.lstrip("_")) or ("qmark" if hook.placeholder == "?" else "pyformat")

    def quoted(self, name: str) -> str:
        """Return the name of a column as SQL takes it, whatever its letters."""
        mark = self._quote[-1]
        return str(self._quote.format(name.replace(mark, mark * 2)))

    @contextmanager
    def execute(self, statement: Statement, *, streamed: bool = False) -> Iterator[Result]:
        """Run a statement and give its result.

        :param streamed: fetch the rows bit by bit, from a cursor at the server where the driver has such
        :raises ConfigurationError: for missing rights
        :raises SourceError: for a table or column that is not there, or a statement that the database refuses
        """
        text, values = statement.bound(self.paramstyle)
        with self.errors():
            named = streamed and self._named_cursors
            cursor = self._opened.cursor(name=f"labelbox_{uuid4().hex}") if named else self._opened.cursor()
        with closing(cursor):
            with self.errors():
                cursor.execute(text) if values is None else cursor.execute(text, values)
            yield Result(self, cursor)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn errors of the driver into ones that name the connection and what is read."""
        try:
            yield
        except Exception as error:
            if not is_of_driver(error):
                raise
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> DataIOError:
        kind, text, via = nature(error), plain(error), f"(connection '{self._connection}')"
        if kind == "forbidden":
            return ConfigurationError(
                f"the database denies access: {text} {via}",
                where=self._place,
                remedy="Let the connection's user select from it.",
            )
        if kind == "missing":
            return SourceError(
                f"{text} {via}", where=self._place, remedy="Correct the table, its columns or the query."
            )
        if kind == "passing":
            return SourceUnavailableError(
                f"the database failed while it was read: {text} {via}", where=self._place, remedy="Run again."
            )
        return SourceError(f"the database refuses the query: {text} {via}", where=self._place)


class Result:
    """The result of a statement, to be fetched row by row.

    :ivar names: its columns; known once rows were fetched
    """

    def __init__(self, database: Database, cursor: Any) -> None:
        self._database, self._cursor = database, cursor

    @property
    def names(self) -> list[str]:
        """The columns; known once rows were fetched."""
        return [str(column[0]) for column in self._cursor.description or ()]

    def fetch(self, count: int) -> Sequence[Sequence[Any]]:
        """Return the next rows, ``count`` at most; none at the end."""
        with self._database.errors():
            rows: Sequence[Any] = self._cursor.fetchmany(count)
        if rows and isinstance(rows[0], dict):  # as the connection's own choice of cursor has it
            return [tuple(row.values()) for row in rows]
        return rows


def _paramstyle(module: str) -> str | None:
    """Return the paramstyle that the driver with the class ``module`` declares, None where it does not."""
    while module:
        style = getattr(sys.modules.get(module), "paramstyle", None)
        if style is not None:
            return str(style)
        module = module.rpartition(".")[0]
    return None
