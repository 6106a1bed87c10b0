"""Ontologies: made, found by name, read as the tree that files have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.ontology.tree import Ontology, of_normalized, to_normalized
from labelbox_airflow.engine.transport import Transport

_FIELDS = "id name mediaType normalized"
_OF_PROJECT = (
    f"query GetProjectOntologyPyApi($id: ID!) {{ project(where: {{id: $id}}) {{ ontology {{ {_FIELDS} }} }} }}"
)
_SEARCH = f"""query getOntologiesPyApi($search: String, $from: String, $first: PageSize) {{
  ontologies(where: {{search: $search}}, after: $from, first: $first) {{ nodes {{ {_FIELDS} }} nextCursor }}
}}"""
_CREATE = f"""mutation upsertRootSchemaNodePyApi($data: UpsertOntologyInput!) {{
  upsertOntology(data: $data) {{ {_FIELDS} }}
}}"""


@dataclass(frozen=True, slots=True)
class StoredOntology:
    """An ontology of Labelbox."""

    id: str
    name: str
    media_type: str | None
    tree: Ontology


def ontology_of(transport: Transport, project_id: str) -> StoredOntology | None:
    """Return the ontology of a project, None when it has none."""
    data = transport.execute(_OF_PROJECT, {"id": project_id}) or {}
    raw = (data.get("project") or {}).get("ontology")
    return _stored(raw) if raw else None


def find_ontology(transport: Transport, name: str, media_type: str) -> StoredOntology | None:
    """Return the ontology of that very name for a media type, None when there is none.

    :raises ConfigurationError: when several have the name
    """
    found = [each for each in _named(transport, name) if each.media_type in {media_type, None}]
    if len(found) > 1:
        raise ConfigurationError(
            f"{len(found)} ontologies for {media_type} are named '{name}' ({', '.join(each.id for each in found)})",
            where="project.ontology",
            remedy="Connect the one that is meant to the project in Labelbox.",
        )
    return found[0] if found else None


def create_ontology(transport: Transport, name: str, media_type: str, tree: Ontology) -> StoredOntology:
    """Make an ontology; features of the tree that have schema ids are those that are there, all others are new."""
    normalized = orjson.dumps(to_normalized(tree)).decode()
    data = {"name": name, "normalized": normalized, "mediaType": media_type}
    made = transport.execute(_CREATE, {"data": data}, idempotent=False) or {}
    return _stored(made["upsertOntology"])


def _named(transport: Transport, name: str) -> Iterator[StoredOntology]:
    after: str | None = None
    while True:
        data = transport.execute(_SEARCH, {"search": name, "from": after, "first": 100}) or {}
        page = data["ontologies"]
        yield from (_stored(raw) for raw in page["nodes"] if raw["name"] == name)
        after = page["nextCursor"]
        if after is None:
            return


def _stored(raw: dict[str, Any]) -> StoredOntology:
    normalized = raw["normalized"]
    tree = of_normalized(orjson.loads(normalized) if isinstance(normalized, str) else normalized)
    return StoredOntology(raw["id"], raw["name"], raw["mediaType"], tree)
