"""Operations on ontologies and feature schemas."""

from __future__ import annotations

from uuid import uuid4

from labelbox import Client, Project, Tool
from tests.integration.labelbox_local.conftest import make_ontology
from tests.integration.labelbox_local.operations.conftest import Line


def test_ontologies(client: Client, line: Line, project: Project) -> None:
    made = make_ontology(client)
    assert client.get_ontology(made.uid).name == made.name
    assert [each.uid for each in client.get_ontologies(made.name)] == [made.uid]
    feature = client.create_feature_schema(Tool(tool=Tool.Type.POINT, name=f"{uuid4()}").asdict())
    assert client.get_feature_schema(feature.uid).name == feature.name
    assert [each.uid for each in client.get_feature_schemas(feature.name)] == [feature.uid]
    client.update_feature_schema_title(feature.uid, "title")
    client.upsert_feature_schema(feature.normalized)
    client.insert_feature_schema_into_ontology(feature.uid, made.uid, 0)
    assert client.is_feature_schema_archived(made.uid, feature.uid) is False
    client.unarchive_feature_schema_node(made.uid, feature.uid)
    assert client.delete_feature_schema_from_ontology(made.uid, feature.uid).deleted
    client.get_unused_ontologies()
    client.get_unused_feature_schemas()
    client.delete_unused_feature_schema(feature.uid)
    client.delete_unused_ontology(made.uid)
    assert project.ontology() is not None
    line.check(
        "upsertRootSchemaNodePyApi", "GetOntologyPyApi", "getOntologiesPyApi", "rootSchemaNodePyApi",
        "rootSchemaNodesPyApi", "GetProjectOntologyPyApi", "PATCH /api/v1/feature-schemas/{id}/definition",
        "PUT /api/v1/feature-schemas/{id}", "DELETE /api/v1/feature-schemas/{id}",
        "POST /api/v1/ontologies/{id}/feature-schemas/{id}", "DELETE /api/v1/ontologies/{id}/feature-schemas/{id}",
        "PATCH /api/v1/ontologies/{id}/feature-schemas/{id}/unarchive", "GET /api/v1/ontologies/{id}",
        "GET /api/v1/ontologies/unused", "GET /api/v1/feature-schemas/unused", "DELETE /api/v1/ontologies/{id}",
    )  # fmt: skip
