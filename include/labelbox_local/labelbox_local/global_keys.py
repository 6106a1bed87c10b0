"""Jobs over global keys: look up, assign, clear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import NotFoundError, RowError
from labelbox_local.graph import mutation, query
from labelbox_local.held_keys import held_among
from labelbox_local.identifiers import new_id, now
from labelbox_local.imports import row_reader
from labelbox_local.store import as_list

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_BY_KEY = "SELECT global_key, id FROM data_row WHERE global_key IN (SELECT value FROM json_each(?))"


def _start(platform: Platform, result: dict[str, Any]) -> dict[str, str]:
    """A job whose work is done already, but whose result is given out when it is due."""
    job_id, moment = new_id(), now()
    due = moment + int(platform.switches.job_seconds * 1_000_000)
    with platform.store.writing() as write:
        # The answers of yesterday are not asked for any more.
        write.execute("DELETE FROM job WHERE created_at < ?", (moment - 86_400 * 1_000_000,))
        write.execute("INSERT INTO job VALUES (?, ?, ?, ?)", (job_id, orjson.dumps(result), due, moment))
    return {"jobId": job_id}


@query("dataRowsForGlobalKeysResult")
@query("assignGlobalKeysToDataRowsResult")
@query("clearGlobalKeysResult")
def job_result(_: Any, info: Any, jobId: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
    platform: Platform = info.context
    job = platform.store.row("SELECT * FROM job WHERE id = ?", jobId["id"])
    if job is None:
        raise NotFoundError(f"Job {jobId['id']} not found")
    if job["due_at"] > now():
        return {"jobStatus": "IN_PROGRESS", "data": None}
    return {"jobStatus": "COMPLETE", "data": orjson.loads(job["result"])}


@query("dataRowsForGlobalKeys")
def data_rows_for_global_keys(_: Any, info: Any, where: dict[str, Any]) -> dict[str, str]:
    """Ids in the order asked for, empty for a key that no data row has."""
    platform: Platform = info.context
    keys: list[str] = where["ids"]
    found = {row["global_key"]: row["id"] for row in platform.store.rows(_BY_KEY, as_list(keys))}
    result = {
        "fetchedDataRows": [{"id": found.get(key, "")} for key in keys],
        "notFoundGlobalKeys": [key for key in keys if key not in found],
        "accessDeniedGlobalKeys": [],
    }
    return _start(platform, result)


@mutation("assignGlobalKeysToDataRows")
def assign_global_keys(_: Any, info: Any, data: dict[str, Any]) -> dict[str, str]:
    """Each assignment stands alone: an invalid key, a missing data row or a key in use fails only itself."""
    platform: Platform = info.context
    reader = row_reader(platform)
    assigned: list[dict[str, str]] = []
    invalid: list[dict[str, str]] = []
    moment = now()
    with platform.store.writing() as write:
        held = held_among(write, [each["globalKey"] for each in data["assignInputs"]])
        for each in data["assignInputs"]:
            try:
                key = reader.read_global_key(each["globalKey"])
            except RowError:
                key = None
            if key is None or key in held:
                invalid.append(each)
                continue
            changed = write.execute(
                "UPDATE OR IGNORE data_row SET global_key = ?, updated_at = ?, last_activity_at = ? WHERE id = ?",
                (key, moment, moment, each["dataRowId"]),
            )
            (assigned if changed.rowcount else invalid).append(each)
    result = {
        "sanitizedAssignments": [],
        "unmodifiedAssignments": assigned,
        "invalidGlobalKeyAssignments": invalid,
        "accessDeniedAssignments": [],
    }
    return _start(platform, result)


@mutation("clearGlobalKeys")
def clear_global_keys(_: Any, info: Any, where: dict[str, Any]) -> dict[str, str]:
    platform: Platform = info.context
    keys: list[str] = where["ids"]
    moment = now()
    with platform.store.writing() as write:
        found = {row["global_key"] for row in write.execute(_BY_KEY, (as_list(keys),))}
        write.execute(
            "UPDATE data_row SET global_key = NULL, updated_at = ?, last_activity_at = ?"
            " WHERE global_key IN (SELECT value FROM json_each(?))",
            (moment, moment, as_list(keys)),
        )
    result = {
        "clearedGlobalKeys": [key for key in keys if key in found],
        "failedToClearGlobalKeys": [],
        "notFoundGlobalKeys": [key for key in keys if key not in found],
        "accessDeniedGlobalKeys": [],
    }
    return _start(platform, result)
