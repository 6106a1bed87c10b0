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
    LargeBinary,
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

# The syncs that have put data rows: nobody looks for those of a sync that has none.
owners = Table(
    "ledger_owners",
    metadata,
    Column("organization", Integer, primary_key=True, autoincrement=False),
    Column("sync", Integer, primary_key=True, autoincrement=False),
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

# The rows of one unit that a run claimed at once, packed: a row of the table for each would cost as much as sending it.
claims = Table(
    "ledger_claims",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("organization", Integer, nullable=False),
    Column("run", Integer, nullable=False),
    Column("claimed_at", BigInteger, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("sending", Boolean, nullable=False),
    Column("unit", text_type(), nullable=False),
    # 64-bit integers: hashes of the global keys, ascending, and in their order what is claimed.
    Column("key_hashes", LargeBinary, nullable=False),
    Column("sequences", LargeBinary, nullable=False),
    Column("versions", LargeBinary, nullable=False),
    Column("contents", LargeBinary, nullable=False),
    # The run that each claim gave way to, 0 for none: kept, so that a retry of the unit gets the same answer. The run
    # itself where it has claimed the key again for a newer row.
    Column("yielded_to", LargeBinary),
    Column("origins", LargeBinary, nullable=False),  # a JSON list
    Index("ledger_claims_of_run", "run"),
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

# Source rows that wait for their data row; `row` is an Arrow IPC stream in base64.
waiting_rows = Table(
    "ledger_waiting_rows",
    metadata,
    Column("version", BigInteger, nullable=False),
    Column("source", BigInteger, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("organization", Integer, nullable=False, autoincrement=False),
    Column("sync", Integer, nullable=False, autoincrement=False),
    # The run that put the row here, and the one that ended its wait.
    Column("put_by", Integer),
    Column("ended_by", Integer, index=True),
    Column("global_key", text_type(), nullable=False),
    Column("origin", text_type(), nullable=False),
    Column("row", text_type(), nullable=False),
    PrimaryKeyConstraint("organization", "sync", "global_key"),
    sqlite_with_rowid=False,
)

# What a sync has imported of the annotations of a data row into a project or model run (the target).
annotated_rows = Table(
    "ledger_annotated_rows",
    metadata,
    # Between the two the import ran: what Labelbox made of it dates from then.
    Column("began_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("organization", Integer, nullable=False, autoincrement=False),
    Column("sync", Integer, nullable=False, autoincrement=False),
    Column("target", Integer, nullable=False, autoincrement=False),
    Column("job", Integer),  # the import that holds them
    Column("global_key", text_type(), nullable=False),
    # 64-bit integers: ascending by uuid, a hash of the uuid and one of the content for each annotation. Null: what the
    # job holds has to be sent again.
    Column("marks", LargeBinary),
    PrimaryKeyConstraint("organization", "sync", "target", "global_key"),
    Index("ledger_annotated_rows_of_job", "job"),
    sqlite_with_rowid=False,
)

# What one run of a sync does at a time.
leases = Table(
    "ledger_leases",
    metadata,
    Column("purpose", text_type(), primary_key=True),
    Column("holder", text_type(), nullable=False),
    Column("held_until", BigInteger, nullable=False),
)

# One row for each time that a sync was broken, from its first failed run to the run that was well again.
incidents = Table(
    "ledger_incidents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sync", Integer, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("last_failed_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("run_id", text_type(), nullable=False),
    Column("last_run_id", text_type(), nullable=False),
    Column("kind", text_type(), nullable=False),
    Index("ledger_incidents_of_sync", "sync"),
)

# How the report of each run judged it the last time: a kind of failure, or null for success.
verdicts = Table(
    "ledger_verdicts",
    metadata,
    Column("sync", Integer, primary_key=True, autoincrement=False),
    Column("run_id", text_type(), primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("judged_at", BigInteger, nullable=False),
    Column("incident", Integer),
    Column("kind", text_type()),
    # Whether the next scheduled run reads what this one did not load.
    Column("catches_up", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# Which message of an incident was sent through which channel, or is being sent, and by which run.
notices = Table(
    "ledger_notices",
    metadata,
    Column("incident", Integer, primary_key=True, autoincrement=False),
    Column("kind", text_type(), primary_key=True),
    Column("channel", text_type(), primary_key=True),
    Column("claimed_by", text_type(), nullable=False),
    Column("claimed_until", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    sqlite_with_rowid=False,
)
