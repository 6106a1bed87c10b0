"""Local files as assets: which of them may be sent to Labelbox, and what tells that one has changed.

A value of a table must not make the client read any file of its machine. So a file counts only where its path fits
what the sync file names, and where the file that links lead to is below one of the same folders.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson
import pyarrow as pa

from labelbox_airflow.engine.errors import ConfigurationError, DataIOError
from labelbox_airflow.engine.fingerprint import column_fingerprints
from labelbox_airflow.engine.globs import fits, fixed_folder, is_glob
from labelbox_airflow.engine.parallel import map_in_order
from labelbox_airflow.engine.rows.problems import Problems
from labelbox_airflow.engine.rows.spec import LocalFilesSpec
from labelbox_airflow.engine.rows.urls import AssetUrlError

MAX_BYTES = 256_000_000  # of an uploaded file; docs.labelbox.com/reference/import-image-data

_THREADS = 4
_PIECE = 1 << 20
_SCHEME = "file://"


class LocalFile(NamedTuple):
    """A file as it was when the rows were read.

    :param path: the file itself, links followed
    :param size: in bytes
    :param content: hash of its bytes
    """

    path: str
    size: int
    content: str


class LocalFileError(DataIOError):
    """A local file cannot be sent; carries a stable code for the rejected row."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class _Allowed:
    """Files that may be sent: those that fit a glob, or everything at and below a path without one."""

    folder: str
    pattern: tuple[str, ...] | None

    def takes(self, path: str) -> bool:
        """Tell whether a path without ``.`` and ``..`` fits."""
        if self.pattern is None:
            return _is_below(path, self.folder)
        parts = path[len(self.folder) :].lstrip("/").split("/")
        return _is_below(path, self.folder) and fits(parts, self.pattern)


class LocalFiles:
    """The local files that a sync may send to Labelbox.

    :param spec: absolute paths of folders or files, or globs
    :raises ConfigurationError: when ``spec`` names none
    """

    def __init__(self, spec: LocalFilesSpec) -> None:
        if not spec.upload:
            raise ConfigurationError(
                "names no folder of files that may be uploaded",
                where="rows.local_files",
                remedy="Write local_files: {upload: /data/photos}.",
            )
        self._named = ", ".join(spec.upload)
        self._allowed = [_allowed(path) for path in spec.upload]
        # Many files are in few folders, so where their links lead is looked up once.
        self._real_folder = lru_cache(maxsize=10_000)(os.path.realpath)

    def is_local(self, value: str) -> bool:
        """Tell whether ``value`` is the path of a local file: absolute, or ``file://``."""
        return value.startswith(("/", _SCHEME))

    def resolve(self, value: str) -> str:
        """Return the file that ``value`` stands for, links followed.

        :raises AssetUrlError: when it may not be sent, is not there, is no file, is empty, or is too large
        """
        return self._checked(value)[0]

    def changes(self, values: Sequence[Any]) -> pa.Array:
        """Return for each value what differs once its file is written again: size and time; null for other values."""
        return pa.array([self._change(value) for value in values], pa.string())

    def describe(self, assets: pa.Array, problems: Problems) -> tuple[pa.Array, pa.Array]:
        """Return for each asset that is a local file a description for its upload, and a fingerprint of its content.

        Both are null for other assets. The files are read for that, a few at once.

        :param assets: JSON texts, checked already
        """
        values = [None if text is None else orjson.loads(text) for text in assets.to_pylist()]
        found = list(map_in_order(self._described, values, threads=_THREADS))
        for index, each in enumerate(found):
            if isinstance(each, AssetUrlError):
                problems.add(index, each.code, "row_data", values[index], str(each))
        files = [each if isinstance(each, LocalFile) else None for each in found]
        descriptions = [None if file is None else orjson.dumps(file._asdict()).decode() for file in files]
        contents = [None if file is None else f"{_SCHEME}{file.content}" for file in files]
        return pa.array(descriptions, pa.string()), column_fingerprints(pa.array(contents, pa.string()))

    def pieces(self, file: LocalFile) -> Iterator[bytes]:
        """Yield the content of a file piece by piece, the last of it only once all is known to be as it was described.

        :raises LocalFileError: when it is gone, may not be sent any more, or has changed
        """
        digest, left, held = _hash(), file.size, b""
        try:
            with _open(self.resolve(file.path)) as opened:
                while piece := opened.read(_PIECE):
                    digest.update(piece)
                    left -= len(piece)
                    if left < 0:
                        break
                    if held:
                        yield held
                    held = piece
        except AssetUrlError as error:
            raise LocalFileError(error.code, f"'{file.path}': {error}") from None
        except OSError as error:
            raise LocalFileError("no_file", f"'{file.path}': cannot be read ({error.strerror})") from None
        if left or digest.hexdigest() != file.content:
            raise LocalFileError("file_changed", f"'{file.path}': has changed since the rows were read; run again")
        yield held

    def _checked(self, value: str) -> tuple[str, os.stat_result]:
        path = "/" + value.removeprefix(_SCHEME).lstrip("/")
        real = self._real_path(path)
        lexical = os.path.normpath(path)
        takes = any(allowed.takes(lexical) for allowed in self._allowed)
        if not takes or not any(_is_below(real, self._real_folder(allowed.folder)) for allowed in self._allowed):
            raise AssetUrlError(
                "file_outside", f"is outside of what may be uploaded ({self._named}); see rows.local_files"
            )
        try:
            found = Path(real).stat()
        except OSError as error:
            raise AssetUrlError("no_file", f"cannot be read ({error.strerror})") from None
        if not stat.S_ISREG(found.st_mode):
            raise AssetUrlError("no_file", "is no file")
        if not found.st_size:
            raise AssetUrlError("empty_file", "is an empty file; every data row needs an asset")
        if found.st_size > MAX_BYTES:
            raise AssetUrlError(
                "file_too_large", f"has {found.st_size:,} bytes; Labelbox takes {MAX_BYTES:,} of an uploaded file"
            )
        return real, found

    def _real_path(self, path: str) -> str:
        """Return the file that ``path`` leads to."""
        folder, _, name = path.rpartition("/")
        if name in {"", ".", ".."} or Path(path).is_symlink():
            return os.path.realpath(path)
        return f"{self._real_folder(folder or '/').rstrip('/')}/{name}"

    def _change(self, value: Any) -> str | None:
        if not isinstance(value, str) or not self.is_local(value):
            return None
        try:
            _, found = self._checked(value)
        except AssetUrlError as error:
            return str(error)
        return f"{found.st_size} {found.st_mtime_ns}"

    def _described(self, value: Any) -> LocalFile | AssetUrlError | None:
        if not isinstance(value, str) or not self.is_local(value):
            return None
        digest, size = _hash(), 0
        try:
            path = self.resolve(value)
            with _open(path) as opened:
                while piece := opened.read(_PIECE):
                    digest.update(piece)
                    size += len(piece)
        except AssetUrlError as error:
            return error
        except OSError as error:
            return AssetUrlError("no_file", f"cannot be read ({error.strerror})")
        return LocalFile(path, size, digest.hexdigest())


def _allowed(path: str) -> _Allowed:
    if not path.startswith("/"):
        raise ConfigurationError(f"'{path}' is no absolute path", where="rows.local_files.upload")
    if not is_glob(path):
        return _Allowed(os.path.normpath(path), None)
    folder = fixed_folder(path)
    return _Allowed(folder or "/", tuple(path[len(folder) :].lstrip("/").split("/")))


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _open(path: str) -> BinaryIO:
    """Open a file that is no link: what a link was when it was resolved, it may no longer be."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def _hash() -> Any:
    return blake2b(digest_size=16)
