"""The SDK's client, with the habits changed that do not suit unattended runs."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import labelbox
import requests
from google.api_core.exceptions import RetryError
from requests.adapters import HTTPAdapter
from requests.utils import rewind_body

from labelbox_airflow.hooks.backoff import pause_before_repeat, read_retry_after
from labelbox_airflow.hooks.connection import LabelboxConnection

log = logging.getLogger(__name__)

_POOL_SIZE = 16


class Client(labelbox.Client):  # type: ignore[misc]
    """An SDK client for unattended runs.

    It differs from the SDK's own (7.17) in four ways: the key is always the connection's; a rate limit is waited for
    on every surface (the SDK gives up at once); REST and vector requests have a timeout (the SDK's have none); and a
    mutation whose answer is lost is not sent again (the SDK repeats it for 120 s and may so create things twice).
    Its errors are the SDK's (``lbox.exceptions``), never ``RetryError``.
    """

    def __init__(self, connection: LabelboxConnection, *, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(
            api_key=connection.api_key, endpoint=connection.endpoint, rest_endpoint=connection.rest_endpoint
        )
        self._timeout = connection.timeout
        adapter = RateLimitAdapter(timeout=connection.timeout, patience=connection.patience, sleep=sleep)
        for session in (self.connection, self._adv_client.session):
            session.mount("https://", adapter)
            session.mount("http://", adapter)

    def execute(
        self, query: str | None = None, params: Any = None, data: Any = None, files: Any = None, **options: Any
    ) -> Any:
        """Send one GraphQL operation as the SDK does, repeating queries only."""
        options.setdefault("timeout", self._timeout)
        send = self._request_client.execute
        if query is None or query.lstrip().startswith("mutation"):
            send = partial(inspect.unwrap(type(self._request_client).execute), self._request_client)
        try:
            return send(query, params, data=data, files=files, **options)
        except RetryError as error:
            last = error.cause
        raise last


class RateLimitAdapter(HTTPAdapter):
    """Waits while the answer is 429, as long as ``patience`` (seconds) lasts, and never without a timeout."""

    def __init__(self, *, timeout: float, patience: float, sleep: Callable[[float], None] = time.sleep) -> None:
        self._timeout = timeout
        self._patience = patience
        self._sleep = sleep
        super().__init__(pool_maxsize=_POOL_SIZE)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send ``request``, again and again while it is held off."""
        waited, failures = 0.0, 0
        while True:
            response = super().send(request, stream, timeout or self._timeout, verify, cert, proxies)
            if response.status_code != requests.codes.too_many_requests:
                return response
            failures += 1
            pause = pause_before_repeat(failures, read_retry_after(response.headers.get("Retry-After")))
            if waited + pause > self._patience:
                return response
            response.close()
            log.warning("Labelbox limits the rate; attempt %d, repeated in %.1f s", failures, pause)
            self._sleep(pause)
            waited += pause
            if getattr(request, "_body_position", None) is not None:
                rewind_body(request)
