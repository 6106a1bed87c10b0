"""Operations on the workflow of a project."""

from __future__ import annotations

import pytest
from labelbox import Client, Project
from tests.integration.labelbox_local.operations.conftest import Line


@pytest.mark.filterwarnings("ignore:Workflow Management is currently in alpha")
def test_workflows(client: Client, fresh: Client, line: Line, project: Project) -> None:
    workflow = project.get_workflow()
    [review] = [node for node in workflow.get_nodes() if node.name == "Initial review task"]
    review.name = "Review of all"
    assert workflow.update_config() is workflow
    kept = fresh.get_project(project.uid)
    assert (kept.get_workflow().config, kept.get_workflow().updated_at) == (workflow.config, workflow.updated_at)
    assert [node.id for node in kept.get_workflow().get_nodes() if node.name == "Review of all"] == [review.id]
    assert [queue.name for queue in kept.task_queues()] == [
        "Initial labeling task", "Review of all", "Rework (all rejected)",
    ]  # fmt: skip
    line.check("GetProjectWorkflowPyApi", "UpdateProjectWorkflowPyApi")
