"""Looks at Labelbox tasks, from a worker or from the event loop of a triggerer."""

from __future__ import annotations

import os
import ssl
from functools import cache
from pathlib import Path
from typing import Any

import certifi
import httpx

from labelbox_airflow.engine.errors import LabelboxError
from labelbox_airflow.engine.transport import Transport
from labelbox_airflow.hooks.answers import Answer, AnswerReader, PassingError
from labelbox_airflow.hooks.connection import LabelboxConnection
from labelbox_airflow.hooks.failures import root_cause

_USER = "query GetUserPyApi { user { id } }"
# A task is reached through the user who created it, as labelbox.Client.get_task_by_id of SDK 7.17 does.
_TASK = (
    "query GetUserCreatedTasksPyApi($userId: ID!, $taskId: ID!) { user(where: {id: $userId}) "
    "{ createdTasks(where: {id: $taskId} skip: 0 first: 1) "
    "{ id name type status completionPercentage errors result metadata createdAt updatedAt } } }"
)


class TaskPolling:
    """Reads tasks of the API key's user, whose id it asks for once."""

    def __init__(self) -> None:
        self._user_id: str | None = None

    def get(self, transport: Transport, task_id: str) -> dict[str, Any] | None:
        """Return the task; None when the user has none of this id."""
        if self._user_id is None:
            self._user_id = _user_id(transport.execute(_USER))
        return _task(transport.execute(_TASK, {"userId": self._user_id, "taskId": task_id}))

    async def aget(self, connection: LabelboxConnection, task_id: str) -> dict[str, Any] | None:
        """Return the task; None when the user has none of this id. One attempt, errors as ``Transport.execute``."""
        async with _client(connection) as client:
            if self._user_id is None:
                self._user_id = _user_id(await _execute(client, connection, _USER, {}))
            return _task(await _execute(client, connection, _TASK, {"userId": self._user_id, "taskId": task_id}))


async def aexecute(connection: LabelboxConnection, query: str, variables: dict[str, Any]) -> dict[str, Any] | None:
    """Send one operation from the event loop: one attempt, answer and errors as ``Transport.execute``."""
    async with _client(connection) as client:
        return await _execute(client, connection, query, variables)


def _client(connection: LabelboxConnection) -> httpx.AsyncClient:
    return httpx.AsyncClient(headers=connection.headers(), timeout=connection.timeout, verify=_certificates())


async def _execute(
    client: httpx.AsyncClient, connection: LabelboxConnection, query: str, variables: dict[str, Any]
) -> dict[str, Any] | None:
    operation = query.split()[1].split("(")[0]
    failure: Exception
    try:
        response = await client.post(connection.endpoint, json={"query": query, "variables": variables})
    except httpx.RequestError as error:
        failure = error
    else:
        answer = Answer(response.status_code, response.headers, response.content)
        return AnswerReader(connection).graphql(answer, operation)
    root = root_cause(failure)
    reason = f"{type(failure).__name__}: {root}".rstrip(": ")
    raise PassingError(f"{operation} got no answer ({reason})", where=connection.where) from root


@cache
def _certificates() -> ssl.SSLContext:
    """Return the certificates to trust, loaded once: that takes longer than a poll."""
    named = os.environ.get("REQUESTS_CA_BUNDLE")
    if named and Path(named).is_dir():
        return ssl.create_default_context(capath=named)
    return ssl.create_default_context(cafile=named or certifi.where())


def _user_id(data: dict[str, Any] | None) -> str:
    user = (data or {}).get("user")
    if not isinstance(user, dict) or not user.get("id"):
        raise LabelboxError("GetUserPyApi was answered without the user of the API key")
    return str(user["id"])


def _task(data: dict[str, Any] | None) -> dict[str, Any] | None:
    user = (data or {}).get("user")
    tasks = user.get("createdTasks") if isinstance(user, dict) else None
    return dict(tasks[0]) if tasks else None
