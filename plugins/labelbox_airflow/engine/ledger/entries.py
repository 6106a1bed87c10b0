"""What Labelbox holds for each global key."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, and_, case, delete, func, literal, or_, select, true, update

from labelbox_airflow.engine.errors import DataIOError
from labelbox_airflow.engine.ledger import names
from labelbox_airflow.engine.ledger.database import Session
from labelbox_airflow.engine.ledger.model import Entry
from labelbox_airflow.engine.ledger.schema import FINGERPRINTS, data_rows

MAX_KEY_LENGTH = 200  # docs.labelbox.com/docs/limits
_COLUMNS: dict[str, type] = {
    "global_key": str,
    "dataset": int,
    "sync": int,
    "data_row_id": str,
    "version": int,
    **dict.fromkeys(FINGERPRINTS, int),
}


def check_keys(keys: Iterable[str]) -> None:
    """Raise DataIOError for a key that cannot be a global key: empty, too long, or not storable as text."""
    keys = list(keys)
    lengths = [len(key) for key in keys]
    if all(lengths) and max(lengths, default=0) <= MAX_KEY_LENGTH and _storable("".join(keys)):
        return
    for key in keys:
        if not 0 < len(key) <= MAX_KEY_LENGTH or not _storable(key):
            raise DataIOError(
                f"the global key {key[:MAX_KEY_LENGTH]!a} of {len(key)} characters cannot be kept",
                where="ledger",
                remedy=f"A global key has 1 to {MAX_KEY_LENGTH} characters, none of them NUL or half a surrogate pair.",
            )


def _storable(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read(session: Session, organization: str, keys: Sequence[str]) -> dict[str, Entry]:
    """Return the entries of those ``keys`` that are known."""
    identity = names.find(session, "organization", organization)
    if identity is None or not keys:
        return {}
    query = select(*(data_rows.c[name] for name in _COLUMNS)).where(_chosen(session, identity, keys))
    datasets, syncs = names.named(session, "dataset"), names.named(session, "sync")
    rows = session.tuples(query)
    return {row[0]: Entry._make((datasets[row[1]], syncs[row[2]], *row[3:])) for row in rows}


def count(session: Session, organization: str, dataset_id: str) -> int:
    """Return how many data rows of the dataset are known; reads the whole table once."""
    identity, dataset = names.find(session, "organization", organization), names.find(session, "dataset", dataset_id)
    query = select(func.count()).where(data_rows.c.organization == identity, data_rows.c.dataset == dataset)
    return int(session.execute(query).scalar_one())


def put(session: Session, organization: str, entries: Mapping[str, Entry], *, force: bool = False) -> None:
    """Insert or update entries.

    A None keeps what is stored, unless the data row id shows that the key now names another data row. The version
    never shrinks unless ``force`` says so.
    """
    if not entries:
        return
    check_keys(entries)
    identity = names.number(session, "organization", [organization])[organization]
    datasets = names.number(session, "dataset", (entry.dataset_id for entry in entries.values()))
    syncs = names.number(session, "sync", (entry.sync for entry in entries.values()))
    rows = [(key, datasets[entry.dataset_id], syncs[entry.sync], *entry[2:]) for key, entry in sorted(entries.items())]
    with session.relation(_COLUMNS, rows) as incoming:
        values = select(*(incoming.c[name] for name in _COLUMNS), literal(identity)).where(true())
        statement = session.insert(data_rows).from_select(
            [*_COLUMNS, "organization"], values.order_by(incoming.c.global_key)
        )
        new = statement.excluded
        same = func.coalesce(new.data_row_id == data_rows.c.data_row_id, true())
        kept = {name: func.coalesce(new[name], case((same, data_rows.c[name]))) for name in FINGERPRINTS}
        newest = case((new.version > data_rows.c.version, new.version), else_=data_rows.c.version)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["organization", "global_key"],
                set_={
                    "dataset": new.dataset,
                    "sync": new.sync,
                    "data_row_id": func.coalesce(new.data_row_id, data_rows.c.data_row_id),
                    "version": new.version if force else newest,
                    **kept,
                },
            )
        )


def touch(session: Session, organization: str, changes: Iterable[tuple[str, int, int | None]]) -> None:
    """Note unchanged rows seen in a newer version: (key, version, source fingerprint or None to keep it)."""
    newest: dict[str, tuple[str, int, int | None]] = {}
    for change in changes:
        if change[0] not in newest or change[1] >= newest[change[0]][1]:
            newest[change[0]] = change
    rows = [newest[key] for key in sorted(newest)]
    identity = names.find(session, "organization", organization)
    if identity is None or not rows:
        return
    with session.relation({"global_key": str, "version": int, "source": int}, rows) as incoming:
        met = and_(data_rows.c.organization == identity, data_rows.c.global_key == incoming.c.global_key)
        newer = and_(
            incoming.c.version >= data_rows.c.version,
            or_(
                incoming.c.version > data_rows.c.version,
                func.coalesce(incoming.c.source, data_rows.c.source).is_distinct_from(data_rows.c.source),
            ),
        )
        session.lock(select(data_rows.c.global_key).where(met, newer).order_by(data_rows.c.global_key))
        session.execute(
            update(data_rows)
            .where(met, newer)
            .values(version=incoming.c.version, source=func.coalesce(incoming.c.source, data_rows.c.source))
        )


def forget(session: Session, organization: str, keys: Collection[str]) -> None:
    """Remove the entries of keys that were deleted in Labelbox."""
    identity = names.find(session, "organization", organization)
    if identity is None or not keys:
        return
    chosen = _chosen(session, identity, keys)
    session.lock(select(data_rows.c.global_key).where(chosen).order_by(data_rows.c.global_key))
    session.execute(delete(data_rows).where(chosen))


def _chosen(session: Session, organization: int, keys: Iterable[str]) -> ColumnElement[bool]:
    return and_(data_rows.c.organization == organization, data_rows.c.global_key.in_(session.keys(keys)))
