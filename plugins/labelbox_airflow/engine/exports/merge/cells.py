"""Values of Arrow for databases that have no structs."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from labelbox_airflow.engine.exports.files.formats.texts import as_json, plain_values


def is_nested(kind: pa.DataType) -> bool:
    """Tell whether a type is one of lists or structs."""
    return bool(pa.types.is_nested(kind))


def values(column: pa.Array) -> list[Any]:
    """Return a column as Python values: what is nested as JSON, times as ISO 8601 in UTC."""
    if is_nested(column.type):
        return [None if value is None else as_json(value).decode() for value in plain_values(column)]
    return plain_values(column)
