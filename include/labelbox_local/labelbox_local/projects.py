"""Projects: created, changed, deleted, and what they say of themselves."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from labelbox_local.errors import MalformedRequestError, NotFoundError
from labelbox_local.filters import condition
from labelbox_local.graph import mutation, organization_fields, project_changes, project_fields, query, user_fields
from labelbox_local.identifiers import new_id, now
from labelbox_local.limits import check_room
from labelbox_local.store import as_list
from labelbox_local.workflow import add_queues

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_ROW_COUNT = "(SELECT count(*) FROM project_row WHERE project_row.project = project.id)"
_SELECT = f"""SELECT id, name, description, media_type AS allowedMediaType, editor_task_type AS editorTaskType,
    upload_type AS uploadType, auto_audit_labels AS autoAuditNumberOfLabels,
    auto_audit_percentage AS autoAuditPercentage, is_benchmark AS isBenchmarkEnabled,
    is_consensus AS isConsensusEnabled, ontology AS ontologyId, model_setup_complete AS modelSetupComplete,
    shows_predictions AS showingPredictionsToLabelers, instructions_url AS instructionsUrl,
    setup_complete_at AS setupComplete, last_activity_at AS lastActivityTime, created_by,
    created_at AS createdAt, updated_at AS updatedAt, {_ROW_COUNT} AS dataRowCount FROM project"""  # noqa: S608
_COLUMNS = {
    "id": "id",
    "name": "name",
    "description": "description",
    "allowedMediaType": "media_type",
    "autoAuditNumberOfLabels": "auto_audit_labels",
    "autoAuditPercentage": "auto_audit_percentage",
    "isBenchmarkEnabled": "is_benchmark",
    "isConsensusEnabled": "is_consensus",
    "dataRowCount": _ROW_COUNT,
    "setupComplete": "setup_complete_at",
    "lastActivityTime": "last_activity_at",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "deleted": "(deleted IS NOT NULL)",
}
_CHANGES = {
    "name": "name",
    "description": "description",
    "allowedMediaType": "media_type",
    "autoAuditNumberOfLabels": "auto_audit_labels",
    "autoAuditPercentage": "auto_audit_percentage",
    "isBenchmarkEnabled": "is_benchmark",
    "isConsensusEnabled": "is_consensus",
}
_FRONTEND = {
    "id": "ceditor000000000000000000",
    "name": "Editor",
    "description": "The editor of Labelbox",
    "iframeUrlPath": "https://editor.labelbox.com",
}
_LIVE_CHAT = "MODEL_CHAT_EVALUATION"


def find_project(platform: Platform, project_id: str) -> dict[str, Any]:
    """The project with that id, in the shape of the GraphQL type.

    Raises:
        NotFoundError: there is none, or it was deleted.
    """
    found = platform.store.row(f"{_SELECT} WHERE id = ? AND deleted IS NULL", project_id)
    if found is None:
        raise NotFoundError(f"Project {project_id} not found")
    return _present(found)


def list_projects(
    platform: Platform, where: str, parameters: list[Any], skip: int = 0, first: int = 100
) -> list[dict[str, Any]]:
    """Projects that meet an SQL condition, newest first."""
    rows = platform.store.rows(
        f"{_SELECT} WHERE deleted IS NULL AND {where} ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?",
        *parameters, first, skip,
    )  # fmt: skip
    return [_present(row) for row in rows]


def _present(row: dict[str, Any]) -> dict[str, Any]:
    switches = ("isBenchmarkEnabled", "isConsensusEnabled", "showingPredictionsToLabelers")
    complete = row["modelSetupComplete"]
    return {
        **row,
        **{name: bool(row[name]) for name in switches},
        "modelSetupComplete": None if complete is None else bool(complete),
    }


@query("project")
def get_project(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return find_project(info.context, where["id"])


@mutation("project")
def change_project(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return find_project(info.context, where["id"])


@query("projects")
def get_projects(
    _: Any, info: Any, where: dict[str, Any] | None = None, skip: int = 0, first: int = 100
) -> list[dict[str, Any]]:
    return list_projects(info.context, *condition(where, _COLUMNS), skip, first)


@organization_fields("projects")
@user_fields("projects")
def projects_of_organization(
    owner: dict[str, Any], info: Any, where: dict[str, Any] | None = None, skip: int = 0, first: int = 100
) -> list[dict[str, Any]]:
    """Every project; those a user is a member of, when the user has no role in the organization."""
    text, parameters = condition(where, _COLUMNS)
    if owner.get("role") == "None":
        text = f"{text} AND id IN (SELECT project FROM project_member WHERE user = ?)"  # noqa: S608 - conditions are ours
        parameters = [*parameters, owner["id"]]
    return list_projects(info.context, text, parameters, skip, first)


@mutation("createProject")
def create_project(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    from labelbox_local.generated_rows import generate_rows  # rows are sent to a project

    platform: Platform = info.context
    if not data["name"].strip():
        raise MalformedRequestError("A project needs a name")
    project_id, moment = new_id(), now()
    task_type = data.get("editorTaskType")
    labels, percentage = data.get("autoAuditNumberOfLabels", 1), data.get("autoAuditPercentage", 1.0)
    columns = {
        "id": project_id,
        "name": data["name"],
        "description": data.get("description") or "",
        "media_type": data["allowedMediaType"],
        "editor_task_type": task_type,
        "upload_type": "AUTO" if task_type == _LIVE_CHAT else "MANUAL",
        "model_setup_complete": 0 if task_type == _LIVE_CHAT else None,
        "auto_audit_labels": labels,
        "auto_audit_percentage": percentage,
        "is_benchmark": data.get("isBenchmarkEnabled", labels == 1),
        "is_consensus": data.get("isConsensusEnabled", labels > 1),
        "last_activity_at": moment,
        "created_by": platform.store.user,
        "created_at": moment,
        "updated_at": moment,
    }
    with platform.store.writing() as write:
        check_room(write, platform.switches, "projects")
        _insert(write, columns)
        if data.get("datasetNameOrId"):
            generate_rows(platform, write, project_id, data)
    return find_project(platform, project_id)


def _insert(write: sqlite3.Connection, columns: dict[str, Any]) -> None:
    places = ", ".join("?" * len(columns))
    write.execute(
        f"INSERT INTO project ({', '.join(columns)}) VALUES ({places})",  # noqa: S608 - names are ours
        tuple(columns.values()),
    )
    add_queues(write, columns["id"])


@mutation("updateProject")
def update_project(_: Any, info: Any, where: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    found = find_project(platform, where["id"])
    if data.get("deleted"):
        _delete(platform, found["id"])
        return found
    _check_quality_mode(found, data)
    changes = {column: data[name] for name, column in _CHANGES.items() if data.get(name) is not None}
    if "name" in changes and not changes["name"].strip():
        raise MalformedRequestError("A project needs a name")
    changes["updated_at"] = now()
    assignments = ", ".join(f"{column} = ?" for column in changes)
    with platform.store.writing() as write:
        write.execute(f"UPDATE project SET {assignments} WHERE id = ?", (*changes.values(), found["id"]))  # noqa: S608
    return find_project(platform, found["id"])


def _check_quality_mode(found: dict[str, Any], data: dict[str, Any]) -> None:
    """A project stays with benchmarks or with consensus. Raises: MalformedRequestError."""

    def is_benchmark(project: dict[str, Any]) -> bool:
        return bool(project["autoAuditNumberOfLabels"] == 1 and project["autoAuditPercentage"] == 1)

    changed = found | {name: value for name, value in data.items() if value is not None}
    if is_benchmark(found) != is_benchmark(changed):
        raise MalformedRequestError("The quality mode of a project cannot be changed")


def _delete(platform: Platform, project_id: str) -> None:
    """Delete the project with its batches and labels; its data rows stay in the catalog."""
    from labelbox_local.issues import delete_of_project as delete_issues  # labels and issues know their project
    from labelbox_local.labels import delete_of_project

    with platform.store.writing() as write:
        delete_of_project(write, project_id)
        delete_issues(write, project_id)
        for table in ("project_row", "workflow_move", "batch", "project_member", "project_tag", "project_workflow"):
            write.execute(f"DELETE FROM {table} WHERE project = ?", (project_id,))  # noqa: S608 - constants only
        write.execute("UPDATE webhook SET status = 'INACTIVE' WHERE project = ?", (project_id,))
        write.execute("UPDATE project SET deleted = ? WHERE id = ?", (now(), project_id))


@mutation("cloneProject")
def clone_project(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    """A project with the same settings and ontology, and without data rows."""
    platform: Platform = info.context
    find_project(platform, data["projectId"])
    columns = platform.store.rows("SELECT * FROM project WHERE id = ?", data["projectId"])[0]
    del columns["seq"]
    moment = now()
    names = {
        row["name"] for row in platform.store.rows("SELECT name FROM project WHERE instr(name, ?)", columns["name"])
    }
    number = next(number for number in range(1, len(names) + 2) if f"{columns['name']} ({number})" not in names)
    columns |= {"id": new_id(), "name": f"{columns['name']} ({number})", "created_by": platform.store.user}
    columns |= dict.fromkeys(("created_at", "updated_at", "last_activity_at"), moment)
    with platform.store.writing() as write:
        _insert(write, columns)
    return find_project(platform, columns["id"])


@project_fields("labelCount")
def label_count(project: dict[str, Any], info: Any) -> int:
    platform: Platform = info.context
    found = platform.store.row(
        "SELECT coalesce(sum(labels), 0) AS labels FROM project_row WHERE project = ?", project["id"]
    )
    return int(found["labels"]) if found else 0


@project_fields("labelingFrontend")
def labeling_frontend(project: dict[str, Any], info: Any) -> dict[str, Any]:  # noqa: ARG001 - a resolver's signature
    """Every project is born with the editor."""
    return _FRONTEND


@query("labelingFrontends")
def get_labeling_frontends(_: Any, info: Any, **__: Any) -> list[dict[str, Any]]:  # noqa: ARG001
    return [_FRONTEND]


@project_changes("showPredictionsToLabelers")
def show_predictions_to_labelers(project: dict[str, Any], info: Any, show: bool) -> dict[str, Any]:
    platform: Platform = info.context
    with platform.store.writing() as write:
        write.execute(
            "UPDATE project SET shows_predictions = ?, updated_at = ? WHERE id = ?", (show, now(), project["id"])
        )
    return find_project(platform, project["id"])


@mutation("setProjectInstructions")
def set_project_instructions(_: Any, info: Any, where: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    found = find_project(platform, where["id"])
    with platform.store.writing() as write:
        write.execute("UPDATE project SET instructions_url = ? WHERE id = ?", (data["instructionsUrl"], found["id"]))
    return find_project(platform, found["id"])


@mutation("setProjectModelSetupComplete")
def set_project_model_setup_complete(_: Any, info: Any, where: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    found = find_project(platform, where["id"])
    if found["editorTaskType"] != _LIVE_CHAT:
        raise MalformedRequestError("Only live chat evaluation projects have a model setup")
    with platform.store.writing() as write:
        write.execute(
            "UPDATE project SET model_setup_complete = ? WHERE id = ?", (data["modelSetupComplete"], found["id"])
        )
    return find_project(platform, found["id"])


@mutation("extendReservations")
def extend_reservations(_: Any, info: Any, projectId: str, queueType: str) -> int:  # noqa: ARG001, N803
    """Nobody holds a reservation here, so none is extended."""
    find_project(info.context, projectId)
    return 0


def remove_rows_from_projects(write: sqlite3.Connection, data_rows: list[int]) -> None:
    """Forget data rows that are deleted, wherever they were sent."""
    for table in ("project_row", "workflow_move", "model_run_row"):
        write.execute(
            f"DELETE FROM {table} WHERE data_row IN (SELECT value FROM json_each(?))",  # noqa: S608 - constants only
            (as_list(data_rows),),
        )
