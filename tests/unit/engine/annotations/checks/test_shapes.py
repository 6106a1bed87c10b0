"""Boxes, polygons, lines and points: what is right goes on as it is, what is wrong is named, or clipped."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from labelbox_airflow.engine.annotations.checks import Asset
from labelbox_airflow.engine.annotations.checks.crossing import crossing
from labelbox_airflow.engine.annotations.model import (
    Annotation,
    BoundingBox,
    Feature,
    Line,
    Page,
    Point,
    Polygon,
)
from labelbox_airflow.engine.annotations.problems import AnnotationError

from .conftest import ROW, checker

SQUARE = ((1.0, 1.0), (9.0, 1.0), (9.0, 9.0), (1.0, 9.0))
BOWTIE = ((0.0, 0.0), (8.0, 8.0), (8.0, 0.0), (0.0, 8.0))
ASSET = Asset("IMAGE", width=100, height=50)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("car", BoundingBox(0, 0, 100, 50)),
        ("car", BoundingBox(-1, -1, 102, 52)),  # within the tolerance of one pixel
        ("field", Polygon(SQUARE)),
        ("field", Polygon((*SQUARE, SQUARE[0]))),
        ("lane", Line(SQUARE[:2])),
        ("nose", Point(100, 50)),
        ("nose", Point(100.9, 0)),
    ],
)
def test_a_shape_inside_goes_on_as_it_is(accept: Any, name: str, shape: Any) -> None:
    assert accept(name, shape, ASSET).value is shape


@pytest.mark.parametrize(
    ("name", "shape", "code", "message"),
    [
        ("car", BoundingBox(math.nan, 0, 1, 1), "not_finite", "bbox.left = nan: must be a finite number"),
        ("car", BoundingBox(0, 0, math.inf, 1), "not_finite", "bbox.width = inf"),
        ("car", BoundingBox(0, -math.inf, 1, 1), "not_finite", "bbox.top = -inf"),
        ("car", BoundingBox(1, 1, 0, 5), "empty_box", "bbox.width = 0: must be more than 0"),
        ("car", BoundingBox(1, 1, 5, -2), "empty_box", "bbox.height = -2"),
        ("car", BoundingBox(90, 0, 12, 5), "outside_asset", "outside the asset, which is 100 x 50 pixels"),
        ("car", BoundingBox(0, 40, 5, 12), "outside_asset", "'top': 40"),
        ("car", BoundingBox(-2, 0, 5, 5), "outside_asset", "'left': -2"),
        ("field", Polygon(SQUARE[:2]), "bad_polygon", "3 different points, it has 2"),
        ("field", Polygon((SQUARE[0], SQUARE[1], SQUARE[0])), "bad_polygon", "it has 2"),
        ("field", Polygon(()), "bad_polygon", "it has 0"),
        ("field", Polygon(((0, 0), (1, 1), (2, 2))), "bad_polygon", "on one line"),
        ("field", Polygon(BOWTIE), "self_crossing", "crosses itself near x = 4, y = 4"),
        ("field", Polygon((*SQUARE, (math.nan, 1))), "not_finite", "polygon[4].x = nan"),
        ("field", Polygon((*SQUARE[:3], (1, 60))), "outside_asset", "polygon[3] = (1, 60)"),
        ("lane", Line(SQUARE[:1]), "bad_line", "at least 2 points"),
        ("lane", Line(((1, 1), (1, math.inf))), "not_finite", "line[1].y = inf"),
        ("lane", Line(((1, 1), (200, 1))), "outside_asset", "line[1] = (200, 1)"),
        ("nose", Point(math.nan, 1), "not_finite", "point.x = nan"),
        ("nose", Point(1, 51.5), "outside_asset", "'y': 51.5"),
    ],
)
def test_a_wrong_shape_is_named(refuse: Any, name: str, shape: Any, code: str, message: str) -> None:
    error = refuse(name, shape, ASSET)
    assert error.code == code
    assert message in str(error)


def test_without_a_size_only_the_origin_is_known(accept: Any, refuse: Any) -> None:
    far = BoundingBox(5_000, 5_000, 10, 10)
    for asset in (None, Asset(), Asset("IMAGE")):
        assert accept("car", far, asset).value is far
        assert refuse("car", BoundingBox(-5, 0, 2, 2), asset).code == "outside_asset"
        assert refuse("car", BoundingBox(5, 0, math.inf, 2), asset).code == "not_finite"
    assert accept("car", far, Asset(height=9_000)).value is far
    assert "which is ? x 20 pixels" in str(refuse("car", far, Asset(height=20)))


def test_each_row_has_its_own_size() -> None:
    checks = checker()
    wide = Annotation(ROW, Feature("car"), BoundingBox(50, 0, 40, 10))
    for _ in range(2):
        assert checks.check(wide, ASSET) is wide
        with pytest.raises(AnnotationError, match="which is 60 x 50 pixels"):
            checks.check(wide, Asset("IMAGE", width=60, height=50))
        assert checks.check(wide) is wide


@pytest.mark.parametrize(
    ("name", "shape", "left"),
    [
        ("car", BoundingBox(-10, 40, 20, 20), BoundingBox(0, 40, 10, 10)),
        ("car", BoundingBox(99.5, 0, 1, 5), BoundingBox(99.5, 0, 0.5, 5)),
        ("field", Polygon(((90, 10), (110, 10), (110, 20), (90, 20))), None),
        ("lane", Line(((90, 10), (110, 10))), Line(((90, 10), (100, 10)))),
        ("lane", Line(((-10, 10), (10, 10), (10, 30), (10, 60))), Line(((0, 10), (10, 10), (10, 30), (10, 50)))),
    ],
)
def test_what_is_inside_is_left_after_clipping(accept: Any, name: str, shape: Any, left: Any) -> None:
    clipped = accept(name, shape, ASSET, outside="clip", confidence=0.5, source_id="s")
    if left is None:
        assert set(clipped.value.points) == {(90, 10), (100, 10), (100, 20), (90, 20)}
    else:
        assert clipped.value == left
    assert (clipped.confidence, clipped.source_id, clipped.feature.name) == (0.5, "s", name)
    assert accept(name, shape, ASSET, outside="keep").value is shape


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("car", BoundingBox(200, 0, 5, 5), "outside the asset"),
        ("field", Polygon(((200, 0), (210, 0), (210, 10))), "outside the asset"),
        ("lane", Line(((10, 10), (10, 70), (20, 70), (20, 10))), "not one line"),
        ("lane", Line(((200, 10), (200, 20))), "not one line"),
        ("nose", Point(101, 0), "outside the asset"),
    ],
)
def test_what_cannot_be_clipped_is_refused(refuse: Any, name: str, shape: Any, message: str) -> None:
    error = refuse(name, shape, ASSET, outside="clip")
    assert error.code == "outside_asset"
    assert message in str(error)


def test_shapes_that_are_kept_outside_are_checked_otherwise(refuse: Any) -> None:
    assert refuse("car", BoundingBox(-5, 0, math.nan, 5), ASSET, outside="keep").code == "not_finite"
    assert refuse("car", BoundingBox(-5, 0, 0, 5), ASSET, outside="keep").code == "empty_box"
    assert refuse("nose", Point(math.inf, 0), ASSET, outside="keep").code == "not_finite"


def test_a_map_ends_with_the_earth(accept: Any, refuse: Any) -> None:
    accept("nose", Point(-99.2, 19.4), media="TMS_GEO")
    accept("car", BoundingBox(-180, -90, 360, 180), media="TMS_GEO")
    assert "longitude" in str(refuse("nose", Point(19.4, -99.2), media="TMS_GEO"))
    assert refuse("nose", Point(180.5, 0), media="TMS_GEO").code == "outside_asset"
    clipped = accept("car", BoundingBox(170, 80, 20, 20), media="TMS_GEO", outside="clip")
    assert clipped.value == BoundingBox(170, 80, 10, 10)
    accept("nose", Point(-5_000, 5_000), media="TMS_SIMPLE")


def test_pages_are_measured_in_several_units(accept: Any, refuse: Any) -> None:
    asset = Asset("PDF", width=600, height=800, pages=2)
    wide = BoundingBox(10, 10, 700, 10)
    assert accept("car", wide, asset, media="PDF", part=Page(1, "POINTS")).value is wide
    assert refuse("car", wide, asset, media="PDF", part=Page(1, "PIXELS")).code == "outside_asset"
    assert refuse("car", BoundingBox(-3, 0, 5, 5), asset, media="PDF", part=Page(1, "POINTS")).code == "outside_asset"
    assert refuse("car", wide, asset, media="PDF", part=Page(3, "POINTS")).code == "bad_page"
    assert refuse("car", wide, asset, media="PDF", part=Page(-1, "POINTS")).code == "bad_page"
    assert refuse("car", wide, asset, media="PDF", part=Page(1, "METRES")).code == "bad_unit"
    assert refuse("car", wide, asset, media="PDF").code == "wrong_part"


@pytest.mark.parametrize(
    "ring",
    [
        ((0, 0), (4, 0), (4, 4), (2, 4), (2, 0)),  # runs back over its own edge
        ((0, 0), (4, 0), (4, 4), (2, 0), (0, 4)),  # a corner touches an edge
        ((0, 0), (2, 2), (4, 0), (4, 4), (2, 2), (0, 4)),  # two corners meet
        ((0, 0), (0, 0), (4, 0), (4, 0), (4, 4), (0, 0)),  # repeated points
        ((0, 0), (4, 0), (6, 0), (4, 0), (4, 4)),  # a spike
        ((0.1, 0.1), (0.7, 0.1), (0.7, 0.7), (0.3, 0.1), (0.1, 0.7)),  # touches, up to rounding
    ],
)
def test_a_ring_that_touches_itself_does_not_cross(ring: Any) -> None:
    for turn in range(len(ring)):
        turned = ring[turn:] + ring[:turn]
        assert crossing(turned) is None
        assert crossing(turned[::-1]) is None


@pytest.mark.parametrize(
    ("ring", "where"),
    [
        (BOWTIE, (4, 4)),
        (((0, 0), (4, 4), (4, 0), (2, 2), (0, 4)), (2, 2)),  # a corner lies on the edge it passes through
        (((0, 0), (10, 0), (10, 10), (5, -1), (0, 10)), None),
    ],
)
def test_a_ring_that_crosses_itself_is_found_from_every_start(ring: Any, where: Any) -> None:
    for turn in range(len(ring)):
        turned = ring[turn:] + ring[:turn]
        for each in (turned, turned[::-1], (*turned, turned[0])):
            found = crossing(each)
            assert found is not None
            assert where is None or found == pytest.approx(where)


def test_rounding_is_no_crossing() -> None:
    """A corner on an edge, turned by any angle, is on it only as far as numbers can say."""
    ring = ((0, 0), (7, 0), (7, 7), (3, 0), (0, 7))
    for step in range(1, 200):
        cos, sin = math.cos(step / 30), math.sin(step / 30)
        turned = [(cos * x - sin * y + 1_000, sin * x + cos * y + 1_000) for x, y in ring]
        assert crossing(turned) is None


def _crosses_plainly(ring: Any) -> bool:
    """Every pair of edges, each by the signs of four areas."""

    def area(a: Any, b: Any, c: Any) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])  # type: ignore[no-any-return]

    edges = [(ring[index - 1], ring[index]) for index in range(len(ring))]
    return any(
        area(a, b, c) * area(a, b, d) < 0 and area(c, d, a) * area(c, d, b) < 0
        for position, (a, b) in enumerate(edges)
        for c, d in edges[:position]
        if len({a, b, c, d}) == 4
    )


def test_the_sweep_finds_what_comparing_all_edges_finds() -> None:
    rng = random.Random(7)
    found = set()
    for _ in range(2_000):
        count = rng.randint(4, 9)
        angles = sorted(rng.uniform(0, 2 * math.pi) for _ in range(count))
        ring = [(math.cos(angle) * rng.uniform(0.5, 1), math.sin(angle) * rng.uniform(0.5, 1)) for angle in angles]
        if rng.random() < 0.5:
            rng.shuffle(ring)
        expected = _crosses_plainly(ring)
        assert (crossing(ring) is not None) is expected
        found.add(expected)
    assert found == {True, False}
