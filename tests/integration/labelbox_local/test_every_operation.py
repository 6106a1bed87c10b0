"""Every operation the SDK is known to send is answered without an error; the tests by subject look at the answers.

Each test drives methods of the unmodified SDK and names the operations it must have sent.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from labelbox import (
    Client,
    DataRow,
    Dataset,
    LabelImport,
    MALPredictionImport,
    MEAPredictionImport,
    MEAToMALPredictionImport,
    MediaType,
    Model,
    ModelRun,
    Project,
    Tool,
    Webhook,
)
from labelbox.schema.data_row_metadata import (
    DataRowMetadata,
    DataRowMetadataField,
    DataRowMetadataKind,
    DeleteDataRowMetadata,
)
from labelbox.schema.iam_integration import (
    AwsIamIntegrationSettings,
    AzureIamIntegrationSettings,
    GcpIamIntegrationSettings,
)
from labelbox.schema.identifiable import GlobalKey, UniqueId
from labelbox.schema.identifiables import GlobalKeys
from tests.integration.labelbox_local.conftest import Server, add_label, done, make_ontology, make_rows
from tests.integration.labelbox_local.labeling import exported, make_image_labeling

_NAME = re.compile(rb"(?:query|mutation)\s+(\w+)")


@dataclass
class Line:
    """What went over the wire: the names of operations, REST calls, and the answers that were errors."""

    names: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def listen(self, client: Client) -> None:
        send = client.connection.send

        def heard(request: Any, **options: Any) -> Any:
            answer = send(request, **options)
            self.note(request, answer)
            return answer

        client.connection.send = heard

    def note(self, request: Any, answer: Any) -> None:
        path = request.path_url.partition("?")[0]
        if path in {"/graphql", "/_gql"}:
            name = _NAME.search(request.body)[1].decode()
        else:
            name = f"{request.method} {re.sub(r'c[a-z0-9]{24}', '{id}', path)}"
        self.names.add(name)
        # Files of lines are JSON line by line only.
        content = json.loads(answer.content) if answer.content and path in {"/graphql", "/_gql"} else {}
        if answer.status_code >= 400 or (isinstance(content, dict) and "errors" in content):
            self.errors.append(f"{name}: {answer.text}")

    def check(self, *names: str) -> None:
        """All of these were sent, and nothing was answered with an error."""
        assert self.errors == []
        assert set(names) - self.names == set()


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def client(server: Server, line: Line) -> Client:
    made = server.client()
    made.enable_experimental = True
    line.listen(made)
    return made


@pytest.fixture
def run(client: Client, ontology: Any) -> Iterator[ModelRun]:
    model = client.create_model(f"model {uuid4()}", ontology.uid)
    yield model.create_model_run("run", {})
    model.delete()


def test_datasets(client: Client, line: Line, dataset: Dataset) -> None:
    made = client.create_dataset(name="n", description="d")
    made.update(name="x")
    assert client.get_dataset(made.uid).name == "x"
    assert [each.uid for each in client.get_datasets(where=Dataset.name == "x")][:1] == [made.uid]
    list(client.get_datasets())
    made.delete()
    line.check(
        "CreateDatasetPyApi", "updateDatasetPyApi", "GetDatasetPyApi", "GetDatasetsPyApi", "deleteDatasetPyApi",
        "getAllIntegrationsPyApi", "GetOrganizationPyApi",
    )  # fmt: skip


def test_data_rows(client: Client, line: Line, dataset: Dataset) -> None:
    made = dataset.create_data_row(row_data="https://example.com/a.jpg", global_key=f"{uuid4()}", external_id="e")
    made.update(external_id="e2", global_key=f"{uuid4()}", row_data="https://example.com/b.jpg")
    assert client.get_data_row(made.uid).external_id == "e2"
    assert [each.uid for each in dataset.data_rows()] == [made.uid]
    assert [each.uid for each in dataset.data_rows(where=DataRow.external_id == "e2")] == [made.uid]
    assert made.dataset().uid == dataset.uid
    assert list(made.labels()) == []
    attachment = made.create_attachment("RAW_TEXT", "words", "note")
    attachment.update(name="n", value="v")
    assert [each.attachment_value for each in made.attachments()] == ["v"]
    attachment.delete()
    other = dataset.create_data_row(row_data="https://example.com/c.jpg")
    made.delete()
    DataRow.bulk_delete([other])
    line.check(
        "UploadFile", "UpsertDataRowsPyApi", "GetUserPyApi", "GetUserCreatedTasksPyApi", "GetDataRowPyApi",
        "updateDataRowPyApi", "DatasetDataRowsPyApi", "GetDataRowDatasetPyApi", "GetDataRowLabelsPyApi",
        "CreateDataRowAttachmentPyApi", "updateDataRowAttachmentPyApi", "GetDataRowAttachmentsPyApi",
        "deleteDataRowAttachmentPyApi", "deleteDataRowsPyApi",
    )  # fmt: skip


def test_keys_and_tasks(client: Client, line: Line, server: Server, dataset: Dataset) -> None:
    key = f"{uuid4()}"
    task = done(dataset.upsert_data_rows([{"row_data": "https://example.com/a.jpg", "global_key": key}]))
    assert (task.errors, [row["global_key"] for row in task.result]) == (None, [key])
    assert client.get_task_by_id(task.uid).status == "COMPLETE"
    [row_id] = client.get_data_row_ids_for_global_keys([key])["results"]
    assert client.clear_global_keys([key])["status"] == "SUCCESS"
    assigned = client.assign_global_keys_to_data_rows([{"data_row_id": row_id, "global_key": key}])
    assert assigned["status"] == "SUCCESS"
    assert client.get_data_row_ids_for_external_ids(["none"]) == {}
    server.admin("POST", "faults", operation="upsertDataRows", task="stuck")
    stuck = dataset.upsert_data_rows([{"row_data": "https://example.com/b.jpg"}])
    assert client.cancel_task(stuck.uid) is True
    line.check(
        "SuccessesfulDataRowImportsPyApi", "FailedDataRowImportsPyApi", "GetUserCreatedTasksPyApi",
        "getDataRowsForGlobalKeysPyApi", "getDataRowsForGlobalKeysResultPyApi", "assignGlobalKeysToDataRowsPyApi",
        "assignGlobalKeysToDataRowsResultPyApi", "clearGlobalKeysPyApi", "clearGlobalKeysResultPyApi",
        "externalIdsToDataRowIdsPyApi", "GetCancelableTaskTypesPyApi", "CancelTaskPyApi",
    )  # fmt: skip


def test_metadata_and_embeddings(client: Client, line: Line, dataset: Dataset) -> None:
    [key] = make_rows(client.get_dataset(dataset.uid), 1)
    fields = client.get_data_row_metadata_ontology()
    name = f"field {uuid4()}"
    made = fields.create_schema(name, DataRowMetadataKind.enum, ["a", "b"])
    fields.update_schema(name, f"{name} b")
    tag = fields.reserved_by_name["tag"]
    value = DataRowMetadataField(schema_id=tag.uid, value="v")
    assert fields.bulk_upsert([DataRowMetadata(global_key=key, fields=[value])]) == []
    [exported] = fields.bulk_export(GlobalKeys([key]))
    assert [each.value for each in exported.fields] == ["v"]
    deleted = DeleteDataRowMetadata(data_row_id=GlobalKey(key), fields=[tag.uid])
    assert fields.bulk_delete([deleted]) == []
    assert fields.delete_schema(f"{name} b") is True
    assert made.name == name
    embedding = client.create_embedding(f"embedding {uuid4()}", 2)
    assert embedding.name in {each.name for each in client.get_embeddings()}
    client.delete_embedding(embedding.id)
    line.check(
        "GetMetadataOntologyBetaPyApi", "UpsertCustomMetadataSchemaPyApi", "DeleteCustomMetadataSchemaPyApi",
        "UpsertDataRowMetadataBetaPyApi", "dataRowCustomMetadataPyApi", "DeleteDataRowMetadataBetaPyApi",
        "CreateEmbeddingPyApi", "GetEmbeddingsPyApi", "DeleteEmbeddingPyApi",
    )  # fmt: skip


def test_integrations(client: Client, line: Line, start: Any) -> None:
    server = start()
    client = server.client()
    line.listen(client)
    organization = client.get_organization()
    aws = organization.create_iam_integration("aws", AwsIamIntegrationSettings("arn:aws:iam::123456789012:role/r", "b"))
    organization.create_iam_integration("gcp", GcpIamIntegrationSettings(read_bucket="bucket"))
    azure = AzureIamIntegrationSettings("https://account.blob.core.windows.net/container", "tenant", "client", "secret")
    organization.create_iam_integration("azure", azure)
    assert {each.name for each in organization.get_iam_integrations()} == {"aws", "gcp", "azure"}
    aws.update("z", AwsIamIntegrationSettings("arn:aws:iam::123456789012:role/other", "b"))
    aws.validate()
    aws.set_as_default()
    dataset = client.create_dataset(name="signed", iam_integration=None)
    dataset.add_iam_integration(aws)
    assert dataset.iam_integration().uid == aws.uid
    dataset.remove_iam_integration()
    assert dataset.iam_integration() is None
    line.check(
        "CreateAwsIamIntegrationPyApi", "CreateGcpIamIntegrationPyApi", "CreateAzureIamIntegrationPyApi",
        "UpdateAwsIamIntegrationPyApi", "ValidateIamIntegrationPyApi", "SetDefaultIamIntegrationPyApi",
        "getAllIntegrationsPyApi", "SetSignerForDatasetPyApi", "GetDatasetSignerPyApi", "DetachSignerPyApi",
    )  # fmt: skip


def test_ontologies(client: Client, line: Line, project: Project) -> None:
    made = make_ontology(client)
    assert client.get_ontology(made.uid).name == made.name
    assert [each.uid for each in client.get_ontologies(made.name)] == [made.uid]
    feature = client.create_feature_schema(Tool(tool=Tool.Type.POINT, name=f"{uuid4()}").asdict())
    assert client.get_feature_schema(feature.uid).name == feature.name
    assert [each.uid for each in client.get_feature_schemas(feature.name)] == [feature.uid]
    client.update_feature_schema_title(feature.uid, "title")
    client.upsert_feature_schema(feature.normalized)
    client.insert_feature_schema_into_ontology(feature.uid, made.uid, 0)
    assert client.is_feature_schema_archived(made.uid, feature.uid) is False
    client.unarchive_feature_schema_node(made.uid, feature.uid)
    assert client.delete_feature_schema_from_ontology(made.uid, feature.uid).deleted
    client.get_unused_ontologies()
    client.get_unused_feature_schemas()
    client.delete_unused_feature_schema(feature.uid)
    client.delete_unused_ontology(made.uid)
    assert project.ontology() is not None
    line.check(
        "upsertRootSchemaNodePyApi", "GetOntologyPyApi", "getOntologiesPyApi", "rootSchemaNodePyApi",
        "rootSchemaNodesPyApi", "GetProjectOntologyPyApi", "PATCH /api/v1/feature-schemas/{id}/definition",
        "PUT /api/v1/feature-schemas/{id}", "DELETE /api/v1/feature-schemas/{id}",
        "POST /api/v1/ontologies/{id}/feature-schemas/{id}", "DELETE /api/v1/ontologies/{id}/feature-schemas/{id}",
        "PATCH /api/v1/ontologies/{id}/feature-schemas/{id}/unarchive", "GET /api/v1/ontologies/{id}",
        "GET /api/v1/ontologies/unused", "GET /api/v1/feature-schemas/unused", "DELETE /api/v1/ontologies/{id}",
    )  # fmt: skip


def test_projects(client: Client, line: Line, project: Project, keys: list[str]) -> None:
    made = client.create_project(name="n", media_type=MediaType.Image)
    made.update(name="x")
    assert client.get_project(made.uid).name == "x"
    assert made.uid in {each.uid for each in client.get_projects()}
    made.delete()
    project.create_batch("all", global_keys=keys)
    assert (project.get_label_count(), list(project.labels())) == (0, [])
    review = project.task_queues()[1]
    project.move_data_rows_to_task_queue(GlobalKeys(keys[:1]), review.uid)
    assert project.update_data_row_labeling_priority(GlobalKeys(keys[:1]), 1) is True
    assert project.set_labeling_parameter_overrides([(GlobalKey(keys[0]), 1)]) is True
    assert project.enable_model_assisted_labeling() is True
    assert project.get_overview().in_review == 1
    line.check(
        "CreateProjectPyApi", "updateProjectPyApi", "GetProjectPyApi", "GetProjectsPyApi", "deleteProjectPyApi",
        "LabelCountPyApi", "GetProjectLabelingFrontendPyApi", "ConnectOntologyPyApi", "GetProjectLabelsPyApi",
        "GetProjectTaskQueuesPyApi", "AddDataRowsToTaskQueueAsyncPyApi", "createQueuePriorityUpdateTaskPyApi",
        "SetLabelingParameterOverridesPyApi", "toggle_model_assisted_labelingPyApi", "ProjectGetOverviewPyApi",
    )  # fmt: skip


def test_batches(client: Client, line: Line, project: Project, dataset: Dataset) -> None:
    keys = make_rows(dataset, 1_010)
    batch = project.create_batch("small", data_rows=client.get_data_row_ids_for_global_keys(keys[:2])["results"])
    project.create_batch("large", global_keys=keys[2:1_002])
    for task in (
        project.create_batches("more", global_keys=keys[1_002:1_004]),
        project.create_batches_from_dataset("rest", dataset.uid),
    ):
        task.wait_till_done()
        assert task.errors() is None
    assert {each.name: each.size for each in project.batches()} == {
        "small": 2, "large": 1_000, "more0000": 2, "rest0000": 6,
    }  # fmt: skip
    assert client.get_batch(project.uid, batch.uid).size == 2
    batch.delete_labels()
    batch.remove_queued_data_rows()
    batch.delete()
    line.check(
        "CheckAllDataRowsHaveBeenProcessedPyApi", "createBatchV2PyApi", "createEmptyBatchPyApi",
        "addDataRowsToBatchAsyncPyApi", "getProjectBatchPyApi", "createBatchesPyApi", "createBatchesFromDatasetPyApi",
        "GetProjectBatchesPyApi", "RemoveQueuedDataRowsFromBatchPyApi", "DeleteBatchPyApi", "DeleteBatchLabelsPyApi",
    )  # fmt: skip


def test_sending_to_a_project(client: Client, line: Line, project: Project, keys: list[str]) -> None:
    source = client.create_project(name="source", media_type=MediaType.Image)
    task = client.send_to_annotate_from_catalog(
        project.uid, project.task_queues()[0].uid, "sent", GlobalKeys(keys), {"source_project_id": source.uid}
    )
    assert done(task).status == "COMPLETE"
    assert [batch.size for batch in project.batches()] == [5]
    line.check("SendToAnnotateFromCatalogPyApi")


def test_models(client: Client, line: Line, run: ModelRun, project: Project, keys: list[str]) -> None:
    project.create_batch("labeled", global_keys=keys)
    add_label(project, *keys[:2])
    [first, _] = project.labels()
    model = client.get_model(run.model_id)
    assert model.uid in {each.uid for each in client.get_models()}
    assert [each.uid for each in model.model_runs()] == [run.uid]
    assert client.get_model_run(run.uid).name == "run"
    run.upsert_data_rows(global_keys=keys)
    run.upsert_labels(label_ids=[first.uid])
    run.upsert_labels(project_id=project.uid)
    rows = list(run.model_run_data_rows())
    assert len(rows) == 5
    run.assign_data_rows_to_split(global_keys=keys, split="TEST")
    run.update_status("COMPLETE")
    run.delete_model_run_data_rows([rows[0].data_row().uid])
    run.update_config({"a": 1})
    assert run.get_config() == {"a": 1}
    run.reset_config()
    run.delete()
    other: Model = client.create_model(f"model {uuid4()}", project.ontology().uid)
    other.delete()
    line.check(
        "createModelPyApi", "GetModelPyApi", "GetModelsPyApi", "CreateModelRunPyApi", "DeleteModelPyApi",
        "GetModelModelRunsPyApi", "GetModelRunPyApi", "createMEAModelRunDataRowRegistrationTaskPyApi",
        "MEADataRowRegistrationTaskStatusPyApi", "createMEAModelRunLabelRegistrationTaskPyApi",
        "MEALabelRegistrationTaskStatusPyApi", "createMEAModelRunProjectLabelRegistrationTaskPyApi", "modelRunPyApi",
        "DeleteModelRunPyApi", "DeleteModelRunDataRowsPyApi", "updateModelRunConfigPyApi", "resetModelRunConfigPyApi",
        "ModelRunPyApi", "assignDataSplitPyApi", "assignDataRowsToDataSplitTaskStatusPyApi", "setPipelineStatusPyApi",
    )  # fmt: skip


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


def test_webhooks(client: Client, line: Line, project: Project) -> None:
    made = Webhook.create(client, ["LABEL_CREATED"], "http://127.0.0.1:1/", "s", project)
    made.update(url="http://127.0.0.1:1/y")
    assert [each.uid for each in project.webhooks()] == [made.uid]
    made.delete()
    line.check("CreateWebhookPyApi", "UpdateWebhookPyApi", "GetProjectWebhooksPyApi")


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


def test_the_organization(client: Client, line: Line) -> None:
    assert client.get_user().uid in {each.uid for each in client.get_organization().users()}
    line.check("GetUserPyApi", "GetOrganizationPyApi")


def test_a_row_is_named_by_id(client: Client, line: Line, project: Project, keys: list[str]) -> None:
    ids = client.get_data_row_ids_for_global_keys(keys)["results"]
    project.create_batch("ids", ids)
    assert project.set_labeling_parameter_overrides([(UniqueId(ids[0]), 3)]) is True
    line.check("SetLabelingParameterOverridesPyApi")


def test_label_and_prelabel_imports(client: Client, line: Line) -> None:
    labeling = make_image_labeling(client)
    name = f"{uuid4()}"
    labels = labeling.import_labels([labeling.box(0)], name)
    assert [(row["status"], row["dataRow"]["id"]) for row in labels.statuses] == [("SUCCESS", labeling.row_id(0))]
    again = LabelImport.create_from_url(client, labeling.project.uid, f"{name} again", labels.input_file_url)
    labeling.finished(again)
    assert [row["status"] for row in again.statuses] == ["SUCCESS"]
    assert (
        LabelImport.from_name(client, labeling.project.uid, name).input_file_url.split("?")[0] in labels.input_file_url
    )
    assert {each.name for each in labeling.project.get_label_imports()} == {name, f"{name} again"}
    prelabels = labeling.import_prelabels([labeling.box(1)], name)
    other = MALPredictionImport.create_from_url(client, labeling.project.uid, f"{name} again", prelabels.input_file_url)
    labeling.finished(other)
    assert [row["dataRow"]["id"] for row in other.statuses] == [labeling.row_id(1)]
    assert MALPredictionImport.from_name(client, labeling.project.uid, name).errors == []
    assert {each.name for each in labeling.project.get_mal_prediction_imports()} == {name, f"{name} again"}
    [label] = labeling.project.labels()
    label.delete()
    assert list(labeling.project.labels()) == []
    line.check(
        "createLabelImportByFilePyApi", "createLabelImportByUrlPyApi", "getLabelImportPyApi", "getLabelImportsPyApi",
        "createMALPredictionImportByFilePyApi", "createMALPredictionImportByUrlPyApi",
        "getModelAssistedLabelingPredictionImportPyApi", "getModelAssistedLabelingPredictionImportsPyApi",
        "deleteLabelsPyApi",
    )  # fmt: skip


def test_imports_into_model_runs_and_their_exports(client: Client, line: Line, server: Server) -> None:
    labeling = make_image_labeling(client)
    labeling.import_labels([labeling.box(0)])
    run = client.create_model(f"model {uuid4()}", labeling.ontology.uid).create_model_run("run")
    run.upsert_data_rows(global_keys=labeling.keys[:1])
    server.admin("POST", "switches", mea_prediction_imports="allow")
    try:
        name = f"{uuid4()}"
        made = labeling.finished(
            MEAPredictionImport.create_from_objects(client, run.uid, name, [labeling.box(0, confidence=0.5)])
        )
    finally:
        server.admin("POST", "switches", mea_prediction_imports="refuse")
    assert [row["status"] for row in made.statuses] == ["SUCCESS"]
    assert MEAPredictionImport.from_name(client, run.uid, name).state.value == "FINISHED"
    sent = MEAToMALPredictionImport.create_for_model_run_data_rows(
        client, run.uid, [labeling.row_id(0)], labeling.project.uid, name
    )
    labeling.finished(sent)
    assert MEAToMALPredictionImport.from_name(client, labeling.project.uid, name).state.value == "FINISHED"
    [of_run] = exported(run.export(params={"predictions": True}))
    [predicted] = of_run["experiments"][run.model_id]["runs"][run.uid]["predictions"]
    assert [each["confidence"] for each in predicted["annotations"]["objects"]] == [0.5]
    [labeled] = [row for row in labeling.export() if row["data_row"]["global_key"] == labeling.keys[0]]
    [label] = labeled["projects"][labeling.project.uid]["labels"]
    assert [each["name"] for each in label["annotations"]["objects"]] == ["car"]
    create = """mutation createSlicePyApi($query: SearchServiceQuery!) {
        createCatalogSavedQuery(args: {name: "e", filter: $query}) { id }}"""
    filters = [{"type": "global_key", "operator": "is", "ids": labeling.keys[1:2]}]
    made_slice = client.execute(create, {"query": filters}, experimental=True)["createCatalogSavedQuery"]["id"]
    [of_slice] = exported(client.get_catalog_slice(made_slice).export())
    assert of_slice["data_row"]["global_key"] == labeling.keys[1]
    line.check(
        "createMEAPredictionImportByFilePyApi", "getModelErrorAnalysisPredictionImportPyApi",
        "createMalPredictionImportForModelRunDataRowsPyApi", "getMEAToMALPredictionImportPyApi",
        "exportDataRowsInModelRunPyApi", "exportDataRowsInProjectPyApi", "exportDataRowsInSlicePyApi",
    )  # fmt: skip


def test_every_recorded_operation_is_checked_by_a_test_of_this_file() -> None:
    checked = {
        argument.value
        for node in ast.walk(ast.parse(Path(__file__).read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "line.check"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }
    recorded = set(Path(__file__).with_name("operations.txt").read_text().split())
    assert recorded - checked == set()
