"""Columns of numbers, whether typed or text, as arrays; what is no finite number is an error of its row."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.annotations.readers.cells import number
from labelbox_airflow.engine.annotations.readers.source_rows import Errors
from labelbox_airflow.engine.rows.values import column_values

Floats = npt.NDArray[np.float64]


def numbers(rows: pa.RecordBatch, name: str, errors: Errors, *, optional: bool = False) -> Floats:
    """Return a column as floats; NaN, with an error noted, where there is no finite number.

    :param optional: whether an empty cell is NaN without an error
    :raises SourceError: there is no such column
    """
    index = rows.schema.get_field_index(name)
    given = _cast(rows.column(index)) if index >= 0 else None
    floats = given if given is not None else _one_by_one(column_values(rows, name))
    if np.isfinite(floats).all():
        return floats
    values = column_values(rows, name)
    missing = np.flatnonzero(~np.isfinite(floats))
    floats[missing] = np.nan
    for at in missing.tolist():
        if optional and _is_empty(values[at]):
            continue
        try:
            number(values[at], name)
        except AnnotationError as error:
            errors.setdefault(at, error)
    return floats


def _cast(column: pa.Array) -> Floats | None:
    """Return the column as floats of its own, NaN for null; None where not all of it are numbers."""
    if pa.types.is_boolean(column.type) or pa.types.is_nested(column.type):
        return None
    try:
        floats = pc.cast(column, pa.float64(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return np.array(floats.fill_null(float("nan")).to_numpy(zero_copy_only=False))


def _one_by_one(values: list[Any]) -> Floats:
    return np.array([_number(value) for value in values], np.float64)


def _number(value: Any) -> float:
    try:
        return number(value, "")
    except AnnotationError:
        return float("nan")


def _is_empty(value: Any) -> bool:
    return value is None or value != value or (type(value) is str and value.strip().lower() in {"", "nan"})
