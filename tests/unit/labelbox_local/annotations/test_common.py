"""What every kind of annotation shares: uuid, data row, feature, scores, unknown keys, media types."""

from __future__ import annotations

from typing import Any

import pytest

from labelbox_local.annotations import AnnotationError
from labelbox_local.annotations.line import read_data_row

from .conftest import UUID, feature_id, line

BOX = {"top": 20, "left": 10.5, "height": 200, "width": 100}


@pytest.mark.parametrize(
    "spelled",
    [UUID, UUID.upper(), UUID.replace("-", ""), "{" + UUID + "}"],
    ids=["dashes", "upper case", "no dashes", "braces"],
)
def test_a_uuid_may_be_spelled_in_several_ways(reader: Any, spelled: str) -> None:
    assert reader().read(line(name="car", bbox=BOX) | {"uuid": spelled}).uuid == spelled


def test_a_line_needs_no_uuid(reader: Any) -> None:
    assert reader().read({"dataRow": {"id": "x"}, "name": "car", "bbox": BOX}).uuid is None


@pytest.mark.parametrize("wrong", ["", "abc", 7, UUID + "0", UUID[:-1] + "g"])
def test_what_is_no_uuid_is_refused(reader: Any, wrong: Any) -> None:
    with pytest.raises(AnnotationError, match="is not a valid uuid") as error:
        reader().read(line(name="car", bbox=BOX) | {"uuid": wrong})
    assert error.value.status()["name"] == "UuidError"


def test_any_text_may_be_allowed_as_uuid(reader: Any) -> None:
    assert reader(strict_uuid=False).read(line(name="car", bbox=BOX) | {"uuid": "mine-1"}).uuid == "mine-1"


@pytest.mark.parametrize(
    "named", [{"id": "a"}, {"globalKey": "a b"}, {"id": "a", "globalKey": None}], ids=["id", "key", "null key"]
)
def test_a_data_row_is_named_by_id_or_key(named: dict[str, Any]) -> None:
    assert read_data_row({"dataRow": named}) == next((key, value) for key, value in named.items() if value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "'dataRow' is missing"),
        ({"dataRow": "a"}, "must be an object"),
        ({"dataRow": {}}, "only one of 'id' or 'globalKey'"),
        ({"dataRow": {"id": "a", "globalKey": "b"}}, "only one of 'id' or 'globalKey'"),
        ({"dataRow": {"id": "a", "more": 1}}, "only one of 'id' or 'globalKey'"),
        ({"dataRow": {"id": 7}}, "dataRow.id must be a non-empty text"),
    ],
)
def test_a_data_row_named_otherwise_is_refused(content: dict[str, Any], message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        read_data_row(content)


def test_a_feature_is_found_by_name_and_by_id(reader: Any) -> None:
    by_name = reader().read(line(name="car", bbox=BOX)).contents[0]
    by_id = reader().read(line(schemaId=feature_id("car"), bbox=BOX)).contents[0]
    both = reader().read(line(schemaId=feature_id("car"), name="car", bbox=BOX)).contents[0]
    assert {each["feature_schema_id"] for each in (by_name, by_id, both)} == {feature_id("car")}
    assert by_name["feature_id"] != by_id["feature_id"]
    assert len(by_name["feature_id"]) == 25


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"bbox": BOX}, "Schema id or name are not set"),
        ({"name": "", "bbox": BOX}, "Schema id or name are not set"),
        ({"name": "bus", "bbox": BOX}, "name bus is not valid for the provided project's ontology"),
        ({"schemaId": "c" * 25, "bbox": BOX}, f"schema id {'c' * 25} is not valid"),
        ({"name": "old", "bbox": BOX}, "name old is not valid"),
        ({"name": "nose", "bbox": BOX}, "does not map to the assigned tool point"),
        ({"name": "lane", "schemaId": feature_id("car"), "bbox": BOX}, "two different features"),
        ({"name": "car"}, "Found none"),
        ({"name": "car", "bbox": BOX, "point": {"x": 1, "y": 2}}, "Found bbox, point"),
        ({"name": "car", "bbox": BOX, "colour": 1}, "unknown keys: 'colour'"),
        ({"name": "car", "bbox": BOX, "isBenchmarkReferenceLabel": "yes"}, "must be true or false"),
    ],
)
def test_a_line_with_a_wrong_feature_or_shape_is_refused(reader: Any, content: dict[str, Any], message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        reader().read(line(**content))


def test_the_benchmark_flag_is_told(reader: Any) -> None:
    assert reader().read(line(name="car", bbox=BOX, isBenchmarkReferenceLabel=True)).is_benchmark
    assert not reader().read(line(name="car", bbox=BOX)).is_benchmark


def test_scores_are_kept_only_where_they_are_wanted(reader: Any) -> None:
    scored = line(name="car", bbox=BOX, confidence=0.5, customMetrics=[{"name": "iou", "value": 0.25}])
    assert "confidence" not in reader().read(scored).contents[0]
    kept = reader(keep_confidence=True).read(scored).contents[0]
    assert kept["confidence"] == 0.5
    assert kept["custom_metrics"] == [{"name": "iou", "value": 0.25}]


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"confidence": 1.5}, "between 0 and 1"),
        ({"confidence": "high"}, "confidence must be a number"),
        ({"confidence": True}, "confidence must be a number"),
        ({"customMetrics": [{"name": "iou"}]}, "customMetrics must be a number"),
        ({"customMetrics": {"iou": 1}}, "non-empty list of objects"),
    ],
)
def test_wrong_scores_are_refused_also_where_they_are_ignored(reader: Any, scores: Any, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        reader().read(line(name="car", bbox=BOX, **scores))


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("TEXT", {"name": "car", "bbox": BOX}),
        ("VIDEO", {"name": "car", "bbox": BOX}),
        ("AUDIO", {"name": "Person Name", "location": {"start": 0, "end": 1}}),
        ("HTML", {"name": "car", "bbox": BOX}),
        ("IMAGE", {"name": "Person Name", "location": {"start": 0, "end": 1}}),
        ("PDF", {"name": "field", "polygon": []}),
        ("POINT_CLOUD", {"name": "nose", "point": {"x": 1, "y": 1}}),
    ],
)
def test_a_media_type_takes_its_own_kinds_only(reader: Any, media_type: str, content: dict[str, Any]) -> None:
    with pytest.raises(AnnotationError, match=f"project of media type {media_type}"):
        reader(media_type).read(line(**content))


def test_a_metric_belongs_into_a_model_run(reader: Any) -> None:
    metric = {"metricName": "iou_2", "metricValue": 0.5, "featureName": "car"}
    with pytest.raises(AnnotationError, match="model run"):
        reader().read(line(**metric))
    read = reader(metrics=True).read(line(**metric))
    assert (read.part, read.contents[0]["value"], read.contents[0]["aggregation"]) == (
        "metrics",
        0.5,
        "ARITHMETIC_MEAN",
    )
    matrix = reader(metrics=True).read(line(metricValue=[1, 1, 2, 3], metricName="m", aggregation="CONFUSION_MATRIX"))
    assert matrix.contents[0]["value"] == [1, 1, 2, 3]


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ({"metricValue": "much"}, "must be a number"),
        ({"metricValue": [1, 2], "aggregation": "CONFUSION_MATRIX"}, "four whole numbers"),
        ({"metricValue": 1, "aggregation": "MODE"}, "aggregation must be one of"),
        ({"metricValue": {str(n): 1 for n in range(16)}}, "at most 15"),
    ],
)
def test_a_wrong_metric_is_refused(reader: Any, metric: dict[str, Any], message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        reader(metrics=True).read(line(**metric))
