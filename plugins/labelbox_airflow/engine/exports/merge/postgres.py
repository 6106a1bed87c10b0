"""Postgres: lists of plain values are arrays, what is nested deeper is jsonb; rows come in by COPY."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from labelbox_airflow.engine.exports.merge.cells import is_nested, values
from labelbox_airflow.engine.exports.merge.database import SqlDatabase, Table
from labelbox_airflow.engine.exports.merge.types import JSON, UNKNOWN, canonical
from labelbox_airflow.engine.exports.records.arrow import FLAG, NUMBER, TEXT, TEXTS, TIME, WHOLE

_DECLARED = {
    "text": TEXT,
    "bigint": WHOLE,
    "double precision": NUMBER,
    "boolean": FLAG,
    "timestamp with time zone": TIME,
    "jsonb": JSON,
    "text[]": TEXTS,
    "bigint[]": pa.list_(WHOLE),
    "double precision[]": pa.list_(NUMBER),
    "boolean[]": pa.list_(FLAG),
}
_ALSO = {
    "character varying": TEXT,
    "integer": pa.int32(),
    "smallint": pa.int16(),
    "real": pa.float32(),
    "numeric": NUMBER,
    "date": pa.date32(),
    "json": JSON,
    "character varying[]": TEXTS,
}
_LOCK = 0x4C42_4D47  # "LBMG": one number for all processes that merge
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_FORMAT = csv.WriteOptions(include_header=False)  # texts are quoted, so that an empty one is not null


class PostgresDatabase(SqlDatabase):
    """A connection of ``psycopg2`` or ``psycopg``."""

    longest = 63
    folds = False
    temporary = "pg_temp"

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        connection.autocommit = True  # transactions begin where we say
        self.run("SET TIME ZONE 'UTC'")  # for times that become texts

    def run(self, sql: str) -> int:
        """Run a statement; return how many rows it concerned."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return int(cursor.rowcount)

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            rows = cursor.fetchall()
        return [tuple(row.values()) if isinstance(row, dict) else tuple(row) for row in rows]

    def lock(self, table: str) -> None:
        """Wait until no other transaction merges into a table, and keep others waiting until this one ends."""
        text = table.replace("'", "''")
        self.run(f"SELECT pg_advisory_xact_lock({_LOCK}, hashtext('{text}'))")

    def index(self, table: Table, column: str) -> None:
        """Make a column of a new table quick to look up; Postgres names the index."""
        self.run(f"CREATE INDEX ON {table} ({self.quoted(column)})")

    def fill(self, name: str, batch: pa.RecordBatch) -> None:
        """Append a batch to a temporary table."""
        buffer = BytesIO()
        table = pa.table([_text(column) for column in batch.columns], names=batch.schema.names)
        csv.write_csv(table, buffer, _FORMAT)
        statement = f"COPY {self.temp(name)} FROM STDIN (FORMAT csv)"
        with self.connection.cursor() as cursor:
            if hasattr(cursor, "copy_expert"):
                buffer.seek(0)
                cursor.copy_expert(statement, buffer)
                return
            with cursor.copy(statement) as copy:
                copy.write(buffer.getbuffer())

    def kept(self, kind: pa.DataType) -> pa.DataType:
        """Return the type as which a column keeps values of a type."""
        kind = canonical(kind)
        return JSON if is_nested(kind) and kind not in _DECLARED.values() else kind

    def declared(self, kind: pa.DataType) -> str:
        """Return how a column is declared."""
        return next(name for name, known in _DECLARED.items() if known == kind)

    def columns(self, table: Table) -> pa.Schema | None:
        """Return the columns of a table."""
        text = str(table).replace("'", "''")
        found = self.fetch(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "  # noqa: S608
            f"WHERE attrelid = to_regclass('{text}') AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        )
        known = _DECLARED | _ALSO
        return pa.schema([pa.field(name, known.get(kind, UNKNOWN)) for name, kind in found]) if found else None

    def widen(self, table: Table, column: pa.Field) -> None:
        """Give a column another type."""
        name, kind = self.quoted(column.name), self.declared(column.type)
        self.run(f"ALTER TABLE {table} ALTER COLUMN {name} TYPE {kind} USING {name}::{kind}")


def _text(column: pa.Array) -> pa.Array:
    """Return a column as COPY reads it. Postgres has no NUL in texts: U+FFFD is in its place."""
    if pa.types.is_list(column.type) and not is_nested(column.type.value_type):
        return _arrays(column)
    if is_nested(column.type):
        return pa.array([each if each is None else _without_nul_escapes(each) for each in values(column)], TEXT)
    return _without_nul(column) if column.type == TEXT else column


def _arrays(column: pa.Array) -> pa.Array:
    """Return lists as Postgres writes arrays: ``{1,NULL}``, ``{"a \\"b\\""}``."""
    items = column.flatten()
    if items.type == TEXT:
        for letter in ("\\", '"'):
            items = pc.replace_substring(items, letter, f"\\{letter}")
        items = pc.binary_join_element_wise('"', _without_nul(items), '"', "")
    items = pc.fill_null(items.cast(TEXT), "NULL")
    lists = pa.ListArray.from_arrays(_offsets(column), items, mask=column.is_null())
    return pc.binary_join_element_wise("{", pc.binary_join(lists, ","), "}", "")


def _offsets(column: pa.Array) -> pa.Array:
    lengths = pc.fill_null(pc.list_value_length(column), 0)
    return pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])


def _without_nul(texts: pa.Array) -> pa.Array:
    return pc.replace_substring(texts, "\0", "\ufffd")


def _without_nul_escapes(json: str) -> str:
    r"""Return JSON without ``\u0000``; an escaped backslash before ``u0000`` is none."""
    return _NUL.sub(r"\1\\ufffd", json) if r"\u0000" in json else json
