"""How the rows of a run ended: a tally and the dead letters of each of its parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from sqlalchemy import delete, literal, select, true, tuple_

from labelbox_airflow.engine.ledger import names
from labelbox_airflow.engine.ledger.database import Session
from labelbox_airflow.engine.ledger.model import DeadLetter, Run
from labelbox_airflow.engine.ledger.schema import dead_letters, tallies
from labelbox_airflow.engine.records import Rejected

MAX_ROW_BYTES = 64 * 1024
MAX_CELL_CHARACTERS = 1000  # what is left of a cell when the row is cut
CUT_MARKER = "__cut__"  # names the columns of a dead letter that are not whole

_TEXTS = ("origin", "stage", "code", "reason", "field", "value", "global_key")
_COLUMNS: dict[str, type] = {"sequence": int, **dict.fromkeys((*_TEXTS, "row"), str)}


def read_tallies(session: Session, run: Run) -> dict[str, dict[str, int]]:
    """Return part → outcome → number of rows."""
    query = select(tallies.c.part, tallies.c.outcome, tallies.c.row_count)
    found: dict[str, dict[str, int]] = {}
    identity = names.find_run(session, run)
    for part, outcome, rows in session.execute(
        query.where(tallies.c.run == identity).order_by(tallies.c.part, tallies.c.outcome)
    ):
        found.setdefault(part, {})[outcome] = rows
    return found


def read_dead_letters(
    session: Session, run: Run, limit: int | None = None, after: DeadLetter | None = None
) -> list[DeadLetter]:
    """Return the rejected rows of a run by part and sequence, ``limit`` of them, those behind ``after``."""
    columns = [dead_letters.c[name] for name in (*_TEXTS, "row", "part", "sequence")]
    query = select(*columns).where(dead_letters.c.run == names.find_run(session, run))
    if after is not None:
        place = tuple_(dead_letters.c.part, dead_letters.c.sequence)
        query = query.where(place > tuple_(literal(after.part), literal(after.sequence)))
    rows = session.execute(query.order_by(dead_letters.c.part, dead_letters.c.sequence).limit(limit))
    return [
        DeadLetter(**dict(zip(_TEXTS, texts, strict=True)), row=orjson.loads(row), part=part, sequence=sequence)
        for *texts, row, part, sequence in rows
    ]


def settle(session: Session, run: int, part: str, counts: Mapping[str, int], rejected: Iterable[Rejected]) -> None:
    """Replace the tally and the dead letters of a part."""
    clear(session, run, part)
    tally = [{"run": run, "part": part, "outcome": name, "row_count": rows} for name, rows in sorted(counts.items())]
    if tally:
        session.execute(tallies.insert(), tally)
    letters = [_stored(sequence, letter) for sequence, letter in enumerate(rejected)]
    if not letters:
        return
    with session.relation(_COLUMNS, letters) as incoming:
        fixed = dead_letters.insert().from_select(
            ["run", "part", *_COLUMNS],
            select(literal(run), literal(part), *(incoming.c[name] for name in _COLUMNS)).where(true()),
        )
        session.execute(fixed)


def clear(session: Session, run: int, part: str | None = None) -> None:
    """Remove the tallies and dead letters of a run, or of one of its parts."""
    for table in (tallies, dead_letters):
        statement = delete(table).where(table.c.run == run)
        session.execute(statement if part is None else statement.where(table.c.part == part))


def _stored(sequence: int, letter: Rejected) -> tuple[Any, ...]:
    texts = (None if text is None else storable(text) for text in (getattr(letter, name) for name in _TEXTS))
    return sequence, *texts, row_text(letter.row)


def storable(text: str) -> str:
    """Return text that every database takes: NUL becomes its symbol, half a surrogate pair its escape."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode(errors="backslashreplace").decode()


def row_text(row: Mapping[str, Any]) -> str:
    """Return a row as JSON text of at most 64 KB; a larger row has its long cells, then its last columns, cut."""
    text = _dumped(row)
    if len(text) <= MAX_ROW_BYTES:
        return text.decode()
    short: dict[str, Any] = {}
    cut: list[str] = []
    room = MAX_ROW_BYTES // 2  # the other half is for the names of what was cut
    for name, value in row.items():
        cell = _dumped(value).decode()
        if len(cell) > MAX_CELL_CHARACTERS:
            value = f"{value if isinstance(value, str) else cell}"[:MAX_CELL_CHARACTERS] + "…"
            cut.append(str(name))
        room -= len(_dumped({str(name): value}))
        if room < 0:
            cut.append(str(name))
            continue
        short[str(name)] = value
    return _dumped({**short, CUT_MARKER: _named_cuts(cut)}).decode()


def _named_cuts(cut: list[str]) -> list[str]:
    kept = list(dict.fromkeys(cut))
    while kept and len(_dumped(kept)) > MAX_ROW_BYTES // 2 - 64:
        kept = [*kept[: len(kept) // 2], "…"]
    return kept


def _dumped(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)
    except (TypeError, ValueError):
        return orjson.dumps(_plain(value), default=str, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    """Return a value with nothing in it that JSON refuses: odd text, integers over 64 bits, unknown classes."""
    if isinstance(value, Mapping):
        return {storable(str(name)): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | bool | None) or (isinstance(value, int) and -(2**63) <= value < 2**64):
        return value
    return storable(str(value))
