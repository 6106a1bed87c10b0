"""Exports: one JSON object a line, written to a file once and handed out in pieces."""

from __future__ import annotations

from array import array
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson

from labelbox_local.errors import MalformedRequestError
from labelbox_local.graph import mutation, task_fields
from labelbox_local.identifiers import now, to_datetime, to_microseconds
from labelbox_local.imports import TaskStoppedError
from labelbox_local.ontology import ENUM, Ontology, load_ontology
from labelbox_local.organization import EMAIL
from labelbox_local.store import as_list

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from labelbox_local.platform import Platform

_BATCH = 1_000
_COLUMNS = {"dataset": "data_row.dataset", "global_key": "global_key", "data_row_id": "data_row.id"}
# Nothing can be labeled or sent to a project here, so these filters are never or always true.
_NEVER = {"labeled_at", "batch", "task_queue_status", "project", "model_run"}
_ALWAYS = {"task_queue_not_exist"}
_OPERATORS = {"GREATER_THAN_OR_EQUAL": ">=", "LESS_THAN_OR_EQUAL": "<="}


@mutation("exportDataRowsInCatalog")
def export_data_rows_in_catalog(_: Any, info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Start an export of rows of the catalog, usually of one dataset (SDK schema/dataset.py, schema/catalog.py)."""
    from labelbox_local.tasks import EXPORT, start_task  # tasks run exports

    platform: Platform = info.context
    filters = ((input.get("filters") or {}).get("searchQuery") or {}).get("query") or []
    _conditions(platform, filters)
    payload = {"filters": filters, "params": input.get("params") or {}}
    name = input.get("taskName") or "Export"
    task_id = start_task(platform, EXPORT, name, payload, 0, "exportDataRowsInCatalog")
    return {"taskId": task_id, "isStreamable": True}


def _conditions(platform: Platform, filters: list[dict[str, Any]]) -> tuple[str, list[Any]]:
    """The filters as an SQL condition and its parameters.

    Raises:
        MalformedRequestError: a filter this server does not know, or with too many ids.
    """
    parts = ["1"]
    parameters: list[Any] = []
    for each in filters:
        kind = each.get("type", "")
        if kind in _COLUMNS:
            ids = each.get("ids") or []
            if len(ids) > platform.switches.export_filter_ids:
                most = platform.switches.export_filter_ids
                raise MalformedRequestError(f"{len(ids)} ids in filter {kind}; the most is {most}")
            parts.append(f"{_COLUMNS[kind]} IN (SELECT value FROM json_each(?))")  # noqa: S608 - constants only
            parameters.append(as_list(ids))
        elif kind == "data_row_last_activity_at":
            for operator, moment in _moments(each.get("value") or {}):
                parts.append(f"last_activity_at {operator} ?")
                parameters.append(moment)
        elif kind in _NEVER:
            parts.append("0")
        elif kind not in _ALWAYS:
            raise MalformedRequestError(f"Unknown export filter '{kind}'")
    return " AND ".join(parts), parameters


def _moments(value: dict[str, Any]) -> list[tuple[str, int]]:
    try:
        zone = ZoneInfo(value.get("timezone") or "UTC")
        if value["operator"] == "BETWEEN":
            return [(">=", _moment(value["value"]["min"], zone)), ("<=", _moment(value["value"]["max"], zone))]
        return [(_OPERATORS[value["operator"]], _moment(value["value"], zone))]
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedRequestError(f"Invalid filter data_row_last_activity_at: {error}") from None


def _moment(text: str, zone: ZoneInfo) -> int:
    """Filter times are a date, a date and time in the zone given, or ISO 8601 (SDK schema/export_filters.py)."""
    moment = datetime.fromisoformat(text)
    return to_microseconds((moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC))


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
    text, parameters = _conditions(platform, payload["filters"])
    connection = platform.store.connect()
    try:
        connection.execute("BEGIN")
        writer = _LineWriter(connection, load_ontology(platform, connection), payload["params"])
        cursor = connection.execute(
            f"SELECT data_row.*, dataset.name AS dataset_name FROM data_row"  # noqa: S608 - conditions are ours
            f" JOIN dataset ON dataset.id = data_row.dataset WHERE {text} ORDER BY data_row.seq",
            parameters,
        )
        while rows := cursor.fetchmany(_BATCH):
            if platform.stopping.is_set() or _is_cancelled(platform, task_id):
                raise TaskStoppedError
            yield from writer.lines(rows)
    finally:
        connection.close()


def _is_cancelled(platform: Platform, task_id: str) -> bool:
    status = platform.store.row("SELECT status FROM task WHERE id = ?", task_id)
    return status is not None and status["status"] == "CANCELLING"


class _LineWriter:
    """Makes the documented shape (docs.labelbox.com/reference/export-quick-reference) with the blocks asked for."""

    def __init__(self, connection: sqlite3.Connection, ontology: Ontology, params: dict[str, Any]) -> None:
        self.connection = connection
        self.ontology = ontology
        self.params = params
        self.embeddings = {row["id"]: row for row in connection.execute("SELECT * FROM embedding")}

    def lines(self, rows: list[dict[str, Any]]) -> Iterator[bytes]:
        numbers = as_list(row["seq"] for row in rows)
        attachments = self._grouped("attachment", numbers) if self.params.get("includeAttachments") else {}
        vectors = self._grouped("vector", numbers) if self.params.get("includeEmbeddings") else {}
        for row in rows:
            record: dict[str, Any] = {
                "data_row": self._data_row(row),
                "media_attributes": _snake(orjson.loads(row["media_attributes"] or "{}")),
            }
            if self.params.get("includeAttachments"):
                shown = ("id", "type", "value", "name")
                found = attachments.get(row["seq"], [])
                record["attachments"] = [{key: each[key] for key in shown} for each in found]
            if self.params.get("includeMetadata"):
                record["metadata_fields"] = self._metadata(orjson.loads(row["metadata"]))
            if self.params.get("includeEmbeddings"):
                record["embeddings"] = [self._embedding(each) for each in vectors.get(row["seq"], [])]
            record["projects"] = {}
            yield orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)

    def _grouped(self, table: str, numbers: str) -> dict[int, list[dict[str, Any]]]:
        grouped: dict[int, list[dict[str, Any]]] = {}
        order = "id" if table == "attachment" else "rowid"
        sql = f"SELECT * FROM {table} WHERE data_row IN (SELECT value FROM json_each(?)) ORDER BY {order}"  # noqa: S608
        for row in self.connection.execute(sql, (numbers,)):
            grouped.setdefault(row["data_row"], []).append(row)
        return grouped

    def _data_row(self, row: dict[str, Any]) -> dict[str, Any]:
        shown = {key: row[key] for key in ("id", "global_key", "external_id", "row_data")}
        if self.params.get("includeDataRowDetails"):
            shown["details"] = {
                "dataset_id": row["dataset"],
                "dataset_name": row["dataset_name"],
                "created_at": _export_time(row["created_at"]),
                "updated_at": _export_time(row["updated_at"]),
                "last_activity_at": _export_time(row["last_activity_at"]),
                "created_by": EMAIL,
            }
        return shown

    def _metadata(self, values: dict[str, Any]) -> list[dict[str, Any]]:
        shown = []
        for field_id, value in values.items():
            field = self.ontology.fields.get(field_id)
            if field is None:
                continue
            if field.kind == ENUM:
                value = [
                    {"schema_id": option, "schema_name": field.options[option]}
                    for option in value
                    if option in field.options
                ]
            shown.append({"schema_id": field.id, "schema_name": field.name, "value": value})
        return shown

    def _embedding(self, vector: dict[str, Any]) -> dict[str, Any]:
        embedding = self.embeddings[vector["embedding"]]
        numbers = array("d", vector["numbers"]).tolist()
        return {
            "id": embedding["id"],
            "name": embedding["name"],
            "dimensions": embedding["dims"],
            "is_custom": bool(embedding["custom"]),
            "values": [{"value": numbers}],
        }


def _export_time(microseconds: int) -> str:
    return to_datetime(microseconds).isoformat(timespec="milliseconds")


def _snake(attributes: dict[str, Any]) -> dict[str, Any]:
    return {"mime_type" if key == "mimeType" else key: value for key, value in attributes.items()}


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
