"""Buckets of every kind of store, as tests of sources and sinks use them: S3, Google, Azure, and the local disk."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SCHEMES = {"s3": "object_store", "gs": "google_store", "abfs": "azure_store"}
REMOTE = list(SCHEMES)
ALL = [*REMOTE, "local"]


@dataclass(frozen=True)
class Bucket:
    """A bucket of its own, and Airflow connections that lead to it.

    :param store: the stand-in; None for the local disk
    :param name: of the bucket; a folder on the local disk
    :param connection: with all rights; None on the local disk
    """

    scheme: str
    store: Any
    name: str
    connection: str | None
    environment: pytest.MonkeyPatch

    def uri(self, key: str, bucket: str | None = None) -> str:
        """Return what sync files call an object, or a glob; ``bucket`` is another than this one."""
        return f"{self.name}/{key}" if self.store is None else f"{self.scheme}://{bucket or self.name}/{key}"

    def put(self, key: str, body: bytes) -> str:
        """Store an object; a key that ends with a slash is the marker of a folder."""
        if self.store is not None:
            return str(self.store.put(self.name, key, body))
        path = Path(self.name) / key
        path.parent.mkdir(parents=True, exist_ok=True)
        if key.endswith("/"):
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(body)
        return str(path)

    def connect(self, rights: str) -> str:
        """Return a connection of an account that may `read`, may do nothing (`none`), or whose key is `wrong`."""
        text = self.store.airflow_connection("all" if rights == "wrong" else rights)
        return set_connection(self.environment, _with_wrong_key(self.scheme, text) if rights == "wrong" else text)

    @property
    def file_system(self) -> Any:
        """The file system, as Airflow opens it, with nothing remembered."""
        from airflow.sdk import ObjectStoragePath

        root = f"file://{self.name}" if self.store is None else self.uri("")
        system = ObjectStoragePath(root, conn_id=self.connection).fs
        system.invalidate_cache()
        return system

    def contents(self) -> dict[str, bytes]:
        """Return all that is in it, by key."""
        system = self.file_system
        return {path.removeprefix(f"{self.name}/"): system.cat_file(path) for path in system.find(self.name)}

    def remove(self, key: str) -> None:
        """Remove an object."""
        self.file_system.rm_file(f"{self.name}/{key}")


def make_bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Return a bucket of the kind that a fixture is parametrized with; Airflow keeps file systems by connection."""
    if request.param == "local":
        return Bucket("", None, str(request.getfixturevalue("tmp_path")), None, monkeypatch)
    store = request.getfixturevalue(SCHEMES[request.param])
    name = f"test-{uuid.uuid4().hex[:8]}"
    store.create_bucket(name)
    connection = set_connection(monkeypatch, store.airflow_connection())
    return Bucket(request.param, store, name, connection, monkeypatch)


def set_connection(environment: pytest.MonkeyPatch, text: str) -> str:
    """Make an Airflow connection and return its name."""
    name = f"store_{uuid.uuid4().hex[:8]}"
    environment.setenv(f"AIRFLOW_CONN_{name.upper()}", text)
    return name


def _with_wrong_key(scheme: str, text: str) -> str:
    connection = json.loads(text)
    if scheme == "s3":
        connection["password"] = "wrong"
    elif scheme == "abfs":
        parts = connection["extra"]["connection_string"].split("AccountKey=")
        connection["extra"]["connection_string"] = f"{parts[0]}AccountKey=d3Jvbmc="
    else:
        key = json.loads(connection["extra"]["keyfile_dict"])
        key["client_email"] = "nobody@labelbox-local.iam.gserviceaccount.com"
        connection["extra"]["keyfile_dict"] = json.dumps(key)
    return json.dumps(connection)
