"""Exports of projects, datasets, the catalog, slices, batches and model runs, with every parameter and filter."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import labelbox as lb
import pytest
from labelbox.schema.export_task import StreamType
from lbox.exceptions import MalformedQueryException

from .labeling import Labeling, exported, make_image_labeling, make_labeling, text, tool

ALL = {
    "attachments": True, "metadata_fields": True, "data_row_details": True, "project_details": True,
    "label_details": True, "performance_details": True, "interpolated_frames": True, "embeddings": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def labeling(client: Any, server: Any) -> Labeling:
    """Rows 0 and 1 are done, 2 is in review, 3 in rework, 4 waits; 5 is in no batch."""
    made = make_image_labeling(client, rows=5)
    made.import_labels([made.box(0), made.line(0, name="note", answer="x"), made.box(1)])
    for action, rows in (("label", made.keys[2:4]), ("reject", made.keys[3:4])):
        server.admin("POST", "labeler", action=action, project=made.project.uid, rows=rows, user="ann@labeler.test")
    return made


def keys(labeling: Labeling, **arguments: Any) -> set[int]:
    """Which rows of the project an export has, by number."""
    return {labeling.keys.index(row["data_row"]["global_key"]) for row in labeling.export(**arguments)}


def test_a_project_is_exported_with_its_unlabeled_rows(labeling: Labeling) -> None:
    rows = {row["data_row"]["global_key"]: row for row in labeling.export()}
    assert set(rows) == set(labeling.keys[:5])
    blocks = {key: row["projects"][labeling.project.uid] for key, row in rows.items()}
    assert [len(blocks[key]["labels"]) for key in labeling.keys[:5]] == [1, 1, 1, 1, 0]
    assert set(blocks[labeling.keys[0]]) == {"name", "labels"}
    (label,) = blocks[labeling.keys[0]]["labels"]
    assert set(label) == {"label_kind", "version", "id", "annotations"}
    assert (label["label_kind"], label["version"]) == ("Default", "1.0.0")


def test_all_parameters_together(labeling: Labeling) -> None:
    (row,) = labeling.export(filters={"global_keys": [labeling.keys[2]]}, params=ALL)
    assert list(row) == ["data_row", "media_attributes", "attachments", "metadata_fields", "embeddings", "projects"]
    details = row["data_row"]["details"]
    assert (details["dataset_id"], details["dataset_name"]) == (labeling.dataset.uid, labeling.dataset.name)
    assert datetime.fromisoformat(details["last_activity_at"]) >= datetime.fromisoformat(details["created_at"])
    block = row["projects"][labeling.project.uid]
    assert set(block) == {"name", "labels", "project_details"}
    project = block["project_details"]
    assert (project["batch_id"], project["batch_name"]) == (labeling.batch.uid, labeling.batch.name)
    assert (project["workflow_status"], project["task_name"]) == ("IN_REVIEW", "Initial review task")
    assert (project["priority"], project["consensus_expected_label_count"]) == (5, 1)
    assert project["ontology_id"] == labeling.project.ontology().uid
    assert project["selected_label_id"] == block["labels"][0]["id"]
    assert [each["action"] for each in project["workflow_history"]] == ["Submit"]
    (label,) = block["labels"]
    assert set(label["label_details"]) == {
        "created_at", "updated_at", "created_by", "content_last_updated_at", "reviews",
    }  # fmt: skip
    assert label["performance_details"]["seconds_to_create"] == 10.0


@pytest.mark.parametrize(("status", "rows"), [("ToLabel", {4}), ("InReview", {2}), ("InRework", {3}), ("Done", {0, 1})])
def test_filter_by_workflow_status(labeling: Labeling, status: str, rows: set[int]) -> None:
    assert keys(labeling, filters={"workflow_status": status}) == rows


def test_filters_by_ids_and_batch(labeling: Labeling) -> None:
    assert keys(labeling, filters={"global_keys": labeling.keys[1:3]}) == {1, 2}
    assert keys(labeling, filters={"data_row_ids": [labeling.row_id(3), labeling.row_id(5)]}) == {3}
    assert keys(labeling, filters={"batch_ids": [labeling.batch.uid]}) == {0, 1, 2, 3, 4}
    other = labeling.project.create_batch(f"other {uuid.uuid4()}", global_keys=[labeling.keys[5]])
    assert keys(labeling, filters={"batch_ids": [other.uid]}) == {5}
    assert keys(labeling, filters={"batch_ids": [other.uid], "global_keys": [labeling.keys[0]]}) == set()
    other.delete()


def test_filters_by_time(labeling: Labeling) -> None:
    now = datetime.now(UTC)
    before, after = (f"{now + timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}+0000" for hours in (-1, 1))
    assert keys(labeling, filters={"label_created_at": [before, after]}) == {0, 1, 2, 3}
    assert keys(labeling, filters={"label_created_at": [after, None]}) == set()
    assert keys(labeling, filters={"label_created_at": [None, after]}) == {0, 1, 2, 3}
    assert keys(labeling, filters={"last_activity_at": [before, after]}) == {0, 1, 2, 3, 4}
    assert keys(labeling, filters={"last_activity_at": [None, before]}) == set()
    day = f"{now:%Y-%m-%d} 00:00:00"
    assert keys(labeling, filters={"last_activity_at": [day, after]}) == {0, 1, 2, 3, 4}


def test_a_new_label_is_activity_of_its_row(labeling: Labeling) -> None:
    threading.Event().wait(1.1)  # the filter knows whole seconds; time.sleep is short in these tests
    mark = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}+0000"
    labeling.import_labels([labeling.box(1)])
    assert keys(labeling, filters={"last_activity_at": [mark, None]}) == {1}
    labeling.import_prelabels([labeling.box(4)])
    assert keys(labeling, filters={"last_activity_at": [mark, None]}) == {1, 4}


def test_a_dataset_shows_the_projects_asked_for(labeling: Labeling) -> None:
    plain = exported(labeling.dataset.export())
    assert len(plain) == 6
    assert {len(row["projects"]) for row in plain} == {0}
    chosen = exported(labeling.dataset.export(params={"project_ids": [labeling.project.uid]}))
    assert sum(len(row["projects"]) for row in chosen) == 5
    every = exported(labeling.dataset.export(params={"all_projects": True, "project_details": True}))
    blocks = [row["projects"][labeling.project.uid] for row in every if row["projects"]]
    assert {block["project_details"]["workflow_status"] for block in blocks} == {
        "DONE", "IN_REVIEW", "IN_REWORK", "TO_LABEL",
    }  # fmt: skip


def test_the_catalog_single_rows_and_slices(labeling: Labeling) -> None:
    catalog = labeling.client.get_catalog()
    params = {"project_ids": [labeling.project.uid]}
    rows = exported(catalog.export(filters={"global_keys": labeling.keys[:2]}, params=params))
    assert [len(row["projects"][labeling.project.uid]["labels"]) for row in rows] == [1, 1]
    ids = [labeling.row_id(0), labeling.row_id(2)]
    assert len(exported(lb.DataRow.export(labeling.client, data_rows=ids))) == 2
    condition = {"type": "global_key", "operator": "is", "ids": labeling.keys[:3]}
    made = labeling.client.execute(
        "mutation CreateSlicePyApi($name: String!, $query: SearchServiceQuery!)"
        " { createCatalogSavedQuery(args: {name: $name, filter: $query}) { id } }",
        {"name": f"slice {uuid.uuid4()}", "query": [condition]},
        experimental=True,
    )
    chosen = labeling.client.get_catalog_slice(made["createCatalogSavedQuery"]["id"])
    assert len(exported(chosen.export(params=params))) == 3


def test_model_runs(labeling: Labeling, monkeypatch: pytest.MonkeyPatch) -> None:
    model = labeling.client.create_model(f"model {uuid.uuid4()}", labeling.ontology.uid)
    run = model.create_model_run("run")
    run.upsert_labels(project_id=labeling.project.uid)
    run.upsert_data_rows(global_keys=[labeling.keys[4]])
    monkeypatch.setattr(labeling.client, "enable_experimental", True)
    run.assign_data_rows_to_split(global_keys=[labeling.keys[0]], split=lb.schema.model_run.DataSplit.TEST)
    rows = {row["data_row"]["global_key"]: row for row in exported(run.export(params={"model_run_details": True}))}
    assert set(rows) == set(labeling.keys[:5])
    assert all("projects" not in row for row in rows.values())
    shown = {key: row["experiments"][model.uid]["runs"][run.uid] for key, row in rows.items()}
    assert [len(shown[key]["labels"]) for key in labeling.keys[:5]] == [1, 1, 1, 1, 0]
    assert (shown[labeling.keys[0]]["split"], shown[labeling.keys[1]]["split"]) == ("test", "unassigned")
    assert "predictions" not in shown[labeling.keys[0]]
    of_dataset = exported(labeling.dataset.export(params={"model_run_ids": [run.uid], "predictions": True}))
    assert sum(model.uid in row["experiments"] for row in of_dataset) == 5


def test_what_is_not_there_has_an_empty_export(labeling: Labeling) -> None:
    task = labeling.project.export(filters={"global_keys": ["nobody"]})
    task.wait_till_done()
    assert (task.status, task.has_result(), task.has_errors()) == ("COMPLETE", False, False)
    with pytest.raises(ValueError, match="does not have a RESULT stream"):
        task.get_buffered_stream(StreamType.RESULT)


def test_an_export_in_pieces_is_the_same(labeling: Labeling, server: Any) -> None:
    def export() -> str:
        # The addresses of masks name the task of the export.
        return re.sub(r"tasks/\w+/", "", json.dumps(labeling.export(params=ALL)))

    whole = export()
    before = server.admin("GET", "switches")["export_chunk_bytes"]
    server.admin("POST", "switches", export_chunk_bytes=500)
    assert export() == whole
    server.admin("POST", "switches", export_chunk_bytes=before)


def test_only_so_many_exports_run_at_once(labeling: Labeling, server: Any) -> None:
    server.admin("POST", "switches", exports_per_project=1, task_seconds=1)
    first = labeling.project.export()
    with pytest.raises(MalformedQueryException):
        labeling.project.export()
    labeling.dataset.export()
    server.admin("POST", "switches", exports_per_project=10, task_seconds=0)
    assert len(exported(first)) == 5


def test_renamed_features_are_exported_by_their_new_names(client: Any, server: Any) -> None:
    labeling = make_labeling(client, lb.MediaType.Image, [tool("POINT", "nose")], [text("note")], rows=1)
    labeling.import_labels([labeling.line(name="nose", point={"x": 1, "y": 2})])
    feature = labeling.ontology.normalized["tools"][0]["featureSchemaId"]
    client.update_feature_schema_title(feature, "Nose tip")
    (label,) = labeling.labels()
    shown = label["annotations"]["objects"][0]
    assert (shown["name"], shown["value"], shown["feature_schema_id"]) == ("Nose tip", "nose_tip", feature)


def test_skipped_and_consensus_labels_are_all_there(client: Any, server: Any) -> None:
    labeling = make_image_labeling(client, rows=1)
    labeling.import_labels([labeling.box()])
    server.admin("POST", "switches", label_import_repeat="append")
    labeling.import_labels([labeling.box()])
    server.admin("POST", "switches", label_import_repeat="replace")
    labels = labeling.labels()
    assert len({label["id"] for label in labels}) == 2


def test_labels_can_be_sent_to_another_project(labeling: Labeling) -> None:
    project = labeling.client.create_project(name="sent", media_type=lb.MediaType.Image)
    project.connect_ontology(labeling.ontology)
    queues = {queue.queue_type: queue.uid for queue in project.task_queues()}
    task = labeling.client.send_to_annotate_from_catalog(
        project.uid, queues["MANUAL_REVIEW_QUEUE"], "sent", lb.GlobalKeys(labeling.keys[:2]),
        {"source_project_id": labeling.project.uid},
    )  # fmt: skip
    task.wait_till_done()
    assert task.status == "COMPLETE"
    rows = exported(project.export(params={"project_details": True}))
    blocks = [row["projects"][project.uid] for row in rows]
    assert [block["project_details"]["workflow_status"] for block in blocks] == ["IN_REVIEW", "IN_REVIEW"]
    assert [block["labels"][0]["annotations"]["objects"][0]["name"] for block in blocks] == ["car", "car"]


def test_exports_have_what_is_new_only_when_it_is_indexed(client: Any, server: Any) -> None:
    labeling = make_image_labeling(client, rows=2)
    labeling.import_labels([labeling.box(0)])
    window = {"last_activity_at": ["2026-01-01", None]}
    labeled = {"label_created_at": ["2026-01-01", None]}
    server.admin("POST", "switches", export_index_seconds=3600)
    try:
        assert labeling.export() == []
        assert exported(labeling.dataset.export()) == []
        assert keys(labeling, filters=window) == keys(labeling, filters=labeled) == set()
    finally:
        server.admin("POST", "switches", export_index_seconds=0)
    assert keys(labeling) == keys(labeling, filters=window) == {0, 1}
    assert keys(labeling, filters=labeled) == {0}


def test_a_new_label_of_a_row_that_is_indexed_comes_later(client: Any, server: Any) -> None:
    labeling = make_image_labeling(client, rows=2)
    make_older(server, labeling, hours=2)
    window = {"last_activity_at": ["2020-01-01", None]}
    labeling.import_labels([labeling.box(0)])
    server.admin("POST", "switches", export_index_seconds=3600)
    try:
        assert [row["projects"][labeling.project.uid]["labels"] for row in labeling.export()] == [[], []]
        assert keys(labeling, filters=window) == {1}
    finally:
        server.admin("POST", "switches", export_index_seconds=0)
    assert len(labeling.labels(0)) == 1
    assert keys(labeling, filters=window) == {0, 1}


def make_older(server: Any, labeling: Labeling, hours: int) -> None:
    """Date the rows of a project back, in the database of the server."""
    age = hours * 3_600_000_000
    rows = "(SELECT data_row FROM project_row WHERE project = ?)"
    with closing(sqlite3.connect(server.data / "labelbox.sqlite", timeout=60)) as database, database:
        database.execute(
            "UPDATE data_row SET created_at = created_at - ?, last_activity_at = last_activity_at - ?"
            f" WHERE seq IN {rows}",
            (age, age, labeling.project.uid),
        )
        database.execute(
            "UPDATE project_row SET added_at = added_at - ? WHERE project = ?", (age, labeling.project.uid)
        )
