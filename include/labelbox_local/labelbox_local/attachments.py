"""Attachments one by one; in bulk they come with their data rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelbox_local.data_rows import find_data_row
from labelbox_local.errors import MalformedRequestError, NotFoundError, RowError
from labelbox_local.graph import data_row_fields, mutation
from labelbox_local.identifiers import new_id, now
from labelbox_local.rows import read_attachment

if TYPE_CHECKING:
    import sqlite3

    from labelbox_local.platform import Platform


@data_row_fields("attachments")
def attachments_of_data_row(
    row: dict[str, Any], info: Any, skip: int = 0, first: int = 100, **_: Any
) -> list[dict[str, Any]]:
    platform: Platform = info.context
    return platform.store.rows(
        "SELECT * FROM attachment WHERE data_row = ? ORDER BY id LIMIT ? OFFSET ?", row["seq"], first, skip
    )


def _find(platform: Platform, attachment_id: str) -> dict[str, Any]:
    found = platform.store.row("SELECT * FROM attachment WHERE id = ?", attachment_id)
    if found is None:
        raise NotFoundError(f"Attachment {attachment_id} not found")
    return found


def _checked(entry: dict[str, Any]) -> tuple[str, str, str | None]:
    try:
        return read_attachment(entry)
    except RowError as error:
        raise MalformedRequestError(str(error)) from None


def _touch(write: sqlite3.Connection, data_row: int) -> None:
    moment = now()
    write.execute("UPDATE data_row SET updated_at = ?, last_activity_at = ? WHERE seq = ?", (moment, moment, data_row))


@mutation("createDataRowAttachment")
def create_attachment(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    row = find_data_row(platform, data["dataRowId"])
    attachment_id, content = new_id(), _checked(data)
    with platform.store.writing() as write:
        equal = "SELECT id FROM attachment WHERE data_row = ? AND type = ? AND value = ? AND name IS ?"
        known = write.execute(equal, (row["seq"], *content)).fetchone()
        if known and platform.switches.attachment_repeat == "ignore":
            return _find(platform, known["id"])
        write.execute("INSERT INTO attachment VALUES (?, ?, ?, ?, ?)", (attachment_id, row["seq"], *content))
        _touch(write, row["seq"])
    return _find(platform, attachment_id)


@mutation("updateDataRowAttachment")
def update_attachment(_: Any, info: Any, where: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Change what is given and not null."""
    platform: Platform = info.context
    found = _find(platform, where["id"])
    kind, value, name = _checked(found | {key: given for key, given in data.items() if given is not None})
    with platform.store.writing() as write:
        write.execute(
            "UPDATE attachment SET type = ?, value = ?, name = ? WHERE id = ?", (kind, value, name, found["id"])
        )
        _touch(write, found["data_row"])
    return _find(platform, found["id"])


@mutation("deleteDataRowAttachment")
def delete_attachment(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    found = _find(platform, where["id"])
    with platform.store.writing() as write:
        write.execute("DELETE FROM attachment WHERE id = ?", (found["id"],))
        _touch(write, found["data_row"])
    return found
