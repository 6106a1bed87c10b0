"""Members of projects and their roles there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelbox_local.errors import MalformedRequestError
from labelbox_local.graph import Fields, mutation, project_fields
from labelbox_local.identifiers import new_id
from labelbox_local.organization import find_user, role_named, role_of_id
from labelbox_local.projects import find_project
from labelbox_local.store import as_list

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

member_fields = Fields("ProjectMember")
# Whoever has a role in the organization has it in every project too.
_MEMBERS = """SELECT user.id AS userId, coalesce(project_member.id, user.id) AS id,
    coalesce(project_member.role, user.role) AS role,
    CASE WHEN user.role = 'None' THEN 'PROJECT_MEMBERSHIP' ELSE 'ORGANIZATION' END AS accessFrom
    FROM user LEFT JOIN project_member ON project_member.user = user.id AND project = ?
    WHERE user.deleted = 0 AND (user.role <> 'None' OR project_member.id IS NOT NULL)
    ORDER BY user.created_at, user.id LIMIT ? OFFSET ?"""


@project_fields("members")
def members_of_project(project: dict[str, Any], info: Any, skip: int = 0, first: int = 100) -> list[dict[str, Any]]:
    platform: Platform = info.context
    return platform.store.rows(_MEMBERS, project["id"], first, skip)


@member_fields("user")
def user_of_member(member: dict[str, Any], info: Any) -> dict[str, Any]:
    return find_user(info.context, member["userId"])


@member_fields("role")
def role_of_member(member: dict[str, Any], info: Any) -> dict[str, str]:  # noqa: ARG001 - a resolver's signature
    return role_named(member["role"])


@mutation("setProjectMembership")
def set_project_membership(_: Any, info: Any, data: dict[str, Any]) -> dict[str, str]:
    """Give a user a role in a project; the role None takes the user out of it."""
    platform: Platform = info.context
    project, user = find_project(platform, data["projectId"]), find_user(platform, data["userId"])
    role = role_of_id(data["roleId"])["name"]
    if user["role"] != "None":
        raise MalformedRequestError(f"{user['email']} has a role in the organization and so access to all projects")
    member_id = new_id()
    with platform.store.writing() as write:
        write.execute("DELETE FROM project_member WHERE project = ? AND user = ?", (project["id"], user["id"]))
        if role != "None":
            write.execute(
                "INSERT INTO project_member (id, project, user, role) VALUES (?, ?, ?, ?)",
                (member_id, project["id"], user["id"], role),
            )
    return {"id": member_id}


@mutation("deleteProjectMemberships")
def delete_project_memberships(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    project = find_project(platform, where["projectId"])
    chosen = (project["id"], as_list(where["userIds"]))
    there = "project = ? AND user IN (SELECT value FROM json_each(?))"
    with platform.store.writing() as write:
        known = {row["user"] for row in write.execute(f"SELECT user FROM project_member WHERE {there}", chosen)}  # noqa: S608
        strangers = [user for user in where["userIds"] if user not in known]
        if strangers:
            return {"success": False, "errorMessage": f"Not members of the project: {', '.join(strangers)}"}
        write.execute(f"DELETE FROM project_member WHERE {there}", chosen)  # noqa: S608
    return {"success": True, "errorMessage": None}
