"""What is known of a run when a message about it is written, and the kinds of failure that are told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labelbox_airflow.engine.errors import (
    ConfigurationError,
    CountMismatchError,
    GuardError,
    LabelboxAuthenticationError,
    LabelboxError,
    LabelboxUnavailableError,
    SourceError,
    SourceUnavailableError,
    TooFewRowsError,
    TooManyRejectedError,
)
from labelbox_airflow.engine.ledger import LedgerUnavailableError
from labelbox_airflow.engine.report import Report

FAILED = "failed"
TIMED_OUT = "timed_out"
LATE = "late"
NOT_READY = "not_ready"

# A failure of another kind is news to whoever is at work on the first one; the more special errors come first.
_KINDS: dict[type[BaseException], str] = {
    LabelboxUnavailableError: "labelbox_unavailable",
    LabelboxAuthenticationError: "api_key",
    LabelboxError: "labelbox",
    SourceUnavailableError: "source_unavailable",
    SourceError: "source",
    TooManyRejectedError: "rejected",
    TooFewRowsError: "min_rows",
    GuardError: "max_new_rows",
    ConfigurationError: "configuration",
    CountMismatchError: "counts",
    LedgerUnavailableError: "ledger",
}

IN_WORDS = {
    "labelbox_unavailable": "Labelbox did not answer",
    "api_key": "Labelbox refused the API key",
    "labelbox": "Labelbox refused what it was asked",
    "source_unavailable": "a source did not answer",
    "source": "a source could not be read",
    "rejected": "too many rows were rejected",
    "min_rows": "too few rows were read",
    "max_new_rows": "too many data rows would have been created",
    "configuration": "the sync, a connection or a setting is wrong",
    "counts": "the counts did not add up",
    "ledger": "the ledger did not answer",
    NOT_READY: "a source was not ready in time",
    TIMED_OUT: "a run or a task took too long",
    LATE: "a run was late",
    FAILED: "a task failed",
}


def kind_of(error: BaseException) -> str:
    """Return the kind of failure that an error stands for, a key of ``IN_WORDS``."""
    return next((kind for family, kind in _KINDS.items() if isinstance(error, family)), FAILED)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known of any run.

    :param attempt: how often the run was cleared; None when not known
    :param url: its page in Airflow
    :param interval: what it was to read, as far as its own times tell
    :param catches_up: whether the next scheduled run reads what this one did not load
    """

    sync: str
    run_id: str
    attempt: int | None
    url: str | None
    interval: str | None
    catches_up: bool


@dataclass(frozen=True, slots=True)
class FailedTask:
    """A task that failed, with its error in one line where it left one, and its page in Airflow."""

    name: str
    kind: str
    error: str | None
    url: str | None


def kind_of_tasks(tasks: Sequence[FailedTask]) -> str:
    """Return the kind of failure that failed tasks stand for: that of the first whose error is known."""
    return next((task.kind for task in tasks if task.error), FAILED)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run does not count as done.

    :param kind: a key of ``IN_WORDS``
    :param error: what is wrong in one line, when it is not said by the first failed task
    :param report: what became of the rows; None when nothing was extracted
    :param report_url: where the report is
    """

    kind: str
    tasks: Sequence[FailedTask]
    error: str | None = None
    report: Report | None = None
    report_url: str | None = None
