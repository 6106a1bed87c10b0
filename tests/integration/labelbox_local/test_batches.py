"""Batches through the unmodified SDK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from labelbox import Client, MediaType, Project
from labelbox.schema.identifiables import GlobalKeys, UniqueIds
from lbox.exceptions import LabelboxError, MalformedQueryException, ResourceConflict
from tests.integration.labelbox_local.conftest import Server, add_label, done, make_rows


def test_a_batch_of_keys_and_of_ids(client: Client, project: Project, keys: list[str]) -> None:
    settings = {"number_of_labels": 3, "coverage_percentage": 0.1}
    first = project.create_batch("by key", global_keys=keys[:3], consensus_settings=settings, priority=2)
    assert (first.name, first.size, first.consensus_settings) == ("by key", 3, settings)
    assert list(first.failed_data_row_ids) == []
    rows = [client.get_data_row(uid) for uid in client.get_data_row_ids_for_global_keys(keys[3:])["results"]]
    second = project.create_batch("by row", data_rows=rows)
    assert (second.size, second.consensus_settings) == (2, None)
    assert [batch.uid for batch in project.batches()] == [first.uid, second.uid]
    assert client.get_batch(project.uid, first.uid).name == "by key"
    assert second.project().uid == project.uid
    assert project.get_overview().to_label == 5


def test_what_cannot_be_added_fails_alone(client: Client, project: Project, keys: list[str]) -> None:
    ids = client.get_data_row_ids_for_global_keys(keys)["results"]
    project.create_batch("first", ids[:2])
    batch = project.create_batch("second", [*ids[1:4], "unknown"])
    assert batch.size == 2
    assert set(batch.failed_data_row_ids) == {ids[1], "unknown"}


def test_batches_that_are_refused(client: Client, project: Project, keys: list[str]) -> None:
    project.create_batch("taken", global_keys=keys)
    with pytest.raises(ResourceConflict):
        project.create_batch("taken", global_keys=keys)
    with pytest.raises(MalformedQueryException, match="No valid data rows to add to project"):
        project.create_batch("again", global_keys=keys)
    with pytest.raises(MalformedQueryException, match="No valid data rows to be added from the list provided!"):
        project.create_batch("unknown", data_rows=["a", "b"])
    with pytest.raises(MalformedQueryException, match=r"global keys do not exist: no-key\."):
        project.create_batch("unknown", global_keys=["no-key", keys[0]])
    for priority in ("abcd", None):
        with pytest.raises(LabelboxError):
            project.create_batch("priority", global_keys=keys, priority=priority)
    assert [batch.name for batch in project.batches()] == ["taken"]


def test_a_large_batch_is_filled_by_a_task(client: Client, project: Project, dataset: Any) -> None:
    keys = make_rows(dataset, 1_000)
    batch = project.create_batch("large", global_keys=keys)
    assert (batch.name, batch.size) == ("large", 1_000)
    assert client.get_project(project.uid).data_row_count == 1_000
    with pytest.raises(LabelboxError, match="No valid data rows to add to project"):
        project.create_batch("large again", global_keys=keys)
    with pytest.raises(ResourceConflict):
        project.create_batch("large", global_keys=keys)


def test_many_batches_from_rows_and_from_a_dataset(
    client: Client, server: Server, project: Project, dataset: Any
) -> None:
    keys = make_rows(dataset, 7)
    server.admin("POST", "switches", batch_rows=3)
    try:
        task = project.create_batches("some", global_keys=keys[:4])
        task.wait_till_done()
        assert task.errors() is None
        assert [(batch.name, batch.size) for batch in task.result()] == [("some0000", 3), ("some0001", 1)]
        with pytest.raises(ResourceConflict):
            project.create_batches("some", global_keys=keys[4:])
        rest = project.create_batches_from_dataset("rest", dataset.uid, priority=1)
        rest.wait_till_done()
        assert [(batch.name, batch.size) for batch in rest.result()] == [("rest0000", 3)]
        assert project.create_batches_from_dataset("none", dataset.uid).result() == []
    finally:
        server.admin("POST", "switches", batch_rows=100_000)
    failed = project.create_batches("known", data_rows=client.get_data_row_ids_for_global_keys(keys)["results"])
    failed.wait_till_done()
    [error] = failed.errors().values()
    assert error == {"error": "No valid data rows to add to project"}


def test_queued_rows_are_taken_out_and_batches_deleted(client: Client, project: Project, keys: list[str]) -> None:
    batch = project.create_batch("half labeled", global_keys=keys)
    add_label(project, keys[0])
    with pytest.raises(MalformedQueryException, match="has labels"):
        batch.delete()
    batch.remove_queued_data_rows()
    assert client.get_batch(project.uid, batch.uid).size == 1
    assert client.get_project(project.uid).data_row_count == 1
    again = project.create_batch("again", global_keys=keys[1:])
    assert again.size == 4
    again.delete()
    assert [each.uid for each in project.batches()] == [batch.uid]


def test_deleted_labels_put_rows_back_into_the_queue(project: Project, keys: list[str]) -> None:
    batch = project.create_batch("relabeled", global_keys=keys)
    add_label(project, *keys[:2])
    project.move_data_rows_to_task_queue(GlobalKeys(keys[:3]))
    label_ids = {label.uid for label in project.labels()}
    result = batch.delete_labels()
    assert set(result["project"]["deleteBatchLabels"]["deletedLabelIds"]) == label_ids
    assert (project.get_label_count(), list(project.labels())) == (0, [])
    shown = project.get_overview()
    assert (shown.to_label, shown.done) == (4, 1)
    batch.delete()
    assert list(project.batches()) == []


def test_rows_are_sent_from_the_catalog(client: Client, project: Project, keys: list[str]) -> None:
    source = client.create_project(name="source", media_type=MediaType.Image)
    source.connect_ontology(project.ontology())
    source.create_batch("labeled", global_keys=keys)
    add_label(source, *keys[:2])
    [feature] = project.ontology().normalized["tools"]
    project.create_batch("there", global_keys=keys[4:])
    review = project.task_queues()[1]
    mapping = {feature["featureSchemaId"]: feature["featureSchemaId"]}
    task = client.send_to_annotate_from_catalog(
        destination_project_id=project.uid,
        task_queue_id=review.uid,
        batch_name="sent",
        data_rows=UniqueIds(client.get_data_row_ids_for_global_keys(keys)["results"]),
        params={
            "source_project_id": source.uid,
            "annotations_ontology_mapping": mapping,
            "exclude_data_rows_in_project": True,
        },
    )
    assert done(task).status == "COMPLETE"
    assert {batch.name: batch.size for batch in project.batches()} == {"there": 1, "sent": 4}
    assert [queue.data_row_count for queue in project.task_queues()] == [1, 4, 0]
    assert project.get_label_count() == 2
    failed = client.send_to_annotate_from_catalog(
        project.uid, None, "sent", GlobalKeys(make_rows(client.get_data_row_by_global_key(keys[0]).dataset(), 1)),
        {"source_project_id": source.uid},
    )  # fmt: skip
    assert done(failed).errors == {"error": "The project has a batch named 'sent'"}
    source.delete()


def test_a_task_that_fails_on_purpose(client: Client, server: Server, project: Project, keys: list[str]) -> None:
    server.admin("POST", "faults", operation="createBulkAddRowsToQueueTask", task="failed")
    project.create_batch("moved", global_keys=keys)
    with pytest.raises(LabelboxError, match=r"not moved successfully: .*made to fail"):
        project.move_data_rows_to_task_queue(GlobalKeys(keys))
    server.admin("POST", "faults", operation="addDataRowsToBatchAsync", task="stuck")
    [task] = project.create_batches("stuck", global_keys=keys).tasks
    assert task.status == "IN_PROGRESS"
    with pytest.raises(MalformedQueryException, match="cannot be cancelled"):
        client.execute(
            "mutation CancelTaskPyApi($id: ID!) {cancelBulkOperationJob(id: $id) {success}}", {"id": task.uid}
        )


def test_a_batch_is_filled_after_a_restart(start: Callable[..., Server]) -> None:
    first = start("--switch", "task_seconds=2")
    dataset = first.client().create_dataset(name="kept", iam_integration=None)
    keys = make_rows(dataset, 3)
    project = first.client().create_project(name="kept", media_type=MediaType.Image)
    task = project.create_batches_from_dataset("kept", dataset.uid).tasks[0]
    first.stop()
    second = start().client()
    assert done(second.get_task_by_id(task.uid)).status == "COMPLETE"
    [batch] = second.get_project(project.uid).batches()
    assert (batch.name, batch.size) == ("kept0000", len(keys))
