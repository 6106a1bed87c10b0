"""Issues: what somebody finds wrong with a data row or a label in a project (SDK schema/issue.py)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import MalformedRequestError, NotFoundError
from labelbox_local.graph import Fields, mutation, project_fields, query
from labelbox_local.identifiers import new_id, now, timestamp
from labelbox_local.ontologies import place
from labelbox_local.organization import created_by
from labelbox_local.projects import find_project
from labelbox_local.store import as_list
from labelbox_local.workflow import touch

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_REPLIED_AT = "(SELECT max(created_at) FROM issue_comment WHERE issue_comment.issue = issue.id)"
_SELECT = f"""SELECT issue.seq, issue.id, issue.project, CAST(number AS TEXT) AS friendlyId, label AS labelId,
    issue.data_row, data_row.id AS dataRowId, category AS categoryId, content, position, status, issue.created_by,
    resolved_by, issue.created_at AS createdAt, issue.updated_at AS updatedAt, resolved_at AS resolvedAt,
    content_updated_at AS contentUpdatedAt, {_REPLIED_AT} AS latestReplyAt
    FROM issue JOIN data_row ON data_row.seq = issue.data_row"""  # noqa: S608 - constants only
_OPEN, _RESOLVED = "Open", "Resolved"
_MOMENTS = ("createdAt", "updatedAt", "resolvedAt")
issue_fields = Fields("Issue")
issue_fields("createdBy")(created_by)


def find_issue(platform: Platform, issue_id: str) -> dict[str, Any]:
    """The issue with that id, in the shape of the GraphQL type.

    Raises:
        NotFoundError: there is none.
    """
    found = platform.store.row(f"{_SELECT} WHERE issue.id = ?", issue_id)
    if found is None:
        raise NotFoundError(f"Issue {issue_id} not found")
    return found


@query("issue")
def get_issue(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return find_issue(info.context, where["id"])


@issue_fields("position")
def position_of_issue(issue: dict[str, Any], info: Any) -> Any:  # noqa: ARG001 - a resolver's signature
    return orjson.loads(issue["position"])


@issue_fields("resolvedBy")
def resolved_by(issue: dict[str, Any], info: Any) -> dict[str, Any] | None:
    return created_by({"created_by": issue["resolved_by"]}, info) if issue["resolved_by"] else None


@project_fields("issues")
def issues_of_project(
    project: dict[str, Any],
    info: Any,
    where: dict[str, Any] | None = None,
    after: str | None = None,
    first: int = 100,
) -> dict[str, Any]:
    """Only issues of labels are listed, as the platform does (SDK project.get_issues); oldest first."""
    platform: Platform = info.context
    text, parameters = _condition(where or {})
    text, parameters = f"issue.project = ? AND label IS NOT NULL AND {text}", [project["id"], *parameters]
    rows = platform.store.rows(
        f"{_SELECT} WHERE {text} AND issue.seq > ? ORDER BY issue.seq LIMIT ?", *parameters, place(after), first + 1
    )
    # The SDK takes the count of a project for that of its data rows with issues (schema/project_overview.py).
    counted = platform.store.rows(
        "SELECT count(DISTINCT issue.data_row) AS rows FROM issue JOIN data_row ON data_row.seq = issue.data_row"  # noqa: S608
        f" WHERE {text}",
        *parameters,
    )
    more = str(rows[first - 1]["seq"]) if len(rows) > first else None
    return {"nodes": rows[:first], "nextCursor": more, "totalCount": counted[0]["rows"]}


def _condition(where: dict[str, Any]) -> tuple[str, list[Any]]:
    """What is asked of issues, as SQL and its parameters."""
    parts = {
        "status = ?": where.get("status"),
        "data_row.id = ?": (where.get("dataRow") or {}).get("id"),
        "category = ?": where.get("categoryId"),
        "instr(lower(content), lower(?))": where.get("content"),
    }
    wanted = {text: value for text, value in parts.items() if value is not None}
    if where.get("createdByIds") is not None:
        wanted["issue.created_by IN (SELECT value FROM json_each(?))"] = as_list(where["createdByIds"])
    return " AND ".join(wanted) or "1", list(wanted.values())


@mutation("createIssue")
def create_issue(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    """The data row need not be in the project.

    Raises:
        NotFoundError: project, data row, label or category are not there.
        MalformedRequestError: there is nothing said.
    """
    platform: Platform = info.context
    project, issue_id, moment = find_project(platform, data["projectId"]), new_id(), now()
    with platform.store.writing() as write:
        changes = _changes(write, project["id"], data)
        row = write.execute("SELECT seq FROM data_row WHERE id = ?", (data["dataRowId"],)).fetchone()
        if row is None:
            raise NotFoundError(f"Data row {data['dataRowId']} not found")
        if "content" not in changes:
            raise MalformedRequestError("An issue needs content")
        write.execute(
            "INSERT INTO issue (id, project, number, data_row, label, category, content, position, status, created_by,"
            " created_at, updated_at) VALUES (?, ?, (SELECT coalesce(max(number), 0) + 1 FROM issue WHERE project = ?),"
            " ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (issue_id, project["id"], project["id"], row["seq"], changes.get("label"), changes.get("category"),
             changes["content"], changes.get("position", "null"), _OPEN, platform.store.user, moment, moment),
        )  # fmt: skip
        touch(write, project["id"], [row["seq"]], moment)
    return find_issue(platform, issue_id)


def _changes(write: sqlite3.Connection, project: str, data: dict[str, Any]) -> dict[str, Any]:
    """What is said of an issue, by column. Raises: NotFoundError, MalformedRequestError."""
    changes: dict[str, Any] = {}
    if data.get("content") is not None:
        changes["content"] = checked_content(data["content"])
    if data.get("position") is not None:
        changes["position"] = orjson.dumps(data["position"]).decode()
    places = (
        ("labelId", "label", "SELECT 1 FROM label WHERE id = ? AND project = ? AND deleted = 0"),
        ("categoryId", "category", "SELECT 1 FROM issue_category WHERE id = ? AND project = ?"),
    )
    for name, column, there in places:
        if data.get(name) is not None:
            if write.execute(there, (data[name], project)).fetchone() is None:
                raise NotFoundError(f"There is no {column} {data[name]} in project {project}")
            changes[column] = data[name]
    return changes


def checked_content(content: str) -> str:
    """Raises: MalformedRequestError: nothing is said."""
    if not content.strip():
        raise MalformedRequestError("Issues and comments need content")
    return content


@mutation("updateIssue")
def update_issue(_: Any, info: Any, where: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    found, moment = find_issue(platform, where["id"]), now()
    with platform.store.writing() as write:
        changes = _changes(write, found["project"], data)
        if "content" in changes:
            changes["content_updated_at"] = moment
        _change(write, found, changes, moment)
    return find_issue(platform, found["id"])


@mutation("resolveIssue")
def resolve_issue(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    changes = {"status": _RESOLVED, "resolved_by": platform.store.user, "resolved_at": now()}
    return _with_status(platform, where["id"], changes)


@mutation("openIssue")
def open_issue(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return _with_status(info.context, where["id"], {"status": _OPEN, "resolved_by": None, "resolved_at": None})


def _with_status(platform: Platform, issue_id: str, changes: dict[str, Any]) -> dict[str, Any]:
    """An issue that has the status already stays as it is."""
    found = find_issue(platform, issue_id)
    if found["status"] != changes["status"]:
        with platform.store.writing() as write:
            _change(write, found, changes, now())
    return find_issue(platform, issue_id)


def _change(write: sqlite3.Connection, found: dict[str, Any], changes: dict[str, Any], moment: int) -> None:
    changes = {**changes, "updated_at": moment}
    assignments = ", ".join(f"{column} = ?" for column in changes)
    write.execute(f"UPDATE issue SET {assignments} WHERE seq = ?", (*changes.values(), found["seq"]))  # noqa: S608
    touch(write, found["project"], [found["data_row"]], moment)


@mutation("deleteIssue")
def delete_issues(_: Any, info: Any, data: dict[str, Any]) -> bool:
    """Those that are not there are passed over (SDK project.delete_issues)."""
    platform: Platform = info.context
    with platform.store.writing() as write:
        _delete(write, "id IN (SELECT value FROM json_each(?))", as_list(data["issueIds"]))
    return True


def delete_of_rows(write: sqlite3.Connection, data_rows: list[int]) -> None:
    """Data rows are deleted, and what was said of them."""
    _delete(write, "data_row IN (SELECT value FROM json_each(?))", as_list(data_rows))


def delete_of_project(write: sqlite3.Connection, project: str) -> None:
    _delete(write, "project = ?", project)
    write.execute("DELETE FROM issue_category WHERE project = ?", (project,))


def _delete(write: sqlite3.Connection, condition: str, value: str) -> None:
    write.execute(f"DELETE FROM issue_comment WHERE issue IN (SELECT id FROM issue WHERE {condition})", (value,))  # noqa: S608
    write.execute(f"DELETE FROM issue WHERE {condition}", (value,))  # noqa: S608 - conditions are ours


@project_fields("issueExportUrl")
def issue_export_url(project: dict[str, Any], info: Any, where: dict[str, Any] | None = None) -> str:
    """The address of a file that is made when it is read."""
    platform: Platform = info.context
    return platform.file_url(f"issues/{project['id']}/{(where or {}).get('status') or 'all'}")


def exported_issues(platform: Platform, project: str, status: str) -> Iterator[dict[str, Any]]:
    """The issues of a project with their comments; with `status` Open or Resolved those only, else all of them."""
    emails = {row["id"]: row["email"] for row in platform.store.rows("SELECT id, email FROM user")}
    text, parameters = _condition({"status": status if status in {_OPEN, _RESOLVED} else None})
    for issue in platform.store.rows(
        f"{_SELECT} WHERE issue.project = ? AND {text} ORDER BY issue.seq", project, *parameters
    ):
        comments = platform.store.rows(
            "SELECT id, content, created_by, created_at FROM issue_comment WHERE issue = ? ORDER BY seq", issue["id"]
        )
        yield {
            **{key: issue[key] for key in ("id", "friendlyId", "dataRowId", "labelId", "categoryId", "content")},
            "position": orjson.loads(issue["position"]),
            "status": issue["status"],
            "createdBy": emails.get(issue["created_by"]),
            **{key: timestamp(issue[key]) if issue[key] else None for key in _MOMENTS},
            "resolvedBy": emails.get(issue["resolved_by"]),
            "comments": [
                {
                    "id": comment["id"],
                    "content": comment["content"],
                    "createdBy": emails.get(comment["created_by"]),
                    "createdAt": timestamp(comment["created_at"]),
                }
                for comment in comments
            ],
        }
