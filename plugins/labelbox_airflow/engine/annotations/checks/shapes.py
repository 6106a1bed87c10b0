"""Boxes, polygons, lines and points: finite, not empty, inside the asset."""

from __future__ import annotations

import sys
from math import isfinite
from typing import Any, Literal

from labelbox_airflow.engine.annotations.checks.asset import Asset
from labelbox_airflow.engine.annotations.checks.clip import Limits, clip_box, clip_line, clip_polygon
from labelbox_airflow.engine.annotations.checks.crossing import crossing
from labelbox_airflow.engine.annotations.model import (
    BoundingBox,
    Coordinates,
    Line,
    Page,
    Part,
    Point,
    Polygon,
)
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.annotations.readers.blocks import Floats, Mask

Outside = Literal["reject", "clip", "keep"]

_MOST = sys.float_info.max
_EVERYWHERE = Limits(-_MOST, -_MOST, _MOST, _MOST)
_EARTH = Limits(-180, -90, 180, 90)
_TOLERANCE = 1.0
_FLAT = 1e-12


class ShapeChecker:
    """Checks shapes of one media type.

    On maps (``TMS_GEO``) the limits are those of longitude and latitude, on pictures without a place on earth
    (``TMS_SIMPLE``) there are none. Elsewhere x and y begin at 0, and end at the asset's size when that is known;
    pages count in other units than pixels, so there the end is not known.

    :param outside: what becomes of a shape that leaves the asset: ``reject``, which lets one pixel pass, ``clip`` or
        ``keep``
    """

    def __init__(self, media_type: str, outside: Outside) -> None:
        self._media_type = media_type
        self._outside = outside
        self._seen: tuple[Asset | None, Limits] = (None, self._find_limits(None, None))

    def check_box(self, box: BoundingBox, part: Part | None, asset: Asset | None) -> BoundingBox:
        """Return the box, or what is left of it after clipping.

        :raises AnnotationError: ``not_finite``, ``empty_box``, ``outside_asset``
        """
        left, top, width, height = box.left, box.top, box.width, box.height
        limits = self._limits(part, asset)
        x0, y0, x1, y1 = limits
        # A comparison with NaN is false, and no limit is infinite: what passes here is finite.
        if width > 0 and height > 0 and left >= x0 and top >= y0 and left + width <= x1 and top + height <= y1:
            return box
        shown = {"left": left, "top": top, "width": width, "height": height}
        for side, number in shown.items():
            _check_finite(number, f"bbox.{side}")
        for side, length in (("width", width), ("height", height)):
            if length <= 0:
                raise AnnotationError("empty_box", f"bbox.{side}", length, "must be more than 0")
        clipped = clip_box(box, limits) if self._outside == "clip" else None
        if clipped is None:
            raise self._outside_error("bbox", shown, limits)
        return clipped

    def are_right_boxes(self, left: Floats, top: Floats, width: Floats, height: Floats) -> Mask:
        """Tell of which boxes :meth:`check_box` finds nothing wrong while part and asset are not known."""
        x0, y0, x1, y1 = self._limits(None, None)
        inside = (left >= x0) & (top >= y0) & (left + width <= x1) & (top + height <= y1)
        return (width > 0) & (height > 0) & inside

    def check_point(self, point: Point, part: Part | None, asset: Asset | None) -> Point:
        """Return the point.

        :raises AnnotationError: ``not_finite``, ``outside_asset`` (also where others are clipped: nothing is left)
        """
        limits = self._limits(part, asset)
        x0, y0, x1, y1 = limits
        if x0 <= point.x <= x1 and y0 <= point.y <= y1:
            return point
        _check_finite(point.x, "point.x")
        _check_finite(point.y, "point.y")
        raise self._outside_error("point", {"x": point.x, "y": point.y}, limits)

    def check_line(self, line: Line, part: Part | None, asset: Asset | None) -> Line:
        """Return the line, or what is left of it after clipping.

        :raises AnnotationError: ``not_finite``, ``bad_line``, ``outside_asset``
        """
        points, limits = line.points, self._limits(part, asset)
        if len(points) < 2:
            raise AnnotationError("bad_line", "line", points, "must have at least 2 points")
        wrong = _first_outside(points, limits, "line")
        if wrong is None:
            return line
        clipped = clip_line(points, limits) if self._outside == "clip" else None
        if clipped is None:
            more = "; what is inside is not one line, so it cannot be clipped" if self._outside == "clip" else ""
            raise self._outside_error(f"line[{wrong}]", points[wrong], limits, more)
        return Line(clipped)

    def check_polygon(self, polygon: Polygon, part: Part | None, asset: Asset | None) -> Polygon:
        """Return the polygon, or what is left of it after clipping.

        :raises AnnotationError: ``not_finite``, ``bad_polygon``, ``self_crossing``, ``outside_asset``
        """
        points, limits = polygon.points, self._limits(part, asset)
        wrong = _first_outside(points, limits, "polygon")
        distinct = len(set(points))
        if distinct < 3:
            raise AnnotationError("bad_polygon", "polygon", points, f"must have 3 different points, it has {distinct}")
        where = crossing(points)
        if where is not None:
            reason = f"crosses itself near x = {where[0]:.6g}, y = {where[1]:.6g}; draw it around, or as two polygons"
            raise AnnotationError("self_crossing", "polygon", points, reason)
        if _is_flat(points):
            raise AnnotationError("bad_polygon", "polygon", points, "covers nothing: its points are on one line")
        if wrong is None:
            return polygon
        clipped = clip_polygon(points, limits) if self._outside == "clip" else None
        if clipped is None:
            raise self._outside_error(f"polygon[{wrong}]", points[wrong], limits)
        return Polygon(clipped)

    def _limits(self, part: Part | None, asset: Asset | None) -> Limits:
        if part is not None:
            return self._find_limits(part, asset)
        seen, limits = self._seen
        if asset is not seen:
            limits = self._find_limits(None, asset)
            self._seen = asset, limits
        return limits

    def _find_limits(self, part: Part | None, asset: Asset | None) -> Limits:
        if self._outside == "keep" or self._media_type == "TMS_SIMPLE":
            return _EVERYWHERE
        if self._media_type == "TMS_GEO":
            return _EARTH
        width = height = None
        if asset is not None and (not isinstance(part, Page) or part.unit == "PIXELS"):
            width, height = asset.width, asset.height
        spare = _TOLERANCE if self._outside == "reject" else 0.0
        right, bottom = (_MOST if size is None else size + spare for size in (width, height))
        return Limits(-spare, -spare, right, bottom)

    def _outside_error(self, field: str, value: Any, limits: Limits, more: str = "") -> AnnotationError:
        if self._media_type == "TMS_GEO":
            reason = "is not on the map: x is the longitude (-180 to 180), y the latitude (-90 to 90)"
            return AnnotationError("outside_asset", field, value, reason + more)
        spare = -limits.left
        sizes = ["?" if size == _MOST else f"{size - spare:g}" for size in (limits.right, limits.bottom)]
        size = f", which is {sizes[0]} x {sizes[1]} pixels" if sizes != ["?", "?"] else ""
        return AnnotationError("outside_asset", field, value, f"is outside the asset{size}{more}")


def _first_outside(points: tuple[Coordinates, ...], limits: Limits, key: str) -> int | None:
    """Return the position of the first point that is not within the limits.

    :raises AnnotationError: one that is not finite
    """
    x0, y0, x1, y1 = limits
    outside = [index for index, (x, y) in enumerate(points) if not (x0 <= x <= x1 and y0 <= y <= y1)]
    for index in outside:
        for axis, number in zip("xy", points[index], strict=True):
            _check_finite(number, f"{key}[{index}].{axis}")
    return outside[0] if outside else None


def _check_finite(number: float, field: str) -> None:
    if not isfinite(number):
        raise AnnotationError("not_finite", field, number, "must be a finite number, not NaN or infinite")


def _is_flat(points: tuple[Coordinates, ...]) -> bool:
    first_x, first_y = points[0]
    doubled = extent = 0.0
    x, y = points[-1][0] - first_x, points[-1][1] - first_y
    for next_x, next_y in points:
        moved_x, moved_y = next_x - first_x, next_y - first_y
        doubled += x * moved_y - moved_x * y
        extent = max(extent, abs(moved_x), abs(moved_y))
        x, y = moved_x, moved_y
    return abs(doubled) <= _FLAT * extent * extent
