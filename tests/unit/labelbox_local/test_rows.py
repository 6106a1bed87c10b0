"""Checks of one row, before the database is asked."""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from labelbox_local.errors import RowError
from labelbox_local.imports import _read_lenient, _spec
from labelbox_local.ontology import DATETIME, EMBEDDING, ENUM, NUMBER, STRING, MetadataField, Ontology
from labelbox_local.rows import RowReader
from labelbox_local.switches import Switches

FIELDS = [
    MetadataField("f-text", "text", STRING, False, {}),
    MetadataField("f-number", "number", NUMBER, False, {}),
    MetadataField("f-time", "time", DATETIME, False, {}),
    MetadataField("f-enum", "enum", ENUM, False, {"o-red": "red", "o-blue": "blue"}),
    MetadataField("f-vector", "vector", EMBEDDING, False, {}),
]


@pytest.fixture
def ontology() -> Ontology:
    return Ontology(FIELDS, longest_string=10)


@pytest.fixture
def reader(ontology: Ontology) -> RowReader:
    return RowReader(Switches(), ontology, {"e": 2})


def item(key_type: str = "AUTO", key: str = "", **payload: Any) -> dict[str, Any]:
    return {"id": {"type": key_type, "value": key}, "payload": {"dataset_id": "d", **payload}}


def test_an_enum_is_read_from_pairs_ids_and_names(ontology: Ontology) -> None:
    pair = [{"schemaId": "f-enum", "value": {}}, {"schemaId": "o-red", "value": {}}]
    assert ontology.read(pair) == {"f-enum": ["o-red"]}
    assert ontology.read([{"name": "enum", "value": "red"}]) == {"f-enum": ["o-red"]}
    assert ontology.read([{"schemaId": "f-enum", "value": "o-blue"}]) == {"f-enum": ["o-blue"]}
    assert [(entry["schemaId"], entry["value"]) for entry in ontology.entries({"f-enum": ["o-red"]})] == [
        ("f-enum", {}),
        ("o-red", {}),
    ]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
        ("2024-01-02T03:04:05", "2024-01-02T03:04:05Z"),
        ("2024-01-02T03:04:05.250+05:30", "2024-01-01T21:34:05.250000Z"),
    ],
)
def test_a_time_is_kept_in_utc(ontology: Ontology, given: str, kept: str) -> None:
    assert ontology.read([{"schemaId": "f-time", "value": given}]) == {"f-time": kept}


@pytest.mark.parametrize(
    "entry",
    [
        {"schemaId": "f-text", "value": "x" * 11},
        {"schemaId": "f-text", "value": 1},
        {"schemaId": "f-text"},
        {"schemaId": "f-number", "value": "1"},
        {"schemaId": "f-number", "value": True},
        {"schemaId": "f-number", "value": float("nan")},
        {"schemaId": "f-time", "value": 17},
        {"schemaId": "f-enum", "value": "green"},
        {"schemaId": "f-enum", "value": {}},
        {"schemaId": "f-vector", "value": [1.0] * 127},
        {"name": "nothing", "value": 1},
        {"value": 1},
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(ontology: Ontology, entry: dict[str, Any]) -> None:
    with pytest.raises(RowError):
        ontology.read([entry])


def test_values_of_a_deleted_field_are_not_shown(ontology: Ontology) -> None:
    assert ontology.entries({"gone": "x", "f-number": 2, "f-enum": ["gone"]}) == [
        {"schemaId": "f-number", "name": "number", "value": 2, "kind": NUMBER}
    ]


def test_only_given_fields_are_marked_for_change(reader: RowReader) -> None:
    row = reader.read(0, item("GKEY", "k", external_id=None, metadata_fields=[], attachments=None))
    assert row.given == {"external_id", "metadata"}
    assert (row.key_type, row.key, row.external_id) == ("GKEY", "k", None)


def test_older_shapes_become_row_data(reader: RowReader) -> None:
    row = reader.read(0, item(tileLayerUrl="https://example.com/{z}", bounds=[1], global_key="k"))
    assert row.row_data == '{"tileLayerUrl":"https://example.com/{z}","bounds":[1]}'


def test_a_vector_is_kept_as_64_bit_numbers(reader: RowReader) -> None:
    row = reader.read(0, item(row_data="x", embeddings=[{"embeddingId": "e", "vector": [0.1, 2], "clusters": [3]}]))
    assert row.vectors == [("e", array("d", [0.1, 2.0]).tobytes(), "[3]")]


@pytest.mark.parametrize(
    "payload",
    [
        {"row_data": ""},
        {"row_data": {}},
        {"row_data": 3},
        {"row_data": "s3://bucket/key"},
        {"global_key": 3},
        {"global_key": ""},
        {"global_key": "trailing "},
        {"external_id": 3},
        {"metadata_fields": {"tag": "x"}},
        {"attachments": ["https://example.com"]},
        {"attachments": [{"type": "IMAGE", "value": ""}]},
        {"embeddings": [{"embeddingId": "e", "vector": [1.0, "2"]}]},
        {"embeddings": [{"embeddingId": "e", "vector": [1.0, float("inf")]}]},
        {"embeddings": [{"embeddingId": "e", "vector": [1.0, 2.0]}] * 2},
        {"embeddings": [{"embeddingId": ["e"], "vector": [1.0, 2.0]}]},
    ],
)
def test_a_wrong_payload_is_refused(reader: RowReader, payload: dict[str, Any]) -> None:
    with pytest.raises(RowError):
        reader.read(0, item(**{"row_data": "text"} | payload))


@pytest.mark.parametrize("wrong", [None, 3, {}, {"payload": 3}, item("KEY")])
def test_an_item_of_another_shape_is_refused(reader: RowReader, wrong: Any) -> None:
    with pytest.raises(RowError):
        reader.read(0, wrong)
    assert _spec(wrong)


def test_blanks_in_a_key_are_allowed_by_switch(reader: RowReader) -> None:
    reader.switches.global_key_blanks = "allow"
    assert reader.read(0, item(row_data="x", global_key=" a  b ")).global_key == " a  b "


def test_what_python_writes_as_json_is_read(reader: RowReader) -> None:
    items = _read_lenient(b'[{"a": NaN, "b": 123456789012345678901234567890, "c": "\\ud800"}]')
    assert items[0]["b"] == 1.2345678901234568e29
    assert items[0]["c"] == "?"
    with pytest.raises(ValueError, match="Expecting"):
        _read_lenient(b"[{")
