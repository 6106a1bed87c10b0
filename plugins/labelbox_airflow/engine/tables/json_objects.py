"""JSON objects as rows of text: how an object is read, and what a cell becomes."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Sequence
from typing import Any

import orjson
import pyarrow as pa

from labelbox_airflow.engine.errors import did_you_mean

_log = logging.getLogger(__name__)
_EXACT = 2.0**53  # from here on a float cannot tell whole numbers apart


class NotAnObjectError(ValueError):
    """JSON that is no object; the message says what it is."""


def parse_object(text: bytes) -> dict[str, Any]:
    """Read one JSON object; whole numbers keep all their digits.

    :raises orjson.JSONDecodeError: for a text that is no JSON; it knows the position
    :raises NotAnObjectError: for JSON of another kind
    """
    value: dict[str, Any] = orjson.loads(text)
    if not isinstance(value, dict):
        raise NotAnObjectError(f"a JSON {kind_of(value)}, not an object with keys")
    if any(type(cell) is float and abs(cell) >= _EXACT for cell in value.values()):
        value = json.loads(text)  # orjson makes a float of a whole number beyond 64 bits, and loses digits
    return value


def cell_text(value: Any) -> str | None:
    """Return a value as the text of a cell: a string as it is, any other as its JSON text, null as None."""
    if value is None or type(value) is str:
        return value
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a whole number beyond 64 bits
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def text_columns(objects: Sequence[dict[str, Any]], names: Sequence[str]) -> pa.RecordBatch:
    """Return what ``objects`` have under ``names`` as columns of text."""
    schema = pa.schema([(name, pa.string()) for name in names])
    arrays = [pa.array([cell_text(record.get(name)) for record in objects], pa.string()) for name in names]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def warn_of_absent(wanted: Sequence[str] | None, seen: Collection[str], place: str) -> None:
    """Say in the log which of the keys wanted no object has, where there were objects."""
    for name in wanted or ():
        if seen and name not in seen:
            _log.warning("%s: no object has the key '%s'. %s", place, name, did_you_mean(name, seen))


def kind_of(value: object) -> str:
    """Return what JSON calls the kind of ``value``, which is no object."""
    names = {list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")
