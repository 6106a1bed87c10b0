"""Small parts of the local Labelbox: filters, faults, switches, ids, signatures, image headers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from labelbox_local.faults import Fault, Faults, Operation
from labelbox_local.filters import condition
from labelbox_local.identifiers import new_ids, timestamp, to_microseconds
from labelbox_local.platform import Platform
from labelbox_local.s3 import Endpoint, allowed
from labelbox_local.switches import Switches
from labelbox_local.uploads import remove_consumed_uploads

ENDPOINT = Endpoint("http://127.0.0.1:8333", "key", "secret", "bucket", "eu-central-1")


def test_conditions_are_joined_and_parametrised() -> None:
    columns = {"name": "name", "createdAt": "created_at", "deleted": "0"}
    where = {"AND": [{"name": "x' OR 1"}, {"AND": [{"createdAt_gte": 3}, {"deleted": False}]}]}
    assert condition(where, columns) == ("name IS ? AND created_at >= ? AND 0 IS ?", ["x' OR 1", 3, False])
    assert condition(None, columns) == ("1", [])


def test_ids_are_unique_sorted_and_of_the_length_of_the_platform() -> None:
    ids = new_ids(10_000)
    assert len(set(ids)) == 10_000
    assert ids == sorted(ids)
    assert {len(each) for each in ids} == {25}
    assert {each[0] for each in ids} == {"c"}


def test_a_timestamp_has_fraction_and_zone() -> None:
    moment = to_microseconds(datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert timestamp(moment) == "2024-01-02T03:04:05.000000Z"
    assert to_microseconds(datetime(2024, 1, 2, 3, 4, 5)) == moment


@pytest.mark.parametrize(
    ("query", "operation"),
    [
        ("query GetUserPyApi{user{id}}", Operation("query", "GetUserPyApi", "user")),
        (
            "mutation UploadFile($file: Upload!,\n $sign: Boolean) {\n uploadFile(file: $file) {url}}",
            Operation("mutation", "UploadFile", "uploadFile"),
        ),
        ("{user{id}}", Operation("query", "user", "user")),
        ("", Operation("query", "", "")),
    ],
)
def test_an_operation_is_known_by_name_and_field(query: str, operation: Operation) -> None:
    assert Operation.of(query) == operation


def test_a_fault_is_used_as_often_as_planned_and_by_its_own_operation_only() -> None:
    faults = Faults()
    faults.plan(Fault(operation="UpsertDataRowsPyApi", status=503, times=2))
    faults.plan(Fault(operation="upsertDataRows", task="stuck"))
    upsert = Operation("mutation", "UpsertDataRowsPyApi", "upsertDataRows")
    assert faults.take(Operation("query", "GetUserPyApi", "user")) is None
    assert [getattr(faults.take(upsert), "status", None) for _ in range(3)] == [503, 503, None]
    assert getattr(faults.take(upsert, of_task=True), "task", None) == "stuck"
    assert faults.planned() == []


@pytest.mark.parametrize("plan", [{"status": 418}, {"effect": "during"}, {"task": "sleepy"}, {"every": 0}])
def test_a_fault_that_makes_no_sense_is_refused(plan: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"status|effect|task|every"):
        Fault(operation="x", **plan)


def test_a_switch_keeps_the_type_of_its_default() -> None:
    switches = Switches()
    switches.set("global_key_length", "20")
    switches.set("task_seconds", "2")
    assert (switches.global_key_length, switches.task_seconds) == (20, 2.0)
    with pytest.raises(ValueError, match="known are"):
        switches.set("nothing", "1")


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("http://127.0.0.1:8333/bucket/a/b%20c.png", "http://127.0.0.1:8333/bucket/a/b%20c.png"),
        ("https://bucket.s3.eu-west-1.amazonaws.com/a.png", "http://127.0.0.1:8333/bucket/a.png"),
        ("https://bucket.s3.amazonaws.com/a.png", "http://127.0.0.1:8333/bucket/a.png"),
        ("https://s3.eu-west-1.amazonaws.com/bucket/a.png", "http://127.0.0.1:8333/bucket/a.png"),
        ("http://127.0.0.1:8333/other/a.png", None),
        ("http://127.0.0.1:8334/bucket/a.png", None),
        ("https://bucket2.s3.amazonaws.com/a.png", None),
        ("https://bucket.s3.evil.example/a.png", None),
        ("http://127.0.0.1:8333/bucket/", None),
    ],
)
def test_an_endpoint_knows_its_own_objects(url: str, own: str | None) -> None:
    assert ENDPOINT.object_url(url) == own


@pytest.mark.parametrize("path", ["/bucket/a.png", "/bucket/a%20b%2B%C3%BC/~c.png"])
def test_a_signature_is_that_of_the_aws_library(path: str) -> None:
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    url = f"http://127.0.0.1:8333{path}"
    headers = ENDPOINT.signed_headers("GET", url)
    request = AWSRequest(
        "GET", url, headers={"Host": headers["host"], "X-Amz-Content-SHA256": headers["x-amz-content-sha256"]}
    )
    auth = S3SigV4Auth(Credentials("key", "secret"), "s3", "eu-central-1")
    request.context["timestamp"] = headers["x-amz-date"]
    request.headers["X-Amz-Date"] = headers["x-amz-date"]
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    assert headers["Authorization"].endswith(f"Signature={signature}")


def test_a_signed_link_ends_and_cannot_be_changed(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from urllib.parse import parse_qs, urlsplit

    platform = Platform(tmp_path)
    try:
        query = {key: value[0] for key, value in parse_qs(urlsplit(platform.file_url("uploads/a")).query).items()}
        assert platform.url_is_valid("uploads/a", **query)
        assert not platform.url_is_valid("uploads/b", **query)
        assert not platform.url_is_valid("uploads/a", **query | {"expires": "99999999999"})
        monkeypatch.setattr("labelbox_local.platform.time.time", lambda: int(query["expires"]) + 1)
        assert not platform.url_is_valid("uploads/a", **query)
    finally:
        platform.close()


def test_chunks_of_finished_tasks_are_removed_after_a_day(tmp_path: Any) -> None:
    platform = Platform(tmp_path)
    try:
        for name, consumed, age in (("old", 1, 2), ("asset", 0, 2), ("new", 1, 0)):
            (platform.uploads / name).write_bytes(b"x")
            moment = to_microseconds(datetime.now(UTC)) - age * 86_400 * 1_000_000
            with platform.store.writing() as write:
                write.execute("INSERT INTO upload VALUES (?, 'f', 't/t', ?, ?)", (name, moment, consumed))
        remove_consumed_uploads(platform)
        assert sorted(path.name for path in platform.uploads.iterdir()) == ["asset", "new"]
    finally:
        platform.close()


def test_the_readme_names_every_switch_with_its_default() -> None:
    from dataclasses import fields
    from pathlib import Path

    readme = (Path(__file__).parents[3] / "include" / "labelbox_local" / "README.md").read_text()
    for switch in fields(Switches):
        assert f"| `{switch.name}` | `{switch.default}` | {switch.metadata['says']} |" in readme


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("http://127.0.0.1:80/x", True),
        ("https://assets.example/x", True),
        ("http://127.0.0.1@evil.example/x", False),
        ("http://evil.example#@127.0.0.1/x", False),
        ("http://evil.example\\@127.0.0.1/x", False),
        ("http://127.0.0.1.evil.example/x", False),
        ("ftp://127.0.0.1/x", False),
        ("file:///etc/passwd", False),
        ("//127.0.0.1/x", False),
    ],
)
def test_only_allowed_hosts_may_be_asked(tmp_path: Any, url: str, may: bool) -> None:
    platform = Platform(tmp_path, allowed_hosts=frozenset({"127.0.0.1", "assets.example"}))
    try:
        assert allowed(platform, url) is may
    finally:
        platform.close()
