"""YOLO: text files of labels, one an image; a line is a class, a box or a polygon, and perhaps a confidence.

The format: https://docs.ultralytics.com/datasets/detect/ and /datasets/segment/. It has neither sizes of images nor
names of classes: they come from Labelbox, and from data.yaml.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import PurePosixPath
from typing import Any, BinaryIO

import yaml

from labelbox_airflow.engine.annotations.model import Annotation, BoundingBox, DataRow, Feature, Origin, Polygon
from labelbox_airflow.engine.annotations.problems import AnnotationError, RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.class_names import ClassNames
from labelbox_airflow.engine.annotations.readers.table_shapes import Size, SizeOf
from labelbox_airflow.engine.annotations.readers.yolo_spec import YoloSpec
from labelbox_airflow.engine.errors import SourceError

_ROUNDING = 0.001
_BOX_NUMBERS = 4
_LEAST_POLYGON_NUMBERS = 6


def read_names(content: bytes, place: str) -> list[str]:
    """Return the names of the classes, in order: of a data.yaml, or of a text with a name a line.

    :raises SourceError: the file has none
    """
    try:
        text = content.decode("utf-8-sig")
        names = _names_of_yaml(text) if place.endswith((".yaml", ".yml")) else text.splitlines()
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise SourceError(f"the names cannot be read ({error})", where=place) from None
    if not names:
        raise SourceError("there are no names of classes", where=place, remedy="Correct yolo.names_from or give names.")
    return names


def _names_of_yaml(text: str) -> list[str]:
    """Names are a list, or numbered from 0."""
    content = yaml.safe_load(text)
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        return [str(names[number]) for number in range(len(names))]
    return [str(name) for name in names] if isinstance(names, list) else []


def read_yolo(file: BinaryIO, spec: YoloSpec, place: str, names: Sequence[str], size_of: SizeOf) -> Iterator[Read]:
    """Yield what each line is, in order; blank lines are passed.

    :param file: unpacked
    :param place: the file's path or URI, whose name says the data row
    :param names: of the classes, from 0 on
    :param size_of: tells the size of the image of a global key
    """
    key = spec.global_key.format(stem=PurePosixPath(place.removesuffix(".gz")).stem)
    reader = _Reader(spec, DataRow(key), names, size_of(key))
    for position, line in enumerate(file, start=1):
        text = line.decode("utf-8", "replace").strip()
        if not text:
            continue
        origin = Origin(place, position)
        try:
            yield reader.read(text, origin)
        except AnnotationError as error:
            yield RejectedAnnotation(
                origin, error.code, str(error), error.field, reader.row, reader.class_name(text), line={"line": text}
            )


class _Reader:
    def __init__(self, spec: YoloSpec, row: DataRow, names: Sequence[str], size: Size | None) -> None:
        self.row = row
        self._names, self._size = names, size
        self._classes = ClassNames(spec.classes, spec.unmapped)
        self._is_polygon = spec.task == "segment"
        self._least = spec.min_confidence

    def read(self, text: str, origin: Origin) -> Annotation:
        """Return the annotation of a line.

        :raises AnnotationError: the first thing that is wrong
        """
        word, *words = text.split()
        feature = self._feature(word)
        numbers = [_number(each) for each in words]
        confidence = self._confidence(numbers)
        if self._size is None:
            reason = "is a data row whose width and height Labelbox does not tell; is it in the project?"
            raise AnnotationError("unknown_size", "global_key", self.row.global_key, reason)
        for number in numbers:
            if not -_ROUNDING <= number <= 1 + _ROUNDING:
                raise AnnotationError("not_normalized", "line", number, "must be from 0 to 1, a share of the image")
        value = _polygon(numbers, self._size) if self._is_polygon else _box(numbers, self._size)
        return Annotation(self.row, feature, value, confidence=confidence, origin=origin)

    def class_name(self, text: str) -> str | None:
        """Return the name of the class that a line says, None when it says none."""
        word = text.split()[0]
        return self._names[int(word)] if word.isdecimal() and int(word) < len(self._names) else None

    def _feature(self, word: str) -> Feature:
        name = self.class_name(word)
        if name is None:
            reason = f"is no number of a class; the names have classes 0 to {len(self._names) - 1}"
            raise AnnotationError("unknown_class", "class", word, reason)
        return self._classes.feature(name, "class")

    def _confidence(self, numbers: list[float]) -> float | None:
        """Take the confidence off the end of the numbers."""
        count = len(numbers)
        has_one = count % 2 == 1
        shape = count - has_one
        if (self._is_polygon and shape < _LEAST_POLYGON_NUMBERS) or (not self._is_polygon and shape != _BOX_NUMBERS):
            wanted = "x and y of at least three points" if self._is_polygon else "4: a box's centre, width and height"
            reason = f"numbers after the class; there must be {wanted}, and perhaps a confidence. Is yolo.task right?"
            raise AnnotationError("wrong_count", "line", count, reason)
        if not has_one:
            return None
        confidence = numbers.pop()
        if not 0 <= confidence <= 1:
            raise AnnotationError("bad_confidence", "confidence", confidence, "must be between 0 and 1")
        if self._least is not None and confidence < self._least:
            reason = f"is below min_confidence, {self._least}"
            raise AnnotationError("below_confidence", "confidence", confidence, reason)
        return confidence


def _number(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = float("nan")
    if not isfinite(number):
        raise AnnotationError("bad_number", "line", word, "must be a number")
    return number


def _box(numbers: Sequence[float], size: Size) -> BoundingBox:
    x, y, width, height = numbers
    return BoundingBox((x - width / 2) * size[0], (y - height / 2) * size[1], width * size[0], height * size[1])


def _polygon(numbers: Sequence[float], size: Size) -> Polygon:
    pairs: Any = zip(numbers[::2], numbers[1::2], strict=True)
    return Polygon(tuple((x * size[0], y * size[1]) for x, y in pairs))
