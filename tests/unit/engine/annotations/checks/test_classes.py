"""Classes that are not in the ontology, or of another kind; media types; entities, evaluations, metrics."""

from __future__ import annotations

import math
from typing import Any

import pytest

from labelbox_airflow.engine.annotations.checks import AnnotationChecker, Asset
from labelbox_airflow.engine.annotations.model import (
    Annotation,
    BoundingBox,
    DocumentEntity,
    Feature,
    FreeText,
    Message,
    MessageEvaluation,
    Metric,
    ModelMessage,
    Point,
    Polygon,
    Relationship,
    TextEntity,
    TokenGroup,
)
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.ontology.tree import Ontology

from .conftest import ROW, checker, radio, schema_id

BOX = BoundingBox(1, 1, 5, 5)


@pytest.mark.parametrize(
    ("name", "value", "code", "message"),
    [
        ("cars", BOX, "unknown_class", "name = 'cars': is no class of the ontology. Did you mean 'car'?"),
        ("CAR", BOX, "unknown_class", "Did you mean 'car'?"),
        ("zebra", BOX, "unknown_class", "Known: car, van, field, lane, nose and 7 more."),
        ("colour", radio("red"), "unknown_class", "Known: weather, seen, note, mood, heads and 2 more."),
        ("color", radio("red"), "wrong_nesting", "is a classification of 'car'; give it there"),
        ("how", radio("much"), "wrong_nesting", "of option 'rain'"),
        ("color", BOX, "wrong_nesting", "is a classification of 'car'"),
        ("car", Polygon(((0, 0), (1, 0), (1, 1))), "wrong_kind", "is a rectangle in the ontology; a polygon cannot"),
        ("sky", BOX, "wrong_kind", "is a raster-segmentation in the ontology"),
        ("car", FreeText("x"), "wrong_kind", "is a rectangle tool in the ontology; a text cannot be of it"),
        ("note", BOX, "wrong_kind", "is a text classification in the ontology; a bounding box cannot be of it"),
        (None, BOX, "no_class", "by name or by schemaId"),
        ("person", TextEntity(0, 1), "wrong_media", "'text entity': cannot be imported into a project of media type"),
    ],
)
def test_a_wrong_class_is_named(refuse: Any, name: Any, value: Any, code: str, message: str) -> None:
    error = refuse(name, value)
    assert error.code == code
    assert message in str(error)


def test_a_class_is_found_by_name_and_by_schema_id() -> None:
    check = checker().check
    for feature in (Feature("car"), Feature(schema_id=schema_id("car")), Feature("car", schema_id("car"))):
        annotation = Annotation(ROW, feature, BOX)
        assert check(annotation) is annotation
    for feature, code in (
        (Feature("van", schema_id("car")), "two_classes"),
        (Feature("auto", schema_id("car")), "two_classes"),
        (Feature(schema_id=schema_id("bus")), "unknown_class"),
        (Feature("car", schema_id("bus")), "unknown_class"),
        (Feature(), "no_class"),
    ):
        for _ in range(2):
            with pytest.raises(AnnotationError) as error:
                check(Annotation(ROW, feature, BOX))
            assert error.value.code == code


def test_an_ontology_without_classes() -> None:
    with pytest.raises(AnnotationError, match="There are none"):
        AnnotationChecker(Ontology(), media_type="IMAGE", to="labels").check(Annotation(ROW, Feature("car"), BOX))


def test_a_media_type_that_is_not_known() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'IMAGE'"):
        checker("IMAGES")


def test_a_row_of_another_media_type(accept: Any, refuse: Any) -> None:
    accept("car", BOX, Asset("IMAGE"))
    error = refuse("car", BOX, Asset("TEXT"))
    assert (error.code, error.value) == ("wrong_media", "TEXT")
    checks = checker()
    for _ in range(2):
        with pytest.raises(AnnotationError, match="not the media type of the project"):
            checks.check(Annotation(ROW, Feature("car"), BOX), Asset("VIDEO"))


TEXT = Asset("TEXT", characters=10)


def test_text_entities(accept: Any, refuse: Any) -> None:
    accept("person", TextEntity(0, 9), TEXT, media="TEXT")
    accept("person", TextEntity(5, 5), TEXT, media="TEXT")
    accept("person", TextEntity(0, 900), media="TEXT")
    assert "the last is number 9" in str(refuse("person", TextEntity(5, 10), TEXT, media="TEXT"))
    assert refuse("person", TextEntity(-1, 3), TEXT, media="TEXT").field == "location.start"
    assert "ends before it starts" in str(refuse("person", TextEntity(5, 4), TEXT, media="TEXT"))
    assert refuse("person", TextEntity(0, 1), TEXT, media="TEXT", part=Message("4")).code == "wrong_part"


def test_entities_of_messages(accept: Any, refuse: Any) -> None:
    conversation = Asset("CONVERSATIONAL", characters=10)
    accept("person", TextEntity(0, 90), conversation, media="CONVERSATIONAL", part=Message("4"))
    assert "messageId: is missing" in str(refuse("person", TextEntity(0, 1), media="CONVERSATIONAL"))
    accept("person", TextEntity(0, 1), media="LLM")


def test_entities_of_documents(accept: Any, refuse: Any) -> None:
    def entity(*groups: TokenGroup) -> DocumentEntity:
        return DocumentEntity(groups)

    document = Asset("PDF", pages=3)
    accept("person", entity(TokenGroup("g", ("t1", "t2"), 1), TokenGroup("h", ("t3",), 3)), document, media="PDF")
    for wrong, code in (
        (entity(), "bad_entity"),
        (entity(TokenGroup("g", (), 1)), "bad_entity"),
        (entity(TokenGroup("g", ("",), 1)), "bad_entity"),
        (entity(TokenGroup("", ("t",), 1)), "bad_entity"),
        (entity(TokenGroup("g", ("t",), 4)), "bad_page"),
        (entity(TokenGroup("g", ("t",), -1)), "bad_page"),
    ):
        assert refuse("person", wrong, document, media="PDF").code == code


M1, M2 = ModelMessage("m1", "GPT", 1), ModelMessage("m2", "Other", 2)


@pytest.mark.parametrize(
    ("name", "kind", "messages", "message"),
    [
        ("best", "message-single-selection", (M1,), None),
        ("good", "message-multi-selection", (M1, M2), None),
        ("order", "message-ranking", (M2, M1), None),
        ("best", "message-multi-selection", (M1,), "is a message-single-selection, not a message-multi-selection"),
        ("car", "message-ranking", (M1,), "is a rectangle"),
        ("best", "message-single-selection", (M1, M2), "exactly one message"),
        ("best", "message-single-selection", (), "exactly one message"),
        ("good", "message-multi-selection", (), "at least one message"),
        ("good", "message-multi-selection", (ModelMessage("", "GPT"),), "messageId and modelConfigName"),
        ("order", "message-ranking", (M1, M1), "each order"),
        ("order", "message-ranking", (M2,), "each order"),
        ("order", "message-ranking", (ModelMessage("m", "GPT"),), "each order"),
    ],
)
def test_evaluations_of_messages(accept: Any, refuse: Any, name: str, kind: Any, messages: Any, message: Any) -> None:
    value = MessageEvaluation(kind, "p", messages)
    if message is None:
        assert accept(name, value, media="CONVERSATIONAL").value is value
        assert accept(name, value, media="LLM").value is value
    else:
        assert message in str(refuse(name, value, media="CONVERSATIONAL"))
    assert refuse(name, MessageEvaluation(kind, "", messages), media="CONVERSATIONAL").code in {
        "bad_message_task", "wrong_kind",
    }  # fmt: skip


def test_metrics_are_for_model_runs(accept: Any, refuse: Any) -> None:
    for name in ("car", "weather", None):
        for value in (0.5, ((0.1, 0.2), (0.5, 0.4))):
            accept(name, Metric("my_iou", value), to="predictions")
    accept("car", Metric(None, (1, 1, 2, 3), "CONFUSION_MATRIX"), to="predictions", media="AUDIO")
    for to in ("prelabels", "labels"):
        assert refuse("car", Metric("my_iou", 0.5), to=to).code == "wrong_import"
    assert refuse("bus", Metric("my_iou", 0.5), to="predictions").code == "unknown_class"
    for wrong in (
        Metric("iou", 0.5),
        Metric("", 0.5),
        Metric("m", math.nan),
        Metric("m", 0.5, "MODE"),
        Metric("m", 0.5, "CONFUSION_MATRIX"),
        Metric("m", (1, 2), "CONFUSION_MATRIX"),
        Metric("m", (1, 2, 3, -4), "CONFUSION_MATRIX"),
        Metric("m", (1, 2, 3, 4)),
        Metric("m", tuple((each / 20, 0.5) for each in range(16))),
    ):
        assert refuse("car", wrong, to="predictions").code == "bad_metric"
    assert refuse("car", Metric("m", ((1.5, 0.5),)), to="predictions").code == "bad_confidence"


def test_relationships_are_for_prelabels_and_documents(accept: Any, refuse: Any) -> None:
    value = Relationship("a", "b")
    accept("touches", value)
    accept("touches", value, media="PDF", to="labels")
    accept("touches", Relationship(None, "b", source_class="note"), media="PDF")
    for to, media in (("labels", "IMAGE"), ("predictions", "IMAGE"), ("predictions", "PDF")):
        assert refuse("touches", value, media=media, to=to).code == "wrong_import"
    assert refuse("car", value).code == "wrong_kind"
    assert refuse("touches", BOX).code == "wrong_kind"
    for wrong in (Relationship(None, "b"), Relationship("a", "b", source_class="note")):
        assert refuse("touches", wrong).field == "relationship.source"
    assert refuse("touches", Relationship("a", "b", "both")).code == "bad_relationship"  # type: ignore[arg-type]
    assert refuse("touches", Relationship(None, "b", source_class="notes")).code == "unknown_class"


def test_a_part_that_does_not_fit(refuse: Any) -> None:
    assert "messageId: cannot be given for a point" in str(refuse("nose", Point(1, 1), part=Message("4")))
