"""Which annotations a sync has imported, by data row and target (a project or model run)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, and_, select, update

from labelbox_airflow.engine.ledger import names
from labelbox_airflow.engine.ledger.database import Session, from_microseconds, to_microseconds
from labelbox_airflow.engine.ledger.entries import check_keys
from labelbox_airflow.engine.ledger.model import AnnotatedRow, Owner
from labelbox_airflow.engine.ledger.schema import annotated_rows
from labelbox_airflow.engine.ledger.schema import names as known_names

_READ = (
    annotated_rows.c.global_key,
    known_names.c.name,
    annotated_rows.c.marks,
    annotated_rows.c.began_at,
    annotated_rows.c.ended_at,
)


def read(session: Session, owner: Owner, target: str, keys: Sequence[str]) -> dict[str, AnnotatedRow]:
    """Return what the owner has imported for those of ``keys`` that it has imported anything for."""
    chosen = _chosen(session, owner, target)
    if chosen is None or not keys:
        return {}
    return _rows(session, and_(chosen, annotated_rows.c.global_key.in_(session.keys(keys))))


def of_jobs(session: Session, owner: Owner, target: str, jobs: Sequence[str]) -> dict[str, AnnotatedRow]:
    """Return all data rows whose annotations these imports hold."""
    chosen = _chosen(session, owner, target)
    if chosen is None or not jobs:
        return {}
    return _rows(session, and_(chosen, known_names.c.name.in_(session.keys(jobs))))


def unsent(session: Session, owner: Owner, target: str) -> dict[str, AnnotatedRow]:
    """Return the data rows whose annotations have to be sent again."""
    chosen = _chosen(session, owner, target)
    return {} if chosen is None else _rows(session, and_(chosen, annotated_rows.c.marks.is_(None)))


def put(session: Session, owner: Owner, target: str, changed: Mapping[str, AnnotatedRow]) -> None:
    """Insert or replace what is known of data rows."""
    if not changed:
        return
    check_keys(changed)
    organization, sync = names.number_owner(session, owner)
    jobs = names.number(session, "import", {row.job for row in changed.values() if row.job is not None})
    fixed = {"organization": organization, "sync": sync, "target": _number(session, target)}
    values = [
        {
            **fixed,
            "global_key": key,
            "job": None if row.job is None else jobs[row.job],
            "marks": _packed(row.marks),
            "began_at": to_microseconds(row.began_at),
            "ended_at": to_microseconds(row.ended_at),
        }
        for key, row in sorted(changed.items())
    ]
    statement = session.insert(annotated_rows)
    replaced = {name: statement.excluded[name] for name in ("job", "marks", "began_at", "ended_at")}
    session.execute(statement.on_conflict_do_update(index_elements=[*fixed, "global_key"], set_=replaced), values)


def doubt(session: Session, owner: Owner, target: str, jobs: Sequence[str]) -> None:
    """Note that what these imports hold is about to be deleted, and has to be sent again."""
    chosen = _chosen(session, owner, target)
    if chosen is None or not jobs:
        return
    numbered = names.number(session, "import", jobs)
    held = annotated_rows.c.job.in_(list(numbered.values()))
    session.execute(update(annotated_rows).where(chosen, held).values(marks=None))


def _rows(session: Session, chosen: ColumnElement[bool]) -> dict[str, AnnotatedRow]:
    joined = annotated_rows.outerjoin(known_names, known_names.c.id == annotated_rows.c.job)
    query = select(*_READ).select_from(joined).where(chosen)
    return {
        key: AnnotatedRow(job, _unpacked(marks), from_microseconds(began), from_microseconds(ended))
        for key, job, marks, began, ended in session.tuples(query)
    }


def _chosen(session: Session, owner: Owner, target: str) -> ColumnElement[bool] | None:
    numbers, place = names.find_owner(session, owner), names.find(session, "target", target)
    if numbers is None or place is None:
        return None
    organization, sync = numbers
    c = annotated_rows.c
    return and_(c.organization == organization, c.sync == sync, c.target == place)


def _number(session: Session, target: str) -> int:
    return names.number(session, "target", [target])[target]


def _packed(marks: Mapping[int, int] | None) -> bytes | None:
    return None if marks is None else np.array(sorted(marks.items()), np.int64).tobytes()


def _unpacked(marks: Any) -> dict[int, int] | None:
    if marks is None:
        return None
    uuids, contents = np.frombuffer(bytes(marks), np.int64).reshape(-1, 2).T.tolist()
    return dict(zip(uuids, contents, strict=True))
