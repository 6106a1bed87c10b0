from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.tables.within import rows_within
from labelbox_airflow.engine.window import Window

WINDOW = Window(datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 2, tzinfo=UTC))
BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")


def selected(values: Any, zone: ZoneInfo = UTC_ZONE) -> Batch:
    array = values if isinstance(values, pa.Array) else pa.array(values)
    rows = pa.RecordBatch.from_arrays([pa.array(range(len(array))), array], names=["n", "at"])
    return rows_within(Batch(rows, "x.csv", range(2, 2 + len(array))), "at", WINDOW, zone)


def numbers(batch: Batch) -> list[int]:
    found: list[int] = batch.rows.column("n").to_pylist()
    return found


def test_text_is_read_as_iso_8601() -> None:
    texts = ["2026-07-01", "2026-06-30T23:59:59Z", " 2026-07-01 12:00:00+00:00", "2026-07-02T00:00:00Z", "20260701"]
    batch = selected(texts)
    assert numbers(batch) == [0, 2, 4]
    assert batch.positions == [2, 4, 6]
    assert not batch.rejected


def test_times_without_a_zone_are_local_and_others_are_not() -> None:
    assert numbers(selected(["2026-07-01T01:59:59", "2026-07-01T02:00:00", "2026-07-01T00:00:00Z"], BERLIN)) == [1, 2]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_with_and_without_a_zone(unit: str) -> None:
    moments = [datetime(2026, 7, 1, 1), datetime(2026, 7, 1, 3)]
    assert numbers(selected(pa.array(moments, pa.timestamp(unit)), BERLIN)) == [1]
    assert numbers(selected(pa.array(moments, pa.timestamp(unit, "America/New_York")), BERLIN)) == [0, 1]


def test_dates_are_their_local_midnight() -> None:
    days = pa.array([date(2026, 6, 30), date(2026, 7, 1), date(2026, 7, 2)], pa.date32())
    assert numbers(selected(days)) == [1]
    assert numbers(selected(days, BERLIN)) == [2]


def test_dictionaries_are_decoded() -> None:
    assert numbers(selected(pa.array(["2026-07-01", "2026-07-03"]).dictionary_encode())) == [0]


def test_what_is_no_time_is_rejected() -> None:
    batch = selected(["2026-07-01", "yesterday", None])
    assert numbers(batch) == [0]
    wrong, null = batch.rejected
    assert (wrong.origin, wrong.stage, wrong.code, wrong.field, wrong.value) == (
        "x.csv line 3",
        "read",
        "bad_window_value",
        "at",
        "yesterday",
    )
    assert wrong.row == {"n": 1, "at": "yesterday"}
    assert "'yesterday' is no date or time" in wrong.reason
    assert "is null" in null.reason


def test_null_timestamps_are_rejected() -> None:
    assert [item.code for item in selected(pa.array([None], pa.timestamp("us"))).rejected] == ["bad_window_value"]


def test_a_column_of_numbers_is_refused() -> None:
    with pytest.raises(SourceError, match=r"x\.csv: column 'at': a window cannot be taken from the type int64"):
        selected([1_767_225_600])


def test_a_batch_all_inside_stays_as_it_is() -> None:
    assert selected(["2026-07-01", "2026-07-01"]).positions == range(2, 4)
