"""Alerts: what a message about a run says, and to which kind of failure it belongs. Nothing is sent from here."""

from labelbox_airflow.engine.alerts.facts import (
    FAILED,
    LATE,
    NOT_READY,
    TIMED_OUT,
    FailedTask,
    Failure,
    RunFacts,
    kind_of,
    kind_of_tasks,
)
from labelbox_airflow.engine.alerts.message import Message, failure_message, late_message, recovery_message

__all__ = [
    "FAILED",
    "LATE",
    "NOT_READY",
    "TIMED_OUT",
    "FailedTask",
    "Failure",
    "Message",
    "RunFacts",
    "failure_message",
    "kind_of",
    "kind_of_tasks",
    "late_message",
    "recovery_message",
]
