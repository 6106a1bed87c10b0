"""Labels and reviews through the SDK, and the labeler's hand that makes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import labelbox as lb
import pytest
from labelbox.schema.webhook import Webhook
from lbox.exceptions import ResourceConflict

from .conftest import PACKAGE
from .labeling import Labeling, make_image_labeling


@pytest.fixture
def labeling(client: Any) -> Labeling:
    return make_image_labeling(client, rows=4)


@pytest.fixture
def play(server: Any, labeling: Labeling) -> Any:
    """Lets somebody do something in the project; how many rows it concerned."""

    def act(action: str, **arguments: Any) -> int:
        outcome = server.admin("POST", "labeler", action=action, project=labeling.project.uid, **arguments)
        assert outcome["errors"] == []
        return int(outcome["rows"])

    return act


def status(labeling: Labeling) -> dict[str, str]:
    """The workflow status of the rows of the project."""
    rows = labeling.export(params={"project_details": True})
    return {
        row["data_row"]["global_key"]: row["projects"][labeling.project.uid]["project_details"]["workflow_status"]
        for row in rows
    }


def test_labels_are_listed_by_project_and_by_row(labeling: Labeling) -> None:
    labeling.import_labels([labeling.box(row) for row in range(3)])
    labels = list(labeling.project.labels())
    assert len(labels) == labeling.project.get_label_count() == 3
    row = labeling.client.get_data_row_by_global_key(labeling.keys[1])
    (label,) = row.labels()
    assert json.loads(label.label)["objects"][0]["name"] == "car"
    assert (label.is_benchmark_reference, label.seconds_to_label, label.agreement) == (False, 0.0, None)
    assert (label.data_row().uid, label.project().uid) == (row.uid, labeling.project.uid)
    assert label.created_by().uid == labeling.client.get_user().uid
    assert list(labeling.project.labels(datasets=[labeling.dataset])) == labels
    assert len(list(labeling.project.labels(created_by=label.created_by()))) == 3
    assert list(labeling.project.labels(created_by="c" * 25)) == []


def test_deleted_labels_are_gone_and_their_rows_wait_again(labeling: Labeling) -> None:
    labeling.import_labels([labeling.box(row) for row in range(3)])
    first, *others = list(labeling.project.labels())  # the SDK starts anew when it is unpacked
    key = first.data_row().global_key
    first.delete()
    assert list(labeling.project.labels()) == others
    assert status(labeling)[key] == "TO_LABEL"
    lb.Label.bulk_delete(others)
    assert labeling.project.get_label_count() == 0
    assert set(status(labeling).values()) == {"TO_LABEL"}
    labeling.import_labels([labeling.box(0)])
    assert labeling.project.delete_labels_by_user(labeling.client.get_user().uid) == 1
    assert first.project() is None


def test_labels_go_with_their_row_and_their_project(labeling: Labeling) -> None:
    labeling.import_labels([labeling.box(0), labeling.box(1)])
    labeling.client.get_data_row_by_global_key(labeling.keys[0]).delete()
    assert len(list(labeling.project.labels())) == 1
    row = labeling.client.get_data_row_by_global_key(labeling.keys[1])
    labeling.project.delete()
    assert list(row.labels()) == []


def test_labels_of_a_batch_can_be_kept_as_templates(labeling: Labeling, play: Any) -> None:
    labeling.import_labels([labeling.box(row) for row in range(2)])
    deleted = labeling.batch.delete_labels(set_labels_as_template=True)
    assert len(deleted["project"]["deleteBatchLabels"]["deletedLabelIds"]) == 2
    assert labeling.project.get_label_count() == 0
    assert play("label", source="predictions") == 2
    assert labeling.labels(0)[0]["annotations"]["objects"][0]["name"] == "car"


def test_reviews(labeling: Labeling) -> None:
    labeling.import_labels([labeling.box(0), labeling.box(1)])
    label, other = labeling.project.labels()
    review = label.create_review(score=1.0)
    label.create_review(score=-3.0)
    assert [each.score for each in label.reviews()] == [1.0, -3.0]
    assert review.label().uid == label.uid
    assert review.created_by().uid == labeling.client.get_user().uid
    net = lb.Review.NetScore
    counts = [labeling.project.review_metrics(score) for score in (net.Negative, net.Zero, net.Positive, None)]
    assert counts == [1, 0, 0, 1]
    review.update(score=5.0)
    assert labeling.project.review_metrics(net.Positive) == 1
    review.delete()
    assert [each.score for each in label.reviews()] == [-3.0]
    assert list(other.reviews()) == []


def test_benchmarks(labeling: Labeling) -> None:
    labeling.import_labels([labeling.box(0)])
    (label,) = labeling.project.labels()
    benchmark = label.create_benchmark()
    assert benchmark.reference_label().uid == label.uid
    assert benchmark.completed_count == 0
    (listed,) = labeling.project.labels()
    assert listed.is_benchmark_reference
    labeling.import_labels([labeling.box(0)])
    later = list(labeling.project.labels())[-1]
    with pytest.raises(ResourceConflict):
        later.create_benchmark()
    benchmark.delete()
    assert list(labeling.project.benchmarks()) == []


def test_a_row_goes_through_the_workflow(labeling: Labeling, play: Any) -> None:
    keys = labeling.keys
    assert play("label", user="ann@labeler.test", seconds=30, seed=1) == 4
    assert set(status(labeling).values()) == {"IN_REVIEW"}
    assert play("approve", user="rob@labeler.test", rows=keys[:2], seconds=5) == 2
    assert play("reject", user="rob@labeler.test", rows=[keys[2]]) == 1
    assert [status(labeling)[key] for key in keys[:4]] == ["DONE", "DONE", "IN_REWORK", "IN_REVIEW"]
    assert play("label", user="ann@labeler.test", seconds=10, seed=2) == 1
    assert play("move", rows=[keys[3]], queue="rework") == 1
    assert [status(labeling)[key] for key in keys[:4]] == ["DONE", "DONE", "IN_REVIEW", "IN_REWORK"]
    params = {"label_details": True, "performance_details": True, "project_details": True}
    (row,) = labeling.export(filters={"global_keys": [keys[2]]}, params=params)
    block = row["projects"][labeling.project.uid]
    (label,) = block["labels"]
    assert label["label_details"]["created_by"] == "ann@labeler.test"
    assert [(each["reviewed_by"], each["score"]) for each in label["label_details"]["reviews"]] == [
        ("rob@labeler.test", -1.0)
    ]
    assert label["performance_details"] == {"seconds_to_create": 40.0, "seconds_to_review": 10.0, "skipped": False}
    assert [(each["action"], each["created_by"]) for each in block["project_details"]["workflow_history"]] == [
        ("Submit", "ann@labeler.test"), ("Reject", "rob@labeler.test"), ("Submit", "ann@labeler.test"),
    ]  # fmt: skip
    found = labeling.client.get_data_row_by_global_key(keys[2]).labels()
    versions = list(next(iter(found)).versions())
    assert [version.action.value for version in versions] == ["SUBMITTED", "REJECTED", "REWORK_SUBMITTED"]
    assert [version.stage.name for version in versions] == [
        "Initial labeling task", "Initial review task", "Rework (all rejected)",
    ]  # fmt: skip
    assert versions[0].label_json != versions[2].label_json
    assert versions[0].annotation_count == sum(len(each) for each in versions[0].label_json.values())
    performance = {each.user.email: each for each in labeling.project.labeler_performance()}
    assert (performance["ann@labeler.test"].count, performance["ann@labeler.test"].total_time_labeling) == (4, 130.0)


def test_random_labels_are_of_the_ontology_and_the_same_for_a_seed(client: Any, server: Any) -> None:
    # So many rows that each shape is drawn at least once, whatever the keys are.
    labeling = make_image_labeling(client, rows=20)
    again = client.create_project(name="again", media_type=lb.MediaType.Image)
    again.connect_ontology(labeling.ontology)
    again.create_batch("b", global_keys=labeling.keys[:20])
    for project, seed in ((labeling.project, 3), (again, 3)):
        server.admin("POST", "labeler", action="label", project=project.uid, seed=seed)
    labels = [json.loads(label.label) for label in labeling.project.labels()]
    shapes = {each["annotation_kind"] for label in labels for each in label["objects"]}
    assert {"ImageBoundingBox", "ImagePolygon", "ImagePolyline", "ImagePoint"} <= shapes
    boxes = [[each.get("bounding_box") for each in label["objects"]] for label in labels]
    others = [json.loads(label.label) for label in again.labels()]
    assert boxes == [[each.get("bounding_box") for each in label["objects"]] for label in others]


def test_skipped_rows_are_told_as_such(labeling: Labeling, play: Any) -> None:
    assert play("skip", rows=[labeling.keys[0]], user="ann@labeler.test") == 1
    (label,) = labeling.labels(0, performance_details=True)
    assert label["performance_details"]["skipped"] is True
    assert label["annotations"]["objects"] == []
    assert labeling.project.get_overview().skipped == 1
    assert status(labeling)[labeling.keys[0]] == "IN_REVIEW"


def test_a_consensus_batch_needs_several_labels(client: Any, server: Any) -> None:
    labeling = make_image_labeling(client, rows=1)
    project = client.create_project(
        name="consensus", media_type=lb.MediaType.Image, quality_modes={lb.schema.quality_mode.QualityMode.Consensus}
    )
    project.connect_ontology(labeling.ontology)
    batch = project.create_batch(
        "c", global_keys=labeling.keys[:1], consensus_settings={"number_of_labels": 2, "coverage_percentage": 1.0}
    )
    assert batch.consensus_settings is not None
    queues: list[int] = []
    for user in ("ann@labeler.test", "ben@labeler.test"):
        server.admin("POST", "labeler", action="label", project=project.uid, user=user)
        queues.append(project.get_overview().in_review)
    assert queues == [0, 1]
    assert project.get_label_count() == 2


def test_the_command_labels_from_a_file(labeling: Labeling, server: Any, tmp_path: Path) -> None:
    path = tmp_path / "labels.ndjson"
    path.write_text("\n".join(json.dumps(each) for each in (labeling.box(0), labeling.line(1, name="bus", answer="x"))))

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
        where = ["--url", server.base, "--project", labeling.project.uid]
        return subprocess.run(
            [sys.executable, "-m", "labelbox_local.cli", "labeler", arguments[0], *where, *arguments[1:]],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    labeled = command("label", "--file", str(path), "--user", "ann@labeler.test")
    assert (labeled.returncode, labeled.stdout) == (1, "label: 1 rows\n")
    assert json.loads(labeled.stderr)["errors"][0]["name"] == "FeatureSchemaNotFound"
    assert command("label", "--limit", "2").stdout == "label: 2 rows\n"
    assert command("approve").stdout == "approve: 3 rows\n"
    wrong = command("move", "--queue", "nowhere")
    assert (wrong.returncode, "no task queue 'nowhere'" in wrong.stderr) == (2, True)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"action": "dance"}, "not one of label, skip"),
        ({"action": "move"}, "move needs a queue"),
        ({"action": "label", "source": "magic"}, "not one of random"),
        ({"action": "label", "batch": "none"}, "no batch 'none'"),
        ({"action": "label", "colour": 1}, "unexpected keyword"),
    ],
)
def test_what_nobody_can_do_is_refused(server: Any, labeling: Labeling, body: dict[str, Any], message: str) -> None:
    answer = httpx.post(f"{server.base}/admin/labeler", json={"project": labeling.project.uid, **body})
    assert answer.status_code == 400
    assert message in answer.json()["message"]


def test_webhooks_hear_of_labels(labeling: Labeling, play: Any) -> None:
    heard: list[tuple[str, dict[str, Any]]] = []
    enough = threading.Semaphore(0)

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.append((self.headers["X-Labelbox-Event"], body))
            self.send_response(200)
            self.end_headers()
            enough.release()

        def log_message(self, *_: Any) -> None:
            pass

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    topics = ["LABEL_CREATED", "LABEL_UPDATED", "LABEL_DELETED"]
    secret = uuid.uuid4().hex
    url = f"http://127.0.0.1:{receiver.server_port}/hook"
    hook = Webhook.create(labeling.client, topics, url, secret, labeling.project)
    play("label", rows=[labeling.keys[0]], user="ann@labeler.test")
    play("reject", rows=[labeling.keys[0]])
    (label,) = labeling.project.labels()
    label.delete()
    for _ in range(3):
        assert enough.acquire(timeout=20)
    hook.delete()
    receiver.shutdown()
    receiver.server_close()
    bodies = dict(heard)
    assert set(bodies) == {"LABEL_CREATED", "LABEL_UPDATED", "LABEL_DELETED"}
    created = bodies["LABEL_CREATED"]
    assert created["project"]["id"] == labeling.project.uid
    assert created["dataRow"]["globalKey"] == labeling.keys[0]
    assert created["createdBy"]["email"] == "ann@labeler.test"
    assert created["id"] == bodies["LABEL_DELETED"]["id"] == label.uid
