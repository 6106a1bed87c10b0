"""Rows of batches on their way to annotations: which data row, from where, and what was rejected before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from labelbox_airflow.engine.annotations.imports.spec import SPLITS
from labelbox_airflow.engine.annotations.model import DataRow, Origin
from labelbox_airflow.engine.annotations.problems import AnnotationError, RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.records import Batch, Rejected
from labelbox_airflow.engine.rows.keys import KeyReader
from labelbox_airflow.engine.rows.problems import Problems, row_payload
from labelbox_airflow.engine.rows.spec import KeySpec, ValueSpec
from labelbox_airflow.engine.rows.urls import strip_signature
from labelbox_airflow.engine.rows.values import texts, values_of

Errors = dict[int, AnnotationError]
"""What is wrong, by row of a batch; the first thing found for a row is kept."""

DataRows = Callable[[pa.RecordBatch, Errors], list[DataRow | None]]


_SPLITS = {word: split for name, split in SPLITS.items() for word in (name, split.lower())}


def data_row_reader(key: KeySpec | None, row_id: ValueSpec | None, split_column: str | None = None) -> DataRows:
    """Return what reads the data row of each row, by the one of the two that is given, and its split in a model run."""
    if key is not None:
        read = _keyed_rows(key)
    elif row_id is not None:
        read = _identified_rows(row_id)
    else:
        raise ValueError("give a global key or the id of a data row")
    return read if split_column is None else _split_rows(read, split_column)


def _split_rows(read: DataRows, column: str) -> DataRows:
    """Return what reads data rows with their splits; None, with an error noted, where a split is none."""
    values = values_of(ValueSpec(column=column))

    def read_split(rows: pa.RecordBatch, errors: Errors) -> list[DataRow | None]:
        found, made = read(rows, errors), dict[DataRow, DataRow]()
        for index, word in enumerate(texts(values(rows))):
            data_row = found[index]
            if not word or data_row is None:
                continue
            split = _SPLITS.get(word.lower())
            if split is None:
                errors.setdefault(index, AnnotationError("bad_split", column, word, f"is none of {', '.join(SPLITS)}"))
                found[index] = None
            else:
                with_split = DataRow(data_row.global_key, data_row.id, split)
                found[index] = made.setdefault(with_split, with_split)
        return found

    return read_split


def _keyed_rows(spec: KeySpec) -> DataRows:
    """Return what reads the data row of each row by its global key; None, with an error noted, where there is none."""
    reader = KeyReader(spec, None)

    def read(rows: pa.RecordBatch, errors: Errors) -> list[DataRow | None]:
        problems = Problems()
        keys = reader.read(rows, problems)
        for index, problem in problems.items():
            errors.setdefault(index, AnnotationError(problem.code, problem.field, problem.value, problem.reason))
        made = {key: DataRow(key) for key in dict.fromkeys(keys) if key is not None}
        return [made.get(key) if key is not None else None for key in keys]

    return read


def _identified_rows(spec: ValueSpec) -> DataRows:
    """Return what reads the data row of each row by its id in Labelbox."""
    values = values_of(spec)

    def read(rows: pa.RecordBatch, errors: Errors) -> list[DataRow | None]:
        ids = texts(values(rows))
        made = {each: DataRow(id=each) for each in dict.fromkeys(ids) if each}
        for index, each in enumerate(ids):
            if not each:
                reason = "is empty; every row needs the id of a data row"
                errors.setdefault(index, AnnotationError("null_key", "data_row_id", each, reason))
        return [made.get(each) if each else None for each in ids]

    return read


def origins(batch: Batch) -> list[Origin]:
    """Return where each row of a batch came from."""
    if batch.origin_column is not None:
        return [_origin(text) for text in batch.rows.column(batch.origin_column).to_pylist()]
    place, word = batch.place, batch.position_word
    return [Origin(place, position, word) for position in batch.positions]


def _origin(text: str) -> Origin:
    """Read what `Batch.origin` wrote."""
    place, _, position = text.rpartition(" ")
    place, _, word = place.rpartition(" ")
    return Origin(place, int(position), word) if place and position.isdecimal() else Origin(text, 0)


def rejected_row(
    batch: Batch,
    index: int,
    error: AnnotationError,
    origin: Origin,
    *,
    data_row: DataRow | None,
    class_name: str | None = None,
    source_id: str | None = None,
) -> RejectedAnnotation:
    """Return the reject of a row of a batch, with its content; signatures of URLs stripped."""
    line = row_payload(batch.rows, index)
    return RejectedAnnotation(
        origin, error.code, strip_signature(str(error)), error.field, data_row, class_name, source_id, line
    )


def with_rejected(batch: Batch, reads: Sequence[Read]) -> Iterator[Read]:
    """Yield what was read and what was rejected before, in the order of the source."""
    waiting = [_rejected_before(each) for each in batch.rejected]
    for read in reads:
        while waiting and _is_before(waiting[0].origin, read.origin):
            yield waiting.pop(0)
        yield read
    yield from waiting


def _is_before(first: Origin | None, second: Origin | None) -> bool:
    return first is not None and second is not None and first.place == second.place and first.position < second.position


def _rejected_before(rejected: Rejected) -> RejectedAnnotation:
    return RejectedAnnotation(
        origin=_origin(rejected.origin),
        code=rejected.code,
        reason=rejected.reason,
        field=rejected.field,
        data_row=DataRow(rejected.global_key) if rejected.global_key is not None else None,
        line=rejected.row,
    )
