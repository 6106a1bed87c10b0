"""Annotations: read from a source, checked and compared, then imported into a project, unit by unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import conf, literal
from airflow.sdk.definitions._internal.mixins import ResolveMixin

from labelbox_airflow.engine.annotations.spec import AnnotationsSpec
from labelbox_airflow.engine.errors import ConfigurationError, LabelboxError, LabelboxUnavailableError
from labelbox_airflow.operators.base import LabelboxOperator, without_vain_retries
from labelbox_airflow.operators.data_rows import BUSY_PAUSE, SUMMARY
from labelbox_airflow.operators.runs import is_dry_run
from labelbox_airflow.sources.annotations import AnnotationFilesSpec, AnnotationInput
from labelbox_airflow.triggers.imports import LabelboxImportTrigger

if TYPE_CHECKING:
    from labelbox_airflow.engine.annotations.imports.upload import UnitImport
    from labelbox_airflow.engine.api.ontologies import StoredOntology
    from labelbox_airflow.engine.ledger import Ledger, Run
    from labelbox_airflow.engine.window import Window
    from labelbox_airflow.sources.annotation_records import AnnotationRecords
    from labelbox_airflow.sources.annotations import AnnotationSource

FIRST_LOOK = 10.0  # seconds in which most imports end; deferring costs about as much


class LabelboxPrepareAnnotationsOperator(LabelboxOperator):
    """Read annotations, check them, and stage those that are new or changed, in units of imports.

    Each annotation is checked against the ontology of the project and the asset of its data row, which has to be in
    the project. Wrong ones are kept with the reason. Reads the window of the run.

    :param annotations: as under ``annotations:`` of a sync file; ``from`` may be left out
    :param source: where they are
    :param records: annotations given directly instead: see
        :class:`~labelbox_airflow.sources.annotation_records.AnnotationRecords`
    :param target: what :class:`LabelboxEnsureProjectOperator` returned
    :param base: directory that relative URIs are relative to
    :param guard: ``max_rejected``, as under ``guard:`` of a sync file; checked before anything is sent
    :return: names of the units to import; none in a dry run
    """

    template_fields: Sequence[str] = (*LabelboxOperator.template_fields, "target", "records")

    def __init__(
        self,
        *,
        annotations: Mapping[str, Any],
        source: AnnotationInput | None = None,
        records: Any = None,
        target: Mapping[str, Any] | Any,
        base: str | None = None,
        guard: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if (source is None) == (records is None):
            raise ValueError("give annotations by source (where they are) or by records (themselves)")
        self.annotations = {"from": source.name if source is not None else "records", **annotations}
        AnnotationsSpec.model_validate(self.annotations)  # what is wrong with it is refused while the DAG is parsed
        self.source = source
        # Texts of annotations are no templates.
        self.records = records if records is None or isinstance(records, ResolveMixin) else literal(records)
        self.target = target
        self.base = base
        self.guard = guard or {}

    @without_vain_retries
    def execute(self, context: Mapping[str, Any]) -> list[str]:
        """Prepare the import of the run's annotations."""
        from labelbox_airflow.engine.annotations.imports.prepare import ImportInProgressError
        from labelbox_airflow.engine.ledger import Run
        from labelbox_airflow.engine.summary import Summary

        if is_dry_run(context):
            self.log.info("A dry run: annotations are neither read nor sent")
            return []
        staging = self._deployment.staging_of(self.sync, context["run_id"])
        run = Run(Summary.read_from(staging, SUMMARY).organization, self.sync, context["run_id"])
        with self._deployment.open_ledger() as ledger:
            try:
                return self._prepare(context, ledger, run)
            except ImportInProgressError as busy:
                self.log.info("%s", busy)
        self._come_back_later()
        raise AssertionError("defer() raises")

    def resume(self, context: Mapping[str, Any], event: Any = None) -> list[str]:  # noqa: ARG002
        """Try again after waiting for another run."""
        units: list[str] = self.execute(context)
        return units

    def _prepare(self, context: Mapping[str, Any], ledger: Ledger, run: Run) -> list[str]:
        from labelbox_airflow.engine.annotations.imports.prepare import ImportPreparation
        from labelbox_airflow.engine.guard import GuardSpec
        from labelbox_airflow.engine.project.send import held_back

        spec = AnnotationsSpec.model_validate(self.annotations)
        stored, media_type = self._project()
        window = _window_of(ledger, run)
        ontology, target = stored.tree, self.target["project_id"]
        if spec.kind == "predictions":
            target = self._model_run(spec, stored.id, window.end if window is not None else _due(context))
        source = self._open(spec)
        staging = self._deployment.staging_of(self.sync, run.run_id)
        preparation = ImportPreparation(
            self._hook.transport(),
            ledger,
            staging,
            run=run,
            spec=spec,
            target=target,
            project_id=self.target["project_id"],
            ontology=ontology,
            media_type=media_type,
            guard=GuardSpec.model_validate(self.guard),
            again=bool((context.get("params") or {}).get("full_refresh")),
            held_back=held_back(staging),
        )
        self.log.info("Reading annotations of %s", window if window is not None else "everything")
        plan = preparation.prepare(source.read(window, ontology), source.skipped)
        said = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in preparation.counts().items())
        self.log.info("%s annotations read: %s to send%s", f"{plan.read:,}", f"{plan.planned:,}", said and f", {said}")
        return list(plan.units)

    def _model_run(self, spec: AnnotationsSpec, ontology_id: str, end: datetime) -> str:
        """Return the id of the model run that predictions go into."""
        from labelbox_airflow.engine.annotations.imports.model_run import ensure_model_run

        run = ensure_model_run(self._hook.transport(), spec, ontology_id, end)
        self.log.info("Predictions go into the run '%s' (%s) of the model '%s'", run.name, run.id, spec.model)
        return run.id

    def _project(self) -> tuple[StoredOntology, str]:
        """Return the ontology of the project as it is now, and its media type."""
        from labelbox_airflow.engine.api.ontologies import ontology_of
        from labelbox_airflow.engine.api.projects import find_project

        transport, name = self._hook.transport(), self.target["project"]
        project = find_project(transport, id=self.target["project_id"])
        stored = ontology_of(transport, self.target["project_id"]) if project is not None else None
        if project is None or stored is None:
            raise ConfigurationError(
                f"the project '{name}' is gone" if project is None else f"the project '{name}' has no ontology",
                where="project",
                remedy="Name an ontology file under project.ontology, or connect one in Labelbox.",
            )
        return stored, project.media_type or "IMAGE"

    def _open(self, spec: AnnotationsSpec) -> AnnotationSource | AnnotationRecords:
        from labelbox_airflow.engine.annotations.targets import AssetSizes
        from labelbox_airflow.sources.annotation_records import AnnotationRecords
        from labelbox_airflow.sources.annotations import AnnotationFiles, AnnotationTable
        from labelbox_airflow.sources.inputs import open_source

        base = Path(self.base) if self.base else None
        sizes = AssetSizes(self._hook.transport(), self.target["project_id"])
        if self.source is None:
            return AnnotationRecords(self.records, spec, f"records of {self.task_id}", sizes)
        given = self.source.spec
        if isinstance(given, AnnotationFilesSpec):
            return AnnotationFiles(given, base, sizes)
        return AnnotationTable(open_source(given, base), spec, sizes)

    def _come_back_later(self) -> None:
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

        self.defer(trigger=TimeDeltaTrigger(BUSY_PAUSE), method_name="resume")


class LabelboxImportAnnotationsOperator(LabelboxOperator):
    """Import one unit of staged annotations, and settle each of them.

    Submits the unit's imports, looks at them for some seconds, and defers where they take longer. A retry takes up the
    imports that were submitted.

    :param unit: name of the unit
    :param deferrable: wait in the triggerer; by default as ``[operators] default_deferrable`` says
    :param import_timeout: how long an import at Labelbox may take
    :return: annotations by outcome
    """

    template_fields: Sequence[str] = (*LabelboxOperator.template_fields, "unit")

    def __init__(
        self,
        *,
        unit: str | Any,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        import_timeout: timedelta = timedelta(hours=2),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.unit = unit
        self.deferrable = deferrable
        self.import_timeout = import_timeout

    @without_vain_retries
    def execute(self, context: Mapping[str, Any]) -> dict[str, int]:
        """Send the unit's imports, or find those it was sent with, and settle them."""
        return self._send(context, starts=True)

    def _send(self, context: Mapping[str, Any], *, starts: bool) -> dict[str, int]:
        with self._sending(context) as sending:
            if starts:
                sending.start()
            seconds = FIRST_LOOK if self.deferrable else self.import_timeout.total_seconds()
            running = sending.wait(seconds)
            if running is None:
                return dict(sending.finish())
            if not self.deferrable:
                raise LabelboxUnavailableError(
                    f"the import '{running}' has not ended after {seconds:,.0f} s", remedy="A retry goes on waiting."
                )
            trigger = LabelboxImportTrigger(
                self.labelbox_conn_id,
                sending.kind,
                sending.target,
                running,
                timeout=self.import_timeout.total_seconds(),
            )
        self.defer(trigger=trigger, method_name="execute_complete")
        raise AssertionError("defer() raises")

    @without_vain_retries
    def execute_complete(self, context: Mapping[str, Any], event: Mapping[str, Any] | None = None) -> dict[str, int]:
        """Go on after an import has ended."""
        if event is None or event.get("status") == "error":
            message = "the trigger gave no event" if event is None else event.get("message")
            raise LabelboxError(f"waiting for Labelbox failed: {message}")
        if event["status"] == "timeout":
            raise LabelboxUnavailableError(
                f"the import '{event['name']}' has not ended: {event['message']}", remedy="A retry goes on waiting."
            )
        return self._send(context, starts=False)

    @contextmanager
    def _sending(self, context: Mapping[str, Any]) -> Iterator[UnitImport]:
        from labelbox_airflow.engine.annotations.imports.upload import UnitImport
        from labelbox_airflow.engine.ledger import Run
        from labelbox_airflow.engine.summary import Summary

        staging = self._deployment.staging_of(self.sync, context["run_id"])
        run = Run(Summary.read_from(staging, SUMMARY).organization, self.sync, context["run_id"])
        with self._deployment.open_ledger() as ledger:
            yield UnitImport(self._hook.transport(), ledger, staging, run=run, unit=self.unit)


def _due(context: Mapping[str, Any]) -> datetime:
    """Return up to when a run reads that reads everything."""
    end: datetime = context.get("data_interval_end") or context["dag_run"].run_after
    return end


def _window_of(ledger: Ledger, run: Run) -> Window | None:
    """Return the window that the run reads, None for everything."""
    from labelbox_airflow.engine.window import Window

    state = ledger.run_state(run)
    if state is None or state.window_start is None or state.window_end is None:
        return None
    return Window(state.window_start, state.window_end)


def annotation_stages(
    annotations: Mapping[str, Any] | None,
    source: AnnotationInput | None,
    target: Any,
    guard: Mapping[str, Any],
    base: str | None,
    common: Mapping[str, Any],
    pool: Mapping[str, str],
    *,
    records: Any = None,
) -> list[Any]:
    """Return the tasks that import annotations into a project, to go one after the other; none without annotations.

    :param target: output of the task that ensures the project
    :param common: arguments that all operators of the sync have
    :param pool: ``{"pool": name}`` for the imports, or nothing
    :param records: annotations given directly, instead of ``source``
    """
    if annotations is None:
        return []
    prepare = LabelboxPrepareAnnotationsOperator(
        task_id="prepare_annotations",
        annotations=annotations,
        source=source,
        records=records,
        target=target,
        base=base,
        guard=guard,
        **common,
    )
    import_ = LabelboxImportAnnotationsOperator.partial(
        task_id="import_annotations", deferrable=True, map_index_template="{{ task.unit }}", **pool, **common
    ).expand(unit=prepare.output)
    return [prepare, import_]
