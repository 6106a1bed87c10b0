"""The data rows that a sync attaches to: found before anything is mapped, and what becomes of rows without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from labelbox_airflow.engine.api.data_rows import Home, KeyLookup
from labelbox_airflow.engine.fingerprint import fingerprint
from labelbox_airflow.engine.ledger import Entry
from labelbox_airflow.engine.rows.attach import AttachSpec
from labelbox_airflow.engine.rows.mapping import KeyedBatch
from labelbox_airflow.engine.waiting import NO_DATA_ROW, WAITING, WaitingRows, rejected_key

if TYPE_CHECKING:
    from labelbox_airflow.engine.extract import Extraction

FindDataRows = Callable[[Sequence[str]], KeyLookup]
"""Asks Labelbox where global keys live."""

NOTHING_TO_ATTACH_TO = (
    "the dataset has no data row of this key; load it first, correct the key, or set attach.missing to leave or later"
)
LEFT_ALONE = "left_alone"  # what becomes of a row without a data row, beside the outcomes
GONE = {"leave": LEFT_ALONE, "later": WAITING}  # by what the sync says of missing data rows
SAMPLES = 5
_OLDEST = -(2**63)
_NO_ATTACHMENTS = fingerprint(b"[]")


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """A key that is taken where the sync does not attach; ``home`` is None where the API key may not look."""

    home: Home | None


def met_entry(dataset_id: str, data_row_id: str) -> Entry:
    """Return the entry of a data row that is there, and of which a sync has written nothing yet."""
    return Entry(dataset_id, data_row_id, _OLDEST, None, None, None, None, _NO_ATTACHMENTS, None, None)


class ExistingRows:
    """Finds the data rows of an extraction's keys, page by page."""

    def __init__(self, extraction: Extraction, spec: AttachSpec, find: FindDataRows) -> None:
        self.waiting = WaitingRows(extraction, spec)
        self._x, self._spec, self._find = extraction, spec, find

    def among(self, keyed: KeyedBatch, chosen: Sequence[int], entries: dict[str, Entry]) -> list[int]:
        """Return those of the rows at ``chosen`` that have a data row; with the others goes what the sync says.

        :param entries: what the sync has written before; entries of data rows that are met now are added
        """
        met = self._met(list(dict.fromkeys(keyed.keys[index] for index in chosen)), entries)
        present, absent, elsewhere = [], [], []
        for index in chosen:
            key = keyed.keys[index]
            home = met.get(key)
            if isinstance(home, Entry):
                entries[key] = home
                present.append(index)
            elif home is None:
                absent.append(index)
            else:
                elsewhere.append(rejected_key(keyed, index, "key_in_other_dataset", _taken(home)))
        self._x.reject(elsewhere)
        self._miss(keyed, absent)
        return present

    def with_ids(self, rows: pa.RecordBatch, entries: Mapping[str, Entry]) -> pa.RecordBatch:
        """Return mapped rows with the id of the data row of each."""
        ids = [entries[key].data_row_id for key in rows.column("global_key").to_pylist()]
        return rows.append_column("data_row_id", pa.array(ids, pa.string()))

    def remember(self, entries: Mapping[str, Entry], touched: Mapping[str, tuple[int, int]]) -> None:
        """Note the data rows to which their rows had nothing to add, so that they need not be looked for again."""
        met = {key: entries[key] for key in touched if key in entries and entries[key].version == _OLDEST}
        noted = {key: entry._replace(version=touched[key][0], source=touched[key][1]) for key, entry in met.items()}
        if noted:
            self._x.ledger.put(self._x.run.owner, noted)

    def _met(self, keys: Sequence[str], entries: Mapping[str, Entry]) -> dict[str, Entry | _Elsewhere]:
        """Return what is known of keys: an entry, that the key is elsewhere, or nothing.

        What the ledger knows is not asked for again, but for rows that waited: they did so against what it says.
        """
        ours, waited = self._x.dataset_id, self.waiting.retried
        met: dict[str, Entry | _Elsewhere] = {}
        if not waited:
            written = ((key, entries[key]) for key in keys if key in entries)
            met.update({key: entry for key, entry in written if entry.dataset_id == ours and entry.data_row_id})
            homes = self._x.ledger.homes(self._x.run.organization, [key for key in keys if key not in met])
            met.update({key: met_entry(dataset, id_) for key, (dataset, id_) in homes.items() if dataset == ours})
        unknown = [key for key in keys if key not in met]
        if not unknown:
            return met
        found = self._find(unknown)
        met.update({key: _Elsewhere(None) for key in found.denied})
        for key, home in found.found.items():
            met[key] = _entry(home, entries.get(key)) if home.dataset_id == ours else _Elsewhere(home)
        return met

    def _miss(self, keyed: KeyedBatch, absent: Sequence[int]) -> None:
        """Do with rows without a data row what the sync says."""
        for index in absent[:SAMPLES]:
            self._x.result.note(NO_DATA_ROW, keyed.keys[index])
        if not absent:
            return
        if self._spec.missing == "reject":
            self._x.reject([rejected_key(keyed, index, NO_DATA_ROW, NOTHING_TO_ATTACH_TO) for index in absent])
        elif self._spec.missing == "leave":
            self._x.result.outcomes[LEFT_ALONE] += len(absent)
        else:
            self.waiting.take(keyed, absent)


def _entry(home: Home, known: Entry | None) -> Entry:
    """Return what a sync knows of a data row: what it has written, unless that was to another of the same key."""
    if known is not None and (known.dataset_id, known.data_row_id) == (home.dataset_id, home.data_row_id):
        return known
    return met_entry(home.dataset_id, home.data_row_id)


def _taken(elsewhere: _Elsewhere) -> str:
    home = elsewhere.home
    place = f"the dataset '{home.dataset_name}' ({home.dataset_id})" if home else "a place this API key cannot see"
    return f"is that of a data row in {place}; correct the key, or name that dataset in labelbox.dataset"
