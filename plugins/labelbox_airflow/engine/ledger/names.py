"""Small integers in place of long names: organizations, datasets, syncs and runs."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select, update

from labelbox_airflow.engine.errors import DataIOError
from labelbox_airflow.engine.ledger.database import Session
from labelbox_airflow.engine.ledger.model import Owner, Run
from labelbox_airflow.engine.ledger.schema import names, runs


def find(session: Session, kind: str, name: str) -> int | None:
    """Return the number of a name, None when the ledger has never met it."""
    return session.execute(select(names.c.id).where(names.c.kind == kind, names.c.name == name)).scalar()


def number(session: Session, kind: str, wanted: Iterable[str]) -> dict[str, int]:
    """Return name → number, giving new names their numbers."""
    ordered = sorted(set(wanted))
    query = select(names.c.name, names.c.id).where(names.c.kind == kind, names.c.name.in_(session.keys(ordered)))
    known: dict[str, int] = dict(session.pairs(query))
    missing = [{"kind": kind, "name": name} for name in ordered if name not in known]
    if missing:
        session.execute(session.insert(names).on_conflict_do_nothing(), missing)
        known = dict(session.pairs(query))
    return known


def find_owner(session: Session, owner: Owner) -> tuple[int, int] | None:
    """Return the numbers of a sync's organization and name, None when the ledger has not met both."""
    organization, sync = find(session, "organization", owner.organization), find(session, "sync", owner.sync)
    return None if organization is None or sync is None else (organization, sync)


def number_owner(session: Session, owner: Owner) -> tuple[int, int]:
    """Return the numbers of a sync's organization and name, giving them numbers if they are new."""
    organization = number(session, "organization", [owner.organization])[owner.organization]
    return organization, number(session, "sync", [owner.sync])[owner.sync]


def several(session: Session, kind: str) -> bool:
    """Tell whether there is more than one name of a kind."""
    return len(session.tuples(select(names.c.id).filter_by(kind=kind).limit(2))) > 1


def named(session: Session, kind: str) -> dict[int, str]:
    """Return number → name of every name of a kind."""
    return dict(session.pairs(select(names.c.id, names.c.name).filter_by(kind=kind)))


def find_run(session: Session, run: Run) -> int | None:
    """Return the number of a run, None when it never began."""
    query = (
        select(runs.c.id)
        .join(names, names.c.id == runs.c.sync)
        .where(names.c.kind == "sync", names.c.name == run.sync, runs.c.run_id == run.run_id)
    )
    return session.execute(query).scalar()


def begun_run(session: Session, run: Run) -> int:
    """Return the number of a run; raises DataIOError when ``begin_run`` was never called for it."""
    identity = find_run(session, run)
    if identity is None:
        raise DataIOError(
            f"the run '{run.run_id}' has not begun in the ledger",
            where=f"sync '{run.sync}'",
            remedy="Run its extract task first: it begins the run.",
        )
    return identity


def run_names(session: Session, identities: Iterable[int]) -> dict[int, str]:
    """Return run number → ``sync/run_id``."""
    query = select(runs.c.id, names.c.name, runs.c.run_id).join(names, names.c.id == runs.c.sync)
    rows = session.execute(query.where(runs.c.id.in_(sorted(set(identities)))))
    return {identity: f"{sync}/{run_id}" for identity, sync, run_id in rows}


def open_run(session: Session, run: Run, window: tuple[int | None, int | None], spec_hash: str) -> int:
    """Write the state of a run that begins, or begins again, and return its number."""
    organization = number(session, "organization", [run.organization])[run.organization]
    sync = number(session, "sync", [run.sync])[run.sync]
    state = {
        "organization": organization,
        "started_at": session.now,
        "window_start": window[0],
        "window_end": window[1],
        "spec_hash": spec_hash,
        "rows_read": None,
        "rows_filtered": None,
        "finished_at": None,
        "state": "running",
    }
    identity = find_run(session, run)
    if identity is not None:
        session.execute(update(runs).where(runs.c.id == identity).values(state))
        return identity
    statement = session.insert(runs).values(sync=sync, run_id=run.run_id, **state)
    session.execute(statement.on_conflict_do_update(index_elements=["sync", "run_id"], set_=state))
    return begun_run(session, run)
