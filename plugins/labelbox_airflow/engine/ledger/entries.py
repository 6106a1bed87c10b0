"""What Labelbox holds for each global key."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)

from labelbox_airflow.engine.errors import DataIOError
from labelbox_airflow.engine.ledger import names
from labelbox_airflow.engine.ledger.database import Session
from labelbox_airflow.engine.ledger.model import Entry, EntryRows, Owner
from labelbox_airflow.engine.ledger.schema import FINGERPRINTS, data_rows, owners

MAX_KEY_LENGTH = 200  # docs.labelbox.com/docs/limits
_COLUMNS: dict[str, type] = {
    "global_key": str,
    "dataset": int,
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


def unlike(
    session: Session, owner: Owner, dataset_id: str, sources: Mapping[str, int], newest: int
) -> dict[str, int | None]:
    """Return those keys that the owner has not written to a dataset with the source fingerprint given: key → None.

    And those that it has, with the version, where that is older than ``newest``.
    """
    number, dataset = _number(session, owner), names.find(session, "dataset", dataset_id)
    if number is None or dataset is None:
        return dict.fromkeys(sources)
    wanted = session.numbers(sources)
    met = and_(data_rows.c.organization == number[0], data_rows.c.sync == number[1])
    met = and_(met, data_rows.c.global_key == wanted.c.key, data_rows.c.dataset == dataset)
    same = and_(met, data_rows.c.source == wanted.c.value)
    # An outer join, since SQLite would sometimes scan the table and look each row up among the keys.
    query = select(wanted.c.key, data_rows.c.version).select_from(wanted.outerjoin(data_rows, same))
    found = query.where(or_(data_rows.c.version.is_(None), data_rows.c.version < newest))
    return {key: version for key, version in session.tuples(found)}  # noqa: C416  as dict() takes no tuples of any length


def read(session: Session, owner: Owner, keys: Sequence[str]) -> dict[str, Entry]:
    """Return the entries of those ``keys`` that the owner has written."""
    chosen = _chosen(session, owner, keys)
    if chosen is None:
        return {}
    datasets = names.named(session, "dataset")
    rows = session.tuples(select(*(data_rows.c[name] for name in _COLUMNS)).where(chosen))
    return {row[0]: Entry._make((datasets[row[1]], *row[2:])) for row in rows}


def homes(session: Session, organization: str, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return key → (dataset id, data row id) of those ``keys`` that any sync has met in Labelbox."""
    identity = names.find(session, "organization", organization)
    if identity is None or not keys:
        return {}
    columns = (data_rows.c.global_key, data_rows.c.dataset, data_rows.c.data_row_id)
    met = and_(_on(session, identity, keys), data_rows.c.data_row_id.is_not(None))
    datasets = names.named(session, "dataset")
    return {key: (datasets[dataset], id_) for key, dataset, id_ in session.tuples(select(*columns).where(met))}


def count(session: Session, owner: Owner, dataset_id: str) -> int:
    """Return how many data rows of the dataset the owner knows; reads the whole table once."""
    number = names.find_owner(session, owner)
    dataset = names.find(session, "dataset", dataset_id)
    if number is None or dataset is None:
        return 0
    own = and_(data_rows.c.organization == number[0], data_rows.c.sync == number[1])
    query = select(func.count()).where(own, data_rows.c.dataset == dataset)
    return int(session.execute(query).scalar_one())


def put(session: Session, owner: Owner, entries: Mapping[str, Entry], *, force: bool = False) -> None:
    """Insert or update entries.

    A None keeps what is stored, unless the data row id shows that the key now names another data row: then what other
    syncs know of the former one is forgotten too. The version never shrinks unless ``force`` says so.
    """
    if not entries:
        return
    check_keys(entries)
    datasets = names.number(session, "dataset", (entry.dataset_id for entry in entries.values()))
    rows = [(key, datasets[entry.dataset_id], *entry[1:]) for key, entry in entries.items()]
    _put(session, names.number_owner(session, owner), sorted(rows, key=itemgetter(0)), force=force)


def put_rows(session: Session, owner: Owner, entries: EntryRows, *, force: bool = False) -> None:
    """Insert or update entries given column by column, each key once; see :func:`put`."""
    if not entries.keys:
        return
    check_keys(entries.keys)
    dataset = names.number(session, "dataset", [entries.dataset_id])[entries.dataset_id]
    rows = zip(
        entries.keys,
        repeat(dataset),
        entries.data_row_ids,
        entries.versions,
        entries.sources,
        *entries.marks,
        repeat(None),
        strict=False,
    )
    _put(session, names.number_owner(session, owner), sorted(rows, key=itemgetter(0)), force=force)


def _put(session: Session, owner: tuple[int, int], rows: list[tuple[Any, ...]], *, force: bool) -> None:
    """Insert or update rows, in the order of their keys, in which transactions lock them."""
    session.execute(session.insert(owners).values(organization=owner[0], sync=owner[1]).on_conflict_do_nothing())
    fixed: list[ColumnElement[int]] = [literal_column(str(number)) for number in owner]
    if session.postgres:
        with session.relation(_COLUMNS, rows) as incoming:
            values = select(*(incoming.c[name] for name in _COLUMNS), *fixed).where(true())
            session.execute(_upsert(session, values.order_by(incoming.c.global_key), force=force))
    else:
        values = select(*(bindparam(name) for name in _COLUMNS), *fixed).where(true())
        session.execute_each(_upsert(session, values, force=force), rows)
    if names.several(session, "sync"):
        with session.relation({"global_key": str, "data_row_id": str}, [(row[0], row[2]) for row in rows]) as incoming:
            _forget_former(session, incoming, *owner)


def _upsert(session: Session, values: Select[Any], *, force: bool) -> Any:
    """Return the statement that inserts what is selected, or updates what is there."""
    statement = session.insert(data_rows).from_select([*_COLUMNS, "organization", "sync"], values)
    new = statement.excluded
    same = func.coalesce(new.data_row_id == data_rows.c.data_row_id, true())
    kept = {name: func.coalesce(new[name], case((same, data_rows.c[name]))) for name in FINGERPRINTS}
    newest = case((new.version > data_rows.c.version, new.version), else_=data_rows.c.version)
    return statement.on_conflict_do_update(
        index_elements=["organization", "global_key", "sync"],
        set_={
            "dataset": new.dataset,
            "data_row_id": func.coalesce(new.data_row_id, data_rows.c.data_row_id),
            "version": new.version if force else newest,
            **kept,
        },
    )


def _forget_former(session: Session, incoming: FromClause, organization: int, sync: int) -> None:
    """Remove what other syncs know of data rows whose keys now name others."""
    others = and_(data_rows.c.organization == organization, data_rows.c.sync != sync)
    former = exists().where(
        incoming.c.global_key == data_rows.c.global_key, incoming.c.data_row_id != data_rows.c.data_row_id
    )
    on_keys = data_rows.c.global_key.in_(select(incoming.c.global_key))
    session.execute(delete(data_rows).where(others, on_keys, former))


def touch(session: Session, owner: Owner, changes: Iterable[tuple[str, int, int | None]]) -> None:
    """Note unchanged rows seen in a newer version: (key, version, source fingerprint or None to keep it)."""
    newest: dict[str, tuple[str, int, int | None]] = {}
    for change in changes:
        if change[0] not in newest or change[1] >= newest[change[0]][1]:
            newest[change[0]] = change
    rows = [newest[key] for key in sorted(newest)]
    number = names.find_owner(session, owner)
    if number is None or not rows:
        return
    with session.relation({"global_key": str, "version": int, "source": int}, rows) as incoming:
        own = and_(data_rows.c.organization == number[0], data_rows.c.sync == number[1])
        met = and_(own, data_rows.c.global_key == incoming.c.global_key)
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


def doubt_embeddings(session: Session, owner: Owner, keys: Collection[str]) -> None:
    """Forget which vectors the owner has written for keys, and what their rows looked like."""
    chosen = _chosen(session, owner, keys)
    if chosen is not None:
        session.execute(update(data_rows).where(chosen).values(embeddings=None, source=None))


def forget(session: Session, organization: str, keys: Collection[str]) -> None:
    """Remove what any sync knows of keys that were deleted in Labelbox."""
    identity = names.find(session, "organization", organization)
    if identity is None or not keys:
        return
    chosen = _on(session, identity, keys)
    session.lock(select(data_rows.c.global_key).where(chosen).order_by(data_rows.c.global_key))
    session.execute(delete(data_rows).where(chosen))


def _number(session: Session, owner: Owner) -> tuple[int, int] | None:
    """Return the numbers of an owner that has put entries, None for others: nothing needs to be looked for."""
    number = names.find_owner(session, owner)
    if number is None:
        return None
    has_some = select(owners.c.sync).where(owners.c.organization == number[0], owners.c.sync == number[1])
    return number if session.execute(has_some).first() is not None else None


def _chosen(session: Session, owner: Owner, keys: Collection[str]) -> ColumnElement[bool] | None:
    number = _number(session, owner)
    if number is None or not keys:
        return None
    return and_(_on(session, number[0], keys), data_rows.c.sync == number[1])


def _on(session: Session, organization: int, keys: Iterable[str]) -> ColumnElement[bool]:
    return and_(data_rows.c.organization == organization, data_rows.c.global_key.in_(session.keys(keys)))
