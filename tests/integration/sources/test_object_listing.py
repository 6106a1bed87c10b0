"""Objects in each kind of store as rows, listed in pages, with sidecars."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.buckets import Bucket

from labelbox_airflow.engine.errors import ConfigurationError, SourceError, SourceUnavailableError
from labelbox_airflow.engine.window import Window
from labelbox_airflow.sources.inputs import SourceSpec
from labelbox_airflow.sources.objects import ObjectSource, ObjectSourceSpec
from labelbox_airflow.sources.readiness import Readiness
from labelbox_airflow.sources.tables import TableSourceSpec

if TYPE_CHECKING:
    from labelbox_local.stack import ObjectStore


def source(uri: str, connection: str, **keys: Any) -> ObjectSource:
    spec = {"type": "objects", "uri": uri, "connection": connection, **keys}
    return ObjectSource(ObjectSourceSpec.model_validate(spec))


def rows(found: ObjectSource, window: Window | None = None, columns: list[str] | None = None) -> list[dict[str, Any]]:
    return [row for batch in found.read(window, columns) for row in batch.rows.to_pylist()]


def test_a_row_says_what_the_store_knows_of_an_object(remote: Bucket) -> None:
    uri = remote.put("photos/2026/a b+c.jpg", b"12345")
    (row,) = rows(source(remote.uri("photos/**"), remote.connection))
    known = remote.file_system.info(f"{remote.name}/photos/2026/a b+c.jpg")
    moment = row.pop("modified_at")
    assert row.pop("time") == moment
    assert abs(moment - datetime.now(UTC)) < timedelta(minutes=5)
    assert row == {
        "uri": uri,
        "path": "photos/2026/a b+c.jpg",
        "folder": "photos/2026",
        "name": "a b+c.jpg",
        "stem": "a b+c",
        "suffix": ".jpg",
        "size": 5,
        "etag": (known.get("ETag") or known["etag"]).strip('"'),
    }


def test_more_objects_than_a_page_holds(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelbox_airflow.sources.store_pages.PAGE_KEYS", 7)
    keys = [f"photos/{number % 7}/{number:05d}.jpg" for number in range(60)]
    for key in keys:
        bucket.put(key, b"x")

    for glob in ("photos/**/*.jpg", "photos/*/*.jpg"):
        found = rows(source(bucket.uri(glob), bucket.connection))
        assert sorted(row["uri"] for row in found) == sorted(bucket.uri(key) for key in keys)
    some = rows(source(bucket.uri("photos/3/000[2-9]*.jpg"), bucket.connection))
    assert sorted(row["stem"] for row in some) == ["00024", "00031", "00038", "00045", "00052", "00059"]


def test_markers_and_sidecars_are_no_rows(bucket: Bucket) -> None:
    for key in ("in/", "in/_SUCCESS", "in/.hidden", "in/a.jpg", "in/a.json", "in/deep/", "in/deep/b.jpg", "out/c.jpg"):
        bucket.put(key, b"{}" if key.endswith(".json") else b"")
    found = source(bucket.uri("in/**"), bucket.connection, sidecar={"path": "{stem}.json", "missing": "leave"})
    assert sorted(row["uri"] for row in rows(found)) == [bucket.uri("in/a.jpg"), bucket.uri("in/deep/b.jpg")]


def test_sidecars_of_objects(bucket: Bucket) -> None:
    for number in range(12):
        bucket.put(f"photos/{number}.jpg", b"x")
        bucket.put(f"meta/{number}.json", json.dumps({"place": {"n": number}}).encode())
    bucket.put("photos/bad.jpg", b"x")
    bucket.put("meta/bad.json", b'{"place": ')
    bucket.put("photos/empty.jpg", b"x")
    bucket.put("meta/empty.json", b"")
    bucket.put("photos/alone.jpg", b"x")
    found = source(
        bucket.uri("photos/*.jpg"), bucket.connection, sidecar={"name": "facts", "path": "../meta/{stem}.json"}
    )

    read = list(found.read(None, ["facts.place.n"]))

    values = {row["stem"]: row["facts.place.n"] for batch in read for row in batch.rows.to_pylist()}
    assert values == {str(number): str(number) for number in range(12)}
    letters = {letter.row["stem"]: letter for batch in read for letter in batch.rejected}
    assert {stem: letter.code for stem, letter in letters.items()} == {
        "bad": "bad_sidecar",
        "empty": "bad_sidecar",
        "alone": "no_sidecar",
    }
    assert letters["bad"].origin == bucket.uri("photos/bad.jpg")
    assert letters["bad"].reason.startswith(bucket.uri("meta/bad.json is no JSON: "))


def test_windows_by_path_and_by_modification_time(bucket: Bucket) -> None:
    for day in (1, 2, 3):
        bucket.put(f"2026-03-0{day}/{day}.jpg", b"x")
    by_path = source(bucket.uri("{date:%Y-%m-%d}/*"), bucket.connection, window={"by": "path"})
    window = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    assert [(row["name"], row["time"]) for row in rows(by_path, window)] == [
        ("2.jpg", datetime(2026, 3, 3, tzinfo=UTC)),
        ("3.jpg", datetime(2026, 3, 4, tzinfo=UTC)),
    ]
    by_time = source(bucket.uri("**"), bucket.connection, window={"by": "modified"})
    now = datetime.now(UTC)
    assert len(rows(by_time, Window(now - timedelta(hours=1), now + timedelta(hours=1)))) == 3
    assert rows(by_time, Window(now - timedelta(hours=2), now - timedelta(hours=1))) == []


def test_a_missing_bucket_and_refused_credentials_are_named(remote: Bucket) -> None:
    with pytest.raises(SourceError, match=rf"there is no bucket 'no-such-bucket' \(connection '{remote.connection}'\)"):
        rows(source(remote.uri("**", bucket="no-such-bucket"), remote.connection))
    wrong = remote.connect("wrong")
    for sidecar in (None, {"path": "{stem}.json"}):
        with pytest.raises(ConfigurationError, match=r"the storage refuses the credentials|access denied"):
            rows(source(remote.uri("*.jpg"), wrong, sidecar=sidecar))


def readiness(spec: SourceSpec) -> Readiness:
    made = Readiness(spec, fresh=True)
    made.check()
    return made


def table(uri: str, connection: str | None, **keys: Any) -> SourceSpec:
    spec = {"type": "table", "uri": uri, "connection": connection, "window": {"by": "path", "lookback": "3d"}, **keys}
    return TableSourceSpec.model_validate(spec)


def test_markers_are_awaited_in_each_path_of_the_window_alone(remote: Bucket) -> None:
    for day in (1, 2, 3):
        remote.put(f"2026-03-0{day}/a.csv", b"a\n1\n")
    remote.put("2026-03-02/_SUCCESS", b"")
    waits = readiness(table(remote.uri("{date:%Y-%m-%d}/*.csv"), remote.connection, wait_for="_SUCCESS"))
    days = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))

    missing = [remote.uri("2026-03-03/_SUCCESS is not there")]
    assert waits.waiting_for(days) == missing
    assert waits.waiting_for(None) == [remote.uri("2026-03-01/_SUCCESS is not there"), *missing]
    many = Window(datetime(1970, 1, 1, tzinfo=UTC), days.end)
    assert waits.waiting_for(many) == waits.waiting_for(None)
    remote.put("2026-03-03/_SUCCESS", b"")
    assert waits.waiting_for(days) == []
    assert waits.waiting_for(Window(days.end, days.end)) == []
    waits.close()


@pytest.mark.parametrize("remote", ["s3"], indirect=True)
def test_objects_settle_once_there_are_some(remote: Bucket) -> None:
    waits = readiness(table(remote.uri("{date:%Y-%m-%d}/*.csv"), remote.connection, settle="10m"))
    day = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    now = datetime.now(UTC)
    assert waits.waiting_for(day) == [f"nothing is at {remote.uri('2026-03-01/*.csv')}"]
    remote.put("2026-03-01/a.csv", b"a\n1\n")
    (said,) = waits.waiting_for(day, now + timedelta(minutes=5))
    assert said.startswith(remote.uri("2026-03-01/a.csv changed "))
    assert said.endswith("which is less than 10m")
    assert waits.waiting_for(day, now + timedelta(minutes=20)) == []
    waits.close()


@pytest.mark.parametrize("remote", ["s3"], indirect=True)
def test_sidecars_settle_with_their_objects(remote: Bucket) -> None:
    spec = {"type": "objects", "uri": remote.uri("*.jpg"), "connection": remote.connection, "settle": "2s"}
    waits = readiness(ObjectSourceSpec.model_validate({**spec, "sidecar": {"path": "{stem}.json"}}))
    remote.put("a.jpg", b"x")
    changed = remote.file_system.info(f"{remote.name}/a.jpg")["LastModified"]
    assert waits.waiting_for(None, changed + timedelta(seconds=3)) == []
    remote.put("a.json", b"{}")
    changed = remote.file_system.info(f"{remote.name}/a.json")["LastModified"]
    assert len(waits.waiting_for(None, changed + timedelta(seconds=1))) == 1
    waits.close()


def test_a_storage_that_does_not_answer_may_later(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    down = json.loads(object_store.airflow_connection())
    down["extra"]["endpoint_url"] = "http://127.0.0.1:9"
    down["extra"]["config_kwargs"]["retries"] = {"max_attempts": 0}
    monkeypatch.setenv("AIRFLOW_CONN_S3_AWAY", json.dumps(down))
    with pytest.raises(SourceUnavailableError):
        readiness(table("s3://bucket/{date:%Y-%m-%d}/*.csv", "s3_away", wait_for="_SUCCESS"))
