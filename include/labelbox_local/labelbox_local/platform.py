"""What every resolver and worker needs: storage, switches, workers, signed URLs."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from labelbox_local.faults import Faults
from labelbox_local.request_rate import RequestRate
from labelbox_local.store import Store
from labelbox_local.switches import Switches
from labelbox_local.workers import Lane

if TYPE_CHECKING:
    from pathlib import Path

    from labelbox_local.s3 import Endpoint


@dataclass
class Platform:
    """One server and its data directory; the context of every GraphQL request."""

    directory: Path
    base_url: str = ""
    api_key: str | None = None
    allowed_hosts: frozenset[str] = frozenset({"127.0.0.1"})
    switches: Switches = field(default_factory=Switches)

    def __post_init__(self) -> None:
        self.store = Store(self.directory)
        self.uploads = self.directory / "uploads"
        self.exports = self.directory / "exports"
        self.uploads.mkdir(exist_ok=True)
        self.exports.mkdir(exist_ok=True)
        self.import_files = self.directory / "imports"
        self.import_files.mkdir(exist_ok=True)
        self.stopping = threading.Event()
        self.media_wanted = threading.Event()
        self.endpoints: dict[str, Endpoint | None] = {}
        self.faults = Faults()
        self.request_rate = RequestRate()
        # An export need not wait for an import that runs, nor a batch for either.
        self.lanes = {name: Lane(name, self.stopping) for name in ("imports", "exports", "projects", "annotations")}
        self.media_reader: threading.Thread | None = None
        self.webhooks_wanted = threading.Event()
        self.webhook_sender: threading.Thread | None = None

    def close(self) -> None:
        """Stop the workers between two batches (their tasks go on at the next start) and close the database."""
        self.stopping.set()
        self.media_wanted.set()
        self.webhooks_wanted.set()
        for lane in self.lanes.values():
            lane.stop()
        for thread in (self.media_reader, self.webhook_sender):
            if thread:
                thread.join(timeout=30)
        self.store.close()

    def file_url(self, path: str, *, forever: bool = False, until: float | None = None) -> str:
        """A URL that can be downloaded without an API key, for `signed_url_seconds`, `until` a time or for ever."""
        moment = time.time() + self.switches.signed_url_seconds if until is None else until
        expires = "" if forever else str(int(moment))
        query = urlencode({"expires": expires, "signature": self._signature(path, expires)})
        return f"{self.base_url}/files/{path}?{query}"

    def url_is_valid(self, path: str, expires: str, signature: str) -> bool:
        right = hmac.compare_digest(self._signature(path, expires), signature)
        return right and (not expires or int(expires) > time.time())

    def _signature(self, path: str, expires: str) -> str:
        return hmac.new(self.store.secret, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()
