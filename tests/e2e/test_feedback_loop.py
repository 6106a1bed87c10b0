"""The feedback loop of the sample receipts, twice: what people label is learnt, and what is found goes back to them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pandas as pd
import pytest
from feedback_loop.files import LoopFiles
from feedback_loop.steps import train_model
from include.samples.make_samples import found, receipt
from tests.e2e.conftest import ROOT, SAMPLES, Deployment, Ran

from labelbox_airflow.engine.ontology.document import read_document
from labelbox_airflow.engine.project.ensure import ensure_project
from labelbox_airflow.engine.project.spec import ProjectSpec
from labelbox_airflow.training import open_release

if TYPE_CHECKING:
    from labelbox import Client

DAY = datetime(2026, 1, 2, tzinfo=UTC)
RECEIPTS = range(1, 25)
MARKS = ROOT / "include" / "ontologies" / "receipt_marks.yaml"
SIDES = ("left", "top", "width", "height")
SYNC = "receipts_loop_prelabels"


def key(number: int) -> str:
    return f"feedback-loop/{number:04d}"  # the splits go by it


def keys(numbers: Iterable[int]) -> list[str]:
    return [key(number) for number in numbers]


def boxes(predicted: pd.DataFrame, among: set[str]) -> dict[str, list[float]]:
    """Return the predicted boxes of data rows by their keys."""
    rows = predicted[predicted["global_key"].isin(among)]
    return {row["global_key"]: [row[side] for side in SIDES] for row in rows.to_dict("records")}


class Loop:
    """The sample data in a dataset, the first twelve in a project, and the loop over them."""

    def __init__(self, deployment: Deployment, sdk: Client) -> None:
        self.deployment, self.sdk = deployment, sdk
        self.files = LoopFiles(f"s3://{deployment.name}/loop", "aws_default")
        deployment.store.put_directory(deployment.name, SAMPLES / "receipts" / "images")
        url = f"https://{deployment.name}.s3.us-east-1.amazonaws.com/{{:04d}}.png"
        rows = [{"row_data": url.format(n), "global_key": key(n), "media_type": "IMAGE"} for n in RECEIPTS]
        sdk.create_dataset(name=deployment.name).create_data_rows(rows).wait_till_done()
        ontology = read_document(MARKS.read_text(), where="receipt_marks.yaml")
        spec = ProjectSpec(name=deployment.name)
        made = ensure_project(deployment.transport(), spec, ontology, media_type="IMAGE", write=True).project
        assert made is not None
        self.project = sdk.get_project(made.id)
        self.project.create_batch("first", global_keys=[key(n) for n in range(1, 13)])

    def label(self, numbers: Iterable[int]) -> None:
        """Have somebody draw the box around the total of receipts."""
        lines = []
        for number in numbers:
            box = dict(zip(SIDES, found(receipt(number))["Total"], strict=True))
            lines.append({"uuid": str(uuid4()), "dataRow": {"globalKey": key(number)}, "name": "Total", "bbox": box})
        labeler = {"action": "label", "project": self.project.uid, "source": "ndjson"}
        rows = [line["dataRow"]["globalKey"] for line in lines]
        ndjson = "\n".join(map(json.dumps, lines))
        done = self.deployment.labelbox.admin("POST", "labeler", {**labeler, "rows": rows, "ndjson": ndjson})
        assert (done["rows"], done["errors"]) == (len(lines), [])

    def run(self, date: datetime) -> Ran:
        """Run the DAGs one after the other, as their assets make them run; return how the last ended."""
        for dag in ("receipts_loop_labels", "receipts_loop_model", "receipts_loop_predictions"):
            ran = self.deployment.run(dag, date, run_type="manual")
            assert (ran.state, ran.failures) == ("success", [])
        return self.deployment.run_well(SYNC, date, run_type="manual")

    def predictions(self) -> pd.DataFrame:
        return open_release(f"{self.files.place}/predictions.parquet", connection="aws_default").to_pandas()

    def metrics(self) -> dict[str, Any]:
        content = self.files._read(f"models/{self.files.latest_model()}/metrics.json")
        return dict(json.loads(content))

    def prelabels(self) -> dict[str, list[float]]:
        lines = [line for made in self.project.get_mal_prediction_imports() for line in made.inputs]
        assert len(lines) == len({line["dataRow"]["globalKey"] for line in lines})
        return {line["dataRow"]["globalKey"]: [line["bbox"][side] for side in SIDES] for line in lines}

    def in_project(self) -> set[str]:
        task = self.project.export()
        task.wait_till_done()
        return {each.json["data_row"]["global_key"] for each in task.get_buffered_stream()}

    def metadata(self, field: str) -> dict[str, Any]:
        """Return what a field of the metadata says, by global key."""
        return {
            key: each["value"]
            for key, row in (self.deployment.data_rows() or {}).items()
            for each in row["metadata_fields"]
            if each["schema_name"] == field
        }


@pytest.fixture
def loop(deployment: Deployment, sdk: Client, monkeypatch: pytest.MonkeyPatch) -> Loop:
    monkeypatch.setenv("RECEIPTS_PROJECT", deployment.name)
    monkeypatch.setenv("RECEIPTS_LOOP", f"s3://{deployment.name}/loop")
    shutil.copy(ROOT / "include" / "syncs" / f"{SYNC}.yaml", deployment.syncs)
    shutil.copy(MARKS, deployment.syncs)
    return Loop(deployment, sdk)


def test_what_people_label_is_learnt_and_what_is_found_goes_back_the_least_sure_first(loop: Loop) -> None:
    loop.label(range(1, 8))
    ran = loop.run(DAY)

    first, metrics, predicted = loop.files.latest_model(), loop.metrics(), loop.predictions()
    assert metrics["train"]["images"] + metrics["test"]["images"] == 7
    assert metrics["test"]["mean_overlap"] > 0.5
    assert list(predicted["global_key"].sort_values()) == keys(range(8, 25))
    # The five receipts that were in the project without a label stay there, and the five least sure of the others come.
    before = set(keys(range(1, 13)))
    others = predicted[~predicted["global_key"].isin(before)]
    assert loop.in_project() == before | set(others.nsmallest(5, "confidence")["global_key"])
    assert ran.counts["annotations"] == {"read": 17, "sent": 10, "not_selected": 7}
    prelabels = loop.prelabels()
    assert prelabels == boxes(predicted, loop.in_project() - set(keys(range(1, 8))))
    confidences = dict(zip(predicted["global_key"], predicted["confidence"], strict=True))
    assert loop.metadata("model confidence") == confidences
    assert train_model(loop.files, "Total") == first

    loop.label(range(8, 12))
    ran = loop.run(DAY + timedelta(days=1))
    second, after, predicted = loop.files.latest_model(), loop.metrics(), loop.predictions()
    assert second != first
    assert after["train"]["images"] + after["test"]["images"] == 11
    assert list(predicted["global_key"].sort_values()) == keys(range(12, 25))
    assert set(predicted["model"]) == {second}
    assert len(loop.in_project()) == 22
    assert ran.counts["annotations"]["not_selected"] == 2
    # Labels are left alone, and those who wait have the boxes of the new model.
    labeled = {key: prelabels[key] for key in keys(range(8, 12))}
    assert loop.prelabels() == boxes(predicted, loop.in_project()) | labeled
