"""Waits for Labelbox tasks in the triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from labelbox_airflow.engine.errors import DataIOError, LabelboxUnavailableError
from labelbox_airflow.hooks.labelbox import LabelboxHook

FINAL_STATUSES = frozenset({"COMPLETE", "FAILED", "CANCELED"})

_LONGEST_INTERVAL = 30.0
_GROWTH = 1.5
_LOOKS_AT_NOTHING = 5


class LabelboxTaskTrigger(BaseTrigger):  # type: ignore[misc]
    """Fires once, when a Labelbox task has ended or can no longer be waited for.

    The event is ``{"status", "task_id", "message"}``; ``status`` is ``COMPLETE``, ``FAILED`` or ``CANCELED`` as
    Labelbox says, ``timeout``, or ``error`` (key refused, connection wrong, task gone). Errors that pass are waited
    out, and a status not known yet is taken for running.

    :param labelbox_conn_id: the Airflow connection
    :param task_id: id of the task at Labelbox
    :param poll_interval: seconds before the first look; it grows to 30 s. A trigger that fires before Airflow has noted
        the deferral of its task makes that task fail
    :param timeout: seconds to wait, counted from the making of the trigger, over restarts of the triggerer too
    :param deadline: the same as seconds since the epoch; set when the trigger is made again
    """

    def __init__(
        self,
        labelbox_conn_id: str,
        task_id: str,
        poll_interval: float = 5.0,
        timeout: float = 3600.0,
        deadline: float | None = None,
    ) -> None:
        super().__init__()
        self.labelbox_conn_id = labelbox_conn_id
        # Airflow writes the id of its own task to self.task_id.
        self.labelbox_task_id = task_id
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.deadline = time.time() + timeout if deadline is None else deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to make this trigger again."""
        return (
            "labelbox_airflow.triggers.tasks.LabelboxTaskTrigger",
            {
                "labelbox_conn_id": self.labelbox_conn_id,
                "task_id": self.labelbox_task_id,
                "poll_interval": self.poll_interval,
                "timeout": self.timeout,
                "deadline": self.deadline,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look at the task until it ends, and yield one event."""
        hook = LabelboxHook(self.labelbox_conn_id)
        interval, looks_at_nothing, last_seen = self.poll_interval, 0, "nothing yet"
        while True:
            await asyncio.sleep(max(0.0, min(interval, self.deadline - time.time())))
            interval = min(interval * _GROWTH, _LONGEST_INTERVAL)
            try:
                task = await hook.aget_task(self.labelbox_task_id)
            except LabelboxUnavailableError as error:
                last_seen = str(error)
            except DataIOError as error:
                yield self._event("error", str(error))
                return
            else:
                looks_at_nothing = looks_at_nothing + 1 if task is None else 0
                last_seen = "no such task" if task is None else str(task.get("status"))
                if last_seen in FINAL_STATUSES:
                    yield self._event(last_seen, _explain(task or {}))
                    return
            if looks_at_nothing >= _LOOKS_AT_NOTHING:
                yield self._event("error", "Labelbox knows no task of this id for the user of the API key")
                return
            if time.time() >= self.deadline:
                yield self._event("timeout", f"not done after {self.timeout:g} s; last seen: {last_seen}")
                return

    def _event(self, status: str, message: str) -> TriggerEvent:
        return TriggerEvent({"status": status, "task_id": self.labelbox_task_id, "message": message})


def _explain(task: dict[str, Any]) -> str:
    errors = task.get("errors")
    return str(errors)[:1000] if errors else f"{task.get('completionPercentage') or 0:g} % done"
