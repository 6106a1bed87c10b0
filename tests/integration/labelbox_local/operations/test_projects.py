"""Operations on projects, their batches, queues and priorities."""

from __future__ import annotations

from labelbox import Client, Dataset, MediaType, Project
from labelbox.schema.identifiable import GlobalKey, UniqueId
from labelbox.schema.identifiables import GlobalKeys
from tests.integration.labelbox_local.conftest import done, make_rows
from tests.integration.labelbox_local.operations.conftest import Line


def test_projects(client: Client, line: Line, project: Project, keys: list[str]) -> None:
    made = client.create_project(name="n", media_type=MediaType.Image)
    made.update(name="x")
    assert client.get_project(made.uid).name == "x"
    assert made.uid in {each.uid for each in client.get_projects()}
    made.delete()
    project.create_batch("all", global_keys=keys)
    assert (project.get_label_count(), list(project.labels())) == (0, [])
    review = project.task_queues()[1]
    project.move_data_rows_to_task_queue(GlobalKeys(keys[:1]), review.uid)
    assert project.update_data_row_labeling_priority(GlobalKeys(keys[:1]), 1) is True
    assert project.set_labeling_parameter_overrides([(GlobalKey(keys[0]), 1)]) is True
    assert project.enable_model_assisted_labeling() is True
    assert project.get_overview().in_review == 1
    line.check(
        "CreateProjectPyApi", "updateProjectPyApi", "GetProjectPyApi", "GetProjectsPyApi", "deleteProjectPyApi",
        "LabelCountPyApi", "GetProjectLabelingFrontendPyApi", "ConnectOntologyPyApi", "GetProjectLabelsPyApi",
        "GetProjectTaskQueuesPyApi", "AddDataRowsToTaskQueueAsyncPyApi", "createQueuePriorityUpdateTaskPyApi",
        "SetLabelingParameterOverridesPyApi", "toggle_model_assisted_labelingPyApi", "ProjectGetOverviewPyApi",
    )  # fmt: skip


def test_batches(client: Client, line: Line, project: Project, dataset: Dataset) -> None:
    keys = make_rows(dataset, 1_010)
    batch = project.create_batch("small", data_rows=client.get_data_row_ids_for_global_keys(keys[:2])["results"])
    project.create_batch("large", global_keys=keys[2:1_002])
    for task in (
        project.create_batches("more", global_keys=keys[1_002:1_004]),
        project.create_batches_from_dataset("rest", dataset.uid),
    ):
        task.wait_till_done()
        assert task.errors() is None
    assert {each.name: each.size for each in project.batches()} == {
        "small": 2, "large": 1_000, "more0000": 2, "rest0000": 6,
    }  # fmt: skip
    assert client.get_batch(project.uid, batch.uid).size == 2
    batch.delete_labels()
    batch.remove_queued_data_rows()
    batch.delete()
    line.check(
        "CheckAllDataRowsHaveBeenProcessedPyApi", "createBatchV2PyApi", "createEmptyBatchPyApi",
        "addDataRowsToBatchAsyncPyApi", "getProjectBatchPyApi", "createBatchesPyApi", "createBatchesFromDatasetPyApi",
        "GetProjectBatchesPyApi", "RemoveQueuedDataRowsFromBatchPyApi", "DeleteBatchPyApi", "DeleteBatchLabelsPyApi",
    )  # fmt: skip


def test_sending_to_a_project(client: Client, line: Line, project: Project, keys: list[str]) -> None:
    source = client.create_project(name="source", media_type=MediaType.Image)
    task = client.send_to_annotate_from_catalog(
        project.uid, project.task_queues()[0].uid, "sent", GlobalKeys(keys), {"source_project_id": source.uid}
    )
    assert done(task).status == "COMPLETE"
    assert [batch.size for batch in project.batches()] == [5]
    line.check("SendToAnnotateFromCatalogPyApi")


def test_a_row_is_named_by_id(client: Client, line: Line, project: Project, keys: list[str]) -> None:
    ids = client.get_data_row_ids_for_global_keys(keys)["results"]
    project.create_batch("ids", ids)
    assert project.set_labeling_parameter_overrides([(UniqueId(ids[0]), 3)]) is True
    line.check("SetLabelingParameterOverridesPyApi")
