"""Claims as they are stored: the rows that a run claimed at once lie packed in one row of the table.

Keys are told apart by their 64-bit fingerprints: two keys of one fingerprint would be taken for one (about 3 in 100
million runs of a million rows).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, Row, insert, select, update

from labelbox_airflow.engine.fingerprint import Hashes, text_fingerprints
from labelbox_airflow.engine.ledger.database import Session
from labelbox_airflow.engine.ledger.schema import claims

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_PAGE = 16  # blocks read at a time, of some 10,000 claims each
_PACKED = ("sequences", "versions", "contents", "yielded_to")
_FIELDS = ("block", "place", "run", "claimed_at", *_PACKED)
_COLUMNS = ("id", "run", "claimed_at", "lease_until", "sending", "key_hashes", *_PACKED)


class ClaimsOf:
    """The last claim of one run on each of some keys, column by column.

    :param keys: hashes, ascending and each once
    :param chosen: which rows of the table to look through
    :ivar rows: for each key ``block`` and ``place`` of its claim, ``run``, ``claimed_at`` and what is packed
    :ivar there: whether there is a claim on the key
    :ivar live: whether it holds: its lease has not run out, and it did not give way
    :ivar sending: whether it is live, and its unit is being sent
    """

    def __init__(self, session: Session, keys: Hashes, chosen: ColumnElement[bool]) -> None:
        self.keys = keys
        self.rows = np.zeros(len(keys), [(name, np.int64) for name in _FIELDS])
        leased, sent = np.zeros(len(keys), bool), np.zeros(len(keys), bool)
        for block in _blocks(session, chosen):
            mine = self._add(block)  # in place of what the run has claimed before
            leased[mine] = block.lease_until > session.now
            sent[mine] = block.sending
        self.there: Mask = self.rows["block"] > 0
        self.live: Mask = self.there & leased & (self.rows["yielded_to"] == 0)
        self.sending: Mask = self.live & sent

    def _add(self, block: Row[Any]) -> Numbers:
        """Take a block's claims on the keys; return where they are."""
        mine, theirs = _common(self.keys, numbers(block.key_hashes))
        for name, value in (("block", block.id), ("place", theirs), ("run", block.run)):
            self.rows[name][mine] = value
        self.rows["claimed_at"][mine] = block.claimed_at
        for name in _PACKED:
            packed = getattr(block, name)
            self.rows[name][mine] = 0 if packed is None else numbers(packed)[theirs]
        return mine

    def outranks(self, others: npt.NDArray[np.void]) -> Mask:
        """Tell where these claims win over others: the newer version does, of equal ones the later claim."""
        wins: Mask = np.zeros(len(others), bool)
        for name in ("run", "claimed_at", "versions"):  # claims of one moment have one winner, too
            ours: Numbers = self.rows[name]
            theirs: Numbers = others[name]
            wins = (ours > theirs) | ((ours == theirs) & wins)
        return wins

    def by_block(self, wanted: Mask) -> Iterator[tuple[int, Numbers]]:
        """Yield the blocks with the claims that are wanted, and where in ``rows`` those are."""
        for block in np.unique(self.rows["block"][wanted]).tolist():
            yield block, np.flatnonzero(wanted & (self.rows["block"] == block))


def hashed(keys: Iterable[str]) -> tuple[Hashes, list[str]]:
    """Return the hashes of keys, ascending and each once, and the keys in the same order."""
    texts = np.array(list(keys), object)
    hashes = text_fingerprints(texts)
    order = np.argsort(hashes)
    order = order[np.diff(hashes[order], prepend=hashes[order[:1]] - 1) != 0]
    return hashes[order], texts[order].tolist()


def store(session: Session, keys: Hashes, packed: dict[str, Numbers], **fixed: Any) -> None:
    """Store a block of claims, each key once; ``fixed`` are its other columns."""
    columns = {name: array.tobytes() for name, array in packed.items()}
    session.execute(insert(claims).values(key_hashes=keys.tobytes(), **columns, **fixed))


def give_way(session: Session, own: ClaimsOf, chosen: Mask, runs: Numbers) -> None:
    """Note that the claims that are chosen gave way, each to its run in ``runs``."""
    for block, indices in own.by_block(chosen):
        one = claims.c.id == block
        stored, keys = session.execute(select(claims.c.yielded_to, claims.c.key_hashes).where(one)).one()
        yielded_to = np.zeros(len(numbers(keys)), np.int64) if stored is None else numbers(stored).copy()
        yielded_to[own.rows["place"][indices]] = runs[indices]
        session.execute(update(claims).where(one).values(yielded_to=yielded_to.tobytes()))


def numbers(packed: bytes) -> Numbers:
    """Return what is packed as integers."""
    return np.frombuffer(packed, "<i8")


def _blocks(session: Session, chosen: ColumnElement[bool]) -> Iterator[Row[Any]]:
    """Yield blocks in the order in which they were claimed, a few of them in memory."""
    last = 0
    while True:
        query = select(*(claims.c[name] for name in _COLUMNS)).where(chosen, claims.c.id > last)
        page = session.execute(query.order_by(claims.c.id).limit(_PAGE)).all()
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1].id


def _common(keys: Hashes, others: Hashes) -> tuple[Numbers, Numbers]:
    """Return where keys are that both have: in the one, and in the other. Both ascend."""
    if len(keys) > len(others):
        theirs, mine = _common(others, keys)
        return mine, theirs
    places = np.minimum(np.searchsorted(others, keys), len(others) - 1)
    met = np.flatnonzero(others[places] == keys)
    return met, places[met]
