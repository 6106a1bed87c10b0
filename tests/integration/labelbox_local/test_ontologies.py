"""Ontologies and feature schemas through the unmodified SDK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from labelbox import Classification, Client, MediaType, Ontology, OntologyBuilder, OntologyKind, Option, Tool
from labelbox.schema.tool_building.relationship_tool import RelationshipTool
from lbox.exceptions import LabelboxError, MalformedQueryException, ResourceNotFoundError
from tests.integration.labelbox_local.conftest import add_label, make_ontology

POINT = Tool(tool=Tool.Type.POINT, name="name", color="#ff0000")


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every feature of a normalized ontology."""
    if isinstance(value, dict):
        if "featureSchemaId" in value:
            yield value
        for each in value.values():
            yield from nodes(each)
    elif isinstance(value, list):
        for each in value:
            yield from nodes(each)


def test_an_ontology_gets_stable_ids_at_every_depth(client: Client, ontology: Ontology) -> None:
    found = list(nodes(ontology.normalized))
    assert [node.get("name") or node["value"] for node in found] == [
        "car", "color", "red", "why red", "blue", "weather", "sun",
    ]  # fmt: skip
    ids = [node[key] for node in found for key in ("featureSchemaId", "schemaNodeId")]
    assert len(set(ids)) == 14
    assert {len(each) for each in ids} == {25}
    again = client.get_ontology(ontology.uid)
    assert again.normalized == ontology.normalized
    assert (again.media_type, again.object_schema_count, again.classification_schema_count) == (MediaType.Image, 1, 1)
    [car] = again.tools()
    assert (car.name, car.classifications[0].options[0].options[0].name) == ("car", "why red")
    assert list(again.projects()) == []
    assert again.created_by().uid == client.get_user().uid


def test_raw_features_are_completed(client: Client) -> None:
    raw = {
        "tools": [{"tool": "polygon", "name": "plain"}],
        "classifications": [{"type": "radio", "instructions": "which", "options": [{"value": "one"}]}],
    }
    made = client.create_ontology("raw", raw)
    [tool], [question] = made.tools(), made.classifications()
    assert (tool.required, bool(tool.color), tool.classifications) == (False, True, [])
    assert (question.name, question.options[0].label, question.options[0].value) == ("which", "one", "one")
    assert made.media_type == MediaType.Unknown


@pytest.mark.parametrize(
    "raw",
    [
        {"tools": [{"tool": "no such tool", "name": "x"}]},
        {"tools": [{"tool": "point"}]},
        {"classifications": [{"type": "radio", "name": "without options", "options": []}]},
    ],
)
def test_a_wrong_feature_is_a_malformed_request(client: Client, raw: dict[str, Any]) -> None:
    with pytest.raises(MalformedQueryException):
        client.create_ontology("wrong", {"tools": [], "classifications": []} | raw)


def test_relationships_name_the_tools_of_their_ontology(client: Client) -> None:
    person, car = Tool(tool=Tool.Type.BBOX, name="person"), Tool(tool=Tool.Type.BBOX, name="car")
    drives = RelationshipTool(name="drives")
    drives.add_constraint(person, car)
    made = client.create_ontology("drivers", OntologyBuilder(tools=[person, car, drives]).asdict())
    ids = {node["name"]: node["featureSchemaId"] for node in made.normalized["tools"]}
    assert made.normalized["tools"][2]["definition"]["constraints"] == [[ids["person"], ids["car"]]]
    feature = client.get_feature_schema(ids["drives"])
    assert feature.normalized["definition"]["constraints"] == [[ids["person"], ids["car"]]]


def test_ontologies_are_found_by_a_part_of_their_name(client: Client) -> None:
    word = str(uuid4())
    made = [client.create_ontology(f"A {word} {n}", {"tools": [], "classifications": []}) for n in range(101)]
    found = list(client.get_ontologies(name_contains=f"a {word}"))
    assert [each.uid for each in found] == [each.uid for each in made]
    with pytest.raises(ResourceNotFoundError):
        client.get_ontology("c" * 25)


def test_features_are_shared_by_ontologies(client: Client) -> None:
    name = f"shared {uuid4()}"
    tool = client.create_feature_schema(Tool(tool=Tool.Type.POLYGON, name=name, color="black").asdict())
    question = client.create_feature_schema(
        Classification(class_type=Classification.Type.RADIO, name=f"{name} q", options=[Option("a")]).asdict()
    )
    assert client.get_feature_schema(tool.uid).normalized == tool.normalized
    assert [each.uid for each in client.get_feature_schemas(name)] == [tool.uid, question.uid]
    first, second = (
        client.create_ontology_from_feature_schemas(f"o{n}", [tool.uid, question.uid], media_type=MediaType.Image)
        for n in range(2)
    )
    for made in (first, second):
        assert made.normalized["tools"] == [tool.normalized]
        assert made.normalized["classifications"] == [question.normalized]

    changed = client.update_feature_schema_title(tool.uid, "another title")
    assert changed.normalized["name"] == "another title"
    assert client.get_ontology(first.uid).tools()[0].name == "another title"
    recolored = client.upsert_feature_schema(changed.normalized | {"color": "#00ff00"})
    assert (recolored.uid, recolored.normalized["color"]) == (tool.uid, "#00ff00")
    assert client.get_ontology(second.uid).tools()[0].color == "#00ff00"
    assert recolored.normalized["schemaNodeId"] == tool.normalized["schemaNodeId"]


def test_an_option_is_renamed_and_added_everywhere(client: Client, ontology: Ontology) -> None:
    [car] = ontology.normalized["tools"]
    options = car["classifications"][0]["options"]
    other = client.create_ontology_from_feature_schemas("other", [car["featureSchemaId"]])
    client.update_feature_schema_title(options[0]["featureSchemaId"], "dark red")
    changed = client.get_ontology(other.uid).normalized["tools"][0]
    assert [each["label"] for each in changed["classifications"][0]["options"]] == ["dark red", "blue"]
    changed["classifications"][0]["options"].append({"value": "green"})
    client.upsert_feature_schema(changed)
    shown = client.get_ontology(ontology.uid).normalized["tools"][0]["classifications"][0]["options"]
    assert [each["value"] for each in shown] == ["red", "blue", "green"]
    assert [each["featureSchemaId"] for each in shown[:2]] == [each["featureSchemaId"] for each in options]
    assert len(shown[2]["featureSchemaId"]) == 25


def test_a_feature_schema_that_is_not_there_cannot_be_changed(client: Client) -> None:
    missing = "c" * 25
    with pytest.raises(LabelboxError, match="Failed to find feature schema by id"):
        client.update_feature_schema_title(missing, "title")
    with pytest.raises(LabelboxError, match="Failed to find feature schema by id"):
        client.delete_unused_feature_schema(missing)
    with pytest.raises(LabelboxError, match="must not be empty"):
        client.update_feature_schema_title(client.create_feature_schema(POINT.asdict()).uid, "")


def test_what_nothing_uses_is_listed_and_deleted(client: Client, project: Any) -> None:
    feature = client.upsert_feature_schema(POINT.asdict())
    made = client.create_ontology_from_feature_schemas("unused", [feature.uid], media_type=MediaType.Image)
    assert feature.uid not in everything(client.get_unused_feature_schemas)
    assert made.uid in everything(client.get_unused_ontologies)
    with pytest.raises(LabelboxError, match="is used by an ontology"):
        client.delete_unused_feature_schema(feature.uid)

    project.connect_ontology(made)
    assert made.uid not in everything(client.get_unused_ontologies)
    connected = f"connected to a project. The ontology is connected to projects: {project.uid}"
    with pytest.raises(LabelboxError, match=connected):
        client.delete_unused_ontology(made.uid)

    project.connect_ontology(make_ontology(client))
    client.delete_unused_ontology(made.uid)
    assert feature.uid in everything(client.get_unused_feature_schemas)
    client.delete_unused_feature_schema(feature.uid)
    assert feature.uid not in everything(client.get_unused_feature_schemas)
    with pytest.raises(ResourceNotFoundError):
        client.get_ontology(made.uid)


def everything(page: Any) -> list[str]:
    """All ids of a list that comes in pages of a hundred."""
    found: list[str] = []
    while ids := page(found[-1] if found else None):
        found += ids
    assert len(set(found)) == len(found)
    return found


def test_features_are_put_in_place_moved_and_taken_out(client: Client) -> None:
    tools = [{"tool": "polygon", "name": f"tool{n}", "color": "blue"} for n in range(2)]
    made = client.create_ontology("ordered", {"tools": tools, "classifications": []})
    feature = client.upsert_feature_schema(POINT.asdict())

    def names() -> list[str]:
        return [tool.name for tool in client.get_ontology(made.uid).tools()]

    client.insert_feature_schema_into_ontology(feature.uid, made.uid, 1)
    assert names() == ["tool0", "name", "tool1"]
    client.insert_feature_schema_into_ontology(feature.uid, made.uid, 0)
    assert names() == ["name", "tool0", "tool1"]
    assert client.is_feature_schema_archived(made.uid, feature.uid) is False
    result = client.delete_feature_schema_from_ontology(made.uid, feature.uid)
    assert (result.deleted, result.archived) == (True, False)
    assert names() == ["tool0", "tool1"]
    with pytest.raises(LabelboxError, match="was not in the ontology"):
        client.is_feature_schema_archived(made.uid, feature.uid)
    with pytest.raises(LabelboxError, match=f"Failed to find feature schema node by id: {feature.uid}"):
        client.delete_feature_schema_from_ontology(made.uid, feature.uid)
    with pytest.raises(ResourceNotFoundError):
        client.is_feature_schema_archived("no-ontology", feature.uid)
    with pytest.raises(LabelboxError, match="Failed to find ontology by id: no-ontology"):
        client.unarchive_feature_schema_node("no-ontology", feature.uid)


def test_an_annotated_feature_is_archived_and_brought_back(client: Client, project: Any, keys: list[str]) -> None:
    ontology = project.ontology()
    [car] = ontology.normalized["tools"]
    project.create_batch("annotated", global_keys=keys)
    add_label(project, keys[0])
    result = client.delete_feature_schema_from_ontology(ontology.uid, car["featureSchemaId"])
    assert (result.deleted, result.archived) == (False, True)
    assert client.is_feature_schema_archived(ontology.uid, car["featureSchemaId"]) is True
    [archived] = project.ontology().normalized["tools"]
    assert archived == car | {"archived": 1}
    client.unarchive_feature_schema_node(ontology.uid, car["featureSchemaId"])
    assert client.is_feature_schema_archived(ontology.uid, car["featureSchemaId"]) is False
    assert project.ontology().normalized == ontology.normalized


def test_an_ontology_for_chat_evaluation_says_so(client: Client, server: Any) -> None:
    made = client.create_ontology(
        "chats", {"tools": [], "classifications": []}, MediaType.Conversational, OntologyKind.ModelEvaluation
    )
    assert made.media_type == MediaType.Conversational
    made = client.create_feature_schema({"tool": "message-ranking", "name": "best"})
    assert made.normalized["tool"] == "message-ranking"
