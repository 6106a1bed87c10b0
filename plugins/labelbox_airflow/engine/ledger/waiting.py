"""Source rows that wait for the data row they belong to.

A row that need not wait any more is kept, with the run that ended its wait, for as long as that run is: the row counts
as waiting again should the run fail, or be cleared and run again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, literal, or_, select, true, update

from labelbox_airflow.engine.ledger import names
from labelbox_airflow.engine.ledger.database import Session, from_microseconds, to_microseconds
from labelbox_airflow.engine.ledger.entries import check_keys
from labelbox_airflow.engine.ledger.model import Run, WaitingRow
from labelbox_airflow.engine.ledger.schema import runs, waiting_rows

_COLUMNS: dict[str, type] = {
    "global_key": str,
    "version": int,
    "source": int,
    "first_seen": int,
    "origin": str,
    "row": str,
}
_NO_ROW = literal("")


def read(session: Session, run: Run, keys: Sequence[str]) -> dict[str, WaitingRow]:
    """Return the rows of those ``keys`` that wait for the run's sync, and those whose wait this very run has ended.

    Without the values of the rows, which may be large.
    """
    chosen = _of_sync(session, run)
    if chosen is None or not keys:
        return {}
    on_keys = waiting_rows.c.global_key.in_(session.keys(keys))
    return {row.global_key: row for row in _rows(session, run, _selected(_NO_ROW).where(chosen, on_keys))}


def page(session: Session, run: Run, after: str, limit: int) -> list[WaitingRow]:
    """Return rows that wait for the run's sync by key, those behind the key ``after``.

    Without those that this very run has put there: a retry of it meets them in its source again.
    """
    chosen = _of_sync(session, run)
    if chosen is None:
        return []
    identity = names.find_run(session, run)
    others = true() if identity is None else waiting_rows.c.put_by.is_distinct_from(identity)
    query = _selected(waiting_rows.c.row).where(chosen, others, waiting_rows.c.global_key > after)
    return list(_rows(session, run, query.order_by(waiting_rows.c.global_key).limit(limit)))


def put(session: Session, run: Run, rows: Iterable[WaitingRow]) -> None:
    """Have rows wait, each in place of an older row of its key; a key has waited since its first row came."""
    newest: dict[str, WaitingRow] = {}
    for row in rows:
        if row.global_key not in newest or row.version >= newest[row.global_key].version:
            newest[row.global_key] = row
    if not newest:
        return
    check_keys(newest)
    identity = names.begun_run(session, run)
    organization, sync = names.number_owner(session, run.owner)
    held = read(session, run, sorted(newest))
    values = [_values(row, held.get(key), session.now) for key, row in sorted(newest.items()) if _counts(row, held)]
    fixed = {"organization": literal(organization), "sync": literal(sync), "put_by": literal(identity)}
    with session.relation(_COLUMNS, values) as incoming:
        columns = select(*(incoming.c[name] for name in _COLUMNS), *fixed.values()).where(true())
        statement = session.insert(waiting_rows).from_select([*_COLUMNS, *fixed], columns)
        replaced = [name for name in (*_COLUMNS, "put_by", "ended_by") if name != "global_key"]
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["organization", "sync", "global_key"],
                set_={name: statement.excluded[name] for name in replaced},
                where=or_(statement.excluded.version >= waiting_rows.c.version, waiting_rows.c.ended_by.is_not(None)),
            )
        )


def end(session: Session, run: Run, versions: Mapping[str, int]) -> None:
    """Note that a run has ended the wait of rows of these keys, up to these versions."""
    chosen = _of_sync(session, run)
    if chosen is None or not versions:
        return
    identity = names.begun_run(session, run)
    with session.relation({"global_key": str, "version": int}, sorted(versions.items())) as incoming:
        met = exists().where(
            incoming.c.global_key == waiting_rows.c.global_key, incoming.c.version >= waiting_rows.c.version
        )
        on_keys = waiting_rows.c.global_key.in_(select(incoming.c.global_key))
        session.execute(update(waiting_rows).where(chosen, on_keys, met).values(ended_by=identity))


def count(session: Session, run: Run) -> int:
    """Return how many rows wait for the run's sync."""
    chosen = _of_sync(session, run)
    if chosen is None:
        return 0
    return int(session.execute(select(func.count()).select_from(waiting_rows).where(chosen, _waits())).scalar_one())


def prune(session: Session, before: datetime) -> None:
    """Forget the rows whose wait was ended by runs that are about to be forgotten; call it before them."""
    old = select(runs.c.id).where(runs.c.finished_at < to_microseconds(before))
    well = old.where(runs.c.state == "success")
    session.execute(delete(waiting_rows).where(waiting_rows.c.ended_by.in_(well)))
    # The number of a run that is gone may be given again.
    for column in (waiting_rows.c.ended_by, waiting_rows.c.put_by):
        session.execute(update(waiting_rows).where(column.in_(old)).values({column.name: None}))


def _counts(row: WaitingRow, held: Mapping[str, WaitingRow]) -> bool:
    """Tell whether a row says more than the one that waits already."""
    other = held.get(row.global_key)
    if other is None or other.ended:
        return True
    return row.version > other.version or (row.version == other.version and row.source != other.source)


def _values(row: WaitingRow, held: WaitingRow | None, now: int) -> tuple[Any, ...]:
    same = held is not None and (not held.ended or (held.version, held.source) == (row.version, row.source))
    since = to_microseconds(held.first_seen) if same and held is not None and held.first_seen is not None else now
    return row.global_key, row.version, row.source, since, row.origin, row.row


def _selected(row: ColumnElement[str]) -> Select[Any]:
    columns = (waiting_rows.c[name] for name in _COLUMNS if name != "row")
    return select(*columns, row, waiting_rows.c.ended_by, waiting_rows.c.put_by)


def _rows(session: Session, run: Run, query: Select[Any]) -> Iterable[WaitingRow]:
    identity = names.find_run(session, run)
    for key, version, source, first_seen, origin, row, ended_by, put_by in session.tuples(query.where(_waits())):
        yield WaitingRow(
            key,
            version,
            source,
            origin,
            row,
            from_microseconds(first_seen),
            ended=ended_by is not None and ended_by == identity,
            put_here=put_by is not None and put_by == identity,
        )


def _waits() -> ColumnElement[bool]:
    """Whether no run that is well has ended the wait."""
    ended = exists().where(runs.c.id == waiting_rows.c.ended_by, runs.c.state == "success")
    return or_(waiting_rows.c.ended_by.is_(None), ~ended)


def _of_sync(session: Session, run: Run) -> ColumnElement[bool] | None:
    number = names.find_owner(session, run.owner)
    if number is None:
        return None
    return and_(waiting_rows.c.organization == number[0], waiting_rows.c.sync == number[1])
