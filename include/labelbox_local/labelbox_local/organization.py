"""The organization, its users and their roles."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from labelbox_local.errors import ConflictError, MalformedRequestError, NotFoundError
from labelbox_local.graph import Fields, mutation, organization_fields, query, user_fields
from labelbox_local.identifiers import new_id, now

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

EMAIL = "user@labelbox.local"
_ROLES = {
    name: {"id": f"crole{name.lower().replace(' ', ''):0>20}", "name": name}
    for name in ("Admin", "Team Manager", "Reviewer", "Labeler", "None")
}
_SELECT = """SELECT id, email, name, role, is_external AS isExternalUser, created_at AS createdAt,
    updated_at AS updatedAt FROM user"""


def add_own_user(platform: Platform) -> None:
    """Make the user every API key stands for, when the directory is new."""
    store = platform.store
    with store.writing() as write:
        write.execute(
            "INSERT OR IGNORE INTO user (id, email, name, role, is_external, created_at, updated_at)"
            " VALUES (?, ?, 'Local User', 'Admin', 0, ?, ?)",
            (store.user, EMAIL, store.started, store.started),
        )


def make_user(write: sqlite3.Connection, email: str, name: str, role: str = "Labeler") -> str:
    """Add a member of the organization; the id.

    Raises:
        ConflictError: the address belongs to a member.
        MalformedRequestError: there is no such role.
    """
    known = write.execute("SELECT id, deleted FROM user WHERE email = ?", (email,)).fetchone()
    if known and not known["deleted"]:
        raise ConflictError(f"{email} is a member of the organization")
    # Somebody who was removed and comes back keeps the id.
    user_id, moment = (known["id"] if known else new_id()), now()
    write.execute(
        "INSERT OR REPLACE INTO user (id, email, name, role, is_external, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, 0, ?, ?)",
        (user_id, email, name, role_named(role)["name"], moment, moment),
    )
    return str(user_id)


def find_user(platform: Platform, user_id: str) -> dict[str, Any]:
    """The member of the organization, in the shape of the GraphQL type.

    Raises:
        NotFoundError: there is none.
    """
    found = platform.store.row(f"{_SELECT} WHERE id = ? AND deleted = 0", user_id)
    if found is None:
        raise NotFoundError(f"User {user_id} not found")
    return present_user(platform, found)


def present_user(platform: Platform, row: dict[str, Any]) -> dict[str, Any]:
    own = row["id"] == platform.store.user
    return {
        **row,
        "nickname": row["name"],
        "picture": "",
        "isViewer": False,
        "isExternalUser": bool(row["isExternalUser"]),
        "lastLoginAt": platform.store.started if own else None,
        "timezone": "UTC",
    }


def role_named(name: str) -> dict[str, str]:
    """The role of that name, however it is written. Raises: MalformedRequestError."""
    found = _ROLES.get(name.replace("_", " ").title())
    if found is None:
        raise MalformedRequestError(f"There is no role '{name}'; known are: {', '.join(_ROLES)}")
    return found


def role_of_id(role_id: str) -> dict[str, str]:
    """Raises: NotFoundError."""
    for role in _ROLES.values():
        if role["id"] == role_id:
            return role
    raise NotFoundError(f"Role {role_id} not found")


def organization(platform: Platform) -> dict[str, Any]:
    store = platform.store
    return {"id": store.organization, "name": "Local", "createdAt": store.started, "updatedAt": store.started}


@query("user")
def get_user(_: Any, info: Any, where: dict[str, Any] | None = None) -> dict[str, Any]:
    platform: Platform = info.context
    return find_user(platform, where["id"] if where else platform.store.user)


@query("users")
def get_users(
    _: Any, info: Any, where: dict[str, Any] | None = None, skip: int = 0, first: int = 100
) -> list[dict[str, Any]]:
    platform: Platform = info.context
    conditions, parameters = ["deleted = 0"], []
    for name, column in (("id", "id"), ("email", "email"), ("name", "name"), ("nickname", "name")):
        if (where or {}).get(name) is not None:
            conditions.append(f"{column} = ?")
            parameters.append((where or {})[name])
    rows = platform.store.rows(
        f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY created_at, id LIMIT ? OFFSET ?", *parameters, first, skip
    )
    return [present_user(platform, row) for row in rows]


@organization_fields("users")
def organization_users(_: Any, info: Any, **arguments: Any) -> list[dict[str, Any]]:
    return get_users(_, info, **arguments)


@query("organization")
def get_organization(_: Any, info: Any) -> dict[str, Any]:
    return organization(info.context)


@query("roles")
def get_roles(_: Any, info: Any) -> list[dict[str, str]]:  # noqa: ARG001 - a resolver's signature
    return list(_ROLES.values())


@user_fields("orgRole")
def role_of_user(user: dict[str, Any], info: Any) -> dict[str, str]:  # noqa: ARG001 - a resolver's signature
    return role_named(user["role"])


@mutation("setOrganizationRole")
def set_organization_role(_: Any, info: Any, data: dict[str, Any]) -> dict[str, str]:
    platform: Platform = info.context
    user, role = find_user(platform, data["userId"]), role_of_id(data["roleId"])
    with platform.store.writing() as write:
        write.execute("UPDATE user SET role = ?, updated_at = ? WHERE id = ?", (role["name"], now(), user["id"]))
    return role


@mutation("updateUser")
def update_user(_: Any, info: Any, where: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """The SDK removes members with it; what they made stays."""
    platform: Platform = info.context
    user = find_user(platform, where["id"])
    if data.get("deleted"):
        if user["id"] == platform.store.user:
            raise MalformedRequestError("You cannot remove yourself from the organization")
        with platform.store.writing() as write:
            write.execute("UPDATE user SET deleted = 1, updated_at = ? WHERE id = ?", (now(), user["id"]))
            write.execute("DELETE FROM project_member WHERE user = ?", (user["id"],))
    return {**user, "deleted": bool(data.get("deleted"))}


def its_organization(_: Any, info: Any) -> dict[str, Any]:
    return organization(info.context)


def created_by(made: dict[str, Any], info: Any) -> dict[str, Any]:
    """Who made it, also when that user has left; what names no maker was made by the user of the API."""
    platform: Platform = info.context
    maker = made.get("created_by") or platform.store.user
    return present_user(platform, platform.store.rows(f"{_SELECT} WHERE id = ?", maker)[0])


for _type in ("User", "Dataset", "DataRow", "Task", "Project", "Webhook"):
    Fields(_type)("organization")(its_organization)
for _type in ("Dataset", "DataRow", "Task", "Project", "Webhook", "Batch", "Ontology"):
    Fields(_type)("createdBy")(created_by)
