"""Where files go: a folder or a file of any fsspec file system."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from fsspec.implementations.local import LocalFileSystem

from labelbox_airflow.engine.errors import ConfigurationError, DataIOError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

Errors = Callable[[str], AbstractContextManager[None]]
"""Given what messages call a place, a context in which errors of its storage become ones of `engine.errors`."""


@contextmanager
def local_errors(place: str) -> Iterator[None]:
    """Turn errors of the local disk into ones that name ``place``, and say what to do."""
    try:
        yield
    except (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError) as error:
        raise ConfigurationError(
            f"nothing can be written here ({error.strerror})",
            where=place,
            remedy="Correct `to`, or this user's rights.",
        ) from error
    except FileNotFoundError:
        raise
    except OSError as error:
        remedy = "Make room." if error.errno == errno.ENOSPC else "Check the disk."
        raise DataIOError(f"the disk failed ({error.strerror or error})", where=place, remedy=remedy) from error


@dataclass(frozen=True)
class Target:
    """A folder or a file that an export writes, or something below one.

    :param file_system: where it is
    :param path: what the file system calls it
    :param place: what messages call it: ``s3://bucket/key`` or a path
    :param errors: what becomes of the storage's own errors
    """

    file_system: AbstractFileSystem
    path: str
    place: str
    errors: Errors = local_errors

    def __str__(self) -> str:
        return self.place

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rstrip("/").rpartition("/")[2]

    @property
    def is_local(self) -> bool:
        """Whether it is on a disk, where files can be renamed."""
        return isinstance(self.file_system, LocalFileSystem)

    def below(self, name: str) -> Target:
        """Return what ``name`` is in this folder; it may have slashes."""
        return self._at(f"{self.path.rstrip('/')}/{name}", f"{self.place.rstrip('/')}/{name}")

    def beside(self, name: str) -> Target:
        """Return what ``name`` is in the folder that this is in."""
        return self._at(f"{_folder(self.path)}{name}", f"{_folder(self.place)}{name}")

    def _at(self, path: str, place: str) -> Target:
        return replace(self, path=path, place=place)

    def read(self) -> bytes | None:
        """Return the content of the file, None when there is none."""
        with self.errors(self.place):
            try:
                return cast("bytes", self.file_system.cat_file(self.path))
            except (FileNotFoundError, NotADirectoryError):
                return None

    def names(self) -> list[str]:
        """Return the names of what is in the folder, in order; none when it is not there."""
        with self.errors(self.place):
            self.file_system.invalidate_cache()
            try:
                found = self.file_system.ls(self.path, detail=False)
            except (FileNotFoundError, NotADirectoryError):
                return []
        names = (str(path).rstrip("/").rpartition("/")[2] for path in found if str(path).rstrip("/") != self.path)
        return sorted(names)

    def remove(self) -> None:
        """Remove the file, or the folder with all that is in it, where it is there."""
        with self.errors(self.place), suppress(FileNotFoundError):
            self.file_system.invalidate_cache()
            self.file_system.rm(self.path, recursive=True)


def local_target(path: Path | str) -> Target:
    """Return a folder or file of the local disk."""
    absolute = str(Path(path).absolute())
    return Target(LocalFileSystem(), absolute, absolute)


def _folder(path: str) -> str:
    head, slash, _ = path.rstrip("/").rpartition("/")
    return head + slash
