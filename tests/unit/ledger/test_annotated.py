"""What a sync knows of the annotations it has imported, and that one run at a time imports them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.ledger.conftest import Clock

from labelbox_airflow.engine.ledger import AnnotatedRow, Ledger, Owner, Run

OWNER = Owner("org", "boxes")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def row(job: str | None, marks: dict[int, int] | None) -> AnnotatedRow:
    return AnnotatedRow(job, marks, MOMENT, MOMENT + timedelta(minutes=1))


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    rows = {"a": row("job1", {5: 6, -3: 2**62}), "b": row("job1", {}), "c": row(None, {1: 1})}
    ledger.put_annotated(OWNER, "project", rows)
    return ledger


def test_what_was_put_is_read_by_key(filled: Ledger) -> None:
    assert filled.annotated(OWNER, "project", ["a", "c", "unknown"]) == {
        "a": row("job1", {-3: 2**62, 5: 6}),
        "c": row(None, {1: 1}),
    }


def test_other_syncs_and_other_targets_are_known_apart(filled: Ledger) -> None:
    assert filled.annotated(OWNER, "other project", ["a"]) == {}
    assert filled.annotated(Owner("org", "other"), "project", ["a"]) == {}
    filled.put_annotated(OWNER, "other project", {"a": row("job2", {9: 9})})
    assert filled.annotated(OWNER, "project", ["a"])["a"].marks == {5: 6, -3: 2**62}


def test_the_rows_of_an_import_are_found_and_can_be_marked_as_to_be_sent_again(filled: Ledger) -> None:
    assert set(filled.annotated_by(OWNER, "project", ["job1"])) == {"a", "b"}
    assert filled.unsent_annotated(OWNER, "project") == {}
    filled.doubt_annotated(OWNER, "project", ["job1"])
    assert filled.unsent_annotated(OWNER, "project") == {"a": row("job1", None), "b": row("job1", None)}
    assert filled.annotated(OWNER, "project", ["c"])["c"].marks == {1: 1}
    filled.put_annotated(OWNER, "project", {"a": row("job2", {1: 2})})
    assert set(filled.unsent_annotated(OWNER, "project")) == {"b"}


def test_a_lease_is_held_by_one_run_until_it_is_given_up_or_runs_out(ledger: Ledger, clock: Clock) -> None:
    first, second = Run("org", "boxes", "first"), Run("org", "boxes", "second")
    assert ledger.take_lease(first, "annotations") is None
    assert ledger.take_lease(first, "annotations") is None
    assert ledger.take_lease(second, "annotations") == "first"
    ledger.release_lease(second, "annotations")  # not its own
    assert ledger.take_lease(second, "annotations") == "first"
    ledger.release_lease(first, "annotations")
    assert ledger.take_lease(second, "annotations") is None
    clock.now += timedelta(days=1)
    assert ledger.take_lease(first, "annotations") is None
    assert ledger.take_lease(Run("org", "another sync", "second"), "annotations") is None


def test_a_run_that_has_ended_holds_no_lease(ledger: Ledger, begin: Callable[..., Run]) -> None:
    run, next_run = begin("r1"), begin("r2")
    assert ledger.take_lease(run, "annotations") is None
    ledger.finish_run(run, state="failed", rows_read=0, rows_filtered=0, watermark=None)
    assert ledger.take_lease(next_run, "annotations") is None
