"""What becomes of the annotations of one data row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from labelbox_airflow.engine.annotations.checks import AnnotationChecker, Asset
from labelbox_airflow.engine.annotations.identity import Identity
from labelbox_airflow.engine.annotations.imports.decide import Decision, RowDecider, mark_of, refused_mark
from labelbox_airflow.engine.annotations.imports.gathered import Gathered, digest_of
from labelbox_airflow.engine.annotations.imports.spec import ImportSpec
from labelbox_airflow.engine.annotations.model import Origin
from labelbox_airflow.engine.annotations.targets import SeenLabel, Target
from labelbox_airflow.engine.ledger import AnnotatedRow
from labelbox_airflow.engine.ontology.document import read_document

MOMENT = datetime(2026, 1, 2, tzinfo=UTC)
ONTOLOGY = read_document("tools: [{name: Car, kind: bounding_box}]", where="x.yaml")
IDENTITY = Identity("sync", "target")
ME = "me@example.com"


def one(left: float, **more: Any) -> Gathered:
    box = {"left": left, "top": 1, "width": 5, "height": 5}
    line = orjson.dumps({"name": "Car", "dataRow": {"globalKey": "k"}, "bbox": box})
    return Gathered("k", "Car", None, line, digest_of(line), 0, int(left), (left, 1, left + 5, 6), False, **more)


def known(rows: Sequence[Gathered], refused: Sequence[Gathered] = ()) -> AnnotatedRow:
    uuids = IDENTITY.of_row("k", [(each.class_name, None, each.digest) for each in rows])
    mark = {each.digest: refused_mark(each.digest) if each in refused else mark_of(each.digest) for each in rows}
    marks = {uuid.mark: mark[each.digest] for each, uuid in zip(rows, uuids, strict=True)}
    return AnnotatedRow("job", marks, MOMENT, MOMENT + timedelta(minutes=1))


def decide(
    rows: Sequence[Gathered],
    before: AnnotatedRow | None = None,
    *,
    labels: Sequence[SeenLabel] = (),
    again: bool = False,
    **spec: Any,
) -> Decision:
    read = ImportSpec.model_validate({"as": "prelabels", **spec})
    checker = AnnotationChecker(ONTOLOGY, media_type="IMAGE", to=read.kind, outside=read.outside)
    decider = RowDecider(
        read, checker, IDENTITY, author=ME, origin=lambda each: Origin("x.csv", each.position), again=again
    )
    return decider.decide(rows, Target("id", "k", Asset("IMAGE", width=100, height=100), labels), before)


def label(author: str = ME, made: datetime = MOMENT, edited: datetime | None = None) -> SeenLabel:
    return SeenLabel("label", author, made, edited)


def lefts(decision: Decision) -> list[int]:
    return [each.position for each, _ in decision.send]


def test_only_what_changed_is_sent_and_takes_its_import_along() -> None:
    rows = [one(1), one(2)]
    assert lefts(decide(rows)) == [1, 2]
    same = decide(rows, known(rows))
    assert (same.send, list(same.rest), same.outcome) == ([], rows, "unchanged")
    changed = decide([one(1), one(3)], known(rows))
    assert (lefts(changed), changed.redo) == ([1, 3], "job")
    assert lefts(decide([one(1), one(3)], known(rows), changed="append")) == [3]


def test_what_labelbox_has_refused_is_sent_again_only_when_asked() -> None:
    rows = [one(1), one(2)]
    held = decide(rows, known(rows, refused=[rows[1]]))
    assert ([each.code for each in held.refused], list(held.rest)) == (["refused_before"], [rows[0]])
    assert lefts(decide(rows, known(rows, refused=[rows[1]]), again=True)) == [1, 2]


@pytest.mark.parametrize(
    ("seen", "ours"),
    [
        (label(), True),
        (label("other@example.com"), False),
        (label(made=MOMENT - timedelta(hours=1)), False),
        (label(edited=MOMENT + timedelta(hours=1)), False),
    ],
    ids=["ours", "of another", "made before", "edited"],
)
def test_labels_are_replaced_only_where_this_sync_made_them_and_nobody_edited_them(seen: SeenLabel, ours: bool) -> None:
    decision = decide([one(3)], known([one(1)]), labels=[seen], **{"as": "labels"})
    assert (lefts(decision), decision.goes_first) == (([3], ["label"]) if ours else ([], ()))
    assert decision.outcome == ("unchanged" if ours else "labeled")


def test_predictions_go_beside_labels_and_replace_the_row_in_the_run() -> None:
    spec = {"as": "predictions", "model": "m", "run": "r"}
    new = decide([one(3)], labels=[label("other@example.com")], **spec)
    assert (lefts(new), new.goes_first) == ([3], [])
    changed = decide([one(3)], known([one(1)]), **spec)
    assert (lefts(changed), changed.goes_first, changed.redo) == ([3], ["id"], None)


def test_a_shape_outside_the_asset_is_refused_alone_or_with_its_row() -> None:
    alone = decide([one(1), one(99)])
    assert (lefts(alone), len(alone.refused)) == ([1], 1)
    assert len(decide([one(1), one(99)], whole_row="reject").refused) == 2
    assert lefts(decide([one(1), one(99)], outside="keep")) == [1, 99]


def test_a_row_in_two_splits_is_refused() -> None:
    refused = decide([one(1, split="TEST"), one(2, split="TRAINING"), one(3)]).refused
    assert [each.code for each in refused] == ["two_splits"] * 3
