"""What a message about a run says: that it failed, that it is late, or that the sync is well again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, zip_longest

from labelbox_airflow.engine.alerts.facts import IN_WORDS, FailedTask, Failure, RunFacts
from labelbox_airflow.engine.ledger import Incident
from labelbox_airflow.engine.report import ASIDE, OUTCOMES, Reason, Report
from labelbox_airflow.engine.rows.urls import strip_signature

EXAMPLE_KEYS = 5
SHOWN_REASONS = 5
SHOWN_TASKS = 5
SUBJECT_CHARACTERS = 150
LINE_CHARACTERS = 500
NEXT_WELL = "The next run that is well sends a message."
FURTHER_FAILURES = f"Further runs that fail for the same kind of reason send none. {NEXT_WELL}"


@dataclass(frozen=True, slots=True)
class Link:
    """Something to open: what it is, and its address."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, lines under it, and for each line the page it is about, where there is one."""

    title: str
    lines: Sequence[tuple[str, str | None]]


@dataclass(frozen=True, slots=True)
class Message:
    """A message, not yet in the form of any channel. All text in it is single lines without secrets.

    :param lead: the sentences it begins with
    :param facts: name and value
    :param closing: the sentence it ends with
    """

    subject: str
    lead: Sequence[str]
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section] = ()
    links: Sequence[Link] = ()
    closing: str | None = None


def failure_message(
    run: RunFacts, failure: Failure, incident: Incident | None, *, ledger_problem: str | None = None
) -> Message:
    """Return the message that a run failed.

    :param incident: what the ledger knows; None when it cannot be asked
    :param ledger_problem: why it cannot be asked
    """
    why = _why(failure)
    lead = [f"A run of the sync {run.sync} failed: {why}"]
    if incident is not None and incident.run_id != run.run_id:
        since, because = _moment(incident.opened_at), IN_WORDS.get(incident.kind, incident.kind)
        failed = _runs(incident.failed_runs)
        lead.append(f"The sync has been broken since {since}, at first because {because}; {failed} failed so far.")
    return Message(
        subject=_subject(f"Sync {run.sync} failed: {why}"),
        lead=lead,
        facts=_facts(run, failure.report),
        sections=[*_task_section(failure, why), *_reason_sections(failure.report)],
        links=_links(run, failure.report_url),
        closing=_closing(FURTHER_FAILURES, ledger_problem),
    )


def late_message(run: RunFacts, deadline: str | None, *, ledger_problem: str | None = None) -> Message:
    """Return the message that a run has not ended by its deadline."""
    until = f" by {_line(deadline)}" if deadline else ""
    return Message(
        subject=_subject(f"Sync {run.sync} is late"),
        lead=[f"A run of the sync {run.sync} has not ended{until}."],
        facts=_facts(run, None),
        links=_links(run, None),
        closing=_closing(NEXT_WELL, ledger_problem),
    )


def recovery_message(
    run: RunFacts, incident: Incident, report: Report, report_url: str | None, now: datetime
) -> Message:
    """Return the message that a sync is well again."""
    failed = f"; {_runs(incident.failed_runs)} failed" if incident.failed_runs else ""
    because = IN_WORDS.get(incident.kind, incident.kind)
    return Message(
        subject=_subject(f"Sync {run.sync} is well again"),
        lead=[
            f"The sync {run.sync} is well again.",
            f"It was broken from {_moment(incident.opened_at)} to {_moment(now)}, at first because {because}{failed}.",
        ],
        facts=_facts(run, report),
        sections=_not_loaded_section(incident),
        links=_links(run, report_url),
    )


def _closing(usual: str, ledger_problem: str | None) -> str:
    if ledger_problem is None:
        return usual
    return (
        "The ledger does not answer, so nothing is known of other runs, and no message will say when the sync is "
        f"well again. {_line(ledger_problem)}"
    )


def _why(failure: Failure) -> str:
    """Return in one line what is wrong: the error of the run, or of the task that failed first."""
    if failure.error:
        return _line(failure.error)
    for task in failure.tasks:
        if task.error:
            return _line(task.error)
    if failure.tasks:
        return f"task {failure.tasks[0].name} failed, and left no error: was it killed?"
    return IN_WORDS.get(failure.kind, failure.kind)


def _facts(run: RunFacts, report: Report | None) -> list[tuple[str, str]]:
    facts = [("Sync", f"{run.sync} → {report.dataset}" if report is not None else run.sync), ("Run", run.run_id)]
    if report is not None:
        facts += [("Window", report.window), ("Rows", _counts(report))]
        if report.annotations is not None:
            facts.append(("Annotations", report.annotations.said()))
    else:
        if run.interval:
            facts.append(("Interval of the run", run.interval))
        facts.append(("Rows", "not known: the run did not get as far as counting them"))
    return [(label, _line(value)) for label, value in facts]


def _counts(report: Report) -> str:
    named = {**{name: name for name in OUTCOMES}, **{name: ASIDE[name] for name in report.aside}}
    counts = ", ".join(f"{report.outcomes[name]:,} {label}" for name, label in named.items())
    unsettled = f", {report.unsettled:,} not sent or not settled" if report.unsettled else ""
    return f"{report.read:,} read: {counts}{unsettled}"


def _task_section(failure: Failure, said: str) -> Iterator[Section]:
    lines = [(_task_line(task, said), task.url) for task in failure.tasks[:SHOWN_TASKS]]
    if len(failure.tasks) > SHOWN_TASKS:
        lines.append((f"and {len(failure.tasks) - SHOWN_TASKS:,} more", None))
    if lines:
        yield Section("Failed tasks", lines)


def _task_line(task: FailedTask, said: str) -> str:
    if task.error is None:
        return f"{task.name}: no error is known; its log says more"
    error = _line(task.error)
    return task.name if error == said else f"{task.name}: {error}"


def _reason_sections(report: Report | None) -> Iterator[Section]:
    if report is None:
        return
    yield from _rejected(report.reasons, "rows")
    if report.annotations is not None:
        yield from _rejected(report.annotations.reasons, "annotations")


def _rejected(reasons: Sequence[Reason], what: str) -> Iterator[Section]:
    if not reasons:
        return
    shown, rest = reasons[:SHOWN_REASONS], reasons[SHOWN_REASONS:]
    lines = [f"{reason.rows:,} with {reason.code}: {_line(reason.reason)}" for reason in shown]
    if rest:
        lines.append(f"{sum(reason.rows for reason in rest):,} for {len(rest):,} more reasons")
    yield Section(f"Rejected {what}", [(line, None) for line in lines])
    # The first of each reason, then the second of each: the reasons differ more than the rows of one.
    keys = (key for row in zip_longest(*(reason.examples for reason in shown)) for key in row if key is not None)
    yield Section("For example", [(_line(key), None) for key in islice(keys, EXAMPLE_KEYS)])


def _not_loaded_section(incident: Incident) -> list[Section]:
    if not incident.not_loaded_runs:
        return []
    lines = [*incident.not_loaded]
    if incident.not_loaded_runs > len(lines):
        lines.append(f"and {incident.not_loaded_runs - len(lines):,} more")
    title = "These runs failed, and no later run reads their windows: clear them, or run the backfill again"
    return [Section(title, [(_line(line), None) for line in lines])]


def _links(run: RunFacts, report_url: str | None) -> list[Link]:
    links = [Link("Run in Airflow", run.url)] if run.url else []
    return [*links, Link("Report", strip_signature(report_url))] if report_url else links


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count:,} runs"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _subject(text: str) -> str:
    return _cut(text, SUBJECT_CHARACTERS)


def _line(text: str) -> str:
    """Return text as one line of bounded length, without signatures and passwords of URLs."""
    return _cut(" ".join(strip_signature(text).split()), LINE_CHARACTERS)


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
