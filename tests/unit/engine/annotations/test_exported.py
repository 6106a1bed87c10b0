"""Labels as exports are documented to show them become annotations; what is unknown or wrong is rejected by itself."""

from collections.abc import Mapping
from typing import Any

import pytest

from labelbox_airflow.engine.annotations.exported.label import annotations_of
from labelbox_airflow.engine.annotations.model import (
    Annotation,
    BoundingBox,
    Checklist,
    Choice,
    Classification,
    CustomMetric,
    DataRow,
    DocumentEntity,
    Feature,
    FreeText,
    Line,
    MaskUri,
    Message,
    MessageEvaluation,
    Metric,
    ModelMessage,
    Origin,
    Page,
    Point,
    Polygon,
    Radio,
    Relationship,
    TextEntity,
    TokenGroup,
    Value,
)
from labelbox_airflow.engine.annotations.problems import RejectedAnnotation

ROW = DataRow("gk-1")
HEAD = {"feature_id": "f1", "feature_schema_id": "s1", "name": "thing", "value": "thing", "classifications": []}
BOX = {"top": 1264.0, "left": 2096.0, "height": 425.0, "width": 144.0}
CORNERS = [{"x": 147.5, "y": 118.0}, {"x": 142.0, "y": 104.0}, {"x": 57.0, "y": 118.0}, {"x": 147.5, "y": 118.0}]
POINTS = tuple((each["x"], each["y"]) for each in CORNERS)


def read(annotations: Any, **label: Any) -> list[Annotation | RejectedAnnotation]:
    return list(annotations_of({"annotations": annotations, **label}, ROW))


def one(annotations: Any) -> Annotation:
    (found,) = read(annotations)
    assert isinstance(found, Annotation), str(found)
    return found


def reject(annotations: Any) -> RejectedAnnotation:
    (found,) = read(annotations)
    assert isinstance(found, RejectedAnnotation), found
    return found


def thing(kind: str, **shape: Any) -> dict[str, Any]:
    return {**HEAD, "annotation_kind": kind, **shape}


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        (thing("ImageBoundingBox", bounding_box=BOX), BoundingBox(2096, 1264, 144, 425)),
        (thing("ImagePolygon", polygon=CORNERS), Polygon(POINTS)),
        (thing("ImagePolyline", line=CORNERS[:2]), Line(POINTS[:2])),
        (thing("ImagePoint", point=CORNERS[0]), Point(147.5, 118)),
        (
            thing("ImageSegmentationMask", composite_mask={"url": "https://a/1", "color_rgb": [142, 220, 196]}),
            MaskUri("https://a/1", (142, 220, 196)),
        ),
        (thing("ImageSegmentationMask", mask={"url": "https://a/1/mask"}), MaskUri("https://a/1/mask", (255,) * 3)),
        (
            thing("TextEntity", location={"start": 112, "end": 128, "token": "research suggests"}),
            TextEntity(112, 128),
        ),
        (
            thing(
                "DocumentEntityToken",
                location={"groups": [{"id": "g", "page_number": 1, "tokens": ["t1", "t2"], "text": "a b"}]},
            ),
            DocumentEntity((TokenGroup("g", ("t1", "t2"), 1),)),
        ),
        (thing("GeoPoint", geojson={"type": "Point", "coordinates": [-99.5, 19.5]}), Point(-99.5, 19.5)),
        (
            thing("GeoPolyline", geojson={"type": "LineString", "coordinates": [[1, 2], [3, 4]]}),
            Line(((1, 2), (3, 4))),
        ),
        (
            thing("GeoPolygon", geojson={"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [0, 4], [0, 0]]]}),
            Polygon(((0, 0), (2, 0), (0, 4), (0, 0))),
        ),
        (
            thing("GeoBox", geojson={"type": "Polygon", "coordinates": [[[1, 4], [3, 4], [3, 2], [1, 2], [1, 4]]]}),
            BoundingBox(1, 2, 2, 2),
        ),
        (
            thing(
                "MessageSingleSelection",
                selected_message={"message_id": "m", "model_config_name": "GPT", "parent_message_id": "p"},
            ),
            MessageEvaluation("message-single-selection", "p", (ModelMessage("m", "GPT"),)),
        ),
        (
            thing(
                "MessageMultiSelection",
                selected_messages={
                    "messages": [{"message_id": "m", "model_config_name": "GPT"}],
                    "parent_message_id": "p",
                },
            ),
            MessageEvaluation("message-multi-selection", "p", (ModelMessage("m", "GPT"),)),
        ),
        (
            thing(
                "MessageRanking",
                ranked_messages={
                    "ranked_messages": [{"message_id": "m", "model_config_name": "GPT", "order": 1}],
                    "parent_message_id": "p",
                },
            ),
            MessageEvaluation("message-ranking", "p", (ModelMessage("m", "GPT", 1),)),
        ),
    ],
    ids=lambda each: each["annotation_kind"] if isinstance(each, dict) else "",
)
def test_objects(entry: Mapping[str, Any], value: Value):
    found = one({"objects": [entry], "classifications": [], "relationships": []})
    assert found == Annotation(ROW, Feature("thing", "s1"), value, source_id="f1")


def test_boxes_of_documents_have_their_page_as_it_is_and_points_unless_another_unit_is_said():
    document = thing(
        "DocumentBoundingBox", page_number=0, bounding_box=BOX, page_dimensions={"height": 792.0, "width": 612.0}
    )
    assert one({"objects": [document]}).part == Page(0, "POINTS")
    assert one({"objects": [{**document, "unit": "PERCENT", "page_number": 3}]}).part == Page(3, "PERCENT")


def test_entities_of_conversations_are_in_their_message():
    place = {"message_id": "0", "location": {"start": 0, "end": 8}}
    found = one({"objects": [thing("ConversationalTextEntity", conversational_location=place)]})
    assert (found.value, found.part) == (TextEntity(0, 8), Message("0"))


def question(name: str, **answer: Any) -> dict[str, Any]:
    return {"feature_id": f"f-{name}", "feature_schema_id": f"s-{name}", "name": name, "value": name, **answer}


def option(name: str, *nested: Any) -> dict[str, Any]:
    return {**question(name), "classifications": list(nested)}


def asked(name: str) -> Feature:
    return Feature(name, f"s-{name}")


def test_answers_are_nested_to_any_depth():
    deepest = question("why", text_answer={"content": "free form text..."})
    deep = question("how", checklist_answers=[option("much", deepest), option("cold")])
    found = one({"classifications": [question("weather", radio_answer=option("rain", deep))]})
    why = Classification(asked("why"), FreeText("free form text..."))
    how = Classification(asked("how"), Checklist((Choice(asked("much"), (why,)), Choice(asked("cold")))))
    assert found.value == Radio(Choice(asked("rain"), (how,)))
    assert (found.feature, found.source_id) == (asked("weather"), "f-weather")


def test_objects_have_nested_answers():
    box = thing("ImageBoundingBox", bounding_box=BOX)
    box["classifications"] = [question("color", radio_answer=option("red")), question("note", text_answer=None)]
    assert one({"objects": [box]}).classifications == (Classification(asked("color"), Radio(Choice(asked("red")))),)


def test_answers_of_messages():
    answers = [
        question("mood", message_id="4", conversational_radio_answer=option("calm")),
        question("has", message_id="4", conversational_checklist_answers=[option("joke")]),
        question("note", message_id="5", conversational_text_answer={"content": "x"}),
    ]
    found = read({"classifications": answers})
    assert [(each.part, each.value) for each in found if isinstance(each, Annotation)] == [
        (Message("4"), Radio(Choice(asked("calm")))),
        (Message("4"), Checklist((Choice(asked("joke")),))),
        (Message("5"), FreeText("x")),
    ]


@pytest.mark.parametrize("answer", [{"radio_answer": None}, {"checklist_answers": []}, {"text_answer": None}])
def test_questions_without_an_answer_are_no_annotations(answer: dict[str, Any]):
    assert read({"classifications": [question("weather", **answer)]}) == []


@pytest.mark.parametrize("annotations", [None, {}, {"objects": [], "classifications": [], "relationships": []}])
def test_a_label_that_was_skipped_has_no_annotations(annotations: Any):
    assert read(annotations) == []


def test_scores_of_model_runs():
    metrics = [{"name": "overlap", "value": 0.5}]
    scored = {**option("red"), "confidence": 0.25}
    box = thing("ImageBoundingBox", bounding_box=BOX, confidence=0.75, custom_metrics=metrics)
    box["classifications"] = [question("color", radio_answer=scored)]
    note = question("note", text_answer={"content": "x", "confidence": 0.125})
    found = read({"objects": [box], "classifications": [note]})
    assert isinstance(found[0], Annotation)
    assert isinstance(found[1], Annotation)
    assert (found[0].confidence, found[0].metrics) == (0.75, (CustomMetric("overlap", 0.5),))
    assert found[0].classifications[0].answer == Radio(Choice(asked("red"), confidence=0.25))
    assert (found[1].value, found[1].confidence) == (FreeText("x"), 0.125)


def test_metrics_of_model_runs():
    metric = {"metric_name": "iou", "value": 0.5, "feature_name": "car", "subclass_name": None, "aggregation": "SUM"}
    assert one({"metrics": [metric]}) == Annotation(ROW, Feature("car"), Metric("iou", 0.5, "SUM"))


def test_relationships_name_their_ends_by_the_ids_of_annotations():
    ends = {"source": "f1", "target": "f2"}
    entry = {**question("goes with"), "unidirectional_relationship": ends}
    assert one({"relationships": [entry]}).value == Relationship("f1", "f2")
    entry = {**question("goes with"), "bidirectional_relationship": ends, "readonly": True}
    assert one({"relationships": [entry]}).value == Relationship("f1", "f2", "bidirectional", readonly=True)


def test_a_relationship_that_begins_at_a_classification_names_its_class():
    kind = question("kind", radio_answer=option("bill"))
    entry = {**question("goes with"), "unidirectional_relationship": {"source": "f-kind", "target": "f2"}}
    found = read({"classifications": [kind], "relationships": [entry]})
    assert isinstance(found[1], Annotation)
    assert found[1].value == Relationship(None, "f2", source_class="kind")


def test_origin_and_benchmark_are_those_of_the_label():
    label = {"annotations": {"objects": [thing("ImagePoint", point=CORNERS[0])]}, "is_benchmark_reference": True}
    (found,) = annotations_of(label, ROW, origin=Origin("export.ndjson", 7))
    assert isinstance(found, Annotation)
    assert (found.is_benchmark, found.origin) == (True, Origin("export.ndjson", 7))


def test_annotations_of_one_class_share_their_feature():
    first, second = read({"objects": [thing("ImagePoint", point=CORNERS[0]), thing("ImagePoint", point=CORNERS[1])]})
    assert isinstance(first, Annotation)
    assert isinstance(second, Annotation)
    assert first.feature is second.feature


@pytest.mark.parametrize(
    ("entry", "code", "message"),
    [
        (
            thing("PointCloudCuboid", cuboid={"x": 1}),
            "unknown_kind",
            "annotation_kind = 'PointCloudCuboid': is of no known kind",
        ),
        (
            thing("ImageBoundingBox", bounding_box=BOX, rotation=45),
            "unknown_key",
            "ImageBoundingBox: rotation = 45: is not known in exports of this kind",
        ),
        (
            thing("ImageBoundingBox", bounding_box={**BOX, "depth": 3}),
            "unknown_key",
            "ImageBoundingBox: bounding_box.depth = 3: is not a key of this kind",
        ),
        (
            thing("ImageBoundingBox", bounding_box={**BOX, "width": None}),
            "not_a_number",
            "ImageBoundingBox: bounding_box.width: must be a number",
        ),
        (thing("Both", bounding_box=BOX, point=CORNERS[0]), "no_kind", "must have one of bounding_box, point"),
        (thing("TextEntity", location={"start": 3, "end": 2}), "bad_entity", "ends before it starts"),
        (
            thing("GeoPolygon", geojson={"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1]], [[0, 0]]]}),
            "polygon_with_holes",
            "has holes",
        ),
        (thing("GeoPoint", geojson={"type": "MultiPoint", "coordinates": []}), "bad_geojson", "must be Point"),
        (
            thing("GeoBox", geojson={"type": "Polygon", "coordinates": [[[0, 0], [2, 1], [0, 1]]]}),
            "bad_geojson",
            "must be a box",
        ),
        (thing("DocumentBoundingBox", bounding_box=BOX, page_number=1, unit="CM"), "bad_unit", "must be one of"),
        (thing("DocumentBoundingBox", bounding_box=BOX, unit="POINTS"), "not_whole", "page_number: must be"),
        (thing("ImagePoint", point=CORNERS[0], confidence=2), "bad_confidence", "must be between 0 and 1"),
        ({"annotation_kind": "ImagePoint", "point": CORNERS[0]}, "no_class", "name: is missing"),
    ],
)
def test_wrong_objects_say_what_is_wrong_and_name_their_kind(entry: dict[str, Any], code: str, message: str):
    found = reject({"objects": [entry]})
    assert found.code == code
    assert message in str(found)
    assert str(entry["annotation_kind"]) in str(found)
    assert (found.data_row, found.line) == (ROW, entry)
    assert (found.class_name, found.source_id) == (entry.get("name"), entry.get("feature_id"))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({}, "no_answer"),
        ({"radio_answer": option("a"), "text_answer": {"content": "x"}}, "no_answer"),
        ({"radio_answer": "a"}, "not_an_object"),
        ({"checklist_answers": {"name": "a"}}, "not_a_list"),
        ({"text_answer": {"content": 3}}, "not_a_text"),
        ({"text_answer": {"content": "x", "html": "<p>"}}, "unknown_key"),
        ({"slider_answer": 3, "text_answer": {"content": "x"}}, "unknown_key"),
        ({"radio_answer": {**option("a"), "score": 3}}, "unknown_key"),
        ({"radio_answer": {"value": "a"}}, "no_class"),
        ({"radio_answer": option("a"), "classifications": [question("b")]}, "wrong_nesting"),
        ({"radio_answer": option("a", 3)}, "not_an_object"),
        ({"radio_answer": {**option("a"), "classifications": "b"}}, "not_a_list"),
    ],
)
def test_wrong_answers_are_rejected_with_their_question(answer: dict[str, Any], code: str):
    found = reject({"classifications": [question("weather", **answer)]})
    assert (found.code, found.class_name) == (code, "weather")


@pytest.mark.parametrize(
    ("annotations", "code"),
    [
        ([], None),
        (["x"], "not_an_object"),
        ({"objects": {"f1": {}}}, "not_a_list"),
        ({"objects": ["x"]}, "not_an_object"),
        ({"cuboids": [{"name": "x"}]}, "unknown_key"),
        ({"relationships": [question("goes with")]}, "bad_relationship"),
        ({"relationships": [question("goes with", unidirectional_relationship={"source": "f1"})]}, "not_a_text"),
        ({"relationships": [question("a", bidirectional_relationship={}, readonly="no")]}, "not_a_flag"),
        ({"metrics": [{"value": "much"}]}, "not_a_number"),
        ({"metrics": [{"value": 1, "unit": "m"}]}, "unknown_key"),
    ],
)
def test_what_is_no_annotation_is_not_lost(annotations: Any, code: str | None):
    found = read(annotations)
    assert [each.code for each in found if isinstance(each, RejectedAnnotation)] == ([code] if code else [])


def test_the_others_go_on():
    objects = [thing("Unknown", cube=1), thing("ImagePoint", point=CORNERS[0])]
    found = read({"objects": objects, "classifications": [question("x", text_answer={"content": "y"})]})
    assert [type(each) for each in found] == [RejectedAnnotation, Annotation, Annotation]
