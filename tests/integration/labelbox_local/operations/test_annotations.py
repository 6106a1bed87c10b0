"""Operations that import labels, pre-labels and predictions, and the exports that show them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from labelbox import (
    Client,
    LabelImport,
    MALPredictionImport,
    MEAPredictionImport,
    MEAToMALPredictionImport,
    MediaType,
    ModelRun,
)
from labelbox.schema.identifiables import GlobalKeys
from tests.integration.labelbox_local.conftest import Server, done
from tests.integration.labelbox_local.labeling import BOX, Labeling, bare, exported, make_image_labeling
from tests.integration.labelbox_local.operations.conftest import Line

CAR = {
    "name": "car", "value": "car", "annotation_kind": "ImageBoundingBox", "classifications": [],
    "bounding_box": {side: float(pixels) for side, pixels in BOX.items()},
}  # fmt: skip


@pytest.fixture
def labeling(client: Client) -> Labeling:
    return make_image_labeling(client)


@pytest.fixture
def run(labeling: Labeling) -> ModelRun:
    """A model run of the first row, with the ontology of the project."""
    model = labeling.client.create_model(f"model {uuid4()}", labeling.ontology.uid)
    made: ModelRun = model.create_model_run("run")
    made.upsert_data_rows(global_keys=labeling.keys[:1])
    return made


@pytest.fixture
def predictions_allowed(server: Server) -> Iterator[None]:
    """The platform refuses predictions of model runs today, and so does the server until told otherwise."""
    server.admin("POST", "switches", mea_prediction_imports="allow")
    yield
    server.admin("POST", "switches", mea_prediction_imports="refuse")


def objects(label: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bare(label["annotations"]["objects"])
    return found


def check_finished(found: Any, labeling: Labeling, lines: list[dict[str, Any]], rows: list[int]) -> None:
    """The import is over, has the lines it was given and says that each succeeded."""
    assert (found.state.value, found.progress) == ("FINISHED", "100%")
    assert found.inputs == lines
    assert found.errors == []
    told = [(each["uuid"], each["dataRow"]["id"], each["status"], each["errors"]) for each in found.statuses]
    ids = [labeling.row_id(row) for row in rows]
    assert told == [(line["uuid"], row_id, "SUCCESS", []) for line, row_id in zip(lines, ids, strict=True)]


def labels_made_of_predictions(server: Server, labeling: Labeling, row: int) -> list[dict[str, Any]]:
    """What a labeler submits who takes the pre-labels of a row as they are."""
    label = {"action": "label", "source": "predictions", "rows": [labeling.keys[row]]}
    outcome = server.admin("POST", "labeler", project=labeling.project.uid, **label)
    assert outcome == {**outcome, "rows": 1, "errors": []}
    return labeling.labels(row)


def test_labels_are_imported(client: Client, fresh: Client, line: Line, labeling: Labeling) -> None:
    name, project = f"{uuid4()}", labeling.project
    boxes = [labeling.box(0), labeling.box(1)]
    made = LabelImport.create_from_objects(client, project.uid, name, boxes)
    labeling.finished(made)
    check_finished(LabelImport.from_name(fresh, project.uid, name), labeling, boxes, [0, 1])
    for row in (0, 1):
        assert [objects(label) for label in labeling.labels(row)] == [[CAR]]
    kept = fresh.get_project(project.uid)
    assert {each.data_row().global_key for each in kept.labels()} == set(labeling.keys[:2])
    before = {each.uid for each in kept.labels()}
    again = LabelImport.create_from_url(client, project.uid, f"{name} again", made.input_file_url)
    labeling.finished(again)
    check_finished(LabelImport.from_name(fresh, project.uid, f"{name} again"), labeling, boxes, [0, 1])
    assert {each.name for each in kept.get_label_imports()} == {name, f"{name} again"}
    # A repeated import takes the place of the labels before.
    assert kept.get_label_count() == 2
    assert before.isdisjoint(each.uid for each in kept.labels())
    line.check(
        "createLabelImportByFilePyApi", "createLabelImportByUrlPyApi", "getLabelImportPyApi", "getLabelImportsPyApi",
        "exportDataRowsInProjectPyApi",
    )  # fmt: skip


def test_a_wrong_line_of_an_import_is_told(client: Client, fresh: Client, line: Line, labeling: Labeling) -> None:
    right, wrong = labeling.box(0), labeling.line(1, name="boat", bbox=BOX)
    for kind in (LabelImport, MALPredictionImport):
        name = f"{uuid4()}"
        labeling.finished(kind.create_from_objects(client, labeling.project.uid, name, [right, wrong]))
        found = kind.from_name(fresh, labeling.project.uid, name)
        assert [(each["uuid"], each["status"]) for each in found.statuses] == [
            (right["uuid"], "SUCCESS"), (wrong["uuid"], "FAILURE"),
        ]  # fmt: skip
        assert found.errors == [found.statuses[1]]
        [error] = found.errors[0]["errors"]
        assert (error["name"], "boat" in error["message"]) == ("FeatureSchemaNotFound", True)
    assert [each.data_row().global_key for each in fresh.get_project(labeling.project.uid).labels()] == [
        labeling.keys[0]
    ]
    line.check("createLabelImportByFilePyApi", "createMALPredictionImportByFilePyApi")


def test_pre_labels_are_imported(client: Client, fresh: Client, line: Line, server: Server, labeling: Labeling) -> None:
    name, project = f"{uuid4()}", labeling.project
    boxes = [labeling.box(1)]
    made = MALPredictionImport.create_from_objects(client, project.uid, name, boxes)
    labeling.finished(made)
    check_finished(MALPredictionImport.from_name(fresh, project.uid, name), labeling, boxes, [1])
    other = MALPredictionImport.create_from_url(client, project.uid, f"{name} again", made.input_file_url)
    labeling.finished(other)
    check_finished(MALPredictionImport.from_name(fresh, project.uid, f"{name} again"), labeling, boxes, [1])
    kept = fresh.get_project(project.uid)
    assert {each.name for each in kept.get_mal_prediction_imports()} == {name, f"{name} again"}
    # They are no labels until a labeler submits them.
    assert (kept.get_label_count(), labeling.labels(1)) == (0, [])
    assert [objects(label)[0] for label in labels_made_of_predictions(server, labeling, 1)] == [CAR]
    assert kept.get_label_count() == 1
    line.check(
        "createMALPredictionImportByFilePyApi", "createMALPredictionImportByUrlPyApi",
        "getModelAssistedLabelingPredictionImportPyApi", "getModelAssistedLabelingPredictionImportsPyApi",
    )  # fmt: skip


@pytest.mark.usefixtures("predictions_allowed")
def test_predictions_of_a_model_run(
    client: Client, fresh: Client, line: Line, server: Server, labeling: Labeling, run: ModelRun
) -> None:
    """They keep their confidence, but the project they are sent to ignores it, as it does that of pre-labels."""
    name, boxes = f"{uuid4()}", [labeling.box(0, confidence=0.5)]
    labeling.finished(MEAPredictionImport.create_from_objects(client, run.uid, name, boxes))
    found = MEAPredictionImport.from_name(fresh, run.uid, name)
    assert found.model_run_id == run.uid
    check_finished(found, labeling, boxes, [0])
    [row] = exported(fresh.get_model_run(run.uid).export(params={"predictions": True}))
    [predicted] = row["experiments"][run.model_id]["runs"][run.uid]["predictions"]
    assert (row["data_row"]["global_key"], objects(predicted)) == (labeling.keys[0], [CAR | {"confidence": 0.5}])

    sent = MEAToMALPredictionImport.create_for_model_run_data_rows(
        client, run.uid, [labeling.row_id(0)], labeling.project.uid, name
    )
    labeling.finished(sent)
    found = MEAToMALPredictionImport.from_name(fresh, labeling.project.uid, name)
    assert (found.state.value, found.project().uid, found.errors) == ("FINISHED", labeling.project.uid, [])
    assert [(each["dataRow"]["id"], each["status"]) for each in found.statuses] == [(labeling.row_id(0), "SUCCESS")]
    assert labeling.labels(0) == []
    assert [objects(label) for label in labels_made_of_predictions(server, labeling, 0)] == [[CAR]]
    line.check(
        "createMEAPredictionImportByFilePyApi", "getModelErrorAnalysisPredictionImportPyApi",
        "createMalPredictionImportForModelRunDataRowsPyApi", "getMEAToMALPredictionImportPyApi",
        "exportDataRowsInModelRunPyApi",
    )  # fmt: skip


@pytest.mark.usefixtures("predictions_allowed")
def test_a_project_takes_predictions_without_their_scores(
    client: Client, fresh: Client, line: Line, labeling: Labeling, run: ModelRun
) -> None:
    answer = {"name": "red", "confidence": 0.25}
    box = labeling.box(0, confidence=0.5, customMetrics=[{"name": "iou", "value": 0.75}])
    box["classifications"] = [{"name": "color", "answer": answer}]
    metric = labeling.line(0, metricName="iou", metricValue=0.5, featureName="car")
    imported = labeling.finished(MEAPredictionImport.create_from_objects(client, run.uid, f"{uuid4()}", [box, metric]))
    assert [each["status"] for each in imported.statuses] == ["SUCCESS", "SUCCESS"]
    other = client.create_project(name="from the run", media_type=MediaType.Image)
    other.connect_ontology(labeling.ontology)
    review = other.task_queues()[1]
    task = run.send_to_annotate_from_model(other.uid, review.uid, "sent", GlobalKeys(labeling.keys[:1]), {})
    assert (done(task).status, task.errors) == ("COMPLETE", None)
    [row] = exported(fresh.get_project(other.uid).export())
    [label] = row["projects"][other.uid]["labels"]
    assert set(label["annotations"]) == {"objects", "classifications", "relationships"}
    [color] = label["annotations"]["objects"][0]["classifications"]
    assert bare([color]) == [
        {"name": "color", "value": "color", "radio_answer": {"name": "red", "value": "red", "classifications": []}}
    ]
    assert objects(label) == [CAR | {"classifications": bare([color])}]
    line.check("SendToAnnotateFromMeaPyApi")
