"""What a database knows of its loads: which were committed, and what it holds of each data row.

``_labelbox_loads`` has a row a load; ``_labelbox_data_rows`` a row a pair: when it was last loaded, and a digest of it.
"""

from __future__ import annotations

from datetime import datetime

import orjson
import pyarrow as pa

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.exports.merge.database import Names, SqlDatabase
from labelbox_airflow.engine.exports.merge.load import Load, Merged
from labelbox_airflow.engine.exports.records.arrow import TEXT, TIME, WHOLE

NOW = "_load_now"
"""The temporary table whose one row is the load, so that no statement needs values."""
_LOAD = pa.schema(
    [
        ("table_name", TEXT),
        ("sync", TEXT),
        ("load_id", TEXT),
        ("records", TEXT),
        ("scope", TEXT),
        ("projects", TEXT),
        ("as_of", TIME),
        ("watermark", TEXT),
        ("loaded_at", TIME),
    ]
)
_COUNTS = ("data_rows", "changed", "vanished", "rows_written")
LOADS = pa.schema([*_LOAD, *(pa.field(name, WHOLE) for name in _COUNTS)])
HELD = pa.schema(
    [
        ("table_name", TEXT),
        ("project_id", TEXT),
        ("data_row_id", TEXT),
        ("as_of", TIME),
        ("row_count", WHOLE),
        ("content_hash", TEXT),
    ]
)


class Bookkeeping:
    """The tables of loads in the schema of a load's table."""

    def __init__(self, database: SqlDatabase, names: Names, load: Load) -> None:
        self._database, self._names, self._load = database, names, load
        self._now = database.temp(NOW)

    def begin(self, loaded_at: datetime) -> None:
        """Say which load it is, for all statements."""
        load = self._load
        row = {
            "table_name": self._names.key,
            "sync": load.sync,
            "load_id": load.load_id,
            "records": load.records,
            "scope": "whole" if load.whole else "changed",
            "projects": self._projects(),
            "as_of": load.as_of,
            "watermark": load.watermark,
            "loaded_at": loaded_at,
        }
        self._database.make_temporary(NOW, _LOAD)
        self._database.fill(NOW, pa.RecordBatch.from_pylist([row], schema=_LOAD))

    def make(self) -> None:
        """Make the tables that are missing."""
        missing = [name for name in ("loads", "pairs") if self._database.columns(getattr(self._names, name)) is None]
        if not missing:
            return
        self._database.lock("")
        for name, schema in (("loads", LOADS), ("pairs", HELD)):
            table = getattr(self._names, name)
            if self._database.columns(table) is None:
                self._database.create(table, schema)
                self._database.index(table, "load_id" if name == "loads" else "data_row_id")

    def settled(self) -> Merged | None:
        """Return what has come of the load already; None for one that is to be merged.

        :raises ConfigurationError: the table is not one that this load may go into
        """
        if self._database.columns(self._names.target) is None:
            self._check_not_gone()
            return None
        repeated = self._database.fetch(
            f"SELECT b.data_rows, b.changed, b.vanished, b.rows_written FROM {self._names.loads} b "  # noqa: S608
            f"JOIN {self._now} n ON b.table_name = n.table_name AND b.sync = n.sync AND b.load_id = n.load_id "
            "AND b.as_of = n.as_of"
        )
        if repeated:
            return Merged("repeated", *repeated[0])
        former = self._former()
        self._check_is_ours(former)
        for sync, records, projects, is_later in former:
            self._check_goes_with(sync, records, None if projects is None else orjson.loads(projects))
            if is_later and sync == self._load.sync and projects == self._projects():
                return Merged("superseded")
        return None

    def forget_contents(self) -> None:
        """Have all pairs written when they are next loaded: the table has got other columns."""
        self._database.run(
            f"UPDATE {self._names.pairs} SET content_hash = '' "  # noqa: S608
            f"WHERE table_name = (SELECT table_name FROM {self._now})"
        )

    def enter(self, merged: Merged) -> None:
        """Note the load, in the transaction in which it is merged."""
        numbers = (merged.data_rows, merged.changed, merged.vanished, merged.rows)
        self._database.run(
            f"INSERT INTO {self._names.loads} SELECT n.*, {', '.join(map(str, numbers))} FROM {self._now} n"  # noqa: S608
        )

    def _former(self) -> list[tuple[str, str, str | None, int]]:
        """Return the sync, records and projects of former loads, and whether a whole one of these is a later one."""
        rows = self._database.fetch(
            "SELECT b.sync, b.records, b.projects, "  # noqa: S608
            "max(CASE WHEN b.scope = 'whole' AND b.as_of > n.as_of THEN 1 ELSE 0 END) "
            f"FROM {self._names.loads} b JOIN {self._now} n ON b.table_name = n.table_name GROUP BY 1, 2, 3"
        )
        found = [(row[0], row[1], row[2], row[3]) for row in rows]
        return sorted(found, key=lambda row: row[0] != self._load.sync)

    def _projects(self) -> str | None:
        projects = self._load.projects
        return None if projects is None else orjson.dumps(sorted(projects)).decode()

    def _check_not_gone(self) -> None:
        if not self._load.whole and any(sync == self._load.sync for sync, *_ in self._former()):
            raise ConfigurationError(
                "the table is gone, and this export brings only what has changed",
                where=self._load.table,
                remedy="Run with a full refresh, which brings everything.",
            )

    def _check_is_ours(self, former: list[tuple[str, str, str | None, int]]) -> None:
        if not former and self._database.fetch(f"SELECT 1 FROM {self._names.target} LIMIT 1"):  # noqa: S608
            raise ConfigurationError(
                "the table has rows that no export brought",
                where=self._load.table,
                remedy="Name another table, which may be missing, or one without rows.",
            )

    def _check_goes_with(self, sync: str, records: str, projects: list[str] | None) -> None:
        load = self._load
        if records != load.records:
            why = f"it holds records: {records} (sync {sync}), and cannot hold {load.records} as well"
        elif (projects is None) != (load.projects is None):
            one, other = ("data rows of projects", "data rows of any project")[:: 1 if load.projects is None else -1]
            why = f"it holds {one} (sync {sync}), and cannot hold {other} as well"
        elif sync != load.sync and (projects is None or set(projects) & set(load.projects or ())):
            why = f"it is loaded by sync {sync}, which has the same data rows; each would remove what the other brought"
        else:
            return
        raise ConfigurationError(
            why,
            where=load.table,
            remedy="Give each export a table of its own; of a sync that is gone, delete the rows in _labelbox_loads.",
        )
