"""Who is told when a sync breaks, and when it is well again: one message for each, through a real mail server."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import structlog
from tests.e2e.conftest import ROOT, Deployment, Ran, row
from tests.receivers import PASSWORD, SENDER, TOKEN, MailServer, SlackWebhook, body_of, html_of, text_of

DAY = datetime(2026, 1, 2, tzinfo=UTC)
BOTH = [{"smtp": {"to": ["data-team@example.com", "on-call@example.com"]}}, {"slack": {}}]


def day(number: int) -> datetime:
    return DAY + timedelta(days=number)


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with MailServer() as server:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", server.airflow_connection())
        yield server


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackWebhook]:
    with SlackWebhook() as webhook:
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", webhook.airflow_connection())
        yield webhook


@pytest.fixture
def watched(
    deployment: Deployment, mail: MailServer, slack: SlackWebhook, monkeypatch: pytest.MonkeyPatch
) -> Deployment:
    """A deployment that does not wait for Labelbox to come back, with a sync that tells of its failures."""
    connect(deployment, monkeypatch)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/")
    deployment.add_sync(alerts=BOTH)
    return deployment


def connect(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = json.loads(deployment.labelbox.airflow_connection())
    connection["extra"] |= {"patience": 0, "timeout": 5}
    monkeypatch.setenv("AIRFLOW_CONN_LABELBOX_DEFAULT", json.dumps(connection))


def call_back_in_dag_processor(ran: Ran) -> None:
    """Run the failure callback of the run's DAG as the DAG processor does: in a process that parses the DAG file."""
    from airflow.callbacks.callback_requests import DagCallbackRequest
    from airflow.dag_processing.manager import DagFileProcessorManager
    from airflow.dag_processing.processor import DagFileProcessorProcess
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        run = session.scalars(select(DagRun).where(DagRun.run_id == ran.id)).one()
        failed = [ti for ti in run.get_task_instances(session=session) if ti.state == "failed"]
        last = max(failed, key=lambda ti: ti.end_date)
        request = run.produce_dag_callback(dag=None, success=False, relevant_ti=last, reason="task_failure")
    assert isinstance(request, DagCallbackRequest)
    with tempfile.TemporaryFile("wb") as log:
        process = DagFileProcessorProcess.start(
            id=uuid4(),
            path=ROOT / "dags" / "syncs.py",
            bundle_path=ROOT / "dags",
            bundle_name="dags-folder",
            dag_file_rel_path="syncs.py",
            callbacks=[request],
            client=DagFileProcessorManager(max_runs=1).client,
            logger=structlog.get_logger(),
            logger_filehandle=log,
        )
        while not process.is_ready:
            process._service_subprocess(0.1)


def test_a_missing_table_is_told_once_and_once_that_it_is_there(
    watched: Deployment, mail: MailServer, slack: SlackWebhook, capfd: pytest.CaptureFixture[str]
) -> None:
    first = watched.run("rows", day(0), retries=1)

    assert [failure.task for failure in first.failures] == ["extract", "report"]
    assert len(mail.mails) == len(slack.messages) == 1
    told = mail.mails[0]
    assert (told["From"], told["To"]) == (SENDER, "data-team@example.com, on-call@example.com")
    assert mail.recipients == [["data-team@example.com", "on-call@example.com"]]
    assert told["Subject"].startswith(f"Sync rows failed: s3://{watched.name}/rows.csv")
    page = f"https://airflow.example.com/dags/rows/runs/{first.id.replace(':', '%3A').replace('+', '%2B')}"
    body = body_of(told)
    assert first.failure.message in body
    assert first.id in body
    assert "[2026-01-01T00:00:00+00:00, 2026-01-02T00:00:00+00:00)" in body
    assert "Failed tasks\nextract" in body
    assert f'href="{page}"' in html_of(told)
    assert f'href="{page}/tasks/extract"' in html_of(told)
    assert first.failure.message in text_of(slack.messages[0])
    assert f"<{page}|Run in Airflow>" in text_of(slack.messages[0])

    assert watched.run("rows", day(1)).state == "failed"
    assert watched.run("rows", day(1), again=True).state == "failed"
    assert len(mail.mails) == len(slack.messages) == 1

    watched.put_table([row(1), row(2)])
    watched.run_well("rows", day(2))

    assert mail.subjects()[1:] == slack.texts()[1:] == ["Sync rows is well again"]
    body = body_of(mail.mails[1])
    assert "a source could not be read; 2 runs failed." in body
    assert "2 read: 2 created, 0 updated, 0 unchanged, 0 superseded, 0 rejected" in body
    assert "clear them" not in body  # the next scheduled run has read what they were to read

    watched.run_well("rows", day(3))
    assert watched.run_well("rows", day(0), again=True).outcomes == {"unchanged": 2}
    assert len(mail.mails) == len(slack.messages) == 2
    printed = "".join(capfd.readouterr())
    assert PASSWORD not in printed
    assert TOKEN not in printed


def test_too_many_rejected_rows_are_told_with_reasons_and_examples(
    watched: Deployment, mail: MailServer, slack: SlackWebhook
) -> None:
    watched.add_sync(alerts=BOTH, guard={"max_rejected": 1}, rows__global_key="url")
    signed = "https://images.example.com/a.jpg?X-Amz-Signature=a-signature-nobody-may-see"
    watched.put_table([row(1), *(row(number, url=f"C:\\{number}.jpg") for number in range(4)), row(9, url=signed)])

    ran = watched.run("rows", day(0))

    assert [failure.task for failure in ran.failures] == ["gate", "report"]
    subject = "Sync rows failed: 5 of 6 rows were rejected, more than guard.max_rejected: 1."
    assert [text[: len(subject)] for text in mail.subjects() + slack.texts()] == [subject, subject]
    for text in (body_of(mail.mails[0]), text_of(slack.messages[0])):
        assert "6 read: 0 created, 0 updated, 0 unchanged, 0 superseded, 5 rejected, 1 not sent" in text
        assert "4 with bad_url: " in text
        assert "1 with presigned_url: " in text
        for key in ("C:\\0.jpg", "C:\\1.jpg", "C:\\2.jpg", "C:\\3.jpg", "https://images.example.com/a.jpg"):
            assert key in text
        assert "a-signature-nobody-may-see" not in text
        (report,) = watched.staging.glob("rows/*/report.json")
        assert report.as_uri() in text


def test_too_few_rows_are_told_and_another_kind_of_failure_is_told_too(
    watched: Deployment, mail: MailServer, slack: SlackWebhook
) -> None:
    watched.add_sync(alerts=BOTH, guard={"min_rows": 3, "max_rejected": 0})
    watched.put_table([row(1)])
    assert watched.run("rows", day(0)).state == "failed"
    watched.put_table([row(1), row(2)])
    assert watched.run("rows", day(1)).state == "failed"
    subjects = ["Sync rows failed: 1 rows were read, fewer than guard.min_rows: 3"]
    assert [text.partition(". ")[0] for text in mail.subjects()] == subjects

    watched.put_table([row(1), row(2), row(3, url="C:\\3.jpg")])
    assert watched.run("rows", day(2)).state == "failed"
    assert watched.run("rows", day(3)).state == "failed"
    subjects.append("Sync rows failed: 1 of 3 rows were rejected, more than guard.max_rejected: 0")
    assert [text.partition(". ")[0] for text in mail.subjects()] == subjects
    assert "at first because too few rows were read; 3 runs failed so far." in body_of(mail.mails[1])

    watched.put_table([row(1), row(2), row(3)])
    watched.run_well("rows", day(4))
    assert mail.subjects()[2:] == ["Sync rows is well again"]
    assert "4 runs failed" in body_of(mail.mails[2])


def test_a_backfill_against_a_dead_labelbox_is_told_once_and_once_that_it_is_back(
    watched: Deployment, mail: MailServer, slack: SlackWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.put_table([row(1)])
    watched.labelbox.stop()
    try:
        runs = [watched.run("rows", day(number), run_type="backfill") for number in range(4)]
    finally:
        watched.labelbox.start()
    connect(watched, monkeypatch)

    assert {ran.state for ran in runs} == {"failed"}
    assert {ran.failure.task for ran in runs} == {"ensure"}
    assert len(mail.mails) == len(slack.messages) == 1
    assert runs[0].id in body_of(mail.mails[0])
    assert runs[0].failure.message in body_of(mail.mails[0])

    for number in range(4):
        watched.run_well("rows", day(number), run_type="backfill", again=True)

    assert mail.subjects()[1:] == slack.texts()[1:] == ["Sync rows is well again"]
    body = body_of(mail.mails[1])
    assert "at first because Labelbox did not answer; 4 runs failed." in body
    listed = body.partition("clear them, or run the backfill again\n")[2]
    assert listed.splitlines()[:3] == [ran.id for ran in runs[1:]]


def test_a_message_that_cannot_be_sent_changes_nothing_and_is_sent_by_the_next_run(
    watched: Deployment, mail: MailServer, slack: SlackWebhook, capfd: pytest.CaptureFixture[str]
) -> None:
    mail.refuses, slack.status = True, 500

    ran = watched.run("rows", day(0))

    assert [(failure.task, failure.final) for failure in ran.failures] == [("extract", True), ("report", True)]
    assert "nothing was extracted" in ran.failures[1].message
    printed = capfd.readouterr().out
    assert "Alert not sent (alerts.0.smtp, connection 'smtp_default'): " in printed
    assert "Alert not sent (alerts.1.slack, connection 'slack_default'): " in printed
    assert (mail.mails, slack.messages) == ([], [])

    mail.refuses = False
    watched.run("rows", day(1))
    assert len(mail.mails) == 1
    assert "2 runs failed so far." in body_of(mail.mails[0])
    slack.status = 200
    watched.run("rows", day(2))
    assert (len(mail.mails), len(slack.messages)) == (1, 1)


def test_where_the_report_dies_the_callback_of_the_dag_tells(
    watched: Deployment, mail: MailServer, slack: SlackWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.put_table([row(1)])
    with monkeypatch.context() as patch:
        patch.setattr("labelbox_airflow.engine.report.make_report", lambda **_: 1 / 0)
        ran = watched.run("rows", day(0))
        assert [failure.task for failure in ran.failures] == ["report"]
        assert len(mail.mails) == len(slack.messages) == 1
        assert "Failed tasks\nreport" in body_of(mail.mails[0])
        watched.run("rows", day(1))
        assert len(mail.mails) == 1

    watched.run_well("rows", day(2))
    assert mail.subjects()[1:] == ["Sync rows is well again"]


def test_the_callback_knows_in_the_dag_processor_what_failed_and_why(
    watched: Deployment, mail: MailServer, slack: SlackWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.put_table([row(1)])
    with monkeypatch.context() as patch:
        patch.setattr("labelbox_airflow.syncs.dag.sync_notifier", lambda _: None)
        patch.setattr("labelbox_airflow.engine.report.make_report", lambda **_: 1 / 0)
        ran = watched.run("rows", day(0))
    assert (mail.mails, ran.failure.task) == ([], "report")

    call_back_in_dag_processor(ran)

    assert len(mail.mails) == len(slack.messages) == 1
    body = body_of(mail.mails[0])
    assert "A run of the sync rows failed: division by zero\n" in body
    assert "Failed tasks\nreport" in body
    assert "[2026-01-01T00:00:00+00:00, 2026-01-02T00:00:00+00:00)" in body
    call_back_in_dag_processor(ran)
    assert len(mail.mails) == len(slack.messages) == 1


def test_without_the_ledger_the_first_failure_is_told_and_says_so(
    watched: Deployment, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.put_table([row(1)])
    url = "postgresql+psycopg2://ledger:a-ledger-password@127.0.0.1:9/ledger"
    monkeypatch.setenv("AIRFLOW__LABELBOX__LEDGER", url)

    for number in range(3):
        with monkeypatch.context() as patch:
            patch.setattr("labelbox_airflow.syncs.dag.sync_notifier", lambda _: None)
            ran = watched.run("rows", day(number), run_type="backfill")
        assert ran.state == "failed"
        call_back_in_dag_processor(ran)

    assert len(mail.mails) == 1
    body = body_of(mail.mails[0])
    assert "A run of the sync rows failed: postgresql+psycopg2://ledger:***@127.0.0.1:9/ledger: the ledger" in body
    assert "The ledger does not answer, so nothing is known of other runs" in body
    assert "a-ledger-password" not in body


def test_nobody_is_told_of_a_dry_run(watched: Deployment, mail: MailServer, slack: SlackWebhook) -> None:
    assert watched.run("rows", day(0), dry_run=True).state == "failed"
    assert (mail.mails, slack.messages) == ([], [])
