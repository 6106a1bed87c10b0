"""Columns of text, handled whole: no Python object is made for a value."""

from __future__ import annotations

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc


def json_texts(column: pa.Array) -> pa.Array:
    """Return each text of a column as JSON text; nulls stay."""
    offsets, content = text_buffers(column)
    characters = np.frombuffer(content, np.uint8)[offsets[0] : offsets[-1]]
    if ((characters < 32) | (characters == ord('"')) | (characters == ord("\\"))).any():
        return pa.array([t if t is None else orjson.dumps(t).decode() for t in column.to_pylist()], pa.string())
    return pc.binary_join_element_wise('"', column, '"', "")


def text_buffers(column: pa.Array) -> tuple[np.ndarray, memoryview]:
    """Return where each text of a column begins, and the last ends, in the UTF-8 of all, and that."""
    _, offsets, content = column.buffers()
    if not len(column):
        return np.zeros(1, np.int32), memoryview(b"")
    begins = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    return begins, memoryview(content or b"")
