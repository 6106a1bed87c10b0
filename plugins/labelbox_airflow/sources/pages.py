"""What is in a folder, page by page: no list of a million names is ever held."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from labelbox_airflow.engine.globs import fixed_beginning
from labelbox_airflow.sources.store_pages import Info, pages_of

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_ABSENT = (FileNotFoundError, NotADirectoryError)


def each_entry(file_system: AbstractFileSystem, folder: str, pattern: str = "*") -> Iterator[Info]:
    """Yield the files and folders directly in ``folder``, in any order; nothing when it is not there.

    A local disk, S3, Google and Azure are read a page at a time; other stores a folder at a time.

    :param pattern: a glob for their names
    """
    if _is_local(file_system):
        return _scanned(file_system, folder, pattern)
    found = _paged(file_system, folder, fixed_beginning(pattern), delimiter="/")
    if found is None:
        found = _listed(file_system, folder)
    return (info for info in found if fnmatchcase(info["name"].rpartition("/")[2], pattern))


def each_file_below(file_system: AbstractFileSystem, folder: str) -> Iterator[Info]:
    """Yield the files in ``folder`` and in the folders below it, in any order; nothing when it is not there.

    Symbolic links to folders are not followed: they may lead round in circles.
    """
    found = _paged(file_system, folder, "", delimiter="")
    if found is not None:
        yield from found
        return
    for info in each_entry(file_system, folder):
        if info["type"] == "file":
            yield info
        elif info["type"] == "directory" and not info.get("islink"):
            yield from each_file_below(file_system, info["name"])


def _is_local(file_system: AbstractFileSystem) -> bool:
    from fsspec.implementations.local import LocalFileSystem

    return isinstance(file_system, LocalFileSystem)


def _paged(file_system: AbstractFileSystem, folder: str, beginning: str, *, delimiter: str) -> Iterator[Info] | None:
    """Return what a store lists below ``folder`` with names that begin so; None where there are no pages."""
    pages, (bucket, _, key) = pages_of(file_system), folder.partition("/")
    if pages is None or not bucket:
        return None
    prefix = f"{key}/{beginning}" if key else beginning
    return _there(pages(file_system, bucket, prefix, delimiter))


def _there(found: Iterator[Info]) -> Iterator[Info]:
    try:
        yield from found
    except FileNotFoundError:  # the bucket is not there
        return


def _scanned(file_system: AbstractFileSystem, folder: str, pattern: str) -> Iterator[Info]:
    try:
        entries = os.scandir(folder or "/")
    except _ABSENT:
        return
    with entries:
        for entry in entries:
            if not fnmatchcase(entry.name, pattern):
                continue
            try:
                # Of a link, the file system tells by its path what it leads to.
                yield file_system.info(entry.path if entry.is_symlink() else entry)
            except FileNotFoundError:  # removed meanwhile, or a link to nothing
                continue


def _listed(file_system: AbstractFileSystem, folder: str) -> Iterator[Info]:
    try:
        found = file_system.ls(folder or "/", detail=True)
    except _ABSENT:
        return
    file_system.invalidate_cache(folder)
    for info in found:
        name = info["name"].rstrip("/") if info["type"] == "directory" else info["name"]
        if name != folder:  # some stores list the marker of the folder itself
            yield {**info, "name": name}
