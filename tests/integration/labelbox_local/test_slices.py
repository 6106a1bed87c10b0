"""Slices of the catalog and of models, made as the web app makes them and read through the unmodified SDK."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from labelbox import Client
from lbox.exceptions import MalformedQueryException, ResourceNotFoundError
from tests.integration.labelbox_local.conftest import make_rows

CREATE = """mutation CreateCatalogSlicePyApi($name: String!, $description: String, $query: SearchServiceQuery!) {
    createCatalogSavedQuery(args: {name: $name, description: $description, filter: $query}) {
        id name description filter sorting catalogCount { count }
    }}"""


def make_slice(client: Client, *filters: dict[str, Any], name: str | None = None) -> dict[str, Any]:
    variables = {"name": name or f"slice {uuid4()}", "description": "words", "query": list(filters)}
    made: dict[str, Any] = client.execute(CREATE, variables, experimental=True)["createCatalogSavedQuery"]
    return made


def test_a_slice_holds_the_rows_that_meet_its_conditions(client: Client, dataset: Any) -> None:
    keys = make_rows(dataset, 102)
    condition = {"type": "dataset", "operator": "is", "ids": [dataset.uid]}
    made = make_slice(client, condition)
    assert (made["filter"], made["catalogCount"]) == ([condition], {"count": 102})
    found = client.get_catalog_slice(made["id"])
    assert (found.name, found.description, found.filter) == (made["name"], "words", [condition])
    rows = list(found.get_data_row_identifiers())
    assert sorted(row.global_key.key for row in rows) == sorted(keys)
    assert client.get_data_row(rows[0].id.key).global_key == rows[0].global_key.key
    dataset.create_data_row(row_data="https://example.com/later.jpg")
    assert len(list(found.get_data_row_identifiers())) == 103


def test_conditions_are_joined_and_negated(client: Client, dataset: Any, project: Any) -> None:
    keys = make_rows(dataset, 4)
    batch = project.create_batch("sliced", global_keys=keys[:2])
    within = {"type": "dataset", "operator": "is", "ids": [dataset.uid]}

    def found(*filters: dict[str, Any]) -> set[str]:
        made = client.get_catalog_slice(make_slice(client, within, *filters)["id"])
        return {row.global_key.key for row in made.get_data_row_identifiers()}

    assert found({"type": "global_key", "operator": "is_not", "ids": keys[:1]}) == set(keys[1:])
    assert found({"type": "batch", "operator": "is", "ids": [batch.uid]}) == set(keys[:2])
    assert found({"type": "project", "operator": "is_not", "ids": [project.uid]}) == set(keys[2:])
    asset = {"type": "media_attribute_asset_type", "assetType": {"type": "asset_type", "assetTypes": ["image"]}}
    assert found(asset) == set()


def test_slices_are_listed_found_by_name_and_deleted(client: Client) -> None:
    name = f"slice {uuid4()}"
    first, second = (make_slice(client, name=name)["id"] for _ in range(2))
    assert {first, second} <= {each.uid for each in client.get_catalog_slices()}
    assert {each.uid for each in client.get_catalog_slice(slice_name=name)} == {first, second}
    delete = "mutation DeleteCatalogSlicePyApi($id: ID!) { deleteSavedQuery(args: {id: $id}) { success }}"
    assert client.execute(delete, {"id": first}, experimental=True) == {"deleteSavedQuery": {"success": True}}
    assert client.get_catalog_slice(slice_name=name).uid == second
    with pytest.raises(ResourceNotFoundError):
        client.get_catalog_slice(first)
    with pytest.raises(ResourceNotFoundError):
        client.get_model_slice(first)


def test_a_condition_that_is_not_known_is_refused(client: Client) -> None:
    with pytest.raises(MalformedQueryException):
        make_slice(client, {"type": "phase of the moon"})


def test_a_slice_of_a_model_run(client: Client, dataset: Any, ontology: Any) -> None:
    keys = make_rows(dataset, 103)
    model = client.create_model(f"model {uuid4()}", ontology.uid)
    run = model.create_model_run("run")
    run.upsert_data_rows(global_keys=keys[:102])
    found = client.get_model_slice(make_slice(client)["id"])
    rows = [row.global_key.key for row in found.get_data_row_identifiers(run.uid)]
    assert sorted(rows) == sorted(keys[:102])
    model.delete()
