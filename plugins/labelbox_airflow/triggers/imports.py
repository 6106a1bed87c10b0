"""Waits for annotation imports in the triggerer."""

from __future__ import annotations

from typing import Any

from labelbox_airflow.engine.annotations.imports.spec import ImportKind
from labelbox_airflow.hooks.labelbox import LabelboxHook
from labelbox_airflow.triggers.polling import LabelboxPollingTrigger


class LabelboxImportTrigger(LabelboxPollingTrigger):
    """Fires once, when an annotation import has ended or can no longer be waited for.

    The event is ``{"status", "kind", "target", "name", "message"}``; ``status`` is ``FINISHED`` or ``FAILED`` as
    Labelbox says, ``timeout``, or ``error`` (key refused, connection wrong, import gone).

    :param labelbox_conn_id: the Airflow connection
    :param kind: prelabels, labels or predictions
    :param target: id of the project or model run
    :param name: the import's name
    :param poll_interval: see :class:`LabelboxPollingTrigger`, as the further ones
    """

    final_statuses = frozenset({"FINISHED", "FAILED"})
    nothing = "Labelbox knows no import of this name"

    def __init__(
        self,
        labelbox_conn_id: str,
        kind: ImportKind,
        target: str,
        name: str,
        poll_interval: float = 5.0,
        timeout: float = 3600.0,
        deadline: float | None = None,
    ) -> None:
        super().__init__(labelbox_conn_id, poll_interval, timeout, deadline)
        self.kind, self.target, self.name = kind, target, name

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to make this trigger again."""
        return "labelbox_airflow.triggers.imports.LabelboxImportTrigger", {**self.arguments(), **self.subject()}

    def subject(self) -> dict[str, Any]:
        """Return which import is waited for."""
        return {"kind": self.kind, "target": self.target, "name": self.name}

    async def look(self, hook: LabelboxHook) -> tuple[str, str] | None:
        """Look at the import."""
        found = await hook.aget_import(self.kind, self.target, self.name)
        return None if found is None else (found.state, f"the import '{self.name}' is {found.state}")
