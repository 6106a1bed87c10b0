"""Reading Parquet as a stream of batches, types as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.tables.batches import BATCH_ROWS, check_names, require_columns

RowGroupTest = Callable[[pq.RowGroupMetaData], bool]


def read_parquet(
    file: BinaryIO,
    place: str,
    columns: Sequence[str] | None = None,
    time: datetime | None = None,
    *,
    batch_rows: int = BATCH_ROWS,
    wanted_group: RowGroupTest | None = None,
) -> Iterator[Batch]:
    """Yield the rows of a Parquet file in batches of up to ``batch_rows``; only the ``columns`` asked for are fetched.

    Positions are row numbers from 1. Memory holds one row group's chunks of the columns at a time.

    :param file: open for reading bytes, seekable
    :param place: what messages and origins call the file
    :param wanted_group: tells from its statistics whether a row group can have rows that are wanted; all when None
    :raises SourceError: when the file is empty or broken, or has no such column
    """
    if not file.seekable():
        raise SourceError("Parquet can only be read from a file that can be sought in", where=place)
    try:
        yield from _read(file, place, columns, time, batch_rows, wanted_group)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError) as error:
        raise SourceError(_first_line(error), where=place, remedy="Write the Parquet file again.") from error
    except OSError as error:
        # Arrow reports broken pages as plain OSErrors; those of the storage carry a number or are of their own class.
        if type(error) is not OSError or error.errno is not None:
            raise
        raise SourceError(_first_line(error), where=place, remedy="Write the Parquet file again.") from error


def _first_line(error: Exception) -> str:
    return f"the file is no sound Parquet file ({(str(error).splitlines() or ['no reason given'])[0]})"


def _read(
    file: BinaryIO,
    place: str,
    columns: Sequence[str] | None,
    time: datetime | None,
    batch_rows: int,
    wanted_group: RowGroupTest | None,
) -> Iterator[Batch]:
    if not file.read(1):
        raise SourceError("the file is empty: not even a Parquet footer", where=place, remedy="Write it again.")
    file.seek(0)
    with pq.ParquetFile(file) as parquet:
        names = parquet.schema_arrow.names
        check_names(names, place)
        wanted = require_columns(columns, names, place)
        first = 1
        for group in range(parquet.num_row_groups):
            metadata = parquet.metadata.row_group(group)
            if wanted_group is None or wanted_group(metadata):
                yield from _read_group(parquet, group, wanted, batch_rows, place, first, time)
            first += metadata.num_rows


def _read_group(
    parquet: pq.ParquetFile,
    group: int,
    columns: list[str],
    batch_rows: int,
    place: str,
    first: int,
    time: datetime | None,
) -> Iterator[Batch]:
    for rows in parquet.iter_batches(batch_rows, row_groups=[group], columns=columns, use_threads=False):
        positions = range(first, first + rows.num_rows)
        first += rows.num_rows
        # Selecting again: Parquet also takes a name as the beginning of a dotted one.
        yield Batch(rows.select(columns), place, positions, time, position_word="row")
