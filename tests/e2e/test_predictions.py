"""Predictions into a model run: a sync of them, through Airflow, where Labelbox takes them and where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.e2e.conftest import Deployment, csv_text, row
from tests.e2e.test_annotations import BOX, add_sync, add_table_sync, box, coco

from labelbox_local.stack import LocalLabelbox

if TYPE_CHECKING:
    from labelbox import Client, ModelRun

DAY = datetime(2026, 1, 2, tzinfo=UTC)
STEP = timedelta(days=1)


@pytest.fixture
def predictions_allowed(local_labelbox: LocalLabelbox) -> Iterator[None]:
    """The platform refuses predictions of model runs, and so does the local Labelbox until told otherwise."""
    local_labelbox.admin("POST", "switches", {"mea_prediction_imports": "allow"})
    yield
    local_labelbox.admin("POST", "switches", {"mea_prediction_imports": "refuse"})


@pytest.fixture
def scored(deployment: Deployment) -> Deployment:
    """A project with rows 1 to 4, and a sync of predictions of them."""
    add_sync(deployment)
    deployment.put_table([row(number) for number in range(1, 5)])
    deployment.put("coco/none.json", coco(deployment, []))
    deployment.run_well("rows", DAY)
    add_predictions(deployment)
    return deployment


def add_predictions(deployment: Deployment, **annotations: Any) -> None:
    table = {"global_key": f"{deployment.name}/{{id}}", **BOX, "confidence": "score"}
    given = {"model": deployment.name, "run": "nightly {window.end:%d.%m.}", **annotations}
    add_table_sync(deployment, **{"as": "predictions", "table": table, **given})


def score(number: int, left: float, confidence: float) -> dict[str, Any]:
    return {**box(number, left), "score": confidence}


def runs(deployment: Deployment, sdk: Client) -> dict[str, ModelRun]:
    from labelbox import Model

    (model,) = sdk.get_models(where=Model.name == deployment.name)
    return {run.name: run for run in model.model_runs()}


def predictions(run: ModelRun) -> dict[str, list[tuple[float, float]]]:
    """Return data row → left edges and confidences of its predictions."""
    task = run.export(params={"predictions": True})
    task.wait_till_done()
    found: dict[str, list[tuple[float, float]]] = {}
    for each in task.get_buffered_stream():
        for said in each.json["experiments"][run.model_id]["runs"][run.uid]["predictions"]:
            for one in said["annotations"]["objects"]:
                key = each.json["data_row"]["global_key"][-4:]
                found.setdefault(key, []).append((one["bounding_box"]["left"], one["confidence"]))
    return {key: sorted(said) for key, said in found.items()}


def splits(run: ModelRun) -> dict[str, str]:
    return {each.data_row().global_key[-4:]: each.data_split.value for each in run.model_run_data_rows()}


@pytest.mark.usefixtures("predictions_allowed")
def test_predictions_arrive_with_their_confidence_in_a_run_that_the_sync_makes(scored: Deployment, sdk: Client) -> None:
    add_predictions(scored, split={"train": 0.5, "test": 0.5})
    scored.put("preds.csv", csv_text([score(1, 3, 0.5), score(2, 4, 0.25), score(9, 1, 0.5)]))
    first = scored.run("preds", DAY)
    assert (first.state, first.failures) == ("success", [])
    assert first.counts["annotations"] == {"read": 3, "sent": 2, "rejected": 1}
    (run,) = runs(scored, sdk).values()
    assert run.name == "nightly 02.01."
    assert predictions(run) == {"0001": [(3, 0.5)], "0002": [(4, 0.25)]}
    before = splits(run)
    assert before.keys() == {"0001", "0002"}
    assert set(before.values()) <= {"TRAINING", "TEST"}

    # The same run again: what changed is replaced, and what did not stays.
    scored.put("preds.csv", csv_text([score(1, 8, 0.75), score(2, 4, 0.25)]))
    again = scored.run("preds", DAY, again=True)
    assert again.counts["annotations"] == {"read": 2, "sent": 1, "unchanged": 1}
    assert predictions(run) == {"0001": [(8, 0.75)], "0002": [(4, 0.25)]}
    assert splits(run) == before
    # Another day has another run of the model.
    scored.run("preds", DAY + STEP)
    assert runs(scored, sdk).keys() == {"nightly 02.01.", "nightly 03.01."}


@pytest.mark.usefixtures("predictions_allowed")
def test_a_column_says_the_split_of_each_row(scored: Deployment, sdk: Client) -> None:
    add_predictions(scored, split={"column": "part"})
    given = [
        {**score(1, 3, 0.5), "part": "train"},
        {**score(1, 4, 0.5), "part": "train"},
        {**score(2, 4, 0.5), "part": "Validation"},
        {**score(3, 5, 0.5), "part": ""},
        {**score(3, 6, 0.5), "part": "dev"},
        {**score(4, 7, 0.5), "part": "train"},
        {**score(4, 8, 0.5), "part": "test"},
    ]
    scored.put("preds.csv", csv_text(given))
    assert scored.run("preds", DAY).counts["annotations"] == {"read": 7, "sent": 4, "rejected": 3}
    (run,) = runs(scored, sdk).values()
    assert splits(run) == {"0001": "TRAINING", "0002": "VALIDATION", "0003": "UNASSIGNED"}
    reasons = {letter["code"]: letter["reason"] for letter in scored.rejected("preds")}
    assert reasons["bad_split"] == "part = 'dev': is none of train, validation, test"
    assert "several splits: TEST, TRAINING" in reasons["two_splits"]


def test_predictions_that_labelbox_refuses_fail_at_once_with_its_words_and_the_remedy(scored: Deployment) -> None:
    scored.put("preds.csv", csv_text([score(1, 3, 0.5)]))
    ran = scored.run("preds", DAY)
    assert (ran.failure.task, ran.failure.final) == ("import_annotations", True)
    assert "Labelbox refuses the predictions" in ran.failure.message
    assert "MEA prediction import has been deprecated" in ran.failure.message
    assert "Import them as: prelabels" in ran.failure.message


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": None}, "needs model and run"),
        ({"run": "{today}"}, "{today} is not known"),
        ({"split": {"train": 0.5}}, "must be 1 together"),
        ({"as": "labels"}, "goes with as: predictions"),
        ({"if_labeled": "send"}, "leave labels alone"),
    ],
)
def test_what_makes_no_predictions_is_refused_with_the_field(
    deployment: Deployment, change: dict[str, Any], reason: str
) -> None:
    from labelbox_airflow.engine.errors import ConfigurationError
    from labelbox_airflow.syncs.load import load_sync

    add_predictions(deployment, **change)
    with pytest.raises(ConfigurationError, match=reason) as refused:
        load_sync(deployment.syncs / "preds.yaml")
    assert "annotations" in str(refused.value)
