"""The files of a release: by partition, and one after the other where they grow large."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import pyarrow as pa

from labelbox_airflow.engine.exports.files.formats import FileFormat, suffix_of
from labelbox_airflow.engine.exports.files.formats.texts import as_texts, plain_values
from labelbox_airflow.engine.exports.files.manifest import ReleasedFile
from labelbox_airflow.engine.exports.files.options import FileOptions
from labelbox_airflow.engine.exports.files.part import Part
from labelbox_airflow.engine.exports.files.target import Target

MOST_OPEN = 16  # files at once: each holds a row group and a block of its upload in memory
MOST_GATHERED = 64 << 20  # bytes of rows that wait for more of their partition, so that files are few
_NULL = "__HIVE_DEFAULT_PARTITION__"

Key = tuple[str | None, ...]


@dataclass
class Parts:
    """Writes the files of one release, at most `MOST_OPEN` at a time: the one that got no rows longest makes room.

    Rows of partitions are gathered first, and those of the largest go to its file when there are `MOST_GATHERED` bytes.
    """

    folder: Target
    schema: pa.Schema
    format: FileFormat
    options: FileOptions
    partition_by: tuple[str, ...]
    _open: dict[Key, Part] = field(default_factory=dict)
    _begun: dict[Key, int] = field(default_factory=dict)
    _gathered: dict[Key, list[pa.RecordBatch]] = field(default_factory=dict)
    _sizes: dict[Key, int] = field(default_factory=dict)
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
                if self.partition_by:
                    self._gather(batch)
                else:
                    self._write((), [batch])
            for key in list(self._gathered):
                self._write_gathered(key)
            if not self._begun and not self.partition_by:
                self._part(())
            for key in list(self._open):
                self._finish(key)
        except BaseException:
            for part in self._open.values():
                part.discard()
            raise
        return tuple(sorted(self._finished, key=lambda file: file.path))

    def _gather(self, batch: pa.RecordBatch) -> None:
        rows = batch.select(self._file_schema.names)
        for key, indices in _groups(batch.select(self.partition_by)).items():
            taken = rows.take(pa.array(indices))
            self._gathered.setdefault(key, []).append(taken)
            self._sizes[key] = self._sizes.get(key, 0) + taken.nbytes
        while sum(self._sizes.values()) > MOST_GATHERED:
            self._write_gathered(max(self._sizes, key=self._sizes.__getitem__))

    def _write_gathered(self, key: Key) -> None:
        del self._sizes[key]
        self._write(key, self._gathered.pop(key))

    def _write(self, key: Key, batches: Iterable[pa.RecordBatch]) -> None:
        for rows in batches:
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
    texts = [plain_values(as_texts(column)) for column in columns.columns]
    groups: dict[Key, list[int]] = {}
    for index, key in enumerate(zip(*texts, strict=True)):
        groups.setdefault(key, []).append(index)
    return groups


def _folder(value: str | None) -> str:
    return _NULL if value is None else quote(value, safe=" ")
