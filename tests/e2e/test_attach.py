"""Syncs that add to data rows which another has loaded, through Airflow."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import CHANGES, Deployment, Ran, row
from tests.e2e.test_main_job import newest_event

from labelbox_airflow.engine import vectors
from labelbox_airflow.hooks.transport import LabelboxTransport
from labelbox_airflow.syncs.cli import main

DAY = datetime(2026, 1, 2, tzinfo=UTC)
STEP = timedelta(days=1)


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The local Labelbox counts vectors at once."""
    monkeypatch.setattr(vectors, "PATIENCE", 0.0)
    monkeypatch.setitem(vectors.count_vectors.__kwdefaults__, "patience", 0.0)


def attach(deployment: Deployment, **changes: Any) -> dict[str, Any]:
    """Return what the sync of these tests attaches."""
    return {
        "global_key": f"{deployment.name}/{{id}}",
        "missing": "later",
        "metadata": {f"{deployment.name} score": {"column": "score", "kind": "number", "new_field": "add"}},
        "attachments": [{"type": "RAW_TEXT", "name": "caption", "value": "caption"}],
        "embeddings": {deployment.name: {"column": "vector", "dimensions": 2, "new_embedding": "add"}},
        **changes,
    }


def add_attaching(deployment: Deployment, **changes: Any) -> Path:
    source = {"type": "table", "connection": "aws_default", "uri": f"s3://{deployment.name}/extras.csv"}
    sources = {"extras": {**source, "window": {"by": "modified"}}}
    return deployment.add_sync("extras", rows=None, sources=sources, attach=attach(deployment, **changes))


def extra(number: int, **changes: Any) -> dict[str, Any]:
    row = {"id": f"{number:04d}", "score": number / 2, "caption": f"caption {number}", "vector": f"[{number},1]"}
    return {**row, **changes}


def put_extras(deployment: Deployment, rows: Sequence[Mapping[str, Any]]) -> None:
    deployment.put_table(rows, "extras.csv")


def run_whole(deployment: Deployment, sync: str, date: datetime, **params: Any) -> Ran:
    """Run a DAG that reads everything, and see to it that it ended well and every row is counted once."""
    ran = deployment.run(sync, date, **{"full_refresh": True, **params})
    assert ran.failures == []
    assert ran.state == "success"
    return ran


def counted(ran: Ran) -> dict[str, int]:
    counts = {name: count for name, count in ran.counts.items() if isinstance(count, int) and count}
    read = counts.pop("read")
    assert sum(counts.values()) == read
    return counts


def test_one_sync_loads_and_another_attaches(deployment: Deployment, capfd: pytest.CaptureFixture[str]) -> None:
    deployment.add_sync(rows__metadata={"captureDateTime": "taken"})
    add_attaching(deployment)
    deployment.put_table([row(number, taken="2026-01-01") for number in range(2)])
    put_extras(deployment, [extra(number) for number in range(3)])
    deployment.run_well("rows", DAY)

    first = run_whole(deployment, "extras", DAY)

    assert counted(first) == {"updated": 2, "waiting": 1}
    event = newest_event("extras")
    assert (event["read"], event["updated"], event["waiting"]) == (3, 2, 1)
    report = deployment.report("extras")
    assert (report["waiting"], report["left_alone"], report["outcomes"]["updated"]) == (1, 0, 2)
    assert [(v["before"], v["new"], v["after"]) for v in report["vectors"]] == [(0, 2, 2)]
    held = deployment.data_rows()
    assert held is not None
    assert sorted(held) == ["0000", "0001"]
    one = held["0001"]
    values = {field["schema_name"]: field["value"] for field in one["metadata_fields"]}
    assert values == {"captureDateTime": values["captureDateTime"], f"{deployment.name} score": 0.5}
    assert [(a["name"], a["value"]) for a in one["attachments"]] == [("caption", "caption 1")]
    assert [e["values"][0]["value"] for e in one["embeddings"]] == [[1.0, 1.0]]

    capfd.readouterr()
    with closing(sqlite3.connect(deployment.ledger_url.removeprefix("sqlite:///"))) as ledger:
        before = list(ledger.iterdump())
        dry = deployment.run("extras", DAY + STEP, full_refresh=True, dry_run=True)
        assert list(ledger.iterdump()) == before
    assert dry.failures == []
    printed = capfd.readouterr().out
    assert "4 rows read, of which 1 had waited since earlier runs" in printed
    assert f"1 waiting for their data rows, e.g. {deployment.name}/0002" in printed

    with deployment.changes() as changes:
        second = run_whole(deployment, "extras", DAY + STEP)
    assert counted(second) == {"unchanged": 2 + 1, "waiting": 1}  # the row that waits was read again
    assert changes == {}

    deployment.put_table([row(number, taken="2026-01-01") for number in range(3)])
    deployment.run_well("rows", DAY + STEP)
    third = deployment.run("extras", DAY + 2 * STEP)  # reads nothing new
    assert third.failures == []
    assert counted(third) == {"updated": 1}
    held = deployment.data_rows()
    assert held is not None
    assert held["0002"]["attachments"][0]["value"] == "caption 2"


def test_rows_that_waited_do_not_make_up_for_a_source_that_is_empty(deployment: Deployment) -> None:
    deployment.add_sync()
    deployment.put_table([row(0)])
    deployment.run_well("rows", DAY)
    add_attaching(deployment)
    put_extras(deployment, [extra(0), extra(7)])
    run_whole(deployment, "extras", DAY)
    file = add_attaching(deployment)
    file.write_text(file.read_text() + "guard: {min_rows: 1}\n")

    ran = deployment.run("extras", DAY + STEP)

    assert "0 rows were read, fewer than guard.min_rows: 1" in ran.failure.message


def test_the_dataset_has_to_be_there(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    file = add_attaching(deployment)
    put_extras(deployment, [extra(0)])

    ran = deployment.run("extras", DAY)

    assert ran.failure.task == "ensure"
    assert f"Labelbox has no dataset named '{deployment.name}'" in ran.failure.message
    assert deployment.data_rows() is None
    assert main(["check", "--connect", str(file)]) == 1
    assert "A sync that attaches makes none: load its rows first." in capsys.readouterr().out


def test_what_was_attached_by_other_means_is_taken_over(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.add_sync()
    deployment.put_table([row(number) for number in range(3)])
    deployment.run_well("rows", DAY)
    file = add_attaching(deployment)
    put_extras(deployment, [extra(number) for number in range(3)])
    run_whole(deployment, "extras", DAY)
    Path(deployment.ledger_url.removeprefix("sqlite:///")).unlink()

    assert main(["adopt", str(file)]) == 0
    assert f"3 data rows of '{deployment.name}' adopted" in capsys.readouterr().out
    with deployment.changes() as changes:
        assert counted(run_whole(deployment, "extras", DAY + STEP)) == {"unchanged": 3}

    assert changes.keys() & CHANGES == set()


def test_vectors_that_labelbox_loses_fail_the_run_and_are_sent_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.add_sync()
    deployment.put_table([row(number) for number in range(3)])
    deployment.run_well("rows", DAY)
    add_attaching(deployment, metadata={}, attachments=[])
    put_extras(deployment, [extra(number) for number in range(3)])

    with monkeypatch.context() as patch:
        patch.setattr(LabelboxTransport, "put_vectors", lambda *_, **__: None)
        ran = deployment.run("extras", DAY, full_refresh=True)
    assert ran.failure.task == "report"
    assert "3 data rows lack vectors that Labelbox took for them" in ran.failure.message
    assert deployment.watermark("extras") is None

    assert counted(run_whole(deployment, "extras", DAY + STEP)) == {"updated": 3}
    held = deployment.data_rows()
    assert held is not None
    assert all(row["embeddings"] for row in held.values())


DAG_FILE = """
from datetime import datetime

from airflow.sdk import DAG, task
from labelbox_airflow.operators.groups import records_task_group


@task
def vectors():
    import pandas

    return pandas.DataFrame({{"photo": ["0000", "0001"], "vector": [[0.5, 1.0], [1.5, 1.0]]}})


with DAG("nightly_vectors", schedule=None, start_date=datetime(2026, 1, 1)):
    records_task_group(
        "clip",
        dataset={{"name": "{name}"}},
        records=vectors(),
        attach={{
            "global_key": "{name}/{{photo}}",
            "embeddings": {{"{name}": {{"column": "vector", "dimensions": 2, "new_embedding": "add"}}}},
        }},
    )
"""


def test_a_dataframe_of_vectors_in_a_dag_in_python(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.dag_processing.dagbag import DagBag

    deployment.add_sync()
    deployment.put_table([row(number) for number in range(2)])
    deployment.run_well("rows", DAY)
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "nightly.py").write_text(DAG_FILE.format(name=deployment.name))
    bag = DagBag(folder)
    assert bag.import_errors == {}
    monkeypatch.setattr(Deployment, "dag", lambda self, sync: bag.dags[sync])
    local = {"name": "own", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle"}
    bundles = json.dumps([{**local, "kwargs": {"path": str(folder)}}])
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", bundles)

    first = deployment.run("nightly_vectors", DAY)
    second = deployment.run("nightly_vectors", DAY + STEP)

    assert first.failures == second.failures == []
    assert first.states["clip.upload"] == ["success"]
    assert second.states["clip.upload"] == ["skipped"]
    (report,) = (json.loads(path.read_text()) for path in deployment.staging.glob("clip/*2026-01-02*/report.json"))
    assert report["outcomes"]["updated"] == 2
    held = deployment.data_rows()
    assert held is not None
    assert held["0001"]["embeddings"][0]["values"][0]["value"] == [1.5, 1.0]
