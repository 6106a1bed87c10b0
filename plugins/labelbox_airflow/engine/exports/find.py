"""What is to be exported, found in Labelbox: an export of what is not there would have no rows, and succeed."""

from __future__ import annotations

from typing import Any

from labelbox_airflow.engine.api.datasets import find_dataset
from labelbox_airflow.engine.api.projects import batches_of, find_project
from labelbox_airflow.engine.errors import ConfigurationError, did_you_mean
from labelbox_airflow.engine.exports.request import ExportRequest
from labelbox_airflow.engine.exports.spec import ExportSpec, Named, NamedBatch
from labelbox_airflow.engine.transport import Transport

_SLICE = "query getSavedQueryPyApi($id: ID!) { getSavedQuery(id: $id) { id name } }"
_SLICES = "query GetCatalogSavedQueriesPyApi { catalogSavedQueries { id name } }"
_MODEL_RUN = "query GetModelRunPyApi($id: ID!) { modelRun(where: {id: $id}) { id name } }"


def find_request(transport: Transport, spec: ExportSpec, where: str = "export") -> ExportRequest:
    """Return the request with ids in place of names.

    :param where: what messages call the place the export is written at
    :raises ConfigurationError: when there is no such thing in Labelbox, or several of the name
    """
    filters = spec.filters
    if spec.batch is not None:
        filters = filters.model_copy(update={"batches": (_batch(transport, spec.batch, where),)})
    return ExportRequest(
        spec.kind,
        _id(transport, spec, where),
        filters,
        spec.include,
        conditions=spec.catalog or (),
        projects=spec.projects,
        model_runs=spec.model_runs,
        media_type_override=spec.media_type_override,
    )


def _id(transport: Transport, spec: ExportSpec, where: str) -> str:
    """Return the id of what is exported; of the project for a batch, empty for the catalog."""
    if spec.batch is not None:
        return _project(transport, spec.batch.project, f"{where}.batch.project")
    if spec.project is not None:
        return _project(transport, spec.project, f"{where}.project")
    if spec.dataset is not None:
        dataset = find_dataset(transport, id=spec.dataset.id, name=spec.dataset.name)
        return dataset.id if dataset is not None else _missing("dataset", spec.dataset, f"{where}.dataset")
    if spec.slice is not None:
        return _slice(transport, spec.slice, f"{where}.slice")
    if spec.model_run is not None:
        named = Named(id=spec.model_run.id)
        found = (transport.execute(_MODEL_RUN, {"id": named.id}) or {}).get("modelRun")
        return str(found["id"]) if found else _missing("model run", named, f"{where}.model_run")
    return ""


def _project(transport: Transport, named: Named, where: str) -> str:
    project = find_project(transport, id=named.id, name=named.name)
    return project.id if project is not None else _missing("project", named, where)


def _batch(transport: Transport, named: NamedBatch, where: str) -> str:
    batches = {each.id: each.name for each in batches_of(transport, _project(transport, named.project, where))}
    return _only(batches, "batch", named, f"{where}.batch")


def _slice(transport: Transport, named: Named, where: str) -> str:
    if named.id is not None:
        found = (transport.execute(_SLICE, {"id": named.id}) or {}).get("getSavedQuery")
        return str(found["id"]) if found else _missing("slice", named, where)
    slices: list[dict[str, Any]] = (transport.execute(_SLICES) or {}).get("catalogSavedQueries") or []
    return _only({each["id"]: each["name"] for each in slices}, "slice", named, where)


def _only(things: dict[str, str], kind: str, named: Named, where: str) -> str:
    """Return the id of the one thing that is meant."""
    found = [id_ for id_, name in things.items() if named.id == id_ or named.name == name]
    if not found:
        return _missing(kind, named, where, did_you_mean(named.name, things.values()) if named.name else None)
    if len(found) > 1:
        raise ConfigurationError(
            f"{len(found)} are {named} ({', '.join(found)})",
            where=where,
            remedy="Name the one that is meant by its id.",
        )
    return found[0]


def _missing(kind: str, named: Named, where: str, hint: str | None = None) -> str:
    raise ConfigurationError(
        f"Labelbox has no {kind} {named}",
        where=where,
        remedy=hint or "Correct it; does the API key belong to the workspace that has it?",
    )
