"""What is labeled in Labelbox and exported is in the tables as it was sent, with the columns of ontology and schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import labelbox as lb
import orjson
from tests.integration.labelbox_local.labeling import Labeling, make_image_labeling, make_labeling, radio, text, tool

from labelbox_airflow.engine.annotations.model import Annotation
from labelbox_airflow.engine.annotations.readers.wide import WideReader
from labelbox_airflow.engine.annotations.readers.wide_spec import WideSpec
from labelbox_airflow.engine.exports.records.annotations import AnnotationRecords
from labelbox_airflow.engine.exports.records.former_layout import FormerLayout
from labelbox_airflow.engine.exports.records.labels import LabelRecords
from labelbox_airflow.engine.exports.records.record_set import RecordSet
from labelbox_airflow.engine.exports.records.rows import RowRecords
from labelbox_airflow.engine.metadata_schema import MetadataField
from labelbox_airflow.engine.ontology.tree import Ontology, of_normalized
from labelbox_airflow.engine.records import Batch

if TYPE_CHECKING:
    from labelbox import Client


PARAMS = dict.fromkeys(
    (
        "attachments", "metadata_fields", "data_row_details", "project_details", "label_details",
        "performance_details", "interpolated_frames", "embeddings",
    ),
    True,
)  # fmt: skip
POINTS = [{"x": 0.5, "y": 0.0}, {"x": 10.0, "y": 0.0}, {"x": 10.0, "y": 20.0}]


def export(labeling: Labeling) -> list[bytes]:
    """The lines of the project's export, in the order of its data rows."""
    found = {each["data_row"]["global_key"]: each for each in labeling.export(params=PARAMS)}
    return [orjson.dumps(found[key], option=orjson.OPT_APPEND_NEWLINE) for key in labeling.keys if key in found]


def send(labeling: Labeling, lines: list[dict[str, Any]]) -> None:
    made = labeling.import_labels(lines)
    assert [each["errors"] for each in made.statuses] == [[]] * len(lines)


def ontology_of(labeling: Labeling) -> Ontology:
    return of_normalized(labeling.ontology.normalized)


def table(made: RecordSet, lines: list[bytes]) -> tuple[list[dict[str, Any]], list[str]]:
    (records,) = made.batches(lines)
    assert records.batch.schema == made.schema
    return list(records.batch.to_pylist()), records.data_rows


def test_an_image_in_every_table(sdk: Client) -> None:
    image = make_image_labeling(sdk)
    how = [{"name": "how", "answer": [{"name": "much"}, {"name": "cold"}]}]
    lines = [
        image.box(classifications=[{"name": "color", "answer": {"name": "red"}}]),
        image.line(name="field", polygon=[*POINTS, POINTS[0]]),
        image.line(name="lane", line=POINTS),
        image.line(name="nose", point={"x": 1.25, "y": 2}),
        image.line(name="weather", answer={"name": "rain", "classifications": how}),
        image.line(name="seen", answer=[{"name": "dog"}, {"name": "cat"}]),
        image.line(name="note", answer="it's free"),
        image.box(1),
    ]
    send(image, lines)
    exported, project, ids = export(image), image.project.uid, [image.row_id(row) for row in range(3)]

    rows, data_rows = table(AnnotationRecords("wkt", [project]), exported)
    assert data_rows == ids
    assert {(each["data_row_id"], each["project_id"]) for each in rows} == {(each, project) for each in ids[:2]}
    assert [
        (each["kind"], each["class_path"], each["answer"] or each["text"] or each["geometry"]) for each in rows
    ] == [
        ("bounding_box", ["car"], "POLYGON ((10.0 20.0, 110.0 20.0, 110.0 220.0, 10.0 220.0, 10.0 20.0))"),
        ("radio", ["car", "color"], ["red"]),
        ("polygon", ["field"], "POLYGON ((0.5 0.0, 10.0 0.0, 10.0 20.0, 0.5 0.0))"),
        ("line", ["lane"], "LINESTRING (0.5 0.0, 10.0 0.0, 10.0 20.0)"),
        ("point", ["nose"], "POINT (1.25 2.0)"),
        ("radio", ["weather"], ["rain"]),
        ("checklist", ["weather", "rain", "how"], ["much", "cold"]),
        ("checklist", ["seen"], ["dog", "cat"]),
        ("text", ["note"], "it's free"),
        ("bounding_box", ["car"], "POLYGON ((10.0 20.0, 110.0 20.0, 110.0 220.0, 10.0 220.0, 10.0 20.0))"),
    ]
    assert {each["other"] for each in rows} == {None}
    assert all(each["created_at"] and each["created_by"] and each["workflow_status"] for each in rows)

    labels, _ = table(LabelRecords(ontology_of(image), projects=[project]), exported)
    assert [(len(each["objects_car"]), each["answer_weather"], each["answer_seen"]) for each in labels] == [
        (1, "rain", ["dog", "cat"]),
        (1, None, None),
    ]
    assert labels[0]["objects_car"][0]["answers"] == {"color": "red"}
    assert labels[0]["answer_weather_rain_how"] == ["much", "cold"]

    former, _ = table(FormerLayout(ontology_of(image), {}, projects=[project]), exported)
    assert [each["other"] for each in former] == [None, None]
    (records,) = FormerLayout(ontology_of(image), {}).batches(exported)
    read = list(WideReader(WideSpec(), ontology_of(image)).read([Batch(records.batch, "table", [1, 2])]))
    assert len([each for each in read if isinstance(each, Annotation)]) == len(lines)


def test_data_rows_with_all_that_is_attached(sdk: Client) -> None:
    image = make_image_labeling(sdk)
    fields = [each for each in sdk.get_data_row_metadata_ontology().fields if each.name == "tag"]
    image.dataset.upsert_data_rows(
        [
            {
                "key": lb.GlobalKey(image.keys[0]),
                "metadata_fields": [{"name": "tag", "value": "sunny"}],
                "attachments": [{"type": "RAW_TEXT", "value": "v", "name": "n"}],
            }
        ]
    ).wait_till_done(timeout_seconds=60)
    metadata = {"tag": MetadataField(fields[0].uid, "tag", "string")}
    rows, data_rows = table(RowRecords(metadata, [image.project.uid]), export(image))
    assert data_rows == [each["data_row_id"] for each in rows] == [image.row_id(row) for row in range(3)]
    first, *others = rows
    assert (first["metadata_tag"], first["dataset_name"]) == ("sunny", image.dataset.name)
    assert [(each["type"], each["name"], each["value"]) for each in first["attachments"]] == [("RAW_TEXT", "n", "v")]
    assert [each["metadata_tag"] for each in others] == [None, None]
    assert [project["batch_name"] for each in rows for project in each["projects"]] == [image.batch.name] * 3
    assert all(each["created_at"] and each["other"] is None for each in rows)


def test_each_frame_of_a_video(sdk: Client) -> None:
    tools = [tool("BBOX", "car", radio("color", "red", "blue"), text("plate"))]
    asked = [radio("mood", "calm", "wild", scope=lb.Classification.Scope.INDEX)]
    video = make_labeling(sdk, lb.MediaType.Video, tools, asked)

    def key(frame: int, left: float) -> dict[str, Any]:
        return {"frame": frame, "bbox": {"top": 1, "left": left, "height": 5, "width": 5}, "classifications": []}

    plate = [{"name": "plate", "answer": "B 1"}]
    moving = [{"keyframes": [key(1, 0), key(4, 3)]}, {"keyframes": [key(9, 1)]}]
    calm = {"name": "mood", "answer": {"name": "calm"}, "frames": [{"start": 2, "end": 3}]}
    send(video, [video.line(name="car", segments=moving, classifications=plate), video.line(**calm)])
    rows, _ = table(AnnotationRecords(), export(video))
    boxes = [each for each in rows if each["kind"] == "bounding_box"]
    assert [(each["frame"], each["geometry"]["left"], each["is_keyframe"]) for each in boxes] == [
        (1, 0.0, True), (2, 1.0, False), (3, 2.0, False), (4, 3.0, True), (9, 1.0, True),
    ]  # fmt: skip
    assert [(each["segment_start"], each["segment_end"]) for each in boxes] == [(1, 4)] * 4 + [(9, 9)]
    plates = [(each["frame"], each["parent_id"], each["text"]) for each in rows if each["class"] == "plate"]
    assert plates == [(each["frame"], each["annotation_id"], "B 1") for each in boxes]
    moods = [(each["answer"], each["segment_start"], each["segment_end"]) for each in rows if each["class"] == "mood"]
    assert set(map(str, moods)) == {"(['calm'], 2, 3)"}
    assert "unknown" not in {each["kind"] for each in rows}
    (label,), _ = table(LabelRecords(ontology_of(video), objects="count"), export(video))
    assert (label["objects_car"], label["answer_mood"][0]["answer"]) == (1, "calm")
