"""The local Labelbox as a child process."""

from __future__ import annotations

import json
import re
import secrets
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labelbox_local.loopback import HOST, is_free, opener
from labelbox_local.object_store import ObjectStore
from labelbox_local.service import Service, ServiceError


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
            with opener.open(request, timeout=30) as answer:
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
