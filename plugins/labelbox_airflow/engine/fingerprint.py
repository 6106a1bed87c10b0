"""Fingerprints: 64-bit hashes that tell whether a part of a data row has changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import orjson
import pyarrow as pa
import pyarrow.compute as pc

_SEPARATOR = "\x1f"
_NULL = "\x00"


def fingerprint(content: bytes) -> int:
    """Return a signed 64-bit hash of ``content``, the same on every machine."""
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little", signed=True)


def text_fingerprints(texts: Iterable[str | None]) -> list[int | None]:
    """Return the fingerprint of each text; None stays None."""
    return [None if text is None else fingerprint(text.encode()) for text in texts]


def row_fingerprints(rows: pa.RecordBatch, columns: Sequence[str], *, mapping: bytes) -> list[int]:
    """Return one fingerprint a row over its raw values in ``columns``, bound to the mapping they go through.

    :param mapping: a hash of everything that decides what the values become; a changed mapping changes all
    """
    person = mapping[:16]
    if not columns:
        return [0] * rows.num_rows
    texts = [_as_text(rows.column(name)) for name in columns]
    joined = pc.binary_join_element_wise(*texts, _SEPARATOR, null_handling="replace", null_replacement=_NULL)
    return [
        int.from_bytes(blake2b(text.encode(), digest_size=8, person=person).digest(), "little", signed=True)
        for text in joined.to_pylist()
    ]


def _as_text(column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        values = column.to_pylist()
        return pa.array([None if v is None else orjson.dumps(v, default=str).decode() for v in values], pa.string())
    try:
        return pc.cast(column, pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # UUIDs, intervals
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
