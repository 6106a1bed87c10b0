"""Data out: an export of Labelbox goes to staging, and from there into tables of files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import conf

from labelbox_airflow.engine.errors import LabelboxError, LabelboxUnavailableError
from labelbox_airflow.operators.base import LabelboxOperator, without_vain_retries
from labelbox_airflow.triggers.tasks import LabelboxTaskTrigger

if TYPE_CHECKING:
    from labelbox_airflow.engine.exports.files.manifest import Manifest
    from labelbox_airflow.engine.exports.staged import StagedExport
    from labelbox_airflow.engine.exports.tables import TableSpec

FIRST_LOOK = 10.0  # seconds in which small exports end; deferring costs about as much


class LabelboxExportOperator(LabelboxOperator):
    """Export a project, dataset, slice, part of the catalog, batch or model run to staging.

    Starts the export, looks at it for some seconds, and defers where it takes longer. A retry takes up the export that
    was started; an export without rows is a success.

    :param export: what is exported, such as ``{"project": "Receipts", "include": ["label_details"], "filters":
        {"workflow_status": "Done"}}``; see :class:`~labelbox_airflow.engine.exports.spec.ExportSpec`
    :param deferrable: wait in the triggerer; by default as ``[operators] default_deferrable`` says
    :param export_timeout: how long the export at Labelbox may take
    :return: ``{"lines", "bytes", "projects"}``: data rows, their size, and ids of the projects whose labels they have,
        None for all. The lines are on staging, for the tasks of the same run and ``sync``
    """

    template_fields: Sequence[str] = (*LabelboxOperator.template_fields, "export")

    def __init__(
        self,
        *,
        export: Mapping[str, Any],
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        export_timeout: timedelta = timedelta(hours=4),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.export = export
        self.deferrable = deferrable
        self.export_timeout = export_timeout

    @without_vain_retries
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Begin the run, or take it up where it was, and export."""
        with self._exporting(context, begins=context["ti"].try_number <= 1) as (export, projects):
            running = export.wait(FIRST_LOOK if self.deferrable else self.export_timeout.total_seconds())
            if running is None:
                collected = export.collect()
                self.log.info("%s data rows exported, %s bytes", f"{collected.lines:,}", f"{collected.size:,}")
                return {"lines": collected.lines, "bytes": collected.size, "projects": projects}
            if not self.deferrable:
                raise LabelboxUnavailableError(
                    f"the export {running} has not ended in {self.export_timeout}", remedy="A retry goes on waiting."
                )
            timeout = self.export_timeout.total_seconds()
            trigger = LabelboxTaskTrigger(self.labelbox_conn_id, running, timeout=timeout)
        self.defer(trigger=trigger, method_name="execute_complete")
        raise AssertionError("defer() raises")

    def execute_complete(self, context: Mapping[str, Any], event: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Go on after a task has ended."""
        if event is None or event.get("status") == "error":
            message = "the trigger gave no event" if event is None else event.get("message")
            raise LabelboxError(f"waiting for Labelbox failed: {message}")
        if event["status"] == "timeout":
            raise LabelboxUnavailableError(f"the export {event['task_id']} has not ended: {event['message']}")
        return self._go_on(context)

    @without_vain_retries
    def _go_on(self, context: Mapping[str, Any]) -> dict[str, Any]:
        with self._exporting(context, begins=False) as (export, projects):
            running = export.wait(self.export_timeout.total_seconds())
            if running is not None:
                raise LabelboxUnavailableError(f"the export {running} has not ended", remedy="A retry goes on waiting.")
            collected = export.collect()
        self.log.info("%s data rows exported, %s bytes", f"{collected.lines:,}", f"{collected.size:,}")
        return {"lines": collected.lines, "bytes": collected.size, "projects": projects}

    @contextmanager
    def _exporting(
        self, context: Mapping[str, Any], *, begins: bool
    ) -> Iterator[tuple[StagedExport, list[str] | None]]:
        from labelbox_airflow.engine.api.datasets import organization_id
        from labelbox_airflow.engine.exports.find import find_request
        from labelbox_airflow.engine.exports.spec import read_spec
        from labelbox_airflow.engine.exports.staged import StagedExport
        from labelbox_airflow.engine.ledger import Run

        transport = self._hook.transport()
        request = find_request(transport, read_spec(self.export, "export"))
        run = Run(organization_id(transport), self.sync, context["run_id"])
        staging = self._deployment.staging_of(self.sync, run.run_id)
        with self._deployment.open_ledger() as ledger:
            if begins or ledger.run_state(run) is None:
                ledger.begin_run(run, window_start=None, window_end=None, spec_hash="")
            projects = [request.id] if request.kind in {"project", "batch"} else None
            yield StagedExport(transport, ledger, staging, run=run, request=request), projects


class LabelboxWriteTableOperator(LabelboxOperator):
    """Write a table of the run's export to files: a file that is replaced as a whole, or a release of a folder.

    Nobody sees half a file, and a task that fails leaves the former one. Events of its assets (``outlets``) carry what
    it returns.

    :param table: which records, and where to: see :class:`~labelbox_airflow.engine.exports.tables.TableSpec`
    :param exported: what :class:`LabelboxExportOperator` returned
    :param base: directory that a relative path is relative to
    :return: ``{"place", "release", "rows", "files"}``: where it is, its name, and how much there is
    """

    template_fields: Sequence[str] = (*LabelboxOperator.template_fields, "table", "exported")

    def __init__(
        self, *, table: Mapping[str, Any], exported: Mapping[str, Any] | Any, base: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.exported = exported
        self.base = base

    @without_vain_retries
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Make the records of the lines on staging, and write them."""
        from labelbox_airflow.engine.exports.tables import TableSpec, read_table_spec
        from labelbox_airflow.sinks.files import open_target

        spec = read_table_spec(TableSpec, self.table)
        target = open_target(spec.to, spec.connection, Path(self.base) if self.base else None)
        manifest = self._write(context, spec, target)
        self.log.info("%s rows of %s written to %s", f"{manifest.rows:,}", spec.records, target.place)
        written = {
            "place": target.place,
            "release": manifest.release,
            "rows": manifest.rows,
            "files": len(manifest.files),
        }
        for asset in self.outlets or ():
            context["outlet_events"][asset].extra = written
        return written

    def _write(self, context: Mapping[str, Any], spec: TableSpec, target: Any) -> Manifest:
        from labelbox_airflow.engine.exports.files.manifest import Provenance
        from labelbox_airflow.engine.exports.files.split import with_split
        from labelbox_airflow.engine.exports.files.write import write_files
        from labelbox_airflow.engine.exports.staged import collected_lines
        from labelbox_airflow.engine.exports.tables import record_set

        staging = self._deployment.staging_of(self.sync, context["run_id"])
        made = record_set(self._hook.transport(), spec, self.exported["projects"])
        schema = made.schema
        batches: Iterator[Any] = (each.batch for each in made.batches(collected_lines(staging)))
        if spec.split is not None:
            schema, batches = with_split(schema, batches, spec.split)
        return write_files(
            target,
            schema,
            batches,
            format=spec.format,
            partition_by=spec.partition_by,
            options=spec.options,
            provenance=Provenance(sync=self.sync),
        )
