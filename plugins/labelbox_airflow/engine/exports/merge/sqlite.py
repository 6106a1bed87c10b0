"""SQLite: nested values are JSON, times are texts in ISO 8601."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from labelbox_airflow.engine.exports.merge.cells import is_nested, values
from labelbox_airflow.engine.exports.merge.database import SqlDatabase, Table
from labelbox_airflow.engine.exports.merge.types import JSON, UNKNOWN, canonical
from labelbox_airflow.engine.exports.records.arrow import FLAG, NUMBER, TEXT, TIME, WHOLE

_DECLARED = {"TEXT": TEXT, "BIGINT": WHOLE, "DOUBLE": NUMBER, "BOOLEAN": FLAG, "TIMESTAMP": TIME, "JSON": JSON}
_ALSO = {"INTEGER": WHOLE, "INT": WHOLE, "REAL": NUMBER, "VARCHAR": TEXT, "DATETIME": TIME}


class SqliteDatabase(SqlDatabase):
    """A connection of ``sqlite3``."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        connection.isolation_level = None  # transactions begin where we say

    def run(self, sql: str) -> int:
        """Run a statement; return how many rows it concerned."""
        return int(self.connection.execute(sql).rowcount)

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return [tuple(row) for row in self.connection.execute(sql)]

    def begin(self) -> None:
        """Begin a transaction, as the one writer."""
        self.run("BEGIN IMMEDIATE")

    def fill(self, name: str, batch: pa.RecordBatch) -> None:
        """Append a batch to a temporary table."""
        holders = ", ".join("?" * batch.num_columns)
        rows = zip(*(values(column) for column in batch.columns), strict=True)
        self.run("BEGIN")  # of the temporary tables alone: nobody waits
        try:
            self.connection.executemany(f"INSERT INTO {self.temp(name)} VALUES ({holders})", rows)  # noqa: S608
        finally:
            self.commit()

    def kept(self, kind: pa.DataType) -> pa.DataType:
        """Return the type as which a column keeps values of a type."""
        return JSON if is_nested(kind) else canonical(kind)

    def declared(self, kind: pa.DataType) -> str:
        """Return how a column is declared; SQLite keeps the word, and goes by some of its letters."""
        return next(name for name, known in _DECLARED.items() if known == kind)

    def columns(self, table: Table) -> pa.Schema | None:
        """Return the columns of a table."""
        found = self.fetch(f"PRAGMA {Table(table.schema, 'table_info')}({table.name})")
        known = _DECLARED | _ALSO
        fields = [pa.field(row[1], known.get(row[2].upper(), UNKNOWN)) for row in found]
        return pa.schema(fields) if fields else None

    def widen(self, table: Table, column: pa.Field) -> None:
        """Put another column into the place of one; SQLite cannot change its type."""
        name, former = self.quoted(column.name), self.quoted(f"{column.name}_former")
        self.run(f"ALTER TABLE {table} RENAME COLUMN {name} TO {former}")
        self.add(table, column)
        self.run(f"UPDATE {table} SET {name} = CAST({former} AS {self.declared(column.type)})")  # noqa: S608
        self.run(f"ALTER TABLE {table} DROP COLUMN {former}")

    def index(self, table: Table, column: str) -> None:
        """Make a column of a new table quick to look up."""
        index = Table(table.schema, f'{table.name[:-1]}_{column}"')
        self.run(f"CREATE INDEX {index} ON {table.name} ({self.quoted(column)})")
