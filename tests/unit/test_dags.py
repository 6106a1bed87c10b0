"""The DAG files as Airflow sees them: what they cost to parse, which DAGs they give, and what those look like."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pendulum
import pytest
import yaml
from airflow.sdk import DAG, Asset, Param, TaskGroup, task
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError

from labelbox_airflow.operators.base import LabelboxOperator
from labelbox_airflow.operators.data_rows import (
    LabelboxExtractDataRowsOperator,
    LabelboxGateOperator,
    LabelboxUploadDataRowsOperator,
)
from labelbox_airflow.operators.datasets import LabelboxEnsureDatasetOperator
from labelbox_airflow.operators.report import LabelboxReportOperator
from labelbox_airflow.sensors.objects import ObjectsReadySensor
from labelbox_airflow.syncs.dag import ERROR_TAG, build_dag, build_dags, sync_task_group
from labelbox_airflow.syncs.load import load_sync

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).resolve().parents[2]
DAG_FILE = ROOT / "dags" / "syncs.py"
LOOP = [f"receipts_loop_{step}" for step in ("labels", "model", "predictions", "prelabels")]
TASKS = ["ensure", "extract", "gate", "upload", "report"]
# What a DAG file must not make Airflow load every half minute.
HEAVY = {
    *("labelbox", "lbox", "pandas", "pyarrow", "numpy", "sqlalchemy", "orjson", "requests"),
    *("s3fs", "boto3", "botocore", "aiobotocore", "gcsfs", "google", "adlfs", "azure"),
}

Write = Callable[..., Path]


def sync_content(name: str, **changes: Any) -> dict[str, Any]:
    content = {
        "version": 1,
        "name": name,
        "labelbox": {"dataset": {"name": f"Dataset of {name}"}},
        "sources": {"rows": {"type": "table", "uri": "rows.csv"}},
        "rows": {"row_data": "url", "global_key": "id"},
    }
    return {**content, **changes}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a sync file, good unless ``text`` is given."""

    def write_file(name: str, text: str | None = None, **changes: Any) -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(text or yaml.safe_dump(sync_content(name, **changes), sort_keys=False))
        return path

    return write_file


@pytest.fixture
def bag(monkeypatch: pytest.MonkeyPatch) -> Callable[..., DagBag]:
    """Parse the DAG files as Airflow does, or the DAGs of sync files of a directory alone."""

    def parse(directory: Path | None = None) -> DagBag:
        from airflow.dag_processing.dagbag import DagBag

        if directory is None:
            return DagBag(ROOT / "dags")
        monkeypatch.setenv("LABELBOX_SYNCS_DIR", str(directory))
        return DagBag(DAG_FILE)

    return parse


def serialized(dag: DAG) -> dict[str, Any]:
    from airflow.serialization.serialized_objects import DagSerialization

    encoded: dict[str, Any] = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    return encoded


def version(dag: DAG) -> str:
    """Return the hash by which Airflow tells versions of a DAG apart."""
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization.serialized_objects import LazyDeserializedDAG

    return str(SerializedDagModel.hash(LazyDeserializedDAG.from_dag(dag).data))


def test_the_dag_files_of_the_repository_parse(bag: Callable[..., DagBag]) -> None:
    found = bag()
    assert found.import_errors == {}
    assert sorted(found.dags) == ["receipts", *sorted(LOOP), "receipts_prelabels"]
    assert all(ERROR_TAG not in dag.tags for dag in found.dags.values())


def test_each_dag_of_the_loop_starts_after_the_one_before(bag: Callable[..., DagBag]) -> None:
    dags = [bag().dags[name] for name in LOOP]
    assert dags[0].schedule is None
    for before, after in pairwise(dags):
        (asset,) = {outlet for each in before.tasks for outlet in each.outlets}
        started = serialized(after)["dag"]["timetable"]["__var"]["asset_condition"]
        assert asset.name in json.dumps(started)


def test_a_dag_survives_the_way_through_airflows_database(bag: Callable[..., DagBag]) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    encoded = serialized(bag().dags["receipts"])
    dag = DagSerialization.from_dict(encoded)

    assert sorted(dag.task_dict) == sorted(TASKS)
    assert dag.task_dict["upload"].is_mapped
    assert dag.task_dict["report"].trigger_rule == "all_done"
    assert [asset.uri for asset in dag.task_dict["report"].outlets] == [
        "x-labelbox://labelbox_default/datasets/Receipts"
    ]


def test_parsing_again_gives_the_same_version_of_a_dag(bag: Callable[..., DagBag]) -> None:
    assert version(bag().dags["receipts"]) == version(bag().dags["receipts"])


def test_another_sync_file_gives_another_version(write: Write) -> None:
    before = version(build_dag(load_sync(write("one"))))
    assert version(build_dag(load_sync(write("one", units={"rows": 10})))) != before


def test_the_tasks_of_a_sync_run_one_after_the_other(write: Write) -> None:
    dag = build_dag(load_sync(write("one", pool="labelbox")))

    assert sorted(dag.task_dict) == sorted(TASKS)
    downstream = {name: dag.task_dict[name].downstream_task_ids for name in TASKS}
    assert downstream == {
        "ensure": {"extract", "report"},
        "extract": {"gate", "report"},
        "gate": {"upload", "report"},
        "upload": {"report"},
        "report": set(),
    }
    assert dag.task_dict["report"].trigger_rule == "all_done"
    upload = dag.task_dict["upload"]
    assert upload.is_mapped
    assert upload.partial_kwargs["deferrable"] is True
    assert upload.partial_kwargs["pool"] == "labelbox"
    assert dag.max_active_runs == 1


def test_a_project_adds_its_tasks_behind_the_upload(write: Write) -> None:
    dag = build_dag(load_sync(write("one", project={"name": "Receipts 2026", "media_type": "IMAGE"})))

    assert sorted(dag.task_dict) == sorted([*TASKS, "ensure_project", "send_to_project"])
    assert dag.task_dict["upload"].downstream_task_ids == {"ensure_project", "report"}
    assert dag.task_dict["ensure_project"].downstream_task_ids == {"send_to_project", "report"}
    # Where nothing is uploaded, rows that were there before may go to people all the same.
    assert dag.task_dict["ensure_project"].trigger_rule == "none_failed"
    assert dag.task_dict["extract"].project == {"name": "Receipts 2026", "media_type": "IMAGE"}


def test_every_task_may_be_retried_and_comes_to_an_end(write: Write) -> None:
    dags = [build_dag(load_sync(write("one"))), build_dag(load_sync(write("two", timeout="90m")))]

    for dag, timeout in zip(dags, (timedelta(hours=6), timedelta(minutes=90)), strict=True):
        assert {task.retries for task in dag.tasks} == {3}
        assert {task.execution_timeout for task in dag.tasks} == {timeout}
        assert {task.pool for task in dag.tasks} == {"default_pool"}
        assert {task.owner for task in dag.tasks} == {"airflow"}


def test_a_hundred_sync_files_are_a_hundred_dags_that_airflow_can_keep(write: Write, tmp_path: Path) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    names = [f"sync_{number:03}" for number in range(100)]
    for name in names:
        write(name, schedule={"every": "day"})
    dags = build_dags(tmp_path)

    assert list(dags) == names
    assert [DagSerialization.from_dict(serialized(dag)).dag_id for dag in dags.values()] == names
    # A copy of the params in each task would make Airflow check, and keep, each of them six times.
    assert [task for dag in dags.values() for task in dag.tasks if task.params] == []


def test_parsing_asks_no_connection_no_variable_and_no_network() -> None:
    """In a process of its own, where each of these is an error."""
    code = f"""
import runpy, socket
import airflow.sdk
from airflow.sdk import BaseHook, Connection, Variable

def refuse(*arguments, **options):
    raise SystemExit(f"asked at parse time: {{arguments}}")

socket.socket.connect = socket.getaddrinfo = refuse
BaseHook.get_connection = Connection.get = Variable.get = refuse
dag = runpy.run_path({str(DAG_FILE)!r})["receipts"]
from airflow.serialization.serialized_objects import DagSerialization
DagSerialization.to_dict(dag)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]


def test_sources_that_wait_have_a_task_each_before_anything_is_read(write: Write) -> None:
    sources = {
        "rows": {"type": "table", "uri": "rows.csv"},
        "photos": {"type": "objects", "uri": "photos/*", "join": {"stem": "rows.id"}, "wait_for": "_SUCCESS"},
        "facts": {"type": "table", "uri": "facts.csv", "join": {"id": "rows.id"}, "settle": "5m", "wait_timeout": "1h"},
    }
    dag = build_dag(load_sync(write("one", sources=sources)))

    assert sorted(dag.task_dict) == sorted([*TASKS, "wait_facts", "wait_photos"])
    for name, seconds in (("wait_photos", 6 * 3600), ("wait_facts", 3600)):
        waiting = dag.task_dict[name]
        assert waiting.upstream_task_ids == {"ensure"}
        assert waiting.downstream_task_ids == {"extract", "report"}
        assert waiting.deferrable
        assert waiting.timeout == seconds
    serialized(dag)


def test_local_files_are_named_to_the_tasks_by_absolute_paths(write: Write, tmp_path: Path) -> None:
    rows = {"row_data": "uri", "global_key": "path", "local_files": "upload"}
    sources = {"photos": {"type": "objects", "uri": "photos/*.jpg"}}
    dag = build_dag(load_sync(write("one", sources=sources, rows=rows)))

    for name in ("ensure", "extract"):
        assert dag.task_dict[name].rows["local_files"] == {"upload": [f"{tmp_path}/photos/*.jpg"]}


@pytest.mark.parametrize(
    ("schedule", "hours"),
    [
        ({"every": "day", "at": "02:30", "timezone": "Europe/Berlin"}, 24),
        ({"every": "hour"}, 1),
        ({"every": "week", "at": "00:00"}, 7 * 24),
        ({"cron": "0 */6 * * *"}, 6),
    ],
)
def test_every_scheduled_run_has_an_interval_to_read(write: Write, schedule: Mapping[str, str], hours: int) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    dag = DagSerialization.from_dict(serialized(build_dag(load_sync(write("one", schedule=schedule)))))

    interval = dag.timetable.infer_manual_data_interval(run_after=pendulum.datetime(2026, 3, 15, 12))
    assert interval.end - interval.start == timedelta(hours=hours)
    assert not dag.catchup


def test_a_sync_may_run_by_hand_or_after_an_asset(write: Write) -> None:
    assert build_dag(load_sync(write("by_hand"))).schedule is None
    after = build_dag(load_sync(write("after", schedule={"after": "table loaded"})))
    assert after.schedule == Asset.ref(name="table loaded")


def test_the_trigger_form_takes_what_runs_understand_and_nothing_else(write: Write) -> None:
    params = build_dag(load_sync(write("one"))).params

    assert params.dump() == {
        "since": None,
        "until": None,
        "full_refresh": False,
        "overwrite": "newer",
        "dry_run": False,
        "row_limit": None,
    }
    good = {"since": "2026-01-01T00:00:00Z", "overwrite": "always", "dry_run": True, "row_limit": 1}
    for name, value in good.items():
        assert params.get_param(name).resolve(value) == value
    bad = {"since": 20260101, "until": 5, "overwrite": "never", "dry_run": "yes", "row_limit": 0}
    for name, value in bad.items():
        with pytest.raises(ParamValidationError):
            params.get_param(name).resolve(value)
    assert all(isinstance(param, Param) and param.schema.get("title") for param in params.values())


def test_parsing_imports_nothing_heavy() -> None:
    """In a process of its own: what the DAG files add to `import airflow.sdk`."""
    code = f"""
import runpy, sys
import airflow.sdk
before = set(sys.modules)
found = runpy.run_path({str(DAG_FILE)!r})
assert "receipts" in found, sorted(found)
runpy.run_path({str(ROOT / "dags" / "receipts_loop.py")!r})
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    added = done.stdout.split()

    assert "labelbox_airflow.syncs.dag" in added
    assert [module for module in added if module.partition(".")[0] in HEAVY] == []


def test_a_broken_sync_file_stays_in_sight_and_stops_no_other(
    bag: Callable[..., DagBag], write: Write, tmp_path: Path
) -> None:
    write("good")
    broken = write("broken", rows={"row_data": "url", "global_key": "id", "metdata": {}})
    write("no_yaml", "name: [")

    found = bag(tmp_path)

    assert found.import_errors == {}
    assert sorted(found.dags) == ["broken", "good", "no_yaml"]
    assert sorted(found.dags["good"].task_dict) == sorted(TASKS)
    for name in ("broken", "no_yaml"):
        assert ERROR_TAG in found.dags[name].tags
        assert found.dags[name].schedule is None
        serialized(found.dags[name])
    dag = found.dags["broken"]
    assert f"{broken}:" in (dag.doc_md or "")
    (only,) = dag.tasks
    assert only.retries == 0
    with pytest.raises(AirflowFailException, match=r"rows\.metdata: unknown key\. Did you mean 'metadata'\?"):
        only.python_callable()


def test_syncs_that_would_undo_each_other_become_broken_dags(
    bag: Callable[..., DagBag], write: Write, tmp_path: Path
) -> None:
    target = {"dataset": {"name": "Shared"}}
    for name in ("one", "two"):
        write(name, labelbox=target)
    write("three")

    dags = bag(tmp_path).dags

    assert sorted(dags) == ["one", "three", "two"]
    assert {name for name, dag in dags.items() if ERROR_TAG in dag.tags} == {"one", "two"}
    for name in ("one", "two"):
        (only,) = dags[name].tasks
        with pytest.raises(
            AirflowFailException, match=r"one\.yaml and .*two\.yaml both write rows\.row_data of dataset"
        ):
            only.python_callable()


def test_a_task_that_is_about_to_run_builds_its_own_dag_alone(
    bag: Callable[..., DagBag], write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("one")
    write("two")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "two")
    assert list(bag(tmp_path).dags) == ["two"]


def test_the_task_of_a_conflict_finds_the_other_sync_too(
    bag: Callable[..., DagBag], write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker parses with the id of its DAG, and the conflict must not be gone then."""
    for name in ("one", "two"):
        write(name, labelbox={"dataset": {"name": "Shared"}})
    (failing,) = bag(tmp_path).dags["one"].tasks

    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "one")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_TASK_ID", failing.task_id)
    assert list(bag(tmp_path).dags["one"].task_dict) == [failing.task_id]


def test_a_sync_can_be_a_part_of_an_own_dag(write: Write) -> None:
    sync = load_sync(write("one"))
    with DAG("own", schedule=None) as dag:

        @task
        def prepare() -> None: ...

        group = sync_task_group(sync)
        other = sync_task_group(load_sync(write("two")), group_id="second")
        prepare() >> group >> other

    assert isinstance(group, TaskGroup)
    assert sorted(dag.task_dict) == sorted(["prepare", *(f"{g}.{t}" for g in ("one", "second") for t in TASKS)])
    assert dag.task_dict["prepare"].downstream_task_ids == {"one.ensure"}
    assert dag.task_dict["one.report"].downstream_task_ids == {"second.ensure"}
    serialized(dag)


@pytest.mark.parametrize(
    ("operator", "own"),
    [
        (LabelboxEnsureDatasetOperator, {"dataset"}),
        (LabelboxExtractDataRowsOperator, {"target", "records"}),
        (LabelboxGateOperator, {"dataset"}),
        (LabelboxUploadDataRowsOperator, {"unit"}),
        (LabelboxReportOperator, set()),
        (ObjectsReadySensor, {"target"}),
    ],
)
def test_operators_render_the_fields_that_differ_from_run_to_run(
    operator: type[LabelboxOperator], own: set[str]
) -> None:
    assert set(operator.template_fields) == {"sync", "labelbox_conn_id"} | own


def test_airflow_knows_the_connection_type() -> None:
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    hook = ProvidersManagerTaskRuntime().hooks["labelbox"]
    assert hook is not None
    assert hook.hook_class_name == "labelbox_airflow.hooks.labelbox.LabelboxHook"
    assert hook.connection_testable
