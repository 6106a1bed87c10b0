"""Whether a ring crosses itself: a sweep over its edges from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

from labelbox_airflow.engine.annotations.model import Coordinates

_MOST_COMPARISONS = 5_000_000
_RELATIVE_TOLERANCE = 1e-9

Edge = tuple[float, float, float, float, int]
"""Left, right, low and high end, and the position of its first point in the ring."""


def crossing(points: Sequence[Coordinates]) -> Coordinates | None:
    """Return a point where the ring crosses itself, None when it does not.

    Edges that only touch, or run back over themselves, do not cross: contours of masks often do that. A ring so
    tangled that 5 million pairs of edges lie above each other (about half a second) counts as one that does not.
    """
    ring = _without_repeats(points)
    if len(ring) < 4:
        return None
    tolerance = _RELATIVE_TOLERANCE * max(_extent([x for x, _ in ring]), _extent([y for _, y in ring]))
    left_of_comparisons = _MOST_COMPARISONS
    open_edges: list[Edge] = []
    for edge in sorted(_edges(ring)):
        left, _, low, high, index = edge
        open_edges = [other for other in open_edges if other[1] >= left]
        left_of_comparisons -= len(open_edges)
        if left_of_comparisons < 0:
            return None
        for _, _, other_low, other_high, other in open_edges:
            if other_low <= high and low <= other_high:
                found = _meeting(ring, index, other, tolerance)
                if found is not None:
                    return found
        open_edges.append(edge)
    return None


def _without_repeats(points: Sequence[Coordinates]) -> list[Coordinates]:
    ring = [point for index, point in enumerate(points) if point != points[index - 1]]
    return ring or list(points[:1])


def _extent(values: list[float]) -> float:
    return max(values) - min(values)


def _edges(ring: list[Coordinates]) -> list[Edge]:
    edges = []
    x, y = ring[-1]
    for index, (next_x, next_y) in enumerate(ring):
        left, right = (x, next_x) if x <= next_x else (next_x, x)
        low, high = (y, next_y) if y <= next_y else (next_y, y)
        edges.append((left, right, low, high, index - 1))
        x, y = next_x, next_y
    return edges


def _meeting(ring: list[Coordinates], first: int, second: int, tolerance: float) -> Coordinates | None:
    """Return where two edges cross, or where one's end lies on the other and the ring goes on to its other side."""
    count = len(ring)
    if (first - second) % count in {1, count - 1}:
        return None
    a, b = ring[first], ring[(first + 1) % count]
    c, d = ring[second], ring[(second + 1) % count]
    side_c, side_d = _side(a, b, c, tolerance), _side(a, b, d, tolerance)
    if side_c * side_d > 0:
        return None
    side_a, side_b = _side(c, d, a, tolerance), _side(c, d, b, tolerance)
    if side_c * side_d < 0:
        if side_a * side_b < 0:
            share = side_a / (side_a - side_b)
            return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])
        passes = side_b == 0 and side_a * _side(c, d, ring[(first + 2) % count], tolerance) < 0
        return b if passes else None
    passes = side_d == 0 and side_a * side_b < 0 and side_c * _side(a, b, ring[(second + 2) % count], tolerance) < 0
    return d if passes else None


def _side(start: Coordinates, end: Coordinates, point: Coordinates, tolerance: float) -> float:
    """Return how far a point is from the line through two others, negative on one side; 0 within the tolerance."""
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    distance = (along_x * (point[1] - start[1]) - along_y * (point[0] - start[0])) / hypot(along_x, along_y)
    return 0.0 if -tolerance <= distance <= tolerance else distance
