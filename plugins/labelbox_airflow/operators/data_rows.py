"""Data rows: extract them from sources, let them through the gate, upload them unit by unit."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import conf

from labelbox_airflow.engine.errors import LabelboxError, LabelboxUnavailableError
from labelbox_airflow.engine.project.spec import ProjectSpec
from labelbox_airflow.engine.rows.attach import mapping_spec
from labelbox_airflow.operators.base import LabelboxOperator, without_vain_retries
from labelbox_airflow.operators.runs import RunPlan, is_dry_run, plan_run
from labelbox_airflow.sources.inputs import Input, also_reading, read_inputs
from labelbox_airflow.triggers.tasks import LabelboxTaskTrigger

if TYPE_CHECKING:
    from labelbox_airflow.engine.ledger import Ledger, Run
    from labelbox_airflow.engine.records import Batch
    from labelbox_airflow.engine.upload import UnitUpload

SUMMARY = "extract.json"
BUSY_PAUSE = timedelta(seconds=30)
FIRST_LOOK = 10.0  # seconds in which most tasks end; deferring costs about as much


class LabelboxExtractDataRowsOperator(LabelboxOperator):
    """Read sources, map and check their rows, and stage those that are new or changed.

    Rows that are as Labelbox holds them cost no call; wrong rows are kept with the reason. Reads the run's window:
    see :func:`~labelbox_airflow.operators.runs.plan_run`. The params ``since``, ``until``, ``full_refresh``,
    ``overwrite``, ``dry_run`` and ``row_limit`` of the run are honoured.

    :param target: what :class:`LabelboxEnsureDatasetOperator` returned
    :param rows: how rows become data rows, as under ``rows:`` of a sync file
    :param attach: or what rows add to data rows that are there, as under ``attach:`` of a sync file
    :param inputs: the sources; the first is the main one
    :param records: rows given directly, as a list of dicts or a pandas DataFrame, instead of ``inputs``
    :param base: directory that relative URIs are relative to
    :param unit_rows: rows sent as one task of Labelbox, at most 150,000
    :param spec_hash: hash of the sync file, recorded with the run
    :param project: as under ``project:`` of a sync file, where selected rows go to one
    :return: counts: rows read, settled outcomes, and what is planned
    """

    template_fields: Sequence[str] = (*LabelboxOperator.template_fields, "target", "records")

    def __init__(
        self,
        *,
        target: Mapping[str, Any] | Any,
        rows: Mapping[str, Any] | None = None,
        attach: Mapping[str, Any] | None = None,
        inputs: Sequence[Input] = (),
        records: Any = None,
        base: str | None = None,
        unit_rows: int = 50_000,
        spec_hash: str = "",
        project: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target = target
        mapping_spec(rows, attach)  # what is wrong with it is refused while the DAG is parsed
        self.rows = rows
        self.attach = attach
        self.inputs = inputs
        self.records = records
        self.base = base
        self.unit_rows = unit_rows
        self.spec_hash = spec_hash
        self.project = project

    @without_vain_retries
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Extract the rows of the run's window."""
        from labelbox_airflow.engine.ledger import Run

        run = Run(self.target["organization"], self.sync, context["run_id"])
        with self._deployment.open_ledger() as ledger:
            plan = plan_run(context, ledger.watermark(run.sync, run.organization), ledger.run_state(run))
            self.log.info("Reading %s%s", self._reach(plan), " (dry run)" if plan.dry_run else "")
            if plan.dry_run:
                return self._preview(ledger, run, plan)
            start, end = (plan.window.start, plan.window.end) if plan.window else (None, plan.end)
            ledger.begin_run(run, window_start=start, window_end=end, spec_hash=self.spec_hash)
            return self._extract(ledger, run, plan)

    def _extract(self, ledger: Ledger, run: Run, plan: RunPlan) -> dict[str, Any]:
        from labelbox_airflow.engine.summary import Summary

        staging = self._deployment.staging_of(self.sync, run.run_id)
        staging.clear()
        try:
            extracted = self._run_extraction(ledger, ledger, run, plan, staging)
        except BaseException:
            # What it has claimed must not hold back, or supersede, rows of other runs; a retry begins anew.
            ledger.finish_run(run, state="failed", rows_read=0, rows_filtered=0, watermark=None)
            raise
        summary = Summary.of(extracted, self.target, self._reach(plan), plan.moves_watermark, plan.overwrite)
        staging.write_json(SUMMARY, summary.as_dict())
        return summary.counts()

    def _preview(self, ledger: Ledger, run: Run, plan: RunPlan) -> dict[str, Any]:
        """Extract into a scratch ledger, and print what the run would do."""
        import tempfile

        from labelbox_airflow.engine.ledger import Ledger as ScratchLedger
        from labelbox_airflow.engine.report import ReasonTally
        from labelbox_airflow.engine.summary import Summary, plan_text

        with tempfile.TemporaryDirectory(prefix="dry-run-") as directory:
            scratch = ScratchLedger(f"sqlite:///{directory}/ledger.db")
            try:
                scratch.begin_run(run, window_start=None, window_end=None, spec_hash=self.spec_hash)
                extracted = self._run_extraction(ledger, scratch, run, plan, None)
                summary = Summary.of(extracted, self.target, self._reach(plan), False, plan.overwrite)
                schema = self._schema()
                reasons = ReasonTally()
                deque(reasons.watch(scratch.each_dead_letter(run)), maxlen=0)
                for line in plan_text(summary, extracted, schema, reasons.top()).splitlines():
                    self.log.info(line)
            finally:
                scratch.close()
        return {**summary.counts(), "dry_run": True}

    def _reach(self, plan: RunPlan) -> str:
        """Say what is read: sources without a window are read whole, whatever the run's window is."""
        windowed = any(given.spec.window is not None for given in self.inputs)
        return str(plan.window) if windowed and plan.window is not None else "everything"

    def _run_extraction(self, ledger: Ledger, book: Ledger, run: Run, plan: RunPlan, staging: Any) -> Any:
        from labelbox_airflow.engine.api.homes import find_data_rows
        from labelbox_airflow.engine.extract import Extraction
        from labelbox_airflow.engine.rows.mapping import microseconds

        extraction = Extraction(
            mapping_spec(self.rows, self.attach),
            self._schema(),
            ledger=ledger,
            book=book,
            run=run,
            dataset_id=self.target["dataset_id"],
            staging=staging,
            default_version=microseconds(plan.end),
            unit_rows=self.unit_rows,
            overwrite=plan.overwrite,
            find=partial(find_data_rows, self._hook.transport(), self.target["dataset_id"]),
            main=self.inputs[0].name if self.inputs else None,
            select=ProjectSpec.model_validate(self.project).select if self.project is not None else None,
        )
        extraction.retry_waiting()
        if extraction.result.retried:
            self.log.info("%s rows that waited are tried again", f"{extraction.result.retried:,}")
        for batch in self._batches(plan):
            extraction.add(batch)
            self.log.info("%s rows read, last from %s", f"{extraction.result.read:,}", batch.place)
        if extraction.selection is not None:
            chosen, judged = extraction.selection.chosen, extraction.selection.rows
            self.log.info("%s of %s rows are selected for the project", f"{chosen:,}", f"{judged:,}")
        return extraction.finish()

    def _batches(self, plan: RunPlan) -> Iterator[Batch]:
        from labelbox_airflow.engine.records import batch_of, limited

        if self.records is not None:
            return limited(iter([batch_of(self.records, place=f"records of {self.task_id}")]), plan.row_limit)
        base = Path(self.base) if self.base else None
        inputs = also_reading(self.inputs, self._columns_of_conditions()) if self.inputs else self.inputs
        return limited(read_inputs(inputs, plan.window, base), plan.row_limit)

    def _columns_of_conditions(self) -> Iterator[str]:
        """Yield the columns in the SQL of ``where``, and of what selects rows for the project."""
        from labelbox_airflow.engine.project.selection import expressions
        from labelbox_airflow.engine.sql import condition

        mapping = mapping_spec(self.rows, self.attach)
        if mapping.where is not None:
            yield from condition(f"{mapping.place}.where", mapping.where).columns
        if self.project is not None:
            for expression in expressions(ProjectSpec.model_validate(self.project).select):
                yield from expression.columns

    def _schema(self) -> Any:
        from labelbox_airflow.engine.metadata_schema import read_metadata_schema

        return read_metadata_schema(self._hook.transport())


class LabelboxGateOperator(LabelboxOperator):
    """Check the guards before anything is sent, and make what the rows need: dataset, fields, options, embeddings.

    :param dataset: as for :class:`LabelboxEnsureDatasetOperator`
    :param guard: ``max_rejected``, ``min_rows``, ``max_new_rows``, as under ``guard:`` of a sync file
    :return: names of the units to upload; none in a dry run
    """

    template_fields: Sequence[str] = (*LabelboxOperator.template_fields, "dataset")

    def __init__(self, *, dataset: Mapping[str, Any], guard: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.guard = guard or {}

    @without_vain_retries
    def execute(self, context: Mapping[str, Any]) -> list[str]:
        """Let the units through, or stop the run."""
        from labelbox_airflow.engine.api.embeddings import embedding_ids
        from labelbox_airflow.engine.ensure import DatasetWanted, ensure_dataset
        from labelbox_airflow.engine.guard import GuardSpec
        from labelbox_airflow.engine.metadata_schema import complete_schema
        from labelbox_airflow.engine.summary import Summary
        from labelbox_airflow.engine.vectors import note_before

        if is_dry_run(context):
            return []
        staging = self._deployment.staging_of(self.sync, context["run_id"])
        summary = Summary.read_from(staging, SUMMARY)
        guard = GuardSpec.model_validate(self.guard)
        guard.check_read(summary.read - summary.retried, summary.planned["create"])
        guard.check_rejected(summary.outcomes["rejected"], summary.read)
        if summary.units:
            transport = self._hook.transport()
            if summary.dataset_id is None:
                dataset = ensure_dataset(transport, DatasetWanted(**self.dataset), create=True)
                staging.write_json(SUMMARY, replace(summary, dataset_id=dataset.id if dataset else None).as_dict())
            for name, options in complete_schema(transport, summary.additions).items():
                self.log.info("Metadata field '%s': added%s", name, f" options {', '.join(options)}" if options else "")
            mapping = summary.rows
            embeddings = embedding_ids(transport, mapping.embeddings, create=True, place=mapping.place)
            if not mapping.creates:
                note_before(transport, staging, embeddings)
        return [unit.name for unit in summary.units]


class LabelboxUploadDataRowsOperator(LabelboxOperator):
    """Upload one unit of staged rows and settle each of them.

    Submits one task, looks at it for some seconds, and defers where it takes longer. A retry takes up the task that
    was submitted; it never sends a row twice without looking.

    :param unit: name of the unit
    :param deferrable: wait in the triggerer; by default as ``[operators] default_deferrable`` says
    :param task_timeout: how long the task at Labelbox may take
    :return: rows by outcome
    """

    template_fields: Sequence[str] = (*LabelboxOperator.template_fields, "unit")

    def __init__(
        self,
        *,
        unit: str | Any,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        task_timeout: timedelta = timedelta(hours=1),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.unit = unit
        self.deferrable = deferrable
        self.task_timeout = task_timeout

    @without_vain_retries
    def execute(self, context: Mapping[str, Any]) -> dict[str, int]:
        """Send the unit, or find the task it was sent with, and settle it."""
        from labelbox_airflow.engine.api import tasks
        from labelbox_airflow.engine.upload import KeysBusyError

        with self._upload(context) as upload:
            try:
                task_id = upload.start()
            except KeysBusyError as busy:
                if not self.deferrable:
                    raise
                self.log.info("%s", busy)
                self._come_back_later()
            if task_id is None:
                return dict(upload.finish(None))
            self.log.info("Sent as task %s", task_id)
            if not self.deferrable:
                tasks.wait(self._hook.transport(), task_id, timeout=self.task_timeout.total_seconds())
                return dict(upload.finish(task_id))
            if tasks.ended_within(self._hook.transport(), task_id, FIRST_LOOK):
                return dict(upload.finish(task_id))
        trigger = LabelboxTaskTrigger(self.labelbox_conn_id, task_id, timeout=self.task_timeout.total_seconds())
        self.defer(trigger=trigger, method_name="execute_complete")
        raise AssertionError("defer() raises")

    @without_vain_retries
    def execute_complete(self, context: Mapping[str, Any], event: Mapping[str, Any] | None = None) -> dict[str, int]:
        """Settle the unit after its task has ended."""
        if event is None or event.get("status") == "error":
            message = "the trigger gave no event" if event is None else event.get("message")
            raise LabelboxError(f"waiting for Labelbox failed: {message}")
        if event["status"] == "timeout":
            raise LabelboxUnavailableError(
                f"the task {event['task_id']} has not ended: {event['message']}", remedy="A retry goes on waiting."
            )
        with self._upload(context) as upload:
            return dict(upload.finish(event["task_id"]))

    def resume(self, context: Mapping[str, Any], event: Any = None) -> dict[str, int]:  # noqa: ARG002
        """Try again after waiting for another run."""
        settled: dict[str, int] = self.execute(context)
        return settled

    def _come_back_later(self) -> None:
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

        self.defer(trigger=TimeDeltaTrigger(BUSY_PAUSE), method_name="resume")

    @contextmanager
    def _upload(self, context: Mapping[str, Any]) -> Iterator[UnitUpload]:
        from labelbox_airflow.engine.ledger import Run
        from labelbox_airflow.engine.summary import Summary
        from labelbox_airflow.engine.upload import UnitUpload

        staging = self._deployment.staging_of(self.sync, context["run_id"])
        summary = Summary.read_from(staging, SUMMARY)
        with self._deployment.open_ledger() as ledger:
            yield UnitUpload(
                self._hook.transport(),
                ledger,
                staging,
                run=Run(summary.organization, self.sync, context["run_id"]),
                spec=summary.rows,
                dataset_id=summary.target_id,
                unit=self.unit,
                overwrite=summary.overwrite,
            )
