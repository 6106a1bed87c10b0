"""Send a unit: its jobs become imports of Labelbox, and every line gets its outcome."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import numpy as np
import orjson

from labelbox_airflow.engine.annotations.imports.former import keep_lines
from labelbox_airflow.engine.annotations.imports.job_lines import JobLines, PlannedLine, planned_jobs
from labelbox_airflow.engine.annotations.imports.model_run import GIVEN_UP, ids_that_go_first, prepare_rows, refusal
from labelbox_airflow.engine.annotations.imports.plan import ImportPlan, Job
from labelbox_airflow.engine.annotations.imports.spec import ImportKind
from labelbox_airflow.engine.annotations.imports.tally import STAGE, Tally, by_outcome, stored
from labelbox_airflow.engine.annotations.targets import BY_ID
from labelbox_airflow.engine.api.annotation_imports import (
    ImportState,
    create_import,
    find_import,
)
from labelbox_airflow.engine.api.import_statuses import read_statuses
from labelbox_airflow.engine.api.labels import delete_labels
from labelbox_airflow.engine.collector import collector_paused
from labelbox_airflow.engine.errors import LabelboxError
from labelbox_airflow.engine.ledger import AnnotatedRow, Ledger, Run
from labelbox_airflow.engine.records import Rejected
from labelbox_airflow.engine.staging import Staging
from labelbox_airflow.engine.transport import Transport

MOST_NAMES = 10
REFUSED, UNSAID = "refused_by_labelbox", "no_status"
_UNSAID = "Labelbox finished the import and said nothing about this line"


class ImportFailedError(LabelboxError):
    """Labelbox has ended an import as failed, and took none of its annotations."""


class UnitImport:
    """Sends the jobs of one unit and settles their lines.

    Call :meth:`start`, wait until :meth:`running` is None, then :meth:`finish`. A retry goes on where the last try was,
    and sends again, under a further name, what Labelbox has failed to import.
    """

    def __init__(self, transport: Transport, ledger: Ledger, staging: Staging, *, run: Run, unit: str) -> None:
        self._transport, self._ledger, self._staging, self._run = transport, ledger, staging, run
        self._unit = unit
        self._plan = ImportPlan.read_from(staging)
        self._jobs = self._plan.units[unit]

    @property
    def kind(self) -> ImportKind:
        """What the annotations become."""
        return self._plan.kind

    @property
    def target(self) -> str:
        """Id of the project or model run."""
        return self._plan.target

    @collector_paused()
    def start(self) -> None:
        """Start the imports that are not started yet, or have failed."""
        for lines in planned_jobs(self._staging, self._unit):
            job = self._jobs[lines.number]
            noted = self._ledger.journal(self._run, self._unit, job.name)
            if noted is None or noted.task_id is None or self._state(job).state == "FAILED":
                self._send(job, lines)

    def running(self) -> str | None:
        """Return the name of an import that runs still, None when all have ended."""
        for job in self._jobs:
            state = self._state(job)
            if state.is_running:
                return state.name
        return None

    def wait(self, seconds: float, *, sleep: Callable[[float], None] = time.sleep) -> str | None:
        """Look for so many seconds, ever less often; return what :meth:`running` does in the end."""
        deadline, pause = time.monotonic() + seconds, 0.5
        while (running := self.running()) is not None and time.monotonic() + pause <= deadline:
            sleep(pause)
            pause = min(pause * 1.5, 30.0)
        return running

    @collector_paused()
    def finish(self) -> Counter[str]:
        """Read what became of every line, and write it down.

        :return: annotations by outcome
        :raises ImportFailedError: an import has failed as a whole; nothing of the unit is written down
        """
        states = [self._ended(job) for job in self._jobs]
        tally: Tally = Counter()
        rejected: list[Rejected] = []
        annotated: dict[str, AnnotatedRow] = {}
        for lines in planned_jobs(self._staging, self._unit):
            state = states[lines.number]
            refused = self._refused(state, lines)
            annotated |= self._annotated(state, lines, refused, self._began(self._jobs[lines.number]))
            tally.update({("sent", name): count for name, count in lines.sent_by_class(refused).items()})
            for line in lines.refused(refused):
                tally["rejected", line.class_name] += 1
                rejected.append(_letter(line, *refused[line.uuid]))
        with self._ledger.transaction() as write:
            write.put_annotated(self._run.owner, self._plan.target, annotated)
            write.settle(self._run, self._unit, counts=stored(tally), rejected=rejected)
        return by_outcome(tally)

    def _send(self, job: Job, lines: JobLines) -> None:
        name, found = self._free_name(job)
        self._ledger.intend(self._run, self._unit, job.name, name)
        if found is None:
            self._make_room(lines)
            found = self._create(name, lines.ndjson())
        self._ledger.submitted(self._run, self._unit, job.name, found.id)

    def _make_room(self, lines: JobLines) -> None:
        """Remove what the lines replace, and see to the data rows of a model run."""
        if self._plan.kind == "predictions":
            prepare_rows(self._transport, self._plan.target, lines.rows())
        elif lines.replace_anything():
            delete_labels(self._transport, ids_that_go_first(lines.rows()))

    def _create(self, name: str, ndjson: bytes) -> ImportState:
        try:
            return create_import(self._transport, self._plan.kind, self._plan.target, name, ndjson)
        except LabelboxError as error:
            if self._plan.kind == "predictions" and (refused := refusal(error)) is not None:
                raise refused from error
            raise

    def _free_name(self, job: Job) -> tuple[str, ImportState | None]:
        """Return the name of a job's import, and the import where it was sent before; failed ones are passed over."""
        for name in (job.name, *(f"{job.name} ({number})" for number in range(2, MOST_NAMES))):
            found = find_import(self._transport, self._plan.kind, self._plan.target, name)
            if found is None or found.state != "FAILED":
                return name, found
        raise LabelboxError(f"the import '{job.name}' has failed {MOST_NAMES - 1} times")

    def _state(self, job: Job) -> ImportState:
        noted = self._ledger.journal(self._run, self._unit, job.name)
        name = noted.content if noted is not None else job.name
        found = find_import(self._transport, self._plan.kind, self._plan.target, name)
        if found is None:
            raise LabelboxError(
                f"the import '{name}' is gone from Labelbox", remedy="Clear the task that prepared the import."
            )
        return found

    def _ended(self, job: Job) -> ImportState:
        """Return an import that is finished; raise where it has failed."""
        state = self._state(job)
        if state.state != "FINISHED":
            hint = f" {GIVEN_UP}." if self._plan.kind == "predictions" else ""
            raise ImportFailedError(
                f"the import '{state.name}' of {job.lines:,} annotations ended as {state.state}{self._why(state)}",
                remedy=f"Nothing of it is in Labelbox; a retry sends it again.{hint}",
            )
        return state

    def _began(self, job: Job) -> datetime:
        noted = self._ledger.journal(self._run, self._unit, job.name)
        return noted.first_intent_at if noted is not None else self._ledger.now

    def _refused(self, state: ImportState, lines: JobLines) -> Mapping[int, tuple[str, str]]:
        """Return uuid → code and reason of the lines that Labelbox did not take."""
        said = read_statuses(self._transport, state)
        uuids = lines.uuids
        unsaid = uuids[~np.isin(uuids, said.taken)].tolist()
        return {
            uuid: (REFUSED, f"Labelbox refused it: {said.refused[uuid]}") if uuid in said.refused else (UNSAID, _UNSAID)
            for uuid in unsaid
        }

    def _why(self, state: ImportState) -> str:
        """Return what Labelbox says of an import that failed."""
        if state.errors is None:
            return " and gave no reason"
        try:
            text = b"".join(self._transport.download(state.errors))[:500].decode(errors="replace").strip()
        except LabelboxError as error:
            return f", and its errors cannot be read: {error}"
        return f": {text}" if text else " and gave no reason"

    def _annotated(
        self, state: ImportState, lines: JobLines, refused: Mapping[int, tuple[str, str]], began: datetime
    ) -> dict[str, AnnotatedRow]:
        """Return what the ledger is to know of the data rows of a job."""
        prelabels = self._plan.kind == "prelabels"
        if prelabels:
            keep_lines(self._staging, state.id, lines.taken(refused))
        ended = self._ledger.now
        marks = dict(lines.marks(refused))
        known = self._known(list(marks))
        job = state.id if prelabels else None
        return {
            key: AnnotatedRow(job, {**known[key], **each} if key in known else each, began, ended)
            for key, each in marks.items()
        }

    def _known(self, keys: Sequence[str]) -> Mapping[str, Mapping[int, int]]:
        """Return what was imported before and stays, where only what is new was sent."""
        if not self._plan.appends:
            return {}
        before = self._ledger.annotated(self._run.owner, self._plan.target, keys)
        return {key: row.marks for key, row in before.items() if row.marks is not None}


def _letter(line: PlannedLine, code: str, reason: str) -> Rejected:
    return Rejected(
        origin=line.origin or "",
        stage=STAGE,
        code=code,
        reason=reason,
        value=line.class_name,
        global_key=line.key.removeprefix(BY_ID),
        row=orjson.loads(line.line),
    )
