"""Prepare an import: what is read is checked, compared with what is there, and planned; no annotation is sent yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from labelbox_airflow.engine.annotations.checks import AnnotationChecker
from labelbox_airflow.engine.annotations.identity import Identity, Uuid
from labelbox_airflow.engine.annotations.imports.box_runs import BoxRun, one_by_one, restored
from labelbox_airflow.engine.annotations.imports.decide import (
    NO_DATA_ROW,
    NOT_IN_PROJECT,
    Decision,
    Refused,
    RowDecider,
    absent,
    mark_of,
    not_selected,
)
from labelbox_airflow.engine.annotations.imports.former import FormerLines
from labelbox_airflow.engine.annotations.imports.gather import Gathering
from labelbox_airflow.engine.annotations.imports.gathered import Gathered
from labelbox_airflow.engine.annotations.imports.model_run import split_of
from labelbox_airflow.engine.annotations.imports.plan import ImportPlan, PlanWriter, RowLines
from labelbox_airflow.engine.annotations.imports.spec import ImportSpec
from labelbox_airflow.engine.annotations.imports.tally import NO_CLASS, PART, STAGE, Tally, by_outcome, stored
from labelbox_airflow.engine.annotations.model import Relationship
from labelbox_airflow.engine.annotations.ndjson.line import read_line, write_line
from labelbox_airflow.engine.annotations.problems import RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.blocks import BoxBlock
from labelbox_airflow.engine.annotations.slots import SLOTS, Slots
from labelbox_airflow.engine.annotations.targets import BY_ID, Target, Targets
from labelbox_airflow.engine.api.annotation_imports import delete_prelabels
from labelbox_airflow.engine.api.data_rows import resolve_keys
from labelbox_airflow.engine.api.labels import own_email
from labelbox_airflow.engine.collector import collector_paused
from labelbox_airflow.engine.errors import LabelboxUnavailableError
from labelbox_airflow.engine.guard import GuardSpec
from labelbox_airflow.engine.ledger import Ledger, Run
from labelbox_airflow.engine.ontology.tree import Ontology
from labelbox_airflow.engine.records import Rejected
from labelbox_airflow.engine.staging import Staging
from labelbox_airflow.engine.transport import Transport

LEASE = "annotations"  # one run of a sync imports at a time


class ImportInProgressError(LabelboxUnavailableError):
    """Another run of the sync is importing annotations; this one has to wait."""


class ImportPreparation:
    """Prepares the import of a run into a project or model run.

    :param target: id of the project or model run
    :param project_id: of the project that has the data rows of a model run
    :param again: whether to send what Labelbox refused before, too
    :param guard: what stops the import before anything is sent
    :param held_back: global keys of data rows that the run keeps from the project; their annotations are not wrong
    """

    def __init__(
        self,
        transport: Transport,
        ledger: Ledger,
        staging: Staging,
        *,
        run: Run,
        spec: ImportSpec,
        target: str,
        project_id: str | None = None,
        ontology: Ontology,
        media_type: str,
        guard: GuardSpec | None = None,
        again: bool = False,
        held_back: Container[str] = (),
    ) -> None:
        self._transport, self._ledger, self._staging, self._run = transport, ledger, staging, run
        self._spec, self._target, self._media_type = spec, target, media_type
        self._project_id = project_id or target
        self._guard, self._again, self._held_back = guard or GuardSpec(), again, held_back
        self._checker = AnnotationChecker(ontology, media_type=media_type, to=spec.kind, outside=spec.outside)
        self._tally: Tally = Counter()
        self._rejected: list[Rejected] = []

    @collector_paused()
    def prepare(self, items: Iterable[Read | BoxBlock], skipped: Mapping[str, int] | None = None) -> ImportPlan:
        """Read all annotations, and leave the plan of their import on staging.

        :param skipped: annotations by outcome that the reader left out on purpose; looked at once all is read
        :raises ImportInProgressError: another run of the sync is importing
        :raises GuardError: more were rejected than the guard allows
        """
        if (other := self._ledger.take_lease(self._run, LEASE)) is not None:
            raise ImportInProgressError(
                f"the run '{other}' of the sync is importing annotations",
                remedy="This one goes on when that is done.",
            )
        self._staging.make()
        with Slots() as annotations, Slots() as target_rows:
            gathering = Gathering(annotations, self._checker, keeps_scores=self._spec.kind == "predictions")
            gathering.take(items)
            targets = Targets(target_rows, self._media_type)
            targets.read(self._transport, self._project_id, gathering.identities)
            plan = self._plan(gathering, annotations, targets)
        plan.read = gathering.read + sum((skipped or {}).values()) + len(self._former.lost)
        for outcome, count in (skipped or {}).items():
            self._tally[outcome, NO_CLASS] += count
        self._settle(plan, gathering)
        return plan

    def counts(self) -> Counter[str]:
        """Return annotations by outcome, as far as they have one before anything is sent."""
        return by_outcome(self._tally)

    def _plan(self, gathering: Gathering, annotations: Slots, targets: Targets) -> ImportPlan:
        plan = ImportPlan(self._spec.kind, self._target, appends=self._spec.changed == "append")
        writer = PlanWriter(self._staging, self._run.sync, self._run.run_id)
        author = own_email(self._transport)
        identity = Identity(self._run.sync, self._target)
        decider = RowDecider(
            self._spec, self._checker, identity, author=author, origin=gathering.origin, again=self._again
        )
        former = FormerLines(self._ledger, self._staging, self._run, self._target)
        former.remove_unneeded()
        for slot in range(SLOTS):
            for key, decision in self._decisions(decider, map(restored, annotations.read(slot)), targets.of_slot(slot)):
                if decision.redo is not None and (problem := former.problem(decision.redo, key)):
                    decision = _without_former(decision, problem)
                self._count(decision, gathering)
                if decision.sent:
                    plan.planned += decision.sent
                    former.note(key, decision.redo)
                    goes_first = " ".join(decision.goes_first) or None
                    lines = row_lines(decision, gathering)
                    writer.add(key, lines, goes_first, split_of(self._spec, key, decision.split))
        for key, survivors in former.survivors():
            writer.add(key, survivors)
        writer.close()
        self._former = former
        plan.units = writer.units
        return plan

    def _decisions(
        self, decider: RowDecider, records: Iterable[Gathered | BoxRun], targets: Mapping[str, Target]
    ) -> Iterator[tuple[str, Decision]]:
        """Yield the decision on each data row of a slot, by the key the ledger knows it under."""
        rows: dict[str, list[Gathered | BoxRun]] = {}
        for one in records:
            rows.setdefault(one.identity, []).append(one)
        keys = {identity: _key(identity, targets) for identity in rows if identity in targets}
        known = self._ledger.annotated(self._run.owner, self._target, list(keys.values()))
        missing = self._missing([identity for identity in rows if identity not in targets])
        for identity in sorted(rows):
            if identity in keys:
                key = keys[identity]
                yield key, decider.decide(rows[identity], targets[identity], known.get(key))
            elif identity in self._held_back and identity not in missing:
                yield identity, not_selected(one_by_one(rows[identity]))
            else:
                code = NO_DATA_ROW if identity in missing else NOT_IN_PROJECT
                yield identity, absent(one_by_one(rows[identity]), code)

    def _missing(self, identities: Sequence[str]) -> frozenset[str]:
        """Return those that no data row has; of ids it is not asked."""
        keys = [identity for identity in identities if not identity.startswith(BY_ID)]
        return resolve_keys(self._transport, keys)[1] if keys else frozenset()

    def _count(self, decision: Decision, gathering: Gathering) -> None:
        for one in decision.rest:
            self._tally[decision.outcome, one.class_name] += 1
        for refused in decision.refused:
            self._tally["rejected", refused.gathered.class_name] += 1
            self._rejected.append(_letter(refused, gathering))

    def _settle(self, plan: ImportPlan, gathering: Gathering) -> None:
        for key in self._former.lost:
            self._tally["rejected", NO_CLASS] += 1
            self._rejected.append(_lost_letter(key))
        self._tally.update(gathering.left_out)
        for item in gathering.loose:
            self._tally["rejected", item.class_name or NO_CLASS] += 1
            self._rejected.append(_loose_letter(item))
        self._ledger.settle(self._run, PART, counts=stored(self._tally), rejected=self._rejected)
        plan.write(self._staging)
        self._guard.check_rejected(by_outcome(self._tally)["rejected"], plan.read, "annotations")
        if jobs := self._former.jobs:
            self._ledger.doubt_annotated(self._run.owner, self._target, jobs)
            for job in jobs:
                delete_prelabels(self._transport, job)


def _key(identity: str, targets: Mapping[str, Target]) -> str:
    return targets[identity].global_key or identity


def row_lines(decision: Decision, gathering: Gathering) -> RowLines:
    """Return the lines that a data row is sent with."""
    if decision.run is not None:
        return _lines_of_run(decision.run, decision.uuids, gathering)
    ends: dict[str, str] | None = None
    columns: tuple[list[Any], ...] = ([], [], [], [], [])
    for one, uuid in decision.send:
        line = one.line
        if one.related:
            ends = ends or {each.source_id: known.text for each, known in decision.send if each.source_id}
            line = _with_ends(line, ends)
        place, word = gathering.places[one.place]
        values = (
            _with_uuid(line, uuid),
            uuid.mark,
            mark_of(one.digest),
            one.class_name,
            f"{place} {word} {one.position}",
        )
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return RowLines(*columns)


def _lines_of_run(run: BoxRun, uuids: Sequence[Uuid], gathering: Gathering) -> RowLines:
    place, word = gathering.places[run.place]
    return RowLines(
        list(map(_with_uuid, run.lines, uuids)),
        [uuid.mark for uuid in uuids],
        list(map(mark_of, run.digests)),
        run.class_names,
        [f"{place} {word} {position}" for position in run.positions],
    )


def _with_uuid(line: bytes, uuid: Uuid) -> bytes:
    return b'%b,"uuid":"%b"}\n' % (line[:-1], uuid.text.encode())


def _with_ends(line: bytes, ends: Mapping[str, str]) -> bytes:
    """Return the line of a relationship with the uuids of its ends."""
    annotation = read_line(orjson.loads(line))
    value = annotation.value
    assert isinstance(value, Relationship)
    source = None if value.source is None else ends.get(value.source, value.source)
    annotation.value = Relationship(  # type: ignore[misc]
        source, ends.get(value.target, value.target), value.type, value.readonly, value.source_class
    )
    return orjson.dumps(write_line(annotation))


def _without_former(decision: Decision, problem: str) -> Decision:
    wrong = [Refused(one, "former_lines_gone", problem) for one, _ in decision.send]
    return Decision(refused=decision.refused + wrong)


def _letter(refused: Refused, gathering: Gathering) -> Rejected:
    one = refused.gathered
    line = refused.line if refused.line is not None else orjson.loads(one.line or b"{}")
    return Rejected(
        origin=str(gathering.origin(one)),
        stage=STAGE,
        code=refused.code,
        reason=refused.reason,
        field=refused.field,
        value=one.class_name,
        global_key=one.identity.removeprefix(BY_ID),
        row=line,
    )


def _lost_letter(key: str) -> Rejected:
    return Rejected(
        origin="annotations sent before",
        stage=STAGE,
        code="former_lines_gone",
        reason="its pre-labels were deleted in Labelbox to be sent again with others, and are gone from staging; have "
        "its source read again (a full refresh)",
        global_key=key,
    )


def _loose_letter(item: RejectedAnnotation) -> Rejected:
    return Rejected(
        origin=str(item.origin) if item.origin is not None else "annotations",
        stage=STAGE,
        code=item.code,
        reason=item.reason,
        field=item.field,
        value=item.class_name,
        row=item.line,
    )
