"""Rows that wait in the ledger, on every database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from labelbox_airflow.engine.errors import DataIOError
from labelbox_airflow.engine.ledger import Ledger, Run, WaitingRow

START = datetime(2026, 3, 1, tzinfo=UTC)
Begin = Callable[..., Run]


def row(key: str, version: int = 1, source: int = 1) -> WaitingRow:
    return WaitingRow(key, version, source, f"t.csv line {version}", f"{key}/{version}/{source}")


def waiting(ledger: Ledger, run: Run) -> dict[str, str]:
    """Return what a run would try again, by key."""
    return {row.global_key: row.row for page in ledger.each_waiting(run, page=2) for row in page}


def end(ledger: Ledger, run: Run, state: Any = "success") -> None:
    ledger.finish_run(run, state=state, rows_read=0, rows_filtered=0, watermark=None)


def test_rows_wait_for_their_sync_and_organization_alone(ledger: Ledger, begin: Begin) -> None:
    ledger.wait(begin("r1"), [row(key) for key in "cabde"])
    next_run = begin("r2")

    assert list(waiting(ledger, next_run)) == list("abcde")
    assert ledger.count_waiting(next_run) == 5
    assert waiting(ledger, begin("r2", sync="other")) == {}
    assert waiting(ledger, begin("r3", organization="other")) == {}
    (found,) = ledger.waiting(next_run, ["a", "x"]).values()
    assert found == WaitingRow("a", 1, 1, "t.csv line 1", "", START)


def test_a_run_does_not_try_what_it_has_put_there_itself(ledger: Ledger, begin: Begin) -> None:
    run = begin("r1")
    ledger.wait(run, [row("a")])
    assert waiting(ledger, run) == {}
    assert ledger.waiting(run, ["a"])["a"].put_here
    assert waiting(ledger, begin("r1")) == {}  # run again, it meets the row in its source
    assert waiting(ledger, Run("org", "receipts", "not begun")) == {"a": "a/1/1"}


@pytest.mark.parametrize(
    ("second", "kept"),
    [
        (row("a", 4), "a/5/1"),
        (row("a", 5, 1), "a/5/1"),
        (row("a", 5, 2), "a/5/2"),
        (row("a", 6), "a/6/1"),
    ],
)
def test_an_older_row_gives_way_and_the_key_waits_since_it_came(
    ledger: Ledger, begin: Begin, clock: Any, second: WaitingRow, kept: str
) -> None:
    ledger.wait(begin("r1"), [row("a", 5)])
    clock.advance(timedelta(days=3))
    ledger.wait(begin("r2"), [second])

    later = begin("r3")
    assert waiting(ledger, later) == {"a": kept}
    assert ledger.waiting(later, ["a"])["a"].first_seen == START


def test_of_rows_put_at_once_the_newest_stays(ledger: Ledger, begin: Begin) -> None:
    ledger.wait(begin("r1"), [row("a", 2), row("a", 3), row("a", 1)])
    assert waiting(ledger, begin("r2")) == {"a": "a/3/1"}


def test_a_wait_is_over_once_the_run_that_ended_it_is_well(ledger: Ledger, begin: Begin) -> None:
    ledger.wait(begin("r1"), [row("a"), row("b"), row("c", 9)])
    run = begin("r2")

    ledger.end_wait(run, {"a": 1, "c": 8, "unknown": 1})

    assert ledger.waiting(run, ["a"])["a"].ended
    assert list(waiting(ledger, begin("r3"))) == ["a", "b", "c"]
    end(ledger, run, "failed")
    assert list(waiting(ledger, begin("r3"))) == ["a", "b", "c"]
    end(ledger, run)
    assert list(waiting(ledger, begin("r3"))) == ["b", "c"]  # c is newer than what was attached
    assert list(waiting(ledger, begin("r2"))) == ["a", "b", "c"]  # cleared, and run again


def test_a_key_whose_wait_was_over_waits_anew(ledger: Ledger, begin: Begin, clock: Any) -> None:
    ledger.wait(begin("r1"), [row("a", 5), row("b", 5)])
    run = begin("r2")
    ledger.end_wait(run, {"a": 5, "b": 5})
    clock.advance(timedelta(days=3))

    ledger.wait(run, [row("a", 4), row("b", 5)])
    end(ledger, run)

    found = ledger.waiting(begin("r3"), ["a", "b"])
    assert (found["a"].version, found["a"].first_seen) == (4, START + timedelta(days=3))
    assert (found["b"].version, found["b"].first_seen) == (5, START)  # the same row, put back


def test_pruning_forgets_waits_that_are_over(ledger: Ledger, begin: Begin, clock: Any) -> None:
    ledger.wait(begin("r1"), [row(key) for key in "abcd"])
    well, broken = begin("r2"), begin("r3")
    ledger.end_wait(well, {"a": 1})
    ledger.end_wait(broken, {"b": 1})
    end(ledger, Run("org", "receipts", "r1"))
    end(ledger, well)
    end(ledger, broken, "failed")
    clock.advance(timedelta(days=40))
    late = begin("r4")
    ledger.end_wait(late, {"c": 1})
    end(ledger, late)

    ledger.prune(clock.now - timedelta(days=30))

    assert list(waiting(ledger, Run("org", "receipts", "not begun"))) == ["b", "d"]
    # Runs that are gone give their numbers to others, which must not take the rows for theirs.
    assert [list(waiting(ledger, begin(f"r{n}"))) for n in range(5, 9)] == [["b", "d"]] * 4
    assert list(waiting(ledger, begin("r4"))) == ["b", "c", "d"]


def test_waiting_is_part_of_a_transaction(ledger: Ledger, begin: Begin) -> None:
    run = begin("r1")

    def broken() -> None:
        with ledger.transaction() as transaction:
            transaction.wait(run, [row("a")])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert waiting(ledger, begin("r2")) == {}


def test_many_rows_in_bulk(ledger: Ledger, begin: Begin) -> None:
    keys: Sequence[str] = [f"key {n:05d}" for n in range(20_000)]
    ledger.wait(begin("r1"), [row(key) for key in keys])
    run = begin("r2")
    assert sum(len(page) for page in ledger.each_waiting(run)) == 20_000
    ledger.end_wait(run, dict.fromkeys(keys[:15_000], 1))
    end(ledger, run)
    assert ledger.count_waiting(begin("r3")) == 5000


def test_what_cannot_be_kept_is_refused(ledger: Ledger, begin: Begin) -> None:
    with pytest.raises(DataIOError, match="cannot be kept"):
        ledger.wait(begin("r1"), [row("k" * 201)])
    with pytest.raises(DataIOError, match="has not begun"):
        ledger.wait(Run("org", "receipts", "never"), [row("a")])
    ledger.wait(Run("org", "receipts", "never"), [])
    ledger.end_wait(Run("org", "receipts", "never"), {})
