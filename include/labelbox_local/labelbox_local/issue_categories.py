"""The categories that issues of a project can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelbox_local.errors import MalformedRequestError, NotFoundError
from labelbox_local.graph import mutation, project_fields
from labelbox_local.identifiers import new_id
from labelbox_local.projects import find_project

if TYPE_CHECKING:
    from labelbox_local.platform import Platform


@project_fields("issueCategories")
def issue_categories(project: dict[str, Any], info: Any) -> list[dict[str, Any]]:
    """In the order in which they were made."""
    platform: Platform = info.context
    return platform.store.rows("SELECT * FROM issue_category WHERE project = ? ORDER BY seq", project["id"])


@mutation("createIssueCategory")
def create_issue_category(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    project, category_id = find_project(platform, data["projectId"]), new_id()
    with platform.store.writing() as write:
        write.execute(
            "INSERT INTO issue_category (id, project, name, description) VALUES (?, ?, ?, ?)",
            (category_id, project["id"], _checked_name(data["name"]), data.get("description") or ""),
        )
    return _find(platform, category_id)


@mutation("editIssueCategory")
def edit_issue_category(_: Any, info: Any, where: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    found = _find(platform, where["id"])
    with platform.store.writing() as write:
        write.execute(
            "UPDATE issue_category SET name = ?, description = ? WHERE id = ?",
            (_checked_name(data["name"]), data.get("description") or "", found["id"]),
        )
    return _find(platform, found["id"])


@mutation("deleteIssueCategory")
def delete_issue_category(_: Any, info: Any, where: dict[str, Any]) -> bool:
    """Its issues are of no category then."""
    platform: Platform = info.context
    found = _find(platform, where["id"])
    with platform.store.writing() as write:
        write.execute("UPDATE issue SET category = NULL WHERE category = ?", (found["id"],))
        write.execute("DELETE FROM issue_category WHERE id = ?", (found["id"],))
    return True


def _find(platform: Platform, category_id: str) -> dict[str, Any]:
    found = platform.store.row("SELECT * FROM issue_category WHERE id = ?", category_id)
    if found is None:
        raise NotFoundError(f"Issue category {category_id} not found")
    return found


def _checked_name(name: str) -> str:
    if not name.strip():
        raise MalformedRequestError("An issue category needs a name")
    return name
