"""The values that go in and out of the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from labelbox_airflow.engine.fingerprint import Hashes
from labelbox_airflow.engine.records import Rejected

FinalState = Literal["success", "failed"]


class Owner(NamedTuple):
    """A sync in an organization of Labelbox: what it has written is known apart from what other syncs have."""

    organization: str
    sync: str


class Entry(NamedTuple):
    """What Labelbox holds for one global key of what a sync owns, as far as we know.

    :param version: microseconds since the epoch of the newest source row seen for the key
    :param source: 64-bit fingerprint of the source row and its mapping; the other fingerprints are one per part,
        None where the part is unknown or was never sent
    """

    dataset_id: str
    data_row_id: str | None
    version: int
    source: int | None
    row_data: int | None
    external_id: int | None
    metadata: int | None
    attachments: int | None
    embeddings: int | None
    annotations: int | None


@dataclass(frozen=True, slots=True)
class EntryRows:
    """Entries of one dataset, column by column, each key once; see :class:`Entry`.

    :param marks: the fingerprints of the parts, a column for each, without annotations
    """

    dataset_id: str
    keys: Sequence[str]
    data_row_ids: Sequence[str | None]
    versions: Sequence[int]
    sources: Sequence[int]
    marks: Sequence[Sequence[int | None]]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a sync; ``sync`` and ``run_id`` identify it."""

    organization: str
    sync: str
    run_id: str

    @property
    def owner(self) -> Owner:
        """Whose entries the run reads and writes."""
        return Owner(self.organization, self.sync)


class Claim(NamedTuple):
    """A run's wish to send one global key.

    :param unit: the work unit that holds the row
    :param sequence: number of the row within the run
    :param version: microseconds since the epoch; the newest version of a key wins
    :param content: 64-bit fingerprint of the row's parts
    :param origin: where the row came from, e.g. ``s3://bucket/rows.csv line 17``
    """

    unit: str
    sequence: int
    version: int
    content: int
    origin: str


class WaitingRow(NamedTuple):
    """A source row that waits for the data row it belongs to.

    :param source: 64-bit fingerprint of the source row and its mapping
    :param row: the values of the row, as text that gives them back with their types; empty where they are not asked for
    :param first_seen: since when the key waits; None for a row that is only about to wait
    :param ended: whether the run that asks has ended the wait
    :param put_here: whether the run that asks has put the row there
    """

    global_key: str
    version: int
    source: int
    origin: str
    row: str
    first_seen: datetime | None = None
    ended: bool = False
    put_here: bool = False


@dataclass(frozen=True, slots=True)
class ClaimedRows:
    """The claims of a run on the rows of one unit, column by column; see :class:`Claim`.

    :param keys: hashes of the global keys
    """

    unit: str
    keys: Hashes
    sequences: Hashes
    versions: Hashes
    contents: Hashes
    origins: Sequence[str]


class Acquired(NamedTuple):
    """What became of the keys a unit asked to send.

    A key whose claim went to another row or unit of the same run is in none of the four.

    :param held: global key → sequence of the row that this unit may send; empty while anything is waiting
    :param superseded: global key → ``sync/run_id`` of the run with a newer, or equal and later claimed, version
    :param waiting: global key → ``sync/run_id`` of the run that is sending the key right now
    :param unclaimed: keys this run has no claim on (its lease ran out, or the run was finished): claim them again
    """

    held: dict[str, int]
    superseded: dict[str, str]
    waiting: dict[str, str]
    unclaimed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A submission to Labelbox that was begun.

    :param content: hash of what was, or was about to be, submitted
    :param task_id: the Labelbox task, None when no answer was recorded
    :param attempts: how many times this content was about to be submitted
    """

    content: str
    task_id: str | None
    first_intent_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class DeadLetter(Rejected):
    """A rejected row as the ledger keeps it; ``sequence`` counts from 0 within its part."""

    part: str = ""
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class RunState:
    """How a run began and ended; ``finished_at`` and the row counts are None until it is finished."""

    started_at: datetime
    window_start: datetime | None
    window_end: datetime | None
    spec_hash: str
    rows_read: int | None
    rows_filtered: int | None
    finished_at: datetime | None
    state: Literal["running", "success", "failed"]


class AnnotatedRow(NamedTuple):
    """What a sync has imported of the annotations of one data row.

    :param job: ``id/name`` of the import that holds them, None where that does not matter
    :param marks: uuid → content of each annotation, as 64-bit hashes; None where they have to be sent again
    :param began_at: when the import began, by our clock
    :param ended_at: when it was seen to have ended
    """

    job: str | None
    marks: Mapping[int, int] | None
    began_at: datetime
    ended_at: datetime
