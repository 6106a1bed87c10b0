"""The trigger against a server whose task goes its ways."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from airflow.triggers.base import TriggerEvent

from labelbox_airflow.triggers.tasks import LabelboxTaskTrigger

USER = {"data": {"user": {"id": "u1"}}}


def task(status: str, **more: Any) -> dict[str, Any]:
    return {"data": {"user": {"createdTasks": [{"id": "t1", "status": status, **more}]}}}


def events_of(trigger: LabelboxTaskTrigger) -> list[dict[str, Any]]:
    async def collect() -> list[TriggerEvent]:
        return [event async for event in trigger.run()]

    return [event.payload for event in asyncio.run(collect())]


@pytest.fixture
def trigger(airflow_connection: str) -> LabelboxTaskTrigger:
    return LabelboxTaskTrigger(airflow_connection, "t1", poll_interval=0.01, timeout=20)


@pytest.mark.parametrize("status", ["COMPLETE", "FAILED", "CANCELED"])
def test_it_fires_once_when_the_task_has_ended(server: Any, trigger: LabelboxTaskTrigger, status: str) -> None:
    server.answers(USER)
    server.answers(task("IN_PROGRESS"))
    server.answers(task("CANCELLING"))
    server.answers(task("SOMETHING_NEW"))
    server.answers(task(status, completionPercentage=100))
    assert events_of(trigger) == [{"status": status, "task_id": "t1", "message": "100 % done"}]
    assert len(server.requests) == 5


def test_the_errors_of_the_task_are_in_the_message(server: Any, trigger: LabelboxTaskTrigger) -> None:
    server.answers(USER)
    server.answers(task("FAILED", errors="manifest unreadable"))
    assert events_of(trigger)[0]["message"] == "manifest unreadable"


def test_it_waits_out_errors_that_pass(server: Any, trigger: LabelboxTaskTrigger) -> None:
    server.answers({}, status=503)
    server.answers(USER)
    server.answers(body=b"slow down", status=429)
    server.resets()
    server.answers(task("COMPLETE"))
    assert [event["status"] for event in events_of(trigger)] == ["COMPLETE"]


def test_a_refused_key_ends_it_at_once(server: Any, trigger: LabelboxTaskTrigger) -> None:
    server.fails("AUTHENTICATION_ERROR")
    (event,) = events_of(trigger)
    assert event["status"] == "error"
    assert "the API key was refused" in event["message"]
    assert len(server.requests) == 1


def test_a_missing_connection_ends_it_at_once() -> None:
    (event,) = events_of(LabelboxTaskTrigger("labelbox_none", "t1"))
    assert event["status"] == "error"
    assert "there is no such connection" in event["message"]


def test_a_task_nobody_knows_is_an_error_after_several_looks(server: Any, trigger: LabelboxTaskTrigger) -> None:
    server.answers(USER)
    server.answers({"data": {"user": {"createdTasks": []}}})
    (event,) = events_of(trigger)
    assert (event["status"], event["task_id"]) == ("error", "t1")
    assert len(server.requests) > 3


def test_a_task_that_shows_late_is_waited_for(server: Any, trigger: LabelboxTaskTrigger) -> None:
    server.answers(USER)
    server.answers({"data": {"user": {"createdTasks": []}}})
    server.answers(task("COMPLETE"))
    assert events_of(trigger)[0]["status"] == "COMPLETE"


def test_it_gives_up_at_its_deadline_with_what_it_saw(server: Any, airflow_connection: str) -> None:
    server.answers(USER)
    server.answers(task("IN_PROGRESS"))
    (event,) = events_of(LabelboxTaskTrigger(airflow_connection, "t1", poll_interval=0.01, timeout=0.1))
    assert event["status"] == "timeout"
    assert "last seen: IN_PROGRESS" in event["message"]


def test_a_service_that_stays_away_ends_as_timeout(server: Any, airflow_connection: str) -> None:
    server.answers({}, status=503)
    (event,) = events_of(LabelboxTaskTrigger(airflow_connection, "t1", poll_interval=0.01, timeout=0.1))
    assert event["status"] == "timeout"
    assert "503" in event["message"]
