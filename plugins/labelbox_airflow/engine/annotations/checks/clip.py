"""Shapes cut off at the edges of the asset. Each function returns None when nothing useful is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from labelbox_airflow.engine.annotations.model import BoundingBox, Coordinates


class Limits(NamedTuple):
    """What a shape may cover."""

    left: float
    top: float
    right: float
    bottom: float


def clip_box(box: BoundingBox, limits: Limits) -> BoundingBox | None:
    """Return the part of a box that is inside."""
    left, top = max(box.left, limits.left), max(box.top, limits.top)
    width = min(box.left + box.width, limits.right) - left
    height = min(box.top + box.height, limits.bottom) - top
    return BoundingBox(left, top, width, height) if width > 0 and height > 0 else None


def clip_polygon(points: Sequence[Coordinates], limits: Limits) -> tuple[Coordinates, ...] | None:
    """Return the part of a ring that is inside; parts that fall asunder stay joined along the edge of the asset."""
    ring = list(points)
    for axis, limit, sign in (
        (0, limits.left, 1), (1, limits.top, 1), (0, limits.right, -1), (1, limits.bottom, -1)
    ):  # fmt: skip
        ring = _cut_ring(ring, axis, limit, sign)
    return tuple(ring) if len(set(ring)) >= 3 else None


def _cut_ring(ring: list[Coordinates], axis: int, limit: float, sign: int) -> list[Coordinates]:
    kept: list[Coordinates] = []
    for index, point in enumerate(ring):
        before = ring[index - 1]
        was_inside, is_inside = (before[axis] - limit) * sign >= 0, (point[axis] - limit) * sign >= 0
        if was_inside != is_inside:
            kept.append(_at(before, point, axis, limit))
        if is_inside:
            kept.append(point)
    return kept


def _at(start: Coordinates, end: Coordinates, axis: int, limit: float) -> Coordinates:
    """Return the point between two others where one coordinate is exactly ``limit``."""
    share = (limit - start[axis]) / (end[axis] - start[axis])
    other = start[1 - axis] + share * (end[1 - axis] - start[1 - axis])
    return (limit, other) if axis == 0 else (other, limit)


def clip_line(points: Sequence[Coordinates], limits: Limits) -> tuple[Coordinates, ...] | None:
    """Return the part of a line that is inside; None also for one that falls asunder: it would be several lines."""
    pieces: list[list[Coordinates]] = []
    for index in range(1, len(points)):
        inside = _cut_segment(points[index - 1], points[index], limits)
        if inside is None:
            continue
        start, end = inside
        if pieces and pieces[-1][-1] == start:
            pieces[-1].append(end)
        else:
            pieces.append([start, end])
    return tuple(pieces[0]) if len(pieces) == 1 and len(set(pieces[0])) >= 2 else None


def _cut_segment(start: Coordinates, end: Coordinates, limits: Limits) -> tuple[Coordinates, Coordinates] | None:
    for axis, limit, sign in (
        (0, limits.left, 1), (1, limits.top, 1), (0, limits.right, -1), (1, limits.bottom, -1)
    ):  # fmt: skip
        starts_inside, ends_inside = (start[axis] - limit) * sign >= 0, (end[axis] - limit) * sign >= 0
        if not starts_inside and not ends_inside:
            return None
        if not starts_inside:
            start = _at(start, end, axis, limit)
        elif not ends_inside:
            end = _at(start, end, axis, limit)
    return start, end
