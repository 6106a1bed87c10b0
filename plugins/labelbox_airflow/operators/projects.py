"""Projects: made and kept as configured, and the selected rows of a run sent to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import conf

from labelbox_airflow.engine.errors import LabelboxError, LabelboxUnavailableError
from labelbox_airflow.engine.project.spec import ProjectSpec
from labelbox_airflow.operators.base import LabelboxOperator, without_vain_retries
from labelbox_airflow.operators.data_rows import SUMMARY
from labelbox_airflow.operators.runs import is_dry_run
from labelbox_airflow.triggers.tasks import LabelboxTaskTrigger

PROCESSING_PAUSE = timedelta(seconds=30)  # as the SDK asks (schema/project.py `create_batch`)


class LabelboxEnsureProjectOperator(LabelboxOperator):
    """Make sure that the project is there, and that its ontology is as the ontology file says.

    :param project: as under ``project:`` of a sync file
    :param media_type: of the rows, where the project does not say it
    :param base: directory that the ontology file is relative to
    :return: ``{"project_id", "project", "drift", "done"}``; ``project_id`` is None in a dry run that would make it
    """

    template_fields: Sequence[str] = (*LabelboxOperator.template_fields, "project", "media_type")

    def __init__(
        self, *, project: Mapping[str, Any], media_type: str | None = None, base: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        ProjectSpec.model_validate(project)  # what is wrong with it is refused while the DAG is parsed
        self.project = project
        self.media_type = media_type
        self.base = base

    @without_vain_retries
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Find or make the project, and see to its ontology."""
        from labelbox_airflow.engine.project.ensure import ensure_project, read_ontology

        spec = ProjectSpec.model_validate(self.project)
        ontology = read_ontology(spec.ontology, Path(self.base or ".")) if spec.ontology is not None else None
        dry_run = is_dry_run(context)
        ensured = ensure_project(self._hook.transport(), spec, ontology, media_type=self.media_type, write=not dry_run)
        for change in ensured.done:
            self.log.info("%s%s", "Would be done: " if dry_run else "", change)
        for drift in ensured.drift:
            self.log.warning("The ontology is not as the file: %s", drift)
        project = ensured.project
        return {
            "project_id": project.id if project is not None else None,
            "project": project.name if project is not None else spec.name,
            "drift": list(ensured.drift),
            "done": list(ensured.done),
        }


class LabelboxSendToProjectOperator(LabelboxOperator):
    """Send the rows that the extraction of this run has selected to the project, in batches.

    Goes behind the upload of the run's rows. A retry takes up the batches that were made; no row is sent twice.

    :param project: as under ``project:`` of a sync file, the same as that given to the extraction
    :param target: what :class:`LabelboxEnsureProjectOperator` returned
    :param deferrable: wait in the triggerer; by default as ``[operators] default_deferrable`` says
    :param task_timeout: how long a task at Labelbox may take
    :return: rows by outcome: sent, already_there, not_selected, over_limit, not_loaded, refused
    """

    template_fields: Sequence[str] = (*LabelboxOperator.template_fields, "project", "target")

    def __init__(
        self,
        *,
        project: Mapping[str, Any],
        target: Mapping[str, Any] | Any,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        task_timeout: timedelta = timedelta(hours=1),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        ProjectSpec.model_validate(project)  # what is wrong with it is refused while the DAG is parsed
        self.project = project
        self.target = target
        self.deferrable = deferrable
        self.task_timeout = task_timeout

    @without_vain_retries
    def execute(self, context: Mapping[str, Any]) -> dict[str, int]:
        """Send batch after batch, and say what became of every row."""
        from labelbox_airflow.engine.api import tasks
        from labelbox_airflow.engine.project.send import RowsInProcessError

        if is_dry_run(context):
            self.log.info("A dry run: the log of the extract task says how many rows would be selected")
            return {}
        with self._deployment.open_ledger() as ledger:
            sending = self._sending(context, ledger)
            while True:
                try:
                    task_id = sending.advance()
                except RowsInProcessError as busy:
                    if not self.deferrable:
                        raise
                    self.log.info("%s", busy)
                    self._come_back_later()
                if task_id is None:
                    break
                self.log.info("A batch is filled by task %s", task_id)
                if self.deferrable:
                    trigger = LabelboxTaskTrigger(
                        self.labelbox_conn_id, task_id, timeout=self.task_timeout.total_seconds()
                    )
                    self.defer(trigger=trigger, method_name="execute_complete")
                tasks.wait(self._hook.transport(), task_id, timeout=self.task_timeout.total_seconds())
            counts = dict(sending.finish())
        said = ", ".join(f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in counts.items() if count)
        self.log.info("Project '%s': %s", self.target["project"], said or "no rows")
        return counts

    def execute_complete(self, context: Mapping[str, Any], event: Mapping[str, Any] | None = None) -> dict[str, int]:
        """Go on after the task of a batch has ended."""
        if event is None or event.get("status") == "error":
            message = "the trigger gave no event" if event is None else event.get("message")
            raise LabelboxError(f"waiting for Labelbox failed: {message}")
        if event["status"] == "timeout":
            raise LabelboxUnavailableError(
                f"the task {event['task_id']} has not ended: {event['message']}", remedy="A retry goes on waiting."
            )
        counts: dict[str, int] = self.execute(context)
        return counts

    def resume(self, context: Mapping[str, Any], event: Any = None) -> dict[str, int]:  # noqa: ARG002
        """Try again after waiting for Labelbox to process media."""
        counts: dict[str, int] = self.execute(context)
        return counts

    def _come_back_later(self) -> None:
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

        self.defer(trigger=TimeDeltaTrigger(PROCESSING_PAUSE), method_name="resume")

    def _sending(self, context: Mapping[str, Any], ledger: Any) -> Any:
        from labelbox_airflow.engine.ledger import Run
        from labelbox_airflow.engine.project.send import ProjectSending
        from labelbox_airflow.engine.summary import Summary

        staging = self._deployment.staging_of(self.sync, context["run_id"])
        summary = Summary.read_from(staging, SUMMARY)
        return ProjectSending(
            self._hook.transport(),
            ledger,
            staging,
            run=Run(summary.organization, self.sync, context["run_id"]),
            spec=ProjectSpec.model_validate(self.project),
            project_id=self.target["project_id"],
            dataset_id=summary.dataset_id,
            overwrite_always=summary.overwrite == "always",
        )


def project_stages(
    project: Mapping[str, Any] | None,
    media_type: str | None,
    base: str | None,
    common: Mapping[str, Any],
    *,
    sends: bool = True,
) -> list[LabelboxOperator]:
    """Return the tasks that bring rows to people, to go behind the upload one after the other; none without a project.

    :param common: arguments that all operators of the sync have
    :param sends: False only to see to the project
    """
    if project is None:
        return []
    ensure = LabelboxEnsureProjectOperator(
        task_id="ensure_project",
        trigger_rule="none_failed",  # rows that are unchanged, and so not uploaded, may go to people too
        project=project,
        media_type=media_type,
        base=base,
        **common,
    )
    if not sends:
        return [ensure]
    send = LabelboxSendToProjectOperator(
        task_id="send_to_project", project=project, target=ensure.output, deferrable=True, **common
    )
    return [ensure, send]
