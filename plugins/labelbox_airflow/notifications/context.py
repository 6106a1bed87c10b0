"""What Airflow's context says of a run: its page, its interval, which tasks failed, and the error that each left."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import conf

if TYPE_CHECKING:
    from labelbox_airflow.engine.alerts import FailedTask, RunFacts

FAILURE_KEY = "failure"  # of the XCom that a failing task leaves
ERROR_CHARACTERS = 500
FAILED_TASKS = 20  # whose errors are looked up at most
log = logging.getLogger(__name__)


def note_failure(context: Mapping[str, Any], error: BaseException) -> None:
    """Leave why a task failed, its kind and one line, for whoever reports on the run."""
    try:
        context["ti"].xcom_push(FAILURE_KEY, _kind_and_line(error))
    except Exception:  # the error itself is what has to come through
        log.debug("The error could not be left for the report", exc_info=True)


def _kind_and_line(error: BaseException) -> dict[str, str]:
    from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowTaskTimeout

    from labelbox_airflow.engine.alerts import NOT_READY, TIMED_OUT, kind_of

    if isinstance(error, AirflowTaskTimeout):  # its own text is the number of the process
        return {"kind": TIMED_OUT, "error": "it took longer than its timeout"}
    if isinstance(error, AirflowSensorTimeout):
        return {"kind": NOT_READY, "error": one_line(error)}
    return {"kind": kind_of(error), "error": one_line(error)}


def one_line(error: BaseException) -> str:
    """Return an error as one line of bounded length, without secrets that Airflow knows of."""
    from airflow.sdk.log import redact

    text = " ".join(str(error).split()) or type(error).__name__
    return str(redact(text))[:ERROR_CHARACTERS]


def run_facts(sync: str, context: Mapping[str, Any]) -> RunFacts:
    """Return what is known of the run, whichever of Airflow's processes gave the context."""
    from labelbox_airflow.engine.alerts import RunFacts

    run = context.get("dag_run")
    dag = context.get("dag")
    dag_id = field_of(run, "dag_id") or (dag.dag_id if dag is not None else "")
    run_id = context.get("run_id") or field_of(run, "run_id") or field_of(run, "dag_run_id") or ""
    params = context.get("params") or field_of(run, "conf") or {}
    kind = field_of(run, "run_type")
    return RunFacts(
        sync=sync,
        run_id=run_id,
        attempt=field_of(run, "clear_number"),
        url=_run_url(dag_id, run_id) if dag_id and run_id else None,
        interval=_interval(run, params),
        catches_up=kind != "backfill" and not any(params.get(name) for name in ("since", "until", "row_limit")),
    )


def failed_tasks(context: Mapping[str, Any], task_ids: Iterable[str] | None = None) -> list[FailedTask]:
    """Return the tasks of the run that failed, in the order of the DAG; only those of ``task_ids`` if given."""
    ti, run_id = context["ti"], context["run_id"]
    wanted = None if task_ids is None else sorted(task_ids)
    states = ti.get_task_states(dag_id=ti.dag_id, task_ids=wanted, run_ids=[run_id]).get(run_id, {})
    tasks = list(context["dag"].task_dict)
    names = [name for name, state in states.items() if str(state) == "failed"]
    failed = sorted((instance for name in names if (instance := _instance(name, tasks))), key=_order(tasks))
    return [_failed(ti, *instance, _left(ti, *instance)) for instance in failed[:FAILED_TASKS]]


def named_task(ti: Any) -> FailedTask:
    """Return a task instance as a failed task of which no more is known."""
    return _failed(ti, ti.task_id, ti.map_index if ti.map_index is not None else -1, {})


def _failed(ti: Any, task_id: str, map_index: int, left: Mapping[str, str]) -> FailedTask:
    from labelbox_airflow.engine.alerts import FAILED, FailedTask

    place = "" if map_index < 0 else f"/mapped/{map_index}"
    return FailedTask(
        name=task_id if map_index < 0 else f"{task_id} ({map_index})",
        kind=left.get("kind") or FAILED,
        error=left.get("error"),
        url=f"{_run_url(ti.dag_id, ti.run_id)}/tasks/{quote(task_id)}{place}",
    )


def field_of(run: Any, name: str) -> Any:
    """Return a field of a run, which is an object in tasks and a mapping in the triggerer; None without it."""
    return run.get(name) if isinstance(run, Mapping) else getattr(run, name, None)


def _instance(name: str, tasks: Sequence[str]) -> tuple[str, int] | None:
    """Return task and map index of a name such as ``upload_3``; None for a task that the DAG no longer has."""
    if name in tasks:
        return name, -1
    task_id, _, index = name.rpartition("_")
    return (task_id, int(index)) if task_id in tasks and index.isdecimal() else None


def _order(tasks: Sequence[str]) -> Callable[[tuple[str, int]], tuple[int, int]]:
    return lambda instance: (tasks.index(instance[0]), instance[1])


def _left(ti: Any, task_id: str, map_index: int) -> dict[str, str]:
    with suppress(Exception):  # without it, the message names the task all the same
        return ti.xcom_pull(task_ids=task_id, key=FAILURE_KEY, map_indexes=map_index) or {}
    return {}


def _run_url(dag_id: str, run_id: str) -> str:
    base = conf.get("api", "base_url", fallback=None) or "http://localhost:8080/"
    return f"{base.rstrip('/')}/dags/{quote(dag_id)}/runs/{quote(run_id)}"


def _interval(run: Any, params: Mapping[str, Any]) -> str | None:
    if params.get("since") or params.get("until"):
        return f"[{params.get('since') or '…'}, {params.get('until') or '…'})"
    start, end = field_of(run, "data_interval_start"), field_of(run, "data_interval_end")
    if start is None or end is None or start == end:
        return None
    return f"[{_iso(start)}, {_iso(end)})"


def _iso(moment: Any) -> str:
    return moment if isinstance(moment, str) else str(moment.isoformat())
