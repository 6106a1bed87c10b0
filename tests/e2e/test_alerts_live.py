"""Alerts of a running Airflow: runs of a backfill at once, callbacks in its DAG processor, connections in its database.

On Postgres, with the LocalExecutor, as `make up` starts it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from include.local.directory import LocalDirectory
from tests.local_stack import Stack, wait_until
from tests.receivers import MailServer, SlackWebhook, body_of

RUNS = 3
SECONDS = 400
pytestmark = pytest.mark.timeout(1200)  # Airflow is started, and looks for the end of a backfill every half minute


def write_sync(syncs: Path, name: str, **more: Any) -> None:
    content = {
        "version": 1,
        "name": name,
        "schedule": {"every": "day", "at": "00:00"},
        "labelbox": {"dataset": {"name": name}},
        "sources": {"rows": {"type": "table", "uri": f"{name}.csv"}},
        "rows": {"row_data": "url", "global_key": f"{name}/{{id}}"},
        "alerts": [{"smtp": {"to": f"{name}@example.com"}}, {"slack": {}}],
        **more,
    }
    (syncs / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture(scope="module")
def slack() -> Iterator[SlackWebhook]:
    with SlackWebhook() as webhook:
        yield webhook


@pytest.fixture(scope="module")
def syncs() -> Iterator[Path]:
    """A directory of sync files: one without its table, one without its ledger."""
    with tempfile.TemporaryDirectory(prefix="labelbox-syncs-") as directory:
        syncs = Path(directory)
        syncs.chmod(0o755)
        write_sync(syncs, "tableless")
        write_sync(syncs, "ledgerless", ledger={"connection": "no_such_ledger"})
        (syncs / "ledgerless.csv").write_text("id,url\n1,https://images.example.com/1.jpg\n")
        yield syncs


@pytest.fixture(scope="module")
def airflow(syncs: Path, mail: MailServer, slack: SlackWebhook) -> Iterator[Callable[..., Any]]:
    """What calls the REST API of an Airflow that knows the mail server and the webhook."""
    with tempfile.TemporaryDirectory(prefix="labelbox-alerts-") as directory:
        stack = Stack(LocalDirectory(Path(directory) / "local"), {"LABELBOX_SYNCS_DIR": str(syncs)})
        try:
            airflow = stack.airflow()
            for name, connection in (("smtp_default", mail), ("slack_default", slack)):
                content = json.loads(connection.airflow_connection())
                content["extra"] = json.dumps(content.get("extra", {}))
                airflow("connections", body={"connection_id": name, **content})
            yield airflow
        finally:
            stack.remove()


def backfill(airflow: Callable[..., Any], sync: str, state: str, reprocess: str = "none") -> None:
    """Run a sync for a few days, all of them at once, and see how every run ends."""
    airflow(f"dags/{sync}", method="PATCH", body={"is_paused": False})
    made = airflow(
        "backfills",
        body={
            "dag_id": sync,
            "from_date": "2026-01-02T00:00:00Z",
            "to_date": f"2026-01-{1 + RUNS:02}T00:00:00Z",
            "max_active_runs": RUNS,
            "reprocess_behavior": reprocess,
        },
    )
    wait_until(lambda: airflow(f"backfills/{made['id']}")["completed_at"], SECONDS)
    runs = [run for run in airflow(f"dags/{sync}/dagRuns")["dag_runs"] if run["run_type"] == "backfill"]
    assert [run["state"] for run in runs] == [state] * RUNS


def test_runs_that_fail_at_once_are_told_once_and_once_that_it_is_over(
    airflow: Callable[..., Any], syncs: Path, mail: MailServer, slack: SlackWebhook
) -> None:
    backfill(airflow, "tableless", "failed")

    (failure,) = mail.subjects()
    assert failure.startswith(f"Sync tableless failed: {syncs}/tableless.csv: there is no such file")
    assert len(slack.messages) == 1
    run = airflow("dags/tableless/dagRuns")["dag_runs"][0]
    assert run["dag_run_id"]
    assert "/dags/tableless/runs/" in body_of(mail.mails[0])

    (syncs / "tableless.csv").write_text("id,url\n1,https://images.example.com/1.jpg\n")
    backfill(airflow, "tableless", "success", reprocess="failed")

    assert mail.subjects()[1:] == slack.texts()[1:] == ["Sync tableless is well again"]


def test_without_its_ledger_a_sync_is_told_of_by_the_callback_in_the_dag_processor(
    airflow: Callable[..., Any], mail: MailServer, slack: SlackWebhook
) -> None:
    before = len(mail.mails)

    backfill(airflow, "ledgerless", "failed")
    wait_until(lambda: len(mail.mails) > before)

    # Of runs that end together, any may be the first to be seen.
    assert before + 1 <= len(mail.mails) <= before + RUNS
    body = body_of(mail.mails[before])
    assert "there is no connection 'no_such_ledger'" in body
    assert "The ledger does not answer, so nothing is known of other runs" in body
    assert "Failed tasks\nextract" in body
