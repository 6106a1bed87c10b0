"""Operations on datasets, data rows, attachments, global keys and tasks."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from labelbox import Client, DataRow, Dataset, Project
from lbox.exceptions import ResourceNotFoundError
from tests.integration.labelbox_local.conftest import Server, add_label, done, make_rows
from tests.integration.labelbox_local.operations.conftest import Line

URL = "https://example.com"


def content(row: DataRow) -> tuple[Any, ...]:
    return row.row_data, row.global_key, row.external_id


def attachments(client: Client, row: DataRow) -> list[tuple[Any, ...]]:
    """What a client that reads the data row anew sees of its attachments."""
    found = client.get_data_row(row.uid).attachments()
    return [(each.uid, each.attachment_type, each.attachment_value, each.attachment_name) for each in found]


def test_datasets(client: Client, fresh: Client, line: Line) -> None:
    name = f"dataset {uuid4()}"
    made = client.create_dataset(name=name, description="words")
    assert (made.name, made.description, made.row_count) == (name, "words", 0)
    kept = fresh.get_dataset(made.uid)
    assert (kept.name, kept.description, kept.created_at) == (name, "words", made.created_at)
    made.update(name=f"{name} b", description="other words")
    assert (made.name, made.description) == (f"{name} b", "other words")
    [kept] = fresh.get_datasets(where=Dataset.name == f"{name} b")
    assert (kept.uid, kept.name, kept.description) == (made.uid, f"{name} b", "other words")
    assert kept.updated_at > kept.created_at == made.created_at
    assert made.uid in {each.uid for each in fresh.get_datasets()}
    made.delete()
    with pytest.raises(ResourceNotFoundError):
        fresh.get_dataset(made.uid)
    assert made.uid not in {each.uid for each in fresh.get_datasets()}
    line.check(
        "CreateDatasetPyApi", "updateDatasetPyApi", "GetDatasetPyApi", "GetDatasetsPyApi", "deleteDatasetPyApi",
        "getAllIntegrationsPyApi", "GetOrganizationPyApi",
    )  # fmt: skip


def test_data_rows(client: Client, fresh: Client, line: Line, dataset: Dataset) -> None:
    key = f"{uuid4()}"
    made = dataset.create_data_row(row_data=f"{URL}/a.jpg", global_key=key, external_id="e")
    assert content(made) == content(fresh.get_data_row(made.uid)) == (f"{URL}/a.jpg", key, "e")
    made.update(external_id="e2", global_key=f"{key} b", row_data=f"{URL}/b.jpg")
    assert content(made) == content(fresh.get_data_row(made.uid)) == (f"{URL}/b.jpg", f"{key} b", "e2")
    assert fresh.get_data_row_ids_for_global_keys([key, f"{key} b"])["results"] == ["", made.uid]
    other = dataset.create_data_row(row_data=f"{URL}/c.jpg")
    kept = fresh.get_dataset(dataset.uid)
    assert [each.uid for each in kept.data_rows()] == [other.uid, made.uid]
    assert [each.uid for each in kept.data_rows(where=DataRow.external_id == "e2")] == [made.uid]
    assert kept.row_count == 2
    assert fresh.get_data_row(made.uid).dataset().uid == dataset.uid
    line.check(
        "UploadFile", "UpsertDataRowsPyApi", "GetUserPyApi", "GetDataRowPyApi",
        "updateDataRowPyApi", "DatasetDataRowsPyApi", "GetDataRowDatasetPyApi",
    )  # fmt: skip


def test_attachments(client: Client, fresh: Client, line: Line, dataset: Dataset) -> None:
    row = dataset.create_data_row(row_data=f"{URL}/a.jpg")
    first = row.create_attachment("RAW_TEXT", "words", "note")
    second = row.create_attachment("IMAGE", f"{URL}/b.png")
    assert (first.attachment_type, first.attachment_value, first.attachment_name) == ("RAW_TEXT", "words", "note")
    kept = (second.uid, "IMAGE", f"{URL}/b.png", None)
    assert attachments(fresh, row) == [(first.uid, "RAW_TEXT", "words", "note"), kept]
    first.update(name="n", value="v")
    assert (first.attachment_type, first.attachment_value, first.attachment_name) == ("RAW_TEXT", "v", "n")
    assert attachments(fresh, row) == [(first.uid, "RAW_TEXT", "v", "n"), kept]
    first.update(type="TEXT_URL", value=f"{URL}/words.txt")
    assert attachments(fresh, row) == [(first.uid, "TEXT_URL", f"{URL}/words.txt", "n"), kept]
    first.delete()
    assert attachments(fresh, row) == [kept]
    second.delete()
    assert attachments(fresh, row) == []
    line.check(
        "CreateDataRowAttachmentPyApi", "updateDataRowAttachmentPyApi", "GetDataRowAttachmentsPyApi",
        "deleteDataRowAttachmentPyApi",
    )  # fmt: skip


def test_deleted_data_rows(client: Client, fresh: Client, line: Line, project: Project, dataset: Dataset) -> None:
    keys = make_rows(dataset, 4)
    batch = project.create_batch("short", global_keys=keys)
    add_label(project, *keys[:2])
    rows = [client.get_data_row_by_global_key(key) for key in keys]
    [label] = fresh.get_data_row(rows[0].uid).labels()
    assert label.uid in {each.uid for each in project.labels()}
    rows[0].delete()
    with pytest.raises(ResourceNotFoundError):
        fresh.get_data_row(rows[0].uid)
    assert {each.uid for each in dataset.data_rows()} == {each.uid for each in rows[1:]}
    DataRow.bulk_delete(rows[1:3])
    assert [content(each) for each in fresh.get_dataset(dataset.uid).data_rows()] == [content(rows[3])]
    assert fresh.get_dataset(dataset.uid).row_count == 1
    assert fresh.get_data_row_ids_for_global_keys(keys)["results"] == ["", "", "", rows[3].uid]
    # Their labels and their places in the project are gone with them, and their keys are free.
    kept = fresh.get_project(project.uid)
    assert (kept.get_label_count(), list(kept.labels()), kept.data_row_count) == (0, [], 1)
    assert fresh.get_batch(project.uid, batch.uid).size == 1
    again = dataset.create_data_row(row_data=f"{URL}/again.jpg", global_key=keys[0])
    assert again.uid not in {each.uid for each in rows}
    line.check("deleteDataRowsPyApi", "GetDataRowLabelsPyApi")


def test_keys(client: Client, fresh: Client, line: Line, dataset: Dataset) -> None:
    key = f"{uuid4()}"
    row = dataset.create_data_row(row_data=f"{URL}/a.jpg", global_key=key, external_id=f"{key} e")
    found = client.get_data_row_ids_for_global_keys([key])
    assert found == {"status": "SUCCESS", "results": [row.uid], "errors": []}
    assert client.clear_global_keys([key]) == {"status": "SUCCESS", "results": [key], "errors": []}
    assert fresh.get_data_row(row.uid).global_key is None
    assert fresh.get_data_row_ids_for_global_keys([key])["results"] == [""]
    assigned = client.assign_global_keys_to_data_rows([{"data_row_id": row.uid, "global_key": f"{key} b"}])
    assert (assigned["status"], assigned["errors"]) == ("SUCCESS", [])
    assert [(each["data_row_id"], each["global_key"]) for each in assigned["results"]] == [(row.uid, f"{key} b")]
    assert fresh.get_data_row(row.uid).global_key == f"{key} b"
    assert fresh.get_data_row_ids_for_global_keys([f"{key} b"])["results"] == [row.uid]
    assert client.get_data_row_ids_for_external_ids([f"{key} e", f"{key} none"]) == {f"{key} e": [row.uid]}
    line.check(
        "getDataRowsForGlobalKeysPyApi", "getDataRowsForGlobalKeysResultPyApi", "assignGlobalKeysToDataRowsPyApi",
        "assignGlobalKeysToDataRowsResultPyApi", "clearGlobalKeysPyApi", "clearGlobalKeysResultPyApi",
        "externalIdsToDataRowIdsPyApi",
    )  # fmt: skip


def test_tasks(client: Client, fresh: Client, line: Line, server: Server, dataset: Dataset) -> None:
    key = f"{uuid4()}"
    row = {"row_data": f"{URL}/a.jpg", "global_key": key}
    task = done(dataset.upsert_data_rows([row]))
    [made] = task.result
    assert (task.errors, made["global_key"], made["row_data"]) == (None, key, f"{URL}/a.jpg")
    assert content(fresh.get_data_row(made["id"])) == (f"{URL}/a.jpg", key, None)
    failed = done(dataset.upsert_data_rows([row, {"row_data": f"{URL}/b.jpg", "global_key": f"{key} b"}]))
    kept = fresh.get_task_by_id(failed.uid)
    assert (kept.status, kept.completion_percentage, kept.type) == ("COMPLETE", 100, "adv-upsert-data-rows")
    assert [each["global_key"] for each in kept.result] == [f"{key} b"]
    [error] = kept.errors
    assert error["message"] == f"Duplicate global key: '{key}'"
    assert [each["globalKey"] for each in error["failedDataRows"]] == [key]
    server.admin("POST", "faults", operation="upsertDataRows", task="stuck")
    stuck = dataset.upsert_data_rows([{"row_data": f"{URL}/c.jpg"}])
    assert fresh.get_task_by_id(stuck.uid).status == "IN_PROGRESS"
    assert client.cancel_task(stuck.uid) is True
    assert fresh.get_task_by_id(stuck.uid).status == "CANCELED"
    assert fresh.get_dataset(dataset.uid).row_count == 2
    line.check(
        "SuccessesfulDataRowImportsPyApi", "FailedDataRowImportsPyApi", "GetUserCreatedTasksPyApi",
        "GetCancelableTaskTypesPyApi", "CancelTaskPyApi",
    )  # fmt: skip
