"""A file system behind an Airflow connection, whose errors say which bucket, which connection and what to do."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from labelbox_airflow.engine.errors import ConfigurationError, DataIOError, SourceError, SourceUnavailableError
from labelbox_airflow.sources.pages import each_entry, each_file_below
from labelbox_airflow.sources.storage_faults import Fault, fault_of, plain, without_queries
from labelbox_airflow.sources.store_pages import Info

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from labelbox_airflow.sources.listing import StoredObject

BLOCK_BYTES = 8 << 20

_SCHEMES = ("s3", "s3a", "s3n", "gs", "gcs", "abfs", "abfss", "adl")
_TO_READ = "Correct its credentials, or let them list the bucket and get its objects."
_TO_WRITE = "Correct its credentials, or let them list the bucket, and put, get and delete objects there."


def open_storage(uri: str, connection: str | None, *, fresh: bool = False) -> Storage:
    """Return the storage that holds ``uri``: the local disk for a path, otherwise by Airflow's ObjectStoragePath.

    :param fresh: do not take the file system that Airflow keeps for the connection as long as the process lives
    :raises ConfigurationError: for another scheme, a connection that does not exist, or a key that Google refuses
    """
    scheme = uri.partition("://")[0] if "://" in uri else ""
    if not scheme:
        from fsspec.implementations.local import LocalFileSystem

        return Storage(LocalFileSystem(), "", None)
    if scheme not in _SCHEMES:
        raise ConfigurationError(
            f"'{scheme}://' is no storage that objects are read from",
            where=uri,
            remedy="Use s3://, gs://, abfs://, file:// or a path.",
        )
    if connection is not None:
        require_connection(connection, uri)
    container = uri.partition("://")[2].partition("/")[0]
    try:
        file_system = _file_system(scheme, container, connection, fresh=fresh)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(
            f"the storage cannot be opened ({plain(error)})",
            where=f"{scheme}://{container}",
            remedy=f"Check the provider package for {scheme}:// and the connection.",
        ) from error
    storage = Storage(file_system, scheme, connection)
    if scheme in {"gs", "gcs"}:
        with storage.reading(uri):
            # Refused here, they are refused at once; gcsfs would try them for half a minute.
            file_system.credentials.maybe_refresh()
    return storage


def _file_system(scheme: str, container: str, connection: str | None, *, fresh: bool) -> AbstractFileSystem:
    if scheme in {"abfs", "abfss", "adl"}:
        # It writes five lines into the task's log for every request.
        logging.getLogger("azure.core.pipeline.policies.http_logging_policy").setLevel(logging.WARNING)
    if fresh:
        from airflow.sdk.io import get_fs

        return get_fs(scheme, connection)
    from airflow.sdk import ObjectStoragePath

    return ObjectStoragePath(f"{scheme}://{container}", conn_id=connection).fs


def require_connection(connection: str, where: str) -> Any:
    """Return an Airflow connection; the AWS hook takes default credentials in place of one that is not there.

    :raises ConfigurationError: when there is none of the name
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return BaseHook.get_connection(connection)
    except AirflowNotFoundException as error:
        raise ConfigurationError(
            f"there is no Airflow connection '{connection}'",
            where=without_queries(where),
            remedy=f"Create it, or set AIRFLOW_CONN_{connection.upper()}.",
        ) from error


class Storage:
    """An fsspec file system and what it is called in messages.

    :param scheme: empty for the local disk
    """

    def __init__(self, file_system: AbstractFileSystem, scheme: str, connection: str | None) -> None:
        self._file_system = file_system
        self._scheme = scheme
        self._connection = connection

    @property
    def file_system(self) -> AbstractFileSystem:
        """The file system itself, for what is written."""
        return self._file_system

    @property
    def via(self) -> str:
        """The connection, as the end of a message."""
        if not self._scheme:
            return ""
        return f" (connection '{self._connection}')" if self._connection else " (no connection: default credentials)"

    def path_of(self, uri: str) -> str:
        """Return what the file system calls ``uri``."""
        return uri.partition("://")[2] if self._scheme else uri

    def place_of(self, path: str) -> str:
        """Return what messages call ``path``."""
        return f"{self._scheme}://{path}" if self._scheme else path

    def close(self) -> None:
        """Let go of a file system that was opened ``fresh``, which fsspec would keep as long as the process lives."""
        self._file_system.clear_instance_cache()

    def forget_listings(self) -> None:
        """See the storage as it is now, not as it was listed before."""
        self._file_system.invalidate_cache()

    def info(self, path: str) -> Info | None:
        """Return what is known of ``path``, None when there is nothing."""
        try:
            return cast("Info", self._file_system.info(path))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def each_entry(self, folder: str, pattern: str) -> Iterator[Info]:
        """Yield what is directly in ``folder``; see :func:`~labelbox_airflow.sources.pages.each_entry`."""
        return each_entry(self._file_system, folder, pattern)

    def each_file_below(self, folder: str) -> Iterator[Info]:
        """Yield the files below ``folder``; see :func:`~labelbox_airflow.sources.pages.each_file_below`."""
        return each_file_below(self._file_system, folder)

    def read_beginning(self, path: str, size: int) -> bytes:
        """Return the first ``size`` bytes of a file that is not empty, in one request.

        :raises FileNotFoundError: when it is gone
        """
        return cast("bytes", self._file_system.cat_file(path, start=0, end=size))

    def read_whole(self, path: str) -> bytes:
        """Return all of a file.

        :raises FileNotFoundError: when there is none
        """
        return cast("bytes", self._file_system.cat_file(path))

    def require_container(self, uri: str) -> None:
        """Raise SourceError unless the bucket or container of ``uri`` is there; a local disk always is."""
        if not self._scheme:
            return
        container = self.path_of(uri).partition("/")[0]
        with self.reading(self.place_of(container)):
            if self.info(container) is None:
                raise SourceError(
                    f"there is no bucket '{container}'{self.via}",
                    where=uri,
                    remedy="Correct uri or connection, or create the bucket.",
                )

    @contextmanager
    def open(self, item: StoredObject, *, sought: bool) -> Iterator[BinaryIO]:
        """Open an object for reading.

        :param sought: whether it is read here and there, as Parquet is, so that reading ahead would be waste
        :raises SourceUnavailableError: when it is another than was listed
        """
        cache = "none" if sought else "readahead"
        options = {"block_size": BLOCK_BYTES, "cache_type": cache} if self._scheme else {}
        with self._file_system.open(item.path, "rb", **options) as file:
            opened = etag_of(getattr(file, "details", None) or {})
            if opened is not None and item.etag is not None and opened != item.etag:
                raise _replaced(item.place)
            yield cast("BinaryIO", file)

    @contextmanager
    def reading(self, place: str) -> Iterator[None]:
        """Turn errors of the storage into ones that name ``place`` and the connection."""
        gone = SourceUnavailableError(
            f"the file was listed but is gone{self.via}", where=place, remedy="Run again; it was removed meanwhile."
        )
        with self._told(place, gone, _TO_READ):
            yield

    @contextmanager
    def writing(self, place: str) -> Iterator[None]:
        """Turn errors of an object store into ones that name ``place`` and the connection, where it is written to."""
        no_bucket = ConfigurationError(
            f"there is no bucket '{self.path_of(place).partition('/')[0]}'{self.via}",
            where=place,
            remedy="Correct the place or the connection, or create the bucket.",
        )
        with self._told(place, no_bucket, _TO_WRITE):
            yield

    @contextmanager
    def _told(self, place: str, missing: DataIOError, rights: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            fault = fault_of(error)
            if fault is None:
                raise
            raise missing if fault.kind == "missing" else self._error(fault, place, rights) from error

    def _error(self, fault: Fault, place: str, rights: str) -> DataIOError:
        """Return the error that says what is wrong and what to do."""
        if fault.kind == "denied" and not self._scheme:
            return ConfigurationError("the file may not be read", where=place, remedy="Give this user the right to.")
        if fault.kind == "replaced":
            return _replaced(place)
        if fault.kind == "failed":
            return SourceUnavailableError(
                f"the storage failed ({fault.said}){self.via}",
                where=place,
                remedy="Check the connection's endpoint, and that the storage answers.",
            )
        message, remedy = {
            "credentials": (f"the storage refuses the credentials ({fault.said})", "Correct those of the connection."),
            "denied": ("access denied", rights),
            "none": ("there are no credentials", "Set connection, or complete it."),
        }[fault.kind]
        return ConfigurationError(f"{message}{self.via}", where=place, remedy=remedy)


def etag_of(info: Info) -> str | None:
    """Return what a store tells versions of an object by; None where it gives nothing."""
    etag = info.get("ETag") or info.get("etag")
    return str(etag).strip('"') if etag else None


def _replaced(place: str) -> SourceUnavailableError:
    return SourceUnavailableError("the file was replaced while it was read", where=place, remedy="Run again.")
