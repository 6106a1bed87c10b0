"""Who may send which key: runs that overlap agree here, and duplicate keys within a run are found here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import compress

import numpy as np
import orjson
from sqlalchemy import and_, delete, select, update

from labelbox_airflow.engine.fingerprint import Hashes, text_fingerprints
from labelbox_airflow.engine.ledger import names
from labelbox_airflow.engine.ledger.database import Session
from labelbox_airflow.engine.ledger.entries import check_keys
from labelbox_airflow.engine.ledger.model import Acquired, Claim, ClaimedRows, Run
from labelbox_airflow.engine.ledger.packed import ClaimsOf, Mask, Numbers, give_way, hashed, store
from labelbox_airflow.engine.ledger.schema import claims, runs

_LOCK = 0x4C42_434C  # "LBCL": with the number of the organization, one lock for all that acquire


def read(session: Session, run: Run, keys: Sequence[str]) -> dict[str, Claim]:
    """Return the run's own claims on ``keys``, without those that gave way to another run."""
    identity = names.find_run(session, run)
    if identity is None:
        return {}
    hashes, ordered = hashed(keys)
    own = ClaimsOf(session, hashes, claims.c.run == identity)
    found: dict[str, Claim] = {}
    for block, indices in own.by_block(own.there & (own.rows["yielded_to"] == 0)):
        unit, packed = session.execute(select(claims.c.unit, claims.c.origins).where(claims.c.id == block)).one()
        origins: list[str] = orjson.loads(bytes(packed))
        rows = own.rows[["sequences", "versions", "contents", "place"]][indices].tolist()
        for index, (sequence, version, content, place) in zip(indices.tolist(), rows, strict=True):
            found[ordered[index]] = Claim(unit, sequence, version, content, origins[place])
    return found


def claim(session: Session, run: Run, wanted: Mapping[str, Claim], *, repeats: bool) -> None:
    """Claim keys for a run; see :func:`claim_rows`."""
    check_keys(wanted)
    by_unit: dict[str, dict[str, Claim]] = {}
    for key, wish in wanted.items():
        by_unit.setdefault(wish.unit, {})[key] = wish
    for unit, wishes in by_unit.items():
        claim_rows(session, run, _in_columns(unit, wishes), repeats=repeats)


def _in_columns(unit: str, wishes: Mapping[str, Claim]) -> ClaimedRows:
    _, sequences, versions, contents, origins = zip(*wishes.values(), strict=True)
    return ClaimedRows(
        unit,
        text_fingerprints(list(wishes)),
        np.array(sequences, np.int64),
        np.array(versions, np.int64),
        np.array(contents, np.int64),
        origins,
    )


def claim_rows(session: Session, run: Run, rows: ClaimedRows, *, repeats: bool) -> None:
    """Claim rows of one unit, each key once; a claim the run has already gives way only to a newer version.

    :param repeats: whether the run may have claimed some of the keys before
    """
    identity = names.begun_run(session, run)
    order = np.argsort(rows.keys)
    if repeats:
        order = order[_replacing(session, identity, rows.keys[order], rows.versions[order])]
    if not len(order):
        return
    store(
        session,
        rows.keys[order],
        {"sequences": rows.sequences[order], "versions": rows.versions[order], "contents": rows.contents[order]},
        organization=names.number(session, "organization", [run.organization])[run.organization],
        run=identity,
        unit=rows.unit,
        claimed_at=session.now,
        lease_until=session.lease_until,
        sending=False,
        origins=orjson.dumps([rows.origins[place] for place in order.tolist()]),
    )


def _replacing(session: Session, run: int, keys: Hashes, versions: Numbers) -> Mask:
    """Tell which claims are new or newer than the run's own before them, which give way."""
    own = ClaimsOf(session, keys, claims.c.run == run)
    newer: Mask = own.there & (versions > own.rows["versions"])
    give_way(session, own, newer, np.full(len(keys), run))
    return newer | ~own.there


def acquire(session: Session, run: Run, unit: str, keys: Collection[str]) -> Acquired:
    """Decide which of ``keys`` the unit may send now, and mark it as being sent.

    One transaction at a time acquires in an organization: of two runs that ask at once, the later one sees what the
    earlier one decided.
    """
    identity = names.find_run(session, run)
    organization = names.find(session, "organization", run.organization)
    if identity is None or organization is None:
        return Acquired({}, {}, {}, frozenset(keys))
    session.lock_number(_LOCK, organization)
    of_unit = and_(claims.c.run == identity, claims.c.unit == unit)
    session.lock(select(claims.c.id).where(of_unit).order_by(claims.c.id))
    hashes, ordered = hashed(keys)
    own = ClaimsOf(session, hashes, of_unit)
    of_run = own if own.there.all() else ClaimsOf(session, hashes, claims.c.run == identity)
    wanted = own.there & (own.rows["yielded_to"] != identity)
    waiting, yielding = _contest(session, own, wanted, _rivals(session, organization, identity, run.sync))
    held: dict[str, int] = {}
    if not waiting.any():
        give_way(session, own, (yielding != 0) & (own.rows["yielded_to"] == 0), yielding)
        session.execute(update(claims).where(of_unit).values(sending=True, lease_until=session.lease_until))
        held = _named(ordered, own.rows["sequences"], wanted & (yielding == 0))
    called = names.run_names(session, np.union1d(waiting, yielding).tolist())
    return Acquired(
        held,
        {key: called[rival] for key, rival in _named(ordered, yielding, yielding != 0).items()},
        {key: called[rival] for key, rival in _named(ordered, waiting, waiting != 0).items()},
        frozenset(compress(ordered, (~of_run.there).tolist())),
    )


def elsewhere(session: Session, run: Run, keys: Sequence[str]) -> set[str]:
    """Return those of ``keys`` on which another run of the sync has a live claim."""
    organization = names.find(session, "organization", run.organization)
    identity = names.find_run(session, run) or 0
    if organization is None or not _others_at_work(session, identity):  # as a rule
        return set()
    hashes, ordered = hashed(keys)
    busy = np.zeros(len(hashes), bool)
    for rival, same_sync in _rivals(session, organization, identity, run.sync):
        if same_sync:
            busy |= ClaimsOf(session, hashes, claims.c.run == rival).live
    return set(compress(ordered, busy.tolist()))


def release(session: Session, run: int, unit: str | None = None) -> None:
    """Give up the claims of a run, or of one of its units."""
    given = claims.c.run == run if unit is None else and_(claims.c.run == run, claims.c.unit == unit)
    session.lock(select(claims.c.id).where(given).order_by(claims.c.id))
    session.execute(delete(claims).where(given))


def purge(session: Session) -> None:
    """Drop the claims of any run whose lease ran out, but for those another transaction is at work on."""
    expired = select(claims.c.id).where(claims.c.lease_until <= session.now)
    session.execute(delete(claims).where(claims.c.id.in_(expired.with_for_update(skip_locked=True))))


def _others_at_work(session: Session, run: int) -> bool:
    """Tell whether there is a claim of another run, without a look at the many of this one."""
    sides = (claims.c.run < run, claims.c.run > run)
    return any(session.execute(select(claims.c.id).where(side).limit(1)).first() is not None for side in sides)


def _rivals(session: Session, organization: int, run: int, sync: str) -> Iterator[tuple[int, bool]]:
    """Yield the other runs with a live lease, and whether each is of the same sync."""
    if not _others_at_work(session, run):
        return
    live = and_(claims.c.organization == organization, claims.c.run != run, claims.c.lease_until > session.now)
    same_sync = runs.c.sync == names.find(session, "sync", sync)
    query = select(claims.c.run, same_sync).join(runs, runs.c.id == claims.c.run).where(live)
    for rival, same in session.execute(query.distinct().order_by(claims.c.run)).all():
        yield rival, bool(same)


def _contest(
    session: Session, own: ClaimsOf, taking_part: Mask, rivals: Iterator[tuple[int, bool]]
) -> tuple[Numbers, Numbers]:
    """Return for each key the run to wait for, and the run to give way to; 0 for none.

    Runs of other syncs write other parts of a data row: they are waited for, so that lists are merged in turn, but
    their versions say nothing about ours. What this unit is sending already, under a live lease, a retry of it keeps,
    so that it can finish.
    """
    waiting = np.zeros(len(own.keys), np.int64)
    yielding = np.where(taking_part, own.rows["yielded_to"], 0)
    contested = taking_part & (yielding == 0)
    best = own.rows.copy()
    for rival, same_sync in rivals:
        theirs = ClaimsOf(session, own.keys, claims.c.run == rival)
        waiting[contested & theirs.sending] = rival
        if same_sync:
            wins = contested & theirs.live & ~theirs.sending & ~own.sending & theirs.outranks(best)
            best[wins] = theirs.rows[wins]
            yielding[wins] = rival
    yielding[waiting != 0] = 0
    return waiting, yielding


def _named(keys: Sequence[str], values: Numbers, wanted: Mask) -> dict[str, int]:
    return dict(zip(compress(keys, wanted.tolist()), values[wanted].tolist(), strict=True))
