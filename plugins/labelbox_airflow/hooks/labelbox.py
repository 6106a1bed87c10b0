"""The only door to Labelbox: an Airflow connection becomes an SDK client, a transport, or an async look at a task."""

from __future__ import annotations

import dataclasses
import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from labelbox_airflow.engine.errors import DataIOError
from labelbox_airflow.hooks.connection import LabelboxConnection, missing_connection

if TYPE_CHECKING:
    from labelbox_airflow.engine.annotations.imports.spec import ImportKind
    from labelbox_airflow.engine.api.annotation_imports import ImportState
    from labelbox_airflow.hooks.client import Client
    from labelbox_airflow.hooks.polling import TaskPolling
    from labelbox_airflow.hooks.transport import LabelboxTransport

_TEST_TIMEOUT = 10.0
_TEST_PATIENCE = 5.0

# At INFO they tell of every request; at DEBUG they print answers with signed URLs and the secrets of webhooks.
_NOISY_LOGGERS = ("labelbox", "lbox", "urllib3", "httpx", "httpcore")


class LabelboxHook(BaseHook):  # type: ignore[misc]
    """Gives access to the Labelbox workspace of an Airflow connection of type ``labelbox``.

    :param labelbox_conn_id: the connection; its password is the API key, its host the GraphQL endpoint
        (default ``https://api.labelbox.com/graphql``), its extras ``rest_endpoint``, ``timeout`` and ``patience``
    """

    conn_name_attr = "labelbox_conn_id"
    default_conn_name = "labelbox_default"
    conn_type = "labelbox"
    hook_name = "Labelbox"

    def __init__(self, labelbox_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.labelbox_conn_id = labelbox_conn_id
        self._connection: LabelboxConnection | None = None

    @property
    def connection(self) -> LabelboxConnection:
        """What the Airflow connection says.

        :raises ConfigurationError: there is no such connection, or a field of it cannot be right
        """
        if self._connection is None:
            try:
                stored = self.get_connection(self.labelbox_conn_id)
            except AirflowNotFoundException:
                raise missing_connection(self.labelbox_conn_id) from None
            self._connection = LabelboxConnection.of(stored)
            mask_secret(self._connection.api_key)
            _quiet_loggers()
        return self._connection

    async def _aconnection(self) -> LabelboxConnection:
        if self._connection is None:
            try:
                stored = await self.aget_connection(self.labelbox_conn_id)
            except AirflowNotFoundException:
                raise missing_connection(self.labelbox_conn_id) from None
            # Airflow has masked the key on handing it out; masking it again would block the event loop.
            self._connection = LabelboxConnection.of(stored)
            _quiet_loggers()
        return self._connection

    @cached_property
    def client(self) -> Client:
        """An SDK client, for everything that is not bulk; its errors are those of ``lbox.exceptions``.

        It belongs to this process and must not be pickled: the SDK would write out the API key.
        """
        from labelbox_airflow.hooks.client import Client

        return Client(self.connection)

    def get_conn(self) -> Client:
        """Return :attr:`client`."""
        return self.client

    def transport(self) -> LabelboxTransport:
        """Return the engine's way to Labelbox, the same one on every call; threads may share it."""
        return self._transport

    @cached_property
    def _transport(self) -> LabelboxTransport:
        from labelbox_airflow.hooks.transport import LabelboxTransport

        return LabelboxTransport(self.connection)

    @cached_property
    def _polling(self) -> TaskPolling:
        from labelbox_airflow.hooks.polling import TaskPolling

        return TaskPolling()

    def get_task(self, task_id: str) -> dict[str, Any] | None:
        """Return a task of the API key's user: ``id``, ``name``, ``status``, ``completionPercentage``, ``errors`` …

        :return: None when the user has no such task
        """
        return self._polling.get(self.transport(), task_id)

    async def aget_task(self, task_id: str) -> dict[str, Any] | None:
        """Return what :meth:`get_task` returns, without blocking the event loop, in one attempt.

        :raises LabelboxUnavailableError: Labelbox did not answer, or limits the rate; it may at the next look
        """
        return await self._polling.aget(await self._aconnection(), task_id)

    async def aget_import(self, kind: ImportKind, target: str, name: str) -> ImportState | None:
        """Return an annotation import by its name, without blocking the event loop, in one attempt.

        :param target: id of the project, or for predictions of the model run
        :return: None when there is none of the name
        """
        from labelbox_airflow.engine.api.annotation_imports import find_query, found_state
        from labelbox_airflow.hooks.polling import aexecute

        query, variables = find_query(kind, target, name)
        return found_state(kind, await aexecute(await self._aconnection(), query, variables))

    def test_connection(self) -> tuple[bool, str]:
        """Ask Labelbox who we are; return whether that worked, and the names or the reason."""
        from labelbox_airflow.hooks.transport import LabelboxTransport

        try:
            hasty = dataclasses.replace(self.connection, timeout=_TEST_TIMEOUT, patience=_TEST_PATIENCE)
            with LabelboxTransport(hasty) as transport:
                data = transport.execute("query GetUserPyApi { user { email name } organization { name } }")
        except DataIOError as error:
            return False, str(error)
        user = (data or {}).get("user") or {}
        organization = (data or {}).get("organization") or {}
        return True, f"Connected to {organization.get('name')} as {user.get('email') or user.get('name')}"


def _quiet_loggers() -> None:
    for name in _NOISY_LOGGERS:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
