"""Wide tables: one row a data row, one column a class, as the former connectors had them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labelbox_airflow.engine.annotations.model import Annotation, Classification, DataRow, Origin, Part, Value
from labelbox_airflow.engine.annotations.ndjson.answers import read_answer
from labelbox_airflow.engine.annotations.problems import AnnotationError, RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.cells import is_empty, is_scalar, number, structure, without_nulls
from labelbox_airflow.engine.annotations.readers.source_rows import (
    Errors,
    data_row_reader,
    origins,
    rejected_row,
    with_rejected,
)
from labelbox_airflow.engine.annotations.readers.table import nested_answers
from labelbox_airflow.engine.annotations.readers.wide_answers import PathReader, Questions, is_paths
from labelbox_airflow.engine.annotations.readers.wide_cells import Entry, entries, value_of
from labelbox_airflow.engine.annotations.readers.wide_spec import QUESTIONS, WideColumn, WideSpec, wide_columns
from labelbox_airflow.engine.collector import collector_paused
from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.ontology.tree import Classification as Question
from labelbox_airflow.engine.ontology.tree import Ontology
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.rows.problems import row_payload
from labelbox_airflow.engine.rows.urls import strip_signature
from labelbox_airflow.engine.rows.values import as_text, column_values


class WideReader:
    """Reads the annotations of wide tables.

    :param ontology: tells the kinds of nested questions; without it cells with nested answers are rejected
    :param split_column: column with the split of each data row in a model run
    :ivar skipped: what is left out by the spec's own wish: nothing
    """

    def __init__(self, spec: WideSpec, ontology: Ontology | None = None, *, split_column: str | None = None) -> None:
        self._spec = spec
        self._ontology = ontology
        self._split_column = split_column
        self.skipped: Mapping[str, int] = {}

    def read(self, batches: Iterable[Batch]) -> Iterator[Read]:
        """Yield the annotations and rejects of all batches: by row, within it by column, within it by cell.

        :raises SourceError: a column of an unknown kind, or none with the global key
        """
        for batch in batches:
            try:
                reads = self._batch(batch)
            except SourceError as error:
                raise SourceError(error.message, where=error.where or batch.place, remedy=error.remedy) from None
            yield from with_rejected(batch, reads)

    read_blocks = read  # as a `TableReader` has it; cells come one by one

    @collector_paused()
    def _batch(self, batch: Batch) -> list[Read]:
        names, errors = batch.rows.schema.names, Errors()
        columns = wide_columns(names, self._spec, where=batch.place)
        key = self._spec.key(names, where=batch.place)
        data_rows = data_row_reader(key, None, self._split_column)(batch.rows, errors)
        from_where = origins(batch)
        cells = [column_values(batch.rows, column.name) for column in columns]
        reads: list[Read] = []
        for index, data_row in enumerate(data_rows):
            given = zip(columns, [values[index] for values in cells], strict=True)
            filled = [(column, cell) for column, cell in given if not is_empty(cell)]
            if filled and data_row is None:
                reads.append(rejected_row(batch, index, errors[index], from_where[index], data_row=None))
            elif filled and data_row is not None:
                row = _Row(batch, index, data_row, from_where[index])
                for column, cell in filled:
                    reads.extend(self._cell(cell, column, row))
        return reads

    def _cell(self, cell: Any, column: WideColumn, row: _Row) -> Iterator[Read]:
        try:
            if column.kind in QUESTIONS:
                yield from self._answers(cell, column, row)
                return
            content = structure(cell, column.name)
            found = [] if is_empty(content) else entries(content, column.kind, column.name)
        except AnnotationError as error:
            yield row.rejected(error, column)
            return
        for ordinal, entry in enumerate(found):
            try:
                yield self._object(entry, column, f"{column.name}[{ordinal}]", row)
            except AnnotationError as error:
                yield row.rejected(error, column)

    def _object(self, entry: Entry, column: WideColumn, place: str, row: _Row) -> Annotation:
        value, part = value_of(structure(entry.geometry, place), column.kind, place)
        nested = self._nested(entry.nested, column, place)
        return row.annotation(column, value, nested, part, _confidence(entry.confidence, place))

    def _nested(self, nested: Any, column: WideColumn, place: str) -> tuple[Classification, ...]:
        if not nested:
            return ()
        if not is_paths(nested):
            return nested_answers(nested, place)
        questions: Questions = None
        if self._ontology is not None:
            tool = self._ontology.tool(column.feature.name)
            questions = tool.classifications if tool is not None else ()
        return PathReader(self._spec.divider, place).nested(nested, questions, str(column.feature))

    def _answers(self, cell: Any, column: WideColumn, row: _Row) -> Iterator[Annotation]:
        is_plain = type(cell) is str and cell.lstrip()[:1] not in {"[", "{"}
        content = cell if is_plain else structure(cell, column.name)
        if is_empty(content):
            return
        if type(content) is dict or (type(content) is list and all(type(each) is dict for each in content)):
            yield row.annotation(column, _answer_of_objects(content, column))
            return
        name = str(column.feature)
        question = None
        if self._ontology is not None:
            question = self._ontology.classification(name) or Question(name, column.kind)
        paths, confidence = _paths(content, column.name)
        answer = PathReader(self._spec.divider, column.name).answer(column.kind, paths, question, name)
        yield row.annotation(column, answer, confidence=confidence)


@dataclass(slots=True)
class _Row:
    """A row of a batch: what its annotations and rejects have in common."""

    batch: Batch
    index: int
    data_row: DataRow
    origin: Origin

    def annotation(
        self,
        column: WideColumn,
        value: Value,
        nested: tuple[Classification, ...] = (),
        part: Part | None = None,
        confidence: float | None = None,
    ) -> Annotation:
        return Annotation(self.data_row, column.feature, value, nested, part, confidence, origin=self.origin)

    def rejected(self, error: AnnotationError, column: WideColumn) -> RejectedAnnotation:
        return RejectedAnnotation(
            origin=self.origin,
            code=error.code,
            reason=strip_signature(str(error)),
            field=column.name,
            data_row=self.data_row,
            class_name=str(column.feature),
            line=row_payload(self.batch.rows.select([column.name]), self.index),
        )


def _answer_of_objects(cell: Any, column: WideColumn) -> Any:
    """Read structs in the form of an NDJSON answer: ``{name, classifications}``."""
    options = [cell] if type(cell) is dict else cell
    try:
        return read_answer(without_nulls({"answer": options if column.kind == "checklist" else options[0]}))
    except AnnotationError as error:
        raise AnnotationError(error.code, f"{column.name}.{error.field}", error.value, error.reason) from None


def _paths(cell: Any, place: str) -> tuple[list[str], float | None]:
    """Return the answer paths of a cell: ``[[path, path]]``, ``[[[path], confidence]]``, ``[path]`` or ``path``."""
    if is_scalar(cell):
        return [as_text(cell) or ""], None
    paths: list[str] = []
    confidence = None
    for each in cell:
        given = each
        if type(each) in {list, tuple} and len(each) == 2 and type(each[1]) in {int, float}:
            given, confidence = each[0], _confidence(each[1], place)
        for path in [given] if is_scalar(given) else given:
            if not is_scalar(path):
                raise AnnotationError("bad_cell", place, path, "must be a list of answers: [[answer, answer]]")
            paths.append(as_text(path) or "")
    return list(dict.fromkeys(path for path in paths if path)), confidence


def _confidence(value: Any, place: str) -> float | None:
    if is_empty(value):
        return None
    given = number(value, f"{place} confidence")
    if not 0 <= given <= 1:
        raise AnnotationError("bad_confidence", f"{place} confidence", value, "must be between 0 and 1")
    return float(given)
