"""Batches: data rows that are sent to a project together."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.datasets import find_dataset
from labelbox_local.errors import ConflictError, MalformedRequestError, NotFoundError
from labelbox_local.graph import mutation, project_changes, project_fields
from labelbox_local.identifiers import new_id, now
from labelbox_local.ontologies import place
from labelbox_local.search import conditions
from labelbox_local.store import as_list
from labelbox_local.workers import TaskFailedError, runs
from labelbox_local.workflow import LABELING, add_rows_to_queue, move_rows, queue_of_type

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

ADD_TASK = "add-data-rows-to-batch"
SEND_TASK = "send-to-annotate"
_SELECT = """SELECT seq, id, project, name, consensus, created_by, created_at AS createdAt, updated_at AS updatedAt,
    (SELECT count(*) FROM project_row WHERE project_row.batch = batch.id) AS size FROM batch"""
_NONE_VALID = "No valid data rows to be added from the list provided!"
_ALL_THERE = "No valid data rows to add to project"


def find_batch(platform: Platform, project_id: str, batch_id: str) -> dict[str, Any]:
    """The batch, in the shape of the GraphQL type. Raises: NotFoundError."""
    found = platform.store.row(f"{_SELECT} WHERE project = ? AND id = ?", project_id, batch_id)
    if found is None:
        raise NotFoundError(f"Batch {batch_id} not found in project {project_id}")
    return _present(found)


def _present(row: dict[str, Any]) -> dict[str, Any]:
    """The platform gives the settings back in snake case (SDK tests, test_batch.py)."""
    given = orjson.loads(row["consensus"] or "null")
    settings = given and {
        "number_of_labels": given["numberOfLabels"],
        "coverage_percentage": given["coveragePercentage"],
    }
    return {**row, "consensusSettingsJson": settings}


@project_fields("batches")
def batches_of_project(
    project: dict[str, Any],
    info: Any,
    where: dict[str, Any] | None = None,
    after: str | None = None,
    first: int = 100,
) -> dict[str, Any]:
    platform: Platform = info.context
    wanted = (where or {}).get("id")
    rows = platform.store.rows(
        f"{_SELECT} WHERE project = ? AND seq > ? AND (? IS NULL OR id = ?) ORDER BY seq LIMIT ?",
        project["id"], place(after), wanted, wanted, first + 1,
    )  # fmt: skip
    page = [_present(row) for row in rows[:first]]
    return {"nodes": page, "pageInfo": {"endCursor": str(page[-1]["seq"]) if len(rows) > first else None}}


def insert_batch(
    platform: Platform, write: sqlite3.Connection, project_id: str, name: str, consensus: dict[str, Any] | None = None
) -> str:
    """Make an empty batch; its id.

    Raises:
        ConflictError: the project has a batch of that name.
        MalformedRequestError: no name.
    """
    if not name.strip():
        raise MalformedRequestError("A batch needs a name")
    if write.execute("SELECT 1 FROM batch WHERE project = ? AND name = ?", (project_id, name)).fetchone():
        raise ConflictError(f"The project has a batch named '{name}'")
    batch_id, moment = new_id(), now()
    write.execute(
        "INSERT INTO batch (id, project, name, consensus, created_by, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (batch_id, project_id, name, orjson.dumps(consensus).decode() if consensus else None,
         platform.store.user, moment, moment),
    )  # fmt: skip
    return batch_id


@project_changes("createBatchV2")
def create_batch(project: dict[str, Any], info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Make a batch of the rows that exist and are not in the project yet; the others are named as failed."""
    platform: Platform = info.context
    with platform.store.writing() as write:
        batch_id = insert_batch(platform, write, project["id"], input["name"], input.get("consensusSettings"))
        chosen, failed = _choose(platform, write, project["id"], input)
        queue = queue_of_type(platform, project["id"], LABELING)
        add_rows_to_queue(write, project["id"], batch_id, chosen, queue, input["priority"])
    return {"batch": find_batch(platform, project["id"], batch_id), "failedDataRowIds": failed}


def _choose(
    platform: Platform, write: sqlite3.Connection, project_id: str, data: dict[str, Any]
) -> tuple[list[int], list[str]]:
    """The `seq` of the rows that can be added, and the ids of those that cannot.

    Raises:
        MalformedRequestError: a global key is unknown, or no row can be added.
    """
    ids, keys = data.get("dataRowIds") or [], data.get("globalKeys") or []
    if len(ids) + len(keys) > platform.switches.batch_rows:
        most = platform.switches.batch_rows
        raise MalformedRequestError(f"{len(ids) + len(keys)} data rows in a batch; at most {most} are allowed")
    column, wanted = ("global_key", keys) if keys and not ids else ("id", ids)
    found = write.execute(
        f"SELECT seq, id, {column} AS named, EXISTS (SELECT 1 FROM project_row WHERE data_row = seq AND project = ?)"  # noqa: S608
        f" AS there FROM data_row WHERE {column} IN (SELECT value FROM json_each(?)) ORDER BY seq",
        (project_id, as_list(wanted)),
    ).fetchall()
    known = {row["named"] for row in found}
    missing = [each for each in wanted if each not in known]
    if missing and column == "global_key":
        raise MalformedRequestError(f"Data rows with the following global keys do not exist: {', '.join(missing)}.")
    if not found:
        raise MalformedRequestError(_NONE_VALID)
    chosen = [row["seq"] for row in found if not row["there"]]
    if not chosen:
        raise MalformedRequestError(_ALL_THERE)
    return chosen, [*missing, *(row["id"] for row in found if row["there"])]


@project_changes("createEmptyBatch")
def create_empty_batch(project: dict[str, Any], info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    platform: Platform = info.context
    with platform.store.writing() as write:
        batch_id = insert_batch(platform, write, project["id"], input["name"], input.get("consensusSettings"))
    return find_batch(platform, project["id"], batch_id)


@project_changes("addDataRowsToBatchAsync")
def add_data_rows_to_batch(project: dict[str, Any], info: Any, input: dict[str, Any]) -> dict[str, str]:  # noqa: A002
    platform: Platform = info.context
    find_batch(platform, project["id"], input["batchId"])
    rows = {name: input.get(name) for name in ("dataRowIds", "globalKeys")}
    count = len(rows["dataRowIds"] or rows["globalKeys"] or [])
    if count > platform.switches.batch_rows:
        raise MalformedRequestError(f"{count} data rows in a batch; at most {platform.switches.batch_rows} are allowed")
    return {"taskId": _start_adding(info, project["id"], input["batchId"], rows, count, input["priority"])}


def _start_adding(info: Any, project_id: str, batch_id: str, rows: dict[str, Any], count: int, priority: int) -> str:
    from labelbox_local.tasks import start_task  # tasks know nothing of batches

    payload = {"project": project_id, "batch": batch_id, "rows": rows, "priority": priority}
    name = f"Add {count} data rows to a batch"
    return start_task(info.context, ADD_TASK, name, payload, count, "addDataRowsToBatchAsync")


@runs(ADD_TASK, lane="projects")
def run_adding(platform: Platform, task: dict[str, Any]) -> None:
    """Add rows to a batch, all in one transaction, which also says that it is done."""
    payload = orjson.loads(task["payload"])
    if orjson.loads(task["progress"]):
        return
    project_id, batch_id, rows = payload["project"], payload["batch"], payload["rows"]
    with platform.store.writing() as write:
        if not write.execute("SELECT 1 FROM batch WHERE id = ?", (batch_id,)).fetchone():
            raise TaskFailedError(f"Batch {batch_id} was deleted")
        try:
            chosen = rows["numbers"] if "numbers" in rows else _choose(platform, write, project_id, rows)[0]
        except MalformedRequestError as error:
            raise TaskFailedError(str(error)) from None
        queue = queue_of_type(platform, project_id, LABELING)
        added = add_rows_to_queue(write, project_id, batch_id, chosen, queue, payload["priority"])
        write.execute(
            "UPDATE task SET succeeded = ?, failed = max(total - ?, 0), progress = ? WHERE seq = ?",
            (added, added, '{"added": true}', task["seq"]),
        )


@project_changes("createBatches")
def create_batches(project: dict[str, Any], info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """As many batches as the rows need, each filled by a task of its own."""
    ids, keys = input.get("dataRowIds") or [], input.get("globalKeys") or []
    name, wanted = ("globalKeys", keys) if keys and not ids else ("dataRowIds", ids)
    return _make_batches(project, info, input, name, wanted)


@project_changes("createBatchesFromDataset")
def create_batches_from_dataset(project: dict[str, Any], info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Batches of the rows of a dataset that are not in the project yet; none when all are."""
    platform: Platform = info.context
    find_dataset(platform, input["datasetId"])
    rows = platform.store.rows(
        "SELECT seq FROM data_row WHERE dataset = ?"
        " AND NOT EXISTS (SELECT 1 FROM project_row WHERE data_row = seq AND project = ?) ORDER BY seq",
        input["datasetId"], project["id"],
    )  # fmt: skip
    return _make_batches(project, info, input, "numbers", [row["seq"] for row in rows])


def _make_batches(
    project: dict[str, Any],
    info: Any,
    input: dict[str, Any],  # noqa: A002
    name: str,
    wanted: list[Any],
) -> dict[str, Any]:
    """Make the batches, and start a task for each; `name` says what `wanted` are: dataRowIds, globalKeys, numbers."""
    platform: Platform = info.context
    size = platform.switches.batch_rows
    chunks = [wanted[start : start + size] for start in range(0, len(wanted), size)]
    with platform.store.writing() as write:
        ids = [
            insert_batch(
                platform, write, project["id"], f"{input['batchNamePrefix']}{number:04}", input.get("consensusSettings")
            )
            for number in range(len(chunks))
        ]
    tasks = [
        {
            "batchUuid": batch_id,
            "taskId": _start_adding(info, project["id"], batch_id, {name: chunk}, len(chunk), input["priority"]),
        }
        for batch_id, chunk in zip(ids, chunks, strict=True)
    ]
    return {"tasks": tasks}


@project_changes("removeQueuedDataRowsFromBatch")
def remove_queued_data_rows(project: dict[str, Any], info: Any, batchId: str) -> dict[str, Any]:  # noqa: N803
    """Take the rows out of the batch, and so out of the project, that nobody has labeled."""
    platform: Platform = info.context
    batch = find_batch(platform, project["id"], batchId)
    with platform.store.writing() as write:
        _remove_rows(write, batch["id"], "labels = 0 AND skipped = 0")
        write.execute("UPDATE batch SET updated_at = ? WHERE id = ?", (now(), batch["id"]))
    return find_batch(platform, project["id"], batchId)


def _remove_rows(write: sqlite3.Connection, batch_id: str, which: str) -> None:
    """Take rows of a batch out of its project, with their history there."""
    write.execute(
        "DELETE FROM workflow_move WHERE (project, data_row) IN"  # noqa: S608 - constants only
        f" (SELECT project, data_row FROM project_row WHERE batch = ? AND {which})",
        (batch_id,),
    )
    write.execute(f"DELETE FROM project_row WHERE batch = ? AND {which}", (batch_id,))  # noqa: S608


@project_changes("deleteBatch")
def delete_batch(project: dict[str, Any], info: Any, batchId: str) -> dict[str, str]:  # noqa: N803
    platform: Platform = info.context
    batch = find_batch(platform, project["id"], batchId)
    with platform.store.writing() as write:
        labeled = write.execute("SELECT 1 FROM project_row WHERE batch = ? AND labels > 0 LIMIT 1", (batch["id"],))
        if labeled.fetchone():
            raise MalformedRequestError("A batch that has labels cannot be deleted")
        _remove_rows(write, batch["id"], "1")
        write.execute("DELETE FROM batch WHERE id = ?", (batch["id"],))
    return {"deletedBatchId": batch["id"]}


@project_changes("deleteBatchLabels")
def delete_batch_labels(
    project: dict[str, Any],
    info: Any,
    batchId: str,  # noqa: N803
    data: dict[str, Any],
) -> dict[str, Any]:
    """Delete the labels of a batch and put its rows back into the labeling queue."""
    from labelbox_local.labels import delete_labels  # labels know their batch

    platform: Platform = info.context
    batch = find_batch(platform, project["id"], batchId)
    rows = platform.store.rows("SELECT data_row FROM project_row WHERE batch = ? AND labels > 0", batch["id"])
    numbers = [row["data_row"] for row in rows]
    found = platform.store.rows(
        "SELECT id FROM label WHERE project = ? AND coalesce(deleted, 0) = 0"
        " AND data_row IN (SELECT value FROM json_each(?))",
        project["id"], as_list(numbers),
    )  # fmt: skip
    as_template = data["type"] == "RequeueDataWithLabelAsTemplate"
    deleted = delete_labels(platform, [row["id"] for row in found], keep_as_template=as_template)
    queue = queue_of_type(platform, project["id"], LABELING)
    with platform.store.writing() as write:
        move_rows(platform, write, project["id"], numbers, queue)
    return {"deletedLabelIds": deleted}


@mutation("sendToAnnotateFromCatalog")
def send_to_annotate_from_catalog(_: Any, info: Any, input: dict[str, Any]) -> dict[str, str]:  # noqa: A002
    """Start sending rows of the catalog to a queue of a project, with annotations of another project or a model run."""
    filters = (input.get("searchQuery") or {}).get("query") or []
    return _start_sending(info, input, filters, "sendToAnnotateFromCatalog")


@mutation("sendToAnnotateFromMea")
def send_to_annotate_from_model_run(_: Any, info: Any, input: dict[str, Any]) -> dict[str, str]:  # noqa: A002
    within = {"type": "model_run", "operator": "is", "ids": [input["sourceModelRunId"]]}
    return _start_sending(info, input, [*(input.get("searchQuery") or []), within], "sendToAnnotateFromMea")


def _start_sending(info: Any, input: dict[str, Any], filters: list[dict[str, Any]], field: str) -> dict[str, str]:  # noqa: A002
    from labelbox_local.projects import find_project
    from labelbox_local.tasks import start_task

    platform: Platform = info.context
    project = find_project(platform, input["destinationProjectId"])
    conditions(platform, filters)
    queue = input["destinationTaskQueue"]
    if queue["type"] == "id":
        known = platform.store.row(
            "SELECT 1 FROM task_queue WHERE id = ? AND project = ?", queue["value"], project["id"]
        )
        if known is None:
            raise NotFoundError(f"Task queue {queue['value']} not found in project {project['id']}")
    name = f"Send data rows to {project['name']}"
    return {"taskId": start_task(platform, SEND_TASK, name, {**input, "filters": filters}, 0, field)}


@runs(SEND_TASK, lane="projects")
def run_sending(platform: Platform, task: dict[str, Any]) -> None:
    """Make the batch, put its rows into the queue chosen, and copy what they bring with them."""
    from labelbox_local.annotation_copies import copy_annotations

    payload = orjson.loads(task["payload"])
    project_id, batch = payload["destinationProjectId"], payload["batchInput"]
    text, parameters = conditions(platform, payload["filters"])
    queue = payload["destinationTaskQueue"].get("value")
    with platform.store.writing() as write:
        rows = write.execute(
            "SELECT seq, EXISTS (SELECT 1 FROM project_row WHERE project_row.data_row = data_row.seq AND project = ?)"  # noqa: S608
            f" AS there FROM data_row WHERE {text} ORDER BY seq",
            [project_id, *parameters],
        ).fetchall()
        present = [row["seq"] for row in rows if row["there"]]
        fresh = [row["seq"] for row in rows if not row["there"]]
        for start in range(0, len(fresh), platform.switches.batch_rows):
            number = start // platform.switches.batch_rows
            name = batch["batchName"] + (f"_{number}" if number else "")
            try:
                batch_id = insert_batch(platform, write, project_id, name)
            except (ConflictError, MalformedRequestError) as error:
                raise TaskFailedError(str(error)) from None
            chunk = fresh[start : start + platform.switches.batch_rows]
            add_rows_to_queue(write, project_id, batch_id, chunk, queue, batch["batchPriority"])
        sent = fresh
        if not payload.get("excludeDataRowsInProject"):
            move_rows(platform, write, project_id, present, queue)
            sent = [*fresh, *present]
        copy_annotations(platform, write, payload, sent)
        write.execute("UPDATE task SET succeeded = ?, total = ? WHERE seq = ?", (len(sent), len(sent), task["seq"]))
