"""Operations on labels, and imports of labels, pre-labels and predictions."""

from __future__ import annotations

from uuid import uuid4

from labelbox import Client, LabelImport, MALPredictionImport, MEAPredictionImport, MEAToMALPredictionImport
from tests.integration.labelbox_local.conftest import Server
from tests.integration.labelbox_local.labeling import exported, make_image_labeling
from tests.integration.labelbox_local.operations.conftest import Line


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
