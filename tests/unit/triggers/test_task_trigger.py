"""What survives when a trigger is stored and made again."""

from __future__ import annotations

import time
from types import SimpleNamespace

from airflow.sdk.module_loading import import_string
from airflow.sdk.serde import deserialize, serialize

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


def test_the_id_of_airflows_task_does_not_replace_that_of_labelbox() -> None:
    trigger = LabelboxTaskTrigger("labelbox_test", "t1")
    trigger.task_instance = SimpleNamespace(task_id="upload", task=None)
    assert trigger.serialize()[1]["task_id"] == "t1"
