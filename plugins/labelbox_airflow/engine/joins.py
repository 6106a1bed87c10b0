"""Joining: columns of a side source added to the rows of the main one, with the side kept on disk.

The side's keys go into a SQLite file and its values into Arrow files beside it that are mapped into memory, so that
memory stays flat whatever the number of side rows, and values keep their types, vectors too.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
import orjson
import pyarrow as pa

from labelbox_airflow.engine.errors import ConfigurationError, SourceError, did_you_mean
from labelbox_airflow.engine.records import Batch, Rejected
from labelbox_airflow.engine.rows.problems import row_payload
from labelbox_airflow.engine.tables.batches import keep_rows, shown
from labelbox_airflow.engine.tables.stored import RowNumbers, StoredRows

_COMPARED_AT_ONCE = 256
_EXACT = 2.0**53
_ORIGINS_NAMED = 3


class JoinIndex:
    """The rows of a side source, found by the values of some of their columns.

    Use it in a ``with`` block: its files are removed when the block ends, also on failure.

    Keys compare as text, so that ``1`` matches ``"1"``; a row with a null among its keys is never found. The rejected
    rows of the side's batches are not kept here: whoever makes the batches takes them.

    :param keys: the side's key columns
    :param directory: where the files go for the time being; the system's temporary directory when None
    :ivar rows: side rows added
    :ivar null_keys: those among them that have a null key
    """

    def __init__(self, keys: Sequence[str], directory: Path | None = None) -> None:
        if not keys:
            raise ConfigurationError("a join needs a column to join on", remedy="Write join: {side_column: column}.")
        self.rows = 0
        self.null_keys = 0
        self._keys = list(keys)
        self._folder = Path(tempfile.mkdtemp(prefix="join-", dir=directory))
        self._store = StoredRows(self._folder)
        try:
            self._database = _open_database(self._folder / "keys.db")
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._indexed = False

    @classmethod
    def build(cls, batches: Iterable[Batch], keys: Sequence[str], directory: Path | None = None) -> Self:
        """Return an index of all rows of ``batches``; nothing is left on disk when that fails."""
        index = cls(keys, directory)
        try:
            for batch in batches:
                index.add(batch)
        except BaseException:
            index.close()
            raise
        return index

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the files; the index is of no use afterwards."""
        self._database.close()
        self._store.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, batch: Batch) -> None:
        """Add side rows; all are added before the first :meth:`join`.

        :raises SourceError: when a key column is not there
        """
        if self._indexed:
            raise RuntimeError("rows cannot be added to an index that was joined already")
        if not batch.rows.num_rows:
            return
        keys = _key_texts(batch, self._keys)
        found = [(key, self.rows + number) for number, key in enumerate(keys) if key is not None]
        self._database.executemany("INSERT INTO side VALUES (?, ?)", found)
        self._store.append(batch)
        self.rows += len(keys)
        self.null_keys += len(keys) - len(found)

    def join(
        self,
        batch: Batch,
        on: Mapping[str, str],
        *,
        prefix: str,
        columns: Sequence[str],
        missing: Literal["reject", "leave"],
    ) -> Batch:
        """Return ``batch`` with a column ``"{prefix}.{column}"`` for each of the side's ``columns``.

        A row that matches several side rows is joined when these agree in ``columns``, otherwise it is rejected
        (``ambiguous_join``). A row that matches none is rejected (``no_match``), or left with nulls.

        :param on: side column to main column, for each key column of this index
        :raises SourceError: when a column is not there
        :raises ConfigurationError: when ``on`` names other side columns than the index was built for
        """
        if set(on) != set(self._keys):
            raise ConfigurationError(
                f"the join goes by {', '.join(on) or 'nothing'}, its index by {', '.join(self._keys)}", where=prefix
            )
        self._finish()
        columns = list(dict.fromkeys(columns))
        mains = [on[key] for key in self._keys]
        keys = _key_texts(batch, mains)
        rows, ambiguous = self._look_up(keys, columns)
        values = self._store.take(rows, columns)
        names = [f"{prefix}.{column}" for column in columns]
        joined = pa.RecordBatch.from_arrays([*batch.rows.columns, *values], names=[*batch.rows.schema.names, *names])
        bad = set(ambiguous) | (set(np.flatnonzero(rows < 0).tolist()) if missing == "reject" else set())
        if not bad:
            return replace(batch, rows=joined)
        rejects = [self._rejected(batch, index, mains, prefix, ambiguous.get(index)) for index in sorted(bad)]
        kept = pa.array([index not in bad for index in range(len(keys))], pa.bool_())
        return keep_rows(replace(batch, rows=joined), kept, rejects)

    def _finish(self) -> None:
        if not self._indexed:
            self._database.execute("CREATE INDEX side_key ON side (key, row)")
            self._database.execute("CREATE TEMP TABLE wanted (number INTEGER PRIMARY KEY, key TEXT NOT NULL)")
            self._database.execute("COMMIT")
            self._store.finish()
            self._indexed = True

    def _look_up(self, keys: list[str | None], columns: Sequence[str]) -> tuple[RowNumbers, dict[int, list[int]]]:
        """Return for each key the side row, -1 for none; and for ambiguous ones side rows that differ, by number."""
        sought = [(number, key) for number, key in enumerate(keys) if key is not None]
        self._database.execute("BEGIN")
        self._database.execute("DELETE FROM wanted")
        self._database.executemany("INSERT INTO wanted VALUES (?, ?)", sought)
        self._database.execute("COMMIT")
        rows: RowNumbers = np.full(len(keys), -1, np.int64)
        ambiguous: dict[int, list[int]] = {}
        differing: dict[str, list[int]] = {}
        found = self._database.execute(
            "SELECT number, wanted.key, min(row), max(row) "
            "FROM wanted JOIN side ON side.key = wanted.key GROUP BY number"
        )
        for number, key, first, last in found.fetchall():
            rows[number] = first
            if first != last:
                if key not in differing:
                    differing[key] = self._differing(key, columns)
                if differing[key]:
                    ambiguous[number] = differing[key]
        return rows, ambiguous

    def _differing(self, key: str, columns: Sequence[str]) -> list[int]:
        """Return some side rows of ``key`` that differ in ``columns``, the first of them first; none when all agree."""
        found = self._database.execute("SELECT row FROM side WHERE key = ? ORDER BY row", (key,))
        first: int | None = None
        expected: object = None
        while some := [row for (row,) in found.fetchmany(_COMPARED_AT_ONCE)]:
            arrays = self._store.take(np.array(some, np.int64), columns)
            cells = list(zip(*(array.to_pylist() for array in arrays), strict=True))
            if first is None:
                first, expected = some[0], cells[0] if cells else None
            others = [row for row, cell in zip(some, cells, strict=False) if cell != expected]
            if others:
                return [first, *others[: _ORIGINS_NAMED - 1]]
        return []

    def _rejected(
        self, batch: Batch, index: int, mains: Sequence[str], prefix: str, differing: list[int] | None
    ) -> Rejected:
        values = [batch.rows.column(name)[index].as_py() for name in mains]
        said = ", ".join(f"{name} = {shown(str(value))}" for name, value in zip(mains, values, strict=True))
        if differing:
            origins = " and ".join(self._store.origin(row) for row in differing)
            code, reason = "ambiguous_join", f"{said} matches rows of '{prefix}' that differ: {origins}."
        elif None in values:
            code, reason = "no_match", f"{said}: a null matches no row of '{prefix}'."
        else:
            code, reason = "no_match", f"{said} matches no row of '{prefix}'."
        return Rejected(
            origin=batch.origin(index),
            stage="map",
            code=code,
            reason=reason,
            field=", ".join(mains),
            value=", ".join(shown(str(value)) for value in values if value is not None) or None,
            row=row_payload(batch.rows, index),
        )


def _open_database(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for setting in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", "cache_size = -32000"):
        database.execute(f"PRAGMA {setting}")
    database.execute("CREATE TABLE side (key TEXT NOT NULL, row INTEGER NOT NULL)")
    database.execute("BEGIN")
    return database


def _key_texts(batch: Batch, columns: Sequence[str]) -> list[str | None]:
    """Return the key of each row as one text, None where a part is null."""
    for column in columns:
        if column not in batch.rows.schema.names:
            raise SourceError(
                f"there is no column '{column}' to join on",
                where=batch.place,
                remedy=did_you_mean(column, batch.rows.schema.names),
            )
    parts = [_texts(batch.rows.column(column), column, batch.place) for column in columns]
    if len(parts) == 1:
        return parts[0]
    return [None if None in key else orjson.dumps(key).decode() for key in zip(*parts, strict=True)]


def _texts(values: pa.Array, column: str, place: str) -> list[str | None]:
    kind = values.type
    if pa.types.is_floating(kind):
        return [_float_text(value) for value in values.to_pylist()]
    try:
        texts: list[str | None] = values.cast(pa.string()).to_pylist()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise SourceError(
            f"the column '{column}' of type {kind} cannot be joined on", where=place, remedy="Use text or numbers."
        ) from error
    return texts


def _float_text(value: float | None) -> str | None:
    """Whole numbers become floats on their way through pandas, so 1.0 is written as 1."""
    if value is None:
        return None
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
