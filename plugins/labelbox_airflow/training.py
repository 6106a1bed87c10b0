"""Releases of exported records for training: as Arrow, in pandas, or as a dataset of images and their annotations.

rows = open_release("s3://ml/receipts/rows", connection="aws_default")
boxes = open_release("s3://ml/receipts/boxes", "20260301T023000Z-9f86d081", connection="aws_default")
boxes.to_pandas(split="train")
torch.utils.data.DataLoader(LabeledDataRows(rows, boxes, split="train", connection="aws_default"), ...)
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labelbox_airflow.engine.errors import ConfigurationError, SourceError, did_you_mean
from labelbox_airflow.engine.exports.files.manifest import Manifest, ReleasedFile
from labelbox_airflow.engine.exports.files.release import folder_of, read_manifest, verify
from labelbox_airflow.engine.exports.files.target import Target
from labelbox_airflow.engine.rows.urls import bucket_uri
from labelbox_airflow.sinks.files import open_target
from labelbox_airflow.sources.storage import Storage, open_storage

if TYPE_CHECKING:
    import pandas as pd

_BLOCK_BYTES = 8 << 20
_KEY = "data_row_id"


def open_release(uri: str, release: str | None = None, *, connection: str | None = None) -> Release:
    """Return a release of a folder, or a single Parquet file, that `write_files` wrote.

    :param uri: the folder or the file; ``s3://…``, ``gs://…``, ``abfs://…`` or a path
    :param release: the latest when None; name one to train on the same records again
    :param connection: an Airflow connection; the cloud's own default credentials when None
    :raises SourceError: there is none, or it is not of Parquet
    """
    target = open_target(uri, connection)
    manifest = read_manifest(target, release)
    if manifest.format != "parquet":
        raise SourceError(
            f"release '{manifest.release}' is of {manifest.format} files",
            where=target.place,
            remedy="Export with format: parquet to train on it, or read the files with pandas.",
        )
    return Release(target, manifest)


@dataclass(frozen=True)
class Release:
    """The records of one release; nothing is read before it is asked for."""

    target: Target
    manifest: Manifest

    def verify(self) -> None:
        """Raise SourceError unless every file is there and is what was written."""
        verify(self.target, self.manifest)

    def batches(self, columns: Sequence[str] | None = None, split: str | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the records, those of partitions with their columns; memory does not grow with the release.

        :param columns: all when None
        :param split: only records of the column ``split`` with this value
        :raises SourceError: there is no such column
        """
        schema = self.manifest.schema
        names = list(columns if columns is not None else schema.names)
        for name in [*names, *(["split"] if split is not None else [])]:
            if name not in schema.names:
                raise SourceError(
                    f"there is no column '{name}'", where=self.target.place, remedy=did_you_mean(name, schema.names)
                )
        for file in self.manifest.files:
            if split is None or file.partition.get("split", split) == split:
                yield from self._of_file(file, names, split)

    def _of_file(self, file: ReleasedFile, names: list[str], split: str | None) -> Iterator[pa.RecordBatch]:
        place = folder_of(self.target, self.manifest).below(file.path)
        schema = self.manifest.schema
        filtered = split is not None and "split" not in file.partition
        needed = dict.fromkeys([*names, "split"] if filtered else names)
        chosen = pa.schema([schema.field(name) for name in names])
        with _opened(place) as content:
            stored = [name for name in needed if name not in file.partition]
            for batch in pq.ParquetFile(content).iter_batches(columns=stored):
                rows = batch.filter(pc.equal(batch.column("split"), split)) if filtered else batch
                yield pa.RecordBatch.from_arrays([_column(rows, field, file) for field in chosen], schema=chosen)

    def table(self, columns: Sequence[str] | None = None, split: str | None = None) -> pa.Table:
        """Return the records as one Arrow table in memory; see `batches`."""
        names = columns if columns is not None else self.manifest.schema.names
        batches = list(self.batches(columns, split))
        return pa.Table.from_batches(batches, pa.schema([self.manifest.schema.field(name) for name in names]))

    def to_pandas(self, columns: Sequence[str] | None = None, split: str | None = None) -> pd.DataFrame:
        """Return the records as a DataFrame; see `batches`."""
        frame: pd.DataFrame = self.table(columns, split).to_pandas()
        return frame


@contextmanager
def _opened(place: Target) -> Iterator[BinaryIO]:
    with place.errors(place.place):
        try:
            content = place.file_system.open(place.path, "rb", block_size=_BLOCK_BYTES)
        except FileNotFoundError:
            raise SourceError("this file of the release is gone", where=place.place, remedy="Use another.") from None
        with content:
            yield content


def _column(rows: pa.RecordBatch, field: pa.Field, file: ReleasedFile) -> pa.Array:
    if field.name not in file.partition:
        return rows.column(field.name)
    value = pa.scalar(file.partition[field.name], pa.string())
    return pa.repeat(value, rows.num_rows).cast(field.type)


def open_image(content: bytes) -> Any:
    """Return the image of a file's bytes as Pillow has it.

    :raises ConfigurationError: Pillow is not installed
    """
    try:
        from PIL import Image
    except ImportError:
        raise ConfigurationError("images need the package pillow", remedy="Install pillow, or give decode.") from None
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


class LabeledDataRows:
    """A map-style dataset, as PyTorch's DataLoader takes it: one item a data row. Torch is not needed.

    An item is a dict: ``row`` (the record), ``annotations`` (its records, as dicts) and ``image``, which is fetched
    when the item is asked for. Records are kept in memory as Arrow; the dataset can be pickled and works in forked
    workers. Batches of such dicts need a ``collate_fn``, or a ``transform`` that makes tensors.

    :param rows: records of data rows, with ``data_row_id`` and ``row_data``
    :param annotations: records with ``data_row_id``; rows without any stay
    :param split: only rows of the column ``split`` with this value
    :param labeled: only rows with annotations, or only those without
    :param connection: the Airflow connection that images are fetched with, also those of a private bucket that data
        rows name by an https URL of AWS or Google; the cloud's defaults when None
    :param read: fetches the bytes at a ``row_data`` in place of the dataset
    :param decode: makes an image of bytes; None leaves images out
    :param transform: makes the item of the dict
    :raises SourceError: the releases lack a column
    """

    def __init__(
        self,
        rows: Release,
        annotations: Release | None = None,
        *,
        split: str | None = None,
        labeled: bool | None = None,
        connection: str | None = None,
        read: Callable[[str], bytes] | None = None,
        decode: Callable[[bytes], Any] | None = open_image,
        transform: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        self._rows = rows.table(split=split).combine_chunks()
        for name in (_KEY, "row_data"):
            if name not in self._rows.column_names:
                raise SourceError(f"there is no column '{name}'", where=rows.target.place, remedy="Export rows.")
        self._annotations: pa.Table | None = None
        self._found: Mapping[str, tuple[int, int]] = {}
        if annotations is not None:
            self._annotations, self._found = _by_row(annotations)
        if labeled is not None:
            has = pc.is_in(self._rows.column(_KEY), pa.array(self._found, pa.string()))
            self._rows = self._rows.filter(has if labeled else pc.invert(has))
        self._read = read or _Fetch(connection)
        self._decode, self._transform = decode, transform

    def __len__(self) -> int:
        return int(self._rows.num_rows)

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        row = self._rows.slice(index % len(self), 1).to_pylist()[0]
        item: dict[str, Any] = {"row": row, "annotations": self._of(row[_KEY])}
        if self._decode is not None:
            item["image"] = self._decode(self._read(row["row_data"]))
        return item if self._transform is None else self._transform(item)

    def _of(self, data_row_id: str) -> list[dict[str, Any]]:
        place = self._found.get(data_row_id)
        if self._annotations is None or place is None:
            return []
        found: list[dict[str, Any]] = self._annotations.slice(*place).to_pylist()
        return found


def _by_row(annotations: Release) -> tuple[pa.Table, Mapping[str, tuple[int, int]]]:
    """Return the annotations, those of a data row side by side, and where they begin and how many they are."""
    if _KEY not in annotations.manifest.schema.names:
        raise SourceError(f"there is no column '{_KEY}'", where=annotations.target.place, remedy="Export annotations.")
    table = annotations.table()
    table = table.take(pc.sort_indices(table, [(_KEY, "ascending")])).combine_chunks()
    found, start = {}, 0
    for each in table.column(_KEY).value_counts().to_pylist():
        found[each["values"]] = (start, each["counts"])
        start += each["counts"]
    return table, found


class _Fetch:
    """Reads the bytes at a URI, through one file system for each bucket and process, as they do not outlive a fork."""

    def __init__(self, connection: str | None) -> None:
        self._connection = connection
        self._opened: dict[tuple[int, str], Storage] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_opened": {}}

    def __call__(self, uri: str) -> bytes:
        if self._connection is not None:
            uri = bucket_uri(uri) or uri
        if uri.startswith(("http://", "https://")):
            import fsspec

            with fsspec.open(uri, "rb") as file:
                content: bytes = file.read()
                return content
        bucket = "/".join(uri.split("/")[:3]) if "://" in uri else ""
        storage = self._opened.get((os.getpid(), bucket))
        if storage is None:
            storage = self._opened[os.getpid(), bucket] = open_storage(uri, self._connection, fresh=True)
        with storage.reading(uri):
            return storage.read_whole(storage.path_of(uri))
