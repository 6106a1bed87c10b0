"""The SDK's client as the hook gives it out: unmodified, but for four habits."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import pytest
from lbox.exceptions import ApiLimitError, AuthenticationError, InternalServerError, LabelboxError, NetworkError

from labelbox_airflow.hooks.client import Client
from labelbox_airflow.hooks.connection import LabelboxConnection

ORGANIZATION = {
    "data": {
        "organization": {
            "id": "o1",
            "name": "Acme",
            "createdAt": "2026-01-01T00:00:00.000Z",
            "updatedAt": "2026-01-01T00:00:00.000Z",
        }
    }
}


@pytest.fixture
def client(connection: LabelboxConnection, clock: Any) -> Client:
    return Client(connection, sleep=clock.sleep)


def test_it_is_the_sdk(server: Any, client: Client) -> None:
    server.answers(ORGANIZATION)
    assert client.get_organization().name == "Acme"


def test_a_rate_limit_is_waited_for_in_graphql_and_rest(server: Any, client: Client, clock: Any) -> None:
    server.answers({"message": "You have exceeded"}, status=429, headers={"Retry-After": "3"})
    server.answers(ORGANIZATION)
    server.answers(body=b"busy", status=429, headers={"Retry-After": "4"})
    server.answers(body=b"", status=204)
    client.get_organization()
    client.delete_unused_feature_schema("f1")
    assert [int(pause) for pause in clock.pauses] == [3, 4]


def test_a_rate_limit_is_waited_for_when_counting_vectors(server: Any, client: Client, clock: Any) -> None:
    server.answers({}, status=429, headers={"Retry-After": "3"})
    server.answers({"count": 5})
    assert client._adv_client.get_imported_vector_count("emb1") == 5
    assert server.requests[-1].headers["Authorization"] == f"Bearer {client._request_client.api_key}"


def test_a_rate_limit_beyond_patience_is_the_sdks_error(server: Any, client: Client, clock: Any) -> None:
    server.answers({"message": "You have exceeded"}, status=429, headers={"Retry-After": "600"})
    with pytest.raises(ApiLimitError):
        client.get_organization()
    assert clock.pauses == []


def test_a_mutation_is_sent_once_when_its_answer_is_an_error(server: Any, client: Client) -> None:
    server.answers({}, status=503)
    with pytest.raises(InternalServerError):
        client.create_dataset(name="twins")
    assert len(server.requests) == 1


def test_a_query_is_repeated_by_the_sdk(server: Any, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    server.answers({}, status=503)
    server.answers(ORGANIZATION)
    client.get_organization()
    assert len(server.requests) == 2


def test_the_last_error_of_the_sdks_repeats_is_one_of_its_own(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from google.api_core.exceptions import RetryError

    def exhausted(*_: object, **__: object) -> None:
        raise RetryError("Timeout of 120.0s exceeded", InternalServerError("503"))  # type: ignore[no-untyped-call]

    monkeypatch.setattr(client._request_client, "execute", exhausted)
    with pytest.raises(LabelboxError, match="503"):
        client.get_organization()


def test_a_rest_request_does_not_hang(server: Any, connection: LabelboxConnection) -> None:
    server.answers(body=b"{", announce=10)
    with pytest.raises(OSError):
        Client(dataclasses.replace(connection, timeout=0.05)).delete_unused_feature_schema("f1")


def test_errors_are_the_sdks(server: Any, client: Client) -> None:
    server.fails("AUTHENTICATION_ERROR")
    server.resets()
    with pytest.raises(AuthenticationError):
        client.get_organization()
    with pytest.raises(NetworkError):
        client.get_organization()


def test_the_key_of_the_environment_is_not_used(
    server: Any, connection: LabelboxConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELBOX_API_KEY", "another")
    server.answers(ORGANIZATION)
    Client(connection).get_organization()
    assert server.requests[0].headers["Authorization"] == f"Bearer {connection.api_key}"


def test_the_wait_is_told(server: Any, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    server.answers({}, status=429, headers={"Retry-After": "3"})
    server.answers(ORGANIZATION)
    with caplog.at_level(logging.WARNING):
        client.get_organization()
    assert "limits the rate" in caplog.text
