"""What is in a folder, page by page: no list of a million names is ever held."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from labelbox_airflow.engine.globs import fixed_beginning

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

Info = Mapping[str, Any]

_ABSENT = (FileNotFoundError, NotADirectoryError)


def each_entry(file_system: AbstractFileSystem, folder: str, pattern: str = "*") -> Iterator[Info]:
    """Yield the files and folders directly in ``folder``, in any order; nothing when it is not there.

    A local disk and S3 are read a page at a time; other stores a folder at a time.

    :param pattern: a glob for their names
    """
    if _is_local(file_system):
        return _scanned(file_system, folder, pattern)
    if _is_s3(file_system, folder):
        found = _s3_pages(file_system, folder, fixed_beginning(pattern), delimiter="/")
    else:
        found = _listed(file_system, folder)
    return (info for info in found if fnmatchcase(info["name"].rpartition("/")[2], pattern))


def each_file_below(file_system: AbstractFileSystem, folder: str) -> Iterator[Info]:
    """Yield the files in ``folder`` and in the folders below it, in any order; nothing when it is not there.

    Symbolic links to folders are not followed: they may lead round in circles.
    """
    if _is_s3(file_system, folder):
        yield from _s3_pages(file_system, folder, "", delimiter="")
        return
    for info in each_entry(file_system, folder):
        if info["type"] == "file":
            yield info
        elif info["type"] == "directory" and not info.get("islink"):
            yield from each_file_below(file_system, info["name"])


def _is_local(file_system: AbstractFileSystem) -> bool:
    from fsspec.implementations.local import LocalFileSystem

    return isinstance(file_system, LocalFileSystem)


def _is_s3(file_system: AbstractFileSystem, folder: str) -> bool:
    return hasattr(file_system, "call_s3") and bool(folder)


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


def _s3_pages(file_system: AbstractFileSystem, folder: str, prefix: str, *, delimiter: str) -> Iterator[Info]:
    """Yield what S3 lists, a thousand keys a request; the file system's own listing would keep them all."""
    bucket, _, key = folder.partition("/")
    request = {
        **getattr(file_system, "req_kw", {}),
        "Bucket": bucket,
        "Prefix": f"{key}/{prefix}" if key else prefix,
        "Delimiter": delimiter,
    }
    while True:
        try:
            page = file_system.call_s3("list_objects_v2", **request)
        except FileNotFoundError:
            return
        for found in page.get("CommonPrefixes", ()):
            yield {"name": f"{bucket}/{found['Prefix'][:-1]}", "type": "directory"}
        for found in page.get("Contents", ()):
            yield {**found, "name": f"{bucket}/{found['Key']}", "size": found["Size"], "type": "file"}
        if not page.get("IsTruncated"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]


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
