"""Operations on ontologies and feature schemas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from labelbox import Classification, Client, MediaType, Ontology, Option, Project, Tool
from lbox.exceptions import LabelboxError, ResourceNotFoundError
from tests.integration.labelbox_local.conftest import add_label, make_ontology
from tests.integration.labelbox_local.operations.conftest import Line


def tool_names(client: Client, ontology: Ontology) -> list[str]:
    return [tool.name for tool in client.get_ontology(ontology.uid).tools()]


def make_point(client: Client) -> Any:
    return client.create_feature_schema(Tool(tool=Tool.Type.POINT, name=f"point {uuid4()}", color="#ff0000").asdict())


def everything(page: Callable[[str | None], list[str]]) -> set[str]:
    """All ids of a list that comes in pages, each asked for by the last id of the one before."""
    found: list[str] = []
    while ids := page(found[-1] if found else None):
        found += ids
    return set(found)


def test_ontologies(client: Client, fresh: Client, line: Line, project: Project) -> None:
    made = make_ontology(client)
    kept = fresh.get_ontology(made.uid)
    assert (kept.name, kept.media_type, kept.normalized) == (made.name, MediaType.Image, made.normalized)
    assert (tool_names(fresh, made), [each.name for each in kept.classifications()]) == (["car"], ["weather"])
    [found] = fresh.get_ontologies(made.name.upper())
    assert (found.uid, found.normalized) == (made.uid, made.normalized)
    before = project.ontology()
    assert before.uid != made.uid
    project.connect_ontology(made)
    connected = fresh.get_project(project.uid).ontology()
    assert (connected.uid, connected.normalized) == (made.uid, made.normalized)
    assert [each.uid for each in kept.projects()] == [project.uid]
    assert list(fresh.get_ontology(before.uid).projects()) == []
    line.check("upsertRootSchemaNodePyApi", "GetOntologyPyApi", "getOntologiesPyApi", "GetProjectOntologyPyApi")


def test_feature_schemas(client: Client, fresh: Client, line: Line) -> None:
    feature = make_point(client)
    assert (feature.normalized["tool"], feature.normalized["color"]) == ("point", "#ff0000")
    kept = fresh.get_feature_schema(feature.uid)
    assert (kept.name, kept.normalized) == (feature.name, feature.normalized)
    [found] = fresh.get_feature_schemas(feature.name.upper())
    assert (found.uid, found.normalized) == (feature.uid, feature.normalized)
    made = client.create_ontology_from_feature_schemas("uses it", [feature.uid], media_type=MediaType.Image)

    title = f"title {uuid4()}"
    renamed = client.update_feature_schema_title(feature.uid, title)
    assert (renamed.uid, renamed.name, renamed.normalized) == (feature.uid, title, feature.normalized | {"name": title})
    assert fresh.get_feature_schema(feature.uid).normalized == renamed.normalized
    assert list(fresh.get_feature_schemas(feature.name)) == []
    assert fresh.get_ontology(made.uid).normalized["tools"] == [renamed.normalized]

    recolored = client.upsert_feature_schema(renamed.normalized | {"color": "#00ff00"})
    assert (recolored.uid, recolored.normalized) == (feature.uid, renamed.normalized | {"color": "#00ff00"})
    assert fresh.get_feature_schema(feature.uid).normalized == recolored.normalized
    assert fresh.get_ontology(made.uid).normalized["tools"] == [recolored.normalized]

    question = Classification(Classification.Type.RADIO, f"which {uuid4()}", options=[Option("one")])
    created = client.upsert_feature_schema(question.asdict())
    assert (created.name, created.normalized["options"][0]["value"]) == (question.name, "one")
    assert fresh.get_feature_schema(created.uid).normalized == created.normalized
    line.check(
        "upsertRootSchemaNodePyApi", "rootSchemaNodePyApi", "rootSchemaNodesPyApi",
        "PATCH /api/v1/feature-schemas/{id}/definition", "PUT /api/v1/feature-schemas/{id}",
        "PUT /api/v1/feature-schemas/new_feature_schema_id",
    )  # fmt: skip


def test_features_are_put_into_an_ontology_and_taken_out(client: Client, fresh: Client, line: Line) -> None:
    made, feature = make_ontology(client), make_point(client)
    before = made.normalized
    client.insert_feature_schema_into_ontology(feature.uid, made.uid, 0)
    assert tool_names(fresh, made) == [feature.name, "car"]
    assert fresh.get_ontology(made.uid).normalized == before | {"tools": [feature.normalized, *before["tools"]]}
    client.insert_feature_schema_into_ontology(feature.uid, made.uid, 1)
    assert tool_names(fresh, made) == ["car", feature.name]
    result = client.delete_feature_schema_from_ontology(made.uid, feature.uid)
    assert (result.deleted, result.archived) == (True, False)
    assert fresh.get_ontology(made.uid).normalized == before
    assert fresh.get_feature_schema(feature.uid).normalized == feature.normalized
    line.check(
        "POST /api/v1/ontologies/{id}/feature-schemas/{id}", "DELETE /api/v1/ontologies/{id}/feature-schemas/{id}",
    )  # fmt: skip


def test_an_annotated_feature_is_archived_and_brought_back(
    client: Client, fresh: Client, line: Line, project: Project, keys: list[str]
) -> None:
    before = project.ontology()
    [car] = before.normalized["tools"]
    feature = car["featureSchemaId"]
    project.create_batch("annotated", global_keys=keys)
    add_label(project, keys[0])
    assert fresh.is_feature_schema_archived(before.uid, feature) is False
    result = client.delete_feature_schema_from_ontology(before.uid, feature)
    assert (result.deleted, result.archived) == (False, True)
    assert fresh.is_feature_schema_archived(before.uid, feature) is True
    assert fresh.get_ontology(before.uid).normalized == before.normalized | {"tools": [car | {"archived": 1}]}
    assert project.get_label_count() == 1
    client.unarchive_feature_schema_node(before.uid, feature)
    assert fresh.is_feature_schema_archived(before.uid, feature) is False
    assert fresh.get_ontology(before.uid).normalized == before.normalized
    line.check(
        "DELETE /api/v1/ontologies/{id}/feature-schemas/{id}", "GET /api/v1/ontologies/{id}",
        "PATCH /api/v1/ontologies/{id}/feature-schemas/{id}/unarchive",
    )  # fmt: skip


def test_what_is_unused_is_listed_and_deleted(client: Client, fresh: Client, line: Line, project: Project) -> None:
    feature = make_point(client)
    assert feature.uid in everything(fresh.get_unused_feature_schemas)
    made = client.create_ontology_from_feature_schemas("unused", [feature.uid], media_type=MediaType.Image)
    assert feature.uid not in everything(fresh.get_unused_feature_schemas)
    unused = everything(fresh.get_unused_ontologies)
    assert made.uid in unused
    assert project.ontology().uid not in unused
    with pytest.raises(LabelboxError, match="is used by an ontology"):
        fresh.delete_unused_feature_schema(feature.uid)
    with pytest.raises(LabelboxError, match="connected to a project"):
        fresh.delete_unused_ontology(project.ontology().uid)

    client.delete_unused_ontology(made.uid)
    assert made.uid not in everything(fresh.get_unused_ontologies)
    with pytest.raises(ResourceNotFoundError):
        fresh.get_ontology(made.uid)
    assert feature.uid in everything(fresh.get_unused_feature_schemas)
    client.delete_unused_feature_schema(feature.uid)
    assert feature.uid not in everything(fresh.get_unused_feature_schemas)
    assert list(fresh.get_feature_schemas(feature.name)) == []
    with pytest.raises(LabelboxError, match="Failed to find feature schema by id"):
        fresh.delete_unused_feature_schema(feature.uid)
    assert fresh.get_ontology(project.ontology().uid).normalized == project.ontology().normalized
    line.check(
        "GET /api/v1/ontologies/unused", "GET /api/v1/feature-schemas/unused", "DELETE /api/v1/ontologies/{id}",
        "DELETE /api/v1/feature-schemas/{id}",
    )  # fmt: skip
