"""Decide: what becomes of the annotations of one data row."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson

from labelbox_airflow.engine.annotations.checks import AnnotationChecker, Asset
from labelbox_airflow.engine.annotations.identity import Identity, Uuid
from labelbox_airflow.engine.annotations.imports.box_runs import BoxRun, joined, one_by_one
from labelbox_airflow.engine.annotations.imports.gathered import Extent, Gathered, digest_of
from labelbox_airflow.engine.annotations.imports.spec import ImportSpec
from labelbox_airflow.engine.annotations.model import Annotation, Origin
from labelbox_airflow.engine.annotations.ndjson.line import LineReader, write_line
from labelbox_airflow.engine.annotations.targets import SeenLabel, Target
from labelbox_airflow.engine.ledger import AnnotatedRow

MOST_OF_A_CLASS = 5000  # per data row and import; SDK schema/annotation_import.py ANNOTATION_PER_LABEL_LIMIT
TOLERANCE = 1.0  # pixels that a shape may reach beyond its asset
# How far our clock and that of Labelbox may be apart when a label is to be told from those that others made.
SKEW = timedelta(minutes=15)
EDIT = timedelta(seconds=60)  # an import may go on with the label it has made for so long

NO_DATA_ROW, NOT_IN_PROJECT = "no_data_row", "not_in_project"
WHY_ABSENT = {
    NO_DATA_ROW: "Labelbox has no data row of this key; load it first, or correct the key",
    NOT_IN_PROJECT: "the data row is not in the project; send it there first (project.select of the sync)",
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A gathered annotation that is rejected, and why."""

    gathered: Gathered
    code: str
    reason: str
    field: str | None = None
    line: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Decision:
    """What becomes of the annotations of one data row.

    :ivar outcome: of those in `rest`: unchanged, labeled, left or not_selected
    :ivar send: those to send, each with its uuid; all those that are right where the row is replaced
    :ivar run: those to send where they are a run, with `uuids`; then there is nothing else
    :ivar redo: the import that holds what was sent before and has to go first, None where there is none
    :ivar goes_first: ids of what has to go first: labels, or the data row in its model run
    """

    send: list[tuple[Gathered, Uuid]] = field(default_factory=list)
    run: BoxRun | None = None
    uuids: Sequence[Uuid] = ()
    rest: Sequence[Gathered] = ()
    outcome: str = "unchanged"
    refused: list[Refused] = field(default_factory=list)
    redo: str | None = None
    goes_first: Sequence[str] = ()

    @property
    def sent(self) -> int:
        """How many are to be sent."""
        return len(self.send) if self.run is None else self.run.boxes

    @property
    def split(self) -> str | None:
        """The split of the data row in a model run, where the source says."""
        return self.send[0][0].split if self.run is None else self.run.split


class RowDecider:
    """Decides row by row.

    :param author: mail address of the API key's user: whose labels may be those that this sync made
    :param origin: tells where an annotation was read
    :param again: whether to send what Labelbox refused before, too
    """

    def __init__(
        self,
        spec: ImportSpec,
        checker: AnnotationChecker,
        identity: Identity,
        *,
        author: str,
        origin: Callable[[Gathered], Origin],
        again: bool = False,
    ) -> None:
        self._spec, self._checker, self._identity, self._origin = spec, checker, identity, origin
        self._author, self._again = author, again
        self._reader = LineReader()
        self._needs_all = spec.kind == "labels" and bool(checker.classes.questions.required)

    def decide(self, rows: Sequence[Gathered | BoxRun], target: Target, known: AnnotatedRow | None) -> Decision:
        """Decide on the annotations of a data row that is in the project.

        :param known: what the sync has imported for it before
        """
        run = self._plain_run(rows, target.asset)
        decision = self._decide_run(run, target, known) if run is not None else None
        return decision or self._decide_each(one_by_one(rows), target, known)

    def _plain_run(self, rows: Sequence[Gathered | BoxRun], asset: Asset) -> BoxRun | None:
        """Return the annotations as one run where nothing can be wrong with them, None where that is not sure."""
        runs = [each for each in rows if isinstance(each, BoxRun)]
        run = joined(runs) if len(runs) == len(rows) and not self._needs_all else None
        if run is None or run.boxes > MOST_OF_A_CLASS:
            return None
        reach = self._reach(asset)
        if reach is not None and not _within(run.extent, reach):
            return None
        ids = [each for each in run.source_ids or () if each is not None]
        return run if len(set(ids)) == len(ids) else None

    def _decide_run(self, run: BoxRun, target: Target, known: AnnotatedRow | None) -> Decision | None:
        """Decide on a run as :meth:`_decide_each` would; None where it has to."""
        strange = self._strange_labels(target.labels, known)
        if strange and self._spec.if_labeled == "skip" and self._spec.kind != "predictions":
            return Decision(rest=list(run.each()), outcome="labeled")
        ids = run.source_ids or [None] * run.boxes
        key = target.global_key or target.id
        uuids = self._identity.of_row(key, zip(run.class_names, ids, run.digests, strict=True))
        before = known.marks if known is not None else None
        if before is not None:
            now = {uuid.mark: mark_of(digest) for uuid, digest in zip(uuids, run.digests, strict=True)}
            return Decision(rest=list(run.each())) if now == before else None
        decision = Decision(run=run, uuids=uuids)
        if self._spec.changed == "replace":
            decision.goes_first = self._goes_first(target, strange, known)
        return decision

    def _decide_each(self, rows: Sequence[Gathered], target: Target, known: AnnotatedRow | None) -> Decision:
        decision = Decision()
        if len(splits := {one.split for one in rows if one.split is not None}) > 1:
            reason = f"its data row is in several splits: {', '.join(sorted(splits))}; a model run has it in one"
            decision.refused = [_read_before(one) if one.reject else Refused(one, "two_splits", reason) for one in rows]
            return decision
        right = self._right(rows, target.asset, decision)
        if not right:
            return decision
        strange = self._strange_labels(target.labels, known)
        if strange and self._spec.if_labeled == "skip" and self._spec.kind != "predictions":
            decision.rest, decision.outcome = right, "labeled"
            return decision
        uuids = self._identity.of_row(
            target.global_key or target.id, [(one.class_name, one.source_id, one.digest) for one in right]
        )
        self._compare(list(zip(right, uuids, strict=True)), known, decision)
        if decision.send and self._spec.changed == "replace":
            decision.goes_first = self._goes_first(target, strange, known)
        return decision

    def _goes_first(self, target: Target, strange: Sequence[SeenLabel], known: AnnotatedRow | None) -> Sequence[str]:
        """Return what was made before and does not go with its import."""
        if self._spec.kind == "labels":
            return [label.id for label in target.labels if label not in strange]
        return [target.id] if self._spec.kind == "predictions" and known is not None else []

    def _right(self, rows: Sequence[Gathered], asset: Asset, decision: Decision) -> list[Gathered]:
        """Return those that nothing is wrong with; the others go to the decision."""
        wrong = [one for one in rows if one.reject is not None]
        decision.refused += [_read_before(one) for one in wrong]
        good = [one for one in rows if one.reject is None] if wrong else list(rows)
        if wrong and good and self._spec.whole_row == "reject":
            reason = f"another annotation of the row is wrong: {wrong[0].reject[2]}"  # type: ignore[index]
            decision.refused += [Refused(one, "row_rejected", reason) for one in good]
            return []
        if not good or (not self._needs_all and self._is_plain(good, asset)):
            return good
        return self._check(good, asset, decision)

    def _is_plain(self, rows: Sequence[Gathered], asset: Asset) -> bool:
        """Tell whether nothing can be wrong that was not checked while reading."""
        reach = self._reach(asset)
        for one in rows:
            if one.related or one.extent is None:
                return False
            if one.extent and reach is not None and not _within(one.extent, reach):
                return False
        if len({one.source_id for one in rows if one.source_id is not None}) < len(
            [one for one in rows if one.source_id is not None]
        ):
            return False
        return len(rows) <= MOST_OF_A_CLASS or max(Counter(o.class_name for o in rows).values()) <= MOST_OF_A_CLASS

    def _reach(self, asset: Asset) -> Extent | None:
        if self._spec.outside == "keep" or asset.width is None or asset.height is None:
            return None
        slack = TOLERANCE if self._spec.outside == "reject" else 0.0
        return -slack, -slack, asset.width + slack, asset.height + slack

    def _check(self, rows: Sequence[Gathered], asset: Asset, decision: Decision) -> list[Gathered]:
        """Read the annotations again, and check the row as a whole."""
        annotations = [self._restored(one) for one in rows]
        places = {id(annotation.origin): index for index, annotation in enumerate(annotations)}
        good, wrong = self._checker.check_row(annotations, asset, whole_row=self._spec.whole_row)
        for each in wrong:
            decision.refused.append(Refused(rows[places[id(each.origin)]], each.code, each.reason, each.field))
        right = []
        for annotation in good:
            index = places[id(annotation.origin)]
            clipped = annotation is not annotations[index]
            right.append(_rewritten(rows[index], annotation) if clipped else rows[index])
        return right

    def _restored(self, one: Gathered) -> Annotation:
        annotation = self._reader.read(orjson.loads(one.line))
        return dataclasses.replace(annotation, source_id=one.source_id, origin=self._origin(one))

    def _strange_labels(self, labels: Sequence[SeenLabel], known: AnnotatedRow | None) -> Sequence[SeenLabel]:
        """Return the labels that this sync did not make, or that somebody has edited since."""
        return [label for label in labels if known is None or not self._made_here(label, known)]

    def _made_here(self, label: SeenLabel, known: AnnotatedRow) -> bool:
        """Tell whether an import of this sync made a label, and nobody edited it: by when it was made, and by whom."""
        if self._spec.kind != "labels" or label.created_by != self._author or label.created_at is None:
            return False
        if not known.began_at - SKEW <= label.created_at <= known.ended_at + SKEW:
            return False
        return label.edited_at is None or label.edited_at - label.created_at <= EDIT

    def _compare(
        self, annotations: list[tuple[Gathered, Uuid]], known: AnnotatedRow | None, decision: Decision
    ) -> None:
        """Compare with what was imported before, and decide what is sent."""
        before = known.marks if known is not None else None
        if before is None:  # new, or to be sent again
            decision.send = annotations
            return
        refused = {uuid.mark for one, uuid in annotations if before.get(uuid.mark) == refused_mark(one.digest)}
        now = {uuid.mark: refused_mark(one.digest) if uuid.mark in refused else mark_of(one.digest)
               for one, uuid in annotations}  # fmt: skip
        if now == before and not (refused and self._again):
            decision.rest = [one for one, uuid in annotations if uuid.mark not in refused]
            decision.refused += [_refused_before(one) for one, uuid in annotations if uuid.mark in refused]
        elif self._spec.changed == "leave":
            decision.rest, decision.outcome = [one for one, _ in annotations], "left"
        elif self._spec.changed == "append":
            decision.send = [(one, uuid) for one, uuid in annotations if before.get(uuid.mark) != mark_of(one.digest)]
            decision.rest = [one for one, uuid in annotations if before.get(uuid.mark) == mark_of(one.digest)]
        else:
            decision.send = annotations
            decision.redo = known.job if known is not None and self._spec.kind == "prelabels" else None


def mark_of(digest: bytes) -> int:
    """Return what the ledger keeps of an annotation's content."""
    return int.from_bytes(digest, "big", signed=True) & ~1


def refused_mark(digest: bytes) -> int:
    """Return what the ledger keeps of the content of one that Labelbox refused."""
    return mark_of(digest) | 1


def absent(rows: Sequence[Gathered], code: str) -> Decision:
    """Return the decision on the annotations of a data row that is not there, or not in the project."""
    reason = WHY_ABSENT[code]
    wrong = [_read_before(one) if one.reject is not None else Refused(one, code, reason, "dataRow") for one in rows]
    return Decision(refused=wrong)


def not_selected(rows: Sequence[Gathered]) -> Decision:
    """Return the decision on the annotations of a data row that the run itself keeps from the project."""
    wrong = [_read_before(one) for one in rows if one.reject is not None]
    return Decision(refused=wrong, rest=[one for one in rows if one.reject is None], outcome="not_selected")


def _read_before(one: Gathered) -> Refused:
    assert one.reject is not None
    code, name, reason, line = one.reject
    return Refused(one, code, reason, name, orjson.loads(line))


def _refused_before(one: Gathered) -> Refused:
    reason = "Labelbox refused it in an earlier run, and it has not changed; a full refresh sends it again"
    return Refused(one, "refused_before", reason)


def _within(extent: Extent, reach: Extent) -> bool:
    return extent[0] >= reach[0] and extent[1] >= reach[1] and extent[2] <= reach[2] and extent[3] <= reach[3]


def _rewritten(one: Gathered, annotation: Annotation) -> Gathered:
    line = orjson.dumps(write_line(annotation))
    return one._replace(line=line, digest=digest_of(line))
