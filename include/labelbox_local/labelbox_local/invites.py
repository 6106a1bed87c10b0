"""Invites to the organization. Nobody gets a mail; `POST /admin/users` plays somebody who accepts."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import MalformedRequestError, NotFoundError
from labelbox_local.graph import Fields, mutation, organization_fields, project_fields, query
from labelbox_local.identifiers import new_id, now
from labelbox_local.ontologies import place
from labelbox_local.organization import find_user, make_user, role_named, role_of_id
from labelbox_local.projects import find_project

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

invite_fields = Fields("Invite")
_SELECT = """SELECT seq, id, email AS inviteeEmail, role AS organizationRoleName, projects, inviter AS inviterId,
    created_at AS createdAt FROM invite"""
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@mutation("createInvites")
def create_invites(_: Any, info: Any, data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """An invite each; null for somebody who is a member already or has no valid address."""
    platform: Platform = info.context
    made: list[dict[str, Any]] = []
    for each in data:
        email = each["inviteeEmail"].strip()
        role = role_of_id(each["organizationRoleId"])["name"]
        projects = each.get("projects") or []
        for project in projects:
            find_project(platform, project["projectId"])
            role_of_id(project["projectRoleId"])
        if not _ADDRESS.fullmatch(email) or _is_member(platform, email):
            made.append({"invite": None})
            continue
        _check_limit(platform)
        with platform.store.writing() as write:
            invite_id = _insert(platform, write, email, role, projects)
        made.append({"invite": _find(platform, invite_id)})
    return made


def _insert(
    platform: Platform, write: sqlite3.Connection, email: str, role: str, projects: list[dict[str, Any]]
) -> str:
    kept = [{"id": new_id(), "projectId": each["projectId"], "roleId": each["projectRoleId"]} for each in projects]
    invite_id = new_id()
    write.execute(
        "INSERT INTO invite (id, email, role, projects, inviter, state, created_at) VALUES (?, ?, ?, ?, ?, 'open', ?)",
        (invite_id, email, role, orjson.dumps(kept).decode(), platform.store.user, now()),
    )
    return invite_id


def _find(platform: Platform, invite_id: str) -> dict[str, Any]:
    """Raises: NotFoundError."""
    found = platform.store.row(f"{_SELECT} WHERE id = ?", invite_id)
    if found is None:
        raise NotFoundError(f"Invite {invite_id} not found")
    return _present(found)


def _present(row: dict[str, Any]) -> dict[str, Any]:
    projects = [
        {"id": each["id"], "projectId": each["projectId"], "projectRoleName": role_of_id(each["roleId"])["name"]}
        for each in orjson.loads(row["projects"])
    ]
    return {**row, "projectInvites": projects}


def _is_member(platform: Platform, email: str) -> bool:
    return platform.store.row("SELECT 1 FROM user WHERE lower(email) = lower(?) AND deleted = 0", email) is not None


@mutation("inviteMembers")
def invite_members(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    """Invite many at once; each address has a result of its own."""
    platform: Platform = info.context
    role = role_of_id(data["roleId"])["name"]
    for project_id in data["projectIds"]:
        find_project(platform, project_id)
    if data.get("groupIds"):
        raise MalformedRequestError("There are no user groups here")
    projects = [{"projectId": each, "projectRoleId": data["roleId"]} for each in data["projectIds"]]
    seen: set[str] = set()
    results = []
    for given in data["emails"]:
        results.append(_invite(platform, given, role if data["workspaceWide"] else "None", projects, seen))
        seen.add(given.strip().lower())
    return {"results": results}


def _invite(
    platform: Platform, given: str, role: str, projects: list[dict[str, Any]], seen: set[str]
) -> dict[str, Any]:
    email = given.strip().lower()
    result = {"email": email, "status": "INVITED", "reason": None, "inviteId": None}
    if not _ADDRESS.fullmatch(email):
        return result | {"email": given.strip(), "status": "INVALID_EMAIL"}
    if email in seen:
        return result | {"status": "DUPLICATE"}
    if _is_member(platform, email):
        return result | {"status": "ALREADY_MEMBER"}
    if platform.store.row("SELECT 1 FROM invite WHERE lower(email) = ? AND state = 'open'", email):
        return result | {"status": "ALREADY_INVITED"}
    if _limits(platform)["remaining"] <= 0:
        return result | {"status": "SEAT_LIMIT"}
    with platform.store.writing() as write:
        return result | {"inviteId": _insert(platform, write, email, role, projects)}


@mutation("cancelInvite")
def cancel_invite(_: Any, info: Any, where: dict[str, Any]) -> dict[str, str]:
    platform: Platform = info.context
    with platform.store.writing() as write:
        changed = write.execute("UPDATE invite SET state = 'cancelled' WHERE id = ? AND state = 'open'", (where["id"],))
        if not changed.rowcount:
            raise NotFoundError(f"Invite {where['id']} not found")
    return {"id": where["id"]}


@query("invitesLimit")
def invites_limit(_: Any, info: Any, where: dict[str, Any]) -> dict[str, int]:  # noqa: ARG001 - there is one organization
    return _limits(info.context)


def _limits(platform: Platform) -> dict[str, int]:
    """Users count, and so do the invites that are open."""
    found = platform.store.row(
        "SELECT (SELECT count(*) FROM user WHERE deleted = 0)"
        " + (SELECT count(*) FROM invite WHERE state = 'open') AS used"
    )
    used, limit = int(found["used"]) if found else 0, platform.switches.invites
    return {"used": used, "limit": limit, "remaining": limit - used}


def _check_limit(platform: Platform) -> None:
    """Raises: MalformedRequestError."""
    limits = _limits(platform)
    if limits["remaining"] <= 0:
        raise MalformedRequestError(f"The organization has no seat left; its limit is {limits['limit']}")


@organization_fields("invites")
def invites_of_organization(_: Any, info: Any, first: int = 100, **cursor: str | None) -> dict[str, Any]:
    platform: Platform = info.context
    rows = platform.store.rows(
        f"{_SELECT} WHERE state = 'open' AND seq > ? ORDER BY seq LIMIT ?", place(cursor.get("from")), first + 1
    )
    return _page(rows, first)


@project_fields("invites")
def invites_of_project(project: dict[str, Any], info: Any, first: int = 100, **cursor: str | None) -> dict[str, Any]:
    platform: Platform = info.context
    rows = platform.store.rows(
        f"{_SELECT} WHERE state = 'open' AND seq > ? AND instr(projects, ?) ORDER BY seq LIMIT ?",
        place(cursor.get("from")), project["id"], first + 1,
    )  # fmt: skip
    return _page(rows, first)


def _page(rows: list[dict[str, Any]], first: int) -> dict[str, Any]:
    page = [_present(row) for row in rows[:first]]
    return {"nodes": page, "nextCursor": str(page[-1]["seq"]) if len(rows) > first else None}


@invite_fields("inviter")
def inviter(invite: dict[str, Any], info: Any) -> dict[str, Any]:
    return find_user(info.context, invite["inviterId"])


def add_user(platform: Platform, body: dict[str, Any]) -> dict[str, str]:
    """Administrative: `{email, name?, role?}` becomes a member, with what an open invite to the address says.

    Raises:
        ValueError, PlatformError
    """
    unknown = body.keys() - {"email", "name", "role"}
    email = str(body.get("email") or "")
    if unknown or not _ADDRESS.fullmatch(email):
        raise ValueError("a user needs an email and may have a name and a role")
    invite = platform.store.row("SELECT * FROM invite WHERE lower(email) = lower(?) AND state = 'open'", email)
    role = body.get("role") or (invite["role"] if invite else "Labeler")
    with platform.store.writing() as write:
        user_id = make_user(write, email, body.get("name") or email.partition("@")[0], role)
        for each in orjson.loads(invite["projects"]) if invite else []:
            write.execute(
                "INSERT INTO project_member (id, project, user, role) VALUES (?, ?, ?, ?)",
                (new_id(), each["projectId"], user_id, role_of_id(each["roleId"])["name"]),
            )
        write.execute("UPDATE invite SET state = 'accepted' WHERE lower(email) = lower(?)", (email,))
    return {"id": user_id, "email": email, "role": role_named(role)["name"]}
