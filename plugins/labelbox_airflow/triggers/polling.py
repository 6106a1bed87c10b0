"""What the triggers share that look at something in Labelbox until it has ended."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import Any, ClassVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from labelbox_airflow.engine.errors import DataIOError, LabelboxUnavailableError
from labelbox_airflow.hooks.labelbox import LabelboxHook

_LONGEST_INTERVAL = 30.0
_GROWTH = 1.5
_LOOKS_AT_NOTHING = 5


class LabelboxPollingTrigger(BaseTrigger):  # type: ignore[misc]
    """Fires once, when something in Labelbox has ended or can no longer be waited for.

    The event has ``status`` and ``message``, and what the trigger waits for; ``status`` is one of
    :attr:`final_statuses`, ``timeout``, or ``error`` (key refused, connection wrong, nothing there). Errors that pass
    are waited out, and a status not known yet is taken for running.

    :param labelbox_conn_id: the Airflow connection
    :param poll_interval: seconds before the first look; it grows to 30 s. A trigger that fires before Airflow has noted
        the deferral of its task makes that task fail
    :param timeout: seconds to wait, counted from the making of the trigger, over restarts of the triggerer too
    :param deadline: the same as seconds since the epoch; set when the trigger is made again
    """

    final_statuses: ClassVar[frozenset[str]]
    nothing: ClassVar[str]
    """What is said where there is nothing to look at."""

    def __init__(
        self,
        labelbox_conn_id: str,
        poll_interval: float = 5.0,
        timeout: float = 3600.0,
        deadline: float | None = None,
    ) -> None:
        super().__init__()
        self.labelbox_conn_id = labelbox_conn_id
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.deadline = time.time() + timeout if deadline is None else deadline

    @abstractmethod
    def subject(self) -> dict[str, Any]:
        """Return what is waited for, as it stands in the event."""

    @abstractmethod
    async def look(self, hook: LabelboxHook) -> tuple[str, str] | None:
        """Look once; return status and explanation, None where there is nothing."""

    def arguments(self) -> dict[str, Any]:
        """Return those of :meth:`serialize` that all triggers have."""
        return {
            "labelbox_conn_id": self.labelbox_conn_id,
            "poll_interval": self.poll_interval,
            "timeout": self.timeout,
            "deadline": self.deadline,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until it ends, and yield one event."""
        hook = LabelboxHook(self.labelbox_conn_id)
        interval, looks_at_nothing, last_seen = self.poll_interval, 0, "nothing yet"
        while True:
            await asyncio.sleep(max(0.0, min(interval, self.deadline - time.time())))
            interval = min(interval * _GROWTH, _LONGEST_INTERVAL)
            try:
                found = await self.look(hook)
            except LabelboxUnavailableError as error:
                last_seen = str(error)
            except DataIOError as error:
                yield self._event("error", str(error))
                return
            else:
                looks_at_nothing = looks_at_nothing + 1 if found is None else 0
                last_seen = "nothing there" if found is None else found[0]
                if found is not None and last_seen in self.final_statuses:
                    yield self._event(*found)
                    return
            if looks_at_nothing >= _LOOKS_AT_NOTHING:
                yield self._event("error", self.nothing)
                return
            if time.time() >= self.deadline:
                yield self._event("timeout", f"not done after {self.timeout:g} s; last seen: {last_seen}")
                return

    def _event(self, status: str, message: str) -> TriggerEvent:
        return TriggerEvent({"status": status, **self.subject(), "message": message})
