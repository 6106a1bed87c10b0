"""`make up` for real: everything comes up, the sample sync runs, a killed part is told, and nothing is left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from include.local.directory import LocalDirectory
from tests.local_stack import Stack, wait_until

from labelbox_local.loopback import is_free

ROOT = Path(__file__).resolve().parents[2]
PARTS = {"postgres", "object-store", "local-labelbox", "api-server", "scheduler", "dag-processor", "triggerer"}
WINDOW = {"since": "2026-01-05T00:00:00Z", "until": "2026-01-06T00:00:00Z"}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack that is not up yet; all that it made is removed, and that is tested too."""
    with tempfile.TemporaryDirectory(prefix="labelbox-up-") as directory:
        made = Stack(LocalDirectory(Path(directory) / "local"))
        # Root's Postgres cannot enter this directory, so its data must find another place.
        Path(directory).chmod(0o700)
        yield made
        made.remove()
        assert Path(directory).stat().st_mode & 0o777 == 0o700


def run_sample(airflow: Callable[..., Any]) -> dict[str, Any]:
    """Trigger the sample sync and return the counts of its report."""
    airflow("dags/receipts", method="PATCH", body={"is_paused": False})
    run = airflow("dags/receipts/dagRuns", body={"logical_date": None, "conf": WINDOW})
    path = f"dags/receipts/dagRuns/{run['dag_run_id']}"
    state = wait_until(lambda: {"success": "success", "failed": "failed"}.get(airflow(path)["state"]), 240)
    assert state == "success"
    counts: dict[str, Any] = airflow(f"{path}/taskInstances/report/xcomEntries/return_value")["value"]
    return counts


def test_everything_is_well_and_the_sample_sync_runs(stack: Stack) -> None:
    airflow = stack.airflow()

    health = airflow("monitor/health")
    assert {name: part["status"] for name, part in health.items()} == dict.fromkeys(
        ("metadatabase", "scheduler", "triggerer", "dag_processor"), "healthy"
    )
    assert airflow("importErrors")["import_errors"] == []
    assert airflow("pools/labelbox")["include_deferred"] is True
    for name in ("labelbox_default", "aws_default", "labelbox_ledger"):
        known = {key: value for key, value in airflow(f"connections/{name}").items() if key != "team_name"}
        # So the page asks: with port 0 where it knows none.
        tested = airflow("connections/test", body=known | {"port": known["port"] or 0})
        assert tested["status"] is True, tested
    counts = run_sample(airflow)
    assert (counts["read"], counts["created"]) == (24, 24)


def test_up_while_it_runs_says_so_and_where(stack: Stack) -> None:
    first = stack.up()
    assert stack.up() == first
    said = stack.well("up")
    assert said.startswith("It is running since")
    assert "Starting" not in said
    assert stack.run("supervise").returncode == 3  # whatever asks, there is one supervisor
    assert stack.well("status").count(" running ") == len(PARTS)


def test_a_part_that_is_killed_is_told_and_can_be_started_again(stack: Stack) -> None:
    stack.up()
    before = {part.name: part.pid for part in stack.directory.status().parts}
    assert set(before) == PARTS
    os.kill(before["triggerer"], signal.SIGKILL)
    wait_until(lambda: stack.directory.status().ended, 10)

    told = stack.run("status")
    assert told.returncode == 1
    line = next(line for line in told.stdout.splitlines() if "triggerer" in line)
    assert re.search(r"triggerer +ended .*was killed by SIGKILL at \d\d:\d\d:\d\d; its log is .*triggerer\.log", line)
    assert not [words for words in stack.processes() if "airflow triggerer" in words]

    assert "Starting again: triggerer" in stack.well("up")
    assert stack.run("status").returncode == 0
    after = {part.name: part.pid for part in stack.directory.status().parts}
    assert {name for name in PARTS if after[name] != before[name]} == {"triggerer"}


def test_down_leaves_nothing_running_and_the_next_up_finds_the_data(stack: Stack) -> None:
    url, password = stack.up()
    kept = json.loads((stack.directory.path / "settings.json").read_text())
    addresses = [part.address for part in stack.directory.status().parts if part.address]
    airflow = stack.airflow()
    runs = airflow("dags/receipts/dagRuns")["total_entries"]
    set_timeout(airflow, 45)

    assert stack.well("down").startswith("Stopped.")
    assert stack.processes() == []
    assert [port for port in (int(each.rpartition(":")[2]) for each in addresses) if not is_free(port)] == []
    assert stack.run("status").stdout.startswith("Nothing is running.")
    assert stack.well("down").startswith("Nothing is running.")

    said = stack.well("up")
    assert "The connection labelbox_default is left as you changed it." in said
    assert stack.up() == (url, password)
    assert json.loads((stack.directory.path / "settings.json").read_text()) == kept
    assert [part.address for part in stack.directory.status().parts if part.address] == addresses
    airflow = stack.airflow()
    assert airflow("dags/receipts/dagRuns")["total_entries"] >= runs
    assert json.loads(airflow("connections/labelbox_default")["extra"])["timeout"] == 45
    counts = run_sample(airflow)
    assert counts["unchanged"] + counts["created"] == counts["read"] == 24
    assert counts["unchanged"] == (24 if runs else 0)


def set_timeout(airflow: Callable[..., Any], seconds: int) -> None:
    """Change the Labelbox connection as the form does."""
    known = airflow("connections/labelbox_default")
    extra = json.dumps(json.loads(known["extra"]) | {"timeout": seconds})
    body = {"connection_id": known["connection_id"], "conn_type": known["conn_type"], "extra": extra}
    airflow("connections/labelbox_default?update_mask=extra", method="PATCH", body=body)


def test_a_supervisor_that_is_killed_is_told_and_leaves_nothing_to_trip_over(stack: Stack) -> None:
    stack.up()
    os.kill(stack.directory.status().pid, signal.SIGKILL)
    wait_until(lambda: not stack.directory.is_in_use(), 10)
    assert "The supervisor was killed" in stack.run("status").stdout

    stack.well("down")
    assert wait_until(lambda: stack.processes() == [], 10)


def test_what_is_left_without_its_directory_ends(stack: Stack) -> None:
    stack.up()
    elsewhere = stack.directory.postgres.resolve()
    shutil.rmtree(stack.directory.path, ignore_errors=True)
    wait_until(lambda: stack.processes() == [] and not elsewhere.exists(), 60)
    shutil.rmtree(stack.directory.path, ignore_errors=True)  # what was written while it was being removed
