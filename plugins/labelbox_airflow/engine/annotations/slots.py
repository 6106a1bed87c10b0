"""Slots: many records put together by data row, on a local disk once they are too many for the memory."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, BinaryIO, Self
from zlib import crc32

SLOTS = 64
MOST_IN_MEMORY = 200_000  # records
_LENGTH = 8  # bytes of the length before each part

Record = tuple[Any, ...]
"""Values that `marshal` takes: numbers, text, bytes, None, and tuples of them."""


class Slots:
    """Keeps records by key, of which all with one key are in one slot, in the order in which they came.

    Which slot that is depends on the key alone, so that equal content is put together equally in every run. The files
    are in a temporary directory of this process, and go with it.
    """

    def __init__(self, most_in_memory: int = MOST_IN_MEMORY) -> None:
        self._most = most_in_memory
        self._held: list[list[Record]] = [[] for _ in range(SLOTS)]
        self._in_memory = 0
        self._directory: TemporaryDirectory[str] | None = None
        self.records = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._directory is not None:
            self._directory.cleanup()

    def add(self, slot: int, record: Record, weight: int = 1) -> None:
        """Keep a record in a slot, that of its key: see :func:`slot_of`.

        :param weight: for how many records it counts
        """
        self._held[slot].append(record)
        self.records += weight
        self._in_memory += weight
        if self._in_memory >= self._most:
            self._put_aside()

    def read(self, slot: int) -> list[Record]:
        """Return the records of a slot."""
        found: list[Record] = []
        path = self._path(slot)
        if path is not None and path.exists():
            with path.open("rb") as file:
                for part in _parts(file):
                    found.extend(part)
        return found + self._held[slot]

    def _path(self, slot: int) -> Path | None:
        return None if self._directory is None else Path(self._directory.name) / str(slot)

    def _put_aside(self) -> None:
        if self._directory is None:
            self._directory = TemporaryDirectory(prefix="labelbox-annotations-")
        for slot, records in enumerate(self._held):
            path = self._path(slot)
            if records and path is not None:
                part = marshal.dumps(records)
                with path.open("ab") as file:
                    file.write(len(part).to_bytes(_LENGTH) + part)
                self._held[slot] = []
        self._in_memory = 0


def slot_of(key: str) -> int:
    """Return the slot of a key."""
    return crc32(key.encode(errors="surrogatepass")) % SLOTS


def _parts(file: BinaryIO) -> Iterator[list[Record]]:
    # Read whole: marshal asks a file for every value by itself.
    while length := file.read(_LENGTH):
        part: list[Record] = marshal.loads(file.read(int.from_bytes(length)))  # noqa: S302  this process has written it
        yield part
