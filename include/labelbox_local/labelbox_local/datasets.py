"""Datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelbox_local.errors import NotFoundError
from labelbox_local.filters import condition
from labelbox_local.graph import data_row_fields, mutation, query
from labelbox_local.identifiers import new_id, now

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_ROW_COUNT = "(SELECT count(*) FROM data_row WHERE data_row.dataset = dataset.id)"
_SELECT = f"""SELECT id, name, description, signer AS signerId, created_at AS createdAt, updated_at AS updatedAt,
    {_ROW_COUNT} AS rowCount FROM dataset"""  # noqa: S608 - constants only
_COLUMNS = {
    "id": "id",
    "name": "name",
    "description": "description",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "rowCount": _ROW_COUNT,
    "deleted": "0",
}
_DELETE_BATCH = 5_000


def find_dataset(platform: Platform, dataset_id: str) -> dict[str, Any]:
    """The dataset with that id, in the shape of the GraphQL type.

    Raises:
        NotFoundError: there is none.
    """
    found = platform.store.row(f"{_SELECT} WHERE id = ?", dataset_id)
    if found is None:
        raise NotFoundError(f"Dataset {dataset_id} not found")
    return found


@query("dataset")
def get_dataset(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return find_dataset(info.context, where["id"])


@query("datasets")
def get_datasets(
    _: Any, info: Any, where: dict[str, Any] | None = None, skip: int = 0, first: int = 100
) -> list[dict[str, Any]]:
    text, parameters = condition(where, _COLUMNS)
    platform: Platform = info.context
    return platform.store.rows(
        f"{_SELECT} WHERE {text} ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?", *parameters, first, skip
    )


@mutation("createDataset")
def create_dataset(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    dataset_id, moment = new_id(), now()
    with platform.store.writing() as write:
        write.execute(
            "INSERT INTO dataset (id, name, description, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
            (dataset_id, data["name"], data.get("description") or "", moment, moment),
        )
    return find_dataset(platform, dataset_id)


@mutation("updateDataset")
def update_dataset(_: Any, info: Any, where: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    found = find_dataset(platform, where["id"])
    if data.get("deleted"):
        _delete(platform, found["id"])
        return found
    with platform.store.writing() as write:
        write.execute(
            "UPDATE dataset SET name = ?, description = ?, updated_at = ? WHERE id = ?",
            (data.get("name", found["name"]), data.get("description", found["description"]), now(), found["id"]),
        )
    return find_dataset(platform, found["id"])


def _delete(platform: Platform, dataset_id: str) -> None:
    """Delete the dataset and its rows, which frees their global keys."""
    from labelbox_local.data_rows import delete_rows  # data rows know their dataset too

    with platform.store.writing() as write:
        write.execute("DELETE FROM dataset WHERE id = ?", (dataset_id,))
    while rows := platform.store.rows("SELECT seq FROM data_row WHERE dataset = ? LIMIT ?", dataset_id, _DELETE_BATCH):
        delete_rows(platform, [row["seq"] for row in rows])


@data_row_fields("dataset")
def dataset_of_data_row(row: dict[str, Any], info: Any) -> dict[str, Any]:
    return find_dataset(info.context, row["datasetId"])
