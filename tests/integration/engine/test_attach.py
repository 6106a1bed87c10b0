"""Attaching to data rows that are there: what is added, what is left alone, and rows whose data row is missing."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.integration.engine.conftest import ROWS, World

from labelbox_airflow.engine import vectors
from labelbox_airflow.engine.adopt import adopt_dataset
from labelbox_airflow.engine.api import homes
from labelbox_airflow.engine.api.datasets import create_dataset
from labelbox_airflow.engine.ledger import Owner
from labelbox_airflow.engine.upload import KeysBusyError
from labelbox_local.stack import LocalLabelbox

NUMBERS = itertools.count(1)
SCORE, VECTOR = "attach score", "attach-vector"
ATTACH: Mapping[str, Any] = {
    "global_key": "id",
    "version": "version",
    "metadata": {SCORE: {"column": "score", "kind": "number", "new_field": "add"}},
    "attachments": [{"type": "RAW_TEXT", "name": "caption", "value": "caption"}],
    "embeddings": {VECTOR: {"column": "vector", "dimensions": 4, "new_embedding": "add"}},
}


def extra(world: World, number: int, **changes: Any) -> dict[str, Any]:
    """Return a source row of the sync that attaches."""
    return {
        "id": f"{world.prefix}{number:04d}",
        "version": 1,
        "score": number / 2,
        "caption": f"caption {number}",
        "vector": [number, 1.0, 2.0, 3.0],
        **changes,
    }


def attaching(loader: World, sync: str = "attacher", **attach: Any) -> World:
    """Return a sync that attaches to the rows of another, with the same ledger."""
    return replace(loader, sync=sync, attach={**ATTACH, **attach}, reads={})


def elsewhere(world: World) -> World:
    """Return the same sync with a ledger that knows nothing."""
    directory = world.directory / f"ledger {next(NUMBERS)}"
    directory.mkdir()
    return replace(world, directory=directory, reads={})


@pytest.fixture
def loader(new_world: Callable[..., World]) -> World:
    """A sync that loads rows; three of them are there."""
    world = new_world(sync="loader")
    world.load("load", [world.record(n) for n in range(3)])
    return world


@contextmanager
def counted(local_labelbox: LocalLabelbox) -> Iterator[dict[str, Any]]:
    """Count the calls of a block."""
    local_labelbox.admin("DELETE", "calls")
    calls: dict[str, Any] = {}
    yield calls
    calls.update(local_labelbox.admin("GET", "calls"))


def delete(world: World, number: int) -> None:
    (row,) = world.exported([f"{world.prefix}{number:04d}"])
    query = "mutation DeleteDataRowsPyApi($ids: [ID!]!) { deleteDataRows(where: {dataRowIds: $ids}) { id } }"
    world.transport.execute(query, {"ids": [row["data_row"]["id"]]})


def with_extra(before: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return what a data row holds once everything is attached."""
    return {
        **before,
        "metadata": {**before["metadata"], SCORE: number / 2},
        "attachments": sorted([*before["attachments"], ("RAW_TEXT", "caption", f"caption {number}")]),
        "embeddings": {**before["embeddings"], VECTOR: [float(number), 1.0, 2.0, 3.0]},
    }


@pytest.mark.parametrize("known", [True, False], ids=["rows of the same ledger", "rows the ledger does not know"])
def test_everything_is_added_and_nothing_else_touched(loader: World, known: bool) -> None:
    world = attaching(loader) if known else elsewhere(attaching(loader))
    before = loader.held()

    assert world.load("first", [extra(world, n) for n in range(2)]) == {"updated": 2}

    after = loader.held()
    assert after == {**before, "0000": with_extra(before["0000"], 0), "0001": with_extra(before["0001"], 1)}
    assert world.claims() == 0


def test_the_same_rows_again_cost_no_call_at_all(loader: World, local_labelbox: LocalLabelbox) -> None:
    world = elsewhere(attaching(loader))
    records = [extra(world, n) for n in range(3)]
    world.load("first", records)

    with counted(local_labelbox) as calls:
        assert world.load("second", records) == {"unchanged": 3}

    assert calls["write"] == 0
    assert set(calls["operations"]) <= {"GetMetadataOntologyBetaPyApi"}


@pytest.mark.parametrize(
    ("changes", "part", "calls_that_write"),
    [
        ({"score": 9}, "metadata", {"UpsertDataRowMetadataBetaPyApi": 1}),
        ({"vector": [9, 9, 9, 9]}, "embeddings", {"importVectors": 1}),
        ({"caption": "new"}, "attachments", {"UpsertDataRowsPyApi": 1}),
    ],
)
def test_only_what_changed_is_sent(
    loader: World, local_labelbox: LocalLabelbox, changes: dict[str, Any], part: str, calls_that_write: dict[str, int]
) -> None:
    world = attaching(loader)
    records = [extra(world, n) for n in range(3)]
    world.load("first", records)
    before = loader.held()

    with counted(local_labelbox) as calls:
        assert world.load("second", [*records[:2], extra(world, 2, **changes)]) == {"unchanged": 2, "updated": 1}

    after = loader.held()
    assert {key for key, row in after.items() if row != before[key]} == {"0002"}
    assert {name for name, value in after["0002"].items() if value != before["0002"][name]} == {part}
    written = {"UpsertDataRowMetadataBetaPyApi", "importVectors", "UpsertDataRowsPyApi"}
    assert {name: n for name, n in calls["operations"].items() if name in written} == calls_that_write


def test_nulls_add_nothing_and_need_no_second_look(loader: World, local_labelbox: LocalLabelbox) -> None:
    world = elsewhere(attaching(loader))
    nulls = [extra(world, n, score=None, caption=None, vector=None) for n in range(2)]
    before = loader.held()

    with counted(local_labelbox) as calls:
        assert world.load("first", nulls) == {"unchanged": 2}
    assert calls["write"] == 0
    with counted(local_labelbox) as calls:
        assert world.load("second", nulls) == {"unchanged": 2}

    assert set(calls["operations"]) <= {"GetMetadataOntologyBetaPyApi"}
    assert loader.held() == before


def test_nulls_clear_what_the_sync_attached_when_told(loader: World) -> None:
    before = loader.held()
    world = attaching(loader, when_null="clear")
    world.load("first", [extra(world, 1)])

    assert world.load("second", [extra(world, 1, score=None, caption=None)]) == {"updated": 1}

    after = loader.held()["0001"]
    assert after["metadata"] == before["0001"]["metadata"]
    assert after["attachments"] == before["0001"]["attachments"]


def test_an_older_row_is_superseded_and_a_wrong_one_rejected(loader: World) -> None:
    world = attaching(loader)
    world.load("first", [extra(world, 0, version=5), extra(world, 1)])

    rows = [
        extra(world, 0, version=4, score="1"),
        extra(world, 1, score="high"),
        extra(world, 2, score="1", vector=[1]),
    ]
    assert world.load("second", rows) == {"superseded": 1, "rejected": 2}

    assert world.codes("second") == {"0001": "bad_number", "0002": "bad_embedding"}


def test_many_rows_are_found_by_export(
    new_world: Callable[..., World], local_labelbox: LocalLabelbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = new_world(sync="loader")
    loader.load("load", [loader.record(n) for n in range(60)])
    other = replace(loader, dataset_id=create_dataset(loader.transport, f"other {next(NUMBERS)}").id, reads={})
    other.load("other", [loader.record(99)])
    monkeypatch.setattr(homes, "FEW", 20)
    world = elsewhere(attaching(loader))

    with counted(local_labelbox) as calls:
        rows = [extra(world, n) for n in (*range(60), 70, 99)]
        assert world.load("first", rows) == {"updated": 60, "rejected": 2}

    assert world.codes("first") == {"0070": "no_data_row", "0099": "key_in_other_dataset"}
    assert calls["operations"]["exportDataRowsInCatalogPyApi"] == 1
    assert calls["operations"]["GetDataRowsPyApi"] <= 4  # the stray one, and the attachments to merge, 25 at a time
    assert len([row for row in loader.held().values() if SCORE in row["metadata"]]) == 60


def test_without_a_data_row_a_row_is_rejected_with_what_to_do(loader: World) -> None:
    world = attaching(loader)

    assert world.load("first", [extra(world, 0), extra(world, 7)]) == {"updated": 1, "rejected": 1}

    (letter,) = world.dead_letters("first")
    assert (letter.code, letter.global_key, letter.stage) == ("no_data_row", f"{world.prefix}0007", "map")
    assert "load it first, correct the key, or set attach.missing" in letter.reason
    assert letter.row["caption"] == "caption 7"
    assert sorted(loader.held()) == ["0000", "0001", "0002"]
    assert world.load("second", [extra(world, 0), extra(world, 7)]) == {"unchanged": 1, "rejected": 1}


def test_without_a_data_row_a_row_is_left_alone_when_told(loader: World) -> None:
    world = attaching(loader, missing="leave")

    assert world.load("first", [extra(world, 0), extra(world, 7)]) == {"updated": 1, "left_alone": 1}

    assert world.dead_letters("first") == []
    loader.load("more", [loader.record(7)])
    assert world.load("second", [extra(world, 0), extra(world, 7)]) == {"unchanged": 1, "updated": 1}


@pytest.mark.parametrize("missing", ["reject", "leave", "later"])
def test_a_key_of_another_dataset_is_rejected(loader: World, missing: str) -> None:
    name = f"not here {next(NUMBERS)}"
    other = elsewhere(replace(loader, dataset_id=create_dataset(loader.transport, name).id))
    other.load("other", [other.record(8)])
    world = attaching(loader, missing=missing)

    assert world.load("first", [extra(world, 8)]) == {"rejected": 1}

    (letter,) = world.dead_letters("first")
    assert letter.code == "key_in_other_dataset"
    assert name in letter.reason
    assert other.held()["0008"]["metadata"].keys().isdisjoint({SCORE})


# Rows that wait


def waiting(world: World) -> list[str]:
    """Return the keys that wait for the sync, as a run to come would see them."""
    with world.ledger as ledger:
        rows = [row for page in ledger.each_waiting(world.run("a run to come"), page=2) for row in page]
        assert ledger.count_waiting(world.run("a run to come")) == len(rows)
    return [row.global_key.removeprefix(world.prefix) for row in rows]


@pytest.fixture
def patient(loader: World) -> World:
    return attaching(loader, missing="later")


def test_a_row_waits_for_its_data_row_and_is_then_attached(loader: World, patient: World) -> None:
    assert patient.load("first", [extra(patient, n) for n in (0, 7, 8)]) == {"updated": 1, "waiting": 2}
    assert waiting(patient) == ["0007", "0008"]
    assert patient.dead_letters("first") == []
    loader.load("more", [loader.record(7)])
    before = loader.held()["0007"]

    assert patient.load("second", []) == {"updated": 1, "waiting": 1}

    assert loader.held()["0007"] == with_extra(before, 7)
    assert waiting(patient) == ["0008"]
    assert patient.load("third", []) == {"waiting": 1}
    assert patient.load("fourth", [extra(patient, 7), extra(patient, 8)]) == {"unchanged": 1 + 1, "waiting": 1}


def test_a_row_waits_with_its_types_and_its_origin(loader: World, patient: World) -> None:
    typed = {
        "score": Decimal("0.50"),
        "caption": datetime(2026, 1, 2, 3, 4, 5, 6, UTC),
        "vector": [0.1, 0.2, 0.3, 0.4],
        "version": 2**62,
    }
    patient.load("first", [extra(patient, 0), extra(patient, 1)])
    patient.load("second", [extra(patient, 7, **typed)])
    loader.load("more", [loader.record(7)])

    assert patient.load("third", [extra(patient, 7, **typed)]) == {"updated": 1, "unchanged": 1}

    held = loader.held()["0007"]
    assert held["metadata"][SCORE] == 0.5
    assert held["embeddings"][VECTOR] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert patient.load("fourth", [extra(patient, 7, **typed)]) == {"unchanged": 1}


def test_a_row_that_waited_and_is_wrong_is_rejected_with_where_it_came_from(loader: World, patient: World) -> None:
    patient.load("first", [extra(patient, 0, score="1"), extra(patient, 7, score="high")])
    loader.load("more", [loader.record(7)])

    assert patient.load("second", [extra(patient, 0, score="1")]) == {"unchanged": 1, "rejected": 1}

    (letter,) = patient.dead_letters("second")
    assert (letter.code, letter.origin) == ("bad_number", "records record 2")
    assert sorted(letter.row) == ["caption", "id", "score", "vector", "version"]
    assert waiting(patient) == []
    assert patient.load("third", []) == {}


def test_a_row_that_waits_too_long_is_rejected_once(patient: World) -> None:
    patient = replace(patient, attach={**ATTACH, "missing": "later", "later_for": "2d"})
    patient.load("first", [extra(patient, 7)])
    almost = replace(patient, clock=lambda: datetime.now(UTC) + timedelta(days=1, hours=23))
    assert almost.load("second", []) == {"waiting": 1}
    late = replace(patient, clock=lambda: datetime.now(UTC) + timedelta(days=2, hours=1))

    assert late.load("third", []) == {"rejected": 1}

    (letter,) = late.dead_letters("third")
    assert letter.code == "no_data_row"
    assert "longer than attach.later_for: 2d" in letter.reason
    assert letter.row["caption"] == "caption 7"
    assert late.load("fourth", []) == {}
    assert late.load("fifth", [extra(patient, 7)]) == {"waiting": 1}  # read anew, it waits anew


def test_a_row_that_is_read_again_and_again_waits_since_it_was_first_read(patient: World) -> None:
    for day in range(3):
        later = replace(patient, clock=lambda day=day: datetime.now(UTC) + timedelta(days=10 * day))
        again = {"unchanged": 1} if day else {}
        assert later.load(f"day {day}", [extra(patient, 7)]) == {"waiting": 1, **again}
    late = replace(patient, clock=lambda: datetime.now(UTC) + timedelta(days=31))

    assert late.load("last", [extra(patient, 7)]) == {"rejected": 1, "unchanged": 1}


@pytest.mark.parametrize("together", [True, False], ids=["in one run", "in two runs"])
def test_of_rows_that_wait_the_newest_stays(loader: World, patient: World, together: bool) -> None:
    old, new = extra(patient, 7, version=2, score=1), extra(patient, 7, version=3, score=2)
    for number, (first, second) in enumerate([(old, new), (new, old)]):
        world = replace(patient, sync=f"patient {number}", batch_rows=1, reads={})
        if together:
            assert world.load("first", [first, second]) == {"waiting": 1, "superseded": 1}
        else:
            assert world.load("first", [first]) == {"waiting": 1}
            assert world.load("second", [second]) == {"waiting": 1, "superseded": 1}
        with world.ledger as ledger:
            ((row,),) = ledger.each_waiting(world.run("a run to come"))
        assert row.version == 3


def test_two_rows_of_one_key_and_version_are_an_error_also_while_they_wait(patient: World) -> None:
    for size in (None, 1):
        world = replace(patient, sync=f"patient {size}", batch_rows=size, reads={})
        rows = [extra(world, 7), extra(world, 7, score=9), extra(world, 7)]
        assert world.load("first", rows) == {"waiting": 1, "rejected": 1, "unchanged": 1}
        assert world.codes("first") == {"0007": "duplicate_key"}


def test_a_newer_row_goes_before_the_one_that_waited(loader: World, patient: World) -> None:
    patient.load("first", [extra(patient, 7)])
    loader.load("more", [loader.record(7)])

    newer = extra(patient, 7, version=2, score=8)
    assert patient.load("second", [newer]) == {"updated": 1, "superseded": 1}

    assert loader.held()["0007"]["metadata"][SCORE] == 8
    assert waiting(patient) == []


def test_rows_that_wait_since_the_sync_read_other_columns(loader: World, patient: World) -> None:
    patient.load("first", [extra(patient, 7)])
    loader.load("more", [loader.record(7)])
    attach = {**ATTACH, "missing": "later", "attachments": [{"type": "RAW_TEXT", "name": "caption", "value": "text"}]}
    changed = replace(patient, attach=attach)

    assert changed.load("second", []) == {"rejected": 1}

    (letter,) = changed.dead_letters("second")
    assert (letter.code, letter.field, letter.origin) == ("missing_column", "text", "records record 1")


def test_rows_that_wait_go_by_what_the_sync_says_now(loader: World, patient: World) -> None:
    patient.load("first", [extra(patient, 7)])
    assert replace(patient, attach={**ATTACH, "missing": "leave"}).load("second", []) == {"left_alone": 1}
    patient.load("third", [extra(patient, 7)])
    assert replace(patient, attach=ATTACH).load("fourth", []) == {"rejected": 1}
    assert waiting(patient) == []


def test_a_run_that_fails_or_is_run_again_takes_its_rows_back(loader: World, patient: World) -> None:
    patient.load("first", [extra(patient, 7, score="1"), extra(patient, 8, score="high")])
    loader.load("more", [loader.record(7), loader.record(8)])

    (unit,) = patient.extract("second", [])
    assert waiting(patient) == ["0007", "0008"]  # it has not ended well yet
    patient.finish("second", "failed")
    assert patient.load("third", []) == {"updated": 1, "rejected": 1}
    assert waiting(patient) == []
    assert patient.load("third", []) == {"unchanged": 1, "rejected": 1}  # cleared, and run again
    assert waiting(patient) == []
    assert unit == "unit-00001"


def test_rows_that_wait_are_forgotten_with_the_run_that_attached_them(loader: World, patient: World) -> None:
    patient.load("first", [extra(patient, 7), extra(patient, 8)])
    loader.load("more", [loader.record(7)])
    patient.load("second", [])
    with patient.ledger as ledger:
        ledger.prune(datetime.now(UTC) + timedelta(days=1))
    assert waiting(patient) == ["0008"]
    loader.load("more still", [loader.record(8)])
    assert patient.load("third", []) == {"updated": 1}


def test_a_hundred_thousand_characters_wait_as_well(loader: World, patient: World) -> None:
    patient.load("first", [extra(patient, 7, caption="é\x00\U0001f600" * 20_000)])
    loader.load("more", [loader.record(7)])
    assert sum(patient.load("second", []).values()) == 1


# Data rows that are deleted, or made again


@pytest.mark.parametrize(
    "changes", [{"score": 9}, {"caption": "new"}, {"vector": [9, 9, 9, 9]}, {"score": 9, "caption": "new"}], ids=str
)
@pytest.mark.parametrize(
    ("missing", "outcome"), [("reject", "rejected"), ("leave", "left_alone"), ("later", "waiting")]
)
def test_a_data_row_deleted_meanwhile_is_not_made_again(
    loader: World,
    local_labelbox: LocalLabelbox,
    missing: str,
    outcome: str,
    changes: dict[str, Any],
) -> None:
    local_labelbox.admin("POST", "switches", {"upsert_unknown_key": "create"})
    world = attaching(loader, missing=missing)
    world.load("first", [extra(world, n) for n in range(3)])
    delete(loader, 1)

    changed = [extra(world, n, **changes) for n in range(3)]
    assert world.load("second", changed) == {"updated": 2, outcome: 1}

    assert sorted(loader.held()) == ["0000", "0002"]
    assert world.codes("second") == ({"0001": "no_data_row"} if missing == "reject" else {})
    assert waiting(world) == (["0001"] if missing == "later" else [])


def test_a_row_put_back_waits_for_the_data_row_that_is_made_again(loader: World, patient: World) -> None:
    patient.load("first", [extra(patient, 1)])
    delete(loader, 1)
    assert patient.load("second", [extra(patient, 1, score=9)]) == {"waiting": 1}
    assert patient.load("third", []) == {"waiting": 1}
    elsewhere(loader).load("made again", [loader.record(1)])
    before = loader.held()["0001"]

    assert patient.load("fourth", []) == {"updated": 1}

    whole = with_extra(before, 1)
    assert loader.held()["0001"] == {**whole, "metadata": {**whole["metadata"], SCORE: 9.0}}
    assert patient.load("fifth", [extra(patient, 1, score=9)]) == {"unchanged": 1}


@pytest.mark.parametrize("changes", [{"score": 9}, {"caption": "new"}, {"vector": [9, 9, 9, 9]}], ids=str)
def test_a_data_row_made_again_gets_everything_when_its_row_changes(loader: World, changes: dict[str, Any]) -> None:
    world = attaching(loader)
    world.load("first", [extra(world, 1)])
    delete(loader, 1)
    elsewhere(loader).load("made again", [loader.record(1)])
    before = loader.held()["0001"]

    changed = extra(world, 1, **changes)
    assert world.load("second", [changed]) == {"updated": 1}

    held = loader.held()["0001"]
    assert held["metadata"] == {**before["metadata"], SCORE: changed["score"]}
    assert ("RAW_TEXT", "caption", changed["caption"]) in held["attachments"]
    assert held["embeddings"][VECTOR] == [float(number) for number in changed["vector"]]
    assert world.load("third", [changed]) == {"unchanged": 1}


def test_a_data_row_made_again_by_the_loader_gets_everything_at_once(loader: World) -> None:
    world = attaching(loader)
    world.load("first", [extra(world, 1)])
    delete(loader, 1)
    loader.load("again", [loader.record(1, version=2, note="new")])

    assert world.load("second", [extra(world, 1)]) == {"updated": 1}

    assert loader.held()["0001"]["embeddings"][VECTOR] == [1.0, 1.0, 2.0, 3.0]


# Several syncs


def test_syncs_in_turns_leave_the_parts_of_the_others(loader: World) -> None:
    scores = replace(attaching(loader, "scores"), attach={k: v for k, v in ATTACH.items() if k != "embeddings"})
    clip = replace(attaching(loader, "clip"), attach={**ATTACH, "metadata": {}, "attachments": [], "version": None})
    before = loader.held()["0001"]
    for turn in range(1, 4):
        loader.load(f"load {turn}", [loader.record(1, version=turn, note=f"note {turn}", total=turn)])
        scores.load(f"scores {turn}", [extra(scores, 1, version=turn, score=turn, caption=f"caption {turn}")])
        clip.load(f"clip {turn}", [extra(clip, 1, version=turn, vector=[turn, turn, turn, turn])])

    held = loader.held()["0001"]
    assert held["metadata"] == {**before["metadata"], "engine total": 3.0, SCORE: 3.0}
    assert [a for a in held["attachments"] if a[0] == "RAW_TEXT"] == [
        ("RAW_TEXT", "caption", "caption 3"),
        ("RAW_TEXT", "note", "note 3"),
    ]
    assert held["embeddings"] == {**before["embeddings"], VECTOR: [3.0, 3.0, 3.0, 3.0]}
    assert loader.load("last", [loader.record(1, version=3, note="note 3", total=3)]) == {"unchanged": 1}


def test_syncs_at_the_same_time_leave_the_parts_of_the_others(new_world: Callable[..., World]) -> None:
    loader = new_world(sync="loader")
    numbers = range(30)
    loader.load("load", [loader.record(n) for n in numbers])
    tags = {"type": "RAW_TEXT", "name": "tag", "value": "caption"}
    worlds = [
        attaching(loader, "captions"),
        attaching(loader, "tags", metadata={}, embeddings={}, attachments=[tags]),
    ]
    failures: list[BaseException] = []

    def run(world: World, rows: list[dict[str, Any]]) -> None:
        try:
            for unit in world.extract(world.sync, rows):
                deadline = time.monotonic() + 60
                while True:
                    try:
                        world.upload(world.sync, unit)
                        break
                    except KeysBusyError:
                        assert time.monotonic() < deadline
                        time.sleep(0.05)
        except BaseException as error:
            failures.append(error)

    jobs = [(world, [extra(world, n) for n in numbers]) for world in worlds]
    jobs.append((loader, [loader.record(n, version=2, note=f"new {n}", country="IT") for n in numbers]))
    threads = [threading.Thread(target=run, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    for key, row in loader.held().items():
        number = int(key)
        texts = {name: value for kind, name, value in row["attachments"] if kind == "RAW_TEXT"}
        assert texts == {"note": f"new {number}", "caption": f"caption {number}", "tag": f"caption {number}"}
        assert row["metadata"]["engine country"] == "IT"
        assert row["metadata"][SCORE] == number / 2
        assert row["embeddings"].keys() == {"engine-vector", VECTOR}


# Adopting, and counting vectors


def test_adopting_finds_what_is_attached_already(loader: World, local_labelbox: LocalLabelbox) -> None:
    rows = [extra(loader, n) for n in range(3)]
    attaching(loader).load("first", rows[:2])
    fresh = elsewhere(attaching(loader))
    with fresh.ledger as ledger, counted(local_labelbox) as calls:
        owner = Owner(fresh.organization, fresh.sync)
        assert adopt_dataset(fresh.transport, ledger, fresh.spec, owner=owner, dataset_id=fresh.dataset_id) == 3
        assert calls.get("write", 0) == 0
        assert all(entry.row_data is None for entry in ledger.entries(owner, [row["id"] for row in rows]).values())

    assert fresh.load("second", rows) == {"unchanged": 2, "updated": 1}


class Lossy:
    """A way to a Labelbox that takes vectors and loses those of some data rows."""

    def __init__(self, transport: Any, lost: int) -> None:
        self._transport, self._lost = transport, lost

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def put_vectors(self, embedding_id: str, ndjson: bytes, *, lines: int) -> None:
        kept = ndjson.splitlines(keepends=True)[self._lost :]
        if kept:
            self._transport.put_vectors(embedding_id, b"".join(kept), lines=len(kept))


def reconcile(world: World, run_id: str, units: list[str]) -> Any:
    """Do what the report task does about vectors; return the counts and what is wrong."""
    staging = world.staging(run_id)
    counts = vectors.count_vectors(world.transport, staging, units, sleep=lambda _: None, patience=0)
    problem = None
    if any(counted.is_short for counted in counts):
        with world.ledger as ledger:
            run, dataset_id = world.run(run_id), world.dataset_id
            problem = vectors.check_vectors(
                world.transport, ledger, staging, run=run, dataset_id=dataset_id, units=units
            )
    return counts, problem


def attach_and_count(world: World, run_id: str, rows: list[dict[str, Any]]) -> Any:
    units = world.extract(run_id, rows)
    ids = {VECTOR: vector_id(world)}
    vectors.note_before(world.transport, world.staging(run_id), ids)
    for unit in units:
        world.upload(run_id, unit)
    return reconcile(world, run_id, units)


def vector_id(world: World) -> str:
    from labelbox_airflow.engine.api.embeddings import embedding_ids

    return embedding_ids(world.transport, world.spec.embeddings, create=False)[VECTOR]


def test_vectors_are_counted_before_and_after(loader: World) -> None:
    world = replace(attaching(loader), unit_rows=1, batch_rows=1)
    ((count,), problem) = attach_and_count(world, "first", [extra(world, n) for n in range(2)])
    assert (count.new, count.after - count.before, problem) == (2, 2, None)

    rows = [extra(world, 0, vector=[5, 5, 5, 5]), extra(world, 1), extra(world, 2, vector=None)]
    ((count,), problem) = attach_and_count(world, "second", rows)
    assert (count.new, count.after - count.before, problem) == (0, 0, None)


def test_vectors_that_labelbox_lost_are_found_and_sent_again(loader: World) -> None:
    world = attaching(loader)
    rows = [extra(world, n) for n in range(3)]
    world.open_transport = lambda target: Lossy(target, 2)
    ((count,), problem) = attach_and_count(world, "first", rows)
    assert (count.new, count.after - count.before) == (3, 1)
    assert "2 data rows lack vectors that Labelbox took for them" in str(problem)

    world.open_transport = lambda target: target
    ((count,), problem) = attach_and_count(world, "second", rows)
    assert (count.new, count.after - count.before, problem) == (2, 2, None)
    assert all(VECTOR in row["embeddings"] for row in loader.held().values())
    assert world.load("third", rows) == {"unchanged": 3}


def test_vectors_that_were_there_or_went_with_their_data_rows_are_no_mismatch(loader: World) -> None:
    rows = [extra(loader, n) for n in range(3)]
    attaching(loader).load("before", rows)
    world = elsewhere(attaching(loader))  # its ledger was lost
    units = world.extract("again", rows)
    vectors.note_before(world.transport, world.staging("again"), {VECTOR: vector_id(world)})
    world.upload("again", units[0])
    delete(loader, 2)

    ((count,), problem) = reconcile(world, "again", units)

    assert (count.new, count.after - count.before) == (3, -1)
    assert problem is None
    assert world.load("next", rows[:2]) == {"unchanged": 2}


def test_a_sync_that_loads_rows_is_not_counted(world: World) -> None:
    rows = [world.record(n) for n in range(2)]
    world.load("first", rows)
    units = world.extract("second", [world.record(n, vector=[1, 1, 1, 1]) for n in range(2)])
    for unit in units:
        world.upload("second", unit)
    assert reconcile(world, "second", units) == ([], None)
    assert "embeddings" in ROWS
