"""Long tables: one annotation a row, as a `TableSpec` says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pyarrow as pa

from labelbox_airflow.engine.annotations.model import Annotation, Classification, DataRow, Feature, Origin
from labelbox_airflow.engine.annotations.model import Message as MessagePart
from labelbox_airflow.engine.annotations.model import Page as PagePart
from labelbox_airflow.engine.annotations.model import Part as RowPart
from labelbox_airflow.engine.annotations.ndjson.answers import read_classifications
from labelbox_airflow.engine.annotations.problems import AnnotationError, RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.blocks import BoxBlock
from labelbox_airflow.engine.annotations.readers.cells import is_empty, structure, whole, without_nulls
from labelbox_airflow.engine.annotations.readers.numbers import numbers
from labelbox_airflow.engine.annotations.readers.source_rows import (
    Errors,
    data_row_reader,
    origins,
    rejected_row,
    with_rejected,
)
from labelbox_airflow.engine.annotations.readers.table_kinds import value_reader
from labelbox_airflow.engine.annotations.readers.table_shapes import Part, SizeOf, box_sides
from labelbox_airflow.engine.annotations.readers.table_spec import UNITS, ClassSpec, TableSpec, is_unit
from labelbox_airflow.engine.collector import collector_paused
from labelbox_airflow.engine.errors import SourceError, did_you_mean
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.rows.spec import ValueSpec
from labelbox_airflow.engine.rows.values import texts, values_of

_BELOW = "below_confidence"


class TableReader:
    """Reads the annotations of long tables.

    :ivar skipped: how many rows were left out by the spec's own wish, by reason: ``below_confidence``
    """

    def __init__(self, spec: TableSpec, size_of: SizeOf | None = None, *, split_column: str | None = None) -> None:
        """``size_of`` tells the size of an asset, for normalized geometry without columns of size."""
        self._spec = spec
        self._data_rows = data_row_reader(spec.global_key, spec.data_row_id, split_column)
        self._values, self._size_of = value_reader(spec, size_of), size_of
        self._features: dict[str, Feature] = {}
        self.skipped: Counter[str] = Counter()

    def read(self, batches: Iterable[Batch]) -> Iterator[Read]:
        """Yield the annotations and rejects of all batches, in the order of the rows.

        :raises SourceError: a column that the spec names is not there
        """
        yield from self._read(batches, self._batch)

    def read_blocks(self, batches: Iterable[Batch]) -> Iterator[Read | BoxBlock]:
        """Yield what :meth:`read` does, boxes in blocks; what is rejected comes after the block it was read with."""
        yield from self._read(batches, self._blocks if self._are_plain_boxes() else self._batch)

    def _read(self, batches: Iterable[Batch], of_batch: Callable[[Batch], list[Any]]) -> Iterator[Any]:
        for batch in batches:
            try:
                reads = of_batch(self._confident(batch))
            except SourceError as error:
                raise SourceError(error.message, where=error.where or batch.place, remedy=error.remedy) from None
            if batch.rejected:
                yield from with_rejected(batch, reads)
            else:
                yield from reads
            del reads  # else two batches would be in memory

    @collector_paused()
    def _batch(self, batch: Batch) -> list[Read]:
        spec, rows = self._spec, batch.rows
        errors: Errors = {}
        data_rows = self._data_rows(rows, errors)
        keys = [None if each is None else each.global_key or each.id for each in data_rows]
        features = self._read_features(rows, errors)
        values = self._values(Part(rows, keys, errors))
        count = rows.num_rows
        ids = texts(values_of(spec.id)(rows)) if spec.id is not None else [None] * count
        confidences = self._confidences(rows, errors)
        parts = self._parts(rows, errors)
        nested = self._classifications(rows, errors)
        from_where = origins(batch)
        reads: list[Any] = [
            Annotation(data_row, feature, value, classifications, part, confidence, (), source_id, None, False, origin)
            for data_row, feature, value, classifications, part, confidence, source_id, origin in zip(
                data_rows, features, values, nested, parts, confidences, ids, from_where, strict=True
            )
        ]
        for index, error in errors.items():
            reads[index] = _rejected(batch, index, error, from_where[index], data_rows, features, ids)
        return reads

    def _are_plain_boxes(self) -> bool:
        """Tell whether there is nothing but boxes, and nothing said of them that a `BoxBlock` has no place for."""
        spec = self._spec
        others = (spec.page, spec.message, spec.classifications)
        return spec.kind.value == "bounding_box" and all(each is None for each in others)

    @collector_paused()
    def _blocks(self, batch: Batch) -> list[Read | BoxBlock]:
        spec, rows = self._spec, batch.rows
        if batch.origin_column is not None or batch.rejected or spec.geometry is None:
            return list(self._batch(batch))
        errors: Errors = {}
        data_rows = self._data_rows(rows, errors)
        keys = [None if each is None else each.global_key or each.id for each in data_rows]
        features = self._read_features(rows, errors)
        sides = box_sides(Part(rows, keys, errors), spec.geometry, self._size_of)
        ids = texts(values_of(spec.id)(rows)) if spec.id is not None else None
        confidences = self._confidences(rows, errors) if spec.confidence is not None else None
        block = BoxBlock(
            # None is where there is an error, and those are left out below.
            cast("list[DataRow]", data_rows),
            cast("list[Feature]", features),
            sides,
            ids,
            confidences,
            batch.place,
            batch.position_word,
            batch.positions,
        )
        right = np.ones(len(block), np.bool_)
        right[list(errors)] = False
        wrong: list[Read | BoxBlock] = [
            _rejected(batch, index, error, block.origin(index), data_rows, features, ids)
            for index, error in errors.items()
        ]
        return [block.where(right), *wrong] if right.any() else wrong

    def _read_features(self, rows: pa.RecordBatch, errors: Errors) -> list[Feature | None]:
        spec, field = self._spec.class_, self._spec.class_.column or "class"
        found: list[Feature | None] = []
        for index, word in enumerate(texts(values_of(spec)(rows))):
            feature = self._features.get(word or "")
            if feature is None:
                try:
                    feature = self._features[word or ""] = _feature(word, spec, field)
                except AnnotationError as error:
                    errors.setdefault(index, error)
            found.append(feature)
        return found

    def _confident(self, batch: Batch) -> Batch:
        """Return the batch without the rows that are below the least confidence; what cannot be compared stays."""
        spec = self._spec.confidence
        if spec is None or spec.min is None:
            return batch
        below = numbers(batch.rows, spec.column, {}) < spec.min
        if not below.any():
            return batch
        self.skipped[_BELOW] += int(below.sum())
        positions = [position for position, out in zip(batch.positions, below.tolist(), strict=True) if not out]
        return replace(batch, rows=batch.rows.filter(pa.array(~below)), positions=positions)

    def _confidences(self, rows: pa.RecordBatch, errors: Errors) -> list[float | None]:
        spec = self._spec.confidence
        if spec is None:
            return [None] * rows.num_rows
        given = numbers(rows, spec.column, errors, optional=spec.min is None)
        for index in np.flatnonzero((given < 0) | (given > 1)).tolist():
            shown = float(given[index])
            errors.setdefault(index, AnnotationError("bad_confidence", spec.column, shown, "must be between 0 and 1"))
        confidences: list[float | None] = given.tolist()
        if np.isnan(given).any():
            return [each if each == each else None for each in confidences]
        return confidences

    def _parts(self, rows: pa.RecordBatch, errors: Errors) -> Sequence[RowPart | None]:
        spec = self._spec
        if spec.message is not None:
            return [MessagePart(each) if each else None for each in texts(values_of(spec.message)(rows))]
        if spec.page is None:
            return [None] * rows.num_rows
        field = spec.page.number.column or "page.number"
        unit = ValueSpec(value=spec.page.unit) if is_unit(spec.page.unit) else ValueSpec(column=spec.page.unit)
        found: list[RowPart | None] = []
        for index, (number, word) in enumerate(
            zip(values_of(spec.page.number)(rows), values_of(unit)(rows), strict=True)
        ):
            try:
                found.append(_page(number, word, field, spec.page.unit))
            except AnnotationError as error:
                errors.setdefault(index, error)
                found.append(None)
        return found

    def _classifications(self, rows: pa.RecordBatch, errors: Errors) -> Sequence[tuple[Classification, ...]]:
        column = self._spec.classifications
        if column is None:
            return [()] * rows.num_rows
        part = Part(rows, (), errors)
        return [each or () for each in part.each(column, lambda value, _: nested_answers(value, column))]


def _rejected(
    batch: Batch,
    index: int,
    error: AnnotationError,
    origin: Origin,
    data_rows: Sequence[DataRow | None],
    features: Sequence[Feature | None],
    ids: Sequence[str | None] | None,
) -> RejectedAnnotation:
    feature = features[index]
    return rejected_row(
        batch,
        index,
        error,
        origin,
        data_row=data_rows[index],
        class_name=str(feature) if feature is not None else None,
        source_id=ids[index] if ids is not None else None,
    )


def nested_answers(value: Any, field: str) -> tuple[Classification, ...]:
    """Return nested answers of a cell in Labelbox's NDJSON form, typed or as JSON.

    :raises AnnotationError: what is wrong with them
    """
    return () if is_empty(value) else read_classifications(without_nulls(structure(value, field)), field)


def _feature(word: str | None, spec: ClassSpec, field: str) -> Feature:
    if not word:
        raise AnnotationError("no_class", field, word, "is empty; every annotation needs a class")
    name = spec.map.get(word)
    if name is None and spec.map and spec.unmapped == "reject":
        reason = f"is not in class.map. {did_you_mean(word, spec.map)} Add it, or set class.unmapped: keep"
        raise AnnotationError("unmapped_class", field, word, reason)
    return Feature(name or word) if spec.by == "name" else Feature(schema_id=name or word)


def _page(number: Any, unit: Any, field: str, unit_field: str) -> PagePart:
    if unit not in UNITS:
        raise AnnotationError("bad_unit", unit_field, unit, f"must be one of {', '.join(UNITS)}")
    return PagePart(whole(number, field), unit)
