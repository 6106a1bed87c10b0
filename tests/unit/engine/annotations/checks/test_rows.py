"""Annotations of one row together: limits, uuids, relationships, required answers, the whole row."""

from __future__ import annotations

from typing import Any

from labelbox_airflow.engine.annotations.checks import Asset
from labelbox_airflow.engine.annotations.model import (
    Annotation,
    BoundingBox,
    Feature,
    FreeText,
    MaskFrame,
    MaskInstance,
    Origin,
    Point,
    Relationship,
    VideoMasks,
)
from labelbox_airflow.engine.ontology.tree import of_normalized

from .conftest import ONTOLOGY, ROW, AnnotationChecker, checker, nested, question, radio

ASSET = Asset("IMAGE", width=100, height=50)
BOX = BoundingBox(1, 1, 5, 5)
AWAY = BoundingBox(500, 1, 5, 5)
UUIDS = [f"89b9515c-ed28-4b7b-8b3b-88a9307aab3{each}" for each in "abc"]


def of(name: str, value: Any = BOX, **more: Any) -> Annotation:
    return Annotation(ROW, Feature(name), value, **more)


def codes(rejected: Any) -> list[str]:
    return [each.code for each in rejected]


def test_right_annotations_go_on_in_their_order() -> None:
    given = [of("car"), of("nose", Point(1, 1)), of("car"), of("weather", radio("sun"))]
    for whole_row in ("reject", "keep_valid"):
        good, bad = checker().check_row(given, ASSET, whole_row=whole_row)  # type: ignore[arg-type]
        assert (good, bad) == (given, [])
        assert all(one is other for one, other in zip(good, given, strict=True))
    assert checker(to="labels").check_row([], ASSET, whole_row="reject") == ([], [])


def test_wrong_ones_are_rejected_alone() -> None:
    wrong = of("car", AWAY, origin=Origin("s3://b/f.ndjson", 7), source_id="s7", uuid=UUIDS[0])
    given = [of("car"), wrong, of("bus"), of("nose", Point(1, 1))]
    good, bad = checker().check_row(given, ASSET, whole_row="keep_valid")
    assert good == [given[0], given[3]]
    assert codes(bad) == ["outside_asset", "unknown_class"]
    assert str(bad[0]).startswith("s3://b/f.ndjson line 7, row-1, car: bbox = {'left': 500")
    assert (bad[0].field, bad[0].source_id, bad[0].data_row, bad[0].class_name) == ("bbox", "s7", ROW, "car")
    assert (bad[0].line["uuid"], bad[0].line["bbox"]["left"]) == (UUIDS[0], 500)


def test_one_wrong_annotation_rejects_the_row_when_that_is_wanted() -> None:
    wrong = of("bus", origin=Origin("f.ndjson", 2))
    good, bad = checker().check_row([of("car"), wrong, of("car", AWAY)], ASSET, whole_row="reject")
    assert good == []
    assert codes(bad) == ["row_rejected", "unknown_class", "outside_asset"]
    assert "goes with another annotation that was rejected (f.ndjson line 2, bus, name = 'bus'" in bad[0].reason


def test_shapes_are_clipped_in_a_row_too() -> None:
    good, bad = checker(outside="clip").check_row([of("car", BoundingBox(-5, 0, 10, 5))], ASSET, whole_row="reject")
    assert ([each.value for each in good], bad) == ([BoundingBox(0, 0, 5, 5)], [])


def test_no_more_than_5000_of_a_class() -> None:
    given = [of("car")] * 5_002 + [of("van")]
    good, bad = checker().check_row(given, ASSET, whole_row="keep_valid")
    assert (len(good), codes(bad)) == (5_001, ["too_many"] * 2)
    assert "more than 5,000" in bad[0].reason
    assert good[-1].feature == Feature("van")
    good, bad = checker().check_row(given, ASSET, whole_row="reject")
    assert (len(good), len(bad)) == (0, 5_003)


def test_wrong_ones_do_not_count_against_the_limit() -> None:
    good, bad = checker().check_row([of("car", AWAY)] * 10 + [of("car")] * 5_000, ASSET, whole_row="keep_valid")
    assert (len(good), set(codes(bad))) == (5_000, {"outside_asset"})


def test_each_instance_of_masks_of_frames_counts() -> None:
    instances = tuple(MaskInstance(Feature("sky"), (each // 256, each % 256, 0)) for each in range(5_001))
    given = Annotation(ROW, None, VideoMasks((MaskFrame(1, "https://x/1.png"),), instances))
    assert codes(checker("VIDEO").check_row([given], None, whole_row="reject")[1]) == ["too_many"]


def test_a_uuid_is_given_once() -> None:
    given = [
        of("car", uuid=UUIDS[0]),
        of("car", uuid=UUIDS[1]),
        of("car", uuid="{" + UUIDS[0].upper() + "}"),
        of("car"),
    ]
    good, bad = checker().check_row(given, ASSET, whole_row="keep_valid")
    assert (good, codes(bad)) == ([given[0], given[1], given[3]], ["duplicate_uuid"])
    other_row = checker()
    for _ in range(2):
        assert other_row.check_row(given[:2], ASSET, whole_row="reject")[1] == []


def test_relationships_join_by_the_sources_id_or_the_uuid() -> None:
    given = [
        of("touches", Relationship("s1", UUIDS[1])),
        of("car", source_id="s1", uuid=UUIDS[0]),
        of("nose", Point(1, 1), uuid=UUIDS[1]),
        of("touches", Relationship(UUIDS[0], UUIDS[1])),
    ]
    assert checker().check_row(given, ASSET, whole_row="reject") == (given, [])


def test_a_relationship_goes_with_its_ends() -> None:
    given = [
        of("touches", Relationship("a", "b")),
        of("touches", Relationship("a", "c")),
        of("touches", Relationship("x", "a")),
        of("touches", Relationship("a", "r")),
        of("car", source_id="a"),
        of("car", AWAY, source_id="b"),
        of("car", source_id="c"),
        of("touches", Relationship("a", "c"), source_id="r"),
    ]
    good, bad = checker().check_row(given, ASSET, whole_row="keep_valid")
    assert good == [given[1], given[4], given[6], given[7]]
    assert codes(bad) == [
        "relationship_end_rejected", "relationship_end_missing", "relationship_end_missing", "outside_asset",
    ]  # fmt: skip
    assert (
        "relationship.target = 'b': is the target of the relationship, and was itself rejected: bbox" in bad[0].reason
    )
    assert "relationship.source = 'x'" in bad[1].reason


def test_an_end_may_have_a_wrong_namesake() -> None:
    ends = [of("car", source_id="a"), of("car", AWAY, source_id="a"), of("car", source_id="b")]
    for given in (ends, [ends[1], ends[0], ends[2]]):
        good, bad = checker().check_row([*given, of("touches", Relationship("a", "b"))], ASSET, whole_row="keep_valid")
        assert (len(good), codes(bad)) == (3, ["outside_asset"])


def test_the_ontology_says_what_may_be_joined() -> None:
    ends = [of("car", source_id="a"), of("van", source_id="b")]
    good, bad = checker().check_row([*ends, of("chases", Relationship("a", "b"))], ASSET, whole_row="reject")
    assert (len(good), bad) == (3, [])
    _, bad = checker().check_row([*ends, of("chases", Relationship("b", "a"))], ASSET, whole_row="keep_valid")
    assert codes(bad) == ["bad_relationship"]
    assert "may not go from 'van' to 'car'" in bad[0].reason


def test_a_relationship_may_begin_at_a_classification() -> None:
    given = [of("touches", Relationship(None, "a", source_class="note")), of("weather", radio("sun"), source_id="a")]
    note = of("note", FreeText("x"))
    assert checker("PDF").check_row([*given, note], None, whole_row="reject")[1] == []
    _, bad = checker("PDF").check_row(given, None, whole_row="keep_valid")
    assert codes(bad) == ["relationship_end_missing"]
    assert "relationship.sourceOntologyName = 'note'" in bad[0].reason


def _demanding(to: Any) -> AnnotationChecker:
    required = question("text", "name", required=True)
    ontology = ONTOLOGY | {"classifications": [*ONTOLOGY["classifications"], required]}
    return AnnotationChecker(of_normalized(ontology), media_type="IMAGE", to=to)


def test_a_submitted_label_needs_every_required_answer() -> None:
    given = [of("car"), of("weather", radio("sun"))]
    for to in ("prelabels", "predictions"):
        assert _demanding(to).check_row(given, ASSET, whole_row="reject")[1] == []
    answered = [*given, of("name", FreeText("x"))]
    assert _demanding("labels").check_row(answered, ASSET, whole_row="reject") == (answered, [])
    for whole_row in ("reject", "keep_valid"):
        good, bad = _demanding("labels").check_row(given, ASSET, whole_row=whole_row)  # type: ignore[arg-type]
        assert (good, codes(bad)) == ([], ["missing_answer"] * 2)
        assert "'name': is required" in bad[0].reason


def test_a_required_answer_that_was_rejected_is_missing() -> None:
    given = [of("car"), of("name", radio("x"))]
    good, bad = _demanding("labels").check_row(given, ASSET, whole_row="keep_valid")
    assert (good, codes(bad)) == ([], ["missing_answer", "wrong_kind"])
    assert "(one was rejected: answer: is a single option" in bad[0].reason


def test_nested_answers_are_checked_in_a_row() -> None:
    given = [of("car", classifications=(nested("color", radio("pink")),)), of("car")]
    good, bad = checker().check_row(given, ASSET, whole_row="keep_valid")
    assert (good, codes(bad)) == ([given[1]], ["unknown_option"])
