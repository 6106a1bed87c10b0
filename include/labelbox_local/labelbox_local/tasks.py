"""Tasks: started by a mutation, worked off by a lane, polled by the client; they survive a restart."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from labelbox_local.errors import ConflictError, MalformedRequestError, NotFoundError
from labelbox_local.exports import run_export
from labelbox_local.faults import Operation
from labelbox_local.filters import condition
from labelbox_local.graph import mutation, query, user_fields
from labelbox_local.identifiers import new_id, now
from labelbox_local.imports import run_import
from labelbox_local.limits import check_room
from labelbox_local.workers import RUNNERS, TaskFailedError, TaskStoppedError, runs

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

logger = logging.getLogger(__name__)
UPSERT = "adv-upsert-data-rows"
EXPORT = "export-data-rows"
# The SDK turns the names on the right into those on the left.
_CANCELABLE = {UPSERT: "advUpsertDataRows", EXPORT: "exportDataRows"}
runs(UPSERT, lane="imports")(run_import)
runs(EXPORT, lane="exports")(run_export)
_SELECT = """SELECT seq, id, name, type, status, result, succeeded, failed, total, created_at AS createdAt,
    updated_at AS updatedAt FROM task"""
_COLUMNS = {
    "id": "id",
    "name": "name",
    "type": "type",
    "status": "status",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
}


def start_task(platform: Platform, kind: str, name: str, payload: dict[str, Any], total: int, field: str) -> str:
    """Write the task down and hand it to its lane; its id. `field` names the mutation, for planned faults."""
    task_id, moment = new_id(), now()
    fault = platform.faults.take(Operation.of_task(field), of_task=True)
    plan = {"kind": fault.task, "every": fault.every if fault.task == "drop_rows" else 0} if fault else {}
    due = moment + int(platform.switches.task_seconds * 1_000_000)
    with platform.store.writing() as write:
        write.execute(
            "INSERT INTO task (id, name, type, status, payload, fault, total, due_at, created_at, updated_at)"
            " VALUES (?, ?, ?, 'IN_PROGRESS', ?, ?, ?, ?, ?, ?)",
            (task_id, name, kind, orjson.dumps(payload).decode(), orjson.dumps(plan).decode(), total, due, moment,
             moment),
        )  # fmt: skip
    _enqueue(platform, task_id, kind)
    return task_id


def resume_tasks(platform: Platform) -> None:
    """Hand the tasks an earlier run of the server left unfinished to their lanes."""
    for row in platform.store.rows("SELECT id, type FROM task WHERE status IN ('IN_PROGRESS', 'CANCELLING')"):
        _enqueue(platform, row["id"], row["type"])


def _enqueue(platform: Platform, task_id: str, kind: str) -> None:
    platform.lanes[RUNNERS[kind].lane].add(lambda: _work(platform, task_id))


def _work(platform: Platform, task_id: str) -> None:
    task = platform.store.row("SELECT * FROM task WHERE id = ?", task_id)
    if task is None:
        return
    fault = orjson.loads(task["fault"] or "{}").get("kind")
    if fault == "stuck":
        return
    if platform.stopping.wait(max(0, task["due_at"] - now()) / 1_000_000):
        return
    try:
        if fault == "failed":
            raise OSError("the task was made to fail")  # noqa: TRY301 - fails as a broken task does
        RUNNERS[task["type"]].run(platform, task)
        _finish(platform, task_id, "COMPLETE")
    except TaskStoppedError:
        if not platform.stopping.is_set():
            _finish(platform, task_id, "CANCELED")
    except (OSError, ValueError, TaskFailedError) as error:
        logger.warning("Task %s failed: %s", task_id, error)
        _finish(platform, task_id, "FAILED", str(error))
    except Exception:
        _finish(platform, task_id, "FAILED", "the task failed unexpectedly; see the log of the server")
        raise


def _finish(platform: Platform, task_id: str, status: str, failure: str | None = None) -> None:
    result = orjson.dumps({"error": failure}).decode() if failure else None
    with platform.store.writing() as write:
        cancelled = write.execute("SELECT status FROM task WHERE id = ?", (task_id,)).fetchone()
        if cancelled["status"] == "CANCELLING":
            status = "CANCELED"
        write.execute(
            "UPDATE task SET status = ?, result = ?, updated_at = ? WHERE id = ?", (status, result, now(), task_id)
        )


def _present(platform: Platform, row: dict[str, Any]) -> dict[str, Any]:
    """A database row in the shape of the GraphQL type."""
    done = row["status"] == "COMPLETE"
    share = 100.0 if done else 100.0 * (row["succeeded"] + row["failed"]) / row["total"] if row["total"] else 0.0
    return {
        **row,
        "completionPercentage": min(share, 100.0),
        "errors": None,
        "metadata": {"processedCount": row["succeeded"] + row["failed"]},
        "result": _result(platform, row),
    }


def _result(platform: Platform, row: dict[str, Any]) -> str | None:
    """The URL of what an import made; why another task failed, as the SDK reads it (SDK schema/task.py `errors`)."""
    if row["type"] == UPSERT:
        return platform.file_url(f"tasks/{row['id']}") if row["status"] == "COMPLETE" else None
    text: str | None = row["result"]
    return text


def find_task(platform: Platform, task_id: str) -> dict[str, Any]:
    """The task with that id, in the shape of the GraphQL type.

    Raises:
        NotFoundError: there is none.
    """
    found = platform.store.row(f"{_SELECT} WHERE id = ?", task_id)
    if found is None:
        raise NotFoundError(f"Task {task_id} not found")
    return _present(platform, found)


@query("task")
def get_task(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return find_task(info.context, where["id"])


@user_fields("createdTasks")
def created_tasks(
    _: Any, info: Any, where: dict[str, Any] | None = None, skip: int = 0, first: int = 100
) -> list[dict[str, Any]]:
    platform: Platform = info.context
    text, parameters = condition(where, _COLUMNS)
    rows = platform.store.rows(f"{_SELECT} WHERE {text} ORDER BY seq DESC LIMIT ? OFFSET ?", *parameters, first, skip)
    return [_present(platform, row) for row in rows]


@mutation("upsertDataRows")
def upsert_data_rows(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    """Start the import of an uploaded manifest `{source, item_count, chunk_uris}`."""
    platform: Platform = info.context
    manifest_id = _upload_of(platform, data["manifestUri"])
    try:
        manifest = orjson.loads((platform.uploads / manifest_id).read_bytes())
        count, uris = int(manifest["item_count"]), list(manifest["chunk_uris"])
    except (ValueError, KeyError, TypeError) as error:
        raise MalformedRequestError(f"The manifest is not valid: {error}") from None
    if count > platform.switches.rows_per_task:
        raise MalformedRequestError(
            f"{count} data rows in one task; at most {platform.switches.rows_per_task} are allowed"
        )
    check_room(platform.store.reader, platform.switches, "total_data_rows", count)
    chunks = [_upload_of(platform, uri) for uri in uris]
    with platform.store.writing() as write:
        write.executemany("UPDATE upload SET consumed = 1 WHERE id = ?", [(each,) for each in (manifest_id, *chunks)])
    name = f"Upsert {count} data rows"
    return find_task(platform, start_task(platform, UPSERT, name, {"chunks": chunks}, count, "upsertDataRows"))


def _upload_of(platform: Platform, uri: str) -> str:
    """The id of an upload by its URL.

    Raises:
        MalformedRequestError: no such upload.
    """
    upload_id = urlsplit(str(uri)).path.rpartition("/")[2]
    if platform.store.row("SELECT 1 FROM upload WHERE id = ?", upload_id) is None:
        raise MalformedRequestError(f"Uploaded file {upload_id!r} not found")
    return upload_id


@query("successesfulDataRowImports")
def successful_data_row_imports(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    task = find_task(platform, data["taskId"])
    size, after = _page(data)
    rows = platform.store.rows(
        "SELECT position, data_row AS id, external_id AS externalId, global_key AS globalKey, row_data AS rowData"
        " FROM import_success LEFT JOIN data_row ON data_row.id = import_success.data_row"
        " WHERE task = ? AND position > ? ORDER BY position LIMIT ?",
        task["seq"], after, size + 1,
    )  # fmt: skip
    return {"nodes": rows[:size], "after": _after(rows, size), "total": task["succeeded"]}


@query("failedDataRowImports")
def failed_data_row_imports(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    task = find_task(platform, data["taskId"])
    size, after = _page(data)
    rows = platform.store.rows(
        "SELECT position, message, spec FROM import_failure WHERE task = ? AND position > ? ORDER BY position LIMIT ?",
        task["seq"], after, size + 1,
    )  # fmt: skip
    results = [{"message": row["message"], "spec": orjson.loads(row["spec"])} for row in rows[:size]]
    return {"results": results, "after": _after(rows, size), "total": task["failed"]}


def _page(data: dict[str, Any]) -> tuple[int, int]:
    try:
        return max(1, min(data.get("first") or 5_000, 5_000)), int(data.get("from") or -1)
    except ValueError:
        raise MalformedRequestError(f"'{data['from']}' is not a cursor of this list") from None


def _after(rows: list[dict[str, Any]], size: int) -> str | None:
    return str(rows[size - 1]["position"]) if len(rows) > size else None


@query("cancelableTaskTypes")
def cancelable_task_types(_: Any, info: Any) -> list[str]:  # noqa: ARG001 - a resolver's signature
    return list(_CANCELABLE.values())


@mutation("cancelBulkOperationJob")
def cancel_task(_: Any, info: Any, id: str) -> dict[str, bool]:  # noqa: A002 - the schema's name
    platform: Platform = info.context
    task = find_task(platform, id)
    if task["type"] not in _CANCELABLE:
        raise MalformedRequestError(f"Tasks of type {task['type']} cannot be cancelled")
    if task["status"] != "IN_PROGRESS":
        raise ConflictError(f"Task {id} is not in progress but {task['status']}")
    with platform.store.writing() as write:
        stuck = write.execute("SELECT fault FROM task WHERE id = ?", (id,)).fetchone()["fault"]
        # Nothing works on a stuck task that could notice the cancellation.
        status = "CANCELED" if orjson.loads(stuck).get("kind") == "stuck" else "CANCELLING"
        write.execute("UPDATE task SET status = ?, updated_at = ? WHERE id = ?", (status, now(), id))
    return {"success": True}
