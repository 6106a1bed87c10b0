"""Batches: data rows sent to a project together. Names are unique in a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labelbox_airflow.engine.errors import LabelboxError
from labelbox_airflow.engine.transport import Transport

MOST_ROWS = 100_000  # data rows of a batch; SDK schema/project.py `create_batch`
DIRECT_ROWS = 1_000  # from so many on the SDK has a task fill the batch

_PROCESSED = """query CheckAllDataRowsHaveBeenProcessedPyApi($dataRowIds: [ID!]) {
  queryAllDataRowsHaveBeenProcessed(dataRowIds: $dataRowIds) { allDataRowsHaveBeenProcessed }
}"""
_CREATE = """mutation createBatchV2PyApi($projectId: ID!, $batchInput: CreateBatchInput!) {
  project(where: {id: $projectId}) { createBatchV2(input: $batchInput) { batch { id name size } failedDataRowIds } }
}"""
_CREATE_EMPTY = """mutation createEmptyBatchPyApi($projectId: ID!, $input: CreateEmptyBatchInput!) {
  project(where: {id: $projectId}) { createEmptyBatch(input: $input) { id } }
}"""
_ADD = """mutation addDataRowsToBatchAsyncPyApi($projectId: ID!, $input: AddDataRowsToBatchInput!) {
  project(where: {id: $projectId}) { addDataRowsToBatchAsync(input: $input) { taskId } }
}"""


def are_processed(transport: Transport, ids: Sequence[str]) -> bool:
    """Tell whether Labelbox has processed the media of all these data rows, which it asks for before a batch."""
    data = transport.execute(_PROCESSED, {"dataRowIds": list(ids)}) or {}
    return bool(data["queryAllDataRowsHaveBeenProcessed"]["allDataRowsHaveBeenProcessed"])


def create_batch(
    transport: Transport, project_id: str, name: str, ids: Sequence[str], *, priority: int, consensus: Any = None
) -> None:
    """Make a batch of fewer than 1,000 data rows; those that are in the project already stay where they are."""
    batch = {
        "name": name,
        "dataRowIds": list(ids),
        "globalKeys": None,
        "priority": priority,
        "consensusSettings": _settings(consensus),
    }
    _data(transport.execute(_CREATE, {"projectId": project_id, "batchInput": batch}, idempotent=False), project_id)


def create_empty_batch(transport: Transport, project_id: str, name: str, consensus: Any = None) -> str:
    """Make a batch without data rows and return its id."""
    batch = {"name": name, "consensusSettings": _settings(consensus)}
    data = transport.execute(_CREATE_EMPTY, {"projectId": project_id, "input": batch}, idempotent=False)
    return str(_data(data, project_id)["createEmptyBatch"]["id"])


def add_rows(transport: Transport, project_id: str, batch_id: str, ids: Sequence[str], *, priority: int) -> str:
    """Start a task that adds data rows to a batch and return its id."""
    rows = {"batchId": batch_id, "dataRowIds": list(ids), "globalKeys": None, "priority": priority}
    data = transport.execute(_ADD, {"projectId": project_id, "input": rows}, idempotent=False)
    return str(_data(data, project_id)["addDataRowsToBatchAsync"]["taskId"])


def _settings(consensus: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if consensus is None:
        return None
    return {
        "numberOfLabels": consensus["number_of_labels"],
        "coveragePercentage": consensus["coverage_percentage"],
    }


def _data(data: dict[str, Any] | None, project_id: str) -> dict[str, Any]:
    if data is None or data.get("project") is None:
        raise LabelboxError(f"the project {project_id} or the batch is gone")
    found: dict[str, Any] = data["project"]
    return found
