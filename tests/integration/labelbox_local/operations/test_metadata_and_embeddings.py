"""Operations on metadata fields and values, and on embeddings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from labelbox import Client, DataRow, Dataset
from labelbox.schema.data_row_metadata import (
    DataRowMetadata,
    DataRowMetadataField,
    DataRowMetadataKind,
    DataRowMetadataOntology,
    DeleteDataRowMetadata,
)
from labelbox.schema.identifiable import GlobalKey
from labelbox.schema.identifiables import GlobalKeys
from tests.integration.labelbox_local.conftest import Server, make_rows
from tests.integration.labelbox_local.labeling import exported
from tests.integration.labelbox_local.operations.conftest import Line


def fields_of(server: Server) -> DataRowMetadataOntology:
    """The fields as a new client reads them: one keeps those it has read."""
    return server.client().get_data_row_metadata_ontology()


def values(client: Client, key: str) -> dict[str, Any]:
    """The metadata of a data row in an export, by the name of the field; an option of an enum by its name."""
    task = DataRow.export(client, global_keys=[key], params={"metadata_fields": True})
    [row] = exported(task)
    return {
        each["schema_name"]: [option["schema_name"] for option in each["value"]]
        if isinstance(each["value"], list)
        else each["value"]
        for each in row["metadata_fields"]
    }


def test_metadata_fields(client: Client, line: Line, server: Server) -> None:
    fields = client.get_data_row_metadata_ontology()
    name = f"field {uuid4()}"
    made = fields.create_schema(name, DataRowMetadataKind.enum, ["a", "b"])
    assert (made.name, made.kind, made.reserved) == (name, DataRowMetadataKind.enum, False)
    kept = fields_of(server).get_by_name(name)
    assert set(kept) == {"a", "b"}
    assert {each.parent for each in kept.values()} == {made.uid}
    assert {each.uid: each.name for each in made.options} == {each.uid: each.name for each in kept.values()}
    renamed = fields.update_schema(name, f"{name} b")
    assert (renamed.uid, renamed.name) == (made.uid, f"{name} b")
    option = fields.update_enum_option(f"{name} b", "b", "c")
    assert {each.name for each in option.options} == {"a", "c"}
    kept = fields_of(server)
    assert name not in kept.custom_by_name
    assert {each: field.uid for each, field in kept.custom_by_name[f"{name} b"].items()} == {
        "a": next(each.uid for each in made.options if each.name == "a"),
        "c": next(each.uid for each in made.options if each.name == "b"),
    }
    assert fields.delete_schema(f"{name} b") is True
    assert f"{name} b" not in fields_of(server).custom_by_name
    assert made.uid not in fields_of(server).fields_by_id
    line.check(
        "GetMetadataOntologyBetaPyApi", "UpsertCustomMetadataSchemaPyApi", "DeleteCustomMetadataSchemaPyApi",
    )  # fmt: skip


def test_metadata_values(client: Client, fresh: Client, line: Line, dataset: Dataset) -> None:
    [key] = make_rows(dataset, 1)
    row_id = fresh.get_data_row_by_global_key(key).uid
    fields = client.get_data_row_metadata_ontology()
    split, train, tag = fields.reserved_by_name["split"], "cko8sbscr0003h2dk04w86hof", fields.reserved_by_name["tag"]
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    given = [
        DataRowMetadataField(name="tag", value="v"),
        DataRowMetadataField(name="split", value="train"),
        DataRowMetadataField(name="captureDateTime", value=moment),
    ]
    assert fields.bulk_upsert([DataRowMetadata(global_key=key, fields=given)]) == []
    assert values(fresh, key) == {"tag": "v", "split": ["train"], "captureDateTime": "2026-01-02T03:04:05Z"}
    [kept] = fresh.get_data_row_metadata_ontology().bulk_export(GlobalKeys([key]))
    assert (kept.data_row_id, kept.global_key) == (row_id, key)
    assert {each.schema_id: each.value for each in kept.fields} == {
        tag.uid: "v", split["train"].parent: train, fields.reserved_by_name["captureDateTime"].uid: moment,
    }  # fmt: skip
    assert {each["name"]: each["value"] for each in fresh.get_data_row(row_id).metadata_fields}["tag"] == "v"

    changed = DataRowMetadata(data_row_id=row_id, fields=[DataRowMetadataField(name="tag", value="w")])
    assert fields.bulk_upsert([changed]) == []
    assert values(fresh, key) == {"tag": "w", "split": ["train"], "captureDateTime": "2026-01-02T03:04:05Z"}
    assert fields.bulk_delete([DeleteDataRowMetadata(data_row_id=GlobalKey(key), fields=[tag.uid])]) == []
    assert values(fresh, key) == {"split": ["train"], "captureDateTime": "2026-01-02T03:04:05Z"}
    assert "tag" not in {each["name"] for each in fresh.get_data_row(row_id).metadata_fields}
    line.check("UpsertDataRowMetadataBetaPyApi", "dataRowCustomMetadataPyApi", "DeleteDataRowMetadataBetaPyApi")


def test_embeddings(client: Client, fresh: Client, line: Line, dataset: Dataset) -> None:
    name = f"embedding {uuid4()}"
    made = client.create_embedding(name, 2)
    assert (made.name, made.dims, made.custom) == (name, 2, True)
    [kept] = [each for each in fresh.get_embeddings() if each.id == made.id]
    assert (kept.name, kept.dims, kept.custom) == (name, 2, True)
    vector = {"embedding_id": made.id, "vector": [0.5, -2.0]}
    row = dataset.create_data_row(row_data="https://example.com/a.jpg", embeddings=[vector])
    shown = {"id": made.id, "name": name, "dimensions": 2, "is_custom": True, "values": [{"value": [0.5, -2.0]}]}
    [exported_row] = exported(DataRow.export(fresh, data_rows=[row.uid], params={"embeddings": True}))
    assert exported_row["embeddings"] == [shown]
    client.delete_embedding(made.id)
    assert made.id not in {each.id for each in fresh.get_embeddings()}
    [exported_row] = exported(DataRow.export(fresh, data_rows=[row.uid], params={"embeddings": True}))
    assert exported_row["embeddings"] == []
    line.check("CreateEmbeddingPyApi", "GetEmbeddingsPyApi", "DeleteEmbeddingPyApi")
