"""A whole deployment on one machine: Airflow on SQLite, an S3 server and the local Labelbox, with the sample data."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from labelbox_local.stack import LocalLabelbox, ObjectStore

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "include" / "samples"


@dataclass(frozen=True)
class Deployment:
    """What an end-to-end test works with; the bucket, dataset, ledger and staging are the test's own.

    :param syncs: directory of the sync files, with a copy of the sample sync
    """

    store: ObjectStore
    labelbox: LocalLabelbox
    bucket: str
    syncs: Path
    staging: Path
    ledger_url: str

    def put(self, key: str, body: bytes) -> None:
        """Store an object in the bucket."""
        self.store.put(self.bucket, key, body)

    def edit_table(self) -> None:
        """Replace the sample table by the one of a day later."""
        self.put("tables/receipts.csv", (SAMPLES / "edited" / "receipts.csv").read_bytes())

    def run(self, sync: str, logical_date: datetime, conf: dict[str, Any] | None = None, *, retries: int = 0) -> DagRun:
        """Run the DAG of a sync through Airflow, in this process; a daily run reads the day before its date."""
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(ROOT / "dags")
        assert bag.import_errors == {}
        dag = bag.dags[sync]
        for task in dag.tasks:
            task.retries = retries
        return dag.test(logical_date=logical_date, run_conf=conf)

    def report(self, sync: str) -> dict[str, Any]:
        """Return the report of the sync's run that ended last."""
        newest = max(self.staging.glob(f"{sync}/*/report.json"), key=lambda path: path.stat().st_mtime_ns)
        report: dict[str, Any] = json.loads(newest.read_text())
        return report


@pytest.fixture
def deployment(
    airflow_home: Path,
    object_store: ObjectStore,
    local_labelbox: LocalLabelbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Deployment:
    """A deployment whose private bucket holds the sample data, and which Labelbox may read."""
    name = f"receipts-{uuid4().hex[:12]}"
    object_store.create_bucket(name)
    object_store.put_directory(name, SAMPLES / "receipts")
    local_labelbox.delegate_access(name, object_store, name)
    syncs = tmp_path / "syncs"
    syncs.mkdir()
    sample = (ROOT / "include" / "syncs" / "receipts.yaml").read_text()
    # Tests share one Labelbox, so each has a dataset and keys of its own.
    sample = sample.replace("name: Receipts\n", f"name: {name}\n")
    sample = sample.replace("receipts/{image_id}", f"{name}/{{image_id}}")
    (syncs / "receipts.yaml").write_text(sample)
    made = Deployment(
        object_store, local_labelbox, name, syncs, tmp_path / "staging", f"sqlite:///{tmp_path}/ledger.db"
    )
    settings = {
        "AIRFLOW_CONN_AWS_DEFAULT": object_store.airflow_connection(),
        "AIRFLOW_CONN_LABELBOX_DEFAULT": local_labelbox.airflow_connection(),
        "AIRFLOW__LABELBOX__LEDGER": made.ledger_url,
        "AIRFLOW__LABELBOX__STAGING": made.staging.as_uri(),
        "LABELBOX_SYNCS_DIR": str(syncs),
        "RECEIPTS_BUCKET": name,
        "RECEIPTS_INTEGRATION": name,
        "RECEIPTS_REGION": object_store.region,
    }
    for variable, value in settings.items():
        monkeypatch.setenv(variable, value)
    assert os.environ["AIRFLOW_HOME"] == str(airflow_home)
    return made
