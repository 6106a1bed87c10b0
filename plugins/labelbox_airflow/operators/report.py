"""The report: what became of every row of a run, and whether the run may count as done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from labelbox_airflow.engine.errors import CountMismatchError, DataIOError, IncompleteRunError
from labelbox_airflow.notifications.alerts import RunAlerts
from labelbox_airflow.notifications.channels import channels_of
from labelbox_airflow.notifications.runs import REPORT
from labelbox_airflow.operators.base import LabelboxOperator, without_vain_retries
from labelbox_airflow.operators.data_rows import SUMMARY
from labelbox_airflow.operators.runs import is_dry_run

if TYPE_CHECKING:
    from labelbox_airflow.engine.ledger import Ledger, Run
    from labelbox_airflow.engine.report import AnnotationCounts, ReasonTally, Report, VectorCount
    from labelbox_airflow.engine.staging import Staging
    from labelbox_airflow.engine.summary import Summary

REJECTED = "rejected.ndjson"


class LabelboxReportOperator(LabelboxOperator):
    """Add the outcomes of a run up, write the report, and move the watermark if all is well.

    Runs whatever became of the tasks before it, and fails when one of them failed, when the counts do not add up,
    or when too many rows were rejected in the end. Writes ``report.json`` and ``rejected.ndjson`` to staging. Tells
    those named under ``alerts``, once, that the run failed, and once, that the sync is well again.

    :param ensure_task_id: task of ``LabelboxEnsureDatasetOperator``; with it, the claims of an extraction that was
        killed are released
    :param guard: ``max_rejected``, as under ``guard:`` of a sync file
    :param alerts: the channels, as under ``alerts:`` of a sync file
    :return: the counts, and where the report is
    """

    def __init__(
        self,
        *,
        ensure_task_id: str | None = None,
        guard: Mapping[str, Any] | None = None,
        alerts: Sequence[Mapping[str, Any]] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(trigger_rule="all_done", **kwargs)
        self.ensure_task_id = ensure_task_id
        self.guard = guard or {}
        self.alerts = alerts
        channels_of(alerts)  # what is wrong with them is refused while the DAG is parsed

    @without_vain_retries
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Report on the run."""
        from labelbox_airflow.engine.ledger import Run
        from labelbox_airflow.engine.summary import Summary

        broken = self._broken_tasks(context)
        if is_dry_run(context):
            if broken:
                raise IncompleteRunError("the plan is not complete", where=self.sync, remedy=_where_to_look(broken))
            raise AirflowSkipException("a dry run: the plan is in the log of the extract task")
        alerts = RunAlerts(self.sync, self.alerts, self._deployment, context, self.log)
        alerts.check()
        staging = self._deployment.staging_of(self.sync, context["run_id"])
        try:
            summary = Summary.read_from(staging, SUMMARY)
        except FileNotFoundError:
            self._release(context)
            error = IncompleteRunError("nothing was extracted", where=self.sync, remedy=_where_to_look(broken))
            alerts.tell_failure(error, self.upstream_task_ids)
            raise error from None
        run = Run(summary.organization, self.sync, context["run_id"])
        with self._deployment.open_ledger() as ledger:
            report = self._write_report(ledger, run, summary, staging)
            problem = self._problem(report, broken) or self._vector_problem(ledger, run, summary, staging, report)
            state = ledger.run_state(run)
            moves = problem is None and summary.moves_watermark and state is not None
            ledger.finish_run(
                run,
                state="failed" if problem else "success",
                rows_read=summary.read,
                rows_filtered=report.outcomes["left_alone"] + report.outcomes["filtered"],
                watermark=state.window_end if moves and state is not None else None,
            )
            ledger.prune(self._deployment.keep_from())
        if problem is not None:
            alerts.tell_failure(problem, self.upstream_task_ids, report, staging.url(REPORT))
        staging.prune(self._deployment.keep_from())
        if problem is not None:
            raise problem
        alerts.tell_recovery(report, staging.url(REPORT), state.started_at if state is not None else None)
        return self._announce(report, context, staging)

    def _release(self, context: Mapping[str, Any]) -> None:
        """End a run that extracted nothing whole, so that its claims keep no other run from its rows."""
        from labelbox_airflow.engine.ledger import Run

        target = context["ti"].xcom_pull(task_ids=self.ensure_task_id) if self.ensure_task_id else None
        if not target:
            return
        run = Run(target["organization"], self.sync, context["run_id"])
        with self._deployment.open_ledger() as ledger:
            if ledger.run_state(run) is not None:
                ledger.finish_run(run, state="failed", rows_read=0, rows_filtered=0, watermark=None)

    def _write_report(self, ledger: Ledger, run: Run, summary: Summary, staging: Staging) -> Report:
        import orjson

        from labelbox_airflow.engine.annotations.imports.tally import STAGE
        from labelbox_airflow.engine.report import ReasonTally, make_report

        reasons, of_annotations = ReasonTally(), ReasonTally()
        letters = reasons.watch(ledger.each_dead_letter(run), stage=f"-{STAGE}")
        letters = of_annotations.watch(letters, stage=STAGE)
        staging.write_lines(REJECTED, (orjson.dumps(letter, default=str) for letter in letters))
        report = make_report(
            sync=self.sync,
            run_id=run.run_id,
            dataset=summary.dataset,
            window=summary.window,
            read=summary.read,
            units={unit.name: unit.rows for unit in summary.units},
            tallies=ledger.tallies(run),
            reasons=reasons,
            retried=summary.retried,
            vectors=self._count_vectors(summary, staging),
        )
        report.annotations = self._annotations(staging, ledger.tallies(run), of_annotations)
        staging.write_json(REPORT, report.as_dict())
        for line in report.as_text().splitlines():
            self.log.info(line)
        return report

    def _annotations(
        self, staging: Staging, tallies: Mapping[str, Mapping[str, int]], reasons: ReasonTally
    ) -> AnnotationCounts | None:
        """Return what became of annotations, None where the run has read none."""
        from labelbox_airflow.engine.annotations.imports.plan import ImportPlan
        from labelbox_airflow.engine.report import count_annotations

        try:
            plan = ImportPlan.read_from(staging)
        except FileNotFoundError:
            return None
        units = {unit: plan.lines_of(unit) for unit in plan.units}
        return count_annotations(plan.read, units, tallies, reasons)

    def _count_vectors(self, summary: Summary, staging: Staging) -> Sequence[VectorCount]:
        from labelbox_airflow.engine.vectors import count_vectors

        if not summary.units or not summary.rows.embeddings:
            return ()
        return count_vectors(self._hook.transport(), staging, [unit.name for unit in summary.units])

    def _vector_problem(
        self, ledger: Ledger, run: Run, summary: Summary, staging: Staging, report: Report
    ) -> DataIOError | None:
        """Return what is wrong with the vectors, where Labelbox counts fewer than there should be."""
        from labelbox_airflow.engine.vectors import check_vectors

        if not any(counted.is_short for counted in report.vectors):
            return None
        self.log.info("Labelbox counts fewer vectors than there should be; looking at the data rows one by one")
        units = [unit.name for unit in summary.units]
        found = check_vectors(
            self._hook.transport(), ledger, staging, run=run, dataset_id=summary.target_id, units=units
        )
        if found is None:
            self.log.info("All are there, or gone with data rows that were deleted meanwhile")
        return found

    def _broken_tasks(self, context: Mapping[str, Any]) -> dict[str, str]:
        """Return the tasks before this one that failed, or did not run as one before them failed, and their states."""
        ti = context["ti"]
        tasks = sorted(self.upstream_task_ids)
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=tasks, run_ids=[ti.run_id]) if tasks else {}
        found = states.get(ti.run_id, {}).items()
        return {name: str(state) for name, state in found if state in {"failed", "upstream_failed"}}

    def _problem(self, report: Report, broken: Mapping[str, str]) -> DataIOError | None:
        """Return why the run may not count as done, None when all is well."""
        from labelbox_airflow.engine.errors import GuardError
        from labelbox_airflow.engine.guard import GuardSpec

        if not report.adds_up:
            return CountMismatchError(
                f"{report.read:,} rows were read, but {report.outcomes.total() + report.unsettled:,} have an outcome",
                where=self.sync,
                remedy="This is a defect of the sync: please report it with report.json. Nothing moved the watermark.",
            )
        if report.annotations is not None and not report.annotations.adds_up:
            counted = report.annotations
            return CountMismatchError(
                f"{counted.read:,} annotations were read, but {counted.tally.total() + counted.unsettled:,} have an "
                "outcome",
                where=self.sync,
                remedy="This is a defect of the sync: please report it with report.json. Nothing moved the watermark.",
            )
        if report.unsettled or broken:
            return IncompleteRunError(
                f"{report.unsettled:,} of {report.read:,} rows are not sent, or not settled",
                where=self.sync,
                remedy=f"{_where_to_look(broken)} Cleared once that is mended, it goes on where it was.",
            )
        guard = GuardSpec.model_validate(self.guard)
        try:
            guard.check_rejected(report.outcomes["rejected"], report.read)
            if report.annotations is not None:
                counted = report.annotations
                guard.check_rejected(counted.outcomes["rejected"], counted.read, "annotations")
        except GuardError as error:
            return error
        return None

    def _announce(self, report: Report, context: Mapping[str, Any], staging: Staging) -> dict[str, Any]:
        """Put the counts on the asset events of the run and return them."""
        counts: dict[str, Any] = {"read": report.read, **report.as_dict()["outcomes"], **report.aside}
        if report.annotations is not None:
            counts["annotations"] = {"read": report.annotations.read, **report.annotations.outcomes}
        for asset in self.outlets or ():
            context["outlet_events"][asset].extra = counts
        return {**counts, "report": staging.url(REPORT)}


def _where_to_look(broken: Mapping[str, str]) -> str:
    failed = [name for name, state in broken.items() if state == "failed"]
    return f"The log of {' and '.join(failed) or 'the task that failed'} says why."
