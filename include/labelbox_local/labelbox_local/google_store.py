"""A Google Cloud Storage as a child process: `fake-gcs-server` behind a gate that asks for access tokens."""

from __future__ import annotations

import json
import re
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from labelbox_local.google_accounts import Account, read_or_make_accounts
from labelbox_local.loopback import HOST, is_free, opener
from labelbox_local.service import Rights, Service


class GoogleStore(Service):
    """A server of Google's JSON protocol, with service accounts whose keys its directory keeps; others get a 401.

    Whoever talks to it by gcsfs needs GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT=false in the environment: gcsfs would ask
    Google itself, by gRPC, what kind of bucket each is.
    """

    name = "google-store"
    project = "labelbox-local"
    kept = ("port",)
    _ready_line = re.compile(r"^Ready at http://\S+:(\d+)$", re.MULTILINE)

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.port = 0
        self._credentials: Any = None
        self._recall()

    @property
    def endpoint_url(self) -> str:
        """Where it is, since its first start."""
        return f"http://{HOST}:{self.port}"

    def account(self, rights: Rights = "all") -> Account:
        """Return the key file of a service account, as Google gives it out; its `token_uri` is that of this server."""
        return read_or_make_accounts(self.directory)[rights] | {"token_uri": f"{self.endpoint_url}/token"}

    def call(self, method: str, path: str, body: bytes | None = None, content_type: str = "application/json") -> Any:
        """Make a call as the account with all rights, such as `call("GET", "storage/v1/b")`; return its JSON answer."""
        headers = {"Content-Type": content_type, "Authorization": f"Bearer {self._token()}"}
        request = urllib.request.Request(f"{self.endpoint_url}/{path}", body, headers, method=method)  # noqa: S310
        with opener.open(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def create_bucket(self, bucket: str) -> None:
        """Make a private bucket."""
        self.call("POST", f"storage/v1/b?project={self.project}", json.dumps({"name": bucket}).encode())

    def has_bucket(self, bucket: str) -> bool:
        """Tell whether there is a bucket of that name."""
        found = self.call("GET", f"storage/v1/b?project={self.project}")
        return any(each["name"] == bucket for each in found.get("items", ()))

    def put(self, bucket: str, key: str, body: bytes) -> str:
        """Store one object and return its `gs://` URI."""
        query = urllib.parse.urlencode({"uploadType": "media", "name": key})
        self.call("POST", f"upload/storage/v1/b/{bucket}/o?{query}", body, "application/octet-stream")
        return f"gs://{bucket}/{key}"

    def airflow_connection(self, rights: Rights = "all") -> str:
        """Return the JSON of a `google_cloud_platform` connection, for AIRFLOW_CONN_…."""
        extra = {
            "keyfile_dict": json.dumps(self.account(rights)),
            "project": self.project,
            "gcs.endpoint": self.endpoint_url,
        }
        return json.dumps({"conn_type": "google_cloud_platform", "extra": extra})

    def _token(self) -> str:
        from google.auth.transport.requests import Request
        from google.oauth2.service_account import Credentials

        if self._credentials is None:
            self._credentials = Credentials.from_service_account_info(
                self.account(), scopes=["devstorage.full_control"]
            )
            self._credentials.refresh(Request())
        return str(self._credentials.token)

    def _command(self) -> list[str]:
        self._credentials = None  # tokens are forgotten with the process that gave them
        read_or_make_accounts(self.directory)
        port = self.port if self.port and is_free(self.port) else 0
        return [sys.executable, "-m", "labelbox_local.google_gate", str(port), str(self.directory)]

    def _environment(self) -> dict[str, str]:
        return {"PYTHONUNBUFFERED": "1"}

    def _is_ready(self) -> bool:
        ready = self._ready_line.search(self.log.read_text(errors="replace"))
        if ready:
            self.port = int(ready.group(1))
        return ready is not None
