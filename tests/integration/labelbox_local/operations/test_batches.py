"""Operations on the batches of a project."""

from __future__ import annotations

import pytest
from labelbox import Client, Dataset, MediaType, Project
from labelbox.schema.identifiables import GlobalKeys
from lbox.exceptions import MalformedQueryException
from tests.integration.labelbox_local.conftest import add_label, done, make_rows
from tests.integration.labelbox_local.labeling import exported
from tests.integration.labelbox_local.operations.conftest import Line


def batches_of_rows(client: Client, project: Project) -> dict[str, str]:
    """The name of the batch of every data row of the project, by global key."""
    task = client.get_project(project.uid).export(params={"project_details": True})
    return {
        row["data_row"]["global_key"]: row["projects"][project.uid]["project_details"]["batch_name"]
        for row in exported(task)
    }


def test_batches_are_made(client: Client, fresh: Client, line: Line, project: Project, dataset: Dataset) -> None:
    keys = make_rows(dataset, 1_010)
    consensus = {"number_of_labels": 2, "coverage_percentage": 0.5}
    ids = client.get_data_row_ids_for_global_keys(keys[:2])["results"]
    batch = project.create_batch("small", data_rows=ids, priority=3, consensus_settings=consensus)
    assert (batch.name, batch.size, batch.consensus_settings) == ("small", 2, consensus)
    assert list(batch.failed_data_row_ids) == []
    assert project.create_batch("large", global_keys=keys[2:1_002]).size == 1_000
    more = project.create_batches("more", global_keys=keys[1_002:1_004])
    more.wait_till_done()
    assert (more.errors(), [(each.name, each.size) for each in more.result()]) == (None, [("more0000", 2)])
    rest = project.create_batches_from_dataset("rest", dataset.uid)
    rest.wait_till_done()
    assert (rest.errors(), [(each.name, each.size) for each in rest.result()]) == (None, [("rest0000", 6)])
    assert {each.name: each.size for each in fresh.get_project(project.uid).batches()} == {
        "small": 2, "large": 1_000, "more0000": 2, "rest0000": 6,
    }  # fmt: skip
    kept = fresh.get_batch(project.uid, batch.uid)
    assert (kept.name, kept.size, kept.consensus_settings) == ("small", 2, consensus)
    assert kept.project().uid == project.uid
    expected = dict.fromkeys(keys, "rest0000") | dict.fromkeys(keys[:2], "small")
    expected |= dict.fromkeys(keys[2:1_002], "large") | dict.fromkeys(keys[1_002:1_004], "more0000")
    assert batches_of_rows(fresh, project) == expected
    assert fresh.get_project(project.uid).get_overview().to_label == 1_010
    line.check(
        "CheckAllDataRowsHaveBeenProcessedPyApi", "createBatchV2PyApi", "createEmptyBatchPyApi",
        "addDataRowsToBatchAsyncPyApi", "getProjectBatchPyApi", "createBatchesPyApi", "createBatchesFromDatasetPyApi",
        "GetProjectBatchesPyApi",
    )  # fmt: skip


def test_the_labels_of_a_batch_are_deleted(
    client: Client, fresh: Client, line: Line, project: Project, keys: list[str]
) -> None:
    batch = project.create_batch("relabeled", global_keys=keys[:3])
    project.create_batch("kept", global_keys=keys[3:])
    add_label(project, keys[0], keys[1], keys[3])
    labels = {each.data_row().global_key: each.uid for each in fresh.get_project(project.uid).labels()}
    before = fresh.get_project(project.uid).get_overview()
    assert (before.to_label, before.done, before.labeled) == (2, 3, 3)
    answer = batch.delete_labels()
    assert set(answer["project"]["deleteBatchLabels"]["deletedLabelIds"]) == {labels[keys[0]], labels[keys[1]]}
    kept = fresh.get_project(project.uid)
    assert ([each.uid for each in kept.labels()], kept.get_label_count()) == ([labels[keys[3]]], 1)
    after = kept.get_overview()
    assert (after.to_label, after.done, after.labeled) == (4, 1, 1)
    assert list(fresh.get_data_row_by_global_key(keys[0]).labels()) == []
    assert fresh.get_batch(project.uid, batch.uid).size == 3
    line.check("DeleteBatchLabelsPyApi")


def test_queued_rows_leave_a_batch(
    client: Client, fresh: Client, line: Line, project: Project, keys: list[str]
) -> None:
    batch = project.create_batch("half labeled", global_keys=keys[:4])
    project.create_batch("kept", global_keys=keys[4:])
    add_label(project, keys[0])
    batch.remove_queued_data_rows()
    assert batches_of_rows(fresh, project) == {keys[0]: "half labeled", keys[4]: "kept"}
    assert fresh.get_batch(project.uid, batch.uid).size == 1
    kept = fresh.get_project(project.uid)
    assert (kept.data_row_count, kept.get_label_count(), kept.get_overview().to_label) == (2, 1, 1)
    # The data rows themselves stay, and can be sent again.
    assert all(fresh.get_data_row_ids_for_global_keys(keys)["results"])
    assert project.create_batch("again", global_keys=keys[1:4]).size == 3
    line.check("RemoveQueuedDataRowsFromBatchPyApi")


def test_a_batch_is_deleted(client: Client, fresh: Client, line: Line, project: Project, keys: list[str]) -> None:
    batch = project.create_batch("short", global_keys=keys[:3])
    other = project.create_batch("kept", global_keys=keys[3:])
    add_label(project, keys[0])
    with pytest.raises(MalformedQueryException, match="has labels"):
        fresh.get_batch(project.uid, batch.uid).delete()
    batch.delete_labels()
    batch.delete()
    assert [each.uid for each in fresh.get_project(project.uid).batches()] == [other.uid]
    assert batches_of_rows(fresh, project) == dict.fromkeys(keys[3:], "kept")
    assert fresh.get_project(project.uid).data_row_count == 2
    assert all(fresh.get_data_row_ids_for_global_keys(keys)["results"])
    assert project.create_batch("short", global_keys=keys[:3]).size == 3
    line.check("DeleteBatchPyApi")


def test_rows_are_sent_from_the_catalog(
    client: Client, fresh: Client, line: Line, project: Project, keys: list[str]
) -> None:
    source = client.create_project(name="source", media_type=MediaType.Image)
    source.connect_ontology(project.ontology())
    source.create_batch("labeled", global_keys=keys)
    add_label(source, *keys[:2])
    [car] = project.ontology().normalized["tools"]
    mapping = {car["featureSchemaId"]: car["featureSchemaId"]}
    task = client.send_to_annotate_from_catalog(
        project.uid, project.task_queues()[1].uid, "sent", GlobalKeys(keys[:4]),
        {"source_project_id": source.uid, "annotations_ontology_mapping": mapping},
    )  # fmt: skip
    assert (done(task).status, task.errors) == ("COMPLETE", None)
    kept = fresh.get_project(project.uid)
    assert batches_of_rows(fresh, project) == dict.fromkeys(keys[:4], "sent")
    assert [queue.data_row_count for queue in kept.task_queues()] == [0, 4, 0]
    assert {each.data_row().global_key for each in kept.labels()} == set(keys[:2])
    assert fresh.get_project(source.uid).get_label_count() == 2
    line.check("SendToAnnotateFromCatalogPyApi")
