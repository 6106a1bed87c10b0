"""Custom embeddings and vectors through the unmodified SDK."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
from labelbox.schema.identifiable import GlobalKey
from lbox.exceptions import LabelboxError, MalformedQueryException, ResourceConflict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labelbox import Client


@pytest.fixture
def embedding(client: Client) -> Iterator[Any]:
    made = client.create_embedding("e3", 3)
    yield made
    made.delete()


def vectors(dataset: Any) -> dict[str, list[float]]:
    task = dataset.export(params={"embeddings": True})
    task.wait_till_done()
    rows = [output.json for output in task.get_buffered_stream()]
    return {row["data_row"]["global_key"]: each["values"][0]["value"] for row in rows for each in row["embeddings"]}


def test_embeddings_are_created_listed_and_deleted(client: Client) -> None:
    made = client.create_embedding("listed", 8)
    assert (made.dims, made.custom) == (8, True)
    assert client.get_embedding_by_name("listed").id == made.id
    with pytest.raises(ResourceConflict):
        client.create_embedding("listed", 8)
    with pytest.raises(MalformedQueryException, match="from 1 to 2048"):
        client.create_embedding("large", 2_049)
    made.delete()
    assert made.id not in [each.id for each in client.get_embeddings()]
    assert [each.dims for each in client.get_embeddings() if not each.custom] == [512]


def test_vectors_come_back_as_they_were_sent_with_rows(dataset: Any, embedding: Any) -> None:
    numbers = [0.1, -2.5, 1e-30]
    rows = [{"row_data": "https://example.com/v", "global_key": "v1",
             "embeddings": [{"embedding_id": embedding.id, "vector": numbers}]}]  # fmt: skip
    dataset.create_data_rows(rows).wait_till_done()
    assert vectors(dataset) == {"v1": numbers}
    dataset.upsert_data_rows([{"key": GlobalKey("v1"), "external_id": "x"}]).wait_till_done()
    assert vectors(dataset) == {"v1": numbers}
    other = [{"embedding_id": embedding.id, "vector": [1.0, 2.0, 3.0]}]
    dataset.upsert_data_rows([{"key": GlobalKey("v1"), "embeddings": other}]).wait_till_done()
    assert vectors(dataset) == {"v1": [1.0, 2.0, 3.0]}


def test_vectors_are_imported_from_a_file_and_counted(
    client: Client, dataset: Any, embedding: Any, tmp_path: Path
) -> None:
    count = 1_500
    dataset.create_data_rows(
        [{"row_data": "https://example.com/v", "global_key": f"f{n}"} for n in range(count)]
    ).wait_till_done()
    found = client.get_data_row_ids_for_global_keys([f"f{n}" for n in range(count)])["results"]
    path = tmp_path / "vectors.ndjson"
    path.write_text("".join(json.dumps({"id": row, "vector": [n, 0.5, 1]}) + "\n" for n, row in enumerate(found)))
    answers: list[Any] = []
    embedding.import_vectors_from_file(str(path), answers.append)
    assert [answer["count"] for answer in answers] == [1_000, 500]
    assert embedding.get_imported_vector_count() == count
    embedding.import_vectors_from_file(str(path))
    assert embedding.get_imported_vector_count() == count
    assert vectors(dataset)["f7"] == [7.0, 0.5, 1.0]


def test_a_wrong_vector_file_is_refused_as_a_whole(dataset: Any, embedding: Any, tmp_path: Path) -> None:
    row = dataset.create_data_row(row_data="https://example.com/v", global_key="refused")
    path = tmp_path / "vectors.ndjson"
    lines = [{"id": row.uid, "vector": [1, 2, 3]}, {"id": row.uid, "vector": [1, 2]}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(requests.HTTPError, match="400"):
        embedding.import_vectors_from_file(str(path))
    assert embedding.get_imported_vector_count() == 0


def test_an_unknown_embedding_is_not_counted(client: Client) -> None:
    with pytest.raises(LabelboxError, match="not found"):
        client._adv_client.get_imported_vector_count("c" * 25)
