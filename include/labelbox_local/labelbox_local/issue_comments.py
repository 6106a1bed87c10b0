"""Comments on issues."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from labelbox_local.errors import NotFoundError
from labelbox_local.graph import Fields, mutation
from labelbox_local.identifiers import new_id, now
from labelbox_local.issues import checked_content, find_issue, issue_fields
from labelbox_local.organization import created_by
from labelbox_local.workflow import touch

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_SELECT = """SELECT id, issue, content, created_by, created_at AS createdAt, updated_at AS updatedAt
    FROM issue_comment"""
comment_fields = Fields("Comment")
comment_fields("createdBy")(created_by)


@issue_fields("comments")
def comments_of_issue(issue: dict[str, Any], info: Any) -> list[dict[str, Any]]:
    """Oldest first."""
    platform: Platform = info.context
    return platform.store.rows(f"{_SELECT} WHERE issue = ? ORDER BY seq", issue["id"])


@mutation("createComment")
def create_comment(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    issue, comment_id, moment = find_issue(platform, data["issueId"]), new_id(), now()
    with platform.store.writing() as write:
        write.execute(
            "INSERT INTO issue_comment (id, issue, content, created_by, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (comment_id, issue["id"], checked_content(data["content"]), platform.store.user, moment, moment),
        )
        _touch(write, issue, moment)
    return _find(platform, comment_id)


@mutation("updateComment")
def update_comment(_: Any, info: Any, where: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    found, moment = _find(platform, where["id"]), now()
    issue = find_issue(platform, found["issue"])
    with platform.store.writing() as write:
        write.execute(
            "UPDATE issue_comment SET content = ?, updated_at = ? WHERE id = ?",
            (checked_content(data["content"]), moment, found["id"]),
        )
        _touch(write, issue, moment)
    return _find(platform, found["id"])


@mutation("deleteComment")
def delete_comment(_: Any, info: Any, where: dict[str, Any]) -> bool:
    platform: Platform = info.context
    found = _find(platform, where["id"])
    issue = find_issue(platform, found["issue"])
    with platform.store.writing() as write:
        write.execute("DELETE FROM issue_comment WHERE id = ?", (found["id"],))
        _touch(write, issue, now())
    return True


def _find(platform: Platform, comment_id: str) -> dict[str, Any]:
    found = platform.store.row(f"{_SELECT} WHERE id = ?", comment_id)
    if found is None:
        raise NotFoundError(f"Comment {comment_id} not found")
    return found


def _touch(write: sqlite3.Connection, issue: dict[str, Any], moment: int) -> None:
    """Comments are activity of the data row (last_activity_at of exports)."""
    touch(write, issue["project"], [issue["data_row"]], moment)
