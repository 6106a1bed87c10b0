"""Annotation imports as a client sees them: started RUNNING, looked up by (project, name), with their files."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from labelbox_local.errors import ConflictError, MalformedRequestError, NotFoundError
from labelbox_local.graph import Fields, mutation, query
from labelbox_local.identifiers import new_id, now
from labelbox_local.import_work import IMPORT_TASK
from labelbox_local.ontologies import normalized_of_project
from labelbox_local.organization import created_by
from labelbox_local.predictions import delete_predictions
from labelbox_local.projects import find_project
from labelbox_local.s3 import allowed, fetch
from labelbox_local.tasks import start_task

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_SELECT = """SELECT annotation_import.*, task.status, task.succeeded, task.failed, task.total, task.updated_at
    FROM annotation_import JOIN task ON task.id = annotation_import.task"""
_STATES = {"IN_PROGRESS": "RUNNING", "CANCELLING": "RUNNING", "COMPLETE": "FINISHED"}
_MOST_BYTES = 2**31
_LABEL, _MAL, _MEA, _MEA_TO_MAL = "label", "mal", "mea", "mea_to_mal"
_TYPES = ("LabelImport", "ModelAssistedLabelingPredictionImport", "MEAToMALPredictionImport")


def _start(
    platform: Platform, kind: str, parent: str, data: dict[str, Any], field: str, source: dict[str, Any]
) -> dict[str, Any]:
    """Write an import down and hand it to its lane; what its creation answers: RUNNING, and no files yet."""
    name = data["name"]
    if not name:
        raise MalformedRequestError("An import needs a name")
    import_id = new_id()
    payload = {"import": import_id, "kind": kind, "parent": parent, **source}
    named = "SELECT 1 FROM annotation_import WHERE kind = ? AND parent = ? AND name = ?"
    with platform.store.writing() as write:
        known = write.execute(named, (kind, parent, name)).fetchone()
        if known and platform.switches.import_name_reuse == "conflict":
            raise ConflictError(f"An import named '{name}' already exists")
        _receive(platform, import_id, data)
        write.execute(
            "INSERT INTO annotation_import (id, kind, parent, name, task, created_by, created_at)"
            " VALUES (?, ?, ?, ?, '', ?, ?)",
            (import_id, kind, parent, name, platform.store.user, now()),
        )
    task = start_task(platform, IMPORT_TASK, name, payload, 0, field)
    with platform.store.writing() as write:
        write.execute("UPDATE annotation_import SET task = ? WHERE id = ?", (task, import_id))
    made = {"id": import_id, "name": name, "parent": parent, "created_by": platform.store.user}
    return made | {
        "state": "RUNNING",
        "progress": "0%",
        "inputFileUrl": _file_url(platform, import_id, "inputs", None),
        "errorFileUrl": None,
        "statusFileUrl": None,
        "modelRunId": parent,
    }


def _file_url(platform: Platform, import_id: str, what: str, finished_at: int | None) -> str:
    """A link to one of the files, which ends some time after the import did."""
    start = (finished_at or now()) / 1_000_000
    return platform.file_url(f"imports/{import_id}/{what}", until=start + platform.switches.import_file_seconds)


def _present(platform: Platform, row: dict[str, Any]) -> dict[str, Any]:
    """A database row in the shape of the GraphQL types."""
    state = _STATES.get(row["status"], "FAILED")
    done = state == "FINISHED"
    share = 100 * (row["succeeded"] + row["failed"]) // row["total"] if row["total"] else 0
    ended = row["finished_at"] or row["updated_at"]
    return {
        **{key: row[key] for key in ("id", "name", "parent", "created_by")},
        "state": state,
        "progress": "100%" if done else f"{min(share, 99)}%",
        "inputFileUrl": _file_url(platform, row["id"], "inputs", ended if state != "RUNNING" else None),
        "errorFileUrl": _file_url(platform, row["id"], "errors", ended) if state != "RUNNING" else None,
        "statusFileUrl": _file_url(platform, row["id"], "statuses", ended) if state != "RUNNING" else None,
        "modelRunId": row["parent"],
    }


def _find(platform: Platform, kind: str, parent: str, name: str) -> dict[str, Any]:
    """The newest import of that name.

    Raises:
        NotFoundError: there is none.
    """
    found = platform.store.row(
        f"{_SELECT} WHERE kind = ? AND parent = ? AND annotation_import.name = ?"
        " ORDER BY annotation_import.seq DESC LIMIT 1",
        kind, parent, name,
    )  # fmt: skip
    if found is None:
        raise NotFoundError(f"There is no import named '{name}'")
    return _present(platform, found)


def _list(platform: Platform, kind: str, parent: str, skip: int, first: int) -> list[dict[str, Any]]:
    rows = platform.store.rows(
        f"{_SELECT} WHERE kind = ? AND parent = ? ORDER BY annotation_import.seq DESC LIMIT ? OFFSET ?",
        kind, parent, first, skip,
    )  # fmt: skip
    return [_present(platform, row) for row in rows]


def _start_in_project(info: Any, kind: str, data: dict[str, Any], field: str) -> dict[str, Any]:
    """Raises:
    NotFoundError: no such project.
    MalformedRequestError: it has no ontology, or there is no file.
    """
    platform: Platform = info.context
    project = find_project(platform, data["projectId"])
    if normalized_of_project(platform, project["id"]) is None:
        raise MalformedRequestError(
            f"Project {project['id']} has no ontology; connect one before importing annotations"
        )
    if not data.get("filePayload") and not data.get("fileUrl"):
        raise MalformedRequestError("An import needs a filePayload or a fileUrl")
    return _start(platform, kind, project["id"], data, field, {})


def _receive(platform: Platform, import_id: str, data: dict[str, Any]) -> None:
    """Keep the file of an import, sent along or at an address; one that copies predictions has none."""
    (platform.import_files / import_id).mkdir(exist_ok=True)
    path = platform.import_files / import_id / "inputs"
    if data.get("filePayload"):
        # The length the SDK gives is often wrong, so it is not looked at.
        file = data["filePayload"]["file"].file
        file.seek(0)
        with path.open("wb") as kept:
            shutil.copyfileobj(file, kept, 1024 * 1024)
    elif data.get("fileUrl"):
        path.write_bytes(_download(platform, data["fileUrl"]))
    else:
        path.touch()


def _download(platform: Platform, url: str) -> bytes:
    """Raises: MalformedRequestError: a host that is not allowed, or one that does not answer."""
    try:
        if not allowed(platform, url):
            raise MalformedRequestError(f"The server may not read from {url}; start it with --allow-host")
        return fetch(url, {}, most=_MOST_BYTES)[0]
    except (OSError, ValueError) as error:
        raise MalformedRequestError(f"The file at {url} can not be read: {error}") from None


@mutation("createLabelImport")
def create_label_import(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    return _start_in_project(info, _LABEL, data, "createLabelImport")


@mutation("createModelAssistedLabelingPredictionImport")
def create_mal_import(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    return _start_in_project(info, _MAL, data, "createModelAssistedLabelingPredictionImport")


@mutation("createModelErrorAnalysisPredictionImport")
def create_mea_import(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    """Predictions of a model run. The platform gave that up, so a switch must allow it.

    Raises:
        MalformedRequestError: not allowed.
    """
    platform: Platform = info.context
    if platform.switches.mea_prediction_imports == "refuse":
        raise MalformedRequestError("MEA prediction import has been deprecated")
    run = _find_run(platform, data["modelRunId"])
    field = "createModelErrorAnalysisPredictionImport"
    return _start(platform, _MEA, run, data, field, {})


@mutation("createMalPredictionImportForModelRunDataRows")
def create_mea_to_mal_import(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    """Show what a model run predicts of rows in a project."""
    platform: Platform = info.context
    project = find_project(platform, data["projectId"])
    source = {"model_run": _find_run(platform, data["modelRunId"]), "rows": data["dataRowIds"]}
    field = "createMalPredictionImportForModelRunDataRows"
    return _start(platform, _MEA_TO_MAL, project["id"], data, field, source)


def _find_run(platform: Platform, run: str) -> str:
    if platform.store.row("SELECT 1 FROM model_run WHERE id = ?", run) is None:
        raise NotFoundError(f"Model run {run} not found")
    return run


@mutation("deleteModelAssistedLabelingPredictionImport")
def delete_mal_import(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    """Delete a pre-label import and what it brought."""
    platform: Platform = info.context
    found = platform.store.row("SELECT * FROM annotation_import WHERE id = ? AND kind = 'mal'", where["id"])
    if found is None:
        raise NotFoundError(f"Import {where['id']} not found")
    with platform.store.writing() as write:
        delete_predictions(write, "import = ?", (found["id"],))
        write.execute("DELETE FROM annotation_import WHERE id = ?", (found["id"],))
    return {"id": found["id"]}


@query("labelImport")
def get_label_import(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return _find(info.context, _LABEL, where["projectId"], where["name"])


@query("labelImports")
def get_label_imports(
    _: Any, info: Any, where: dict[str, Any], skip: int = 0, first: int = 100
) -> list[dict[str, Any]]:
    return _list(info.context, _LABEL, where["projectId"], skip, first)


@query("modelAssistedLabelingPredictionImport")
def get_mal_import(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return _find(info.context, _MAL, where["projectId"], where["name"])


@query("modelAssistedLabelingPredictionImports")
def get_mal_imports(_: Any, info: Any, where: dict[str, Any], skip: int = 0, first: int = 100) -> list[dict[str, Any]]:
    return _list(info.context, _MAL, where["projectId"], skip, first)


@query("modelErrorAnalysisPredictionImport")
def get_mea_import(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return _find(info.context, _MEA, where["modelRunId"], where["name"])


@query("meaToMalPredictionImport")
def get_mea_to_mal_import(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return _find(info.context, _MEA_TO_MAL, where["projectId"], where["name"])


def _project_of_import(row: dict[str, Any], info: Any) -> dict[str, Any]:
    return find_project(info.context, row["parent"])


for _type in (*_TYPES, "ModelErrorAnalysisPredictionImport"):
    _fields = Fields(_type)
    _fields("createdBy")(created_by)
    if _type in _TYPES:
        _fields("project")(_project_of_import)
