"""The annotations of one image as COCO has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from labelbox_airflow.engine.annotations.model import MaskRuns
from labelbox_airflow.engine.exports.files.coco.attributes import ANSWERS, attributes_of
from labelbox_airflow.engine.exports.files.coco.categories import Categories, Category
from labelbox_airflow.engine.exports.files.coco.ids import StableIds
from labelbox_airflow.engine.exports.files.coco.keypoints import PlacedPoint, Skeleton, assign, flattened
from labelbox_airflow.engine.exports.files.coco.shapes import Shape, shape_of, shape_of_mask
from labelbox_airflow.engine.exports.files.images import Entry, Image

COLUMNS = (
    "annotation_id",
    "parent_id",
    "class_path",
    "mask_url",
    "mask_color",
    "answer",
    "text",
    "page",
    "view",
    "confidence",
)
"""Columns of records of annotations that are needed beyond those of every image."""
SHAPES = frozenset(("bounding_box", "polygon", "mask"))

Masks = Mapping[tuple[str, str], MaskRuns | None]
"""The masks of an image by address and colour of each; None for one without pixels."""
Annotation = dict[str, Any]


class _Instance(NamedTuple):
    """One annotation to be: the id Labelbox gave it, what it covers, its keypoints, and what a model said."""

    source: str | None
    category: Category
    shape: Shape | None
    skeleton: Skeleton
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class AnnotationMaker:
    """Makes the annotations of images.

    Boxes, polygons and masks become instances, points keypoints of them. Whatever has no place is counted.

    :param ids: of annotations
    :param left_out: counts annotations by their kind, ``unknown_class``, ``hole``, ``empty_mask``,
        ``mask_of_other_size``, and answers about what is left out, ``answer``
    """

    categories: Categories
    ids: StableIds
    left_out: Counter[str]

    def make(
        self, image: Image, image_id: int, entries: Sequence[Entry], masks: Masks
    ) -> tuple[list[Annotation], dict[str, Any]]:
        """Return the annotations of an image, and the attributes of the image itself.

        :param masks: those of its masks that are wanted
        """
        attributes = attributes_of(each for each in entries if _is_of_whole(each))
        of_image = attributes.pop(None, {})
        made = [
            self._annotation(each, number, image, image_id, attributes)
            for number, each in enumerate(self._instances(image, entries, masks))
        ]
        self.left_out["answer"] += sum(map(len, attributes.values()))
        return made, of_image

    def _instances(self, image: Image, entries: Sequence[Entry], masks: Masks) -> Iterable[_Instance]:
        instances: list[_Instance] = []
        points: dict[str, list[tuple[PlacedPoint, str | None]]] = {}
        for position, entry in enumerate(entries):
            kind = entry["kind"]
            if not _is_of_whole(entry):
                self.left_out[kind] += 1
            elif kind == "point" and entry["class"] in self.categories.keypoints:
                name, keypoint = self.categories.keypoints[entry["class"]]
                point = PlacedPoint(keypoint, *_coordinates(entry), position)
                points.setdefault(name, []).append((point, entry["annotation_id"]))
            elif kind in SHAPES:
                instances.extend(self._shaped(entry, position, image, masks))
            elif kind not in ANSWERS:
                self.left_out[kind] += 1
        for name, placed in points.items():
            instances += self._of_points(self.categories.by_name[name], placed, instances)
        return instances

    def _shaped(self, entry: Entry, position: int, image: Image, masks: Masks) -> Iterable[_Instance]:
        category = self.categories.by_name.get(entry["class"])
        if category is None:
            self.left_out["unknown_class"] += 1
            return
        shape = self._shape(entry, image, masks)
        if shape is not None:
            skeleton = Skeleton(shape.bbox, position)
            yield _Instance(entry["annotation_id"], category, shape, skeleton, entry["confidence"])

    def _shape(self, entry: Entry, image: Image, masks: Masks) -> Shape | None:
        if entry["kind"] != "mask":
            self.left_out["hole"] += len(entry["geometry"].get("holes") or ())
            shape, reason = shape_of(entry), entry["kind"]
        else:
            key = entry["mask_url"], entry["mask_color"]
            runs, reason = masks.get(key), "empty_mask" if key in masks else "mask"
            shape = shape_of_mask(runs, image) if runs is not None else None
            reason = "mask_of_other_size" if runs is not None else reason
        self.left_out[reason] += shape is None
        return shape

    def _of_points(
        self, category: Category, placed: Sequence[tuple[PlacedPoint, str | None]], instances: Sequence[_Instance]
    ) -> list[_Instance]:
        """Give points to the instances of their category, and return those that are made of points alone."""
        sources = {point.position: source for point, source in placed}
        skeletons = [each.skeleton for each in instances if each.category is category]
        further = assign([point for point, _ in placed], skeletons)
        return [_Instance(sources[each.position], category, None, each) for each in further]

    def _annotation(
        self, each: _Instance, number: int, image: Image, image_id: int, attributes: dict[str | None, dict[str, Any]]
    ) -> Annotation:
        place = each.source if each.source is not None else f"#{number}"
        made: Annotation = {
            "id": self.ids.of(f"{image.key}\0{place}"),
            "image_id": image_id,
            "category_id": each.category.id,
            "iscrowd": 0,
            "area": each.shape.area if each.shape else 0,
            "segmentation": each.shape.segmentation if each.shape else [],
        }
        if each.shape is not None:
            made["bbox"] = each.shape.bbox
        if each.category.keypoints:
            made["keypoints"] = flattened(each.category.keypoints, each.skeleton.points)
            made["num_keypoints"] = len(each.skeleton.points)
        if each.confidence is not None:
            made["score"] = each.confidence
        if each.source in attributes:
            made["attributes"] = attributes.pop(each.source)
        return made


def _is_of_whole(entry: Entry) -> bool:
    return entry["frame"] is None and entry["page"] is None and entry["view"] is None


def _coordinates(entry: Entry) -> tuple[float, float]:
    (point,) = entry["geometry"]["points"]
    return point["x"], point["y"]
