"""What goes wrong, said once: where it is, what it is, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DataIOError(Exception):
    """Base of every error this package raises on purpose.

    :param message: what is wrong, with the value in it
    :param where: the file, path in the file, connection or object that is at fault
    :param remedy: what the reader can do about it
    """

    def __init__(self, message: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.message = message
        self.where = where
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text.rstrip('.')}. {self.remedy}" if self.remedy else text

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.where, self.remedy))


def _rebuild(kind: type[DataIOError], message: str, where: str | None, remedy: str | None) -> DataIOError:
    return kind(message, where=where, remedy=remedy)


class ConfigurationError(DataIOError):
    """The sync file, a connection or a setting is wrong; a retry would not help."""


class SourceError(DataIOError):
    """A source as a whole cannot be read: missing bucket, wrong encoding, a column that is not there."""


class SourceUnavailableError(SourceError):
    """A source did not answer, or changed while it was read; a retry may find it whole."""


class SinkUnavailableError(DataIOError):
    """A database that is written to did not answer, is locked, or ended the connection; a retry may find it well."""


class LabelboxError(DataIOError):
    """Labelbox refused or failed a request; a retry would not help unless said otherwise."""


class LabelboxUnavailableError(LabelboxError):
    """Labelbox did not answer, or answered with an error that passes (5xx, rate limit, connection lost)."""


class LabelboxAuthenticationError(LabelboxError):
    """Labelbox refused the API key."""


class CountMismatchError(DataIOError):
    """The outcomes of a run do not add up to the rows that were read."""


class GuardError(DataIOError):
    """A guard of the sync (share of rejected rows, number of rows) stopped the run before anything was sent."""


class TooManyRejectedError(GuardError):
    """More rows were rejected than ``guard.max_rejected`` allows."""


class TooFewRowsError(GuardError):
    """Fewer rows were read than ``guard.min_rows`` asks for."""


class IncompleteRunError(DataIOError):
    """A task of the run failed before every row had its outcome."""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest known word, or the known words when none is near."""
    words = [str(word) for word in known]
    near = difflib.get_close_matches(wrong, words, n=1, cutoff=0.6)
    if near:
        return f"Did you mean '{near[0]}'?"
    return f"Known: {', '.join(words)}." if words else "There are none."
