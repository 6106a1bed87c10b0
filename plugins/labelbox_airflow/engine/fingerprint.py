"""Fingerprints: 64-bit hashes that tell whether a part of a data row has changed."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from itertools import pairwise

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from labelbox_airflow.engine.columns import text_buffers

_SEPARATOR = "\x1f"
_NULL = "\x00"


def fingerprint(content: bytes) -> int:
    """Return a signed 64-bit hash of ``content``, the same on every machine."""
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little", signed=True)


def column_fingerprints(texts: pa.Array, *, person: bytes = b"") -> pa.Array:
    """Return the fingerprint of each text of a column; null stays null.

    :param person: up to 16 bytes that the fingerprints are bound to
    """
    offsets, content = text_buffers(texts)
    ends = offsets.tolist()
    digests = [blake2b(content[start:end], digest_size=8, person=person).digest() for start, end in pairwise(ends)]
    marks = pa.array(np.frombuffer(b"".join(digests), "<i8"), pa.int64())
    return pc.if_else(texts.is_valid(), marks, None) if texts.null_count else marks


def row_fingerprints(rows: pa.RecordBatch, columns: Sequence[str], *, mapping: bytes) -> list[int]:
    """Return one fingerprint a row over its raw values in ``columns``, bound to the mapping they go through.

    :param mapping: a hash of everything that decides what the values become; a changed mapping changes all
    """
    if not columns:
        return [0] * rows.num_rows
    texts = [_as_text(rows.column(name)) for name in columns]
    joined = pc.binary_join_element_wise(*texts, _SEPARATOR, null_handling="replace", null_replacement=_NULL)
    marks: list[int] = column_fingerprints(joined, person=mapping[:16]).to_pylist()
    return marks


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
