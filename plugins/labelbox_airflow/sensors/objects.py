"""Waits, before a run reads anything, until the objects of a source are ready."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, conf
from airflow.sdk.exceptions import AirflowSensorTimeout

from labelbox_airflow.engine.errors import ConfigurationError, SourceError, SourceUnavailableError
from labelbox_airflow.engine.window import parse_duration
from labelbox_airflow.operators.base import LabelboxOperator, without_vain_retries
from labelbox_airflow.operators.runs import RunPlan, plan_run
from labelbox_airflow.sources.annotations import AnnotationInput
from labelbox_airflow.sources.inputs import Input
from labelbox_airflow.sources.location import LocationSpec
from labelbox_airflow.triggers.objects import ObjectsReadyTrigger

if TYPE_CHECKING:
    from labelbox_airflow.engine.window import Window


class ObjectsReadySensor(LabelboxOperator, BaseSensorOperator):  # type: ignore[misc]
    """Wait for the marker file or the settling that a source asks for, in the folders of the run's own window.

    Looks once; where something is missing it waits in the triggerer, or with ``deferrable=False`` as other sensors
    do, by ``mode``. A dry run does not wait; it says what is not ready.

    :param source: the source, with ``wait_for`` or ``settle``
    :param target: what ``LabelboxEnsureDatasetOperator`` returned
    :param base: directory that a relative URI is relative to
    :param deferrable: wait in the triggerer; by default as ``[operators] default_deferrable`` says
    :param timeout: how long to wait before the task fails, without retries; by default the source's ``wait_timeout``
    :param poke_interval: how long to wait between looks; by default the source's
    """

    template_fields: Sequence[str] = (*LabelboxOperator.template_fields, "target")

    def __init__(
        self,
        *,
        source: Input | AnnotationInput,
        target: Mapping[str, Any] | Any,
        base: str | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("timeout", parse_duration(awaited(source).wait_timeout))
        kwargs.setdefault("poke_interval", parse_duration(awaited(source).poke_interval))
        super().__init__(**kwargs)
        self.source = source
        self.target = target
        self.base = base
        self.deferrable = deferrable
        self._waiting: list[str] = []

    @without_vain_retries
    def execute(self, context: Mapping[str, Any]) -> None:
        """Wait until the objects are ready."""
        plan = self._plan(context)
        if plan.dry_run:
            self._tell_dry_run(plan)
        elif not self.deferrable:
            self._poke_until_ready(context)
        elif not self._is_ready(plan.window):
            self.defer(trigger=self._trigger(plan.window), method_name="execute_complete")

    @without_vain_retries
    def execute_complete(self, _context: Mapping[str, Any], event: Mapping[str, Any] | None = None) -> None:
        """Go on, or fail for good, after the wait."""
        status = event.get("status") if event is not None else None
        self._waiting = list(event.get("waiting") or ()) if event is not None else []
        if status == "timeout":
            raise self._timed_out()
        if status != "ready":
            raise SourceError(self._told() or "the trigger gave no event", where=f"sources.{self.source.name}")
        self.log.info("The objects of '%s' are ready", self.source.name)

    def poke(self, context: Mapping[str, Any]) -> bool:
        """Tell whether the objects are ready; a storage that does not answer is waited out."""
        try:
            return self._is_ready(self._plan(context).window)
        except SourceUnavailableError as error:
            self._waiting = [str(error)]
            self.log.warning("%s", error)
            return False

    def _poke_until_ready(self, context: Mapping[str, Any]) -> None:
        try:
            BaseSensorOperator.execute(self, context)
        except AirflowSensorTimeout:
            raise self._timed_out() from None

    def _is_ready(self, window: Window | None) -> bool:
        self._waiting = self._look(window)
        if self._waiting:
            self.log.info("Waiting for the objects of '%s': %s", self.source.name, self._told())
        return not self._waiting

    def _look(self, window: Window | None) -> list[str]:
        from labelbox_airflow.sources.readiness import Readiness

        readiness = Readiness(awaited(self.source), Path(self.base) if self.base else None)
        readiness.check()
        return readiness.waiting_for(window)

    def _tell_dry_run(self, plan: RunPlan) -> None:
        self._waiting = self._look(plan.window)
        if self._waiting:
            self.log.warning("A dry run does not wait. Not ready in '%s': %s", self.source.name, self._told())

    def _plan(self, context: Mapping[str, Any]) -> RunPlan:
        from labelbox_airflow.engine.ledger import Run

        run = Run(self.target["organization"], self.sync, context["run_id"])
        with self._deployment.open_ledger() as ledger:
            return plan_run(context, ledger.watermark(run.sync, run.organization), ledger.run_state(run))

    def _trigger(self, window: Window | None) -> ObjectsReadyTrigger:
        return ObjectsReadyTrigger(
            source=self.source.spec.model_dump(mode="json", exclude={"join", "missing"}),
            base=self.base,
            window=[window.start.isoformat(), window.end.isoformat()] if window is not None else None,
            poke_interval=self.poke_interval,
            deadline=time.time() + self.timeout,
        )

    def _timed_out(self) -> AirflowSensorTimeout:
        return AirflowSensorTimeout(
            f"sources.{self.source.name}: not ready after {self.timeout:,.0f} s: {self._told()}. "
            "Clear this task once it is there, or raise wait_timeout."
        )

    def _told(self) -> str:
        from labelbox_airflow.sources.readiness import shortened

        return shortened(self._waiting)


def awaited(source: Input | AnnotationInput) -> LocationSpec:
    """Return where the objects of a source are.

    :raises ConfigurationError: for a source that has none, such as a database
    """
    if not isinstance(source.spec, LocationSpec):
        raise ConfigurationError("there are no objects to wait for", where=f"sources.{source.name}")
    return source.spec
