"""Rows of Python values as Arrow batches, and the types their columns have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from labelbox_airflow.engine.annotations.problems import shorten
from labelbox_airflow.engine.errors import LabelboxError

TEXT = pa.string()
TEXTS = pa.list_(pa.string())
WHOLE = pa.int64()
NUMBER = pa.float64()
FLAG = pa.bool_()
TIME = pa.timestamp("us", tz="UTC")

_ID = b"labelbox_id"

Row = Mapping[str, Any]
"""A row of a table by column; columns that are left out are null."""


class Rows(NamedTuple):
    """Rows that have some columns in common: those of one label, say; no row has one of these itself."""

    common: Row
    rows: Sequence[Row]


def column(name: str, kind: pa.DataType, labelbox_id: str | None = None) -> pa.Field:
    """Return a column; with the id of what it is of in Labelbox, which stays when that is renamed."""
    return pa.field(name, kind, metadata={_ID: labelbox_id.encode()} if labelbox_id is not None else None)


def labelbox_id(field: pa.Field) -> str | None:
    """Return the id of what a column is of in Labelbox; None for one of nothing in particular."""
    found = (field.metadata or {}).get(_ID)
    return found.decode() if found is not None else None


def struct(**fields: pa.DataType) -> pa.DataType:
    """Return the type of an object with these fields."""
    return pa.struct([pa.field(name, kind) for name, kind in fields.items()])


def as_json(value: Any) -> str | None:
    """Return what the columns have no room for as JSON; None for nothing."""
    return orjson.dumps(value).decode() if value else None


def record_batch(groups: Sequence[Rows], schema: pa.Schema) -> pa.RecordBatch:
    """Return rows as a batch, in their order. Times are texts in ISO 8601 with their offset.

    What rows have in common is converted once, and columns that none of them has are not looked for.

    :raises LabelboxError: a value that is not of the type of its column
    """
    common = [group.common for group in groups]
    rows = [row for group in groups for row in group.rows]
    in_common, in_rows = set[str]().union(*common), set[str]().union(*rows)
    positions = pa.array([at for at, group in enumerate(groups) for _ in group.rows], pa.int32())
    columns = []
    for field in schema:
        if field.name in in_common:
            columns.append(_array(common, field).take(positions))
        elif field.name in in_rows:
            columns.append(_array(rows, field))
        else:
            columns.append(pa.nulls(len(rows), field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _array(rows: Sequence[Row], field: pa.Field) -> pa.Array:
    name = field.name
    values = [row.get(name) for row in rows]
    try:
        return array(values, field.type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        raise _misfit(values, field) from None


def array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return values as a column of a type; times from texts.

    :raises pa.ArrowException: a value that is not of the type
    """
    if kind == TIME:
        return pa.array(values, TEXT).cast(TIME)
    return pa.array(values, kind)


def _misfit(values: Sequence[Any], field: pa.Field) -> LabelboxError:
    for value in values:
        try:
            array([value], field.type)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            return LabelboxError(f"{field.name} = {shorten(value)} is no {field.type}", where="export")
    return LabelboxError(f"{field.name} has values that make no column of {field.type}", where="export")
