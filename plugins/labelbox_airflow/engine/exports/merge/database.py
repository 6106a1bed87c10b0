"""What merging needs of a SQL database, apart from the SQL that all of them understand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import pyarrow as pa

from labelbox_airflow.engine.exports.merge.names import cut, table_parts
from labelbox_airflow.engine.exports.records.arrow import TEXT


class Table(NamedTuple):
    """What SQL calls a table: its schema, empty where it is the usual one, and its name, both quoted."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


class SqlDatabase(ABC):
    """An open connection, which is used for nothing else.

    :cvar longest: bytes that the name of a column or table may have
    :cvar folds: names that differ in capital letters alone are the same
    :cvar temporary: schema of the connection's temporary tables
    """

    longest = 1000
    folds = True
    temporary = "temp"

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @abstractmethod
    def run(self, sql: str) -> int:
        """Run a statement; return how many rows it concerned, as far as it has such a number."""

    @abstractmethod
    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""

    @abstractmethod
    def fill(self, name: str, batch: pa.RecordBatch) -> None:
        """Append a batch to a temporary table of its columns."""

    @abstractmethod
    def kept(self, kind: pa.DataType) -> pa.DataType:
        """Return the type as which a column keeps values of a type; ``JSON`` where that is text in JSON."""

    @abstractmethod
    def declared(self, kind: pa.DataType) -> str:
        """Return how a column of a kept type is declared."""

    @abstractmethod
    def columns(self, table: Table) -> pa.Schema | None:
        """Return the columns of a table in kept types; None where there is no such table."""

    @abstractmethod
    def widen(self, table: Table, column: pa.Field) -> None:
        """Give a column another type, which holds the values it has."""

    def lock(self, table: str) -> None:  # noqa: B027  most databases have one writer at a time
        """Wait until no other transaction merges into a table, and keep others waiting until this one ends."""

    def index(self, table: Table, column: str) -> None:  # noqa: B027  where it would not help
        """Make a column of a new table quick to look up."""

    def begin(self) -> None:
        """Begin a transaction that writes."""
        self.run("BEGIN")

    def commit(self) -> None:
        """Commit the transaction."""
        self.run("COMMIT")

    def rollback(self) -> None:
        """Undo the transaction."""
        self.run("ROLLBACK")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end of the block, or leave everything as it was."""
        self.begin()
        try:
            yield
        except BaseException:
            with suppress(Exception):  # the connection may be what has failed
                self.rollback()
            raise
        self.commit()

    def make_temporary(self, name: str, schema: pa.Schema) -> None:
        """Make a temporary table for :meth:`fill`."""
        self.run(f"CREATE TEMPORARY TABLE {self.quoted(name)} ({self._declarations(self.kept_schema(schema))})")

    def create(self, table: Table, schema: pa.Schema) -> None:
        """Make a table."""
        self.run(f"CREATE TABLE {table} ({self._declarations(self.kept_schema(schema))})")

    def add(self, table: Table, column: pa.Field) -> None:
        """Add a column of a kept type."""
        self.run(f"ALTER TABLE {table} ADD COLUMN {self._declarations([column])}")

    def _declarations(self, columns: Sequence[pa.Field] | pa.Schema) -> str:
        return ", ".join(f"{self.quoted(each.name)} {self.declared(each.type)}" for each in columns)

    def quoted(self, name: str) -> str:
        """Return a name as SQL takes it, whatever its letters."""
        doubled = name.replace('"', '""')
        return f'"{doubled}"'

    def temp(self, name: str) -> Table:
        """Return a temporary table."""
        return Table(self.temporary, self.quoted(name))

    def table(self, parts: Sequence[str]) -> Table:
        """Return a table, by the parts of its name."""
        *schema, name = map(self.quoted, parts)
        return Table(".".join(schema), name)

    def as_text(self, expression: str) -> str:
        """Return an expression as text that is never null."""
        return f"coalesce(CAST({expression} AS {self.declared(TEXT)}), '')"

    def kept_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return columns in the types as which they are kept."""
        return pa.schema([pa.field(each.name, self.kept(each.type)) for each in schema])

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


class Names:
    """What SQL calls the tables of a load.

    :ivar key: the name of the table in the tables of loads, which are in its schema
    """

    def __init__(self, database: SqlDatabase, table: str) -> None:
        parts = table_parts(table)
        *schema, name = parts
        self.key = cut(name, database.longest)
        self.target = database.table([*schema, self.key])
        self.loads = database.table([*schema, "_labelbox_loads"])
        self.pairs = database.table([*schema, "_labelbox_data_rows"])
