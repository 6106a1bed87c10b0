"""Operations on models and model runs."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from labelbox import Client, DataSplit, Model, ModelRun, Project
from lbox.exceptions import ResourceNotFoundError
from tests.integration.labelbox_local.conftest import add_label
from tests.integration.labelbox_local.labeling import exported
from tests.integration.labelbox_local.operations.conftest import Line

# The SDK sets the status of a model run, and has no way to read it.
STATUS = """query statusPyApi($id: ID!) {
    trainingPipeline(where: {id: $id}) { status errorMessage metadata }}"""


def rows_of(client: Client, run: ModelRun) -> dict[str, tuple[str | None, str]]:
    """The label and the split of every data row of a model run, by global key."""
    found = client.get_model_run(run.uid).model_run_data_rows()
    return {row.data_row().global_key: (row.label_id, row.data_split.value) for row in found}


def status_of(client: Client, run: ModelRun) -> dict[str, Any]:
    found: dict[str, Any] = client.execute(STATUS, {"id": run.uid}, experimental=True)["trainingPipeline"]
    return found


def test_models(client: Client, fresh: Client, line: Line, ontology: Any) -> None:
    name = f"model {uuid4()}"
    made = client.create_model(name, ontology.uid)
    assert (made.name, made.ontology_id) == (name, ontology.uid)
    kept = fresh.get_model(made.uid)
    assert (kept.name, kept.ontology_id) == (name, ontology.uid)
    assert [each.uid for each in fresh.get_models(where=Model.name == name)] == [made.uid]
    assert made.uid in {each.uid for each in fresh.get_models()}
    run = made.create_model_run("run")
    made.delete()
    for get, uid in ((fresh.get_model, made.uid), (fresh.get_model_run, run.uid)):
        with pytest.raises(ResourceNotFoundError):
            get(uid)
    assert made.uid not in {each.uid for each in fresh.get_models()}
    line.check("createModelPyApi", "GetModelPyApi", "GetModelsPyApi", "DeleteModelPyApi")


def test_model_runs(client: Client, fresh: Client, line: Line, run: ModelRun) -> None:
    model = fresh.get_model(run.model_id)
    kept = fresh.get_model_run(run.uid)
    assert (kept.name, kept.model_id, kept.created_by_id) == ("run", model.uid, client.get_user().uid)
    other = client.get_model(model.uid).create_model_run("other", {"epochs": 3})
    assert other.training_metadata == fresh.get_model_run(other.uid).training_metadata == {"epochs": 3}
    assert {each.uid: each.name for each in model.model_runs()} == {run.uid: "run", other.uid: "other"}
    run.delete()
    with pytest.raises(ResourceNotFoundError):
        fresh.get_model_run(run.uid)
    assert [each.uid for each in fresh.get_model(model.uid).model_runs()] == [other.uid]
    line.check("CreateModelRunPyApi", "GetModelModelRunsPyApi", "GetModelRunPyApi", "DeleteModelRunPyApi")


def test_the_configuration_of_a_model_run(fresh: Client, line: Line, run: ModelRun) -> None:
    assert fresh.get_model_run(run.uid).get_config() == {}
    config = {"batch_size": 16, "layers": [1, 2], "reruns": None}
    assert run.update_config(config) == {"trainingMetadata": config}
    assert run.get_config() == fresh.get_model_run(run.uid).get_config() == config
    assert fresh.get_model_run(run.uid).training_metadata == config
    assert run.update_config({"epochs": 3}) == {"trainingMetadata": {"epochs": 3}}
    assert fresh.get_model_run(run.uid).get_config() == {"epochs": 3}
    assert run.reset_config() == {"trainingMetadata": None}
    assert run.get_config() is None
    assert fresh.get_model_run(run.uid).get_config() is None
    assert fresh.get_model_run(run.uid).training_metadata is None
    line.check("updateModelRunConfigPyApi", "resetModelRunConfigPyApi", "ModelRunPyApi")


def test_the_status_of_a_model_run(client: Client, fresh: Client, line: Line, run: ModelRun) -> None:
    assert status_of(fresh, run) == {"status": None, "errorMessage": None, "metadata": None}
    run.update_status("TRAINING_MODEL", {"epoch": "1"})
    assert status_of(fresh, run) == {"status": "TRAINING_MODEL", "errorMessage": None, "metadata": {"epoch": "1"}}
    other = client.get_model(run.model_id).create_model_run("other")
    run.update_status(ModelRun.Status.FAILED, {"loss": "nan"}, "diverged")
    assert status_of(fresh, run) == {
        "status": "FAILED", "errorMessage": "diverged", "metadata": {"epoch": "1", "loss": "nan"},
    }  # fmt: skip
    assert status_of(fresh, other)["status"] is None
    line.check("setPipelineStatusPyApi")


def test_data_rows_of_a_model_run(client: Client, fresh: Client, line: Line, run: ModelRun, keys: list[str]) -> None:
    ids = client.get_data_row_ids_for_global_keys(keys)["results"]
    assert run.upsert_data_rows(global_keys=keys[:3]) is True
    assert rows_of(fresh, run) == dict.fromkeys(keys[:3], (None, "UNASSIGNED"))
    assert run.upsert_data_rows(data_row_ids=ids[2:]) is True
    assert rows_of(fresh, run) == dict.fromkeys(keys, (None, "UNASSIGNED"))
    assert run.assign_data_rows_to_split(global_keys=keys[:2], split="TEST") is True
    assert run.assign_data_rows_to_split(ids[1:3], DataSplit.TRAINING) is True
    splits = dict(zip(keys, ["TEST", "TRAINING", "TRAINING", "UNASSIGNED", "UNASSIGNED"], strict=True))
    assert rows_of(fresh, run) == {key: (None, split) for key, split in splits.items()}
    details = {"model_run_details": True}
    experiments = {
        row["data_row"]["global_key"]: row["experiments"][run.model_id]["runs"][run.uid]
        for row in exported(fresh.get_model_run(run.uid).export(params=details))
    }
    assert {key: each["run_data_row_id"] for key, each in experiments.items()} == {
        row.data_row().global_key: row.uid for row in run.model_run_data_rows()
    }
    run.delete_model_run_data_rows(ids[:2])
    assert rows_of(fresh, run) == {key: (None, splits[key]) for key in keys[2:]}
    assert all(fresh.get_data_row_ids_for_global_keys(keys)["results"])
    line.check(
        "createMEAModelRunDataRowRegistrationTaskPyApi", "MEADataRowRegistrationTaskStatusPyApi", "modelRunPyApi",
        "assignDataSplitPyApi", "assignDataRowsToDataSplitTaskStatusPyApi", "DeleteModelRunDataRowsPyApi",
        "exportDataRowsInModelRunPyApi",
    )  # fmt: skip


def test_labels_of_a_model_run(fresh: Client, line: Line, run: ModelRun, project: Project, keys: list[str]) -> None:
    project.create_batch("labeled", global_keys=keys)
    add_label(project, *keys[:3])
    labels = {each.data_row().global_key: each.uid for each in project.labels()}
    assert run.upsert_labels(label_ids=[labels[keys[0]]]) is True
    assert rows_of(fresh, run) == {keys[0]: (labels[keys[0]], "UNASSIGNED")}
    run.assign_data_rows_to_split(global_keys=keys[:1], split="VALIDATION")
    assert run.upsert_labels(project_id=project.uid) is True
    expected = {key: (labels[key], "UNASSIGNED") for key in keys[:3]} | {keys[0]: (labels[keys[0]], "VALIDATION")}
    assert rows_of(fresh, run) == expected
    shown = {
        row["data_row"]["global_key"]: row["experiments"][run.model_id]["runs"][run.uid]["labels"]
        for row in exported(fresh.get_model_run(run.uid).export())
    }
    assert {key: [label["id"] for label in of_row] for key, of_row in shown.items()} == {
        key: [labels[key]] for key in keys[:3]
    }
    assert [each["name"] for each in shown[keys[0]][0]["annotations"]["objects"]] == ["car"]
    assert project.get_label_count() == 3
    line.check(
        "createMEAModelRunLabelRegistrationTaskPyApi", "createMEAModelRunProjectLabelRegistrationTaskPyApi",
        "MEALabelRegistrationTaskStatusPyApi",
    )  # fmt: skip
