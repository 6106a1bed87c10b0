"""Staging: where a run keeps its mapped rows between tasks, on any fsspec filesystem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

_KEPT = ".kept"  # beside the directories of runs, whose names have no dot in front


class Staging:
    """One run's directory on staging storage.

    :param filesystem: where it is
    :param root: the run's directory, without protocol
    """

    def __init__(self, filesystem: AbstractFileSystem, root: str) -> None:
        self._filesystem = filesystem
        self._root = root.rstrip("/")

    def clear(self) -> None:
        """Remove what an earlier attempt left, and make the directory."""
        with suppress(FileNotFoundError):
            self._filesystem.rm(self._root, recursive=True)
        self.make()

    def make(self) -> None:
        """Make the directory, where it is not there."""
        self._filesystem.makedirs(self._root, exist_ok=True)

    def prune(self, before: datetime) -> int:
        """Remove the directories of runs of the same sync that were last written before a moment; return how many."""
        parent, own = self._root.rpartition("/")[0], self._root.rpartition("/")[2]
        removed = 0
        for directory in self._filesystem.ls(parent, detail=False):
            name = directory.rstrip("/").rpartition("/")[2]
            if name not in {own, _KEPT} and self._last_written(directory) < before:
                self._filesystem.rm(directory, recursive=True)
                removed += 1
        return removed

    def _last_written(self, directory: str) -> datetime:
        files = self._filesystem.find(directory)
        return max((self._filesystem.modified(file) for file in files), default=datetime.max.replace(tzinfo=UTC))

    def kept(self, purpose: str) -> Staging:
        """Return the directory for what the runs of the sync leave to later ones; see :meth:`names`, :meth:`remove`."""
        kept = Staging(self._filesystem, f"{self._root.rpartition('/')[0]}/{_KEPT}/{purpose}")
        kept.make()
        return kept

    def names(self) -> list[str]:
        """Return the names of the files."""
        self._filesystem.invalidate_cache(self._root)
        try:
            found = self._filesystem.ls(self._root, detail=False)
        except FileNotFoundError:  # an object store has no empty directories
            return []
        return sorted(path.rpartition("/")[2] for path in found if path.rstrip("/") != self._root)

    def remove(self, name: str) -> None:
        """Remove a file, where it is there."""
        with suppress(FileNotFoundError):
            self._filesystem.rm_file(self.path(name))

    def path(self, name: str) -> str:
        """Return the full path of a file of the run."""
        return f"{self._root}/{name}"

    def url(self, name: str) -> str:
        """Return the address of a file of the run, as people write it: ``s3://bucket/…``, ``file:///…``."""
        return str(self._filesystem.unstrip_protocol(self.path(name)))

    def write_json(self, name: str, content: Any) -> None:
        """Write a small JSON file, whole or not at all."""
        self._write(name, orjson.dumps(content, default=str, option=orjson.OPT_INDENT_2))

    def write_lines(self, name: str, lines: Iterable[bytes]) -> None:
        """Write a text file of lines."""
        with self._filesystem.open(self.path(name), "wb") as file:
            for line in lines:
                file.write(line + b"\n")

    def _write(self, name: str, content: bytes) -> None:
        path = self.path(name)
        if not isinstance(self._filesystem, LocalFileSystem):
            self._filesystem.pipe_file(path, content)  # one request: object stores show it whole or not at all
            return
        self._filesystem.makedirs(self._root, exist_ok=True)
        self._filesystem.pipe_file(f"{path}.part", content)
        self._filesystem.mv(f"{path}.part", path)

    def read_json(self, name: str) -> Any:
        """Return the content of a JSON file.

        :raises FileNotFoundError: when there is none
        """
        with self._filesystem.open(self.path(name), "rb") as file:
            return orjson.loads(file.read())

    def table_writer(self, name: str, schema: pa.Schema) -> TableWriter:
        """Open a table file (Arrow IPC stream) to write record batches to."""
        return TableWriter(self._filesystem.open(self.path(name), "wb"), schema)

    def read_table(self, name: str) -> Iterator[pa.RecordBatch]:
        """Yield the record batches of a table file."""
        with self._filesystem.open(self.path(name), "rb") as file, pa.ipc.open_stream(file) as reader:
            yield from reader


class TableWriter:
    """Writes record batches to a table file; it is complete once closed."""

    def __init__(self, file: Any, schema: pa.Schema) -> None:
        self._file = file
        self._stream = pa.ipc.new_stream(file, schema)
        self.schema = schema
        self.rows = 0
        self.size = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch of the file's schema."""
        self._stream.write_batch(batch)
        self.rows += batch.num_rows
        self.size += batch.nbytes

    def close(self) -> None:
        """Complete the file."""
        self._stream.close()
        self._file.close()
