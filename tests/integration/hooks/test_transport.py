"""The transport against a server that fails in every way Labelbox is known to fail."""

from __future__ import annotations

import dataclasses
import json
import logging
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from email.parser import BytesParser
from email.policy import HTTP
from email.utils import format_datetime
from typing import Any

import labelbox
import pytest

from labelbox_airflow.engine.errors import (
    DataIOError,
    LabelboxAuthenticationError,
    LabelboxError,
    LabelboxUnavailableError,
)
from labelbox_airflow.hooks.connection import LabelboxConnection
from labelbox_airflow.hooks.sender import Sender
from labelbox_airflow.hooks.transport import LabelboxTransport

API_KEY = "key-that-must-never-show"
QUERY = "query GetThing($id: ID!) { thing(id: $id) { id } }"
MUTATION = "mutation MakeThing { makeThing { id } }"
SIGNATURE = "?sig=s3cr3t"
FOUND = {"data": {"thing": {"id": "t1"}}}


def test_a_query_is_sent_with_its_variables_and_its_data_returned(server: Any, transport: LabelboxTransport) -> None:
    server.answers(FOUND)
    afternoon = datetime(2026, 1, 1, 14, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert transport.execute(QUERY, {"id": "t1", "since": afternoon}) == FOUND["data"]
    (request,) = server.requests
    assert request.path == "/graphql"
    assert request.json == {"query": QUERY, "variables": {"id": "t1", "since": "2026-01-01T09:00:00Z"}}
    assert (transport.calls, transport.write_calls) == (1, 0)


def test_an_experimental_operation_goes_to_its_own_path(server: Any, transport: LabelboxTransport) -> None:
    server.answers(FOUND)
    transport.execute(QUERY, experimental=True)
    assert server.requests[0].path == "/_gql"


def test_the_headers_are_those_of_the_sdk(server: Any, connection: LabelboxConnection) -> None:
    server.answers(FOUND)
    client = labelbox.Client(api_key=API_KEY, endpoint=connection.endpoint, rest_endpoint=connection.rest_endpoint)
    client.execute(QUERY, {})
    with LabelboxTransport(connection) as transport:
        transport.execute(QUERY)
    by_sdk, by_us = ({name.lower(): value for name, value in request.headers.items()} for request in server.requests)
    told = {"authorization", "accept", "content-type", "x-user-agent", "x-python-version"}
    assert {name: by_us[name] for name in told} == {name: by_sdk[name] for name in told}
    assert by_us.keys() >= by_sdk.keys() - {"connection"}


def test_not_found_is_none(server: Any, transport: LabelboxTransport) -> None:
    server.fails("RESOURCE_NOT_FOUND")
    assert transport.execute(QUERY) is None


RATE_LIMITS: dict[str, dict[str, Any]] = {
    "sdk words": {"payload": {"message": "You have exceeded the limit"}, "status": 429},
    "sdk words with 200": {"payload": {"message": "You have exceeded the limit"}},
    "other words": {"payload": {"message": "slow down"}, "status": 429},
    "no JSON": {"body": b"<html>Too many</html>", "status": 429},
    "GraphQL code": {"payload": {"errors": [{"message": "no", "extensions": {"code": "TOO_MANY_REQUESTS"}}]}},
}


@pytest.mark.parametrize("spelling", RATE_LIMITS)
def test_every_spelling_of_the_rate_limit_is_waited_for_even_by_mutations(
    server: Any, transport: LabelboxTransport, clock: Any, spelling: str
) -> None:
    server.answers(**RATE_LIMITS[spelling], headers={"Retry-After": "7"})
    server.answers(FOUND)
    assert transport.execute(MUTATION, idempotent=False) == FOUND["data"]
    assert len(clock.pauses) == 1
    assert 7 <= clock.pauses[0] <= 8
    assert (transport.calls, transport.write_calls) == (2, 2)


def test_a_date_to_wait_for_is_honoured(server: Any, transport: LabelboxTransport, clock: Any) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=30)
    server.answers({}, status=429, headers={"Retry-After": format_datetime(moment, usegmt=True)})
    server.answers(FOUND)
    transport.execute(QUERY)
    assert 25 < clock.pauses[0] <= 31


def test_a_wait_longer_than_the_patience_is_not_begun(server: Any, transport: LabelboxTransport, clock: Any) -> None:
    server.answers({}, status=429, headers={"Retry-After": "3600"})
    with pytest.raises(LabelboxUnavailableError, match=r"rate limit reached \(1 attempt\).*asks to wait 3600 s.*120 s"):
        transport.execute(QUERY)
    assert clock.pauses == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_query_outlasts_a_server_error(server: Any, transport: LabelboxTransport, status: int) -> None:
    server.answers(body=b"upstream is away", status=status)
    server.answers(FOUND)
    assert transport.execute(QUERY) == FOUND["data"]


def test_a_server_away_for_ever_ends_when_the_patience_does(
    server: Any, transport: LabelboxTransport, clock: Any
) -> None:
    server.answers({}, status=503)
    with pytest.raises(LabelboxUnavailableError) as caught:
        transport.execute(QUERY)
    attempts = len(server.requests)
    assert attempts > 3
    assert f"GetThing was answered 503, a passing failure ({attempts} attempts)" in str(caught.value)
    assert caught.value.where == "connection 'labelbox_test'"
    assert isinstance(caught.value.__cause__, LabelboxUnavailableError)
    assert clock.now <= 120


def test_a_mutation_is_not_repeated_after_a_server_error(server: Any, transport: LabelboxTransport) -> None:
    server.answers({}, status=503)
    with pytest.raises(LabelboxUnavailableError, match="may have carried it out"):
        transport.execute(MUTATION, idempotent=False)
    assert len(server.requests) == 1


def test_a_lost_answer_is_asked_for_again_only_when_that_is_safe(server: Any, transport: LabelboxTransport) -> None:
    server.resets()
    server.answers(FOUND)
    assert transport.execute(QUERY) == FOUND["data"]
    server.resets()
    with pytest.raises(LabelboxUnavailableError, match="the answer to MakeThing was lost") as caught:
        transport.execute(MUTATION, idempotent=False)
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert len(server.requests) == 3


def test_a_slow_answer_counts_as_lost(server: Any, connection: LabelboxConnection, clock: Any) -> None:
    hasty = dataclasses.replace(connection, timeout=0.05, patience=0)
    server.answers(body=b"{", announce=10)
    with (
        LabelboxTransport(hasty, sender=Sender(hasty, sleep=clock.sleep, clock=clock)) as transport,
        pytest.raises(LabelboxUnavailableError, match="was lost"),
    ):
        transport.execute(QUERY)


def test_a_mutation_that_never_left_is_repeated(connection: LabelboxConnection, clock: Any, free_port: int) -> None:
    nobody = dataclasses.replace(connection, endpoint=f"http://127.0.0.1:{free_port}/graphql")
    with (
        LabelboxTransport(nobody, sender=Sender(nobody, sleep=clock.sleep, clock=clock)) as transport,
        pytest.raises(LabelboxUnavailableError, match=f"127.0.0.1:{free_port} cannot be reached") as caught,
    ):
        transport.execute(MUTATION, idempotent=False)
    assert transport.calls > 3
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


AUTHENTICATION_ANSWERS: dict[str, dict[str, Any]] = {
    "code": {"payload": {"errors": [{"message": "bad", "extensions": {"code": "AUTHENTICATION_ERROR"}}]}},
    "code with 401": {
        "payload": {"errors": [{"message": "bad", "extensions": {"code": "AUTHENTICATION_ERROR"}}]},
        "status": 401,
    },
    "401 JSON": {"payload": {"message": f"bad key {API_KEY}"}, "status": 401},
    "401 text": {"body": b"no", "status": 401},
    "403 text": {"body": b"no", "status": 403},
}


@pytest.mark.parametrize("spelling", AUTHENTICATION_ANSWERS)
def test_a_refused_key_is_said_at_once_and_never_shown(
    server: Any, transport: LabelboxTransport, spelling: str
) -> None:
    server.answers(**AUTHENTICATION_ANSWERS[spelling])
    with pytest.raises(LabelboxAuthenticationError, match="'labelbox_test': the API key was refused") as caught:
        transport.execute(QUERY)
    assert API_KEY not in "".join(traceback.format_exception(caught.value))
    assert len(server.requests) == 1


def test_a_missing_right_is_told_from_a_refused_key(server: Any, transport: LabelboxTransport) -> None:
    server.fails("AUTHORIZATION_ERROR", "not yours")
    with pytest.raises(LabelboxAuthenticationError, match="may not do this: GetThing: not yours"):
        transport.execute(QUERY)


REFUSALS = {
    "validation": ({"message": "unknown field", "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}, "unknown field"),
    "malformed": ({"message": "twice", "extensions": {"code": "MALFORMED_REQUEST"}}, r"\(MALFORMED_REQUEST\): twice"),
    "not allowed": ({"message": "quota", "extensions": {"code": "OPERATION_NOT_ALLOWED"}}, "quota"),
    "conflict": ({"message": "name taken", "extensions": {"code": "RESOURCE_CONFLICT"}}, "name taken"),
    "client error in disguise": (
        {"message": "bad id", "extensions": {"code": "INTERNAL_SERVER_ERROR", "exception": {"status": 400}}},
        "bad id",
    ),
    "internal": ({"message": "oops", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}, "oops"),
    "without extensions": ({"message": "odd"}, "odd"),
    "extensions null": ({"message": "odd", "extensions": None}, "odd"),
    "signed URL": ({"message": "cannot read https://x.test/a.png?X-Amz-Signature=s3cr3t now"}, "a.png.?… now"),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_is_final_and_says_why(server: Any, transport: LabelboxTransport, kind: str) -> None:
    error, said = REFUSALS[kind]
    server.answers({"errors": [error]})
    with pytest.raises(LabelboxError, match=said) as caught:
        transport.execute(QUERY)
    assert not isinstance(caught.value, LabelboxUnavailableError | LabelboxAuthenticationError)
    assert "s3cr3t" not in str(caught.value)
    assert len(server.requests) == 1


def test_an_inner_status_that_passes_is_outlasted(server: Any, transport: LabelboxTransport) -> None:
    server.fails("INTERNAL_SERVER_ERROR", exception={"status": 503})
    server.answers(FOUND)
    assert transport.execute(QUERY) == FOUND["data"]


@pytest.mark.parametrize(
    "answer",
    [
        {"body": b"<html>login</html>", "headers": {"Content-Type": "text/html"}},
        {"payload": {"data": None}},
        {"payload": {"errors": None}},
        {"payload": []},
        {"body": b"moved", "status": 301, "headers": {"Location": "https://elsewhere.test/"}},
        {"body": b"not here", "status": 404},
    ],
)
def test_an_answer_that_is_no_graphql_names_the_endpoint(
    server: Any, transport: LabelboxTransport, answer: dict[str, Any]
) -> None:
    server.answers(**answer)
    with pytest.raises(LabelboxError, match=f"field host.*{server.url}|{server.url}.*field host") as caught:
        transport.execute(QUERY)
    assert not isinstance(caught.value, LabelboxUnavailableError)
    assert len(server.requests) == 1


def parts_of(request: Any) -> dict[str, Any]:
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + request.body)
    return {str(part.get_param("name", header="content-disposition")): part for part in message.iter_parts()}


def test_an_upload_is_what_the_sdk_sends(server: Any, connection: LabelboxConnection) -> None:
    content = bytes(range(256)) * 40 + b"\r\n--"
    server.answers({"data": {"uploadFile": {"url": "https://stored.test/1", "filename": "rows.json"}}})
    client = labelbox.Client(api_key=API_KEY, endpoint=connection.endpoint, rest_endpoint=connection.rest_endpoint)
    client.upload_data(content, "rows.json", "application/json")
    with LabelboxTransport(connection) as transport:
        url = transport.upload(content, filename="rows.json", content_type="application/json")
    assert url == "https://stored.test/1"
    by_sdk, by_us = map(parts_of, server.requests)
    assert list(by_us) == list(by_sdk) == ["operations", "map", "1"]
    assert by_us["map"].get_payload() == '{"1":["variables.file"]}'
    for part in (by_us["1"], by_sdk["1"]):
        assert (part.get_content_type(), part.get_filename()) == ("application/json", "rows.json")
    assert server.requests[1].body.count(content) == 1
    assert int(server.requests[1].headers["Content-Length"]) == len(server.requests[1].body)
    operations = [request.body.split(b"\r\n\r\n")[1].split(b"\r\n--")[0] for request in server.requests]
    variables = [json.loads(text)["variables"] for text in operations]
    assert variables[0] == variables[1] == {"file": None, "contentLength": len(content), "sign": False}


def test_an_upload_is_repeated_whole(server: Any, transport: LabelboxTransport) -> None:
    server.answers({}, status=502)
    server.resets()
    server.answers({"data": {"uploadFile": {"url": "https://stored.test/1"}}})
    transport.upload(b"x" * 300_000, filename="rows.json", content_type="application/json")
    assert len({request.body for request in server.requests}) == 1
    assert (transport.calls, transport.write_calls) == (3, 3)


class Pieces:
    """Content that is not in memory as a whole, and may break off."""

    def __init__(self, pieces: list[bytes], error: Exception | None = None) -> None:
        self.pieces, self.error, self.read = pieces, error, 0

    def __len__(self) -> int:
        return sum(map(len, self.pieces))

    def __iter__(self) -> Iterator[bytes]:
        self.read += 1
        yield from self.pieces
        if self.error is not None:
            raise self.error


def test_content_is_sent_piece_by_piece_and_read_anew_at_every_attempt(
    server: Any, transport: LabelboxTransport
) -> None:
    content = Pieces([b"a" * 70_000, b"b" * 70_000, b"c"])
    server.resets()
    server.answers({"data": {"uploadFile": {"url": "https://stored.test/1"}}})
    assert transport.upload(content, filename="a.jpg", content_type="image/jpeg") == "https://stored.test/1"
    assert content.read == 2
    request = server.requests[-1]
    assert b"".join(content.pieces) in request.body
    assert int(request.headers["Content-Length"]) == len(request.body)
    assert "Transfer-Encoding" not in request.headers


def test_content_that_breaks_off_is_not_sent_again(server: Any, transport: LabelboxTransport) -> None:
    content = Pieces([b"a" * 70_000, b"b"], DataIOError("the file has changed"))
    server.answers({"data": {"uploadFile": {"url": "https://stored.test/1"}}})
    with pytest.raises(DataIOError, match="the file has changed"):
        transport.upload(content, filename="a.jpg", content_type="image/jpeg")
    assert content.read == 1


def test_an_upload_without_url_is_an_error(server: Any, transport: LabelboxTransport) -> None:
    server.answers({"data": {"uploadFile": None}})
    with pytest.raises(LabelboxError, match=r"the upload of rows\.json was answered without a URL"):
        transport.upload(b"x", filename="rows.json", content_type="application/json")


def test_four_threads_share_a_transport(server: Any, connection: LabelboxConnection, caplog: Any) -> None:
    server.answers({"data": {"uploadFile": {"url": "https://stored.test/1"}}})
    contents = [bytes([number]) * 50_000 for number in range(40)]
    with (
        caplog.at_level(logging.DEBUG),
        LabelboxTransport(connection) as transport,
        ThreadPoolExecutor(4) as pool,
    ):
        list(pool.map(lambda content: transport.upload(content, filename="r.json", content_type="a/b"), contents))
    assert transport.calls == len(contents)
    received = {request.body.split(b"a/b\r\n\r\n")[1].split(b"\r\n--")[0] for request in server.requests}
    assert received == set(contents)
    assert "pool is full" not in caplog.text


def test_vectors_go_where_the_sdk_puts_them(server: Any, transport: LabelboxTransport) -> None:
    server.answers({}, status=503)
    server.answers({})
    transport.put_vectors("emb1", b'{"id":"r1","vector":[0.5]}', lines=1)
    request = server.requests[-1]
    assert (request.method, request.path) == ("PUT", "/adv/adv/v1/embeddings/emb1/_import_ndjson")
    assert request.body == b'{"id":"r1","vector":[0.5]}\n'
    assert request.headers["Content-Type"] == "application/x-ndjson"
    assert request.headers["X-Content-Lines"] == "1"
    assert request.headers["Authorization"] == f"Bearer {API_KEY}"
    assert transport.write_calls == 2


def test_refused_vectors_say_why(server: Any, transport: LabelboxTransport) -> None:
    server.answers({"message": "dimension 3 expected"}, status=400)
    with pytest.raises(LabelboxError, match="storing 2 vectors of embedding emb1 was answered 400: dimension 3 exp"):
        transport.put_vectors("emb1", b"{}\n{}\n", lines=2)


def test_an_embedding_that_is_not_there_is_not_blamed_on_the_endpoint(
    server: Any, transport: LabelboxTransport
) -> None:
    server.answers({"message": "embedding not found"}, status=404)
    with pytest.raises(LabelboxError, match="answered 404: embedding not found") as caught:
        transport.put_vectors("emb1", b"{}\n", lines=1)
    assert caught.value.remedy is None


def test_vectors_are_counted(server: Any, transport: LabelboxTransport) -> None:
    server.answers({}, status=503)
    server.answers({"count": 12})
    assert transport.count_vectors("emb1") == 12
    request = server.requests[-1]
    assert (request.method, request.path) == ("GET", "/adv/adv/v1/embeddings/emb1/vectors/_count")
    assert request.headers["Authorization"] == f"Bearer {API_KEY}"
    assert (transport.calls, transport.write_calls) == (2, 0)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 404, "payload": {"message": "embedding not found"}}, "answered 404: embedding not found"),
        ({"status": 200, "payload": {"counts": 1}}, "without a count"),
    ],
)
def test_a_count_that_is_none_is_no_zero(
    server: Any, transport: LabelboxTransport, answer: dict[str, Any], said: str
) -> None:
    server.answers(answer["payload"], status=answer["status"])
    with pytest.raises(LabelboxError, match=said):
        transport.count_vectors("emb1")


def test_a_download_streams_without_credentials(server: Any, transport: LabelboxTransport) -> None:
    server.answers({}, status=503)
    server.resets()
    server.answers(body=b"a" * 3_000_000)
    chunks = list(transport.download(f"{server.url}/results.ndjson{SIGNATURE}"))
    assert b"".join(chunks) == b"a" * 3_000_000
    assert len(chunks) > 1
    assert all("Authorization" not in request.headers for request in server.requests)
    assert (transport.calls, transport.write_calls) == (3, 0)


def test_a_download_of_nothing_is_empty(server: Any, transport: LabelboxTransport) -> None:
    server.answers(body=b"")
    assert b"".join(transport.download(f"{server.url}/empty")) == b""


def test_a_short_download_is_an_error_without_the_signature(server: Any, transport: LabelboxTransport) -> None:
    server.answers(body=b"a" * 2_000_000, announce=3_000_000)
    with pytest.raises(LabelboxUnavailableError, match=r"broke off after .* of 3000000 bytes") as caught:
        list(transport.download(f"{server.url}/results.ndjson{SIGNATURE}"))
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


def test_a_short_download_is_noticed_also_where_the_http_client_does_not(
    server: Any, transport: LabelboxTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("urllib3.HTTPResponse._init_length", lambda self, method: None)  # as urllib3 1.26
    server.answers(body=b"a" * 20, announce=30)
    with pytest.raises(LabelboxUnavailableError, match="broke off after 20 of 30 bytes"):
        list(transport.download(f"{server.url}/results.ndjson"))


def test_a_link_that_expired_says_so(server: Any, transport: LabelboxTransport) -> None:
    server.answers(body=b"<Error>expired s3cr3t</Error>", status=403)
    with pytest.raises(LabelboxError, match=r"results\.ndjson was answered 403.*expire") as caught:
        list(transport.download(f"{server.url}/results.ndjson{SIGNATURE}"))
    assert not isinstance(caught.value, LabelboxAuthenticationError)
    assert "s3cr3t" not in str(caught.value)


def test_an_unreachable_link_hides_its_signature(
    connection: LabelboxConnection, clock: Any, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        LabelboxTransport(connection, sender=Sender(connection, sleep=clock.sleep, clock=clock)) as transport,
        pytest.raises(LabelboxUnavailableError) as caught,
    ):
        list(transport.download(f"http://127.0.0.1:{free_port}/a.json{SIGNATURE}"))
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value)) + caplog.text


def test_a_link_that_is_no_web_address_is_refused(transport: LabelboxTransport) -> None:
    with pytest.raises(LabelboxError, match="no http"):
        list(transport.download("file:///etc/passwd"))
