"""Data row exports: start one, wait for it, stream its rows in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from labelbox_airflow.engine.api import tasks
from labelbox_airflow.engine.errors import LabelboxError
from labelbox_airflow.engine.transport import Transport

KEYS_PER_EXPORT = 2000  # docs.labelbox.com/docs/limits; SDK schema/export_filters.py

_START = """mutation exportDataRowsInCatalogPyApi($input: ExportDataRowsInCatalogInput!) {
  exportDataRowsInCatalog(input: $input) { taskId isStreamable }
}"""
_START_IN_PROJECT = """mutation exportDataRowsInProjectPyApi($input: ExportDataRowsInProjectInput!) {
  exportDataRowsInProject(input: $input) { taskId isStreamable }
}"""
_HEADER = """query GetExportMetadataHeaderPyApi($where: WhereUniqueIdInput, $streamType: TaskStreamType!) {
  task(where: $where) { exportMetadataHeader(streamType: $streamType) { totalSize totalLines } }
}"""
_FILE = """query GetExportFileFromOffsetPyApi(
  $where: WhereUniqueIdInput, $streamType: TaskStreamType!, $offset: UInt64!
) {
  task(where: $where) {
    exportFileFromOffset(streamType: $streamType, offset: $offset) {
      offsets { start end } lines { start end } file
    }
  }
}"""
# Every parameter has to be there; the names are those of SDK schema/export_params.py.
_PARAMETERS: Mapping[str, Any] = {
    "mediaTypeOverride": None,
    "includeAttachments": True,
    "includeEmbeddings": False,
    "includeMetadata": True,
    "includeDataRowDetails": True,
    "includeProjectDetails": False,
    "includePerformanceDetails": False,
    "includeLabelDetails": False,
    "includeInterpolatedFrames": False,
    "includePredictions": False,
    "projectIds": None,
    "modelRunIds": None,
    "allProjects": False,
    "allModelRuns": False,
}
# What is there, and nothing about it (SDK schema/project.py `export`).
_BARE: Mapping[str, Any] = {
    "mediaTypeOverride": None,
    **dict.fromkeys(
        (
            "includeAttachments",
            "includeEmbeddings",
            "includeMetadata",
            "includeDataRowDetails",
            "includeProjectDetails",
            "includePerformanceDetails",
            "includeLabelDetails",
            "includeInterpolatedFrames",
        ),
        False,
    ),
}


def export_dataset(
    transport: Transport,
    dataset_id: str,
    *,
    keys: Sequence[str] = (),
    embeddings: bool = False,
    timeout: float = 7200.0,
) -> Iterator[dict[str, Any]]:
    """Yield the data rows of a dataset as export objects, with attachments and metadata.

    :param keys: only these global keys, at most 2,000; empty for all
    :param embeddings: with the vectors
    :param timeout: seconds the export may take
    :raises LabelboxError: when the export fails, or delivers other bytes or lines than it announced
    """
    query: list[dict[str, Any]] = [{"ids": [dataset_id], "operator": "is", "type": "dataset"}]
    if keys:
        query.append({"ids": list(keys), "operator": "is", "type": "global_key"})
    started = transport.execute(
        _START,
        {
            "input": {
                "taskName": f"export of dataset {dataset_id}",
                "filters": {"searchQuery": {"scope": None, "query": query}},
                "isStreamableReady": True,
                "params": {**_PARAMETERS, "includeEmbeddings": embeddings},
                "streamable": True,
            }
        },
    )
    task_id = (started or {})["exportDataRowsInCatalog"]["taskId"]
    tasks.wait(transport, task_id, timeout=timeout).require_complete()
    for line in _lines(transport, task_id):
        yield orjson.loads(line)


def export_project(
    transport: Transport,
    project_id: str,
    *,
    keys: Sequence[str] = (),
    ids: Sequence[str] = (),
    timeout: float = 7200.0,
) -> Iterator[dict[str, Any]]:
    """Yield the data rows of a project as export objects, with media attributes, and labels with their details.

    :param keys: only these global keys, at most 2,000; empty for all
    :param ids: only these data rows, at most 2,000; empty for all
    :param timeout: seconds the export may take
    """
    query: list[dict[str, Any]] = []
    if keys:
        query.append({"ids": list(keys), "operator": "is", "type": "global_key"})
    if ids:
        query.append({"ids": list(ids), "operator": "is", "type": "data_row_id"})
    parameters = {**_BARE, "includeLabelDetails": True}
    for line in _project_lines(transport, project_id, query, parameters, timeout):
        yield orjson.loads(line)


def rows_in_project(
    transport: Transport,
    project_id: str,
    *,
    ids: Sequence[str] | None = None,
    batch_id: str | None = None,
    timeout: float = 7200.0,
) -> Iterator[str]:
    """Yield the ids of the data rows of a project.

    :param ids: only those of these, at most 2,000
    :param batch_id: only those of one batch
    """
    query: list[dict[str, Any]] = []
    if ids is not None:
        query.append({"ids": list(ids), "operator": "is", "type": "data_row_id"})
    if batch_id is not None:
        query.append({"ids": [batch_id], "operator": "is", "type": "batch"})
    for line in _project_lines(transport, project_id, query, _BARE, timeout):
        yield str(orjson.loads(line)["data_row"]["id"])


def _project_lines(
    transport: Transport, project_id: str, query: Sequence[Any], parameters: Mapping[str, Any], timeout: float
) -> Iterator[bytes]:
    started = transport.execute(
        _START_IN_PROJECT,
        {
            "input": {
                "taskName": f"data rows of project {project_id}",
                "filters": {"projectId": project_id, "searchQuery": {"scope": None, "query": query}},
                "isStreamableReady": True,
                "params": parameters,
                "streamable": True,
            }
        },
    )
    task_id = (started or {})["exportDataRowsInProject"]["taskId"]
    tasks.wait(transport, task_id, timeout=timeout).require_complete()
    return _lines(transport, task_id)


def _lines(transport: Transport, task_id: str) -> Iterator[bytes]:
    where = {"where": {"id": task_id}, "streamType": "RESULT"}
    header = ((transport.execute(_HEADER, where) or {}).get("task") or {}).get("exportMetadataHeader")
    if header is None:  # an empty export has no stream
        return
    offset, lines, rest = 0, 0, b""
    while offset < header["totalSize"]:
        task = (transport.execute(_FILE, {**where, "offset": str(offset)}) or {}).get("task") or {}
        part = task.get("exportFileFromOffset")
        if part is None:
            raise LabelboxError(f"the export {task_id} ends at byte {offset:,} of {header['totalSize']:,}")
        content = b"".join(transport.download(part["file"]))
        start, end = int(part["offsets"]["start"]), int(part["offsets"]["end"])
        if len(content) != end - start + 1 or start > offset:
            raise LabelboxError(f"the export {task_id} delivered {len(content):,} bytes for {start:,} to {end:,}")
        *whole, rest = (rest + content[offset - start :]).split(b"\n")
        for line in whole:
            if line:
                lines += 1
                yield line
        offset = end + 1
    if rest:
        lines += 1
        yield rest
    if lines != header["totalLines"]:
        raise LabelboxError(f"the export {task_id} delivered {lines:,} rows of {header['totalLines']:,}")
