"""Operations on slices, exports, webhooks and the organization."""

from __future__ import annotations

from labelbox import Client, DataRow, Dataset, ModelRun, Project, Webhook
from tests.integration.labelbox_local.conftest import make_rows
from tests.integration.labelbox_local.operations.conftest import Line


def test_slices(client: Client, line: Line, run: ModelRun, keys: list[str]) -> None:
    create = """mutation createSlicePyApi($query: SearchServiceQuery!) {
        createCatalogSavedQuery(args: {name: "s", filter: $query}) { id }}"""
    filters = [{"type": "global_key", "operator": "is", "ids": keys}]
    made = client.execute(create, {"query": filters}, experimental=True)["createCatalogSavedQuery"]["id"]
    assert made in {each.uid for each in client.get_catalog_slices()}
    assert len(list(client.get_catalog_slice(made).get_data_row_identifiers())) == 5
    assert list(client.get_model_slice(made).get_data_row_identifiers(run.uid)) == []
    line.check(
        "GetCatalogSavedQueriesPyApi", "getSavedQueryPyApi", "getDataRowIdenfifiersBySavedQueryPyApi",
        "getDataRowIdenfifiersBySavedModelQueryPyApi",
    )  # fmt: skip


def test_exports_of_the_catalog(client: Client, line: Line, dataset: Dataset) -> None:
    [key] = make_rows(dataset, 1)
    dataset = client.get_dataset(dataset.uid)
    window = {"last_activity_at": ["2026-01-01", None], "global_keys": [key]}
    tasks = [
        dataset.export(filters=window),
        client.get_catalog().export(filters={"global_keys": [key]}),
        DataRow.export(client, global_keys=[key]),
    ]
    for task in tasks:
        task.wait_till_done()
        assert [line.json["data_row"]["global_key"] for line in task.get_buffered_stream()] == [key]
    line.check(
        "CurrentUserPyApi", "exportDataRowsInCatalogPyApi", "GetExportMetadataHeaderPyApi",
        "GetExportFileFromOffsetPyApi",
    )  # fmt: skip


def test_webhooks(client: Client, line: Line, project: Project) -> None:
    made = Webhook.create(client, ["LABEL_CREATED"], "http://127.0.0.1:1/", "s", project)
    made.update(url="http://127.0.0.1:1/y")
    assert [each.uid for each in project.webhooks()] == [made.uid]
    made.delete()
    line.check("CreateWebhookPyApi", "UpdateWebhookPyApi", "GetProjectWebhooksPyApi")


def test_the_organization(client: Client, line: Line) -> None:
    assert client.get_user().uid in {each.uid for each in client.get_organization().users()}
    line.check("GetUserPyApi", "GetOrganizationPyApi")
