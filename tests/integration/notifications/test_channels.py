"""Messages through Airflow's hooks to a real mail server and a webhook, from where things may block and where not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.receivers import PASSWORD, SENDER, TOKEN, MailServer, SlackWebhook, body_of, text_of

from labelbox_airflow.engine.alerts.message import Link, Message, Section
from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.notifications.channels import Channel, channels_of

MESSAGE = Message(
    subject="Sync belege → fällt aus",
    lead=["A run of the sync failed: 'größe' < 5 & more"],
    facts=[("Run", "manual__1")],
    sections=[Section("Failed tasks", [("ensure", "https://airflow.example.com/tasks/ensure")])],
    links=[Link("Run in Airflow", "https://airflow.example.com/runs/1")],
    closing="That is all.",
)


def send(channel: Channel, how: str) -> None:
    if how == "blocking":
        channel.send(MESSAGE)
    else:
        asyncio.run(channel.asend(MESSAGE))


@pytest.mark.parametrize("how", ["blocking", "async"])
def test_a_mail_arrives_whole(mail: MailServer, how: str) -> None:
    (channel,) = channels_of([{"smtp": {"to": ["a@example.com", "b@example.com"], "from": "c@example.com"}}])
    send(channel, how)
    (received,) = mail.mails
    assert (received["From"], received["To"]) == ("c@example.com", "a@example.com, b@example.com")
    assert received["Subject"] == MESSAGE.subject
    assert received["Auto-Submitted"] == "auto-generated"
    assert mail.recipients == [["a@example.com", "b@example.com"]]
    assert "A run of the sync failed: 'größe' < 5 & more" in body_of(received)


def test_the_sender_is_that_of_the_connection_where_none_is_named(mail: MailServer) -> None:
    send(channels_of([{"smtp": {"to": "a@example.com"}}])[0], "blocking")
    assert mail.mails[0]["From"] == SENDER


@pytest.mark.parametrize("how", ["blocking", "async"])
def test_a_post_arrives_whole(slack: SlackWebhook, how: str) -> None:
    send(channels_of([{"slack": {}}])[0], how)
    (received,) = slack.messages
    assert received["text"] == MESSAGE.subject
    assert "'größe' &lt; 5 &amp; more" in text_of(received)
    assert "<https://airflow.example.com/runs/1|Run in Airflow>" in text_of(received)
    assert not received["unfurl_links"]


@pytest.mark.parametrize("how", ["blocking", "async"])
def test_what_a_channel_refuses_is_an_error_without_its_secrets(
    mail: MailServer, slack: SlackWebhook, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", mail.airflow_connection(f"not-{PASSWORD}"))
    slack.status = 500
    for channel in channels_of([{"smtp": {"to": "a@example.com"}}, {"slack": {}}]):
        with pytest.raises(Exception, match=r"535|500") as refused:
            send(channel, how)
        assert PASSWORD not in str(refused.value)
        assert TOKEN not in str(refused.value)
    assert (mail.mails, slack.messages) == ([], [])


def test_the_check_signs_in_and_sends_nothing(
    mail: MailServer, slack: SlackWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels = channels_of([{"smtp": {"to": "a@example.com"}}, {"slack": {}}])
    for channel in channels:
        channel.check()
    assert (mail.mails, slack.messages) == ([], [])

    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", mail.airflow_connection("wrong-password"))
    with pytest.raises(ConfigurationError, match=r"mail server of connection 'smtp_default' cannot be used: .*535"):
        channels[0].check()


def test_a_webhook_may_also_be_kept_as_a_whole_url(slack: SlackWebhook, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Any] = json.loads(slack.airflow_connection())
    url = f"{kept['host']}/{kept['password']}"
    monkeypatch.setenv("AIRFLOW_CONN_HOOK", json.dumps({"conn_type": "slackwebhook", "password": url}))
    (channel,) = channels_of([{"slack": {"connection": "hook"}}])
    channel.check()
    channel.send(MESSAGE)
    assert slack.texts() == [MESSAGE.subject]
