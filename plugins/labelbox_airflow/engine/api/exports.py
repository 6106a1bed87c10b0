"""Small exports in one call: start, wait, and read the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from labelbox_airflow.engine.api import tasks
from labelbox_airflow.engine.exports import tasks as export_tasks
from labelbox_airflow.engine.exports.request import KEYS_PER_EXPORT, ExportRequest
from labelbox_airflow.engine.exports.spec import FilterSpec
from labelbox_airflow.engine.exports.stream import lines
from labelbox_airflow.engine.transport import Transport

__all__ = ["KEYS_PER_EXPORT", "export_dataset", "export_project", "exported", "rows_in_project"]


def export_dataset(
    transport: Transport,
    dataset_id: str,
    *,
    keys: Sequence[str] = (),
    embeddings: bool = False,
    timeout: float = 7200.0,
) -> Iterator[dict[str, Any]]:
    """Yield the data rows of a dataset as export objects, with attachments and metadata.

    :param keys: only these global keys; empty for all
    :param embeddings: with the vectors
    :param timeout: seconds the export may take
    :raises LabelboxError: when the export fails, or delivers other bytes or lines than it announced
    """
    include = {"attachments", "metadata", "data_row_details"} | ({"embeddings"} if embeddings else set())
    filters = FilterSpec(global_keys=tuple(keys) or None)
    request = ExportRequest("dataset", dataset_id, filters, frozenset(include))  # type: ignore[arg-type]
    return map(orjson.loads, exported(transport, request, timeout=timeout))


def export_project(
    transport: Transport,
    project_id: str,
    *,
    keys: Sequence[str] = (),
    ids: Sequence[str] = (),
    timeout: float = 7200.0,
) -> Iterator[dict[str, Any]]:
    """Yield the data rows of a project as export objects, with media attributes, and labels with their details.

    :param keys: only these global keys; empty for all
    :param ids: only these data rows, instead of keys; empty for all
    :param timeout: seconds the export may take
    """
    filters = FilterSpec(global_keys=tuple(keys) or None, data_row_ids=tuple(ids) or None)
    request = ExportRequest("project", project_id, filters, frozenset({"label_details"}))
    return map(orjson.loads, exported(transport, request, timeout=timeout))


def rows_in_project(
    transport: Transport,
    project_id: str,
    *,
    ids: Sequence[str] | None = None,
    batch_id: str | None = None,
    timeout: float = 7200.0,
) -> Iterator[str]:
    """Yield the ids of the data rows of a project.

    :param ids: only those of these
    :param batch_id: only those of one batch
    """
    filters = FilterSpec(
        data_row_ids=None if ids is None else tuple(ids), batches=None if batch_id is None else (batch_id,)
    )
    for line in exported(transport, ExportRequest("project", project_id, filters), timeout=timeout):
        yield str(orjson.loads(line)["data_row"]["id"])


def exported(transport: Transport, request: ExportRequest, *, timeout: float = 7200.0) -> Iterator[bytes]:
    """Export, wait, and yield the lines as they come; nothing is kept for a retry.

    :param timeout: seconds that each export of the request may take
    """
    for export in request.wire():
        task_id = export_tasks.start(transport, export, f"data rows of {request.kind} {request.id}".rstrip())
        tasks.wait(transport, task_id, timeout=timeout).require_complete()
        yield from lines(transport, task_id)
