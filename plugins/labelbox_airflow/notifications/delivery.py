"""Each message once: what is to be told is claimed in the ledger, sent, and noted as sent.

Between sending and noting nothing can be certain: a process that is killed right there has its message sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from labelbox_airflow.notifications.channels import Channel
from labelbox_airflow.notifications.context import one_line

if TYPE_CHECKING:
    from labelbox_airflow.engine.alerts import Failure, Message, RunFacts
    from labelbox_airflow.engine.ledger import Incident, Ledger
    from labelbox_airflow.engine.report import Report


@dataclass(frozen=True)
class Parcel:
    """A message that one channel is to send, and this process alone."""

    channel: Channel
    message: Message
    incident: Incident
    kind: str


def claim_failure(ledger: Ledger, channels: Sequence[Channel], run: RunFacts, failure: Failure) -> list[Parcel]:
    """Note that a run failed, and return what is to be sent about it now."""
    from labelbox_airflow.engine.alerts import failure_message
    from labelbox_airflow.engine.ledger import Attempt

    attempt = Attempt(run.sync, run.run_id, run.attempt)
    noted = ledger.incidents.failed(attempt, failure.kind, catches_up=run.catches_up)
    if noted is None:
        return []
    incident, kind = noted
    return _claimed(ledger, channels, run, incident, kind, lambda: failure_message(run, failure, incident))


def claim_lateness(ledger: Ledger, channels: Sequence[Channel], run: RunFacts, deadline: str | None) -> list[Parcel]:
    """Note that a run is late, and return what is to be sent about it now."""
    from labelbox_airflow.engine.alerts import LATE, late_message

    incident = ledger.incidents.late(run.sync, run.run_id, LATE)
    return _claimed(ledger, channels, run, incident, LATE, lambda: late_message(run, deadline))


def claim_recovery(
    ledger: Ledger,
    channels: Sequence[Channel],
    run: RunFacts,
    report: Report,
    report_url: str,
    began: datetime | None,
) -> list[Parcel]:
    """Note that a run was well, and return what is to be sent about it now: that the sync is well again, or nothing.

    :param began: since when the run has been at work, None when not known
    """
    from labelbox_airflow.engine.alerts import recovery_message
    from labelbox_airflow.engine.ledger import Attempt
    from labelbox_airflow.engine.ledger.incidents import RECOVERED

    incident = ledger.incidents.succeeded(Attempt(run.sync, run.run_id, run.attempt), began)
    if incident is None:
        return []
    now = datetime.now(UTC)
    return _claimed(
        ledger, channels, run, incident, RECOVERED, lambda: recovery_message(run, incident, report, report_url, now)
    )


def deliver(ledger: Ledger, parcels: Sequence[Parcel], log: Any) -> None:
    """Send what was claimed. What cannot be sent is an error in the log, and left to whoever comes next."""
    for parcel in parcels:
        try:
            parcel.channel.send(parcel.message)
        except Exception as error:
            _note_unsent(ledger, parcel, error, log)
        else:
            _note_sent(ledger, parcel, log)


async def adeliver(
    open_ledger: Callable[[], AbstractContextManager[Ledger]],
    parcels: Sequence[Parcel],
    log: Any,
) -> None:
    """Do what :func:`deliver` does from where nothing may block."""

    def note(parcel: Parcel, error: Exception | None) -> None:
        with open_ledger() as ledger:
            if error is None:
                _note_sent(ledger, parcel, log)
            else:
                _note_unsent(ledger, parcel, error, log)

    for parcel in parcels:
        problem: Exception | None = None
        try:
            await parcel.channel.asend(parcel.message)
        except Exception as error:
            problem = error
        await asyncio.to_thread(note, parcel, problem)


def _claimed(
    ledger: Ledger,
    channels: Sequence[Channel],
    run: RunFacts,
    incident: Incident,
    kind: str,
    write: Callable[[], Message],
) -> list[Parcel]:
    free = [channel for channel in channels if ledger.incidents.claim(incident, kind, channel.name, run.run_id)]
    if not free:
        return []
    message = write()
    return [Parcel(channel, message, incident, kind) for channel in free]


def _note_sent(ledger: Ledger, parcel: Parcel, log: Any) -> None:
    log.info("Alert sent (%s): %s", parcel.channel.place, parcel.message.subject)
    _noted(partial(ledger.incidents.sent, parcel.incident, parcel.kind, parcel.channel.name), log)


def _note_unsent(ledger: Ledger, parcel: Parcel, error: Exception, log: Any) -> None:
    log.error(
        "Alert not sent (%s, connection '%s'): %s. It was to say: %s",
        parcel.channel.place,
        parcel.channel.connection,
        one_line(error),
        parcel.message.subject,
    )
    _noted(partial(ledger.incidents.not_sent, parcel.incident, parcel.kind, parcel.channel.name), log)


def _noted(note: Callable[[], None], log: Any) -> None:
    """Write to the ledger what became of a message; the outcome of the run does not hang on it."""
    problem = None
    try:
        note()
    except Exception as error:
        problem = one_line(error)
    if problem is not None:
        log.error("What became of the alert could not be noted, so it may be sent again: %s", problem)
