"""Boxes, polygons and masks as instances of COCO: segmentation, box and area."""

from __future__ import annotations

from typing import Any, NamedTuple

from labelbox_airflow.engine.annotations.model import MaskRuns
from labelbox_airflow.engine.annotations.readers.runs import box_of, encode_counts
from labelbox_airflow.engine.exports.files.images import Entry, Image

Segmentation = list[list[float]] | dict[str, Any]


class Shape(NamedTuple):
    """What an instance covers; a box alone has no segmentation. The box is left, top, width, height."""

    segmentation: Segmentation
    bbox: list[float]
    area: float


def shape_of(entry: Entry) -> Shape | None:
    """Return the shape of a box or polygon, None for one without points. Holes of polygons are not in it."""
    geometry = entry["geometry"]
    if entry["kind"] == "bounding_box":
        box = [geometry["left"], geometry["top"], geometry["width"], geometry["height"]]
        return Shape([], box, box[2] * box[3])
    points = [(each["x"], each["y"]) for each in geometry["points"] or ()]
    if len(points) < 3:
        return None
    xs, ys = zip(*points, strict=True)
    left, top = min(xs), min(ys)
    flat = [value for point in points for value in point]
    return Shape([flat], [left, top, max(xs) - left, max(ys) - top], _area(points))


def _area(points: list[tuple[float, float]]) -> float:
    following = [*points[1:], points[0]]
    return abs(sum(x * below - right * y for (x, y), (right, below) in zip(points, following, strict=True))) / 2


def shape_of_mask(runs: MaskRuns, image: Image) -> Shape | None:
    """Return the shape of a mask, None when it is not of the size of its image."""
    if runs.size != (image.height, image.width):
        return None
    box = box_of(runs)
    segmentation = {"size": list(runs.size), "counts": encode_counts(runs.counts)}
    return Shape(segmentation, [box.left, box.top, box.width, box.height], sum(runs.counts[1::2]))
