"""Waits for Labelbox tasks in the triggerer."""

from __future__ import annotations

from typing import Any

from labelbox_airflow.hooks.labelbox import LabelboxHook
from labelbox_airflow.triggers.polling import LabelboxPollingTrigger


class LabelboxTaskTrigger(LabelboxPollingTrigger):
    """Fires once, when a Labelbox task has ended or can no longer be waited for.

    The event is ``{"status", "task_id", "message"}``; ``status`` is ``COMPLETE``, ``FAILED`` or ``CANCELED`` as
    Labelbox says, ``timeout``, or ``error`` (key refused, connection wrong, task gone).

    :param labelbox_conn_id: the Airflow connection
    :param task_id: id of the task at Labelbox
    :param poll_interval: see :class:`LabelboxPollingTrigger`, as the further ones
    """

    final_statuses = frozenset({"COMPLETE", "FAILED", "CANCELED"})
    nothing = "Labelbox knows no task of this id for the user of the API key"

    def __init__(
        self,
        labelbox_conn_id: str,
        task_id: str,
        poll_interval: float = 5.0,
        timeout: float = 3600.0,
        deadline: float | None = None,
    ) -> None:
        super().__init__(labelbox_conn_id, poll_interval, timeout, deadline)
        # Airflow writes the id of its own task to self.task_id.
        self.labelbox_task_id = task_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to make this trigger again."""
        return "labelbox_airflow.triggers.tasks.LabelboxTaskTrigger", {**self.arguments(), **self.subject()}

    def subject(self) -> dict[str, Any]:
        """Return the id of the task."""
        return {"task_id": self.labelbox_task_id}

    async def look(self, hook: LabelboxHook) -> tuple[str, str] | None:
        """Look at the task."""
        task = await hook.aget_task(self.labelbox_task_id)
        return None if task is None else (str(task.get("status")), _explain(task))


def _explain(task: dict[str, Any]) -> str:
    errors = task.get("errors")
    return str(errors)[:1000] if errors else f"{task.get('completionPercentage') or 0:g} % done"
