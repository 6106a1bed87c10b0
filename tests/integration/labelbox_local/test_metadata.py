"""The metadata ontology and bulk metadata through the unmodified SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from labelbox.schema.data_row_metadata import (
    DataRowMetadata,
    DataRowMetadataField,
    DataRowMetadataKind,
    DeleteDataRowMetadata,
)
from labelbox.schema.identifiable import GlobalKey, UniqueId
from labelbox.schema.identifiables import GlobalKeys
from lbox.exceptions import MalformedQueryException

if TYPE_CHECKING:
    from labelbox import Client

TAG, SPLIT, TRAIN = "cko8s9r5v0001h2dk9elqdidh", "cko8sbczn0002h2dkdaxb5kal", "cko8sbscr0003h2dk04w86hof"


def make_row(dataset: Any, key: str, **fields: Any) -> str:
    metadata = [{"name": name, "value": value} for name, value in fields.items()]
    row = dataset.create_data_row(row_data="https://example.com/m", global_key=key, metadata_fields=metadata)
    return str(row.uid)


def values(client: Client, row_id: str) -> dict[str, Any]:
    [exported] = client.get_data_row_metadata_ontology().bulk_export([row_id])
    return {field.name: field.value for field in exported.fields}


def test_reserved_fields_have_the_ids_of_the_platform(server: Any) -> None:
    ontology = server.client().get_data_row_metadata_ontology()
    assert {field.name: field.uid for field in ontology.reserved_fields}["tag"] == TAG
    split = ontology.reserved_by_name["split"]
    assert set(split) == {"train", "valid", "test"}
    assert split["train"].uid == TRAIN
    assert all(len(uid) == 25 for uid in ontology.fields_by_id)


def test_a_field_is_created_renamed_and_deleted(server: Any, dataset: Any) -> None:
    client = server.client()
    ontology = client.get_data_row_metadata_ontology()
    made = ontology.create_schema("weight", DataRowMetadataKind.number)
    dataset = client.get_dataset(dataset.uid)
    row_id = make_row(dataset, "field-1", weight=2.5)
    renamed = ontology.update_schema("weight", "mass")
    assert renamed.uid == made.uid
    assert values(client, row_id) == {"mass": 2.5}
    with pytest.raises(MalformedQueryException, match="exists already"):
        ontology.create_schema("mass", DataRowMetadataKind.string)
    with pytest.raises(MalformedQueryException, match="exists already"):
        ontology.create_schema("tag", DataRowMetadataKind.string)
    assert ontology.delete_schema("mass") is True
    assert "mass" not in ontology.custom_by_name
    assert values(client, row_id) == {}


def test_options_of_an_enum_are_kept_renamed_and_replaced(server: Any, dataset: Any) -> None:
    client = server.client()
    ontology = client.get_data_row_metadata_ontology()
    ontology.create_schema("color", DataRowMetadataKind.enum, ["red", "blue"])
    dataset = client.get_dataset(dataset.uid)
    row_id = make_row(dataset, "enum-1", color="red")
    before = {option.name: option.uid for option in ontology.custom_by_name["color"].values()}
    ontology.update_enum_option("color", "red", "crimson")
    after = {option.name: option.uid for option in ontology.custom_by_name["color"].values()}
    assert after == {"crimson": before["red"], "blue": before["blue"]}
    assert values(client, row_id) == {"crimson": before["red"]}

    resent = """mutation UpsertCustomMetadataSchemaPyApi($data: UpsertCustomMetadataSchemaInput!) {
        upsertCustomMetadataSchema(data: $data){ id name kind options { id name kind } } }"""
    field_id = ontology.get_by_name("color")["blue"].parent
    options = [{"id": before["blue"], "name": "blue"}, {"name": "green"}]
    data = {"id": field_id, "name": "color", "kind": "CustomMetadataEnum", "options": options}
    shown = client.execute(resent, {"data": data})["upsertCustomMetadataSchema"]["options"]
    assert [option["name"] for option in shown] == ["blue", "green"]
    ontology.refresh_ontology()
    ontology.delete_schema("color")


def test_limits_of_fields_and_options_are_those_of_the_switches(server: Any) -> None:
    ontology = server.client().get_data_row_metadata_ontology()
    with pytest.raises(MalformedQueryException, match="At most 128"):
        ontology.create_schema("many", DataRowMetadataKind.enum, [str(n) for n in range(129)])
    assert "many" not in [field.name for field in ontology.custom_fields]
    server.admin("POST", "switches", metadata_fields=len(ontology.custom_fields))
    try:
        with pytest.raises(MalformedQueryException, match="custom metadata fields"):
            ontology.create_schema("one too many", DataRowMetadataKind.string)
    finally:
        server.admin("POST", "switches", metadata_fields=500)


def test_bulk_upsert_merges_and_returns_only_failures(client: Client, dataset: Any) -> None:
    ontology = client.get_data_row_metadata_ontology()
    row_id = make_row(dataset, "merge-1", tag="old", split="test")
    answer = ontology.bulk_upsert(
        [
            DataRowMetadata(global_key="merge-1", fields=[DataRowMetadataField(schema_id=TAG, value="new")]),
            DataRowMetadata(global_key="nobody", fields=[DataRowMetadataField(schema_id=TAG, value="x")]),
            DataRowMetadata(data_row_id=row_id, fields=[DataRowMetadataField(schema_id=SPLIT, value=TRAIN)]),
        ]
    )
    assert [(failure.global_key, failure.error) for failure in answer] == [("nobody", "Data row not found")]
    assert values(client, row_id) == {"tag": "new", "train": TRAIN}


def test_bulk_delete_removes_fields_and_names_those_not_set(client: Client, dataset: Any) -> None:
    ontology = client.get_data_row_metadata_ontology()
    row_id = make_row(dataset, "delete-1", tag="x", split="test")
    assert ontology.bulk_delete([DeleteDataRowMetadata(data_row_id=GlobalKey("delete-1"), fields=[SPLIT])]) == []
    [failure] = ontology.bulk_delete([DeleteDataRowMetadata(data_row_id=UniqueId(row_id), fields=[SPLIT])])
    assert (failure.data_row_id, failure.error, failure.fields) == (row_id, "Schema did not exist", [SPLIT])
    assert values(client, row_id) == {"tag": "x"}


def test_bulk_export_answers_by_key_and_with_empty_fields(client: Client, dataset: Any) -> None:
    ontology = client.get_data_row_metadata_ontology()
    keys = [f"export-{n}" for n in range(60)]
    rows = [{"row_data": "https://example.com/x", "global_key": key} for key in keys]
    dataset.create_data_rows(rows).wait_till_done()
    exported = ontology.bulk_export(GlobalKeys(keys))
    assert [(row.global_key, row.fields) for row in exported] == [(key, []) for key in keys]


def test_a_metadata_failure_in_bulk_leaves_the_row_as_it_was(client: Client, dataset: Any) -> None:
    row_id = make_row(dataset, "atomic-1", tag="kept")
    mutation = """mutation UpsertDataRowMetadataBetaPyApi($metadata: [DataRowCustomMetadataBatchUpsertInput!]!) {
        upsertDataRowCustomMetadata(data: $metadata){ globalKey dataRowId error fields { value schemaId } } }"""
    fields = [{"schemaId": TAG, "value": "changed"}, {"schemaId": "c" * 25, "value": 1}]
    [failure] = client.execute(mutation, {"metadata": [{"dataRowId": row_id, "fields": fields}]})[
        "upsertDataRowCustomMetadata"
    ]
    assert "not found" in failure["error"]
    assert failure["fields"] == [{"value": "changed", "schemaId": TAG}, {"value": 1, "schemaId": "c" * 25}]
    assert values(client, row_id) == {"tag": "kept"}


def test_two_options_of_an_enum_are_both_kept(client: Client, dataset: Any) -> None:
    fields = [{"name": "split", "value": "train"}, {"name": "split", "value": "test"}]
    row = dataset.create_data_row(row_data="https://example.com/m", global_key="options-2", metadata_fields=fields)
    names = [field["name"] for field in row.metadata_fields if field["kind"] == "CustomMetadataEnumOption"]
    assert names == ["train", "test"]
