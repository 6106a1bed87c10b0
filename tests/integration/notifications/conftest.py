"""A mail server, a Slack webhook, and their Airflow connections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.receivers import MailServer, SlackWebhook


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch, airflow_home: object) -> Iterator[MailServer]:
    with MailServer() as server:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", server.airflow_connection())
        yield server


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch, airflow_home: object) -> Iterator[SlackWebhook]:
    with SlackWebhook() as webhook:
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", webhook.airflow_connection())
        yield webhook
