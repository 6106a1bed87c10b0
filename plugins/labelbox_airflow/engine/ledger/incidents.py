"""Since when a sync is broken, which of its runs failed, and who was told: so that each thing is told once.

An *incident* begins with the first failed run of a sync and ends with the next run that is well. It goes by the name
of the sync alone: when the API is dead, nobody knows the organization. What is to be told of an incident is told once
for each kind of failure and channel, and once more when it is over.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func, or_, select, update

from labelbox_airflow.engine.ledger import names
from labelbox_airflow.engine.ledger.database import Database, Session, from_microseconds, to_microseconds
from labelbox_airflow.engine.ledger.schema import incidents, notices, verdicts
from labelbox_airflow.engine.ledger.schema import names as name_rows

RECOVERED = "recovered"
# How long a process that is sending keeps others from it; longer than mail servers are waited for.
SENDING = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One go at a run: Airflow counts how often the run was cleared.

    :param number: None where Airflow does not say
    """

    sync: str
    run_id: str
    number: int | None


@dataclass(frozen=True, slots=True)
class Incident:
    """A time that a sync was broken.

    :param run_id: the run that failed first
    :param kind: the kind of that failure
    :param failed_runs: runs that failed, those that were mended since included
    :param not_loaded: those of them whose rows no later run reads and that have not been well since, at most five
    :param not_loaded_runs: how many these are
    """

    id: int
    opened_at: datetime
    run_id: str
    kind: str
    failed_runs: int
    not_loaded: tuple[str, ...]
    not_loaded_runs: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the report of a run judged it: the kind of failure (None is success), and the incident it belongs to."""

    kind: str | None
    incident: int | None


class Incidents:
    """The incidents of all syncs, as the ledger keeps them. Each call is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def verdict(self, attempt: Attempt) -> Verdict | None:
        """Return how an attempt was judged, or a later one of the run; None when neither was.

        An attempt without a number is the run's last.
        """
        with self._database.reading() as session:
            return _verdict(session, names.find(session, "sync", attempt.sync), attempt)

    def failed(self, attempt: Attempt, kind: str, *, catches_up: bool) -> tuple[Incident, str] | None:
        """Note that a run failed, and return the incident it is part of and the kind of failure it counts as.

        An attempt that was judged before keeps its kind: it is the same failure. None when its incident is over, so
        that nothing is left to tell.

        :param catches_up: whether the next scheduled run reads what this one did not load
        """
        with self._database.writing() as session:
            sync = _locked_sync(session, attempt.sync)
            before = _verdict(session, sync, attempt)
            if before is not None and before.kind is not None and before.incident is not None:
                known = _incident_row(session, incidents.c.id == before.incident)
                if known is None or known["closed_at"] is not None:
                    return None
                return _as_incident(session, known), before.kind
            incident = _open_incident(session, sync, attempt.run_id, kind)
            _judge(session, sync, attempt, incident["id"], kind, catches_up)
            return _as_incident(session, incident), kind

    def late(self, sync: str, run_id: str, kind: str) -> Incident:
        """Note that a run, which goes on, is not as it should be."""
        with self._database.writing() as session:
            return _as_incident(session, _open_incident(session, _locked_sync(session, sync), run_id, kind))

    def succeeded(self, attempt: Attempt, began: datetime | None) -> Incident | None:
        """Note that a run was well, and return the incident that is over and was told of, None when there is none.

        A run that began before the last failure says nothing about what came after it, and ends no incident but its
        own. An incident whose end could not be told is returned again.
        """
        with self._database.writing() as session:
            sync = _locked_sync(session, attempt.sync)
            _judge(session, sync, attempt, None, None, True)
            last = _incident_row(session, incidents.c.sync == sync)
            if last is None:
                return None
            if last["closed_at"] is None:
                own = last["last_run_id"] == attempt.run_id
                if not own and began is not None and to_microseconds(began) < last["last_failed_at"]:
                    return None
                session.execute(update(incidents).where(incidents.c.id == last["id"]).values(closed_at=session.now))
            return _as_incident(session, last) if _untold(session, last["id"]) else None

    def claim(self, incident: Incident, kind: str, channel: str, run_id: str) -> bool:
        """Tell whether a run may send a message now: nobody has sent it, and nobody else is about to.

        A retry of the run that was about to send it takes over at once, another run after ten minutes.
        """
        with self._database.writing() as session:
            if kind == RECOVERED and channel not in _untold(session, incident.id):
                return False
            until = session.now + SENDING // timedelta(microseconds=1)
            statement = session.insert(notices).values(
                incident=incident.id, kind=kind, channel=channel, claimed_by=run_id, claimed_until=until
            )
            free = or_(notices.c.claimed_until <= session.now, notices.c.claimed_by == run_id)
            claimed = session.execute(
                statement.on_conflict_do_update(
                    index_elements=["incident", "kind", "channel"],
                    set_={"claimed_by": run_id, "claimed_until": until},
                    where=and_(notices.c.sent_at.is_(None), free),
                )
            )
            return bool(claimed.rowcount)

    def sent(self, incident: Incident, kind: str, channel: str) -> None:
        """Note that a message that was claimed has been sent."""
        with self._database.writing() as session:
            session.execute(update(notices).where(_notice(incident, kind, channel)).values(sent_at=session.now))

    def not_sent(self, incident: Incident, kind: str, channel: str) -> None:
        """Give a claim up, as sending failed: whoever comes next may try."""
        with self._database.writing() as session:
            session.execute(update(notices).where(_notice(incident, kind, channel)).values(claimed_until=session.now))


def prune(session: Session, before: datetime) -> None:
    """Forget verdicts of before a moment, and incidents that were over by then."""
    moment = to_microseconds(before)
    old = select(incidents.c.id).where(incidents.c.closed_at < moment)
    session.execute(delete(notices).where(notices.c.incident.in_(old)))
    session.execute(delete(incidents).where(incidents.c.closed_at < moment))
    open_ones = select(incidents.c.id).where(incidents.c.closed_at.is_(None))
    kept = and_(verdicts.c.incident.is_not(None), verdicts.c.incident.in_(open_ones))
    session.execute(delete(verdicts).where(verdicts.c.judged_at < moment, ~kept))


def _locked_sync(session: Session, name: str) -> int:
    """Return the number of a sync; another transaction about its incidents waits until this one is over."""
    sync = names.number(session, "sync", [name])[name]
    session.lock(select(name_rows.c.id).where(name_rows.c.id == sync))
    return sync


def _verdict(session: Session, sync: int | None, attempt: Attempt) -> Verdict | None:
    query = select(verdicts.c.kind, verdicts.c.incident).where(
        verdicts.c.sync == sync, verdicts.c.run_id == attempt.run_id
    )
    if attempt.number is not None:
        query = query.where(verdicts.c.attempt >= attempt.number)
    row = session.execute(query).one_or_none()
    return None if row is None else Verdict(*row)


def _judge(
    session: Session, sync: int, attempt: Attempt, incident: int | None, kind: str | None, catches_up: bool
) -> None:
    values = {"attempt": attempt.number or 0, "judged_at": session.now, "kind": kind, "catches_up": catches_up}
    statement = session.insert(verdicts).values(sync=sync, run_id=attempt.run_id, incident=incident, **values)
    # A run that is well now still counts among the failed ones of its incident.
    changed = values if kind is None else {**values, "incident": incident}
    session.execute(statement.on_conflict_do_update(index_elements=["sync", "run_id"], set_=changed))


def _open_incident(session: Session, sync: int, run_id: str, kind: str) -> Any:
    """Return the open incident of the sync, with this failure as its last; it is opened if there is none."""
    last = _incident_row(session, incidents.c.sync == sync)
    if last is not None and last["closed_at"] is None:
        session.execute(
            update(incidents).where(incidents.c.id == last["id"]).values(last_failed_at=session.now, last_run_id=run_id)
        )
        return last
    made: Any = session.execute(
        session.insert(incidents).values(
            sync=sync,
            opened_at=session.now,
            last_failed_at=session.now,
            run_id=run_id,
            last_run_id=run_id,
            kind=kind,
        )
    )
    return _incident_row(session, incidents.c.id == made.inserted_primary_key[0])


def _incident_row(session: Session, chosen: Any) -> Any:
    query = select(incidents).where(chosen).order_by(incidents.c.id.desc()).limit(1)
    return session.execute(query).mappings().one_or_none()


def _as_incident(session: Session, row: Any) -> Incident:
    of_it = verdicts.c.incident == row["id"]
    missing = and_(of_it, verdicts.c.kind.is_not(None), ~verdicts.c.catches_up)
    not_loaded = session.execute(
        select(verdicts.c.run_id).where(missing).order_by(verdicts.c.judged_at, verdicts.c.run_id).limit(5)
    ).scalars()
    return Incident(
        id=row["id"],
        opened_at=from_microseconds(row["opened_at"]),
        run_id=row["run_id"],
        kind=row["kind"],
        failed_runs=_count(session, of_it),
        not_loaded=tuple(not_loaded),
        not_loaded_runs=_count(session, missing),
    )


def _count(session: Session, chosen: Any) -> int:
    return int(session.execute(select(func.count()).select_from(verdicts).where(chosen)).scalar_one())


def _untold(session: Session, incident: int) -> Collection[str]:
    """Return the channels that were told of a failure and not yet of its end."""
    sent = select(notices.c.channel, notices.c.kind).where(
        notices.c.incident == incident, notices.c.sent_at.is_not(None)
    )
    rows = session.execute(sent).all()
    return {channel for channel, _ in rows} - {channel for channel, kind in rows if kind == RECOVERED}


def _notice(incident: Incident, kind: str, channel: str) -> Any:
    return and_(notices.c.incident == incident.id, notices.c.kind == kind, notices.c.channel == channel)
