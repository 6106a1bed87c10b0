"""Annotation imports: NDJSON sent as a job, found again by its name, and what became of every line.

Wire forms as the SDK has them (labelbox-python, schema/annotation_import.py). A job is known by its parent (project or
model run) and its name, which is unique there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from labelbox_airflow.engine.annotations.imports.spec import ImportKind
from labelbox_airflow.engine.errors import LabelboxError
from labelbox_airflow.engine.transport import Content, Transport

CONTENT_TYPE = "application/x-ndjson"
_FIELDS = "id name state progress errorFileUrl statusFileUrl"


class _Wire(NamedTuple):
    """How one kind of import is called on the wire."""

    api: str  # in the names of the operations
    get_api: str
    created: str
    found: str
    parent: str


_WIRE: dict[ImportKind, _Wire] = {
    "prelabels": _Wire(
        "MALPredictionImport",
        "ModelAssistedLabelingPredictionImport",
        "createModelAssistedLabelingPredictionImport",
        "modelAssistedLabelingPredictionImport",
        "projectId",
    ),
    "labels": _Wire("LabelImport", "LabelImport", "createLabelImport", "labelImport", "projectId"),
    "predictions": _Wire(
        "MEAPredictionImport",
        "ModelErrorAnalysisPredictionImport",
        "createModelErrorAnalysisPredictionImport",
        "modelErrorAnalysisPredictionImport",
        "modelRunId",
    ),
}
_DELETE = """mutation deleteModelAssistedLabelingPredictionImportPyApi($id: ID!) {
  deleteModelAssistedLabelingPredictionImport(where: {id: $id}) { id }
}"""


@dataclass(frozen=True, slots=True)
class ImportState:
    """Where an import stands: RUNNING, FINISHED or FAILED. FINISHED may still have refused lines inside.

    :param statuses: where the outcome of every line can be read for 24 hours; None while it runs
    """

    id: str
    name: str
    state: str
    statuses: str | None
    errors: str | None

    @property
    def is_running(self) -> bool:
        """Whether the import may still change."""
        return self.state == "RUNNING"


def create_import(
    transport: Transport, kind: ImportKind, parent_id: str, name: str, ndjson: bytes | Content
) -> ImportState:
    """Start an import of NDJSON lines.

    :param parent_id: the project, or for predictions the model run
    :param name: unique among the imports of that kind and parent
    :raises LabelboxError: refused, also because there is one of the name already: look with :func:`find_import` before
    """
    wire = _WIRE[kind]
    query = f"""mutation create{wire.api}ByFilePyApi(
  ${wire.parent}: ID!, $name: String!, $file: Upload!, $contentLength: Int!
) {{
  {wire.created}(data: {{
    {wire.parent}: ${wire.parent} name: $name filePayload: {{ file: $file, contentLength: $contentLength }}
  }}) {{ {_FIELDS} }}
}}"""
    data = transport.execute_with_file(
        query,
        {wire.parent: parent_id, "name": name},
        ndjson,
        filename=f"{parent_id}__{name}.ndjson",
        content_type=CONTENT_TYPE,
    )
    if data is None or not data.get(wire.created):
        raise LabelboxError(
            f"Labelbox does not find the {_parent(kind)} {parent_id}", remedy="Was it deleted just now?"
        )
    return _state(data[wire.created])


def find_import(transport: Transport, kind: ImportKind, parent_id: str, name: str) -> ImportState | None:
    """Return the import of that name, None when there is none."""
    query, variables = find_query(kind, parent_id, name)
    return found_state(kind, transport.execute(query, variables))


def find_query(kind: ImportKind, parent_id: str, name: str) -> tuple[str, dict[str, str]]:
    """Return the operation that asks for an import by name, and its variables."""
    wire = _WIRE[kind]
    query = f"""query get{wire.get_api}PyApi(${wire.parent}: ID!, $name: String!) {{
  {wire.found}(where: {{ {wire.parent}: ${wire.parent}, name: $name }}) {{ {_FIELDS} }}
}}"""
    return query, {wire.parent: parent_id, "name": name}


def found_state(kind: ImportKind, data: dict[str, Any] | None) -> ImportState | None:
    """Return the import in the answer to :func:`find_query`, None when there is none."""
    raw = (data or {}).get(_WIRE[kind].found)
    return _state(raw) if raw else None


def delete_prelabels(transport: Transport, import_id: str) -> None:
    """Delete an import of pre-labels and the pre-labels it made; nothing happens when it is gone already."""
    transport.execute(_DELETE, {"id": import_id}, idempotent=True)


def _state(raw: dict[str, Any]) -> ImportState:
    return ImportState(raw["id"], raw["name"], raw["state"], raw.get("statusFileUrl"), raw.get("errorFileUrl"))


def _parent(kind: ImportKind) -> str:
    return "model run" if kind == "predictions" else "project"
