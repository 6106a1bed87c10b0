"""Which objects a URI with globs matches, level by level, so that only folders that can match are listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.globs import fits, fixed_folder, is_glob
from labelbox_airflow.sources.storage import Storage, etag_of

_MODIFIED = ("LastModified", "last_modified", "mtime", "updated")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of a store, or file of a local disk.

    :ivar place: how messages and origins call it: ``s3://bucket/key`` or an absolute path
    :ivar path: what its file system calls it
    :ivar size: in bytes
    :ivar modified_at: UTC
    :ivar etag: what the store tells versions of its content by; None where it gives nothing
    """

    place: str
    path: str
    size: int
    modified_at: datetime
    etag: str | None = None

    @property
    def name(self) -> str:
        """The part of the path after the last slash."""
        return self.path.rpartition("/")[2]


def each_match(storage: Storage, uri: str, *, may_be_missing: bool = False) -> Iterator[StoredObject]:
    """Yield the objects that ``uri`` matches, in any order; memory does not grow with their number.

    ``*``, ``?`` and ``[…]`` match within a folder's or file's name, ``**`` any number of folders. Markers of folders
    are no objects.

    :param may_be_missing: whether a URI without a glob may name nothing
    :raises SourceError: when the bucket is not there, or nothing is where a URI without a glob points
    """
    found = False
    with storage.reading(uri):
        storage.forget_listings()
        path = storage.path_of(uri)
        infos = _walk(storage, *_split(path)) if is_glob(path) else _single(storage, uri, path)
        for info in infos:
            found = True
            yield storage_object(storage, info)
    if found:
        return
    storage.require_container(uri)
    if not is_glob(path) and not may_be_missing:
        remedy = "Correct uri, or put the file there."
        raise SourceError(f"there is no such file{storage.via}", where=uri, remedy=remedy)


def storage_object(storage: Storage, info: Mapping[str, Any]) -> StoredObject:
    """Return the object that a file system's ``info`` tells of."""
    return StoredObject(
        place=storage.place_of(info["name"]),
        path=info["name"],
        size=int(info.get("size") or 0),
        modified_at=_modified(info),
        etag=etag_of(info),
    )


def _single(storage: Storage, uri: str, path: str) -> Iterator[Mapping[str, Any]]:
    info = storage.info(path)
    if info is None:
        return
    if info["type"] == "directory":
        raise SourceError("this is a folder", where=uri, remedy=f"Name its files, such as {uri.rstrip('/')}/*.")
    yield info


def _split(path: str) -> tuple[str, list[str]]:
    """Return the part of ``path`` before its first segment with a glob, and the segments from there on."""
    folder = fixed_folder(path)
    return folder, path[len(folder) :].lstrip("/").split("/")


def _walk(storage: Storage, folder: str, pattern: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    head, rest = pattern[0], pattern[1:]
    if head == "**":
        for info in storage.each_file_below(folder):
            if not _is_folder_marker(info) and fits(info["name"][len(folder) + 1 :].split("/"), pattern):
                yield info
        return
    for info in storage.each_entry(folder, head):
        if rest and info["type"] == "directory":
            yield from _walk(storage, info["name"], rest)
        elif not rest and info["type"] == "file" and not _is_folder_marker(info):
            yield info


def _is_folder_marker(info: Mapping[str, Any]) -> bool:
    return bool(info["name"].endswith("/"))


def _modified(info: Mapping[str, Any]) -> datetime:
    value = next((info[key] for key in _MODIFIED if info.get(key)), 0.0)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.fromtimestamp(value, UTC)
