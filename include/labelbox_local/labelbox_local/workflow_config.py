"""The workflow of a project as a config of nodes and edges: read and replaced (SDK schema/workflow)."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import MalformedRequestError, NotFoundError
from labelbox_local.graph import mutation, query
from labelbox_local.identifiers import now
from labelbox_local.projects import find_project
from labelbox_local.store import as_list
from labelbox_local.workflow import move_rows
from labelbox_local.workflow_graph import INITIAL_LABELING, INITIAL_REWORK, WorkflowGraph, default_config

if TYPE_CHECKING:
    from labelbox_local.platform import Platform


@query("projectWorkflow")
def get_project_workflow(_: Any, info: Any, projectId: str) -> dict[str, Any] | None:  # noqa: N803
    """Null for a project that is not there (SDK schema/workflow/workflow.py)."""
    platform: Platform = info.context
    try:
        project = find_project(platform, projectId)
    except NotFoundError:
        return None
    return _present(platform.store.reader, project)


@mutation("updateProjectWorkflow")
def update_project_workflow(_: Any, info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Replace the workflow; its nodes become the task queues of the project.

    Raises:
        MalformedRequestError: the config is not valid, has other initial nodes, or leaves rows without a queue.
    """
    platform: Platform = info.context
    project, moment = find_project(platform, input["projectId"]), now()
    graph = WorkflowGraph(input["config"])
    with platform.store.writing() as write:
        _check_initial(graph, graph_of(write, project["id"]))
        _replace_queues(write, project["id"], graph)
        write.execute(
            "INSERT INTO project_workflow VALUES (?, ?, ?)"
            " ON CONFLICT (project) DO UPDATE SET config = excluded.config, updated_at = excluded.updated_at",
            (project["id"], orjson.dumps(input["config"]).decode(), moment),
        )
        return _present(write, project)


def _check_initial(graph: WorkflowGraph, before: WorkflowGraph) -> None:
    """Labelbox says that a project breaks when the ids of its initial nodes change. Raises: MalformedRequestError."""
    for kind in (INITIAL_LABELING, INITIAL_REWORK):
        if graph.initial(kind) != before.initial(kind):
            raise MalformedRequestError(
                f"The workflow is not valid: its {kind} must stay {before.initial(kind)}, not {graph.initial(kind)}"
            )


def _replace_queues(write: sqlite3.Connection, project: str, graph: WorkflowGraph) -> None:
    """Make the task queues those of the workflow; each has the id of its node. Raises: MalformedRequestError."""
    queues = graph.queues()
    ids = as_list(queue[0] for queue in queues)
    left = write.execute(
        "SELECT name, count(*) AS rows FROM task_queue JOIN project_row ON queue = id"
        " WHERE task_queue.project = ? AND id NOT IN (SELECT value FROM json_each(?)) GROUP BY id",
        (project, ids),
    ).fetchone()
    if left is not None:
        raise MalformedRequestError(
            f"The task queue '{left['name']}' has {left['rows']} data rows: move them before its node is removed"
        )
    taken = write.execute(
        "SELECT id FROM task_queue WHERE project <> ? AND id IN (SELECT value FROM json_each(?))", (project, ids)
    ).fetchone()
    if taken is not None:
        raise MalformedRequestError(f"Node {taken['id']} is of the workflow of another project")
    write.execute("DELETE FROM task_queue WHERE project = ?", (project,))
    write.executemany(
        "INSERT INTO task_queue (id, project, position, type, name, description) VALUES (?, ?, ?, ?, ?, ?)",
        [(queue, project, position, *rest) for position, (queue, *rest) in enumerate(queues)],
    )


def graph_of(read: sqlite3.Connection, project: str) -> WorkflowGraph:
    """The workflow of a project: the one it was given, else the one it was born with."""
    return WorkflowGraph(_stored(read, project)["config"])


def move_on(
    platform: Platform,
    write: sqlite3.Connection,
    project: str,
    rows: list[dict[str, Any]],
    action: str,
    user: str,
    *,
    rejected: bool = False,
) -> None:
    """Move rows to where the workflow leads from the queue each is in.

    :param rows: their `seq` and `queue`
    :param action: what the history says, see :func:`labelbox_local.workflow.move_rows`
    """
    graph = graph_of(write, project)
    groups: dict[str | None, list[int]] = {}
    for row in rows:
        groups.setdefault(graph.next_queue(row["queue"], rejected=rejected), []).append(row["seq"])
    for queue, numbers in groups.items():
        move_rows(platform, write, project, numbers, queue, action, user)


def _stored(read: sqlite3.Connection, project: str) -> dict[str, Any]:
    """The config of a project, and when it was changed; null for the one it was born with."""
    found = read.execute("SELECT config, updated_at FROM project_workflow WHERE project = ?", (project,)).fetchone()
    if found is not None:
        return {"config": orjson.loads(found["config"]), "updated_at": found["updated_at"]}
    queues = read.execute("SELECT * FROM task_queue WHERE project = ? ORDER BY position", (project,)).fetchall()
    return {"config": default_config(project, queues), "updated_at": None}


def _present(read: sqlite3.Connection, project: dict[str, Any]) -> dict[str, Any]:
    """In the shape of the GraphQL type."""
    stored = _stored(read, project["id"])
    return {
        "projectId": project["id"],
        "config": stored["config"],
        "createdAt": project["createdAt"],
        "updatedAt": stored["updated_at"] or project["createdAt"],
    }
