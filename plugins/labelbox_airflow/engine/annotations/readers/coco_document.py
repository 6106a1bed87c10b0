"""A COCO document: its images as data rows, its categories as classes, its annotations as they are."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from string import Formatter
from typing import Any

import orjson

from labelbox_airflow.engine.annotations.model import DataRow, Feature
from labelbox_airflow.engine.annotations.problems import AnnotationError, shorten
from labelbox_airflow.engine.annotations.readers.coco_spec import CocoSpec, Shape
from labelbox_airflow.engine.errors import SourceError, did_you_mean
from labelbox_airflow.engine.rows.values import as_text

TOOLS_OF_SHAPES: dict[Shape, str] = {"bounding_box": "rectangle", "polygon": "polygon", "mask": "raster-segmentation"}
_SHAPES_OF_TOOLS = {tool: shape for shape, tool in TOOLS_OF_SHAPES.items()} | {"superpixel": "mask"}
IDS = frozenset((int, str, float))
"""Types of ids; pandas writes whole numbers as 1.0, which is 1 to a dict too."""
_RANKS = tuple(TOOLS_OF_SHAPES)


@dataclass(slots=True)
class Image:
    """An image of the file. `size` is height and width in pixels, None where the file does not say."""

    row: DataRow
    size: tuple[int, int] | None
    file_name: Any = None


@dataclass(slots=True)
class Category:
    """A category; `keypoints` are the names and classes of its keypoints, in order."""

    feature: Feature
    shape: Shape
    keypoints: tuple[tuple[str, Feature], ...] = ()


@dataclass(slots=True)
class Document:
    """A file, looked up by the ids in it; an image or category that cannot be used is the reason why."""

    annotations: Sequence[Any]
    images: dict[Any, Image | AnnotationError]
    categories: dict[Any, Category | AnnotationError]


def read_document(
    content: bytes, spec: CocoSpec, place: str, images: bytes | None = None, kinds: Mapping[str, str] | None = None
) -> Document:
    """Return the document of a file.

    :param images: the file named by ``images_from``
    :param kinds: the kind of tool (``rectangle``, ``raster-segmentation``) that the ontology has for a class
    :raises SourceError: not JSON, JSON of another shape, categories that cannot be told apart
    """
    top = parse(content, place)
    other = parse(images, spec.images_from or place) if images is not None else {}
    if isinstance(top, list):
        if images is None:
            raise SourceError(
                "is a list of results, without images and categories",
                where=place,
                remedy="Name the COCO file that has them under images_from.",
            )
        top = {"annotations": top}
    annotations = entries(top, "annotations", place)

    def own_or_other(key: str) -> tuple[list[Any], str]:
        own = images is None or key in top
        where = place if own else spec.images_from or place
        return entries(top if own else other, key, where), where

    categories, where = own_or_other("categories")
    _check_categories(categories, where)
    shapes = shapes_by_category(annotations, spec)
    return Document(
        annotations,
        _images(*own_or_other("images"), spec),
        {entry["id"]: _category(entry, spec, shapes, kinds or {}) for entry in categories},
    )


def parse(content: bytes, place: str) -> Any:
    """Return the JSON of a file, NaN included: Python's own writer makes them.

    :raises SourceError: not JSON
    """
    was_enabled = gc.isenabled()
    gc.disable()  # there is nothing to collect yet, and looking for it doubles the time
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        try:
            return json.loads(content, parse_int=_integer)
        except (ValueError, RecursionError):
            raise SourceError(f"is not JSON: {error}", where=place) from None
    finally:
        if was_enabled:
            gc.enable()


def _integer(digits: str) -> int | float:
    """Return a number that fits 64 bits as it is, others as a float, possibly infinite; orjson does the same."""
    return int(digits) if len(digits) < 19 else float(digits)


def entries(top: Any, key: str, place: str) -> list[Any]:
    """Return the list under a key of a COCO document.

    :raises SourceError: there is none
    """
    if not isinstance(top, dict):
        raise SourceError(f"is {_called(top)}, not a COCO file", where=place)
    if key not in top:
        remedy = "A COCO file has images, categories and annotations."
        raise SourceError(f"has no key '{key}'; its keys: {', '.join(list(top)[:10])}", where=place, remedy=remedy)
    if not isinstance(top[key], list):
        raise SourceError(f"'{key}' must be a list, found {_called(top[key])}", where=place)
    found: list[Any] = top[key]
    return found


def shapes_by_category(annotations: Iterable[Any], spec: CocoSpec) -> dict[Any, Shape]:
    """Return the one shape for the annotations of each category; a class of an ontology has one kind.

    Those that are not there have boxes.
    """
    ranks: dict[Any, int] = {}
    for entry in annotations:
        if type(entry) is not dict or (entry.get("iscrowd") and spec.iscrowd == "skip"):
            continue
        segments = entry.get("segments_info")
        if type(segments) is list:
            ranks.update((_hashable(each.get("category_id")), 2) for each in segments if type(each) is dict)
        elif segmentation := entry.get("segmentation"):
            category = _hashable(entry.get("category_id"))
            ranks[category] = max(ranks.get(category, 0), _rank(segmentation, spec))
    return {category: _RANKS[rank] for category, rank in ranks.items()}


def _rank(segmentation: Any, spec: CocoSpec) -> int:
    if type(segmentation) is not list:
        return 2
    is_whole = len(segmentation) == 1 or type(segmentation[0]) is not list
    return 1 if is_whole or spec.parts == "polygons" else 2


def _hashable(value: Any) -> Any:
    return value if type(value) in IDS else None


def _called(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else repr(value))


def _id(entry: Any, key: str, place: str) -> Any:
    if not isinstance(entry, dict) or type(entry.get("id")) not in IDS:
        raise SourceError(f"an entry of '{key}' has no id that is a number or a text: {shorten(entry)}", where=place)
    return entry["id"]


def _images(found: list[Any], place: str, spec: CocoSpec) -> dict[Any, Image | AnnotationError]:
    template = [piece[:3] for piece in Formatter().parse(spec.global_key)]
    images: dict[Any, Image | AnnotationError] = {}
    by_key: dict[str | None, tuple[Any, Image]] = {}
    for entry in found:
        image_id = _id(entry, "images", place)
        image: Image | AnnotationError
        try:
            image = Image(DataRow(_key(entry, template)), _size(entry), entry.get("file_name"))
        except AnnotationError as error:
            image = error
        known = images.setdefault(image_id, image)
        if known is not image and known != image:
            reason = f"is the id of two images, {_shown(known)} and {_shown(image)}"
            images[image_id] = AnnotationError("duplicate_image", "image_id", image_id, reason)
        elif isinstance(image, Image):
            other_id, other = by_key.setdefault(image.row.global_key, (image_id, image))
            if other is not image and other != image:
                reason = f"is the key of two images, {other_id!r} and {image_id!r}; put more of them into global_key"
                ambiguous = AnnotationError("ambiguous_key", "global_key", image.row.global_key, reason)
                images[other_id] = images[image_id] = ambiguous
    return images


def _shown(image: Image | AnnotationError) -> str:
    return str(image.row) if isinstance(image, Image) else f"one whose {image}"


def _key(entry: Mapping[str, Any], template: Sequence[tuple[str, str | None, str | None]]) -> str:
    return "".join([literal + (_piece(entry, name, form) if name else "") for literal, name, form in template])


def _piece(entry: Mapping[str, Any], name: str, form: str | None) -> str:
    value = entry.get(name)
    if value is None and name in {"name", "stem"} and isinstance(entry.get("file_name"), str):
        value = getattr(PurePosixPath(entry["file_name"].replace("\\", "/")), name)
    if value is None or value == "" or isinstance(value, dict | list):
        reason = (
            f"is needed for global_key, but the image with id {entry['id']!r} has none. {did_you_mean(name, entry)}"
        )
        raise AnnotationError("no_key", f"images.{name}", value, reason)
    try:
        return format(value, form) if form else as_text(value) or ""
    except ValueError as error:
        raise AnnotationError("no_key", f"images.{name}", value, f"does not fit global_key: {error}") from None


def _size(entry: Mapping[str, Any]) -> tuple[int, int] | None:
    height, width = entry.get("height"), entry.get("width")
    if height is None or width is None:
        return None
    for name, value in (("height", height), ("width", width)):
        if type(value) not in {int, float} or not 0 < value < 1 << 31 or value != int(value):
            raise AnnotationError("bad_size", f"images.{name}", value, "must be a whole number of at least 1")
    return int(height), int(width)


def _category(
    entry: Mapping[str, Any], spec: CocoSpec, shapes: Mapping[Any, Shape], kinds: Mapping[str, str]
) -> Category | AnnotationError:
    name = entry.get("name")
    if spec.classes is not None and name not in spec.classes and spec.unmapped == "reject":
        reason = f"is a category that is not in classes. {did_you_mean(str(name), spec.classes)}"
        return AnnotationError("unmapped_class", "category_id", name, reason)
    class_name = (spec.classes or {}).get(str(name), str(name))
    shape = shapes.get(entry["id"], "bounding_box")
    if spec.shapes == "auto":
        shape = _SHAPES_OF_TOOLS.get(kinds.get(class_name, ""), shape)
    elif spec.shapes != "none":
        shape = spec.shapes
    return Category(Feature(class_name), shape, keypoint_classes(entry, class_name, spec))


def keypoint_classes(entry: Mapping[str, Any], class_name: str, spec: CocoSpec) -> tuple[tuple[str, Feature], ...]:
    """Return the keypoints of a category: name and class of each, in order."""
    names = entry.get("keypoints")
    if not isinstance(names, list) or spec.keypoints == "skip":
        return ()
    return tuple((str(name), Feature(spec.keypoint_class.format(category=class_name, keypoint=name))) for name in names)


def _check_categories(found: list[Any], place: str) -> None:
    by_name: dict[str, Any] = {}
    by_id: dict[Any, str] = {}
    for entry in found:
        category_id = _id(entry, "categories", place)
        name = entry.get("name")
        if not isinstance(name, str) or not name:
            raise SourceError(f"the category with id {category_id!r} has no name", where=place)
        if category_id in by_id:
            message = f"two categories have id {category_id!r}: '{by_id[category_id]}' and '{name}'"
            raise SourceError(message, where=place, remedy="Give each an id of its own.")
        if name in by_name:
            message = f"two categories are called '{name}': ids {by_name[name]!r} and {category_id!r}"
            raise SourceError(message, where=place, remedy="Rename one of them, or merge them.")
        by_name[name], by_id[category_id] = category_id, name
