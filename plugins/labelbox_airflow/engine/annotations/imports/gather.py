"""Gather: what readers yield is checked as far as it can be by itself, and put together by data row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from labelbox_airflow.engine.annotations.checks import AnnotationChecker
from labelbox_airflow.engine.annotations.imports.box_runs import plain, runs
from labelbox_airflow.engine.annotations.imports.gathered import NO_EXTENT, Extent, Gathered, digest_of
from labelbox_airflow.engine.annotations.imports.tally import NO_CLASS, Tally
from labelbox_airflow.engine.annotations.model import (
    Annotation,
    BoundingBox,
    Checklist,
    DataRow,
    FreeText,
    Line,
    MaskUri,
    MessageEvaluation,
    Metric,
    Origin,
    Point,
    Polygon,
    Radio,
    Relationship,
)
from labelbox_airflow.engine.annotations.ndjson.line import write_line
from labelbox_airflow.engine.annotations.problems import AnnotationError, RejectedAnnotation, rejected
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.blocks import BoxBlock
from labelbox_airflow.engine.annotations.readers.coco_spec import LEFT_OUT
from labelbox_airflow.engine.annotations.slots import Slots, slot_of
from labelbox_airflow.engine.annotations.targets import BY_ID, FEW_EXPORTS
from labelbox_airflow.engine.api.exports import KEYS_PER_EXPORT


class Gathering:
    """Takes what readers yield.

    :param keeps_scores: whether confidence and metrics are kept, as model runs do and projects do not
    :ivar places: where annotations were read, by the numbers in `Gathered`
    :ivar identities: the data rows, for as long as they are few
    :ivar left_out: what the readers were asked to leave out
    :ivar loose: rejected ones of which nobody knows the data row
    """

    def __init__(self, slots: Slots, checker: AnnotationChecker, *, keeps_scores: bool) -> None:
        self._slots, self._checker, self._keeps_scores = slots, checker, keeps_scores
        self._place_numbers: dict[tuple[str, str], int] = {}
        self._of_rows: dict[DataRow, tuple[str, int]] = {}
        self.places: list[tuple[str, str]] = []
        self.identities: dict[str, None] = {}
        self.loose: list[RejectedAnnotation] = []
        self.left_out: Tally = Counter()
        self.read = 0

    def take(self, items: Iterable[Read | BoxBlock]) -> None:
        """Take annotations, blocks of them, and rejected ones."""
        for item in items:
            if isinstance(item, BoxBlock):
                self._take_block(item)
                continue
            self.read += 1
            if isinstance(item, RejectedAnnotation):
                if item.code in LEFT_OUT:
                    self.left_out[item.code, item.class_name or NO_CLASS] += 1
                else:
                    self._reject(item)
            else:
                self._add(item)

    def _take_block(self, block: BoxBlock) -> None:
        self.read += len(block)
        if self._keeps_scores and block.confidences is not None:
            for annotation in block.annotations():
                self._add(annotation)
            return
        good = plain(block, self._checker)
        if not good.all():
            for annotation in block.where(~good).annotations():
                self._add(annotation)
        place = self._place_number(block.place, block.word)
        for run in runs(block.where(good), place, lambda row: self._identity(row)[0]):
            self._slots.add(slot_of(run.identity), tuple(run), run.boxes)

    def origin(self, gathered: Gathered) -> Origin:
        """Return where an annotation was read."""
        place, word = self.places[gathered.place]
        return Origin(place, gathered.position, word)

    def _add(self, annotation: Annotation) -> None:
        if not self._keeps_scores and (annotation.confidence is not None or annotation.metrics):
            annotation.confidence, annotation.metrics = None, ()  # type: ignore[misc]  # ours alone, and not shared
        try:
            annotation = self._checker.check(annotation)
        except AnnotationError as error:
            self._reject(rejected(annotation, error, _line_of(annotation)))
            return
        uuid, annotation.uuid = annotation.uuid, None  # type: ignore[misc]
        line = orjson.dumps(write_line(annotation))
        identity, slot = self._identity(annotation.data_row)
        record = (
            identity,
            str(annotation.feature) if annotation.feature is not None else NO_CLASS,
            annotation.source_id if annotation.source_id is not None else uuid,
            line,
            digest_of(line),
            *self._place(annotation.origin),
            _extent(annotation),
            type(annotation.value) is Relationship,
            None,
            annotation.data_row.split,
        )
        self._slots.add(slot, record)

    def _reject(self, item: RejectedAnnotation) -> None:
        if item.data_row is None:
            self.loose.append(item)
            return
        identity, slot = self._identity(item.data_row)
        reject = (item.code, item.field, item.reason, _dumped(item.line))
        place = self._place(item.origin)
        record = (identity, item.class_name or NO_CLASS, item.source_id, b"", b"", *place, None, False, reject)
        self._slots.add(slot, record)

    def _identity(self, data_row: DataRow) -> tuple[str, int]:
        known = self._of_rows.get(data_row)
        if known is not None:
            return known
        identity = data_row.global_key if data_row.global_key is not None else f"{BY_ID}{data_row.id}"
        if len(self.identities) <= FEW_EXPORTS * KEYS_PER_EXPORT:
            self.identities[identity] = None
        if len(self._of_rows) >= 1000:
            self._of_rows.clear()
        found = self._of_rows[data_row] = (identity, slot_of(identity))
        return found

    def _place(self, origin: Origin | None) -> tuple[int, int]:
        if origin is None:
            origin = Origin("annotations", self.read, "number")
        return self._place_number(origin.place, origin.word), origin.position

    def _place_number(self, place: str, word: str) -> int:
        number = self._place_numbers.get((place, word))
        if number is None:
            number = self._place_numbers[place, word] = len(self.places)
            self.places.append((place, word))
        return number


_WITHOUT_EXTENT = frozenset((Radio, Checklist, FreeText, MaskUri, MessageEvaluation, Metric))


def _extent(annotation: Annotation) -> Extent | tuple[()] | None:
    value = annotation.value
    kind = type(value)
    if annotation.part is not None:
        return None
    if kind is BoundingBox:
        left, top = value.left, value.top  # type: ignore[union-attr]
        return left, top, left + value.width, top + value.height  # type: ignore[union-attr]
    if kind is Polygon or kind is Line:
        xs, ys = zip(*value.points, strict=True)  # type: ignore[union-attr]
        return min(xs), min(ys), max(xs), max(ys)
    if kind is Point:
        return value.x, value.y, value.x, value.y  # type: ignore[union-attr]
    if kind in _WITHOUT_EXTENT and not getattr(value, "spans", ()):
        return NO_EXTENT
    return None


def _line_of(annotation: Annotation) -> Mapping[str, Any]:
    try:
        return write_line(annotation)
    except (TypeError, ValueError, KeyError, AttributeError):
        return {}


def _dumped(line: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(line, default=str)
    except TypeError:
        return b"{}"
