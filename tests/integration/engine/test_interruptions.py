"""A task that is killed at any point and run again ends as if it had never been killed."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from tests.integration.engine.conftest import ROWS, World

from labelbox_airflow.engine.api.datasets import create_dataset
from labelbox_airflow.engine.upload import settlement

Result = TypeVar("Result")


class Killed(BaseException):
    """The process ends here; no ``except Exception`` holds it up."""


@dataclass
class Executioner:
    """Ends the process at one of its steps: before it takes effect, or after, with the result lost.

    :param step: which step of all, counted from 1; 0 for none
    :param late: after its effect
    """

    step: int = 0
    late: bool = False
    taken: list[str] = field(default_factory=list)
    dead: bool = False
    _lock: Any = field(default_factory=threading.Lock)

    def perform(self, name: str, action: Callable[[], Result]) -> Result:
        """Perform one step, unless it is the last."""
        with self._lock:
            if self.dead:  # another thread of the same process
                raise Killed(name)
            self.taken.append(name)
            last = len(self.taken) == self.step
            self.dead = last
        if last and not self.late:
            raise Killed(name)
        result = action()
        if last:
            raise Killed(name)
        return result

    @property
    def struck(self) -> bool:
        """Whether somebody was killed."""
        return len(self.taken) >= self.step > 0


class Mortal:
    """Stands for an object; the methods named are steps at which the process may end."""

    def __init__(self, target: Any, steps: frozenset[str], executioner: Executioner) -> None:
        self._target, self._steps, self._executioner = target, steps, executioner

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._target, name)
        if name == "transaction":
            return self._transaction
        if name not in self._steps:
            return attribute
        return lambda *a, **k: self._executioner.perform(_name_of(name, a), lambda: attribute(*a, **k))

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        transaction: AbstractContextManager[Any] = self._target.transaction()
        with transaction as opened:
            yield Mortal(opened, self._steps, self._executioner)
        self._executioner.perform("committed", lambda: None)


TRANSPORT = frozenset({"execute", "upload", "put_vectors", "download"})
LEDGER = frozenset({"begin_run", "claim", "touch", "put", "forget", "intend", "submitted", "settle", "acquire"})
STAGING = frozenset({"clear", "write_json", "table_writer"})


def _name_of(method: str, arguments: tuple[Any, ...]) -> str:
    if method == "execute":
        return " ".join(str(arguments[0]).split()[:2]).partition("(")[0]
    return f"{method} {arguments[0]}" if method == "write_json" else method


@dataclass
class Scene:
    """A run to be interrupted: what was there before, and the rows it reads.

    :param prepare: makes several worlds, of one dataset and one ledger, as they are before the run
    :param records: the rows of the run in one of them
    """

    prepare: Callable[[Sequence[World]], None]
    records: Callable[[World], list[dict[str, Any]]]

    def end(self, world: World) -> dict[str, Any]:
        """Return all that must not depend on an interruption."""
        records = self.records(world)
        exported = list(world.exported(sorted({row["id"] for row in records if row["id"]})))
        return {
            "outcomes": world.outcomes("run"),
            "codes": world.codes("run"),
            "held": world.held(exported),
            "remembered": world.remembered(records, exported),
            "claims": world.claims(),
        }


def survive(task: Callable[[], Result], executioner: Executioner) -> Result:
    """Run a task, and run it again when it was killed, as Airflow does."""
    try:
        return task()
    except Killed:
        executioner.step, executioner.dead = 0, False
        return task()


def interrupted(world: World, scene: Scene, executioner: Executioner, steps: frozenset[str]) -> None:
    """Run the scene in a world where one process is killed."""
    mortal = replace(
        world,
        open_transport=lambda target: Mortal(target, TRANSPORT & steps, executioner),
        open_ledger=lambda target: Mortal(target, LEDGER & steps, executioner),
        open_staging=lambda target: Mortal(target, STAGING & steps, executioner),
    )
    records = scene.records(world)
    for unit in survive(lambda: mortal.extract("run", records), executioner):
        survive(lambda unit=unit: mortal.upload("run", unit), executioner)  # type: ignore[misc]


def crowd(new_world: Callable[..., World], scene: Scene, size: int, **fields: Any) -> list[World]:
    """Return worlds that share a dataset and what was before, each with keys and a copy of the ledger of its own."""
    first = new_world(**fields)
    worlds = [
        replace(first, prefix=f"{first.prefix}{n}-", directory=first.directory / str(n)) for n in range(1, size + 1)
    ]
    scene.prepare([replace(world, directory=first.directory) for world in worlds])
    for world in worlds:
        world.directory.mkdir()
        for file in first.directory.glob("ledger.db*"):
            shutil.copy(file, world.directory)
    return worlds


def check_every_step(new_world: Callable[..., World], scene: Scene, steps: frozenset[str], **fields: Any) -> None:
    """Kill at every step, early and late, and compare with a run that was left alone."""
    (undisturbed,) = crowd(new_world, scene, 1, **fields)
    whole = Executioner()
    interrupted(undisturbed, scene, whole, steps)
    expected = scene.end(undisturbed)
    assert sum(expected["outcomes"].values()) == len(scene.records(undisturbed))
    assert expected["claims"] == 0
    deaths = [(step, late) for step in range(1, len(whole.taken) + 1) for late in (False, True)]
    for (step, late), world in zip(deaths, crowd(new_world, scene, len(deaths), **fields), strict=True):
        interrupted(world, scene, Executioner(step, late), steps)
        moment = f"{'after' if late else 'before'} step {step}, {whole.taken[step - 1]}"
        assert scene.end(world) == expected, moment


def nothing(worlds: Sequence[World]) -> None:
    """Nothing is there before."""


def fresh(world: World) -> list[dict[str, Any]]:
    """New rows, one refused by Labelbox, one that cannot be mapped."""
    return [*(world.record(n) for n in range(4)), world.record(8, note=""), world.record(9, id="")]


def loaded(worlds: Sequence[World]) -> None:
    """Rows were loaded; then some were deleted by hand, others came in by other ways."""
    world = replace(worlds[0], unit_rows=50_000)
    world.load("before", [each.record(n, version=5) for each in worlds for n in range(12)])
    deleted = {f"{each.prefix}{n:04d}" for each in worlds for n in (7, 10, 11)}
    _delete(world, [row["data_row"]["id"] for row in world.exported() if row["data_row"]["global_key"] in deleted])
    other = replace(world, directory=world.directory / "other")
    other.directory.mkdir()
    theirs = [(each.record(20), each.record(21, note="theirs", country="IT")) for each in worlds]
    other.load("by another ledger", [row for rows in theirs for row in rows])
    other.dataset_id = create_dataset(world.transport, "elsewhere").id
    other.load("elsewhere", [each.record(30) for each in worlds])


def _delete(world: World, ids: list[str]) -> None:
    query = "mutation DeleteDataRowsPyApi($ids: [ID!]!) { deleteDataRows(where: {dataRowIds: $ids}) { id } }"
    world.transport.execute(query, {"ids": ids})


def edited(world: World) -> list[dict[str, Any]]:
    """Creates, updates of every part, unchanged, superseded and rejected rows, and rows known to Labelbox only."""

    def row(number: int, **changes: Any) -> dict[str, Any]:
        return world.record(number, **{"version": 6, **changes})

    return [
        row(0, country="IT"),
        row(1, note="new"),
        row(2, vector=[2, 2, 2, 2]),
        row(3, url="https://images.example.com/new.jpg"),
        row(4, name="new name", country="ES", note="all", vector=[4, 4, 4, 4]),
        row(5),
        row(6, version=1, note="old"),
        row(7, note="deleted by hand"),
        row(8, note=""),
        row(9, taken_at="yesterday"),
        row(10, vector=[10, 0, 0, 0]),
        row(11, country="ES"),
        row(20),
        row(21),
        row(30),
        row(40),
        row(41, version=7, note="first"),
        row(41, version=8, note="second"),
    ]


FIRST_LOAD = Scene(nothing, fresh)
EDITS = Scene(loaded, edited)
EVERY_STEP = [
    pytest.param(TRANSPORT, id="calls to Labelbox"),
    pytest.param(LEDGER | STAGING, id="writes to ledger and staging"),
]


@pytest.fixture(autouse=True)
def one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker and Labelbox share a clock here, so that rows of others made just before are told from our own."""
    monkeypatch.setattr(settlement, "CLOCK_SKEW", timedelta(0))


@pytest.mark.parametrize("steps", EVERY_STEP)
def test_a_first_load_may_be_killed_anywhere(new_world: Callable[..., World], steps: frozenset[str]) -> None:
    check_every_step(new_world, FIRST_LOAD, steps)


@pytest.mark.parametrize("steps", EVERY_STEP)
@pytest.mark.parametrize("lists", ["merge", "replace"])
def test_a_run_of_edits_may_be_killed_anywhere(
    new_world: Callable[..., World], steps: frozenset[str], lists: str
) -> None:
    check_every_step(new_world, EDITS, steps, rows={**ROWS, "lists": lists})
