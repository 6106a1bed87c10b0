"""Who may send which key: runs that overlap agree here, and duplicate keys within a run are found here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, and_, delete, false, literal, null, select, true, tuple_, update

from labelbox_airflow.engine.ledger import names
from labelbox_airflow.engine.ledger.database import Session
from labelbox_airflow.engine.ledger.entries import check_keys
from labelbox_airflow.engine.ledger.model import Acquired, Claim, Run
from labelbox_airflow.engine.ledger.schema import claims, runs

_COLUMNS: dict[str, type] = {
    "global_key": str,
    "unit": str,
    "sequence": int,
    "version": int,
    "content": int,
    "origin": str,
}


class _HeldClaim(NamedTuple):
    """What a decision needs of a claim."""

    global_key: str
    run: int
    unit: str
    sequence: int
    version: int
    claimed_at: int
    lease_until: int
    sending: bool
    yielded_to: int | None


def read(session: Session, run: Run, keys: Sequence[str]) -> dict[str, Claim]:
    """Return the run's own claims on ``keys``, without those that gave way to another run."""
    identity = names.find_run(session, run)
    organization = names.find(session, "organization", run.organization)
    if identity is None or organization is None:
        return {}
    own = and_(_on(session, organization, keys), claims.c.run == identity, claims.c.yielded_to.is_(None))
    rows = session.execute(select(*(claims.c[name] for name in _COLUMNS)).where(own))
    return {key: Claim(*rest) for key, *rest in rows}


def claim(session: Session, run: Run, wanted: Mapping[str, Claim]) -> None:
    """Claim keys for a run; a claim the run has already is replaced only by a newer version."""
    if not wanted:
        return
    check_keys(wanted)
    identity = names.begun_run(session, run)
    organization = names.number(session, "organization", [run.organization])[run.organization]
    fixed = {
        "organization": literal(organization),
        "run": literal(identity),
        "claimed_at": literal(session.now),
        "lease_until": literal(session.lease_until),
        "sending": false(),
    }
    rows = [(key, *wish) for key, wish in sorted(wanted.items())]
    with session.relation(_COLUMNS, rows) as incoming:
        values = select(*(incoming.c[name] for name in _COLUMNS), *fixed.values()).where(true())
        statement = session.insert(claims).from_select([*_COLUMNS, *fixed], values.order_by(incoming.c.global_key))
        new = statement.excluded
        replaced = [name for name in (*_COLUMNS, "claimed_at", "lease_until") if name != "global_key"]
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["organization", "global_key", "run"],
                set_={**{name: new[name] for name in replaced}, "yielded_to": null()},
                where=new.version > claims.c.version,
            )
        )


def acquire(session: Session, run: Run, unit: str, keys: Collection[str]) -> Acquired:
    """Decide which of ``keys`` the unit may send now, and mark them as being sent.

    Claims on the keys are locked first and read afterwards: of two runs that ask at once, the later one sees what the
    earlier one decided.
    """
    identity = names.find_run(session, run)
    organization = names.find(session, "organization", run.organization)
    if identity is None or organization is None:
        return Acquired({}, {}, {}, frozenset(keys))
    on_keys = _on(session, organization, keys)
    session.lock(select(claims.c.run).where(on_keys).order_by(claims.c.global_key, claims.c.run))
    mine = _held_claims(session, and_(claims.c.run == identity, claims.c.unit == unit))
    wanted = frozenset(keys)
    if not {claim.global_key for claim in mine}.issuperset(wanted):  # some went to another row or run, or are gone
        mine = _held_claims(session, and_(on_keys, claims.c.run == identity))
    unclaimed = wanted.difference(claim.global_key for claim in mine)
    own = {claim.global_key: claim for claim in mine if claim.unit == unit and claim.global_key in wanted}
    waiting, yielding = _rivals(session, on_keys, (run.sync, identity), own)
    if not waiting:
        _yield(session, organization, identity, yielding)
        held = {key: claim.sequence for key, claim in own.items() if key not in yielding}
        _mark(session, organization, identity, unit, held)
    else:
        held = {}
    called = names.run_names(session, {*waiting.values(), *yielding.values()})
    return Acquired(
        held,
        {key: called[rival] for key, rival in yielding.items()},
        {key: called[rival] for key, rival in waiting.items()},
        unclaimed,
    )


def elsewhere(session: Session, run: Run, keys: Collection[str]) -> set[str]:
    """Return those of ``keys`` on which another run of the sync has a live claim."""
    organization = names.find(session, "organization", run.organization)
    identity = names.find_run(session, run)
    if organization is None:
        return set()
    if not _others_at_work(session, identity):  # as a rule
        return set()
    live = and_(claims.c.lease_until > session.now, claims.c.yielded_to.is_(None))
    same_sync = claims.c.run.in_(_runs_of(session, run.sync))
    others = and_(live, same_sync) if identity is None else and_(live, same_sync, claims.c.run != identity)
    found = session.execute(select(claims.c.global_key).where(_on(session, organization, keys), others))
    return set(found.scalars())


def _others_at_work(session: Session, run: int | None) -> bool:
    """Tell whether there is a claim of another run, without a look at the many of this one."""
    sides = [claims.c.run < run, claims.c.run > run] if run is not None else [true()]
    return any(session.execute(select(claims.c.run).where(side).limit(1)).first() is not None for side in sides)


def _rivals(
    session: Session, on_keys: ColumnElement[bool], asking: tuple[str, int], own: Mapping[str, _HeldClaim]
) -> tuple[dict[str, int], dict[str, int]]:
    """Return key → run to wait for, and key → run to give way to.

    Runs of other syncs write other parts of a data row: they are waited for, so that lists are merged in turn, but
    their versions say nothing about ours.
    """
    sync, run = asking
    waiting: dict[str, int] = {}
    yielding = {key: claim.yielded_to for key, claim in own.items() if claim.yielded_to is not None}
    if not _others_at_work(session, run):
        return waiting, yielding
    same_sync = set(session.execute(_runs_of(session, sync)).scalars())
    live = and_(claims.c.run != run, claims.c.lease_until > session.now, claims.c.yielded_to.is_(None))
    for rival in sorted(_held_claims(session, and_(on_keys, live)), key=_rank):
        key = rival.global_key
        if key not in own or own[key].yielded_to is not None:
            continue
        if rival.sending:
            waiting[key] = rival.run
        elif rival.run not in same_sync or _sending(own[key], session.now):
            continue
        elif _rank(rival) > _rank(own[key]):
            yielding[key] = rival.run
    return waiting, {key: rival for key, rival in yielding.items() if key not in waiting}


def _runs_of(session: Session, sync: str) -> Select[tuple[int]]:
    return select(runs.c.id).where(runs.c.sync == names.find(session, "sync", sync))


def _held_claims(session: Session, chosen: ColumnElement[bool]) -> list[_HeldClaim]:
    query = select(*(claims.c[name] for name in _HeldClaim._fields)).where(chosen)
    return [_HeldClaim._make(row) for row in session.tuples(query)]


def _sending(claim: _HeldClaim, now: int) -> bool:
    """Say whether a claim is being sent under a live lease; a retry of its unit keeps it, so that it can finish."""
    return bool(claim.sending) and claim.lease_until > now


def _rank(claim: _HeldClaim) -> tuple[int, int, int]:
    return claim.version, claim.claimed_at, claim.run


def _yield(session: Session, organization: int, run: int, yielding: Mapping[str, int]) -> None:
    for rival in sorted(set(yielding.values())):
        lost = [key for key, winner in yielding.items() if winner == rival]
        own = and_(_on(session, organization, lost), claims.c.run == run)
        session.execute(update(claims).where(own).values(yielded_to=rival, sending=False))


def _mark(session: Session, organization: int, run: int, unit: str, held: Collection[str]) -> None:
    own = and_(_on(session, organization, held), claims.c.run == run, claims.c.unit == unit)
    session.execute(update(claims).where(own).values(sending=True, lease_until=session.lease_until))


def release(session: Session, run: int, unit: str | None = None) -> None:
    """Give up the claims of a run, or of one of its units."""
    given = claims.c.run == run if unit is None else and_(claims.c.run == run, claims.c.unit == unit)
    session.lock(select(claims.c.run).where(given).order_by(claims.c.organization, claims.c.global_key))
    session.execute(delete(claims).where(given))


def purge(session: Session) -> None:
    """Drop the claims of any run whose lease ran out, but for those another transaction is at work on."""
    key = (claims.c.organization, claims.c.global_key, claims.c.run)
    expired = select(*key).where(claims.c.lease_until <= session.now)
    session.execute(delete(claims).where(tuple_(*key).in_(expired.with_for_update(skip_locked=True))))


def _on(session: Session, organization: int, keys: Iterable[str]) -> ColumnElement[bool]:
    return and_(claims.c.organization == organization, claims.c.global_key.in_(session.keys(keys)))
