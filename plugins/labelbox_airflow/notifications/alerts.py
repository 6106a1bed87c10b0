"""What the report of a run has told: that the run failed, or that the sync is well again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from labelbox_airflow.engine.errors import ConfigurationError, DataIOError, IncompleteRunError
from labelbox_airflow.hooks.deployment import Deployment
from labelbox_airflow.notifications.channels import channels_of
from labelbox_airflow.notifications.context import failed_tasks, one_line, run_facts

if TYPE_CHECKING:
    from labelbox_airflow.engine.ledger import Ledger
    from labelbox_airflow.engine.report import Report
    from labelbox_airflow.notifications.delivery import Parcel


class RunAlerts:
    """Has people told how a run ended, once. Whatever becomes of that, the run ends as it would without.

    :param alerts: the channels, as under ``alerts:`` of a sync file; without any, the ledger still learns how it ended
    :param context: of the task that reports on the run
    """

    def __init__(
        self,
        sync: str,
        alerts: Sequence[Mapping[str, Any]],
        deployment: Deployment,
        context: Mapping[str, Any],
        log: Any,
    ) -> None:
        self._sync = sync
        self._channels = channels_of(alerts)
        self._deployment = deployment
        self._context = context
        self._log = log

    def check(self) -> None:
        """Complain of channels that cannot be used, before they are needed."""
        for channel in self._channels:
            problem = None
            try:
                channel.check_provider()
            except ConfigurationError as error:
                problem = error
            if problem is not None:
                self._log.error("Nobody can be told of failures: %s", problem)

    def tell_failure(
        self,
        problem: DataIOError,
        task_ids: Collection[str],
        report: Report | None = None,
        report_url: str | None = None,
    ) -> None:
        """Have it told that the run failed, unless that has been told.

        :param problem: why it does not count as done
        :param task_ids: the tasks before the report
        :param report: what became of the rows, None when nothing was extracted
        """
        from labelbox_airflow.engine.alerts import Failure, kind_of, kind_of_tasks
        from labelbox_airflow.notifications.delivery import claim_failure

        def claim(ledger: Ledger) -> list[Parcel]:
            tasks = failed_tasks(self._context, task_ids) if task_ids else []
            if tasks and isinstance(problem, IncompleteRunError):  # which only says that they failed
                failure = Failure(kind_of_tasks(tasks), tasks, None, report, report_url)
            else:
                failure = Failure(kind_of(problem), tasks, one_line(problem), report, report_url)
            return claim_failure(ledger, self._channels, run_facts(self._sync, self._context), failure)

        self._tell(claim)

    def tell_recovery(self, report: Report, report_url: str, started_at: datetime | None) -> None:
        """Have it told that the sync is well again, if it was broken and that was told.

        :param started_at: when the run began to extract
        """
        from labelbox_airflow.notifications.delivery import claim_recovery

        # A run that was cleared began anew, even where it did not extract again.
        moments = (started_at, self._context["dag_run"].start_date)
        began = max((moment.timestamp() for moment in moments if moment is not None), default=None)
        since = None if began is None else datetime.fromtimestamp(began, UTC)

        def claim(ledger: Ledger) -> list[Parcel]:
            run = run_facts(self._sync, self._context)
            return claim_recovery(ledger, self._channels, run, report, report_url, since)

        self._tell(claim)

    def _tell(self, claim: Callable[[Ledger], list[Parcel]]) -> None:
        from labelbox_airflow.notifications.delivery import deliver

        problem = None
        try:
            with self._deployment.open_ledger() as ledger:
                deliver(ledger, claim(ledger), self._log)
        except Exception as error:
            problem = one_line(error)
        if problem is not None:
            self._log.error("Nobody was told how the run ended: %s", problem)
