"""Annotation imports: their life, their files, what repeats do, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import labelbox as lb
import pytest
from lbox.exceptions import MalformedQueryException, ResourceConflict, ResourceNotFoundError

from .labeling import BOX, Labeling, exported, make_image_labeling


@pytest.fixture(scope="module")
def labeling(client: Any) -> Labeling:
    return make_image_labeling(client, rows=20)


@pytest.fixture
def switched(server: Any) -> Any:
    """Sets switches of the server, and back again."""
    before = server.admin("GET", "switches")
    changed: dict[str, Any] = {}

    def switch(**values: Any) -> None:
        changed.update(values)
        server.admin("POST", "switches", **values)

    yield switch
    server.admin("POST", "switches", **{name: before[name] for name in changed})


def test_an_import_starts_running_and_is_looked_up_by_its_name(labeling: Labeling, switched: Any) -> None:
    switched(task_seconds=1.0)
    made = lb.LabelImport.create_from_objects(labeling.client, labeling.project.uid, "first", [labeling.box()])
    assert (made.state.value, made.status_file_url, made.error_file_url) == ("RUNNING", None, None)
    assert made.name == "first"
    assert made.parent_id == labeling.project.uid
    running = lb.LabelImport.from_name(labeling.client, labeling.project.uid, "first")
    assert (running.uid, running.state.value, running.status_file_url) == (made.uid, "RUNNING", None)
    labeling.finished(made)
    assert (made.state.value, made.progress) == ("FINISHED", "100%")
    assert made.inputs[0]["bbox"] == BOX
    listed = list(labeling.project.get_label_imports())
    assert [each.name for each in listed] == ["first"]
    with pytest.raises(ResourceNotFoundError):
        lb.LabelImport.from_name(labeling.client, labeling.project.uid, "second")


def test_a_name_can_be_used_once_for_each_kind(labeling: Labeling, switched: Any) -> None:
    labeling.import_labels([labeling.box()], "again")
    labeling.import_prelabels([labeling.box()], "again")
    with pytest.raises(ResourceConflict):
        lb.LabelImport.create_from_objects(labeling.client, labeling.project.uid, "again", [labeling.box()])
    switched(import_name_reuse="allow")
    made = labeling.import_labels([labeling.box(), labeling.box()], "again")
    assert lb.LabelImport.from_name(labeling.client, labeling.project.uid, "again").uid == made.uid
    assert len(made.statuses) == 2


def test_every_line_has_a_status_in_the_order_of_the_file(labeling: Labeling) -> None:
    good, twice = labeling.box(1), labeling.box(1)
    unknown_row = {**labeling.box(1), "dataRow": {"globalKey": "nobody"}}
    lines = [
        good,
        labeling.line(1, name="bus", bbox=BOX),
        unknown_row,
        labeling.box(20),
        twice,
        {**labeling.box(1), "uuid": twice["uuid"].upper()},
        {key: value for key, value in labeling.box(1).items() if key != "uuid"},
    ]
    made = labeling.import_labels(lines)
    statuses = made.statuses
    assert made.state.value == "FINISHED"
    assert [each["status"] for each in statuses] == [
        "SUCCESS", "FAILURE", "FAILURE", "FAILURE", "SUCCESS", "FAILURE", "SUCCESS",
    ]  # fmt: skip
    assert [each["errors"][0]["name"] for each in made.errors] == [
        "FeatureSchemaNotFound", "DataRowNotFound", "DataRowNotInProject", "UuidError",
    ]  # fmt: skip
    assert made.errors[3]["errors"][0]["message"] == (
        f"{twice['uuid'].upper()} already used in this import job, must be unique for the project."
    )
    assert [each["uuid"] for each in statuses[:6]] == [line["uuid"] for line in lines[:6]]
    assert uuid.UUID(statuses[6]["uuid"])
    assert statuses[0]["dataRow"] == {"id": labeling.row_id(1), "globalKey": labeling.keys[1]}
    assert statuses[2]["dataRow"] == {"id": None, "globalKey": "nobody"}
    (label,) = labeling.labels(1)
    assert len(label["annotations"]["objects"]) == 3


def test_the_lines_of_a_row_need_not_be_together(labeling: Labeling) -> None:
    by_id = {**labeling.box(2), "dataRow": {"id": labeling.row_id(2)}}
    labeling.import_labels([labeling.box(2), labeling.box(3), labeling.line(2, name="note", answer="x"), by_id])
    (label,) = labeling.labels(2)
    assert (len(label["annotations"]["objects"]), len(label["annotations"]["classifications"])) == (2, 1)


def test_imported_rows_are_done_and_counted(labeling: Labeling) -> None:
    labeling.import_labels([labeling.box(4)])
    (row,) = labeling.export(filters={"global_keys": [labeling.keys[4]]}, params={"project_details": True})
    details = row["projects"][labeling.project.uid]["project_details"]
    assert details["workflow_status"] == "DONE"
    assert details["workflow_history"][0]["previous_task_name"] == "Initial labeling task"


def test_a_file_and_an_address_can_be_imported(labeling: Labeling, tmp_path: Path) -> None:
    content = "\n".join(json.dumps(labeling.box(5)) for _ in range(3)) + "\n"
    path = tmp_path / "labels.ndjson"
    path.write_text(content)
    from_file = lb.LabelImport.create_from_file(labeling.client, labeling.project.uid, "file", str(path))
    assert len(labeling.finished(from_file).statuses) == 3
    address = labeling.client.upload_data(content.encode(), "labels.ndjson", "application/x-ndjson")
    mal = lb.MALPredictionImport.create_from_url(labeling.client, labeling.project.uid, "address", address)
    assert {each["status"] for each in labeling.finished(mal).statuses} == {"SUCCESS"}
    for wrong in ("https://example.com/labels.ndjson", f"{labeling.client.endpoint}/nothing"):
        data = {"projectId": labeling.project.uid, "name": f"x{uuid.uuid4()}", "fileUrl": wrong}
        with pytest.raises(MalformedQueryException):
            labeling.client.execute(lb.LabelImport._get_url_mutation(), data)


def test_lines_that_are_no_json_fail_alone(labeling: Labeling, tmp_path: Path) -> None:
    path = tmp_path / "broken.ndjson"
    path.write_text(f"{json.dumps(labeling.box(5))}\nno json\n[1]\n\n")
    made = lb.LabelImport.create_from_file(labeling.client, labeling.project.uid, "broken", str(path))
    statuses = labeling.finished(made).statuses
    assert [each["status"] for each in statuses] == ["SUCCESS", "FAILURE", "FAILURE"]
    assert {each["errors"][0]["name"] for each in made.errors} == {"InvalidJson"}


def test_a_project_without_an_ontology_takes_no_imports(client: Any, labeling: Labeling) -> None:
    project = client.create_project(name="no ontology", media_type=lb.MediaType.Image)
    with pytest.raises(MalformedQueryException):
        lb.LabelImport.create_from_objects(client, project.uid, "x", [labeling.box()])


def test_the_files_of_an_import_expire(labeling: Labeling, switched: Any) -> None:
    switched(import_file_seconds=0)
    made = labeling.import_labels([labeling.box(6)])
    assert httpx.get(made.status_file_url).status_code == 403
    assert httpx.get(made.input_file_url).status_code == 403


def test_a_repeated_label_import_replaces_appends_or_is_rejected(labeling: Labeling, switched: Any) -> None:
    labeling.import_labels([labeling.box(7)])
    labeling.import_labels([labeling.line(7, name="note", answer="second")])
    (label,) = labeling.labels(7)
    assert (label["annotations"]["objects"], len(label["annotations"]["classifications"])) == ([], 1)
    switched(label_import_repeat="append")
    labeling.import_labels([labeling.box(7)])
    assert len(labeling.labels(7)) == 2
    switched(label_import_repeat="reject")
    made = labeling.import_labels([labeling.box(7), labeling.box(8)])
    assert [each["status"] for each in made.statuses] == ["FAILURE", "SUCCESS"]
    assert made.errors[0]["errors"][0]["name"] == "AlreadyLabeled"
    assert len(labeling.labels(7)) == 2


def test_pre_labels_are_no_labels(labeling: Labeling) -> None:
    before = labeling.project.get_label_count()
    made = labeling.import_prelabels([labeling.box(9)], "pre-labels")
    assert made.state.value == "FINISHED"
    assert labeling.project.get_label_count() == before
    assert labeling.labels(9) == []
    assert next(iter(labeling.project.get_mal_prediction_imports())).name == "pre-labels"
    made.delete()
    with pytest.raises(ResourceNotFoundError):
        lb.MALPredictionImport.from_name(labeling.client, labeling.project.uid, "pre-labels")


@pytest.mark.parametrize(
    ("switch", "line", "outcome"),
    [
        ({"row_outside_project": "accept"}, {"row": 20}, "SUCCESS"),
        ({"annotation_uuid": "any"}, {"row": 10, "uuid": "mine"}, "SUCCESS"),
        ({}, {"row": 10, "uuid": "mine"}, "FAILURE"),
    ],
)
def test_switches_of_what_is_not_known(
    labeling: Labeling, switched: Any, switch: dict[str, Any], line: dict[str, Any], outcome: str
) -> None:
    if switch:
        switched(**switch)
    row = line.pop("row")
    made = labeling.import_prelabels([{**labeling.box(row), **line}])
    assert [each["status"] for each in made.statuses] == [outcome]


def test_masks_that_can_not_be_read_are_accepted_or_not(labeling: Labeling, switched: Any) -> None:
    mask = {"instanceURI": "https://example.com/mask.png", "colorRGB": [1, 2, 3]}
    made = labeling.import_labels([labeling.line(11, name="sky", mask=mask)])
    assert made.errors == []
    (label,) = labeling.labels(11)
    assert label["annotations"]["objects"][0]["composite_mask"]["color_rgb"] == [1, 2, 3]
    switched(mask_pixels="always")
    made = labeling.import_labels([labeling.line(11, name="sky", mask=mask)])
    assert made.errors[0]["errors"][0]["name"] == "MaskError"


def test_an_import_has_a_largest_size(labeling: Labeling, switched: Any) -> None:
    switched(import_annotations=2)
    made = labeling.import_labels([labeling.box(12) for _ in range(3)])
    assert made.state.value == "FAILED"
    with pytest.raises(ValueError, match="Import failed"):
        _ = made.errors
    assert httpx.get(made.error_file_url).text == ""


@pytest.mark.usefixtures("fresh_faults")
def test_imports_can_be_made_to_fail(labeling: Labeling, server: Any) -> None:
    server.admin("POST", "faults", operation="createLabelImport", task="failed")
    assert labeling.import_labels([labeling.box(13)]).state.value == "FAILED"
    # By the name of the SDK's request, too, which is not that of the field.
    server.admin("POST", "faults", operation="createMALPredictionImportByFilePyApi", task="failed")
    assert labeling.import_prelabels([labeling.box(13)]).state.value == "FAILED"
    server.admin("POST", "faults", operation="createLabelImport", task="drop_rows", every=2)
    made = labeling.import_labels([labeling.box(13) for _ in range(4)])
    assert [each["status"] for each in made.statuses] == ["FAILURE", "SUCCESS", "FAILURE", "SUCCESS"]
    server.admin("POST", "faults", operation="createLabelImport", task="stuck")
    stuck = lb.LabelImport.create_from_objects(labeling.client, labeling.project.uid, "stuck", [labeling.box(13)])
    time.sleep(0.3)
    stuck.refresh()
    assert (stuck.state.value, stuck.progress) == ("RUNNING", "0%")


def test_a_benchmark_can_be_imported(labeling: Labeling) -> None:
    labeling.import_labels(
        [labeling.box(14, isBenchmarkReferenceLabel=True), labeling.line(14, name="note", answer="x")]
    )
    (benchmark,) = labeling.project.benchmarks()
    assert benchmark.reference_label().is_benchmark_reference
    # What is imported later does not take its place.
    labeling.import_labels([labeling.box(14)])
    assert len(labeling.labels(14)) == 2


@pytest.fixture(scope="module")
def run(labeling: Labeling) -> Any:
    model = labeling.client.create_model(f"model {uuid.uuid4()}", labeling.ontology.uid)
    made = model.create_model_run("run")
    made.upsert_data_rows(global_keys=labeling.keys[:3])
    return made


def test_predictions_of_a_model_run_are_refused_as_the_platform_does(labeling: Labeling, run: Any) -> None:
    with pytest.raises(MalformedQueryException):
        run.add_predictions("predictions", [labeling.box()])


def test_predictions_of_a_model_run_can_be_allowed_and_sent_to_a_project(
    labeling: Labeling, run: Any, switched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labelbox.schema import annotation_import

    real = time.sleep
    monkeypatch.setattr(annotation_import.time, "sleep", lambda seconds: real(min(seconds, 0.05)))
    switched(mea_prediction_imports="allow")
    other = labeling.client.create_project(name="from the run", media_type=lb.MediaType.Image)
    other.connect_ontology(labeling.ontology)
    metric = labeling.line(0, metricName="my_iou", metricValue=0.5, featureName="car")
    lines = [labeling.box(0, confidence=0.9), metric, labeling.box(1), labeling.box(5)]
    mea, batch, mal = run.upsert_predictions_and_send_to_project("to project", lines, other.uid)
    assert [each["status"] for each in mea.statuses] == ["SUCCESS", "SUCCESS", "SUCCESS", "FAILURE"]
    assert batch.size == 2
    assert {each["status"] for each in mal.statuses} == {"SUCCESS"}
    assert lb.MEAPredictionImport.from_name(labeling.client, run.uid, "to project").state.value == "FINISHED"
    rows = exported(run.export(params={"predictions": True, "model_run_details": True}))
    shown = {row["data_row"]["global_key"]: row["experiments"][run.model_id]["runs"][run.uid] for row in rows}
    assert sorted(shown) == sorted(labeling.keys[:3])
    (prediction,) = shown[labeling.keys[0]]["predictions"]
    assert prediction["annotations"]["objects"][0]["confidence"] == 0.9
    assert prediction["annotations"]["metrics"][0]["value"] == 0.5
    assert shown[labeling.keys[2]]["predictions"] == []


def test_an_import_goes_on_after_the_server_was_killed(start: Any) -> None:
    server = start()
    client = server.client()
    labeling = make_image_labeling(client)
    server.admin("POST", "switches", task_seconds=5)
    lb.LabelImport.create_from_objects(client, labeling.project.uid, "killed", [labeling.box(n) for n in range(3)])
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    again = start().client()
    made = lb.LabelImport.from_name(again, labeling.project.uid, "killed")
    made.wait_till_done(sleep_time_seconds=0.1)
    assert {each["status"] for each in made.statuses} == {"SUCCESS"}
    rows = exported(again.get_project(labeling.project.uid).export())
    assert [len(row["projects"][labeling.project.uid]["labels"]) for row in rows] == [1, 1, 1]
