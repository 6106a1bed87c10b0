"""The sensor that waits until the objects of a source are ready."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    TaskDeferred,
)

from labelbox_airflow.sensors.objects import ObjectsReadySensor
from labelbox_airflow.sources.inputs import Input
from labelbox_airflow.sources.objects import ObjectSourceSpec
from labelbox_airflow.triggers.objects import ObjectsReadyTrigger

DAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__LABELBOX__LEDGER", f"sqlite:///{tmp_path}/ledger.db")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "2026-03-01"
    folder.mkdir()
    (folder / "a.jpg").touch()
    return folder


def sensor(base: Path, *, wait_for: str = "_SUCCESS", **options: Any) -> ObjectsReadySensor:
    spec = {"type": "objects", "uri": "{date:%Y-%m-%d}/*", "window": {"by": "path"}, "wait_for": wait_for}
    return ObjectsReadySensor(
        task_id="wait",
        sync="photos",
        source=Input("photos", ObjectSourceSpec.model_validate(spec)),
        target={"organization": "o1"},
        base=str(base),
        **options,
    )


def context(**params: Any) -> Mapping[str, Any]:
    return {
        "run_id": "scheduled__1",
        "params": params,
        "dag_run": SimpleNamespace(run_type="scheduled", run_after=DAY),
        "data_interval_start": DAY - timedelta(days=1),
        "data_interval_end": DAY,
        "ti": SimpleNamespace(get_first_reschedule_date=lambda _: None),
    }


def test_what_is_ready_is_not_waited_for(tmp_path: Path, photos: Path) -> None:
    (photos / "_SUCCESS").touch()
    for deferrable in (True, False):
        assert sensor(tmp_path, deferrable=deferrable).execute(context()) is None


def test_it_waits_in_the_triggerer_for_the_window_of_the_run(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(TaskDeferred) as caught:
        sensor(tmp_path, deferrable=True).execute(context())
    assert caught.value.method_name == "execute_complete"
    trigger = caught.value.trigger
    assert isinstance(trigger, ObjectsReadyTrigger)
    assert trigger.window == ["2026-03-01T00:00:00+00:00", "2026-03-02T00:00:00+00:00"]
    assert trigger.source["wait_for"] == "_SUCCESS"
    assert trigger.poke_interval == 60
    with pytest.raises(TaskDeferred) as caught:
        sensor(tmp_path, deferrable=True).execute(context(full_refresh=True))
    assert caught.value.trigger.window is None


def test_it_pokes_until_ready(tmp_path: Path, photos: Path) -> None:
    waiting = sensor(tmp_path, deferrable=False, poke_interval=0.05, timeout=30)
    timer = threading.Timer(0.3, (photos / "_SUCCESS").touch)
    timer.start()
    assert waiting.execute(context()) is None
    timer.join()


def test_it_says_what_was_not_there_when_poking_took_too_long(tmp_path: Path, photos: Path) -> None:
    waiting = sensor(tmp_path, deferrable=False, poke_interval=0.05, timeout=0.2)
    with pytest.raises(AirflowSensorTimeout) as caught:
        waiting.execute(context())
    assert f"sources.photos: not ready after 0 s: {photos}/_SUCCESS is not there" in str(caught.value)


def test_it_can_give_its_slot_back_between_looks(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(AirflowRescheduleException):
        sensor(tmp_path, deferrable=False, mode="reschedule").execute(context())


def test_times_come_from_the_source_unless_given(tmp_path: Path) -> None:
    assert (sensor(tmp_path).timeout, sensor(tmp_path).poke_interval) == (6 * 3600, 60)
    assert sensor(tmp_path, timeout=timedelta(minutes=1)).timeout == 60


def test_a_dry_run_goes_on_at_once(tmp_path: Path, photos: Path) -> None:
    assert sensor(tmp_path, deferrable=True).execute(context(dry_run=True)) is None


def test_a_storage_that_cannot_be_read_fails_for_good(tmp_path: Path) -> None:
    spec = {"type": "objects", "uri": "ftp://host/*", "wait_for": "_SUCCESS"}
    waiting = ObjectsReadySensor(
        task_id="wait",
        sync="photos",
        source=Input("photos", ObjectSourceSpec.model_validate(spec)),
        target={"organization": "o1"},
        deferrable=True,
    )
    with pytest.raises(AirflowFailException, match="'ftp://' is no storage"):
        waiting.execute(context())


@pytest.mark.parametrize(
    ("event", "error", "message"),
    [
        (
            {"status": "timeout", "waiting": [f"s3://b/{n} is not there" for n in range(9)]},
            AirflowSensorTimeout,
            r"s3://b/4 is not there, and 4 more\. Clear this task",
        ),
        ({"status": "error", "waiting": ["access denied"]}, AirflowFailException, "access denied"),
        (None, AirflowFailException, "the trigger gave no event"),
    ],
)
def test_a_wait_that_ended_badly_fails_without_retries(
    tmp_path: Path, event: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        sensor(tmp_path).execute_complete(context(), event)
    assert sensor(tmp_path).execute_complete(context(), {"status": "ready", "waiting": []}) is None
