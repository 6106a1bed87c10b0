"""The DAG of a sync.

ensure → extract → gate → upload[unit] → ensure_project → send_to_project → prepare_annotations →
import_annotations[unit] → report; without rows begin → ensure_project → prepare_annotations → ….
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param, TaskGroup, chain, task

from labelbox_airflow.engine.collector import collector_paused
from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.window import parse_duration
from labelbox_airflow.notifications.runs import LabelboxRunNotifier
from labelbox_airflow.operators.annotations import annotation_stages
from labelbox_airflow.operators.begin import LabelboxBeginRunOperator
from labelbox_airflow.operators.data_rows import (
    LabelboxExtractDataRowsOperator,
    LabelboxGateOperator,
    LabelboxUploadDataRowsOperator,
)
from labelbox_airflow.operators.datasets import LabelboxEnsureDatasetOperator
from labelbox_airflow.operators.projects import project_stages
from labelbox_airflow.operators.report import LabelboxReportOperator
from labelbox_airflow.sensors.objects import ObjectsReadySensor
from labelbox_airflow.sources.annotations import AnnotationInput
from labelbox_airflow.sources.inputs import Input
from labelbox_airflow.syncs.load import Sync, conflicts, find_syncs, load_sync
from labelbox_airflow.syncs.local_files import upload_paths

if TYPE_CHECKING:
    from pathlib import Path

    from labelbox_airflow.syncs.spec import SyncSpec

ERROR_TAG = "sync-error"
ERROR_TASK = "broken_sync_file"
RETRIES = {"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True}


def sync_params() -> dict[str, Param]:
    """Return the params of the trigger form that every sync honours."""
    moment = {"type": ["null", "string"], "format": "date-time", "section": "Window"}
    return {
        "since": Param(None, title="Since", description="Read what changed from here on (inclusive).", **moment),
        "until": Param(None, title="Until", description="Read what changed before this (exclusive).", **moment),
        "full_refresh": Param(
            False, type="boolean", title="Full refresh", description="Read the whole source.", section="Window"
        ),
        "overwrite": Param(
            "newer",
            type="string",
            enum=["newer", "always"],
            values_display={"newer": "Only by newer rows", "always": "Also by older rows"},
            title="Overwrite",
            description="Whether a row may replace a newer one in Labelbox (to repair the past).",
        ),
        "dry_run": Param(False, type="boolean", title="Dry run", description="Show what would happen; write nothing."),
        "row_limit": Param(
            None, type=["null", "integer"], minimum=1, title="Row limit", description="Read so many rows at most."
        ),
    }


def build_dag(sync: Sync) -> DAG:
    """Return the DAG of a loaded sync, for a global variable of a DAG file; its id is the sync's name."""
    spec = sync.spec
    with DAG(
        dag_id=spec.name,
        description=spec.description,
        schedule=_schedule(spec),
        start_date=datetime(spec.start_date.year, spec.start_date.month, spec.start_date.day, tzinfo=_zone(spec)),
        catchup=spec.catchup,
        max_active_runs=1,
        default_args={"owner": spec.owner, "execution_timeout": parse_duration(spec.timeout), **RETRIES},
        tags=["labelbox", *spec.tags],
        on_failure_callback=sync_notifier(sync) if spec.alerts else None,
        auto_register=False,  # else Airflow also finds a DAG that was dropped for a broken one of its id
        # With the hash in it, Airflow counts every change of the sync file as a version of the DAG.
        doc_md=f"Sync `{sync.path.name}` (`{sync.hash}`) into the Labelbox {_goal(spec)}.",
    ) as dag:
        sync_tasks(sync)
    # Given earlier, each task would have a copy, and Airflow checks every copy whenever it looks at it.
    dag.params.update(sync_params())
    return dag


def sync_notifier(sync: Sync) -> LabelboxRunNotifier:
    """Return the callback that tells of a run whose report could not: for ``on_failure_callback`` of a DAG.

    The DAGs of sync files have it; in a DAG of your own it goes with :func:`sync_task_group`.
    """
    spec = sync.spec
    return LabelboxRunNotifier(
        sync=spec.name,
        alerts=_alerts(spec),
        ledger=spec.ledger.model_dump(exclude_none=True) if spec.ledger else None,
        staging=spec.staging.model_dump(exclude_none=True) if spec.staging else None,
    )


def sync_task_group(sync: Sync, group_id: str | None = None) -> TaskGroup:
    """Add the tasks of a sync to the DAG at hand, as a task group named after it, and return the group."""
    with TaskGroup(group_id or sync.name) as group:
        sync_tasks(sync)
    return group


def sync_tasks(sync: Sync) -> None:
    """Add the tasks of a sync to the DAG (or task group) at hand."""
    spec = sync.spec
    common: dict[str, Any] = {
        "sync": spec.name,
        "labelbox_conn_id": spec.labelbox.connection,
        "ledger": spec.ledger.model_dump(exclude_none=True) if spec.ledger else None,
        "staging": spec.staging.model_dump(exclude_none=True) if spec.staging else None,
    }
    guard = spec.guard.model_dump(mode="json")
    first, reading = _row_tasks(sync, guard, common) if spec.has_rows else _begin_tasks(sync, common)
    stages = [*reading, *_project_tasks(sync, guard, common)]
    report = LabelboxReportOperator(
        task_id="report",
        ensure_task_id=first.task_id,
        guard=guard,
        alerts=_alerts(spec),
        outlets=[dataset_asset(spec)] if spec.has_rows else [project_asset(spec)],
        **common,
    )
    chain(first, *stages, report)
    [first, *stages] >> report
    readers = {stage.task_id.rpartition(".")[2]: stage for stage in stages}
    for wait, reader in _waits(sync, first.output, common):
        wait >> [readers[reader], report]


def _row_tasks(sync: Sync, guard: Mapping[str, Any], common: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    """Return the first task of a sync with rows, and those that bring its rows to Labelbox."""
    spec = sync.spec
    mapping = spec.mapping.model_dump(mode="json", exclude_defaults=True)
    if spec.mapping.local_files is not None:
        mapping["local_files"] = {"upload": upload_paths(spec.mapping.local_files, spec, sync.path.parent)}
    mapped = {spec.mapping.place: mapping}
    dataset = spec.dataset.model_dump()
    ensure = LabelboxEnsureDatasetOperator(task_id="ensure", dataset=dataset, **mapped, **common)
    extract = LabelboxExtractDataRowsOperator(
        task_id="extract",
        target=ensure.output,
        **mapped,
        inputs=inputs_of(spec),
        base=str(sync.path.parent),
        unit_rows=spec.units.rows,
        spec_hash=sync.hash,
        project=_project(spec),
        **common,
    )
    gate = LabelboxGateOperator(task_id="gate", dataset=dataset, guard=guard, **common)
    upload = LabelboxUploadDataRowsOperator.partial(
        task_id="upload", deferrable=True, map_index_template="{{ task.unit }}", **_pool(spec), **common
    ).expand(unit=gate.output)
    return ensure, [extract, gate, upload]


def _begin_tasks(sync: Sync, common: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    """Return the first task of a sync that has annotations alone."""
    goal = f"project {_project_name(sync.spec)}"
    return LabelboxBeginRunOperator(task_id="begin", goal=goal, spec_hash=sync.hash, **common), []


def _project_tasks(sync: Sync, guard: Mapping[str, Any], common: Mapping[str, Any]) -> list[Any]:
    """Return the tasks that see to the project, bring it rows, and its rows annotations."""
    spec, base = sync.spec, str(sync.path.parent)
    project = _project(spec)
    if project is None:
        return []
    media_type = spec.mapping.media_type if spec.has_rows else None
    stages: list[Any] = project_stages(project, media_type, base, common, sends=spec.has_rows)
    if spec.annotations is None:
        return stages
    source = spec.sources[spec.annotations.source]
    annotations = spec.annotations.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    given = AnnotationInput(spec.annotations.source, source)
    return stages + annotation_stages(annotations, given, stages[0].output, guard, base, common, _pool(spec))


def _waits(sync: Sync, target: Any, common: Mapping[str, Any]) -> Iterator[tuple[ObjectsReadySensor, str]]:
    """Yield a sensor for each source that is waited for, and the task that reads it."""
    spec = sync.spec
    awaited: list[tuple[Input | AnnotationInput, str]] = []
    if spec.has_rows:
        awaited += [(source, "extract") for source in inputs_of(spec)]
    if spec.annotations is not None:
        given = spec.sources[spec.annotations.source]
        awaited.append((AnnotationInput(spec.annotations.source, given), "prepare_annotations"))
    for source, reader in awaited:
        if source.spec.waits:
            sensor = ObjectsReadySensor(
                task_id=f"wait_{source.name}",
                source=source,
                target=target,
                base=str(sync.path.parent),
                deferrable=True,
                **common,
            )
            yield sensor, reader


def _goal(spec: SyncSpec) -> str:
    if spec.has_rows:
        return f"dataset `{spec.dataset.name or spec.dataset.id}`"
    return f"project `{_project_name(spec)}`"


def _pool(spec: SyncSpec) -> dict[str, str]:
    return {"pool": spec.pool} if spec.pool else {}


def _project(spec: SyncSpec) -> dict[str, Any] | None:
    return spec.project.model_dump(mode="json", exclude_defaults=True) if spec.project is not None else None


def _project_name(spec: SyncSpec) -> str:
    return (spec.project.name or spec.project.id or "") if spec.project is not None else ""


def inputs_of(spec: SyncSpec) -> list[Input]:
    """Return the sources of a sync's rows with the columns that are needed of each, the main one first."""
    columns = spec.columns()
    return [
        Input(name, source, columns[name], {} if name == spec.main else spec.join_on(name), source.missing)
        for name, source in spec.row_sources.items()
    ]


def project_asset(spec: SyncSpec) -> Asset:
    """Return the asset that stands for the project of a sync; each run that is done emits an event with its counts."""
    name = _project_name(spec)
    uri = f"x-labelbox://{spec.labelbox.connection}/projects/{name}"
    return Asset(name=f"labelbox project {name}", uri=uri, group="labelbox")


def dataset_asset(spec: SyncSpec) -> Asset:
    """Return the asset that stands for the dataset; each run that is done emits an event with its counts."""
    dataset = spec.dataset
    name = dataset.name or dataset.id or ""
    uri = f"x-labelbox://{spec.labelbox.connection}/datasets/{name}"
    return Asset(
        name=f"labelbox dataset {name}",
        uri=uri,
        group="labelbox",
    )


def broken_dag(path: Path, error: Exception) -> DAG:
    """Return a DAG of the id that the sync file would have had, which fails with the error.

    So that one broken file neither stops the others nor vanishes from sight.
    """
    message = str(error)
    with DAG(
        dag_id=path.stem,
        description=f"The sync file {path.name} is broken",
        schedule=None,
        catchup=False,
        tags=["labelbox", ERROR_TAG],
        auto_register=False,
        doc_md=f"**The sync file is broken.**\n\n```\n{message}\n```",
    ) as dag:

        @task(task_id=ERROR_TASK, retries=0)  # type: ignore[untyped-decorator]
        def fail() -> NoReturn:
            from airflow.sdk.exceptions import AirflowFailException

            raise AirflowFailException(message)

        fail()
    return dag


@collector_paused()
def build_dags(directory: Path, wanted: str | None = None) -> dict[str, DAG]:
    """Return the DAGs of a directory of sync files by id; a broken file gives a DAG that says so.

    :param wanted: only the DAG of this id, when a task of it is about to run
    """
    dags: dict[str, DAG] = {}
    syncs: list[Sync] = []
    for path in find_syncs(directory):
        if wanted is not None and path.stem != wanted:
            continue
        try:
            sync = load_sync(path)
            dags[path.stem] = build_dag(sync)
            syncs.append(sync)
        except Exception as error:  # whatever is wrong with one file must not hide the others
            dags[path.stem] = broken_dag(path, error)
    for conflict in conflicts(syncs):
        for sync in syncs:
            if str(sync.path) in conflict:
                dags[sync.path.stem] = broken_dag(sync.path, ConfigurationError(conflict))
    return dags


def _alerts(spec: SyncSpec) -> list[dict[str, Any]]:
    return [alert.model_dump(mode="json", by_alias=True, exclude_none=True) for alert in spec.alerts]


def _schedule(spec: SyncSpec) -> Any:
    schedule = spec.schedule
    if schedule is None:
        return None
    if schedule.after is not None:
        return Asset.ref(name=schedule.after)  # whatever its URI is
    # A bare cron string has empty data intervals in Airflow 3.
    return CronDataIntervalTimetable(schedule.cron(), timezone=schedule.timezone)


def _zone(spec: SyncSpec) -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo(spec.schedule.timezone if spec.schedule is not None else "UTC")
