"""Tables in a real S3 server, read through an Airflow connection."""

from __future__ import annotations

import gzip
import io
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelbox_airflow.engine.errors import ConfigurationError, SourceError
from labelbox_airflow.engine.window import Window
from labelbox_airflow.sources.tables import TableSource, TableSourceSpec

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
    name = f"tables-{uuid.uuid4().hex[:8]}"
    object_store.create_bucket(name)
    return name


def source(uri: str, connection: str | None, **keys: Any) -> TableSource:
    return TableSource(TableSourceSpec.model_validate({"type": "table", "uri": uri, "connection": connection, **keys}))


def values(found: TableSource, window: Window | None = None) -> list[Any]:
    return [value for batch in found.read(window, ["a"]) for value in batch.rows.column("a").to_pylist()]


def test_globs_read_tables_and_leave_markers_out(object_store: ObjectStore, bucket: str, connection: str) -> None:
    table = io.BytesIO()
    pq.write_table(pa.table({"a": [4], "v": [[0.5]]}), table)
    for key, body in {
        "in/1.csv": b"a,b\n1,x\n",
        "in/deep/er/2.csv.gz": gzip.compress(b"a\n2\n"),
        "in/deep/3.ndjson": b'{"a":3}\n',
        "in/deep/4.parquet": table.getvalue(),
        "in/_SUCCESS": b"",
        "in/": b"",
        "in/deep/": b"",
        "out/9.csv": b"a\n9\n",
    }.items():
        object_store.put(bucket, key, body)
    found = source(f"s3://{bucket}/in/**", connection)
    assert [file.item.place for file in found.files(None)] == [
        f"s3://{bucket}/in/{key}" for key in ("1.csv", "deep/3.ndjson", "deep/4.parquet", "deep/er/2.csv.gz")
    ]
    assert values(found) == ["1", "3", 4, "2"]
    assert values(source(f"s3://{bucket}/*/*.csv", connection)) == ["1", "9"]
    batch = next(source(f"s3://{bucket}/in/1.csv", connection).read(None))
    assert batch.origin(0) == f"s3://{bucket}/in/1.csv line 2"
    assert batch.time is not None
    assert abs(batch.time - datetime.now(UTC)) < timedelta(minutes=5)


def test_windows_by_path_and_by_modification_time(object_store: ObjectStore, bucket: str, connection: str) -> None:
    for day in (1, 3):
        object_store.put(bucket, f"facts/2026-03-0{day}/x.csv", f"a\n{day}\n".encode())
    by_path = source(f"s3://{bucket}/facts/{{date:%Y-%m-%d}}/*.csv", connection, window={"by": "path"})
    window = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    assert values(by_path, window) == ["1", "3"]
    assert by_path.missing == [f"s3://{bucket}/facts/2026-03-02/*.csv"]
    assert values(by_path) == ["1", "3"]

    by_time = source(f"s3://{bucket}/facts/**/*.csv", connection, window={"by": "modified"})
    now = datetime.now(UTC)
    assert values(by_time, Window(now - timedelta(hours=1), now + timedelta(hours=1))) == ["1", "3"]
    assert values(by_time, Window(now - timedelta(hours=2), now - timedelta(hours=1))) == []


def test_a_listing_is_never_an_old_one(object_store: ObjectStore, bucket: str, connection: str) -> None:
    found = source(f"s3://{bucket}/*.csv", connection)
    assert values(found) == []
    object_store.put(bucket, "x.csv", b"a\n1\n")
    assert values(found) == ["1"]
    object_store.put(bucket, "x.csv", b"a\n22\n")
    assert values(found) == ["22"]


def test_a_large_file_is_streamed(object_store: ObjectStore, bucket: str, connection: str) -> None:
    count = 200_000
    body = b"a,b\n" + b"".join(b"%d,%s\n" % (n, b"x" * 60) for n in range(count))
    object_store.put(bucket, "x.csv", body)
    found = values(source(f"s3://{bucket}/x.csv", connection))
    assert found == [str(n) for n in range(count)]


def test_a_missing_bucket_is_named_with_the_connection(connection: str) -> None:
    for uri in ("s3://no-such-bucket/x.csv", "s3://no-such-bucket/*.csv", "s3://no-such-bucket/**"):
        with pytest.raises(SourceError) as caught:
            source(uri, connection).check()
        assert f"{uri}: there is no bucket 'no-such-bucket' (connection '{connection}')" in str(caught.value)
        with pytest.raises(SourceError, match="there is no bucket 'no-such-bucket'"):
            list(source(uri, connection).read(None))


def test_a_missing_file_is_named_with_the_connection(bucket: str, connection: str) -> None:
    with pytest.raises(SourceError) as caught:
        source(f"s3://{bucket}/in/x.csv", connection).check()
    assert f"s3://{bucket}/in/x.csv: there is no such file (connection '{connection}')" in str(caught.value)
    source(f"s3://{bucket}/in/*.csv", connection).check()


def test_an_empty_file_is_named(object_store: ObjectStore, bucket: str, connection: str) -> None:
    object_store.put(bucket, "x.csv", b"")
    with pytest.raises(SourceError, match=rf"s3://{bucket}/x\.csv: the file is empty: not even a header"):
        values(source(f"s3://{bucket}/x.csv", connection))


def test_a_file_deleted_or_replaced_while_reading_is_named(
    object_store: ObjectStore, bucket: str, connection: str
) -> None:
    for key in ("1.csv", "2.csv", "3.csv"):
        object_store.put(bucket, key, b"a\n1\n")
    reading = source(f"s3://{bucket}/*.csv", connection).read(None)
    next(reading)
    object_store.client().delete_object(Bucket=bucket, Key="2.csv")
    with pytest.raises(SourceError, match=rf"s3://{bucket}/2\.csv: the file was listed but is gone"):
        next(reading)

    reading = source(f"s3://{bucket}/*.csv", connection).read(None)
    next(reading)
    object_store.put(bucket, "3.csv", b"a\n2\n3\n")
    with pytest.raises(SourceError, match=rf"s3://{bucket}/3\.csv: the file was replaced while it was read"):
        next(reading)


def test_refused_credentials_are_named(object_store: ObjectStore, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = json.loads(object_store.airflow_connection())
    wrong["password"] = "wrong"
    monkeypatch.setenv("AIRFLOW_CONN_S3_WRONG_SECRET", json.dumps(wrong))
    with pytest.raises(ConfigurationError) as caught:
        source(f"s3://{bucket}/*.csv", "s3_wrong_secret").files(None)
    assert "the storage refuses the credentials (SignatureDoesNotMatch) (connection 's3_wrong_secret')" in str(
        caught.value
    )
    with pytest.raises(ConfigurationError, match="access denied"):
        source(f"s3://{bucket}/x.csv", "s3_wrong_secret").check()


def test_an_unknown_connection_is_named(bucket: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"there is no Airflow connection 's3_nowhere'.*AIRFLOW_CONN_S3_NOWHERE"
    ):
        source(f"s3://{bucket}/x.csv", "s3_nowhere").check()


def test_a_storage_that_does_not_answer_is_named(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    down = json.loads(object_store.airflow_connection())
    down["extra"]["endpoint_url"] = "http://127.0.0.1:9"
    down["extra"]["config_kwargs"]["retries"] = {"max_attempts": 0}
    monkeypatch.setenv("AIRFLOW_CONN_S3_DOWN", json.dumps(down))
    with pytest.raises(SourceError) as caught:
        source("s3://b/x.csv", "s3_down").check()
    assert "s3://b/x.csv: the storage failed (EndpointConnectionError" in str(caught.value)
    assert "(connection 's3_down')" in str(caught.value)
