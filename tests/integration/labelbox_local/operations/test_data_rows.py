"""Operations on datasets, data rows, attachments, global keys and tasks."""

from __future__ import annotations

from uuid import uuid4

from labelbox import Client, DataRow, Dataset
from tests.integration.labelbox_local.conftest import Server, done
from tests.integration.labelbox_local.operations.conftest import Line


def test_datasets(client: Client, line: Line, dataset: Dataset) -> None:
    made = client.create_dataset(name="n", description="d")
    made.update(name="x")
    assert client.get_dataset(made.uid).name == "x"
    assert [each.uid for each in client.get_datasets(where=Dataset.name == "x")][:1] == [made.uid]
    list(client.get_datasets())
    made.delete()
    line.check(
        "CreateDatasetPyApi", "updateDatasetPyApi", "GetDatasetPyApi", "GetDatasetsPyApi", "deleteDatasetPyApi",
        "getAllIntegrationsPyApi", "GetOrganizationPyApi",
    )  # fmt: skip


def test_data_rows(client: Client, line: Line, dataset: Dataset) -> None:
    made = dataset.create_data_row(row_data="https://example.com/a.jpg", global_key=f"{uuid4()}", external_id="e")
    made.update(external_id="e2", global_key=f"{uuid4()}", row_data="https://example.com/b.jpg")
    assert client.get_data_row(made.uid).external_id == "e2"
    assert [each.uid for each in dataset.data_rows()] == [made.uid]
    assert [each.uid for each in dataset.data_rows(where=DataRow.external_id == "e2")] == [made.uid]
    assert made.dataset().uid == dataset.uid
    assert list(made.labels()) == []
    attachment = made.create_attachment("RAW_TEXT", "words", "note")
    attachment.update(name="n", value="v")
    assert [each.attachment_value for each in made.attachments()] == ["v"]
    attachment.delete()
    other = dataset.create_data_row(row_data="https://example.com/c.jpg")
    made.delete()
    DataRow.bulk_delete([other])
    line.check(
        "UploadFile", "UpsertDataRowsPyApi", "GetUserPyApi", "GetUserCreatedTasksPyApi", "GetDataRowPyApi",
        "updateDataRowPyApi", "DatasetDataRowsPyApi", "GetDataRowDatasetPyApi", "GetDataRowLabelsPyApi",
        "CreateDataRowAttachmentPyApi", "updateDataRowAttachmentPyApi", "GetDataRowAttachmentsPyApi",
        "deleteDataRowAttachmentPyApi", "deleteDataRowsPyApi",
    )  # fmt: skip


def test_keys_and_tasks(client: Client, line: Line, server: Server, dataset: Dataset) -> None:
    key = f"{uuid4()}"
    task = done(dataset.upsert_data_rows([{"row_data": "https://example.com/a.jpg", "global_key": key}]))
    assert (task.errors, [row["global_key"] for row in task.result]) == (None, [key])
    assert client.get_task_by_id(task.uid).status == "COMPLETE"
    [row_id] = client.get_data_row_ids_for_global_keys([key])["results"]
    assert client.clear_global_keys([key])["status"] == "SUCCESS"
    assigned = client.assign_global_keys_to_data_rows([{"data_row_id": row_id, "global_key": key}])
    assert assigned["status"] == "SUCCESS"
    assert client.get_data_row_ids_for_external_ids(["none"]) == {}
    server.admin("POST", "faults", operation="upsertDataRows", task="stuck")
    stuck = dataset.upsert_data_rows([{"row_data": "https://example.com/b.jpg"}])
    assert client.cancel_task(stuck.uid) is True
    line.check(
        "SuccessesfulDataRowImportsPyApi", "FailedDataRowImportsPyApi", "GetUserCreatedTasksPyApi",
        "getDataRowsForGlobalKeysPyApi", "getDataRowsForGlobalKeysResultPyApi", "assignGlobalKeysToDataRowsPyApi",
        "assignGlobalKeysToDataRowsResultPyApi", "clearGlobalKeysPyApi", "clearGlobalKeysResultPyApi",
        "externalIdsToDataRowIdsPyApi", "GetCancelableTaskTypesPyApi", "CancelTaskPyApi",
    )  # fmt: skip
