"""Data rows one by one: get, list, update, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.datasets import find_dataset
from labelbox_local.errors import ConflictError, MalformedRequestError, NotFoundError, RowError
from labelbox_local.filters import condition
from labelbox_local.graph import mutation, query
from labelbox_local.held_keys import held_among, hold_keys
from labelbox_local.identifiers import now
from labelbox_local.imports import row_reader
from labelbox_local.media import wants_media_attributes
from labelbox_local.ontology import Ontology, load_ontology
from labelbox_local.rows import read_row_data
from labelbox_local.store import as_list

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_SELECT = """SELECT seq, id, dataset AS datasetId, global_key AS globalKey, external_id AS externalId,
    row_data AS rowData, metadata, media_attributes AS mediaAttributes, created_at AS createdAt,
    updated_at AS updatedAt FROM data_row"""
_COLUMNS = {
    "id": "id",
    "externalId": "external_id",
    "globalKey": "global_key",
    "rowData": "row_data",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
}
_MOST_BY_EXTERNAL_ID = 1_500  # SDK client.get_data_row_ids_for_external_ids


def _present(row: dict[str, Any], ontology: Ontology) -> dict[str, Any]:
    """A database row in the shape of the GraphQL type."""
    entries = ontology.entries(orjson.loads(row["metadata"]))
    row["mediaAttributes"] = orjson.loads(row["mediaAttributes"] or "{}")
    row["metadataFields"] = row["customMetadata"] = entries
    return row


def find_data_row(platform: Platform, row_id: str) -> dict[str, Any]:
    """The data row with that id, in the shape of the GraphQL type.

    Raises:
        NotFoundError: there is none.
    """
    found = platform.store.row(f"{_SELECT} WHERE id = ?", row_id)
    if found is None:
        raise NotFoundError(f"Data row {row_id} not found")
    return _present(found, load_ontology(platform))


@query("dataRow")
def get_data_row(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return find_data_row(info.context, where["id"])


@query("datasetDataRows")
def dataset_data_rows(
    _: Any,
    info: Any,
    id: str,  # noqa: A002 - the schema's name
    first: int | None = None,
    where: dict[str, Any] | None = None,
    **cursor: str | None,
) -> dict[str, Any]:
    """A page, newest first. `startCursor` leads to the next page and is null on the last one."""
    platform: Platform = info.context
    find_dataset(platform, id)
    size = min(first or 500, 5_000)
    text, parameters = condition(where, _COLUMNS)
    before = _place(platform, cursor.get("from"))
    rows = platform.store.rows(
        f"{_SELECT} WHERE dataset = ? AND seq < ? AND {text} ORDER BY seq DESC LIMIT ?",
        id, before, *parameters, size + 1,
    )  # fmt: skip
    ontology = load_ontology(platform)
    page = [_present(row, ontology) for row in rows[:size]]
    more = len(rows) > size
    return {"nodes": page, "pageInfo": {"hasNextPage": more, "startCursor": str(page[-1]["seq"]) if more else None}}


def _place(platform: Platform, cursor: str | None) -> int:
    """The `seq` a page begins before. The SDK's users may give the id of a data row as cursor."""
    if not cursor:
        return 2**62
    if cursor.isdecimal():
        return int(cursor)
    found = platform.store.row("SELECT seq FROM data_row WHERE id = ?", cursor)
    if found is None:
        raise MalformedRequestError(f"'{cursor}' is not a cursor of this list")
    return int(found["seq"])


@query("externalIdsToDataRowIds")
def external_ids_to_data_row_ids(_: Any, info: Any, externalId_in: list[str]) -> list[dict[str, Any]]:  # noqa: N803
    platform: Platform = info.context
    return platform.store.rows(
        "SELECT id AS dataRowId, external_id AS externalId FROM data_row"
        " WHERE external_id IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?",
        as_list(externalId_in),
        _MOST_BY_EXTERNAL_ID,
    )


@query("queryAllDataRowsHaveBeenProcessed")
def all_data_rows_have_been_processed(
    _: Any,
    info: Any,
    dataRowIds: list[str] | None = None,  # noqa: N803
    globalKeys: list[str] | None = None,  # noqa: N803
) -> dict[str, bool]:
    platform: Platform = info.context
    waiting = platform.store.row(
        "SELECT 1 FROM data_row WHERE media_state = 1 AND (id IN (SELECT value FROM json_each(?))"
        " OR global_key IN (SELECT value FROM json_each(?))) LIMIT 1",
        as_list(dataRowIds or []),
        as_list(globalKeys or []),
    )
    return {"allDataRowsHaveBeenProcessed": waiting is None}


@mutation("updateDataRow")
def update_data_row(_: Any, info: Any, where: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    found = find_data_row(platform, where["id"])
    moment = now()
    changes: dict[str, Any] = {"updated_at": moment, "last_activity_at": moment}
    try:
        if "externalId" in data:
            changes["external_id"] = data["externalId"]
        if data.get("globalKey") is not None:
            changes["global_key"] = row_reader(platform).read_global_key(data["globalKey"])
        if data.get("rowData") is not None:
            signer = find_dataset(platform, found["datasetId"])["signerId"]
            wanted = wants_media_attributes(platform, data["rowData"], signer)
            changes |= {"row_data": read_row_data(data["rowData"]), "media_attributes": None, "media_state": wanted}
    except RowError as error:
        raise MalformedRequestError(str(error)) from None
    with platform.store.writing() as write:
        key = changes.get("global_key")
        taken = "SELECT 1 FROM data_row WHERE global_key = ? AND seq <> ?"
        if key is not None and (write.execute(taken, (key, found["seq"])).fetchone() or held_among(write, [key])):
            raise ConflictError(f"Duplicate global key: '{key}'")
        assignments = ", ".join(f"{name} = ?" for name in changes)
        write.execute(f"UPDATE data_row SET {assignments} WHERE seq = ?", (*changes.values(), found["seq"]))  # noqa: S608
    platform.media_wanted.set()
    return find_data_row(platform, where["id"])


@mutation("deleteDataRows")
def delete_data_rows(_: Any, info: Any, where: dict[str, Any]) -> list[dict[str, Any]]:
    platform: Platform = info.context
    ids = where["dataRowIds"]
    if len(ids) > platform.switches.deletes_per_call:
        raise MalformedRequestError(f"At most {platform.switches.deletes_per_call} data rows can be deleted at once")
    found = platform.store.rows(
        "SELECT seq, id FROM data_row WHERE id IN (SELECT value FROM json_each(?))", as_list(ids)
    )
    delete_rows(platform, [row["seq"] for row in found])
    return [{"id": row["id"]} for row in found]


def delete_rows(platform: Platform, numbers: list[int]) -> None:
    """Delete rows by their `seq`, with all that belongs to them; their global keys are free again, at once or soon."""
    from labelbox_local.issues import delete_of_rows as delete_issues  # what belongs to data rows knows them
    from labelbox_local.labels import delete_of_rows
    from labelbox_local.projects import remove_rows_from_projects

    chosen = (as_list(numbers),)
    with platform.store.writing() as write:
        for table in ("attachment", "vector"):
            write.execute(f"DELETE FROM {table} WHERE data_row IN (SELECT value FROM json_each(?))", chosen)  # noqa: S608
        hold_keys(platform, write, numbers)
        delete_of_rows(write, numbers)
        delete_issues(write, numbers)
        remove_rows_from_projects(write, numbers)
        write.execute("DELETE FROM data_row WHERE seq IN (SELECT value FROM json_each(?))", chosen)
