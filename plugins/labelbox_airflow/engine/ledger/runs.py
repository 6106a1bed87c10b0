"""How runs begin and end, and how far each sync has got."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from labelbox_airflow.engine.ledger import claims, journal, leases, names, outcomes
from labelbox_airflow.engine.ledger.database import Session, from_microseconds, to_microseconds
from labelbox_airflow.engine.ledger.model import FinalState, Run, RunState
from labelbox_airflow.engine.ledger.schema import dead_letters, runs, tallies, watermarks
from labelbox_airflow.engine.ledger.schema import journal as journal_entries


def read(session: Session, run: Run) -> RunState | None:
    """Return how a run began and ended, None when it never began."""
    query = select(runs).where(runs.c.id == names.find_run(session, run))
    row = session.execute(query).mappings().one_or_none()
    if row is None:
        return None
    return RunState(
        started_at=from_microseconds(row["started_at"]),
        window_start=_moment(row["window_start"]),
        window_end=_moment(row["window_end"]),
        spec_hash=row["spec_hash"],
        rows_read=row["rows_read"],
        rows_filtered=row["rows_filtered"],
        finished_at=_moment(row["finished_at"]),
        state=row["state"],
    )


def begin(session: Session, run: Run, window: tuple[datetime | None, datetime | None], spec_hash: str) -> None:
    """Begin a run, or begin it again: nothing of an earlier attempt is left."""
    start, end = (None if moment is None else to_microseconds(moment) for moment in window)
    identity = names.open_run(session, run, (start, end), spec_hash)
    claims.release(session, identity)
    claims.purge(session)
    journal.clear(session, identity)
    outcomes.clear(session, identity)


def settle(session: Session, run: Run, part: str, counts: Any, rejected: Any) -> None:
    """Replace the outcomes of a part; as a unit it gives up its claims and journal entries."""
    identity = names.begun_run(session, run)
    outcomes.settle(session, identity, part, counts, rejected)
    claims.release(session, identity, part)
    journal.clear(session, identity, part)


def finish(
    session: Session,
    run: Run,
    state: FinalState,
    rows: tuple[int, int],
    watermark: datetime | None,
) -> None:
    """End a run: write its state, give up claims and leases, and advance the watermark unless it is further already."""
    identity = names.begun_run(session, run)
    values = {"state": state, "rows_read": rows[0], "rows_filtered": rows[1], "finished_at": session.now}
    session.execute(update(runs).where(runs.c.id == identity).values(values))
    claims.release(session, identity)
    leases.release_all(session, run)
    if watermark is not None:
        _advance(session, run, to_microseconds(watermark))


def prune(session: Session, before: datetime) -> None:
    """Forget runs that finished before a moment: their outcomes and dead letters; what Labelbox holds stays known."""
    old = select(runs.c.id).where(runs.c.finished_at < to_microseconds(before))
    for table in (tallies, dead_letters, journal_entries):
        session.execute(delete(table).where(table.c.run.in_(old)))
    session.execute(delete(runs).where(runs.c.finished_at < to_microseconds(before)))


def _advance(session: Session, run: Run, reached: int) -> None:
    organization = names.number(session, "organization", [run.organization])[run.organization]
    sync = names.number(session, "sync", [run.sync])[run.sync]
    statement = session.insert(watermarks).values(organization=organization, sync=sync, reached=reached)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["organization", "sync"],
            set_={"reached": statement.excluded.reached},
            where=statement.excluded.reached > watermarks.c.reached,
        )
    )


def watermark(session: Session, sync: str, organization: str) -> datetime | None:
    """Return how far the sync has got in an organization, None before its first commit."""
    query = select(watermarks.c.reached).where(
        watermarks.c.organization == names.find(session, "organization", organization),
        watermarks.c.sync == names.find(session, "sync", sync),
    )
    return _moment(session.execute(query).scalar())


def _moment(value: int | None) -> datetime | None:
    return None if value is None else from_microseconds(value)
