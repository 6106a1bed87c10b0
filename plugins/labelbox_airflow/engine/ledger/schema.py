"""The tables of the ledger.

Organizations, datasets, syncs and runs are kept once and referred to by small integers, which keeps a data row under
200 bytes. Times are microseconds since the epoch. Text compares by code point in every database.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

SCHEMA_VERSION = 1

FINGERPRINTS = ("source", "row_data", "external_id", "metadata", "attachments", "embeddings", "annotations")

metadata = MetaData()


def text_type() -> TypeEngine[str]:
    """Return the type of text that sorts by code point on Postgres as it does on SQLite."""
    return Text().with_variant(Text(collation="C"), "postgresql")


schema_versions = Table("ledger_schema", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

names = Table(
    "ledger_names",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", text_type(), nullable=False),
    Column("name", text_type(), nullable=False),
    UniqueConstraint("kind", "name"),
)

data_rows = Table(
    "ledger_data_rows",
    metadata,
    # Fixed-width columns first: Postgres pads none of them.
    Column("version", BigInteger, nullable=False),
    *(Column(name, BigInteger) for name in FINGERPRINTS),
    Column("organization", Integer, nullable=False, autoincrement=False),
    Column("dataset", Integer, nullable=False),
    Column("sync", Integer, nullable=False),
    Column("global_key", text_type(), nullable=False),
    Column("data_row_id", text_type()),
    # Several syncs may own parts of one data row; none of them sees the others' fingerprints.
    PrimaryKeyConstraint("organization", "global_key", "sync"),
    sqlite_with_rowid=False,
)

runs = Table(
    "ledger_runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("organization", Integer, nullable=False),
    Column("sync", Integer, nullable=False),
    Column("run_id", text_type(), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("window_start", BigInteger),
    Column("window_end", BigInteger),
    Column("spec_hash", text_type(), nullable=False),
    Column("rows_read", BigInteger),
    Column("rows_filtered", BigInteger),
    Column("finished_at", BigInteger),
    Column("state", text_type(), nullable=False),
    UniqueConstraint("sync", "run_id"),
)

claims = Table(
    "ledger_claims",
    metadata,
    Column("sequence", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("content", BigInteger, nullable=False),
    Column("claimed_at", BigInteger, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("organization", Integer, nullable=False, autoincrement=False),
    Column("run", Integer, nullable=False, autoincrement=False),
    # The run this claim gave way to: kept, so that a retry of the unit gets the same answer.
    Column("yielded_to", Integer),
    Column("sending", Boolean, nullable=False),
    Column("global_key", text_type(), nullable=False),
    Column("unit", text_type(), nullable=False),
    Column("origin", text_type(), nullable=False),
    PrimaryKeyConstraint("organization", "global_key", "run"),
    Index("ledger_claims_of_run", "run", "unit"),
    sqlite_with_rowid=False,
)

journal = Table(
    "ledger_journal",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("unit", text_type(), primary_key=True),
    Column("step", text_type(), primary_key=True),
    Column("content", text_type(), nullable=False),
    Column("task_id", text_type()),
    Column("first_intent_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    sqlite_with_rowid=False,
)

tallies = Table(
    "ledger_tallies",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("part", text_type(), primary_key=True),
    Column("outcome", text_type(), primary_key=True),
    Column("row_count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

dead_letters = Table(
    "ledger_dead_letters",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("part", text_type(), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("origin", text_type(), nullable=False),
    Column("stage", text_type(), nullable=False),
    Column("code", text_type(), nullable=False),
    Column("reason", text_type(), nullable=False),
    Column("field", text_type()),
    Column("value", text_type()),
    Column("global_key", text_type()),
    Column("row", text_type(), nullable=False),
)

watermarks = Table(
    "ledger_watermarks",
    metadata,
    Column("organization", Integer, primary_key=True, autoincrement=False),
    Column("sync", Integer, primary_key=True, autoincrement=False),
    Column("reached", BigInteger, nullable=False),
)
