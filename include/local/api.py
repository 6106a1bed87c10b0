"""Airflow's REST API as the supervisor asks it: is everything well, which DAGs are there."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime
from typing import Any

# The API is on the loopback, whatever proxy the environment names.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_NEVER = datetime.min.replace(tzinfo=UTC)


def call(url: str, *, token: str = "", body: Any = None, method: str | None = None) -> Any:
    """Make one call and return its JSON answer.

    :raises OSError: not reachable, or answered with an error status (HTTPError)
    """
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, headers=headers, data=data, method=method)  # noqa: S310 - our own URL
    with _opener.open(request, timeout=60) as answer:
        return json.loads(answer.read() or b"null")


def log_in(base_url: str, user: str, password: str) -> str:
    """Return a token for `call`."""
    answer = call(f"{base_url}/auth/token", body={"username": user, "password": password})
    return str(answer["access_token"])


def healthy_components(base_url: str, since: datetime) -> set[str]:
    """Return which of Airflow's parts are well, by the name of their command; a heartbeat before `since` is none."""
    try:
        health = call(f"{base_url}/api/v2/monitor/health")
    except (OSError, ValueError):
        return set()
    found = {"api-server"} if health["metadatabase"]["status"] == "healthy" else set()
    for name in ("scheduler", "triggerer", "dag_processor"):
        part = health.get(name) or {}
        beat = part.get(f"latest_{name}_heartbeat")
        if part.get("status") == "healthy" and (datetime.fromisoformat(beat) if beat else _NEVER) >= since:
            found.add(name.replace("_", "-"))
    return found
