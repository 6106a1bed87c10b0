"""Every kind of annotation of an export becomes a row of the long table, and none is lost."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from tests.unit.engine.exports.records.lines import BOX, CORNERS, label, labeled, thing

from labelbox_airflow.engine.errors import LabelboxError
from labelbox_airflow.engine.exports.records.annotations import AnnotationRecords
from labelbox_airflow.engine.exports.records.geometry import GeometryForm


def read(form: GeometryForm = "struct", **annotations: Any) -> list[dict[str, Any]]:
    made = AnnotationRecords(form)
    (records,) = made.batches([labeled(label(**annotations))])
    assert records.batch.schema == made.schema
    return [_filled(row) for row in records.batch.to_pylist()]


def _filled(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value is not None}


def filled(rows: list[dict[str, Any]], *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row.get(column) for column in columns) for row in rows]


def message(name: str, order: int | None = None) -> dict[str, Any]:
    said = {"message_id": name, "model_config_name": "GPT"}
    return said if order is None else said | {"order": order}


GROUPS = [{"id": "g", "page_number": 2, "tokens": ["t1", "t2"], "text": "a b"}]


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (
            {"composite_mask": {"url": "https://a/1", "color_rgb": [142, 220, 10]}},
            {"kind": "mask", "mask_url": "https://a/1", "mask_color": "#8edc0a"},
        ),
        ({"mask": {"url": "https://a/1"}}, {"kind": "mask", "mask_url": "https://a/1", "mask_color": "#ffffff"}),
        (
            {"location": {"start": 0, "end": 7, "token": "research"}},
            {"kind": "entity", "entity_start": 0, "entity_end": 7, "text": "research"},
        ),
        (
            {"conversational_location": {"message_id": "m", "location": {"start": 3, "end": 5}}},
            {"kind": "entity", "entity_start": 3, "entity_end": 5, "message_id": "m"},
        ),
        ({"location": {"groups": GROUPS}}, {"kind": "entity", "page": 2, "token_groups": GROUPS, "text": "a b"}),
        (
            {"selected_message": {**message("m"), "parent_message_id": "p"}},
            {
                "kind": "message_single_selection",
                "parent_message_id": "p",
                "messages": [message("m") | {"order": None}],
            },
        ),
        (
            {"selected_messages": {"messages": [message("m"), message("n")], "parent_message_id": "p"}},
            {
                "kind": "message_multi_selection",
                "parent_message_id": "p",
                "messages": [message("m") | {"order": None}, message("n") | {"order": None}],
            },
        ),
        (
            {"ranked_messages": {"ranked_messages": [message("m", 2), message("n", 1)], "parent_message_id": "p"}},
            {"kind": "message_ranking", "parent_message_id": "p", "messages": [message("m", 2), message("n", 1)]},
        ),
    ],
)
def test_objects_without_a_shape(content: dict[str, Any], columns: dict[str, Any]) -> None:
    (row,) = read(objects=[thing("it", **content)])
    assert row | columns | {"class": "it", "annotation_id": "id of it", "class_path": ["it"]} == row
    assert "other" not in row
    assert "geometry" not in row


def sides(**values: float) -> dict[str, Any]:
    return {"left": None, "top": None, "width": None, "height": None, "points": None, "holes": None, **values}


RING = [[0, 0], [9, 0], [9, 9], [0, 0]]
SHAPES = [
    (
        {"bounding_box": BOX},
        "bounding_box",
        sides(left=1.5, top=2, width=3, height=4),
        "POLYGON ((1.5 2.0, 4.5 2.0, 4.5 6.0, 1.5 6.0, 1.5 2.0))",
        {"type": "Polygon", "coordinates": [[[1.5, 2], [4.5, 2], [4.5, 6], [1.5, 6], [1.5, 2]]]},
    ),
    (
        {"polygon": CORNERS},
        "polygon",
        sides() | {"points": CORNERS},
        "POLYGON ((0 0, 4.5 0, 0 3, 0 0))",
        {"type": "Polygon", "coordinates": [[[0, 0], [4.5, 0], [0, 3], [0, 0]]]},
    ),
    (
        {"line": CORNERS[:2]},
        "line",
        sides() | {"points": CORNERS[:2]},
        "LINESTRING (0 0, 4.5 0)",
        {"type": "LineString", "coordinates": [[0, 0], [4.5, 0]]},
    ),
    (
        {"point": CORNERS[1]},
        "point",
        sides() | {"points": [CORNERS[1]]},
        "POINT (4.5 0)",
        {"type": "Point", "coordinates": [4.5, 0]},
    ),
    (
        {"geojson": {"type": "Polygon", "coordinates": [RING, [[1, 1], [2, 1], [2, 2], [1, 1]]]}},
        "polygon",
        sides()
        | {
            "points": [{"x": x, "y": y} for x, y in RING],
            "holes": [[{"x": x, "y": y} for x, y in ([1, 1], [2, 1], [2, 2], [1, 1])]],
        },
        "POLYGON ((0 0, 9 0, 9 9, 0 0), (1 1, 2 1, 2 2, 1 1))",
        {"type": "Polygon", "coordinates": [RING, [[1, 1], [2, 1], [2, 2], [1, 1]]]},
    ),
    (
        {
            "geojson": {"type": "Polygon", "coordinates": [[[1, 4], [3, 4], [3, 2], [1, 2], [1, 4]]]},
            "annotation_kind": "GeoBox",
        },
        "bounding_box",
        sides(left=1, top=2, width=2, height=2),
        "POLYGON ((1 2, 3 2, 3 4, 1 4, 1 2))",
        {"type": "Polygon", "coordinates": [[[1, 2], [3, 2], [3, 4], [1, 4], [1, 2]]]},
    ),
]


@pytest.mark.parametrize(("content", "kind", "as_struct", "wkt", "geojson"), SHAPES)
def test_shapes_in_each_form(content: Any, kind: str, as_struct: Any, wkt: str, geojson: Any) -> None:
    found = [read(form, objects=[thing("it", **content)])[0] for form in ("struct", "wkt", "geojson")]
    assert [row["kind"] for row in found] == [kind] * 3
    assert found[0]["geometry"] == as_struct
    assert found[1]["geometry"] == wkt
    assert orjson.loads(found[2]["geometry"]) == geojson


def test_boxes_of_documents_have_page_and_unit() -> None:
    rows = read(
        objects=[
            thing("a", bounding_box=BOX, page_number=0, page_dimensions={"height": 792, "width": 612}),
            thing("b", bounding_box=BOX, page_number=3, unit="PERCENT"),
        ]
    )
    assert filled(rows, "page", "unit") == [(0, "POINTS"), (3, "PERCENT")]
    assert orjson.loads(rows[0]["other"]) == {"page_dimensions": {"height": 792, "width": 612}}


def test_nested_answers_are_rows_under_what_they_are_about() -> None:
    much = thing("how", checklist_answers=[thing("much"), thing("cold")])
    color = thing("color", radio_answer=thing("red", confidence=0.5, classifications=[]))
    rows = read(
        objects=[thing("car", bounding_box=BOX, classifications=[color])],
        classifications=[
            thing("weather", radio_answer=thing("rain", classifications=[much])),
            thing("note", text_answer={"content": "x", "classifications": [thing("why", text_answer={"content": ""})]}),
            thing("seen", checklist_answers=[thing("dog", confidence=0.25), thing("cat")]),
            thing("mood", conversational_radio_answer=thing("calm"), message_id="m"),
            thing("left out", radio_answer=None),
            thing("none ticked", checklist_answers=[]),
        ],
    )
    assert filled(rows, "kind", "class_path", "parent_id", "answer", "text", "message_id", "confidence") == [
        ("bounding_box", ["car"], None, None, None, None, None),
        ("radio", ["car", "color"], "id of car", ["red"], None, None, 0.5),
        ("radio", ["weather"], None, ["rain"], None, None, None),
        ("checklist", ["weather", "rain", "how"], "id of weather", ["much", "cold"], None, None, None),
        ("text", ["note"], None, None, "x", None, None),
        ("text", ["note", "why"], "id of note", None, "", None, None),
        ("checklist", ["seen"], None, ["dog", "cat"], None, None, None),
        ("radio", ["mood"], None, ["calm"], None, "m", None),
    ]
    assert rows[6]["answer_confidences"] == [0.25, None]
    assert rows[1]["answer_schema_ids"] == ["schema of red"]


def test_relationships_and_scores() -> None:
    ends = {"source": "id of car", "target": "id of nose"}
    rows = read(
        objects=[thing("car", bounding_box=BOX, confidence=0.75, custom_metrics=[{"name": "iou", "value": 1}])],
        relationships=[
            thing("chases", unidirectional_relationship=ends),
            thing("meets", bidirectional_relationship=ends, readonly=True),
        ],
    )
    assert (rows[0]["confidence"], rows[0]["custom_metrics"]) == (0.75, [{"name": "iou", "value": 1.0}])
    assert filled(rows[1:], "kind", "class", "source_id", "target_id", "relationship_type", "readonly") == [
        ("relationship", "chases", "id of car", "id of nose", "unidirectional", None),
        ("relationship", "meets", "id of car", "id of nose", "bidirectional", True),
    ]


def test_each_frame_of_a_video_is_a_row() -> None:
    car = thing("car", bounding_box=BOX, classifications=[thing("plate", text_answer={"content": "B 1"})])
    mood = thing("mood", radio_answer=thing("calm"))
    rows = read(
        frames={
            "9": {"objects": {car["feature_id"]: car}},
            "1": {"objects": {car["feature_id"]: car}, "classifications": [mood]},
            "2": {"objects": {car["feature_id"]: car}},
        },
        segments={car["feature_id"]: [[1, 2], [9, 9]], "id of calm": [[1, 4]], "gone": [[5, 6]]},
        key_frame_feature_map={car["feature_id"]: {"1": True, "2": False, "9": True}},
        classifications=[thing("weather", radio_answer=thing("sun"))],
    )
    assert filled(rows, "class_path", "kind", "frame", "is_keyframe", "segment_start", "segment_end") == [
        (["weather"], "radio", None, None, None, None),
        (["car"], "bounding_box", 1, True, 1, 2),
        (["car", "plate"], "text", 1, True, 1, 2),
        (["car"], "bounding_box", 2, False, 1, 2),
        (["car", "plate"], "text", 2, False, 1, 2),
        (["car"], "bounding_box", 9, True, 9, 9),
        (["car", "plate"], "text", 9, True, 9, 9),
        (["mood"], "radio", 1, True, 1, 4),
        (None, "unknown", None, None, 5, 6),
    ]


def test_views_of_a_dicom_series_and_times_of_an_audio() -> None:
    vessel = thing("vessel", line=CORNERS)
    rows = read(
        groups={
            "Axial": {
                "name": "Axial",
                "classifications": [thing("clear", radio_answer=thing("yes"))],
                "frames": {"3": {"objects": {"v": vessel}}},
            }
        },
        segments={"Axial": {"v": [[3, 3]]}},
        key_frame_feature_map={"v": {"3": True}},
    )
    assert filled(rows, "class", "view", "frame", "segment_end") == [
        ("clear", "axial", None, None),
        ("vessel", "axial", 3, 3),
    ]
    said = thing("said", text_answer={"content": "hello"})
    (row,) = read(timestamp={"1500": {"classifications": [said]}}, segments={said["feature_id"]: [[1500, 1900]]})
    assert (row["frame"], row["segment_start"], row["segment_end"], row["text"]) == (1500, 1500, 1900, "hello")


@pytest.mark.parametrize(
    "annotations",
    [
        {"objects": [thing("new", hexagon={"a": 1})]},
        {"objects": [thing("half", composite_mask={"url": "https://a/1"})]},
        {"objects": [thing("no shape", geojson={"type": "MultiPoint", "coordinates": [[1, 2]]})]},
        {"objects": ["a word"]},
        {"frames": {"one": {"objects": {}}}},
        {"holograms": [1]},
    ],
)
def test_what_is_unknown_is_kept_whole(annotations: dict[str, Any]) -> None:
    (row,) = read(**annotations)
    assert row["kind"] == "unknown"
    kept = orjson.loads(row["other"])
    said = next(iter(annotations.values()))
    assert said in kept.values() or said[0] in (kept, kept.get("annotation"))


def test_what_a_kind_has_beyond_its_columns_is_kept() -> None:
    (row,) = read(objects=[thing("it", bounding_box=BOX, occluded=True, empty=None)])
    assert row["kind"] == "bounding_box"
    assert orjson.loads(row["other"]) == {"occluded": True}


def test_rows_say_whose_label_it_is_and_how_it_was_made() -> None:
    (row,) = read(objects=[thing("it", bounding_box=BOX)])
    expected = {
        "project_id": "p1",
        "project_name": "One",
        "data_row_id": "d1",
        "global_key": "key of d1",
        "label_id": "l1",
        "label_version": "1.0.0",
        "created_at": datetime(2024, 4, 8, 16, 21, 26, tzinfo=UTC),
        "created_by": "me@example.com",
        "content_updated_at": datetime(2024, 4, 8, 16, 34, 0, 513_000, tzinfo=UTC),
        "seconds_to_create": 600.0,
        "seconds_to_review": 0.5,
        "consensus_score": 0.25,
        "is_selected": True,
        "workflow_status": "DONE",
        "batch_name": "B",
        "reviews": [{"reviewed_at": datetime(2024, 4, 9, tzinfo=UTC), "reviewed_by": "you@example.com", "score": 1.0}],
    }
    assert row | expected == row


def test_data_rows_without_labels_are_named_for_replacing() -> None:
    box = thing("it", bounding_box=BOX)
    lines = [
        labeled(label(objects=[box]), label("l2", objects=[box, box])),
        labeled(data_row="d2"),
        labeled(label(objects=[box]), data_row="d3", project="another"),
    ]
    (records,) = AnnotationRecords(projects=["p1"]).batches(lines)
    assert (records.data_rows, records.projects) == (["d1", "d2", "d3"], ("p1",))
    assert records.batch.column("label_id").to_pylist() == ["l1", "l2", "l2"]
    assert records.batch.column("is_selected").to_pylist() == [True, False, False]
    (everything,) = AnnotationRecords().batches(lines)
    assert everything.batch.num_rows == 4


def test_a_value_of_the_wrong_type_is_said_with_its_column() -> None:
    with pytest.raises(LabelboxError, match="entity_start = 'one' is no int64"):
        read(objects=[thing("it", location={"start": "one", "end": 2})])
    wrong = label() | {"label_details": {"reviews": [{"reviewed_at": "soon"}]}}
    with pytest.raises(LabelboxError, match="label l1 is not as in exports"):
        list(AnnotationRecords().batches([labeled(wrong)]))
