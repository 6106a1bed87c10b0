"""Labels: kept per data row and project, listed, and deleted."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import NotFoundError
from labelbox_local.graph import Fields, data_row_fields, mutation, project_fields, query
from labelbox_local.identifiers import new_id, now
from labelbox_local.label_content import EMPTY
from labelbox_local.organization import created_by
from labelbox_local.store import as_list
from labelbox_local.webhooks import are_wanted, emit
from labelbox_local.workflow import LABELING, count_labels, move_rows, touch

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_SELECT = """SELECT label.seq, label.id, label.project, label.data_row, label.content AS label,
    label.is_benchmark AS isBenchmarkReference, label.is_skipped AS isSkipped,
    label.seconds_to_label AS secondsToLabel, label.created_by, label.created_at AS createdAt,
    label.updated_at AS updatedAt FROM label"""
_BATCH = 5_000
label_fields = Fields("Label")
label_fields("createdBy")(created_by)


@dataclass(slots=True)
class NewLabel:
    """A label to be stored; masks are those of label_content.Content."""

    data_row: int
    content: str = EMPTY
    plain: bool = True
    masks: list[tuple[Any, ...]] = field(default_factory=list)
    is_benchmark: bool = False
    is_skipped: bool = False
    seconds: float = 0.0
    id: str = field(default_factory=new_id)


def add_labels(
    platform: Platform,
    write: sqlite3.Connection,
    project: str,
    labels: list[NewLabel],
    *,
    user: str | None = None,
    source: str | None = None,
    moved: frozenset[int] = frozenset(),
) -> None:
    """Store labels of a project, count them and tell of them. The rows stay where they are in the workflow.

    :param source: id of the annotation import they came with
    :param moved: rows that are moved right after, which is the activity to remember
    """
    moment, user = now(), user or platform.store.user
    write.executemany(
        "INSERT INTO label (id, project, data_row, content, plain, is_benchmark, is_skipped, seconds_to_label, import,"
        " created_by, created_at, updated_at, content_updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (each.id, project, each.data_row, each.content, each.plain, each.is_benchmark, each.is_skipped,
             each.seconds, source, user, moment, moment, moment)
            for each in labels
        ],
    )  # fmt: skip
    write.executemany(
        "INSERT INTO mask VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(each.id, *mask) for each in labels for mask in each.masks],
    )
    rows = [each.data_row for each in labels]
    count_labels(write, project, rows)
    touch(write, project, [row for row in rows if row not in moved], moment)
    tell(platform, write, "LABEL_CREATED", project, [each.id for each in labels])


def tell(platform: Platform, write: sqlite3.Connection, topic: str, project: str, label_ids: list[str]) -> None:
    """Emit a webhook event for each of the labels, if anybody listens."""
    if not are_wanted(platform, topic, project):
        return
    sql = f"{_SELECT} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY seq"  # noqa: S608 - constants only
    row_keys = "SELECT id, global_key AS globalKey, external_id AS externalId, row_data AS rowData FROM data_row"
    for label in write.execute(sql, (as_list(label_ids),)).fetchall():
        user = write.execute("SELECT id, email FROM user WHERE id = ?", (label["created_by"],)).fetchone()
        body = {
            **{key: label[key] for key in ("id", "createdAt", "updatedAt", "label", "secondsToLabel")},
            "isSkipped": bool(label["isSkipped"]),
            "createdBy": user,
            "dataRow": write.execute(f"{row_keys} WHERE seq = ?", (label["data_row"],)).fetchone(),
        }
        emit(platform, write, topic, project, body)


def find_label(platform: Platform, label_id: str) -> dict[str, Any]:
    """The label with that id that is not deleted, in the shape of the GraphQL type.

    Raises:
        NotFoundError: there is none.
    """
    found = platform.store.row(f"{_SELECT} WHERE id = ? AND deleted = 0", label_id)
    if found is None:
        raise NotFoundError(f"Label {label_id} not found")
    return found


@query("label")
def get_label(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return find_label(info.context, where["id"])


@project_fields("labels")
def labels_of_project(
    project: dict[str, Any], info: Any, where: dict[str, Any] | None = None, skip: int = 0, first: int = 100
) -> list[dict[str, Any]]:
    """Oldest first; `where` may name who made them and the datasets of their rows (SDK Project.labels)."""
    platform: Platform = info.context
    text, parameters = "deleted = 0 AND project = ?", [project["id"]]
    maker = ((where or {}).get("createdBy") or {}).get("id")
    if maker is not None:
        text, parameters = f"{text} AND created_by = ?", [*parameters, maker]
    datasets = (((where or {}).get("dataRow") or {}).get("dataset") or {}).get("id_in")
    if datasets is not None:
        of_datasets = "SELECT seq FROM data_row WHERE dataset IN (SELECT value FROM json_each(?))"
        text, parameters = f"{text} AND data_row IN ({of_datasets})", [*parameters, as_list(datasets)]
    return platform.store.rows(f"{_SELECT} WHERE {text} ORDER BY seq LIMIT ? OFFSET ?", *parameters, first, skip)


@data_row_fields("labels")
def labels_of_data_row(
    row: dict[str, Any],
    info: Any,
    where: dict[str, Any] | None = None,  # noqa: ARG001 - the SDK asks for those not deleted, and there are no others
    skip: int = 0,
    first: int = 100,
) -> list[dict[str, Any]]:
    platform: Platform = info.context
    sql = f"{_SELECT} WHERE deleted = 0 AND data_row = ? ORDER BY seq LIMIT ? OFFSET ?"
    return platform.store.rows(sql, row["seq"], first, skip)


@label_fields("project")
def project_of_label(label: dict[str, Any], info: Any) -> dict[str, Any]:
    from labelbox_local.projects import find_project  # a project has labels

    return find_project(info.context, label["project"])


@label_fields("dataRow")
def data_row_of_label(label: dict[str, Any], info: Any) -> dict[str, Any]:
    from labelbox_local.data_rows import find_data_row  # a data row has labels

    platform: Platform = info.context
    found = platform.store.rows("SELECT id FROM data_row WHERE seq = ?", label["data_row"])
    return find_data_row(platform, found[0]["id"])


@mutation("deleteLabels")
def delete_labels_by_ids(_: Any, info: Any, labelIds: list[str]) -> list[dict[str, Any]]:  # noqa: N803
    """Labels of rows that were done or in review go back to labeling with them."""
    return [{"id": label_id} for label_id in delete_labels(info.context, labelIds)]


def delete_labels(platform: Platform, label_ids: list[str], *, keep_as_template: bool = False) -> list[str]:
    """Delete labels; those of their rows without another label are queued for labeling again. The ids deleted.

    :param keep_as_template: leave what they say as a prediction, for the labelers to start from
    """
    sql = f"{_SELECT} WHERE deleted = 0 AND id IN (SELECT value FROM json_each(?))"  # noqa: S608 - constants only
    found = platform.store.rows(sql, as_list(label_ids))
    for project in dict.fromkeys(label["project"] for label in found):
        mine = [label for label in found if label["project"] == project]
        for start in range(0, len(mine), _BATCH):
            with platform.store.writing() as write:
                _delete(platform, write, project, mine[start : start + _BATCH], keep_as_template=keep_as_template)
    return [label["id"] for label in found]


def _delete(
    platform: Platform,
    write: sqlite3.Connection,
    project: str,
    labels: list[dict[str, Any]],
    *,
    keep_as_template: bool = False,
) -> None:
    ids = as_list(label["id"] for label in labels)
    rows = list(dict.fromkeys(label["data_row"] for label in labels))
    tell(platform, write, "LABEL_DELETED", project, [label["id"] for label in labels])
    if keep_as_template:
        write.execute(
            "INSERT INTO prediction (id, parent, data_row, content, plain, import, created_at)"
            " SELECT id, project, data_row, content, plain, 'template', ? FROM label"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (now(), ids),
        )
    write.execute(
        "UPDATE label SET deleted = 1, updated_at = ? WHERE id IN (SELECT value FROM json_each(?))", (now(), ids)
    )
    write.execute("UPDATE model_run_row SET label = NULL WHERE label IN (SELECT value FROM json_each(?))", (ids,))
    count_labels(write, project, rows)
    touch(write, project, rows, now())
    queue = write.execute("SELECT id FROM task_queue WHERE project = ? AND type = ?", (project, LABELING)).fetchone()
    empty = write.execute(
        "SELECT data_row FROM project_row WHERE project = ? AND labels = 0 AND queue IS NOT ?"
        " AND data_row IN (SELECT value FROM json_each(?))",
        (project, queue["id"] if queue else None, as_list(rows)),
    ).fetchall()
    if queue and empty:
        move_rows(platform, write, project, [row["data_row"] for row in empty], queue["id"])


def delete_stored(write: sqlite3.Connection, project: str, rows: list[int], user: str | None = None) -> None:
    """Take away the labels of rows (of one user), for new ones to come; benchmarks stay. Nothing is queued again."""
    write.execute(
        "UPDATE label SET deleted = 1, updated_at = ? WHERE project = ? AND created_by = coalesce(?, created_by)"
        " AND deleted = 0 AND NOT is_benchmark AND data_row IN (SELECT value FROM json_each(?))",
        (now(), project, user, as_list(rows)),
    )


def delete_of_rows(write: sqlite3.Connection, data_rows: list[int]) -> None:
    """Data rows are deleted: nothing of what was said about them stays."""
    chosen = (as_list(data_rows),)
    of_rows = "data_row IN (SELECT value FROM json_each(?))"
    _delete_belongings(write, f"SELECT seq FROM label WHERE {of_rows}", chosen)  # noqa: S608 - constants only
    for table in ("label", "prediction"):
        write.execute(
            f"DELETE FROM mask WHERE owner IN (SELECT id FROM {table} WHERE {of_rows})",  # noqa: S608
            chosen,
        )
        write.execute(f"DELETE FROM {table} WHERE {of_rows}", chosen)  # noqa: S608


def delete_of_project(write: sqlite3.Connection, project: str) -> None:
    """A project is deleted: its labels and pre-labels go with it."""
    _delete_belongings(write, "SELECT seq FROM label WHERE project = ?", (project,))
    write.execute("DELETE FROM mask WHERE owner IN (SELECT id FROM label WHERE project = ?)", (project,))
    write.execute("DELETE FROM mask WHERE owner IN (SELECT id FROM prediction WHERE parent = ?)", (project,))
    write.execute("DELETE FROM label WHERE project = ?", (project,))
    write.execute("DELETE FROM prediction WHERE parent = ?", (project,))
    write.execute("DELETE FROM annotation_import WHERE parent = ?", (project,))


def _delete_belongings(write: sqlite3.Connection, labels: str, parameters: tuple[Any, ...]) -> None:
    for table in ("review", "label_version"):
        write.execute(f"DELETE FROM {table} WHERE label IN ({labels})", parameters)  # noqa: S608 - constants only


def is_annotated(platform: Platform, ontology: str, feature: str) -> bool:
    """Whether a label of a project with that ontology uses the feature."""
    found = platform.store.row(
        "SELECT 1 FROM label JOIN project ON project.id = label.project WHERE project.ontology = ?"
        " AND label.deleted = 0 AND instr(label.content, ?) LIMIT 1",
        ontology,
        orjson.dumps(feature).decode(),
    )
    return found is not None
