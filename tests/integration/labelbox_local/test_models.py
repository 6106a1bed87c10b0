"""Models and model runs through the unmodified SDK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from labelbox import Client, DataSplit, Model, ModelRun, Project
from labelbox.schema import model_run as model_run_module
from lbox.exceptions import MalformedQueryException, ResourceConflict, ResourceNotFoundError
from tests.integration.labelbox_local.conftest import Server, add_label


@pytest.fixture
def model(client: Client, ontology: Any) -> Iterator[Model]:
    made = client.create_model(f"model {uuid4()}", ontology.uid)
    yield made
    made.delete()


@pytest.fixture
def run(model: Model) -> ModelRun:
    return model.create_model_run("run")


@pytest.fixture(autouse=True)
def quick_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    real = model_run_module.time.sleep
    monkeypatch.setattr(model_run_module.time, "sleep", lambda seconds: real(min(seconds, 0.05)))


def splits(run: ModelRun) -> dict[str, str]:
    return {row.data_row().global_key: row.data_split.value for row in run.model_run_data_rows()}


def test_a_model_is_created_listed_and_deleted(client: Client, ontology: Any) -> None:
    name = f"model {uuid4()}"
    made = client.create_model(name, ontology.uid)
    assert (made.name, made.ontology_id) == (name, ontology.uid)
    assert client.get_model(made.uid) == made
    assert [each.uid for each in client.get_models(where=Model.name == name)] == [made.uid]
    assert made.uid in {each.uid for each in client.get_models()}
    with pytest.raises(ResourceConflict):
        client.create_model(name, ontology.uid)
    run = made.create_model_run("run")
    made.delete()
    for get, uid in ((client.get_model, made.uid), (client.get_model_run, run.uid)):
        with pytest.raises(ResourceNotFoundError):
            get(uid)


def test_a_model_run_is_created_and_deleted(client: Client, model: Model) -> None:
    made = model.create_model_run("first", {"batch_size": 100, "reruns": None})
    assert (made.name, made.model_id, made.created_by_id) == ("first", model.uid, client.get_user().uid)
    assert made.training_metadata == {"batchSize": 100, "reruns": None}
    other = model.create_model_run("second")
    assert client.get_model_run(made.uid) == made
    assert {each.uid for each in model.model_runs()} == {made.uid, other.uid}
    with pytest.raises(ResourceConflict):
        model.create_model_run("first")
    made.delete()
    assert [each.uid for each in model.model_runs()] == [other.uid]


def test_the_configuration(run: ModelRun) -> None:
    assert run.get_config() is None
    assert run.update_config({"batch_size": 2000}) == {"trainingMetadata": {"batch_size": 2000}}
    assert run.get_config() == {"batch_size": 2000}
    assert run.reset_config() == {"trainingMetadata": None}
    assert run.get_config() is None


def test_the_status(client: Client, run: ModelRun) -> None:
    client.enable_experimental = True

    def shown() -> tuple[Any, ...]:
        query = """query trainingPipelinePyApi($id: ID!) {
            trainingPipeline(where: {id: $id}) {status errorMessage metadata}}"""
        found = client.execute(query, {"id": run.uid}, experimental=True)["trainingPipeline"]
        return found["status"], found["metadata"], found["errorMessage"]

    assert shown() == (None, None, None)
    run.update_status("COMPLETE", {"key1": "value1"}, "an error")
    assert shown() == ("COMPLETE", {"key1": "value1"}, "an error")
    run.update_status(ModelRun.Status.FAILED, {"key2": "value2"})
    assert shown() == ("FAILED", {"key1": "value1", "key2": "value2"}, "an error")


def test_data_rows_are_added_split_and_taken_out(client: Client, run: ModelRun, keys: list[str]) -> None:
    client.enable_experimental = True
    ids = client.get_data_row_ids_for_global_keys(keys)["results"]
    assert run.upsert_data_rows(data_row_ids=ids[:2]) is True
    assert run.upsert_data_rows(global_keys=keys[1:4]) is True
    assert splits(run) == dict.fromkeys(keys[:4], "UNASSIGNED")
    run.assign_data_rows_to_split(ids[:2], DataSplit.TRAINING)
    run.assign_data_rows_to_split(split="TEST", global_keys=keys[2:3])
    assert splits(run) == dict(zip(keys, ["TRAINING", "TRAINING", "TEST", "UNASSIGNED"], strict=False))
    run.delete_model_run_data_rows(ids[:1])
    assert set(splits(run)) == set(keys[1:4])
    assert {row.label_id for row in run.model_run_data_rows()} == {None}
    assert {row.model_run_id for row in run.model_run_data_rows()} == {run.uid}
    with pytest.raises(Exception, match="Job failed"):
        run.upsert_data_rows(global_keys=["unknown"])
    with pytest.raises(Exception, match="Job failed"):
        run.assign_data_rows_to_split(ids[4:], DataSplit.TEST)
    with pytest.raises(MalformedQueryException):
        run.delete_model_run_data_rows(["unknown"])


def test_a_run_is_read_page_by_page(run: ModelRun, dataset: Any) -> None:
    from tests.integration.labelbox_local.conftest import make_rows

    keys = make_rows(dataset, 101)
    run.upsert_data_rows(global_keys=keys)
    assert set(splits(run)) == set(keys)


def test_rows_of_a_run_are_limited(server: Server, run: ModelRun, keys: list[str]) -> None:
    server.admin("POST", "switches", model_run_rows=4)
    try:
        with pytest.raises(Exception, match="Job failed"):
            run.upsert_data_rows(global_keys=keys)
        assert splits(run) == {}
    finally:
        server.admin("POST", "switches", model_run_rows=1_000_000)


def test_labels_bring_their_rows(run: ModelRun, project: Project, keys: list[str]) -> None:
    project.create_batch("labeled", global_keys=keys)
    add_label(project, *keys[:3])
    labels = {label.data_row().global_key: label.uid for label in project.labels()}
    assert run.upsert_labels(label_ids=[labels[keys[0]]]) is True
    [row] = run.model_run_data_rows()
    assert (row.label_id, row.data_row().global_key) == (labels[keys[0]], keys[0])
    assert run.upsert_labels(project_id=project.uid) is True
    assert {row.data_row().global_key: row.label_id for row in run.model_run_data_rows()} == labels
    with pytest.raises(Exception, match="Job failed"):
        run.upsert_labels(label_ids=["unknown"])


def test_deleted_data_rows_leave_their_runs(client: Client, run: ModelRun, keys: list[str]) -> None:
    run.upsert_data_rows(global_keys=keys)
    client.get_data_row_by_global_key(keys[0]).delete()
    assert set(splits(run)) == set(keys[1:])


def test_rows_are_sent_from_a_run_to_a_project(
    client: Client, run: ModelRun, project: Project, keys: list[str]
) -> None:
    from labelbox.schema.identifiables import GlobalKeys
    from tests.integration.labelbox_local.conftest import done

    run.upsert_data_rows(global_keys=keys[:2])
    task = run.send_to_annotate_from_model(project.uid, None, "from the run", GlobalKeys(keys), {})
    assert done(task).status == "COMPLETE"
    [batch] = project.batches()
    assert (batch.name, batch.size, project.get_overview().done) == ("from the run", 2, 2)
