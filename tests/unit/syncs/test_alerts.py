"""What a sync file may say under `alerts`, and what `check --connect` finds wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from labelbox_airflow.notifications.runs import LabelboxRunNotifier
from labelbox_airflow.syncs.check import connected_problems
from labelbox_airflow.syncs.dag import build_dag
from labelbox_airflow.syncs.load import load_sync

BOTH = [{"smtp": {"to": "data-team@example.com"}}, {"slack": {"connection": "slack_default"}}]


@pytest.mark.parametrize(
    ("alerts", "expected"),
    [
        (
            [{"smtp": {"to": "a@example.com"}}],
            [{"smtp": {"to": "a@example.com", "connection": "smtp_default"}}],
        ),
        (
            [{"smtp": {"to": ["a@example.com", "b@example.com"], "connection": "mail", "from": "c@example.com"}}],
            [{"smtp": {"to": ["a@example.com", "b@example.com"], "connection": "mail", "from": "c@example.com"}}],
        ),
        ([{"slack": {}}], [{"slack": {"connection": "slack_default"}}]),
        ([], []),
    ],
)
def test_channels_have_defaults(write: Callable[..., Any], alerts: Any, expected: Any) -> None:
    spec = load_sync(write({"alerts": alerts})).spec
    assert [alert.model_dump(by_alias=True, exclude_none=True) for alert in spec.alerts] == expected


@pytest.mark.parametrize(
    ("alerts", "problem"),
    [
        ([{"smtp": {}}], "alerts.0.smtp.to: is missing"),
        ([{"smtp": {"to": []}}], "alerts.0.smtp.to: [] is not text or a list of at least 1"),
        (
            [{"smtp": {"to": "data-team"}}],
            "alerts.0.smtp.to: 'data-team' is not a mail address such as data-team@example.com or a list",
        ),
        (
            [{"smtp": {"to": ["a@example.com", "b@example.com, c@example.com"]}}],
            ("alerts.0.smtp.to.1: 'b@example.com, c@example.com' is not a mail address such as data-team@example.com"),
        ),
        ([{"smtp": {"to": "a@example.com", "form": "b"}}], "alerts.0.smtp.form: unknown key. Did you mean 'from'?"),
        ([{"slak": {}}], "alerts.0.slak: unknown key. Did you mean 'slack'?"),
        ([{"slack": {"channel": "#ops"}}], "alerts.0.slack.channel: unknown key. Known: connection."),
        ([{"slack": {"connection": ""}}], "alerts.0.slack.connection: '' is not text of at least 1 characters"),
        ([{}], "alerts.0: give exactly one of smtp or slack (given: none)"),
        ([{**BOTH[0], **BOTH[1]}], "alerts.0: give exactly one of smtp or slack (given: both)"),
        ({"smtp": {"to": "a@example.com"}}, "alerts: {'smtp': {'to': 'a@example.com'}} is not a list"),
    ],
)
def test_what_is_wrong_is_named_at_its_place(problems: Any, alerts: Any, problem: str) -> None:
    found = problems({"alerts": alerts})
    assert problem in found
    assert all(other.startswith("alerts") for other in found)


def test_a_sync_with_alerts_has_them_in_its_report_and_its_dag(write: Callable[..., Any]) -> None:
    ledger = {"url": "sqlite:////tmp/ledger.db"}
    dag = build_dag(load_sync(write({"alerts": BOTH, "ledger": ledger})))
    expected = [{"smtp": {"to": "data-team@example.com", "connection": "smtp_default"}}, BOTH[1]]
    assert dag.task_dict["report"].alerts == expected
    callback = dag.on_failure_callback
    assert isinstance(callback, LabelboxRunNotifier)
    assert (callback.sync, callback.alerts, callback.ledger) == ("receipts", expected, ledger)
    assert build_dag(load_sync(write())).on_failure_callback is None


@pytest.fixture
def alert_problems(write: Any, monkeypatch: pytest.MonkeyPatch, airflow_home: Any) -> Callable[..., list[str]]:
    """Check a sync, and return what is wrong with its alerts."""
    monkeypatch.setattr("labelbox_airflow.syncs.check._labelbox_problems", lambda *_: None)
    monkeypatch.setattr("labelbox_airflow.syncs.check._source_problems", lambda *_: None)

    def find(alerts: Any, **connections: Mapping[str, Any]) -> list[str]:
        for name, content in connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(content))
        sync = load_sync(write({"alerts": alerts}))
        return [problem.removeprefix(f"{sync.path}: ") for problem in connected_problems(sync)]

    return find


def test_connections_that_are_not_there_are_named(alert_problems: Callable[..., list[str]]) -> None:
    assert alert_problems(BOTH) == [
        "alerts.0.smtp: there is no Airflow connection 'smtp_default'. Create it, or name another.",
        "alerts.1.slack: there is no Airflow connection 'slack_default'. Create it, or name another.",
    ]


def test_connections_of_another_type_are_named(alert_problems: Callable[..., list[str]]) -> None:
    wrong = {"conn_type": "slack", "password": "xoxb"}
    assert alert_problems([{"slack": {}}], slack_default=wrong) == [
        "alerts.0.slack: the connection 'slack_default' is of type slack. Name one of type slackwebhook."
    ]


def test_what_a_connection_lacks_is_named(alert_problems: Callable[..., list[str]]) -> None:
    found = alert_problems(
        BOTH, smtp_default={"conn_type": "smtp", "host": "mail"}, slack_default={"conn_type": "slackwebhook"}
    )
    assert found == [
        (
            "alerts.0.smtp: nobody sends the mail: the connection 'smtp_default' has no from_email. "
            "Set it there, or set 'from' here."
        ),
        "alerts.1.slack: the connection 'slack_default' has no webhook token. It is kept as the password.",
    ]


def test_a_provider_that_is_not_installed_is_named(
    alert_problems: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("airflow.providers.smtp.hooks.smtp", "airflow.providers.slack.hooks.slack_webhook"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    smtp, slack = alert_problems(BOTH)
    assert smtp.startswith("alerts.0.smtp: Airflow's provider for smtp is not installed")
    assert smtp.endswith("Install airflow-provider-labelbox[smtp] where Airflow runs.")
    assert slack.endswith("Install airflow-provider-labelbox[slack] where Airflow runs.")
