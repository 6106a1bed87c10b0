"""Rows kept on disk as Arrow files mapped into memory, and taken from there by number."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelbox_airflow.engine.errors import SourceError, did_you_mean
from labelbox_airflow.engine.records import Batch

RowNumbers = npt.NDArray[np.int64]

_NO_COLUMNS = pa.RecordBatch.from_arrays([], names=[])


@dataclass(frozen=True, slots=True)
class _Piece:
    """One batch: its file among the Arrow files, its place in that file, and where its rows came from."""

    file: int
    index: int
    batch: Batch


class StoredRows:
    """Batches on disk, their rows numbered from 0; one Arrow file for each run of batches with the same columns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pieces: list[_Piece] = []
        self._starts: list[int] = [0]
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self._schema: pa.Schema | None = None
        self._files = 0
        self._written = 0
        self._readers: list[pa.ipc.RecordBatchFileReader] = []
        self._mapped: list[pa.MemoryMappedFile] = []
        self._first_rows: RowNumbers = np.zeros(0, np.int64)

    def append(self, batch: Batch) -> None:
        """Write the rows of ``batch`` after those there."""
        rows = _plain(batch.rows)
        if self._writer is None or rows.schema != self._schema:
            self._writer = self._next_writer(rows.schema)
        self._writer.write_batch(rows)
        positions = batch.positions if isinstance(batch.positions, range) else array("q", batch.positions)
        bare = replace(batch, rows=_NO_COLUMNS, positions=positions, rejected=())  # a slice would keep all rows
        self._pieces.append(_Piece(self._files - 1, self._written, bare))
        self._written += 1
        self._starts.append(self._starts[-1] + rows.num_rows)

    def _next_writer(self, schema: pa.Schema) -> pa.ipc.RecordBatchFileWriter:
        self._close_writer()
        self._schema = schema
        self._files += 1
        self._written = 0
        return pa.ipc.new_file(str(self._folder / f"{self._files - 1}.arrow"), schema)

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def finish(self) -> None:
        """Make what was written readable."""
        self._close_writer()
        self._mapped = [pa.memory_map(str(self._folder / f"{number}.arrow")) for number in range(self._files)]
        self._readers = [pa.ipc.open_file(file) for file in self._mapped]
        self._first_rows = np.array(self._starts[:-1], np.int64)

    def close(self) -> None:
        """Close the files."""
        self._close_writer()
        self._readers = []
        for file in self._mapped:
            file.close()

    def origin(self, row: int) -> str:
        """Return where the row numbered ``row`` came from."""
        number = int(np.searchsorted(self._first_rows, row, side="right")) - 1
        piece = self._pieces[number]
        if piece.batch.origin_column is None:
            return piece.batch.origin(row - self._starts[number])
        stored = self._readers[piece.file].get_batch(piece.index)
        return replace(piece.batch, rows=stored).origin(row - self._starts[number])

    def take(self, rows: RowNumbers, columns: Sequence[str]) -> list[pa.Array]:
        """Return ``columns`` of the rows numbered ``rows``, in that order; nulls where the number is -1."""
        if not columns:
            return []
        if not self._pieces:
            return [pa.nulls(len(rows), pa.string()) for _ in columns]
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        none = int(np.searchsorted(ordered, 0))
        table = self._gather(ordered[none:], columns)
        places: RowNumbers = np.full(len(rows), -1, np.int64)
        places[order[none:]] = np.arange(len(rows) - none)
        indexes = pa.array(places, mask=places < 0)
        return [table.column(name).combine_chunks().take(indexes) for name in columns]

    def _gather(self, ordered: RowNumbers, columns: Sequence[str]) -> pa.Table:
        """Return ``columns`` of the rows numbered ``ordered``, which ascend."""
        tables = [
            pa.Table.from_batches([self._of_piece(number, numbers, columns)])
            for number, numbers in self._by_piece(ordered)
        ]
        if not tables:
            tables = [pa.Table.from_batches([self._of_piece(0, np.zeros(0, np.int64), columns)])]
        try:
            return pa.concat_tables(tables, promote_options="permissive")
        except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
            raise SourceError(
                f"the files give the same column different types ({error})",
                where=self._pieces[0].batch.place,
                remedy="Write them with the same types.",
            ) from error

    def _by_piece(self, ordered: RowNumbers) -> Iterator[tuple[int, RowNumbers]]:
        pieces = np.searchsorted(self._first_rows, ordered, side="right") - 1
        numbers, starts = np.unique(pieces, return_index=True)
        for number, part in zip(numbers.tolist(), np.split(ordered, starts[1:]), strict=bool(len(numbers))):
            yield number, part - self._starts[number]

    def _of_piece(self, number: int, numbers: RowNumbers, columns: Sequence[str]) -> pa.RecordBatch:
        piece = self._pieces[number]
        batch = self._readers[piece.file].get_batch(piece.index)
        for column in columns:
            if column not in batch.schema.names:
                raise SourceError(
                    f"there is no column '{column}'",
                    where=piece.batch.place,
                    remedy=did_you_mean(column, batch.schema.names),
                )
        return batch.select(list(columns)).take(pa.array(numbers))


def _plain(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return ``rows`` without dictionaries, which an Arrow file may not change from batch to batch."""
    columns = [
        pc.cast(column, column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in rows.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)
