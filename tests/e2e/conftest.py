"""A whole deployment on one machine: Airflow on SQLite, an S3 server and the local Labelbox, with the sample data."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import yaml

from labelbox_local.stack import LocalLabelbox, ObjectStore

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.sdk import DAG

    from labelbox_airflow.engine.ledger import Ledger
    from labelbox_airflow.hooks.transport import LabelboxTransport

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "include" / "samples"
OUTCOMES = ("created", "updated", "unchanged", "superseded", "rejected")
SLEEP = time.sleep
# The calls that change what a dataset holds; looking, uploading files and validating an integration are none.
CHANGES = {
    "CreateDatasetPyApi",
    "UpsertDataRowsPyApi",
    "UpsertDataRowMetadataBetaPyApi",
    "DeleteDataRowMetadataBetaPyApi",
    "UpsertCustomMetadataSchemaPyApi",
    "CreateEmbeddingPyApi",
    "SetSignerForDatasetPyApi",
    "importVectors",
}


@dataclass(frozen=True)
class Failure:
    """A try of a task that failed; ``final`` where Airflow was told not to try again."""

    task: str
    message: str
    final: bool


@dataclass(frozen=True)
class Ran:
    """A run that has ended.

    :param states: states of the tasks; those of a mapped task in the order of its instances
    :param counts: what the report task returned; empty where it did not end well
    """

    id: str
    state: str
    states: Mapping[str, Sequence[str]]
    failures: Sequence[Failure]
    counts: Mapping[str, Any]

    @property
    def outcomes(self) -> dict[str, int]:
        """Rows by outcome, those that are none left out."""
        return {name: self.counts[name] for name in OUTCOMES if self.counts.get(name)}

    @property
    def failure(self) -> Failure:
        """The first failure; the tasks after it only say that there was one."""
        return self.failures[0]


@dataclass(frozen=True)
class Deployment:
    """What an end-to-end test works with; the bucket, dataset, ledger and staging are the test's own.

    :param name: name of bucket, dataset and integration, and the beginning of every global key
    :param syncs: directory of the sync files
    """

    store: ObjectStore
    labelbox: LocalLabelbox
    name: str
    syncs: Path
    staging: Path
    ledger_url: str

    def put(self, key: str, body: bytes | str) -> str:
        """Store an object in the bucket and return its URI."""
        self.store.put(self.name, key, body.encode() if isinstance(body, str) else body)
        return f"s3://{self.name}/{key}"

    def put_table(self, rows: Sequence[Mapping[str, Any]], key: str = "rows.csv") -> str:
        """Store rows as a CSV file."""
        return self.put(key, csv_text(rows))

    def add_sync(self, sync: str = "rows", **changes: Any) -> Path:
        """Write a sync file that reads ``rows.csv`` of the bucket; ``changes`` by path, as ``rows__version``."""
        content: dict[str, Any] = {
            "version": 1,
            "name": sync,
            "schedule": {"every": "day", "at": "00:00"},
            "labelbox": {"dataset": {"name": self.name}},
            "sources": {"rows": {"type": "table", "connection": "aws_default", "uri": f"s3://{self.name}/rows.csv"}},
            "rows": {"row_data": "url", "global_key": f"{self.name}/{{id}}"},
        }
        for path, value in changes.items():
            *holders, last = path.split("__")
            holder = content
            for key in holders:
                holder = holder.setdefault(key, {})
            holder[last] = value
        file = self.syncs / f"{sync}.yaml"
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        return file

    def add_sample(self) -> None:
        """Put the sample data into the bucket, let Labelbox read it, and write the sample sync."""
        self.store.put_directory(self.name, SAMPLES / "receipts")
        self.labelbox.delegate_access(self.name, self.store, self.name)
        sample = (ROOT / "include" / "syncs" / "receipts.yaml").read_text()
        # Tests share one Labelbox, so each has a dataset and keys of its own.
        sample = sample.replace("name: Receipts\n", f"name: {self.name}\n")
        sample = sample.replace("receipts/{image_id}", f"{self.name}/{{image_id}}")
        (self.syncs / "receipts.yaml").write_text(sample)

    def dag(self, sync: str) -> DAG:
        """Return the DAG of a sync as Airflow finds it."""
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(ROOT / "dags")
        assert bag.import_errors == {}
        return bag.dags[sync]

    def run(
        self,
        sync: str,
        date: datetime,
        *,
        run_type: str = "scheduled",
        again: bool = False,
        retries: int = 0,
        **params: Any,
    ) -> Ran:
        """Run the DAG of a sync through Airflow, in this process; a daily run reads the day before its date.

        :param again: clear the run of that date, and run it once more under its id
        :param params: what the trigger form says
        """
        dag = self.dag(sync)
        failures: list[Failure] = []
        _prepare(dag, retries, failures)
        with pytest.MonkeyPatch.context() as patch:
            # Where no task is ready yet, dag.test() looks again a second later.
            patch.setattr("time.sleep", lambda seconds: SLEEP(min(seconds, 0.05)))
            patch.setattr("airflow.models.dagrun.get_or_create_dagrun", partial(_dag_run, run_type, again))
            run = dag.test(logical_date=date, run_conf=params)
        states: dict[str, list[str]] = {}
        for ti in sorted(run.get_task_instances(), key=lambda ti: ti.map_index):
            states.setdefault(ti.task_id, []).append(str(ti.state))
        report = next((ti for ti in run.get_task_instances() if ti.task_id.rpartition(".")[2] == "report"), None)
        counts = report.xcom_pull(task_ids=report.task_id) if report is not None and report.state == "success" else None
        return Ran(run.run_id, str(run.state), states, failures, counts or {})

    def run_well(self, sync: str, date: datetime, **options: Any) -> Ran:
        """Run the DAG and see to it that it ended well and counts every row once."""
        ran = self.run(sync, date, **options)
        assert ran.failures == []
        assert ran.state == "success"
        assert sum(ran.outcomes.values()) == ran.counts["read"]
        return ran

    def report(self, sync: str) -> dict[str, Any]:
        """Return the report of the sync's run that ended last."""
        newest = max(self.staging.glob(f"{sync}/*/report.json"), key=lambda path: path.stat().st_mtime_ns)
        report: dict[str, Any] = json.loads(newest.read_text())
        return report

    def rejected(self, sync: str) -> list[dict[str, Any]]:
        """Return the rejected rows of the sync's run that ended last."""
        newest = max(self.staging.glob(f"{sync}/*/rejected.ndjson"), key=lambda path: path.stat().st_mtime_ns)
        return [json.loads(line) for line in newest.read_text().splitlines()]

    def ledger(self) -> closing[Ledger]:
        """Open the ledger, for a ``with`` block."""
        from labelbox_airflow.engine.ledger import Ledger

        return closing(Ledger(self.ledger_url))

    def watermark(self, sync: str) -> str | None:
        """Return up to where the sync has read."""
        from labelbox_airflow.engine.api.datasets import organization_id

        with self.ledger() as ledger:
            moment = ledger.watermark(sync, organization_id(self.transport()))
        return moment.strftime("%Y-%m-%d") if moment is not None else None

    def transport(self) -> LabelboxTransport:
        """Return a way to ask Labelbox."""
        from labelbox_airflow.hooks.labelbox import LabelboxHook

        return LabelboxHook().transport()

    def data_rows(self, dataset: str | None = None) -> dict[str, dict[str, Any]] | None:
        """Return what the dataset holds, by global key without the test's beginning; None where there is none."""
        from labelbox_airflow.engine.api.datasets import find_dataset
        from labelbox_airflow.engine.api.exports import export_dataset

        transport = self.transport()
        found = find_dataset(transport, name=dataset or self.name)
        if found is None:
            return None
        rows = export_dataset(transport, found.id, embeddings=True)
        return {(row["data_row"]["global_key"] or "").removeprefix(f"{self.name}/"): row for row in rows}

    @contextmanager
    def changes(self) -> Iterator[dict[str, int]]:
        """Count the calls of a block that change what Labelbox holds, by operation."""
        self.labelbox.admin("DELETE", "calls")
        counted: dict[str, int] = {}
        yield counted
        operations: dict[str, int] = self.labelbox.admin("GET", "calls")["operations"]
        counted.update({name: count for name, count in operations.items() if name in CHANGES})

    def fault(self, operation: str, **plan: Any) -> None:
        """Plan what happens to the next calls of an operation."""
        self.labelbox.admin("POST", "faults", {"operation": operation, **plan})


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV, with the columns of the first."""
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def row(number: int, **more: Any) -> dict[str, Any]:
    """Return a row of the table that `Deployment.add_sync` reads."""
    return {"id": f"{number:04d}", "url": f"https://images.example.com/{number}.jpg", **more}


def _prepare(dag: DAG, retries: int, failures: list[Failure]) -> None:
    """Have tasks retry without rest, and note why each try failed."""
    from airflow.sdk.exceptions import AirflowFailException

    def note(context: Mapping[str, Any]) -> None:
        error = context["exception"]
        failures.append(Failure(context["ti"].task_id, str(error), isinstance(error, AirflowFailException)))

    options = {
        "retries": retries,
        "retry_delay": timedelta(0),
        "retry_exponential_backoff": 0,
        "on_failure_callback": [note],
        "on_retry_callback": [note],
    }
    for task in dag.tasks:
        if task.is_mapped:
            task.partial_kwargs.update(options)
        else:
            for name, value in options.items():
                setattr(task, name, value)


def _dag_run(run_type: str, again: bool, *, dag: Any, session: Any, **options: Any) -> DagRun:
    """Make the run of a DAG as `dag.test()` would, but of the type asked for, or take the one that is there."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunType
    from sqlalchemy import select

    date = options["logical_date"]
    run = session.scalar(select(DagRun).where(DagRun.dag_id == dag.dag_id, DagRun.logical_date == date))
    if run is not None and again:
        run.state = DagRunState.RUNNING
        run.clear_number += 1
        session.commit()
        run.dag = dag
        return run
    if run is not None:
        session.delete(run)
        session.commit()
    kind = DagRunType(run_type)
    options["run_id"] = kind.generate_run_id(suffix=f"{date.isoformat()}-{uuid4().hex[:6]}")
    made: DagRun = dag.create_dagrun(run_type=kind, state=DagRunState.RUNNING, session=session, **options)
    return made


@pytest.fixture
def deployment(
    airflow_home: Path,
    object_store: ObjectStore,
    local_labelbox: LocalLabelbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Deployment]:
    """A deployment with an empty bucket and no sync file."""
    name = f"e2e-{uuid4().hex[:12]}"
    object_store.create_bucket(name)
    syncs = tmp_path / "syncs"
    syncs.mkdir()
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
    # Airflow keeps the file system of a connection for as long as a process lives; a task has one of its own.
    monkeypatch.setattr("airflow.sdk.io.store._STORE_CACHE", {})
    yield made
    local_labelbox.admin("DELETE", "faults")
