"""Annotations in the DAG of a Python author: SDK labels, NDJSON objects, a DataFrame and a file, as real task runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.e2e.conftest import Deployment, Ran, row
from tests.e2e.test_annotations import add_sync, coco, prelabels

if TYPE_CHECKING:
    from labelbox import Client

DAY = datetime(2026, 1, 2, tzinfo=UTC)
STEP = timedelta(days=1)
DAG_FILE = """
from datetime import datetime

from airflow.sdk import DAG, task
from labelbox_airflow.operators.groups import annotations_task_group
from labelbox_airflow.sources.sdk_labels import annotation_lines

NAME = "{name}"


def box(number, left, cls="Total", **more):
    from labelbox.types import Label, ObjectAnnotation, Point, Rectangle

    shape = Rectangle(start=Point(x=left, y=1), end=Point(x=left + 10, y=11))
    data = {{"global_key": f"{{NAME}}/{{number:04d}}"}}
    return Label(data=data, annotations=[ObjectAnnotation(name=cls, value=shape, **more)])


def line(number, left):
    bbox = {{"left": left, "top": 1, "width": 10, "height": 10}}
    return {{"name": "Total", "dataRow": {{"globalKey": f"{{NAME}}/{{number:04d}}"}}, "bbox": bbox}}


def labels():
    yield box(1, 3)
    yield box(2, 4, "Totl")


@task
def handed_on():
    return list(annotation_lines([box(1, 5)]))


@task
def frame():
    import pandas

    return pandas.DataFrame({{"id": ["0001"], "x1": [6], "y1": [1], "x2": [16], "y2": [11], "cls": ["Total"]}})


TABLE = {{
    "global_key": NAME + "/{{id}}",
    "geometry": {{"columns": ["x1", "y1", "x2", "y2"], "format": "xyxy"}},
    "class": "cls",
    "kind": "bounding_box",
}}

with DAG("models", schedule=None, start_date=datetime(2026, 1, 1)):
    annotations_task_group("given", project={{"name": NAME}}, {given})
"""
FILES = '{"type": "annotations", "format": "ndjson", "connection": "aws_default", "uri": f"s3://{NAME}/given.ndjson"}'


@pytest.fixture
def run_given(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, datetime], Ran]:
    """Return what runs a DAG with the task group, given these arguments; rows 1 and 2 are in the project."""
    from airflow.dag_processing.dagbag import DagBag

    add_sync(deployment)
    deployment.put_table([row(1), row(2)])
    deployment.put("coco/none.json", coco(deployment, []))
    deployment.run_well("rows", DAY)
    folder = tmp_path / "dags"
    folder.mkdir()
    local = {"name": "own", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle"}
    bundles = json.dumps([{**local, "kwargs": {"path": str(folder)}}])
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", bundles)

    def run(given: str, date: datetime) -> Ran:
        (folder / "models.py").write_text(DAG_FILE.format(name=deployment.name, given=given))
        bag = DagBag(folder)
        assert bag.import_errors == {}
        monkeypatch.setattr(Deployment, "dag", lambda self, sync: bag.dags[sync])
        return deployment.run("models", date)

    return run


def test_labels_of_the_sdk_arrive_once_and_a_wrong_one_is_told(
    deployment: Deployment, sdk: Client, run_given: Callable[[str, datetime], Ran]
) -> None:
    given = 'annotations={"as": "prelabels"}, records=labels'
    first = run_given(given, DAY)
    assert (first.state, first.failures) == ("success", [])
    assert first.counts["annotations"] == {"read": 2, "sent": 1, "rejected": 1}
    assert prelabels(deployment, sdk) == {"0001": [3]}
    (letter,) = deployment.rejected("given")
    assert letter["origin"] == "records of given.prepare_annotations record 2"
    assert "Did you mean 'Total'?" in letter["reason"]
    # The SDK makes up new uuids each time; the annotations are the same.
    again = run_given(given, DAY + STEP)
    assert again.counts["annotations"] == {"read": 2, "unchanged": 1, "rejected": 1}


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ('annotations={"as": "prelabels"}, records=handed_on()', 5),
        ('annotations={"as": "prelabels"}, records=[line(1, 7)]', 7),
        ('annotations={"as": "prelabels", "table": TABLE}, records=frame()', 6),
        (f'annotations={{"as": "prelabels"}}, source={FILES}', 8),
    ],
    ids=["task", "dicts", "frame", "file"],
)
def test_annotations_come_in_other_forms(
    deployment: Deployment, sdk: Client, run_given: Callable[[str, datetime], Ran], given: str, left: int
) -> None:
    box = {"left": left, "top": 1, "width": 10, "height": 10}
    line = {"name": "Total", "dataRow": {"globalKey": f"{deployment.name}/0001"}, "bbox": box}
    deployment.put("given.ndjson", json.dumps(line))
    ran = run_given(given, DAY)
    assert (ran.state, ran.failures) == ("success", [])
    assert ran.counts["annotations"] == {"read": 1, "sent": 1}
    assert prelabels(deployment, sdk) == {"0001": [left]}


def test_a_frame_without_a_word_on_its_columns_fails_at_once_with_the_remedy(
    run_given: Callable[[str, datetime], Ran],
) -> None:
    ran = run_given('annotations={"as": "prelabels"}, records=frame()', DAY)
    assert ran.failure.final
    assert "Give annotations.table" in ran.failure.message
