"""The project of a sync: made as configured, and the selected rows of each run in it, each once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.engine.conftest import World

from labelbox_airflow.engine.api.projects import create_project
from labelbox_airflow.engine.errors import ConfigurationError, LabelboxUnavailableError
from labelbox_airflow.engine.ontology.document import read_document
from labelbox_airflow.engine.project import send
from labelbox_airflow.engine.project.ensure import ensure_project
from labelbox_airflow.engine.project.spec import ProjectSpec

if TYPE_CHECKING:
    from labelbox import Client

ROWS = {"row_data": "url", "global_key": "id", "media_type": "IMAGE", "version": "version"}
FILE = """
tools: [{name: Total, kind: bounding_box}]
classifications: [{name: Sharp, kind: radio, options: [good, bad]}]
"""


def ontology(text: str = FILE) -> Any:
    return read_document(text, where="receipts.yaml")


@pytest.fixture
def spec(world: World) -> ProjectSpec:
    select = {"where": "total < 1.5", "order_by": "total desc", "max_per_run": 3}
    project = ProjectSpec.model_validate({"name": f"project {world.prefix}", "select": select})
    world.rows, world.select = ROWS, project.select
    return project


def made(world: World, spec: ProjectSpec) -> str:
    project = ensure_project(world.transport, spec, ontology(), media_type="IMAGE", write=True).project
    assert project is not None
    return project.id


def keys_in(sdk: Client, project_id: str, world: World) -> set[str]:
    task = sdk.get_project(project_id).export(params={"data_row_details": True})
    task.wait_till_done()
    rows = task.get_buffered_stream() if task.has_result() else ()
    return {row.json["data_row"]["global_key"].removeprefix(world.prefix) for row in rows}


def test_rows_are_selected_in_order_and_each_run_goes_on_where_the_last_ended(
    world: World, spec: ProjectSpec, sdk: Client
) -> None:
    project_id = made(world, spec)
    records = [world.record(number) for number in range(8)] + [world.record(9, url="ftp://no")]
    world.load("first", records)
    counts = {"sent": 3, "not_selected": 2, "over_limit": 3, "not_loaded": 1}
    assert world.to_project("first", spec, project_id) == counts
    assert keys_in(sdk, project_id, world) == {"0005", "0004", "0003"}  # total is number / 4
    held_back = send.held_back(world.staging("first"))
    assert {key.removeprefix(world.prefix) for key in held_back} == {"0000", "0001", "0002", "0006", "0007"}
    world.load("second", records)
    assert world.to_project("second", spec, project_id) == {
        "sent": 3, "already_there": 3, "not_selected": 2, "not_loaded": 1,
    }  # fmt: skip
    assert keys_in(sdk, project_id, world) == {"0005", "0004", "0003", "0002", "0001", "0000"}


def test_a_run_that_is_cleared_and_run_again_sends_no_more_than_it_may(
    world: World, spec: ProjectSpec, sdk: Client
) -> None:
    project_id, records = made(world, spec), [world.record(number) for number in range(6)]
    for _ in range(2):
        world.load("again", records)
        world.to_project("again", spec, project_id)
    assert keys_in(sdk, project_id, world) == {"0005", "0004", "0003"}


class StoppedError(Exception):
    """The process ends here."""


class Breaking:
    """Ends the process once an operation has taken effect; its answer is lost."""

    def __init__(self, transport: Any, operation: str) -> None:
        self._transport, self._operation = transport, operation

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def execute(self, query: str, *arguments: Any, **options: Any) -> Any:
        answer = self._transport.execute(query, *arguments, **options)
        if self._operation in query:
            raise StoppedError
        return answer


@pytest.mark.parametrize(
    ("operation", "direct_rows"),
    [("createBatchV2", 1000), ("createEmptyBatch(", 2), ("addDataRowsToBatchAsync(", 2)],
)
def test_a_process_that_ends_before_it_can_note_its_batch_sends_each_row_once(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, sdk: Client, operation: str, direct_rows: int
) -> None:
    monkeypatch.setattr(send.batches, "DIRECT_ROWS", direct_rows)
    spec = ProjectSpec(name=f"project {operation}")
    world = new_world(rows=ROWS, select=spec.select)
    project_id = made(world, spec)
    world.load("run", [world.record(number) for number in range(5)])
    world.open_transport = lambda transport: Breaking(transport, operation)
    with pytest.raises(StoppedError):
        world.to_project("run", spec, project_id)
    world.open_transport = lambda transport: transport
    assert world.to_project("run", spec, project_id) == {"sent": 5}
    project = sdk.get_project(project_id)
    assert [batch.size for batch in project.batches()] == [5]
    assert keys_in(sdk, project_id, world) == {f"000{number}" for number in range(5)}


def test_a_task_that_failed_is_tried_again(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, sdk: Client
) -> None:
    monkeypatch.setattr(send.batches, "DIRECT_ROWS", 2)
    spec = ProjectSpec(name="project of a task that failed")
    world = new_world(rows=ROWS, select=spec.select)
    project_id = made(world, spec)
    world.load("run", [world.record(number) for number in range(3)])
    with monkeypatch.context() as patch:
        real = send.batches.add_rows
        patch.setattr(send.batches, "add_rows", lambda t, p, b, ids, **more: real(t, p, b, ["unknown"], **more))
        with pytest.raises(LabelboxUnavailableError, match="FAILED"):
            world.to_project("run", spec, project_id)
    assert world.to_project("run", spec, project_id) == {"sent": 3}
    assert [batch.size for batch in sdk.get_project(project_id).batches()] == [3]


def test_rows_that_people_have_sent_are_left_where_they_are(world: World, spec: ProjectSpec, sdk: Client) -> None:
    project_id = made(world, spec)
    world.load("run", [world.record(number) for number in range(6)])
    sdk.get_project(project_id).create_batch("by hand", global_keys=[f"{world.prefix}0005", f"{world.prefix}0001"])
    assert world.to_project("run", spec, project_id) == {"sent": 3, "already_there": 2, "over_limit": 1}
    assert keys_in(sdk, project_id, world) == {"0005", "0001", "0004", "0003", "0002"}


def test_drift_is_named_and_follows_the_policy(world: World, spec: ProjectSpec, sdk: Client) -> None:
    project_id = made(world, spec)
    text = FILE.replace("[good, bad]", "[good, bad, ugly]")
    changed = ontology(text.replace("bounding_box}", "polygon}, {name: Tax, kind: point}"))
    with pytest.raises(ConfigurationError, match="tool Tax: added") as refused:
        ensure_project(world.transport, spec, changed, media_type="IMAGE", write=True)
    assert "tool Total: kind changed from rectangle to polygon" in str(refused.value)
    assert "option Sharp / ugly: added" in str(refused.value)
    warned = ensure_project(
        world.transport, spec.model_copy(update={"drift": "warn"}), changed, media_type="IMAGE", write=True
    )
    assert (len(warned.drift), list(warned.done)) == (3, [])
    more = ontology(FILE.replace("[good, bad]", "[good, bad, ugly]"))
    before = sdk.get_project(project_id).ontology().tools()[0].feature_schema_id
    added = spec.model_copy(update={"drift": "add"})
    ensure_project(world.transport, added, more, media_type="IMAGE", write=True)
    assert ensure_project(world.transport, spec, more, media_type="IMAGE", write=True).drift == []
    assert sdk.get_project(project_id).ontology().tools()[0].feature_schema_id == before


def test_an_ambiguous_name_and_another_media_type_are_errors(world: World, spec: ProjectSpec) -> None:
    project_id = made(world, spec)
    with pytest.raises(ConfigurationError, match="is for IMAGE, not for VIDEO"):
        ensure_project(world.transport, spec, None, media_type="VIDEO", write=True)
    create_project(world.transport, str(spec.name), "IMAGE")
    with pytest.raises(ConfigurationError, match="2 projects are named") as refused:
        ensure_project(world.transport, spec, None, media_type="IMAGE", write=True)
    assert project_id in str(refused.value)
