"""The notifier for runs of a sync: the report's fallback in the sync's own DAG, and a callback for any other DAG."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

from labelbox_airflow.hooks.deployment import Deployment
from labelbox_airflow.notifications.channels import Channel, channels_of
from labelbox_airflow.notifications.context import failed_tasks, field_of, named_task, one_line, run_facts

if TYPE_CHECKING:
    from labelbox_airflow.engine.alerts import FailedTask, Failure, Message, RunFacts
    from labelbox_airflow.engine.ledger import Ledger
    from labelbox_airflow.engine.report import Report
    from labelbox_airflow.notifications.delivery import Parcel

REPORT = "report.json"
# Without the ledger nobody knows what was sent; a run that follows a failed one so closely adds no message.
QUIET_WITHOUT_LEDGER = timedelta(hours=1)


class LabelboxRunNotifier(BaseNotifier):  # type: ignore[misc]
    """Say that a run of a sync failed, unless its report has said so; as deadline callback, that it is late.

    For ``on_failure_callback`` of a DAG (Airflow calls it in the DAG processor) or of a task, and as the callback of
    a ``DeadlineAlert``. A run, a kind of failure and a channel are told once, whoever is first. Where the ledger does
    not answer, the message says so and goes out, unless the run before failed within the hour.

    :param sync: name of the sync
    :param alerts: the channels, as under ``alerts:`` of a sync file
    :param ledger: URL or connection of the ledger, when not where the deployment keeps it
    :param staging: location of the report, when not where the deployment keeps it
    """

    def __init__(
        self,
        *,
        sync: str,
        alerts: Sequence[Mapping[str, Any]],
        ledger: Mapping[str, str] | None = None,
        staging: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sync = sync
        self.alerts = alerts
        self.ledger = ledger
        self.staging = staging

    def render_template_fields(self, context: Mapping[str, Any], jinja_env: Any = None) -> None:
        """Render nothing: there is nothing to render, and the DAG that `airflow dags test` gives cannot."""

    def notify(self, context: Mapping[str, Any]) -> None:
        """Send what is to be sent about the run of the context."""
        from labelbox_airflow.notifications.delivery import deliver

        if _writes_nothing(context):
            return
        run, channels = run_facts(self.sync, context), channels_of(self.alerts)
        try:
            with _opened(self._deployment.ledger_url()) as ledger:
                deliver(ledger, self._claim(ledger, channels, run, context), self.log)
        except Exception as error:  # whatever keeps the ledger from answering, somebody has to be told
            for channel, message in self._to_send_without_ledger(channels, run, context, error):
                problem = None
                try:
                    channel.send(message)
                except Exception as refused:
                    problem = one_line(refused)
                self._log_sent(channel, problem)

    async def async_notify(self, context: Mapping[str, Any]) -> None:
        """Send what is to be sent about the run of the context, from the triggerer."""
        from labelbox_airflow.notifications.delivery import adeliver

        if _writes_nothing(context):
            return
        run, channels = run_facts(self.sync, context), channels_of(self.alerts)

        def claim(url: str) -> list[Parcel]:
            with _opened(url) as ledger:
                return self._claim(ledger, channels, run, context)

        try:
            url = await self._deployment.aledger_url()
            await adeliver(partial(_opened, url), await asyncio.to_thread(claim, url), self.log)
        except Exception as error:
            for channel, message in self._to_send_without_ledger(channels, run, context, error):
                problem = None
                try:
                    await channel.asend(message)
                except Exception as refused:
                    problem = one_line(refused)
                self._log_sent(channel, problem)

    def _log_sent(self, channel: Channel, problem: str | None) -> None:
        if problem is None:
            self.log.info("Alert sent (%s)", channel.place)
        else:
            self.log.error("Alert not sent (%s): %s", channel.place, problem)

    @property
    def _deployment(self) -> Deployment:
        return Deployment(self.ledger or {}, self.staging or {})

    def _claim(
        self, ledger: Ledger, channels: Sequence[Channel], run: RunFacts, context: Mapping[str, Any]
    ) -> list[Parcel]:
        from labelbox_airflow.engine.ledger import Attempt
        from labelbox_airflow.notifications.delivery import claim_failure, claim_lateness

        if "deadline" in context:
            return claim_lateness(ledger, channels, run, _deadline(context))
        verdict = ledger.incidents.verdict(Attempt(run.sync, run.run_id, run.attempt))
        if verdict is None:
            return claim_failure(ledger, channels, run, _failure(context))
        if verdict.kind is None:  # the sync itself was well, another part of the DAG was not
            return []
        # The report has told of it, or could not reach the channel; then this is another try.
        return claim_failure(ledger, channels, run, _failure(context, *self._report(run)))

    def _report(self, run: RunFacts) -> tuple[Report | None, str | None]:
        """Return what the report of the run found, and where it is; nothing where it cannot be read from here."""
        from labelbox_airflow.engine.report import Report

        with suppress(Exception):  # a message without counts is better than none
            staging = self._deployment.staging_of(self.sync, run.run_id)
            return Report.from_dict(staging.read_json(REPORT)), staging.url(REPORT)
        return None, None

    def _to_send_without_ledger(
        self, channels: Sequence[Channel], run: RunFacts, context: Mapping[str, Any], error: Exception
    ) -> list[tuple[Channel, Message]]:
        from labelbox_airflow.engine.alerts import failure_message, late_message

        problem = one_line(error)
        self.log.error("The ledger cannot be asked who was told: %s", problem)
        if "deadline" in context:
            message = late_message(run, _deadline(context), ledger_problem=problem)
        elif _follows_a_failure(context):
            self.log.info("The run before failed within the hour: its message stands for this run too")
            return []
        else:
            message = failure_message(run, _failure(context), None, ledger_problem=problem)
        return [(channel, message) for channel in channels]


def _opened(url: str) -> closing[Ledger]:
    from labelbox_airflow.engine.ledger import Ledger

    return closing(Ledger(url))


def _deadline(context: Mapping[str, Any]) -> str | None:
    moment = field_of(context["deadline"], "deadline_time")
    return None if moment is None else str(moment)


def _writes_nothing(context: Mapping[str, Any]) -> bool:
    params = context.get("params") or field_of(context.get("dag_run"), "conf") or {}
    return bool(params.get("dry_run"))


def _failure(context: Mapping[str, Any], report: Report | None = None, report_url: str | None = None) -> Failure:
    """Return what the context of a callback says of a failure, with the tasks that failed as far as Airflow tells."""
    from labelbox_airflow.engine.alerts import TIMED_OUT, Failure, kind_of, kind_of_tasks

    error = context.get("exception")
    if isinstance(error, BaseException):
        task = replace(named_task(context["ti"]), kind=kind_of(error), error=one_line(error))
        return Failure(task.kind, [task], None, report, report_url)
    tasks = _failed_tasks(context)
    if context.get("reason") == "timed_out":
        return Failure(TIMED_OUT, tasks, "the run took longer than dagrun_timeout", report, report_url)
    return Failure(kind_of_tasks(tasks), tasks, None, report, report_url)


def _failed_tasks(context: Mapping[str, Any]) -> list[FailedTask]:
    try:
        return failed_tasks(context)
    except Exception:  # Airflow does not tell everywhere; the task of the context is what it knows by itself
        return [named_task(context["ti"])] if "ti" in context else []


def _follows_a_failure(context: Mapping[str, Any]) -> bool:
    """Tell whether the DAG's run before this one failed so shortly ago that somebody knows."""
    try:
        before = context["ti"].get_previous_dagrun()
        ended = before.end_date if before is not None and before.state == "failed" else None
        return ended is not None and datetime.now(UTC) - ended < QUIET_WITHOUT_LEDGER
    except Exception:  # then one message too many
        return False
