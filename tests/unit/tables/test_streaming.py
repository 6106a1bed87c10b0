from __future__ import annotations

import io
from typing import TYPE_CHECKING, cast

import pytest

from labelbox_airflow.engine.tables.read import read_table

if TYPE_CHECKING:
    from typing import BinaryIO


class Endless(io.RawIOBase):
    """A file that never ends: a first piece, then the same piece again and again."""

    def __init__(self, first: bytes, then: bytes) -> None:
        self._first = first
        self._then = then
        self.given = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece, self._first = self._first or self._then, b""
        assert size < 0 or len(piece) <= size
        self.given += len(piece)
        return piece


@pytest.mark.parametrize(
    ("place", "first", "line"), [("x.csv", b"a,b\n", b"1,2\n"), ("x.ndjson", b'{"a":0,"b":0}\n', b'{"a":1,"b":2}\n')]
)
def test_a_file_is_read_only_as_far_as_batches_are_taken(place: str, first: bytes, line: bytes) -> None:
    file = Endless(first, line * 1000)
    batches = read_table(cast("BinaryIO", file), place, batch_rows=5000)
    for number in range(1, 4):
        assert next(batches).rows.num_rows == 5000
        assert file.given < number * 5000 * len(line) + (1 << 20)
