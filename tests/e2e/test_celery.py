"""docker-compose.yml as plain processes: Postgres, Redis, FAB, two Celery workers that share no disk, and the sync."""

from __future__ import annotations

import base64
import json
import re
import secrets
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import SystemRandom
from typing import Any

import pytest
import yaml
from labelbox import Client, Dataset
from sqlalchemy import NullPool, create_engine
from tests.e2e.compose import ROOT, Services

from labelbox_local.loopback import is_free
from labelbox_local.postgres import Postgres, _installation
from labelbox_local.stack import ObjectStore

HOST = "127.0.0.1"
WORKERS = ("worker-1", "worker-2")
START_SECONDS, RUN_SECONDS = 300.0, 600.0  # long, for a busy machine: a hang is to end, not to be measured
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def env_file() -> dict[str, str]:
    """Return what .env would say for the profile `local`: new secrets, and what .env.example has for the rest."""
    names = re.findall(r"^(\w+)=$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    chosen = {name: secrets.token_hex(32) for name in names}
    chosen["AIRFLOW_FERNET_KEY"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    _, local = (ROOT / ".env.example").read_text().split("# --- ")
    chosen |= {name: value.strip("'") for name, value in re.findall(r"^#(\w+)=(.+)$", local, re.MULTILINE)}
    return chosen | {"WORKER_CONCURRENCY": "1"}


def free_ports(count: int) -> int:
    """Return the first of some ports in a row that are free, and so are those by which SeaweedFS speaks gRPC."""
    for first in SystemRandom().sample(range(11_000, 21_000), 200):
        if all(is_free(first + number) and is_free(first + 10_000 + number) for number in range(count)):
            return first
    raise AssertionError("no free ports")


class Airflow:
    """Airflow's REST API, as the user that the service `init` made."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self._token = ""
        self._token = self.call("auth/token", {"username": user, "password": password})["access_token"]

    def call(self, path: str, body: Mapping[str, Any] | None = None, method: str | None = None) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{path}", headers=headers, data=data, method=method)
        with _opener.open(request, timeout=120) as answer:
            return json.loads(answer.read())

    def await_dag(self, dag: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while dag not in {found["dag_id"] for found in self.call("api/v2/dags")["dags"]}:
            assert time.monotonic() < deadline, self.call("api/v2/importErrors")
            time.sleep(0.5)

    def run(self, dag: str, **conf: Any) -> str:
        """Trigger a run, wait for its end and return its id."""
        self.call(f"api/v2/dags/{dag}", {"is_paused": False}, "PATCH")
        runs = f"api/v2/dags/{dag}/dagRuns"
        run_id: str = self.call(runs, {"logical_date": None, "conf": conf})["dag_run_id"]
        deadline = time.monotonic() + RUN_SECONDS
        while (state := self.call(f"{runs}/{run_id}")["state"]) in {"queued", "running"}:
            assert time.monotonic() < deadline, self.states(dag, run_id)
            time.sleep(0.5)
        assert state == "success", self.states(dag, run_id)
        return run_id

    def states(self, dag: str, run_id: str) -> list[tuple[str, int, str]]:
        tasks = self.call(f"api/v2/dags/{dag}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return [(task["task_id"], task["map_index"], task["state"]) for task in tasks]

    def result(self, dag: str, run_id: str, task: str) -> Any:
        path = f"api/v2/dags/{dag}/dagRuns/{run_id}/taskInstances/{task}/xcomEntries/return_value"
        return self.call(path)["value"]


class Deployment:
    """What `docker compose --profile local up --scale worker=2` would start."""

    def __init__(self, directory: Path, postgres: Postgres) -> None:
        self.postgres = postgres
        self.variables = env_file()
        first = free_ports(9)  # the S3 server takes five
        self.api, self.redis, self.health, self.labelbox, self.store = range(first, first + 5)
        addresses = {
            "api-server:8080": f"{HOST}:{self.api}",
            "localhost:8080": f"{HOST}:{self.api}",
            "localhost:8974": f"{HOST}:{self.health}",
            "local-labelbox:8080": f"{HOST}:{self.labelbox}",
            "'local-labelbox', 8080": f"'{HOST}', {self.labelbox}",
            "local-s3:8333": f"{HOST}:{self.store}",
            "postgres:5432": f"{HOST}:{postgres.port}",
            "redis:6379": f"{HOST}:{self.redis}",
            "redis-cli": f"redis-cli -p {self.redis}",
        }
        sync = "include/syncs/receipts.yaml"
        content = yaml.safe_load((ROOT / sync).read_text()) | {"schedule": None, "units": {"rows": 4}}
        self.services = Services(directory, self.variables, addresses, {sync: yaml.safe_dump(content, sort_keys=False)})

    @property
    def airflow(self) -> Airflow:
        return Airflow(f"http://{HOST}:{self.api}", "admin", self.variables["AIRFLOW_ADMIN_PASSWORD"])

    def start_databases(self) -> None:
        """Start what runs from images of others."""
        services = self.services
        # What the image of Postgres does before it runs our script.
        engine = create_engine(self.postgres.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            password = self.variables["POSTGRES_PASSWORD"]
            connection.exec_driver_sql(f"CREATE ROLE airflow SUPERUSER LOGIN PASSWORD '{password}'")
            connection.exec_driver_sql("CREATE DATABASE airflow OWNER airflow")
        client = {"PATH": f"{_installation() / 'bin'}:/usr/bin:/bin", "PGHOST": HOST, "PGPORT": str(self.postgres.port)}
        environment = services.environment("postgres") | client | {"PGPASSWORD": self.variables["POSTGRES_PASSWORD"]}
        script = ["bash", "-euc", services.config("ledger-database")]
        subprocess.run(script, env=environment, check=True, capture_output=True, text=True)
        services.start("redis", arguments=["--bind", HOST, "--port", str(self.redis)])
        services.await_healthy("postgres", environment=client)
        services.await_healthy("redis")

    def start_stand_ins(self) -> None:
        """Start what the profile `local` adds."""
        for service in ("local-s3", "local-labelbox"):
            self.services.start(service)
            self.services.await_healthy(service)
        self.services.run("local-samples")

    def start_airflow(self) -> None:
        """Start the services of Airflow, and wait until all are well."""
        services = self.services
        services.run("init")
        api, health = "AIRFLOW__API__", "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_"
        services.start("api-server", environment={f"{api}HOST": HOST, f"{api}PORT": str(self.api)})
        services.start("scheduler", environment={f"{health}HOST": HOST, f"{health}PORT": str(self.health)})
        services.start("dag-processor")
        services.start("triggerer", arguments=["--skip-serve-logs"])
        for name in WORKERS:
            services.start("worker", name, ["--skip-serve-logs", "--celery-hostname", name])
        for service in ("api-server", "scheduler", "dag-processor", "triggerer"):
            services.await_healthy(service)
        for name in WORKERS:
            services.await_healthy("worker", name)

    def tasks_of(self, worker: str, dag: str, run_id: str) -> set[str]:
        """Return the task instances of a run that a worker has written logs of."""
        logs = self.services.home(worker) / "logs" / f"dag_id={dag}" / f"run_id={run_id}"
        return {str(path.parent.relative_to(logs)) for path in logs.rglob("attempt=*.log")}

    def rows_in_labelbox(self, dataset: str) -> int:
        connection = json.loads(self.variables["AIRFLOW_CONN_LABELBOX_DEFAULT"])
        base = f"http://{HOST}:{self.labelbox}"
        client = Client(connection["password"], endpoint=f"{base}/graphql", rest_endpoint=f"{base}/api/v1")
        (found,) = client.get_datasets(where=Dataset.name == dataset)
        return int(found.row_count)

    def staged(self, run_id: str) -> set[str]:
        """Return the names of the files of a run on staging."""
        connection = json.loads(self.variables["AIRFLOW_CONN_AWS_DEFAULT"])
        store = ObjectStore(self.services.directory)
        store.ports, store.access_key, store.secret_key = [self.store], connection["login"], connection["password"]
        listing = store.client().list_objects_v2(Bucket="airflow", Prefix="labelbox/receipts/")["Contents"]
        return {item["Key"].rpartition("/")[2] for item in listing}


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    # Postgres is not in pytest's directory, which is closed to the user that Postgres is when pytest is root.
    with tempfile.TemporaryDirectory(prefix="labelbox-postgres-") as directory, Postgres(Path(directory)) as postgres:
        made = Deployment(tmp_path, postgres)
        with made.services:
            yield made


@pytest.mark.timeout(1800)
def test_the_sync_runs_on_two_workers_that_share_no_disk(deployment: Deployment) -> None:
    deployment.start_databases()
    deployment.start_stand_ins()
    deployment.start_airflow()
    airflow = deployment.airflow
    airflow.await_dag("receipts")
    check = ("labelbox-sync", "check", "--connect", "include/syncs/receipts.yaml")
    said = deployment.services.execute("scheduler", *check)
    assert "1 sync file ok, 0 problems" in said

    run_id = airflow.run("receipts", full_refresh=True)

    counts = airflow.result("receipts", run_id, "report")
    assert (counts["read"], counts["created"]) == (24, 24)
    states = airflow.states("receipts", run_id)
    uploads = {index for task, index, _ in states if task == "upload"}
    assert uploads == set(range(6))
    assert {state for *_, state in states} == {"success"}
    assert deployment.rows_in_labelbox("Receipts") == 24
    assert {"report.json"} <= deployment.staged(run_id)
    # Each worker has done a part of the run, and all it found on its disk is what the image brings.
    for name in WORKERS:
        assert deployment.tasks_of(name, "receipts", run_id)
        made = {path.name for path in deployment.services.home(name).iterdir()}
        assert made == {"airflow.cfg", "dags", "include", "logs"}
