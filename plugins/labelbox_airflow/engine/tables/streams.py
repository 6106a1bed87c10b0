"""Bytes of a table file on their way to a parser: unpacked, counted, and with errors that name the file."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from labelbox_airflow.engine.errors import SourceError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK_BYTES = 1 << 18
MAX_RECORD_BYTES = 16 << 20


class CountingReader(io.RawIOBase):
    """A readable stream over any binary file that knows how many bytes were taken from it.

    :param file: open for reading; need not be seekable, and stays open when this is closed
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        data = self._file.read(len(view))
        view[: len(data)] = data
        self.taken += len(data)
        return len(data)

    def read1(self, _size: int = -1) -> bytes:
        """Return the next bytes, at most CHUNK_BYTES, for a text layer that takes what it gets."""
        data = self._file.read(CHUNK_BYTES)
        self.taken += len(data)
        return data


def unpacked(file: BinaryIO, place: str) -> BinaryIO:
    """Return ``file``, or what its gzip holds when ``place`` ends in ``.gz``."""
    return cast("BinaryIO", gzip.GzipFile(fileobj=file, mode="rb")) if place.lower().endswith(".gz") else file


def buffered(file: BinaryIO) -> io.BufferedReader:
    """Return ``file`` with fast reading of lines; it stays open when the result is closed or dropped."""
    return io.BufferedReader(CountingReader(file), CHUNK_BYTES)


@contextmanager
def packing_errors(place: str) -> Iterator[None]:
    """Turn the errors of a broken gzip file into SourceErrors that name ``place``."""
    try:
        yield
    except EOFError:
        raise SourceError(
            "the gzip data ends too early; the file was cut off", where=place, remedy="Upload it again."
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(
            f"this is no sound gzip file ({error})",
            where=place,
            remedy="Upload it again, or drop the .gz from its name if it is not packed.",
        ) from error
