"""Operations on slices, exports of the catalog and the organization."""

from __future__ import annotations

from typing import Any

import pytest
from labelbox import Client, DataRow, Dataset, ModelRun
from lbox.exceptions import ResourceNotFoundError
from tests.integration.labelbox_local.conftest import make_rows
from tests.integration.labelbox_local.labeling import exported
from tests.integration.labelbox_local.operations.conftest import Line

# The SDK reads slices only; these are the requests of its own tests.
CREATE = """mutation createSlicePyApi($query: SearchServiceQuery!) {
    createCatalogSavedQuery(args: {name: "s", description: "words", filter: $query}) { id }}"""
DELETE = "mutation deleteSlicePyApi($id: ID!) { deleteSavedQuery(args: {id: $id}) { success }}"


def make_slice(client: Client, keys: list[str]) -> tuple[str, list[dict[str, Any]]]:
    """The id and the filter of a new slice of those rows."""
    filters = [{"type": "global_key", "operator": "is", "ids": keys}]
    made = client.execute(CREATE, {"query": filters}, experimental=True)["createCatalogSavedQuery"]
    return made["id"], filters


def keys_of(task: Any) -> set[str]:
    return {row["data_row"]["global_key"] for row in exported(task)}


def test_slices(client: Client, fresh: Client, line: Line, keys: list[str]) -> None:
    made, filters = make_slice(client, keys[:3])
    [listed] = [each for each in fresh.get_catalog_slices() if each.uid == made]
    found = fresh.get_catalog_slice(made)
    for each in (listed, found):
        assert (each.name, each.description, each.filter) == ("s", "words", filters)
    ids = fresh.get_data_row_ids_for_global_keys(keys[:3])["results"]
    rows = {(each.global_key.key, each.id.key) for each in found.get_data_row_identifiers()}
    assert rows == set(zip(keys[:3], ids, strict=True))
    assert keys_of(found.export()) == set(keys[:3])
    fresh.get_data_row(ids[0]).delete()
    assert {each.id.key for each in found.get_data_row_identifiers()} == set(ids[1:])
    assert client.execute(DELETE, {"id": made}, experimental=True) == {"deleteSavedQuery": {"success": True}}
    with pytest.raises(ResourceNotFoundError):
        fresh.get_catalog_slice(made)
    assert made not in {each.uid for each in fresh.get_catalog_slices()}
    line.check(
        "GetCatalogSavedQueriesPyApi", "getSavedQueryPyApi", "getDataRowIdenfifiersBySavedQueryPyApi",
        "exportDataRowsInSlicePyApi",
    )  # fmt: skip


def test_slices_of_a_model_run(client: Client, fresh: Client, line: Line, run: ModelRun, keys: list[str]) -> None:
    made, filters = make_slice(client, keys[:3])
    found = fresh.get_model_slice(made)
    assert (found.name, found.filter) == ("s", filters)
    assert list(found.get_data_row_identifiers(run.uid)) == []
    run.upsert_data_rows(global_keys=keys[2:])
    [row] = found.get_data_row_identifiers(run.uid)
    assert (row.global_key.key, row.id.key) == (keys[2], fresh.get_data_row_by_global_key(keys[2]).uid)
    line.check("getSavedQueryPyApi", "getDataRowIdenfifiersBySavedModelQueryPyApi")


def test_exports_of_the_catalog(client: Client, fresh: Client, line: Line, dataset: Dataset) -> None:
    keys = make_rows(dataset, 3)
    fresh.get_data_row_by_global_key(keys[0]).create_attachment("RAW_TEXT", "words", "note")
    dataset = client.get_dataset(dataset.uid)
    params = {"attachments": True, "data_row_details": True}
    window = {"last_activity_at": ["2026-01-01", None], "global_keys": keys[:1]}
    tasks = [
        dataset.export(filters=window, params=params),
        client.get_catalog().export(filters={"global_keys": keys[:1]}, params=params),
        DataRow.export(client, global_keys=keys[:1], params=params),
    ]
    for task in tasks:
        [row] = exported(task)
        assert (row["data_row"]["id"], row["data_row"]["global_key"], row["data_row"]["row_data"]) == (
            fresh.get_data_row_by_global_key(keys[0]).uid, keys[0], f"https://example.com/{keys[0]}.jpg",
        )  # fmt: skip
        details = row["data_row"]["details"]
        assert (details["dataset_id"], details["created_by"]) == (dataset.uid, fresh.get_user().email)
        [attachment] = row["attachments"]
        assert (attachment["type"], attachment["value"], attachment["name"]) == ("RAW_TEXT", "words", "note")
    assert keys_of(dataset.export()) == set(keys)
    assert keys_of(dataset.export(filters={"last_activity_at": [None, "2026-01-01"]})) == set()
    line.check(
        "CurrentUserPyApi", "exportDataRowsInCatalogPyApi", "GetExportMetadataHeaderPyApi",
        "GetExportFileFromOffsetPyApi",
    )  # fmt: skip


def test_the_organization(client: Client, fresh: Client, line: Line) -> None:
    user, organization = client.get_user(), client.get_organization()
    [found] = [each for each in fresh.get_organization().users() if each.uid == user.uid]
    assert (found.email, found.name, found.org_role().name) == (user.email, user.name, "Admin")
    assert "@" in user.email
    assert (fresh.get_organization().uid, fresh.get_organization().name) == (organization.uid, organization.name)
    assert fresh.get_user().organization().uid == organization.uid
    line.check("GetUserPyApi", "GetOrganizationPyApi")
