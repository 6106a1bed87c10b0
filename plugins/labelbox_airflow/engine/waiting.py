"""Source rows that wait for the data row they are to be attached to, from one run to the next."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

import pyarrow as pa

from labelbox_airflow.engine.ledger import WaitingRow
from labelbox_airflow.engine.records import HIDDEN, Batch, Rejected
from labelbox_airflow.engine.rows.attach import AttachSpec
from labelbox_airflow.engine.rows.mapping import KeyedBatch, mapping_columns
from labelbox_airflow.engine.rows.problems import row_payload
from labelbox_airflow.engine.rows.seen import SeenKeys
from labelbox_airflow.engine.units import UnitRows

if TYPE_CHECKING:
    from labelbox_airflow.engine.extract import Extraction

NO_DATA_ROW = "no_data_row"  # code of rejected rows
WAITING = "waiting"  # what becomes of a row, beside the outcomes
PLACE = "the rows that waited"
_ORIGIN, _VERSION = f"{HIDDEN}origin", f"{HIDDEN}version"


def row_text(row: pa.RecordBatch) -> str:
    """Return a row, a batch of one, as text that keeps its types: an Arrow IPC stream in base64."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, row.schema) as stream:
        stream.write_batch(row)
    return base64.b64encode(sink.getvalue()).decode()


def waiting_rows(unit: UnitRows, indices: Sequence[int]) -> list[WaitingRow]:
    """Return rows of a unit as rows that are about to wait."""
    if not indices:
        return []
    values = pa.RecordBatch.from_struct_array(unit.take(indices).column("source_row"))
    return [
        WaitingRow(
            unit.keys[index],
            unit.versions[index],
            unit.sources[index],
            unit.origins[index],
            row_text(values.slice(position, 1)),
        )
        for position, index in enumerate(indices)
    ]


def waiting_batches(rows: Sequence[WaitingRow]) -> Iterator[Batch]:
    """Return waiting rows as batches, those with the same columns together, with their own origins and versions."""
    read = sorted(((_read(row.row), row) for row in rows), key=lambda pair: str(pair[0].schema))
    for _, group in groupby(read, key=lambda pair: str(pair[0].schema)):
        batches, same = zip(*group, strict=True)
        (batch,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
        batch = batch.append_column(_ORIGIN, pa.array([row.origin for row in same], pa.string()))
        batch = batch.append_column(_VERSION, pa.array([row.version for row in same], pa.int64()))
        yield Batch(batch, PLACE, range(1, len(same) + 1), origin_column=_ORIGIN, time_column=_VERSION)


def _read(text: str) -> pa.RecordBatch:
    with pa.ipc.open_stream(base64.b64decode(text)) as stream:
        return stream.read_next_batch()


class WaitingRows:
    """The rows of an extraction that have no data row yet: one row of each key waits, and is tried again.

    :ivar retried: rows of earlier runs that are tried again just now, by key
    """

    def __init__(self, extraction: Extraction, spec: AttachSpec) -> None:
        self.retried: dict[str, WaitingRow] = {}
        self._x, self._spec = extraction, spec
        self._columns = sorted(set(mapping_columns(spec)))
        self._counted = SeenKeys()  # keys whose row this run has counted, as waiting or as having waited too long
        self._kept: set[str] = set()

    def retry(self) -> None:
        """Take the rows that wait since earlier runs; those that need not wait any more are noted."""
        for rows in self._x.ledger.each_waiting(self._x.run):
            self.retried, self._kept = {row.global_key: row for row in rows}, set()
            self._x.result.retried += len(rows)
            for batch in waiting_batches(rows):
                self._x.add(self._readable(batch))
            if self._x.book is self._x.ledger:
                ended = {key: row.version for key, row in self.retried.items() if key not in self._kept}
                self._x.ledger.end_wait(self._x.run, ended)
        self.retried = {}

    def take(self, keyed: KeyedBatch, absent: Sequence[int]) -> None:
        """Let the rows at ``absent`` wait, or wait on, and count each."""
        page = _Page(self._x, self._spec, keyed, self._columns)
        keys = sorted({keyed.keys[index] for index in absent})
        page.held = {**self._x.ledger.waiting(self._x.run, keys), **self._x.book.waiting(self._x.run, keys)}
        page.counted = {key for key, counted in zip(keys, self._counted.contains(keys), strict=True) if counted}
        for index in absent:
            waited = self.retried.get(keyed.keys[index])
            if waited is None:
                page.weigh(index)
            elif page.wait_on(index, waited):
                self._kept.add(waited.global_key)
        self._x.reject(page.rejected)
        self._counted.add(sorted(page.counted))
        if page.new:
            self._x.book.wait(self._x.run, page.new)

    def _readable(self, batch: Batch) -> Batch:
        """Return a batch as it is, or its rows as rejected where the sync reads a column by now that they lack."""
        missing = [name for name in self._columns if name not in batch.rows.schema.names]
        if not missing:
            return batch
        reason = f"the row waited since before the sync read the column '{missing[0]}'; read its source again"
        rejected = [
            Rejected(
                origin=batch.origin(index),
                stage="map",
                code="missing_column",
                reason=reason,
                field=missing[0],
                row=row_payload(batch.rows, index),
            )
            for index in range(batch.rows.num_rows)
        ]
        return replace(batch, rows=batch.rows.slice(0, 0), positions=(), rejected=rejected)


class _Page:
    """Rows of one batch that have no data row.

    :ivar held: rows that wait already, by key
    :ivar counted: keys whose row this run has counted
    :ivar new: rows that begin to wait, or take the place of older ones
    """

    def __init__(self, extraction: Extraction, spec: AttachSpec, keyed: KeyedBatch, columns: Sequence[str]) -> None:
        self.held: dict[str, WaitingRow] = {}
        self.counted: set[str] = set()
        self.new: list[WaitingRow] = []
        self.rejected: list[Rejected] = []
        self._outcomes = extraction.result.outcomes
        self._now = extraction.ledger.now
        self._spec, self._keyed, self._columns = spec, keyed, columns

    def wait_on(self, index: int, waited: WaitingRow) -> bool:
        """Let a row that was tried again wait on; tell whether it does, or has waited too long."""
        self.counted.add(waited.global_key)
        since = waited.first_seen
        if since is not None and since + self._spec.longest_wait < self._now:
            self._reject(
                index,
                NO_DATA_ROW,
                f"there is no data row of this key; the row waited since {since:%Y-%m-%d %H:%M} UTC, longer than "
                f"attach.later_for: {self._spec.later_for}",
            )
            return False
        self._outcomes[WAITING] += 1
        return True

    def weigh(self, index: int) -> None:
        """Compare a row with the one of its key that waits, if one does, and let the newer wait."""
        keyed = self._keyed
        key, version, source = keyed.keys[index], keyed.versions[index], keyed.sources[index]
        held, mine = self.held.get(key), key in self.counted
        same = held is not None and (version, source) == (held.version, held.source)
        if held is not None and version < held.version:
            self._outcomes["superseded"] += 1
        elif held is not None and same and (mine or not held.ended):
            self._outcomes["unchanged" if mine else WAITING] += 1
            self.counted.add(key)
        elif held is not None and mine and held.put_here and version == held.version:
            self._reject(
                index,
                "duplicate_key",
                f"{held.origin} has the same key and version, and other content; give each row a key of its own, "
                "or a newer version",
            )
        else:
            self._outcomes["superseded" if held is not None and mine and not held.ended else WAITING] += 1
            self._put(index)

    def _put(self, index: int) -> None:
        keyed, row = self._keyed, self._keyed.rows[index]
        text = row_text(keyed.batch.rows.select(self._columns).slice(row, 1))
        origin, key = keyed.batch.origin(row), keyed.keys[index]
        new = WaitingRow(key, keyed.versions[index], keyed.sources[index], origin, text, put_here=True)
        self.new.append(new)
        self.held[key] = new
        self.counted.add(key)

    def _reject(self, index: int, code: str, reason: str) -> None:
        self.rejected.append(rejected_key(self._keyed, index, code, reason))


def rejected_key(keyed: KeyedBatch, index: int, code: str, reason: str) -> Rejected:
    """Return a row as rejected on account of its key.

    :param reason: without the key, which comes before it
    """
    row, key = keyed.rows[index], keyed.keys[index]
    return Rejected(
        origin=keyed.batch.origin(row),
        stage="map",
        code=code,
        reason=f"global_key = '{key}': {reason}",
        field="global_key",
        value=key,
        global_key=key,
        row=row_payload(keyed.batch.rows, row),
    )
