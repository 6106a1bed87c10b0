"""What S3, Google and Azure list, a page of names a request; the file systems' own listings would keep them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

Info = Mapping[str, Any]
Pages = Callable[["AbstractFileSystem", str, str, str], Iterator[Info]]
"""Given a file system, a bucket, the beginning of keys and a delimiter or an empty text: files, and folders with it."""

PAGE_KEYS = 1000  # what S3 and Google give at most
_FOLDER_MARKS = ("hdi_isfolder", "is_directory")


def pages_of(file_system: AbstractFileSystem) -> Pages | None:
    """Return what lists a store page by page; None for a file system that is none of these."""
    protocols = file_system.protocol
    names = {protocols} if isinstance(protocols, str) else set(protocols)
    known = ({"s3"}, _s3_pages), ({"gs", "gcs"}, _google_pages), ({"abfs", "az"}, _azure_pages)
    return next((pages for schemes, pages in known if names & schemes), None)


def _s3_pages(file_system: AbstractFileSystem, bucket: str, prefix: str, delimiter: str) -> Iterator[Info]:
    request = {
        **getattr(file_system, "req_kw", {}),
        "Bucket": bucket,
        "Prefix": prefix,
        "Delimiter": delimiter,
        "MaxKeys": PAGE_KEYS,
    }
    while True:
        page = file_system.call_s3("list_objects_v2", **request)
        for found in page.get("CommonPrefixes", ()):
            yield _folder(bucket, found["Prefix"])
        for found in page.get("Contents", ()):
            yield {**found, "name": f"{bucket}/{found['Key']}", "size": found["Size"], "type": "file"}
        if not page.get("IsTruncated"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]


def _google_pages(file_system: AbstractFileSystem, bucket: str, prefix: str, delimiter: str) -> Iterator[Info]:
    request: dict[str, Any] = {"prefix": prefix, "maxResults": PAGE_KEYS}
    if delimiter:
        request["delimiter"] = delimiter
    while True:
        page = file_system.call("GET", "b/{}/o", bucket, json_out=True, **request)
        for found in page.get("prefixes", ()):
            yield _folder(bucket, found)
        for found in page.get("items", ()):
            yield {**found, "name": f"{bucket}/{found['name']}", "size": int(found["size"]), "type": "file"}
        if not page.get("nextPageToken"):
            return
        request["pageToken"] = page["nextPageToken"]


def _azure_pages(file_system: AbstractFileSystem, bucket: str, prefix: str, delimiter: str) -> Iterator[Info]:
    from fsspec.asyn import sync

    marker: str | None = None
    while True:
        page, marker = sync(file_system.loop, _azure_page, file_system, bucket, prefix, delimiter, marker)
        for found in page:
            if found.name.endswith("/") and "size" not in found:
                yield _folder(bucket, found.name)
            elif not _is_azure_folder(found):
                yield {
                    "name": f"{bucket}/{found.name}",
                    "size": found.size,
                    "type": "file",
                    "last_modified": found.last_modified,
                    "etag": found.etag,
                }
        if not marker:
            return


async def _azure_page(
    file_system: AbstractFileSystem, bucket: str, prefix: str, delimiter: str, marker: str | None
) -> tuple[list[Any], str | None]:
    """Return the blobs and prefixes of the page that ``marker`` begins, and the marker of the next one."""
    from azure.core.exceptions import ResourceNotFoundError

    async with file_system.service_client.get_container_client(bucket) as client:
        asked = {"name_starts_with": prefix, "include": ["metadata"], "results_per_page": PAGE_KEYS}
        listing = client.walk_blobs(**asked, delimiter=delimiter) if delimiter else client.list_blobs(**asked)
        pages = listing.by_page(continuation_token=marker)
        try:
            page = await anext(pages)
        except ResourceNotFoundError as error:
            raise FileNotFoundError(bucket) from error
        return [found async for found in page], pages.continuation_token


def _is_azure_folder(blob: Any) -> bool:
    """Tell whether a blob stands for a folder, as accounts with a hierarchical namespace list it."""
    metadata = blob.metadata or {}
    return any(str(metadata.get(mark)).lower() == "true" for mark in _FOLDER_MARKS)


def _folder(bucket: str, prefix: str) -> Info:
    return {"name": f"{bucket}/{prefix.removesuffix('/')}", "type": "directory"}
