"""Projects through the unmodified SDK: settings, members, tags, workflow and priorities."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from labelbox import Client, MediaType, Project
from labelbox.schema.identifiable import GlobalKey, UniqueId
from labelbox.schema.identifiables import GlobalKeys, UniqueIds
from labelbox.schema.ontology_kind import EditorTaskType
from labelbox.schema.quality_mode import QualityMode
from lbox.exceptions import (
    LabelboxError,
    MalformedQueryException,
    ResourceConflict,
    ResourceNotFoundError,
)
from tests.integration.labelbox_local.conftest import Server, add_label, make_rows


def test_a_project_is_created_changed_and_deleted(client: Client) -> None:
    name = f"project {uuid4()}"
    made = client.create_project(name=name, description="words", media_type=MediaType.Text)
    assert (made.name, made.description, made.media_type) == (name, "words", MediaType.Text)
    assert (made.data_row_count, made.get_label_count(), made.setup_complete) == (0, 0, None)
    assert made.created_by().uid == client.get_user().uid
    assert made.organization().uid == client.get_organization().uid
    assert made.ontology() is None
    assert made.labeling_frontend().name == "Editor"
    made.update(name=f"{name} b", description="other words")
    again = client.get_project(made.uid)
    assert (again.name, again.description) == (f"{name} b", "other words")
    assert [each.uid for each in client.get_projects(where=Project.name == f"{name} b")] == [made.uid]
    assert made.uid in {each.uid for each in client.get_organization().projects()}
    made.delete()
    with pytest.raises(ResourceNotFoundError):
        client.get_project(made.uid)
    assert list(client.get_projects(where=Project.uid == made.uid)) == []


@pytest.mark.parametrize(
    ("modes", "labels", "percentage", "benchmark", "consensus"),
    [
        ({QualityMode.Benchmark}, 1, 1.0, True, False),
        ({QualityMode.Consensus}, 3, 0.0, False, True),
        ({QualityMode.Benchmark, QualityMode.Consensus}, 3, 0.0, True, True),
    ],
)
def test_quality_modes(
    client: Client, modes: set[QualityMode], labels: int, percentage: float, benchmark: bool, consensus: bool
) -> None:
    made = client.create_project(name="quality", media_type=MediaType.Image, quality_modes=modes)
    assert (made.auto_audit_number_of_labels, made.auto_audit_percentage) == (labels, percentage)
    assert (made.is_benchmark_enabled, made.is_consensus_enabled) == (benchmark, consensus)
    other = {"auto_audit_number_of_labels": 4 - labels, "auto_audit_percentage": 1 - percentage}
    with pytest.raises(MalformedQueryException):
        made.update(**other)
    made.delete()


def test_every_media_type_can_be_had(client: Client) -> None:
    for media_type in {MediaType[name] for name in MediaType.get_supported_members()}:
        made = client.create_project(name="media", media_type=media_type)
        assert client.get_project(made.uid).media_type == media_type
        made.delete()


def test_projects_for_chat_evaluation(client: Client) -> None:
    live = client.create_model_evaluation_project(name="live")
    assert (live.editor_task_type, live.model_setup_complete) == (EditorTaskType.ModelChatEvaluation, False)
    assert live.is_chat_evaluation()
    assert live.is_auto_data_generation()
    assert live.set_project_model_setup_complete() is True
    assert client.get_project(live.uid).model_setup_complete is True
    generated = client.create_model_evaluation_project(name="rows", dataset_name=f"chats {uuid4()}", data_row_count=3)
    assert generated.data_row_count == 3
    [batch] = generated.batches()
    assert batch.size == 3
    offline = client.create_offline_model_evaluation_project(name="offline")
    assert offline.editor_task_type == EditorTaskType.OfflineModelChatEvaluation
    assert offline.media_type == MediaType.Conversational
    with pytest.raises(MalformedQueryException):
        offline.set_project_model_setup_complete()


def test_an_ontology_is_connected(client: Client, project: Project, ontology: Any) -> None:
    assert project.ontology().uid == ontology.uid
    assert [each.uid for each in client.get_ontology(ontology.uid).projects()] == [project.uid]
    assert client.get_project(project.uid).setup_complete is not None
    other = client.create_project(name="text", media_type=MediaType.Text)
    with pytest.raises(ValueError, match="must share the same type"):
        other.connect_ontology(ontology)
    other.media_type = MediaType.Image
    with pytest.raises(MalformedQueryException):
        other.connect_ontology(ontology)
    other.delete()


def test_instructions_are_shown_with_the_ontology(client: Client, project: Project, tmp_path: Any) -> None:
    before = project.ontology().normalized
    path = tmp_path / "how.html"
    path.write_text("<html>how</html>")
    project.upsert_instructions(str(path))
    after = project.ontology().normalized
    assert after.pop("projectInstructions").startswith("http://127.0.0.1")
    assert after == before


def test_a_clone_has_the_settings_and_no_rows(project: Project, keys: list[str]) -> None:
    project.create_batch("original", global_keys=keys)
    clone = project.clone()
    assert (clone.media_type, clone.ontology().uid) == (project.media_type, project.ontology().uid)
    assert clone.auto_audit_number_of_labels == project.auto_audit_number_of_labels
    assert (clone.data_row_count, len(clone.task_queues())) == (0, 3)
    assert clone.name != project.name
    clone.delete()


def test_pre_labels_are_shown_or_not(project: Project) -> None:
    assert project.enable_model_assisted_labeling() is True
    assert project.enable_model_assisted_labeling(False) is False
    assert project.extend_reservations("LabelingQueue") == 0


def test_tags(client: Client, project: Project) -> None:
    organization = client.get_organization()
    first, second = (organization.create_resource_tag({"text": f"tag {uuid4()}", "color": "#ffffff"}) for _ in range(2))
    assert first.color == "ffffff"
    assert {first.uid, second.uid} <= {tag.uid for tag in organization.get_resource_tags()}
    assert project.get_resource_tags() == []
    assert project.update_project_resource_tags([first.uid, second.uid])
    assert {tag.uid for tag in project.get_resource_tags()} == {first.uid, second.uid}
    project.update_project_resource_tags([second.uid])
    second.update(text=f"{second.text} b", color="000000")
    [shown] = project.get_resource_tags()
    assert (shown.uid, shown.text, shown.color) == (second.uid, second.text, "000000")
    with pytest.raises(ResourceConflict):
        organization.create_resource_tag({"text": first.text, "color": "ffffff"})


def test_members_and_their_roles(client: Client, server: Server, project: Project) -> None:
    roles = client.get_roles()
    assert set(roles) == {"ADMIN", "TEAM_MANAGER", "REVIEWER", "LABELER", "NONE"}
    [own] = [each for each in project.members() if each.user().uid == client.get_user().uid]
    assert (own.user().uid, own.role().name, own.access_from) == (client.get_user().uid, "Admin", "ORGANIZATION")

    made = server.admin("POST", "users", email=f"{uuid4()}@example.com", role="None")
    [user] = [each for each in client.get_users() if each.uid == made["id"]]
    assert user.org_role().name == "None"
    assert list(user.projects()) == []
    user.upsert_project_role(project, roles["LABELER"])
    user.upsert_project_role(project, roles["REVIEWER"])
    members = {each.user().uid: each for each in project.members()}
    assert members[user.uid].role().name == "Reviewer"
    assert [each.uid for each in user.projects()] == [project.uid]
    user.remove_from_project(project)
    assert user.uid not in {each.user().uid for each in project.members()}

    user.upsert_project_role(project, roles["LABELER"])
    assert client.delete_project_memberships(project.uid, [user.uid]) == {"success": True, "errorMessage": None}
    assert client.delete_project_memberships(project.uid, [user.uid])["success"] is False
    user.update_org_role(roles["REVIEWER"])
    assert user.org_role().name == "Reviewer"
    assert user.uid in {each.user().uid for each in project.members()}
    client.get_organization().remove_user(user)
    assert user.uid not in {each.uid for each in client.get_organization().users()}


def test_rows_move_through_the_workflow(client: Client, project: Project, keys: list[str]) -> None:
    labeling, review, rework = project.task_queues()
    assert [queue.queue_type for queue in (labeling, review, rework)] == [
        "MANUAL_LABELING_QUEUE", "MANUAL_REVIEW_QUEUE", "MANUAL_REWORK_QUEUE",
    ]  # fmt: skip
    project.create_batch("moving", global_keys=keys)
    assert [queue.data_row_count for queue in project.task_queues()] == [5, 0, 0]
    ids = client.get_data_row_ids_for_global_keys(keys)["results"]
    project.move_data_rows_to_task_queue(GlobalKeys(keys[:3]), review.uid)
    project.move_data_rows_to_task_queue(UniqueIds(ids[:1]), rework.uid)
    project.move_data_rows_to_task_queue(GlobalKeys(keys[3:4]))
    assert [queue.data_row_count for queue in project.task_queues()] == [1, 2, 1]
    shown = project.get_overview()
    assert (shown.to_label, shown.in_review, shown.in_rework, shown.done) == (1, 2, 1, 1)
    assert (shown.total_data_rows, shown.labeled, shown.skipped, shown.issues) == (5, 0, 0, 0)
    details = project.get_overview(details=True)
    assert details.in_review == {"data": [{"Initial review task": 2}], "total": 2}
    assert client.get_project(project.uid).data_row_count == 5
    with pytest.raises(LabelboxError, match="not moved successfully"):
        project.move_data_rows_to_task_queue(GlobalKeys(["unknown"]), review.uid)


def test_the_overview_of_batches(project: Project, dataset: Any) -> None:
    first = project.create_batch("first", global_keys=make_rows(dataset, 2))
    second_keys = make_rows(dataset, 3)
    second = project.create_batch("second", global_keys=second_keys)
    review = project.task_queues()[1]
    project.move_data_rows_to_task_queue(GlobalKeys(second_keys[:1]), review.uid)
    shown = project.get_overview(batch_ids=[second.uid])
    assert (shown.to_label, shown.in_review, shown.total_data_rows, shown.issues) == (2, 1, 3, None)
    shown = project.get_overview(details=True, batch_ids=[first.uid])
    assert shown.in_review == {"data": [{"Initial review task": 0}], "total": 0}
    assert project.get_overview(batch_ids=["unknown"]).total_data_rows == 0


def test_priorities_are_set_one_by_one_and_in_bulk(client: Client, project: Project, keys: list[str]) -> None:
    ids = client.get_data_row_ids_for_global_keys(keys)["results"]
    project.create_batch("prior", global_keys=keys)
    assert list(project.labeling_parameter_overrides()) == []
    assert project.set_labeling_parameter_overrides([(GlobalKey(keys[0]), 7), (UniqueId(ids[1]), -2)]) is True
    found = [(each.priority, each.data_row().uid) for each in project.labeling_parameter_overrides()]
    assert found == [(-2, ids[1]), (7, ids[0])]
    before = {each.data_row().uid: each.uid for each in project.labeling_parameter_overrides()}
    assert project.update_data_row_labeling_priority(GlobalKeys(keys[:3]), 1) is True
    after = {each.data_row().uid: each for each in project.labeling_parameter_overrides()}
    assert {uid: each.priority for uid, each in after.items()} == dict.fromkeys(ids[:3], 1)
    assert after[ids[0]].uid == before[ids[0]]
    assert after[ids[0]].number_of_labels == 1
    with pytest.raises(LabelboxError):
        project.update_data_row_labeling_priority(GlobalKeys(["unknown"]), 1)


def test_labels_are_counted(project: Project, keys: list[str]) -> None:
    project.create_batch("labeled", global_keys=keys)
    add_label(project, *keys[:2])
    assert project.get_label_count() == 2
    assert project.get_overview().labeled == 2


def test_a_deleted_project_leaves_its_rows_in_the_catalog(client: Client, keys: list[str]) -> None:
    made = client.create_project(name="short", media_type=MediaType.Image)
    made.create_batch("short", global_keys=keys)
    made.delete()
    assert all(client.get_data_row_ids_for_global_keys(keys)["results"])
    other = client.create_project(name="next", media_type=MediaType.Image)
    assert other.create_batch("short", global_keys=keys).size == 5
    other.delete()
