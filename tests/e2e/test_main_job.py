"""The main job: a table is loaded, nothing changes, edits arrive; and what the runs tell Airflow and people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from tests.e2e.conftest import OUTCOMES, SAMPLES, Deployment, row

if TYPE_CHECKING:
    from labelbox_airflow.engine.ledger import DeadLetter

FIRST_DAY = datetime(2026, 1, 6, tzinfo=UTC)
SECOND_DAY = datetime(2026, 1, 7, tzinfo=UTC)
TASKS = ("ensure", "extract", "gate", "upload", "report")


def newest_event(sync: str) -> dict[str, Any]:
    """Return what the last asset event of a sync says."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    with create_session() as session:
        events = select(AssetEvent).where(AssetEvent.source_dag_id == sync).order_by(AssetEvent.id.desc())
        event = session.scalars(events).first()
        assert event is not None
        return dict(event.extra)


def letters(deployment: Deployment, run_id: str, sync: str) -> list[DeadLetter]:
    from labelbox_airflow.engine.api.datasets import organization_id
    from labelbox_airflow.engine.ledger import Run

    with deployment.ledger() as ledger:
        return list(ledger.dead_letters(Run(organization_id(deployment.transport()), sync, run_id)))


def test_load_then_nothing_new_then_edits(deployment: Deployment) -> None:
    deployment.add_sample()

    first = deployment.run_well("receipts", FIRST_DAY)
    assert first.outcomes == {"created": 24}
    assert first.states == {task: ["success"] for task in TASKS}
    held = deployment.data_rows()
    assert held is not None
    assert len(held) == 24
    one = held["0001"]
    assert one["data_row"]["external_id"] == "images/0001.png"
    assert {f["schema_name"] for f in one["metadata_fields"]} >= {"country", "store", "total", "captureDateTime"}
    assert {a["name"] for a in one["attachments"]} == {"thumbnail", "transcript"}
    assert [len(e["values"][0]["value"]) for e in one["embeddings"]] == [32]  # from the joined Parquet file

    with deployment.changes() as changes:
        second = deployment.run_well("receipts", FIRST_DAY)
    assert second.outcomes == {"unchanged": 24}
    assert second.states["upload"] == ["skipped"]
    assert changes == {}
    assert deployment.data_rows() == held

    deployment.put("tables/receipts.csv", (SAMPLES / "edited" / "receipts.csv").read_bytes())
    third = deployment.run_well("receipts", SECOND_DAY)
    expected = {"created": 3, "updated": 2, "unchanged": 22, "rejected": 3}
    assert third.outcomes == expected
    report = deployment.report("receipts")
    assert report["outcomes"] == {**dict.fromkeys(OUTCOMES, 0), **expected}
    assert {name: third.counts[name] for name in OUTCOMES} == report["outcomes"]
    assert newest_event("receipts") == {"read": 30, **report["outcomes"]}
    assert str(third.counts["report"]).endswith("/report.json")
    why = {letter.code: letter for letter in letters(deployment, third.id, "receipts")}
    assert sorted(why) == ["bad_number", "no_match", "ragged_line"]
    assert why["bad_number"].origin == f"s3://{deployment.name}/tables/receipts.csv line 29"
    assert "metadata.total = 'twelve'" in why["bad_number"].reason
    assert [letter["code"] for letter in deployment.rejected("receipts")] == list(why)
    held = deployment.data_rows()
    assert held is not None
    assert len(held) == 27
    assert deployment.watermark("receipts") == "2026-01-07"


def test_rows_of_several_units_are_uploaded_by_as_many_tasks(deployment: Deployment) -> None:
    deployment.add_sync(units={"rows": 2})
    deployment.put_table([row(number) for number in range(5)])

    ran = deployment.run_well("rows", FIRST_DAY)

    assert ran.outcomes == {"created": 5}
    assert ran.states["upload"] == ["success"] * 3
    assert sorted(deployment.data_rows() or ()) == [f"{number:04d}" for number in range(5)]
