"""One way to read a table file, whatever its format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import BinaryIO

from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.tables.batches import BATCH_ROWS
from labelbox_airflow.engine.tables.csv import read_csv
from labelbox_airflow.engine.tables.excel import read_excel
from labelbox_airflow.engine.tables.json_array import read_json_array
from labelbox_airflow.engine.tables.ndjson import read_ndjson
from labelbox_airflow.engine.tables.options import CsvOptions, ExcelOptions, TableFormat, format_of
from labelbox_airflow.engine.tables.parquet import RowGroupTest, read_parquet


def read_table(
    file: BinaryIO,
    place: str,
    columns: Sequence[str] | None = None,
    time: datetime | None = None,
    *,
    format: TableFormat = "auto",  # noqa: A002  the word of the sync file
    csv: CsvOptions | None = None,
    excel: ExcelOptions | None = None,
    batch_rows: int = BATCH_ROWS,
    wanted_group: RowGroupTest | None = None,
) -> Iterator[Batch]:
    """Yield the rows of ``file`` in batches; see :func:`read_csv`, :func:`read_parquet` and the others.

    :raises SourceError: when ``format`` is auto and the suffix of ``place`` tells none, or the file cannot be read
    """
    kind = format_of(place) if format == "auto" else format
    if kind == "csv":
        return read_csv(file, place, csv or CsvOptions(), columns, time, batch_rows=batch_rows)
    if kind == "ndjson":
        return read_ndjson(file, place, columns, time, batch_rows=batch_rows)
    if kind == "json":
        return read_json_array(file, place, columns, time, batch_rows=batch_rows)
    if kind == "excel":
        return read_excel(file, place, excel or ExcelOptions(), columns, time, batch_rows=batch_rows)
    if kind == "parquet":
        return read_parquet(file, place, columns, time, batch_rows=batch_rows, wanted_group=wanted_group)
    raise SourceError(
        "the suffix does not tell the format",
        where=place,
        remedy="Say format: csv, ndjson, json, excel or parquet, or narrow the glob, such as *.csv.",
    )
