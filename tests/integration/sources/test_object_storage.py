"""Tables in each kind of store, read through an Airflow connection."""

from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.integration.buckets import Bucket

from labelbox_airflow.engine.errors import ConfigurationError, SourceError
from labelbox_airflow.engine.window import Window
from labelbox_airflow.sources.tables import TableSource, TableSourceSpec

if TYPE_CHECKING:
    from labelbox_local.stack import ObjectStore


def source(uri: str, connection: str | None, **keys: Any) -> TableSource:
    return TableSource(TableSourceSpec.model_validate({"type": "table", "uri": uri, "connection": connection, **keys}))


def values(found: TableSource, window: Window | None = None) -> list[Any]:
    return [value for batch in found.read(window, ["a"]) for value in batch.rows.column("a").to_pylist()]


def test_globs_read_tables_and_leave_markers_out(bucket: Bucket) -> None:
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
        bucket.put(key, body)
    found = source(bucket.uri("in/**"), bucket.connection)
    assert [file.item.place for file in found.files(None)] == [
        bucket.uri(f"in/{key}") for key in ("1.csv", "deep/3.ndjson", "deep/4.parquet", "deep/er/2.csv.gz")
    ]
    assert values(found) == ["1", "3", 4, "2"]
    assert values(source(bucket.uri("*/*.csv"), bucket.connection)) == ["1", "9"]
    batch = next(source(bucket.uri("in/1.csv"), bucket.connection).read(None))
    assert batch.origin(0) == bucket.uri("in/1.csv line 2")
    assert batch.time is not None
    assert abs(batch.time - datetime.now(UTC)) < timedelta(minutes=5)


def test_windows_by_path_and_by_modification_time(bucket: Bucket) -> None:
    for day in (1, 3):
        bucket.put(f"facts/2026-03-0{day}/x.csv", f"a\n{day}\n".encode())
    by_path = source(bucket.uri("facts/{date:%Y-%m-%d}/*.csv"), bucket.connection, window={"by": "path"})
    window = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    assert values(by_path, window) == ["1", "3"]
    assert by_path.missing == [bucket.uri("facts/2026-03-02/*.csv")]
    assert values(by_path) == ["1", "3"]

    by_time = source(bucket.uri("facts/**/*.csv"), bucket.connection, window={"by": "modified"})
    now = datetime.now(UTC)
    assert values(by_time, Window(now - timedelta(hours=1), now + timedelta(hours=1))) == ["1", "3"]
    assert values(by_time, Window(now - timedelta(hours=2), now - timedelta(hours=1))) == []


def test_a_listing_is_never_an_old_one(bucket: Bucket) -> None:
    found = source(bucket.uri("*.csv"), bucket.connection)
    assert values(found) == []
    bucket.put("x.csv", b"a\n1\n")
    assert values(found) == ["1"]
    bucket.put("x.csv", b"a\n22\n")
    assert values(found) == ["22"]


def test_a_large_file_is_streamed(bucket: Bucket) -> None:
    count = 200_000
    body = b"a,b\n" + b"".join(b"%d,%s\n" % (n, b"x" * 60) for n in range(count))
    bucket.put("x.csv", body)
    found = values(source(bucket.uri("x.csv"), bucket.connection))
    assert found == [str(n) for n in range(count)]


def test_a_missing_bucket_is_named_with_the_connection(remote: Bucket) -> None:
    for key in ("x.csv", "*.csv", "**"):
        uri = remote.uri(key, bucket="no-such-bucket")
        with pytest.raises(SourceError) as caught:
            source(uri, remote.connection).check()
        said = f"{uri}: there is no bucket 'no-such-bucket' (connection '{remote.connection}')"
        assert str(caught.value).startswith(said)
        with pytest.raises(SourceError, match="there is no bucket 'no-such-bucket'"):
            list(source(uri, remote.connection).read(None))


def test_a_missing_file_is_named_with_the_connection(bucket: Bucket) -> None:
    uri = bucket.uri("in/x.csv")
    with pytest.raises(SourceError) as caught:
        source(uri, bucket.connection).check()
    via = f" (connection '{bucket.connection}')" if bucket.connection else ""
    assert str(caught.value).startswith(f"{uri}: there is no such file{via}. ")
    source(bucket.uri("in/*.csv"), bucket.connection).check()


def test_an_empty_file_is_named(bucket: Bucket) -> None:
    bucket.put("x.csv", b"")
    with pytest.raises(SourceError, match=r"x\.csv: the file is empty: not even a header"):
        values(source(bucket.uri("x.csv"), bucket.connection))


def test_a_file_deleted_or_replaced_while_reading_is_named(remote: Bucket) -> None:
    for key in ("1.csv", "2.csv", "3.csv"):
        remote.put(key, b"a\n1\n")
    reading = source(remote.uri("*.csv"), remote.connection).read(None)
    next(reading)
    remote.remove("2.csv")
    with pytest.raises(SourceError, match=r"2\.csv: the file was listed but is gone"):
        next(reading)

    reading = source(remote.uri("*.csv"), remote.connection).read(None)
    next(reading)
    remote.put("3.csv", b"a\n2\n3\n")
    with pytest.raises(SourceError, match=r"3\.csv: the file was replaced while it was read"):
        next(reading)


def test_refused_credentials_are_named(remote: Bucket) -> None:
    remote.put("x.csv", b"a\n1\n")
    wrong, uri = remote.connect("wrong"), remote.uri("*.csv")
    with pytest.raises(ConfigurationError) as caught:
        source(uri, wrong).files(None)
    # Azurite says of a wrong key what Azure says of a closed network.
    said = "access denied" if remote.scheme == "abfs" else "the storage refuses the credentials ("
    assert str(caught.value).startswith(f"{uri}: {said}")
    assert f"(connection '{wrong}')" in str(caught.value)


def test_denied_access_is_named(remote: Bucket) -> None:
    remote.put("x.csv", b"a\n1\n")
    assert values(source(remote.uri("*.csv"), remote.connect("read"))) == ["1"]
    stranger = remote.connect("none")
    for key in ("x.csv", "*.csv"):
        uri = remote.uri(key)
        with pytest.raises(ConfigurationError) as caught:
            source(uri, stranger).files(None)
        assert str(caught.value).startswith(f"{uri}: access denied (connection '{stranger}'). ")
        assert "let them list the bucket and get its objects" in str(caught.value)


@pytest.mark.parametrize("remote", ["s3"], indirect=True)
def test_an_unknown_connection_is_named(remote: Bucket) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no Airflow connection 'nowhere'.*AIRFLOW_CONN_NOWHERE"):
        source(remote.uri("x.csv"), "nowhere").check()


def test_a_storage_that_does_not_answer_is_named(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    down = json.loads(object_store.airflow_connection())
    down["extra"]["endpoint_url"] = "http://127.0.0.1:9"
    down["extra"]["config_kwargs"]["retries"] = {"max_attempts": 0}
    monkeypatch.setenv("AIRFLOW_CONN_S3_DOWN", json.dumps(down))
    with pytest.raises(SourceError) as caught:
        source("s3://b/x.csv", "s3_down").check()
    assert "s3://b/x.csv: the storage failed (EndpointConnectionError" in str(caught.value)
    assert "(connection 's3_down')" in str(caught.value)
