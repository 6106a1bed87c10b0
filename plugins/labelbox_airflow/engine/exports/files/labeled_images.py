"""Images with the boxes and polygons of their labels, as YOLO and Pascal VOC have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit

import pyarrow as pa

from labelbox_airflow.engine.exports.files.images import Entry, Image, images_with_entries

_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"))
_SUFFIXES_OF_TYPES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/tiff": ".tif"}


@dataclass(frozen=True, slots=True)
class LabeledObject:
    """A box or polygon in pixels, within its image.

    :param box: left, top, right and bottom
    :param points: the outer ring of a polygon; the corners of a box
    """

    class_name: str
    box: tuple[float, float, float, float]
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class LabeledImage:
    """An image and its objects.

    :param name: a file name that no other image has, without folders; neither has another its part before the ending
    :param uri: where the image itself is
    """

    name: str
    uri: str | None
    global_key: str | None
    width: int
    height: int
    split: str | None
    objects: Sequence[LabeledObject]

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return PurePosixPath(self.name).stem


def labeled_images(
    rows: Iterable[pa.RecordBatch], annotations: Iterable[pa.RecordBatch], left_out: Counter[str]
) -> Iterator[LabeledImage]:
    """Yield each image of ``rows`` with its objects, also those without any; see `images_with_entries`.

    :param left_out: counts further annotations that no image has in the end: by their kind, ``hole``, and
        ``outside_image``
    :raises DataIOError: as `images_with_entries`
    """
    names = _Names()
    for image, entries in images_with_entries(rows, annotations, left_out):
        made = (_object(entry, image.width, image.height, left_out) for entry in entries)
        objects = [each for each in made if each is not None]
        yield LabeledImage(
            names.name(image), image.uri, image.global_key, image.width, image.height, image.split, objects
        )


def _object(entry: Entry, width: int, height: int, left_out: Counter[str]) -> LabeledObject | None:
    geometry, kind = entry["geometry"], entry["kind"]
    if kind not in {"bounding_box", "polygon"} or geometry is None or entry["frame"] is not None:
        left_out[kind] += 1
        return None
    left_out["hole"] += len(geometry.get("holes") or ())
    if kind == "polygon":
        given = [(each["x"], each["y"]) for each in geometry["points"]]
    else:
        left, top = geometry["left"], geometry["top"]
        right, bottom = left + geometry["width"], top + geometry["height"]
        given = [(left, top), (right, top), (right, bottom), (left, bottom)]
    points = [(min(max(x, 0.0), width), min(max(y, 0.0), height)) for x, y in given]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    box = min(xs), min(ys), max(xs), max(ys)
    if box[0] == box[2] or box[1] == box[3]:
        left_out["outside_image"] += 1
        return None
    return LabeledObject(entry["class"], box, points)


class _Names:
    """Makes names of files of global keys, each part before the ending but once."""

    def __init__(self) -> None:
        self._stems: set[str] = set()

    def name(self, image: Image) -> str:
        key = image.key
        suffix = PurePosixPath(key).suffix
        stem = key.removesuffix(suffix) if suffix.lower() in _SUFFIXES else key
        if suffix.lower() not in _SUFFIXES:
            suffix = PurePosixPath(urlsplit(image.uri or "").path).suffix
        if suffix.lower() not in _SUFFIXES:
            suffix = _SUFFIXES_OF_TYPES.get(image.mime_type or "", ".jpg")
        stem = quote(stem, safe=" ")
        if stem in self._stems:
            stem = f"{stem}-{image.data_row_id}"
        self._stems.add(stem)
        return f"{stem}{suffix}"
