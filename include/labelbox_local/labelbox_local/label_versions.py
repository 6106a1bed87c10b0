"""Versions of labels: what they said at each hand-off (SDK schema/label_version.py)."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import MalformedRequestError, NotFoundError
from labelbox_local.graph import Fields, query
from labelbox_local.identifiers import new_id, now, to_microseconds
from labelbox_local.store import as_list

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_SELECT = """SELECT label_version.seq, label_version.id, label.id AS labelId, data_row.id AS dataRowId,
    label.project AS projectId, action, label_version.created_at AS createdAt,
    label_version.created_by AS createdById, queue, queue_name, queue_type, label_version.content AS label
    FROM label_version JOIN label ON label.seq = label_version.label
    JOIN data_row ON data_row.seq = label.data_row"""
_MOST = 100
version_fields = Fields("LabelVersion")


def record(write: sqlite3.Connection, label_ids: list[str], action: str, user: str) -> None:
    """Keep labels as they are now, with the task queue their row is in."""
    moment = now()
    found = write.execute(
        "SELECT label.seq, content, queue, task_queue.name, task_queue.type FROM label"
        " LEFT JOIN project_row ON project_row.project = label.project AND project_row.data_row = label.data_row"
        " LEFT JOIN task_queue ON task_queue.id = queue WHERE label.id IN (SELECT value FROM json_each(?))",
        (as_list(label_ids),),
    ).fetchall()
    write.executemany(
        "INSERT INTO label_version (id, label, action, content, queue, queue_name, queue_type, created_by, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (new_id(), row["seq"], action, row["content"], row["queue"], row["name"], row["type"], user, moment)
            for row in found
        ],
    )


@query("labelVersions")
def list_versions(
    _: Any, info: Any, where: dict[str, Any], first: int = _MOST, after: str | None = None
) -> dict[str, Any]:
    """A page, oldest first."""
    platform: Platform = info.context
    columns = {
        "projectId": "label.project = ?",
        "labelId": "label.id = ?",
        "dataRowId": "data_row.id = ?",
        "createdById": "label_version.created_by = ?",
        "createdAfter": "label_version.created_at > ?",
        "createdBefore": "label_version.created_at < ?",
    }
    parts, parameters = ["label_version.seq > ?"], [_place(after)]
    for key, condition in columns.items():
        value = where.get(key)
        if value is not None:
            parts.append(condition)
            moment = key.startswith("created") and key != "createdById"
            parameters.append(_moment(value) if moment and isinstance(value, str) else value)
    size = max(1, min(first, _MOST))
    sql = f"{_SELECT} WHERE {' AND '.join(parts)} ORDER BY label_version.seq LIMIT ?"
    rows = platform.store.rows(sql, *parameters, size + 1)
    return {"nodes": rows[:size], "nextCursor": str(rows[size - 1]["seq"]) if len(rows) > size else None}


def _place(cursor: str | None) -> int:
    try:
        return int(cursor or 0)
    except ValueError:
        raise MalformedRequestError(f"'{cursor}' is not a cursor of this list") from None


def _moment(text: str) -> int:
    try:
        return to_microseconds(datetime.fromisoformat(text))
    except ValueError as error:
        raise MalformedRequestError(str(error)) from None


@query("labelVersion")
def get_version(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    found = platform.store.row(f"{_SELECT} WHERE label_version.id = ?", where["id"])
    if found is None:
        raise NotFoundError(f"Label version {where['id']} not found")
    return found


@version_fields("stage")
def stage_of_version(version: dict[str, Any], info: Any) -> dict[str, Any] | None:  # noqa: ARG001 - a resolver's signature
    if version["queue"] is None:
        return None
    return {"taskQueueId": version["queue"], "name": version["queue_name"], "type": version["queue_type"]}


@version_fields("annotationCount")
def annotation_count(version: dict[str, Any], info: Any) -> int:  # noqa: ARG001
    content = orjson.loads(version["label"])
    return sum(len(annotations) for part, annotations in content.items() if part != "relationships")


@version_fields("labelJson")
def label_json(version: dict[str, Any], info: Any) -> Any:  # noqa: ARG001
    return orjson.loads(version["label"])
