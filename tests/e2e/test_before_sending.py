"""What happens before anything is sent: a dry run shows the plan, and guards stop a run that looks wrong."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.e2e.conftest import Deployment, row

DAY = datetime(2026, 1, 2, tzinfo=UTC)
NEXT_DAY = datetime(2026, 1, 3, tzinfo=UTC)


def kept(deployment: Deployment) -> tuple[list[str], list[str]]:
    """Return all that ledger and staging hold."""
    with closing(sqlite3.connect(deployment.ledger_url.removeprefix("sqlite:///"))) as ledger:
        return list(ledger.iterdump()), sorted(str(path) for path in deployment.staging.rglob("*"))


def test_a_dry_run_prints_the_plan_and_changes_nothing(
    deployment: Deployment, capfd: pytest.CaptureFixture[str]
) -> None:
    field = f"{deployment.name} colour"
    colour = {"column": "colour", "kind": "enum", "new_field": "add", "new_options": "add"}
    deployment.add_sync(rows__metadata={field: colour})
    rows = [row(number, colour="red") for number in range(3)]
    deployment.put_table(rows)
    deployment.run_well("rows", DAY)
    held, before = deployment.data_rows(), kept(deployment)
    edited = [rows[0], row(1, colour="blue"), row(2, colour="red"), row(7, colour="red"), row(8, colour="red")]
    edited[2]["url"] = "https://images.example.com/two.jpg"
    deployment.put_table([*edited, {**row(9, colour="red"), "url": "/home/me/9.jpg"}])
    capfd.readouterr()

    with deployment.changes() as changes:
        ran = deployment.run("rows", NEXT_DAY, dry_run=True)

    assert ran.state == "success"
    assert ran.failures == []
    assert ran.states == {
        "ensure": ["success"],
        "extract": ["success"],
        "gate": ["success"],
        "upload": ["skipped"],
        "report": ["skipped"],
    }
    printed = capfd.readouterr().out
    for line in (
        "6 rows read",
        f"2 would be created, e.g. {deployment.name}/0007, {deployment.name}/0008",
        f"2 would be updated (metadata 1, row_data 1), e.g. {deployment.name}/0001, {deployment.name}/0002",
        "1 unchanged",
        "0 superseded",
        "1 rejected",
        "row_data = '/home/me/9.jpg'",
        f"metadata field '{field}': options blue would be added",
        "calls to Labelbox; nothing was written",
    ):
        assert line in printed, line
    assert changes == {}
    assert deployment.data_rows() == held
    assert kept(deployment) == before

    wet = deployment.run_well("rows", NEXT_DAY)
    assert wet.outcomes == {"created": 2, "updated": 2, "unchanged": 1, "rejected": 1}


def test_a_dry_run_makes_no_dataset_and_fails_where_the_run_would(
    deployment: Deployment, capfd: pytest.CaptureFixture[str]
) -> None:
    deployment.add_sync()
    deployment.put_table([row(1)])

    assert deployment.run("rows", DAY, dry_run=True).state == "success"
    assert "(the dataset would be created)" in capfd.readouterr().out
    assert deployment.data_rows() is None

    deployment.add_sync(rows__external_id="nmae")
    ran = deployment.run("rows", DAY, dry_run=True)
    assert "there is no column 'nmae'" in ran.failure.message
    assert ran.state == "failed"
    assert deployment.data_rows() is None


@pytest.mark.parametrize(
    ("guard", "message"),
    [
        ({"max_rejected": 1}, "2 of 5 rows were rejected, more than guard.max_rejected: 1."),
        ({"max_rejected": "30%"}, "2 of 5 rows were rejected, more than guard.max_rejected: 30%."),
        ({"min_rows": 6}, "5 rows were read, fewer than guard.min_rows: 6."),
        ({"max_new_rows": 2}, "3 data rows would be created, more than guard.max_new_rows: 2."),
    ],
)
def test_a_guard_stops_the_run_before_the_first_row_is_sent(
    deployment: Deployment, guard: dict[str, Any], message: str
) -> None:
    deployment.add_sync(guard=guard)
    deployment.put_table([*(row(number) for number in range(3)), row(8, url="C:\\8.jpg"), row(9, url="")])

    with deployment.changes() as changes:
        ran = deployment.run("rows", DAY, retries=2)

    assert [(failure.task, failure.final) for failure in ran.failures] == [("gate", True), ("report", True)]
    assert message in ran.failure.message
    assert ran.state == "failed"
    assert changes == {}
    assert deployment.data_rows() is None
    report = deployment.report("rows")
    assert (report["read"], report["outcomes"]["rejected"], report["unsettled"]) == (5, 2, 3)
    assert deployment.watermark("rows") is None

    # The limit is raised: the rows are not held back by the run that was stopped, and it can be run again too.
    deployment.add_sync()
    assert deployment.run_well("rows", NEXT_DAY).outcomes == {"created": 3, "rejected": 2}
    assert deployment.run_well("rows", DAY, again=True).outcomes == {"unchanged": 3, "rejected": 2}
