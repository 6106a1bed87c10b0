"""A page: some source rows on their way, what is known of their keys, and what is decided row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from labelbox_airflow.engine.fingerprint import Hashes, text_fingerprints
from labelbox_airflow.engine.ledger import Claim, ClaimedRows, Entry
from labelbox_airflow.engine.records import Rejected
from labelbox_airflow.engine.rows.decide import COPY, SUPERSEDED, UNCHANGED, Decision, changed_parts, decide
from labelbox_airflow.engine.rows.mapping import KeyedBatch, RowMapping
from labelbox_airflow.engine.units import Marks, content_mark, content_marks, part_marks, payload_of

if TYPE_CHECKING:
    from labelbox_airflow.engine.extract import Extraction

SAMPLES = 5  # keys named as examples of each kind of change


class _Earlier(NamedTuple):
    """A row of the same key that the run has met before."""

    version: int
    same: bool
    origin: str


class Page:
    """One batch on its way: what is known of its keys, and what is decided row by row."""

    def __init__(self, extraction: Extraction, mapping: RowMapping, keyed: KeyedBatch) -> None:
        self._x, self._mapping, self._keyed = extraction, mapping, keyed
        self._entries: dict[str, Entry] = {}  # of rows that are not settled at first sight
        self._busy = extraction.ledger.claimed_elsewhere(extraction.run, keyed.keys)
        self._met_before = {
            key for key, met in zip(keyed.keys, extraction.seen.contains(keyed.keys), strict=True) if met
        }
        self._earlier_claims = extraction.book.claims(extraction.run, sorted(self._met_before))
        self._met_here: set[str] = set()
        self._claims: dict[str, Claim] = {}
        self._new: ClaimedRows | None = None
        self._touched: dict[str, tuple[int, int]] = {}
        self._rejected: list[Rejected] = []

    def settle(self) -> None:
        """Give every row of the page an outcome, or a place in a unit."""
        changed = self._changed_rows()
        if changed:
            keys = [self._keyed.keys[index] for index in changed]
            self._entries = self._x.ledger.entries(self._x.run.owner, keys)
            self._judge(changed)
        self._x.reject(self._rejected)
        self._x.seen.add(list(self._met_here))
        if self._new is not None:
            self._x.book.claim_rows(self._x.run, self._new)
        if self._claims:
            self._x.book.claim(self._x.run, self._claims, repeats=bool(self._met_before))
        if self._touched and self._x.book is self._x.ledger:
            changes = [(key, version, source) for key, (version, source) in self._touched.items()]
            self._x.ledger.touch(self._x.run.owner, changes)
            if self._x.existing is not None:
                self._x.existing.remember(self._entries, self._touched)

    def _changed_rows(self) -> list[int]:
        """Settle the rows whose source is as it was, and return the positions of the others."""
        keyed, met, special = self._keyed, self._met_here, self._met_before | self._busy
        sources = dict(zip(keyed.keys, keyed.sources, strict=True))
        newest = max(keyed.versions, default=0)
        stored = self._unlike(sources, newest)
        if stored.keys() == sources.keys() and {*stored.values()} == {None}:  # the rule on a first load
            return list(range(len(keyed.keys)))
        if not stored and not special and len(sources) == len(keyed.keys):  # the rule when nothing has changed
            met.update(sources)
            self._x.result.outcomes["unchanged"] += len(sources)
            return []
        others: list[int] = []
        for index, (key, source) in enumerate(zip(keyed.keys, keyed.sources, strict=True)):
            version = stored.get(key, newest)
            if version is None or key in met or key in special or source != sources[key]:
                others.append(index)
                continue
            met.add(key)
            if keyed.versions[index] > version:
                self._touched[key] = (keyed.versions[index], source)
        self._x.result.outcomes["unchanged"] += len(keyed.keys) - len(others)
        return others

    def _unlike(self, sources: Mapping[str, int], newest: int) -> Mapping[str, int | None]:
        """Return the keys with another source than the one written last, and those written in an older version."""
        if self._x.dataset_id is None:
            return dict.fromkeys(sources)
        return self._x.ledger.unlike(self._x.run.owner, self._x.dataset_id, sources, newest)

    def _judge(self, chosen: list[int]) -> None:
        """Map the chosen rows, decide on each, and stage those that are to be sent."""
        rows = self._mapped(chosen)
        if rows is None:
            return
        marks_of_all = content_marks(rows)
        keys: list[str] = rows.column("global_key").to_pylist()
        unit, sequence = self._x.units.current(rows.schema, rows.num_rows), self._x.units.next_sequence
        if self._all_new(keys):
            self._stage_new(rows, keys, marks_of_all, unit)
            return
        marks, contents = part_marks(rows), marks_of_all.tolist()
        columns = (rows.column(name).to_pylist() for name in ("version", "source", "origin"))
        staged: list[int] = []
        for index, (key, version, source, origin) in enumerate(zip(keys, *columns, strict=True)):
            decision = self._decide(key, version, marks[index])
            if decision is None:
                self._reject_duplicate(key, origin, marks[index], payload_of(rows.slice(index, 1).to_pylist()[0]))
                continue
            if decision is not SUPERSEDED:  # a row that changes nothing contradicts none after it
                self._met_here.add(key)
            if decision is not SUPERSEDED and decision is not COPY:
                self._replace_earlier(key)
            if self._is_sent(key, decision):
                self._claims[key] = Claim(unit, sequence + len(staged), version, contents[index], origin)
                staged.append(index)
            elif decision is UNCHANGED:
                self._touched[key] = (version, source)
        if staged:
            all_of_them = len(staged) == rows.num_rows
            self._x.units.write(rows if all_of_them else rows.take(pa.array(staged, pa.int64())))

    def _mapped(self, chosen: list[int]) -> pa.RecordBatch | None:
        """Map the chosen rows, of those that are to be attached the ones that have a data row; None where none is."""
        existing = self._x.existing
        if existing is not None:
            chosen = existing.among(self._keyed, chosen, self._entries)
        if not chosen:
            return None
        mapped = self._mapping.map(self._keyed, chosen)
        self._x.reject(mapped.rejected)
        return mapped.rows if existing is None else existing.with_ids(mapped.rows, self._entries)

    def _all_new(self, keys: list[str]) -> bool:
        """Tell whether neither the ledger nor this run has met any of the keys: the rule on a first load."""
        known = self._met_before | self._met_here
        return not self._entries and known.isdisjoint(keys) and len(set(keys)) == len(keys)

    def _stage_new(self, rows: pa.RecordBatch, keys: list[str], contents: Hashes, unit: str) -> None:
        """Stage rows that are all to be created, without a look at each."""
        first = self._x.units.next_sequence
        self._new = ClaimedRows(
            unit,
            text_fingerprints(keys),
            np.arange(first, first + len(keys)),
            rows.column("version").to_numpy(),
            contents,
            rows.column("origin").to_pylist(),
        )
        self._met_here.update(keys)
        self._x.result.planned["create"] += len(keys)
        for key in keys[:SAMPLES]:
            self._x.result.note("create", key)
        if keys:
            self._x.units.write(rows)

    def _replace_earlier(self, key: str) -> None:
        """Note that a row staged before is not to be sent, in whatever order their units are."""
        claim = self._claims.get(key) or self._earlier_claims.get(key)
        if claim is not None:
            self._x.replaced.append(claim.sequence)

    def _is_sent(self, key: str, decision: Decision) -> bool:
        """Count the row; tell whether it goes to a unit (where another run is at work on the key, it decides there)."""
        result = self._x.result
        if decision.action in {"create", "update"}:
            result.planned[decision.action] += 1
            if decision.action == "update":
                result.changes.update(decision.changed)
            result.note(decision.action, key)
            return True
        if decision is UNCHANGED and key in self._busy:
            result.planned["update"] += 1
            return True
        result.outcomes[decision.action] += 1
        if decision is SUPERSEDED:
            result.note(decision.action, key)
        return False

    def _decide(self, key: str, version: int, marks: Marks) -> Decision | None:
        """Return the decision on one row; None when it contradicts an earlier row of the same version."""
        entry = self._entries.get(key)
        earlier = self._earlier(key, entry, marks)
        if earlier is not None and version <= earlier.version:
            if version < earlier.version:
                return SUPERSEDED
            return COPY if earlier.same else None
        return decide(entry, self._x.dataset_id, version, marks, self._x.overwrite)

    def _earlier(self, key: str, entry: Entry | None, marks: Marks) -> _Earlier | None:
        if key not in self._met_here and key not in self._met_before:
            return None
        claim = self._claims.get(key) or self._earlier_claims.get(key)
        if claim is not None:
            return _Earlier(claim.version, claim.content == content_mark(marks), claim.origin)
        if entry is None:
            return None
        version = self._touched[key][0] if key in self._touched else entry.version
        return _Earlier(version, not changed_parts(entry, marks), "an earlier row")

    def _version_hint(self) -> str:
        mapped = self._mapping.spec.version is not None
        return " or a newer version" if mapped else ", or map rows.version so that the newest wins"

    def _reject_duplicate(self, key: str, origin: str, marks: Marks, row: dict[str, object]) -> None:
        earlier = self._earlier(key, self._entries.get(key), marks)
        self._rejected.append(
            Rejected(
                origin=origin,
                stage="map",
                code="duplicate_key",
                reason=f"global_key = '{key}': {earlier.origin if earlier else 'an earlier row'} has the same key and "
                f"version, and other content; give each row a key of its own{self._version_hint()}",
                field="global_key",
                value=key,
                global_key=key,
                row=row,
            )
        )
