"""Uploaded files: chunks, manifests and assets."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from labelbox_local.graph import mutation
from labelbox_local.identifiers import new_id, now

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_KEPT_MICROSECONDS = 86_400 * 1_000_000


@mutation("uploadFile")
def upload_file(
    _: Any,
    info: Any,
    file: Any,
    contentLength: int,  # noqa: ARG001, N803 - the SDK's own count is often wrong, so it is not looked at
    sign: bool | None = None,
) -> dict[str, str]:
    """Keep the file; a URL it can be read from without an API key."""
    platform: Platform = info.context
    upload_id = new_id()
    # The SDK sends chunks with file name and content type exchanged, so nothing is made of either.
    filename, content_type = file.filename or upload_id, file.content_type or "application/octet-stream"
    file.file.seek(0)
    with (platform.uploads / upload_id).open("wb") as kept:
        shutil.copyfileobj(file.file, kept, 1024 * 1024)
    with platform.store.writing() as write:
        write.execute(
            "INSERT INTO upload (id, filename, content_type, created_at) VALUES (?, ?, ?, ?)",
            (upload_id, filename, content_type, now()),
        )
    return {"url": platform.file_url(f"uploads/{upload_id}", forever=not sign), "filename": filename}


def remove_consumed_uploads(platform: Platform) -> None:
    """Remove chunks and manifests of finished tasks after a day; a client may send a manifest again until then."""
    old = platform.store.rows(
        "SELECT id FROM upload WHERE consumed AND created_at < ?"
        " AND NOT EXISTS (SELECT 1 FROM task WHERE status IN ('IN_PROGRESS', 'CANCELLING'))",
        now() - _KEPT_MICROSECONDS,
    )
    with platform.store.writing() as write:
        write.executemany("DELETE FROM upload WHERE id = ?", [(row["id"],) for row in old])
    for row in old:
        (platform.uploads / row["id"]).unlink(missing_ok=True)
