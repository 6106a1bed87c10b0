"""What survives when a trigger is stored and made again."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest
from airflow.sdk.module_loading import import_string
from airflow.sdk.serde import deserialize, serialize

from labelbox_airflow.hooks.labelbox import LabelboxHook
from labelbox_airflow.triggers.tasks import LabelboxTaskTrigger


def made_again(trigger: LabelboxTaskTrigger) -> LabelboxTaskTrigger:
    path, arguments = trigger.serialize()
    again = import_string(path)(**deserialize(serialize(arguments)))
    assert isinstance(again, LabelboxTaskTrigger)
    return again


def test_it_is_made_again_as_it_was() -> None:
    trigger = LabelboxTaskTrigger("labelbox_test", "t1", poll_interval=2.5, timeout=60)
    assert made_again(trigger).serialize() == trigger.serialize()


def test_a_restart_of_the_triggerer_does_not_start_the_wait_anew() -> None:
    trigger = LabelboxTaskTrigger("labelbox_test", "t1", timeout=60, deadline=time.time() + 1)
    assert made_again(trigger).deadline == trigger.deadline < time.time() + 60


def test_its_first_look_leaves_airflow_time_to_note_the_deferral(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    async def sleep(seconds: float) -> None:
        done.append(f"slept {seconds:.0f} s")

    async def look(self: LabelboxHook, task_id: str) -> dict[str, str]:
        done.append("looked")
        return {"status": "COMPLETE"}

    monkeypatch.setattr("asyncio.sleep", sleep)
    monkeypatch.setattr(LabelboxHook, "aget_task", look)
    trigger = LabelboxTaskTrigger("labelbox_test", "t1")

    async def fired() -> list[str]:
        return [event.payload["status"] async for event in trigger.run()]

    assert asyncio.run(fired()) == ["COMPLETE"]
    assert done == ["slept 5 s", "looked"]


def test_the_id_of_airflows_task_does_not_replace_that_of_labelbox() -> None:
    trigger = LabelboxTaskTrigger("labelbox_test", "t1")
    trigger.task_instance = SimpleNamespace(task_id="upload", task=None)
    assert trigger.serialize()[1]["task_id"] == "t1"
