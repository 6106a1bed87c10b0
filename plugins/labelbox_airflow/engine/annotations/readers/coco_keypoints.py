"""Keypoints of a COCO annotation become points, each of a class of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelbox_airflow.engine.annotations.model import Feature, Point
from labelbox_airflow.engine.annotations.ndjson.fields import number
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.annotations.readers.coco_document import Category

_HIDDEN = 1  # 0: not placed; 1: placed but hidden; 2: visible (cocodataset.org/#format-data)


def read_points(
    entry: Mapping[str, Any], category: Category, *, with_occluded: bool
) -> list[tuple[str, Feature, Point]]:
    """Return name, class and point of each keypoint that is placed.

    :param with_occluded: also those that are hidden; results of models have all their keypoints marked so
    :raises AnnotationError: other than three finite numbers for each keypoint of the category
    """
    values, names = entry["keypoints"], category.keypoints
    if type(values) is not list or len(values) != 3 * len(names):
        found = f"has {len(values)} numbers" if type(values) is list else "is no list"
        reason = f"{found}; x, y and visibility of the {len(names)} keypoints of the category make {3 * len(names)}"
        raise AnnotationError("bad_keypoints", "keypoints", None if type(values) is list else values, reason)
    for index, value in enumerate(values):
        number(value, f"keypoints[{index}]")
    return [
        (name, feature, Point(x, y))
        for (name, feature), x, y, visibility in zip(names, values[::3], values[1::3], values[2::3], strict=True)
        if visibility > 0 and (with_occluded or visibility != _HIDDEN)
    ]
