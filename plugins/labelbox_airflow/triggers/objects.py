"""Waits in the triggerer until the objects of a source are ready to be read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from labelbox_airflow.engine.errors import DataIOError, SourceUnavailableError
from labelbox_airflow.engine.window import Window

if TYPE_CHECKING:
    from labelbox_airflow.sources.readiness import Readiness

# Seconds. A trigger that fires before Airflow has noted the deferral of its task makes that task fail.
_FIRST_LOOK = 5.0


class ObjectsReadyTrigger(BaseTrigger):  # type: ignore[misc]
    """Fires once, when the objects of a source are ready or can no longer be waited for.

    The event is ``{"status", "waiting"}``: ``ready``; ``timeout`` with what is still not there, a sentence each; or
    ``error`` with what is wrong (connection, credentials, bucket). A storage that does not answer is waited out.

    :param source: the source as in the sync file
    :param base: directory that a relative URI is relative to
    :param window: start and end of what the run reads, ISO 8601; None for everything
    :param poke_interval: seconds between looks
    :param deadline: seconds since the epoch, so that a restart of the triggerer does not start the wait anew
    """

    def __init__(
        self,
        source: Mapping[str, Any],
        base: str | None,
        window: Sequence[str] | None,
        poke_interval: float,
        deadline: float,
    ) -> None:
        super().__init__()
        self.source = dict(source)
        self.base = base
        self.window = list(window) if window is not None else None
        self.poke_interval = poke_interval
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to make this trigger again."""
        names = ("source", "base", "window", "poke_interval", "deadline")
        return "labelbox_airflow.triggers.objects.ObjectsReadyTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until all is ready, and yield one event."""
        readiness: Readiness | None = None
        await asyncio.sleep(max(0.0, min(_FIRST_LOOK, self.poke_interval, self.deadline - time.time())))
        try:
            while True:
                try:
                    # Storages and connections are looked up by calls that block, so they stay off the event loop.
                    if readiness is None:
                        readiness = await asyncio.to_thread(self._open)
                    waiting = await asyncio.to_thread(readiness.waiting_for, self._reach())
                except SourceUnavailableError as error:
                    waiting = [str(error)]
                except DataIOError as error:
                    yield TriggerEvent({"status": "error", "waiting": [str(error)]})
                    return
                if not waiting:
                    yield TriggerEvent({"status": "ready", "waiting": []})
                    return
                remaining = self.deadline - time.time()
                if remaining <= 0:
                    yield TriggerEvent({"status": "timeout", "waiting": waiting})
                    return
                self.log.info("Waiting: %s", "; ".join(waiting[:5]))
                await asyncio.sleep(min(self.poke_interval, remaining))
        finally:
            if readiness is not None:
                readiness.close()

    def _open(self) -> Readiness:
        from pydantic import TypeAdapter

        from labelbox_airflow.sources.readiness import AwaitedSpec, Readiness

        spec: AwaitedSpec = TypeAdapter(AwaitedSpec).validate_python(self.source)
        # Fresh, as a triggerer lives for weeks, and credentials do not.
        return Readiness(spec, Path(self.base) if self.base else None, fresh=True)

    def _reach(self) -> Window | None:
        if self.window is None:
            return None
        start, end = map(datetime.fromisoformat, self.window)
        return Window(start, end)
