"""Models and their runs: found by name, made; data rows in a run, and their splits.

Wire forms as the SDK has them (labelbox-python, schema/model.py and schema/model_run.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

from labelbox_airflow.engine.api.data_rows import batched
from labelbox_airflow.engine.errors import ConfigurationError, LabelboxError, LabelboxUnavailableError
from labelbox_airflow.engine.transport import Transport

Split = Literal["TRAINING", "VALIDATION", "TEST", "UNASSIGNED"]
PAGE = 100
DELETED_AT_ONCE = 1_000

_MODELS = """query GetModelsPyApi($name: String!, $skip: Int!) {
  models(where: {name: $name}, skip: $skip, first: 100) { id name ontologyId }
}"""
_CREATE_MODEL = """mutation createModelPyApi($name: String!, $ontologyId: ID!) {
  createModel(data: {name: $name, ontologyId: $ontologyId}) { id name ontologyId }
}"""
_RUNS = """query GetModelModelRunsPyApi($id: ID!, $skip: Int!) {
  model(where: {id: $id}) { modelRuns(skip: $skip, first: 100) { id name } }
}"""
_CREATE_RUN = """mutation CreateModelRunPyApi($name: String!, $config: Json, $modelId: ID!) {
  createModelRun(data: {name: $name, trainingMetadata: $config, modelId: $modelId}) { id name }
}"""
_ADD_ROWS = """mutation createMEAModelRunDataRowRegistrationTaskPyApi(
  $modelRunId: ID!, $dataRowIds: [ID!], $globalKeys: [ID!]
) {
  createMEAModelRunDataRowRegistrationTask(
    where: {id: $modelRunId}, data: {dataRowIds: $dataRowIds, globalKeys: $globalKeys}
  )
}"""
_ASSIGN = """mutation assignDataSplitPyApi($modelRunId: ID!, $data: CreateAssignDataRowsToDataSplitTaskInput!) {
  createAssignDataRowsToDataSplitTask(modelRun: {id: $modelRunId}, data: $data)
}"""
_DELETE_ROWS = """mutation DeleteModelRunDataRowsPyApi($modelRunId: ID!, $dataRowIds: [ID!]!) {
  deleteModelRunDataRows(where: {modelRunId: $modelRunId, dataRowIds: $dataRowIds})
}"""
_ADDED = "MEADataRowRegistrationTaskStatus"
_ASSIGNED = "assignDataRowsToDataSplitTaskStatus"


@dataclass(frozen=True, slots=True)
class Model:
    """A model of Labelbox; its predictions are of the classes of its ontology."""

    id: str
    name: str
    ontology_id: str


@dataclass(frozen=True, slots=True)
class ModelRun:
    """A run of a model, which has data rows and what the model predicts of them."""

    id: str
    name: str


def find_model(transport: Transport, name: str) -> Model | None:
    """Return the model of that very name, None when there is none.

    :raises ConfigurationError: several have the name
    """
    pages = _pages(transport, _MODELS, {"name": name}, lambda data: data["models"])
    found = [Model(raw["id"], raw["name"], raw["ontologyId"]) for raw in pages if raw["name"] == name]
    if len(found) > 1:
        raise ConfigurationError(
            f"{len(found)} models are named '{name}' ({', '.join(each.id for each in found)})",
            where="annotations.model",
            remedy="Rename all but the one that is meant.",
        )
    return found[0] if found else None


def create_model(transport: Transport, name: str, ontology_id: str) -> Model:
    """Make a model. Look for it first."""
    data = transport.execute(_CREATE_MODEL, {"name": name, "ontologyId": ontology_id}, idempotent=False) or {}
    raw = data["createModel"]
    return Model(raw["id"], raw["name"], raw["ontologyId"])


def find_model_run(transport: Transport, model_id: str, name: str) -> ModelRun | None:
    """Return the run of a model of that very name, None when there is none; the newest of several."""
    pages = _pages(transport, _RUNS, {"id": model_id}, lambda data: (data.get("model") or {}).get("modelRuns") or [])
    return next((ModelRun(raw["id"], raw["name"]) for raw in pages if raw["name"] == name), None)


def create_model_run(transport: Transport, model_id: str, name: str) -> ModelRun:
    """Make a run of a model. Look for it first."""
    given = {"name": name, "config": None, "modelId": model_id}
    raw = (transport.execute(_CREATE_RUN, given, idempotent=False) or {})["createModelRun"]
    return ModelRun(raw["id"], raw["name"])


def add_rows(transport: Transport, run_id: str, *, keys: Sequence[str], ids: Sequence[str]) -> None:
    """Put data rows into a model run, by global key and by id, and wait until they are there.

    :raises LabelboxError: refused; also when the run would have more rows than Labelbox allows
    """
    variables = {"modelRunId": run_id, "dataRowIds": list(ids), "globalKeys": list(keys)}
    _wait(transport, _task(transport, _ADD_ROWS, variables, run_id), _ADDED)


def assign_splits(transport: Transport, run_id: str, rows: Mapping[Split, tuple[list[str], list[str]]]) -> None:
    """Say to which split data rows of a run belong, and wait until it is done.

    :param rows: split → global keys and ids
    """
    assignments = [
        {"split": split, "globalKeys": list(keys), "dataRowIds": list(ids)} for split, (keys, ids) in rows.items()
    ]
    variables = {"modelRunId": run_id, "data": {"assignments": assignments}}
    _wait(transport, _task(transport, _ASSIGN, variables, run_id), _ASSIGNED)


def remove_rows(transport: Transport, run_id: str, ids: Sequence[str]) -> None:
    """Take data rows out of a model run, with what was predicted of them; those that are not in it are passed."""
    for some in batched(ids, DELETED_AT_ONCE):
        transport.execute(_DELETE_ROWS, {"modelRunId": run_id, "dataRowIds": list(some)})


def _pages(
    transport: Transport, query: str, variables: Mapping[str, Any], nodes: Callable[[dict[str, Any]], list[Any]]
) -> Iterator[dict[str, Any]]:
    def pages() -> Iterator[list[Any]]:
        skip, page = 0, [None] * PAGE
        while len(page) == PAGE:
            page = nodes(transport.execute(query, {**variables, "skip": skip}) or {})
            skip += PAGE
            yield page

    return chain.from_iterable(pages())


def _task(transport: Transport, query: str, variables: Mapping[str, Any], run_id: str) -> str:
    data = transport.execute(query, variables)
    if data is None:
        raise LabelboxError(f"Labelbox does not find the model run {run_id}", remedy="Was it deleted just now?")
    return str(next(iter(data.values())))


def _wait(transport: Transport, task_id: str, status: str, *, timeout: float = 3600.0) -> None:
    query = f"query {status}PyApi($where: WhereUniqueIdInput!) {{ {status}(where: $where) {{ status errorMessage }} }}"
    deadline, pause = time.monotonic() + timeout, 0.5
    while True:
        state = (transport.execute(query, {"where": {"id": task_id}}, experimental=True) or {}).get(status) or {}
        if state.get("status") == "COMPLETE":
            return
        if state.get("status") == "FAILED":
            said = state.get("errorMessage") or "and gave no reason"
            raise LabelboxError(f"Labelbox failed to prepare the data rows of the model run: {said}")
        if time.monotonic() + pause > deadline:
            raise LabelboxUnavailableError(f"the task {task_id} has not ended after {timeout:.0f} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 30.0)
