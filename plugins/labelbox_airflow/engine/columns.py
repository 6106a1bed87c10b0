"""Columns of text, handled whole: no Python object is made for a value."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

Pieces = list[pa.Array | str]
"""Text of each row: columns, and what is the same in every row."""


def json_texts(column: pa.Array) -> pa.Array:
    """Return each text of a column as JSON text; nulls stay."""
    pieces = json_pieces(column)
    return pieces[0] if len(pieces) == 1 else pc.binary_join_element_wise(*pieces, "")


def json_pieces(column: pa.Array) -> Pieces:
    """Return what makes each text of a column JSON text once it is joined; nulls stay."""
    characters = text_bytes(column)
    if ((characters < 32) | (characters == ord('"')) | (characters == ord("\\"))).any():
        return [pa.array([t if t is None else orjson.dumps(t).decode() for t in column.to_pylist()], pa.string())]
    return ['"', column, '"']


def text_bytes(column: pa.Array) -> npt.NDArray[np.uint8]:
    """Return the UTF-8 of all texts of a column."""
    offsets, content = text_buffers(column)
    return np.frombuffer(content, np.uint8)[offsets[0] : offsets[-1]]


def text_buffers(column: pa.Array) -> tuple[np.ndarray, memoryview]:
    """Return where each text of a column begins, and the last ends, in the UTF-8 of all, and that."""
    _, offsets, content = column.buffers()
    if not len(column):
        return np.zeros(1, np.int32), memoryview(b"")
    begins = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    return begins, memoryview(content or b"")
