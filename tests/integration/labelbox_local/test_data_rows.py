"""Data rows through the unmodified SDK: create, upsert, list, update, delete."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from labelbox import Client
from labelbox.schema.data_row import DataRow
from labelbox.schema.identifiable import GlobalKey, UniqueId
from lbox.exceptions import ResourceNotFoundError


def upsert(dataset: Any, *items: dict[str, Any]) -> Any:
    task = dataset.upsert_data_rows([dict(item) for item in items])
    task.wait_till_done(timeout_seconds=600)
    return task


def messages(task: Any) -> dict[str, str]:
    """Why rows failed, by global key."""
    return {error["failedDataRows"][0]["globalKey"]: error["message"] for error in task.errors or []}


def test_created_rows_are_read_back_with_everything_they_were_given(client: Client, dataset: Any) -> None:
    task = upsert(
        dataset,
        {
            "row_data": "https://example.com/a.jpg",
            "global_key": "all-1",
            "external_id": "e1",
            "media_type": "IMAGE",
            "metadata_fields": [
                {"name": "tag", "value": "blue"},
                {"name": "split", "value": "train"},
                {"name": "captureDateTime", "value": "2024-01-02T03:04:05+02:00"},
            ],
            "attachments": [{"type": "RAW_TEXT", "value": "words", "name": "note"}],
        },
    )
    assert task.status == "COMPLETE"
    assert task.errors is None
    [created] = task.result
    assert (created["global_key"], created["external_id"]) == ("all-1", "e1")

    row = client.get_data_row(created["id"])
    assert (row.row_data, row.external_id, row.global_key) == ("https://example.com/a.jpg", "e1", "all-1")
    assert {(field["name"], field["kind"]): field["value"] for field in row.metadata_fields} == {
        ("tag", "CustomMetadataString"): "blue",
        ("split", "CustomMetadataEnum"): {},
        ("train", "CustomMetadataEnumOption"): {},
        ("captureDateTime", "CustomMetadataDateTime"): "2024-01-02T01:04:05Z",
    }
    assert row.dataset().uid == dataset.uid
    [attachment] = row.attachments()
    assert (attachment.attachment_type, attachment.attachment_value, attachment.attachment_name) == (
        "RAW_TEXT", "words", "note",
    )  # fmt: skip
    assert list(row.labels()) == []
    assert len(row.uid) == 25


def test_a_duplicate_key_fails_its_row_inside_a_complete_task(dataset: Any) -> None:
    rows = [{"row_data": f"https://example.com/{n}", "global_key": "twice"} for n in range(2)]
    task = upsert(dataset, *rows)
    assert task.status == "COMPLETE"
    assert len(task.result) == 1
    assert messages(task) == {"twice": "Duplicate global key: 'twice'"}
    assert messages(upsert(dataset, rows[0])) == {"twice": "Duplicate global key: 'twice'"}


def test_an_update_changes_what_it_names_and_replaces_lists(client: Client, dataset: Any) -> None:
    attachments = [{"type": "RAW_TEXT", "value": str(n)} for n in range(3)]
    first = {
        "row_data": "https://example.com/u",
        "global_key": "update-1",
        "external_id": "before",
        "metadata_fields": [{"name": "tag", "value": "old"}, {"name": "split", "value": "test"}],
        "attachments": attachments,
    }
    [created] = upsert(dataset, first).result
    task = upsert(
        dataset,
        {"key": GlobalKey("update-1"), "external_id": "after"},
        {"key": UniqueId(created["id"]), "metadata_fields": [{"name": "tag", "value": "new"}]},
    )
    assert task.errors is None
    assert {result["id"] for result in task.result} == {created["id"]}
    row = client.get_data_row(created["id"])
    assert (row.external_id, row.row_data) == ("after", "https://example.com/u")
    assert [(field["name"], field["value"]) for field in row.metadata_fields] == [("tag", "new")]
    assert len(list(row.attachments())) == 3
    upsert(dataset, {"key": GlobalKey("update-1"), "attachments": attachments[:1]})
    assert len(list(row.attachments())) == 1


def test_an_update_can_rename_the_key_and_the_old_one_is_free(client: Client, dataset: Any) -> None:
    upsert(dataset, {"row_data": "https://example.com/r", "global_key": "name-1"})
    task = upsert(
        dataset,
        {"key": GlobalKey("name-1"), "global_key": "name-2"},
    )
    assert task.errors is None
    assert upsert(dataset, {"row_data": "https://example.com/r2", "global_key": "name-1"}).errors is None
    taken = upsert(dataset, {"key": GlobalKey("name-1"), "global_key": "name-2"})
    assert list(messages(taken).values()) == ["Duplicate global key: 'name-2'"]


def test_an_update_of_an_unknown_row_fails_or_creates_by_switch(server: Any, dataset: Any) -> None:
    items = (
        {"key": GlobalKey("unknown-1"), "row_data": "https://example.com/x"},
        {"key": UniqueId("c" * 25), "external_id": "x"},
    )
    task = upsert(dataset, *items)
    assert task.result is None or not task.result
    assert len(task.errors) == 2
    server.admin("POST", "switches", upsert_unknown_key="create")
    try:
        assert [row["global_key"] for row in upsert(dataset, items[0]).result] == ["unknown-1"]
    finally:
        server.admin("POST", "switches", upsert_unknown_key="fail")


def test_wrong_rows_fail_alone_and_say_why(server: Any, client: Client, dataset: Any) -> None:
    tag, split = "cko8s9r5v0001h2dk9elqdidh", "cko8sbczn0002h2dkdaxb5kal"
    moment, unknown = "cko8sdzv70006h2dk8jg64zvb", "c" * 25
    embedding = client.create_embedding("wrong-rows", 3)
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "no-data": ({"external_id": "x"}, "row_data is required"),
        "s3": ({"row_data": "s3://bucket/key"}, "s3 assets must start with 'https'"),
        "unknown-field": ({"metadata_fields": [{"schemaId": unknown, "value": "x"}]}, "not found"),
        "twice": (
            {"metadata_fields": [{"schemaId": tag, "value": "a"}, {"schemaId": tag, "value": "b"}]},
            f"A schemaId can only be specified once per DataRow : [{tag}]",
        ),
        "wrong-type": ({"metadata_fields": [{"schemaId": tag, "value": 3}]}, "expected a string"),
        "null": ({"metadata_fields": [{"schemaId": tag, "value": None}]}, "expected a string"),
        "long": ({"metadata_fields": [{"schemaId": tag, "value": "x" * 4097}]}, "at most 4096"),
        "time": ({"metadata_fields": [{"schemaId": moment, "value": "yesterday"}]}, "ISO 8601"),
        "no-option": ({"metadata_fields": [{"schemaId": split, "value": {}}]}, "no option selected"),
        "bad-option": ({"metadata": [{"name": "split", "value": "other"}]}, "no option 'other'"),
        "attachment": ({"attachments": [{"type": "TEXT", "value": "x"}]}, "Unknown attachment type: 'TEXT'"),
        "vector": ({"embeddings": [{"embeddingId": embedding.id, "vector": [1.0]}]}, "has 3, the vector 1"),
        "large": ({"embeddings": [{"embeddingId": embedding.id, "vector": [0.1] * 2049}]}, "at most 2048"),
        "no-embedding": ({"embeddings": [{"embeddingId": unknown, "vector": [0.1]}]}, "Custom embedding not found"),
        "k" * 201: ({}, "at most 200"),
        " blank": ({}, "blanks"),
        "two  blanks": ({}, "blanks"),
        "media": ({"media_type": "PAINTING"}, "Invalid media type"),
        "no-dataset": ({"dataset_id": unknown}, "Dataset not found"),
        "good": ({"metadata": [{"name": "split", "value": "train"}]}, ""),
    }
    items = []
    for key, (payload, _) in cases.items():
        row_data = {} if key in {"no-data", "s3"} else {"row_data": "https://example.com/w"}
        payload = {"global_key": key, "dataset_id": dataset.uid, **row_data, **payload}
        items.append({"id": {"type": "AUTO", "value": ""}, "payload": payload})
    task = raw_upsert(client, items)
    assert task.status == "COMPLETE"
    assert [row["global_key"] for row in task.result] == ["good"]
    found = messages(task)
    for key, (_, message) in cases.items():
        assert message in found.get(key, ""), key
    client.delete_embedding(embedding.id)


def raw_upsert(client: Client, items: list[dict[str, Any]]) -> Any:
    """The wire protocol of an upsert without the SDK's own checks."""
    import json

    chunk = client.upload_data(json.dumps(items).encode(), filename="c.json", content_type="application/json")
    manifest = {"source": "SDK", "item_count": len(items), "chunk_uris": [chunk]}
    uri = client.upload_data(json.dumps(manifest).encode(), filename="m.json", content_type="application/json")
    answer = client.execute(
        """mutation UpsertDataRowsPyApi($manifestUri: String!) { upsertDataRows(data: { manifestUri: $manifestUri }) {
        id createdAt updatedAt name status completionPercentage result errors type metadata } }""",
        {"manifestUri": uri},
    )
    task = client.get_task_by_id(answer["upsertDataRows"]["id"])
    task.wait_till_done(timeout_seconds=600)
    return task


def test_rows_are_listed_newest_first_page_by_page(client: Client, dataset: Any) -> None:
    upsert(dataset, *({"row_data": f"https://example.com/{n}", "external_id": f"x{n % 2}"} for n in range(1_203)))
    listed = list(dataset.data_rows())
    assert len(listed) == 1_203
    assert len({row.uid for row in listed}) == 1_203
    moments = [row.created_at for row in listed]
    assert moments == sorted(moments, reverse=True)
    assert len(dataset.data_rows_for_external_id("x0", limit=2_000)) == 602
    assert client.get_dataset(dataset.uid).row_count == 1_203
    after = list(dataset.data_rows(from_cursor=listed[-3].uid))
    assert [row.uid for row in after] == [row.uid for row in listed[-2:]]


def test_one_row_is_created_updated_and_deleted(client: Client, dataset: Any) -> None:
    row = dataset.create_data_row(row_data="https://example.com/one", global_key="one-1")
    row.update(external_id="renamed", global_key="one-2", row_data="https://example.com/two")
    again = client.get_data_row_by_global_key("one-2")
    assert (again.external_id, again.row_data) == ("renamed", "https://example.com/two")
    row.delete()
    with pytest.raises(ResourceNotFoundError):
        client.get_data_row(row.uid)
    assert upsert(dataset, {"row_data": "https://example.com/one", "global_key": "one-2"}).errors is None


def test_many_rows_are_deleted_at_once(client: Client, dataset: Any) -> None:
    created = upsert(dataset, *({"row_data": f"https://example.com/{n}"} for n in range(300))).result
    rows = [client.get_data_row(each["id"]) for each in created[:2]]
    DataRow.bulk_delete(rows)
    assert client.get_dataset(dataset.uid).row_count == 298


def test_a_row_can_be_an_object_or_a_text(client: Client, dataset: Any) -> None:
    document = {"pdf_url": "https://example.com/a.pdf"}
    task = upsert(dataset, {"row_data": document, "global_key": "pdf"}, {"row_data": "plain text", "global_key": "txt"})
    assert {row["global_key"]: row["row_data"] for row in task.result} == {
        "pdf": '{"pdf_url":"https://example.com/a.pdf"}',
        "txt": "plain text",
    }


def test_pages_of_results_are_complete_beyond_five_thousand_rows(dataset: Any) -> None:
    count = 11_001
    rows = [{"row_data": "https://example.com/p", "global_key": f"page-{n}"} for n in range(count)]
    task = upsert(dataset, *rows)
    assert {row["global_key"] for row in task.result} == {row["global_key"] for row in rows}
    assert len(messages(upsert(dataset, *rows))) == count


def test_external_ids_are_looked_up(client: Client, dataset: Any) -> None:
    created = upsert(dataset, {"row_data": "https://example.com/e", "external_id": "ext-1"}).result
    assert client.get_data_row_ids_for_external_ids(["ext-1", "nobody"]) == {"ext-1": [created[0]["id"]]}


def test_the_sdk_module_is_the_released_one() -> None:
    spec = importlib.util.find_spec("labelbox")
    assert spec is not None
    assert "site-packages" in str(spec.origin)


def test_a_row_that_only_looks_like_a_url_is_kept_as_it_is(dataset: Any) -> None:
    odd = ["http://[broken", "https://", "http://127.0.0.1:port/x", "http://exa mple.com/\x00"]
    task = upsert(dataset, *({"row_data": text, "global_key": f"odd-{n}"} for n, text in enumerate(odd)))
    assert task.errors is None
    assert {row["row_data"] for row in task.result} == set(odd)
