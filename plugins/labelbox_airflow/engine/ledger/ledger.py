"""The ledger as the rest of the engine sees it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from labelbox_airflow.engine.ledger import (
    annotated,
    claims,
    entries,
    incidents,
    journal,
    leases,
    outcomes,
    runs,
    waiting,
)
from labelbox_airflow.engine.ledger.database import Database, Session
from labelbox_airflow.engine.ledger.incidents import Incidents
from labelbox_airflow.engine.ledger.model import (
    Acquired,
    AnnotatedRow,
    Claim,
    ClaimedRows,
    DeadLetter,
    Entry,
    EntryRows,
    FinalState,
    JournalEntry,
    Owner,
    Run,
    RunState,
    WaitingRow,
)
from labelbox_airflow.engine.records import Rejected


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _Writes(ABC):
    """Everything that changes the ledger, in whatever transaction ``_writing`` gives."""

    @abstractmethod
    def _writing(self) -> AbstractContextManager[Session]: ...

    def begin_run(
        self, run: Run, *, window_start: datetime | None, window_end: datetime | None, spec_hash: str
    ) -> None:
        """Begin a run, or begin it again: its claims, tallies, dead letters and journal are wiped.

        Claims of other runs whose lease ran out go too. ``spec_hash`` is the hash of the resolved sync file.
        """
        with self._writing() as session:
            runs.begin(session, run, (window_start, window_end), spec_hash)

    def claim(self, run: Run, wanted: Mapping[str, Claim], *, repeats: bool = True) -> None:
        """Claim global keys for a run; its own claim on a key is replaced only by a newer version.

        :param repeats: False when the run has surely claimed none of the keys before
        :raises DataIOError: for a key that cannot be kept, or a run that has not begun
        """
        with self._writing() as session:
            claims.claim(session, run, wanted, repeats=repeats)

    def claim_rows(self, run: Run, rows: ClaimedRows) -> None:
        """Claim many rows of one unit, whose keys the run has not claimed before."""
        with self._writing() as session:
            claims.claim_rows(session, run, rows, repeats=False)

    def touch(self, owner: Owner, changes: Iterable[tuple[str, int, int | None]]) -> None:
        """Note unchanged rows seen in a newer version.

        :param changes: (global key, version, source fingerprint or None to keep it); an older version changes nothing
        """
        with self._writing() as session:
            entries.touch(session, owner, changes)

    def put(self, owner: Owner, changed: Mapping[str, Entry], *, force: bool = False) -> None:
        """Insert or update entries.

        A None keeps what is stored, unless a different data row id shows that the key now names another data row:
        then what other syncs know of the former one is forgotten too.

        :param force: let the version shrink, as when a repaired past overwrites
        """
        with self._writing() as session:
            entries.put(session, owner, changed, force=force)

    def put_rows(self, owner: Owner, changed: EntryRows, *, force: bool = False) -> None:
        """Insert or update many entries, as :meth:`put` does."""
        with self._writing() as session:
            entries.put_rows(session, owner, changed, force=force)

    def doubt_embeddings(self, owner: Owner, keys: Sequence[str]) -> None:
        """Forget which vectors the owner has written for keys, so that its next run sends them again."""
        with self._writing() as session:
            entries.doubt_embeddings(session, owner, keys)

    def forget(self, organization: str, keys: Sequence[str]) -> None:
        """Remove what any sync knows of keys that were deleted in Labelbox."""
        with self._writing() as session:
            entries.forget(session, organization, keys)

    def intend(self, run: Run, unit: str, step: str, content: str) -> None:
        """Write down, before submitting, what is about to be submitted.

        Equal content keeps the task id and the time of the first intent and counts another attempt; other content
        starts the entry anew.
        """
        with self._writing() as session:
            journal.intend(session, run, unit, step, content)

    def submitted(self, run: Run, unit: str, step: str, task_id: str | None) -> None:
        """Write down the Labelbox task that was submitted; raises DataIOError without an intent before it."""
        with self._writing() as session:
            journal.submitted(session, run, unit, step, task_id)

    def settle(self, run: Run, part: str, *, counts: Mapping[str, int], rejected: Iterable[Rejected]) -> None:
        """Replace a part's tally and dead letters, and release the claims and journal entries of the unit so named.

        :param counts: outcome → number of rows
        """
        with self._writing() as session:
            runs.settle(session, run, part, counts, rejected)

    def put_annotated(self, owner: Owner, target: str, changed: Mapping[str, AnnotatedRow]) -> None:
        """Note which annotations of data rows the owner has imported into a target (a project or model run)."""
        with self._writing() as session:
            annotated.put(session, owner, target, changed)

    def doubt_annotated(self, owner: Owner, target: str, jobs: Sequence[str]) -> None:
        """Note that what these imports hold is about to be deleted, and has to be sent again."""
        with self._writing() as session:
            annotated.doubt(session, owner, target, jobs)

    def take_lease(self, run: Run, purpose: str) -> str | None:
        """Take or renew a lease, by which one run of a sync at a time does something.

        :return: the id of the run that holds it, where that is another one; None when it is taken
        """
        with self._writing() as session:
            return leases.take(session, run, purpose)

    def release_lease(self, run: Run, purpose: str) -> None:
        """Give up a lease, where the run holds it."""
        with self._writing() as session:
            leases.release(session, run, purpose)

    def wait(self, run: Run, rows: Iterable[WaitingRow]) -> None:
        """Have source rows wait for their data rows; an older row of the same key gives way, a newer one stays."""
        with self._writing() as session:
            waiting.put(session, run, rows)

    def end_wait(self, run: Run, versions: Mapping[str, int]) -> None:
        """Note that a run has ended the wait of rows, up to a version for each key.

        They wait again when the run fails, or is begun again.
        """
        with self._writing() as session:
            waiting.end(session, run, versions)

    def prune(self, before: datetime) -> None:
        """Forget the outcomes and dead letters of runs that finished before a moment, and incidents over by then."""
        with self._writing() as session:
            waiting.prune(session, before)
            runs.prune(session, before)
            incidents.prune(session, before)

    def finish_run(
        self, run: Run, *, state: FinalState, rows_read: int, rows_filtered: int, watermark: datetime | None
    ) -> None:
        """End a run, release its claims and advance the watermark (it only grows), all in one transaction."""
        with self._writing() as session:
            runs.finish(session, run, state, (rows_read, rows_filtered), watermark)


class Transaction(_Writes):
    """Several writes that happen together or not at all."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        yield self._session


class Ledger(_Writes):
    """The one place for state, in SQLite or Postgres. Each call is a transaction of its own.

    :param url: ``sqlite:////path/ledger.db`` or ``postgresql+psycopg2://user:password@host/database``; the tables are
        made when first used
    :param lease: how long a claim holds without being renewed
    :param clock: the current time, with timezone
    :raises ConfigurationError: for a URL, directory or schema version that cannot be used
    :raises LedgerUnavailableError: by every call while the database does not answer
    """

    def __init__(
        self, url: str, *, lease: timedelta = timedelta(hours=6), clock: Callable[[], datetime] = _utc_now
    ) -> None:
        self._database = Database(url, lease=lease, clock=clock)
        self._lease, self._clock = lease, clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection to the database."""
        self._database.close()

    @property
    def incidents(self) -> Incidents:
        """Which syncs are broken, and who was told."""
        return Incidents(self._database)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Offer the write methods in one transaction; keep it short, on SQLite it is the only writer."""
        with self._database.writing() as session:
            yield Transaction(session)

    def _writing(self) -> AbstractContextManager[Session]:
        return self._database.writing()

    def acquire(self, run: Run, unit: str, keys: Sequence[str]) -> Acquired:
        """Decide which keys a unit may send now, and mark the unit as being sent; it asks for all its keys at once.

        A key may be sent when the run's claim on it belongs to the unit, no other run is sending it, and no other live
        claim has a greater version (or an equal one, claimed later). While any key is waiting nothing is marked: come
        back later with all of them. A retry of the same unit gets what it was given before. Commit ``claim`` first:
        this is a transaction of its own.
        """
        with self._writing() as session:
            return claims.acquire(session, run, unit, keys)

    def entries(self, owner: Owner, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries of those ``keys`` that the owner has written; any number of keys."""
        with self._database.reading() as session:
            return entries.read(session, owner, keys)

    def unlike(self, owner: Owner, dataset_id: str, sources: Mapping[str, int], newest: int) -> dict[str, int | None]:
        """Return those keys that the owner has not written to a dataset with the source fingerprint given: key → None.

        And those that it has, with the version, where that is older than ``newest``.
        """
        with self._database.reading() as session:
            return entries.unlike(session, owner, dataset_id, sources, newest)

    def homes(self, organization: str, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Return key → (dataset id, data row id) of those ``keys`` that any sync has met in Labelbox."""
        with self._database.reading() as session:
            return entries.homes(session, organization, keys)

    def count(self, owner: Owner, dataset_id: str) -> int:
        """Return how many data rows of a dataset the owner knows; reads every entry, so not for every batch."""
        with self._database.reading() as session:
            return entries.count(session, owner, dataset_id)

    def annotated(self, owner: Owner, target: str, keys: Sequence[str]) -> dict[str, AnnotatedRow]:
        """Return what the owner has imported into a target for those of ``keys`` that it has imported anything for."""
        with self._database.reading() as session:
            return annotated.read(session, owner, target, keys)

    def annotated_by(self, owner: Owner, target: str, jobs: Sequence[str]) -> dict[str, AnnotatedRow]:
        """Return key → what is known of all data rows whose annotations these imports hold."""
        with self._database.reading() as session:
            return annotated.of_jobs(session, owner, target, jobs)

    def unsent_annotated(self, owner: Owner, target: str) -> dict[str, AnnotatedRow]:
        """Return key → what is known of the data rows whose annotations have to be sent again."""
        with self._database.reading() as session:
            return annotated.unsent(session, owner, target)

    @property
    def now(self) -> datetime:
        """The time by the ledger's clock."""
        return self._clock()

    def waiting(self, run: Run, keys: Sequence[str]) -> dict[str, WaitingRow]:
        """Return the rows of ``keys`` that wait for the run's sync, and those whose wait this very run has ended.

        ``row`` is left empty.
        """
        with self._database.reading() as session:
            return waiting.read(session, run, keys)

    def count_waiting(self, run: Run) -> int:
        """Return how many rows wait for the run's sync."""
        with self._database.reading() as session:
            return waiting.count(session, run)

    def each_waiting(self, run: Run, *, page: int = 1000) -> Iterator[list[WaitingRow]]:
        """Yield the rows that wait for the run's sync by key, some at a time, but for those the run put there."""
        after = ""
        while True:
            with self._database.reading() as session:
                rows = waiting.page(session, run, after, page)
            if rows:
                yield rows
                after = rows[-1].global_key
            if len(rows) < page:
                return

    def watermark(self, sync: str, organization: str) -> datetime | None:
        """Return how far a sync has got, None before its first commit."""
        with self._database.reading() as session:
            return runs.watermark(session, sync, organization)

    def claims(self, run: Run, keys: Sequence[str]) -> dict[str, Claim]:
        """Return the run's own claims on ``keys``, without those that gave way to another run."""
        if not keys:
            return {}
        with self._database.reading() as session:
            return claims.read(session, run, keys)

    def claimed_elsewhere(self, run: Run, keys: Sequence[str]) -> set[str]:
        """Return those of ``keys`` that another run is about to send, or is sending."""
        with self._database.reading() as session:
            return claims.elsewhere(session, run, keys)

    def lease_ran_out(self, since: datetime) -> bool:
        """Tell whether claims made at a moment, and not renewed, hold no longer."""
        return self._clock() >= since + self._lease

    def journal(self, run: Run, unit: str, step: str) -> JournalEntry | None:
        """Return what is known of a submission, None when it was never begun or is settled."""
        with self._database.reading() as session:
            return journal.read(session, run, unit, step)

    def tallies(self, run: Run) -> dict[str, dict[str, int]]:
        """Return part → outcome → number of rows."""
        with self._database.reading() as session:
            return outcomes.read_tallies(session, run)

    def dead_letters(self, run: Run, *, limit: int | None = None) -> list[DeadLetter]:
        """Return the rejected rows of a run by part and sequence, the first ``limit`` of them."""
        with self._database.reading() as session:
            return outcomes.read_dead_letters(session, run, limit)

    def each_dead_letter(self, run: Run, *, page: int = 5000) -> Iterator[DeadLetter]:
        """Yield the rejected rows of a run in the order of :meth:`dead_letters`, ``page`` of them in memory."""
        last: DeadLetter | None = None
        while True:
            with self._database.reading() as session:
                letters = outcomes.read_dead_letters(session, run, page, last)
            yield from letters
            if len(letters) < page:
                return
            last = letters[-1]

    def run_state(self, run: Run) -> RunState | None:
        """Return how a run began and ended, None when it never began."""
        with self._database.reading() as session:
            return runs.read(session, run)
