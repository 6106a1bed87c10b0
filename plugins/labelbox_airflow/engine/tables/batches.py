"""Batches as the table readers make them: columns from rows of text, rows left out, rows rejected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import compress

import pyarrow as pa
import pyarrow.compute as pc

from labelbox_airflow.engine.errors import SourceError, did_you_mean
from labelbox_airflow.engine.records import Batch, Rejected
from labelbox_airflow.engine.rows.urls import strip_signature

BATCH_ROWS = 10_000
MAX_SHOWN = 1_000

_URL = re.compile(r"\w+://[^\s\"'<>\\,]+")


def keep_rows(batch: Batch, mask: pa.BooleanArray, rejected: Sequence[Rejected] = ()) -> Batch:
    """Return ``batch`` with the rows where ``mask`` is true, and with ``rejected`` added to its rejected rows."""
    together = (*batch.rejected, *rejected)
    if pc.all(mask, min_count=0).as_py():
        return replace(batch, rejected=together)
    positions = list(compress(batch.positions, mask.to_pylist()))
    return replace(batch, rows=batch.rows.filter(mask), positions=positions, rejected=together)


def require_columns(asked: Sequence[str] | None, known: Sequence[str], place: str) -> list[str]:
    """Return the columns to read, each once: those asked for, or all known.

    :raises SourceError: when a column asked for is not there
    """
    if asked is None:
        return list(known)
    for column in asked:
        if column not in known:
            raise SourceError(f"there is no column '{column}'", where=place, remedy=did_you_mean(column, known))
    return list(dict.fromkeys(asked))


def numbered(found: Iterable[pa.RecordBatch], place: str, batch_rows: int) -> Iterator[Batch]:
    """Yield what a reader of tables found as batches of up to ``batch_rows``, its rows numbered from 1."""
    first = 1
    for rows in map(common_types, found):
        for start in range(0, rows.num_rows, batch_rows):
            piece = rows.slice(start, batch_rows)
            yield Batch(piece, place, range(first, first + piece.num_rows), position_word="row")
            first += piece.num_rows


def common_types(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return ``rows`` with text and bytes of the ordinary types, not the large or view ones of some readers."""
    types = [_common_type(kind) for kind in rows.schema.types]
    if types == rows.schema.types:
        return rows
    columns = [column.cast(kind) for column, kind in zip(rows.columns, types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)


def _common_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_large_list(kind):
        return pa.list_(_common_type(kind.value_type))
    return kind


def check_names(names: Sequence[str], place: str) -> None:
    """Raise SourceError when a column has no name, or two have the same."""
    for number, name in enumerate(names, start=1):
        if not name.strip():
            raise SourceError(f"column {number} has no name", where=place, remedy="Name every column in the header.")
        first = names.index(name) + 1
        if first != number:
            raise SourceError(
                f"columns {first} and {number} are both called '{name}'", where=place, remedy="Rename one of them."
            )


def shown(text: str) -> str:
    """Return ``text`` as it may go into a report: signatures of URLs stripped, at most 1,000 characters."""
    clean = _URL.sub(lambda url: strip_signature(url[0]), text)
    return clean if len(clean) <= MAX_SHOWN else f"{clean[: MAX_SHOWN - 3]}..."
