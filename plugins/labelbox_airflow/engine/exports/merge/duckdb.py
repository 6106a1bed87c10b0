"""DuckDB: structs and lists are as in Arrow, whose batches it reads where they are."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

from labelbox_airflow.engine.exports.merge.database import SqlDatabase, Table
from labelbox_airflow.engine.exports.merge.types import canonical
from labelbox_airflow.engine.exports.records.arrow import FLAG, NUMBER, TEXT, TIME, WHOLE

_DECLARED = {TEXT: "VARCHAR", WHOLE: "BIGINT", NUMBER: "DOUBLE", FLAG: "BOOLEAN", TIME: "TIMESTAMPTZ"}


class DuckDBDatabase(SqlDatabase):
    """A connection of ``duckdb``."""

    def run(self, sql: str) -> int:
        """Run a statement; return how many rows it concerned."""
        counts = self.connection.execute(sql).fetchall()
        return int(counts[0][0]) if counts and isinstance(counts[0][0], int) else 0

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        rows: list[tuple[Any, ...]] = self.connection.execute(sql).fetchall()
        return rows

    def fill(self, name: str, batch: pa.RecordBatch) -> None:
        """Append a batch to a temporary table."""
        self.connection.register("_labelbox_batch", batch)
        try:
            self.run(f"INSERT INTO {self.temp(name)} SELECT * FROM _labelbox_batch")  # noqa: S608
        finally:
            self.connection.unregister("_labelbox_batch")

    def kept(self, kind: pa.DataType) -> pa.DataType:
        """Return the type as which a column keeps values of a type."""
        return canonical(kind)

    def declared(self, kind: pa.DataType) -> str:
        """Return how a column is declared."""
        if pa.types.is_list(kind):
            return f"{self.declared(kind.value_type)}[]"
        if pa.types.is_struct(kind):
            return f"STRUCT({self._declarations(list(kind))})"
        return _DECLARED[kind]

    def columns(self, table: Table) -> pa.Schema | None:
        """Return the columns of a table."""
        try:
            found = self.connection.sql(f"SELECT * FROM {table} LIMIT 0").to_arrow_table().schema  # noqa: S608
        except duckdb.CatalogException:
            return None
        return self.kept_schema(found)

    def widen(self, table: Table, column: pa.Field) -> None:
        """Give a column another type; structs are cast by the names of their fields."""
        self.run(f"ALTER TABLE {table} ALTER {self.quoted(column.name)} TYPE {self.declared(column.type)}")
