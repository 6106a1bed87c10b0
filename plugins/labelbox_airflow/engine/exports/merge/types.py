"""Types of columns: as tables keep them, and which of them hold the values of which."""

from __future__ import annotations

import pyarrow as pa

from labelbox_airflow.engine.exports.records.arrow import NUMBER, TEXT, TIME

JSON = pa.large_string()
"""How the type of a column is told that keeps nested values as JSON."""
UNKNOWN = pa.null()
"""The type of a column that somebody else made, of a type that no export has."""


def canonical(kind: pa.DataType) -> pa.DataType:
    """Return a type without what differs between libraries: the names of list items, and time zones."""
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(each.name, canonical(each.type)) for each in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(canonical(kind.value_type))
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return TIME
    return kind


def shown(kind: pa.DataType) -> str:
    """Return what messages call a type."""
    if kind == UNKNOWN:
        return "of a type that exports do not have"
    return "json" if kind == JSON else str(kind)


def widened(stored: pa.DataType, new: pa.DataType) -> pa.DataType | None:
    """Return the type that holds values of both; ``stored`` where it does; None where none does."""
    for one, other in ((stored, new), (new, stored)):
        if _holds(one, other):
            return one
    if _is_number(stored) and _is_number(new):
        return NUMBER
    return TEXT if _is_scalar(stored) and _is_scalar(new) else None


def _holds(kind: pa.DataType, other: pa.DataType) -> bool:
    if kind == other:
        return True
    if kind == TEXT:
        return _is_scalar(other)
    if kind == NUMBER:
        return _is_number(other)
    both_whole = pa.types.is_signed_integer(kind) and pa.types.is_signed_integer(other)
    return bool(both_whole and kind.bit_width >= other.bit_width)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_scalar(kind: pa.DataType) -> bool:
    is_time = pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    return bool(_is_number(kind) or pa.types.is_boolean(kind) or is_time or kind == TEXT)
