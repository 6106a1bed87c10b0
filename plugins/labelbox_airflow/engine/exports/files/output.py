"""A file while it is written: its size and checksum are taken on the way, and nobody sees it before it is whole."""

from __future__ import annotations

import hashlib
import io
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from labelbox_airflow.engine.exports.files.target import Target

BLOCK_BYTES = 8 << 20  # of an upload; S3 takes 10,000 of them, which is 80 GB a file
_STALE = timedelta(days=1)


class OutputFile(io.RawIOBase):
    """A file that is there once `commit` was called, and was never there when `discard` was.

    On a local disk it is written under another name and renamed. On an object store it is an upload that is completed
    or called off: fsspec's own ``with`` would complete it whatever happened inside.

    :ivar size: bytes written so far
    """

    def __init__(self, target: Target, *, is_new: bool = False) -> None:
        super().__init__()
        self._is_new = is_new
        self._target = target
        self._partial = target.beside(f".{target.name}.{secrets.token_hex(4)}.part") if target.is_local else target
        self._hash = hashlib.sha256()
        self._is_discarded = False
        self.size = 0
        with target.errors(target.place):
            self._file: Any = self._open()

    def _open(self) -> Any:
        file_system = self._target.file_system
        if not self._target.is_local:
            return file_system.open(self._target.path, "wb", block_size=BLOCK_BYTES)
        file_system.makedirs(self._target.path.rpartition("/")[0], exist_ok=True)
        if not self._is_new:
            _remove_stale(self._target)
        return file_system.open(self._partial.path, "wb")

    @property
    def sha256(self) -> str:
        """The checksum of what was written so far, in hexadecimal."""
        return self._hash.hexdigest()

    def writable(self) -> bool:
        """Return True: `io` asks."""
        return True

    def tell(self) -> int:
        """Return how much was written."""
        return self.size

    def write(self, data: Any) -> int:
        """Append bytes; after `discard` they go nowhere."""
        with memoryview(data) as view:
            if self._is_discarded:
                return view.nbytes
            self._hash.update(view)
            with self._target.errors(self._target.place):
                self._file.write(view)
            self.size += view.nbytes
            return view.nbytes

    def commit(self) -> None:
        """Complete the file in place of a former one."""
        with self._target.errors(self._target.place):
            self._file.close()
            if self._target.is_local:
                self._target.file_system.mv(self._partial.path, self._target.path)

    def discard(self) -> None:
        """Leave a former file as it was; call it once, and not after `commit`."""
        self._is_discarded = True
        with suppress(Exception):  # what went wrong before is what matters
            if self._target.is_local:
                self._file.close()
                self._target.file_system.rm_file(self._partial.path)
            else:
                self._file.discard()
        if not self._target.is_local:
            self._file.closed = True  # else fsspec would complete the upload when the object is collected


@contextmanager
def replacing(target: Target, *, is_new: bool = False) -> Iterator[OutputFile]:
    """Give a file to write, which takes the place of ``target`` when all goes well inside.

    :param is_new: as of `OutputFile`
    """
    file = OutputFile(target, is_new=is_new)
    try:
        yield file
    except BaseException:
        file.discard()
        raise
    file.commit()


def _remove_stale(target: Target) -> None:
    """Remove what killed runs left of this file on the disk; one of a run that goes on is younger."""
    before = datetime.now(UTC) - _STALE
    for name in target.beside("").names():
        if name.startswith(f".{target.name}.") and name.endswith(".part"):
            stale = target.beside(name)
            with suppress(FileNotFoundError):
                if target.file_system.modified(stale.path) < before:
                    target.file_system.rm_file(stale.path)
