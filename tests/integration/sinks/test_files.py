"""Files of records in a real S3 server, written through an Airflow connection."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.exports.files.release import read_manifest, verify
from labelbox_airflow.engine.exports.files.write import write_files
from labelbox_airflow.sinks.files import open_target

if TYPE_CHECKING:
    from labelbox_local.stack import ObjectStore

SCHEMA = pa.schema([("key", pa.string()), ("noise", pa.binary())])


@pytest.fixture
def connection(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> str:
    """An Airflow connection of its own; Airflow keeps file systems by connection."""
    name = f"s3_{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", object_store.airflow_connection())
    return name


@pytest.fixture
def bucket(object_store: ObjectStore) -> str:
    name = f"exports-{uuid.uuid4().hex[:8]}"
    object_store.create_bucket(name)
    return name


def batches(count: int, size: int = 10) -> Iterator[pa.RecordBatch]:
    for number in range(count):
        yield pa.RecordBatch.from_pylist([{"key": str(number), "noise": os.urandom(size)}], schema=SCHEMA)


def contents(store: ObjectStore, bucket: str) -> dict[str, bytes]:
    client = store.client()
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def failing(error: BaseException) -> Iterator[pa.RecordBatch]:
    yield from batches(12, 2 << 20)  # several blocks of an upload
    raise error


def test_releases_and_single_files(object_store: ObjectStore, bucket: str, connection: str) -> None:
    folder = open_target(f"s3://{bucket}/out/", connection)
    first = write_files(folder, SCHEMA, batches(2), format="parquet", partition_by=["key"], release="r1")
    second = write_files(folder, SCHEMA, batches(12, 2 << 20), format="parquet", release="r2")
    single = open_target(f"s3://{bucket}/x.ndjson", connection)
    write_files(single, SCHEMA, batches(1))
    write_files(single, SCHEMA, [])
    assert set(contents(object_store, bucket)) == {
        "out/latest.json",
        "out/r1/key=0/part-00000.parquet",
        "out/r1/key=1/part-00000.parquet",
        "out/r1/manifest.json",
        "out/r2/manifest.json",
        "out/r2/part-00000.parquet",
        "x.ndjson",
        "x.ndjson.manifest.json",
    }
    assert (read_manifest(folder, "r1"), read_manifest(folder)) == (first, second)
    for target, manifest in ((folder, first), (folder, second), (single, read_manifest(single))):
        verify(target, manifest)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("the export ended")])
def test_a_failed_run_leaves_the_former_one(
    object_store: ObjectStore, bucket: str, connection: str, error: BaseException
) -> None:
    folder, single = (open_target(f"s3://{bucket}/{name}", connection) for name in ("out", "x.parquet"))
    write_files(folder, SCHEMA, batches(1), format="csv", release="r1")
    write_files(single, SCHEMA, batches(1))
    before = contents(object_store, bucket)
    targets: list[tuple[Any, dict[str, Any]]] = [(folder, {"format": "csv", "release": "r2"}), (single, {})]
    for target, options in targets:
        with pytest.raises(type(error)):
            write_files(target, SCHEMA, failing(error), **options)
    gc.collect()  # an upload that is not called off would be completed here
    assert contents(object_store, bucket) == before
    assert not object_store.client().list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_a_killed_run_leaves_the_former_one(object_store: ObjectStore, bucket: str, connection: str) -> None:
    folder = open_target(f"s3://{bucket}/out", connection)
    write_files(folder, SCHEMA, batches(1), format="ndjson", release="r1")
    before = contents(object_store, bucket)
    program = f"""
        import os, signal
        import pyarrow as pa
        from labelbox_airflow.engine.exports.files.options import FileOptions
        from labelbox_airflow.engine.exports.files.write import write_files
        from labelbox_airflow.sinks.files import open_target

        schema = pa.schema([("key", pa.string()), ("noise", pa.binary())])

        def batches():
            for _ in range(12):
                yield pa.RecordBatch.from_pylist([{{"key": "k", "noise": os.urandom(2 << 20)}}], schema=schema)
            os.kill(os.getpid(), signal.SIGKILL)

        target = open_target("s3://{bucket}/out", "{connection}")
        write_files(target, schema, batches(), format="ndjson", release="r2", options=FileOptions(file_bytes=9 << 20))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    after = contents(object_store, bucket)
    assert {key: after[key] for key in before} == before
    assert any(key.startswith("out/r2/part-") for key in after)  # it did get somewhere
    assert read_manifest(folder).release == "r1"
    write_files(folder, SCHEMA, batches(1), format="ndjson", release="r2")
    assert {key for key in contents(object_store, bucket) if key.startswith("out/r2/")} == {
        "out/r2/manifest.json",
        "out/r2/part-00000.ndjson",
    }


def test_wrong_targets_name_place_and_connection(
    object_store: ObjectStore, bucket: str, connection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(uri: str, name: str) -> str:
        with pytest.raises(ConfigurationError) as caught:
            write_files(open_target(uri, name), SCHEMA, batches(1), format="csv")
        return str(caught.value)

    wrong = f"wrong_{uuid.uuid4().hex[:8]}"
    url = object_store.airflow_connection().replace(object_store.secret_key, "not-the-secret")
    monkeypatch.setenv(f"AIRFLOW_CONN_{wrong.upper()}", url)
    for uri in (f"s3://{bucket}/x.csv", f"s3://{bucket}/folder"):
        message = refused(uri, wrong)
        assert message.startswith(uri)
        assert f"access denied (connection '{wrong}')" in message
    for uri in ("s3://no-such-bucket/x.csv", "s3://no-such-bucket/folder"):
        message = refused(uri, connection)
        assert message.startswith(uri)
        assert not object_store.has_bucket("no-such-bucket")
        assert f"there is no bucket 'no-such-bucket' (connection '{connection}')" in message
    assert "there is no Airflow connection 'nobody'" in refused(f"s3://{bucket}/x.csv", "nobody")
    assert contents(object_store, bucket) == {}
