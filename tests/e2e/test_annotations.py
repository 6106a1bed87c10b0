"""Annotations into a project: a sync with annotations, through Airflow."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.e2e.conftest import Deployment, csv_text, row

from labelbox_airflow.engine.api.projects import find_project

if TYPE_CHECKING:
    from labelbox import Client

DAY = datetime(2026, 1, 2, tzinfo=UTC)
ONTOLOGY = "tools: [{name: Total, kind: bounding_box}, {name: Logo, kind: polygon}]\n"
BOX = {"geometry": {"columns": ["x1", "y1", "x2", "y2"], "format": "xyxy"}, "class": "cls", "kind": "bounding_box"}


def coco(deployment: Deployment, boxes: list[tuple[int, str, list[float]]]) -> str:
    names = sorted({name for _, name, _ in boxes})
    return json.dumps(
        {
            "images": [{"id": each, "file_name": f"{each:04d}"} for each in sorted({image for image, _, _ in boxes})],
            "categories": [{"id": number, "name": name} for number, name in enumerate(names, 1)],
            "annotations": [
                {"id": image * 100 + int(box[0]), "image_id": image, "category_id": names.index(name) + 1, "bbox": box}
                for image, name, box in boxes
            ],
        }
    )


def add_sync(deployment: Deployment, **changes: Any) -> None:
    """Write a sync with rows, a project and pre-labels from COCO."""
    (deployment.syncs / "receipts.ontology").write_text(ONTOLOGY)
    uri = f"s3://{deployment.name}/coco/*.json"
    files = {"type": "annotations", "connection": "aws_default", "uri": uri, "format": "coco"}
    changes = {
        "sources__boxes": {**files, "coco": {"global_key": f"{deployment.name}/{{file_name}}"}},
        "rows__media_type": "IMAGE",
        "project": {"name": deployment.name, "ontology": "receipts.ontology"},
        "annotations": {"from": "boxes", "as": "prelabels"},
        **changes,
    }
    deployment.add_sync(**changes)


def add_table_sync(deployment: Deployment, name: str = "preds", **annotations: Any) -> None:
    """Write a sync of annotations alone, from a table."""
    content = {
        "version": 1,
        "name": name,
        "labelbox": {},
        "sources": {
            "preds": {"type": "table", "connection": "aws_default", "uri": f"s3://{deployment.name}/preds.csv"}
        },
        "project": {"name": deployment.name},
        "annotations": {
            "from": "preds",
            "as": "prelabels",
            "table": {"global_key": f"{deployment.name}/{{id}}", **BOX},
            **annotations,
        },
    }
    (deployment.syncs / f"{name}.yaml").write_text(json.dumps(content))


def box(number: int, left: float, name: str = "Total") -> dict[str, Any]:
    return {"id": f"{number:04d}", "x1": left, "y1": 1, "x2": left + 10, "y2": 11, "cls": name}


def prelabels(deployment: Deployment, sdk: Client) -> dict[str, list[float]]:
    project = find_project(deployment.transport(), name=deployment.name)
    assert project is not None
    found: dict[str, list[float]] = {}
    for each in sdk.get_project(project.id).get_mal_prediction_imports():
        for line in each.inputs:
            found.setdefault(line["dataRow"]["globalKey"][-4:], []).append(line["bbox"]["left"])
    return {key: sorted(lefts) for key, lefts in found.items()}


def test_coco_arrives_as_prelabels_of_the_rows_that_the_same_run_has_sent(deployment: Deployment, sdk: Client) -> None:
    add_sync(deployment)
    deployment.put_table([row(number) for number in range(1, 5)])
    boxes = [(1, "Total", [1.0, 2, 3, 4]), (1, "Total", [5.0, 6, 7, 8]), (2, "Total", [9.0, 1, 2, 3])]
    deployment.put("coco/a.json", coco(deployment, boxes))
    planned = deployment.run("rows", DAY, run_type="manual", dry_run=True)
    assert planned.failures == []

    ran = deployment.run_well("rows", DAY)
    assert ran.counts["annotations"] == {"read": 3, "sent": 3}
    assert prelabels(deployment, sdk) == {"0001": [1, 5], "0002": [9]}
    again = deployment.run_well("rows", DAY + timedelta(days=1))
    assert again.counts["annotations"] == {"read": 3, "unchanged": 3}
    assert again.states["import_annotations"] == ["skipped"]

    deployment.put("coco/a.json", coco(deployment, [*boxes[1:], (3, "Total", [4.0, 4, 4, 4])]))
    changed = deployment.run_well("rows", DAY + timedelta(days=2))
    assert changed.counts["annotations"] == {"read": 3, "sent": 2, "unchanged": 1}
    assert prelabels(deployment, sdk) == {"0001": [5], "0002": [9], "0003": [4]}


def test_wrong_annotations_are_in_the_report_by_class_with_their_reasons(deployment: Deployment) -> None:
    add_sync(deployment, guard={"max_rejected": 3})
    deployment.put_table([row(1)])
    boxes = [(1, "Total", [1.0, 2, 3, 4]), (1, "Totl", [5.0, 6, 7, 8]), (7, "Total", [9.0, 1, 2, 3])]
    deployment.put("coco/a.json", coco(deployment, boxes))
    assert deployment.run_well("rows", DAY).outcomes == {"created": 1}
    counted = deployment.report("rows")["annotations"]
    assert counted["classes"] == {"Total": {"sent": 1, "rejected": 1}, "Totl": {"rejected": 1}}
    assert {reason["code"] for reason in counted["reasons"]} == {"unknown_class", "no_data_row"}
    assert deployment.report("rows")["reasons"] == []
    letters = {letter["code"]: letter for letter in deployment.rejected("rows")}
    assert letters["unknown_class"]["origin"] == f"s3://{deployment.name}/coco/a.json annotation 2"

    add_sync(deployment, guard={"max_rejected": 1})
    deployment.put("coco/a.json", coco(deployment, [(1, "Total", [9.0, 9, 9, 9]), *boxes[1:]]))
    ran = deployment.run("rows", DAY + timedelta(days=1))
    assert "2 of 3 annotations were rejected, more than guard.max_rejected: 1" in ran.failure.message
    assert ran.failure.final


def test_a_sync_of_annotations_alone_reads_a_table(deployment: Deployment, sdk: Client) -> None:
    add_sync(deployment)
    deployment.put_table([row(1), row(2)])
    deployment.put("coco/none.json", coco(deployment, []))
    deployment.run_well("rows", DAY)
    add_table_sync(deployment)
    deployment.put("preds.csv", csv_text([box(1, 3), box(2, 4), box(2, 5), box(9, 1)]))
    ran = deployment.run("preds", DAY, run_type="manual")
    assert (ran.state, ran.failures) == ("success", [])
    assert ran.counts["annotations"] == {"read": 4, "sent": 3, "rejected": 1}
    assert prelabels(deployment, sdk) == {"0001": [3], "0002": [4, 5]}
    again = deployment.run("preds", DAY + timedelta(days=1), run_type="manual")
    assert again.counts["annotations"] == {"read": 4, "unchanged": 3, "rejected": 1}

    add_table_sync(deployment, "truth", **{"as": "labels"})
    deployment.put("preds.csv", csv_text([box(1, 3)]))
    assert deployment.run("truth", DAY, run_type="manual").counts["annotations"] == {"read": 1, "sent": 1}
    # What was labeled meanwhile, pre-labels leave alone.
    deployment.put("preds.csv", csv_text([box(1, 8), box(2, 4), box(2, 5)]))
    last = deployment.run("preds", DAY + timedelta(days=2), run_type="manual")
    assert last.counts["annotations"] == {"read": 3, "labeled": 1, "unchanged": 2}


def test_a_file_that_is_no_coco_fails_the_task_at_once_and_names_the_file(deployment: Deployment) -> None:
    add_sync(deployment)
    deployment.put_table([row(1)])
    deployment.put("coco/a.json", "{}")
    ran = deployment.run("rows", DAY)
    assert ran.failure.task == "prepare_annotations"
    assert ran.failure.final
    assert f"s3://{deployment.name}/coco/a.json" in ran.failure.message
    assert "images" in ran.failure.message
