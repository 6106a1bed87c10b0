"""The feedback loop of the sample receipts: labels, a model of them, and what it finds where there are none yet.

Each DAG starts when the one before has something new; the last of them is the sync `receipts_loop_prelabels`, which
sends the predictions to people, those first of which the model is least sure. The first runs by hand: give it a
timetable, such as `CronDataIntervalTimetable("0 3 * * *", timezone="UTC")`, to learn every night.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Asset, Param, task
from airflow.sdk.exceptions import AirflowSkipException

from labelbox_airflow.operators.exports import LabelboxExportOperator, LabelboxWriteTableOperator
from labelbox_airflow.operators.groups import export_task_group

DATASET = PROJECT = os.environ.get("RECEIPTS_PROJECT", "Receipts")
PLACE = os.environ.get("RECEIPTS_LOOP", "s3://receipts/loop")
CONNECTION = "aws_default"
FOLDER = {"connection": CONNECTION, "format": "parquet", "split": {"ratios": {"train": 0.7, "test": 0.3}}}

LABELS = Asset("receipts labels", group="labelbox")
MODEL = Asset("receipts model", group="labelbox")
PREDICTIONS = Asset("receipts predictions", group="labelbox")
START = datetime(2026, 1, 1, tzinfo=UTC)
RETRIES = {"retries": 2}
RELEASE = Param(
    None, type=["null", "string"], title="Release of the labels", description="If not that of the event, or the latest."
)


def files() -> Any:
    """Return where the loop keeps its files; only tasks import what they need for it."""
    from feedback_loop.files import LoopFiles

    return LoopFiles(PLACE, CONNECTION)


def told(events: Mapping[Asset, Sequence[Any]] | None, asset: Asset, key: str) -> str | None:
    """Return what the event that started a run says; None when it was started by hand."""
    found = (events or {}).get(asset)
    return found[-1].extra.get(key) if found else None


with DAG(
    "receipts_loop_labels",
    description="What people have labeled leaves Labelbox, and the data rows that they have not.",
    schedule=None,
    start_date=START,
    default_args=RETRIES,
    tags=["labelbox", "sample"],
):
    rows = export_task_group(
        "receipts_loop_rows",
        export={"dataset": DATASET},
        tables={"rows": {"records": "rows", "to": f"{PLACE}/rows", **FOLDER}},
        group_id="rows",
    )
    export = LabelboxExportOperator(
        task_id="export", sync="receipts_loop_labels", export={"project": PROJECT, "include": ["label_details"]}
    )
    write = LabelboxWriteTableOperator(
        task_id="write",
        sync="receipts_loop_labels",
        table={"records": "annotations", "to": f"{PLACE}/boxes", **FOLDER},
        exported=export.output,
        outlets=[LABELS],
    )
    rows >> export >> write


with DAG(
    "receipts_loop_model",
    description="A model learns from the labels, and is released if it finds what others have labeled.",
    schedule=[LABELS],
    start_date=START,
    max_active_runs=1,
    default_args=RETRIES,
    params={
        "release": RELEASE,
        "class": Param("Total", type="string", title="Class", description="The boxes to learn."),
        "least_labels": Param(3, type="integer", minimum=1, title="Least labels to learn from"),
        "least_overlap": Param(0.5, type="number", minimum=0, maximum=1, title="Least overlap to be released"),
    },
    tags=["labelbox", "sample"],
):

    @task
    def train(*, params: Mapping[str, Any], triggering_asset_events: Any = None) -> str:
        """Learn from the split `train`; equal labels make an equal model."""
        from feedback_loop.steps import train_model

        release = params["release"] or told(triggering_asset_events, LABELS, "release")
        model = train_model(files(), params["class"], release=release, least=params["least_labels"])
        if model is None:
            raise AirflowSkipException(f"fewer than {params['least_labels']} labels have a box of '{params['class']}'")
        return model

    @task(outlets=[MODEL])
    def evaluate(
        model: str, *, params: Mapping[str, Any], outlet_events: Any, triggering_asset_events: Any = None
    ) -> dict[str, Any]:
        """Compare with the labels of both splits, and release the model if it does well on those it has not seen."""
        from feedback_loop.steps import evaluate_model

        release = params["release"] or told(triggering_asset_events, LABELS, "release")
        metrics: dict[str, Any] = evaluate_model(files(), model, release=release)
        reached = metrics["test"]["mean_overlap"]
        if reached is None or reached < params["least_overlap"]:
            raise AirflowSkipException(f"{model} is not released: its mean overlap in the split test is {reached}")
        files().release_model(model)
        outlet_events[MODEL].extra = metrics
        return metrics

    evaluate(train())


with DAG(
    "receipts_loop_predictions",
    description="The model looks at the data rows that nobody has labeled.",
    schedule=[MODEL],
    start_date=START,
    max_active_runs=1,
    default_args=RETRIES,
    params={
        "release": RELEASE,
        "model": Param(
            None, type=["null", "string"], title="Model", description="If not that of the event, or the latest."
        ),
    },
    tags=["labelbox", "sample"],
):

    @task(outlets=[PREDICTIONS])
    def predict(
        *, params: Mapping[str, Any], outlet_events: Any, triggering_asset_events: Any = None
    ) -> dict[str, Any]:
        """Write what the model finds, and how sure it is of each."""
        from feedback_loop.steps import predict

        release = params["release"] or told(triggering_asset_events, MODEL, "labels")
        model = params["model"] or told(triggering_asset_events, MODEL, "model") or files().latest_model()
        predicted = {"model": model, "rows": predict(files(), model, release=release)}
        outlet_events[PREDICTIONS].extra = predicted
        return predicted

    predict()
