"""The workflow of a project: its task queues, where its rows are, and how they move."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import NotFoundError
from labelbox_local.graph import Fields, project_changes, project_fields
from labelbox_local.identifiers import new_id, new_ids, now
from labelbox_local.search import conditions
from labelbox_local.store import as_list
from labelbox_local.webhooks import emit
from labelbox_local.workers import TaskFailedError, runs

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

LABELING = "MANUAL_LABELING_QUEUE"
REVIEW = "MANUAL_REVIEW_QUEUE"
REWORK = "MANUAL_REWORK_QUEUE"
MOVE_TASK = "send-to-task-queue"
PRIORITY_TASK = "queue-priority-update"
_QUEUES = (
    (LABELING, "Initial labeling task", "Data rows that wait for their first label"),
    (REVIEW, "Initial review task", "Labels that wait for a review"),
    (REWORK, "Rework (all rejected)", "Labels that a review rejected"),
)
_STATUSES = {LABELING: "TO_LABEL", REVIEW: "IN_REVIEW", REWORK: "IN_REWORK", None: "DONE"}
_COUNTS = f"""SELECT count(*) AS "All", coalesce(sum(type = '{LABELING}'), 0) AS Unlabeled,
    coalesce(sum(labels > 0), 0) AS Labeled, coalesce(sum(type = '{REVIEW}'), 0) AS InReview,
    coalesce(sum(type = '{REWORK}'), 0) AS InRework, coalesce(sum(skipped), 0) AS Skipped,
    coalesce(sum(queue IS NULL), 0) AS Done, coalesce(sum(queue IS NULL), 0) AS NotInTaskQueue
    FROM project_row LEFT JOIN task_queue ON task_queue.id = queue
    WHERE project_row.project = ? AND (? IS NULL OR batch IN (SELECT value FROM json_each(?)))"""  # noqa: S608 - constants only
_MOVE_BATCH = 5_000
queue_fields = Fields("TaskQueue")


def add_queues(write: sqlite3.Connection, project_id: str) -> None:
    """Give a new project the queues every project starts with."""
    write.executemany(
        "INSERT INTO task_queue VALUES (?, ?, ?, ?, ?, ?)",
        [(new_id(), project_id, position, *queue) for position, queue in enumerate(_QUEUES)],
    )


def queue_of_type(platform: Platform, project_id: str, queue_type: str) -> str:
    """The id of the first queue of that type.

    Raises:
        NotFoundError: the project has none.
    """
    found = platform.store.row(
        "SELECT id FROM task_queue WHERE project = ? AND type = ? ORDER BY position LIMIT 1", project_id, queue_type
    )
    if found is None:
        raise NotFoundError(f"Project {project_id} has no {queue_type}")
    return str(found["id"])


def status_of(queue_type: str | None) -> str:
    """What exports call the workflow status of a row in a queue of that type; None stands for done."""
    return _STATUSES[queue_type]


def move_rows(
    platform: Platform,
    write: sqlite3.Connection,
    project_id: str,
    data_rows: list[int],
    queue_id: str | None,
    action: str = "Move",
    user: str | None = None,
) -> int:
    """Move rows of a project to a queue, or to done without one; how many were moved. Others are left out.

    :param data_rows: their `seq`
    :param action: what the history says: Move, Submit, Skip, Approve, Reject
    :param user: who does it; the user of the API by default
    """
    moment, actor, chosen = now(), user or platform.store.user, as_list(data_rows)
    there = "FROM project_row WHERE project = ? AND data_row IN (SELECT value FROM json_each(?))"
    heard = _is_heard(write, project_id)
    moved = write.execute(f"SELECT data_row, queue {there}", (project_id, chosen)).fetchall() if heard else []
    count = write.execute(
        "INSERT INTO workflow_move (project, data_row, action, previous_queue, next_queue, created_by, created_at)"
        f" SELECT project, data_row, ?, queue, ?, ?, ? {there}",
        (action, queue_id, actor, moment, project_id, chosen),
    ).rowcount
    write.execute(
        "UPDATE project_row SET queue = ? WHERE project = ? AND data_row IN (SELECT value FROM json_each(?))",
        (queue_id, project_id, chosen),
    )
    touch(write, project_id, data_rows, moment)
    _tell(platform, write, project_id, moved, queue_id, action, actor)
    return count


def _is_heard(write: sqlite3.Connection, project_id: str) -> bool:
    """Whether any webhook listens to the project."""
    found = write.execute(
        "SELECT 1 FROM webhook WHERE status = 'ACTIVE' AND (project IS NULL OR project = ?) LIMIT 1", (project_id,)
    )
    return found.fetchone() is not None


def add_rows_to_queue(
    write: sqlite3.Connection, project_id: str, batch_id: str, data_rows: list[int], queue_id: str | None, priority: int
) -> int:
    """Send rows to a project with a batch; how many were sent. Those that are there already stay where they are."""
    moment = now()
    added = write.execute(
        "INSERT OR IGNORE INTO project_row (project, data_row, batch, queue, priority, added_at)"
        " SELECT ?, value, ?, ?, ?, ? FROM json_each(?)",
        (project_id, batch_id, queue_id, priority, moment, as_list(data_rows)),
    ).rowcount
    touch(write, project_id, data_rows, moment)
    return added


def touch(write: sqlite3.Connection, project_id: str, data_rows: list[int], moment: int) -> None:
    """Something happened to rows of a project: exports filter by the time of it."""
    write.execute("UPDATE project SET last_activity_at = ? WHERE id = ?", (moment, project_id))
    write.execute(
        "UPDATE data_row SET last_activity_at = ? WHERE seq IN (SELECT value FROM json_each(?))",
        (moment, as_list(data_rows)),
    )


def _tell(
    platform: Platform,
    write: sqlite3.Connection,
    project_id: str,
    moved: list[dict[str, Any]],
    queue_id: str | None,
    action: str,
    actor: str,
) -> None:
    """Emit WORKFLOW_ACTION for each row."""
    queues = {
        row["id"]: {"id": row["id"], "name": row["name"], "type": row["type"]}
        for row in write.execute("SELECT * FROM task_queue WHERE project = ?", (project_id,))
    }
    user = write.execute("SELECT id, email FROM user WHERE id = ?", (actor,)).fetchone()
    for row in moved:
        keys = "SELECT id, global_key AS globalKey, external_id AS externalId FROM data_row WHERE seq = ?"
        body = {
            "action": action.upper(),
            "createdBy": user,
            "dataRow": write.execute(keys, (row["data_row"],)).fetchone(),
            "previousTask": queues.get(row["queue"]),
            "nextTask": queues.get(queue_id),
        }
        emit(platform, write, "WORKFLOW_ACTION", project_id, body)


def count_labels(write: sqlite3.Connection, project_id: str, data_rows: list[int]) -> None:
    """Write down how many labels rows of a project have, after labels came or went."""
    write.execute(
        "UPDATE project_row SET labels = (SELECT count(*) FROM label WHERE label.project = project_row.project"
        " AND label.data_row = project_row.data_row AND coalesce(label.deleted, 0) = 0)"
        " WHERE project = ? AND data_row IN (SELECT value FROM json_each(?))",
        (project_id, as_list(data_rows)),
    )


@project_fields("taskQueues")
def task_queues(project: dict[str, Any], info: Any) -> list[dict[str, Any]]:
    platform: Platform = info.context
    return platform.store.rows(
        "SELECT id, project, type AS queueType, name, description FROM task_queue WHERE project = ? ORDER BY position",
        project["id"],
    )


@queue_fields("dataRowCount")
def data_row_count(queue: dict[str, Any], info: Any, input: dict[str, Any] | None = None) -> int:  # noqa: A002
    platform: Platform = info.context
    filters = ((input or {}).get("searchQuery") or {}).get("query") or []
    text, parameters = conditions(platform, filters, queue["project"])
    found = platform.store.row(
        f"SELECT count(*) AS rows FROM project_row JOIN data_row ON data_row.seq = project_row.data_row"  # noqa: S608
        f" WHERE project = ? AND queue = ? AND {text}",
        queue["project"],
        queue["id"],
        *parameters,
    )
    return int(found["rows"]) if found else 0


@project_fields("workstreamStateCounts")
def workstream_state_counts(
    project: dict[str, Any],
    info: Any,
    batchIds: list[str] | None = None,  # noqa: N803
) -> list[dict[str, Any]]:
    platform: Platform = info.context
    chosen = None if batchIds is None else as_list(batchIds)
    counts = platform.store.rows(_COUNTS, project["id"], chosen, chosen)[0]
    return [{"state": state, "count": count} for state, count in counts.items()]


@project_fields("completedDataRowCount")
def completed_data_row_count(project: dict[str, Any], info: Any) -> int:
    platform: Platform = info.context
    found = platform.store.row(
        "SELECT count(*) AS rows FROM project_row WHERE project = ? AND queue IS NULL", project["id"]
    )
    return int(found["rows"]) if found else 0


@project_changes("createBulkAddRowsToQueueTask")
def create_move_task(project: dict[str, Any], info: Any, data: dict[str, Any]) -> dict[str, str]:
    """Start moving rows to a queue, or to done without one."""
    from labelbox_local.tasks import start_task  # tasks know nothing of projects

    platform: Platform = info.context
    queue_id = data.get("queueId")
    known = {queue["id"] for queue in task_queues(project, info)}
    if queue_id is not None and queue_id not in known:
        raise NotFoundError(f"Task queue {queue_id} not found in project {project['id']}")
    rows = data["dataRowIdentifiers"]
    payload = {"project": project["id"], "queue": queue_id, "rows": rows}
    field, count = "createBulkAddRowsToQueueTask", len(rows["ids"])
    return {"taskId": start_task(platform, MOVE_TASK, f"Move {count} data rows", payload, count, field)}


@runs(MOVE_TASK, lane="projects")
def run_move(platform: Platform, task: dict[str, Any]) -> None:
    payload = orjson.loads(task["payload"])
    found = rows_in_project(platform, payload["project"], payload["rows"])
    for start in range(0, len(found), _MOVE_BATCH):
        with platform.store.writing() as write:
            move_rows(platform, write, payload["project"], found[start : start + _MOVE_BATCH], payload["queue"])
    _count_done(platform, task, len(found))


def rows_in_project(platform: Platform, project_id: str, identifiers: dict[str, Any]) -> list[int]:
    """The `seq` of the rows named by id or global key (`{ids, idType}`).

    Raises:
        TaskFailedError: none of them is in the project.
    """
    column = "global_key" if identifiers["idType"] == "GKEY" else "id"
    found = platform.store.rows(
        f"SELECT seq FROM data_row JOIN project_row ON project_row.data_row = data_row.seq"  # noqa: S608
        f" WHERE project = ? AND {column} IN (SELECT value FROM json_each(?))",
        project_id,
        as_list(identifiers["ids"]),
    )
    if not found:
        raise TaskFailedError(f"None of the data rows is in project {project_id}")
    return [row["seq"] for row in found]


def _count_done(platform: Platform, task: dict[str, Any], done: int) -> None:
    with platform.store.writing() as write:
        write.execute(
            "UPDATE task SET succeeded = ?, failed = total - ? WHERE seq = ?",
            (done, min(done, task["total"]), task["seq"]),
        )


@project_changes("createQueuePriorityUpdateTask")
def create_priority_task(project: dict[str, Any], info: Any, data: dict[str, Any]) -> dict[str, str]:
    from labelbox_local.tasks import start_task

    platform: Platform = info.context
    rows = data["dataRowIdentifiers"]
    payload = {"project": project["id"], "priority": data["priority"], "rows": rows}
    field, count = "createQueuePriorityUpdateTask", len(rows["ids"])
    return {"taskId": start_task(platform, PRIORITY_TASK, f"Priority of {count} data rows", payload, count, field)}


@runs(PRIORITY_TASK, lane="projects")
def run_priority(platform: Platform, task: dict[str, Any]) -> None:
    payload = orjson.loads(task["payload"])
    found = rows_in_project(platform, payload["project"], payload["rows"])
    with platform.store.writing() as write:
        _set_priority(write, payload["project"], found, payload["priority"])
    _count_done(platform, task, len(found))


def _set_priority(write: sqlite3.Connection, project_id: str, data_rows: list[int], priority: int) -> None:
    """Set the priority by hand; an override that a row has keeps its id."""
    there = "project = ? AND data_row IN (SELECT value FROM json_each(?))"
    chosen = (project_id, as_list(data_rows))
    fresh = write.execute(f"SELECT data_row FROM project_row WHERE {there} AND override IS NULL", chosen).fetchall()  # noqa: S608
    write.executemany(
        "UPDATE project_row SET override = ? WHERE project = ? AND data_row = ?",
        [(override, project_id, row["data_row"]) for override, row in zip(new_ids(len(fresh)), fresh, strict=True)],
    )
    write.execute(f"UPDATE project_row SET priority = ? WHERE {there}", (priority, *chosen))  # noqa: S608


@project_changes("setLabelingParameterOverrides")
def set_labeling_parameter_overrides(
    project: dict[str, Any],
    info: Any,
    dataWithDataRowIdentifiers: list[dict[str, Any]],  # noqa: N803
) -> dict[str, bool]:
    platform: Platform = info.context
    priorities: dict[int, int] = {}
    for each in dataWithDataRowIdentifiers:
        identifier = each["dataRowIdentifier"]
        try:
            found = rows_in_project(
                platform, project["id"], {"ids": [identifier["id"]], "idType": identifier["idType"]}
            )
        except TaskFailedError:
            raise NotFoundError(f"Data row {identifier['id']} is not in project {project['id']}") from None
        priorities[found[0]] = each["priority"]
    with platform.store.writing() as write:
        for row, priority in priorities.items():
            _set_priority(write, project["id"], [row], priority)
    return {"success": True}


@project_fields("labelingParameterOverrides")
def labeling_parameter_overrides(
    project: dict[str, Any], info: Any, skip: int = 0, first: int = 100, **__: Any
) -> list[dict[str, Any]]:
    """Those whose priority was set by hand; the number of labels is always one (the SDK cannot set it)."""
    platform: Platform = info.context
    return platform.store.rows(
        "SELECT override AS id, priority, 1 AS numberOfLabels, data_row.id AS dataRowId FROM project_row"
        " JOIN data_row ON data_row.seq = project_row.data_row WHERE project = ? AND override IS NOT NULL"
        " ORDER BY priority, data_row.seq LIMIT ? OFFSET ?",
        project["id"], first, skip,
    )  # fmt: skip


override_fields = Fields("LabelingParameterOverride")


@override_fields("dataRow")
def data_row_of_override(override: dict[str, Any], info: Any) -> dict[str, Any]:
    from labelbox_local.data_rows import find_data_row

    return find_data_row(info.context, override["dataRowId"])
