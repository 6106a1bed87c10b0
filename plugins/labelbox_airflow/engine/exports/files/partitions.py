"""The files of a release: by partition, and one after the other where they grow large."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from labelbox_airflow.engine.exports.files.formats import FileFormat, suffix_of
from labelbox_airflow.engine.exports.files.formats.texts import plain
from labelbox_airflow.engine.exports.files.manifest import ReleasedFile
from labelbox_airflow.engine.exports.files.options import FileOptions
from labelbox_airflow.engine.exports.files.part import Part
from labelbox_airflow.engine.exports.files.target import Target

MOST_OPEN = 16  # files at once: each holds a row group and a block of its upload in memory
_NULL = "__HIVE_DEFAULT_PARTITION__"

Key = tuple[str | None, ...]


@dataclass
class Parts:
    """Writes the files of one release, at most `MOST_OPEN` at a time: the one that got no rows longest makes room."""

    folder: Target
    schema: pa.Schema
    format: FileFormat
    options: FileOptions
    partition_by: tuple[str, ...]
    _open: dict[Key, Part] = field(default_factory=dict)
    _begun: dict[Key, int] = field(default_factory=dict)
    _finished: list[ReleasedFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._file_schema = pa.schema([column for column in self.schema if column.name not in self.partition_by])
        if self.partition_by:
            each = max(self.options.row_group_bytes // MOST_OPEN, 1 << 20)
            self.options = self.options.model_copy(update={"row_group_bytes": each})

    def write_all(self, batches: Iterable[pa.RecordBatch]) -> tuple[ReleasedFile, ...]:
        """Write all batches; whatever fails, no file stays open."""
        try:
            for batch in batches:
                for key, rows in self._split(batch):
                    self._write(key, rows)
            if not self._begun and not self.partition_by:
                self._part(())
            for key in list(self._open):
                self._finish(key)
        except BaseException:
            for part in self._open.values():
                part.discard()
            raise
        return tuple(sorted(self._finished, key=lambda file: file.path))

    def _split(self, batch: pa.RecordBatch) -> Iterator[tuple[Key, pa.RecordBatch]]:
        if not self.partition_by:
            yield (), batch
            return
        rows = batch.select(self._file_schema.names)
        for key, indices in _groups(batch.select(self.partition_by)).items():
            yield key, rows.take(pa.array(indices))

    def _write(self, key: Key, rows: pa.RecordBatch) -> None:
        part = self._part(key)
        part.write(rows)
        if part.size >= self.options.file_bytes:
            self._finish(key)

    def _part(self, key: Key) -> Part:
        part = self._open.pop(key, None)
        if part is None:
            if len(self._open) >= MOST_OPEN:
                self._finish(next(iter(self._open)))
            part = self._begin(key)
        self._open[key] = part  # last, as the one that is used now
        return part

    def _begin(self, key: Key) -> Part:
        number = self._begun.get(key, 0)
        self._begun[key] = number + 1
        partition: Mapping[str, str | None] = dict(zip(self.partition_by, key, strict=True))
        folders = "".join(f"{quote(name, safe='')}={_folder(value)}/" for name, value in partition.items())
        path = f"{folders}part-{number:05}{suffix_of(self.format, self.options)}"
        return Part(self.folder.below(path), path, self._file_schema, self.format, self.options, partition)

    def _finish(self, key: Key) -> None:
        self._finished.append(self._open[key].finish())
        del self._open[key]


def _groups(columns: pa.RecordBatch) -> dict[Key, list[int]]:
    """Return the rows of each combination of values."""
    texts = [_texts(column).to_pylist() for column in columns.columns]
    groups: dict[Key, list[int]] = {}
    for index, key in enumerate(zip(*texts, strict=True)):
        groups.setdefault(key, []).append(index)
    return groups


def _texts(column: pa.Array) -> pa.Array:
    if pa.types.is_boolean(column.type):
        return pc.if_else(column, "true", "false")
    return plain(column).cast(pa.string())


def _folder(value: str | None) -> str:
    return _NULL if value is None else quote(value, safe=" ")
