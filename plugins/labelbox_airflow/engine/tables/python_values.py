"""Rows of Python values, as databases and workbooks give them, as Arrow columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain
from typing import Any

import orjson
import pyarrow as pa

from labelbox_airflow.engine.rows.values import as_text
from labelbox_airflow.engine.tables.streams import MAX_RECORD_BYTES

_INSTANT = pa.timestamp("us", "UTC")
_LOCAL = pa.timestamp("us")
_VECTOR = pa.list_(pa.float64())
_BYTES = frozenset({bytes, bytearray, memoryview})
_NUMBERS = frozenset({int, float})
_PLAIN: dict[type, pa.DataType] = {
    bool: pa.bool_(),
    float: pa.float64(),
    str: pa.string(),
    date: pa.date32(),
}


class ValueColumns:
    """Makes Arrow columns of rows, one batch after the other; a column keeps its type where its values allow.

    Whole numbers, floats, booleans, texts, dates, times and bytes keep their type; times with a zone become UTC. Lists
    of floats become lists, as vectors. Decimals become text with all their digits, and so do whole numbers beyond 64
    bits; other lists and mappings become JSON text, anything else its text.

    :param names: of the columns, in the order of the cells of a row
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._types: list[pa.DataType] = [pa.null()] * len(names)

    def batch(self, rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
        """Return ``rows`` as columns."""
        cells: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(self.names)
        arrays = [self._column(index, values) for index, values in enumerate(cells)]
        return pa.RecordBatch.from_arrays(arrays, names=self.names)

    def _column(self, index: int, values: Sequence[Any]) -> pa.Array:
        kept = self._types[index]
        kinds = frozenset(map(type, values)) - {type(None)}
        if not kinds:
            return pa.nulls(len(values), pa.string() if kept == pa.null() else kept)
        if kept == pa.float64() and kinds <= _NUMBERS:
            return pa.array(values, pa.float64())
        array = _array(values, kinds)
        self._types[index] = array.type
        return array


def too_large(row: Sequence[Any]) -> int | None:
    """Return the index of the first cell of ``row`` over 16 MB, None where there is none."""
    for index, cell in enumerate(row):
        if isinstance(cell, (str, bytes, bytearray, memoryview)) and len(cell) > MAX_RECORD_BYTES:
            return index
    return None


def _array(values: Sequence[Any], kinds: frozenset[type]) -> pa.Array:
    """Return ``values``, which are of ``kinds`` or None, as a column of the type that fits."""
    if kinds == {int}:
        return _whole_numbers(values)
    if kinds == {datetime}:
        return _times(values)
    if kinds == {list}:
        return _lists(values)
    if kinds <= _BYTES:
        return pa.array([None if value is None else bytes(value) for value in values], pa.binary())
    if kinds == _NUMBERS:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    (kind, *others) = kinds
    plain = None if others else _PLAIN.get(kind)
    return _texts(values) if plain is None else pa.array(values, plain)


def _whole_numbers(values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values, pa.int64())
    except (OverflowError, pa.ArrowInvalid):
        return _texts(values)


def _times(values: Sequence[datetime | None]) -> pa.Array:
    zoned = {value.tzinfo is not None for value in values if value is not None}
    if len(zoned) > 1:
        return _texts(values)
    return pa.array(values, _INSTANT if True in zoned else _LOCAL)


def _lists(values: Sequence[Any]) -> pa.Array:
    items = set(map(type, chain.from_iterable(value for value in values if value is not None)))
    return pa.array(values, _VECTOR) if float in items and items <= _NUMBERS else _texts(values)


def _texts(values: Sequence[Any]) -> pa.Array:
    return pa.array([None if value is None else value_text(value) for value in values], pa.string())


def value_text(value: Any) -> str | None:
    """Return a value as the text of a cell; None for NaN."""
    for kinds, write in _WRITERS:
        if isinstance(value, kinds):
            return write(value)
    return as_text(value)


def _json(value: Any) -> str:
    return orjson.dumps(value, default=value_text, option=orjson.OPT_NON_STR_KEYS).decode()


_WRITERS: list[tuple[type | tuple[type, ...], Callable[[Any], str]]] = [
    (Decimal, lambda value: format(value, "f")),
    ((datetime, date, time), lambda value: value.isoformat()),
    ((Mapping, list, tuple), _json),
    ((bytearray, memoryview), lambda value: as_text(bytes(value)) or ""),
]
