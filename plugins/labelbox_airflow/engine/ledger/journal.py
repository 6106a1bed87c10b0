"""What was submitted to Labelbox, written down before the answer is waited for."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, case, delete, select, update

from labelbox_airflow.engine.errors import DataIOError
from labelbox_airflow.engine.ledger import names
from labelbox_airflow.engine.ledger.database import Session, from_microseconds
from labelbox_airflow.engine.ledger.model import JournalEntry, Run
from labelbox_airflow.engine.ledger.schema import journal


def read(session: Session, run: Run, unit: str, step: str) -> JournalEntry | None:
    """Return what is known of a submission, None when it was never begun or is settled."""
    identity = names.find_run(session, run)
    columns = (journal.c.content, journal.c.task_id, journal.c.first_intent_at, journal.c.attempts)
    row = session.execute(select(*columns).where(_step(identity, unit, step))).one_or_none()
    return None if row is None else JournalEntry(row[0], row[1], from_microseconds(row[2]), row[3])


def intend(session: Session, run: Run, unit: str, step: str, content: str) -> None:
    """Write down that ``content`` (its hash) is about to be submitted; other content starts the entry anew."""
    values = {
        "run": names.begun_run(session, run),
        "unit": unit,
        "step": step,
        "content": content,
        "task_id": None,
        "first_intent_at": session.now,
        "attempts": 1,
    }
    statement = session.insert(journal).values(values)
    new, equal = statement.excluded, statement.excluded.content == journal.c.content
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["run", "unit", "step"],
            set_={
                "content": new.content,
                "task_id": case((equal, journal.c.task_id)),
                "first_intent_at": case((equal, journal.c.first_intent_at), else_=new.first_intent_at),
                "attempts": case((equal, journal.c.attempts + 1), else_=1),
            },
        )
    )


def submitted(session: Session, run: Run, unit: str, step: str, task_id: str | None) -> None:
    """Write down the Labelbox task of a submission, None to forget one that failed.

    :raises DataIOError: when ``intend`` was not called before
    """
    chosen = _step(names.begun_run(session, run), unit, step)
    if session.execute(update(journal).where(chosen).values(task_id=task_id)).rowcount == 0:
        raise DataIOError(
            f"the task '{task_id}' was submitted, but nothing was intended for step '{step}'",
            where=f"run '{run.run_id}' of sync '{run.sync}', unit '{unit}'",
            remedy="Call intend() before submitting.",
        )


def clear(session: Session, run: int, unit: str | None = None) -> None:
    """Remove the entries of a run, or of one of its units."""
    given = journal.c.run == run
    session.execute(delete(journal).where(given if unit is None else and_(given, journal.c.unit == unit)))


def _step(run: int | None, unit: str, step: str) -> ColumnElement[bool]:
    return and_(journal.c.run == run, journal.c.unit == unit, journal.c.step == step)
