"""Shapes of annotations as SVG paths, over the picture of a data row or on a plain ground."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from labelbox_local.pages.answers import questions_of
from labelbox_local.pages.classes import Classes
from labelbox_local.pages.records import Kind, Layer

Point = tuple[float, float]
_MARGIN = 0.04  # around shapes on a plain ground, as a part of their extent


@dataclass(slots=True)
class Shape:
    """What is drawn for one object.

    :param form: how it is painted; a dot is a path without a length
    :param style: the CSS class of its colour
    :param start: where its name is written
    """

    path: str
    form: Literal["area", "line", "dot"]
    kind: Kind
    style: str
    name: str
    title: str
    start: Point
    points: list[Point]


@dataclass(slots=True)
class Drawing:
    """Shapes, and the layers whose masks lie under them.

    `left`, `top`, `width` and `height` are the part of the plane that is seen, in pixels of the picture where its size
    is known.
    """

    shapes: list[Shape] = field(default_factory=list)
    masks: list[Layer] = field(default_factory=list)
    left: float = 0
    top: float = 0
    width: float = 0
    height: float = 0

    @property
    def view_box(self) -> str:
        """The attribute of the svg element."""
        return " ".join(_number(each) for each in (self.left, self.top, self.width, self.height))


def draw(layers: Iterable[Layer], size: tuple[float, float] | None, classes: Classes) -> Drawing:
    """Draw what has a place in a picture or map. Without the size of the picture all shapes are just in view."""
    drawing = Drawing()
    for layer in layers:
        drawing.shapes += _shapes(layer, classes)
        if any("composite_mask" in each for each in layer.annotations.get("objects", [])):
            drawing.masks.append(layer)
    if size:
        drawing.width, drawing.height = size
    else:
        _fit(drawing)
    return drawing


def _fit(drawing: Drawing) -> None:
    points = [point for shape in drawing.shapes for point in shape.points]
    if not points:
        return
    xs, ys = [x for x, _ in points], [y for _, y in points]
    extent = max(max(xs) - min(xs), max(ys) - min(ys)) or 1
    margin = extent * _MARGIN
    drawing.left, drawing.top = min(xs) - margin, min(ys) - margin
    drawing.width, drawing.height = max(xs) - drawing.left + margin, max(ys) - drawing.top + margin


def _shapes(layer: Layer, classes: Classes) -> Iterator[Shape]:
    for annotation in layer.annotations.get("objects", []):
        found = classes.count(layer.ontology, annotation, layer.kind)
        outline = _outline(annotation)
        if outline is None:
            continue
        form, points = outline
        if not points or not all(math.isfinite(each) for point in points for each in point):
            continue
        yield Shape(
            _path(form, points), form, layer.kind, found.style, found.name, title_of(annotation, layer.kind),
            min(points, key=lambda point: (point[1], point[0])), points,
        )  # fmt: skip


def title_of(annotation: dict[str, Any], kind: Kind) -> str:
    """What is said of an object where there is room for a line."""
    said = [str(annotation["name"]), *(question.brief() for question in questions_of(annotation["classifications"]))]
    if "confidence" in annotation:
        said.append(f"confidence {annotation['confidence']:.3g}")
    return " · ".join(said if kind == "label" else [*said, kind])


def _outline(annotation: dict[str, Any]) -> tuple[Literal["area", "line", "dot"], list[Point]] | None:
    if "bounding_box" in annotation:
        return "area", _corners(annotation["bounding_box"])
    if "polygon" in annotation:
        return "area", [_point(each) for each in annotation["polygon"]]
    if "line" in annotation:
        return "line", [_point(each) for each in annotation["line"]]
    if "point" in annotation:
        return "dot", [_point(annotation["point"])]
    return _on_map(annotation["geojson"]) if "geojson" in annotation else None


def _corners(box: dict[str, float]) -> list[Point]:
    left, top = box["left"], box["top"]
    right, bottom = left + box["width"], top + box["height"]
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _point(point: dict[str, float]) -> Point:
    return point["x"], point["y"]


def _on_map(geojson: dict[str, Any]) -> tuple[Literal["area", "line", "dot"], list[Point]]:
    """Longitude and latitude; north is up."""
    place = geojson["coordinates"]
    if geojson["type"] == "Point":
        return "dot", [(place[0], -place[1])]
    if geojson["type"] == "LineString":
        return "line", [(x, -y) for x, y in place]
    return "area", [(x, -y) for x, y in place[0]]


def _path(form: str, points: list[Point]) -> str:
    moves = " L".join(f"{_number(x)} {_number(y)}" for x, y in points)
    return f"M{moves}{ {'area': 'Z', 'line': '', 'dot': 'h0'}[form] }"


def _number(value: float) -> str:
    return f"{value:.8g}"
