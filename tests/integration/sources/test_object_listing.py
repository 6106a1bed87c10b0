"""Objects in a real S3 server as rows, listed in pages, with sidecars."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from labelbox_airflow.engine.errors import ConfigurationError, SourceError, SourceUnavailableError
from labelbox_airflow.engine.window import Window
from labelbox_airflow.sources.inputs import SourceSpec
from labelbox_airflow.sources.objects import ObjectSource, ObjectSourceSpec
from labelbox_airflow.sources.readiness import Readiness
from labelbox_airflow.sources.tables import TableSourceSpec

if TYPE_CHECKING:
    from labelbox_local.stack import ObjectStore


@pytest.fixture
def connection(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> str:
    """An Airflow connection of its own; Airflow keeps file systems by connection."""
    name = f"s3_{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", object_store.airflow_connection())
    return name


@pytest.fixture
def bucket(object_store: ObjectStore) -> str:
    name = f"objects-{uuid.uuid4().hex[:8]}"
    object_store.create_bucket(name)
    return name


def source(uri: str, connection: str, **keys: Any) -> ObjectSource:
    spec = {"type": "objects", "uri": uri, "connection": connection, **keys}
    return ObjectSource(ObjectSourceSpec.model_validate(spec))


def rows(found: ObjectSource, window: Window | None = None, columns: list[str] | None = None) -> list[dict[str, Any]]:
    return [row for batch in found.read(window, columns) for row in batch.rows.to_pylist()]


def test_a_row_says_what_s3_knows_of_an_object(object_store: ObjectStore, bucket: str, connection: str) -> None:
    uri = object_store.put(bucket, "photos/2026/a b+c.jpg", b"12345")
    (row,) = rows(source(f"s3://{bucket}/photos/**", connection))
    etag = object_store.client().head_object(Bucket=bucket, Key="photos/2026/a b+c.jpg")["ETag"].strip('"')
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
        "etag": etag,
    }


def test_more_objects_than_a_page_of_s3_holds(object_store: ObjectStore, bucket: str, connection: str) -> None:
    client = object_store.client()
    keys = [f"photos/{number % 7}/{number:05d}.jpg" for number in range(1_500)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: client.put_object(Bucket=bucket, Key=key, Body=b"x"), keys))

    found = list(source(f"s3://{bucket}/photos/**/*.jpg", connection).read(None))

    assert sorted(path for batch in found for path in batch.rows.column("path").to_pylist()) == sorted(keys)
    some = rows(source(f"s3://{bucket}/photos/3/000*.jpg", connection))
    assert [row["path"] for row in some] == [key for key in keys if key.startswith("photos/3/000")]


def test_markers_and_sidecars_are_no_rows(object_store: ObjectStore, bucket: str, connection: str) -> None:
    for key in ("in/", "in/_SUCCESS", "in/.hidden", "in/a.jpg", "in/a.json", "in/deep/", "in/deep/b.jpg", "out/c.jpg"):
        object_store.put(bucket, key, b"{}" if key.endswith(".json") else b"")
    found = source(f"s3://{bucket}/in/**", connection, sidecar={"path": "{stem}.json", "missing": "leave"})
    assert sorted(row["path"] for row in rows(found)) == ["in/a.jpg", "in/deep/b.jpg"]


def test_sidecars_of_objects_in_s3(object_store: ObjectStore, bucket: str, connection: str) -> None:
    for number in range(40):
        object_store.put(bucket, f"photos/{number}.jpg", b"x")
        object_store.put(bucket, f"meta/{number}.json", json.dumps({"place": {"n": number}}).encode())
    object_store.put(bucket, "photos/bad.jpg", b"x")
    object_store.put(bucket, "meta/bad.json", b'{"place": ')
    object_store.put(bucket, "photos/empty.jpg", b"x")
    object_store.put(bucket, "meta/empty.json", b"")
    object_store.put(bucket, "photos/alone.jpg", b"x")
    found = source(f"s3://{bucket}/photos/*.jpg", connection, sidecar={"name": "facts", "path": "../meta/{stem}.json"})

    read = list(found.read(None, ["facts.place.n"]))

    values = {row["stem"]: row["facts.place.n"] for batch in read for row in batch.rows.to_pylist()}
    assert values == {str(number): str(number) for number in range(40)}
    letters = {letter.row["stem"]: letter for batch in read for letter in batch.rejected}
    assert {stem: letter.code for stem, letter in letters.items()} == {
        "bad": "bad_sidecar",
        "empty": "bad_sidecar",
        "alone": "no_sidecar",
    }
    assert letters["bad"].origin == f"s3://{bucket}/photos/bad.jpg"
    assert letters["bad"].reason.startswith(f"s3://{bucket}/meta/bad.json is no JSON: ")


def test_windows_by_path_and_by_modification_time(object_store: ObjectStore, bucket: str, connection: str) -> None:
    for day in (1, 2, 3):
        object_store.put(bucket, f"2026-03-0{day}/{day}.jpg", b"x")
    by_path = source(f"s3://{bucket}/{{date:%Y-%m-%d}}/*", connection, window={"by": "path"})
    window = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    assert [(row["name"], row["time"]) for row in rows(by_path, window)] == [
        ("2.jpg", datetime(2026, 3, 3, tzinfo=UTC)),
        ("3.jpg", datetime(2026, 3, 4, tzinfo=UTC)),
    ]
    by_time = source(f"s3://{bucket}/**", connection, window={"by": "modified"})
    now = datetime.now(UTC)
    assert len(rows(by_time, Window(now - timedelta(hours=1), now + timedelta(hours=1)))) == 3
    assert rows(by_time, Window(now - timedelta(hours=2), now - timedelta(hours=1))) == []


def test_a_missing_bucket_and_refused_credentials_are_named(
    object_store: ObjectStore, bucket: str, connection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceError, match=f"there is no bucket 'no-such-bucket' \\(connection '{connection}'\\)"):
        rows(source("s3://no-such-bucket/**", connection))
    wrong = json.loads(object_store.airflow_connection())
    wrong["password"] = "wrong"
    monkeypatch.setenv("AIRFLOW_CONN_S3_WRONG_KEY", json.dumps(wrong))
    for sidecar in (None, {"path": "{stem}.json"}):
        with pytest.raises(ConfigurationError, match="the storage refuses the credentials"):
            rows(source(f"s3://{bucket}/*.jpg", "s3_wrong_key", sidecar=sidecar))


def readiness(spec: SourceSpec) -> Readiness:
    made = Readiness(spec, fresh=True)
    made.check()
    return made


def table(bucket: str, connection: str, **keys: Any) -> SourceSpec:
    uri = f"s3://{bucket}/{{date:%Y-%m-%d}}/*.csv"
    spec = {"type": "table", "uri": uri, "connection": connection, "window": {"by": "path", "lookback": "3d"}, **keys}
    return TableSourceSpec.model_validate(spec)


def test_markers_are_awaited_in_each_path_of_the_window_alone(
    object_store: ObjectStore, bucket: str, connection: str
) -> None:
    for day in (1, 2, 3):
        object_store.put(bucket, f"2026-03-0{day}/a.csv", b"a\n1\n")
    object_store.put(bucket, "2026-03-02/_SUCCESS", b"")
    waits = readiness(table(bucket, connection, wait_for="_SUCCESS"))
    days = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))

    missing = [f"s3://{bucket}/2026-03-03/_SUCCESS is not there"]
    assert waits.waiting_for(days) == missing
    assert waits.waiting_for(None) == [f"s3://{bucket}/2026-03-01/_SUCCESS is not there", *missing]
    many = Window(datetime(1970, 1, 1, tzinfo=UTC), days.end)
    assert waits.waiting_for(many) == waits.waiting_for(None)
    object_store.put(bucket, "2026-03-03/_SUCCESS", b"")
    assert waits.waiting_for(days) == []
    assert waits.waiting_for(Window(days.end, days.end)) == []
    waits.close()


def test_objects_settle_once_there_are_some(object_store: ObjectStore, bucket: str, connection: str) -> None:
    waits = readiness(table(bucket, connection, settle="10m"))
    day = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    now = datetime.now(UTC)
    assert waits.waiting_for(day) == [f"nothing is at s3://{bucket}/2026-03-01/*.csv"]
    object_store.put(bucket, "2026-03-01/a.csv", b"a\n1\n")
    (said,) = waits.waiting_for(day, now + timedelta(minutes=5))
    assert said.startswith(f"s3://{bucket}/2026-03-01/a.csv changed ")
    assert said.endswith("which is less than 10m")
    assert waits.waiting_for(day, now + timedelta(minutes=20)) == []
    waits.close()


def test_sidecars_settle_with_their_objects(object_store: ObjectStore, bucket: str, connection: str) -> None:
    spec = {"type": "objects", "uri": f"s3://{bucket}/*.jpg", "connection": connection, "settle": "2s"}
    waits = readiness(ObjectSourceSpec.model_validate({**spec, "sidecar": {"path": "{stem}.json"}}))
    object_store.put(bucket, "a.jpg", b"x")
    changed = object_store.client().head_object(Bucket=bucket, Key="a.jpg")["LastModified"]
    assert waits.waiting_for(None, changed + timedelta(seconds=3)) == []
    object_store.put(bucket, "a.json", b"{}")
    changed = object_store.client().head_object(Bucket=bucket, Key="a.json")["LastModified"]
    assert len(waits.waiting_for(None, changed + timedelta(seconds=1))) == 1
    waits.close()


def test_a_storage_that_does_not_answer_may_later(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    down = json.loads(object_store.airflow_connection())
    down["extra"]["endpoint_url"] = "http://127.0.0.1:9"
    down["extra"]["config_kwargs"]["retries"] = {"max_attempts": 0}
    monkeypatch.setenv("AIRFLOW_CONN_S3_AWAY", json.dumps(down))
    with pytest.raises(SourceUnavailableError):
        readiness(table("bucket", "s3_away", wait_for="_SUCCESS"))
