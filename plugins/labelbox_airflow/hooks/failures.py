"""What lies below an error of an HTTP client."""

from __future__ import annotations

import requests
import urllib3


def root_cause(error: BaseException) -> BaseException:
    """Return the innermost error: that of the system, below the layers of requests and urllib3."""
    return _chain(error)[-1]


def never_sent(error: BaseException) -> bool:
    """Tell whether the request cannot have reached the server, for the connection was never made."""
    unmade = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError, requests.ConnectTimeout)
    return any(isinstance(link, unmade) for link in _chain(error))


def _chain(error: BaseException) -> list[BaseException]:
    links = [error]
    while (inner := _inner(links[-1])) is not None and inner not in links:
        links.append(inner)
    return links


def _inner(error: BaseException) -> BaseException | None:
    reason = getattr(error, "reason", None)  # urllib3 keeps the cause of a MaxRetryError there
    candidates = (reason, *error.args, error.__cause__, error.__context__)
    return next((inner for inner in candidates if isinstance(inner, BaseException)), None)


def is_system_error(error: BaseException) -> bool:
    return isinstance(error, OSError) and not isinstance(error, requests.RequestException)
