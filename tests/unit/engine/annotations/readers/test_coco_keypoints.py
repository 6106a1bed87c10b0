"""Keypoints of COCO become points of classes of their own."""

import json
from typing import Any

import pytest

from labelbox_airflow.engine.annotations.model import Annotation, BoundingBox, DataRow, Feature, Point
from labelbox_airflow.engine.annotations.problems import RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.coco import read_coco
from labelbox_airflow.engine.annotations.readers.coco_spec import LEFT_OUT, CocoSpec

IMAGES = [{"id": 1, "file_name": "a.jpg"}]
CATEGORIES = [{"id": 1, "name": "person", "keypoints": ["nose", "left_eye", "right_eye"]}, {"id": 2, "name": "car"}]
PLACED = [5, 6, 2, 7, 8, 1, 0, 0, 0]  # visible, hidden, not placed
PERSON = {"id": 9, "image_id": 1, "category_id": 1, "bbox": [1, 1, 8, 8], "keypoints": PLACED, "num_keypoints": 2}


def read(entry: dict[str, Any], **spec: Any) -> list[Read]:
    document = {"images": IMAGES, "categories": CATEGORIES, "annotations": [entry]}
    return list(read_coco(json.dumps(document).encode(), CocoSpec(**spec), "coco.json"))


def test_each_placed_keypoint_is_a_point_beside_the_shape() -> None:
    row, box = DataRow("a.jpg"), BoundingBox(1, 1, 8, 8)
    assert read({**PERSON, "score": 0.5}) == [
        Annotation(row, Feature("person"), box, confidence=0.5, source_id="9"),
        Annotation(row, Feature("person/nose"), Point(5, 6), confidence=0.5, source_id="9/nose"),
        Annotation(row, Feature("person/left_eye"), Point(7, 8), confidence=0.5, source_id="9/left_eye"),
    ]


def test_hidden_keypoints_all_keypoints_or_the_shape_can_be_left_out() -> None:
    assert [str(each.feature) for each in read(PERSON, occluded_keypoints="skip")] == ["person", "person/nose"]
    assert [str(each.feature) for each in read(PERSON, keypoints="skip")] == ["person"]
    points = read(PERSON, shapes="none", keypoint_class="{keypoint}", classes={"person": "Human"})
    assert [str(each.feature) for each in points] == ["nose", "left_eye"]
    human = read(PERSON, classes={"person": "Human"})
    assert [str(each.feature) for each in human] == ["Human", "Human/nose", "Human/left_eye"]


def test_an_annotation_of_which_nothing_is_wanted_is_said_to_be_left_out() -> None:
    for entry in ({**PERSON, "keypoints": [0] * 9}, {**PERSON, "keypoints": None}):
        [reject] = read(entry, shapes="none")
        assert isinstance(reject, RejectedAnnotation)
        assert reject.code == "no_keypoints"
        assert reject.code in LEFT_OUT


def test_results_of_keypoints_need_no_box() -> None:
    result = {"image_id": 1, "category_id": 1, "keypoints": [1, 2, 1, 3, 4, 1, 5, 6, 1], "score": 0.9}
    made = read(result)
    assert [each.value for each in made] == [Point(1, 2), Point(3, 4), Point(5, 6)]
    assert {each.source_id for each in made} == {None}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"keypoints": [1, 2, 2]}, "keypoints: has 3 numbers; x, y and visibility of the 3 keypoints"),
        ({"keypoints": "x"}, "keypoints = 'x': is no list"),
        ({"keypoints": [1, "2", *PLACED[2:]]}, "keypoints[1] = '2': must be a number"),
        ({"category_id": 2}, "keypoints: cannot be named: category 'car' names no keypoints; set keypoints: skip"),
    ],
)
def test_wrong_keypoints_are_rejected(change: dict[str, Any], said: str) -> None:
    [rejected] = read({**PERSON, **change})
    assert isinstance(rejected, RejectedAnnotation)
    assert said in str(rejected)
