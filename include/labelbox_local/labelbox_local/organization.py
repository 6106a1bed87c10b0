"""The organization and its one user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelbox_local.errors import NotFoundError
from labelbox_local.graph import data_row_fields, dataset_fields, organization_fields, query, task_fields, user_fields

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

EMAIL = "user@labelbox.local"


def user(platform: Platform) -> dict[str, Any]:
    """Every API key stands for the same user."""
    store = platform.store
    return {
        "id": store.user,
        "email": EMAIL,
        "name": "Local User",
        "nickname": "Local",
        "picture": "",
        "isViewer": False,
        "isExternalUser": False,
        "lastLoginAt": store.started,
        "timezone": "UTC",
        "createdAt": store.started,
        "updatedAt": store.started,
    }


def organization(platform: Platform) -> dict[str, Any]:
    store = platform.store
    return {"id": store.organization, "name": "Local", "createdAt": store.started, "updatedAt": store.started}


@query("user")
def get_user(_: Any, info: Any, where: dict[str, Any] | None = None) -> dict[str, Any]:
    found = user(info.context)
    if where and where["id"] != found["id"]:
        raise NotFoundError(f"User {where['id']} not found")
    return found


@query("organization")
def get_organization(_: Any, info: Any) -> dict[str, Any]:
    return organization(info.context)


@query("roles")
def get_roles(_: Any, info: Any) -> list[dict[str, Any]]:  # noqa: ARG001 - a resolver's signature
    return [{"id": "crole00000000000000000admin", "name": "Admin"}]


@organization_fields("users")
def organization_users(_: Any, info: Any, **__: Any) -> list[dict[str, Any]]:
    return [user(info.context)]


@user_fields("organization")
@dataset_fields("organization")
@data_row_fields("organization")
@task_fields("organization")
def its_organization(_: Any, info: Any) -> dict[str, Any]:
    return organization(info.context)


@dataset_fields("createdBy")
@data_row_fields("createdBy")
@task_fields("createdBy")
def created_by(_: Any, info: Any) -> dict[str, Any]:
    return user(info.context)
