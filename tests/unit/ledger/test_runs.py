"""Runs, outcomes, the journal and watermarks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy
import orjson
import pytest

from labelbox_airflow.engine.errors import DataIOError
from labelbox_airflow.engine.ledger import Ledger, Run, RunState
from labelbox_airflow.engine.records import Rejected

Begin = Callable[..., Run]
HOUR = timedelta(hours=1)


def rejected(reason: str = "is no number", **changes: object) -> Rejected:
    values = {"origin": "s3://b/rows.csv line 3", "stage": "map", "code": "wrong_type", "reason": reason} | changes
    return Rejected(**values)


def finish(ledger: Ledger, run: Run, watermark: datetime | None = None) -> None:
    ledger.finish_run(run, state="success", rows_read=5, rows_filtered=2, watermark=watermark)


def test_a_run_tells_how_it_began_and_ended(ledger: Ledger, clock) -> None:
    run, start = Run("org", "receipts", "r1"), clock.now
    assert ledger.run_state(run) is None
    ledger.begin_run(run, window_start=start - HOUR, window_end=start, spec_hash="abc")
    assert ledger.run_state(run) == RunState(start, start - HOUR, start, "abc", None, None, None, "running")
    clock.advance(HOUR)
    ledger.finish_run(run, state="failed", rows_read=5, rows_filtered=2, watermark=None)
    assert ledger.run_state(run) == RunState(start, start - HOUR, start, "abc", 5, 2, start + HOUR, "failed")


def test_syncs_may_share_a_run_id(ledger: Ledger, begin: Begin) -> None:
    one, two = begin("r1", sync="one"), begin("r1", sync="two")
    ledger.settle(one, "u1", counts={"created": 1}, rejected=[])
    assert ledger.tallies(two) == {}


def test_beginning_again_leaves_nothing_of_the_first_attempt(ledger: Ledger, begin: Begin) -> None:
    run = begin()
    ledger.settle(run, "extract", counts={"rejected": 1}, rejected=[rejected()])
    ledger.intend(run, "u1", "upsert", "c")
    finish(ledger, run)
    begin()
    assert (ledger.tallies(run), ledger.dead_letters(run), ledger.journal(run, "u1", "upsert")) == ({}, [], None)
    assert ledger.run_state(run).state == "running"
    assert ledger.run_state(run).finished_at is None


def test_settling_again_replaces_that_part_only(ledger: Ledger, begin: Begin) -> None:
    run = begin()
    ledger.settle(run, "u1", counts={"created": 5, "rejected": 2}, rejected=[rejected("a"), rejected("b")])
    ledger.settle(run, "u2", counts={"updated": 1, "rejected": 1}, rejected=[rejected("c")])
    ledger.settle(run, "u1", counts={"unchanged": 6, "rejected": 1}, rejected=[rejected("d")])
    assert ledger.tallies(run) == {"u1": {"unchanged": 6, "rejected": 1}, "u2": {"updated": 1, "rejected": 1}}
    letters = [(letter.part, letter.sequence, letter.reason) for letter in ledger.dead_letters(run)]
    assert letters == [("u1", 0, "d"), ("u2", 0, "c")]


def test_dead_letters_come_in_order_and_limited(ledger: Ledger, begin: Begin) -> None:
    run = begin()
    for part in ("b", "B", "a"):
        ledger.settle(run, part, counts={"rejected": 12}, rejected=[rejected(f"{part}{i}") for i in range(12)])
    ordered = [f"{part}{i}" for part in "Bab" for i in range(12)]
    assert [letter.reason for letter in ledger.dead_letters(run)] == ordered
    assert [letter.reason for letter in ledger.dead_letters(run, limit=14)] == ordered[:14]


def test_a_dead_letter_keeps_everything_and_any_value(ledger: Ledger, begin: Begin) -> None:
    run = begin()
    row = {"n": Decimal("1.50"), "day": date(2026, 1, 2), "big": 2**80, "bad": "\ud800", "vector": numpy.arange(2)}
    letter = rejected(field="metadata.n", value="nul\0\ud800", global_key="k", row=row)
    ledger.settle(run, "u1", counts={"rejected": 1}, rejected=[letter])
    (kept,) = ledger.dead_letters(run)
    assert (kept.field, kept.value, kept.global_key) == ("metadata.n", "nul␀\\ud800", "k")
    assert {**kept.row, "vector": None} == {
        "n": "1.50",
        "day": "2026-01-02",
        "big": str(2**80),
        "bad": "\\ud800",
        "vector": None,
    }


def test_numbers_of_a_dead_letter_stay_numbers_beside_an_odd_value(ledger: Ledger, begin: Begin) -> None:
    run = begin()
    row = {"i": 7, "f": 1.5, "b": True, "none": None, "bad": "\ud800", "list": [1, {"x": 2}]}
    ledger.settle(run, "u1", counts={}, rejected=[rejected(row=row)])
    assert ledger.dead_letters(run)[0].row == {**row, "bad": "\\ud800"}


@pytest.mark.parametrize(
    ("row", "cut", "whole"),
    [
        ({"id": 7, "text": "x" * 100_000}, ["text"], {"id": 7}),
        ({"id": 7, "vector": [0.123456789] * 9000}, ["vector"], {"id": 7}),
        ({"id": 7, "name": "ü" * 50_000, "k": "v"}, ["name"], {"id": 7, "k": "v"}),
    ],
)
def test_a_huge_dead_letter_is_cut_and_says_where(ledger: Ledger, begin: Begin, row, cut, whole) -> None:
    run = begin()
    ledger.settle(run, "u1", counts={}, rejected=[rejected(row=row)])
    kept = dict(ledger.dead_letters(run)[0].row)
    assert kept.pop("__cut__") == cut
    assert all(kept.pop(name).endswith("…") for name in cut)
    assert kept == whole


def test_a_dead_letter_of_very_many_columns_stays_under_the_limit(ledger: Ledger, begin: Begin) -> None:
    run = begin()
    ledger.settle(run, "u1", counts={}, rejected=[rejected(row={f"column-{i}": "v" * 20 for i in range(20_000)})])
    kept = ledger.dead_letters(run)[0].row
    assert len(orjson.dumps(kept)) <= 64 * 1024
    assert kept["column-0"] == "v" * 20
    assert kept["__cut__"][-1] == "…"


def test_equal_intent_keeps_its_time_and_task_and_counts_attempts(ledger: Ledger, begin: Begin, clock) -> None:
    run, first = begin(), clock.now
    ledger.intend(run, "u1", "upsert", "hash1")
    ledger.submitted(run, "u1", "upsert", "task1")
    clock.advance(HOUR)
    ledger.intend(run, "u1", "upsert", "hash1")
    entry = ledger.journal(run, "u1", "upsert")
    assert (entry.content, entry.task_id, entry.first_intent_at, entry.attempts) == ("hash1", "task1", first, 2)


def test_a_failed_task_can_be_forgotten(ledger: Ledger, begin: Begin) -> None:
    run = begin()
    ledger.intend(run, "u1", "upsert", "hash1")
    ledger.submitted(run, "u1", "upsert", "task1")
    ledger.submitted(run, "u1", "upsert", None)
    entry = ledger.journal(run, "u1", "upsert")
    assert (entry.content, entry.task_id) == ("hash1", None)


def test_other_content_starts_the_journal_entry_anew(ledger: Ledger, begin: Begin, clock) -> None:
    run = begin()
    ledger.intend(run, "u1", "upsert", "hash1")
    ledger.submitted(run, "u1", "upsert", "task1")
    clock.advance(HOUR)
    ledger.intend(run, "u1", "upsert", "hash2")
    entry = ledger.journal(run, "u1", "upsert")
    assert (entry.content, entry.task_id, entry.first_intent_at, entry.attempts) == ("hash2", None, clock.now, 1)


def test_settling_removes_the_journal_of_its_unit_only(ledger: Ledger, begin: Begin) -> None:
    run = begin()
    for unit in ("u1", "u2"):
        ledger.intend(run, unit, "upsert", "c")
    ledger.settle(run, "u1", counts={}, rejected=[])
    assert ledger.journal(run, "u1", "upsert") is None
    assert ledger.journal(run, "u2", "upsert").task_id is None


def test_a_task_without_an_intent_is_refused(ledger: Ledger, begin: Begin) -> None:
    with pytest.raises(DataIOError, match=r"task1.*Call intend"):
        ledger.submitted(begin(), "u1", "upsert", "task1")


def test_the_watermark_only_grows_and_is_per_sync_and_organization(ledger: Ledger, begin: Begin) -> None:
    run, other = begin(), begin(organization="other", run_id="r2")
    noon = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert ledger.watermark("receipts", "org") is None
    for moment in (noon, noon - HOUR, None):
        finish(ledger, run, moment)
        assert ledger.watermark("receipts", "org") == noon
    finish(ledger, run, noon + HOUR)
    assert ledger.watermark("receipts", "org") == noon + HOUR
    finish(ledger, other, noon)
    assert (ledger.watermark("receipts", "other"), ledger.watermark("else", "org")) == (noon, None)


def test_a_time_without_a_timezone_is_refused_and_nothing_is_written(ledger: Ledger, begin: Begin) -> None:
    run = begin()
    with pytest.raises(ValueError, match="timezone"):
        finish(ledger, run, datetime(2026, 3, 1))
    assert ledger.run_state(run).state == "running"
