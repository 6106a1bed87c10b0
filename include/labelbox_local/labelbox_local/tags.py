"""Resource tags of the organization, and those of its projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelbox_local.errors import ConflictError, NotFoundError
from labelbox_local.graph import mutation, organization_fields, project_changes, project_fields
from labelbox_local.identifiers import new_id
from labelbox_local.store import as_list

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_OF_PROJECT = """SELECT resource_tag.* FROM resource_tag JOIN project_tag ON tag = resource_tag.id
    WHERE project = ? ORDER BY text"""


@organization_fields("resourceTag")
def tags_of_organization(_: Any, info: Any) -> list[dict[str, Any]]:
    platform: Platform = info.context
    return platform.store.rows("SELECT * FROM resource_tag ORDER BY text")


@project_fields("resourceTags")
def tags_of_project(project: dict[str, Any], info: Any) -> list[dict[str, Any]]:
    platform: Platform = info.context
    return platform.store.rows(_OF_PROJECT, project["id"])


@mutation("createResourceTag")
def create_tag(_: Any, info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """The platform keeps the color without its hash (SDK tests, test_project.py)."""
    platform: Platform = info.context
    tag = {"id": new_id(), "text": input["text"], "color": input["color"].removeprefix("#")}
    with platform.store.writing() as write:
        _check_free(write, tag)
        write.execute("INSERT INTO resource_tag VALUES (:id, :text, :color)", tag)
    return tag


@mutation("updateResourceTag")
def update_tag(_: Any, info: Any, where: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    found = platform.store.row("SELECT * FROM resource_tag WHERE id = ?", where["id"])
    if found is None:
        raise NotFoundError(f"Resource tag {where['id']} not found")
    tag = found | {name: value for name, value in data.items() if value is not None}
    tag["color"] = tag["color"].removeprefix("#")
    with platform.store.writing() as write:
        _check_free(write, tag)
        write.execute("UPDATE resource_tag SET text = :text, color = :color WHERE id = :id", tag)
    return tag


def _check_free(write: Any, tag: dict[str, Any]) -> None:
    """Raises: ConflictError when another tag has the text."""
    if write.execute("SELECT 1 FROM resource_tag WHERE text = :text AND id <> :id", tag).fetchone():
        raise ConflictError(f"There is a resource tag '{tag['text']}' already")


@mutation("deleteResourceTag")
def delete_tag(_: Any, info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    platform: Platform = info.context
    with platform.store.writing() as write:
        if not write.execute("DELETE FROM resource_tag WHERE id = ?", (input["id"],)).rowcount:
            raise NotFoundError(f"Resource tag {input['id']} not found")
        write.execute("DELETE FROM project_tag WHERE tag = ?", (input["id"],))
    return {"id": input["id"]}


@project_changes("updateProjectResourceTags")
def update_project_tags(project: dict[str, Any], info: Any, input: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: A002
    """Give a project exactly these tags."""
    platform: Platform = info.context
    wanted = input.get("resourceTagIds") or []
    known = platform.store.rows(
        "SELECT id FROM resource_tag WHERE id IN (SELECT value FROM json_each(?))", as_list(wanted)
    )
    missing = set(wanted) - {row["id"] for row in known}
    if missing:
        raise NotFoundError(f"Resource tags not found: {', '.join(sorted(missing))}")
    with platform.store.writing() as write:
        write.execute("DELETE FROM project_tag WHERE project = ?", (project["id"],))
        write.executemany(
            "INSERT INTO project_tag VALUES (?, ?)", [(project["id"], tag) for tag in dict.fromkeys(wanted)]
        )
    return tags_of_project(project, info)
