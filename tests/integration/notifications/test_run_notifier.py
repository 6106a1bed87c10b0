"""The notifier in DAGs of any kind: as callback of a task, of a DAG and of a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.receivers import MailServer, SlackWebhook, body_of, html_of

from labelbox_airflow.engine.errors import LabelboxUnavailableError
from labelbox_airflow.engine.ledger import Attempt, Ledger
from labelbox_airflow.notifications.runs import LabelboxRunNotifier

ALERTS = [{"smtp": {"to": "data-team@example.com"}}, {"slack": {}}]
DEADLINE = {"id": "01a2", "deadline_time": "2026-01-02T06:00:00Z"}


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    url = f"sqlite:///{tmp_path}/ledger.db"
    monkeypatch.setenv("AIRFLOW__LABELBOX__LEDGER", url)
    monkeypatch.setenv("AIRFLOW__LABELBOX__STAGING", (tmp_path / "staging").as_uri())
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com")
    with Ledger(url) as opened:
        yield opened


def notifier(**more: Any) -> LabelboxRunNotifier:
    return LabelboxRunNotifier(sync="receipts", alerts=ALERTS, **more)


def task_context(run_id: str = "r1", **more: Any) -> dict[str, Any]:
    """Return what Airflow tells the callback of a task."""
    run = SimpleNamespace(dag_id="own", run_id=run_id, clear_number=0, run_type="manual", conf={})
    ti = SimpleNamespace(dag_id="own", run_id=run_id, task_id="transform", map_index=-1)
    dag = SimpleNamespace(dag_id="own", task_dict={"transform": None})
    return {"dag": dag, "dag_run": run, "run_id": run_id, "ti": ti, "params": {}, **more}


def late_context(run_id: str = "r1") -> dict[str, Any]:
    """Return what Airflow tells the callback of a deadline: the run as its REST API shows it."""
    return {"dag_run": {"dag_id": "own", "dag_run_id": run_id, "conf": {}}, "deadline": DEADLINE}


async def wait_for(callback: LabelboxRunNotifier) -> None:
    """Call a notifier as the triggerer does."""
    await callback


def test_a_task_that_fails_is_told_with_its_error_once(ledger: Ledger, mail: MailServer, slack: SlackWebhook) -> None:
    error = LabelboxUnavailableError("no answer from the API")
    for run_id in ("r1", "r1", "r2"):
        notifier()(task_context(run_id, exception=error))
    assert mail.subjects() == slack.texts() == ["Sync receipts failed: no answer from the API"]
    assert "Failed tasks\ntransform" in body_of(mail.mails[0])
    verdict = ledger.incidents.verdict(Attempt("receipts", "r2", 0))
    assert verdict is not None
    assert verdict.kind == "labelbox_unavailable"


def test_a_dag_that_failed_elsewhere_is_no_failure_of_the_sync(
    ledger: Ledger, mail: MailServer, slack: SlackWebhook
) -> None:
    ledger.incidents.succeeded(Attempt("receipts", "r1", 0), None)
    notifier()(task_context("r1", reason="task_failure"))
    assert (mail.mails, slack.messages) == ([], [])


@pytest.mark.parametrize(
    ("reason", "subject"),
    [
        ("timed_out", "Sync receipts failed: the run took longer than dagrun_timeout"),
        ("task_failure", "Sync receipts failed: task transform failed, and left no error: was it killed?"),
    ],
)
def test_a_dag_run_that_was_not_reported_on_is_told(
    ledger: Ledger, mail: MailServer, slack: SlackWebhook, reason: str, subject: str
) -> None:
    notifier()(task_context("r1", reason=reason))
    assert mail.subjects() == slack.texts() == [subject]
    assert "https://airflow.example.com/dags/own/runs/r1/tasks/transform" in html_of(mail.mails[0])


def test_a_callback_without_a_task_tells_what_it_knows(ledger: Ledger, mail: MailServer, slack: SlackWebhook) -> None:
    notifier()({"dag": SimpleNamespace(dag_id="own"), "run_id": "r1", "reason": "all_tasks_deadlocked"})
    assert mail.subjects() == slack.texts() == ["Sync receipts failed: a task failed"]


def test_a_dry_run_is_nobodys_business(ledger: Ledger, mail: MailServer, slack: SlackWebhook) -> None:
    notifier()(task_context(params={"dry_run": True}, exception=ValueError("x")))
    context = late_context()
    context["dag_run"]["conf"] = {"dry_run": True}
    asyncio.run(wait_for(notifier(context=context)))
    assert (mail.mails, slack.messages) == ([], [])


def test_a_deadline_that_is_missed_is_told_once_without_blocking(
    ledger: Ledger, mail: MailServer, slack: SlackWebhook
) -> None:
    for _ in range(2):
        asyncio.run(wait_for(notifier(context=late_context())))
    assert mail.subjects() == slack.texts() == ["Sync receipts is late"]
    assert "has not ended by 2026-01-02T06:00:00Z" in body_of(mail.mails[0])
    assert ledger.incidents.succeeded(Attempt("receipts", "r1", 0), None) is not None


def test_a_late_run_is_told_without_the_ledger_too(
    mail: MailServer, slack: SlackWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__LABELBOX__LEDGER", "postgresql+psycopg2://u:a-password@127.0.0.1:9/ledger")
    asyncio.run(wait_for(notifier(context=late_context())))
    assert mail.subjects() == slack.texts() == ["Sync receipts is late"]
    assert "The ledger does not answer" in body_of(mail.mails[0])
    assert "a-password" not in body_of(mail.mails[0])


def test_one_channel_that_fails_keeps_no_other_from_telling(
    ledger: Ledger, mail: MailServer, slack: SlackWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail.refuses = True
    notifier()(task_context("r1", exception=ValueError("first")))
    assert (len(mail.mails), len(slack.messages)) == (0, 1)
    mail.refuses = False
    asyncio.run(wait_for(notifier(context=task_context("r2", exception=ValueError("second")))))
    assert mail.subjects() == ["Sync receipts failed: second"]
    assert len(slack.messages) == 1
