"""Sends HTTP requests to Labelbox, counts them, and repeats those that may be repeated."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from labelbox_airflow.engine.errors import LabelboxError, LabelboxUnavailableError
from labelbox_airflow.hooks.answers import PassingError
from labelbox_airflow.hooks.backoff import pause_before_repeat
from labelbox_airflow.hooks.connection import LabelboxConnection
from labelbox_airflow.hooks.failures import is_system_error, never_sent, root_cause
from labelbox_airflow.hooks.multipart import MultipartRequest

log = logging.getLogger(__name__)

LOST = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
"""What the HTTP client raises when a request or its answer is lost."""

_POOL_SIZE = 16
_CONNECT_TIMEOUT = 10.0

Result = TypeVar("Result")


class Sender:
    """Sends requests over pooled connections; threads may share it.

    :param sleep: waits so many seconds between attempts
    :param clock: monotonic seconds
    """

    def __init__(
        self,
        connection: LabelboxConnection,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._sleep = sleep
        self._clock = clock
        self._session = _pooled_session()
        self._counting = threading.Lock()
        self.calls = 0
        self.write_calls = 0

    def close(self) -> None:
        """Close the pooled connections; the next request opens new ones."""
        self._session.close()

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        operation: str,
        body: bytes | MultipartRequest | None = None,
        writes: bool = False,
        stream: bool = False,
    ) -> requests.Response:
        """Send one request and return its answer, whatever its status.

        :param operation: the request as messages name it
        :param writes: count it as one that writes
        :param stream: leave the body of the answer unread, and follow redirects
        :raises PassingError: the server cannot be reached or the answer was lost
        """
        with self._counting:
            self.calls += 1
            self.write_calls += writes
        timeout = self._connection.timeout
        failure: Exception
        try:
            # Prepared outside the session, so that neither cookies nor ~/.netrc replace what is sent.
            request = requests.Request(method, url, headers=dict(headers), data=body).prepare()
            settings = self._session.merge_environment_settings(request.url, {}, stream, None, None)
            return self._session.send(
                request, timeout=(min(_CONNECT_TIMEOUT, timeout), timeout), allow_redirects=stream, **settings
            )
        except LOST as error:
            failure = error
        # Raised here, not above: the caught error knows the URL, and its query may be a signature.
        raise self.lost(failure, url, operation)

    def lost(self, failure: Exception, url: str, operation: str) -> LabelboxError:
        """Return the error that a ``failure`` of the HTTP client stands for."""
        root = root_cause(failure)
        cause = root if is_system_error(root) else None
        reason = f"{type(root).__name__}: {root}" if cause else type(failure).__name__
        host = urlsplit(url).netloc.rsplit("@", 1)[-1]
        error: LabelboxError
        if isinstance(root, ssl.SSLCertVerificationError):
            error = LabelboxError(
                f"the certificate of {host} is not trusted ({reason})",
                where=self._connection.where,
                remedy="Name the certificate authority in the environment variable REQUESTS_CA_BUNDLE",
            )
        elif never_sent(failure):
            error = PassingError(
                f"{host} cannot be reached ({reason})",
                where=self._connection.where,
                remedy="Check the endpoint (field host) and the network",
                unprocessed=True,
            )
        else:
            error = PassingError(f"the answer to {operation} was lost ({reason})", where=self._connection.where)
        error.__cause__ = cause
        return error

    def persist(self, attempt: Callable[[], Result], *, idempotent: bool) -> Result:
        """Repeat ``attempt`` while its errors may pass and the patience of the connection lasts.

        :param idempotent: False repeats only what Labelbox surely did not process
        :raises LabelboxUnavailableError: it is not, or no longer, repeated; the last error is its cause
        """
        started = self._clock()
        failures = 0
        while True:
            passing: PassingError
            try:
                return attempt()
            except PassingError as error:
                passing = error
            failures += 1
            if not (idempotent or passing.unprocessed):
                raise _given_up(passing, failures, "It is not repeated, for Labelbox may have carried it out")
            pause = pause_before_repeat(failures, passing.retry_after)
            if self._clock() - started + pause > self._connection.patience:
                raise _given_up(passing, failures, self._out_of_patience(passing))
            log.warning("%s; attempt %d, repeated in %.1f s", passing.message, failures, pause)
            self._sleep(pause)

    def _out_of_patience(self, passing: PassingError) -> str:
        asked = f"Labelbox asks to wait {passing.retry_after:g} s" if passing.retry_after is not None else None
        advice = passing.remedy or asked or "Try again later"
        return f"{advice}; the patience of the connection is {self._connection.patience:g} s"


def _given_up(passing: PassingError, attempts: int, remedy: str) -> LabelboxUnavailableError:
    times = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    error = LabelboxUnavailableError(f"{passing.message} ({times})", where=passing.where, remedy=remedy)
    error.__cause__ = passing.__cause__ or passing
    return error


def _pooled_session() -> requests.Session:
    session = requests.Session()
    session.headers.clear()
    adapter = HTTPAdapter(pool_maxsize=_POOL_SIZE)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
