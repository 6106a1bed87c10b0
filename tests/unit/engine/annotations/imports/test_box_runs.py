"""Boxes in blocks end as the same boxes do one by one: the same lines, the same outcomes, the same reasons."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from labelbox_airflow.engine.annotations.checks import AnnotationChecker, Asset
from labelbox_airflow.engine.annotations.identity import Identity
from labelbox_airflow.engine.annotations.imports.box_runs import BoxRun, one_by_one, restored
from labelbox_airflow.engine.annotations.imports.decide import RowDecider
from labelbox_airflow.engine.annotations.imports.gather import Gathering
from labelbox_airflow.engine.annotations.imports.prepare import row_lines
from labelbox_airflow.engine.annotations.imports.spec import ImportSpec
from labelbox_airflow.engine.annotations.readers.table import TableReader
from labelbox_airflow.engine.annotations.readers.table_spec import TableSpec
from labelbox_airflow.engine.annotations.slots import SLOTS, Slots
from labelbox_airflow.engine.annotations.targets import Target
from labelbox_airflow.engine.ledger import AnnotatedRow
from labelbox_airflow.engine.ontology.document import read_document
from labelbox_airflow.engine.records import Batch

ONTOLOGY = read_document(
    "tools: [{name: Car, kind: bounding_box}, {name: 'Bus \"öä\"', kind: bounding_box}, {name: Road, kind: polygon}]",
    where="x.yaml",
)
SPEC = TableSpec.model_validate(
    {
        "global_key": "key",
        "kind": "bounding_box",
        "class": "class",
        "geometry": {"columns": ["x1", "y1", "x2", "y2"], "format": "xyxy"},
        "id": "id",
        "confidence": "score",
    }
)
MOMENT = datetime(2026, 1, 2, tzinfo=UTC)


def drawn(seed: int) -> Batch:
    """Boxes of a few data rows, in and out of order, of which some are wrong in every way there is."""
    draw = random.Random(seed)
    wrong = seed % 3 * 0.05

    def box(number: int) -> dict[str, Any]:
        x, y = draw.choice([0, 1.5, 1e-7, 33.25, 1e6 if draw.random() < wrong else 7]), draw.uniform(0, 50)
        is_wrong = draw.random() < wrong
        return {
            "key": None if draw.random() < wrong else f"row {draw.choice('abä') if seed % 2 else number // 9}",
            "class": draw.choice(["Van", "Road", ""]) if is_wrong else draw.choice(["Car", 'Bus "öä"']),
            "x1": float("nan") if draw.random() < wrong else x,
            "y1": -5.0 if draw.random() < wrong else y,
            "x2": x + draw.choice([3, 3.5, 0 if draw.random() < wrong else 60.125]),
            "y2": y + 4,
            "id": None if seed % 5 == 0 else str(number if draw.random() > wrong else 1),
            "score": 0.5,
        }

    rows = [box(number) for number in range(60)]
    return Batch(pa.RecordBatch.from_pylist(rows), "boxes.parquet", range(1, 61))


def gathered(items: Iterator[Any], kind: str) -> tuple[Gathering, dict[str, list[Any]]]:
    checker = AnnotationChecker(ONTOLOGY, media_type="IMAGE", to=kind, outside="reject")  # type: ignore[arg-type]
    with Slots() as slots:
        gathering = Gathering(slots, checker, keeps_scores=kind == "predictions")
        gathering.take(items)
        found: dict[str, list[Any]] = {}
        for slot in range(SLOTS):
            for each in map(restored, slots.read(slot)):
                found.setdefault(each.identity, []).append(each)
    return gathering, found


def ended(gathering: Gathering, rows: dict[str, list[Any]], before: bool, **more: Any) -> dict[str, Any]:
    """What becomes of each data row: lines, those that rest, and those refused."""
    spec = ImportSpec.model_validate({"as": "prelabels", **more})
    checker = AnnotationChecker(ONTOLOGY, media_type="IMAGE", to=spec.kind, outside=spec.outside)
    identity = Identity("sync", "target")
    decider = RowDecider(spec, checker, identity, author="me", origin=gathering.origin)
    found = {}
    for key, of_row in rows.items():
        target = Target("id", key, Asset("IMAGE", width=100, height=100), [])
        decision = decider.decide(of_row, target, None)
        if before and decision.sent:
            lines = row_lines(decision, gathering)
            marks = dict(zip(lines.uuids, lines.contents, strict=True))
            decision = decider.decide(of_row, target, AnnotatedRow("job", marks, MOMENT, MOMENT))
        lines = row_lines(decision, gathering)
        found[key] = (
            sorted(zip(*lines, strict=True)),
            sorted((each.class_name, each.position) for each in decision.rest),
            sorted((each.gathered.position, each.code, each.reason) for each in decision.refused),
        )
    return found


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_blocks_end_as_their_boxes_do(seed: int, before: bool) -> None:
    batch = drawn(seed)
    for more in ({}, {"outside": "clip"}, {"outside": "keep"}, {"whole_row": "reject"}, {"changed": "append"}):
        single, rows = gathered(TableReader(SPEC).read([batch]), "prelabels")
        block, runs = gathered(TableReader(SPEC).read_blocks([batch]), "prelabels")
        assert block.read == single.read == 60
        assert any(isinstance(each, BoxRun) for of_row in runs.values() for each in of_row)
        assert {key: sorted(one_by_one(of_row), key=str) for key, of_row in runs.items()}.keys() == rows.keys()
        assert ended(block, runs, before, **more) == ended(single, rows, before, **more)
        assert [each.reason for each in block.loose] == [each.reason for each in single.loose]


def test_scores_are_kept_where_they_are_wanted() -> None:
    with closing(TableReader(SPEC).read_blocks([drawn(0)])) as items:
        _, rows = gathered(items, "predictions")
    assert all(b'"confidence":0.5' in each.line for of_row in rows.values() for each in of_row)
