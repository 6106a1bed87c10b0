"""Processes that use one ledger at once, on SQLite and on Postgres.

The tests of tests/unit/ledger run on Postgres too in a run that covers this directory.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from typing import TypeVar

import pytest

from labelbox_airflow.engine.ledger import Attempt, Claim, Entry, Ledger, Owner, Run
from labelbox_airflow.engine.ledger.incidents import RECOVERED

Result = TypeVar("Result")

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgres"])

ROUNDS = 15
KEYS = [f"k{number}" for number in range(500)]
WANTED_TWICE = KEYS[-5:]
together: Barrier


def in_processes(count: int, work: Callable[[str, int], Result], url: str) -> list[Result]:
    """Return what `work(url, number)` returns in each of several processes; `together.wait()` makes them meet."""
    context = get_context("fork")
    with ProcessPoolExecutor(
        count, context, initializer=meet_at, initargs=(context.Barrier(count, timeout=60),)
    ) as pool:
        return list(pool.map(work, [url] * count, range(count)))


def meet_at(barrier: Barrier) -> None:
    global together
    together = barrier


def acquire_early_or_late(url: str, number: int) -> list[set[str]]:
    """Return the keys held in each round: process 0 acquires all of them while process 1 claims newer rows of a few."""
    keys = KEYS if number == 0 else WANTED_TWICE
    held = []
    with Ledger(url) as ledger:
        for turn in range(ROUNDS):
            run = Run("org", f"sync{number}", f"run{turn}")
            ledger.begin_run(run, window_start=None, window_end=None, spec_hash="h")
            wanted = {key: Claim("unit", 0, number, 0, "o") for key in keys}
            if number == 0:
                ledger.claim(run, wanted)
            together.wait()
            if number == 1:
                ledger.claim(run, wanted)
            held.append(set(ledger.acquire(run, "unit", keys).held))
            together.wait()
            ledger.finish_run(run, state="success", rows_read=0, rows_filtered=0, watermark=None)
    return held


def put_in_any_order(url: str, number: int) -> None:
    """Put every key in versions that interleave with those of the other processes."""
    order = random.Random(number)
    with Ledger(url) as ledger:
        together.wait()
        for turn in range(ROUNDS):
            version = 10 * turn + number
            entry = Entry("ds", "dr", version, version, version, *[None] * 5)
            ledger.put(Owner("org", "sync"), dict.fromkeys(order.sample(KEYS, len(KEYS)), entry))


def fail_and_recover(url: str, number: int) -> list[tuple[int, bool, bool]]:
    """Return, for each round, the incident of a run that fails here, and whether to tell of it and of its end."""
    told = []
    with Ledger(url) as ledger:
        for turn in range(ROUNDS):
            together.wait()
            failed = ledger.incidents.failed(Attempt("receipts", f"{turn} {number}", 0), "labelbox", catches_up=True)
            assert failed is not None
            incident, kind = failed
            tells = ledger.incidents.claim(incident, kind, "mail", f"{turn} {number}")
            if tells:
                ledger.incidents.sent(incident, kind, "mail")
            together.wait()
            over = ledger.incidents.succeeded(Attempt("receipts", f"well {turn} {number}", 0), None)
            ends = over is not None and ledger.incidents.claim(over, RECOVERED, "mail", f"well {turn} {number}")
            if ends:
                ledger.incidents.sent(incident, RECOVERED, "mail")
            told.append((incident.id, tells, ends))
    return told


def test_of_processes_that_fail_at_once_one_tells_of_it_and_one_of_its_end(ledger_url: str) -> None:
    for turn in zip(*in_processes(4, fail_and_recover, ledger_url), strict=True):
        incidents, tells, ends = zip(*turn, strict=True)
        assert len(set(incidents)) == 1
        assert (sum(tells), sum(ends)) == (1, 1)


def test_of_two_processes_that_acquire_at_once_exactly_one_holds_each_key(ledger_url: str) -> None:
    for first, second in zip(*in_processes(2, acquire_early_or_late, ledger_url), strict=True):
        assert first & second == set()
        assert first | second >= set(WANTED_TWICE)


def test_eight_processes_that_write_at_once_leave_the_newest_version_of_each_key(ledger_url: str) -> None:
    in_processes(8, put_in_any_order, ledger_url)

    with Ledger(ledger_url) as ledger:
        entries = ledger.entries(Owner("org", "sync"), KEYS)
    newest = 10 * (ROUNDS - 1) + 7
    assert set(entries) == set(KEYS)
    assert {entry.version for entry in entries.values()} == {newest}
    assert all(entry.source == entry.row_data is not None for entry in entries.values())  # of one writer each
