"""Operations on projects, their queues and priorities."""

from __future__ import annotations

from uuid import uuid4

import pytest
from labelbox import Client, MediaType, Project
from labelbox.schema.identifiable import GlobalKey, UniqueId
from labelbox.schema.identifiables import GlobalKeys
from lbox.exceptions import ResourceNotFoundError
from tests.integration.labelbox_local.conftest import add_label
from tests.integration.labelbox_local.operations.conftest import Line

SHOWN = "query shownPyApi($id: ID!) { project(where: {id: $id}) { showingPredictionsToLabelers } }"


def queues(client: Client, project: Project) -> list[int | None]:
    """How many data rows wait for labeling, for review and for rework."""
    return [queue.data_row_count for queue in client.get_project(project.uid).task_queues()]


def priorities(client: Client, project: Project) -> dict[str, int]:
    """The priorities that were set, by the global key of the data row."""
    found = client.get_project(project.uid).labeling_parameter_overrides()
    return {each.data_row().global_key: each.priority for each in found}


def test_projects(client: Client, fresh: Client, line: Line) -> None:
    name = f"project {uuid4()}"
    made = client.create_project(name=name, description="words", media_type=MediaType.Image)
    assert (made.name, made.description, made.media_type) == (name, "words", MediaType.Image)
    kept = fresh.get_project(made.uid)
    assert (kept.name, kept.description, kept.media_type) == (name, "words", MediaType.Image)
    assert (kept.created_by().uid, kept.ontology()) == (fresh.get_user().uid, None)
    made.update(name=f"{name} b", description="other words")
    assert (made.name, made.description) == (f"{name} b", "other words")
    [kept] = fresh.get_projects(where=Project.name == f"{name} b")
    assert (kept.uid, kept.description, kept.created_at) == (made.uid, "other words", made.created_at)
    assert kept.updated_at > kept.created_at
    assert made.uid in {each.uid for each in fresh.get_projects()}
    made.delete()
    with pytest.raises(ResourceNotFoundError):
        fresh.get_project(made.uid)
    assert made.uid not in {each.uid for each in fresh.get_projects()}
    line.check(
        "CreateProjectPyApi", "updateProjectPyApi", "GetProjectPyApi", "GetProjectsPyApi", "deleteProjectPyApi",
    )  # fmt: skip


def test_the_set_up_of_a_project(client: Client, fresh: Client, line: Line, project: Project) -> None:
    kept = fresh.get_project(project.uid)
    assert kept.setup_complete is not None
    assert kept.labeling_frontend().name == "Editor"
    assert kept.ontology().normalized == project.ontology().normalized
    for shown in (True, False):
        assert project.enable_model_assisted_labeling(shown) is shown
        assert fresh.execute(SHOWN, {"id": project.uid})["project"] == {"showingPredictionsToLabelers": shown}
    line.check("GetProjectLabelingFrontendPyApi", "ConnectOntologyPyApi", "toggle_model_assisted_labelingPyApi")


def test_the_workflow(client: Client, fresh: Client, line: Line, project: Project, keys: list[str]) -> None:
    labeling, review, rework = project.task_queues()
    assert [each.name for each in (labeling, review, rework)] == [
        "Initial labeling task", "Initial review task", "Rework (all rejected)",
    ]  # fmt: skip
    project.create_batch("all", global_keys=keys)
    assert queues(fresh, project) == [5, 0, 0]
    project.move_data_rows_to_task_queue(GlobalKeys(keys[:3]), review.uid)
    assert queues(fresh, project) == [2, 3, 0]
    project.move_data_rows_to_task_queue(GlobalKeys(keys[1:2]), rework.uid)
    project.move_data_rows_to_task_queue(GlobalKeys(keys[2:3]))
    assert queues(fresh, project) == [2, 1, 1]
    shown = fresh.get_project(project.uid).get_overview()
    assert (shown.to_label, shown.in_review, shown.in_rework, shown.done) == (2, 1, 1, 1)
    assert (shown.total_data_rows, shown.labeled, shown.skipped) == (5, 0, 0)
    details = fresh.get_project(project.uid).get_overview(details=True)
    assert details.in_review == {"data": [{review.name: 1}], "total": 1}
    line.check("GetProjectTaskQueuesPyApi", "AddDataRowsToTaskQueueAsyncPyApi", "ProjectGetOverviewPyApi")


def test_priorities(client: Client, fresh: Client, line: Line, project: Project, keys: list[str]) -> None:
    project.create_batch("all", global_keys=keys)
    assert priorities(fresh, project) == {}
    [row_id] = client.get_data_row_ids_for_global_keys(keys[1:2])["results"]
    assert project.set_labeling_parameter_overrides([(GlobalKey(keys[0]), 7), (UniqueId(row_id), -2)]) is True
    assert priorities(fresh, project) == {keys[0]: 7, keys[1]: -2}
    assert project.update_data_row_labeling_priority(GlobalKeys(keys[1:3]), 1) is True
    assert priorities(fresh, project) == {keys[0]: 7, keys[1]: 1, keys[2]: 1}
    task = fresh.get_project(project.uid).export(params={"project_details": True})
    task.wait_till_done()
    exported = {each.json["data_row"]["global_key"]: each.json["projects"] for each in task.get_buffered_stream()}
    assert [exported[key][project.uid]["project_details"]["priority"] for key in keys] == [7, 1, 1, 5, 5]
    line.check("SetLabelingParameterOverridesPyApi", "createQueuePriorityUpdateTaskPyApi")


def test_labels(client: Client, fresh: Client, line: Line, project: Project, keys: list[str]) -> None:
    project.create_batch("all", global_keys=keys)
    assert (project.get_label_count(), list(project.labels())) == (0, [])
    add_label(project, *keys[:2])
    kept = fresh.get_project(project.uid)
    assert kept.get_label_count() == 2
    labels = {each.data_row().global_key: each for each in kept.labels()}
    assert set(labels) == set(keys[:2])
    first, second = (labels[key] for key in keys[:2])
    assert (first.project().uid, first.created_by().uid) == (project.uid, client.get_user().uid)
    assert [each.uid for each in fresh.get_data_row_by_global_key(keys[0]).labels()] == [first.uid]
    next(each for each in project.labels() if each.uid == first.uid).delete()
    assert [each.uid for each in kept.labels()] == [second.uid]
    assert kept.get_label_count() == 1
    assert list(fresh.get_data_row_by_global_key(keys[0]).labels()) == []
    assert queues(fresh, project) == [4, 0, 0]
    line.check("LabelCountPyApi", "GetProjectLabelsPyApi", "GetDataRowLabelsPyApi", "deleteLabelsPyApi")
