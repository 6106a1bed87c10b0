"""Leases: what one run does at a time, until it is done or its lease runs out."""

from __future__ import annotations

from sqlalchemy import delete, or_, select

from labelbox_airflow.engine.ledger.database import Session
from labelbox_airflow.engine.ledger.model import Run
from labelbox_airflow.engine.ledger.schema import leases


def take(session: Session, run: Run, purpose: str) -> str | None:
    """Take or renew a lease; return the run that holds it, where that is another one."""
    whole, holder = _purpose(run, purpose), run.run_id
    statement = session.insert(leases).values(purpose=whole, holder=holder, held_until=session.lease_until)
    free = or_(leases.c.holder == holder, leases.c.held_until < session.now)
    replaced = {name: statement.excluded[name] for name in ("holder", "held_until")}
    session.execute(statement.on_conflict_do_update(index_elements=["purpose"], set_=replaced, where=free))
    found = session.execute(select(leases.c.holder).where(leases.c.purpose == whole)).scalar_one()
    return None if found == holder else str(found)


def release(session: Session, run: Run, purpose: str) -> None:
    """Give up a lease, where the run holds it."""
    session.execute(delete(leases).where(leases.c.purpose == _purpose(run, purpose), leases.c.holder == run.run_id))


def release_all(session: Session, run: Run) -> None:
    """Give up what leases a run that has ended still holds."""
    of_sync = leases.c.purpose.startswith(_purpose(run, ""), autoescape=True)
    session.execute(delete(leases).where(of_sync, leases.c.holder == run.run_id))


def _purpose(run: Run, purpose: str) -> str:
    return f"{run.organization}/{run.sync}/{purpose}"
