"""The trigger that waits for objects: what it survives, and that it does not hold up the others."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.module_loading import import_string
from airflow.sdk.serde import deserialize, serialize

from labelbox_airflow.engine.errors import SourceUnavailableError
from labelbox_airflow.sources.objects import ObjectSourceSpec
from labelbox_airflow.sources.readiness import Readiness
from labelbox_airflow.triggers.objects import ObjectsReadyTrigger


def trigger(base: Path, *, uri: str = "*.jpg", seconds: float = 30.0, **keys: Any) -> ObjectsReadyTrigger:
    spec = ObjectSourceSpec.model_validate(
        {"type": "objects", "uri": uri, "wait_for": "_SUCCESS", "sidecar": {"path": "{stem}.json"}, **keys}
    )
    window = ["2026-03-01T00:00:00+00:00", "2026-03-02T00:00:00+00:00"]
    return ObjectsReadyTrigger(spec.model_dump(mode="json"), str(base), window, 0.02, time.time() + seconds)


def made_again(made: ObjectsReadyTrigger) -> ObjectsReadyTrigger:
    path, arguments = made.serialize()
    again = import_string(path)(**deserialize(serialize(arguments)))
    assert isinstance(again, ObjectsReadyTrigger)
    return again


async def fired(made: ObjectsReadyTrigger) -> dict[str, Any]:
    async for event in made.run():
        payload: dict[str, Any] = event.payload
        return payload
    raise AssertionError("no event")


def test_it_is_made_again_as_it_was(tmp_path: Path) -> None:
    made = trigger(tmp_path)
    assert made_again(made).serialize() == made.serialize()


def test_it_fires_once_all_is_there(tmp_path: Path) -> None:
    async def wait() -> dict[str, Any]:
        waiting = asyncio.create_task(fired(made_again(trigger(tmp_path))))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        (tmp_path / "_SUCCESS").touch()
        return await waiting

    assert asyncio.run(wait()) == {"status": "ready", "waiting": []}


def test_its_first_look_leaves_airflow_time_to_note_the_deferral(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    async def sleep(seconds: float) -> None:
        done.append(f"slept {seconds:.0f} s")

    def look(self: Readiness, window: object) -> list[str]:
        done.append("looked")
        return []

    monkeypatch.setattr("asyncio.sleep", sleep)
    monkeypatch.setattr(Readiness, "waiting_for", look)
    made = trigger(tmp_path)
    made.poke_interval = 60.0
    assert asyncio.run(fired(made))["status"] == "ready"
    assert done == ["slept 5 s", "looked"]


def test_it_gives_up_at_its_deadline_and_says_what_is_missing(tmp_path: Path) -> None:
    event = asyncio.run(fired(trigger(tmp_path, seconds=0.1)))
    assert event == {"status": "timeout", "waiting": [f"{tmp_path}/_SUCCESS is not there"]}


def test_what_a_wait_cannot_mend_ends_it(tmp_path: Path) -> None:
    event = asyncio.run(fired(trigger(tmp_path, uri="ftp://host/*")))
    assert event["status"] == "error"
    assert "'ftp://' is no storage" in event["waiting"][0]


def test_a_storage_that_does_not_answer_is_waited_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([SourceUnavailableError("away"), SourceUnavailableError("away"), None])

    def look(self: Readiness, window: object) -> list[str]:
        if (error := next(answers)) is not None:
            raise error
        return []

    monkeypatch.setattr(Readiness, "waiting_for", look)
    assert asyncio.run(fired(trigger(tmp_path)))["status"] == "ready"


def test_a_slow_storage_does_not_hold_up_other_triggers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(self: Readiness, window: object) -> list[str]:
        time.sleep(0.3)
        return []

    monkeypatch.setattr(Readiness, "waiting_for", slow)

    async def wait() -> int:
        waiting = asyncio.create_task(fired(trigger(tmp_path)))
        ticks = 0
        while not waiting.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks

    assert asyncio.run(wait()) > 3
