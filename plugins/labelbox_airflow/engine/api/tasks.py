"""Data row tasks: submit one, look at it, read what became of every row."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from labelbox_airflow.engine.errors import LabelboxError, LabelboxUnavailableError
from labelbox_airflow.engine.transport import Transport

RESULT_PAGE = 5000  # rows; SDK schema/internal/datarow_upload_constants.py
RUNNING = frozenset({"IN_PROGRESS", "CANCELLING"})  # SDK schema/taskstatus.py

_UPSERT = """mutation UpsertDataRowsPyApi($manifestUri: String!) {
  upsertDataRows(data: { manifestUri: $manifestUri }) { id status }
}"""
_USER = "query GetUserPyApi { user { id } }"
_TASK = """query GetUserCreatedTasksPyApi($userId: ID!, $taskId: ID!) {
  user(where: {id: $userId}) {
    createdTasks(where: {id: $taskId} skip: 0 first: 1) { id status completionPercentage errors }
  }
}"""
_SUCCESSES = """query SuccessesfulDataRowImportsPyApi($taskId: ID!, $first: Int, $from: String) {
  successesfulDataRowImports(data: { taskId: $taskId, first: $first, from: $from }) {
    nodes { id globalKey } after total
  }
}"""
_FAILURES = """query FailedDataRowImportsPyApi($taskId: ID!, $first: Int, $from: String) {
  failedDataRowImports(data: { taskId: $taskId, first: $first, from: $from }) {
    after total results { message spec { externalId globalKey rowData } }
  }
}"""


@dataclass(frozen=True, slots=True)
class TaskState:
    """Where a task of Labelbox stands: IN_PROGRESS, COMPLETE, FAILED, CANCELLING, CANCELED."""

    id: str
    status: str
    errors: Any = None

    @property
    def is_running(self) -> bool:
        """Whether the task may still change."""
        return self.status in RUNNING

    def require_complete(self) -> None:
        """Raise when the task ended otherwise; COMPLETE may still have failed rows inside.

        :raises LabelboxUnavailableError: FAILED tasks take none of their rows for sure, so a retry may send them again
        """
        if self.status != "COMPLETE":
            detail = f": {self.errors}" if self.errors else ""
            raise LabelboxUnavailableError(
                f"Labelbox ended the task {self.id} as {self.status}{detail}",
                remedy="A retry looks at what arrived and sends the rest.",
            )


def submit(transport: Transport, manifest_url: str) -> str:
    """Start the import that a manifest describes and return the id of its task."""
    data = transport.execute(_UPSERT, {"manifestUri": manifest_url}, idempotent=False)
    if data is None:
        raise LabelboxError(
            "Labelbox does not find the dataset or the uploaded chunks", remedy="Was the dataset deleted just now?"
        )
    return str(data["upsertDataRows"]["id"])


def task_state(transport: Transport, task_id: str) -> TaskState:
    """Return the state of a task.

    :raises LabelboxError: when Labelbox does not know it
    """
    user = transport.execute(_USER) or {}
    data = transport.execute(_TASK, {"userId": user["user"]["id"], "taskId": task_id}) or {}
    tasks = (data.get("user") or {}).get("createdTasks") or []
    if not tasks:
        raise LabelboxError(f"Labelbox does not know the task {task_id}", remedy="Is this the API key that made it?")
    return TaskState(task_id, tasks[0]["status"], tasks[0].get("errors"))


def wait(
    transport: Transport,
    task_id: str,
    *,
    timeout: float = 3600.0,
    sleep: Callable[[float], None] = time.sleep,
) -> TaskState:
    """Wait until a task has ended, asking after 0.5 s, then ever less often, up to every 30 s.

    :param timeout: seconds
    :raises LabelboxUnavailableError: when it has not ended by then
    """
    deadline = time.monotonic() + timeout
    pause = 0.5
    while True:
        state = task_state(transport, task_id)
        if not state.is_running:
            return state
        if time.monotonic() + pause > deadline:
            raise LabelboxUnavailableError(
                f"the task {task_id} has not ended after {timeout:.0f} s", remedy="A retry goes on waiting for it."
            )
        sleep(pause)
        pause = min(pause * 1.5, 30.0)


def ended_within(
    transport: Transport, task_id: str, seconds: float, *, sleep: Callable[[float], None] = time.sleep
) -> bool:
    """Look at a task for some seconds; tell whether it has ended. A Labelbox that does not answer leaves it open."""
    try:
        wait(transport, task_id, timeout=seconds, sleep=sleep)
    except LabelboxUnavailableError:
        return False
    return True


def created_rows(transport: Transport, task_id: str) -> dict[str, str]:
    """Return the rows a task wrote: global key → data row id."""
    pages = _pages(transport, _SUCCESSES, task_id, "nodes")
    return {node["globalKey"]: node["id"] for page in pages for node in page}


def failed_rows(transport: Transport, task_id: str) -> dict[str, str]:
    """Return the rows a task refused: global key → Labelbox's message. Rows without a key cannot be told apart."""
    results = (result for page in _pages(transport, _FAILURES, task_id, "results") for result in page)
    return {key: result["message"] for result in results if (key := (result.get("spec") or {}).get("globalKey"))}


def _pages(transport: Transport, query: str, task_id: str, items: str) -> Iterator[list[dict[str, Any]]]:
    after: str | None = None
    seen = 0
    while True:
        data = transport.execute(query, {"taskId": task_id, "first": RESULT_PAGE, "from": after}) or {}
        page = next(iter(data.values()), None) or {}
        rows = page.get(items) or []
        yield rows
        seen += len(rows)
        after = page.get("after")
        if not rows or after is None or seen >= (page.get("total") or 0):
            return
