"""Values of Arrow as the text formats have them."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

_ISO = "%Y-%m-%dT%H:%M:%S"


def plain(column: pa.Array) -> pa.Array:
    """Return a column with times as ISO 8601 text, those with a zone in UTC; the others as they are."""
    if pa.types.is_timestamp(column.type):
        if column.type.tz is None:
            return pc.strftime(column, format=_ISO)
        return pc.strftime(column.cast(pa.timestamp(column.type.unit, "UTC")), format=f"{_ISO}Z")
    return column


def as_json(value: Any) -> bytes:
    """Return a Python value of Arrow as JSON: times as ISO 8601, bytes as base64, decimals as text, NaN as null."""
    return orjson.dumps(value, default=_other, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def _other(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else str(value)
