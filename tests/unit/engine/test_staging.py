"""Staging on a local file system and on one that stands for an object store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from labelbox_airflow.engine.staging import Staging


@pytest.fixture(params=["local", "memory"])
def staging(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Staging]:
    if request.param == "local":
        yield Staging(LocalFileSystem(), f"{tmp_path}/deep/run/")
        return
    yield Staging(MemoryFileSystem(), f"/{tmp_path.name}/run")
    MemoryFileSystem.store.clear()


def test_json_comes_back_and_replaces_what_was_there(staging: Staging) -> None:
    staging.clear()
    staging.write_json("a.json", {"x": [1, None, "ü\u2028"], "t": datetime(2026, 3, 1, tzinfo=UTC)})
    assert staging.read_json("a.json") == {"x": [1, None, "ü\u2028"], "t": "2026-03-01T00:00:00+00:00"}
    staging.write_json("a.json", 2)
    assert staging.read_json("a.json") == 2


def test_what_is_not_there_is_not_found(staging: Staging) -> None:
    with pytest.raises(FileNotFoundError):
        staging.read_json("none.json")


def test_clearing_removes_what_an_earlier_attempt_left(staging: Staging) -> None:
    staging.clear()
    staging.write_json("old.json", 1)
    staging.clear()
    with pytest.raises(FileNotFoundError):
        staging.read_json("old.json")
    staging.clear()


def test_tables_come_back_batch_by_batch(staging: Staging) -> None:
    staging.clear()
    batch = pa.RecordBatch.from_pydict({"a": ["x", None, ""], "b": [1, 2, 3]})
    writer = staging.table_writer("t.arrow", batch.schema)
    writer.write(batch)
    writer.write(batch.slice(2))
    writer.close()
    assert writer.rows == 4
    assert writer.size > 0
    assert [b.to_pylist() for b in staging.read_table("t.arrow")] == [batch.to_pylist(), batch.slice(2).to_pylist()]


def test_an_empty_table_has_no_batches(staging: Staging) -> None:
    staging.clear()
    staging.table_writer("t.arrow", pa.schema([("a", pa.string())])).close()
    assert list(staging.read_table("t.arrow")) == []


def test_lines_end_with_a_newline(tmp_path: Path) -> None:
    staging = Staging(LocalFileSystem(), str(tmp_path))
    staging.write_lines("a.ndjson", (line for line in (b"1", b"2")))
    staging.write_lines("b.ndjson", [])
    assert (tmp_path / "a.ndjson").read_bytes() == b"1\n2\n"
    assert (tmp_path / "b.ndjson").read_bytes() == b""


def test_a_half_written_json_file_is_never_seen(tmp_path: Path) -> None:
    staging = Staging(LocalFileSystem(), str(tmp_path))
    staging.write_json("a.json", 1)
    with pytest.raises(TypeError):
        staging.write_json("a.json", {1: 2})
    assert staging.read_json("a.json") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
