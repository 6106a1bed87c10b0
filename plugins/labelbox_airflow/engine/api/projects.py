"""Projects: found by id or name and never guessed, made, given an ontology."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from labelbox_airflow.engine.errors import ConfigurationError, LabelboxError
from labelbox_airflow.engine.transport import Transport

_FIELDS = "id name allowedMediaType dataRowCount"
_BY_ID = f"query GetProjectPyApi($id: ID!) {{ project(where: {{id: $id}}) {{ {_FIELDS} }} }}"
_BY_NAME = f"""query GetProjectsPyApi($name: String!, $deleted: Boolean!) {{
  projects(where: {{AND: [{{name: $name}}, {{deleted: $deleted}}]}} skip: 0 first: 100) {{ {_FIELDS} }}
}}"""
_CREATE = f"""mutation CreateProjectPyApi(
  $name: String!, $description: String!, $allowedMediaType: MediaType!, $autoAuditPercentage: Float!,
  $autoAuditNumberOfLabels: Int!, $isBenchmarkEnabled: Boolean!, $isConsensusEnabled: Boolean!
) {{
  createProject(data: {{
    name: $name description: $description allowedMediaType: $allowedMediaType
    autoAuditPercentage: $autoAuditPercentage autoAuditNumberOfLabels: $autoAuditNumberOfLabels
    isBenchmarkEnabled: $isBenchmarkEnabled isConsensusEnabled: $isConsensusEnabled
  }}) {{ {_FIELDS} }}
}}"""
# What the SDK sends by default: benchmark and consensus both (SDK project_validation.py, schema/quality_mode.py).
_QUALITY = {
    "autoAuditPercentage": 0,
    "autoAuditNumberOfLabels": 3,
    "isBenchmarkEnabled": True,
    "isConsensusEnabled": True,
}
_CONNECT = """mutation ConnectOntologyPyApi($projectId: ID!, $ontologyId: ID!) {
  project(where: {id: $projectId}) { connectOntology(ontologyId: $ontologyId) { id } }
}"""


@dataclass(frozen=True, slots=True)
class Project:
    """A project of Labelbox."""

    id: str
    name: str
    media_type: str | None
    row_count: int = 0


def find_project(transport: Transport, *, id: str | None = None, name: str | None = None) -> Project | None:  # noqa: A002
    """Return the project of that id or that very name, None when there is none.

    :raises ConfigurationError: when several projects have the name
    """
    if id is not None:
        data = transport.execute(_BY_ID, {"id": id}) or {}
        return _project(data["project"]) if data.get("project") else None
    data = transport.execute(_BY_NAME, {"name": name, "deleted": False}) or {}
    found = [_project(raw) for raw in data.get("projects", ()) if raw["name"] == name]
    if len(found) > 1:
        raise ConfigurationError(
            f"{len(found)} projects are named '{name}' ({', '.join(each.id for each in found)})",
            where="project.name",
            remedy="Name the one that is meant by its id.",
        )
    return found[0] if found else None


def create_project(transport: Transport, name: str, media_type: str, description: str = "") -> Project:
    """Create a project. Names are not unique in Labelbox: look for it first."""
    given = {"name": name, "description": description, "allowedMediaType": media_type, **_QUALITY}
    data = transport.execute(_CREATE, given, idempotent=False) or {}
    return _project(data["createProject"])


def connect_ontology(transport: Transport, project_id: str, ontology_id: str) -> None:
    """Give a project its ontology.

    :raises LabelboxError: one of them is gone
    """
    if transport.execute(_CONNECT, {"projectId": project_id, "ontologyId": ontology_id}) is None:
        raise LabelboxError(f"the project {project_id} or the ontology {ontology_id} is gone")


def _project(raw: dict[str, Any]) -> Project:
    return Project(raw["id"], raw["name"], raw["allowedMediaType"], raw["dataRowCount"] or 0)


_BATCHES = """query GetProjectBatchesPyApi($from: String, $first: PageSize, $projectId: ID!) {
  project(where: {id: $projectId}) { id batches(after: $from, first: $first) {
    nodes { id name size } pageInfo { endCursor }
  } }
}"""


@dataclass(frozen=True, slots=True)
class SentBatch:
    """A batch of a project, and how many data rows are in it."""

    id: str
    name: str
    size: int


def batches_of(transport: Transport, project_id: str) -> Iterator[SentBatch]:
    """Yield the batches of a project."""
    after: str | None = None
    while True:
        data = transport.execute(_BATCHES, {"from": after, "first": 100, "projectId": project_id}) or {}
        page = ((data.get("project") or {}).get("batches")) or {"nodes": [], "pageInfo": {"endCursor": None}}
        yield from (SentBatch(raw["id"], raw["name"], raw["size"]) for raw in page["nodes"])
        after = page["pageInfo"]["endCursor"]
        if after is None or not page["nodes"]:
            return
