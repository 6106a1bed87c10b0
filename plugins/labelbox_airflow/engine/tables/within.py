"""The rows of a batch that a window selects by one of their columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.records import Batch, Rejected
from labelbox_airflow.engine.rows.metadata import parse_moment
from labelbox_airflow.engine.rows.problems import row_payload
from labelbox_airflow.engine.tables.batches import keep_rows, shown
from labelbox_airflow.engine.tables.parquet import RowGroupTest
from labelbox_airflow.engine.window import Window, WindowSpec

_INSTANT = pa.timestamp("us", "UTC")
_FOLD = timedelta(hours=2)  # local times come twice, or not at all, when clocks change


def rows_within(batch: Batch, column: str, window: Window, zone: ZoneInfo) -> Batch:
    """Return ``batch`` with the rows whose time in ``column`` lies in ``window``.

    Text is read as an ISO 8601 date or time; a time without a zone is taken to be in ``zone``, a date is its midnight.
    A row whose value is null or no time is rejected (``bad_window_value``), since no window would ever read it.

    :raises SourceError: when the column's type holds no times, such as a number
    """
    inside = _inside(batch.rows.column(column), window, zone, f"{batch.place}: column '{column}'")
    if not inside.null_count:
        return keep_rows(batch, inside)
    bad = [index for index, verdict in enumerate(inside.to_pylist()) if verdict is None]
    rejected = [_rejected(batch, index, column) for index in bad]
    return keep_rows(batch, pc.fill_null(inside, fill_value=False), rejected)


def each_within(
    batches: Iterable[Batch], columns: Sequence[str] | None, column: str, window: Window, zone: ZoneInfo
) -> Iterator[Batch]:
    """Yield the rows of ``batches`` whose time in ``column`` lies in ``window``; see :func:`rows_within`.

    :param columns: the columns wanted, ``column`` itself may not be among them; all when None
    :raises SourceError: when a batch has no such column
    """
    for batch in batches:
        _require(column, batch)
        selected = rows_within(batch, column, window, zone)
        if columns is not None and column not in columns:
            selected = replace(selected, rows=selected.rows.select(list(dict.fromkeys(columns))))
        if selected.rows.num_rows or selected.rejected:
            yield selected


def read_within(
    how: WindowSpec | None,
    window: Window | None,
    columns: Sequence[str] | None,
    read: Callable[[Sequence[str] | None, Window | None], Iterator[Batch]],
) -> Iterator[Batch]:
    """Yield what ``read`` gives of a store that selects by column or not at all, what lies outside left out.

    :param columns: the columns wanted; all when None
    :param read: takes the columns to read, and the span of time to select where it can
    """
    reach = how.reach(window) if how is not None and window is not None else None
    if how is None or how.column is None or reach is None:
        return read(columns, reach)
    with_column = None if columns is None else [*columns, how.column]
    return each_within(read(with_column, reach), columns, how.column, reach, how.zone)


def _require(column: str, batch: Batch) -> None:
    """Raise where NDJSON, read with all its keys, has none of the window's column."""
    if column not in batch.rows.schema.names:
        raise SourceError(
            f"no row has the column '{column}', which the window goes by",
            where=batch.origin(0) if batch.positions else batch.place,
            remedy="Correct window.column, or the file.",
        )


def _inside(values: pa.Array, window: Window, zone: ZoneInfo, where: str) -> pa.BooleanArray:
    """Return for each value whether it lies in the window, null where that cannot be told."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        values, kind = values.dictionary_decode(), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _text_inside(values.to_pylist(), window, zone)
    if pa.types.is_date(kind):
        values = values.cast(pa.timestamp("ms"))
    elif not pa.types.is_timestamp(kind):
        raise SourceError(
            f"a window cannot be taken from the type {kind}",
            where=where,
            remedy="Use a column of timestamps, dates, or ISO 8601 text.",
        )
    if values.type.tz is None:
        values = pc.assume_timezone(values, zone.key, ambiguous="earliest", nonexistent="earliest")
    return _between(values.cast(_INSTANT, safe=False), window)


def _between(instants: pa.Array, window: Window) -> pa.BooleanArray:
    start, end = (pa.scalar(moment, _INSTANT) for moment in (window.start, window.end))
    return pc.and_(pc.greater_equal(instants, start), pc.less(instants, end))


def _text_inside(texts: Sequence[str | None], window: Window, zone: ZoneInfo) -> pa.BooleanArray:
    verdicts: dict[str | None, bool | None] = {text: _verdict(text, window, zone) for text in set(texts)}
    return pa.array([verdicts[text] for text in texts], pa.bool_())


def _verdict(text: str | None, window: Window, zone: ZoneInfo) -> bool | None:
    if text is None:
        return None
    try:
        return window.contains(parse_moment(text, zone))
    except (ValueError, OverflowError):
        return None


def _rejected(batch: Batch, index: int, column: str) -> Rejected:
    value = batch.rows.column(column)[index].as_py()
    what = "is null" if value is None else f"= '{shown(str(value))}' is no date or time in ISO 8601"
    return Rejected(
        origin=batch.origin(index),
        stage="read",
        code="bad_window_value",
        reason=f"The column '{column}', which the window goes by, {what}; the row belongs to no window.",
        field=column,
        value=None if value is None else shown(str(value)),
        row=row_payload(batch.rows, index),
    )


def bounds_within(kind: pa.DataType, window: Window, zone: ZoneInfo) -> tuple[Any, Any] | None:
    """Return least and greatest value that a store need read of a column of ``kind``; None where it must read all.

    What lies outside the window all the same is for :func:`rows_within` to leave out. Text is not for the store to
    compare: its order need not be that of time.
    """
    if pa.types.is_date(kind):
        return window.start.astimezone(zone).date(), window.end.astimezone(zone).date()
    if not pa.types.is_timestamp(kind):
        return None
    if kind.tz is not None:
        return window.start, window.end
    start, end = (moment.astimezone(zone).replace(tzinfo=None) for moment in (window.start, window.end))
    return start - _FOLD, end + _FOLD


def groups_within(column: str, window: Window, zone: ZoneInfo) -> RowGroupTest:
    """Return a test that leaves out the row groups whose statistics show that no row's ``column`` is in ``window``."""
    return partial(_may_hold, column, window, zone)


def _may_hold(column: str, window: Window, zone: ZoneInfo, group: pq.RowGroupMetaData) -> bool:
    for index in range(group.num_columns):
        chunk = group.column(index)
        if chunk.path_in_schema == column:
            statistics = chunk.statistics
            break
    else:
        return True
    if statistics is None or not statistics.has_min_max or not statistics.has_null_count or statistics.null_count:
        return True  # a null must be read, to be rejected
    first, last = _instant(statistics.min, zone), _instant(statistics.max, zone)
    return first is None or last is None or (first < window.end and last >= window.start)


def _instant(value: Any, zone: ZoneInfo) -> datetime | None:
    """Return a statistic as an instant; None for text, whose order is not the order of time."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=zone).astimezone(UTC)
    return None
