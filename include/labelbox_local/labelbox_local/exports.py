"""Exports: one JSON object a line, written to a file once and handed out in pieces."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import MalformedRequestError
from labelbox_local.export_rows import RowWriter
from labelbox_local.graph import mutation, task_fields
from labelbox_local.identifiers import now
from labelbox_local.search import conditions, known_until
from labelbox_local.store import as_list
from labelbox_local.workers import TaskStoppedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labelbox_local.platform import Platform

_BATCH = 1_000
_ROWS = """SELECT data_row.*, dataset.name AS dataset_name FROM data_row
    JOIN dataset ON dataset.id = data_row.dataset
    WHERE data_row.seq IN (SELECT value FROM json_each(?)) ORDER BY data_row.seq"""


@mutation("exportDataRowsInCatalog")
def export_data_rows_in_catalog(_: Any, info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Start an export of rows of the catalog, usually of one dataset (SDK schema/dataset.py, schema/catalog.py)."""
    return _start(info, input, "exportDataRowsInCatalog", {})


@mutation("exportDataRowsInProject")
def export_data_rows_in_project(_: Any, info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Start an export of the rows of a project with their labels. One that is not there has no rows."""
    return _start(info, input, "exportDataRowsInProject", {"project": input["filters"]["projectId"]})


@mutation("exportDataRowsInSlice")
def export_data_rows_in_slice(_: Any, info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Start an export of the rows that a slice chooses at that moment."""
    platform: Platform = info.context
    found = platform.store.row("SELECT filter FROM slice WHERE id = ?", input["filters"]["sliceId"])
    # A slice that is not there has no rows, as nothing else that is exported.
    chosen = orjson.loads(found["filter"]) if found else [{"type": "data_row_id", "operator": "is", "ids": []}]
    return _start(info, input, "exportDataRowsInSlice", {"filters": chosen})


@mutation("exportDataRowsInModelRun")
def export_data_rows_in_model_run(_: Any, info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Start an export of the rows of a model run."""
    return _start(info, input, "exportDataRowsInModelRun", {"model_run": input["filters"]["modelRunId"]})


def _start(info: Any, asked: dict[str, Any], field: str, what: dict[str, Any]) -> dict[str, Any]:
    """Raises:
    MalformedRequestError: a filter is wrong, or too many exports run.
    """
    from labelbox_local.tasks import EXPORT, start_task  # tasks run exports

    platform: Platform = info.context
    filters = ((asked.get("filters") or {}).get("searchQuery") or {}).get("query") or []
    payload = {"filters": filters, "params": asked.get("params") or {}, **what}
    conditions(platform, payload["filters"])
    _check_running(platform, what.get("project"))
    task_id = start_task(platform, EXPORT, asked.get("taskName") or "Export", payload, 0, field)
    return {"taskId": task_id, "isStreamable": True}


def _rows_of(platform: Platform, payload: dict[str, Any]) -> tuple[str, list[Any]]:
    """Which rows an export has, as an SQL condition and its parameters.

    Raises:
        MalformedRequestError: a filter is wrong.
    """
    project, known = payload.get("project"), payload["known"]
    text, parameters = conditions(platform, payload["filters"], project)
    text, parameters = f"{text} AND data_row.created_at <= ?", [*parameters, known]
    places = (
        ("project_row", "project", "added_at", project),
        ("model_run_row", "model_run", "created_at", payload.get("model_run")),
    )
    for table, column, since, value in places:
        if value is not None:
            within = f"SELECT data_row FROM {table} WHERE {column} = ? AND {since} <= ?"  # noqa: S608 - constants only
            text, parameters = f"{text} AND data_row.seq IN ({within})", [*parameters, value, known]
    return text, parameters


def _check_running(platform: Platform, project: str | None) -> None:
    """Raises: MalformedRequestError: as many exports run as may at once."""
    running = platform.store.rows(
        "SELECT json_extract(payload, '$.project') AS project FROM task"
        " WHERE type = 'export-data-rows' AND status = 'IN_PROGRESS'"
    )
    switches = platform.switches
    if len(running) >= switches.exports_at_once:
        raise MalformedRequestError(f"{len(running)} exports are running; at most {switches.exports_at_once} may")
    of_project = sum(project is not None and row["project"] == project for row in running)
    if of_project >= switches.exports_per_project:
        raise MalformedRequestError(
            f"{of_project} exports of the project are running; at most {switches.exports_per_project} may"
        )


def run_export(platform: Platform, task: dict[str, Any]) -> None:
    """Write the export file of a task and where its pieces begin.

    Raises:
        TaskStoppedError: cancelled, or the server stops; then the export begins anew at the next start.
    """
    payload = orjson.loads(task["payload"])
    path = platform.exports / task["id"]
    chunks: list[tuple[Any, ...]] = []
    size = lines = first_byte = first_line = 0
    with path.open("wb") as file:
        for line in _lines(platform, task["id"], payload):
            if lines > first_line and size + len(line) - first_byte > platform.switches.export_chunk_bytes:
                chunks.append((task["id"], first_byte, size - 1, first_line, lines - 1))
                first_byte, first_line = size, lines
            file.write(line)
            size += len(line)
            lines += 1
    if lines:
        chunks.append((task["id"], first_byte, size - 1, first_line, lines - 1))
    with platform.store.writing() as write:
        write.execute("DELETE FROM export_chunk WHERE task = ?", (task["id"],))
        write.executemany("INSERT INTO export_chunk VALUES (?, ?, ?, ?, ?)", chunks)
        write.execute(
            "UPDATE task SET succeeded = ?, total = ?, updated_at = ? WHERE id = ?", (lines, lines, now(), task["id"])
        )


def _lines(platform: Platform, task_id: str, payload: dict[str, Any]) -> Iterator[bytes]:
    """The rows of an export as they were at one moment, oldest first."""
    payload["known"] = known_until(platform)
    text, parameters = _rows_of(platform, payload)
    connection = platform.store.connect()
    try:
        # What must be sorted goes to a file when it is much.
        connection.execute("PRAGMA temp_store=FILE")
        connection.execute("BEGIN")
        writer = RowWriter(platform, connection, task_id, payload)
        # Sorting whole rows would take memory for all of them; a number each is little.
        sql = f"SELECT data_row.seq FROM data_row WHERE {text} ORDER BY data_row.seq"  # noqa: S608 - conditions are ours
        numbers = array("q", (row["seq"] for row in connection.execute(sql, parameters)))
        for start in range(0, len(numbers), _BATCH):
            if platform.stopping.is_set() or _is_cancelled(platform, task_id):
                raise TaskStoppedError
            chosen = as_list(numbers[start : start + _BATCH])
            yield from writer.lines(connection.execute(_ROWS, (chosen,)).fetchall())
    finally:
        connection.close()


def _is_cancelled(platform: Platform, task_id: str) -> bool:
    status = platform.store.row("SELECT status FROM task WHERE id = ?", task_id)
    return status is not None and status["status"] == "CANCELLING"


@task_fields("exportMetadataHeader")
def export_metadata_header(task: dict[str, Any], info: Any, streamType: str) -> dict[str, Any] | None:  # noqa: N803
    """Size and lines of a stream; null when it is empty. There are no errors in an export of this server."""
    platform: Platform = info.context
    if streamType != "RESULT" or task["status"] != "COMPLETE":
        return None
    found = platform.store.row(
        "SELECT max(last_byte) + 1 AS totalSize, max(last_line) + 1 AS totalLines FROM export_chunk WHERE task = ?",
        task["id"],
    )
    return found if found and found["totalSize"] else None


@task_fields("exportFileFromOffset")
def export_file_from_offset(
    task: dict[str, Any],
    info: Any,
    streamType: str,  # noqa: N803
    offset: int,
) -> dict[str, Any] | None:
    """The piece that holds the byte at `offset`, and a URL of exactly its bytes."""
    platform: Platform = info.context
    if streamType != "RESULT" or task["status"] != "COMPLETE":
        return None
    chunk = platform.store.row(
        "SELECT * FROM export_chunk WHERE task = ? AND first_byte <= ? AND last_byte >= ?", task["id"], offset, offset
    )
    if chunk is None:
        raise MalformedRequestError(f"Offset {offset} is outside the export")
    return {
        "offsets": {"start": chunk["first_byte"], "end": chunk["last_byte"]},
        "lines": {"start": chunk["first_line"], "end": chunk["last_line"]},
        "file": platform.file_url(f"exports/{task['id']}/{chunk['first_byte']}"),
    }
