"""Send: the selected rows of a run go to the project in batches, each row with one outcome.

The plan (which data rows, in which batches) is made once and lies on staging. A batch's name holds a hash of its
data rows, and names are unique in a project: a retry that meets its own batch looks at what is in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from labelbox_airflow.engine.api import batches, tasks
from labelbox_airflow.engine.api.data_rows import batched
from labelbox_airflow.engine.api.exports import KEYS_PER_EXPORT, rows_in_project
from labelbox_airflow.engine.api.projects import SentBatch, batches_of
from labelbox_airflow.engine.errors import LabelboxError, LabelboxUnavailableError
from labelbox_airflow.engine.ledger import Entry, Ledger, Run
from labelbox_airflow.engine.project.selection import FILE, in_order
from labelbox_airflow.engine.project.spec import ProjectSpec
from labelbox_airflow.engine.records import Rejected
from labelbox_airflow.engine.report import PROJECT
from labelbox_airflow.engine.staging import Staging
from labelbox_airflow.engine.transport import Transport

PLAN = "project.json"
STEP = "batch"
OUTCOMES = ("sent", "already_there", "not_selected", "over_limit", "not_loaded", "refused")
FEW_EXPORTS = 5  # rather than so many exports by key, the whole project is exported
NOT_TAKEN = "Labelbox did not add the data row to the project and gave no reason"


def held_back(staging: Staging) -> frozenset[str]:
    """Return global keys of the rows that the selection of a run keeps from the project; none before it was made."""
    try:
        plan = staging.read_json(PLAN)
    except FileNotFoundError:
        return frozenset()
    return frozenset(plan.get("held_back", ()))


class RowsInProcessError(LabelboxUnavailableError):
    """Labelbox has not processed all media of a batch yet; it has to wait."""


class ProjectSending:
    """Sends the selection of a run to a project.

    :param overwrite_always: whether older rows may have replaced newer ones
    """

    def __init__(
        self,
        transport: Transport,
        ledger: Ledger,
        staging: Staging,
        *,
        run: Run,
        spec: ProjectSpec,
        project_id: str,
        dataset_id: str | None,
        overwrite_always: bool = False,
    ) -> None:
        self._transport, self._ledger, self._staging, self._run = transport, ledger, staging, run
        self._spec, self._project_id, self._dataset_id = spec, project_id, dataset_id
        self._always = overwrite_always
        self._plan = self._read_plan() or self._make_plan()

    def advance(self) -> str | None:
        """Send batches until there is a task to wait for; return its id, None when all batches are sent.

        Call it again once the task has ended.

        :raises RowsInProcessError: Labelbox is still at work on media of the next batch
        """
        for name, ids in self._plan["batches"].items():
            noted = self._ledger.journal(self._run, name, STEP)
            if noted is not None and noted.task_id is not None:
                state = tasks.task_state(self._transport, noted.task_id)
                if state.is_running:
                    return noted.task_id
                self._check_task(state, name, ids)
                continue
            held = self._find(name)
            unfinished = held is None or (len(ids) >= batches.DIRECT_ROWS and not held.size)
            if unfinished and (task_id := self._send(name, ids, held)) is not None:
                return task_id
        return None

    def finish(self) -> Counter[str]:
        """Look at what is in the project and record what became of every row.

        :return: rows by outcome
        """
        counts = Counter(self._plan["counts"])
        refused = [Rejected(**letter) for letter in self._plan["refused"]]
        for name, ids in self._plan["batches"].items():
            held = self._find(name)
            there: set[str] = set()
            if held is not None:
                there = set(ids) if held.size == len(ids) else self._present(ids, held)
            counts["sent"] += len(there)
            missing = [id_ for id_ in ids if id_ not in there]
            elsewhere = self._present(missing, None)
            counts["already_there"] += len(elsewhere)
            refused += [self._refusal(id_) for id_ in missing if id_ not in elsewhere]
        counts["refused"] = len(refused)
        self._ledger.settle(self._run, PROJECT, counts={name: counts[name] for name in OUTCOMES}, rejected=refused)
        return counts

    def _send(self, name: str, ids: Sequence[str], held: SentBatch | None) -> str | None:
        if not batches.are_processed(self._transport, ids):
            raise RowsInProcessError(
                f"Labelbox is still processing media of the {len(ids):,} data rows of the batch '{name}'",
                remedy="The batch is made when that is done.",
            )
        batch = self._spec.batch
        consensus = batch.consensus_settings.model_dump() if batch.consensus_settings is not None else None
        if len(ids) < batches.DIRECT_ROWS:
            self._create(name, ids, consensus)
            return None
        self._ledger.intend(self._run, name, STEP, name)
        batch_id = (
            held.id
            if held is not None
            else batches.create_empty_batch(self._transport, self._project_id, name, consensus)
        )
        task_id = batches.add_rows(self._transport, self._project_id, batch_id, ids, priority=batch.priority)
        self._ledger.submitted(self._run, name, STEP, task_id)
        return task_id

    def _check_task(self, state: tasks.TaskState, name: str, ids: Sequence[str]) -> None:
        """Have a retry send a batch again whose task failed with nothing done; what is done, finish() looks at.

        :raises LabelboxUnavailableError: none of the rows is in the project
        """
        if state.status != "COMPLETE" and not self._present(ids, None):
            self._ledger.submitted(self._run, name, STEP, None)
            state.require_complete()

    def _create(self, name: str, ids: Sequence[str], consensus: Mapping[str, Any] | None) -> None:
        try:
            batches.create_batch(
                self._transport,
                self._project_id,
                name,
                ids,
                priority=self._spec.batch.priority,
                consensus=consensus,
            )
        except LabelboxUnavailableError:
            raise  # a retry looks for the batch
        except LabelboxError:
            # Others may have sent all of the rows meanwhile, or the batch was made and its answer lost.
            if self._find(name) is None and len(self._present(ids, None)) < len(ids):
                raise

    def _find(self, name: str) -> SentBatch | None:
        return next((each for each in batches_of(self._transport, self._project_id) if each.name == name), None)

    def _present(self, ids: Sequence[str], held: SentBatch | None) -> set[str]:
        """Return those of the data rows that are in the batch, or with None in the project."""
        found: set[str] = set()
        for some in batched(ids, KEYS_PER_EXPORT):
            found.update(
                rows_in_project(self._transport, self._project_id, ids=some, batch_id=held.id if held else None)
            )
        return found

    def _refusal(self, id_: str) -> Rejected:
        key, origin = self._plan["rows"][id_]
        return _refused(key, origin, "not_in_project", NOT_TAKEN)

    def _read_plan(self) -> dict[str, Any] | None:
        try:
            plan: dict[str, Any] = self._staging.read_json(PLAN)
        except FileNotFoundError:
            return None
        return plan

    def _make_plan(self) -> dict[str, Any]:
        counts: Counter[str] = Counter()
        refused: list[Rejected] = []
        kept: list[str] = []
        wanted = list(self._wanted(counts, refused, kept))
        fresh = self._fresh(wanted, counts)
        sent_before = self._sent_before()
        most = self._spec.select.max_per_run
        room = len(fresh) if most is None else max(most - sent_before, 0)
        counts["over_limit"] += max(len(fresh) - room, 0)
        chosen = fresh[:room]
        kept += [key for _, key, _ in fresh[room:]]
        plan = {
            "counts": dict(counts),
            "refused": [_as_dict(letter) for letter in refused],
            "rows": {id_: [key, origin] for id_, key, origin in chosen},
            "held_back": kept,
            "batches": {self._batch_name(ids): ids for ids in batched([row[0] for row in chosen], batches.MOST_ROWS)},
        }
        self._staging.write_json(PLAN, plan)
        return plan

    def _wanted(self, counts: Counter[str], refused: list[Rejected], kept: list[str]) -> Iterator[tuple[str, str, str]]:
        """Yield data row id, key and origin of the rows that are selected and in Labelbox as the run has them.

        :param kept: gets the keys of those that are not selected
        """
        try:
            table = pa.Table.from_batches(list(self._staging.read_table(FILE)))
        except FileNotFoundError:  # nothing was read
            return
        newest = _newest(table)
        counts["not_loaded"] += table.num_rows - len(newest)
        table = table.take(pa.array(newest))
        table = table.take(pa.array(in_order(table, self._spec.select)))
        names = ("global_key", "version", "chosen", "reason", "origin")
        keys = table.column("global_key").to_pylist()
        entries = self._ledger.entries(self._run.owner, keys)
        for key, version, chosen, reason, origin in zip(*(table.column(n).to_pylist() for n in names), strict=True):
            entry = entries.get(key)
            if entry is None or not self._is_loaded(entry, version):
                counts["not_loaded"] += 1
            elif reason is not None:
                refused.append(_refused(key, origin, "bad_value", reason))
            elif not chosen:
                counts["not_selected"] += 1
                kept.append(key)
            else:
                yield str(entry.data_row_id), key, origin

    def _is_loaded(self, entry: Entry, version: int) -> bool:
        as_read = entry.version >= version if self._always else entry.version == version
        return as_read and entry.data_row_id is not None and entry.dataset_id == self._dataset_id

    def _fresh(self, wanted: Sequence[tuple[str, str, str]], counts: Counter[str]) -> list[tuple[str, str, str]]:
        """Return the rows that are not in the project yet."""
        ids = [row[0] for row in wanted]
        if len(ids) > FEW_EXPORTS * KEYS_PER_EXPORT:
            there = set(rows_in_project(self._transport, self._project_id))
        else:
            there = self._present(ids, None)
        fresh = [row for row in wanted if row[0] not in there]
        counts["already_there"] += len(wanted) - len(fresh)
        return fresh

    def _sent_before(self) -> int:
        """Return how many rows this run has sent before it was cleared and begun again."""
        mark = f" {self._mark}-"
        return sum(each.size for each in batches_of(self._transport, self._project_id) if mark in each.name)

    @property
    def _mark(self) -> str:
        return _hash([self._run.sync, self._run.run_id])

    def _batch_name(self, ids: Sequence[str]) -> str:
        return f"{self._spec.batch.name or self._run.sync} {self._mark}-{_hash(ids)}"


def _newest(table: pa.Table) -> list[int]:
    """Return the positions of the row with the newest version of each key, the first of equals."""
    keys, versions = table.column("global_key").to_pylist(), table.column("version").to_numpy()
    best: dict[str, int] = {}
    for index, key in enumerate(keys):
        if key not in best or versions[index] > versions[best[key]]:
            best[key] = index
    return list(np.sort(np.fromiter(best.values(), np.int64, len(best))))


def _hash(content: Sequence[str]) -> str:
    return blake2b(orjson.dumps(list(content)), digest_size=4).hexdigest()


def _refused(key: str, origin: str, code: str, reason: str) -> Rejected:
    return Rejected(origin=origin, stage="send_to_project", code=code, reason=reason, global_key=key)


def _as_dict(letter: Rejected) -> dict[str, Any]:
    names = ("origin", "stage", "code", "reason", "global_key")
    return {name: getattr(letter, name) for name in names}
