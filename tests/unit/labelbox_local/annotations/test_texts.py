"""Entities of texts, documents and conversations, message tasks, and relationships."""

from __future__ import annotations

from typing import Any

import pytest

from labelbox_local.annotations import AnnotationError
from labelbox_local.annotations.relationships import join

from .conftest import UUID, feature_id, line

OTHER = "2e8885fc-0a4a-4390-9f5d-f6d9ce67531c"


def test_an_entity_of_a_text(reader: Any) -> None:
    shown = reader("TEXT").read(line(name="Person Name", location={"start": 10, "end": 20})).contents[0]
    assert (shown["annotation_kind"], shown["location"]) == ("TextEntity", {"start": 10, "end": 20})
    assert (shown["name"], shown["value"]) == ("Person Name", "person_name")


def test_an_entity_of_a_message(reader: Any) -> None:
    entity = line(name="Person Name", location={"start": 0, "end": 8})
    shown = reader("CONVERSATIONAL").read(entity | {"messageId": "4"}).contents[0]
    assert shown["annotation_kind"] == "ConversationalTextEntity"
    assert shown["conversational_location"] == {"message_id": "4", "location": {"start": 0, "end": 8}}
    with pytest.raises(AnnotationError, match="messageId must be a non-empty text"):
        reader("CONVERSATIONAL").read(entity)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ({"start": -1, "end": 3}, "Text location must be positive"),
        ({"start": 5, "end": 3}, "Text start location must be less or equal than end"),
        ({"start": 5}, "whole numbers as start and end"),
        ({"start": 5.0, "end": 6.0}, "whole numbers as start and end"),
        ({"start": 5, "end": 6, "token": "x"}, "location has unknown keys"),
        ([5, 6], "location must be an object"),
    ],
)
def test_a_wrong_location_is_refused(reader: Any, location: Any, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        reader("TEXT").read(line(name="Person Name", location=location))


def test_an_entity_of_a_document(reader: Any) -> None:
    selections = [{"tokenIds": ["t1", "t2"], "groupId": "g", "page": 1}]
    shown = reader("PDF").read(line(name="Person Name", textSelections=selections)).contents[0]
    assert shown["annotation_kind"] == "DocumentEntityToken"
    assert shown["location"] == {"groups": [{"id": "g", "page_number": 1, "tokens": ["t1", "t2"]}]}


@pytest.mark.parametrize(
    ("selections", "message"),
    [
        ([], "non-empty list"),
        ([{"tokenIds": [], "groupId": "g", "page": 1}], "tokenIds must be a non-empty list"),
        ([{"tokenIds": [1], "groupId": "g", "page": 1}], "tokenIds must be a non-empty text"),
        ([{"tokenIds": ["t"], "page": 1}], "groupId must be"),
        ([{"tokenIds": ["t"], "groupId": "g"}], "page must be"),
    ],
)
def test_a_wrong_selection_is_refused(reader: Any, selections: Any, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        reader("PDF").read(line(name="Person Name", textSelections=selections))


def task(kind: str, **data: Any) -> dict[str, Any]:
    return {"messageEvaluationTask": {"format": kind, "data": {"parentMessageId": "p1", **data}}}


M1 = {"messageId": "m1", "modelConfigName": "GPT"}
M2 = {"messageId": "m2", "modelConfigName": "Other"}


def test_message_tasks(reader: Any) -> None:
    read = reader("CONVERSATIONAL").read
    best = read(line(name="best", **task("message-single-selection", **M1))).contents[0]
    assert best["selected_message"] == {"message_id": "m1", "model_config_name": "GPT", "parent_message_id": "p1"}
    good = read(line(name="good", **task("message-multi-selection", selectedMessages=[M1, M2]))).contents[0]
    assert [each["message_id"] for each in good["selected_messages"]["messages"]] == ["m1", "m2"]
    ranked = [{**M1, "order": 2}, {**M2, "order": 1}]
    order = read(line(name="order", **task("message-ranking", rankedMessages=ranked))).contents[0]
    assert [each["order"] for each in order["ranked_messages"]["ranked_messages"]] == [2, 1]
    assert {best["annotation_kind"], good["annotation_kind"], order["annotation_kind"]} == {
        "MessageSingleSelection", "MessageMultiSelection", "MessageRanking",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"name": "best", **task("message-multi-selection", selectedMessages=[M1])},
            "does not map to the assigned tool",
        ),
        ({"name": "best", **task("vote", **M1)}, "format must be one of"),
        (
            {"name": "best", "messageEvaluationTask": {"format": "message-single-selection", "data": M1}},
            "parentMessageId",
        ),
        ({"name": "best", **task("message-single-selection", messageId="m1")}, "modelConfigName"),
        ({"name": "good", **task("message-multi-selection", selectedMessages=[])}, "non-empty list"),
        (
            {"name": "order", **task("message-ranking", rankedMessages=[{**M1, "order": 2}])},
            "consecutive natural numbers",
        ),
        ({"name": "order", **task("message-ranking", rankedMessages=[M1])}, "order must be a whole number"),
    ],
)
def test_a_wrong_message_task_is_refused(reader: Any, content: dict[str, Any], message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        reader("CONVERSATIONAL").read(line(**content))


def relationship(**more: Any) -> dict[str, Any]:
    return {"relationship": {"source": UUID, "target": OTHER, "type": "unidirectional", **more}}


def annotation(name: str, made: str) -> dict[str, Any]:
    return {"feature_id": made, "feature_schema_id": feature_id(name), "name": name}


def test_a_relationship_joins_two_annotations(reader: Any) -> None:
    shown = reader().read(line(name="chases", **relationship(readonly=True))).contents[0]
    join(shown, {UUID: annotation("car", "f1"), OTHER: annotation("car", "f2")}, {})
    assert shown["unidirectional_relationship"] == {"source": "f1", "target": "f2"}
    assert shown["readonly"] is True
    assert "ends" not in shown
    both = reader().read(line(name="touches", **relationship(type="bidirectional"))).contents[0]
    join(both, {UUID: annotation("car", "f1"), OTHER: annotation("nose", "f2")}, {})
    assert both["bidirectional_relationship"] == {"source": "f1", "target": "f2"}


def test_a_relationship_may_begin_at_a_classification(reader: Any) -> None:
    ends = {"source": None, "sourceOntologyName": "note"}
    shown = reader("PDF").read(line(name="touches", **relationship(**ends))).contents[0]
    join(shown, {OTHER: annotation("car", "f2")}, {feature_id("note"): annotation("note", "f1")})
    assert shown["unidirectional_relationship"] == {"source": "f1", "target": "f2"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (relationship(type="loop"), "type of a relationship must be one of"),
        (relationship(source=None), "exactly one of source and sourceOntologyName"),
        (relationship(target=None), "target must be a non-empty text"),
        (relationship(weight=1), "relationship has unknown keys"),
        (relationship(source=None, sourceOntologyName="nothing"), "no such classification"),
    ],
)
def test_a_wrong_relationship_is_refused(reader: Any, content: dict[str, Any], message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        reader().read(line(name="touches", **content))


def test_a_relationship_needs_its_ends_and_what_the_ontology_allows(reader: Any) -> None:
    with pytest.raises(AnnotationError, match=f"The target {OTHER} .* is not an annotation of the same data row"):
        join(reader().read(line(name="touches", **relationship())).contents[0], {UUID: annotation("car", "f1")}, {})
    with pytest.raises(AnnotationError, match="allows no relationship 'chases' from car to nose"):
        join(
            reader().read(line(name="chases", **relationship())).contents[0],
            {UUID: annotation("car", "f1"), OTHER: annotation("nose", "f2")},
            {},
        )
    with pytest.raises(AnnotationError, match="only supported for MAL imports"):
        reader(relationships=False).read(line(name="touches", **relationship()))
