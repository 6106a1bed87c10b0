"""The trigger of annotation imports against a server whose import goes its ways."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from airflow.triggers.base import TriggerEvent

from labelbox_airflow.triggers.imports import LabelboxImportTrigger

FIELDS = {"id": "i1", "name": "job", "progress": "10%", "errorFileUrl": None, "statusFileUrl": None}


def found(state: str | None, field: str = "modelErrorAnalysisPredictionImport") -> dict[str, Any]:
    return {"data": {field: None if state is None else {**FIELDS, "state": state}}}


def events_of(trigger: LabelboxImportTrigger) -> list[dict[str, Any]]:
    async def collect() -> list[TriggerEvent]:
        return [event async for event in trigger.run()]

    return [event.payload for event in asyncio.run(collect())]


@pytest.fixture
def trigger(airflow_connection: str) -> LabelboxImportTrigger:
    return LabelboxImportTrigger(airflow_connection, "predictions", "run1", "job", poll_interval=0.01, timeout=20)


@pytest.mark.parametrize("state", ["FINISHED", "FAILED"])
def test_it_fires_once_when_the_import_has_ended_and_names_it(
    server: Any, trigger: LabelboxImportTrigger, state: str
) -> None:
    server.answers(found("RUNNING"))
    server.answers({}, status=503)
    server.answers(found(state))
    (event,) = events_of(trigger)
    assert event == {
        "status": state,
        "kind": "predictions",
        "target": "run1",
        "name": "job",
        "message": f"the import 'job' is {state}",
    }
    assert len(server.requests) == 3


def test_an_import_that_is_gone_is_an_error_that_names_it(server: Any, trigger: LabelboxImportTrigger) -> None:
    server.answers(found(None))
    (event,) = events_of(trigger)
    assert (event["status"], event["name"]) == ("error", "job")
    assert "knows no import of this name" in event["message"]


def test_the_triggerer_makes_it_again_as_it_was(trigger: LabelboxImportTrigger) -> None:
    path, arguments = trigger.serialize()
    assert path == f"{LabelboxImportTrigger.__module__}.LabelboxImportTrigger"
    assert LabelboxImportTrigger(**arguments).serialize() == (path, arguments)
