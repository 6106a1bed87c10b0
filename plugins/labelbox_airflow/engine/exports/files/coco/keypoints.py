"""Points of an image become the keypoints of its instances.

Labelbox keeps no link between a point and an instance. A point goes to the instance around it; of several to the one
that came last before it, as our import sends them and most people draw them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Box = Sequence[float]
"""Left, top, width and height."""

VISIBLE = 2  # 0: not placed; 1: placed but hidden, which Labelbox does not know (cocodataset.org/#format-data)


class PlacedPoint(NamedTuple):
    """A point that is a keypoint; ``position`` is its place among the objects of the label."""

    keypoint: str
    x: float
    y: float
    position: int


@dataclass(slots=True)
class Skeleton:
    """An instance that can have keypoints, by name; one without a box is made of its keypoints alone."""

    box: Box | None
    position: int
    points: dict[str, PlacedPoint] = field(default_factory=dict)

    def distance(self, point: PlacedPoint) -> float:
        """Return how far a point is from the box; nothing when it is inside, or there is no box."""
        if self.box is None:
            return 0
        left, top, width, height = self.box
        across = max(left - point.x, 0, point.x - left - width)
        down = max(top - point.y, 0, point.y - top - height)
        return math.hypot(across, down)


def assign(points: Sequence[PlacedPoint], instances: Sequence[Skeleton]) -> list[Skeleton]:
    """Give each point to one of the instances, each of which takes one of a name; return further ones for the rest.

    :param points: all of one category, in the order of the label, as the instances
    """
    further: list[Skeleton] = []
    for point in points:
        free = [each for each in instances or further if point.keypoint not in each.points]
        free = free or [each for each in further if point.keypoint not in each.points]
        if not free:
            further.append(Skeleton(None, point.position))
            free = further[-1:]
        nearest = min(free, key=lambda each: _rank(each, point))
        nearest.points[point.keypoint] = point
    return further


def _rank(instance: Skeleton, point: PlacedPoint) -> tuple[float, bool, int]:
    behind = point.position - instance.position
    return instance.distance(point), behind < 0, abs(behind)


def flattened(names: Sequence[str], points: Mapping[str, PlacedPoint]) -> list[float]:
    """Return x, y and visibility of all keypoints of a category in turn."""
    found = [points.get(name) for name in names]
    return [value for each in found for value in ((each.x, each.y, VISIBLE) if each else (0, 0, 0))]
