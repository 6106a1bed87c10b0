"""Listing page by page, in stores that have no pages too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from labelbox_airflow.sources.listing import each_match
from labelbox_airflow.sources.storage import Storage


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    """A store that is neither a local disk nor S3."""
    system = MemoryFileSystem()
    for name in ("a.jpg", "deep/b.jpg", "deep/er/c.jpg", "deep/er/d.txt"):
        system.pipe_file(f"/bucket/{name}", b"x")
    yield system
    system.rm("/bucket", recursive=True)


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("*.jpg", ["a.jpg"]),
        ("**/*.jpg", ["a.jpg", "deep/b.jpg", "deep/er/c.jpg"]),
        ("*/*/*.txt", ["deep/er/d.txt"]),
        ("nothing/*", []),
    ],
)
def test_any_file_system_is_walked_folder_by_folder(memory: MemoryFileSystem, glob: str, expected: list[str]) -> None:
    storage = Storage(memory, "", None)
    found = sorted(item.path.removeprefix("/bucket/") for item in each_match(storage, f"/bucket/{glob}"))
    assert found == expected


class PagedBuckets:
    """Answers ``list_objects_v2`` in pages of two keys, and counts the requests."""

    protocol = ("s3", "s3a")

    def __init__(self, keys: list[str]) -> None:
        self.keys, self.requests = sorted(keys), []  # type: ignore[var-annotated]

    def invalidate_cache(self) -> None: ...

    def call_s3(self, method: str, **request: Any) -> dict[str, Any]:
        assert method == "list_objects_v2"
        self.requests.append(request)
        prefix, delimiter = request["Prefix"], request["Delimiter"]
        found: dict[str, None] = {}
        for key in self.keys:
            if key.startswith(prefix):
                rest, cut, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key[len(prefix) :], "", "")
                found[prefix + rest + cut] = None
        start = int(request.get("ContinuationToken", 0))
        page = list(found)[start : start + 2]
        return {
            "CommonPrefixes": [{"Prefix": name} for name in page if delimiter and name.endswith(delimiter)],
            "Contents": [
                {"Key": name, "Size": 1, "LastModified": "2026-01-01T00:00:00Z", "ETag": f'"{name}"'}
                for name in page
                if not (delimiter and name.endswith(delimiter))
            ],
            "IsTruncated": start + 2 < len(found),
            "NextContinuationToken": str(start + 2),
        }


def test_s3_is_listed_page_by_page_as_rows_are_taken_and_below_matching_folders_alone() -> None:
    buckets = PagedBuckets([f"in/{n}/{m}.jpg" for n in range(3) for m in range(5)] + ["out/1.jpg", "in//x.jpg"])
    matches = each_match(Storage(buckets, "s3", None), "s3://bucket/in/2*/*.jpg")  # type: ignore[arg-type]

    assert next(matches).place == "s3://bucket/in/2/0.jpg"
    assert [(request["Prefix"], request.get("ContinuationToken")) for request in buckets.requests] == [
        ("in/2", None),
        ("in/2/", None),
    ]
    assert [item.name for item in matches] == ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    assert len(buckets.requests) == 4
    everything = [item.path for item in each_match(Storage(buckets, "s3", None), "s3://bucket/in/**")]  # type: ignore[arg-type]
    assert len(everything) == 16
    assert [item.etag for item in each_match(Storage(buckets, "s3", None), "s3://bucket/in//*")] == ["in//x.jpg"]  # type: ignore[arg-type]
