"""What the containers of the profile `local` of docker-compose.yml run: an S3 server, Labelbox, and the samples.

Their addresses and keys are those of the Airflow connections, so nothing is said twice: the S3 server listens where
AIRFLOW_CONN_AWS_DEFAULT says and takes its keys, Labelbox where AIRFLOW_CONN_LABELBOX_DEFAULT says.

    python -m labelbox_local.containers s3 --data /data
    python -m labelbox_local.containers labelbox --data /data
    python -m labelbox_local.containers samples --directory include/samples/receipts
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from labelbox_local import cli
from labelbox_local.stack import ObjectStore, ServiceError, interruptible

_STORE = "AIRFLOW_CONN_AWS_DEFAULT"
_LABELBOX = "AIRFLOW_CONN_LABELBOX_DEFAULT"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one part; return the exit code."""
    chosen = _arguments(arguments)
    try:
        if chosen.part == "s3":
            return _serve_store(chosen.data)
        if chosen.part == "labelbox":
            return _serve_labelbox(chosen.data)
        _put_samples(chosen.directory)
    except (ValueError, ServiceError) as error:
        print(f"{chosen.part}: {error}", file=sys.stderr)
        return 1
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="labelbox_local.containers", description="Run one part of the profile local.")
    parts = parser.add_subparsers(dest="part", required=True)
    for name in ("s3", "labelbox"):
        parts.add_parser(name).add_argument(
            "--data", type=Path, required=True, help="directory that keeps what it holds"
        )
    parts.add_parser("samples").add_argument(
        "--directory", type=Path, required=True, help="what to put into the bucket"
    )
    return parser.parse_args(arguments)


def _serve_store(data: Path) -> int:
    store = _store(data)
    wanted = store.endpoint_url
    with interruptible(), store:
        if store.endpoint_url != wanted:
            raise ServiceError(f"{wanted} or one of the four ports after it is not free.")
        print(f"S3 is ready at {store.endpoint_url}", flush=True)
        while store.exit_code is None:
            time.sleep(0.5)
    print(f"S3 ended by itself; its log is {store.log}", file=sys.stderr)
    return 1


def _serve_labelbox(data: Path) -> int:
    address = _labelbox_address()
    where = ["--host", str(address.hostname), "--port", str(address.port), "--data", str(data)]
    key, media = _connection(_LABELBOX)["password"], _store(data).host
    return cli.main([*where, f"--api-key={key}", "--allow-host", media])


def _put_samples(directory: Path) -> None:
    staging, store = _staging_bucket(), _store(directory)
    bucket = os.environ.get("RECEIPTS_BUCKET", "receipts")
    for name in (bucket, staging):
        if not store.has_bucket(name):
            store.create_bucket(name)
    # What is there stays as it is: it may have been edited since.
    held = {item["Key"] for item in store.client().list_objects_v2(Bucket=bucket).get("Contents", [])}
    files = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.is_file()}
    for key in files.keys() - held:
        store.put(bucket, key, files[key].read_bytes())
    _delegate_access(store, bucket)
    print(f"The {len(files)} sample files are in s3://{bucket}, and Labelbox may read them.")


def _delegate_access(store: ObjectStore, bucket: str) -> None:
    """Let the local Labelbox read a bucket, by an IAM integration.

    :raises ServiceError: it cannot
    """
    address, key = _labelbox_address(), _connection(_LABELBOX)["password"]
    name = os.environ.get("RECEIPTS_INTEGRATION", "receipts-bucket")
    body = {
        "name": name,
        "provider": "AWS",
        "endpoint_url": store.endpoint_url,
        "access_key": store.access_key,
        "secret_key": store.secret_key,
        "bucket": bucket,
        "region": store.region,
    }
    request = urllib.request.Request(  # noqa: S310 - the address of our own connection
        f"{address.scheme}://{address.netloc}/admin/integrations",
        method="PUT",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        if not json.loads(answer.read())["valid"]:
            raise ServiceError(f"The integration '{name}' cannot read the bucket '{bucket}'.")


def _store(directory: Path) -> ObjectStore:
    """Return the S3 server of the connection, not started."""
    connection = _connection(_STORE)
    address = urlsplit(str(connection.get("extra", {}).get("endpoint_url")))
    if not (address.hostname and address.port):
        raise ValueError(f"extra.endpoint_url of {_STORE} must say host and port of the local S3 server")
    store = ObjectStore(directory)
    store.host = address.hostname
    store.access_key, store.secret_key = connection["login"], connection["password"]
    store.ports = [address.port + offset for offset in range(5)]
    return store


def _labelbox_address() -> SplitResult:
    address = urlsplit(str(_connection(_LABELBOX).get("host")))
    if not (address.hostname and address.port):
        raise ValueError(f"host of {_LABELBOX} must be the address of the local Labelbox, with its port")
    return address


def _staging_bucket() -> str:
    staging = urlsplit(os.environ.get("LABELBOX_STAGING", ""))
    if staging.scheme != "s3" or not staging.hostname:
        raise ValueError("LABELBOX_STAGING must be in the local S3 server: s3://aws_default@bucket/prefix")
    return staging.hostname


def _connection(name: str) -> dict[str, Any]:
    """Return what the variable of an Airflow connection says, with a password.

    :raises ValueError: there is none, or it is not JSON
    """
    try:
        connection = json.loads(os.environ.get(name, ""))
    except ValueError:
        connection = None
    if not isinstance(connection, dict) or not connection.get("password"):
        raise ValueError(f"{name} must be JSON with a password; .env.example has it for the profile local")
    return connection


if __name__ == "__main__":
    sys.exit(main())
