"""The statements by which a staged load takes the place of what a table has of its data rows."""

from __future__ import annotations

from labelbox_airflow.engine.exports.merge import staging
from labelbox_airflow.engine.exports.merge.bookkeeping import NOW
from labelbox_airflow.engine.exports.merge.columns import DELETED_AT, VALID_FROM, VALID_TO, Columns
from labelbox_airflow.engine.exports.merge.database import Names, SqlDatabase
from labelbox_airflow.engine.exports.merge.digests import EVERYWHERE
from labelbox_airflow.engine.exports.merge.load import Load, Merged

# ruff: noqa: S608  names are quoted, and values are in tables: no statement has any

_IDENTITY = {
    "rows": (),
    "raw": (),
    "labels": ("label_id",),
    "former": ("label_id",),
    "annotations": ("label_id", "annotation_id", "frame"),
}
"""Columns that tell which row of a data row it is, so that one that vanishes is told from one that has changed."""


class Replacing:
    """Finds the pairs that have changed or vanished, and replaces their rows; in a transaction of the caller's."""

    def __init__(self, database: SqlDatabase, names: Names, load: Load, columns: Columns) -> None:
        self._database, self._names, self._load, self._columns = database, names, load, columns
        self._project = database.quoted("project_id") if load.projects is not None else f"'{EVERYWHERE}'"
        self._pair = f"{self._project}, {database.quoted('data_row_id')}"
        self._as_of = f"(SELECT as_of FROM {database.temp(NOW)})"
        ends = [f"{database.quoted(name)} IS NULL" for name in (DELETED_AT, VALID_TO) if name in columns.kinds]
        self._live = " AND ".join(ends) or "1 = 1"
        self._current = f"{database.quoted(VALID_TO)} IS NULL" if VALID_TO in columns.kinds else "1 = 1"

    def merge(self) -> Merged:
        """Replace what has changed, remove what has vanished, and note what the table now has of which data row."""
        self._find_latest()
        self._find_changed()
        self._find_vanished()
        self._give_way()
        rows = self._insert()
        self._note()
        data_rows, changed, vanished = map(self._count, (staging.LATEST, staging.CHANGED, staging.VANISHED))
        return Merged("merged", data_rows, changed, vanished, rows)

    def _find_latest(self) -> None:
        self._make(
            staging.LATEST,
            "SELECT project_id, data_row_id, part, row_count, content_hash FROM (SELECT a.*, row_number() OVER "
            f"(PARTITION BY project_id, data_row_id ORDER BY part DESC) AS nth FROM {self._temp(staging.ALL_PAIRS)} a) "
            "AS numbered WHERE nth = 1",
        )

    def _find_changed(self) -> None:
        """A pair has changed if its content has, or if somebody else has removed or added rows of it."""
        self._make(
            staging.CHANGED,
            "SELECT p.project_id, p.data_row_id, p.part, p.row_count, p.content_hash "
            f"FROM {self._temp(staging.LATEST)} p LEFT JOIN {self._known()} s {_on('s', 'p')} "
            f"LEFT JOIN ({self._held()}) h {_on('h', 'p')} WHERE s.data_row_id IS NULL OR (s.as_of <= {self._as_of} "
            "AND (s.content_hash <> p.content_hash OR coalesce(h.row_count, 0) <> p.row_count))",
        )

    def _held(self) -> str:
        data_row = self._database.quoted("data_row_id")
        return (
            f"SELECT {self._project} AS project_id, {data_row} AS data_row_id, count(*) AS row_count "
            f"FROM {self._names.target} WHERE {self._live} "
            f"AND {data_row} IN (SELECT data_row_id FROM {self._temp(staging.LATEST)}) GROUP BY 1, 2"
        )

    def _find_vanished(self) -> None:
        """A pair has vanished if a whole load, or the keys there still are, do not have it, nor a later load."""
        if not self._load.whole and self._load.keys is None:
            self._make(
                staging.VANISHED, f"SELECT project_id, data_row_id FROM {self._temp(staging.LATEST)} WHERE 1 = 0"
            )
            return
        living = staging.LATEST if self._load.whole else staging.LIVING
        self._make(
            staging.VANISHED,
            f"SELECT h.project_id, h.data_row_id FROM ({self._all_held()}) h "
            f"LEFT JOIN {self._temp(staging.LATEST)} p {_on('p', 'h')} "
            f"LEFT JOIN {self._temp(living)} k {_on('k', 'h')} "
            f"LEFT JOIN {self._known()} s {_on('s', 'h')} AND s.as_of > {self._as_of} "
            "WHERE p.data_row_id IS NULL AND k.data_row_id IS NULL AND s.data_row_id IS NULL",
        )

    def _all_held(self) -> str:
        scope = ""
        if self._load.projects is not None:
            scope = f"AND {self._project} IN (SELECT project_id FROM {self._temp(staging.PROJECTS)})"
        return (
            f"SELECT DISTINCT {self._project} AS project_id, {self._database.quoted('data_row_id')} AS data_row_id "
            f"FROM {self._names.target} WHERE {self._live} {scope}"
        )

    def _known(self) -> str:
        """Return what is known of the pairs of this table, to select from."""
        return (
            f"(SELECT * FROM {self._names.pairs} "
            f"WHERE table_name = (SELECT table_name FROM {self._database.temp(NOW)}))"
        )

    def _give_way(self) -> None:
        """Remove or end the rows whose place others take, and those that have vanished."""
        target, live = self._names.target, self._live
        ended = f"{self._database.quoted(VALID_TO)} = {self._as_of}"
        deleted = f"{self._database.quoted(DELETED_AT)} = {self._as_of}"
        soft, history = self._load.deleted == "soft", self._load.history
        gone = f"({self._pair}) IN ({self._pairs_of(staging.CHANGED)} UNION ALL {self._pairs_of(staging.VANISHED)})"
        if soft and history:
            self._run(f"UPDATE {target} SET {ended} WHERE {live} AND {self._comes_again()}")
            self._run(f"UPDATE {target} SET {ended}, {deleted} WHERE {live} AND {gone}")
        elif soft:
            self._run(f"DELETE FROM {target} WHERE {self._current} AND {self._comes_again()}")
            self._run(f"UPDATE {target} SET {deleted} WHERE {live} AND {gone}")
        elif history:
            self._run(f"DELETE FROM {target} WHERE ({self._pair}) IN ({self._pairs_of(staging.VANISHED)})")
            self._run(f"UPDATE {target} SET {ended} WHERE {live} AND {gone}")
        else:
            self._run(f"DELETE FROM {target} WHERE {live} AND {gone}")

    def _comes_again(self) -> str:
        """Return the condition of rows that the load has too, changed or not."""
        database, names = self._database, self._load.schema.names
        identity = [name for name in _IDENTITY[self._load.records] if self._columns.names[name] in self._columns.kinds]
        here = "".join(f", {database.as_text(database.quoted(self._columns.names[name]))}" for name in identity)
        there = "".join(f", {database.as_text(f'i.{staging.staged_name(names.index(name))}')}" for name in identity)
        return f"({self._pair}{here}) IN (SELECT i.project_id, i.data_row_id{there} FROM {self._incoming()})"

    def _insert(self) -> int:
        into = self._columns.expressions(self._database)
        if self._load.history:
            into[VALID_FROM] = self._as_of
        columns = ", ".join(map(self._database.quoted, into))
        return self._run(
            f"INSERT INTO {self._names.target} ({columns}) SELECT {', '.join(into.values())} FROM {self._incoming()}"
        )

    def _incoming(self) -> str:
        """Return the staged rows that are written, as ``i``."""
        pairs = self._temp(staging.CHANGED)
        return f"{self._temp(staging.ROWS)} i JOIN {pairs} c {_on('c', 'i')} AND c.part = i.part"

    def _note(self) -> None:
        """Note the pairs of the load. After a whole one no older load is merged, so that those alike need no note."""
        if self._load.whole:
            known = f"SELECT project_id, data_row_id, row_count, content_hash FROM {self._temp(staging.CHANGED)}"
        else:
            known = (
                "SELECT p.project_id, p.data_row_id, p.row_count, p.content_hash "
                f"FROM {self._temp(staging.LATEST)} p LEFT JOIN {self._known()} s {_on('s', 'p')} "
                f"WHERE s.data_row_id IS NULL OR s.as_of <= {self._as_of}"
            )
        vanished = f"SELECT project_id, data_row_id, 0, '' FROM {self._temp(staging.VANISHED)}"
        self._make(staging.KNOWN, f"{known} UNION ALL {vanished}")
        self._run(
            f"DELETE FROM {self._names.pairs} WHERE table_name = (SELECT table_name FROM {self._temp(NOW)}) "
            f"AND (project_id, data_row_id) IN ({self._pairs_of(staging.KNOWN)})"
        )
        self._run(
            f"INSERT INTO {self._names.pairs} SELECT n.table_name, k.project_id, k.data_row_id, n.as_of, k.row_count, "
            f"k.content_hash FROM {self._temp(staging.KNOWN)} k CROSS JOIN {self._temp(NOW)} n"
        )

    def _pairs_of(self, name: str) -> str:
        return f"SELECT project_id, data_row_id FROM {self._temp(name)}"

    def _temp(self, name: str) -> str:
        return str(self._database.temp(name))

    def _make(self, name: str, query: str) -> None:
        self._run(f"CREATE TEMPORARY TABLE {self._database.quoted(name)} AS {query}")

    def _count(self, name: str) -> int:
        return int(self._database.fetch(f"SELECT count(*) FROM {self._temp(name)}")[0][0])

    def _run(self, statement: str) -> int:
        return self._database.run(statement)


def _on(one: str, other: str) -> str:
    return f"ON {one}.project_id = {other}.project_id AND {one}.data_row_id = {other}.data_row_id"
