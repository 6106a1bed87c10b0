"""A task that is killed at any point and run again ends as if it had never been killed."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import orjson
import pytest
from tests.integration.engine.conftest import ROWS, World

from labelbox_airflow.engine.api.datasets import create_dataset
from labelbox_airflow.engine.errors import LabelboxUnavailableError
from labelbox_airflow.engine.upload import settlement
from labelbox_local.stack import LocalLabelbox

Result = TypeVar("Result")


class Killed(BaseException):
    """The process ends here; no ``except Exception`` holds it up."""


@dataclass
class Executioner:
    """Ends the process right after one of its steps has taken effect; the result is lost.

    :param step: which step of all, counted from 1; 0 ends it before the first, None never
    """

    step: int | None = None
    taken: list[str] = field(default_factory=list)
    dead: bool = False
    _lock: Any = field(default_factory=threading.Lock)

    def perform(self, name: str, action: Callable[[], Result]) -> Result:
        """Perform one step, unless it is the last."""
        with self._lock:
            if self.dead or self.step == 0:  # dead: another thread of the same process
                raise Killed(name)
            self.taken.append(name)
            self.dead = len(self.taken) == self.step
            last = self.dead
        result = action()
        if last:
            raise Killed(name)
        return result


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
LEDGER = frozenset(
    "begin_run claim claim_rows touch put put_rows forget intend submitted settle acquire wait end_wait".split()  # noqa: SIM905
)
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
    :param finish: goes on with that where each world has a ledger of its own
    """

    prepare: Callable[[Sequence[World]], None]
    records: Callable[[World], list[dict[str, Any]]]
    finish: Callable[[Sequence[World]], None] = lambda worlds: None

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
            "waiting": self._waiting(world),
        }

    def _waiting(self, world: World) -> dict[str, tuple[int, int]]:
        """Return the rows that wait, version and source of each by key, as the run after this one would see them."""
        world.finish("run")
        with world.ledger as ledger:
            rows = [row for page in ledger.each_waiting(world.run("next")) for row in page]
        return {row.global_key.removeprefix(world.prefix): (row.version, len(row.row)) for row in rows}


def survive(task: Callable[[], Result], executioner: Executioner) -> Result:
    """Run a task, and run it again when it was killed, as Airflow does."""
    try:
        return task()
    except Killed:
        executioner.step, executioner.dead = None, False
        return task()


def survive_all(task: Callable[[], Result], executioner: Executioner) -> Result:
    """Run a task that is killed again and again, each attempt one step further on its way."""
    for step in itertools.count():
        executioner.step, executioner.dead, executioner.taken = step, False, []
        try:
            return task()
        except Killed:
            continue
    raise AssertionError("there is no last attempt")


def interrupted(world: World, scene: Scene, executioner: Executioner, attempt: Callable[..., Any] = survive) -> None:
    """Run the scene in a world where processes are killed."""
    mortal = replace(
        world,
        open_transport=lambda target: Mortal(target, TRANSPORT, executioner),
        open_ledger=lambda target: Mortal(target, LEDGER, executioner),
        open_staging=lambda target: Mortal(target, STAGING, executioner),
    )
    records = scene.records(world)
    for unit in attempt(lambda: mortal.extract("run", records), executioner):
        attempt(partial(mortal.upload, "run", unit), executioner)


def crowd(new_world: Callable[..., World], scene: Scene, size: int, **fields: Any) -> list[World]:
    """Return worlds that share a dataset and what was before, each with keys and a copy of the ledger of its own."""
    first = new_world(**fields)
    worlds = [
        replace(first, prefix=f"{first.prefix}{n}-", directory=first.directory / str(n), reads={})
        for n in range(1, size + 1)
    ]
    scene.prepare([replace(world, directory=first.directory) for world in worlds])
    for world in worlds:
        world.directory.mkdir()
        for file in first.directory.glob("ledger.db*"):
            shutil.copy(file, world.directory)
    scene.finish(worlds)
    return worlds


def check_every_step(new_world: Callable[..., World], scene: Scene, **fields: Any) -> None:
    """Kill after every step, and before the first, and compare with a run that was left alone.

    Steps are all calls to Labelbox and all writes to ledger and staging, so before one is after the one before it.
    """
    (undisturbed,) = crowd(new_world, scene, 1, **fields)
    whole = Executioner()
    interrupted(undisturbed, scene, whole)
    expected = scene.end(undisturbed)
    assert sum(expected["outcomes"].values()) == undisturbed.reads["run"]
    assert expected["claims"] == 0
    for step, world in enumerate(crowd(new_world, scene, len(whole.taken) + 1, **fields)):
        executioner = Executioner(step)
        interrupted(world, scene, executioner)
        assert scene.end(world) == expected, f"killed after {executioner.taken[:step]}"


def nothing(worlds: Sequence[World]) -> None:
    """Nothing is there before."""


def fresh(world: World) -> list[dict[str, Any]]:
    """New rows, one refused by Labelbox, one that cannot be mapped."""
    return [*(world.record(n) for n in range(4)), world.record(8, note=""), world.record(9, id="")]


def loaded(worlds: Sequence[World]) -> None:
    """Rows were loaded; then some were deleted by hand, others came in by other ways."""
    world = replace(worlds[0], unit_rows=50_000)
    world.load("before", [each.record(n, version=5) for each in worlds for n in range(13)])
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
        row(12, country=None, thumbnail=None, total=3),
        row(20),
        row(21),
        row(30),
        row(40),
        row(41, version=7, note="first"),
        row(41, version=8, note="second"),
    ]


ATTACH: dict[str, Any] = {
    "global_key": "id",
    "version": "version",
    "missing": "later",
    "metadata": {"engine total": {"column": "total", "kind": "number", "new_field": "add"}},
    "attachments": [{"type": "RAW_TEXT", "name": "caption", "value": "note"}],
    "embeddings": {"engine-vector": {"column": "vector", "dimensions": 4, "new_embedding": "add"}},
}
BARE: dict[str, Any] = {"row_data": "url", "global_key": "id", "version": "version"}


def attached(worlds: Sequence[World]) -> None:
    """Data rows were loaded, and some attached to; then one was deleted."""
    world = replace(worlds[0], unit_rows=50_000)
    loader = replace(world, sync="loader", attach=None, rows=BARE)
    loader.load("load", [each.record(n) for each in worlds for n in (0, 1, 2, 3, 4, 5)])
    world.load("before", [each.record(n) for each in worlds for n in (0, 1, 2, 5)])
    deleted = {f"{each.prefix}0005" for each in worlds}
    _delete(world, [row["data_row"]["id"] for row in world.exported() if row["data_row"]["global_key"] in deleted])


def waited(worlds: Sequence[World]) -> None:
    """Rows wait; then a data row comes for one of them."""
    for world in worlds:
        assert world.load("wait", [world.record(n, total=str(n)) for n in (8, 9)]) == {"waiting": 2}
    ledger = worlds[0].directory.parent
    loader = replace(worlds[0], directory=ledger, sync="loader", attach=None, rows=BARE, unit_rows=50_000)
    loader.load("more", [each.record(8) for each in worlds])


def additions(world: World) -> list[dict[str, Any]]:
    """Changes of each part, a first time, a row without a data row, one whose data row is gone, and a wrong one."""
    return [
        world.record(0, version=2, total="7.5"),
        world.record(1, version=2, total="0.25", note="new", vector=[1, 1, 1, 1]),
        world.record(2, total="0.5"),
        world.record(3, total="3"),
        world.record(4, total="many"),
        world.record(5, version=2, total="5", note="gone"),
        world.record(7, total="7"),
    ]


FIRST_LOAD = Scene(nothing, fresh)
ADDITIONS = Scene(attached, additions, waited)
EDITS = Scene(loaded, edited)


@pytest.fixture(autouse=True)
def one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker and Labelbox share a clock here, so that rows of others made just before are told from our own."""
    monkeypatch.setattr(settlement, "CLOCK_SKEW", timedelta(0))


def test_a_first_load_may_be_killed_anywhere(new_world: Callable[..., World]) -> None:
    check_every_step(new_world, FIRST_LOAD)


@pytest.mark.parametrize("lists", ["merge", "replace"])
def test_a_run_of_edits_may_be_killed_anywhere(new_world: Callable[..., World], lists: str) -> None:
    check_every_step(new_world, EDITS, rows={**ROWS, "lists": lists})


def test_a_run_that_attaches_may_be_killed_anywhere(new_world: Callable[..., World]) -> None:
    check_every_step(new_world, ADDITIONS, sync="attacher", attach=ATTACH)


def test_a_run_that_attaches_may_be_killed_again_and_again(new_world: Callable[..., World]) -> None:
    undisturbed, world = crowd(new_world, ADDITIONS, 2, sync="attacher", attach=ATTACH)
    interrupted(undisturbed, ADDITIONS, Executioner())

    interrupted(world, ADDITIONS, Executioner(), survive_all)

    ended = ADDITIONS.end(world)
    assert ended == ADDITIONS.end(undisturbed)
    assert ended["outcomes"] == {"updated": 4, "unchanged": 1, "rejected": 1, "waiting": 3}
    assert sorted(ended["waiting"]) == ["0005", "0007", "0009"]


@pytest.mark.parametrize("scene", [pytest.param(FIRST_LOAD, id="first load"), pytest.param(EDITS, id="edits")])
@pytest.mark.parametrize("when_null", ["leave", "clear"])
def test_a_task_may_be_killed_again_and_again(new_world: Callable[..., World], scene: Scene, when_null: str) -> None:
    undisturbed, world = crowd(new_world, scene, 2, rows={**ROWS, "when_null": when_null})
    interrupted(undisturbed, scene, Executioner())

    interrupted(world, scene, Executioner(), survive_all)

    assert scene.end(world) == scene.end(undisturbed)


def test_units_are_taken_up_one_by_one(new_world: Callable[..., World]) -> None:
    undisturbed, world = crowd(new_world, EDITS, 2, unit_rows=5, batch_rows=5)
    interrupted(undisturbed, EDITS, Executioner())

    interrupted(world, EDITS, Executioner(), survive_all)

    assert EDITS.end(world) == EDITS.end(undisturbed)


def test_a_run_cleared_as_a_whole_in_the_middle_ends_in_the_same_content(new_world: Callable[..., World]) -> None:
    worlds = crowd(new_world, EDITS, 6, unit_rows=7, batch_rows=7)
    interrupted(worlds[0], EDITS, Executioner())
    expected = EDITS.end(worlds[0])
    for number, world in enumerate(worlds[1:]):
        with pytest.raises(Killed):
            interrupted(world, EDITS, Executioner(18 + 9 * number), lambda task, _: task())
        assert world.load("run", edited(world))
        ended = EDITS.end(world)
        for same in ("codes", "held", "remembered", "claims"):
            assert ended[same] == expected[same], same


def test_a_settled_unit_that_is_run_again_keeps_its_outcomes(world: World) -> None:
    records = [*(world.record(n) for n in range(3)), world.record(3, note="")]
    (unit,) = world.extract("run", records)
    world.upload("run", unit)
    before = world.remembered(records)

    world.upload("run", unit)

    assert world.outcomes("run") == {"created": 3, "rejected": 1}
    assert world.codes("run") == {"0003": "refused"}
    assert world.remembered(records) == before


def test_a_cleared_upload_tries_again_what_was_rejected_and_only_that(
    world: World, local_labelbox: LocalLabelbox
) -> None:
    records = [world.record(n) for n in range(4)]
    elsewhere = replace(world, dataset_id=create_dataset(world.transport, "in the way").id)
    elsewhere.directory = world.directory / "elsewhere"
    elsewhere.directory.mkdir()
    elsewhere.load("before", records[2:3])
    (unit,) = world.extract("run", records)
    world.upload("run", unit)
    assert world.outcomes("run") == {"created": 3, "rejected": 1}
    replace(world).load("newer", [world.record(1, version=2, note="newer")])
    _delete(world, [row["data_row"]["id"] for row in elsewhere.exported()])

    world.upload("run", unit)

    assert world.outcomes("run") == {"created": 4}
    assert world.codes("run") == {}
    assert ("RAW_TEXT", "note", "newer") in world.held()["0001"]["attachments"]
    assert world.load("next", [records[0], world.record(1, version=2, note="newer"), *records[2:]]) == {"unchanged": 4}


def upload_with_retries(world: World, records: list[dict[str, Any]], *, failing: int) -> dict[str, int]:
    """Run a sync whose one unit fails for a passing reason so many times before it succeeds."""
    (unit,) = world.extract("run", records)
    for _ in range(failing):
        with pytest.raises(LabelboxUnavailableError):
            world.upload("run", unit)
    world.upload("run", unit)
    outcomes = world.outcomes("run")
    assert sum(outcomes.values()) == len(records)
    return outcomes


@pytest.mark.parametrize("status", [500, None], ids=["500", "connection cut"])
@pytest.mark.parametrize("effect", ["before", "after"])
def test_a_submission_without_an_answer_is_looked_up_and_sent_once(
    world: World, local_labelbox: LocalLabelbox, status: int | None, effect: str
) -> None:
    records = [world.record(n) for n in range(5)]
    local_labelbox.admin("POST", "faults", {"operation": "upsertDataRows", "status": status, "effect": effect})

    assert upload_with_retries(world, records, failing=1) == {"created": 5}

    assert len(list(world.exported())) == 5
    assert world.load("next", records) == {"unchanged": 5}


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "retry_after": 1},
        {"status": 429},
        {"status": 503},
        {"status": None},
        {"status": 502, "effect": "after"},
        {"status": None, "effect": "after"},
    ],
    ids=str,
)
def test_passing_errors_of_repeatable_calls_are_not_noticed(
    new_world: Callable[..., World], local_labelbox: LocalLabelbox, fault: dict[str, Any]
) -> None:
    undisturbed, world = crowd(new_world, EDITS, 2)
    interrupted(undisturbed, EDITS, Executioner())
    operations = ["upsertDataRows"] if fault == {"status": 429, "retry_after": 1} else []
    operations += ["uploadFile", "importVectors", "upsertDataRowCustomMetadata", "successesfulDataRowImports"]
    operations += ["failedDataRowImports", "dataRowsForGlobalKeys", "dataRowsForGlobalKeysResult", "user", "embeddings"]
    operations += ["customMetadataOntology", "exportDataRowsInCatalog"]
    for operation in operations:
        local_labelbox.admin("POST", "faults", {"operation": operation, "times": 2, **fault})

    interrupted(world, EDITS, Executioner())

    assert not local_labelbox.admin("GET", "faults")
    assert EDITS.end(world) == EDITS.end(undisturbed)


def test_a_task_that_failed_is_sent_again(world: World, local_labelbox: LocalLabelbox) -> None:
    records = [world.record(n) for n in range(5)]
    local_labelbox.admin("POST", "faults", {"operation": "upsertDataRows", "task": "failed", "times": 2})
    assert upload_with_retries(world, records, failing=2) == {"created": 5}

    for row in records:
        row["note"] = "new"
    local_labelbox.admin("POST", "faults", {"operation": "upsertDataRows", "task": "failed"})
    assert upload_with_retries(world, records, failing=1) == {"updated": 5}
    assert world.load("next", records) == {"unchanged": 5}


def test_rows_that_a_task_dropped_are_sent_again(world: World, local_labelbox: LocalLabelbox) -> None:
    records = [world.record(n) for n in range(9)]
    fault = {"operation": "upsertDataRows", "task": "drop_rows", "every": 2}
    local_labelbox.admin("POST", "faults", fault)

    assert world.load("first", records) == {"created": 9}

    for row in records:
        row["note"] = "new"
    local_labelbox.admin("POST", "faults", fault)
    assert world.load("second", records) == {"updated": 9}
    assert world.load("third", records) == {"unchanged": 9}


def test_rows_that_every_task_drops_are_rejected_with_the_reason(world: World, local_labelbox: LocalLabelbox) -> None:
    records = [world.record(n) for n in range(4)]
    local_labelbox.admin("POST", "faults", {"operation": "upsertDataRows", "task": "drop_rows", "every": 1, "times": 9})

    assert world.load("first", records) == {"rejected": 4}

    assert all("will not be imported" in letter.reason for letter in world.dead_letters("first"))
    local_labelbox.admin("DELETE", "faults")
    assert world.load("second", records) == {"created": 4}


class Forgetful:
    """A transport to a Labelbox that does not list every row a task wrote, or loses rows of a chunk silently."""

    def __init__(self, transport: Any, *, unlisted: frozenset[str] = frozenset(), lost: frozenset[str] = frozenset()):
        self._transport, self._unlisted, self._lost = transport, unlisted, lost

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def execute(self, query: str, variables: Any = None, **options: Any) -> Any:
        data = self._transport.execute(query, variables, **options)
        for page in (data or {}).values():
            if isinstance(page, dict) and "nodes" in page:
                page["nodes"] = [node for node in page["nodes"] if node["globalKey"] not in self._unlisted]
        return data

    def upload(self, content: bytes, *, filename: str, content_type: str) -> Any:
        if filename.startswith("data-rows"):
            items = [item for item in orjson.loads(content) if item["payload"]["global_key"] not in self._lost]
            content, self._lost = orjson.dumps(items), frozenset()
        return self._transport.upload(content, filename=filename, content_type=content_type)


@pytest.mark.parametrize("changes", [{"note": "new"}, {"url": "https://images.example.com/new.jpg", "country": "ES"}])
def test_rows_a_task_says_nothing_about_are_looked_for(world: World, changes: dict[str, Any]) -> None:
    keys = [f"{world.prefix}{n:04d}" for n in range(6)]
    records = [world.record(n) for n in range(6)]
    forgetful = Forgetful(world.transport, unlisted=frozenset(keys[:2]), lost=frozenset(keys[2:4]))
    world.open_transport = lambda _: forgetful

    assert world.load("first", records) == {"created": 6}

    assert len(world.held()) == 6
    changed = [{**row, **changes} for row in records]
    world.open_transport = lambda target: Forgetful(target, lost=frozenset(keys[:4]))
    assert world.load("second", changed) == {"updated": 6}
    assert world.load("third", changed) == {"unchanged": 6}
    for row in world.held().values():
        assert all(row["row_data"] == value for name, value in changes.items() if name == "url")
        assert all(
            ("RAW_TEXT", "note", value) in row["attachments"] for name, value in changes.items() if name == "note"
        )
