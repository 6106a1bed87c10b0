"""Runs that fail on their way: what they say, and that the next attempt ends as if nothing had happened."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.e2e.conftest import Deployment, row

from labelbox_airflow.triggers.tasks import LabelboxTaskTrigger

DAY = datetime(2026, 1, 2, tzinfo=UTC)
NEXT_DAY = datetime(2026, 1, 3, tzinfo=UTC)
ROWS = [row(number, colour="red") for number in range(5)]


@pytest.fixture
def hasty(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A deployment that does not wait for Labelbox to come back, with a sync of two units."""
    connection = json.loads(deployment.labelbox.airflow_connection())
    connection["extra"] |= {"patience": 0, "timeout": 5}
    monkeypatch.setenv("AIRFLOW_CONN_LABELBOX_DEFAULT", json.dumps(connection))
    colour = {"column": "colour", "kind": "string", "new_field": "add"}
    deployment.add_sync(units={"rows": 3}, rows__metadata={f"{deployment.name} colour": colour})
    deployment.put_table(ROWS)
    return deployment


@pytest.mark.parametrize(
    ("operation", "plan", "task"),
    [
        ("GetOrganizationPyApi", {}, "ensure"),
        ("CreateDatasetPyApi", {"effect": "after"}, "gate"),
        ("UpsertCustomMetadataSchemaPyApi", {"effect": "after"}, "gate"),
        ("uploadFile", {"status": 503}, "upload"),
        ("upsertDataRows", {}, "upload"),
        ("upsertDataRows", {"effect": "after"}, "upload"),
        ("successesfulDataRowImports", {"status": 502}, "upload"),
        ("failedDataRowImports", {}, "upload"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())) or "cut",
)
def test_labelbox_gone_in_the_middle_is_said_and_made_up_for(
    hasty: Deployment, operation: str, plan: dict[str, Any], task: str
) -> None:
    hasty.fault(operation, times=9, **plan)

    ran = hasty.run("rows", DAY)

    assert ran.state == "failed"
    assert ran.failure.task == task
    assert not ran.failure.final
    assert "connection 'labelbox_default'" in ran.failure.message
    assert ran.failures[-1].task == "report"
    assert ran.failures[-1].final
    assert f"The log of {task}" in ran.failures[-1].message
    hasty.labelbox.admin("DELETE", "faults")
    assert hasty.watermark("rows") is None

    again = hasty.run_well("rows", DAY, again=True)
    assert again.id == ran.id
    assert again.outcomes in ({"created": 5}, {"unchanged": 5}, {"created": 2, "unchanged": 3})
    assert len(hasty.data_rows() or ()) == 5
    assert hasty.watermark("rows") == "2026-01-02"
    with hasty.changes() as changes:
        assert hasty.run_well("rows", NEXT_DAY).outcomes == {"unchanged": 5}
    assert changes == {}


def test_a_retry_finds_the_rows_whose_answer_was_lost(hasty: Deployment) -> None:
    hasty.fault("upsertDataRows", effect="after")

    ran = hasty.run("rows", DAY, retries=1)

    assert [(failure.task, failure.final) for failure in ran.failures] == [("upload", False)]
    assert (ran.state, ran.outcomes) == ("success", {"created": 5})
    assert len(hasty.data_rows() or ()) == 5


def test_a_task_that_fails_at_labelbox_is_sent_again(hasty: Deployment) -> None:
    hasty.fault("upsertDataRows", task="failed")
    hasty.fault("upsertDataRows", task="drop_rows", every=2)

    ran = hasty.run("rows", DAY, retries=2)

    assert [(failure.task, failure.final) for failure in ran.failures] == [("upload", False)]
    assert "as FAILED" in ran.failure.message
    assert ran.state == "success"
    assert ran.counts["read"] == sum(ran.outcomes.values()) == 5
    assert ran.states["upload"] == ["success"] * 2
    assert len(hasty.data_rows() or ()) == ran.outcomes["created"]
    assert len(hasty.rejected("rows")) == ran.outcomes.get("rejected", 0)


def test_a_refused_key_is_said_once_and_never_shown(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    connection = json.loads(deployment.labelbox.airflow_connection()) | {"password": "an-api-key-that-was-revoked"}
    deployment.add_sync()
    deployment.put_table(ROWS)
    deployment.run_well("rows", DAY)
    right = deployment.labelbox.airflow_connection()
    monkeypatch.setenv("AIRFLOW_CONN_LABELBOX_DEFAULT", json.dumps(connection))

    ran = deployment.run("rows", DAY, again=True, retries=3)

    assert [(failure.task, failure.final) for failure in ran.failures] == [("ensure", True), ("report", True)]
    assert "connection 'labelbox_default'" in ran.failure.message
    assert "API key" in ran.failure.message
    assert ran.states["extract"] == ran.states["upload"] == ["upstream_failed"]
    assert ran.state == "failed"  # although all that was extracted before is settled
    assert "an-api-key-that-was-revoked" not in "".join(capfd.readouterr())

    monkeypatch.setenv("AIRFLOW_CONN_LABELBOX_DEFAULT", right)
    assert deployment.run_well("rows", DAY, again=True).outcomes == {"unchanged": 5}


def test_an_extraction_that_failed_half_way_holds_back_no_other_run(deployment: Deployment) -> None:
    deployment.add_sync(sources__rows__uri=f"s3://{deployment.name}/*.csv", rows__version="version")
    deployment.put_table([row(1, version=5), row(2, version=5)], "a.csv")
    deployment.put_table([row(3)], "b.csv")
    ran = deployment.run("rows", DAY, retries=2)
    assert [failure.task for failure in ran.failures] == ["extract", "report"]
    assert ran.failure.message.startswith(f"s3://{deployment.name}/b.csv: there is no column 'version'")

    deployment.put_table([row(1, version=3), row(2, version=5)], "a.csv")
    deployment.put_table([row(3, version=3)], "b.csv")

    assert deployment.run_well("rows", NEXT_DAY).outcomes == {"created": 3}
    assert deployment.run_well("rows", DAY, again=True).outcomes == {"unchanged": 3}
    assert len(deployment.data_rows() or ()) == 3


def test_a_task_that_ends_at_once_is_settled_without_deferring(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A trigger that fires before Airflow has noted the deferral makes the upload fail, so none is made for it.
    monkeypatch.setattr(LabelboxTaskTrigger, "__init__", lambda *_, **__: pytest.fail("the upload was deferred"))
    deployment.add_sync()
    deployment.put_table(ROWS)
    assert deployment.run_well("rows", DAY).outcomes == {"created": 5}


def test_a_task_that_takes_longer_is_waited_for_in_the_triggerer(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    real = LabelboxTaskTrigger.serialize

    def serialize(self: LabelboxTaskTrigger) -> tuple[str, dict[str, Any]]:
        made.append(self.labelbox_task_id)
        return real(self)

    monkeypatch.setattr(LabelboxTaskTrigger, "serialize", serialize)
    monkeypatch.setattr("labelbox_airflow.operators.data_rows.FIRST_LOOK", 0.0)
    deployment.labelbox.admin("POST", "switches", {"task_seconds": 2.0})
    deployment.add_sync()
    deployment.put_table(ROWS)
    try:
        assert deployment.run_well("rows", DAY).outcomes == {"created": 5}
    finally:
        deployment.labelbox.admin("POST", "switches", {"task_seconds": 0.0})
    assert made
