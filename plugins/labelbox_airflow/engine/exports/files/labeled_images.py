"""Images with the boxes and polygons of their labels, put together of records of data rows and of annotations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

import pyarrow as pa

from labelbox_airflow.engine.errors import DataIOError

ROW_COLUMNS = ("data_row_id", "global_key", "row_data", "width", "height")
"""Columns of records of data rows that are needed; with ``split`` and ``mime_type`` as far as they are there."""
ANNOTATION_COLUMNS = ("data_row_id", "label_id", "class", "kind", "geometry", "frame")
"""Columns of records of annotations that are needed, geometry as a struct; with ``is_selected`` if it is there."""

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
    """Yield each image of ``rows`` with its objects, also those without any.

    Both are read side by side and must have the data rows in one order, as records of one export have. Of several
    labels the selected one counts, or else the first.

    :param left_out: counts what no image has in the end: annotations by their kind, ``other_label``, ``hole``,
        ``outside_image``, and images of which no size is known, ``image_without_size``
    :raises DataIOError: an annotation is of a data row that is not among the rows, or in another order
    """
    groups = groupby(_dicts(annotations, ANNOTATION_COLUMNS, "is_selected"), key=lambda entry: entry["data_row_id"])
    waiting = next(groups, None)
    names = _Names()
    for row in _dicts(rows, ROW_COLUMNS, "split", "mime_type"):
        found: list[dict[str, Any]] = []
        if waiting is not None and waiting[0] == row["data_row_id"]:
            found = list(waiting[1])
            waiting = next(groups, None)
        if row["width"] and row["height"]:
            yield _image(row, found, names, left_out)
        else:
            left_out["image_without_size"] += 1
    if waiting is not None:
        raise DataIOError(
            "the annotation's data row is not among the rows, or the two are not in one order",
            where=f"data row {waiting[0]}",
            remedy="Take rows and annotations of one export.",
        )


def _dicts(batches: Iterable[pa.RecordBatch], needed: Sequence[str], *optional: str) -> Iterator[dict[str, Any]]:
    for batch in batches:
        columns = [*needed, *(name for name in optional if name in batch.schema.names)]
        yield from batch.select(columns).to_pylist()


def _image(row: Mapping[str, Any], found: list[dict[str, Any]], names: _Names, left_out: Counter[str]) -> LabeledImage:
    label = next(
        (each["label_id"] for each in found if each.get("is_selected")), found[0]["label_id"] if found else None
    )
    objects = []
    for entry in found:
        if entry["label_id"] != label:
            left_out["other_label"] += 1
        elif made := _object(entry, row["width"], row["height"], left_out):
            objects.append(made)
    return LabeledImage(
        name=names.name(row),
        uri=row["row_data"],
        global_key=row["global_key"],
        width=row["width"],
        height=row["height"],
        split=row.get("split"),
        objects=objects,
    )


def _is_selected(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("is_selected"))


def _object(entry: Mapping[str, Any], width: int, height: int, left_out: Counter[str]) -> LabeledObject | None:
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

    def name(self, row: Mapping[str, Any]) -> str:
        key = row["global_key"] or row["data_row_id"]
        suffix = PurePosixPath(key).suffix
        stem = key.removesuffix(suffix) if suffix.lower() in _SUFFIXES else key
        if suffix.lower() not in _SUFFIXES:
            suffix = PurePosixPath(urlsplit(row["row_data"] or "").path).suffix
        if suffix.lower() not in _SUFFIXES:
            suffix = _SUFFIXES_OF_TYPES.get(row.get("mime_type") or "", ".jpg")
        stem = quote(stem, safe=" ")
        if stem in self._stems:
            stem = f"{stem}-{row['data_row_id']}"
        self._stems.add(stem)
        return f"{stem}{suffix}"
