"""What a user sees of the engine: load, load again, edit, load once more."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from tests.integration.engine.conftest import ROWS, World

from labelbox_airflow.engine.api.datasets import create_dataset
from labelbox_local.stack import LocalLabelbox

if TYPE_CHECKING:
    from labelbox import Client, Dataset

NAMES = itertools.count(1)
COUNTRY, TOTAL, TAKEN = "engine country", "engine total", "captureDateTime"


def with_rows(**changes: Any) -> dict[str, Any]:
    return {**ROWS, **changes}


@contextmanager
def counted(local_labelbox: LocalLabelbox) -> Iterator[dict[str, Any]]:
    """Count the calls of a block."""
    local_labelbox.admin("DELETE", "calls")
    calls: dict[str, Any] = {}
    yield calls
    calls.update(local_labelbox.admin("GET", "calls"))


def create(dataset: Dataset, items: list[dict[str, Any]]) -> None:
    """Make data rows with the SDK."""
    task = dataset.create_data_rows(items)
    task.wait_till_done()
    assert task.status == "COMPLETE"
    assert not task.errors


def metadata_of(row: Any) -> dict[str, Any]:
    """The metadata of a data row as the SDK reads it; an enum comes as two entries, field and option, both empty."""
    return {field["name"]: field["value"] for field in row.metadata_fields}


def attachments_of(row: Any) -> set[tuple[str, str, str]]:
    return {(a.attachment_type, a.attachment_name, a.attachment_value) for a in row.attachments()}


def test_a_first_load_creates_what_the_rows_say(world: World) -> None:
    records = [world.record(n) for n in range(7)]

    assert world.load("first", records) == {"created": 7}

    held = world.held()
    assert sorted(held) == [f"{n:04d}" for n in range(7)]
    assert held["0004"] == {
        "row_data": "https://images.example.com/4.jpg",
        "external_id": "4.jpg",
        "metadata": {COUNTRY: "FR", TOTAL: 1.0, TAKEN: "2026-01-02T02:04:05Z"},
        "attachments": [
            ("IMAGE", "thumbnail", "https://images.example.com/4-small.jpg"),
            ("RAW_TEXT", "note", "note 4"),
        ],
        "embeddings": {"engine-vector": [4.0, 0.5, -1.0, 0.25]},
    }


def test_the_sdk_reads_back_what_was_loaded(world: World, dataset: Dataset) -> None:
    world.load("first", [world.record(n) for n in range(3)])

    rows = {row.global_key.removeprefix(world.prefix): row for row in dataset.data_rows()}
    assert sorted(rows) == ["0000", "0001", "0002"]
    row = rows["0001"]
    assert (row.row_data, row.external_id) == ("https://images.example.com/1.jpg", "1.jpg")
    assert metadata_of(row) == {TOTAL: 0.25, COUNTRY: {}, "FR": {}, TAKEN: "2026-01-02T02:04:05Z"}
    assert attachments_of(row) == {
        ("IMAGE", "thumbnail", "https://images.example.com/1-small.jpg"),
        ("RAW_TEXT", "note", "note 1"),
    }


def test_the_same_rows_again_change_nothing_and_write_nothing(world: World, local_labelbox: LocalLabelbox) -> None:
    records = [world.record(n) for n in range(7)]
    world.load("first", records)
    before = world.held()

    with counted(local_labelbox) as calls:
        assert world.load("second", records) == {"unchanged": 7}

    assert calls["write"] == 0
    assert world.held() == before


def test_rows_that_differ_in_form_only_are_unchanged(world: World, local_labelbox: LocalLabelbox) -> None:
    world.load("first", [world.record(1)])

    with counted(local_labelbox) as calls:
        same = world.record(1, total="0.250", taken_at="2026-01-02T02:04:05Z", vector="[1, 0.5, -1.0, 2.5e-1]")
        assert world.load("second", [same]) == {"unchanged": 1}

    assert calls["write"] == 0


def test_no_rows_are_no_work(world: World, local_labelbox: LocalLabelbox) -> None:
    with counted(local_labelbox) as calls:
        assert world.load("first", []) == {}
    assert calls["write"] == 0


@pytest.mark.parametrize(
    ("changes", "part", "expected"),
    [
        ({"url": "https://images.example.com/new.jpg"}, "row_data", "https://images.example.com/new.jpg"),
        ({"name": "new.jpg"}, "external_id", "new.jpg"),
        ({"country": "DE"}, "metadata", {COUNTRY: "DE", TOTAL: 0.25, TAKEN: "2026-01-02T02:04:05Z"}),
        ({"total": 7}, "metadata", {COUNTRY: "FR", TOTAL: 7.0, TAKEN: "2026-01-02T02:04:05Z"}),
        ({"taken_at": "2027-01-01"}, "metadata", {COUNTRY: "FR", TOTAL: 0.25, TAKEN: "2027-01-01T00:00:00Z"}),
        (
            {"note": "new"},
            "attachments",
            [("IMAGE", "thumbnail", "https://images.example.com/1-small.jpg"), ("RAW_TEXT", "note", "new")],
        ),
        ({"vector": [9, 9, 9, 9]}, "embeddings", {"engine-vector": [9.0, 9.0, 9.0, 9.0]}),
    ],
)
@pytest.mark.parametrize("lists", ["merge", "replace"])
def test_an_edit_changes_that_part_alone(
    new_world: Callable[..., World], lists: str, changes: dict[str, Any], part: str, expected: Any
) -> None:
    world = new_world(rows=with_rows(lists=lists))
    records = [world.record(n) for n in range(3)]
    world.load("first", records)
    before = world.held()

    assert world.load("second", [records[0], world.record(1, **changes), records[2]]) == {"unchanged": 2, "updated": 1}

    assert world.held() == {**before, "0001": {**before["0001"], part: expected}}


def test_all_parts_at_once(world: World) -> None:
    world.load("first", [world.record(1), world.record(2)])

    edited = world.record(1, url="https://x.example.com/y.png", name="y", country="IT", note="n", vector=[0, 0, 0, 1])
    assert world.load("second", [edited, world.record(2)]) == {"unchanged": 1, "updated": 1}

    held = world.held()["0001"]
    assert (held["row_data"], held["external_id"]) == ("https://x.example.com/y.png", "y")
    assert held["metadata"][COUNTRY] == "IT"
    assert ("RAW_TEXT", "note", "n") in held["attachments"]
    assert held["embeddings"] == {"engine-vector": [0.0, 0.0, 0.0, 1.0]}


def test_only_changed_vectors_are_sent_and_no_task_for_them(world: World, local_labelbox: LocalLabelbox) -> None:
    records = [world.record(n) for n in range(4)]
    world.load("first", records)

    with counted(local_labelbox) as calls:
        records[2]["vector"] = [1, 2, 3, 4]
        world.load("second", records)

    assert calls["write"] == 1
    assert calls["operations"]["importVectors"] == 1
    assert world.held()["0002"]["embeddings"] == {"engine-vector": [1.0, 2.0, 3.0, 4.0]}


class SomebodyElse:
    """Puts a metadata field and an attachment of its own on a data row, with the SDK."""

    FIELD = "engine reviewer"

    def __init__(self, sdk: Client, world: World) -> None:
        from labelbox.schema.data_row_metadata import DataRowMetadata, DataRowMetadataField, DataRowMetadataKind

        ontology = sdk.get_data_row_metadata_ontology()
        if self.FIELD not in ontology.custom_by_name:
            ontology.create_schema(self.FIELD, DataRowMetadataKind.string)
            ontology.refresh_ontology()
        row = sdk.get_data_row_by_global_key(f"{world.prefix}0001")
        field = DataRowMetadataField(schema_id=ontology.custom_by_name[self.FIELD].uid, value="Ada")
        ontology.bulk_upsert([DataRowMetadata(global_key=row.global_key, fields=[field])])
        row.create_attachment("RAW_TEXT", "checked by Ada", "review")
        row.create_attachment("IMAGE", "https://else.example.com/mask.png", "mask")


def test_merge_leaves_what_others_put_on_the_row(world: World, sdk: Client) -> None:
    world.load("first", [world.record(1)])
    SomebodyElse(sdk, world)

    edited = world.record(1, country="DE", note="new", thumbnail="https://images.example.com/t.jpg")
    assert world.load("second", [edited]) == {"updated": 1}

    held = world.held()["0001"]
    assert held["metadata"] == {SomebodyElse.FIELD: "Ada", COUNTRY: "DE", TOTAL: 0.25, TAKEN: "2026-01-02T02:04:05Z"}
    assert held["attachments"] == [
        ("IMAGE", "mask", "https://else.example.com/mask.png"),
        ("IMAGE", "thumbnail", "https://images.example.com/t.jpg"),
        ("RAW_TEXT", "note", "new"),
        ("RAW_TEXT", "review", "checked by Ada"),
    ]
    row = sdk.get_data_row_by_global_key(f"{world.prefix}0001")
    assert metadata_of(row)[SomebodyElse.FIELD] == "Ada"


def test_replace_owns_the_lists(new_world: Callable[..., World], sdk: Client) -> None:
    world = new_world(rows=with_rows(lists="replace"))
    world.load("first", [world.record(1)])
    SomebodyElse(sdk, world)

    assert world.load("second", [world.record(1, country="DE", note="new")]) == {"updated": 1}

    held = world.held()["0001"]
    assert held["metadata"] == {COUNTRY: "DE", TOTAL: 0.25, TAKEN: "2026-01-02T02:04:05Z"}
    assert held["attachments"] == [
        ("IMAGE", "thumbnail", "https://images.example.com/1-small.jpg"),
        ("RAW_TEXT", "note", "new"),
    ]


def test_a_list_that_did_not_change_is_left_alone_even_when_owned(new_world: Callable[..., World], sdk: Client) -> None:
    world = new_world(rows=with_rows(lists="replace"))
    world.load("first", [world.record(1)])
    SomebodyElse(sdk, world)

    world.load("second", [world.record(1, url="https://images.example.com/new.jpg")])

    held = world.held()["0001"]
    assert held["metadata"][SomebodyElse.FIELD] == "Ada"
    assert ("RAW_TEXT", "review", "checked by Ada") in held["attachments"]


def test_a_null_leaves_what_is_there(world: World) -> None:
    world.load("first", [world.record(1)])
    before = world.held()

    nulls = world.record(1, country=None, total=None, taken_at=None, note=None, thumbnail=None, vector=None, name=None)
    outcomes = world.load("second", [nulls])

    assert sum(outcomes.values()) == 1
    assert world.held() == before
    assert world.load("third", [world.record(1, country="DE", note=None)]) == {"updated": 1}
    held = world.held()["0001"]
    assert held["metadata"][COUNTRY] == "DE"
    assert held["attachments"] == before["0001"]["attachments"]


@pytest.mark.parametrize("lists", ["merge", "replace"])
def test_a_null_clears_what_is_there_when_told(new_world: Callable[..., World], sdk: Client, lists: str) -> None:
    world = new_world(rows=with_rows(when_null="clear", lists=lists))
    world.load("first", [world.record(1), world.record(2, country=None)])
    assert COUNTRY not in world.held()["0002"]["metadata"]
    SomebodyElse(sdk, world)

    cleared = world.record(1, country=None, taken_at=None, note=None)
    assert world.load("second", [cleared, world.record(2, country=None)]) == {"updated": 1, "unchanged": 1}

    held = world.held()["0001"]
    others = {SomebodyElse.FIELD: "Ada"} if lists == "merge" else {}
    assert held["metadata"] == {TOTAL: 0.25, **others}
    names = [name for _, name, _ in held["attachments"]]
    assert names == (["mask", "thumbnail", "review"] if lists == "merge" else ["thumbnail"])
    assert world.load("third", [cleared]) == {"unchanged": 1}
    assert world.load("fourth", [world.record(1)]) == {"updated": 1}
    assert world.held()["0001"]["metadata"][COUNTRY] == "FR"


PARTIAL_CHANGES = [
    {"url": "https://images.example.com/new.jpg"},
    {"country": "DE"},
    {"note": "new"},
    {"vector": [1, 1, 1, 1]},
    {"country": "DE", "vector": [1, 1, 1, 1]},
    {"url": "https://images.example.com/new.jpg", "country": "DE", "note": "new", "vector": [1, 1, 1, 1]},
]


@pytest.mark.parametrize("unknown_key", ["fail", "create"])  # what the platform does is not known for sure
@pytest.mark.parametrize("changes", PARTIAL_CHANGES)
def test_a_row_deleted_in_labelbox_is_created_again_whole_when_it_changes(
    world: World, sdk: Client, local_labelbox: LocalLabelbox, changes: dict[str, Any], unknown_key: str
) -> None:
    local_labelbox.admin("POST", "switches", {"upsert_unknown_key": unknown_key})
    world.load("first", [world.record(1), world.record(2)])
    sdk.get_data_row_by_global_key(f"{world.prefix}0001").delete()

    both = [world.record(1, **changes), world.record(2, **changes)]
    assert world.load("second", both) == {"created": 1, "updated": 1}

    held = world.held()
    assert held["0001"]["external_id"] == "1.jpg"
    assert held["0001"]["metadata"][TOTAL] == 0.25
    assert held["0001"]["metadata"][COUNTRY] == changes.get("country", "FR")
    assert len(held["0001"]["attachments"]) == 2
    assert held["0001"]["embeddings"] == {"engine-vector": changes.get("vector", [1.0, 0.5, -1.0, 0.25])}
    assert world.remembered(both)["0001"].data_row_id == "True"
    assert world.load("third", both) == {"unchanged": 2}


@pytest.mark.parametrize("changes", PARTIAL_CHANGES)
def test_a_row_deleted_and_made_anew_by_hand_gets_the_change(
    world: World, sdk: Client, dataset: Dataset, changes: dict[str, Any]
) -> None:
    world.load("first", [world.record(1), world.record(2)])
    sdk.get_data_row_by_global_key(f"{world.prefix}0001").delete()
    bare = {"row_data": "https://images.example.com/1.jpg", "global_key": f"{world.prefix}0001"}
    create(dataset, [bare])

    both = [world.record(1, **changes), world.record(2, **changes)]
    assert world.load("second", both)["updated"] >= 1

    held = world.held()["0001"]
    if "vector" in changes:
        assert held["embeddings"] == {"engine-vector": [1.0, 1.0, 1.0, 1.0]}
    if "country" in changes:
        assert held["metadata"][COUNTRY] == "DE"
    if "note" in changes:
        assert ("RAW_TEXT", "note", "new") in held["attachments"]
    if "url" in changes:
        assert held["row_data"] == changes["url"]
    assert world.load("third", both) == {"unchanged": 2}


def test_a_key_that_lives_in_another_dataset_is_rejected_with_its_name(world: World, sdk: Client) -> None:
    other = create_dataset(world.transport, f"somewhere else {next(NAMES)}")
    theirs = {"row_data": "https://images.example.com/0.jpg", "global_key": f"{world.prefix}0001"}
    create(sdk.get_dataset(other.id), [theirs])

    assert world.load("first", [world.record(n) for n in range(3)]) == {"created": 2, "rejected": 1}

    (letter,) = world.dead_letters("first")
    assert (letter.code, letter.stage, letter.global_key) == ("key_in_other_dataset", "send", f"{world.prefix}0001")
    assert other.name in letter.reason
    assert letter.origin == "records record 2"
    assert letter.row["row_data"] == "https://images.example.com/1.jpg"
    assert len(list(sdk.get_dataset(other.id).data_rows())) == 1


def by_the_sdk(sdk: Client, world: World, number: int, **changes: Any) -> dict[str, Any]:
    """The data row that `world.record(number)` is mapped to, as the SDK takes it."""
    from labelbox.schema.data_row_metadata import DataRowMetadataField

    ontology = sdk.get_data_row_metadata_ontology()
    record = world.record(number, **changes)
    fields = [
        DataRowMetadataField(name=COUNTRY, value=record["country"]),
        DataRowMetadataField(name=TOTAL, value=record["total"]),
        DataRowMetadataField(name=TAKEN, value=datetime.fromisoformat(record["taken_at"]).astimezone(UTC)),
    ]
    ontology.refresh_ontology()
    embedding = sdk.get_embedding_by_name("engine-vector")
    return {
        "row_data": record["url"],
        "global_key": record["id"],
        "external_id": record["name"],
        "media_type": "IMAGE",
        "metadata_fields": fields,
        "attachments": [
            {"type": "RAW_TEXT", "value": record["note"], "name": "note"},
            {"type": "IMAGE", "value": record["thumbnail"], "name": "thumbnail"},
        ],
        "embeddings": [{"embedding_id": embedding.id, "vector": record["vector"]}],
    }


@pytest.fixture
def known_fields(new_world: Callable[..., World]) -> None:
    """The metadata fields and the embedding exist, as after somebody's first load."""
    other = new_world()
    other.load("before", [other.record(n) for n in range(3)])


@pytest.mark.usefixtures("known_fields")
@pytest.mark.parametrize("lists", ["merge", "replace"])
@pytest.mark.parametrize("when_null", ["leave", "clear"])
def test_rows_the_sdk_made_are_taken_over(
    world: World, sdk: Client, dataset: Dataset, local_labelbox: LocalLabelbox, lists: str, when_null: str
) -> None:
    world.rows = with_rows(lists=lists, when_null=when_null)
    create(dataset, [by_the_sdk(sdk, world, n) for n in range(3)])
    before = world.held()
    records = [world.record(n) for n in range(4)]
    records[1]["note"] = "new"
    records[2]["country"] = "DE"

    assert world.load("first", records) == {"unchanged": 1, "updated": 2, "created": 1}

    held = world.held()
    assert held["0000"] == before["0000"]
    assert held["0001"]["metadata"] == before["0001"]["metadata"]
    assert ("RAW_TEXT", "note", "new") in held["0001"]["attachments"]
    assert held["0002"]["metadata"][COUNTRY] == "DE"
    assert {entry.data_row_id for entry in world.remembered(records).values()} == {"True"}
    with counted(local_labelbox) as calls:
        assert world.load("second", records) == {"unchanged": 4}
    assert calls["write"] == 0


@pytest.mark.usefixtures("known_fields")
def test_a_row_taken_over_keeps_what_is_null_in_the_source(world: World, sdk: Client, dataset: Dataset) -> None:
    create(dataset, [by_the_sdk(sdk, world, 1)])
    before = world.held()

    # Its fields are compared as a whole, so it counts as updated.
    nulls = world.record(1, country=None, note=None, vector=None)
    assert world.load("first", [nulls]) == {"updated": 1}

    assert world.held() == before


@pytest.mark.usefixtures("known_fields")
def test_rows_of_others_in_the_dataset_stay(world: World, sdk: Client, dataset: Dataset) -> None:
    create(dataset, [by_the_sdk(sdk, world, 9)])
    world.load("first", [world.record(1)])
    assert sorted(world.held()) == ["0001", "0009"]


def test_an_older_version_is_superseded(world: World) -> None:
    world.load("first", [world.record(1, version=5), world.record(2, version=5)])
    before = world.held()

    older = [world.record(1, version=4, country="DE", note="old"), world.record(2, version=6, note="newer")]
    assert world.load("second", older) == {"superseded": 1, "updated": 1}

    held = world.held()
    assert held["0001"] == before["0001"]
    assert ("RAW_TEXT", "note", "newer") in held["0002"]["attachments"]


def test_an_older_version_overwrites_when_told_and_is_the_version_then(world: World) -> None:
    world.load("first", [world.record(1, version=5)])
    repaired = world.record(1, version=3, note="repaired")

    always = replace(world, overwrite="always")
    assert always.load("second", [repaired]) == {"updated": 1}

    assert ("RAW_TEXT", "note", "repaired") in world.held()["0001"]["attachments"]
    assert world.load("third", [world.record(1, version=4, note="later")]) == {"updated": 1}
    assert world.load("fourth", [repaired]) == {"superseded": 1}


def test_a_newer_version_with_the_same_content_holds_off_older_ones(world: World) -> None:
    world.load("first", [world.record(1, version=1)])
    assert world.load("second", [world.record(1, version=9)]) == {"unchanged": 1}
    assert world.load("third", [world.record(1, version=5, note="in between")]) == {"superseded": 1}
    assert ("RAW_TEXT", "note", "note 1") in world.held()["0001"]["attachments"]


def test_an_enum_option_is_added_and_those_in_use_stay(new_world: Callable[..., World], sdk: Client) -> None:
    name = f"engine colour {next(NAMES)}"
    colour = {"column": "colour", "kind": "enum", "new_field": "add", "new_options": "add"}
    world = new_world(rows=with_rows(metadata={name: colour}))
    world.load("first", [world.record(1, colour="red")])

    assert world.load("second", [world.record(1, colour="red"), world.record(2, colour="blue")]) == {
        "unchanged": 1,
        "created": 1,
    }

    held = {key: row["metadata"] for key, row in world.held().items()}
    assert held == {"0001": {name: "red"}, "0002": {name: "blue"}}
    ontology = sdk.get_data_row_metadata_ontology()
    ontology.refresh_ontology()
    assert set(ontology.custom_by_name[name]) == {"red", "blue"}


def test_an_unknown_option_rejects_its_row_when_options_are_fixed(new_world: Callable[..., World]) -> None:
    name = f"engine size {next(NAMES)}"
    size = {"column": "size", "kind": "enum", "new_field": "add", "new_options": "add"}
    world = new_world(rows=with_rows(metadata={name: size}))
    world.load("first", [world.record(1, size="S")])
    fixed = replace(world, rows=with_rows(metadata={name: {"column": "size"}}))

    outcomes = fixed.load("second", [world.record(1, size="S"), world.record(2, size="M"), world.record(3, size="S")])

    assert outcomes == {"unchanged": 1, "rejected": 1, "created": 1}
    (letter,) = fixed.dead_letters("second")
    assert (letter.field, letter.value, letter.code) == (f"metadata.{name}", "M", "bad_enum")


def test_wrong_values_reject_their_rows_alone(world: World) -> None:
    records = [
        world.record(1, total="a lot"),
        world.record(2, vector=[1.0]),
        world.record(3, url="s3://bucket/key.jpg"),
        world.record(4, id=None),
        world.record(5, taken_at="yesterday"),
        world.record(6, id="x" * 201),
        world.record(7, url=None),
        world.record(8),
    ]
    records = [{**r, "total": str(r["total"])} for r in records]

    assert world.load("first", records) == {"rejected": 7, "created": 1}

    assert list(world.held()) == ["0008"]
    assert [(letter.origin, letter.code) for letter in sorted(world.dead_letters("first"), key=lambda d: d.origin)] == [
        ("records record 1", "bad_number"),
        ("records record 2", "bad_embedding"),
        ("records record 3", "s3_url"),
        ("records record 4", "null_key"),
        ("records record 5", "bad_datetime"),
        ("records record 6", "key_too_long"),
        ("records record 7", "null_row_data"),
    ]


def test_a_row_labelbox_refuses_is_rejected_with_its_words_and_tried_again(world: World) -> None:
    refused = world.record(2, note="")  # no attachment may be empty; only Labelbox knows

    assert world.load("first", [world.record(1), refused]) == {"created": 1, "rejected": 1}
    (letter,) = world.dead_letters("first")
    assert (letter.code, letter.global_key) == ("refused", f"{world.prefix}0002")
    assert "Attachment value must be a non-empty text" in letter.reason
    assert list(world.held()) == ["0001"]

    assert world.load("second", [world.record(1), refused]) == {"unchanged": 1, "rejected": 1}
    assert world.load("third", [world.record(1), world.record(2)]) == {"unchanged": 1, "created": 1}


def test_a_change_labelbox_refuses_is_rejected_and_the_row_stays(world: World) -> None:
    world.load("first", [world.record(1), world.record(2)])
    before = world.held()

    assert world.load("second", [world.record(1, note=""), world.record(2)]) == {"rejected": 1, "unchanged": 1}

    (letter,) = world.dead_letters("second")
    assert "Attachment value must be a non-empty text" in letter.reason
    assert world.held() == before
    assert world.load("third", [world.record(1, note="mended"), world.record(2)]) == {"updated": 1, "unchanged": 1}


@pytest.mark.parametrize("lists", ["merge", "replace"])
def test_a_metadata_value_labelbox_refuses_rejects_its_row_alone(
    new_world: Callable[..., World], local_labelbox: LocalLabelbox, lists: str
) -> None:
    name = f"engine remark {next(NAMES)}"
    remark = {"column": "remark", "kind": "string", "new_field": "add"}
    world = new_world(rows=with_rows(lists=lists, metadata={name: remark}))
    world.load("first", [world.record(n, remark="short") for n in (1, 2)])
    local_labelbox.admin("POST", "switches", {"metadata_characters": 10})

    changed = [
        world.record(1, remark="too long for this Labelbox"),
        world.record(2, remark="fits"),
        world.record(3, remark="too long for this Labelbox"),
    ]
    assert world.load("second", changed) == {"rejected": 2, "updated": 1}

    assert world.codes("second") == {"0001": "refused", "0003": "refused"}
    assert all("10" in letter.reason for letter in world.dead_letters("second"))
    assert {key: row["metadata"][name] for key, row in world.held().items()} == {"0001": "short", "0002": "fits"}


def test_several_units(new_world: Callable[..., World]) -> None:
    world = new_world(unit_rows=4, batch_rows=3)
    records = [world.record(n) for n in range(20)]

    assert len(world.extract("first", records)) == 7
    assert world.load("first", records) == {"created": 20}
    assert len(world.held()) == 20
    for number in (0, 7, 19):
        records[number]["note"] = "new"
    assert world.load("second", records) == {"updated": 3, "unchanged": 17}


def test_duplicate_keys_across_units(new_world: Callable[..., World]) -> None:
    world = new_world(unit_rows=2, batch_rows=2)
    records = [
        world.record(1, version=1),
        world.record(2, version=1),
        world.record(3, version=1),
        world.record(1, version=2, note="newer"),
        world.record(2, version=1),
        world.record(3, version=1, note="contradicts"),
        world.record(1, version=0, note="older"),
    ]

    outcomes = world.load("first", records)

    assert outcomes == {"created": 3, "superseded": 2, "unchanged": 1, "rejected": 1}
    assert world.codes("first") == {"0003": "duplicate_key"}
    assert ("RAW_TEXT", "note", "newer") in world.held()["0001"]["attachments"]
    assert ("RAW_TEXT", "note", "note 3") in world.held()["0003"]["attachments"]


@pytest.mark.parametrize("overwrite", ["newer", "always"])
def test_the_newest_of_a_runs_rows_wins_whichever_unit_is_sent_first(
    new_world: Callable[..., World], overwrite: str
) -> None:
    world = new_world(unit_rows=1, batch_rows=1, overwrite=overwrite)
    world.load("before", [world.record(1, version=9)])
    records = [world.record(1, version=11, note="older"), world.record(1, version=12, note="newer")]

    first, second = world.extract("first", records)
    world.upload("first", second)
    world.upload("first", first)

    assert world.outcomes("first") == {"updated": 1, "superseded": 1}
    assert ("RAW_TEXT", "note", "newer") in world.held()["0001"]["attachments"]


def test_text_rows(new_world: Callable[..., World]) -> None:
    world = new_world(rows={"row_data": "text", "global_key": "id", "media_type": "TEXT"})
    texts = ["Plain text.", "{looks like JSON", "§ “quotes” \\ \n\t new line", "https://example.com/a.txt"]
    records = [{"id": f"{world.prefix}{n}", "text": text} for n, text in enumerate(texts)]

    assert world.load("first", records) == {"created": 4}
    assert [world.held()[str(n)]["row_data"] for n in range(4)] == texts
    assert world.load("second", records) == {"unchanged": 4}
    records[1]["text"] = "{other"
    assert world.load("third", records) == {"unchanged": 3, "updated": 1}
    assert world.held()["1"]["row_data"] == "{other"


def test_pdf_rows(new_world: Callable[..., World]) -> None:
    document = {"pdf_url": "https://files.example.com/{id}.pdf", "text_layer_url": "layer"}
    world = new_world(rows={"row_data": document, "global_key": "id", "media_type": "PDF"})
    layers = ("https://l.example.com/0", None)
    records = [{"id": f"{world.prefix}{n}", "layer": layer} for n, layer in enumerate(layers)]

    assert world.load("first", records) == {"created": 2}
    held = world.held()
    assert orjson.loads(held["0"]["row_data"]) == {
        "pdf_url": f"https://files.example.com/{world.prefix}0.pdf",
        "text_layer_url": "https://l.example.com/0",
    }
    assert orjson.loads(held["1"]["row_data"]) == {"pdf_url": f"https://files.example.com/{world.prefix}1.pdf"}
    assert world.load("second", records) == {"unchanged": 2}


def test_structured_rows_loaded_before_are_known_again(
    new_world: Callable[..., World], local_labelbox: LocalLabelbox
) -> None:
    document = {"pdf_url": "https://files.example.com/{id}.pdf", "text_layer_url": "layer"}
    world = new_world(rows={"row_data": document, "global_key": "id", "media_type": "PDF"})
    records = [{"id": f"{world.prefix}{n}", "layer": f"https://l.example.com/{n}"} for n in range(2)]
    world.load("before", records)
    forgotten = replace(world, directory=world.directory / "new ledger")

    assert forgotten.load("first", records) == {"unchanged": 2}


def test_conversation_rows(new_world: Callable[..., World]) -> None:
    world = new_world(rows={"row_data": "talk", "global_key": "id", "media_type": "CONVERSATIONAL"})
    talk = {
        "type": "application/vnd.labelbox.conversational",
        "version": 1,
        "messages": [{"messageId": "m0", "content": "Hi — ça va?", "user": {"userId": "u", "name": "U"}}],
    }
    records = [{"id": f"{world.prefix}0", "talk": talk}]

    assert world.load("first", records) == {"created": 1}
    assert orjson.loads(world.held()["0"]["row_data"]) == talk
    assert world.load("second", records) == {"unchanged": 1}
    changed = {**talk, "messages": [{**talk["messages"][0], "content": "Bye"}]}  # type: ignore[index]
    assert world.load("third", [{"id": f"{world.prefix}0", "talk": changed}]) == {"updated": 1}
    assert orjson.loads(world.held()["0"]["row_data"]) == changed


def test_odd_keys_and_texts_survive_the_journey(new_world: Callable[..., World]) -> None:
    world = new_world()
    keys = ['quo"te', "back\\slash", "ünï-cödé-漢字-🧾", "a/b?c=d&e#f", "one blank", "'; DROP TABLE", "{curly}", "%s"]
    records = [world.record(n, id=f"{world.prefix}{key}", note=key, name=key) for n, key in enumerate(keys)]

    assert world.load("first", records) == {"created": 8}
    assert {key: row["external_id"] for key, row in world.held().items()} == {key: key for key in keys}
    for row in records:
        row["country"] = "ES"
        row["note"] += "!"
    assert world.load("second", records) == {"updated": 8}
    assert all(row["metadata"][COUNTRY] == "ES" for row in world.held().values())


def test_a_mapping_that_gains_a_field_updates_rows_that_did_not_change(new_world: Callable[..., World]) -> None:
    world = new_world(rows=with_rows(attachments=[], embeddings={}))
    records = [world.record(n) for n in range(3)]
    world.load("first", records)

    grown = replace(world, rows=ROWS)
    assert grown.load("second", records) == {"updated": 3}

    assert len(world.held()["0001"]["attachments"]) == 2
    assert world.held()["0001"]["embeddings"] == {"engine-vector": [1.0, 0.5, -1.0, 0.25]}
    assert grown.load("third", records) == {"unchanged": 3}
