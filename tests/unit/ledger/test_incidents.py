"""What is told of a sync that breaks: once for each kind of failure and channel, once that it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from labelbox_airflow.engine.ledger import Attempt, Incident, Ledger
from labelbox_airflow.engine.ledger.incidents import RECOVERED, SENDING

MAIL, CHAT = "smtp smtp_default a@example.com", "slack slack_default"


def attempt(run_id: str = "r1", number: int | None = 0, sync: str = "receipts") -> Attempt:
    return Attempt(sync, run_id, number)


@pytest.fixture
def fail(ledger: Ledger, clock: Any) -> Any:
    """Have a run fail a minute later, and return the incident."""

    def failed(run_id: str = "r1", kind: str = "labelbox", number: int = 0, catches_up: bool = True) -> Incident:
        clock.advance(timedelta(minutes=1))
        noted = ledger.incidents.failed(attempt(run_id, number), kind, catches_up=catches_up)
        assert noted is not None
        assert noted[1] == kind
        return noted[0]

    return failed


@pytest.fixture
def tell(ledger: Ledger) -> Any:
    """Send a message, and tell whether it was to be sent."""

    def told(incident: Incident, kind: str = "labelbox", channel: str = MAIL, run_id: str = "r1") -> bool:
        if not ledger.incidents.claim(incident, kind, channel, run_id):
            return False
        ledger.incidents.sent(incident, kind, channel)
        return True

    return told


def test_runs_that_fail_one_after_the_other_are_one_incident(ledger: Ledger, fail: Any, tell: Any, clock: Any) -> None:
    opened = fail("r1")
    later = [fail(run_id) for run_id in ("r2", "r3")]

    assert opened.opened_at == clock.now - timedelta(minutes=2)
    assert [(incident.id, incident.run_id, incident.failed_runs) for incident in [opened, *later]] == [
        (opened.id, "r1", 1),
        (opened.id, "r1", 2),
        (opened.id, "r1", 3),
    ]
    assert [tell(incident) for incident in [opened, *later]] == [True, False, False]
    assert fail("r2", number=1).failed_runs == 3  # cleared, and failed again


def test_syncs_have_incidents_of_their_own(ledger: Ledger, fail: Any) -> None:
    opened = fail("r1")
    other = ledger.incidents.failed(attempt("r1", sync="invoices"), "labelbox", catches_up=True)
    assert other is not None
    assert other[0].id != opened.id
    assert other[0].failed_runs == 1
    assert ledger.incidents.succeeded(attempt("r2", sync="nothing"), None) is None


def test_each_kind_is_told_once_through_each_channel(fail: Any, tell: Any) -> None:
    opened = fail("r1", "labelbox")
    assert [tell(opened, "labelbox", channel) for channel in (MAIL, CHAT, MAIL)] == [True, True, False]
    assert [tell(fail(f"r{n}", kind), kind) for n, kind in enumerate(["rejected", "labelbox", "rejected"], 2)] == [
        True,
        False,
        False,
    ]


def test_the_next_run_that_is_well_ends_the_incident_and_says_so_once(
    ledger: Ledger, fail: Any, tell: Any, clock: Any
) -> None:
    opened = fail("r1")
    fail("r2")
    tell(opened)
    clock.advance(timedelta(minutes=1))

    over = ledger.incidents.succeeded(attempt("r3"), clock.now)

    assert over is not None
    assert (over.id, over.opened_at, over.failed_runs) == (opened.id, opened.opened_at, 2)
    assert tell(over, RECOVERED, MAIL)
    assert not tell(over, RECOVERED, MAIL)
    assert not tell(over, RECOVERED, CHAT)  # where nobody knows that it was broken
    assert ledger.incidents.succeeded(attempt("r4"), clock.now) is None
    assert fail("r5").id != opened.id


def test_an_incident_nobody_was_told_of_ends_in_silence(ledger: Ledger, fail: Any, clock: Any) -> None:
    fail("r1")
    assert ledger.incidents.succeeded(attempt("r2"), clock.now) is None
    assert fail("r3").failed_runs == 1


def test_a_run_that_began_before_the_last_failure_ends_only_its_own(
    ledger: Ledger, fail: Any, tell: Any, clock: Any
) -> None:
    began = clock.now
    tell(fail("r1"))
    tell(fail("r2"))
    assert ledger.incidents.succeeded(attempt("r3"), began) is None
    assert not tell(fail("r4"))

    assert ledger.incidents.succeeded(attempt("r4", 1), began) is not None


def test_an_end_that_could_not_be_told_is_told_by_the_next_run(
    ledger: Ledger, fail: Any, tell: Any, clock: Any
) -> None:
    tell(fail("r1"))
    over = ledger.incidents.succeeded(attempt("r2"), clock.now)
    assert over is not None
    assert ledger.incidents.claim(over, RECOVERED, MAIL, "r2")
    ledger.incidents.not_sent(over, RECOVERED, MAIL)

    again = ledger.incidents.succeeded(attempt("r3"), clock.now)

    assert again is not None
    assert again.id == over.id
    assert tell(again, RECOVERED, MAIL, "r3")
    assert ledger.incidents.succeeded(attempt("r4"), clock.now) is None


def test_a_message_that_failed_is_anybodys(ledger: Ledger, fail: Any, tell: Any) -> None:
    incident = fail("r1")
    assert ledger.incidents.claim(incident, "labelbox", MAIL, "r1")
    assert not ledger.incidents.claim(incident, "labelbox", MAIL, "r2")
    ledger.incidents.not_sent(incident, "labelbox", MAIL)
    assert tell(incident, run_id="r2")
    assert not ledger.incidents.claim(incident, "labelbox", MAIL, "r1")


def test_a_message_whose_sender_was_killed_is_its_retrys_at_once_and_anybodys_later(
    ledger: Ledger, fail: Any, clock: Any
) -> None:
    incident = fail("r1")
    assert ledger.incidents.claim(incident, "labelbox", MAIL, "r1")
    assert ledger.incidents.claim(incident, "labelbox", MAIL, "r1")
    clock.advance(SENDING - timedelta(seconds=1))
    assert not ledger.incidents.claim(incident, "labelbox", MAIL, "r2")
    clock.advance(timedelta(seconds=1))
    assert ledger.incidents.claim(incident, "labelbox", MAIL, "r2")


def test_an_attempt_that_is_judged_again_is_the_same_failure(ledger: Ledger, fail: Any, tell: Any, clock: Any) -> None:
    opened = fail("r1", "labelbox")
    noted = ledger.incidents.failed(attempt("r1"), "failed", catches_up=True)
    assert noted is not None
    assert (noted[0].id, noted[0].failed_runs, noted[1]) == (opened.id, 1, "labelbox")

    tell(opened)
    ledger.incidents.succeeded(attempt("r2"), clock.now)
    assert ledger.incidents.failed(attempt("r1"), "labelbox", catches_up=True) is None
    assert fail("r1", number=1).id != opened.id  # cleared since, it fails anew


def test_a_verdict_is_known_by_attempt(ledger: Ledger, fail: Any, clock: Any) -> None:
    assert ledger.incidents.verdict(attempt("r1")) is None
    incident = fail("r1", "source")
    verdict = ledger.incidents.verdict(attempt("r1"))
    assert verdict is not None
    assert (verdict.kind, verdict.incident) == ("source", incident.id)
    assert ledger.incidents.verdict(attempt("r1", 1)) is None
    assert ledger.incidents.verdict(attempt("r1", None)) == verdict

    ledger.incidents.succeeded(attempt("r1", 1), clock.now)
    well = ledger.incidents.verdict(attempt("r1", 1))
    assert well is not None
    assert well.kind is None
    assert ledger.incidents.verdict(attempt("r1")) == well  # word of the first attempt that comes late


def test_runs_that_no_later_run_makes_up_for_are_named_until_they_are_well(
    ledger: Ledger, fail: Any, tell: Any, clock: Any
) -> None:
    tell(fail("scheduled"))
    for number in range(7):
        fail(f"backfill {number}", catches_up=False)
    over = ledger.incidents.succeeded(attempt("backfill 0", 1), clock.now)
    assert over is not None
    assert over.failed_runs == 8
    assert over.not_loaded == tuple(f"backfill {number}" for number in range(1, 6))
    assert over.not_loaded_runs == 6


def test_a_late_run_is_told_once_and_ends_its_incident_itself(ledger: Ledger, fail: Any, tell: Any, clock: Any) -> None:
    began = clock.now
    clock.advance(timedelta(hours=1))
    late = ledger.incidents.late("receipts", "r1", "late")
    assert [tell(late, "late"), tell(late, "late")] == [True, False]
    assert ledger.incidents.verdict(attempt("r1")) is None
    assert late.failed_runs == 0

    over = ledger.incidents.succeeded(attempt("r1"), began)
    assert over is not None
    assert tell(over, RECOVERED)


def test_old_incidents_are_forgotten_once_they_are_over(ledger: Ledger, fail: Any, tell: Any, clock: Any) -> None:
    tell(fail("r1"))
    ledger.incidents.succeeded(attempt("r2"), clock.now)
    open_one = fail("r3")
    tell(open_one)
    clock.advance(timedelta(days=40))

    ledger.prune(clock.now - timedelta(days=30))

    assert ledger.incidents.verdict(attempt("r1")) is None
    assert ledger.incidents.verdict(attempt("r2")) is None
    again = fail("r4")
    assert (again.id, again.failed_runs) == (open_one.id, 2)
    assert not tell(again)
