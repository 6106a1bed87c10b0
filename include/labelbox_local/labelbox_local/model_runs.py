"""Model runs: their data rows, splits, configuration and status."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import ConflictError, MalformedRequestError, NotFoundError
from labelbox_local.graph import Fields, mutation, query
from labelbox_local.identifiers import new_id, new_ids, now
from labelbox_local.limits import check_room
from labelbox_local.models import find_model
from labelbox_local.ontologies import place
from labelbox_local.store import as_list
from labelbox_local.workers import TaskFailedError, runs

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

ROWS_TASK = "mea-data-row-registration"
LABELS_TASK = "mea-label-registration"
SPLIT_TASK = "mea-data-split-assignment"
model_fields = Fields("Model")
group_fields = Fields("AnnotationGroup")
_SELECT = """SELECT id, name, model AS modelId, config AS trainingMetadata, status, status_metadata AS metadata,
    status_error AS errorMessage, created_by AS createdBy, created_at AS createdAt, updated_at AS updatedAt
    FROM model_run"""
_INSERT_ROWS = """INSERT INTO model_run_row (id, model_run, data_row, label, created_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (model_run, data_row) DO UPDATE SET label = coalesce(excluded.label, label)"""


def find_model_run(platform: Platform, run_id: str) -> dict[str, Any]:
    """The model run, in the shape of the GraphQL type. Raises: NotFoundError."""
    found = platform.store.row(f"{_SELECT} WHERE id = ?", run_id)
    if found is None:
        raise NotFoundError(f"Model run {run_id} not found")
    return _present(found)


def _present(row: dict[str, Any]) -> dict[str, Any]:
    read = {name: orjson.loads(row[name] or "null") for name in ("trainingMetadata", "metadata")}
    return {**row, **read, "modelAppId": None}


@query("modelRun")
@query("trainingPipeline")
def get_model_run(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return find_model_run(info.context, where["id"])


@model_fields("modelRuns")
def runs_of_model(model: dict[str, Any], info: Any, skip: int = 0, first: int = 100, **__: Any) -> list[dict[str, Any]]:
    platform: Platform = info.context
    rows = platform.store.rows(
        f"{_SELECT} WHERE model = ? ORDER BY model_run.seq DESC LIMIT ? OFFSET ?", model["id"], first, skip
    )
    return [_present(row) for row in rows]


@mutation("createModelRun")
def create_model_run(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    model = find_model(platform, data["modelId"])
    config = data.get("trainingMetadata")
    if isinstance(config, dict) and platform.switches.model_run_config_keys == "camel":
        config = {_camel(name): value for name, value in config.items()}
    run_id, moment = new_id(), now()
    with platform.store.writing() as write:
        if write.execute(
            "SELECT 1 FROM model_run WHERE model = ? AND name = ?", (model["id"], data["name"])
        ).fetchone():
            raise ConflictError(f"The model has a model run named '{data['name']}'")
        check_room(write, platform.switches, "model_runs")
        write.execute(
            "INSERT INTO model_run (id, model, name, config, created_by, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (run_id, model["id"], data["name"], _json(config), platform.store.user, moment, moment),
        )
    return find_model_run(platform, run_id)


def _camel(name: str) -> str:
    return re.sub(r"_+(\w)", lambda match: match[1].upper(), name)


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


@mutation("deleteModelRuns")
def delete_model_runs(_: Any, info: Any, where: dict[str, Any]) -> bool:
    platform: Platform = info.context
    for run_id in where["ids"]:
        find_model_run(platform, run_id)
    with platform.store.writing() as write:
        delete_runs(write, where["ids"])
    return True


def delete_runs(write: sqlite3.Connection, run_ids: list[str]) -> None:
    """Delete model runs with their rows and predictions."""
    from labelbox_local.predictions import delete_of_runs  # predictions know their model run

    chosen = (as_list(run_ids),)
    delete_of_runs(write, run_ids)
    write.execute("DELETE FROM model_run_row WHERE model_run IN (SELECT value FROM json_each(?))", chosen)
    write.execute("DELETE FROM model_run WHERE id IN (SELECT value FROM json_each(?))", chosen)


@mutation("updateModelRunConfig")
def update_config(_: Any, info: Any, modelRun: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
    return _set_config(info.context, modelRun["id"], data["config"])


@mutation("resetModelRunConfig")
def reset_config(_: Any, info: Any, modelRun: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
    return _set_config(info.context, modelRun["id"], None)


def _set_config(platform: Platform, run_id: str, config: Any) -> dict[str, Any]:
    find_model_run(platform, run_id)
    with platform.store.writing() as write:
        write.execute("UPDATE model_run SET config = ?, updated_at = ? WHERE id = ?", (_json(config), now(), run_id))
    return find_model_run(platform, run_id)


@mutation("updateTrainingPipeline")
def update_status(_: Any, info: Any, modelRun: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
    """Metadata is added to what there is; an error message stays until another comes."""
    platform: Platform = info.context
    found = find_model_run(platform, modelRun["id"])
    metadata = {**(found["metadata"] or {}), **(data.get("metadata") or {})} or None
    error = data.get("errorMessage") or found["errorMessage"]
    with platform.store.writing() as write:
        write.execute(
            "UPDATE model_run SET status = ?, status_metadata = ?, status_error = ?, updated_at = ? WHERE id = ?",
            (data["status"], _json(metadata), error, now(), found["id"]),
        )
    return find_model_run(platform, found["id"])


def _start(info: Any, kind: str, name: str, payload: dict[str, Any], field: str) -> str:
    from labelbox_local.tasks import start_task  # tasks know nothing of model runs

    return start_task(info.context, kind, name, payload, 0, field)


@mutation("createMEAModelRunDataRowRegistrationTask")
def register_data_rows(_: Any, info: Any, where: dict[str, Any], data: dict[str, Any]) -> str:
    """Start adding data rows to a model run; the id of the task."""
    run = find_model_run(info.context, where["id"])
    payload = {"run": run["id"], "rows": data}
    return _start(
        info, ROWS_TASK, f"Add data rows to {run['name']}", payload, "createMEAModelRunDataRowRegistrationTask"
    )


@runs(ROWS_TASK, lane="projects")
def run_registering(platform: Platform, task: dict[str, Any]) -> None:
    payload = orjson.loads(task["payload"])
    found = _rows_named(platform, payload["rows"])
    if not found:
        raise TaskFailedError("None of the data rows exists")
    _add_rows(platform, payload["run"], dict.fromkeys(found))


def _rows_named(platform: Platform, rows: dict[str, Any]) -> list[int]:
    """The `seq` of data rows named by id or by global key."""
    found = platform.store.rows(
        "SELECT seq FROM data_row WHERE id IN (SELECT value FROM json_each(?))"
        " OR global_key IN (SELECT value FROM json_each(?)) ORDER BY seq",
        as_list(rows.get("dataRowIds") or []),
        as_list(rows.get("globalKeys") or []),
    )
    return [row["seq"] for row in found]


def _add_rows(platform: Platform, run_id: str, labels: dict[int, str | None]) -> None:
    """Add rows by their `seq`, with the id of the label each brings.

    Raises:
        TaskFailedError: the model run is gone, or would have too many rows.
    """
    moment = now()
    ids = new_ids(len(labels))
    with platform.store.writing() as write:
        if not write.execute("SELECT 1 FROM model_run WHERE id = ?", (run_id,)).fetchone():
            raise TaskFailedError(f"Model run {run_id} was deleted")
        write.executemany(
            _INSERT_ROWS,
            [(each, run_id, row, label, moment) for each, (row, label) in zip(ids, labels.items(), strict=True)],
        )
        count = write.execute("SELECT count(*) AS rows FROM model_run_row WHERE model_run = ?", (run_id,)).fetchone()
        if count["rows"] > platform.switches.model_run_rows:
            most = platform.switches.model_run_rows
            raise TaskFailedError(f"{count['rows']} data rows in a model run; at most {most} are allowed")


@mutation("createMEAModelRunLabelRegistrationTask")
def register_labels(_: Any, info: Any, where: dict[str, Any], data: dict[str, Any]) -> str:
    """Start adding the data rows of labels to a model run, with the labels."""
    run = find_model_run(info.context, where["id"])
    payload = {"run": run["id"], "labels": data["labelIds"]}
    return _start(info, LABELS_TASK, f"Add labels to {run['name']}", payload, "createMEAModelRunLabelRegistrationTask")


@mutation("createMEAModelRunProjectLabelRegistrationTask")
def register_labels_of_project(_: Any, info: Any, where: dict[str, Any]) -> str:
    from labelbox_local.projects import find_project

    run = find_model_run(info.context, where["modelRunId"])
    payload = {"run": run["id"], "project": find_project(info.context, where["projectId"])["id"]}
    field = "createMEAModelRunProjectLabelRegistrationTask"
    return _start(info, LABELS_TASK, f"Add labels to {run['name']}", payload, field)


@runs(LABELS_TASK, lane="projects")
def run_registering_labels(platform: Platform, task: dict[str, Any]) -> None:
    """A row that has several labels in the project comes with its oldest."""
    payload = orjson.loads(task["payload"])
    if "project" in payload:
        where, value = "project = ?", payload["project"]
    else:
        where, value = "id IN (SELECT value FROM json_each(?))", as_list(payload["labels"])
    found = platform.store.rows(
        f"SELECT id, data_row FROM label WHERE {where} AND coalesce(deleted, 0) = 0 ORDER BY created_at DESC",  # noqa: S608
        value,
    )
    if not found:
        raise TaskFailedError("None of the labels exists")
    _add_rows(platform, payload["run"], {row["data_row"]: row["id"] for row in found})


@mutation("createAssignDataRowsToDataSplitTask")
def assign_split(_: Any, info: Any, modelRun: dict[str, Any], data: dict[str, Any]) -> str:  # noqa: N803
    run = find_model_run(info.context, modelRun["id"])
    payload = {"run": run["id"], "assignments": data["assignments"]}
    return _start(info, SPLIT_TASK, f"Assign splits in {run['name']}", payload, "createAssignDataRowsToDataSplitTask")


@runs(SPLIT_TASK, lane="projects")
def run_assigning(platform: Platform, task: dict[str, Any]) -> None:
    payload = orjson.loads(task["payload"])
    chosen = [(each["split"], _rows_named(platform, each)) for each in payload["assignments"]]
    with platform.store.writing() as write:
        for split, rows in chosen:
            changed = write.execute(
                "UPDATE model_run_row SET split = ?"
                " WHERE model_run = ? AND data_row IN (SELECT value FROM json_each(?))",
                (split, payload["run"], as_list(rows)),
            )
            if not changed.rowcount:
                raise TaskFailedError("None of the data rows is in the model run")


@query("MEADataRowRegistrationTaskStatus")
@query("MEALabelRegistrationTaskStatus")
@query("assignDataRowsToDataSplitTaskStatus")
def registration_status(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    found = platform.store.row("SELECT status, result FROM task WHERE id = ?", where["id"])
    if found is None:
        raise NotFoundError(f"Task {where['id']} not found")
    return {"status": found["status"], "errorMessage": orjson.loads(found["result"] or "{}").get("error")}


@query("annotationGroups")
def annotation_groups(
    _: Any, info: Any, where: dict[str, Any], after: str | None = None, first: int = 100
) -> dict[str, Any]:
    """The rows of a model run, oldest first; the cursor is null after the last page."""
    platform: Platform = info.context
    run = find_model_run(platform, where["modelRunId"]["id"])
    rows = platform.store.rows(
        "SELECT model_run_row.seq, model_run_row.id, model_run AS modelRunId, label AS labelId, split AS dataSplit,"
        " data_row.id AS dataRowId FROM model_run_row JOIN data_row ON data_row.seq = data_row"
        " WHERE model_run = ? AND model_run_row.seq > ? ORDER BY model_run_row.seq LIMIT ?",
        run["id"], place(after), first + 1,
    )  # fmt: skip
    page = rows[:first]
    return {"nodes": page, "pageInfo": {"endCursor": str(page[-1]["seq"]) if len(rows) > first else None}}


@group_fields("dataRow")
def data_row_of_group(group: dict[str, Any], info: Any) -> dict[str, Any]:
    from labelbox_local.data_rows import find_data_row

    return find_data_row(info.context, group["dataRowId"])


@mutation("deleteModelRunDataRows")
def delete_model_run_data_rows(_: Any, info: Any, where: dict[str, Any]) -> bool:
    from labelbox_local.predictions import delete_of_rows_in_run

    platform: Platform = info.context
    run = find_model_run(platform, where["modelRunId"])
    numbers = _rows_named(platform, where)
    if not numbers:
        raise MalformedRequestError("None of the data rows exists")
    with platform.store.writing() as write:
        delete_of_rows_in_run(write, run["id"], numbers)
        write.execute(
            "DELETE FROM model_run_row WHERE model_run = ? AND data_row IN (SELECT value FROM json_each(?))",
            (run["id"], as_list(numbers)),
        )
    return True
