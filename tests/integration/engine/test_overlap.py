"""Runs that overlap: the newest version of a row wins, whichever run sends first, and none is sent twice at once."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.engine.conftest import World

from labelbox_airflow.engine.api import tasks
from labelbox_airflow.engine.upload import KeysBusyError
from labelbox_local.stack import LocalLabelbox

HERE = Path(__file__).parent


def notes(world: World) -> dict[str, str]:
    """The note of each row that Labelbox holds."""
    held = world.held()
    return {key: value for key, row in held.items() for _, name, value in row["attachments"] if name == "note"}


def rows(world: World, version: int, numbers: range = range(3)) -> list[dict[str, Any]]:
    return [world.record(n, version=version, note=f"version {version}") for n in numbers]


def outcomes(world: World, run_id: str, read: int) -> dict[str, int]:
    """The outcomes of a run, which add up to the rows read."""
    counted = world.outcomes(run_id)
    assert sum(counted.values()) == read
    return counted


@pytest.mark.parametrize("existing", [False, True], ids=["new rows", "known rows"])
@pytest.mark.parametrize("extracts", itertools.permutations((2, 3)), ids=str)
@pytest.mark.parametrize("uploads", itertools.permutations((2, 3)), ids=str)
def test_the_newer_version_wins_in_whatever_order_runs_extract_and_send(
    world: World, existing: bool, extracts: tuple[int, int], uploads: tuple[int, int]
) -> None:
    if existing:
        world.load("before", rows(world, 1))
    units = {version: world.extract(f"run {version}", rows(world, version)) for version in extracts}

    for version in uploads:
        for unit in units[version]:
            world.upload(f"run {version}", unit)

    assert set(notes(world).values()) == {"version 3"}
    done = "updated" if existing else "created"
    assert outcomes(world, "run 2", 3) == {"superseded": 3}
    assert outcomes(world, "run 3", 3) == {done: 3}
    assert world.claims() == 0
    assert world.load("next", rows(world, 3)) == {"unchanged": 3}


def test_a_newer_run_that_comes_back_to_the_old_content_wins_too(world: World) -> None:
    world.load("before", rows(world, 1))
    back = [world.record(n, version=3, note="version 1") for n in range(3)]
    (second,) = world.extract("second", rows(world, 2))
    (third,) = world.extract("third", back)

    world.upload("third", third)
    world.upload("second", second)

    assert set(notes(world).values()) == {"version 1"}
    assert outcomes(world, "third", 3) == {"unchanged": 3}
    assert outcomes(world, "second", 3) == {"superseded": 3}


def test_runs_share_no_more_than_the_keys_they_have_in_common(world: World) -> None:
    (first,) = world.extract("first", rows(world, 1, range(4)))
    (second,) = world.extract("second", rows(world, 2, range(2, 6)))

    world.upload("first", first)
    world.upload("second", second)

    assert outcomes(world, "first", 4) == {"created": 2, "superseded": 2}
    assert outcomes(world, "second", 4) == {"created": 4}
    assert notes(world) == {f"{n:04d}": f"version {1 if n < 2 else 2}" for n in range(6)}


@pytest.mark.parametrize("version", [1, 3])
def test_a_unit_waits_while_another_run_is_sending_its_keys(world: World, version: int) -> None:
    (sending,) = world.extract("sending", rows(world, 2))
    task_id = world.send("sending", sending)
    (waiting,) = world.extract("waiting", rows(world, version, range(2, 5)))

    for _ in range(2):
        with pytest.raises(KeysBusyError, match="engine/sending is sending 1 of the same global keys"):
            world.upload("waiting", waiting)

    assert task_id is not None
    tasks.wait(world.transport, task_id)
    world.upload("sending", sending)
    world.upload("waiting", waiting)
    assert outcomes(world, "sending", 3) == {"created": 3}
    newer = {"created": 2, "updated": 1} if version == 3 else {"created": 2, "superseded": 1}
    assert outcomes(world, "waiting", 3) == newer
    assert notes(world)["0002"] == ("version 3" if version == 3 else "version 2")


def test_a_unit_goes_on_after_the_lease_of_a_run_that_died_while_sending(world: World) -> None:
    (dying,) = world.extract("dying", rows(world, 3))
    world.send("dying", dying)
    (waiting,) = world.extract("waiting", rows(world, 2))
    with pytest.raises(KeysBusyError):
        world.upload("waiting", waiting)

    later = replace(world, clock=lambda: datetime.now(UTC) + timedelta(hours=7))
    later.upload("waiting", waiting)
    assert outcomes(later, "waiting", 3) == {"updated": 3}

    later.upload("dying", dying)  # it comes back to life, and its rows are newer
    assert outcomes(later, "dying", 3) == {"updated": 3}
    assert set(notes(world).values()) == {"version 3"}
    assert later.load("next", rows(world, 3)) == {"unchanged": 3}


def test_a_run_whose_own_lease_ran_out_claims_its_keys_again(world: World) -> None:
    (unit,) = world.extract("slow", rows(world, 2))
    later = replace(world, clock=lambda: datetime.now(UTC) + timedelta(hours=7))
    later.load("other", rows(world, 1, range(7, 8)))  # a run that begins drops what has run out
    assert later.claims() == 0

    later.upload("slow", unit)

    assert outcomes(later, "slow", 3) == {"created": 3}


def test_an_older_run_that_overslept_does_not_undo_a_newer_one(world: World) -> None:
    world.load("before", rows(world, 1))
    (unit,) = world.extract("slow", rows(world, 2))
    later = replace(world, clock=lambda: datetime.now(UTC) + timedelta(hours=7))
    assert later.load("newer", rows(world, 3)) == {"updated": 3}

    later.upload("slow", unit)

    assert outcomes(later, "slow", 3) == {"superseded": 3}
    assert set(notes(world).values()) == {"version 3"}


def test_a_retry_that_sends_gives_way_to_nobody(world: World) -> None:
    (first,) = world.extract("first", rows(world, 1))
    world.send("first", first)
    (second,) = world.extract("second", rows(world, 2))

    world.upload("first", first)
    world.upload("second", second)

    assert outcomes(world, "first", 3) == {"created": 3}
    assert outcomes(world, "second", 3) == {"updated": 3}
    assert set(notes(world).values()) == {"version 2"}


def test_a_row_replaced_by_a_newer_one_of_its_run_counts_once_each(new_world: Callable[..., World]) -> None:
    for order in itertools.permutations(range(3)):
        world = new_world(unit_rows=1, batch_rows=1)
        records = [
            world.record(1, version=1, note="older"),
            world.record(2),
            world.record(1, version=2, note="newer"),
        ]
        units = world.extract("run", records)
        for number in order:
            world.upload("run", units[number])
        assert outcomes(world, "run", 3) == {"created": 2, "superseded": 1}
        assert notes(world) == {"0001": "newer", "0002": "note 2"}


def test_a_newest_row_that_labelbox_refuses_does_not_bring_back_an_older_one(new_world: Callable[..., World]) -> None:
    for order in ((0, 1), (1, 0)):
        world = new_world(unit_rows=1, batch_rows=1)
        units = world.extract("run", [world.record(1, version=1), world.record(1, version=2, note="")])
        for number in order:
            world.upload("run", units[number])
        assert outcomes(world, "run", 2) == {"superseded": 1, "rejected": 1}


def test_runs_that_upload_at_the_same_time(new_world: Callable[..., World]) -> None:
    """Threads, each with its own run over the same keys: each ends, each row is the newest, all counts add up."""
    world = new_world(unit_rows=10, batch_rows=10)
    versions = range(1, 5)
    failures: list[BaseException] = []

    def run(version: int) -> None:
        try:
            run_id = f"run {version}"
            for unit in world.extract(run_id, rows(world, version, range(30))):
                upload_when_free(world, run_id, unit)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=[version]) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    assert all(sum(world.outcomes(f"run {version}").values()) == 30 for version in versions)
    assert set(notes(world).values()) == {"version 4"}
    assert len(list(world.exported())) == 30
    assert world.claims() == 0
    assert world.load("next", rows(world, 4, range(30))) == {"unchanged": 30}


def upload_when_free(world: World, run_id: str, unit: str) -> None:
    """Upload a unit, and come back while other runs send its keys."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return world.upload(run_id, unit)
        except KeysBusyError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


UPLOAD = """
import pathlib, sys
sys.path.insert(0, {here!r})
import conftest
transport = conftest.connect({connection!r})
world = conftest.World(transport, pathlib.Path({directory!r}), {dataset!r}, {organization!r}, {prefix!r})
print("begun", flush=True)
world.upload("run", "unit-00001")
print("settled", flush=True)
"""


def upload_in_a_process(world: World, local_labelbox: LocalLabelbox) -> subprocess.Popen[str]:
    """Start a process that uploads the unit of a run, as a worker does."""
    script = UPLOAD.format(
        here=str(HERE),
        connection=local_labelbox.airflow_connection(),
        directory=str(world.directory),
        dataset=world.dataset_id,
        organization=world.organization,
        prefix=world.prefix,
    )
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=dict(os.environ))


def test_a_worker_killed_with_signal_9_while_labelbox_is_slow(world: World, local_labelbox: LocalLabelbox) -> None:
    world.load("before", rows(world, 1))
    records = [*rows(world, 2), world.record(7), world.record(8, note="")]
    world.extract("run", records)
    local_labelbox.admin("POST", "switches", {"task_seconds": 1.5})
    before = local_labelbox.admin("GET", "calls")["operations"].get("UpsertDataRowsPyApi", 0)

    with upload_in_a_process(world, local_labelbox) as worker:
        while local_labelbox.admin("GET", "calls")["operations"].get("UpsertDataRowsPyApi", 0) == before:
            assert worker.poll() is None
            time.sleep(0.02)
        worker.send_signal(signal.SIGKILL)
    assert worker.returncode == -signal.SIGKILL
    assert world.outcomes("run") == {}

    with upload_in_a_process(world, local_labelbox) as worker:
        output, _ = worker.communicate(timeout=60)

    assert (worker.returncode, output.split()) == (0, ["begun", "settled"])
    assert outcomes(world, "run", 5) == {"updated": 3, "created": 1, "rejected": 1}
    assert notes(world) == {"0000": "version 2", "0001": "version 2", "0002": "version 2", "0007": "note 7"}
    assert world.claims() == 0
    sent = local_labelbox.admin("GET", "calls")["operations"]["UpsertDataRowsPyApi"] - before
    assert sent <= 2  # the second worker sends again only where the first could not note the task
