"""Workflows read and changed with the unmodified SDK: nodes are task queues, and rows go along the edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import labelbox as lb
import pytest
from labelbox.schema.workflow import (
    LabelingConfig,
    NodeOutput,
    NodeType,
    ProjectWorkflow,
    ProjectWorkflowFilter,
    WorkflowDefinitionId,
    labeling_time,
    sample,
)
from lbox.exceptions import MalformedQueryException

from .labeling import Labeling, make_image_labeling

pytestmark = pytest.mark.filterwarnings("ignore:Workflow Management is currently in alpha")
UPDATE = """mutation UpdateProjectWorkflowPyApi($input: UpdateProjectWorkflowInput!) {
    updateProjectWorkflow(input: $input) {projectId}}"""
Config = dict[str, Any]


@pytest.fixture
def labeling(client: Any) -> Labeling:
    return make_image_labeling(client, rows=2)


def kinds(workflow: ProjectWorkflow) -> list[str]:
    return [node.definition_id.value for node in workflow.get_nodes()]


def node_of(workflow: ProjectWorkflow, name: str) -> Any:
    return next(node for node in workflow.get_nodes() if node.name == name)


def queues(project: Any) -> list[tuple[str, str]]:
    return [(queue.name, queue.queue_type) for queue in project.task_queues()]


def two_reviews(workflow: ProjectWorkflow) -> None:
    """Label, review, review again; what the second rejects goes to a rework of its own, and from there to the end."""
    first = workflow.reset_to_initial_nodes(labeling_config=LabelingConfig(instructions="Draw every car"))
    review = workflow.add_node(type=NodeType.Review, name="First look")
    often = workflow.add_node(type=NodeType.Logic, name="Some", filters=ProjectWorkflowFilter([sample(25)]))
    again = workflow.add_node(type=NodeType.Review, name="Second look")
    rework = workflow.add_node(type=NodeType.Rework, name="Back")
    custom = workflow.add_node(type=NodeType.CustomRework, name="Experts", instructions="With care")
    ends = [workflow.add_node(type=NodeType.Done, name=f"Done {number}") for number in range(3)]
    workflow.add_edge(first.labeling, review)
    workflow.add_edge(first.rework, review)
    workflow.add_edge(review, often, NodeOutput.Approved)
    workflow.add_edge(review, rework, NodeOutput.Rejected)
    workflow.add_edge(often, again, NodeOutput.If)
    workflow.add_edge(often, ends[0], NodeOutput.Else)
    workflow.add_edge(again, ends[1], NodeOutput.Approved)
    workflow.add_edge(again, custom, NodeOutput.Rejected)
    workflow.add_edge(custom, ends[2])
    workflow.update_config()


def test_a_project_is_born_with_a_workflow_of_its_task_queues(labeling: Labeling) -> None:
    workflow = labeling.project.get_workflow()
    assert workflow.check_validity() == {"errors": []}
    assert sorted(kinds(workflow)) == [
        "done", "initial_labeling_task", "initial_rework_task", "review_task", "send_to_rework",
    ]  # fmt: skip
    names = {queue.uid: queue.name for queue in labeling.project.task_queues()}
    assert {node.id: node.name for node in workflow.get_nodes() if node.id in names} == names
    assert len(names) == 3
    edges = {(edge.get_source_node().name, edge.sourceHandle, edge.get_target_node().name)
             for edge in workflow.get_edges()}  # fmt: skip
    assert edges == {
        ("Initial labeling task", "if", "Initial review task"), ("Rework (all rejected)", "if", "Initial review task"),
        ("Initial review task", "if", "Done"), ("Initial review task", "else", "Rework"),
    }  # fmt: skip
    again = labeling.project.get_workflow()
    assert again.config == labeling.project.get_workflow().config
    assert again.updated_at == again.created_at


def test_an_update_is_kept_and_its_nodes_are_the_task_queues(labeling: Labeling) -> None:
    workflow = labeling.project.get_workflow()
    born = {node.id for node in workflow.get_nodes()}
    two_reviews(workflow)
    changed = labeling.project.get_workflow()
    assert len(changed.get_nodes()) == 10
    assert len(changed.get_edges()) == 9
    assert changed.updated_at > changed.created_at
    assert node_of(changed, "Initial labeling task").instructions == "Draw every car"
    assert [each["field"] for each in node_of(changed, "Some").get_parsed_filters()] == ["Sample"]
    assert queues(labeling.project) == [
        ("Initial labeling task", "MANUAL_LABELING_QUEUE"), ("First look", "MANUAL_REVIEW_QUEUE"),
        ("Second look", "MANUAL_REVIEW_QUEUE"), ("Rework (all rejected)", "MANUAL_REWORK_QUEUE"),
        ("Experts", "MANUAL_REWORK_QUEUE"),
    ]  # fmt: skip
    described = {queue.name: queue.description for queue in labeling.project.task_queues()}
    assert (described["Initial labeling task"], described["Experts"]) == ("Draw every car", "With care")
    assert {queue.uid for queue in labeling.project.task_queues()} & born == {
        node.id for node in changed.get_nodes() if node.definition_id.value.startswith("initial")
    }


def test_rows_go_along_the_edges(labeling: Labeling, server: Any) -> None:
    two_reviews(labeling.project.get_workflow())
    key, other = labeling.keys[:2]

    def act(action: str, *rows: str) -> None:
        server.admin("POST", "labeler", action=action, project=labeling.project.uid, rows=list(rows))

    def place(row: str) -> tuple[str, str | None]:
        exported = labeling.export(filters={"global_keys": [row]}, params={"project_details": True})
        details = exported[0]["projects"][labeling.project.uid]["project_details"]
        return details["workflow_status"], details.get("task_name")

    assert place(key) == ("TO_LABEL", "Initial labeling task")
    act("label", key, other)
    assert place(key) == ("IN_REVIEW", "First look")
    act("approve", key)
    assert place(key) == ("IN_REVIEW", "Second look")
    act("reject", key, other)
    assert (place(key), place(other)) == (("IN_REWORK", "Experts"), ("IN_REWORK", "Rework (all rejected)"))
    act("label", key, other)
    assert (place(key), place(other)) == (("DONE", None), ("IN_REVIEW", "First look"))
    overview = labeling.project.get_overview(details=True)
    assert (overview.done, overview.in_review["total"], overview.in_rework["total"]) == (1, 1, 0)
    assert {"First look": 1} in overview.in_review["data"]


def test_without_a_review_a_labeled_row_is_done(labeling: Labeling, server: Any) -> None:
    workflow = labeling.project.get_workflow()
    first = workflow.reset_to_initial_nodes()
    done = workflow.add_node(type=NodeType.Done)
    workflow.add_edge(first.labeling, done)
    workflow.add_edge(first.rework, done)
    workflow.update_config()
    server.admin("POST", "labeler", action="label", project=labeling.project.uid, rows=labeling.keys[:1])
    assert [queue.data_row_count for queue in labeling.project.task_queues()] == [1, 0]
    assert labeling.project.get_overview().done == 1


def test_a_custom_rework_that_leads_nowhere_sends_back_to_the_review(labeling: Labeling, server: Any) -> None:
    workflow = labeling.project.get_workflow()
    review = node_of(workflow, "Initial review task")
    workflow.delete_nodes([node_of(workflow, "Rework")])
    custom = workflow.add_node(type=NodeType.CustomRework, name="Experts")
    workflow.add_edge(review, custom, NodeOutput.Rejected)
    workflow.update_config(reposition=False)
    for action, counts in (("label", [1, 1, 0, 0]), ("reject", [1, 0, 0, 1]), ("label", [1, 1, 0, 0])):
        server.admin("POST", "labeler", action=action, project=labeling.project.uid, rows=labeling.keys[:1])
        assert [queue.data_row_count for queue in labeling.project.task_queues()] == counts


def test_workflows_are_cloned_and_copied(client: Any, labeling: Labeling) -> None:
    source = labeling.project
    two_reviews(source.get_workflow())
    target, other = (client.create_project(f"{uuid4()}", media_type=lb.MediaType.Image) for _ in range(2))
    initial = {node.id for node in target.get_workflow().get_nodes() if node.definition_id.value.startswith("initial")}
    target.clone_workflow_from(source.uid)
    other.get_workflow().copy_from(source.get_workflow())
    for project in (target, other):
        copied = project.get_workflow()
        assert sorted(kinds(copied)) == sorted(kinds(source.get_workflow()))
        assert queues(project) == queues(source)
        assert not {node.id for node in copied.get_nodes()} & {node.id for node in source.get_workflow().get_nodes()}
    assert initial < {node.id for node in target.get_workflow().get_nodes()}
    target.delete()
    other.delete()


def test_the_sdk_refuses_what_is_not_valid_before_it_is_sent(labeling: Labeling) -> None:
    workflow = labeling.project.get_workflow()
    workflow.add_node(type=NodeType.Review, name="Alone")
    with pytest.raises(ValueError, match="has no incoming connections"):
        workflow.update_config()
    assert "Alone" not in [name for name, _ in queues(labeling.project)]


def _without(name: str) -> Callable[[Config], None]:
    def change(config: Config) -> None:
        [gone] = [node for node in config["nodes"] if node["label"] == name]
        config["nodes"].remove(gone)
        config["edges"] = [edge for edge in config["edges"] if gone["id"] not in {edge["source"], edge["target"]}]

    return change


def _set(index: int, **values: Any) -> Callable[[Config], None]:
    return lambda config: config["nodes"][index].update(values)


def _connect(source: int, target: int, handle: str = "if") -> Callable[[Config], None]:
    def change(config: Config) -> None:
        ids = [node["id"] for node in config["nodes"]]
        edge = {"id": "e", "source": ids[source], "target": ids[target], "sourceHandle": handle, "targetHandle": "in"}
        config["edges"].append(edge)

    return change


def _add(kind: str) -> Callable[[Config], None]:
    node = {"id": "n", "definitionId": kind, "label": "More", "position": {"x": 0, "y": 0}}
    return lambda config: config["nodes"].append(node)


# The nodes of a new project: 0 initial labeling, 1 initial rework, 2 review, 3 send to rework, 4 done.
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config.pop("edges"), "it has no list of edges"),
        (lambda config: config["nodes"][0].pop("id"), "each of its nodes needs id and definitionId"),
        (_without("Rework (all rejected)"), "exactly one initial_rework_task, but has 0"),
        (_add("initial_labeling_task"), "exactly one initial_labeling_task, but has 2"),
        (_add("logic"), "logic n has no incoming connections; logic n has no outgoing connections"),
        (_set(2, definitionId="magic"), "of an unknown kind 'magic'"),
        (_set(2, label="x" * 51), "at most 50 characters"),
        (_set(2, filters=[{"field": "Sample"}, {"field": "Sample"}]), "2 filters of the kind Sample"),
        (_set(4, id="elsewhere"), "which are not both nodes"),
        (_connect(2, 1, "else"), "initial_rework_task .* cannot have incoming connections"),
        (_connect(0, 4), "output 'if' of initial_labeling_task .* leads to 2 nodes"),
        (_connect(3, 4), "done .* has 2 incoming connections; one is allowed"),
        (_connect(2, 4, "maybe"), "has no output 'maybe'"),
    ],
)  # fmt: skip
def test_the_server_refuses_what_is_not_valid(
    client: Any, labeling: Labeling, change: Callable[[Config], None], message: str
) -> None:
    before = labeling.project.get_workflow().config
    config = labeling.project.get_workflow().config
    change(config)
    with pytest.raises(MalformedQueryException, match=message):
        client.execute(UPDATE, {"input": {"projectId": labeling.project.uid, "config": config, "routeDataRows": []}})
    assert labeling.project.get_workflow().config == before


def test_initial_nodes_keep_their_ids(client: Any, labeling: Labeling) -> None:
    workflow = labeling.project.get_workflow()
    workflow.config = {"nodes": [], "edges": []}
    first = workflow.reset_to_initial_nodes()
    done = workflow.add_node(type=NodeType.Done)
    workflow.add_edge(first.labeling, done)
    workflow.add_edge(first.rework, done)
    with pytest.raises(ValueError, match="its initial_labeling_task must stay"):
        workflow.update_config()
    assert len(queues(labeling.project)) == 3


def test_a_queue_with_rows_stays(labeling: Labeling, server: Any) -> None:
    server.admin("POST", "labeler", action="label", project=labeling.project.uid, rows=labeling.keys[:1])
    workflow = labeling.project.get_workflow()
    first = workflow.reset_to_initial_nodes()
    done = workflow.add_node(type=NodeType.Done)
    workflow.add_edge(first.labeling, done)
    workflow.add_edge(first.rework, done)
    with pytest.raises(ValueError, match="'Initial review task' has 1 data rows: move them"):
        workflow.update_config()
    server.admin("POST", "labeler", action="approve", project=labeling.project.uid, rows=labeling.keys[:1])
    workflow.update_config()
    assert len(queues(labeling.project)) == 2


def test_a_node_belongs_to_one_project(client: Any, labeling: Labeling) -> None:
    two_reviews(labeling.project.get_workflow())
    theirs = node_of(labeling.project.get_workflow(), "First look").id
    project = client.create_project(f"{uuid4()}", media_type=lb.MediaType.Image)
    config = project.get_workflow().config
    ours = next(node["id"] for node in config["nodes"] if node["label"] == "Initial review task")
    for entry in (*config["nodes"], *config["edges"]):
        entry |= {key: theirs for key, value in entry.items() if value == ours}
    with pytest.raises(MalformedQueryException, match="is of the workflow of another project"):
        client.execute(UPDATE, {"input": {"projectId": project.uid, "config": config, "routeDataRows": []}})
    project.delete()


def test_a_filter_is_changed_on_its_node(labeling: Labeling) -> None:
    two_reviews(labeling.project.get_workflow())
    workflow = labeling.project.get_workflow()
    node_of(workflow, "Some").add_filter(labeling_time.greater_than(500))
    workflow.update_config(reposition=False)
    logic = next(
        node for node in labeling.project.get_workflow().get_nodes()
        if node.definition_id is WorkflowDefinitionId.Logic
    )  # fmt: skip
    assert [each["field"] for each in logic.get_parsed_filters()] == ["Sample", "LabelingTime"]


def test_there_is_no_workflow_without_a_project(client: Any) -> None:
    with pytest.raises(ValueError, match="Workflow not found"):
        ProjectWorkflow.get_workflow(client, "c" * 25)


def test_a_workflow_outlives_a_restart(start: Callable[..., Any]) -> None:
    first = start()
    labeling = make_image_labeling(first.client(), rows=1)
    two_reviews(labeling.project.get_workflow())
    first.stop()
    kept = start().client().get_project(labeling.project.uid)
    assert [name for name, _ in queues(kept)][1:3] == ["First look", "Second look"]
    assert len(kept.get_workflow().get_nodes()) == 10
