"""The hook from an Airflow connection to a server."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from labelbox_airflow.engine.errors import (
    ConfigurationError,
    LabelboxAuthenticationError,
    LabelboxError,
    LabelboxUnavailableError,
)
from labelbox_airflow.hooks.labelbox import LabelboxHook

API_KEY = "key-that-must-never-show"
USER = {"data": {"user": {"id": "u1"}}}
TASK: dict[str, Any] = {
    "data": {"user": {"createdTasks": [{"id": "t1", "status": "IN_PROGRESS", "completionPercentage": 40}]}}
}
NO_TASK: dict[str, Any] = {"data": {"user": {"createdTasks": []}}}


def test_connection_says_who_we_are(server: Any, airflow_connection: str) -> None:
    server.answers({"data": {"user": {"email": "ada@acme.test", "name": "Ada"}, "organization": {"name": "Acme"}}})
    assert LabelboxHook(airflow_connection).test_connection() == (True, "Connected to Acme as ada@acme.test")


def test_airflow_itself_tests_the_connection(server: Any, airflow_connection: str) -> None:
    server.fails("AUTHENTICATION_ERROR", "Invalid API key")
    worked, reason = LabelboxHook.get_connection(airflow_connection).get_hook().test_connection()
    assert not worked
    assert reason.startswith("connection 'labelbox_test': the API key was refused (GetUserPyApi: Invalid API key)")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"password": None}, r"the API key is missing \(field password\)"),
        ({"host": "https://api.labelbox.com"}, "has no /graphql in its path.*e.g. https://api.labelbox.com/graphql"),
        ({"host": "api.labelbox.com/graphql"}, "not a full http.*'api.labelbox.com/graphql'"),
    ],
)
def test_a_connection_that_cannot_be_right_says_why(
    changes: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = {"conn_type": "labelbox", "password": API_KEY, **changes}
    monkeypatch.setenv("AIRFLOW_CONN_LABELBOX_TEST", json.dumps(stored))
    worked, said = LabelboxHook("labelbox_test").test_connection()
    assert not worked
    with pytest.raises(ConfigurationError, match=reason):
        _ = LabelboxHook("labelbox_test").connection
    assert API_KEY not in said


def test_an_unreachable_host_is_named(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = {"conn_type": "labelbox", "password": API_KEY, "host": f"http://127.0.0.1:{free_port}/graphql"}
    monkeypatch.setenv("AIRFLOW_CONN_LABELBOX_TEST", json.dumps(stored))
    monkeypatch.setattr("labelbox_airflow.hooks.labelbox._TEST_PATIENCE", 0.0)
    worked, said = LabelboxHook("labelbox_test").test_connection()
    assert not worked
    assert f"127.0.0.1:{free_port} cannot be reached (ConnectionRefusedError" in said
    assert "Check the endpoint (field host)" in said


def test_a_missing_connection_says_how_to_make_one() -> None:
    with pytest.raises(ConfigurationError) as caught:
        LabelboxHook("labelbox_none").transport()
    assert "connection 'labelbox_none': there is no such connection" in str(caught.value)
    assert """AIRFLOW_CONN_LABELBOX_NONE='{"conn_type": "labelbox", "password": "<API key>"}'""" in str(caught.value)
    with pytest.raises(ConfigurationError, match="no such connection"):
        asyncio.run(LabelboxHook("labelbox_none").aget_task("t1"))


def test_client_and_transport_are_made_once(airflow_connection: str) -> None:
    hook = LabelboxHook(airflow_connection)
    assert hook.client is hook.get_conn()
    assert hook.transport() is hook.transport()
    assert hook.client.endpoint == hook.connection.endpoint
    assert hook.client.rest_endpoint == hook.connection.endpoint.replace("/graphql", "/api/v1")


def test_the_key_is_masked_and_shown_nowhere(airflow_connection: str) -> None:
    from airflow.sdk.log import redact

    hook = LabelboxHook(airflow_connection)
    shown = f"{hook!r} {hook.connection!r} {hook.connection} {hook.transport()!r} {hook.client!r}"
    assert API_KEY not in shown
    assert redact(f"log of {API_KEY}") == "log of ***"


def test_the_sdk_does_not_chatter(server: Any, airflow_connection: str, caplog: pytest.LogCaptureFixture) -> None:
    server.answers({"data": {"secret": "https://signed.test/?sig=1"}})
    with caplog.at_level(logging.DEBUG):
        LabelboxHook(airflow_connection).client.execute("query Thing { secret }")
        LabelboxHook(airflow_connection).transport().execute("query Thing { secret }")
    chatty = [record for record in caplog.records if record.name.split(".")[0] in {"labelbox", "lbox", "urllib3"}]
    assert chatty == []


def test_a_level_somebody_chose_stays(airflow_connection: str, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("lbox")
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    _ = LabelboxHook(airflow_connection).connection
    assert logger.level == logging.DEBUG


def test_a_task_is_read_alike_both_ways(server: Any, airflow_connection: str) -> None:
    for _ in range(2):
        server.answers(USER)
        server.answers(TASK)
    expected = TASK["data"]["user"]["createdTasks"][0]
    assert LabelboxHook(airflow_connection).get_task("t1") == expected
    assert asyncio.run(LabelboxHook(airflow_connection).aget_task("t1")) == expected
    assert [request.json for request in server.requests[:2]] == [request.json for request in server.requests[2:]]
    assert server.requests[1].json["variables"] == {"userId": "u1", "taskId": "t1"}
    for name in ("Authorization", "X-User-Agent"):
        assert len({next(v for k, v in r.headers.items() if k.lower() == name.lower()) for r in server.requests}) == 1


def test_the_user_is_asked_for_once(server: Any, airflow_connection: str) -> None:
    server.answers(USER)
    server.answers(TASK)
    hook = LabelboxHook(airflow_connection)

    async def look_twice() -> None:
        await hook.aget_task("t1")
        await hook.aget_task("t1")

    asyncio.run(look_twice())
    assert len(server.requests) == 3


def test_a_task_that_is_not_there_is_none(server: Any, airflow_connection: str) -> None:
    server.answers(USER)
    server.answers(NO_TASK)
    hook = LabelboxHook(airflow_connection)
    assert hook.get_task("t1") is None
    assert asyncio.run(hook.aget_task("t1")) is None


def test_errors_of_the_async_way_are_the_engines(server: Any, airflow_connection: str) -> None:
    def look() -> None:
        asyncio.run(LabelboxHook(airflow_connection).aget_task("t1"))

    server.answers({}, status=503)
    with pytest.raises(LabelboxUnavailableError, match="503"):
        look()
    server.resets()
    with pytest.raises(LabelboxUnavailableError, match="GetUserPyApi got no answer") as caught:
        look()
    assert caught.value.where == "connection 'labelbox_test'"
    server.answers({"message": "no"}, status=401)
    with pytest.raises(LabelboxAuthenticationError):
        look()
    server.answers({"data": {"user": None}})
    with pytest.raises(LabelboxError, match="without the user"):
        look()
