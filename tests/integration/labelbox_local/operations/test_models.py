"""Operations on models and model runs."""

from __future__ import annotations

from uuid import uuid4

from labelbox import Client, Model, ModelRun, Project
from tests.integration.labelbox_local.conftest import add_label
from tests.integration.labelbox_local.operations.conftest import Line


def test_models(client: Client, line: Line, run: ModelRun, project: Project, keys: list[str]) -> None:
    project.create_batch("labeled", global_keys=keys)
    add_label(project, *keys[:2])
    [first, _] = project.labels()
    model = client.get_model(run.model_id)
    assert model.uid in {each.uid for each in client.get_models()}
    assert [each.uid for each in model.model_runs()] == [run.uid]
    assert client.get_model_run(run.uid).name == "run"
    run.upsert_data_rows(global_keys=keys)
    run.upsert_labels(label_ids=[first.uid])
    run.upsert_labels(project_id=project.uid)
    rows = list(run.model_run_data_rows())
    assert len(rows) == 5
    run.assign_data_rows_to_split(global_keys=keys, split="TEST")
    run.update_status("COMPLETE")
    run.delete_model_run_data_rows([rows[0].data_row().uid])
    run.update_config({"a": 1})
    assert run.get_config() == {"a": 1}
    run.reset_config()
    run.delete()
    other: Model = client.create_model(f"model {uuid4()}", project.ontology().uid)
    other.delete()
    line.check(
        "createModelPyApi", "GetModelPyApi", "GetModelsPyApi", "CreateModelRunPyApi", "DeleteModelPyApi",
        "GetModelModelRunsPyApi", "GetModelRunPyApi", "createMEAModelRunDataRowRegistrationTaskPyApi",
        "MEADataRowRegistrationTaskStatusPyApi", "createMEAModelRunLabelRegistrationTaskPyApi",
        "MEALabelRegistrationTaskStatusPyApi", "createMEAModelRunProjectLabelRegistrationTaskPyApi", "modelRunPyApi",
        "DeleteModelRunPyApi", "DeleteModelRunDataRowsPyApi", "updateModelRunConfigPyApi", "resetModelRunConfigPyApi",
        "ModelRunPyApi", "assignDataSplitPyApi", "assignDataRowsToDataSplitTaskStatusPyApi", "setPipelineStatusPyApi",
    )  # fmt: skip
