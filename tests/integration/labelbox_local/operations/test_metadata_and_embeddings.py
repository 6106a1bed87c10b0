"""Operations on metadata fields and values, and on embeddings."""

from __future__ import annotations

from uuid import uuid4

from labelbox import Client, Dataset
from labelbox.schema.data_row_metadata import (
    DataRowMetadata,
    DataRowMetadataField,
    DataRowMetadataKind,
    DeleteDataRowMetadata,
)
from labelbox.schema.identifiable import GlobalKey
from labelbox.schema.identifiables import GlobalKeys
from tests.integration.labelbox_local.conftest import make_rows
from tests.integration.labelbox_local.operations.conftest import Line


def test_metadata_and_embeddings(client: Client, line: Line, dataset: Dataset) -> None:
    [key] = make_rows(client.get_dataset(dataset.uid), 1)
    fields = client.get_data_row_metadata_ontology()
    name = f"field {uuid4()}"
    made = fields.create_schema(name, DataRowMetadataKind.enum, ["a", "b"])
    fields.update_schema(name, f"{name} b")
    tag = fields.reserved_by_name["tag"]
    value = DataRowMetadataField(schema_id=tag.uid, value="v")
    assert fields.bulk_upsert([DataRowMetadata(global_key=key, fields=[value])]) == []
    [exported] = fields.bulk_export(GlobalKeys([key]))
    assert [each.value for each in exported.fields] == ["v"]
    deleted = DeleteDataRowMetadata(data_row_id=GlobalKey(key), fields=[tag.uid])
    assert fields.bulk_delete([deleted]) == []
    assert fields.delete_schema(f"{name} b") is True
    assert made.name == name
    embedding = client.create_embedding(f"embedding {uuid4()}", 2)
    assert embedding.name in {each.name for each in client.get_embeddings()}
    client.delete_embedding(embedding.id)
    line.check(
        "GetMetadataOntologyBetaPyApi", "UpsertCustomMetadataSchemaPyApi", "DeleteCustomMetadataSchemaPyApi",
        "UpsertDataRowMetadataBetaPyApi", "dataRowCustomMetadataPyApi", "DeleteDataRowMetadataBetaPyApi",
        "CreateEmbeddingPyApi", "GetEmbeddingsPyApi", "DeleteEmbeddingPyApi",
    )  # fmt: skip
