"""Which objects a URI with globs matches, level by level, so that only folders that can match are listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.sources.storage import Storage

_MAGIC = frozenset("*?[")
_MODIFIED = ("LastModified", "last_modified", "mtime", "updated")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One file to read.

    :ivar place: how messages and origins call it: ``s3://bucket/key`` or an absolute path
    :ivar path: what its file system calls it
    :ivar size: in bytes
    :ivar time: when its rows became current, UTC: its modification, or the end of the slot its path stands for
    """

    place: str
    path: str
    size: int
    time: datetime


def is_glob(uri: str) -> bool:
    """Tell whether ``uri`` matches names rather than being one."""
    return not _MAGIC.isdisjoint(uri)


def matching(storage: Storage, uri: str, *, may_be_missing: bool = False) -> list[StoredObject]:
    """Return the objects that ``uri`` matches, by name.

    ``*``, ``?`` and ``[…]`` match within a folder's or file's name, ``**`` any number of folders. Markers of folders
    are no objects.

    :param may_be_missing: whether a URI without a glob may name nothing
    :raises SourceError: when the bucket is not there, or nothing is where a URI without a glob points
    """
    with storage.reading(uri):
        storage.forget_listings()
        path = storage.path_of(uri)
        root, pattern = _split(path)
        if pattern:
            found = [storage_object(storage, info) for info in _walk(storage, root, pattern)]
        else:
            found = _single(storage, uri, path)
    if not found:
        storage.require_container(uri)
        if not pattern and not may_be_missing:
            raise SourceError(
                f"there is no such file{storage.via}", where=uri, remedy="Correct uri, or put the file there."
            )
    return sorted(found, key=lambda item: item.place)


def storage_object(storage: Storage, info: Mapping[str, Any]) -> StoredObject:
    """Return the object that a file system's ``info`` tells of."""
    return StoredObject(
        place=storage.place_of(info["name"]),
        path=info["name"],
        size=int(info.get("size") or 0),
        time=_modified(info),
    )


def _single(storage: Storage, uri: str, path: str) -> list[StoredObject]:
    info = storage.info(path)
    if info is None:
        return []
    if info["type"] == "directory":
        raise SourceError("this is a folder", where=uri, remedy=f"Name its files, such as {uri.rstrip('/')}/*.csv.")
    return [storage_object(storage, info)]


def _split(path: str) -> tuple[str, list[str]]:
    """Return the part of ``path`` before its first segment with a glob, and the segments from there on."""
    segments = path.split("/")
    first = next((index for index, segment in enumerate(segments) if is_glob(segment)), len(segments))
    return "/".join(segments[:first]), segments[first:]


def _walk(storage: Storage, folder: str, pattern: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    head, rest = pattern[0], pattern[1:]
    if head == "**":
        for info in storage.files_below(folder):
            if not _is_folder_marker(info) and _fits(_relative(info["name"], folder).split("/"), pattern):
                yield info
        return
    for info in storage.entries(folder):
        if not fnmatchcase(info["name"].rstrip("/").rpartition("/")[2], head):
            continue
        if rest and info["type"] == "directory":
            yield from _walk(storage, info["name"].rstrip("/"), rest)
        elif not rest and info["type"] == "file" and not _is_folder_marker(info):
            yield info


def _relative(name: str, folder: str) -> str:
    return name[len(folder) :].lstrip("/")


def _is_folder_marker(info: Mapping[str, Any]) -> bool:
    return bool(info["name"].endswith("/"))


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Tell whether the segments of a name fit those of a pattern."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_fits(parts[skipped:], pattern[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and bool(parts[0]) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def _modified(info: Mapping[str, Any]) -> datetime:
    value = next((info[key] for key in _MODIFIED if info.get(key)), 0.0)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.fromtimestamp(value, UTC)
