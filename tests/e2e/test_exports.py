"""Labels leave Labelbox in the DAG of a Python author: exported once, and written as tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from tests.e2e.conftest import Deployment, Ran, row
from tests.e2e.test_annotations import add_sync, coco

from labelbox_airflow.sinks.files import open_target
from labelbox_airflow.training import open_release

DAY = datetime(2026, 1, 2, tzinfo=UTC)
STEP = timedelta(days=1)
DAG_FILE = """
from datetime import datetime

from airflow.sdk import DAG
from labelbox_airflow.operators.groups import export_task_group

with DAG("exports", schedule=None, start_date=datetime(2026, 1, 1)):
    export_task_group("labels_out", export={export}, tables={tables}, merges={merges})
"""


@pytest.fixture
def run_exports(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Return what runs the DAG; rows 1 and 2 are in the project, the first with a label."""
    from airflow.dag_processing.dagbag import DagBag

    add_sync(deployment, annotations={"from": "boxes", "as": "labels"})
    deployment.put_table([row(1), row(2)])
    deployment.put("coco/a.json", coco(deployment, [(1, "Total", [3, 1, 10, 10]), (1, "Total", [5, 1, 10, 10])]))
    deployment.run_well("rows", DAY)
    folder = tmp_path / "dags"
    folder.mkdir()
    local = {"name": "own", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle"}
    bundles = json.dumps([{**local, "kwargs": {"path": str(folder)}}])
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", bundles)

    def run(date: datetime, tables: object, merges: object = None, **export: object) -> Ran:
        text = DAG_FILE.format(export={"project": deployment.name, **export}, tables=tables, merges=merges)
        (folder / "exports.py").write_text(text)
        bag = DagBag(folder)
        assert bag.import_errors == {}
        monkeypatch.setattr(Deployment, "dag", lambda self, sync: bag.dags[sync])
        return deployment.run("exports", date)

    return run


def test_labels_become_tables(deployment: Deployment, run_exports: Callable[..., Ran], tmp_path: Path) -> None:
    tables = {
        "boxes": {"records": "annotations", "to": f"{tmp_path}/boxes", "format": "parquet"},
        "labels": {"records": "labels", "to": f"{tmp_path}/labels.csv", "objects": "count"},
        "rows": {
            "records": "rows",
            "to": f"s3://{deployment.name}/rows.parquet",
            "connection": "aws_default",
            "split": {"ratios": {"train": 1.0}},
        },
    }
    merges = {"boxes": {"records": "annotations", "to": "main.boxes", "database": f"{tmp_path}/labels.duckdb"}}
    ran = run_exports(DAY, tables, merges, include=["label_details", "metadata", "data_row_details"])
    assert (ran.state, ran.failures) == ("success", [])

    boxes = open_release(f"{tmp_path}/boxes").to_pandas(["global_key", "class", "geometry"])
    assert sorted(each["left"] for each in boxes["geometry"]) == [3, 5]
    assert set(boxes["global_key"]) == {f"{deployment.name}/0001"}
    with duckdb.connect(f"{tmp_path}/labels.duckdb") as database:
        merged = database.execute('SELECT geometry."left" FROM boxes ORDER BY 1').fetchall()
    assert merged == [(3.0,), (5.0,)]
    assert "objects_Total" in (tmp_path / "labels.csv").read_text().splitlines()[0]
    target = open_target(f"s3://{deployment.name}/rows.parquet", "aws_default")
    with target.file_system.open(target.path) as file:
        stored = pq.read_table(file)
    assert sorted(stored["global_key"].to_pylist()) == [f"{deployment.name}/000{number}" for number in (1, 2)]
    assert set(stored["split"].to_pylist()) == {"train"}


@pytest.mark.parametrize(
    ("export", "tables", "said"),
    [
        ({"project": "Nowhere"}, {}, "export.project: Labelbox has no project named 'Nowhere'"),
        ({"filters": {"workflow_state": "Done"}}, {}, "Did you mean 'workflow_status'?"),
        ({}, {"boxes": {"records": "boxes", "to": "x.csv"}}, "table: records: Input should be"),
        (
            {},
            {"rows": {"records": "rows", "to": "s3://nowhere-at-all/x.csv", "connection": "aws_default"}},
            "nowhere-at-all",
        ),
    ],
)
def test_what_cannot_be_exported_is_said(
    run_exports: Callable[..., Ran], export: object, tables: object, said: str
) -> None:
    ran = run_exports(DAY, tables, **export)  # type: ignore[arg-type]
    assert ran.state == "failed"
    assert said in ran.failure.message
