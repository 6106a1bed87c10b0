"""Databases as sources: an Airflow connection and a query or table become batches of rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from labelbox_airflow.engine.errors import ConfigurationError, SourceError, did_you_mean
from labelbox_airflow.engine.window import Window, WindowSpec
from labelbox_airflow.sources.sql_statement import QueryWindow, Statement, names_window, rendered
from labelbox_airflow.sources.transform import TransformSpec

if TYPE_CHECKING:
    import pyarrow as pa

    from labelbox_airflow.engine.records import Batch, Rejected
    from labelbox_airflow.engine.tables.python_values import ValueColumns
    from labelbox_airflow.sources.database import Database, Result

FIRST_ROWS = 16
BATCH_BYTES = 32 << 20
EVERYTHING = QueryWindow(datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))

_TABLE = re.compile(r"""(?:[\w$-]+|"[^"]+"|`[^`]+`)(?:\.(?:[\w$-]+|"[^"]+"|`[^`]+`))*""")


class SqlSourceSpec(TransformSpec):
    """A query or table of any database that Airflow's common SQL reaches."""

    type: Literal["sql"]
    connection: str = Field(min_length=1, description="Airflow connection of the database.")
    query: str | None = Field(
        None,
        min_length=1,
        description="A SELECT, or a .sql file beside the sync file: a Jinja template, `{{ window.start }}` is bound.",
    )
    table: str | None = Field(None, min_length=1, description="Table or view, such as `public.receipts`.")
    params: dict[str, str | int | float | bool | None] = Field(
        default_factory=dict, description="Values that the query binds as `{{ params.<name> }}`."
    )
    window: WindowSpec | None = Field(None, description="How a run's window selects; without it every run reads all.")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.query is None) == (self.table is None):
            raise ValueError(f"give exactly one of query or table (given: {'both' if self.query else 'none'})")
        if self.table is not None and not _TABLE.fullmatch(self.table):
            raise ValueError(f"table: '{self.table}' is no name of a table; quote other characters, or give a query")
        by = self.window.by if self.window is not None else None
        if by in {"path", "modified"}:
            raise ValueError(f"window: a database has no {by} to go by; use by: column, or by: query")
        if self.table is not None and (by == "query" or self.params):
            raise ValueError("window: {by: query} and params go with query")
        return self

    @property
    def waits(self) -> bool:
        """A database is read as it is."""
        return False

    @property
    def query_file(self) -> str | None:
        """The name of the file that holds the query; None where it is given itself."""
        query = self.query
        return query if query is not None and re.fullmatch(r"\S+\.sql", query) else None


class SqlSource:
    """Reads one query or table.

    :param base: what the file of a query is relative to; the working directory when None
    :param batch_rows: most rows in a batch; fewer where rows are large
    """

    def __init__(self, spec: SqlSourceSpec, base: Path | None = None, *, batch_rows: int = 10_000) -> None:
        self.spec = spec
        self.place = f"{spec.connection}:{spec.table or spec.query_file or 'query'}"
        self._base = base or Path.cwd()
        self._batch_rows = batch_rows

    def check(self) -> None:
        """Raise unless the database can be opened and has the table, or the query is a template.

        :raises ConfigurationError: for an unknown connection, refused credentials, missing rights, a bad template
        :raises SourceError: for a missing table
        """
        from labelbox_airflow.sources.database import open_database

        with open_database(self.spec.connection, self.place) as database:
            if self.spec.table is not None:
                self._table_columns(database)
            else:
                self._query(None)

    def read(self, window: Window | None, columns: Sequence[str] | None = None) -> Iterator[Batch]:
        """Yield the rows that ``window`` selects; memory does not grow with their number where the driver streams.

        :param window: None reads everything, also where the source has a window
        :param columns: the columns wanted; all when None
        :raises ConfigurationError: for an unknown connection, refused credentials, missing rights, a bad template
        :raises SourceError: for a table or column that is not there, or a query that the database refuses
        :raises SourceUnavailableError: when the database does not answer, or ends the connection
        """
        from labelbox_airflow.engine.tables.within import read_within
        from labelbox_airflow.sources.database import open_database

        with open_database(self.spec.connection, self.place) as database:
            yield from read_within(self.spec.window, window, columns, partial(self._read, database))

    def _read(self, database: Database, columns: Sequence[str] | None, reach: Window | None) -> Iterator[Batch]:
        if self.spec.table is not None:
            statement = self._table_statement(database, columns, reach)
        else:
            statement = self._query(reach)
        with database.execute(statement, streamed=True) as result:
            yield from self._batches(result, columns)

    def _query(self, reach: Window | None) -> Statement:
        text = self._template()
        how = self.spec.window
        named = names_window(text, self.place)
        if named and how is None:
            raise ConfigurationError(
                "the query reads window, which the source has none of",
                where=self.place,
                remedy="Add window: {by: query}.",
            )
        if how is not None and how.by == "query" and not named:
            raise ConfigurationError(
                "the query does not read the window that it is to go by",
                where=self.place,
                remedy="Compare with {{ window.start }} and {{ window.end }}, or leave out window.",
            )
        window = QueryWindow(reach.start, reach.end) if reach is not None else EVERYTHING
        return rendered(text, {"window": window, "params": self.spec.params}, self.place)

    def _template(self) -> str:
        name = self.spec.query_file
        if name is None:
            return self.spec.query or ""
        try:
            return (self._base / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"the file of the query cannot be read ({error})",
                where=str(self._base / name),
                remedy="Name it relative to the sync file.",
            ) from error

    def _table_columns(self, database: Database) -> list[str]:
        statement = Statement([f"SELECT * FROM {self.spec.table} WHERE 1 = 0"])  # noqa: S608  checked by _TABLE
        with database.execute(statement) as result:
            result.fetch(1)
            return result.names

    def _table_statement(self, database: Database, columns: Sequence[str] | None, reach: Window | None) -> Statement:
        from labelbox_airflow.engine.tables.within import bounds_within

        known = self._table_columns(database)
        wanted = [database.quoted(name) for name, _ in self._matched(columns, known)]
        text = f"SELECT {', '.join(wanted) or '1'} FROM {self.spec.table}"  # noqa: S608  names the table has
        how = self.spec.window
        if how is None or how.column is None or reach is None:
            return Statement([text])
        ((name, _),) = self._matched([how.column], known)
        column = database.quoted(name)
        bounds = bounds_within(self._kind(database, column), reach, how.zone)
        if bounds is None:
            return Statement([text])
        # Rows without a time are read too, to be rejected with the reason.
        pieces = [f"{text} WHERE ({column} >= ", f" AND {column} <= ", f") OR {column} IS NULL"]
        return Statement(pieces, bounds)

    def _kind(self, database: Database, column: str) -> pa.DataType:
        """Return the type of a column's values, as one of them shows it."""
        from labelbox_airflow.engine.tables.python_values import ValueColumns

        statement = Statement([f"SELECT {column} FROM {self.spec.table} WHERE {column} IS NOT NULL"])  # noqa: S608
        with database.execute(statement, streamed=True) as result:
            return ValueColumns([column]).batch(result.fetch(1)).schema.types[0]

    def _matched(self, asked: Sequence[str] | None, known: Sequence[str]) -> list[tuple[str, str]]:
        """Return each column wanted as (its name there, the name it is asked for by); letter case may differ."""
        if asked is None:
            return [(name, name) for name in known]
        folded = {name.casefold(): name for name in known}
        found = []
        for column in dict.fromkeys(asked):
            name = column if column in known else folded.get(column.casefold())
            if name is None:
                raise SourceError(
                    f"there is no column '{column}' (connection '{self.spec.connection}')",
                    where=self.place,
                    remedy=did_you_mean(column, known),
                )
            found.append((name, column))
        return found

    def _batches(self, result: Result, columns: Sequence[str] | None) -> Iterator[Batch]:
        from labelbox_airflow.engine.tables.batches import check_names
        from labelbox_airflow.engine.tables.python_values import ValueColumns

        first, size = 1, FIRST_ROWS
        rows = result.fetch(size)
        check_names(result.names, self.place)
        matched = self._matched(columns, result.names)
        made = ValueColumns(result.names)
        while rows:
            batch = self._batch(made, rows, first)
            size = self._next_size(size, batch.rows.nbytes, len(rows))
            first += len(rows)
            chosen = batch.rows.select([name for name, _ in matched]).rename_columns([name for _, name in matched])
            yield replace(batch, rows=chosen)
            rows = result.fetch(size)

    def _batch(self, made: ValueColumns, rows: Sequence[Sequence[Any]], first: int) -> Batch:
        from labelbox_airflow.engine.records import Batch
        from labelbox_airflow.engine.tables.python_values import too_large

        large = {index: cell for index, row in enumerate(rows) if (cell := too_large(row)) is not None}
        positions: Sequence[int] = range(first, first + len(rows))
        if large:
            positions = [position for index, position in enumerate(positions) if index not in large]
        kept = [row for index, row in enumerate(rows) if index not in large] if large else rows
        rejected = tuple(self._too_large(made.names[cell], first + index) for index, cell in large.items())
        return Batch(made.batch(kept), self.place, positions, None, rejected, position_word="row")

    def _too_large(self, column: str, position: int) -> Rejected:
        from labelbox_airflow.engine.records import Rejected

        return Rejected(
            origin=f"{self.place} row {position}",
            stage="read",
            code="cell_too_large",
            reason=f"The column '{column}' has more than 16 MB; store a URL of the content instead.",
            field=column,
        )

    def _next_size(self, size: int, held: int, rows: int) -> int:
        """Return how many rows to fetch next, so that a batch stays small where rows are large."""
        fitting = BATCH_BYTES * rows // max(1, held)
        return max(1, min(size * 16, fitting, self._batch_rows))
