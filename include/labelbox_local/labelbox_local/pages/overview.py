"""The first page: datasets, projects with their batches, and what was done last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelbox_local.errors import NotFoundError

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_MOST = 200  # datasets and projects that are listed, the newest
_LAST = 20  # tasks and imports
_DATASETS = """SELECT id, name, created_at, (SELECT count(*) FROM data_row WHERE dataset = dataset.id) AS rows
    FROM dataset ORDER BY created_at DESC LIMIT ?"""
_PROJECTS = "SELECT id, name, media_type, created_at FROM project WHERE deleted IS NULL ORDER BY seq DESC LIMIT ?"
_PROGRESS = """SELECT coalesce(task_queue.name, 'Done') AS name, coalesce(task_queue.position, 1000) AS position,
    count(*) AS rows FROM project_row LEFT JOIN task_queue ON task_queue.id = queue
    WHERE project_row.project = ? GROUP BY queue ORDER BY position"""
_BATCHES = """SELECT id, name, created_at, (SELECT count(*) FROM project_row WHERE batch = batch.id) AS rows
    FROM batch WHERE project = ? ORDER BY seq DESC"""
_TASKS = "SELECT name, type, status, succeeded, failed, total, created_at FROM task ORDER BY seq DESC LIMIT ?"
_IMPORTS = """SELECT annotation_import.name, kind, coalesce(project.name, model_run.name) AS place, task.status,
    task.succeeded, task.failed, message, annotation_import.created_at FROM annotation_import
    LEFT JOIN task ON task.id = annotation_import.task LEFT JOIN project ON project.id = parent
    LEFT JOIN model_run ON model_run.id = parent ORDER BY annotation_import.seq DESC LIMIT ?"""
KINDS = {"label": "labels", "mal": "pre-labels", "mea": "predictions", "mea_to_mal": "predictions as pre-labels"}


def read(platform: Platform) -> dict[str, Any]:
    """What the template needs."""
    store = platform.store
    projects = store.rows(_PROJECTS, _MOST)
    for project in projects:
        project["progress"] = progress_of(platform, project["id"])
        project["batches"] = store.rows(_BATCHES, project["id"])
    return {
        "datasets": store.rows(_DATASETS, _MOST),
        "projects": projects,
        "tasks": store.rows(_TASKS, _LAST),
        "imports": [each | {"kind": KINDS[each["kind"]]} for each in store.rows(_IMPORTS, _LAST)],
    }


def progress_of(platform: Platform, project: str) -> list[dict[str, Any]]:
    """How many rows of a project are in each queue of its workflow, in their order; the done ones last."""
    return platform.store.rows(_PROGRESS, project)


def name_of(platform: Platform, table: str, found_id: str) -> str:
    """The name of a dataset, project or batch. Raises: NotFoundError."""
    found = platform.store.row(f"SELECT name FROM {table} WHERE id = ?", found_id)  # noqa: S608 - not a user's
    if found is None:
        raise NotFoundError(f"There is no {table} {found_id}")
    return str(found["name"])
