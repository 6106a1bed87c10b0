from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import BinaryIO
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.tables.parquet import read_parquet
from labelbox_airflow.engine.tables.read import read_table
from labelbox_airflow.engine.tables.within import groups_within
from labelbox_airflow.engine.window import Window


def parquet(table: pa.Table, group_rows: int = 1000) -> BinaryIO:
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=group_rows)
    file.seek(0)
    return file


def numbered(count: int) -> pa.Table:
    return pa.table({"n": pa.array(range(count)), "v": pa.array([[0.5, float(n)] for n in range(count)])})


def test_types_stay_and_rows_are_numbered() -> None:
    found = list(read_parquet(parquet(numbered(25), group_rows=10), "x.parquet", batch_rows=8))
    assert [batch.rows.num_rows for batch in found] == [8, 2, 8, 2, 5]
    assert found[0].rows.schema.types == [pa.int64(), pa.list_(pa.float64())]
    assert found[4].origin(4) == "x.parquet row 25"
    assert found[4].rows.column("n")[4].as_py() == 24


def test_only_the_columns_asked_for_in_their_order() -> None:
    table = pa.table({"a": [1], "a.b": [2], "c": [3]})
    (batch,) = read_parquet(parquet(table), "x.parquet", ["c", "a"])
    assert batch.rows.to_pylist() == [{"c": 3, "a": 1}]


def test_a_missing_column_is_named_with_the_nearest() -> None:
    with pytest.raises(SourceError, match=r"x\.parquet: there is no column 'vv'\. Did you mean 'v'\?"):
        list(read_parquet(parquet(numbered(1)), "x.parquet", ["vv"]))


def test_a_table_without_rows() -> None:
    assert list(read_parquet(parquet(numbered(0)), "x.parquet", ["n"])) == []


@pytest.mark.parametrize(
    ("data", "message"), [(b"", "the file is empty"), (b"a,b\n1,2\n3,4\n5,6\n", "the file is no sound")]
)
def test_files_that_are_no_parquet_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=rf"x\.parquet: {message}"):
        list(read_parquet(io.BytesIO(data), "x.parquet"))


def test_a_damaged_page_is_refused() -> None:
    data = bytearray(parquet(numbered(5000)).read())
    data[100:400] = b"\xff" * 300
    with pytest.raises(SourceError, match="no sound Parquet file"):
        list(read_parquet(io.BytesIO(bytes(data)), "x.parquet"))


def test_errors_of_the_storage_are_not_taken_for_bad_data() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 0:
                raise ConnectionResetError("gone")
            return super().read(size)

    with pytest.raises(ConnectionResetError):
        list(read_parquet(Broken(parquet(numbered(10)).read()), "x.parquet"))


@pytest.mark.parametrize(("first", "last", "read"), [(12, 14, [11]), (10, 11, [1]), (10, 12, [1, 11]), (31, 32, [])])
def test_row_groups_outside_the_window_are_not_read(first: int, last: int, read: list[int]) -> None:
    new_year = datetime(2026, 1, 1, tzinfo=UTC)
    days = [new_year + timedelta(days=day) for day in range(30)]
    table = pa.table({"at": pa.array(days, pa.timestamp("ms", "UTC")), "n": range(30)})
    window = Window(new_year + timedelta(days=first - 1), new_year + timedelta(days=last - 1))
    test = groups_within("at", window, ZoneInfo("UTC"))
    found = list(read_parquet(parquet(table, group_rows=10), "x.parquet", wanted_group=test))
    assert [batch.positions[0] for batch in found] == read


def test_row_groups_with_nulls_or_text_are_always_read() -> None:
    window = Window(datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC))
    for values in (pa.array([datetime(2026, 1, 1, tzinfo=UTC), None]), pa.array(["2026-01-01", "x"])):
        test = groups_within("at", window, ZoneInfo("UTC"))
        assert len(list(read_parquet(parquet(pa.table({"at": values})), "x.parquet", wanted_group=test))) == 1


def test_the_suffix_tells_the_format() -> None:
    assert next(read_table(io.BytesIO(b"a\n1\n"), "X.CSV")).rows.to_pylist() == [{"a": "1"}]
    assert next(read_table(io.BytesIO(b'{"a":1}'), "x.jsonl")).rows.to_pylist() == [{"a": "1"}]
    assert next(read_table(parquet(numbered(1)), "x", format="parquet")).rows.num_rows == 1
    with pytest.raises(SourceError, match=r"x\.txt: the suffix does not tell the format"):
        read_table(io.BytesIO(b""), "x.txt")
