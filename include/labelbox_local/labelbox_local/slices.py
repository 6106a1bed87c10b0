"""Slices: saved conditions on the data rows of the catalog or of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import MalformedRequestError, NotFoundError
from labelbox_local.graph import Fields, mutation, query
from labelbox_local.identifiers import new_id, now
from labelbox_local.ontologies import place
from labelbox_local.search import Condition, conditions

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

slice_fields = Fields("SavedQuery")
_SELECT = """SELECT id, name, description, filter, sorting, created_at AS createdAt, updated_at AS updatedAt
    FROM slice"""


def find_slice(platform: Platform, slice_id: str) -> dict[str, Any]:
    """The slice, in the shape of the GraphQL type; its filter is a list of conditions. Raises: NotFoundError."""
    found = platform.store.row(f"{_SELECT} WHERE id = ?", slice_id)
    if found is None:
        raise NotFoundError(f"Slice {slice_id} not found")
    return _present(found)


def _present(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "filter": orjson.loads(row["filter"]), "sorting": orjson.loads(row["sorting"])}


def conditions_of_slice(platform: Platform, slice_id: str) -> Condition:
    """The filter of a slice as an SQL condition on data rows. Raises: NotFoundError."""
    return conditions(platform, find_slice(platform, slice_id)["filter"])


@query("catalogSavedQueries")
def get_catalog_slices(_: Any, info: Any) -> list[dict[str, Any]]:
    platform: Platform = info.context
    return [_present(row) for row in platform.store.rows(f"{_SELECT} WHERE scope = 'catalog' ORDER BY slice.seq")]


@query("getSavedQuery")
def get_slice(_: Any, info: Any, id: str) -> dict[str, Any]:  # noqa: A002 - the schema's name
    return find_slice(info.context, id)


@mutation("createCatalogSavedQuery")
def create_catalog_slice(_: Any, info: Any, args: dict[str, Any]) -> dict[str, Any]:
    """What the web app sends, and the SDK's tests: the SDK has no method for it. Names need not be unique."""
    return create_slice(info.context, args, "catalog")


def create_slice(platform: Platform, data: dict[str, Any], scope: str) -> dict[str, Any]:
    """Save conditions under a name. Raises: MalformedRequestError."""
    filters = data.get("filter") or []
    if not isinstance(filters, list) or not str(data.get("name") or "").strip():
        raise MalformedRequestError("A slice needs a name, and a list of conditions as filter")
    conditions(platform, filters)
    slice_id, moment = new_id(), now()
    texts = [orjson.dumps(each).decode() for each in (filters, data.get("sorting") or [])]
    with platform.store.writing() as write:
        write.execute(
            "INSERT INTO slice (id, name, description, filter, sorting, scope, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (slice_id, data["name"], data.get("description") or "", *texts, scope, moment, moment),
        )
    return find_slice(platform, slice_id)


@slice_fields("catalogCount")
def catalog_count(found: dict[str, Any], info: Any) -> dict[str, int]:
    text, parameters = conditions(info.context, found["filter"])
    platform: Platform = info.context
    return platform.store.rows(f"SELECT count(*) AS count FROM data_row WHERE {text}", *parameters)[0]  # noqa: S608


@mutation("deleteSavedQuery")
def delete_slice(_: Any, info: Any, args: dict[str, Any]) -> dict[str, bool]:
    platform: Platform = info.context
    find_slice(platform, args["id"])
    with platform.store.writing() as write:
        write.execute("DELETE FROM slice WHERE id = ?", (args["id"],))
    return {"success": True}


@query("getDataRowIdentifiersBySavedQuery")
def rows_of_slice(_: Any, info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    platform: Platform = info.context
    rows, total = _matching(
        platform, conditions_of_slice(platform, input["savedQueryId"]), place(input.get("after")), input
    )
    page = rows[: input["first"]]
    more = len(rows) > len(page)
    cursor = str(page[-1]["seq"]) if more else None
    return {"totalCount": total, "nodes": page, "pageInfo": {"endCursor": cursor, "hasNextPage": more}}


@query("getDataRowIdentifiersBySavedModelQuery")
def rows_of_model_slice(_: Any, info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """The rows of a model run that meet the filter. The cursor names the last row of the page before."""
    platform: Platform = info.context
    filters = find_slice(platform, input["savedQueryId"])["filter"]
    if input.get("modelRunId"):
        filters = [*filters, {"type": "model_run", "operator": "is", "ids": [input["modelRunId"]]}]
    after = (input.get("after") or {}).get("dataRowId")
    start = platform.store.row("SELECT seq FROM data_row WHERE id = ?", after) if after else None
    rows, total = _matching(platform, conditions(platform, filters), start["seq"] if start else 0, input)
    page = rows[: input["first"]]
    more = len(rows) > len(page)
    cursor = {"dataRowId": page[-1]["id"], "globalKey": page[-1]["globalKey"]} if more else None
    return {"totalCount": total, "nodes": page, "pageInfo": {"endCursor": cursor, "hasNextPage": more}}


def _matching(
    platform: Platform,
    condition: Condition,
    after: int,
    input: dict[str, Any],  # noqa: A002
) -> tuple[list[dict[str, Any]], int]:
    """One row more than the page holds, if there is one, and how many there are in all."""
    text, parameters = condition
    total = platform.store.rows(f"SELECT count(*) AS rows FROM data_row WHERE {text}", *parameters)[0]["rows"]  # noqa: S608
    rows = platform.store.rows(
        f"SELECT seq, id, global_key AS globalKey FROM data_row WHERE {text} AND seq > ? ORDER BY seq LIMIT ?",  # noqa: S608
        *parameters, after, input["first"] + 1,
    )  # fmt: skip
    return rows, total
