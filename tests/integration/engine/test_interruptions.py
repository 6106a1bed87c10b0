"""A task that is killed at any point and run again ends as if it had never been killed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from tests.integration.engine.conftest import ROWS, World

from labelbox_airflow.engine.api.datasets import create_dataset

if TYPE_CHECKING:
    pass

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

    :param prepare: makes the world as it is before the run
    :param records: the rows of the run
    """

    prepare: Callable[[World], None]
    records: Callable[[World], list[dict[str, Any]]]

    def end(self, world: World) -> dict[str, Any]:
        """Return all that must not depend on an interruption."""
        return {
            "outcomes": world.outcomes("run"),
            "codes": world.codes("run"),
            "held": world.held(),
            "remembered": world.remembered(self.records(world)),
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
    scene.prepare(world)
    world.open_transport = lambda target: Mortal(target, TRANSPORT & steps, executioner)
    world.open_ledger = lambda target: Mortal(target, LEDGER & steps, executioner)
    world.open_staging = lambda target: Mortal(target, STAGING & steps, executioner)
    records = scene.records(world)
    for unit in survive(lambda: world.extract("run", records), executioner):
        survive(lambda unit=unit: world.upload("run", unit), executioner)  # type: ignore[misc]
    world.open_transport = world.open_ledger = world.open_staging = lambda target: target


def check_every_step(new_world: Callable[..., World], scene: Scene, steps: frozenset[str], **fields: Any) -> None:
    """Kill at every step, early and late, and compare with a run that was left alone."""
    whole, undisturbed = Executioner(), new_world(**fields)
    interrupted(undisturbed, scene, whole, steps)
    expected = scene.end(undisturbed)
    assert sum(expected["outcomes"].values()) == len(scene.records(undisturbed))
    assert expected["claims"] == 0
    for step in range(1, len(whole.taken) + 1):
        for late in (False, True):
            world, executioner = new_world(**fields), Executioner(step, late)
            interrupted(world, scene, executioner, steps)
            moment = f"{'after' if late else 'before'} step {step}, {whole.taken[step - 1]}"
            assert scene.end(world) == expected, moment


def nothing(world: World) -> None:
    """Nothing is there before."""


FIRST_LOAD = Scene(
    nothing, lambda world: [*(world.record(n) for n in range(4)), world.record(8, note=""), world.record(9, id="")]
)


def loaded(world: World) -> None:
    """Rows were loaded; then one is deleted by hand, others come in by other ways."""
    world.load("before", [world.record(n, version=5) for n in range(12)])
    rows = {row["data_row"]["global_key"]: row["data_row"]["id"] for row in world._exported()}
    _delete(world, [rows[f"{world.prefix}{n:04d}"] for n in (7, 10, 11)])
    other = World(world.transport, world.directory / "other", world.dataset_id, world.organization, world.prefix)
    other.directory.mkdir()
    other.load("by another ledger", [other.record(20), other.record(21, note="theirs", country="IT")])
    elsewhere = create_dataset(world.transport, "elsewhere")
    other.dataset_id = elsewhere.id
    other.load("elsewhere", [other.record(30)])


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


EDITS = Scene(loaded, edited)
EVERY_PART = [
    pytest.param(TRANSPORT, id="calls to Labelbox"),
    pytest.param(LEDGER, id="writes to the ledger"),
    pytest.param(STAGING, id="writes to staging"),
]


@pytest.mark.parametrize("steps", EVERY_PART)
def test_a_first_load_may_be_killed_anywhere(new_world: Callable[..., World], steps: frozenset[str]) -> None:
    check_every_step(new_world, FIRST_LOAD, steps)


@pytest.mark.parametrize("steps", EVERY_PART)
@pytest.mark.parametrize("lists", ["merge", "replace"])
def test_a_run_of_edits_may_be_killed_anywhere(
    new_world: Callable[..., World], steps: frozenset[str], lists: str
) -> None:
    check_every_step(new_world, EDITS, steps, rows={**ROWS, "lists": lists})
