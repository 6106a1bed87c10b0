"""Upload: one unit of mapped rows, sent as one task of Labelbox and settled row by row.

A unit is taken up again where it was left: the journal names the task that was submitted, and what was decided on
each row before sending lies on staging. Whatever was sent without an answer is looked up before it counts as lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from itertools import compress

import orjson

from labelbox_airflow.engine.api import tasks
from labelbox_airflow.engine.api.embeddings import embedding_ids
from labelbox_airflow.engine.collector import collector_paused
from labelbox_airflow.engine.errors import LabelboxUnavailableError
from labelbox_airflow.engine.existing import met_entry
from labelbox_airflow.engine.held import held_rows
from labelbox_airflow.engine.ledger import Claim, Entry, EntryRows, JournalEntry, Ledger, Run, WaitingRow
from labelbox_airflow.engine.metadata_schema import read_metadata_schema
from labelbox_airflow.engine.rows.attach import AttachSpec, MappingSpec
from labelbox_airflow.engine.rows.decide import CREATE, SUPERSEDED, Decision, Overwrite, decide
from labelbox_airflow.engine.staging import Staging
from labelbox_airflow.engine.transport import Transport
from labelbox_airflow.engine.units import REPLACED, Marks, UnitRows, content_mark, load_unit
from labelbox_airflow.engine.upload.sender import Sender
from labelbox_airflow.engine.upload.settlement import Resent, Settlement
from labelbox_airflow.engine.vectors import note_new
from labelbox_airflow.engine.waiting import WAITING, waiting_rows

STEP = "rows"


class KeysBusyError(LabelboxUnavailableError):
    """Another run is sending some of the same keys right now; this unit has to wait for it."""


class UnitUpload:
    """Sends one unit.

    :param spec: the ``rows:`` or ``attach:`` of the sync, the former connectors' columns spelled out
    :param overwrite: ``always`` lets older rows overwrite newer ones
    """

    def __init__(
        self,
        transport: Transport,
        ledger: Ledger,
        staging: Staging,
        *,
        run: Run,
        spec: MappingSpec,
        dataset_id: str,
        unit: str,
        overwrite: Overwrite = "newer",
    ) -> None:
        self._transport, self._ledger, self._staging = transport, ledger, staging
        self._run, self._spec, self._dataset_id = run, spec, dataset_id
        self._overwrite: Overwrite = overwrite
        self._unit = load_unit(staging, unit)
        self._replaced = frozenset(self._read_replaced())
        self._settled = Counter(ledger.tallies(run).get(unit, {}))
        if self._settled:  # cleared, or killed before Airflow heard of it: try again what was rejected, leave the rest
            letters = (letter for letter in ledger.dead_letters(run) if letter.part == unit)
            self._unit = self._unit.only({(letter.origin, letter.global_key) for letter in letters})
        self._schema = read_metadata_schema(transport)
        ids = embedding_ids(transport, spec.embeddings, create=False)
        self._sender = Sender(transport, spec, dataset_id=dataset_id, schema=self._schema, embedding_ids=ids)

    @collector_paused()
    def start(self) -> str | None:
        """Send the unit, or find the task that an earlier attempt submitted; return its id, None where none is needed.

        :raises KeysBusyError: another run is sending some of the keys
        """
        noted = self._ledger.journal(self._run, self._unit.name, STEP)
        if noted is not None and noted.task_id is not None and self._may_take_up(noted):
            return noted.task_id
        decisions = self._decide()
        content = self._save(decisions)
        self._ledger.intend(self._run, self._unit.name, STEP, content)
        task_id = self._sender.send(self._unit, dict(enumerate(decisions)), self._known_ids(decisions))
        self._save_files()
        if task_id is not None:
            self._ledger.submitted(self._run, self._unit.name, STEP, task_id)
        return task_id

    @collector_paused()
    def finish(self, task_id: str | None) -> Counter[str]:
        """Settle the unit once its task has ended, and record outcomes, dead letters and what Labelbox holds now.

        :return: rows by outcome
        :raises LabelboxUnavailableError: the task failed as a whole; the next attempt sends again what is missing
        """
        noted = self._ledger.journal(self._run, self._unit.name, STEP)
        self._restore_files()
        if task_id is not None:
            state = tasks.task_state(self._transport, task_id)
            if noted is not None and state.status in {"FAILED", "CANCELED"}:
                self._ledger.submitted(self._run, self._unit.name, STEP, None)
            state.require_complete()
        decisions = self._saved_decisions()
        settlement = Settlement(
            self._transport,
            self._sender,
            self._unit,
            decisions,
            dataset_id=self._dataset_id,
            ids=self._known_ids(decisions),
            held=self._held,
            missing=self._spec.missing if isinstance(self._spec, AttachSpec) else None,
            noted=noted,
            resent=self._read_resent(noted),
            before_sending=self._note_resent,
        )
        counts = settlement.settle(task_id) + self._settled - Counter(rejected=self._settled["rejected"])
        if not self._spec.creates and not self._settled:
            updated = [index for index, outcome in settlement.outcomes.items() if outcome == "updated"]
            note_new(self._staging, self._unit, updated, self._read_entries(self._unit.keys))
        with self._ledger.transaction() as transaction:
            transaction.put_rows(self._run.owner, self._entries(settlement), force=self._overwrite == "always")
            transaction.wait(self._run, self._waiting(settlement))
            transaction.settle(self._run, self._unit.name, counts=counts, rejected=settlement.rejected)
        return counts

    def _waiting(self, settlement: Settlement) -> list[WaitingRow]:
        """Return the rows whose data row is gone, and who wait for another."""
        indices = [index for index, outcome in settlement.outcomes.items() if outcome == WAITING]
        return waiting_rows(self._unit, indices)

    def _save_files(self) -> None:
        """Keep what became of local files for whoever settles the unit."""
        if self._sender.files is not None:
            self._staging.write_json(self._files_file, self._sender.files.as_dict())

    def _restore_files(self) -> None:
        if self._sender.files is not None:
            with suppress(FileNotFoundError):
                self._sender.files.restore(self._staging.read_json(self._files_file))

    def _note_resent(self, resent: Resent) -> None:
        """Keep what is about to be sent once more, for whoever settles the unit should this attempt end here."""
        rows = [[index, *decision] for index, decision in resent.decisions.items()]
        noted = self._ledger.journal(self._run, self._unit.name, STEP)
        saved = {"intent": _intent(noted), "rows": rows, "made_by_us": sorted(resent.made_by_us)}
        self._staging.write_json(self._resent_file, saved)
        self._ledger.intend(self._run, self._unit.name, STEP, self._saved_content() or "")

    def _read_resent(self, noted: JournalEntry | None) -> Resent:
        try:
            saved = self._staging.read_json(self._resent_file)
        except FileNotFoundError:
            saved = None
        if saved is None or saved["intent"] != _intent(noted):  # none, or of other content
            return Resent({}, frozenset())
        decisions = {index: Decision(action, tuple(changed)) for index, action, changed in saved["rows"]}
        return Resent(decisions, frozenset(saved["made_by_us"]))

    def _may_take_up(self, noted: JournalEntry) -> bool:
        """Tell whether the noted task still stands for the unit: once the lease ran out, others may have written."""
        return self._saved_content() == noted.content and not self._ledger.lease_ran_out(noted.first_intent_at)

    def _decide(self) -> list[Decision]:
        unit = self._unit
        acquired = self._ledger.acquire(self._run, unit.name, unit.keys)
        if acquired.unclaimed:  # the lease ran out while the unit waited for its turn
            self._claim_again(acquired.unclaimed)
            acquired = self._ledger.acquire(self._run, unit.name, unit.keys)
        if acquired.waiting:
            key, other = next(iter(acquired.waiting.items()))
            raise KeysBusyError(
                f"the run {other} is sending {len(acquired.waiting):,} of the same global keys right now, e.g. '{key}'",
                remedy="This unit goes on when it has finished.",
            )
        held = acquired.held
        ours = [
            held.get(key) == sequence and sequence not in self._replaced
            for key, sequence in zip(unit.keys, unit.sequences, strict=True)
        ]
        entries = self._read_entries(held)
        if not entries:  # the rule on a first load
            return [CREATE if mine else SUPERSEDED for mine in ours]
        return [
            decide(entries.get(key), self._dataset_id, unit.versions[index], unit.marks[index], self._overwrite)
            if ours[index]
            else SUPERSEDED
            for index, key in enumerate(unit.keys)
        ]

    def _claim_again(self, keys: frozenset[str]) -> None:
        unit = self._unit
        columns = zip(unit.keys, unit.sequences, unit.versions, unit.marks, unit.origins, strict=True)
        claims = {
            key: Claim(unit.name, sequence, version, content_mark(marks), origin)
            for key, sequence, version, marks, origin in columns
            if key in keys
        }
        self._ledger.claim(self._run, claims)

    def _read_entries(self, keys: Collection[str]) -> dict[str, Entry]:
        """Return what is known of keys: what the sync has written, else the data row that the extraction has met."""
        entries = self._ledger.entries(self._run.owner, list(keys))
        if self._spec.creates:
            return entries
        wanted = set(keys)
        for key, id_ in zip(self._unit.keys, self._unit.data_row_ids, strict=True):
            entry = entries.get(key)
            if id_ is not None and key in wanted and (entry is None or entry[:2] != (self._dataset_id, id_)):
                entries[key] = met_entry(self._dataset_id, id_)
        return entries

    def _known_ids(self, decisions: Sequence[Decision]) -> dict[int, str]:
        """Return the data row ids of the rows that are there, as far as they are known."""
        there = [index for index, decision in enumerate(decisions) if decision.action in {"update", "unchanged"}]
        if not there:
            return {}
        entries = self._read_entries([self._unit.keys[index] for index in there])
        known = ((index, entries.get(self._unit.keys[index])) for index in there)
        return {
            index: entry.data_row_id
            for index, entry in known
            if entry is not None and entry.data_row_id and entry.dataset_id == self._dataset_id
        }

    def _held(self, keys: Sequence[str]) -> Mapping[str, Marks]:
        rows = held_rows(self._transport, self._dataset_id, self._spec, self._schema, keys)
        return {row.global_key: row.marks for row in rows}

    def _entries(self, settlement: Settlement) -> EntryRows:
        """Return the rows that Labelbox holds as they are in the unit."""
        unit, ids, outcomes = self._unit, settlement.ids, settlement.outcomes
        done = [outcomes[index] in {"created", "updated", "unchanged"} for index in range(len(unit))]
        return EntryRows(
            self._dataset_id,
            list(compress(unit.keys, done)),
            list(compress((ids.get(index) for index in range(len(unit))), done)),
            list(compress(unit.versions, done)),
            list(compress(unit.sources, done)),
            [list(compress(column, done)) for column in unit.mark_columns],
        )

    def _save(self, decisions: Sequence[Decision]) -> str:
        """Keep the decisions for whoever settles the unit; return a hash of what is about to be sent."""
        numbers: dict[Decision, int] = {}
        rows = [numbers.setdefault(decision, len(numbers)) for decision in decisions]
        distinct = list(numbers)
        content = _content(self._unit, rows, distinct)
        saved = {"content": content, "distinct": [list(decision) for decision in distinct], "rows": rows}
        self._staging.write_json(self._file, saved)
        return content

    def _read_replaced(self) -> list[int]:
        try:
            return list(self._staging.read_json(REPLACED))
        except FileNotFoundError:
            return []

    def _saved_content(self) -> str | None:
        try:
            return str(self._staging.read_json(self._file)["content"])
        except FileNotFoundError:
            return None

    def _saved_decisions(self) -> list[Decision]:
        saved = self._staging.read_json(self._file)
        distinct = [Decision(action, tuple(changed)) for action, changed in saved["distinct"]]
        return [distinct[number] for number in saved["rows"]]

    @property
    def _resent_file(self) -> str:
        return f"{self._unit.name}.resent.json"

    @property
    def _files_file(self) -> str:
        return f"{self._unit.name}.files.json"

    @property
    def _file(self) -> str:
        return f"{self._unit.name}.decisions.json"


def _intent(noted: JournalEntry | None) -> str | None:
    return noted.first_intent_at.isoformat() if noted is not None else None


def _content(unit: UnitRows, rows: Sequence[int], distinct: Sequence[Decision]) -> str:
    digest = blake2b(orjson.dumps([[list(decision) for decision in distinct], rows]), digest_size=16)
    for column in (unit.keys, *unit.mark_columns):
        digest.update(orjson.dumps(column))
    return digest.hexdigest()
