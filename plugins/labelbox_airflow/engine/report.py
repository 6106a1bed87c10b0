"""The report of a run: how many rows ended how, at which stage, and why some were rejected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from labelbox_airflow.engine.annotations.imports import tally as annotation_outcomes
from labelbox_airflow.engine.annotations.imports.tally import Tally, by_outcome, restored
from labelbox_airflow.engine.ledger import DeadLetter

OUTCOMES = ("created", "updated", "unchanged", "superseded", "rejected")
ASIDE = {  # what becomes of rows beside the outcomes
    "waiting": "waiting for their data rows",
    "left_alone": "left alone, without a data row",
    "filtered": "left out by the condition where",
}
STAGES = {"extract": "read, map, compare", "upload": "send, settle"}
EXAMPLES = 5
SHOWN_CLASSES = 20
PROJECT = "project"  # part of a run whose outcomes are about rows on their way to people


@dataclass(frozen=True, slots=True)
class Reason:
    """Why rows were rejected: a code, how many, and examples of keys or places with the sentence of the first."""

    code: str
    rows: int
    reason: str
    examples: Sequence[str]


@dataclass(frozen=True, slots=True)
class VectorCount:
    """The vectors of one embedding.

    :param before: in Labelbox, before the run
    :param new: data rows to which the run gave their first vector
    :param after: in Labelbox, after the run
    """

    name: str
    id: str
    before: int
    new: int
    after: int

    @property
    def is_short(self) -> bool:
        """Whether Labelbox counts fewer than there should be."""
        return self.after < self.before + self.new


@dataclass(slots=True)
class AnnotationCounts:
    """What became of the annotations of a run.

    :param read: annotations that were read
    :param tally: (outcome, class) → annotations
    :param unsettled: annotations of units that were not settled (a task failed)
    :param reasons: why annotations were rejected, the most frequent first
    """

    read: int
    tally: Tally
    unsettled: int = 0
    reasons: list[Reason] = field(default_factory=list)

    @property
    def outcomes(self) -> Counter[str]:
        """Annotations by outcome."""
        return by_outcome(self.tally)

    @property
    def adds_up(self) -> bool:
        """Whether every annotation that was read has exactly one outcome."""
        return self.tally.total() + self.unsettled == self.read

    def by_class(self) -> dict[str, Counter[str]]:
        """Return class → outcome → annotations, the most frequent class first."""
        found: dict[str, Counter[str]] = {}
        for (outcome, name), count in sorted(self.tally.items()):
            found.setdefault(name, Counter())[outcome] += count
        return dict(sorted(found.items(), key=lambda each: -each[1].total()))

    def said(self) -> str:
        """Return the counts in one line."""
        counts = [f"{self.outcomes[name]:,} {name}" for name in annotation_outcomes.OUTCOMES]
        counts += [f"{self.outcomes[name]:,} {label}" for name, label in _annotations_aside(self.outcomes).items()]
        unsettled = f", {self.unsettled:,} not sent or not settled" if self.unsettled else ""
        return f"{self.read:,} read: {', '.join(counts)}{unsettled}"

    def lines(self) -> Iterator[str]:
        """Yield the counts by class as a table, with the top reasons."""
        yield _row(f"{self.read:,} annotations read", annotation_outcomes.OUTCOMES)
        for name, counts in list(self.by_class().items())[:SHOWN_CLASSES]:
            yield _row(f"  {name}", [f"{counts[outcome]:,}" for outcome in annotation_outcomes.OUTCOMES])
        if (further := len(self.by_class()) - SHOWN_CLASSES) > 0:
            yield f"  and {further:,} more classes"
        for name, label in _annotations_aside(self.outcomes).items():
            yield f"  annotations {label}: {self.outcomes[name]:,}"
        if self.unsettled:
            yield f"  annotations not sent, or not settled: {self.unsettled:,}"
        yield from _reason_lines(self.reasons, "annotations rejected")

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as plain values, for JSON."""
        return {
            "read": self.read,
            "outcomes": dict(self.outcomes),
            "classes": {name: dict(counts) for name, counts in self.by_class().items()},
            "unsettled": self.unsettled,
            "reasons": [asdict(reason) for reason in self.reasons],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> AnnotationCounts:
        """Return the counts that :meth:`as_dict` wrote."""
        tally: Tally = Counter()
        for name, counts in content["classes"].items():
            tally.update({(outcome, name): count for outcome, count in counts.items()})
        reasons = [Reason(**reason) for reason in content["reasons"]]
        return cls(content["read"], tally, content["unsettled"], reasons)


def _annotations_aside(outcomes: Counter[str]) -> dict[str, str]:
    return {name: label for name, label in annotation_outcomes.ASIDE.items() if outcomes[name]}


@dataclass(slots=True)
class Report:
    """What became of every row of a run.

    :param read: rows that were read
    :param stages: stage → outcome → rows
    :param retried: those of the rows read that had waited since earlier runs
    :param vectors: what Labelbox counts of the vectors the run has written
    :param project: what became of the rows on their way to the project
    :param annotations: what became of the annotations, where the run imports any
    :param unsettled: rows of units that were not settled (a task failed)
    :param reasons: why rows were rejected, the most frequent first
    """

    sync: str
    run_id: str
    dataset: str
    window: str
    read: int = 0
    stages: dict[str, Counter[str]] = field(default_factory=dict)
    unsettled: int = 0
    reasons: list[Reason] = field(default_factory=list)
    retried: int = 0
    vectors: list[VectorCount] = field(default_factory=list)
    project: Counter[str] = field(default_factory=Counter)
    annotations: AnnotationCounts | None = None

    @property
    def outcomes(self) -> Counter[str]:
        """Rows by outcome, over all stages; those that wait or are left alone included."""
        return sum(self.stages.values(), Counter())

    @property
    def aside(self) -> dict[str, int]:
        """Rows that wait or are left alone, where there are any."""
        return {name: self.outcomes[name] for name in ASIDE if self.outcomes[name]}

    @property
    def adds_up(self) -> bool:
        """Whether every row that was read has exactly one outcome, waits or is left alone."""
        return self.outcomes.total() + self.unsettled == self.read

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return {
            "sync": self.sync,
            "run_id": self.run_id,
            "dataset": self.dataset,
            "window": self.window,
            "read": self.read,
            "retried": self.retried,
            "outcomes": {name: self.outcomes[name] for name in OUTCOMES},
            **{name: self.outcomes[name] for name in ASIDE},
            "stages": {stage: _named(counts) for stage, counts in self.stages.items()},
            "vectors": [asdict(counted) for counted in self.vectors],
            "project": dict(self.project),
            "annotations": None if self.annotations is None else self.annotations.as_dict(),
            "unsettled": self.unsettled,
            "reasons": [asdict(reason) for reason in self.reasons],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Report:
        """Return the report that :meth:`as_dict` wrote."""
        named = {name: content[name] for name in ("sync", "run_id", "dataset", "window", "read", "unsettled")}
        stages = {stage: Counter(counts) for stage, counts in content["stages"].items()}
        reasons = [Reason(**reason) for reason in content["reasons"]]
        vectors = [VectorCount(**each) for each in content["vectors"]]
        counted = content.get("annotations")
        return cls(
            **named,
            stages=stages,
            reasons=reasons,
            retried=content["retried"],
            vectors=vectors,
            project=Counter(content.get("project")),
            annotations=None if counted is None else AnnotationCounts.from_dict(counted),
        )

    def as_text(self) -> str:
        """Return the report as a table with the top reasons, for logs and terminals."""
        lines = [f"{self.sync} → {self.dataset}, {self.window}", _row("", OUTCOMES)]
        for stage, counts in self.stages.items():
            lines.append(_row(STAGES.get(stage, stage), [f"{counts[name]:,}" for name in OUTCOMES]))
        lines.append(_row(f"of {self.read:,} rows read", [f"{self.outcomes[name]:,}" for name in OUTCOMES]))
        lines += [f"  {label}: {self.outcomes[name]:,}" for name, label in ASIDE.items() if self.outcomes[name]]
        if self.retried:
            lines.append(f"  tried again after waiting: {self.retried:,}")
        lines += [f"  vectors of '{v.name}': {v.before:,} before, {v.new:,} new, {v.after:,} now" for v in self.vectors]
        if self.project:
            said = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in self.project.items() if count)
            lines.append(f"  to the project: {said or 'no rows'}")
        if self.unsettled:
            lines.append(f"  not sent, or not settled: {self.unsettled:,}; the log of the task that failed says why")
        lines += _reason_lines(self.reasons, "rejected")
        if self.annotations is not None:
            lines += self.annotations.lines()
        return "\n".join(lines)


def _reason_lines(reasons: Iterable[Reason], what: str) -> Iterator[str]:
    for reason in reasons:
        yield f"  {what} {reason.rows:,} with {reason.code}: {reason.reason}"
        if len(reason.examples) > 1:
            yield f"    also {', '.join(reason.examples[1:])}"


def make_report(
    *,
    sync: str,
    run_id: str,
    dataset: str,
    window: str,
    read: int,
    units: Mapping[str, int],
    tallies: Mapping[str, Mapping[str, int]],
    reasons: ReasonTally,
    retried: int = 0,
    vectors: Sequence[VectorCount] = (),
) -> Report:
    """Put the report of a run together.

    :param units: rows of each unit that was to be sent
    :param tallies: part of the run (extract…, unit…) → outcome → rows
    :param reasons: has watched the dead letters of the run
    """
    report = Report(sync, run_id, dataset, window, read, {stage: Counter() for stage in STAGES})
    report.project = Counter(tallies.get(PROJECT, {}))
    for part, counts in tallies.items():
        if part == PROJECT or part.startswith(annotation_outcomes.PART):  # no rows, or the same rows once more
            continue
        report.stages["extract" if part.startswith("extract") else "upload"].update(counts)
    report.unsettled = sum(rows for name, rows in units.items() if name not in tallies)
    report.reasons = reasons.top()
    report.retried, report.vectors = retried, list(vectors)
    return report


def count_annotations(
    read: int, units: Mapping[str, int], tallies: Mapping[str, Mapping[str, int]], reasons: ReasonTally
) -> AnnotationCounts:
    """Put together what became of the annotations of a run.

    :param units: annotations of each unit that was to be sent, those aside that only go with others
    :param tallies: part of the run → outcome → number; those of rows are passed over
    :param reasons: has watched the rejected annotations of the run
    """
    tally: Tally = Counter()
    for part, counts in tallies.items():
        if part.startswith(annotation_outcomes.PART):
            tally.update(restored(counts))
    unsettled = sum(number for name, number in units.items() if name not in tallies)
    return AnnotationCounts(read, tally, unsettled, reasons.top())


class ReasonTally:
    """Counts why rows were rejected, while they pass by one at a time."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self._examples: dict[str, list[str]] = {}

    def watch(self, dead_letters: Iterable[DeadLetter], *, stage: str | None = None) -> Iterator[DeadLetter]:
        """Count dead letters on their way through.

        :param stage: count those of this stage alone; with a ``-`` before it, all but those
        """
        for letter in dead_letters:
            if stage is not None and (letter.stage == stage.removeprefix("-")) == stage.startswith("-"):
                yield letter
                continue
            self._rows[letter.code] += 1
            self._first.setdefault(letter.code, f"{letter.origin}: {letter.reason}")
            known = self._examples.setdefault(letter.code, [])
            if len(known) < EXAMPLES:
                known.append(letter.global_key or letter.origin)
            yield letter

    def top(self) -> list[Reason]:
        """Return the reasons by code, the most frequent first."""
        return [
            Reason(code, count, self._first[code], self._examples[code]) for code, count in self._rows.most_common()
        ]


def _named(counts: Counter[str]) -> dict[str, int]:
    """Return every outcome, and those beside them that there are."""
    return {name: counts[name] for name in (*OUTCOMES, *ASIDE) if name in OUTCOMES or counts[name]}


def _row(label: str, cells: Iterable[str]) -> str:
    return f"  {label:<22}" + "".join(f"{cell:>12}" for cell in cells)
