"""Who may send which key."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest

from labelbox_airflow.engine.errors import DataIOError
from labelbox_airflow.engine.fingerprint import text_fingerprints
from labelbox_airflow.engine.ledger import Acquired, Claim, ClaimedRows, Ledger, Run

Begin = Callable[..., Run]
SEVEN_HOURS = timedelta(hours=7)


def claim(sequence: int = 1, version: int = 10, unit: str = "u1") -> Claim:
    return Claim(unit, sequence, version, 99, f"s3://b/rows.csv line {sequence}")


def test_a_lone_unit_holds_its_keys_and_a_retry_holds_them_again(ledger: Ledger, begin: Begin) -> None:
    run = begin()
    ledger.claim(run, {"a": claim(1), "b": claim(2)})
    assert ledger.acquire(run, "u1", ["a", "b"]) == Acquired({"a": 1, "b": 2}, {}, {})
    assert ledger.acquire(run, "u1", ["a", "b"]) == Acquired({"a": 1, "b": 2}, {}, {})
    assert ledger.claims(run, ["a", "x"]) == {"a": claim(1)}


def test_only_a_newer_duplicate_replaces_an_own_claim(ledger: Ledger, begin: Begin) -> None:
    run = begin()
    ledger.claim(run, {"a": claim(1), "b": claim(2), "c": claim(3)})
    ledger.claim(run, {"a": claim(4, version=11, unit="u2"), "b": claim(5, unit="u2"), "c": claim(6, version=9)})
    assert ledger.acquire(run, "u1", ["a", "b", "c"]) == Acquired({"b": 2, "c": 3}, {}, {})
    assert ledger.acquire(run, "u2", ["a", "b"]) == Acquired({"a": 4}, {}, {})


def test_the_newer_version_wins_over_runs(ledger: Ledger, begin: Begin, clock: object) -> None:
    old, new = begin("old"), begin("new")
    ledger.claim(new, {"k": claim(version=11)})
    ledger.claim(old, {"k": claim(version=10), "free": claim(2)})
    assert ledger.acquire(old, "u1", ["k", "free"]) == Acquired({"free": 2}, {"k": "receipts/new"}, {})
    assert ledger.claims(old, ["k", "free"]) == {"free": claim(2)}
    assert ledger.acquire(new, "u1", ["k"]).held == {"k": 1}


def test_of_equal_versions_the_later_claim_wins(ledger: Ledger, begin: Begin, clock) -> None:
    first, second = begin("first"), begin("second")
    ledger.claim(second, {"k": claim()})
    clock.advance(timedelta(seconds=1))
    ledger.claim(first, {"k": claim()})
    assert ledger.acquire(second, "u1", ["k"]).superseded == {"k": "receipts/first"}
    assert ledger.acquire(first, "u1", ["k"]).held == {"k": 1}


def test_claims_of_one_moment_have_one_winner(ledger: Ledger, begin: Begin) -> None:
    runs = [begin("a"), begin("b"), begin("c")]
    for run in runs:
        ledger.claim(run, {"k": claim()})
    assert [bool(ledger.acquire(run, "u1", ["k"]).held) for run in runs].count(True) == 1


def test_the_greatest_rival_is_the_one_named(ledger: Ledger, begin: Begin) -> None:
    for run_id, version in (("a", 12), ("b", 14), ("c", 13)):
        ledger.claim(begin(run_id), {"k": claim(version=version)})
    mine = begin("mine")
    ledger.claim(mine, {"k": claim(version=11)})
    assert ledger.acquire(mine, "u1", ["k"]).superseded == {"k": "receipts/b"}


def test_a_newer_row_of_another_sync_takes_nothing_away_but_is_waited_for(ledger: Ledger, begin: Begin) -> None:
    rows, facts = begin("a"), begin("a", sync="facts")
    ledger.claim(rows, {"k": claim(version=10)})
    ledger.claim(facts, {"k": claim(version=99)})
    assert ledger.claimed_elsewhere(rows, ["k"]) == set()
    assert ledger.acquire(rows, "u1", ["k"]).held == {"k": 1}
    assert ledger.acquire(facts, "u1", ["k"]).waiting == {"k": "receipts/a"}
    ledger.settle(rows, "u1", counts={"created": 1}, rejected=())
    assert ledger.acquire(facts, "u1", ["k"]).held == {"k": 1}


def test_while_another_run_sends_a_key_nothing_is_held(ledger: Ledger, begin: Begin) -> None:
    sender, newer, late = begin("sender"), begin("newer"), begin("late")
    ledger.claim(sender, {"k": claim(version=10)})
    ledger.acquire(sender, "u1", ["k"])
    ledger.claim(newer, {"lost": claim(version=30)})
    ledger.claim(late, {"k": claim(1, version=20), "free": claim(2), "lost": claim(3)})
    keys = ["k", "free", "lost"]
    waiting = Acquired({}, {"lost": "receipts/newer"}, {"k": "receipts/sender"})
    assert ledger.acquire(late, "u1", keys) == waiting
    assert ledger.acquire(late, "u1", keys) == waiting
    third = begin("third")
    ledger.claim(third, {"free": claim(5, version=1)})
    assert ledger.acquire(third, "u1", ["free"]).waiting == {}, "a unit that waits must not hold up others"
    ledger.settle(sender, "u1", counts={"created": 1}, rejected=[])
    assert ledger.acquire(late, "u1", keys) == Acquired({"k": 1, "free": 2}, {"lost": "receipts/newer"}, {})


def test_a_retry_keeps_what_it_is_sending_although_a_newer_claim_came(ledger: Ledger, begin: Begin) -> None:
    sender, newer = begin("sender"), begin("newer")
    ledger.claim(sender, {"k": claim(version=10)})
    ledger.acquire(sender, "u1", ["k"])
    ledger.claim(newer, {"k": claim(version=20)})
    assert ledger.acquire(sender, "u1", ["k"]).held == {"k": 1}
    assert ledger.acquire(newer, "u1", ["k"]).waiting == {"k": "receipts/sender"}


def test_a_retry_gets_the_same_answer_after_the_winner_has_gone(ledger: Ledger, begin: Begin) -> None:
    old, new = begin("old"), begin("new")
    ledger.claim(old, {"k": claim(), "free": claim(2)})
    ledger.claim(new, {"k": claim(version=11)})
    first = ledger.acquire(old, "u1", ["k", "free"])
    ledger.finish_run(new, state="success", rows_read=1, rows_filtered=0, watermark=None)
    assert ledger.acquire(old, "u1", ["k", "free"]) == first
    assert first.superseded == {"k": "receipts/new"}


def test_a_claim_that_gave_way_holds_nobody_up(ledger: Ledger, begin: Begin) -> None:
    low, middle, high = begin("low"), begin("middle"), begin("high")
    for run, version in ((low, 1), (middle, 2), (high, 3)):
        ledger.claim(run, {"k": claim(version=version)})
    ledger.acquire(middle, "u1", ["k"])
    ledger.finish_run(high, state="failed", rows_read=1, rows_filtered=0, watermark=None)
    assert ledger.acquire(low, "u1", ["k"]).held == {"k": 1}


def test_dead_runs_hold_nobody_up(ledger: Ledger, begin: Begin, clock) -> None:
    dead = begin("dead")
    ledger.claim(dead, {"k": claim(version=50), "s": claim(2, version=50)})
    ledger.acquire(dead, "u1", ["s"])
    run = begin("run")
    clock.advance(SEVEN_HOURS)
    ledger.claim(run, {"k": claim(), "s": claim(2)})
    assert ledger.acquire(run, "u1", ["k", "s"]) == Acquired({"k": 1, "s": 2}, {}, {})
    begin("third")
    assert ledger.claims(dead, ["k", "s"]) == {}
    assert ledger.acquire(dead, "u1", ["k", "s"]).unclaimed == {"k", "s"}


def test_acquiring_renews_the_lease(ledger: Ledger, begin: Begin, clock) -> None:
    run, rival = begin("run"), begin("rival")
    ledger.claim(run, {"k": claim()})
    for _ in range(3):
        clock.advance(timedelta(hours=5))
        assert ledger.acquire(run, "u1", ["k"]).held == {"k": 1}
    ledger.claim(rival, {"k": claim(version=11)})
    assert ledger.acquire(rival, "u1", ["k"]).waiting == {"k": "receipts/run"}


def test_claims_released_by_the_end_of_the_run_are_told_apart_from_duplicates(ledger: Ledger, begin: Begin) -> None:
    run = begin()
    ledger.claim(run, {"k": claim(), "d": claim(2)})
    ledger.claim(run, {"d": claim(3, version=11, unit="u2")})
    assert ledger.acquire(run, "u1", ["k", "d", "never"]) == Acquired({"k": 1}, {}, {}, frozenset({"never"}))
    ledger.finish_run(run, state="failed", rows_read=3, rows_filtered=0, watermark=None)
    assert ledger.acquire(run, "u1", ["k", "d"]).unclaimed == {"k", "d"}
    ledger.claim(run, {"k": claim()})
    assert ledger.acquire(run, "u1", ["k"]).held == {"k": 1}


def test_beginning_again_wipes_the_claims_of_that_run_only(ledger: Ledger, begin: Begin) -> None:
    one, two = begin("one"), begin("two")
    for run in (one, two):
        ledger.claim(run, {"k": claim()})
    begin("one")
    assert ledger.claims(one, ["k"]) == {}
    assert ledger.claims(two, ["k"]) == {"k": claim()}


def test_organizations_do_not_compete(ledger: Ledger, begin: Begin) -> None:
    here, there = begin("here", organization="a"), begin("there", organization="b")
    for run in (here, there):
        ledger.claim(run, {"k": claim()})
        assert ledger.acquire(run, "u1", ["k"]).held == {"k": 1}


def test_settling_a_unit_releases_its_claims_only(ledger: Ledger, begin: Begin) -> None:
    run = begin()
    ledger.claim(run, {"a": claim(1), "b": claim(2, unit="u2")})
    ledger.settle(run, "u1", counts={}, rejected=[])
    assert set(ledger.claims(run, ["a", "b"])) == {"b"}


def test_a_run_must_begin_before_it_claims(ledger: Ledger) -> None:
    with pytest.raises(DataIOError, match="has not begun"):
        ledger.claim(Run("org", "receipts", "never"), {"k": claim()})


def test_claims_made_page_by_page_are_found_together(ledger: Ledger, begin: Begin, clock) -> None:
    pages = [{f"k{page}-{n}": claim(10 * page + n) for n in range(3)} for page in range(40)]
    keys = [key for page in pages for key in page]
    first, second = begin("first"), begin("second")
    for run in (first, second):
        for page in pages:
            ledger.claim(run, page, repeats=False)
        clock.advance(timedelta(seconds=1))

    assert ledger.claims(first, [*keys, "other"]) == {key: wish for page in pages for key, wish in page.items()}
    assert ledger.claimed_elsewhere(first, [*keys, "other"]) == set(keys)
    assert ledger.acquire(first, "u1", keys).superseded == dict.fromkeys(keys, "receipts/second")
    assert ledger.claims(first, keys) == {}
    assert ledger.acquire(second, "u1", keys).held == {
        key: wish.sequence for page in pages for key, wish in page.items()
    }


def test_rows_claimed_in_columns_are_claims_like_others(ledger: Ledger, begin: Begin) -> None:
    run, keys = begin(), ["b", "a", "c"]
    columns = (np.array(numbers, np.int64) for numbers in ((7, 8, 9), (10, 20, 30), (-1, 0, 2**63 - 1)))
    ledger.claim_rows(run, ClaimedRows("u1", text_fingerprints(keys), *columns, ["o 1", "o 2", "o 3"]))
    assert ledger.claims(run, ["c", "b"]) == {
        "b": Claim("u1", 7, 10, -1, "o 1"),
        "c": Claim("u1", 9, 30, 2**63 - 1, "o 3"),
    }
    assert ledger.acquire(run, "u1", keys).held == {"b": 7, "a": 8, "c": 9}


@dataclass
class Wish:
    """A claim in the model."""

    claim: Claim
    at: int
    sending: bool = False
    gave_way_to: str | None = None


def decided(claims: dict[str, dict[str, Wish]], runs: dict[str, Run], asking: str, unit: str) -> Acquired:
    """Decide key by key what `acquire` decides in columns, all leases being live."""
    own = {key: wish for key, wish in claims[asking].items() if wish.claim.unit == unit}
    waiting: dict[str, str] = {}
    yielding = {key: wish.gave_way_to for key, wish in own.items() if wish.gave_way_to}
    for key, mine in own.items():
        rivals = [(name, theirs[key]) for name, theirs in claims.items() if name != asking and key in theirs]
        rivals = [(name, wish) for name, wish in rivals if not wish.gave_way_to]
        ranked = {name: (wish.claim.version, wish.at) for name, wish in rivals if runs[name].sync == runs[asking].sync}
        greater = [name for name in ranked if ranked[name] > (mine.claim.version, mine.at)]
        sending = [name for name, wish in rivals if wish.sending]
        if mine.gave_way_to:
            continue
        if sending:
            (waiting[key],) = sending
        elif greater and not mine.sending:
            yielding[key] = max(greater, key=ranked.__getitem__)
    if not waiting:
        for key, mine in own.items():
            mine.gave_way_to = yielding.get(key)
            mine.sending = key not in yielding
    called = {name: f"{run.sync}/{run.run_id}" for name, run in runs.items()}
    held = {} if waiting else {key: wish.claim.sequence for key, wish in own.items() if key not in yielding}
    return Acquired(
        held,
        {key: called[name] for key, name in yielding.items()},
        {key: called[name] for key, name in waiting.items()},
    )


@pytest.mark.parametrize("seed", range(25))
def test_it_agrees_with_a_model_that_looks_at_each_key(ledger: Ledger, begin: Begin, clock, seed: int) -> None:
    chance = random.Random(seed)
    runs = {name: begin(name, sync=sync) for name, sync in (("a", "x"), ("b", "x"), ("c", "x"), ("d", "y"))}
    claims: dict[str, dict[str, Wish]] = {name: {} for name in runs}
    steps = [(name, unit) for name in runs for unit in ("u1", "u2")] * 3
    chance.shuffle(steps)
    for number, (name, unit) in enumerate(steps):
        if (name, unit) in steps[:number]:
            continue  # claimed before: the rest of the steps only acquire
        keys = chance.sample("abcdefgh", chance.randrange(1, 8))
        wished = {key: claim(100 * number + n, chance.randrange(3), unit) for n, key in enumerate(keys)}
        clock.advance(timedelta(seconds=1))
        ledger.claim(runs[name], wished)
        for key, wish in wished.items():
            if key not in claims[name] or wish.version > claims[name][key].claim.version:
                claims[name][key] = Wish(wish, number)
    for name, unit in steps:
        keys = sorted(key for key, wish in claims[name].items() if wish.claim.unit == unit)
        elsewhere = [key for key in claims[name] if key not in keys]
        expected = decided(claims, runs, name, unit)
        assert ledger.acquire(runs[name], unit, [*keys, *elsewhere]) == expected
        kept = {key: wish.claim for key, wish in claims[name].items() if not wish.gave_way_to}
        assert ledger.claims(runs[name], "abcdefgh") == kept
        if chance.random() < 0.2:
            ledger.settle(runs[name], unit, counts={}, rejected=[])
            claims[name] = {key: wish for key, wish in claims[name].items() if wish.claim.unit != unit}


def test_runs_that_race_never_send_a_key_together_and_none_is_lost(ledger_url: str) -> None:
    """Four runs over the same keys, in opposite orders: each key is sent by its newest run, one run at a time."""
    keys = [f"k{i}" for i in range(40)]
    sending: dict[str, str] = {}
    sent: dict[str, list[int]] = {key: [] for key in keys}
    clashes: list[str] = []
    guard = threading.Lock()
    start = threading.Barrier(4)

    def send(ledger: Ledger, held: dict[str, int], run: Run, version: int) -> None:
        with guard:
            clashes.extend(key for key in held if key in sending)
            sending.update(dict.fromkeys(held, run.run_id))
        ledger.intend(run, "any", "upsert", "content")
        with guard:
            for key in held:
                sent[key].append(version)
                sending.pop(key, None)

    def work(index: int, ledger: Ledger) -> None:
        run = Run("org", "receipts", f"run{index}")
        ordered = keys if index % 2 else keys[::-1]
        ledger.begin_run(run, window_start=None, window_end=None, spec_hash="h")
        start.wait(30)
        for number in range(0, 40, 10):
            unit, part = f"u{number}", ordered[number : number + 10]
            ledger.claim(run, {key: Claim(unit, 0, index, 0, "o") for key in part})
            acquired = ledger.acquire(run, unit, part)
            while acquired.waiting:
                acquired = ledger.acquire(run, unit, part)
            send(ledger, acquired.held, run, index)
            ledger.settle(run, unit, counts={"created": len(acquired.held)}, rejected=[])

    failures: list[BaseException] = []

    def guarded(index: int) -> None:
        try:
            with Ledger(ledger_url) as ledger:
                work(index, ledger)
        except BaseException as error:
            failures.append(error)
            start.abort()

    threads = [threading.Thread(target=guarded, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failures == []
    assert clashes == []
    assert [key for key, versions in sent.items() if 3 not in versions] == []


def test_a_claim_that_comes_while_another_run_acquires_does_not_share_the_key(
    ledger_url: str, ledger: Ledger, clock
) -> None:
    keys = [f"k{i}" for i in range(300)]
    old, new = Run("org", "receipts", "old"), Run("org", "receipts", "new")
    held: dict[str, set[str]] = {}

    def acquire(run: Run, opened: Ledger, start: threading.Barrier, version: int) -> None:
        start.wait(30)
        if run is new:
            opened.claim(run, {key: claim(version=version) for key in keys[-5:]})
        held[run.run_id] = set(opened.acquire(run, "u1", keys).held)

    with Ledger(ledger_url, clock=clock) as other:
        for _ in range(12):
            held.clear()
            for run in (old, new):
                ledger.begin_run(run, window_start=None, window_end=None, spec_hash="h")
            ledger.claim(old, {key: claim() for key in keys})
            start = threading.Barrier(2)
            threads = [
                threading.Thread(target=acquire, args=(old, ledger, start, 0)),
                threading.Thread(target=acquire, args=(new, other, start, 11)),
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            assert set(held) == {"old", "new"}, "both came to an end"
            assert held["old"] & held["new"] == set()
